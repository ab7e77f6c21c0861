//! The way down: nothing new, then a grace, then the end of whatever still runs.

use serde_json::Value;

use super::{Engine, Firing};
use crate::error::{Error, Kind as ErrorKind};
use crate::journal::Level;
use crate::ledger::State;
use crate::schedule::Kind;
use crate::text::count;
use crate::time::{Duration, Time};
use crate::units::format_duration;

/// How long cancelled runs have to end.
const LAST_WAIT: Duration = Duration::from_seconds(5);

pub(super) struct Ending {
    pub until: Time,
    /// What ran was told to end at once.
    pub cancelled: bool,
}

impl Engine {
    /// The first signal: nothing new begins. The second: what runs is told to end now.
    pub(super) async fn stop(&mut self) {
        if self.ending.is_some() {
            return self.cancel_all();
        }
        let grace = self.host.config.limits.grace;
        self.ending = Some(Ending { until: self.host.clock.now() + grace, cancelled: false });
        self.stopping.cancel();
        for (_, jobs) in std::mem::take(&mut self.queues) {
            self.drop_jobs(jobs, State::Cancelled, "tidegate ended before it began").await;
        }
        self.drop_pending().await;
        let last: Vec<_> = self
            .triggers
            .iter()
            .filter(|(_, trigger)| matches!(trigger.plan.spec.kind, Kind::Stop) && trigger.plan.off.is_none())
            .map(|(key, _)| key.clone())
            .collect();
        for key in last {
            self.fire_told(&key, Firing::default()).await;
        }
        let going: usize = self.running.values().map(Vec::len).sum();
        if going > 0 {
            let grace = format_duration(grace);
            let message = format!("stopping: {} may end within {grace}; once more to cancel", count(going, "run"));
            self.write(&self.line(Level::Info, "stopping", message));
        }
    }

    pub(super) fn cancel_all(&mut self) {
        if self.ending.as_ref().is_some_and(|ending| ending.cancelled) {
            return;
        }
        self.ending = Some(Ending { until: self.host.clock.now() + LAST_WAIT, cancelled: true });
        self.running.values().flatten().for_each(|going| going.cancel.cancel());
    }

    /// Writes down what is left, and says goodbye.
    pub(super) async fn end(self) {
        let left: Vec<_> = self.running.values().flatten().map(|going| going.id.clone()).collect();
        let error = Error::new(ErrorKind::Cancelled, "the run did not end when it was cancelled, and was left behind");
        for id in &left {
            let closed = self.host.ledger.finish(id, State::Interrupted, Some(&error), 0, true, &Value::Null).await;
            if let Err(error) = closed {
                self.write(&self.line(Level::Error, "warning", format!("run {id} could not be closed: {error}")));
            }
        }
        let message = match left.len() {
            0 => "stopped".to_owned(),
            n => format!("stopped; {} left behind", count(n, "run")),
        };
        self.write(&self.line(Level::Info, "shutdown", message));
    }
}
