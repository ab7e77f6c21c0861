//! What qBittorrent sends, and what it means in our words.

use serde::Deserialize;

use crate::downloader::{State, Torrent};
use crate::time::{Duration, Time};

/// Zero and below are qBittorrent's words for no limit.
pub(super) fn limit(value: i64) -> Option<i64> {
    (value > 0).then_some(value)
}

/// Seconds since 1970; qBittorrent's words for never are zero, -1 and the largest unsigned number.
fn instant(seconds: i64) -> Option<Time> {
    (seconds > 0 && seconds < i64::from(u32::MAX)).then(|| Time::from_seconds(seconds))
}

#[derive(Deserialize)]
pub(super) struct Transfer {
    pub up_info_speed: i64,
    pub dl_info_speed: i64,
    #[serde(default)]
    pub up_rate_limit: i64,
    #[serde(default)]
    pub dl_rate_limit: i64,
}

/// One row of `torrents/info`.
#[derive(Deserialize)]
pub(super) struct Row {
    hash: String,
    name: String,
    size: i64,
    progress: f64,
    state: String,
    #[serde(default)]
    amount_left: Option<i64>,
    /// From 5.0.
    #[serde(default)]
    private: Option<bool>,
    #[serde(default)]
    ratio: f64,
    #[serde(default)]
    uploaded: i64,
    #[serde(default)]
    downloaded: i64,
    #[serde(default)]
    upspeed: i64,
    #[serde(default)]
    dlspeed: i64,
    #[serde(default)]
    up_limit: i64,
    #[serde(default)]
    dl_limit: i64,
    #[serde(default)]
    num_seeds: i64,
    #[serde(default)]
    num_leechs: i64,
    #[serde(default)]
    tags: String,
    #[serde(default)]
    category: String,
    #[serde(default)]
    tracker: String,
    #[serde(default)]
    added_on: i64,
    #[serde(default)]
    completion_on: i64,
    #[serde(default)]
    last_activity: i64,
    #[serde(default)]
    seeding_time: i64,
    #[serde(default)]
    save_path: String,
    #[serde(default)]
    force_start: bool,
}

impl Row {
    pub fn into_torrent(self, downloader: &str) -> Torrent {
        let (state, error) = state(&self.state);
        Torrent {
            done: self.amount_left.map_or(self.progress >= 1.0, |left| left == 0),
            state,
            is_private: self.private.unwrap_or(true),
            up_limit: limit(self.up_limit),
            down_limit: limit(self.dl_limit),
            tags: self.tags.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(Into::into).collect(),
            added_at: instant(self.added_on),
            completed_at: instant(self.completion_on),
            active_at: instant(self.last_activity),
            seeding_time: Duration::from_seconds(self.seeding_time.max(0)),
            error: error.into(),
            forced: self.force_start,
            downloader: downloader.into(),
            hash: self.hash,
            name: self.name,
            size: self.size,
            progress: self.progress,
            ratio: self.ratio,
            uploaded: self.uploaded,
            downloaded: self.downloaded,
            up_speed: self.upspeed,
            down_speed: self.dlspeed,
            seeds: self.num_seeds,
            peers: self.num_leechs,
            category: self.category,
            tracker: self.tracker,
            tracker_message: String::new(),
            save_path: self.save_path,
        }
    }
}

/// The client's word in ours, and what is wrong.
fn state(word: &str) -> (State, &'static str) {
    let state = match word {
        "downloading" | "forcedDL" | "metaDL" | "forcedMetaDL" | "allocating" => State::Downloading,
        "uploading" | "forcedUP" | "stalledUP" => State::Seeding,
        "stalledDL" => State::Stalled,
        "queuedDL" | "queuedUP" => State::Queued,
        "pausedDL" | "pausedUP" | "stoppedDL" | "stoppedUP" => State::Stopped,
        "checkingDL" | "checkingUP" | "checkingResumeData" | "queuedForChecking" => State::Checking,
        "moving" => State::Moving,
        "missingFiles" => return (State::Error, "files are missing"),
        "error" => return (State::Error, "the client reports an error"),
        _ => State::Unknown,
    };
    (state, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As 4.6 and 5.1 send it, with what does not matter left out.
    fn row(more: &str) -> Torrent {
        let text = format!(
            r#"{{"hash": "ab", "name": "x", "size": 100, "progress": 0.5, "state": "stalledDL", "amount_left": 50,
            "ratio": 1.5, "up_limit": 0, "dl_limit": 2048, "tags": "keep, tv", "added_on": 1750000000,
            "completion_on": -1, "last_activity": 4294967295, "seeding_time": 0 {more}}}"#
        );
        serde_json::from_str::<Row>(&text).unwrap().into_torrent("nas")
    }

    #[test]
    fn a_row_in_our_words() {
        let torrent = row("");
        assert_eq!(torrent.state, State::Stalled);
        assert_eq!((torrent.up_limit, torrent.down_limit), (None, Some(2048)));
        assert_eq!(torrent.tags, ["keep", "tv"]);
        assert_eq!(torrent.added_at, Some(Time::from_seconds(1_750_000_000)));
        assert_eq!((torrent.completed_at, torrent.active_at), (None, None));
        assert!(!torrent.done && torrent.error.is_empty());
        assert_eq!(torrent.downloader, "nas");
    }

    #[test]
    fn unknown_privacy_counts_as_private() {
        assert!(row("").is_private);
        assert!(row(", \"private\": null").is_private);
        assert!(!row(", \"private\": false").is_private);
    }

    #[test]
    fn every_state_is_known_by_its_old_and_new_name() {
        for (words, expected) in [
            (&["pausedUP", "stoppedUP", "pausedDL", "stoppedDL"][..], State::Stopped),
            (&["uploading", "stalledUP", "forcedUP"], State::Seeding),
            (&["downloading", "metaDL", "forcedDL", "forcedMetaDL"], State::Downloading),
            (&["queuedUP", "queuedDL"], State::Queued),
            (&["checkingUP", "checkingDL", "checkingResumeData"], State::Checking),
            (&["moving"], State::Moving),
            (&["error", "missingFiles"], State::Error),
            (&["somethingNew"], State::Unknown),
        ] {
            for word in words {
                assert_eq!(state(word).0, expected, "{word}");
            }
        }
        // What nobody knows may well move data.
        assert!(State::Unknown.runs());
    }
}
