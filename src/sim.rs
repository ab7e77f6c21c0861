//! The simulated world: a KiwiVM, a PBH and their torrent clients on loopback ports.
//!
//! One state behind one lock, computed lazily: a request first lets the world's time catch up with
//! the clock. Nothing here sleeps, so a virtual clock may jump a month. Routes and the structure of
//! replies come from the endpoint tables; what has a memory has a function by the row's id.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::SystemClock;
use crate::error::{Error, Kind, Result};
use crate::time::{Clock, Duration, Time};

mod aria2;
mod biglybt;
mod bitcomet;
mod deluge;
mod fault;
mod hub;
mod kiwivm;
mod metainfo;
mod net;
mod pbh;
mod programs;
mod qbittorrent;
mod reply;
mod routes;
mod scenario;
mod seedbox;
mod state;
mod swarm;
mod torrent;
mod transmission;
mod volume;
mod vps;

#[cfg(test)]
mod tests;

pub use fault::{Fault, Trouble};
pub use scenario::{CasePlan, DownloaderPlan, PbhPlan, Scenario, TorrentPlan, VpsPlan};
pub use state::{DownloaderSnapshot, Snapshot, VpsSnapshot};

use fault::{Faults, Target};
use net::{Answer, Ask, Door};
use seedbox::Seedbox;
use state::State;
use torrent::Run;

/// Requests that are remembered.
const REMEMBERED: usize = 20_000;

/// Where everything listens and how to get in; the first line of `tidegate sim --json`.
#[derive(Clone, Debug, Serialize)]
pub struct Urls {
    pub kiwivm_url: String,
    pub pbh_url: String,
    pub pbh_token: String,
    pub vps: Vec<VpsUrl>,
    pub downloaders: Vec<DownloaderUrl>,
}

impl Urls {
    /// The `tidegate.toml` that leads there: each VPS by its name, and the PBH as `home`.
    pub fn configuration(&self) -> String {
        let vps = self.vps.iter().map(|vps| {
            format!(
                "[vps.{:?}]\nveid = {}\napi_key = {:?}\nurl = {:?}\ndownloaders = {:?}\n",
                vps.name, vps.veid, vps.api_key, self.kiwivm_url, vps.downloaders
            )
        });
        let pbh = format!("[pbh.home]\nurl = {:?}\ntoken = {:?}\n", self.pbh_url, self.pbh_token);
        std::iter::once("timezone = \"UTC\"\n".to_owned()).chain(vps).chain([pbh]).collect()
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct VpsUrl {
    pub name: String,
    pub veid: u64,
    pub api_key: String,
    /// The names of what runs on it.
    pub downloaders: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct DownloaderUrl {
    pub id: String,
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub url: String,
    pub username: String,
    pub password: String,
}

/// A request as it arrived.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Request {
    /// `kiwivm`, `pbh` or `downloader`.
    pub service: String,
    /// The downloader's id; the service's name otherwise.
    pub instance: String,
    /// The row it belongs to, if any.
    pub id: Option<String>,
    pub method: String,
    /// Without the query, still percent-encoded.
    pub path: String,
    /// Decoded, in order.
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// Who is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Service {
    KiwiVm,
    Pbh,
    /// The torrent client at this position.
    Seedbox(usize),
}

/// A handle to the world behind the servers. Cheap to clone.
#[derive(Clone)]
pub struct World(Arc<Shared>);

struct Shared {
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
    inner: Mutex<Inner>,
}

struct Inner {
    state: State,
    faults: Faults,
    requests: VecDeque<Request>,
}

/// The running servers. Dropping it stops them.
pub struct Sim {
    urls: Urls,
    world: World,
    servers: Vec<JoinHandle<()>>,
}

impl Sim {
    /// Listens at both addresses (port 0 takes a free one) and at a free loopback port for each
    /// torrent client.
    ///
    /// # Errors
    /// `config` where an address is taken or is no loopback address.
    pub async fn start(scenario: Scenario, clock: Arc<dyn Clock>, kiwivm: SocketAddr, pbh: SocketAddr) -> Result<Self> {
        let kiwivm = listen(kiwivm).await?;
        let pbh = listen(pbh).await?;
        let mut boxes = Vec::new();
        for _ in &scenario.downloader {
            boxes.push(listen((Ipv4Addr::LOCALHOST, 0).into()).await?);
        }
        let urls = boxes.iter().map(|(_, address)| format!("http://{address}")).collect::<Vec<_>>();
        let state = State::new(&scenario, &urls, clock.now());
        let urls = Urls {
            kiwivm_url: format!("http://{}/v1", kiwivm.1),
            pbh_url: format!("http://{}", pbh.1),
            pbh_token: scenario.pbh.token.clone(),
            vps: scenario
                .vps
                .iter()
                .map(|vps| VpsUrl {
                    name: vps.name.clone(),
                    veid: vps.veid,
                    api_key: vps.api_key.clone(),
                    downloaders: state.names(&vps.downloaders),
                })
                .collect(),
            downloaders: state
                .boxes
                .iter()
                .map(|seedbox| DownloaderUrl {
                    id: seedbox.id.clone(),
                    name: seedbox.name.clone(),
                    kind: seedbox.program.kind.into(),
                    url: seedbox.url.clone(),
                    username: seedbox.username.clone(),
                    password: seedbox.password.clone(),
                })
                .collect(),
        };
        let mut faults = Faults::default();
        for fault in scenario.fault {
            faults.add(fault, state.now);
        }
        let inner = Mutex::new(Inner { state, faults, requests: VecDeque::new() });
        let world = World(Arc::new(Shared { clock, stop: CancellationToken::new(), inner }));
        let doors = [(kiwivm.0, Service::KiwiVm), (pbh.0, Service::Pbh)]
            .into_iter()
            .chain(boxes.into_iter().enumerate().map(|(n, (listener, _))| (listener, Service::Seedbox(n))));
        let servers = doors
            .map(|(listener, service)| tokio::spawn(net::serve(listener, Door { world: world.clone(), service })))
            .collect();
        Ok(Self { urls, world, servers })
    }

    pub const fn urls(&self) -> &Urls {
        &self.urls
    }

    pub const fn world(&self) -> &World {
        &self.world
    }

    /// Closes the ports; open connections end.
    pub async fn stop(mut self) {
        self.world.0.stop.cancel();
        for server in self.servers.drain(..) {
            server.abort();
            let _ = server.await;
        }
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.world.0.stop.cancel();
        for server in &self.servers {
            server.abort();
        }
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    if !address.ip().is_loopback() {
        return Err(Error::new(Kind::Config, format!("`{address}` is no loopback address"))
            .hint("the simulated services have no secrets worth the name: use `127.0.0.1:0`"));
    }
    let taken = |error: std::io::Error| {
        Error::new(Kind::Config, format!("cannot listen at `{address}`: {error}"))
            .hint("choose another port, or 0 for any free one")
    };
    let listener = TcpListener::bind(address).await.map_err(taken)?;
    let address = listener.local_addr().map_err(taken)?;
    Ok((listener, address))
}

impl World {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock, with the world's time caught up with the clock's.
    fn present(&self) -> MutexGuard<'_, Inner> {
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

    /// Sets a fault, beside those that there are.
    pub fn fault(&self, fault: Fault) {
        let now = self.0.clock.now();
        self.lock().faults.add(fault, now);
    }

    /// Ends all faults.
    pub fn heal(&self) {
        self.lock().faults.clear();
    }

    fn stopped(&self) -> CancellationToken {
        self.0.stop.clone()
    }

    /// Writes a request down, and says what goes wrong with it.
    fn arrive(&self, service: Service, ask: &Ask) -> Vec<Trouble> {
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
    async fn wait(&self, delay: Duration) {
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
    async fn beat(&self) {
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

    fn answer(&self, service: Service, ask: &Ask, troubles: &[Trouble]) -> Answer {
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
}
