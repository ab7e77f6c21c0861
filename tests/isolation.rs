//! Scripts neither hold each other up nor bring the program down.

use tidegate::error::Kind;
use tidegate::ledger::State;

use crate::harness::{Home, minutes, seconds};

#[tokio::test(flavor = "multi_thread")]
async fn scripts_take_turns() {
    let home = Home::with("[limits]\nruns = 1");
    home.script(
        "a",
        r#"for n in 0..20 { cron("0 * * * *", `a-${n}`, || { let x = 0; while x < 50000 { x += 1; } }); }"#,
    );
    home.script("b", r#"cron("0 * * * *", "b", || 1);"#);
    let mut world = home.start().await;
    world.advance(minutes(60)).await;
    let begun: Vec<_> = world.lines("run_started").into_iter().filter_map(|line| line.script).collect();
    assert_eq!(begun.len(), 21);
    let turn = begun.iter().position(|script| script == "b").unwrap();
    assert!(turn < 10, "b came after {turn} runs of a");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waits_gives_its_place_away() {
    let home = Home::with("[limits]\nruns = 1");
    home.script("a", r#"for n in 0..20 { cron("0 * * * *", `sleeps-${n}`, || { sleep("10s"); sleep("10s"); }); }"#);
    home.script("b", r#"cron("5 0 9 * * *", "b", || info("b"));"#);
    let mut world = home.start().await;
    world.advance(minutes(60) + seconds(5)).await;
    assert_eq!(world.said(), ["b"]);
    world.advance(seconds(15)).await;
    let rows = world.history().await;
    assert!(rows.iter().all(|row| row.state == State::Ok), "{rows:?}");
    assert_eq!(rows.len(), 21);
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_closures_share_the_place_of_their_run() {
    let home = Home::with("[limits]\nruns = 1");
    home.script(
        "a",
        r#"cron("0 * * * *", "all", || {
            let done = parallel([1, 2, 3, 4], |n| { sleep("10s"); n * 2 });
            info(`${done}`);
        });"#,
    );
    let mut world = home.start().await;
    world.advance(minutes(60) + seconds(10)).await;
    assert_eq!(world.said(), ["[2, 4, 6, 8]"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_recursion_is_one_failed_run() {
    let home = Home::new();
    home.script(
        "deep",
        r#"fn deep(n) { if n == 0 { 0 } else { let a = [#{b: 1 + deep(n - 1)}]; a[0].b } }
           cron("0 * * * *", "endless", || deep(1000000));
           cron("0 * * * *", "deep", || deep(50));"#,
    );
    let mut world = home.start().await;
    world.advance(minutes(60)).await;
    let rows = world.history().await;
    let row = |trigger: &str| rows.iter().find(|row| row.trigger == trigger).unwrap();
    assert_eq!(row("deep").state, State::Ok, "{:?}", row("deep").error);
    assert_eq!(row("endless").error.as_ref().map(|error| error.kind), Some(Kind::Limit));
}
