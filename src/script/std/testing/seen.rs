//! What happened in the world of a test so far, as its functions show it.

use std::sync::Arc;

use rhai::{Array, Dynamic, Map};
use serde_json::{Map as Json, Value, json};

use super::rows::{SeenCall, SeenMessage, SeenRun};
use crate::api::Type;
use crate::error::Result;
use crate::journal::Line;
use crate::ledger::{Entry, Filter};
use crate::script::bench::Bench;
use crate::script::context::Context;
use crate::script::diagnostic::to_map;
use crate::script::value;
use crate::text::fits;

/// The lines of that event which are not the test's own.
fn lines(bench: &Bench, run: &Context, event: &str) -> Vec<Line> {
    let mut lines = bench.seen.lines();
    lines.retain(|line| line.event == event && line.run.as_deref() != Some(run.run.as_str()));
    lines
}

fn list(rows: impl Iterator<Item = Value>, ty: &Type) -> Dynamic {
    rows.map(|row| value::typed(&row, ty)).collect::<Array>().into()
}

pub(super) fn seen_calls(bench: &Bench, run: &Context, event: &str, pattern: Option<&str>) -> Dynamic {
    let rows = lines(bench, run, event).into_iter().filter_map(|line| {
        let text = |key: &str| line.data.get(key).and_then(Value::as_str).unwrap_or_default();
        let (service, instance, endpoint, via) = (text("service"), text("instance"), text("endpoint"), text("via"));
        let named = |what: &str| {
            let places = [service.to_owned(), format!("{service}/{instance}")];
            places.into_iter().flat_map(|place| [format!("{place}:{what}"), place]).chain([what.to_owned()]).collect()
        };
        let mut names: Vec<String> = named(endpoint);
        if !via.is_empty() {
            names.extend(named(via));
        }
        if pattern.is_some_and(|pattern| !names.iter().any(|name| fits(pattern, name))) {
            return None;
        }
        let mut row = line.data.clone();
        row.insert("at".into(), json!(line.ts));
        row.insert("script".into(), json!(line.script.unwrap_or_default()));
        row.insert("trigger".into(), json!(line.trigger));
        for key in ["via", "summary", "status"] {
            row.entry(key).or_insert(Value::Null);
        }
        row.remove("ms");
        Some(Value::Object(row))
    });
    list(rows, &Type::Shape(&SeenCall))
}

pub(super) fn seen_messages(bench: &Bench, run: &Context, part: &str) -> Dynamic {
    let rows = lines(bench, run, "call").into_iter().filter_map(|mut line| {
        let is = |key: &str, what: &str| line.data.get(key).and_then(Value::as_str) == Some(what);
        if !is("service", "notify") || line.data.get("ok") != Some(&true.into()) {
            return None;
        }
        let Some(Value::Object(args)) = line.data.remove("args") else { return None };
        let text = |key: &str| args.get(key).and_then(Value::as_str).unwrap_or_default();
        if !text("text").contains(part) && !text("title").contains(part) {
            return None;
        }
        let mut row = Json::new();
        row.insert("at".into(), json!(line.ts));
        row.insert("script".into(), json!(line.script));
        row.insert("trigger".into(), json!(line.trigger));
        row.insert("channel".into(), line.data.remove("endpoint").unwrap_or_default());
        for key in ["title", "text", "level"] {
            row.insert(key.into(), args.get(key).cloned().unwrap_or_default());
        }
        Some(Value::Object(row))
    });
    list(rows, &Type::Shape(&SeenMessage))
}

pub(super) fn seen_logs(bench: &Bench, run: &Context, part: &str) -> Dynamic {
    let lines = lines(bench, run, "log").into_iter().filter(|line| line.message.contains(part));
    lines.map(|line| line.message.into()).collect::<Array>().into()
}

pub(super) fn runs(run: &Arc<Context>, name: Option<&str>) -> Result<Dynamic> {
    run.bench("runs")?;
    let meant = |row: &Entry| {
        name.is_none_or(|name| {
            name == row.trigger || name == row.script || name == format!("{}/{}", row.script, row.trigger)
        })
    };
    let mut rows = run.wait("runs", run.host.ledger.list(&Filter::default()))?;
    rows.reverse();
    let rows = rows.into_iter().filter(meant).map(|row| {
        let error = row.error.as_ref().map_or(Dynamic::UNIT, |error| to_map(error).into());
        let json = json!({
            "script": row.script, "trigger": row.trigger, "state": row.state, "scheduled": row.scheduled,
            "started": row.started, "ended": row.ended, "attempt": row.attempt, "calls": row.calls,
            "changed": row.changed, "error": null,
        });
        let typed = value::typed(&json, &Type::Shape(&SeenRun));
        if let Some(mut map) = typed.clone().try_cast::<Map>() {
            map.insert("error".into(), error);
            return map.into();
        }
        typed
    });
    Ok(rows.collect::<Array>().into())
}
