//! COSE (RFC 9052): a statement as a COSE_Sign1 in the hands of `coset`.

use coset::iana::Algorithm;
use coset::{CoseSign1, CoseSign1Builder, HeaderBuilder, Label, RegisteredLabelWithPrivate, TaggedCborSerializable};
use ed25519_dalek::{Signature, VerifyingKey};
use suyuan_core::Fault;
use suyuan_core::domain::TYP_STATEMENT;
use suyuan_core::statement::{SignedStatement, UnverifiedStatement, cose_sign1};

use crate::fixture::{World, secret};

fn statement() -> SignedStatement {
    World::new().statements.swap_remove(3)
}

/// What a verifier does who has nothing but a COSE library and the key.
fn coset_verifies(bytes: &[u8]) -> bool {
    let key = VerifyingKey::from_bytes(&secret(0, "log").public().to_bytes()).unwrap();
    CoseSign1::from_tagged_slice(bytes).is_ok_and(|sign1| {
        let check = |signature: &[u8], tbs: &[u8]| Signature::from_slice(signature).and_then(|signature| key.verify_strict(tbs, &signature));
        sign1.payload.is_some() && sign1.verify_signature(&[], check).is_ok()
    })
}

#[test]
fn coset_reads_a_statement() {
    let statement = statement();
    let bytes = cose_sign1(&statement.bytes, &statement.signature).unwrap();
    let sign1 = CoseSign1::from_tagged_slice(&bytes).unwrap();
    let header = &sign1.protected.header;
    assert_eq!(header.alg, Some(RegisteredLabelWithPrivate::Assigned(Algorithm::EdDSA)));
    assert_eq!(header.key_id, secret(0, "log").public().id().0);
    assert_eq!(header.rest, [(Label::Int(16), TYP_STATEMENT.into())]);
    assert!(sign1.unprotected.is_empty());
    assert_eq!(sign1.tbs_data(&[]), statement.bytes, "both sign the same bytes");
    assert!(coset_verifies(&bytes));
    assert_eq!(sign1.to_tagged_vec().unwrap(), bytes);
}

#[test]
fn a_statement_framed_by_coset_is_accepted() {
    let payload = CoseSign1::from_tagged_slice(&cose_sign1(&statement().bytes, &[0; 64]).unwrap()).unwrap().payload.unwrap();
    let key = secret(0, "log");
    let framed = |builder: HeaderBuilder| {
        let header = builder.key_id(key.public().id().0.to_vec()).value(16, TYP_STATEMENT.into()).build();
        CoseSign1Builder::new().protected(header).payload(payload.clone()).build().tbs_data(&[])
    };
    let bytes = framed(HeaderBuilder::new().algorithm(Algorithm::EdDSA));
    assert_eq!(bytes, statement().bytes);
    let verified = UnverifiedStatement::decode(&bytes).unwrap().verify(&key.public(), &key.sign(&bytes)).unwrap();
    assert_eq!(verified.id(), statement().id);

    for other in [HeaderBuilder::new().algorithm(Algorithm::ES256), HeaderBuilder::new()] {
        assert_eq!(UnverifiedStatement::decode(&framed(other)).unwrap_err(), Fault::Frame);
    }
    let more = HeaderBuilder::new().algorithm(Algorithm::EdDSA).iv(vec![1]);
    assert_eq!(UnverifiedStatement::decode(&framed(more)).unwrap_err(), Fault::Frame);
}

#[test]
fn both_refuse_every_changed_bit() {
    let statement = statement();
    let bytes = cose_sign1(&statement.bytes, &statement.signature).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(!coset_verifies(&changed), "coset, bit {bit}");
    }
    let key = secret(0, "log").public();
    let ours = |bytes: &[u8], signature: &[u8; 64]| UnverifiedStatement::decode(bytes).and_then(|found| found.verify(&key, signature)).is_ok();
    assert!(ours(&statement.bytes, &statement.signature));
    for bit in 0..statement.bytes.len() * 8 {
        let mut changed = statement.bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(!ours(&changed, &statement.signature), "bit {bit}");
    }
    for bit in 0..512 {
        let mut changed = statement.signature;
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(!ours(&statement.bytes, &changed), "signature bit {bit}");
    }
}
