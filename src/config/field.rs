//! One value of a configuration, read as what it should be.

use std::path::PathBuf;

use toml::de::DeValue;
use url::Url;

use super::read::{Notes, Section};
use super::{Proxy, SecretSource, var};
use crate::error::Error;
use crate::secret::Secret;
use crate::text::{list, nearest};
use crate::time::Duration;
use crate::units;

const WEB: [&str; 2] = ["http", "https"];

/// One value, with where it stands. Each reader gives `None` after noting what is wrong.
pub(super) struct Field<'a> {
    pub notes: &'a Notes<'a>,
    /// `vps.tokyo.veid`.
    pub path: String,
    pub key: String,
    /// `None` outside a document.
    pub line: Option<usize>,
    /// What could be written there, as TOML; empty where the key is the user's.
    pub example: String,
    pub value: &'a DeValue<'a>,
}

impl<'a> Field<'a> {
    pub fn refuse<T>(&self, message: impl Into<String>, hint: impl Into<String>) -> Option<T> {
        self.notes.problem(&self.path, self.line, message, hint);
        None
    }

    /// What to write, as a sentence.
    fn fix(&self) -> String {
        match (self.line, self.example.is_empty()) {
            (_, true) => String::new(),
            (Some(_), _) => format!("write `{} = {}`", self.key, self.example),
            (None, _) => format!("set `{}={}`", self.key, self.example),
        }
    }

    /// The value is not printed: it may be a secret in the wrong place.
    fn wrong<T>(&self, expected: &str) -> Option<T> {
        let found = match self.value {
            DeValue::String(_) => "text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.refuse(format!("is {found}, must be {expected}"), self.fix())
    }

    pub fn flag(self) -> Option<bool> {
        match self.value {
            DeValue::Boolean(value) => Some(*value),
            _ => self.wrong("true or false"),
        }
    }

    /// A whole number of at least 1.
    pub fn number(self) -> Option<u64> {
        let DeValue::Integer(number) = self.value else { return self.wrong("a whole number") };
        match i64::from_str_radix(number.as_str(), number.radix()).ok().and_then(|number| u64::try_from(number).ok()) {
            Some(number) if number > 0 => Some(number),
            _ => self.refuse(format!("`{number}` is out of range"), self.fix()),
        }
    }

    /// A whole number, 0 among them.
    pub fn whole(self) -> Option<u32> {
        let DeValue::Integer(number) = self.value else { return self.wrong("a whole number") };
        let whole =
            i64::from_str_radix(number.as_str(), number.radix()).ok().and_then(|number| u32::try_from(number).ok());
        whole.or_else(|| self.refuse(format!("`{number}` is out of range"), self.fix()))
    }

    /// As [`Field::number`], for what is counted in memory.
    pub fn count(self) -> Option<usize> {
        self.number().and_then(|number| usize::try_from(number).ok())
    }

    /// As it is written.
    fn digits(&self) -> Option<String> {
        match self.value {
            DeValue::Integer(number) => Some(number.to_string()),
            DeValue::Float(number) => Some(number.as_str().to_owned()),
            _ => None,
        }
    }

    pub fn duration(self) -> Option<Duration> {
        self.measure("a length of time", ["s", "m"], |text| {
            units::parse_duration(text).map(|duration| Some(duration).filter(|duration| *duration > Duration::ZERO))
        })
    }

    /// A size in bytes.
    pub fn size(self) -> Option<u64> {
        self.measure("a size", [" B", " MiB"], |text| {
            units::parse_size(text).map(|size| u64::try_from(size).ok().filter(|size| *size > 0))
        })
    }

    /// A number with a unit; a bare number is refused with two units that it could have.
    fn measure<T>(self, what: &str, units: [&str; 2], parse: impl Fn(&str) -> Result<Option<T>, Error>) -> Option<T> {
        if let Some(number) = self.digits() {
            let [one, other] = units.map(|unit| format!("`{} = \"{number}{unit}\"`", self.key));
            return self.refuse(format!("the unit of `{number}` is missing"), format!("write {one} or {other}"));
        }
        let DeValue::String(text) = self.value else { return self.wrong(what) };
        match parse(text) {
            Ok(Some(value)) => Some(value),
            Ok(None) => self.refuse(format!("`{text}` is not more than nothing"), self.fix()),
            Err(error) => self.refuse(error.message.clone(), error.hint.clone().unwrap_or_default()),
        }
    }

    /// Text that is not empty.
    pub fn text(self) -> Option<String> {
        self.text_of().map(Into::into)
    }

    /// As [`Field::text`], for readers that may still refuse it.
    pub fn text_of(&self) -> Option<&'a str> {
        match self.value {
            DeValue::String(text) if text.trim().is_empty() => self.refuse("is empty", self.fix()),
            DeValue::String(text) => Some(text),
            _ => self.wrong("text"),
        }
    }

    pub fn texts(self) -> Option<Vec<String>> {
        let DeValue::Array(items) = self.value else { return self.wrong("a list of texts") };
        let text = |item: &DeValue| item.as_str().filter(|text| !text.trim().is_empty()).map(ToOwned::to_owned);
        let texts: Option<_> = items.iter().map(|item| text(item.get_ref())).collect();
        texts.or_else(|| self.refuse("holds something other than text", self.fix()))
    }

    pub fn path(self) -> Option<PathBuf> {
        self.text_of().map(|text| self.notes.path(text))
    }

    /// One word of a list.
    pub fn word(self, words: &[&'static str]) -> Option<&'static str> {
        let text = self.text_of()?;
        let found = words.iter().copied().find(|word| *word == text);
        found.or_else(|| {
            let hint = nearest(text, words.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            let known = list(words.iter().copied(), "or");
            self.refuse(format!("`{text}` must be {known}"), hint.unwrap_or_else(|| self.fix()))
        })
    }

    /// The address of a server, without a `/` at its end: paths are added to it.
    pub fn server(self) -> Option<String> {
        let url = self.url(&WEB)?;
        if !url.username().is_empty() || url.password().is_some() {
            return self.refuse("holds a user name or a password", "take it out: a login has keys of its own");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return self.refuse("goes on after its path", "take away what begins with `?` or `#`");
        }
        Some(url.as_str().trim_end_matches('/').to_owned())
    }

    /// An address that is used as it is.
    pub fn link(self) -> Option<String> {
        self.url(&WEB).map(Into::into)
    }

    pub fn proxy(self) -> Option<Proxy> {
        self.url(&["http", "https", "socks5", "socks5h"]).map(|url| Proxy::new(url.as_str().trim_end_matches('/')))
    }

    fn url(&self, schemes: &[&str]) -> Option<Url> {
        let text = self.text_of()?.trim();
        // An address may hold a password before its `@`, so what is not understood is not printed.
        let shown = if text.contains('@') { String::new() } else { format!("`{text}` ") };
        match Url::parse(text) {
            Ok(url) if schemes.contains(&url.scheme()) => Some(url),
            Err(error) if text.contains("://") => self.refuse(format!("{shown}is not an address: {error}"), self.fix()),
            // `localhost:8080` parses as a scheme and a path.
            _ => {
                let starts: Vec<_> = schemes.iter().map(|scheme| format!("{scheme}://")).collect();
                let starts = list(starts.iter().map(String::as_str), "or");
                self.refuse(format!("{shown}must begin with {starts}"), self.fix())
            }
        }
    }

    /// `{ env = "…" }`, `{ file = "…" }`, or the secret itself.
    pub fn secret(self) -> Option<SecretSource> {
        let fix = format!("write `{} = {{ env = \"NAME\" }}` or `{0} = {{ file = \"PATH\" }}`", self.key);
        match self.value {
            DeValue::String(text) if text.trim().is_empty() => self.refuse("is empty", fix),
            DeValue::String(text) => {
                self.notes.advise(&self.path, self.line, "the secret itself stands in the file", fix);
                Some(SecretSource::Literal(Secret::new(text)))
            }
            DeValue::Table(_) => {
                let mut table = self.section("")?;
                let env = table.get("env", "\"NAME\"");
                let file = table.get("file", "\"PATH\"");
                table.close();
                match (env, file) {
                    (Some(_), Some(_)) => self.refuse("has both `env` and `file`", fix),
                    (None, None) if table.is_empty() => self.refuse("has neither `env` nor `file`", fix),
                    // The key that stands there instead was noted.
                    (None, None) => None,
                    (Some(env), None) => Some(SecretSource::Env(self.set(env.text()?))),
                    (None, Some(file)) => Some(SecretSource::File(file.path()?)),
                }
            }
            _ => self.refuse("must be a secret", fix),
        }
    }

    /// The name of a variable, after looking whether it is set.
    fn set(&self, name: String) -> String {
        if var(self.notes.env, &name).is_none() {
            let hint = format!("set it before `tidegate run`: `export {name}=…`");
            self.notes.advise(&self.path, self.line, format!("the variable `{name}` is not set"), hint);
        }
        name
    }

    /// The value as a table; `form` is how it is written.
    pub fn section(&self, form: &str) -> Option<Section<'a>> {
        match self.value {
            DeValue::Table(table) => Some(Section::new(self.notes, &self.path, &self.key, self.line, table)),
            _ => self.refuse("must be a table", format!("write `{form}`")),
        }
    }
}
