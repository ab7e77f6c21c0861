//! The languages that tidegate speaks, and which of them a person reads.

use std::borrow::Cow;

pub mod faults;
mod fields;
mod sentences;

/// A language that pages, help and explanations are written in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Language {
    #[default]
    English,
    Chinese,
}

impl Language {
    pub const ALL: [Self; 2] = [Self::English, Self::Chinese];

    /// One of two spellings of the same.
    pub fn pick<'a>(self, english: &'a str, chinese: &'a str) -> &'a str {
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }

    /// A sentence of ours in this language. What is not ours, such as the words of a service, stays as it is.
    pub fn say(self, english: &str) -> Cow<'_, str> {
        self.translated(english).map_or(Cow::Borrowed(english), Cow::Owned)
    }

    /// The same, and nothing where it is in English already or is not known.
    pub fn translated(self, english: &str) -> Option<String> {
        match self {
            Self::English => None,
            Self::Chinese => sentences::chinese(english),
        }
    }

    /// A sentence about a shape or field of a reply.
    pub fn of_reply(self, english: &'static str) -> &'static str {
        match self {
            Self::English => english,
            Self::Chinese => fields::chinese(english).unwrap_or(english),
        }
    }

    /// A word that stands alone: a heading, a state, an effect.
    pub fn word(self, english: &str) -> &str {
        match self {
            Self::English => english,
            Self::Chinese => sentences::alone(english).unwrap_or(english),
        }
    }

    /// The language of `en`, `zh`, `zh-CN` or `zh_CN.UTF-8`.
    pub fn of_code(code: &str) -> Option<Self> {
        match code.split(['-', '_', '.']).next()?.to_lowercase().as_str() {
            "en" => Some(Self::English),
            "zh" => Some(Self::Chinese),
            _ => None,
        }
    }

    /// What the locale of the process says; English where it says nothing that we speak.
    pub fn of_locale(env: &dyn Fn(&str) -> Option<String>) -> Self {
        // The order of POSIX: the first of these that is set decides, known to us or not.
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(env).find(|locale| !locale.is_empty());
        locale.and_then(|locale| Self::of_code(&locale)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::Language;

    #[test]
    fn the_first_locale_that_is_set_decides() {
        let locale = |set: &[(&str, &str)]| {
            Language::of_locale(&|name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(locale(&[]), Language::English);
        assert_eq!(locale(&[("LANG", "zh_CN.UTF-8")]), Language::Chinese);
        assert_eq!(locale(&[("LC_ALL", ""), ("LANG", "zh_TW")]), Language::Chinese);
        assert_eq!(locale(&[("LC_ALL", "C"), ("LANG", "zh_CN.UTF-8")]), Language::English);
    }
}
