//! One request to the control API, its parameters checked by the table; and what is said to it.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequestParts as _, RawPathParams, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::table::{Operation, Parameter};
use crate::api::{self, Type};
use crate::config::Mode;
use crate::daemon::doors::Refusal;
use crate::error::{Error, Kind, Result};
use crate::host::Host;
use crate::server::Gate;
use crate::server::guard::again_after;
use crate::server::webhooks::{pairs, read};
use crate::text::suggestion;

/// A request whose parameters are all known and of their types.
pub(super) struct Asked {
    pub gate: Gate,
    /// The services under the configuration in force.
    pub host: Arc<Host>,
    values: Map<String, Value>,
    /// Among those that work; what shows how things stand and what ends something goes without.
    place: Option<Place>,
}

/// A place among those that may ask at the same time.
pub(super) struct Place(#[expect(dead_code, reason = "it is given back when it goes")] OwnedSemaphorePermit);

impl Place {
    /// # Errors
    /// 503 where all are taken.
    pub(super) fn take(places: &Arc<Semaphore>) -> std::result::Result<Self, No> {
        Arc::clone(places).try_acquire_owned().map(Self).map_err(|_| No::busy())
    }
}

/// What an operation gives.
pub(super) enum Reply {
    Json(Value),
    /// It has begun and is not over.
    Accepted(Value),
    /// Server-sent events.
    Stream(Body),
}

/// Why it gives nothing.
#[derive(Debug)]
pub(super) struct No {
    pub status: StatusCode,
    pub error: Error,
    /// The seconds after which it may be tried again, where that is known.
    pub again_after: Option<i64>,
}

pub(super) type Answer = std::result::Result<Reply, No>;

impl No {
    pub(super) const fn new(status: StatusCode, error: Error) -> Self {
        Self { status, error, again_after: None }
    }

    /// Too many ask already.
    fn busy() -> Self {
        let mut error = Error::new(Kind::Limit, "the daemon is busy: too many requests at the same time")
            .hint("try again in a moment; `tidegate status`, `cancel` and `off` get through all the same");
        error.retryable = true;
        Self { again_after: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, error) }
    }

    /// Something was named that is not there.
    pub(super) fn unknown(what: &str, name: &str, hint: Option<String>) -> Self {
        let mut error = Error::new(Kind::Argument, format!("there is no {what} `{name}`"));
        error.hint = hint;
        Self::new(StatusCode::NOT_FOUND, error)
    }

    /// The daemon is about to end.
    pub(super) fn ending() -> Self {
        Refusal::Stopping.into()
    }
}

impl From<Error> for No {
    fn from(error: Error) -> Self {
        let status = match error.kind {
            Kind::Config | Kind::Syntax | Kind::Type | Kind::Field | Kind::Argument | Kind::Script => {
                StatusCode::BAD_REQUEST
            }
            Kind::Permission => StatusCode::FORBIDDEN,
            Kind::Cancelled => StatusCode::CONFLICT,
            Kind::Limit => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Kind::Transport
            | Kind::Http
            | Kind::Api
            | Kind::Protocol
            | Kind::Auth
            | Kind::RateLimit
            | Kind::Locked
            | Kind::Unsupported => StatusCode::BAD_GATEWAY,
            Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error)
    }
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal {
            Refusal::Unknown => StatusCode::NOT_FOUND,
            Refusal::Throttled(_) => StatusCode::TOO_MANY_REQUESTS,
            Refusal::Off(_) | Refusal::Outside(_) | Refusal::Busy | Refusal::Known => StatusCode::CONFLICT,
            Refusal::Stopping | Refusal::Unrecorded(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self { again_after: refusal.again_after(), ..Self::new(status, refusal.into()) }
    }
}

impl IntoResponse for No {
    fn into_response(self) -> Response {
        let reply = (self.status, Json(json!({"error": self.error}))).into_response();
        match self.again_after {
            Some(seconds) => again_after(reply, seconds),
            None => reply,
        }
    }
}

/// A value as JSON.
///
/// # Errors
/// `internal` where it is none.
pub(super) fn to_json(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| Error::internal(error.to_string()))
}

impl Asked {
    /// # Errors
    /// 400 for parameters that are missing, unknown or of another type, and for a body that is no JSON object.
    pub(super) async fn read(
        operation: &'static Operation,
        gate: Gate,
        request: Request,
        place: Option<Place>,
    ) -> std::result::Result<Self, No> {
        let (mut parts, body) = request.into_parts();
        let mut values = Map::new();
        let path = RawPathParams::from_request_parts(&mut parts, &()).await;
        let path = path.map_err(|_| {
            Error::new(Kind::Argument, "the path holds percent-encoded bytes that are no UTF-8")
                .hint("encode each name as UTF-8 before its bytes are written as `%XX`")
        })?;
        values.extend(path.iter().map(|(name, value)| (name.to_owned(), value.into())));
        for (name, text) in pairs(parts.uri.query().unwrap_or_default()) {
            let parameter = known(operation, &name, api::Place::Query)?;
            values.insert(name, of_query(parameter, text)?);
        }
        let is_json = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
            kind.to_str().is_ok_and(|kind| kind.to_ascii_lowercase().starts_with("application/json"))
        });
        let body = read(&gate, body).await.map_err(|(status, why)| No::new(status, Error::new(Kind::Argument, why)))?;
        if !body.is_empty() {
            if !is_json {
                let error = Error::new(Kind::Argument, "the body is not said to be JSON")
                    .hint("send `Content-Type: application/json`");
                return Err(No::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, error));
            }
            let fields: Map<String, Value> = serde_json::from_slice(&body)
                .map_err(|error| Error::new(Kind::Argument, format!("the body is no JSON object: {error}")))?;
            for (name, value) in fields {
                let parameter = known(operation, &name, api::Place::Body)?;
                // Null is as good as absent, unless any value is meant.
                if value.is_null() && !matches!(parameter.ty, Type::Any) {
                    continue;
                }
                values.insert(name, of_body(parameter, value)?);
            }
        }
        if let Some(missing) = operation.parameters.iter().find(|one| one.required && !values.contains_key(one.name)) {
            return Err(Error::new(Kind::Argument, format!("`{}` is missing", missing.name)).hint(missing.doc).into());
        }
        let host = gate.daemon.host();
        Ok(Self { gate, host, values, place })
    }

    /// From here on the request only waits, and its place is another's.
    ///
    /// # Errors
    /// 503 where too many wait already.
    pub(super) fn only_waits(&mut self) -> std::result::Result<(), No> {
        self.place = Some(Place::take(&self.gate.waiting)?);
        Ok(())
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(Value::as_str)
    }

    /// A text that the table requires.
    pub(super) fn need(&self, name: &str) -> &str {
        self.text(name).unwrap_or_default()
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.values.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    /// What really changes something is refused where the daemon holds everything back.
    ///
    /// # Errors
    /// 409 where it does.
    pub(super) fn live(&self) -> std::result::Result<Mode, No> {
        if !self.gate.daemon.is_dry() {
            return Ok(Mode::Live);
        }
        let error = Error::new(Kind::Cancelled, "this daemon only runs dry")
            .hint("it was started with `tidegate run --dry-run`; start it without");
        Err(No::new(StatusCode::CONFLICT, error))
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.values.get(name).and_then(Value::as_u64)
    }

    pub(super) fn value(&self, name: &str) -> Value {
        self.values.get(name).cloned().unwrap_or_default()
    }

    pub(super) fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.values.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }
}

fn known(operation: &'static Operation, name: &str, place: api::Place) -> Result<&'static Parameter> {
    let here = |parameter: &&Parameter| parameter.place == place;
    operation.parameters.iter().filter(here).find(|parameter| parameter.name == name).ok_or_else(|| {
        let names: Vec<_> = operation.parameters.iter().filter(here).map(|parameter| parameter.name).collect();
        let mut error = Error::new(Kind::Argument, format!("`{}` takes no `{name}` there", operation.id));
        error.hint = suggestion(name, names.iter().copied());
        error
    })
}

fn of_query(parameter: &Parameter, text: String) -> Result<Value> {
    match parameter.ty {
        Type::Int => text.parse::<u64>().map(Value::from).map_err(|_| wrong(parameter, &text)),
        Type::Bool => match text.as_str() {
            "true" | "1" | "" => Ok(true.into()),
            "false" | "0" => Ok(false.into()),
            _ => Err(wrong(parameter, &text)),
        },
        _ => Ok(text.into()),
    }
}

fn of_body(parameter: &Parameter, value: Value) -> Result<Value> {
    let right = match parameter.ty {
        Type::Int => value.is_u64(),
        Type::Bool => value.is_boolean(),
        Type::Text => value.is_string(),
        Type::List(_) => value.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
        _ => true,
    };
    if right { Ok(value) } else { Err(wrong(parameter, &value.to_string())) }
}

fn wrong(parameter: &Parameter, value: &str) -> Error {
    let meant = match parameter.ty {
        Type::Int => "a whole number from 0",
        Type::Bool => "`true` or `false`",
        Type::List(_) => "a list of texts",
        _ => "a text",
    };
    Error::new(Kind::Argument, format!("`{}` must be {meant}, not `{value}`", parameter.name)).hint(parameter.doc)
}
