//! Strangers are cut off before the multiplexer, and what hostile peers send costs little and changes nothing.

use std::pin::Pin;
use std::time::{Duration, Instant};

use futures::{AsyncReadExt, AsyncWriteExt, FutureExt};
use libp2p::core::Transport;
use libp2p::core::transport::{DialOpts, PortUse};
use libp2p::core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo, Version};
use libp2p::identity::Keypair;
use libp2p::{PeerId, noise, tcp, yamux};
use suyuan_core::AllianceId;
use suyuan_engine::serve;
use suyuan_engine::wire::{Head, LogSize, Request, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::puppet::{Puppet, frame, keypair, peer_id};
use super::support::{Alliance, converged, local, multiaddr, own_head_known, wait};

/// Shakes hands by noise, proposes yamux, and reports all that is answered to that.
#[derive(Clone)]
struct Probe {
    noise: noise::Config,
    answered: tokio::sync::mpsc::UnboundedSender<Vec<u8>>,
}

impl UpgradeInfo for Probe {
    type Info = &'static str;
    type InfoIter = std::iter::Once<&'static str>;

    fn protocol_info(&self) -> Self::InfoIter {
        std::iter::once("/noise")
    }
}

type Probing<S> = Pin<Box<dyn Future<Output = Result<(PeerId, noise::Output<S>), noise::Error>> + Send>>;

impl<S: futures::AsyncRead + futures::AsyncWrite + Unpin + Send + 'static> OutboundConnectionUpgrade<S> for Probe {
    type Output = (PeerId, noise::Output<S>);
    type Error = noise::Error;
    type Future = Probing<S>;

    fn upgrade_outbound(self, socket: S, info: &'static str) -> Self::Future {
        async move {
            let (peer, mut stream) = self.noise.upgrade_outbound(socket, info).await?;
            stream.write_all(b"\x13/multistream/1.0.0\n\x0d/yamux/1.0.0\n").await?;
            stream.flush().await?;
            let mut answered = Vec::new();
            let _ = stream.read_to_end(&mut answered).await;
            self.answered.send(answered).unwrap();
            Ok((peer, stream))
        }
        .boxed()
    }
}

impl<S: futures::AsyncRead + futures::AsyncWrite + Unpin + Send + 'static> InboundConnectionUpgrade<S> for Probe {
    type Output = (PeerId, noise::Output<S>);
    type Error = noise::Error;
    type Future = Probing<S>;

    fn upgrade_inbound(self, _: S, _: &'static str) -> Self::Future {
        unreachable!("it only dials")
    }
}

/// What a node answers, after the noise handshake, to somebody with this key. Nothing when the handshake did not succeed.
async fn answered(port: u16, key: &Keypair, alliance: &AllianceId) -> Option<Vec<u8>> {
    let (answered, mut reports) = tokio::sync::mpsc::unbounded_channel();
    let noise = noise::Config::new(key).unwrap().with_prologue(alliance.0.to_vec());
    let mut transport = tcp::tokio::Transport::new(tcp::Config::default())
        .upgrade(Version::V1)
        .authenticate(Probe { noise, answered })
        .multiplex(yamux::Config::default())
        .boxed();
    let options = DialOpts { role: libp2p::core::Endpoint::Dialer, port_use: PortUse::New };
    let dialled = transport.dial(multiaddr(port), options).unwrap();
    let probing = async {
        // Whether yamux is then spoken is of no matter here.
        let _ = dialled.await;
        reports.try_recv().ok()
    };
    tokio::time::timeout(Duration::from_secs(3), probing).await.unwrap_or(Some(Vec::from(b"still open")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_cut_off_before_the_multiplexer() {
    let alliance = Alliance::new(2);
    let node = alliance.run(0);
    let id = alliance.log(0).alliance;
    let port = alliance.founders[0].port;
    // The probe sees what a member is answered: the connection stays open, and yamux was agreed on.
    let member = answered(port, &keypair(&alliance.founders[1].transport), &id).await.unwrap();
    assert_eq!(member, b"still open");
    for _ in 0..20 {
        let stranger = Keypair::generate_ed25519();
        assert_eq!(answered(port, &stranger, &id).await.unwrap(), b"", "not one byte after the handshake");
    }
    let other = answered(port, &keypair(&alliance.founders[1].transport), &AllianceId([7; 32])).await;
    assert_eq!(other, None, "another alliance does not even get through the handshake");
    let itself = answered(port, &keypair(&alliance.founders[0].transport), &id).await.unwrap();
    assert_eq!(itself, b"", "nobody else may be this node");
    let status = node.net.status().await;
    assert_eq!(status.turned_away, 21);
    // A node that dials and finds a stranger hangs up as well.
    let puppet = Puppet::new(&Keypair::generate_ed25519(), &id).listen(multiaddr(alliance.founders[1].port));
    let seen = puppet.play(|_, _| None);
    wait("it was dialled", Duration::from_secs(10), async || node.net.status().await.turned_away > 21).await;
    assert_eq!(seen.lock().unwrap().established, 0);
    node.stop().await;
}

/// Whether this is a process that plays one test only. If not, such a process plays it, and what others use is not counted as its own.
fn alone(test: &str) -> bool {
    const ALONE: &str = "SUYUAN_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let played = std::process::Command::new(std::env::current_exe().unwrap()).args([test, "--exact"]).env(ALONE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&played.stdout);
    assert!(played.status.success() && said.contains("1 passed"), "{said}");
    false
}

/// Bytes of memory that this process takes up.
fn memory() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_and_slow_sockets_cost_little_and_honest_nodes_go_on() {
    if !alone("hostile::garbage_and_slow_sockets_cost_little_and_honest_nodes_go_on") {
        return;
    }
    let alliance = Alliance::new(2);
    let (g, z) = (alliance.run(0), alliance.run(1));
    own_head_known(&g).await;
    converged(&[&g, &z]).await;
    let before = memory();
    let port = alliance.founders[0].port;
    let mut attackers = Vec::new();
    for number in 0..400u32 {
        attackers.push(tokio::spawn(async move {
            let Ok(mut socket) = TcpStream::connect(local(port)).await else { return 0 };
            let _ = match number % 4 {
                // Garbage, all at once.
                0 => socket.write_all(&vec![0xa5; 100_000]).await,
                // A multistream length that never ends.
                1 => socket.write_all(&[0xff; 64]).await,
                // The right beginning, and then garbage where noise should be.
                2 => socket.write_all(b"\x13/multistream/1.0.0\n\x07/noise\n\xff\xff").await,
                // One byte and then nothing for ever.
                _ => socket.write_all(b"\x13").await,
            };
            let start = Instant::now();
            let mut answered = Vec::new();
            let _ = tokio::time::timeout(Duration::from_secs(20), socket.read_to_end(&mut answered)).await;
            assert!(start.elapsed() < Duration::from_secs(15), "a slow socket was kept");
            // The names of the protocols that lead to the handshake, and not more.
            assert!(answered.len() <= 28, "{answered:?}");
            answered.len()
        }));
    }
    for _ in 0..10 {
        g.put_notes(200).await;
        z.put_notes(200).await;
        let start = Instant::now();
        converged(&[&g, &z]).await;
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    }
    for attacker in attackers {
        attacker.await.unwrap();
    }
    let grown = memory().saturating_sub(before);
    assert!(grown < 96 << 20, "{grown} bytes");
    assert!(g.net.status().await.handshakes_failed >= 300);
    g.stop().await;
    z.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_members_bad_frames_are_closed_and_counted() {
    let alliance = Alliance::new(3);
    let g = alliance.run(0);
    let id = alliance.log(0).alliance;
    let key = &alliance.founders[1].transport;
    let target = peer_id(&alliance.founders[0].transport);
    let bad: Vec<Vec<u8>> = vec![
        Vec::new(),
        vec![0xff; 4],
        vec![0, 1, 0, 1],
        frame(b""),
        frame(b"\xff\xff\xff"),
        frame(&[0x83, 1, 9, 0xf6]),
        frame(&[0x83, 2, 0, 0xf6]),
        frame(&[&[0x83, 1, 0, 0xf6][..], b"more"].concat()),
        frame(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        frame(&vec![0x81; 60_000]),
        frame(&vec![0; 64 * 1024])[..1000].to_vec(),
    ];
    let count = bad.len();
    let mut puppet = Puppet::new(&keypair(key), &id).know(&target, multiaddr(alliance.founders[0].port));
    for bytes in bad {
        puppet = puppet.ask(&target, bytes);
    }
    let good = Request::Heads.to_bytes();
    let seen = puppet.ask(&target, frame(&good)).play(|_, _| None);
    wait("all are answered or closed", Duration::from_secs(10), async || {
        let seen = seen.lock().unwrap();
        seen.responses.len() + seen.failures.len() == count + 1
    })
    .await;
    let seen = seen.lock().unwrap().clone();
    let responses = seen.responses;
    let answers: Vec<&Vec<u8>> = responses.iter().filter(|response| !response.is_empty()).collect();
    assert_eq!(answers.len(), 1, "only the good one is answered: {responses:?} {:?}", seen.failures);
    assert!(matches!(Response::decode(&answers[0][4..], &id), Ok(Response::Heads(_))));
    assert_eq!(g.peer(alliance.id(1)).await.traffic.bad_requests, 7);
    g.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lying_member_is_named_and_another_source_is_used() {
    let alliance = Alliance::new(4);
    let (g, s) = (alliance.run(0), alliance.run(3));
    own_head_known(&g).await;
    g.put_notes(1500).await;
    converged(&[&g, &s]).await;
    let log = alliance.log(0);
    g.stop().await;
    // M1 has what S has, claims more, and changes one byte of a statement in what it gives.
    let (copy, victim) = (s.handle().clone(), alliance.id(2));
    let claimed = LogSize { log, size: 5000 };
    let liar = Puppet::new(&keypair(&alliance.founders[1].transport), &log.alliance).listen(multiaddr(alliance.founders[1].port));
    let pulled = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let pulls = pulled.clone();
    liar.play(move |_, bytes| {
        let state = copy.state();
        let request = Request::decode(&bytes[4..], &log.alliance).unwrap();
        let response = serve::answer(&request, &victim, &state.ledger, None, copy.store().as_ref(), copy.local()).unwrap();
        let response = match response {
            Response::Heads(_) => Response::Heads(vec![Head { log: claimed, root: [0; 32] }]),
            Response::Batch(Some(mut batch)) => {
                pulls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let middle = batch.items.len() / 2;
                let item = &mut batch.items[middle];
                let last = item.statement.len() - 1;
                item.statement[last] ^= 1;
                Response::Batch(Some(batch))
            }
            other => other,
        };
        Some(frame(&response.to_bytes()))
    });
    let z = alliance.run(2);
    wait("Z has the log", Duration::from_secs(30), async || z.size(&log) == 1501).await;
    assert!(pulled.load(std::sync::atomic::Ordering::Relaxed) > 0, "the liar was asked");
    let liar = z.peer(alliance.id(1)).await;
    assert!(liar.traffic.refused > 0);
    let accused = liar.accused.unwrap();
    assert!(accused.contains("refused: entry "), "{accused}");
    let honest_peer = z.peer(alliance.id(3)).await;
    assert_eq!((honest_peer.accused, honest_peer.traffic.refused), (None, 0));
    z.stop().await;
    s.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_floods_gets_its_share_and_others_theirs() {
    let alliance = Alliance::new(3);
    let (g, z) = (alliance.run(0), alliance.run(2));
    own_head_known(&g).await;
    g.put_notes(3000).await;
    converged(&[&g, &z]).await;
    let before = memory();
    let (log, target) = (alliance.log(0), peer_id(&alliance.founders[0].transport));
    let pull = frame(&Request::Pull { log, from: 0 }.to_bytes());
    // Both of its connections are full of requests for a whole batch, all the time.
    let flood = Puppet::new(&keypair(&alliance.founders[1].transport), &log.alliance).know(&target, multiaddr(alliance.founders[0].port));
    let seen = flood.flood(target, pull, 64);
    let start = Instant::now();
    for _ in 0..10 {
        g.put_notes(100).await;
        let start = Instant::now();
        converged(&[&g, &z]).await;
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let answers = seen.lock().unwrap().responses.len();
    assert!(answers > 0, "it has its share");
    let most = 200.0 * (start.elapsed().as_secs_f64() + 2.0);
    assert!((answers as f64) < most, "{answers} answers");
    let traffic = g.peer(alliance.id(1)).await.traffic;
    assert!(traffic.received < 200 << 20, "{traffic:?}");
    let grown = memory().saturating_sub(before);
    assert!(grown < 256 << 20, "{grown} bytes");
    g.stop().await;
    z.stop().await;
}
