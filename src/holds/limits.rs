//! Speed limits as holds: the lowest wins, and the last release gives back what was set before.

use serde::{Deserialize, Serialize};

use super::Holds;
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
    pub since: Time,
    pub expires: Option<Time>,
    /// Ending it failed; the next attempt.
    #[serde(default)]
    pub retry: Option<Time>,
    pub up: Option<i64>,
    pub down: Option<i64>,
}

impl Holds {
    /// Limits a client until the reason is released, and gives the limits now in force.
    ///
    /// # Errors
    /// `argument` for zero, which clients take for no limit.
    pub async fn limit_speed(&self, member: &Member, options: &LimitOptions, talk: &Talk) -> Result<Limits> {
        for (name, limit) in [("up", options.up), ("down", options.down)] {
            if let Some(limit) = limit.filter(|limit| *limit <= 0) {
                return Err(Error::new(Kind::Argument, format!("`{name}` cannot be {limit}"))
                    .hint("0 means unlimited in qBittorrent: write `stop_transfers()` or `\"unlimited\"`"));
            }
        }
        let _turn = self.turn(member, talk).await?;
        let now = talk.now();
        let before = member.client.limits(talk).await?;
        let cap = Cap {
            since: now,
            expires: options.duration.map(|duration| now + duration),
            retry: None,
            up: options.up,
            down: options.down,
        };
        let book = self
            .books
            .edit(&member.key(), member.name(), |book| {
                if book.caps.is_empty() {
                    book.before = Some(before);
                }
                book.caps.insert(options.reason.clone(), cap);
            })
            .await?;
        apply(member, book.lowest(), talk).await
    }

    /// Releases one reason, and gives the limits now in force.
    pub async fn restore_speed(&self, member: &Member, reason: &str, talk: &Talk) -> Result<Limits> {
        let _turn = self.turn(member, talk).await?;
        let mut book = self.books.of(member).await?;
        if book.caps.remove(reason).is_none() {
            return member.client.limits(talk).await;
        }
        let limits = apply(member, book.lowest(), talk).await?;
        // Last: until here a crash leaves the hold, and releasing it again does the rest.
        self.books.edit(&member.key(), member.name(), |book| book.uncap(reason)).await?;
        Ok(limits)
    }
}

/// Sets limits and reads them back.
async fn apply(member: &Member, limits: Limits, talk: &Talk) -> Result<Limits> {
    member.client.set_limits(limits, talk).await?;
    let set = member.client.limits(talk).await?;
    // Some versions round to KiB.
    let near = |a: Option<i64>, b: Option<i64>| a.zip(b).map_or(a == b, |(a, b)| (a - b).abs() <= 1024);
    if near(set.up, limits.up) && near(set.down, limits.down) {
        return Ok(set);
    }
    Err(Error::new(Kind::Api, format!("`{}` did not take the limits", member.name()))
        .hint("its alternative limits or PBH's traffic limiter may be in force; the hold stands")
        .from_call("downloader", "limit_speed"))
}
