//! What is due becomes a row, whatever becomes of it.

use tidegate::ledger::State;
use tidegate::time::{Duration, Time};

use crate::harness::{Home, START, minutes, seconds};

#[tokio::test(flavor = "multi_thread")]
async fn every_due_time_is_a_row() {
    let home = Home::new();
    home.script("tick", r#"cron("*/5 * * * *", "tick", || 42);"#);
    let mut world = home.start().await;
    world.advance(minutes(16)).await;
    assert_eq!(world.rows("tick").await, [(300, State::Ok), (600, State::Ok), (900, State::Ok)]);
    let next = world.trigger("tick", "tick").await.unwrap();
    assert_eq!((next.kind, next.next), ("cron", Some(START + minutes(20))));
    assert_eq!((next.last_state, next.last_ended), (Some(State::Ok), Some(START + minutes(15))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_registers_a_trigger_for_each_round() {
    let home = Home::new();
    home.script("loop", r#"for word in ["a", "b"] { cron("* * * * *", `say-${word}`, || info(word)); }"#);
    let mut world = home.start().await;
    world.advance(minutes(1)).await;
    let mut said = world.said();
    said.sort();
    assert_eq!(said, ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_is_decided_by_its_policy() {
    use State::{Missed, Ok};
    let home = Home::new();
    let script =
        |mode: &str| format!(r#"cron("0 * * * *", #{{name: "{mode}", missed: "{mode}"}}, || info("{mode}"));"#);
    home.script("hourly", ["last", "skip", "all"].map(script).join("\n"));
    let mut world = home.start().await;
    world.advance(minutes(60)).await;
    world.stop().await;

    // Down from 09:00 to 12:10: three due times have passed.
    let mut world = home.start_at(START + minutes(250)).await;
    world.advance(seconds(1)).await;
    let first = (3600, Ok);
    assert_eq!(world.rows("last").await, [first, (7200, Missed), (10_800, Missed), (14_400, Ok)]);
    assert_eq!(world.rows("skip").await, [first, (7200, Missed), (10_800, Missed), (14_400, Missed)]);
    assert_eq!(world.rows("all").await, [first, (7200, Ok), (10_800, Ok), (14_400, Ok)]);
    assert_eq!(world.lines("run_missed").len(), 2);
    world.advance(minutes(60)).await;
    assert_eq!(world.rows("skip").await.last(), Some(&(18_000, Ok)), "the schedule goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_due_time_does_not_run_twice() {
    let home = Home::new();
    home.script("tick", r#"cron("0 * * * *", "tick", || info("tick"));"#);
    let mut world = home.start().await;
    world.advance(minutes(60)).await;
    world.stop().await;
    // The clock of the new daemon is behind what has run already.
    let mut world = home.start_at(START + minutes(30)).await;
    world.advance(minutes(45)).await;
    assert_eq!(world.rows("tick").await, [(3600, State::Ok)]);
    assert!(world.said().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_runs_are_tried_again_as_attempts_of_one_row() {
    let home = Home::new();
    home.script(
        "flaky",
        r#"cron("0 * * * *", #{name: "flaky", retry: #{times: 3, wait: "10s"}}, || {
            if state.add("n", 1) < 3 { throw "not yet"; }
            info("done");
        });"#,
    );
    let mut world = home.start().await;
    world.advance(minutes(60) + seconds(29)).await;
    assert_eq!(world.rows("flaky").await, [(3600, State::Running)]);
    world.advance(seconds(1)).await;
    assert_eq!(world.said(), ["done"]);
    let rows = world.history().await;
    assert_eq!((rows.len(), rows[0].state, rows[0].attempt), (1, State::Ok, 3), "after 10 and 20 seconds");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_keeps_its_place_and_its_calls() {
    let home = Home::new();
    home.script("bad", "cron(\"0 * * * *\", \"bad\", || {\n    throw \"no\";\n});");
    let mut world = home.start().await;
    world.advance(minutes(60)).await;
    let row = world.history().await.pop().unwrap();
    let error = row.error.unwrap();
    assert_eq!((row.state, error.kind), (State::Failed, tidegate::error::Kind::Script));
    assert_eq!(error.line, Some(2));
    let line = world.lines("run_finished").pop().unwrap();
    assert!(line.message.contains("bad.rhai:2:"), "{}", line.message);
    assert!(line.message.contains("    throw \"no\";"), "the line itself is shown: {}", line.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn chance_moves_the_run_and_not_the_due_time() {
    let home = Home::new();
    home.script("spread", r#"cron("0 * * * *", #{name: "spread", jitter: "10m"}, || 1);"#);
    let mut world = home.start().await;
    world.advance(minutes(71)).await;
    let row = world.history().await.pop().unwrap();
    assert_eq!(row.scheduled, Some(START + minutes(60)));
    let late = row.started.unwrap() - row.scheduled.unwrap();
    assert!(late >= Duration::ZERO && late <= minutes(10), "{late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_takes_too_long_is_ended() {
    let home = Home::new();
    home.script(
        "slow",
        r#"cron("0 * * * *", #{name: "sleeps", timeout: "5s"}, || sleep("1h"));
           cron("0 * * * *", #{name: "well"}, || 1);"#,
    );
    let mut world = home.start().await;
    world.advance(minutes(60) + seconds(5)).await;
    assert_eq!(world.rows("sleeps").await, [(3600, State::TimedOut)]);
    assert_eq!(world.rows("well").await, [(3600, State::Ok)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_can_be_switched_off_in_the_script() {
    let home = Home::new();
    home.script("off", r#"every("1m", #{name: "off", enabled: false}, || 1);"#);
    let mut world = home.start().await;
    world.advance(minutes(3)).await;
    let trigger = world.trigger("off", "off").await.unwrap();
    assert!(trigger.off.is_some() && trigger.next.is_none());
    assert!(world.history().await.is_empty());
}

/// Two years with a leap day, in two zones with their four change days each, through the real scheduler.
#[tokio::test(flavor = "multi_thread")]
async fn two_years_pass_and_every_due_time_has_its_run() {
    let home = Home::new();
    let mix = [
        ("night", "30 2 * * *", "Europe/Berlin"),
        ("rhythm", "*/20 1-2 28-31 3,10 *", "Europe/Berlin"),
        ("morning", "15 7 * * MON-FRI", "America/New_York"),
        ("twice", "30 1 * * *", "America/New_York"),
        ("last", "0 0 L * *", "UTC"),
        ("second", "0 12 * * MON#2", "UTC"),
        ("leap", "0 0 29 2 *", "UTC"),
    ];
    let text = mix.map(|(name, expression, zone)| {
        format!("cron(\"{expression}\", #{{name: \"{name}\", timezone: \"{zone}\", missed: \"all\"}}, || 1);")
    });
    home.script("mix", text.join("\n") + "every(\"12h\", \"half\", || 1);");
    let from = Time::parse("2027-03-01", chrono_tz::Tz::UTC).unwrap();
    let to = Time::parse("2029-03-01", chrono_tz::Tz::UTC).unwrap();
    let begun = std::time::Instant::now();
    let mut world = home.start_in_memory(from).await;
    world.until(to).await;
    println!("two years took {} ms", begun.elapsed().as_millis());
    let rows = world.history().await;
    assert!(rows.iter().all(|row| row.state == State::Ok), "none was late");
    let due = |trigger: &str| -> Vec<Time> {
        rows.iter().filter(|row| row.trigger == trigger).map(|row| row.scheduled.unwrap()).collect()
    };
    for (name, expression, zone) in mix {
        let zone: chrono_tz::Tz = zone.parse().unwrap();
        let expected: Vec<_> = {
            let cron = tidegate::schedule::Cron::parse(expression, zone, from).unwrap();
            std::iter::successors(cron.next(from), |last| cron.next(*last)).take_while(|due| *due <= to).collect()
        };
        assert_eq!(due(name), expected, "{name}");
    }
    // Counted by hand, not by the same code.
    assert_eq!(due("night").len(), 731);
    assert_eq!(due("twice").len(), 731);
    assert_eq!(due("half").len(), 1462);
    assert_eq!(due("last").len(), 24);
    let local = |time: &Time, zone: &str| time.rfc3339(zone.parse().unwrap());
    assert_eq!(due("leap").iter().map(|time| local(time, "UTC")).collect::<Vec<_>>(), ["2028-02-29T00:00:00Z"]);
    let on = |trigger: &str, zone: &str, day: &str| -> Vec<String> {
        due(trigger).iter().map(|time| local(time, zone)).filter(|time| time.starts_with(day)).collect()
    };
    assert_eq!(on("night", "Europe/Berlin", "2028-03-26"), ["2028-03-26T03:00:00+02:00"]);
    assert_eq!(on("night", "Europe/Berlin", "2028-10-29"), ["2028-10-29T02:30:00+02:00"]);
    assert_eq!(on("twice", "America/New_York", "2027-11-07"), ["2027-11-07T01:30:00-04:00"]);
    assert_eq!(on("rhythm", "Europe/Berlin", "2027-10-31").len(), 9, "the hour that comes twice has six");
    assert_eq!(on("rhythm", "Europe/Berlin", "2027-03-28").len(), 3, "the hour that does not exist has none");
}
