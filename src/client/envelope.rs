//! Opening replies: what a status, a few headers and a body mean. Pure.

mod kiwivm;
mod pbh;

use std::borrow::Cow;

use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER, SERVER, SET_COOKIE};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::api::decode::not_json;
use crate::api::{Envelope, Row, Service, version};
use crate::error::{Error, Kind, Result};

/// What a reply is measured against.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    pub service: Service,
    /// The row's id; `METHOD path` for the way out.
    pub endpoint: &'a str,
    pub method: &'a str,
    pub path: &'a str,
    /// `None` takes whatever comes.
    pub envelope: Option<Envelope>,
    pub since: Option<&'a str>,
    pub until: Option<&'a str>,
    /// A 403 is the service's own refusal and says nothing about the token.
    pub forbids: bool,
    /// Nothing that it asks for could be refused to anybody.
    pub open: bool,
}

impl From<&'static Row> for Expected<'static> {
    fn from(row: &'static Row) -> Self {
        Self {
            service: row.service,
            endpoint: row.id,
            method: row.method,
            path: row.path,
            envelope: Some(row.envelope()),
            since: row.extra.since,
            until: row.extra.until,
            forbids: row.extra.forbids,
            open: row.extra.open && row.params.is_empty(),
        }
    }
}

impl Expected<'_> {
    /// Whether a server of this version has it, as far as the tables know.
    pub fn is_known_to(&self, server: Option<String>) -> bool {
        self.envelope.is_some() && server.is_some_and(|server| lacks(self, &server).is_none())
    }
}

/// What a good reply holds.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    Json(&'a RawValue),
    Text(&'a str),
}

/// Opens a reply. `server` is PBH's version, where it is known.
///
/// # Errors
/// Of the kind that the contracts name, with status and, for KiwiVM, code.
pub fn open<'a>(
    expected: &Expected,
    server: Option<&str>,
    status: u16,
    headers: &HeaderMap,
    body: &'a [u8],
) -> Result<Content<'a>> {
    let reply = Reply::new(status, headers, body);
    let opened = match expected.service {
        Service::KiwiVm => kiwivm::open(expected, &reply),
        Service::Pbh => pbh::open(expected, server.or(server_version(headers)), &reply),
    };
    opened.map_err(|error| error.from_call(expected.service.name(), expected.endpoint).status(status))
}

/// PBH's version, which it tells in every reply unless a proxy hides it.
pub fn server_version(headers: &HeaderMap) -> Option<&str> {
    let server = std::str::from_utf8(headers.get(SERVER)?.as_bytes()).ok()?;
    let version = server.strip_prefix("PeerBanHelper/")?.split_whitespace().next()?;
    version.starts_with(|c: char| c.is_ascii_digit()).then_some(version)
}

/// Whether a reply is the stream or the file that was due, rather than words about why not.
pub fn is_live(kind: Envelope, status: u16, headers: &HeaderMap) -> bool {
    let declared = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let declared = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    (200..300).contains(&status)
        && match kind {
            Envelope::Events => declared == "text/event-stream",
            _ => !matches!(declared.as_str(), "application/json" | "text/html"),
        }
}

/// Why this server does not have the endpoint, if it is known not to.
pub fn lacks(expected: &Expected, server: &str) -> Option<Error> {
    let name = title(expected.service);
    let message = match (expected.since, expected.until) {
        (Some(since), _) if version(server) < version(since) => format!("needs {name} ≥ {since}, this is {server}"),
        (_, Some(until)) if version(server) > version(until) => {
            format!("{name} {until} was the last to have it, this is {server}")
        }
        _ => return None,
    };
    Some(Error::new(Kind::Unsupported, message).hint("`tidegate endpoints` lists which releases have what"))
}

const fn title(service: Service) -> &'static str {
    match service {
        Service::KiwiVm => "KiwiVM",
        Service::Pbh => "PBH",
    }
}

/// How long the service asks to wait, in seconds.
pub fn retry_after(headers: &HeaderMap) -> Option<i64> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().filter(|seconds| *seconds >= 0)
}

/// The session cookie that a login set, as it is sent back.
pub fn session(headers: &HeaderMap) -> Option<String> {
    headers.get_all(SET_COOKIE).iter().find_map(|cookie| {
        let cookie = cookie.to_str().ok()?.split(';').next()?.trim();
        cookie.starts_with("JSESSIONID").then(|| cookie.to_owned())
    })
}

/// Whether the service itself wrote this refusal, rather than something in front of it.
pub fn is_own(service: Service, body: &[u8]) -> bool {
    let headers = HeaderMap::new();
    let reply = Reply::new(0, &headers, body);
    match service {
        Service::KiwiVm => kiwivm::is_own(&reply),
        Service::Pbh => pbh::is_own(&reply),
    }
}

struct Reply<'h, 'a> {
    status: u16,
    headers: &'h HeaderMap,
    body: &'a [u8],
}

impl<'h, 'a> Reply<'h, 'a> {
    fn new(status: u16, headers: &'h HeaderMap, body: &'a [u8]) -> Self {
        let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
        Self { status, headers, body }
    }

    fn good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    fn text(&self) -> Result<&'a str> {
        std::str::from_utf8(self.body).map_err(|error| {
            Error::new(Kind::Protocol, format!("the reply is not UTF-8 text from byte {} on", error.valid_up_to()))
                .hint("does the address lead to the service, or to something in front of it?")
        })
    }

    fn html(&self) -> bool {
        let declared = self.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let begins = |with: &str| {
            let body = self.body.trim_ascii_start();
            body.len() >= with.len() && body[..with.len()].eq_ignore_ascii_case(with.as_bytes())
        };
        declared.is_some_and(|kind| kind.starts_with("text/html")) || begins("<!doctype html") || begins("<html")
    }

    /// The body as JSON of one kind, if it is that.
    fn parse<T: Deserialize<'a>>(&self) -> Result<T> {
        if self.body.trim_ascii().is_empty() {
            return Err(Error::new(Kind::Protocol, "the reply is empty").hint("did something on the way drop it?"));
        }
        serde_json::from_str(self.text()?).map_err(|error| not_json(&error))
    }

    /// The body as the service's own envelope, which is an object whatever is in it.
    fn envelope<T: Deserialize<'a>>(&self) -> Result<T> {
        let found = match self.body.trim_ascii_start().first() {
            Some(b'[') => "a list",
            Some(b'"') => "a text",
            Some(b'n') if self.body.trim_ascii() == b"null" => "null",
            Some(b't' | b'f') if matches!(self.body.trim_ascii(), b"true" | b"false") => "true or false",
            Some(b'-' | b'0'..=b'9') => "a number",
            _ => return self.parse(),
        };
        // What only begins like one is no JSON, and is said to be none.
        let _: &RawValue = self.parse()?;
        Err(Error::new(Kind::Protocol, format!("the reply is {found}, not an object"))
            .hint("does the address lead to the service, or to something in front of it?"))
    }

    /// Where a redirect points.
    fn location(&self) -> Option<&str> {
        self.headers.get(LOCATION)?.to_str().ok()
    }

    /// For what the service itself did not say.
    fn bare(&self) -> Error {
        if (300..400).contains(&self.status) {
            let place = self.location().map(place_of);
            let place = place.map(|place| format!(" to `{place}`")).unwrap_or_default();
            let kind = if self.status == 303 { Kind::Config } else { Kind::Http };
            return Error::new(kind, format!("it answered {} and points{place}", self.status))
                .hint("redirects are not followed, since they would carry the credentials along: give the final address as `url`");
        }
        let mut error = Error::new(Kind::Http, format!("it answered {}", status_words(self.status)));
        error.retryable = self.status >= 500;
        error.hint(if self.status >= 500 {
            "it, or a proxy in front of it, has trouble: try again later"
        } else {
            "does the address lead to the service, or to something in front of it?"
        })
    }

    fn rate_limited(&self, why: &str) -> Error {
        let wait =
            retry_after(self.headers).map_or_else(|| "some minutes".to_owned(), |seconds| format!("{seconds} s"));
        Error::new(Kind::RateLimit, why).hint(format!("wait {wait} before the next request"))
    }
}

/// A redirect's goal without what may be secret in it.
fn place_of(location: &str) -> Cow<'_, str> {
    match reqwest::Url::parse(location) {
        Ok(url) => format!("{}://{}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path()).into(),
        Err(_) => location.split(['?', '#']).next().unwrap_or_default().into(),
    }
}

fn status_words(status: u16) -> String {
    let reason = reqwest::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    reason.map_or_else(|| status.to_string(), |reason| format!("{status} {reason}"))
}

/// The service's own words, or ours where it has none.
fn refusal(message: Option<&Value>, otherwise: &str) -> String {
    match message.and_then(Value::as_str).map(str::trim) {
        Some(words) if !words.is_empty() => cut(words),
        _ => otherwise.to_owned(),
    }
}

/// The first part of a foreign text, on one line.
pub fn cut(text: &str) -> String {
    const LONGEST: usize = 300;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LONGEST {
        return line;
    }
    line.chars().take(LONGEST).chain(['…']).collect()
}

#[cfg(test)]
mod tests;
