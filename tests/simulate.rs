//! A month of scripts in a simulated world.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::Home;

/// The report of a simulation, without how long it took.
fn report(home: &Home, args: &[&str]) -> (Value, Option<i32>) {
    let output = home.run(&[&["simulate", "--json"], args].concat());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(text.lines().count(), 1, "one document: {text}{told}");
    let mut report: Value = serde_json::from_str(&text).expect("JSON");
    assert!(report["took"].as_f64() > Some(0.0));
    report.as_object_mut().unwrap().remove("took");
    (report, output.status.code())
}

fn trigger<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["triggers"].as_array().unwrap().iter().find(|trigger| trigger["trigger"] == name).expect("a trigger")
}

const JULY: [&str; 4] = ["--from", "2026-07-01T00:00:00Z", "--to", "2026-08-01T00:00:00Z"];

#[test]
fn a_month_of_mixed_schedules_fires_as_it_should() {
    let home = Home::new();
    home.script(
        "mix",
        "cron(\"0 * * * *\", \"hourly\", || state.add(\"hours\", 1));\n\
         cron(\"30 2 * * MON-FRI\", \"night\", || 1);\n\
         every(\"6h\", \"quarter\", || notify(\"a quarter\"));\n\
         at(\"2026-07-20 12:00\", \"once\", || info(\"once\"));\n\
         schedule([#{at: \"0 8 * * *\", up: 1}, #{at: \"0 23 * * *\", up: 2}], \"hours\", |entry| info(`${entry.up}`));\n\
         when(|| now().day > 15, #{name: \"half\", every: \"1h\"}, || notify(\"the second half\"));\n\
         on_webhook(\"/x\", \"hook\", || 1);",
    );
    let (report, code) = report(&home, &[&["mix"], &JULY[..]].concat());
    assert_eq!((code, &report["ok"]), (Some(0), &json!(true)));
    let fired = |name| trigger(&report, name)["fired"].as_u64().unwrap();
    assert_eq!((fired("hourly"), fired("night"), fired("quarter"), fired("once")), (744, 23, 124, 1));
    // Two changes a day, and the entry in force at the start.
    assert_eq!((fired("hours"), fired("half"), fired("hook")), (63, 744, 0));
    assert_eq!(trigger(&report, "night")["first"], "2026-07-01T02:30:00Z");
    assert_eq!(trigger(&report, "hourly")["states"], json!({"ok": 744}));
    assert_eq!(report["messages"].as_array().unwrap().len(), 125);
    assert_eq!(report["state"], json!([{"script": "mix", "key": "hours", "value": 744}]));
    // A reading at the start, at each midnight, and at the end.
    let usage = report["usage"].as_array().unwrap();
    assert_eq!((usage.len(), &usage[31]["at"]), (32, &json!("2026-08-01T00:00:00Z")));
    let runs = report["runs"].as_array().unwrap();
    assert_eq!(
        runs.len() as u64,
        report["triggers"].as_array().unwrap().iter().filter_map(|t| t["fired"].as_u64()).sum::<u64>()
    );
}

#[test]
fn the_guard_keeps_the_meter_below_its_allowance_the_same_way_each_time() {
    let home = Home::new();
    let guard = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/quota-guard.rhai");
    let hours = [guard.to_str().unwrap(), "--from", "2026-07-01T00:00:00Z", "--for", "6h", "--seed", "3"];
    let (first, code) = report(&home, &hours);
    assert_eq!(code, Some(0), "{:?}", first["timeline"]);
    let end = first["usage"].as_array().unwrap().last().unwrap();
    assert!(end["vps"][0]["percent"].as_f64() < Some(100.0), "{end}");
    assert!(end["downloaders"].as_array().unwrap().iter().all(|client| client["stopped"] == true), "{end}");
    let calls = first["calls"].as_array().unwrap();
    assert!(calls.iter().any(|call| call["endpoint"] == "bans_add" && call["effect"] == "write"), "{calls:?}");
    let told = first["messages"].as_array().unwrap();
    assert!(told.iter().any(|message| message["title"] == "tokyo: transfers stopped"), "{told:?}");
    let (again, _) = report(&home, &hours);
    let fate = |report: &Value| -> Vec<Value> {
        ["triggers", "calls", "messages", "usage"].map(|key| report[key].clone()).into()
    };
    assert_eq!(fate(&again), fate(&first), "the same seed");
}

#[test]
fn a_dry_run_changes_nothing_and_a_failed_run_is_a_bad_answer() {
    let home = Home::new();
    home.script("stops", "cron(\"0 * * * *\", \"stop\", || downloader(\"tokyo-qb\").stop_transfers());");
    home.script("fails", "cron(\"0 * * * *\", \"fail\", || throw \"no\");");
    let hour = ["--from", "2026-07-01T00:30:00Z", "--for", "1h"];
    let (dry, code) = report(&home, &[&["stops", "--dry-run"], &hour[..]].concat());
    assert_eq!(code, Some(0));
    let moved =
        |report: &Value| report["usage"].as_array().unwrap().last().unwrap()["downloaders"][0]["stopped"] == false;
    assert!(moved(&dry) && dry["calls"].to_string().contains("held back"), "{}", dry["calls"]);
    let (live, _) = report(&home, &[&["stops"], &hour[..]].concat());
    assert!(!moved(&live));
    let (both, code) = report(&home, &hour);
    assert_eq!((code, &both["ok"]), (Some(1), &json!(false)));
    assert!(both["timeline"].to_string().contains("failed: "), "{}", both["timeline"]);
    let output = home.run(&[&["simulate"], &hour[..]].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    for part in ["what fired", "what was called", "the meters", "what happened", "in the end", "█"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn wrong_requests_say_what_to_write() {
    let home = Home::new();
    for (args, word) in [
        (&["simulate", "nobody"][..], "there is no script `nobody`"),
        (&["simulate"], "there is no script in"),
        (&["simulate", "--from", "2026-07-02", "--to", "2026-07-01"], "there is no time"),
        (&["simulate", "--world", "none.toml"], "none.toml"),
        (&["simulate", "--for", "soon"], "soon"),
    ] {
        let output = home.run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(word), "{args:?}: {output:?}");
    }
    home.script("broken", "cron(");
    let output = home.run(&["simulate", "--for", "1h"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}
