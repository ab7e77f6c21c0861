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
use crate::daemon::missed::Verdict;
use crate::error::{Error, Result};
use crate::journal::Level;
use crate::ledger::{RunId, State};
use crate::run::{Job, Outcome};
use crate::schedule::{Kind, Overlap};
use crate::text::count;
use crate::time::Time;

/// Runs of one trigger that wait or run at the same time.
const BACKLOG: usize = 100;

impl Engine {
    pub(super) async fn fire_start(&mut self) {
        if self.unset {
            return;
        }
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
            if let Err(error) = self.fire(&key, None, false).await {
                self.complain(&key, "it was due, could not be recorded, and does not run", &error);
            }
        }
    }

    /// Fires whatever is due by now, in the order of the due times.
    pub(super) async fn fire_due(&mut self) {
        self.look_at_clock().await;
        if self.unset || self.is_blocked() {
            return;
        }
        let now = self.host.clock.now();
        let due = |(key, trigger): (&Key, &Trigger)| {
            Some((trigger.plan.next.filter(|next| next.at <= now)?.due, key.clone()))
        };
        let mut dues: Vec<_> = self.triggers.iter().filter_map(due).collect();
        dues.sort();
        for (_, key) in dues {
            let Some(trigger) = self.triggers.get_mut(&key) else { continue };
            let before = trigger.plan.position();
            let (verdict, more) = trigger.plan.pass(now);
            let off = trigger.plan.off.clone();
            if let Err(error) = self.deal_with(&key, verdict, more).await {
                // What could not be recorded did not happen: it is due again when there is room.
                if let Some(trigger) = self.triggers.get_mut(&key) {
                    trigger.plan.return_to(before);
                }
                return self.blocked(&error);
            }
            self.unblocked();
            if let Some(why) = off {
                self.tell_off(&key, &why);
            }
        }
    }

    async fn deal_with(&mut self, key: &Key, verdict: Verdict, more: bool) -> Result<()> {
        if !verdict.missed.is_empty() {
            self.miss(key, &verdict.missed, verdict.run.len(), more).await?;
        }
        let catch_up = verdict.run.len() > 1;
        for due in verdict.run {
            self.fire(key, Some(due), catch_up).await?;
        }
        Ok(())
    }

    /// Writes down what was missed, and says so.
    async fn miss(&mut self, key: &Key, missed: &[Time], run: usize, more: bool) -> Result<()> {
        let Some(trigger) = self.triggers.get_mut(key) else { return Ok(()) };
        let version = trigger.script.version.clone();
        let ledger = &self.host.ledger;
        let new = ledger.record_all(&key.script, &key.trigger, &version, missed, State::Missed).await?;
        if new == 0 {
            return Ok(());
        }
        trigger.missed += new as u64;
        if let Some(absence) = &mut self.absence {
            absence.missed += new;
            absence.caught_up += run;
        }
        let (Some(first), Some(last)) = (missed.first(), missed.last()) else { return Ok(()) };
        let more = if more { "at least " } else { "" };
        let rest = if run == 0 { String::new() } else { format!("; {} now", count(run, "run")) };
        let message = format!(
            "{more}{} missed, from {} to {}{rest}",
            count(missed.len(), "run"),
            self.local(*first),
            self.local(*last)
        );
        self.tell(key, Level::Warn, "run_missed", message);
        Ok(())
    }

    /// A trigger fires: a row, and what its overlap policy says. Runs that catch up follow one another
    /// instead of being skipped.
    ///
    /// # Errors
    /// Where the row could not be written; then nothing runs.
    async fn fire(&mut self, key: &Key, scheduled: Option<Time>, catch_up: bool) -> Result<()> {
        let Some(trigger) = self.triggers.get_mut(key) else { return Ok(()) };
        let going = self.running.get(key).map_or(0, Vec::len);
        let waiting = self.queues.get(key).map_or(0, VecDeque::len);
        let overlap = match trigger.plan.spec.overlap {
            Overlap::Skip if catch_up => Overlap::Queue,
            overlap => overlap,
        };
        let ledger = &self.host.ledger;
        if going + waiting >= BACKLOG || (overlap == Overlap::Skip && going + waiting > 0) {
            let version = &trigger.script.version;
            if ledger.record(&key.script, &key.trigger, version, scheduled, State::Skipped).await? {
                trigger.skipped += 1;
                self.tell(key, Level::Warn, "run_skipped", "skipped: the last run is still going");
            }
            return Ok(());
        }
        // The row is the right to run: without it a due time might run twice.
        let due = ledger.due(&key.script, &key.trigger, &trigger.script.version, scheduled).await?;
        let Some(id) = due else { return Ok(()) };
        let mut settings = self.host.config.settings(&key.script);
        if self.options.dry_run {
            settings.mode = Mode::Watch;
        }
        let job = Job {
            host: Arc::clone(&self.host),
            id,
            script: Arc::clone(&trigger.script),
            trigger: key.trigger.clone(),
            handler: trigger.handler.clone(),
            settings,
            scheduled,
            timeout: trigger.plan.spec.timeout.unwrap_or(self.host.config.limits.timeout),
            retry: trigger.plan.spec.retry,
            cancel: CancellationToken::new(),
            recurs: ["cron", "every", "when"].contains(&trigger.plan.spec.kind.word()),
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
        Ok(())
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
