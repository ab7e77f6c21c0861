//! Replies to values, guided by the row's type: the only reader of either service's JSON.

use crate::secret::Secret;
use crate::time::{Duration, Time};

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
