//! Reads the configuration and the scripts folder whenever something there may have changed, beside everything else.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::host::Host;
use crate::journal::{Level, Line};
use crate::library::{Library, Reload, Script};
use crate::script::{self, Finding, Severity};
use crate::time::Busy;
use crate::watch::{Means, Pulser, Watcher};

use super::Event;
use super::configuration::{Configuration, News};

/// What one look at everything brought, and all scripts as they stand now.
pub(super) struct Reading {
    /// What the files of the configuration brought.
    pub news: News,
    /// The services of a new configuration.
    pub host: Option<Arc<Host>>,
    pub reload: Reload,
    pub scripts: BTreeMap<String, Script>,
    /// Who asked for it, to be told once it is in force.
    pub asked: Vec<oneshot::Sender<()>>,
    /// Whether anything was found since they asked.
    pub found: bool,
}

pub(super) struct Reader {
    /// Of the configuration in force.
    host: Arc<Host>,
    watcher: Watcher,
    /// Away while they are being read.
    sources: Option<Sources>,
    events: mpsc::UnboundedSender<Event>,
    asks: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
    /// Who asked and has not been answered: something had vanished, and whether for good shows at the next look.
    waiting: Vec<oneshot::Sender<()>>,
    /// Whether anything was found since the first of them asked.
    found: bool,
}

/// What is known of the disk from the last look.
struct Sources {
    configuration: Configuration,
    texts: Library,
}

impl Reader {
    pub fn new(
        host: Arc<Host>,
        means: Means,
        events: mpsc::UnboundedSender<Event>,
        asks: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
    ) -> Self {
        // Watched before it is read, so that no change falls between the two.
        let watched = Configuration::watched(&host.config);
        let watcher = Watcher::new(&host.config.scripts, watched, Arc::clone(&host.clock), means);
        let sources = Some(Sources::new(&host));
        Self { host, watcher, sources, events, asks, waiting: Vec::new(), found: false }
    }

    pub fn pulser(&self) -> Pulser {
        self.watcher.pulser()
    }

    /// Reads whenever something may have changed, until nobody wants to know any more.
    pub async fn run(mut self) {
        loop {
            if let Some(fault) = self.watcher.fault() {
                self.host.journal.write(&Line::new(self.host.clock.now(), Level::Warn, "warning", fault));
            }
            let busy = self.watcher.changed().await;
            let reading = self.read(busy).await;
            if self.events.send(Event::Changed(Box::new(reading))).is_err() {
                return;
            }
        }
    }

    /// Reads everything now. That is work for a thread: it reads files and runs scripts' top levels.
    pub async fn read(&mut self, busy: Busy) -> Reading {
        if self.waiting.is_empty() {
            self.found = false;
        }
        self.waiting.extend(std::iter::from_fn(|| self.asks.try_recv().ok()));
        let host = Arc::clone(&self.host);
        let mut sources = self.sources.take().unwrap_or_else(|| Sources::new(&host));
        let wanted = !self.waiting.is_empty();
        let read = tokio::task::spawn_blocking(move || {
            let read = sources.read(&host, wanted);
            (sources, read, busy)
        });
        let (sources, (mut news, host, reload), _busy) = match read.await {
            Ok(read) => read,
            // The program ends before there was a thread for it, and nobody wants to know any more.
            Err(error) if error.is_cancelled() => return std::future::pending().await,
            Err(_) => {
                let fault = Some("the scripts folder could not be read: the reader broke down".to_owned());
                let reload = Reload { fault, ..Reload::default() };
                let asked = std::mem::take(&mut self.waiting);
                let (news, scripts) = (News::default(), BTreeMap::new());
                return Reading { news, host: None, reload, scripts, asked, found: true };
            }
        };
        self.found |= !news.is_empty() || !reload.changes.is_empty() || reload.fault.is_some();
        let asked = if reload.again || std::mem::take(&mut news.again) {
            self.watcher.look_again();
            Vec::new()
        } else {
            std::mem::take(&mut self.waiting)
        };
        if let Some(host) = &host {
            self.host = Arc::clone(host);
        }
        let mut watched = Configuration::watched(&self.host.config);
        watched.extend(sources.texts.linked());
        self.watcher.follow(&self.host.config.scripts, watched);
        let scripts = sources.texts.scripts().clone();
        self.sources = Some(sources);
        Reading { news, host, reload, scripts, asked, found: self.found }
    }
}

impl Sources {
    fn new(host: &Host) -> Self {
        Self { configuration: Configuration::new(host), texts: Library::new(host.config.scripts.clone()) }
    }

    /// The configuration first: scripts are loaded under what it says now. Where somebody `wanted` it, what is still
    /// broken there is said again.
    fn read(&mut self, host: &Arc<Host>, wanted: bool) -> (News, Option<Arc<Host>>, Reload) {
        let mut news = self.configuration.look(&host.config, wanted);
        if !news.files.is_empty() {
            host.http.forget();
        }
        let (new, anew) = match &mut news.config {
            Some((config, changes)) => (Some(host.renew(config.clone())), !changes.effective.is_empty()),
            None => (None, false),
        };
        let host = new.as_ref().unwrap_or(host);
        if self.texts.folder() != host.config.scripts {
            self.texts.move_to(host.config.scripts.clone());
        }
        let reload = self.texts.reload(
            anew,
            |name| host.config.settings(name).enabled,
            |source| {
                // A panic is a bug of ours, and no reason to lose the other scripts.
                catch_unwind(AssertUnwindSafe(|| script::load(host, source))).unwrap_or_else(|_| Err(vec![bug()]))
            },
        );
        (news, new, reload)
    }
}

fn bug() -> Finding {
    Finding {
        severity: Severity::Error,
        code: "internal",
        message: "tidegate broke down while it loaded this script".into(),
        hint: Some("this is a bug in tidegate: please report it with the script".into()),
        file: None,
        line: 1,
        column: 1,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use futures::FutureExt as _;

    use super::*;
    use crate::clock::VirtualClock;
    use crate::config::Config;
    use crate::host::{Setting, Storage};
    use crate::journal::Silent;
    use crate::time::{Clock as _, Time};

    #[test]
    fn a_program_that_ends_is_no_reader_that_breaks_down() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let clock = VirtualClock::new(Time::from_seconds(1_783_065_600));
        let setting = Setting {
            clock: Arc::<VirtualClock>::clone(&clock),
            env: Arc::new(|_| None),
            journal: Arc::new(Silent),
            storage: Storage::Memory,
            accepts_any_instance: false,
        };
        let config = Config::load("", Path::new("tidegate.toml"), &|_| None).unwrap();
        let host = runtime.block_on(Host::open(config, setting)).unwrap();
        let ((events, _events), (_asks, asks)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        let mut reader = Reader::new(host, Means::Asked, events, asks);
        let ended = tokio::runtime::Runtime::new().unwrap();
        let handle = ended.handle().clone();
        ended.shutdown_background();
        let _inside = handle.enter();
        assert!(reader.read(clock.busy()).now_or_never().is_none(), "there is nothing to tell, and nobody to tell it");
    }
}
