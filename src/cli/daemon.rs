//! What the commands that ask a running daemon share: which daemon, what is meant, and what is said where none runs.

use std::path::PathBuf;

use serde_json::Value;

use super::{Exit, Session};
use crate::config::Config;
use crate::control::{Control, Elsewhere, NOBODY, path};
use crate::error::{Error, Kind, Result};
use crate::text::list;

/// Which daemon is asked, where it is not that of the configuration.
#[derive(clap::Args)]
pub struct Reach {
    /// A daemon elsewhere: `http://host:9899`, or `unix:/path/of/control.sock`.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Its token, where that is not `control.token` of the data folder.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

impl Reach {
    /// The way to the daemon; nothing is sent yet.
    ///
    /// # Errors
    /// `transport` where no daemon runs; those of the token.
    pub fn find(&self, config: &Config) -> Result<Control> {
        Control::find(config, Elsewhere { url: self.url.as_deref(), token_file: self.token_file.as_deref() })
    }
}

/// Does something with the daemon. It is found also while the configuration is broken: that is when it must be asked.
///
/// # Errors
/// Those of finding the daemon and of `work`; those of the configuration where they are why none is found.
pub fn ask(
    session: &Session,
    reach: &Reach,
    work: impl AsyncFnOnce(&Control, &Config) -> Result<Exit>,
) -> Result<Exit> {
    let (config, fault) = match session.glimpse() {
        // Who says where it is and what its token is needs no file.
        Err(_) if reach.url.is_some() && reach.token_file.is_some() => {
            (Config::glimpse_of_env(&|name| (session.env)(name)), None)
        }
        seen => seen?,
    };
    let asked = || -> Result<Exit> {
        let control = reach.find(&config)?;
        let runtime = session.runtime()?;
        let exit = runtime.block_on(work(&control, &config));
        runtime.shutdown_background();
        exit
    };
    asked().map_err(|error| match fault {
        Some(fault) if reach.url.is_none() && error.message.starts_with(NOBODY) => fault,
        _ => error,
    })
}

/// A trigger by what was written: `SCRIPT TRIGGER`, `SCRIPT/TRIGGER`, or a script with one trigger.
///
/// # Errors
/// `argument` where it is not there, or one of several.
pub async fn resolve(control: &Control, script: &str, trigger: Option<&str>) -> Result<(String, String)> {
    let script = script.strip_suffix(".rhai").unwrap_or(script);
    if let Some(trigger) = trigger {
        return Ok((script.into(), trigger.into()));
    }
    let found = match control.get(&path(&["scripts", script]), &[]).await {
        Err(error) if error.kind == Kind::Argument => match script.split_once('/') {
            Some((script, trigger)) => return Ok((script.into(), trigger.into())),
            None => return Err(error),
        },
        found => found?,
    };
    let triggers: Vec<_> = found["triggers"].as_array().into_iter().flatten().map(|one| text(one, "name")).collect();
    match triggers.as_slice() {
        [only] => Ok((script.into(), (*only).into())),
        [] => Err(Error::new(Kind::Argument, format!("`{script}` has no trigger that runs"))
            .hint("`tidegate status` says why")),
        several => Err(Error::new(Kind::Argument, format!("`{script}` has several triggers; say which"))
            .hint(format!("there is {}", list(several.iter().copied(), "and")))),
    }
}

/// A field that is a text, or nothing.
pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// A reply as what it is.
///
/// # Errors
/// `protocol` where the daemon is of another version and says something else.
pub fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| {
        Error::new(Kind::Protocol, format!("the daemon's answer is not understood: {error}"))
            .hint("is it of the same version as this command?")
    })
}
