//! What a person types, evaluated in the daemon: single inputs, and sessions whose variables stay.
//!
//! `POST /api/v1/eval` takes `{"code", "live", "allow", "session"}` and gives `{"ok", "value", "text", "calls",
//! "would", "output", "variables"}`, or `error` in place of `value` and `text`; the status is 200 in both cases.
//! `text` is the value as the REPL shows it, empty where there is nothing to show; `variables` are `{"name", "is",
//! "value"}`, and with a `session` there is `shown`, which is `text` before it is drawn. With the same `session` the next input sees the variables and functions of the last one. Breaking the
//! request off cancels the input, and the session stays. `DELETE /api/v1/eval/{session}` begins it anew.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::asked::{Answer, Asked, No, Reply, to_json};
use crate::config::Mode;
use crate::error::{Error, Kind, Result};
use crate::journal::{Level, Line};
use crate::permission::{Grant, Grants};
use crate::script::{Context, MANUAL, Session, Setup};
use crate::shown::Look;
use crate::text::clip;
use crate::time::Time;

/// Characters of an input that the log shows.
const SHOWN: usize = 500;

pub(super) async fn eval(asked: Asked) -> Answer {
    let Asked { gate, host, .. } = &asked;
    let mut grants = Grants::default();
    for text in asked.texts("allow") {
        grants.allow.push(Grant::parse(text).map_err(|why| Error::new(Kind::Argument, why))?);
    }
    let mode = if asked.flag("live") { asked.live()? } else { Mode::Watch };
    let code = asked.need("code").to_owned();
    let name = asked.text("session").map(ToOwned::to_owned);
    let now = host.clock.now();
    let mut session = gate.sittings.take(name.as_deref(), now, || Session::new(&host.config.scripts))?;
    let context = Context::new(
        Arc::clone(host),
        Setup {
            script: "eval".into(),
            trigger: None,
            run: MANUAL.into(),
            mode,
            grants,
            deadline: now + host.config.limits.timeout,
            cancel: CancellationToken::new(),
            permits: None,
        },
    );
    if mode == Mode::Live {
        // Whoever looks at what happened must be able to see who did it.
        let message = format!("somebody evaluates, live: {}", clip(&code, SHOWN));
        host.journal.write(&Line::new(now, Level::Info, "eval", message).of("eval", None, None));
    }
    // Whoever asked may go away.
    let _cancel = context.cancel.clone().drop_guard();
    let (run, sittings, zone) = (Arc::clone(&context), Arc::clone(&gate.sittings), host.config.timezone);
    let thread = tokio::task::spawn_blocking(move || {
        let answer = catch_unwind(AssertUnwindSafe(|| session.eval(&run, &code)));
        let variables = if name.is_some() { session.variables(zone, &run.host.masker) } else { Vec::new() };
        // Also where nobody waits for the answer any more.
        sittings.give_back(name.as_deref(), session);
        (answer, variables)
    });
    let (answer, variables) =
        thread.await.map_err(|panic| Error::internal(format!("a host function panicked: {panic}")))?;
    let answer = answer.unwrap_or_else(|_| Err(Error::internal("a host function panicked").hint("please report it")));
    let record = context.record();
    let variables: Vec<Value> = variables
        .into_iter()
        .map(|variable| json!({"name": variable.name, "is": variable.ty, "value": variable.text}))
        .collect();
    let mut said = json!({
        "ok": answer.is_ok(),
        "calls": record.calls,
        "would": record.would,
        "output": record.output,
        "variables": variables,
    });
    match answer {
        Ok(answer) => {
            said["value"] = answer.json;
            let nothing = answer.shown.is_nothing();
            said["text"] = if nothing { "".into() } else { answer.shown.draw(Look::default()).into() };
            // Whoever is attached draws it to the width of a terminal.
            if asked.text("session").is_some() {
                said["shown"] = to_json(&answer.shown)?;
            }
        }
        Err(error) => said["error"] = to_json(&host.masker.mask_error(error))?,
    }
    Ok(Reply::Json(said))
}

#[expect(clippy::unused_async, reason = "an operation is a future")]
pub(super) async fn end(asked: Asked) -> Answer {
    let name = asked.need("session");
    if asked.gate.sittings.forget(name)? {
        Ok(Reply::Json(json!({"deleted": true})))
    } else {
        Err(No::unknown("session", name, None))
    }
}

/// The sessions of the REPLs that are attached.
#[derive(Default)]
pub(in crate::server) struct Sittings(Mutex<HashMap<String, Sitting>>);

struct Sitting {
    /// Away while an input is evaluated.
    session: Option<Session>,
    used: Time,
}

impl Sittings {
    /// Sessions that are kept.
    const MOST: usize = 16;

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Sitting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session of that name, or a new one.
    fn take(&self, name: Option<&str>, now: Time, new: impl FnOnce() -> Session) -> Result<Session, No> {
        let Some(name) = name else { return Ok(new()) };
        let mut sittings = self.lock();
        if let Some(sitting) = sittings.get_mut(name) {
            sitting.used = now;
            return sitting.session.take().ok_or_else(|| occupied(name));
        }
        if sittings.len() >= Self::MOST {
            let idle = sittings.iter().filter(|(_, sitting)| sitting.session.is_some());
            let oldest = idle.min_by_key(|(_, sitting)| sitting.used).map(|(name, _)| name.clone());
            match oldest {
                Some(oldest) => drop(sittings.remove(&oldest)),
                None => return Err(occupied(name)),
            }
        }
        sittings.insert(name.to_owned(), Sitting { session: None, used: now });
        Ok(new())
    }

    fn give_back(&self, name: Option<&str>, session: Session) {
        if let Some(name) = name
            && let Some(sitting) = self.lock().get_mut(name)
        {
            sitting.session = Some(session);
        }
    }

    /// False where there is none.
    fn forget(&self, name: &str) -> Result<bool, No> {
        let mut sittings = self.lock();
        match sittings.get(name) {
            None => Ok(false),
            Some(Sitting { session: None, .. }) => Err(occupied(name)),
            Some(_) => Ok(sittings.remove(name).is_some()),
        }
    }
}

fn occupied(name: &str) -> No {
    let error = Error::new(Kind::Cancelled, format!("the session `{name}` is busy with another input"))
        .hint("wait for it, or break its request off");
    No::new(StatusCode::CONFLICT, error)
}
