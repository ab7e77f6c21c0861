//! What happens on a stage, as far as a report shows it: counted where it is much.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::Value;

use crate::call::Call;
use crate::error::Error;
use crate::journal::{Journal, Level, Line};
use crate::language::Language;
use crate::script::{deed, said};
use crate::text::clip;
use crate::time::Time;

/// Messages, and steps of the timeline, that are kept.
const MOST: usize = 5000;
/// Characters of one line of the timeline.
const WORDS: usize = 200;

/// A journal that a report is made of.
pub(super) struct Observer(Mutex<Seen>);

/// Calls of one kind.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Calls {
    pub service: String,
    pub endpoint: String,
    pub effect: String,
    pub count: usize,
    pub failed: usize,
}

/// A message that was sent.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Message {
    pub at: Time,
    pub script: Option<String>,
    pub trigger: Option<String>,
    pub channel: String,
    pub title: Option<String>,
    pub text: String,
    pub level: String,
}

/// Something worth a line; the same again and again is one.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Step {
    pub at: Time,
    pub script: Option<String>,
    pub trigger: Option<String>,
    pub what: String,
    pub count: usize,
    /// When it happened last.
    pub last: Time,
}

#[derive(Clone, Default)]
pub(super) struct Seen {
    calls: BTreeMap<(String, String, String), (usize, usize)>,
    pub messages: Vec<Message>,
    pub timeline: Vec<Step>,
    /// What was too much to keep.
    pub omitted: usize,
    /// That of whoever reads the report.
    language: Language,
    /// What runs that are going have changed so far, each with how often.
    changes: HashMap<String, BTreeMap<String, usize>>,
}

impl Observer {
    /// For a reader of that language.
    pub fn speaking(language: Language) -> Self {
        Self(Mutex::new(Seen { language, ..Seen::default() }))
    }

    pub fn seen(&self) -> Seen {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal for Observer {
    fn write(&self, line: &Line) {
        let mut seen = self.lock();
        match line.event.as_str() {
            "call" | "would" => seen.call(line),
            "run_finished" => seen.finished(line),
            "log" if line.level >= Level::Warn => {
                let says = seen.language.pick("says: ", "说：");
                seen.step(line, format!("{says}{}", line.message));
            }
            "warning" | "held" | "expired" | "run_missed" | "trigger_off" => {
                let said = line.said(seen.language).into_owned();
                seen.step(line, said);
            }
            _ => {}
        }
    }

    fn language(&self) -> Language {
        self.lock().language
    }
}

impl Seen {
    pub fn calls(&self) -> Vec<Calls> {
        let row =
            |((service, endpoint, effect), (count, failed)): (&(String, String, String), &(usize, usize))| Calls {
                service: service.clone(),
                endpoint: endpoint.clone(),
                effect: effect.clone(),
                count: *count,
                failed: *failed,
            };
        self.calls.iter().map(row).collect()
    }

    fn call(&mut self, line: &Line) {
        let text = |key: &str| line.data.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let ok = line.data.get("ok") != Some(&false.into());
        let (service, endpoint, effect) = (text("service"), text("endpoint"), text("effect"));
        let would = line.event == "would";
        let effect = if would { format!("{effect}, held back") } else { effect };
        if service == "notify" && !would && ok {
            self.message(line, &endpoint);
        } else if effect != "read"
            && service != "state"
            && let Some(run) = &line.run
        {
            let call = serde_json::from_value::<Call>(Value::Object(line.data.clone())).ok();
            let words = match call.filter(|call| would && call.summary.is_some()) {
                Some(call) => format!("{}{}", self.language.pick("would ", "会"), deed(&call, self.language)),
                None => format!("{endpoint}{}{}", self.language.pick(" on ", " · "), text("instance")),
            };
            let words = if ok { words } else { format!("{words}{}", self.language.pick(" (failed)", "（失败）")) };
            *self.changes.entry(run.clone()).or_default().entry(words).or_default() += 1;
        }
        let (count, failed) = self.calls.entry((service, endpoint, effect)).or_default();
        *count += 1;
        *failed += usize::from(!ok);
    }

    fn message(&mut self, line: &Line, channel: &str) {
        let arg = |key: &str| line.data.get("args").and_then(|args| args.get(key)).and_then(Value::as_str);
        let (title, text) = (arg("title").map(ToOwned::to_owned), arg("text").unwrap_or_default().to_owned());
        let said = title.clone().map_or_else(|| text.clone(), |title| format!("{title}: {text}"));
        let tells = match self.language {
            Language::English => format!("tells `{channel}`: {said}"),
            Language::Chinese => format!("发给 `{channel}`：{said}"),
        };
        self.step(line, tells);
        if self.messages.len() >= MOST {
            self.omitted += 1;
            return;
        }
        self.messages.push(Message {
            at: line.ts,
            script: line.script.clone(),
            trigger: line.trigger.clone(),
            channel: channel.to_owned(),
            title,
            text,
            level: arg("level").unwrap_or("info").to_owned(),
        });
    }

    fn finished(&mut self, line: &Line) {
        let changes = line.run.as_ref().and_then(|run| self.changes.remove(run)).unwrap_or_default();
        if !changes.is_empty() {
            let word = |(words, count): (String, usize)| if count == 1 { words } else { format!("{words} ×{count}") };
            let words: Vec<_> = changes.into_iter().map(word).collect();
            self.step(line, words.join(self.language.pick(", ", "；")));
        }
        let state = line.data.get("state").and_then(Value::as_str).unwrap_or_default();
        if matches!(state, "failed" | "timed_out") {
            let error = line.data.get("error").and_then(|error| serde_json::from_value::<Error>(error.clone()).ok());
            let why = error.map_or_else(|| line.message.clone(), |error| said(&error, self.language));
            let why = why.lines().next().unwrap_or_default();
            self.step(line, format!("{}{}{why}", self.language.word(state), self.language.pick(": ", "：")));
        }
    }

    fn step(&mut self, line: &Line, what: String) {
        let what = clip(what.lines().next().unwrap_or_default(), WORDS).into_owned();
        let same = |step: &&mut Step| step.script == line.script && step.trigger == line.trigger;
        if let Some(step) = self.timeline.iter_mut().rev().find(same).filter(|step| step.what == what) {
            step.count += 1;
            step.last = line.ts;
        } else if self.timeline.len() < MOST {
            let (script, trigger) = (line.script.clone(), line.trigger.clone());
            self.timeline.push(Step { at: line.ts, script, trigger, what, count: 1, last: line.ts });
        } else {
            self.omitted += 1;
        }
    }
}
