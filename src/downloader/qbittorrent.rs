//! qBittorrent and its Enhanced Edition, by the Web API before and after 5.0.

use futures::FutureExt as _;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;

use super::{Answer, Downloader, Limits, Link, Pending, Rates, Raw, State, Talk, Torrent};
use crate::address::Ip;
use crate::api;
use crate::call::Call;
use crate::clock::within;
use crate::error::{Error, Kind, Result};
use crate::http::{Body, Http, Reply, Request};
use crate::permission::Effect;
use crate::recorder::millis;
use crate::secret::{MASK, Secret};
use crate::time::{Duration, Time};

const API: &str = "/api/v2/";
/// Hashes in one request: a URL-encoded form of this many stays below every server's limit.
const BATCH: usize = 200;

/// One qBittorrent, with the session that tidegate holds there.
pub struct QBittorrent {
    name: String,
    kind: String,
    link: Link,
    http: Http,
    session: Mutex<Session>,
}

#[derive(Default)]
struct Session {
    /// `SID=…`; none where the client asks for no login.
    cookie: Option<String>,
    /// How often tidegate has logged in: tells whether somebody else has renewed the session meanwhile.
    logins: u64,
    /// The login was refused. qBittorrent locks an address out after a few of those, so there is no second one.
    refused: Option<Error>,
    version: Option<String>,
}

/// The ticket of one request: which session it used.
struct Ticket {
    cookie: Option<String>,
    logins: u64,
}

/// A request before it has a session.
#[derive(Clone)]
struct Ask {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    body: Body,
    effect: Effect,
}

impl Ask {
    fn get(path: &str) -> Self {
        Self { method: Method::GET, path: path.into(), query: Vec::new(), body: Body::None, effect: Effect::Read }
    }

    fn post(path: &str, form: &[(&str, &str)]) -> Self {
        let form = form.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        Self {
            method: Method::POST,
            path: path.into(),
            query: Vec::new(),
            body: Body::Form(form),
            effect: Effect::Write,
        }
    }

    fn path(&self) -> String {
        if self.path.starts_with('/') { self.path.clone() } else { format!("{API}{}", self.path) }
    }

    fn endpoint(&self) -> String {
        format!("{} {}", self.method, self.path())
    }

    /// What was sent, for the record.
    fn args(&self) -> Value {
        let mut args: Map<String, Value> = Map::new();
        let form: &[(String, String)] = match &self.body {
            Body::Form(form) => form,
            _ => &[],
        };
        for (key, value) in self.query.iter().chain(form) {
            let shown = if key == "password" { MASK } else { value };
            args.insert(key.clone(), shown.into());
        }
        if let Body::Json(body) = &self.body {
            args.insert("body".into(), body.clone());
        }
        args.into()
    }
}

impl QBittorrent {
    pub fn new(name: &str, kind: &str, link: Link, http: Http) -> Self {
        Self { name: name.into(), kind: kind.into(), link, http, session: Mutex::default() }
    }

    /// Sends with a session; one that has run out is renewed once.
    async fn send(&self, ask: &Ask, talk: &Talk) -> Result<Reply> {
        let ticket = self.ticket(None, talk).await?;
        let reply = self.exchange(ask, ticket.cookie.as_deref(), talk).await?;
        let refused = matches!(reply.status, 401 | 403);
        let reply = if refused && self.logs_in() {
            let ticket = self.ticket(Some(ticket.logins), talk).await?;
            self.exchange(ask, ticket.cookie.as_deref(), talk).await?
        } else {
            reply
        };
        Self::judge(&reply).map(|()| reply).map_err(|error| error.from_call("downloader", &ask.endpoint()))
    }

    fn logs_in(&self) -> bool {
        self.link.api_key.is_none() && self.link.password.is_some()
    }

    /// The session to use, after a login where there is none or where `stale` is the one that has run out.
    async fn ticket(&self, stale: Option<u64>, talk: &Talk) -> Result<Ticket> {
        if !self.logs_in() {
            return Ok(Ticket { cookie: None, logins: 0 });
        }
        let mut session = within(talk.clock.as_ref(), talk.deadline, self.session.lock())
            .await
            .map_err(|_| Error::new(Kind::Timeout, format!("the login at `{}` takes too long", self.name)))?;
        if session.logins == 0 || stale == Some(session.logins) {
            if let Some(error) = &session.refused {
                return Err(error.clone());
            }
            match self.login(talk).await {
                Ok(cookie) => {
                    session.cookie = cookie;
                    session.logins += 1;
                    // A client that has lost its session may have been restarted as another version.
                    session.version = None;
                }
                Err(error) => {
                    if error.kind == Kind::Auth {
                        session.refused = Some(error.clone());
                    }
                    return Err(error);
                }
            }
        }
        Ok(Ticket { cookie: session.cookie.clone(), logins: session.logins })
    }

    /// The session cookie; `None` where the client lets this address in without one.
    async fn login(&self, talk: &Talk) -> Result<Option<String>> {
        let password = self.link.password.as_ref().map_or("", Secret::expose);
        let mut ask = Ask::post("auth/login", &[("username", &self.link.username), ("password", password)]);
        ask.effect = Effect::Read;
        let reply = self.exchange(&ask, None, talk).await?;
        let wrong = |message: String| {
            Error::new(Kind::Auth, message)
                .hint("tidegate does not try again until the user name or the password changes, since the client locks out whoever does")
                .status(reply.status)
                .from_call("downloader", &ask.endpoint())
        };
        match reply.status {
            200..=299 if reply.body.starts_with(b"Fails") => {
                Err(wrong(format!("`{}` does not accept the user name or password", self.name)))
            }
            401 => Err(wrong(format!("`{}` does not accept the user name or password", self.name))),
            403 => Err(wrong(format!("`{}` has locked this address out after too many wrong logins", self.name))),
            200..=299 => Ok(cookie(&reply)),
            _ => Self::judge(&reply).map(|()| None).map_err(|error| error.from_call("downloader", &ask.endpoint())),
        }
    }

    /// One request on the wire, recorded.
    async fn exchange(&self, ask: &Ask, cookie: Option<&str>, talk: &Talk) -> Result<Reply> {
        let mut headers = vec![("Accept".into(), "application/json, text/plain".into())];
        if let Some(cookie) = cookie {
            headers.push(("Cookie".into(), cookie.into()));
        }
        if let Some(key) = &self.link.api_key {
            headers.push(("Authorization".into(), format!("Bearer {}", key.expose())));
        } else if let Some((user, password)) = &self.link.basic {
            use base64::Engine as _;
            let pair = base64::prelude::BASE64_STANDARD.encode(format!("{user}:{}", password.expose()));
            headers.push(("Authorization".into(), format!("Basic {pair}")));
        }
        let start = talk.now();
        let outcome = self
            .http
            .send(Request {
                transport: self.link.transport.clone(),
                method: ask.method.clone(),
                url: format!("{}{}", self.link.url, ask.path()),
                headers,
                query: ask.query.clone(),
                body: ask.body.clone(),
                deadline: talk.within(self.link.timeout),
                max_reply: self.link.largest_reply,
            })
            .await;
        let status = outcome.as_ref().ok().map(|reply| reply.status);
        (talk.record)(Call {
            service: "downloader".into(),
            instance: self.name.clone(),
            endpoint: ask.endpoint(),
            effect: ask.effect,
            args: ask.args(),
            status,
            ok: status.is_some_and(|status| (200..300).contains(&status)),
            ms: millis(talk.now() - start),
            via: None,
            summary: None,
        });
        outcome.map_err(|error| self.explain(error).from_call("downloader", &ask.endpoint()))
    }

    /// An address that means nothing here is the usual reason.
    fn explain(&self, mut error: Error) -> Error {
        if let Some(hint) = &self.link.unreachable
            && matches!(error.kind, Kind::Transport | Kind::Timeout)
        {
            error.hint = Some(hint.clone());
        }
        error
    }

    /// Everything but a success as one of our kinds.
    fn judge(reply: &Reply) -> Result<()> {
        let said = String::from_utf8_lossy(&reply.body);
        let said = said.trim();
        let said = if said.is_empty() || said.len() > 200 || said.starts_with('<') { "" } else { said };
        let because = if said.is_empty() { String::new() } else { format!(": {said}") };
        let (kind, message) = match reply.status {
            200..=299 => return Ok(()),
            401 | 403 => (Kind::Auth, format!("the client refuses access{because}")),
            404 => (Kind::Unsupported, format!("the client has no such path or torrent{because}")),
            405 => (Kind::Unsupported, format!("the client does not take this method{because}")),
            400 | 409 | 415 => (Kind::Api, format!("the client refuses{because}")),
            429 => (Kind::RateLimit, format!("the client has had too many requests{because}")),
            status => (Kind::Http, format!("the client answers with status {status}{because}")),
        };
        Err(Error::new(kind, message).status(reply.status))
    }

    async fn json<T: for<'de> Deserialize<'de>>(&self, ask: &Ask, talk: &Talk) -> Result<T> {
        let reply = self.send(ask, talk).await?;
        serde_json::from_slice(&reply.body).map_err(|error| {
            Error::new(Kind::Protocol, format!("the answer is not what a qBittorrent gives: {error}"))
                .status(reply.status)
                .from_call("downloader", &ask.endpoint())
        })
    }

    async fn numbers(&self, talk: &Talk) -> Result<(u32, u32, u32)> {
        Ok(api::version(&self.version_text(talk).await?))
    }

    async fn version_text(&self, talk: &Talk) -> Result<String> {
        if let Some(version) = self.session.lock().await.version.clone() {
            return Ok(version);
        }
        let reply = self.send(&Ask::get("app/version"), talk).await?;
        let version = String::from_utf8_lossy(&reply.body).trim().trim_start_matches('v').to_owned();
        if !version.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(Error::new(Kind::Protocol, "the client's version is none")
                .from_call("downloader", "GET /api/v2/app/version"));
        }
        self.session.lock().await.version = Some(version.clone());
        Ok(version)
    }

    /// 5.0 renamed pause and resume to stop and start.
    async fn verb(&self, old: &'static str, new: &'static str, talk: &Talk) -> Result<&'static str> {
        Ok(if self.numbers(talk).await? >= (5, 0, 0) { new } else { old })
    }

    async fn on_torrents(&self, path: &str, hashes: &[String], more: &[(&str, &str)], talk: &Talk) -> Result<()> {
        for batch in hashes.chunks(BATCH) {
            let hashes = batch.join("|");
            let mut form = vec![("hashes", hashes.as_str())];
            form.extend(more);
            self.send(&Ask::post(path, &form), talk).await?;
        }
        Ok(())
    }

    async fn banned_lines(&self, talk: &Talk) -> Result<Vec<String>> {
        #[derive(Deserialize)]
        struct Preferences {
            #[serde(rename = "banned_IPs")]
            banned: String,
        }
        let preferences: Preferences = self.json(&Ask::get("app/preferences"), talk).await?;
        Ok(preferences.banned.lines().map(str::trim).filter(|line| !line.is_empty()).map(Into::into).collect())
    }

    async fn set_banned(&self, lines: &[String], talk: &Talk) -> Result<()> {
        let preferences = json!({ "banned_IPs": lines.join("\n") }).to_string();
        self.send(&Ask::post("app/setPreferences", &[("json", &preferences)]), talk).await.map(drop)
    }
}

impl Downloader for QBittorrent {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &str {
        &self.kind
    }

    fn is(&self, name: &str, kind: &str, link: &Link) -> bool {
        self.name == name && self.kind == kind && self.link == *link
    }

    fn version<'a>(&'a self, talk: &'a Talk) -> Pending<'a, String> {
        self.version_text(talk).boxed()
    }

    fn torrents<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Vec<Torrent>> {
        async move {
            let rows: Vec<Row> = self.json(&Ask::get("torrents/info"), talk).await?;
            Ok(rows.into_iter().map(|row| row.into_torrent(&self.name)).collect())
        }
        .boxed()
    }

    fn speed<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Rates> {
        async move {
            let transfer: Transfer = self.json(&Ask::get("transfer/info"), talk).await?;
            Ok(Rates { up: transfer.up_info_speed, down: transfer.dl_info_speed })
        }
        .boxed()
    }

    fn limits<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Limits> {
        async move {
            let transfer: Transfer = self.json(&Ask::get("transfer/info"), talk).await?;
            Ok(Limits { up: limit(transfer.up_rate_limit), down: limit(transfer.dl_rate_limit) })
        }
        .boxed()
    }

    fn set_limits<'a>(&'a self, limits: Limits, talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            for (path, limit) in [("transfer/setUploadLimit", limits.up), ("transfer/setDownloadLimit", limits.down)] {
                let limit = limit.unwrap_or(0).to_string();
                self.send(&Ask::post(path, &[("limit", &limit)]), talk).await?;
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
        async move {
            let verb = self.verb("torrents/pause", "torrents/stop", talk).await?;
            self.on_torrents(verb, hashes, &[], talk).await
        }
        .boxed()
    }

    fn start<'a>(&'a self, hashes: &'a [String], forced: bool, talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            if forced {
                return self.on_torrents("torrents/setForceStart", hashes, &[("value", "true")], talk).await;
            }
            let verb = self.verb("torrents/resume", "torrents/start", talk).await?;
            self.on_torrents(verb, hashes, &[], talk).await
        }
        .boxed()
    }

    fn banned<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Vec<Ip>> {
        async move { Ok(self.banned_lines(talk).await?.iter().filter_map(|line| line.parse().ok()).collect()) }.boxed()
    }

    fn ban<'a>(&'a self, addresses: &'a [Ip], talk: &'a Talk) -> Pending<'a, ()> {
        async move {
            // The client appends to its own list, so that a push by PBH at the same moment is not lost. It takes
            // peers, which have a port; any will do, since it bans the address.
            for batch in addresses.chunks(BATCH) {
                let peers: Vec<_> =
                    batch.iter().map(|ip| std::net::SocketAddr::new(ip.address(), 1).to_string()).collect();
                self.send(&Ask::post("transfer/banPeers", &[("peers", &peers.join("|"))]), talk).await?;
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
            let method = request.method.to_uppercase();
            let method = Method::from_bytes(method.as_bytes()).map_err(|_| {
                Error::new(Kind::Argument, format!("`{}` is no method", request.method))
                    .hint("write `\"GET\"` or `\"POST\"`")
            })?;
            let effect = if method == Method::GET { Effect::Read } else { Effect::Destructive };
            let body = match request.json {
                Some(json) => Body::Json(json),
                None if request.form.is_empty() => Body::None,
                None => Body::Form(request.form),
            };
            let ask = Ask { method, path: request.path, query: request.query, body, effect };
            let reply = self.send(&ask, talk).await?;
            let value = serde_json::from_slice(&reply.body)
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&reply.body).into_owned()));
            Ok(Answer { status: reply.status, value })
        }
        .boxed()
    }
}

/// `SID` up to 5.1, `QBT_SID_<port>` after.
fn cookie(reply: &Reply) -> Option<String> {
    reply.headers.get_all(reqwest::header::SET_COOKIE).iter().find_map(|line| {
        let pair = line.to_str().ok()?.split(';').next()?.trim();
        (pair.starts_with("SID=") || pair.starts_with("QBT_SID")).then(|| pair.to_owned())
    })
}

/// Zero and below are qBittorrent's words for no limit.
fn limit(value: i64) -> Option<i64> {
    (value > 0).then_some(value)
}

/// Seconds since 1970; qBittorrent's words for never are zero, -1 and the largest unsigned number.
fn instant(seconds: i64) -> Option<Time> {
    (seconds > 0 && seconds < i64::from(u32::MAX)).then(|| Time::from_seconds(seconds))
}

#[derive(Deserialize)]
struct Transfer {
    up_info_speed: i64,
    dl_info_speed: i64,
    #[serde(default)]
    up_rate_limit: i64,
    #[serde(default)]
    dl_rate_limit: i64,
}

/// One row of `torrents/info`.
#[derive(Deserialize)]
struct Row {
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
    fn into_torrent(self, downloader: &str) -> Torrent {
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
