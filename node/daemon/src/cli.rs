//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;
use suyuan_core::charter::Role;
use suyuan_core::circle::Tier;
use suyuan_core::{AllianceId, CircleId, StatementId};

/// 溯源 Suyuan: signed, tiered records along a supply chain that anyone can check.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
#[command(after_help = "Exit codes: 0 done and true; 1 what was checked does not hold; 2 usage, nothing was done; 3 the node cannot be reached; \
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
    /// The running node that a command is for.
    #[command(flatten)]
    pub node: NodeAddress,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Where a running node is, and what opens it.
#[derive(Debug, Args)]
pub struct NodeAddress {
    /// Admin address of the running node.
    #[arg(long, global = true, env = "SUYUAN_NODE", default_value = "http://127.0.0.1:7400", value_name = "URL")]
    pub node: String,
    /// Bearer token; else the one that the node left in its data folder for this machine's operator.
    #[arg(long, global = true, env = "SUYUAN_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub token: Option<String>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a member's keys and its founding entry.
    Init(Init),
    /// Run the node.
    Run(Run),
    /// What a running node says of itself.
    Status,
    /// Write, read, list and disclose records.
    #[command(subcommand)]
    Record(Record),
    /// Records that are on the node's disk and wait until they can be sealed: list them, or take some out.
    Waiting(Waiting),
    /// Circles 协作圈: who may read what.
    #[command(subcommand)]
    Circle(Circle),
    /// Invite somebody to the alliance, list the invitations, or take one back.
    #[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    Invite(Invite),
    /// Ask to be admitted to an alliance on an invitation, and wait until the members have decided.
    Join(Join),
    /// Fetch the alliance's newest history, for a node that was away while everybody else exchanged keys, or begins anew from a backup.
    History(History),
    /// Go on after the loss of keys or log: sign with new keys, ask the partners, and wait until they have decided. Begins in a new folder, after `suyuan init`.
    Recover(Recover),
    /// Joint decisions 决议: propose, approve, object, and what was decided.
    #[command(subcommand)]
    Resolution(Resolution),
    /// Where the members' nodes are reached.
    #[command(subcommand)]
    Address(Address),
    /// The logs that the node holds, and their audit.
    #[command(args_conflicts_with_subcommands = true)]
    Log(Log),
    /// The code to print on a product: address, alliance, and a QR picture.
    Code(Code),
    /// Take in an EPCIS 2.0 JSON document: the envelope as one record, each event as another.
    Import(Import),
    /// Set the password of the console's operator; read from standard input or a prompt.
    Operator,
    /// Draw up, sign, check and show charters 合作章程.
    #[command(subcommand)]
    Charter(Charter),
    /// Check a bundle, or a proof that a member showed two histories, offline, and say what it proves.
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
    #[arg(long, value_parser = role)]
    pub role: Role,
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
    /// TLS certificate of the public side with its chain, in PEM; read again when it changes.
    #[arg(long, env = "SUYUAN_PUBLIC_CERTIFICATE", value_name = "FILE")]
    pub public_certificate: Option<PathBuf>,
    /// The certificate's private key, in PEM.
    #[arg(long, env = "SUYUAN_PUBLIC_KEY", value_name = "FILE")]
    pub public_key: Option<PathBuf>,
    /// Host name under which the console is reached, beside loopback.
    #[arg(long = "host", env = "SUYUAN_HOSTS", value_name = "NAME", value_delimiter = ',')]
    pub hosts: Vec<String>,
    /// Witness outside the alliance that is asked to cosign this node's checkpoints (C2SP tlog-witness): its vkey and submission prefix.
    #[arg(long = "external-witness", env = "SUYUAN_EXTERNAL_WITNESSES", value_name = "VKEY=URL", value_delimiter = ',')]
    pub external_witnesses: Vec<String>,
    /// Log outside the alliance that this node witnesses for whoever asks on its public listener: the log's vkey.
    #[arg(long = "witness-log", env = "SUYUAN_WITNESS_LOGS", value_name = "VKEY", value_delimiter = ',')]
    pub witness_logs: Vec<String>,
    /// Whether this node keeps for other members, unreadable to it, what they cannot bring each other; the leader's does unless told otherwise.
    #[arg(long, env = "SUYUAN_RELAY", value_name = "true|false")]
    pub relay: Option<bool>,
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
    /// Show what the charter says: as it is in force at the running node, or was before; or what a file says.
    #[command(disable_version_flag = true)]
    Show {
        /// A charter's file, such as a draft or the founding charter in the data folder; the running node is not asked then.
        file: Option<PathBuf>,
        /// As it was in force at this time: RFC 3339, e.g. 2026-11-20T08:30:00+08:00, or a date, which is the end of that day in Beijing.
        #[arg(long, value_name = "TIME", value_parser = crate::time::parse, conflicts_with_all = ["file", "version"])]
        at: Option<u64>,
        /// The version with this number; 0 is the founding charter.
        #[arg(long, value_name = "N", conflicts_with = "file")]
        version: Option<u64>,
    },
    /// Every version of the charter: since when, what it changed, and by which decision.
    History,
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
    /// Exchange keys of this member while its node runs: the node makes new ones, the root key signs, the members' nodes make it final.
    Rotate(Rotate),
    /// Make a keyring from a backup in an empty data folder.
    Restore {
        /// The backup.
        file: PathBuf,
        /// File that holds the backup's passphrase.
        #[arg(long, value_name = "FILE")]
        backup_passphrase_file: Option<PathBuf>,
    },
}

/// `suyuan keyring rotate`.
#[derive(Debug, Args)]
pub struct Rotate {
    /// Which; all four where none is named.
    #[arg(value_enum)]
    pub keys: Vec<KeyPurpose>,
    /// Where the root key is.
    #[command(flatten)]
    pub root: RootKey,
    /// For how many seconds to wait until it is final.
    #[arg(long, default_value_t = 120, value_name = "SECONDS")]
    pub wait: u64,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyPurpose {
    /// Statements and checkpoints.
    Log,
    /// Cosignatures.
    Witness,
    /// Connections between nodes.
    Transport,
    /// Keys of circles that are handed to this member.
    Encryption,
}

/// `suyuan record`.
#[derive(Debug, Subcommand)]
pub enum Record {
    /// Write records; durable when it returns. What cannot be sealed yet waits at the node.
    Put {
        /// A JSON file with `{"records":[…]}`, or - for standard input.
        file: PathBuf,
        /// Makes it safe to send the same file again: 1 to 255 visible characters.
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
    },
    /// Show one record.
    Get {
        /// Its id.
        id: StatementId,
    },
    /// List records.
    List {
        /// About a GS1 Digital Link or EPC URN.
        #[arg(long, group = "which")]
        subject: Option<String>,
        /// Addressed to a circle: public, alliance, self or an id.
        #[arg(long, group = "which")]
        circle: Option<String>,
        /// Of a member's log: name or id.
        #[arg(long, group = "which")]
        log: Option<String>,
        /// `next` of the page before.
        #[arg(long)]
        after: Option<String>,
        /// Records of a page.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Write a bundle that discloses single fields, or the public sections, and proves them anywhere.
    Disclose {
        /// The record's id.
        id: StatementId,
        /// A field as SECTION:NAME, e.g. 1:residue; the public sections whole if there is none.
        #[arg(long = "field", value_name = "SECTION:NAME", value_parser = field)]
        fields: Vec<(u8, String)>,
        /// Where to write it.
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
    /// Put an imported EPCIS document together again.
    Export {
        /// Id of the envelope's record.
        id: StatementId,
    },
}

/// `suyuan waiting`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Waiting {
    /// `next` of the page before.
    #[arg(long)]
    pub after: Option<StatementId>,
    /// Submissions of a page.
    #[arg(long, default_value_t = 50)]
    pub limit: usize,
    /// What to do with one of them.
    #[command(subcommand)]
    pub action: Option<WaitingAction>,
}

/// What is done with a submission that waits.
#[derive(Debug, Subcommand)]
pub enum WaitingAction {
    /// Take it out: it is not written any more.
    TakeOut {
        /// Its id, as the list shows it.
        id: StatementId,
    },
}

/// `suyuan log`.
#[derive(Debug, Args)]
pub struct Log {
    /// Name or id of a member; all if there is none.
    pub member: Option<String>,
    /// What to do with them.
    #[command(subcommand)]
    pub action: Option<LogAction>,
}

/// What is done with logs.
#[derive(Debug, Subcommand)]
pub enum LogAction {
    /// Check every log that the running node holds again, entry by entry from the founding charter on; the exit code is 0 only if nothing is wrong.
    Audit {
        /// Write the report as one HTML page to print.
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
        /// Language of that page: zh or en.
        #[arg(long, default_value = "zh", value_parser = ["zh", "en"])]
        lang: String,
    },
}

/// `suyuan address`.
#[derive(Debug, Subcommand)]
pub enum Address {
    /// The addresses of all members, and whether the charter or the member says so.
    Show,
    /// State where this member's node is reached from now on, in a record that every member reads.
    Set {
        /// An address, e.g. /ip4/192.0.2.7/tcp/7401 or /dns/node.example.cn/tcp/7401; in the order in which they are tried.
        #[arg(value_name = "MULTIADDR", required = true, num_args = 1..=16)]
        addresses: Vec<String>,
    },
}

/// `suyuan invite`.
#[derive(Debug, Args)]
pub struct Invite {
    /// Whom.
    #[command(flatten)]
    pub new: Option<NewInvitation>,
    /// What to do with invitations that were made.
    #[command(subcommand)]
    pub action: Option<InviteAction>,
}

/// Somebody to be invited.
#[derive(Debug, Args)]
pub struct NewInvitation {
    /// Name that the new member is to have.
    #[arg(long)]
    pub name: String,
    /// upstream, midstream, downstream, support or regulator.
    #[arg(long, value_parser = role)]
    pub role: Role,
    /// For how many days it is open, at most 90.
    #[arg(long, default_value_t = 7)]
    pub days: u64,
    /// Where to write it; only its owner may read the file.
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
}

/// Where a member's root key is.
#[derive(Debug, Args)]
pub struct RootKey {
    /// The root key's file, if it was moved away.
    #[arg(long, value_name = "FILE")]
    pub root: Option<PathBuf>,
    /// File that holds the root key's passphrase; else SUYUAN_ROOT_PASSPHRASE, else a prompt.
    #[arg(long, value_name = "FILE")]
    pub root_passphrase_file: Option<PathBuf>,
}

/// `suyuan history`.
#[derive(Debug, Args)]
pub struct History {
    /// Public address of any member's node.
    pub url: String,
}

/// `suyuan recover`.
#[derive(Debug, Args)]
pub struct Recover {
    /// Name or id of the member that has lost them.
    #[arg(long)]
    pub member: String,
    /// The alliance's id: from a contract, a printed code, or a partner.
    #[arg(long)]
    pub alliance: AllianceId,
    /// Public address of any partner's node.
    #[arg(long)]
    pub url: String,
    /// Where the request is put that a partner proposes.
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
    /// Where the new root key is.
    #[command(flatten)]
    pub root: RootKey,
    /// For how many seconds to wait until the members have decided.
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    pub wait: u64,
}

/// What is done with invitations.
#[derive(Debug, Subcommand)]
pub enum InviteAction {
    /// Every invitation, and whether it is open, used, withdrawn or expired.
    List,
    /// Take one of this member's own back: nobody can use it any more.
    Withdraw {
        /// Its id, as `suyuan invite list` shows it.
        id: StatementId,
    },
}

/// `suyuan join`.
#[derive(Debug, Args)]
pub struct Join {
    /// The invitation.
    pub file: PathBuf,
    /// Public address of the inviting node, if it is another than the invitation says.
    #[arg(long)]
    pub url: Option<String>,
    /// Where the root key is.
    #[command(flatten)]
    pub root: RootKey,
    /// For how many seconds to wait until the members have decided.
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    pub wait: u64,
}

/// `suyuan resolution`.
#[derive(Debug, Subcommand)]
pub enum Resolution {
    /// All proposals, those that wait for this member first: for whom each waits, and until when.
    List,
    /// One proposal with everything that was said.
    Show {
        /// Its id.
        id: StatementId,
    },
    /// Who keeps the order log, in which term, and how far it is certified.
    Order,
    /// Vote that the next term begins, in which another member keeps the order log: the keeper is silent, or does not do what it has to. It cannot be taken back.
    Freeze {
        /// The next term, as `suyuan resolution order` shows it plus one.
        term: u64,
    },
    /// Propose something. Proposing is not approving.
    Propose {
        /// What is to be decided.
        #[command(subcommand)]
        change: Change,
        /// Why.
        #[arg(long, global = true, default_value = "")]
        reason: String,
        /// For how many days it is open.
        #[arg(long, global = true, default_value_t = 30)]
        days: u64,
    },
    /// Approve: this member's signed yes.
    Approve(Vote),
    /// Object: this member's signed no; takes an approval back.
    Object(Vote),
    /// Take an approval back.
    Withdraw(Vote),
    /// Say something without a yes or no.
    Comment(Vote),
}

/// What is said to a proposal.
#[derive(Debug, Args)]
pub struct Vote {
    /// The proposal's id.
    pub id: StatementId,
    /// In words.
    #[arg(long, default_value = "")]
    pub comment: String,
}

/// What can be proposed.
#[derive(Debug, Subcommand)]
pub enum Change {
    /// An agreement in words.
    Agree {
        /// What it is about, at most 100 bytes.
        title: String,
        /// File with the exact text.
        text: PathBuf,
    },
    /// That a member leaves. Its log is accepted as far as this node has it.
    Remove {
        /// Name or id.
        member: String,
    },
    /// Another role for a member.
    Role {
        /// Name or id.
        member: String,
        /// upstream, midstream, downstream, support or regulator.
        #[arg(value_parser = role)]
        role: Role,
        /// Type of records that a regulator may read.
        #[arg(long = "scope", value_name = "TYPE")]
        scope: Vec<String>,
    },
    /// That a member goes on with other keys and a new log; the one before is accepted as far as this node has it. Make sure that it is the member who asks.
    Recover {
        /// The member's request, made by `suyuan recover`.
        file: PathBuf,
    },
    /// That somebody else may have signed some entries of a member's log: they are marked, not deleted.
    Compromised {
        /// Name or id.
        member: String,
        /// The first entry that is marked, by its number in the log, from 0.
        #[arg(long, value_name = "ENTRY")]
        from: u64,
        /// The first entry after it that is not marked any more; else all are that this node has.
        #[arg(long, value_name = "ENTRY")]
        until: Option<u64>,
        /// Which of its logs: 0 for the first; else the one that it writes today.
        #[arg(long, value_name = "NUMBER")]
        log: Option<u64>,
    },
    /// Another leader 链主.
    Chair {
        /// Name or id.
        member: String,
    },
    /// Any change, as JSON: admit, keys, charter, …
    File {
        /// The file.
        file: PathBuf,
    },
}

/// `suyuan circle`.
#[derive(Debug, Subcommand)]
pub enum Circle {
    /// The circles that this member is in.
    List,
    /// One circle.
    Show {
        /// Its id.
        id: CircleId,
    },
    /// Open a circle.
    New {
        /// authorized 授权共享 (you write, others read) or codevelopment 协同开发 (several write).
        #[arg(long, value_parser = tier)]
        tier: Tier,
        /// What it is.
        #[command(flatten)]
        circle: CircleFlags,
    },
    /// Open a circle's next epoch, under a new key. What is not given stays; members are given all together.
    Epoch {
        /// Its id, or `alliance`.
        #[arg(value_name = "ID", value_parser = circle)]
        id: String,
        /// Its name.
        #[arg(long)]
        name: Option<String>,
        /// What it is for.
        #[arg(long)]
        purpose: Option<String>,
        /// Who is in it.
        #[command(flatten)]
        members: MemberFlags,
        /// End of a grant, milliseconds since 1970-01-01 UTC.
        #[arg(long)]
        until: Option<u64>,
    },
}

/// What a circle is from its beginning.
#[derive(Debug, Args)]
pub struct CircleFlags {
    /// Its name.
    #[arg(long)]
    pub name: String,
    /// What it is for.
    #[arg(long, default_value = "")]
    pub purpose: String,
    /// Who is in it beside this member.
    #[command(flatten)]
    pub members: MemberFlags,
    /// End of a grant, milliseconds since 1970-01-01 UTC.
    #[arg(long)]
    pub until: Option<u64>,
}

/// Members of a circle beside its steward.
#[derive(Debug, Args)]
pub struct MemberFlags {
    /// A member that may read: name or id.
    #[arg(long = "reader", value_name = "MEMBER")]
    pub readers: Vec<String>,
    /// A member that may write too: name or id.
    #[arg(long = "writer", value_name = "MEMBER")]
    pub writers: Vec<String>,
}

/// `suyuan code`.
#[derive(Debug, Args)]
pub struct Code {
    /// GTIN of the product.
    pub gtin: String,
    /// Lot.
    #[arg(long, group = "unit")]
    pub lot: Option<String>,
    /// Serial.
    #[arg(long, group = "unit")]
    pub serial: Option<String>,
    /// Where consumers reach the public side.
    #[arg(long, env = "SUYUAN_PUBLIC_URL", value_name = "URL")]
    pub public_url: String,
    /// Write the QR code as an SVG picture.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

/// `suyuan import`.
#[derive(Debug, Args)]
pub struct Import {
    /// The document.
    pub file: PathBuf,
    /// Who may read the events: public, alliance, self or a circle's id.
    #[arg(long = "for", value_name = "CIRCLE")]
    pub audience: String,
}

fn role(name: &str) -> Result<Role, String> {
    name.parse().map_err(|_| format!("no role; one of {}", Role::ALL.map(Role::name).join(", ")))
}

fn tier(name: &str) -> Result<Tier, String> {
    match name {
        "authorized" => Ok(Tier::Authorized),
        "codevelopment" => Ok(Tier::Codevelopment),
        _ => Err("no tier: authorized 授权共享 or codevelopment 协同开发".to_owned()),
    }
}

fn circle(name: &str) -> Result<String, String> {
    match name {
        "alliance" => Ok(name.to_owned()),
        id => id
            .parse::<CircleId>()
            .map(|id| id.to_string())
            .map_err(|_| "neither `alliance` nor a circle's id; `suyuan circle list` shows them".to_owned()),
    }
}

fn field(text: &str) -> Result<(u8, String), String> {
    let parsed = text.split_once(':').and_then(|(section, name)| Some((section.parse().ok()?, name.to_owned())));
    parsed.ok_or_else(|| "not SECTION:NAME, e.g. 1:residue; `suyuan record get` shows sections and names".to_owned())
}
