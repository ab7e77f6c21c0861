//! Questions to whoever is there.

use std::io::BufRead as _;

use super::Session;
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

    /// A remark, for people.
    pub fn say(&self, english: &str, chinese: &str) {
        self.session.say(self.pick(english, chinese));
    }

    /// The answer, without what surrounds it; nothing where it is empty, or nobody is there.
    pub fn text(&self, english: &str, chinese: &str) -> Option<String> {
        if !self.person {
            return None;
        }
        self.session.say(self.pick(english, chinese));
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer).ok()?;
        Some(answer.trim().to_owned()).filter(|answer| !answer.is_empty())
    }

    /// Yes or no; what is neither is the usual answer.
    pub fn yes(&self, english: &str, chinese: &str, usual: bool) -> bool {
        let hint = if usual { "[Y/n]" } else { "[y/N]" };
        let answer = self.text(&format!("{english} {hint}"), &format!("{chinese} {hint}")).unwrap_or_default();
        match answer.to_lowercase().as_str() {
            "y" | "yes" | "是" => true,
            "n" | "no" | "否" => false,
            _ => usual,
        }
    }
}
