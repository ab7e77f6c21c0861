//! Requests with a login: the session that qBittorrent wants, and its refusals as our errors.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use crate::call::Call;
use crate::clock::within;
use crate::downloader::{Link, Talk};
use crate::error::{Error, Kind, Result};
use crate::http::{Body, Http, Reply, Request};
use crate::permission::Effect;
use crate::recorder::millis;
use crate::secret::{MASK, Secret};
use crate::time::Duration;

const API: &str = "/api/v2/";
/// How often a read is sent where nothing answers: a client that restarts is away for a moment.
const ATTEMPTS: i64 = 3;
/// Before the second attempt; twice that before the third.
const PAUSE: Duration = Duration::from_millis(500);

/// A request before it has a session.
pub(super) struct Ask {
    pub method: Method,
    /// From the root, or relative to the API.
    pub path: String,
    pub query: Vec<(String, String)>,
    pub body: Body,
    pub effect: Effect,
}

impl Ask {
    pub fn get(path: &str) -> Self {
        Self { method: Method::GET, path: path.into(), query: Vec::new(), body: Body::None, effect: Effect::Read }
    }

    pub fn post(path: &str, form: &[(&str, &str)]) -> Self {
        let form = form.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        Self {
            method: Method::POST,
            path: path.into(),
            query: Vec::new(),
            body: Body::Form(form),
            effect: Effect::Write,
        }
    }

    fn path(&self) -> String {
        if self.path.starts_with('/') { self.path.clone() } else { format!("{API}{}", self.path) }
    }

    pub fn endpoint(&self) -> String {
        format!("{} {}", self.method, self.path())
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
        if let Body::Json(body) = &self.body {
            args.insert("body".into(), body.clone());
        }
        args.into()
    }
}

/// The way to one client.
pub(super) struct Session {
    name: String,
    link: Link,
    http: Http,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// `SID=…`; none where the client asks for no login.
    cookie: Option<String>,
    /// How often tidegate has logged in: tells whether somebody else has renewed the session meanwhile.
    logins: u64,
    /// The login was refused. qBittorrent locks an address out after a few of those, so there is no second one.
    refused: Option<Error>,
    version: Option<String>,
}

/// What one request goes out with.
struct Ticket {
    cookie: Option<String>,
    logins: u64,
}

impl Session {
    pub fn new(name: &str, link: Link, http: Http) -> Self {
        Self { name: name.into(), link, http, state: Mutex::default() }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn is(&self, name: &str, link: &Link) -> bool {
        self.name == name && self.link == *link
    }

    /// Sends with a session; one that has run out is renewed once.
    pub async fn send(&self, ask: &Ask, talk: &Talk) -> Result<Reply> {
        let sent = async {
            let ticket = self.ticket(None, talk).await?;
            let mut reply = self.exchange(ask, ticket.cookie.as_deref(), talk).await?;
            if matches!(reply.status, 401 | 403) && self.logs_in() {
                let ticket = self.ticket(Some(ticket.logins), talk).await?;
                reply = self.exchange(ask, ticket.cookie.as_deref(), talk).await?;
            }
            self.judge(&reply).map(|()| reply)
        };
        sent.await.map_err(|error| error.from_call("downloader", &ask.endpoint()))
    }

    /// The program's version, asked once a session: who lost it may have been restarted as another one.
    pub async fn version(&self, talk: &Talk) -> Result<String> {
        if let Some(version) = self.state.lock().await.version.clone() {
            return Ok(version);
        }
        let ask = Ask::get("app/version");
        let reply = self.send(&ask, talk).await?;
        let version = String::from_utf8_lossy(&reply.body).trim().trim_start_matches('v').to_owned();
        if !version.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(Error::new(Kind::Protocol, "what answers there is no qBittorrent: it tells no version")
                .status(reply.status)
                .from_call("downloader", &ask.endpoint()));
        }
        self.state.lock().await.version = Some(version.clone());
        Ok(version)
    }

    /// Asks for the version again next time.
    pub async fn forget_version(&self) {
        self.state.lock().await.version = None;
    }

    fn logs_in(&self) -> bool {
        self.link.api_key.is_none() && self.link.password.is_some()
    }

    /// The session to use, after a login where there is none or where `stale` is the one that has run out.
    async fn ticket(&self, stale: Option<u64>, talk: &Talk) -> Result<Ticket> {
        if !self.logs_in() {
            return Ok(Ticket { cookie: None, logins: 0 });
        }
        let mut state = within(talk.clock.as_ref(), talk.deadline, self.state.lock())
            .await
            .map_err(|_| Error::new(Kind::Timeout, format!("the login at `{}` takes too long", self.name)))?;
        if state.logins == 0 || stale == Some(state.logins) {
            if let Some(error) = &state.refused {
                return Err(error.clone());
            }
            match self.login(talk).await {
                Ok(cookie) => {
                    state.cookie = cookie;
                    state.logins += 1;
                    state.version = None;
                }
                Err(error) => {
                    if error.kind == Kind::Auth {
                        state.refused = Some(error.clone());
                    }
                    return Err(error);
                }
            }
        }
        Ok(Ticket { cookie: state.cookie.clone(), logins: state.logins })
    }

    /// The session cookie; `None` where the client lets this address in without one.
    async fn login(&self, talk: &Talk) -> Result<Option<String>> {
        let password = self.link.password.as_ref().map_or("", Secret::expose);
        let mut ask = Ask::post("auth/login", &[("username", &self.link.username), ("password", password)]);
        ask.effect = Effect::Read;
        let reply = self.exchange(&ask, None, talk).await?;
        let name = &self.name;
        let wrong = match reply.status {
            403 => format!("`{name}` has locked this address out after too many wrong logins"),
            401 => format!("`{name}` does not accept the user name or the password"),
            200..=299 if reply.body.starts_with(b"Fails") => {
                format!("`{name}` does not accept the user name or the password")
            }
            200..=299 => return Ok(cookie(&reply)),
            _ => {
                let judged = self.judge(&reply).map(|()| None);
                return judged.map_err(|error| error.from_call("downloader", &ask.endpoint()));
            }
        };
        Err(Error::new(Kind::Auth, wrong)
            .hint(
                "tidegate does not try again until user name or password change where it has them from, since the \
                 client locks out whoever does",
            )
            .status(reply.status)
            .from_call("downloader", &ask.endpoint()))
    }

    /// One request, a read again where nothing answers.
    async fn exchange(&self, ask: &Ask, cookie: Option<&str>, talk: &Talk) -> Result<Reply> {
        let mut attempt = 1;
        loop {
            let outcome = self.once(ask, cookie, talk).await;
            let again = matches!(&outcome, Err(error) if error.kind == Kind::Transport) && ask.method == Method::GET;
            let pause = Duration::from_millis(PAUSE.millis() * attempt);
            if !again || attempt == ATTEMPTS || talk.now() + pause >= talk.deadline {
                return outcome.map_err(|error| self.explain(error).from_call("downloader", &ask.endpoint()));
            }
            talk.clock.sleep_until(talk.within(pause)).await;
            attempt += 1;
        }
    }

    /// One request on the wire, recorded.
    async fn once(&self, ask: &Ask, cookie: Option<&str>, talk: &Talk) -> Result<Reply> {
        let mut headers = vec![("Accept".into(), "application/json, text/plain".into())];
        if let Some(cookie) = cookie {
            headers.push(("Cookie".into(), cookie.into()));
        }
        if let Some(key) = &self.link.api_key {
            headers.push(("Authorization".into(), format!("Bearer {}", key.expose())));
        } else if let Some((user, password)) = &self.link.basic {
            let pair = BASE64_STANDARD.encode(format!("{user}:{}", password.expose()));
            headers.push(("Authorization".into(), format!("Basic {pair}")));
        }
        let start = talk.now();
        let outcome = self
            .http
            .send(Request {
                transport: self.link.transport.clone(),
                method: ask.method.clone(),
                url: format!("{}{}", self.link.url, ask.path()),
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

    /// Everything but a success as one of our kinds.
    fn judge(&self, reply: &Reply) -> Result<()> {
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

/// `SID` up to 5.1, `QBT_SID_<port>` after.
fn cookie(reply: &Reply) -> Option<String> {
    reply.headers.get_all(reqwest::header::SET_COOKIE).iter().find_map(|line| {
        let pair = line.to_str().ok()?.split(';').next()?.trim();
        (pair.starts_with("SID=") || pair.starts_with("QBT_SID")).then(|| pair.to_owned())
    })
}
