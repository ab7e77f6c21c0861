//! BitComet from 2.10 on, by the JSON of its Web UI (`wiki-zh.bitcomet.com`, `webui_api`). Its list does not tell what is
//! private, and single torrents have no limits there.

pub(crate) mod envelope;
mod rpc;
mod wire;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::{FutureExt as _, StreamExt as _};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::line::{Ask, answer};
use super::{Addition, Answer, Downloader, Limits, Link, Pending, Rates, Raw, Source, Talk, Torrent, refused};
use crate::error::{Error, Kind, Result};
use crate::http::Http;
use crate::permission::Effect;
use rpc::Rpc;
use wire::{Detail, Row, Speeds, Summary};

/// Torrents that are asked about one by one, at once.
const AT_ONCE: usize = 3;

/// One BitComet, with the token that tidegate holds there.
pub struct BitComet {
    kind: String,
    rpc: Rpc,
    /// Whether torrents are private, by hash: that never changes.
    privacy: Mutex<HashMap<String, bool>>,
}

impl BitComet {
    pub fn new(name: &str, kind: &str, link: Link, http: Http) -> Self {
        Self { kind: kind.into(), rpc: Rpc::new(name, link, http), privacy: Mutex::default() }
    }

    async fn rows(&self, talk: &Talk) -> Result<Vec<Row>> {
        #[derive(Deserialize)]
        struct List {
            #[serde(default)]
            tasks: Vec<Row>,
        }
        // Without a group it leaves out what stands and what seeds; early versions call the group otherwise.
        let all = json!({
            "state_group": "ALL", "group_state": "ALL", "task_type": "ALL", "tag_filter": "ALL", "sort_key": "",
            "sort_order": "unsorted", "keyword": "",
        });
        let list: List = self.rpc.call("/api_v2/task_list/get", all, Effect::Read, talk).await?;
        Ok(list.tasks)
    }

    /// What we call it by, beside its own number.
    async fn numbered(&self, talk: &Talk) -> Result<HashMap<String, Row>> {
        Ok(self.rows(talk).await?.into_iter().map(|row| (row.hash(), row)).collect())
    }

    fn torrent_of(&self, row: Row) -> Torrent {
        let mut torrent = row.into_torrent(self.name());
        let privacy = self.privacy.lock().unwrap_or_else(PoisonError::into_inner);
        torrent.is_private = privacy.get(&torrent.hash).copied().unwrap_or(true);
        torrent
    }

    async fn detail(&self, task: i64, talk: &Talk) -> Result<Detail> {
        let task = json!({ "task_id": task.to_string() });
        let summary: Summary = self.rpc.call("/api/task/summary/get", task, Effect::Read, talk).await?;
        Ok(summary.task_detail)
    }

    /// What a summary adds. Without its metadata nobody knows whether it is private.
    fn learn(&self, torrent: &mut Torrent, detail: Detail) {
        torrent.save_path = detail.save_folder;
        if let Some(private) = detail.torrent_private.filter(|_| torrent.size > 0) {
            torrent.is_private = private;
            self.privacy.lock().unwrap_or_else(PoisonError::into_inner).insert(torrent.hash.clone(), private);
        }
    }

    /// Does something to those of the hashes that it has.
    async fn act(&self, path: &str, action: &str, hashes: &[String], talk: &Talk) -> Result<()> {
        let known = if hashes.is_empty() { HashMap::new() } else { self.numbered(talk).await? };
        let tasks: Vec<String> =
            hashes.iter().filter_map(|hash| Some(known.get(&hash.to_lowercase())?.task_id.to_string())).collect();
        if tasks.is_empty() {
            return Ok(());
        }
        let effect = if path.ends_with("delete") { Effect::Destructive } else { Effect::Write };
        let body = json!({ "task_ids": tasks, "action": action });
        self.rpc.call::<Value>(path, body, effect, talk).await.map(drop)
    }

    async fn connection(&self, talk: &Talk) -> Result<Map<String, Value>> {
        #[derive(Deserialize)]
        struct Config {
            connection_config: Map<String, Value>,
        }
        let config: Config = self.rpc.call("/api/config/connection/get", json!({}), Effect::Read, talk).await?;
        Ok(config.connection_config)
    }

    /// Where new torrents go. It takes no other folder than those it lists.
    async fn folder(&self, talk: &Talk) -> Result<String> {
        let config: Value =
            self.rpc.call("/api/config/new_task/get", json!({ "task_type": "BT" }), Effect::Read, talk).await?;
        let places = [&config["task_config"]["save_folder"], &config["save_folders"][0]["path"]];
        places.into_iter().find_map(Value::as_str).map(ToOwned::to_owned).ok_or_else(|| {
            Error::new(Kind::Argument, format!("`{}` does not say where new torrents go", self.name()))
                .hint("name one of its folders: `save_path: \"…\"`")
        })
    }
}

impl Downloader for BitComet {
    fn name(&self) -> &str {
        &self.rpc.line.name
    }

    fn kind(&self) -> &str {
        &self.kind
    }

    fn version<'a>(&'a self, talk: &'a Talk) -> Pending<'a, String> {
        #[derive(Deserialize)]
        struct About {
            version: String,
        }
        async move {
            let about: About = self.rpc.call("/api/config/about/get", json!({}), Effect::Read, talk).await?;
            Ok(about.version)
        }
        .boxed()
    }

    fn torrents<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Vec<Torrent>> {
        async move { Ok(self.rows(talk).await?.into_iter().map(|row| self.torrent_of(row)).collect()) }.boxed()
    }

    fn settle<'a>(&'a self, mut torrents: Vec<Torrent>, talk: &'a Talk) -> Pending<'a, Vec<Torrent>> {
        async move {
            let known = self.privacy.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if torrents.iter().all(|torrent| known.contains_key(&torrent.hash)) {
                return Ok(torrents);
            }
            let rows = &self.numbered(talk).await?;
            let unknown = torrents.iter_mut().filter(|torrent| !known.contains_key(&torrent.hash));
            futures::stream::iter(unknown)
                .for_each_concurrent(AT_ONCE, |torrent| async move {
                    // One that cannot be told stays private: it may just have been deleted.
                    let Some(row) = rows.get(&torrent.hash) else { return };
                    if let Ok(detail) = self.detail(row.task_id, talk).await {
                        self.learn(torrent, detail);
                    }
                })
                .await;
            Ok(torrents)
        }
        .boxed()
    }

    fn torrent<'a>(&'a self, hash: &'a str, talk: &'a Talk) -> Pending<'a, Option<Torrent>> {
        async move {
            let Some(row) = self.numbered(talk).await?.remove(&hash.to_lowercase()) else { return Ok(None) };
            let detail = self.detail(row.task_id, talk).await?;
            let mut torrent = self.torrent_of(row);
            self.learn(&mut torrent, detail);
            Ok(Some(torrent))
        }
        .boxed()
    }

    fn speed<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Rates> {
        async move {
            let torrents = self.torrents(talk).await?;
            let sum = |of: fn(&Torrent) -> i64| torrents.iter().map(of).sum();
            Ok(Rates { up: sum(|torrent| torrent.up_speed), down: sum(|torrent| torrent.down_speed) })
        }
        .boxed()
    }

    fn limits<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Limits> {
        async move {
            let connection = Value::Object(self.connection(talk).await?);
            let wrong = |error| super::line::strange("POST /api/config/connection/get", "BitComet", &error);
            Ok(Speeds::deserialize(connection).map_err(wrong)?.limits())
        }
        .boxed()
    }

    /// Its makers want a whole set of settings back, not a part of it.
    fn set_limits<'a>(&'a self, limits: Limits, talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            let mut connection = self.connection(talk).await?;
            for (key, limit) in [("max_upload_speed", limits.up), ("max_download_speed", limits.down)] {
                // Less than one of its units may be rounded to none at all, which is no limit.
                connection.insert(key.into(), limit.map_or(0, |limit| limit.max(1024)).into());
            }
            let body = json!({ "connection_config": connection });
            self.rpc.call::<Value>("/api/config/connection/set", body, Effect::Write, talk).await.map(drop)
        }
        .boxed()
    }

    fn stop<'a>(&'a self, hashes: &'a [String], talk: &'a Talk) -> Pending<'a, ()> {
        self.act("/api_v2/tasks/action", "stop", hashes, talk).boxed()
    }

    fn start<'a>(&'a self, hashes: &'a [String], _: bool, talk: &'a Talk) -> Pending<'a, ()> {
        self.act("/api_v2/tasks/action", "start", hashes, talk).boxed()
    }

    fn delete<'a>(&'a self, hashes: &'a [String], files: bool, talk: &'a Talk) -> Pending<'a, ()> {
        let action = if files { "delete_all" } else { "delete_task" };
        self.act("/api_v2/tasks/delete", action, hashes, talk).boxed()
    }

    fn add<'a>(&'a self, source: &'a Source, how: &'a Addition, talk: &'a Talk) -> Pending<'a, ()> {
        if how.category.is_some() || !how.tags.is_empty() {
            return refused(self, "tag torrents", "keep a list in `state`");
        }
        async move {
            let folder = match &how.save_path {
                Some(folder) => folder.clone(),
                None => self.folder(talk).await?,
            };
            let (path, mut body) = match source {
                Source::Link(link) if link.starts_with("magnet:") => {
                    ("/api/task/torrent_links/add", json!({ "torrent_links": link }))
                }
                Source::Link(link) => ("/api/task/bt/add", json!({ "torrent_url": link, "torrent_file": "" })),
                Source::File { content, .. } => {
                    let file = BASE64_STANDARD.encode(content);
                    ("/api/task/bt/add", json!({ "torrent_url": "", "torrent_file": file }))
                }
            };
            body["save_folder"] = folder.into();
            body["start_later"] = how.stopped.into();
            self.rpc.call::<Value>(path, body, Effect::Write, talk).await.map(drop)
        }
        .boxed()
    }

    fn recheck<'a>(&'a self, hashes: &'a [String], talk: &'a Talk) -> Pending<'a, ()> {
        self.act("/api_v2/tasks/action", "hash_check", hashes, talk).boxed()
    }

    fn reannounce<'a>(&'a self, hashes: &'a [String], talk: &'a Talk) -> Pending<'a, ()> {
        self.act("/api_v2/tasks/action", "tracker_update", hashes, talk).boxed()
    }

    /// Everything of it is a `POST`: `request("POST", "/api/statistics_list/get", #{json: #{}})`.
    fn request<'a>(&'a self, request: Raw, talk: &'a Talk) -> Pending<'a, Answer> {
        async move {
            let path = if request.path.starts_with('/') { request.path } else { format!("/api/{}", request.path) };
            self.rpc.send(&Ask::raw(Raw { path, ..request })?, talk).await.map(|reply| answer(&reply))
        }
        .boxed()
    }
}
