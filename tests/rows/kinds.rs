//! Whether what a script got fits what the row says.

use serde_json::Value;
use tidegate::api::{Field, Row, Type, version};

/// Checks a value of which only the kinds are known.
pub fn fits(row: &'static Row, release: &str, kinds: &Value) -> Result<(), String> {
    let ty = if row.is_stream() { &Type::List(&row.returns) } else { &row.returns };
    Check { release: version(release) }.value(ty, kinds, "the result")
}

/// Whether this is a list without entries, which would fit anything.
pub fn is_empty(kinds: &Value) -> bool {
    let list = kinds.get("results").unwrap_or(kinds);
    list.as_array().is_some_and(Vec::is_empty)
}

struct Check {
    release: (u32, u32, u32),
}

impl Check {
    fn value(&self, ty: &Type, kinds: &Value, place: &str) -> Result<(), String> {
        match (ty, kinds) {
            (Type::Any, _) => Ok(()),
            (Type::Null_(_), Value::String(kind)) if kind == "()" => Ok(()),
            (Type::Null_(inner), _) => self.value(inner, kinds, place),
            (Type::List(item), Value::Array(items)) => {
                items.iter().enumerate().try_for_each(|(n, kinds)| self.value(item, kinds, &format!("{place}[{n}]")))
            }
            (Type::Map(item), Value::Object(map)) => {
                map.iter().try_for_each(|(key, kinds)| self.value(item, kinds, &format!("{place}.{key}")))
            }
            (Type::Page(item), Value::Object(page)) => {
                for name in ["page", "size", "total"] {
                    self.value(&Type::Int, page.get(name).unwrap_or(&Value::Null), &format!("{place}.{name}"))?;
                }
                let results = page.get("results").unwrap_or(&Value::Null);
                self.value(&Type::List(item), results, &format!("{place}.results"))
            }
            (Type::Shape(shape), Value::Object(map)) => shape.fields.iter().try_for_each(|field| {
                let place = format!("{place}.{}", field.name);
                match map.get(field.name) {
                    // What may be missing reads as nothing.
                    None => Err(format!("`{place}` is missing")),
                    Some(Value::String(kind)) if kind == "()" && self.may_be_nothing(field) => Ok(()),
                    Some(kinds) => self.value(&field.ty, kinds, &place),
                }
            }),
            (plain, Value::String(kind)) if kind == name(plain) => Ok(()),
            (ty, kinds) => Err(format!("`{place}` is no {ty} but {kinds}")),
        }
    }

    fn may_be_nothing(&self, field: &Field) -> bool {
        let outside = field.since.is_some_and(|since| self.release < version(since))
            || field.until.is_some_and(|until| version(until) < self.release);
        field.null || field.absent || outside
    }
}

/// What `type_of` says.
fn name(ty: &Type) -> &'static str {
    match ty {
        Type::Null => "()",
        Type::Bool => "bool",
        Type::Int | Type::Bytes | Type::Speed => "i64",
        Type::Float | Type::Share | Type::Percent | Type::Ratio => "f64",
        Type::Text | Type::Base64 => "string",
        Type::Millis | Type::Seconds => "Time",
        Type::DurationMillis | Type::DurationSeconds => "Duration",
        Type::Ip | Type::Cidr | Type::IpNumber => "Ip",
        Type::Secret => "Secret",
        Type::List(_) => "array",
        Type::Any | Type::Map(_) | Type::Null_(_) | Type::Shape(_) | Type::Page(_) => "map",
    }
}
