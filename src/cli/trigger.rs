//! `tidegate trigger`: one trigger of the running daemon, now.

use serde::Deserialize;
use serde_json::{Value, json};

use super::daemon::{self, Reach};
use super::progress::Progress;
use super::signals::Signals;
use super::{Exit, Session, adhoc};
use crate::control::{Control, path};
use crate::error::{Error, Kind, Result};
use crate::http::Method;
use crate::ledger::State;
use crate::text::count;
use crate::trace::Record;

/// Seconds that the daemon is asked to wait at a time.
const AT_A_TIME: u64 = 60;

/// Runs a trigger in the running daemon now, says which guards hold, and shows how it ends.
///
/// The condition of a `when`, `overlap`, permissions and a dry run always hold; `off`, `between` and `throttle` only
/// with --guarded.
#[derive(clap::Args)]
#[command(
    after_help = "Example: tidegate trigger quota-guard quota-tokyo\n         tidegate trigger hooks/grab --data '{\"json\": {\"size\": 7}}'\n\nWithout a daemon, `tidegate exec` runs a trigger in the foreground."
)]
pub struct Trigger {
    /// The script; or SCRIPT/TRIGGER.
    #[arg(value_name = "SCRIPT")]
    script: String,
    /// The trigger; not needed where the script has one only.
    #[arg(value_name = "TRIGGER")]
    trigger: Option<String>,
    /// What its handler is told: JSON, else a text.
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    data: Option<String>,
    /// Heed `off`, `between` and `throttle` too, as if it were due.
    #[arg(long)]
    guarded: bool,
    /// Do not wait for its end.
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    reach: Reach,
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
}

/// A guard, as it is shown.
#[derive(Deserialize)]
struct Guard {
    name: String,
    applied: bool,
    said: String,
}

/// How a run ended.
#[derive(Deserialize)]
struct Run {
    state: State,
    error: Option<Error>,
    calls: u64,
    changed: bool,
}

impl Trigger {
    /// # Errors
    /// `transport` where no daemon runs, `argument` for a trigger that is not there, `cancelled` where a guard keeps it
    /// from running.
    pub fn run(self, session: &Session) -> Result<Exit> {
        daemon::ask(session, &self.reach, async |control, _| self.perform(session, control).await)
    }

    async fn perform(&self, session: &Session, control: &Control) -> Result<Exit> {
        let mut signals = Signals::new()?;
        let (script, trigger) = daemon::resolve(control, &self.script, self.trigger.as_deref()).await?;
        let data = self.data.as_deref().map(|text| serde_json::from_str(text).unwrap_or(Value::String(text.into())));
        let body = json!({"data": data, "guarded": self.guarded});
        let place = path(&["scripts", &script, "triggers", &trigger, "run"]);
        let begun = control.send(Method::POST, &place, &[], body).await?;
        let id = daemon::text(&begun["run"], "id").to_owned();
        if !self.json {
            session.tell(&format!("{script}/{trigger} runs as {id}"));
            for guard in daemon::read::<Vec<Guard>>(begun["guards"].clone())? {
                let language = session.language.get();
                let over = if guard.applied { "" } else { language.pick(" (passed over)", "（略过）") };
                let colon = language.pick(": ", "：");
                session.say(&format!("  {}{over}{colon}{}", guard.name, language.say(&guard.said)));
            }
        }
        if self.no_wait {
            if self.json {
                session.json(&begun)?;
            }
            return Ok(Exit::Ok);
        }
        let ended = {
            let _shown = Progress::waiting(session, format!("{script}/{trigger}"));
            tokio::select! {
                ended = end(control, &id) => ended?,
                exit = signals.next() => {
                    session.tell(&format!("the run goes on; `tidegate cancel {id}` ends it"));
                    return Ok(exit);
                }
            }
        };
        self.tell(session, begun, ended)
    }

    fn tell(&self, session: &Session, begun: Value, mut ended: Value) -> Result<Exit> {
        let run: Run = daemon::read(ended["run"].clone())?;
        let exit = if run.state == State::Ok { Exit::Ok } else { Exit::Bad };
        if self.json {
            ended["guards"] = begun["guards"].clone();
            session.json(&ended)?;
            return Ok(exit);
        }
        let record: Option<Record> = daemon::read(ended["trace"].take())?;
        if let Some(record) = record {
            for line in &record.output {
                session.line(line)?;
            }
            adhoc::tell_would(session, &record.would);
        }
        let language = session.language.get();
        let mut told = vec![language.say(&count(usize::try_from(run.calls).unwrap_or(0), "call")).into_owned()];
        told.extend(run.changed.then(|| language.say("changed something").into_owned()));
        let (colon, comma) = (language.pick(": ", "："), language.pick(", ", "，"));
        session.say(&format!("{}{colon}{}", language.word(run.state.name()), told.join(comma)));
        if let Some(why) = ended["why_nothing"].as_str().filter(|_| run.error.is_none()) {
            session.tell(why);
        }
        if let Some(error) = &run.error {
            session.explain(error, None);
        }
        Ok(exit)
    }
}

/// Waits for the end of a run.
async fn end(control: &Control, id: &str) -> Result<Value> {
    loop {
        let run = control.wait(&path(&["runs", id]), &[("wait", AT_A_TIME.to_string())]).await;
        let run = run.map_err(|error| {
            if error.kind == Kind::Transport { error.hint("the daemon ended while the run was going") } else { error }
        })?;
        let state: State = daemon::read(run["run"]["state"].clone())?;
        if !matches!(state, State::Due | State::Running) {
            return Ok(run);
        }
    }
}
