//! What tests do: open a world, let time pass in it, and look at what scripts did. Only in files of tests.

use std::sync::Arc;

use rhai::{Dynamic, Map, Module, NativeCallContext};
use serde_json::Value;

use crate::api::Type;
use crate::clock::past;
use crate::config::Mode;
use crate::error::{Error, Kind, Result};
use crate::http::{Method, Reply};
use crate::permission::Grant;
use crate::schedule::Once;
use crate::script::bench::{Bench, Staged};
use crate::script::context::Context;
use crate::script::diagnostic::to_map;
use crate::script::options;
use crate::script::std::{add_fn, state};
use crate::script::value::{self, type_name};
use crate::sim::Fault;
use crate::store::scope_of;
use crate::time::Time;

mod rows;
mod seen;

pub(super) use rows::ROWS;

use rows::WorldNow;
use seen::{runs, seen_calls, seen_logs, seen_messages};

pub(super) fn add(module: &mut Module) {
    add_setup(module);
    add_world(module);
    add_looks(module);
    add_assertions(module);
}

/// What a test begins with, and how time passes.
fn add_setup(module: &mut Module) {
    add_fn(module, "world", |_, run, []: [Dynamic; 0]| Ok(now(run.bench("world")?)));
    add_fn(module, "world", |_, run, [what]: [Dynamic; 1]| {
        let bench = run.bench("world")?;
        let staged = Staged::new(value::to_json(&what, run.host.config.timezone), &bench.folder)?;
        begins(bench.open(|opening| opening.world = Some(staged))?)?;
        Ok(now(bench))
    });
    add_fn(module, "start_at", |_, run, [time]: [Dynamic; 1]| {
        let time = options::to_time("time", &time, run.host.config.timezone)?;
        begins(run.bench("start_at")?.open(|opening| opening.start = Some(time))?)?;
        Ok(Dynamic::UNIT)
    });
    add_fn(module, "load", |_, run, [script]: [Dynamic; 1]| load(run, &script, &Map::new()));
    add_fn(module, "load", |_, run, [script, settings]: [Dynamic; 2]| {
        let settings = settings.read_lock::<Map>().map(|map| map.clone()).ok_or_else(|| {
            Error::new(Kind::Argument, format!("the settings are a map, not {}", type_name(&settings)))
        })?;
        load(run, &script, &settings)
    });
    add_fn(module, "advance", |_, run, [time]: [Dynamic; 1]| {
        let time = options::to_duration("time", &time)?;
        let from = run.bench("advance")?.at(run.host.clock.now());
        advance(run, from + time)
    });
    add_fn(module, "advance_to", |_, run, [time]: [Dynamic; 1]| {
        let zone = run.host.config.timezone;
        let from = run.bench("advance_to")?.at(run.host.clock.now());
        let text = time.read_lock::<rhai::ImmutableString>().map(|text| text.to_string());
        let to = match text {
            Some(text) => Once::parse(&text, zone, from)?.time,
            None => options::to_time("time", &time, zone)?,
        };
        if to < from {
            let (to, from) = (to.display(zone), from.display(zone));
            return Err(Error::new(Kind::Argument, format!("`{to}` has passed: it is {from}")));
        }
        advance(run, to)
    });
    add_fn(module, "fire", |_, run, [trigger]: [Dynamic; 1]| fire(run, &trigger, &Dynamic::UNIT));
    add_fn(module, "fire", |_, run, [trigger, data]: [Dynamic; 2]| fire(run, &trigger, &data));
}

/// What happens to the world.
fn add_world(module: &mut Module) {
    add_fn(module, "fault", |_, run, [what]: [Dynamic; 1]| {
        let bench = run.bench("fault")?;
        let what = value::to_json(&what, run.host.config.timezone);
        let fault: Fault = serde_json::from_value(what).map_err(|error| {
            Error::new(Kind::Argument, format!("this is no fault: {error}")).hint(
                "write `#{service: \"pbh\", fault: \"status\", status: 503}`; `docs/world-file.md` lists the keys",
            )
        })?;
        bench.world.fault(fault);
        Ok(Dynamic::UNIT)
    });
    add_fn(module, "heal", |_, run, []: [Dynamic; 0]| {
        run.bench("heal")?.world.heal();
        Ok(Dynamic::UNIT)
    });
    add_fn(module, "add_usage", |_, run, [vps, bytes]: [Dynamic; 2]| {
        let bench = run.bench("add_usage")?;
        let name = known_vps(bench, &vps)?;
        let bytes = options::size(&Map::from([("bytes".into(), bytes)]), "bytes")?.unwrap_or(0);
        let bytes =
            u64::try_from(bytes).map_err(|_| Error::new(Kind::Argument, format!("`{bytes}` bytes cannot be used")))?;
        bench.world.feed(&name, bytes / 2, bytes - bytes / 2);
        Ok(Dynamic::UNIT)
    });
    add_fn(module, "end_month", |_, run, [vps]: [Dynamic; 1]| {
        let bench = run.bench("end_month")?;
        bench.world.end_month(&known_vps(bench, &vps)?);
        Ok(Dynamic::UNIT)
    });
    add_fn(module, "reply_from", |_, run, [url, reply]: [Dynamic; 2]| {
        run.bench("reply_from")?;
        let url = options::to_text("url", &url)?;
        let zone = run.host.config.timezone;
        let map = reply.read_lock::<Map>().map(|map| map.clone()).unwrap_or_default();
        options::known(&map, &["status", "json", "text", "headers", "method"])?;
        let status = options::integer(&map, "status")?.unwrap_or(200);
        let status = u16::try_from(status).ok().filter(|status| (200..600).contains(status)).ok_or_else(|| {
            Error::new(Kind::Argument, format!("`{status}` is no status of a reply")).hint("it is 200 to 599")
        })?;
        let body = match (options::get(&map, "json"), options::text(&map, "text")?) {
            (Some(json), _) => value::to_json(json, zone).to_string(),
            (None, text) => text.unwrap_or_default(),
        };
        let method = options::text(&map, "method")?
            .map(|text| Method::from_bytes(text.to_uppercase().as_bytes()))
            .transpose()
            .map_err(|_| Error::new(Kind::Argument, "the `method` is no HTTP method"))?;
        let headers = options::get(&map, "headers").and_then(|headers| Some(headers.read_lock::<Map>()?.clone()));
        let headers = headers.unwrap_or_default().into_iter().map(|(name, text)| (name.to_string(), text.to_string()));
        run.host.http.stand_in(method, &url, Reply::stand_in(status, headers, body.into_bytes())?);
        Ok(Dynamic::UNIT)
    });
}

/// What happened so far.
fn add_looks(module: &mut Module) {
    for (name, event) in [("calls", "call"), ("would", "would")] {
        add_fn(module, name, move |_, run, []: [Dynamic; 0]| Ok(seen_calls(run.bench(name)?, run, event, None)));
        add_fn(module, name, move |_, run, [pattern]: [Dynamic; 1]| {
            let pattern = options::to_text("pattern", &pattern)?;
            Ok(seen_calls(run.bench(name)?, run, event, Some(&pattern)))
        });
    }
    add_fn(module, "messages", |_, run, []: [Dynamic; 0]| Ok(seen_messages(run.bench("messages")?, run, "")));
    add_fn(module, "messages", |_, run, [part]: [Dynamic; 1]| {
        Ok(seen_messages(run.bench("messages")?, run, &options::to_text("part", &part)?))
    });
    add_fn(module, "logs", |_, run, []: [Dynamic; 0]| Ok(seen_logs(run.bench("logs")?, run, "")));
    add_fn(module, "logs", |_, run, [part]: [Dynamic; 1]| {
        Ok(seen_logs(run.bench("logs")?, run, &options::to_text("part", &part)?))
    });
    add_fn(module, "runs", |_, run, []: [Dynamic; 0]| runs(run, None));
    add_fn(module, "runs", |_, run, [trigger]: [Dynamic; 1]| runs(run, Some(&options::to_text("trigger", &trigger)?)));
    add_fn(module, "state_of", |_, run, [script]: [Dynamic; 1]| {
        run.bench("state_of")?;
        let scope = scope_of(&options::to_text("script", &script)?);
        let kept = run.wait("state_of", run.host.store.list(Some(&scope), ""))?;
        Ok(kept.into_iter().map(|kept| (kept.key.into(), state::unpack(&kept.value))).collect::<Map>().into())
    });
}

fn add_assertions(module: &mut Module) {
    add_fn(module, "assert", |_, run, [condition]: [Dynamic; 1]| assert(run, &condition, None));
    add_fn(module, "assert", |_, run, [condition, text]: [Dynamic; 2]| {
        assert(run, &condition, Some(&value::display(&text, run.host.config.timezone)))
    });
    add_fn(module, "assert_eq", |ctx, run, [left, right]: [Dynamic; 2]| assert_eq(ctx, run, left, right, None));
    add_fn(module, "assert_eq", |ctx, run, [left, right, text]: [Dynamic; 3]| {
        let text = value::display(&text, run.host.config.timezone);
        assert_eq(ctx, run, left, right, Some(&text))
    });
}

/// # Errors
/// What ends the interpreter, where the test has to begin again.
fn begins(as_asked: bool) -> Result<()> {
    if as_asked { Ok(()) } else { Err(Error::new(Kind::Cancelled, "the test begins again in another world")) }
}

fn now(bench: &Bench) -> Dynamic {
    let snapshot = bench.world.snapshot();
    let world = serde_json::to_value(&snapshot).unwrap_or_default();
    value::typed(&world, &Type::Shape(&WorldNow))
}

fn known_vps(bench: &Bench, name: &Dynamic) -> Result<String> {
    let name = options::to_text("vps", name)?;
    let known: Vec<_> = bench.world.snapshot().vps.into_iter().map(|vps| vps.name).collect();
    if known.contains(&name) {
        return Ok(name);
    }
    let mut error = Error::new(Kind::Argument, format!("this world has no VPS `{name}`"));
    error.hint = crate::text::suggestion(&name, known.iter().map(String::as_str));
    Err(error)
}

fn load(run: &Arc<Context>, script: &Dynamic, settings: &Map) -> Result<Dynamic> {
    let bench = run.bench("load")?;
    options::known(settings, &["allow", "deny", "mode"])?;
    let grants = |key: &str| -> Result<Option<Vec<Grant>>> {
        let Some(texts) = options::texts(settings, key)? else { return Ok(None) };
        let grants = texts.iter().map(|text| Grant::parse(text).map_err(|why| Error::new(Kind::Argument, why)));
        grants.collect::<Result<_>>().map(Some)
    };
    let (allow, deny) = (grants("allow")?, grants("deny")?);
    let mode = match options::text(settings, "mode")?.as_deref() {
        None => None,
        Some("live") => Some(Mode::Live),
        Some("watch") => Some(Mode::Watch),
        Some(other) => {
            return Err(Error::new(Kind::Argument, format!("there is no mode `{other}`"))
                .hint("it is `\"live\"` or `\"watch\"`"));
        }
    };
    bench.crew.load(&options::to_text("script", script)?, &mut |settings| {
        settings.mode = mode.unwrap_or(settings.mode);
        if let Some(allow) = &allow {
            settings.grants.allow.clone_from(allow);
        }
        if let Some(deny) = &deny {
            settings.grants.deny.clone_from(deny);
        }
    })?;
    Ok(Dynamic::UNIT)
}

/// Lets time pass up to `to`, and a moment more.
fn advance(run: &Arc<Context>, to: Time) -> Result<Dynamic> {
    let bench = run.bench("advance")?;
    bench.move_to(to);
    let clock = &run.host.clock;
    run.wait("advance", async {
        bench.crew.begin().await?;
        clock.sleep_until(past(to)).await;
        Ok(Dynamic::UNIT)
    })
}

fn fire(run: &Arc<Context>, trigger: &Dynamic, data: &Dynamic) -> Result<Dynamic> {
    let bench = run.bench("fire")?;
    let trigger = options::to_text("trigger", trigger)?;
    bench.move_to(bench.at(run.host.clock.now()));
    let data = if data.is_unit() { Value::Null } else { state::pack(data)? };
    let fired = run.wait("fire", bench.crew.fire(&trigger, data))?;
    let error = fired.error.as_ref().map_or(Dynamic::UNIT, |error| to_map(error).into());
    Ok(Map::from([
        ("state".into(), fired.state.into()),
        ("value".into(), value::from_json(&fired.value)),
        ("status".into(), fired.status.map_or(Dynamic::UNIT, |status| i64::from(status).into())),
        ("changed".into(), fired.changed.into()),
        ("error".into(), error),
    ])
    .into())
}

fn assert(run: &Context, condition: &Dynamic, text: Option<&str>) -> Result<Dynamic> {
    run.bench("assert")?;
    match condition.as_bool() {
        Ok(true) => Ok(Dynamic::UNIT),
        Ok(false) => Err(Error::new(Kind::Script, text.unwrap_or("this is not so").to_owned())),
        Err(found) => Err(Error::new(Kind::Argument, format!("a condition is true or false, not {found}"))
            .hint("compare something: `assert(calls(\"ban\").len() > 0)`")),
    }
}

fn assert_eq(
    ctx: &NativeCallContext,
    run: &Context,
    left: Dynamic,
    right: Dynamic,
    text: Option<&str>,
) -> Result<Dynamic> {
    run.bench("assert_eq")?;
    let zone = run.host.config.timezone;
    let (shown, other) = (value::quoted(&left, zone), value::quoted(&right, zone));
    // As the script's own `==`, which compares nothing that cannot be equal.
    let equal = ctx.call_native_fn::<bool>("==", (left, right)).unwrap_or(false);
    if equal {
        return Ok(Dynamic::UNIT);
    }
    let text = text.map(|text| format!("{text}: ")).unwrap_or_default();
    Err(Error::new(Kind::Script, format!("{text}{shown} is not {other}")))
}
