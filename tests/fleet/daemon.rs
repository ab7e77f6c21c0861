//! The daemon beside its scripts: the series it fills, the guard that it runs, and what scripts read of both.

use serde_json::Value;
use tidegate::sim::{Fault, Scenario, Sim, Trouble};

use crate::harness::{Home, World, minutes};

const GIB: u64 = 1 << 30;

/// The demo's world with so much of its 1000 GiB used, and a reset far away.
fn used(gib: u64) -> Scenario {
    let mut scenario = Scenario::default();
    scenario.vps[0].used = gib * GIB;
    scenario
}

/// How often the provider was asked for its counter, and a client for its totals.
fn asked(sim: &Sim) -> (usize, usize) {
    let requests = sim.world().requests();
    let row = requests.iter().filter(|request| request.id.as_deref() == Some("get_service_info")).count();
    let totals =
        |request: &&tidegate::sim::Request| request.instance == "tokyo-qb" && request.path.ends_with("sync/maindata");
    (row, requests.iter().filter(totals).count())
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_are_read_every_five_minutes_and_every_minute_near_the_end() {
    for (gib, expected) in [(500, 6..=7), (930, 29..=31)] {
        let home = Home::new();
        let (mut world, sim) = home.start_in(used(gib), "").await;
        world.advance(minutes(2)).await;
        sim.world().forget();
        world.advance(minutes(30)).await;
        let (vps, client) = asked(&sim);
        assert!(expected.contains(&vps) && expected.contains(&client), "{gib} GiB: {vps} and {client}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_points_of_kiwivm_are_left_to_scripts() {
    let home = Home::new();
    // Eight hundred and more in one go; what is left is told by the service itself.
    home.script("greedy", r#"on_start("greedy", || { for n in 0..820 { vps().get_rate_limit_status(); } });"#);
    let (mut world, sim) = home.start_in(used(930), "").await;
    world.advance(minutes(1)).await;
    sim.world().forget();
    world.advance(minutes(10)).await;
    assert_eq!(asked(&sim).0, 0, "{:?}", world.said());
    // The quarter of an hour is over, and with it the shortage.
    world.advance(minutes(10)).await;
    assert!(asked(&sim).0 > 3);
}

async fn said_after(world: &mut World, script: &Home, name: &str, text: &str) -> Value {
    script.script(name, format!("cron(\"* * * * *\", \"{name}\", || {{ {text} }});"));
    world.look().await;
    world.advance(minutes(1)).await;
    let said = world.said();
    let line = said.first().unwrap_or_else(|| panic!("{name} said nothing"));
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_read_what_was_moved_and_where_the_month_goes() {
    let home = Home::new();
    let (mut world, sim) = home.start_in(used(500), "").await;
    // From the first reading on, so that spans and readings fit.
    world.advance(minutes(10)).await;
    let before = sim.world().snapshot();
    world.advance(minutes(110)).await;
    let ask = "let v = vps(\"tokyo\"); let d = downloader(\"tokyo-qb\");
        let t = v.traffic(#{last: \"1h\"}); let c = d.traffic(#{last: \"1h\"});
        let f = v.data_forecast(#{last: \"90m\"}); let l = v.live_usage(); let u = v.data_usage();
        info(`{\"total\": ${t.total}, \"client\": ${c.sent}, \"gaps\": ${c.gaps}, \"per_day\": ${f.bytes_per_day},
            \"samples\": ${f.samples}, \"live\": ${l.used}, \"counted\": ${l.counted}, \"missing\": ${l.missing.len()}, \"used\": ${u.used}}`);";
    let told = said_after(&mut world, &home, "ask", ask).await;
    let number = |key: &str| told[key].as_f64().unwrap();
    let after = sim.world().snapshot();
    let seconds = (after.at - before.at).seconds();
    let float = |number: u64| Value::from(number).as_f64().unwrap();
    let truth = |after: u64, before: u64| float(after - before) / seconds;
    let near =
        |key: &str, told: f64, truth: f64| assert!((told / truth - 1.0).abs() < 0.1, "{key}: {told} and {truth}");
    let vps = truth(after.vps[0].used, before.vps[0].used);
    near("traffic", number("total") / 3600.0, vps);
    near("forecast", number("per_day") / 86_400.0, vps);
    near("client", number("client") / 3600.0, truth(after.downloaders[0].uploaded, before.downloaders[0].uploaded));
    assert_eq!((number("gaps"), number("missing")), (0.0, 0.0), "{told}");
    assert!(number("samples") >= 15.0 && number("live") >= number("counted"), "{told}");
    near("live", number("live"), float(after.vps[0].used));
}

/// The guard as it is shipped, with one constant changed.
fn guard(change: (&str, &str)) -> String {
    let script = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/quota-guard.rhai")).unwrap();
    assert!(script.contains(change.0));
    script.replace(change.0, change.1)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guard_fails_closed_where_it_is_told_to() {
    for (closed, stops) in [("FAIL_CLOSED = true", true), ("FAIL_CLOSED = false", false)] {
        let home = Home::new();
        home.script("guard", guard(("FAIL_CLOSED = false", closed)));
        let (mut world, sim) = home.start_in(used(500), "").await;
        world.advance(minutes(10)).await;
        sim.world().fault(Fault::new(Trouble::Drop).on("kiwivm"));
        world.advance(minutes(25)).await;
        assert!(sim.world().snapshot().traffic > 0, "a reading of half an hour ago still counts");
        world.advance(minutes(20)).await;
        let snapshot = sim.world().snapshot();
        assert_eq!(snapshot.traffic == 0, stops, "{closed}: {:?}", world.lines("log"));
        sim.world().heal();
        world.advance(minutes(10)).await;
        assert!(sim.world().snapshot().traffic > 0, "{closed}");
        assert!(world.host.holds.holds(None).await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_whose_client_is_away_stops_it_when_it_is_back_and_never_after_the_reset() {
    for back in [true, false] {
        let home = Home::new();
        home.script("guard", guard(("BAN_FOR = \"6h\"", "BAN_FOR = \"1h\"")));
        let (mut world, sim) = home.start_in(used(930), "").await;
        sim.world().fault(Fault::new(Trouble::Drop).on("downloader"));
        world.advance(minutes(6)).await;
        assert!(sim.world().snapshot().traffic > 0 && !world.host.holds.holds(None).await.unwrap().is_empty());
        if back {
            sim.world().heal();
            world.advance(minutes(2)).await;
            assert_eq!(sim.world().snapshot().traffic, 0, "the daemon does not wait for the next look of the guard");
        } else {
            // The month ends before the client is back: what was asked for is over.
            sim.world().end_month("tokyo");
            world.advance(minutes(10)).await;
            sim.world().heal();
        }
        sim.world().end_month("tokyo");
        world.advance(minutes(12)).await;
        assert!(sim.world().snapshot().traffic > 0, "back: {back}");
        assert!(world.host.holds.holds(None).await.unwrap().is_empty(), "back: {back}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bans_are_on_the_client_before_pbh_stops_looking_after_it() {
    let home = Home::new();
    home.script(
        "pause",
        r#"on_start("pause", || {
            pbh().ban(["203.0.113.7"], #{duration: "1h", reason: "x"});
            downloader("tokyo-qb").pause_supervision();
        });"#,
    );
    let (mut world, sim) = home.start_in(used(500), "").await;
    world.advance(minutes(2)).await;
    let requests = sim.world().requests();
    let place = |path: &str, method: &str| {
        requests.iter().position(|request| request.path.starts_with(path) && request.method == method)
    };
    let (ban, paused) = (place("/api/bans", "PUT"), place("/api/downloaders/tokyo-qb", "PATCH"));
    assert!(ban.is_some() && paused.is_some() && ban < paused, "{ban:?} {paused:?}");
    let read = requests[..paused.unwrap()].iter().rposition(|request| request.path.ends_with("app/preferences"));
    assert!(read > ban, "the client's own list was read in between");
    assert!(sim.world().snapshot().downloaders[0].banned.iter().any(|ip| ip == "203.0.113.7"));
    assert!(sim.world().snapshot().traffic > 0, "its transfers go on");
}
