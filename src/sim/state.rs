//! The world's state and its passage of time: lazily, from one event to the next.

use serde::Serialize;

use super::hub::Hub;
use super::scenario::Scenario;
use super::seedbox::Seedbox;
use super::torrent::{Run, STEP};
use super::volume::share;
use super::vps::Vps;
use crate::time::{Duration, Time};

pub(super) struct State {
    pub now: Time,
    pub started: Time,
    /// How many steps it took to come here; bounds the work, whatever the clock did.
    pub steps: u64,
    pub vps: Vec<Vps>,
    pub boxes: Vec<Seedbox>,
    pub hub: Hub,
}

/// The world at one instant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Snapshot {
    pub at: Time,
    pub vps: Vec<VpsSnapshot>,
    pub downloaders: Vec<DownloaderSnapshot>,
    /// All transfers together, in bytes per second.
    pub traffic: u64,
    /// Entries of PBH's ban list.
    pub bans: Vec<String>,
}

/// The meter of one VPS.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VpsSnapshot {
    pub name: String,
    /// In bytes, before the multiplier.
    pub used: u64,
    pub allowance: u64,
    /// 0 to 100.
    pub percent: f64,
    pub suspended: bool,
    /// In bytes per second, both directions together.
    pub traffic: u64,
}

/// One torrent client.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DownloaderSnapshot {
    pub id: String,
    /// In bytes per second.
    pub up_speed: u64,
    pub down_speed: u64,
    /// In bytes.
    pub uploaded: u64,
    pub downloaded: u64,
    /// The addresses that the client itself refuses.
    pub banned: Vec<String>,
    /// Whether none of its torrents may move.
    pub stopped: bool,
    pub peers: usize,
}

impl State {
    pub fn new(scenario: &Scenario, urls: &[String], now: Time) -> Self {
        let mut boxes: Vec<_> = scenario.downloader.iter().map(|plan| Seedbox::new(plan, scenario.seed, now)).collect();
        for (seedbox, url) in boxes.iter_mut().zip(urls) {
            seedbox.url.clone_from(url);
        }
        let vps = scenario.vps.iter().map(|plan| {
            let mine = plan.downloaders.iter().filter_map(|id| boxes.iter().position(|b| b.id == *id)).collect();
            Vps::new(plan, mine, scenario.seed, now)
        });
        let vps = vps.collect();
        let mut hub = Hub::new(scenario, &boxes, now);
        hub.remember(scenario.pbh.past_bans, &boxes, now);
        let mut this = Self { now, started: now, steps: 0, vps, boxes, hub };
        this.reflow();
        this
    }

    /// Sets all rates from what holds now. To be called after every change.
    pub fn reflow(&mut self) {
        let now = self.now;
        for vps in &self.vps {
            for &position in &vps.boxes {
                self.boxes[position].online = vps.up();
            }
        }
        for seedbox in &mut self.boxes {
            seedbox.reflow(now);
        }
    }

    /// Traffic of a VPS now: what comes in and what goes out, in bytes per second.
    pub fn rates(&self, vps: &Vps) -> (u64, u64) {
        let half = vps.other() / 2;
        let boxes = || vps.boxes.iter().map(|&position| &self.boxes[position]);
        (boxes().map(Seedbox::down).sum::<u64>() + half, boxes().map(Seedbox::up).sum::<u64>() + vps.other() - half)
    }

    /// Lets time pass up to `to`; going backwards is nothing.
    pub fn advance(&mut self, to: Time) {
        while self.now < to {
            let soonest = self.now + Duration::from_millis(1);
            let boundary = Time::from_millis((self.now.millis().div_euclid(STEP) + 1) * STEP);
            let next = self.next().map_or(boundary, |event| event.max(soonest).min(boundary)).min(to);
            self.pass(next);
            self.happen(next == boundary);
        }
    }

    /// The earliest event, at the present rates.
    fn next(&self) -> Option<Time> {
        let vps = self.vps.iter().filter_map(|vps| {
            let (received, sent) = self.rates(vps);
            vps.next(self.now, received + sent)
        });
        let boxes = self.boxes.iter().filter_map(|seedbox| {
            let millis = seedbox.millis_to_completion()?;
            Some(self.now + Duration::from_millis(i64::try_from(millis).unwrap_or(i64::MAX)))
        });
        vps.chain(boxes).chain(self.hub.next(self.now)).min()
    }

    fn pass(&mut self, next: Time) {
        let millis = u64::try_from((next - self.now).millis()).unwrap_or(0);
        let rates: Vec<_> = self.vps.iter().map(|vps| self.rates(vps)).collect();
        for (vps, (received, sent)) in self.vps.iter_mut().zip(rates) {
            vps.counter.flow(received + sent, millis);
            vps.received.flow(received, millis);
            vps.sent.flow(sent, millis);
        }
        for seedbox in &mut self.boxes {
            seedbox.flow(millis, next);
        }
        self.now = next;
        self.steps += 1;
    }

    fn happen(&mut self, boundary: bool) {
        let now = self.now;
        for vps in &mut self.vps {
            vps.happen(now);
            if boundary {
                vps.sample(now);
            }
        }
        if boundary {
            for seedbox in &mut self.boxes {
                self.hub.restless |= seedbox.turn(now);
            }
        }
        let on_wave = (now - self.hub.started).millis() % super::hub::WAVE == 0 && now > self.hub.started;
        if on_wave && !self.hub.paused {
            // Rates first: a rule judges who is connected now.
            self.reflow();
            self.hub.wave(&mut self.boxes, now);
        }
        self.reflow();
    }

    pub fn snapshot(&self) -> Snapshot {
        let vps = self.vps.iter().map(|vps| {
            let (received, sent) = self.rates(vps);
            VpsSnapshot {
                name: vps.name.clone(),
                used: vps.counter.bytes(),
                allowance: vps.monthly,
                percent: 100.0 * share(vps.counter.bytes(), vps.monthly),
                suspended: vps.suspended(),
                traffic: received + sent,
            }
        });
        let downloaders: Vec<_> = self
            .boxes
            .iter()
            .map(|seedbox| DownloaderSnapshot {
                id: seedbox.id.clone(),
                up_speed: seedbox.up(),
                down_speed: seedbox.down(),
                uploaded: seedbox.uploaded.bytes(),
                downloaded: seedbox.downloaded.bytes(),
                banned: seedbox.banned.clone(),
                stopped: seedbox.torrents.iter().all(|torrent| torrent.run == Run::Stopped),
                peers: seedbox.torrents.iter().map(|torrent| torrent.peers().count()).sum(),
            })
            .collect();
        Snapshot {
            at: self.now,
            vps: vps.collect(),
            traffic: downloaders.iter().map(|d| d.up_speed + d.down_speed).sum(),
            downloaders,
            bans: self.hub.bans.keys().cloned().collect(),
        }
    }
}
