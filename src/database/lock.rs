//! Who may schedule in a data folder, and whether the process that made a row still lives.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use fs4::fs_std::FileExt as _;

use super::{damaged, unwritable};
use crate::error::{Error, Kind, Result};

const LOCK: &str = "tidegate.lock";
const OWNERS: &str = "owners";

/// Held by the one daemon of a data folder; the system takes it back however the process ends.
#[must_use]
pub struct Lock {
    /// Locked for as long as it is open.
    _file: File,
}

impl Lock {
    /// # Errors
    /// `config` where another daemon has it, or the folder cannot be written.
    pub fn take(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error.to_string()))?;
        let mut file = open(&folder.join(LOCK)).map_err(|error| unwritable(folder, &error.to_string()))?;
        if !file.try_lock_exclusive().map_err(|error| unwritable(folder, &error.to_string()))? {
            let who = holder(folder).map(|pid| format!(" (process {pid})")).unwrap_or_default();
            let message = format!("another tidegate{who} runs on the data folder `{}`", folder.display());
            return Err(Error::new(Kind::Config, message).hint("end it, or give this one another folder with `data`"));
        }
        // For the message above, in another process; without it the lock is as good.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

/// The process that wrote itself into the lock file last.
fn holder(folder: &Path) -> Option<u32> {
    let mut text = String::new();
    File::open(folder.join(LOCK)).ok()?.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Does something to the files of a folder that nobody else may be working with: this process
/// holds the lock already, or takes it meanwhile.
pub(super) fn exclusively<T>(folder: &Path, work: impl FnOnce() -> Result<T>) -> Result<T> {
    match Lock::take(folder) {
        Ok(_lock) => work(),
        Err(_) if holder(folder) == Some(std::process::id()) => work(),
        Err(_) => Err(damaged(Some(folder))),
    }
}

/// Marks the rows of one process: whoever can lock its file knows that it is gone.
pub struct Owner {
    pub id: String,
    file: Option<(File, PathBuf)>,
}

impl Owner {
    /// Without a folder, for a database that nobody else can see.
    pub fn alone() -> Self {
        Self { id: random_id(), file: None }
    }

    /// # Errors
    /// `config` where the folder cannot be written.
    pub fn register(folder: &Path) -> Result<Self> {
        let fail = |error: std::io::Error| unwritable(folder, &error.to_string());
        let owners = folder.join(OWNERS);
        std::fs::create_dir_all(&owners).map_err(fail)?;
        let id = random_id();
        // Locked before it gets its name, so that nobody finds it unlocked.
        let unnamed = owners.join(format!("{id}.new"));
        let file = open(&unnamed).map_err(fail)?;
        file.lock_exclusive().map_err(fail)?;
        let path = owners.join(&id);
        std::fs::rename(&unnamed, &path).map_err(fail)?;
        Ok(Self { id, file: Some((file, path)) })
    }

    /// Whether the process behind an id still lives. Removes what a dead one left. Without a folder
    /// there is no process but this one.
    pub fn is_alive(folder: Option<&Path>, id: &str) -> bool {
        let Some(path) = folder.map(|folder| folder.join(OWNERS).join(id)) else { return true };
        let Ok(file) = File::open(&path) else { return false };
        let dead = file.try_lock_exclusive().unwrap_or(false);
        if dead {
            // One that stays behind is harmless.
            let _ = std::fs::remove_file(&path);
        }
        !dead
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        if let Some((_, path)) = &self.file {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(false).open(path)
}

/// Twelve letters and digits: 60 bits.
pub(crate) fn random_id() -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let bits: u64 = rand::random();
    (0..12).map(|n| char::from(ALPHABET[usize::try_from(bits >> (n * 5) & 31).unwrap_or(0)])).collect()
}
