//! Reading a TOML table key by key: every problem is noted with its line, and reading goes on.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::field::Field;
use super::problem::Problem;
use super::{Env, var};
use crate::text::{list, suggestion};

/// What is collected while a document is read.
pub(super) struct Notes<'a> {
    text: &'a str,
    /// The folder that relative paths are relative to.
    pub base: &'a Path,
    pub env: Env<'a>,
    pub problems: RefCell<Vec<Problem>>,
    pub advice: RefCell<Vec<Problem>>,
}

impl<'a> Notes<'a> {
    pub fn new(text: &'a str, base: &'a Path, env: Env<'a>) -> Self {
        Self { text, base, env, problems: RefCell::default(), advice: RefCell::default() }
    }

    /// Counted from 1.
    pub fn line(&self, offset: usize) -> usize {
        self.text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
    }

    pub fn problem(&self, key: &str, line: Option<usize>, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.borrow_mut().push(note(key, line, message.into(), hint.into()));
    }

    pub fn advise(&self, key: &str, line: Option<usize>, message: impl Into<String>, hint: impl Into<String>) {
        self.advice.borrow_mut().push(note(key, line, message.into(), hint.into()));
    }

    pub fn path(&self, text: &str) -> PathBuf {
        match (text.strip_prefix("~/"), var(self.env, "HOME")) {
            (Some(rest), Some(home)) => Path::new(&home).join(rest),
            _ => self.base.join(text),
        }
    }
}

fn note(key: &str, line: Option<usize>, message: String, hint: String) -> Problem {
    Problem { key: key.into(), line, message, hint: (!hint.is_empty()).then_some(hint) }
}

/// One table. The keys that were asked for are the keys that it knows.
pub(super) struct Section<'a> {
    pub notes: &'a Notes<'a>,
    /// `vps.tokyo`; empty at the top.
    pub path: String,
    /// The last part of the path.
    pub name: String,
    /// `None` outside a document.
    pub line: Option<usize>,
    table: &'a DeTable<'a>,
    known: Vec<&'static str>,
}

impl<'a> Section<'a> {
    pub fn top(notes: &'a Notes<'a>, table: &'a DeTable<'a>) -> Self {
        Self::new(notes, "", "", None, table)
    }

    pub fn new(notes: &'a Notes<'a>, path: &str, name: &str, line: Option<usize>, table: &'a DeTable<'a>) -> Self {
        Self { notes, path: path.into(), name: name.into(), line, table, known: Vec::new() }
    }

    /// Notes something about the table itself.
    pub fn problem(&self, message: impl Into<String>, hint: impl Into<String>) {
        self.notes.problem(&self.path, self.line, message, hint);
    }

    /// Notes that a key is not there.
    pub fn missing(&self, key: &str, message: &str, hint: impl Into<String>) {
        self.notes.problem(&self.path_of(key), self.line, message, hint);
    }

    pub fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The value of a key; `example` is what could be written there.
    pub fn get(&mut self, key: &'static str, example: &str) -> Option<Field<'a>> {
        self.known.push(key);
        self.entry(key).map(|(key, value)| self.field(key, value, example))
    }

    /// As [`Section::get`], where it is a problem that the key is missing.
    pub fn need(&mut self, key: &'static str, example: &str) -> Option<Field<'a>> {
        let field = self.get(key, example);
        if field.is_none() {
            self.missing(key, "is missing", format!("write `{key} = {example}`"));
        }
        field
    }

    /// All keys in the order of the file, whatever they are: for tables whose keys are the user's.
    pub fn all(&self, example: &str) -> Vec<Field<'a>> {
        let mut entries: Vec<_> = self.table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        entries.into_iter().map(|(key, value)| self.field(key, value, example)).collect()
    }

    /// `[limits]`.
    pub fn table(&mut self, key: &'static str) -> Option<Self> {
        self.get(key, "")?.section(&format!("[{key}]"))
    }

    /// The tables of a table, by name: `[vps.tokyo]`, `[vps.oslo]`.
    pub fn tables(&mut self, key: &'static str) -> Vec<Self> {
        let header = format!("[{key}.NAME]");
        let Some(outer) = self.get(key, "").and_then(|field| field.section(&header)) else { return Vec::new() };
        let (tables, loose): (Vec<_>, Vec<_>) = outer
            .all("")
            .into_iter()
            .partition(|field| matches!(field.value, DeValue::Table(table) if !is_secret(table)));
        if let [first, rest @ ..] = loose.as_slice() {
            let keys = list(loose.iter().map(|field| field.key.as_str()), "and");
            let (verb, them) = if rest.is_empty() { ("stands", "it") } else { ("stand", "them") };
            let hint = format!("write `{header}` with a name of your choice above {them}");
            self.notes.problem(key, first.line, format!("{keys} {verb} below no name"), hint);
        }
        tables.into_iter().filter_map(|field| field.section(&header)).collect()
    }

    /// Notes the keys that nobody asked for.
    pub fn close(&self) {
        for field in self.all("") {
            if !self.known.contains(&field.key.as_str()) {
                let hint = suggestion(&field.key, self.known.iter().copied())
                    .unwrap_or_else(|| format!("the keys here are {}", list(self.known.iter().copied(), "and")));
                self.notes.problem(&field.path, field.line, "there is no such key", hint);
            }
        }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { quoted(key) } else { format!("{}.{}", self.path, quoted(key)) }
    }

    fn entry(&self, key: &str) -> Option<(&'a Spanned<DeString<'a>>, &'a Spanned<DeValue<'a>>)> {
        self.table.iter().find(|(name, _)| name.get_ref() == key)
    }

    fn field(&self, key: &Spanned<DeString>, value: &'a Spanned<DeValue<'a>>, example: &str) -> Field<'a> {
        Field {
            notes: self.notes,
            path: self.path_of(key.get_ref()),
            key: key.get_ref().to_string(),
            // A document has lines; a value of the environment has none.
            line: Some(self.notes.line(key.span().start)),
            example: example.into(),
            value: value.get_ref(),
        }
    }
}

/// `{ env = "…" }`: the value of a key rather than a table with a name.
fn is_secret(table: &DeTable) -> bool {
    !table.is_empty() && table.keys().all(|key| matches!(key.get_ref().as_ref(), "env" | "file"))
}

/// As TOML writes it.
pub(super) fn quoted(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !key.is_empty() && key.chars().all(bare) { key.to_owned() } else { format!("{key:?}") }
}
