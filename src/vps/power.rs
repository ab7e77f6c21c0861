//! Starting and restarting, until the guest runs.

use serde_json::Map;

use super::job::{Begun, EVERY, begin};
use super::status::{Info, RUNNING};
use super::{ask, hurried};
use crate::client::Client;
use crate::error::{Error, Kind, Result};
use crate::locks;
use crate::recorder::Talk;
use crate::time::{Duration, Time};
use crate::units::format_duration;

/// After so long a guest that is seen running has been restarted, although nobody saw it down.
const RESTARTED: Duration = Duration::from_seconds(30);
/// After so long without an effect, a call whose reply was lost has not arrived.
const ARRIVED: Duration = Duration::from_seconds(60);

/// Starts the VPS unless it runs, and gives the time until it did.
///
/// # Errors
/// `timeout` where it does not run in the end; else what the provider says.
pub async fn start_and_wait(vps: &Client, timeout: Option<Duration>, talk: &Talk) -> Result<Duration> {
    let talk = &hurried(talk, timeout);
    let started = talk.now();
    let begun = match look(vps, talk).await? {
        Some(info) if info.state() == RUNNING => return Ok(Duration::ZERO),
        Some(info) if info.state() == "starting" => Begun::Yes,
        _ => match begin(vps, "start", Vec::new(), Map::new(), talk).await {
            Ok(begun) => begun,
            // Somebody else was faster, or it ran behind the lock.
            Err(error) if error.kind == Kind::Api && is_up(vps, talk).await => Begun::Yes,
            Err(error) => return Err(error),
        },
    };
    until_running(vps, "start", begun, started, None, talk).await
}

/// Restarts the VPS, and gives the time until it ran again.
///
/// # Errors
/// `timeout` where it does not run in the end; where nobody can tell whether it was restarted, why.
pub async fn restart_and_wait(vps: &Client, timeout: Option<Duration>, talk: &Talk) -> Result<Duration> {
    let talk = &hurried(talk, timeout);
    let started = talk.now();
    let begun = begin(vps, "restart", Vec::new(), Map::new(), talk).await?;
    let settled = talk.now() + RESTARTED;
    until_running(vps, "restart", begun, started, Some(settled), talk).await
}

async fn is_up(vps: &Client, talk: &Talk) -> bool {
    let state = look(vps, talk).await.ok().flatten().map(|info| info.state());
    state.is_some_and(|state| state == RUNNING || state == "starting")
}

/// `None` while a job hides it, or nothing answers.
async fn look(vps: &Client, talk: &Talk) -> Result<Option<Info>> {
    match ask(vps, "get_live_service_info", &talk.fresh()).await {
        Ok(info) => Ok(Some(info)),
        Err(error) if locks::is_passing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Looks until the guest runs. With `settled`, one that is seen running before then counts only if it was seen down.
async fn until_running(
    vps: &Client,
    id: &str,
    begun: Begun,
    started: Time,
    settled: Option<Time>,
    talk: &Talk,
) -> Result<Duration> {
    let mut down = settled.is_none();
    let mut last = None;
    loop {
        let next = talk.now() + EVERY;
        if next >= talk.deadline {
            return Err(late(id, last.as_ref(), talk.now() - started));
        }
        talk.clock.sleep_until(next).await;
        let Some(info) = look(vps, talk).await? else { continue };
        let (running, now) = (info.state() == RUNNING, talk.now());
        let settled = settled.is_none_or(|settled| now >= settled);
        match &begun {
            _ if running && down => return Ok(now - started),
            Begun::Yes if running && settled => return Ok(now - started),
            Begun::Unknown(error) if running && settled => {
                return Err(beside(error, "nobody can tell whether it was restarted"));
            }
            Begun::Unknown(error) if info.state() == "stopped" && now - started >= ARRIVED => {
                return Err(beside(error, "the VPS is stopped still"));
            }
            _ => down |= !running,
        }
        last = Some(info);
    }
}

fn beside(error: &Error, what: &str) -> Error {
    let mut error = error.clone();
    error.message = format!("{}; {what}", error.message);
    error
}

fn late(id: &str, last: Option<&Info>, long: Duration) -> Error {
    let long = format_duration(long);
    let told = match last {
        Some(info) if info.suspended => format!("the VPS is suspended and does not run after {long}"),
        Some(info) => format!("the VPS is `{}` after {long}", info.state()),
        None => format!("after {long} nobody can tell whether the VPS runs"),
    };
    let hint = match last {
        Some(info) if info.suspended => "`violations()` lists the cases that are open",
        _ => "give a longer `timeout`, and the trigger one too; the provider's panel shows its screen",
    };
    Error::new(Kind::Timeout, told).hint(hint).from_call("kiwivm", id)
}
