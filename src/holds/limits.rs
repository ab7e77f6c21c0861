//! Speed limits as holds: the lowest wins, and the last release gives back what was set before.

use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::Holds;
use super::book::Term;
use crate::api::shapes;
use crate::client::Client;
use crate::downloader::Limits;
use crate::error::{Error, Kind, Result};
use crate::fleet::Member;
use crate::recorder::{self, Talk};
use crate::time::{Duration, Time};

shapes! {
    /// The limits in force on a client.
    SpeedLimit {
        /// `()` is unlimited.
        up: Speed | null,
        /// `()` is unlimited.
        down: Speed | null,
        /// Who else limits it, `""` where nobody does.
        notice: Text,
    }
}

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

impl LimitOptions {
    /// # Errors
    /// `argument` for zero, which clients take for no limit, and where there is nothing to limit.
    pub fn check(&self) -> Result<()> {
        for (name, limit) in [("up", self.up), ("down", self.down)] {
            if let Some(limit) = limit.filter(|limit| *limit <= 0) {
                return Err(Error::new(Kind::Argument, format!("`{name}` cannot be {limit}"))
                    .hint("0 means unlimited in qBittorrent: write `stop_transfers()` or `\"unlimited\"`"));
            }
        }
        Ok(())
    }
}

/// The limits in force, and what else has a say.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SpeedLimit {
    pub up: Option<i64>,
    pub down: Option<i64>,
    pub notice: String,
}

impl SpeedLimit {
    fn new(limits: Limits, notice: Option<String>) -> Self {
        Self { up: limits.up, down: limits.down, notice: notice.unwrap_or_default() }
    }
}

/// PBH's own traffic limiter sets the upload limit of its clients whenever it likes.
///
/// # Errors
/// Where that PBH does not answer.
pub async fn other_limiter(pbh: &Client, talk: &Talk) -> Result<Option<String>> {
    let profile = recorder::call(pbh, "general_config_get", vec!["profile".into()], Map::new(), talk).await?;
    let module = &profile["module"]["active_monitoring"]["traffic_sliding_capping"];
    let on = module["enabled"].as_bool().unwrap_or(false);
    Ok(on.then(|| {
        format!(
            "the traffic limiter (流量限制) of `{}` sets the upload limit too, and the last one to do so wins: switch off \
             `module.active_monitoring.traffic_sliding_capping` there",
            pbh.name()
        )
    }))
}

impl Holds {
    /// Limits a client until the reason is released, and gives the limits now in force.
    ///
    /// # Errors
    /// `argument` for zero, which clients take for no limit.
    pub async fn limit_speed(&self, member: &Member, options: &LimitOptions, talk: &Talk) -> Result<SpeedLimit> {
        options.check()?;
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
        let limits = apply(member, book.lowest(), talk).await?;
        Ok(SpeedLimit::new(limits, self.notice(member, talk).await))
    }

    /// The limits in force on a client.
    pub async fn speed_limit(&self, member: &Member, talk: &Talk) -> Result<SpeedLimit> {
        let limits = member.client.limits(talk).await?;
        Ok(SpeedLimit::new(limits, self.notice(member, talk).await))
    }

    /// Who else limits it, as far as that can be told.
    async fn notice(&self, member: &Member, talk: &Talk) -> Option<String> {
        let pbh = self.fleet.pbh(Some(member.pbh.as_deref()?)).ok()?;
        other_limiter(&pbh, talk).await.ok()?
    }

    /// Releases one reason, and gives the limits now in force.
    pub async fn restore_speed(&self, member: &Member, reason: &str, talk: &Talk) -> Result<Limits> {
        let _turn = self.turn(member, talk).await?;
        let mut book = self.books.of(member).await?;
        if !book.caps.contains_key(reason) {
            return member.client.limits(talk).await;
        }
        // As with a stop: whoever finds it after a crash goes on.
        let now = talk.now();
        self.books.edit(&member.key(), member.name(), |book| book.end(Term::Cap, reason, now)).await?;
        book.caps.remove(reason);
        let limits = apply(member, book.lowest(), talk).await?;
        // Last: until here a crash leaves the hold, and releasing it again does the rest.
        self.books.edit(&member.key(), member.name(), |book| book.uncap(reason)).await?;
        Ok(limits)
    }
}

/// Sets limits and reads them back.
pub(super) async fn apply(member: &Member, limits: Limits, talk: &Talk) -> Result<Limits> {
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
