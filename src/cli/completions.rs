//! `tidegate completions`: what a shell needs to complete commands and flags.

use clap_complete::Shell;

use super::{Exit, Session, command};
use crate::error::Result;

/// Prints a completion script for a shell.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  bash        tidegate completions bash > ~/.local/share/bash-completion/completions/tidegate\n  zsh         tidegate completions zsh > \"${fpath[1]}/_tidegate\"\n  fish        tidegate completions fish > ~/.config/fish/completions/tidegate.fish\n  PowerShell  tidegate completions powershell >> $PROFILE"
)]
pub struct Completions {
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

impl Completions {
    /// # Errors
    /// Where standard output is gone.
    pub fn run(self, session: &Session) -> Result<Exit> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut command::english(), "tidegate", &mut text);
        session.line(String::from_utf8_lossy(&text).trim_end())?;
        Ok(Exit::Ok)
    }
}
