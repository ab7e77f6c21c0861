//! How the daemon stands, as a value that anybody may keep.

use serde::{Serialize, Serializer};

use crate::config::Mode;
use crate::error::Error;
use crate::ledger::State;
use crate::library;
use crate::time::Time;

#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Of tidegate.
    pub version: &'static str,
    pub started: Time,
    /// When every script of the folder had been loaded.
    pub ready: Option<Time>,
    /// Whether it is about to end: what runs may end, and nothing begins.
    pub stopping: bool,
    pub running: usize,
    pub scripts: Vec<ScriptStatus>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ScriptStatus {
    pub name: String,
    pub state: library::State,
    /// `watch` where its runs are dry.
    pub mode: Mode,
    /// The version that runs.
    pub version: Option<String>,
    /// Why the file on disk does not load.
    pub error: Option<Error>,
    pub triggers: Vec<TriggerStatus>,
}

#[derive(Clone, Debug, Serialize)]
pub struct TriggerStatus {
    pub name: String,
    /// `cron`, `every`, `when`, `at`, `schedule`, `start`, `stop`, `failure`, `webhook`, `file` or `event`.
    pub kind: &'static str,
    /// What makes it fire, as it was written.
    pub expression: Option<String>,
    /// Where a webhook is reached.
    pub url: Option<String>,
    pub next: Option<Time>,
    pub last_state: Option<State>,
    pub last_ended: Option<Time>,
    /// Why it does not fire. To the outside that is `off`, which is true or false, and `off_reason`.
    #[serde(flatten, serialize_with = "off")]
    pub off: Option<String>,
    /// Due times and events since the start that did not run: because the last run was still going, or by
    /// `between`, `throttle` or `debounce`.
    pub skipped: u64,
    /// Due times since the start that passed while nothing could run.
    pub missed: u64,
}

#[expect(clippy::ref_option, reason = "serde hands out references")]
fn off<S: Serializer>(reason: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Off<'a> {
        off: bool,
        off_reason: Option<&'a str>,
    }
    Off { off: reason.is_some(), off_reason: reason.as_deref() }.serialize(serializer)
}
