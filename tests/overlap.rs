//! A trigger is due while its last run is still going.

use tidegate::ledger::State::{self, Cancelled, Ok, Running, Skipped};

use crate::harness::{Home, World, minutes, seconds};

/// Due every minute, busy for a minute and a half.
async fn world(overlap: &str) -> (Home, World) {
    let home = Home::new();
    let script =
        format!(r#"cron("* * * * *", #{{name: "slow", overlap: "{overlap}", timeout: "5m"}}, || sleep("90s"));"#);
    home.script("slow", script);
    let mut world = home.start().await;
    world.advance(minutes(4) + seconds(20)).await;
    (home, world)
}

fn due(rows: &[(i64, State)]) -> Vec<State> {
    assert!(rows.iter().map(|(due, _)| *due).eq((1..=rows.len()).map(|n| 60 * i64::try_from(n).unwrap())));
    rows.iter().map(|(_, state)| *state).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn skip_leaves_a_row() {
    let (_home, world) = world("skip").await;
    assert_eq!(due(&world.rows("slow").await), [Ok, Skipped, Running, Skipped]);
    assert_eq!(world.trigger("slow", "slow").await.unwrap().skipped, 2);
    assert_eq!(world.lines("run_skipped").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn queue_runs_one_after_the_other() {
    let (_home, world) = world("queue").await;
    assert_eq!(due(&world.rows("slow").await), [Ok, Ok, Running, State::Due]);
    let rows = world.history().await;
    assert_eq!(rows[1].started, rows[0].ended);
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_runs_side_by_side() {
    let (_home, world) = world("parallel").await;
    assert_eq!(due(&world.rows("slow").await), [Ok, Ok, Running, Running]);
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_ends_the_run_before() {
    let (_home, world) = world("restart").await;
    assert_eq!(due(&world.rows("slow").await), [Cancelled, Cancelled, Cancelled, Running]);
}
