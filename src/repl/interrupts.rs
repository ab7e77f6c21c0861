//! Signals, and what they mean at the moment: Ctrl-C ends the running input and never the session.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Signal;

/// What is going on while a signal comes.
#[derive(Default)]
enum Activity {
    /// Another program has the terminal, or nothing in particular.
    #[default]
    Away,
    /// A line is being read without an editor; what is typed so far, and the prompt before it.
    Reading(String),
    Running(CancellationToken),
}

/// Hears the signals of one sitting.
pub(super) struct Interrupts {
    /// Whether a person is there, whose Ctrl-C is about the input only.
    person: bool,
    activity: Mutex<Activity>,
    ended: Mutex<Option<Signal>>,
    /// Set for the editor, which polls it.
    pub(super) wake: Arc<AtomicBool>,
    /// Somebody wants to end: a second Ctrl-C during an input, or a signal that ends the sitting.
    urgent: Notify,
    /// Whether the lines read so far are to be thrown away.
    discard: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Interrupts {
    pub(super) fn listen(runtime: &Handle, mut signals: BoxStream<'static, Signal>, person: bool) -> Arc<Self> {
        let own = Arc::new(Self {
            person,
            activity: Mutex::default(),
            ended: Mutex::default(),
            wake: Arc::default(),
            urgent: Notify::new(),
            discard: AtomicBool::new(false),
        });
        let hears = Arc::clone(&own);
        runtime.spawn(async move {
            while let Some(signal) = signals.next().await {
                hears.take(signal);
            }
        });
        own
    }

    fn take(&self, signal: Signal) {
        let ends = signal == Signal::Terminate || !self.person;
        if ends {
            lock(&self.ended).get_or_insert(signal);
            self.wake.store(true, Ordering::Relaxed);
        }
        match &*lock(&self.activity) {
            Activity::Running(cancel) if cancel.is_cancelled() => self.urgent.notify_one(),
            Activity::Running(cancel) => cancel.cancel(),
            _ if ends => self.urgent.notify_one(),
            Activity::Reading(prompt) => {
                self.discard.store(true, Ordering::Relaxed);
                let mut out = std::io::stdout().lock();
                // Without a reader there is nobody to tell.
                let _ = write!(out, "\n{prompt}").and_then(|()| out.flush());
            }
            Activity::Away => {}
        }
    }

    /// The signal that ends the sitting.
    pub(super) fn ended(&self) -> Option<Signal> {
        *lock(&self.ended)
    }

    /// Until the guard goes, Ctrl-C cancels this.
    pub(super) fn running(&self, cancel: &CancellationToken) -> Guard<'_> {
        if self.ended().is_some() {
            cancel.cancel();
        }
        *lock(&self.activity) = Activity::Running(cancel.clone());
        Guard(self)
    }

    /// Until the guard goes, Ctrl-C throws away what was typed and shows the prompt again.
    pub(super) fn reading(&self, prompt: &str) -> Guard<'_> {
        self.discard.store(false, Ordering::Relaxed);
        *lock(&self.activity) = Activity::Reading(prompt.to_owned());
        Guard(self)
    }

    /// Whether Ctrl-C came since reading began.
    pub(super) fn threw_away(&self) -> bool {
        self.discard.swap(false, Ordering::Relaxed)
    }

    pub(super) async fn urgent(&self) {
        self.urgent.notified().await;
    }
}

/// See [`Interrupts::running`].
#[must_use]
pub(super) struct Guard<'a>(&'a Interrupts);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        *lock(&self.0.activity) = Activity::Away;
    }
}
