//! The torrent clients as they stand, who holds them and why, and how that is given back: for commands and for
//! the control API.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::{join, join_all};
use serde::Serialize;

use crate::downloader::{Limits, Rates};
use crate::error::{Error, Kind, Result};
use crate::fleet::Member;
use crate::holds::Hold;
use crate::host::Host;
use crate::recorder::Talk;
use crate::text::list;
use crate::time::Duration;

/// How long it may take to ask all of them.
const TO_ASK: Duration = Duration::from_seconds(20);
/// How long it may take to give everything back.
const TO_RELEASE: Duration = Duration::from_seconds(120);

/// One client.
#[derive(Debug, Serialize)]
pub struct Client {
    pub name: String,
    pub pbh: Option<String>,
    pub vps: Option<String>,
    pub kind: String,
    pub url: String,
    pub version: Option<String>,
    /// Bytes per second.
    pub up_speed: Option<i64>,
    pub down_speed: Option<i64>,
    /// Null is unlimited, or not known.
    pub up_limit: Option<i64>,
    pub down_limit: Option<i64>,
    pub holds: Vec<Hold>,
    /// Why it cannot be asked.
    pub error: Option<Error>,
}

/// What is known of all of them.
#[derive(Debug)]
pub struct Roster {
    pub clients: Vec<Client>,
    /// The PBHs that do not tell their clients.
    pub failed: Vec<(String, Error)>,
    /// On clients that are not known at present.
    pub orphans: Vec<Hold>,
}

/// Asks every client.
///
/// # Errors
/// Those of the store; what a client says is in its row.
pub async fn look(host: &Arc<Host>) -> Result<Roster> {
    let talk = Talk::silent(Arc::clone(&host.clock), host.clock.now() + TO_ASK);
    let (members, failed) = host.fleet.every_downloader(&talk).await;
    let mut holds = host.holds.holds(None).await?;
    let mut clients = join_all(members.iter().map(|member| ask(host, member, &talk))).await;
    for client in &mut clients {
        (client.holds, holds) = holds.into_iter().partition(|hold| hold.downloader == client.name);
    }
    Ok(Roster { clients, failed, orphans: holds })
}

async fn ask(host: &Host, member: &Member, talk: &Talk) -> Client {
    let client = &member.client;
    // The version first: one login for all of them.
    let asked = async {
        let version = client.version(talk).await?;
        let (speed, limits) = join(client.speed(talk), client.limits(talk)).await;
        Ok::<_, Error>((version, speed?, limits?))
    };
    let (found, error) = match asked.await {
        Ok((version, speed, limits)) => (Some((version, speed, limits)), None),
        Err(error) => (None, Some(error)),
    };
    let (version, speed, limits): (Option<String>, Option<Rates>, Option<Limits>) = match found {
        Some((version, speed, limits)) => (Some(version), Some(speed), Some(limits)),
        None => (None, None, None),
    };
    Client {
        name: member.name().into(),
        pbh: member.pbh.clone(),
        vps: host.fleet.vps_of(member).map(Into::into),
        kind: client.kind().into(),
        url: member.link.url.clone(),
        version,
        up_speed: speed.map(|speed| speed.up),
        down_speed: speed.map(|speed| speed.down),
        up_limit: limits.and_then(|limits| limits.up),
        down_limit: limits.and_then(|limits| limits.down),
        holds: Vec::new(),
        error,
    }
}

/// What became of a release.
#[derive(Debug, Default, Serialize)]
pub struct Released {
    pub released: Vec<Hold>,
    pub failed: Vec<Failure>,
}

/// A client that could not be given back.
#[derive(Debug, Serialize)]
pub struct Failure {
    pub downloader: String,
    pub error: Error,
}

/// Gives back what is held: on one client or on all, for one reason or for all.
///
/// # Errors
/// `argument` where a client or a reason is named that holds nothing; those of the store.
pub async fn release(host: &Arc<Host>, name: Option<&str>, reason: Option<&str>) -> Result<Released> {
    let talk = Talk::silent(Arc::clone(&host.clock), host.clock.now() + TO_RELEASE);
    let mut held = host.holds.held().await?;
    let all = host.holds.holds(None).await?;
    if let Some(name) = name {
        held.retain(|(_, known)| known == name);
        if held.is_empty() {
            let there = all.iter().map(|hold| hold.downloader.as_str());
            return Err(nothing(&format!("nothing is held on `{name}`"), there));
        }
    }
    if let Some(reason) = reason
        && !all.iter().any(|hold| hold.reason == reason)
    {
        let there = all.iter().map(|hold| hold.reason.as_str());
        return Err(nothing(&format!("nothing is held for `{reason}`"), there));
    }
    let mut report = Released::default();
    for (key, name) in held {
        let outcome = match host.fleet.by_key(&key, &talk).await {
            Ok(member) => host.holds.release(&member, reason, &talk).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(holds) => report.released.extend(holds),
            Err(error) => report.failed.push(Failure { downloader: name, error }),
        }
    }
    Ok(report)
}

fn nothing<'a>(what: &str, there: impl Iterator<Item = &'a str>) -> Error {
    let there: BTreeSet<&str> = there.collect();
    let error = Error::new(Kind::Argument, what);
    if there.is_empty() {
        error.hint("nothing is held at all")
    } else {
        error.hint(format!("there is {}", list(there, "and")))
    }
}
