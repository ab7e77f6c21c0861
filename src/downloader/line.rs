//! The way to one client: requests as they go out, recorded, and refusals in our words. How a client wants its login
//! is its own business.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Answer, Link, Raw, Talk};
use crate::call::Call;
use crate::error::{Error, Kind, Result};
use crate::http::{Body, Http, Reply, Request};
use crate::permission::Effect;
use crate::recorder::millis;
use crate::secret::MASK;
use crate::time::{Duration, Time};

/// How often a request is sent where nothing answers: a client that restarts is away for a moment.
const ATTEMPTS: i64 = 3;
/// Before the second attempt; twice that before the third.
const PAUSE: Duration = Duration::from_millis(500);

/// How long a client may take to do what it has said yes to.
const SOON: Duration = Duration::from_seconds(5);
/// Between two looks at that.
const LOOK: Duration = Duration::from_millis(200);

/// A request before it has a login.
#[derive(Clone)]
pub(super) struct Ask {
    pub method: Method,
    /// From the root of the link's address.
    pub path: String,
    pub query: Vec<(String, String)>,
    pub body: Body,
    pub effect: Effect,
    /// May go out again where nothing answers.
    pub repeat: bool,
    /// What the record shows in place of a body that holds a secret.
    pub shown: Option<Value>,
}

impl Ask {
    pub fn get(path: impl Into<String>) -> Self {
        let (method, path) = (Method::GET, path.into());
        Self { method, path, query: Vec::new(), body: Body::None, effect: Effect::Read, repeat: true, shown: None }
    }

    /// Changes something.
    pub fn post(path: impl Into<String>, body: Body) -> Self {
        let (method, path) = (Method::POST, path.into());
        Self { method, path, query: Vec::new(), body, effect: Effect::Write, repeat: false, shown: None }
    }

    /// What a script sends by itself.
    ///
    /// # Errors
    /// `argument` for a method that is none.
    pub fn raw(request: Raw) -> Result<Self> {
        let method = Method::from_bytes(request.method.to_uppercase().as_bytes()).map_err(|_| {
            Error::new(Kind::Argument, format!("`{}` is no method", request.method))
                .hint("write `\"GET\"` or `\"POST\"`")
        })?;
        let effect = request.effect();
        let body = match request.json {
            Some(json) => Body::Json(json),
            None if request.form.is_empty() => Body::None,
            None => Body::Form(request.form),
        };
        Ok(Self {
            method,
            path: request.path,
            query: request.query,
            body,
            effect,
            repeat: effect == Effect::Read,
            shown: None,
        })
    }

    /// What calls and errors name it by.
    pub fn endpoint(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// What was sent, for the record.
    fn args(&self) -> Value {
        let mut args: Map<String, Value> = Map::new();
        let form: &[(String, String)] = match &self.body {
            Body::Form(form) => form,
            _ => &[],
        };
        for (key, value) in self.query.iter().chain(form) {
            let shown = if key == "password" { MASK } else { value };
            args.insert(key.clone(), shown.into());
        }
        match &self.body {
            _ if self.shown.is_some() => args.extend(self.shown.clone().map(|shown| ("body".into(), shown))),
            Body::Json(body) => drop(args.insert("body".into(), body.clone())),
            Body::Parts(parts) => args.extend(parts.iter().map(|part| {
                let text = || String::from_utf8_lossy(&part.content).into_owned();
                (part.name.clone(), part.file.clone().unwrap_or_else(text).into())
            })),
            _ => {}
        }
        args.into()
    }
}

/// Where one client is, and the way there.
pub(super) struct Line {
    pub name: String,
    pub link: Link,
    http: Http,
}

impl Line {
    pub fn new(name: &str, link: Link, http: Http) -> Self {
        Self { name: name.into(), link, http }
    }

    /// The answer, whatever its status; what may be repeated goes out again where nothing answers. `headers` carry the
    /// login; that of a proxy in front is added unless they hold an `Authorization`.
    pub async fn send(&self, ask: &Ask, headers: &[(String, String)], talk: &Talk) -> Result<Reply> {
        let mut attempt = 1;
        loop {
            let outcome = self.once(ask, headers, talk).await;
            let again = matches!(&outcome, Err(error) if error.kind == Kind::Transport) && ask.repeat;
            let pause = Duration::from_millis(PAUSE.millis() * attempt);
            if !again || attempt == ATTEMPTS || talk.now() + pause >= talk.deadline {
                return outcome.map_err(|error| self.explain(error).from_call("downloader", &ask.endpoint()));
            }
            talk.clock.sleep_until(talk.within(pause)).await;
            attempt += 1;
        }
    }

    /// One request on the wire, recorded.
    async fn once(&self, ask: &Ask, headers: &[(String, String)], talk: &Talk) -> Result<Reply> {
        let mut headers = headers.to_vec();
        headers.push(("Accept".into(), "application/json, text/plain".into()));
        let taken = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        if let Some((user, password)) = self.link.basic.as_ref().filter(|_| !taken) {
            headers.push(("Authorization".into(), basic(user, password.expose())));
        }
        let start = talk.now();
        let outcome = self
            .http
            .send(Request {
                transport: self.link.transport.clone(),
                method: ask.method.clone(),
                url: format!("{}{}", self.link.url, ask.path),
                headers,
                query: ask.query.clone(),
                body: ask.body.clone(),
                deadline: talk.within(self.link.timeout),
                max_reply: self.link.largest_reply,
            })
            .await;
        let status = outcome.as_ref().ok().map(|reply| reply.status);
        (talk.record)(Call {
            service: "downloader".into(),
            instance: self.name.clone(),
            endpoint: ask.endpoint(),
            effect: ask.effect,
            args: ask.args(),
            status,
            ok: status.is_some_and(|status| (200..300).contains(&status)),
            ms: millis(talk.now() - start),
            bytes: outcome.as_ref().ok().map(|reply| reply.body.len() as u64),
            via: None,
            summary: None,
        });
        outcome
    }

    /// An address that means nothing here is the usual reason.
    fn explain(&self, mut error: Error) -> Error {
        if let Some(hint) = &self.link.unreachable
            && matches!(error.kind, Kind::Transport | Kind::Timeout)
        {
            error.hint = Some(hint.clone());
        }
        error
    }

    /// A login that was refused.
    pub fn wrong_login(&self, what: &str, status: u16) -> Error {
        Error::new(Kind::Auth, format!("`{}` does not accept {what}", self.name))
            .hint(format!(
                "tidegate does not try again until {what} changes where it has that from, since clients lock out \
                 whoever does"
            ))
            .status(status)
    }

    /// Everything but a success as one of our kinds.
    pub fn judge(&self, reply: &Reply) -> Result<()> {
        let said = String::from_utf8_lossy(&reply.body);
        let said = said.trim();
        let because = if said.is_empty() || said.len() > 200 || said.starts_with('<') {
            String::new()
        } else {
            format!(": {said}")
        };
        let (kind, message) = match reply.status {
            200..=299 => return Ok(()),
            401 | 403 => {
                let name = &self.name;
                return Err(Error::new(Kind::Auth, format!("`{name}` refuses access{because}"))
                    .hint(format!("give PBH its user name and password, or write them under `[downloader.{name}]`"))
                    .status(reply.status));
            }
            404 => (Kind::Unsupported, format!("the client has no such path or torrent{because}")),
            405 => (Kind::Unsupported, format!("the client does not take this method{because}")),
            400 | 409 | 415 => (Kind::Api, format!("the client refuses{because}")),
            429 => (Kind::RateLimit, format!("the client has had too many requests{because}")),
            status => (Kind::Http, format!("the client answers with status {status}{because}")),
        };
        Err(Error::new(kind, message).status(reply.status))
    }
}

/// A few seconds for a client that says yes before it has done what it was told, and ignores the opposite meanwhile. What
/// is not so by then is for the caller to find.
pub(super) struct Patience(Time);

impl Patience {
    pub fn new(talk: &Talk) -> Self {
        Self(talk.within(SOON))
    }

    /// Waits a moment, and says whether to look again.
    pub async fn again(&self, talk: &Talk) -> bool {
        let left = talk.now() < self.0;
        if left {
            talk.clock.sleep_until(talk.within(LOOK).min(self.0)).await;
        }
        left
    }
}

/// The reply as what it should be.
pub(super) fn decode<T: DeserializeOwned>(ask: &Ask, reply: &Reply, program: &str) -> Result<T> {
    serde_json::from_slice(&reply.body).map_err(|error| strange(&ask.endpoint(), program, &error).status(reply.status))
}

/// An answer that no client of that type gives.
pub(super) fn strange(endpoint: &str, program: &str, why: &dyn std::fmt::Display) -> Error {
    Error::new(Kind::Protocol, format!("the answer is not what {program} gives: {why}"))
        .from_call("downloader", endpoint)
}

/// The reply for a script: JSON where it is JSON, text otherwise.
pub(super) fn answer(reply: &Reply) -> Answer {
    let value = serde_json::from_slice(&reply.body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&reply.body).into_owned()));
    Answer { status: reply.status, value }
}

/// The value of an `Authorization` header.
pub(super) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}
