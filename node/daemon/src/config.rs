//! Configuration: flags over environment over `node.toml` over defaults that work. None of it can widen access to data.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use suyuan_api::tls::TlsFiles;
use suyuan_client::WitnessClient;
use suyuan_core::note::NamedKey;
use suyuan_net::Multiaddr;
use suyuan_trace::DigitalLink;

use crate::answer::{Failure, read_file};
use crate::cli;
use crate::external;

/// Longest configuration file, bytes.
const LIMIT: usize = 64 * 1024;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    admin: Option<SocketAddr>,
    public: Option<SocketAddr>,
    #[serde(default)]
    p2p: Vec<String>,
    public_url: Option<String>,
    public_tls: Option<Pair>,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    external_witnesses: Vec<String>,
    #[serde(default)]
    witness_logs: Vec<String>,
    relay: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    certificate: PathBuf,
    key: PathBuf,
}

/// What the node runs with.
#[derive(Debug)]
pub struct Config {
    /// Console and node API.
    pub admin: SocketAddr,
    /// Consumer pages, resolver and logs.
    pub public: SocketAddr,
    /// Addresses for the other members.
    pub p2p: Vec<Multiaddr>,
    /// Where consumers reach the public side.
    pub public_url: Option<String>,
    /// Certificate and key of the public side; plain HTTP where there are none.
    pub public_tls: Option<TlsFiles>,
    /// Host names of the console beside loopback.
    pub hosts: Vec<String>,
    /// Witnesses outside the alliance.
    pub external_witnesses: Vec<WitnessClient>,
    /// Logs outside the alliance that are witnessed here.
    pub witness_logs: Vec<NamedKey>,
    /// Whether this node keeps for other members what they cannot bring each other; where nothing is said, the leader's does.
    pub relay: Option<bool>,
}

impl Config {
    /// Puts together what a run is configured with.
    ///
    /// # Errors
    /// A file that cannot be read, or a name in it that nobody knows.
    pub fn load(data: &Path, flags: &cli::Run) -> Result<Self, Failure> {
        let path = data.join("node.toml");
        let file: File = if path.exists() {
            let text = String::from_utf8(read_file(&path, LIMIT)?).map_err(|error| Failure::local(format!("{}: {error}", path.display())))?;
            toml::from_str(&text).map_err(|error| Failure::local(format!("{}: {error}", path.display())))?
        } else {
            File::default()
        };
        let loopback = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Ok(Self {
            admin: flags.admin.or(file.admin).unwrap_or_else(|| loopback(7400)),
            public: flags.public.or(file.public).unwrap_or_else(|| loopback(7480)),
            p2p: p2p(&path, flags, &file.p2p)?,
            public_url: public_url(&path, flags, file.public_url)?,
            public_tls: tls(data, flags, file.public_tls)?,
            hosts: if flags.hosts.is_empty() { file.hosts } else { flags.hosts.clone() },
            external_witnesses: given(&flags.external_witnesses, &file.external_witnesses)
                .iter()
                .map(|text| external::parse(text).map_err(|why| Failure::local(format!("--external-witness: {why}"))))
                .collect::<Result<_, _>>()?,
            relay: flags.relay.or(file.relay),
            witness_logs: given(&flags.witness_logs, &file.witness_logs)
                .iter()
                .map(|vkey| {
                    NamedKey::from_log_vkey(vkey)
                        .ok_or_else(|| Failure::local(format!("--witness-log: {vkey} is not the vkey of an Ed25519 log (type 0x01)")))
                })
                .collect::<Result<_, _>>()?,
        })
    }

    /// The address that printed codes lead to where none is configured otherwise.
    pub fn own_url(&self) -> String {
        let scheme = if self.public_tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.public)
    }

    /// Whether nothing outside this machine can reach the node.
    pub fn is_loopback(&self) -> bool {
        self.admin.ip().is_loopback() && self.public.ip().is_loopback() && self.p2p.iter().all(|address| is_loopback(&address.to_string()))
    }
}

/// Where the other members' nodes reach this one, from the flag or the file at `path`.
fn p2p(path: &Path, flags: &cli::Run, file: &[String]) -> Result<Vec<Multiaddr>, Failure> {
    let parse = |text: &String| text.parse::<Multiaddr>().map_err(|why| format!("{text}: {why}; e.g. /ip4/0.0.0.0/tcp/7401"));
    if !flags.p2p.is_empty() {
        return flags.p2p.iter().map(parse).collect::<Result<_, _>>().map_err(|why| Failure::usage(format!("--p2p {why}")));
    }
    let default = ["/ip4/127.0.0.1/tcp/7401".to_owned()];
    let given = if file.is_empty() { &default } else { file };
    given.iter().map(parse).collect::<Result<_, _>>().map_err(|why| Failure::local(format!("{}: p2p {why}", path.display())))
}

/// Where consumers reach the public side, from the flag or the file at `path`.
fn public_url(path: &Path, flags: &cli::Run, file: Option<String>) -> Result<Option<String>, Failure> {
    match (&flags.public_url, file) {
        (Some(url), _) => base(url).map_err(|why| Failure::usage(format!("--public-url {url}: {why}"))).map(Some),
        (None, Some(url)) => base(&url).map_err(|why| Failure::local(format!("{}: public_url = {url:?}: {why}", path.display()))).map(Some),
        (None, None) => Ok(None),
    }
}

/// An address that printed codes can lead to, without a slash at its end: what a Digital Link may begin with.
pub fn base(url: &str) -> Result<String, String> {
    const SPECIMEN: &str = "https://id.gs1.org/01/09506000134352";
    let what = "no address for printed codes: https:// or http://, a host, perhaps a port and a path, without query and fragment, e.g. https://trace.example.com";
    if url.contains(['?', '#']) {
        return Err(what.to_owned());
    }
    let link = DigitalLink::parse(SPECIMEN).and_then(|link| link.with_base(url));
    link.map(|_| url.trim_end_matches('/').to_owned()).map_err(|error| format!("{what} ({error})"))
}

/// What the flags say or, where they say nothing, the file.
fn given<'a>(flags: &'a [String], file: &'a [String]) -> &'a [String] {
    if flags.is_empty() { file } else { flags }
}

/// Certificate and key: both from the flags, or both from the file, where paths begin at the data folder.
fn tls(data: &Path, flags: &cli::Run, file: Option<Pair>) -> Result<Option<TlsFiles>, Failure> {
    match (&flags.public_certificate, &flags.public_key) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate: certificate.clone(), key: key.clone() })),
        (None, None) => Ok(file.map(|pair| TlsFiles { certificate: data.join(pair.certificate), key: data.join(pair.key) })),
        _ => Err(Failure::usage("TLS takes a certificate and its key: give --public-certificate and --public-key, or neither")),
    }
}

/// Whether a multiaddr is on this machine's loopback.
pub fn is_loopback(multiaddr: &str) -> bool {
    let mut parts = multiaddr.split('/').skip(1);
    match (parts.next(), parts.next()) {
        (Some("ip4" | "ip6"), Some(ip)) => ip.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        (Some("dns" | "dns4" | "dns6"), Some(name)) => name == "localhost",
        _ => false,
    }
}
