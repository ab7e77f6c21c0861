//! Reads the scripts folder whenever something there may have changed, beside everything else.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::host::Host;
use crate::journal::{Level, Line};
use crate::library::{Library, Reload, Script};
use crate::script::{self, Finding, Severity};
use crate::time::Busy;
use crate::watch::Watcher;

use super::Event;

/// What one look at the folder brought, and all scripts as they stand now.
pub(super) struct Reading {
    pub reload: Reload,
    pub scripts: BTreeMap<String, Script>,
}

pub(super) struct Reader {
    host: Arc<Host>,
    watcher: Watcher,
    /// Away while it is being reloaded.
    library: Option<Library>,
    events: mpsc::UnboundedSender<Event>,
}

impl Reader {
    pub fn new(host: Arc<Host>, watcher: Watcher, events: mpsc::UnboundedSender<Event>) -> Self {
        let library = Some(Library::new(host.config.scripts.clone()));
        Self { host, watcher, library, events }
    }

    /// Reads whenever something may have changed, until nobody wants to know any more.
    pub async fn run(mut self) {
        loop {
            if let Some(fault) = self.watcher.fault() {
                self.host.journal.write(&Line::new(self.host.clock.now(), Level::Warn, "warning", fault));
            }
            let busy = self.watcher.changed().await;
            let reading = self.read(busy).await;
            if self.events.send(Event::Changed(reading)).is_err() {
                return;
            }
        }
    }

    /// Reads the folder now. Loading is work for a thread: it reads files and runs scripts' top levels.
    pub async fn read(&mut self, busy: Busy) -> Reading {
        let host = Arc::clone(&self.host);
        let mut library = self.library.take().unwrap_or_else(|| Library::new(host.config.scripts.clone()));
        let read = tokio::task::spawn_blocking(move || {
            let reload = library.reload(
                |name| host.config.settings(name).enabled,
                |source| {
                    // A panic is a bug of ours, and no reason to lose the other scripts.
                    catch_unwind(AssertUnwindSafe(|| script::load(&host, source))).unwrap_or_else(|_| Err(vec![bug()]))
                },
            );
            (library, reload, busy)
        });
        let Ok((library, reload, _busy)) = read.await else {
            let fault = Some("the scripts folder could not be read: the reader broke down".to_owned());
            return Reading { reload: Reload { fault, ..Reload::default() }, scripts: BTreeMap::new() };
        };
        if reload.again {
            self.watcher.look_again();
        }
        let scripts = library.scripts().clone();
        self.library = Some(library);
        Reading { reload, scripts }
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
