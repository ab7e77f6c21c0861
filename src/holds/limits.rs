//! Speed limits as holds: the lowest wins, and the last release gives back what was set before.

use serde::{Deserialize, Serialize};

use super::{Book, Hold, Holds};
use crate::downloader::Limits;
use crate::error::{Error, Kind, Result};
use crate::fleet::Member;
use crate::recorder::Talk;
use crate::time::{Duration, Time};

/// How to limit.
#[derive(Clone, Debug, Default)]
pub struct LimitOptions {
    pub reason: String,
    /// Bytes per second; `None` is no limit for this reason.
    pub up: Option<i64>,
    pub down: Option<i64>,
    /// Ends by itself after that.
    pub duration: Option<Duration>,
}

/// A limit for one reason.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(super) struct Cap {
    pub(super) since: Time,
    pub(super) expires: Option<Time>,
    /// Ending it failed; the next attempt.
    #[serde(default)]
    pub(super) retry: Option<Time>,
    pub(super) up: Option<i64>,
    pub(super) down: Option<i64>,
}

impl Cap {
    pub(super) fn due(&self) -> Option<Time> {
        Some(self.expires?.max(self.retry.unwrap_or_default()))
    }

    pub(super) fn hold(&self, downloader: &str, reason: &str) -> Hold {
        Hold {
            downloader: downloader.into(),
            reason: reason.into(),
            kind: "limit",
            since: self.since,
            expires: self.expires,
            torrents: 0,
            up: self.up,
            down: self.down,
        }
    }
}

impl Book {
    /// The lowest of all reasons and of what was set before.
    fn lowest(&self) -> Limits {
        let all = || self.caps.values().chain(&self.before);
        Limits { up: all().filter_map(|cap| cap.up).min(), down: all().filter_map(|cap| cap.down).min() }
    }
}

impl Holds {
    /// Limits a client until the reason is released, and gives the limits now in force.
    ///
    /// # Errors
    /// `argument` for zero, which clients take for no limit.
    pub async fn limit_speed(&self, member: &Member, options: &LimitOptions, talk: &Talk) -> Result<Limits> {
        let talk = &talk.via("limit_speed");
        for (name, limit) in [("up", options.up), ("down", options.down)] {
            if let Some(limit) = limit.filter(|limit| *limit <= 0) {
                return Err(Error::new(Kind::Argument, format!("`{name}` cannot be {limit}"))
                    .hint("0 means unlimited in qBittorrent: write `stop_transfers()` or `\"unlimited\"`"));
            }
        }
        let _turn = self.turn(member, talk).await?;
        let now = talk.now();
        let set = member.client.limits(talk).await?;
        let before = Cap { since: now, up: set.up, down: set.down, ..Cap::default() };
        let book = self
            .edit(member, |book| {
                if book.caps.is_empty() {
                    book.before = Some(before);
                }
                let expires = options.duration.map(|duration| now + duration);
                let cap = Cap { since: now, expires, retry: None, up: options.up, down: options.down };
                book.caps.insert(options.reason.clone(), cap);
            })
            .await?;
        apply(member, book.lowest(), talk).await
    }

    /// Releases one reason, and gives the limits now in force.
    pub async fn restore_speed(&self, member: &Member, reason: &str, talk: &Talk) -> Result<Limits> {
        let talk = &talk.via("restore_speed");
        let _turn = self.turn(member, talk).await?;
        let mut book = self.book(member).await?;
        if book.caps.remove(reason).is_none() {
            return member.client.limits(talk).await;
        }
        let limits = apply(member, book.lowest(), talk).await?;
        // Last: until here a crash leaves the hold, and releasing it again does the rest.
        self.edit(member, |book| {
            book.caps.remove(reason);
            if book.caps.is_empty() {
                book.before = None;
            }
        })
        .await?;
        Ok(limits)
    }
}

/// Sets limits and reads them back.
async fn apply(member: &Member, limits: Limits, talk: &Talk) -> Result<Limits> {
    member.client.set_limits(limits, talk).await?;
    member.client.limits(talk).await
}
