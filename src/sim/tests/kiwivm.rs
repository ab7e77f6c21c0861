//! The panel's calls, their quirks and their jobs.

use super::*;

#[test]
fn credentials_budget_and_unknown_calls_are_refused_in_the_services_own_way() {
    let bench = Bench::demo();
    let wrong = bench.ask(Service::KiwiVm, "POST", "/v1/getServiceInfo", &[], "veid=1234567&api_key=private_no");
    assert_eq!((wrong.status, &parsed(&wrong)["error"]), (200, &json!(700_005)));
    assert_eq!(wrong.headers[0].1, "text/plain; charset=UTF-8");
    assert_eq!(bench.kiwivm("/v1/setHostname", "")["error"], 700_001);
    assert_ne!(bench.kiwivm("/v1/nope", "")["error"], 0);
    let first = bench.kiwivm("/getRateLimitStatus", "")["remaining_points_15min"].as_u64().unwrap();
    let second = bench.kiwivm("/v1/getRateLimitStatus", "")["remaining_points_15min"].as_u64().unwrap();
    assert_eq!(first - second, 1);
    for _ in 0..second {
        bench.kiwivm("/v1/getServiceInfo", "");
    }
    let body = "veid=1234567&api_key=private_simulated0tokyo0key";
    assert_eq!(bench.ask(Service::KiwiVm, "POST", "/v1/getServiceInfo", &[], body).status, 429);
    bench.clock.pass(901);
    assert_eq!(bench.ask(Service::KiwiVm, "POST", "/v1/getServiceInfo", &[], body).status, 200);
}

#[test]
fn replies_carry_the_quirks_of_the_wire() {
    let bench = Bench::demo();
    let info = bench.kiwivm("/v1/getServiceInfo", "");
    assert_eq!(info["ip_nullroutes"], json!([]));
    assert_eq!(info["suspension_count"], Value::Null);
    let live = bench.kiwivm("/v1/getLiveServiceInfo", "");
    assert_eq!((&live["ve_disk_quota_gb"], &live["is_cpu_throttled"]), (&json!("40"), &json!("")));
    assert!(live["ssh_port"].is_number());
    bench.kiwivm("/v1/stop", "");
    bench.clock.pass(30);
    let stopped = bench.kiwivm("/v1/getLiveServiceInfo", "");
    assert_eq!((&stopped["ve_status"], stopped.get("ssh_port")), (&json!("stopped"), None));
    let raw = bench.ask(
        Service::KiwiVm,
        "GET",
        "/v1/snapshot/list?veid=1234567&api_key=private_simulated0tokyo0key",
        &[],
        "",
    );
    assert_eq!(text(&raw), r#"{"snapshots":[],"error":0}"#);
}

#[test]
fn a_form_may_come_in_parts() {
    let bench = Bench::demo();
    let part =
        |name: &str, value: &str| format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let body = [part("veid", "1234567"), part("api_key", "private_simulated0tokyo0key"), "--x--\r\n".into()].concat();
    let kind = [("content-type", "multipart/form-data; boundary=x")];
    let answer = bench.ask(Service::KiwiVm, "POST", "/v1/getServiceInfo", &kind, &body);
    assert_eq!(parsed(&answer)["error"], 0);
}

#[test]
fn a_stopped_vps_moves_nothing_until_it_is_started() {
    let bench = Bench::demo();
    bench.kiwivm("/v1/kill", "");
    bench.clock.pass(60);
    let down = bench.world.snapshot();
    assert_eq!(down.traffic, 0);
    assert_eq!(bench.kiwivm("/v1/start", "")["error"], 0);
    bench.clock.pass(5);
    assert_eq!(bench.kiwivm("/v1/getLiveServiceInfo", "")["ve_status"], "starting");
    bench.clock.pass(20);
    assert_eq!(bench.kiwivm("/v1/getLiveServiceInfo", "")["ve_status"], "running");
    assert!(bench.world.snapshot().traffic > 0);
    assert_eq!(bench.kiwivm("/v1/start", "")["error"], 700_003);
}

#[test]
fn a_job_locks_the_vps_tells_its_progress_and_has_its_effect() {
    let bench = Bench::demo();
    assert_eq!(bench.kiwivm("/v1/snapshot/create", "description=before%20upgrade")["error"], 0);
    bench.clock.pass(90);
    let locked = bench.kiwivm("/v1/migrate/getLocations", "");
    assert_eq!((&locked["error"], &locked["additionalErrorInfo"]), (&json!(788_888), &json!("Snapshot")));
    assert_eq!(locked["additionalLockingInfo"]["completed_percent"], 50);
    assert_eq!(bench.kiwivm("/v1/getServiceInfo", "")["error"], 0);
    assert_eq!(bench.kiwivm("/v1/snapshot/list", "")["snapshots"], json!([]));
    bench.clock.pass(100);
    let snapshot = bench.kiwivm("/v1/snapshot/list", "")["snapshots"][0].clone();
    assert_eq!(snapshot["description"], "YmVmb3JlIHVwZ3JhZGU=");
    assert!(snapshot["size"].is_string() && snapshot["uncompressed"].is_number());
    let file = snapshot["fileName"].as_str().unwrap();
    assert_eq!(bench.kiwivm("/v1/snapshot/delete", &format!("snapshot={file}"))["error"], 0);
    assert_ne!(bench.kiwivm("/v1/snapshot/delete", &format!("snapshot={file}"))["error"], 0);

    bench.kiwivm("/v1/reinstallOS", "os=debian-11-x86_64");
    assert_eq!(bench.world.snapshot().traffic, 0, "nothing runs during a reinstallation");
    bench.clock.pass(481);
    assert_eq!(bench.kiwivm("/v1/getAvailableOS", "")["installed"], "debian-11-x86_64");
}

#[test]
fn migration_changes_place_address_and_multiplier() {
    let bench = Bench::demo();
    let new = bench.kiwivm("/v1/migrate/start", "location=JPOS_6")["newIps"].clone();
    bench.clock.pass(601);
    let info = bench.kiwivm("/v1/getServiceInfo", "");
    assert_eq!((&info["node_location_id"], &info["monthly_data_multiplier"]), (&json!("JPOS_6"), &json!(0.5)));
    assert_eq!(info["ip_addresses"], new);
}

#[test]
fn the_shell_gives_output_and_exit_status() {
    let bench = Bench::demo();
    let run = |command: &str| {
        let reply = bench.kiwivm("/v1/basicShell/exec", &format!("command={command}"));
        (reply["error"].as_i64().unwrap(), reply["message"].as_str().unwrap().to_owned())
    };
    assert_eq!(run("echo hello"), (0, "hello\n".into()));
    assert_eq!(run("echo a; exit 3"), (3, "a\n".into()));
    assert_eq!(run("false && echo no"), (1, String::new()));
    assert_eq!(run("grepp x").0, 127);
}

#[test]
fn cases_suspend_and_are_closed() {
    let mut scenario = Scenario::default();
    scenario.vps[0].cases = vec![CasePlan::Violation];
    scenario.vps[0].used = 0;
    let bench = Bench::new(scenario);
    let violation = bench.kiwivm("/v1/getPolicyViolations", "")["policy_violations"][0].clone();
    assert_eq!(bench.kiwivm("/v1/getSuspensionDetails", "").get("suspensions"), None);
    bench.clock.pass(36 * 3600);
    assert!(bench.world.snapshot().vps[0].suspended);
    let details = bench.kiwivm("/v1/getSuspensionDetails", "");
    let case = &details["suspensions"][0];
    assert_eq!(case["record_id"], violation["record_id"]);
    assert!(details["evidence"][case["evidence_record_id"].to_string()].is_string());
    assert_eq!(bench.kiwivm("/v1/unsuspend", &format!("record_id={}", case["record_id"]))["error"], 0);
    assert!(!bench.world.snapshot().vps[0].suspended);
}

#[test]
fn usage_samples_add_up_to_the_counter() {
    let bench = Bench::demo();
    bench.clock.pass(7200);
    let data = bench.kiwivm("/v1/getRawUsageStats", "")["data"].as_array().unwrap().clone();
    let counter = bench.kiwivm("/v1/getServiceInfo", "")["data_counter"].as_f64().unwrap();
    let began = bench.clock.now().seconds() - 18 * 86_400 - 7200;
    let moved: f64 = data
        .iter()
        .filter(|sample| sample["timestamp"].as_i64().unwrap() > began)
        .map(|sample| sample["network_in_bytes"].as_f64().unwrap() + sample["network_out_bytes"].as_f64().unwrap())
        .sum();
    assert!((moved / counter - 1.0).abs() < 0.05, "{moved} of {counter}");
    let gaps =
        data.windows(2).filter(|w| w[1]["timestamp"].as_i64().unwrap() - w[0]["timestamp"].as_i64().unwrap() != 300);
    assert_eq!(gaps.count(), 0);
}
