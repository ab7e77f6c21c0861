//! Re-reads `tidegate.toml` and the files that it names, and says what a change of them means.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::config::{self, Changes, Config, Digest, digest};
use crate::error::Error;
use crate::host::Host;
use crate::vault::{Env, Vault};

/// What one look at the files brought.
#[derive(Default)]
pub(super) struct News {
    /// A configuration to run under from now on.
    pub config: Option<(Config, Changes)>,
    /// What is broken and was not so before; the last good one stays.
    pub broken: Vec<Error>,
    /// Files beside it that hold something else now.
    pub files: Vec<PathBuf>,
    /// The file reads again as what is in force.
    pub healed: bool,
    /// Something vanished or was emptied, which is how some editors begin to save: look again soon.
    pub again: bool,
}

impl News {
    /// Whether nobody needs to hear of it.
    pub fn is_empty(&self) -> bool {
        self.config.is_none() && self.broken.is_empty() && self.files.is_empty() && !self.healed
    }
}

/// What is known of the files from the last look.
pub(super) struct Configuration {
    env: Env,
    /// Of what was read last, good or bad; `None` where there was nothing.
    seen: Option<Digest>,
    gone: bool,
    /// What is wrong with what was read last.
    broken: Option<Error>,
    files: BTreeMap<PathBuf, Known>,
}

#[derive(Default)]
struct Known {
    /// `None` where it could not be used.
    digest: Option<Digest>,
    /// It could not be used at the last look either.
    gone: bool,
}

impl Configuration {
    /// As the host was built.
    pub fn new(host: &Host) -> Self {
        let mut configuration = Self {
            env: host.vault.env(),
            seen: host.config.file.is_some().then(|| host.config.digest()),
            gone: false,
            broken: None,
            files: BTreeMap::new(),
        };
        configuration.know(&host.config);
        configuration
    }

    /// The files to watch under a configuration, links followed.
    pub fn watched(config: &Config) -> BTreeSet<PathBuf> {
        let mut files = config.files();
        files.extend(config.file.clone());
        let behind: Vec<_> = files.iter().filter_map(|file| file.canonicalize().ok()).collect();
        files.extend(behind);
        files
    }

    /// Reads what may have changed. Blocks. What is still broken is said again only where somebody `wanted` it.
    pub fn look(&mut self, current: &Config, wanted: bool) -> News {
        let mut news = News::default();
        if wanted {
            news.broken.extend(self.broken.clone());
        }
        if let Some(file) = &current.file {
            self.look_at_config(file, current, &mut news);
        }
        if let Some((config, _)) = &news.config {
            self.know(config);
        }
        self.look_at_files(&mut news);
        news
    }

    fn look_at_config(&mut self, file: &Path, current: &Config, news: &mut News) {
        let bytes = std::fs::read(file).unwrap_or_default();
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let seen = (!text.trim_ascii().is_empty()).then(|| digest(text));
        if seen.is_none() && !self.gone {
            // An empty file is a configuration too, but one that nobody meant a moment ago.
            self.gone = true;
            news.again = true;
            return;
        }
        if seen == self.seen {
            self.gone = seen.is_none();
            return;
        }
        (self.seen, self.gone) = (seen, seen.is_none());
        news.broken.clear();
        let broken = self.broken.take();
        if seen == Some(current.digest()) {
            news.healed = broken.is_some();
            return;
        }
        let env = |name: &str| (self.env)(name);
        let config = config::read(file)
            .and_then(|text| Config::load(&text, file, &env).map_err(|problems| config::error(Some(file), &problems)));
        match config {
            Ok(config) => {
                let changes = current.changes(&config);
                news.config = Some((config, changes));
            }
            Err(error) => {
                self.broken = Some(error.clone());
                news.broken.push(error);
            }
        }
    }

    fn look_at_files(&mut self, news: &mut News) {
        for (path, known) in &mut self.files {
            let found = usable(path);
            match found {
                Ok(digest) if known.digest == Some(digest) => known.gone = false,
                Ok(digest) => {
                    *known = Known { digest: Some(digest), gone: false };
                    news.files.push(path.clone());
                }
                Err(_) if known.digest.is_none() => {}
                Err(_) if !known.gone => {
                    known.gone = true;
                    news.again = true;
                }
                Err(error) => {
                    known.digest = None;
                    news.broken.push(error);
                }
            }
        }
    }

    /// Takes the files of a configuration as they are now.
    fn know(&mut self, config: &Config) {
        let mut files = std::mem::take(&mut self.files);
        self.files = config
            .files()
            .into_iter()
            .map(|path| {
                let known = files.remove(&path);
                let known = known.unwrap_or_else(|| Known { digest: usable(&path).ok(), gone: false });
                (path, known)
            })
            .collect();
    }
}

/// The digest of a file that can be used as a secret; certificates may be longer, but are files with a content too.
fn usable(path: &Path) -> Result<Digest, Error> {
    match std::fs::read(path) {
        Ok(bytes) if bytes.starts_with(b"-----BEGIN") => Ok(digest(&bytes)),
        Ok(bytes) => Vault::check(path).map(|()| digest(&bytes)),
        Err(_) => Vault::check(path).map(|()| Digest::default()),
    }
}
