//! Abuse cases that are open: those that suspended the VPS and those that will.

use std::collections::BTreeMap;

use futures::future::try_join;
use serde::{Deserialize, Serialize};

use super::ask;
use crate::api::shapes;
use crate::client::Client;
use crate::error::Result;
use crate::recorder::Talk;
use crate::time::Time;

shapes! {
    /// An open case.
    AbuseCase {
        /// `suspension` where it suspended the VPS, `violation` where it will.
        kind: Text,
        /// What `unsuspend` takes for a suspension, and `resolve_policy_violation` for a violation.
        record_id: Int,
        /// The kind of abuse.
        flag: Text,
        /// Whether that call can clear it; else only support can.
        is_soft: Bool,
        abuse_points: Int,
        /// When it was opened; null for a suspension, of which the provider does not say.
        opened_at: Seconds | null,
        /// When the VPS will be suspended; null for a suspension.
        suspend_at: Seconds | null,
        /// The complaint; `""` where the provider shows none.
        evidence: Text,
    }
}

/// The shape of the same name says what each field means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AbuseCase {
    pub kind: &'static str,
    pub record_id: i64,
    pub flag: String,
    pub is_soft: bool,
    pub abuse_points: i64,
    pub opened_at: Option<Time>,
    pub suspend_at: Option<Time>,
    pub evidence: String,
}

#[derive(Deserialize)]
struct Suspensions {
    suspensions: Option<Vec<Suspension>>,
    evidence: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Suspension {
    record_id: i64,
    flag: String,
    is_soft: bool,
    evidence_record_id: i64,
    abuse_points: i64,
}

#[derive(Deserialize)]
struct Violations {
    policy_violations: Option<Vec<Violation>>,
}

#[derive(Deserialize)]
struct Violation {
    record_id: i64,
    timestamp: Time,
    suspend_at: Time,
    flag: String,
    is_soft: bool,
    abuse_points: i64,
    evidence_data: Option<String>,
}

/// The open cases of both calls: suspensions first, then violations, the most urgent first.
pub async fn violations(vps: &Client, talk: &Talk) -> Result<Vec<AbuseCase>> {
    let (suspended, pending) =
        try_join(ask(vps, "get_suspension_details", talk), ask(vps, "get_policy_violations", talk)).await?;
    Ok(merged(suspended, pending))
}

fn merged(suspended: Suspensions, pending: Violations) -> Vec<AbuseCase> {
    let evidence = suspended.evidence.unwrap_or_default();
    let suspensions = suspended.suspensions.unwrap_or_default().into_iter().map(|case| AbuseCase {
        kind: "suspension",
        record_id: case.record_id,
        flag: case.flag,
        is_soft: case.is_soft,
        abuse_points: case.abuse_points,
        opened_at: None,
        suspend_at: None,
        evidence: evidence.get(&case.evidence_record_id.to_string()).cloned().unwrap_or_default(),
    });
    let mut violations = pending.policy_violations.unwrap_or_default();
    violations.sort_by_key(|case| case.suspend_at);
    let violations = violations.into_iter().map(|case| AbuseCase {
        kind: "violation",
        record_id: case.record_id,
        flag: case.flag,
        is_soft: case.is_soft,
        abuse_points: case.abuse_points,
        opened_at: Some(case.timestamp),
        suspend_at: Some(case.suspend_at),
        evidence: case.evidence_data.unwrap_or_default(),
    });
    suspensions.chain(violations).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::Service;
    use crate::api::decode::{Json, decode};

    fn read<T: for<'de> Deserialize<'de>>(id: &str, reply: &Value) -> T {
        let ty = Service::KiwiVm.row(id).unwrap().returns;
        let decoded = decode(reply.to_string().as_bytes(), &ty, Service::KiwiVm, &mut Json::default()).unwrap();
        serde_json::from_value(decoded).unwrap()
    }

    #[test]
    fn both_calls_make_one_list_the_most_urgent_first() {
        let suspended = json!({
            "error": 0, "suspension_count": 1, "total_abuse_points": 100, "max_abuse_points": 1400,
            "suspensions": [
                {"record_id": "77", "flag": "copyright", "is_soft": 1, "evidence_record_id": "9", "abuse_points": 100},
                {"record_id": 78, "flag": "spam", "is_soft": 0, "evidence_record_id": 10, "abuse_points": 200},
            ],
            "evidence": {"9": "Complaint about a film."},
        });
        let violation = |id: i64, suspends: i64| {
            json!({
                "record_id": id, "timestamp": 1_781_000_000, "suspend_at": suspends, "flag": "copyright", "is_soft": 1,
                "abuse_points": 100, "evidence_data": null,
            })
        };
        let pending = json!({
            "error": 0, "total_abuse_points": 100, "max_abuse_points": 1400,
            "policy_violations": [violation(2, 1_781_200_000), violation(1, 1_781_100_000)],
        });
        let cases = merged(read("get_suspension_details", &suspended), read("get_policy_violations", &pending));
        let shown: Vec<_> = cases.iter().map(|case| (case.kind, case.record_id, case.evidence.as_str())).collect();
        assert_eq!(
            shown,
            [
                ("suspension", 77, "Complaint about a film."),
                ("suspension", 78, ""),
                ("violation", 1, ""),
                ("violation", 2, ""),
            ]
        );
        assert!(cases[0].is_soft && !cases[1].is_soft);
        assert_eq!(cases[2].suspend_at, Some(Time::from_seconds(1_781_100_000)));
    }

    #[test]
    fn without_a_case_the_keys_are_left_out() {
        let reply = json!({"error": 0, "suspension_count": null, "total_abuse_points": 0, "max_abuse_points": 1400});
        let cases = merged(read("get_suspension_details", &reply), read("get_policy_violations", &reply));
        assert_eq!(cases, []);
    }
}
