//! A simulated Transmission in the simulated world: found through PBH, and shaped like a real one.

use std::path::Path;

use serde_json::Value;
use tidegate::downloader::{Raw, State};
use tidegate::holds::StopOptions;
use tidegate::holds::limits::LimitOptions;

use crate::fleet::rig::run;

/// The demo's second client as a Transmission.
fn world(scenario: &mut tidegate::sim::Scenario) {
    scenario.downloader[1].kind = "transmission".into();
}

#[test]
fn a_simulated_transmission_is_stopped_and_limited_through_pbh() {
    run(
        world,
        |_| String::new(),
        |rig| async move {
            let member = rig.member("tokyo-seed").await;
            assert_eq!(
                (member.client.kind(), member.client.version(&rig.talk()).await.unwrap().as_str()),
                ("transmission", "3.00")
            );
            let before = rig.client("tokyo-seed");
            assert!(before.up_speed > 0 && !before.stopped);
            let options = LimitOptions { reason: "test".into(), up: Some(50_000), ..LimitOptions::default() };
            rig.host.holds.limit_speed(&member, &options, &rig.talk()).await.unwrap();
            assert!(rig.client("tokyo-seed").up_speed <= 50_000);
            rig.host.holds.restore_speed(&member, "test", &rig.talk()).await.unwrap();
            assert!(rig.client("tokyo-seed").up_speed > 50_000);

            let running = |torrents: Vec<tidegate::downloader::Torrent>| -> Vec<String> {
                torrents.into_iter().filter(|torrent| torrent.state.runs()).map(|torrent| torrent.hash).collect()
            };
            let ran = running(member.client.torrents(&rig.talk()).await.unwrap());
            let options = StopOptions { reason: "test".into(), ..StopOptions::default() };
            let stopped = rig.host.holds.stop(&member, &options, &rig.talk()).await.unwrap();
            assert_eq!((stopped.stopped.len(), stopped.up_speed), (ran.len(), 0));
            assert!(rig.client("tokyo-seed").stopped);
            let torrents = member.client.torrents(&rig.talk()).await.unwrap();
            assert!(torrents.iter().all(|torrent| torrent.state == State::Stopped));
            rig.host.holds.start(&member, "test", &rig.talk()).await.unwrap();
            assert_eq!(running(member.client.torrents(&rig.talk()).await.unwrap()), ran);
        },
    );
}

/// Whether every key of `real` is in `simulated` with the same JSON type; lists by their first entry.
fn like(path: &str, real: &Value, simulated: &Value) {
    match (real, simulated) {
        (Value::Object(real), Value::Object(simulated)) => {
            for (key, value) in real {
                let there = simulated.get(key).unwrap_or_else(|| panic!("`{path}.{key}` is missing"));
                like(&format!("{path}.{key}"), value, there);
            }
        }
        (Value::Array(real), Value::Array(simulated)) => {
            if let (Some(real), Some(simulated)) = (real.first(), simulated.first()) {
                like(&format!("{path}[]"), real, simulated);
            }
        }
        _ => assert_eq!(
            std::mem::discriminant(real),
            std::mem::discriminant(simulated),
            "{path}: {real} and {simulated}"
        ),
    }
}

#[test]
fn a_simulated_transmission_answers_like_a_real_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/transmission/replies.json");
    let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    run(
        world,
        |_| String::new(),
        |rig| async move {
            let member = rig.member("tokyo-seed").await;
            for (case, ignored) in [
                // Of a tracker only what a client looks at is simulated.
                ("list", &["trackerStats"][..]),
                // What nothing in the simulated world depends on.
                (
                    "settings",
                    &[
                        "alt-speed-time-begin",
                        "alt-speed-time-day",
                        "alt-speed-time-enabled",
                        "alt-speed-time-end",
                        "blocklist-url",
                        "config-dir",
                        "download-dir-free-space",
                        "idle-seeding-limit",
                        "idle-seeding-limit-enabled",
                        "incomplete-dir",
                        "incomplete-dir-enabled",
                        "lpd-enabled",
                        "peer-port-random-on-start",
                        "port-forwarding-enabled",
                        "queue-stalled-enabled",
                        "queue-stalled-minutes",
                        "rename-partial-files",
                        "script-torrent-done-enabled",
                        "script-torrent-done-filename",
                        "seed-queue-enabled",
                        "seed-queue-size",
                        "trash-original-torrent-files",
                    ],
                ),
                ("statistics", &[]),
                ("space", &[]),
            ] {
                let entry = cases.iter().find(|entry| entry["case"] == case).unwrap();
                let ask = Raw {
                    method: "POST".into(),
                    path: entry["method"].as_str().unwrap().into(),
                    json: Some(entry["params"].clone()).filter(|params| !params.is_null()),
                    ..Raw::default()
                };
                let simulated = member.client.request(ask, &rig.talk()).await.unwrap().value;
                let mut real = entry["body"]["arguments"].clone();
                let rows = real.get_mut("torrents").and_then(Value::as_array_mut).into_iter().flatten();
                rows.for_each(|row| row.as_object_mut().unwrap().retain(|key, _| !ignored.contains(&key.as_str())));
                real.as_object_mut().unwrap().retain(|key, _| !ignored.contains(&key.as_str()));
                like(case, &real, &simulated);
            }
        },
    );
}
