//! `tidegate downloaders`: each torrent client, what it moves, and who keeps it from moving more.

use chrono_tz::Tz;
use comfy_table::{Cell, Color};

use super::progress::Progress;
use super::table::headed;
use super::{Exit, Session, adhoc};
use crate::error::{Error, Result};
use crate::holds::Hold;
use crate::language::Language;
use crate::roster::{self, Client};
use crate::script::{Reader, said};
use crate::text::count;
use crate::units::format_speed;

/// Shows each torrent client: whether it answers, its speed, the limit in force, and who holds it and why.
#[derive(clap::Args)]
#[command(after_help = "Example: `tidegate downloaders`\n\nTo give back what is held: `tidegate release`")]
pub struct Downloaders {
    /// One JSON array on standard output.
    #[arg(long)]
    json: bool,
}

impl Downloaders {
    /// # Errors
    /// Those of the configuration and the data folder.
    pub fn run(self, session: &Session) -> Result<Exit> {
        let config = session.configuration()?;
        let zone = config.timezone;
        let report = session.runtime()?.block_on(async {
            let _shown = Progress::waiting(session, session.words("asking the torrent clients"));
            let host = adhoc::host(session, config).await?;
            roster::look(&host).await
        })?;
        for (pbh, error) in &report.failed {
            session.tell(&format!("`{pbh}` does not tell its clients: {error}"));
        }
        for hold in &report.orphans {
            let (name, reason) = (&hold.downloader, &hold.reason);
            session.tell(&format!("the {} `{reason}` is on `{name}`, which nobody knows at present", hold.kind));
        }
        if self.json {
            session.json(&report.clients)?;
        } else if report.clients.is_empty() {
            session.tell("no torrent client is known: add one to PBH, or write `[downloader.NAME]` into tidegate.toml");
        } else {
            session.line(&table(&report.clients, session.reader(), zone))?;
            for row in &report.clients {
                if let Some(error) = &row.error {
                    session.say(&format!("{}: {}", row.name, told(error, session.language.get())));
                }
            }
        }
        let bad = !report.failed.is_empty() || report.clients.iter().any(|row| row.error.is_some());
        Ok(if bad { Exit::Bad } else { Exit::Ok })
    }
}

/// An error in a line, and below it what to do.
pub(super) fn told(error: &Error, language: Language) -> String {
    let hint = error.hint.as_ref().map(|hint| format!("\n    {}", language.say(hint))).unwrap_or_default();
    format!("{}{hint}", said(error, language))
}

fn table(rows: &[Client], reader: Reader, zone: Tz) -> String {
    let language = reader.language;
    let mut table = headed(["client", "answers", "up", "down", "limit up", "limit down", "held by"], reader);
    for row in rows {
        let speed = |speed: Option<i64>| speed.map(format_speed).unwrap_or_default();
        let limit = |limit: Option<i64>| match (&row.error, limit) {
            (Some(_), _) => String::new(),
            (None, None) => language.word("unlimited").into(),
            (None, Some(limit)) => format_speed(limit),
        };
        let answers = match &row.version {
            Some(version) => Cell::new(format!("{} {version}", row.kind)),
            None => Cell::new(language.word("NO")).fg(Color::Red),
        };
        let holds: Vec<String> = row.holds.iter().map(|hold| held(hold, language, zone)).collect();
        table.add_row([
            Cell::new(&row.name),
            answers,
            Cell::new(speed(row.up_speed)),
            Cell::new(speed(row.down_speed)),
            Cell::new(limit(row.up_limit)),
            Cell::new(limit(row.down_limit)),
            Cell::new(holds.join(language.pick("; ", "；"))),
        ]);
    }
    table.to_string()
}

/// `stop (quota), 12 torrents`.
fn held(hold: &Hold, language: Language, zone: Tz) -> String {
    let what: Vec<String> = if hold.kind == "stop" {
        vec![language.say(&count(hold.torrents, "torrent")).into_owned()]
    } else {
        let limits = [("up", hold.up), ("down", hold.down)].into_iter();
        limits.filter_map(|(way, limit)| Some(format!("{} {}", language.word(way), format_speed(limit?)))).collect()
    };
    let until = hold.expires.map(|expires| match language {
        Language::English => format!(" until {}", expires.display(zone)),
        Language::Chinese => format!("，到 {} 为止", expires.display(zone)),
    });
    let comma = language.pick(", ", "，");
    let (kind, what) = (language.word(hold.kind), what.join(" "));
    format!("{kind} ({}){comma}{what}{}", hold.reason, until.unwrap_or_default())
}
