//! Who may ask: the name that the server is asked by, the token, and pages of others in a browser.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::Gate;
use super::control;
use crate::error::{Error, Kind};
use crate::secret::Secret;

/// Seconds after which whoever was turned away for want of a place may ask again.
const SOON: i64 = 1;

/// An error as a reply.
pub(super) fn refuse(status: StatusCode, why: &str) -> Response {
    (status, axum::Json(json!({"error": why}))).into_response()
}

/// Says when it may be tried again.
pub(super) fn again_after(mut refusal: Response, seconds: i64) -> Response {
    refusal.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    refusal
}

/// The reply to whoever finds no place.
pub(super) fn busy() -> Response {
    again_after(refuse(StatusCode::SERVICE_UNAVAILABLE, "too many requests at the same time"), SOON)
}

/// Before any route: a page in a browser must not reach the server by a name that leads here.
pub(super) async fn admit(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let (status, error) = match host {
        Some(host) if is_ours(host, &gate.host.config.server.hosts) => return next.run(request).await,
        Some(_) => {
            let error = Error::new(Kind::Config, "not served by that name");
            (StatusCode::MISDIRECTED_REQUEST, error.hint("add it to `hosts` under `[server]`"))
        }
        None => (StatusCode::BAD_REQUEST, Error::new(Kind::Argument, "the request names no host")),
    };
    if control::is_below(request.uri().path()) {
        return control::refuse(status, error);
    }
    let hint = error.hint.as_deref().map(|hint| format!("; {hint}")).unwrap_or_default();
    refuse(status, &format!("{}{hint}", error.message))
}

/// An address cannot be made to lead elsewhere, a name can.
fn is_ours(host: &str, hosts: &[String]) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let given = |own: &String| own.eq_ignore_ascii_case(name) || own.eq_ignore_ascii_case(host);
    bare.parse::<IpAddr>().is_ok() || name.eq_ignore_ascii_case("localhost") || hosts.iter().any(given)
}

impl Gate {
    /// Whether a request brings the token along: in `Authorization: Bearer`, or as `?token=`. Without one in the
    /// configuration, whoever can reach the address may ask, but no page of another site.
    ///
    /// # Errors
    /// The reply that says no, the same for every path.
    // A reply is large, and made once for each request.
    #[expect(clippy::result_large_err, reason = "it is sent at once")]
    pub(super) fn authorize(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), Response> {
        let Some(source) = &self.host.config.server.token else {
            return if is_foreign(headers) {
                Err(refuse(StatusCode::FORBIDDEN, "pages of other sites may not ask without a token"))
            } else {
                Ok(())
            };
        };
        let token = self.host.vault.read(source).map_err(|error| {
            self.complain(&error);
            refuse(StatusCode::SERVICE_UNAVAILABLE, "the token cannot be read")
        })?;
        let query = || super::webhooks::pairs(uri.query().unwrap_or_default()).find(|(key, _)| key == "token");
        let given = bearer(headers).or_else(|| query().map(|(_, token)| token)).unwrap_or_default();
        if is_same(&given, &token) {
            return Ok(());
        }
        Err(ask_for_it(refuse(StatusCode::UNAUTHORIZED, "the token is missing or wrong")))
    }
}

/// What stands in `Authorization: Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<String> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

/// Whether a token is the right one. Of equal length and nothing to be learned from, however far the two agree.
pub(super) fn is_same(given: &str, token: &Secret) -> bool {
    let [given, token] = [given, token.expose()].map(|text| Sha256::digest(text.as_bytes()));
    given.as_slice().ct_eq(token.as_slice()).into()
}

/// The reply to whoever brings no token or a wrong one.
pub(super) fn ask_for_it(mut refusal: Response) -> Response {
    refusal.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
    refusal
}

/// Whether a browser sends this for a page of another site.
pub(super) fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return true;
    }
    match (text(header::ORIGIN), text(header::HOST)) {
        (Some(origin), Some(host)) => origin.split_once("://").is_none_or(|(_, name)| !name.eq_ignore_ascii_case(host)),
        (Some(_), None) => true,
        (None, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_known_names_are_ours() {
        let hosts = ["seedbox.lan".to_owned(), "gate.example.org:8443".to_owned()];
        for good in ["127.0.0.1:9899", "[::1]:9899", "localhost", "LOCALHOST:1", "10.0.0.5", "Seedbox.lan:9899"] {
            assert!(is_ours(good, &hosts), "{good}");
        }
        assert!(is_ours("gate.example.org:8443", &hosts));
        for bad in ["evil.example.org", "localhost.evil.org:9899", "127.0.0.1.evil.org", "gate.example.org", ""] {
            assert!(!is_ours(bad, &hosts), "{bad}");
        }
    }

    #[test]
    fn pages_of_other_sites_are_foreign() {
        let foreign = |pairs: &[(&'static str, &str)]| {
            let pairs = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            is_foreign(&pairs.collect::<HeaderMap>())
        };
        assert!(!foreign(&[("host", "127.0.0.1:9899")]), "no browser");
        assert!(!foreign(&[("host", "127.0.0.1:9899"), ("origin", "http://127.0.0.1:9899")]));
        assert!(foreign(&[("host", "127.0.0.1:9899"), ("origin", "https://evil.example.org")]));
        assert!(foreign(&[("host", "127.0.0.1:9899"), ("origin", "null")]));
        assert!(foreign(&[("host", "127.0.0.1:9899"), ("sec-fetch-site", "cross-site")]));
    }
}
