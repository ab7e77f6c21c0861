//! Jobs: a call that starts one is sent once, and the VPS is asked until what it should bring about is there.

use serde_json::{Map, Value};

use crate::client::Client;
use crate::error::{Error, Kind, Result};
use crate::locks;
use crate::recorder::{self, Talk};
use crate::time::{Duration, Time};
use crate::units::format_duration;

/// Between two looks.
pub(super) const EVERY: Duration = Duration::from_seconds(10);
/// So long after its start a job may leave the VPS unlocked without anything having come of it.
const GRACE: Duration = Duration::from_seconds(60);

/// How the call that starts something went.
pub(super) enum Begun {
    Yes,
    /// The reply was lost: it may have begun or not.
    Unknown(Error),
}

/// Sends the call that starts something. A refusal because of a lock has started nothing, so that it is sent again
/// when the lock is gone; where nobody knows whether it arrived, it is not.
pub(super) async fn begin(
    vps: &Client,
    id: &str,
    positional: Vec<Value>,
    options: Map<String, Value>,
    talk: &Talk,
) -> Result<Begun> {
    loop {
        let Err(error) = recorder::call(vps, id, positional.clone(), options.clone(), talk).await else {
            return Ok(Begun::Yes);
        };
        let next = talk.now() + EVERY;
        match error.kind {
            Kind::Locked if next < talk.deadline => talk.clock.sleep_until(next).await,
            Kind::Transport | Kind::Timeout | Kind::Protocol | Kind::Http => return Ok(Begun::Unknown(error)),
            _ => return Err(error),
        }
    }
}

/// Asks until `found` finds what the job brings about, while the VPS is not locked.
///
/// # Errors
/// `timeout` where there is no time left; the error of the start where nothing came of one whose reply was lost; `api`
/// where nothing came of one that was accepted.
pub(super) async fn follow<T>(
    vps: &Client,
    id: &str,
    begun: Begun,
    talk: &Talk,
    found: impl AsyncFn(&Value) -> Result<Option<T>>,
) -> Result<T> {
    let began = talk.now();
    let mut idle: Option<Time> = None;
    loop {
        let next = talk.now() + EVERY;
        if next >= talk.deadline {
            return Err(late(id, began, talk.now()));
        }
        talk.clock.sleep_until(next).await;
        let looked = match locks::probe(vps, talk).await {
            Ok(locations) => found(&locations).await,
            Err(error) => Err(error),
        };
        match looked {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {
                let since = *idle.get_or_insert(talk.now());
                if talk.now() - since >= GRACE {
                    return Err(fruitless(id, begun));
                }
            }
            Err(error) if locks::is_passing(&error) => idle = None,
            Err(error) => return Err(error),
        }
    }
}

fn late(id: &str, began: Time, now: Time) -> Error {
    let long = format_duration(now - began);
    Error::new(Kind::Timeout, format!("the job is not done after {long}; it goes on"))
        .hint("give a longer `timeout`, and the trigger one too; do not start it again before looking")
        .from_call("kiwivm", id)
}

fn fruitless(id: &str, begun: Begun) -> Error {
    match begun {
        Begun::Yes => Error::new(Kind::Api, "the provider accepted the job, but nothing came of it")
            .hint("the provider's panel or `get_audit_log()` may say why")
            .from_call("kiwivm", id),
        Begun::Unknown(mut error) => {
            error.message = format!("{}; nothing came of it", error.message);
            error
        }
    }
}
