//! One configured instance of KiwiVM or PBH: calls go out, values or one typed error come back.

mod args;
mod budget;
mod cache;
pub mod envelope;
pub mod shapes;
mod exchange;
mod file;
mod health;
mod opened;
mod outgoing;
mod stream;
mod talk;

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use crate::api::{Envelope, Row, Service, Type};
use crate::config::{Limits, Pbh, SecretSource, Transport, Vps};
use crate::error::{Error, Kind, Result};
use crate::http::{self, Body, Http};
use crate::permission::Effect;
use crate::time::{Clock, Duration};
use crate::vault::Vault;

pub use args::Args;
pub use budget::Allowance;
pub use file::Saved;
pub use opened::Opened;
pub use stream::{Events, Span, Stream};
pub(crate) use talk::Answered;
pub use talk::{Recorder, Talk};

use budget::Budget;
use cache::Cache;
use envelope::Expected;
use exchange::Exchange;
use health::Health;
use outgoing::Outgoing;

/// A server that scripts call by name. Shared by all of them, so that a wrong secret is tried once
/// and a dead server is not hammered.
pub struct Client {
    service: Service,
    name: String,
    /// Without a slash at the end.
    url: String,
    secret: SecretSource,
    veid: u64,
    timeout: Duration,
    transport: Transport,
    headers: Vec<(String, SecretSource)>,
    basic_auth: Option<(String, SecretSource)>,
    max_reply: u64,
    http: Http,
    vault: Arc<Vault>,
    clock: Arc<dyn Clock>,
    health: Health,
    /// KiwiVM's allowance of calls.
    budget: Budget,
    cache: Cache,
    /// Shared with every client of the same host.
    gate: Arc<Semaphore>,
    /// Held by whoever tries a secret that is not known to be right.
    trial: tokio::sync::Mutex<()>,
}

impl Client {
    pub fn kiwivm(vps: &Vps, limits: &Limits, http: Http, vault: Arc<Vault>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            service: Service::KiwiVm,
            name: vps.name.clone(),
            url: vps.url.trim_end_matches('/').to_owned(),
            secret: vps.api_key.clone(),
            veid: vps.veid,
            timeout: vps.timeout,
            transport: vps.transport.clone(),
            headers: Vec::new(),
            basic_auth: None,
            max_reply: limits.reply,
            gate: http.gate(&vps.url),
            http,
            vault,
            clock,
            health: Health::default(),
            budget: Budget::default(),
            cache: Cache::default(),
            trial: tokio::sync::Mutex::default(),
        })
    }

    pub fn pbh(pbh: &Pbh, limits: &Limits, http: Http, vault: Arc<Vault>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            service: Service::Pbh,
            name: pbh.name.clone(),
            url: pbh.url.trim_end_matches('/').to_owned(),
            secret: pbh.token.clone(),
            veid: 0,
            timeout: pbh.timeout,
            transport: pbh.transport.clone(),
            headers: pbh.headers.clone(),
            basic_auth: pbh.basic_auth.clone(),
            max_reply: limits.reply,
            gate: http.gate(&pbh.url),
            http,
            vault,
            clock,
            health: Health::default(),
            budget: Budget::default(),
            cache: Cache::default(),
            trial: tokio::sync::Mutex::default(),
        })
    }

    pub fn service(&self) -> Service {
        self.service
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server's address, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Which way requests go.
    ///
    /// # Errors
    /// `config` where the address cannot be read.
    pub fn path(&self) -> Result<http::Path> {
        Http::path(&self.transport, &self.url)
    }

    /// What one request may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Calls a row. Reads, and writes that the row calls idempotent, are sent up to three times where
    /// the server does not answer, is overloaded or fails, as far as the deadline allows.
    ///
    /// # Errors
    /// Whatever goes wrong, as one error that names service and endpoint.
    pub async fn call(&self, row: &'static Row, args: &Args, talk: &Talk) -> Result<Opened> {
        let called = async {
            self.owns(row)?;
            callable(row)?;
            let exchange = self.prepare(row, args, talk).await?;
            self.run(exchange, talk).await
        };
        let result = called.await.map_err(|error| self.named(error, row.id));
        if row.effect != Effect::Read {
            // Whatever came of it: a refused write may have changed something too.
            self.cache.clear();
        }
        if row.id == budget::ASKED
            && let Ok(opened) = &result
        {
            self.budget.learn(self.clock.now(), &opened.json().unwrap_or_default());
        }
        if self.service == Service::KiwiVm
            && row.id.ends_with("service_info")
            && let Ok(opened) = &result
        {
            self.health.learn_suspended(opened.json().unwrap_or_default()["suspended"].as_bool());
        }
        result
    }

    /// The reply to what somebody asked at most `age` ago, else that of `ask`, which sends the request.
    ///
    /// # Errors
    /// Those of `ask`.
    pub async fn cached(
        &self,
        row: &'static Row,
        args: &Args,
        age: Duration,
        ask: impl Future<Output = Result<Opened>>,
    ) -> Result<Arc<Opened>> {
        self.cache.share(cache::key(row, args), age, &*self.clock, ask).await
    }

    /// Why the server is left alone: it refused the token or key that is configured.
    pub fn refusal(&self) -> Option<Error> {
        self.health.refused()
    }

    /// Whether the token or key is known to be right.
    pub fn is_accepted(&self) -> bool {
        self.health.accepted()
    }

    /// Whether the provider has suspended the VPS; nothing where it was not asked yet.
    pub fn suspended(&self) -> Option<bool> {
        self.health.suspended()
    }

    /// What is known of KiwiVM's allowance of calls, without asking.
    pub fn allowance(&self) -> Allowance {
        self.budget.allowance(self.clock.now())
    }

    /// Checks what can be known before the request, and builds it.
    async fn prepare(&self, row: &'static Row, args: &Args, talk: &Talk) -> Result<Exchange<'static>> {
        let server = self.version_for(row, talk).await?;
        if let Some(error) = server.as_deref().and_then(|server| envelope::lacks(&row.into(), server)) {
            return Err(error);
        }
        Exchange::new(row, args, server.as_deref())
    }

    /// The row that this server has for what `row` means, and the arguments for that: a few routes were
    /// replaced by others that mean the same.
    ///
    /// # Errors
    /// `unsupported` where an argument means nothing to the other route; else as [`Client::call`].
    pub async fn chosen<'a>(
        &self,
        row: &'static Row,
        args: &'a Args,
        talk: &Talk,
    ) -> Result<(&'static Row, Cow<'a, Args>)> {
        let Some(twin) = row.twin() else { return Ok((row, Cow::Borrowed(args))) };
        let chosen = async {
            let Some(server) = self.version_for(row, talk).await? else { return Ok((row, Cow::Borrowed(args))) };
            let lacks = |row: &'static Row| envelope::lacks(&row.into(), &server).is_some();
            if !lacks(row) || lacks(twin) {
                return Ok((row, Cow::Borrowed(args)));
            }
            Ok((twin, Cow::Owned(args.for_twin(row, twin, &server)?)))
        };
        chosen.await.map_err(|error| self.named(error, row.id))
    }

    /// Sends what the tables do not know. `path` begins with a slash. For KiwiVM query and body both
    /// become fields of the form, and the method does not matter.
    ///
    /// # Errors
    /// As [`Client::call`]; the endpoint is `METHOD path`.
    pub async fn request(
        &self,
        method: &str,
        path: &str,
        query: Vec<(String, String)>,
        body: Option<Value>,
        talk: &Talk,
    ) -> Result<Opened> {
        let method = if self.service == Service::KiwiVm { "POST".into() } else { method.to_ascii_uppercase() };
        let endpoint = format!("{method} {path}");
        let repeatable = self.service == Service::Pbh && method == "GET";
        let asked = async {
            check_path(path)?;
            let outgoing = match self.service {
                Service::KiwiVm => Outgoing::free_form(path, query, body)?,
                Service::Pbh => Outgoing {
                    method: method.clone(),
                    path: path.to_owned(),
                    query,
                    body: body.map_or(Body::None, Body::Json),
                },
            };
            let expected = Expected {
                service: self.service,
                endpoint: &endpoint,
                method: &method,
                path,
                envelope: None,
                since: None,
                until: None,
                forbids: false,
                open: false,
            };
            let exchange =
                Exchange { expected, outgoing, ty: Type::Any, repeatable, open: false, slow: Duration::ZERO };
            self.run(exchange, talk).await
        };
        let result = asked.await.map_err(|error| self.named(error, &endpoint));
        if !repeatable {
            self.cache.clear();
        }
        result
    }

    fn owns(&self, row: &Row) -> Result<()> {
        if row.service == self.service {
            Ok(())
        } else {
            Err(Error::internal(format!("`{}` is no endpoint of `{}`", row.id, self.name)))
        }
    }

    /// Says which of several instances it was, unless the caller is at fault or there is only the one
    /// that the environment defines.
    fn named(&self, error: Error, endpoint: &str) -> Error {
        let mut error = error.from_call(self.service.name(), endpoint);
        // The manifest is asked on behalf of another endpoint.
        error.endpoint = Some(endpoint.to_owned());
        if self.name != "default" && !matches!(error.kind, Kind::Argument | Kind::Internal) {
            error.message = format!("`{}`: {}", self.name, error.message);
        }
        error
    }

    /// PBH's version, where it was asked before.
    pub fn known_version(&self) -> Option<String> {
        self.health.version()
    }

    /// PBH's version. Asked once, and again after the connection was lost.
    ///
    /// # Errors
    /// `unsupported` for KiwiVM, which has none; else as [`Client::call`].
    pub async fn server_version(&self, talk: &Talk) -> Result<String> {
        if let Some(version) = self.health.version() {
            return Ok(version);
        }
        let row = (self.service == Service::Pbh).then(|| Service::Pbh.row("metadata_manifest")).flatten();
        let row = row.ok_or_else(|| Error::new(Kind::Unsupported, "KiwiVM tells no version"))?;
        let exchange = Exchange { ty: Type::Any, ..Exchange::new(row, &Args::default(), None)? };
        let start = self.clock.now();
        let outcome = self.run(exchange, talk).await;
        talk.note(self, row, Value::Object(Map::new()), start, outcome.as_ref().map(Opened::answered));
        let manifest = outcome?.json()?;
        let version = manifest["version"]["version"].as_str().ok_or_else(|| {
            Error::new(Kind::Protocol, "`version.version`: expected a text, found none")
                .from_call(self.service.name(), row.id)
        })?;
        self.health.learn_version(version);
        Ok(version.to_owned())
    }

    /// The version, where it is known or the row depends on it. A server that does not tell is asked
    /// the question itself; one that does not answer is not asked twice.
    async fn version_for(&self, row: &Row, talk: &Talk) -> Result<Option<String>> {
        let depends = row.extra.since.is_some() || row.extra.until.is_some() || row.extra.method_until.is_some();
        if self.service != Service::Pbh {
            return Ok(None);
        }
        match self.health.version() {
            None if depends => match self.server_version(talk).await {
                Err(error) if matches!(error.kind, Kind::Transport | Kind::Timeout) => Err(error),
                version => Ok(version.ok()),
            },
            known => Ok(known),
        }
    }
}

/// What cannot be called at all, or not like this.
fn callable(row: &Row) -> Result<()> {
    if let Some(reason) = row.extra.uncallable {
        return Err(Error::new(Kind::Unsupported, format!("cannot be called: {reason}")));
    }
    match row.envelope() {
        Envelope::Pbh | Envelope::KiwiVm | Envelope::KiwiVmShell | Envelope::Bare | Envelope::Text => Ok(()),
        Envelope::Binary => Err(Error::internal("answers with a file: take `download`")),
        Envelope::Events | Envelope::Socket => Err(Error::internal("is a stream: take `follow`")),
    }
}

/// The path must stay on the server and below its address.
fn check_path(path: &str) -> Result<()> {
    let wrong = |text: String| {
        Err(Error::new(Kind::Argument, text).hint("write it like `/api/bans`; the query goes into the options"))
    };
    if !path.starts_with('/') || path.starts_with("//") {
        return wrong(format!("the path `{path}` does not begin with one slash"));
    }
    if path.contains(['?', '#']) {
        return wrong(format!("the path `{path}` holds a query"));
    }
    if path.split('/').any(|part| matches!(part, "." | "..")) {
        return wrong(format!("the path `{path}` leaves the server's address"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
