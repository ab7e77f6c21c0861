//! PBH's own state: the clients it supervises, its bans, and the waves in which they take effect.

use std::collections::BTreeMap;
use std::net::IpAddr;

use indexmap::IndexMap;
use ipnet::IpNet;
use serde_json::{Map, Value, json};

use super::pbh::settings::Settings;
use super::scenario::{PbhPlan, Scenario};
use super::seedbox::{Peer, Seedbox, Torrent};
use super::swarm;
use crate::time::{Duration, Time};

/// One wave every five seconds.
pub(super) const WAVE: i64 = 5000;

/// How long a manual ban lasts: PBH's hundred years.
const MANUAL: Duration = Duration::from_seconds(36_500 * 86_400);
pub(super) const BY_HAND: &str = "com.ghostchu.peerbanhelper.DownloaderServerImpl";
const RULES: &str = "com.ghostchu.peerbanhelper.module.impl.rule";

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
        if !matches!(self.kind(), "qbittorrent" | "qbittorrentee") {
            return None;
        }
        boxes.iter().position(|seedbox| {
            self.text("endpoint") == Some(seedbox.url.as_str())
                && self.text("username") == Some(seedbox.username.as_str())
                && self.text("password") == Some(seedbox.password.as_str())
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
            let mut config = Map::new();
            for (key, value) in [
                ("type", json!("qbittorrent")),
                ("name", json!(seedbox.name)),
                ("endpoint", json!(seedbox.url)),
                ("username", json!(seedbox.username)),
                ("password", json!(seedbox.password)),
                ("apiKey", json!("")),
                ("basicAuth", json!({"user": "", "pass": ""})),
                ("incrementBan", json!(plan.increment_ban)),
                ("useShadowBan", json!(false)),
                ("verifySsl", json!(true)),
                ("ignorePrivate", json!(false)),
                ("paused", json!(plan.paused)),
            ] {
                if key != "apiKey" || !old {
                    config.insert(key.into(), value);
                }
            }
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

    /// One wave: expired bans go, rules look at the peers, queued bans are applied, clients told.
    pub fn wave(&mut self, boxes: &mut [Seedbox], now: Time) {
        self.restless = false;
        self.waves += 1;
        for client in &mut self.clients {
            client.seen = true;
        }
        let before = self.bans.len();
        self.bans.retain(|_, ban| ban.to > now);
        let mut full = before != self.bans.len();
        self.unbans_made += u64::try_from(before - self.bans.len()).unwrap_or(0);

        // By the rules: these reach a client also with `incrementBan`, with address and port.
        let mut fresh: Vec<(usize, String)> = Vec::new();
        for (number, ban, peer) in self.offenders(boxes, now) {
            let address = ban.net.addr().to_string();
            fresh.push((number, address.clone()));
            self.record(&ban, &peer);
            self.bans.insert(address, ban);
        }

        // By hand.
        let mut by_hand = false;
        for text in std::mem::take(&mut self.queue) {
            let Some(first) = self.clients.first() else { break };
            let net = parse(&text);
            let address = list_form(net, self.old());
            by_hand = true;
            if self.bans.contains_key(&address) {
                self.push_all = true;
                continue;
            }
            let ban = Ban {
                net,
                downloader: first.reference(),
                torrent: nobody_torrent(),
                peer: nobody(&text, self.old()),
                by: BY_HAND.into(),
                from: now,
                to: now + MANUAL,
                rule: "User API Ban".into(),
                description: format!("Banned by the user through the Web API: {text}"),
                place: None,
            };
            self.record(&ban, &text);
            self.bans.insert(address, ban);
        }

        // What the clients are told.
        let list: Vec<String> = self.bans.values().map(|ban| text_of(ban.net)).collect();
        full |= by_hand || !fresh.is_empty();
        for (number, client) in self.clients.iter_mut().enumerate() {
            let Some(position) = client.position(boxes) else { continue };
            if client.flag("paused") {
                continue;
            }
            let seedbox = &mut boxes[position];
            if self.push_all || (full && !client.flag("incrementBan")) {
                seedbox.ban(with_twins(&list));
            } else if client.flag("incrementBan") {
                let mut banned = seedbox.banned.clone();
                for (_, address) in fresh.iter().filter(|(of, _)| *of == number) {
                    if !banned.contains(address) {
                        banned.push(address.clone());
                    }
                }
                seedbox.ban(banned);
            }
            seedbox.reflow(now);
        }
        self.push_all = false;
    }

    /// The peers that a rule bans now: client's position, the ban, and the peer's address and port.
    fn offenders(&self, boxes: &[Seedbox], now: Time) -> Vec<(usize, Ban, String)> {
        let mut found: Vec<(usize, Ban, String)> = Vec::new();
        for (number, client) in self.clients.iter().enumerate() {
            let Some(seedbox) = client.seedbox(boxes).filter(|_| !client.flag("paused")) else { continue };
            for torrent in &seedbox.torrents {
                if torrent.private && client.flag("ignorePrivate") {
                    continue;
                }
                for peer in torrent.peers() {
                    let known = found.iter().any(|(_, ban, _)| ban.net.addr() == peer.guest.ip)
                        || self.bans.values().any(|ban| ban.net.contains(&peer.guest.ip));
                    if known {
                        continue;
                    }
                    if let Some((module, rule, description)) = self.verdict(peer) {
                        let key = if module == "IPBlackList" { "ip_address_blocker" } else { "peer_id_blacklist" };
                        let ban = Ban {
                            net: peer.guest.ip.into(),
                            downloader: client.reference(),
                            torrent: torrent_json(torrent),
                            peer: peer_json(peer, torrent, self.old()),
                            by: format!("{RULES}.{module}"),
                            from: now,
                            to: now + self.settings.ban_duration(key),
                            rule,
                            description,
                            place: Some(peer.guest.place),
                        };
                        found.push((number, ban, format!("{}:{}", peer.guest.ip, peer.guest.port)));
                    }
                }
            }
        }
        found
    }

    /// Which module bans a peer, by which rule, and why.
    fn verdict(&self, peer: &Peer) -> Option<(&'static str, String, String)> {
        let id = peer.guest.peer_id.to_lowercase();
        if let Some(prefix) = self.settings.banned_ids().find(|prefix| id.starts_with(&prefix.to_lowercase())) {
            return Some(("PeerIdBlacklist", format!("STARTS_WITH {prefix}"), format!("Matched the peer id {prefix}")));
        }
        self.settings.blacklist.verdict(peer).map(|(rule, description)| ("IPBlackList", rule, description))
    }

    fn record(&mut self, ban: &Ban, peer: &str) {
        self.bans_made += 1;
        self.settings.logs.write(ban.from, "INFO", &format!("Banned {peer}: {}", ban.description));
        let (ip, port) = match peer.parse::<std::net::SocketAddr>() {
            Ok(address) => (address.ip().to_string(), address.port()),
            Err(_) => peer
                .rsplit_once(':')
                .filter(|(ip, _)| ip.parse::<IpAddr>().is_ok())
                .map_or_else(|| (text_of(ban.net), 0), |(ip, port)| (ip.to_owned(), port.parse().unwrap_or(0))),
        };
        self.history.push(Banned { ban: ban.clone(), ip, port });
    }

    /// The history before the world began: bans by rules that have long ended.
    pub fn remember(&mut self, count: u32, boxes: &[Seedbox], now: Time) {
        let Some(client) = self.clients.first() else { return };
        let Some(torrent) = boxes.iter().flat_map(|b| &b.torrents).find(|t| !t.private) else { return };
        let reference = client.reference();
        for number in 0..u64::from(count) {
            let guest = swarm::guest(self.seed, number / 2, 1, Some("xunlei-old"));
            let from = now
                - Duration::from_seconds(
                    i64::try_from(u64::from(count) - number).unwrap_or(1) * 3 * 86_400 + 15 * 86_400,
                );
            let mut peer = Peer::stranger(guest, from);
            peer.uploaded.flow(1 << 20, 1000 * (1 + swarm::below(600, self.seed, &[number])));
            let ban = Ban {
                net: peer.guest.ip.into(),
                downloader: reference.clone(),
                torrent: torrent_json(torrent),
                peer: peer_json(&peer, torrent, self.old()),
                by: format!("{RULES}.PeerIdBlacklist"),
                from,
                to: from + self.settings.ban_duration("peer_id_blacklist"),
                rule: "STARTS_WITH -XL0012-".into(),
                description: "Matched the peer id -XL0012-".into(),
                place: Some(peer.guest.place),
            };
            let address = format!("{}:{}", peer.guest.ip, peer.guest.port);
            self.record(&ban, &address);
        }
        self.bans_made = 0;
    }
}

/// What PBH makes of a text that should be an address: nonsense becomes 127.123.123.123.
pub(super) fn parse(text: &str) -> IpNet {
    let text = text.trim();
    text.parse::<IpAddr>()
        .map(IpNet::from)
        .or_else(|_| text.parse::<IpNet>().map(|net| net.trunc()))
        .unwrap_or_else(|_| IpAddr::from([127, 123, 123, 123]).into())
}

/// An address without `/32`, a network with its length.
pub(super) fn text_of(net: IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
}

/// The spelling in the ban list: 9.0.10 writes IPv6 addresses out.
pub(super) fn list_form(net: IpNet, long: bool) -> String {
    match net.addr() {
        IpAddr::V6(ip) if long => {
            let groups: Vec<String> = ip.segments().iter().map(|group| format!("{group:x}")).collect();
            let text = groups.join(":");
            if net.prefix_len() == 128 { text } else { format!("{text}/{}", net.prefix_len()) }
        }
        _ => text_of(net),
    }
}

/// A full push adds the mapped form of each IPv4 address.
fn with_twins(list: &[String]) -> Vec<String> {
    let mut all = Vec::with_capacity(list.len() * 2);
    for text in list {
        all.push(text.clone());
        if let Ok(IpAddr::V4(ip)) = text.parse() {
            all.push(format!("::ffff:{ip}"));
        }
    }
    all
}

fn nobody_torrent() -> Value {
    json!({
        "id": "00000000000000000000", "size": 0, "completedSize": 0, "name": "User Operation",
        "hash": "00000000000000000000", "privateTorrent": false, "progress": 0.0, "rtUploadSpeed": 0,
        "rtDownloadSpeed": 0,
    })
}

fn nobody(text: &str, old: bool) -> Value {
    json!({
        "address": address_json(text, text, 0, old), "rawIp": text, "id": "-USROPS-", "clientName": "User Operation",
        "downloaded": 0, "downloadSpeed": 0, "uploaded": 0, "uploadSpeed": 0, "progress": 0.0, "flags": null,
    })
}

fn address_json(ip: &str, raw: &str, port: u16, old: bool) -> Value {
    if old {
        json!({"ip": ip, "rawIp": raw, "noNatIP": ip, "port": port, "noNatPort": port})
    } else {
        json!({
            "downloaderRawIp": raw, "downloaderRawPort": port, "teredoClientIp": null, "teredoClientUdpPort": 0,
            "nattedClientIp": null, "nattedClientPort": 0, "ip": ip, "port": port, "natTranslated": false,
            "teredoTranslated": false,
        })
    }
}

/// A torrent as live lists and bans show it.
pub(super) fn torrent_json(torrent: &Torrent) -> Value {
    json!({
        "id": torrent.hash, "size": torrent.size, "completedSize": torrent.done.bytes(), "name": torrent.name,
        "hash": torrent.hash, "privateTorrent": torrent.private, "progress": torrent.progress(),
        "rtUploadSpeed": torrent.up, "rtDownloadSpeed": torrent.down,
    })
}

/// A peer as live lists and bans show it.
pub(super) fn peer_json(peer: &Peer, torrent: &Torrent, old: bool) -> Value {
    let ip = peer.guest.ip.to_string();
    let raw = std::net::SocketAddr::new(peer.guest.ip, peer.guest.port).to_string();
    json!({
        "address": address_json(&ip, &raw, peer.guest.port, old), "rawIp": raw, "id": peer.guest.peer_id,
        "clientName": peer.guest.client, "downloaded": peer.downloaded.bytes(), "downloadSpeed": peer.down,
        "uploaded": peer.uploaded.bytes(), "uploadSpeed": peer.up, "progress": peer.progress(torrent.size),
        "flags": peer.flags(),
    })
}

/// What PBH's database knows of an address.
pub(super) fn geo_json(place: &swarm::Place, ip: IpAddr) -> Value {
    json!({
        "city": {
            "name": place.city, "iso": place.asn, "location": {
                "latitude": place.latitude, "longitude": place.longitude, "timeZone": place.zone, "accuracyRadius": 20,
            },
            "cnProvince": null, "cnCity": null, "cnDistricts": null,
        },
        "country": {"name": place.country, "iso": place.iso},
        "as": {
            "number": place.asn, "organization": place.organization, "ipAddress": ip.to_string(),
            "network": {"ipAddress": base(ip), "prefixLength": if ip.is_ipv4() { 16 } else { 32 }},
        },
        "network": {"isp": place.isp, "netType": null},
    })
}

fn base(ip: IpAddr) -> String {
    let prefix = if ip.is_ipv4() { 16 } else { 32 };
    IpNet::new(ip, prefix).map_or_else(|_| ip.to_string(), |net| net.network().to_string())
}
