//! The simulated clients: the same contract as the real ones, found through PBH too, and with the shapes of the real ones.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;

use serde_json::{Value, json};
use tidegate::clock::SystemClock;
use tidegate::downloader::{Limits, State};
use tidegate::error::Kind;
use tidegate::holds::limits::LimitOptions;
use tidegate::holds::{Choice, Only, StopOptions};
use tidegate::sim::{Fault, Scenario, Sim, Trouble, World};

use super::contract::{self, Client, Rig};
use crate::clients::metainfo::Torrent;
use crate::clients::process::{Reply, Web};
use crate::fleet::rig::run;

/// Those that can stop a torrent, as PBH calls them.
const KINDS: [&str; 5] = ["qbittorrent", "transmission", "deluge", "aria2next", "bitcomet"];

/// A simulated client of that type alone in its world.
pub struct Simulated {
    kind: &'static str,
    sim: Sim,
    _runtime: tokio::runtime::Runtime,
}

impl Simulated {
    pub fn new(kind: &'static str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let world = format!("[[downloader]]\nid = \"box\"\ntype = {kind:?}\npassword = \"a-password\"\n");
        let world = Scenario::parse(&world, Path::new("world.toml")).unwrap();
        let any = (Ipv4Addr::LOCALHOST, 0).into();
        let sim = runtime.block_on(Sim::start(world, SystemClock::new(), any, any)).unwrap();
        Self { kind, sim, _runtime: runtime }
    }

    pub fn world(&self) -> &World {
        self.sim.world()
    }

    fn url(&self) -> &str {
        &self.sim.urls().downloaders[0].url
    }

    pub fn rig(&self) -> Rig {
        Rig::new(&self.config("box"))
    }

    /// A torrent by its lines of a world file.
    fn plant(&self, torrent: &Torrent, private: bool, has: bool) {
        let plan = format!(
            "name = {:?}\nhash = {:?}\nsize = {}\nprivate = {private}\nprogress = {}\n",
            torrent.name,
            torrent.hash,
            torrent.content.len(),
            if has { 1.0 } else { 0.0 }
        );
        self.world().add_torrent("box", &toml::from_str(&plan).unwrap());
    }
}

impl Client for Simulated {
    fn config(&self, name: &str) -> String {
        let kind = self.kind.trim_end_matches("next");
        let login = match kind {
            "aria2" | "biglybt" => "token = \"a-password\"",
            "deluge" => "password = \"a-password\"",
            _ => "username = \"admin\"\npassword = \"a-password\"",
        };
        format!("[downloader.{name}]\ntype = {kind:?}\nurl = {:?}\n{login}\n", self.url())
    }

    fn wrong_config(&self, name: &str) -> String {
        self.config(name).replace("a-password", "wrong-one")
    }

    fn add(&self, torrent: &Torrent, has: bool) {
        self.plant(torrent, String::from_utf8_lossy(&torrent.file).contains("7:privatei1e"), has);
    }

    fn standing(&self) -> BTreeMap<String, bool> {
        self.world().standing("box")
    }

    fn end(&mut self) {
        self.world().fault(Fault::new(Trouble::Drop).on("downloader"));
    }

    fn begin(&mut self) {
        self.world().restart("box");
        self.world().heal();
    }
}

/// Runs a part of the contract over every simulated client.
fn each(test: impl Fn(&mut Simulated, &Rig) + Sync) {
    std::thread::scope(|scope| {
        for kind in KINDS {
            let test = &test;
            std::thread::Builder::new()
                .name(format!("simulated {kind}"))
                .spawn_scoped(scope, move || {
                    let mut client = Simulated::new(kind);
                    let rig = client.rig();
                    test(&mut client, &rig);
                })
                .unwrap();
        }
    });
}

#[test]
fn simulated_clients_are_listed_in_one_vocabulary() {
    each(|client, rig| contract::lists_in_one_vocabulary(client, rig));
}

#[test]
fn simulated_clients_stop_and_give_back_exactly() {
    each(|client, rig| contract::stops_and_gives_back_exactly(client, rig));
}

#[test]
fn simulated_clients_limit_and_give_back() {
    each(|client, rig| {
        contract::limits_and_gives_back(rig);
        if client.kind != "bitcomet" {
            contract::limits_single_torrents(client, rig);
        }
    });
}

#[test]
fn simulated_clients_act_on_single_torrents() {
    each(|client, rig| contract::acts_on_single_torrents(client, rig));
}

#[test]
fn simulated_clients_are_asked_once_with_a_wrong_login() {
    each(|client, _| contract::tries_a_wrong_login_once(client));
}

#[test]
fn simulated_clients_come_back_after_a_restart() {
    each(|client, rig| contract::comes_back_after_a_restart(client, rig));
}

#[test]
fn simulated_sessions_that_ran_out_are_renewed_once() {
    each(|client, rig| {
        let list = || rig.with("box", async |_, member, talk| member.client.torrents(talk).await.unwrap().len());
        client.add(&contract::three()[0], true);
        assert_eq!(list(), 1);
        rig.calls();
        assert_eq!(list(), 1);
        let usual = rig.calls().len();
        client.world().restart("box");
        assert_eq!(list(), 1);
        let renewed = rig.calls().len();
        // aria2 has no sessions.
        assert_eq!(renewed > usual, client.kind != "aria2next", "{}: {renewed} and {usual}", client.kind);
        assert_eq!(list(), 1);
        assert_eq!(rig.calls().len(), usual);
    });
}

#[test]
fn bitcomet_tells_what_is_private_one_by_one_and_what_else_to_use() {
    let client = Simulated::new("bitcomet");
    client.plant(&Torrent::new("open", 1 << 18, false), false, true);
    let closed = Torrent::new("closed", 1 << 18, true);
    client.plant(&closed, true, true);
    client.rig().with("box", async |host, member, talk| {
        assert_eq!(member.client.version(talk).await.unwrap(), "2.20");
        let choice = Choice { only: Only::Public, ..Choice::default() };
        let options = StopOptions { reason: "test".into(), choice, ..StopOptions::default() };
        let stopped = host.holds.stop(member, &options, talk).await.unwrap().stopped;
        assert_eq!(stopped.iter().map(|torrent| torrent.name.as_str()).collect::<Vec<_>>(), ["open"]);
        // What it has learned stays known, and nothing is asked twice.
        let listed = member.client.torrents(talk).await.unwrap();
        assert_eq!(listed.iter().filter(|torrent| torrent.is_private).count(), 1);
        let one = [closed.hash.clone()];
        member.client.recheck(&one, talk).await.unwrap();
        member.client.reannounce(&one, talk).await.unwrap();
        for (error, instead) in [
            (member.client.limit_torrents(&one, Limits::default(), talk).await.unwrap_err(), "limit_speed"),
            (member.client.add_tags(&one, &["x".into()], talk).await.unwrap_err(), "state"),
            (member.client.ban(&["203.0.113.7".parse().unwrap()], talk).await.unwrap_err(), "ban"),
            (member.client.totals(talk).await.map(drop).unwrap_err(), "torrents()"),
        ] {
            assert_eq!(error.kind, Kind::Unsupported, "{error:?}");
            assert!(error.hint.as_ref().unwrap().contains(instead), "{error:?}");
        }
    });
}

#[test]
fn simulated_clients_are_found_stopped_and_limited_through_pbh() {
    for kind in KINDS {
        let world = |scenario: &mut Scenario| scenario.downloader[1].kind = kind.into();
        run(
            world,
            |_| String::new(),
            |rig| async move {
                let member = rig.member("tokyo-seed").await;
                assert_eq!(member.client.kind(), kind);
                let before = rig.client("tokyo-seed");
                assert!(before.up_speed > 0 && !before.stopped);
                let options = LimitOptions { reason: "test".into(), up: Some(50_000), ..LimitOptions::default() };
                rig.host.holds.limit_speed(&member, &options, &rig.talk()).await.unwrap();
                assert!(rig.client("tokyo-seed").up_speed <= 50_000);
                rig.host.holds.restore_speed(&member, "test", &rig.talk()).await.unwrap();
                assert!(rig.client("tokyo-seed").up_speed > 50_000);

                let ran = rig.world().standing("tokyo-seed");
                let options = StopOptions { reason: "test".into(), ..StopOptions::default() };
                let stopped = rig.host.holds.stop(&member, &options, &rig.talk()).await.unwrap();
                assert_eq!((stopped.stopped.len(), stopped.up_speed), (3, 0));
                assert!(rig.client("tokyo-seed").stopped);
                let torrents = member.client.torrents(&rig.talk()).await.unwrap();
                assert!(torrents.iter().all(|torrent| torrent.state == State::Stopped));
                rig.host.holds.start(&member, "test", &rig.talk()).await.unwrap();
                assert_eq!(rig.world().standing("tokyo-seed"), ran);
                // PBH is let in too: what it bans is in the client's own list.
                let ban = tidegate::bans::BanOptions { duration: None, ..Default::default() };
                let banned = rig.host.bans.ban(&rig.pbh(), &["203.0.113.7".into()], &ban, &rig.talk()).await;
                banned.unwrap();
                rig.wait(10).await;
                assert!(rig.client("tokyo-seed").banned.iter().any(|ip| ip == "203.0.113.7"));
            },
        );
    }
}

/// Whether every key of `real` is in `simulated` with the same JSON type; lists by their first entry, and maps by hash
/// like lists.
fn like(path: &str, ignored: &[&str], real: &Value, simulated: &Value) {
    let by_hash = |map: &serde_json::Map<String, Value>| map.keys().next().is_some_and(|key| key.len() == 40);
    match (real, simulated) {
        (Value::Object(real), Value::Object(simulated)) if by_hash(real) => {
            let (real, simulated) = (real.values().next(), simulated.values().next());
            like(path, ignored, real.unwrap(), simulated.unwrap_or_else(|| panic!("`{path}` is empty")));
        }
        (Value::Object(real), Value::Object(simulated)) => {
            for (key, value) in real.iter().filter(|(key, _)| !ignored.contains(&key.as_str())) {
                let there = simulated.get(key).unwrap_or_else(|| panic!("`{path}.{key}` is missing"));
                like(&format!("{path}.{key}"), ignored, value, there);
            }
        }
        (Value::Array(real), Value::Array(simulated)) => {
            assert_eq!(real.is_empty(), simulated.is_empty(), "{path}");
            if let (Some(real), Some(simulated)) = (real.first(), simulated.first()) {
                like(&format!("{path}[]"), ignored, real, simulated);
            }
        }
        _ => assert_eq!(
            std::mem::discriminant(real),
            std::mem::discriminant(simulated),
            "{path}: {real} and {simulated}"
        ),
    }
}

/// Asks a simulated client what a real one was asked, with `ask` for a case, its method and its parameters.
fn compare(client: &str, ignored: &[&str], ask: impl Fn(&str, &str, &Value) -> Reply) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/{client}/replies.json"));
    let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(cases.len() > 7);
    for case in cases {
        let name = case["case"].as_str().unwrap();
        let reply = ask(name, case["method"].as_str().unwrap(), &case["params"]);
        assert_eq!(case["status"], reply.status, "{client} {name}: {}", reply.text);
        like(&format!("{client} {name}"), ignored, &case["body"], &reply.json());
    }
}

/// A torrent that seeds, and one that stands without a byte.
fn two(client: &Simulated) -> [Torrent; 2] {
    let torrents = [Torrent::new("alpha.bin", 3 << 20, false), Torrent::new("beta.bin", 2 << 20, true)];
    for (torrent, has) in torrents.iter().zip([true, false]) {
        client.add(torrent, has);
    }
    client.rig().with("box", async |_, member, talk| {
        member.client.stop(&[torrents[1].hash.clone()], talk).await.unwrap();
    });
    torrents
}

#[test]
fn a_simulated_deluge_answers_like_a_real_one() {
    let client = Simulated::new("deluge");
    let [_, beta] = two(&client);
    let (web, cookie) = (Web::new(), RefCell::new(String::new()));
    let post = |method: &str, params: &Value| {
        let body = json!({"method": method, "params": params, "id": 1});
        let url = format!("{}/json", client.url());
        let reply = web.send(|web| web.post(url).header("cookie", cookie.borrow().as_str()).json(&body)).unwrap();
        if let Some(given) = reply.headers.get("set-cookie") {
            *cookie.borrow_mut() = given.to_str().unwrap().split(';').next().unwrap().into();
        }
        reply
    };
    compare("deluge", &[], |case, method, params| match case {
        "login" => {
            let reply = post(method, &json!(["a-password"]));
            let host = post("web.get_hosts", &json!([])).json()["result"][0][0].clone();
            post("web.connect", &json!([host]));
            reply
        }
        "duplicate" => {
            use base64::Engine as _;
            let file = base64::prelude::BASE64_STANDARD.encode(&beta.file);
            post(method, &json!(["beta.torrent", file, {}]))
        }
        _ => post(method, params),
    });
}

#[test]
fn a_simulated_aria2_answers_like_a_real_one() {
    let client = Simulated::new("aria2next");
    two(&client);
    let web = Web::new();
    compare("aria2", &[], |case, method, params| {
        let token = if case == "wrong_token" { "token:wrong-one" } else { "token:a-password" };
        let params = if case == "many" {
            let calls = params[0].as_array().unwrap().iter();
            let calls: Vec<Value> = calls.map(|call| json!({"methodName": call[0], "params": [token]})).collect();
            json!([calls])
        } else {
            std::iter::once(json!(token)).chain(params.as_array().unwrap().clone()).collect()
        };
        let body = json!({"jsonrpc": "2.0", "id": "tidegate", "method": method, "params": params});
        web.send(|web| web.post(format!("{}/jsonrpc", client.url())).json(&body)).unwrap()
    });
}

#[test]
fn a_simulated_transmission_answers_like_a_real_one() {
    use base64::Engine as _;
    let client = Simulated::new("transmission");
    let [alpha, _] = two(&client);
    let (web, session) = (Web::new(), RefCell::new(String::new()));
    let ignored = [
        // Of a tracker only what a client looks at is simulated.
        "trackerStats",
        // What nothing in the simulated world depends on.
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
    ];
    compare("transmission", &ignored, |case, method, params| {
        let file = base64::prelude::BASE64_STANDARD.encode(&alpha.file);
        let params = if case == "duplicate" { json!({"metainfo": file}) } else { params.clone() };
        let body = json!({"method": method, "arguments": params});
        loop {
            let url = format!("{}/transmission/rpc", client.url());
            let held = session.borrow().clone();
            let ask = |web: &reqwest::Client| {
                let login = web.post(url).basic_auth("admin", Some("a-password"));
                login.header("x-transmission-session-id", held).json(&body)
            };
            let reply = web.send(ask).unwrap();
            if reply.status != 409 {
                return reply;
            }
            *session.borrow_mut() = reply.headers["x-transmission-session-id"].to_str().unwrap().into();
        }
    });
}
