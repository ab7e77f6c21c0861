//! Failures in a row switch a trigger off.

use tidegate::ledger::State::{Failed, Ok};

use crate::harness::{Home, START, World, minutes};

const BAD: &str = r#"cron("*/10 * * * *", "bad", || if shared_state.get("well") != true { throw "no"; });"#;

async fn off(world: &World) -> Option<String> {
    world.trigger("bad", "bad").await.unwrap().off
}

fn told(world: &World) -> (usize, usize) {
    (world.lines("trigger_off").len(), world.lines("trigger_on").len())
}

fn messages(world: &World) -> Vec<String> {
    world.lines("notify").into_iter().map(|line| line.message).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_in_a_row_switch_a_trigger_off_until_a_new_version() {
    let home = Home::with("[limits]\nfailures = 3\n[notify.console]\ntype = \"log\"");
    home.script("bad", BAD);
    home.script("watch", r#"on_event("trigger.off", "told", |e| info(`${e.data.trigger} ${e.data.failures}`));"#);
    let mut world = home.start().await;
    world.advance(minutes(61)).await;
    assert_eq!(world.rows("bad").await, [(600, Failed), (1200, Failed), (1800, Failed)]);
    assert_eq!(off(&world).await.as_deref(), Some("3 failures in a row"));
    assert_eq!(told(&world), (1, 0), "one message");
    assert_eq!(
        messages(&world),
        ["bad: bad is off: The trigger `bad` of `bad` was switched off: 3 failures in a row; the last one: no."]
    );
    assert_eq!(world.lines("log").iter().map(|line| line.message.as_str()).collect::<Vec<_>>(), ["bad 3"]);
    world.stop().await;

    // Over a restart it stays off, and nothing is made up for.
    let mut world = home.start_at(START + minutes(120)).await;
    world.advance(minutes(30)).await;
    assert_eq!((world.rows("bad").await.len(), told(&world)), (3, (0, 0)));
    assert!(off(&world).await.is_some());

    // A new version is another chance, and its first success a message.
    home.script("bad", r#"cron("*/10 * * * *", "bad", || 1);"#);
    world.look().await;
    assert_eq!(off(&world).await, None);
    world.advance(minutes(20)).await;
    assert_eq!(told(&world), (0, 1), "the first success");
    assert!(world.rows("bad").await[3..].iter().all(|(_, state)| *state == Ok));
    assert_eq!(messages(&world), ["bad: bad is on again: The trigger `bad` of `bad` is on again."], "one message");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_in_between_begins_the_count_anew() {
    let home = Home::with("[limits]\nfailures = 3");
    home.script("bad", r#"cron("*/10 * * * *", "bad", || if state.add("n", 1) % 3 != 0 { throw "no"; });"#);
    let mut world = home.start().await;
    world.advance(minutes(35)).await;
    world.stop().await;
    let mut world = home.start_at(START + minutes(35)).await;
    world.advance(minutes(120)).await;
    assert_eq!((off(&world).await, told(&world)), (None, (0, 0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_counted_over_restarts() {
    let home = Home::with("[limits]\nfailures = 3");
    home.script("bad", BAD);
    let mut world = home.start().await;
    world.advance(minutes(21)).await;
    world.stop().await;
    let mut world = home.start_at(START + minutes(21)).await;
    world.advance(minutes(10)).await;
    assert_eq!(off(&world).await.as_deref(), Some("3 failures in a row"));
}

#[tokio::test(flavor = "multi_thread")]
async fn zero_is_never() {
    let home = Home::with("[limits]\nfailures = 0");
    home.script("bad", BAD);
    let mut world = home.start().await;
    world.advance(minutes(301)).await;
    assert_eq!(world.rows("bad").await.len(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_by_hand_that_goes_well_switches_it_on() {
    let home = Home::with("[limits]\nfailures = 2");
    home.script("bad", BAD);
    home.script("mend", r#"cron("35 8 * * *", "mend", || shared_state.set("well", true));"#);
    let mut world = home.start().await;
    world.advance(minutes(25)).await;
    assert!(off(&world).await.is_some());
    let doors = world.daemon.handle();
    let failed = doors.trigger("bad", "bad", serde_json::Value::Null).await.unwrap();
    assert_eq!(failed.outcome.await.unwrap().state, Failed);
    assert!(off(&world).await.is_some(), "another failure changes nothing");
    world.advance(minutes(12)).await;
    let well = doors.trigger("bad", "bad", serde_json::Value::Null).await.unwrap();
    assert_eq!(well.outcome.await.unwrap().state, Ok);
    assert_eq!(off(&world).await, None);
    assert_eq!(told(&world), (1, 1));
    world.advance(minutes(10)).await;
    assert_eq!(world.rows("bad").await.last(), Some(&(2400, Ok)), "it goes on where it is, and makes up for nothing");
}
