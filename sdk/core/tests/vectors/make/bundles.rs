//! Vectors of bundles: one lie for each step of the verification.

use hex::encode;
use serde_json::{Value, json};
use suyuan_core::bundle::{Bundle, BundleRecord, Content};
use suyuan_core::cbor::Writer;
use suyuan_core::id::{AllianceId, MemberId, StatementId};
use suyuan_core::log::witness_name;
use suyuan_core::note;
use suyuan_core::section::Body;
use suyuan_core::statement::{SectionCommitment, Statement, sign};

use super::{Cases, crafted, flip, swap};
use crate::fixture::{World, bytes32, field, secret};

pub fn bundle(world: &World) -> Value {
    let mut cases = Cases::new("bundle", "bundle.md#verification");
    let good = world.bundle();
    let case = |bundle: &Bundle| json!({ "bundle": encode(bundle.to_bytes()), "alliance": world.alliance.id().to_string() });
    cases.ok("two records", "verify", case(&good));
    cases.ok("no alliance expected", "verify", json!({ "bundle": encode(good.to_bytes()) }));
    let mut bare = good.clone();
    bare.records[0].disclosures.clear();
    cases.ok("nothing disclosed of one record", "verify", case(&bare));
    let mut twice = good.clone();
    twice.records.push(good.records[0].clone());
    cases.ok("a record twice", "verify", case(&twice));
    cases.fault("another alliance expected", "verify", json!({ "bundle": encode(good.to_bytes()), "alliance": encode([1; 32]) }), "alliance");
    envelope(&mut cases, &good);
    witnessed(&mut cases, world, &good);

    let mut lie = |name: &str, fault: &str, change: &dyn Fn(&mut BundleRecord)| {
        let mut bundle = good.clone();
        change(&mut bundle.records[1]);
        cases.fault(name, "verify", case(&bundle), fault);
    };
    statements(&mut lie, world);
    proofs(&mut lie, world);
    disclosures(&mut lie, world);
    crafted::crafted(&mut cases, world);
    let mut lied = good.clone();
    lied.foundation.charter = swap(&lied.foundation.charter, b"Vectors", b"vectors");
    cases.fault("a letter of the charter changed, alliance expected", "verify", case(&lied), "alliance");
    cases.fault("a letter of the charter changed, no alliance expected", "verify", json!({ "bundle": encode(lied.to_bytes()) }), "charter-signature");
    cases.finish()
}

/// Cosignatures of others come after the author's own.
fn witnessed(cases: &mut Cases, world: &World, good: &Bundle) {
    let body = note::checkpoint_body(&world.log.origin(), &world.head(5));
    let line = |member: usize, seconds| {
        note::cosign(&body, &witness_name(&world.log.alliance, &world.alliance.members()[member].id), &secret(member, "witness"), seconds)
    };
    let with = |lines: String| {
        let mut bundle = good.clone();
        bundle.records[1].proof.push_str(&lines);
        json!({ "bundle": encode(bundle.to_bytes()), "alliance": world.alliance.id().to_string() })
    };
    cases.ok("witnessed by the other partner", "verify", with(line(1, 1_795_219_501)));
    cases.ok("a regulator's cosignature is shown, and does not count", "verify", with(line(2, 1_795_219_502)));
    cases.ok("witnessed, and by a regulator too", "verify", with([line(2, 1_795_219_502), line(1, 1_795_219_503)].concat()));
    cases.fault("another witness's cosignature changed", "verify", with(line(1, 7).replacen("witness ", "witness A", 1)), "note");
    let other = line(1, 7);
    let moved = format!("{}{}", &other[..other.len() - 10], &line(1, 8)[other.len() - 10..]);
    cases.fault("another witness's cosignature does not verify", "verify", with(moved), "cosignature");
    cases.fault("a regulator's cosignature at 2^53", "verify", with(line(2, 1 << 53)), "cosignature");
}

fn envelope(cases: &mut Cases, good: &Bundle) {
    let mut raw = |name: &str, bytes: Vec<u8>, fault: &str| cases.fault(name, "verify", json!({ "bundle": encode(bytes) }), fault);
    let bytes = good.to_bytes();
    raw("empty", Vec::new(), "cbor");
    raw("one byte short", bytes[..bytes.len() - 1].to_vec(), "cbor");
    raw("another kind of file", swap(&bytes, b"suyuan-bundle", b"Suyuan-bundle"), "form");
    raw("version 2", flip(&flip(&bytes, 15), 15)[..15].iter().copied().chain([2]).chain(bytes[16..].iter().copied()).collect(), "suite");
    let mut none = good.clone();
    none.records.clear();
    raw("no records", none.to_bytes(), "form");
    let mut many = good.clone();
    many.records = vec![small_record(); 1025];
    raw("1025 records", many.to_bytes(), "form");
    let mut short = Writer::default();
    short.array(2).text("suyuan-bundle").uint(1);
    raw("two elements", short.finish(), "form");
    let written = |write: &dyn Fn(&mut Writer) -> &mut Writer| {
        let mut writer = Writer::default();
        write(&mut writer);
        writer.finish()
    };
    raw("one element", written(&|writer| writer.array(1).text("suyuan-bundle")), "form");
    raw("no array", written(&|writer| writer.uint(2)), "form");
    raw("version 2, two elements", written(&|writer| writer.array(2).text("suyuan-bundle").uint(2)), "suite");
    raw("version 2 of another kind of file", written(&|writer| writer.array(2).text("anything").uint(2)), "suite");
    raw("version 2 after an array", written(&|writer| writer.array(2).array(1).uint(0).uint(2)), "suite");
    raw("version 1 after an array", written(&|writer| writer.array(2).array(1).uint(0).uint(1)), "form");
    raw("a version that is a text", written(&|writer| writer.array(2).text("suyuan-bundle").text("2")), "form");
    raw("version 2 and a byte after it", written(&|writer| writer.array(2).text("suyuan-bundle").uint(2).raw(&[0])), "cbor");
    let short = written(&|writer| {
        writer.array(4).text("suyuan-bundle").uint(1).bytes(&good.foundation.charter).array(1);
        writer.array(4).bytes(&[]).bytes(&[0; 63]).text("").array(0)
    });
    raw("a signature of 63 bytes", short, "form");
}

fn small_record() -> BundleRecord {
    BundleRecord { statement: Vec::new(), signature: [0; 64], proof: String::new(), disclosures: Vec::new() }
}

type Lie<'a> = dyn FnMut(&str, &str, &dyn Fn(&mut BundleRecord)) + 'a;

fn resigned(world: &World, key: (usize, &str), change: impl Fn(&mut Statement)) -> impl Fn(&mut BundleRecord) {
    let mut statement = Statement {
        place: world.log.place(4),
        previous: [0; 32],
        time: 0,
        kind: "inspection".into(),
        references: Vec::new(),
        blind: bytes32("forged"),
        sections: vec![SectionCommitment { fields: 1, header: [0; 32], audiences: vec![[0; 32]] }],
    };
    change(&mut statement);
    let signed = sign(&statement, &secret(key.0, key.1));
    move |record| {
        record.statement = signed.bytes.clone();
        record.signature = signed.signature;
    }
}

fn statements(lie: &mut Lie, world: &World) {
    lie("statement is no Sig_structure", "frame", &|record| record.statement = vec![0x80]);
    lie("statement's type in capitals", "form", &|record| record.statement = swap(&record.statement, b"inspection", b"Inspection"));
    lie("statement of another alliance", "statement-alliance", &resigned(world, (0, "log"), |s| s.place.alliance = AllianceId([1; 32])));
    lie("author is a stranger", "author", &resigned(world, (0, "log"), |s| s.place.author = MemberId([1; 32])));
    lie("signed by another member", "key-id", &resigned(world, (1, "log"), |_| {}));
    lie("signed by the author's root key", "key-id", &resigned(world, (0, "root"), |_| {}));
    lie("signature changed", "signature", &|record| record.signature[63] ^= 1);
    lie("a byte of the statement changed", "signature", &|record| {
        record.statement = swap(&record.statement, &bytes32("blind 4"), &bytes32("blind 5"));
    });
    lie("a statement that is not in the log", "inclusion", &resigned(world, (0, "log"), |_| {}));
    let first = world.statements[0].id;
    lie("references changed", "signature", &|record| record.statement = swap(&record.statement, &first.0, &StatementId([1; 32]).0));
}

fn proofs(lie: &mut Lie, world: &World) {
    lie("proof of another kind", "proof", &|record| record.proof = record.proof.replace("@v1", "@v9"));
    lie("checkpoint is no note", "note", &|record| record.proof = record.proof.replace('—', "-"));
    lie("checkpoint of another log", "origin", &|record| record.proof = record.proof.replacen("/0\n", "/1\n", 1));
    lie("checkpoint's size changed", "checkpoint-signature", &|record| record.proof = record.proof.replacen("\n5\n", "\n6\n", 1));
    let proof = world.proof(4, 5);
    let cosigned = proof.checkpoint.lines().last().unwrap().to_owned();
    let broken = format!("{}AAAA=", &cosigned[..cosigned.len() - 5]);
    lie("author's cosignature changed", "cosignature", &|record| record.proof = record.proof.replacen(&cosigned, &broken, 1));
    lie("proof for another index", "index", &|record| record.proof = record.proof.replacen("index 4", "index 3", 1));
    let early = world.checkpoint(4);
    lie("checkpoint from before the entry", "checkpoint-size", &|record| {
        record.proof = format!("{}\n\n{early}", record.proof.split("\n\n").next().unwrap());
    });
    let other = world.proof(3, 5).to_string().replacen("index 3", "index 4", 1);
    lie("path of another entry", "inclusion", &|record| record.proof = other.clone());
    lie("path missing", "inclusion", &|record| {
        let (_, checkpoint) = record.proof.split_once("\n\n").unwrap();
        record.proof = format!("c2sp.org/tlog-proof@v1\nindex 4\n\n{checkpoint}");
    });
}

fn disclosures(lie: &mut Lie, world: &World) {
    lie("section that does not exist", "section-index", &|record| record.disclosures[1].section = 2);
    lie("sections out of order", "section-index", &|record| record.disclosures.reverse());
    lie("a section twice", "section-index", &|record| record.disclosures[1] = record.disclosures[0].clone());
    lie("header of another record", "header", &|record| record.disclosures[0].header = world.sections[3][0].header.clone());
    lie("header of another section", "header", &|record| record.disclosures[0].header = world.sections[4][1].header.clone());
    lie("audience header changed", "audience", &|record| record.disclosures[0].audiences[0].1[5] ^= 1);
    lie("audience that does not exist", "audience", &|record| record.disclosures[0].audiences[0].0 = 1);
    lie("a value changed", "field-root", &|record| whole(record, |body| swap(body, b"pass", b"fail")));
    lie("a field left out", "field-count", &|record| {
        whole(record, |_| Body::new([0; 32], vec![field("result", "\"pass\"")]).unwrap().to_bytes());
    });
    lie("a name twice", "field-duplicate", &|record| {
        whole(record, |_| {
            let mut writer = Writer::default();
            writer.array(2).bytes(&[0; 32]).array(2).array(2).text("a").text("1").array(2).text("a").text("1");
            writer.finish()
        });
    });
    lie("a body that is not canonical", "cbor", &|record| whole(record, |body| [body, &[0]].concat()));
    lie("a disclosed value changed", "field-path", &|record| single(record, |field| field.field.value = "1".into()));
    lie("a disclosed name changed", "field-path", &|record| single(record, |field| field.field.name = "Residue".into()));
    lie("a disclosed salt changed", "field-path", &|record| single(record, |field| field.salt[0] ^= 1));
    lie("a disclosed path cut", "field-path", &|record| single(record, |field| field.path.clear()));
    lie("a disclosed index moved", "field-path", &|record| single(record, |field| field.index ^= 1));
    lie("a disclosed field twice", "field-path", &|record| {
        if let Content::Fields(fields) = &mut record.disclosures[1].content {
            fields.push(fields[0].clone());
        }
    });
}

fn whole(record: &mut BundleRecord, change: impl Fn(&[u8]) -> Vec<u8>) {
    if let Content::Whole(body) = &mut record.disclosures[0].content {
        *body = change(body);
    }
}

fn single(record: &mut BundleRecord, change: impl Fn(&mut suyuan_core::section::DisclosedField)) {
    if let Content::Fields(fields) = &mut record.disclosures[1].content {
        change(&mut fields[0]);
    }
}
