//! Round trips, the rules of each change, and the refusals that do not depend on the bytes of the file.

use suyuan_core::limits;

use super::*;

#[test]
fn everything_comes_back() {
    let temp = Temp::new();
    let keyring = filled(&temp);
    let before = keyring.contents.encode();
    drop(keyring);
    let keyring = temp.open().unwrap();
    assert_eq!(*before, *keyring.contents.encode());
    assert_eq!(keyring.alliance(), Some(ALLIANCE));
    assert_eq!(keyring.prekey(&prekey_id(0x71)).unwrap().steward, STEWARD);
    assert_eq!(keyring.prekey(&prekey_id(0x71)).unwrap().secret.public(), prekey_secret(0x71).public());
    assert_eq!(keyring.prekeys().count(), 2);
    assert_eq!(keyring.epoch_secret(&CIRCLE, 2), Some(&epoch_secret(0xe2)));
    assert_eq!(keyring.epoch_secret(&CIRCLE, 3), None);
    assert_eq!(keyring.epochs(&CIRCLE).map(|(epoch, _)| epoch).collect::<Vec<_>>(), [1, 2]);
    assert!(!keyring.is_development());
    assert_eq!(temp.names(), settled());
}

#[test]
fn a_keyring_may_move_between_threads() {
    fn check<T: Send + Sync>() {}
    check::<Keyring>();
    check::<Root>();
    check::<KeyringError>();
}

#[test]
fn a_backup_that_cannot_be_written_leaves_nothing() {
    let temp = Temp::new();
    let keyring = filled(&temp);
    let result = keyring.export_with(&temp.file("absent").join("backup"), &pass(), CHEAP);
    assert!(matches!(result, Err(KeyringError::Io { .. })));
    assert_eq!(temp.names(), settled());
}

#[test]
fn the_usual_cost_opens() {
    let temp = Temp::new();
    let keyring = Keyring::create(&temp.0, &pass()).unwrap();
    let log = keyring.log().public();
    drop(keyring);
    assert_eq!(temp.open().unwrap().log().public(), log);
    assert_wrong(Keyring::open(&temp.0, &other_pass()));
}

#[test]
fn all_keys_differ() {
    let (one, two) = (Temp::new(), Temp::new());
    let mut seen = BTreeSet::new();
    for temp in [&one, &two] {
        let keyring = Keyring::create_with(&temp.0, &pass(), CHEAP).unwrap();
        for seed in [keyring.log(), keyring.witness(), keyring.transport()].map(|key| *key.seed()) {
            assert!(seen.insert(seed));
        }
        assert!(seen.insert(*keyring.encryption().to_bytes()));
        assert!(seen.insert(*keyring.local()));
        assert!(seen.insert(*keyring.device));
    }
}

#[test]
fn creating_never_overwrites() {
    let temp = Temp::new();
    drop(filled(&temp));
    let (keyring, device) = (temp.read("keyring"), temp.read("device"));
    assert!(matches!(Keyring::create_with(&temp.0, &pass(), CHEAP), Err(KeyringError::Exists { .. })));
    // A device secret whose keyring was moved away is not overwritten either.
    fs::rename(temp.file("keyring"), temp.file("elsewhere")).unwrap();
    assert!(matches!(Keyring::create_with(&temp.0, &pass(), CHEAP), Err(KeyringError::Exists { .. })));
    assert!(matches!(temp.open(), Err(KeyringError::Missing { .. })));
    fs::rename(temp.file("elsewhere"), temp.file("keyring")).unwrap();
    assert_eq!((keyring, device), (temp.read("keyring"), temp.read("device")));
    temp.open().unwrap();
}

#[test]
fn a_folder_is_made_for_its_owner_alone() {
    let temp = Temp::new();
    let folder = temp.file("a");
    let keyring = Keyring::create_with(&folder, &pass(), CHEAP).unwrap();
    assert_eq!(mode(&folder), 0o700);
    for name in ["keyring", "device", "keyring.lock"] {
        assert_eq!(mode(&folder.join(name)), 0o600, "{name}");
    }
    drop(keyring);
}

#[test]
fn one_process_at_a_time() {
    let temp = Temp::new();
    let keyring = filled(&temp);
    assert!(matches!(temp.open(), Err(KeyringError::Busy { .. })));
    drop(keyring);
    temp.open().unwrap();
}

#[test]
fn others_may_not_read_or_write() {
    let temp = Temp::new();
    drop(filled(&temp));
    for name in ["keyring", "device"] {
        for wrong in [0o644, 0o640, 0o660, 0o602, 0o700, 0o400] {
            fs::set_permissions(temp.file(name), fs::Permissions::from_mode(wrong)).unwrap();
            let error = temp.open().unwrap_err();
            assert!(matches!(error, KeyringError::Permissions { mode, .. } if mode == wrong), "{error:?}");
            let command = format!("chmod 600 '{}'", temp.file(name).display());
            assert!(error.to_string().contains(&command), "{error}");
        }
        fs::set_permissions(temp.file(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    temp.open().unwrap();
}

#[test]
fn only_a_plain_file_is_opened() {
    let temp = Temp::new();
    drop(filled(&temp));
    for name in ["keyring", "device"] {
        let bytes = temp.read(name);
        fs::remove_file(temp.file(name)).unwrap();
        fs::create_dir(temp.file(name)).unwrap();
        assert!(matches!(temp.open(), Err(KeyringError::Damaged { .. })));
        fs::remove_dir(temp.file(name)).unwrap();
        temp.write(name, &bytes);
    }
    temp.open().unwrap();
}

#[test]
fn a_wrong_or_missing_device_opens_nothing() {
    let (temp, other) = (Temp::new(), Temp::new());
    drop(filled(&temp));
    drop(filled(&other));
    let device = temp.read("device");
    temp.write("device", &other.read("device"));
    assert_wrong(temp.open());
    temp.write("device", &device[..31]);
    assert!(matches!(temp.open(), Err(KeyringError::Damaged { .. })));
    fs::remove_file(temp.file("device")).unwrap();
    assert!(matches!(temp.open(), Err(KeyringError::Missing { file }) if file.ends_with("device")));
    temp.write("device", &device);
    temp.open().unwrap();
}

#[test]
fn a_refused_change_changes_nothing() {
    let temp = Temp::new();
    let mut keyring = filled(&temp);
    let file = temp.read("keyring");
    let refused = |result| assert!(matches!(result, Err(KeyringError::Refused(_))), "{result:?}");
    refused(keyring.set_alliance(AllianceId([0xa2; 32])));
    refused(keyring.add_epoch_secret(CIRCLE, 1, epoch_secret(0x0f)));
    refused(keyring.accept_epoch(CIRCLE, 1, epoch_secret(0x0f), &prekey_id(0x71)));
    refused(keyring.add_epoch_secret(CIRCLE, 0, epoch_secret(0x0f)));
    refused(keyring.add_epoch_secret(CIRCLE, limits::INTEGER + 1, epoch_secret(0x0f)));
    refused(keyring.accept_epoch(CIRCLE, u64::MAX, epoch_secret(0x0f), &prekey_id(0x71)));
    // The first prekey of the two is new, and still not kept.
    refused(keyring.add_prekeys(MemberId([0x58; 32]), vec![prekey_secret(0x73), prekey_secret(0x71)]));
    assert!(keyring.prekey(&prekey_id(0x73)).is_none());
    assert!(keyring.prekey(&prekey_id(0x71)).is_some());
    assert_eq!(temp.read("keyring"), file);
}

#[test]
fn a_change_that_was_made_before_is_not_written() {
    let temp = Temp::new();
    let mut keyring = filled(&temp);
    keyring.accept_epoch(CIRCLE, 3, epoch_secret(0xe4), &prekey_id(0x71)).unwrap();
    let files = (temp.read("keyring"), temp.read("device"));
    keyring.set_alliance(ALLIANCE).unwrap();
    keyring.add_prekeys(STEWARD, vec![prekey_secret(0x72)]).unwrap();
    keyring.add_epoch_secret(CIRCLE, 1, epoch_secret(0xe1)).unwrap();
    keyring.accept_epoch(CIRCLE, 3, epoch_secret(0xe4), &prekey_id(0x71)).unwrap();
    keyring.destroy_epochs(CircleId([0xc9; 32]), 9).unwrap();
    assert_eq!((temp.read("keyring"), temp.read("device")), files);
}

#[test]
fn accepting_adds_the_epoch_and_destroys_the_prekey() {
    let temp = Temp::new();
    let mut keyring = filled(&temp);
    keyring.accept_epoch(CIRCLE, 3, epoch_secret(0xe4), &prekey_id(0x71)).unwrap();
    assert!(keyring.prekey(&prekey_id(0x71)).is_none());
    drop(keyring);
    let keyring = temp.open().unwrap();
    assert!(keyring.prekey(&prekey_id(0x71)).is_none());
    assert!(keyring.prekey(&prekey_id(0x72)).is_some());
    assert_eq!(keyring.epoch_secret(&CIRCLE, 3), Some(&epoch_secret(0xe4)));
}

#[test]
fn a_secret_in_the_place_of_another_destroys_that_one() {
    let temp = Temp::new();
    let mut keyring = filled(&temp);
    let device = temp.read("device");
    keyring.replace_epoch_secret(CIRCLE, 3, epoch_secret(0xe4)).unwrap();
    assert_eq!(temp.read("device"), device, "there was none");
    let file = temp.read("keyring");
    keyring.replace_epoch_secret(CIRCLE, 3, epoch_secret(0xe4)).unwrap();
    assert_eq!(temp.read("keyring"), file, "it is there already");
    keyring.replace_epoch_secret(CIRCLE, 2, epoch_secret(0xe5)).unwrap();
    assert_ne!(temp.read("device"), device, "no copy of the old file opens any more");
    assert!(matches!(keyring.replace_epoch_secret(CIRCLE, 0, epoch_secret(1)), Err(KeyringError::Refused(_))));
    drop(keyring);
    let keyring = temp.open().unwrap();
    assert_eq!([1, 2, 3].map(|epoch| keyring.epoch_secret(&CIRCLE, epoch).cloned()), [0xe1, 0xe5, 0xe4].map(|byte| Some(epoch_secret(byte))));
}

#[test]
fn destroying_takes_one_circle_up_to_the_epoch() {
    let temp = Temp::new();
    let mut keyring = filled(&temp);
    keyring.add_epoch_secret(CIRCLE, 3, epoch_secret(0xe4)).unwrap();
    keyring.destroy_epochs(CIRCLE, 2).unwrap();
    drop(keyring);
    let keyring = temp.open().unwrap();
    assert_eq!(keyring.epochs(&CIRCLE).map(|(epoch, _)| epoch).collect::<Vec<_>>(), [3]);
    assert_eq!(keyring.epochs(&OTHER_CIRCLE).count(), 1);
}

#[test]
fn new_keys_stand_behind_the_former_ones() {
    let temp = Temp::new();
    let mut keyring = filled(&temp);
    let (first, device) = (keyring.log().public(), *keyring.device);
    let witness = keyring.witness().public();
    let key = |number| SecretKey::from_seed(&[number; 32]);
    keyring.add_keys(NewKeys { log: Some(key(1)), encryption: Some(prekey_secret(2)), ..NewKeys::default() }).unwrap();
    keyring.add_keys(NewKeys { log: Some(key(3)), transport: Some(key(4)), ..NewKeys::default() }).unwrap();
    assert_eq!(*keyring.device, device, "nothing was destroyed");
    drop(keyring);
    let keyring = temp.open().unwrap();
    assert_eq!(keyring.logs().map(SecretKey::public).collect::<Vec<_>>(), [first, key(1).public(), key(3).public()]);
    assert_eq!(keyring.log().public(), key(3).public());
    assert_eq!(keyring.witnesses().map(SecretKey::public).collect::<Vec<_>>(), [witness]);
    assert_eq!((keyring.transports().count(), keyring.encryptions().count()), (2, 2));
    assert_eq!(keyring.encryption().public(), prekey_secret(2).public());
    let backup = temp.file("backup");
    keyring.export_with(&backup, &other_pass(), CHEAP).unwrap();
    let new = Temp::new();
    let restored = Keyring::restore_with(&new.0, &backup, &other_pass(), &pass(), CHEAP).unwrap();
    assert_eq!(restored.logs().count(), 3, "a backup has all of them: the log still ends under one of them");
}

#[test]
fn bounds_hold() {
    let temp = Temp::new();
    let mut keyring = Keyring::create_with(&temp.0, &pass(), CHEAP).unwrap();
    let contents = &mut keyring.contents;
    for number in 0..PREKEYS as u128 {
        contents.prekeys.insert(KeyId(number.to_be_bytes()), Prekey { steward: STEWARD, secret: prekey_secret(1) });
    }
    for number in 0..EPOCHS as u64 {
        contents.epochs.insert((CIRCLE, limits::INTEGER - number), epoch_secret(1));
    }
    assert!(matches!(keyring.add_prekeys(STEWARD, vec![prekey_secret(0x71)]), Err(KeyringError::Full { bound: PREKEYS, .. })));
    assert!(matches!(keyring.add_epoch_secret(CIRCLE, 1, epoch_secret(2)), Err(KeyringError::Full { bound: EPOCHS, .. })));
    for number in 1..GENERATIONS {
        let key = || Some(SecretKey::from_seed(&[number as u8; 32]));
        let keys = NewKeys { log: key(), witness: key(), transport: key(), encryption: Some(prekey_secret(number as u8)) };
        keyring.contents.add_keys(keys).unwrap();
    }
    let more = NewKeys { witness: Some(SecretKey::from_seed(&[9; 32])), ..NewKeys::default() };
    assert!(matches!(keyring.add_keys(more), Err(KeyringError::Full { bound: GENERATIONS, .. })));
    // The fullest keyring fits its file and is read back.
    keyring.set_alliance(ALLIANCE).unwrap();
    drop(keyring);
    let keyring = temp.open().unwrap();
    assert_eq!((keyring.prekeys().count(), keyring.epochs(&CIRCLE).count()), (PREKEYS, EPOCHS));
}

#[test]
fn after_a_failed_write_nothing_is_written_until_it_is_opened_again() {
    let temp = Temp::new();
    let mut keyring = filled(&temp);
    let before = keyring.contents.encode().to_vec();
    fs::create_dir(temp.file("keyring.new")).unwrap();
    keyring.destroy_epochs(CIRCLE, 1).unwrap_err();
    fs::remove_dir(temp.file("keyring.new")).unwrap();
    assert!(matches!(keyring.destroy_epochs(CIRCLE, 1), Err(KeyringError::Interrupted)));
    assert_eq!(keyring.epoch_secret(&CIRCLE, 1), Some(&epoch_secret(0xe1)));
    drop(keyring);
    assert_eq!(temp.contents(), before);
    temp.open().unwrap().destroy_epochs(CIRCLE, 1).unwrap();
    assert_eq!(temp.open().unwrap().epoch_secret(&CIRCLE, 1), None);
}
