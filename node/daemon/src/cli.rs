//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use suyuan_core::AllianceId;

/// 溯源 Suyuan: signed, tiered records along a supply chain that anyone can check.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
#[command(after_help = "Exit codes: 0 done and true; 1 what was checked does not hold; 2 usage; 3 the node cannot be reached; \
    4 the node refused; 5 a file, the keyring or the store.")]
pub struct Cli {
    /// Data folder of the node.
    #[arg(long, global = true, env = "SUYUAN_DATA", default_value = "suyuan-data", value_name = "DIR")]
    pub data: PathBuf,
    /// Answer with one JSON object.
    #[arg(long, global = true)]
    pub json: bool,
    /// File that holds the keyring's passphrase; else SUYUAN_PASSPHRASE, else a prompt.
    #[arg(long, global = true, env = "SUYUAN_PASSPHRASE_FILE", value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a member's keys and its founding entry.
    Init(Init),
    /// Run the node.
    Run(Run),
    /// Draw up, sign, check and show charters 合作章程.
    #[command(subcommand)]
    Charter(Charter),
    /// Check a bundle offline and say what it proves.
    Verify(Verify),
    /// Recompute everything in the store of a stopped node.
    Fsck,
    /// The keys of this member.
    #[command(subcommand)]
    Keyring(Keyring),
}

/// `suyuan init`.
#[derive(Debug, Args)]
pub struct Init {
    /// Name of the enterprise.
    #[arg(long)]
    pub name: String,
    /// leader, upstream, midstream, downstream, support or regulator.
    #[arg(long)]
    pub role: String,
    /// Address at which the other members reach this node, e.g. /ip4/192.0.2.7/tcp/7401.
    #[arg(long = "address", value_name = "MULTIADDR")]
    pub addresses: Vec<String>,
    /// Type of records that a regulator may read.
    #[arg(long = "scope", value_name = "TYPE")]
    pub scope: Vec<String>,
    /// Make keys without a passphrase. Such a node runs on loopback addresses only.
    #[arg(long)]
    pub development: bool,
}

/// `suyuan run`.
#[derive(Debug, Args, Default)]
pub struct Run {
    /// The complete charter, at the first start; it is kept in the data folder.
    #[arg(long, value_name = "FILE")]
    pub charter: Option<PathBuf>,
    /// Console and node API; loopback unless you know why.
    #[arg(long, env = "SUYUAN_ADMIN", value_name = "ADDRESS")]
    pub admin: Option<SocketAddr>,
    /// Consumer pages, resolver and logs.
    #[arg(long, env = "SUYUAN_PUBLIC", value_name = "ADDRESS")]
    pub public: Option<SocketAddr>,
    /// Address for the other members, e.g. /ip4/0.0.0.0/tcp/7401.
    #[arg(long = "p2p", env = "SUYUAN_P2P", value_name = "MULTIADDR", value_delimiter = ',')]
    pub p2p: Vec<String>,
    /// Where consumers reach the public side, e.g. https://trace.example.com; printed codes lead there.
    #[arg(long, env = "SUYUAN_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// Host name under which the console is reached, beside loopback.
    #[arg(long = "host", env = "SUYUAN_HOSTS", value_name = "NAME", value_delimiter = ',')]
    pub hosts: Vec<String>,
}

/// `suyuan charter`.
#[derive(Debug, Subcommand)]
pub enum Charter {
    /// Draw up a charter from the founders' entries.
    New(NewCharter),
    /// Sign a charter with this member's keys.
    Sign {
        /// The charter.
        file: PathBuf,
        /// The root key's file, if it was moved away.
        #[arg(long, value_name = "FILE")]
        root: Option<PathBuf>,
        /// File that holds the root key's passphrase; else SUYUAN_ROOT_PASSPHRASE, else a prompt.
        #[arg(long, value_name = "FILE")]
        root_passphrase_file: Option<PathBuf>,
    },
    /// Say whether a charter is complete, and whose signature is missing.
    Check {
        /// The charter.
        file: PathBuf,
        /// The alliance that it should be.
        #[arg(long)]
        alliance: Option<AllianceId>,
    },
    /// Show what a charter says.
    Show {
        /// The charter; the node's own if there is none.
        file: Option<PathBuf>,
    },
}

/// `suyuan charter new`.
#[derive(Debug, Args)]
pub struct NewCharter {
    /// Where to write it.
    pub file: PathBuf,
    /// Name of the alliance.
    #[arg(long)]
    pub name: String,
    /// What it is for.
    #[arg(long, default_value = "")]
    pub purpose: String,
    /// The industrial chain, e.g. 绿色农业.
    #[arg(long)]
    pub chain: String,
    /// A founder's entry, as `suyuan init` wrote it; one for each founder.
    #[arg(long = "entry", value_name = "FILE", required = true)]
    pub entries: Vec<PathBuf>,
    /// Name of a deputy of the leader, in order of succession.
    #[arg(long = "deputy", value_name = "NAME")]
    pub deputies: Vec<String>,
    /// T: within how many hours a removed member is locked out at the latest.
    #[arg(long, default_value_t = 24, value_name = "HOURS")]
    pub seal_hours: u64,
    /// File with the text of the agreement.
    #[arg(long, value_name = "FILE")]
    pub terms: Option<PathBuf>,
}

/// `suyuan verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// The bundle.
    pub file: PathBuf,
    /// The alliance that you expect, from the printed code or your contract.
    #[arg(long)]
    pub alliance: Option<AllianceId>,
}

/// `suyuan keyring`.
#[derive(Debug, Subcommand)]
pub enum Keyring {
    /// Show the public keys.
    Show,
    /// Write what may be backed up: identity keys, no secrets of circles.
    Export {
        /// Where to.
        file: PathBuf,
        /// File that holds the backup's own passphrase; else SUYUAN_BACKUP_PASSPHRASE, else a prompt.
        #[arg(long, value_name = "FILE")]
        backup_passphrase_file: Option<PathBuf>,
    },
    /// Make a keyring from a backup in an empty data folder.
    Restore {
        /// The backup.
        file: PathBuf,
        /// File that holds the backup's passphrase.
        #[arg(long, value_name = "FILE")]
        backup_passphrase_file: Option<PathBuf>,
    },
}
