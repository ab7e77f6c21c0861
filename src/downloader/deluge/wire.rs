//! What Deluge sends, and what it means in our words.

use serde::Deserialize;

use crate::downloader::{Limits, State, Torrent};
use crate::time::{Duration, Time};

/// What is asked of each torrent; [`Row`] reads it.
pub(super) const KEYS: [&str; 26] = [
    "hash",
    "name",
    "total_wanted",
    "total_size",
    "progress",
    "is_finished",
    "state",
    "private",
    "ratio",
    "total_uploaded",
    "all_time_download",
    "upload_payload_rate",
    "download_payload_rate",
    "max_upload_speed",
    "max_download_speed",
    "num_seeds",
    "num_peers",
    "label",
    "tracker",
    "tracker_status",
    "time_added",
    "completed_time",
    "time_since_transfer",
    "seeding_time",
    "save_path",
    "message",
];

/// And whether its queue decides when it runs.
pub(super) const MANAGED: &str = "auto_managed";

/// Its limits are in KiB/s with a fraction; anything below zero is none.
#[expect(clippy::cast_possible_truncation, reason = "no network is that fast")]
pub(super) fn limit(kibibytes: f64) -> Option<i64> {
    (kibibytes >= 0.0).then(|| (kibibytes * 1024.0).round() as i64)
}

/// A limit in its own unit.
#[expect(clippy::cast_precision_loss, reason = "no network is that fast")]
pub(super) fn kibibytes(limit: Option<i64>) -> f64 {
    limit.map_or(-1.0, |limit| limit as f64 / 1024.0)
}

/// One torrent.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Row {
    hash: String,
    name: String,
    total_wanted: i64,
    total_size: i64,
    progress: f64,
    is_finished: bool,
    state: String,
    private: bool,
    ratio: f64,
    total_uploaded: i64,
    all_time_download: i64,
    upload_payload_rate: i64,
    download_payload_rate: i64,
    max_upload_speed: f64,
    max_download_speed: f64,
    num_seeds: i64,
    num_peers: i64,
    label: String,
    tracker: String,
    tracker_status: String,
    time_added: f64,
    completed_time: f64,
    time_since_transfer: i64,
    seeding_time: i64,
    save_path: String,
    message: String,
    auto_managed: bool,
}

impl Row {
    pub fn into_torrent(self, downloader: &str, now: Time) -> Torrent {
        // A magnet link has no size before its metadata are there.
        let known = self.total_size > 0;
        #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970")]
        let instant = |seconds: f64| (seconds > 0.0).then(|| Time::from_seconds(seconds as i64));
        let state = self.state();
        let well = matches!(self.tracker_status.as_str(), "" | "Announce OK" | "Announce Sent");
        Torrent {
            done: known && self.is_finished,
            state,
            is_private: self.private || !known,
            ratio: self.ratio.max(0.0),
            up_limit: limit(self.max_upload_speed),
            down_limit: limit(self.max_download_speed),
            tracker_message: if well { String::new() } else { self.tracker_status },
            error: if state == State::Error { self.message } else { String::new() },
            added_at: instant(self.time_added),
            completed_at: instant(self.completed_time),
            active_at: (self.time_since_transfer >= 0).then(|| now - Duration::from_seconds(self.time_since_transfer)),
            seeding_time: Duration::from_seconds(self.seeding_time.max(0)),
            // What no queue manages runs whenever it is not paused.
            forced: !self.auto_managed,
            hash: self.hash,
            name: self.name,
            size: self.total_wanted,
            progress: self.progress / 100.0,
            uploaded: self.total_uploaded,
            downloaded: self.all_time_download,
            up_speed: self.upload_payload_rate,
            down_speed: self.download_payload_rate,
            seeds: self.num_seeds,
            peers: self.num_peers,
            tags: Vec::new(),
            category: self.label,
            tracker: self.tracker,
            save_path: self.save_path,
            downloader: downloader.into(),
        }
    }

    fn state(&self) -> State {
        match self.state.as_str() {
            "Downloading" if self.download_payload_rate == 0 && self.num_seeds + self.num_peers == 0 => State::Stalled,
            "Downloading" | "Allocating" => State::Downloading,
            "Seeding" => State::Seeding,
            "Queued" => State::Queued,
            "Paused" => State::Stopped,
            "Checking" => State::Checking,
            "Moving" => State::Moving,
            "Error" => State::Error,
            _ => State::Unknown,
        }
    }
}

/// The limits of the whole client.
#[derive(Deserialize)]
pub(super) struct Speeds {
    max_upload_speed: f64,
    max_download_speed: f64,
}

impl Speeds {
    pub fn limits(&self) -> Limits {
        Limits { up: limit(self.max_upload_speed), down: limit(self.max_download_speed) }
    }
}

/// Since the daemon was started; counters may arrive as fractions.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Session {
    pub payload_upload_rate: f64,
    pub payload_download_rate: f64,
    pub total_payload_upload: f64,
    pub total_payload_download: f64,
}

pub(super) const SESSION: [&str; 4] =
    ["payload_upload_rate", "payload_download_rate", "total_payload_upload", "total_payload_download"];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::downloader::recorded::reply;

    #[test]
    fn replies_of_a_real_one() {
        let rows = reply("deluge", "list")["result"].take();
        let rows: BTreeMap<String, Row> = serde_json::from_value(rows).unwrap();
        let now = Time::from_seconds(1_800_000_000);
        let torrents: BTreeMap<String, Torrent> = rows
            .into_values()
            .map(|row| row.into_torrent("box", now))
            .map(|torrent| (torrent.name.clone(), torrent))
            .collect();
        let (alpha, beta) = (&torrents["alpha.bin"], &torrents["beta.bin"]);
        assert_eq!((alpha.state, alpha.size, alpha.done), (State::Stopped, 3 << 20, false));
        assert_eq!((alpha.up_limit, alpha.down_limit, alpha.category.as_str()), (Some(10_752), None, "tv"));
        assert_eq!((beta.state, beta.is_private, beta.forced), (State::Stalled, true, false));
        assert_eq!((beta.ratio, beta.completed_at, beta.active_at), (0.0, None, None));
        let limits: Speeds = serde_json::from_value(reply("deluge", "limits")["result"].take()).unwrap();
        assert_eq!(limits.limits(), Limits { up: Some(10_752), down: None });
        let session: Session = serde_json::from_value(reply("deluge", "session")["result"].take()).unwrap();
        assert_eq!(session.total_payload_upload, 0.0);
    }

    #[test]
    fn limits_in_its_unit_and_ours() {
        assert_eq!(
            (limit(-1.0), limit(10.5), kibibytes(Some(10_752)), kibibytes(None)),
            (None, Some(10_752), 10.5, -1.0)
        );
        assert_eq!(limit(kibibytes(Some(100_001))), Some(100_001));
    }
}
