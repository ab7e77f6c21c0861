//! The Web UI of BitComet as its makers document it: everything is a POST of JSON, under a token that a login gives.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::envelope;
use crate::downloader::line::{Ask, Line, decode, strange};
use crate::downloader::login::{Login, Pass};
use crate::downloader::{Link, Talk};
use crate::error::{Error, Kind, Result};
use crate::http::{Body, Http, Reply};
use crate::permission::Effect;
use crate::secret::{MASK, Secret, hex};

const PROGRAM: &str = "BitComet";

/// The way to one client.
pub(super) struct Rpc {
    pub line: Line,
    /// The token of this device, as it calls whoever has logged in.
    login: Login<String>,
}

/// What every answer has beside its own fields.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    error_code: String,
    error_message: String,
}

impl Rpc {
    pub fn new(name: &str, link: Link, http: Http) -> Self {
        Self { line: Line::new(name, link, http), login: Login::default() }
    }

    pub async fn call<T: DeserializeOwned>(&self, path: &str, body: Value, effect: Effect, talk: &Talk) -> Result<T> {
        let ask = Ask { effect, repeat: effect == Effect::Read, ..Ask::post(path, Body::Json(body)) };
        let reply = self.send(&ask, talk).await?;
        let checked = accepted(&ask, &reply).and_then(|()| decode(&ask, &reply, PROGRAM));
        checked.map_err(|error: Error| error.from_call("downloader", &ask.endpoint()))
    }

    /// Sends with a token; one that is not taken any more is renewed once.
    pub async fn send(&self, ask: &Ask, talk: &Talk) -> Result<Reply> {
        let sent = async {
            let pass = self.pass(None, talk).await?;
            let mut reply = self.line.send(ask, &headers(&pass.value), talk).await?;
            if reply.status == 401 {
                let pass = self.pass(Some(pass.number), talk).await?;
                reply = self.line.send(ask, &headers(&pass.value), talk).await?;
            }
            self.line.judge(&reply).map(|()| reply)
        };
        sent.await.map_err(|error| error.from_call("downloader", &ask.endpoint()))
    }

    async fn pass(&self, stale: Option<u64>, talk: &Talk) -> Result<Pass<String>> {
        self.login.pass(stale, &self.line.name, talk, self.log_in(talk)).await
    }

    /// The password is exchanged for an invitation, and that for a token.
    async fn log_in(&self, talk: &Talk) -> Result<String> {
        #[derive(Deserialize)]
        struct Invited {
            invite_token: String,
        }
        #[derive(Deserialize)]
        struct Bound {
            device_token: String,
        }
        let link = &self.line.link;
        let device = device(&self.line.name);
        let password = link.password.as_ref().map_or("", Secret::expose);
        let login = json!({ "username": link.username, "password": password }).to_string();
        let sealed = envelope::seal(&login, &device);
        let body = |authentication: &str| json!({ "client_id": device, "authentication": authentication });
        let Invited { invite_token } =
            self.knock("/api/webui/login", body(&sealed), body(MASK), &client(), talk).await?;
        let body = |token: &str| json!({ "invite_token": token, "device_id": device, "device_name": "tidegate", "platform": "webui" });
        let path = "/api/device_token/get";
        let Bound { device_token } =
            self.knock(path, body(&invite_token), body(MASK), &headers(&invite_token), talk).await?;
        Ok(device_token)
    }

    /// One step of the login; the record shows `shown`.
    async fn knock<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Value,
        shown: Value,
        headers: &[(String, String)],
        talk: &Talk,
    ) -> Result<T> {
        let ask = Ask { effect: Effect::Read, shown: Some(shown), ..Ask::post(path, Body::Json(body)) };
        let name = &self.line.name;
        let sent = async {
            let reply = self.line.send(&ask, headers, talk).await?;
            let said: Said = serde_json::from_slice(&reply.body).unwrap_or_default();
            match said.error_code.to_uppercase().as_str() {
                "PASSWORD_ERROR" => Err(self.line.wrong_login("the user name or the password", reply.status)),
                "APP_ACCESS_DISABLED" => {
                    Err(Error::new(Kind::Config, format!("`{name}` does not let anybody in from elsewhere"))
                        .hint("switch on remote access in BitComet's options, with a user name and a password"))
                }
                _ => {
                    self.line.judge(&reply)?;
                    accepted(&ask, &reply)?;
                    decode(&ask, &reply, PROGRAM)
                }
            }
        };
        sent.await.map_err(|error| error.from_call("downloader", &ask.endpoint()))
    }
}

/// Whether it did what it was asked: `OK` in either case, nothing at all from some paths, or that there was nothing to do.
fn accepted(ask: &Ask, reply: &Reply) -> Result<()> {
    let said: Said = serde_json::from_slice(&reply.body).map_err(|error| strange(&ask.endpoint(), PROGRAM, &error))?;
    if matches!(said.error_code.to_lowercase().as_str(), "" | "ok" | "skipped") {
        return Ok(());
    }
    let because = if said.error_message.is_empty() { said.error_code } else { said.error_message };
    Err(Error::new(Kind::Api, format!("the client refuses: {because}")).status(reply.status))
}

fn client() -> Vec<(String, String)> {
    vec![("Client-Type".into(), "BitComet WebUI".into())]
}

fn headers(token: &str) -> Vec<(String, String)> {
    client().into_iter().chain([("Authorization".into(), format!("Bearer {token}"))]).collect()
}

/// A UUID that stays, since it lists every one that ever logged in.
fn device(name: &str) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Sha256::digest(format!("tidegate {name}"))[..16]);
    // Version 8: made as we like.
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hex(&bytes);
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_one_name_for_ever() {
        assert_eq!(device("box"), device("box"));
        assert_ne!(device("box"), device("other"));
        let parts: Vec<_> = device("box").split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
    }
}
