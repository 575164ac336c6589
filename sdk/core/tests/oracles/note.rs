//! Notes, checkpoints and verifier keys (C2SP): `signed_note` and `tlog_tiles` on one side, this crate on the other.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use signed_note::{Note, Signer, StandardSigner, StandardVerifier, Verifier, VerifierError, VerifierList};
use suyuan_core::Fault;
use suyuan_core::key::{PublicKey, SecretKey};
use suyuan_core::log::witness_name;
use suyuan_core::note::{NamedKey, TreeHead, UnverifiedCheckpoint, checkpoint_body, cosign};

use crate::fixture::{World, secret};

const SECONDS: u64 = 1_795_219_500;

fn log_key(world: &World) -> NamedKey {
    NamedKey::new(world.log.origin(), secret(0, "log").public())
}

fn witness_key(world: &World) -> NamedKey {
    NamedKey::new(witness_name(&world.log.alliance, &world.log.member), secret(0, "witness").public())
}

/// A cosignature's verifier for `signed_note`, which knows only the plain type.
struct Cosigner {
    name: String,
    key: PublicKey,
}

impl Cosigner {
    fn new(key: NamedKey) -> Self {
        Self { name: key.name, key: key.key }
    }
}

impl Verifier for Cosigner {
    fn name(&self) -> &str {
        &self.name
    }

    fn key_id(&self) -> u32 {
        signed_note::key_id(&self.name, &[[4].as_slice(), &self.key.to_bytes()].concat())
    }

    fn verify(&self, message: &[u8], timed: &[u8]) -> bool {
        let Some((seconds, signature)) = timed.split_at_checked(8) else { return false };
        let seconds = u64::from_be_bytes(seconds.try_into().unwrap());
        let message = [format!("cosignature/v1\ntime {seconds}\n").as_bytes(), message].concat();
        signature.try_into().is_ok_and(|signature| self.key.verify(&message, &signature).is_ok())
    }
}

fn verifiers(world: &World) -> VerifierList {
    let log = StandardVerifier::new(&log_key(world).log_vkey()).unwrap();
    VerifierList::new(vec![Box::new(log), Box::new(Cosigner::new(witness_key(world)))])
}

/// Size, root and number of known cosignatures of a checkpoint that its log signed.
type Accepted = (u64, [u8; 32], usize);

fn theirs(world: &World, verifiers: &VerifierList, bytes: &[u8]) -> Option<Accepted> {
    let note = Note::from_bytes(bytes).ok()?;
    let (known, _) = note.verify(verifiers).ok()?;
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(note.text()).ok()?;
    let signed = known.iter().filter(|signature| signature.name() == world.log.origin()).count();
    let fits = signed == 1 && checkpoint.origin() == world.log.origin() && checkpoint.extension().is_empty();
    fits.then(|| (checkpoint.size(), checkpoint.hash().0, known.len() - 1))
}

fn ours(world: &World, bytes: &[u8]) -> Option<Accepted> {
    let text = std::str::from_utf8(bytes).ok()?;
    let checkpoint = UnverifiedCheckpoint::parse(text).ok()?.verify(&log_key(world), &[witness_key(world)]).ok()?;
    Some((checkpoint.head.size, checkpoint.head.root, checkpoint.cosignatures.len()))
}

#[test]
fn signed_note_reads_our_checkpoints() {
    let world = World::new();
    for size in 0..=5 {
        let text = world.checkpoint(size);
        let note = Note::from_bytes(text.as_bytes()).unwrap();
        assert_eq!(note.to_bytes(), text.as_bytes());
        assert_eq!(note.text(), checkpoint_body(&world.log.origin(), &world.head(size)).as_bytes());

        let alone = StandardVerifier::new(&log_key(&world).log_vkey()).unwrap();
        let (known, unknown) = note.verify(&VerifierList::new(vec![Box::new(alone)])).unwrap();
        assert_eq!((known.len(), unknown.len()), (1, 1));
        let (known, unknown) = note.verify(&verifiers(&world)).unwrap();
        assert_eq!((known.len(), unknown.len()), (2, 0));
        assert_eq!(known[1].signature()[..8], SECONDS.to_be_bytes());

        let accepted = Some((size as u64, world.head(size).root, 1));
        assert_eq!(theirs(&world, &verifiers(&world), text.as_bytes()), accepted);
        assert_eq!(ours(&world, text.as_bytes()), accepted);
    }
}

#[test]
fn signed_note_reads_our_verifier_keys() {
    let world = World::new();
    for named in [log_key(&world), witness_key(&world)] {
        let verifier = StandardVerifier::new(&named.log_vkey()).unwrap();
        assert_eq!(verifier.name(), named.name);
        assert_eq!(material(&named.log_vkey()), [[1].as_slice(), &named.key.to_bytes()].concat());

        // It checks the id before it gives up on the algorithm.
        assert!(matches!(StandardVerifier::new(&named.witness_vkey()), Err(VerifierError::Alg)));
        assert_eq!(material(&named.witness_vkey()), [[4].as_slice(), &named.key.to_bytes()].concat());
        let vkey = named.log_vkey();
        for at in 0..vkey.len() {
            let mut changed = vkey.clone().into_bytes();
            changed[at] ^= 1;
            let changed = String::from_utf8(changed).unwrap();
            assert!(StandardVerifier::new(&changed).is_err(), "{changed}");
        }
    }
}

/// Algorithm and key of a verifier key; base64 may hold a plus sign too, the name may not.
fn material(vkey: &str) -> Vec<u8> {
    BASE64.decode(vkey.splitn(3, '+').nth(2).unwrap()).unwrap()
}

fn signer(name: &str, seed: &[u8; 32]) -> StandardSigner {
    let key = SecretKey::from_seed(seed);
    let id = signed_note::key_id(name, &[[1].as_slice(), &key.public().to_bytes()].concat());
    StandardSigner::new(&format!("PRIVATE+KEY+{name}+{id:08x}+{}", BASE64.encode([[1].as_slice(), seed].concat()))).unwrap()
}

#[test]
fn notes_made_by_signed_note_are_accepted() {
    let world = World::new();
    let origin = world.log.origin();
    let own = signer(&origin, &secret(0, "log").seed());
    for size in [0, 1, 5, 1 << 40, suyuan_core::limits::INTEGER] {
        let head = TreeHead { size, root: [7; 32] };
        let text = tlog_tiles::Checkpoint::new(&origin, size, tlog_tiles::Hash(head.root), "").unwrap().to_bytes();
        assert_eq!(text, checkpoint_body(&origin, &head).as_bytes());
        let mut note = Note::new(&text, &[]).unwrap();
        note.add_sigs(&[&own]).unwrap();
        assert_eq!(ours(&world, &note.to_bytes()), Some((size, head.root, 0)));

        let line = cosign(std::str::from_utf8(&text).unwrap(), &witness_key(&world).name, &secret(0, "witness"), SECONDS);
        let both = [note.to_bytes(), line.into_bytes()].concat();
        assert_eq!(ours(&world, &both), Some((size, head.root, 1)));
        assert_eq!(theirs(&world, &verifiers(&world), &both), Some((size, head.root, 1)));

        // A stranger's signature is passed over, and does not stand in for the log's.
        let stranger = signer("stranger.example", &[1; 32]);
        note.add_sigs(&[&stranger]).unwrap();
        assert_eq!(ours(&world, &note.to_bytes()), Some((size, head.root, 0)));
        let mut unsigned = Note::new(&text, &[]).unwrap();
        unsigned.add_sigs(&[&stranger as &dyn Signer]).unwrap();
        assert_eq!(ours(&world, &unsigned.to_bytes()), None);
    }
}

/// What tlog_tiles allows and the specification here does not: extension lines, and sizes that not every language holds.
#[test]
fn our_checkpoints_are_the_narrower_kind() {
    let world = World::new();
    let origin = world.log.origin();
    let own = signer(&origin, &secret(0, "log").seed());
    for (size, extension) in [(5, "more\n"), (suyuan_core::limits::INTEGER + 1, ""), (u64::MAX, "")] {
        let text = tlog_tiles::Checkpoint::new(&origin, size, tlog_tiles::Hash([7; 32]), extension).unwrap().to_bytes();
        let mut note = Note::new(&text, &[]).unwrap();
        note.add_sigs(&[&own]).unwrap();
        let note = String::from_utf8(note.to_bytes()).unwrap();
        assert_eq!(UnverifiedCheckpoint::parse(&note).unwrap_err(), Fault::Note);
    }
}

#[test]
fn changed_notes_have_one_verdict() {
    let world = World::new();
    let verifiers = verifiers(&world);
    let text = world.checkpoint(5).into_bytes();
    let whole = (5, world.head(5).root, 1);
    let (mut refused, mut without) = (0, 0);
    let mut compare = |changed: &[u8], what: &str, at: usize| {
        let verdict = ours(&world, changed);
        assert_eq!(verdict, theirs(&world, &verifiers, changed), "{what} {at}");
        match verdict {
            None => refused += 1,
            // The name or key id of the cosignature's line was hit: it is a stranger's line then.
            Some(found) => {
                assert_eq!(found, (whole.0, whole.1, 0), "{what} {at}");
                without += 1;
            }
        }
    };
    for bit in 0..text.len() * 8 {
        let mut changed = text.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        compare(&changed, "bit", bit);
    }
    for at in 0..text.len() {
        compare(&[&text[..at], &text[at + 1..]].concat(), "without byte", at);
        compare(&text[..at], "cut to", at);
        for insert in ["\n", " ", "+", "A", "0", "="] {
            compare(&[&text[..at], insert.as_bytes(), &text[at..]].concat(), "inserted at", at);
        }
    }
    assert!(refused > 8000 && without > 0, "{refused} refused, {without} without the cosignature");
}

/// One witness is one witness, however often its line stands there; but each of its lines must verify.
#[test]
fn a_repeated_cosignature_counts_once() {
    let world = World::new();
    let (text, name) = (world.checkpoint(5), witness_key(&world).name);
    let body = checkpoint_body(&world.log.origin(), &world.head(5));
    let later = cosign(&body, &name, &secret(0, "witness"), SECONDS + 60);
    let twice = format!("{text}{later}");
    assert_eq!(theirs(&world, &verifiers(&world), twice.as_bytes()).unwrap().2, 1);
    let checkpoint = UnverifiedCheckpoint::parse(&twice).unwrap().verify(&log_key(&world), &[witness_key(&world)]).unwrap();
    assert_eq!(checkpoint.cosignatures, [(name.clone(), SECONDS)]);

    let wrong = cosign("another body\n", &name, &secret(0, "witness"), SECONDS);
    let verdict = UnverifiedCheckpoint::parse(&format!("{text}{wrong}")).unwrap().verify(&log_key(&world), &[witness_key(&world)]);
    assert_eq!(verdict, Err(Fault::Cosignature));
}
