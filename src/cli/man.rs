//! `tidegate man`: pages for `man`.

use std::path::PathBuf;

use super::{Exit, Session, command};
use crate::error::{Error, Kind, Result};

/// Prints the manual page, or writes one for each command into a folder.
#[derive(clap::Args)]
#[command(after_help = "Example: tidegate man ~/.local/share/man/man1\n         tidegate man | man -l -")]
pub struct Man {
    /// Write `tidegate.1` and a page for each command here; the folder is made where it is not there.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl Man {
    /// # Errors
    /// `argument` where the folder cannot be written.
    pub fn run(self, session: &Session) -> Result<Exit> {
        let Some(folder) = self.folder else {
            let mut page = Vec::new();
            let drawn = clap_mangen::Man::new(command::english()).render(&mut page);
            drawn.map_err(|error| Error::internal(format!("the page cannot be drawn: {error}")))?;
            session.line(String::from_utf8_lossy(&page).trim_end())?;
            return Ok(Exit::Ok);
        };
        let wrong = |error: std::io::Error| {
            Error::new(Kind::Argument, format!("`{}` cannot be written: {error}", folder.display()))
                .hint("name a folder that you may write to, or none to print the page")
        };
        std::fs::create_dir_all(&folder).map_err(wrong)?;
        clap_mangen::generate_to(command::english().disable_help_subcommand(true), &folder).map_err(wrong)?;
        session.say(&format!("written to `{}`", folder.display()));
        Ok(Exit::Ok)
    }
}
