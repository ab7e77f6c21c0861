//! What `simulate` shows in the end.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono_tz::Tz;
use comfy_table::{CellAlignment, Table, presets};
use nu_ansi_term::Style;
use serde::Serialize;
use serde_json::Value;

use super::observer::{Calls, Message, Observer, Step};
use crate::daemon::Status;
use crate::language::Language;
use crate::ledger::{Entry, State};
use crate::script::Reader;
use crate::sim::Snapshot;
use crate::store::{self, SHARED, script_of};
use crate::text::{clip, count};
use crate::time::{Duration, Time};
use crate::units::{format_bytes, format_speed};

/// Lines of the timeline, of the messages and of the state that a person is shown.
const LINES: usize = 60;
/// Cells of a full bar.
const BAR: f64 = 30.0;

/// The JSON document.
#[derive(Serialize)]
pub(super) struct Report {
    /// Whether no run failed.
    pub ok: bool,
    from: Time,
    to: Time,
    seed: u64,
    /// Of real time, in seconds.
    took: Duration,
    triggers: Vec<Trigger>,
    /// The run history, oldest first, in the form of `tidegate history --json`.
    runs: Vec<Entry>,
    calls: Vec<Calls>,
    messages: Vec<Message>,
    /// What was changed and what went wrong, in order.
    timeline: Vec<Step>,
    /// The world at its start, as time went on, and in the end.
    usage: Vec<Snapshot>,
    /// What scripts remember in the end.
    state: Vec<Kept>,
    /// Messages and steps that were too many to keep.
    omitted: usize,
}

/// How often a trigger fired, and what became of it.
#[derive(Serialize)]
struct Trigger {
    script: String,
    trigger: String,
    kind: &'static str,
    fired: usize,
    states: BTreeMap<&'static str, usize>,
    first: Option<Time>,
    last: Option<Time>,
}

/// One value of a script's state.
#[derive(Serialize)]
pub(super) struct Kept {
    /// `None` for what scripts share.
    script: Option<String>,
    key: String,
    value: Value,
}

impl Kept {
    /// What is a script's, or shared by them.
    pub fn of_script(kept: store::Kept) -> Option<Self> {
        let script = script_of(&kept.scope).map(ToOwned::to_owned);
        let own = script.is_some() || kept.scope == SHARED;
        own.then(|| Self { script, key: kept.key, value: store::plain(&kept.value) })
    }
}

impl Report {
    #[expect(clippy::too_many_arguments, reason = "everything there is to tell")]
    pub fn new(
        (from, to): (Time, Time),
        seed: u64,
        took: Duration,
        status: Option<Status>,
        runs: Vec<Entry>,
        observer: &Observer,
        usage: Vec<Snapshot>,
        state: Vec<Kept>,
    ) -> Self {
        let seen = observer.seen();
        let ok = !runs.iter().any(|run| matches!(run.state, State::Failed | State::TimedOut));
        Self {
            ok,
            from,
            to,
            seed,
            took,
            triggers: triggers(status, &runs),
            calls: seen.calls(),
            messages: seen.messages,
            timeline: seen.timeline,
            omitted: seen.omitted,
            runs,
            usage,
            state,
        }
    }
}

/// Every trigger, those that never fired too, in the order of the scripts.
fn triggers(status: Option<Status>, runs: &[Entry]) -> Vec<Trigger> {
    let scripts = status.map(|status| status.scripts).unwrap_or_default();
    let all = scripts.into_iter().flat_map(|script| {
        let name = script.name;
        script.triggers.into_iter().map(move |trigger| (name.clone(), trigger))
    });
    let mut rows: BTreeMap<(String, String), Vec<&Entry>> = BTreeMap::new();
    for run in runs {
        rows.entry((run.script.clone(), run.trigger.clone())).or_default().push(run);
    }
    let trigger = |(script, trigger): (String, crate::daemon::TriggerStatus)| {
        let own = rows.remove(&(script.clone(), trigger.name.clone())).unwrap_or_default();
        let mut states = BTreeMap::new();
        for run in &own {
            *states.entry(run.state.name()).or_default() += 1;
        }
        let at = |run: &&&Entry| run.scheduled.or(run.started);
        Trigger {
            kind: trigger.kind,
            fired: own.len(),
            states,
            first: own.first().as_ref().and_then(at),
            last: own.last().as_ref().and_then(at),
            trigger: trigger.name,
            script,
        }
    };
    all.map(trigger).collect()
}

/// For people.
pub(super) fn draw(report: &Report, zone: Tz, reader: Reader) -> String {
    let mut page = Page { text: String::new(), zone, reader };
    let Report { from, to, took, runs, .. } = report;
    let (from, to) = (from.display(zone), to.display(zone));
    page.say("", &format!("{from} to {to}: {} in {:.1} s", count(runs.len(), "run"), took.seconds()));
    page.triggers(&report.triggers);
    page.calls(&report.calls);
    page.usage(&report.usage);
    page.timeline(&report.timeline);
    page.ending(report);
    page.text
}

struct Page {
    text: String,
    zone: Tz,
    reader: Reader,
}

impl Page {
    /// A sentence of ours, on a line.
    fn say(&mut self, before: &str, english: &str) {
        let _ = writeln!(self.text, "{before}{}", self.reader.language.say(english));
    }

    fn head(&mut self, title: &str) {
        let title = self.reader.language.say(title);
        let title = if self.reader.color { Style::new().bold().paint(title).to_string() } else { title.into_owned() };
        let _ = write!(self.text, "\n{title}\n");
    }

    fn time(&self, time: Time) -> String {
        time.display(self.zone)
    }

    /// Columns below each other; those in `numbers` to the right.
    fn table(&mut self, header: &[&str], numbers: &[usize], rows: Vec<Vec<String>>) {
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_header(header.iter().map(|word| self.reader.language.word(word)))
            .force_no_tty();
        table.add_rows(rows);
        for number in numbers {
            if let Some(column) = table.column_mut(*number) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        for line in table.to_string().lines() {
            let _ = writeln!(self.text, " {}", line.trim_end());
        }
    }

    fn triggers(&mut self, triggers: &[Trigger]) {
        self.head("what fired");
        let language = self.reader.language;
        let rows = triggers.iter().map(|trigger| {
            let states = trigger.states.iter().map(|(state, n)| format!("{n} {}", language.word(state)));
            let states: Vec<_> = states.collect();
            let at = |time: Option<Time>| time.map(|time| self.time(time)).unwrap_or_default();
            vec![
                trigger.script.clone(),
                trigger.trigger.clone(),
                trigger.kind.to_owned(),
                trigger.fired.to_string(),
                states.join(", "),
                at(trigger.first),
                at(trigger.last),
            ]
        });
        let rows = rows.collect();
        self.table(&["script", "trigger", "kind", "fired", "states", "first", "last"], &[3], rows);
    }

    fn calls(&mut self, calls: &[Calls]) {
        self.head("what was called");
        let language = self.reader.language;
        let row = |call: &Calls| {
            let failed = if call.failed == 0 { String::new() } else { call.failed.to_string() };
            let effect = match call.effect.split_once(", held back") {
                Some((effect, _)) => format!("{}{}", language.word(effect), language.pick(", held back", "，拦下")),
                None => language.word(&call.effect).to_owned(),
            };
            vec![call.service.clone(), call.endpoint.clone(), effect, call.count.to_string(), failed]
        };
        self.table(&["service", "endpoint", "effect", "calls", "failed"], &[3, 4], calls.iter().map(row).collect());
    }

    /// A line for each reading of the meters.
    fn usage(&mut self, usage: &[Snapshot]) {
        self.head("the meters");
        let several = usage.first().is_some_and(|first| first.vps.len() > 1);
        for snapshot in usage {
            let at = self.time(snapshot.at);
            for (n, vps) in snapshot.vps.iter().enumerate() {
                let at = if n == 0 { at.clone() } else { " ".repeat(at.len()) };
                let name = if several { format!("{}  ", vps.name) } else { String::new() };
                let used = format_bytes(i64::try_from(vps.used).unwrap_or(i64::MAX));
                let speed = format_speed(i64::try_from(vps.traffic).unwrap_or(i64::MAX));
                let suspended =
                    if vps.suspended { self.reader.language.pick("  suspended", "  已封停") } else { "" };
                let bar = bar(vps.percent);
                let _ =
                    writeln!(self.text, "  {at}  {name}{used:>10}  {:>5.1} %  {bar}  {speed}{suspended}", vps.percent);
            }
        }
    }

    fn timeline(&mut self, steps: &[Step]) {
        self.head("what happened");
        let gone = steps.len().saturating_sub(LINES);
        for (n, step) in steps.iter().enumerate() {
            if (LINES / 2..LINES / 2 + gone).contains(&n) {
                if n == LINES / 2 {
                    self.say("  ", &format!("… {} more", count(gone, "step")));
                }
                continue;
            }
            let who = match (&step.script, &step.trigger) {
                (Some(script), Some(trigger)) => format!("{script}/{trigger}  "),
                (Some(script), None) => format!("{script}  "),
                _ => String::new(),
            };
            let language = self.reader.language;
            let again = match (step.count, language) {
                (1, _) => String::new(),
                (n, Language::English) => format!("  ({n} times, last {})", self.time(step.last)),
                (n, Language::Chinese) => format!("  （{n} 次，最后一次 {}）", self.time(step.last)),
            };
            let _ = writeln!(self.text, "  {}  {who}{}{again}", self.time(step.at), step.what);
        }
        if steps.is_empty() {
            self.say("  ", "nothing was changed, and nothing went wrong");
        }
    }

    fn ending(&mut self, report: &Report) {
        self.head("in the end");
        let Some(end) = report.usage.last() else { return };
        for client in &end.downloaders {
            let moves = if client.stopped {
                "stopped".to_owned()
            } else {
                let speed = |bytes: u64| format_speed(i64::try_from(bytes).unwrap_or(i64::MAX));
                format!("{} up, {} down", speed(client.up_speed), speed(client.down_speed))
            };
            let peers = count(client.peers, "peer");
            let banned = count(client.banned.len(), "address").replace("addresss", "addresses");
            self.say(&format!("  {}: ", client.id), &format!("{moves}, {peers}, {banned} banned there"));
        }
        let (messages, bans) = (count(report.messages.len(), "message"), count(end.bans.len(), "ban"));
        self.say("  ", &format!("{messages} sent, {bans} in PBH's list"));
        for kept in report.state.iter().take(LINES) {
            let script = kept.script.as_deref().unwrap_or("shared");
            let value = clip(&kept.value.to_string(), 120).into_owned();
            self.say("  ", &format!("{script} remembers {}: {value}", kept.key));
        }
        if report.state.len() > LINES {
            self.say("  ", &format!("… {} more", count(report.state.len() - LINES, "value")));
        }
    }
}

/// A bar of a share of an allowance.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the width of a bar")]
fn bar(percent: f64) -> String {
    let full = (percent.clamp(0.0, 100.0) / 100.0 * BAR).round() as usize;
    format!("{}{}", "█".repeat(full), "░".repeat(BAR as usize - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_never_longer_than_its_place() {
        for (percent, full) in [(0.0, 0), (50.0, 15), (100.0, 30), (180.0, 30)] {
            let bar = bar(percent);
            assert_eq!((bar.chars().count(), bar.chars().filter(|c| *c == '█').count()), (30, full));
        }
    }
}
