//! `tidegate run`: the daemon.

use std::sync::Arc;

use super::signals::Signals;
use super::{Exit, Session};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::daemon::{Daemon, Options};
use crate::error::Result;
use crate::host::{Host, Setting, Storage};
use crate::journal::{Journal, JsonJournal, Level, Line, TextJournal};

/// What may still be on its way when everything was told to end.
const LAST_WAIT: std::time::Duration = std::time::Duration::from_secs(2);

/// Runs the scripts folder until it is stopped.
///
/// The first Ctrl-C (or SIGTERM) begins nothing new and lets what runs end within the grace; the second
/// one cancels it.
#[derive(clap::Args)]
#[command(after_help = "Example: tidegate run --dry-run\n\nScripts are read again as soon as they change on disk.")]
pub struct Run {
    /// Hold back everything but reads, whatever the configuration says.
    #[arg(long = "dry-run")]
    dry: bool,
    /// How to write what happens.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    log: Format,
    /// Show every request and the beginning of every run too; JSON always has them.
    #[arg(long, short)]
    verbose: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Format {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Run {
    pub fn run(self, session: &Session) -> Result<Exit> {
        let config = session.configuration()?;
        let journal: Arc<dyn Journal> = match self.log {
            Format::Text => {
                let text = TextJournal::new(std::io::stdout(), config.timezone, session.color);
                Arc::new(Above { level: if self.verbose { Level::Debug } else { Level::Info }, journal: text })
            }
            Format::Json => Arc::new(JsonJournal::new(std::io::stdout())),
        };
        let runtime = session.runtime()?;
        let env = Arc::clone(&session.env);
        let ended = runtime.block_on(self.serve(config, env, journal));
        // A thread that does not end must not keep the process.
        runtime.shutdown_timeout(LAST_WAIT);
        ended
    }

    async fn serve(self, config: Config, env: crate::vault::Env, journal: Arc<dyn Journal>) -> Result<Exit> {
        // Before anything else, so that no signal finds the process unprepared.
        let signals = Signals::new()?;
        let setting =
            Setting { clock: SystemClock::new(), env, journal, storage: Storage::Folder, accepts_any_instance: false };
        let host = Host::open(config, setting).await?;
        let options = Options { dry_run: self.dry, ..Options::default() };
        let daemon = Daemon::start(host, options).await?;
        let first = daemon.run_until(signals).await?;
        Ok(first.unwrap_or(Exit::Ok))
    }
}

/// Passes on what matters at least so much.
struct Above<J> {
    level: Level,
    journal: J,
}

impl<J: Journal> Journal for Above<J> {
    fn write(&self, line: &Line) {
        if line.level >= self.level {
            self.journal.write(line);
        }
    }
}
