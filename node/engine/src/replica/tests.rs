//! A section's parts: what its author made of them, and what the sender did.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use suyuan_core::CircleId;
use suyuan_core::circle::PUBLIC;
use suyuan_core::section::{Field, section_commitment};

use super::*;

const CIRCLE: CircleId = CircleId([3; 32]);
const OTHER: CircleId = CircleId([4; 32]);

struct Section {
    sent: ItemSection,
    commitment: SectionCommitment,
}

/// A section whose author committed to these audiences and sent their headers along.
fn section(public: bool, audiences: &[(CircleId, u64)]) -> Section {
    let body = Body::new([1; 32], vec![Field { name: "a".into(), value: "1".into() }]).unwrap();
    let content = body.to_bytes();
    let sealed = (!public).then(|| sealing::describe(&content));
    let header = SectionHeader { root: body.root(), sealed }.to_bytes();
    let audience = |&(circle, epoch): &(CircleId, u64)| {
        AudienceHeader { salt: [2; 16], circle, epoch, counter: 0, link: StatementId([0; 32]), order: None }.to_bytes()
    };
    let headers: Vec<Vec<u8>> = audiences.iter().map(audience).collect();
    let committed = headers.iter().map(|header| audience_commitment(header)).collect();
    let commitment = SectionCommitment { fields: 1, header: section_commitment(&header), audiences: committed };
    let audiences = (0..).zip(headers).map(|(index, header)| (index, header, Some([9; 48]))).collect();
    Section { sent: ItemSection { index: 0, header, audiences, content }, commitment }
}

/// Whether the section is void, and the audiences that are left; nothing where it is left out.
fn judge(section: &Section) -> Option<(Option<Fault>, Vec<u8>)> {
    let held = held(&section.sent, &section.commitment).unwrap()?;
    let void = record::read_header(&held.bytes, &section.commitment).unwrap().err();
    assert_eq!(held.header.as_ref().err(), void.as_ref());
    Some((void, held.audiences.iter().map(|audience| audience.index).collect()))
}

#[test]
fn the_public_reads_what_is_not_sealed_and_nothing_else() {
    assert_eq!(judge(&section(true, &[(PUBLIC, 0)])), Some((None, vec![0])));
    assert_eq!(judge(&section(false, &[(CIRCLE, 1), (OTHER, 7)])), Some((None, vec![0, 1])));
    for audience in [(PUBLIC, 1), (CIRCLE, 0), (CIRCLE, 1)] {
        assert_eq!(judge(&section(true, &[audience])), None, "public: {audience:?}");
    }
    for audience in [(PUBLIC, 0), (PUBLIC, 1), (CIRCLE, 0)] {
        assert_eq!(judge(&section(false, &[audience])), None, "sealed: {audience:?}");
        assert_eq!(judge(&section(false, &[(OTHER, 7), audience])), Some((None, vec![0])), "the other one still reads");
    }
}

#[test]
fn a_public_section_with_two_audiences_is_void_whatever_is_shown_of_it() {
    for audiences in [[(PUBLIC, 0), (CIRCLE, 1)], [(PUBLIC, 0), (PUBLIC, 0)]] {
        let mut section = section(true, &audiences);
        assert_eq!(judge(&section).unwrap().0, Some(Fault::Audience));
        section.sent.audiences.pop();
        assert_eq!(judge(&section), Some((Some(Fault::Audience), vec![0])));
    }
}

#[test]
fn a_committed_header_that_cannot_be_read_makes_the_section_void_and_no_sender_guilty() {
    let form = SectionHeader { root: [0; 32], sealed: Some(suyuan_core::section::Ciphertext { digest: [0; 32], len: 1 << 30 }) }.to_bytes();
    for (header, fault) in [(&b"\x80\x00"[..], Fault::Cbor), (b"\x80", Fault::Form), (&form, Fault::Form)] {
        let mut section = section(false, &[(CIRCLE, 1)]);
        section.sent.header = header.to_vec();
        assert_eq!(held(&section.sent, &section.commitment), Err(Fault::Header), "exchanged on the way");
        section.commitment.header = section_commitment(header);
        let held = held(&section.sent, &section.commitment).unwrap().unwrap();
        assert_eq!((&held.header, held.content.len(), held.audiences[0].wrap), (&Err(fault), 0, None), "nothing that cannot be checked is kept");
    }
    let mut later = section(false, &[(CIRCLE, 1)]);
    later.sent.header = b"\x83\x02\x00\xf6".to_vec();
    later.commitment.header = section_commitment(&later.sent.header);
    assert_eq!(judge(&later), None, "a later suite is a later program's to judge");
}

#[test]
fn a_committed_audience_that_cannot_be_read_entitles_nobody() {
    let mut one = section(false, &[(CIRCLE, 1), (OTHER, 1)]);
    one.sent.audiences[0].1 = vec![0x80];
    assert_eq!(held(&one.sent, &one.commitment), Err(Fault::Audience), "exchanged on the way");
    one.commitment.audiences[0] = audience_commitment(&[0x80]);
    assert_eq!(judge(&one), Some((None, vec![1])));
    one.sent.audiences.pop();
    assert_eq!(judge(&one), None);
}

#[test]
fn fields_that_are_miscounted_are_their_authors_fault_and_others_their_senders() {
    let mut public = section(true, &[(PUBLIC, 0)]);
    public.commitment.fields = 2;
    assert_eq!(judge(&public), Some((None, vec![0])), "void when it is opened");
    for (content, fault) in
        [(Body::new([2; 32], vec![Field { name: "a".into(), value: "1".into() }]).unwrap().to_bytes(), Fault::FieldRoot), (vec![0x80], Fault::Form)]
    {
        public.sent.content = content;
        assert_eq!(held(&public.sent, &public.commitment), Err(fault));
    }
    let mut sealed = section(false, &[(CIRCLE, 1)]);
    sealed.sent.content.push(0);
    assert_eq!(held(&sealed.sent, &sealed.commitment), Err(Fault::Digest));
}
