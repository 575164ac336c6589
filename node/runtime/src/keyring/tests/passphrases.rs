//! Passphrases, development keyrings and where a passphrase comes from.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use super::super::passphrase::resolve;
use super::*;

fn source(file: Option<&Path>) -> PassphraseSource<'_> {
    PassphraseSource { seals: SealedFile::Keyring, file, new: false }
}

fn text(passphrase: &Passphrase) -> &str {
    std::str::from_utf8(passphrase.bytes().unwrap()).unwrap()
}

#[test]
fn a_wrong_passphrase_opens_nothing() {
    let temp = Temp::new();
    drop(filled(&temp));
    assert_wrong(Keyring::open(&temp.0, &other_pass()));
    let needed = Keyring::open(&temp.0, &Passphrase::none()).unwrap_err();
    assert!(matches!(needed, KeyringError::PassphraseNeeded { .. }));
    assert!(needed.to_string().contains("SUYUAN_PASSPHRASE"));
    assert!(Keyring::asks_passphrase(&temp.0).unwrap());
    let error = Keyring::open(&temp.0, &other_pass()).unwrap_err().to_string();
    assert!(error.contains("cannot be told"), "{error}");
}

#[test]
fn a_development_keyring_opens_without_asking_and_says_so() {
    let temp = Temp::new();
    let mut keyring = Keyring::create(&temp.0, &Passphrase::none()).unwrap();
    assert!(keyring.is_development());
    keyring.add_epoch_secret(CIRCLE, 1, epoch_secret(1)).unwrap();
    keyring.destroy_epochs(CIRCLE, 1).unwrap();
    drop(keyring);
    assert!(!Keyring::asks_passphrase(&temp.0).unwrap());
    for passphrase in [Passphrase::none(), pass()] {
        assert!(Keyring::open(&temp.0, &passphrase).unwrap().is_development());
    }
    let device = temp.read("device");
    temp.write("device", &[7; 32]);
    assert_wrong(Keyring::open(&temp.0, &Passphrase::none()));
    temp.write("device", &device);
}

#[test]
fn what_a_passphrase_can_be() {
    for bad in [String::new(), "x".repeat(PASSPHRASE + 1)] {
        assert!(matches!(Passphrase::new(bad), Err(KeyringError::PassphraseUnusable(_))));
    }
    assert!(Passphrase::new("x".repeat(PASSPHRASE)).is_ok());
}

#[test]
fn the_file_comes_before_the_variable_before_the_prompt() {
    let temp = Temp::new();
    let file = temp.file("passphrase");
    fs::write(&file, "from file\n").unwrap();
    let mut prompt = |_: &str| Ok("from prompt".to_owned());
    let variable = || Some(OsString::from("from variable"));
    assert_eq!(text(&resolve(&source(Some(&file)), variable(), Some(&mut prompt)).unwrap()), "from file");
    assert_eq!(text(&resolve(&source(None), variable(), Some(&mut prompt)).unwrap()), "from variable");
    assert_eq!(text(&resolve(&source(None), None, Some(&mut prompt)).unwrap()), "from prompt");
    let error = resolve(&source(None), None, None).unwrap_err();
    assert!(matches!(error, KeyringError::PassphraseNeeded { variable: "SUYUAN_PASSPHRASE" }));
    // A file that is named and absent is an error, not a reason to look elsewhere.
    let absent = temp.file("absent");
    assert!(matches!(resolve(&source(Some(&absent)), variable(), None), Err(KeyringError::Missing { .. })));
}

#[test]
fn a_file_loses_one_line_end_and_nothing_else() {
    let temp = Temp::new();
    let file = temp.file("passphrase");
    let read = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        resolve(&source(Some(&file)), None, None)
    };
    for (bytes, expected) in [("口令", "口令"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a ", " a "), ("a\r", "a\r")] {
        assert_eq!(text(&read(bytes.as_bytes()).unwrap()), expected);
    }
    let longest = "x".repeat(PASSPHRASE);
    assert_eq!(text(&read(format!("{longest}\r\n").as_bytes()).unwrap()), longest);
    let unusable = [&b""[..], b"\n", b"\xff", format!("{longest}x").as_bytes(), &[b'x'; 1 << 20]].map(<[u8]>::to_vec);
    for bytes in unusable {
        assert!(matches!(read(&bytes), Err(KeyringError::PassphraseUnusable(_))));
    }
}

#[test]
fn a_variable_must_be_text() {
    for bytes in [vec![0xff], Vec::new()] {
        let result = resolve(&source(None), Some(OsString::from_vec(bytes)), None);
        assert!(matches!(result, Err(KeyringError::PassphraseUnusable(_))));
    }
}

#[test]
fn a_new_passphrase_is_typed_twice() {
    let new = PassphraseSource { seals: SealedFile::Backup, file: None, new: true };
    let ask = |answers: [&str; 2]| {
        let mut answers = answers.map(str::to_owned).into_iter();
        let mut prompt = |_: &str| Ok(answers.next().unwrap());
        resolve(&new, None, Some(&mut prompt))
    };
    assert_eq!(text(&ask(["same", "same"]).unwrap()), "same");
    assert!(matches!(ask(["same", "other"]), Err(KeyringError::PassphraseUnusable(_))));
    let failing = &mut |_: &str| Err(std::io::ErrorKind::BrokenPipe.into());
    assert!(matches!(resolve(&new, None, Some(failing)), Err(KeyringError::Io { .. })));
}
