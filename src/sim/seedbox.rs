//! The torrent clients of the world: how bytes flow between torrents and their peers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::{Map, Value};

use super::programs::{PROGRAMS, Program};
use super::scenario::{DownloaderPlan, TorrentPlan};
use super::swarm;
use super::torrent::{Slot, Torrent, step_of};
use super::volume::Volume;
use crate::time::Time;

/// The disk of a simulated client.
const DISK: u64 = 2 << 40;

pub(super) struct Seedbox {
    /// Its own, derived from the world's.
    seed: u64,
    pub id: String,
    pub name: String,
    pub program: &'static Program,
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
    /// How often somebody was let in, and how often the program was started again.
    pub logins: u64,
    pub starts: u64,
    pub failures: u32,
    /// Whether Deluge's Web UI has its daemon.
    pub connected: bool,
    /// That were made, beside those of its torrents.
    pub categories: BTreeSet<String>,
    /// Preferences that were set and that nothing here depends on.
    pub preferences: Map<String, Value>,
}

impl Seedbox {
    pub fn new(plan: &DownloaderPlan, seed: u64, now: Time) -> Self {
        let seed = swarm::roll(seed, &[swarm::key(&plan.id)]);
        let program = Program::of(&plan.kind).unwrap_or(&PROGRAMS[0]);
        Self {
            seed,
            id: plan.id.clone(),
            name: plan.name.clone().unwrap_or_else(|| plan.id.clone()),
            program,
            version: if plan.version.is_empty() { program.version.into() } else { plan.version.clone() },
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
            logins: 0,
            starts: 0,
            failures: 0,
            connected: false,
            categories: BTreeSet::new(),
            preferences: Map::new(),
        }
    }

    pub fn up(&self) -> u64 {
        self.torrents.iter().map(|torrent| torrent.up).sum()
    }

    pub fn down(&self) -> u64 {
        self.torrents.iter().map(|torrent| torrent.down).sum()
    }

    /// As PBH is told: for aria2-next the whole address.
    pub fn endpoint(&self) -> String {
        let path = if self.program.kind == "aria2next" { self.program.path } else { "" };
        format!("{}{path}", self.url)
    }

    /// A session that nobody had before, by so many digits.
    pub fn let_in(&mut self, digits: usize) -> String {
        self.logins += 1;
        let session = swarm::hex(digits, swarm::key(&self.password), &[self.logins, swarm::key(&self.id)]);
        self.sessions.push(session.clone());
        self.failures = 0;
        session
    }

    /// Ends the program and starts it again.
    pub fn restart(&mut self) {
        self.starts += 1;
        self.sessions.clear();
        self.failures = 0;
        self.connected = false;
        (self.uploaded, self.downloaded) = (Volume::default(), Volume::default());
    }

    pub fn plant(&mut self, plan: &TorrentPlan, now: Time) {
        self.torrents.push(Torrent::new(plan, self.seed, now));
    }

    /// Takes a torrent, and gives whether it did: not one that is there.
    pub fn take(&mut self, torrent: Torrent) -> bool {
        let fresh = self.torrent(&torrent.hash).is_none();
        if fresh {
            self.torrents.push(torrent);
        }
        fresh
    }

    pub fn free_space(&self) -> u64 {
        DISK.saturating_sub(self.torrents.iter().map(|torrent| torrent.done.bytes()).sum())
    }

    /// Names of categories, those of its torrents and those that were made.
    pub fn categories(&self) -> BTreeSet<String> {
        let used = self.torrents.iter().map(|torrent| &torrent.category).filter(|category| !category.is_empty());
        used.chain(&self.categories).cloned().collect()
    }

    pub fn torrent(&self, hash: &str) -> Option<&Torrent> {
        self.torrents.iter().find(|torrent| torrent.hash == hash)
    }

    /// Before qBittorrent 5 a torrent was paused rather than stopped.
    pub fn pauses(&self) -> bool {
        crate::api::version(&self.version).0 < 5
    }

    /// Replaces the list of banned addresses; what it does not take is left out.
    pub fn ban(&mut self, addresses: Vec<String>) {
        let networks = self.program.takes_networks(&self.version);
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
