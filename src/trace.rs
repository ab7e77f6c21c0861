//! What a run did, step by step: bounded while it runs, and shorter still as the run history keeps it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::call::Call;
use crate::text::clip;
use crate::time::Time;

/// What a run did.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct Record {
    pub calls: Vec<Call>,
    /// What a dry run held back.
    pub would: Vec<Call>,
    /// What the script printed or logged.
    pub output: Vec<String>,
    /// All of that in its order, and what is none of it.
    pub steps: Vec<Step>,
    /// Why it ran, in words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Whether everything but reads was held back.
    pub dry: bool,
    /// Steps that were too many to keep.
    #[serde(skip_serializing_if = "is_zero")]
    pub omitted: usize,
    /// Calls among those.
    #[serde(skip)]
    pub omitted_calls: usize,
    /// Whether anything but reads was done.
    #[serde(skip)]
    pub changed: bool,
    /// About how many bytes it holds.
    #[serde(skip)]
    weight: usize,
}

/// One step of a run.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Step {
    #[serde(deserialize_with = "when")]
    pub at: Time,
    #[serde(flatten)]
    pub what: What,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// An attempt began, counted from 1.
    Attempt(u32),
    /// The place in `calls` of a request that was answered, or was not.
    Call(usize),
    /// The place in `would`.
    Would(usize),
    /// The place in `output`.
    Said(usize),
    Condition(Condition),
    /// What the script asked for and may not do.
    Denied(String),
    /// An attempt failed; the next one follows.
    Failed(String),
}

/// One reading of a `when`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Condition {
    pub value: Value,
    /// When it is inside and when outside again, in words.
    pub rule: String,
    /// Where the last reading left it; `None` before the first.
    pub before: Option<bool>,
    pub inside: bool,
    pub came: Came,
}

/// What became of a reading.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Came {
    /// It came inside: the first closure was called.
    Entered,
    /// It came outside: the second closure was called, where there is one.
    Left,
    /// It stays on its side, so nothing was called.
    Stayed,
    /// It changed sides and must hold on longer before that counts.
    NotYet,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(n: &usize) -> bool {
    *n == 0
}

/// A time as it is written; the oldest histories have milliseconds.
fn when<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(Time),
        Millis(i64),
    }
    Ok(match Written::deserialize(deserializer)? {
        Written::Text(time) => time,
        Written::Millis(millis) => Time::from_millis(millis),
    })
}

impl Record {
    /// Bytes of one call's arguments while it runs.
    const ARGUMENTS: usize = 64 * 1024;
    /// Bytes of everything while it runs; then only the counts go on.
    const MOST: usize = 16 * 1024 * 1024;
    /// Steps while it runs.
    const STEPS: usize = 20_000;
    /// Bytes of what the history keeps.
    pub const KEPT: usize = 64 * 1024;

    pub fn new(dry: bool, reason: impl Into<String>) -> Self {
        Self { dry, reason: reason.into(), ..Self::default() }
    }

    pub fn call(&mut self, at: Time, mut call: Call) {
        self.changed |= call.effect != crate::permission::Effect::Read && call.ok;
        call.args = bounded(call.args);
        if self.has_room(weight(&call.args) + 200) {
            self.steps.push(Step { at, what: What::Call(self.calls.len()) });
            self.calls.push(call);
        } else {
            self.omitted_calls += 1;
        }
    }

    pub fn would(&mut self, at: Time, mut call: Call) {
        call.args = bounded(call.args);
        if self.has_room(weight(&call.args) + 200) {
            self.steps.push(Step { at, what: What::Would(self.would.len()) });
            self.would.push(call);
        }
    }

    pub fn said(&mut self, at: Time, text: String) {
        if self.has_room(text.len() + 50) {
            self.steps.push(Step { at, what: What::Said(self.output.len()) });
            self.output.push(text);
        }
    }

    /// A step that is no call and no line.
    pub fn note(&mut self, at: Time, what: What) {
        if self.has_room(200) {
            self.steps.push(Step { at, what });
        }
    }

    /// All calls, those that were too many to keep included.
    pub fn count(&self) -> usize {
        self.calls.len() + self.omitted_calls
    }

    /// What the next attempt did, behind what the ones before it did.
    pub fn append(&mut self, next: Self) {
        let (calls, would, said) = (self.calls.len(), self.would.len(), self.output.len());
        self.steps.extend(next.steps.into_iter().map(|step| {
            let what = match step.what {
                What::Call(n) => What::Call(calls + n),
                What::Would(n) => What::Would(would + n),
                What::Said(n) => What::Said(said + n),
                what => what,
            };
            Step { what, ..step }
        }));
        self.calls.extend(next.calls);
        self.would.extend(next.would);
        self.output.extend(next.output);
        self.dry |= next.dry;
        self.changed |= next.changed;
        self.omitted += next.omitted;
        self.omitted_calls += next.omitted_calls;
        self.weight += next.weight;
    }

    /// The last reading of its condition.
    pub fn condition(&self) -> Option<&Condition> {
        self.steps.iter().rev().find_map(|step| match &step.what {
            What::Condition(condition) => Some(condition),
            _ => None,
        })
    }

    /// As the history keeps it: at most about [`Record::KEPT`] bytes. Long values are shortened first, then
    /// the steps in the middle go.
    pub fn trace(&self) -> Value {
        let mut kept = Value::Null;
        for (arguments, line, steps) in [(4096, 4096, 2000), (1024, 1024, 400), (256, 256, 120), (64, 120, 60)] {
            kept = serde_json::to_value(self.shortened(arguments, line, steps)).unwrap_or_default();
            if weight(&kept) <= Self::KEPT {
                break;
            }
        }
        kept
    }

    fn shortened(&self, arguments: usize, line: usize, steps: usize) -> Self {
        let gone = self.steps.len().saturating_sub(steps);
        let middle = (self.steps.len() - gone) / 2..(self.steps.len() - gone) / 2 + gone;
        let reason = clip(&self.reason, line).into_owned();
        let mut kept = Self { reason, dry: self.dry, omitted: self.omitted + gone, ..Self::default() };
        let brief = |call: &Call| {
            let mut call = call.clone();
            call.args = shorten(call.args, arguments);
            call.summary = call.summary.map(|words| clip(&words, line).into_owned());
            call
        };
        for (position, step) in self.steps.iter().enumerate() {
            if middle.contains(&position) {
                continue;
            }
            let what = match &step.what {
                What::Call(n) => self.calls.get(*n).map(|call| {
                    kept.calls.push(brief(call));
                    What::Call(kept.calls.len() - 1)
                }),
                What::Would(n) => self.would.get(*n).map(|call| {
                    kept.would.push(brief(call));
                    What::Would(kept.would.len() - 1)
                }),
                What::Said(n) => self.output.get(*n).map(|text| {
                    kept.output.push(clip(text, line).into_owned());
                    What::Said(kept.output.len() - 1)
                }),
                What::Condition(condition) => {
                    let value = shorten(condition.value.clone(), arguments);
                    Some(What::Condition(Condition { value, ..condition.clone() }))
                }
                What::Denied(text) => Some(What::Denied(clip(text, line).into_owned())),
                What::Failed(text) => Some(What::Failed(clip(text, line).into_owned())),
                What::Attempt(n) => Some(What::Attempt(*n)),
            };
            kept.steps.extend(what.map(|what| Step { at: step.at, what }));
        }
        kept
    }

    fn has_room(&mut self, more: usize) -> bool {
        let room = self.weight + more <= Self::MOST && self.steps.len() < Self::STEPS;
        if room {
            self.weight += more;
        } else {
            self.omitted += 1;
        }
        room
    }
}

/// Arguments of a size that a record may hold. Longer ones carry a digest of the whole, so that two lists of
/// what would be done can still be compared.
pub(crate) fn bounded(args: Value) -> Value {
    if weight(&args) <= Record::ARGUMENTS {
        return args;
    }
    let digest = Sha256::digest(args.to_string());
    let digest = crate::secret::hex(&digest[..8]);
    let mut bounded = Map::new();
    bounded.insert("shortened".into(), shorten(args, Record::ARGUMENTS / 2));
    bounded.insert("sha256".into(), digest.into());
    Value::Object(bounded)
}

/// About the bytes of a value as JSON.
fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 8,
        Value::String(text) => text.len() + 3,
        Value::Array(items) => 2 + items.iter().map(weight).sum::<usize>(),
        Value::Object(map) => 2 + map.iter().map(|(key, value)| key.len() + 4 + weight(value)).sum::<usize>(),
    }
}

/// The same value in about `most` bytes; what was left out is said where it stood.
fn shorten(value: Value, most: usize) -> Value {
    if weight(&value) <= most {
        return value;
    }
    match value {
        Value::String(text) => {
            // Characters have up to four bytes.
            let characters = if text.is_ascii() { most } else { most / 3 };
            Value::String(clip(&text, characters.max(8)).into_owned())
        }
        Value::Array(items) => {
            let (all, mut left, mut kept) = (items.len(), most, Vec::new());
            for item in items {
                if left < 16 && !kept.is_empty() {
                    break;
                }
                let item = shorten(item, left.max(16));
                left = left.saturating_sub(weight(&item));
                kept.push(item);
            }
            if kept.len() < all {
                kept.push(Value::String(format!("… ({} more)", all - kept.len())));
            }
            Value::Array(kept)
        }
        Value::Object(map) => {
            let (all, mut left, mut kept) = (map.len(), most, Map::new());
            for (position, (key, item)) in map.into_iter().enumerate() {
                if left < 16 && position > 0 {
                    break;
                }
                // Each key has a fair share of what is left.
                let share = (left / (all - position).min(8)).max(16);
                let (key, item) = (clip(&key, 200).into_owned(), shorten(item, share));
                left = left.saturating_sub(key.len() + weight(&item));
                kept.insert(key, item);
            }
            if kept.len() < all {
                kept.insert("…".into(), Value::String(format!("{} more", all - kept.len())));
            }
            Value::Object(kept)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::permission::Effect;

    const NOW: Time = Time::from_millis(1_780_000_000_250);

    fn set(value: Value) -> Call {
        Call {
            service: "state".into(),
            instance: "guard".into(),
            endpoint: "set".into(),
            effect: Effect::Write,
            args: json!({"key": "k", "value": value}),
            status: None,
            ok: true,
            ms: 0,
            bytes: None,
            via: None,
            summary: None,
        }
    }

    #[test]
    fn times_are_written_for_everybody_and_old_histories_are_read() {
        let step = Step { at: NOW, what: What::Attempt(1) };
        let written = serde_json::to_value(&step).unwrap();
        assert_eq!(written, json!({"at": "2026-05-28T20:26:40.250Z", "attempt": 1}));
        for kept in [written, json!({"at": NOW.millis(), "attempt": 1})] {
            assert_eq!(serde_json::from_value::<Step>(kept).unwrap(), step);
        }
    }

    #[test]
    fn what_is_kept_of_a_run_is_small_whatever_it_did() {
        let mut record = Record::default();
        record.call(NOW, set(json!("流".repeat(5_000_000))));
        record.call(NOW, set((0..2_000_000).collect()));
        for n in 0..30_000 {
            record.said(NOW, format!("line {n}"));
            record.would(NOW, set(json!({"n": n, "text": "x".repeat(3000)})));
        }
        assert!(record.steps.len() <= Record::STEPS && record.weight <= Record::MOST);
        let trace = record.trace();
        assert!(trace.to_string().len() < 2 * Record::KEPT, "{}", trace.to_string().len());
        let back: Record = serde_json::from_value(trace).unwrap();
        assert!(back.omitted > 50_000, "{}", back.omitted);
        assert_eq!(back.calls.len(), 2);
        assert!(back.calls[0].args.to_string().contains("more"), "{}", back.calls[0].args);
    }

    #[test]
    fn a_small_run_is_kept_as_it_was() {
        let mut record = Record { dry: true, ..Record::default() };
        record.note(NOW, What::Attempt(1));
        record.said(NOW, "hello".into());
        record.would(NOW, set(json!(1)));
        let back: Record = serde_json::from_value(record.trace()).unwrap();
        assert_eq!((&back.steps, &back.would, &back.output), (&record.steps, &record.would, &record.output));
        assert!(back.dry && back.omitted == 0);
    }

    #[test]
    fn attempts_follow_each_other() {
        let mut first = Record::default();
        first.call(NOW, set(json!(1)));
        let mut next = Record::default();
        next.call(NOW, set(json!(2)));
        first.append(next);
        assert_eq!(first.steps[1].what, What::Call(1));
        assert!(first.changed);
        assert_eq!(first.count(), 2);
    }

    #[test]
    fn different_large_values_stay_different() {
        let long = |end: &str| "a".repeat(Record::ARGUMENTS) + end;
        let (one, other) = (bounded(json!([long("x")])), bounded(json!([long("y")])));
        assert_ne!(one, other);
        assert_eq!(one["shortened"], other["shortened"]);
    }
}
