//! What a recorded request finds: a world with the recording's names, and what the case needs beforehand.

use super::*;
use crate::sim::hub::Supervised;

/// Begins eleven minutes before the recorded requests, so that their ranges of time hold what happened.
const START: Time = Time::from_millis(1_795_309_260_000);

const TORRENTS: &str = r#"
[[downloader.torrent]]
name = "sample-one.bin"
size = 62914560
upload = "90 KiB/s"
peers = 5
leechers = ["xunlei-old"]
[[downloader.torrent]]
name = "sample-two.bin"
size = 94371840
progress = 0.05
upload = "20 KiB/s"
download = "5 KiB/s"
peers = 3
"#;

/// What the recorded servers were called and had.
struct Names {
    /// Id, name and password of the clients.
    clients: [(&'static str, &'static str, &'static str); 2],
    ports: [u16; 2],
    hashes: [&'static str; 2],
}

const OLD: Names = Names {
    clients: [("qb-a", "qB-A", "adminadmin"), ("qb-b", "qB-B", "adminadmin")],
    ports: [18080, 18081],
    hashes: ["ce48ac423655a47aee6e4011ea3d4e1c42677138", "6510d467c47612c4a262d2598196b57446693b61"],
};

const NEW: Names = Names {
    clients: [
        ("11111111-aaaa-4aaa-8aaa-000000000001", "QB seed", "qbpass95"),
        ("22222222-bbbb-4bbb-8bbb-000000000002", "QB leech", "qbpass95"),
    ],
    ports: [8111, 8112],
    hashes: ["354c8abf24578ffa3608aef6bc2a02e7c9f4a4c4", "85216716be293b04346d1a84e5d3daeb88dcc6fe"],
};

const PEERS: [&str; 4] = ["203.0.113.12", "198.51.100.12", "198.51.100.7", "203.0.113.11"];

/// Downloaders that some case asks for and another made.
const MADE: [&str; 15] = [
    "ab",
    "a.b",
    "newid",
    "nn",
    "slash",
    "t-aria2next",
    "t-biglybt",
    "t-bitcomet",
    "t-qbittorrentee",
    "t-transmission",
    "t-deluge",
    "noba",
    "sl/ash",
    "ид 1",
    "oobe-1",
];

pub(super) fn bench(recording: &Recording) -> Bench {
    let (case, names) = (recording.case(), if recording.old() { OLD } else { NEW });
    // The first run, still to come or just over.
    let first = case.starts_with("uninit") || recording.id.starts_with("oobe") && !case.starts_with("initialised_at");
    let mut text =
        format!("[pbh]\nversion = \"{}\"\ntoken = \"TOKEN\"\ninitialised = {}\n", recording.text("/version"), !first);
    for (id, name, password) in names.clients {
        text += &["[[downloader]]\nid = \"", id, "\"\nname = \"", name, "\"\npassword = \"", password, "\"\n"].concat();
        text += TORRENTS;
    }
    let scenario = Scenario::parse(&text, Path::new("world.toml")).unwrap();
    let urls = names.ports.map(|port| format!("http://127.0.0.1:{port}"));
    let bench = Bench::with(scenario, &urls, START);
    rename(&mut bench.world.lock().state, &names, recording.old());
    if first {
        let mut inner = bench.world.lock();
        inner.state.hub.clients.clear();
        inner.state.hub.initialised = matches!(case, "already" | "already_get" | "again" | "after_init");
        drop(inner);
        return bench;
    }
    bench.clock.pass(60);
    bench.send("PUT", "/api/bans", r#"["198.51.100.50", "198.51.100.52"]"#);
    bench.clock.pass(600);
    bench.world.snapshot();
    rules(&bench, recording);
    channels_and_scripts(&bench, recording);
    licences(&bench, recording);
    bans(&bench, recording);
    downloaders(&bench, recording);
    sessions(&bench, recording);
    bench
}

/// The recording's hashes and addresses; on 9.0.10 a Transmission beside.
fn rename(state: &mut State, names: &Names, old: bool) {
    for seedbox in &mut state.boxes {
        for (torrent, hash) in seedbox.torrents.iter_mut().zip(names.hashes) {
            torrent.hash = hash.into();
            torrent.tracker = "http://127.0.0.1:6969/announce".into();
            for (slot, address) in torrent.slots.iter_mut().zip(PEERS) {
                slot.peer.guest.ip = address.parse().unwrap();
            }
        }
    }
    if old {
        let config = json!({
            "name": "TR-B", "type": "transmission", "endpoint": "http://127.0.0.1:19091", "username": "tr",
            "password": "trpass", "verifySsl": false, "rpcUrl": "/transmission/rpc", "ignorePrivate": false,
            "paused": false,
        });
        let config = config.as_object().unwrap().clone();
        state.hub.clients.push(Supervised { id: "tr-b".into(), config, seen: true });
    }
}

fn rules(bench: &Bench, recording: &Recording) {
    let (id, case) = (recording.id.as_str(), recording.case());
    if !id.starts_with("sub_") || (id, case) == ("sub_rule_create", "ok") {
        return;
    }
    for (id, name) in [("local1", "Local 1"), ("lab", "Lab")] {
        let body = json!({"ruleId": id, "ruleName": name, "subUrl": "http://127.0.0.1:9700/list.txt"});
        bench.send("PUT", "/api/sub/rule", &body.to_string());
    }
    let off = |id: &str| {
        bench.send("PATCH", &format!("/api/sub/rule/{id}"), r#"{"enabled": false}"#);
    };
    if case != "disable" && (case.contains("disable") || matches!(case, "off_again" | "enable" | "text")) {
        off("local1");
        off("lab");
    }
    if (id, case) == ("sub_rule_delete", "again") {
        bench.send("DELETE", "/api/sub/rule/lab", "");
    }
    if id == "sub_rules_refresh_all" {
        let disabled = !recording.old() && case == "ok";
        if disabled || case == "all_reachable" {
            bench.send("DELETE", "/api/sub/rule/all-in-one", "");
        }
        if disabled {
            off("local1");
        }
    }
}

fn channels_and_scripts(bench: &Bench, recording: &Recording) {
    let (id, case) = (recording.id.as_str(), recording.case());
    if id.starts_with("push_") && case != "empty" {
        for name in ["hook1", "hook2", "hook3", "p_ntfy", "got", "got2"] {
            let body = if name == "hook1" && case == "after_create" {
                let config = json!({
                    "url": "x", "method": "POST", "content_type": "x", "body_template": "x", "headers": {"X-A": "b"},
                });
                json!({"name": name, "type": "webhook", "config": config})
            } else {
                json!({"name": name, "type": "gotify", "config": {"endpoint": "http://127.0.0.1:9700/", "priority": 5}})
            };
            bench.send("PUT", "/api/push", &body.to_string());
        }
    }
    if id.starts_with("script") && (id, case) != ("script_delete", "again") {
        for name in ["zz-test.av", "lab.av"] {
            bench.send("PUT", &format!("/api/expression-engine/{name}"), "return false;");
        }
    }
}

/// A licence for everyone but those who are about having none.
fn licences(bench: &Bench, recording: &Recording) {
    let (id, case) = (recording.id.as_str(), recording.case());
    let without = case.starts_with("unlicensed")
        || case == "no_licence"
        || id == "plus_free_license_renew"
        || id == "plus_status" && !matches!(case, "ok" | "licensed");
    if without {
        return;
    }
    let body: Value = recording.body().and_then(|body| serde_json::from_str(&body).ok()).unwrap_or_default();
    let named = if case == "ok" { body["licenseId"].clone() } else { json!("another") };
    bench.world.lock().state.hub.settings.licences.push(json!({
        "licenseId": named.as_str().unwrap_or("one"), "version": 2, "status": "VALID",
        "data": {
            "verifyMagic": "PeerBanHelper", "licenseVersion": 2, "type": "local", "source": "", "licenseTo": "root",
            "orderId": null, "paymentGateway": null, "paymentOrderId": null, "email": null, "sku": null, "paid": 0,
            "createAt": 1, "startAt": 1, "expireAt": 2, "description": "", "hidden": "", "features": ["basic"],
        },
    }));
}

fn bans(bench: &Bench, recording: &Recording) {
    let (id, case) = (recording.id.as_str(), recording.case());
    if (id, case) == ("bans_delete", "cidr_over_single") {
        bench.send("PUT", "/api/bans", r#"["198.51.100.200", "198.51.100.201"]"#);
        bench.clock.pass(6);
    }
    let list = id == "bans_list" || id.starts_with("blocklist_");
    if case == "after_delete_star" || list && (case.starts_with("empty") || case == "locked_out") {
        bench.world.lock().state.hub.bans.clear();
    }
}

fn downloaders(bench: &Bench, recording: &Recording) {
    let (id, case) = (recording.id.as_str(), recording.case());
    if matches!((id, case), ("downloader_create", "ok") | ("bans_add", "no_downloader")) {
        bench.world.lock().state.hub.clients.clear();
    }
    if !matches!(id, "downloader_delete" | "downloader_status") {
        return;
    }
    for id in MADE {
        if matches!((case, id), ("again", "ab") | ("cleanup_newid", "newid")) {
            continue;
        }
        let plain = if id == "a.b" && recording.old() { "transmission" } else { "qbittorrent" };
        let config = json!({
            "type": id.strip_prefix("t-").unwrap_or(plain), "name": id, "endpoint": "http://127.0.0.1:1",
            "basicAuth": {"user": "", "pass": ""}, "paused": true, "rpcUrl": "/x", "username": "u", "password": "p",
            "token": "t",
        });
        bench.send("PUT", "/api/downloaders", &json!({"id": id, "config": config}).to_string());
    }
}

/// Who is locked out, who has a session, and which token is the right one.
fn sessions(bench: &Bench, recording: &Recording) {
    let case = recording.case();
    if case.contains("lockout") || case.contains("locked_o") {
        let proxied = recording.text("/request/headers/X-Forwarded-For");
        let elsewhere = case.contains("other");
        let from = if elsewhere { "198.18.6.1" } else { proxied };
        for n in 0..if case == "lockout_11" { 10 } else { 11 } {
            let token = format!("Bearer no{n}");
            let mut headers = vec![("user-agent", "x"), ("authorization", token.as_str())];
            if !from.is_empty() {
                headers.push(("x-forwarded-for", from));
            }
            bench.ask(Service::Pbh, "GET", "/api/bans", &headers, "");
        }
    }
    let hub = &mut bench.world.lock().state.hub;
    let cookie = recording.text("/request/headers/Cookie").trim_start_matches("JSESSIONID=");
    if !cookie.is_empty() {
        hub.sessions.push(cookie.split(';').next().unwrap_or("").to_owned());
    }
    // Some were recorded after the token was changed.
    let token = recording.text("/request/headers/Authorization").trim_start_matches("Bearer ");
    let refused = matches!(recording.value["response"]["status"].as_u64(), Some(401 | 403 | 404 | 429));
    if !refused && !token.is_empty() {
        token.clone_into(&mut hub.token);
    }
}
