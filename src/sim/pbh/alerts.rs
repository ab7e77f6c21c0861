//! Alerts and push channels.

use serde_json::{Value, json};

use super::page::Kept;
use super::settings::{Alert, Channel};
use super::{Call, Handler, Outcome, envelope, succeeded};
use crate::sim::net::Answer;

pub(super) const HANDLERS: &[(&str, Handler)] = &[
    ("alerts_list", list),
    ("alert_dismiss", dismiss),
    ("alerts_dismiss_all", dismiss_all),
    ("alert_delete", delete),
    ("push_list", channels),
    ("push_create", create),
    ("push_update", update),
    ("push_test", test),
    ("push_delete", remove),
];

fn json_of(alert: &Alert) -> Value {
    json!({
        "id": alert.id, "createAt": alert.created.millis(), "readAt": alert.read.map(crate::time::Time::millis),
        "level": alert.level, "identifier": alert.identifier, "title": alert.title, "content": alert.content,
    })
}

/// 9.5.0: the unread ones. Before 9.3 a page of all, the unread ones only where asked for.
fn list(call: &mut Call<'_>) -> Outcome {
    let alerts = &call.state.hub.settings.alerts;
    let unread = || alerts.iter().rev().filter(|alert| alert.read.is_none()).map(json_of).collect::<Vec<_>>();
    if !call.old() || call.ask.query("unread") == Some("true") {
        return Ok(call.ok(json!(unread())));
    }
    let all: Vec<Value> = alerts.iter().map(json_of).collect();
    Ok(call.ok(call.page(Kept::Database, all.into_iter())?))
}

fn id(call: &Call<'_>) -> Result<i64, Answer> {
    let text = call.part("id");
    text.parse().map_err(|_| call.bad(&format!("For input string: \"{text}\"")))
}

fn dismiss(call: &mut Call<'_>) -> Outcome {
    let (id, now, old) = (id(call)?, call.state.now, call.old());
    let found = call.state.hub.settings.alerts.iter_mut().find(|alert| alert.id == id);
    match found {
        Some(alert) => {
            alert.read.get_or_insert(now);
        }
        None if old => return Err(call.broken()),
        None => {}
    }
    Ok(call.said("OK"))
}

fn dismiss_all(call: &mut Call<'_>) -> Outcome {
    let now = call.state.now;
    for alert in &mut call.state.hub.settings.alerts {
        alert.read.get_or_insert(now);
    }
    Ok(call.said("OK!"))
}

fn delete(call: &mut Call<'_>) -> Outcome {
    let id = id(call)?;
    call.state.hub.settings.alerts.retain(|alert| alert.id != id);
    Ok(call.said("OK"))
}

fn channels(call: &mut Call<'_>) -> Outcome {
    let all = call.state.hub.settings.channels.iter();
    let list: Vec<Value> =
        all.map(|channel| json!({"name": channel.name, "type": channel.kind, "config": channel.config})).collect();
    Ok(call.ok(json!(list)))
}

/// The channel of a body.
fn channel(call: &Call<'_>) -> Result<Channel, Answer> {
    let Value::Object(body) = call.json()? else { return Err(call.broken()) };
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let name = text("name").ok_or_else(|| call.broken())?;
    if name.contains('.') {
        return Err(call.bad("The name must not contain a dot"));
    }
    let kind = text("type").ok_or_else(|| call.broken())?.to_lowercase();
    let mut kinds = vec!["pushplus", "serverchan", "smtp", "telegram", "bark", "pushdeer", "gotify"];
    if !call.old() {
        kinds.extend(["ntfy", "webhook"]);
    }
    if !kinds.contains(&kind.as_str()) {
        return Err(call.refuse(400, "There is no push channel of this type"));
    }
    match body.get("config") {
        Some(config @ Value::Object(_)) => Ok(Channel { name, kind, config: config.clone() }),
        _ => Err(call.broken()),
    }
}

const SAVED: &str = "The push channel was saved";

/// A name that is there already is listed twice.
fn create(call: &mut Call<'_>) -> Outcome {
    let channel = channel(call)?;
    call.state.hub.settings.channels.push(channel);
    Ok(envelope(call.old(), 201, json!(SAVED), Value::Null))
}

/// An unknown name makes a new one.
fn update(call: &mut Call<'_>) -> Outcome {
    let (old_name, channel) = (call.part("pushName").to_owned(), channel(call)?);
    let channels = &mut call.state.hub.settings.channels;
    channels.retain(|known| known.name != old_name);
    channels.push(channel);
    Ok(call.said(SAVED))
}

/// Sends nothing: a channel with an address or an account counts as good.
fn test(call: &mut Call<'_>) -> Outcome {
    let Channel { config, .. } = channel(call)?;
    let given = config.as_object().is_some_and(|config| {
        config.iter().any(|(key, value)| key != "priority" && value.as_str().is_some_and(|text| !text.is_empty()))
    });
    if !given {
        return Ok(succeeded(call.old(), 200, false, json!("The message could not be sent"), Value::Null));
    }
    Ok(call.said("The message was sent"))
}

fn remove(call: &mut Call<'_>) -> Outcome {
    let name = call.part("pushName").to_owned();
    let before = call.state.hub.settings.channels.len();
    call.state.hub.settings.channels.retain(|channel| channel.name != name);
    if before == call.state.hub.settings.channels.len() {
        return Err(call.refuse(404, "There is no push channel of this name"));
    }
    Ok(call.said("The push channel was removed"))
}
