//! The one task that decides: what is due, what may run, what a reload means, and when to end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt as _;
use serde_json::Value;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::clock::track;
use crate::config::Mode;
use crate::error::{Error, Kind, Result};
use crate::host::Host;
use crate::journal::{Level, Line};
use crate::ledger::{RunId, State};
use crate::library::Script;
use crate::run::{Job, Outcome, Runner};
use crate::schedule::{self, Overlap};
use crate::script::Handler;
use crate::text::count;
use crate::time::{Duration, Time};

use super::plan::Plan;
use super::{Event, Options};

/// The clock is looked at this often even if nothing is due, to notice that it was set.
const HEARTBEAT: Duration = Duration::from_seconds(60);
/// A clock that goes back by less is only being adjusted.
const SET_BACK: Duration = Duration::from_seconds(5);
/// Runs of one trigger that wait or run at the same time.
const BACKLOG: usize = 100;

mod ending;
mod reload;
mod report;

use ending::Ending;

/// A trigger's place in the ledger.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Key {
    pub script: String,
    pub trigger: String,
}

/// A trigger of the version that runs.
struct Trigger {
    plan: Plan,
    handler: Handler,
    version: String,
    /// How its last run ended, and when.
    last: Option<(State, Option<Time>)>,
    skipped: u64,
    missed: u64,
}

pub(super) struct Engine {
    host: Arc<Host>,
    options: Options,
    runner: Arc<Runner>,
    events: mpsc::UnboundedSender<Event>,
    /// Told after each run that changed something: a ban or a hold may expire earlier than was known.
    expiries: Arc<Notify>,
    started: Time,
    ready: Option<Time>,
    /// Every script of the folder as it stands.
    scripts: BTreeMap<String, Script>,
    triggers: BTreeMap<Key, Trigger>,
    /// Start triggers that have fired.
    begun: BTreeSet<Key>,
    running: BTreeMap<Key, Vec<(RunId, CancellationToken)>>,
    /// Due runs that wait for the one before them, by `overlap` or because several were missed.
    queues: BTreeMap<Key, VecDeque<Job>>,
    /// When the clock was looked at last.
    looked: Time,
    /// Nothing new begins.
    stopping: CancellationToken,
    ending: Option<Ending>,
}

impl Engine {
    pub fn new(host: Arc<Host>, options: Options, events: mpsc::UnboundedSender<Event>, expiries: Arc<Notify>) -> Self {
        let now = host.clock.now();
        Self {
            runner: Arc::new(Runner::new(Arc::clone(&host))),
            host,
            options,
            events,
            expiries,
            started: now,
            ready: None,
            scripts: BTreeMap::new(),
            triggers: BTreeMap::new(),
            begun: BTreeSet::new(),
            running: BTreeMap::new(),
            queues: BTreeMap::new(),
            looked: now,
            stopping: CancellationToken::new(),
            ending: None,
        }
    }

    /// Says what an earlier process left behind: unfinished runs, a database that could not be read.
    pub async fn adopt(&self) -> Result<()> {
        if let Some(kept) = self.host.database.set_aside() {
            let message = format!("the database was damaged; it is kept as `{}`, and a new one begins", kept.display());
            self.write(self.line(Level::Error, "warning", message));
        }
        for entry in self.host.ledger.adopt().await? {
            let when = entry.scheduled.or(entry.started).map(|time| self.local(time)).unwrap_or_default();
            let line = self.line(Level::Warn, "run_interrupted", format!("the run of {when} was interrupted"));
            self.host.journal.write(&line.of(&entry.script, Some(&entry.trigger), Some(&entry.id)));
        }
        Ok(())
    }

    /// All scripts have been read for the first time.
    pub async fn ready(&mut self) {
        self.ready = Some(self.host.clock.now());
        let broken = self.scripts.values().filter(|script| script.loaded.is_none()).count();
        let mut message = format!(
            "ready: {}, {}",
            count(self.scripts.len() - broken, "script"),
            count(self.triggers.len(), "trigger")
        );
        if broken > 0 {
            message += &format!(", {broken} not running");
        }
        if self.options.dry_run {
            message += "; dry run: only reads are done";
        }
        if self.scripts.is_empty() {
            message += &format!("; put scripts into `{}`", self.host.config.scripts.display());
        }
        let line = self.line(Level::Info, "ready", message);
        self.write(line.with("scripts", self.scripts.len()).with("triggers", self.triggers.len()));
        self.fire_start().await;
    }

    /// Decides until the end.
    pub async fn run(mut self, mut mailbox: mpsc::UnboundedReceiver<Event>) {
        self.fire_due().await;
        loop {
            match self.next_event(&mut mailbox).await {
                Event::Due => {}
                Event::Changed(reading) if self.ending.is_none() => self.changed(reading).await,
                Event::Changed(_) => {}
                Event::Finished(key, id, outcome) => self.finished(&key, &id, outcome),
                Event::Status(reply) => drop(reply.send(self.status())),
                Event::Stop => self.stop().await,
            }
            match &self.ending {
                None => self.fire_due().await,
                Some(_) if self.running.is_empty() => break,
                Some(ending) if self.host.clock.now() < ending.until => {}
                Some(Ending { cancelled: false, .. }) => self.cancel_all(),
                Some(Ending { cancelled: true, .. }) => break,
            }
        }
        self.end().await;
    }

    /// What happens next: a message, or a point in time that comes.
    async fn next_event(&self, mailbox: &mut mpsc::UnboundedReceiver<Event>) -> Event {
        let now = self.host.clock.now();
        let due = || self.triggers.values().filter_map(|trigger| trigger.plan.next).map(|next| next.at).min();
        let wake = match &self.ending {
            Some(ending) => ending.until,
            None => due().map_or(now + HEARTBEAT, |due| due.min(now + HEARTBEAT)),
        };
        tokio::select! {
            biased;
            Some(event) = mailbox.recv() => event,
            () = self.host.clock.sleep_until(wake) => Event::Due,
        }
    }

    async fn fire_start(&mut self) {
        let new: Vec<_> = self
            .triggers
            .iter()
            .filter(|(key, trigger)| {
                matches!(trigger.plan.spec.kind, schedule::Kind::Start)
                    && trigger.plan.off.is_none()
                    && !self.begun.contains(key)
            })
            .map(|(key, _)| key.clone())
            .collect();
        for key in new {
            self.begun.insert(key.clone());
            self.fire(&key, None, false).await;
        }
    }

    /// Fires whatever is due by now, in the order of the due times.
    async fn fire_due(&mut self) {
        let now = self.host.clock.now();
        if self.looked - now > SET_BACK {
            let message = format!("the clock was set back from {} to {}", self.local(self.looked), self.local(now));
            self.write(self.line(Level::Warn, "warning", message));
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
            let (version, off) = (trigger.version.clone(), trigger.plan.off.clone());
            if !verdict.missed.is_empty() {
                self.tell_missed(&key, &version, &verdict.missed, verdict.run.len(), more).await;
            }
            let catch_up = verdict.run.len() > 1;
            for due in verdict.run {
                self.fire(&key, Some(due), catch_up).await;
            }
            if let Some(why) = off {
                let line = self.line(Level::Error, "trigger_off", format!("switched off: {why}"));
                self.write(line.of(&key.script, Some(&key.trigger), None));
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
        let line = self.line(Level::Warn, "run_missed", message).with("missed", missed.len());
        self.write(line.of(&key.script, Some(&key.trigger), None));
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
            let row = ledger.record(&key.script, &key.trigger, &trigger.version, scheduled, State::Skipped).await;
            match row {
                Ok(false) => {}
                Ok(true) => {
                    let line = self.line(Level::Warn, "run_skipped", "skipped: the last run is still going");
                    self.write(line.of(&key.script, Some(&key.trigger), None));
                }
                Err(error) => self.complain(key, "a skipped run could not be written down", &error),
            }
            return;
        }
        // The row is the right to run: without it a due time might run twice.
        let id = match ledger.due(&key.script, &key.trigger, &trigger.version, scheduled).await {
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
            script: key.script.clone(),
            trigger: key.trigger.clone(),
            version: trigger.version.clone(),
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

    fn finished(&mut self, key: &Key, id: &RunId, outcome: Outcome) {
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

    /// Closes the rows of jobs that will not run.
    async fn drop_jobs(&self, jobs: impl IntoIterator<Item = Job>, state: State, why: &str) {
        let error = Error::new(Kind::Cancelled, why);
        for job in jobs {
            let closed = self.host.ledger.finish(&job.id, state, Some(&error), 0, false, &Value::Null).await;
            let line = match closed {
                Ok(()) => self.line(Level::Warn, "run_finished", format!("{state}: {why}")).with("state", state.name()),
                Err(error) => self.line(Level::Error, "warning", format!("this run could not be closed: {error}")),
            };
            self.write(line.of(&job.script, Some(&job.trigger), Some(&job.id)));
        }
    }

    fn complain(&self, key: &Key, what: &str, error: &Error) {
        let line = self.line(Level::Error, "warning", format!("{what}: {error}"));
        self.write(line.of(&key.script, Some(&key.trigger), None));
    }

    fn local(&self, time: Time) -> String {
        time.display(self.host.config.timezone)
    }

    fn line(&self, level: Level, event: &str, message: impl Into<String>) -> Line {
        Line::new(self.host.clock.now(), level, event, message)
    }

    fn write(&self, line: Line) {
        self.host.journal.write(&line);
    }
}
