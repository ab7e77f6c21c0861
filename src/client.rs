//! One configured instance of KiwiVM or PBH: calls go out, values or one typed error come back.

mod args;
pub mod envelope;
mod health;
mod opened;
mod outgoing;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use serde_json::Value;

use crate::api::{Envelope, Row, Service, Type};
use crate::config::{Limits, Pbh, SecretSource, Transport, Vps};
use crate::error::{Error, Kind, Result};
use crate::http::{Body, Http, Reply, Request};
use crate::permission::Effect;
use crate::secret::Secret;
use crate::time::{Clock, Duration, Time};
use crate::vault::Vault;

pub use args::Args;
pub use opened::Opened;

use envelope::Expected;
use health::Health;
use opened::Part;
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
    headers: Vec<(String, String)>,
    basic_auth: Option<(String, SecretSource)>,
    max_reply: u64,
    http: Http,
    vault: Arc<Vault>,
    clock: Arc<dyn Clock>,
    health: Health,
    /// Held by whoever tries a secret that is not known to be right.
    trial: tokio::sync::Mutex<()>,
}

/// One call while it is under way.
struct Exchange<'a> {
    expected: Expected<'a>,
    outgoing: Outgoing,
    ty: Type,
    /// May be sent again.
    repeatable: bool,
    /// Without credentials.
    open: bool,
    /// What the service itself may take, beyond the usual.
    slow: Duration,
}

/// How a request proves who sends it.
enum Credentials<'a> {
    None,
    /// KiwiVM's, in the form.
    Key(&'a Secret),
    Bearer(&'a Secret),
    /// The cookie of a session.
    Session(String),
}

/// Why an attempt failed.
struct Failure {
    error: Error,
    /// The service itself refused the secret.
    refused: bool,
    /// What it asks to wait.
    wait: Option<Duration>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, refused: false, wait: None }
    }
}

impl Exchange<'static> {
    /// `server` is the version, where it is known.
    fn new(row: &'static Row, args: &Args, server: Option<&str>) -> Result<Self> {
        let outgoing = match row.service {
            Service::KiwiVm => Outgoing::form(row, args),
            Service::Pbh => Outgoing::json(row, args, server)?,
        };
        Ok(Self {
            expected: row.into(),
            outgoing,
            ty: row.returns,
            repeatable: row.effect == Effect::Read || row.extra.idempotent,
            open: row.extra.open,
            slow: Duration::from_seconds(row.extra.slow.into()),
        })
    }
}

impl Client {
    /// How often a request is sent at most.
    const ATTEMPTS: u32 = 3;
    /// Before the second attempt; doubled before the third.
    const BACKOFF: Duration = Duration::from_millis(500);
    /// Where a service says "too many requests" without saying for how long.
    const RATE_PAUSE: Duration = Duration::from_seconds(60);

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
            http,
            vault,
            clock,
            health: Health::default(),
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
            http,
            vault,
            clock,
            health: Health::default(),
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

    /// What one request may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Calls a row. Reads, and writes that the row calls idempotent, are sent up to three times where
    /// the server does not answer, is overloaded or fails, as far as the deadline allows.
    ///
    /// # Errors
    /// Whatever goes wrong, as one error that names service and endpoint.
    pub async fn call(&self, row: &'static Row, args: &Args, deadline: Time) -> Result<Opened> {
        let called = async {
            if row.service != self.service {
                return Err(Error::internal(format!("`{}` is no endpoint of `{}`", row.id, self.name)));
            }
            callable(row)?;
            let server = self.version_for(row, deadline).await?;
            if let Some(error) = server.as_deref().and_then(|server| envelope::lacks(&row.into(), server)) {
                return Err(error);
            }
            let exchange = Exchange::new(row, args, server.as_deref())?;
            self.run(exchange, deadline).await
        };
        called.await.map_err(|error| self.named(error, row.id))
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
        deadline: Time,
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
            };
            let exchange =
                Exchange { expected, outgoing, ty: Type::Any, repeatable, open: false, slow: Duration::ZERO };
            self.run(exchange, deadline).await
        };
        asked.await.map_err(|error| self.named(error, &endpoint))
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

    /// PBH's version. Asked once, and again after the connection was lost.
    ///
    /// # Errors
    /// `unsupported` for KiwiVM, which has none; else as [`Client::call`].
    pub async fn server_version(&self, deadline: Time) -> Result<String> {
        if let Some(version) = self.health.version() {
            return Ok(version);
        }
        let row = (self.service == Service::Pbh).then(|| Service::Pbh.row("metadata_manifest")).flatten();
        let row = row.ok_or_else(|| Error::new(Kind::Unsupported, "KiwiVM tells no version"))?;
        let exchange = Exchange { ty: Type::Any, ..Exchange::new(row, &Args::default(), None)? };
        let manifest = self.run(exchange, deadline).await?.json()?;
        let version = manifest["version"]["version"].as_str().ok_or_else(|| {
            Error::new(Kind::Protocol, "`version.version`: expected a text, found none")
                .from_call(self.service.name(), row.id)
        })?;
        self.health.learn_version(version);
        Ok(version.to_owned())
    }

    /// The version, where it is known or the row depends on it. A server that does not tell is asked
    /// the question itself; one that does not answer is not asked twice.
    async fn version_for(&self, row: &Row, deadline: Time) -> Result<Option<String>> {
        let depends = row.extra.since.is_some() || row.extra.until.is_some() || row.extra.method_until.is_some();
        if self.service != Service::Pbh {
            return Ok(None);
        }
        match self.health.version() {
            None if depends => match self.server_version(deadline).await {
                Err(error) if matches!(error.kind, Kind::Transport | Kind::Timeout) => Err(error),
                version => Ok(version.ok()),
            },
            known => Ok(known),
        }
    }

    /// Sends until there is an answer to keep.
    async fn run(&self, exchange: Exchange<'_>, deadline: Time) -> Result<Opened> {
        let started = self.clock.now();
        if let Some(error) = self.health.blocked(started) {
            return Err(error);
        }
        let mut attempt = 1;
        let result = loop {
            let Failure { error, wait, .. } = match self.attempt(&exchange, deadline).await {
                Ok(opened) => break Ok(opened),
                Err(failure) => failure,
            };
            let pause = self.pause(&exchange, &error, attempt, wait);
            let until = self.clock.now() + pause.unwrap_or(Duration::ZERO);
            if pause.is_none() || until >= deadline {
                break Err(error);
            }
            self.clock.sleep_until(until).await;
            attempt += 1;
        };
        let now = self.clock.now();
        self.health.observe(now, result.as_ref().err());
        let (reply, part) = result?;
        Ok(Opened {
            status: reply.status,
            ms: u64::try_from((now - started).millis()).unwrap_or(0),
            service: self.service,
            endpoint: exchange.expected.endpoint.to_owned(),
            ty: exchange.ty,
            body: reply.body,
            part,
        })
    }

    /// How long to wait before sending the same once more, if that makes sense. `asked` is what the
    /// service asked for.
    fn pause(&self, exchange: &Exchange<'_>, error: &Error, attempt: u32, asked: Option<Duration>) -> Option<Duration> {
        let worth = match error.kind {
            Kind::Transport | Kind::RateLimit => true,
            _ => error.status.is_some_and(|status| status >= 500),
        };
        if !exchange.repeatable || !worth || attempt >= Self::ATTEMPTS {
            return None;
        }
        let base = if error.kind == Kind::RateLimit { asked.unwrap_or(Self::RATE_PAUSE) } else { Self::BACKOFF };
        let base = base.millis().saturating_mul(1 << (attempt - 1));
        // Up to half as much again, so that those who failed together do not come back together; from
        // the call itself rather than by chance, so that a simulated run can be repeated.
        let mut hasher = DefaultHasher::new();
        (&self.name, exchange.expected.endpoint, attempt, self.clock.now()).hash(&mut hasher);
        let jitter = hasher.finish() % (base.unsigned_abs() / 2 + 1);
        Some(Duration::from_millis(base.saturating_add_unsigned(jitter)))
    }

    /// Sends once. A secret that is not known to be right is tried by one caller at a time: PBH locks
    /// a whole network out after ten wrong ones.
    async fn attempt(&self, exchange: &Exchange<'_>, deadline: Time) -> Result<(Reply, Part), Failure> {
        if exchange.open {
            return self.send(exchange, &Credentials::None, deadline).await;
        }
        let secret = self.vault.read(&self.secret)?;
        let trial = if self.health.proven(&secret) { None } else { Some(self.trial.lock().await) };
        if let Some(error) = self.health.refusal(&secret) {
            return Err(error.into());
        }
        let result = self.authorised(exchange, &secret, deadline).await;
        match &result {
            Ok(_) => self.health.accept(&secret),
            Err(failure) if failure.refused => self.health.refuse(&secret, &failure.error),
            // The service forbids this to everybody, or the token is wrong: it must be known before the
            // next try.
            Err(failure) if exchange.expected.forbids && failure.error.status == Some(403) && trial.is_some() => {
                let probe = Service::Pbh.row("statistic_counter").map(|row| Exchange::new(row, &Args::default(), None));
                if let Some(Ok(probe)) = probe {
                    match self.authorised(&probe, &secret, deadline).await {
                        Ok(_) => self.health.accept(&secret),
                        Err(failure) if failure.refused => {
                            self.health.refuse(&secret, &failure.error);
                            return Err(failure);
                        }
                        Err(_) => {}
                    }
                }
            }
            Err(_) => {}
        }
        result
    }

    /// Sends once, with the secret in whatever form this server takes it.
    async fn authorised(
        &self,
        exchange: &Exchange<'_>,
        secret: &Secret,
        deadline: Time,
    ) -> Result<(Reply, Part), Failure> {
        if self.service == Service::KiwiVm {
            return self.send(exchange, &Credentials::Key(secret), deadline).await;
        }
        if self.basic_auth.is_none() {
            return self.send(exchange, &Credentials::Bearer(secret), deadline).await;
        }
        // Basic authentication takes the header that the token would travel in, so PBH gets a session.
        if let Some(cookie) = self.health.session(secret) {
            let result = self.send(exchange, &Credentials::Session(cookie), deadline).await;
            // Sessions end when PBH restarts.
            if !result.as_ref().is_err_and(|failure| failure.refused) {
                return result;
            }
        }
        let cookie = self.log_in(secret, deadline).await?;
        self.health.keep_session(secret, &cookie);
        self.send(exchange, &Credentials::Session(cookie), deadline).await
    }

    /// The cookie of a new session.
    async fn log_in(&self, secret: &Secret, deadline: Time) -> Result<String, Failure> {
        let login = Exchange {
            expected: Expected {
                service: Service::Pbh,
                endpoint: "auth_login",
                method: "POST",
                path: "/api/auth/login",
                envelope: Some(Envelope::Pbh),
                since: None,
                until: None,
                forbids: false,
            },
            outgoing: Outgoing {
                method: "POST".to_owned(),
                path: "/api/auth/login".to_owned(),
                query: Vec::new(),
                body: Body::Json(serde_json::json!({"token": secret.expose()})),
            },
            ty: Type::Any,
            repeatable: false,
            open: true,
            slow: Duration::ZERO,
        };
        let (reply, _) = self.send(&login, &Credentials::None, deadline).await?;
        envelope::session(&reply.headers).ok_or_else(|| {
            Error::new(Kind::Protocol, "the login was answered without a session cookie")
                .hint("does a proxy in front of PBH remove cookies?")
                .into()
        })
    }

    async fn send(
        &self,
        exchange: &Exchange<'_>,
        credentials: &Credentials<'_>,
        deadline: Time,
    ) -> Result<(Reply, Part), Failure> {
        let request = self.request_for(exchange, credentials, deadline)?;
        let reply = self.http.send(request).await?;
        if let Some(version) = envelope::server_version(&reply.headers) {
            self.health.learn_version(version);
        }
        let version = self.health.version();
        match envelope::open(&exchange.expected, version.as_deref(), reply.status, &reply.headers, &reply.body) {
            Ok(content) => {
                let part = Part::of(&content, &reply.body);
                Ok((reply, part))
            }
            Err(error) => {
                let refused = error.kind == Kind::Auth && envelope::is_own(self.service, &reply.body);
                let wait = envelope::retry_after(&reply.headers).map(Duration::from_seconds);
                Err(Failure { error, refused, wait })
            }
        }
    }

    fn request_for(&self, exchange: &Exchange<'_>, credentials: &Credentials<'_>, deadline: Time) -> Result<Request> {
        let Outgoing { method, path, query, mut body } = exchange.outgoing.clone();
        // Exactly this: with anything else in it PBH answers an unknown route with its web page.
        let mut headers = vec![("Accept".to_owned(), "application/json".to_owned())];
        match (credentials, &mut body) {
            (Credentials::Key(key), Body::Form(fields)) => {
                let pairs = [("veid", self.veid.to_string()), ("api_key", key.expose().to_owned())];
                fields.splice(0..0, pairs.map(|(name, value)| (name.to_owned(), value)));
            }
            (Credentials::Bearer(token), _) => {
                headers.push(("Authorization".to_owned(), format!("Bearer {}", token.expose())));
            }
            (Credentials::Session(cookie), _) => headers.push(("Cookie".to_owned(), cookie.clone())),
            _ => {}
        }
        if let Some((user, password)) = &self.basic_auth {
            let password = self.vault.read(password)?;
            let pair = BASE64_STANDARD.encode(format!("{user}:{}", password.expose()));
            headers.push(("Authorization".to_owned(), format!("Basic {pair}")));
        }
        headers.extend(self.headers.iter().cloned());
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| Error::new(Kind::Argument, format!("`{method}` is no HTTP method")))?;
        let latest = self.clock.now() + self.timeout + exchange.slow;
        Ok(Request {
            transport: self.transport.clone(),
            method,
            url: format!("{}{path}", self.url),
            headers,
            query,
            body,
            deadline: deadline.min(latest),
            max_reply: self.max_reply,
        })
    }
}

/// What a script cannot call at all, or not yet.
fn callable(row: &Row) -> Result<()> {
    if let Some(reason) = row.extra.uncallable {
        return Err(Error::new(Kind::Unsupported, format!("cannot be called: {reason}")));
    }
    let what = match row.envelope() {
        Envelope::Binary => "answers with a file",
        Envelope::Events | Envelope::Socket => "is a stream",
        Envelope::Pbh | Envelope::KiwiVm | Envelope::KiwiVmShell | Envelope::Bare | Envelope::Text => return Ok(()),
    };
    Err(Error::new(Kind::Unsupported, format!("{what}, which this version of tidegate cannot read")))
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
