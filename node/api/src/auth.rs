//! Who may use the node's own API: bearer tokens for machines, one operator with a password for people (`specs/http-api.md`, Access).
//!
//! Tokens and password are on the disk only as hashes, in one file of mode 0600 that is replaced as a whole; what another process puts in its place counts at
//! once. Sessions are in memory: a restart ends them.

mod attempts;
mod file;
mod password;
mod session;
mod token;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;
use tracing::warn;

use attempts::Attempts;
use file::{Stamp, Stored};
use session::Sessions;

pub use file::AuthError;
pub use token::{Rights, TokenInfo};

use crate::limits;

/// What a route asks of whoever calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// Nothing.
    Open,
    /// A token with the right to read, or more; or the operator.
    Read,
    /// A token with the right to write, or more; or the operator.
    Write,
    /// A token with the right to administer; or the operator.
    Admin,
    /// The operator in person.
    Operator,
}

impl Need {
    /// Its name in the API's document.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
            Self::Operator => "operator",
        }
    }
}

/// Who calls, after the credentials were checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// A machine with a token.
    Token {
        /// The token's id.
        id: String,
        /// What it may do.
        rights: Rights,
    },
    /// The operator, by a session.
    Operator,
}

impl Principal {
    /// Whether this suffices for a route. The one table of it:
    ///
    /// | | open | read | write | admin | operator |
    /// |---|---|---|---|---|---|
    /// | token `read` | yes | yes | no | no | no |
    /// | token `write` | yes | yes | yes | no | no |
    /// | token `admin` | yes | yes | yes | yes | no |
    /// | operator | yes | yes | yes | yes | yes |
    pub const fn may(&self, need: Need) -> bool {
        match (need, self) {
            (Need::Open, _) | (_, Self::Operator) => true,
            (Need::Operator, Self::Token { .. }) => false,
            (Need::Read, Self::Token { .. }) => true,
            (Need::Write, Self::Token { rights, .. }) => matches!(rights, Rights::Write | Rights::Admin),
            (Need::Admin, Self::Token { rights, .. }) => matches!(rights, Rights::Admin),
        }
    }
}

/// Why credentials were not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Not known.
    Unknown,
    /// Known once, but ended.
    Expired,
}

/// Why nobody was logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginError {
    /// Wrong password, or there is no operator.
    Wrong,
    /// Too many failures; seconds until the next attempt counts.
    Wait(u64),
}

/// The file as it was read or written last.
#[derive(Debug)]
struct Known {
    stamp: Option<Stamp>,
    stored: Arc<Stored>,
}

/// Tokens, operator and sessions of one node.
#[derive(Debug)]
pub struct Auth {
    path: PathBuf,
    known: Mutex<Known>,
    sessions: Mutex<Sessions>,
    attempts: Mutex<Attempts>,
    /// One password at a time is hashed: each takes memory and a core.
    hashing: Semaphore,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Auth {
    /// Opens the file, or begins without one: then nobody can come in until an operator is set or a token is made.
    ///
    /// # Errors
    /// [`AuthError`].
    pub fn open(path: &Path) -> Result<Self, AuthError> {
        let (stored, stamp) = file::load(path)?;
        Ok(Self {
            path: path.to_owned(),
            known: Mutex::new(Known { stamp, stored: Arc::new(stored) }),
            sessions: Mutex::default(),
            attempts: Mutex::default(),
            hashing: Semaphore::new(1),
        })
    }

    fn stored(&self) -> Arc<Stored> {
        self.refresh(&mut lock(&self.known))
    }

    /// Reads the file again where it is another one than before. One that cannot be read leaves what was known.
    fn refresh(&self, known: &mut Known) -> Arc<Stored> {
        if file::stamp(&self.path) != known.stamp {
            match file::load(&self.path) {
                Ok((stored, stamp)) => self.replace(known, stored, stamp),
                Err(error) => warn!(%error, "tokens and operator stay as they were"),
            }
        }
        known.stored.clone()
    }

    /// Takes over what the file holds. Sessions of another password end.
    fn replace(&self, known: &mut Known, stored: Stored, stamp: Option<Stamp>) {
        if stored.operator != known.stored.operator {
            lock(&self.sessions).clear();
        }
        *known = Known { stamp, stored: Arc::new(stored) };
    }

    /// Changes the file first, and what this process knows after it.
    fn change<T>(&self, change: impl FnOnce(&mut Stored) -> Result<T, AuthError>) -> Result<T, AuthError> {
        let mut known = lock(&self.known);
        let mut next = Stored::clone(&self.refresh(&mut known));
        let made = change(&mut next)?;
        let stamp = file::save(&self.path, &next)?;
        self.replace(&mut known, next, stamp);
        Ok(made)
    }

    /// Sets the operator's password and ends all sessions. Takes a moment: it is hashed with Argon2id.
    ///
    /// # Errors
    /// [`AuthError::Password`] for one that is too short or too long, and those of the file.
    pub fn set_operator(&self, password: &str) -> Result<(), AuthError> {
        let hash = password::hash(password)?;
        self.change(|stored| {
            stored.operator = Some(hash);
            Ok(())
        })
    }

    /// Whether an operator has been set.
    pub fn has_operator(&self) -> bool {
        self.stored().operator.is_some()
    }

    /// Makes a token that is good until `expires`, milliseconds since 1970-01-01 UTC. Returned once, beside what is kept of it: the token itself.
    ///
    /// # Errors
    /// [`AuthError::Full`], [`AuthError::Name`], and those of the file.
    pub fn add_token(&self, name: &str, rights: Rights, now: u64, expires: u64) -> Result<(TokenInfo, String), AuthError> {
        let clean = (1..=limits::TOKEN_NAME).contains(&name.len()) && !name.chars().any(char::is_control);
        if !clean {
            return Err(AuthError::Name);
        }
        let (token, secret) = token::make(name, rights, now, expires)?;
        let info = token.info();
        self.change(|stored| {
            stored.tokens.retain(|token| token.expires > now);
            if stored.tokens.len() >= limits::TOKENS {
                return Err(AuthError::Full);
            }
            stored.tokens.push(token);
            Ok(())
        })?;
        Ok((info, secret))
    }

    /// What is kept of every token.
    pub fn tokens(&self) -> Vec<TokenInfo> {
        self.stored().tokens.iter().map(token::Token::info).collect()
    }

    /// Ends a token. Says whether there was one.
    ///
    /// # Errors
    /// Those of the file.
    pub fn remove_token(&self, id: &str) -> Result<bool, AuthError> {
        if !self.stored().tokens.iter().any(|token| token.id == id) {
            return Ok(false);
        }
        self.change(|stored| {
            stored.tokens.retain(|token| token.id != id);
            Ok(true)
        })
    }

    /// Whose bearer token this is.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn bearer(&self, token: &str, now: u64) -> Result<Principal, Denied> {
        let id = token::id_of(token).ok_or(Denied::Unknown)?;
        let stored = self.stored();
        let found = stored.tokens.iter().find(|token| token.id == id).ok_or(Denied::Unknown)?;
        if !found.is(token) {
            return Err(Denied::Unknown);
        }
        if found.expires <= now {
            return Err(Denied::Expired);
        }
        Ok(Principal::Token { id: found.id.clone(), rights: found.rights })
    }

    /// Opens a session for the operator; returns the cookie's value.
    ///
    /// # Errors
    /// [`LoginError`].
    pub async fn login(&self, password: String, now: u64) -> Result<String, LoginError> {
        let Ok(_permit) = self.hashing.acquire().await else { return Err(LoginError::Wait(1)) };
        lock(&self.attempts).check(now).map_err(LoginError::Wait)?;
        let before = self.stored();
        let stored = before.clone();
        let right = tokio::task::spawn_blocking(move || stored.operator.as_ref().is_some_and(|operator| operator.is(&password))).await;
        if !right.unwrap_or(false) {
            lock(&self.attempts).failed(now);
            return Err(LoginError::Wrong);
        }
        if self.stored().operator != before.operator {
            return Err(LoginError::Wait(1));
        }
        lock(&self.attempts).clear();
        lock(&self.sessions).begin(now).ok_or(LoginError::Wait(1))
    }

    /// Whose session this is.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn session(&self, cookie: &str, now: u64) -> Result<Principal, Denied> {
        // Another password may have ended it.
        self.stored();
        lock(&self.sessions).touch(cookie, now).map(|()| Principal::Operator)
    }

    /// Ends a session.
    pub fn logout(&self, cookie: &str) {
        lock(&self.sessions).end(cookie);
    }
}

#[cfg(test)]
mod tests;
