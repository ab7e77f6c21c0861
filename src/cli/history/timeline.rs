//! One run as a timeline, and two runs side by side.

use std::fmt::Write as _;

use chrono_tz::Tz;
use nu_ansi_term::{Color, Style};
use similar::{ChangeTag, TextDiff};

use crate::call::Call;
use crate::ledger::{Entry, State};
use crate::text::count;
use crate::time::{Duration, Time};
use crate::trace::{Came, Record, What};
use crate::units::format_duration;

/// One run from its due time to its end; `why` says why nothing happened, where nothing did.
pub(super) fn draw(entry: &Entry, record: Option<&Record>, why: Option<&str>, zone: Tz, color: bool) -> String {
    let paint = |style: Style, text: &str| if color { style.paint(text).to_string() } else { text.to_owned() };
    let head = |name: &str| paint(Style::new().bold(), &format!("{name:<9}"));
    let mut text = String::new();
    let state = paint(tint(entry.state), entry.state.name());
    let dry = if record.is_some_and(|record| record.dry) { ", dry run" } else { "" };
    let _ = writeln!(text, "{} · {}  {state}{dry}", entry.script, entry.trigger);
    let _ = writeln!(text, "{}{}, version {}", head("run"), entry.id, entry.version);
    if let Some(time) = entry.scheduled {
        let _ = writeln!(text, "{}{}", head("due"), time.display(zone));
    }
    if let Some(reason) = record.map(|record| record.reason.as_str()).filter(|reason| !reason.is_empty()) {
        let _ = writeln!(text, "{}{reason}", head("because"));
    }
    if let Some(started) = entry.started {
        let took = entry.ended.map(|ended| format!(", took {}", took(ended - started))).unwrap_or_default();
        let attempt = if entry.attempt > 1 { format!(", attempt {}", entry.attempt) } else { String::new() };
        let _ = writeln!(text, "{}{}{took}{attempt}", head("started"), started.display(zone));
    }
    if let Some(record) = record {
        let from = entry.started.or(record.steps.first().map(|step| step.at));
        text.push('\n');
        for step in &record.steps {
            let after = from.map(|from| after(from, step.at)).unwrap_or_default();
            let (style, words) = words(&step.what, record);
            let mut lines = words.lines();
            let _ = writeln!(text, "  {after:>9}  {}", paint(style, lines.next().unwrap_or_default()));
            for line in lines {
                let _ = writeln!(text, "  {:>9}  {}", "", paint(style, line));
            }
        }
        // Traces of older versions have no steps.
        if record.steps.is_empty() {
            for call in record.calls.iter().chain(&record.would) {
                let _ = writeln!(text, "  {:>9}  {}", "", call.in_words());
            }
            for line in &record.output {
                let _ = writeln!(text, "  {:>9}  {line}", "");
            }
        }
        if record.omitted > 0 {
            let _ = writeln!(text, "  {:>9}  … {} more, too many to keep", "", count(record.omitted, "step"));
        }
    }
    if let Some(error) = &entry.error
        && !matches!(entry.state, State::Skipped | State::Missed)
    {
        let place = error.line.map(|line| {
            format!(" ({}:{line}:{})", error.file.as_deref().unwrap_or(&entry.script), error.column.unwrap_or(1))
        });
        let _ = writeln!(text, "\n{}{error}{}", head("error"), place.unwrap_or_default());
        if let Some(hint) = &error.hint {
            let _ = writeln!(text, "{}{hint}", head("hint"));
        }
    }
    if let Some(why) = why {
        let _ = writeln!(text, "\n{} {why}", paint(Style::new().bold(), "nothing was changed, because"));
    }
    text
}

/// What is different in the second run: a line each, `-` for the first and `+` for the second.
pub(super) fn diff(before: (&Entry, Option<&Record>), after: (&Entry, Option<&Record>), color: bool) -> String {
    lines_apart(&plain(before.0, before.1), &plain(after.0, after.1), color)
}

/// The lines of two texts, what is different marked; where nothing is, a sentence.
pub(in crate::cli) fn lines_apart(before: &str, after: &str, color: bool) -> String {
    if before == after {
        return "no difference".into();
    }
    let mut text = String::new();
    for change in TextDiff::from_lines(before, after).iter_all_changes() {
        let (sign, style) = match change.tag() {
            ChangeTag::Delete => ("-", Color::Red.normal()),
            ChangeTag::Insert => ("+", Color::Green.normal()),
            ChangeTag::Equal => (" ", Style::new()),
        };
        let line = format!("{sign} {}", change.value().trim_end_matches('\n'));
        let line = if color { style.paint(line).to_string() } else { line };
        let _ = writeln!(text, "{line}");
    }
    text
}

/// A run without its times and id, which always differ.
fn plain(entry: &Entry, record: Option<&Record>) -> String {
    let mut text = format!(
        "{} · {}\nversion {}\nstate {}\nattempt {}\n",
        entry.script, entry.trigger, entry.version, entry.state, entry.attempt
    );
    match record {
        None => text += "what it did is not kept\n",
        Some(record) => {
            let _ = writeln!(text, "dry run {}", if record.dry { "yes" } else { "no" });
            for step in &record.steps {
                let what = match &step.what {
                    What::Call(n) => record.calls.get(*n).map(|call| Call { ms: 0, ..call.clone() }.in_words()),
                    what => Some(words(what, record).1),
                };
                text.extend(what.map(|words| words + "\n"));
            }
        }
    }
    if let Some(error) = &entry.error {
        let _ = writeln!(text, "error {error}{}", error.line.map(|line| format!(", line {line}")).unwrap_or_default());
    }
    text
}

fn after(from: Time, at: Time) -> String {
    let millis = (at - from).millis();
    format!("+{}.{:03}", millis / 1000, millis.rem_euclid(1000))
}

/// Short ones to the millisecond.
fn took(duration: Duration) -> String {
    let millis = duration.millis();
    if millis < 10_000 {
        format!("{}.{:03} s", millis / 1000, millis.rem_euclid(1000))
    } else {
        format_duration(duration)
    }
}

fn words(what: &What, record: &Record) -> (Style, String) {
    let gone = || "…".to_owned();
    match what {
        What::Attempt(n) => (Color::Cyan.normal(), format!("attempt {n}")),
        What::Call(n) => match record.calls.get(*n) {
            Some(call) if call.ok => (Style::new(), call.in_words()),
            Some(call) => (Color::Red.normal(), call.in_words()),
            None => (Style::new(), gone()),
        },
        What::Would(n) => {
            let words = record.would.get(*n).map_or_else(gone, |call| {
                call.summary.clone().unwrap_or_else(|| format!("{} on {}", call.endpoint, call.instance))
            });
            (Color::Yellow.normal(), format!("would {words}"))
        }
        What::Said(n) => (Style::new(), format!("says    {}", record.output.get(*n).cloned().unwrap_or_else(gone))),
        What::Condition(condition) => {
            let came = match (condition.came, condition.inside) {
                (Came::Entered, _) => "comes inside",
                (Came::Left, _) => "comes outside",
                (Came::NotYet, true) => "inside, but not long enough yet",
                (Came::NotYet, false) => "outside, but not long enough yet",
                (Came::Stayed, true) => "stays inside",
                (Came::Stayed, false) => "stays outside",
            };
            (Color::Cyan.normal(), format!("reads   {} (inside when {}): {came}", condition.value, condition.rule))
        }
        What::Denied(text) => (Color::Red.normal(), format!("denied  {text}")),
        What::Failed(text) => (Color::Red.normal(), format!("failed  {text}")),
    }
}

fn tint(state: State) -> Style {
    match state {
        State::Ok => Color::Green.bold(),
        State::Due | State::Running => Color::Cyan.bold(),
        State::Failed | State::TimedOut => Color::Red.bold(),
        State::Skipped | State::Missed | State::Interrupted | State::Cancelled => Color::Yellow.bold(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::trace::Condition;

    fn entry() -> Entry {
        let start = Time::from_seconds(1_783_065_600);
        Entry {
            id: "k3jq".into(),
            script: "guard".into(),
            trigger: "quota".into(),
            version: "1a2b".into(),
            scheduled: Some(start),
            started: Some(start),
            ended: Some(start + Duration::from_millis(1250)),
            state: State::Ok,
            attempt: 1,
            error: None,
            calls: 1,
            changed: false,
        }
    }

    fn record(value: f64) -> Record {
        let start = Time::from_seconds(1_783_065_600);
        let mut record = Record::new(true, "it was due (`when`)");
        let call = |endpoint: &str, effect: &str, summary: Option<&str>| {
            serde_json::from_value(json!({"service": "pbh", "instance": "home", "endpoint": endpoint, "effect": effect,
                "args": {"page": 1}, "status": 200, "ok": true, "ms": 31, "summary": summary}))
            .unwrap()
        };
        record.note(start, What::Attempt(1));
        record.call(start + Duration::from_millis(31), call("bans_list", "read", None));
        let rule = "above 90".into();
        record.note(
            start,
            What::Condition(Condition { value: json!(value), rule, before: None, inside: true, came: Came::Entered }),
        );
        record.said(start, "one\ntwo".into());
        record.would(start, call("ban", "write", Some("ban 12 peers on home for 6h")));
        record
    }

    #[test]
    fn a_run_reads_from_top_to_bottom() {
        let text = draw(&entry(), Some(&record(93.5)), Some("it was a dry run"), Tz::UTC, false);
        insta::assert_snapshot!(text, @r"
        guard · quota  ok, dry run
        run      k3jq, version 1a2b
        due      2026-07-03 08:00
        because  it was due (`when`)
        started  2026-07-03 08:00, took 1.250 s

             +0.000  attempt 1
             +0.031  reads   pbh/home bans_list page=1 → 200, 31 ms
             +0.000  reads   93.5 (inside when above 90): comes inside
             +0.000  says    one
                     two
             +0.000  would ban 12 peers on home for 6h

        nothing was changed, because it was a dry run
        ");
        assert!(draw(&entry(), None, None, Tz::UTC, true).contains('\u{1b}'));
    }

    #[test]
    fn two_runs_differ_only_in_what_is_different() {
        let other = Entry { id: "other".into(), version: "ffff".into(), started: None, ..entry() };
        let text = diff((&entry(), Some(&record(93.5))), (&other, Some(&record(95.0))), false);
        let marked: Vec<_> = text.lines().filter(|line| !line.starts_with(' ')).collect();
        assert_eq!(marked.len(), 4, "{text}");
        assert!(marked[0] == "- version 1a2b" && marked[1] == "+ version ffff", "{text}");
        let same = Entry { id: "other".into(), ..entry() };
        assert_eq!(diff((&entry(), None), (&same, None), false), "no difference");
    }
}
