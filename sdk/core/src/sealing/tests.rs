//! Published vectors of Cobblestone-256, and ciphertexts that plain AES-GCM opens under two keys (threat T18).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use aes_gcm::aead::Aead;
use aes_gcm::aes::Aes256;
use aes_gcm::aes::cipher::BlockCipherEncrypt;
use serde_json::Value;
use sha2::Digest;

use super::*;
use crate::section::Field;

/// A ciphertext of the vectors: hexadecimal pieces, and numbers that count zero bytes.
fn ciphertext(pieces: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in pieces.as_array().unwrap() {
        match piece.as_u64() {
            Some(zeros) => bytes.resize(bytes.len() + usize::try_from(zeros).unwrap(), 0),
            None => bytes.extend(hex::decode(piece.as_str().unwrap()).unwrap()),
        }
    }
    bytes
}

#[test]
fn cobblestone_vectors_open_and_seal() {
    let vectors: Value = serde_json::from_str(include_str!("../../tests/published/cobblestone.json")).unwrap();
    let (mut opened, mut refused) = (0, 0);
    for case in vectors["cases"].as_array().unwrap() {
        let id = &case["id"];
        let sealed = ciphertext(&case["ciphertext"]);
        let context = hex::decode(case["context"].as_str().unwrap()).unwrap();
        let key: Result<[u8; 32], _> = hex::decode(case["key"].as_str().unwrap()).unwrap().try_into();
        let message = key.as_ref().map_err(|_| Fault::Sealed).and_then(|key| decrypt(&sealed, key, &context));
        let Some(wanted) = case.get("sha512") else {
            assert_eq!(message, Err(Fault::Sealed), "case {id}");
            refused += 1;
            continue;
        };
        let message = message.unwrap();
        assert_eq!(message.len() as u64, case["length"], "case {id}");
        assert_eq!(hex::encode(Sha512::digest(&message)), *wanted, "case {id}");
        let salt = sealed[..SALT].try_into().unwrap();
        assert!(encrypt(&message, &key.unwrap(), &salt, &context).unwrap() == sealed, "case {id} sealed again");
        opened += 1;
    }
    assert_eq!((opened, refused), (10, 25));
}

#[test]
fn every_length_around_a_chunk_comes_back() {
    let key = [1; 32];
    for len in [0, 1, 15, 16, 17, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 1] {
        let message = vec![0xa5; len];
        let sealed = encrypt(&message, &key, &[2; SALT], b"context").unwrap();
        assert_eq!(sealed.len(), PREFIX + len + (len / CHUNK + 1) * TAG);
        assert_eq!(*decrypt(&sealed, &key, b"context").unwrap(), message);
        for end in [0, 1, SALT, PREFIX, PREFIX + TAG - 1, sealed.len().saturating_sub(TAG), sealed.len() - 1] {
            if end < sealed.len() {
                assert_eq!(decrypt(&sealed[..end], &key, b"context"), Err(Fault::Sealed), "{len} bytes cut to {end}");
            }
        }
        assert_eq!(decrypt(&[sealed.as_slice(), &[0]].concat(), &key, b"context"), Err(Fault::Sealed));
    }
}

#[test]
fn every_changed_bit_is_refused() {
    let body = body();
    let (key, context) = (Zeroizing::new([1; 32]), b"context");
    let sealed = seal(&body, &key, [2; SALT], context).unwrap();
    assert_eq!(open(&sealed, &key, context), Ok(body));
    for bit in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(open(&changed, &key, context), Err(Fault::Sealed), "bit {bit}");
    }
}

fn body() -> Body {
    Body::new([9; 32], vec![Field { name: "result".into(), value: "\"pass\"".into() }]).unwrap()
}

/// An element of GF(2^128) as GCM writes it: the first bit of the block is the coefficient of x^0.
type Element = u128;

fn multiply(a: Element, b: Element) -> Element {
    let (mut product, mut shifted) = (0, b);
    for bit in (0..128).rev() {
        if a >> bit & 1 == 1 {
            product ^= shifted;
        }
        shifted = if shifted & 1 == 1 { (shifted >> 1) ^ (0xe1 << 120) } else { shifted >> 1 };
    }
    product
}

fn power(base: Element, exponent: usize) -> Element {
    (0..exponent).fold(1 << 127, |product, _| multiply(product, base))
}

/// `a^(2^128 - 2)`.
fn inverse(a: Element) -> Element {
    let mut square = a;
    (1..128).fold(1 << 127, |product, _| {
        square = multiply(square, square);
        multiply(product, square)
    })
}

/// One key's view of a single GCM message without associated data.
struct View {
    aead: [u8; 32],
    nonce: [u8; 12],
    hash_key: Element,
    tag_mask: Element,
}

impl View {
    fn new(aead: [u8; 32], nonce: [u8; 12]) -> Self {
        let block = |bytes: [u8; 16]| {
            let mut block = bytes.into();
            Aes256::new(&aead.into()).encrypt_block(&mut block);
            u128::from_be_bytes(block.into())
        };
        let mut first = [0; 16];
        first[..12].copy_from_slice(&nonce);
        first[15] = 1;
        Self { aead, nonce, hash_key: block([0; 16]), tag_mask: block(first) }
    }

    /// The view of our sealing under a section key.
    fn of(key: &[u8; 32], salt: &[u8; SALT], context: &[u8]) -> (Self, [u8; 32]) {
        let info = [b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0".as_slice(), salt, context].concat();
        let mut out = [0; 76];
        Hkdf::<Sha512>::from_prk(key_as_prk(key).as_slice()).unwrap().expand(&info, &mut out).unwrap();
        let view = Self::new(out[..32].try_into().unwrap(), out[32..44].try_into().unwrap());
        (view, out[44..].try_into().unwrap())
    }

    /// The tag of a ciphertext of whole blocks.
    fn tag(&self, blocks: &[Element]) -> Element {
        let length = (blocks.len() * 128) as u128;
        let hash = blocks.iter().chain([&length]).fold(0, |hash, block| multiply(hash ^ block, self.hash_key));
        hash ^ self.tag_mask
    }

    fn plain_gcm(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        Aes256Gcm::new(&self.aead.into()).decrypt(&self.nonce.into(), sealed).ok()
    }
}

/// Solves for the block at `free` so that both views give one tag: the tags differ by a term that is linear in that block.
fn salamander(views: [&View; 2], blocks: &mut [Element], free: usize) -> Element {
    blocks[free] = 0;
    let difference = views[0].tag(blocks) ^ views[1].tag(blocks);
    let exponent = blocks.len() + 1 - free;
    blocks[free] = multiply(difference, inverse(power(views[0].hash_key, exponent) ^ power(views[1].hash_key, exponent)));
    views[0].tag(blocks)
}

fn bytes_of(blocks: &[Element], tag: Element) -> Vec<u8> {
    blocks.iter().chain([&tag]).flat_map(|block| block.to_be_bytes()).collect()
}

#[test]
fn field_arithmetic_is_that_of_gcm() {
    let (a, b) = (0x6655_4433_2211_0000_0f0e_0d0c_0b0a_0908, 0x0123_4567_89ab_cdef_8000_0000_0000_0001);
    assert_eq!(multiply(a, b), multiply(b, a));
    assert_eq!(multiply(a, 1 << 127), a);
    assert_eq!(multiply(a, inverse(a)), 1 << 127);
    let view = View::new([3; 32], [4; 12]);
    let sealed = Aes256Gcm::new(&[3; 32].into()).encrypt(&[4; 12].into(), [5; 48].as_slice()).unwrap();
    let blocks: Vec<Element> = sealed[..48].chunks(16).map(|block| u128::from_be_bytes(block.try_into().unwrap())).collect();
    assert_eq!(view.tag(&blocks).to_be_bytes(), sealed[48..]);
}

#[test]
fn plain_gcm_opens_one_ciphertext_under_two_keys() {
    for round in 0..32 {
        let views = [View::new([round; 32], [7; 12]), View::new([round + 100; 32], [7; 12])];
        let mut blocks: Vec<Element> = (0..=Element::from(round)).map(|block| block << 64 | 0x5a).collect();
        let free = blocks.len() / 2;
        let tag = salamander([&views[0], &views[1]], &mut blocks, free);
        let sealed = bytes_of(&blocks, tag);
        let [first, second] = views.map(|view| view.plain_gcm(&sealed));
        assert!(first.is_some() && second.is_some() && first != second, "round {round}");
    }
}

/// The attack on our own format: the first reading is a whole and well-formed body (the free block lies in its seed), the chunk opens under both
/// keys' derived AEAD keys, and still no ciphertext opens under both section keys, whatever stands where the commitment belongs.
#[test]
fn no_sealed_section_opens_under_two_keys() {
    let (salt, context) = ([2; SALT], b"context".as_slice());
    for round in 0..32 {
        let keys = [Zeroizing::new([round; 32]), Zeroizing::new([round + 100; 32])];
        let [(one, first), (two, second)] = [&keys[0], &keys[1]].map(|key| View::of(key, &salt, context));
        let honest = seal(&body(), &keys[0], salt, context).unwrap();
        assert_eq!(honest[SALT..PREFIX], first);
        let mut blocks: Vec<Element> =
            honest[PREFIX..honest.len() - TAG].chunks(16).map(|block| u128::from_be_bytes(block.try_into().unwrap())).collect();
        let tag = salamander([&one, &two], &mut blocks, 1);
        let chunk = bytes_of(&blocks, tag);
        let read = one.plain_gcm(&chunk).unwrap();
        assert_eq!(Body::read(Reader::open_prefix(&read).unwrap().0, read.len()).unwrap().fields(), body().fields());
        assert!(two.plain_gcm(&chunk).is_some(), "the chunk must deceive plain GCM, or this shows nothing");

        let mixed: [u8; 32] = std::array::from_fn(|at| if at < 16 { first[at] } else { second[at] });
        let opens = |commitment: &[u8; 32]| {
            let sealed = [salt.as_slice(), commitment, &chunk].concat();
            [&keys[0], &keys[1]].map(|key| open(&sealed, key, context).map(|_| ()))
        };
        for neither in [[0; 32], [0xff; 32], mixed] {
            assert_eq!(opens(&neither), [Err(Fault::Sealed), Err(Fault::Sealed)], "round {round}");
        }
        assert_eq!(opens(&first), [Ok(()), Err(Fault::Sealed)], "round {round}");
        assert_eq!(opens(&second)[0], Err(Fault::Sealed), "round {round}");
        assert_ne!(opens(&second)[1], Ok(()), "round {round}: the second reading is no body");
    }
}
