//! The gate before the writer: while a node does not know how far its own log was published, nothing is authored.

use std::time::Duration;

use suyuan_engine::writer::SubmitError;
use tokio::sync::{Semaphore, watch};

/// Submissions that may wait at the gate; further ones are refused at once.
const WAITING: usize = 256;
/// How long one waits.
const WAIT: Duration = Duration::from_secs(10);

/// Open or closed; what comes to a closed one waits for a while.
#[derive(Debug)]
pub(crate) struct Gate {
    closed: watch::Sender<bool>,
    waiting: Semaphore,
}

impl Gate {
    pub fn new(closed: bool) -> Self {
        Self { closed: watch::Sender::new(closed), waiting: Semaphore::new(WAITING) }
    }

    pub fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    pub fn set(&self, closed: bool) {
        self.closed.send_replace(closed);
    }

    /// Lets through at once when open, else as soon as it opens.
    ///
    /// # Errors
    /// [`SubmitError::Held`] when it stays closed too long, or too many wait already.
    pub async fn pass(&self) -> Result<(), SubmitError> {
        let mut closed = self.closed.subscribe();
        if !*closed.borrow() {
            return Ok(());
        }
        let _place = self.waiting.try_acquire().map_err(|_| SubmitError::Held)?;
        let opened = tokio::time::timeout(WAIT, closed.wait_for(|closed| !closed)).await;
        if matches!(opened, Ok(Ok(_))) { Ok(()) } else { Err(SubmitError::Held) }
    }
}
