//! `tidegate release`: gives back what tidegate holds.

use std::sync::Arc;

use serde::Serialize;

use super::{Exit, Session, adhoc};
use crate::error::{Error, Kind, Result};
use crate::holds::Hold;
use crate::host::Host;
use crate::recorder::Talk;
use crate::text::{count, list};
use crate::time::Duration;
use crate::units::format_speed;

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_seconds(120);

/// Gives back what tidegate keeps stopped or slow: torrents run as before, limits are as they were.
///
/// Works beside the daemon, and without it.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  tidegate release\n  tidegate release tokyo-qb\n  tidegate release --reason quota")]
pub struct Release {
    /// Only on this torrent client.
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Only what is held for this reason; other reasons go on.
    #[arg(long)]
    reason: Option<String>,
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
}

/// What became of it.
#[derive(Default, Serialize)]
struct Report {
    released: Vec<Hold>,
    failed: Vec<Failure>,
}

#[derive(Serialize)]
struct Failure {
    downloader: String,
    error: Error,
}

impl Release {
    /// # Errors
    /// Those of the configuration and the data folder; `argument` where nothing is held by that name or reason.
    pub fn run(self, session: &Session) -> Result<Exit> {
        let config = session.configuration()?;
        let report = session.runtime()?.block_on(async {
            let host = adhoc::host(session, config).await?;
            self.release(&host).await
        })?;
        if self.json {
            session.json(&report)?;
        } else {
            for hold in &report.released {
                session.line(&said(hold))?;
            }
            if report.released.is_empty() && report.failed.is_empty() {
                session.say("nothing is held");
            }
        }
        for failure in &report.failed {
            let hint = failure.error.hint.as_ref().map(|hint| format!("\n    {hint}")).unwrap_or_default();
            session.say(&format!("{}: {}{hint}", failure.downloader, failure.error));
        }
        Ok(if report.failed.is_empty() { Exit::Ok } else { Exit::Bad })
    }

    async fn release(&self, host: &Arc<Host>) -> Result<Report> {
        let talk = Talk::silent(Arc::clone(&host.clock), host.clock.now() + PATIENCE);
        let mut held = host.holds.held().await?;
        let all = host.holds.holds(None).await?;
        if let Some(name) = &self.name {
            held.retain(|(_, known)| known == name);
            if held.is_empty() {
                return Err(nothing(
                    &format!("nothing is held on `{name}`"),
                    all.iter().map(|hold| hold.downloader.as_str()),
                ));
            }
        }
        if let Some(reason) = &self.reason
            && !all.iter().any(|hold| hold.reason == *reason)
        {
            return Err(nothing(
                &format!("nothing is held for `{reason}`"),
                all.iter().map(|hold| hold.reason.as_str()),
            ));
        }
        let mut report = Report::default();
        for (key, name) in held {
            let outcome = match host.fleet.by_key(&key, &talk).await {
                Ok(member) => host.holds.release(&member, self.reason.as_deref(), &talk).await,
                Err(error) => Err(error),
            };
            match outcome {
                Ok(holds) => report.released.extend(holds),
                Err(error) => report.failed.push(Failure { downloader: name, error }),
            }
        }
        Ok(report)
    }
}

fn nothing<'a>(what: &str, there: impl Iterator<Item = &'a str>) -> Error {
    let there: std::collections::BTreeSet<&str> = there.collect();
    let error = Error::new(Kind::Argument, what);
    if there.is_empty() {
        error.hint("nothing is held at all")
    } else {
        error.hint(format!("there is {}", list(there, "and")))
    }
}

fn said(hold: &Hold) -> String {
    let what = if hold.kind == "stop" {
        format!("{} run again", count(hold.torrents, "torrent"))
    } else {
        let limit = |limit: Option<i64>| limit.map_or_else(|| "unlimited".into(), format_speed);
        format!("no longer limited to {} up, {} down", limit(hold.up), limit(hold.down))
    };
    format!("{}: {} `{}` released: {what}", hold.downloader, hold.kind, hold.reason)
}
