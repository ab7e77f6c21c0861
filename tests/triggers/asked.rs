//! What others may ask of the daemon while it runs.

use serde_json::{Value, json};
use tidegate::daemon::doors::Refusal;
use tidegate::ledger::State::{Cancelled, Ok, Running, Skipped};
use tidegate::sim::{Fault, Trouble};
use tidegate::time::{Clock as _, Duration};

use crate::harness::{Home, START, minutes, seconds};

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_runs_now_under_the_same_guards() {
    let home = Home::new();
    home.script("slow", r#"cron("0 0 * * *", "slow", |what| { sleep("30s"); what.data.n + 1 });"#);
    let mut world = home.start().await;
    let doors = world.daemon.handle();
    let begun = doors.trigger("slow", "slow", json!({"n": 1})).await.unwrap();
    assert!(matches!(doors.trigger("slow", "slow", Value::Null).await, Err(Refusal::Busy)));
    assert!(matches!(doors.trigger("slow", "nope", Value::Null).await, Err(Refusal::Unknown)));
    world.advance(seconds(31)).await;
    let outcome = begun.outcome.await.unwrap();
    assert_eq!((outcome.state, outcome.returned.value), (Ok, json!(2)));
    let states: Vec<_> = world.rows("slow").await.into_iter().map(|(_, state)| state).collect();
    // Both rows are of the same moment.
    assert!(states == [Ok, Skipped] || states == [Skipped, Ok], "{states:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_cancelled_whether_it_works_or_waits() {
    let home = Home::new();
    home.script("slow", r#"cron("* * * * *", #{name: "slow", overlap: "queue", timeout: "10m"}, || sleep("5m"));"#);
    let mut world = home.start().await;
    world.advance(minutes(2)).await;
    let ids: Vec<_> = world.history().await.into_iter().map(|row| row.id).collect();
    assert_eq!(ids.len(), 2);
    let doors = world.daemon.handle();
    assert!(doors.cancel(&ids[1]).await && doors.cancel(&ids[0]).await);
    assert!(!doors.cancel("nope").await);
    world.advance(seconds(1)).await;
    assert_eq!(world.rows("slow").await, [(60, Cancelled), (120, Cancelled)]);
    world.advance(minutes(1)).await;
    assert_eq!(world.rows("slow").await.last(), Some(&(180, Running)), "the schedule goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_reaches_a_call_that_waits_inside_wait_until() {
    let home = Home::new();
    home.script(
        "waits",
        r#"cron("0 9 * * *", #{name: "sleeps", timeout: "8h"}, || wait_until(|| { sleep("2h"); true }, "6h"));
           cron("0 9 * * *", #{name: "asks", timeout: "8h"}, || wait_until(|| { pbh().general_status(); false }, "6h"));"#,
    );
    let (mut world, sim) = home.start_in_sim().await;
    sim.world().fault(Fault::new(Trouble::Latency(seconds(8))).on("pbh"));
    world.advance(minutes(60) + seconds(4)).await;
    let rows = world.history().await;
    assert!(rows.len() == 2 && rows.iter().all(|row| row.state == Running), "{rows:?}");
    let (doors, now) = (world.daemon.handle(), world.clock.now());
    for row in &rows {
        assert!(doors.cancel(&row.id).await);
    }
    // A person cancels in real time, which the clock does not wait for.
    let mut rows = world.history().await;
    while rows.iter().any(|row| row.state == Running) {
        std::thread::sleep(std::time::Duration::from_millis(2));
        world.advance(Duration::from_millis(1)).await;
        rows = world.history().await;
    }
    assert!(rows.iter().all(|row| row.state == Cancelled), "{rows:?}");
    // Neither the two hours nor the answer were waited for.
    assert!(rows.iter().all(|row| row.ended.is_some_and(|ended| ended - now <= seconds(1))), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_switches_off_stays_off() {
    let home = Home::new();
    let script = r#"cron("*/10 * * * *", "tick", || 1);  on_event("x", "ear", || 1);"#;
    home.script("tick", script);
    let mut world = home.start().await;
    let doors = world.daemon.handle();
    doors.off("tick", "tick").await.unwrap();
    doors.off("tick", "ear").await.unwrap();
    assert!(matches!(doors.off("tick", "nope").await, Err(Refusal::Unknown)));
    world.advance(minutes(15)).await;
    world.stop().await;
    let mut world = home.start_at(START + minutes(20)).await;
    home.script("tick", format!("{script}\n// changed"));
    world.look().await;
    world.advance(minutes(15)).await;
    assert_eq!(world.rows("tick").await, [], "neither a restart nor a new version changes a person's mind");
    assert_eq!(world.trigger("tick", "tick").await.unwrap().off.as_deref(), Some("switched off by hand"));
    let doors = world.daemon.handle();
    doors.on("tick", "tick").await.unwrap();
    world.advance(minutes(10)).await;
    assert_eq!(world.rows("tick").await, [(2400, Ok)]);
}
