//! qBittorrent and its Enhanced Edition, by the Web API before and after 4.1 and 5.0.

mod add;
mod legacy;
mod session;
mod wire;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use futures::{FutureExt as _, StreamExt as _};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::line::{Ask, answer, decode};
use super::{
    Addition, Answer, Downloader, Limits, Link, Pending, Rates, Raw, ShareLimits, Source, Talk, Torrent, Totals,
};
use crate::address::Ip;
use crate::api;
use crate::error::{Error, Kind, Result};
use crate::http::Http;
use crate::time::Duration;
use session::{Session, get, get_with, path, post};
use wire::{Main, Row, ServerState, Shares, Tracker, Transfer, limit};

/// Hashes or addresses in one request: a form of this many stays below every server's limit.
const BATCH: usize = 200;
/// Torrents that are asked about one by one, at once.
const AT_ONCE: usize = 8;
/// How often the free space is asked for while it is said to be 0, and how long in between.
const LOOKS: usize = 4;
const PAUSE: Duration = Duration::from_millis(500);

/// One qBittorrent, with the session that tidegate holds there.
pub struct QBittorrent {
    kind: String,
    session: Session,
    /// Whether torrents are private, by hash: that never changes, and before 5.0 costs a request for each.
    privacy: Mutex<HashMap<String, bool>>,
    /// The number of the last `sync/maindata`, and its totals: the next one says only what has changed.
    main: tokio::sync::Mutex<(i64, ServerState)>,
}

impl QBittorrent {
    pub fn new(name: &str, kind: &str, link: Link, http: Http) -> Self {
        Self {
            kind: kind.into(),
            session: Session::new(name, link, http),
            privacy: Mutex::default(),
            main: tokio::sync::Mutex::default(),
        }
    }

    async fn json<T: for<'de> Deserialize<'de>>(&self, ask: &Ask, talk: &Talk) -> Result<T> {
        let reply = self.session.send(ask, talk).await?;
        decode(ask, &reply, "qBittorrent")
    }

    async fn numbers(&self, talk: &Talk) -> Result<(u32, u32, u32)> {
        Ok(api::version(&self.session.version(talk).await?))
    }

    /// 5.0 renamed pause and resume to stop and start.
    async fn verb<'a>(&self, old: &'a str, new: &'a str, talk: &Talk) -> Result<&'a str> {
        Ok(if self.numbers(talk).await? >= (5, 0, 0) { new } else { old })
    }

    async fn renamed(&self, old: &str, new: &str, hashes: &[String], talk: &Talk) -> Result<()> {
        match self.on_torrents(self.verb(old, new, talk).await?, hashes, &[], talk).await {
            Err(error) if error.status == Some(404) => {
                // It is another version by now.
                self.session.forget_version().await;
                self.on_torrents(self.verb(old, new, talk).await?, hashes, &[], talk).await
            }
            outcome => outcome,
        }
    }

    async fn on_torrents(&self, path: &str, hashes: &[String], more: &[(&str, &str)], talk: &Talk) -> Result<()> {
        for batch in hashes.chunks(BATCH) {
            let hashes = batch.join("|");
            let mut form = vec![("hashes", hashes.as_str())];
            form.extend(more);
            self.session.send(&post(path, &form), talk).await?;
        }
        Ok(())
    }

    async fn rows(&self, ask: &Ask, talk: &Talk) -> Result<Vec<Torrent>> {
        let rows: Vec<Row> = self.json(ask, talk).await?;
        let mut torrents: Vec<_> = rows.into_iter().map(|row| row.into_torrent(&self.session.line.name)).collect();
        let privacy = self.privacy.lock().unwrap_or_else(PoisonError::into_inner);
        for torrent in &mut torrents {
            torrent.is_private &= privacy.get(&torrent.hash).copied().unwrap_or(true);
        }
        Ok(torrents)
    }

    async fn trackers(&self, hash: &str, talk: &Talk) -> Result<Vec<Tracker>> {
        self.json(&get_with("torrents/trackers", "hash", hash), talk).await
    }

    /// Remembers what the trackers tell of privacy. Without its metadata nobody knows.
    fn learn(&self, torrent: &mut Torrent, trackers: &[Tracker]) {
        if let Some(private) = Tracker::private(trackers).filter(|_| torrent.size > 0) {
            torrent.is_private &= private;
            self.privacy.lock().unwrap_or_else(PoisonError::into_inner).insert(torrent.hash.clone(), private);
        }
    }

    /// Totals and free space. The client keeps in mind what this session was told, so that it is asked for little.
    async fn state(&self, talk: &Talk) -> Result<ServerState> {
        let mut last = self.main.lock().await;
        let new: Main = self.json(&get_with("sync/maindata", "rid", &last.0.to_string()), talk).await?;
        last.0 = new.rid;
        last.1.update(&new.server_state);
        Ok(last.1.clone())
    }

    /// Of the disk that it saves to. It looks only once it is asked, and says 0 until it has.
    async fn free(&self, talk: &Talk) -> Result<i64> {
        for _ in 1..LOOKS {
            match self.state(talk).await?.free_space_on_disk {
                Some(0) => talk.clock.sleep_until(talk.within(PAUSE)).await,
                Some(free) => return Ok(free),
                None => return Err(untold()),
            }
        }
        self.state(talk).await?.free_space_on_disk.ok_or_else(untold)
    }

    async fn banned_lines(&self, talk: &Talk) -> Result<Vec<String>> {
        #[derive(Deserialize)]
        struct Preferences {
            #[serde(rename = "banned_IPs")]
            banned: String,
        }
        let preferences: Preferences = self.json(&get("app/preferences"), talk).await?;
        Ok(preferences.banned.lines().map(str::trim).filter(|line| !line.is_empty()).map(Into::into).collect())
    }

    async fn set(&self, preferences: &Value, talk: &Talk) -> Result<()> {
        let preferences = preferences.to_string();
        self.session.send(&post("app/setPreferences", &[("json", &preferences)]), talk).await.map(drop)
    }
}

fn untold() -> Error {
    Error::new(Kind::Protocol, "the client does not tell its free space")
}

impl Downloader for QBittorrent {
    fn name(&self) -> &str {
        &self.session.line.name
    }

    fn kind(&self) -> &str {
        &self.kind
    }

    fn version<'a>(&'a self, talk: &'a Talk) -> Pending<'a, String> {
        self.session.version(talk).boxed()
    }

    fn torrents<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Vec<Torrent>> {
        async move { self.rows(&get("torrents/info"), talk).await }.boxed()
    }

    fn settle<'a>(&'a self, mut torrents: Vec<Torrent>, talk: &'a Talk) -> Pending<'a, Vec<Torrent>> {
        async move {
            // From 5.0 the list says it.
            if !torrents.iter().any(|torrent| torrent.is_private) || self.numbers(talk).await? >= (5, 0, 0) {
                return Ok(torrents);
            }
            let known = self.privacy.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let unknown = |torrent: &&mut Torrent| torrent.is_private && !known.contains_key(&torrent.hash);
            futures::stream::iter(torrents.iter_mut().filter(unknown))
                .for_each_concurrent(AT_ONCE, |torrent| async move {
                    // One that cannot be told stays private: it may just have been deleted.
                    if let Ok(trackers) = self.trackers(&torrent.hash, talk).await {
                        self.learn(torrent, &trackers);
                    }
                })
                .await;
            Ok(torrents)
        }
        .boxed()
    }

    fn torrent<'a>(&'a self, hash: &'a str, talk: &'a Talk) -> Pending<'a, Option<Torrent>> {
        async move {
            let mut found = self.rows(&get_with("torrents/info", "hashes", hash), talk).await?;
            found.retain(|torrent| torrent.hash.eq_ignore_ascii_case(hash));
            let Some(mut torrent) = found.pop() else { return Ok(None) };
            let trackers = self.trackers(&torrent.hash, talk).await?;
            self.learn(&mut torrent, &trackers);
            torrent.tracker_message = Tracker::message(&trackers);
            Ok(Some(torrent))
        }
        .boxed()
    }

    fn speed<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Rates> {
        async move {
            let transfer: Transfer = self.json(&get("transfer/info"), talk).await?;
            Ok(Rates { up: transfer.up_info_speed, down: transfer.dl_info_speed })
        }
        .boxed()
    }

    fn limits<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Limits> {
        async move {
            let transfer: Transfer = self.json(&get("transfer/info"), talk).await?;
            Ok(Limits { up: limit(transfer.up_rate_limit), down: limit(transfer.dl_rate_limit) })
        }
        .boxed()
    }

    fn set_limits<'a>(&'a self, limits: Limits, talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            for (path, limit) in [("transfer/setUploadLimit", limits.up), ("transfer/setDownloadLimit", limits.down)] {
                let limit = limit.unwrap_or(0).to_string();
                self.session.send(&post(path, &[("limit", &limit)]), talk).await?;
            }
            Ok(())
        }
        .boxed()
    }

    fn totals<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Totals> {
        async move {
            let state = self.state(talk).await?;
            let transfer: Transfer = self.json(&get("transfer/info"), talk).await?;
            let session = if self.numbers(talk).await? >= (5, 2, 0) {
                #[derive(Deserialize)]
                struct Process {
                    launch_time: i64,
                }
                let process: Result<Process> = self.json(&get("app/processInfo"), talk).await;
                process.map(|process| process.launch_time.to_string()).unwrap_or_default()
            } else {
                String::new()
            };
            Ok(Totals {
                uploaded: state.alltime_ul,
                downloaded: state.alltime_dl,
                session_uploaded: transfer.up_info_data,
                session_downloaded: transfer.dl_info_data,
                session,
            })
        }
        .boxed()
    }

    fn free_space<'a>(&'a self, path: Option<&'a str>, talk: &'a Talk) -> Pending<'a, i64> {
        async move {
            let Some(path) = path else { return self.free(talk).await };
            if self.numbers(talk).await? >= (5, 2, 0) {
                let reply = self.session.send(&get_with("app/getFreeSpaceAtPath", "path", path), talk).await?;
                return String::from_utf8_lossy(&reply.body).trim().parse().map_err(|_| untold());
            }
            let reply = self.session.send(&get("app/defaultSavePath"), talk).await?;
            let folder = String::from_utf8_lossy(&reply.body).trim().to_owned();
            if std::path::Path::new(path).starts_with(&folder) {
                return self.free(talk).await;
            }
            let name = &self.session.line.name;
            Err(Error::new(Kind::Unsupported, format!("`{name}` knows only the free space of `{folder}`"))
                .hint("qBittorrent tells that of any folder from 5.2 on"))
        }
        .boxed()
    }

    fn preferences<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Map<String, Value>> {
        async move { self.json(&get("app/preferences"), talk).await }.boxed()
    }

    fn set_preferences<'a>(&'a self, changes: &'a Map<String, Value>, talk: &'a Talk) -> Pending<'a, ()> {
        async move { self.set(&Value::Object(changes.clone()), talk).await }.boxed()
    }

    fn stop<'a>(&'a self, hashes: &'a [String], talk: &'a Talk) -> Pending<'a, ()> {
        self.renamed("torrents/pause", "torrents/stop", hashes, talk).boxed()
    }

    fn start<'a>(&'a self, hashes: &'a [String], forced: bool, talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            if forced {
                return self.on_torrents("torrents/setForceStart", hashes, &[("value", "true")], talk).await;
            }
            self.renamed("torrents/resume", "torrents/start", hashes, talk).await
        }
        .boxed()
    }

    fn limit_torrents<'a>(&'a self, hashes: &'a [String], limits: Limits, talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            for (path, limit) in [("torrents/setUploadLimit", limits.up), ("torrents/setDownloadLimit", limits.down)] {
                let limit = limit.unwrap_or(0).to_string();
                self.on_torrents(path, hashes, &[("limit", &limit)], talk).await?;
            }
            Ok(())
        }
        .boxed()
    }

    fn limit_shares<'a>(&'a self, hashes: &'a [String], limits: ShareLimits, talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            for batch in hashes.chunks(BATCH) {
                let rows: Vec<Shares> = self.json(&get_with("torrents/info", "hashes", &batch.join("|")), talk).await?;
                // All of them at once replace what was set, so that what shall stay goes along.
                for row in rows.into_iter().filter(|row| batch.contains(&row.hash)) {
                    let ratio = limits.ratio.unwrap_or(row.ratio_limit).to_string();
                    let minutes = limits.seeding_time.map(|time| (time.millis() + 59_999) / 60_000);
                    let minutes = minutes.unwrap_or(row.seeding_time_limit).to_string();
                    let inactive = row.inactive_seeding_time_limit.to_string();
                    let form = [
                        ("ratioLimit", ratio.as_str()),
                        ("seedingTimeLimit", &minutes),
                        ("inactiveSeedingTimeLimit", &inactive),
                        // From 5.2: what then happens is the client's own setting, as before.
                        ("shareLimitAction", "Default"),
                        ("shareLimitsMode", "Default"),
                    ];
                    self.on_torrents("torrents/setShareLimits", &[row.hash], &form, talk).await?;
                }
            }
            Ok(())
        }
        .boxed()
    }

    fn delete<'a>(&'a self, hashes: &'a [String], files: bool, talk: &'a Talk) -> Pending<'a, ()> {
        let files = if files { "true" } else { "false" };
        async move { self.on_torrents("torrents/delete", hashes, &[("deleteFiles", files)], talk).await }.boxed()
    }

    fn add<'a>(&'a self, source: &'a Source, how: &'a Addition, talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            let reply = self.session.send(&add::ask(source, how), talk).await?;
            add::judge(&self.session.line.name, &reply)
        }
        .boxed()
    }

    fn add_tags<'a>(&'a self, hashes: &'a [String], tags: &'a [String], talk: &'a Talk) -> Pending<'a, ()> {
        async move { self.on_torrents("torrents/addTags", hashes, &[("tags", &tags.join(","))], talk).await }.boxed()
    }

    fn remove_tags<'a>(&'a self, hashes: &'a [String], tags: &'a [String], talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            // Without a tag it takes them all away.
            if tags.is_empty() {
                return Ok(());
            }
            self.on_torrents("torrents/removeTags", hashes, &[("tags", &tags.join(","))], talk).await
        }
        .boxed()
    }

    fn set_category<'a>(&'a self, hashes: &'a [String], category: &'a str, talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            let form = [("category", category)];
            match self.on_torrents("torrents/setCategory", hashes, &form, talk).await {
                // There is no such category yet.
                Err(error) if error.status == Some(409) && !category.is_empty() => {
                    self.session.send(&post("torrents/createCategory", &form), talk).await?;
                    self.on_torrents("torrents/setCategory", hashes, &form, talk).await
                }
                outcome => outcome,
            }
        }
        .boxed()
    }

    fn recheck<'a>(&'a self, hashes: &'a [String], talk: &'a Talk) -> Pending<'a, ()> {
        async move { self.on_torrents("torrents/recheck", hashes, &[], talk).await }.boxed()
    }

    fn reannounce<'a>(&'a self, hashes: &'a [String], talk: &'a Talk) -> Pending<'a, ()> {
        async move { self.on_torrents("torrents/reannounce", hashes, &[], talk).await }.boxed()
    }

    fn banned<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Vec<Ip>> {
        async move { Ok(self.banned_lines(talk).await?.iter().filter_map(|line| line.parse().ok()).collect()) }.boxed()
    }

    fn ban<'a>(&'a self, addresses: &'a [Ip], talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            let (networks, single): (Vec<Ip>, Vec<Ip>) = addresses.iter().partition(|ip| ip.is_network());
            // The client appends these itself, so that a push by PBH at the same moment is not lost. It takes
            // peers, which have a port; any will do, since it bans the address.
            for batch in single.chunks(BATCH) {
                let peers: Vec<_> =
                    batch.iter().map(|ip| std::net::SocketAddr::new(ip.address(), 1).to_string()).collect();
                self.session.send(&post("transfer/banPeers", &[("peers", &peers.join("|"))]), talk).await?;
            }
            if !networks.is_empty() {
                let mut lines = self.banned_lines(talk).await?;
                lines.extend(networks.iter().map(ToString::to_string));
                self.set(&json!({ "banned_IPs": lines.join("\n") }), talk).await?;
            }
            Ok(())
        }
        .boxed()
    }

    fn unban<'a>(&'a self, addresses: &'a [Ip], talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            let before = self.banned_lines(talk).await?;
            let after: Vec<_> = before
                .iter()
                .filter(|line| line.parse().map_or(true, |ip: Ip| !addresses.contains(&ip)))
                .cloned()
                .collect();
            if after.len() == before.len() {
                return Ok(());
            }
            self.set(&json!({ "banned_IPs": after.join("\n") }), talk).await
        }
        .boxed()
    }

    fn takes_networks<'a>(&'a self, talk: &'a Talk) -> Pending<'a, bool> {
        async move { Ok(self.numbers(talk).await? >= (5, 3, 0)) }.boxed()
    }

    fn request<'a>(&'a self, request: Raw, talk: &'a Talk) -> Pending<'a, Answer> {
        async move {
            let ask = Ask::raw(Raw { path: path(&request.path), ..request })?;
            self.session.send(&ask, talk).await.map(|reply| answer(&reply))
        }
        .boxed()
    }
}
