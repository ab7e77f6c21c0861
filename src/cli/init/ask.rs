//! Questions to whoever is there.

use std::io::BufRead as _;

use super::Session;
use super::hidden::{self, Typed};
use crate::error::{Error, Kind, Result};
use crate::language::Language;

/// Asks a person, or takes what is usual where there is none.
pub(super) struct Ask<'a> {
    pub session: &'a Session,
    pub person: bool,
    pub language: Language,
}

impl Ask<'_> {
    /// One of two spellings of the same.
    pub fn pick<'a>(&self, english: &'a str, chinese: &'a str) -> &'a str {
        self.language.pick(english, chinese)
    }

    /// The same, of texts that were put together.
    pub fn either(&self, english: String, chinese: String) -> String {
        match self.language {
            Language::English => english,
            Language::Chinese => chinese,
        }
    }

    /// A remark, for people.
    pub fn say(&self, english: &str, chinese: &str) {
        self.session.say(self.pick(english, chinese));
    }

    /// The answer, without what surrounds it; nothing where it is empty, or nobody is there.
    ///
    /// # Errors
    /// `argument` where whoever was there has gone.
    pub fn text(&self, english: &str, chinese: &str) -> Result<Option<String>> {
        if !self.person {
            return Ok(None);
        }
        self.session.say(self.pick(english, chinese));
        let mut answer = String::new();
        match std::io::stdin().lock().read_line(&mut answer) {
            Ok(1..) => Ok(trimmed(&answer)),
            _ => Err(gone()),
        }
    }

    /// The same for a secret, which is not shown while it is typed.
    ///
    /// # Errors
    /// As of [`Self::text`], and `cancelled` at Ctrl-C.
    pub fn secret(&self, english: &str, chinese: &str) -> Result<Option<String>> {
        if !self.person {
            return Ok(None);
        }
        let question = || self.session.say(&format!("{}\r", self.pick(english, chinese)));
        match hidden::line(question) {
            Ok(Typed::Line(answer)) => Ok(trimmed(&answer)),
            Ok(Typed::Interrupted) => Err(Error::new(Kind::Cancelled, "interrupted")),
            Ok(Typed::Ended) | Err(_) => Err(gone()),
        }
    }

    /// Asks until the answer is understood. What `read` does not understand it says why.
    ///
    /// # Errors
    /// As of [`Self::text`].
    pub fn until<T>(
        &self,
        english: &str,
        chinese: &str,
        read: impl Fn(Option<&str>) -> Result<T, String>,
    ) -> Result<T> {
        loop {
            match read(self.text(english, chinese)?.as_deref()) {
                Ok(answer) => return Ok(answer),
                Err(why) if self.person => self.session.say(&self.language.say(&why)),
                Err(why) => return Err(Error::new(Kind::Argument, why)),
            }
        }
    }

    /// Yes or no.
    ///
    /// # Errors
    /// As of [`Self::text`].
    pub fn yes(&self, english: &str, chinese: &str, usual: bool) -> Result<bool> {
        let hint = if usual { "[Y/n]" } else { "[y/N]" };
        self.until(&format!("{english} {hint}"), &format!("{chinese} {hint}"), |answer| {
            match answer.map(str::to_lowercase).as_deref() {
                None => Ok(usual),
                Some("y" | "yes" | "是") => Ok(true),
                Some("n" | "no" | "否" | "不是") => Ok(false),
                Some(_) => Err(self.pick("Write y or n.", "请写 y 或 n。").into()),
            }
        })
    }
}

fn trimmed(answer: &str) -> Option<String> {
    Some(answer.trim().to_owned()).filter(|answer| !answer.is_empty())
}

fn gone() -> Error {
    Error::new(Kind::Argument, "the answers ended before the questions; nothing was written")
        .hint("start again, or take what is usual with `tidegate init --yes`")
}
