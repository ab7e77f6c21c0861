//! Handles: cheap values that stand for an instance of the fleet, and for a state store.

use rhai::ImmutableString;

/// A VPS, by its name in the configuration.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Vps {
    pub name: ImmutableString,
}

/// A PBH, by its name in the configuration.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Pbh {
    pub name: ImmutableString,
}

/// A torrent client, by its name.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Downloader {
    pub name: ImmutableString,
}

/// A key-value store: the script's own, or the one all scripts share.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct State {
    /// The script's name, or `shared`.
    pub scope: ImmutableString,
}
