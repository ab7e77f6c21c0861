//! Deluge 2, by the JSON-RPC of its Web UI.

mod rpc;
mod wire;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::FutureExt as _;
use serde_json::{Map, Value, json};

use super::line::{Ask, Patience, answer};
use super::{
    Addition, Answer, Downloader, Limits, Link, Pending, Rates, Raw, ShareLimits, Source, State, Talk, Torrent, Totals,
    refused,
};
use crate::address::Ip;
use crate::error::{Error, Kind, Result};
use crate::http::Http;
use crate::permission::Effect;
use rpc::Rpc;
use wire::{KEYS, MANAGED, Row, SESSION, Session, Speeds, kibibytes};

/// One Deluge, with the session that tidegate holds there.
pub struct Deluge {
    kind: String,
    rpc: Rpc,
}

impl Deluge {
    /// Where its RPC is unless its settings say otherwise.
    pub const PATH: &str = "/json";

    pub fn new(name: &str, kind: &str, link: Link, http: Http) -> Self {
        Self { kind: kind.into(), rpc: Rpc::new(name, link, http) }
    }

    async fn rows(&self, filter: Value, talk: &Talk) -> Result<Vec<Torrent>> {
        let keys: Vec<&str> = KEYS.into_iter().chain([MANAGED]).collect();
        let rows: BTreeMap<String, Row> =
            self.rpc.call("core.get_torrents_status", json!([filter, keys]), Effect::Read, talk).await?;
        let now = talk.now();
        Ok(rows.into_values().map(|row| row.into_torrent(self.name(), now)).collect())
    }

    /// Those of the hashes that it has: it stops half way at one that it does not know.
    async fn known(&self, hashes: &[String], talk: &Talk) -> Result<Vec<String>> {
        if hashes.is_empty() {
            return Ok(Vec::new());
        }
        let params = json!([{ "id": hashes }, ["hash"]]);
        let there: BTreeMap<String, Value> =
            self.rpc.call("core.get_torrents_status", params, Effect::Read, talk).await?;
        Ok(there.into_keys().collect())
    }

    /// A method whose first parameter are torrents.
    async fn on_torrents(&self, method: &str, hashes: &[String], more: Option<Value>, talk: &Talk) -> Result<()> {
        let known = self.known(hashes, talk).await?;
        if known.is_empty() {
            return Ok(());
        }
        let effect = if method == "core.remove_torrents" { Effect::Destructive } else { Effect::Write };
        let params: Vec<Value> = std::iter::once(json!(known)).chain(more).collect();
        self.rpc.call::<Value>(method, params.into(), effect, talk).await.map(drop)
    }

    async fn session(&self, talk: &Talk) -> Result<Session> {
        self.rpc.call("core.get_session_status", json!([SESSION]), Effect::Read, talk).await
    }

    /// Sorts torrents by the plug-in `Label`.
    async fn label(&self, hashes: &[String], category: &str, talk: &Talk) -> Result<()> {
        let without = |mut error: Error| {
            if error.kind == Kind::Unsupported {
                error.hint = Some("Deluge has categories with its plug-in `Label`: enable it".into());
            }
            error
        };
        let labels: Vec<String> =
            self.rpc.call("label.get_labels", Value::Null, Effect::Read, talk).await.map_err(without)?;
        // It knows them in lower case.
        let category = category.to_lowercase();
        if !category.is_empty() && !labels.contains(&category) {
            self.rpc.call::<Value>("label.add", json!([category]), Effect::Write, talk).await?;
        }
        for hash in self.known(hashes, talk).await? {
            self.rpc.call::<Value>("label.set_torrent", json!([hash, category]), Effect::Write, talk).await?;
        }
        Ok(())
    }

    /// A method of the plug-in that PBH needs there.
    async fn plugin<T: serde::de::DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
        effect: Effect,
        talk: &Talk,
    ) -> Result<T> {
        self.rpc.call(&format!("peerbanhelperadapter.{method}"), params, effect, talk).await.map_err(|mut error| {
            if error.kind == Kind::Unsupported {
                error.hint =
                    Some("Deluge bans with the plug-in `PeerBanHelperAdapter`, which PBH needs there too".into());
            }
            error
        })
    }
}

impl Downloader for Deluge {
    fn name(&self) -> &str {
        &self.rpc.line.name
    }

    fn kind(&self) -> &str {
        &self.kind
    }

    fn version<'a>(&'a self, talk: &'a Talk) -> Pending<'a, String> {
        self.rpc.call("daemon.get_version", Value::Null, Effect::Read, talk).boxed()
    }

    fn torrents<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Vec<Torrent>> {
        self.rows(json!({}), talk).boxed()
    }

    fn torrent<'a>(&'a self, hash: &'a str, talk: &'a Talk) -> Pending<'a, Option<Torrent>> {
        async move { Ok(self.rows(json!({ "id": [hash.to_lowercase()] }), talk).await?.pop()) }.boxed()
    }

    fn speed<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Rates> {
        async move {
            let session = self.session(talk).await?;
            Ok(Rates { up: whole(session.payload_upload_rate), down: whole(session.payload_download_rate) })
        }
        .boxed()
    }

    fn limits<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Limits> {
        async move {
            let keys = json!([["max_upload_speed", "max_download_speed"]]);
            let speeds: Speeds = self.rpc.call("core.get_config_values", keys, Effect::Read, talk).await?;
            Ok(speeds.limits())
        }
        .boxed()
    }

    fn set_limits<'a>(&'a self, limits: Limits, talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            let changes =
                json!([{ "max_upload_speed": kibibytes(limits.up), "max_download_speed": kibibytes(limits.down) }]);
            self.rpc.call::<Value>("core.set_config", changes, Effect::Write, talk).await.map(drop)
        }
        .boxed()
    }

    fn totals<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Totals> {
        async move {
            let session = self.session(talk).await?;
            Ok(Totals {
                session_uploaded: whole(session.total_payload_upload),
                session_downloaded: whole(session.total_payload_download),
                ..Totals::default()
            })
        }
        .boxed()
    }

    fn free_space<'a>(&'a self, path: Option<&'a str>, talk: &'a Talk) -> Pending<'a, i64> {
        async move {
            let free: i64 = self.rpc.call("core.get_free_space", json!([path]), Effect::Read, talk).await?;
            if free >= 0 {
                return Ok(free);
            }
            let path = path.unwrap_or_default();
            Err(Error::new(Kind::Api, format!("`{}` has no folder `{path}`", self.name()))
                .from_call("downloader", &self.rpc.endpoint()))
        }
        .boxed()
    }

    fn preferences<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Map<String, Value>> {
        self.rpc.call("core.get_config", Value::Null, Effect::Read, talk).boxed()
    }

    fn set_preferences<'a>(&'a self, changes: &'a Map<String, Value>, talk: &'a Talk) -> Pending<'a, ()> {
        async move { self.rpc.call::<Value>("core.set_config", json!([changes]), Effect::Write, talk).await.map(drop) }
            .boxed()
    }

    fn stop<'a>(&'a self, hashes: &'a [String], talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            self.on_torrents("core.pause_torrents", hashes, None, talk).await?;
            let patience = Patience::new(talk);
            loop {
                let torrents = self.rows(json!({ "id": hashes }), talk).await?;
                let runs = |torrent: &Torrent| hashes.contains(&torrent.hash) && torrent.state.runs();
                if !torrents.iter().any(runs) || !patience.again(talk).await {
                    return Ok(());
                }
            }
        }
        .boxed()
    }

    fn start<'a>(&'a self, hashes: &'a [String], forced: bool, talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            if forced {
                let options = json!({ MANAGED: false });
                self.on_torrents("core.set_torrent_options", hashes, Some(options), talk).await?;
            }
            // It says yes and ignores a start while it is still busy with the stop before.
            let patience = Patience::new(talk);
            let mut standing = hashes.to_vec();
            loop {
                self.on_torrents("core.resume_torrents", &standing, None, talk).await?;
                let torrents = self.rows(json!({ "id": standing }), talk).await?;
                let stopped = |hash: &String| {
                    torrents.iter().any(|torrent| torrent.hash == *hash && torrent.state == State::Stopped)
                };
                standing.retain(stopped);
                if standing.is_empty() || !patience.again(talk).await {
                    return Ok(());
                }
            }
        }
        .boxed()
    }

    fn limit_torrents<'a>(&'a self, hashes: &'a [String], limits: Limits, talk: &'a Talk) -> Pending<'a, ()> {
        let options = json!({ "max_upload_speed": kibibytes(limits.up), "max_download_speed": kibibytes(limits.down) });
        self.on_torrents("core.set_torrent_options", hashes, Some(options), talk).boxed()
    }

    fn limit_shares<'a>(&'a self, hashes: &'a [String], limits: ShareLimits, talk: &'a Talk) -> Pending<'a, ()> {
        if limits.seeding_time.is_some() {
            let instead = "look at `seeding_time` of `torrents()` and call `stop_torrent`";
            return refused(self, "limit the seeding time of single torrents", instead);
        }
        async move {
            let Some(ratio) = limits.ratio else { return Ok(()) };
            let options = json!({ "stop_at_ratio": true, "stop_ratio": ratio });
            self.on_torrents("core.set_torrent_options", hashes, Some(options), talk).await
        }
        .boxed()
    }

    fn delete<'a>(&'a self, hashes: &'a [String], files: bool, talk: &'a Talk) -> Pending<'a, ()> {
        self.on_torrents("core.remove_torrents", hashes, Some(files.into()), talk).boxed()
    }

    fn add<'a>(&'a self, source: &'a Source, how: &'a Addition, talk: &'a Talk) -> Pending<'a, ()> {
        if !how.tags.is_empty() {
            return refused(self, "tag torrents", "give it a category: `category: \"…\"`");
        }
        async move {
            let mut options = Map::from_iter([("add_paused".to_owned(), how.stopped.into())]);
            options.extend(how.save_path.iter().map(|path| ("download_location".into(), path.as_str().into())));
            let (method, params) = match source {
                Source::File { name, content } => {
                    ("core.add_torrent_file", json!([name, BASE64_STANDARD.encode(content), options]))
                }
                Source::Link(link) if link.starts_with("magnet:") => {
                    ("core.add_torrent_magnet", json!([link, options]))
                }
                Source::Link(link) => ("core.add_torrent_url", json!([link, options])),
            };
            let added: Option<String> = self.rpc.call(method, params, Effect::Write, talk).await?;
            match (&how.category, added) {
                (Some(category), Some(hash)) => self.label(&[hash], category, talk).await,
                _ => Ok(()),
            }
        }
        .boxed()
    }

    fn add_tags<'a>(&'a self, _: &'a [String], _: &'a [String], _: &'a Talk) -> Pending<'a, ()> {
        refused(self, "tag torrents", "a torrent has one category: `set_category`")
    }

    fn remove_tags<'a>(&'a self, _: &'a [String], _: &'a [String], _: &'a Talk) -> Pending<'a, ()> {
        refused(self, "tag torrents", "a torrent has one category: `set_category`")
    }

    fn set_category<'a>(&'a self, hashes: &'a [String], category: &'a str, talk: &'a Talk) -> Pending<'a, ()> {
        self.label(hashes, category, talk).boxed()
    }

    fn recheck<'a>(&'a self, hashes: &'a [String], talk: &'a Talk) -> Pending<'a, ()> {
        self.on_torrents("core.force_recheck", hashes, None, talk).boxed()
    }

    fn reannounce<'a>(&'a self, hashes: &'a [String], talk: &'a Talk) -> Pending<'a, ()> {
        self.on_torrents("core.force_reannounce", hashes, None, talk).boxed()
    }

    fn banned<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Vec<Ip>> {
        async move {
            let list: Value = self.plugin("get_blocklist", Value::Null, Effect::Read, talk).await?;
            let ips = list["ips"].as_array().into_iter().flatten();
            Ok(ips.filter_map(|ip| ip.as_str()?.parse().ok()).collect())
        }
        .boxed()
    }

    fn ban<'a>(&'a self, addresses: &'a [Ip], talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            let ips: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            self.plugin::<Value>("ban_ips", json!([ips]), Effect::Write, talk).await.map(drop)
        }
        .boxed()
    }

    fn unban<'a>(&'a self, addresses: &'a [Ip], talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            let ips: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            self.plugin::<Value>("unban_ips", json!([ips]), Effect::Write, talk).await.map(drop)
        }
        .boxed()
    }

    /// Its filter takes single addresses from the plug-in.
    fn takes_networks<'a>(&'a self, _: &'a Talk) -> Pending<'a, bool> {
        async { Ok(false) }.boxed()
    }

    /// Relative to its API stands a method: `request("POST", "core.get_config", #{json: []})`.
    fn request<'a>(&'a self, request: Raw, talk: &'a Talk) -> Pending<'a, Answer> {
        async move {
            if !request.path.starts_with('/') {
                let effect = request.effect_of_call(|call| verb(call).starts_with("get_"))?;
                let value = self.rpc.call(&request.path, request.json.unwrap_or_default(), effect, talk).await?;
                return Ok(Answer { status: 200, value });
            }
            self.rpc.send(&Ask::raw(request)?, talk).await.map(|reply| answer(&reply))
        }
        .boxed()
    }
}

/// The last word of `core.get_torrents_status`.
fn verb(call: &str) -> &str {
    call.rsplit('.').next().unwrap_or_default()
}

/// Counters of bytes as whole numbers.
#[expect(clippy::cast_possible_truncation, reason = "no client has moved that much")]
fn whole(number: f64) -> i64 {
    number.round() as i64
}
