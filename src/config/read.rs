//! Reading a TOML table key by key: every problem is noted with its line, and reading goes on.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use url::Url;

use super::problem::Problem;
use super::{Env, SecretSource, var};
use crate::secret::Secret;
use crate::text::{list, suggestion};
use crate::time::Duration;
use crate::units;

/// What is collected while a document is read.
pub(super) struct Notes<'a> {
    pub text: &'a str,
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

    pub fn problem(&self, key: &str, line: Option<usize>, message: impl Into<String>, hint: Option<String>) {
        self.problems.borrow_mut().push(Problem { key: key.into(), line, message: message.into(), hint });
    }

    pub fn advise(&self, key: &str, line: Option<usize>, message: impl Into<String>, hint: Option<String>) {
        self.advice.borrow_mut().push(Problem { key: key.into(), line, message: message.into(), hint });
    }

    fn path(&self, text: &str) -> PathBuf {
        match (text.strip_prefix("~/"), var(self.env, "HOME")) {
            (Some(rest), Some(home)) => Path::new(&home).join(rest),
            _ => self.base.join(text),
        }
    }
}

/// One table. The keys that were asked for are the keys that it knows.
pub(super) struct Section<'a> {
    pub notes: &'a Notes<'a>,
    /// `vps.tokyo`; empty at the top.
    pub path: String,
    /// The last part of the path.
    pub name: String,
    pub line: usize,
    table: &'a DeTable<'a>,
    known: Vec<&'static str>,
}

/// One value, with where it stands.
pub(super) struct Field<'a> {
    notes: &'a Notes<'a>,
    pub path: String,
    key: String,
    /// `None` outside a document.
    pub line: Option<usize>,
    pub value: &'a DeValue<'a>,
}

impl<'a> Section<'a> {
    pub fn top(notes: &'a Notes<'a>, table: &'a DeTable<'a>) -> Self {
        Self { notes, path: String::new(), name: String::new(), line: 1, table, known: Vec::new() }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { quoted(key) } else { format!("{}.{}", self.path, quoted(key)) }
    }

    /// Notes something about a key of this table, or about the table itself where the key is absent.
    pub fn problem(&self, key: &str, message: impl Into<String>, hint: impl Into<String>) {
        let line = self.entry(key).map_or(self.line, |(key, _)| self.notes.line(key.span().start));
        let hint = Some(hint.into()).filter(|hint: &String| !hint.is_empty());
        self.notes.problem(&self.path_of(key), Some(line), message, hint);
    }

    fn entry(&self, key: &str) -> Option<(&'a Spanned<toml::de::DeString<'a>>, &'a Spanned<DeValue<'a>>)> {
        self.table.iter().find(|(name, _)| name.get_ref() == key)
    }

    fn field(&self, key: &'a Spanned<toml::de::DeString<'a>>, value: &'a Spanned<DeValue<'a>>) -> Field<'a> {
        Field {
            notes: self.notes,
            path: self.path_of(key.get_ref()),
            key: key.get_ref().to_string(),
            line: Some(self.notes.line(key.span().start)),
            value: value.get_ref(),
        }
    }

    pub fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    pub fn get(&mut self, key: &'static str) -> Option<Field<'a>> {
        self.known.push(key);
        self.entry(key).map(|(key, value)| self.field(key, value))
    }

    /// All keys, whatever they are; for tables whose keys are the user's.
    pub fn all(&self) -> Vec<Field<'a>> {
        let mut entries: Vec<_> = self.table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        entries.into_iter().map(|(key, value)| self.field(key, value)).collect()
    }

    /// The value of a key that must be there; `example` is what to write.
    pub fn required<T>(&self, key: &str, value: Option<T>, example: &str) -> Option<T> {
        if value.is_none() && !self.has(key) {
            self.problem(key, "is missing", format!("write `{key} = {example}`"));
        }
        value
    }

    pub fn text(&mut self, key: &'static str, example: &str) -> Option<String> {
        self.get(key)?.text(example)
    }

    pub fn flag(&mut self, key: &'static str) -> Option<bool> {
        let field = self.get(key)?;
        match field.value {
            DeValue::Boolean(value) => Some(*value),
            _ => field.wrong("true or false", "true"),
        }
    }

    /// A whole number of at least 1.
    pub fn number(&mut self, key: &'static str, example: &str) -> Option<u64> {
        let field = self.get(key)?;
        match field.value {
            DeValue::Integer(number) => match field.integer(number) {
                Some(number) if number > 0 => u64::try_from(number).ok(),
                _ => field.refuse(format!("`{number}` is out of range"), format!("write `{key} = {example}`")),
            },
            _ => field.wrong("a whole number", example),
        }
    }

    /// As [`Section::number`], for what is counted in memory.
    pub fn count(&mut self, key: &'static str, example: &str) -> Option<usize> {
        self.number(key, example).and_then(|number| usize::try_from(number).ok())
    }

    pub fn duration(&mut self, key: &'static str) -> Option<Duration> {
        let field = self.get(key)?;
        match field.value {
            DeValue::String(text) => match units::parse_duration(text) {
                Ok(duration) if duration > Duration::ZERO => Some(duration),
                Ok(_) => field.refuse(format!("`{text}` is no time at all"), format!("write `{key} = \"30s\"`")),
                Err(error) => field.refuse(error.message.clone(), error.hint.clone().unwrap_or_default()),
            },
            DeValue::Integer(_) | DeValue::Float(_) => {
                let number = field.number_text();
                field.refuse(
                    format!("the unit of `{number}` is missing"),
                    format!("write `{key} = \"{number}s\"` or `{key} = \"{number}m\"`"),
                )
            }
            _ => field.wrong("a length of time", "\"30s\""),
        }
    }

    /// A size in bytes.
    pub fn size(&mut self, key: &'static str) -> Option<u64> {
        let field = self.get(key)?;
        match field.value {
            DeValue::String(text) => match units::parse_size(text) {
                Ok(size) if size > 0 => u64::try_from(size).ok(),
                Ok(_) => field.refuse(format!("`{text}` is nothing"), format!("write `{key} = \"16 MiB\"`")),
                Err(error) => field.refuse(error.message.clone(), error.hint.clone().unwrap_or_default()),
            },
            DeValue::Integer(_) | DeValue::Float(_) => {
                let number = field.number_text();
                field.refuse(
                    format!("the unit of `{number}` is missing"),
                    format!("write `{key} = \"{number} B\"` or `{key} = \"{number} MiB\"`"),
                )
            }
            _ => field.wrong("a size", "\"16 MiB\""),
        }
    }

    pub fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        let text = self.text(key, &format!("\"{key}\""))?;
        Some(self.notes.path(&text))
    }

    pub fn texts(&mut self, key: &'static str, example: &str) -> Option<Vec<String>> {
        self.get(key)?.texts(example)
    }

    /// One word of a list.
    pub fn word(&mut self, key: &'static str, words: &[&'static str]) -> Option<&'static str> {
        let field = self.get(key)?;
        let example = format!("\"{}\"", words.first().copied().unwrap_or_default());
        let text = field.text(&example)?;
        let found = words.iter().copied().find(|word| *word == text);
        found.or_else(|| {
            let hint = suggestion(&text, words.iter().copied()).unwrap_or_default();
            field.refuse(format!("`{text}` is unknown: it must be {}", list(words.iter().copied(), "or")), hint)
        })
    }

    /// The address of a server, without a `/` at its end.
    pub fn url(&mut self, key: &'static str, schemes: &[&str], example: &str) -> Option<String> {
        self.get(key)?.url(schemes, example)
    }

    pub fn secret(&mut self, key: &'static str) -> Option<SecretSource> {
        self.get(key)?.secret()
    }

    /// The tables of a table, by name: `[vps.tokyo]`, `[vps.oslo]`.
    pub fn sections(&mut self, key: &'static str) -> Vec<Section<'a>> {
        let Some(field) = self.get(key) else { return Vec::new() };
        let Some(outer) = field.section(&format!("[{key}.NAME]")) else { return Vec::new() };
        let mut sections = Vec::new();
        let mut loose = Vec::new();
        for inner in outer.all() {
            if matches!(inner.value, DeValue::Table(_)) {
                sections.extend(inner.section(""));
            } else {
                loose.push(inner);
            }
        }
        if let Some(first) = loose.first() {
            let keys = list(loose.iter().map(|field| field.key.as_str()), "and");
            let message = format!("{keys} stand{} without a name", if loose.len() == 1 { "s" } else { "" });
            let hint = format!("write `[{key}.NAME]` above {}", if loose.len() == 1 { "it" } else { "them" });
            self.notes.problem(key, first.line, message, Some(hint));
        }
        sections
    }

    /// Notes the keys that nobody asked for.
    pub fn close(self) {
        for field in self.all() {
            if !self.known.contains(&field.key.as_str()) {
                let hint = suggestion(&field.key, self.known.iter().copied())
                    .unwrap_or_else(|| format!("the keys here are {}", list(self.known.iter().copied(), "and")));
                self.notes.problem(&field.path, field.line, "is not a key that tidegate knows", Some(hint));
            }
        }
    }
}

impl<'a> Field<'a> {
    /// A value that stands in no document.
    pub fn free(notes: &'a Notes<'a>, key: &str, value: &'a DeValue<'a>) -> Self {
        Self { notes, path: key.into(), key: key.into(), line: None, value }
    }

    pub fn refuse<T>(&self, message: impl Into<String>, hint: impl Into<String>) -> Option<T> {
        let hint = hint.into();
        self.notes.problem(&self.path, self.line, message, (!hint.is_empty()).then_some(hint));
        None
    }

    /// The value is not printed: it may be a secret in the wrong place.
    pub fn wrong<T>(&self, expected: &str, example: &str) -> Option<T> {
        let found = match self.value {
            DeValue::String(_) => "text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.refuse(format!("is {found}, must be {expected}"), format!("write `{} = {example}`", self.key))
    }

    #[expect(clippy::unused_self, reason = "reads as a question to the field")]
    fn integer(&self, number: &toml::de::DeInteger) -> Option<i64> {
        i64::from_str_radix(number.as_str(), number.radix()).ok()
    }

    fn number_text(&self) -> String {
        match self.value {
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.as_str().to_owned(),
            _ => String::new(),
        }
    }

    pub fn number(&self) -> Option<f64> {
        self.number_text().replace('_', "").parse().ok()
    }

    /// Text that is not empty.
    pub fn text(&self, example: &str) -> Option<String> {
        match self.value {
            DeValue::String(text) if text.trim().is_empty() => {
                self.refuse("is empty", format!("write `{} = {example}`", self.key))
            }
            DeValue::String(text) => Some(text.to_string()),
            _ => self.wrong("text", example),
        }
    }

    pub fn texts(&self, example: &str) -> Option<Vec<String>> {
        let DeValue::Array(items) = self.value else { return self.wrong("a list of texts", example) };
        let mut texts = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::String(text) if !text.trim().is_empty() => texts.push(text.to_string()),
                _ => return self.refuse("holds something else than text", format!("write `{} = {example}`", self.key)),
            }
        }
        Some(texts)
    }

    pub fn url(&self, schemes: &[&str], example: &str) -> Option<String> {
        let text = self.text(example)?;
        let fix = format!("write `{} = {example}`", self.key);
        match Url::parse(text.trim()) {
            Ok(url) if !schemes.contains(&url.scheme()) => {
                // `10.0.0.5:8080` and `localhost:8080` parse as a scheme and a path.
                self.refuse(format!("`{}` must begin with {}", masked(&url), starts(schemes)), fix)
            }
            Ok(url) if url.host_str().is_none_or(str::is_empty) => self.refuse(format!("`{text}` names no host"), fix),
            Ok(url) => Some(url.as_str().trim_end_matches('/').to_owned()),
            Err(_) if !text.contains("://") => {
                self.refuse(format!("`{text}` must begin with {}", starts(schemes)), fix)
            }
            Err(error) => self.refuse(format!("is not an address: {error}"), fix),
        }
    }

    /// `{ env = "…" }`, `{ file = "…" }`, or the secret itself.
    pub fn secret(&self) -> Option<SecretSource> {
        let fix = || {
            let variable: String = self
                .key
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
                .collect();
            format!("write `{} = {{ env = \"{variable}\" }}` or `{0} = {{ file = \"…\" }}`", self.key)
        };
        match self.value {
            DeValue::String(text) if text.trim().is_empty() => self.refuse("is empty", fix()),
            DeValue::String(text) => {
                self.notes.advise(&self.path, self.line, "the secret itself stands in the file", Some(fix()));
                Some(SecretSource::Literal(Secret::new(text.as_ref())))
            }
            DeValue::Table(_) => {
                let mut table = self.section("")?;
                let env = table.text("env", "\"NAME\"");
                let file = table.path("file");
                let both = table.has("env") && table.has("file");
                let neither = !table.has("env") && !table.has("file");
                table.close();
                match (env, file) {
                    _ if both => self.refuse("has both `env` and `file`", fix()),
                    _ if neither => self.refuse("has neither `env` nor `file`", fix()),
                    (Some(env), _) => {
                        if var(self.notes.env, &env).is_none() {
                            self.notes.advise(
                                &self.path,
                                self.line,
                                format!("the variable `{env}` is not set"),
                                Some(format!("set it before `tidegate run`: `export {env}=…`")),
                            );
                        }
                        Some(SecretSource::Env(env))
                    }
                    (None, file) => file.map(SecretSource::File),
                }
            }
            _ => self.wrong("a secret", "{ env = \"NAME\" }"),
        }
    }

    /// The value as a table; `form` is how its header is written.
    pub fn section(&self, form: &str) -> Option<Section<'a>> {
        match self.value {
            DeValue::Table(table) => Some(Section {
                notes: self.notes,
                path: self.path.clone(),
                name: self.key.clone(),
                line: self.line.unwrap_or(1),
                table,
                known: Vec::new(),
            }),
            _ => self.refuse("must be a table", format!("write `{form}` and its keys below")),
        }
    }

    pub fn name(&self) -> &str {
        &self.key
    }
}

fn starts(schemes: &[&str]) -> String {
    let starts: Vec<_> = schemes.iter().map(|scheme| format!("{scheme}://")).collect();
    list(starts.iter().map(String::as_str), "or")
}

/// Without what stands before an `@`.
fn masked(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for addresses that cannot hold credentials.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    url.to_string()
}

/// As TOML writes it.
fn quoted(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !key.is_empty() && key.chars().all(bare) { key.to_owned() } else { format!("{key:?}") }
}
