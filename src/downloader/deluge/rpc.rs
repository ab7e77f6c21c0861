//! The JSON-RPC of Deluge's Web UI: its session, and the daemon behind it that does the work.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::downloader::line::{Ask, Line, decode, strange};
use crate::downloader::login::{Login, Pass};
use crate::downloader::{Link, Talk};
use crate::error::{Error, Kind, Result};
use crate::http::{Body, Http, Reply};
use crate::permission::Effect;
use crate::secret::{MASK, Secret};

const PROGRAM: &str = "Deluge";
/// Its numbers for what went wrong.
const NOT_AUTHENTICATED: i64 = 1;
const UNKNOWN_METHOD: i64 = 2;

/// The way to one client.
pub(super) struct Rpc {
    pub line: Line,
    /// The session's cookie.
    login: Login<String>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    result: Value,
    #[serde(default)]
    error: Option<Failure>,
}

#[derive(Deserialize)]
struct Failure {
    message: String,
    code: i64,
}

impl Rpc {
    pub fn new(name: &str, link: Link, http: Http) -> Self {
        Self { line: Line::new(name, link, http), login: Login::default() }
    }

    /// By which requests and errors name it.
    pub fn endpoint(&self) -> String {
        format!("POST {}", self.line.link.path)
    }

    /// Calls a method of the Web UI or of its daemon.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
        effect: Effect,
        talk: &Talk,
    ) -> Result<T> {
        // Without its daemon the Web UI does not know these methods, or never answers.
        if !method.starts_with("web.") && !method.starts_with("auth.") {
            self.connect(talk).await?;
        }
        let answer = self.ask(method, params, effect, talk).await?;
        T::deserialize(answer).map_err(|error| strange(&self.endpoint(), PROGRAM, &error))
    }

    /// Sends something else than a call of a method.
    pub async fn send(&self, ask: &Ask, talk: &Talk) -> Result<Reply> {
        let pass = self.pass(None, talk).await?;
        let reply = self.line.send(ask, &cookie(&pass), talk).await?;
        self.line.judge(&reply).map(|()| reply).map_err(|error| error.from_call("downloader", &ask.endpoint()))
    }

    /// Calls with a session; one that has run out is renewed once.
    async fn ask(&self, method: &str, params: Value, effect: Effect, talk: &Talk) -> Result<Value> {
        let ask = self.request(method, params, effect);
        let sent = async {
            let pass = self.pass(None, talk).await?;
            let mut said = self.said(&ask, &cookie(&pass), talk).await?.0;
            if said.error.as_ref().is_some_and(|error| error.code == NOT_AUTHENTICATED) {
                let pass = self.pass(Some(pass.number), talk).await?;
                said = self.said(&ask, &cookie(&pass), talk).await?.0;
            }
            match said.error {
                None => Ok(said.result),
                Some(error) => Err(refusal(&error)),
            }
        };
        sent.await.map_err(|error| error.from_call("downloader", &ask.endpoint()))
    }

    fn request(&self, method: &str, params: Value, effect: Effect) -> Ask {
        let params = if params.is_null() { json!([]) } else { params };
        let body = json!({ "method": method, "params": params, "id": 1 });
        Ask { effect, repeat: effect == Effect::Read, ..Ask::post(&self.line.link.path, Body::Json(body)) }
    }

    async fn said(&self, ask: &Ask, headers: &[(String, String)], talk: &Talk) -> Result<(Said, Reply)> {
        let reply = self.line.send(ask, headers, talk).await?;
        self.line.judge(&reply)?;
        decode(ask, &reply, PROGRAM).map(|said| (said, reply))
    }

    async fn pass(&self, stale: Option<u64>, talk: &Talk) -> Result<Pass<String>> {
        self.login.pass(stale, &self.line.name, talk, self.log_in(talk)).await
    }

    async fn log_in(&self, talk: &Talk) -> Result<String> {
        let password = self.line.link.password.as_ref().map_or("", Secret::expose);
        let ask = Ask {
            shown: Some(json!({ "method": "auth.login", "params": [MASK] })),
            ..self.request("auth.login", json!([password]), Effect::Read)
        };
        let ask = Ask { repeat: false, ..ask };
        let sent = async {
            let (said, reply) = self.said(&ask, &[], talk).await?;
            if let Some(error) = said.error {
                return Err(refusal(&error));
            }
            if said.result != true {
                return Err(self.line.wrong_login("the password of its Web UI", reply.status));
            }
            let cookies = reply.headers.get_all(reqwest::header::SET_COOKIE).iter();
            let mut pairs = cookies.filter_map(|line| line.to_str().ok()?.split(';').next());
            let session = pairs.find(|pair| pair.starts_with("_session_id="));
            session
                .map(ToOwned::to_owned)
                .ok_or_else(|| strange(&ask.endpoint(), PROGRAM, &"no session after the login"))
        };
        sent.await.map_err(|error| error.from_call("downloader", &ask.endpoint()))
    }

    /// Makes sure that the Web UI has its daemon: the only one it knows, or the first that answers.
    async fn connect(&self, talk: &Talk) -> Result<()> {
        let read = |method: &'static str, params| self.ask(method, params, Effect::Read, talk);
        if read("web.connected", Value::Null).await? == true {
            return Ok(());
        }
        let name = &self.line.name;
        let hosts = read("web.get_hosts", Value::Null).await?;
        let ids: Vec<&str> = hosts.as_array().into_iter().flatten().filter_map(|host| host[0].as_str()).collect();
        for id in &ids {
            let status = read("web.get_host_status", json!([id])).await?;
            if status[1] == "Online" {
                self.ask("web.connect", json!([id]), Effect::Write, talk).await?;
            }
            if read("web.connected", Value::Null).await? == true {
                return Ok(());
            }
        }
        let error = if ids.is_empty() {
            Error::new(Kind::Config, format!("the Web UI of `{name}` knows no Deluge daemon"))
                .hint("add it in the Web UI's connection manager")
        } else {
            Error::new(Kind::Transport, format!("the Web UI of `{name}` answers, but no Deluge daemon behind it does"))
                .hint("is `deluged` running where the Web UI's connection manager looks for it?")
        };
        Err(error.from_call("downloader", &self.endpoint()))
    }
}

fn cookie(pass: &Pass<String>) -> Vec<(String, String)> {
    vec![("Cookie".into(), pass.value.clone())]
}

/// An error of Deluge's as one of ours. It sends its whole traceback; what matters stands behind the exception's name.
fn refusal(error: &Failure) -> Error {
    let line = error.message.lines().next().unwrap_or_default();
    let said = match line.rsplit_once("'>: ") {
        Some((_, said)) => said.trim_end_matches(']').trim(),
        None => line.trim(),
    };
    let kind = match error.code {
        UNKNOWN_METHOD => Kind::Unsupported,
        NOT_AUTHENTICATED => Kind::Auth,
        _ => Kind::Api,
    };
    Error::new(kind, format!("the client refuses: {said}")).code(error.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_traceback_is_left_out() {
        let message = "Failure: [Failure instance: Traceback (failure with no frames): \
                       <class 'deluge.error.AddTorrentError'>: Torrent already in session (12e6).\n]";
        let error = refusal(&Failure { message: message.into(), code: 4 });
        assert_eq!(
            (error.kind, error.message.as_str()),
            (Kind::Api, "the client refuses: Torrent already in session (12e6).")
        );
        let error = refusal(&Failure { message: "Unknown method".into(), code: 2 });
        assert_eq!((error.kind, error.code), (Kind::Unsupported, Some(2)));
    }
}
