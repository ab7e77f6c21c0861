//! `tidegate run`: the daemon.

use std::sync::Arc;

#[cfg(unix)]
use futures::{Stream, StreamExt as _};

use super::signals::Signals;
#[cfg(unix)]
use super::systemd::Systemd;
use super::{Exit, Session};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::daemon::{Daemon, Handle, Options};
use crate::error::{Error, Result};
use crate::host::{Host, Setting, Storage};
use crate::journal::{Journal, JsonJournal, Level, Line, Queued, TextJournal};
use crate::language::Language;
use crate::server::Server;

/// What may still be on its way when everything was told to end.
const LAST_WAIT: std::time::Duration = std::time::Duration::from_secs(2);

/// Runs the scripts folder until it is stopped.
///
/// The first Ctrl-C (or SIGTERM) begins nothing new and lets what runs end within the grace; the second
/// one cancels it. SIGHUP reads the configuration again.
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
        // Whoever reads it may stop reading, and the daemon goes on.
        let queued = match self.log {
            Format::Text => {
                let text = TextJournal::new(std::io::stdout(), config.timezone, session.color);
                let text = text.speaking(config.language);
                Queued::new(Above { level: if self.verbose { Level::Debug } else { Level::Info }, journal: text })
            }
            Format::Json => Queued::new(JsonJournal::new(std::io::stdout())),
        };
        let queued = queued.map_err(|error| Error::internal(format!("there is no thread for the log: {error}")))?;
        let journal = Arc::new(queued);
        let runtime = session.runtime()?;
        let ended = runtime.block_on(self.serve(session, config, Arc::<Queued>::clone(&journal)));
        journal.finish(LAST_WAIT);
        // A thread that does not end must not keep the process.
        runtime.shutdown_timeout(LAST_WAIT);
        ended
    }

    async fn serve(self, session: &Session, config: Config, journal: Arc<dyn Journal>) -> Result<Exit> {
        // Before anything else, so that no signal finds the process unprepared.
        let mut signals = Signals::new()?;
        #[cfg(unix)]
        let hangups = super::signals::hangups()?;
        let clock = SystemClock::new();
        let env = Arc::clone(&session.env);
        let setting = Setting {
            clock: Arc::<SystemClock>::clone(&clock),
            env,
            journal,
            storage: Storage::Folder,
            accepts_any_instance: false,
        };
        let start = async {
            let host = Host::open(config, setting).await?;
            let serve = async |daemon| Server::start(Arc::clone(&host), daemon).await;
            Daemon::start_with(Arc::clone(&host), Options { dry_run: self.dry, ..Options::default() }, serve).await
        };
        let (daemon, server) = tokio::select! {
            started = start => started?,
            // Nothing has begun yet.
            exit = signals.next() => return Ok(exit),
        };
        #[cfg(unix)]
        let signals = {
            let systemd = Systemd::new(session);
            if let Some(systemd) = &systemd {
                systemd.ready(concat!("tidegate ", env!("CARGO_PKG_VERSION")));
                tokio::spawn(Arc::clone(systemd).watch(daemon.handle(), clock));
            }
            tokio::spawn(reread(hangups, daemon.handle(), systemd.clone()));
            signals.inspect(move |_| systemd.iter().for_each(|systemd| systemd.stopping()))
        };
        let first = daemon.run_until(signals).await;
        server.stop().await;
        let first = first?;
        Ok(first.unwrap_or(Exit::Ok))
    }
}

/// Reads everything again at each hangup.
#[cfg(unix)]
async fn reread(hangups: impl Stream<Item = ()>, daemon: Handle, systemd: Option<Arc<Systemd>>) {
    let mut hangups = std::pin::pin!(hangups);
    while hangups.next().await.is_some() {
        if let Some(systemd) = &systemd {
            systemd.reloading();
        }
        if !daemon.reload().await {
            return;
        }
        if let Some(systemd) = &systemd {
            systemd.ready(concat!("tidegate ", env!("CARGO_PKG_VERSION")));
        }
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

    fn language(&self) -> Language {
        self.journal.language()
    }
}
