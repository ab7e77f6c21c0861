//! Whether a value fits its type, and its one spelling.

use std::collections::HashSet;

use chrono_tz::Tz;
use serde_json::{Map, Value};

use crate::address::Ip;
use crate::api::{Row, Service, Shape, Type};
use crate::error::Error;
use crate::text::nearest;
use crate::time::Time;
use crate::units::{parse_duration, parse_size, parse_speed};

pub(super) struct Problem {
    /// Below the parameter: `.config.name`, `[2]`.
    pub place: String,
    pub text: String,
    pub hint: Option<String>,
}

impl Problem {
    fn new(text: String) -> Self {
        Self { place: String::new(), text, hint: None }
    }

    fn hint(mut self, hint: &str) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn below(mut self, place: &str) -> Self {
        self.place.insert_str(0, place);
        self
    }
}

pub(super) struct Checker {
    pub row: &'static Row,
}

impl Checker {
    pub fn check(&self, ty: &Type, value: Value) -> Result<Value, Problem> {
        // The argument that makes the call destructive may be of no type at all, as the `*` of `bans_delete`.
        if let (Some(special), Some(text)) = (self.row.extra.destructive_if, value.as_str())
            && special == text
        {
            return Ok(value);
        }
        match ty {
            Type::Any => Ok(value),
            Type::Null_(_) if value.is_null() => Ok(value),
            Type::Null_(inner) => self.check(inner, value),
            Type::List(item) => self.list(item, value),
            Type::Map(item) => self.map(item, value),
            Type::Shape(shape) => self.shape(shape, value),
            _ if self.row.service == Service::KiwiVm => scalar(ty, forgiving(ty, value)),
            _ => scalar(ty, value),
        }
    }

    fn list(&self, item: &Type, value: Value) -> Result<Value, Problem> {
        let Value::Array(items) = value else {
            return Err(mismatch("a list", &value).hint("write it in brackets: `[…]`"));
        };
        let check = |(i, value)| self.check(item, value).map_err(|problem| problem.below(&format!("[{i}]")));
        Ok(items.into_iter().enumerate().map(check).collect::<Result<Vec<_>, _>>()?.into())
    }

    fn map(&self, item: &Type, value: Value) -> Result<Value, Problem> {
        let Value::Object(map) = value else { return Err(mismatch("a map", &value)) };
        let check = |(key, value)| match self.check(item, value) {
            Ok(value) => Ok((key, value)),
            Err(problem) => Err(problem.below(&format!(".{key}"))),
        };
        Ok(map.into_iter().map(check).collect::<Result<Map<_, _>, _>>()?.into())
    }

    fn shape(&self, shape: &'static Shape, value: Value) -> Result<Value, Problem> {
        let Value::Object(map) = value else { return Err(mismatch("a map", &value)) };
        if let Some(missing) =
            shape.fields.iter().find(|field| !field.absent && field.since.is_none() && !map.contains_key(field.name))
        {
            return Err(Problem::new(format!("lacks `{}`", missing.name)));
        }
        let names: HashSet<_> = map.keys().cloned().collect();
        let mut checked = Map::new();
        for (key, value) in map {
            let Some(field) = shape.field(&key) else {
                // A later release may know it, unless it looks like the misspelling of what is missing here.
                let missing = shape.fields.iter().map(|field| field.name).filter(|name| !names.contains(*name));
                if let Some(near) = nearest(&key, missing) {
                    return Err(Problem::new(format!("has no field `{key}`")).hint(&format!("did you mean `{near}`?")));
                }
                checked.insert(key, value);
                continue;
            };
            // What its kind does not have: a script that gives back what it read has nothing there.
            if value.is_null() && field.absent {
                continue;
            }
            let value = if value.is_null() && field.null {
                value
            } else {
                self.check(&field.ty, value).map_err(|problem| problem.below(&format!(".{key}")))?
            };
            checked.insert(key, value);
        }
        Ok(checked.into())
    }
}

/// On a form everything is text, so a number that is meant as one passes, and a flag may be a bool.
fn forgiving(ty: &Type, value: Value) -> Value {
    match (ty, &value) {
        (Type::Text, Value::Number(number)) if number.is_i64() => number.to_string().into(),
        (Type::Int, Value::Bool(flag)) => i64::from(*flag).into(),
        _ => value,
    }
}

fn scalar(ty: &Type, value: Value) -> Result<Value, Problem> {
    match ty {
        Type::Null => {
            if value.is_null() {
                Ok(value)
            } else {
                Err(mismatch("nothing", &value))
            }
        }
        Type::Bool => {
            if value.is_boolean() {
                Ok(value)
            } else {
                Err(mismatch("`true` or `false`", &value))
            }
        }
        Type::Int => whole(&value).map(Into::into).ok_or_else(|| mismatch("a whole number", &value)),
        Type::Bytes => match value.as_str() {
            Some(text) => parse_size(text).map(Into::into).map_err(|error| unit_problem(&error)),
            None => rounded(&value).map(Into::into).ok_or_else(|| mismatch("a number of bytes", &value)),
        },
        Type::Speed => match value.as_str() {
            Some(text) => match parse_speed(text) {
                Ok(Some(speed)) => Ok(speed.into()),
                Ok(None) => Err(mismatch("a speed", &value)),
                Err(error) => Err(unit_problem(&error)),
            },
            None => rounded(&value).map(Into::into).ok_or_else(|| mismatch("a number of bytes per second", &value)),
        },
        Type::Float | Type::Ratio => {
            if value.is_number() {
                Ok(value)
            } else {
                Err(mismatch("a number", &value))
            }
        }
        Type::Share => within(value, 1.0),
        Type::Percent => within(value, 100.0),
        Type::Millis | Type::Seconds => time(&value),
        Type::DurationMillis | Type::DurationSeconds => match value.as_str() {
            Some(text) => match parse_duration(text) {
                Ok(duration) => Ok(serde_json::to_value(duration).unwrap_or_default()),
                Err(error) => Err(unit_problem(&error)),
            },
            None if value.is_number() => Ok(value),
            None => Err(mismatch("a duration", &value).hint("write `30.minutes` or `\"30m\"`")),
        },
        Type::Ip | Type::IpNumber => address(&value),
        Type::Cidr => {
            match value.as_str().map(str::parse::<Ip>) {
                Some(Ok(ip)) => Ok(ip.to_string().into()),
                _ => Err(mismatch("an address or a network", &value)
                    .hint("write an address, or a network as `203.0.113.0/24`")),
            }
        }
        _ => {
            if value.is_string() {
                Ok(value)
            } else {
                Err(mismatch("a text", &value))
            }
        }
    }
}

/// A Time arrives as RFC 3339 text.
fn time(value: &Value) -> Result<Value, Problem> {
    let hint = "write `now() - 2.days`, or a text like `\"2026-07-03T08:00:00Z\"`";
    match value.as_str() {
        Some(text) => match Time::parse(text, Tz::UTC) {
            Some(time) => Ok(time.to_string().into()),
            None => Err(mismatch("a time", value).hint(hint)),
        },
        None => Err(mismatch("a time", value).hint(hint)),
    }
}

/// PBH takes what is no address for 127.123.123.123, so it is refused here.
fn address(value: &Value) -> Result<Value, Problem> {
    match value.as_str().map(str::parse::<Ip>) {
        Some(Ok(ip)) if !ip.is_network() => Ok(ip.to_string().into()),
        _ => Err(mismatch("an address", value)),
    }
}

fn within(value: Value, most: f64) -> Result<Value, Problem> {
    match value.as_f64() {
        Some(number) if (0.0..=most).contains(&number) => Ok(value),
        Some(number) => Err(Problem::new(format!("must be from 0 to {most}; `{number}` was given"))),
        None => Err(mismatch(&format!("a number from 0 to {most}"), &value)),
    }
}

/// A whole number, also where it is written as `2.0`.
#[expect(clippy::cast_possible_truncation, reason = "checked by the bounds")]
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        value.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 9.2e18).map(|number| number as i64)
    })
}

/// Sizes and speeds are rounded to bytes.
fn rounded(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| whole(&value.as_f64()?.round().into()))
}

fn unit_problem(error: &Error) -> Problem {
    Problem { place: String::new(), text: format!("is wrong: {}", error.message), hint: error.hint.clone() }
}

fn mismatch(due: &str, value: &Value) -> Problem {
    Problem::new(format!("must be {due}; {} was given", described(value)))
}

/// A value in a message: short ones as they are, others by their kind.
fn described(value: &Value) -> String {
    const SHOWN: usize = 40;
    match value {
        Value::Null => "`()`".into(),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "a map".into(),
        Value::String(text) if text.chars().count() > SHOWN => "a longer text".into(),
        Value::String(text) => format!("the text `{text}`"),
        short => format!("`{short}`"),
    }
}
