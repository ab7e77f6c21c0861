//! What a dry run would have done, kept in a file until somebody has read it and wants it done.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Session;
use super::history::timeline;
use crate::call::Call;
use crate::error::{Error, Kind, Result};
use crate::schedule::TriggerSpec;
use crate::script::Loaded;
use crate::time::Time;
use crate::trace::Record;

/// The file of `exec --save`.
#[derive(Deserialize, Serialize)]
pub struct Saved {
    /// Of this form.
    format: u32,
    pub script: String,
    pub trigger: String,
    /// Of the script.
    version: String,
    saved: Time,
    would: Vec<Call>,
}

/// The one form there is.
const FORMAT: u32 = 1;

impl Saved {
    /// # Errors
    /// `limit` where it would have done more than a record holds.
    pub fn new(loaded: &Loaded, spec: &TriggerSpec, now: Time, record: &Record) -> Result<Self> {
        complete(record)?;
        Ok(Self {
            format: FORMAT,
            script: loaded.name.clone(),
            trigger: spec.name.clone(),
            version: loaded.version.clone(),
            saved: now,
            would: record.would.clone(),
        })
    }

    /// # Errors
    /// `argument` where there is no such file, or another one.
    pub fn read(file: &Path) -> Result<Self> {
        let refuse = |why: String| {
            Error::new(Kind::Argument, format!("`{}` cannot be applied: {why}", file.display()))
                .hint("make it with `tidegate exec SCRIPT TRIGGER --dry-run --save FILE`")
        };
        let saved: Self = document(file).map_err(&refuse)?;
        if saved.format != FORMAT {
            return Err(refuse(format!("it has the form {}, and this version knows {FORMAT}", saved.format)));
        }
        Ok(saved)
    }

    /// # Errors
    /// `argument` where the file cannot be written.
    pub fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(|error| Error::internal(error.to_string()))?;
        std::fs::write(file, text + "\n")
            .map_err(|error| Error::new(Kind::Argument, format!("`{}` cannot be written: {error}", file.display())))
    }

    /// What was agreed to.
    pub fn changes(&self) -> Vec<Call> {
        self.would.clone()
    }

    /// Whether a dry run of now would do the same.
    ///
    /// # Errors
    /// `argument` where it would not; how they differ is said.
    pub fn compare(&self, session: &Session, script: &str, trigger: &str, record: &Record) -> Result<()> {
        if (self.script.as_str(), self.trigger.as_str()) != (script, trigger) {
            let message = format!("the file is about `{}` of `{}`", self.trigger, self.script);
            return Err(Error::new(Kind::Argument, message));
        }
        complete(record)?;
        let (before, now) = (lines(&self.would), lines(&record.would));
        if before == now {
            return Ok(());
        }
        session.tell("saved (-), and what it would do now (+):");
        session.say(timeline::lines_apart(&before, &now, session.reader()).trim_end());
        Err(Error::new(Kind::Argument, "it would not do what was saved any more, so nothing was done")
            .hint("look at the difference; then save it again with `--dry-run --save FILE`"))
    }
}

/// What is written in a file of ours.
///
/// # Errors
/// Why it could not be read, in words.
pub(super) fn document<T: DeserializeOwned>(file: &Path) -> std::result::Result<T, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

/// # Errors
/// `limit` where the record left something out: nobody could agree to that.
fn complete(record: &Record) -> Result<()> {
    if record.omitted == 0 {
        return Ok(());
    }
    Err(Error::new(Kind::Limit, "it would do more than can be written down").hint("let one run do less"))
}

/// What would be done, a line each, everything that matters in it.
pub(super) fn lines(would: &[Call]) -> String {
    let line = |call: &Call| {
        let words = call.summary.as_deref().unwrap_or(&call.endpoint).replace('\n', " ");
        let Call { service, instance, endpoint, args, .. } = call;
        format!("{words}  [{service}/{instance} {endpoint} {args}]\n")
    };
    would.iter().map(line).collect()
}
