//! What BitComet sends, and what it means in our words. Fields come and go with its versions.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::downloader::{Limits, State, Torrent};

/// A task of its list: a torrent, or what comes by HTTP or FTP.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Row {
    /// A number here, and a text where it is asked for.
    #[serde(deserialize_with = "number")]
    pub task_id: i64,
    /// `bt_` and the info hash.
    task_guid: String,
    task_name: String,
    status: String,
    #[serde(deserialize_with = "number")]
    total_size: i64,
    #[serde(deserialize_with = "number")]
    selected_size: i64,
    #[serde(deserialize_with = "number")]
    selected_downloaded_size: i64,
    #[serde(deserialize_with = "number")]
    dl_size: i64,
    #[serde(deserialize_with = "number")]
    up_size: i64,
    #[serde(deserialize_with = "number")]
    download_rate: i64,
    #[serde(deserialize_with = "number")]
    upload_rate: i64,
    #[serde(deserialize_with = "number")]
    permillage: i64,
    error_message: String,
}

/// More of one task, as far as its version tells.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Summary {
    pub task_detail: Detail,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Detail {
    pub torrent_private: Option<bool>,
    pub save_folder: String,
}

/// The settings of its connections; only its speeds are ours.
#[derive(Deserialize)]
pub(super) struct Speeds {
    #[serde(deserialize_with = "number")]
    max_upload_speed: i64,
    #[serde(deserialize_with = "number")]
    max_download_speed: i64,
}

impl Speeds {
    pub fn limits(&self) -> Limits {
        let limit = |speed: i64| (speed > 0).then_some(speed);
        Limits { up: limit(self.max_upload_speed), down: limit(self.max_download_speed) }
    }
}

/// A number, whether or not it comes as text; 0 where it comes not at all.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_i64().or_else(|| value.as_str()?.trim().parse().ok()).unwrap_or(0))
}

impl Row {
    /// By which we know it: the info hash of a torrent, and its own name for anything else.
    pub fn hash(&self) -> String {
        self.task_guid.strip_prefix("bt_").unwrap_or(&self.task_guid).to_lowercase()
    }

    pub fn into_torrent(self, downloader: &str) -> Torrent {
        let size = if self.selected_size > 0 { self.selected_size } else { self.total_size };
        let done = size > 0 && self.permillage >= 1000;
        let state = self.state(done);
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more")]
        let share = |part: i64, whole: i64| if whole > 0 { part as f64 / whole as f64 } else { 0.0 };
        let downloaded = if self.dl_size > 0 { self.dl_size } else { self.selected_downloaded_size };
        Torrent {
            hash: self.hash(),
            size,
            progress: share(self.permillage, 1000),
            done,
            state,
            // Only what is asked one by one tells.
            is_private: true,
            ratio: share(self.up_size, downloaded),
            uploaded: self.up_size,
            downloaded,
            up_speed: self.upload_rate,
            down_speed: self.download_rate,
            error: if state == State::Error { self.error_message } else { String::new() },
            name: self.task_name,
            downloader: downloader.into(),
            ..Torrent::default()
        }
    }

    fn state(&self, done: bool) -> State {
        match self.status.to_lowercase().as_str() {
            "" => State::Unknown,
            "stopped" | "paused" => State::Stopped,
            "queued" | "waiting" => State::Queued,
            status if status.contains("check") => State::Checking,
            status if status.contains("error") => State::Error,
            _ if done => State::Seeding,
            _ if self.download_rate == 0 => State::Stalled,
            _ => State::Downloading,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// As a BitComet 2.20 lists it.
    fn row(more: &Value) -> Torrent {
        let mut row = json!({
            "task_id": 1005, "task_guid": "bt_AB", "type": "BT", "task_name": "x", "status": "running",
            "total_size": 200, "selected_size": 100, "selected_downloaded_size": 50, "download_rate": 7, "upload_rate": 9,
            "permillage": 500, "left_time": "0:35:48", "dl_size": 60, "health": "200%", "file_count": 3,
        });
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value::<Row>(row).unwrap().into_torrent("box")
    }

    #[test]
    fn a_task_in_our_words() {
        let torrent = row(&json!({"up_size": "30"}));
        assert_eq!((torrent.hash.as_str(), torrent.state, torrent.size), ("ab", State::Downloading, 100));
        assert_eq!((torrent.progress, torrent.ratio, torrent.is_private, torrent.done), (0.5, 0.5, true, false));
        for (more, state) in [
            (json!({"download_rate": 0}), State::Stalled),
            (json!({"permillage": 1000}), State::Seeding),
            (json!({"status": "stopped"}), State::Stopped),
            (json!({"status": "Hash Checking"}), State::Checking),
            (json!({"status": ""}), State::Unknown),
        ] {
            assert_eq!(row(&more).state, state, "{more}");
        }
    }

    #[test]
    fn no_limit_is_nought() {
        let speeds: Speeds =
            serde_json::from_value(json!({"max_upload_speed": 524_288, "max_download_speed": 0})).unwrap();
        assert_eq!(speeds.limits(), Limits { up: Some(524_288), down: None });
    }
}
