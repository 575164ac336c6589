//! Backups, the root key, and a search of every file and text for planted secrets.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::*;

/// The spellings under which a secret is searched for.
fn spellings(secret: &[u8; 32]) -> Vec<Vec<u8>> {
    let hex = hex::encode(secret);
    let mut texts = vec![hex.clone(), hex.to_uppercase(), format!("{secret:?}")];
    for start in 0..3 {
        // At each alignment, without the last digits, which depend on what follows.
        texts.extend([STANDARD_NO_PAD.encode(&secret[start..]), URL_SAFE_NO_PAD.encode(&secret[start..])].map(|text| text[..36].into()));
    }
    let wide = |text: &String| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let mut all: Vec<Vec<u8>> = texts.iter().map(wide).collect();
    all.extend(texts.into_iter().map(String::into_bytes));
    all.push(secret.to_vec());
    all
}

fn found(secrets: &[[u8; 32]], text: &[u8]) -> bool {
    secrets.iter().flat_map(spellings).any(|spelling| text.windows(spelling.len()).any(|window| window == spelling))
}

/// Everything in the keyring that nobody else may learn.
fn all_secrets(keyring: &Keyring) -> Vec<[u8; 32]> {
    let mut secrets = [keyring.log(), keyring.witness(), keyring.transport()].map(|key| *key.seed()).to_vec();
    secrets.extend([*keyring.encryption().to_bytes(), *keyring.local()]);
    secrets.extend(keyring.prekeys().map(|(_, prekey)| *prekey.secret.to_bytes()));
    secrets.extend([CIRCLE, OTHER_CIRCLE].iter().flat_map(|circle| keyring.epochs(circle)).map(|(_, secret)| **secret));
    secrets
}

#[test]
fn no_file_shows_a_secret() {
    let temp = Temp::new();
    let mut keyring = filled(&temp);
    let secrets = all_secrets(&keyring);
    assert_eq!(secrets.len(), 10);
    keyring.export_with(&temp.file("backup"), &pass(), CHEAP).unwrap();
    let scan = |temp: &Temp| temp.names().into_iter().filter(|name| found(&secrets, &temp.read(name))).collect::<Vec<_>>();
    assert_eq!(scan(&temp), [""; 0]);
    keyring.accept_epoch(CIRCLE, 3, epoch_secret(0xe4), &prekey_id(0x71)).unwrap();
    assert_eq!(scan(&temp), [""; 0]);
    // The device secret is in its own file and in no other.
    assert!(!found(&[*keyring.device], &temp.read("keyring")) && !found(&[*keyring.device], &temp.read("backup")));
    // The search finds what is there.
    temp.write("planted", format!("{{\"key\":\"{}\"}}", hex::encode(secrets[7])).as_bytes());
    temp.write("planted too", format!("x{}", STANDARD_NO_PAD.encode([b"ab", &secrets[0][..]].concat())).as_bytes());
    assert_eq!(scan(&temp), ["planted", "planted too"]);
}

#[test]
fn no_text_shows_a_secret() {
    let temp = Temp::new();
    let keyring = filled(&temp);
    let mut secrets = all_secrets(&keyring);
    secrets.push(*keyring.device);
    let root = Root::create_with(&temp.file("root.key"), &pass(), CHEAP).unwrap();
    secrets.push(*root.key().seed());
    let mut texts = vec![format!("{keyring:?} {root:?} {:?}", pass())];
    texts.extend(keyring.prekeys().map(|entry| format!("{entry:?}")));
    let busy = temp.open().unwrap_err();
    drop(keyring);
    let wrong = Keyring::open(&temp.0, &other_pass()).unwrap_err();
    texts.extend([busy, wrong].map(|error| format!("{error} {error:?}")));
    for text in texts {
        assert!(!found(&secrets, text.as_bytes()) && !text.contains("春江"), "{text}");
    }
}

#[test]
fn a_backup_restores_the_identity_and_nothing_else() {
    let (temp, new) = (Temp::new(), Temp::new());
    let keyring = filled(&temp);
    let backup = temp.file("backup");
    keyring.export_with(&backup, &other_pass(), CHEAP).unwrap();
    assert_eq!(mode(&backup), 0o600);

    let restored = Keyring::restore_with(&new.0, &backup, &other_pass(), &pass(), CHEAP).unwrap();
    drop(restored);
    let restored = new.open().unwrap();
    for (a, b) in [(keyring.log(), restored.log()), (keyring.witness(), restored.witness()), (keyring.transport(), restored.transport())] {
        assert_eq!(a.seed(), b.seed());
    }
    assert_eq!(*keyring.encryption().to_bytes(), *restored.encryption().to_bytes());
    assert_eq!(restored.alliance(), Some(ALLIANCE));
    assert_ne!(keyring.local(), restored.local());
    assert_ne!(*keyring.device, *restored.device);
    assert_eq!((restored.prekeys().count(), restored.epochs(&CIRCLE).count()), (0, 0));
}

#[test]
fn an_opened_backup_holds_no_epoch_secret() {
    let temp = Temp::new();
    let keyring = filled(&temp);
    let backup = temp.file("backup");
    keyring.export_with(&backup, &pass(), CHEAP).unwrap();
    let bytes = temp.read("backup");
    let sealed = Sealed::read(&backup, &bytes, SealedFile::Backup).unwrap();
    let opened = sealed.open(&sealed.unlock(&pass()).unwrap(), None).unwrap();
    let secrets = all_secrets(&keyring);
    let (identity, rest) = secrets.split_at(4);
    assert!(identity.iter().all(|secret| found(&[*secret], &opened)));
    assert!(!found(rest, &opened) && !found(&[*keyring.device], &opened));
}

#[test]
fn backups_are_refused_as_keyrings_are() {
    let (temp, new) = (Temp::new(), Temp::new());
    let keyring = filled(&temp);
    let backup = temp.file("backup");
    let restore = |passphrase: &Passphrase| Keyring::restore_with(&new.0, &backup, passphrase, &pass(), CHEAP);
    assert!(matches!(restore(&pass()), Err(KeyringError::Missing { .. })));
    // A backup leaves the machine, so it has a passphrase even where the keyring has none.
    assert!(matches!(keyring.export(&backup, &Passphrase::none()), Err(KeyringError::PassphraseNeeded { .. })));
    keyring.export_with(&backup, &pass(), CHEAP).unwrap();
    assert!(matches!(keyring.export_with(&backup, &pass(), CHEAP), Err(KeyringError::Exists { .. })));
    assert_wrong(restore(&other_pass()));
    assert!(matches!(restore(&Passphrase::none()), Err(KeyringError::PassphraseNeeded { variable: "SUYUAN_BACKUP_PASSPHRASE" })));
    // A keyring is not a backup, a backup is not a keyring.
    let keyring_file = temp.file("keyring");
    let result = Keyring::restore_with(&new.0, &keyring_file, &pass(), &pass(), CHEAP);
    assert!(matches!(result, Err(KeyringError::Damaged { .. })));
    drop(keyring);
    assert!(matches!(Keyring::restore_with(&temp.0, &backup, &pass(), &pass(), CHEAP), Err(KeyringError::Exists { .. })));
    let bytes = temp.read("backup");
    temp.write("keyring", &bytes);
    assert!(matches!(temp.open(), Err(KeyringError::Damaged { .. })));
    for position in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[position] ^= 1;
        temp.write("backup", &changed);
        restore(&pass()).expect_err("a changed backup was restored");
    }
    fs::set_permissions(&backup, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(restore(&pass()), Err(KeyringError::Permissions { .. })));
    assert_eq!(new.names(), BTreeSet::new());
}

#[test]
fn the_root_key_needs_its_passphrase_and_no_device() {
    let (temp, elsewhere) = (Temp::new(), Temp::new());
    let path = temp.file(ROOT_FILE);
    let root = Root::create(&path, &pass()).unwrap();
    let signature = root.key().sign(b"charter");
    assert_eq!(mode(&path), 0o600);
    assert!(!found(&[*root.key().seed()], &temp.read(ROOT_FILE)));
    assert!(matches!(Root::create(&path, &pass()), Err(KeyringError::Exists { .. })));
    assert!(Root::asks_passphrase(&path).unwrap());
    elsewhere.write("moved", &temp.read(ROOT_FILE));
    let opened = Root::open(&elsewhere.file("moved"), &pass()).unwrap();
    opened.key().public().verify(b"charter", &signature).unwrap();
    assert!(!opened.is_development());
    assert_wrong(Root::open(&path, &other_pass()));
    assert!(matches!(Root::open(&path, &Passphrase::none()), Err(KeyringError::PassphraseNeeded { variable: "SUYUAN_ROOT_PASSPHRASE" })));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(Root::open(&path, &pass()), Err(KeyringError::Permissions { mode: 0o640, .. })));
    assert!(matches!(Root::open(&temp.file("absent"), &pass()), Err(KeyringError::Missing { .. })));
}

#[test]
fn every_flipped_bit_of_a_root_file_is_refused() {
    let temp = Temp::new();
    let path = temp.file(ROOT_FILE);
    Root::create_with(&path, &pass(), CHEAP).unwrap();
    let bytes = temp.read(ROOT_FILE);
    for position in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[position] ^= 1 << bit;
            temp.write(ROOT_FILE, &changed);
            Root::open(&path, &pass()).expect_err("a changed root file opened");
        }
    }
}

#[test]
fn a_development_root_opens_without_asking_and_says_so() {
    let temp = Temp::new();
    let path = temp.file(ROOT_FILE);
    Root::create(&path, &Passphrase::none()).unwrap();
    assert!(!Root::asks_passphrase(&path).unwrap());
    assert!(Root::open(&path, &Passphrase::none()).unwrap().is_development());
}
