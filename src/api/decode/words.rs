//! What was due and what was found, in words.

use crate::api::Type;
use crate::text::count;

/// What was due, for people.
pub(super) fn expected(ty: &Type) -> String {
    match ty {
        Type::Null => "nothing".into(),
        Type::Bool => "true or false".into(),
        Type::Int => "a whole number".into(),
        Type::Bytes => "a number of bytes".into(),
        Type::Speed => "a number of bytes per second".into(),
        Type::Float | Type::Share | Type::Percent | Type::Ratio => "a number".into(),
        Type::Millis => "a time in milliseconds".into(),
        Type::Seconds => "a time in seconds".into(),
        Type::DurationMillis => "a number of milliseconds".into(),
        Type::DurationSeconds => "a number of seconds".into(),
        Type::Text | Type::Base64 | Type::Secret => "a text".into(),
        Type::Ip => "an address".into(),
        Type::Cidr => "an address or a network".into(),
        Type::IpNumber => "an address as a number".into(),
        Type::Any => "any value".into(),
        Type::List(_) => "a list".into(),
        Type::Map(_) => "an object".into(),
        Type::Shape(shape) => format!("an object ({})", shape.name),
        Type::Page(_) => "a page of results".into(),
        Type::Null_(inner) => expected(inner),
    }
}

/// A text where none was due: only the beginning, which is enough to recognise it.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN: usize = 20;
    let length = text.chars().count();
    if length <= SHOWN {
        return format!("the text `{text}`");
    }
    let start: String = text.chars().take(SHOWN).collect();
    format!("the text `{start}…` of {}", count(length, "character"))
}
