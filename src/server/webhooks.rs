//! Webhooks: a request becomes a run, and what its handler returns becomes the reply.
//!
//! The reply waits for the run, at most [`WAIT`]; then, or at once where the request says `Prefer:
//! respond-async`, it is 202 with the run's id, and the run goes on. 204 and 200 are what the handler returned,
//! any other status is its own `reply`; 500 is a run that failed, 504 one that took too long, 409 one that was
//! skipped because the last is still going, 429 `throttle`, 503 anything else that kept it from running.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::Gate;
use super::guard::{again_after, busy, refuse};
use crate::clock::within;
use crate::daemon::doors::{Begun, Hooked, Refusal};
use crate::ledger::State as RunState;
use crate::run::Outcome;
use crate::time::Duration;

/// So long a reply waits for its run; what stands in between mostly gives up after thirty seconds.
const WAIT: Duration = Duration::from_seconds(25);
/// A run that takes too long ends a moment after its timeout, and that is an answer too.
const TO_END: Duration = Duration::from_seconds(1);
/// So long a request's body may take to arrive.
const ARRIVAL: Duration = Duration::from_seconds(30);
/// Headers that scripts are not shown: logins.
const PRIVATE: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// Any path that is not one of the server's own.
pub(super) async fn handle(State(gate): State<Gate>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if let Err(no) = gate.authorize(&parts.headers, &parts.uri) {
        return no;
    }
    let path = percent_decode_str(parts.uri.path()).decode_utf8_lossy().into_owned();
    if !gate.daemon.webhooks().borrow().iter().any(|hook| hook.path == path) {
        return refuse(StatusCode::NOT_FOUND, "there is nothing here");
    }
    // A browser that only asks whether it may ask must set nothing off.
    if matches!(parts.method, Method::OPTIONS | Method::HEAD | Method::TRACE | Method::CONNECT) {
        return refuse(StatusCode::METHOD_NOT_ALLOWED, "a webhook takes GET, POST, PUT, PATCH and DELETE");
    }
    let Ok(place) = Arc::clone(&gate.callers).try_acquire_owned() else { return busy() };
    let body = match read(&gate, body).await {
        Ok(body) => body,
        Err((status, why)) => return refuse(status, why),
    };
    let data = match describe(&parts.method, &path, parts.uri.query().unwrap_or_default(), &parts.headers, &body) {
        Ok(data) => data,
        Err(why) => return refuse(StatusCode::BAD_REQUEST, &why),
    };
    let hooked = gate.daemon.webhook(&path, data).await;
    // Whoever only waits for his run takes no place from those who come.
    drop(place);
    match hooked {
        None => refuse(StatusCode::NOT_FOUND, "there is nothing here"),
        Some(Hooked::Debounced) => (StatusCode::ACCEPTED, axum::Json(json!({"state": "debounced"}))).into_response(),
        Some(Hooked::Refused(refusal)) => refused(&refusal),
        Some(Hooked::Begun { begun, timeout }) => {
            let at_once = parts.headers.get_all("prefer").iter().any(|value| value.as_bytes() == b"respond-async");
            answer(&gate, begun, if at_once { Duration::ZERO } else { (timeout + TO_END).min(WAIT) }).await
        }
    }
}

/// The body of a request, as large as the configuration allows and within [`ARRIVAL`].
pub(super) async fn read(gate: &Gate, body: Body) -> Result<Bytes, (StatusCode, &'static str)> {
    let clock = &gate.host.clock;
    let most = usize::try_from(gate.host.config.server.body).unwrap_or(usize::MAX);
    let body = within(&**clock, clock.now() + ARRIVAL, axum::body::to_bytes(body, most)).await;
    match body {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => Err((StatusCode::PAYLOAD_TOO_LARGE, "the body is too large, or broke off")),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time")),
    }
}

/// The handler's argument.
///
/// # Errors
/// A body that is not the JSON that it says it is.
fn describe(method: &Method, path: &str, query: &str, headers: &HeaderMap, body: &[u8]) -> Result<Value, String> {
    let text = String::from_utf8_lossy(body);
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.to_ascii_lowercase();
    let is_form = kind.starts_with("application/x-www-form-urlencoded");
    let parsed = serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}'));
    let json = match parsed {
        Ok(value) if kind.contains("json") || value.is_object() || value.is_array() => Some(value),
        Err(error) if kind.contains("json") => return Err(format!("the body is not JSON: {error}")),
        _ => None,
    };
    let form = (is_form && json.is_none()).then(|| collect(pairs(&text)));
    let headers = headers.iter().filter(|(name, _)| !PRIVATE.contains(&name.as_str()));
    let headers =
        headers.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    Ok(json!({
        "method": method.as_str(),
        "path": path,
        "query": collect(pairs(query).filter(|(key, _)| key != "token")),
        "headers": collect(headers),
        "body": text,
        "json": json,
        "form": form,
    }))
}

/// A map; what comes more than once is a list.
fn collect(pairs: impl Iterator<Item = (String, String)>) -> Map<String, Value> {
    let mut map = Map::new();
    for (key, value) in pairs {
        match map.get_mut(&key) {
            None => drop(map.insert(key, value.into())),
            Some(Value::Array(values)) => values.push(value.into()),
            Some(first) => *first = json!([first.take(), value]),
        }
    }
    map
}

/// `a=1&b=2`, decoded.
pub(super) fn pairs(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    let decode = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
    text.split('&').filter(|pair| !pair.is_empty()).map(move |pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key), decode(value))
    })
}

fn refused(refusal: &Refusal) -> Response {
    let status = match refusal {
        Refusal::Unknown => StatusCode::NOT_FOUND,
        Refusal::Busy | Refusal::Known => StatusCode::CONFLICT,
        Refusal::Throttled(_) => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Off(_) | Refusal::Outside(_) | Refusal::Stopping | Refusal::Unrecorded(_) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    let reply = refuse(status, &refusal.to_string());
    match refusal.again_after() {
        Some(seconds) => again_after(reply, seconds),
        None => reply,
    }
}

/// Waits for the run, but not for ever.
async fn answer(gate: &Gate, begun: Begun, wait: Duration) -> Response {
    let Begun { run, outcome, .. } = begun;
    let clock = &gate.host.clock;
    let outcome = if wait > Duration::ZERO { within(&**clock, clock.now() + wait, outcome).await.ok() } else { None };
    let outcome = match outcome {
        None => return (StatusCode::ACCEPTED, axum::Json(json!({"run": run, "state": "running"}))).into_response(),
        Some(Err(_)) => return refuse(StatusCode::SERVICE_UNAVAILABLE, "the run was dropped before it began"),
        Some(Ok(outcome)) => outcome,
    };
    let Outcome { state, error, returned, .. } = outcome;
    let status = match state {
        RunState::Ok => {
            let value = gate.host.masker.mask_json(returned.value);
            return returned_value(returned.status, value);
        }
        RunState::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        RunState::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let message = error.map(|error| gate.host.masker.mask(&error.message).into_owned());
    let reply = json!({"error": message.unwrap_or_else(|| state.to_string()), "state": state, "run": run});
    (status, axum::Json(reply)).into_response()
}

/// A plain value is JSON; a text in `reply` is a text.
fn returned_value(status: Option<u16>, value: Value) -> Response {
    let own = status.and_then(|status| StatusCode::from_u16(status).ok());
    match (own, value) {
        (None, Value::Null) => StatusCode::NO_CONTENT.into_response(),
        (None, value) => axum::Json(value).into_response(),
        (Some(status), Value::Null) => status.into_response(),
        (Some(status), Value::String(text)) => (status, text).into_response(),
        (Some(status), value) => (status, axum::Json(value)).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(kind: &str, body: &str) -> Result<Value, String> {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", kind.parse().unwrap());
        headers.insert("authorization", "Bearer secret".parse().unwrap());
        headers.insert("x-page", "1".parse().unwrap());
        headers.append("x-page", "2".parse().unwrap());
        describe(&Method::POST, "/grab", "a=1&b=%E4%B8%80&token=secret&b=2+3", &headers, body.as_bytes())
    }

    #[test]
    fn a_request_is_described_without_its_login() {
        let data = request("text/plain", "hello").unwrap();
        assert_eq!(data["query"], json!({"a": "1", "b": ["一", "2 3"]}));
        assert_eq!(data["headers"], json!({"content-type": "text/plain", "x-page": ["1", "2"]}));
        assert_eq!((&data["body"], &data["json"], &data["form"]), (&json!("hello"), &Value::Null, &Value::Null));
        assert!(!data.to_string().contains("secret"));
    }

    #[test]
    fn json_and_forms_are_read() {
        let json = request("application/json; charset=utf-8", r#"{"size": 5}"#).unwrap();
        assert_eq!(json["json"], json!({"size": 5}));
        let form = request("application/x-www-form-urlencoded", "title=a+b&n=1").unwrap();
        assert_eq!((&form["form"], &form["json"]), (&json!({"title": "a b", "n": "1"}), &Value::Null));
        let curl = request("application/x-www-form-urlencoded", r#"{"size": 5}"#).unwrap();
        assert_eq!((&curl["json"], &curl["form"]), (&json!({"size": 5}), &Value::Null), "as `curl -d` sends it");
        assert_eq!(request("text/plain", "5").unwrap()["json"], Value::Null, "a number is a text");
        assert!(request("application/json", "{").unwrap_err().contains("not JSON"));
    }
}
