//! Every decoder on thousands of changed inputs: none panics, none dawdles, and what it accepts is what was made, or spelt in the one way that it can be.

use std::collections::BTreeSet;

use suyuan_core::bundle::{Bundle, VerifiedRecord};
use suyuan_core::charter::{CharterFile, Entry};
use suyuan_core::circle::{PrekeySecret, Slip, SlipAddress, SlipContent};
use suyuan_core::equivocation::{EquivocationFile, Evidence};
use suyuan_core::history::Foundation;
use suyuan_core::id::{AllianceId, CircleId, MemberId, StatementId};
use suyuan_core::note::{NamedKey, UnverifiedCheckpoint};
use suyuan_core::proof::LogProof;
use suyuan_core::section::{AudienceHeader, Body, SectionHeader, audience_commitment, section_commitment};
use suyuan_core::statement::{UnverifiedStatement, cose_sign1};
use suyuan_core::tile::TilePath;
use suyuan_core::{cbor, sealing};
use zeroize::Zeroizing;

use crate::fixture::{World, bytes32, charter, secret};
use crate::mutate::{storm, storm_text, vector_bytes, vectors};

#[test]
fn statements() {
    let mut inputs = vector_bytes("statement/statement.json", "decode", "statement");
    inputs.extend(World::new().statements.into_iter().map(|statement| statement.bytes));
    let key = secret(0, "log");
    let mut accepted = 0;
    storm("statement", &inputs, 20_000, |bytes| {
        let _ = cose_sign1(bytes, &[0; 64]);
        let Ok(statement) = UnverifiedStatement::decode(bytes) else { return };
        accepted += 1;
        let kid = statement.key_id();
        if let Ok(verified) = statement.verify(&key.public(), &key.sign(bytes)) {
            assert_eq!(verified.to_bytes(kid), bytes, "a second spelling");
        }
    });
    assert!(accepted > 100, "only {accepted} were worth trying");
}

#[test]
fn charters() {
    let inputs = vector_bytes("charter/charter.json", "verify", "file");
    let world = World::new();
    storm("charter file", &inputs, 3000, |bytes| {
        let Ok(file) = CharterFile::decode(bytes) else { return };
        assert_eq!(file.to_bytes(), bytes, "a second spelling");
        if let Ok(alliance) = file.verify(None) {
            assert_eq!(alliance.charter().to_bytes(), file.charter);
        }
        if file.verify(Some(&world.alliance.id())).is_ok() {
            assert_eq!(file, world.file, "another file in the name of the alliance");
        }
    });
    let entries: Vec<Vec<u8>> = charter().members.iter().map(Entry::to_bytes).collect();
    storm("entry", &entries, 10_000, |bytes| {
        if let Ok(entry) = Entry::decode(bytes) {
            assert_eq!(entry.to_bytes(), bytes, "a second spelling");
        }
    });
}

#[test]
fn equivocations() {
    let inputs = vector_bytes("equivocation/equivocation.json", "verify", "file");
    let world = World::new();
    let head = |note: &String| UnverifiedCheckpoint::parse(note).map(|note| (note.claimed_size(), note.claimed_root())).unwrap();
    let heads = |evidence: &Evidence| [head(&evidence.first), head(&evidence.second)];
    let known: Vec<_> = inputs.iter().filter_map(|bytes| EquivocationFile::decode(bytes).ok()).map(|file| file.evidence).collect();
    let mut signed = BTreeSet::new();
    for evidence in known.iter().filter(|evidence| (*evidence).clone().verify(&world.alliance).is_ok()) {
        signed.extend(heads(evidence));
    }
    let mut convicted = 0;
    storm("equivocation", &inputs, 5000, |bytes| {
        let Ok(file) = EquivocationFile::decode(bytes) else { return };
        assert_eq!(file.to_bytes(), bytes, "a second spelling");
        assert!(EquivocationFile::is_named(bytes));
        assert_eq!(Evidence::decode(&file.evidence.to_bytes()), Ok(file.evidence.clone()));
        let Ok(conviction) = file.evidence.verify(&world.alliance) else { return };
        convicted += 1;
        assert_eq!(conviction.log(), world.log, "somebody else was convicted");
        assert!(heads(conviction.evidence()).iter().all(|head| signed.contains(head)), "by what it did not sign");
    });
    assert!(convicted > 0, "none was worth trying");
}

/// Id of a record, section, name and value of a field.
type Shown = BTreeSet<(StatementId, u64, String, String)>;

/// Everything that the author wrote.
fn written(world: &World) -> Shown {
    let sections = world.statements.iter().zip(&world.sections);
    sections
        .flat_map(|(statement, sections)| {
            sections.iter().zip(0..).flat_map(move |(section, index)| {
                let fields = section.body.fields().iter();
                fields.map(move |field| (statement.id, index, field.name.clone(), field.value.clone()))
            })
        })
        .collect()
}

/// What a record that was accepted shows must have been written, and stand where it was written.
fn assert_written(record: &VerifiedRecord, world: &World, written: &Shown) {
    let sequence = usize::try_from(record.statement.place.sequence).unwrap();
    assert_eq!(record.id(), world.statements[sequence].id);
    for section in &record.sections {
        for field in &section.fields {
            assert!(written.contains(&(record.id(), section.index, field.name.clone(), field.value.clone())));
        }
    }
}

#[test]
fn bundles() {
    let mut inputs = vector_bytes("bundle/bundle.json", "verify", "bundle");
    inputs.retain(|input| input.len() < 100_000);
    let world = World::new();
    let (alliance, written) = (world.alliance.id(), written(&world));
    // The vectors hold statements of dishonest authors too, so there is nothing to compare these with.
    storm("bundle of the vectors", &inputs, 2000, |bytes| drop(Bundle::verify(bytes, Some(&alliance))));
    let mut decoded = 0;
    storm("bundle", &[world.bundle().to_bytes()], 2000, |bytes| {
        decoded += usize::from(Bundle::decode(bytes).is_ok());
        for record in Bundle::verify(bytes, Some(&alliance)).map(|bundle| bundle.records).unwrap_or_default() {
            assert_written(&record, &world, &written);
        }
    });
    assert!(decoded > 100, "only {decoded} were worth trying");
}

/// The same under a charter that was read already: the changes go deeper, and there can be more of them.
#[test]
fn records_of_bundles() {
    let world = World::new();
    let written = written(&world);
    let alone = |index| Bundle { foundation: Foundation { charter: Vec::new(), history: None }, records: vec![world.record(index)] }.to_bytes();
    let (mut decoded, mut accepted) = (0, 0);
    let mut judge = |bytes: &[u8]| {
        let Ok(bundle) = Bundle::decode(bytes) else { return };
        assert_eq!(bundle.to_bytes(), bytes, "a second spelling");
        for record in &bundle.records {
            decoded += 1;
            if let Ok(verified) = record.verify(&world.alliance) {
                assert_written(&verified, &world, &written);
                accepted += 1;
            }
        }
    };
    storm("record", &(0..5).map(alone).collect::<Vec<_>>(), 20_000, &mut judge);
    let whole = alone(2);
    for bit in 0..whole.len() * 8 {
        let mut changed = whole.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        judge(&changed);
    }
    // The bits that may change are those of the cosignature line's name and key id: it is a stranger's line then, and strangers are ignored.
    assert!(decoded > 5000 && accepted > 100, "only {decoded} were worth trying, {accepted} accepted");
}

#[test]
fn headers_and_bodies() {
    let headers = vector_bytes("section/section.json", "header", "header");
    storm("section header", &headers, 20_000, |bytes| {
        if let Ok(header) = SectionHeader::open(bytes, &section_commitment(bytes)) {
            assert_eq!(header.to_bytes(), bytes, "a second spelling");
        }
        assert!(SectionHeader::open(bytes, &[0; 32]).is_err());
    });
    let headers = vector_bytes("section/section.json", "audience", "audience");
    storm("audience header", &headers, 20_000, |bytes| {
        if let Ok(header) = AudienceHeader::open(bytes, &audience_commitment(bytes)) {
            assert_eq!(header.to_bytes(), bytes, "a second spelling");
        }
        assert!(AudienceHeader::open(bytes, &[0; 32]).is_err());
    });
    let bodies = vector_bytes("section/section.json", "body", "body");
    let bodies: Vec<Vec<u8>> = bodies.into_iter().filter(|body| body.len() < 10_000).collect();
    storm("body", &bodies, 20_000, |bytes| {
        if let Ok(body) = Body::decode(bytes) {
            assert_eq!(body.to_bytes(), bytes, "a second spelling");
            assert_eq!(body.leaves().len(), body.fields().len());
        }
    });
}

/// What opens a changed ciphertext is in the crate's own tests, bit by bit; here it is only cut and spliced.
#[test]
fn sealed_bodies() {
    let ciphertexts = vector_bytes("sealing/sealing.json", "open", "ciphertext");
    storm("ciphertext", &ciphertexts, 3000, |bytes| {
        assert!(sealing::open(bytes, &Zeroizing::new([1; 32]), b"").is_err());
    });
}

#[test]
fn slips() {
    let prekey = PrekeySecret::from_bytes([1; 32]);
    let alliance = AllianceId([2; 32]);
    let public = prekey.public();
    let address = SlipAddress { alliance: &alliance, statement: StatementId([3; 32]), recipient: MemberId([4; 32]), prekey: &public };
    let content = SlipContent { circle: CircleId([5; 32]), epoch: 6, secret: Zeroizing::new([7; 32]) };
    let slip = Slip::seal(&address, &content, &mut Fixed(8)).unwrap().to_bytes();
    let other = Slip::seal(&address, &content, &mut Fixed(9)).unwrap().to_bytes();
    let genuine = [slip.clone(), other.clone()];
    storm("slip", &[slip, other], 10_000, |bytes| {
        let Ok(received) = Slip::decode(bytes) else { return };
        assert_eq!(received.to_bytes(), bytes, "a second spelling");
        assert_eq!(received.open(&alliance, &prekey).is_ok(), genuine.iter().any(|slip| slip == bytes));
    });
}

/// Not random: the test is the same each time.
struct Fixed(u8);

impl hpke::rand_core::TryRng for Fixed {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(u32::from(self.0))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(u64::from(self.0))
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Self::Error> {
        to.fill(self.0);
        Ok(())
    }
}

impl hpke::rand_core::TryCryptoRng for Fixed {}

#[test]
fn checkpoints_and_proofs() {
    let world = World::new();
    let log = NamedKey::new(world.log.origin(), secret(0, "log").public());
    let heads: Vec<_> = (0..=5).map(|size| world.head(size)).collect();
    let head = |note: &str| UnverifiedCheckpoint::parse(note).and_then(|parsed| parsed.verify(&log, &[])).map(|checkpoint| checkpoint.head);
    storm_text("checkpoint of the vectors", &vectors("log/checkpoint.json", "checkpoint", "note"), 10_000, |note| {
        let _ = head(note);
    });
    let notes: Vec<String> = (0..=5).map(|size| world.checkpoint(size)).collect();
    let mut accepted = 0;
    storm_text("checkpoint", &notes, 20_000, |note| {
        if let Ok(head) = head(note) {
            assert!(heads.contains(&head), "a head that was never signed");
            accepted += 1;
        }
    });
    assert!(accepted > 100, "only {accepted} were worth trying");
    let mut proofs = vectors("log/checkpoint.json", "proof", "proof");
    proofs.extend((0..5).map(|index| world.proof(index, 5).to_string()));
    storm_text("proof", &proofs, 20_000, |text| {
        if let Ok(proof) = LogProof::parse(text) {
            assert_eq!(proof.to_string(), text, "a second spelling");
        }
    });
}

#[test]
fn tile_paths() {
    let paths = ["0/000", "0/x001/x234/067", "1/x001/234.p/255", "entries/x999/999.p/1", "63/000.p/7", "entries/000"].map(str::to_owned);
    let mut accepted = 0;
    storm_text("tile path", &paths, 50_000, |path| {
        if let Some(parsed) = TilePath::parse(path) {
            assert_eq!(parsed.to_string(), path, "a second spelling");
            accepted += 1;
        }
    });
    assert!(accepted > 1000, "only {accepted} were worth trying");
}

#[test]
fn plain_cbor() {
    let mut inputs = vector_bytes("cbor/check.json", "check", "bytes");
    inputs.retain(|input| input.len() < 10_000);
    inputs.push(World::new().bundle().to_bytes());
    inputs.push(bytes32("noise").to_vec());
    storm("cbor", &inputs, 50_000, |bytes| {
        let _ = cbor::check(bytes);
        let _ = cbor::check_prefix(bytes);
    });
}
