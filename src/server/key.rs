//! The token of the control API: made when a daemon first runs over a data folder, and kept there for its user alone.

use std::io::Write as _;
use std::path::Path;

use crate::control::token_file;
use crate::error::{Error, Kind, Result};
use crate::secret::{Secret, hex};

/// Bytes of chance in it.
const LENGTH: usize = 32;

/// The token of a data folder.
///
/// # Errors
/// `config` where it can be neither read nor made.
pub(super) fn open(data: &Path) -> Result<Secret> {
    let file = token_file(data);
    let wrong = |what: &str, error: &dyn std::fmt::Display| {
        Error::new(Kind::Config, format!("the token of the control API `{}` {what}: {error}", file.display()))
            .hint("the user that runs tidegate must own it; where it is deleted, a new one is made")
    };
    match std::fs::read_to_string(&file) {
        Ok(text) if text.trim().len() >= LENGTH => {
            // It may have been copied by somebody who did not look at its mode.
            restrict(&file).map_err(|error| wrong("cannot be kept to its owner", &error))?;
            return Ok(Secret::new(text.trim()));
        }
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(wrong("cannot be read", &error)),
    }
    let token = hex(&rand::random::<[u8; LENGTH]>());
    let write = || -> std::io::Result<()> {
        // Whole or not at all; only its owner can read a file that is made so.
        let mut new = tempfile::NamedTempFile::new_in(data)?;
        new.write_all(format!("{token}\n").as_bytes())?;
        new.persist(&file)?;
        restrict(&file)
    };
    write().map_err(|error| wrong("cannot be made", &error))?;
    Ok(Secret::new(token))
}

/// Lets its owner alone read and write a file.
///
/// # Errors
/// Where the file belongs to somebody else.
#[cfg(unix)]
pub(super) fn restrict(file: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    if std::fs::metadata(file)?.permissions().mode() & 0o777 == 0o600 {
        return Ok(());
    }
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
pub(super) fn restrict(_file: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_and_is_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let first = open(folder.path()).unwrap();
        assert_eq!(first.expose().len(), 2 * LENGTH);
        assert!(open(folder.path()).unwrap() == first);
        let file = token_file(folder.path());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = || std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(), 0o600);
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
            open(folder.path()).unwrap();
            assert_eq!(mode(), 0o600);
        }
        std::fs::write(&file, "").unwrap();
        let second = open(folder.path()).unwrap();
        assert!(second != first && second.expose().len() == 2 * LENGTH, "a file that was cut off is no token");
    }
}
