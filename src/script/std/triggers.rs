//! Triggers: what a script registers at its top level.

use chrono_tz::Tz;
use rhai::{Dynamic, EvalAltResult, FnPtr, FuncRegistration, ImmutableString, Map, Module, NativeCallContext};

use crate::error::{Error, Kind, Result};
use crate::schedule::{self, Cron, Missed, MissedMode, OnReload, Overlap, Rule, TriggerSpec};
use crate::script::context::Context;
use crate::script::diagnostic::raise;
use crate::script::handler::{Action, Site, arity, detach};
use crate::script::options;
use crate::script::std::function::{Function, functions};
use crate::script::std::run_of;
use crate::script::value::type_name;
use crate::time::Duration;

type RhaiResult<T> = std::result::Result<T, Box<EvalAltResult>>;

/// A trigger as the script registered it.
pub(in crate::script) struct Registration {
    pub(in crate::script) spec: TriggerSpec,
    pub(in crate::script) site: Site,
    pub(in crate::script) action: Action,
}

const COMMON: [&str; 9] =
    ["name", "timezone", "overlap", "missed", "timeout", "retry", "jitter", "enabled", "on_reload"];

/// An interval shorter than this would only burden the host.
const SHORTEST: Duration = Duration::from_millis(100);

pub(super) static ROWS: &[Function] = functions! {
    pure Load Nothing.cron(expression: Text, what: (Text | (map of
            name: Text, timezone: Text, overlap: Text, missed: (Text | (map of mode: Text, window: Duration, limit: Int)), timeout: Duration,
            retry: (Int | (map of times: Int, wait: Duration)), jitter: Duration, enabled: Bool)), handler: (fn 1)) -> Null {
        "Runs the handler by a crontab expression of five fields, or six with seconds.",
        "按五段（或带秒的六段）crontab 表达式运行。",
        "cron(\"*/5 * * * *\", \"guard\", || info(\"tick\"))" => ""
    }
    pure Load Nothing.every(interval: (Duration | Text), what: (Text | (map of
            name: Text, timezone: Text, overlap: Text, missed: (Text | (map of mode: Text, window: Duration, limit: Int)), timeout: Duration,
            retry: (Int | (map of times: Int, wait: Duration)), jitter: Duration, enabled: Bool)), handler: (fn 1)) -> Null {
        "Runs the handler at an interval.",
        "按固定间隔运行。",
        "every(\"30s\", #{name: \"speed\", overlap: \"skip\"}, || info(\"tick\"))" => ""
    }
    pure Load Nothing.on_start(what: (Text | (map of
            name: Text, timezone: Text, overlap: Text, missed: (Text | (map of mode: Text, window: Duration, limit: Int)), timeout: Duration,
            retry: (Int | (map of times: Int, wait: Duration)), jitter: Duration, enabled: Bool)), handler: (fn 1)) -> Null {
        "Runs the handler once when tidegate starts.",
        "tidegate 启动时运行一次。",
        "on_start(\"hello\", || notify(\"up again\"))" => ""
    }
    pure Load Nothing.when(read: (fn 0), what: (map of
            name: Text, timezone: Text, overlap: Text, missed: (Text | (map of mode: Text, window: Duration, limit: Int)), timeout: Duration,
            retry: (Int | (map of times: Int, wait: Duration)), jitter: Duration, enabled: Bool, every: Duration, above: Float, below: Float, rearm_below: Float, rearm_above: Float, hold: Duration),
            on_enter: (fn 1); on_leave: (fn 1)) -> Null {
        "Reads a value every so often and runs a handler when it enters the condition, and another when it leaves it.",
        "定期读取一个值，进入条件时运行一个处理函数，离开时运行另一个。",
        "when(|| vps().data_usage().percent, #{name: \"quota\", every: \"5m\", above: 90}, |percent| notify(`${percent} %`))" => ""
    }
};

pub(super) fn add(module: &mut Module) {
    add_fn(module, "cron", |ctx, run, [expression, what, closure]: [Dynamic; 3]| {
        let options = options_of(&what)?;
        options::known(&options, &COMMON)?;
        let zone = zone(&options, run)?;
        let Some(text) = expression.read_lock::<ImmutableString>().map(|text| text.to_string()) else {
            return Err(Error::new(Kind::Argument, "the schedule is a text")
                .hint("write `cron(\"*/5 * * * *\", \"name\", || …)`"));
        };
        let cron = Cron::parse(&text, zone, run.host.clock.now())?;
        register(ctx, run, &options, schedule::Kind::Cron(cron), &closure)
    });
    add_fn(module, "every", |ctx, run, [interval, what, closure]: [Dynamic; 3]| {
        let options = options_of(&what)?;
        options::known(&options, &COMMON)?;
        let interval = interval_of("every", &interval)?;
        let phase = schedule::phase(&format!("{}/{}", run.script, name_of(&options)?), interval);
        register(ctx, run, &options, schedule::Kind::Every { interval, phase }, &closure)
    });
    add_fn(module, "on_start", |ctx, run, [what, closure]: [Dynamic; 2]| {
        let options = options_of(&what)?;
        options::known(&options, &COMMON)?;
        register(ctx, run, &options, schedule::Kind::Start, &closure)
    });
    add_fn(module, "when", |ctx, run, [read, what, enter]: [Dynamic; 3]| when(ctx, run, &read, &what, &enter, None));
    add_fn(module, "when", |ctx, run, [read, what, enter, leave]: [Dynamic; 4]| {
        when(ctx, run, &read, &what, &enter, Some(&leave))
    });
}

/// Registers a function of `N` arguments of any type; what they must be, its body says in words.
fn add_fn<const N: usize>(
    module: &mut Module,
    name: &'static str,
    body: impl Fn(&NativeCallContext, &Context, [Dynamic; N]) -> Result<()> + Send + Sync + 'static,
) {
    use rhai::{RhaiFunc, Shared};
    FuncRegistration::new(name).in_global_namespace().set_into_module_raw(
        module,
        [std::any::TypeId::of::<Dynamic>(); N],
        RhaiFunc::Pure {
            func: Shared::new(
                move |ctx: Option<NativeCallContext>, args: &mut [&mut Dynamic]| -> RhaiResult<Dynamic> {
                    let Some(ctx) = ctx else { return Ok(Dynamic::UNIT) };
                    let run = run_of(Some(&ctx)).map_err(|error| raise(Some(&ctx), error))?;
                    let values = std::array::from_fn(|i| args[i].flatten_clone());
                    body(&ctx, &run, values).map(|()| Dynamic::UNIT).map_err(|error| raise(Some(&ctx), error))
                },
            ),
            has_context: true,
            is_pure: true,
            is_volatile: true,
        },
    );
}

/// The options: a map, or the name alone.
fn options_of(what: &Dynamic) -> Result<Map> {
    if let Some(name) = what.read_lock::<ImmutableString>() {
        return Ok(Map::from([("name".into(), name.clone().into())]));
    }
    what.read_lock::<Map>().map(|map| map.clone()).ok_or_else(|| {
        Error::new(Kind::Argument, format!("a trigger has a name or options, not {}", type_name(what)))
            .hint("write `cron(\"*/5 * * * *\", \"name\", || …)` or `#{name: \"name\", …}`")
    })
}

fn name_of(options: &Map) -> Result<String> {
    options::text(options, "name")?.filter(|name| !name.trim().is_empty()).ok_or_else(|| {
        Error::new(Kind::Argument, "the trigger has no `name`")
            .hint("its name is how the history and `exec` know it: `#{name: \"guard\", …}`")
    })
}

fn zone(options: &Map, run: &Context) -> Result<Tz> {
    options::text(options, "timezone")?.map_or(Ok(run.host.config.timezone), |zone| schedule::zone(&zone))
}

fn interval_of(name: &str, value: &Dynamic) -> Result<Duration> {
    let interval = options::to_duration(name, value)?;
    if interval < SHORTEST {
        let shown = crate::units::format_duration(interval);
        return Err(Error::new(Kind::Argument, format!("`{name}` of {shown} is too short"))
            .hint("the shortest interval is 100ms; it would only burden the host"));
    }
    Ok(interval)
}

fn when(
    ctx: &NativeCallContext,
    run: &Context,
    read: &Dynamic,
    what: &Dynamic,
    enter: &Dynamic,
    leave: Option<&Dynamic>,
) -> Result<()> {
    let options = options_of(what)?;
    let keys: Vec<_> =
        COMMON.into_iter().chain(["every", "above", "below", "rearm_below", "rearm_above", "hold"]).collect();
    options::known(&options, &keys)?;
    let interval = match options::get(&options, "every") {
        Some(interval) => interval_of("every", interval)?,
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
        hold: options::duration(&options, "hold")?,
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
) -> Result<()> {
    let action = Action::Call(closure(ctx, handler, &[0, 1])?);
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
    let spec = TriggerSpec {
        name: name_of(options)?,
        kind,
        overlap: overlap(options)?,
        missed: missed(options)?,
        timeout: options::duration(options, "timeout")?,
        retry: retry(options)?,
        jitter: options::duration(options, "jitter")?.unwrap_or_default(),
        enabled: options::boolean(options, "enabled")?.unwrap_or(true),
        on_reload: options::text(options, "on_reload")?
            .map_or(Ok(OnReload::default()), |text| OnReload::parse(&text))?,
        line: position.line().unwrap_or(1),
        column: position.position().unwrap_or(1),
    };
    run.register(Registration { spec, site, action })
}

fn overlap(options: &Map) -> Result<Overlap> {
    options::text(options, "overlap")?.map_or(Ok(Overlap::default()), |text| Overlap::parse(&text))
}

fn missed(options: &Map) -> Result<Missed> {
    let Some(value) = options::get(options, "missed") else { return Ok(Missed::default()) };
    let Some(map) = value.read_lock::<Map>() else {
        return options::text(options, "missed")?.map_or(Ok(Missed::default()), |text| Missed::parse(&text));
    };
    options::known(&map, &["mode", "window", "limit"])?;
    let mode = options::text(&map, "mode")?.map_or(Ok(MissedMode::default()), |text| MissedMode::parse(&text))?;
    let limit = options::integer(&map, "limit")?.map_or(Ok(Missed::default().limit), |limit| {
        usize::try_from(limit).map_err(|_| Error::new(Kind::Argument, format!("`limit: {limit}` is negative")))
    })?;
    Ok(Missed { mode, window: options::duration(&map, "window")?, limit })
}

/// How often to try again, and after what wait.
fn retry(options: &Map) -> Result<(u32, Duration)> {
    const WAIT: Duration = Duration::from_seconds(10);
    let times = |n: i64| {
        u32::try_from(n)
            .ok()
            .filter(|n| *n <= 100)
            .ok_or_else(|| Error::new(Kind::Argument, format!("`retry` is 0 to 100 times, not {n}")))
    };
    let Some(value) = options::get(options, "retry") else { return Ok((0, WAIT)) };
    if let Some(map) = value.read_lock::<Map>() {
        options::known(&map, &["times", "wait"])?;
        return Ok((
            times(options::integer(&map, "times")?.unwrap_or(1))?,
            options::duration(&map, "wait")?.unwrap_or(WAIT),
        ));
    }
    let n = value.as_int().map_err(|_| Error::new(Kind::Argument, "`retry` is a number, or `#{times, wait}`"))?;
    Ok((times(n)?, WAIT))
}
