//! `tidegate status`: how the running daemon stands.

use chrono_tz::Tz;
use comfy_table::{Cell, Color};
use serde::Deserialize;
use serde_json::json;

use super::daemon::{self, Reach};
use super::table::{drawn, headed};
use super::{Exit, Session};
use crate::error::{Error, Result};
use crate::ledger::State;
use crate::script::Reader;
use crate::text::count;
use crate::time::Time;

/// Shows what the running daemon does: its scripts and their errors, next times, and what is held.
#[derive(clap::Args)]
#[command(
    after_help = "Example: tidegate status\n         tidegate status --json | jq '.scripts[] | select(.state != \"loaded\")'"
)]
pub struct Status {
    #[command(flatten)]
    reach: Reach,
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
}

/// As far as it is shown.
#[derive(Deserialize)]
struct Seen {
    version: String,
    started: Time,
    ready: Option<Time>,
    /// An older daemon does not say.
    #[serde(default)]
    stopping: bool,
    running: usize,
    scripts: Vec<Script>,
    holds: Vec<Hold>,
}

#[derive(Deserialize)]
struct Script {
    name: String,
    state: String,
    mode: String,
    error: Option<Error>,
    triggers: Vec<Trigger>,
}

#[derive(Deserialize)]
struct Trigger {
    name: String,
    kind: String,
    expression: Option<String>,
    url: Option<String>,
    next: Option<Time>,
    last_state: Option<State>,
    last_ended: Option<Time>,
    off_reason: Option<String>,
}

#[derive(Deserialize)]
struct Hold {
    downloader: String,
    reason: String,
    kind: String,
    since: Time,
    expires: Option<Time>,
}

impl Status {
    /// # Errors
    /// `transport` where no daemon runs; with `--json` that is in the document too.
    pub fn run(self, session: &Session) -> Result<Exit> {
        let shown = daemon::ask(session, &self.reach, async |control, config| {
            let status = control.get("/status", &[]).await?;
            if self.json {
                session.json(&status)?;
            } else {
                draw(session, &daemon::read(status)?, config.timezone)?;
            }
            Ok(Exit::Ok)
        });
        if let Err(error) = &shown
            && self.json
            && !session.written.get()
        {
            let nothing: [(); 0] = [];
            session.json(&json!({
                "version": env!("CARGO_PKG_VERSION"),
                "started": null,
                "ready": null,
                "scripts": nothing,
                "error": error,
            }))?;
        }
        shown
    }
}

fn draw(session: &Session, seen: &Seen, zone: Tz) -> Result<()> {
    let triggers = seen.scripts.iter().map(|script| script.triggers.len()).sum();
    let ready = match seen.ready {
        _ if seen.stopping => "stopping, running",
        Some(_) => "running",
        None => "loading its scripts",
    };
    session.print(&format!(
        "tidegate {}, {ready} since {}: {}, {}, {} going",
        seen.version,
        seen.started.display(zone),
        count(seen.scripts.len(), "script"),
        count(triggers, "trigger"),
        count(seen.running, "run"),
    ))?;
    if !seen.scripts.is_empty() {
        session.line("")?;
        session.line(&scripts(&seen.scripts, zone, session.reader()))?;
    }
    for script in &seen.scripts {
        if let Some(error) = &script.error {
            let runs = if script.state == "stale" { "; the last good version runs" } else { "" };
            session.line("")?;
            session.print(&format!("{} does not load{runs}", script.name))?;
            session.line(crate::script::explain(error, &script.name, None, session.reader()).trim_end())?;
        }
        for trigger in &script.triggers {
            if let Some(why) = &trigger.off_reason {
                session.line("")?;
                session.print(&format!("{}/{} is off: {why}", script.name, trigger.name))?;
            }
        }
    }
    if !seen.holds.is_empty() {
        session.line("")?;
        session.print("held, until `tidegate release` or its time")?;
        for hold in &seen.holds {
            let until = hold.expires.map(|time| format!(" until {}", time.display(zone))).unwrap_or_default();
            let Hold { downloader, reason, kind, since, .. } = hold;
            let held = format!("{downloader}: {kind} for `{reason}` since {}{until}", since.display(zone));
            session.line(&format!("  {}", session.words(&held)))?;
        }
    }
    Ok(())
}

fn scripts(scripts: &[Script], zone: Tz, reader: Reader) -> String {
    let language = reader.language;
    let mut table = headed(["script", "state", "trigger", "fires", "next", "last"], reader);
    for script in scripts {
        let state = if script.mode == "watch" && script.state != "disabled" {
            format!("{}{}{}", language.word(&script.state), language.pick(", ", "，"), language.say("dry run"))
        } else {
            language.word(&script.state).to_owned()
        };
        let tint = match script.state.as_str() {
            "loaded" => Color::Green,
            "disabled" => Color::Reset,
            _ => Color::Red,
        };
        let mut first = [Cell::new(&script.name), Cell::new(state).fg(tint)];
        if script.triggers.is_empty() {
            table.add_row(first.clone());
        }
        for trigger in &script.triggers {
            let told = trigger.url.as_deref().or(trigger.expression.as_deref()).unwrap_or_default();
            let next = match (&trigger.off_reason, trigger.next) {
                (Some(_), _) => language.word("off").into(),
                (None, next) => next.map(|time| time.display(zone)).unwrap_or_default(),
            };
            let last = trigger.last_state.map(|state| {
                let ended = trigger.last_ended.map(|time| format!(" {}", time.display(zone))).unwrap_or_default();
                format!("{}{ended}", language.word(state.name()))
            });
            let last = Cell::new(last.unwrap_or_default());
            let last = match trigger.last_state {
                Some(State::Failed | State::TimedOut) => last.fg(Color::Red),
                _ => last,
            };
            // `every 5m` says by itself what it is.
            let kind = if told.starts_with(&trigger.kind) { "" } else { trigger.kind.as_str() };
            let fires = format!("{kind} {told}");
            let rest = [Cell::new(&trigger.name), Cell::new(fires.trim()), Cell::new(next), last];
            table.add_row(first.into_iter().chain(rest));
            // The name of a script once, above its triggers.
            first = [Cell::new(""), Cell::new("")];
        }
    }
    drawn(table, &[4, 5])
}
