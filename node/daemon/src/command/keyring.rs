//! `suyuan keyring`: public keys, backup, restore.

use std::path::Path;

use serde_json::json;
use suyuan_api::Backup;
use suyuan_core::key::key_id;
use suyuan_runtime::keyring::{Keyring, Passphrase, PassphraseSource, SealedFile};

use super::{Place, backup, client, rotate};
use crate::answer::{Answer, Failure};
use crate::cli::{Keyring as KeyringCommand, NodeAddress};

pub fn run(at: &Place<'_>, command: KeyringCommand, node: &NodeAddress, quiet: bool) -> Result<Answer, Failure> {
    match command {
        KeyringCommand::Show => show(at.data, &at.keyring()?),
        KeyringCommand::Export { file, backup_passphrase_file } => export(at, &file, backup_passphrase_file.as_deref()),
        KeyringCommand::Rotate(flags) => rotate::run(at, &client(at, node)?, &flags, quiet),
        KeyringCommand::Restore { file, backup_passphrase_file } => restore(at, &file, backup_passphrase_file.as_deref()),
    }
}

fn show(data: &Path, keyring: &Keyring) -> Result<Answer, Failure> {
    let keys = [
        ("log", keyring.log().public().to_bytes()),
        ("witness", keyring.witness().public().to_bytes()),
        ("transport", keyring.transport().public().to_bytes()),
        ("encryption", keyring.encryption().public()),
    ];
    let mut text = String::new();
    let mut shown = serde_json::Map::new();
    for (name, key) in keys {
        text.push_str(&format!("{name:<12}{}   key id {}\n", hex::encode(key), key_id(&key)));
        shown.insert(name.to_owned(), json!({ "public": hex::encode(key), "id": key_id(&key).to_string() }));
    }
    let epochs = keyring.every_epoch().count();
    text.push_str(&format!(
        "secrets of {epochs} circle epochs{}",
        if keyring.is_development() { "; a development keyring without passphrase" } else { "" }
    ));
    let state = backup::state(data, keyring, keyring.alliance());
    text.push_str(match state {
        Backup::Never => "\nnever backed up: run suyuan keyring export FILE, and keep the file elsewhere",
        Backup::Outdated => "\nchanged since it was backed up: run suyuan keyring export FILE again",
        Backup::Current => "",
    });
    Ok(Answer::new(
        text,
        json!({ "backedUp": state == Backup::Current, "keys": shown, "epochs": epochs, "development": keyring.is_development(), "alliance": keyring.alliance() }),
    ))
}

fn export(at: &Place<'_>, file: &Path, passphrase: Option<&Path>) -> Result<Answer, Failure> {
    let keyring = at.keyring()?;
    let source = PassphraseSource { seals: SealedFile::Backup, file: passphrase, new: true };
    let passphrase = Passphrase::resolve(&source).map_err(Failure::local)?;
    keyring.export(file, &passphrase).map_err(Failure::local)?;
    backup::made(at.data, &keyring)?;
    let text = format!(
        "{} holds this member's identity keys under a passphrase of its own. It holds no secrets of circles: those come anew from their stewards.",
        file.display()
    );
    Ok(Answer::new(text, json!({ "backup": file })))
}

fn restore(at: &Place<'_>, file: &Path, backup_passphrase: Option<&Path>) -> Result<Answer, Failure> {
    let source = |seals, file, new| Passphrase::resolve(&PassphraseSource { seals, file, new }).map_err(Failure::local);
    let backup = source(SealedFile::Backup, backup_passphrase, false)?;
    let own = source(SealedFile::Keyring, at.passphrase_file, true)?;
    let keyring = Keyring::restore(at.data, file, &backup, &own).map_err(Failure::local)?;
    backup::made(at.data, &keyring)?;
    let text = "The keyring is restored. Before this member writes again, its node fetches its own log from the other members' nodes: start it with \
                suyuan --data DIR run --charter FILE. The leader then opens the alliance circle anew, whose key no backup has: suyuan circle epoch alliance";
    Ok(Answer::new(text, json!({ "restored": at.data })))
}
