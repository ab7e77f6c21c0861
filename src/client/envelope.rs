//! Opening replies: what a status, a few headers and a body mean. Pure.

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
            forbids: row.extra.forbids || row.extra.open,
        }
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
        Service::KiwiVm => kiwivm(expected, &reply),
        Service::Pbh => pbh(expected, server.or(server_version(headers)), &reply),
    };
    opened.map_err(|error| error.from_call(expected.service.name(), expected.endpoint).status(status))
}

/// PBH's version, which it tells in every reply unless a proxy hides it.
pub fn server_version(headers: &HeaderMap) -> Option<&str> {
    let server = std::str::from_utf8(headers.get(SERVER)?.as_bytes()).ok()?;
    let version = server.strip_prefix("PeerBanHelper/")?.split_whitespace().next()?;
    version.starts_with(|c: char| c.is_ascii_digit()).then_some(version)
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
        Service::KiwiVm => reply.parse::<KiwiWrapper>().is_ok_and(|wrapper| number(&wrapper.error).is_some()),
        Service::Pbh => reply.parse::<PbhWrapper>().is_ok_and(|wrapper| wrapper.success.is_some()),
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

    /// Where a redirect points.
    fn location(&self) -> Option<&str> {
        self.headers.get(LOCATION)?.to_str().ok()
    }

    /// Whether somebody other than PBH signs the reply. Who hides his name may be anybody.
    fn foreign(&self) -> bool {
        self.headers.contains_key(SERVER) && server_version(self.headers).is_none()
    }

    /// Whether this says that PBH does not have the route: in the words of its web framework, or
    /// because its version is known or likely not to.
    fn lacks_route(&self, expected: &Expected, server: Option<&str>) -> bool {
        #[derive(Deserialize)]
        struct Javalin {
            r#type: String,
        }
        let unmatched = || self.parse::<Javalin>().is_ok_and(|javalin| javalin.r#type.ends_with("#endpointnotfound"));
        match server {
            Some(server) => lacks(expected, server).is_some() || unmatched(),
            None => (!self.foreign() && (expected.since.is_some() || expected.until.is_some())) || unmatched(),
        }
    }

    /// For what the service itself did not say.
    fn bare(&self) -> Error {
        if (300..400).contains(&self.status) {
            let place = self.location().map(place_of);
            let place = place.map(|place| format!(" to `{place}`")).unwrap_or_default();
            return Error::new(Kind::Http, format!("it answered {} and points{place}", self.status))
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

// --- PBH ---

#[derive(Deserialize)]
struct PbhWrapper<'a> {
    success: Option<bool>,
    #[serde(default)]
    message: Value,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

fn pbh<'a>(expected: &Expected, server: Option<&str>, reply: &Reply<'_, 'a>) -> Result<Content<'a>> {
    let wrapper = match reply.parse::<PbhWrapper>() {
        Ok(wrapper) if wrapper.success.is_some() => Some(wrapper),
        _ => None,
    };
    let said = |kind, words: &str| Error::new(kind, refusal(wrapper.as_ref().map(|wrapper| &wrapper.message), words));
    Err(match reply.status {
        303 if wrapper.is_some() || reply.location().is_some_and(|place| place.ends_with("/init")) => said(Kind::Config, "this PBH is not set up yet")
            .hint("open its web interface, go through the first-run wizard, and put the token it shows into the configuration"),
        401 | 403 if wrapper.is_none() => Error::new(Kind::Auth, format!("it answered {}", status_words(reply.status)))
            .hint("something in front of PBH asks who you are: set `basic_auth` or `headers` for it"),
        403 if expected.forbids => said(Kind::Api, "the server does not allow this"),
        401 | 403 => said(Kind::Auth, "the token was refused")
            .hint("it is `token` under `server` in PBH's config.yml; tidegate does not try a refused one again, since PBH locks the whole /24 out after ten wrong ones"),
        402 => said(Kind::Unsupported, "needs a PBH Plus licence").hint(
            "call `plus_free_license_renew()` for a free local one, or update PBH: from 9.3.0 on this needs none",
        ),
        429 => reply.rate_limited(&refusal(
            wrapper.as_ref().map(|wrapper| &wrapper.message),
            "PBH has locked this network out after too many wrong tokens",
        )),
        405 if wrapper.is_some() || !reply.foreign() => absent(expected, server),
        404 if wrapper.is_none() && reply.lacks_route(expected, server) => absent(expected, server),
        status if !(200..300).contains(&status) => match &wrapper {
            Some(_) if status >= 500 => {
                said(Kind::Api, "the server failed and does not say why").hint("PBH's own log says more")
            }
            Some(_) => said(Kind::Api, "the server refused and does not say why"),
            None => reply.bare(),
        },
        _ => match &wrapper {
            Some(PbhWrapper { success: Some(false), .. }) => {
                said(Kind::Api, "the server refused and does not say why")
            }
            Some(wrapper) => match expected.envelope {
                Some(Envelope::Pbh) | None => return Ok(Content::Json(wrapper.data.unwrap_or(RawValue::NULL))),
                _ => return unwrapped(expected, server, reply),
            },
            None => return unwrapped(expected, server, reply),
        },
    })
}

/// A good status without the envelope.
fn unwrapped<'a>(expected: &Expected, server: Option<&str>, reply: &Reply<'_, 'a>) -> Result<Content<'a>> {
    if reply.html() {
        return Err(web_page(expected, server, reply));
    }
    match expected.envelope {
        Some(Envelope::Text) => reply.text().map(Content::Text),
        Some(Envelope::Bare) => reply.parse().map(Content::Json),
        None => match reply.parse() {
            Ok(json) => Ok(Content::Json(json)),
            Err(_) => reply.text().map(Content::Text),
        },
        _ => {
            let _: &RawValue = reply.parse()?;
            Err(Error::new(Kind::Protocol, "the reply lacks PBH's envelope (`success`, `message`, `data`)")
                .hint("does the address lead to PBH, or to something in front of it?"))
        }
    }
}

/// HTML where something else was due: PBH's own page for a route it does not have, or somebody else's.
fn web_page(expected: &Expected, server: Option<&str>, reply: &Reply) -> Error {
    if server_version(reply.headers).is_some() || reply.lacks_route(expected, server) {
        return absent(expected, server);
    }
    Error::new(Kind::Protocol, "the reply is a web page, not data")
        .hint("does the address lead to PBH itself? A login page of a proxy, or PBH still starting, looks like this")
}

fn absent(expected: &Expected, server: Option<&str>) -> Error {
    let Expected { method, path, .. } = expected;
    if let Some(error) = server.and_then(|server| lacks(expected, server)) {
        return error;
    }
    let this = server.map_or_else(|| "this PBH".to_owned(), |server| format!("this PBH ({server})"));
    let needs = expected.since.map(|since| format!(", which needs PBH ≥ {since}")).unwrap_or_default();
    Error::new(Kind::Unsupported, format!("{this} does not offer `{method} {path}`{needs}"))
        .hint("is the module switched on there, has PBH finished starting, and does `url` have the right sub-path?")
}

// --- KiwiVM ---

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KiwiWrapper {
    #[serde(default)]
    error: Value,
    #[serde(default)]
    message: Value,
    #[serde(default)]
    additional_error_info: Value,
    #[serde(default)]
    additional_locking_info: Value,
}

const LOCKED: i64 = 788_888;
const WRONG_KEY: i64 = 700_005;

fn kiwivm<'a>(expected: &Expected, reply: &Reply<'_, 'a>) -> Result<Content<'a>> {
    if reply.status == 429 {
        return Err(reply.rate_limited("the VPS has spent its allowance of API calls"));
    }
    let wrapper = reply.parse::<KiwiWrapper>();
    let code = wrapper.as_ref().ok().and_then(|wrapper| number(&wrapper.error));
    match (code, wrapper) {
        (Some(0), _) if reply.good() => reply.parse().map(Content::Json),
        (Some(0..=255), _) if reply.good() && expected.envelope == Some(Envelope::KiwiVmShell) => {
            reply.parse().map(Content::Json)
        }
        (Some(code), Ok(wrapper)) if code != 0 => Err(kiwivm_refusal(code, &wrapper)),
        _ if matches!(reply.status, 401 | 403) => {
            Err(Error::new(Kind::Auth, format!("it answered {}", status_words(reply.status)))
                .hint("does the address lead to KiwiVM, or to something in front of it?"))
        }
        _ if !reply.good() => Err(reply.bare()),
        (_, Ok(_)) => Err(Error::new(Kind::Protocol, "the reply lacks KiwiVM's `error`")
            .hint("does the address lead to KiwiVM, or to something in front of it?")),
        (_, Err(_)) if reply.html() => Err(Error::new(Kind::Protocol, "the reply is a web page, not data")
            .hint("does the address lead to KiwiVM, or to something in front of it?")),
        (_, Err(error)) => Err(error),
    }
}

fn kiwivm_refusal(code: i64, wrapper: &KiwiWrapper) -> Error {
    let mut words = refusal(Some(&wrapper.message), "KiwiVM refused and does not say why");
    if let Some(info) = wrapper.additional_error_info.as_str().filter(|info| !info.is_empty()) {
        words = format!("{words} ({})", cut(info));
    }
    let progress = &wrapper.additional_locking_info;
    if let Some(step) = progress["friendly_progress_message"].as_str().filter(|step| !step.is_empty()) {
        let percent =
            number(&progress["completed_percent"]).map(|percent| format!("{percent} %, ")).unwrap_or_default();
        words = format!("{words}: {percent}{}", cut(step));
    }
    match code {
        LOCKED => Error::new(Kind::Locked, words)
            .hint("a job is running on the VPS: wait for its end, for example with `wait_until_unlocked(\"30m\")`"),
        WRONG_KEY => Error::new(Kind::Auth, words).hint(
            "veid and api_key are on the page `API` of the KiwiVM panel; a wrong veid looks the same as a wrong key",
        ),
        _ => Error::new(Kind::Api, words),
    }
    .code(code)
}

/// A number, also as PHP writes it in a text.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// The service's own words, or ours where it has none.
fn refusal(message: Option<&Value>, otherwise: &str) -> String {
    match message.and_then(Value::as_str).map(str::trim) {
        Some(words) if !words.is_empty() => cut(words),
        _ => otherwise.to_owned(),
    }
}

/// The first part of a foreign text, on one line.
fn cut(text: &str) -> String {
    const LONGEST: usize = 300;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LONGEST {
        return line;
    }
    line.chars().take(LONGEST).chain(['…']).collect()
}

#[cfg(test)]
mod tests;
