//! The one error shape: what went wrong, where, and what to do next.

use std::fmt;
use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Serialize};

/// What sort of thing went wrong. The names are a contract with scripts and tools.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The configuration, or the state of a service that only its owner can change.
    Config,
    /// A script or an expression does not parse.
    Syntax,
    /// Values of types that do not go together.
    Type,
    /// A field that is not there.
    Field,
    /// A wrong number of arguments, an unknown option, a value out of range.
    Argument,
    /// The script was not granted this.
    Permission,
    /// The service could not be reached.
    Transport,
    /// No answer within the time allowed.
    Timeout,
    /// A status code without the service's own envelope.
    Http,
    /// The service said no, in its own words.
    Api,
    /// The answer is not what the service should answer.
    Protocol,
    /// Wrong or missing credentials.
    Auth,
    /// Too many requests.
    RateLimit,
    /// The VPS is locked by a running job.
    Locked,
    /// This version or this client lacks it.
    Unsupported,
    /// One of tidegate's own limits: operations, memory, reply size, time.
    Limit,
    /// The run was cancelled.
    Cancelled,
    /// Thrown by the script itself.
    Script,
    /// A bug in tidegate.
    Internal,
}

impl Kind {
    pub const ALL: [Self; 19] = [
        Self::Config,
        Self::Syntax,
        Self::Type,
        Self::Field,
        Self::Argument,
        Self::Permission,
        Self::Transport,
        Self::Timeout,
        Self::Http,
        Self::Api,
        Self::Protocol,
        Self::Auth,
        Self::RateLimit,
        Self::Locked,
        Self::Unsupported,
        Self::Limit,
        Self::Cancelled,
        Self::Script,
        Self::Internal,
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.serialize(f)
    }
}

/// The parts of an [`Error`]; absent parts are null in JSON.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Fault {
    pub kind: Kind,
    /// `kiwivm`, `pbh`, `downloader`, `http`, `notify` or `state`.
    pub service: Option<String>,
    /// The row's id, or `METHOD path` for a torrent client.
    pub endpoint: Option<String>,
    /// HTTP status.
    pub status: Option<u16>,
    /// The service's own error number.
    pub code: Option<i64>,
    pub message: String,
    /// Whether the same request may succeed later without a change.
    pub retryable: bool,
    pub file: Option<String>,
    /// Counted from 1.
    pub line: Option<usize>,
    /// Counted from 1, in characters.
    pub column: Option<usize>,
    /// What to do next.
    #[serde(default)]
    pub hint: Option<String>,
    /// The calls of script functions that led there, innermost first; empty at the top level.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stack: Vec<Frame>,
}

/// One call on the way to an error: the function, and where it was called.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Frame {
    pub function: String,
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    pub column: usize,
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "in {}, called at {}:{}:{}", self.function, self.file, self.line, self.column)
    }
}

/// An error of anything tidegate does. One pointer wide, so results stay small.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Error(Box<Fault>);

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Fault {
            kind,
            service: None,
            endpoint: None,
            status: None,
            code: None,
            message: message.into(),
            retryable: matches!(kind, Kind::Transport | Kind::Timeout | Kind::RateLimit | Kind::Locked),
            file: None,
            line: None,
            column: None,
            hint: None,
            stack: Vec::new(),
        }))
    }

    /// A bug in tidegate rather than in what it was given.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says which endpoint of which service it was, unless that is already known.
    #[must_use]
    pub fn from_call(mut self, service: &str, endpoint: &str) -> Self {
        self.service.get_or_insert_with(|| service.into());
        self.endpoint.get_or_insert_with(|| endpoint.into());
        self
    }

    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    #[must_use]
    pub fn code(mut self, code: i64) -> Self {
        self.code = Some(code);
        self
    }

    /// Says where, unless that is already known.
    #[must_use]
    pub fn at(mut self, file: Option<&str>, line: Option<usize>, column: Option<usize>) -> Self {
        if self.line.is_none() {
            self.line = line;
            self.column = column;
            if self.file.is_none() {
                self.file = file.map(Into::into);
            }
        }
        self
    }
}

impl Deref for Error {
    type Target = Fault;

    fn deref(&self) -> &Fault {
        &self.0
    }
}

impl DerefMut for Error {
    fn deref_mut(&mut self) -> &mut Fault {
        &mut self.0
    }
}

/// The message alone; place and hint are drawn by the renderer.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match (&self.service, &self.endpoint) {
            (Some(service), Some(endpoint)) => write!(f, "{service} {endpoint}: {}", self.message),
            _ => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_every_part_with_null_for_what_does_not_apply() {
        let json = serde_json::to_value(Error::new(Kind::RateLimit, "slow down").status(429)).unwrap();
        assert_eq!(json["kind"], "rate_limit");
        assert_eq!(json["status"], 429);
        assert_eq!(json["retryable"], true);
        for key in ["service", "endpoint", "code", "file", "line", "column"] {
            assert!(json.as_object().unwrap().contains_key(key) && json[key].is_null(), "{key}");
        }
    }
}
