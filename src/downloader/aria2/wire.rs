//! What aria2 sends, numbers as text, and what it means in our words.

use serde::{Deserialize, Deserializer};

use crate::downloader::{State, Torrent};

/// What is asked of each download; [`Row`] reads it.
pub(super) const KEYS: [&str; 18] = [
    "gid",
    "status",
    "totalLength",
    "completedLength",
    "uploadLength",
    "downloadSpeed",
    "uploadSpeed",
    "infoHash",
    "numSeeders",
    "connections",
    "seeder",
    "errorMessage",
    "dir",
    "bittorrent",
    "files",
    "verifiedLength",
    "verifyIntegrityPending",
    "followedBy",
];

/// A download: a torrent, or what comes by HTTP or FTP.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Row {
    pub gid: String,
    pub status: String,
    #[serde(deserialize_with = "number")]
    total_length: i64,
    #[serde(deserialize_with = "number")]
    completed_length: i64,
    #[serde(deserialize_with = "number")]
    upload_length: i64,
    #[serde(deserialize_with = "number")]
    download_speed: i64,
    #[serde(deserialize_with = "number")]
    upload_speed: i64,
    info_hash: String,
    #[serde(deserialize_with = "number")]
    num_seeders: i64,
    #[serde(deserialize_with = "number")]
    connections: i64,
    seeder: String,
    error_message: String,
    dir: String,
    bittorrent: Option<Metainfo>,
    files: Vec<File>,
    verified_length: Option<String>,
    verify_integrity_pending: Option<String>,
    /// What a magnet link became once its metadata were there.
    followed_by: Vec<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Metainfo {
    info: Option<Info>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Info {
    name: String,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct File {
    path: String,
    #[serde(deserialize_with = "number")]
    length: i64,
    selected: String,
    uris: Vec<Uri>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Uri {
    uri: String,
}

/// The limits of one download, 0 for none.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct Options {
    #[serde(deserialize_with = "number")]
    max_upload_limit: i64,
    #[serde(deserialize_with = "number")]
    max_download_limit: i64,
}

/// Those of the whole client, likewise.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[derive(Default)]
pub(super) struct Overall {
    #[serde(deserialize_with = "number")]
    pub max_overall_upload_limit: i64,
    #[serde(deserialize_with = "number")]
    pub max_overall_download_limit: i64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Statistics {
    #[serde(deserialize_with = "number")]
    pub upload_speed: i64,
    #[serde(deserialize_with = "number")]
    pub download_speed: i64,
}

pub(super) fn limit(value: i64) -> Option<i64> {
    (value > 0).then_some(value)
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| serde::de::Error::custom(format!("`{text}` where a number was due")))
}

impl Row {
    /// By which we know it: a torrent's info hash, or what aria2 calls anything else.
    pub fn hash(&self) -> &str {
        if self.info_hash.is_empty() { &self.gid } else { &self.info_hash }
    }

    /// Nothing that anybody would call a download: taken away, or a magnet link that has become a torrent.
    pub fn is_gone(&self) -> bool {
        self.status == "removed" || !self.followed_by.is_empty()
    }

    /// Runs, or will.
    pub fn is_live(&self) -> bool {
        matches!(self.status.as_str(), "active" | "waiting")
    }

    pub fn into_torrent(self, options: Options, downloader: &str) -> Torrent {
        let wanted: i64 = self.files.iter().filter(|file| file.selected != "false").map(|file| file.length).sum();
        // Before it first runs only the lengths of the files are known.
        let size = if self.total_length > 0 { self.total_length } else { wanted };
        let state = self.state();
        let done = size > 0 && self.completed_length >= size;
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more")]
        let share = |part: i64, whole: i64| if whole > 0 { part as f64 / whole as f64 } else { 0.0 };
        Torrent {
            hash: self.hash().to_owned(),
            name: self.name(),
            done,
            state,
            // It does not tell, of any download.
            is_private: true,
            progress: share(self.completed_length, size),
            ratio: share(self.upload_length, self.completed_length),
            up_limit: limit(options.max_upload_limit),
            down_limit: limit(options.max_download_limit),
            error: if state == State::Error { self.error_message } else { String::new() },
            size,
            uploaded: self.upload_length,
            downloaded: self.completed_length,
            up_speed: self.upload_speed,
            down_speed: self.download_speed,
            seeds: self.num_seeders,
            peers: (self.connections - self.num_seeders).max(0),
            save_path: self.dir,
            downloader: downloader.into(),
            ..Torrent::default()
        }
    }

    fn name(&self) -> String {
        if let Some(info) = self.bittorrent.as_ref().and_then(|torrent| torrent.info.as_ref()) {
            return info.name.clone();
        }
        let file = self.files.first();
        let path = file.map(|file| file.path.as_str()).unwrap_or_default();
        let uri = file.and_then(|file| file.uris.first()).map(|uri| uri.uri.as_str()).unwrap_or_default();
        let source = if path.is_empty() { uri } else { path };
        source.rsplit('/').next().unwrap_or(source).to_owned()
    }

    fn state(&self) -> State {
        match self.status.as_str() {
            "active" if self.verify_integrity_pending.is_some() || self.verified_length.is_some() => State::Checking,
            "active" if self.seeder == "true" => State::Seeding,
            "active" if self.download_speed == 0 && self.connections == 0 => State::Stalled,
            "active" => State::Downloading,
            "waiting" => State::Queued,
            "paused" | "complete" | "removed" => State::Stopped,
            "error" => State::Error,
            _ => State::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::downloader::recorded::reply;

    fn rows(case: &str) -> Vec<Torrent> {
        let rows: Vec<Row> = serde_json::from_value(reply("aria2", case)["result"].take()).unwrap();
        rows.into_iter().filter(|row| !row.is_gone()).map(|row| row.into_torrent(Options::default(), "box")).collect()
    }

    #[test]
    fn replies_of_a_real_one() {
        let alpha = &rows("active")[0];
        assert_eq!(
            (alpha.name.as_str(), alpha.state, alpha.size, alpha.done),
            ("alpha.bin", State::Seeding, 3 << 20, true)
        );
        assert_eq!((alpha.progress, alpha.is_private, alpha.up_limit), (1.0, true, None));
        let waiting = rows("waiting");
        let beta = waiting.iter().find(|row| row.name == "beta.bin").unwrap();
        // It has not run yet, so that only its files tell its size.
        assert_eq!((beta.state, beta.size, beta.done), (State::Stopped, 2 << 20, false));
        let plain = waiting.iter().find(|row| row.name == "plain.iso").unwrap();
        assert_eq!((plain.hash.len(), plain.state), (16, State::Stopped));
        let now: Statistics = serde_json::from_value(reply("aria2", "statistics")["result"].take()).unwrap();
        assert_eq!((now.upload_speed, now.download_speed), (0, 0));
    }

    #[test]
    fn what_has_become_something_else_is_gone() {
        let row = |more: &str| serde_json::from_str::<Row>(&format!("{{\"gid\": \"1\"{more}}}")).unwrap();
        assert!(row(r#", "status": "removed""#).is_gone());
        assert!(row(r#", "status": "complete", "followedBy": ["2"]"#).is_gone());
        assert!(!row(r#", "status": "complete""#).is_gone());
        assert!(serde_json::from_str::<Row>(r#"{"totalLength": "many"}"#).is_err());
    }
}
