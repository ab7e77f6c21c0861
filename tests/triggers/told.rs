//! Starts, ends, failures, events, and what holds now.

use tidegate::ledger::State::{self, Cancelled, Failed, Ok};

use crate::harness::{Home, START, minutes, seconds};

#[tokio::test(flavor = "multi_thread")]
async fn the_end_is_told_and_waited_for() {
    let home = Home::new();
    home.script("end", r#"on_stop("bye", || { sleep("3s"); info("bye"); });"#);
    let mut world = home.start().await;
    world.advance(minutes(1)).await;
    let host = std::sync::Arc::clone(&world.host);
    let (took, journal) = world.stop().await;
    assert_eq!(took, seconds(3));
    assert!(journal.lines().iter().any(|line| line.event == "log" && line.message == "bye"));
    let rows = host.ledger.list(&tidegate::ledger::Filter::default()).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.state).collect::<Vec<_>>(), [Ok]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_waits_no_longer_than_the_grace() {
    let home = Home::with("[limits]\ngrace = \"5s\"");
    home.script("end", r#"on_stop("slow", || sleep("1h"));  on_stop("well", || info("well"));"#);
    let mut world = home.start().await;
    world.advance(minutes(1)).await;
    let host = std::sync::Arc::clone(&world.host);
    let (took, _) = world.stop().await;
    assert!(took <= seconds(6), "{took:?}");
    let rows = host.ledger.list(&tidegate::ledger::Filter::default()).await.unwrap();
    let state = |trigger: &str| rows.iter().find(|row| row.trigger == trigger).unwrap().state;
    assert!(matches!(state("slow"), State::TimedOut | Cancelled), "{}", state("slow"));
    assert_eq!(state("well"), Ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_to_all_but_those_who_hear_of_failures() {
    let home = Home::new();
    home.script("bad", "cron(\"0 * * * *\", \"bad\", || {\n    throw \"no\";\n});");
    home.script(
        "watch",
        r#"on_failure("hear", |what| {
               info(`${what.script}/${what.trigger} ${what.state}: ${what.error.kind} in line ${what.error.line}`);
               throw "I fail too";
           });
           on_failure("other", |what| info(what.trigger));"#,
    );
    let mut world = home.start().await;
    world.advance(minutes(70)).await;
    let mut said = world.said();
    said.sort();
    assert_eq!(said, ["bad", "bad/bad failed: script in line 2"]);
    assert_eq!(world.rows("hear").await, [(-1, Failed)]);
    assert_eq!(world.rows("other").await, [(-1, Ok)], "a failure of `hear` is nobody's business");
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_that_come_together_are_all_told() {
    let home = Home::new();
    let bad = |n: i32| format!("cron(\"0 * * * *\", \"bad-{n}\", || {{ throw \"no\"; }});\n");
    home.script("bad", (0..5).map(bad).collect::<String>());
    home.script("watch", r#"on_failure("hear", |what| { sleep("10s"); info(what.trigger); });"#);
    let mut world = home.start().await;
    world.advance(minutes(62)).await;
    assert_eq!(world.rows("hear").await, [(-1, Ok); 5], "one after the other");
    assert_eq!(world.said().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_reaches_everybody_who_listens() {
    let home = Home::new();
    home.script("player", r#"cron("0 * * * *", "play", || emit("playback", #{title: "x", since: now()}));"#);
    home.script("slow", r#"on_event("playback", "limit", |what| info(`${what.name} ${what.data.title} ${what.at}`));"#);
    home.script("typed", r#"on_event("playback", "typed", |what| info(`${now() - what.data.since}`));"#);
    home.script("deaf", r#"on_event("playback", #{name: "deaf", enabled: false}, || info("deaf"));"#);
    let mut world = home.start().await;
    world.advance(minutes(60)).await;
    let mut said = world.said();
    said.sort();
    assert_eq!(said, ["0ms", "playback x 2026-07-03 09:00"]);
    assert_eq!(world.rows("limit").await, [(-1, Ok)], "nothing was due");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_emits_nothing() {
    let home = Home::with("mode = \"watch\"");
    home.script("player", r#"cron("0 * * * *", "play", || emit("playback"));"#);
    home.script("slow", r#"on_event("playback", "limit", || info("heard"));"#);
    let mut world = home.start().await;
    world.advance(minutes(60)).await;
    assert_eq!(world.rows("limit").await, []);
    let held = world.lines("would");
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].message, "emit `playback`");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_tidegates_own_cannot_be_made_up() {
    let home = Home::new();
    home.script("liar", r#"cron("0 * * * *", "lie", || emit("ban", []));"#);
    let mut world = home.start().await;
    world.advance(minutes(60)).await;
    let row = world.history().await.pop().unwrap();
    assert!(row.error.unwrap().message.contains("only tidegate tells of"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_save_is_an_event() {
    let home = Home::new();
    home.script("guard", r#"cron("0 * * * *", "guard", || 1);"#);
    home.script("watch", r#"on_event("script.broken", "told", |e| info(`${e.data.script} line ${e.data.line}`));"#);
    let mut world = home.start().await;
    home.script("guard", "cron(\"0 * * * *\", \"guard\", || 1);\n\nlet x = ;");
    world.look().await;
    assert_eq!(world.said(), ["guard line 3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_now_is_told_at_the_start_and_at_each_change() {
    let home = Home::new();
    let script = r#"schedule([#{at: "0 6 * * *", up: 2.MiB}, #{at: "0 9 * * *", up: 1.MiB}, #{at: "0 10 * * *", up: 5.MiB}],
            "speed", |entry| info(`${now()}: ${entry.up}`));"#;
    home.script("speed", script);
    let mut world = home.start().await;
    world.advance(minutes(150)).await;
    let expected = ["2026-07-03 08:00: 2097152", "2026-07-03 09:00: 1048576", "2026-07-03 10:00: 5242880"];
    assert_eq!(world.said(), expected);
    assert_eq!(world.rows("speed").await, [(-1, Ok), (3600, Ok), (7200, Ok)]);

    // Another version of the script, the same entry in force.
    home.script("speed", format!("{script}\n// changed"));
    world.look().await;
    world.advance(minutes(1)).await;
    assert_eq!(world.said(), [""; 0]);
    // Another entry.
    home.script("speed", script.replace("5.MiB", "6.MiB"));
    world.look().await;
    assert_eq!(world.said().len(), 1);
    world.stop().await;
    // After a restart what holds must hold, and nothing is made up for.
    let mut world = home.start_at(START + minutes(24 * 60 + 90)).await;
    world.advance(minutes(1)).await;
    assert_eq!(world.said(), ["2026-07-04 09:30: 1048576"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_waits_until_something_is_so() {
    let home = Home::new();
    home.script(
        "wait",
        r#"cron("0 * * * *", #{name: "wait", timeout: "10m"}, || {
               let start = now();
               wait_until(|| now() - start >= 90.seconds, "5m");
               info(`${now() - start}`);
               try { wait_until(|| false, "30s"); } catch (e) { info(`${e.kind}: ${now() - start}`); }
           });
           cron("0 * * * *", #{name: "out", timeout: "20s"}, || wait_until(|| false, "5m"));"#,
    );
    let mut world = home.start().await;
    world.advance(minutes(65)).await;
    let said = world.said();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("1m 3") || said[0].starts_with("1m 4"), "{said:?}");
    assert!(said[1].starts_with("timeout: 2m"), "{said:?}");
    assert_eq!(world.rows("out").await, [(3600, State::TimedOut)], "the run's own time is up first");
}

#[test]
fn the_guides_list_every_event() {
    for guide in [include_str!("../../docs/guide.md"), include_str!("../../docs/guide.zh-CN.md")] {
        for event in &tidegate::events::EVENTS {
            assert!(guide.contains(&format!("\n| `{}` |", event.name)), "{}", event.name);
        }
    }
}
