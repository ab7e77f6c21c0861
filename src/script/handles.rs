//! Handles: cheap values that stand for an instance of the fleet, and for a state store.

use rhai::ImmutableString;

use crate::time::Duration;

/// A VPS, by its name in the configuration.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Vps {
    pub name: ImmutableString,
    /// How old a reply to a read may be, where scripts share it.
    pub age: Option<Duration>,
}

impl Vps {
    /// Asks the service each time.
    pub fn new(name: impl Into<ImmutableString>) -> Self {
        Self { name: name.into(), age: None }
    }
}

/// A PBH, by its name in the configuration.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Pbh {
    pub name: ImmutableString,
    /// How old a reply to a read may be, where scripts share it.
    pub age: Option<Duration>,
}

impl Pbh {
    /// Asks the service each time.
    pub fn new(name: impl Into<ImmutableString>) -> Self {
        Self { name: name.into(), age: None }
    }
}

/// A torrent client, by its name.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Downloader {
    pub name: ImmutableString,
}

/// A key-value store: the script's own, or the one all scripts share.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct State {
    /// As the store knows it.
    pub scope: ImmutableString,
}

/// What `http` stands for: the way to servers that are none of the fleet.
#[derive(Clone, Copy, Debug)]
pub struct Http;
