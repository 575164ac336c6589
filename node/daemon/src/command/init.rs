//! `suyuan init`: keys and founding entry of a member. Everything is checked before anything is written, and a try that fails leaves nothing behind.

use std::path::{Path, PathBuf};

use serde_json::json;
use suyuan_core::charter::{Entry, MemberKeys, Role};
use suyuan_core::limits;
use suyuan_engine::addresses;
use suyuan_runtime::keyring::{Keyring, Passphrase, PassphraseSource, Root, SealedFile};

use super::Place;
use crate::answer::{Answer, Failure, write_new};
use crate::cli::Init;

/// Files of a keyring and of a member, none of which may be there.
const FILES: [&str; 4] = ["keyring", "device", ROOT, ENTRY];
const ROOT: &str = "root.key";
const ENTRY: &str = "entry";

pub fn run(at: &Place<'_>, flags: Init) -> Result<Answer, Failure> {
    check(&flags)?;
    check_folder(at.data)?;
    let passphrase = |seals, file| match flags.development {
        true => Ok(Passphrase::none()),
        false => Passphrase::resolve(&PassphraseSource { seals, file, new: true }).map_err(Failure::local),
    };
    let (for_keyring, for_root) = (passphrase(SealedFile::Keyring, at.passphrase_file)?, passphrase(SealedFile::Root, None)?);
    std::fs::create_dir_all(at.data).map_err(|error| Failure::local(format!("{}: {error}", at.data.display())))?;

    let mut made = Made(Vec::new());
    let root_path = at.data.join(ROOT);
    let root = Root::create(&root_path, &for_root).map_err(Failure::local)?;
    made.0.push(root_path.clone());
    let keyring = Keyring::create(at.data, &for_keyring).map_err(Failure::local)?;
    made.0.extend([at.data.join("keyring"), at.data.join("device")]);
    let keys = MemberKeys {
        root: root.key().public().to_bytes(),
        log: keyring.log().public().to_bytes(),
        witness: keyring.witness().public().to_bytes(),
        transport: keyring.transport().public().to_bytes(),
        encryption: keyring.encryption().public(),
    };
    let role = flags.role;
    let entry = Entry { name: flags.name, role, keys, addresses: flags.addresses, scope: flags.scope };
    let entry_path = at.data.join(ENTRY);
    write_new(&entry_path, &entry.to_bytes())?;
    made.0.clear();
    let member = entry.member();
    let text = format!(
        "Member {} ({role}) has its keys.\n  member id   {member}\n  entry       {}   hand this file to whoever draws up the charter\n  root key    {}   \
         move it offline once the charter is signed\n  backup      suyuan keyring export FILE",
        entry.name,
        entry_path.display(),
        root_path.display()
    );
    Ok(Answer::new(text, json!({ "member": member, "name": entry.name, "role": role, "entry": entry_path, "root": root_path })))
}

/// Holds name, addresses and scope against what every reader of the entry asks of them.
fn check(flags: &Init) -> Result<(), Failure> {
    let keys = MemberKeys { root: [0; 32], log: [0; 32], witness: [0; 32], transport: [0; 32], encryption: [0; 32] };
    let accepted = |name: &str, scope: &[String]| {
        let entry = Entry { name: name.to_owned(), role: flags.role, keys, addresses: Vec::new(), scope: scope.to_vec() };
        Entry::decode(&entry.to_bytes()).is_ok()
    };
    if !accepted(&flags.name, &[]) {
        let what = format!("--name: 1 to {} bytes of text without control characters and marks of direction", limits::NAME);
        return Err(Failure::usage(what));
    }
    if !flags.scope.is_empty() && flags.role != Role::Regulator {
        return Err(Failure::usage("--scope is for a regulator: it names the types of records that it may read"));
    }
    if !accepted(&flags.name, &flags.scope) {
        let what = format!("--scope: at most {} types of records, each of lowercase letters, digits, dots and hyphens", limits::SCOPE);
        return Err(Failure::usage(what));
    }
    addresses::check(&flags.addresses, flags.development).map_err(|refusal| {
        let index = refusal.pointer.rsplit('/').next().and_then(|index| index.parse::<usize>().ok());
        let address = index.and_then(|index| flags.addresses.get(index));
        Failure::usage(format!("--address{}: {}", address.map(|address| format!(" {address}")).unwrap_or_default(), refusal.detail))
    })
}

fn check_folder(data: &Path) -> Result<(), Failure> {
    match FILES.iter().map(|name| data.join(name)).find(|file| file.symlink_metadata().is_ok()) {
        Some(file) => Err(Failure::local(format!(
            "{} exists and is not overwritten; name another folder with --data, or move the file away if you are sure",
            file.display()
        ))),
        None => Ok(()),
    }
}

/// Files that this run has made, removed again unless it comes to its end: half a member is nobody, and would be in the way of the next try.
struct Made(Vec<PathBuf>);

impl Drop for Made {
    fn drop(&mut self) {
        for file in &self.0 {
            // What cannot be removed is told by the next try.
            let _ = std::fs::remove_file(file);
        }
    }
}
