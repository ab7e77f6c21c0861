//! `at`: once, at a time of its own; and what a run asks to fire later.

use tidegate::error::Kind;
use tidegate::ledger::State::{self, Missed, Ok};

use crate::harness::{Home, START, minutes};

const DAY: i64 = 24 * 60;

#[tokio::test(flavor = "multi_thread")]
async fn a_time_of_day_is_the_next_one_and_once() {
    let home = Home::new();
    let script = r#"at("08:30", "half", |what| info(`${what.name} at ${what.at}`));"#;
    home.script("once", script);
    let mut world = home.start().await;
    assert_eq!(world.trigger("once", "half").await.unwrap().next, Some(START + minutes(30)));
    world.advance(minutes(31)).await;
    assert_eq!(world.said(), ["half at 2026-07-03 08:30"]);
    let done = world.trigger("once", "half").await.unwrap();
    assert_eq!((done.kind, done.expression.as_deref(), done.next, done.off), ("at", Some("08:30"), None, None));

    // Neither another version nor another daemon makes tomorrow of it.
    home.script("once", format!("{script}\n// changed"));
    world.look().await;
    assert_eq!(world.trigger("once", "half").await.unwrap().next, None);
    world.stop().await;
    let mut world = home.start_at(START + minutes(DAY + 29)).await;
    assert_eq!(world.trigger("once", "half").await.unwrap().next, None);
    world.advance(minutes(2)).await;
    assert_eq!(world.rows("half").await, [(1800, Ok)]);

    // Another time is another one.
    home.script("once", script.replace("08:30", "08:45"));
    world.look().await;
    world.advance(minutes(15)).await;
    assert_eq!(world.rows("half").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_passed_while_nobody_was_there_is_decided_by_its_policy() {
    let home = Home::new();
    home.script(
        "once",
        r#"at("2026-07-03 09:00", "late", || info("late"));
           at("2026-07-03 09:00", #{name: "strict", missed: "skip"}, || info("strict"));
           at(parse_time("2026-07-03 07:00"), "past", || info("past"));"#,
    );
    let world = home.start().await;
    let warnings = world.lines("warning");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].message.contains("has passed"), "{}", warnings[0].message);
    world.stop().await;
    let mut world = home.start_at(START + minutes(120)).await;
    world.advance(minutes(5)).await;
    assert_eq!(world.rows("late").await, [(3600, Ok)]);
    assert_eq!(world.rows("strict").await, [(3600, Missed)]);
    assert_eq!(world.rows("past").await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_asks_for_later_outlives_the_daemon() {
    let home = Home::new();
    home.script(
        "later",
        r#"cron("0 0 1 1 *", "give-back", |what| info(`${what.data.who}, ${now() - what.data.since} later`));
           on_start("ask", || {
               if state.once("asked", "1d") {
                   at(now() + 10.minutes, "give-back", #{who: "guard", since: now()});
                   at("08:20", "give-back", #{who: "again", since: now()});
               }
           });"#,
    );
    let mut world = home.start().await;
    world.advance(minutes(5)).await;
    assert_eq!(world.rows("give-back").await, []);
    world.stop().await;
    let mut world = home.start_at(START + minutes(6)).await;
    world.advance(minutes(20)).await;
    assert_eq!(world.said(), ["guard, 10m later", "again, 20m later"]);
    assert_eq!(world.rows("give-back").await, [(600, Ok), (1200, Ok)]);
    world.stop().await;
    let mut world = home.start_at(START + minutes(30)).await;
    world.advance(minutes(60)).await;
    assert_eq!(world.rows("give-back").await.len(), 2, "and each of them once");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_fire_later_is_an_error_at_once() {
    let home = Home::new();
    home.script(
        "later",
        r#"cron("0 * * * *", "give-back", || 1);
           cron("1 * * * *", "typo", || at(now() + 1.minutes, "giveback"));
           cron("2 * * * *", "past", || at(now() - 1.minutes, "give-back"));
           cron("3 * * * *", "load", || at("09:00", "new", || 1));"#,
    );
    let mut world = home.start().await;
    world.advance(minutes(10)).await;
    let history = world.history().await;
    let error = |trigger: &str| {
        let row = history.iter().find(|row| row.trigger == trigger).unwrap();
        assert_eq!(row.state, State::Failed);
        row.error.clone().unwrap()
    };
    let typo = error("typo");
    assert_eq!(typo.kind, Kind::Argument);
    assert!(typo.message.contains("no trigger `giveback`"), "{}", typo.message);
    assert!(typo.hint.as_deref().unwrap().contains("`give-back`"));
    assert!(error("past").message.contains("has passed"));
    assert_eq!(error("load").kind, Kind::Permission, "a closure cannot be kept over a restart");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_for_and_came_too_late_is_missed() {
    let home = Home::new();
    home.script(
        "later",
        r#"on_event("never", "give-back", || info("back"));
           on_start("ask", || if state.once("asked", "9d") { at(now() + 1.hours, "give-back"); });"#,
    );
    let mut world = home.start().await;
    world.advance(minutes(1)).await;
    world.stop().await;
    let mut world = home.start_at(START + minutes(2 * DAY)).await;
    world.advance(minutes(5)).await;
    assert_eq!(world.rows("give-back").await, [(3600, Missed)]);
    assert_eq!(world.lines("run_missed").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_was_never_due_yet_is_missed_too() {
    let home = Home::new();
    home.script("daily", r#"cron("0 12 * * *", "noon", || info("noon"));"#);
    let mut world = home.start().await;
    world.advance(minutes(60)).await;
    world.stop().await;
    let mut world = home.start_at(START + minutes(5 * 60)).await;
    world.advance(minutes(1)).await;
    assert_eq!(world.rows("noon").await, [(4 * 3600, Ok)], "an hour late, at the first start after it");
    world.stop().await;
    // A schedule that was another one meanwhile has nothing to make up for.
    home.script("daily", r#"cron("0 18 * * *", "noon", || info("noon"));"#);
    let mut world = home.start_at(START + minutes(12 * 60)).await;
    world.advance(minutes(1)).await;
    assert_eq!(world.rows("noon").await.len(), 1);
}
