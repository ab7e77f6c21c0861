//! The clock of `demo`, `test` and `simulate`.
//!
//! The virtual clock keeps three counts. *Own* work is what the clock sees itself: a tracked task
//! that is being polled or was woken, and a sleeper that fired and was not polled yet. *Lent* work
//! is held by [`Busy`] tokens. *Idle* tokens take back lent work, never own work, so that a server
//! whose client has gone cannot hide what others are doing. Time moves when
//! `own + max(0, lent - idle)` is zero.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use futures::FutureExt as _;
use futures::future::{BoxFuture, select};

use crate::time::{Busy, Clock, Duration, Idle, Tally, Time};

/// A clock that stands still while anything is in progress, and otherwise moves to the earliest
/// sleeper at once or, when paced, after a fraction of the real time.
pub struct VirtualClock {
    core: Arc<Core>,
}

impl VirtualClock {
    pub fn new(start: Time) -> Arc<Self> {
        Arc::new(Self { core: Core::new(start, None) })
    }

    /// Moves `speed` times as fast as real time, for as long as anything refers to the clock. The
    /// times that `now` gives are still only those of sleepers.
    pub fn paced(start: Time, speed: f64, handle: &tokio::runtime::Handle) -> Arc<Self> {
        let signal = Arc::new(tokio::sync::Notify::new());
        let core = Core::new(start, Some(Arc::clone(&signal)));
        handle.spawn(drive(Arc::downgrade(&core), signal, start, speed));
        Arc::new(Self { core })
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Time {
        self.core.lock().now
    }

    fn may_be_set(&self) -> bool {
        false
    }

    fn uptime(&self) -> Duration {
        self.core.lock().now - self.core.start
    }

    fn sleep_until(&self, time: Time) -> BoxFuture<'static, ()> {
        Sleep { core: Arc::clone(&self.core), time, place: Place::New }.boxed()
    }

    fn busy(&self) -> Busy {
        Busy::new(Some(Arc::new(Counter { core: Arc::clone(&self.core), count: Count::Lent })))
    }

    fn awake(&self) -> Busy {
        Busy::new(Some(Arc::new(Counter { core: Arc::clone(&self.core), count: Count::Own })))
    }

    fn idle(&self) -> Idle {
        Idle::new(Some(Arc::new(Counter { core: Arc::clone(&self.core), count: Count::Idle })))
    }
}

struct Core {
    start: Time,
    state: Mutex<State>,
    /// Wakes the driver of a paced clock; without one the clock moves by itself.
    signal: Option<Arc<tokio::sync::Notify>>,
}

struct State {
    now: Time,
    own: usize,
    lent: usize,
    idle: usize,
    /// By time and order of arrival.
    sleepers: BTreeMap<(Time, u64), Sleeper>,
    arrivals: u64,
}

struct Sleeper {
    waker: Waker,
    fired: bool,
}

impl State {
    /// The earliest sleeper, if time may move to it.
    fn due(&self) -> Option<Time> {
        let still = self.own == 0 && self.lent <= self.idle;
        self.sleepers.first_key_value().filter(|_| still).map(|((time, _), _)| *time)
    }

    /// Moves to `time` and fires everybody who waits for it.
    fn advance(&mut self, time: Time) -> Vec<Waker> {
        self.now = self.now.max(time);
        let due = self.sleepers.range_mut(..=(self.now, u64::MAX)).filter(|(_, sleeper)| !sleeper.fired);
        let wakers: Vec<_> = due
            .map(|(_, sleeper)| {
                sleeper.fired = true;
                sleeper.waker.clone()
            })
            .collect();
        self.own += wakers.len();
        wakers
    }
}

impl Core {
    fn new(start: Time, signal: Option<Arc<tokio::sync::Notify>>) -> Arc<Self> {
        let state = State { now: start, own: 0, lent: 0, idle: 0, sleepers: BTreeMap::new(), arrivals: 0 };
        Arc::new(Self { start, state: Mutex::new(state), signal })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, then moves time if it may move. Wakers run and drop without the lock: both
    /// may come back here. What `change` gives is dropped without it too.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let (result, wakers) = {
            let mut state = self.lock();
            let result = change(&mut state);
            let wakers = match (state.due(), &self.signal) {
                (Some(time), None) => state.advance(time),
                (Some(_), Some(signal)) => {
                    signal.notify_one();
                    Vec::new()
                }
                (None, _) => Vec::new(),
            };
            (result, wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
        result
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if let Some(signal) = &self.signal {
            signal.notify_one();
        }
    }
}

/// Moves a paced clock.
#[expect(clippy::disallowed_methods, reason = "the clock itself")]
async fn drive(core: Weak<Core>, signal: Arc<tokio::sync::Notify>, start: Time, speed: f64) {
    use tokio::time::Instant;
    /// Work that takes longer than this slows the clock down instead of being caught up with.
    const SLACK: std::time::Duration = std::time::Duration::from_millis(100);
    let mut anchor = (Instant::now(), start);
    loop {
        let Some(due) = core.upgrade().map(|core| core.lock().due()) else { return };
        let Some(due) = due else {
            signal.notified().await;
            continue;
        };
        // A speed of nothing waits for ever, which thirty years are long enough for.
        let distance = ((due - anchor.1).seconds() / speed).clamp(0.0, 1e9);
        let moment = anchor.0 + std::time::Duration::try_from_secs_f64(distance).unwrap_or_default();
        if Instant::now() < moment {
            // Whatever happens meanwhile may bring an earlier sleeper.
            let _ = select(pin!(tokio::time::sleep_until(moment)), pin!(signal.notified())).await;
            continue;
        }
        if Instant::now() > moment + SLACK {
            anchor = (Instant::now(), due);
        }
        let Some(core) = core.upgrade() else { return };
        let wakers = {
            let mut state = core.lock();
            state.due().map(|due| state.advance(due)).unwrap_or_default()
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}

enum Count {
    Own,
    Lent,
    Idle,
}

struct Counter {
    core: Arc<Core>,
    count: Count,
}

impl Tally for Counter {
    fn add(&self) {
        self.core.change(|state| match self.count {
            Count::Own => state.own += 1,
            Count::Lent => state.lent += 1,
            Count::Idle => state.idle -= 1,
        });
    }

    fn remove(&self) {
        self.core.change(|state| match self.count {
            Count::Own => state.own -= 1,
            Count::Lent => state.lent -= 1,
            Count::Idle => state.idle += 1,
        });
    }
}

/// A sleeper is known to the clock from its first poll until it is done or dropped.
struct Sleep {
    core: Arc<Core>,
    time: Time,
    place: Place,
}

enum Place {
    New,
    Waiting(u64),
    Done,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<()> {
        let key = match self.place {
            Place::Done => return Poll::Ready(()),
            Place::New => None,
            Place::Waiting(arrival) => Some((self.time, arrival)),
        };
        let time = self.time;
        let waker = context.waker().clone();
        // The old waker travels out of the lock with the result.
        let (place, _old) = self.core.change(move |state| match key {
            None if state.now >= time => (Place::Done, None),
            None => {
                state.arrivals += 1;
                let arrival = state.arrivals;
                (Place::Waiting(arrival), state.sleepers.insert((time, arrival), Sleeper { waker, fired: false }))
            }
            Some(key) => match state.sleepers.get_mut(&key) {
                Some(sleeper) if !sleeper.fired => {
                    let old = std::mem::replace(&mut sleeper.waker, waker);
                    (Place::Waiting(key.1), Some(Sleeper { waker: old, fired: false }))
                }
                _ => (Place::Done, forget(state, key)),
            },
        });
        self.place = place;
        match self.place {
            Place::Done => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Place::Waiting(arrival) = self.place {
            let _sleeper = self.core.change(|state| forget(state, (self.time, arrival)));
        }
    }
}

/// Removes a sleeper and, where it had fired, the work it stood for.
fn forget(state: &mut State, key: (Time, u64)) -> Option<Sleeper> {
    let sleeper = state.sleepers.remove(&key);
    if sleeper.as_ref().is_some_and(|sleeper| sleeper.fired) {
        state.own -= 1;
    }
    sleeper
}
