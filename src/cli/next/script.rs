//! `tidegate next --script`: the due times of all triggers of a script, merged.

use std::fmt::Write as _;
use std::sync::Arc;

use chrono_tz::Tz;
use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use super::{Next, both, precision};
use crate::cli::{Exit, Session, check, exec};
use crate::error::{Error, Kind, Result};
use crate::language::Language;
use crate::schedule::{self, Kind as TriggerKind, TriggerSpec};
use crate::script;
use crate::time::{Duration, Time};
use crate::units::format_duration;

/// How many times are shown where nobody says how many.
const SHOWN: u16 = 20;

/// One due time.
struct Upcoming<'a> {
    at: Time,
    spec: &'a TriggerSpec,
    /// Why nothing will run then.
    skipped: Option<String>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Report {
    script: String,
    path: String,
    timezone: &'static str,
    next: Vec<Row>,
    /// What does not go by time, or is off.
    others: Vec<Other>,
}

#[derive(Serialize)]
struct Row {
    time: String,
    trigger: String,
    kind: &'static str,
    timezone: &'static str,
    skipped: Option<String>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Other {
    trigger: String,
    kind: &'static str,
    expression: Option<String>,
    off: bool,
}

impl Next {
    /// # Errors
    /// `argument` where there is no such script; those of the configuration.
    pub(super) fn of_script(&self, session: &Session, name: &str) -> Result<Exit> {
        let config = session.configuration()?;
        let zone = self.tz.as_deref().map_or(Ok(config.timezone), schedule::zone)?;
        let from = self.from(zone)?;
        let path = exec::find(name, &config)?;
        let source = check::read(&path)
            .map_err(|finding| Error::new(Kind::Argument, format!("`{}`: {}", path.display(), finding.message)))?;
        let runtime = session.runtime()?;
        let at = source.clone();
        let loaded = runtime.block_on(async {
            let host = check::host(session, config).await?;
            let load = tokio::task::spawn_blocking(move || script::load(&Arc::clone(&host), &at));
            load.await.map_err(|panic| Error::internal(format!("loading panicked: {panic}")))
        })?;
        runtime.shutdown_background();
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(findings) => {
                for finding in &findings {
                    session.say(&check::excerpt(finding, &source, session.reader()));
                }
                return Ok(Exit::Bad);
            }
        };
        let specs: Vec<_> = loaded.triggers.iter().map(|(spec, _)| spec).collect();
        let next = merged(&specs, from, self.count.unwrap_or(SHOWN).into());
        let others: Vec<_> = specs.iter().filter(|spec| !due(spec)).map(|spec| other(spec)).collect();
        if self.json {
            session.json(&Report {
                script: loaded.name.clone(),
                path: path.display().to_string(),
                timezone: zone.name(),
                next: next.iter().map(row).collect(),
                others,
            })?;
        } else {
            session.line(table(&next, &others, zone, session.language.get()).trim_end())?;
        }
        Ok(Exit::Ok)
    }
}

/// Whether it has due times.
fn due(spec: &TriggerSpec) -> bool {
    spec.enabled && spec.kind.has_times()
}

/// The first `count` due times after `from` of all triggers, in order; at the same time in the order of the script.
fn merged<'a>(specs: &[&'a TriggerSpec], from: Time, count: usize) -> Vec<Upcoming<'a>> {
    let specs: Vec<_> = specs.iter().copied().filter(|spec| due(spec)).collect();
    let mut nexts: Vec<_> = specs.iter().map(|spec| spec.next(from)).collect();
    let mut found = Vec::new();
    while found.len() < count {
        let earliest = nexts.iter().enumerate().filter_map(|(position, next)| Some(((*next)?, position))).min();
        let Some((at, position)) = earliest else { break };
        let spec = specs[position];
        nexts[position] = spec.next(at);
        found.push(Upcoming { at, spec, skipped: spec.outside(at), notes: Vec::new() });
    }
    let last = found.last().map_or(from, |upcoming| upcoming.at);
    for spec in specs {
        let mut own: Vec<_> = found.iter_mut().filter(|upcoming| std::ptr::eq(upcoming.spec, spec)).collect();
        if let Some(first) = own.first_mut()
            && spec.jitter > Duration::ZERO
        {
            first.notes.push(format!("each runs {} later", format_duration(spec.jitter)));
        }
        let crons = match &spec.kind {
            TriggerKind::Cron(cron) => std::slice::from_ref(cron),
            TriggerKind::Schedule(table) => &table.entries,
            _ => &[],
        };
        for (change, note) in crons.iter().flat_map(|cron| schedule::change_day_notes(cron, from, last)) {
            let days = [change.from.date(), change.to.date()];
            // Where nothing fires on that day, at the first time after it.
            let place = own.iter().position(|upcoming| days.contains(&upcoming.at.in_zone(spec.zone).date_naive()));
            let place = place.or_else(|| own.iter().position(|upcoming| upcoming.at >= change.at));
            if let Some(place) = place {
                own[place].notes.push(note);
            }
        }
    }
    found
}

fn row(upcoming: &Upcoming) -> Row {
    let Upcoming { at, spec, skipped, notes } = upcoming;
    Row {
        time: at.rfc3339(spec.zone),
        trigger: spec.name.clone(),
        kind: spec.kind.word(),
        timezone: spec.zone.name(),
        skipped: skipped.clone(),
        notes: notes.clone(),
    }
}

fn other(spec: &TriggerSpec) -> Other {
    Other { trigger: spec.name.clone(), kind: spec.kind.word(), expression: spec.kind.expression(), off: !spec.enabled }
}

fn table(next: &[Upcoming], others: &[Other], zone: Tz, language: Language) -> String {
    let clock = precision(&next.iter().map(|upcoming| upcoming.at).collect::<Vec<_>>());
    let kinds = next.iter().map(|upcoming| upcoming.spec.kind.word()).chain(others.iter().map(|other| other.kind));
    let width = kinds.map(str::len).max().unwrap_or(0);
    let mut text = String::new();
    for Upcoming { at, spec, skipped, notes } in next {
        let mut remarks = Vec::new();
        if spec.zone != zone {
            remarks.push(format!("{} {}", at.in_zone(spec.zone).format(clock), spec.zone.name()));
        }
        remarks.extend(skipped.iter().map(|why| language.say(&format!("skipped: {why}")).into_owned()));
        remarks.extend(notes.iter().map(|note| language.say(note).into_owned()));
        let name = if remarks.is_empty() { spec.name.clone() } else { padded(&spec.name, next) };
        let _ = write!(text, "  {}  {:width$}  {name}", both(*at, zone, clock, language), spec.kind.word());
        if !remarks.is_empty() {
            let _ = write!(text, "  {}", remarks.join(language.pick("; ", "；")));
        }
        text.push('\n');
    }
    if next.is_empty() {
        let _ = writeln!(text, "{}", language.say("no trigger of this script goes by time"));
    }
    if !others.is_empty() {
        let _ = writeln!(text, "\n{}", language.say("not by time, or off:"));
        for other in others {
            let what = other.expression.as_deref().map(|what| format!("  {what}")).unwrap_or_default();
            let off = if other.off { language.pick("  (off)", "  （已关）") } else { "" };
            let _ = writeln!(text, "  {:width$}  {}{what}{off}", other.kind, other.trigger);
        }
    }
    text
}

/// As wide as the widest name of a row.
fn padded(name: &str, rows: &[Upcoming]) -> String {
    let widest = rows.iter().map(|row| row.spec.name.width()).max().unwrap_or(0);
    format!("{name}{}", " ".repeat(widest.saturating_sub(name.width())))
}
