//! The one task that decides: what is due, what may run, what a reload means, and when to end.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Kind, Result};
use crate::events::Signal;
use crate::host::Host;
use crate::journal::{Level, Line};
use crate::language::Language;
use crate::ledger::{RunId, State};
use crate::library::Script;
use crate::run::{Job, Outcome, Runner};
use crate::script::{Handler, Loaded};
use crate::text::count;
use crate::time::{Duration, Time};

use super::doors::{Ask, Begun, Hook};
use super::files::Pattern;
use super::plan::Plan;
use super::wall::{EARLIEST, Wall};
use super::{Event, Options};

mod clock;
mod ending;
mod firing;
mod guards;
mod bulletins;
mod later;
mod memory;
mod reload;
mod report;
mod running;
mod told;
mod trouble;

use bulletins::Absence;
use ending::Ending;
use firing::Firing;
use later::Later;
use memory::Memory;
use running::Going;
use told::Pending;
use trouble::Trouble;

/// The clock is looked at this often even if nothing is due, to notice that it was set.
const HEARTBEAT: Duration = Duration::from_seconds(30);

/// A trigger's place in the ledger.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Key {
    pub script: String,
    pub trigger: String,
}

/// A trigger of the version that runs.
struct Trigger {
    plan: Plan,
    handler: Handler,
    script: Arc<Loaded>,
    /// How its last run ended, and when.
    last: Option<(State, Option<Time>)>,
    /// When its last run began.
    began: Option<Time>,
    /// What outlives the daemon.
    memory: Memory,
    /// The entry of a schedule that its handler was last called with.
    held: Option<String>,
    skipped: u64,
    missed: u64,
}

/// What triggers listen for, for those who watch on their behalf.
pub(super) struct Boards {
    pub events: watch::Sender<BTreeSet<String>>,
    pub files: watch::Sender<Vec<Pattern>>,
    pub hooks: watch::Sender<Vec<Hook>>,
}

impl Boards {
    pub fn new() -> Self {
        Self {
            events: watch::Sender::new(BTreeSet::new()),
            files: watch::Sender::new(Vec::new()),
            hooks: watch::Sender::new(Vec::new()),
        }
    }
}

pub(super) struct Engine {
    /// Of the configuration in force; what runs ends on the one that it began with.
    host: Arc<Host>,
    /// Tells the others of it.
    hosts: watch::Sender<Arc<Host>>,
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
    running: BTreeMap<Key, Vec<Going>>,
    /// Due runs that wait for the one before them, by `overlap` or because several were missed.
    queues: BTreeMap<Key, VecDeque<Job>>,
    wall: Wall,
    /// The clock shows a time that cannot be, so nothing is due.
    unset: bool,
    /// The run history cannot be written, so nothing begins.
    trouble: Option<Trouble>,
    /// Nobody was there before the start; until it was told.
    absence: Option<Absence>,
    /// Who wants to know how a run ends.
    waiting: HashMap<RunId, oneshot::Sender<Outcome>>,
    /// What `debounce` holds back.
    pending: BTreeMap<Key, Pending>,
    /// What scripts have asked to fire later, by its key in the store.
    later: BTreeMap<String, Later>,
    looked_later: Time,
    boards: Boards,
    /// Nothing new begins.
    stopping: CancellationToken,
    ending: Option<Ending>,
}

impl Engine {
    pub fn new(
        host: Arc<Host>,
        hosts: watch::Sender<Arc<Host>>,
        options: Options,
        events: mpsc::UnboundedSender<Event>,
        expiries: Arc<Notify>,
        boards: Boards,
    ) -> Self {
        let clock = Arc::clone(&host.clock);
        let now = clock.now();
        Self {
            runner: Arc::new(Runner::new(host.config.limits.runs)),
            host,
            hosts,
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
            wall: Wall::new(&*clock),
            unset: false,
            trouble: None,
            absence: None,
            waiting: HashMap::new(),
            pending: BTreeMap::new(),
            later: BTreeMap::new(),
            looked_later: now,
            boards,
            stopping: CancellationToken::new(),
            ending: None,
        }
    }

    /// Says what an earlier process left behind: unfinished runs, a database that could not be read.
    pub async fn adopt(&mut self) -> Result<()> {
        self.absence = self.was_absent().await;
        if let Some(kept) = self.host.database.set_aside() {
            let message = format!("the database was damaged; it is kept as `{}`, and a new one begins", kept.display());
            self.write(&self.line(Level::Error, "warning", message));
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
        let mut parts = vec![
            format!("ready: {}", count(self.scripts.len() - broken, "script")),
            count(self.triggers.len(), "trigger"),
        ];
        if broken > 0 {
            parts.push(format!("{broken} not running"));
        }
        if self.options.dry_run {
            parts.push("dry run".into());
        }
        if self.scripts.is_empty() {
            parts.push(format!("waiting for scripts in `{}`", self.host.config.scripts.display()));
        }
        let message = parts.join(", ");
        let line = self.line(Level::Info, "ready", message);
        self.write(&line.with("scripts", self.scripts.len()).with("triggers", self.triggers.len()));
        self.look_at_clock().await;
        self.fire_start().await;
    }

    /// Decides until the end.
    pub async fn run(mut self, mut mailbox: mpsc::UnboundedReceiver<Event>) {
        self.read_later().await;
        self.fire_all().await;
        self.tell_absence();
        loop {
            match self.next_event(&mut mailbox).await {
                Event::Changed(reading) if self.ending.is_none() => self.changed(*reading).await,
                Event::Changed(_) | Event::Due => {}
                Event::Finished(key, id, outcome) => self.finished(&key, &id, &outcome).await,
                Event::Told(Signal::Happened(occurrence)) => drop(self.happened(&occurrence).await),
                Event::Told(Signal::Armed) => self.read_later().await,
                Event::Polled(occurrence, done) => {
                    // Whoever found out tells again what could not be recorded.
                    if self.happened(&occurrence).await {
                        let _ = done.send(());
                    }
                }
                Event::Files(key, changes) => self.files_changed(&key, changes).await,
                Event::Asked(ask) => self.answer(ask).await,
                Event::Stop => self.stop().await,
            }
            match &self.ending {
                None => self.fire_all().await,
                Some(_) if self.running.is_empty() => break,
                Some(ending) if self.host.clock.now() < ending.until => {}
                Some(Ending { cancelled: false, .. }) => self.cancel_all(),
                Some(Ending { cancelled: true, .. }) => break,
            }
        }
        self.end().await;
    }

    /// Fires whatever is to fire by now.
    async fn fire_all(&mut self) {
        self.fire_due().await;
        if self.host.clock.now() - self.looked_later >= told::LOOK {
            self.read_later().await;
            self.look_at_manual_runs().await;
        }
        if !self.unset {
            self.fire_later().await;
            self.fire_pending().await;
        }
    }

    /// Does what somebody asks. Whoever asked may have gone by then.
    async fn answer(&mut self, ask: Ask) {
        match ask {
            Ask::Status(reply) => drop(reply.send(self.status())),
            Ask::Trigger { key, data, manner, reply } => {
                let (told, outcome) = oneshot::channel();
                let guards = self.guards(&key, manner);
                let firing = Firing { by_hand: true, manner, reply: Some(told), ..Firing::with(data) };
                let begun = self.fire(&key, firing).await.map(|run| Begun { run, outcome, guards });
                drop(reply.send(begun));
            }
            Ask::Webhook { path, data, reply } => drop(reply.send(self.webhook(&path, data).await)),
            Ask::Off { key, reply } => drop(reply.send(self.off(&key).await)),
            Ask::On { key, reply } => drop(reply.send(self.on(&key).await)),
            Ask::Cancel { run, reply } => drop(reply.send(self.cancel(&run).await)),
        }
    }

    /// What happens next: a message, or a point in time that comes.
    async fn next_event(&self, mailbox: &mut mpsc::UnboundedReceiver<Event>) -> Event {
        let clock = &self.host.clock;
        let due = || {
            let planned = self.triggers.values().filter_map(|trigger| trigger.plan.next).map(|next| next.at);
            planned.chain(self.next_pending()).min()
        };
        // Where nobody sets the clock and no other process writes the database, nothing can be overlooked.
        let looks = clock.may_be_set() || !self.host.database.is_alone();
        let heartbeat = looks.then(|| clock.now() + HEARTBEAT);
        let wake = match (&self.ending, &self.trouble) {
            (Some(ending), _) => Some(ending.until),
            (None, Some(trouble)) if trouble.works.is_none() => Some(trouble.again).into_iter().chain(heartbeat).min(),
            (None, _) if self.unset => heartbeat.or(Some(EARLIEST)),
            (None, _) => due().into_iter().chain(heartbeat).min(),
        };
        let come = async {
            match wake {
                Some(wake) => clock.sleep_until(wake).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(event) = mailbox.recv() => event,
            () = come => Event::Due,
        }
    }

    /// Closes the rows of jobs that will not run.
    async fn drop_jobs(&mut self, jobs: impl IntoIterator<Item = Job>, state: State, why: &str) {
        let error = Error::new(Kind::Cancelled, why);
        for job in jobs {
            self.waiting.remove(&job.id);
            let closed = self.host.ledger.finish(&job.id, state, Some(&error), 0, false, &Value::Null).await;
            let line = match closed {
                Ok(()) => self.line(Level::Warn, "run_finished", format!("{state}: {why}")).with("state", state.name()),
                Err(error) => self.line(Level::Error, "warning", format!("this run could not be closed: {error}")),
            };
            self.write(&line.of(&job.script.name, Some(&job.trigger), Some(&job.id)));
        }
    }

    fn complain(&self, key: &Key, what: &str, error: &Error) {
        self.tell(key, Level::Error, "warning", format!("{what}: {error}"));
    }

    fn tell(&self, key: &Key, level: Level, event: &str, message: impl Into<String>) {
        self.write(&self.line(level, event, message).of(&key.script, Some(&key.trigger), None));
    }

    fn local(&self, time: Time) -> String {
        time.display(self.host.config.timezone)
    }

    /// That of whoever reads the journal.
    fn language(&self) -> Language {
        self.host.journal.language()
    }

    fn line(&self, level: Level, event: &str, message: impl Into<String>) -> Line {
        Line::new(self.host.clock.now(), level, event, message)
    }

    fn write(&self, line: &Line) {
        self.host.journal.write(line);
    }
}
