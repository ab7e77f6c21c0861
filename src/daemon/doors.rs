//! What others may ask of a running daemon. Whoever asks, a command or the server, comes through here, and the
//! same guards hold as for a trigger that is due.

use std::fmt;

use serde::Serialize;
use serde_json::Value;
use tokio::sync::{oneshot, watch};

use super::engine::Key;
use super::{Event, Handle, Status};
use crate::error::{Error, Kind};
use crate::ledger::RunId;
use crate::run::Outcome;
use crate::time::Duration;

/// A webhook of a script that runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hook {
    pub script: String,
    pub trigger: String,
    /// With a slash in front.
    pub path: String,
}

/// A run that began, or waits for its turn.
#[derive(Debug)]
pub struct Begun {
    pub run: RunId,
    /// How it ends; an error where it was dropped before it began.
    pub outcome: oneshot::Receiver<Outcome>,
    /// What stood between the request and the run; only what a person asked for is told.
    pub guards: Vec<Guard>,
}

/// Something that keeps a trigger from firing, or a run from doing harm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Guard {
    /// `condition`, `overlap`, `permissions`, `mode`, `off`, `between`, `throttle` or `debounce`.
    pub name: &'static str,
    /// Whether this run heeds it.
    pub applied: bool,
    /// What it says of this run.
    pub said: String,
}

/// Which guards a person wants heeded.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Manner {
    /// Now: `off`, `between` and `throttle` do not matter.
    #[default]
    Now,
    /// As if it were due.
    Guarded,
}

/// What became of a request.
#[derive(Debug)]
pub enum Hooked {
    Begun {
        begun: Begun,
        /// What one attempt may take.
        timeout: Duration,
    },
    /// It counts once nothing more comes.
    Debounced,
    Refused(Refusal),
}

/// Why a trigger does not fire.
#[derive(Clone, Debug)]
pub enum Refusal {
    Unknown,
    /// Switched off, and why.
    Off(String),
    /// Outside of `between`.
    Outside(String),
    /// `throttle`: so long from now it may again.
    Throttled(Duration),
    /// The last run is still going, or too many wait.
    Busy,
    /// It has been dealt with.
    Known,
    /// tidegate ends.
    Stopping,
    /// Without a row nothing runs.
    Unrecorded(Error),
}

impl Refusal {
    /// The whole seconds after which it may be tried again, where that is known.
    pub const fn again_after(&self) -> Option<i64> {
        match self {
            Self::Throttled(left) => Some(left.millis().div_euclid(1000) + 1),
            _ => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("there is no such trigger"),
            Self::Off(why) => write!(f, "it is off: {why}"),
            Self::Outside(why) => f.write_str(why),
            Self::Throttled(left) => {
                write!(f, "`throttle`: not again for {}", crate::units::format_duration(*left))
            }
            Self::Busy => f.write_str("the last run is still going"),
            Self::Known => f.write_str("it has been dealt with already"),
            Self::Stopping => f.write_str("tidegate is ending"),
            Self::Unrecorded(error) => write!(f, "it could not be written down: {error}"),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unrecorded(error) => error,
            Refusal::Unknown => Self::new(Kind::Argument, refusal.to_string())
                .hint("`tidegate check` lists the triggers of each script"),
            _ => Self::new(Kind::Cancelled, refusal.to_string()),
        }
    }
}

/// What is asked.
pub(super) enum Ask {
    Status(oneshot::Sender<Status>),
    Trigger { key: Key, data: Value, manner: Manner, reply: oneshot::Sender<Result<Begun, Refusal>> },
    Webhook { path: String, data: Value, reply: oneshot::Sender<Hooked> },
    Off { key: Key, reply: oneshot::Sender<Result<(), Refusal>> },
    On { key: Key, reply: oneshot::Sender<Result<(), Refusal>> },
    Cancel { run: RunId, reply: oneshot::Sender<bool> },
}

impl Handle {
    /// How things stand; `None` once the daemon has ended.
    pub async fn status(&self) -> Option<Status> {
        self.ask(Ask::Status).await
    }

    /// Runs a trigger now. One that is off runs too, and is on again when that goes well; `between` and
    /// `throttle` do not matter, `overlap` does.
    ///
    /// # Errors
    /// Why it does not run.
    pub async fn trigger(&self, script: &str, trigger: &str, data: Value) -> Result<Begun, Refusal> {
        self.trigger_in(script, trigger, data, Manner::Now).await
    }

    /// The same, with the guards that are wanted.
    ///
    /// # Errors
    /// Why it does not run.
    pub async fn trigger_in(&self, script: &str, trigger: &str, data: Value, manner: Manner) -> Result<Begun, Refusal> {
        let key = key(script, trigger);
        self.ask(|reply| Ask::Trigger { key, data, manner, reply }).await.unwrap_or(Err(Refusal::Stopping))
    }

    /// A request to the path of a webhook; `None` where no script listens there.
    pub async fn webhook(&self, path: &str, data: Value) -> Option<Hooked> {
        self.hooks.borrow().iter().any(|hook| hook.path == path).then_some(())?;
        let path = path.to_owned();
        let hooked = self.ask(|reply| Ask::Webhook { path, data, reply }).await;
        Some(hooked.unwrap_or(Hooked::Refused(Refusal::Stopping)))
    }

    /// The webhooks of the scripts that run, as they change.
    pub fn webhooks(&self) -> watch::Receiver<Vec<Hook>> {
        self.hooks.clone()
    }

    /// Switches a trigger off until somebody switches it on, also over restarts.
    ///
    /// # Errors
    /// Where there is no such trigger.
    pub async fn off(&self, script: &str, trigger: &str) -> Result<(), Refusal> {
        let key = key(script, trigger);
        self.ask(|reply| Ask::Off { key, reply }).await.unwrap_or(Err(Refusal::Stopping))
    }

    /// Switches a trigger on again, whoever switched it off. What was due meanwhile is not made up for.
    ///
    /// # Errors
    /// Where there is no such trigger, or its script says `enabled: false`.
    pub async fn on(&self, script: &str, trigger: &str) -> Result<(), Refusal> {
        let key = key(script, trigger);
        self.ask(|reply| Ask::On { key, reply }).await.unwrap_or(Err(Refusal::Stopping))
    }

    /// Ends a run, or takes it out of the queue. False where there is none of that id.
    pub async fn cancel(&self, run: &str) -> bool {
        let run = run.to_owned();
        self.ask(|reply| Ask::Cancel { run, reply }).await.unwrap_or(false)
    }

    async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.events.send(Event::Asked(ask(reply))).ok()?;
        answer.await.ok()
    }
}

fn key(script: &str, trigger: &str) -> Key {
    Key { script: script.into(), trigger: trigger.into() }
}
