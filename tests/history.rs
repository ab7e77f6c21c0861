//! `tidegate history` beside a daemon, after one, and where there was none.

use serde_json::{Value, json};

use crate::harness::{Home, minutes};

fn history(home: &Home, args: &[&str]) -> Vec<Value> {
    let output = home.run(&[&["history", "--json"], args].concat());
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{error}");
    serde_json::from_slice(&output.stdout).expect("one JSON array")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_need_not_stop_to_be_read() {
    let home = Home::new();
    home.script("流量", r#"cron("*/5 * * * *", "good", || 1); cron("*/5 * * * *", "bad", || throw "no");"#);
    let mut world = home.start().await;
    world.advance(minutes(11)).await;

    let all = history(&home, &[]);
    let good: Vec<_> = all.iter().filter(|row| row["trigger"] == "good").collect();
    let scheduled: Vec<_> = good.iter().map(|row| &row["scheduled"]).collect();
    assert_eq!(scheduled, ["2026-07-03T08:10:00Z", "2026-07-03T08:05:00Z"], "newest first, one row a due time");
    assert_eq!((&good[0]["state"], &good[0]["attempt"], &good[0]["error"]), (&json!("ok"), &json!(1), &json!(null)));
    assert_eq!(history(&home, &["--trigger", "good"]).len(), 2);
    assert_eq!(history(&home, &["--script", "nobody"]), [] as [Value; 0]);
    let failed = history(&home, &["--state", "failed", "-n", "1"]);
    assert_eq!((failed.len(), &failed[0]["error"]["kind"]), (1, &json!("script")));

    world.stop().await;
    assert_eq!(history(&home, &[]), all);
    let table = home.run(&["history", "--script", "流量"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert_eq!(table.lines().count(), 5, "{table}");
    assert!(table.lines().next().unwrap().starts_with("when "), "{table}");
}

#[test]
fn no_history_is_an_empty_one() {
    let home = Home::new();
    assert_eq!(history(&home, &[]), [] as [Value; 0]);
    let output = home.run(&["history"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("no history yet"));
    assert!(!home.path("data").exists(), "reading creates nothing");
}

#[test]
fn an_unknown_state_is_refused_with_the_list() {
    let output = Home::new().run(&["history", "--state", "broken"]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("due, running, ok, failed, timed_out, skipped, missed, interrupted, cancelled"), "{error}");
}

#[test]
fn a_wrong_configuration_is_named_with_all_its_lines() {
    let home = Home::with("mode = \"wach\"\nscrpts = \"x\"\n");
    let output = home.run(&["history", "--json"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    let error = String::from_utf8(output.stderr).unwrap();
    for part in ["2 problems in", "line 2: mode: ", "line 3: scrpts: "] {
        assert!(error.contains(part), "{part} is not in {error}");
    }
}
