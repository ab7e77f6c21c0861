//! The session that qBittorrent wants: a cookie after a login, or the key of 5.2 and later.

use tokio::sync::Mutex;

use crate::clock::within;
use crate::downloader::line::{Ask, Line};
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
    line: Line,
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
    headers: Vec<(String, String)>,
    logins: u64,
}

impl Session {
    pub fn new(name: &str, link: Link, http: Http) -> Self {
        Self { line: Line::new(name, link, http), state: Mutex::default() }
    }

    pub fn name(&self) -> &str {
        &self.line.name
    }

    pub fn is(&self, name: &str, link: &Link) -> bool {
        self.line.is(name, link)
    }

    /// Sends with a session; one that has run out is renewed once.
    pub async fn send(&self, ask: &Ask, talk: &Talk) -> Result<Reply> {
        let sent = async {
            let ticket = self.ticket(None, talk).await?;
            let mut reply = self.line.send(ask, &ticket.headers, talk).await?;
            if matches!(reply.status, 401 | 403) && self.logs_in() {
                let ticket = self.ticket(Some(ticket.logins), talk).await?;
                reply = self.line.send(ask, &ticket.headers, talk).await?;
            }
            self.line.judge(&reply).map(|()| reply)
        };
        sent.await.map_err(|error| error.from_call("downloader", &ask.endpoint()))
    }

    /// The program's version, asked once a session: who lost it may have been restarted as another one.
    pub async fn version(&self, talk: &Talk) -> Result<String> {
        if let Some(version) = self.state.lock().await.version.clone() {
            return Ok(version);
        }
        let ask = get("app/version");
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
        self.line.link.api_key.is_none() && self.line.link.password.is_some()
    }

    /// The session to use, after a login where there is none or where `stale` is the one that has run out.
    async fn ticket(&self, stale: Option<u64>, talk: &Talk) -> Result<Ticket> {
        if let Some(key) = &self.line.link.api_key {
            let headers = vec![("Authorization".into(), format!("Bearer {}", key.expose()))];
            return Ok(Ticket { headers, logins: 0 });
        }
        if !self.logs_in() {
            return Ok(Ticket { headers: Vec::new(), logins: 0 });
        }
        let name = &self.line.name;
        let mut state = within(talk.clock.as_ref(), talk.deadline, self.state.lock())
            .await
            .map_err(|_| Error::new(Kind::Timeout, format!("the login at `{name}` takes too long")))?;
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
        let headers = state.cookie.iter().map(|cookie| ("Cookie".into(), cookie.clone())).collect();
        Ok(Ticket { headers, logins: state.logins })
    }

    /// The session cookie; `None` where the client lets this address in without one.
    async fn login(&self, talk: &Talk) -> Result<Option<String>> {
        let link = &self.line.link;
        let password = link.password.as_ref().map_or("", Secret::expose);
        let ask = post("auth/login", &[("username", &link.username), ("password", password)]);
        let ask = Ask { effect: Effect::Read, ..ask };
        let reply = self.line.send(&ask, &[], talk).await?;
        let name = &self.line.name;
        let wrong = match reply.status {
            403 => format!("`{name}` has locked this address out after too many wrong logins"),
            401 => format!("`{name}` does not accept the user name or the password"),
            200..=299 if reply.body.starts_with(b"Fails") => {
                format!("`{name}` does not accept the user name or the password")
            }
            200..=299 => return Ok(cookie(&reply)),
            _ => {
                let judged = self.line.judge(&reply).map(|()| None);
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
}

/// `SID` up to 5.1, `QBT_SID_<port>` after.
fn cookie(reply: &Reply) -> Option<String> {
    reply.headers.get_all(reqwest::header::SET_COOKIE).iter().find_map(|line| {
        let pair = line.to_str().ok()?.split(';').next()?.trim();
        (pair.starts_with("SID=") || pair.starts_with("QBT_SID")).then(|| pair.to_owned())
    })
}
