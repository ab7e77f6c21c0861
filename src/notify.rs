//! Messages to people: the log, and whatever channels the configuration names.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::call::Call;
use crate::config::{Channel, Config, Proxy, Setting, Transport};
use crate::error::{Error, Kind, Result};
use crate::http::{Body, Http, Request};
use crate::journal::{Journal, Level, Line};
use crate::permission::Effect;
use crate::recorder::{Talk, millis};
use crate::store::{OWN, Store};
use crate::text::{list, suggestion};
use crate::time::Duration;
use crate::vault::Vault;

/// A message, and whose it is.
#[derive(Clone, Debug)]
pub struct Message {
    pub title: Option<String>,
    pub text: String,
    pub level: Level,
    /// Channels by name; all of the configuration where absent, the log where there are none.
    pub to: Option<Vec<String>>,
    /// With `every`: what this message is about.
    pub key: Option<String>,
    /// At most one message of this key in that time.
    pub every: Option<Duration>,
    /// Without a sound, where the channel can.
    pub silent: bool,
    pub script: Option<String>,
    pub trigger: Option<String>,
    pub run: Option<String>,
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
            silent: false,
            script: None,
            trigger: None,
            run: None,
        }
    }
}

/// Sends messages.
pub struct Notifier {
    channels: BTreeMap<String, Channel>,
    http: Http,
    vault: Arc<Vault>,
    store: Store,
    journal: Arc<dyn Journal>,
}

/// The channel that is always there.
const LOG: &str = "log";
const TIMEOUT: Duration = Duration::from_seconds(15);
/// What a channel answers is of no interest beyond its status.
const REPLY: u64 = 64 * 1024;

impl Notifier {
    pub fn new(config: &Config, http: Http, vault: Arc<Vault>, store: Store, journal: Arc<dyn Journal>) -> Self {
        Self { channels: config.notify.clone(), http, vault, store, journal }
    }

    /// The channels that a message may name.
    pub fn channels(&self) -> impl Iterator<Item = &str> {
        let log = (!self.channels.contains_key(LOG)).then_some(LOG);
        self.channels.keys().map(String::as_str).chain(log)
    }

    /// Sends to every channel at once; whether anything went out (a key that was heard of lately is silent).
    ///
    /// # Errors
    /// Where one channel fails, all that failed; the others have the message.
    pub async fn send(&self, message: &Message, talk: &Talk) -> Result<bool> {
        let to = self.targets(message)?;
        let once = once(message)?;
        if let Some((key, every)) = &once
            && !self.store.once(OWN, key, Some(*every)).await?
        {
            return Ok(false);
        }
        let outcomes = join_all(to.iter().map(|name| self.deliver(name, message, talk))).await;
        let mut failed: Vec<Error> = outcomes.into_iter().filter_map(Result::err).collect();
        if failed.is_empty() {
            return Ok(true);
        }
        if let (Some((key, _)), true) = (&once, failed.len() == to.len()) {
            // Nobody has heard it: the next one may try again.
            self.store.delete(OWN, key).await?;
        }
        let mut error = failed.remove(0);
        for other in failed {
            error.message = format!("{}; {other}", error.message);
        }
        Err(error)
    }

    fn targets(&self, message: &Message) -> Result<Vec<String>> {
        let Some(to) = &message.to else {
            let all: Vec<_> = self.channels.keys().cloned().collect();
            return Ok(if all.is_empty() { vec![LOG.into()] } else { all });
        };
        for name in to {
            if !self.channels().any(|known| known == name) {
                let known: Vec<_> = self.channels().collect();
                let error = Error::new(Kind::Argument, format!("there is no channel called `{name}`"));
                return Err(match suggestion(name, known.iter().copied()) {
                    Some(hint) => error.hint(hint),
                    None => error.hint(format!("write `[notify.{name}]` into tidegate.toml")),
                });
            }
        }
        Ok(to.clone())
    }

    /// One channel; recorded, and a failure is a warning in the journal too.
    async fn deliver(&self, name: &str, message: &Message, talk: &Talk) -> Result<()> {
        let start = talk.now();
        let kind = self.channels.get(name).map_or(LOG, |channel| channel.kind.as_str());
        let outcome = match (kind, self.channels.get(name)) {
            ("webhook", Some(channel)) => self.webhook(channel, message, talk).await,
            (LOG, _) => {
                self.log(message, talk);
                Ok(None)
            }
            (other, _) => Err(Error::new(Kind::Unsupported, format!("`{other}` is no type of channel"))
                .hint(format!("the types are {}", list([LOG, "webhook"], "and")))),
        };
        let outcome = outcome.map_err(|error| error.from_call("notify", name));
        (talk.record)(Call {
            service: "notify".into(),
            instance: name.into(),
            endpoint: name.into(),
            effect: Effect::Write,
            args: json!({"title": message.title, "text": message.text, "level": message.level}),
            status: match &outcome {
                Ok(status) => *status,
                Err(error) => error.status,
            },
            ok: outcome.is_ok(),
            ms: millis(talk.now() - start),
            via: None,
            summary: None,
        });
        outcome.map(drop).inspect_err(|error| {
            let text = format!("the message to `{name}` failed: {}", error.message);
            self.journal.write(&signed(Line::new(talk.now(), Level::Warn, "warning", text), message));
        })
    }

    fn log(&self, message: &Message, talk: &Talk) {
        let text = match &message.title {
            Some(title) => format!("{title}: {}", message.text),
            None => message.text.clone(),
        };
        self.journal.write(&signed(Line::new(talk.now(), message.level, "notify", text), message));
    }

    async fn webhook(&self, channel: &Channel, message: &Message, talk: &Talk) -> Result<Option<u16>> {
        let text = |key: &str| match channel.settings.get(key) {
            Some(Setting::Text(text)) => Ok(Some(text.clone())),
            Some(Setting::Secret(source)) => self.vault.read(source).map(|secret| Some(secret.expose().to_owned())),
            _ => Ok(None),
        };
        let url = text("url")?.ok_or_else(|| {
            Error::new(Kind::Config, format!("the channel `{}` has no `url`", channel.name))
                .hint(format!("write `url = \"https://…\"` under `[notify.{}]`", channel.name))
        })?;
        let transport = Transport {
            proxy: text("proxy")?.map(Proxy::new),
            plain_http: matches!(channel.settings.get("plain_http"), Some(Setting::Bool(true))),
            ..Transport::default()
        };
        let body: Value = json!({
            "title": message.title,
            "text": message.text,
            "level": message.level,
            "script": message.script,
            "silent": message.silent,
        });
        let request = Request {
            transport,
            method: Method::POST,
            url,
            headers: vec![("Accept".into(), "application/json".into())],
            query: Vec::new(),
            body: Body::Json(body),
            deadline: talk.within(TIMEOUT),
            max_reply: REPLY,
        };
        let reply = self.http.send(request).await?;
        let kind = match reply.status {
            200..=299 => return Ok(Some(reply.status)),
            401 | 403 => Kind::Auth,
            429 => Kind::RateLimit,
            _ => Kind::Http,
        };
        Err(Error::new(kind, format!("the channel answers with status {}", reply.status)).status(reply.status))
    }
}

/// What is said at most once, and in which time.
fn once(message: &Message) -> Result<Option<(String, Duration)>> {
    match (&message.key, message.every) {
        (Some(key), Some(every)) => {
            let script = message.script.as_deref().unwrap_or_default();
            Ok(Some((format!("notify/{script}/{key}"), every)))
        }
        (None, Some(_)) => Err(Error::new(Kind::Argument, "`every` needs a `key`")
            .hint("write `key: \"quota\"`: what is said once per period")),
        _ => Ok(None),
    }
}

fn signed(line: Line, message: &Message) -> Line {
    Line { script: message.script.clone(), trigger: message.trigger.clone(), run: message.run.clone(), ..line }
}
