//! The HPKE suite of slips against the published vectors of RFC 9180, and slips that went astray.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::convert::Infallible;

use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{setup_receiver, setup_sender_with_rng};

use super::*;

/// Hands out one prepared string of bytes, and then nothing: a sender that wants more than its ephemeral key fails the test.
struct Prepared(Vec<u8>);

impl TryRng for Prepared {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        let rest = self.0.split_off(to.len());
        to.copy_from_slice(&self.0);
        self.0 = rest;
        Ok(())
    }
}

impl TryCryptoRng for Prepared {}

fn unhex<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).unwrap().try_into().unwrap()
}

/// Mode base, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM: of the vectors that belong to RFC 9180 the one with these three ids.
#[test]
fn rfc_9180_vector() {
    let info = hex::decode("4f6465206f6e2061204772656369616e2055726e").unwrap();
    let seed = hex::decode("2cd7c601cefb3d42a62b04b7a9041494c06c7843818e0ce28a8f704ae7ab20f9").unwrap();
    let private: [u8; 32] = unhex("497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d");
    let public: [u8; 32] = unhex("430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c");
    let enc: [u8; 32] = unhex("6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256");
    let (aad, plaintext) = (b"Count-0", b"Beauty is truth, truth beauty");
    let sealed = hex::decode("e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a").unwrap();

    assert_eq!(PrekeySecret::from_bytes(private).public(), public);
    let public = <Kem as hpke::Kem>::PublicKey::from_bytes(&public).unwrap();
    let (made, mut sender) = setup_sender_with_rng::<Aead, Kdf, Kem>(&OpModeS::Base, &public, &info, &mut Prepared(seed)).unwrap();
    assert_eq!(made.to_bytes().as_slice(), enc);
    assert_eq!(sender.seal(plaintext, aad).unwrap(), sealed);

    let private = <Kem as hpke::Kem>::PrivateKey::from_bytes(&private).unwrap();
    let enc = <Kem as hpke::Kem>::EncappedKey::from_bytes(&enc).unwrap();
    let receiver = || setup_receiver::<Aead, Kdf, Kem>(&OpModeR::Base, &private, &enc, &info).unwrap();
    assert_eq!(receiver().open(&sealed, aad).unwrap(), plaintext);
    assert!(receiver().open(&sealed, b"Count-1").is_err());
    for (context, wanted) in [
        ("", "ded6cffafaea6b812cbf3e241e88332adbc077aca81512914213810ee291770a"),
        ("00", "04d3cb6cc116b28ffd22ad5bc276c60d31fec71ceb87ae24db811c64b7507339"),
        ("54657374436f6e74657874", "7c5ded445732c14fe09727d29b4251c0fd38455fe8440571e687f0886aac94d2"),
    ] {
        let mut exported = [0; 32];
        receiver().export(&hex::decode(context).unwrap(), &mut exported).unwrap();
        assert_eq!(exported, unhex(wanted), "context {context}");
    }
}

/// A slip's parts for one recipient.
struct Sent {
    alliance: AllianceId,
    prekey: PrekeySecret,
    content: SlipContent,
    slip: Slip,
}

fn sent() -> Sent {
    let alliance = AllianceId([1; 32]);
    let prekey = PrekeySecret::from_bytes([2; 32]);
    let content = SlipContent { circle: CircleId([3; 32]), epoch: 4, secret: Zeroizing::new([5; 32]) };
    let slip = seal(&alliance, &prekey.public(), &content, 8).unwrap();
    Sent { alliance, prekey, content, slip }
}

fn seal(alliance: &AllianceId, prekey: &[u8; 32], content: &SlipContent, seed: u8) -> Result<Slip, Fault> {
    let address = SlipAddress { alliance, statement: StatementId([6; 32]), recipient: MemberId([7; 32]), prekey };
    Slip::seal(&address, content, &mut Prepared(vec![seed; 32]))
}

#[test]
fn content_comes_back() {
    for (number, epoch) in [0, 1, u64::from(u32::MAX), crate::limits::INTEGER, u64::MAX].into_iter().enumerate() {
        let number = u8::try_from(number).unwrap();
        let content = SlipContent { circle: CircleId([number; 32]), epoch, secret: Zeroizing::new([number ^ 0xff; 32]) };
        let prekey = PrekeySecret::from_bytes([number + 1; 32]);
        let slip = seal(&AllianceId([1; 32]), &prekey.public(), &content, number).unwrap();
        let received = Slip::decode(&slip.to_bytes()).unwrap();
        assert_eq!(received, slip);
        assert!(received.open(&AllianceId([1; 32]), &prekey) == Ok(content));
    }
}

#[test]
fn a_slip_opens_nowhere_else() {
    let Sent { alliance, prekey, content, slip } = sent();
    assert!(slip.open(&alliance, &prekey) == Ok(content));
    let refused = |slip: &Slip, alliance: &AllianceId, prekey: &PrekeySecret, what| {
        assert_eq!(slip.open(alliance, prekey), Err(Fault::Slip), "{what}");
    };
    let other = PrekeySecret::from_bytes([20; 32]);
    refused(&slip, &AllianceId([10; 32]), &prekey, "another alliance");
    refused(&slip, &alliance, &other, "another prekey");
    refused(&Slip { prekey: key::key_id(&other.public()), ..slip.clone() }, &alliance, &other, "another prekey under its own id");
    refused(&Slip { prekey: KeyId([0; 16]), ..slip.clone() }, &alliance, &prekey, "another prekey's id");
    refused(&Slip { statement: StatementId([11; 32]), ..slip.clone() }, &alliance, &prekey, "another epoch statement");
    refused(&Slip { recipient: MemberId([12; 32]), ..slip.clone() }, &alliance, &prekey, "another recipient");
    refused(
        &Slip { statement: StatementId(slip.recipient.0), recipient: MemberId(slip.statement.0), ..slip.clone() },
        &alliance,
        &prekey,
        "exchanged ids",
    );
    let second = sent_with_other_ephemeral();
    refused(&Slip { enc: second.enc, ..slip.clone() }, &alliance, &prekey, "another slip's ephemeral key");
    refused(&Slip { sealed: second.sealed, ..slip }, &alliance, &prekey, "another slip's ciphertext");
}

fn sent_with_other_ephemeral() -> Slip {
    let Sent { alliance, prekey, content, .. } = sent();
    seal(&alliance, &prekey.public(), &content, 9).unwrap()
}

#[test]
fn every_changed_bit_is_refused() {
    let Sent { alliance, prekey, slip, .. } = sent();
    let bytes = slip.to_bytes();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        if let Ok(changed) = Slip::decode(&changed) {
            assert_eq!(changed.open(&alliance, &prekey), Err(Fault::Slip), "bit {bit}");
        }
    }
}

/// RFC 7748 section 6.1: with these, everybody knows the shared secret. The bit that X25519 ignores makes two spellings of each.
#[test]
fn keys_of_low_order_are_refused_on_both_sides() {
    let Sent { alliance, prekey, content, slip } = sent();
    for text in [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ] {
        for ignored in [0, 0x80] {
            let mut key: [u8; 32] = unhex(text);
            key[31] |= ignored;
            assert_eq!(seal(&alliance, &key, &content, 8), Err(Fault::Slip), "to {text}");
            let forged = forge(&alliance, &slip, &prekey, key);
            assert_eq!(forged.open(&alliance, &prekey), Err(Fault::Slip), "from {text}");
        }
    }
}

/// What somebody who skips the check would send: the KEM's output for an all-zero shared secret, with the ciphertext that fits it.
fn forge(alliance: &AllianceId, slip: &Slip, prekey: &PrekeySecret, enc: [u8; 32]) -> Slip {
    let suite = [b"KEM".as_slice(), &[0, 32]].concat();
    let hpke_suite = [b"HPKE".as_slice(), &[0, 32, 0, 1, 0, 2]].concat();
    let extract = |suite: &[u8], salt: &[u8], label: &[u8], ikm: &[u8]| {
        Hkdf::<Sha256>::extract(Some(salt), &[b"HPKE-v1".as_slice(), suite, label, ikm].concat()).1
    };
    let expand = |prk: &Hkdf<Sha256>, suite: &[u8], label: &[u8], info: &[u8], out: &mut [u8]| {
        let len = u16::try_from(out.len()).unwrap().to_be_bytes();
        prk.expand(&[&len, b"HPKE-v1".as_slice(), suite, label, info].concat(), out).unwrap();
    };
    let mut shared = [0; 32];
    let context = [enc, prekey.public()].concat();
    expand(&extract(&suite, b"", b"eae_prk", &[0; 32]), &suite, b"shared_secret", &context, &mut shared);

    let info = slip_info(alliance, &slip.statement, &slip.recipient, &slip.prekey);
    let hash = |label: &[u8], ikm: &[u8]| Hkdf::<Sha256>::extract(Some(b""), &[b"HPKE-v1".as_slice(), &hpke_suite, label, ikm].concat()).0.to_vec();
    let schedule = [vec![0], hash(b"psk_id_hash", b""), hash(b"info_hash", &info)].concat();
    let secret = extract(&hpke_suite, &shared, b"secret", b"");
    let (mut aead, mut nonce, mut sealed) = ([0; 32], [0; 12], [0; 88]);
    expand(&secret, &hpke_suite, b"key", &schedule, &mut aead);
    expand(&secret, &hpke_suite, b"base_nonce", &schedule, &mut nonce);
    let (text, tag) = sealed.split_at_mut(72);
    let made = Aes256Gcm::new(&aead.into()).encrypt_inout_detached(&nonce.into(), &[], text.into()).unwrap();
    tag.copy_from_slice(&made);
    Slip { enc, sealed, ..slip.clone() }
}
