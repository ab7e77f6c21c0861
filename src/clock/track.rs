//! What tasks need to wait on a clock: being counted, and deadlines.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use futures::future::{Either, select};

use crate::time::{Busy, Clock, Time};

/// Wraps a task that waits on the clock: it is work in progress from now until its first poll is
/// over, while it is polled, and from every wake until the poll that follows. So a message between
/// two tracked tasks, a finished join or a released lock cannot be overtaken by time. What the task
/// waits for outside of tracked tasks (an exchange, a thread) must hold a [`Busy`] itself.
pub fn track<F: Future>(clock: Arc<dyn Clock>, future: F) -> Track<F> {
    let first = clock.awake();
    let alarm = first.counts().then(|| {
        let held = Mutex::new(Held::Open(Some(first)));
        Arc::new(Alarm { clock, inner: futures::task::AtomicWaker::new(), held })
    });
    Track { alarm, future: Box::pin(future) }
}

/// See [`track`].
#[must_use = "futures do nothing unless polled"]
pub struct Track<F> {
    /// Nothing for a clock that does not count.
    alarm: Option<Arc<Alarm>>,
    future: Pin<Box<F>>,
}

/// The waker of a tracked task: takes a token, then wakes the task.
struct Alarm {
    clock: Arc<dyn Clock>,
    inner: futures::task::AtomicWaker,
    held: Mutex<Held>,
}

enum Held {
    Open(Option<Busy>),
    /// The task is over: nobody will poll, so nothing may be held.
    Closed,
}

impl Alarm {
    /// Gives what was there, to be dropped without the lock.
    fn replace(&self, held: Held) -> Held {
        std::mem::replace(&mut *self.lock(), held)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let token = self.clock.awake();
        let surplus = match &mut *self.lock() {
            Held::Open(slot @ None) => {
                *slot = Some(token);
                None
            }
            _ => Some(token),
        };
        drop(surplus);
        self.inner.wake();
    }
}

impl<F: Future> Future for Track<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<F::Output> {
        let Some(alarm) = self.alarm.clone() else { return self.future.as_mut().poll(context) };
        let _working = alarm.clock.awake();
        alarm.inner.register(context.waker());
        drop(alarm.replace(Held::Open(None)));
        // tokio's budget would send the task away in the middle of its work and wake it only later.
        let future = tokio::task::coop::unconstrained(self.future.as_mut());
        let result = pin!(future).poll(&mut Context::from_waker(&Waker::from(Arc::clone(&alarm))));
        if result.is_ready() {
            drop(alarm.replace(Held::Closed));
        }
        result
    }
}

impl<F> Drop for Track<F> {
    fn drop(&mut self) {
        if let Some(alarm) = &self.alarm {
            drop(alarm.replace(Held::Closed));
        }
    }
}

/// The deadline passed first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Elapsed;

/// Gives `future` until `deadline`. A future that is ready wins over a deadline that has passed.
///
/// # Errors
/// [`Elapsed`] where the deadline came first; the future is dropped.
pub async fn within<T>(
    clock: &(impl Clock + ?Sized),
    deadline: Time,
    future: impl Future<Output = T>,
) -> Result<T, Elapsed> {
    match select(pin!(future), clock.sleep_until(deadline)).await {
        Either::Left((value, _)) => Ok(value),
        Either::Right(_) => Err(Elapsed),
    }
}
