//! Torrent clients: what tidegate asks of each of them, in one vocabulary.

pub mod aria2;
pub mod biglybt;
pub mod bitcomet;
pub mod deluge;
mod figures;
mod line;
mod login;
pub mod qbittorrent;
#[cfg(test)]
mod recorded;
mod torrent;
pub mod transmission;
pub mod unsupported;

use std::collections::BTreeMap;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Map, Value};

use crate::address::Ip;
use crate::config::Transport;
use crate::error::{Error, Kind, Result};
use crate::permission::Effect;
pub use crate::recorder::{Recorder, Talk};
use crate::secret::Secret;
use crate::time::Duration;

pub use figures::{Disk, Limits, Rates, Totals};
pub use torrent::{State, Torrent};

/// An answer on its way.
pub type Pending<'a, T> = BoxFuture<'a, Result<T>>;

/// One torrent client. Every request it makes is recorded as service `downloader` with the endpoint
/// `METHOD path`; its errors carry the same two. What a client cannot do, it refuses as `unsupported` with what to use
/// instead: [`refused`]. Hashes that the client does not know are no error.
pub trait Downloader: Send + Sync {
    /// The name scripts know it by.
    fn name(&self) -> &str;

    /// The type as PBH spells it: `qbittorrent`.
    fn kind(&self) -> &str;

    /// The program's own version: `5.0.3`.
    fn version<'a>(&'a self, _talk: &'a Talk) -> Pending<'a, String> {
        refused(self, "tell its version", ELSEWHERE)
    }

    /// Every torrent. What costs a request for each of them may be missing: [`Downloader::settle`].
    fn torrents<'a>(&'a self, _talk: &'a Talk) -> Pending<'a, Vec<Torrent>> {
        refused(self, "list torrents", ELSEWHERE)
    }

    /// Finds out whether torrents are private where the list does not say; what cannot be told stays private.
    fn settle<'a>(&'a self, torrents: Vec<Torrent>, _talk: &'a Talk) -> Pending<'a, Vec<Torrent>> {
        async move { Ok(torrents) }.boxed()
    }

    /// One torrent with everything that is known of it; `None` where there is none of that hash.
    fn torrent<'a>(&'a self, hash: &'a str, talk: &'a Talk) -> Pending<'a, Option<Torrent>> {
        async move {
            let mut torrents = self.torrents(talk).await?;
            torrents.retain(|torrent| torrent.hash.eq_ignore_ascii_case(hash));
            Ok(self.settle(torrents, talk).await?.pop())
        }
        .boxed()
    }

    fn speed<'a>(&'a self, _talk: &'a Talk) -> Pending<'a, Rates> {
        refused(self, "tell its speed", ELSEWHERE)
    }

    /// The limits in force for the whole client.
    fn limits<'a>(&'a self, _talk: &'a Talk) -> Pending<'a, Limits> {
        refused(self, "tell its limits", ELSEWHERE)
    }

    fn set_limits<'a>(&'a self, _limits: Limits, _talk: &'a Talk) -> Pending<'a, ()> {
        refused(self, "limit the speed", ELSEWHERE)
    }

    /// What the client has moved in all.
    fn totals<'a>(&'a self, _talk: &'a Talk) -> Pending<'a, Totals> {
        refused(self, "tell what it has moved in all", "add up `uploaded` and `downloaded` of `torrents()`")
    }

    /// Bytes left on the disk of a folder; without one, of the folder for new torrents.
    fn free_space<'a>(&'a self, _path: Option<&'a str>, _talk: &'a Talk) -> Pending<'a, i64> {
        refused(self, "tell the free space", "the VPS knows its own disk: `vps.get_live_service_info()`")
    }

    /// The folders that torrents are stored in, and what is left there.
    fn disks<'a>(&'a self, talk: &'a Talk) -> Pending<'a, Vec<Disk>> {
        async move {
            let mut disks: BTreeMap<String, Disk> = BTreeMap::new();
            for torrent in self.torrents(talk).await? {
                let disk = disks.entry(torrent.save_path.clone()).or_default();
                disk.torrents += 1;
                disk.used += torrent.present();
            }
            let mut found = Vec::new();
            for (path, disk) in disks {
                let free = match self.free_space(Some(&path), talk).await {
                    Ok(free) => Some(free),
                    Err(error) if error.kind == Kind::Unsupported => None,
                    Err(error) => return Err(error),
                };
                found.push(Disk { path, free, ..disk });
            }
            Ok(found)
        }
        .boxed()
    }

    /// The client's own settings, under its own names.
    fn preferences<'a>(&'a self, _talk: &'a Talk) -> Pending<'a, Map<String, Value>> {
        refused(self, "tell its settings", OWN_API)
    }

    /// Changes these of [`Downloader::preferences`].
    fn set_preferences<'a>(&'a self, _changes: &'a Map<String, Value>, _talk: &'a Talk) -> Pending<'a, ()> {
        refused(self, "change its settings", OWN_API)
    }

    fn stop<'a>(&'a self, _hashes: &'a [String], _talk: &'a Talk) -> Pending<'a, ()> {
        refused(self, "stop torrents", ELSEWHERE)
    }

    /// `forced` starts them past the client's queue, as they were before.
    fn start<'a>(&'a self, _hashes: &'a [String], _forced: bool, _talk: &'a Talk) -> Pending<'a, ()> {
        refused(self, "start torrents", ELSEWHERE)
    }

    /// Sets the limits of single torrents; of `limits`, what is `None` becomes unlimited.
    fn limit_torrents<'a>(&'a self, _hashes: &'a [String], _limits: Limits, _talk: &'a Talk) -> Pending<'a, ()> {
        refused(self, "limit single torrents", "limit the whole client: `limit_speed`")
    }

    /// When single torrents end to seed.
    fn limit_shares<'a>(&'a self, _hashes: &'a [String], _limits: ShareLimits, _talk: &'a Talk) -> Pending<'a, ()> {
        refused(self, "limit ratio or seeding time", "look at `ratio` of `torrents()` and call `stop_torrent`")
    }

    /// Takes torrents away, and with `files` what they have downloaded.
    fn delete<'a>(&'a self, _hashes: &'a [String], _files: bool, _talk: &'a Talk) -> Pending<'a, ()> {
        refused(self, "delete torrents", "stop them: `stop_torrent`")
    }

    /// Hands a torrent to the client, which may still have to fetch it.
    fn add<'a>(&'a self, _source: &'a Source, _how: &'a Addition, _talk: &'a Talk) -> Pending<'a, ()> {
        refused(self, "add torrents", OWN_API)
    }

    fn add_tags<'a>(&'a self, _hashes: &'a [String], _tags: &'a [String], _talk: &'a Talk) -> Pending<'a, ()> {
        refused(self, "tag torrents", "keep a list in `state`")
    }

    fn remove_tags<'a>(&'a self, _hashes: &'a [String], _tags: &'a [String], _talk: &'a Talk) -> Pending<'a, ()> {
        refused(self, "tag torrents", "keep a list in `state`")
    }

    /// `""` takes it away; one that the client does not know is made.
    fn set_category<'a>(&'a self, _hashes: &'a [String], _category: &'a str, _talk: &'a Talk) -> Pending<'a, ()> {
        refused(self, "sort torrents into categories", "keep a list in `state`")
    }

    fn recheck<'a>(&'a self, _hashes: &'a [String], _talk: &'a Talk) -> Pending<'a, ()> {
        refused(self, "check the files of torrents", OWN_API)
    }

    fn reannounce<'a>(&'a self, _hashes: &'a [String], _talk: &'a Talk) -> Pending<'a, ()> {
        refused(self, "announce torrents to their trackers", OWN_API)
    }

    /// The addresses that the client itself refuses.
    fn banned<'a>(&'a self, _talk: &'a Talk) -> Pending<'a, Vec<Ip>> {
        refused(self, "tell the banned addresses", THROUGH_PBH)
    }

    /// Adds to [`Downloader::banned`].
    fn ban<'a>(&'a self, _addresses: &'a [Ip], _talk: &'a Talk) -> Pending<'a, ()> {
        refused(self, "ban addresses", THROUGH_PBH)
    }

    /// Takes addresses away from [`Downloader::banned`], in whatever spelling they stand there.
    fn unban<'a>(&'a self, _addresses: &'a [Ip], _talk: &'a Talk) -> Pending<'a, ()> {
        refused(self, "unban addresses", THROUGH_PBH)
    }

    /// Whether its list of banned addresses takes networks.
    fn takes_networks<'a>(&'a self, _talk: &'a Talk) -> Pending<'a, bool> {
        refused(self, "ban networks", THROUGH_PBH)
    }

    /// The client's own API, with the login that tidegate has.
    fn request<'a>(&'a self, _request: Raw, _talk: &'a Talk) -> Pending<'a, Answer> {
        refused(self, "pass requests on", "`http` talks to any address that is granted")
    }
}

const ELSEWHERE: &str = "what PBH does for this client (`live_peers`, `ban`, `pause_supervision`) works";
const THROUGH_PBH: &str = "PBH bans for it: `pbh().ban(…)`";
const OWN_API: &str = "its own API may: `request(METHOD, path, #{…})`";

/// What a client cannot do, and what does it instead.
pub fn refused<T: Send + 'static>(
    client: &(impl Downloader + ?Sized),
    what: &str,
    instead: &str,
) -> Pending<'static, T> {
    let message = format!("`{}` cannot {what}: it is a `{}` client", client.name(), client.kind());
    let mut error = Error::new(Kind::Unsupported, message).hint(instead);
    error.service = Some("downloader".into());
    async move { Err(error) }.boxed()
}

/// Where a client is and how to get in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Link {
    /// Where its own API is, without a slash at the end.
    pub url: String,
    /// Below that where everything is asked at one path: `/transmission/rpc`. Empty otherwise.
    pub path: String,
    pub username: String,
    pub password: Option<Secret>,
    /// In place of a login: of qBittorrent from 5.2 on, of aria2 and of the plug-in for BiglyBT.
    pub api_key: Option<Secret>,
    /// Of a proxy in front.
    pub basic: Option<(String, Secret)>,
    pub transport: Transport,
    pub timeout: Duration,
    pub largest_reply: u64,
    /// What to do where it cannot be reached.
    pub unreachable: Option<String>,
}

/// When a torrent ends to seed; `None` leaves that as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ShareLimits {
    /// Sent over size.
    pub ratio: Option<f64>,
    pub seeding_time: Option<Duration>,
}

/// Where a torrent comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Source {
    /// A magnet link or an address that the client fetches.
    Link(String),
    /// A `.torrent` file.
    File { name: String, content: Vec<u8> },
}

/// How a torrent is added.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Addition {
    pub category: Option<String>,
    pub tags: Vec<String>,
    pub save_path: Option<String>,
    /// Does not begin by itself.
    pub stopped: bool,
}

/// A request to a client's own API.
#[derive(Clone, Debug, Default)]
pub struct Raw {
    pub method: String,
    /// From the root of the client's address, or relative to its API: `torrents/info`.
    pub path: String,
    pub query: Vec<(String, String)>,
    pub form: Vec<(String, String)>,
    pub json: Option<Value>,
}

impl Raw {
    pub fn effect(&self) -> Effect {
        Effect::of_request(&self.method)
    }

    /// The effect of a call by name, as RPC clients have them: as `GET` only what is known to read.
    ///
    /// # Errors
    /// `argument` for a `GET` of anything else.
    pub fn effect_of_call(&self, reads: impl FnOnce(&str) -> bool) -> Result<Effect> {
        let effect = self.effect();
        if effect == Effect::Read && !reads(&self.path) {
            return Err(Error::new(Kind::Argument, format!("`{}` may change something", self.path))
                .hint("write `request(\"POST\", …)`"));
        }
        Ok(effect)
    }
}

/// What it answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    /// JSON where it is JSON, text otherwise.
    pub value: Value,
}
