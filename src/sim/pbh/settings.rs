//! What a user of PBH sets: rules, subscriptions, alerts, channels, scripts, licences, its two files.

use std::collections::VecDeque;

use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::sim::swarm;
use crate::sim::torrent::Peer;
use crate::time::{Duration, Time};

/// Log lines that are kept.
const LINES: usize = 100;

pub(in crate::sim) struct Settings {
    /// `config.yml` and `profile.yml` as JSON; what is kept elsewhere is filled in when they are read.
    pub config: Value,
    pub profile: Value,
    pub blacklist: Blacklist,
    pub interval: i64,
    pub subscriptions: Vec<Subscription>,
    /// Updates of subscriptions: rule, when, how many entries.
    pub updates: Vec<(String, Time, u64)>,
    pub alerts: Vec<Alert>,
    pub next_alert: i64,
    pub channels: Vec<Channel>,
    /// Name of the file and its text; `true` where it is loaded.
    pub scripts: Vec<(String, String, bool)>,
    pub laboratory: bool,
    /// By id, where it is set to something else than `default`.
    pub experiments: Vec<(String, String)>,
    pub licences: Vec<Value>,
    /// Challenges that were given out: id and bytes.
    pub challenges: Vec<(String, [u8; 32])>,
    pub stun: (bool, bool, Vec<String>),
    pub logs: Logs,
    pub tasks: Tasks,
}

pub(in crate::sim) struct Subscription {
    pub id: String,
    pub name: String,
    pub url: String,
    pub enabled: bool,
    pub updated: Option<Time>,
    pub entries: u64,
}

pub(in crate::sim) struct Alert {
    pub id: i64,
    pub created: Time,
    pub read: Option<Time>,
    pub level: &'static str,
    pub identifier: String,
    pub title: String,
    pub content: String,
}

pub(in crate::sim) struct Channel {
    pub name: String,
    pub kind: String,
    pub config: Value,
}

const SCRIPTS: [(&str, &str); 4] = [
    ("dot-1-ipv6-tr296.av", "Transmission 2.96 with an IPv6 address that ends in ::1"),
    ("gopeed-random-peerid.av", "Gopeed dev"),
    ("2e0-61ff-fe.av", "Cheaters with one network card"),
    ("name-id-verify.av", "Client name and peer id"),
];

impl Settings {
    pub fn new(old: bool, banned_ids: &[String], now: Time) -> Self {
        let parse = |text: &str| -> Value { serde_json::from_str(text).expect("the defaults are part of the program") };
        let (config, mut profile) = if old {
            (parse(include_str!("defaults/config-9.0.10.json")), parse(include_str!("defaults/profile-9.0.10.json")))
        } else {
            (parse(include_str!("defaults/config-9.5.0.json")), parse(include_str!("defaults/profile-9.5.0.json")))
        };
        let rule = |id: &String| json!({"method": "STARTS_WITH", "content": id.to_lowercase()});
        profile["module"]["peer_id_blacklist"]["banned_peer_id"] = banned_ids.iter().map(rule).collect();
        let host = if old { "bcr.pbh-btn.ghorg.ghostchu-services.top" } else { "bcr.pbh-btn.com" };
        let script = |(file, name): &(&str, &str)| {
            let text = format!(
                "## @NAME {name}\n## @AUTHOR PBH-BTN Community\n## @CACHEABLE true\n## @VERSION 1.1\n\nreturn false;\n"
            );
            ((*file).to_owned(), text, true)
        };
        let mut this = Self {
            config,
            profile,
            blacklist: Blacklist::default(),
            interval: 14_400_000,
            subscriptions: vec![Subscription {
                id: "all-in-one".into(),
                name: "all-in-one".into(),
                url: format!("https://{host}/combine/all.txt"),
                enabled: true,
                updated: None,
                entries: 0,
            }],
            updates: Vec::new(),
            alerts: Vec::new(),
            next_alert: 1,
            channels: Vec::new(),
            scripts: SCRIPTS.iter().map(script).collect(),
            laboratory: true,
            experiments: Vec::new(),
            licences: Vec::new(),
            challenges: Vec::new(),
            stun: (false, true, Vec::new()),
            logs: Logs::new(),
            tasks: Tasks::new(),
        };
        this.tasks.done("Setting the IP database up");
        this.alert("INFO", "unstable-alert", "This server is simulated", "Nothing that it shows exists.", now);
        this.logs.write(now, "INFO", "The server has started");
        this
    }

    /// Tells the user something, once for each identifier until it is read.
    pub fn alert(&mut self, level: &'static str, identifier: &str, title: &str, content: &str, now: Time) {
        if self.alerts.iter().any(|alert| alert.identifier == identifier && alert.read.is_none()) {
            return;
        }
        self.alerts.push(Alert {
            id: self.next_alert,
            created: now,
            read: None,
            level,
            identifier: identifier.into(),
            title: title.into(),
            content: content.into(),
        });
        self.next_alert += 1;
    }

    /// Peer ids that are banned on sight, by how they begin.
    pub fn banned_ids(&self) -> impl Iterator<Item = &str> {
        let rules = self.profile["module"]["peer_id_blacklist"]["banned_peer_id"].as_array();
        rules
            .into_iter()
            .flatten()
            .filter(|rule| rule["method"] == "STARTS_WITH")
            .filter_map(|rule| rule["content"].as_str())
    }

    /// How long a ban by a module's rule lasts.
    pub fn ban_duration(&self, module: &str) -> Duration {
        let own = self.profile["module"][module]["ban_duration"].as_i64();
        Duration::from_millis(own.or_else(|| self.profile["ban_duration"].as_i64()).unwrap_or(1_209_600_000))
    }
}

/// The log: the last lines, and whoever listens.
pub(in crate::sim) struct Logs {
    pub lines: VecDeque<Value>,
    pub live: broadcast::Sender<Value>,
    offset: u64,
}

impl Logs {
    fn new() -> Self {
        Self { lines: VecDeque::new(), live: broadcast::channel(LINES).0, offset: 0 }
    }

    /// How many lines there were so far.
    pub fn written(&self) -> u64 {
        self.offset
    }

    pub fn write(&mut self, now: Time, level: &str, content: &str) {
        self.offset += 1;
        let line = json!({
            "time": now.millis(), "thread": "Ban Wave", "level": level, "content": content, "offset": self.offset,
        });
        // Nobody listening is no error.
        let _ = self.live.send(line.clone());
        self.lines.push_back(line);
        if self.lines.len() > LINES {
            self.lines.pop_front();
        }
    }
}

/// What the server does in the background: the last state of each task, and whoever listens.
pub(in crate::sim) struct Tasks {
    pub known: Vec<Value>,
    pub live: broadcast::Sender<Value>,
    made: u64,
}

impl Tasks {
    fn new() -> Self {
        Self { known: Vec::new(), live: broadcast::channel(LINES).0, made: 0 }
    }

    /// A task begins and ends, which takes no time here.
    pub fn done(&mut self, title: &str) {
        self.made += 1;
        let hex = swarm::hex(32, swarm::key("task"), &[self.made]);
        let id = format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32]);
        for (status, text, at) in [("RUNNING", "Running", 0), ("COMPLETED", "Done", 1)] {
            let update = json!({
                "type": "UPDATED",
                "task": {
                    "id": id, "title": title, "statusText": text, "status": status,
                    "barType": "DETERMINATE", "progress": f64::from(at), "current": at, "max": 1,
                },
            });
            // Nobody listening is no error.
            let _ = self.live.send(update.clone());
            self.known.retain(|known| known["task"]["id"] != update["task"]["id"]);
            self.known.push(update);
        }
        if self.known.len() > LINES {
            self.known.remove(0);
        }
    }
}

/// The IP rules.
#[derive(Default)]
pub(in crate::sim) struct Blacklist {
    pub ips: Vec<String>,
    pub ports: Vec<i64>,
    pub asns: Vec<i64>,
    pub regions: Vec<String>,
    pub cities: Vec<String>,
    pub networks: Vec<String>,
}

impl Blacklist {
    /// The rule that bans a peer, and why.
    pub fn verdict(&self, peer: &Peer) -> Option<(String, String)> {
        let guest = &peer.guest;
        let by = |kind: &str, what: &dyn std::fmt::Display| {
            Some((format!("{kind} Rule: {what}"), format!("Match {kind} rule: {what}")))
        };
        if let Some(ip) = self.ips.iter().find(|ip| crate::sim::hub::parse(ip).contains(&guest.ip)) {
            return Some((format!("IP/CIDR Rule: {ip}"), format!("Match IP rule: {ip}")));
        }
        if self.ports.contains(&i64::from(guest.port)) {
            return by("Port", &guest.port);
        }
        if self.asns.contains(&i64::from(guest.place.asn)) {
            return by("ASN", &guest.place.asn);
        }
        if self.regions.iter().any(|region| region == guest.place.iso) {
            return by("Region", &guest.place.iso);
        }
        if self.cities.iter().any(|city| guest.place.city.contains(city.as_str())) {
            return by("City", &guest.place.city);
        }
        None
    }
}
