//! `kill -9` at random moments, again and again. `TIDEGATE_CRASHES` sets how often.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::harness::Home;

/// Fifty triggers that are due each second.
const BUSY: &str = r#"
    for n in 0..50 {
        every("1s", #{name: `t${n}`, missed: "all", overlap: "parallel"}, || state.add("runs", 1));
    }
"#;

#[test]
fn nothing_is_lost_and_nothing_runs_twice_however_often_it_is_killed() {
    let crashes = std::env::var("TIDEGATE_CRASHES").ok().and_then(|n| n.parse().ok()).unwrap_or(6);
    let home = Home::new();
    home.script("busy", BUSY);
    // Every run that ever began says so before it does anything.
    let mut begun: BTreeMap<(String, String), u32> = BTreeMap::new();
    let mut note = |line: &Value| {
        if line["event"] == "run_started" {
            let of = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            *begun.entry((of("trigger"), of("scheduled"))).or_default() += 1;
        }
        line["event"] == "run_interrupted"
    };
    let mut interrupted = 0;
    for _ in 0..crashes {
        let mut program = home.spawn_at_once();
        // A moment between the first line and the second second of work.
        for _ in 0..rand::random_range(1..250) {
            interrupted += usize::from(note(&program.line()));
        }
        program.child.kill().unwrap();
        for line in program.rest() {
            interrupted += usize::from(note(&line));
        }
    }
    let mut program = home.spawn_at_once();
    for line in program.lines_up_to("ready") {
        interrupted += usize::from(note(&line));
    }
    program.signal("TERM");
    for line in program.rest() {
        note(&line);
    }
    assert_eq!(program.exit_code(), Some(143));

    let twice: Vec<_> = begun.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "ran twice: {twice:?}");
    let output = home.run(&["history", "--json"]);
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).expect("the database opens");
    let mut due: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    let mut states: BTreeMap<String, usize> = BTreeMap::new();
    for row in &rows {
        let of = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        *states.entry(of("state")).or_default() += 1;
        let at = tidegate::time::Time::parse(&of("scheduled"), chrono_tz::Tz::UTC).unwrap();
        assert!(due.entry(of("trigger")).or_default().insert(at.millis()), "two rows of one due time: {row}");
    }
    assert!(!states.contains_key("due") && !states.contains_key("running"), "left over: {states:?}");
    assert_eq!(due.len(), 50);
    for (trigger, times) in &due {
        let (first, last) = (times.first().unwrap(), times.last().unwrap());
        let expected = usize::try_from((last - first) / 1000 + 1).unwrap();
        assert_eq!(times.len(), expected, "{trigger} has a gap between {first} and {last}");
    }
    println!("{crashes} crashes, {} rows {states:?}, {interrupted} interrupted runs were reported", rows.len());
}
