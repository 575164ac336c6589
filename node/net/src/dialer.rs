//! Whom to dial and when: members that are not connected, each with a growing pause.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use suyuan_core::MemberId;

use crate::limits;

/// One member's turn to be dialled.
#[derive(Debug)]
struct Road {
    at: Instant,
    tries: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Apart,
    Dialling,
    Connected,
}

/// The roads to all members that have addresses.
#[derive(Debug)]
pub(crate) struct Dialer {
    roads: BTreeMap<MemberId, Road>,
    rng: StdRng,
}

impl Dialer {
    /// Dials these members.
    pub fn new(reachable: impl IntoIterator<Item = MemberId>, seed: [u8; 32], now: Instant) -> Self {
        let roads = reachable.into_iter().map(|member| (member, Road { at: now, tries: 0, state: State::Apart })).collect();
        Self { roads, rng: StdRng::from_seed(seed) }
    }

    /// A member's addresses have changed: where it is not connected, it is dialled without waiting, or not any more.
    pub fn moved(&mut self, member: MemberId, reachable: bool, connected: bool, now: Instant) {
        if !reachable {
            self.roads.remove(&member);
            return;
        }
        let state = if connected { State::Connected } else { State::Apart };
        let road = self.roads.entry(member).or_insert(Road { at: now, tries: 0, state });
        road.at = now;
        road.tries = 0;
    }

    /// The members to dial now; each counts as being dialled until it is connected or failed.
    pub fn due(&mut self, now: Instant) -> Vec<MemberId> {
        let busy = self.roads.values().filter(|road| road.state == State::Dialling).count();
        let free = limits::DIALS.saturating_sub(busy);
        let due = self.roads.iter_mut().filter(|(_, road)| road.state == State::Apart && road.at <= now).take(free);
        due.map(|(member, road)| {
            road.state = State::Dialling;
            *member
        })
        .collect()
    }

    pub fn connected(&mut self, member: &MemberId) {
        if let Some(road) = self.roads.get_mut(member) {
            road.state = State::Connected;
            road.tries = 0;
        }
    }

    /// A connected member is gone, or a dialled one was not reached.
    pub fn apart(&mut self, member: &MemberId, now: Instant) {
        let Self { roads, rng } = self;
        let Some(road) = roads.get_mut(member) else { return };
        let doubled = limits::DIAL_FIRST.saturating_mul(1u32.checked_shl(road.tries.min(16)).unwrap_or(u32::MAX));
        let pause = doubled.min(limits::DIAL_MOST);
        road.tries = road.tries.saturating_add(1);
        road.at = now + pause + pause.mul_f64(rng.random_range(0.0..0.5));
        road.state = State::Apart;
    }

    /// A dial ended without success. The member may have connected by itself in the meantime.
    pub fn failed(&mut self, member: &MemberId, now: Instant) {
        if self.roads.get(member).is_some_and(|road| road.state == State::Dialling) {
            self.apart(member, now);
        }
    }
}

/// Replaces names by what they stand for now. An address whose name is unknown yields nothing.
pub(crate) async fn resolve(addresses: Vec<Multiaddr>) -> Vec<Multiaddr> {
    let mut resolved = Vec::new();
    for address in addresses {
        match named(&address) {
            None => resolved.push(address),
            Some((name, wanted)) => {
                let looked_up = tokio::time::timeout(limits::RESOLVE, tokio::net::lookup_host((name.as_str(), 0))).await;
                let found = looked_up.ok().and_then(Result::ok).into_iter().flatten().map(|socket| socket.ip());
                resolved.extend(found.filter(wanted).filter_map(|ip| with_ip(&address, ip)));
            }
        }
    }
    resolved.truncate(limits::ADDRESSES);
    resolved
}

/// The name that an address begins with, and which kind of address it asks for.
fn named(address: &Multiaddr) -> Option<(String, fn(&IpAddr) -> bool)> {
    match address.iter().next()? {
        Protocol::Dns(name) => Some((name.into_owned(), |_| true)),
        Protocol::Dns4(name) => Some((name.into_owned(), IpAddr::is_ipv4)),
        Protocol::Dns6(name) => Some((name.into_owned(), IpAddr::is_ipv6)),
        _ => None,
    }
}

fn with_ip(address: &Multiaddr, ip: IpAddr) -> Option<Multiaddr> {
    address.replace(0, |_| Some(ip.into()))
}

/// The pause before the network's task runs again after a panic grows as that of a dial does.
pub(crate) fn restart_pause(times: u32) -> Duration {
    limits::RESTART.saturating_mul(1u32.checked_shl(times.min(8)).unwrap_or(u32::MAX)).min(limits::DIAL_MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn road() -> (Dialer, MemberId) {
        let member = MemberId([1; 32]);
        let now = Instant::now();
        let roads = [(member, Road { at: now, tries: 0, state: State::Apart })].into();
        (Dialer { roads, rng: StdRng::from_seed([1; 32]) }, member)
    }

    #[test]
    fn pauses_double_up_to_their_bound_and_a_connection_ends_them() {
        let (mut dialer, member) = road();
        let mut now = Instant::now();
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(dialer.due(now), [member]);
            assert_eq!(dialer.due(now), [], "already being dialled");
            dialer.failed(&member, now);
            let pause = Duration::from_secs(seconds);
            assert_eq!(dialer.due(now + pause.mul_f64(0.99)), []);
            now += pause.mul_f64(1.5);
        }
        assert_eq!(dialer.due(now), [member]);
        dialer.connected(&member);
        dialer.failed(&member, now);
        assert_eq!(dialer.due(now + Duration::from_secs(1000)), [], "it had connected by itself");
        dialer.apart(&member, now);
        assert_eq!(dialer.due(now + Duration::from_millis(1500)), [member]);
    }

    #[test]
    fn who_has_moved_is_dialled_at_once_and_who_has_no_address_is_not() {
        let (mut dialer, member) = road();
        let start = Instant::now();
        for _ in 0..10 {
            dialer.due(start + Duration::from_secs(1000));
            dialer.failed(&member, start);
        }
        assert_eq!(dialer.due(start + Duration::from_secs(30)), [], "it waits for a minute");
        dialer.moved(member, true, false, start);
        assert_eq!(dialer.due(start), [member]);
        dialer.moved(member, true, false, start);
        assert_eq!(dialer.due(start), [], "one dial at a time");
        dialer.failed(&member, start);
        assert_eq!(dialer.due(start + Duration::from_millis(1500)), [member], "the pauses begin anew");
        dialer.moved(member, false, false, start);
        dialer.failed(&member, start);
        assert_eq!(dialer.due(start + Duration::from_secs(1000)), []);
        dialer.moved(member, true, true, start);
        assert_eq!(dialer.due(start + Duration::from_secs(1000)), [], "it had connected by itself");
        dialer.apart(&member, start);
        assert_eq!(dialer.due(start + Duration::from_millis(1500)), [member]);
    }

    #[tokio::test]
    async fn names_are_resolved_and_unknown_ones_are_left_out() {
        let parse = |text: &str| text.parse::<Multiaddr>().unwrap();
        let given = ["/dns4/localhost/tcp/7300", "/ip4/10.0.0.1/tcp/1", "/dns4/no-such-name.invalid/tcp/1"].map(parse);
        assert_eq!(resolve(given.to_vec()).await, ["/ip4/127.0.0.1/tcp/7300", "/ip4/10.0.0.1/tcp/1"].map(parse));
    }
}
