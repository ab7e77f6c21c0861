//! One call on its way: credentials, attempts, and what each of them teaches about the server.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use serde_json::json;
use tokio::sync::{MutexGuard, SemaphorePermit};

use super::Client;
use super::args::Args;
use super::envelope::{self, Expected};
use super::opened::{Opened, Part};
use super::outgoing::Outgoing;
use super::talk::{Answered, Talk};
use crate::api::{Envelope, Row, Service, Type};
use crate::clock::{Elapsed, within};
use crate::config::SecretSource;
use crate::error::{Error, Kind, Result};
use crate::http::{Body, Incoming, Reply, Request, Socket, Upgraded};
use crate::permission::Effect;
use crate::secret::{MASK, Secret};
use crate::time::{Duration, Time};

/// One call while it is under way.
pub(super) struct Exchange<'a> {
    pub expected: Expected<'a>,
    pub outgoing: Outgoing,
    pub ty: Type,
    /// May be sent again.
    pub repeatable: bool,
    /// Without credentials.
    pub open: bool,
    /// What the service itself may take, beyond the usual.
    pub slow: Duration,
}

/// A good answer.
pub(super) enum Answer {
    Whole(Reply, Part),
    /// The body of a stream or a file, still on its way.
    Live(Incoming),
    Socket(Box<Socket>),
}

impl Answer {
    /// What is written down of it.
    pub(super) fn answered(&self) -> Answered {
        let bytes = match self {
            Self::Whole(reply, _) => Some(reply.body.len() as u64),
            Self::Live(_) | Self::Socket(_) => None,
        };
        Answered { status: self.status(), bytes }
    }

    pub fn status(&self) -> u16 {
        match self {
            Self::Whole(reply, _) => reply.status,
            Self::Live(incoming) => incoming.status,
            Self::Socket(_) => 101,
        }
    }
}

/// How a request proves who sends it.
enum Credentials<'a> {
    None,
    /// KiwiVM's, in the form.
    Key(&'a Secret),
    Bearer(&'a Secret),
    /// PBH's token as a parameter, where the header has no room.
    Query(&'a Secret),
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
    pub fn new(row: &'static Row, args: &Args, server: Option<&str>) -> Result<Self> {
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
    /// Calls that may take so long do not take turns with others.
    const LONG: Duration = Duration::from_seconds(60);
    /// Where a service says "too many requests" without saying for how long.
    const RATE_PAUSE: Duration = Duration::from_seconds(60);

    /// Sends until there is an answer to keep.
    pub(super) async fn run(&self, exchange: Exchange<'_>, talk: &Talk) -> Result<Opened> {
        let started = self.clock.now();
        match self.answer(&exchange, talk).await? {
            Answer::Whole(reply, part) => Ok(Opened {
                status: reply.status,
                ms: self.since(started),
                service: self.service,
                endpoint: exchange.expected.endpoint.to_owned(),
                ty: exchange.ty,
                body: reply.body,
                part,
            }),
            Answer::Live(_) | Answer::Socket(_) => Err(Error::internal("a stream was taken for a reply")),
        }
    }

    /// Milliseconds on the clock.
    pub(super) fn since(&self, started: Time) -> u64 {
        u64::try_from((self.clock.now() - started).millis()).unwrap_or(0)
    }

    /// Sends until there is an answer, whole or still on its way.
    pub(super) async fn answer(&self, exchange: &Exchange<'_>, talk: &Talk) -> Result<Answer> {
        let deadline = talk.deadline;
        if let Some(error) = self.health.blocked(self.clock.now()) {
            return Err(error);
        }
        self.rest(deadline).await?;
        let mut attempt = 1;
        let result = loop {
            let Failure { error, wait, .. } = match self.attempt(exchange, talk).await {
                Ok(answer) => break Ok(answer),
                Err(failure) => failure,
            };
            if self.service == Service::KiwiVm {
                self.budget.failed(self.clock.now(), &error, wait);
            }
            let pause = self.pause(exchange, &error, attempt, wait);
            let until = self.clock.now() + pause.unwrap_or(Duration::ZERO);
            if pause.is_none() || until >= deadline {
                break Err(error);
            }
            self.clock.sleep_until(until).await;
            attempt += 1;
        };
        self.health.observe(self.clock.now(), result.as_ref().err());
        result
    }

    /// KiwiVM drops the requests of whoever has spent his allowance, so nobody asks until that is over.
    /// Who has the time waits; the others get the error with the time.
    async fn rest(&self, deadline: Time) -> Result<()> {
        while let Some((until, error)) = self.budget.rest(self.clock.now()) {
            if until >= deadline {
                return Err(error);
            }
            self.clock.sleep_until(until).await;
        }
        Ok(())
    }

    /// How long to wait before sending the same once more, if that makes sense. `asked` is what the
    /// service asked for.
    fn pause(&self, exchange: &Exchange<'_>, error: &Error, attempt: u32, asked: Option<Duration>) -> Option<Duration> {
        let worth = match error.kind {
            Kind::Transport | Kind::RateLimit => true,
            // A PBH that starts does not have all of its routes yet.
            Kind::Unsupported => error.status == Some(405) && exchange.expected.is_known_to(self.health.version()),
            _ => error.status.is_some_and(|status| status >= 500),
        };
        if !exchange.repeatable || !worth || attempt >= Self::ATTEMPTS {
            return None;
        }
        let now = self.clock.now();
        let doubling = 1 << (attempt - 1);
        let base = match self.budget.rest(now) {
            Some((until, _)) => (until - now).millis(),
            None if error.kind == Kind::RateLimit => {
                asked.unwrap_or(Self::RATE_PAUSE).millis().saturating_mul(doubling)
            }
            None => Self::BACKOFF.millis() * doubling,
        };
        // Up to half as much again, so that those who failed together do not come back together; from
        // the call itself rather than by chance, so that a simulated run can be repeated.
        let mut hasher = DefaultHasher::new();
        (&self.name, exchange.expected.endpoint, attempt, self.clock.now()).hash(&mut hasher);
        let jitter = hasher.finish() % (base.unsigned_abs() / 2 + 1);
        Some(Duration::from_millis(base.saturating_add_unsigned(jitter)))
    }

    /// Sends once. A secret that is not known to be right is tried by one caller at a time: PBH locks
    /// a whole network out after ten wrong ones.
    async fn attempt(&self, exchange: &Exchange<'_>, talk: &Talk) -> Result<Answer, Failure> {
        if exchange.open {
            return self.send(exchange, &Credentials::None, talk).await;
        }
        let secret = self.vault.read(&self.secret)?;
        let trial = self.trial(&secret, talk.deadline).await?;
        if let Some(error) = self.health.refusal(&secret) {
            return Err(error.into());
        }
        // A WebSocket opens for everybody and says no later.
        if trial.is_some() && exchange.expected.envelope == Some(Envelope::Socket) {
            self.prove(&secret, talk).await?;
        }
        let result = self.authorised(exchange, &secret, talk).await;
        match &result {
            Ok(_) => self.health.accept(&secret),
            Err(failure) if failure.refused => self.health.refuse(&secret, &failure.error),
            // The service forbids this to everybody, or the token is wrong: it must be known before the
            // next try.
            Err(failure) if exchange.expected.forbids && failure.error.status == Some(403) && trial.is_some() => {
                if let Err(failure) = self.prove(&secret, talk).await
                    && failure.refused
                {
                    return Err(failure);
                }
            }
            Err(_) => {}
        }
        result
    }

    /// Finds out whether the token is right, by a question that anybody may ask who has it.
    async fn prove(&self, secret: &Secret, talk: &Talk) -> Result<(), Failure> {
        let row = Service::Pbh
            .row("statistic_counter")
            .ok_or_else(|| Error::internal("the tables have no row `statistic_counter`"))?;
        let probe = Exchange::new(row, &Args::default(), None)?;
        let start = self.clock.now();
        let result = self.authorised(&probe, secret, talk).await;
        let outcome = result.as_ref().map(Answer::answered).map_err(|failure| &failure.error);
        talk.note(self, row, json!({}), start, outcome);
        match result {
            Ok(_) => self.health.accept(secret),
            Err(failure) => {
                if failure.refused {
                    self.health.refuse(secret, &failure.error);
                }
                return Err(failure);
            }
        }
        Ok(())
    }

    /// The service refused the secret as it is now, in a way of its own.
    pub(super) fn refuse(&self, error: &Error) -> Result<()> {
        self.health.refuse(&self.vault.read(&self.secret)?, error);
        Ok(())
    }

    /// The right to try a secret that is not known to be right; nothing for one that is.
    async fn trial(&self, secret: &Secret, deadline: Time) -> Result<Option<MutexGuard<'_, ()>>> {
        if self.health.proven(secret) {
            return Ok(None);
        }
        if let Ok(trial) = self.trial.try_lock() {
            return Ok(Some(trial));
        }
        let Ok(trial) = within(&*self.clock, deadline, self.trial.lock()).await else {
            return Err(Error::new(
                Kind::Timeout,
                "no time is left: another call is still finding out whether the credentials are right",
            )
            .hint("is the server overloaded or unreachable?"));
        };
        // Whoever was before may have found out, or found nobody there.
        match self.health.blocked(self.clock.now()) {
            Some(error) => Err(error),
            None => Ok((!self.health.proven(secret)).then_some(trial)),
        }
    }

    /// Sends once, with the secret in whatever form this server takes it.
    async fn authorised(&self, exchange: &Exchange<'_>, secret: &Secret, talk: &Talk) -> Result<Answer, Failure> {
        if self.service == Service::KiwiVm {
            return self.send(exchange, &Credentials::Key(secret), talk).await;
        }
        if self.basic_auth.is_none() {
            return self.send(exchange, &Credentials::Bearer(secret), talk).await;
        }
        if exchange.expected.envelope == Some(Envelope::Socket) {
            // A session does not open WebSockets.
            return self.send(exchange, &Credentials::Query(secret), talk).await;
        }
        // Basic authentication takes the header that the token would travel in, so PBH gets a session.
        if let Some(cookie) = self.health.session(secret) {
            let result = self.send(exchange, &Credentials::Session(cookie), talk).await;
            // Sessions end when PBH restarts.
            if !result.as_ref().is_err_and(|failure| failure.refused) {
                return result;
            }
        }
        let cookie = self.log_in(secret, talk).await?;
        self.health.keep_session(secret, &cookie);
        self.send(exchange, &Credentials::Session(cookie), talk).await
    }

    /// The cookie of a new session.
    async fn log_in(&self, secret: &Secret, talk: &Talk) -> Result<String, Failure> {
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
                open: false,
            },
            outgoing: Outgoing {
                method: "POST".to_owned(),
                path: "/api/auth/login".to_owned(),
                query: Vec::new(),
                body: Body::Json(json!({"token": secret.expose()})),
            },
            ty: Type::Any,
            repeatable: false,
            open: true,
            slow: Duration::ZERO,
        };
        let start = self.clock.now();
        let outcome = self.send(&login, &Credentials::None, talk).await;
        if let Some(row) = Service::Pbh.row(login.expected.endpoint) {
            let status = outcome.as_ref().map(Answer::answered).map_err(|failure| &failure.error);
            talk.note(self, row, json!({"token": MASK}), start, status);
        }
        let Answer::Whole(reply, _) = outcome? else {
            return Err(Error::internal("a login was taken for a stream").into());
        };
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
        talk: &Talk,
    ) -> Result<Answer, Failure> {
        let deadline = talk.deadline;
        let request = self.request_for(exchange, credentials, deadline)?;
        let _turn = self.turn(exchange, deadline).await?;
        if self.service == Service::KiwiVm {
            self.budget.spend(self.clock.now());
        }
        let reply = match exchange.expected.envelope {
            Some(kind @ (Envelope::Events | Envelope::Binary)) => {
                let answer_by = request.deadline;
                let incoming = self.http.open(Request { deadline, ..request }, answer_by).await?;
                if envelope::is_live(kind, incoming.status, &incoming.headers) {
                    if let Some(version) = envelope::server_version(&incoming.headers) {
                        self.health.learn_version(version);
                    }
                    return Ok(Answer::Live(incoming));
                }
                incoming.whole(answer_by, self.max_reply).await?
            }
            Some(Envelope::Socket) => {
                let answer_by = request.deadline;
                match self.http.upgrade(Request { deadline, ..request }, answer_by).await? {
                    Upgraded::Socket(socket) => {
                        if let Some(version) = envelope::server_version(&socket.headers) {
                            self.health.learn_version(version);
                        }
                        return Ok(Answer::Socket(socket));
                    }
                    Upgraded::Refused(incoming) => incoming.whole(answer_by, self.max_reply).await?,
                }
            }
            _ => self.http.send(request).await?,
        };
        if let Some(version) = envelope::server_version(&reply.headers) {
            self.health.learn_version(version);
        }
        let version = self.health.version();
        match envelope::open(&exchange.expected, version.as_deref(), reply.status, &reply.headers, &reply.body) {
            Ok(content) => {
                let part = Part::of(&content, &reply.body);
                Ok(Answer::Whole(reply, part))
            }
            Err(error) => {
                let refused = error.kind == Kind::Auth && envelope::is_own(self.service, &reply.body);
                let wait = envelope::retry_after(&reply.headers).map(Duration::from_seconds);
                Err(Failure { error, refused, wait })
            }
        }
    }

    /// A turn among all that ask this host. What takes the service minutes does not keep it busy, and
    /// must not keep the others waiting.
    async fn turn(&self, exchange: &Exchange<'_>, deadline: Time) -> Result<Option<SemaphorePermit<'_>>> {
        if exchange.slow >= Self::LONG {
            return Ok(None);
        }
        match within(&*self.clock, deadline, self.gate.acquire()).await {
            // Nobody closes it.
            Ok(turn) => Ok(turn.ok()),
            Err(Elapsed) => {
                Err(Error::new(Kind::Timeout, "no time is left after waiting for other requests to this host")
                    .hint("is the server overloaded or unreachable?"))
            }
        }
    }

    fn request_for(&self, exchange: &Exchange<'_>, credentials: &Credentials<'_>, deadline: Time) -> Result<Request> {
        let Outgoing { method, path, mut query, mut body } = exchange.outgoing.clone();
        // Exactly this: with anything else in it PBH answers an unknown route with its web page.
        let accept = match exchange.expected.envelope {
            Some(Envelope::Events) => "text/event-stream",
            _ => "application/json",
        };
        let mut headers = vec![("Accept".to_owned(), accept.to_owned())];
        match (credentials, &mut body) {
            (Credentials::Key(key), Body::Form(fields)) => {
                let pairs = [("veid", self.veid.to_string()), ("api_key", key.expose().to_owned())];
                fields.splice(0..0, pairs.map(|(name, value)| (name.to_owned(), value)));
            }
            (Credentials::Bearer(token), _) => {
                headers.push(("Authorization".to_owned(), format!("Bearer {}", token.expose())));
            }
            (Credentials::Query(token), _) => query.push(("token".to_owned(), token.expose().to_owned())),
            (Credentials::Session(cookie), _) => headers.push(("Cookie".to_owned(), cookie.clone())),
            _ => {}
        }
        if let Some((user, password)) = &self.basic_auth {
            let password = self.vault.read(password)?;
            let pair = BASE64_STANDARD.encode(format!("{user}:{}", password.expose()));
            headers.push(("Authorization".to_owned(), format!("Basic {pair}")));
        }
        for (name, source) in &self.headers {
            let value = match source {
                // What stands in the configuration for everybody to read may be any word.
                SecretSource::Literal(value) => value.clone(),
                source => self.vault.read(source)?,
            };
            headers.push((name.clone(), value.expose().to_owned()));
        }
        // The tables call a WebSocket by a method of its own.
        let method = if method == "WS" { "GET".to_owned() } else { method };
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
