//! Keys, abuse cases and notifications.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::info::php_map;
use super::{Call, MAIL, Outcome, UNKNOWN, refuse};
use crate::sim::scenario::CasePlan;
use crate::sim::vps::{Case, Vps};

const ACCOUNT_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExample0 owner@example\n";

/// Category, id, description, and whether it is on at first.
const NOTIFICATIONS: [(&str, &str, &str, i64); 4] = [
    ("Bandwidth Alerts", "bandwidth-usage-alert-80", "80% of monthly transfer used", 1),
    ("Bandwidth Alerts", "bandwidth-usage-alert-100", "Monthly transfer used up", 1),
    ("Security Notifications", "security-successful-login", "Successful login to the panel", 0),
    ("Security Notifications", "security-failed-login", "Failed login to the panel", 1),
];

pub(super) fn preferred(vps: &Vps) -> String {
    if vps.ssh_keys.is_empty() { ACCOUNT_KEY.into() } else { vps.ssh_keys.clone() }
}

/// Each key with its middle left out.
pub(super) fn brief(keys: &str) -> String {
    let mut text = String::new();
    for line in keys.lines() {
        let mut words = line.split(' ');
        let (kind, key) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let rest = words.collect::<Vec<_>>().join(" ");
        let head: String = key.chars().take(12).collect();
        let tail: String = key.chars().skip(key.chars().count().saturating_sub(4)).collect();
        let _ = writeln!(text, "{kind} {head}...{tail} {rest}");
    }
    text
}

pub(super) fn get_ssh_keys(call: &mut Call<'_>) -> Outcome {
    let (own, preferred) = (&call.vps.ssh_keys, preferred(call.vps));
    Ok(json!({
        "ssh_keys_veid": own, "ssh_keys_user": ACCOUNT_KEY, "ssh_keys_preferred": preferred,
        "shortened_ssh_keys_veid": brief(own), "shortened_ssh_keys_user": brief(ACCOUNT_KEY),
        "shortened_ssh_keys_preferred": brief(&preferred),
    }))
}

pub(super) fn update_ssh_keys(call: &mut Call<'_>) -> Outcome {
    let keys = call.text("ssh_keys").to_owned();
    call.vps.ssh_keys = keys;
    Ok(Value::Null)
}

fn points(call: &Call<'_>) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("total_abuse_points".into(), json!(call.vps.abuse_points));
    map.insert("max_abuse_points".into(), json!(1400));
    map
}

fn open<'a>(call: &'a Call<'_>, kind: CasePlan) -> impl Iterator<Item = &'a Case> {
    call.vps.cases.iter().filter(move |case| case.kind == kind)
}

/// Without a case the keys are left out; a used up allowance is none.
pub(super) fn get_suspension_details(call: &mut Call<'_>) -> Outcome {
    let mut body = points(call);
    let count = if call.vps.suspensions == 0 { Value::Null } else { json!(call.vps.suspensions) };
    body.insert("suspension_count".into(), count);
    let cases: Vec<Value> = open(call, CasePlan::Suspension)
        .map(|case| {
            json!({
                "record_id": case.id, "flag": "copyright", "is_soft": 1, "evidence_record_id": case.evidence,
                "abuse_points": 100,
            })
        })
        .collect();
    if !cases.is_empty() {
        let evidence = open(call, CasePlan::Suspension)
            .map(|case| {
                let text = call.vps.evidence.as_deref().unwrap_or("Complaint text as received by the provider.");
                (case.evidence.to_string(), json!(text))
            })
            .collect();
        body.insert("evidence".into(), php_map(evidence));
        body.insert("suspensions".into(), json!(cases));
    }
    Ok(Value::Object(body))
}

pub(super) fn get_policy_violations(call: &mut Call<'_>) -> Outcome {
    let mut body = points(call);
    let cases: Vec<Value> = open(call, CasePlan::Violation)
        .map(|case| {
            json!({
                "record_id": case.id, "timestamp": case.opened.seconds(), "suspend_at": case.suspends.seconds(),
                "flag": "copyright", "is_soft": 1, "abuse_points": 100,
                "evidence_data": call.vps.evidence.as_deref().unwrap_or("Details as received by the provider."),
            })
        })
        .collect();
    if !cases.is_empty() {
        body.insert("policy_violations".into(), json!(cases));
    }
    Ok(Value::Object(body))
}

fn close(call: &mut Call<'_>, kind: CasePlan) -> Outcome {
    let id = call.text("record_id").parse::<u64>().ok();
    let found = call.vps.cases.iter().position(|case| case.kind == kind && Some(case.id) == id);
    let position = found.ok_or_else(|| refuse(UNKNOWN, "Record not found"))?;
    call.vps.cases.remove(position);
    Ok(Value::Null)
}

pub(super) fn unsuspend(call: &mut Call<'_>) -> Outcome {
    close(call, CasePlan::Suspension)
}

pub(super) fn resolve_policy_violation(call: &mut Call<'_>) -> Outcome {
    close(call, CasePlan::Violation)
}

fn enabled(vps: &Vps, id: &str, at_first: i64) -> i64 {
    vps.preferences.get(id).and_then(Value::as_i64).unwrap_or(at_first)
}

pub(super) fn get_notification_preferences(call: &mut Call<'_>) -> Outcome {
    let mut all: Map<String, Value> = Map::new();
    for (category, id, text, at_first) in NOTIFICATIONS {
        let group = all.entry(category).or_insert_with(|| json!({}));
        group[id] = json!({
            "friendly_description": text, "is_enabled": enabled(call.vps, id, at_first),
            "changed_timestamp": call.vps.created.seconds(), "s_value": "",
        });
    }
    Ok(json!({"email_preferences": php_map(all), "notificationEmail": MAIL}))
}

/// Unknown ids are taken without a word; the reply tells what took effect.
pub(super) fn set_notification_preferences(call: &mut Call<'_>) -> Outcome {
    let text = call.text("json_notification_preferences");
    let Ok(Value::Object(submitted)) = serde_json::from_str(text) else {
        return Err(refuse(UNKNOWN, "Invalid JSON"));
    };
    let (mut updated, mut texts) = (Map::new(), Map::new());
    for (_, id, text, at_first) in NOTIFICATIONS {
        let Some(value) = submitted.get(id) else { continue };
        let on = i64::from(value == &json!(1) || value == &json!("1") || value == &json!(true));
        if on != enabled(call.vps, id, at_first) {
            updated.insert(id.into(), json!(on));
            texts.insert(id.into(), json!(text));
        }
        call.vps.preferences.insert(id.into(), json!(on));
    }
    Ok(json!({
        "submitted_email_preferences": php_map(submitted), "updated_email_preferences": php_map(updated),
        "friendly_descriptions": php_map(texts),
    }))
}
