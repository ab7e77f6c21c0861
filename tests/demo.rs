//! The story that the README promises, told by the program itself.

use serde_json::Value;

use crate::harness::Home;

#[test]
fn the_demo_really_happens() {
    let home = Home::new();
    let output = home.run(&["demo", "--json", "--speed", "4000"]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("one object a line")).collect();
    let summary = lines.last().expect("a summary");
    assert_eq!(summary["event"], "summary");
    assert_eq!(summary["ok"], true, "{summary:#}");
    assert_eq!(output.status.code(), Some(0));

    let of = |event: &str| lines.iter().filter(|line| line["event"] == event).collect::<Vec<_>>();
    for event in ["load", "reload", "run", "call", "log", "notify"] {
        assert!(!of(event).is_empty(), "no `{event}` line");
    }
    let calls = of("call");
    let guard = |endpoint: &str| {
        calls.iter().any(|call| call["script"] == "quota-guard" && call["endpoint"] == endpoint && call["ok"] == true)
    };
    assert!(guard("bans_add") && guard("POST /api/v2/torrents/stop"));
    let bans = calls.iter().position(|call| call["script"] == "quota-guard" && call["endpoint"] == "bans_add");
    let stop = calls.iter().position(|call| call["endpoint"] == "POST /api/v2/torrents/stop");
    assert!(bans < stop, "bans go out before anything stops");

    // Measured in the simulated world.
    assert!(summary["before"]["traffic"].as_u64() > Some(0));
    assert_eq!(summary["later"]["traffic"], 0);
    assert_eq!(summary["after"]["vps"][0]["used"], summary["later"]["vps"][0]["used"]);
}

#[test]
fn people_get_a_table_and_no_colours_in_a_pipe() {
    let home = Home::new();
    let output = home.run(&["demo", "--speed", "4000"]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{text}");
    assert!(text.contains("before the guard") && !text.contains("NO "), "{text}");
    assert!(!text.contains('\u{1b}'), "colours in a pipe");
}
