//! When a trigger is due. Everything here is a pure function of an expression, a zone and a time.

use chrono_tz::Tz;

use crate::error::Result;
use crate::time::{Duration, Time};

/// A crontab expression in a zone.
#[derive(Clone, Debug)]
pub struct Cron {
    /// As it was written.
    pub expression: String,
    pub zone: Tz,
    /// What misleads, in sentences.
    pub warnings: Vec<String>,
}

impl Cron {
    /// # Errors
    /// `syntax` with the column of the fault in `column`, also where the expression never fires.
    pub fn parse(_expression: &str, _zone: Tz, _now: Time) -> Result<Self> {
        unimplemented!()
    }

    /// The first due time after `after`, strictly.
    pub fn next(&self, _after: Time) -> Option<Time> {
        unimplemented!()
    }
}

/// What makes a trigger fire.
#[derive(Clone, Debug)]
pub enum Kind {
    Cron(Cron),
    /// Aligned to the epoch plus `phase`, so that saving a file does not restart it.
    Every {
        interval: Duration,
        phase: Duration,
    },
    /// A condition read every `interval`, with memory.
    When {
        interval: Duration,
        phase: Duration,
        rule: Rule,
    },
    /// Once, when the daemon is ready or the script is loaded for the first time since.
    Start,
}

/// The edge rule of a `when` trigger.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// The closure gives a bool.
    Bool,
    /// Inside at `value > above`, outside again at `value < rearm`.
    Above { above: f64, rearm: f64 },
    /// Inside at `value < below`, outside again at `value > rearm`.
    Below { below: f64, rearm: f64 },
}

impl Rule {
    /// Whether the condition holds now, given whether it held before; `None` before the first reading.
    pub fn inside(self, _before: Option<bool>, _value: f64) -> bool {
        unimplemented!()
    }
}

/// What to do when the last run is still going.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Overlap {
    #[default]
    Skip,
    Queue,
    Parallel,
    Restart,
}

/// What to do about due times that passed while nobody was there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MissedMode {
    Last,
    Skip,
    All,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Missed {
    pub mode: MissedMode,
    /// How long ago at most; `None` is half the interval, twelve hours at most.
    pub window: Option<Duration>,
    /// How many at most, for [`MissedMode::All`].
    pub limit: usize,
}

/// A trigger as registered, without its handler.
#[derive(Clone, Debug)]
pub struct TriggerSpec {
    pub name: String,
    pub kind: Kind,
    pub overlap: Overlap,
    pub missed: Missed,
    pub timeout: Option<Duration>,
    /// Attempts after the first, and the wait before the next one.
    pub retry: (u32, Duration),
    /// At most this much is added to a due time, by chance.
    pub jitter: Duration,
    pub enabled: bool,
    /// Where it was registered, counted from 1.
    pub line: usize,
    pub column: usize,
}

impl TriggerSpec {
    /// The first due time after `after`; `None` for what does not go by time.
    pub fn next(&self, _after: Time) -> Option<Time> {
        unimplemented!()
    }
}
