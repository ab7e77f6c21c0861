//! One thing wrong with a configuration, and all of them as one error.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use crate::error::{Error, Kind};
use crate::text::count;

/// One thing wrong with a configuration.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Problem {
    /// `vps.tokyo.veid`, or the variable for what comes from the environment; empty where the file
    /// cannot be read so far.
    pub key: String,
    /// Counted from 1; `None` for what comes from the environment.
    pub line: Option<usize>,
    pub message: String,
    /// What to write.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}

/// All problems as one error of kind `config`, one line each.
pub fn error(file: Option<&Path>, problems: &[Problem]) -> Error {
    let place = match file {
        Some(file) => format!("`{}`", file.display()),
        None => "the environment".into(),
    };
    let mut lines = vec![format!("{} in {place}", count(problems.len(), "problem"))];
    lines.extend(problems.iter().map(ToString::to_string));
    let file = file.map(|file| file.display().to_string());
    let first = problems.first().and_then(|problem| problem.line);
    let error = Error::new(Kind::Config, lines.join("\n  ")).hint("every key is described in docs/configuration.md");
    if first.is_some() { error.at(file.as_deref(), first, Some(1)) } else { error }
}
