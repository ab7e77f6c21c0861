//! The session that qBittorrent wants: a cookie after a login, or the key of 5.2 and later.

use tokio::sync::Mutex;

use crate::downloader::line::{Ask, Line};
use crate::downloader::login::{Login, Pass};
use crate::downloader::{Link, Talk};
use crate::error::{Error, Kind, Result};
use crate::http::{Body, Http, Reply};
use crate::permission::Effect;
use crate::secret::Secret;

const API: &str = "/api/v2/";

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
}

impl Session {
    pub fn new(name: &str, link: Link, http: Http) -> Self {
        Self { line: Line::new(name, link, http), login: Login::default(), version: Mutex::default() }
    }

    /// Sends with a session; one that has run out is renewed once.
    pub async fn send(&self, ask: &Ask, talk: &Talk) -> Result<Reply> {
        self.numbered(ask, talk).await.map(|(reply, _)| reply)
    }

    /// The reply, and the number of the login that it came under.
    async fn numbered(&self, ask: &Ask, talk: &Talk) -> Result<(Reply, u64)> {
        let sent = async {
            let mut pass = self.pass(None, talk).await?;
            let mut reply = self.line.send(ask, &self.headers(&pass), talk).await?;
            if matches!(reply.status, 401 | 403) && self.logs_in() {
                pass = self.pass(Some(pass.number), talk).await?;
                reply = self.line.send(ask, &self.headers(&pass), talk).await?;
            }
            self.line.judge(&reply).map(|()| (reply, pass.number))
        };
        sent.await.map_err(|error| error.from_call("downloader", &ask.endpoint()))
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
        let version = String::from_utf8_lossy(&reply.body).trim().trim_start_matches('v').to_owned();
        if !version.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(Error::new(Kind::Protocol, "what answers there is no qBittorrent: it tells no version")
                .status(reply.status)
                .from_call("downloader", &ask.endpoint()));
        }
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
        let ask = Ask { effect: Effect::Read, ..ask };
        let reply = self.line.send(&ask, &[], talk).await?;
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

/// `SID` up to 5.1, `QBT_SID_<port>` after.
fn cookie(reply: &Reply) -> Option<String> {
    reply.headers.get_all(reqwest::header::SET_COOKIE).iter().find_map(|line| {
        let pair = line.to_str().ok()?.split(';').next()?.trim();
        (pair.starts_with("SID=") || pair.starts_with("QBT_SID")).then(|| pair.to_owned())
    })
}
