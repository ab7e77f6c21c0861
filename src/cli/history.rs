//! `tidegate history`: what ran, what did not, and why.

use chrono_tz::Tz;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table};

use super::{Exit, Session};
use crate::clock::SystemClock;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::ledger::{Entry, Filter, Ledger, State};
use crate::units::format_duration;

/// How many rows a person is shown who does not say how many.
const SCREEN: usize = 20;

/// Shows what ran and what did not, newest first; the daemon need not run.
#[derive(clap::Args)]
#[command(after_help = "Example: `tidegate history --script quota-guard --state failed -n 5`")]
pub struct History {
    /// Only this script.
    #[arg(long)]
    script: Option<String>,
    /// Only this trigger.
    #[arg(long)]
    trigger: Option<String>,
    /// Only runs in this state.
    #[arg(long, value_parser = PossibleValuesParser::new(State::ALL.map(State::name))
        .map(|name| State::from_name(&name).expect("the parser lets only names of states through")))]
    state: Option<State>,
    /// At most so many, the newest; otherwise 20, with --json all.
    #[arg(short, value_name = "N")]
    n: Option<usize>,
    /// One JSON array on standard output.
    #[arg(long)]
    json: bool,
}

impl History {
    /// # Errors
    /// Those of the configuration and of the database.
    pub fn run(self, session: &Session) -> Result<Exit> {
        let config = session.configuration()?;
        let n = self.n.or((!self.json).then_some(SCREEN));
        let filter = Filter { script: self.script, trigger: self.trigger, state: self.state, n };
        let entries = read(&config.data, &filter)?;
        if self.json {
            session.json(&entries.as_deref().unwrap_or_default())?;
        }
        match &entries {
            None => session.say(&format!("no history yet: there is no database in `{}`", config.data.display())),
            _ if self.json => {}
            Some(entries) if entries.is_empty() => session.say("no run in the history matches"),
            Some(entries) => session.line(&table(entries, config.timezone, session.color))?,
        }
        Ok(Exit::Ok)
    }
}

/// `None` where the folder holds no database.
fn read(folder: &std::path::Path, filter: &Filter) -> Result<Option<Vec<Entry>>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::internal(format!("the runtime does not start: {error}")))?;
    runtime.block_on(async {
        let Some(database) = Database::existing(folder, SystemClock::new()).await? else { return Ok(None) };
        let entries = Ledger::new(&database).list(filter).await;
        database.close().await;
        entries.map(Some)
    })
}

fn table(entries: &[Entry], zone: Tz, color: bool) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if color {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    let header = ["when", "script", "trigger", "state", "took", "calls", "note"];
    table.set_header(header.map(|text| Cell::new(text).add_attribute(Attribute::Bold)));
    for entry in entries {
        let took = entry.started.zip(entry.ended).map(|(started, ended)| format_duration(ended - started));
        table.add_row([
            Cell::new(entry.scheduled.or(entry.started).map(|time| time.display(zone)).unwrap_or_default()),
            Cell::new(&entry.script),
            Cell::new(&entry.trigger),
            Cell::new(entry.state).fg(tint(entry.state)),
            Cell::new(took.unwrap_or_default()),
            Cell::new(entry.calls),
            Cell::new(note(entry)),
        ]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

fn tint(state: State) -> Color {
    match state {
        State::Ok => Color::Green,
        State::Due | State::Running => Color::Cyan,
        State::Failed | State::TimedOut => Color::Red,
        State::Skipped | State::Missed | State::Interrupted | State::Cancelled => Color::Yellow,
    }
}

/// What else is worth a word: the error and its place, a change outside, further attempts.
fn note(entry: &Entry) -> String {
    let mut notes = Vec::new();
    if entry.attempt > 1 {
        notes.push(format!("attempt {}", entry.attempt));
    }
    if entry.changed {
        notes.push("changed something".into());
    }
    if let Some(error) = &entry.error {
        let place = error.line.map(|line| format!("line {line}: ")).unwrap_or_default();
        let text = error.to_string();
        notes.push(format!("{place}{}", text.lines().next().unwrap_or_default()));
    }
    notes.join("; ")
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::*;
    use crate::error::Kind;
    use crate::time::{Duration, Time};

    fn entry(script: &str, state: State) -> Entry {
        let start = Time::from_seconds(1_780_000_000);
        Entry {
            id: "0".into(),
            script: script.into(),
            trigger: "每日".into(),
            version: "v".into(),
            scheduled: Some(start),
            started: Some(start + Duration::from_seconds(1)),
            ended: Some(start + Duration::from_seconds(91)),
            state,
            attempt: 1,
            error: None,
            calls: 3,
            changed: false,
        }
    }

    #[test]
    fn columns_stand_below_each_other_in_any_script() {
        let mut failed = entry("流量守卫", State::Failed);
        failed.error = Some(Error::new(Kind::Api, "no\nsecond line").at(None, Some(7), Some(1)));
        failed.attempt = 2;
        let text = table(&[failed, entry("guard", State::Ok)], Tz::Asia__Shanghai, false);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[1].contains("2026-05-29 04:26:40") && lines[1].contains("1m 30s"), "{text}");
        assert!(lines[1].ends_with("attempt 2; line 7: no"), "{text}");
        let column = |line: &str, word: &str| line[..line.find(word).unwrap()].width();
        assert_eq!(column(lines[1], "failed"), column(lines[2], "ok"), "{text}");
        assert_eq!(column(lines[0], "state"), column(lines[2], "ok"), "{text}");
        assert!(!text.contains('\u{1b}'));
        assert!(table(&[entry("guard", State::Ok)], Tz::UTC, true).contains('\u{1b}'));
    }

    #[test]
    fn a_folder_without_a_database_has_no_history_and_gets_none() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("data");
        assert!(read(&missing, &Filter::default()).unwrap().is_none());
        assert!(!missing.exists());
    }
}
