//! One run: what it may do, what it did, and the only place that blocks.

use std::collections::{BTreeSet, HashMap};
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, ThreadId};

use futures::FutureExt as _;
use regex::Regex;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::call::Call;
use crate::clock::track;
use crate::config::Mode;
use crate::error::{Error, Kind, Result};
use crate::host::Host;
use crate::journal::{Level, Line};
use crate::permission::{Ask, Effect, Grants};
use crate::recorder::Talk;
use crate::store::Draft;
use crate::text::clip;
use crate::time::{Busy, Duration, Time};
use crate::trace::{Condition, Record, What, bounded};

use super::bench::Bench;
use super::handler::Constants;
use super::std::Registration;

/// The id of a run that a person started in the foreground.
pub const MANUAL: &str = "manual";

/// A script's own words must not fill the disk: characters of one line of the log.
const LONGEST_LINE: usize = 16_384;

/// What a run starts with.
pub struct Setup {
    pub script: String,
    pub trigger: Option<String>,
    /// The id in the ledger, or a word for what a person typed.
    pub run: String,
    pub mode: Mode,
    pub grants: Grants,
    pub deadline: Time,
    pub cancel: CancellationToken,
    /// Counts the runs that work; given back while a run waits.
    pub permits: Option<Arc<Semaphore>>,
}

/// Whether a script is being loaded or runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    /// The top level of a script file: only registration.
    Load {
        /// Without a configuration every instance name is accepted.
        anything: bool,
    },
    Run,
}

/// One run. Everything that a host function needs is reached through it.
pub struct Context {
    pub host: Arc<Host>,
    pub script: String,
    pub trigger: Option<String>,
    pub run: String,
    pub mode: Mode,
    /// When its time is up, on the clock that nobody sets.
    expires: Duration,
    pub cancel: CancellationToken,
    pub(super) phase: Phase,
    /// Whether a list of instances was asked for and there were none.
    empty_fleet: AtomicBool,
    grants: Grants,
    permits: Option<Arc<Semaphore>>,
    working: Mutex<Vec<Working>>,
    record: Mutex<Record>,
    /// The changes that a person agreed to, where the run may make no others; each is taken out as it is made.
    agreed: OnceLock<Mutex<Vec<Call>>>,
    operations: AtomicU64,
    /// Why the run must end, once it must.
    ended: OnceLock<Error>,
    /// Threads beside its own.
    helpers: AtomicUsize,
    /// The transactions that threads are in the middle of.
    drafts: Mutex<Vec<(ThreadId, Arc<Draft>)>>,
    /// What a dry run would have kept, by scope.
    rehearsals: Mutex<HashMap<String, Arc<Draft>>>,
    /// What its messages were about.
    messages: Mutex<Messages>,
    /// What the top level registered, in its order.
    registered: Mutex<Vec<Registration>>,
    /// The triggers of the script whose handler runs; nothing for what a person typed.
    pub(super) triggers: OnceLock<Arc<[String]>>,
    /// Constants of earlier inputs of a session.
    pub(super) constants: OnceLock<Constants>,
    pub(super) patterns: Patterns,
    /// What a test acts on; nothing for any other run.
    bench: OnceLock<Arc<Bench>>,
}

/// The regular expressions of a run, each compiled once.
#[derive(Default)]
pub(super) struct Patterns(Mutex<HashMap<String, Regex>>);

impl Patterns {
    /// A run that makes up its patterns must not fill the memory.
    const MOST: usize = 64;

    pub(super) fn get(&self, pattern: &str, compile: impl FnOnce() -> Result<Regex>) -> Result<Regex> {
        let mut known = lock(&self.0);
        if let Some(compiled) = known.get(pattern) {
            return Ok(compiled.clone());
        }
        let compiled = compile()?;
        if known.len() >= Self::MOST {
            known.clear();
        }
        known.insert(pattern.into(), compiled.clone());
        Ok(compiled)
    }
}

/// What a run told people.
#[derive(Clone, Debug, Default)]
pub struct Messages {
    /// The keys of its messages, heard or not.
    pub keys: BTreeSet<String>,
    /// How many messages there were.
    pub count: usize,
    /// Its `when` reads a value that is inside: what was told of goes on.
    pub inside: Option<bool>,
}

/// Held by each thread of a run that works rather than waits.
struct Working {
    _permit: Option<OwnedSemaphorePermit>,
    _busy: Busy,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Context {
    pub fn new(host: Arc<Host>, setup: Setup) -> Arc<Self> {
        Self::in_phase(host, setup, Phase::Run)
    }

    pub(super) fn in_phase(host: Arc<Host>, setup: Setup, phase: Phase) -> Arc<Self> {
        let Setup { script, trigger, run, mode, grants, deadline, cancel, permits } = setup;
        let expires = host.clock.uptime() + (deadline - host.clock.now());
        Arc::new(Self {
            host,
            script,
            trigger,
            run,
            mode,
            expires,
            cancel,
            phase,
            empty_fleet: AtomicBool::new(false),
            grants,
            permits,
            working: Mutex::default(),
            record: Mutex::new(Record::new(mode == Mode::Watch, "")),
            agreed: OnceLock::new(),
            operations: AtomicU64::new(0),
            ended: OnceLock::new(),
            helpers: AtomicUsize::new(0),
            drafts: Mutex::default(),
            rehearsals: Mutex::default(),
            messages: Mutex::default(),
            registered: Mutex::default(),
            triggers: OnceLock::new(),
            constants: OnceLock::new(),
            patterns: Patterns::default(),
            bench: OnceLock::new(),
        })
    }

    /// A test, which acts on `bench`.
    pub fn of_test(host: Arc<Host>, setup: Setup, bench: Arc<Bench>) -> Arc<Self> {
        let run = Self::new(host, setup);
        run.bench.get_or_init(|| bench);
        run
    }

    /// # Errors
    /// `permission` for anything but a test.
    pub(super) fn bench(&self, what: &str) -> Result<&Arc<Bench>> {
        self.bench.get().ok_or_else(|| {
            Error::new(Kind::Permission, format!("`{what}` is for tests"))
                .hint("write it in a file `NAME_test.rhai`, which `tidegate test` runs")
        })
    }

    /// What was done so far, secrets masked.
    pub fn record(&self) -> Record {
        lock(&self.record).clone()
    }

    /// When its time is up, as the wall clock stands now.
    pub fn deadline(&self) -> Time {
        let clock = &self.host.clock;
        clock.now() + (self.expires - clock.uptime())
    }

    /// Whether its time is up.
    pub fn is_over(&self) -> bool {
        self.host.clock.uptime() >= self.expires
    }

    /// What the run told people.
    pub fn messages(&self) -> Messages {
        lock(&self.messages).clone()
    }

    pub(super) fn has_told(&self, key: Option<String>) {
        let mut messages = lock(&self.messages);
        messages.count += 1;
        messages.keys.extend(key);
    }

    pub(super) fn reads_inside(&self, inside: bool) {
        lock(&self.messages).inside = Some(inside);
    }

    pub fn is_dry(&self) -> bool {
        self.mode == Mode::Watch
    }

    /// Marks this thread as working until the guard goes: it holds a permit and keeps a virtual clock still.
    ///
    /// # Errors
    /// `cancelled` where the run was cancelled while it waited for a permit.
    pub(super) fn work(&self) -> Result<WorkGuard<'_>> {
        let guard = WorkGuard(self);
        self.resume(self.host.clock.busy())?;
        Ok(guard)
    }

    /// The same with a permit and a token that were taken before this thread began.
    pub fn begin(&self, permit: OwnedSemaphorePermit, busy: Busy) -> WorkGuard<'_> {
        lock(&self.working).push(Working { _permit: Some(permit), _busy: busy });
        WorkGuard(self)
    }

    /// Works on after a wait. Where the run was cancelled meanwhile, the little that is left to do needs
    /// no permit.
    fn resume(&self, busy: Busy) -> Result<()> {
        let permit = match &self.permits {
            Some(permits) => self
                .block(Arc::clone(permits).acquire_owned())
                .and_then(|permit| permit.map_err(|_| cancelled()))
                .map(Some),
            None => Ok(None),
        };
        let (permit, outcome) = match permit {
            Ok(permit) => (permit, Ok(())),
            Err(error) => (None, Err(error)),
        };
        lock(&self.working).push(Working { _permit: permit, _busy: busy });
        outcome
    }

    /// Runs `wait` while this thread does not count as working. Whatever it waits for must keep a virtual
    /// clock still itself.
    pub(super) fn rest<T>(&self, wait: impl FnOnce() -> T) -> Result<T> {
        let working = lock(&self.working).pop();
        drop(working);
        let value = wait();
        self.resume(self.host.clock.busy())?;
        Ok(value)
    }

    /// Waits for `future`, at most until the run's deadline, and gives up when the run is cancelled.
    /// The permit is given back meanwhile. Nothing else in the program blocks on a future.
    ///
    /// # Errors
    /// The future's own; `limit` at the deadline; `cancelled`; `permission` at load.
    pub fn wait<T>(&self, what: &str, future: impl Future<Output = Result<T>>) -> Result<T> {
        self.require_run(what)?;
        self.wait_anywhere(future)
    }

    /// The same for the few things that are allowed at load too.
    pub(super) fn wait_anywhere<T>(&self, future: impl Future<Output = Result<T>>) -> Result<T> {
        let clock = Arc::clone(&self.host.clock);
        let mut working = lock(&self.working).pop();
        // Tracked, so that a virtual clock stands still from every wake, by a cancellation too, until this
        // thread has taken notice of it.
        let mut waiting = track(Arc::clone(&clock), async {
            let value = tokio::select! {
                biased;
                value = future => value,
                () = self.cancel.cancelled() => Err(cancelled()),
                () = clock.sleep_until(self.deadline()) => Err(out_of_time()),
            };
            (value, clock.busy())
        });
        let (value, busy) = self.block_unless_cancelled(poll_fn(|cx| {
            let poll = waiting.poll_unpin(cx);
            if poll.is_pending() {
                working = None;
            }
            poll
        }));
        drop(working);
        self.resume(busy)?;
        value
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that blocks")]
    fn block_unless_cancelled<T>(&self, future: impl Future<Output = T>) -> T {
        self.host.runtime.block_on(future)
    }

    /// Waits for something short, unless cancelled.
    fn block<T>(&self, future: impl Future<Output = T>) -> Result<T> {
        self.block_unless_cancelled(async {
            tokio::select! {
                value = future => Ok(value),
                () = self.cancel.cancelled() => Err(cancelled()),
            }
        })
    }

    /// Whether the run must end now: its time or operations are spent, or it was cancelled.
    pub(super) fn must_end(&self) -> Option<Error> {
        if let Some(error) = self.ended.get() {
            return Some(error.clone());
        }
        let error = self.is_spent()?;
        Some(self.ended.get_or_init(|| error).clone())
    }

    fn is_spent(&self) -> Option<Error> {
        let operations = self.operations.fetch_add(1, Ordering::Relaxed);
        let limit = self.host.config.limits.operations;
        if operations >= limit {
            return Some(Error::new(Kind::Limit, format!("the run took more than {limit} operations")).hint(
                "use `map`, `filter` and the other list functions instead of a loop, or raise `[limits] operations`",
            ));
        }
        // The clock is read now and then only; a read costs more than an operation.
        if operations.is_multiple_of(256) {
            if self.cancel.is_cancelled() {
                return Some(cancelled());
            }
            if self.is_over() {
                return Some(out_of_time());
            }
        }
        None
    }

    /// Threads to help with a list, as many as are wanted and free; none where the run has enough already.
    pub(super) fn helpers(&self, wanted: usize) -> Helpers<'_> {
        let mut granted = 0;
        let _ = self.helpers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |busy| {
            granted = wanted.min(HELPERS.saturating_sub(busy));
            Some(busy + granted)
        });
        Helpers { run: self, granted }
    }

    /// # Errors
    /// `permission` while a script file is being loaded.
    pub(super) fn require_run(&self, what: &str) -> Result<()> {
        match self.phase {
            Phase::Run => match self.drafting() {
                None => Ok(()),
                Some(_) => Err(in_transaction(what)),
            },
            Phase::Load { .. } => {
                Err(Error::new(Kind::Permission, format!("`{what}` cannot be used while the script loads"))
                    .hint("call this inside a trigger, for example `cron(\"*/5 * * * *\", \"name\", || …)`"))
            }
        }
    }

    /// Until the guard goes, this thread reads and writes state in a draft, and calls nothing else.
    pub(super) fn draw_up(&self, draft: &Arc<Draft>) -> Drafting<'_> {
        lock(&self.drafts).push((thread::current().id(), Arc::clone(draft)));
        Drafting(self)
    }

    fn drafting(&self) -> Option<Arc<Draft>> {
        let this = thread::current().id();
        lock(&self.drafts).iter().find(|(thread, _)| *thread == this).map(|(_, draft)| Arc::clone(draft))
    }

    /// The state that a dry run reads and writes instead of the real one.
    pub(super) fn rehearsal(&self, scope: &str) -> Option<Arc<Draft>> {
        self.is_dry().then(|| {
            let mut rehearsals = lock(&self.rehearsals);
            let new = || Arc::new(self.host.store.rehearsal(scope));
            Arc::clone(rehearsals.entry(scope.to_owned()).or_insert_with(new))
        })
    }

    /// The draft that this thread writes a state into, where it is in a transaction.
    ///
    /// # Errors
    /// `permission` where the transaction is about another state.
    pub(super) fn draft(&self, scope: &str) -> Result<Option<Arc<Draft>>> {
        match self.drafting() {
            Some(draft) if draft.scope() != scope => Err(in_transaction("another state")),
            draft => Ok(draft),
        }
    }

    /// Whether the run may do this at all.
    ///
    /// # Errors
    /// `permission`, with the line of configuration that would grant it.
    pub(super) fn permit(&self, ask: &Ask, covers: &[&str]) -> Result<()> {
        self.grants.check(ask, covers).map_err(|denied| {
            let (service, endpoint, line) = (ask.service, ask.endpoint, &denied.line);
            let error = if denied.denied {
                Error::new(Kind::Permission, format!("`{endpoint}` is denied to this script by `deny = [\"{line}\"]`"))
                    .hint(format!("take `{line}` out of `deny` in {}", self.host.config.table_of(&self.script)))
            } else {
                let why = if ask.effect == Effect::Destructive { "it is destructive" } else { "it reaches outside" };
                Error::new(Kind::Permission, format!("`{endpoint}` needs a grant, because {why}"))
                    .hint(self.granted_by(line))
            };
            let error = error.from_call(service, endpoint);
            let hint = error.hint.as_deref().map(|hint| format!("; {hint}")).unwrap_or_default();
            let words = self.host.masker.mask(&format!("{error}{hint}")).into_owned();
            lock(&self.record).note(self.host.clock.now(), What::Denied(words));
            error
        })
    }

    /// Whether it is past loading.
    pub(super) fn is_running(&self) -> bool {
        self.phase == Phase::Run
    }

    /// How a grant is written down, whole, with what is granted already.
    fn granted_by(&self, line: &str) -> String {
        // What a person typed has no table in the configuration.
        if self.trigger.is_none() {
            return format!("pass `--allow '{line}'`");
        }
        let by_hand =
            if self.run == MANUAL { format!("; or pass `--allow '{line}'` this once") } else { String::new() };
        format!("{}{by_hand}", self.host.config.how_to_grant(&self.script, line))
    }

    /// Notes that a list of instances was asked for and there were none.
    pub(super) fn found_no_instance(&self) {
        self.empty_fleet.store(true, Ordering::Relaxed);
    }

    pub(super) fn fleet_was_empty(&self) -> bool {
        self.empty_fleet.load(Ordering::Relaxed)
    }

    /// Keeps a trigger of the top level.
    ///
    /// # Errors
    /// `permission` at run time, when it is too late.
    pub(super) fn register(&self, registration: Registration) -> Result<()> {
        if self.phase == Phase::Run {
            return Err(Error::new(Kind::Permission, "triggers are registered while the script loads, not by a run")
                .hint(if self.trigger.is_some() {
                    "move the call to the top level of the script"
                } else {
                    "move the call to the top level of a script; of what is tried in the REPL, `:cron \"0 8 * * *\" NAME` makes one"
                }));
        }
        lock(&self.registered).push(registration);
        Ok(())
    }

    pub(super) fn take_registered(&self) -> Vec<Registration> {
        std::mem::take(&mut lock(&self.registered))
    }

    /// What whoever talks to a service for this run is given.
    pub fn talk(self: &Arc<Self>) -> Talk {
        let run = Arc::clone(self);
        Talk::new(Arc::clone(&self.host.clock), self.deadline(), Arc::new(move |call| run.note(call)))
    }

    /// Notes a request that was sent.
    pub(super) fn note(&self, mut call: Call) {
        call.args = self.host.masker.mask_args(call.args);
        // In the order of the record, whichever thread it comes from.
        let mut record = lock(&self.record);
        self.journal_call("call", &call);
        record.call(self.host.clock.now(), call);
    }

    /// From now on the run makes no change outside of itself but these, which a dry run noted.
    pub fn hold_to(&self, agreed: Vec<Call>) {
        let _ = self.agreed.set(Mutex::new(agreed));
    }

    /// Whether a change is not made: a dry run notes it instead. `change` is what it notes.
    ///
    /// # Errors
    /// `permission` where a person agreed to a list of changes, and this is none of them.
    pub(super) fn holds_back(&self, change: impl FnOnce() -> Call) -> Result<bool> {
        if self.is_dry() {
            self.hold_back(change());
            return Ok(true);
        }
        let Some(agreed) = self.agreed.get() else { return Ok(false) };
        let change = change();
        let args = bounded(self.host.masker.mask_args(change.args));
        let same = |call: &Call| {
            (&call.service, &call.instance, &call.endpoint, &call.args)
                == (&change.service, &change.instance, &change.endpoint, &args)
        };
        let mut agreed = lock(agreed);
        if let Some(at) = agreed.iter().position(same) {
            agreed.remove(at);
            return Ok(false);
        }
        let words = change.summary.unwrap_or_else(|| format!("{} on {}", change.endpoint, change.instance));
        let words = self.host.masker.mask(&words).into_owned();
        lock(&self.record).note(self.host.clock.now(), What::Denied(format!("not in the saved list: {words}")));
        Err(Error::new(Kind::Permission, "it was not in the saved list, so it was not done")
            .hint("what was in the list before it is done; save a new dry run and look at what has changed")
            .from_call(&change.service, &change.endpoint))
    }

    /// Notes what a dry run held back; `summary` says it in words.
    pub(super) fn hold_back(&self, mut call: Call) {
        call.args = self.host.masker.mask_args(call.args);
        call.summary = call.summary.map(|words| self.host.masker.mask(&words).into_owned());
        self.journal_call("would", &call);
        lock(&self.record).would(self.host.clock.now(), call);
    }

    /// Notes a reading of the run's condition.
    pub(super) fn has_read(&self, condition: Condition) {
        let value = self.host.masker.mask_json(condition.value);
        lock(&self.record).note(self.host.clock.now(), What::Condition(Condition { value, ..condition }));
    }

    fn journal_call(&self, event: &str, call: &Call) {
        // What a dry run is for must be seen without asking for more.
        let level = if event == "would" { Level::Info } else { Level::Debug };
        let data = match serde_json::to_value(call) {
            Ok(Value::Object(map)) => map,
            _ => serde_json::Map::new(),
        };
        let message =
            call.summary.clone().unwrap_or_else(|| format!("{}/{} {}", call.service, call.instance, call.endpoint));
        self.host.journal.write(&self.line(level, event, message, data));
    }

    /// What a script says, to the log and to the record.
    pub(super) fn say(&self, level: Level, text: &str) {
        let text = clip(&self.host.masker.mask(text), LONGEST_LINE).into_owned();
        lock(&self.record).said(self.host.clock.now(), text.clone());
        self.host.journal.write(&self.line(level, "log", text, serde_json::Map::new()));
    }

    fn line(&self, level: Level, event: &str, message: String, data: serde_json::Map<String, Value>) -> Line {
        Line {
            ts: self.host.clock.now(),
            level,
            event: event.into(),
            script: Some(self.script.clone()),
            trigger: self.trigger.clone(),
            run: Some(self.run.clone()),
            message,
            data,
        }
    }
}

/// See [`Context::begin`].
#[must_use]
pub struct WorkGuard<'a>(&'a Context);

impl Drop for WorkGuard<'_> {
    fn drop(&mut self) {
        lock(&self.0.working).pop();
    }
}

/// See [`Context::draw_up`].
#[must_use]
pub(super) struct Drafting<'a>(&'a Context);

impl Drop for Drafting<'_> {
    fn drop(&mut self) {
        let this = thread::current().id();
        lock(&self.0.drafts).retain(|(thread, _)| *thread != this);
    }
}

fn in_transaction(what: &str) -> Error {
    Error::new(Kind::Permission, format!("`{what}` cannot be used inside a transaction"))
        .hint("do it before or after: the closure may be called several times")
}

/// Threads that a run may have beside its own, however deep its parallel lists nest.
const HELPERS: usize = 16;

/// See [`Context::helpers`].
#[must_use]
pub(super) struct Helpers<'a> {
    run: &'a Context,
    pub(super) granted: usize,
}

impl Drop for Helpers<'_> {
    fn drop(&mut self) {
        self.run.helpers.fetch_sub(self.granted, Ordering::Relaxed);
    }
}

fn out_of_time() -> Error {
    Error::new(Kind::Limit, "the run took longer than its timeout")
        .hint("give the trigger a longer `timeout`, or do less in one run")
}

fn cancelled() -> Error {
    Error::new(Kind::Cancelled, "the run was cancelled")
}
