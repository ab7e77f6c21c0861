//! The simulated aria2-next: its JSON-RPC, with the shapes of a recorded aria2 1.36.0. Its token is the password of the
//! world file.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::net::Answer;
use super::programs::Visit;
use super::seedbox::Seedbox;
use super::swarm;
use super::torrent::{Run, Torrent};
use crate::time::Time;

pub(super) const PATH: &str = "/jsonrpc";

/// What it says where it refuses; the number is always 1.
type Outcome = Result<Value, String>;

pub(super) fn answer(visit: &mut Visit<'_>) -> Answer {
    if visit.ask.path != PATH || visit.ask.method != "POST" {
        return Answer::text(404, "Not Found");
    }
    let Some(body) = visit.ask.json() else { return Answer::text(400, "Bad Request") };
    let params = body["params"].as_array().cloned().unwrap_or_default();
    let token = (!visit.expired).then(|| format!("token:{}", visit.seedbox.password));
    let mut call = Call { seedbox: visit.seedbox, token, now: visit.now, restless: false };
    let outcome = call.let_in(body["method"].as_str().unwrap_or_default(), params);
    visit.restless = call.restless;
    let id = &body["id"];
    match outcome {
        Ok(result) => Answer::json(200, &json!({"id": id, "jsonrpc": "2.0", "result": result})),
        Err(message) => Answer::json(400, &json!({"id": id, "jsonrpc": "2.0", "error": failure(&message)})),
    }
}

fn failure(message: &str) -> Value {
    json!({"code": 1, "message": message})
}

struct Call<'a> {
    seedbox: &'a mut Seedbox,
    /// The first parameter of whoever may ask; nobody may without one.
    token: Option<String>,
    now: Time,
    /// What another part of the world must hear of.
    restless: bool,
}

impl Call<'_> {
    /// One call, or many in one with a token each.
    fn let_in(&mut self, method: &str, mut params: Vec<Value>) -> Outcome {
        if method == "system.multicall" {
            let calls = params.first().and_then(Value::as_array).cloned().unwrap_or_default();
            let outcomes = calls.iter().map(|call| {
                let params = call["params"].as_array().cloned().unwrap_or_default();
                match self.let_in(call["methodName"].as_str().unwrap_or_default(), params) {
                    Ok(result) => json!([result]),
                    Err(message) => failure(&message),
                }
            });
            return Ok(outcomes.collect());
        }
        if self.token.is_none() || params.first().and_then(Value::as_str) != self.token.as_deref() {
            return Err("Unauthorized".into());
        }
        params.remove(0);
        self.run(method, &params)
    }

    fn run(&mut self, method: &str, params: &[Value]) -> Outcome {
        let param = |at: usize| params.get(at).unwrap_or(&Value::Null);
        let runs = |run: Run| run != Run::Stopped;
        Ok(match method {
            "aria2.getVersion" => json!({
                "enabledFeatures": ["Async DNS", "BitTorrent", "GZip", "HTTPS", "Message Digest"], "version": self.seedbox.version,
            }),
            "aria2.tellActive" => self.list(param(0), |torrent| runs(torrent.run)),
            "aria2.tellWaiting" => self.list(param(2), |torrent| !runs(torrent.run)),
            // What was taken away is forgotten at once.
            "aria2.tellStopped" => json!([]),
            "aria2.tellStatus" => {
                let at = self.position(param(0))?;
                self.row(&self.seedbox.torrents[at], param(1))
            }
            "aria2.getGlobalStat" => {
                let active = self.seedbox.torrents.iter().filter(|torrent| runs(torrent.run)).count();
                let waiting = self.seedbox.torrents.len() - active;
                json!({
                    "downloadSpeed": self.seedbox.down().to_string(), "numActive": active.to_string(), "numStopped": "0",
                    "numStoppedTotal": "0", "numWaiting": waiting.to_string(), "uploadSpeed": self.seedbox.up().to_string(),
                })
            }
            "aria2.getOption" => {
                let torrent = &self.seedbox.torrents[self.position(param(0))?];
                json!({
                    "dir": torrent.save_path, "max-download-limit": torrent.down_limit.to_string(),
                    "max-upload-limit": torrent.up_limit.to_string(),
                })
            }
            "aria2.changeOption" => {
                let at = self.position(param(0))?;
                change(&mut self.seedbox.torrents[at], param(1));
                "OK".into()
            }
            "aria2.getGlobalOption" => Value::Object(self.options()),
            "aria2.changeGlobalOption" => self.set_options(param(0)),
            "aria2.pause" | "aria2.forcePause" => return self.turn(param(0), Run::Stopped, "paused"),
            "aria2.unpause" => return self.turn(param(0), Run::Running, "unpaused"),
            "aria2.remove" | "aria2.forceRemove" => {
                let at = self.position(param(0))?;
                self.seedbox.torrents.remove(at);
                param(0).clone()
            }
            "aria2.removeDownloadResult" => {
                let gid = param(0).as_str().unwrap_or_default();
                return Err(format!("Could not remove download result of GID#{gid}"));
            }
            "aria2.addUri" => {
                let link = param(0)[0].as_str().unwrap_or_default();
                self.add(Torrent::linked(link, self.now), param(1))
            }
            "aria2.addTorrent" => {
                let file = BASE64_STANDARD.decode(param(0).as_str().unwrap_or_default()).unwrap_or_default();
                self.add(Torrent::loaded(&file, self.now), param(2))
            }
            _ => return Err(format!("No such method: {method}")),
        })
    }

    /// What it calls a download; another number after each start.
    fn gid(&self, torrent: &Torrent) -> String {
        swarm::hex(16, swarm::key(&torrent.hash), &[self.seedbox.starts])
    }

    fn position(&self, gid: &Value) -> Result<usize, String> {
        let found = self.seedbox.torrents.iter().position(|torrent| *gid == self.gid(torrent));
        found.ok_or_else(|| format!("GID {} is not found", gid.as_str().unwrap_or_default()))
    }

    /// Pauses one or lets it go on; one that does so already cannot.
    fn turn(&mut self, gid: &Value, run: Run, word: &str) -> Outcome {
        let at = self.position(gid)?;
        let torrent = &mut self.seedbox.torrents[at];
        if torrent.run == run {
            return Err(format!("GID#{} cannot be {word} now", gid.as_str().unwrap_or_default()));
        }
        torrent.run = run;
        self.restless = true;
        Ok(gid.clone())
    }

    fn list(&self, keys: &Value, fits: impl Fn(&Torrent) -> bool) -> Value {
        self.seedbox.torrents.iter().filter(|torrent| fits(torrent)).map(|torrent| self.row(torrent, keys)).collect()
    }

    fn row(&self, torrent: &Torrent, keys: &Value) -> Value {
        let (size, done) = (torrent.size.to_string(), torrent.done.bytes().to_string());
        let seeds = torrent.peers().filter(|peer| peer.progress(torrent.size) >= 1.0).count();
        let row = json!({
            "bittorrent": {"announceList": [[torrent.tracker]], "info": {"name": torrent.name}, "mode": "single"},
            "completedLength": done, "connections": torrent.peers().count().to_string(), "dir": torrent.save_path,
            "downloadSpeed": torrent.down.to_string(),
            "files": [{
                "completedLength": done, "index": "1", "length": size, "path": format!("{}/{}", torrent.save_path, torrent.name),
                "selected": "true", "uris": [],
            }],
            "gid": self.gid(torrent), "infoHash": torrent.hash, "numSeeders": seeds.to_string(),
            "seeder": torrent.complete().to_string(), "status": if torrent.run == Run::Stopped { "paused" } else { "active" },
            "totalLength": size, "uploadLength": torrent.uploaded.bytes().to_string(), "uploadSpeed": torrent.up.to_string(),
        });
        let (Value::Object(mut row), Some(keys)) = (row.clone(), keys.as_array()) else { return row };
        row.retain(|key, _| keys.iter().any(|wanted| wanted == key));
        Value::Object(row)
    }

    fn add(&mut self, mut torrent: Torrent, options: &Value) -> Value {
        if options["pause"] == "true" {
            torrent.run = Run::Stopped;
        }
        if let Some(folder) = options["dir"].as_str() {
            folder.clone_into(&mut torrent.save_path);
        }
        let gid = self.gid(&torrent);
        self.seedbox.take(torrent);
        self.restless = true;
        gid.into()
    }

    fn options(&self) -> Map<String, Value> {
        let seedbox = &self.seedbox;
        let known = json!({
            "dir": "/data/torrents", "max-concurrent-downloads": "5", "max-overall-download-limit": seedbox.down_limit.to_string(),
            "max-overall-upload-limit": seedbox.up_limit.to_string(), "seed-ratio": "0.0",
        });
        let mut options = known.as_object().cloned().unwrap_or_default();
        options.extend(seedbox.preferences.clone());
        options
    }

    fn set_options(&mut self, changes: &Value) -> Value {
        for (key, value) in changes.as_object().cloned().unwrap_or_default() {
            match key.as_str() {
                "max-overall-upload-limit" => self.seedbox.up_limit = number(&value),
                "max-overall-download-limit" => self.seedbox.down_limit = number(&value),
                _ => drop(self.seedbox.preferences.insert(key, value)),
            }
        }
        "OK".into()
    }
}

/// Its numbers are texts.
fn number(value: &Value) -> u64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// What `aria2.changeOption` changes.
fn change(torrent: &mut Torrent, options: &Value) {
    for (key, value) in options.as_object().into_iter().flatten() {
        match key.as_str() {
            "max-upload-limit" => torrent.up_limit = number(value),
            "max-download-limit" => torrent.down_limit = number(value),
            "seed-ratio" => torrent.ratio_limit = value.as_str().and_then(|text| text.parse().ok()).unwrap_or(0.0),
            _ => {}
        }
    }
}
