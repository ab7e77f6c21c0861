//! PBH's own state: the clients it supervises, its bans, and the waves in which they take effect.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use ipnet::IpNet;
use serde_json::{Map, Value, json};

use super::pbh::downloaders::normal;
use super::pbh::settings::Settings;
use super::scenario::{PbhPlan, Scenario};
use super::seedbox::Seedbox;
use super::swarm;
use crate::time::{Duration, Time};

mod show;
mod wave;

pub(super) use show::{geo_json, list_form, parse, peer_json, text_of, torrent_json};

/// One wave every five seconds.
pub(super) const WAVE: i64 = 5000;

/// A downloader as PBH knows it.
pub(super) struct Supervised {
    pub id: String,
    /// Exactly as it was sent, with every key of its type.
    pub config: Map<String, Value>,
    /// Whether a wave has run since it was added or changed.
    pub seen: bool,
}

impl Supervised {
    pub fn text(&self, key: &str) -> Option<&str> {
        self.config.get(key).and_then(Value::as_str)
    }

    pub fn flag(&self, key: &str) -> bool {
        self.config.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    pub fn kind(&self) -> &str {
        self.text("type").unwrap_or("qbittorrent")
    }

    /// The spelling inside bans and histories.
    pub fn brand(&self) -> String {
        match self.kind() {
            "qbittorrent" => "qBittorrent".into(),
            "qbittorrentee" => "qBittorrentEE".into(),
            "transmission" => "Transmission".into(),
            "biglybt" => "BiglyBT".into(),
            "deluge" => "Deluge".into(),
            "bitcomet" => "BitComet".into(),
            other => other.into(),
        }
    }

    /// `{id, name, type}`, as bans and histories name it.
    pub fn reference(&self) -> Value {
        json!({"id": self.id, "name": self.config.get("name"), "type": self.brand()})
    }

    /// The simulated client that its settings lead to and let in.
    pub fn seedbox<'a>(&self, boxes: &'a [Seedbox]) -> Option<&'a Seedbox> {
        self.position(boxes).map(|position| &boxes[position])
    }

    pub fn position(&self, boxes: &[Seedbox]) -> Option<usize> {
        boxes.iter().position(|seedbox| {
            // Of a login it has what its type has.
            let right = |key: &str, value: &str| self.config.get(key).is_none_or(|given| given == value);
            self.kind().trim_end_matches("ee") == seedbox.program.kind
                && self.text("endpoint") == Some(seedbox.endpoint().as_str())
                && right("username", &seedbox.username)
                && right("password", &seedbox.password)
                && right("token", &seedbox.password)
                && seedbox.online
        })
    }
}

/// One entry of the ban list.
#[derive(Clone)]
pub(super) struct Ban {
    pub net: IpNet,
    pub downloader: Value,
    /// As both were when the ban was made, in this version's form.
    pub torrent: Value,
    pub peer: Value,
    pub by: String,
    pub from: Time,
    pub to: Time,
    pub rule: String,
    pub description: String,
    pub place: Option<&'static swarm::Place>,
}

/// One line of the ban history.
#[derive(Clone)]
pub(super) struct Banned {
    pub ban: Ban,
    pub ip: String,
    pub port: u16,
}

pub(super) struct Hub {
    pub seed: u64,
    pub version: (u32, u32, u32),
    pub release: String,
    pub token: String,
    pub started: Time,
    pub installation: String,
    pub clients: Vec<Supervised>,
    /// By the address as the list shows it.
    pub bans: IndexMap<String, Ban>,
    pub history: Vec<Banned>,
    /// Manual bans that the next wave applies, as sent.
    pub queue: Vec<String>,
    /// The next wave sends the whole list to every client.
    pub push_all: bool,
    /// Something a wave would act on happened.
    pub restless: bool,
    pub paused: bool,
    pub waves: u64,
    pub bans_made: u64,
    pub unbans_made: u64,
    /// Wrong tokens by network, and since when.
    pub wrong: BTreeMap<String, (u32, Time)>,
    pub sessions: Vec<String>,
    pub initialised: bool,
    pub initialised_at_start: bool,
    pub settings: Settings,
    /// How often a token was invented.
    pub invented: u64,
}

impl Hub {
    pub fn new(scenario: &Scenario, boxes: &[Seedbox], now: Time) -> Self {
        let PbhPlan { version, token, banned_peer_ids, initialised, .. } = &scenario.pbh;
        let seed = swarm::roll(scenario.seed, &[swarm::key("pbh")]);
        let hex = swarm::hex(32, seed, &[0]);
        let old = crate::api::version(version) < (9, 3, 0);
        let clients = scenario.downloader.iter().zip(boxes).map(|(plan, seedbox)| {
            let given = json!({
                "type": seedbox.program.kind, "name": seedbox.name, "endpoint": seedbox.endpoint(),
                "username": seedbox.username, "password": seedbox.password, "token": seedbox.password, "apiKey": "",
                "rpcUrl": seedbox.program.path, "basicAuth": {"user": "", "pass": ""},
                "incrementBan": plan.increment_ban, "useShadowBan": false, "verifySsl": true, "ignorePrivate": false,
                "paused": plan.paused,
            });
            let config = given.as_object().and_then(|given| normal(given, old)).unwrap_or_default();
            Supervised { id: plan.id.clone(), config, seen: true }
        });
        Self {
            seed,
            version: crate::api::version(version),
            release: version.clone(),
            token: token.clone(),
            started: now,
            installation: format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32]),
            clients: clients.collect(),
            bans: IndexMap::new(),
            history: Vec::new(),
            queue: Vec::new(),
            push_all: false,
            restless: true,
            paused: false,
            waves: 0,
            bans_made: 0,
            unbans_made: 0,
            wrong: BTreeMap::new(),
            sessions: Vec::new(),
            initialised: *initialised,
            initialised_at_start: *initialised,
            settings: Settings::new(old, banned_peer_ids, now),
            invented: 0,
        }
    }

    /// 9.0.10, where the two simulated versions differ.
    pub fn old(&self) -> bool {
        self.version < (9, 3, 0)
    }

    pub fn client(&self, id: &str) -> Option<&Supervised> {
        self.clients.iter().find(|client| client.id == id)
    }

    /// The next wave after `now`, where one would do anything.
    pub fn next(&self, now: Time) -> Option<Time> {
        if self.paused {
            return None;
        }
        let wave = |at: Time| {
            let waves = (at - self.started).millis().div_euclid(WAVE) + 1;
            self.started + Duration::from_millis(waves * WAVE)
        };
        let ends = self.bans.values().map(|ban| ban.to).min().map(|to| wave(to - Duration::from_millis(1)));
        let soon = self.restless.then(|| wave(now));
        [soon, ends].into_iter().flatten().min()
    }

    /// How many waves there were up to now, whether or not they had anything to do.
    pub fn checks(&self, now: Time) -> i64 {
        (now - self.started).millis().div_euclid(WAVE)
    }
}
