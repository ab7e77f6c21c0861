//! Clients that PBH supervises and tidegate cannot talk to itself.

use futures::FutureExt as _;

use super::{Answer, Downloader, Limits, Link, Pending, Rates, Raw, Talk, Torrent};
use crate::address::Ip;
use crate::error::{Error, Kind};

/// Has a name, and says of everything else what to use instead.
pub struct Unsupported {
    name: String,
    kind: String,
}

impl Unsupported {
    pub fn new(name: &str, kind: &str) -> Self {
        Self { name: name.into(), kind: kind.into() }
    }

    fn refuse<T: Send + 'static>(&self, what: &str) -> Pending<'static, T> {
        let mut error =
            Error::new(Kind::Unsupported, format!("cannot {what} on `{}`: it is a `{}` client", self.name, self.kind))
                .hint(
                    "tidegate itself talks to qBittorrent; what PBH does for this client (`live_peers`, `ban`, \
                     `pause_supervision`) works",
                );
        error.service = Some("downloader".into());
        async move { Err(error) }.boxed()
    }
}

impl Downloader for Unsupported {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &str {
        &self.kind
    }

    fn is(&self, name: &str, kind: &str, _: &Link) -> bool {
        self.name == name && self.kind == kind
    }

    fn version<'a>(&'a self, _: &'a Talk) -> Pending<'a, String> {
        self.refuse("read the version")
    }

    fn torrents<'a>(&'a self, _: &'a Talk) -> Pending<'a, Vec<Torrent>> {
        self.refuse("list torrents")
    }

    fn speed<'a>(&'a self, _: &'a Talk) -> Pending<'a, Rates> {
        self.refuse("read the speed")
    }

    fn limits<'a>(&'a self, _: &'a Talk) -> Pending<'a, Limits> {
        self.refuse("read the limits")
    }

    fn set_limits<'a>(&'a self, _: Limits, _: &'a Talk) -> Pending<'a, ()> {
        self.refuse("limit the speed")
    }

    fn limit_torrents<'a>(&'a self, _: &'a [String], _: Limits, _: &'a Talk) -> Pending<'a, ()> {
        self.refuse("limit torrents")
    }

    fn stop<'a>(&'a self, _: &'a [String], _: &'a Talk) -> Pending<'a, ()> {
        self.refuse("stop torrents")
    }

    fn start<'a>(&'a self, _: &'a [String], _: bool, _: &'a Talk) -> Pending<'a, ()> {
        self.refuse("start torrents")
    }

    fn banned<'a>(&'a self, _: &'a Talk) -> Pending<'a, Vec<Ip>> {
        self.refuse("read the banned addresses")
    }

    fn ban<'a>(&'a self, _: &'a [Ip], _: &'a Talk) -> Pending<'a, ()> {
        self.refuse("ban addresses")
    }

    fn unban<'a>(&'a self, _: &'a [Ip], _: &'a Talk) -> Pending<'a, ()> {
        self.refuse("unban addresses")
    }

    fn takes_networks<'a>(&'a self, _: &'a Talk) -> Pending<'a, bool> {
        self.refuse("ban networks")
    }

    fn request<'a>(&'a self, _: Raw, _: &'a Talk) -> Pending<'a, Answer> {
        self.refuse("send requests")
    }
}
