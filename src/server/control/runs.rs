//! The run history, and the runs that are going.

use serde_json::json;

use super::asked::{Answer, Asked, No, Reply, to_json};
use crate::error::{Error, Kind, Result};
use crate::ledger::{Entry, Filter, State, why};
use crate::text::suggestion;
use crate::time::Duration;

/// Rows that are given where nobody says how many.
const ROWS: usize = 100;
/// The longest time that a request waits for the end of a run.
const LONGEST: Duration = Duration::from_seconds(300);
/// How often it is looked at the row itself: another process may be the one that writes it.
const LOOK: Duration = Duration::from_seconds(5);

pub(super) async fn list(asked: Asked) -> Answer {
    let state = asked.text("state").map(|name| {
        State::from_name(name).ok_or_else(|| {
            let mut error = Error::new(Kind::Argument, format!("`{name}` is no state of a run"));
            error.hint = suggestion(name, State::ALL.map(State::name));
            error
        })
    });
    let filter = Filter {
        id: None,
        script: asked.text("script").map(Into::into),
        trigger: asked.text("trigger").map(Into::into),
        state: state.transpose()?,
        n: Some(asked.number("n").and_then(|n| usize::try_from(n).ok()).unwrap_or(ROWS)),
    };
    Ok(Reply::Json(to_json(&asked.host.ledger.list(&filter).await?)?))
}

pub(super) async fn show(mut asked: Asked) -> Answer {
    let wait = Duration::from_seconds(asked.number("wait").and_then(|wait| wait.try_into().ok()).unwrap_or(0));
    if wait > Duration::ZERO {
        asked.only_waits()?;
    }
    let id = asked.need("run");
    let entry = ended(&asked, id, wait.min(LONGEST)).await?;
    let record = asked.host.ledger.trace(id).await?.map(serde_json::from_value).transpose();
    let record =
        record.map_err(|error| Error::internal(format!("what is kept of this run cannot be read: {error}")))?;
    let why = why(&entry, record.as_ref());
    Ok(Reply::Json(json!({"run": entry, "why_nothing": why, "trace": record})))
}

pub(super) async fn cancel(asked: Asked) -> Answer {
    let id = asked.need("run");
    if asked.gate.daemon.cancel(id).await {
        return Ok(Reply::Json(json!({"run": id, "cancelled": true})));
    }
    let entry = find(&asked, id).await?;
    let error = Error::new(Kind::Argument, format!("the run `{id}` is not going: it is {}", entry.state))
        .hint("`GET /runs?state=running` lists what is");
    Err(No::new(axum::http::StatusCode::NOT_FOUND, error))
}

async fn find(asked: &Asked, id: &str) -> Result<Entry, No> {
    let filter = Filter { id: Some(id.into()), n: Some(2), ..Filter::default() };
    let found = asked.host.ledger.list(&filter).await?.into_iter().find(|entry| entry.id == id);
    found.ok_or_else(|| No::unknown("run", id, None))
}

/// A run as it stands once it is over, or when `wait` is.
async fn ended(asked: &Asked, id: &str, wait: Duration) -> Result<Entry, No> {
    let clock = &asked.host.clock;
    let until = clock.now() + wait;
    // Before the row is read, so that no end falls between the two.
    let mut lines = asked.host.live.follow();
    loop {
        let entry = find(asked, id).await?;
        let now = clock.now();
        if !matches!(entry.state, State::Due | State::Running) || now >= until {
            return Ok(entry);
        }
        let over = async {
            while let Ok(line) = lines.recv().await {
                if line.run.as_deref() == Some(id) && line.event == "run_finished" {
                    return;
                }
            }
        };
        tokio::select! {
            () = over => {}
            () = clock.sleep_until(until.min(now + LOOK)) => {}
            () = asked.gate.stop.cancelled() => return Ok(entry),
        }
    }
}
