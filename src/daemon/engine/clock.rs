//! What it means that the clock was set, or shows a time that cannot be.

use super::{Engine, Key};
use crate::daemon::wall::EARLIEST;
use crate::journal::Level;
use crate::units::format_duration;

impl Engine {
    /// Says that the clock was set. Forward, the missed times follow from the plans; backward, they are made again,
    /// and what has a row already does not run again.
    pub(super) async fn look_at_clock(&mut self) {
        let now = self.host.clock.now();
        if let Some(jump) = self.wall.look(&*self.host.clock) {
            let (from, to) = (self.local(jump.expected), self.local(jump.found));
            let message = if jump.is_back() {
                let by = format_duration(jump.expected - jump.found);
                format!("the clock was set back by {by}, from {from} to {to}; what has run does not run again")
            } else {
                let by = format_duration(jump.found - jump.expected);
                format!("the clock went forward by {by}, from {from} to {to}: it was set, or the machine was asleep")
            };
            self.write(&self.line(Level::Warn, "clock_set", message));
            if jump.is_back() {
                self.triggers.values_mut().for_each(|trigger| trigger.plan.rewind(now));
            }
        }
        if now < EARLIEST {
            if !std::mem::replace(&mut self.unset, true) {
                let message =
                    format!("the clock shows {}, which cannot be: nothing is due until it is set", self.local(now));
                self.write(&self.line(Level::Error, "clock_unset", message));
            }
        } else if std::mem::take(&mut self.unset) {
            self.begin_again().await;
        }
    }

    /// The clock shows a time that can be, for the first time: what was due follows from the history alone.
    async fn begin_again(&mut self) {
        let now = self.host.clock.now();
        let mut news = Vec::new();
        let keys: Vec<Key> = self.triggers.keys().cloned().collect();
        for key in keys {
            let after = self.dealt_with(&key, now).await;
            if let Some(trigger) = self.triggers.get_mut(&key) {
                trigger.plan.begin_at(after);
                trigger.memory.begin_at(now);
                news.push((key, Some(trigger.memory.clone())));
            }
        }
        self.keep(news).await;
        let message = format!("the clock shows {}: schedules begin", self.local(now));
        self.write(&self.line(Level::Info, "clock_set", message));
        if self.ready.is_some() {
            self.fire_start().await;
        }
    }
}
