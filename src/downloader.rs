//! Torrent clients: what tidegate asks of each of them, in one vocabulary.

pub mod qbittorrent;
pub mod unsupported;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::Ip;
use crate::api::shapes;
use crate::config::Transport;
use crate::error::Result;
pub use crate::recorder::{Recorder, Talk};
use crate::secret::Secret;
use crate::time::{Duration, Time};

/// An answer on its way.
pub type Pending<'a, T> = BoxFuture<'a, Result<T>>;

/// One torrent client. Every request it makes is recorded as service `downloader` with the endpoint
/// `METHOD path`; its errors carry the same two.
pub trait Downloader: Send + Sync {
    /// The name scripts know it by.
    fn name(&self) -> &str;

    /// The type as PBH spells it: `qbittorrent`.
    fn kind(&self) -> &str;

    /// Whether it is that client at that address with that login, so that its session can be kept.
    fn is(&self, name: &str, kind: &str, link: &Link) -> bool;

    /// The program's own version: `5.0.3`.
    fn version<'a>(&'a self, talk: &'a Talk) -> Pending<'a, String>;

    fn torrents<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Vec<Torrent>>;

    fn speed<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Rates>;

    /// The limits in force for the whole client.
    fn limits<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Limits>;

    fn set_limits<'a>(&'a self, limits: Limits, talk: &'a Talk) -> Pending<'a, ()>;

    /// The limits of single torrents.
    fn limit_torrents<'a>(&'a self, hashes: &'a [String], limits: Limits, talk: &'a Talk) -> Pending<'a, ()>;

    fn stop<'a>(&'a self, hashes: &'a [String], talk: &'a Talk) -> Pending<'a, ()>;

    /// `forced` starts them past the client's queue, as they were before.
    fn start<'a>(&'a self, hashes: &'a [String], forced: bool, talk: &'a Talk) -> Pending<'a, ()>;

    /// The addresses that the client itself refuses.
    fn banned<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Vec<Ip>>;

    /// Adds to [`Downloader::banned`].
    fn ban<'a>(&'a self, addresses: &'a [Ip], talk: &'a Talk) -> Pending<'a, ()>;

    /// Takes addresses away from [`Downloader::banned`], in whatever spelling they stand there.
    fn unban<'a>(&'a self, addresses: &'a [Ip], talk: &'a Talk) -> Pending<'a, ()>;

    /// Whether its list of banned addresses takes networks.
    fn takes_networks<'a>(&'a self, talk: &'a Talk) -> Pending<'a, bool>;

    /// The client's own API, with the login that tidegate has.
    fn request<'a>(&'a self, request: Raw, talk: &'a Talk) -> Pending<'a, Answer>;
}

/// Where a client is and how to get in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Link {
    /// Without `/api/v2` and without a slash at the end.
    pub url: String,
    pub username: String,
    pub password: Option<Secret>,
    /// qBittorrent 5.2 and later.
    pub api_key: Option<Secret>,
    /// Of a proxy in front.
    pub basic: Option<(String, Secret)>,
    pub transport: Transport,
    pub timeout: Duration,
    pub largest_reply: u64,
    /// What to do where it cannot be reached.
    pub unreachable: Option<String>,
}

shapes! {
    /// A torrent, the same for every client.
    Torrent {
        /// Info hash, by which the client knows it.
        hash: Text,
        name: Text,
        /// Bytes of the files that are wanted.
        size: Bytes,
        /// How much of it is here.
        progress: Share,
        /// Whether everything that is wanted is here.
        done: Bool,
        /// `downloading`, `seeding`, `stalled`, `queued`, `stopped`, `checking`, `moving`, `error` or `unknown`.
        state: Text,
        /// True where the client does not say.
        is_private: Bool,
        ratio: Ratio,
        uploaded: Bytes,
        downloaded: Bytes,
        up_speed: Speed,
        down_speed: Speed,
        /// `()` is unlimited.
        up_limit: Speed | null,
        /// `()` is unlimited.
        down_limit: Speed | null,
        /// Seeds it is connected to.
        seeds: Int,
        /// Leechers it is connected to.
        peers: Int,
        tags: [Text],
        category: Text,
        /// The tracker that works, `""` where none does.
        tracker: Text,
        /// What the tracker last said, where the client tells.
        tracker_message: Text,
        added_at: Seconds | null,
        completed_at: Seconds | null,
        /// When it last moved data.
        active_at: Seconds | null,
        seeding_time: DurationSeconds,
        save_path: Text,
        /// Why its state is `error`, `""` otherwise.
        error: Text,
        /// Runs past the client's queue and its limits on active torrents.
        forced: Bool,
        /// The client's name.
        downloader: Text,
    }

    /// What a client moves at this moment.
    Rates {
        up: Speed,
        down: Speed,
    }

    /// The limits of a client or a torrent.
    Limits {
        /// `()` is unlimited.
        up: Speed | null,
        /// `()` is unlimited.
        down: Speed | null,
    }
}

/// What a torrent is doing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Downloading,
    Seeding,
    /// Wants data and gets none.
    Stalled,
    Queued,
    Stopped,
    Checking,
    Moving,
    Error,
    #[default]
    Unknown,
}

impl State {
    /// Whether it moves data, or would as soon as it can: what a stop takes from it.
    pub fn runs(self) -> bool {
        !matches!(self, Self::Stopped | Self::Error)
    }
}

/// A torrent; its shape, with the meaning of each field, stands above under the same name.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Torrent {
    pub hash: String,
    pub name: String,
    pub size: i64,
    pub progress: f64,
    pub done: bool,
    pub state: State,
    pub is_private: bool,
    pub ratio: f64,
    pub uploaded: i64,
    pub downloaded: i64,
    pub up_speed: i64,
    pub down_speed: i64,
    pub up_limit: Option<i64>,
    pub down_limit: Option<i64>,
    pub seeds: i64,
    pub peers: i64,
    pub tags: Vec<String>,
    pub category: String,
    pub tracker: String,
    pub tracker_message: String,
    pub added_at: Option<Time>,
    pub completed_at: Option<Time>,
    pub active_at: Option<Time>,
    pub seeding_time: Duration,
    pub save_path: String,
    pub error: String,
    pub forced: bool,
    pub downloader: String,
}

/// Bytes per second at this moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Rates {
    pub up: i64,
    pub down: i64,
}

/// Bytes per second; `None` is unlimited.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Limits {
    pub up: Option<i64>,
    pub down: Option<i64>,
}

/// A request to a client's own API.
#[derive(Clone, Debug, Default)]
pub struct Raw {
    pub method: String,
    /// From the root of the client's address, or relative to its API: `torrents/info`.
    pub path: String,
    pub query: Vec<(String, String)>,
    pub form: Vec<(String, String)>,
    pub json: Option<Value>,
}

/// What it answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    /// JSON where it is JSON, text otherwise.
    pub value: Value,
}
