//! The daemon: it loads the scripts folder, fires what is due, and ends in good order.
//!
//! Everything that happens is an `Event` in one channel, and one task decides about them in turn
//! (`daemon/engine.rs`). Scripts are read and run elsewhere, so nothing that a script does can hold it up.

use std::sync::Arc;

use futures::{Stream, StreamExt as _};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use crate::clock::track;
use crate::database::Lock;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::ledger::RunId;
use crate::run::Outcome;
use crate::time::Busy;
use crate::watch::{Means, Pulser, Watcher};

mod engine;
mod keeper;
mod missed;
mod plan;
mod reader;
mod status;

use engine::{Engine, Key};
use keeper::Keeper;
use reader::{Reader, Reading};
pub use status::{ScriptStatus, Status, TriggerStatus};

/// How to run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Every script runs dry, whatever the configuration says.
    pub dry_run: bool,
    /// How changes of the scripts folder are noticed.
    pub means: Means,
}

impl Default for Options {
    fn default() -> Self {
        Self { dry_run: false, means: Means::Events }
    }
}

/// What the daemon decides about.
enum Event {
    /// A point in time has come that somebody waits for.
    Due,
    /// The scripts folder was read again.
    Changed(Reading),
    /// A run is over.
    Finished(Key, RunId, Outcome),
    /// Somebody wants to know how things stand.
    Status(oneshot::Sender<Status>),
    /// The first time: begin nothing new. The second time: end what runs.
    Stop,
}

/// A running daemon. It ends with [`Self::stop`], not by being dropped.
pub struct Daemon {
    events: mpsc::UnboundedSender<Event>,
    pulser: Pulser,
    /// Keeps a virtual clock still from the end until somebody has noticed it.
    task: JoinHandle<Busy>,
}

impl Daemon {
    /// Loads the scripts, and begins to run them.
    ///
    /// # Errors
    /// `config` where another daemon has the data folder, or it cannot be written.
    pub async fn start(host: Arc<Host>, options: Options) -> Result<Self> {
        let lock = host.database.folder().map(Lock::take).transpose()?;
        let clock = Arc::clone(&host.clock);
        let (events, mailbox) = mpsc::unbounded_channel();
        // Watched before it is read, so that no change falls between the two.
        let watcher = Watcher::new(&host.config.scripts, Arc::clone(&clock), options.means);
        let pulser = watcher.pulser();
        let expiries = Arc::new(Notify::new());
        let mut engine = Engine::new(Arc::clone(&host), options, events.clone(), Arc::clone(&expiries));
        engine.adopt().await?;
        let mut reader = Reader::new(Arc::clone(&host), watcher, events.clone());
        engine.changed(reader.read(clock.busy()).await).await;
        engine.ready().await;
        let mut helpers = JoinSet::new();
        helpers.spawn(track(Arc::clone(&clock), reader.run()));
        if !options.dry_run {
            helpers.spawn(track(Arc::clone(&clock), Keeper::new(host, expiries).run()));
        }
        let task = tokio::spawn(track(Arc::clone(&clock), async move {
            engine.run(mailbox).await;
            let busy = clock.busy();
            helpers.shutdown().await;
            drop(lock);
            busy
        }));
        Ok(Self { events, pulser, task })
    }

    /// Looks at the scripts folder soon, whether or not anything was noticed there.
    pub fn look(&self) {
        self.pulser.pulse();
    }

    /// How things stand; `None` once it has ended.
    pub async fn status(&self) -> Option<Status> {
        let (reply, status) = oneshot::channel();
        self.events.send(Event::Status(reply)).ok()?;
        status.await.ok()
    }

    /// The first time: nothing new begins, and what runs may end within the grace. The second time:
    /// what runs is cancelled.
    pub fn stop(&self) {
        let _ = self.events.send(Event::Stop);
    }

    /// Completes when it has ended.
    ///
    /// # Errors
    /// `internal` where it broke down.
    pub async fn wait(&mut self) -> Result<()> {
        let ended = (&mut self.task).await;
        ended.map(drop).map_err(|error| Error::internal(format!("the daemon broke down: {error}")))
    }

    /// Waits for the end, and stops at every item of `signals`. Gives the first one.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub async fn run_until<T>(mut self, signals: impl Stream<Item = T>) -> Result<Option<T>> {
        let mut signals = std::pin::pin!(signals.fuse());
        let mut first = None;
        loop {
            tokio::select! {
                ended = self.wait() => return ended.map(|()| first),
                Some(signal) = signals.next() => {
                    self.stop();
                    first.get_or_insert(signal);
                }
            }
        }
    }
}
