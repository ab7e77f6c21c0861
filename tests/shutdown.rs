//! The daemon ends in good order.

use tidegate::error::Kind;
use tidegate::ledger::State::{self, Cancelled, Ok};
use tidegate::time::Duration;

use crate::harness::{Home, World, minutes, seconds};

/// A daemon in whose first minute a run has begun that takes so long.
async fn world(home: &Home, takes: &str) -> World {
    let script = format!(
        r#"cron("* * * * *", #{{name: "slow", overlap: "queue", timeout: "1h"}}, || {{ sleep("{takes}"); info("done"); }});"#
    );
    home.script("slow", script);
    let mut world = home.start().await;
    world.advance(minutes(1)).await;
    world
}

async fn states(home: &Home) -> Vec<State> {
    // The daemon is gone; its rows are read as any other process would.
    let world = home.start().await;
    world.rows("slow").await.into_iter().map(|(_, state)| state).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_going_on_ends_at_once() {
    let home = Home::new();
    let world = home.start().await;
    let (took, journal) = world.stop().await;
    assert_eq!(took, Duration::ZERO);
    assert_eq!(journal.lines().last().unwrap().event, "shutdown");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_may_end_within_the_grace() {
    let home = Home::with("[limits]\ngrace = \"20s\"");
    let world = world(&home, "10s").await;
    let (took, journal) = world.stop().await;
    assert_eq!(took, seconds(10) - Duration::from_millis(1));
    assert!(journal.lines().iter().any(|line| line.message == "done"));
    assert_eq!(states(&home).await, [Ok]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_longer_is_cancelled_after_the_grace() {
    let home = Home::with("[limits]\ngrace = \"20s\"");
    let mut world = world(&home, "30m").await;
    world.advance(minutes(1)).await;
    let (took, journal) = world.stop().await;
    assert_eq!(took, seconds(20));
    assert!(journal.lines().iter().all(|line| line.message != "done"));
    let ends: Vec<_> = journal.lines().into_iter().filter(|line| line.event == "run_finished").collect();
    assert!(ends.iter().any(|line| line.message == "cancelled"), "{ends:?}");
    assert_eq!(states(&home).await, [Cancelled, Cancelled], "the one that waited in the queue too");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_signal_cancels_at_once() {
    let home = Home::with("[limits]\ngrace = \"20s\"");
    let world = world(&home, "30m").await;
    assert!(!world.daemon.status().await.unwrap().stopping);
    world.daemon.stop();
    assert!(world.daemon.status().await.unwrap().stopping);
    let (took, _) = world.stop().await;
    assert_eq!(took, Duration::ZERO);
    assert_eq!(states(&home).await, [Cancelled]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_new_begins_while_it_ends() {
    let home = Home::with("[limits]\ngrace = \"10m\"");
    let world = world(&home, "5m").await;
    let (took, _) = world.stop().await;
    assert_eq!(took, minutes(5) - Duration::from_millis(1));
    assert_eq!(states(&home).await, [Ok]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_daemon_for_each_data_folder() {
    let home = Home::new();
    let world = home.start().await;
    let error = tidegate::daemon::Daemon::start(world.host.clone(), tidegate::daemon::Options::default()).await;
    let error = error.err().expect("the folder is taken");
    assert_eq!(error.kind, Kind::Config);
}
