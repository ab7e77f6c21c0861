//! PBH: `{success, message, data}` with a status, and the many replies that are not that.

use reqwest::header::SERVER;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Content, Expected, Reply, lacks, refusal, server_version, status_words};
use crate::api::Envelope;
use crate::error::{Error, Kind, Result};

#[derive(Deserialize)]
struct Wrapper<'a> {
    success: Option<bool>,
    #[serde(default)]
    message: Value,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

pub(super) fn open<'a>(expected: &Expected, server: Option<&str>, reply: &Reply<'_, 'a>) -> Result<Content<'a>> {
    let wrapper = match reply.envelope::<Wrapper>() {
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
        401 | 403 if expected.open => said(Kind::Auth, "the server refuses even what needs no token")
            .hint("something in front of PBH may ask who you are: set `basic_auth` or `headers` for it"),
        401 | 403 => said(Kind::Auth, "the token was refused")
            .hint("it is `token` under `server` in PBH's config.yml; tidegate does not try a refused one again, since PBH locks the whole /24 out after ten wrong ones"),
        402 => said(Kind::Unsupported, "needs a PBH Plus licence").hint(
            "call `plus_free_license_renew()` for a free local one, or update PBH: from 9.3.0 on this needs none",
        ),
        429 => reply.rate_limited(&refusal(
            wrapper.as_ref().map(|wrapper| &wrapper.message),
            "PBH has locked this network out after too many wrong tokens",
        )),
        405 if wrapper.is_some() || !foreign(reply) => absent(expected, server),
        404 if wrapper.is_none() && lacks_route(reply, expected, server) => absent(expected, server),
        status if !(200..300).contains(&status) => match &wrapper {
            Some(_) if status >= 500 => {
                said(Kind::Api, "the server failed and does not say why").hint("PBH's own log says more")
            }
            Some(_) => said(Kind::Api, "the server refused and does not say why"),
            None => reply.bare(),
        },
        _ => match &wrapper {
            Some(Wrapper { success: Some(false), .. }) => {
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
            let _: &RawValue = reply.envelope()?;
            Err(Error::new(Kind::Protocol, "the reply lacks PBH's envelope (`success`, `message`, `data`)")
                .hint("does the address lead to PBH, or to something in front of it?"))
        }
    }
}

/// HTML where something else was due: PBH's own page for a route it does not have, or somebody else's.
fn web_page(expected: &Expected, server: Option<&str>, reply: &Reply) -> Error {
    if server_version(reply.headers).is_some() || lacks_route(reply, expected, server) {
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

/// Whether PBH itself wrote this.
pub(super) fn is_own(reply: &Reply) -> bool {
    reply.envelope::<Wrapper>().is_ok_and(|wrapper| wrapper.success.is_some())
}

/// Whether somebody other than PBH signs the reply. Who hides his name may be anybody.
fn foreign(reply: &Reply) -> bool {
    reply.headers.contains_key(SERVER) && server_version(reply.headers).is_none()
}

/// Whether this says that PBH does not have the route: in the words of its web framework, or because
/// its version is known or likely not to.
fn lacks_route(reply: &Reply, expected: &Expected, server: Option<&str>) -> bool {
    #[derive(Deserialize)]
    struct Javalin {
        r#type: String,
    }
    let unmatched = || reply.envelope::<Javalin>().is_ok_and(|javalin| javalin.r#type.ends_with("#endpointnotfound"));
    match server {
        Some(server) => lacks(expected, server).is_some() || unmatched(),
        None => (!foreign(reply) && (expected.since.is_some() || expected.until.is_some())) || unmatched(),
    }
}
