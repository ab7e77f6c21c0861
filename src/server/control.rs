//! The control API: everything that the daemon can be asked and told, below `/api/v1`.
//!
//! One table (`control/table.rs`) says what there is. From it follow the router, the checks of parameters, the
//! OpenAPI document and the page in `docs`. Whoever asks brings the daemon's token in `Authorization: Bearer`, over
//! the socket too; a page in a browser has none, and what a browser sends for a page of another site is refused
//! even with it.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::on;
use axum::{Json, Router};

use super::Gate;
use super::guard::{ask_for_it, bearer, is_foreign, is_same};
use crate::control::PREFIX;
use crate::error::{Error, Kind};

mod asked;
mod downloaders;
mod eval;
mod log;
mod openapi;
mod page;
mod runs;
mod scripts;
mod shapes;
mod state;
mod table;

use asked::{Asked, No, Place, Reply};
pub(super) use eval::Sittings;
pub use openapi::document;
pub use page::page;
use table::{OPERATIONS, Operation};

/// The version of the API in its path; `crate::control::PREFIX` is `/api` and this.
const VERSION: &str = "/v1";

/// The routes below `/api`.
pub(super) fn router(gate: Gate) -> Router<Gate> {
    let mut router = Router::new();
    for operation in OPERATIONS {
        let perform = move |State(gate): State<Gate>, request: Request| perform(operation, gate, request);
        router = router.route(&format!("{VERSION}{}", operation.path), on(operation.method.filter(), perform));
    }
    router.fallback(nothing).method_not_allowed_fallback(wrong_method).layer(from_fn_with_state(gate, admit))
}

/// Whether a path is one of the API's, whatever is there: then an error is told as the API tells errors.
pub(super) fn is_below(path: &str) -> bool {
    let root = PREFIX.strip_suffix(VERSION).unwrap_or(PREFIX);
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// An error as the API tells it, before any operation is known.
pub(super) fn refuse(status: StatusCode, error: Error) -> Response {
    No::new(status, error).into_response()
}

async fn nothing() -> Response {
    let error = Error::new(Kind::Argument, "there is no such operation")
        .hint("`GET /api/v1/openapi.json` lists the operations");
    No::new(StatusCode::NOT_FOUND, error).into_response()
}

async fn wrong_method() -> Response {
    let error = Error::new(Kind::Argument, "this path does not take that method")
        .hint("`GET /api/v1/openapi.json` lists the operations");
    No::new(StatusCode::METHOD_NOT_ALLOWED, error).into_response()
}

/// Before any operation, and the same for all of them: no page of another site, and the token.
async fn admit(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    if is_foreign(request.headers()) {
        let error = Error::new(Kind::Auth, "pages of other sites may not ask");
        return No::new(StatusCode::FORBIDDEN, error).into_response();
    }
    // Only in the header: a page can be made to ask for an address, and addresses end up in logs.
    let given = bearer(request.headers()).unwrap_or_default();
    if !gate.key.as_ref().is_some_and(|key| is_same(&given, key)) {
        let error = Error::new(Kind::Auth, "the token is missing or wrong")
            .hint("send `Authorization: Bearer` and what stands in `control.token` of the daemon's data folder");
        return ask_for_it(No::new(StatusCode::UNAUTHORIZED, error).into_response());
    }
    next.run(request).await
}

async fn perform(operation: &'static Operation, gate: Gate, request: Request) -> Response {
    let masker = gate.host.masker.clone();
    let answer = async {
        let place = if operation.is_urgent() { None } else { Some(Place::take(&gate.places)?) };
        (operation.perform)(Asked::read(operation, gate, request, place).await?).await
    };
    let answer = answer.await;
    match answer {
        Ok(Reply::Json(value)) => Json(masker.mask_json(value)).into_response(),
        Ok(Reply::Accepted(value)) => (StatusCode::ACCEPTED, Json(masker.mask_json(value))).into_response(),
        Ok(Reply::Stream(body)) => {
            let headers = [("content-type", "text/event-stream"), ("cache-control", "no-cache")];
            (headers, body).into_response()
        }
        Err(no) => No { error: masker.mask_error(no.error), ..no }.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn the_clients_prefix_is_where_the_routes_are() {
        assert_eq!(PREFIX, format!("/api{VERSION}"));
    }
}
