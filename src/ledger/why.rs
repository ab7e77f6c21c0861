//! Why nothing happened: the answer to the question that people have about a run that changed nothing.

use super::{Entry, State};
use crate::text::count;
use crate::trace::{Came, Condition, Record, What};

/// Why a run changed nothing, in one sentence without a period; `None` where it changed something.
/// `record` is what the history kept of it, where it kept that.
pub fn why(entry: &Entry, record: Option<&Record>) -> Option<String> {
    let error = || entry.error.as_ref().map(ToString::to_string);
    let because = |what: &str, otherwise: &str| format!("{what}: {}", error().unwrap_or_else(|| otherwise.into()));
    match entry.state {
        State::Skipped => return Some(because("it was skipped", "the last run was still going")),
        State::Missed => return Some(because("it was missed", "its time passed while nothing could run")),
        State::Due => return Some("it has not begun yet: it waits for its turn".into()),
        State::Running => return Some("it is still going".into()),
        _ if entry.changed => return None,
        _ => {}
    }
    let denied = record.and_then(|record| {
        record.steps.iter().find_map(|step| if let What::Denied(words) = &step.what { Some(words) } else { None })
    });
    match entry.state {
        State::Interrupted => return Some(because("it was interrupted", "tidegate ended before it did")),
        State::Cancelled => return Some(because("it was cancelled", "somebody stopped it")),
        State::TimedOut => return Some("it ran out of time before it had changed anything".into()),
        State::Failed => {
            return Some(match denied {
                Some(words) => format!("the script may not do what it tried: {words}"),
                None => because("it failed before it had changed anything", "the reason was not kept"),
            });
        }
        _ => {}
    }
    let Some(record) = record else {
        return Some("what exactly it did is not kept any more (`[retention] traces`)".into());
    };
    if record.dry && !record.would.is_empty() {
        return Some(format!(
            "it was a dry run: {} held back; set `mode = \"live\"`, or pass `--live`",
            were(record.would.len(), "action")
        ));
    }
    if let Some(condition) = record.condition()
        && matches!(condition.came, Came::Stayed | Came::NotYet)
    {
        return Some(unmoved(condition));
    }
    if let Some(words) = denied {
        return Some(format!("the script may not do what it tried, and went on: {words}"));
    }
    let failed = record.calls.iter().filter(|call| !call.ok).count();
    let reads = match record.calls.len() {
        0 => "it sent no request".to_owned(),
        n => format!("it only read ({})", count(n, "request")),
    };
    let failed = if failed == 0 { String::new() } else { format!(", {} without success", count(failed, "request")) };
    Some(match record.condition() {
        Some(Condition { came: Came::Left, .. }) => {
            format!("its condition is over, and {reads}{failed}: a second closure says what happens then")
        }
        _ => format!("nothing in the script called for a change: {reads}{failed}"),
    })
}

fn were(n: usize, noun: &str) -> String {
    format!("{} {}", count(n, noun), if n == 1 { "was" } else { "were" })
}

/// A reading that called no closure.
fn unmoved(condition: &Condition) -> String {
    let Condition { value, rule, before, inside, came } = condition;
    match (came, inside) {
        (Came::NotYet, _) => {
            let side = if *inside { "inside" } else { "outside" };
            format!("its condition gave {value} ({rule}) and is {side} now, but not yet as long as its `for` asks")
        }
        (_, true) => format!(
            "its condition gave {value} ({rule}) and was inside already: the closure is only called when it comes inside"
        ),
        (_, false) if *before == Some(true) => format!("its condition gave {value} ({rule}), so it is over"),
        (_, false) => format!("its condition gave {value}, which is not {rule}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::{Error, Kind};
    use crate::time::Time;

    fn entry(state: State, changed: bool, error: Option<Error>) -> Entry {
        Entry {
            id: "a".into(),
            script: "guard".into(),
            trigger: "quota".into(),
            version: "v".into(),
            scheduled: None,
            started: None,
            ended: None,
            state,
            attempt: 1,
            error,
            calls: 0,
            changed,
        }
    }

    fn reading(value: f64, before: Option<bool>, inside: bool, came: Came) -> Record {
        let mut record = Record::default();
        let rule = "above 90, over again below 85".into();
        let condition = Condition { value: json!(value), rule, before, inside, came };
        record.note(Time::from_millis(0), What::Condition(condition));
        record
    }

    #[test]
    fn every_reason_is_told_apart() {
        let told = |state, error: Option<&str>, record: Option<&Record>| {
            why(&entry(state, false, error.map(|text| Error::new(Kind::Cancelled, text))), record).unwrap()
        };
        assert!(told(State::Skipped, Some("outside 22:00–06:00"), None).ends_with("outside 22:00–06:00"));
        assert!(told(State::Missed, None, None).contains("passed"));
        assert!(told(State::Ok, None, None).contains("not kept"));
        let ok = |record: &Record| told(State::Ok, None, Some(record));
        assert!(ok(&reading(73.2, Some(false), false, Came::Stayed)).contains("73.2, which is not above 90"));
        assert!(ok(&reading(86.0, Some(true), true, Came::Stayed)).contains("inside already"));
        assert!(ok(&reading(96.0, Some(false), true, Came::NotYet)).contains("not yet as long"));
        assert!(ok(&Record::default()).contains("no request"));
        let mut dry = Record::new(true, "");
        assert!(ok(&dry).contains("nothing in the script called for"), "a dry run that would have done nothing");
        let mut denied = Record::default();
        denied.note(Time::from_millis(0), What::Denied("`stop` needs a grant".into()));
        assert!(ok(&denied).contains("may not do"));
        dry.would(
            Time::from_millis(0),
            serde_json::from_value(json!({"service": "pbh", "instance": "home",
            "endpoint": "bans_add", "effect": "write", "args": {}, "status": null, "ok": true, "ms": 0}))
            .unwrap(),
        );
        assert!(ok(&dry).contains("1 action was held back"), "{}", ok(&dry));
        assert_eq!(why(&entry(State::Ok, true, None), None), None);
    }
}
