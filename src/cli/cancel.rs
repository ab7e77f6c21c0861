//! `tidegate cancel`: a run that is to end.

use serde::Deserialize;

use super::daemon::{self, Reach};
use super::{Exit, Session};
use crate::control::{Control, path};
use crate::error::{Error, Kind, Result};
use crate::http::Method;

/// Ends a run of the running daemon, or takes it out of the queue.
#[derive(clap::Args)]
#[command(after_help = "Example: tidegate cancel 3kz9\n         tidegate cancel quota-guard/quota-tokyo")]
pub struct Cancel {
    /// The id of a run or its beginning; or a script, or SCRIPT/TRIGGER, with one run.
    #[arg(value_name = "RUN")]
    run: String,
    #[command(flatten)]
    reach: Reach,
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
}

/// A run that is going, or waits.
#[derive(Deserialize)]
struct Going {
    id: String,
    script: String,
    trigger: String,
}

impl Cancel {
    /// # Errors
    /// `transport` where no daemon runs, `argument` where no such run is going.
    pub fn run(self, session: &Session) -> Result<Exit> {
        daemon::ask(session, &self.reach, async |control, _| {
            let Going { id, script, trigger } = find(control, &self.run).await?;
            let place = path(&["runs", &id, "cancel"]);
            let cancelled = control.send(Method::POST, &place, &[], serde_json::Value::Null).await?;
            if self.json {
                session.json(&cancelled)?;
            } else {
                session.tell(&format!("the run {id} of {script}/{trigger} is cancelled"));
            }
            Ok(Exit::Ok)
        })
    }
}

async fn find(control: &Control, meant: &str) -> Result<Going> {
    let mut going = Vec::new();
    for state in ["running", "due"] {
        let rows = control.get("/runs", &[("state", state.into()), ("n", "1000".into())]).await?;
        going.extend(daemon::read::<Vec<Going>>(rows)?);
    }
    let is_meant = |run: &Going| {
        !meant.is_empty()
            && (run.id.starts_with(meant) || run.script == meant || format!("{}/{}", run.script, run.trigger) == meant)
    };
    let all: Vec<_> = going.iter().map(|run| format!("{} of {}/{}", run.id, run.script, run.trigger)).collect();
    let mut found: Vec<_> = going.into_iter().filter(is_meant).collect();
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => Err(Error::new(Kind::Argument, format!("several runs are meant by `{meant}`"))
            .hint(format!("write more of its id: {}", all.join(", ")))),
        (None, _) => Err(Error::new(Kind::Argument, format!("no run is going that is or belongs to `{meant}`")).hint(
            if all.is_empty() { "nothing is going".into() } else { format!("what is going: {}", all.join(", ")) },
        )),
    }
}
