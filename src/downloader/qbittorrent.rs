//! qBittorrent and its Enhanced Edition, by the Web API before and after 5.0.

mod session;
mod wire;

use futures::FutureExt as _;
use serde::Deserialize;
use serde_json::json;

use super::line::{Ask, answer};
use super::{Answer, Downloader, Limits, Link, Pending, Rates, Raw, Talk, Torrent};
use crate::address::Ip;
use crate::api;
use crate::error::Result;
use crate::http::Http;
use session::{Session, get, path, post};
use wire::{Row, Transfer, limit};

/// Hashes or addresses in one request: a form of this many stays below every server's limit.
const BATCH: usize = 200;

/// One qBittorrent, with the session that tidegate holds there.
pub struct QBittorrent {
    kind: String,
    session: Session,
}

impl QBittorrent {
    pub fn new(name: &str, kind: &str, link: Link, http: Http) -> Self {
        Self { kind: kind.into(), session: Session::new(name, link, http) }
    }

    async fn json<T: for<'de> Deserialize<'de>>(&self, ask: &Ask, talk: &Talk) -> Result<T> {
        let reply = self.session.send(ask, talk).await?;
        self.session.line.decode(ask, &reply, "qBittorrent")
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

    async fn banned_lines(&self, talk: &Talk) -> Result<Vec<String>> {
        #[derive(Deserialize)]
        struct Preferences {
            #[serde(rename = "banned_IPs")]
            banned: String,
        }
        let preferences: Preferences = self.json(&get("app/preferences"), talk).await?;
        Ok(preferences.banned.lines().map(str::trim).filter(|line| !line.is_empty()).map(Into::into).collect())
    }

    async fn set_banned(&self, lines: &[String], talk: &Talk) -> Result<()> {
        let preferences = json!({ "banned_IPs": lines.join("\n") }).to_string();
        self.session.send(&post("app/setPreferences", &[("json", &preferences)]), talk).await.map(drop)
    }
}

impl Downloader for QBittorrent {
    fn name(&self) -> &str {
        &self.session.line.name
    }

    fn kind(&self) -> &str {
        &self.kind
    }

    fn is(&self, name: &str, kind: &str, link: &Link) -> bool {
        self.kind == kind && self.session.line.is(name, link)
    }

    fn version<'a>(&'a self, talk: &'a Talk) -> Pending<'a, String> {
        self.session.version(talk).boxed()
    }

    fn torrents<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Vec<Torrent>> {
        async move {
            let rows: Vec<Row> = self.json(&get("torrents/info"), talk).await?;
            Ok(rows.into_iter().map(|row| row.into_torrent(&self.session.line.name)).collect())
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
                self.set_banned(&lines, talk).await?;
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
            if after.len() == before.len() { Ok(()) } else { self.set_banned(&after, talk).await }
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
