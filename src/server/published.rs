//! `GET /published/NAME`: what scripts publish, for routers and widgets. Read-only; the token of `[server]` is asked
//! for where there is one, as for webhooks.

use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

use super::Gate;
use super::guard::refuse;
use crate::published::Published;
use crate::secret::hex;

pub(super) async fn text(State(gate): State<Gate>, Path(name): Path<String>, request: Request) -> Response {
    if let Err(no) = gate.authorize(request.headers(), request.uri()) {
        return no;
    }
    let found = match Published::check(&name) {
        Ok(name) => Published::new(&gate.host.store).get(name).await,
        Err(_) => Ok(None),
    };
    let publication = match found {
        Ok(Some(publication)) => publication,
        Ok(None) => return refuse(StatusCode::NOT_FOUND, "nothing is published under that name"),
        Err(error) => return refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.message),
    };
    let tag = format!("\"{}\"", hex(&Sha256::digest(publication.text.as_bytes())[..16]));
    let modified = publication.at.utc().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let known = request.headers().get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut reply = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], publication.text).into_response()
    };
    // A text of a script is never a page, whatever is in it.
    let headers = [
        (header::ETAG, tag.as_str()),
        (header::LAST_MODIFIED, modified.as_str()),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    ];
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            reply.headers_mut().insert(name, value);
        }
    }
    reply
}
