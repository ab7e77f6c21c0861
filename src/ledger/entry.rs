//! One row of the run history.

use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::error::{Error, Result};
use crate::time::Time;

/// Names one row; twelve letters and digits.
pub type RunId = String;

/// Where a row stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its time has come, it has not begun.
    Due,
    Running,
    Ok,
    Failed,
    TimedOut,
    /// The last run was still going.
    Skipped,
    /// Its time passed while nothing could run.
    Missed,
    /// The process ended before the run did.
    Interrupted,
    /// Stopped by a person, by `restart`, or by shutdown.
    Cancelled,
}

impl State {
    pub const ALL: [Self; 9] = [
        Self::Due,
        Self::Running,
        Self::Ok,
        Self::Failed,
        Self::TimedOut,
        Self::Skipped,
        Self::Missed,
        Self::Interrupted,
        Self::Cancelled,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Running => "running",
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Skipped => "skipped",
            Self::Missed => "missed",
            Self::Interrupted => "interrupted",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// One row, as `history` shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    pub id: RunId,
    pub script: String,
    pub trigger: String,
    pub version: String,
    /// `None` where nothing was due.
    pub scheduled: Option<Time>,
    /// When the first attempt began.
    pub started: Option<Time>,
    pub ended: Option<Time>,
    pub state: State,
    /// 0 before the first.
    pub attempt: u32,
    pub error: Option<Error>,
    pub calls: u64,
    /// Whether something was changed outside.
    pub changed: bool,
}

/// Which rows to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Those whose id begins so.
    pub id: Option<String>,
    pub script: Option<String>,
    pub trigger: Option<String>,
    pub state: Option<State>,
    /// At most so many, the newest.
    pub n: Option<usize>,
}

/// The columns of an [`Entry`] beside its state.
pub(super) const OTHERS: &str =
    "id, script, trigger_name, version, scheduled, happened, started, ended, attempt, error, calls, changed";

impl Entry {
    /// From a row with the columns [`OTHERS`] and `state`.
    pub(super) fn read(row: &SqliteRow) -> Result<Self> {
        let id: String = row.get("id");
        let time = |column: &str| row.get::<Option<i64>, _>(column).map(Time::from_millis);
        let state: &str = row.get("state");
        let state = State::from_name(state).ok_or_else(|| {
            Error::internal(format!("the run `{id}` is in a state `{state}` that this version lacks"))
        })?;
        let error = row.get::<Option<&str>, _>("error").map(|text| parse(&id, text)).transpose()?;
        Ok(Self {
            script: row.get("script"),
            trigger: row.get("trigger_name"),
            version: row.get("version"),
            scheduled: time("scheduled"),
            started: time("started"),
            ended: time("ended"),
            state,
            attempt: row.get::<i64, _>("attempt").try_into().unwrap_or(u32::MAX),
            error,
            calls: row.get::<i64, _>("calls").try_into().unwrap_or_default(),
            changed: row.get::<i64, _>("changed") != 0,
            id,
        })
    }
}

pub(super) fn parse<T: serde::de::DeserializeOwned>(id: &str, text: &str) -> Result<T> {
    serde_json::from_str(text)
        .map_err(|error| Error::internal(format!("what is stored of the run `{id}` is not JSON: {error}")))
}
