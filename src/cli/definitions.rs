//! `tidegate definitions`: what scripts see, for editors of Rhai.

use std::path::{Path, PathBuf};

use super::{Exit, Session};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::reference::definitions::{FOLDER, MARK, files};

/// Writes `*.d.rhai` files: every handle, endpoint, function and result, and the names of your instances.
#[derive(clap::Args)]
#[command(
    after_help = "Example: tidegate definitions\n\nFor editors with a language server for Rhai. Editors that can run `tidegate lsp` need none of it."
)]
pub struct Definitions {
    /// The folder to write into; by default `definitions` beside the configuration.
    dir: Option<PathBuf>,
    /// One JSON document: the files that were written.
    #[arg(long)]
    json: bool,
}

impl Definitions {
    /// # Errors
    /// `config` where the configuration is wrong, the folder cannot be written, or holds files of that name that are not
    /// tidegate's.
    pub fn run(self, session: &Session) -> Result<Exit> {
        let config = session.configuration()?;
        let beside = config.file.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        let folder = self.dir.unwrap_or_else(|| beside.join(FOLDER));
        let written = write(&folder, &config)?;
        if self.json {
            session.json(&serde_json::json!({"written": written}))?;
        } else {
            for path in written {
                session.line(&format!("wrote {path}"))?;
            }
        }
        Ok(Exit::Ok)
    }
}

/// Writes them; those of an earlier run are replaced.
///
/// # Errors
/// `config` where they cannot be written, or others of that name are there.
pub fn write(folder: &Path, config: &Config) -> Result<Vec<String>> {
    let fail = |path: &Path, error: &std::io::Error| {
        Error::new(Kind::Config, format!("`{}` cannot be written: {error}", path.display()))
            .hint("check the permissions of the folder, or name another: `tidegate definitions DIR`")
    };
    std::fs::create_dir_all(folder).map_err(|error| fail(folder, &error))?;
    let files = files(config, config.language);
    // All or nothing: somebody's own file is noticed before anything is replaced.
    for path in files.iter().map(|(name, _)| folder.join(name)) {
        let other = std::fs::read_to_string(&path).is_ok_and(|text| !text.starts_with(MARK));
        if other {
            return Err(Error::new(Kind::Config, format!("`{}` was not written by tidegate", path.display()))
                .hint("move it away, or name another folder: `tidegate definitions DIR`"));
        }
    }
    let mut written = Vec::new();
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| fail(&path, &error))?;
        written.push(path.display().to_string());
    }
    Ok(written)
}
