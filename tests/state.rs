//! What scripts remember: transactions, and the command line beside the daemon.

use serde_json::{Value, json};
use tidegate::error::Kind;
use tidegate::ledger::State;

use crate::harness::{Home, minutes, seconds};

fn json_of(output: &std::process::Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr)))
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_that_collide_lose_nothing() {
    let home = Home::new();
    // Without the transaction the eight threads would read the same numbers and overwrite each other.
    home.script(
        "money",
        r#"on_start("move", || {
            state.set("from", 400); state.set("to", 0);
            each([1, 2, 3, 4, 5, 6, 7, 8], |n| for i in 0..5 {
                state.transaction(|s| {
                    let left = s.get("from");
                    s.set("to", s.get("to") + 10);
                    s["from"] = left - 10;
                });
            });
            info(`${state.get("from")} ${state.get("to")} ${state.transaction(|s| s.get("from") + s.get("to"))}`);
        });"#,
    );
    let mut world = home.start().await;
    world.advance(seconds(1)).await;
    assert_eq!(world.said(), ["0 400 400"], "{:?}", world.history().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_fails_changes_nothing() {
    let home = Home::new();
    home.script(
        "fail",
        r#"on_start("fail", || {
            state.set("a", 1);
            try { state.transaction(|s| { s.set("a", 2); s.delete("a"); s.set("b", 3); throw "no"; }); } catch { }
            shared_state.transaction(|s| { s.set("b", s.add("n", 2)); s.once("seen", "1d"); info(s.keys()); });
            info(`${state.get("a")} ${state.get("b", "none")} ${shared_state.get("b")} ${shared_state.keys()}`);
        });"#,
    );
    let mut world = home.start().await;
    world.advance(seconds(1)).await;
    let said = world.said();
    assert_eq!(said.last().unwrap(), "1 none 2 [\"b\", \"n\", \"seen\"]", "{said:?} {:?}", world.history().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_is_called_inside_a_transaction() {
    let home = Home::with("[vps.a]\nveid = 1\napi_key = \"k\"\nurl = \"http://127.0.0.1:9\"");
    let inside = [
        ("endpoint", r#"vps("a").get_service_info()"#),
        ("message", r#"notify("x")"#),
        ("wait", r#"sleep("1s")"#),
        ("other", r#"shared_state.set("k", 1)"#),
        ("threads", "parallel([1], |x| x)"),
        ("nested", "s.transaction(|t| 1)"),
    ];
    for (name, call) in inside {
        home.script(name, format!(r#"on_start("{name}", || state.transaction(|s| {{ s.set("k", 1); {call}; }}));"#));
    }
    let mut world = home.start().await;
    world.advance(minutes(1)).await;
    let rows = world.history().await;
    assert_eq!(rows.len(), inside.len());
    for row in rows {
        let error = row.error.expect("it is refused");
        assert_eq!((row.state, error.kind), (State::Failed, Kind::Permission), "{}: {error}", row.trigger);
        assert!(error.message.contains("inside a transaction"), "{error}");
    }
    assert!(world.lines("call").is_empty(), "and nothing was kept: {:?}", world.lines("call"));
}

#[test]
fn a_dry_run_says_what_a_transaction_would_keep() {
    let home = Home::new();
    let output = home.run(&["eval", "--json", "state.transaction(|s| { s.set(\"a\", 1); s.get(\"a\") + 1 })"]);
    let report = json_of(&output);
    assert_eq!((&report["ok"], &report["value"]), (&json!(true), &json!(2)), "{report}");
    let would = report["would"].as_array().unwrap();
    assert_eq!((would.len(), &would[0]["endpoint"], &would[0]["args"]), (1, &json!("transaction"), &json!({"a": 1})));
    assert_eq!(json_of(&home.run(&["eval", "--json", "state.get(\"a\")"]))["value"], Value::Null);
}

#[test]
fn the_command_line_reads_and_changes_state_beside_the_daemon() {
    let home = Home::new();
    home.script(
        "guard",
        r#"on_start("guard", || { state.set("limit", 90); state.set("at", now()); shared_state.set("all", [1]); info("kept"); });
           every("100ms", "watch", || if state.get("limit") == 75 { info("seen"); state.set("limit", 76); });"#,
    );
    let mut program = home.spawn();
    program.wait_for("log");
    let list = json_of(&home.run(&["state", "list", "--json"]));
    let keys: Vec<_> = list.as_array().unwrap().iter().map(|kept| (&kept["script"], &kept["key"])).collect();
    assert_eq!(
        keys,
        [(&json!("guard"), &json!("at")), (&json!("guard"), &json!("limit")), (&Value::Null, &json!("all"))]
    );
    assert!(list[0]["value"].as_str().unwrap().ends_with('Z'), "a time is RFC 3339: {list}");
    assert_eq!(json_of(&home.run(&["state", "get", "limit", "--script", "guard"])), json!(90));
    let set = json_of(&home.run(&["state", "set", "limit", "75", "--script", "guard", "--json"]));
    assert_eq!((&set["value"], &set["expires"]), (&json!(75), &Value::Null));
    assert_eq!(program.wait_for("log")["message"], "seen", "the daemon sees it at once");

    let output = home.run(&["state", "delete", "all", "--shared", "--json"]);
    assert_eq!(json_of(&output), json!({"script": null, "key": "all", "deleted": true}));
    assert_eq!(home.run(&["state", "get", "all", "--shared"]).status.code(), Some(1), "it is gone");
    assert_eq!(home.run(&["state", "get", "limit"]).status.code(), Some(2), "whose?");
    let set = json_of(&home.run(&["state", "set", "word", "hello", "--shared", "--ttl", "2h", "--json"]));
    assert!(set["value"] == "hello" && set["expires"].is_string(), "{set}");
}

#[test]
fn without_a_database_nothing_is_kept_and_none_is_made() {
    let home = Home::new();
    assert_eq!(json_of(&home.run(&["state", "list", "--json"])), json!([]));
    assert!(!home.path("data").exists());
}
