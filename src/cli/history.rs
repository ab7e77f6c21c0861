//! `tidegate history`: what ran, what did not, and why.

use std::collections::BTreeSet;
use std::path::Path;

use chrono_tz::Tz;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use comfy_table::{Cell, Color};
use serde_json::json;

use super::table::{drawn, headed};
use super::{Exit, Session};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::database::Database;
use crate::error::{Error, Kind, Result};
use crate::language::Language;
use crate::ledger::{Entry, Filter, Ledger, State, why};
use crate::script::{Reader, said};
use crate::text::suggestion;
use crate::trace::Record;
use crate::units::format_duration;

pub(super) mod timeline;

/// How many rows a person is shown who does not say how many.
const SCREEN: usize = 20;

/// Shows what ran and what did not, newest first; the daemon need not run.
#[derive(clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Example: tidegate history --script quota-guard --state failed -n 5"
)]
pub struct History {
    #[command(subcommand)]
    what: Option<What>,
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

#[derive(clap::Subcommand)]
enum What {
    Show(Show),
    Diff(Diff),
}

/// Shows one run, step by step, and why nothing happened where nothing did.
#[derive(clap::Args)]
#[command(after_help = "Example: tidegate history show quota-guard/quota-tokyo")]
struct Show {
    /// The id of a run or its beginning; or a script, or SCRIPT/TRIGGER, for its newest run.
    #[arg(value_name = "RUN")]
    run: String,
    /// One JSON document on standard output.
    #[arg(long)]
    json: bool,
}

/// Shows how two runs differ: their versions, ends and steps.
#[derive(clap::Args)]
#[command(after_help = "Example: tidegate history diff 3kz 9qw")]
struct Diff {
    /// The earlier run, as in `history show`.
    #[arg(value_name = "RUN")]
    before: String,
    /// The later one.
    #[arg(value_name = "OTHER")]
    after: String,
}

impl History {
    /// # Errors
    /// Those of the configuration and of the database; `argument` where there is no such run.
    pub fn run(self, session: &Session) -> Result<Exit> {
        let config = session.configuration()?;
        let (folder, zone) = (config.data.as_path(), config.timezone);
        match self.what {
            None => self.list(session, &config),
            Some(What::Show(Show { run, json })) => {
                let (entry, record) = with(folder, async |ledger| one(&ledger, &run).await)?;
                let why = why(&entry, record.as_ref());
                if json {
                    session.json(&json!({"run": entry, "why_nothing": why, "trace": record}))?;
                } else {
                    let drawn = timeline::draw(&entry, record.as_ref(), why.as_deref(), zone, session.reader());
                    session.line(drawn.trim_end())?;
                }
                Ok(Exit::Ok)
            }
            Some(What::Diff(Diff { before, after })) => {
                let (before, after) =
                    with(folder, async |ledger| Ok((one(&ledger, &before).await?, one(&ledger, &after).await?)))?;
                let (before, after) = ((&before.0, before.1.as_ref()), (&after.0, after.1.as_ref()));
                session.line(timeline::diff(before, after, session.reader()).trim_end())?;
                Ok(Exit::Ok)
            }
        }
    }

    fn list(self, session: &Session, config: &Config) -> Result<Exit> {
        let (folder, zone) = (config.data.as_path(), config.timezone);
        let n = self.n.or((!self.json).then_some(SCREEN));
        let filter = Filter { id: None, script: self.script, trigger: self.trigger, state: self.state, n };
        let entries = read(folder, &filter)?;
        if self.json {
            session.json(&entries.as_deref().unwrap_or_default())?;
        }
        match &entries {
            None => session.tell(&none_yet(folder)),
            _ if self.json => {}
            Some(entries) if entries.is_empty() => session.tell(&none(folder, &config.scripts, &filter)?),
            Some(entries) => session.line(&table(entries, zone, session.reader()))?,
        }
        Ok(Exit::Ok)
    }
}

/// Why no run matches, as far as that is known.
fn none(data: &Path, scripts: &Path, filter: &Filter) -> Result<String> {
    let nothing = "no run in the history matches";
    let Some(script) = &filter.script else { return Ok(nothing.into()) };
    let rows = read(data, &Filter::default())?.unwrap_or_default();
    let mut names: BTreeSet<String> = rows.into_iter().map(|entry| entry.script).collect();
    let files = crate::library::files(scripts);
    names.extend(files.iter().filter_map(|file| Some(file.file_stem()?.to_str()?.to_owned())));
    if names.contains(script) {
        return Ok(nothing.into());
    }
    let near = suggestion(script, names.iter().map(String::as_str));
    let near = near.map(|near| format!("; {near}")).unwrap_or_default();
    Ok(format!("{nothing}: there is no script `{script}`, and none of that name ever ran{near}"))
}

fn none_yet(folder: &Path) -> String {
    format!("no history yet: there is no database in `{}`", folder.display())
}

/// `None` where the folder holds no database.
fn read(folder: &Path, filter: &Filter) -> Result<Option<Vec<Entry>>> {
    opened(folder, async |ledger| ledger.list(filter).await)
}

/// As [`opened`], where there must be a database.
fn with<T>(folder: &Path, work: impl AsyncFnOnce(Ledger) -> Result<T>) -> Result<T> {
    opened(folder, work)?.ok_or_else(|| Error::new(Kind::Argument, none_yet(folder)))
}

fn opened<T>(folder: &Path, work: impl AsyncFnOnce(Ledger) -> Result<T>) -> Result<Option<T>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::internal(format!("the runtime does not start: {error}")))?;
    runtime.block_on(async {
        let Some(database) = Database::existing(folder, SystemClock::new()).await? else { return Ok(None) };
        let done = work(Ledger::new(&database)).await;
        database.close().await;
        done.map(Some)
    })
}

/// The run that was meant, and what is kept of what it did.
async fn one(ledger: &Ledger, meant: &str) -> Result<(Entry, Option<Record>)> {
    if meant.is_empty() {
        return Err(Error::new(Kind::Argument, "an empty text is no run"));
    }
    let mut found = ledger.list(&Filter { id: Some(meant.into()), n: Some(2), ..Filter::default() }).await?;
    if found.len() > 1 && found.iter().all(|entry| entry.id != meant) {
        return Err(Error::new(Kind::Argument, format!("several runs have an id that begins with `{meant}`"))
            .hint("write more of it"));
    }
    // The whole id, or the only one that begins so.
    let exact = found.iter().position(|entry| entry.id == meant).unwrap_or(0);
    let entry = match (!found.is_empty()).then(|| found.swap_remove(exact)) {
        Some(entry) => entry,
        None => newest(ledger, meant).await?,
    };
    let record = ledger.trace(&entry.id).await?;
    let record = record
        .map(serde_json::from_value)
        .transpose()
        .map_err(|error| Error::internal(format!("what is kept of the run `{}` cannot be read: {error}", entry.id)))?;
    Ok((entry, record))
}

/// The newest run of a script, or of one of its triggers.
async fn newest(ledger: &Ledger, meant: &str) -> Result<Entry> {
    let newest = async |script: &str, trigger: Option<&str>| {
        let trigger = trigger.map(Into::into);
        let filter = Filter { script: Some(script.into()), trigger, n: Some(1), ..Filter::default() };
        ledger.list(&filter).await.map(|mut rows| rows.pop())
    };
    if let Some(entry) = newest(meant, None).await? {
        return Ok(entry);
    }
    if let Some((script, trigger)) = meant.split_once('/')
        && let Some(entry) = newest(script, Some(trigger)).await?
    {
        return Ok(entry);
    }
    Err(Error::new(Kind::Argument, format!("no run is or belongs to `{meant}`"))
        .hint("`tidegate history --json` shows the ids; a trigger that is off, a script with `enabled = false` and one that does not load leave no runs: `tidegate check` says what loads"))
}

fn table(entries: &[Entry], zone: Tz, reader: Reader) -> String {
    let mut table = headed(["run", "when", "script", "trigger", "state", "took", "calls", "note"], reader);
    for entry in entries {
        let took = entry.started.zip(entry.ended).map(|(started, ended)| format_duration(ended - started));
        table.add_row([
            Cell::new(&entry.id),
            Cell::new(
                entry.scheduled.or(entry.started).or(entry.ended).map(|time| time.display(zone)).unwrap_or_default(),
            ),
            Cell::new(&entry.script),
            Cell::new(&entry.trigger),
            Cell::new(reader.language.word(entry.state.name())).fg(tint(entry.state)),
            Cell::new(took.unwrap_or_default()),
            Cell::new(entry.calls),
            Cell::new(note(entry, reader.language)),
        ]);
    }
    drawn(table, &[0, 1])
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
fn note(entry: &Entry, language: Language) -> String {
    let mut notes = Vec::new();
    if entry.attempt > 1 {
        notes.push(language.say(&format!("attempt {}", entry.attempt)).into_owned());
    }
    if entry.changed {
        notes.push(language.say("changed something").into_owned());
    }
    if let Some(error) = &entry.error {
        let place = error.line.map(|line| match language {
            Language::English => format!("line {line}: "),
            Language::Chinese => format!("第 {line} 行："),
        });
        let text = said(error, language);
        notes.push(format!("{}{}", place.unwrap_or_default(), text.lines().next().unwrap_or_default()));
    }
    notes.join(language.pick("; ", "；"))
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::*;
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
        let text = table(&[failed, entry("guard", State::Ok)], Tz::Asia__Shanghai, Reader::default());
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[1].contains("2026-05-29 04:26:40") && lines[1].contains("1m 30s"), "{text}");
        assert!(lines[1].ends_with("attempt 2; line 7: no"), "{text}");
        let column = |line: &str, word: &str| line[..line.find(word).unwrap()].width();
        assert_eq!(column(lines[1], "failed"), column(lines[2], "ok"), "{text}");
        assert_eq!(column(lines[0], "state"), column(lines[2], "ok"), "{text}");
        assert!(!text.contains('\u{1b}'));
        let color = Reader { color: true, ..Reader::default() };
        assert!(table(&[entry("guard", State::Ok)], Tz::UTC, color).contains('\u{1b}'));
    }

    #[test]
    fn a_folder_without_a_database_has_no_history_and_gets_none() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("data");
        assert!(read(&missing, &Filter::default()).unwrap().is_none());
        assert!(!missing.exists());
    }
}
