//! What a command answers: text for a person or one JSON object, and an exit code that scripts can rely on.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use serde_json::{Value, json};
use suyuan_client::ClientError;

/// A command's result.
#[derive(Debug)]
pub struct Answer {
    /// For a person.
    pub text: String,
    /// For a program: one JSON text, numbers as they were signed.
    pub json: String,
    /// Whether what was asked about holds; `verify` and `check` answer no without failing.
    pub holds: bool,
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub struct Failure {
    /// What happened and what to do.
    pub message: String,
    /// The kind, which is also the exit code.
    pub kind: FailureKind,
}

/// Exit codes beside 0; the README and `suyuan help` have the same list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// 1: what was checked does not hold.
    DoesNotHold = 1,
    /// 2: what was asked for on the command line cannot be; nothing was done.
    Usage = 2,
    /// 3: the node could not be reached.
    Unreachable = 3,
    /// 4: the node refused.
    Refused = 4,
    /// 5: a file, the keyring or the store.
    Local = 5,
}

impl Answer {
    /// An answer that holds.
    pub fn new(text: impl Into<String>, json: Value) -> Self {
        Self::raw(text, json.to_string())
    }

    /// The same with a JSON text that came from elsewhere.
    pub fn raw(text: impl Into<String>, json: String) -> Self {
        Self { text: text.into(), json, holds: true }
    }

    /// An answer to the question whether something holds: no.
    pub fn no(text: impl Into<String>, json: Value) -> Self {
        Self { holds: false, ..Self::new(text, json) }
    }

    /// Prints it on standard output.
    pub fn print(self, as_json: bool) -> ExitCode {
        let text = if as_json { self.json } else { self.text };
        let mut out = std::io::stdout().lock();
        let printed = writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush());
        // A reader that went away, such as `head`, is no failure of ours.
        if let Err(error) = printed
            && error.kind() != std::io::ErrorKind::BrokenPipe
        {
            return Failure::local(error).print(false);
        }
        if self.holds { ExitCode::SUCCESS } else { ExitCode::from(FailureKind::DoesNotHold as u8) }
    }
}

impl Failure {
    /// A mistake on the command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), kind: FailureKind::Usage }
    }

    /// What was asked for is not complete: the node keeps a part of it until it can be sealed.
    pub fn waits(message: impl Into<String>) -> Self {
        Self { message: message.into(), kind: FailureKind::Refused }
    }

    /// A failure on this machine, with its reasons.
    pub fn local(error: impl Into<Box<dyn Error>>) -> Self {
        let error = error.into();
        let mut message = error.to_string();
        let mut reason = error.source();
        while let Some(error) = reason {
            let text = error.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            reason = error.source();
        }
        // What the system says, from whichever library it comes.
        if message.contains("No space left on device") && !message.contains("make room") {
            message.push_str("; the disk is full: make room on it and try again, nothing that was acknowledged is lost");
        }
        Self { message, kind: FailureKind::Local }
    }

    /// What a node answered, or that it did not.
    pub fn from_client(error: &ClientError) -> Self {
        let kind = match error {
            ClientError::Refused(_) => FailureKind::Refused,
            ClientError::Unreachable(_) | ClientError::Answer(_) => FailureKind::Unreachable,
        };
        Self { message: error.to_string(), kind }
    }

    /// Prints it on standard error, as JSON on standard output too where that was asked for.
    pub fn print(self, as_json: bool) -> ExitCode {
        if as_json {
            self.print_json();
        }
        let _ = writeln!(std::io::stderr(), "suyuan: {}", self.message);
        ExitCode::from(self.kind as u8)
    }

    fn print_json(&self) {
        let _ = writeln!(std::io::stdout(), "{}", json!({ "error": self.message, "exit": self.kind as u8 }));
    }
}

/// Prints what the parser of the command line says: help and version that were asked for, or a mistake, then as JSON too where that was asked for.
pub fn print_usage(error: &clap::Error) -> ExitCode {
    let mistake = error.use_stderr();
    let as_json = std::env::args_os().skip(1).take_while(|word| word != "--").any(|word| word == "--json");
    if mistake && as_json {
        Failure::usage(error.to_string().trim_end()).print_json();
    }
    // Standard output that went away is no failure of ours.
    let _ = error.print();
    if mistake { ExitCode::from(FailureKind::Usage as u8) } else { ExitCode::SUCCESS }
}

/// Reads a whole file, at most `limit` bytes.
pub fn read_file(path: &std::path::Path, limit: usize) -> Result<Vec<u8>, Failure> {
    use std::io::Read;
    let failed = |error: std::io::Error| Failure::local(format!("{} cannot be read: {error}", path.display()));
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take((limit as u64).saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > limit {
        return Err(Failure::local(format!("{} is longer than {limit} bytes", path.display())));
    }
    Ok(bytes)
}

/// Writes a file that is not there yet.
pub fn write_new(path: &std::path::Path, bytes: &[u8]) -> Result<(), Failure> {
    write_with_mode(path, bytes, 0o644)
}

/// Writes a file that is not there yet and that only its owner may read.
pub fn write_secret(path: &std::path::Path, bytes: &[u8]) -> Result<(), Failure> {
    write_with_mode(path, bytes, 0o600)
}

fn write_with_mode(path: &std::path::Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    use std::os::unix::fs::OpenOptionsExt;
    let failed = |error: std::io::Error| Failure::local(format!("{} cannot be written: {error}", path.display()));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| {
        // Half a file would only be in the way of the next try.
        let _ = std::fs::remove_file(path);
        failed(error)
    })
}

/// Replaces a file, old or new but never half.
pub fn replace(path: &std::path::Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::local(format!("{} cannot be written: {error}", path.display()));
    let name = path.file_name().ok_or_else(|| Failure::local(format!("{} is no file", path.display())))?;
    // A name of this process alone: nothing that is there is touched.
    let temporary = path.with_file_name(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
    write_new(&temporary, bytes)?;
    std::fs::rename(&temporary, path).map_err(failed)
}
