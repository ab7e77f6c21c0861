//! Has Zed start `tidegate lsp` for Rhai. The language itself, its colours among it, comes from the published Rhai extension.

use zed_extension_api::{Command, Extension, LanguageServerId, Result, Worktree, register_extension};

struct Tidegate;

impl Extension for Tidegate {
    fn new() -> Self {
        Self
    }

    fn language_server_command(&mut self, _: &LanguageServerId, worktree: &Worktree) -> Result<Command> {
        let command = worktree.which("tidegate").ok_or("`tidegate` is not on the PATH of your shell")?;
        Ok(Command { command, args: vec!["lsp".to_owned()], env: worktree.shell_env() })
    }
}

register_extension!(Tidegate);
