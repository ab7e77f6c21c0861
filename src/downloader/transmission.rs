//! Transmission, by its RPC before and after 4.1.

mod rpc;
mod wire;

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::FutureExt as _;
use serde_json::{Map, Value, json};

use super::line::{Ask, answer, strange};
use super::{
    Addition, Answer, Downloader, Limits, Link, Pending, Rates, Raw, ShareLimits, Source, Talk, Torrent, Totals,
    refused,
};
use crate::error::{Error, Kind, Result};
use crate::http::Http;
use crate::permission::Effect;
use rpc::Rpc;
use wire::{Added, FIELDS, KILO, Listing, Settings, Space, Statistics, kilobytes};

/// As much as its alternative limits can say: they have no word for none.
const ENDLESS: i64 = 2_000_000;

/// The methods that change nothing, without regard to their spelling.
const READS: [&str; 6] = ["torrent_get", "session_get", "session_stats", "free_space", "group_get", "port_test"];

/// One Transmission, with the session that tidegate holds there.
pub struct Transmission {
    kind: String,
    rpc: Rpc,
}

impl Transmission {
    /// Where its RPC is unless its settings say otherwise.
    pub const PATH: &str = "/transmission/rpc";

    pub fn new(name: &str, kind: &str, link: Link, http: Http) -> Self {
        Self { kind: kind.into(), rpc: Rpc::new(name, link, http) }
    }

    async fn settings(&self, talk: &Talk) -> Result<Settings> {
        self.rpc.call("session_get", Value::Null, Effect::Read, talk).await
    }

    async fn statistics(&self, talk: &Talk) -> Result<Statistics> {
        self.rpc.call("session_stats", Value::Null, Effect::Read, talk).await
    }

    async fn rows(&self, hashes: Option<&[String]>, fields: &[&str], talk: &Talk) -> Result<Listing> {
        let mut arguments = json!({ "fields": fields });
        if let Some(hashes) = hashes {
            arguments["ids"] = json!(hashes);
        }
        self.rpc.call("torrent_get", arguments, Effect::Read, talk).await
    }

    /// A method on these torrents; without any nothing, since no ids mean all of them.
    async fn on_torrents(&self, method: &str, hashes: &[String], more: Value, talk: &Talk) -> Result<()> {
        if hashes.is_empty() {
            return Ok(());
        }
        let mut arguments = more.as_object().cloned().unwrap_or_default();
        arguments.insert("ids".into(), json!(hashes));
        let effect = if method == "torrent_remove" { Effect::Destructive } else { Effect::Write };
        self.rpc.call::<Value>(method, arguments.into(), effect, talk).await.map(drop)
    }

    /// Changes labels; torrents that end up with the same ones go together.
    async fn relabel(&self, hashes: &[String], change: impl Fn(&mut Vec<String>), talk: &Talk) -> Result<()> {
        if hashes.is_empty() {
            return Ok(());
        }
        let mut changed: BTreeMap<Vec<String>, Vec<String>> = BTreeMap::new();
        for row in self.rows(Some(hashes), &["hash_string", "labels"], talk).await?.torrents {
            let mut labels = row.labels.clone();
            change(&mut labels);
            if labels != row.labels {
                changed.entry(labels).or_default().push(row.hash_string);
            }
        }
        for (labels, hashes) in changed {
            self.on_torrents("torrent_set", &hashes, json!({ "labels": labels }), talk).await?;
        }
        Ok(())
    }
}

impl Downloader for Transmission {
    fn name(&self) -> &str {
        &self.rpc.line.name
    }

    fn kind(&self) -> &str {
        &self.kind
    }

    fn version<'a>(&'a self, talk: &'a Talk) -> Pending<'a, String> {
        async move {
            // `3.00 (bb6b5a062e)`
            let version = self.settings(talk).await?.version;
            Ok(version.split_whitespace().next().unwrap_or_default().to_owned())
        }
        .boxed()
    }

    fn torrents<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Vec<Torrent>> {
        async move {
            let listing = self.rows(None, &FIELDS, talk).await?;
            Ok(listing.torrents.into_iter().map(|row| row.into_torrent(self.name())).collect())
        }
        .boxed()
    }

    fn torrent<'a>(&'a self, hash: &'a str, talk: &'a Talk) -> Pending<'a, Option<Torrent>> {
        async move {
            let mut listing = self.rows(Some(&[hash.to_lowercase()]), &FIELDS, talk).await?;
            Ok(listing.torrents.pop().map(|row| row.into_torrent(self.name())))
        }
        .boxed()
    }

    fn speed<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Rates> {
        async move {
            let statistics = self.statistics(talk).await?;
            Ok(Rates { up: statistics.upload_speed, down: statistics.download_speed })
        }
        .boxed()
    }

    fn limits<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Limits> {
        async move { Ok(self.settings(talk).await?.limits()) }.boxed()
    }

    fn set_limits<'a>(&'a self, limits: Limits, talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            let settings = self.settings(talk).await?;
            let mut changes = Map::new();
            for (way, limit) in [("up", limits.up), ("down", limits.down)] {
                let limit = limit.map(|limit| settings.kilobytes(limit));
                if settings.alt_speed_enabled {
                    changes.insert(format!("alt_speed_{way}"), limit.unwrap_or(ENDLESS).into());
                    continue;
                }
                changes.insert(format!("speed_limit_{way}_enabled"), limit.is_some().into());
                changes.extend(limit.map(|limit| (format!("speed_limit_{way}"), limit.into())));
            }
            self.rpc.call::<Value>("session_set", changes.into(), Effect::Write, talk).await.map(drop)
        }
        .boxed()
    }

    fn totals<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Totals> {
        async move {
            let Statistics { cumulative_stats: all, current_stats: session, .. } = self.statistics(talk).await?;
            Ok(Totals {
                uploaded: Some(all.uploaded_bytes),
                downloaded: Some(all.downloaded_bytes),
                session_uploaded: session.uploaded_bytes,
                session_downloaded: session.downloaded_bytes,
                // How often it was started.
                session: all.session_count.to_string(),
            })
        }
        .boxed()
    }

    fn free_space<'a>(&'a self, path: Option<&'a str>, talk: &'a Talk) -> Pending<'a, i64> {
        async move {
            let path = match path {
                Some(path) => path.to_owned(),
                None => self.settings(talk).await?.download_dir,
            };
            let space: Space = self.rpc.call("free_space", json!({ "path": path }), Effect::Read, talk).await?;
            Ok(space.size_bytes)
        }
        .boxed()
    }

    fn preferences<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Map<String, Value>> {
        async move {
            match self.rpc.call_own("session_get", &Value::Null, Effect::Read, talk).await? {
                Value::Object(settings) => Ok(settings),
                _ => Err(strange(&self.rpc.endpoint(), "Transmission", &"no settings")),
            }
        }
        .boxed()
    }

    fn set_preferences<'a>(&'a self, changes: &'a Map<String, Value>, talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            let changes = changes.clone().into();
            self.rpc.call_own("session_set", &changes, Effect::Write, talk).await.map(drop)
        }
        .boxed()
    }

    fn stop<'a>(&'a self, hashes: &'a [String], talk: &'a Talk) -> Pending<'a, ()> {
        self.on_torrents("torrent_stop", hashes, Value::Null, talk).boxed()
    }

    fn start<'a>(&'a self, hashes: &'a [String], forced: bool, talk: &'a Talk) -> Pending<'a, ()> {
        let method = if forced { "torrent_start_now" } else { "torrent_start" };
        self.on_torrents(method, hashes, Value::Null, talk).boxed()
    }

    fn limit_torrents<'a>(&'a self, hashes: &'a [String], limits: Limits, talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            let mut changes = Map::new();
            for (way, limit) in [("upload", limits.up), ("download", limits.down)] {
                changes.insert(format!("{way}_limited"), limit.is_some().into());
                changes.extend(limit.map(|limit| (format!("{way}_limit"), kilobytes(limit, KILO).into())));
            }
            self.on_torrents("torrent_set", hashes, changes.into(), talk).await
        }
        .boxed()
    }

    fn limit_shares<'a>(&'a self, hashes: &'a [String], limits: ShareLimits, talk: &'a Talk) -> Pending<'a, ()> {
        if limits.seeding_time.is_some() {
            return refused(
                self,
                "limit the seeding time",
                "look at `seeding_time` of `torrents()` and call `stop_torrent`",
            );
        }
        async move {
            match limits.ratio {
                // Mode 1: the torrent's own limit counts.
                Some(ratio) => {
                    let changes = json!({ "seed_ratio_limit": ratio, "seed_ratio_mode": 1 });
                    self.on_torrents("torrent_set", hashes, changes, talk).await
                }
                None => Ok(()),
            }
        }
        .boxed()
    }

    fn delete<'a>(&'a self, hashes: &'a [String], files: bool, talk: &'a Talk) -> Pending<'a, ()> {
        self.on_torrents("torrent_remove", hashes, json!({ "delete_local_data": files }), talk).boxed()
    }

    fn add<'a>(&'a self, source: &'a Source, how: &'a Addition, talk: &'a Talk) -> Pending<'a, ()> {
        if how.category.is_some() {
            return refused(self, "sort torrents into categories", "give it a tag: `tags: [\"…\"]`");
        }
        async move {
            let mut arguments = Map::new();
            match source {
                Source::Link(link) => arguments.insert("filename".into(), json!(link)),
                Source::File { content, .. } => {
                    arguments.insert("metainfo".into(), BASE64_STANDARD.encode(content).into())
                }
            };
            arguments.insert("paused".into(), how.stopped.into());
            arguments.extend(how.save_path.iter().map(|path| ("download_dir".into(), json!(path))));
            let added: Added = self.rpc.call("torrent_add", arguments.into(), Effect::Write, talk).await?;
            if let Some(there) = added.torrent_duplicate {
                return Err(Error::new(
                    Kind::Api,
                    format!("`{}` has the torrent `{}` already", self.name(), there.name),
                ));
            }
            // Before 4.0 labels cannot be given with it.
            let hashes: Vec<String> = added.torrent_added.into_iter().map(|torrent| torrent.hash_string).collect();
            if how.tags.is_empty() { Ok(()) } else { self.add_tags(&hashes, &how.tags, talk).await }
        }
        .boxed()
    }

    fn add_tags<'a>(&'a self, hashes: &'a [String], tags: &'a [String], talk: &'a Talk) -> Pending<'a, ()> {
        let change = |labels: &mut Vec<String>| {
            let new: Vec<String> = tags.iter().filter(|tag| !labels.contains(tag)).cloned().collect();
            labels.extend(new);
        };
        self.relabel(hashes, change, talk).boxed()
    }

    fn remove_tags<'a>(&'a self, hashes: &'a [String], tags: &'a [String], talk: &'a Talk) -> Pending<'a, ()> {
        let gone: BTreeSet<&String> = tags.iter().collect();
        self.relabel(hashes, move |labels| labels.retain(|label| !gone.contains(label)), talk).boxed()
    }

    fn recheck<'a>(&'a self, hashes: &'a [String], talk: &'a Talk) -> Pending<'a, ()> {
        self.on_torrents("torrent_verify", hashes, Value::Null, talk).boxed()
    }

    fn reannounce<'a>(&'a self, hashes: &'a [String], talk: &'a Talk) -> Pending<'a, ()> {
        self.on_torrents("torrent_reannounce", hashes, Value::Null, talk).boxed()
    }

    /// Relative to its API stands a method: `request("POST", "torrent-get", #{json: #{fields: ["name"]}})`.
    fn request<'a>(&'a self, request: Raw, talk: &'a Talk) -> Pending<'a, Answer> {
        async move {
            if !request.path.starts_with('/') {
                let effect = request.effect_of_call(|call| READS.contains(&call.replace('-', "_").as_str()))?;
                let arguments = request.json.unwrap_or_default();
                let value = self.rpc.call_own(&request.path, &arguments, effect, talk).await?;
                return Ok(Answer { status: 200, value });
            }
            if request.effect() == Effect::Read && self.rpc.is_rpc(&request.path) {
                return Err(
                    Error::new(Kind::Argument, "the RPC is not asked by `GET`").hint("write `request(\"POST\", …)`")
                );
            }
            self.rpc.send(&Ask::raw(request)?, talk).await.map(|reply| answer(&reply))
        }
        .boxed()
    }
}
