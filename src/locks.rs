//! A VPS is locked while a job runs on it; this waits for the end.

use serde_json::{Map, Value};

use crate::client::Client;
use crate::error::{Error, Kind, Result};
use crate::recorder::{self, Talk};
use crate::time::{Duration, Time};
use crate::units::format_duration;

/// Between two looks.
const EVERY: Duration = Duration::from_seconds(10);

/// Returns once the VPS is not locked, with the time that took. `migrate_get_locations` is what tells: it
/// is refused as long as a job runs, and changes nothing. While nothing answers, which jobs may be the
/// reason of, it asks on.
///
/// # Errors
/// `timeout` where it is locked still; at once whatever says something other than "locked" or "not now".
pub async fn wait_until_unlocked(vps: &Client, timeout: Duration, talk: &Talk) -> Result<Duration> {
    let started = talk.now();
    let until = (started + timeout).min(talk.deadline);
    loop {
        let patient = Talk { deadline: until.max(talk.now() + EVERY).min(talk.deadline), ..talk.clone() };
        let Err(error) = probe(vps, &patient).await else { return Ok(talk.now() - started) };
        if !is_passing(&error) {
            return Err(error);
        }
        let next = talk.now() + EVERY;
        if next > until {
            return Err(late(&error, started, talk.now()));
        }
        talk.clock.sleep_until(next).await;
    }
}

/// What `migrate_get_locations` says while no job runs on the VPS.
///
/// # Errors
/// `locked` while one does.
pub async fn probe(vps: &Client, talk: &Talk) -> Result<Value> {
    recorder::call(vps, "migrate_get_locations", Vec::new(), Map::new(), &talk.fresh()).await
}

/// Whether a job may be the reason of an error, so that the same question has another answer later.
pub fn is_passing(error: &Error) -> bool {
    matches!(error.kind, Kind::Locked | Kind::Transport | Kind::Timeout | Kind::RateLimit)
}

fn late(last: &Error, started: Time, now: Time) -> Error {
    let mut error =
        Error::new(Kind::Timeout, format!("still locked after {}: {}", format_duration(now - started), last.message))
            .hint("reinstalling takes 5 to 15 minutes, a migration longer; give the trigger a `timeout` beyond that");
    error.service.clone_from(&last.service);
    error.endpoint.clone_from(&last.endpoint);
    error.code = last.code;
    error
}
