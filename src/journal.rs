//! What happened, one line at a time: for people as text, for tools as JSON.

use std::borrow::Cow;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

mod live;
mod queued;

use crate::language::Language;
pub use crate::level::Level;
pub use queued::Queued;

use crate::time::Time;
pub use live::Live;

/// One event. In JSON the fields of `data` stand beside the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub ts: Time,
    pub level: Level,
    /// `ready`, `reloaded`, `reload_failed`, `run_started`, `run_finished`, `shutdown`, `log`, `call`,
    /// `would`, `notify` or `warning`.
    pub event: String,
    pub script: Option<String>,
    pub trigger: Option<String>,
    pub run: Option<String>,
    pub message: String,
    pub data: Map<String, Value>,
}

impl Line {
    pub fn new(ts: Time, level: Level, event: &str, message: impl Into<String>) -> Self {
        Self {
            ts,
            level,
            event: event.into(),
            script: None,
            trigger: None,
            run: None,
            message: message.into(),
            data: Map::new(),
        }
    }

    /// Whose run it was.
    #[must_use]
    pub fn of(mut self, script: &str, trigger: Option<&str>, run: Option<&str>) -> Self {
        self.script = Some(script.into());
        self.trigger = trigger.map(Into::into);
        self.run = run.map(Into::into);
        self
    }

    /// What it says, in a language: of a longer message the first line, since what follows was written for a reader.
    /// What a script says stays as it is.
    pub fn said(&self, language: Language) -> Cow<'_, str> {
        if matches!(self.event.as_str(), "log" | "notify") {
            return Cow::Borrowed(&self.message);
        }
        match self.message.split_once('\n') {
            None => language.say(&self.message),
            Some((first, rest)) => Cow::Owned(format!("{}\n{rest}", language.say(first))),
        }
    }

    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.data.insert(key.into(), value.into());
        self
    }
}

const FIELDS: [&str; 7] = ["ts", "level", "event", "script", "trigger", "run", "message"];

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("ts", &self.ts)?;
        map.serialize_entry("level", &self.level)?;
        map.serialize_entry("event", &self.event)?;
        map.serialize_entry("script", &self.script)?;
        map.serialize_entry("trigger", &self.trigger)?;
        map.serialize_entry("run", &self.run)?;
        map.serialize_entry("message", &self.message)?;
        for (key, value) in self.data.iter().filter(|(key, _)| !FIELDS.contains(&key.as_str())) {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl Line {
    /// What [`Line`] was written as; `None` for anything else.
    pub fn from_json(value: Value) -> Option<Self> {
        let Value::Object(mut data) = value else { return None };
        let [ts, level, event, script, trigger, run, message] =
            FIELDS.map(|field| data.shift_remove(field).unwrap_or_default());
        let text = |value: Value| value.as_str().map(Into::into);
        Some(Self {
            ts: serde_json::from_value(ts).ok()?,
            level: serde_json::from_value(level).ok()?,
            event: text(event)?,
            script: text(script),
            trigger: text(trigger),
            run: text(run),
            message: text(message)?,
            data,
        })
    }
}

/// Where lines go.
pub trait Journal: Send + Sync {
    /// A journal that cannot be written is no reason to stop the work: failures are not reported.
    fn write(&self, line: &Line);

    /// The language of whoever reads it; what tools read is in English.
    fn language(&self) -> Language {
        Language::English
    }
}

/// Drops everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Journal for Silent {
    fn write(&self, _line: &Line) {}
}

/// Keeps everything.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Vec<Line>>);

impl Memory {
    /// What was written so far.
    pub fn lines(&self) -> Vec<Line> {
        lock(&self.0).clone()
    }

    /// What was written since the last time.
    pub fn take(&self) -> Vec<Line> {
        std::mem::take(&mut *lock(&self.0))
    }
}

impl Journal for Memory {
    fn write(&self, line: &Line) {
        lock(&self.0).push(line.clone());
    }
}

/// One JSON object a line.
pub struct JsonJournal<W>(Mutex<W>);

impl<W: Write + Send> JsonJournal<W> {
    pub fn new(out: W) -> Self {
        Self(Mutex::new(out))
    }
}

impl<W: Write + Send> Journal for JsonJournal<W> {
    fn write(&self, line: &Line) {
        if let Ok(mut text) = serde_json::to_vec(line) {
            text.push(b'\n');
            put(&mut *lock(&self.0), &text);
        }
    }
}

/// Lines for people, one after the other.
pub struct Page {
    zone: Tz,
    color: bool,
    language: Language,
    date: Option<NaiveDate>,
}

impl Page {
    pub const fn new(zone: Tz, color: bool) -> Self {
        Self { zone, color, language: Language::English, date: None }
    }

    /// For a reader of that language.
    #[must_use]
    pub const fn speaking(self, language: Language) -> Self {
        Self { language, ..self }
    }

    /// `08:00:05 INFO  quota-guard/quota-tokyo  message`, below a line with the date where that has changed.
    pub fn draw(&mut self, line: &Line) -> String {
        let date = line.ts.in_zone(self.zone).date_naive();
        let mut text = String::new();
        if self.date.replace(date).is_some_and(|last| last != date) {
            let weekday = date.format("%A").to_string();
            let day = format!("{} {date}", self.language.word(&weekday));
            text += &paint(self.color, DIM, &day);
            text.push('\n');
        }
        text += &format(line, self);
        text
    }
}

/// Lines as a [`Page`].
pub struct TextJournal<W> {
    page: Mutex<(W, Page)>,
    language: Language,
}

impl<W: Write + Send> TextJournal<W> {
    pub fn new(out: W, zone: Tz, color: bool) -> Self {
        Self { page: Mutex::new((out, Page::new(zone, color))), language: Language::English }
    }

    /// For a reader of that language.
    #[must_use]
    pub fn speaking(mut self, language: Language) -> Self {
        self.language = language;
        self.page.get_mut().unwrap_or_else(PoisonError::into_inner).1.language = language;
        self
    }
}

impl<W: Write + Send> Journal for TextJournal<W> {
    fn write(&self, line: &Line) {
        let mut out = lock(&self.page);
        let mut text = out.1.draw(line);
        text.push('\n');
        put(&mut out.0, text.as_bytes());
    }

    fn language(&self) -> Language {
        self.language
    }
}

fn put(out: &mut impl Write, text: &[u8]) {
    let _ = out.write_all(text).and_then(|()| out.flush());
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const DIM: &str = "2";

fn paint(color: bool, style: &str, text: &str) -> String {
    if color && !text.is_empty() { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
}

/// One line for people, without the line end.
fn format(line: &Line, page: &Page) -> String {
    let Page { zone, color, language, .. } = *page;
    let time = paint(color, DIM, &line.ts.in_zone(zone).format("%H:%M:%S").to_string());
    let (style, level) = match line.level {
        Level::Debug => (DIM, "DEBUG"),
        Level::Info => ("32", "INFO "),
        Level::Warn => ("33", "WARN "),
        Level::Error => ("31;1", "ERROR"),
    };
    let source = match (&line.script, &line.trigger) {
        (Some(script), Some(trigger)) => clean(&format!("{script}/{trigger}")),
        (Some(script), None) => clean(script),
        (None, _) => String::new(),
    };
    let level = paint(color, style, level);
    let message = match line.event.as_str() {
        "call" | "would" if line.message.is_empty() => call(line),
        _ => clean(&line.said(language)),
    };
    // Further lines of a message stand under its first one, so that each entry can be told apart.
    let message = message.replace('\n', "\n    ");
    if source.is_empty() {
        format!("{time} {level} {message}")
    } else {
        format!("{time} {level} {}  {message}", paint(color, "36", &source))
    }
}

/// `pbh/home bans_add 200 12ms`, from the fields of a call.
fn call(line: &Line) -> String {
    let text = |key: &str| line.data.get(key).and_then(Value::as_str).map(clean);
    if let Some(summary) = text("summary") {
        return if line.event == "would" { format!("would {summary}") } else { summary };
    }
    let mut words = Vec::new();
    if line.event == "would" {
        words.push("would call".to_owned());
    }
    words.push([text("service"), text("instance")].into_iter().flatten().collect::<Vec<_>>().join("/"));
    words.extend(text("endpoint"));
    words.extend(text("via").map(|via| format!("(for {via})")));
    words.extend(line.data.get("status").and_then(Value::as_u64).map(|status| status.to_string()));
    if line.data.get("ok").and_then(Value::as_bool) == Some(false) {
        words.push("failed".to_owned());
    }
    if line.event == "call" {
        words.extend(line.data.get("ms").and_then(Value::as_u64).map(|ms| format!("{ms}ms")));
    }
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

/// A message may hold what a stranger chose (a peer's client name): control characters other than
/// the line end are shown, never sent to the terminal.
fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => clean.push(c),
            '\t' => clean.push(' '),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => clean.extend(c.escape_unicode()),
            c if c.is_control() => clean.extend(c.escape_debug()),
            c => clean.push(c),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Time = Time::from_seconds(1_751_500_805);

    fn text(lines: &[Line], color: bool) -> String {
        let journal = TextJournal::new(Vec::new(), "Asia/Shanghai".parse().unwrap(), color);
        for line in lines {
            journal.write(line);
        }
        String::from_utf8(journal.page.into_inner().unwrap().0).unwrap()
    }

    #[test]
    fn people_read_time_level_source_and_message() {
        let line = Line::new(NOON, Level::Info, "log", "93.5 % used").of("quota-guard", Some("quota-tokyo"), None);
        assert_eq!(text(std::slice::from_ref(&line), false), "08:00:05 INFO  quota-guard/quota-tokyo  93.5 % used\n");
        assert_eq!(
            text(&[line], true),
            "\x1b[2m08:00:05\x1b[0m \x1b[32mINFO \x1b[0m \x1b[36mquota-guard/quota-tokyo\x1b[0m  93.5 % used\n"
        );
        let ready = Line::new(NOON, Level::Warn, "ready", "2 scripts");
        assert_eq!(text(&[ready], false), "08:00:05 WARN  2 scripts\n");
    }

    #[test]
    fn a_new_day_is_announced_in_the_local_zone() {
        let line = Line::new(NOON, Level::Info, "log", "x");
        let next = Line { ts: NOON + crate::time::Duration::from_seconds(16 * 3600), ..line.clone() };
        assert_eq!(text(&[line, next], false), "08:00:05 INFO  x\nFriday 2025-07-04\n00:00:05 INFO  x\n");
    }

    #[test]
    fn calls_are_compact() {
        let line = Line::new(NOON, Level::Info, "call", "")
            .of("guard", None, None)
            .with("service", "pbh")
            .with("instance", "home")
            .with("endpoint", "bans_add")
            .with("args", serde_json::json!({"body": ["203.0.113.7"]}))
            .with("status", 200)
            .with("ok", true)
            .with("ms", 12);
        assert_eq!(text(std::slice::from_ref(&line), false), "08:00:05 INFO  guard  pbh/home bans_add 200 12ms\n");
        let would = Line { event: "would".into(), ..line }.with("status", Value::Null);
        assert_eq!(text(std::slice::from_ref(&would), false), "08:00:05 INFO  guard  would call pbh/home bans_add\n");
        let summary = would.with("summary", "ban 12 peers on home for 6h");
        assert_eq!(text(&[summary], false), "08:00:05 INFO  guard  would ban 12 peers on home for 6h\n");
    }

    #[test]
    fn what_a_stranger_chose_cannot_drive_the_terminal() {
        let line = Line::new(NOON, Level::Error, "log", "client \x1b[31mX\r\nsecond");
        assert_eq!(text(&[line], true).matches('\x1b').count(), 4, "only our own colours");
    }

    #[test]
    fn json_has_the_named_fields_first_and_the_data_beside_them() {
        let journal = JsonJournal::new(Vec::new());
        let line = Line::new(NOON, Level::Info, "call", "").with("endpoint", "bans_add").with("message", "not this");
        journal.write(&line);
        journal.write(&line);
        let text = String::from_utf8(journal.0.into_inner().unwrap()).unwrap();
        let expected = r#"{"ts":"2025-07-03T00:00:05Z","level":"info","event":"call","script":null,"trigger":null,"run":null,"message":"","endpoint":"bans_add"}"#;
        assert_eq!(text, format!("{expected}\n{expected}\n"));
        let read = Line::from_json(serde_json::from_str(expected).unwrap()).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), expected);
        assert_eq!(Line::from_json(serde_json::json!({"event": "ready"})), None);
    }

    #[test]
    fn memory_keeps_lines_until_they_are_taken() {
        let memory = Memory::default();
        memory.write(&Line::new(NOON, Level::Debug, "log", "one"));
        assert_eq!(memory.lines().len(), 1);
        assert_eq!(memory.take()[0].message, "one");
        assert!(memory.lines().is_empty());
    }
}
