//! Failed logins of the last minutes: after too many, nobody logs in until they are past.

use std::collections::VecDeque;

use crate::limits::{LOGIN_FAILURES, LOGIN_WINDOW};

/// Times of the last failures, milliseconds, oldest first; at most [`LOGIN_FAILURES`].
#[derive(Debug, Default)]
pub struct Attempts(VecDeque<u64>);

const fn window() -> u64 {
    LOGIN_WINDOW.as_secs().saturating_mul(1000)
}

impl Attempts {
    /// Whether an attempt counts now.
    ///
    /// # Errors
    /// Seconds until one does.
    pub fn check(&mut self, now: u64) -> Result<(), u64> {
        // A clock that was set back does not lock anybody out for longer than the window.
        self.0.retain(|failed| now.abs_diff(*failed) < window());
        match self.0.front() {
            Some(first) if self.0.len() >= LOGIN_FAILURES => Err(window().saturating_sub(now.abs_diff(*first)).div_ceil(1000).max(1)),
            _ => Ok(()),
        }
    }

    /// Notes a failure.
    pub fn failed(&mut self, now: u64) {
        self.0.push_back(now);
        while self.0.len() > LOGIN_FAILURES {
            self.0.pop_front();
        }
    }

    /// Forgets the failures before a success.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
