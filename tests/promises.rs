//! What outlives the run that promised it: bans and holds end by themselves.

use crate::harness::{Home, minutes, seconds};

const ADDRESS: &str = "203.0.113.77";

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_is_lifted_when_it_expires() {
    let home = Home::new();
    home.script("ban", format!(r#"cron("1 8 * * *", "ban", || pbh().ban(["{ADDRESS}"], #{{duration: "30m"}}));"#));
    let (mut world, sim) = home.start_in_sim().await;
    let banned = || sim.world().snapshot().bans.iter().any(|ban| ban.contains(ADDRESS));
    world.advance(minutes(2)).await;
    assert!(banned(), "{:?}", world.history().await);
    world.advance(minutes(28)).await;
    assert!(banned());
    world.advance(minutes(2)).await;
    assert!(!banned());
    assert_eq!(world.lines("expired").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_released_when_it_expires() {
    let home = Home::new();
    let script = r#"cron("1 8 * * *", "stop", || all_downloaders().stop_transfers(#{duration: "30m"}));"#;
    home.script("stop", script);
    let (mut world, sim) = home.start_in_sim().await;
    let stopped = || sim.world().snapshot().downloaders.iter().all(|downloader| downloader.stopped);
    assert!(!stopped());
    world.advance(minutes(2)).await;
    assert!(stopped(), "{:?}", world.history().await);
    world.advance(minutes(32)).await;
    assert!(!stopped(), "{:?}", world.journal.lines());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_promises_nothing() {
    let home = Home::new();
    home.script("ban", format!(r#"cron("1 8 * * *", "ban", || pbh().ban(["{ADDRESS}"], #{{duration: "30m"}}));"#));
    let (mut world, sim) = home.dry_in_sim().await;
    world.advance(minutes(1) + seconds(5)).await;
    let row = world.history().await.pop().unwrap();
    assert!(!row.changed && row.error.is_none(), "{row:?}");
    assert_eq!(world.lines("would").len(), 1);
    assert!(sim.world().snapshot().bans.iter().all(|ban| !ban.contains(ADDRESS)));
}
