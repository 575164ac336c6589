//! `suyuan init`: keys and founding entry of a member.

use serde_json::json;
use suyuan_core::charter::{Entry, MemberKeys, Role};
use suyuan_runtime::keyring::{Keyring, Passphrase, PassphraseSource, Root, SealedFile};

use super::Place;
use crate::answer::{Answer, Failure, write_new};
use crate::cli::Init;

pub fn run(at: &Place<'_>, flags: Init) -> Result<Answer, Failure> {
    let role: Role = flags.role.parse().map_err(|_| {
        let names = Role::ALL.map(Role::name).join(", ");
        Failure::local(format!("{:?} is no role; one of {names}", flags.role))
    })?;
    std::fs::create_dir_all(at.data).map_err(|error| Failure::local(format!("{}: {error}", at.data.display())))?;
    let passphrase = |seals, file| match flags.development {
        true => Ok(Passphrase::none()),
        false => Passphrase::resolve(&PassphraseSource { seals, file, new: true }).map_err(Failure::local),
    };
    let (for_keyring, for_root) = (passphrase(SealedFile::Keyring, at.passphrase_file)?, passphrase(SealedFile::Root, None)?);
    let keyring = Keyring::create(at.data, &for_keyring).map_err(Failure::local)?;
    let root_path = at.data.join("root.key");
    let root = Root::create(&root_path, &for_root).map_err(Failure::local)?;

    let keys = MemberKeys {
        root: root.key().public().to_bytes(),
        log: keyring.log().public().to_bytes(),
        witness: keyring.witness().public().to_bytes(),
        transport: keyring.transport().public().to_bytes(),
        encryption: keyring.encryption().public(),
    };
    let entry = Entry { name: flags.name, role, keys, addresses: flags.addresses, scope: flags.scope };
    let bytes = entry.to_bytes();
    // Read back as everybody else will, so that a name too long is told now.
    Entry::decode(&bytes).map_err(|fault| Failure::local(format!("the entry would not be accepted ({fault}): check name, addresses and scope")))?;
    let entry_path = at.data.join("entry");
    write_new(&entry_path, &bytes)?;
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
