//! One module for each command.

mod charter;
mod fsck;
mod init;
mod keyring;
mod run;
mod verify;

use std::path::Path;

use suyuan_runtime::keyring::{Keyring, Passphrase, PassphraseSource, SealedFile};

use crate::answer::{Answer, Failure};
use crate::cli::{Cli, Command};

/// Runs the command.
///
/// # Errors
/// [`Failure`].
pub fn run(cli: Cli) -> Result<Answer, Failure> {
    let at = Place { data: &cli.data, passphrase_file: cli.passphrase_file.as_deref() };
    match cli.command {
        Command::Init(flags) => init::run(&at, flags),
        Command::Run(flags) => run::run(&at, &flags),
        Command::Charter(command) => charter::run(&at, command),
        Command::Verify(flags) => verify::run(&flags),
        Command::Fsck => fsck::run(&at, cli.json),
        Command::Keyring(command) => keyring::run(&at, command),
    }
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
}
