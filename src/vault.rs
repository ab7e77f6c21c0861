//! Where secrets are read: literals, environment variables and files, read again at each use.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::SecretSource;
use crate::error::{Error, Kind, Result};
use crate::secret::{Masker, Secret};

/// The environment, as an argument.
pub type Env = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Reads secrets and makes each of them known to the masker before anybody else sees it.
pub struct Vault {
    env: Env,
    masker: Masker,
    /// What the masker knows already; adding is costlier than asking.
    known: Mutex<HashSet<Secret>>,
    /// What each file held last: one that is being replaced, or was emptied by accident, stops nothing.
    last: Mutex<HashMap<PathBuf, Secret>>,
}

impl Vault {
    /// A secret file is a line or a key, never a film.
    const LARGEST: u64 = 64 * 1024;

    pub fn new(env: Env, masker: Masker) -> Self {
        Self { env, masker, known: Mutex::default(), last: Mutex::default() }
    }

    /// The secret as it is now: variables and files may have changed since the last time. Where a file that could
    /// be read before cannot be read now, it is the last one; [`Vault::check`] tells.
    ///
    /// # Errors
    /// `config` where the variable or the file is missing, unreadable or empty.
    pub fn read(&self, source: &SecretSource) -> Result<Secret> {
        let secret = match source {
            SecretSource::Literal(secret) => secret.clone(),
            SecretSource::Env(name) => self.variable(name)?,
            SecretSource::File(path) => self.last_good(path)?,
        };
        self.hide(&secret);
        Ok(secret)
    }

    /// Keeps a text that holds or is a secret out of everything that is shown.
    pub fn hide(&self, secret: &Secret) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.insert(secret.clone()) {
            self.masker.add(secret);
        }
    }

    /// The text without any secret that is known.
    pub fn mask(&self, text: &str) -> String {
        self.masker.mask(text).into_owned()
    }

    /// The environment that it reads.
    pub fn env(&self) -> Env {
        Arc::clone(&self.env)
    }

    /// Whether a secret file can be used as it is now.
    ///
    /// # Errors
    /// As [`Vault::read`].
    pub fn check(path: &Path) -> Result<()> {
        Self::file(path).map(drop)
    }

    fn last_good(&self, path: &Path) -> Result<Secret> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match Self::file(path) {
            Ok(secret) => {
                last.insert(path.to_owned(), secret.clone());
                Ok(secret)
            }
            Err(error) => last.get(path).cloned().ok_or(error),
        }
    }

    fn variable(&self, name: &str) -> Result<Secret> {
        let set = format!("set it before starting tidegate: `export {name}=…`");
        let value = (self.env)(name)
            .ok_or_else(|| Error::new(Kind::Config, format!("the variable `{name}` is not set")).hint(&set))?;
        match value.trim() {
            "" => Err(Error::new(Kind::Config, format!("the variable `{name}` is empty")).hint(set)),
            value => Ok(Secret::new(value)),
        }
    }

    fn file(path: &Path) -> Result<Secret> {
        let shown = path.display();
        let unreadable = |why: &str| {
            Error::new(Kind::Config, format!("the secret file `{shown}` {why}"))
                .hint("write the secret into it, alone, readable by the user that runs tidegate")
        };
        match std::fs::metadata(path) {
            Ok(data) if data.len() > Self::LARGEST => return Err(unreadable("is too large for a secret")),
            Ok(_) => {}
            Err(error) => return Err(unreadable(&reason(&error))),
        }
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(&reason(&error)))?;
        match text.trim_start_matches('\u{feff}').trim() {
            "" => Err(unreadable("is empty")),
            text => Ok(Secret::new(text)),
        }
    }
}

fn reason(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => "does not exist".into(),
        ErrorKind::PermissionDenied => "may not be read".into(),
        ErrorKind::InvalidData => "is not UTF-8 text".into(),
        _ => format!("cannot be read: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(masker: &Masker) -> Vault {
        let env = |name: &str| match name {
            "TOKEN" => Some(" from-env \n".to_owned()),
            "EMPTY" => Some(" ".to_owned()),
            _ => None,
        };
        Vault::new(Arc::new(env), masker.clone())
    }

    #[test]
    fn each_source_is_read_trimmed_and_masked() {
        let masker = Masker::default();
        let vault = vault(&masker);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "\u{feff}from-file\r\n").unwrap();
        let sources = [
            (SecretSource::Literal(Secret::new("literal")), "literal"),
            (SecretSource::Env("TOKEN".into()), "from-env"),
            (SecretSource::File(path.clone()), "from-file"),
        ];
        for (source, text) in sources {
            assert_eq!(vault.read(&source).unwrap().expose(), text);
            assert_eq!(masker.mask(&format!("<{text}>")), "<***>");
        }
        std::fs::write(&path, "changed").unwrap();
        let source = SecretSource::File(path.clone());
        assert_eq!(vault.read(&source).unwrap().expose(), "changed");
        std::fs::write(&path, "").unwrap();
        assert!(Vault::check(&path).is_err());
        assert_eq!(vault.read(&source).unwrap().expose(), "changed", "one that is being replaced stays in use");
        std::fs::write(&path, "again").unwrap();
        assert_eq!(vault.read(&source).unwrap().expose(), "again");
    }

    #[test]
    fn what_is_missing_is_named() {
        let vault = vault(&Masker::default());
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty");
        std::fs::write(&empty, "\n").unwrap();
        let binary = folder.path().join("binary");
        std::fs::write(&binary, [0xff, 0xfe]).unwrap();
        for (source, says) in [
            (SecretSource::Env("NOPE".into()), "the variable `NOPE` is not set"),
            (SecretSource::Env("EMPTY".into()), "the variable `EMPTY` is empty"),
            (SecretSource::File(folder.path().join("nope")), "nope` does not exist"),
            (SecretSource::File(empty), "empty` is empty"),
            (SecretSource::File(binary), "binary` is not UTF-8 text"),
        ] {
            let error = vault.read(&source).unwrap_err();
            assert_eq!(error.kind, Kind::Config);
            assert!(error.message.ends_with(says), "{}", error.message);
            assert!(error.hint.is_some());
        }
    }
}
