//! Streams: messages as they come, until there are enough or the time is over. What breaks off is resumed.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use reqwest::header::HeaderMap;
use serde_json::Value;
use serde_json::value::RawValue;

use super::envelope::{self, Expected};
use super::exchange::{Answer, Exchange};
use super::opened::{Opened, Part};
use super::{Args, Client, Talk};
use crate::api::decode::not_json;
use crate::api::{Envelope, Row};
use crate::error::{Error, Kind, Result};
use crate::http::{Frame, Incoming, Next, Socket};
use crate::time::{Duration, Time};

/// How much of a stream is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Span {
    /// On the clock.
    pub until: Time,
    pub most: usize,
}

impl Span {
    /// How long a stream is followed where the caller does not say,
    pub const DURATION: Duration = Duration::from_seconds(10);
    /// and how many messages are read.
    pub const MOST: usize = 1000;
}

/// A stream that is being followed.
///
/// Where it breaks off before its time, it is opened again. Both servers then begin with what they keep (the
/// last hundred lines of the log, the tasks that exist); what was given already is not given again. What
/// happened meanwhile and is not kept there is lost.
pub struct Stream {
    client: Arc<Client>,
    row: &'static Row,
    args: Value,
    exchange: Exchange<'static>,
    span: Span,
    talk: Talk,
    wire: Option<Wire>,
    given: usize,
    /// What was given last, by its hash.
    seen: VecDeque<u64>,
    resumed: bool,
    /// Before it is opened again.
    pause: Duration,
    status: u16,
}

enum Wire {
    Events { incoming: Box<Incoming>, events: Events, ready: VecDeque<String> },
    Socket(Box<Socket>),
}

/// What came next.
enum Came {
    Message(String),
    Late,
    /// The server ended it in good order, and would again.
    Over,
    /// The server is gone, or about to be.
    Gone,
}

impl Client {
    /// Follows a stream. Ends when there are enough messages, when the time is over, and when the server has
    /// no more to say.
    ///
    /// # Errors
    /// As [`Client::call`], now or with a message; `protocol` where one is not JSON.
    pub async fn follow(self: &Arc<Self>, row: &'static Row, args: &Args, span: Span, talk: &Talk) -> Result<Stream> {
        let opened = async {
            self.owns(row)?;
            let mut stream = Stream {
                client: Arc::clone(self),
                row,
                args: args.to_json(),
                exchange: self.prepare(row, args, talk).await?,
                span,
                talk: talk.clone(),
                wire: None,
                given: 0,
                seen: VecDeque::new(),
                resumed: false,
                pause: Stream::PAUSE,
                status: 0,
            };
            stream.connect().await?;
            Ok(stream)
        };
        opened.await.map_err(|error| self.named(error, row.id))
    }
}

impl Stream {
    /// Before a stream is opened again; doubled each time that fails,
    const PAUSE: Duration = Duration::from_millis(500);
    /// up to this.
    const LONGEST_PAUSE: Duration = Duration::from_seconds(5);
    /// More messages than a server keeps.
    const REMEMBERED: usize = 1024;

    /// The next message; nothing where the stream is over.
    ///
    /// # Errors
    /// As [`Client::follow`]; `transport` where it broke off and could not be resumed in its time.
    pub async fn next(&mut self) -> Result<Option<Opened>> {
        let next = self.advance().await;
        if !matches!(next, Ok(Some(_))) {
            self.leave().await;
        }
        next.map_err(|error| self.client.named(error, self.row.id))
    }

    async fn advance(&mut self) -> Result<Option<Opened>> {
        let until = self.span.until.min(self.talk.deadline);
        while self.given < self.span.most {
            let Some(wire) = &mut self.wire else { break };
            let came = match wire.next(until, &self.exchange.expected, self.client.max_reply).await {
                Err(error) if error.kind == Kind::Transport => {
                    if !self.resume(until, Some(error)).await? {
                        break;
                    }
                    continue;
                }
                Err(error) => {
                    if error.kind == Kind::Auth {
                        self.client.refuse(&error)?;
                    }
                    return Err(error);
                }
                Ok(came) => came,
            };
            match came {
                Came::Message(text) => {
                    let mut hasher = DefaultHasher::new();
                    text.hash(&mut hasher);
                    let hash = hasher.finish();
                    if self.resumed && self.seen.contains(&hash) {
                        continue;
                    }
                    self.pause = Self::PAUSE;
                    self.given += 1;
                    self.seen.push_back(hash);
                    if self.seen.len() > Self::REMEMBERED {
                        self.seen.pop_front();
                    }
                    return self.open(text).map(Some);
                }
                Came::Gone => {
                    if !self.resume(until, None).await? {
                        break;
                    }
                }
                Came::Late | Came::Over => break,
            }
        }
        Ok(None)
    }

    /// Opens the stream and notes the request.
    async fn connect(&mut self) -> Result<()> {
        let start = self.talk.now();
        let answer = self.client.answer(&self.exchange, &self.talk).await;
        let status = answer.as_ref().map(Answer::answered);
        self.talk.note(&self.client, self.row, self.args.clone(), start, status);
        let answer = answer?;
        self.status = answer.status();
        self.wire = Some(match answer {
            Answer::Live(incoming) => {
                Wire::Events { incoming: Box::new(incoming), events: Events::default(), ready: VecDeque::new() }
            }
            Answer::Socket(socket) => Wire::Socket(socket),
            Answer::Whole(..) => {
                return Err(Error::new(Kind::Protocol, "the server answers, but does not stream")
                    .hint("does a proxy in front of it hold replies back? It must not buffer streams"));
            }
        });
        Ok(())
    }

    /// Opens it once more after it broke off, for `why` where that is known. False where the server left in
    /// good order and the time is over.
    async fn resume(&mut self, until: Time, mut why: Option<Error>) -> Result<bool> {
        self.wire = None;
        loop {
            let at = self.talk.now() + self.pause;
            if at >= until {
                return why.map_or(Ok(false), Err);
            }
            self.talk.clock.sleep_until(at).await;
            self.pause = Duration::from_millis(self.pause.millis() * 2).min(Self::LONGEST_PAUSE);
            match self.connect().await {
                Ok(()) => {
                    self.resumed = true;
                    return Ok(true);
                }
                Err(error)
                    if matches!(error.kind, Kind::Transport | Kind::Timeout)
                        || error.status.is_some_and(|status| status >= 500) =>
                {
                    why = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// One message as a reply of its own.
    fn open(&self, text: String) -> Result<Opened> {
        let body = text.into_bytes();
        let part = if self.row.extra.wrapped {
            let expected = enveloped(&self.exchange.expected);
            let server = self.client.health.version();
            let content = envelope::open(&expected, server.as_deref(), 200, &HeaderMap::new(), &body)?;
            Part::of(&content, &body)
        } else {
            let _: &RawValue = serde_json::from_slice(&body).map_err(|error| not_json(&error))?;
            Part::Json(0..body.len())
        };
        Ok(Opened {
            status: self.status,
            ms: 0,
            service: self.row.service,
            endpoint: self.row.id.to_owned(),
            ty: self.row.returns,
            body,
            part,
        })
    }

    /// Closes the connection, where there is one.
    async fn leave(&mut self) {
        if let Some(Wire::Socket(socket)) = self.wire.take() {
            socket.close(self.talk.now() + Self::PAUSE).await;
        }
    }
}

/// What is expected where the service speaks in its own envelope.
fn enveloped(expected: &Expected<'static>) -> Expected<'static> {
    Expected { envelope: Some(Envelope::Pbh), ..*expected }
}

impl Wire {
    async fn next(&mut self, until: Time, expected: &Expected<'static>, most: u64) -> Result<Came> {
        match self {
            Self::Events { incoming, events, ready } => loop {
                if let Some(message) = ready.pop_front() {
                    return Ok(Came::Message(message));
                }
                match incoming.next(until).await? {
                    Next::Part(part) => ready.extend(events.feed(&part)?),
                    Next::End => return Ok(Came::Gone),
                    Next::Late => return Ok(Came::Late),
                }
                if events.held() as u64 > most {
                    return Err(incoming.too_large(most));
                }
            },
            Self::Socket(socket) => match socket.next(until).await? {
                Frame::Text(text) => Ok(Came::Message(text)),
                Frame::Late => Ok(Came::Late),
                Frame::Closed(None) => Ok(Came::Gone),
                Frame::Closed(Some((code, reason))) => closed(expected, code, &reason),
            },
        }
    }
}

/// What the code means that a WebSocket was closed with. PBH gives its envelope as the reason.
fn closed(expected: &Expected<'static>, code: u16, reason: &str) -> Result<Came> {
    let status = match code {
        1000 => return Ok(Came::Over),
        1008 => 403,
        1013 => 429,
        1011 => {
            let why = envelope::cut(reason);
            let words = if why.is_empty() { "the server failed and does not say why".into() } else { why };
            return Err(Error::new(Kind::Api, words).status(101).hint("PBH's own log says more"));
        }
        _ => return Ok(Came::Gone),
    };
    // Without an envelope it is still PBH's own word: nobody in between closes like this.
    let own = br#"{"success":false}"#.as_slice();
    let body = if serde_json::from_str::<&RawValue>(reason).is_ok() { reason.as_bytes() } else { own };
    let refused = envelope::open(&enveloped(expected), None, status, &HeaderMap::new(), body);
    Err(refused.err().map_or_else(|| Error::new(Kind::Protocol, "closed without a reason"), |error| error.status(101)))
}

/// Cuts a stream of server-sent events into the data of each.
#[derive(Default)]
pub struct Events {
    line: Vec<u8>,
    data: Vec<String>,
    /// Whether the last line ended with a carriage return, whose line feed may still follow.
    returned: bool,
}

impl Events {
    /// The messages that these bytes complete. Each is JSON.
    ///
    /// # Errors
    /// `protocol` where one is not.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<String>> {
        let mut messages = Vec::new();
        for &byte in bytes {
            let returned = std::mem::replace(&mut self.returned, byte == b'\r');
            match byte {
                b'\n' if returned => {}
                b'\n' | b'\r' => {
                    let line = std::mem::take(&mut self.line);
                    messages.extend(self.line(&line)?);
                }
                other => self.line.push(other),
            }
        }
        Ok(messages)
    }

    /// Bytes of what is not complete yet.
    fn held(&self) -> usize {
        self.line.len() + self.data.iter().map(String::len).sum::<usize>()
    }

    /// An empty line ends a message. Fields other than the data do not matter.
    fn line(&mut self, line: &[u8]) -> Result<Option<String>> {
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            if data.is_empty() {
                return Ok(None);
            }
            let message = data.join("\n");
            let _: &RawValue = serde_json::from_str(&message).map_err(|error| not_json(&error))?;
            return Ok(Some(message));
        }
        if let Some(data) = line.strip_prefix(b"data:") {
            let data = data.strip_prefix(b" ").unwrap_or(data);
            self.data.push(String::from_utf8_lossy(data).into_owned());
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Service;

    #[test]
    fn messages_are_cut_wherever_the_wire_cuts_them() {
        let text = "event: message\r\ndata: {\"a\":\r\ndata:1}\r\n\r\n: still here\n\ndata:[2]\nid: 7\n\n\
                    data: \"é\"\r\rdata: 5";
        for size in 1..text.len() {
            let mut events = Events::default();
            let found: Vec<_> = text.as_bytes().chunks(size).flat_map(|part| events.feed(part).unwrap()).collect();
            assert_eq!(found, ["{\"a\":\n1}", "[2]", "\"é\""], "in parts of {size}");
        }
    }

    #[test]
    fn what_is_no_json_is_a_protocol_error() {
        assert_eq!(Events::default().feed(b"data: <html>\n\n").unwrap_err().kind, Kind::Protocol);
    }

    #[test]
    fn a_code_says_why_a_websocket_closes() {
        let row = Service::Pbh.row("logs_stream_ws").unwrap();
        let closed = |code, reason: &str| closed(&row.into(), code, reason);
        assert!(matches!(closed(1000, ""), Ok(Came::Over)));
        assert!(matches!(closed(1001, ""), Ok(Came::Gone)));
        let refused = closed(1008, r#"{"success":false,"asyncTask":null,"message":"Not logged in","data":null}"#);
        let refused = refused.err().unwrap();
        assert_eq!((refused.kind, refused.message.as_str(), refused.status), (Kind::Auth, "Not logged in", Some(101)));
        assert!(refused.hint.as_ref().unwrap().contains("/24"));
        assert_eq!(closed(1008, "no").err().unwrap().kind, Kind::Auth);
        assert_eq!(closed(1013, "later").err().unwrap().kind, Kind::RateLimit);
        let failed = closed(1011, "For input string: \"x\"").err().unwrap();
        assert_eq!((failed.kind, failed.message.as_str()), (Kind::Api, "For input string: \"x\""));
    }
}
