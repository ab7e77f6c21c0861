//! A command inside the VPS.

use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::{hurried, parse};
use crate::api::shapes;
use crate::client::Client;
use crate::error::{Kind, Result};
use crate::recorder::{self, Talk};
use crate::time::Duration;

shapes! {
    /// What became of a command.
    CommandOutput {
        /// 0 where the command says that all went well.
        exit_code: Int,
        /// What it printed.
        output: Text,
    }
}

/// The shape of the same name says what each field means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CommandOutput {
    pub exit_code: i64,
    pub output: String,
}

#[derive(Deserialize)]
struct Reply {
    error: i64,
    message: String,
}

/// Runs a command as root inside the VPS, once. An exit code other than 0 is no error.
///
/// # Errors
/// `timeout` where there is no answer in time: the command may run on.
pub async fn run(vps: &Client, command: &str, timeout: Option<Duration>, talk: &Talk) -> Result<CommandOutput> {
    const ROW: &str = "basic_shell_exec";
    let talk = &hurried(talk, timeout);
    let answer = recorder::call(vps, ROW, vec![command.into()], Map::new(), talk).await;
    let answer = answer.map_err(|error| match error.kind {
        Kind::Timeout => error.hint("the command may run on; for long work take `shell_script_exec`"),
        _ => error,
    })?;
    let Reply { error, message } = parse(ROW, answer)?;
    Ok(CommandOutput { exit_code: error, output: message })
}
