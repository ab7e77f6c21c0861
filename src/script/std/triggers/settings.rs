//! The options that triggers share.

use chrono_tz::Tz;
use rhai::{Dynamic, ImmutableString, Map};

use crate::error::{Error, Kind, Result};
use crate::schedule::{self, Between, Missed, MissedMode, OnReload, Overlap, RETRY_WAIT, TriggerSpec};
use crate::script::context::Context;
use crate::script::options;
use crate::script::value::type_name;
use crate::text::{list, suggestion};
use crate::time::Duration;
use crate::units::format_duration;

/// Options of every trigger but `on_stop`,
pub(super) const EACH: &[&str] =
    &["name", "timezone", "overlap", "timeout", "retry", "between", "enabled", "mode", "throttle", "on_reload"];
/// of those that are due at times,
pub(super) const TIMED: &[&str] = &["missed", "jitter"];
/// of those that are told that something happened,
pub(super) const TOLD: &[&str] = &["debounce"];
/// and of `on_stop`, which runs once and has no time to lose.
pub(super) const LAST: &[&str] = &["name", "timezone", "timeout", "between", "enabled", "mode"];

/// The options of a trigger, a map or the name alone; no others than those of `groups`.
///
/// # Errors
/// `argument` for an option that it does not have.
pub(super) fn options_of(trigger: &str, what: &Dynamic, groups: &[&[&str]]) -> Result<Map> {
    if let Some(name) = what.read_lock::<ImmutableString>() {
        return Ok(Map::from([("name".into(), name.clone().into())]));
    }
    let map = what.read_lock::<Map>().map(|map| map.clone()).ok_or_else(|| {
        Error::new(Kind::Argument, format!("a trigger has a name or options, not {}", type_name(what)))
            .hint("write `cron(\"*/5 * * * *\", \"name\", || …)` or `#{name: \"name\", …}`")
    })?;
    let known: Vec<_> = groups.iter().copied().flatten().copied().collect();
    let Some(key) = map.keys().find(|key| !known.contains(&key.as_str())) else { return Ok(map) };
    let elsewhere = [EACH, TIMED, TOLD].concat().contains(&key.as_str());
    let error = if elsewhere {
        Error::new(Kind::Argument, format!("`{key}` means nothing to `{trigger}`"))
    } else {
        Error::new(Kind::Argument, format!("unknown option `{key}`"))
    };
    let near = suggestion(key, known.iter().copied()).filter(|_| !elsewhere);
    Err(error.hint(near.unwrap_or_else(|| format!("the options are {}", list(known.iter().copied(), "and")))))
}

/// # Errors
/// `argument` where there is none.
pub(super) fn name_of(options: &Map) -> Result<String> {
    options::text(options, "name")?.filter(|name| !name.trim().is_empty()).ok_or_else(|| {
        Error::new(Kind::Argument, "the trigger has no `name`")
            .hint("its name is how the history and `exec` know it: `#{name: \"guard\", …}`")
    })
}

/// The zone of the option, else that of the configuration.
///
/// # Errors
/// `argument` with the nearest names.
pub(super) fn zone(options: &Map, run: &Context) -> Result<Tz> {
    options::text(options, "timezone")?.map_or(Ok(run.host.config.timezone), |zone| schedule::zone(&zone))
}

/// # Errors
/// `argument` where it is not a length of time, or too short.
pub(super) fn interval(name: &str, value: &Dynamic) -> Result<Duration> {
    let interval = options::to_duration(name, value)?;
    if interval < schedule::MINIMUM {
        let shown = format_duration(interval);
        return Err(Error::new(Kind::Argument, format!("`{name}` of {shown} is too short"))
            .hint("the shortest interval is 100ms; it would only burden the host"));
    }
    Ok(interval)
}

/// # Errors
/// `argument` where it is not a length of time, or none at all.
pub(super) fn positive(options: &Map, key: &str) -> Result<Option<Duration>> {
    let duration = options::duration(options, key)?;
    match duration.filter(|duration| *duration <= Duration::ZERO) {
        Some(none) => {
            Err(Error::new(Kind::Argument, format!("`{key}` of {} is no length of time", format_duration(none)))
                .hint(format!("write `{key}: \"30s\"`, or leave it out")))
        }
        None => Ok(duration),
    }
}

/// Reads into a trigger what its options say beside its name.
///
/// # Errors
/// `argument` with what is wrong with one of them.
pub(super) fn read(spec: &mut TriggerSpec, options: &Map, script: &str) -> Result<()> {
    if let Some(text) = options::text(options, "overlap")? {
        spec.overlap = Overlap::parse(&text)?;
    }
    if let Some(missed) = missed(options, spec.missed)? {
        spec.missed = missed;
    }
    spec.timeout = positive(options, "timeout")?;
    spec.retry = retry(options)?;
    if let Some(most) = positive(options, "jitter")? {
        // The end of the range belongs to it.
        let name = format!("{script}/{}/jitter", spec.name);
        spec.jitter = schedule::phase(&name, most + Duration::from_millis(1));
    }
    spec.between = options::texts(options, "between")?
        .unwrap_or_default()
        .iter()
        .map(|text| Between::parse(text))
        .collect::<Result<_>>()?;
    spec.throttle = positive(options, "throttle")?;
    spec.debounce = positive(options, "debounce")?;
    spec.dry = match options::text(options, "mode")?.as_deref() {
        None | Some("live") => false,
        Some("watch") => true,
        Some(other) => {
            let error = Error::new(Kind::Argument, format!("`{other}` is not a value of `mode`"));
            return Err(error.hint("it is `watch`, a dry run of this trigger, or `live`"));
        }
    };
    if let Some(text) = options::text(options, "on_reload")? {
        spec.on_reload = OnReload::parse(&text)?;
    }
    spec.enabled = options::boolean(options, "enabled")?.unwrap_or(true);
    Ok(())
}

fn missed(options: &Map, usual: Missed) -> Result<Option<Missed>> {
    let Some(value) = options::get(options, "missed") else { return Ok(None) };
    let Some(map) = value.read_lock::<Map>() else {
        let mode = options::text(options, "missed")?.map(|text| MissedMode::parse(&text)).transpose()?;
        return Ok(mode.map(|mode| Missed { mode, ..usual }));
    };
    options::known(&map, &["mode", "window", "limit"])?;
    let mode = options::text(&map, "mode")?.map_or(Ok(usual.mode), |text| MissedMode::parse(&text))?;
    let limit = options::integer(&map, "limit")?.map_or(Ok(usual.limit), |limit| {
        usize::try_from(limit).map_err(|_| Error::new(Kind::Argument, format!("`limit: {limit}` is negative")))
    })?;
    Ok(Some(Missed { mode, window: positive(&map, "window")?.or(usual.window), limit }))
}

/// How often to try again, and after what wait.
fn retry(options: &Map) -> Result<(u32, Duration)> {
    let times = |n: i64| {
        u32::try_from(n)
            .ok()
            .filter(|n| *n <= 100)
            .ok_or_else(|| Error::new(Kind::Argument, format!("`retry` is 0 to 100 times, not {n}")))
    };
    let Some(value) = options::get(options, "retry") else { return Ok((0, RETRY_WAIT)) };
    if let Some(map) = value.read_lock::<Map>() {
        options::known(&map, &["times", "wait"])?;
        return Ok((
            times(options::integer(&map, "times")?.unwrap_or(1))?,
            positive(&map, "wait")?.unwrap_or(RETRY_WAIT),
        ));
    }
    let n = value.as_int().map_err(|_| Error::new(Kind::Argument, "`retry` is a number, or `#{times, wait}`"))?;
    Ok((times(n)?, RETRY_WAIT))
}
