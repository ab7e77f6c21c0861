//! Traffic, bans, stops and the passage of time.

use super::*;

const HOUR: i64 = 3600;

#[test]
fn the_same_seed_and_clock_give_the_same_world() {
    let run = |steps: &[i64], seed| {
        let bench = Bench::new(Scenario { seed, ..Scenario::default() });
        for step in steps {
            bench.clock.pass(*step);
            bench.world.snapshot();
        }
        bench.world.snapshot()
    };
    let path = [7, 400, 3600, 11, 90_000];
    assert_eq!(run(&path, 1), run(&path, 1));
    assert_ne!(run(&path, 1), run(&path, 2));
}

#[test]
fn the_counter_grows_with_the_traffic_and_crosses_ninety_percent_within_an_hour_and_a_half() {
    let bench = Bench::demo();
    let before = bench.world.snapshot();
    assert!((before.vps[0].percent - 88.0).abs() < 0.01);
    bench.clock.pass(60);
    let after = bench.world.snapshot();
    let moved: u64 = after.downloaders.iter().map(|d| d.uploaded + d.downloaded).sum();
    // The counter is what the clients moved, to a byte of rounding for each of them and direction.
    assert!((after.vps[0].used - before.vps[0].used).abs_diff(moved) <= 4);
    bench.clock.pass(90 * 60);
    assert!(bench.world.snapshot().vps[0].percent > 90.0);
}

#[test]
fn stopping_lets_the_counter_stand_still_and_starting_moves_it_again() {
    let bench = Bench::demo();
    bench.seedbox("POST", "torrents/stop", "hashes=all");
    let other = bench.world.snapshot();
    assert!(other.downloaders[0].stopped && !other.downloaders[1].stopped);
    assert_eq!((other.downloaders[0].up_speed, other.downloaders[0].peers), (0, 0));
    assert!(other.traffic > 0);
    {
        let mut inner = bench.world.lock();
        for torrent in &mut inner.state.boxes[1].torrents {
            torrent.run = super::super::torrent::Run::Stopped;
        }
        inner.state.reflow();
    }
    let still = bench.world.snapshot();
    bench.clock.pass(HOUR);
    let later = bench.world.snapshot();
    assert_eq!((still.traffic, later.traffic), (0, 0));
    assert_eq!(still.vps[0].used, later.vps[0].used);
    bench.seedbox("POST", "torrents/start", "hashes=all");
    bench.clock.pass(60);
    assert!(bench.world.snapshot().vps[0].used > later.vps[0].used);
}

#[test]
fn a_ban_takes_effect_at_the_next_wave_in_every_list() {
    let bench = Bench::demo();
    bench.clock.pass(60);
    let hash = &hashes(&bench, "active")[0];
    let peers = format!("/api/downloaders/tokyo-qb/torrent/{hash}/peers");
    let live = bench.data(&peers);
    let ip = live[0]["peer"]["address"]["ip"].as_str().unwrap().to_owned();
    let before = bench.world.snapshot();

    let (status, body) = bench.pbh("PUT", "/api/bans", &json!([ip]));
    assert_eq!((status, &body["data"]["count"]), (200, &json!(1)));
    let known = |bench: &Bench| bench.data(&format!("/api/bans?search={ip}"))["total"] == json!(1);
    assert!(!known(&bench), "nothing happens before the wave");
    bench.clock.pass(5);
    assert!(known(&bench));
    let entry = bench.data(&format!("/api/bans?search={ip}"))["results"][0]["banMetadata"].clone();
    let years = (entry["unbanAt"].as_i64().unwrap() - entry["banAt"].as_i64().unwrap()) / (365 * 86_400_000);
    assert_eq!((years, &entry["rule"]), (100, &json!("User API Ban")));
    assert_eq!(bench.data("/api/bans/logs")["results"][0]["peerIp"], json!(ip));

    let after = bench.world.snapshot();
    assert!(after.downloaders[0].banned.contains(&ip));
    assert!(after.downloaders[0].up_speed < before.downloaders[0].up_speed);
    let gone = bench.data(&peers);
    assert!(gone.as_array().unwrap().iter().all(|peer| peer["peer"]["address"]["ip"] != json!(ip)));
    let preferences = parsed(&bench.seedbox("GET", "app/preferences", ""));
    assert!(preferences["banned_IPs"].as_str().unwrap().lines().any(|line| line == ip));
}

#[test]
fn with_increment_ban_a_manual_ban_arrives_only_when_it_is_put_twice() {
    let mut scenario = Scenario::default();
    scenario.downloader[0].increment_ban = true;
    let bench = Bench::new(scenario);
    let put = || bench.pbh("PUT", "/api/bans", &json!(["198.51.100.9"]));
    put();
    bench.clock.pass(6);
    assert_eq!(bench.world.snapshot().bans, ["198.51.100.9"]);
    assert_eq!(bench.world.snapshot().downloaders[0].banned, Vec::<String>::new());
    assert!(!bench.world.snapshot().downloaders[1].banned.is_empty());
    put();
    bench.clock.pass(6);
    assert_eq!(bench.world.snapshot().downloaders[0].banned, ["198.51.100.9", "::ffff:198.51.100.9"]);
}

#[test]
fn an_unban_leaves_the_list_at_once_and_the_client_with_the_next_push() {
    let bench = Bench::demo();
    bench.pbh("PUT", "/api/bans", &json!(["198.51.100.9", "198.51.100.10"]));
    bench.clock.pass(6);
    bench.pbh("DELETE", "/api/bans", &json!(["198.51.100.9"]));
    bench.clock.pass(60);
    let snapshot = bench.world.snapshot();
    assert_eq!(snapshot.bans, ["198.51.100.10"]);
    assert!(snapshot.downloaders[0].banned.contains(&"198.51.100.9".to_owned()));
    bench.pbh("DELETE", "/api/bans", &json!(["*"]));
    bench.clock.pass(6);
    let snapshot = bench.world.snapshot();
    assert_eq!((snapshot.bans.len(), snapshot.downloaders[0].banned.len()), (0, 0));
}

#[test]
fn an_unban_before_the_wave_of_its_ban_changes_nothing() {
    let bench = Bench::demo();
    bench.pbh("PUT", "/api/bans", &json!(["198.51.100.9"]));
    bench.pbh("DELETE", "/api/bans", &json!(["198.51.100.9"]));
    bench.clock.pass(6);
    assert_eq!(bench.world.snapshot().bans, ["198.51.100.9"]);
}

#[test]
fn while_everything_is_paused_bans_wait() {
    let bench = Bench::demo();
    bench.pbh("PATCH", "/api/general/global", &json!({"globalPaused": true}));
    bench.pbh("PUT", "/api/bans", &json!(["198.51.100.9"]));
    bench.clock.pass(600);
    assert_eq!(bench.world.snapshot().bans.len(), 0);
    bench.pbh("PATCH", "/api/general/global", &json!({"globalPaused": false}));
    bench.clock.pass(6);
    assert_eq!(bench.world.snapshot().bans, ["198.51.100.9"]);
}

#[test]
fn nonsense_and_networks_become_what_pbh_makes_of_them() {
    let bench = Bench::demo();
    bench.pbh("PUT", "/api/bans", &json!(["hello", "198.51.100.77/24"]));
    bench.clock.pass(6);
    let snapshot = bench.world.snapshot();
    assert_eq!(snapshot.bans, ["127.123.123.123", "198.51.100.0/24"]);
    assert!(!snapshot.downloaders[0].banned.iter().any(|text| text.contains('/')), "below 5.3 no network arrives");
    // Two entries inside one network: gone, and a 500.
    bench.pbh("PUT", "/api/bans", &json!(["203.0.113.1", "203.0.113.2"]));
    bench.clock.pass(6);
    assert_eq!(bench.pbh("DELETE", "/api/bans", &json!(["203.0.113.0/24"])).0, 500);
    assert_eq!(bench.world.snapshot().bans, ["127.123.123.123", "198.51.100.0/24"]);
}

#[test]
fn a_month_costs_steps_by_its_length_and_not_by_its_seconds() {
    let bench = Bench::demo();
    bench.clock.pass(30 * 86_400);
    bench.world.snapshot();
    let steps = bench.world.lock().state.steps;
    assert!(steps < 30 * 288 * 3, "{steps} steps");
}

#[test]
fn the_allowance_used_up_suspends_until_the_reset() {
    let bench = Bench::demo();
    bench.clock.pass(11 * 86_400);
    let full = bench.world.snapshot();
    assert!(full.vps[0].suspended);
    assert_eq!(full.traffic, 0);
    // It ends within the second that crosses the line.
    assert!((100.0..100.001).contains(&full.vps[0].percent));
    assert_eq!(bench.ask(Service::Seedbox(0), "GET", "/api/v2/app/version", &[], "").status, 0, "no answer");
    bench.clock.pass(86_400 + 60);
    let fresh = bench.world.snapshot();
    assert!(!fresh.vps[0].suspended && fresh.traffic > 0 && fresh.vps[0].percent < 1.0);
}

#[test]
fn limits_hold_the_rates_down() {
    let bench = Bench::demo();
    bench.seedbox("POST", "transfer/setUploadLimit", "limit=100000");
    let speed = bench.world.snapshot().downloaders[0].up_speed;
    assert!(speed > 90_000 && speed <= 100_000, "{speed}");
}
