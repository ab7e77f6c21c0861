//! The session that qBittorrent wants: a cookie after a login, or the key of 5.2 and later.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Mutex;

use super::legacy;
use crate::downloader::line::{Ask, Line};
use crate::downloader::login::{Login, Pass};
use crate::downloader::{Link, Talk};
use crate::error::{Error, Kind, Result};
use crate::http::{Body, Http, Reply};
use crate::permission::Effect;
use crate::secret::Secret;

pub(super) const API: &str = "/api/v2/";

/// The whole path of a route of the API; one from the root stays.
pub(super) fn path(route: &str) -> String {
    if route.starts_with('/') { route.into() } else { format!("{API}{route}") }
}

pub(super) fn get(route: &str) -> Ask {
    Ask::get(path(route))
}

/// A read with one parameter.
pub(super) fn get_with(route: &str, key: &str, value: &str) -> Ask {
    Ask { query: vec![(key.into(), value.into())], ..get(route) }
}

pub(super) fn post(route: &str, form: &[(&str, &str)]) -> Ask {
    let form = form.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    Ask::post(path(route), Body::Form(form))
}

/// The way to one client.
pub(super) struct Session {
    pub line: Line,
    /// `SID=…`; none where the client lets this address in without one.
    login: Login<Option<String>>,
    /// With the number of the login that it was asked under.
    version: Mutex<Option<(u64, String)>>,
    /// It speaks the API before 4.1.
    old: AtomicBool,
}

impl Session {
    pub fn new(name: &str, link: Link, http: Http) -> Self {
        Self {
            line: Line::new(name, link, http),
            login: Login::default(),
            version: Mutex::default(),
            old: AtomicBool::default(),
        }
    }

    /// Sends with a session; one that has run out is renewed once.
    pub async fn send(&self, ask: &Ask, talk: &Talk) -> Result<Reply> {
        self.numbered(ask, talk).await.map(|(reply, _)| reply)
    }

    /// The reply, and the number of the login that it came under.
    async fn numbered(&self, ask: &Ask, talk: &Talk) -> Result<(Reply, u64)> {
        let sent = async {
            let (mut reply, mut number) = self.deliver(ask, talk).await?;
            if reply.status == 404 && self.turns_out_old(talk).await {
                (reply, number) = self.deliver(ask, talk).await?;
            }
            self.line.judge(&reply).map(|()| (reply, number))
        };
        sent.await.map_err(|error| error.from_call("downloader", &ask.endpoint()))
    }

    /// In the words of its version, whatever the answer.
    async fn deliver(&self, ask: &Ask, talk: &Talk) -> Result<(Reply, u64)> {
        let mut pass = self.pass(None, talk).await?;
        let asks = if self.old.load(Ordering::Relaxed) {
            legacy::routes(ask).ok_or_else(|| {
                let name = &self.line.name;
                Error::new(Kind::Unsupported, format!("`{name}` is a qBittorrent before 4.1, which cannot do that"))
                    .hint("update it")
            })?
        } else {
            vec![ask.clone()]
        };
        let mut last = None;
        for ask in &asks {
            let mut reply = self.line.send(ask, &self.headers(&pass), talk).await?;
            if matches!(reply.status, 401 | 403) && self.logs_in() {
                pass = self.pass(Some(pass.number), talk).await?;
                reply = self.line.send(ask, &self.headers(&pass), talk).await?;
            }
            let failed = !(200..300).contains(&reply.status);
            last = Some(reply);
            if failed {
                break;
            }
        }
        last.map(|reply| (reply, pass.number)).ok_or_else(|| Error::internal("a request became none"))
    }

    /// Whether what has no such path is a qBittorrent before 4.1. One that has told its version is none.
    async fn turns_out_old(&self, talk: &Talk) -> bool {
        if self.old.load(Ordering::Relaxed) || self.version.lock().await.is_some() {
            return false;
        }
        let Ok(pass) = self.pass(None, talk).await else { return false };
        let reply = self.line.send(&Ask::get(legacy::VERSION), &self.headers(&pass), talk).await;
        let old = reply.is_ok_and(|reply| reply.status == 200 && version(&reply).is_some());
        self.old.store(old, Ordering::Relaxed);
        old
    }

    /// The program's version, asked once a session: who lost it may have been restarted as another one.
    pub async fn version(&self, talk: &Talk) -> Result<String> {
        if let Some((number, version)) = self.version.lock().await.clone()
            && number == self.login.number().await
        {
            return Ok(version);
        }
        let ask = get("app/version");
        let (reply, number) = self.numbered(&ask, talk).await?;
        let version = version(&reply).ok_or_else(|| {
            Error::new(Kind::Protocol, "what answers there is no qBittorrent: it tells no version")
                .status(reply.status)
                .from_call("downloader", &ask.endpoint())
        })?;
        *self.version.lock().await = Some((number, version.clone()));
        Ok(version)
    }

    /// Asks for the version again next time.
    pub async fn forget_version(&self) {
        *self.version.lock().await = None;
    }

    fn logs_in(&self) -> bool {
        self.line.link.api_key.is_none() && self.line.link.password.is_some()
    }

    async fn pass(&self, stale: Option<u64>, talk: &Talk) -> Result<Pass<Option<String>>> {
        if self.logs_in() {
            self.login.pass(stale, &self.line.name, talk, self.log_in(talk)).await
        } else {
            Ok(Pass { value: None, number: 0 })
        }
    }

    fn headers(&self, pass: &Pass<Option<String>>) -> Vec<(String, String)> {
        let cookie = pass.value.iter().map(|cookie| ("Cookie".into(), cookie.clone()));
        let key = self.line.link.api_key.iter();
        cookie.chain(key.map(|key| ("Authorization".into(), format!("Bearer {}", key.expose())))).collect()
    }

    /// The session cookie; `None` where the client lets this address in without one.
    async fn log_in(&self, talk: &Talk) -> Result<Option<String>> {
        let link = &self.line.link;
        let password = link.password.as_ref().map_or("", Secret::expose);
        let ask = post("auth/login", &[("username", &link.username), ("password", password)]);
        let mut ask = Ask { effect: Effect::Read, ..ask };
        let mut reply = self.line.send(&ask, &[], talk).await?;
        if reply.status == 404 {
            // Before 4.1 the login was elsewhere; nobody has seen the password yet.
            ask.path = legacy::LOGIN.into();
            reply = self.line.send(&ask, &[], talk).await?;
            self.old.store(reply.status == 200, Ordering::Relaxed);
        }
        let mut wrong = self.line.wrong_login("the user name or the password", reply.status);
        let error = match reply.status {
            403 => {
                let name = &self.line.name;
                wrong.message = format!("`{name}` has locked this address out after too many wrong logins");
                wrong
            }
            401 => wrong,
            200..=299 if reply.body.starts_with(b"Fails") => wrong,
            200..=299 => return Ok(cookie(&reply)),
            _ => match self.line.judge(&reply) {
                Ok(()) => return Ok(None),
                Err(error) => error,
            },
        };
        Err(error.from_call("downloader", &ask.endpoint()))
    }
}

/// `v4.6.7` without its letter; `None` where that is something else.
fn version(reply: &Reply) -> Option<String> {
    let text = String::from_utf8_lossy(&reply.body).trim().trim_start_matches('v').to_owned();
    text.starts_with(|c: char| c.is_ascii_digit()).then_some(text)
}

/// `SID` up to 5.1, `QBT_SID_<port>` after.
fn cookie(reply: &Reply) -> Option<String> {
    reply.headers.get_all(reqwest::header::SET_COOKIE).iter().find_map(|line| {
        let pair = line.to_str().ok()?.split(';').next()?.trim();
        (pair.starts_with("SID=") || pair.starts_with("QBT_SID")).then(|| pair.to_owned())
    })
}
