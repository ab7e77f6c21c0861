//! What must arrive at a service for a row and its arguments.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use tidegate::api::example::Extent;
use tidegate::api::{Param, Place, Row, Service, Type, version};
use tidegate::secret::MASK;
use tidegate::sim::Request;
use tidegate::time::{Duration, Time};

use super::bench::{Bench, TOKEN};

/// The arguments of an example, evaluated by themselves; in the wire's units.
pub struct Arguments(Vec<(&'static Param, Value)>);

impl Arguments {
    pub fn evaluate(bench: &Bench, row: &'static Row, extent: Extent) -> Result<Self, String> {
        let (required, optional) = row.arguments(extent);
        let mut arguments = Vec::new();
        for (param, text) in required.into_iter().chain(optional) {
            let value = bench.eval(&text).map_err(|error| format!("`{}`: {error}", param.name))?;
            arguments.push((param, in_units(&param.ty, value)));
        }
        Ok(Self(arguments))
    }

    fn at(&self, place: Place) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().filter(move |(param, _)| param.place == place).map(|(param, value)| (param.name, value))
    }
}

/// JSON of a script's value as the service wants it.
fn in_units(ty: &Type, value: Value) -> Value {
    let time = |value: &Value| Time::parse(value.as_str().expect("a time"), chrono_tz::Tz::UTC).expect("a time");
    let duration = |value: &Value| Duration::from_seconds_f64(value.as_f64().expect("a duration"));
    match ty {
        Type::Millis => time(&value).millis().into(),
        Type::Seconds => time(&value).seconds().into(),
        Type::DurationMillis => duration(&value).millis().into(),
        Type::DurationSeconds => (duration(&value).millis() / 1000).into(),
        _ => value,
    }
}

/// Checks a request against the row and its arguments.
pub fn check(bench: &Bench, row: &Row, release: &str, arguments: &Arguments, request: &Request) -> Result<(), String> {
    let method = match row.extra.method_until {
        Some((method, until)) if version(release) <= version(until) => method,
        _ => row.method,
    };
    same("method", &method.into(), &request.method.as_str().into())?;
    let mut path = row.path.to_owned();
    for (name, value) in arguments.at(Place::Path) {
        path = path.replace(&format!("{{{name}}}"), &text(value));
    }
    let prefix = if row.service == Service::KiwiVm { "/v1" } else { "" };
    let decoded = percent_decode_str(&request.path).decode_utf8().map_err(|error| error.to_string())?;
    same("path", &format!("{prefix}{path}").into(), &decoded.into())?;
    let mut query = Vec::new();
    for (name, value) in arguments.at(Place::Query) {
        match value {
            Value::Array(items) => query.extend(items.iter().map(|item| (name.to_owned(), text(item)))),
            value => query.push((name.to_owned(), text(value))),
        }
    }
    same("query", &pairs(query.clone()), &pairs(request.query.clone()))?;
    body(bench, row, arguments, request)?;
    credentials(bench, row, arguments, request)
}

fn body(bench: &Bench, row: &Row, arguments: &Arguments, request: &Request) -> Result<(), String> {
    let fields: Map<_, _> = arguments.at(Place::Body).map(|(name, value)| (name.to_owned(), value.clone())).collect();
    if row.service == Service::KiwiVm {
        let vps = &bench.sim.urls().vps[0];
        let mut form: Vec<_> = fields.iter().map(|(name, value)| (name.clone(), text(value))).collect();
        form.extend([("veid".to_owned(), vps.veid.to_string()), ("api_key".to_owned(), vps.api_key.clone())]);
        same("content type", &"application/x-www-form-urlencoded".into(), &content_type(request))?;
        let sent = reqwest::Url::parse(&format!("http://form/?{}", request.body)).map_err(|error| error.to_string())?;
        return same("form", &pairs(form), &pairs(sent.query_pairs().into_owned().collect()));
    }
    let whole = arguments.at(Place::Whole).next().map(|(_, value)| value.clone());
    match whole {
        Some(Value::String(text)) => {
            same("content type", &"text/plain; charset=utf-8".into(), &content_type(request))?;
            same("body", &text.into(), &request.body.as_str().into())
        }
        None if !row.params.iter().any(|param| param.place == Place::Body) => {
            same("body", &"".into(), &request.body.as_str().into())
        }
        whole => {
            same("content type", &"application/json".into(), &content_type(request))?;
            let sent = serde_json::from_str(&request.body).map_err(|error| format!("{error}: {}", request.body))?;
            let known = bench.sim.urls().downloaders.iter().map(|downloader| downloader.password.as_str());
            let secrets: Vec<_> = known.chain([""]).collect();
            let mut due = whole.unwrap_or(Value::Object(fields));
            reveal(&mut due, &sent, &secrets);
            same("body", &due, &sent)
        }
    }
}

/// Puts what was sent where a secret is masked, if it is one that the world knows. What is nothing need not be sent.
fn reveal(due: &mut Value, sent: &Value, secrets: &[&str]) {
    match due {
        Value::String(text) if text == MASK => {
            if let Some(secret) = sent.as_str().filter(|secret| secrets.contains(secret)) {
                secret.clone_into(text);
            }
        }
        Value::Object(map) => {
            map.retain(|key, value| !value.is_null() || sent.get(key).is_some());
            map.iter_mut().for_each(|(key, value)| reveal(value, &sent[key.as_str()], secrets));
        }
        Value::Array(items) => items.iter_mut().enumerate().for_each(|(n, value)| reveal(value, &sent[n], secrets)),
        _ => {}
    }
}

/// KiwiVM's are in the form, PBH's token is in a header, and neither is ever in an address.
fn credentials(bench: &Bench, row: &Row, arguments: &Arguments, request: &Request) -> Result<(), String> {
    let url = format!("{}?{:?}", request.path, request.query);
    let header = |name: &str| request.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    if !header("user-agent").is_some_and(|agent| agent.starts_with("tidegate/")) {
        return Err(format!("the User-Agent is {:?}", header("user-agent")));
    }
    let authorization = header("authorization");
    match row.service {
        Service::KiwiVm => {
            let key = bench.sim.urls().vps[0].api_key.as_str();
            if url.contains(key) || request.headers.iter().any(|(_, value)| value.contains(key)) {
                return Err("the key is outside of the form".into());
            }
        }
        Service::Pbh => {
            let bearer = format!("Bearer {TOKEN}");
            let due = (!row.extra.open).then_some(bearer.as_str());
            if authorization != due {
                return Err(format!("`Authorization` is {authorization:?}"));
            }
            let given = arguments.0.iter().any(|(_, value)| value == TOKEN);
            if !given && (url.contains(TOKEN) || request.body.contains(TOKEN)) {
                return Err("the token is outside of its header".into());
            }
        }
    }
    Ok(())
}

fn content_type(request: &Request) -> Value {
    let header = request.headers.iter().find(|(name, _)| name == "content-type");
    header.map_or(Value::Null, |(_, value)| value.as_str().into())
}

/// In an order that does not matter.
fn pairs(mut pairs: Vec<(String, String)>) -> Value {
    pairs.sort();
    pairs.into_iter().map(|(name, value)| Value::from(vec![name, value])).collect()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn same(what: &str, due: &Value, sent: &Value) -> Result<(), String> {
    if due == sent { Ok(()) } else { Err(format!("the {what} is {sent} and should be {due}")) }
}
