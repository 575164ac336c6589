//! Bundles of a member who signs what no honest node would: headers that do not go together, trees over names that stand twice, times far off.

use hex::encode;
use serde_json::{Value, json};
use suyuan_core::bundle::{Bundle, BundleRecord, Content, Disclosure};
use suyuan_core::cbor::Writer;
use suyuan_core::circle::PUBLIC;
use suyuan_core::id::{CircleId, StatementId};
use suyuan_core::log::witness_name;
use suyuan_core::note::{TreeHead, cosign, sign_checkpoint};
use suyuan_core::proof::LogProof;
use suyuan_core::sealing::describe;
use suyuan_core::section::{self, AudienceHeader, Body, DisclosedField, SectionHeader};
use suyuan_core::statement::{SectionCommitment, Statement, sign};
use suyuan_core::tree;

use super::Cases;
use crate::fixture::{World, bytes32, field, secret};

/// A section with the headers that its author committed to, and what is shown of it.
struct Crafted {
    fields: u64,
    header: Vec<u8>,
    audiences: Vec<Vec<u8>>,
    shown: Vec<usize>,
    content: Content,
}

fn body() -> Body {
    Body::new([3; 32], vec![field("a", "1")]).unwrap()
}

fn audience(circle: CircleId, epoch: u64) -> Vec<u8> {
    AudienceHeader { salt: [4; 16], circle, epoch, counter: 0, link: StatementId([0; 32]), order: None }.to_bytes()
}

impl Crafted {
    /// A section of one field, all shown.
    fn new(public: bool, audiences: Vec<Vec<u8>>) -> Self {
        let header = SectionHeader { root: body().root(), sealed: (!public).then(|| describe(b"")) }.to_bytes();
        let shown = (0..audiences.len()).collect();
        Self { fields: 1, header, audiences, shown, content: Content::Whole(body().to_bytes()) }
    }

    fn commitment(&self) -> SectionCommitment {
        let audiences = self.audiences.iter().map(|audience| section::audience_commitment(audience)).collect();
        SectionCommitment { fields: self.fields, header: section::section_commitment(&self.header), audiences }
    }

    fn disclosure(&self) -> Disclosure {
        let audiences = self.shown.iter().map(|&index| (index as u64, self.audiences[index].clone())).collect();
        Disclosure { section: 0, header: self.header.clone(), audiences, content: self.content.clone() }
    }
}

/// A bundle of the only statement of the author's log.
fn bundle_of(world: &World, time: u64, sections: Vec<SectionCommitment>, disclosures: Vec<Disclosure>, more_lines: &str) -> Value {
    let log = world.log;
    let statement = Statement {
        place: log.place(0),
        previous: log.chain_start(),
        time,
        kind: "inspection".into(),
        references: Vec::new(),
        blind: bytes32("crafted"),
        sections,
    };
    let signed = sign(&statement, &secret(0, "log"));
    let head = TreeHead { size: 1, root: tree::leaf_hash(&signed.id.0) };
    let name = witness_name(&log.alliance, &log.member);
    let note = sign_checkpoint(&log.origin(), &head, &secret(0, "log"), (&name, &secret(0, "witness")), 1_795_219_500);
    let proof = LogProof { index: 0, path: Vec::new(), checkpoint: note + more_lines }.to_string();
    let record = BundleRecord { statement: signed.bytes, signature: signed.signature, proof, disclosures };
    let bundle = Bundle { foundation: world.foundation(), records: vec![record] };
    json!({ "bundle": encode(bundle.to_bytes()), "alliance": world.alliance.id().to_string() })
}

fn showing(world: &World, section: &Crafted) -> Value {
    bundle_of(world, 0, vec![section.commitment()], vec![section.disclosure()], "")
}

pub fn crafted(cases: &mut Cases, world: &World) {
    cases.ok("a time that no calendar holds", "verify", bundle_of(world, (1 << 53) - 1, Vec::new(), Vec::new(), ""));
    let name = witness_name(&world.log.alliance, &world.alliance.members()[1].id);
    let other = cosign("of something else", &name, &secret(1, "witness"), 1);
    cases.fault("another member's cosignature of something else", "verify", bundle_of(world, 0, Vec::new(), Vec::new(), &other), "cosignature");
    audiences(cases, world);
    single_fields(cases, world);
    long_lists(cases, world);
}

/// The public reads what is not sealed, alone; nobody else needs no key.
fn audiences(cases: &mut Cases, world: &World) {
    let circle = CircleId(world.alliance.id().0);
    let (public, alliance) = (|| audience(PUBLIC, 0), || audience(circle, 1));
    let hidden = |section: Crafted| Crafted { shown: Vec::new(), ..section };
    for (name, section) in [
        ("a public section, its audience shown", Crafted::new(true, vec![public()])),
        ("a public section, its audience not shown", hidden(Crafted::new(true, vec![public()]))),
        ("a public section, an audience that is not shown and not public", hidden(Crafted::new(true, vec![alliance()]))),
        ("a sealed section for two circles", Crafted::new(false, vec![alliance(), audience(CircleId([9; 32]), 7)])),
        ("a sealed section, its audiences not shown", hidden(Crafted::new(false, vec![alliance(), public()]))),
    ] {
        cases.ok(name, "verify", showing(world, &section));
    }
    let second = |section: Crafted| Crafted { shown: vec![1], ..section };
    let changed = |section: Crafted| Crafted { content: Content::Whole(vec![0xff]), ..section };
    for (name, section) in [
        ("a public section for the alliance", Crafted::new(true, vec![alliance()])),
        ("a public section in an epoch", Crafted::new(true, vec![audience(PUBLIC, 1)])),
        ("a public section for a circle in epoch 0", Crafted::new(true, vec![audience(circle, 0)])),
        ("a public section for the public and the alliance", Crafted::new(true, vec![public(), alliance()])),
        ("a public section for the public twice", Crafted::new(true, vec![public(), public()])),
        ("a public section of two audiences, none shown", hidden(Crafted::new(true, vec![public(), public()]))),
        ("a sealed section for the public", Crafted::new(false, vec![public()])),
        ("a sealed section for the public in an epoch", Crafted::new(false, vec![audience(PUBLIC, 1)])),
        ("a sealed section for a circle in epoch 0", Crafted::new(false, vec![audience(circle, 0)])),
        ("a sealed section, the second audience public", second(Crafted::new(false, vec![alliance(), public()]))),
        ("a sealed section for the public, and a body that is none", changed(Crafted::new(false, vec![public()]))),
        ("a public section of two audiences, and a body that is none", changed(hidden(Crafted::new(true, vec![public(), public()])))),
    ] {
        cases.fault(name, "verify", showing(world, &section), "audience");
    }
    let mut later = alliance();
    later[1] = 2;
    let both = Crafted::new(true, vec![public(), later]);
    cases.fault("a public section of two audiences, the second of suite 2", "verify", showing(world, &both), "suite");
}

/// A tree over fields that no body holds; they come back in tree order.
fn fields_of(names: &[&str]) -> (Crafted, Vec<DisclosedField>) {
    let leaf = |salt: &[u8; 32], name: &str| {
        let mut writer = Writer::default();
        writer.array(3).bytes(salt).text(name).text("1");
        tree::leaf_hash(&writer.finish())
    };
    let mut fields: Vec<_> = names.iter().zip(1..).map(|(name, salt)| (leaf(&[salt; 32], name), [salt; 32], *name)).collect();
    fields.sort_unstable();
    let leaves: Vec<_> = fields.iter().map(|field| field.0).collect();
    let single = fields.iter().enumerate().map(|(index, (_, salt, name))| DisclosedField {
        salt: *salt,
        field: field(name, "1"),
        index: index as u64,
        path: tree::inclusion_path(&leaves, index),
    });
    let header = SectionHeader { root: tree::root(&leaves), sealed: None }.to_bytes();
    (Crafted { fields: names.len() as u64, header, ..Crafted::new(true, vec![audience(PUBLIC, 0)]) }, single.collect())
}

fn single_fields(cases: &mut Cases, world: &World) {
    let show = |names: &[&str], change: &dyn Fn(&mut Vec<DisclosedField>)| {
        let (section, mut fields) = fields_of(names);
        change(&mut fields);
        showing(world, &Crafted { content: Content::Fields(fields), ..section })
    };
    cases.ok("three single fields", "verify", show(&["a", "b", "c"], &|_| {}));
    cases.fault("single fields of one name", "verify", show(&["a", "a", "c"], &|_| {}), "field-duplicate");
    cases.fault("single fields of one name, the last path wrong", "verify", show(&["a", "a", "c"], &|fields| fields[2].salt[0] ^= 1), "field-path");
    cases.fault("single fields out of order", "verify", show(&["a", "b", "c"], &|fields| fields.swap(0, 1)), "field-path");
    cases.fault("a single field's path of 64 hashes", "verify", show(&["a", "b"], &|fields| fields[1].path = vec![[0; 32]; 64]), "field-path");
    cases.fault("no single fields", "verify", show(&["a"], &Vec::clear), "form");
    cases.fault("a single field without a name", "verify", show(&["", "b"], &|_| {}), "form");
    cases.fault("a control character in a single field's name", "verify", show(&["a\u{1b}", "b"], &|_| {}), "form");
    cases.fault("DEL in a single field's name", "verify", show(&["a\u{7f}", "b"], &|_| {}), "form");
    cases.fault("a single field's name of 129 bytes", "verify", show(&[&"a".repeat(129), "b"], &|_| {}), "form");
    cases.fault("a single field without a value", "verify", show(&["a", "b"], &|fields| fields[1].field.value.clear()), "form");
    cases.fault("257 single fields", "verify", show(&["a"], &|fields| fields.resize(257, fields[0].clone())), "form");
    let form_first = show(&["a\n"], &|_| {});
    cases.fault(
        "a single field of bad form under another alliance",
        "verify",
        json!({ "bundle": form_first["bundle"], "alliance": encode([1; 32]) }),
        "form",
    );
}

/// The lists of a bundle have no bound of their own; their elements are refused one by one.
fn long_lists(cases: &mut Cases, world: &World) {
    let section = Crafted::new(true, vec![audience(PUBLIC, 0)]);
    let nine = (0..9).map(|index| Disclosure { section: index, ..section.disclosure() }).collect();
    let eight = vec![section.commitment(); 8];
    cases.fault("nine disclosures of eight sections", "verify", bundle_of(world, 0, eight, nine, ""), "section-index");
    let mut crowd = section.disclosure();
    crowd.audiences = vec![crowd.audiences[0].clone(); 17];
    cases.fault("an audience header 17 times", "verify", bundle_of(world, 0, vec![section.commitment()], vec![crowd], ""), "audience");
}
