//! Every row of both tables answers, and what it answers fits its shape.

use super::*;
use crate::api::decode::{Json, decode};
use crate::api::{Envelope, Place, Row};
use crate::permission::Effect;

/// What a required parameter is given, by its name; `None` for what the row itself must say.
fn value(bench: &Bench, row: &Row, name: &str) -> String {
    let torrent = || bench.world.lock().state.boxes[0].torrents[0].hash.clone();
    match (row.id, name) {
        ("set_ptr", "ip") => "45.78.20.11".into(),
        ("ipv6_delete", "ip") => bench.world.lock().state.vps[0].subnets[0].clone(),
        ("private_ip_delete", "ip") => {
            bench.kiwivm("/v1/privateIp/assign", "")["assigned_ips"][0].as_str().unwrap().to_owned()
        }
        (_, "snapshot") => {
            bench.kiwivm("/v1/snapshot/create", "");
            bench.clock.pass(200);
            bench.kiwivm("/v1/snapshot/list", "")["snapshots"][0]["fileName"].as_str().unwrap().to_owned()
        }
        (_, "backupToken") => bench.world.lock().state.vps[0].backups[0].0.clone(),
        (id, "record_id") => {
            let wanted = if id == "unsuspend" { CasePlan::Suspension } else { CasePlan::Violation };
            let inner = bench.world.lock();
            inner.state.vps[0].cases.iter().find(|case| case.kind == wanted).unwrap().id.to_string()
        }
        ("auth_login", "token") => bench.token.clone(),
        ("analysis_date", "type") => "hour".into(),
        ("analysis_date", "field") => "banAt".into(),
        ("oobe_test_database", "type") => "mysql".into(),
        ("push_create" | "push_test" | "push_update", "type") => "gotify".into(),
        ("lab_experiment_active" | "lab_experiment_set", "id") => "sqlite_vacuum".into(),
        ("plus_free_license_renew", name) => captcha(bench, name),
        ("script_save" | "script_delete", "scriptId") => {
            bench.send("PUT", "/api/expression-engine/mine.av", "return false;");
            "mine.av".into()
        }
        ("push_delete" | "push_update", "pushName") => {
            let body = json!({"name": "mine", "type": "gotify", "config": {"endpoint": "http://127.0.0.1/"}});
            bench.send("PUT", "/api/push", &body.to_string());
            "mine".into()
        }
        ("sub_rule_create", "ruleId" | "ruleName") => "mine".into(),
        (_, "ruleId") => {
            let body = json!({"ruleId": "local", "ruleName": "local", "subUrl": "http://127.0.0.1/list"});
            bench.send("PUT", "/api/sub/rule", &body.to_string());
            "local".into()
        }
        (_, "licenseId") => {
            let licence = json!({"licenseId": "mine"});
            bench.world.lock().state.hub.settings.licences.push(licence);
            "mine".into()
        }
        ("downloader_create" | "downloader_test" | "oobe_test_downloader", "id") => "another".into(),
        (_, "downloaderId" | "downloader") => "tokyo-qb".into(),
        (_, "torrentId" | "infoHash") => torrent(),
        (_, "os") => "debian-11-x86_64".into(),
        (_, "iso") => "debian-12.5.0-amd64-netinst.iso".into(),
        (_, "location") => "JPOS_6".into(),
        (_, "sourceToken") => "a".repeat(40),
        (_, "json_notification_preferences") => r#"{"security-successful-login": 1}"#.into(),
        (_, "scriptId") => "name-id-verify.av".into(),
        (_, "configName") => "config".into(),
        (_, "ruleType" | "field") => "ip".into(),
        (_, "type") => "count".into(),
        (_, "module") => "ip-address-blocker".into(),
        (_, "subUrl") => "http://127.0.0.1/list".into(),
        (_, "key") => "AAAA".into(),
        (_, "startAt") => "1780000000000".into(),
        (_, "endAt") => "1790000000000".into(),
        (_, "ip") => "203.0.113.7".into(),
        (_, "id" | "port" | "asn" | "sticky" | "sourceVeid" | "checkInterval") => "1".into(),
        (_, "enabled" | "useFriendlyLoopbackMapping") => "false".into(),
        (_, name) => format!("a-{name}"),
    }
}

/// A captcha and the answer that it takes.
fn captcha(bench: &Bench, name: &str) -> String {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use sha2::{Digest as _, Sha256};
    if name == "captchaId" {
        return bench.data("/api/pbhplus/claimRenewFreeLicenseCaptcha")["challengeId"].as_str().unwrap().to_owned();
    }
    let challenge = bench.world.lock().state.hub.settings.challenges[0].1;
    let fits = |nonce: &u64| {
        let hash = Sha256::new().chain_update(challenge).chain_update(nonce.to_be_bytes()).finalize();
        hash[0].leading_zeros() >= 5
    };
    BASE64_STANDARD.encode((0..100_000_u64).find(fits).unwrap().to_be_bytes())
}

/// A value of the JSON body: as the row's type says it.
fn field(bench: &Bench, row: &Row, param: &crate::api::Param) -> Value {
    let config = || bench.data("/api/downloaders/tokyo-qb/status")["config"].clone();
    match (row.id, param.name) {
        ("downloader_create", "config") => {
            let mut config = config();
            config["name"] = json!("another");
            config
        }
        (id, "config") if id.starts_with("push_") => json!({"endpoint": "http://127.0.0.1/", "priority": 5}),
        (_, "config") => config(),
        (_, "downloader") => json!({"id": "another", "config": config()}),
        (_, "downloaders") => json!([]),
        _ => {
            let text = value(bench, row, param.name);
            match param.ty.json() {
                "integer" => json!(text.parse::<i64>().unwrap()),
                "boolean" => json!(text == "true"),
                _ => json!(text),
            }
        }
    }
}

/// The whole body of a row that takes one.
fn whole(row: &Row) -> String {
    match row.id {
        "script_save" => "return true;".into(),
        "general_config_put" => r#"{"logger": {"hide_finish_log": true}}"#.into(),
        "ipblacklist_nettype_set" => r#"["datacenter"]"#.into(),
        _ => r#"["203.0.113.9"]"#.into(),
    }
}

fn scenario(version: &str) -> Scenario {
    let mut scenario = Scenario::default();
    scenario.pbh.version = version.into();
    scenario.vps[0].cases = vec![CasePlan::Violation, CasePlan::Suspension];
    scenario
}

/// Rows that say no whatever they are given, and what they say it with.
const NO: &[(&str, u16)] = &[
    // There is no other database, and the first run is over.
    ("oobe_init", 403),
    ("oobe_test_downloader", 403),
    ("oobe_scan_downloader", 403),
    ("oobe_test_database", 403),
    // A bug of the real one.
    ("chart_session_between", 500),
    // The list that is there by default is on the internet, which this world has none of.
    ("sub_rules_refresh_all", 500),
    // It ends the server.
    ("general_trigger_crash", 0),
    ("easter_egg", 302),
];

/// Rows whose 200 says no by `success`: nothing of the kind is switched on here.
const UNSUCCESSFUL: &[&str] =
    &["autostun_tunnel_info", "autostun_tunnel_connections", "peer_btn_query", "peer_btn_query_iframe", "plus_key_set"];

fn call(row: &'static Row, version: &str) -> Option<String> {
    let bench = Bench::new(scenario(version));
    // Suspended, a client cannot be tried; the panel is there all the same.
    bench.world.lock().state.vps[0].cases.retain(|case| case.kind != CasePlan::Suspension || row.id == "unsuspend");
    let licence = row.extra.licence_until.map(|_| json!({"licenseId": "one"}));
    bench.world.lock().state.hub.settings.licences.extend(licence);
    bench.clock.pass(3600);
    bench.world.snapshot();
    let (mut path, mut query, mut body) = (row.path.to_owned(), Vec::new(), serde_json::Map::new());
    let mut text = String::new();
    for param in row.required() {
        match param.place {
            Place::Path => path = path.replace(&format!("{{{}}}", param.name), &value(&bench, row, param.name)),
            Place::Query => query.push(format!("{}={}", param.name, value(&bench, row, param.name))),
            Place::Whole => text = whole(row),
            Place::Body => {
                body.insert(param.name.into(), field(&bench, row, param));
            }
        }
    }
    let takes_fields = row.params.iter().any(|param| param.place == Place::Body);
    if takes_fields {
        text = Value::Object(body).to_string();
    }
    let method = row.extra.method_until.filter(|_| version == "9.0.10").map_or(row.method, |(method, _)| method);
    let answer = bench.send(method, &format!("{path}?{}", query.join("&")), &text);
    if let Some((_, status)) = NO.iter().find(|(id, _)| *id == row.id) {
        return (answer.status != *status).then(|| format!("{} instead of {status}", answer.status));
    }
    if !(200..300).contains(&answer.status) {
        return Some(format!("status {}: {}", answer.status, super::text(&answer)));
    }
    let mut reply = parsed(&answer);
    let shown = match row.envelope() {
        Envelope::Pbh if UNSUCCESSFUL.contains(&row.id) || (row.id == "chart_geoip" && version == "9.5.0") => {
            return (reply["success"] != json!(false)).then(|| "it succeeded".into());
        }
        Envelope::Pbh if reply["success"] != json!(true) => return Some(format!("no success: {reply}")),
        Envelope::Pbh => reply["data"].take(),
        Envelope::Bare => reply,
        _ => return None,
    };
    decode(shown.to_string().as_bytes(), &row.returns, row.service, &mut Json::default())
        .err()
        .map(|error| format!("{error}: {shown}"))
}

#[test]
fn every_row_of_pbh_answers_in_its_shape() {
    let mut wrong = Vec::new();
    for version in ["9.5.0", "9.0.10"] {
        let at = crate::api::version(version);
        let mut called = 0;
        for row in crate::api::Service::Pbh.rows() {
            let sockets = matches!(row.envelope(), Envelope::Socket);
            // The first run's routes are not there on a newer server that was set up before it started.
            let first = version == "9.5.0" && row.id.starts_with("oobe");
            if !routes::exists(row, at) || sockets || first || row.id == "cors_preflight" {
                continue;
            }
            called += 1;
            if let Some(problem) = call(row, version) {
                wrong.push(format!("{} {version}: {problem}", row.id));
            }
        }
        assert!(called > 110, "{called} rows of {version}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_call_of_kiwivm_answers_in_its_shape() {
    for row in crate::api::Service::KiwiVm.rows() {
        let bench = Bench::new(scenario("9.5.0"));
        if row.id != "unsuspend" {
            bench.world.lock().state.vps[0].cases.retain(|case| case.kind == CasePlan::Violation);
        }
        if row.id == "start" {
            bench.kiwivm("/v1/kill", "");
        }
        let params: Vec<String> = row
            .required()
            .map(|param| {
                let value = value(&bench, row, param.name);
                let value = percent_encoding::utf8_percent_encode(&value, percent_encoding::NON_ALPHANUMERIC);
                format!("{}={value}", param.name)
            })
            .collect();
        let reply = bench.kiwivm(&format!("/v1{}", row.path), &params.join("&"));
        let refused = match row.id {
            // For OpenVZ, and this is none.
            "clone_from_external_server" => true,
            // The exit status of a command that is not there.
            "basic_shell_exec" => reply["error"] != json!(127),
            _ => reply["error"] != json!(0),
        };
        assert_eq!(refused, row.id == "clone_from_external_server", "{}: {reply}", row.id);
        if !refused {
            let decoded = decode(reply.to_string().as_bytes(), &row.returns, row.service, &mut Json::default());
            assert!(decoded.is_ok(), "{}: {:?} in {reply}", row.id, decoded.err());
        }
        if row.effect != Effect::Read {
            let log = bench.kiwivm("/v1/getAuditLog", "");
            // A VPS that is locked by its new job tells its log all the same.
            assert_eq!(log["error"], 0, "{}", row.id);
        }
    }
}
