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
    assert!(table.lines().next().unwrap().starts_with("run "), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_run_is_shown_step_by_step_with_the_reason_why_nothing_happened() {
    let home = Home::new();
    home.script(
        "guard",
        r#"
        when(|| state.get("level", 70), #{name: "quota", every: "5m", above: 90, rearm_below: 85},
            |level| { info(`it is ${level}`); state.set("told", true); });
        cron("*/5 * * * *", "fails", || { info("first"); throw "no"; });
        cron("*/5 * * * *", "large", || { let text = "x"; text.pad(1000000, "x"); state.set("large", text); });
        "#,
    );
    let mut world = home.start().await;
    world.advance(minutes(6)).await;
    world.host.store.set("script/guard", "level", &json!(95), None).await.unwrap();
    world.advance(minutes(5)).await;
    world.stop().await;

    let ids = |trigger: &str| -> Vec<String> {
        let rows = history(&home, &["--trigger", trigger]);
        rows.iter().rev().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    let show = |run: &str| {
        let output = home.run(&["history", "show", run]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let quota = ids("quota");
    assert!(quota.len() >= 2, "{quota:?}");
    let dull = show(&quota[0]);
    assert!(dull.contains("nothing was changed, because its condition gave 70, which is not above 90"), "{dull}");
    let crossed = show("guard/quota");
    assert!(crossed.contains("reads   95 (inside when above 90, over again below 85): comes inside"), "{crossed}");
    assert!(
        crossed.contains("says    it is 95") && crossed.contains("state/guard set key=\"told\" value=true"),
        "{crossed}"
    );
    assert!(!crossed.contains("nothing was changed"), "{crossed}");
    let failed = show("guard/fails");
    assert!(failed.contains("error    no") && failed.contains("it failed before it had changed anything"), "{failed}");

    let output = home.run(&["history", "diff", &quota[0], quota.last().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\n+ says    it is 95") || text.contains("\n+ reads   95"), "{text}");

    let output = home.run(&["history", "show", "guard/large", "--json"]);
    assert!(output.stdout.len() < 100_000, "a trace is bounded: {} bytes", output.stdout.len());
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&shown["run"]["changed"], &shown["why_nothing"]), (&json!(true), &Value::Null));
    assert!(shown["trace"]["calls"][0]["args"].to_string().contains("more)"), "{shown}");

    let nobody = home.run(&["history", "show", "nobody"]);
    assert_eq!(nobody.status.code(), Some(2));
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
    let output = home.run(&["history"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    let error = String::from_utf8(output.stderr).unwrap();
    for part in ["2 problems in", "line 2: mode: ", "line 3: scrpts: "] {
        assert!(error.contains(part), "{part} is not in {error}");
    }
}
