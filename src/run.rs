//! One run of one handler: admitted in turn, on a thread of its own, until it ends, its time is up or it is
//! cancelled; written down from beginning to end.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::config::{Mode, ScriptSettings};
use crate::error::{Error, Kind, Result};
use crate::host::Host;
use crate::journal::{Level, Line};
use crate::ledger::{RunId, State};
use crate::recorder::Talk;
use crate::script::{Context, Handler, Loaded, Occasion, Reader, Record, Returned, Setup, explain, last_calls};
use crate::text::count;
use crate::time::{Duration, Time};
use crate::trace::What;
use crate::units::format_duration;

/// Threads of runs, those that only wait included; the runtime has more, for everything else.
const THREADS: usize = 256;
/// The share of one script, so that its waiting runs leave room for the others'.
const THREADS_OF_A_SCRIPT: usize = 64;
/// A thread that still goes on so long after its run should have ended is left behind.
const ABANDON: Duration = Duration::from_seconds(30);
/// Between two attempts to write down how a run ended.
const AGAIN: Duration = Duration::from_seconds(5);
/// It is not said more often that the disk has no room: a small write may succeed between two large ones.
const COMPLAIN: Duration = Duration::from_seconds(600);
/// What messages about the end of something may take after a run.
const SETTLE: Duration = Duration::from_seconds(30);
/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_seconds(3600);

/// A run that is due.
#[derive(Clone)]
pub struct Job {
    /// Of the configuration that it begins under.
    pub host: Arc<Host>,
    /// Its row in the ledger.
    pub id: RunId,
    /// The script as it is now; the run ends on the version that it began with.
    pub script: Arc<Loaded>,
    pub trigger: String,
    pub handler: Handler,
    pub settings: ScriptSettings,
    pub scheduled: Option<Time>,
    /// What its closure is told.
    pub occasion: Occasion,
    /// Why it runs, in words.
    pub reason: String,
    /// Of each attempt.
    pub timeout: Duration,
    /// Attempts after the first, and the wait before the second, which doubles from then on.
    pub retry: (u32, Duration),
    /// Ends the run.
    pub cancel: CancellationToken,
    /// It looks again by itself, so that what it told of and does not repeat is over.
    pub recurs: bool,
    /// Nothing new begins: neither the run nor another attempt.
    pub stopping: CancellationToken,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub state: State,
    pub error: Option<Error>,
    /// What its closure gave; nothing where it failed.
    pub returned: Returned,
    /// Whether anything but reads was done.
    pub changed: bool,
    pub ended: Time,
}

/// Runs jobs, as many at a time as the limits allow, the scripts in turn.
pub struct Runner {
    permits: Mutex<Permits>,
    threads: Arc<Semaphore>,
    lanes: Mutex<HashMap<String, Weak<Lane>>>,
    /// When it was last said that the disk has no room.
    complained: Mutex<Option<Time>>,
}

/// One for each run that works; a run that waits gives its permit back.
struct Permits {
    most: usize,
    free: Arc<Semaphore>,
}

/// The runs of one script on their way in. Only one of them stands in the common queue at a time, so that
/// the scripts take turns however many runs each has.
struct Lane {
    turn: tokio::sync::Mutex<()>,
    threads: Arc<Semaphore>,
}

/// What a run holds while its thread lives.
struct Admission {
    permit: OwnedSemaphorePermit,
    /// Where its permit comes from.
    permits: Arc<Semaphore>,
    _threads: [OwnedSemaphorePermit; 2],
}

/// How one attempt ended.
struct Attempt {
    result: Result<Returned>,
    state: State,
    record: Record,
}

impl Runner {
    /// At most so many runs work at the same time.
    pub fn new(most: usize) -> Self {
        let permits = Mutex::new(Permits { most, free: Arc::new(Semaphore::new(most.max(1))) });
        Self {
            permits,
            threads: Arc::new(Semaphore::new(THREADS)),
            lanes: Mutex::default(),
            complained: Mutex::default(),
        }
    }

    /// Another limit, for runs that begin from now on.
    pub fn limit(&self, most: usize) {
        let mut permits = self.permits.lock().unwrap_or_else(PoisonError::into_inner);
        if permits.most != most {
            *permits = Permits { most, free: Arc::new(Semaphore::new(most.max(1))) };
        }
    }

    fn permits(&self) -> Arc<Semaphore> {
        Arc::clone(&self.permits.lock().unwrap_or_else(PoisonError::into_inner).free)
    }

    /// Runs a job to its end, every attempt of it, and closes its row.
    pub async fn run(&self, job: Job) -> Outcome {
        let dry = job.settings.mode == Mode::Watch;
        let mut done = Record::new(dry, job.reason.clone());
        let mut attempt = 0;
        let (state, result) = loop {
            attempt += 1;
            let Some(admission) = self.admit(&job).await else {
                let error = Error::new(Kind::Cancelled, "the run was cancelled before it began");
                break (State::Cancelled, Err(error));
            };
            if let Err(error) = self.begin(&job, attempt).await {
                // A run that cannot be written down might be repeated without anybody noticing.
                break (State::Failed, Err(error));
            }
            Self::tell(&job, Level::Debug, "run_started", started(&job, attempt), |line| {
                line.with("scheduled", job.scheduled.map(|time| time.to_string()))
                    .with("version", job.script.version.clone())
                    .with("attempt", attempt)
            });
            done.note(job.host.clock.now(), What::Attempt(attempt));
            let Attempt { result, state, record } = self.attempt(&job, admission).await;
            done.append(record);
            let failed = matches!(state, State::Failed | State::TimedOut);
            if !failed || attempt > job.retry.0 || !self.wait_for_retry(&job, attempt, result.as_ref().err()).await {
                break (state, result);
            }
            if let Err(error) = result {
                done.note(job.host.clock.now(), What::Failed(error.to_string()));
            }
        };
        let (returned, error) = match result {
            Ok(returned) => (returned, None),
            Err(error) => (Returned::default(), Some(error)),
        };
        let outcome = Outcome { state, error, returned, changed: done.changed, ended: job.host.clock.now() };
        self.close(&job, attempt, &outcome, &done).await;
        outcome
    }

    /// Waits until it is this job's turn; `None` where it is not wanted any more.
    async fn admit(&self, job: &Job) -> Option<Admission> {
        let lane = self.lane(&job.script.name);
        let admission = async {
            let _turn = lane.turn.lock().await;
            let own = Arc::clone(&lane.threads).acquire_owned().await.ok()?;
            let thread = Arc::clone(&self.threads).acquire_owned().await.ok()?;
            let permits = self.permits();
            let permit = Arc::clone(&permits).acquire_owned().await.ok()?;
            Some(Admission { permit, permits, _threads: [own, thread] })
        };
        tokio::select! {
            biased;
            () = job.cancel.cancelled() => None,
            () = job.stopping.cancelled() => None,
            admission = admission => admission,
        }
    }

    fn lane(&self, script: &str) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(script).and_then(Weak::upgrade) {
            return lane;
        }
        lanes.retain(|_, lane| lane.strong_count() > 0);
        let threads = Arc::new(Semaphore::new(THREADS_OF_A_SCRIPT));
        let lane = Arc::new(Lane { turn: tokio::sync::Mutex::default(), threads });
        lanes.insert(script.into(), Arc::downgrade(&lane));
        lane
    }

    /// One attempt, on a thread of its own.
    async fn attempt(&self, job: &Job, admission: Admission) -> Attempt {
        let clock = Arc::clone(&job.host.clock);
        let deadline = clock.now() + job.timeout;
        let Admission { permit, permits, _threads: threads } = admission;
        let context = Context::new(
            Arc::clone(&job.host),
            Setup {
                script: job.script.name.clone(),
                trigger: Some(job.trigger.clone()),
                run: job.id.clone(),
                mode: job.settings.mode,
                grants: job.settings.grants.clone(),
                deadline,
                cancel: job.cancel.clone(),
                permits: Some(permits),
            },
        );
        let (handler, run, start) = (job.handler.clone(), Arc::clone(&context), clock.busy());
        let occasion = job.occasion.clone();
        let thread = tokio::task::spawn_blocking(move || {
            let working = run.begin(permit, start);
            let result = catch_unwind(AssertUnwindSafe(|| handler.call(&run, &occasion)));
            // From here to whoever waits for this thread, a virtual clock stands still.
            let end = run.host.clock.busy();
            drop((working, threads));
            (result.unwrap_or_else(|panic| Err(panicked(&*panic))), end)
        });
        let result = tokio::select! {
            biased;
            joined = thread => match joined {
                Ok((result, _end)) => result,
                Err(error) => Err(Error::internal(error.to_string())),
            },
            () = self.abandoned(job, deadline) => {
                job.cancel.cancel();
                Err(Error::new(Kind::Limit, "the run did not end when it should have, and was left behind"))
            }
        };
        let state = match &result {
            Ok(_) => State::Ok,
            Err(error) if error.kind == Kind::Cancelled && job.cancel.is_cancelled() => State::Cancelled,
            Err(error) if error.kind == Kind::Limit && context.is_over() => State::TimedOut,
            Err(_) => State::Failed,
        };
        let result = result.map_err(|error| job.host.masker.mask_error(error));
        if result.is_ok() && job.recurs {
            self.settle(job, &context).await;
        }
        Attempt { result, state, record: context.record() }
    }

    /// Says of what this trigger told before, and not in this run, that it is over.
    async fn settle(&self, job: &Job, context: &Arc<Context>) {
        let messages = context.messages();
        if context.is_dry() || messages.inside == Some(true) {
            return;
        }
        let talk = Talk { deadline: job.host.clock.now() + SETTLE, ..context.talk() };
        // A `when` that says something itself as it leaves needs no second message.
        let quietly = messages.inside == Some(false) && messages.count > 0;
        let settled = job.host.notifier.settle(&job.script.name, &job.trigger, &messages.keys, quietly, &talk).await;
        let troubles = settled
            .unwrap_or_else(|error| vec![format!("whether what was told of is over cannot be looked up: {error}")]);
        for trouble in troubles {
            Self::tell(job, Level::Warn, "warning", trouble, |line| line);
        }
    }

    /// Completes when a run should have ended long ago.
    async fn abandoned(&self, job: &Job, deadline: Time) {
        let clock = &job.host.clock;
        tokio::select! {
            () = clock.sleep_until(deadline + ABANDON) => {}
            () = async {
                job.cancel.cancelled().await;
                clock.sleep_until(clock.now() + ABANDON).await;
            } => {}
        }
    }

    /// Waits before the next attempt; false where there will be none.
    async fn wait_for_retry(&self, job: &Job, attempt: u32, error: Option<&Error>) -> bool {
        let wait = backoff(job.retry.1, attempt);
        let why = error.map(ToString::to_string).unwrap_or_default();
        let left = job.retry.0 + 1 - attempt;
        let message = format!(
            "attempt {attempt} failed: {why}; the next one follows in {} ({} left)",
            format_duration(wait),
            count(left as usize, "attempt")
        );
        Self::tell(job, Level::Warn, "run_retried", message, |line| line.with("attempt", attempt));
        let clock = &job.host.clock;
        tokio::select! {
            biased;
            () = job.cancel.cancelled() => false,
            () = job.stopping.cancelled() => false,
            () = clock.sleep_until(clock.now() + wait) => true,
        }
    }

    /// Writes down that an attempt begins, as soon as there is room on the disk for that.
    async fn begin(&self, job: &Job, attempt: u32) -> Result<()> {
        loop {
            let fault = match job.host.ledger.begin(&job.id, attempt).await {
                Err(fault) if fault.retryable && !job.cancel.is_cancelled() => fault,
                begun => return begun,
            };
            self.trouble(job, &fault, "that this run begins");
            if !self.pause(job).await {
                return Err(fault);
            }
        }
    }

    /// Said by the first of the runs that wait for room on the disk.
    fn trouble(&self, job: &Job, fault: &Error, what: &str) {
        let now = job.host.clock.now();
        let mut complained = self.complained.lock().unwrap_or_else(PoisonError::into_inner);
        if fault.retryable && complained.is_some_and(|last| now - last < COMPLAIN) {
            return;
        }
        *complained = Some(now);
        let message = format!("{what} cannot be written down: {fault}");
        Self::tell(job, Level::Error, "warning", message, |line| line);
    }

    /// Writes down how a run ended.
    async fn close(&self, job: &Job, attempt: u32, outcome: &Outcome, record: &Record) {
        let Outcome { state, error, changed, .. } = outcome;
        let trace = record.trace();
        let calls = record.count();
        while let Err(fault) = job.host.ledger.finish(&job.id, *state, error.as_ref(), calls, *changed, &trace).await {
            self.trouble(job, &fault, "how this run ended");
            if !fault.retryable || !self.pause(job).await {
                break;
            }
        }
        let level = match state {
            State::Ok => Level::Info,
            State::Cancelled => Level::Warn,
            _ => Level::Error,
        };
        Self::tell(job, level, "run_finished", ended(*state, error.as_ref(), job, record), |line| {
            line.with("state", state.name())
                .with("attempt", attempt)
                .with("version", job.script.version.clone())
                .with("calls", calls)
                .with("would", record.would.len())
                .with("changed", *changed)
                .with("error", error.as_ref().map(|error| json!(error)))
        });
    }

    /// Waits for room on the disk; false where the daemon ends first.
    async fn pause(&self, job: &Job) -> bool {
        let clock = &job.host.clock;
        tokio::select! {
            biased;
            () = job.stopping.cancelled() => false,
            () = clock.sleep_until(clock.now() + AGAIN) => true,
        }
    }

    fn tell(job: &Job, level: Level, event: &str, message: String, with: impl FnOnce(Line) -> Line) {
        let line = Line::new(job.host.clock.now(), level, event, message);
        job.host.journal.write(&with(line.of(&job.script.name, Some(&job.trigger), Some(&job.id))));
    }
}

/// The wait after an attempt: twice as long each time.
fn backoff(first: Duration, attempt: u32) -> Duration {
    let factor = 1i64.checked_shl(attempt.saturating_sub(1)).filter(|factor| *factor > 0).unwrap_or(i64::MAX);
    Duration::from_millis(first.millis().saturating_mul(factor)).clamp(Duration::ZERO, LONGEST_WAIT.max(first))
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Error::internal(format!("a host function panicked: {}", text.unwrap_or("no reason given")))
        .hint("this is a bug in tidegate: please report it with this line")
}

fn started(job: &Job, attempt: u32) -> String {
    match attempt {
        1 if job.settings.mode == Mode::Watch => "started (dry run)".into(),
        1 => "started".into(),
        _ => format!("attempt {attempt} started"),
    }
}

/// The end of a run; where it failed, with the line and a caret, and what to do next.
fn ended(state: State, error: Option<&Error>, job: &Job, record: &Record) -> String {
    let state = state.name().replace('_', " ");
    // Where it was cancelled is chance.
    if let Some(error) = error.filter(|error| error.kind != Kind::Cancelled) {
        let file = job.script.path.display().to_string();
        let language = job.host.journal.language();
        let explained = explain(error, &file, Some(&job.script.text), Reader::plain(language));
        return format!("{state}\n{explained}{}", last_calls(&record.calls, language));
    }
    let calls = Some(record.count()).filter(|n| *n > 0).map(|n| count(n, "call"));
    let held = Some(record.would.len()).filter(|n| *n > 0).map(|n| format!("{} held back", count(n, "call")));
    [Some(state), calls, held].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_hour_and_never_overflow() {
        let wait = |first, attempt| backoff(Duration::from_seconds(first), attempt);
        assert_eq!(wait(30, 1), Duration::from_seconds(30));
        assert_eq!(wait(30, 3), Duration::from_seconds(120));
        assert_eq!(wait(30, 20), LONGEST_WAIT);
        assert_eq!(wait(7200, 5), Duration::from_seconds(7200), "a longer wait was asked for");
        assert_eq!(wait(1, 4000), LONGEST_WAIT);
        assert_eq!(wait(0, 5), Duration::ZERO);
    }
}
