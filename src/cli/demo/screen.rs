//! What the demo shows: lines for people, or one JSON object a line.

use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;

use chrono_tz::Tz;
use comfy_table::{Table, presets};
use nu_ansi_term::{Color, Style};
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr as _;

use super::{Ending, Seen, lock};
use crate::journal::{Journal, Level, Line};
use crate::language::Language;
use crate::script::Reader;
use crate::sim::Urls;

/// Takes the journal's lines and shows those that tell the story.
pub struct Screen {
    json: bool,
    reader: Reader,
    seen: Mutex<Seen>,
}

impl Screen {
    pub fn new(json: bool, reader: Reader) -> Self {
        Self { json, reader, seen: Mutex::default() }
    }

    pub fn saw(&self, event: &str, script: &str) -> bool {
        lock(&self.seen).events.contains_key(&(event.to_owned(), script.to_owned()))
    }

    /// Whether this endpoint was called.
    pub fn saw_call(&self, endpoint: &str) -> bool {
        lock(&self.seen).calls.contains(endpoint)
    }

    /// How often a script has logged this.
    pub fn count(&self, text: &str) -> usize {
        lock(&self.seen).texts.get(text).copied().unwrap_or(0)
    }

    /// Whether a run failed.
    pub fn failed(&self) -> bool {
        lock(&self.seen).failed
    }

    pub fn open(&self, urls: &Urls, folder: &Path) {
        if self.json {
            return;
        }
        Self::print(&self.paint(Style::new().bold(), "tidegate demo"));
        let vps: Vec<_> = urls.vps.iter().map(|vps| vps.name.as_str()).collect();
        self.tell(&format!(
            "A simulated VPS ({}), a PBH and {} torrent clients on loopback ports; scripts in {}.",
            vps.join(", "),
            urls.downloaders.len(),
            folder.join("scripts").display()
        ));
        self.tell("The VPS nears its monthly allowance; time runs six hundred times as fast.");
        Self::print("");
    }

    pub fn chapter(&self, text: &str) {
        if !self.json {
            Self::print(&format!("\n{}", self.paint(Style::new().bold(), &self.reader.language.say(text))));
        }
    }

    /// The table at the end, and what happened or did not.
    pub fn summary(&self, ending: &Ending) {
        if self.json {
            Self::print(&ending.json().to_string());
            return;
        }
        let say = |english: &str| self.reader.language.say(english).into_owned();
        let mut table = Table::new();
        let header = ["before the guard", "after it"].map(say);
        table.load_style(presets::UTF8_FULL_CONDENSED).set_header([String::new()].into_iter().chain(header));
        for [what, before, after] in ending.rows() {
            table.add_row([say(&what), before, after]);
        }
        Self::print(&format!("\n{table}\n"));
        for (fact, happened) in &ending.facts {
            let (word, style) = if *happened { ("yes", Color::Green.normal()) } else { ("NO ", Color::Red.bold()) };
            let mark = self.paint(style, self.reader.language.word(word));
            Self::print(&format!("  {mark}  {}", say(fact)));
        }
        Self::print("");
        self.tell(if ending.ok() {
            "Next: `tidegate init` writes a configuration for your own servers, in watch mode."
        } else {
            "Something in this story did not happen; please report it with the lines above."
        });
    }

    /// A sentence of ours.
    fn tell(&self, english: &str) {
        Self::print(&self.reader.language.say(english));
    }

    fn paint(&self, style: Style, text: &str) -> String {
        if self.reader.color { style.paint(text).to_string() } else { text.to_owned() }
    }

    /// A closed pipe is no reason to end the story early.
    fn print(text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }

    /// What a line is in the demo's stream; `None` for what is no part of the story.
    fn event(line: &Line) -> Option<&'static str> {
        Some(match line.event.as_str() {
            "loaded" => "load",
            "reloaded" | "reload_failed" => "reload",
            "run_finished" => "run",
            "call" => "call",
            "log" => "log",
            "notify" => "notify",
            _ => return None,
        })
    }

    fn show_json(line: &Line, event: &str) {
        let mut object = line.data.clone();
        object.insert("event".into(), event.into());
        object.insert("at".into(), json!(line.ts));
        object.insert("script".into(), json!(line.script));
        object.insert("trigger".into(), json!(line.trigger));
        object.insert("message".into(), line.message.clone().into());
        if line.event == "reload_failed" {
            object.insert("ok".into(), false.into());
        }
        Self::print(&Value::Object(object).to_string());
    }

    fn show(&self, line: &Line, event: &str) {
        let dim = Style::new().dimmed();
        // Reading is most of what scripts do, and not worth a line; nor is a run that did nothing.
        let quiet = match event {
            "call" => {
                let is = |key: &str, value: &str| line.data.get(key) == Some(&Value::from(value));
                is("effect", "read") || is("service", "state") || is("service", "notify")
            }
            "run" => line.level < Level::Warn && line.data.get("changed") != Some(&Value::Bool(true)),
            _ => false,
        };
        if quiet {
            return;
        }
        let style = match (event, line.level) {
            (_, Level::Error) => Color::Red.bold(),
            ("notify", _) => Color::Yellow.bold(),
            ("load" | "reload", _) => Color::Cyan.normal(),
            ("call", _) => Color::Blue.normal(),
            _ => Style::new(),
        };
        let time = line.ts.in_zone(Tz::UTC).format("%H:%M:%S").to_string();
        let who = line.script.as_deref().unwrap_or("");
        let language = self.reader.language;
        let event = language.word(event);
        Self::print(&format!(
            "{}  {}{}{:<13} {}",
            self.paint(dim, &time),
            self.paint(style, event),
            " ".repeat(7_usize.saturating_sub(event.width())),
            who,
            line.said(language).trim_end()
        ));
    }
}

impl Journal for Screen {
    fn write(&self, line: &Line) {
        lock(&self.seen).note(line);
        if let Some(event) = Self::event(line) {
            if self.json { Self::show_json(line, event) } else { self.show(line, event) }
        }
    }

    fn language(&self) -> Language {
        // What programs read is in English.
        if self.json { Language::English } else { self.reader.language }
    }
}
