//! One run as a timeline, and two runs side by side.

use std::fmt::Write as _;

use chrono_tz::Tz;
use nu_ansi_term::{Color, Style};
use similar::{ChangeTag, TextDiff};
use unicode_width::UnicodeWidthStr as _;

use crate::call::Call;
use crate::language::Language;
use crate::ledger::{Entry, State};
use crate::script::{Reader, deed, said};
use crate::text::count;
use crate::time::{Duration, Time};
use crate::trace::{Came, Record, What};
use crate::units::format_duration;

/// One run from its due time to its end; `why` says why nothing happened, where nothing did.
pub(super) fn draw(entry: &Entry, record: Option<&Record>, why: Option<&str>, zone: Tz, reader: Reader) -> String {
    let Reader { color, language } = reader;
    let paint = |style: Style, text: &str| if color { style.paint(text).to_string() } else { text.to_owned() };
    let head = |name: &str| {
        let word = language.word(name);
        paint(Style::new().bold(), &format!("{word}{}", " ".repeat(9_usize.saturating_sub(word.width()))))
    };
    let comma = language.pick(", ", "，");
    let mut text = String::new();
    let state = paint(tint(entry.state), language.word(entry.state.name()));
    let dry = record.filter(|record| record.dry).map(|_| format!("{comma}{}", language.say("dry run")));
    let dry = dry.unwrap_or_default();
    let _ = writeln!(text, "{} · {}  {state}{dry}", entry.script, entry.trigger);
    let version = format!("version {}", entry.version);
    let _ = writeln!(text, "{}{}{comma}{}", head("run"), entry.id, language.say(&version));
    if let Some(time) = entry.scheduled {
        let _ = writeln!(text, "{}{}", head("due"), time.display(zone));
    }
    if let Some(reason) = record.map(|record| record.reason.as_str()).filter(|reason| !reason.is_empty()) {
        let _ = writeln!(text, "{}{}", head("because"), language.say(reason));
    }
    if let Some(started) = entry.started {
        let took = entry.ended.map(|ended| format!("took {}", took(ended - started)));
        let attempt = (entry.attempt > 1).then(|| format!("attempt {}", entry.attempt));
        let more = [took, attempt].into_iter().flatten().map(|words| format!("{comma}{}", language.say(&words)));
        let more = more.collect::<Vec<_>>().concat();
        let _ = writeln!(text, "{}{}{more}", head("started"), started.display(zone));
    }
    if let Some(record) = record {
        let from = entry.started.or(record.steps.first().map(|step| step.at));
        text.push('\n');
        for step in &record.steps {
            let after = from.map(|from| after(from, step.at)).unwrap_or_default();
            let (style, words) = words(&step.what, record, language);
            let mut lines = words.lines();
            let _ = writeln!(text, "  {after:>9}  {}", paint(style, lines.next().unwrap_or_default()));
            for line in lines {
                let _ = writeln!(text, "  {:>9}  {}", "", paint(style, line));
            }
        }
        // Traces of older versions have no steps.
        if record.steps.is_empty() {
            for call in record.calls.iter().chain(&record.would) {
                let _ = writeln!(text, "  {:>9}  {}", "", call.in_words(language));
            }
            for line in &record.output {
                let _ = writeln!(text, "  {:>9}  {line}", "");
            }
        }
        if record.omitted > 0 {
            let more = format!("… {} more, too many to keep", count(record.omitted, "step"));
            let _ = writeln!(text, "  {:>9}  {}", "", language.say(&more));
        }
    }
    if let Some(error) = &entry.error
        && !matches!(entry.state, State::Skipped | State::Missed)
    {
        let place = error.line.map(|line| {
            format!(" ({}:{line}:{})", error.file.as_deref().unwrap_or(&entry.script), error.column.unwrap_or(1))
        });
        let _ = writeln!(text, "\n{}{}{}", head("error"), said(error, language), place.unwrap_or_default());
        if let Some(hint) = &error.hint {
            let _ = writeln!(text, "{}{}", head("hint"), language.say(hint));
        }
    }
    if let Some(why) = why {
        let because =
            paint(Style::new().bold(), language.pick("nothing was changed, because ", "没有改变任何东西，因为："));
        let _ = writeln!(text, "\n{because}{}", language.say(why));
    }
    text
}

/// What is different in the second run: a line each, `-` for the first and `+` for the second.
pub(super) fn diff(before: (&Entry, Option<&Record>), after: (&Entry, Option<&Record>), reader: Reader) -> String {
    let plain = |(entry, record)| plain(entry, record, reader.language);
    lines_apart(&plain(before), &plain(after), reader)
}

/// The lines of two texts, what is different marked; where nothing is, a sentence.
pub(in crate::cli) fn lines_apart(before: &str, after: &str, reader: Reader) -> String {
    if before == after {
        return reader.language.say("no difference").into_owned();
    }
    let mut text = String::new();
    for change in TextDiff::from_lines(before, after).iter_all_changes() {
        let (sign, style) = match change.tag() {
            ChangeTag::Delete => ("-", Color::Red.normal()),
            ChangeTag::Insert => ("+", Color::Green.normal()),
            ChangeTag::Equal => (" ", Style::new()),
        };
        let line = format!("{sign} {}", change.value().trim_end_matches('\n'));
        let line = if reader.color { style.paint(line).to_string() } else { line };
        let _ = writeln!(text, "{line}");
    }
    text
}

/// A run without its times and id, which always differ.
fn plain(entry: &Entry, record: Option<&Record>, language: Language) -> String {
    let mut text = format!("{} · {}\n", entry.script, entry.trigger);
    let _ = writeln!(text, "{} {}", language.word("state"), language.word(entry.state.name()));
    let mut say = |english: &str| {
        let _ = writeln!(text, "{}", language.say(english));
    };
    say(&format!("version {}", entry.version));
    say(&format!("attempt {}", entry.attempt));
    match record {
        None => say("what it did is not kept"),
        Some(record) => {
            say(if record.dry { "a dry run" } else { "no dry run" });
            for step in &record.steps {
                let what = match &step.what {
                    What::Call(n) => record.calls.get(*n).map(|call| Call { ms: 0, ..call.clone() }.in_words(language)),
                    what => Some(words(what, record, language).1),
                };
                text.extend(what.map(|words| words + "\n"));
            }
        }
    }
    if let Some(error) = &entry.error {
        let line = error.line.map(|line| format!(":{line}")).unwrap_or_default();
        let _ = writeln!(text, "{}{line} {}", language.word("error"), said(error, language));
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

fn words(what: &What, record: &Record, language: Language) -> (Style, String) {
    let gone = || "…".to_owned();
    let say = |english: &str| language.say(english).into_owned();
    match what {
        What::Attempt(n) => (Color::Cyan.normal(), say(&format!("attempt {n}"))),
        What::Call(n) => match record.calls.get(*n) {
            Some(call) if call.ok => (Style::new(), call.in_words(language)),
            Some(call) => (Color::Red.normal(), call.in_words(language)),
            None => (Style::new(), gone()),
        },
        What::Would(n) => {
            let words = record.would.get(*n).map_or_else(gone, |call| deed(call, language));
            (Color::Yellow.normal(), format!("{}{words}", language.pick("would ", "会    ")))
        }
        What::Said(n) => {
            let said = record.output.get(*n).cloned().unwrap_or_else(gone);
            (Style::new(), format!("{}{said}", language.pick("says    ", "说    ")))
        }
        What::Condition(condition) => {
            let came = match (condition.came, condition.inside) {
                (Came::Entered, _) => "comes inside",
                (Came::Left, _) => "comes outside",
                (Came::NotYet, true) => "inside, but not long enough yet",
                (Came::NotYet, false) => "outside, but not long enough yet",
                (Came::Stayed, true) => "stays inside",
                (Came::Stayed, false) => "stays outside",
            };
            let read = format!("reads   {} (inside when {}): {came}", condition.value, condition.rule);
            (Color::Cyan.normal(), say(&read))
        }
        What::Denied(text) => {
            (Color::Red.normal(), format!("{}{}", language.pick("denied  ", "拒绝  "), language.say(text)))
        }
        What::Failed(text) => {
            (Color::Red.normal(), format!("{}{}", language.pick("failed  ", "失败  "), language.say(text)))
        }
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
        let text = draw(&entry(), Some(&record(93.5)), Some("it was a dry run"), Tz::UTC, Reader::default());
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
        let color = Reader { color: true, ..Reader::default() };
        assert!(draw(&entry(), None, None, Tz::UTC, color).contains('\u{1b}'));
    }

    #[test]
    fn two_runs_differ_only_in_what_is_different() {
        let other = Entry { id: "other".into(), version: "ffff".into(), started: None, ..entry() };
        let text = diff((&entry(), Some(&record(93.5))), (&other, Some(&record(95.0))), Reader::default());
        let marked: Vec<_> = text.lines().filter(|line| !line.starts_with(' ')).collect();
        assert_eq!(marked.len(), 4, "{text}");
        assert!(marked[0] == "- version 1a2b" && marked[1] == "+ version ffff", "{text}");
        let same = Entry { id: "other".into(), ..entry() };
        assert_eq!(diff((&entry(), None), (&same, None), Reader::default()), "no difference");
    }
}
