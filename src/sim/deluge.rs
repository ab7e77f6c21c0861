//! The simulated Deluge: the JSON-RPC of its Web UI, with the shapes of a recorded 2.0.3. Its plug-ins `Label` and
//! `PeerBanHelperAdapter` are on.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::net::Answer;
use super::programs::Visit;
use super::seedbox::Seedbox;
use super::torrent::{Run, Torrent};
use super::volume::share;
use crate::time::Time;

pub(super) const PATH: &str = "/json";
/// The only daemon that its Web UI knows.
const HOST: &str = "5e4d7a1c9b2f4e6a8c0d1e2f3a4b5c6d";
const NO_SESSION: (i64, &str) = (1, "Not authenticated");
const UNKNOWN: (i64, &str) = (2, "Unknown method");

/// What went wrong: a number and a message.
type Outcome = Result<Value, (i64, String)>;

pub(super) fn answer(visit: &mut Visit<'_>) -> Answer {
    if visit.ask.path != PATH || visit.ask.method != "POST" {
        return Answer::text(404, "Not Found");
    }
    let Some(body) = visit.ask.json() else { return Answer::text(500, "Internal Server Error") };
    let params = body["params"].as_array().cloned().unwrap_or_default();
    let method = body["method"].as_str().unwrap_or_default();
    let mut cookie = None;
    let outcome = if method == "auth.login" {
        let right = params.first() == Some(&json!(visit.seedbox.password)) && !visit.expired;
        cookie = right.then(|| visit.seedbox.let_in(32));
        Ok(right.into())
    } else {
        let given = visit.ask.cookie("_session_id");
        let known = given.is_some_and(|given| visit.seedbox.sessions.iter().any(|session| session == given));
        if known {
            let mut call = Call { seedbox: visit.seedbox, params, now: visit.now, restless: false };
            let outcome = call.run(method);
            visit.restless = call.restless;
            outcome
        } else {
            failed(NO_SESSION)
        }
    };
    let (result, error) = match outcome {
        Ok(result) => (result, Value::Null),
        Err((code, message)) => (Value::Null, json!({"message": message, "code": code})),
    };
    let answer = Answer::json(200, &json!({"result": result, "error": error, "id": body["id"]}));
    match cookie {
        Some(cookie) => answer.with("set-cookie", format!("_session_id={cookie}; Path=/json")),
        None => answer,
    }
}

fn failed((code, message): (i64, &str)) -> Outcome {
    Err((code, message.into()))
}

/// An exception of the daemon, with its name and without its traceback.
fn raised(name: &str, message: &str) -> (i64, String) {
    let head = "Failure: [Failure instance: Traceback (failure with no frames)";
    (4, format!("{head}: <class 'deluge.error.{name}'>: {message}\n]"))
}

/// Its limits are in KiB/s with a fraction, and -1 is none.
#[expect(clippy::cast_precision_loss, reason = "no network is that fast")]
fn kibibytes(limit: u64) -> f64 {
    if limit == 0 { -1.0 } else { limit as f64 / 1024.0 }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "no network is that fast")]
fn bytes(kibibytes: f64) -> u64 {
    if kibibytes < 0.0 { 0 } else { (kibibytes * 1024.0).round().max(1.0) as u64 }
}

/// A request that was let in.
struct Call<'a> {
    seedbox: &'a mut Seedbox,
    params: Vec<Value>,
    now: Time,
    /// What another part of the world must hear of.
    restless: bool,
}

impl Call<'_> {
    fn run(&mut self, method: &str) -> Outcome {
        let connected = self.seedbox.connected;
        Ok(match method {
            "auth.check_session" => true.into(),
            "web.connected" => connected.into(),
            "web.get_hosts" => json!([[HOST, "127.0.0.1", 58846, "localclient"]]),
            "web.get_host_status" => {
                json!([HOST, if connected { "Connected" } else { "Online" }, self.seedbox.version])
            }
            "web.connect" => {
                self.seedbox.connected = self.text(0) == HOST;
                json!([])
            }
            "web.disconnect" => {
                self.seedbox.connected = false;
                "Connection was closed cleanly.".into()
            }
            // Of what its daemon can do it knows nothing without it.
            _ if !connected => return failed(UNKNOWN),
            "daemon.get_version" => self.seedbox.version.clone().into(),
            "core.get_torrents_status" => self.list(),
            "core.get_torrent_status" => {
                let hash = self.text(0).to_owned();
                self.seedbox.torrent(&hash).map_or_else(|| json!({}), |torrent| self.row(torrent))
            }
            "core.pause_torrents" => return self.each(|torrent| torrent.run = Run::Stopped),
            "core.resume_torrents" => return self.each(|torrent| torrent.run = Run::Running),
            // What takes no time here: a check finds nothing, an announcement changes nobody.
            "core.force_recheck" | "core.force_reannounce" => return self.each(|_| {}),
            "core.set_torrent_options" => {
                let options = self.param(1).clone();
                return self.each(|torrent| change(torrent, &options));
            }
            "core.remove_torrents" => {
                let named = self.hashes();
                self.seedbox.torrents.retain(|torrent| !named.contains(&torrent.hash));
                json!([])
            }
            "core.add_torrent_file" => {
                let file = BASE64_STANDARD.decode(self.text(1)).unwrap_or_default();
                return self.add(Torrent::loaded(&file, self.now), 2);
            }
            "core.add_torrent_magnet" | "core.add_torrent_url" => {
                return self.add(Torrent::linked(self.text(0), self.now), 1);
            }
            "core.get_config" => Value::Object(self.config()),
            "core.get_config_values" => {
                let config = self.config();
                let wanted = self.params.first().and_then(Value::as_array).into_iter().flatten();
                wanted.filter_map(Value::as_str).map(|key| (key.to_owned(), config.get(key).cloned())).collect()
            }
            "core.set_config" => self.set_config(),
            "core.get_session_status" => json!({
                "payload_upload_rate": self.seedbox.up(), "payload_download_rate": self.seedbox.down(),
                "total_payload_upload": self.seedbox.uploaded.bytes(), "total_payload_download": self.seedbox.downloaded.bytes(),
            }),
            "core.get_free_space" => match self.param(0).as_str() {
                Some(path) if !path.starts_with("/data") => (-1).into(),
                _ => self.seedbox.free_space().into(),
            },
            "label.get_labels" => json!(self.seedbox.categories()),
            "label.add" => {
                let label = self.text(0).to_owned();
                self.seedbox.categories.insert(label);
                Value::Null
            }
            "label.set_torrent" => {
                let label = self.text(1).to_owned();
                if !label.is_empty() && !self.seedbox.categories().contains(&label) {
                    return Err(raised("WrappedException", "Unknown Label"));
                }
                self.params[0] = json!([self.text(0)]);
                return self.each(|torrent| torrent.category.clone_from(&label));
            }
            "peerbanhelperadapter.get_blocklist" => {
                json!({"size": self.seedbox.banned.len(), "ips": self.seedbox.banned})
            }
            "peerbanhelperadapter.ban_ips" => self.ban(|banned, mut ips| banned.append(&mut ips)),
            "peerbanhelperadapter.unban_ips" => self.ban(|banned, ips| banned.retain(|ip| !ips.contains(ip))),
            "peerbanhelperadapter.replace_blocklist" => self.ban(|banned, ips| *banned = ips),
            _ => return failed(UNKNOWN),
        })
    }

    fn param(&self, at: usize) -> &Value {
        self.params.get(at).unwrap_or(&Value::Null)
    }

    fn text(&self, at: usize) -> &str {
        self.param(at).as_str().unwrap_or_default()
    }

    /// The hashes that a list of the first parameter names.
    fn hashes(&self) -> Vec<String> {
        let hashes = self.param(0).as_array().into_iter().flatten();
        hashes.filter_map(Value::as_str).map(ToOwned::to_owned).collect()
    }

    /// Changes one torrent after the other, up to one that it does not know.
    fn each(&mut self, change: impl Fn(&mut Torrent)) -> Outcome {
        self.restless = true;
        for hash in self.hashes() {
            let Some(torrent) = self.seedbox.torrents.iter_mut().find(|torrent| torrent.hash == hash) else {
                return Err(raised("WrappedException", &format!("'{hash}'")));
            };
            change(torrent);
        }
        Ok(Value::Null)
    }

    /// Those that the filter's `id` names, all without one, by their hashes.
    fn list(&self) -> Value {
        let ids = self.param(0)["id"].as_array();
        let fits = |torrent: &&Torrent| ids.is_none_or(|ids| ids.iter().any(|id| *id == torrent.hash.as_str()));
        let keys: Vec<&str> = self.param(1).as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let rows = self.seedbox.torrents.iter().filter(fits).map(|torrent| {
            let mut row = self.row(torrent);
            if let Value::Object(row) = &mut row {
                row.retain(|key, _| keys.is_empty() || keys.contains(&key.as_str()));
            }
            (torrent.hash.clone(), row)
        });
        Value::Object(rows.collect())
    }

    fn row(&self, torrent: &Torrent) -> Value {
        let state = match (torrent.run, torrent.complete()) {
            (Run::Stopped, _) => "Paused",
            (_, true) => "Seeding",
            (_, false) => "Downloading",
        };
        let downloaded = torrent.downloaded.bytes();
        let ratio = if downloaded == 0 { -1.0 } else { share(torrent.uploaded.bytes(), downloaded) };
        let seeds = torrent.peers().filter(|peer| peer.progress(torrent.size) >= 1.0).count();
        json!({
            "hash": torrent.hash, "name": torrent.name, "total_wanted": torrent.size, "total_size": torrent.size,
            "progress": torrent.progress() * 100.0, "is_finished": torrent.complete(), "state": state,
            "private": torrent.private, "ratio": ratio, "total_uploaded": torrent.uploaded.bytes(),
            "all_time_download": downloaded, "upload_payload_rate": torrent.up, "download_payload_rate": torrent.down,
            "max_upload_speed": kibibytes(torrent.up_limit), "max_download_speed": kibibytes(torrent.down_limit),
            "num_seeds": seeds, "num_peers": torrent.peers().count() - seeds, "label": torrent.category,
            "tracker": torrent.tracker, "tracker_status": "Announce OK", "time_added": torrent.added.seconds(),
            "completed_time": torrent.completed.map_or(0, Time::seconds),
            "time_since_transfer": (self.now - torrent.active).millis() / 1000, "seeding_time": torrent.seeding / 1000,
            "save_path": torrent.save_path, "message": "OK", "auto_managed": torrent.managed,
        })
    }

    /// With the options at a position; one that is there is refused.
    fn add(&mut self, mut torrent: Torrent, options: usize) -> Outcome {
        let options = self.param(options);
        if options["add_paused"] == true {
            torrent.run = Run::Stopped;
        }
        if let Some(path) = options["download_location"].as_str() {
            path.clone_into(&mut torrent.save_path);
        }
        let hash = torrent.hash.clone();
        if !self.seedbox.take(torrent) {
            return Err(raised("AddTorrentError", &format!("Torrent already in session ({hash}).")));
        }
        self.restless = true;
        Ok(hash.into())
    }

    fn config(&self) -> Map<String, Value> {
        let seedbox = &self.seedbox;
        let mut config = Map::new();
        let known = json!({
            "max_upload_speed": kibibytes(seedbox.up_limit), "max_download_speed": kibibytes(seedbox.down_limit),
            "download_location": "/data/torrents", "dht": true, "utpex": true, "lsd": true, "max_active_limit": -1,
            "max_active_downloading": -1, "max_active_seeding": -1, "listen_ports": [6881, 6891], "stop_seed_at_ratio": false,
            "stop_seed_ratio": 2.0, "enabled_plugins": ["Label", "PeerBanHelperAdapter"],
        });
        config.extend(known.as_object().cloned().unwrap_or_default());
        config.extend(seedbox.preferences.clone());
        config
    }

    fn set_config(&mut self) -> Value {
        for (key, value) in self.param(0).as_object().cloned().unwrap_or_default() {
            match (key.as_str(), value.as_f64()) {
                ("max_upload_speed", Some(speed)) => self.seedbox.up_limit = bytes(speed),
                ("max_download_speed", Some(speed)) => self.seedbox.down_limit = bytes(speed),
                _ => drop(self.seedbox.preferences.insert(key, value)),
            }
        }
        Value::Null
    }

    fn ban(&mut self, change: impl Fn(&mut Vec<String>, Vec<String>)) -> Value {
        let mut banned = self.seedbox.banned.clone();
        change(&mut banned, self.hashes());
        banned.dedup();
        self.seedbox.ban(banned);
        self.restless = true;
        Value::Null
    }
}

/// What `core.set_torrent_options` changes.
fn change(torrent: &mut Torrent, options: &Value) {
    if let Some(speed) = options["max_upload_speed"].as_f64() {
        torrent.up_limit = bytes(speed);
    }
    if let Some(speed) = options["max_download_speed"].as_f64() {
        torrent.down_limit = bytes(speed);
    }
    if let Some(managed) = options["auto_managed"].as_bool() {
        torrent.managed = managed;
    }
    if let Some(ratio) = options["stop_ratio"].as_f64() {
        torrent.ratio_limit = ratio;
    }
}
