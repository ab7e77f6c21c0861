//! The story of the README with a real torrent client: a meter that its bytes move, a guard that bans and stops, a month
//! that ends.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use tidegate::clock::SystemClock;
use tidegate::sim::{Scenario, Sim, World};

use super::metainfo::Torrent;
use super::process::{Process, Web, installed, until};
use super::qbittorrent::{self, PASSWORD, QBittorrent, USER};
use super::transmission::{self, Transmission};
use crate::harness::Home;

const MIB: u64 = 1 << 20;

/// The shipped guard, but quicker and slower: a look a second, and a month of a minute.
fn guard() -> String {
    let script = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/quota-guard.rhai")).unwrap();
    assert!(script.contains("every: \"5m\""));
    assert!(script.contains("UPLOAD = \"2 MiB/s\""));
    script.replace("every: \"5m\"", "every: \"1s\"").replace("UPLOAD = \"2 MiB/s\"", "UPLOAD = \"1 MiB/s\"")
}

/// Counts what the client moves on the simulated VPS until it is dropped.
struct Meter {
    done: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Meter {
    fn of(client: &QBittorrent, world: &World) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let (stop, world, eye) = (Arc::clone(&done), world.clone(), client.eye());
        let thread = std::thread::spawn(move || {
            let (mut received, mut sent) = eye.moved();
            while !stop.load(Ordering::Relaxed) {
                let (down, up) = eye.moved();
                world.feed("tokyo", down - received, up - sent);
                (received, sent) = (down, up);
                std::thread::sleep(std::time::Duration::from_millis(200));
            }
        });
        Self { done, thread: Some(thread) }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

#[test]
fn a_month_with_a_real_client() {
    if !installed(qbittorrent::PROGRAM) || !installed(transmission::PROGRAM) {
        return;
    }
    let (seed, leech) = (QBittorrent::start(), Transmission::start());
    seed.post("transfer/setUploadLimit", &[("limit", "3145728")]);
    // Private, so that it goes on until everything stops.
    let big = Torrent::new("big", 96 << 20, true);
    seed.add(&big, true, "");
    leech.add(&big, false);

    let mut scenario = Scenario::default();
    scenario.vps[0].monthly = 300 * MIB;
    scenario.vps[0].used = 235 * MIB;
    // The simulated client has the peers that are banned; the meter counts the real one.
    scenario.vps[0].downloaders.clear();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let any = (Ipv4Addr::LOCALHOST, 0).into();
    let sim = runtime.block_on(Sim::start(scenario, SystemClock::new(), any, any)).unwrap();
    let (urls, world) = (sim.urls(), sim.world());
    let config = json!({"id": "real", "config": {
        "type": "qbittorrent", "name": "real", "endpoint": seed.url, "username": USER, "password": PASSWORD,
        "basicAuth": {"user": "", "pass": ""}, "incrementBan": false, "useShadowBan": false, "verifySsl": true,
        "ignorePrivate": false, "paused": false,
    }});
    let web = Web::new();
    let created =
        web.send(|web| web.put(format!("{}/api/downloaders", urls.pbh_url)).bearer_auth(&urls.pbh_token).json(&config));
    let created = created.unwrap();
    assert_eq!(created.status, 201, "{}", created.text);

    let vps = &urls.vps[0];
    let home = Home::with(&format!(
        "[vps.tokyo]\nveid = {}\napi_key = {:?}\nurl = {:?}\ndownloaders = [\"real\", \"tokyo-qb\"]\n\
         [pbh.home]\nurl = {:?}\ntoken = {:?}\n",
        vps.veid, vps.api_key, urls.kiwivm_url, urls.pbh_url, urls.pbh_token
    ));
    home.script("quota-guard", guard());
    let percent = || world.snapshot().vps[0].percent;
    let flows = || {
        seed.meet(&big, leech.peers);
        match leech.rates() {
            (10_000.., _) => Ok(()),
            rates => Err(format!("{rates:?}, {} %", percent())),
        }
    };
    until("nothing flows", flows);
    let _meter = Meter::of(&seed, world);
    let mut command = home.command(&["run", "--log", "json"]);
    let program = Process::start(&mut command, &home.path("log"));
    // What it complains of, for whoever reads why this failed.
    let complaints = || {
        let said = program.said();
        let bad = |line: &&str| line.contains("\"level\":\"error\"") || line.contains("\"level\":\"warn\"");
        let lines: Vec<&str> = said.lines().filter(bad).collect();
        format!("{} %\n{}", percent(), lines.join("\n"))
    };

    // Step by step: the bans are on the real client before it stops.
    until("uploads do not slow down", || match seed.get("transfer/info")["up_rate_limit"].as_u64() {
        Some(3_145_728) => Err(complaints()),
        _ => Ok(()),
    });
    until("nobody is banned", || {
        let banned = seed.get("app/preferences")["banned_IPs"].as_str().unwrap_or_default().to_owned();
        if banned.is_empty() { Err(complaints()) } else { Ok(()) }
    });
    assert!(!seed.standing()["big"].0, "a private torrent goes on until everything stops");
    until("it does not stop", || if seed.standing()["big"].0 { Ok(()) } else { Err(complaints()) });
    until("it still flows", || match leech.rates() {
        (0, 0) => Ok(()),
        rates => Err(format!("{rates:?}")),
    });

    // The meter stands: the same after the guard has looked three times more.
    let reached = until("the meter moves", || {
        let used = world.snapshot().vps[0].used;
        let looks =
            || world.requests().iter().filter(|request| request.id.as_deref() == Some("get_service_info")).count();
        let before = looks();
        until("the guard does not look", || if looks() >= before + 9 { Ok(()) } else { Err(String::new()) });
        let later = world.snapshot().vps[0].used;
        if later == used { Ok(used) } else { Err(format!("{used}, then {later}")) }
    });
    assert!((270 * MIB..300 * MIB).contains(&reached), "{reached}");
    assert!(world.snapshot().downloaders.iter().any(|client| client.id == "tokyo-qb" && client.stopped));

    // The reset gives everything back, the limit that was set before too.
    world.end_month("tokyo");
    until("it does not flow again", flows);
    until("the limit is not given back", || match seed.get("transfer/info")["up_rate_limit"].as_u64() {
        Some(3_145_728) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let shown = home.run(&["downloaders", "--json"]);
    let rows: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert!(rows.as_array().unwrap().iter().all(|row| row["holds"] == json!([])), "{rows:#}");
}
