//! What is said, and to whom.

use serde::{Deserialize, Serialize};

use crate::level::Level;
use crate::time::Duration;

/// A message, and whose it is.
#[derive(Clone, Debug)]
pub struct Message {
    pub title: Option<String>,
    pub text: String,
    pub level: Level,
    /// Channels by name; the default ones of the configuration where absent, the log where there are none.
    pub to: Option<Vec<String>>,
    /// What this message is about.
    pub key: Option<String>,
    /// At most one message of this key in that time.
    pub every: Option<Duration>,
    /// What is said when it is over; for messages with a key.
    pub recovery: Recovery,
    /// It says that something is over: it is filtered like what it ends, but wakes nobody.
    pub over: bool,
    /// Without a sound, where the channel can.
    pub silent: bool,
    pub script: Option<String>,
    pub trigger: Option<String>,
    pub run: Option<String>,
}

/// What follows a message with a key when its condition is over.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Recovery {
    /// A message that says so.
    #[default]
    Say,
    /// A message in these words.
    Words(String),
    Nothing,
}

impl Message {
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            title: None,
            text: text.into(),
            level: Level::Info,
            to: None,
            key: None,
            every: None,
            recovery: Recovery::Say,
            over: false,
            silent: false,
            script: None,
            trigger: None,
            run: None,
        }
    }

    /// Whether it waits for nothing: neither for the morning nor for a digest.
    pub fn urgent(&self) -> bool {
        self.level >= Level::Error && !self.over
    }

    /// What stands above it where a channel wants a title.
    pub(super) fn heading(&self) -> &str {
        self.title.as_deref().or(self.script.as_deref()).unwrap_or("tidegate")
    }

    /// It in one line.
    pub(super) fn first_line(&self) -> &str {
        let text = self.title.as_deref().unwrap_or(&self.text);
        text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
    }

    /// It in one piece, for what has no titles.
    pub(super) fn joined(&self) -> String {
        match &self.title {
            Some(title) => format!("{title}\n{}", self.text),
            None => self.text.clone(),
        }
    }
}

/// What is kept of a message until it has arrived.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Kept {
    #[serde(default)]
    pub title: Option<String>,
    pub text: String,
    pub level: Level,
    #[serde(default)]
    pub over: bool,
    #[serde(default)]
    pub silent: bool,
    #[serde(default)]
    pub script: Option<String>,
    #[serde(default)]
    pub trigger: Option<String>,
}

impl From<&Message> for Kept {
    fn from(message: &Message) -> Self {
        let Message { title, text, level, over, silent, script, trigger, .. } = message.clone();
        Self { title, text, level, over, silent, script, trigger }
    }
}

impl From<Kept> for Message {
    fn from(kept: Kept) -> Self {
        let Kept { title, text, level, over, silent, script, trigger } = kept;
        Self { title, level, over, silent, script, trigger, ..Self::new(text) }
    }
}
