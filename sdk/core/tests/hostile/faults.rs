//! A member of the alliance who signs what an honest program would not: every verifier names the fault that the specification puts first.

use suyuan_core::Fault;
use suyuan_core::bundle::{Bundle, BundleRecord, Content, Disclosure};
use suyuan_core::cbor::Writer;
use suyuan_core::charter::CharterFile;
use suyuan_core::circle::PUBLIC;
use suyuan_core::id::{Hash, StatementId};
use suyuan_core::key::SecretKey;
use suyuan_core::log::witness_name;
use suyuan_core::note::{TreeHead, checkpoint_body, cosign, sign_checkpoint};
use suyuan_core::proof::LogProof;
use suyuan_core::section::{AudienceHeader, Body, DisclosedField, SectionHeader, audience_commitment, section_commitment};
use suyuan_core::statement::{SectionCommitment, Statement, sign};
use suyuan_core::tree;

use crate::fixture::{TIME, World, field, secret};

/// A log of one statement with one public section, whatever root the author liked.
struct Author {
    world: World,
    header: Vec<u8>,
    audience: Vec<u8>,
    fields: u64,
}

impl Author {
    fn new(root: Hash, fields: u64) -> Self {
        let audience = AudienceHeader { salt: [1; 16], circle: PUBLIC, epoch: 0, counter: 0, link: StatementId([0; 32]), order: None };
        let header = SectionHeader { root, sealed: None }.to_bytes();
        Self { world: World::new(), header, audience: audience.to_bytes(), fields }
    }

    fn record(&self, disclosures: Vec<Disclosure>) -> BundleRecord {
        let log = self.world.log;
        let statement = Statement {
            place: log.place(0),
            previous: log.chain_start(),
            time: TIME,
            kind: "inspection".into(),
            references: Vec::new(),
            blind: [2; 32],
            sections: vec![SectionCommitment {
                fields: self.fields,
                header: section_commitment(&self.header),
                audiences: vec![audience_commitment(&self.audience)],
            }],
        };
        let signed = sign(&statement, &secret(0, "log"));
        let checkpoint = self.checkpoint(tree::leaf_hash(&signed.id.0));
        let proof = LogProof { index: 0, path: Vec::new(), checkpoint }.to_string();
        BundleRecord { statement: signed.bytes, signature: signed.signature, proof, disclosures }
    }

    fn checkpoint(&self, root: Hash) -> String {
        let (log, witness) = (self.world.log, secret(0, "witness"));
        let name = witness_name(&log.alliance, &log.member);
        sign_checkpoint(&log.origin(), &TreeHead { size: 1, root }, &secret(0, "log"), (&name, &witness), 1_795_219_500)
    }

    fn disclosure(&self, content: Content) -> Disclosure {
        Disclosure { section: 0, header: self.header.clone(), audiences: vec![(0, self.audience.clone())], content }
    }

    fn verdict(&self, disclosures: Vec<Disclosure>) -> Result<(), Fault> {
        self.judge(self.record(disclosures))
    }

    fn judge(&self, record: BundleRecord) -> Result<(), Fault> {
        let bundle = Bundle { foundation: self.world.foundation(), records: vec![record] };
        Bundle::verify(&bundle.to_bytes(), Some(&self.world.alliance.id())).map(|_| ())
    }
}

/// A tree over fields that no honest body holds; the fields come back in tree order.
fn tree_over(names: &[&str]) -> (Hash, Vec<DisclosedField>) {
    let mut fields: Vec<(Hash, [u8; 32], &str)> = names
        .iter()
        .zip(1..)
        .map(|(name, number)| {
            let mut writer = Writer::default();
            writer.array(3).bytes(&[number; 32]).text(name).text("1");
            (tree::leaf_hash(&writer.finish()), [number; 32], *name)
        })
        .collect();
    fields.sort_unstable();
    let leaves: Vec<Hash> = fields.iter().map(|field| field.0).collect();
    let disclosed = fields.iter().enumerate().map(|(index, (_, salt, name))| DisclosedField {
        salt: *salt,
        field: field(name, "1"),
        index: index as u64,
        path: tree::inclusion_path(&leaves, index),
    });
    (tree::root(&leaves), disclosed.collect())
}

#[test]
fn honest_records_pass() {
    let (root, fields) = tree_over(&["a", "b", "c"]);
    let author = Author::new(root, 3);
    assert_eq!(author.verdict(Vec::new()), Ok(()));
    assert_eq!(author.verdict(vec![author.disclosure(Content::Fields(fields))]), Ok(()));
}

/// A page shows a field's name: what no body may hold cannot be shown alone either.
#[test]
fn a_single_field_obeys_the_rules_for_names() {
    for name in ["a\nb", "\u{0}", "\u{1b}[2J", "a\u{7f}"] {
        let (root, fields) = tree_over(&[name, "b"]);
        let author = Author::new(root, 2);
        assert_eq!(author.verdict(vec![author.disclosure(Content::Fields(fields))]), Err(Fault::Form), "{name:?}");
    }
    let body = Body::new([1; 32], vec![field("a\nb", "1")]);
    assert_eq!(body, Err(Fault::Form));
}

#[test]
fn paths_are_checked_before_names() {
    let (root, mut fields) = tree_over(&["a", "a", "b"]);
    let author = Author::new(root, 3);
    assert_eq!(author.verdict(vec![author.disclosure(Content::Fields(fields.clone()))]), Err(Fault::FieldDuplicate));
    fields[2].salt = [9; 32];
    assert_eq!(author.verdict(vec![author.disclosure(Content::Fields(fields))]), Err(Fault::FieldPath));
}

#[test]
fn long_lists_have_the_fault_of_their_check() {
    let (root, fields) = tree_over(&["a", "b"]);
    let author = Author::new(root, 2);
    let shown = || author.disclosure(Content::Fields(fields.clone()));

    let mut long = fields.clone();
    long[0].path = vec![[0; 32]; 64];
    assert_eq!(author.verdict(vec![author.disclosure(Content::Fields(long))]), Err(Fault::FieldPath));
    let nine = (0..9).map(|section| Disclosure { section, ..shown() }).collect();
    assert_eq!(author.verdict(nine), Err(Fault::SectionIndex));
    let crowded = Disclosure { audiences: (0..17).map(|index| (index, author.audience.clone())).collect(), ..shown() };
    assert_eq!(author.verdict(vec![crowded]), Err(Fault::Audience));
    assert_eq!(author.verdict(vec![author.disclosure(Content::Fields(Vec::new()))]), Err(Fault::Form));

    let file =
        CharterFile { signatures: author.world.file.signatures.iter().cycle().take(4 * 512 + 1).copied().collect(), ..author.world.file.clone() };
    assert_eq!(CharterFile::decode(&file.to_bytes()).unwrap().verify(None).unwrap_err(), Fault::CharterSignature);
}

#[test]
fn a_large_body_is_a_matter_of_form() {
    let (root, _) = tree_over(&["a"]);
    let author = Author::new(root, 1);
    for filler in [0x00, 0xff] {
        let body = vec![filler; 1024 * 1024 + 1];
        assert_eq!(author.verdict(vec![author.disclosure(Content::Whole(body))]), Err(Fault::Form));
        let body = vec![filler; 1024 * 1024];
        assert_eq!(author.verdict(vec![author.disclosure(Content::Whole(body))]), Err(Fault::Cbor));
    }
}

#[test]
fn a_large_checkpoint_is_the_notes_fault() {
    let (root, _) = tree_over(&["a"]);
    let author = Author::new(root, 1);
    let mut record = author.record(Vec::new());
    assert_eq!(author.judge(record.clone()), Ok(()));
    record.proof += &format!("— {} AAAAAAAA\n", "n".repeat(256 * 1024));
    assert_eq!(author.judge(record), Err(Fault::Note));
}

/// Times above 2^53 - 1 are not the same number in every language.
#[test]
fn a_cosignature_from_the_far_future_is_refused() {
    let (root, _) = tree_over(&["a"]);
    let author = Author::new(root, 1);
    let log = author.world.log;
    let name = witness_name(&log.alliance, &log.member);
    let record = author.record(Vec::new());
    let head = TreeHead { size: 1, root: tree::leaf_hash(&sha256(&record.statement)) };
    let body = checkpoint_body(&log.origin(), &head);
    let signed = |seconds: u64| {
        let mut record = record.clone();
        record.proof += &cosign(&body, &name, &SecretKey::from_seed(&secret(0, "witness").seed()), seconds);
        author.judge(record)
    };
    assert_eq!(signed((1 << 53) - 1), Ok(()));
    for seconds in [1 << 53, 1 << 63, u64::MAX] {
        assert_eq!(signed(seconds), Err(Fault::Cosignature));
    }
}

fn sha256(bytes: &[u8]) -> Hash {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).into()
}
