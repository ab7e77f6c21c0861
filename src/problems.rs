//! What is wrong with a PBH, from everything that it says of itself.

use futures::future::{join_all, try_join, try_join4};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::api::shapes;
use crate::client::Client;
use crate::error::{Error, Kind, Result};
use crate::recorder::{self, Talk};
use crate::time::{Duration, Time};
use crate::units::format_duration;

shapes! {
    /// Something that is wrong with a PBH.
    PbhProblem {
        /// `error` or `warn`.
        level: Text,
        /// `paused`, `downloader`, `subscription` or `alert`.
        kind: Text,
        /// The downloader, the subscription, or the alert's identifier; `""` where it is the whole PBH.
        name: Text,
        /// What PBH itself says is in its own language.
        message: Text,
        /// Since when, where PBH tells.
        since: Millis | null,
    }
}

/// The shape of the same name says what each field means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PbhProblem {
    pub level: &'static str,
    pub kind: &'static str,
    pub name: String,
    pub message: String,
    pub since: Option<Time>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Global {
    global_paused: bool,
}

#[derive(Deserialize)]
struct Listed {
    id: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    last_status: String,
    last_status_message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    rule_id: String,
    enabled: bool,
    last_update: Time,
    ent_count: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    create_at: Time,
    read_at: Option<Time>,
    level: String,
    identifier: String,
    title: String,
    content: String,
}

/// A list is stale after so many intervals in which it should have been fetched.
const MISSED: i64 = 3;
/// Sooner it is not, however often it should be fetched.
const STALE: Duration = Duration::from_seconds(86_400);

/// Everything that is wrong, errors first: five requests, and one for each downloader.
///
/// # Errors
/// Where it cannot be told: PBH does not answer, or not as it should. What this release lacks is left out.
pub async fn problems(pbh: &Client, talk: &Talk) -> Result<Vec<PbhProblem>> {
    let unread = Map::from_iter([("unread".to_owned(), Value::Bool(true))]);
    let (paused, downloaders, alerts, stale) = try_join4(
        ask::<Global>(pbh, "general_global_get", Vec::new(), Map::new(), talk),
        downloaders(pbh, talk),
        ask::<Vec<Alert>>(pbh, "alerts_list", Vec::new(), unread, talk),
        subscriptions(pbh, talk),
    )
    .await?;
    let mut found = Vec::new();
    found.extend(paused.filter(|global| global.global_paused).map(|_| PbhProblem {
        level: "error",
        kind: "paused",
        name: String::new(),
        message: "all ban waves are paused: nobody is banned".into(),
        since: None,
    }));
    found.extend(downloaders.into_iter().filter_map(|(name, status)| of_downloader(name, status)));
    found.extend(stale);
    found.extend(alerts.unwrap_or_default().into_iter().filter_map(of_alert));
    // Stable, so that each kind stays together.
    found.sort_by_key(|problem| problem.level != "error");
    Ok(found)
}

/// A row's answer; nothing where this release or its configuration lacks it.
async fn ask<T: for<'de> Deserialize<'de>>(
    pbh: &Client,
    id: &str,
    path: Vec<Value>,
    options: Map<String, Value>,
    talk: &Talk,
) -> Result<Option<T>> {
    match recorder::call(pbh, id, path, options, talk).await {
        Ok(value) => serde_json::from_value(value).map(Some).map_err(|error| {
            Error::new(Kind::Protocol, format!("the answer is not what it should be: {error}")).from_call("pbh", id)
        }),
        Err(error) if error.kind == Kind::Unsupported => Ok(None),
        Err(error) => Err(error),
    }
}

async fn downloaders(pbh: &Client, talk: &Talk) -> Result<Vec<(String, Status)>> {
    let listed: Option<Vec<Listed>> = ask(pbh, "downloaders_list", Vec::new(), Map::new(), talk).await?;
    let looks = listed.unwrap_or_default().into_iter().map(|listed| async move {
        // Before 8.0 the name is the id.
        let id = listed.id.or_else(|| listed.name.clone()).unwrap_or_default();
        let status = ask(pbh, "downloader_status", vec![id.clone().into()], Map::new(), talk).await;
        match status {
            Ok(Some(status)) => Ok(Some((listed.name.unwrap_or(id), status))),
            Ok(None) => Ok(None),
            // It was removed between the two requests.
            Err(error) if error.status == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    });
    join_all(looks).await.into_iter().filter_map(Result::transpose).collect()
}

async fn subscriptions(pbh: &Client, talk: &Talk) -> Result<Vec<PbhProblem>> {
    let rules = ask::<Vec<Subscription>>(pbh, "sub_rules_list", Vec::new(), Map::new(), talk);
    let interval = ask::<f64>(pbh, "sub_interval_get", Vec::new(), Map::new(), talk);
    let (rules, interval) = try_join(rules, interval).await?;
    let interval = Duration::from_seconds_f64(interval.unwrap_or(0.0));
    let rules = rules.unwrap_or_default();
    Ok(rules.into_iter().filter_map(|rule| of_subscription(rule, interval, talk.now())).collect())
}

fn of_downloader(name: String, status: Status) -> Option<PbhProblem> {
    let level = match status.last_status.as_str() {
        "HEALTHY" | "UNKNOWN" => return None,
        "PAUSED" => "warn",
        _ => "error",
    };
    let (state, said) = (status.last_status.to_lowercase(), status.last_status_message.unwrap_or_default());
    let message = match level {
        "warn" => "PBH does not supervise this downloader".to_owned(),
        _ if said.is_empty() => format!("PBH cannot work with it: {state}"),
        _ => format!("PBH cannot work with it: {said}"),
    };
    Some(PbhProblem { level, kind: "downloader", name, message, since: None })
}

fn of_subscription(rule: Subscription, interval: Duration, now: Time) -> Option<PbhProblem> {
    if !rule.enabled {
        return None;
    }
    let most = Duration::from_millis(interval.millis().saturating_mul(MISSED)).max(STALE);
    let never = rule.last_update.millis() <= 0;
    let age = now - rule.last_update;
    let message = match (never, age > most, rule.ent_count) {
        (true, ..) => "the list was never fetched".to_owned(),
        (_, true, _) => format!("the list is {} old", format_duration(age)),
        (_, _, ..=0) => "the list is empty".to_owned(),
        _ => return None,
    };
    let since = (!never).then_some(rule.last_update);
    Some(PbhProblem { level: "warn", kind: "subscription", name: rule.rule_id, message, since })
}

fn of_alert(alert: Alert) -> Option<PbhProblem> {
    let level = match alert.level.as_str() {
        "ERROR" | "FATAL" => "error",
        "WARN" => "warn",
        _ => return None,
    };
    let Alert { title, content, identifier, .. } = alert;
    let message = if content.is_empty() || content == title { title } else { format!("{title}: {content}") };
    alert.read_at.is_none().then_some(PbhProblem {
        level,
        kind: "alert",
        name: identifier,
        message,
        since: Some(alert.create_at),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::api::Service;
    use crate::api::decode::{Json, decode};

    fn recorded<T: for<'de> Deserialize<'de>>(id: &str, version: &str, case: &str, within: &str) -> T {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/pbh/{id}.json"));
        let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let found = cases.iter().find(|entry| entry["version"] == version && entry["case"] == case).unwrap();
        let data = found["response"]["body_json"].pointer(within).unwrap().to_string();
        let ty = Service::Pbh.row(id).unwrap().returns;
        serde_json::from_value(decode(data.as_bytes(), &ty, Service::Pbh, &mut Json::default()).unwrap()).unwrap()
    }

    #[test]
    fn recorded_states_of_downloaders_are_told_apart() {
        let status = |case: &str| recorded::<Status>("downloader_status", "9.0.10", case, "/data");
        assert_eq!(of_downloader("a".into(), status("qb")), None);
        let paused = of_downloader("a".into(), status("paused")).unwrap();
        assert_eq!((paused.level, paused.kind, paused.name.as_str()), ("warn", "downloader", "a"));
        let broken = of_downloader("b".into(), status("tr")).unwrap();
        assert_eq!(broken.level, "error");
        assert!(broken.message.starts_with("PBH cannot work with it: "), "{}", broken.message);
    }

    #[test]
    fn of_recorded_alerts_only_unread_warnings_count() {
        let alerts: Vec<Alert> = recorded("alerts_list", "9.0.10", "ok", "/data/results");
        let found: Vec<_> = alerts.into_iter().filter_map(of_alert).collect();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].level, found[0].since.unwrap().millis()), ("warn", 1_795_312_235_822));
        let read: Vec<Alert> = recorded("alerts_list", "9.0.10", "page", "/data/results");
        assert_eq!(read.into_iter().filter_map(of_alert).collect::<Vec<_>>(), []);
    }

    #[test]
    fn a_subscription_is_stale_after_three_intervals_and_a_day() {
        let now = Time::from_seconds(10 * 86_400);
        let rule = |age: i64, entries: i64, enabled: bool| Subscription {
            rule_id: "all-in-one".into(),
            enabled,
            last_update: now - Duration::from_seconds(age),
            ent_count: entries,
        };
        let hours = |n: i64| Duration::from_seconds(n * 3600);
        let told = |rule: Subscription, interval: i64| of_subscription(rule, hours(interval), now).map(|p| p.message);
        assert_eq!(told(rule(20 * 3600, 5, true), 4), None);
        assert_eq!(told(rule(25 * 3600, 5, true), 4).unwrap(), "the list is 1d 1h old");
        assert_eq!(told(rule(25 * 3600, 5, true), 12), None);
        assert_eq!(told(rule(3600, 0, true), 4).unwrap(), "the list is empty");
        assert_eq!(told(rule(10 * 86_400, 0, true), 4).unwrap(), "the list was never fetched");
        assert_eq!(told(rule(25 * 3600, 5, false), 4), None);
    }
}
