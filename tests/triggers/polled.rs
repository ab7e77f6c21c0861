//! What the services have to say: asked for only while a script listens, and told once.

use tidegate::ledger::State::Ok;
use tidegate::sim::{Fault, Trouble};

use crate::harness::{Home, minutes};

const BAN: &str = r#"cron("*/10 * * * *", "ban", || pbh().bans_add([`203.0.113.${state.add("n", 1)}`]));"#;
const HEAR: &str = r#"on_event("ban", "hear", |what| {
    for row in what.data { info(`${row.pbh} ${row.peerIp} ${now() - row.banAt < 2.minutes}`); }
});"#;

/// Stops the VPS for a while, and what it takes to be allowed to.
const STOPS_A_WHILE: &str =
    r#"cron("12 8 * * *", "stop", || vps().stop()); cron("40 8 * * *", "start", || vps().start());"#;
const MAY_STOP: &str = "[script.stop]\nallow = [\"kiwivm:stop\", \"kiwivm:start\"]";

#[tokio::test(flavor = "multi_thread")]
async fn bans_are_told_once_over_restarts() {
    let home = Home::new();
    home.script("ban", BAN);
    let (mut world, sim) = home.start_in_sim().await;
    world.advance(minutes(15)).await;
    let asked = |id: &str| sim.world().requests().iter().filter(|request| request.id.as_deref() == Some(id)).count();
    assert_eq!((asked("bans_logs"), asked("general_status")), (0, 0), "nobody listens");
    home.script("hear", HEAR);
    world.look().await;
    world.advance(minutes(1)).await;
    assert_eq!(world.said(), [""; 0], "what was there before is no news");
    world.advance(minutes(9)).await;
    assert_eq!(world.said(), ["home 203.0.113.2 true"]);
    let mut world = home.restart_in_sim(world, &sim).await;
    world.advance(minutes(10)).await;
    assert_eq!(world.said(), ["home 203.0.113.3 true"]);
    assert_eq!(world.rows("hear").await, [(-1, Ok), (-1, Ok)]);
    let before = asked("bans_logs");
    home.remove("hear");
    world.look().await;
    world.look().await;
    world.advance(minutes(10)).await;
    assert_eq!(asked("bans_logs"), before, "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pbh_that_does_not_answer_is_told_once() {
    let home = Home::new();
    home.script("hear", r#"on_event("pbh.unreachable", "gone", |what| info(what.data.pbh));"#);
    let (mut world, sim) = home.start_in_sim().await;
    world.advance(minutes(2)).await;
    let drop_all = || Fault {
        service: Some("pbh".into()),
        instance: None,
        route: None,
        effect: Trouble::Drop,
        count: None,
        after: None,
        duration: None,
    };
    sim.world().fault(drop_all());
    world.advance(minutes(10)).await;
    assert_eq!(world.said(), ["home"]);
    let mut world = home.restart_in_sim(world, &sim).await;
    world.advance(minutes(10)).await;
    assert_eq!(world.said(), [""; 0], "also over a restart");
    sim.world().heal();
    world.advance(minutes(3)).await;
    sim.world().fault(drop_all());
    world.advance(minutes(10)).await;
    assert_eq!(world.said(), ["home"], "again after it answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vps_that_stops_is_told_once() {
    let home = Home::with(MAY_STOP);
    home.script("hear", r#"on_event("vps.stopped", "down", |what| info(`${what.data.vps} ${what.data.state}`));"#);
    home.script("stop", STOPS_A_WHILE);
    let (mut world, _sim) = home.start_in_sim().await;
    world.advance(minutes(11)).await;
    assert_eq!(world.said(), [""; 0]);
    world.advance(minutes(24)).await;
    assert_eq!(world.said(), ["tokyo stopped"]);
    world.advance(minutes(30)).await;
    assert_eq!(world.said(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_are_told_once_over_restarts() {
    let home = Home::new();
    home.script(
        "hear",
        r#"on_event("alert", "hear", |what| for row in what.data { info(`${row.pbh} ${row.title}`); });"#,
    );
    let (mut world, sim) = home.start_in_sim().await;
    world.advance(minutes(2)).await;
    assert_eq!(world.said(), [""; 0], "what was there before is no news");
    sim.world().raise_alert("the disk is full");
    world.advance(minutes(2)).await;
    assert_eq!(world.said(), ["home the disk is full"]);
    let mut world = home.restart_in_sim(world, &sim).await;
    world.advance(minutes(2)).await;
    assert_eq!(world.said(), [""; 0], "also over a restart");
    sim.world().raise_alert("a client is gone");
    sim.world().raise_alert("another one too");
    world.advance(minutes(2)).await;
    assert_eq!(world.said(), ["home a client is gone", "home another one too"]);
    assert_eq!(world.rows("hear").await, [(-1, Ok), (-1, Ok)], "those of one look come together");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pbh_that_was_started_anew_is_told_once() {
    let home = Home::new();
    home.script(
        "hear",
        r#"on_event("pbh.started", "up", |what| info(`${what.data.pbh} ${now() - what.data.started < 2.minutes}`));"#,
    );
    let (mut world, sim) = home.start_in_sim().await;
    world.advance(minutes(10)).await;
    assert_eq!(world.said(), [""; 0], "it runs since before");
    sim.world().restart_pbh();
    world.advance(minutes(10)).await;
    assert_eq!(world.said(), ["home true"]);
    let mut world = home.restart_in_sim(world, &sim).await;
    world.advance(minutes(10)).await;
    assert_eq!(world.said(), [""; 0], "also over a restart of ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_pbh_cannot_work_with_is_told_once() {
    let home = Home::with(MAY_STOP);
    home.script(
        "hear",
        r#"on_event("downloader.error", "down", |what| info(`${what.data.downloader} ${what.data.pbh} ${what.data.state}`));"#,
    );
    // The clients of a VPS that is stopped are gone.
    home.script("stop", STOPS_A_WHILE);
    let (mut world, _sim) = home.start_in_sim().await;
    world.advance(minutes(11)).await;
    assert_eq!(world.said(), [""; 0]);
    world.advance(minutes(24)).await;
    let mut said = world.said();
    said.sort();
    assert_eq!(said, ["tokyo-qb home ERROR", "tokyo-seed home ERROR"]);
    world.advance(minutes(30)).await;
    assert_eq!(world.said(), [""; 0]);
}
