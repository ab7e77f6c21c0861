//! Servers and clients that are not in the simulated world: older, larger, or disobedient ones.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::Request;
use axum::{Json, Router};
use futures::FutureExt as _;
use serde_json::Value;
use tidegate::address::Ip;
use tidegate::downloader::{Answer, Downloader, Limits, Pending, Rates, Raw, State, Torrent};
use tidegate::recorder::Talk;

/// A recorded reply of PBH 9.5.0.
pub fn recorded(id: &str, case: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/pbh/{id}.json"));
    let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let found = cases.iter().find(|entry| entry["version"] == "9.5.0" && entry["case"] == case);
    found.unwrap_or_else(|| panic!("no case `{case}` of {id}"))["response"]["body_json"].clone()
}

/// What arrived: `METHOD path?query` and the body.
pub type Heard = Arc<Mutex<Vec<(String, Value)>>>;

/// Answers every request by its `METHOD path?query`; gives its address and what it hears.
pub fn serve(answer: impl Fn(&str) -> Value + Clone + Send + Sync + 'static) -> (String, Heard) {
    let heard = Heard::default();
    let ears = Arc::clone(&heard);
    let handle = move |request: Request| {
        let (ears, answer) = (Arc::clone(&ears), answer.clone());
        async move {
            let line = format!("{} {}", request.method(), request.uri());
            let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap_or(Bytes::new());
            ears.lock().unwrap().push((line.clone(), serde_json::from_slice(&body).unwrap_or_default()));
            Json(answer(&line))
        }
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handle)).await });
    (url, heard)
}

/// A client with some torrents that do not do as they are told.
#[derive(Default)]
pub struct Stubborn {
    pub torrents: Mutex<Vec<Torrent>>,
    /// By hash.
    pub refuse: BTreeSet<String>,
    /// What it was told: how many torrents at once.
    pub told: Mutex<Vec<(&'static str, usize)>>,
}

impl Stubborn {
    pub fn new(torrents: usize, refuse: &[usize]) -> Self {
        let torrent = |i| Torrent {
            hash: format!("h{i}"),
            name: format!("t{i}"),
            state: State::Seeding,
            done: true,
            up_speed: 1000,
            ..Torrent::default()
        };
        Self {
            torrents: Mutex::new((0..torrents).map(torrent).collect()),
            refuse: refuse.iter().map(|i| format!("h{i}")).collect(),
            ..Self::default()
        }
    }

    fn tell(&self, verb: &'static str, hashes: &[String], state: State, speed: i64) {
        self.told.lock().unwrap().push((verb, hashes.len()));
        for torrent in self.torrents.lock().unwrap().iter_mut() {
            if hashes.contains(&torrent.hash) && !self.refuse.contains(&torrent.hash) {
                torrent.state = state;
                torrent.up_speed = speed;
            }
        }
    }
}

fn ready<T: Send + 'static>(value: T) -> Pending<'static, T> {
    async move { Ok(value) }.boxed()
}

impl Downloader for Stubborn {
    fn name(&self) -> &'static str {
        "stubborn"
    }

    fn kind(&self) -> &'static str {
        "qbittorrent"
    }

    fn version<'a>(&'a self, _: &'a Talk) -> Pending<'a, String> {
        ready("5.1.2".into())
    }

    fn torrents<'a>(&'a self, _: &'a Talk) -> Pending<'a, Vec<Torrent>> {
        ready(self.torrents.lock().unwrap().clone())
    }

    fn speed<'a>(&'a self, _: &'a Talk) -> Pending<'a, Rates> {
        let up = self.torrents.lock().unwrap().iter().map(|torrent| torrent.up_speed).sum();
        ready(Rates { up, down: 0 })
    }

    fn limits<'a>(&'a self, _: &'a Talk) -> Pending<'a, Limits> {
        ready(Limits::default())
    }

    fn set_limits<'a>(&'a self, _: Limits, _: &'a Talk) -> Pending<'a, ()> {
        ready(())
    }

    fn limit_torrents<'a>(&'a self, _: &'a [String], _: Limits, _: &'a Talk) -> Pending<'a, ()> {
        ready(())
    }

    fn stop<'a>(&'a self, hashes: &'a [String], _: &'a Talk) -> Pending<'a, ()> {
        self.tell("stop", hashes, State::Stopped, 0);
        ready(())
    }

    fn start<'a>(&'a self, hashes: &'a [String], forced: bool, _: &'a Talk) -> Pending<'a, ()> {
        self.tell(if forced { "force" } else { "start" }, hashes, State::Seeding, 1000);
        ready(())
    }

    fn banned<'a>(&'a self, _: &'a Talk) -> Pending<'a, Vec<Ip>> {
        ready(Vec::new())
    }

    fn ban<'a>(&'a self, _: &'a [Ip], _: &'a Talk) -> Pending<'a, ()> {
        ready(())
    }

    fn unban<'a>(&'a self, _: &'a [Ip], _: &'a Talk) -> Pending<'a, ()> {
        ready(())
    }

    fn takes_networks<'a>(&'a self, _: &'a Talk) -> Pending<'a, bool> {
        ready(false)
    }

    fn request<'a>(&'a self, _: Raw, _: &'a Talk) -> Pending<'a, Answer> {
        ready(Answer { status: 200, value: Value::Null })
    }
}
