//! The torrent clients of the world: how bytes flow between torrents and their peers.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Map, Value};

use super::scenario::DownloaderPlan;
use super::swarm;
use super::torrent::{Slot, Torrent, step_of};
use super::volume::Volume;
use crate::time::Time;

pub(super) struct Seedbox {
    /// Its own, derived from the world's.
    seed: u64,
    pub id: String,
    pub name: String,
    /// `qbittorrent` or `transmission`.
    pub kind: String,
    /// Of that program.
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

impl Seedbox {
    pub fn new(plan: &DownloaderPlan, seed: u64, now: Time) -> Self {
        let seed = swarm::roll(seed, &[swarm::key(&plan.id)]);
        Self {
            seed,
            id: plan.id.clone(),
            name: plan.name.clone().unwrap_or_else(|| plan.id.clone()),
            kind: plan.kind.clone(),
            version: match (plan.version.as_str(), plan.kind.as_str()) {
                ("", "transmission") => "3.00".into(),
                ("", _) => "5.1.2".into(),
                (version, _) => version.into(),
            },
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

    /// Replaces `banned_IPs`; networks are taken from 5.3 on, other text never. Transmission's list is of ranges.
    pub fn ban(&mut self, addresses: Vec<String>) {
        let networks = self.kind == "transmission" || crate::api::version(&self.version) >= (5, 3, 0);
        self.blocked = addresses.iter().filter_map(|text| network(text, networks)).collect();
        self.banned = addresses.into_iter().filter(|text| network(text, networks).is_some()).collect();
    }

    /// Sets every rate from what is running, connected and limited now.
    pub fn reflow(&mut self, now: Time) {
        let seed = self.seed;
        let step = step_of(now);
        let (online, blocked) = (self.online, std::mem::take(&mut self.blocked));
        for torrent in &mut self.torrents {
            torrent.reflow(seed, step, online, &blocked);
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
            torrent.flow(millis, now, self.online);
            self.uploaded.flow(torrent.up, millis);
            self.downloaded.flow(torrent.down, millis);
        }
    }

    /// When the next torrent completes, in milliseconds from now.
    pub fn millis_to_completion(&self) -> Option<u64> {
        self.torrents.iter().filter_map(|t| t.done.millis_to(Volume::new(t.size), t.down)).min()
    }

    /// Lets peers whose time is over go and others come. Gives whether any did.
    pub fn turn(&mut self, now: Time) -> bool {
        let mut changed = false;
        for torrent in &mut self.torrents {
            changed |= torrent.turn(self.seed, now);
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

/// An address as a network of one; a real network only where asked for.
fn network(text: &str, networks: bool) -> Option<ipnet::IpNet> {
    let text = text.trim();
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(ip.to_canonical().into());
    }
    if networks { text.parse::<ipnet::IpNet>().ok() } else { None }
}
