//! One HTTP exchange: the only place that builds reqwest clients.

mod fault;
mod incoming;
mod outside;
mod socket;
mod tape;
mod target;

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::multipart::{self, Form};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::{Notify, Semaphore};

use crate::address::Ip;
use crate::clock::{Elapsed, within};
use crate::config::Transport;
use crate::error::{Error, Kind, Result};
use crate::secret::Masker;
use crate::time::{Clock, Duration, Time};

pub use incoming::{Incoming, Next};
pub use reqwest::Method;
pub use socket::{Frame, Socket, Upgraded};
pub use tape::Exchange;

use outside::{StandIns, is_here};
use tape::Tape;
use target::Target;

/// Sends requests. Cheap to clone; connections are shared by everything with the same [`Transport`].
#[derive(Clone)]
pub struct Http {
    clock: Arc<dyn Clock>,
    clients: Arc<Mutex<HashMap<Way, reqwest::Client>>>,
    gates: Arc<Mutex<HashMap<String, Arc<Semaphore>>>>,
    /// What stands in for the world outside of this machine, where nothing may reach that.
    outside: Arc<OnceLock<StandIns>>,
    /// Records what is exchanged, or plays it back.
    tape: Arc<OnceLock<Tape>>,
    used: Arc<Notify>,
}

/// One request, complete.
#[derive(Clone, Debug)]
pub struct Request {
    pub transport: Transport,
    pub method: Method,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub query: Vec<(String, String)>,
    pub body: Body,
    /// On the clock of [`Http`].
    pub deadline: Time,
    /// Bytes, after decompression.
    pub max_reply: u64,
}

#[derive(Clone, Debug)]
pub enum Body {
    None,
    Json(Value),
    Form(Vec<(String, String)>),
    /// `multipart/form-data`.
    Parts(Vec<Part>),
    Text(String),
    /// A content type, and a text that is of it.
    Typed(String, String),
}

/// One part of [`Body::Parts`].
#[derive(Clone, Debug)]
pub struct Part {
    pub name: String,
    /// Makes it a file.
    pub file: Option<String>,
    pub content: Vec<u8>,
}

/// Whatever came back, with any status.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    /// One that nobody sent.
    ///
    /// # Errors
    /// `config` where a header is none.
    pub fn stand_in(status: u16, headers: impl IntoIterator<Item = (String, String)>, body: Vec<u8>) -> Result<Self> {
        Ok(Self { status, headers: header_map(&headers.into_iter().collect::<Vec<_>>())?, body })
    }
}

/// What a reqwest client is built from; fewer than there are transports, because what a request does
/// not need is left out.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Way {
    transport: Transport,
    tls: bool,
    pin: Option<Pin>,
    /// HTTP/2 knows no web sockets in the manner of PBH.
    upgrade: bool,
}

/// A host whose addresses were chosen beforehand.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Pin {
    host: String,
    addresses: Vec<IpAddr>,
}

/// Which way a request takes. Addresses of proxies are without user name and password.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "way", content = "proxy", rename_all = "lowercase")]
pub enum Path {
    Direct,
    Proxy(String),
    /// Past this proxy, since the server is at a private address.
    Bypass(String),
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("direct"),
            Self::Proxy(proxy) => write!(f, "through {proxy}"),
            Self::Bypass(proxy) => write!(f, "direct, past {proxy}: the address is private"),
        }
    }
}

impl Http {
    /// How many requests a host gets at once from everyone who goes through its [`Http::gate`].
    pub const AT_ONCE: usize = 4;
    const USER_AGENT: &'static str = concat!("tidegate/", env!("CARGO_PKG_VERSION"));

    pub fn new(clock: Arc<dyn Clock>) -> Self {
        // Fails only where a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            clock,
            clients: Arc::default(),
            gates: Arc::default(),
            outside: Arc::default(),
            tape: Arc::default(),
            used: Arc::default(),
        }
    }

    /// Waits until a request was answered or failed; one since the last wait is that too. There is one who waits.
    pub async fn used(&self) {
        self.used.notified().await;
    }

    /// From now on every exchange is kept, to be played back to another. What streams is not.
    pub fn record(&self, masker: &Masker) {
        self.tape.get_or_init(|| Tape::blank(masker.clone()));
    }

    /// What was kept.
    pub fn recorded(&self) -> Vec<Exchange> {
        self.tape.get().map(Tape::exchanges).unwrap_or_default()
    }

    /// From now on nothing is sent: answers are those of the tape.
    pub fn play(&self, masker: &Masker, exchanges: Vec<Exchange>) {
        self.tape.get_or_init(|| Tape::of(masker.clone(), exchanges));
        self.stay_here();
    }

    /// From now on nothing goes further than this machine; what is asked outside is answered by what [`Http::stand_in`]
    /// says, or not at all.
    pub fn stay_here(&self) {
        self.outside.get_or_init(StandIns::default);
    }

    /// What answers requests of that method (any, where there is none) to an address that begins so, for one that stays
    /// here. Of several the latest.
    pub fn stand_in(&self, method: Option<Method>, url: &str, reply: Reply) {
        self.outside.get_or_init(StandIns::default).add(method, url, reply);
    }

    /// Whether a host must not be asked.
    pub fn is_outside(&self, host: &str) -> bool {
        self.outside.get().is_some() && !is_here(host)
    }

    /// What limits the requests that a host gets at once: everyone who asks it takes turns here. A URL
    /// that cannot be read has a gate of its own and fails when it is sent to.
    pub fn gate(&self, url: &str) -> Arc<Semaphore> {
        let host = Target::parse(url).map_or_else(|_| url.to_owned(), |target| target.to_string());
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(gates.entry(host).or_insert_with(|| Arc::new(Semaphore::new(Self::AT_ONCE))))
    }

    /// Builds every connection anew from now on: a certificate file may hold something else now.
    pub fn forget(&self) {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Sends the request and reads the whole reply. Redirects are handed back, never followed. The
    /// clock counts the exchange as work in progress.
    ///
    /// # Errors
    /// `transport` or `timeout` where no complete reply came, `protocol` where it cannot be unpacked,
    /// `limit` where it is too large, `config` where the request must not be sent as it is. Their texts
    /// name host and port and nothing else of the request.
    pub async fn send(&self, request: Request) -> Result<Reply> {
        self.send_to(request, &[]).await
    }

    /// The same, to these addresses of the host and to no other, whatever its name leads to by then; none are as
    /// good as all. A proxy finds the host by itself.
    ///
    /// # Errors
    /// As [`Http::send`].
    pub async fn send_to(&self, request: Request, addresses: &[IpAddr]) -> Result<Reply> {
        let _busy = self.clock.busy();
        let target = Target::parse(&request.url)?;
        if let Some(answer) = self.tape.get().and_then(|tape| tape.play(&request, &target)) {
            return answer;
        }
        if let Some(outside) = self.outside.get().filter(|_| !is_here(target.host())) {
            return outside.answer(&request.method, &target);
        }
        let left = self.left(request.deadline, &target)?;
        let deadline = request.deadline;
        let asked = self.tape.get().map(|tape| (tape, request.clone()));
        let reply = match within(&*self.clock, deadline, self.exchange(request, &target, addresses, left)).await {
            Ok(reply) => reply,
            Err(Elapsed) => Err(fault::timeout(&target, left)),
        };
        self.used.notify_one();
        if let Some((tape, request)) = asked {
            tape.record(&request, &reply);
        }
        reply
    }

    /// The addresses that the host of a URL has now; none where it is outside of where this may go.
    ///
    /// # Errors
    /// `transport` or `timeout` where nobody knows, `config` for what is no URL.
    pub async fn resolve(&self, url: &str, deadline: Time) -> Result<Vec<IpAddr>> {
        let _busy = self.clock.busy();
        let target = Target::parse(url)?;
        if self.is_outside(target.host()) {
            return Ok(Vec::new());
        }
        let left = self.left(deadline, &target)?;
        let found = within(&*self.clock, deadline, target.resolve()).await;
        found.unwrap_or_else(|Elapsed| Err(fault::timeout(&target, left)))
    }

    /// What is left until the deadline.
    fn left(&self, deadline: Time, target: &Target) -> Result<Duration> {
        let left = deadline - self.clock.now();
        if left > Duration::ZERO { Ok(left) } else { Err(fault::timeout(target, Duration::ZERO)) }
    }

    /// Sends the request and hands the reply over as soon as it has begun, which must be by `answer_by`.
    /// The request's deadline is that of the whole reply.
    ///
    /// # Errors
    /// As [`Http::send`].
    pub async fn open(&self, request: Request, answer_by: Time) -> Result<Incoming> {
        let _busy = self.clock.busy();
        let target = Target::parse(&request.url)?;
        let left = self.left(request.deadline.min(answer_by), &target)?;
        let begun = within(&*self.clock, answer_by, self.begin(request, &target, &[], left, false)).await;
        self.used.notify_one();
        match begun {
            Ok(response) => Ok(Incoming::new(response?, target, left, Arc::clone(&self.clock))),
            Err(Elapsed) => Err(fault::timeout(&target, left)),
        }
    }

    async fn exchange(&self, request: Request, target: &Target, addresses: &[IpAddr], left: Duration) -> Result<Reply> {
        let max_reply = request.max_reply;
        let mut response = self.begin(request, target, addresses, left, false).await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let too_large = || incoming::too_large(target, max_reply, status);
        if response.content_length().is_some_and(|length| length > max_reply) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|error| fault::explain(&error, target, left).status(status))?
        {
            if (body.len() + chunk.len()) as u64 > max_reply {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status, headers, body })
    }

    /// Sends, and waits for status and headers.
    async fn begin(
        &self,
        request: Request,
        target: &Target,
        addresses: &[IpAddr],
        left: Duration,
        upgrade: bool,
    ) -> Result<reqwest::Response> {
        if self.is_outside(target.host()) {
            return Err(outside::unreachable(target));
        }
        let is_private = |found: &[IpAddr]| found.iter().all(|ip| !Ip::from(*ip).is_public());
        let allowed = target.tls()
            || request.transport.plain_http
            || if addresses.is_empty() { is_private(&target.resolve().await?) } else { is_private(addresses) };
        if !allowed {
            return Err(Error::new(Kind::Config, format!("plain HTTP to the public address `{target}` is refused"))
                .hint(
                    "use `https://`, or set `plain_http = true` there if you accept that anyone on the way can read it",
                ));
        }
        let whole = (request.deadline - self.clock.now()).max(left);
        let Request { transport, method, headers, query, body, .. } = request;
        // The clock cannot notice a server that hangs while it counts the exchange as work in
        // progress; this real time is the net below it.
        let net = whole.to_std().max(std::time::Duration::from_secs(1)) * 2 + std::time::Duration::from_secs(5);
        let builder = self.client(transport, target, addresses, upgrade)?;
        let builder = builder.request(method, target.url.clone()).timeout(net);
        let builder = builder.headers(header_map(&headers)?);
        let builder = if query.is_empty() { builder } else { builder.query(&query) };
        let builder = match body {
            Body::None => builder,
            Body::Json(json) => builder.json(&json),
            Body::Form(fields) => builder.form(&fields),
            Body::Parts(parts) => builder.multipart(parts.into_iter().fold(Form::new(), |form, part| {
                let content = multipart::Part::bytes(part.content);
                form.part(part.name, part.file.into_iter().fold(content, multipart::Part::file_name))
            })),
            Body::Typed(kind, text) => builder.header(CONTENT_TYPE, kind).body(text),
            Body::Text(text) => builder.header(CONTENT_TYPE, "text/plain; charset=utf-8").body(text),
        };
        builder.send().await.map_err(|error| fault::explain(&error, target, left))
    }

    /// Which way requests to `url` go.
    ///
    /// # Errors
    /// `config` where the URL cannot be read.
    pub fn path(transport: &Transport, url: &str) -> Result<Path> {
        let target = Target::parse(url)?;
        Ok(match &transport.proxy {
            None => Path::Direct,
            Some(proxy) if passes(transport, &target) => Path::Bypass(proxy.shown()),
            Some(proxy) => Path::Proxy(proxy.shown()),
        })
    }

    fn client(
        &self,
        mut transport: Transport,
        target: &Target,
        addresses: &[IpAddr],
        upgrade: bool,
    ) -> Result<reqwest::Client> {
        if passes(&transport, target) {
            transport.proxy = None;
        }
        // Without TLS on the way no certificate store is read: it is slow to load, and a small
        // container has none.
        let tls = target.tls() || transport.proxy.as_ref().is_some_and(|proxy| proxy.expose().starts_with("https"));
        if !tls {
            (transport.ca, transport.insecure) = (None, false);
        }
        (transport.plain_http, transport.proxy_private) = (false, false);
        let host = target.host().to_owned();
        let pin = (!addresses.is_empty()).then(|| Pin { host, addresses: addresses.to_vec() });
        let way = Way { transport, tls, pin, upgrade };
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pin) = &way.pin {
            // A host that moves on leaves nothing behind.
            clients.retain(|other, _| {
                other.pin.as_ref().is_none_or(|old| old.host != pin.host || old.addresses == pin.addresses)
            });
        }
        if let Some(client) = clients.get(&way) {
            return Ok(client.clone());
        }
        let client = way.build()?;
        clients.insert(way, client.clone());
        Ok(client)
    }
}

/// Whether a request does without the proxy: a private address means something else there.
fn passes(transport: &Transport, target: &Target) -> bool {
    target.is_local() && !transport.proxy_private
}

impl Way {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    fn build(&self) -> Result<reqwest::Client> {
        let wrong = |message: String| Error::new(Kind::Config, message);
        let mut builder = reqwest::Client::builder()
            .user_agent(Http::USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy();
        if let Some(proxy) = &self.transport.proxy {
            // The proxy's address may hold a password, so it is not part of the message.
            let proxy = reqwest::Proxy::all(proxy.expose()).map_err(|_| {
                wrong("the address of the proxy cannot be read".into())
                    .hint("write `http://host:port` or `socks5://host:port`")
            })?;
            builder = builder.proxy(proxy);
        }
        if self.upgrade {
            builder = builder.http1_only();
        }
        #[cfg(unix)]
        if let Some(socket) = &self.transport.socket {
            builder = builder.unix_socket(socket.as_path());
        }
        if let Some(pin) = &self.pin {
            // Port 0 stands for that of the URL.
            let addresses: Vec<_> = pin.addresses.iter().map(|ip| SocketAddr::new(*ip, 0)).collect();
            builder = builder.resolve_to_addrs(&pin.host, &addresses);
        }
        if !self.tls {
            builder = builder.tls_certs_only([]);
        } else if self.transport.insecure {
            builder = builder.tls_danger_accept_invalid_certs(true);
        } else if let Some(path) = &self.transport.ca {
            let shown = path.display();
            let pem = std::fs::read(path)
                .map_err(|error| wrong(format!("the certificate file `{shown}` cannot be read: {error}")))?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem)
                .ok()
                .filter(|certificates| !certificates.is_empty())
                .ok_or_else(|| {
                    wrong(format!("the certificate file `{shown}` holds no certificate"))
                        .hint("it must be in PEM form: `-----BEGIN CERTIFICATE-----`")
                })?;
            builder = builder.tls_certs_merge(certificates);
        }
        builder.build().map_err(|error| {
            wrong(format!("TLS cannot be set up: {}", fault::root(&error)))
                .hint("are CA certificates installed (package `ca-certificates`)?")
        })
    }
}

/// Whether a URL leads into the network at home by its looks: `nas.lan`, `10.0.0.5`.
pub fn is_local(url: &str) -> bool {
    Target::parse(url).is_ok_and(|target| target.is_local())
}

fn header_map(headers: &[(String, String)]) -> Result<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let header = HeaderName::try_from(name).ok().zip(HeaderValue::try_from(value).ok());
        // The value may be a secret, so only the name is told.
        let (key, mut value) = header.ok_or_else(|| {
            Error::new(Kind::Config, format!("the header `{name}` holds characters that HTTP does not allow"))
                .hint("headers and tokens are plain ASCII without line breaks")
        })?;
        value.set_sensitive(true);
        map.append(key, value);
    }
    Ok(map)
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
