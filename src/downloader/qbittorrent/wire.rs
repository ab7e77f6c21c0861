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
    #[serde(default)]
    pub up_info_data: i64,
    #[serde(default)]
    pub dl_info_data: i64,
}

/// What matters of `sync/maindata`, which leaves out what has not changed since the last one.
#[derive(Deserialize)]
pub(super) struct Main {
    pub rid: i64,
    #[serde(default)]
    pub server_state: ServerState,
}

#[derive(Clone, Default, Deserialize)]
pub(super) struct ServerState {
    pub alltime_ul: Option<i64>,
    pub alltime_dl: Option<i64>,
    pub free_space_on_disk: Option<i64>,
}

impl ServerState {
    /// Takes over what is said anew.
    pub fn update(&mut self, new: &Self) {
        self.alltime_ul = new.alltime_ul.or(self.alltime_ul);
        self.alltime_dl = new.alltime_dl.or(self.alltime_dl);
        self.free_space_on_disk = new.free_space_on_disk.or(self.free_space_on_disk);
    }
}

/// One row of `torrents/trackers`.
#[derive(Deserialize)]
pub(super) struct Tracker {
    pub url: String,
    #[serde(default)]
    pub msg: String,
    #[serde(default)]
    pub status: i64,
}

impl Tracker {
    /// `** [DHT] **` and its kind are no trackers.
    fn inner(&self) -> bool {
        self.url.starts_with("** [")
    }

    /// Whether the torrent of these is private: then the client says so, in its own language, where it would search for
    /// peers without a tracker. `None` where those rows are missing.
    pub fn private(list: &[Self]) -> Option<bool> {
        list.iter().find(|tracker| tracker.inner()).map(|tracker| !tracker.msg.is_empty())
    }

    /// What the trackers last said: the one that works, else the first that says anything.
    pub fn message(list: &[Self]) -> String {
        const WORKING: i64 = 2;
        let real = || list.iter().filter(|tracker| !tracker.inner());
        let says = real().find(|tracker| tracker.status == WORKING).or_else(|| real().find(|t| !t.msg.is_empty()));
        says.map(|tracker| tracker.msg.clone()).unwrap_or_default()
    }
}

/// What a torrent's ratio and seeding time are limited to: -2 leaves it to the client's own setting, -1 is no limit.
#[derive(Deserialize)]
pub(super) struct Shares {
    pub hash: String,
    #[serde(default = "inherited")]
    pub ratio_limit: f64,
    /// Minutes.
    #[serde(default = "inherited_minutes")]
    pub seeding_time_limit: i64,
    /// Minutes, from 4.6.
    #[serde(default = "inherited_minutes")]
    pub inactive_seeding_time_limit: i64,
}

fn inherited() -> f64 {
    -2.0
}

fn inherited_minutes() -> i64 {
    -2
}

/// What `torrents/add` answers from 5.2 on; before, it was `Ok.` or `Fails.`.
#[derive(Deserialize)]
pub(super) struct Added {
    #[serde(default)]
    pub success_count: i64,
    #[serde(default)]
    pub pending_count: i64,
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

    fn recorded<T: for<'de> Deserialize<'de>>(name: &str) -> T {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/qbittorrent").join(name);
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    #[test]
    fn the_trackers_of_a_real_one_tell_privacy_and_what_was_said() {
        let private: Vec<Tracker> = recorded("trackers-private-4.5.2.json");
        let public: Vec<Tracker> = recorded("trackers-public-4.5.2.json");
        assert_eq!((Tracker::private(&private), Tracker::private(&public)), (Some(true), Some(false)));
        assert_eq!(Tracker::private(&public[3..]), None);
        assert_eq!(Tracker::message(&public), "Connection refused");
        assert_eq!(Tracker::message(&public[..3]), "");
    }

    #[test]
    fn the_rows_of_a_real_one_are_read() {
        let rows: Vec<Row> = recorded("torrents_info-4.5.2.json");
        let torrents: Vec<Torrent> = rows.into_iter().map(|row| row.into_torrent("nas")).collect();
        let seen = torrents.iter().find(|torrent| torrent.name == "pub.bin").unwrap();
        assert_eq!((seen.state, seen.done, seen.size), (State::Seeding, true, 3_000_000));
        assert_eq!((seen.tags.join(" ").as_str(), seen.category.as_str()), ("a b", "tv"));
        // It says nothing of privacy.
        assert!(torrents.iter().all(|torrent| torrent.is_private));
        let main: Main = recorded("sync_maindata-4.5.2.json");
        assert_eq!((main.rid, main.server_state.alltime_ul), (1, Some(0)));
        assert!(main.server_state.free_space_on_disk > Some(0));
        let shares: Vec<Shares> = recorded("torrents_info-4.5.2.json");
        assert_eq!((shares[0].seeding_time_limit, shares[0].inactive_seeding_time_limit), (-2, -2));
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
