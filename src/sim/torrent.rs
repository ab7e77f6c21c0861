//! Torrents and their peers.

use std::collections::VecDeque;

use ipnet::IpNet;

use super::metainfo::Metainfo;
use super::net::pairs;
use super::scenario::TorrentPlan;
use super::swarm::{self, Guest};
use super::volume::{Volume, part, share};
use crate::time::{Duration, Time};

/// Rates are constant for this long; a step of the world is never longer.
pub(super) const STEP: i64 = 300_000;

/// How many departed peers a torrent remembers, for PBH's histories.
const REMEMBERED: usize = 40;

/// The number of the step that an instant lies in.
pub(super) fn step_of(now: Time) -> u64 {
    u64::try_from(now.millis().div_euclid(STEP)).unwrap_or(0)
}

/// Whether a torrent is allowed to move.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Run {
    Running,
    Forced,
    Stopped,
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
    /// Deluge: its queue decides when it runs.
    pub managed: bool,
    pub category: String,
    pub tags: Vec<String>,
    pub tracker: String,
    /// What it said last.
    pub tracker_message: String,
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
            hash: plan.hash.clone().unwrap_or_else(|| swarm::hex(40, seed, &[key])),
            name: plan.name.clone(),
            size: plan.size,
            private: plan.private,
            done: Volume::new(done),
            uploaded: Volume::new(if incomplete { done / 5 } else { plan.size.saturating_mul(ratio) / 2 }),
            downloaded: Volume::new(done),
            run: if plan.stopped { Run::Stopped } else { Run::Running },
            managed: true,
            category: plan.category.clone(),
            tags: plan.tags.clone(),
            tracker,
            tracker_message: String::new(),
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

    /// What a magnet link or an address becomes: invented from it, with what the link tells.
    pub fn linked(link: &str, now: Time) -> Self {
        let parts = if link.starts_with("magnet:") { pairs(link) } else { Vec::new() };
        let part = |name: &str| parts.iter().find(|(key, _)| key.ends_with(name)).map(|(_, value)| value.clone());
        let key = swarm::key(link);
        Self::fresh(
            Metainfo {
                name: part("dn").unwrap_or_else(|| format!("added-{}", swarm::hex(8, key, &[]))),
                hash: part("xt").and_then(|xt| xt.rsplit(':').next().map(str::to_lowercase)).unwrap_or_default(),
                size: (1 << 30) + swarm::below(8 << 30, key, &[]),
                private: false,
            },
            key,
            now,
        )
    }

    /// What a torrent file becomes; one that cannot be read is taken like a link.
    pub fn loaded(file: &[u8], now: Time) -> Self {
        match Metainfo::read(file) {
            Some(metainfo) => {
                let key = swarm::key(&metainfo.hash);
                Self::fresh(metainfo, key, now)
            }
            None => Self::linked(&String::from_utf8_lossy(file), now),
        }
    }

    fn fresh(metainfo: Metainfo, key: u64, now: Time) -> Self {
        let plan = TorrentPlan {
            name: metainfo.name,
            hash: Some(metainfo.hash).filter(|hash| !hash.is_empty()),
            size: metainfo.size,
            private: metainfo.private,
            progress: 0.0,
            category: String::new(),
            tags: Vec::new(),
            tracker: None,
            upload: 100 << 10,
            download: 2 << 20,
            peers: 5,
            leechers: Vec::new(),
            stopped: false,
            age: Duration::ZERO,
        };
        Self::new(&plan, key, now)
    }

    /// Sets what each peer takes and gives before any limit; `blocked` are not let in.
    pub fn reflow(&mut self, seed: u64, step: u64, online: bool, blocked: &[IpNet]) {
        let runs = online && self.run != Run::Stopped;
        let incomplete = !self.complete();
        for slot in &mut self.slots {
            let peer = &mut slot.peer;
            peer.connected = runs && !blocked.iter().any(|network| network.contains(&peer.guest.ip));
            // Between three quarters and five quarters of what the slot takes on average.
            let wobble = 750 + swarm::mille(seed, &[slot.key, step]) / 2;
            let takes = peer.connected && peer.progress(self.size) < 1.0;
            peer.up = if takes { slot.up * wobble / 1000 } else { 0 };
            peer.down = if peer.connected && incomplete { slot.down * wobble / 1000 } else { 0 };
        }
    }

    /// Lets bytes flow at the present rates; `now` is the end of it.
    pub fn flow(&mut self, millis: u64, now: Time, online: bool) {
        if online && self.run != Run::Stopped {
            self.running += millis;
            if self.completed.is_some() {
                self.seeding += millis;
            }
        }
        for slot in &mut self.slots {
            let peer = &mut slot.peer;
            peer.uploaded.flow(peer.up, millis);
            peer.downloaded.flow(peer.down, millis);
            if peer.connected {
                peer.seen = now;
            }
        }
        if self.up + self.down > 0 {
            self.active = now;
        }
        self.uploaded.flow(self.up, millis);
        self.downloaded.flow(self.down, millis);
        self.done.flow(self.down, millis);
        let whole = Volume::new(self.size);
        if self.done >= whole {
            self.done = whole;
            self.completed.get_or_insert(now);
        }
    }

    /// Lets peers whose time is over go and others come. Gives whether any did.
    pub fn turn(&mut self, seed: u64, now: Time) -> bool {
        let step = step_of(now);
        let mut changed = false;
        for slot in &mut self.slots {
            let generation = (step + slot.key % slot.life) / slot.life;
            if generation == slot.generation {
                continue;
            }
            slot.generation = generation;
            let next = Peer::new(seed, slot.key, generation, slot.leech.as_deref(), now);
            self.past.push_back(std::mem::replace(&mut slot.peer, next));
            if self.past.len() > REMEMBERED {
                self.past.pop_front();
            }
            changed = true;
        }
        changed
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
