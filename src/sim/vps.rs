//! The VPSes of the world: counter, power, jobs that lock them, and what belongs to their owner.

use serde_json::{Map, Value};

use super::scenario::{CasePlan, VpsPlan};
use super::swarm;
use super::volume::Volume;
use crate::time::{Duration, Time};

/// Samples of `getRawUsageStats` that are kept: thirty days of five minutes.
const SAMPLES: usize = 8640;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Power {
    Running,
    Stopped,
    /// Changes by itself at that time.
    Starting(Time),
    Stopping(Time),
}

/// A job that locks the VPS.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub what: String,
    pub started: Time,
    pub ends: Time,
    pub then: Then,
}

/// What a job brings about in the end.
#[derive(Clone, Debug)]
pub(super) enum Then {
    Snapshot(Snapshot),
    Restored { os: String },
    Installed { os: String },
    Moved { location: &'static Location, address: String },
}

#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub file: String,
    pub os: String,
    pub description: String,
    pub size: u64,
    pub md5: String,
    pub sticky: bool,
    pub uncompressed: u64,
    pub purges: Time,
}

#[derive(Clone, Debug)]
pub(super) struct Case {
    pub kind: CasePlan,
    pub id: u64,
    pub evidence: u64,
    pub opened: Time,
    pub suspends: Time,
}

/// Where a VPS can be.
#[derive(Debug)]
pub(super) struct Location {
    pub id: &'static str,
    pub name: &'static str,
    pub country: &'static str,
    pub multiplier: f64,
}

pub(super) const LOCATIONS: [Location; 5] = [
    Location { id: "EUNL_9", name: "EU: Amsterdam, Netherlands (AMS)", country: "EU, Netherlands", multiplier: 1.0 },
    Location { id: "JPOS_6", name: "Japan: Osaka (DC6)", country: "Japan, Osaka", multiplier: 0.5 },
    Location { id: "JPTYO_8", name: "Japan: Tokyo (DC8 CN2 GIA)", country: "Japan, Tokyo", multiplier: 1.0 },
    Location { id: "NOOSL_1", name: "EU: Oslo, Norway", country: "EU, Norway", multiplier: 1.0 },
    Location { id: "USCA_2", name: "US: Los Angeles, California (DC2)", country: "US, California", multiplier: 1.0 },
];

pub(super) fn location(id: &str) -> Option<&'static Location> {
    LOCATIONS.iter().find(|location| location.id == id)
}

pub(super) struct Vps {
    /// Its own, derived from the world's.
    pub seed: u64,
    pub name: String,
    pub veid: u64,
    pub api_key: String,
    pub monthly: u64,
    pub multiplier: f64,
    /// Before the multiplier.
    pub counter: Volume,
    pub resets: Time,
    pub created: Time,
    pub other: u64,
    /// Positions of its downloaders.
    pub boxes: Vec<usize>,
    pub location: &'static Location,
    pub hostname: String,
    pub live_hostname: String,
    pub os: String,
    pub addresses: Vec<String>,
    pub subnets: Vec<String>,
    pub private_ips: Vec<String>,
    pub ptr: Vec<(String, String)>,
    pub iso: Option<String>,
    pub ssh_port: u16,
    pub ssh_keys: String,
    pub power: Power,
    pub job: Option<Job>,
    pub over_quota: bool,
    pub cases: Vec<Case>,
    /// What complaints say.
    pub evidence: Option<String>,
    /// Since when its address is cut off.
    pub nullrouted: Option<Time>,
    pub throttled: bool,
    pub abuse_points: u64,
    pub suspensions: u64,
    pub snapshots: Vec<Snapshot>,
    pub backups: Vec<(String, Snapshot, Time)>,
    pub audit: Vec<(Time, i64, String)>,
    pub samples: std::collections::VecDeque<(i64, u64, u64)>,
    /// Sums since the last sample.
    pub sent: Volume,
    pub received: Volume,
    /// Calls of the running window: its start and how many.
    pub quarter: (Time, u64),
    pub day: (Time, u64),
    pub preferences: Map<String, Value>,
    /// How often something was invented for it, so that no two are alike.
    pub invented: u64,
}

impl Vps {
    pub fn new(plan: &VpsPlan, boxes: Vec<usize>, seed: u64, now: Time) -> Self {
        let seed = swarm::roll(seed, &[plan.veid]);
        let created = now - Duration::from_seconds(400 * 86_400);
        let address = plan.address.to_string();
        let mut this = Self {
            seed,
            name: plan.name.clone(),
            veid: plan.veid,
            api_key: plan.api_key.clone(),
            monthly: plan.monthly,
            multiplier: plan.multiplier,
            counter: Volume::new(plan.used),
            resets: now + plan.resets_in,
            created,
            other: plan.other_traffic,
            boxes,
            location: location(&plan.location).unwrap_or(&LOCATIONS[2]),
            hostname: format!("{}.localdomain", plan.name),
            live_hostname: plan.name.clone(),
            os: "debian-12-x86_64".into(),
            addresses: vec![address],
            subnets: vec![format!("2607:8700:5500:{:x}::", 0x1000 + seed % 0x1000)],
            private_ips: Vec::new(),
            ptr: Vec::new(),
            iso: None,
            ssh_port: u16::try_from(20_000 + seed % 10_000).unwrap_or(22_022),
            ssh_keys: String::new(),
            power: Power::Running,
            job: None,
            over_quota: false,
            cases: Vec::new(),
            evidence: plan.evidence.clone(),
            nullrouted: None,
            throttled: false,
            abuse_points: 0,
            suspensions: 0,
            snapshots: Vec::new(),
            backups: Vec::new(),
            audit: Vec::new(),
            samples: std::collections::VecDeque::new(),
            sent: Volume::default(),
            received: Volume::default(),
            quarter: (now, 0),
            day: (now, plan.calls_spent),
            preferences: Map::new(),
            invented: 0,
        };
        for week in [1, 2] {
            let taken = now - Duration::from_seconds(week * 7 * 86_400 - 86_400);
            let token = this.invent(40);
            let size = this.image_size();
            let copy = this.image(taken, "", size);
            this.backups.push((token, copy, taken));
        }
        for (number, kind) in (0..).zip(&plan.cases) {
            this.open_case(*kind, number, now);
        }
        this.audit.push((now - Duration::from_seconds(86_400), 1, "Login to the panel".into()));
        this.over_quota = this.left().is_some_and(|left| left.bytes() == 0);
        this
    }

    fn open_case(&mut self, kind: CasePlan, number: u64, now: Time) {
        self.abuse_points += 100;
        if kind == CasePlan::Suspension {
            self.suspensions += 1;
        }
        self.cases.push(Case {
            kind,
            id: 20_000 + swarm::below(900, self.seed, &[number]) + number * 1000,
            evidence: 5000 + number,
            opened: now,
            suspends: now + Duration::from_seconds(36 * 3600),
        });
    }

    /// A hexadecimal text that no other call gives.
    pub fn invent(&mut self, digits: usize) -> String {
        self.invented += 1;
        swarm::hex(digits, self.seed, &[self.invented])
    }

    pub fn image_size(&mut self) -> u64 {
        self.invented += 1;
        (1 << 30) + swarm::below(1 << 29, self.seed, &[self.invented, 2])
    }

    /// An image of the disk as it is now.
    pub fn image(&mut self, taken: Time, description: &str, size: u64) -> Snapshot {
        let (name, md5) = (self.invent(40), self.invent(32));
        let day = taken.utc().format("%Y-%m-%d");
        Snapshot {
            file: format!("snapshot-{}-{}-{day}-{name}.tar.gz", self.veid, taken.seconds()),
            os: self.os.clone(),
            description: description.into(),
            size,
            md5,
            sticky: false,
            uncompressed: size * 3,
            purges: taken + Duration::from_seconds(30 * 86_400),
        }
    }

    pub fn suspended(&self) -> bool {
        self.over_quota || self.cases.iter().any(|case| case.kind == CasePlan::Suspension)
    }

    /// Whether what runs on it runs.
    pub fn up(&self) -> bool {
        !self.suspended()
            && matches!(self.power, Power::Running | Power::Stopping(_))
            && self.job.as_ref().is_none_or(|job| matches!(job.then, Then::Snapshot(_)))
    }

    /// What is left of the allowance; `None` where there is none to exhaust.
    pub fn left(&self) -> Option<Volume> {
        (self.monthly > 0).then(|| Volume::new(self.monthly.saturating_sub(self.counter.bytes())))
    }

    /// Traffic of its own beside the downloaders', now.
    pub fn other(&self) -> u64 {
        if self.up() { self.other } else { 0 }
    }

    /// The earliest instant at which something of its own happens, at the present rate.
    pub fn next(&self, now: Time, rate: u64) -> Option<Time> {
        let power = match self.power {
            Power::Starting(at) | Power::Stopping(at) => Some(at),
            Power::Running | Power::Stopped => None,
        };
        let quota = (!self.over_quota && self.monthly > 0)
            .then(|| self.counter.millis_to(Volume::new(self.monthly), rate))
            .flatten()
            .map(|millis| now + Duration::from_millis(i64::try_from(millis).unwrap_or(i64::MAX)));
        let suspends = self.cases.iter().filter(|c| c.kind == CasePlan::Violation).map(|c| c.suspends).min();
        [power, quota, suspends, Some(self.resets), self.job.as_ref().map(|job| job.ends)].into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn happen(&mut self, now: Time) {
        match self.power {
            Power::Starting(at) if now >= at => self.power = Power::Running,
            Power::Stopping(at) if now >= at => self.power = Power::Stopped,
            _ => {}
        }
        while now >= self.resets {
            self.counter = Volume::default();
            self.over_quota = false;
            self.resets = month_after(self.resets);
        }
        if self.monthly > 0 && self.counter >= Volume::new(self.monthly) {
            self.over_quota = true;
        }
        for case in &mut self.cases {
            if case.kind == CasePlan::Violation && now >= case.suspends {
                case.kind = CasePlan::Suspension;
                self.suspensions += 1;
            }
        }
        self.snapshots.retain(|snapshot| snapshot.sticky || now < snapshot.purges);
        if let Some(job) = self.job.take_if(|job| now >= job.ends) {
            match job.then {
                Then::Snapshot(snapshot) => self.snapshots.push(snapshot),
                Then::Restored { os } | Then::Installed { os } => self.os = os,
                Then::Moved { location, address } => {
                    self.location = location;
                    self.multiplier = location.multiplier;
                    self.addresses = vec![address];
                    self.subnets.clear();
                    self.ptr.clear();
                }
            }
        }
    }

    /// Counts what moved outside of the world.
    pub fn feed(&mut self, received: u64, sent: u64) {
        const SECOND: u64 = 1000;
        self.received.flow(received, SECOND);
        self.sent.flow(sent, SECOND);
        self.counter.flow(received + sent, SECOND);
        if self.monthly > 0 && self.counter >= Volume::new(self.monthly) {
            self.over_quota = true;
        }
    }

    pub fn end_month(&mut self, now: Time) {
        self.resets = now;
        self.happen(now);
    }

    /// Closes a sample of the usage history.
    pub fn sample(&mut self, now: Time) {
        let taken = (now.seconds(), self.received.bytes(), self.sent.bytes());
        self.received = Volume::default();
        self.sent = Volume::default();
        self.samples.push_back(taken);
        if self.samples.len() > SAMPLES {
            self.samples.pop_front();
        }
    }

    /// Counts a call. `None` where the budget is spent, else what is left of both.
    pub fn spend(&mut self, now: Time) -> Option<(u64, u64)> {
        for (window, length) in [(&mut self.quarter, 900), (&mut self.day, 86_400)] {
            if now - window.0 >= Duration::from_seconds(length) {
                *window = (now, 0);
            }
        }
        if self.quarter.1 >= 1000 || self.day.1 >= 20_000 {
            return None;
        }
        self.quarter.1 += 1;
        self.day.1 += 1;
        Some((1000 - self.quarter.1, 20_000 - self.day.1))
    }
}

/// The same day of the next month, or its last.
fn month_after(time: Time) -> Time {
    time.utc().checked_add_months(chrono::Months::new(1)).map_or(time + Duration::from_seconds(30 * 86_400), Time::from)
}
