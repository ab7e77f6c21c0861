//! KiwiVM: the status is always 200, and `error` tells.

use serde::Deserialize;
use serde_json::Value;

use super::{Content, Expected, Reply, cut, refusal, status_words};
use crate::api::Envelope;
use crate::error::{Error, Kind, Result};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wrapper {
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

pub(super) fn open<'a>(expected: &Expected, reply: &Reply<'_, 'a>) -> Result<Content<'a>> {
    if reply.status == 429 {
        return Err(reply.rate_limited("the VPS has spent its allowance of API calls"));
    }
    let wrapper = reply.envelope::<Wrapper>();
    let code = wrapper.as_ref().ok().and_then(|wrapper| number(&wrapper.error));
    match (code, wrapper) {
        (Some(0), _) if reply.good() => reply.parse().map(Content::Json),
        (Some(0..=255), _) if reply.good() && expected.envelope == Some(Envelope::KiwiVmShell) => {
            reply.parse().map(Content::Json)
        }
        (Some(code), Ok(wrapper)) if code != 0 => Err(refused(code, &wrapper)),
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

fn refused(code: i64, wrapper: &Wrapper) -> Error {
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

/// Whether KiwiVM itself wrote this.
pub(super) fn is_own(reply: &Reply) -> bool {
    reply.envelope::<Wrapper>().is_ok_and(|wrapper| number(&wrapper.error).is_some())
}
