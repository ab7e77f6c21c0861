//! A WebSocket: frames as they come, each under a deadline.

use std::sync::Arc;

use futures::{SinkExt as _, StreamExt as _};
use reqwest::header::HeaderMap;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};

use super::incoming::{too_large, unless_late};
use super::target::Target;
use super::{Http, Incoming, Request, fault};
use crate::clock::{Elapsed, within};
use crate::error::{Error, Kind, Result};
use crate::time::{Clock, Time};

/// What became of asking for a WebSocket.
pub enum Upgraded {
    Socket(Box<Socket>),
    /// The server answers like any other request.
    Refused(Box<Incoming>),
}

/// An open WebSocket. The server's pings are answered while it is read.
pub struct Socket {
    pub headers: HeaderMap,
    stream: WebSocketStream<reqwest::Upgraded>,
    target: Target,
    max_reply: u64,
    clock: Arc<dyn Clock>,
}

/// What came next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Frame {
    Text(String),
    /// The server closes, with its code and reason where it gives them.
    Closed(Option<(u16, String)>),
    /// Nothing came in time.
    Late,
}

impl Http {
    /// Asks for a WebSocket, which must be open by `answer_by`.
    ///
    /// # Errors
    /// As [`Http::send`]; `protocol` where the server agrees and does not mean it.
    pub async fn upgrade(&self, mut request: Request, answer_by: Time) -> Result<Upgraded> {
        let _busy = self.clock.busy();
        let target = Target::parse(&request.url)?;
        let left = self.left(request.deadline.min(answer_by), &target)?;
        let (key, max_reply) = (generate_key(), request.max_reply);
        for (name, value) in [
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", &key),
        ] {
            request.headers.push((name.to_owned(), value.to_owned()));
        }
        let open = async {
            let response = self.begin(request, &target, &[], left, true).await?;
            if response.status() != reqwest::StatusCode::SWITCHING_PROTOCOLS {
                return Ok(Err(response));
            }
            let headers = response.headers().clone();
            let accepted = headers.get("sec-websocket-accept").and_then(|accept| accept.to_str().ok());
            if accepted != Some(derive_accept_key(key.as_bytes()).as_str()) {
                return Err(Error::new(
                    Kind::Protocol,
                    format!("`{target}` agrees to a WebSocket, but not to this one"),
                )
                .status(101)
                .hint("does a proxy in between change replies?"));
            }
            let wire = response.upgrade().await.map_err(|error| fault::explain(&error, &target, left).status(101))?;
            let most = usize::try_from(max_reply).ok();
            let config = WebSocketConfig::default().max_message_size(most).max_frame_size(most);
            Ok(Ok((headers, WebSocketStream::from_raw_socket(wire, Role::Client, Some(config)).await)))
        };
        match within(&*self.clock, answer_by, open).await {
            Ok(opened) => Ok(match opened? {
                Ok((headers, stream)) => {
                    let clock = Arc::clone(&self.clock);
                    Upgraded::Socket(Box::new(Socket { headers, stream, target, max_reply, clock }))
                }
                Err(response) => {
                    Upgraded::Refused(Box::new(Incoming::new(response, target, left, Arc::clone(&self.clock))))
                }
            }),
            Err(Elapsed) => Err(fault::timeout(&target, left)),
        }
    }
}

impl Socket {
    /// The next text, if it comes before `until`.
    ///
    /// # Errors
    /// `transport` where the connection broke, `protocol` where it does not carry texts, `limit` where one
    /// is too large.
    pub async fn next(&mut self, until: Time) -> Result<Frame> {
        loop {
            if self.clock.now() >= until {
                return Ok(Frame::Late);
            }
            let Ok(arrived) = unless_late(&*self.clock, until, self.stream.next()).await else {
                return Ok(Frame::Late);
            };
            match arrived {
                None => return Err(fault::broken_off(&self.target).status(101)),
                Some(Ok(Message::Text(text))) => return Ok(Frame::Text(text.as_str().to_owned())),
                Some(Ok(Message::Binary(bytes))) => {
                    return String::from_utf8(bytes.into())
                        .map(Frame::Text)
                        .map_err(|_| self.garbled("bytes that are no text"));
                }
                Some(Ok(Message::Close(frame))) => {
                    return Ok(Frame::Closed(frame.map(|frame| (frame.code.into(), frame.reason.as_str().to_owned()))));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(self.explain(&error).status(101)),
            }
        }
    }

    /// Takes leave of the server, which need not wait for the connection to break.
    pub async fn close(mut self, by: Time) {
        // Whoever does not hear it finds the connection closed.
        let _ = unless_late(&*self.clock, by, self.stream.close(None)).await;
        let _ = unless_late(&*self.clock, by, self.stream.flush()).await;
    }

    fn explain(&self, error: &tungstenite::Error) -> Error {
        match error {
            tungstenite::Error::Io(io) => {
                fault::broken(io.kind(), &self.target).unwrap_or_else(|| fault::broken_off(&self.target))
            }
            tungstenite::Error::ConnectionClosed
            | tungstenite::Error::AlreadyClosed
            | tungstenite::Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => {
                fault::broken_off(&self.target)
            }
            tungstenite::Error::Capacity(CapacityError::MessageTooLong { .. }) => {
                too_large(&self.target, self.max_reply, 101)
            }
            other => self.garbled(&other.to_string()),
        }
    }

    fn garbled(&self, why: &str) -> Error {
        Error::new(Kind::Protocol, format!("`{}` breaks the rules of its WebSocket: {why}", self.target))
            .status(101)
            .hint("does a proxy in between change replies?")
    }
}
