//! What runs, from its beginning to what follows from its end.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::{Engine, Key};
use crate::clock::track;
use crate::daemon::Event;
use crate::error::Error;
use crate::ledger::{RunId, State};
use crate::run::{Job, Outcome};
use crate::schedule::Kind;
use crate::script::Returned;

/// A run that has begun.
pub(super) struct Going {
    pub id: RunId,
    pub cancel: CancellationToken,
    /// It hears of failures, so its own are nobody's business.
    hears_failures: bool,
}

impl Engine {
    /// Hands a job to the runner. Whatever happens there comes back as [`Event::Finished`].
    pub(super) fn begin(&mut self, key: &Key, job: Job) {
        let kind = self.triggers.get(key).map(|trigger| &trigger.plan.spec.kind);
        let hears_failures = matches!(kind, Some(Kind::Failure));
        let going = Going { id: job.id.clone(), cancel: job.cancel.clone(), hears_failures };
        self.running.entry(key.clone()).or_default().push(going);
        let (runner, events, key, id) = (Arc::clone(&self.runner), self.events.clone(), key.clone(), job.id.clone());
        let clock = Arc::clone(&self.host.clock);
        tokio::spawn(track(Arc::clone(&clock), async move {
            let outcome = AssertUnwindSafe(runner.run(job)).catch_unwind().await.unwrap_or_else(|_| Outcome {
                state: State::Failed,
                error: Some(Error::internal("the runner broke down")),
                returned: Returned::default(),
                changed: true,
                ended: clock.now(),
            });
            // Nobody listens any more only where the daemon has left this run behind.
            let _ = events.send(Event::Finished(key, id, outcome));
        }));
    }

    pub(super) async fn finished(&mut self, key: &Key, id: &RunId, outcome: &Outcome) {
        let mut hears_failures = false;
        if let Some(runs) = self.running.get_mut(key) {
            hears_failures = runs.iter().any(|going| going.id == *id && going.hears_failures);
            runs.retain(|going| going.id != *id);
            if runs.is_empty() {
                self.running.remove(key);
            }
        }
        if outcome.changed {
            self.expiries.notify_one();
        }
        if let Some(trigger) = self.triggers.get_mut(key) {
            trigger.last = Some((outcome.state, Some(outcome.ended)));
        }
        if let Some(reply) = self.waiting.remove(id) {
            // Whoever asked may have gone.
            let _ = reply.send(outcome.clone());
        }
        self.count(key, outcome).await;
        if matches!(outcome.state, State::Failed | State::TimedOut) && !hears_failures {
            self.tell_failure(key, id, outcome).await;
        }
        if !self.running.contains_key(key) && self.ending.is_none() {
            let job = self.queues.get_mut(key).and_then(VecDeque::pop_front);
            self.queues.retain(|_, jobs| !jobs.is_empty());
            if let Some(job) = job {
                self.begin(key, job);
            }
        }
    }

    /// Ends a run, or takes it out of its queue. False where there is none of that id.
    pub(super) async fn cancel(&mut self, run: &str) -> bool {
        if let Some(going) = self.running.values().flatten().find(|going| going.id == run) {
            going.cancel.cancel();
            return true;
        }
        let mut dropped = Vec::new();
        for jobs in self.queues.values_mut() {
            if let Some(position) = jobs.iter().position(|job| job.id == run) {
                dropped.extend(jobs.remove(position));
            }
        }
        self.queues.retain(|_, jobs| !jobs.is_empty());
        let found = !dropped.is_empty();
        self.drop_jobs(dropped, State::Cancelled, "cancelled before it began").await;
        found
    }
}
