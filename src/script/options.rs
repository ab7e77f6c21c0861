//! Option maps and loosely typed arguments: one reader for each kind of value, one error for each mistake.

use chrono_tz::Tz;
use rhai::{Dynamic, Map};

use crate::error::{Error, Kind, Result};
use crate::text::suggestion;
use crate::time::{Duration, Time};
use crate::units;

use super::value::type_name;

/// # Errors
/// `argument` for a key that is not among `keys`, with the nearest one.
pub(super) fn known(map: &Map, keys: &[&str]) -> Result<()> {
    match map.keys().find(|key| !keys.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => {
            let mut error = Error::new(Kind::Argument, format!("unknown option `{key}`"));
            error.hint = suggestion(key, keys.iter().copied())
                .or_else(|| Some(format!("the options are {}", crate::text::list(keys.iter().copied(), "and"))));
            Err(error)
        }
    }
}

fn wrong(name: &str, wanted: &str, found: &Dynamic) -> Error {
    Error::new(Kind::Argument, format!("`{name}` is {wanted}, not {}", type_name(found)))
}

/// The value of a key, unless it is absent or `()`.
pub(super) fn get<'a>(map: &'a Map, key: &str) -> Option<&'a Dynamic> {
    map.get(key).filter(|value| !value.is_unit())
}

pub(super) fn text(map: &Map, key: &str) -> Result<Option<String>> {
    get(map, key).map(|value| to_text(key, value)).transpose()
}

pub(super) fn to_text(name: &str, value: &Dynamic) -> Result<String> {
    value.read_lock::<rhai::ImmutableString>().map(|text| text.to_string()).ok_or_else(|| wrong(name, "a text", value))
}

pub(super) fn boolean(map: &Map, key: &str) -> Result<Option<bool>> {
    get(map, key).map(|value| value.as_bool().map_err(|_| wrong(key, "true or false", value))).transpose()
}

pub(super) fn integer(map: &Map, key: &str) -> Result<Option<i64>> {
    get(map, key).map(|value| value.as_int().map_err(|_| wrong(key, "a whole number", value))).transpose()
}

#[expect(clippy::cast_precision_loss, reason = "thresholds are floats")]
pub(super) fn number(map: &Map, key: &str) -> Result<Option<f64>> {
    get(map, key)
        .map(|value| {
            value
                .as_float()
                .or_else(|_| value.as_int().map(|int| int as f64))
                .map_err(|_| wrong(key, "a number", value))
        })
        .transpose()
}

/// A list of texts; one text is a list of one.
pub(super) fn texts(map: &Map, key: &str) -> Result<Option<Vec<String>>> {
    let Some(value) = get(map, key) else { return Ok(None) };
    let one = |value: &Dynamic| {
        value
            .read_lock::<rhai::ImmutableString>()
            .map(|text| text.to_string())
            .ok_or_else(|| wrong(key, "a text or a list of texts", value))
    };
    match value.read_lock::<rhai::Array>() {
        Some(items) => items.iter().map(one).collect::<Result<_>>().map(Some),
        None => one(value).map(|text| Some(vec![text])),
    }
}

pub(super) fn duration(map: &Map, key: &str) -> Result<Option<Duration>> {
    get(map, key).map(|value| to_duration(key, value)).transpose()
}

/// A Duration, or a text like `"30m"`.
///
/// # Errors
/// `argument`; a bare number gets both spellings.
pub(super) fn to_duration(name: &str, value: &Dynamic) -> Result<Duration> {
    if let Some(duration) = value.read_lock::<Duration>() {
        return Ok(*duration);
    }
    if let Some(text) = value.read_lock::<rhai::ImmutableString>() {
        return units::parse_duration(&text);
    }
    let error = wrong(name, "a duration", value);
    Err(if value.is_int() || value.is_float() {
        error.hint(format!("write `{value}.minutes` or `\"{value}m\"`"))
    } else {
        error.hint("write `30.minutes` or `\"30m\"`")
    })
}

/// A Time, or a text in RFC 3339 or local time.
pub(super) fn to_time(name: &str, value: &Dynamic, zone: Tz) -> Result<Time> {
    if let Some(time) = value.read_lock::<Time>() {
        return Ok(*time);
    }
    if let Some(text) = value.read_lock::<rhai::ImmutableString>() {
        return Time::parse(&text, zone).ok_or_else(|| {
            Error::new(Kind::Argument, format!("`{}` is not a time", *text))
                .hint("write `\"2026-07-03 08:00\"` or RFC 3339")
        });
    }
    Err(wrong(name, "a Time", value).hint("write `now() - 2.days` or `\"2026-07-03 08:00\"`"))
}

/// A number of bytes, or a text like `"1.5 GiB"`.
pub(super) fn size(map: &Map, key: &str) -> Result<Option<i64>> {
    let Some(value) = get(map, key) else { return Ok(None) };
    if let Some(text) = value.read_lock::<rhai::ImmutableString>() {
        return units::parse_size(&text).map(Some);
    }
    whole(value).map(Some).ok_or_else(|| wrong(key, "a size", value).hint("write `5.MiB` or `\"5 MiB\"`"))
}

/// Bytes per second, or a text like `"2 MiB/s"`; `"unlimited"` and an absent key are none.
pub(super) fn speed(map: &Map, key: &str) -> Result<Option<i64>> {
    let Some(value) = get(map, key) else { return Ok(None) };
    if let Some(text) = value.read_lock::<rhai::ImmutableString>() {
        return units::parse_speed(&text);
    }
    whole(value).map(Some).ok_or_else(|| wrong(key, "a speed", value).hint("write `2.MiB` or `\"2 MiB/s\"`"))
}

/// Bytes, rounded where they were calculated.
#[expect(clippy::cast_possible_truncation, reason = "far beyond any amount of bytes it saturates")]
fn whole(value: &Dynamic) -> Option<i64> {
    value
        .as_int()
        .ok()
        .or_else(|| value.as_float().ok().filter(|float| float.is_finite()).map(|float| float.round() as i64))
}
