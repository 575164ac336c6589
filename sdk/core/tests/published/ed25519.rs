//! Ed25519 (`specs/key.md`): whoever verifies strictly and without cofactor must reach these verdicts.

use curve25519_dalek::scalar::{Scalar, clamp_integer};
use ed25519_dalek::Verifier;
use sha2::{Digest, Sha512};
use suyuan_core::Fault;
use suyuan_core::key::{PublicKey, SecretKey, Signature, usable_x25519};

use crate::{array, cases, unhex};

/// A signature of another length than 64 bytes cannot even be asked about.
fn judge(key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), Fault> {
    let key = PublicKey::new(&key.try_into().map_err(|_| Fault::Key)?)?;
    let signature: Signature = signature.try_into().map_err(|_| Fault::Signature)?;
    key.verify(message, &signature)
}

#[test]
fn rfc_8032_keys_and_signatures() {
    let cases = cases(include_str!("ed25519_rfc8032.json"));
    assert_eq!(cases.len(), 5);
    for case in cases {
        let [seed, public, message, signature] = [1, 2, 3, 4].map(|at| unhex(&case[at]));
        let secret = SecretKey::from_seed(&seed.try_into().unwrap());
        assert_eq!(secret.public().to_bytes().as_slice(), public, "test {}", case[0]);
        assert_eq!(secret.sign(&message).as_slice(), signature, "test {}", case[0]);
        assert_eq!(judge(&public, &message, &signature), Ok(()), "test {}", case[0]);
        for bit in 0..512 {
            let mut changed = signature.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(judge(&public, &message, &changed), Err(Fault::Signature), "test {} bit {bit}", case[0]);
        }
    }
}

#[test]
fn wycheproof_verdicts() {
    let cases = cases(include_str!("ed25519_wycheproof.json"));
    let valid = cases.iter().filter(|case| case[4] == true).count();
    assert_eq!((cases.len(), valid), (151, 88));
    for case in cases {
        let [key, message, signature] = [1, 2, 3].map(|at| unhex(&case[at]));
        assert_eq!(judge(&key, &message, &signature).is_ok(), case[4] == true, "case {}", case[0]);
    }
}

/// Each has a point of low order, with a low-order part or spelt otherwise; a signature like that may verify for one program and not for
/// another. Only the one that has nothing special may be accepted.
#[test]
fn cctv_edge_cases() {
    let cases = cases(include_str!("ed25519_cctv.json"));
    assert_eq!(cases.iter().filter(|case| case[4] == true).count(), 1);
    for case in cases {
        let message = case[2].as_str().unwrap().as_bytes();
        let verdict = judge(&unhex(&case[1]), message, &unhex(&case[3]));
        assert_eq!(verdict.is_ok(), case[4] == true, "number {}", case[0]);
    }
}

/// Keys of small or mixed order are refused as keys; in 6 and 7 the key is good and S is L or more.
#[test]
fn speccheck_verdicts() {
    let cases = cases(include_str!("ed25519_speccheck.json"));
    assert_eq!(cases.len(), 12);
    for (number, case) in cases.iter().enumerate() {
        let [key, message, signature] = [0, 1, 2].map(|at| unhex(&case[at]));
        let wanted = if matches!(number, 6 | 7) { Fault::Signature } else { Fault::Key };
        assert_eq!(judge(&key, &message, &signature), Err(wanted), "case {number}");
    }
}

/// Who signs with the nonce 0 has the identity for `R`: the equation holds, and a program that does not look at `R` takes it.
#[test]
fn a_signature_without_a_nonce_is_refused() {
    let (seed, message) = ([7; 32], b"message");
    let public = SecretKey::from_seed(&seed).public().to_bytes();
    let secret = clamp_integer(Sha512::digest(seed)[..32].try_into().unwrap());
    let mut point = [0; 32];
    point[0] = 1;
    let hash = Sha512::new().chain_update(point).chain_update(public).chain_update(message).finalize();
    let scalar = Scalar::from_bytes_mod_order_wide(&hash.into()) * Scalar::from_bytes_mod_order(secret);
    let signature = [point, scalar.to_bytes()].concat();
    let lax = ed25519_dalek::VerifyingKey::from_bytes(&public).unwrap();
    assert!(lax.verify(message, &ed25519_dalek::Signature::from_slice(&signature).unwrap()).is_ok(), "the equation holds");
    assert_eq!(judge(&public, message, &signature), Err(Fault::Signature));
}

/// The u-coordinates of the low-order points on Curve25519 and its twist, and the two that are congruent to one (RFC 7748 section 6.1).
const LOW_ORDER: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

#[test]
fn low_order_x25519_keys_are_unusable() {
    for text in LOW_ORDER {
        let mut key: [u8; 32] = array(text);
        assert!(!usable_x25519(&key), "{text}");
        key[31] |= 0x80;
        assert!(!usable_x25519(&key), "{text} with the ignored bit");
        key[0] ^= 4;
        assert!(usable_x25519(&key), "beside {text}");
    }
    // The public keys of RFC 7748 section 6.1, and the base point.
    for text in [
        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
        "0900000000000000000000000000000000000000000000000000000000000000",
    ] {
        assert!(usable_x25519(&array(text)), "{text}");
    }
}
