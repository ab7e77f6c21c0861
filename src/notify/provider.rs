//! What all adapters share: settings, the request that one makes, and what an answer means.

use reqwest::Method;
use serde_json::Value;

use crate::config::channels::Limit;
use crate::config::{Channel, Setting};
use crate::error::{Error, Kind, Result};
use crate::http::Body;
use crate::secret::Secret;
use crate::time::{Duration, Time};
use crate::vault::Vault;

use super::cut::{cut, size};
use super::message::Message;

/// A service that takes messages over HTTP.
pub(super) trait Provider: Sync {
    /// # Errors
    /// `config` where a setting is missing or a secret cannot be read.
    fn request(&self, settings: &Settings, message: &Message) -> Result<Outgoing>;

    /// What the answer means; a 2xx status alone says nothing for those that have a code of their own.
    ///
    /// # Errors
    /// What the service says went wrong.
    fn verdict(&self, answer: &Answer) -> Result<(), Refusal> {
        answer.by_status()
    }
}

/// A request to a service.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub method: Method,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub query: Vec<(String, String)>,
    pub body: Body,
}

impl Outgoing {
    pub fn post(url: String, body: Value) -> Self {
        Self { method: Method::POST, url, headers: Vec::new(), query: Vec::new(), body: Body::Json(body) }
    }
}

/// What a service answered.
pub(super) struct Answer {
    pub status: u16,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<i64>,
    /// Null where it is no JSON.
    pub json: Value,
}

/// Why a message was not taken, and how long to wait before it is sent again, where the service said so.
#[derive(Debug)]
pub(super) struct Refusal {
    pub error: Error,
    pub wait: Option<Duration>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, wait: None }
    }
}

impl Answer {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// For services that answer with a status and no more.
    pub fn by_status(&self) -> Result<(), Refusal> {
        if self.is_success() { Ok(()) } else { Err(self.refused(None, &self.words(&["message", "error", "msg"]))) }
    }

    /// For services whose answer has a number of its own, and `right` means that all went well.
    pub fn by_code(&self, key: &str, right: i64, words: &[&str]) -> Result<(), Refusal> {
        match self.json[key].as_i64() {
            Some(code) if code == right && self.is_success() => Ok(()),
            Some(code) => Err(self.refused(Some(code), &self.words(words))),
            None if self.is_success() => Err(Error::new(Kind::Protocol, format!("the answer has no `{key}`"))
                .status(self.status)
                .hint("is `url` really that service?")
                .into()),
            None => self.by_status(),
        }
    }

    /// The first of these fields that is a text.
    pub fn words(&self, keys: &[&str]) -> String {
        let text = keys.iter().find_map(|key| self.json[*key].as_str()).filter(|text| !text.trim().is_empty());
        text.map(|text| crate::text::clip(text.trim(), 300).into_owned()).unwrap_or_default()
    }

    /// The error for a refusal; `code` is the service's own number.
    pub fn refused(&self, code: Option<i64>, words: &str) -> Refusal {
        let kind = match self.status {
            401 | 403 => Kind::Auth,
            429 => Kind::RateLimit,
            _ if code.is_some() || !words.is_empty() => Kind::Api,
            _ => Kind::Http,
        };
        let mut message = match words {
            "" if self.is_success() => "refused without a reason".to_owned(),
            "" => format!("answered with status {}", self.status),
            words => format!("refused: {words}"),
        };
        if let Some(code) = code.filter(|code| *code != i64::from(self.status)) {
            message += &format!(" (code {code})");
        }
        let mut error = Error::new(kind, message).status(self.status);
        error.code = code;
        if kind == Kind::Auth {
            error = error.hint("is the token or key of the channel right?");
        }
        Refusal { error, wait: self.retry_after.map(Duration::from_seconds) }
    }
}

impl Refusal {
    /// Says which sort of refusal a service's own number stands for.
    #[must_use]
    pub fn sorted(mut self, auth: &[i64], rate: &[i64]) -> Self {
        let code = self.error.code.unwrap_or_default();
        if auth.contains(&code) {
            self.error.kind = Kind::Auth;
            self.error.hint = Some("is the token, key or address of the channel right?".into());
        } else if rate.contains(&code) {
            self.error.kind = Kind::RateLimit;
            self.error.retryable = true;
            self.error.hint = Some("set `per_hour` for this channel".into());
        }
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: &str) -> Self {
        self.error.hint = Some(hint.into());
        self
    }
}

/// The settings of a channel, secrets read and known to the masker.
pub(super) struct Settings<'a> {
    pub channel: &'a Channel,
    pub vault: &'a Vault,
    pub now: Time,
    pub zone: chrono_tz::Tz,
}

impl Settings<'_> {
    fn expose(&self, setting: &Setting) -> Result<Option<String>> {
        match setting {
            Setting::Text(text) => Ok(Some(text.clone())),
            Setting::Secret(source) => self.vault.read(source).map(|secret| Some(secret.expose().to_owned())),
            _ => Ok(None),
        }
    }

    pub fn text(&self, key: &str) -> Result<Option<String>> {
        self.channel.settings.get(key).map_or(Ok(None), |setting| self.expose(setting))
    }

    pub fn need(&self, key: &str) -> Result<String> {
        self.text(key)?.ok_or_else(|| {
            Error::new(Kind::Config, format!("the channel `{}` has no `{key}`", self.channel.name))
                .hint(format!("write `{key} = \"…\"` under `[notify.{}]`", self.channel.name))
        })
    }

    /// An address that holds a key: it is masked as a whole, and so is each part that could be the key.
    pub fn link(&self) -> Result<String> {
        let link = self.need("url")?;
        if let Ok(url) = url::Url::parse(&link) {
            self.vault.hide(&Secret::new(&link));
            let parts = url.path_segments().into_iter().flatten().map(ToOwned::to_owned);
            let values = url.query_pairs().map(|(_, value)| value.into_owned());
            for part in parts.chain(values).filter(|part| part.len() >= 16) {
                self.vault.hide(&Secret::new(part));
            }
        }
        Ok(link)
    }

    /// The server's address without a slash at its end.
    pub fn server(&self) -> Result<String> {
        let own = self.text("url")?;
        let url = own.or_else(|| self.channel.kind.url.map(ToOwned::to_owned));
        url.map(|url| url.trim_end_matches('/').to_owned())
            .ok_or_else(|| Error::new(Kind::Config, format!("the channel `{}` has no `url`", self.channel.name)))
    }

    pub fn texts(&self, key: &str) -> Vec<String> {
        match self.channel.settings.get(key) {
            Some(Setting::Texts(texts)) => texts.clone(),
            _ => Vec::new(),
        }
    }

    pub fn pairs(&self, key: &str) -> Result<Vec<(String, String)>> {
        let Some(Setting::Pairs(pairs)) = self.channel.settings.get(key) else { return Ok(Vec::new()) };
        pairs.iter().map(|(name, value)| Ok((name.clone(), self.vault.read(value)?.expose().to_owned()))).collect()
    }

    pub fn number(&self, key: &str) -> Option<u64> {
        match self.channel.settings.get(key) {
            Some(Setting::Number(number)) => Some(*number),
            _ => None,
        }
    }

    pub fn flag(&self, key: &str) -> bool {
        matches!(self.channel.settings.get(key), Some(Setting::Bool(true)))
    }

    /// The heading, cut to what fits.
    pub fn heading(&self, message: &Message) -> String {
        cut(message.heading(), self.channel.kind.title).into_owned()
    }

    /// A text, cut to what fits.
    pub fn fit(&self, text: &str) -> String {
        cut(text, self.channel.kind.text).into_owned()
    }

    /// The text alone, cut to what fits.
    pub fn body(&self, message: &Message) -> String {
        self.fit(&message.text)
    }

    /// Title and text in one, cut to what fits.
    pub fn joined(&self, message: &Message) -> String {
        self.fit(&message.joined())
    }

    /// The text, cut to what fits beside a title that takes of the same room.
    pub fn beside(&self, message: &Message, taken: &str) -> String {
        let limit = match self.channel.kind.text {
            Limit::Most(most, unit) => Limit::Most(most.saturating_sub(size(taken, unit)), unit),
            Limit::None => Limit::None,
        };
        cut(&message.text, limit).into_owned()
    }
}

/// A part of a path.
pub(super) fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// HMAC-SHA256 in Base64, as the robots sign.
pub(super) fn signature(key: &str, text: &str) -> Result<String> {
    use base64::Engine as _;
    use hmac::{KeyInit as _, Mac as _};
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes())
        .map_err(|error| Error::internal(error.to_string()))?;
    mac.update(text.as_bytes());
    Ok(base64::prelude::BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_rfc_4231() {
        // Test case 2 of the RFC, in Base64 instead of hexadecimal digits.
        let signed = signature("Jefe", "what do ya want for nothing?").unwrap();
        assert_eq!(signed, "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
    }
}
