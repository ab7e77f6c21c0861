//! Messages to people: the channels of the configuration, what each of them lets through and when, and a book of
//! those that have not arrived yet.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use tokio::sync::{Mutex, Notify};

use crate::config::{Channel, Config, Runtime};
use crate::database::Database;
use crate::error::{Error, Kind, Result};
use crate::fleet::Fleet;
use crate::http::Http;
use crate::journal::{Journal, Level, Line};
use crate::recorder::{Talk, millis};
use crate::store::{OWN, Store};
use crate::text::suggestion;
use crate::time::{Duration, Time};
use crate::vault::Vault;

mod alarms;
mod announce;
mod bark;
mod cut;
mod deliver;
mod dingtalk;
mod discord;
mod feishu;
mod gotify;
mod heartbeat;
mod message;
mod ntfy;
mod outbox;
mod pbh;
mod postman;
mod provider;
mod pushdeer;
mod pushplus;
mod serverchan;
mod smtp;
mod telegram;
mod webhook;
mod wecom;
mod words;

pub use announce::Bulletin;
pub use message::{Message, Recovery};
pub use outbox::{Delivery, Reason};

use outbox::Outbox;
use pbh::Borrowed;
use words::Reader;

/// Sends messages.
pub struct Notifier {
    channels: BTreeMap<String, Channel>,
    runtime: Runtime,
    reader: Reader,
    http: Http,
    vault: Arc<Vault>,
    store: Store,
    outbox: Outbox,
    borrowed: Borrowed,
    journal: Arc<dyn Journal>,
    /// Held while it is decided whether one more message fits into the hour.
    turn: Mutex<()>,
    /// When it was told last that the run history cannot be written; it cannot be written down either.
    unwritable: std::sync::Mutex<Option<Time>>,
    /// Told when something is put aside to be sent later.
    aside: Notify,
}

/// The channel that is always there.
const LOG: &str = "log";

/// What became of a message.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// False where its key was heard of lately: then nothing else happened.
    pub fresh: bool,
    /// What went wrong, in words for people. The message is in the book and sent again, or another channel has it.
    pub troubles: Vec<String>,
}

/// How one channel took a message of its own.
#[derive(Clone, Debug)]
pub struct Tested {
    pub channel: String,
    pub kind: &'static str,
    pub ms: u64,
    pub result: Result<Option<u16>>,
}

impl Notifier {
    pub fn new(
        config: &Config,
        fleet: Arc<Fleet>,
        http: Http,
        vault: Arc<Vault>,
        store: Store,
        database: &Database,
        journal: Arc<dyn Journal>,
    ) -> Self {
        Self {
            channels: config.notify.clone(),
            runtime: config.runtime.clone(),
            reader: Reader { language: config.language, zone: config.timezone },
            http,
            vault,
            store,
            outbox: Outbox::new(database),
            borrowed: Borrowed::new(fleet),
            journal,
            turn: Mutex::default(),
            unwritable: std::sync::Mutex::default(),
            aside: Notify::new(),
        }
    }

    /// The channels that a message may name.
    pub fn channels(&self) -> impl Iterator<Item = &str> {
        let log = (!self.channels.contains_key(LOG)).then_some(LOG);
        self.channels.keys().map(String::as_str).chain(log)
    }

    /// The channels that a message goes to, after what each of them lets through.
    ///
    /// # Errors
    /// `argument` for a name that is no channel, or `every` without a key.
    pub fn chosen(&self, message: &Message) -> Result<Vec<String>> {
        once(message)?;
        let all = match &message.to {
            Some(names) => {
                names.iter().try_for_each(|name| self.known(name))?;
                let mut distinct: Vec<String> = Vec::new();
                for name in names {
                    if !distinct.contains(name) {
                        distinct.push(name.clone());
                    }
                }
                distinct
            }
            None if self.channels.is_empty() => vec![LOG.into()],
            None => self
                .channels
                .values()
                .filter(|channel| channel.policy.default)
                .map(|channel| channel.name.clone())
                .collect(),
        };
        let passes =
            |name: &String| self.channels.get(name).is_none_or(|channel| message.level >= channel.policy.min_level);
        Ok(all.into_iter().filter(passes).collect())
    }

    /// # Errors
    /// `argument` for a name that is no channel.
    pub fn known(&self, name: &str) -> Result<()> {
        if self.channels().any(|known| known == name) {
            return Ok(());
        }
        let known: Vec<_> = self.channels().collect();
        let error = Error::new(Kind::Argument, format!("there is no channel called `{name}`"));
        Err(match suggestion(name, known.iter().copied()) {
            Some(hint) => error.hint(hint),
            None => error.hint(format!("write `[notify.{name}]` into tidegate.toml")),
        })
    }

    /// Sends to every channel that it is for, at once. A channel that fails is no error: the message is kept and
    /// sent again, or its fall-back has it.
    ///
    /// # Errors
    /// `argument` for a name that is no channel, or `every` without a key.
    pub async fn send(&self, message: &Message, talk: &Talk) -> Result<Outcome> {
        let to = self.chosen(message)?;
        let message = &self.masked(message);
        if let Some((key, every)) = once(message)? {
            // Who cannot remember says it once too often rather than not at all.
            match self.store.once(OWN, &key, Some(every)).await {
                Ok(false) => return Ok(Outcome::default()),
                Ok(true) => {}
                Err(error) => self.complain(talk, &format!("what was said cannot be remembered: {error}")),
            }
        }
        self.raise(message, talk).await;
        let outcomes = join_all(to.iter().map(|name| self.deliver(name, message, talk))).await;
        Ok(Outcome { fresh: true, troubles: outcomes.into_iter().flatten().collect() })
    }

    /// Sends a message of its own to one channel, past everything that could hold it back.
    ///
    /// # Errors
    /// `argument` for a name that is no channel.
    pub async fn test(&self, name: &str, talk: &Talk) -> Result<Tested> {
        self.known(name)?;
        let message =
            Message { title: Some("tidegate".into()), level: Level::Info, ..Message::new(self.reader.test(name)) };
        let start = talk.now();
        let result = self.transmit(name, &message, talk).await.map_err(|refusal| refusal.error);
        let kind = self.channels.get(name).map_or(LOG, |channel| channel.kind.word);
        Ok(Tested { channel: name.into(), kind, ms: millis(talk.now() - start), result })
    }

    /// The newest messages and what became of them.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn deliveries(&self, n: usize) -> Result<Vec<Delivery>> {
        self.outbox.list(n).await
    }

    /// Completes when something was put aside since the last time.
    pub async fn put_aside(&self) {
        self.aside.notified().await;
    }

    fn masked(&self, message: &Message) -> Message {
        Message {
            title: message.title.as_deref().map(|title| self.vault.mask(title)),
            text: self.vault.mask(&message.text),
            ..message.clone()
        }
    }

    fn complain(&self, talk: &Talk, text: &str) {
        self.journal.write(&Line::new(talk.now(), Level::Warn, "warning", text));
    }
}

/// What is said at most once, and in which time.
fn once(message: &Message) -> Result<Option<(String, Duration)>> {
    match (&message.key, message.every) {
        (Some(key), Some(every)) => Ok(Some((said(message.script.as_deref(), key), every))),
        (None, Some(_)) => Err(Error::new(Kind::Argument, "`every` needs a `key`")
            .hint("write `key: \"quota\"`: what is said once per period")),
        _ => Ok(None),
    }
}

/// Where it is remembered that a key was heard of.
fn said(script: Option<&str>, key: &str) -> String {
    format!("notify/{}/{key}", script.unwrap_or_default())
}

fn signed(line: Line, message: &Message) -> Line {
    Line { script: message.script.clone(), trigger: message.trigger.clone(), run: message.run.clone(), ..line }
}
