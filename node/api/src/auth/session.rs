//! The operator's sessions: few, in memory, known by the hash of their cookie.

use std::collections::BTreeMap;

use super::Denied;
use crate::limits::{SESSION_IDLE, SESSION_LIFE, SESSIONS};

/// Sessions by the BLAKE3 hash of the cookie's value.
#[derive(Debug, Default)]
pub struct Sessions(BTreeMap<[u8; 32], Session>);

#[derive(Clone, Copy, Debug)]
struct Session {
    begun: u64,
    used: u64,
}

impl Session {
    fn ended(self, now: u64) -> bool {
        let past = |since: u64, most: std::time::Duration| now.saturating_sub(since) >= most.as_secs().saturating_mul(1000);
        past(self.begun, SESSION_LIFE) || past(self.used, SESSION_IDLE)
    }
}

fn key(cookie: &str) -> [u8; 32] {
    blake3::hash(cookie.as_bytes()).into()
}

impl Sessions {
    /// Begins a session and returns its cookie's value; nothing where the system has no randomness.
    pub fn begin(&mut self, now: u64) -> Option<String> {
        self.0.retain(|_, session| !session.ended(now));
        while self.0.len() >= SESSIONS {
            let idle = self.0.iter().min_by_key(|(_, session)| session.used).map(|(key, _)| *key)?;
            self.0.remove(&idle);
        }
        let mut value = [0; 32];
        getrandom::fill(&mut value).ok()?;
        let cookie = hex::encode(value);
        self.0.insert(key(&cookie), Session { begun: now, used: now });
        Some(cookie)
    }

    /// Uses a session.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn touch(&mut self, cookie: &str, now: u64) -> Result<(), Denied> {
        let key = key(cookie);
        let session = self.0.get_mut(&key).ok_or(Denied::Unknown)?;
        if session.ended(now) {
            self.0.remove(&key);
            return Err(Denied::Expired);
        }
        session.used = now;
        Ok(())
    }

    /// Ends a session.
    pub fn end(&mut self, cookie: &str) {
        self.0.remove(&key(cookie));
    }

    /// Ends all.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
