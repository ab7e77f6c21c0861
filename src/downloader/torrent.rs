//! A torrent in one vocabulary, whatever client holds it.

use serde::Serialize;

use crate::api::shapes;
use crate::time::{Duration, Time};

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

impl Torrent {
    /// Bytes of it that are here.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a share of a size")]
    pub fn present(&self) -> i64 {
        (self.size as f64 * self.progress.clamp(0.0, 1.0)) as i64
    }
}
