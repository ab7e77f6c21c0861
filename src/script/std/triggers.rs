//! Triggers: what a script registers at its top level.

use chrono_tz::Tz;
use rhai::{Array, Dynamic, FnPtr, ImmutableString, Map, Module, NativeCallContext};
use serde_json::json;

use crate::error::{Error, Kind, Result};
use crate::schedule::{self, Cron, Once, Rule, Timetable, TriggerSpec};
use crate::script::context::Context;
use crate::script::handler::{Action, Argument, Site, arity, detach};
use crate::script::options;
use crate::script::value::{to_json, type_name};
use crate::time::Time;

mod later;
mod places;
mod rows;
mod settings;

pub(super) use rows::ROWS;

use settings::{EACH, TIMED, TOLD, name_of, options_of, zone};

/// A trigger as the script registered it.
pub(in crate::script) struct Registration {
    pub(in crate::script) spec: TriggerSpec,
    pub(in crate::script) site: Site,
    pub(in crate::script) action: Action,
}

pub(super) fn add(module: &mut Module) {
    add_timed(module);
    add_told(module);
}

/// What is due at times of its own.
fn add_timed(module: &mut Module) {
    add_fn(module, "cron", |ctx, run, [expression, what, closure]: [Dynamic; 3]| {
        let options = options_of("cron", &what, &[EACH, TIMED])?;
        let cron = cron(&expression, zone(&options, run)?, run)?;
        register(ctx, run, &options, schedule::Kind::Cron(cron), &closure, Argument::Occasion)
    });
    add_fn(module, "every", |ctx, run, [interval, what, closure]: [Dynamic; 3]| {
        let options = options_of("every", &what, &[EACH, TIMED])?;
        let interval = settings::interval("every", &interval)?;
        let phase = schedule::phase(&format!("{}/{}", run.script, name_of(&options)?), interval);
        let kind = schedule::Kind::Every { interval, phase };
        register(ctx, run, &options, kind, &closure, Argument::Occasion)
    });
    add_fn(module, "at", |ctx, run, [time, what, third]: [Dynamic; 3]| {
        if !third.is::<FnPtr>() && run.is_running() {
            return later::arm(run, &time, &what, &third);
        }
        let options = options_of("at", &what, &[EACH, TIMED])?;
        let once = once(&time, zone(&options, run)?, run)?;
        register(ctx, run, &options, schedule::Kind::At(once), &third, Argument::Occasion)
    });
    add_fn(module, "at", |_, run, [time, what]: [Dynamic; 2]| later::arm(run, &time, &what, &Dynamic::UNIT));
    add_fn(module, "schedule", |ctx, run, [entries, closure]: [Dynamic; 2]| {
        // Without options it has the name of its kind.
        timetable(ctx, run, &entries, &"schedule".into(), &closure)
    });
    add_fn(module, "schedule", |ctx, run, [entries, what, closure]: [Dynamic; 3]| {
        timetable(ctx, run, &entries, &what, &closure)
    });
    add_fn(module, "when", |ctx, run, [read, what, enter]: [Dynamic; 3]| when(ctx, run, &read, &what, &enter, None));
    add_fn(module, "when", |ctx, run, [read, what, enter, leave]: [Dynamic; 4]| {
        when(ctx, run, &read, &what, &enter, Some(&leave))
    });
}

/// What fires because something happened.
fn add_told(module: &mut Module) {
    add_fn(module, "on_start", |ctx, run, [what, closure]: [Dynamic; 2]| {
        let options = options_of("on_start", &what, &[EACH])?;
        register(ctx, run, &options, schedule::Kind::Start, &closure, Argument::Occasion)
    });
    add_fn(module, "on_stop", |ctx, run, [what, closure]: [Dynamic; 2]| {
        let options = options_of("on_stop", &what, &[settings::LAST])?;
        register(ctx, run, &options, schedule::Kind::Stop, &closure, Argument::Occasion)
    });
    add_fn(module, "on_failure", |ctx, run, [what, closure]: [Dynamic; 2]| {
        let options = options_of("on_failure", &what, &[EACH, TOLD])?;
        let error = Error::new(Kind::Script, "an example: nothing has failed");
        let sample = json!({
            "script": run.script, "trigger": "example", "run": null, "state": "failed", "attempt": 1,
            "at": run.host.clock.now(), "error": error,
        });
        register(ctx, run, &options, schedule::Kind::Failure, &closure, Argument::Data { sample })
    });
    add_fn(module, "on_webhook", |ctx, run, [path, what, closure]: [Dynamic; 3]| {
        let options = options_of("on_webhook", &what, &[EACH, TOLD])?;
        let path = places::webhook(&options::to_text("path", &path)?)?;
        let sample = json!({
            "method": "POST", "path": path, "query": {}, "headers": {}, "body": "", "json": null, "form": null,
        });
        register(ctx, run, &options, schedule::Kind::Webhook { path }, &closure, Argument::Data { sample })
    });
    add_fn(module, "on_file", |ctx, run, [pattern, what, closure]: [Dynamic; 3]| {
        let options = options_of("on_file", &what, &[EACH, TOLD])?;
        let pattern = places::files(&options::to_text("path", &pattern)?, &run.host.config)?;
        let sample = json!([]);
        register(ctx, run, &options, schedule::Kind::File { pattern }, &closure, Argument::Data { sample })
    });
    add_fn(module, "on_event", |ctx, run, [name, what, closure]: [Dynamic; 3]| {
        let options = options_of("on_event", &what, &[EACH, TOLD])?;
        let name = options::to_text("event", &name)?;
        if name.trim().is_empty() {
            return Err(Error::new(Kind::Argument, "the event has no name").hint("write `on_event(\"ban\", …)`"));
        }
        let argument = Argument::Event(name.clone());
        register(ctx, run, &options, schedule::Kind::Event { name }, &closure, argument)
    });
}

/// Registers a function that registers a trigger.
fn add_fn<const N: usize>(
    module: &mut Module,
    name: &'static str,
    body: impl Fn(&NativeCallContext, &Context, [Dynamic; N]) -> Result<()> + Send + Sync + 'static,
) {
    super::add_fn(module, name, move |ctx, run, values| body(ctx, run, values).map(|()| Dynamic::UNIT));
}

fn cron(expression: &Dynamic, zone: Tz, run: &Context) -> Result<Cron> {
    let Some(text) = expression.read_lock::<ImmutableString>().map(|text| text.to_string()) else {
        return Err(
            Error::new(Kind::Argument, "the schedule is a text").hint("write `cron(\"*/5 * * * *\", \"name\", || …)`")
        );
    };
    Cron::parse(&text, zone, run.host.clock.now())
}

/// A Time, a date and time, or a time of day.
fn once(time: &Dynamic, zone: Tz, run: &Context) -> Result<Once> {
    if let Some(time) = time.read_lock::<Time>() {
        return Ok(Once { time: *time, expression: time.rfc3339(zone) });
    }
    match time.read_lock::<ImmutableString>() {
        Some(text) => Once::parse(&text, zone, run.host.clock.now()),
        None => Err(Error::new(Kind::Argument, format!("`at` takes a Time or a text, not {}", type_name(time)))
            .hint("write `\"2026-07-03 08:00\"`, `\"08:00\"` or `now() + 2.hours`")),
    }
}

fn timetable(
    ctx: &NativeCallContext,
    run: &Context,
    entries: &Dynamic,
    what: &Dynamic,
    closure: &Dynamic,
) -> Result<()> {
    let options = options_of("schedule", what, &[EACH, TIMED])?;
    let zone = zone(&options, run)?;
    let hint = "write `schedule([#{at: \"0 8 * * *\", up: \"2 MiB/s\"}, #{at: \"0 23 * * *\", up: \"unlimited\"}], …)`";
    let wrong = |message: String| Error::new(Kind::Argument, message).hint(hint);
    let entries = entries.read_lock::<Array>().map(|entries| entries.clone()).unwrap_or_default();
    if entries.is_empty() {
        return Err(wrong("`schedule` takes a list of entries, at least one".into()));
    }
    let mut crons = Vec::new();
    for (position, entry) in entries.iter().enumerate() {
        let at = entry.read_lock::<Map>().and_then(|entry| entry.get("at").cloned());
        let at = at.ok_or_else(|| wrong(format!("entry {} has no `at`", position + 1)))?;
        crons.push(cron(&at, zone, run)?);
    }
    let texts = entries.iter().map(|entry| to_json(entry, zone).to_string()).collect();
    let table = Timetable { entries: crons, texts };
    let argument = Argument::Entry { table: table.clone(), entries };
    register(ctx, run, &options, schedule::Kind::Schedule(table), closure, argument)
}

fn when(
    ctx: &NativeCallContext,
    run: &Context,
    read: &Dynamic,
    what: &Dynamic,
    enter: &Dynamic,
    leave: Option<&Dynamic>,
) -> Result<()> {
    let own: &[&str] = &["every", "above", "below", "rearm_below", "rearm_above", "hold"];
    let options = options_of("when", what, &[EACH, TIMED, own])?;
    let interval = match options::get(&options, "every") {
        Some(interval) => settings::interval("every", interval)?,
        None => {
            return Err(Error::new(Kind::Argument, "`when` needs `every`: how often the condition is read")
                .hint("write `every: \"5m\"`"));
        }
    };
    let name = name_of(&options)?;
    let rule = rule(&options)?;
    let action = Action::When {
        read: closure(ctx, read, &[0])?,
        enter: closure(ctx, enter, &[0, 1])?,
        leave: leave.map(|leave| closure(ctx, leave, &[0, 1])).transpose()?,
        rule,
        hold: settings::positive(&options, "hold")?,
        trigger: name.clone(),
    };
    let phase = schedule::phase(&format!("{}/{name}", run.script), interval);
    add_registration(ctx, run, &options, schedule::Kind::When { interval, phase, rule }, action)
}

fn rule(options: &Map) -> Result<Rule> {
    let of = |key: &str| options::number(options, key);
    let (above, below) = (of("above")?, of("below")?);
    let rearm = |key: &str, threshold: f64, on_side: fn(f64, f64) -> bool| -> Result<f64> {
        match of(key)? {
            Some(rearm) if on_side(rearm, threshold) => {
                Err(Error::new(Kind::Argument, format!("`{key}: {rearm}` lies inside the condition `{threshold}`"))
                    .hint("the value must leave the condition before it can enter again"))
            }
            Some(rearm) => Ok(rearm),
            None => Ok(threshold),
        }
    };
    match (above, below) {
        (Some(_), Some(_)) => Err(Error::new(Kind::Argument, "`above` and `below` exclude each other")),
        (Some(above), None) => {
            Ok(Rule::Above { above, rearm: rearm("rearm_below", above, |rearm, above| rearm > above)? })
        }
        (None, Some(below)) => {
            Ok(Rule::Below { below, rearm: rearm("rearm_above", below, |rearm, below| rearm < below)? })
        }
        (None, None) => Ok(Rule::Bool),
    }
}

fn register(
    ctx: &NativeCallContext,
    run: &Context,
    options: &Map,
    kind: schedule::Kind,
    handler: &Dynamic,
    argument: Argument,
) -> Result<()> {
    let action = Action::Call { closure: closure(ctx, handler, &[0, 1])?, argument };
    add_registration(ctx, run, options, kind, action)
}

/// A closure that takes as many arguments as it will get.
fn closure(ctx: &NativeCallContext, value: &Dynamic, takes: &[usize]) -> Result<FnPtr> {
    let Some(closure) = value.read_lock::<FnPtr>() else {
        return Err(Error::new(Kind::Argument, format!("the handler is a closure, not {}", type_name(value)))
            .hint("write `|| { … }`"));
    };
    let most = takes.iter().max().copied().unwrap_or(0);
    match arity(ctx.global_runtime_state(), &closure) {
        Some(n) if !takes.contains(&n) => Err(Error::new(
            Kind::Argument,
            format!("the handler takes {}, but gets {most}", crate::text::count(n, "argument")),
        )
        .hint(if most == 0 { "write `|| …`" } else { "write `|| …` or `|what| …`" })),
        _ => Ok(detach(&closure)),
    }
}

fn add_registration(
    ctx: &NativeCallContext,
    run: &Context,
    options: &Map,
    kind: schedule::Kind,
    action: Action,
) -> Result<()> {
    let site = Site::of(ctx);
    let position = site.position();
    let mut spec = TriggerSpec::new(name_of(options)?, kind, zone(options, run)?);
    settings::read(&mut spec, options, &run.script)?;
    (spec.line, spec.column) = (position.line().unwrap_or(1), position.position().unwrap_or(1));
    run.register(Registration { spec, site, action })
}
