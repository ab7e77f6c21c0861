//! `tidegate downloaders`: each torrent client, what it moves, and who keeps it from moving more.

use std::sync::Arc;

use comfy_table::{Cell, Color};
use futures::future::{join, join_all};
use serde::Serialize;

use super::table::headed;
use super::{Exit, Session, adhoc};
use crate::downloader::{Limits, Rates};
use crate::error::{Error, Result};
use crate::fleet::Member;
use crate::holds::Hold;
use crate::host::Host;
use crate::recorder::Talk;
use crate::time::Duration;
use crate::units::format_speed;

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_seconds(20);

/// Shows each torrent client: whether it answers, its speed, the limit in force, and who holds it and why.
#[derive(clap::Args)]
#[command(after_help = "Example: `tidegate downloaders`\n\nTo give back what is held: `tidegate release`")]
pub struct Downloaders {
    /// One JSON array on standard output.
    #[arg(long)]
    json: bool,
}

/// One client.
#[derive(Serialize)]
struct Row {
    name: String,
    pbh: Option<String>,
    vps: Option<String>,
    kind: String,
    url: String,
    version: Option<String>,
    up_speed: Option<i64>,
    down_speed: Option<i64>,
    /// Null is unlimited, or not known.
    up_limit: Option<i64>,
    down_limit: Option<i64>,
    holds: Vec<Hold>,
    /// Why it cannot be asked.
    error: Option<Error>,
}

/// What the command found.
struct Report {
    rows: Vec<Row>,
    /// The PBHs that do not tell their clients.
    failed: Vec<(String, Error)>,
    /// On clients that are not among the rows.
    orphans: Vec<Hold>,
}

impl Downloaders {
    /// # Errors
    /// Those of the configuration and the data folder.
    pub fn run(self, session: &Session) -> Result<Exit> {
        let config = session.configuration()?;
        let report = session.runtime()?.block_on(async {
            let host = adhoc::host(session, config).await?;
            look(&host).await
        })?;
        for (pbh, error) in &report.failed {
            session.say(&format!("`{pbh}` does not tell its clients: {error}"));
        }
        for hold in &report.orphans {
            let (name, reason) = (&hold.downloader, &hold.reason);
            session.say(&format!("the {} `{reason}` is on `{name}`, which nobody knows at present", hold.kind));
        }
        if self.json {
            session.json(&report.rows)?;
        } else if report.rows.is_empty() {
            session.say("no torrent client is known: add one to PBH, or write `[downloader.NAME]` into tidegate.toml");
        } else {
            session.line(&table(&report.rows, session.color))?;
            for row in &report.rows {
                if let Some(error) = &row.error {
                    let hint = error.hint.as_ref().map(|hint| format!("\n    {hint}")).unwrap_or_default();
                    session.say(&format!("{}: {error}{hint}", row.name));
                }
            }
        }
        let bad = !report.failed.is_empty() || report.rows.iter().any(|row| row.error.is_some());
        Ok(if bad { Exit::Bad } else { Exit::Ok })
    }
}

async fn look(host: &Arc<Host>) -> Result<Report> {
    let talk = Talk::silent(Arc::clone(&host.clock), host.clock.now() + PATIENCE);
    let (members, failed) = host.fleet.every_downloader(&talk).await;
    let mut holds = host.holds.holds(None).await?;
    let mut rows = join_all(members.iter().map(|member| ask(host, member, &talk))).await;
    for row in &mut rows {
        (row.holds, holds) = holds.into_iter().partition(|hold| hold.downloader == row.name);
    }
    Ok(Report { rows, failed, orphans: holds })
}

async fn ask(host: &Host, member: &Member, talk: &Talk) -> Row {
    let client = &member.client;
    // The version first: one login for all of them.
    let asked = async {
        let version = client.version(talk).await?;
        let (speed, limits) = join(client.speed(talk), client.limits(talk)).await;
        Ok::<_, Error>((version, speed?, limits?))
    };
    let (found, error) = match asked.await {
        Ok((version, speed, limits)) => (Some((version, speed, limits)), None),
        Err(error) => (None, Some(error)),
    };
    let (version, speed, limits): (Option<String>, Option<Rates>, Option<Limits>) = match found {
        Some((version, speed, limits)) => (Some(version), Some(speed), Some(limits)),
        None => (None, None, None),
    };
    Row {
        name: member.name().into(),
        pbh: member.pbh.clone(),
        vps: host.fleet.vps_of(member).map(Into::into),
        kind: client.kind().into(),
        url: member.link.url.clone(),
        version,
        up_speed: speed.map(|speed| speed.up),
        down_speed: speed.map(|speed| speed.down),
        up_limit: limits.and_then(|limits| limits.up),
        down_limit: limits.and_then(|limits| limits.down),
        holds: Vec::new(),
        error,
    }
}

fn table(rows: &[Row], color: bool) -> String {
    let mut table = headed(["client", "answers", "up", "down", "limit up", "limit down", "held by"], color);
    for row in rows {
        let speed = |speed: Option<i64>| speed.map(format_speed).unwrap_or_default();
        let limit = |limit: Option<i64>| match (&row.error, limit) {
            (Some(_), _) => String::new(),
            (None, None) => "unlimited".into(),
            (None, Some(limit)) => format_speed(limit),
        };
        let answers = match &row.version {
            Some(version) => Cell::new(format!("{} {version}", row.kind)),
            None => Cell::new("NO").fg(Color::Red),
        };
        let holds: Vec<String> = row.holds.iter().map(held).collect();
        table.add_row([
            Cell::new(&row.name),
            answers,
            Cell::new(speed(row.up_speed)),
            Cell::new(speed(row.down_speed)),
            Cell::new(limit(row.up_limit)),
            Cell::new(limit(row.down_limit)),
            Cell::new(holds.join("; ")),
        ]);
    }
    table.to_string()
}

/// `stop (quota), 12 torrents`.
fn held(hold: &Hold) -> String {
    let what: Vec<String> = if hold.kind == "stop" {
        vec![crate::text::count(hold.torrents, "torrent")]
    } else {
        let limits = [("up", hold.up), ("down", hold.down)];
        limits.into_iter().filter_map(|(way, limit)| Some(format!("{way} {}", format_speed(limit?)))).collect()
    };
    let until =
        hold.expires.map(|expires| format!(" until {}", expires.display(chrono_tz::Tz::UTC))).unwrap_or_default();
    format!("{} ({}), {}{until}", hold.kind, hold.reason, what.join(" "))
}
