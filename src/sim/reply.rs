//! A reply from the shape alone, for rows that nothing here remembers.

use serde_json::{Map, Value, json};

use crate::api::{Field, Shape, Type};

/// A plausible value of the type, as this release would send it: lists and maps with one entry.
pub(super) fn sample(ty: &Type, version: (u32, u32, u32)) -> Value {
    match ty {
        Type::Null | Type::Any | Type::Null_(_) => Value::Null,
        Type::Bool => json!(false),
        Type::Int | Type::Bytes | Type::Speed | Type::DurationMillis | Type::DurationSeconds => json!(0),
        Type::Float | Type::Share | Type::Percent | Type::Ratio => json!(0.0),
        Type::Text | Type::Base64 | Type::Secret => json!(""),
        Type::Millis => json!(1_795_312_357_142_i64),
        Type::Seconds => json!(1_795_312_357_i64),
        Type::Ip => json!("203.0.113.1"),
        Type::Cidr => json!("203.0.113.0/24"),
        Type::IpNumber => json!(3_405_803_777_u32),
        Type::List(item) => json!([sample(item, version)]),
        Type::Map(item) => json!({"key": sample(item, version)}),
        Type::Shape(shape) => object(shape, version),
        Type::Page(item) => json!({"page": 1, "size": 10, "total": 1, "results": [sample(item, version)]}),
    }
}

/// Two objects as one.
pub(super) fn merged(mut first: Value, second: Value) -> Value {
    if let (Value::Object(first), Value::Object(second)) = (&mut first, second) {
        first.extend(second);
    }
    first
}

fn object(shape: &Shape, version: (u32, u32, u32)) -> Value {
    let fields = shape.fields.iter().filter(|field| !field.absent && exists(field, version));
    let value = |field: &Field| if field.null { Value::Null } else { sample(&field.ty, version) };
    Value::Object(fields.map(|field| (field.name.to_owned(), value(field))).collect::<Map<_, _>>())
}

/// Whether this release has the field; version 0 has them all.
fn exists(field: &Field, version: (u32, u32, u32)) -> bool {
    version == (0, 0, 0)
        || field.since.is_none_or(|since| crate::api::version(since) <= version)
            && field.until.is_none_or(|until| version <= crate::api::version(until))
}
