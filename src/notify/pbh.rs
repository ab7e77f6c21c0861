//! Push channels that a PBH has: their settings in our own words.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use url::Url;

use crate::client::Args;
use crate::config::{Channel, ChannelType, SecretSource, Setting};
use crate::error::{Error, Kind, Result};
use crate::fleet::Fleet;
use crate::recorder::{self, Talk, call_row};
use crate::secret::Secret;
use crate::text::list;
use crate::time::{Duration, Time};

/// How long settings are good. What was read is used beyond that where the PBH does not answer: it may be the
/// very thing that a message is about.
const FRESH: Duration = Duration::from_seconds(600);

/// What was read, by the name of the channel here.
pub(super) struct Borrowed {
    fleet: Arc<Fleet>,
    known: Mutex<HashMap<String, (Time, Channel)>>,
}

impl Borrowed {
    pub fn new(fleet: Arc<Fleet>) -> Self {
        Self { fleet, known: Mutex::default() }
    }

    /// The channel as it stands in the PBH.
    ///
    /// # Errors
    /// Those of the request; `config` where there is no such channel, or one that has no adapter.
    pub async fn resolve(&self, channel: &Channel, talk: &Talk) -> Result<Channel> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&channel.name).cloned();
        if let Some((_, known)) = known.as_ref().filter(|(at, _)| talk.now() - *at < FRESH) {
            return Ok(known.clone());
        }
        match self.ask(channel, talk).await {
            Ok(read) => {
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                known.insert(channel.name.clone(), (talk.now(), read.clone()));
                Ok(read)
            }
            Err(error) => match known {
                Some((_, known)) if error.kind != Kind::Config => Ok(known),
                _ => Err(error),
            },
        }
    }

    async fn ask(&self, channel: &Channel, talk: &Talk) -> Result<Channel> {
        let text = |key: &str| match channel.settings.get(key) {
            Some(Setting::Text(text)) => text.as_str(),
            _ => "",
        };
        let pbh = self.fleet.pbh(Some(text("pbh")))?;
        let row = recorder::row(pbh.service(), "push_list")?;
        let channels = call_row(&pbh, row, &Args::default(), &talk.via("notify")).await?.raw()?;
        let channels = channels.as_array().map(Vec::as_slice).unwrap_or_default();
        let wanted = text("channel");
        let Some(found) = channels.iter().find(|found| found["name"].as_str() == Some(wanted)) else {
            let names: Vec<_> = channels.iter().filter_map(|found| found["name"].as_str()).collect();
            let error = Error::new(Kind::Config, format!("the PBH `{}` has no push channel `{wanted}`", pbh.name()));
            return Err(error.hint(if names.is_empty() {
                "it has none; add one in its settings".to_owned()
            } else {
                format!("it has {}", list(names, "and"))
            }));
        };
        translate(channel, found["type"].as_str().unwrap_or_default(), &found["config"])
    }
}

/// The settings of a type there as those of ours.
fn translate(outer: &Channel, kind: &str, config: &Value) -> Result<Channel> {
    let filled = |key: &str| config[key].as_str().map(str::trim).filter(|text| !text.is_empty());
    let mut settings = BTreeMap::new();
    let mut put =
        |key: &str, setting: Option<Setting>| settings.extend(setting.map(|setting| (key.to_owned(), setting)));
    let text = |key: &str| filled(key).map(|text| Setting::Text(text.into()));
    let secret = |key: &str| filled(key).map(hidden);
    let number = |key: &str| config[key].as_u64().map(Setting::Number);
    match kind {
        "telegram" => {
            put("token", secret("token"));
            put("chat", text("chatId"));
        }
        "serverchan" => {
            put("key", secret("sendKey"));
            put("channel", text("channel"));
            put("openid", text("openId"));
        }
        "pushplus" => {
            put("token", secret("token"));
            put("topic", text("topic"));
            put("channel", text("channel"));
        }
        "bark" => {
            put("url", text("backend_url"));
            put("key", secret("device_key"));
            put("group", text("message_group"));
        }
        "pushdeer" => {
            put("url", text("endpoint"));
            put("key", secret("pushkey"));
        }
        "gotify" => {
            // The whole address, `https://host/message?token=…`.
            let (url, token) = gotify(filled("endpoint").unwrap_or_default());
            put("url", url.map(Setting::Text));
            put("token", token.as_deref().map(hidden).or_else(|| secret("token")));
            put("priority", number("priority").filter(|_| config["priority"].as_u64() > Some(0)));
        }
        "ntfy" => {
            put("url", text("server_url"));
            put("topic", secret("topic"));
            put("token", secret("token"));
            put("priority", number("priority").filter(|_| (1..=5).contains(&config["priority"].as_i64().unwrap_or(0))));
            put("tags", tags(&config["tags"]).map(Setting::Texts));
        }
        "smtp" => {
            put("host", text("host"));
            put("port", number("port"));
            put("encryption", Some(Setting::Text(encryption(filled("encryption").unwrap_or_default()).into())));
            if config["auth"].as_bool() == Some(true) {
                put("username", text("username"));
                put("password", secret("password"));
            }
            let sender = filled("sender").unwrap_or_default();
            let from = filled("senderName").map_or_else(|| sender.to_owned(), |name| format!("{name:?} <{sender}>"));
            put("from", Some(Setting::Text(from)));
            put("to", tags(&config["receivers"]).map(Setting::Texts));
        }
        "webhook" => {
            put("url", secret("url"));
            put("method", text("method"));
            put("content_type", text("content_type"));
            put("body", text("body_template"));
            let headers = config["headers"].as_object().into_iter().flatten();
            let pair = |(name, value): (&String, &Value)| Some((name.clone(), literal(value.as_str()?)));
            put("headers", Some(Setting::Pairs(headers.filter_map(pair).collect())));
        }
        other => {
            return Err(Error::new(
                Kind::Unsupported,
                format!("PBH's push channel is of the type `{other}`, which tidegate does not know"),
            )
            .hint("configure the channel in tidegate.toml instead"));
        }
    }
    let kind = ChannelType::of(kind).ok_or_else(|| Error::internal(format!("there is no type of channel `{kind}`")))?;
    Ok(Channel { kind, settings, ..outer.clone() })
}

fn hidden(text: &str) -> Setting {
    Setting::Secret(literal(text))
}

fn literal(text: &str) -> SecretSource {
    SecretSource::Literal(Secret::new(text))
}

fn gotify(endpoint: &str) -> (Option<String>, Option<String>) {
    let Ok(mut url) = Url::parse(endpoint) else { return ((!endpoint.is_empty()).then(|| endpoint.into()), None) };
    let token = url.query_pairs().find(|(key, _)| key == "token").map(|(_, token)| token.into_owned());
    url.set_query(None);
    let server = url.as_str().trim_end_matches('/').trim_end_matches("/message").trim_end_matches('/').to_owned();
    (Some(server), token)
}

fn encryption(word: &str) -> &'static str {
    match word.to_ascii_uppercase().as_str() {
        "NONE" | "" => "none",
        "STARTTLS" | "ENFORCE_STARTTLS" => "starttls",
        _ => "tls",
    }
}

/// A list, or a text with commas.
fn tags(value: &Value) -> Option<Vec<String>> {
    let texts: Vec<String> = match value {
        Value::Array(items) => items.iter().filter_map(|item| item.as_str().map(ToOwned::to_owned)).collect(),
        Value::String(text) => text.split(',').map(|part| part.trim().to_owned()).collect(),
        _ => Vec::new(),
    };
    let texts: Vec<_> = texts.into_iter().filter(|text| !text.is_empty()).collect();
    (!texts.is_empty()).then_some(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_gotify_hold_the_token() {
        let read = |text: &str| {
            let (url, token) = gotify(text);
            (url.unwrap_or_default(), token.unwrap_or_default())
        };
        assert_eq!(read("http://h:7070/message?token=abc"), ("http://h:7070".into(), "abc".into()));
        assert_eq!(read("https://h/sub/message/?token=abc"), ("https://h/sub".into(), "abc".into()));
        assert_eq!(read("https://h"), ("https://h".into(), String::new()));
    }

    #[test]
    fn words_of_encryption_are_those_of_pbh() {
        assert_eq!(
            ["NONE", "STARTTLS", "ENFORCE_STARTTLS", "SSLTLS"].map(encryption),
            ["none", "starttls", "starttls", "tls"]
        );
    }
}
