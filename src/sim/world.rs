//! A handle to the world behind the servers: what tests and faces ask of it, and what the servers do.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::fault::{Fault, Faults, Target, Trouble};
use super::net::{Answer, Ask};
use super::scenario::TorrentPlan;
use super::seedbox::Seedbox;
use super::state::{Snapshot, State};
use super::torrent::Run;
use super::{Request, Service, hub, kiwivm, pbh, programs};
use crate::clock::SystemClock;
use crate::time::{Clock, Duration, Time};

/// Requests that are remembered.
const REMEMBERED: usize = 20_000;

/// A handle to the world behind the servers. Cheap to clone.
#[derive(Clone)]
pub struct World(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub clock: Arc<dyn Clock>,
    pub stop: CancellationToken,
    inner: Mutex<Inner>,
}

pub(super) struct Inner {
    pub state: State,
    faults: Faults,
    requests: VecDeque<Request>,
}

impl World {
    pub(super) fn new(state: State, troubles: Vec<Fault>, clock: Arc<dyn Clock>) -> Self {
        let mut faults = Faults::default();
        for fault in troubles {
            faults.add(fault, state.now);
        }
        let inner = Mutex::new(Inner { state, faults, requests: VecDeque::new() });
        Self(Arc::new(Shared { clock, stop: CancellationToken::new(), inner }))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock, with the world's time caught up with the clock's.
    pub(super) fn present(&self) -> MutexGuard<'_, Inner> {
        let mut inner = self.lock();
        inner.state.advance(self.0.clock.now());
        inner
    }

    /// Every request so far, oldest first.
    pub fn requests(&self) -> Vec<Request> {
        self.lock().requests.iter().cloned().collect()
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        self.lock().requests.clear();
    }

    /// The world as it is now.
    pub fn snapshot(&self) -> Snapshot {
        self.present().state.snapshot()
    }

    /// Counts traffic on a VPS that happens outside of this world: that of a real torrent client.
    pub fn feed(&self, vps: &str, received: u64, sent: u64) {
        let mut inner = self.present();
        if let Some(vps) = inner.state.vps.iter_mut().find(|known| known.name == vps) {
            vps.feed(received, sent);
        }
        inner.state.reflow();
    }

    /// Ends the billing period of a VPS now.
    pub fn end_month(&self, vps: &str) {
        let mut inner = self.present();
        let now = inner.state.now;
        if let Some(vps) = inner.state.vps.iter_mut().find(|known| known.name == vps) {
            vps.end_month(now);
        }
        inner.state.reflow();
    }

    /// Gives a torrent client, named by its id, one more torrent.
    pub fn add_torrent(&self, downloader: &str, torrent: &TorrentPlan) {
        self.change(downloader, |seedbox, now| seedbox.plant(torrent, now));
    }

    /// Ends a torrent client and starts it again: its sessions and what it counts from its start are gone.
    pub fn restart(&self, downloader: &str) {
        self.change(downloader, |seedbox, _| seedbox.restart());
    }

    fn change(&self, downloader: &str, change: impl FnOnce(&mut Seedbox, Time)) {
        let mut inner = self.present();
        let now = inner.state.now;
        if let Some(seedbox) = inner.state.boxes.iter_mut().find(|known| known.id == downloader) {
            change(seedbox, now);
        }
        inner.state.hub.restless = true;
        inner.state.reflow();
    }

    /// Whether each torrent of a client stands, by its hash.
    pub fn standing(&self, downloader: &str) -> BTreeMap<String, bool> {
        let inner = self.present();
        let torrents =
            inner.state.boxes.iter().filter(|known| known.id == downloader).flat_map(|known| &known.torrents);
        torrents.map(|torrent| (torrent.hash.clone(), torrent.run == Run::Stopped)).collect()
    }

    /// Sets a fault, beside those that there are.
    pub fn fault(&self, fault: Fault) {
        let now = self.0.clock.now();
        self.lock().faults.add(fault, now);
    }

    /// Ends all faults.
    pub fn heal(&self) {
        self.lock().faults.clear();
    }

    pub(super) fn stopped(&self) -> CancellationToken {
        self.0.stop.clone()
    }

    /// Writes a request down, and says what goes wrong with it.
    pub(super) fn arrive(&self, service: Service, ask: &Ask) -> Vec<Trouble> {
        let now = self.0.clock.now();
        let mut inner = self.present();
        let (name, instance, id) = inner.state.whose(service, ask);
        let headers = ask.headers.iter();
        let request = Request {
            service: name.into(),
            instance: instance.clone(),
            id: id.map(Into::into),
            method: ask.method.clone(),
            path: ask.path.clone(),
            query: ask.query.clone(),
            headers: headers
                .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
                .collect(),
            body: String::from_utf8_lossy(&ask.body).into_owned(),
        };
        inner.requests.push_back(request);
        if inner.requests.len() > REMEMBERED {
            inner.requests.pop_front();
        }
        inner.faults.strike(&Target { service: name, instance: &instance, id, path: &ask.path }, now)
    }

    /// A simulated delay. Its caller holds the clock for the whole exchange, so it says that it is
    /// idle meanwhile: else a virtual clock would never get there.
    pub(super) async fn wait(&self, delay: Duration) {
        let clock = &self.0.clock;
        let until = clock.now() + delay;
        let waiting = async {
            let idle = clock.idle();
            tokio::select! {
                () = clock.sleep_until(until) => {}
                () = self.0.stop.cancelled() => {}
            }
            drop(idle);
        };
        crate::clock::track(Arc::clone(clock), waiting).await;
    }

    /// Lets the world catch up with the clock after a wave. What is written to the log then is on its way for a
    /// moment that no clock counts, so a virtual one is held meanwhile.
    pub(super) async fn beat(&self) {
        let clock = &self.0.clock;
        let beat = async {
            clock.sleep_until(clock.now() + Duration::from_millis(hub::WAVE)).await;
            let busy = clock.busy();
            let told = self.lock().state.hub.settings.logs.written();
            let news = self.present().state.hub.settings.logs.written() > told;
            if news && busy.counts() {
                let real = SystemClock::new();
                real.sleep_until(real.now() + Duration::from_millis(20)).await;
            }
        };
        crate::clock::track(Arc::clone(clock), beat).await;
    }

    pub(super) fn answer(&self, service: Service, ask: &Ask, troubles: &[Trouble]) -> Answer {
        for trouble in troubles {
            match trouble {
                Trouble::Drop => return Answer::nothing(),
                Trouble::Status(status) => return Answer::html(*status),
                Trouble::Html => return Answer::html(200),
                Trouble::Empty => return Answer::text(200, ""),
                Trouble::RateLimit => return Answer::text(429, "Too Many Requests").with("retry-after", "300"),
                _ => {}
            }
        }
        let mut inner = self.present();
        let state = &mut inner.state;
        let answer = match service {
            Service::KiwiVm => kiwivm::answer(state, ask, troubles),
            Service::Pbh => pbh::answer(state, ask, troubles),
            Service::Seedbox(position) => programs::answer(state, position, ask, troubles),
        };
        state.reflow();
        answer
    }

    /// Cuts a VPS off because of an attack, or lets it back. Only the panel knows: its traffic goes on here.
    pub fn null_route(&self, vps: &str, cut: bool) {
        let mut inner = self.present();
        let now = inner.state.now;
        inner
            .state
            .vps
            .iter_mut()
            .filter(|known| known.name == vps)
            .for_each(|vps| vps.nullrouted = cut.then_some(now));
    }

    /// Has the host limit the CPU of a VPS, or not any more. Only the panel knows.
    pub fn throttle(&self, vps: &str, throttled: bool) {
        let mut inner = self.present();
        inner.state.vps.iter_mut().filter(|known| known.name == vps).for_each(|vps| vps.throttled = throttled);
    }

    /// What the trackers of a client's torrents say from now on, of those whose name contains a text.
    pub fn tracker_says(&self, downloader: &str, name: &str, message: &str) {
        self.change(downloader, |seedbox, _| {
            for torrent in seedbox.torrents.iter_mut().filter(|torrent| torrent.name.contains(name)) {
                message.clone_into(&mut torrent.tracker_message);
            }
        });
    }

    /// Raises an alert in PBH.
    pub fn raise_alert(&self, title: &str) {
        let mut inner = self.present();
        let now = inner.state.now;
        inner.state.hub.settings.alert("WARN", title, title, title, now);
    }

    /// Starts PBH anew: its uptime begins at zero, and what it knows stays.
    pub fn restart_pbh(&self) {
        let mut inner = self.present();
        inner.state.hub.started = inner.state.now;
    }
}
