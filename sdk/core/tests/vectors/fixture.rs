//! One small alliance with known keys, a log of five statements, and a bundle over it.

use sha2::{Digest, Sha256};
use suyuan_core::bundle::{Bundle, BundleRecord, Content, Disclosure};
use suyuan_core::charter::{Alliance, Charter, CharterFile, Entry, MemberKeys, Role};
use suyuan_core::circle::{self, PUBLIC};
use suyuan_core::history::Foundation;
use suyuan_core::id::{CircleId, Hash, StatementId};
use suyuan_core::key::SecretKey;
use suyuan_core::log::{LogId, chain_next, witness_name};
use suyuan_core::note::{TreeHead, sign_checkpoint};
use suyuan_core::proof::LogProof;
use suyuan_core::sealing;
use suyuan_core::section::{self, ABOUT, AudienceHeader, Body, Field, SectionHeader};
use suyuan_core::statement::{SectionCommitment, SignedStatement, Statement, sign};
use suyuan_core::tree;
use zeroize::Zeroizing;

pub const TIME: u64 = 1_795_219_200_000;

pub fn bytes32(label: &str) -> [u8; 32] {
    Sha256::digest(label.as_bytes()).into()
}

pub fn secret(member: usize, name: &str) -> SecretKey {
    SecretKey::from_seed(&bytes32(&format!("{member}/{name}")))
}

pub fn entry(member: usize, name: &str, role: Role) -> Entry {
    let public = |key| secret(member, key).public().to_bytes();
    let encryption = circle::PrekeySecret::from_bytes(bytes32(&format!("{member}/encryption"))).public();
    Entry {
        name: name.into(),
        role,
        keys: MemberKeys { root: public("root"), log: public("log"), witness: public("witness"), transport: public("transport"), encryption },
        addresses: vec![format!("/ip4/192.0.2.{member}/tcp/4001")],
        scope: if role == Role::Regulator { vec!["inspection".into()] } else { Vec::new() },
    }
}

pub fn charter() -> Charter {
    Charter {
        nonce: bytes32("nonce"),
        name: "绿色农业链示范".into(),
        purpose: "Vectors".into(),
        chain: "绿色农业".into(),
        time: TIME,
        members: vec![entry(0, "G 生态农业", Role::Leader), entry(1, "Z 绿色商超", Role::Downstream), entry(2, "R 监管局", Role::Regulator)],
        deputies: vec![1],
        seal: 86_400_000,
        terms: "第一条\n第二条".into(),
    }
}

pub fn sign_charter(charter: &Charter) -> CharterFile {
    sign_charter_bytes(charter.to_bytes(), charter.members.len())
}

/// Signs whatever bytes stand there, so that wrong charters can be signed too.
pub fn sign_charter_bytes(charter: Vec<u8>, members: usize) -> CharterFile {
    let mut signatures = Vec::new();
    for member in 0..members {
        for name in ["root", "log", "witness", "transport"] {
            let key = secret(member, name);
            let id = key.public().id();
            signatures.push((id, key.sign(&Charter::message(&charter, id))));
        }
    }
    CharterFile { charter, signatures }
}

/// A section with all that its readers have.
pub struct Section {
    pub body: Body,
    pub header: Vec<u8>,
    pub audience: Vec<u8>,
    pub ciphertext: Option<Vec<u8>>,
}

pub struct World {
    pub file: CharterFile,
    pub alliance: Alliance,
    pub log: LogId,
    pub statements: Vec<SignedStatement>,
    pub sections: Vec<Vec<Section>>,
    pub chain: Hash,
}

pub fn field(name: &str, value: &str) -> Field {
    Field { name: name.into(), value: value.into() }
}

impl World {
    pub fn new() -> Self {
        let file = sign_charter(&charter());
        let alliance = file.verify(None).unwrap();
        let log = LogId { alliance: alliance.id(), member: alliance.members()[0].id, incarnation: 0 };
        let mut world = Self { file, alliance, log, statements: Vec::new(), sections: Vec::new(), chain: log.chain_start() };
        let about = field(ABOUT, r#"["https://id.gs1.org/01/06901234567892/10/L20261120"]"#);
        for number in 0..5u64 {
            let public = vec![field("result", "\"pass\""), about.clone(), field("step", &number.to_string())];
            let sealed = vec![about.clone(), field("residue", r#"{"value": 0.010,"unit":"mg/kg"}"#)];
            world.append(number, public, sealed);
        }
        world
    }

    fn append(&mut self, number: u64, public: Vec<Field>, sealed: Vec<Field>) {
        let place = self.log.place(number);
        let bodies =
            [Body::new(bytes32(&format!("seed {number}/0")), public).unwrap(), Body::new(bytes32(&format!("seed {number}/1")), sealed).unwrap()];
        let mut sections = Vec::new();
        for (index, body) in bodies.into_iter().enumerate() {
            let root = body.root();
            let ciphertext = (index == 1).then(|| {
                let key = Zeroizing::new(bytes32(&format!("key {number}")));
                sealing::seal(&body, &key, [7; 24], &sealing::context(&place, 1, &root)).unwrap()
            });
            let header = SectionHeader { root, sealed: ciphertext.as_deref().map(sealing::describe) }.to_bytes();
            let audience = AudienceHeader {
                salt: bytes32(&format!("salt {number}/{index}"))[..16].try_into().unwrap(),
                circle: if index == 0 { PUBLIC } else { CircleId(self.alliance.id().0) },
                epoch: index as u64,
                counter: number,
                link: self.statements.last().map_or(StatementId([0; 32]), |last| last.id),
                order: None,
            };
            sections.push(Section { body, header, audience: audience.to_bytes(), ciphertext });
        }
        let statement = Statement {
            place,
            previous: self.chain,
            time: TIME + number * 60_000,
            kind: "inspection".into(),
            references: self.statements.first().map(|first| first.id).into_iter().collect(),
            blind: bytes32(&format!("blind {number}")),
            sections: sections
                .iter()
                .map(|section| SectionCommitment {
                    fields: section.body.fields().len() as u64,
                    header: section::section_commitment(&section.header),
                    audiences: vec![section::audience_commitment(&section.audience)],
                })
                .collect(),
        };
        let signed = sign(&statement, &secret(0, "log"));
        self.chain = chain_next(&self.chain, &signed.id);
        self.statements.push(signed);
        self.sections.push(sections);
    }

    pub fn foundation(&self) -> Foundation {
        Foundation { charter: self.file.to_bytes(), history: None }
    }

    pub fn leaves(&self) -> Vec<Hash> {
        self.statements.iter().map(|statement| tree::leaf_hash(&statement.id.0)).collect()
    }

    pub fn head(&self, size: usize) -> TreeHead {
        TreeHead { size: size as u64, root: tree::root(&self.leaves()[..size]) }
    }

    pub fn checkpoint(&self, size: usize) -> String {
        let witness = secret(0, "witness");
        let name = witness_name(&self.log.alliance, &self.log.member);
        sign_checkpoint(&self.log.origin(), &self.head(size), &secret(0, "log"), (&name, &witness), 1_795_219_500)
    }

    pub fn proof(&self, index: usize, size: usize) -> LogProof {
        let path = tree::inclusion_path(&self.leaves()[..size], index);
        LogProof { index: index as u64, path, checkpoint: self.checkpoint(size) }
    }

    /// The record with its public section whole and, of the sealed one, one field.
    pub fn record(&self, index: usize) -> BundleRecord {
        let [public, sealed] = &self.sections[index][..] else { panic!("two sections") };
        BundleRecord {
            statement: self.statements[index].bytes.clone(),
            signature: self.statements[index].signature,
            proof: self.proof(index, 5).to_string(),
            disclosures: vec![
                Disclosure {
                    section: 0,
                    header: public.header.clone(),
                    audiences: vec![(0, public.audience.clone())],
                    content: Content::Whole(public.body.to_bytes()),
                },
                Disclosure {
                    section: 1,
                    header: sealed.header.clone(),
                    audiences: Vec::new(),
                    content: Content::Fields(vec![sealed.body.disclose("residue").unwrap()]),
                },
            ],
        }
    }

    pub fn bundle(&self) -> Bundle {
        Bundle { foundation: self.foundation(), records: vec![self.record(2), self.record(4)] }
    }
}
