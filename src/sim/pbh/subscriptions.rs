//! Rule subscriptions. The simulated server fetches nothing: it takes an address that looks like one.

use serde_json::{Map, Value, json};

use super::page::Kept;
use super::settings::Subscription;
use super::{Call, Handler, Outcome, envelope, succeeded};
use crate::sim::net::Answer;

pub(super) const HANDLERS: &[(&str, Handler)] = &[
    ("sub_interval_get", interval),
    ("sub_interval_set", set_interval),
    ("sub_rule_create", create),
    ("sub_rule_get", get),
    ("sub_rule_refresh", refresh),
    ("sub_rule_save", save),
    ("sub_rule_delete", delete),
    ("sub_rule_toggle", toggle),
    ("sub_rules_list", list),
    ("sub_rules_refresh_all", refresh_all),
    ("sub_logs_all", |call| logs(call, None)),
    ("sub_logs_rule", |call| {
        let rule = call.part("ruleId").to_owned();
        logs(call, Some(&rule))
    }),
];

/// Entries of a list that was fetched.
const ENTRIES: u64 = 3;

fn told(call: &Call<'_>, message: &str, data: Value) -> Answer {
    envelope(call.old(), 200, json!(message), data)
}

fn interval(call: &mut Call<'_>) -> Outcome {
    Ok(told(call, "The interval of updates", json!(call.state.hub.settings.interval)))
}

/// Stores also what it refuses.
fn set_interval(call: &mut Call<'_>) -> Outcome {
    let refused = call.refuse(400, "The interval must be a number of milliseconds above zero");
    let body = call.ask.json();
    let Some(millis) = body.as_ref().and_then(|body| body["checkInterval"].as_i64()) else { return Err(refused) };
    call.state.hub.settings.interval = millis;
    if millis <= 0 { Err(refused) } else { Ok(call.said("The interval of updates was changed")) }
}

fn json_of(rule: &Subscription) -> Value {
    json!({
        "ruleId": rule.id, "enabled": rule.enabled, "ruleName": rule.name, "subUrl": rule.url,
        "lastUpdate": rule.updated.map_or(0, crate::time::Time::millis), "entCount": rule.entries,
    })
}

/// The body as an object. In 9.5.0 what is none is the web framework's own error.
fn body(call: &Call<'_>) -> Result<Map<String, Value>, Answer> {
    match call.ask.json() {
        Some(Value::Object(body)) => Ok(body),
        _ if call.old() => Err(call.broken()),
        _ => Err(Answer::json(
            500,
            &json!({
                "title": "Server Error", "status": 500,
                "type": "https://javalin.io/documentation#internalservererrorresponse", "details": {},
            }),
        )),
    }
}

fn field<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Whether a list could be fetched from there: not from port 1, and only by HTTP.
fn reachable(url: &str) -> bool {
    let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    host.is_some_and(|rest| !rest.is_empty() && !rest.split('/').next().unwrap_or("").ends_with(":1"))
}

/// The server's own list is on the internet, which the simulated world has none of.
fn local(url: &str) -> bool {
    let host = url.split("://").nth(1).unwrap_or("").split(['/', ':']).next().unwrap_or("");
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok()
}

fn create(call: &mut Call<'_>) -> Outcome {
    let body = body(call)?;
    let Some(id) = field(&body, "ruleId") else { return Err(call.refuse(400, "The rule has no id")) };
    if id.contains('.') {
        return Err(call.bad("The id must not contain a dot"));
    }
    if call.state.hub.settings.subscriptions.iter().any(|rule| rule.id == id) {
        return Err(call.refuse(400, "There is a rule of this id already"));
    }
    let (Some(name), Some(url)) = (field(&body, "ruleName"), field(&body, "subUrl")) else {
        return Err(call.refuse(400, "The rule needs a name and an address"));
    };
    if name.contains('.') {
        return Err(call.bad("The name must not contain a dot"));
    }
    if !reachable(url) {
        return Err(call.refuse(400, "The list cannot be fetched from this address"));
    }
    let enabled = true;
    let rule = Subscription { id: id.into(), name: name.into(), url: url.into(), enabled, updated: None, entries: 0 };
    call.state.hub.settings.subscriptions.push(rule);
    fetch(call, id);
    Ok(call.said("The rule was saved"))
}

/// Notes an update of a rule.
fn fetch(call: &mut Call<'_>, id: &str) {
    let now = call.state.now;
    let settings = &mut call.state.hub.settings;
    if let Some(rule) = settings.subscriptions.iter_mut().find(|rule| rule.id == id) {
        rule.updated = Some(now);
        rule.entries = ENTRIES;
        settings.updates.push((id.to_owned(), now, ENTRIES));
        settings.tasks.done(&format!("Updating the rule {id}"));
    }
}

fn position(call: &Call<'_>) -> Option<usize> {
    let id = call.part("ruleId");
    call.state.hub.settings.subscriptions.iter().position(|rule| rule.id == id)
}

fn get(call: &mut Call<'_>) -> Outcome {
    let rule = position(call).map(|at| json_of(&call.state.hub.settings.subscriptions[at]));
    Ok(told(call, "The rule that was asked for", rule.unwrap_or(Value::Null)))
}

const UNKNOWN: &str = "There is no rule of this id";
const DISABLED: &str = "The rule is not enabled";

fn failed(call: &Call<'_>, message: &str) -> Answer {
    succeeded(call.old(), 200, false, json!(message), Value::Null)
}

fn refresh(call: &mut Call<'_>) -> Outcome {
    let Some(at) = position(call) else { return Ok(failed(call, UNKNOWN)) };
    let rule = &call.state.hub.settings.subscriptions[at];
    if !rule.enabled {
        return Ok(failed(call, DISABLED));
    }
    if !local(&rule.url) {
        return Err(call.broken());
    }
    let id = rule.id.clone();
    fetch(call, &id);
    Ok(call.said("The rule was updated"))
}

/// Stops at the first that does not succeed.
fn refresh_all(call: &mut Call<'_>) -> Outcome {
    let rules = &call.state.hub.settings.subscriptions;
    let ids: Vec<_> = rules.iter().map(|rule| (rule.id.clone(), rule.enabled, local(&rule.url))).collect();
    for (id, enabled, local) in ids {
        if !enabled {
            return Ok(failed(call, DISABLED));
        }
        if !local {
            return Err(call.broken());
        }
        fetch(call, &id);
    }
    Ok(call.said("All rules were updated"))
}

/// Saves a disabled rule too, and says no to it.
fn save(call: &mut Call<'_>) -> Outcome {
    let body = body(call)?;
    let Some(at) = position(call) else { return Err(call.refuse(400, UNKNOWN)) };
    let rule = &mut call.state.hub.settings.subscriptions[at];
    if let Some(url) = field(&body, "subUrl") {
        if !reachable(url) {
            return Err(call.refuse(400, "The list cannot be fetched from this address"));
        }
        url.clone_into(&mut rule.url);
    }
    if let Some(name) = field(&body, "ruleName") {
        name.clone_into(&mut rule.name);
    }
    let (id, enabled) = (rule.id.clone(), rule.enabled);
    if !enabled {
        return Err(call.refuse(400, DISABLED));
    }
    fetch(call, &id);
    Ok(call.said("The rule was saved"))
}

fn delete(call: &mut Call<'_>) -> Outcome {
    let Some(at) = position(call) else { return Err(call.refuse(400, UNKNOWN)) };
    call.state.hub.settings.subscriptions.remove(at);
    Ok(call.said("The rule was removed"))
}

/// Reads any text as false.
fn toggle(call: &mut Call<'_>) -> Outcome {
    let enabled = call.ask.json().and_then(|body| match &body["enabled"] {
        Value::Bool(enabled) => Some(*enabled),
        Value::String(text) => Some(text.eq_ignore_ascii_case("true")),
        _ => None,
    });
    let Some(enabled) = enabled else { return Err(call.refuse(400, "The argument enabled is missing")) };
    let Some(at) = position(call) else { return Err(call.refuse(400, UNKNOWN)) };
    let rule = &mut call.state.hub.settings.subscriptions[at];
    if rule.enabled == enabled {
        return Ok(failed(call, "The rule is in this state already"));
    }
    rule.enabled = enabled;
    Ok(call.said(if enabled { "The rule was enabled" } else { "The rule was disabled" }))
}

fn list(call: &mut Call<'_>) -> Outcome {
    let rules: Vec<Value> = call.state.hub.settings.subscriptions.iter().map(json_of).collect();
    Ok(told(call, "The rules that there are", json!(rules)))
}

fn logs(call: &mut Call<'_>, rule: Option<&str>) -> Outcome {
    let updates = call.state.hub.settings.updates.iter().enumerate();
    let rows: Vec<Value> = updates
        .rev()
        .filter(|(_, (id, ..))| rule.is_none_or(|rule| rule == id))
        .map(|(n, (id, at, count))| {
            json!({"id": n + 1, "ruleId": id, "updateTime": at.millis(), "count": count, "updateType": "MANUAL"})
        })
        .collect();
    match call.page(Kept::Database, rows.into_iter()) {
        Ok(page) => Ok(told(call, "The updates of rules", page)),
        Err(_) => Err(call.refuse(400, "The page and its size must be numbers")),
    }
}
