//! BiglyBT, by the plug-in that PBH needs there. The plug-in can look, limit the whole client and ban; it can neither
//! stop a torrent nor change one.

use futures::FutureExt as _;
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::line::{Ask, Line, answer, decode};
use super::login::Login;
use super::{Answer, Downloader, Limits, Link, Pending, Rates, Raw, State, Talk, Torrent, Totals, refused};
use crate::address::Ip;
use crate::error::Result;
use crate::http::{Body, Http, Reply};
use crate::secret::Secret;
use crate::time::{Duration, Time};

const PROGRAM: &str = "PBH's plug-in for BiglyBT";
/// What to use for what the plug-in does not offer.
const LIMIT: &str = "the plug-in of PBH can limit the whole client: `limit_speed`";

/// One BiglyBT.
pub struct BiglyBt {
    kind: String,
    line: Line,
    /// There is no session; it remembers whether the token is good.
    login: Login<()>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct About {
    application_version: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Row {
    state: i64,
    torrent: Metainfo,
    force_start: bool,
    name: String,
    category_name: Option<String>,
    tags: Vec<String>,
    /// Milliseconds since 1970.
    creation_time: i64,
    stats: Statistics,
    complete: bool,
    checking: bool,
    moving: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metainfo {
    #[serde(alias = "hashBase64")]
    info_hash: String,
    size: i64,
    private_torrent: bool,
}

/// What does not say whether it is private counts as private.
impl Default for Metainfo {
    fn default() -> Self {
        Self { info_hash: String::new(), size: 0, private_torrent: true }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Statistics {
    status: String,
    completed_in_thousand_notation: i64,
    downloaded_bytes: i64,
    uploaded: i64,
    rt_download_speed: i64,
    rt_upload_speed: i64,
    share_ratio_in_thousand_notation: i64,
    /// Milliseconds since 1970.
    time_started_seeding: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    overall_data_bytes_received: i64,
    overall_data_bytes_sent: i64,
    session_uptime_seconds: i64,
    data_receive_rate: i64,
    data_send_rate: i64,
    data_bytes_received: i64,
    data_bytes_sent: i64,
}

#[derive(Deserialize)]
struct Speeds {
    upload: i64,
    download: i64,
}

impl Row {
    fn into_torrent(self, downloader: &str, now: Time) -> Torrent {
        let state = self.state();
        let instant = |millis: i64| (millis > 0).then(|| Time::from_millis(millis));
        let stats = self.stats;
        #[expect(clippy::cast_precision_loss, reason = "thousandths")]
        let share = |thousandths: i64| thousandths.max(0) as f64 / 1000.0;
        let seeding = instant(stats.time_started_seeding).filter(|_| state == State::Seeding);
        Torrent {
            hash: self.torrent.info_hash.to_lowercase(),
            name: self.name,
            size: self.torrent.size,
            progress: share(stats.completed_in_thousand_notation),
            done: self.complete,
            state,
            is_private: self.torrent.private_torrent,
            ratio: share(stats.share_ratio_in_thousand_notation),
            uploaded: stats.uploaded,
            downloaded: stats.downloaded_bytes,
            up_speed: stats.rt_upload_speed,
            down_speed: stats.rt_download_speed,
            tags: self.tags,
            category: self.category_name.unwrap_or_default(),
            added_at: instant(self.creation_time),
            seeding_time: seeding.map_or(Duration::ZERO, |since| now - since),
            error: if state == State::Error { stats.status } else { String::new() },
            forced: self.force_start,
            downloader: downloader.into(),
            ..Torrent::default()
        }
    }

    /// Its numbers: waiting, preparing, ready, downloading, seeding, stopping, stopped, error, queued.
    fn state(&self) -> State {
        match self.state {
            _ if self.moving => State::Moving,
            _ if self.checking => State::Checking,
            1 | 3 | 9 => State::Queued,
            2 => State::Checking,
            4 if self.stats.rt_download_speed == 0 => State::Stalled,
            4 => State::Downloading,
            5 => State::Seeding,
            7 => State::Stopped,
            8 => State::Error,
            _ => State::Unknown,
        }
    }
}

impl BiglyBt {
    pub fn new(name: &str, kind: &str, link: Link, http: Http) -> Self {
        Self { kind: kind.into(), line: Line::new(name, link, http), login: Login::default() }
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, talk: &Talk) -> Result<T> {
        let ask = Ask::get(path);
        let reply = self.send(&ask, talk).await?;
        decode(&ask, &reply, PROGRAM)
    }

    async fn send(&self, ask: &Ask, talk: &Talk) -> Result<Reply> {
        let knock = Ask::get("/metadata");
        let test = async { self.said(&knock, talk).await.map(drop) };
        self.login.guard(&self.line.name, talk, test.boxed(), self.said(ask, talk).boxed()).await
    }

    async fn said(&self, ask: &Ask, talk: &Talk) -> Result<Reply> {
        let link = &self.line.link;
        let token = link.api_key.as_ref().or(link.password.as_ref()).map_or("", Secret::expose);
        let headers = [("Authorization".to_owned(), format!("Bearer {token}"))];
        let reply = self.line.send(ask, &headers, talk).await?;
        let judged = match reply.status {
            401 | 403 => Err(self.line.wrong_login("the token", reply.status)),
            _ => self.line.judge(&reply),
        };
        judged.map(|()| reply).map_err(|error| error.from_call("downloader", &ask.endpoint()))
    }
}

impl Downloader for BiglyBt {
    fn name(&self) -> &str {
        &self.line.name
    }

    fn kind(&self) -> &str {
        &self.kind
    }

    fn version<'a>(&'a self, talk: &'a Talk) -> Pending<'a, String> {
        async move { Ok(self.get::<About>("/metadata", talk).await?.application_version) }.boxed()
    }

    fn torrents<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Vec<Torrent>> {
        async move {
            let rows: Vec<Row> = self.get("/downloads", talk).await?;
            let now = talk.now();
            Ok(rows.into_iter().map(|row| row.into_torrent(self.name(), now)).collect())
        }
        .boxed()
    }

    fn speed<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Rates> {
        async move {
            let session: Session = self.get("/statistics", talk).await?;
            Ok(Rates { up: session.data_send_rate, down: session.data_receive_rate })
        }
        .boxed()
    }

    fn limits<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Limits> {
        async move {
            let speeds: Speeds = self.get("/speedlimiter", talk).await?;
            let limit = |value: i64| (value > 0).then_some(value);
            Ok(Limits { up: limit(speeds.upload), down: limit(speeds.download) })
        }
        .boxed()
    }

    fn set_limits<'a>(&'a self, limits: Limits, talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            // It counts in KiB/s and rounds down, where 0 is no limit.
            let value = |limit: Option<i64>| limit.map_or(0, |limit| limit.max(1024));
            let body = json!({ "upload": value(limits.up), "download": value(limits.down) });
            self.send(&Ask::post("/speedlimiter", Body::Json(body)), talk).await.map(drop)
        }
        .boxed()
    }

    fn totals<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Totals> {
        async move {
            let session: Session = self.get("/statistics", talk).await?;
            let started = talk.now() - Duration::from_seconds(session.session_uptime_seconds);
            Ok(Totals {
                uploaded: Some(session.overall_data_bytes_sent),
                downloaded: Some(session.overall_data_bytes_received),
                session_uploaded: session.data_bytes_sent,
                session_downloaded: session.data_bytes_received,
                // To the minute: its own clock and ours do not tick together.
                session: started.seconds().div_euclid(60).to_string(),
            })
        }
        .boxed()
    }

    fn stop<'a>(&'a self, _: &'a [String], _: &'a Talk) -> Pending<'a, ()> {
        refused(self, "stop torrents", LIMIT)
    }

    fn start<'a>(&'a self, _: &'a [String], _: bool, _: &'a Talk) -> Pending<'a, ()> {
        refused(self, "start torrents", LIMIT)
    }

    fn banned<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Vec<Ip>> {
        async move {
            let lines: Vec<String> = self.get("/bans", talk).await?;
            Ok(lines.iter().filter_map(|line| line.parse().ok()).collect())
        }
        .boxed()
    }

    fn ban<'a>(&'a self, addresses: &'a [Ip], talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            let ips: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            self.send(&Ask::post("/bans", Body::Json(json!({ "ips": ips }))), talk).await.map(drop)
        }
        .boxed()
    }

    fn unban<'a>(&'a self, addresses: &'a [Ip], talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            let ips: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            let ask = Ask { method: Method::DELETE, ..Ask::post("/bans", Body::Json(json!({ "ips": ips }))) };
            self.send(&ask, talk).await.map(drop)
        }
        .boxed()
    }

    fn takes_networks<'a>(&'a self, _: &'a Talk) -> Pending<'a, bool> {
        async { Ok(true) }.boxed()
    }

    fn request<'a>(&'a self, request: Raw, talk: &'a Talk) -> Pending<'a, Answer> {
        async move {
            let path = format!("/{}", request.path.trim_start_matches('/'));
            self.send(&Ask::raw(Raw { path, ..request })?, talk).await.map(|reply| answer(&reply))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_in_our_words() {
        let row = json!({
            "state": 5, "subState": 5, "flags": 0, "forceStart": true, "paused": false, "name": "x", "categoryName": null,
            "torrent": {"infoHash": "AB", "size": 100, "privateTorrent": false, "complete": true},
            "tags": ["keep"], "position": 1, "creationTime": 1_750_000_000_000_i64, "complete": true, "checking": false,
            "moving": false, "removed": false,
            "stats": {
                "status": "Seeding", "completedInThousandNotation": 1000, "downloadedBytes": 100, "uploaded": 150,
                "rtUploadSpeed": 7, "rtDownloadSpeed": 0, "shareRatioInThousandNotation": 1500,
                "timeStartedSeeding": 1_750_000_100_000_i64,
            },
        });
        let now = Time::from_seconds(1_750_000_160);
        let torrent = serde_json::from_value::<Row>(row).unwrap().into_torrent("box", now);
        assert_eq!((torrent.hash.as_str(), torrent.state, torrent.ratio), ("ab", State::Seeding, 1.5));
        assert_eq!(torrent.seeding_time, Duration::from_seconds(60));
        assert!(torrent.done && torrent.forced && !torrent.is_private && torrent.category.is_empty());
        assert_eq!(torrent.added_at, Some(Time::from_seconds(1_750_000_000)));
        assert!(Row::default().into_torrent("box", now).is_private);
    }
}
