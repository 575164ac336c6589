//! One module for each command.

mod address;
mod audit;
mod backup;
mod charter;
mod circle;
mod code;
mod epcis;
mod fsck;
mod history;
mod init;
mod join;
mod keyring;
mod member;
mod operator;
mod record;
mod recover;
mod resolution;
mod rotate;
mod run;
mod status;
mod verify;
mod versions;
mod waiting;

use std::path::Path;

use suyuan_client::Client;
use suyuan_runtime::keyring::{Keyring, Passphrase, PassphraseSource, ROOT_FILE, Root, SealedFile};

use crate::answer::{Answer, Failure, read_file};
use crate::cli::{Cli, Command, Log, LogAction, NodeAddress, RootKey};

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(cli: Cli) -> Result<Answer, Failure> {
    let at = Place { data: &cli.data, passphrase_file: cli.passphrase_file.as_deref() };
    match cli.command {
        Command::Init(flags) => init::run(&at, flags),
        Command::Run(flags) => run::run(&at, &flags),
        Command::Charter(command) => charter::run(&at, &cli.node, command),
        Command::Status => status::node(&client(&at, &cli.node)?),
        Command::Log(Log { action: Some(LogAction::Audit { report, lang }), .. }) => {
            audit::run(&client(&at, &cli.node)?, report.as_deref(), &lang, cli.json)
        }
        Command::Log(Log { member, action: None }) => status::logs(&client(&at, &cli.node)?, member.as_deref()),
        Command::Record(command) => record::run(&client(&at, &cli.node)?, command),
        Command::Waiting(command) => waiting::run(&client(&at, &cli.node)?, command),
        Command::Circle(command) => circle::run(&client(&at, &cli.node)?, command),
        Command::History(flags) => history::run(&at, &flags),
        Command::Invite(flags) => join::invite(&client(&at, &cli.node)?, flags),
        Command::Join(flags) => join::join(&at, &flags, cli.json),
        Command::Recover(flags) => recover::run(&at, &flags, cli.json),
        Command::Resolution(command) => resolution::run(&client(&at, &cli.node)?, command),
        Command::Address(command) => address::run(&client(&at, &cli.node)?, command),
        Command::Code(flags) => code::run(&at, &flags),
        Command::Import(flags) => epcis::import(&client(&at, &cli.node)?, &flags),
        Command::Operator => operator::run(&at),
        Command::Verify(flags) => verify::run(&flags),
        Command::Fsck => fsck::run(&at, cli.json),
        Command::Keyring(command) => keyring::run(&at, command, &cli.node, cli.json),
    }
}

/// File in the data folder with a token for whoever may read the folder: this machine's operator.
pub const TOKEN_FILE: &str = "token";

/// A client of the running node.
fn client(at: &Place<'_>, address: &NodeAddress) -> Result<Client, Failure> {
    let token = match &address.token {
        Some(token) => token.clone(),
        None => {
            let path = at.data.join(TOKEN_FILE);
            let bytes = read_file(&path, 4096).map_err(|_| {
                Failure::local(format!(
                    "no token: give one with --token or SUYUAN_TOKEN, or name the running node's folder with --data ({})",
                    path.display()
                ))
            })?;
            String::from_utf8(bytes).map_err(Failure::local)?
        }
    };
    Ok(Client::new(&address.node, &token))
}

/// Which node a command is about.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Its data folder.
    pub data: &'a Path,
    /// Where its passphrase is.
    pub passphrase_file: Option<&'a Path>,
}

impl Place<'_> {
    /// Opens the keyring; asks for the passphrase only where there is one.
    ///
    /// # Errors
    /// [`Failure`] with what to do.
    pub fn keyring(&self) -> Result<Keyring, Failure> {
        let passphrase = if Keyring::asks_passphrase(self.data).map_err(Failure::local)? {
            let source = PassphraseSource { seals: SealedFile::Keyring, file: self.passphrase_file, new: false };
            Passphrase::resolve(&source).map_err(Failure::local)?
        } else {
            Passphrase::none()
        };
        Keyring::open(self.data, &passphrase).map_err(Failure::local)
    }

    /// Opens the root key; asks for its passphrase only where there is one.
    ///
    /// # Errors
    /// [`Failure`] with what to do.
    pub fn root(&self, flags: &RootKey) -> Result<Root, Failure> {
        let path = flags.root.clone().unwrap_or_else(|| self.data.join(ROOT_FILE));
        let passphrase = if Root::asks_passphrase(&path).map_err(Failure::local)? {
            let source = PassphraseSource { seals: SealedFile::Root, file: flags.root_passphrase_file.as_deref(), new: false };
            Passphrase::resolve(&source).map_err(Failure::local)?
        } else {
            Passphrase::none()
        };
        Root::open(&path, &passphrase).map_err(Failure::local)
    }
}
