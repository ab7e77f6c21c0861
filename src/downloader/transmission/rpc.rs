//! Transmission's RPC: the session id that it wants, and its two dialects. In ours every name is `snake_case`, as in the
//! JSON-RPC of 4.1 and later; before, settings were `kebab-case` and what belongs to a torrent was `camelCase`.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::downloader::line::{Ask, Line, basic, decode, strange};
use crate::downloader::login::{Login, Pass};
use crate::downloader::{Link, Talk};
use crate::error::{Error, Kind, Result};
use crate::http::{Body, Http, Reply};
use crate::permission::Effect;
use crate::secret::Secret;

const SESSION: &str = "X-Transmission-Session-Id";
/// Comes with a refusal for want of a session, from 4.1 on.
const VERSION: &str = "X-Transmission-Rpc-Version";
const PROGRAM: &str = "Transmission";

/// The way to one client.
pub(super) struct Rpc {
    pub line: Line,
    login: Login<Session>,
}

/// What a request must carry, and the dialect that is understood.
#[derive(Clone)]
pub(super) struct Session {
    id: Option<String>,
    pub modern: bool,
}

impl Rpc {
    pub fn new(name: &str, link: Link, http: Http) -> Self {
        Self { line: Line::new(name, link, http), login: Login::default() }
    }

    /// By which requests and errors name it.
    pub fn endpoint(&self) -> String {
        format!("POST {}", self.line.link.path)
    }

    /// Calls a method by the names of 4.1, whatever the client's dialect.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        arguments: Value,
        effect: Effect,
        talk: &Talk,
    ) -> Result<T> {
        let build = |modern| {
            let arguments = arguments.clone();
            let arguments = if modern { arguments } else { old_arguments(method, arguments) };
            self.ask(&spelled(method, modern), arguments, effect, modern)
        };
        let (answer, modern) = self.ask_as(build, talk).await?;
        let answer = if modern { answer } else { snake(answer) };
        T::deserialize(answer).map_err(|error| strange(&self.endpoint(), PROGRAM, &error))
    }

    /// Calls a method with arguments and results in the client's own spelling.
    pub async fn call_own(&self, method: &str, arguments: &Value, effect: Effect, talk: &Talk) -> Result<Value> {
        let build = |modern| self.ask(&spelled(method, modern), arguments.clone(), effect, modern);
        self.ask_as(build, talk).await.map(|(answer, _)| answer)
    }

    /// The result, and whether the dialect is the new one.
    async fn ask_as(&self, build: impl Fn(bool) -> Ask, talk: &Talk) -> Result<(Value, bool)> {
        let (reply, modern) = self.send_as(&build, talk).await?;
        let ask = build(modern);
        let answer = outcome(decode(&ask, &reply, PROGRAM)?);
        answer
            .map(|answer| (answer, modern))
            .map_err(|error| error.status(reply.status).from_call("downloader", &ask.endpoint()))
    }

    fn ask(&self, method: &str, arguments: Value, effect: Effect, modern: bool) -> Ask {
        let mut body = json!({ "method": method });
        if modern {
            body["jsonrpc"] = "2.0".into();
            body["id"] = 1.into();
        }
        if !arguments.is_null() {
            body[if modern { "params" } else { "arguments" }] = arguments;
        }
        Ask { effect, repeat: effect == Effect::Read, ..Ask::post(&self.line.link.path, Body::Json(body)) }
    }

    /// Sends something else than a call of a method.
    pub async fn send(&self, ask: &Ask, talk: &Talk) -> Result<Reply> {
        self.send_as(|_| ask.clone(), talk).await.map(|(reply, _)| reply)
    }

    /// Sends with a session; one that is not taken any more is renewed once. What was refused for want of a session was
    /// not done.
    async fn send_as(&self, build: impl Fn(bool) -> Ask, talk: &Talk) -> Result<(Reply, bool)> {
        let sent = async {
            let mut pass = self.pass(None, talk).await?;
            let mut reply = self.line.send(&build(pass.value.modern), &self.headers(&pass.value), talk).await?;
            if reply.status == 409 {
                pass = self.pass(Some(pass.number), talk).await?;
                reply = self.line.send(&build(pass.value.modern), &self.headers(&pass.value), talk).await?;
            }
            match self.judge(&reply) {
                Ok(()) => Ok((reply, pass.value.modern)),
                Err(error) => {
                    if reply.status == 401 {
                        self.login.refuse(&error).await;
                    }
                    Err(error)
                }
            }
        };
        sent.await.map_err(|error| error.from_call("downloader", &build(true).endpoint()))
    }

    /// Whether a path is that of the RPC, which old versions also serve to a `GET`.
    pub fn is_rpc(&self, path: &str) -> bool {
        path.trim_end_matches('/') == self.line.link.path
    }

    async fn pass(&self, stale: Option<u64>, talk: &Talk) -> Result<Pass<Session>> {
        self.login.pass(stale, &self.line.name, talk, self.shake_hands(talk)).await
    }

    /// A first request, which is refused with the session to use.
    async fn shake_hands(&self, talk: &Talk) -> Result<Session> {
        let ask = self.ask("session-get", Value::Null, Effect::Read, false);
        let reply = self.line.send(&ask, &self.headers(&Session { id: None, modern: false }), talk).await?;
        let header = |name: &str| Some(reply.headers.get(name)?.to_str().ok()?.to_owned());
        if reply.status == 409 {
            let id = header(SESSION).ok_or_else(|| {
                strange(&ask.endpoint(), PROGRAM, &"it asks for a session and names none").status(reply.status)
            })?;
            return Ok(Session { id: Some(id), modern: header(VERSION).is_some() });
        }
        self.judge(&reply).map_err(|error| error.from_call("downloader", &ask.endpoint()))?;
        Ok(Session { id: None, modern: false })
    }

    fn headers(&self, session: &Session) -> Vec<(String, String)> {
        let link = &self.line.link;
        let mut headers = Vec::new();
        if !link.username.is_empty() || link.password.is_some() {
            let password = link.password.as_ref().map_or("", Secret::expose);
            headers.push(("Authorization".into(), basic(&link.username, password)));
        }
        headers.extend(session.id.iter().map(|id| (SESSION.into(), id.clone())));
        headers
    }

    fn judge(&self, reply: &Reply) -> Result<()> {
        match reply.status {
            401 => Err(self.line.wrong_login("the user name or the password", 401)),
            403 => {
                let name = &self.line.name;
                Err(Error::new(Kind::Auth, format!("`{name}` does not let this address in"))
                    .hint("its `rpc-whitelist` must name the address that tidegate comes from; after many wrong logins it must be restarted")
                    .status(403))
            }
            421 => {
                let name = &self.line.name;
                Err(Error::new(Kind::Config, format!("`{name}` does not answer to this host name"))
                    .hint("add the name to its `rpc-host-whitelist`, or write its IP address as `url`")
                    .status(421))
            }
            _ => self.line.judge(reply),
        }
    }
}

/// What a reply says: its result, or the error in it.
fn outcome(body: Value) -> Result<Value> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Said {
        Failed {
            error: Failure,
        },
        Old {
            result: String,
            #[serde(default)]
            arguments: Value,
        },
        New {
            result: Value,
        },
    }
    #[derive(Deserialize)]
    struct Failure {
        #[serde(default)]
        code: i64,
        #[serde(default)]
        message: String,
        #[serde(default)]
        data: Map<String, Value>,
    }
    let refuse = |kind, said: &str| Error::new(kind, format!("the client refuses: {said}"));
    match Said::deserialize(body) {
        Ok(Said::Old { result, arguments }) if result == "success" => Ok(arguments),
        Ok(Said::New { result }) => Ok(result),
        Ok(Said::Old { result, .. }) => {
            let unknown = result == "method name not recognized";
            Err(refuse(if unknown { Kind::Unsupported } else { Kind::Api }, &result))
        }
        Ok(Said::Failed { error }) => {
            let said = error.data.get("error_string").and_then(Value::as_str).unwrap_or(&error.message);
            let unknown = error.code == -32601;
            Err(refuse(if unknown { Kind::Unsupported } else { Kind::Api }, said).code(error.code))
        }
        Err(error) => Err(Error::new(Kind::Protocol, format!("the answer is not what {PROGRAM} gives: {error}"))),
    }
}

fn spelled(method: &str, modern: bool) -> String {
    if modern { method.replace('-', "_") } else { method.replace('_', "-") }
}

/// Arguments in the spelling before 4.1.
fn old_arguments(method: &str, arguments: Value) -> Value {
    let Value::Object(arguments) = arguments else { return arguments };
    let of_torrents = matches!(method, "torrent_get" | "torrent_set");
    let entries = arguments.into_iter().map(|(key, value)| {
        let value = match value {
            Value::Array(names) if key == "fields" && of_torrents => {
                names.iter().map(|name| name.as_str().map_or(Value::Null, |name| camel(name).into())).collect()
            }
            other => other,
        };
        (if of_torrents { camel(&key) } else { key.replace('_', "-") }, value)
    });
    Value::Object(entries.collect())
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let mut letters = word.chars();
        let capital = letters.next().map(|letter| letter.to_ascii_uppercase());
        name + capital.into_iter().chain(letters).collect::<String>().as_str()
    })
}

/// Every key in the spelling of 4.1.
pub(super) fn snake(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(snake).collect(),
        Value::Object(map) => {
            let renamed = map.into_iter().map(|(key, value)| {
                let mut name = String::with_capacity(key.len() + 4);
                for letter in key.chars() {
                    if letter.is_ascii_uppercase() {
                        name.push('_');
                    }
                    name.push(if letter == '-' { '_' } else { letter.to_ascii_lowercase() });
                }
                (name, snake(value))
            });
            Value::Object(renamed.collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::downloader::recorded::reply;

    #[test]
    fn names_in_both_dialects() {
        let get = json!({"fields": ["hash_string", "labels"], "ids": ["ab"]});
        assert_eq!(old_arguments("torrent_get", get), json!({"fields": ["hashString", "labels"], "ids": ["ab"]}));
        let set = json!({"ids": ["ab"], "upload_limited": true});
        assert_eq!(old_arguments("torrent_set", set), json!({"ids": ["ab"], "uploadLimited": true}));
        let session = json!({"speed_limit_up_enabled": true});
        assert_eq!(old_arguments("session_set", session), json!({"speed-limit-up-enabled": true}));
        let back = snake(json!({"cumulative-stats": {"uploadedBytes": 1}, "units": [{"speed-bytes": 2}]}));
        assert_eq!(back, json!({"cumulative_stats": {"uploaded_bytes": 1}, "units": [{"speed_bytes": 2}]}));
    }

    #[test]
    fn replies_of_a_real_one() {
        let reply = |case| outcome(reply("transmission", case));
        assert_eq!(reply("unknown_hash").unwrap(), json!({}));
        assert_eq!(reply("no_such_method").unwrap_err().kind, Kind::Unsupported);
        let error = reply("no_such_folder").unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (Kind::Api, "the client refuses: No such file or directory"));
    }

    #[test]
    fn refusals_of_both_dialects() {
        assert_eq!(outcome(json!({"result": "success", "arguments": {"a": 1}})).unwrap(), json!({"a": 1}));
        assert_eq!(outcome(json!({"jsonrpc": "2.0", "id": 1, "result": {"a": 1}})).unwrap(), json!({"a": 1}));
        let kind = |body| outcome(body).unwrap_err().kind;
        assert_eq!(kind(json!({"result": "method name not recognized", "arguments": {}})), Kind::Unsupported);
        assert_eq!(kind(json!({"result": "No such file or directory", "arguments": {}})), Kind::Api);
        let new = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "Method not found"}});
        assert_eq!(kind(new), Kind::Unsupported);
        let new = json!({"error": {"code": 4, "message": "x", "data": {"error_string": "No such file"}}});
        assert!(outcome(new).unwrap_err().message.ends_with("No such file"));
        assert_eq!(kind(json!([1])), Kind::Protocol);
    }
}
