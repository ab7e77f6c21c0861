//! A simulated world and everything that talks to it.

use std::fmt::Write as _;
use std::future::Future;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tidegate::call::Call;
use tidegate::client::Client;
use tidegate::clock::{VirtualClock, track};
use tidegate::config::Config;
use tidegate::fleet::Member;
use tidegate::host::{Host, Setting, Storage};
use tidegate::journal::Memory;
use tidegate::recorder::Talk;
use tidegate::sim::{DownloaderSnapshot, Scenario, Sim, Snapshot, World};
use tidegate::time::{Clock, Duration, Time};

/// A Thursday.
pub const START: Time = Time::from_seconds(1_781_172_000);

pub struct Rig {
    pub sim: Sim,
    pub clock: Arc<VirtualClock>,
    pub host: Arc<Host>,
    pub journal: Arc<Memory>,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Rig {
    pub fn world(&self) -> &World {
        self.sim.world()
    }

    pub fn snapshot(&self) -> Snapshot {
        self.world().snapshot()
    }

    pub fn client(&self, id: &str) -> DownloaderSnapshot {
        self.snapshot().downloaders.into_iter().find(|client| client.id == id).unwrap()
    }

    pub fn pbh(&self) -> Arc<Client> {
        self.host.fleet.pbh(None).unwrap()
    }

    pub fn vps(&self) -> Arc<Client> {
        self.host.fleet.vps(None).unwrap()
    }

    pub async fn member(&self, name: &str) -> Arc<Member> {
        self.host.fleet.downloader(name, &self.talk()).await.unwrap()
    }

    /// Two minutes from now, every request on record.
    pub fn talk(&self) -> Talk {
        let calls = Arc::clone(&self.calls);
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as _;
        let deadline = clock.now() + Duration::from_seconds(120);
        Talk::new(clock, deadline, Arc::new(move |call| calls.lock().unwrap().push(call)))
    }

    /// The endpoints of the requests since the last time.
    pub fn called(&self) -> Vec<String> {
        self.calls.lock().unwrap().drain(..).map(|call| call.endpoint).collect()
    }

    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().drain(..).collect()
    }

    pub async fn wait(&self, seconds: i64) {
        self.clock.sleep_until(self.clock.now() + Duration::from_seconds(seconds)).await;
    }
}

/// Runs `test` in the demo's world, changed by `edit`, with `more` below the instances in the configuration.
pub fn run<F: Future<Output = ()>>(
    edit: impl FnOnce(&mut Scenario),
    more: impl FnOnce(&Sim) -> String,
    test: impl FnOnce(Rig) -> F,
) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let clock = VirtualClock::new(START);
        let tracked: Arc<dyn Clock> = Arc::clone(&clock) as _;
        let test = async {
            let rig = open(clock, edit, more).await;
            test(rig).await;
        };
        track(tracked, test).await;
    });
}

async fn open(clock: Arc<VirtualClock>, edit: impl FnOnce(&mut Scenario), more: impl FnOnce(&Sim) -> String) -> Rig {
    let mut scenario = Scenario::default();
    edit(&mut scenario);
    let port = (Ipv4Addr::LOCALHOST, 0).into();
    let sim = Sim::start(scenario, Arc::clone(&clock) as _, port, port).await.unwrap();
    let urls = sim.urls();
    let mut text = format!("timezone = \"UTC\"\n[pbh.home]\nurl = {:?}\ntoken = {:?}\n", urls.pbh_url, urls.pbh_token);
    for vps in &urls.vps {
        let (name, veid, key, url) = (&vps.name, vps.veid, &vps.api_key, &urls.kiwivm_url);
        writeln!(text, "[vps.{name}]\nveid = {veid}\napi_key = {key:?}\nurl = {url:?}").unwrap();
        if !vps.downloaders.is_empty() {
            writeln!(text, "downloaders = {:?}", vps.downloaders).unwrap();
        }
    }
    text += &more(&sim);
    let config = Config::load(&text, Path::new("/nowhere/tidegate.toml"), &|_| None).unwrap();
    let journal = Arc::new(Memory::default());
    let setting = Setting {
        clock: Arc::clone(&clock) as _,
        env: Arc::new(|_| None),
        journal: Arc::clone(&journal) as _,
        storage: Storage::Memory,
        accepts_any_instance: false,
    };
    let host = Host::open(config, setting).await.unwrap();
    Rig { sim, clock, host, journal, calls: Arc::default() }
}

/// [`run`] in the demo's world as it is.
pub fn demo<F: Future<Output = ()>>(test: impl FnOnce(Rig) -> F) {
    run(|_| (), |_| String::new(), test);
}
