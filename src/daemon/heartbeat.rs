//! A sign of life for somebody who notices when it stops: sent only while the scripts that matter are well.

use std::sync::Arc;

use tokio::sync::watch;

use super::account::talk;
use super::plan::NOT_ENABLED;
use super::{Handle, ScriptStatus, Status};
use crate::config::Heartbeat;
use crate::host::Host;
use crate::journal::{Level, Line};
use crate::ledger::State;
use crate::library;
use crate::text::suggestion;
use crate::time::Time;

/// Beats until nobody decides any more.
pub(super) async fn run(mut hosts: watch::Receiver<Arc<Host>>, daemon: Handle) {
    let clock = Arc::clone(&hosts.borrow().clock);
    let mut said = None;
    loop {
        let host = Arc::clone(&hosts.borrow_and_update());
        let Some(heartbeat) = host.config.heartbeat.clone() else {
            // It may be asked for later.
            let Ok(()) = hosts.changed().await else { return };
            continue;
        };
        let Some(status) = daemon.status().await else { return };
        let trouble = match ill(&status, heartbeat.scripts.as_deref()) {
            Some(why) => Some(format!("no heartbeat is sent: {why}")),
            None => match host.notifier.beat(&heartbeat, &talk(&host)).await {
                Ok(()) => None,
                Err(error) => Some(format!("the heartbeat failed: {}", error.message)),
            },
        };
        if trouble != said {
            let (level, text) = match &trouble {
                Some(trouble) => (Level::Warn, trouble.as_str()),
                None if said.is_some() => (Level::Info, "the heartbeat is sent again"),
                None => (Level::Debug, "the first heartbeat was sent"),
            };
            host.journal.write(&Line::new(clock.now(), level, "heartbeat", text));
        }
        said = trouble;
        tokio::select! {
            () = clock.sleep_until(next(clock.now(), &heartbeat)) => {}
            Ok(()) = hosts.changed() => {}
        }
    }
}

/// Aligned to the epoch, so that restarts do not make it rarer.
fn next(now: Time, heartbeat: &Heartbeat) -> Time {
    let step = heartbeat.every.millis().max(1000);
    Time::from_millis((now.millis().div_euclid(step) + 1) * step)
}

/// The first thing that is not well with the scripts that were named, or with any.
fn ill(status: &Status, names: Option<&[String]>) -> Option<String> {
    if status.ready.is_none() {
        return Some("the scripts are still being loaded".into());
    }
    let Some(names) = names else {
        return status.scripts.iter().filter(|script| script.state != library::State::Disabled).find_map(unwell);
    };
    names.iter().find_map(|name| {
        if let Some(script) = status.scripts.iter().find(|script| script.name == *name) {
            return unwell(script);
        }
        let hint = suggestion(name, status.scripts.iter().map(|script| script.name.as_str())).unwrap_or_default();
        Some(format!("there is no script `{name}`; {hint}"))
    })
}

fn unwell(script: &ScriptStatus) -> Option<String> {
    let name = &script.name;
    match script.state {
        library::State::Loaded => {}
        library::State::Stale | library::State::Broken => return Some(format!("`{name}` does not load")),
        library::State::Disabled => return Some(format!("`{name}` is disabled")),
    }
    script.triggers.iter().find_map(|trigger| {
        let of = format!("the trigger `{}` of `{name}`", trigger.name);
        if trigger.off.as_deref().is_some_and(|why| why != NOT_ENABLED) {
            return Some(format!("{of} is off"));
        }
        let bad = trigger.last_state.filter(|state| matches!(state, State::Failed | State::TimedOut))?;
        Some(format!("the last run of {of} {}", if bad == State::Failed { "failed" } else { "timed out" }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::TriggerStatus;

    fn status(state: library::State, last: Option<State>, off: Option<&str>) -> Status {
        let trigger = TriggerStatus {
            name: "t".into(),
            kind: "cron",
            expression: None,
            url: None,
            next: None,
            last_state: last,
            last_ended: None,
            off: off.map(Into::into),
            skipped: 0,
            missed: 0,
        };
        let script = ScriptStatus {
            name: "guard".into(),
            state,
            mode: crate::config::Mode::Live,
            version: None,
            error: None,
            triggers: vec![trigger],
        };
        let now = Time::from_seconds(0);
        Status { version: "0", started: now, ready: Some(now), stopping: false, running: 0, scripts: vec![script] }
    }

    #[test]
    fn only_what_is_well_beats() {
        use library::State::{Broken, Disabled, Loaded, Stale};
        let guard = ["guard".to_owned()];
        for (state, last, off, well) in [
            (Loaded, None, None, true),
            (Loaded, Some(State::Ok), None, true),
            (Loaded, Some(State::Skipped), None, true),
            (Loaded, Some(State::Ok), Some(NOT_ENABLED), true),
            (Loaded, Some(State::Failed), None, false),
            (Loaded, Some(State::TimedOut), None, false),
            (Loaded, Some(State::Ok), Some("it failed ten times in a row"), false),
            (Stale, Some(State::Ok), None, false),
            (Broken, None, None, false),
            (Disabled, None, None, false),
        ] {
            assert_eq!(ill(&status(state, last, off), Some(&guard)).is_none(), well, "{state:?} {last:?} {off:?}");
        }
        assert_eq!(ill(&status(Disabled, None, None), None), None, "nobody named it");
        let gone = ill(&status(Loaded, None, None), Some(&["gaurd".to_owned()])).unwrap();
        assert!(gone.contains("did you mean `guard`?"), "{gone}");
    }
}
