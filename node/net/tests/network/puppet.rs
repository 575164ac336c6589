//! A hand-made peer: it speaks the protocols, but says whatever a test wants.

use std::io;
use std::sync::{Arc, Mutex};

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
use libp2p::core::Transport;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::request_response::{self, Codec, Message, ProtocolSupport};
use libp2p::swarm::{StreamProtocol, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, noise, swarm, tcp, yamux};
use suyuan_core::AllianceId;
use suyuan_core::key::SecretKey;

/// Bytes as they are, on both ways.
#[derive(Clone, Default)]
pub struct Raw;

async fn read<T: AsyncRead + Unpin + Send>(stream: &mut T) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(64 << 20).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

impl Codec for Raw {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T: AsyncRead + Unpin + Send>(&mut self, _: &StreamProtocol, stream: &mut T) -> io::Result<Vec<u8>> {
        read(stream).await
    }

    async fn read_response<T: AsyncRead + Unpin + Send>(&mut self, _: &StreamProtocol, stream: &mut T) -> io::Result<Vec<u8>> {
        read(stream).await
    }

    async fn write_request<T: AsyncWrite + Unpin + Send>(&mut self, _: &StreamProtocol, stream: &mut T, bytes: Vec<u8>) -> io::Result<()> {
        stream.write_all(&bytes).await
    }

    async fn write_response<T: AsyncWrite + Unpin + Send>(&mut self, _: &StreamProtocol, stream: &mut T, bytes: Vec<u8>) -> io::Result<()> {
        stream.write_all(&bytes).await
    }
}

/// A message as it goes over the wire.
pub fn frame(message: &[u8]) -> Vec<u8> {
    [&u32::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
}

pub fn keypair(key: &SecretKey) -> Keypair {
    Keypair::ed25519_from_bytes(*key.seed()).unwrap()
}

pub fn peer_id(key: &SecretKey) -> PeerId {
    keypair(key).public().to_peer_id()
}

type PuppetSwarm = Swarm<request_response::Behaviour<Raw>>;

pub struct Puppet {
    pub swarm: PuppetSwarm,
}

/// What happened to the puppet.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub established: usize,
    pub failed: usize,
    pub closed: usize,
    pub responses: Vec<Vec<u8>>,
    pub failures: Vec<String>,
}

impl Puppet {
    pub fn new(key: &Keypair, alliance: &AllianceId) -> Self {
        let noise = noise::Config::new(key).unwrap().with_prologue(alliance.0.to_vec());
        let transport =
            tcp::tokio::Transport::new(tcp::Config::default()).upgrade(Version::V1).authenticate(noise).multiplex(yamux::Config::default()).boxed();
        let protocol = [(StreamProtocol::new("/suyuan/1/sync"), ProtocolSupport::Full)];
        let behaviour = request_response::Behaviour::with_codec(Raw, protocol, request_response::Config::default().with_max_concurrent_streams(1000));
        let config = swarm::Config::with_tokio_executor().with_idle_connection_timeout(std::time::Duration::from_secs(60));
        Self { swarm: Swarm::new(transport, behaviour, key.public().to_peer_id(), config) }
    }

    pub fn listen(mut self, address: Multiaddr) -> Self {
        self.swarm.listen_on(address).unwrap();
        self
    }

    /// Tells it where to dial somebody whom it asks.
    pub fn know(mut self, peer: &PeerId, address: Multiaddr) -> Self {
        self.swarm.add_peer_address(*peer, address);
        self
    }

    pub fn ask(mut self, peer: &PeerId, bytes: Vec<u8>) -> Self {
        self.swarm.behaviour_mut().send_request(peer, bytes);
        self
    }

    /// Keeps so many requests under way, whatever comes back. Answers are counted, not kept.
    pub fn flood(mut self, peer: PeerId, request: Vec<u8>, width: usize) -> Arc<Mutex<Seen>> {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = seen.clone();
        for _ in 0..width {
            self.swarm.behaviour_mut().send_request(&peer, request.clone());
        }
        let mut swarm = self.swarm;
        tokio::spawn(async move {
            loop {
                let event = swarm.select_next_some().await;
                let ended = match event {
                    SwarmEvent::Behaviour(request_response::Event::Message { message: Message::Response { response, .. }, .. }) => {
                        if !response.is_empty() {
                            shared.lock().unwrap().responses.push(Vec::new());
                        }
                        true
                    }
                    SwarmEvent::Behaviour(request_response::Event::OutboundFailure { .. }) => {
                        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                        true
                    }
                    _ => false,
                };
                if ended {
                    swarm.behaviour_mut().send_request(&peer, request.clone());
                }
            }
        });
        seen
    }

    /// Plays on in the background; `answer` says what it answers to whom.
    pub fn play(self, mut answer: impl FnMut(&PeerId, &[u8]) -> Option<Vec<u8>> + Send + 'static) -> Arc<Mutex<Seen>> {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = seen.clone();
        let mut swarm = self.swarm;
        tokio::spawn(async move {
            loop {
                let event = swarm.select_next_some().await;
                note(&event, &mut shared.lock().unwrap());
                let SwarmEvent::Behaviour(request_response::Event::Message { peer, message, .. }) = event else { continue };
                match message {
                    Message::Request { request, channel, .. } => {
                        if let Some(response) = answer(&peer, &request) {
                            let _ = swarm.behaviour_mut().send_response(channel, response);
                        }
                    }
                    Message::Response { response, .. } => shared.lock().unwrap().responses.push(response),
                }
            }
        });
        seen
    }
}

fn note(event: &SwarmEvent<request_response::Event<Vec<u8>, Vec<u8>>>, seen: &mut Seen) {
    match event {
        SwarmEvent::ConnectionEstablished { .. } => seen.established += 1,
        SwarmEvent::ConnectionClosed { .. } => seen.closed += 1,
        SwarmEvent::OutgoingConnectionError { .. } | SwarmEvent::IncomingConnectionError { .. } => seen.failed += 1,
        SwarmEvent::Behaviour(request_response::Event::OutboundFailure { error, .. }) => seen.failures.push(error.to_string()),
        _ => {}
    }
}
