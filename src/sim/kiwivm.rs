//! The simulated KiwiVM: credentials, budget and lock at the door, a function by row id behind it.
//!
//! Replies carry the wire's quirks: text/plain, HTTP 200 for refusals, digits in strings, `[]` for an
//! empty map, `""` for a flag that is off, keys left out, slashes escaped.

#![expect(clippy::unnecessary_wraps, reason = "all functions of the table have one signature")]

use serde_json::{Map, Value, json};

use super::fault::Trouble;
use super::net::{Answer, Ask};
use super::reply;
use super::state::State;
use super::vps::Vps;
use crate::api::{self, Place, Row};
use crate::permission::Effect;
use crate::time::Time;

mod account;
mod image;
mod info;
mod machine;
mod network;

const MAIL: &str = "owner@example.com";

/// A call that was let in.
struct Call<'a> {
    vps: &'a mut Vps,
    now: Time,
    params: &'a [(String, String)],
    /// What comes in and goes out now, in bytes per second.
    rates: (u64, u64),
    started: Time,
}

impl Call<'_> {
    fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A required parameter: the door has seen that it is there.
    fn text(&self, name: &str) -> &str {
        self.param(name).unwrap_or("")
    }
}

/// A refusal in the service's words. The numbers are those that clients have seen where there are any.
struct Refused {
    code: i64,
    message: String,
    more: Map<String, Value>,
}

type Outcome = Result<Value, Refused>;
type Handler = fn(&mut Call<'_>) -> Outcome;

fn refuse(code: i64, message: impl Into<String>) -> Refused {
    Refused { code, message: message.into(), more: Map::new() }
}

const MISSING: i64 = 700_001;
const NOT_RUNNING: i64 = 700_000;
const RUNS: i64 = 700_003;
const AUTHENTICATION: i64 = 700_005;
const LOCKED: i64 = 788_888;
/// For what no client has published a number: something unknown, something not possible now.
const UNKNOWN: i64 = 700_002;
const IMPOSSIBLE: i64 = 700_004;

/// What has a memory or needs more than its shape.
const HANDLERS: &[(&str, Handler)] = &[
    ("start", machine::start),
    ("stop", machine::stop),
    ("restart", machine::restart),
    ("kill", machine::kill),
    ("reinstall_os", machine::reinstall_os),
    ("reset_root_password", machine::reset_root_password),
    ("iso_mount", machine::iso_mount),
    ("iso_unmount", machine::iso_unmount),
    ("basic_shell_cd", machine::basic_shell_cd),
    ("basic_shell_exec", machine::basic_shell_exec),
    ("shell_script_exec", machine::shell_script_exec),
    ("clone_from_external_server", machine::clone_from_external_server),
    ("get_service_info", info::get_service_info),
    ("get_live_service_info", info::get_live_service_info),
    ("get_available_os", info::get_available_os),
    ("get_rate_limit_status", info::get_rate_limit_status),
    ("get_usage_graphs", info::get_usage_graphs),
    ("get_raw_usage_stats", info::get_raw_usage_stats),
    ("get_audit_log", info::get_audit_log),
    ("set_hostname", network::set_hostname),
    ("set_ptr", network::set_ptr),
    ("ipv6_add", network::ipv6_add),
    ("ipv6_delete", network::ipv6_delete),
    ("private_ip_get_available_ips", network::private_ip_get_available_ips),
    ("private_ip_assign", network::private_ip_assign),
    ("private_ip_delete", network::private_ip_delete),
    ("migrate_get_locations", network::migrate_get_locations),
    ("migrate_start", network::migrate_start),
    ("snapshot_create", image::snapshot_create),
    ("snapshot_list", image::snapshot_list),
    ("snapshot_delete", image::snapshot_delete),
    ("snapshot_restore", image::snapshot_restore),
    ("snapshot_toggle_sticky", image::snapshot_toggle_sticky),
    ("snapshot_export", image::snapshot_export),
    ("snapshot_import", image::snapshot_import),
    ("backup_list", image::backup_list),
    ("backup_copy_to_snapshot", image::backup_copy_to_snapshot),
    ("get_ssh_keys", account::get_ssh_keys),
    ("update_ssh_keys", account::update_ssh_keys),
    ("get_suspension_details", account::get_suspension_details),
    ("get_policy_violations", account::get_policy_violations),
    ("unsuspend", account::unsuspend),
    ("resolve_policy_violation", account::resolve_policy_violation),
    ("kiwivm_get_notification_preferences", account::get_notification_preferences),
    ("kiwivm_set_notification_preferences", account::set_notification_preferences),
];

/// What the panel answers from its own records, also while a job runs.
const WHILE_LOCKED: &[&str] = &[
    "get_service_info",
    "get_rate_limit_status",
    "get_usage_graphs",
    "get_raw_usage_stats",
    "get_audit_log",
    "get_suspension_details",
    "get_policy_violations",
    "get_ssh_keys",
    "snapshot_list",
    "backup_list",
    "kiwivm_get_notification_preferences",
    "kiwivm_set_notification_preferences",
];

/// The row of a path, with the API's `/v1` before it or without.
pub(super) fn row(path: &str) -> Option<&'static Row> {
    let path = path.trim_start_matches("/v1");
    api::Service::KiwiVm.rows().iter().find(|row| row.path == path)
}

/// The parameters of a call, from the query and from the form.
pub(super) fn params(ask: &Ask) -> Vec<(String, String)> {
    let mut params = ask.query.clone();
    if ask.method == "POST" {
        params.extend(ask.form());
    }
    params
}

pub(super) fn answer(state: &mut State, ask: &Ask, troubles: &[Trouble]) -> Answer {
    let (status, value) = match admit(state, ask, troubles) {
        Ok(value) => (200, value),
        Err(None) => return Answer::text(429, "Too Many Requests").with("retry-after", "300"),
        Err(Some(refused)) => {
            let mut body = Map::new();
            body.insert("error".into(), refused.code.into());
            body.insert("message".into(), refused.message.into());
            body.extend(refused.more);
            (200, Value::Object(body))
        }
    };
    // PHP escapes slashes; outside of strings JSON has none.
    Answer::new(status, "text/plain; charset=UTF-8", value.to_string().replace('/', "\\/"))
}

/// `Err(None)` is a dropped request: the budget is spent.
fn admit(state: &mut State, ask: &Ask, troubles: &[Trouble]) -> Result<Value, Option<Refused>> {
    let params = params(ask);
    let given =
        |name: &str| params.iter().find(|(key, _)| key == name).map(|(_, v)| v.as_str()).filter(|v| !v.is_empty());
    let Some(row) = row(&ask.path).filter(|_| matches!(ask.method.as_str(), "GET" | "POST")) else {
        return Err(Some(refuse(UNKNOWN, "Unknown API call")));
    };
    let veid = given("veid").ok_or_else(|| refuse(MISSING, "veid parameter is required"))?;
    let key = given("api_key").ok_or_else(|| refuse(MISSING, "api_key parameter is required"))?;
    let position = state.vps.iter().position(|vps| veid.parse() == Ok(vps.veid) && vps.api_key == key);
    let Some(position) = position.filter(|_| !troubles.contains(&Trouble::Expired)) else {
        return Err(Some(refuse(AUTHENTICATION, "Authentication failure")));
    };
    let rates = state.rates(&state.vps[position]);
    let (now, started) = (state.now, state.started);
    let vps = &mut state.vps[position];
    vps.spend(now).ok_or(None)?;
    for param in row.required().filter(|param| param.place == Place::Body) {
        // An empty text clears: keys, a reverse name. Everything else needs a value.
        let may_be_empty = matches!(param.name, "ptr" | "ssh_keys");
        if given(param.name).is_none() && !(may_be_empty && params.iter().any(|(name, _)| name == param.name)) {
            return Err(Some(refuse(MISSING, format!("{} parameter is required", param.name))));
        }
    }
    if let Some(refused) = locked(vps, row, now, troubles) {
        return Err(Some(refused));
    }
    let mut call = Call { vps, now, params: &params, rates, started };
    let handler = HANDLERS.iter().find(|(id, _)| *id == row.id).map(|(_, handler)| *handler);
    let value = match handler {
        Some(handler) => handler(&mut call).map_err(Some)?,
        None => reply::sample(&row.returns, (0, 0, 0)),
    };
    if row.effect != Effect::Read {
        let kind = if row.id.starts_with("snapshot") { 5 } else { 2 };
        call.vps.audit.push((now, kind, format!("API: {}", row.path.trim_start_matches('/'))));
    }
    let mut body = match value {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    body.entry("error").or_insert(json!(0));
    Ok(Value::Object(body))
}

/// 788888 with the progress of the job, where one runs and the call needs the VPS.
fn locked(vps: &Vps, row: &Row, now: Time, troubles: &[Trouble]) -> Option<Refused> {
    let free = WHILE_LOCKED.contains(&row.id);
    let (what, percent, since) = match &vps.job {
        _ if troubles.contains(&Trouble::Locked) => ("Maintenance".to_owned(), 50, 11),
        Some(job) if !free => {
            let whole = (job.ends - job.started).millis().max(1);
            let done = (now - job.started).millis();
            (job.what.clone(), (done * 100 / whole).clamp(0, 99), done / 1000 % 15)
        }
        _ => return None,
    };
    let mut refused = refuse(LOCKED, "VE is currently locked, try again in a few minutes");
    refused.more.insert("additionalErrorInfo".into(), json!(what));
    refused.more.insert(
        "additionalLockingInfo".into(),
        json!({
            "last_status_update_s_ago": since, "completed_percent": percent,
            "friendly_progress_message": if percent < 80 { "Copying data" } else { "Starting VM" },
        }),
    );
    Some(refused)
}
