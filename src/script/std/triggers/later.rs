//! `at(time, "trigger", data)` at run time: that trigger once more, at a time of its own.

use rhai::Dynamic;
use serde_json::json;

use crate::database::random_id;
use crate::error::{Error, Kind, Result};
use crate::events::Signal;
use crate::schedule::LATER;
use crate::script::context::Context;
use crate::script::options;
use crate::script::std::{events, state};
use crate::store::OWN;
use crate::text::{list, suggestion};

/// Keeps it in the store, which outlives the daemon, and tells the daemon to look there.
///
/// # Errors
/// `permission` at load; `argument` for a time that has passed or a trigger that the script lacks.
pub(super) fn arm(run: &Context, time: &Dynamic, trigger: &Dynamic, data: &Dynamic) -> Result<()> {
    run.require_run("at(time, \"trigger\", data)")?;
    let trigger = options::to_text("trigger", trigger)?;
    let own = run.triggers.get().ok_or_else(|| {
        Error::new(Kind::Unsupported, "there is no script here whose trigger could fire")
            .hint("call it inside a trigger: it fires another one of the same script")
    })?;
    if !own.contains(&trigger) {
        let names = own.iter().map(String::as_str);
        let hint = suggestion(&trigger, names.clone()).unwrap_or_else(|| format!("it has {}", list(names, "and")));
        let message = format!("the script `{}` has no trigger `{trigger}`", run.script);
        return Err(Error::new(Kind::Argument, message).hint(hint));
    }
    let zone = run.host.config.timezone;
    let once = super::once(time, zone, run)?;
    if once.time <= run.host.clock.now() {
        let message = format!("`{}` has passed", once.time.display(zone));
        return Err(Error::new(Kind::Argument, message).hint("give it a time to come: `now() + 5.minutes`"));
    }
    let data = state::pack(data)?;
    let args = json!({"time": once.time, "trigger": trigger, "data": data});
    let summary = || format!("run `{trigger}` at {}", once.time.display(zone));
    if run.holds_back(|| events::note(run, "at", args.clone(), Some(summary())))? {
        return Ok(());
    }
    let key = format!("{LATER}{}", random_id());
    let kept = json!({"script": run.script, "trigger": trigger, "time": once.time.millis(), "data": data});
    run.wait("at", async { run.host.store.set(OWN, &key, &kept, None).await })?;
    run.host.bus.tell(Signal::Armed);
    run.note(events::note(run, "at", args, None));
    Ok(())
}
