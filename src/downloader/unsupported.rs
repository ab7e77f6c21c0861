//! Clients that PBH supervises and tidegate cannot talk to itself.

use super::Downloader;

/// Has a name, and says of everything else what to use instead.
pub struct Unsupported {
    name: String,
    kind: String,
}

impl Unsupported {
    pub fn new(name: &str, kind: &str) -> Self {
        Self { name: name.into(), kind: kind.into() }
    }
}

impl Downloader for Unsupported {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &str {
        &self.kind
    }
}
