//! aria2 and its descendant aria2-next, by JSON-RPC. It calls a download by a number of its own, which ends with the
//! program; ours are looked up each time.

mod rpc;
mod wire;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::FutureExt as _;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::line::{Ask, Patience, answer, strange};
use super::{
    Addition, Answer, Downloader, Limits, Link, Pending, Rates, Raw, ShareLimits, Source, Talk, Torrent, refused,
};
use crate::error::{Error, Kind, Result};
use crate::http::Http;
use crate::permission::Effect;
use rpc::Rpc;
use wire::{KEYS, Options, Overall, Row, Statistics, limit};

/// More downloads than anybody has.
const ALL: i64 = 100_000;

/// One aria2.
pub struct Aria2 {
    kind: String,
    rpc: Rpc,
}

impl Aria2 {
    /// Where its RPC is unless its settings say otherwise.
    pub const PATH: &str = "/jsonrpc";

    pub fn new(name: &str, kind: &str, link: Link, http: Http) -> Self {
        Self { kind: kind.into(), rpc: Rpc::new(name, link, http) }
    }

    /// Every download by our name for it. Of several with one hash the one that runs counts, and a finished one least.
    async fn rows(&self, talk: &Talk) -> Result<BTreeMap<String, Row>> {
        let listings = [
            ("aria2.tellStopped", vec![json!(0), json!(ALL), json!(KEYS)]),
            ("aria2.tellWaiting", vec![json!(0), json!(ALL), json!(KEYS)]),
            ("aria2.tellActive", vec![json!(KEYS)]),
        ];
        let mut rows = BTreeMap::new();
        for listing in self.rpc.calls(&listings, Effect::Read, talk).await? {
            let listing =
                listing.map_err(|failure| failure.into_error().from_call("downloader", &self.rpc.endpoint()))?;
            let listing =
                Vec::<Row>::deserialize(listing).map_err(|error| strange(&self.rpc.endpoint(), "aria2", &error))?;
            rows.extend(listing.into_iter().filter(|row| !row.is_gone()).map(|row| (row.hash().to_owned(), row)));
        }
        Ok(rows)
    }

    /// Torrents with their limits, which are asked one by one in a single request.
    async fn with_limits(&self, rows: Vec<Row>, talk: &Talk) -> Result<Vec<Torrent>> {
        let calls: Vec<_> = rows.iter().map(|row| ("aria2.getOption", vec![json!(row.gid)])).collect();
        let options = self.rpc.calls(&calls, Effect::Read, talk).await?;
        let torrents = rows.into_iter().zip(options).map(|(row, options)| {
            // What is over has no options any more.
            let options = options.ok().and_then(|options| Options::deserialize(options).ok()).unwrap_or_default();
            row.into_torrent(options, self.name())
        });
        Ok(torrents.collect())
    }

    /// One call for each of these downloads that `concerns`; those that it refuses are named in one error.
    async fn each(
        &self,
        method: &str,
        hashes: &[String],
        concerns: impl Fn(&Row) -> bool,
        more: Option<Value>,
        talk: &Talk,
    ) -> Result<()> {
        let rows = self.rows(talk).await?;
        let rows: Vec<&Row> =
            hashes.iter().filter_map(|hash| rows.get(&hash.to_lowercase())).filter(|row| concerns(row)).collect();
        let calls: Vec<_> =
            rows.iter().map(|row| (method, std::iter::once(json!(row.gid)).chain(more.clone()).collect())).collect();
        let effect = if method == "aria2.forceRemove" { Effect::Destructive } else { Effect::Write };
        let outcomes = self.rpc.calls(&calls, effect, talk).await?;
        let failed: Vec<String> = rows
            .iter()
            .zip(outcomes)
            .filter_map(|(row, outcome)| Some(format!("{}: {}", row.hash(), outcome.err()?.message)))
            .collect();
        if failed.is_empty() {
            return Ok(());
        }
        let message = format!("{} of {} downloads refuse {method}: {}", failed.len(), rows.len(), failed.join("; "));
        Err(Error::new(Kind::Api, message).from_call("downloader", &self.rpc.endpoint()))
    }
}

impl Downloader for Aria2 {
    fn name(&self) -> &str {
        &self.rpc.line.name
    }

    fn kind(&self) -> &str {
        &self.kind
    }

    fn version<'a>(&'a self, talk: &'a Talk) -> Pending<'a, String> {
        async move {
            let about: Value = self.rpc.call("aria2.getVersion", Vec::new(), Effect::Read, talk).await?;
            Ok(about["version"].as_str().unwrap_or_default().to_owned())
        }
        .boxed()
    }

    fn torrents<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Vec<Torrent>> {
        async move { self.with_limits(self.rows(talk).await?.into_values().collect(), talk).await }.boxed()
    }

    fn torrent<'a>(&'a self, hash: &'a str, talk: &'a Talk) -> Pending<'a, Option<Torrent>> {
        async move {
            let row = self.rows(talk).await?.remove(&hash.to_lowercase());
            Ok(self.with_limits(row.into_iter().collect(), talk).await?.pop())
        }
        .boxed()
    }

    fn speed<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Rates> {
        async move {
            let now: Statistics = self.rpc.call("aria2.getGlobalStat", Vec::new(), Effect::Read, talk).await?;
            Ok(Rates { up: now.upload_speed, down: now.download_speed })
        }
        .boxed()
    }

    fn limits<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Limits> {
        async move {
            let options: Overall = self.rpc.call("aria2.getGlobalOption", Vec::new(), Effect::Read, talk).await?;
            Ok(Limits { up: limit(options.max_overall_upload_limit), down: limit(options.max_overall_download_limit) })
        }
        .boxed()
    }

    fn set_limits<'a>(&'a self, limits: Limits, talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            let changes = json!({
                "max-overall-upload-limit": text(limits.up), "max-overall-download-limit": text(limits.down),
            });
            self.rpc.call::<Value>("aria2.changeGlobalOption", vec![changes], Effect::Write, talk).await.map(drop)
        }
        .boxed()
    }

    fn preferences<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Map<String, Value>> {
        self.rpc.call("aria2.getGlobalOption", Vec::new(), Effect::Read, talk).boxed()
    }

    fn set_preferences<'a>(&'a self, changes: &'a Map<String, Value>, talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            // All its options are texts.
            let texts = changes.iter().map(|(key, value)| {
                let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
                (key.clone(), text.into())
            });
            let changes = Value::Object(texts.collect());
            self.rpc.call::<Value>("aria2.changeGlobalOption", vec![changes], Effect::Write, talk).await.map(drop)
        }
        .boxed()
    }

    /// At once: it would tell the trackers first otherwise, and wait for them.
    fn stop<'a>(&'a self, hashes: &'a [String], talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            self.each("aria2.forcePause", hashes, Row::is_live, None, talk).await?;
            let patience = Patience::new(talk);
            loop {
                let rows = self.rows(talk).await?;
                let live = hashes.iter().filter_map(|hash| rows.get(&hash.to_lowercase())).any(Row::is_live);
                if !live || !patience.again(talk).await {
                    return Ok(());
                }
            }
        }
        .boxed()
    }

    fn start<'a>(&'a self, hashes: &'a [String], _: bool, talk: &'a Talk) -> Pending<'a, ()> {
        self.each("aria2.unpause", hashes, |row| row.status == "paused", None, talk).boxed()
    }

    fn limit_torrents<'a>(&'a self, hashes: &'a [String], limits: Limits, talk: &'a Talk) -> Pending<'a, ()> {
        let changes = json!({ "max-upload-limit": text(limits.up), "max-download-limit": text(limits.down) });
        self.each("aria2.changeOption", hashes, |row| row.is_live() || row.status == "paused", Some(changes), talk)
            .boxed()
    }

    fn limit_shares<'a>(&'a self, hashes: &'a [String], limits: ShareLimits, talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            let mut changes = Map::new();
            changes.extend(limits.ratio.map(|ratio| ("seed-ratio".into(), ratio.to_string().into())));
            let minutes = limits.seeding_time.map(|time| time.millis() / 60_000);
            changes.extend(minutes.map(|minutes| ("seed-time".into(), minutes.to_string().into())));
            let concerns = |row: &Row| row.is_live() || row.status == "paused";
            self.each("aria2.changeOption", hashes, concerns, Some(changes.into()), talk).await
        }
        .boxed()
    }

    fn delete<'a>(&'a self, hashes: &'a [String], files: bool, talk: &'a Talk) -> Pending<'a, ()> {
        if files {
            return refused(self, "delete files", "delete the torrent alone, and its files where they are");
        }
        async move {
            let running = |row: &Row| row.is_live() || row.status == "paused";
            self.each("aria2.removeDownloadResult", hashes, |row| !running(row), None, talk).await?;
            self.each("aria2.forceRemove", hashes, running, None, talk).await
        }
        .boxed()
    }

    fn add<'a>(&'a self, source: &'a Source, how: &'a Addition, talk: &'a Talk) -> Pending<'a, ()> {
        if how.category.is_some() || !how.tags.is_empty() {
            return refused(self, "tag torrents", "keep a list in `state`");
        }
        async move {
            let mut options = Map::new();
            if how.stopped {
                options.insert("pause".into(), "true".into());
            }
            options.extend(how.save_path.iter().map(|path| ("dir".into(), path.as_str().into())));
            let (method, params) = match source {
                Source::Link(link) => ("aria2.addUri", vec![json!([link]), options.into()]),
                Source::File { content, .. } => {
                    ("aria2.addTorrent", vec![BASE64_STANDARD.encode(content).into(), json!([]), options.into()])
                }
            };
            self.rpc.call::<Value>(method, params, Effect::Write, talk).await.map(drop)
        }
        .boxed()
    }

    /// Relative to its API stands a method, without the token: `request("POST", "aria2.tellActive", #{json: []})`.
    fn request<'a>(&'a self, request: Raw, talk: &'a Talk) -> Pending<'a, Answer> {
        async move {
            let rpc = request.path.split('?').next() == Some(self.rpc.line.link.path.as_str());
            if !request.path.starts_with('/') {
                let effect = request.effect_of_call(|call| {
                    let verb = call.rsplit('.').next().unwrap_or_default();
                    verb.starts_with("get") || verb.starts_with("tell")
                })?;
                let params = match request.json {
                    None => Vec::new(),
                    Some(Value::Array(params)) => params,
                    Some(one) => vec![one],
                };
                let value = self.rpc.call(&request.path, params, effect, talk).await?;
                return Ok(Answer { status: 200, value });
            }
            if rpc && request.effect() == Effect::Read {
                let error = Error::new(Kind::Argument, "the RPC is not asked by `GET`");
                return Err(error.hint("write `request(\"POST\", \"aria2.tellActive\")`"));
            }
            self.rpc.pass_on(&Ask::raw(request)?, talk).await.map(|reply| answer(&reply))
        }
        .boxed()
    }
}

/// A limit in its words: 0 for none.
fn text(limit: Option<i64>) -> String {
    limit.unwrap_or(0).to_string()
}
