//! Script values: how replies become them, how they become JSON, and how they print.

use std::fmt::Write as _;

use chrono_tz::Tz;
use rhai::{Array, Dynamic, FnPtr, ImmutableString, Map};
use serde_json::Value;

use crate::address::Ip;
use crate::api::decode::{Build, Key};
use crate::api::{Shape, Type};
use crate::secret::{MASK, Masker, Secret};
use crate::time::{Duration, Time};
use crate::units;

use super::handles::{Downloader, Pbh, State, Vps};
use super::lazy::Lazy;

/// Builds script values from replies.
pub struct Values<'a> {
    /// Secrets that arrive in replies are masked from then on.
    pub masker: &'a Masker,
}

impl Build for Values<'_> {
    type Value = Dynamic;

    fn null(&mut self) -> Dynamic {
        Dynamic::UNIT
    }
    fn bool(&mut self, value: bool) -> Dynamic {
        value.into()
    }
    fn int(&mut self, value: i64) -> Dynamic {
        value.into()
    }
    fn float(&mut self, value: f64) -> Dynamic {
        value.into()
    }
    fn text(&mut self, value: &str) -> Dynamic {
        value.into()
    }
    fn time(&mut self, value: Time) -> Dynamic {
        Dynamic::from(value)
    }
    fn duration(&mut self, value: Duration) -> Dynamic {
        Dynamic::from(value)
    }
    fn ip(&mut self, value: &str) -> Dynamic {
        address(value)
    }
    fn secret(&mut self, value: Secret) -> Dynamic {
        self.masker.add(&value);
        Dynamic::from(value)
    }
    fn list(&mut self, items: Vec<Dynamic>) -> Dynamic {
        items.into()
    }
    fn map(&mut self, entries: Vec<(Key, Dynamic)>) -> Dynamic {
        let mut map = Map::new();
        for (key, value) in entries {
            match key {
                Key::Field(name) => map.insert(name.into(), value),
                Key::Data(name) => map.insert(name.into(), value),
            };
        }
        map.into()
    }
}

/// An address; the text itself where it is none (a manual ban of nonsense shows as it was sent).
pub fn address(text: &str) -> Dynamic {
    text.parse::<Ip>().map_or_else(|()| text.into(), Dynamic::from)
}

/// JSON as a script value, without any knowledge of its type.
pub fn from_json(value: &Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => match number.as_i64() {
            Some(int) => int.into(),
            None => number.as_f64().unwrap_or(f64::NAN).into(),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => items.iter().map(from_json).collect::<Array>().into(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.into(), from_json(value))).collect::<Map>().into(),
    }
}

/// JSON as a script value of a known type: times, addresses and so on become what they are.
/// Times are RFC 3339 and durations seconds, as [`to_json`] writes them.
pub fn typed(value: &Value, ty: &Type) -> Dynamic {
    match (ty, value) {
        (_, Value::Null) => Dynamic::UNIT,
        (Type::Null_(inner), value) => typed(value, inner),
        (Type::Millis | Type::Seconds, Value::String(text)) => {
            Time::parse(text, Tz::UTC).map_or_else(|| text.as_str().into(), Dynamic::from)
        }
        (Type::DurationMillis | Type::DurationSeconds, Value::Number(number)) => {
            Dynamic::from(Duration::from_seconds_f64(number.as_f64().unwrap_or(0.0)))
        }
        (Type::Float | Type::Share | Type::Percent | Type::Ratio, Value::Number(number)) => {
            number.as_f64().unwrap_or(f64::NAN).into()
        }
        (Type::Ip | Type::Cidr | Type::IpNumber, Value::String(text)) => address(text),
        (Type::List(item), Value::Array(items)) => {
            items.iter().map(|value| typed(value, item)).collect::<Array>().into()
        }
        (Type::Map(item), Value::Object(map)) => {
            map.iter().map(|(key, value)| (key.into(), typed(value, item))).collect::<Map>().into()
        }
        (Type::Shape(shape), Value::Object(map)) => {
            let mut fields: Map = map
                .iter()
                .map(|(key, value)| {
                    (key.into(), shape.field(key).map_or_else(|| from_json(value), |field| typed(value, &field.ty)))
                })
                .collect();
            for field in shape.fields {
                fields.entry(field.name.into()).or_insert(Dynamic::UNIT);
            }
            fields.into()
        }
        _ => from_json(value),
    }
}

/// A value of the right shape for what a dry run did not do: zero, empty, `()`.
pub fn placeholder(ty: &Type) -> Dynamic {
    match ty {
        Type::Null | Type::Any | Type::Null_(_) | Type::Secret => Dynamic::UNIT,
        Type::Bool => false.into(),
        Type::Int | Type::Bytes | Type::Speed => 0i64.into(),
        Type::Float | Type::Share | Type::Percent | Type::Ratio => 0.0.into(),
        Type::Text | Type::Ip | Type::Cidr | Type::IpNumber | Type::Base64 => "".into(),
        Type::Millis | Type::Seconds => Dynamic::from(Time::default()),
        Type::DurationMillis | Type::DurationSeconds => Dynamic::from(Duration::ZERO),
        Type::List(_) => Array::new().into(),
        Type::Map(_) => Map::new().into(),
        Type::Shape(shape) => placeholder_shape(shape).into(),
        Type::Page(_) => Map::from([
            ("page".into(), 1i64.into()),
            ("size".into(), 0i64.into()),
            ("total".into(), 0i64.into()),
            ("results".into(), Array::new().into()),
        ])
        .into(),
    }
}

fn placeholder_shape(shape: &Shape) -> Map {
    shape
        .fields
        .iter()
        .map(|field| {
            let value = if field.null || field.absent { Dynamic::UNIT } else { placeholder(&field.ty) };
            (field.name.into(), value)
        })
        .collect()
}

/// Lists in lists in lists: what lies deeper is neither shown nor kept. Readers of JSON give up not much later.
pub const DEEPEST: usize = 100;

/// A script value as JSON: times are RFC 3339 in `zone`, durations seconds, secrets masked.
pub fn to_json(value: &Dynamic, zone: Tz) -> Value {
    json(value, zone, DEEPEST, |_| MASK.into())
}

/// The same with secrets as they are: for what a script sends to a service, and for nothing else.
pub fn to_argument(value: &Dynamic, zone: Tz) -> Value {
    json(value, zone, DEEPEST, |secret| secret.expose().into())
}

fn json(value: &Dynamic, zone: Tz, left: usize, told: fn(&Secret) -> Value) -> Value {
    if let Some(time) = value.read_lock::<Time>() {
        return time.rfc3339(zone).into();
    }
    if let Some(duration) = value.read_lock::<Duration>() {
        return serde_json::to_value(*duration).unwrap_or(Value::Null);
    }
    if left == 0 && (value.is_array() || value.is_map()) {
        return "…".into();
    }
    if let Some(array) = value.read_lock::<Array>() {
        return array.iter().map(|item| json(item, zone, left - 1, told)).collect();
    }
    if let Some(map) = value.read_lock::<Map>() {
        return Value::Object(
            map.iter().map(|(key, item)| (key.to_string(), json(item, zone, left - 1, told))).collect(),
        );
    }
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return text.as_str().into();
    }
    if let Some(secret) = value.read_lock::<Secret>() {
        return told(&secret);
    }
    if value.is_unit() {
        return Value::Null;
    }
    if let Ok(value) = value.as_bool() {
        return value.into();
    }
    if let Ok(value) = value.as_int() {
        return value.into();
    }
    if let Ok(value) = value.as_float() {
        // JSON has no word for infinity and not-a-number.
        return serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number);
    }
    display(value, zone).into()
}

/// What a person wants to read: sizes stay numbers, times are local, maps and arrays readable.
pub fn display(value: &Dynamic, zone: Tz) -> String {
    let mut text = String::new();
    write(&mut text, value, zone, DEEPEST);
    text
}

/// The same, a text in quotes.
pub fn quoted(value: &Dynamic, zone: Tz) -> String {
    let mut text = String::new();
    write(&mut text, value, zone, DEEPEST - 1);
    text
}

/// Characters of a text inside a list or a map that are shown.
const LONGEST: usize = 300;

fn write(out: &mut String, value: &Dynamic, zone: Tz, left: usize) {
    if left == 0 {
        *out += "…";
        return;
    }
    if let Some(time) = value.read_lock::<Time>() {
        *out += &time.display(zone);
    } else if let Some(duration) = value.read_lock::<Duration>() {
        *out += &units::format_duration(*duration);
    } else if let Some(ip) = value.read_lock::<Ip>() {
        let _ = write!(out, "{}", *ip);
    } else if value.is::<Secret>() {
        *out += MASK;
    } else if let Some(text) = value.read_lock::<ImmutableString>() {
        if left < DEEPEST {
            // A screen in Base64, or a stack trace, would bury the fields beside it.
            match text.char_indices().nth(LONGEST) {
                Some((end, _)) => {
                    let _ = write!(out, "{:?}… of {} characters", &text[..end], text.chars().count());
                }
                None => {
                    let _ = write!(out, "{:?}", text.as_str());
                }
            }
        } else {
            *out += &text;
        }
    } else if let Some(array) = value.read_lock::<Array>() {
        *out += "[";
        for (i, item) in array.iter().enumerate() {
            if i > 0 {
                *out += ", ";
            }
            write(out, item, zone, left - 1);
        }
        *out += "]";
    } else if let Some(map) = value.read_lock::<Map>() {
        *out += "#{";
        for (i, (key, item)) in map.iter().enumerate() {
            let _ = write!(out, "{}{key}: ", if i > 0 { ", " } else { "" });
            write(out, item, zone, left - 1);
        }
        *out += "}";
    } else if let Some(vps) = value.read_lock::<Vps>() {
        *out += &vps.name;
    } else if let Some(pbh) = value.read_lock::<Pbh>() {
        *out += &pbh.name;
    } else if let Some(downloader) = value.read_lock::<Downloader>() {
        *out += &downloader.name;
    } else if let Some(rows) = value.read_lock::<Lazy>() {
        let _ = write!(out, "{}", *rows);
    } else if value.is::<State>() {
        *out += "state";
    } else if let Some(closure) = value.read_lock::<FnPtr>() {
        *out += if closure.is_anonymous() { "closure" } else { closure.fn_name() };
    } else if value.is_unit() {
        *out += "()";
    } else if let Ok(float) = value.as_float() {
        let _ = write!(out, "{float}");
        if float.fract() == 0.0 && float.abs() < 1e15 {
            *out += ".0";
        }
    } else {
        let _ = write!(out, "{value}");
    }
}

/// Aligned columns under their names, numbers to the right; a wide character takes two places. What is absent is empty.
pub fn table(names: &[String], rows: &[Vec<Dynamic>], zone: Tz) -> String {
    use comfy_table::{CellAlignment, Table, presets};
    let cell = |value: &Dynamic| if value.is_unit() { String::new() } else { display(value, zone) };
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(names);
    for row in rows {
        table.add_row(row.iter().map(cell));
    }
    for (n, column) in table.column_iter_mut().enumerate() {
        let numbers = rows.iter().filter_map(|row| row.get(n)).filter(|cell| !cell.is_unit());
        if !rows.is_empty() && numbers.clone().all(|cell| cell.is_int() || cell.is_float()) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// The name of a value's type in messages.
pub fn type_name(value: &Dynamic) -> &'static str {
    if value.is::<Time>() {
        "a Time"
    } else if value.is::<Duration>() {
        "a Duration"
    } else if value.is::<Ip>() {
        "an Ip"
    } else if value.is::<Secret>() {
        "a secret"
    } else if value.is::<Vps>() {
        "a VPS"
    } else if value.is::<Pbh>() {
        "a PBH"
    } else if value.is::<Downloader>() {
        "a downloader"
    } else if value.is::<Lazy>() {
        "rows still to be read"
    } else if value.is::<State>() {
        "a state store"
    } else if value.is::<FnPtr>() {
        "a closure"
    } else if value.is_unit() {
        "()"
    } else if value.is_bool() {
        "a bool"
    } else if value.is_int() {
        "an int"
    } else if value.is_float() {
        "a float"
    } else if value.is_char() {
        "a char"
    } else if value.is_string() {
        "a string"
    } else if value.is_array() {
        "an array"
    } else if value.is_map() {
        "a map"
    } else {
        "a value of another type"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_print_as_a_person_wants_them() {
        let map: Map =
            [("ip".into(), address("::ffff:203.0.113.7")), ("at".into(), Dynamic::from(Time::from_seconds(0)))].into();
        assert_eq!(display(&map.into(), Tz::UTC), "#{at: 1970-01-01 00:00, ip: 203.0.113.7}");
        assert_eq!(display(&93.5.into(), Tz::UTC), "93.5");
        assert_eq!(display(&Dynamic::from(Secret::new("hunter22")), Tz::UTC), "***");
    }

    #[test]
    fn only_an_argument_has_the_secret_in_it() {
        let map: Map = [("password".into(), Dynamic::from(Secret::new("hunter22")))].into();
        let map = Dynamic::from(map);
        assert_eq!(to_json(&map, Tz::UTC)["password"], "***");
        assert_eq!(to_argument(&map, Tz::UTC)["password"], "hunter22");
    }

    #[test]
    fn long_texts_inside_a_map_are_cut() {
        let map: Map = [("screen".into(), "ä".repeat(4000).into())].into();
        let shown = display(&map.into(), Tz::UTC);
        assert!(shown.ends_with("… of 4000 characters}") && shown.chars().count() < 350, "{shown}");
        assert_eq!(display(&"ä".repeat(4000).into(), Tz::UTC).chars().count(), 4000);
    }

    #[test]
    fn json_has_times_in_rfc_3339_and_durations_in_seconds() {
        assert_eq!(to_json(&Dynamic::from(Time::from_seconds(60)), Tz::UTC), "1970-01-01T00:01:00Z");
        assert_eq!(to_json(&Dynamic::from(Duration::from_seconds(90)), Tz::UTC), 90);
        assert_eq!(to_json(&Dynamic::from(Secret::new("hunter22")), Tz::UTC), "***");
    }
}
