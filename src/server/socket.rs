//! The Unix socket in the data folder, which the daemon's own user alone can open.

use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

use super::key::restrict;
use crate::control;

/// It listens; its file goes with it.
pub(super) struct Socket(PathBuf);

impl Socket {
    /// Listens in a data folder that belongs to this daemon alone: what lies there is a leftover.
    ///
    /// # Errors
    /// Why it cannot, in words.
    pub(super) fn bind(data: &Path) -> Result<(Self, UnixListener), String> {
        let path = control::socket(data);
        let listen = || -> std::io::Result<UnixListener> {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let listener = UnixListener::bind(&path)?;
            restrict(&path)?;
            Ok(listener)
        };
        match listen() {
            Ok(listener) => Ok((Self(path), listener)),
            Err(error) => Err(format!("commands cannot reach this daemon: `{}`: {error}", path.display())),
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
