//! The daemon: it loads the scripts folder, fires what is due, and ends in good order.
//!
//! Everything that happens is an `Event` in one channel, and one task decides about them in turn
//! (`daemon/engine.rs`). Scripts are read and run elsewhere, so nothing that a script does can hold it up.

use std::sync::Arc;

use futures::{Stream, StreamExt as _};
use serde_json::Value;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::clock::track;
use crate::database::Lock;
use crate::error::{Error, Result};
use crate::events::{Occurrence, Signal};
use crate::host::Host;
use crate::ledger::RunId;
use crate::run::Outcome;
use crate::time::Busy;
use crate::watch::{Means, Pulser};

mod account;
mod configuration;
pub mod doors;
mod engine;
mod files;
mod heartbeat;
mod keeper;
mod missed;
mod monitor;
mod plan;
mod postman;
mod reader;
mod sentry;
mod status;
mod wall;

use doors::{Ask, Hook};
use engine::{Boards, Engine, Key};
use files::Files;
use keeper::Keeper;
use reader::{Reader, Reading};
use sentry::Sentry;
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
    /// The configuration and the scripts folder were read again.
    Changed(Box<Reading>),
    /// A run is over.
    Finished(Key, RunId, Outcome),
    /// A script of this process has something to say.
    Told(Signal),
    /// A service has something to say; whoever found out waits until that is written down.
    Polled(Occurrence, oneshot::Sender<()>),
    /// Files that a trigger watches have changed.
    Files(Key, Value),
    /// Somebody wants something.
    Asked(Ask),
    /// The first time: begin nothing new. The second time: end what runs.
    Stop,
}

/// Asks a running daemon. Cheap to clone; it does not keep it alive.
#[derive(Clone)]
pub struct Handle {
    events: mpsc::UnboundedSender<Event>,
    pulser: Pulser,
    asks: mpsc::UnboundedSender<oneshot::Sender<()>>,
    hooks: watch::Receiver<Vec<Hook>>,
    hosts: watch::Receiver<Arc<Host>>,
    dry_run: bool,
}

impl Handle {
    /// The services under the configuration in force.
    pub fn host(&self) -> Arc<Host> {
        Arc::clone(&self.hosts.borrow())
    }

    /// Whether everything but reads is held back, whatever the configuration says.
    pub const fn is_dry(&self) -> bool {
        self.dry_run
    }

    /// Reads configuration, secrets and scripts again, and completes once what was found is in force. False
    /// where the daemon has ended.
    pub async fn reload(&self) -> bool {
        let (reply, done) = oneshot::channel();
        if self.asks.send(reply).is_err() {
            return false;
        }
        self.pulser.pulse();
        done.await.is_ok()
    }
}

/// A running daemon. It ends with [`Self::stop`], not by being dropped.
pub struct Daemon {
    handle: Handle,
    /// Keeps a virtual clock still from the end until somebody has noticed it.
    task: JoinHandle<Busy>,
}

impl Daemon {
    /// Loads the scripts, and begins to run them.
    ///
    /// # Errors
    /// `config` where another daemon has the data folder, or it cannot be written.
    pub async fn start(host: Arc<Host>, options: Options) -> Result<Self> {
        Self::start_with(host, options, async |_| Ok(())).await.map(|(daemon, ())| daemon)
    }

    /// The same, with something that is to be there when it is ready: `prepare` is called once every script has
    /// been loaded.
    ///
    /// # Errors
    /// As [`Self::start`], and those of `prepare`.
    pub async fn start_with<T>(
        host: Arc<Host>,
        options: Options,
        prepare: impl AsyncFnOnce(Handle) -> Result<T>,
    ) -> Result<(Self, T)> {
        let lock = host.database.folder().map(Lock::take).transpose()?;
        let clock = Arc::clone(&host.clock);
        let (events, mailbox) = mpsc::unbounded_channel();
        let (asks, asked) = mpsc::unbounded_channel();
        let mut reader = Reader::new(Arc::clone(&host), options.means, events.clone(), asked);
        let boards = Boards::new();
        let hooks = boards.hooks.subscribe();
        let expiries = Arc::new(Notify::new());
        let (hosts, current) = watch::channel(Arc::clone(&host));
        let handle = Handle {
            events: events.clone(),
            pulser: reader.pulser(),
            asks,
            hooks,
            hosts: current.clone(),
            dry_run: options.dry_run,
        };
        let mut files = Files::new(Arc::clone(&clock), options.means, boards.files.subscribe(), events.clone());
        let sentry = Sentry::new(current.clone(), boards.events.subscribe(), events.clone());
        let told = events.clone();
        host.bus.listen(move |signal| told.send(Event::Told(signal)).is_ok());
        let mut engine = Engine::new(host, hosts, options, events, Arc::clone(&expiries), boards);
        engine.adopt().await?;
        engine.changed(reader.read(clock.busy()).await).await;
        // Watched before it is ready, so that nothing that follows is missed.
        files.renew().await;
        let prepared = prepare(handle.clone()).await?;
        engine.ready().await;
        let mut helpers = JoinSet::new();
        helpers.spawn(track(Arc::clone(&clock), reader.run()));
        helpers.spawn(track(Arc::clone(&clock), files.run()));
        helpers.spawn(track(Arc::clone(&clock), sentry.run()));
        if !options.dry_run {
            helpers.spawn(track(Arc::clone(&clock), Keeper::new(current.clone(), expiries).run()));
            helpers.spawn(track(Arc::clone(&clock), postman::run(current.clone())));
            helpers.spawn(track(Arc::clone(&clock), monitor::run(current.clone())));
            helpers.spawn(track(Arc::clone(&clock), heartbeat::run(current, handle.clone())));
        }
        let task = tokio::spawn(track(Arc::clone(&clock), async move {
            engine.run(mailbox).await;
            let busy = clock.busy();
            helpers.shutdown().await;
            drop(lock);
            busy
        }));
        Ok((Self { handle, task }, prepared))
    }

    /// Looks at the scripts folder soon, whether or not anything was noticed there.
    pub fn look(&self) {
        self.handle.pulser.pulse();
    }

    /// How things stand; `None` once it has ended.
    pub async fn status(&self) -> Option<Status> {
        self.handle.status().await
    }

    /// For whoever asks it while somebody else waits for its end.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// The first time: nothing new begins, and what runs may end within the grace. The second time:
    /// what runs is cancelled.
    pub fn stop(&self) {
        let _ = self.handle.events.send(Event::Stop);
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

#[cfg(test)]
mod tests;
