//! What a relay keeps for others and cannot read: tags and packages (`specs/relay.md`).

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::cbor::Reader;
use crate::circle::{EpochSecret, PrekeySecret};
use crate::domain;
use crate::fault::Fault;
use crate::id::{AllianceId, CircleId, Hash, MemberId};
use crate::key;
use crate::limits;
use crate::sealing::{self, SectionKey};

/// Name under which a relay keeps a package. Without the key that it is made with nobody can tell what it is of.
pub type Tag = Hash;

/// The key of which tags and packages are made: of an epoch, or of a steward and a member. Wiped when dropped.
#[derive(Clone)]
pub struct RelayKey(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for RelayKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RelayKey")
    }
}

/// A steward and a member to whom it hands epoch secrets, each with its encryption key (X25519).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair<'a> {
    /// The alliance.
    pub alliance: &'a AllianceId,
    /// The steward, and its public key.
    pub steward: (&'a MemberId, &'a [u8; 32]),
    /// The member, and its public key.
    pub member: (&'a MemberId, &'a [u8; 32]),
}

impl RelayKey {
    /// The key for what is addressed to a circle in an epoch.
    ///
    /// # Errors
    /// [`Fault::Sealed`] cannot occur with valid lengths; it stands in for the library's error.
    pub fn of_epoch(secret: &EpochSecret, circle: &CircleId, epoch: u64) -> Result<Self, Fault> {
        expand(secret, &domain::RELAY.context(&[&circle.0, &epoch.to_be_bytes()])).map(Self)
    }

    /// The key for epoch statements on their way from a steward to a member, by the private key of either.
    ///
    /// # Errors
    /// [`Fault::Slip`] where the private key is neither's, or the other's public key is unusable.
    pub fn of_pair(private: &PrekeySecret, pair: &Pair<'_>) -> Result<Self, Fault> {
        let own = private.public();
        let other = match (*pair.steward.1 == own, *pair.member.1 == own) {
            (true, false) => pair.member.1,
            (false, true) => pair.steward.1,
            _ => return Err(Fault::Slip),
        };
        if !key::usable_x25519(other) {
            return Err(Fault::Slip);
        }
        let own = x25519_dalek::StaticSecret::from(*private.to_bytes());
        Self::of_shared(own.diffie_hellman(&x25519_dalek::PublicKey::from(*other)).as_bytes(), pair)
    }

    /// The same from what X25519 gave.
    ///
    /// # Errors
    /// [`Fault::Slip`] where that is all zero.
    pub fn of_shared(shared: &[u8; 32], pair: &Pair<'_>) -> Result<Self, Fault> {
        if *shared == [0; 32] {
            return Err(Fault::Slip);
        }
        let Pair { alliance, steward, member } = pair;
        let info = domain::RELAY_PAIR.context(&[&alliance.0, &steward.0.0, steward.1, &member.0.0, member.1]);
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, shared).expand(&info, key.as_mut_slice()).map_err(|_| Fault::Slip)?;
        Ok(Self(key))
    }

    /// The tag of one statement of an author: of an epoch key by the author's counter in that circle, of a pair's by the number of the epoch statement.
    ///
    /// # Errors
    /// As [`RelayKey::of_epoch`].
    pub fn tag(&self, author: &MemberId, incarnation: u64, number: u64) -> Result<Tag, Fault> {
        let info = domain::RELAY_TAG.context(&[&author.0, &incarnation.to_be_bytes(), &number.to_be_bytes()]);
        expand(&self.0, &info).map(|tag| *tag)
    }

    /// Seals an item, which is one item of CBOR. `salt` is random.
    ///
    /// # Errors
    /// [`Fault::Form`] for an item above [`limits::RELAYED`] bytes.
    pub fn seal(&self, tag: &Tag, item: &[u8], salt: [u8; 24]) -> Result<Vec<u8>, Fault> {
        if item.len() > limits::RELAYED {
            return Err(Fault::Form);
        }
        let (key, context) = self.package_key(tag)?;
        let mut plaintext = Zeroizing::new(item.to_vec());
        plaintext.resize(sealing::bucket(item.len()), 0);
        sealing::encrypt(&plaintext, &key, &salt, &context)
    }

    /// Opens a package and takes the padding away. What the item says is still to be checked like any other.
    ///
    /// # Errors
    /// [`Fault::Sealed`], also above [`limits::PACKAGE`] bytes; [`Fault::Cbor`] of the item, [`Fault::Padding`].
    pub fn open(&self, tag: &Tag, package: &[u8]) -> Result<Vec<u8>, Fault> {
        if package.len() > limits::PACKAGE {
            return Err(Fault::Sealed);
        }
        let (key, context) = self.package_key(tag)?;
        let mut plaintext = sealing::decrypt(package, &key, &context)?;
        let (_, len) = Reader::open_prefix(&plaintext)?;
        let padding = plaintext.get(len..).unwrap_or_default();
        if sealing::bucket(len) != plaintext.len() || padding.iter().any(|&byte| byte != 0) {
            return Err(Fault::Padding);
        }
        plaintext.truncate(len);
        Ok(std::mem::take(&mut *plaintext))
    }

    /// A key for this tag alone, and what the package is bound to.
    fn package_key(&self, tag: &Tag) -> Result<(SectionKey, Vec<u8>), Fault> {
        let context = domain::RELAY_PACKAGE.context(&[tag]);
        Ok((expand(&self.0, &context)?, context))
    }
}

fn expand(key: &Zeroizing<[u8; 32]>, info: &[u8]) -> Result<Zeroizing<[u8; 32]>, Fault> {
    let mut out = Zeroizing::new([0; 32]);
    let expanded = Hkdf::<Sha256>::from_prk(key.as_slice()).ok().and_then(|expand| expand.expand(info, out.as_mut_slice()).ok());
    expanded.map(|()| out).ok_or(Fault::Sealed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;

    const ALLIANCE: AllianceId = AllianceId([1; 32]);
    const STEWARD: MemberId = MemberId([2; 32]);
    const MEMBER: MemberId = MemberId([3; 32]);

    fn item(len: usize) -> Vec<u8> {
        let mut writer = crate::cbor::Writer::default();
        writer.bytes(&vec![7; len]);
        writer.finish()
    }

    fn pair_key(private: u8, steward: u8, member: u8) -> Result<RelayKey, Fault> {
        let public = |seed| PrekeySecret::from_bytes([seed; 32]).public();
        let pair = Pair { alliance: &ALLIANCE, steward: (&STEWARD, &public(steward)), member: (&MEMBER, &public(member)) };
        RelayKey::of_pair(&PrekeySecret::from_bytes([private; 32]), &pair)
    }

    #[test]
    fn both_of_a_pair_find_the_same_key_and_nobody_else_does() {
        let tag = |key: RelayKey| key.tag(&STEWARD, 0, 0).unwrap();
        assert_eq!(tag(pair_key(8, 8, 9).unwrap()), tag(pair_key(9, 8, 9).unwrap()));
        assert_eq!(pair_key(7, 8, 9).unwrap_err(), Fault::Slip);
        assert_eq!(pair_key(8, 8, 8).unwrap_err(), Fault::Slip, "nobody is paired with itself");
        assert_ne!(tag(pair_key(8, 8, 9).unwrap()), tag(pair_key(9, 9, 8).unwrap()), "the other way round is another key");
        let public = PrekeySecret::from_bytes([8; 32]).public();
        let low = Pair { alliance: &ALLIANCE, steward: (&STEWARD, &public), member: (&MEMBER, &[0; 32]) };
        assert_eq!(RelayKey::of_pair(&PrekeySecret::from_bytes([8; 32]), &low).unwrap_err(), Fault::Slip, "a key of low order");
    }

    #[test]
    fn tags_of_two_circles_epochs_authors_logs_or_counters_have_nothing_in_common() {
        let secret = Zeroizing::new([9; 32]);
        let key = |circle: u8, epoch| RelayKey::of_epoch(&secret, &CircleId([circle; 32]), epoch).unwrap();
        let tags = [
            key(1, 1).tag(&STEWARD, 0, 0),
            key(2, 1).tag(&STEWARD, 0, 0),
            key(1, 2).tag(&STEWARD, 0, 0),
            key(1, 1).tag(&MEMBER, 0, 0),
            key(1, 1).tag(&STEWARD, 1, 0),
            key(1, 1).tag(&STEWARD, 0, 1),
            RelayKey::of_epoch(&Zeroizing::new([8; 32]), &CircleId([1; 32]), 1).unwrap().tag(&STEWARD, 0, 0),
        ];
        let different: std::collections::BTreeSet<_> = tags.iter().map(|tag| tag.unwrap()).collect();
        assert_eq!(different.len(), tags.len());
    }

    #[test]
    fn a_package_opens_under_its_own_tag_and_key_and_tells_no_exact_length() {
        let key = RelayKey::of_epoch(&Zeroizing::new([9; 32]), &CircleId([1; 32]), 1).unwrap();
        let other = RelayKey::of_epoch(&Zeroizing::new([9; 32]), &CircleId([1; 32]), 2).unwrap();
        let (tag, next) = (key.tag(&STEWARD, 0, 0).unwrap(), key.tag(&STEWARD, 0, 1).unwrap());
        let package = key.seal(&tag, &item(300), [5; 24]).unwrap();
        assert_eq!(key.open(&tag, &package).unwrap(), item(300));
        assert_eq!(key.open(&next, &package), Err(Fault::Sealed));
        assert_eq!(other.open(&tag, &package), Err(Fault::Sealed));
        for at in [0, 24, 56, package.len() - 1] {
            let mut forged = package.clone();
            forged[at] ^= 1;
            assert_eq!(key.open(&tag, &forged), Err(Fault::Sealed));
        }
        assert_eq!(key.seal(&tag, &item(301), [5; 24]).unwrap().len(), package.len());
        assert_eq!(key.seal(&tag, &vec![0; limits::RELAYED + 1], [5; 24]), Err(Fault::Form));
        assert_eq!(key.open(&tag, &vec![0; limits::PACKAGE + 1]), Err(Fault::Sealed));
        let largest = key.seal(&tag, &item(limits::RELAYED - 5), [5; 24]).unwrap();
        assert!(largest.len() <= limits::PACKAGE && key.open(&tag, &largest).is_ok());
    }
}
