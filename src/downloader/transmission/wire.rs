//! What Transmission sends, by the names of 4.1, and what it means in our words.

use serde::Deserialize;

use crate::downloader::{Limits, State, Torrent};
use crate::time::{Duration, Time};

/// What is asked of each torrent; [`Row`] reads it.
pub(super) const FIELDS: [&str; 32] = [
    "hash_string",
    "name",
    "size_when_done",
    "percent_done",
    "left_until_done",
    "metadata_percent_complete",
    "status",
    "error",
    "error_string",
    "is_private",
    "upload_ratio",
    "uploaded_ever",
    "downloaded_ever",
    "rate_upload",
    "rate_download",
    "upload_limit",
    "upload_limited",
    "download_limit",
    "download_limited",
    "peers",
    "peers_sending_to_us",
    "webseeds_sending_to_us",
    "labels",
    "tracker_stats",
    "added_date",
    "done_date",
    "activity_date",
    "seconds_seeding",
    "download_dir",
    "seed_ratio_limit",
    "seed_ratio_mode",
    "queue_position",
];

/// Bytes in what its limits call a kilobyte, where it does not say.
pub(super) const KILO: i64 = 1000;

#[derive(Deserialize)]
pub(super) struct Listing {
    pub torrents: Vec<Row>,
}

/// One torrent.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Row {
    pub hash_string: String,
    name: String,
    size_when_done: i64,
    percent_done: f64,
    left_until_done: i64,
    metadata_percent_complete: f64,
    status: i64,
    error: i64,
    error_string: String,
    is_private: bool,
    upload_ratio: f64,
    uploaded_ever: i64,
    downloaded_ever: i64,
    rate_upload: i64,
    rate_download: i64,
    upload_limit: i64,
    upload_limited: bool,
    download_limit: i64,
    download_limited: bool,
    peers: Vec<Peer>,
    peers_sending_to_us: i64,
    webseeds_sending_to_us: i64,
    pub labels: Vec<String>,
    tracker_stats: Vec<Tracker>,
    added_date: i64,
    done_date: i64,
    activity_date: i64,
    seconds_seeding: i64,
    download_dir: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Peer {
    progress: f64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tracker {
    announce: String,
    has_announced: bool,
    last_announce_succeeded: bool,
    last_announce_result: String,
}

/// The error of a torrent that concerns its files; the others come from trackers and stop nothing.
const LOCAL: i64 = 3;

impl Row {
    pub fn into_torrent(self, downloader: &str) -> Torrent {
        let known = self.metadata_percent_complete >= 1.0;
        let instant = |seconds: i64| (seconds > 0).then(|| Time::from_seconds(seconds));
        let (seeds, peers): (Vec<&Peer>, Vec<_>) = self.peers.iter().partition(|peer| peer.progress >= 1.0);
        let works = self.tracker_stats.iter().find(|tracker| tracker.last_announce_succeeded);
        let fails = self.tracker_stats.iter().find(|tracker| tracker.has_announced);
        let state = self.state();
        Torrent {
            done: known && self.left_until_done == 0,
            state,
            // Nobody knows before the metadata is there.
            is_private: self.is_private || !known,
            // Negative: there is none, or nothing was downloaded to compare with.
            ratio: if self.upload_ratio >= 0.0 { self.upload_ratio } else { 0.0 },
            up_limit: self.upload_limited.then_some(self.upload_limit * KILO),
            down_limit: self.download_limited.then_some(self.download_limit * KILO),
            seeds: seeds.len().try_into().unwrap_or(i64::MAX),
            peers: peers.len().try_into().unwrap_or(i64::MAX),
            tracker: works.map(|tracker| tracker.announce.clone()).unwrap_or_default(),
            tracker_message: match (works, fails) {
                (None, Some(tracker)) => tracker.last_announce_result.clone(),
                _ if state != State::Error => self.error_string.clone(),
                _ => String::new(),
            },
            error: if state == State::Error { self.error_string } else { String::new() },
            added_at: instant(self.added_date),
            completed_at: instant(self.done_date),
            active_at: instant(self.activity_date),
            seeding_time: Duration::from_seconds(self.seconds_seeding.max(0)),
            hash: self.hash_string,
            name: self.name,
            size: self.size_when_done,
            progress: self.percent_done,
            uploaded: self.uploaded_ever,
            downloaded: self.downloaded_ever,
            up_speed: self.rate_upload,
            down_speed: self.rate_download,
            tags: self.labels,
            category: String::new(),
            save_path: self.download_dir,
            // It starts past its queue when asked to, and does not remember that it did.
            forced: false,
            downloader: downloader.into(),
        }
    }

    fn state(&self) -> State {
        match self.status {
            0 if self.error == LOCAL => State::Error,
            0 => State::Stopped,
            1 | 2 => State::Checking,
            3 | 5 => State::Queued,
            4 if self.rate_download == 0 && self.peers_sending_to_us + self.webseeds_sending_to_us == 0 => {
                State::Stalled
            }
            4 => State::Downloading,
            6 => State::Seeding,
            _ => State::Unknown,
        }
    }
}

/// What matters of the session's settings.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    pub version: String,
    pub download_dir: String,
    speed_limit_up: i64,
    speed_limit_up_enabled: bool,
    speed_limit_down: i64,
    speed_limit_down_enabled: bool,
    alt_speed_up: i64,
    alt_speed_down: i64,
    /// The alternative limits are in force, in both directions.
    pub alt_speed_enabled: bool,
    units: Units,
}

#[derive(Deserialize)]
#[serde(default)]
struct Units {
    speed_bytes: i64,
}

impl Default for Units {
    fn default() -> Self {
        Self { speed_bytes: KILO }
    }
}

impl Settings {
    pub fn limits(&self) -> Limits {
        let kilo = self.units.speed_bytes;
        if self.alt_speed_enabled {
            return Limits { up: Some(self.alt_speed_up * kilo), down: Some(self.alt_speed_down * kilo) };
        }
        Limits {
            up: self.speed_limit_up_enabled.then_some(self.speed_limit_up * kilo),
            down: self.speed_limit_down_enabled.then_some(self.speed_limit_down * kilo),
        }
    }

    /// A limit in its own unit: never above what was asked for, and never 0, which lets nothing through.
    pub fn kilobytes(&self, limit: i64) -> i64 {
        kilobytes(limit, self.units.speed_bytes)
    }
}

pub(super) fn kilobytes(limit: i64, kilo: i64) -> i64 {
    (limit / kilo.max(1)).max(1)
}

#[derive(Deserialize)]
pub(super) struct Statistics {
    #[serde(default)]
    pub upload_speed: i64,
    #[serde(default)]
    pub download_speed: i64,
    pub cumulative_stats: Counters,
    pub current_stats: Counters,
}

#[derive(Deserialize)]
pub(super) struct Counters {
    pub uploaded_bytes: i64,
    pub downloaded_bytes: i64,
    #[serde(default)]
    pub session_count: i64,
}

#[derive(Deserialize)]
pub(super) struct Space {
    pub size_bytes: i64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Added {
    pub torrent_added: Option<Named>,
    pub torrent_duplicate: Option<Named>,
}

#[derive(Deserialize)]
pub(super) struct Named {
    pub hash_string: String,
    #[serde(default)]
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::super::rpc::snake;
    use super::*;
    use crate::downloader::recorded::reply;

    fn read<T: serde::de::DeserializeOwned>(case: &str) -> T {
        let mut reply = snake(reply("transmission", case));
        serde_json::from_value(reply["arguments"].take()).unwrap()
    }

    #[test]
    fn replies_of_a_real_one() {
        let rows = read::<Listing>("list").torrents;
        let torrents: Vec<Torrent> = rows.into_iter().map(|row| row.into_torrent("box")).collect();
        let [alpha, beta] = &torrents[..] else { panic!("{torrents:?}") };
        assert_eq!(
            (alpha.name.as_str(), alpha.state, alpha.size, alpha.done),
            ("alpha.bin", State::Seeding, 3 << 20, true)
        );
        assert_eq!((alpha.ratio, alpha.is_private, alpha.tracker.as_str()), (0.0, false, ""));
        assert_eq!(alpha.tracker_message, "Could not connect to tracker");
        assert_eq!((beta.state, beta.done, beta.is_private), (State::Stopped, false, true));
        assert_eq!((beta.up_limit, beta.down_limit, &beta.tags), (Some(50_000), None, &vec!["keep".to_owned()]));
        assert_eq!((beta.completed_at, beta.active_at, beta.added_at.is_some()), (None, None, true));
        let settings: Settings = read("settings");
        assert_eq!((settings.limits(), settings.version.as_str()), (Limits::default(), "3.00 (bb6b5a062e)"));
        let statistics: Statistics = read("statistics");
        assert_eq!((statistics.cumulative_stats.session_count, statistics.upload_speed), (1, 0));
        let added: Added = read("duplicate");
        assert_eq!(added.torrent_duplicate.unwrap().name, "alpha.bin");
        assert!(read::<Space>("space").size_bytes > 0);
    }

    fn row(more: &serde_json::Value) -> Torrent {
        let mut row = serde_json::json!({
            "hash_string": "ab", "metadata_percent_complete": 1, "status": 4, "left_until_done": 5, "upload_ratio": -1,
        });
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value::<Row>(row).unwrap().into_torrent("box")
    }

    #[test]
    fn states_in_our_words() {
        for (more, expected) in [
            (serde_json::json!({"status": 0}), State::Stopped),
            (serde_json::json!({"status": 0, "error": 3, "error_string": "no data"}), State::Error),
            (serde_json::json!({"status": 0, "error": 2, "error_string": "unregistered"}), State::Stopped),
            (serde_json::json!({"status": 1}), State::Checking),
            (serde_json::json!({"status": 3}), State::Queued),
            (serde_json::json!({}), State::Stalled),
            (serde_json::json!({"peers_sending_to_us": 1}), State::Downloading),
            (serde_json::json!({"status": 6}), State::Seeding),
            (serde_json::json!({"status": 9}), State::Unknown),
        ] {
            assert_eq!(row(&more).state, expected, "{more}");
        }
        let broken = row(&serde_json::json!({"status": 0, "error": 3, "error_string": "no data"}));
        assert_eq!((broken.error.as_str(), broken.tracker_message.as_str()), ("no data", ""));
    }

    #[test]
    fn a_magnet_without_metadata_is_not_done_and_counts_as_private() {
        let magnet = row(&serde_json::json!({"metadata_percent_complete": 0, "left_until_done": 0}));
        assert!(!magnet.done && magnet.is_private);
        let known = row(&serde_json::json!({"left_until_done": 0}));
        assert!(known.done && !known.is_private && known.ratio == 0.0);
    }

    #[test]
    fn limits_never_round_up_and_never_to_nothing() {
        assert_eq!(kilobytes(1_048_576, 1000), 1048);
        assert_eq!(kilobytes(10, 1000), 1);
        let set = |text: &str| serde_json::from_str::<Settings>(text).unwrap().limits();
        let usual = set(r#"{"speed_limit_up": 5, "speed_limit_up_enabled": true, "units": {"speed_bytes": 1000}}"#);
        assert_eq!(usual, Limits { up: Some(5000), down: None });
        let slow = set(r#"{"speed_limit_up": 5, "alt_speed_enabled": true, "alt_speed_up": 1, "alt_speed_down": 2}"#);
        assert_eq!(slow, Limits { up: Some(1000), down: Some(2000) });
    }
}
