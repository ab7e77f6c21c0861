//! What every client must do, whatever its API.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tidegate::call::Call;
use tidegate::clock::SystemClock;
use tidegate::config::Config;
use tidegate::downloader::{Limits, Source, State};
use tidegate::error::Kind;
use tidegate::fleet::Member;
use tidegate::holds::StopOptions;
use tidegate::holds::limits::LimitOptions;
use tidegate::host::{Host, Setting, Storage};
use tidegate::journal::Silent;
use tidegate::recorder::Talk;
use tidegate::time::Duration;

use crate::clients::metainfo::Torrent;
use crate::clients::process::until;

/// A client with its own view of what it does.
pub trait Client {
    /// The table for `tidegate.toml` that lets tidegate in.
    fn config(&self, name: &str) -> String;

    /// The same with a wrong password or token.
    fn wrong_config(&self, name: &str) -> String;

    /// Gives it a torrent; with `has` its content is there.
    fn add(&self, torrent: &Torrent, has: bool);

    /// Whether each torrent stands, by its hash, as the program tells.
    fn standing(&self) -> BTreeMap<String, bool>;

    /// Ends it in an orderly way.
    fn end(&mut self);

    /// Starts it again in the same folder.
    fn begin(&mut self);
}

pub struct Rig {
    runtime: tokio::runtime::Runtime,
    host: Arc<Host>,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Rig {
    pub fn new(config: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let config = Config::load(config, Path::new("/nowhere/tidegate.toml"), &|_| None).unwrap();
        let setting = Setting {
            clock: SystemClock::new(),
            env: Arc::new(|_| None),
            journal: Arc::new(Silent),
            storage: Storage::Memory,
            accepts_any_instance: false,
        };
        let host = runtime.block_on(Host::open(config, setting)).unwrap();
        Self { runtime, host, calls: Arc::default() }
    }

    /// Runs `test` with the client of that name.
    pub fn with<T>(&self, name: &str, test: impl AsyncFnOnce(&Host, &Member, &Talk) -> T) -> T {
        let calls = Arc::clone(&self.calls);
        let clock = Arc::clone(&self.host.clock);
        let deadline = clock.now() + Duration::from_seconds(60);
        let talk = Talk::new(clock, deadline, Arc::new(move |call| calls.lock().unwrap().push(call)));
        self.runtime.block_on(async {
            let member = self.host.fleet.downloader(name, &talk).await.unwrap();
            test(&self.host, &member, &talk).await
        })
    }

    /// Runs beside the test.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }

    /// The requests since the last time.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().drain(..).collect()
    }
}

/// Three torrents: one that is there, one that is missing, and one that its user has stopped.
pub fn three() -> [Torrent; 3] {
    [
        Torrent::new("there", 1 << 18, false),
        Torrent::new("missing", 1 << 18, true),
        Torrent::new("users", 1 << 18, false),
    ]
}

/// Gives a client three torrents and stops the last.
pub fn prepare(client: &dyn Client, rig: &Rig) -> [Torrent; 3] {
    let torrents = three();
    for (torrent, has) in torrents.iter().zip([true, false, true]) {
        client.add(torrent, has);
    }
    rig.with("box", async |_, member, talk| {
        member.client.stop(&[torrents[2].hash.clone()], talk).await.unwrap();
    });
    until("the user's own is not stopped", || match client.standing() {
        standing if standing.get(&torrents[2].hash) == Some(&true) => Ok(()),
        standing => Err(format!("{standing:?}")),
    });
    torrents
}

pub fn lists_in_one_vocabulary(client: &dyn Client, rig: &Rig) {
    let torrents = prepare(client, rig);
    // A client's queue may take a moment to let go of a torrent that has just come.
    let listed = until("the states are others", || {
        let listed = rig.with("box", async |_, member, talk| {
            let mut listed = member.client.torrents(talk).await.unwrap();
            listed.sort_by_key(|torrent| torrents.iter().position(|one| one.hash == torrent.hash));
            listed
        });
        let states: Vec<State> = listed.iter().map(|torrent| torrent.state).collect();
        if states == [State::Seeding, State::Stalled, State::Stopped] { Ok(listed) } else { Err(format!("{states:?}")) }
    });
    rig.with("box", async |_, member, talk| {
        let one = member.client.torrent(&torrents[0].hash.to_uppercase(), talk).await.unwrap().unwrap();
        assert!(one.hash == torrents[0].hash && !one.save_path.is_empty(), "{one:?}");
        assert_eq!(member.client.torrent(&"f".repeat(40), talk).await.unwrap(), None);
        assert!(member.client.version(talk).await.unwrap().starts_with(|digit: char| digit.is_ascii_digit()));
    });
    assert_eq!(listed.len(), 3);
    for (torrent, listed) in torrents.iter().zip(&listed) {
        assert_eq!((&listed.hash, &listed.name, listed.size), (&torrent.hash, &torrent.name, 1 << 18));
        assert_eq!((listed.downloader.as_str(), listed.up_limit, listed.down_limit), ("box", None, None));
        assert!(listed.error.is_empty(), "{listed:?}");
    }
    assert_eq!(listed.iter().map(|torrent| torrent.done).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!((listed[0].progress, listed[1].progress), (1.0, 0.0));
    assert!(listed[1].is_private);
    for call in rig.calls() {
        let known = ["POST /", "GET /"].iter().any(|way| call.endpoint.starts_with(way));
        assert!(call.service == "downloader" && known, "{call:?}");
    }
}

pub fn stops_and_gives_back_exactly(client: &dyn Client, rig: &Rig) {
    let torrents = prepare(client, rig);
    let before = client.standing();
    let options = StopOptions { reason: "test".into(), ..StopOptions::default() };
    let stopped = rig.with("box", async |host, member, talk| host.holds.stop(member, &options, talk).await.unwrap());
    assert_eq!((stopped.stopped.len(), stopped.idle), (2, 1));
    assert!(client.standing().values().all(|stands| *stands), "{:?}", client.standing());
    let started = rig.with("box", async |host, member, talk| host.holds.start(member, "test", talk).await.unwrap());
    assert_eq!(started.started.len(), 2);
    assert_eq!(client.standing(), before);
    assert!(before[&torrents[2].hash]);
}

pub fn limits_and_gives_back(rig: &Rig) {
    let before = Limits { up: Some(512_000), down: None };
    rig.with("box", async |host, member, talk| {
        member.client.set_limits(before, talk).await.unwrap();
        assert_eq!(member.client.limits(talk).await.unwrap(), before);
        let options =
            LimitOptions { reason: "test".into(), up: Some(128_000), down: Some(256_000), ..LimitOptions::default() };
        host.holds.limit_speed(member, &options, talk).await.unwrap();
        let limited = member.client.limits(talk).await.unwrap();
        assert_eq!(limited, Limits { up: Some(128_000), down: Some(256_000) });
        host.holds.restore_speed(member, "test", talk).await.unwrap();
        assert_eq!(member.client.limits(talk).await.unwrap(), before);
        member.client.set_limits(Limits::default(), talk).await.unwrap();
        assert_eq!(member.client.limits(talk).await.unwrap(), Limits::default());
    });
}

/// A hash that the client does not know is no error, here and below.
pub fn limits_single_torrents(client: &dyn Client, rig: &Rig) {
    let there = &three()[0];
    client.add(there, true);
    rig.with("box", async |_, member, talk| {
        let client = &member.client;
        let hashes = [there.hash.clone(), "f".repeat(40)];
        let limits = Limits { up: Some(64_000), down: None };
        client.limit_torrents(&hashes, limits, talk).await.unwrap();
        let row = client.torrent(&there.hash, talk).await.unwrap().unwrap();
        assert_eq!((row.up_limit, row.down_limit), (Some(64_000), None));
        client.limit_torrents(&hashes, Limits::default(), talk).await.unwrap();
        assert_eq!(client.torrent(&there.hash, talk).await.unwrap().unwrap().up_limit, None);
    });
}

/// Stops, starts, adds and takes away single torrents.
pub fn acts_on_single_torrents(client: &dyn Client, rig: &Rig) {
    let [there, missing, _] = prepare(client, rig);
    let added = Torrent::new("added", 1 << 18, false);
    rig.with("box", async |_, member, talk| {
        let client = &member.client;
        let hashes = [there.hash.clone(), "f".repeat(40)];
        for told in [client.stop(&hashes, talk).await, client.start(&hashes, false, talk).await] {
            told.unwrap();
        }
        // Nothing is not everything.
        client.stop(&[], talk).await.unwrap();
        client.delete(&[missing.hash.clone(), "f".repeat(40)], false, talk).await.unwrap();
        let source = Source::File { name: "added.torrent".into(), content: added.file.clone() };
        let how = tidegate::downloader::Addition { stopped: true, ..Default::default() };
        client.add(&source, &how, talk).await.unwrap();
    });
    until("it did not do as it was told", || {
        let standing = client.standing();
        let right = standing.get(&there.hash) == Some(&false)
            && standing.get(&added.hash) == Some(&true)
            && !standing.contains_key(&missing.hash);
        if right { Ok(()) } else { Err(format!("{standing:?}")) }
    });
}

pub fn tries_a_wrong_login_once(client: &dyn Client) {
    let rig = Rig::new(&client.wrong_config("box"));
    rig.with("box", async |_, member, talk| {
        let (one, other) = futures::join!(member.client.torrents(talk), member.client.speed(talk));
        for error in [one.unwrap_err(), other.unwrap_err(), member.client.limits(talk).await.map(drop).unwrap_err()] {
            assert_eq!((error.kind, error.service.as_deref()), (Kind::Auth, Some("downloader")), "{error:?}");
        }
    });
    let calls = rig.calls();
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert!(!format!("{calls:?}").contains("wrong-one"), "{calls:?}");
}

pub fn comes_back_after_a_restart(client: &mut dyn Client, rig: &Rig) {
    client.add(&three()[0], true);
    let list = || rig.with("box", async |_, member, talk| member.client.torrents(talk).await);
    assert_eq!(list().unwrap().len(), 1);
    client.end();
    let error = list().unwrap_err();
    assert_eq!((error.kind, error.service.as_deref()), (Kind::Transport, Some("downloader")), "{error:?}");
    client.begin();
    until("it is not back", || match list() {
        Ok(torrents) if torrents.len() == 1 => Ok(()),
        other => Err(format!("{other:?}")),
    });
}
