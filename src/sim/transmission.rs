//! The simulated Transmission: its RPC before 4.1, with the shapes of a recorded 3.00.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::net::Answer;
use super::programs::Visit;
use super::seedbox::Seedbox;
use super::torrent::{Run, Torrent};
use super::volume::share;
use crate::time::Time;

pub(super) const PATH: &str = "/transmission/rpc";
/// What its limits call a kilobyte.
const KILO: u64 = 1000;
/// Wrong logins before everybody from that address is refused.
const PATIENCE: u32 = 100;

pub(super) fn answer(visit: &mut Visit<'_>) -> Answer {
    let (seedbox, ask) = (&mut *visit.seedbox, visit.ask);
    if ask.path != PATH {
        return page(404, "Not Found");
    }
    if seedbox.failures >= PATIENCE {
        return page(403, "Forbidden");
    }
    let login = BASE64_STANDARD.encode(format!("{}:{}", seedbox.username, seedbox.password));
    if ask.header("authorization") != Some(format!("Basic {login}").as_str()) {
        seedbox.failures += 1;
        return page(401, "Unauthorized").with("www-authenticate", "Basic realm=\"Transmission\"");
    }
    seedbox.failures = 0;
    let session = match seedbox.sessions.last() {
        Some(session) => session.clone(),
        None => seedbox.let_in(48),
    };
    if ask.header("x-transmission-session-id") != Some(session.as_str()) {
        return page(409, "Conflict").with("x-transmission-session-id", session);
    }
    let Some(body) = ask.json() else { return said("couldn't parse json", json!({})) };
    let arguments = body["arguments"].as_object().cloned().unwrap_or_default();
    let mut call = Call { seedbox, arguments, now: visit.now, started: visit.started, restless: false };
    let answer = call.run(body["method"].as_str().unwrap_or_default());
    visit.restless = call.restless;
    answer
}

fn page(status: u16, text: &str) -> Answer {
    Answer::new(status, "text/html; charset=ISO-8859-1", format!("<h1>{status}: {text}</h1>"))
}

fn said(result: &str, arguments: Value) -> Answer {
    Answer::json(200, &json!({"arguments": arguments, "result": result}))
}

/// A request that was let in.
struct Call<'a> {
    seedbox: &'a mut Seedbox,
    arguments: Map<String, Value>,
    now: Time,
    started: Time,
    /// What another part of the world must hear of.
    restless: bool,
}

impl Call<'_> {
    fn run(&mut self, method: &str) -> Answer {
        match method {
            "session-get" => said("success", self.settings()),
            "session-set" => {
                self.set();
                said("success", json!({}))
            }
            "session-stats" => said("success", self.statistics()),
            "free-space" => {
                let path = self.arguments.get("path").and_then(Value::as_str).unwrap_or_default();
                if path.starts_with("/data") {
                    said("success", json!({"path": path, "size-bytes": self.seedbox.free_space()}))
                } else {
                    said("No such file or directory", json!({"path": path, "size-bytes": -1}))
                }
            }
            "torrent-get" => said("success", json!({"torrents": self.list()})),
            "torrent-start" => self.each(|torrent| torrent.run = Run::Running),
            "torrent-start-now" => self.each(|torrent| torrent.run = Run::Forced),
            "torrent-stop" => self.each(|torrent| torrent.run = Run::Stopped),
            // What takes no time here: a check finds nothing, an announcement changes nobody.
            "torrent-verify" | "torrent-reannounce" => self.each(|_| {}),
            "torrent-set" => {
                let changes = self.arguments.clone();
                self.each(|torrent| change(torrent, &changes))
            }
            "torrent-remove" => {
                let named = self.named();
                self.seedbox.torrents.retain(|torrent| !named.contains(&torrent.hash));
                said("success", json!({}))
            }
            "torrent-add" => self.add(),
            _ => said("method name not recognized", json!({})),
        }
    }

    /// The hashes that `ids` names; all where it is absent or empty.
    fn named(&self) -> BTreeSet<String> {
        let ids: Vec<&Value> = match self.arguments.get("ids") {
            Some(Value::Array(ids)) => ids.iter().collect(),
            Some(one) => vec![one],
            None => Vec::new(),
        };
        let all = self.seedbox.torrents.iter().enumerate();
        let named = all.filter(|(number, torrent)| {
            ids.is_empty() || ids.iter().any(|id| **id == torrent.hash.as_str() || **id == json!(number + 1))
        });
        named.map(|(_, torrent)| torrent.hash.clone()).collect()
    }

    fn each(&mut self, change: impl Fn(&mut Torrent)) -> Answer {
        let named = self.named();
        for torrent in self.seedbox.torrents.iter_mut().filter(|torrent| named.contains(&torrent.hash)) {
            change(torrent);
        }
        self.restless = true;
        said("success", json!({}))
    }

    fn list(&self) -> Vec<Value> {
        let named = self.named();
        let fields: Vec<&str> = self
            .arguments
            .get("fields")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let torrents = self.seedbox.torrents.iter().enumerate().filter(|(_, torrent)| named.contains(&torrent.hash));
        torrents
            .map(|(number, torrent)| {
                let Value::Object(mut all) = fields_of(torrent, number + 1) else { return Value::Null };
                all.retain(|key, _| fields.contains(&key.as_str()));
                Value::Object(all)
            })
            .collect()
    }

    fn settings(&self) -> Value {
        let seedbox = &self.seedbox;
        let kilobytes = |limit: u64| if limit == 0 { 100 } else { limit / KILO };
        let mut all = json!({
            "alt-speed-down": seedbox.slow_limits.1 / KILO, "alt-speed-enabled": seedbox.slow, "alt-speed-up": seedbox.slow_limits.0 / KILO,
            "blocklist-enabled": false, "blocklist-size": seedbox.banned.len(), "cache-size-mb": 4, "dht-enabled": true,
            "download-dir": "/data/torrents", "download-queue-enabled": true, "download-queue-size": 5, "encryption": "preferred",
            "peer-limit-global": 200, "peer-limit-per-torrent": 50, "peer-port": 51413, "pex-enabled": true, "rpc-version": 16,
            "rpc-version-minimum": 1, "seedRatioLimit": 2, "seedRatioLimited": false,
            "session-id": seedbox.sessions.last(), "speed-limit-down": kilobytes(seedbox.down_limit),
            "speed-limit-down-enabled": seedbox.down_limit > 0, "speed-limit-up": kilobytes(seedbox.up_limit),
            "speed-limit-up-enabled": seedbox.up_limit > 0, "start-added-torrents": true,
            "units": {
                "memory-bytes": 1024, "memory-units": ["KiB", "MiB", "GiB", "TiB"], "size-bytes": 1000,
                "size-units": ["kB", "MB", "GB", "TB"], "speed-bytes": 1000, "speed-units": ["kB/s", "MB/s", "GB/s", "TB/s"],
            },
            "utp-enabled": true, "version": format!("{} (bb6b5a062e)", seedbox.version),
        });
        if let Value::Object(all) = &mut all {
            all.extend(seedbox.preferences.clone());
        }
        all
    }

    fn set(&mut self) {
        let number = |key: &str| self.arguments.get(key).and_then(Value::as_u64).map(|value| value * KILO);
        let flag = |key: &str| self.arguments.get(key).and_then(Value::as_bool);
        let limit = |now: u64, way: &str| match flag(&format!("speed-limit-{way}-enabled")) {
            Some(false) => 0,
            Some(true) => number(&format!("speed-limit-{way}")).unwrap_or(100 * KILO),
            None if now > 0 => number(&format!("speed-limit-{way}")).unwrap_or(now),
            None => 0,
        };
        let (up, down) = (limit(self.seedbox.up_limit, "up"), limit(self.seedbox.down_limit, "down"));
        let slow = (number("alt-speed-up"), number("alt-speed-down"), flag("alt-speed-enabled"));
        let rest = self.arguments.iter().filter(|(key, _)| !key.contains("speed-"));
        let rest: Map<String, Value> = rest.map(|(key, value)| (key.clone(), value.clone())).collect();
        let seedbox = &mut *self.seedbox;
        (seedbox.up_limit, seedbox.down_limit) = (up, down);
        seedbox.slow_limits = (slow.0.unwrap_or(seedbox.slow_limits.0), slow.1.unwrap_or(seedbox.slow_limits.1));
        seedbox.slow = slow.2.unwrap_or(seedbox.slow);
        seedbox.preferences.extend(rest);
    }

    fn statistics(&self) -> Value {
        let seedbox = &self.seedbox;
        let stopped = seedbox.torrents.iter().filter(|torrent| torrent.run == Run::Stopped).count();
        let counters = |sessions: u64, down: u64, up: u64| {
            json!({
                "downloadedBytes": down, "filesAdded": seedbox.torrents.len(), "sessionCount": sessions,
                "secondsActive": (self.now - self.started).seconds(), "uploadedBytes": up,
            })
        };
        let all = |of: fn(&Torrent) -> u64| seedbox.torrents.iter().map(of).sum();
        let ever = counters(
            seedbox.starts + 1,
            all(|torrent| torrent.downloaded.bytes()),
            all(|torrent| torrent.uploaded.bytes()),
        );
        let current = counters(1, seedbox.downloaded.bytes(), seedbox.uploaded.bytes());
        json!({
            "activeTorrentCount": seedbox.torrents.len() - stopped, "cumulative-stats": ever, "current-stats": current,
            "downloadSpeed": seedbox.down(), "pausedTorrentCount": stopped, "torrentCount": seedbox.torrents.len(),
            "uploadSpeed": seedbox.up(),
        })
    }

    fn add(&mut self) -> Answer {
        let text = |key: &str| self.arguments.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (link, file) = (text("filename"), text("metainfo"));
        if link.is_empty() && file.is_empty() {
            return said("no filename or metainfo specified", json!({}));
        }
        let content = BASE64_STANDARD.decode(&file).unwrap_or_default();
        let mut torrent =
            if link.is_empty() { Torrent::loaded(&content, self.now) } else { Torrent::linked(&link, self.now) };
        if self.arguments.get("paused") == Some(&Value::Bool(true)) {
            torrent.run = Run::Stopped;
        }
        let found = self.seedbox.torrents.iter().position(|there| there.hash == torrent.hash);
        let number = found.unwrap_or(self.seedbox.torrents.len()) + 1;
        let named = json!({"hashString": torrent.hash, "id": number, "name": torrent.name});
        if !self.seedbox.take(torrent) {
            return said("success", json!({"torrent-duplicate": named}));
        }
        self.restless = true;
        said("success", json!({"torrent-added": named}))
    }
}

/// What `torrent-set` changes.
fn change(torrent: &mut Torrent, changes: &Map<String, Value>) {
    let limit = |now: u64, way: &str| {
        let set = changes.get(&format!("{way}Limit")).and_then(Value::as_u64).map(|limit| limit * KILO);
        match changes.get(&format!("{way}Limited")).and_then(Value::as_bool) {
            Some(false) => 0,
            Some(true) => set.unwrap_or(100 * KILO),
            None if now > 0 => set.unwrap_or(now),
            None => 0,
        }
    };
    (torrent.up_limit, torrent.down_limit) = (limit(torrent.up_limit, "upload"), limit(torrent.down_limit, "download"));
    if let Some(labels) = changes.get("labels").and_then(Value::as_array) {
        torrent.tags = labels.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect();
    }
    if let Some(ratio) = changes.get("seedRatioLimit").and_then(Value::as_f64) {
        torrent.ratio_limit = ratio;
    }
}

/// A torrent with everything that can be asked of it here.
fn fields_of(torrent: &Torrent, id: usize) -> Value {
    let (size, done) = (torrent.size, torrent.done.bytes());
    let status = match (torrent.run, torrent.complete()) {
        (Run::Stopped, _) => 0,
        (_, true) => 6,
        (_, false) => 4,
    };
    let peers = torrent.peers().map(|peer| {
        json!({
            "address": peer.guest.ip.to_string(), "clientName": peer.guest.client, "flagStr": peer.flags(),
            "port": peer.guest.port, "progress": peer.progress(size), "rateToClient": peer.down, "rateToPeer": peer.up,
        })
    });
    let downloaded = torrent.downloaded.bytes();
    let ratio = if downloaded == 0 { -1.0 } else { share(torrent.uploaded.bytes(), downloaded) };
    json!({
        "activityDate": torrent.active.seconds(), "addedDate": torrent.added.seconds(),
        "doneDate": torrent.completed.map_or(0, Time::seconds), "downloadDir": torrent.save_path,
        "downloadLimit": torrent.down_limit / KILO, "downloadLimited": torrent.down_limit > 0, "downloadedEver": downloaded,
        "error": 0, "errorString": "", "hashString": torrent.hash, "id": id, "isPrivate": torrent.private, "isStalled": false,
        "labels": torrent.tags, "leftUntilDone": size - done, "metadataPercentComplete": 1, "name": torrent.name,
        "peers": peers.collect::<Value>(), "peersSendingToUs": torrent.peers().filter(|peer| peer.down > 0).count(),
        "percentDone": torrent.progress(), "queuePosition": id - 1, "rateDownload": torrent.down, "rateUpload": torrent.up,
        "secondsSeeding": torrent.seeding / 1000, "seedRatioLimit": torrent.ratio_limit.max(0.0),
        "seedRatioMode": i32::from(torrent.ratio_limit >= 0.0), "sizeWhenDone": size, "status": status, "totalSize": size,
        "trackerStats": [{
            "announce": torrent.tracker, "hasAnnounced": true, "lastAnnounceResult": "Success", "lastAnnounceSucceeded": true,
            "tier": 0,
        }],
        "uploadLimit": torrent.up_limit / KILO, "uploadLimited": torrent.up_limit > 0, "uploadRatio": ratio,
        "uploadedEver": torrent.uploaded.bytes(), "webseedsSendingToUs": 0,
    })
}
