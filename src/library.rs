//! The scripts folder as a value.

// The library itself arrives with the script layer; until then only its tests and `watch` use this.
#[allow(dead_code)]
mod folder;

pub use folder::{files, read};
