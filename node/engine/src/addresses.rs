//! Where members' nodes are reached: the charter's addresses, and what each member has stated of itself since (`specs/address.md`).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use suyuan_core::circle::alliance_circle;
use suyuan_core::resolution::{from_fields, to_fields};
use suyuan_core::section::Body;
use suyuan_core::{AllianceId, MemberId, StatementId};

use crate::limits;
use crate::record::HeldRecord;
use crate::submission::{Refusal, RefusalKind, Submission, SubmittedSection};

/// Type of the statement.
pub const TYPE: &str = "suyuan.address";
/// Its fields.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    addresses: Vec<String>,
}

/// What a member stated last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// The statement.
    pub statement: StatementId,
    /// Incarnation of its log, and its sequence there: the later one counts.
    at: (u64, u64),
    /// The addresses, each dialable.
    pub addresses: Vec<String>,
}

/// The newest statement of each member; at most one for each member of the charter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory(BTreeMap<MemberId, Stated>);

impl Directory {
    /// What a member stated, if it ever did: it takes the place of the charter's addresses, also where there are none in it.
    pub fn of(&self, member: &MemberId) -> Option<&Stated> {
        self.0.get(member)
    }

    /// Gives effect to a statement of the type, whose one section was opened. Says whether it has any: it has none where it is not of the form, or not
    /// newer than what is known.
    pub fn learn(&mut self, alliance: &AllianceId, record: &HeldRecord, body: &Body) -> bool {
        let Some(addresses) = content(body).filter(|_| is_for_the_alliance(alliance, record)) else { return false };
        let place = record.statement.place;
        let stated = Stated { statement: record.statement.id(), at: (place.incarnation, place.sequence), addresses };
        let newer = self.0.get(&place.author).is_none_or(|known| known.at < stated.at);
        if newer {
            self.0.insert(place.author, stated);
        }
        newer
    }
}

/// One section, for the alliance circle alone: a member must not state one thing to some and another to others.
fn is_for_the_alliance(alliance: &AllianceId, record: &HeldRecord) -> bool {
    let [committed] = record.statement.sections.as_slice() else { return false };
    let [section] = record.sections.as_slice() else { return false };
    let [audience] = section.audiences.as_slice() else { return false };
    committed.audiences.len() == 1 && audience.header.circle == alliance_circle(alliance)
}

/// The addresses that a body states; nothing where it is not of the form.
fn content(body: &Body) -> Option<Vec<String>> {
    let Content { addresses } = from_fields(body)?;
    let distinct = addresses.iter().enumerate().all(|(index, address)| !addresses.iter().take(index).any(|before| before == address));
    let bounded = addresses.len() <= limits::ADDRESSES && addresses.iter().all(|address| Dialable::parse(address).is_some());
    (bounded && distinct).then_some(addresses)
}

/// Draws up the statement of a member that is reached at these addresses.
///
/// # Errors
/// [`Refusal`] that names the first address that cannot be stated. `loopback` refuses all that lead out of this machine.
pub fn draw_up(alliance: &AllianceId, addresses: &[String], loopback: bool) -> Result<Submission, Refusal> {
    check(addresses, loopback)?;
    let fields = to_fields(&Content { addresses: addresses.to_vec() });
    let Some(fields) = fields else { return refuse(RefusalKind::Malformed, "/addresses", "they cannot be written as JSON") };
    let section = SubmittedSection { audiences: vec![alliance_circle(alliance)], fields };
    Ok(Submission { kind: TYPE.to_owned(), about: Vec::new(), references: Vec::new(), time: None, sections: vec![section] })
}

/// Checks addresses at which a node is to be reached, in a statement or in a founding entry.
///
/// # Errors
/// [`Refusal`] that names the first one that cannot be dialled. `loopback` refuses all that lead out of this machine.
pub fn check(addresses: &[String], loopback: bool) -> Result<(), Refusal> {
    if addresses.len() > limits::ADDRESSES {
        return refuse(RefusalKind::Limit, "/addresses", format!("{} addresses; at most {}", addresses.len(), limits::ADDRESSES));
    }
    for (index, address) in addresses.iter().enumerate() {
        let pointer = format!("/addresses/{index}");
        let Some(dialable) = Dialable::parse(address) else {
            let detail = "no address that can be dialled: /ip4/192.0.2.7/tcp/7401, or /ip6, /dns, /dns4 or /dns6 and /tcp, at most 256 bytes";
            return refuse(RefusalKind::Malformed, pointer, detail);
        };
        if addresses.iter().take(index).any(|before| before == address) {
            return refuse(RefusalKind::Malformed, pointer, "this address stands there twice");
        }
        if loopback && !dialable.is_loopback() {
            let detail = "a development keyring is reached on loopback only; make a member with a passphrase: suyuan init without --development";
            return refuse(RefusalKind::Malformed, pointer, detail);
        }
    }
    Ok(())
}

fn refuse<T>(fault: RefusalKind, pointer: impl Into<String>, detail: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { fault, pointer: pointer.into(), detail: detail.into() })
}

/// A multiaddr that a node can be dialled at: one host and one TCP port.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Dialable {
    Ip(IpAddr),
    Name(String),
}

impl Dialable {
    fn parse(address: &str) -> Option<Self> {
        if address.len() > limits::ADDRESS {
            return None;
        }
        let mut parts = address.strip_prefix('/')?.split('/');
        let (kind, host, tcp, port) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        // One spelling each, so that what is equal looks equal.
        let plain = |number: &str| number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
        let port = plain(port).then(|| port.parse::<u16>().ok()).flatten();
        if tcp != "tcp" || port.is_none() || parts.next().is_some() {
            return None;
        }
        match kind {
            "ip4" => host.parse().ok().filter(is_host4).map(|ip| Self::Ip(IpAddr::V4(ip))),
            "ip6" => host.parse().ok().filter(is_host6).filter(|ip| ip.to_string() == host).map(|ip| Self::Ip(IpAddr::V6(ip))),
            "dns" | "dns4" | "dns6" => is_name(host).then(|| Self::Name(host.to_owned())),
            _ => None,
        }
    }

    fn is_loopback(&self) -> bool {
        match self {
            Self::Ip(ip) => ip.is_loopback(),
            Self::Name(name) => name == "localhost",
        }
    }
}

fn is_host4(ip: &Ipv4Addr) -> bool {
    !(ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast())
}

fn is_host6(ip: &Ipv6Addr) -> bool {
    !(ip.is_unspecified() || ip.is_multicast() || ip.to_ipv4_mapped().is_some())
}

/// A host name (RFC 1123 section 2.1) in lowercase; not one that is read as a number.
fn is_name(host: &str) -> bool {
    let label = |label: &str| {
        let edges = !label.starts_with('-') && !label.ends_with('-');
        (1..=63).contains(&label.len()) && edges && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let number = host.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    host.len() <= 253 && !number && host.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use suyuan_core::section::Field;

    use super::*;

    #[test]
    fn what_can_be_dialled_is_an_address_and_nothing_else() {
        let name = format!("/dns/{}/tcp/1", vec!["a".repeat(60); 4].join("."));
        let good = [
            "/ip4/192.0.2.7/tcp/7401",
            "/ip6/2001:db8::1/tcp/1",
            "/dns/node.example.cn/tcp/65535",
            "/dns4/a/tcp/7",
            "/dns6/x-1.example/tcp/7",
            &name,
        ];
        for address in good {
            assert!(Dialable::parse(address).is_some(), "{address}");
        }
        let long = format!("/dns/{}/tcp/1", vec!["a".repeat(63); 4].join("."));
        let bad = [
            "",
            "/",
            "192.0.2.7:7401",
            "ip4/192.0.2.7/tcp/7401",
            "/ip4/192.0.2.7",
            "/ip4/192.0.2.7/tcp",
            "/ip4/192.0.2.7/tcp/",
            "/ip4/192.0.2.7/tcp/0",
            "/ip4/192.0.2.7/tcp/65536",
            "/ip4/192.0.2.7/tcp/+7",
            "/ip4/192.0.2.7/tcp/07",
            "/ip4/192.0.2.7/tcp/7/",
            "/ip4/192.0.2.7/tcp/7/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN",
            "/ip4/192.0.2.7/udp/7401",
            "/ip4/192.0.2.7/tcp/7401/ws",
            "/ip4/192.0.2/tcp/7401",
            "/ip4/0.0.0.0/tcp/7401",
            "/ip4/224.0.0.1/tcp/7401",
            "/ip4/255.255.255.255/tcp/7401",
            "/ip4/2001:db8::1/tcp/7401",
            "/ip6/::/tcp/7401",
            "/ip6/ff02::1/tcp/7401",
            "/ip6/::ffff:192.0.2.7/tcp/7401",
            "/ip6/192.0.2.7/tcp/7401",
            "/ip6/2001:DB8::1/tcp/7401",
            "/dns//tcp/7401",
            "/dns/192.0.2.7/tcp/7401",
            "/dns/Node.example/tcp/7401",
            "/dns/-a.example/tcp/7401",
            "/dns/a..example/tcp/7401",
            "/dns/a_b.example/tcp/7401",
            "/dns/a b/tcp/7401",
            "/dns/溯源.cn/tcp/7401",
            "/dnsaddr/node.example/tcp/7401",
            "/unix/tmp/tcp/7401",
            &long,
        ];
        for address in bad {
            assert_eq!(Dialable::parse(address), None, "{address}");
        }
    }

    #[test]
    fn a_statement_is_drawn_up_for_the_alliance_and_refused_with_what_is_wrong() {
        let alliance = AllianceId([1; 32]);
        let state =
            |addresses: &[&str], loopback| draw_up(&alliance, &addresses.iter().map(|address| (*address).to_owned()).collect::<Vec<_>>(), loopback);
        for addresses in [&[][..], &["/ip4/192.0.2.7/tcp/1"], &["/ip4/192.0.2.7/tcp/1", "/dns/a.example/tcp/1"]] {
            let submission = state(addresses, false).unwrap();
            let [section] = &submission.sections[..] else { panic!() };
            assert_eq!((&*submission.kind, &section.audiences[..]), (TYPE, &[alliance_circle(&alliance)][..]));
            let body = Body::new([0; 32], section.fields.clone()).unwrap();
            assert_eq!(content(&body).unwrap(), addresses);
        }
        let refused = |addresses: &[&str], loopback| {
            let refusal = state(addresses, loopback).unwrap_err();
            (refusal.fault, refusal.pointer)
        };
        let many: Vec<String> = (1..=17).map(|port| format!("/ip4/192.0.2.7/tcp/{port}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(refused(&many, false), (RefusalKind::Limit, "/addresses".into()));
        assert!(state(&many[1..], false).is_ok());
        assert_eq!(refused(&["/ip4/192.0.2.7/tcp/1", "nowhere"], false), (RefusalKind::Malformed, "/addresses/1".into()));
        assert_eq!(refused(&[many[0], many[1], many[0]], false), (RefusalKind::Malformed, "/addresses/2".into()));
        // A keyring without a passphrase stays on its machine.
        assert!(state(&["/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/1", "/dns/localhost/tcp/1"], true).is_ok());
        for outside in ["/ip4/192.0.2.7/tcp/1", "/ip6/2001:db8::1/tcp/1", "/dns/a.example/tcp/1", "/dns/localhost.example/tcp/1"] {
            assert_eq!(refused(&["/ip4/127.0.0.1/tcp/1", outside], true), (RefusalKind::Malformed, "/addresses/1".into()), "{outside}");
        }
    }

    #[test]
    fn what_is_not_of_the_form_states_nothing() {
        let body = |name: &str, value: &str| Body::new([0; 32], vec![Field { name: name.into(), value: value.into() }]).unwrap();
        assert_eq!(content(&body("addresses", "[]")), Some(Vec::new()));
        let many = serde_json::to_string(&(1..=17).map(|port| format!("/ip4/192.0.2.7/tcp/{port}")).collect::<Vec<_>>()).unwrap();
        let twice = r#"["/ip4/192.0.2.7/tcp/1","/ip4/192.0.2.7/tcp/1"]"#;
        for value in ["null", "{}", "[1]", r#""/ip4/192.0.2.7/tcp/1""#, r#"["/ip4/0.0.0.0/tcp/1"]"#, r#"["/ip4/192.0.2.7/tcp/1"#, &many, twice] {
            assert_eq!(content(&body("addresses", value)), None, "{value}");
        }
        assert_eq!(content(&body("address", "[]")), None);
        let fields = ["addresses", "more"].map(|name| Field { name: name.into(), value: "[]".into() });
        assert_eq!(content(&Body::new([0; 32], fields.to_vec()).unwrap()), None);
    }
}
