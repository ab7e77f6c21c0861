//! aria2's JSON-RPC: its token, and many calls in one request.

use futures::FutureExt as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::downloader::line::{Ask, Line, strange};
use crate::downloader::login::Login;
use crate::downloader::{Link, Talk};
use crate::error::{Error, Kind, Result};
use crate::http::{Body, Http, Reply};
use crate::permission::Effect;
use crate::secret::{MASK, Secret};

const PROGRAM: &str = "aria2";

/// The way to one client.
pub(super) struct Rpc {
    pub line: Line,
    /// There is no session; it remembers whether the token is good.
    login: Login<()>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Failed { error: Failure },
    Done { result: Value },
}

/// The number is always 1.
#[derive(Clone, Deserialize)]
pub(super) struct Failure {
    pub message: String,
}

/// One of many calls: its result in a list of one, or its error.
#[derive(Deserialize)]
#[serde(untagged)]
enum Part {
    Done((Value,)),
    Failed(Failure),
}

impl Rpc {
    pub fn new(name: &str, link: Link, http: Http) -> Self {
        Self { line: Line::new(name, link, http), login: Login::default() }
    }

    /// By which requests and errors name it.
    pub fn endpoint(&self) -> String {
        format!("POST {}", self.line.link.path)
    }

    pub async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Vec<Value>,
        effect: Effect,
        talk: &Talk,
    ) -> Result<T> {
        let body = |token: Option<&str>| (method.to_owned(), Value::Array(with(token, params.clone())));
        let answer = self.send(body, effect, talk).await?;
        T::deserialize(answer).map_err(|error| strange(&self.endpoint(), PROGRAM, &error))
    }

    /// Many calls in one request, each with an outcome of its own.
    pub async fn calls(
        &self,
        calls: &[(&str, Vec<Value>)],
        effect: Effect,
        talk: &Talk,
    ) -> Result<Vec<Result<Value, Failure>>> {
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        let body = |token: Option<&str>| {
            let calls = calls
                .iter()
                .map(|(method, params)| json!({ "methodName": method, "params": with(token, params.clone()) }));
            ("system.multicall".to_owned(), json!([calls.collect::<Value>()]))
        };
        let answer = self.send(body, effect, talk).await?;
        let wrong = |error: &dyn std::fmt::Display| strange(&self.endpoint(), PROGRAM, error);
        let parts = Vec::<Part>::deserialize(answer).map_err(|error| wrong(&error))?;
        if parts.len() != calls.len() {
            return Err(wrong(&"another number of results than there were calls"));
        }
        let outcomes = parts.into_iter().map(|part| match part {
            Part::Done((value,)) => Ok(value),
            Part::Failed(failure) => Err(failure),
        });
        Ok(outcomes.collect())
    }

    /// Sends something else than a call of a method.
    pub async fn pass_on(&self, ask: &Ask, talk: &Talk) -> Result<Reply> {
        let reply = self.line.send(ask, &[], talk).await?;
        self.line.judge(&reply).map(|()| reply).map_err(|error| error.from_call("downloader", &ask.endpoint()))
    }

    async fn send(&self, body: impl Fn(Option<&str>) -> (String, Value), effect: Effect, talk: &Talk) -> Result<Value> {
        let knock = self.ask(|token| ("aria2.getVersion".into(), with(token, Vec::new()).into()), Effect::Read);
        let test = async { self.said(&knock, talk).await.map(drop) };
        let ask = self.ask(body, effect);
        self.login.guard(&self.line.name, talk, test.boxed(), self.said(&ask, talk).boxed()).await
    }

    fn ask(&self, body: impl Fn(Option<&str>) -> (String, Value), effect: Effect) -> Ask {
        let link = &self.line.link;
        let token = link.api_key.as_ref().or(link.password.as_ref()).map(Secret::expose);
        let (method, params) = body(token);
        let (_, shown) = body(token.map(|_| MASK));
        Ask {
            effect,
            repeat: effect == Effect::Read,
            shown: Some(json!({ "method": method, "params": shown })),
            ..Ask::post(
                &link.path,
                Body::Json(json!({ "jsonrpc": "2.0", "id": "tidegate", "method": method, "params": params })),
            )
        }
    }

    /// The result. Errors come with status 400, and with their reason in the body.
    async fn said(&self, ask: &Ask, talk: &Talk) -> Result<Value> {
        let reply = self.line.send(ask, &[], talk).await?;
        let refused = match serde_json::from_slice(&reply.body) {
            Ok(Said::Done { result }) => return Ok(result),
            Ok(Said::Failed { error }) if error.unauthorised() => self.line.wrong_login("the token", reply.status),
            Ok(Said::Failed { error }) => error.into_error().status(reply.status),
            Err(error) => match self.line.judge(&reply) {
                Ok(()) => strange(&ask.endpoint(), PROGRAM, &error).status(reply.status),
                Err(error) => error,
            },
        };
        Err(refused.from_call("downloader", &ask.endpoint()))
    }
}

impl Failure {
    fn unauthorised(&self) -> bool {
        self.message == "Unauthorized"
    }

    pub fn into_error(self) -> Error {
        let unknown = self.message.starts_with("No such method");
        Error::new(if unknown { Kind::Unsupported } else { Kind::Api }, format!("the client refuses: {}", self.message))
    }
}

/// The token goes first, where there is one.
fn with(token: Option<&str>, params: Vec<Value>) -> Vec<Value> {
    token.map(|token| Value::from(format!("token:{token}"))).into_iter().chain(params).collect()
}
