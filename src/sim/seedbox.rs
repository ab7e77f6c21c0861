//! The torrent clients of the world: torrents, their peers, and how bytes flow between them.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use serde_json::{Map, Value};

use super::scenario::{DownloaderPlan, TorrentPlan};
use super::swarm::{self, Guest};
use crate::time::{Duration, Time};

/// Rates are constant for this long; a step of the world is never longer.
pub(super) const STEP: i64 = 300_000;

/// How many departed peers a torrent remembers, for PBH's histories.
const REMEMBERED: usize = 40;

/// Bytes to three decimals: a rate times milliseconds, without rounding.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Volume(u64);

impl Volume {
    pub const fn new(bytes: u64) -> Self {
        Self(bytes.saturating_mul(1000))
    }

    pub const fn bytes(self) -> u64 {
        self.0 / 1000
    }

    /// Adds what flows in so many milliseconds at so many bytes per second.
    pub const fn flow(&mut self, rate: u64, millis: u64) {
        self.0 = self.0.saturating_add(rate.saturating_mul(millis));
    }

    /// How long until it reaches `goal` at this rate, in milliseconds; never at none.
    pub const fn millis_to(self, goal: Self, rate: u64) -> Option<u64> {
        if rate == 0 || self.0 >= goal.0 { None } else { Some((goal.0 - self.0).div_ceil(rate)) }
    }
}

/// A part of a whole, 0 to 1; a whole of nothing is complete.
#[expect(clippy::cast_precision_loss, reason = "a share needs no more than a float has")]
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

/// A share of a whole.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a size, rounded"
)]
pub(super) fn part(whole: u64, share: f64) -> u64 {
    (whole as f64 * share.clamp(0.0, 1.0)).round() as u64
}

/// Whether a torrent is allowed to move.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Run {
    Running,
    Forced,
    Stopped,
}

pub(super) struct Seedbox {
    /// Its own, derived from the world's.
    seed: u64,
    pub id: String,
    pub name: String,
    /// Of qBittorrent.
    pub version: String,
    pub username: String,
    pub password: String,
    /// Where it listens, once it does.
    pub url: String,
    /// Whether its VPS is up.
    pub online: bool,
    pub torrents: Vec<Torrent>,
    /// `banned_IPs`, as last set.
    pub banned: Vec<String>,
    blocked: Vec<ipnet::IpNet>,
    /// In bytes per second; 0 is no limit.
    pub up_limit: u64,
    pub down_limit: u64,
    pub slow_limits: (u64, u64),
    pub slow: bool,
    pub uploaded: Volume,
    pub downloaded: Volume,
    /// Both by day, as days since 1970.
    pub days: BTreeMap<i64, (Volume, Volume)>,
    pub sessions: Vec<String>,
    pub failures: u32,
    /// Preferences that were set and that nothing here depends on.
    pub preferences: Map<String, Value>,
}

pub(super) struct Torrent {
    pub hash: String,
    pub name: String,
    pub size: u64,
    pub private: bool,
    pub done: Volume,
    pub uploaded: Volume,
    pub downloaded: Volume,
    pub run: Run,
    pub category: String,
    pub tags: Vec<String>,
    pub tracker: String,
    pub save_path: String,
    pub added: Time,
    pub completed: Option<Time>,
    pub active: Time,
    pub up_limit: u64,
    pub down_limit: u64,
    pub ratio_limit: f64,
    pub seeding_time_limit: i64,
    /// How long it has been seeding, and moving at all, in milliseconds.
    pub seeding: u64,
    pub running: u64,
    pub slots: Vec<Slot>,
    pub past: VecDeque<Peer>,
    /// Now, in bytes per second.
    pub up: u64,
    pub down: u64,
}

/// A place in a swarm: one peer after the other.
pub(super) struct Slot {
    key: u64,
    leech: Option<String>,
    /// What its peers take and give when nothing holds them back, in bytes per second.
    up: u64,
    down: u64,
    /// How many steps a peer stays.
    life: u64,
    generation: u64,
    pub peer: Peer,
}

#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub guest: Guest,
    pub leech: bool,
    pub uploaded: Volume,
    pub downloaded: Volume,
    pub up: u64,
    pub down: u64,
    pub since: Time,
    pub seen: Time,
    pub connected: bool,
}

impl Peer {
    /// 0 to 1. Leechers say that they have next to nothing, whatever they got.
    pub fn progress(&self, size: u64) -> f64 {
        let start = share(self.guest.progress, 1000);
        if self.leech { start } else { (start + 2.0 * share(self.uploaded.bytes(), size)).min(1.0) }
    }

    /// PBH's and qBittorrent's letters: whether bytes move, and how it was found.
    pub fn flags(&self) -> String {
        let mut flags = Vec::new();
        if self.down > 0 {
            flags.push("D");
        }
        flags.push(if self.up > 0 { "U" } else { "?" });
        if self.guest.port.is_multiple_of(2) {
            flags.push("I");
        }
        flags.push(if self.guest.port.is_multiple_of(3) { "X" } else { "H" });
        if self.guest.port.is_multiple_of(5) {
            flags.push("E");
        }
        if self.guest.port % 7 < 3 {
            flags.push("P");
        }
        flags.join(" ")
    }
}

impl Seedbox {
    pub fn new(plan: &DownloaderPlan, seed: u64, now: Time) -> Self {
        let seed = swarm::roll(seed, &[swarm::key(&plan.id)]);
        Self {
            seed,
            id: plan.id.clone(),
            name: plan.name.clone().unwrap_or_else(|| plan.id.clone()),
            version: plan.version.clone(),
            username: plan.username.clone(),
            password: plan.password.clone(),
            url: String::new(),
            online: true,
            torrents: plan.torrent.iter().map(|torrent| Torrent::new(torrent, seed, now)).collect(),
            banned: Vec::new(),
            blocked: Vec::new(),
            up_limit: 0,
            down_limit: 0,
            slow_limits: (10 << 10, 10 << 10),
            slow: false,
            uploaded: Volume::default(),
            downloaded: Volume::default(),
            days: BTreeMap::new(),
            sessions: Vec::new(),
            failures: 0,
            preferences: Map::new(),
        }
    }

    pub fn up(&self) -> u64 {
        self.torrents.iter().map(|torrent| torrent.up).sum()
    }

    pub fn down(&self) -> u64 {
        self.torrents.iter().map(|torrent| torrent.down).sum()
    }

    pub fn torrent(&self, hash: &str) -> Option<&Torrent> {
        self.torrents.iter().find(|torrent| torrent.hash == hash)
    }

    /// Before qBittorrent 5 a torrent was paused rather than stopped.
    pub fn pauses(&self) -> bool {
        crate::api::version(&self.version).0 < 5
    }

    /// Replaces `banned_IPs`; networks are taken from 5.3 on, other text never.
    pub fn ban(&mut self, addresses: Vec<String>) {
        let networks = crate::api::version(&self.version) >= (5, 3, 0);
        self.blocked = addresses.iter().filter_map(|text| network(text, networks)).collect();
        self.banned = addresses.into_iter().filter(|text| network(text, networks).is_some()).collect();
    }

    /// Sets every rate from what is running, connected and limited now.
    pub fn reflow(&mut self, now: Time) {
        let seed = self.seed;
        let step = step_of(now);
        let (online, blocked) = (self.online, std::mem::take(&mut self.blocked));
        for torrent in &mut self.torrents {
            let runs = online && torrent.run != Run::Stopped;
            let incomplete = torrent.done.bytes() < torrent.size;
            for slot in &mut torrent.slots {
                let peer = &mut slot.peer;
                peer.connected = runs && !blocked.iter().any(|network| network.contains(&peer.guest.ip));
                // Between three quarters and five quarters of what the slot takes on average.
                let wobble = 750 + swarm::mille(seed, &[slot.key, step]) / 2;
                let takes = peer.connected && peer.progress(torrent.size) < 1.0;
                peer.up = if takes { slot.up * wobble / 1000 } else { 0 };
                peer.down = if peer.connected && incomplete { slot.down * wobble / 1000 } else { 0 };
            }
            limit(torrent.slots.iter_mut(), torrent.up_limit, torrent.down_limit);
        }
        self.blocked = blocked;
        let (up, down) = if self.slow { self.slow_limits } else { (self.up_limit, self.down_limit) };
        limit(self.torrents.iter_mut().flat_map(|torrent| &mut torrent.slots), up, down);
        for torrent in &mut self.torrents {
            torrent.up = torrent.slots.iter().map(|slot| slot.peer.up).sum();
            torrent.down = torrent.slots.iter().map(|slot| slot.peer.down).sum();
        }
    }

    /// Lets bytes flow at the present rates; `now` is the end of it.
    pub fn flow(&mut self, millis: u64, now: Time) {
        // A step ends at midnight at the latest, so it belongs to the day of its last millisecond.
        let day = (now.millis() - 1).div_euclid(86_400_000);
        let (up, down) = (self.up(), self.down());
        let today = self.days.entry(day).or_default();
        today.0.flow(up, millis);
        today.1.flow(down, millis);
        if self.days.len() > 400 {
            self.days.pop_first();
        }
        for torrent in &mut self.torrents {
            if torrent.run != Run::Stopped && self.online {
                torrent.running += millis;
                if torrent.completed.is_some() {
                    torrent.seeding += millis;
                }
            }
            for slot in &mut torrent.slots {
                let peer = &mut slot.peer;
                peer.uploaded.flow(peer.up, millis);
                peer.downloaded.flow(peer.down, millis);
                if peer.connected {
                    peer.seen = now;
                }
            }
            if torrent.up + torrent.down > 0 {
                torrent.active = now;
            }
            torrent.uploaded.flow(torrent.up, millis);
            torrent.downloaded.flow(torrent.down, millis);
            torrent.done.flow(torrent.down, millis);
            self.uploaded.flow(torrent.up, millis);
            self.downloaded.flow(torrent.down, millis);
            let whole = Volume::new(torrent.size);
            if torrent.done >= whole {
                torrent.done = whole;
                torrent.completed.get_or_insert(now);
            }
        }
    }

    /// When the next torrent completes, in milliseconds from now.
    pub fn millis_to_completion(&self) -> Option<u64> {
        self.torrents.iter().filter_map(|t| t.done.millis_to(Volume::new(t.size), t.down)).min()
    }

    /// Lets peers whose time is over go and others come. Gives whether any did.
    pub fn turn(&mut self, now: Time) -> bool {
        let seed = self.seed;
        let step = step_of(now);
        let mut changed = false;
        for torrent in &mut self.torrents {
            for slot in &mut torrent.slots {
                let generation = (step + slot.key % slot.life) / slot.life;
                if generation != slot.generation {
                    slot.generation = generation;
                    let next = Peer::new(seed, slot.key, generation, slot.leech.as_deref(), now);
                    let gone = std::mem::replace(&mut slot.peer, next);
                    torrent.past.push_back(gone);
                    if torrent.past.len() > REMEMBERED {
                        torrent.past.pop_front();
                    }
                    changed = true;
                }
            }
        }
        changed
    }
}

/// Scales rates down to a limit; 0 is none.
fn limit<'a>(slots: impl Iterator<Item = &'a mut Slot>, up: u64, down: u64) {
    let mut slots: Vec<_> = slots.collect();
    let total_up: u64 = slots.iter().map(|slot| slot.peer.up).sum();
    let total_down: u64 = slots.iter().map(|slot| slot.peer.down).sum();
    for slot in &mut slots {
        if up > 0 && total_up > up {
            slot.peer.up = slot.peer.up * up / total_up;
        }
        if down > 0 && total_down > down {
            slot.peer.down = slot.peer.down * down / total_down;
        }
    }
}

/// The number of the step that an instant lies in.
pub(super) fn step_of(now: Time) -> u64 {
    u64::try_from(now.millis().div_euclid(STEP)).unwrap_or(0)
}

/// An address as a network of one; a real network only where asked for.
fn network(text: &str, networks: bool) -> Option<ipnet::IpNet> {
    let text = text.trim();
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(ip.to_canonical().into());
    }
    if networks { text.parse::<ipnet::IpNet>().ok() } else { None }
}

impl Torrent {
    pub fn new(plan: &TorrentPlan, seed: u64, now: Time) -> Self {
        let key = swarm::key(&plan.name);
        let incomplete = plan.progress < 1.0;
        let mut slots: Vec<Slot> = Vec::new();
        for number in 0..u64::from(plan.peers) {
            slots.push(Slot::new(seed, key, number, None, now));
        }
        for (number, client) in (u64::from(plan.peers)..).zip(&plan.leechers) {
            slots.push(Slot::new(seed, key, number, Some(client.clone()), now));
        }
        // Leechers take several times what others take.
        let weight = |slot: &Slot| {
            let base = 500 + swarm::mille(seed, &[slot.key, 1]);
            if slot.leech.is_some() { base * 3 } else { base }
        };
        let takes: u64 = slots.iter().map(weight).sum();
        let gives: u64 = slots.iter().filter(|s| s.leech.is_none()).map(weight).sum();
        for slot in &mut slots {
            let weight = weight(slot);
            slot.up = plan.upload * weight / takes.max(1);
            slot.down = if incomplete && slot.leech.is_none() { plan.download * weight / gives.max(1) } else { 0 };
        }
        let done = part(plan.size, plan.progress);
        let added = now - plan.age;
        let tracker = plan.tracker.clone().unwrap_or_else(|| {
            let host = if plan.private {
                "https://tracker.private.example/announce"
            } else {
                "udp://tracker.example.org:1337/announce"
            };
            host.into()
        });
        // A seed that has been there for a while has given some of it back.
        let ratio = 1 + swarm::mille(seed, &[key, 2]) / 200;
        let completed = (!incomplete).then(|| added + Duration::from_seconds(3600));
        let age = u64::try_from(plan.age.millis()).unwrap_or(0);
        Self {
            hash: swarm::hex(40, seed, &[key]),
            name: plan.name.clone(),
            size: plan.size,
            private: plan.private,
            done: Volume::new(done),
            uploaded: Volume::new(if incomplete { done / 5 } else { plan.size.saturating_mul(ratio) / 2 }),
            downloaded: Volume::new(done),
            run: if plan.stopped { Run::Stopped } else { Run::Running },
            category: plan.category.clone(),
            tags: plan.tags.clone(),
            tracker,
            save_path: "/data/torrents".into(),
            added,
            completed,
            active: now,
            up_limit: 0,
            down_limit: 0,
            ratio_limit: -2.0,
            seeding_time_limit: -2,
            seeding: if incomplete { 0 } else { age.saturating_sub(3_600_000) },
            running: age,
            slots,
            past: VecDeque::new(),
            up: 0,
            down: 0,
        }
    }

    pub fn complete(&self) -> bool {
        self.done.bytes() >= self.size
    }

    pub fn progress(&self) -> f64 {
        share(self.done.bytes(), self.size)
    }

    /// The peers that are connected now.
    pub fn peers(&self) -> impl Iterator<Item = &Peer> {
        self.slots.iter().map(|slot| &slot.peer).filter(|peer| peer.connected)
    }

    /// Everyone who was ever seen and is still remembered, the present ones last.
    pub fn everyone(&self) -> impl Iterator<Item = &Peer> {
        self.past.iter().chain(self.slots.iter().map(|slot| &slot.peer))
    }
}

impl Slot {
    fn new(seed: u64, torrent: u64, number: u64, leech: Option<String>, now: Time) -> Self {
        let key = swarm::roll(seed, &[torrent, number]);
        // Two to eight hours; leechers twelve to sixteen.
        let life = if leech.is_some() { 144 + key % 48 } else { 24 + key % 72 };
        let generation = (step_of(now) + key % life) / life;
        let peer = Peer::new(seed, key, generation, leech.as_deref(), now);
        Self { key, leech, up: 0, down: 0, life, generation, peer }
    }
}

impl Peer {
    fn new(seed: u64, slot: u64, generation: u64, leech: Option<&str>, now: Time) -> Self {
        Self {
            guest: swarm::guest(seed, slot, generation, leech),
            leech: leech.is_some(),
            uploaded: Volume::default(),
            downloaded: Volume::default(),
            up: 0,
            down: 0,
            since: now,
            seen: now,
            connected: false,
        }
    }
}

impl Peer {
    /// Someone who is not in any swarm now.
    pub fn stranger(guest: Guest, seen: Time) -> Self {
        Self {
            guest,
            leech: true,
            uploaded: Volume::default(),
            downloaded: Volume::default(),
            up: 0,
            down: 0,
            since: seen,
            seen,
            connected: false,
        }
    }
}
