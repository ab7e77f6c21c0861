//! Where the configuration file is, and reading it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use chrono_tz::Tz;
use toml::de::DeTable;

use super::environment::{self, system_zone};
use super::{Config, Env, problem, tables, var};
use crate::error::{Error, Kind, Result};
use crate::schedule;

/// The name of the file in the working folder and in the user's configuration folder.
pub const FILE: &str = "tidegate.toml";

/// The file to read: the one that `--config` or `TIDEGATE_CONFIG` names, whether it exists or not;
/// else the one in the working folder or in the user's configuration folder, where there is one.
pub fn locate(flag: Option<&Path>, env: Env, cwd: &Path) -> Option<PathBuf> {
    let named = flag.map(Path::to_path_buf).filter(|path| !path.as_os_str().is_empty());
    if let Some(path) = named.or_else(|| var(env, "TIDEGATE_CONFIG").map(PathBuf::from)) {
        return Some(cwd.join(path));
    }
    let user = var(env, "XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| var(env, "HOME").map(|home| Path::new(&home).join(".config")))
        .map(|folder| folder.join("tidegate").join(FILE));
    [Some(cwd.join(FILE)), user].into_iter().flatten().find(|path| path.exists())
}

impl Config {
    /// Finds and reads the configuration; where there is no file, the environment is one.
    ///
    /// # Errors
    /// One error of kind `config` that lists every problem.
    pub fn open(flag: Option<&Path>, env: Env, cwd: &Path) -> Result<Self> {
        match Self::glimpse(flag, env, cwd)? {
            (config, None) => Ok(config),
            (_, Some(error)) => Err(error),
        }
    }

    /// As much of it as can be made out, and what is wrong with it: enough to find a daemon that runs under what
    /// stood there before.
    ///
    /// # Errors
    /// `config` where there is a file that cannot be read.
    pub fn glimpse(flag: Option<&Path>, env: Env, cwd: &Path) -> Result<(Self, Option<Error>)> {
        let file = locate(flag, env, cwd);
        let (config, problems) = match &file {
            Some(file) => tables::load(&read(file)?, file, env),
            None => environment::load(env),
        };
        let fault = (!problems.is_empty()).then(|| problem::error(file.as_deref(), &problems));
        Ok((config, fault))
    }
}

/// The time zone that the configuration would have, whatever else is wrong with it.
///
/// # Errors
/// `config` where the file cannot be read or the key names no zone.
pub fn timezone(flag: Option<&Path>, env: Env, cwd: &Path) -> Result<Tz> {
    let Some(file) = locate(flag, env, cwd) else { return Ok(system_zone(env)) };
    let text = read(&file)?;
    let (document, _) = DeTable::parse_recoverable(text.trim_start_matches('\u{feff}'));
    match document.get_ref().get("timezone").map(|value| value.get_ref().as_str().unwrap_or_default()) {
        None => Ok(system_zone(env)),
        Some(name) => schedule::zone(name).map_err(|error| {
            let place = format!("`timezone` in `{}`: {}", file.display(), error.message);
            error.hint.iter().fold(Error::new(Kind::Config, place), Error::hint)
        }),
    }
}

/// The text of a configuration file.
///
/// # Errors
/// `config` where it cannot be read or is not UTF-8.
pub fn read(file: &Path) -> Result<String> {
    let bytes = std::fs::read(file).map_err(|error| unreadable(file, &error))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid].split(|byte| *byte == b'\n').count();
        Error::new(Kind::Config, format!("`{}` is not UTF-8 text in line {line}", file.display()))
            .hint("save it with the encoding UTF-8")
    })
}

fn unreadable(file: &Path, error: &std::io::Error) -> Error {
    let name = file.display();
    match error.kind() {
        ErrorKind::NotFound => Error::new(Kind::Config, format!("there is no configuration file `{name}`"))
            .hint("`tidegate init` writes one"),
        ErrorKind::IsADirectory => Error::new(Kind::Config, format!("the configuration file `{name}` is a folder"))
            .hint(format!("write `{}`", file.join(FILE).display())),
        _ => Error::new(Kind::Config, format!("the configuration file `{name}` cannot be read: {error}"))
            .hint("check its permissions"),
    }
}
