//! Replies to values, guided by the row's type: the only reader of either service's JSON.

mod fields;
mod json;
mod numbers;
mod read;
mod words;

use serde::de::DeserializeSeed as _;

use crate::api::{Service, Type};
use crate::error::{Error, Kind, Result};
use crate::secret::Secret;
use crate::time::{Duration, Time};

pub use json::Json;

/// What a reply is decoded into: script values, plain JSON, … One pass, no tree in between.
pub trait Build {
    type Value;

    fn null(&mut self) -> Self::Value;
    fn bool(&mut self, value: bool) -> Self::Value;
    fn int(&mut self, value: i64) -> Self::Value;
    fn float(&mut self, value: f64) -> Self::Value;
    fn text(&mut self, value: &str) -> Self::Value;
    fn time(&mut self, value: Time) -> Self::Value;
    fn duration(&mut self, value: Duration) -> Self::Value;
    /// An address or network as the service spelt it.
    fn ip(&mut self, value: &str) -> Self::Value;
    fn secret(&mut self, value: Secret) -> Self::Value;
    fn list(&mut self, items: Vec<Self::Value>) -> Self::Value;
    /// Fields in the order of the wire; a known field that was absent follows as null.
    fn map(&mut self, entries: Vec<(Key, Self::Value)>) -> Self::Value;
}

/// A key: a field of a shape, or data.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Key {
    Field(&'static str),
    Data(String),
}

impl Key {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Field(name) => name,
            Self::Data(name) => name,
        }
    }
}

/// Reads one value of type `ty`. KiwiVM is written in PHP, whose habits are read leniently: digits in
/// strings, `[]` for an empty map, `""` and 0 for false, `""` and `-` for no number, keys left out. PBH
/// means what it writes. Fields that no shape knows are passed through, untyped.
///
/// # Errors
/// `protocol` where the text is not JSON, nested too deeply, or contradicts its type: the field is named.
pub fn decode<B: Build>(text: &[u8], ty: &Type, service: Service, build: &mut B) -> Result<B::Value> {
    decode_without(text, ty, service, &[], build)
}

/// [`decode`], leaving out those of the outermost keys that belong to the envelope, unless the shape
/// has a field of that name.
pub(crate) fn decode_without<B: Build>(
    text: &[u8],
    ty: &Type,
    service: Service,
    skip: &'static [&'static str],
    build: &mut B,
) -> Result<B::Value> {
    let mut state = read::State::new(build, service == Service::KiwiVm, skip);
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = read::Seed::new(&mut state, *ty).deserialize(&mut reader);
    match value.and_then(|value| reader.end().map(|()| value)) {
        Ok(value) => Ok(value),
        Err(error) => Err(state.explain(&error)),
    }
}

/// What JSON's own reader has to say, as one of our errors.
pub(crate) fn not_json(error: &serde_json::Error) -> Error {
    let text = error.to_string();
    let (message, hint) = if text.starts_with("recursion limit exceeded") {
        ("the reply is nested too deeply".to_owned(), "no reply of this service is; does the address lead to it?")
    } else if error.is_eof() {
        (format!("the reply is cut off after line {}, column {}", error.line(), error.column()), "try again")
    } else {
        (
            format!("the reply is not JSON: {text}"),
            "does the address lead to the service, or to something in front of it?",
        )
    };
    Error::new(Kind::Protocol, message).hint(hint)
}

#[cfg(test)]
mod tests;
