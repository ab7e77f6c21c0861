//! From a due time, or something that happened, to a run.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{Engine, Key, Trigger};
use crate::daemon::doors::{Manner, Refusal};
use crate::daemon::missed::Verdict;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::journal::Level;
use crate::ledger::{RunId, State};
use crate::run::{Job, Outcome};
use crate::schedule::{Kind, Overlap};
use crate::script::Occasion;
use crate::text::count;
use crate::time::{Duration, Time};

/// Runs of one trigger that wait or run at the same time.
const BACKLOG: usize = 100;

/// Why a trigger fires.
#[derive(Default)]
pub(super) struct Firing {
    pub scheduled: Option<Time>,
    /// Makes its row unique, where the due time does not.
    pub key: Option<String>,
    /// What its handler is told.
    pub data: Value,
    /// One of several that catch up: they follow one another instead of being skipped.
    pub catch_up: bool,
    /// A person asked.
    pub by_hand: bool,
    /// What that person wants heeded.
    pub manner: Manner,
    /// Who wants to know how it ends.
    pub reply: Option<oneshot::Sender<Outcome>>,
}

impl Firing {
    pub fn with(data: Value) -> Self {
        Self { data, ..Self::default() }
    }
}

impl Engine {
    /// Start triggers that have not fired yet, and schedules whose entry in force is another one now.
    pub(super) async fn fire_start(&mut self) {
        if self.unset {
            return;
        }
        let now = self.host.clock.now();
        let new = |(key, trigger): (&Key, &Trigger)| {
            let due = match &trigger.plan.spec.kind {
                Kind::Start => !self.begun.contains(key),
                Kind::Schedule(table) => table.said(now) != trigger.held.as_deref(),
                _ => false,
            };
            (due && trigger.plan.off.is_none()).then(|| key.clone())
        };
        let new: Vec<_> = self.triggers.iter().filter_map(new).collect();
        for key in new {
            self.begun.insert(key.clone());
            self.hold(&key, now);
            self.fire_told(&key, Firing::default()).await;
        }
    }

    /// Remembers which entry of a schedule its handler was last called with.
    fn hold(&mut self, key: &Key, at: Time) {
        let Some(trigger) = self.triggers.get_mut(key) else { return };
        if let Kind::Schedule(table) = &trigger.plan.spec.kind {
            trigger.held = table.said(at).map(Into::into);
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
        let some = !dues.is_empty();
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
            if let Some(why) = off {
                self.tell_off(&key, &why);
            }
        }
        if some {
            self.unblocked();
        }
    }

    async fn deal_with(&mut self, key: &Key, verdict: Verdict, more: bool) -> Result<()> {
        if !verdict.missed.is_empty() {
            self.miss(key, &verdict.missed, verdict.run.len(), more).await?;
        }
        let catch_up = verdict.run.len() > 1;
        for due in verdict.run {
            self.hold(key, due);
            let firing = Firing { scheduled: Some(due), catch_up, ..Firing::default() };
            if let Err(Refusal::Unrecorded(error)) = self.fire(key, firing).await {
                return Err(error);
            }
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

    /// Fires what nobody can make due again. Why it does not run, where it does not, is a row; or a line, where even
    /// that could not be written.
    pub(super) async fn fire_told(&mut self, key: &Key, firing: Firing) {
        if let Err(Refusal::Unrecorded(error)) = self.fire(key, firing).await {
            self.complain(key, "it was due, could not be recorded, and does not run", &error);
        }
    }

    /// A trigger fires: a row, and what its options say. What does not run is a row too, unless the trigger is
    /// off.
    pub(super) async fn fire(&mut self, key: &Key, firing: Firing) -> Result<RunId, Refusal> {
        let now = self.host.clock.now();
        let Some(trigger) = self.triggers.get(key) else { return Err(Refusal::Unknown) };
        let (spec, version) = (&trigger.plan.spec, trigger.script.version.clone());
        let mode = self.mode(&key.script, spec.dry);
        let last_of_all = matches!(spec.kind, Kind::Stop);
        if self.ending.is_some() && !last_of_all {
            return Err(Refusal::Stopping);
        }
        let heeded = !firing.by_hand || firing.manner == Manner::Guarded;
        if let Some(why) = trigger.plan.off.clone().filter(|_| heeded) {
            return Err(Refusal::Off(why));
        }
        let going = self.running.get(key).map_or(0, Vec::len);
        let waiting = self.queues.get(key).map_or(0, VecDeque::len);
        let overlap = match spec.overlap {
            Overlap::Skip if firing.catch_up => Overlap::Queue,
            overlap => overlap,
        };
        let outside = spec.outside(firing.scheduled.unwrap_or(now)).filter(|_| heeded);
        let throttled = spec.throttle.zip(trigger.began).filter(|_| heeded);
        let throttled = throttled.map(|(throttle, began)| began + throttle - now).filter(|left| *left > Duration::ZERO);
        let refusal = match (outside, throttled) {
            (Some(why), _) => Some(Refusal::Outside(why)),
            (_, Some(left)) => Some(Refusal::Throttled(left)),
            _ if going + waiting >= BACKLOG || (overlap == Overlap::Skip && going + waiting > 0) => Some(Refusal::Busy),
            _ => None,
        };
        if let Some(refusal) = refusal {
            self.skip(key, &firing, &refusal.to_string()).await.map_err(Refusal::Unrecorded)?;
            return Err(refusal);
        }
        let reason = match &firing {
            Firing { by_hand: true, .. } => "a person asked for it".to_owned(),
            Firing { catch_up: true, .. } => "it was missed and is made up for".to_owned(),
            Firing { scheduled: Some(_), key: Some(_), .. } => "a script had asked for it at this time".to_owned(),
            Firing { scheduled: Some(_), .. } => format!("it was due (`{}`)", spec.kind.word()),
            _ => format!("its `{}` was told", spec.kind.word()),
        };
        // The row is the right to run: without it a due time might run twice.
        let due = self.host.ledger.due_by(&key.script, &key.trigger, &version, firing.scheduled, firing.key.as_deref());
        let id = match due.await {
            Ok(Some(id)) => id,
            Ok(None) => return Err(Refusal::Known),
            Err(error) => return Err(Refusal::Unrecorded(error)),
        };
        if let Some(reply) = firing.reply {
            self.waiting.insert(id.clone(), reply);
        }
        let Some(trigger) = self.triggers.get_mut(key) else { return Err(Refusal::Unknown) };
        trigger.began = Some(now);
        let spec = &trigger.plan.spec;
        let mut settings = self.host.config.settings(&key.script);
        settings.mode = mode;
        let limits = &self.host.config.limits;
        let timeout = spec.timeout.unwrap_or(limits.timeout);
        let job = Job {
            host: Arc::clone(&self.host),
            id: id.clone(),
            script: Arc::clone(&trigger.script),
            trigger: key.trigger.clone(),
            handler: trigger.handler.clone(),
            settings,
            scheduled: firing.scheduled,
            reason,
            occasion: Occasion { due: firing.scheduled, data: firing.data },
            timeout: if last_of_all { timeout.min(limits.grace) } else { timeout },
            retry: spec.retry,
            cancel: CancellationToken::new(),
            recurs: ["cron", "every", "when"].contains(&spec.kind.word()),
            stopping: if last_of_all { CancellationToken::new() } else { self.stopping.clone() },
        };
        match overlap {
            _ if going + waiting == 0 => self.begin(key, job),
            Overlap::Parallel => self.begin(key, job),
            Overlap::Skip | Overlap::Queue => self.queues.entry(key.clone()).or_default().push_back(job),
            Overlap::Restart => {
                let replaced = self.queues.insert(key.clone(), VecDeque::from([job])).unwrap_or_default();
                self.running.get(key).into_iter().flatten().for_each(|going| going.cancel.cancel());
                if let Some(trigger) = self.triggers.get_mut(key) {
                    trigger.skipped += replaced.len() as u64;
                }
                self.drop_jobs(replaced, State::Skipped, "a newer run took its place").await;
            }
        }
        Ok(id)
    }

    /// Writes down that a trigger fired and nothing ran.
    ///
    /// # Errors
    /// Where that could not be written.
    pub(super) async fn skip(&mut self, key: &Key, firing: &Firing, why: &str) -> Result<()> {
        let Some(trigger) = self.triggers.get_mut(key) else { return Ok(()) };
        let error = Error::new(ErrorKind::Cancelled, why);
        let (ledger, unique, version) = (&self.host.ledger, firing.key.as_deref(), &trigger.script.version);
        let row = ledger.record(&key.script, &key.trigger, version, firing.scheduled, unique, State::Skipped, &error);
        if row.await? {
            trigger.skipped += 1;
            self.tell(key, Level::Warn, "run_skipped", format!("skipped: {why}"));
        }
        Ok(())
    }
}
