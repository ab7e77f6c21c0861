//! `GET /healthz`: whether the daemon is ready and decides things, for whoever keeps it alive. It tells nothing else
//! and needs no token.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::Gate;
use crate::clock::within;
use crate::time::Duration;

/// So long the daemon may take to say how it stands.
const PATIENCE: Duration = Duration::from_seconds(5);

pub(super) async fn answer(State(gate): State<Gate>) -> Response {
    let clock = &gate.host.clock;
    let status = within(&**clock, clock.now() + PATIENCE, gate.daemon.status()).await;
    let well = matches!(status, Ok(Some(status)) if status.ready.is_some());
    let code = if well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, axum::Json(json!({"ok": well}))).into_response()
}
