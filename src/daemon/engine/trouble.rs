//! The run history cannot be written: the disk is full, or fails. Nothing begins that could not be recorded.

use super::Engine;
use crate::error::Error;
use crate::journal::Level;
use crate::notify::Bulletin;
use crate::time::{Duration, Time};
use crate::units::format_duration;

/// How often it is tried again.
const AGAIN: Duration = Duration::from_seconds(5);
/// A disk that is nearly full takes a few rows now and then: only after so long without a failure is it over.
const STEADY: Duration = Duration::from_seconds(120);

pub(super) struct Trouble {
    since: Time,
    pub again: Time,
    /// Since when rows are written again.
    pub works: Option<Time>,
}

impl Engine {
    /// Whether due times have to wait because they could not be recorded.
    pub(super) fn is_blocked(&self) -> bool {
        self.trouble.as_ref().is_some_and(|trouble| trouble.works.is_none() && self.host.clock.now() < trouble.again)
    }

    /// A row could not be written. Said once, however many rows it concerns.
    pub(super) fn blocked(&mut self, error: &Error) {
        let now = self.host.clock.now();
        if self.trouble.is_none() {
            let message = format!("the run history cannot be written, and nothing begins until it can: {error}");
            let line = self.line(Level::Error, "history_failed", message);
            self.write(&line.with("error", serde_json::to_value(error).unwrap_or_default()));
            self.announce(Bulletin::Ledger { why: error.to_string() });
        }
        let since = self.trouble.as_ref().map_or(now, |trouble| trouble.since);
        self.trouble = Some(Trouble { since, again: now + AGAIN, works: None });
    }

    /// A row was written.
    pub(super) fn unblocked(&mut self) {
        let now = self.host.clock.now();
        let Some(trouble) = &mut self.trouble else { return };
        let works = *trouble.works.get_or_insert(now);
        if now - works >= STEADY {
            let after = format_duration(works - trouble.since);
            self.trouble = None;
            let message = format!("the run history can be written again, after {after}");
            self.write(&self.line(Level::Info, "history_works", message));
            self.announce(Bulletin::LedgerBack { after });
        }
    }
}
