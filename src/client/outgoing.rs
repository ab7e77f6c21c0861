//! From a row and its arguments to what goes out: method, path, query and body, in the wire's units.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use crate::api::{Place, Row, Type, version};
use crate::error::{Error, Kind, Result};
use crate::http::Body;
use crate::time::{Duration, Time};

use super::args::Args;

/// What RFC 3986 calls unreserved stays as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A request without the server's address and its credentials.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub body: Body,
}

impl Outgoing {
    /// For PBH: each parameter where its row says. `server` is the version, where it is known.
    pub fn json(row: &Row, args: &Args, server: Option<&str>) -> Result<Self> {
        let mut path = row.path.to_owned();
        let mut query = Vec::new();
        let mut fields = Map::new();
        let mut whole = None;
        for (param, value) in &args.0 {
            let value = to_wire(value, &param.ty);
            match param.place {
                Place::Path => path = path.replace(&format!("{{{}}}", param.name), &segment(row, param.name, &value)?),
                Place::Query => match value {
                    Value::Array(items) => {
                        query.extend(items.iter().map(|item| (param.name.to_owned(), plain(item))));
                    }
                    value => query.push((param.name.to_owned(), plain(&value))),
                },
                Place::Body => {
                    fields.insert(param.name.to_owned(), value);
                }
                Place::Whole => whole = Some(value),
            }
        }
        let body = match whole {
            // A script's text travels as it is.
            Some(Value::String(text)) => Body::Text(text),
            Some(whole) => Body::Json(whole),
            None if row.params.iter().any(|param| param.place == Place::Body) => Body::Json(fields.into()),
            None => Body::None,
        };
        Ok(Self { method: method(row, server).to_owned(), path, query, body })
    }

    /// For KiwiVM: everything is a field of the form.
    pub fn form(row: &Row, args: &Args) -> Self {
        let fields = args.0.iter().map(|(param, value)| (param.name.to_owned(), form_text(&to_wire(value, &param.ty))));
        Self {
            method: row.method.to_owned(),
            path: row.path.to_owned(),
            query: Vec::new(),
            body: Body::Form(fields.collect()),
        }
    }

    /// For KiwiVM without a row.
    pub fn free_form(path: &str, mut fields: Vec<(String, String)>, body: Option<Value>) -> Result<Self> {
        match body {
            None | Some(Value::Null) => {}
            Some(Value::Object(map)) => fields.extend(map.iter().map(|(key, value)| (key.clone(), form_text(value)))),
            Some(_) => {
                return Err(Error::new(Kind::Argument, "the body for KiwiVM must be a map of fields")
                    .hint("write `#{body: #{description: \"nightly\"}}`"));
            }
        }
        Ok(Self { method: "POST".to_owned(), path: path.to_owned(), query: Vec::new(), body: Body::Form(fields) })
    }
}

/// The method changed with a release for some rows.
fn method(row: &Row, server: Option<&str>) -> &'static str {
    match (row.extra.method_until, server) {
        (Some((old, until)), Some(server)) if version(server) <= version(until) => old,
        _ => row.method,
    }
}

fn segment(row: &Row, name: &str, value: &Value) -> Result<String> {
    let text = plain(value);
    if matches!(text.as_str(), "" | "." | "..") {
        return Err(Error::new(Kind::Argument, format!("`{name}` of `{}` cannot be `{text}`", row.id))
            .hint("it is a part of the request's path"));
    }
    Ok(utf8_percent_encode(&text, SEGMENT).to_string())
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn form_text(value: &Value) -> String {
    match value {
        Value::Bool(flag) => i64::from(*flag).to_string(),
        other => plain(other),
    }
}

/// Times and durations in the unit that the row says.
fn to_wire(value: &Value, ty: &Type) -> Value {
    let time = |value: &Value| value.as_str().and_then(|text| Time::parse(text, chrono_tz::Tz::UTC));
    let duration = |value: &Value| value.as_f64().map(Duration::from_seconds_f64);
    let converted = match ty {
        Type::Millis => time(value).map(|time| time.millis().into()),
        Type::Seconds => time(value).map(|time| time.seconds().into()),
        Type::DurationMillis => duration(value).map(|duration| duration.millis().into()),
        Type::DurationSeconds => duration(value).map(|duration| (duration.millis() / 1000).into()),
        Type::Null_(inner) => Some(to_wire(value, inner)),
        Type::List(item) => value.as_array().map(|items| items.iter().map(|value| to_wire(value, item)).collect()),
        Type::Map(item) => value.as_object().map(|map| {
            map.iter().map(|(key, value)| (key.clone(), to_wire(value, item))).collect::<Map<_, _>>().into()
        }),
        Type::Shape(shape) => value.as_object().map(|map| {
            let field = |(key, value): (&String, &Value)| {
                let value = shape.field(key).map_or_else(|| value.clone(), |field| to_wire(value, &field.ty));
                (key.clone(), value)
            };
            map.iter().map(field).collect::<Map<_, _>>().into()
        }),
        _ => None,
    };
    converted.unwrap_or_else(|| value.clone())
}
