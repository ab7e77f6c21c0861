//! Server-sent events: messages as they come, until there are enough or the time is over.

use serde_json::value::RawValue;

use super::exchange::Answer;
use super::opened::{Opened, Part};
use super::{Args, Client};
use crate::api::decode::not_json;
use crate::api::{Envelope, Row, Type};
use crate::error::{Error, Kind, Result};
use crate::http::Next;
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

impl Client {
    /// Follows a stream: the reply is the list of its messages. Ends when there are enough, when the time
    /// is over, and when the server ends it.
    ///
    /// # Errors
    /// As [`Client::call`]; `unsupported` for a WebSocket; `protocol` where a message is not JSON.
    pub async fn follow(&self, row: &'static Row, args: &Args, span: Span, deadline: Time) -> Result<Opened> {
        let followed = async {
            self.owns(row)?;
            if row.envelope() != Envelope::Events {
                return Err(no_socket(row));
            }
            let exchange = self.prepare(row, args, deadline).await?;
            let started = self.clock.now();
            let Answer::Live(mut incoming) = self.answer(&exchange, deadline).await? else {
                return Err(Error::new(Kind::Protocol, "the server answers, but does not stream")
                    .hint("does a proxy in front of it hold replies back? It must not buffer streams"));
            };
            let mut events = Events::default();
            let mut messages = Vec::new();
            let mut read = 0;
            while messages.len() < span.most {
                let Next::Part(part) = incoming.next(span.until.min(deadline)).await? else { break };
                read += part.len() as u64;
                if read > self.max_reply {
                    return Err(incoming.too_large(self.max_reply));
                }
                messages.extend(events.feed(&part)?);
            }
            messages.truncate(span.most);
            let body = format!("[{}]", messages.join(",")).into_bytes();
            Ok(Opened {
                status: incoming.status,
                ms: self.since(started),
                service: self.service,
                endpoint: row.id.to_owned(),
                ty: Type::List(&row.returns),
                part: Part::Json(0..body.len()),
                body,
            })
        };
        followed.await.map_err(|error| self.named(error, row.id))
    }
}

/// For a row that only a WebSocket answers: the one that streams the same, where there is one.
fn no_socket(row: &Row) -> Error {
    let error = Error::new(Kind::Unsupported, "is a WebSocket, which tidegate does not speak");
    let twin = row
        .service
        .rows()
        .iter()
        .find(|other| other.envelope() == Envelope::Events && other.returns.to_string() == row.returns.to_string());
    match twin {
        Some(twin) => {
            let since = twin.extra.since.map(|since| format!(" (since {since})")).unwrap_or_default();
            error.hint(format!("newer servers have `{}`{since}", twin.id))
        }
        None => error.hint("newer servers stream without a WebSocket: update it"),
    }
}

/// Cuts a stream of server-sent events into the data of each.
#[derive(Default)]
struct Events {
    line: Vec<u8>,
    data: Vec<String>,
    /// Whether the last line ended with a carriage return, whose line feed may still follow.
    returned: bool,
}

impl Events {
    /// The messages that these bytes complete. Each is JSON.
    fn feed(&mut self, bytes: &[u8]) -> Result<Vec<String>> {
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
    fn a_websocket_names_the_row_that_replaces_it() {
        let error = no_socket(Service::Pbh.row("logs_stream_ws").unwrap());
        assert_eq!(error.hint.as_deref(), Some("newer servers have `logs_live` (since 9.4.2)"));
        let error = no_socket(Service::Pbh.row("tasks_stream_ws").unwrap());
        assert!(error.hint.as_deref().unwrap_or_default().contains("`tasks_live`"));
    }
}
