//! From a due time to a run, and what follows when it ends.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::{Engine, Key, Trigger};
use crate::clock::track;
use crate::config::Mode;
use crate::daemon::Event;
use crate::error::Error;
use crate::journal::Level;
use crate::ledger::{RunId, State};
use crate::run::{Job, Outcome};
use crate::schedule::{Kind, Overlap};
use crate::text::count;
use crate::time::{Duration, Time};

/// A clock that goes back by less is only being adjusted.
const SET_BACK: Duration = Duration::from_seconds(5);
/// Runs of one trigger that wait or run at the same time.
const BACKLOG: usize = 100;

impl Engine {
    pub(super) async fn fire_start(&mut self) {
        let new: Vec<_> = self
            .triggers
            .iter()
            .filter(|(key, trigger)| {
                matches!(trigger.plan.spec.kind, Kind::Start) && trigger.plan.off.is_none() && !self.begun.contains(key)
            })
            .map(|(key, _)| key.clone())
            .collect();
        for key in new {
            self.begun.insert(key.clone());
            self.fire(&key, None, false).await;
        }
    }

    /// Fires whatever is due by now, in the order of the due times.
    pub(super) async fn fire_due(&mut self) {
        let now = self.host.clock.now();
        if self.looked - now > SET_BACK {
            let message = format!("the clock was set back from {} to {}", self.local(self.looked), self.local(now));
            self.write(&self.line(Level::Warn, "warning", message));
            self.triggers.values_mut().for_each(|trigger| trigger.plan.rewind(now));
        }
        self.looked = now;
        let due = |(key, trigger): (&Key, &Trigger)| {
            Some((trigger.plan.next.filter(|next| next.at <= now)?.due, key.clone()))
        };
        let mut dues: Vec<_> = self.triggers.iter().filter_map(due).collect();
        dues.sort();
        for (_, key) in dues {
            let Some(trigger) = self.triggers.get_mut(&key) else { continue };
            let (verdict, more) = trigger.plan.pass(now);
            trigger.missed += verdict.missed.len() as u64;
            let (script, off) = (Arc::clone(&trigger.script), trigger.plan.off.clone());
            if !verdict.missed.is_empty() {
                self.tell_missed(&key, &script.version, &verdict.missed, verdict.run.len(), more).await;
            }
            let catch_up = verdict.run.len() > 1;
            for due in verdict.run {
                self.fire(&key, Some(due), catch_up).await;
            }
            if let Some(why) = off {
                self.tell(&key, Level::Error, "trigger_off", format!("switched off: {why}"));
            }
        }
    }

    async fn tell_missed(&self, key: &Key, version: &str, missed: &[Time], run: usize, more: bool) {
        let recorded = self.host.ledger.record_all(&key.script, &key.trigger, version, missed, State::Missed).await;
        if let Err(error) = &recorded {
            self.complain(key, "missed runs could not be written down", error);
        }
        let (Some(first), Some(last)) = (missed.first(), missed.last()) else { return };
        let more = if more { "at least " } else { "" };
        let rest = if run == 0 { String::new() } else { format!("; {} now", count(run, "run")) };
        let message = format!(
            "{more}{} missed, from {} to {}{rest}",
            count(missed.len(), "run"),
            self.local(*first),
            self.local(*last)
        );
        self.tell(key, Level::Warn, "run_missed", message);
    }

    /// A trigger fires: a row, and what its overlap policy says. Runs that catch up follow one another
    /// instead of being skipped.
    async fn fire(&mut self, key: &Key, scheduled: Option<Time>, catch_up: bool) {
        let Some(trigger) = self.triggers.get_mut(key) else { return };
        let going = self.running.get(key).map_or(0, Vec::len);
        let waiting = self.queues.get(key).map_or(0, VecDeque::len);
        let overlap = match trigger.plan.spec.overlap {
            Overlap::Skip if catch_up => Overlap::Queue,
            overlap => overlap,
        };
        let ledger = &self.host.ledger;
        if going + waiting >= BACKLOG || (overlap == Overlap::Skip && going + waiting > 0) {
            trigger.skipped += 1;
            let row =
                ledger.record(&key.script, &key.trigger, &trigger.script.version, scheduled, State::Skipped).await;
            match row {
                Ok(false) => {}
                Ok(true) => {
                    self.tell(key, Level::Warn, "run_skipped", "skipped: the last run is still going");
                }
                Err(error) => self.complain(key, "a skipped run could not be written down", &error),
            }
            return;
        }
        // The row is the right to run: without it a due time might run twice.
        let id = match ledger.due(&key.script, &key.trigger, &trigger.script.version, scheduled).await {
            Ok(Some(id)) => id,
            Ok(None) => return,
            Err(error) => return self.complain(key, "a due run could not be written down and does not run", &error),
        };
        let mut settings = self.host.config.settings(&key.script);
        if self.options.dry_run {
            settings.mode = Mode::Watch;
        }
        let job = Job {
            id,
            script: Arc::clone(&trigger.script),
            trigger: key.trigger.clone(),
            handler: trigger.handler.clone(),
            settings,
            scheduled,
            timeout: trigger.plan.spec.timeout.unwrap_or(self.host.config.limits.timeout),
            retry: trigger.plan.spec.retry,
            cancel: CancellationToken::new(),
            stopping: self.stopping.clone(),
        };
        match overlap {
            _ if going + waiting == 0 => self.begin(key, job),
            Overlap::Parallel => self.begin(key, job),
            Overlap::Skip | Overlap::Queue => self.queues.entry(key.clone()).or_default().push_back(job),
            Overlap::Restart => {
                let replaced = self.queues.insert(key.clone(), VecDeque::from([job])).unwrap_or_default();
                self.running.get(key).into_iter().flatten().for_each(|(_, cancel)| cancel.cancel());
                self.drop_jobs(replaced, State::Skipped, "a newer run took its place").await;
            }
        }
    }

    /// Hands a job to the runner. Whatever happens there comes back as [`Event::Finished`].
    fn begin(&mut self, key: &Key, job: Job) {
        self.running.entry(key.clone()).or_default().push((job.id.clone(), job.cancel.clone()));
        let (runner, events, key, id) = (Arc::clone(&self.runner), self.events.clone(), key.clone(), job.id.clone());
        let clock = Arc::clone(&self.host.clock);
        tokio::spawn(track(Arc::clone(&clock), async move {
            let outcome = AssertUnwindSafe(runner.run(job)).catch_unwind().await.unwrap_or_else(|_| Outcome {
                state: State::Failed,
                error: Some(Error::internal("the runner broke down")),
                changed: true,
                ended: clock.now(),
            });
            // Nobody listens any more only where the daemon has left this run behind.
            let _ = events.send(Event::Finished(key, id, outcome));
        }));
    }

    pub(super) fn finished(&mut self, key: &Key, id: &RunId, outcome: &Outcome) {
        if let Some(runs) = self.running.get_mut(key) {
            runs.retain(|(running, _)| running != id);
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
        if !self.running.contains_key(key) && self.ending.is_none() {
            let job = self.queues.get_mut(key).and_then(VecDeque::pop_front);
            self.queues.retain(|_, jobs| !jobs.is_empty());
            if let Some(job) = job {
                self.begin(key, job);
            }
        }
    }
}
