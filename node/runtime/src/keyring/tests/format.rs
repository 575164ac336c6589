//! The bytes of the files: as specified, and every other byte refused.

use aes_gcm::aead::Aead;
use aes_gcm::{Aes256Gcm, KeyInit};
use argon2::{Algorithm, Argon2, Params, Version};
use hkdf::Hkdf;
use sha2::Sha256;
use suyuan_core::cbor::{SUITE, Writer};

use super::*;

/// Header of a keyring with a passphrase and [`CHEAP`]: 1 array, 1 suite, 15 magic, 1 array, 17 salt, 3 cost, 34 random.
const HEADER: usize = 72;

#[test]
fn the_file_is_as_specified() {
    let temp = Temp::new();
    let keyring = filled(&temp);
    let file = temp.read("keyring");
    assert_eq!(file[..17], *b"\x84\x01\x6esuyuan keyring");
    assert_eq!(file[17..19], [0x84, 0x50]);
    assert_eq!(file[35..38], [8, 1, 1]);
    assert_eq!(file[38..40], [0x58, 0x20]);

    let mut secrets = [0; 64];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
    argon2.hash_password_into("春江潮水连海平 37".as_bytes(), &file[19..35], &mut secrets[..32]).unwrap();
    secrets[32..].copy_from_slice(&temp.read("device"));
    let mut key = [0; 32];
    let info = [b"suyuan/1 keyring\n", &file[..HEADER]].concat();
    Hkdf::<Sha256>::new(None, &secrets).expand(&info, &mut key).unwrap();
    let plaintext = Aes256Gcm::new(&key.into()).decrypt(&[0; 12].into(), &file[HEADER..]).unwrap();

    let contents = keyring.contents.encode();
    assert_eq!(plaintext[..contents.len()], *contents);
    assert_eq!(plaintext.len(), suyuan_core::sealing::bucket(contents.len()));
    assert_eq!(contents[..5], [0x89, 1, 0x81, 0x58, 0x20]);
    assert_eq!(contents[5..37], *keyring.log().seed());
}

#[test]
fn the_usual_cost_stands_in_the_header() {
    let temp = Temp::new();
    drop(Keyring::create(&temp.0, &pass()).unwrap());
    assert_eq!(temp.read("keyring")[35..42], [0x1a, 0, 1, 0, 0, 3, 1]);
}

#[test]
fn every_write_has_its_own_key_and_one_salt() {
    let temp = Temp::new();
    let mut keyring = filled(&temp);
    let before = temp.read("keyring");
    keyring.add_epoch_secret(CIRCLE, 3, epoch_secret(0xe4)).unwrap();
    let after = temp.read("keyring");
    assert_eq!(before[..40], after[..40]);
    assert_ne!(before[40..HEADER], after[40..HEADER]);
}

#[test]
fn every_flipped_bit_is_refused() {
    let temp = Temp::new();
    drop(filled(&temp));
    for name in ["keyring", "device"] {
        let file = temp.read(name);
        for position in 0..file.len() {
            for bit in 0..8 {
                let mut changed = file.clone();
                changed[position] ^= 1 << bit;
                temp.write(name, &changed);
                let error = temp.open().expect_err("a changed file opened");
                let refused = matches!(error, KeyringError::WrongPassphrase { .. } | KeyringError::Damaged { .. } | KeyringError::Newer { .. });
                assert!(refused, "{name} {position} {bit}: {error:?}");
            }
        }
        temp.write(name, &file);
    }
    temp.open().unwrap();
}

#[test]
fn every_other_length_is_refused() {
    let temp = Temp::new();
    drop(filled(&temp));
    let file = temp.read("keyring");
    for len in 0..file.len() {
        temp.write("keyring", &file[..len]);
        temp.open().expect_err("a cut file opened");
    }
    for more in [&[0; 1][..], &[0; 16], &file] {
        temp.write("keyring", &[&file, more].concat());
        assert_wrong(temp.open());
    }
    temp.write("keyring", &vec![0; disk::FILE + 1]);
    assert!(matches!(temp.open(), Err(KeyringError::Damaged { what: "it is too long", .. })));
}

#[test]
fn a_header_may_not_ask_for_more_than_the_bounds() {
    let temp = Temp::new();
    drop(filled(&temp));
    let body = temp.read("keyring")[HEADER..].to_vec();
    let refused = |memory: u64, passes: u64, lanes: u64| {
        let mut writer = Writer::structure(4);
        writer.text("suyuan keyring").array(4).bytes(&[7; 16]).uint(memory).uint(passes).uint(lanes).bytes(&[7; 32]);
        temp.write("keyring", &[writer.finish(), body.clone()].concat());
        let started = std::time::Instant::now();
        let error = temp.open().unwrap_err();
        assert!(matches!(error, KeyringError::Damaged { what: "it asks for more work or memory than any file of ours", .. }), "{error:?}");
        assert!(started.elapsed().as_millis() < 100);
    };
    let most = Cost::MOST;
    refused(1 << 30, 3, 1); // 1 TiB
    refused(u64::from(most.memory) + 1, 1, 1);
    refused(8, u64::from(most.passes) + 1, 1);
    refused(1024, 1, u64::from(most.lanes) + 1);
    refused((1 << 32) + 8, 1, 1);
    refused(8, (1 << 32) + 1, 1);
    refused(8, 1, (1 << 32) + 1);
    refused(0, 1, 1);
    refused(8, 0, 1);
    refused(8, 1, 0);
    refused(15, 1, 2); // Argon2 needs 8 KiB a lane
}

#[test]
fn a_newer_file_says_so() {
    let temp = Temp::new();
    let keyring = filled(&temp);
    let mut file = temp.read("keyring");
    // A newer header...
    file[1] = 2;
    let (lock, device) = (&keyring.lock, &keyring.device);
    // ...and newer contents, of another length, under a header that is known.
    let mut writer = Writer::with_capacity(64);
    writer.array(2).uint(SUITE + 1).text("something else");
    let contents = lock.seal(SealedFile::Keyring, Some(device), &writer.finish()).unwrap();
    drop(keyring);
    for newer in [file, contents] {
        temp.write("keyring", &newer);
        let error = temp.open().unwrap_err();
        assert!(matches!(error, KeyringError::Newer { .. }), "{error:?}");
        assert!(error.to_string().contains("update"), "{error}");
    }
}

#[test]
fn contents_are_read_strictly() {
    let temp = Temp::new();
    let keyring = filled(&temp);
    let good = keyring.contents.encode().to_vec();
    let seal = |contents: &[u8]| keyring.lock.seal(SealedFile::Keyring, Some(&keyring.device), contents).unwrap();
    let entry = |circle: u8, epoch: u64| {
        let mut writer = Writer::default();
        writer.array(3).bytes(&[circle; 32]).uint(epoch).bytes(&[9; 32]);
        writer.finish()
    };
    let epochs = |entries: &[Vec<u8>]| {
        let mut writer = Writer::structure(9);
        for _ in 0..4 {
            writer.array(1).bytes(&[9; 32]);
        }
        writer.bytes(&[9; 32]).bytes(&[9; 32]).array(0).array(entries.len());
        [writer.finish(), entries.concat()].concat()
    };
    let keys = |count: usize| {
        let mut writer = Writer::structure(9);
        writer.array(count);
        for _ in 0..count {
            writer.bytes(&[9; 32]);
        }
        for _ in 0..3 {
            writer.array(1).bytes(&[9; 32]);
        }
        writer.bytes(&[9; 32]).bytes(&[9; 32]).array(0).array(0);
        writer.finish()
    };
    let bad = [
        keys(0),                             // no log key at all
        keys(GENERATIONS + 1),               // more than there may be
        [&good[..], &[1]].concat(),          // padding that is not zero
        [&good[..], &[0; 600]].concat(),     // more padding than the bucket
        good[..40].to_vec(),                 // cut, so that padding stands where keys should
        [&[0x88], &good[1..]].concat(),      // another number of elements
        epochs(&[entry(1, 2), entry(1, 1)]), // not ascending
        epochs(&[entry(1, 1), entry(1, 1)]), // twice
        epochs(&[entry(1, 1), vec![0xf6]]),  // not an entry
        Vec::new(),
    ];
    let mut files = bad.map(|contents| seal(&contents)).to_vec();
    let most = seal(&keys(GENERATIONS));
    let right = seal(&epochs(&[entry(1, 1), entry(1, 2), entry(2, 1)]));
    // Contents of one kind in a file of another.
    files.push(keyring.lock.seal(SealedFile::Backup, Some(&keyring.device), &good).unwrap());
    drop(keyring);
    temp.write("keyring", &right);
    temp.open().unwrap();
    temp.write("keyring", &most);
    assert_eq!(temp.open().unwrap().logs().count(), GENERATIONS);
    for (number, file) in files.iter().enumerate() {
        temp.write("keyring", file);
        let error = temp.open().unwrap_err();
        assert!(matches!(error, KeyringError::Damaged { .. }), "{number}: {error:?}");
    }
}

#[test]
fn a_protected_file_cannot_be_passed_off_as_a_development_one() {
    let temp = Temp::new();
    drop(filled(&temp));
    let file = temp.read("keyring");
    let changed = [&file[..17], &[0xf6], &file[38..]].concat();
    temp.write("keyring", &changed);
    assert!(!Keyring::asks_passphrase(&temp.0).unwrap());
    assert_wrong(temp.open());
    assert_wrong(Keyring::open(&temp.0, &Passphrase::none()));
}
