//! A running daemon, asked over its control API: where it listens, its token, and the one client that commands
//! and the REPL have.
//!
//! The daemon listens at a Unix socket in its data folder, and at `[server] address` where that is configured.
//! Both the socket and the token are readable by the daemon's own user alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::client::Events;
use crate::clock::SystemClock;
use crate::config::{Config, Transport};
use crate::error::{Error, Kind, Result};
use crate::http::{Body, Http, Incoming, Method, Next, Reply, Request};
use crate::secret::Secret;
use crate::time::{Clock, Duration, Time};

/// Below this are all operations.
pub const PREFIX: &str = "/api/v1";
/// What a daemon that ends says of itself, as an error's message begins.
pub const NOBODY: &str = "no daemon runs";

/// How long a daemon may take to answer what it knows at once.
const PATIENCE: Duration = Duration::from_seconds(30);
/// How long it may take for what a script or a torrent client has to do first.
const LONG: Duration = Duration::from_seconds(24 * 3600);
/// How long a stream may go on.
const YEAR: Duration = Duration::from_seconds(365 * 86_400);
/// Bytes of the path of a socket that every system takes.
const LONGEST_SOCKET: usize = 103;
/// Bytes of one reply.
const LARGEST: u64 = 256 * 1024 * 1024;

/// The socket of the daemon of a data folder.
pub fn socket(data: &Path) -> PathBuf {
    data.join("control.sock")
}

/// Its token.
pub fn token_file(data: &Path) -> PathBuf {
    data.join("control.token")
}

/// The path of an operation: each part stands between two slashes, whatever is in it.
pub fn path(parts: &[&str]) -> String {
    const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    parts.iter().fold(String::new(), |path, part| format!("{path}/{}", utf8_percent_encode(part, &UNRESERVED)))
}

/// A daemon elsewhere than in the data folder of the configuration.
#[derive(Clone, Copy, Debug, Default)]
pub struct Elsewhere<'a> {
    /// `http://host:port`, or `unix:/path/of/control.sock`.
    pub url: Option<&'a str>,
    pub token_file: Option<&'a Path>,
}

/// The way to one daemon.
pub struct Control {
    clock: Arc<SystemClock>,
    http: Http,
    transport: Transport,
    base: String,
    token: Secret,
    /// What it is called in messages.
    place: String,
}

impl Control {
    /// Finds the daemon of the configuration, or the one that was named. Nothing is sent yet.
    ///
    /// # Errors
    /// `transport` where no daemon runs, `config` where its token cannot be read or `url` is none.
    pub fn find(config: &Config, elsewhere: Elsewhere) -> Result<Self> {
        let (transport, base) = match elsewhere.url {
            Some(url) => named(url)?,
            None => configured(config)?,
        };
        let place = match (elsewhere.url, &transport.socket) {
            (Some(url), _) => url.to_owned(),
            (None, Some(_)) => config.data.display().to_string(),
            (None, None) => base.clone(),
        };
        let file = elsewhere.token_file.map_or_else(|| token_file(&config.data), Into::into);
        let token = match std::fs::read_to_string(&file) {
            Ok(text) => Secret::new(text.trim()),
            Err(_) if elsewhere.url.is_none() && elsewhere.token_file.is_none() && !file.exists() => {
                // Without a daemon there was never a token, and that is what matters.
                return Err(if transport.socket.is_some() { forgotten(&file) } else { nobody(&place) });
            }
            Err(error) => {
                let message = format!("the daemon's token `{}` cannot be read: {error}", file.display());
                return Err(Error::new(Kind::Config, message)
                    .hint("ask as the user that runs the daemon, or name a copy with `--token-file`"));
            }
        };
        let clock = SystemClock::new();
        let http = Http::new(Arc::<SystemClock>::clone(&clock));
        Ok(Self { clock, http, transport, base, token, place })
    }

    /// Reads something: `path` is below [`PREFIX`].
    ///
    /// # Errors
    /// As [`Control::send`].
    pub async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Value> {
        let request = self.request(Method::GET, path, query, Body::None, PATIENCE);
        self.answer(self.http.send(request).await)
    }

    /// Has something done; where that takes its time, so does the answer.
    ///
    /// # Errors
    /// `transport` where no daemon runs, and those of the operation.
    pub async fn send(&self, method: Method, path: &str, query: &[(&str, String)], body: Value) -> Result<Value> {
        let body = if body.is_null() { Body::None } else { Body::Json(body) };
        let request = self.request(method, path, query, body, LONG);
        self.answer(self.http.send(request).await)
    }

    /// Waits for something, at most a day: as [`Control::get`].
    ///
    /// # Errors
    /// As [`Control::send`].
    pub async fn wait(&self, path: &str, query: &[(&str, String)]) -> Result<Value> {
        self.send(Method::GET, path, query, Value::Null).await
    }

    /// Follows a stream of the daemon.
    ///
    /// # Errors
    /// As [`Control::send`].
    pub async fn follow(&self, path: &str, query: &[(&str, String)]) -> Result<Stream> {
        let request = self.request(Method::GET, path, query, Body::None, YEAR);
        let answer_by = self.clock.now() + PATIENCE;
        let incoming = self.http.open(request, answer_by).await.map_err(|error| self.unreached(error))?;
        if incoming.status != 200 {
            let reply = incoming.whole(answer_by, LARGEST).await;
            return Err(self.answer(reply).err().unwrap_or_else(|| Error::internal("a stream that is none")));
        }
        let until = self.clock.now() + YEAR;
        Ok(Stream { incoming, until, events: Events::default(), ready: Vec::new() })
    }

    fn request(&self, method: Method, path: &str, query: &[(&str, String)], body: Body, patience: Duration) -> Request {
        Request {
            transport: self.transport.clone(),
            method,
            url: format!("{}{PREFIX}{path}", self.base),
            headers: vec![("authorization".into(), format!("Bearer {}", self.token.expose()))],
            query: query.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
            body,
            deadline: self.clock.now() + patience,
            max_reply: LARGEST,
        }
    }

    fn answer(&self, reply: Result<Reply>) -> Result<Value> {
        let reply = reply.map_err(|error| self.unreached(error))?;
        let said = serde_json::from_slice::<Value>(&reply.body);
        if (200..300).contains(&reply.status) {
            return said.map_err(|error| self.foreign(&format!("what it says is not JSON: {error}")));
        }
        let error = said.ok().and_then(|mut said| serde_json::from_value::<Error>(said["error"].take()).ok());
        let Some(mut error) = error else {
            if matches!(reply.status, 502..=504) {
                return Err(self.in_between(reply.status));
            }
            return Err(self.foreign(&format!("it answers with status {}", reply.status)));
        };
        if reply.status == 401 {
            error = error.hint("is the token that of this daemon? It stands in `control.token` of its data folder");
        }
        Err(error)
    }

    /// A daemon that has just ended leaves a socket behind at which nobody answers.
    fn unreached(&self, error: Error) -> Error {
        if error.kind == Kind::Transport { nobody(&self.place) } else { error }
    }

    /// A daemon says in its own words what is the matter; whoever says nothing stands before it.
    fn in_between(&self, status: u16) -> Error {
        let message =
            format!("the daemon at `{}` cannot be reached: a proxy before it answers with {status}", self.place);
        let mut error = Error::new(Kind::Http, message)
            .status(status)
            .hint("does the daemon run, and does the proxy lead to it? Then try again in a moment");
        error.retryable = true;
        error
    }

    fn foreign(&self, why: &str) -> Error {
        Error::new(Kind::Protocol, format!("at `{}` is no daemon of tidegate: {why}", self.place))
            .hint("does the address lead to tidegate, and is it of this version?")
    }
}

fn nobody(place: &str) -> Error {
    let mut error = Error::new(Kind::Transport, format!("{NOBODY} at `{place}`"))
        .hint("start it with `tidegate run`; `--config FILE` or `--url URL` name another one");
    error.retryable = false;
    error
}

/// A daemon was there and has not taken its socket along.
fn forgotten(file: &Path) -> Error {
    Error::new(Kind::Config, format!("the daemon's token `{}` is gone", file.display()))
        .hint("restart the daemon: it writes a new one when it starts")
}

fn named(url: &str) -> Result<(Transport, String)> {
    if let Some(path) = url.strip_prefix("unix:") {
        return Ok(through(path.trim_start_matches("//").into()));
    }
    if url.starts_with("http://") || url.starts_with("https://") {
        return Ok((Transport::default(), url.trim_end_matches('/').to_owned()));
    }
    Err(Error::new(Kind::Argument, format!("`{url}` is no address of a daemon"))
        .hint("write `http://127.0.0.1:9899`, or `unix:/path/of/control.sock`"))
}

fn configured(config: &Config) -> Result<(Transport, String)> {
    let socket = socket(&config.data);
    if cfg!(unix) && socket.exists() {
        return Ok(through(socket));
    }
    if config.server.configured || cfg!(not(unix)) {
        return Ok((Transport::default(), config.server.url("")));
    }
    let nobody = nobody(&config.data.display().to_string());
    // The daemon says so too, but whoever asks may not see its log.
    Err(if cfg!(unix) && socket.as_os_str().len() > LONGEST_SOCKET {
        nobody.hint("or its path is too long for a socket: choose a shorter `data`, or write `[server]`")
    } else {
        nobody
    })
}

fn through(socket: PathBuf) -> (Transport, String) {
    (Transport { socket: Some(socket), ..Transport::default() }, "http://localhost".into())
}

/// What a daemon says as it happens.
pub struct Stream {
    incoming: Incoming,
    until: Time,
    events: Events,
    /// The newest first.
    ready: Vec<String>,
}

impl Stream {
    /// The next message; `None` where the daemon has ended.
    ///
    /// # Errors
    /// `transport` where the connection broke, `protocol` for what is no message.
    pub async fn next(&mut self) -> Result<Option<Value>> {
        loop {
            if let Some(text) = self.ready.pop() {
                let message = serde_json::from_str(&text);
                return message.map(Some).map_err(|error| Error::new(Kind::Protocol, format!("no JSON: {error}")));
            }
            match self.incoming.next(self.until).await? {
                Next::Part(part) => {
                    self.ready = self.events.feed(&part)?;
                    self.ready.reverse();
                }
                Next::End | Next::Late => return Ok(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_one_part_of_a_path() {
        assert_eq!(path(&["scripts", "流量/a b", "run"]), "/scripts/%E6%B5%81%E9%87%8F%2Fa%20b/run");
    }

    #[test]
    fn a_daemon_is_named_by_an_address_or_a_socket() {
        let (transport, base) = named("unix:/run/tidegate/control.sock").unwrap();
        assert_eq!(transport.socket.as_deref(), Some(Path::new("/run/tidegate/control.sock")));
        assert_eq!(base, "http://localhost");
        assert_eq!(named("http://10.0.0.5:9899/").unwrap().1, "http://10.0.0.5:9899");
        assert_eq!(named("10.0.0.5:9899").unwrap_err().kind, Kind::Argument);
    }

    #[test]
    fn without_a_daemon_that_is_what_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("data = {:?}", folder.path());
        let config = Config::load(&text, &folder.path().join("tidegate.toml"), &|_| None).unwrap();
        let error = Control::find(&config, Elsewhere::default()).err().unwrap();
        assert!(error.message.starts_with(NOBODY) && !error.retryable, "{error:?}");
    }
}
