//! A crash at every step of a change, whole and torn: the old contents or the new open, never neither, and what was destroyed stays so.

use super::*;

type Edit = fn(&mut Contents) -> Result<Effect, KeyringError>;

const ADD: Edit = |contents| contents.add_epoch(CIRCLE, 9, epoch_secret(0xe9));
const ACCEPT: Edit = |contents| contents.accept_epoch(CIRCLE, 9, epoch_secret(0xe9), &prekey_id(0x71));
const DESTROY: Edit = |contents| Ok(contents.destroy_epochs(CIRCLE, 2));

/// Steps of a change that destroys: device.new, keyring.new, commit, overwrite device, rename device.
const COMMITTED: usize = 3;
const OVERWRITTEN: usize = 4;
const DONE: usize = 5;

/// The files as a crash after `steps` steps of a change leaves them, with the contents before and after the change.
struct Crashed {
    temp: Temp,
    old: Vec<u8>,
    new: Vec<u8>,
    /// The files before the change, as a thief may have copied them.
    old_keyring: Vec<u8>,
    old_device: Vec<u8>,
}

fn crash(edit: Edit, steps: usize) -> Crashed {
    let temp = Temp::new();
    let keyring = filled(&temp);
    let (old_keyring, old_device) = (temp.read("keyring"), temp.read("device"));
    let next = keyring.prepare(edit).unwrap().unwrap();
    let change = next.change(&keyring.folder);
    for step in &change.steps()[..steps] {
        step(&change).unwrap();
    }
    let (old, new) = (keyring.contents.encode().to_vec(), next.contents.encode().to_vec());
    assert_ne!(old, new);
    drop(keyring);
    Crashed { temp, old, new, old_keyring, old_device }
}

/// Opens what a crash left, twice, then makes another change that destroys.
#[track_caller]
fn opens_with(temp: &Temp, expected: &[u8]) {
    assert_eq!(temp.contents(), expected);
    assert_eq!(temp.names(), settled());
    assert_eq!(temp.contents(), expected);
    temp.open().unwrap().destroy_epochs(OTHER_CIRCLE, 1).unwrap();
    assert_eq!(temp.open().unwrap().epochs(&OTHER_CIRCLE).count(), 0);
    assert_eq!(temp.names(), settled());
}

#[test]
fn between_the_steps_of_a_change_that_destroys() {
    for edit in [ACCEPT, DESTROY] {
        for steps in 0..=DONE {
            let crashed = crash(edit, steps);
            let expected = if steps < COMMITTED { &crashed.old } else { &crashed.new };
            opens_with(&crashed.temp, expected);
        }
    }
}

#[test]
fn between_the_steps_of_a_change_that_adds() {
    for steps in 0..=2 {
        let crashed = crash(ADD, steps);
        assert_eq!(crashed.temp.read("device"), crashed.old_device);
        let expected = if steps < 2 { &crashed.old } else { &crashed.new };
        opens_with(&crashed.temp, expected);
    }
}

#[test]
fn within_a_step() {
    let torn = |steps: usize, name: &str, cut: &dyn Fn(Vec<u8>) -> Vec<u8>, old: bool| {
        let crashed = crash(ACCEPT, steps);
        let whole = if crashed.temp.names().contains(name) { crashed.temp.read(name) } else { vec![0x5a; 700] };
        crashed.temp.write(name, &cut(whole));
        opens_with(&crashed.temp, if old { &crashed.old } else { &crashed.new });
    };
    let start = |len: usize| move |bytes: Vec<u8>| bytes[..len.min(bytes.len())].to_vec();
    let zeros_to = |len: usize| {
        move |mut bytes: Vec<u8>| {
            bytes[..len].fill(0);
            bytes
        }
    };
    for len in [0, 1, 31, 32] {
        // Writing device.new, overwriting the old device, discarding device.new.
        torn(1, "device.new", &start(len), true);
        torn(COMMITTED, "device", &zeros_to(len), false);
        torn(COMMITTED, "device", &start(0), false);
        torn(2, "device.new", &zeros_to(len), true);
    }
    for len in [0, 1, 90, 400] {
        torn(1, "keyring.new", &start(len), true);
        torn(2, "keyring.new", &start(len), true);
    }
}

#[test]
fn within_the_settling_of_an_earlier_crash() {
    // Undoing: keyring.new is gone, device.new not yet, or zeroed.
    let undone = crash(ACCEPT, 2);
    fs::remove_file(undone.temp.file("keyring.new")).unwrap();
    opens_with(&undone.temp.copy(), &undone.old);
    undone.temp.write("device.new", &[0; 32]);
    opens_with(&undone.temp, &undone.old);
    // Finishing has the states of the steps themselves.
    let finished = crash(ACCEPT, OVERWRITTEN);
    assert_eq!(finished.temp.read("device"), [0; 32]);
    opens_with(&finished.temp, &finished.new);
}

#[test]
fn between_the_steps_of_creation() {
    for steps in 0..=DONE {
        let temp = Temp::new();
        let folder = Folder::prepare(&temp.0).unwrap();
        let (lock, contents) = (Lock::new(&pass(), CHEAP).unwrap(), Contents::random().unwrap());
        let device = random().unwrap();
        let sealed = lock.seal(SealedFile::Keyring, Some(&device), &contents.encode()).unwrap();
        let change = Change { folder: folder.path(), keyring: &sealed, device: Some(&device) };
        for step in &change.steps()[..steps] {
            step(&change).unwrap();
        }
        drop(folder);
        if steps < COMMITTED {
            // Nothing was created; trying again creates.
            assert!(matches!(temp.open(), Err(KeyringError::Missing { .. })));
            drop(Keyring::create_with(&temp.0, &pass(), CHEAP).unwrap());
        } else {
            assert!(matches!(Keyring::create_with(&temp.0, &pass(), CHEAP), Err(KeyringError::Exists { .. })));
            assert_eq!(temp.contents(), *contents.encode());
        }
        assert_eq!(temp.names(), settled());
    }
}

#[test]
fn a_wrong_passphrase_settles_nothing() {
    for steps in 0..=DONE {
        let crashed = crash(ACCEPT, steps);
        let files = |temp: &Temp| temp.names().into_iter().map(|name| (temp.read(&name), name)).collect::<Vec<_>>();
        let before = files(&crashed.temp);
        assert_wrong(Keyring::open(&crashed.temp.0, &other_pass()));
        assert_eq!(files(&crashed.temp), before);
    }
}

#[test]
fn an_old_copy_opens_nothing_once_the_old_device_secret_is_overwritten() {
    for edit in [ACCEPT, DESTROY] {
        for steps in OVERWRITTEN..=DONE {
            let crashed = crash(edit, steps);
            // At once, as a thief finds the files after the crash...
            let thief = crashed.temp.copy();
            thief.write("keyring", &crashed.old_keyring);
            assert_wrong(thief.open());
            // ...and once the node was started again.
            crashed.temp.open().unwrap();
            crashed.temp.write("keyring", &crashed.old_keyring);
            assert_wrong(crashed.temp.open());
            for name in crashed.temp.names() {
                assert_ne!(crashed.temp.read(&name), crashed.old_device, "{name}");
            }
        }
    }
}

#[test]
fn the_old_device_secret_is_overwritten_in_place() {
    let temp = Temp::new();
    let mut keyring = filled(&temp);
    // A second name of the file keeps what unlinking would leave on the disk.
    fs::hard_link(temp.file("device"), temp.file("blocks")).unwrap();
    keyring.add_epoch_secret(CIRCLE, 3, epoch_secret(0xe4)).unwrap();
    assert_eq!(temp.read("blocks"), *keyring.device);
    keyring.destroy_epochs(CIRCLE, 3).unwrap();
    assert_eq!(temp.read("blocks"), [0; 32]);
    assert_eq!(temp.read("device"), *keyring.device);
}

#[test]
fn the_device_secret_of_an_undone_change_is_overwritten_too() {
    let crashed = crash(ACCEPT, 2);
    fs::hard_link(crashed.temp.file("device.new"), crashed.temp.file("blocks")).unwrap();
    crashed.temp.open().unwrap();
    assert_eq!(crashed.temp.read("blocks"), [0; 32]);
}

#[test]
fn a_change_that_is_finished_later_overwrites_the_old_device_secret_too() {
    let crashed = crash(ACCEPT, COMMITTED);
    fs::hard_link(crashed.temp.file("device"), crashed.temp.file("blocks")).unwrap();
    crashed.temp.open().unwrap();
    assert_eq!(crashed.temp.read("blocks"), [0; 32]);
}
