//! What people are told of by message, beside the log.

use std::sync::Arc;

use super::{Engine, Key};
use crate::clock::track;
use crate::daemon::account::{ALIVE, talk};
use crate::journal::Level;
use crate::notify::Bulletin;
use crate::store::OWN;
use crate::time::Time;

/// The time before the start in which nobody was there.
pub(super) struct Absence {
    pub from: Time,
    pub missed: usize,
    pub caught_up: usize,
}

impl Engine {
    /// Tells the channels of the runtime, beside whatever goes on.
    pub(super) fn announce(&self, news: Bulletin) {
        if self.options.dry_run {
            return;
        }
        let host = Arc::clone(&self.host);
        tokio::spawn(track(Arc::clone(&host.clock), async move {
            host.notifier.announce(&news, &talk(&host)).await;
        }));
    }

    /// A trigger does not fire any more. For everyone who switches one off.
    pub(super) fn tell_off(&self, key: &Key, why: &str) {
        self.tell(key, Level::Error, "trigger_off", format!("switched off: {why}"));
        self.announce(Bulletin::Off { script: key.script.clone(), trigger: key.trigger.clone(), why: why.to_owned() });
    }

    /// One that was switched off fires again.
    pub(super) fn tell_on(&self, key: &Key) {
        self.announce(Bulletin::On { script: key.script.clone(), trigger: key.trigger.clone() });
    }

    /// The same for those of a script that is installed: nearly always none was off.
    pub(super) fn tell_all_on(&self, script: &str, triggers: Vec<String>) {
        if self.options.dry_run || triggers.is_empty() {
            return;
        }
        let on = triggers.into_iter().map(|trigger| Bulletin::On { script: script.to_owned(), trigger });
        let (host, ends) = (Arc::clone(&self.host), on.collect::<Vec<_>>());
        tokio::spawn(track(Arc::clone(&host.clock), async move {
            host.notifier.announce_ends(&ends, &talk(&host)).await;
        }));
    }

    pub(super) async fn was_absent(&self) -> Option<Absence> {
        let alive = self.host.store.get(OWN, ALIVE).await.ok().flatten()?;
        Some(Absence { from: Time::from_millis(alive.as_i64()?), missed: 0, caught_up: 0 })
    }

    /// Says what was missed while nobody was there, once everything has been looked at.
    pub(super) fn tell_absence(&mut self) {
        if let Some(Absence { from, missed, caught_up }) = self.absence.take()
            && missed > 0
        {
            self.announce(Bulletin::WasDown { from, to: self.started, missed, caught_up });
        }
    }
}
