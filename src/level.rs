//! How much a line of the log or a message matters.

use serde::{Deserialize, Serialize};

/// How much a line or a message matters.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    /// What a message may say of itself.
    pub const OF_MESSAGES: [&'static str; 3] = ["info", "warn", "error"];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// The level of a message by its word.
    pub fn of_message(word: &str) -> Option<Self> {
        [Self::Info, Self::Warn, Self::Error].into_iter().find(|level| level.word() == word)
    }
}
