//! The two clocks: the real one, and one that moves to the next sleeper as soon as nothing is in
//! progress.
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
use std::task::{Context, Poll, Wake, Waker};

use futures::FutureExt as _;
use futures::future::{BoxFuture, Either, select};

use crate::time::{Busy, Clock, Duration, Idle, Tally, Time};

/// The time of this machine.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl SystemClock {
    /// A sleep looks at the wall clock at least this often, so that a suspended machine or a
    /// corrected clock is noticed.
    const SLICE: Duration = Duration::from_seconds(30);

    pub fn new() -> Arc<Self> {
        Arc::new(Self)
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the clock itself")]
    fn now(&self) -> Time {
        chrono::Utc::now().into()
    }

    #[expect(clippy::disallowed_methods, reason = "the clock itself")]
    fn sleep_until(&self, time: Time) -> BoxFuture<'static, ()> {
        async move {
            loop {
                let left = time - Self.now();
                if left <= Duration::ZERO {
                    return;
                }
                tokio::time::sleep(left.min(Self::SLICE).to_std()).await;
            }
        }
        .boxed()
    }

    fn busy(&self) -> Busy {
        Busy::new(None)
    }

    fn idle(&self) -> Idle {
        Idle::new(None)
    }
}

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
        Arc::new(Self { state: Mutex::new(state), signal })
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
        let distance = (due - anchor.1).seconds().max(0.0) / speed;
        let moment =
            anchor.0 + std::time::Duration::try_from_secs_f64(distance).unwrap_or(std::time::Duration::MAX / 4);
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::{mpsc, oneshot};

    use super::*;

    const START: Time = Time::from_seconds(1_750_000_000);

    fn after(seconds: i64) -> Time {
        START + Duration::from_seconds(seconds)
    }

    fn elapsed(clock: &Arc<dyn Clock>) -> i64 {
        (clock.now() - START).millis()
    }

    fn new() -> Arc<dyn Clock> {
        VirtualClock::new(START)
    }

    /// A waker that counts.
    #[derive(Default)]
    struct Bell(AtomicUsize);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn poll<F: Future + Unpin>(future: &mut F, bell: &Arc<Bell>) -> Poll<F::Output> {
        Pin::new(future).poll(&mut Context::from_waker(&Waker::from(Arc::clone(bell))))
    }

    #[test]
    fn time_stands_still_while_anything_is_busy() {
        let (clock, bell) = (new(), Arc::new(Bell::default()));
        let busy = clock.busy();
        let mut sleep = clock.sleep_until(after(10));
        assert!(poll(&mut sleep, &bell).is_pending());
        let second = busy.clone();
        drop(busy);
        assert_eq!((elapsed(&clock), bell.0.load(Ordering::SeqCst)), (0, 0));
        drop(second);
        assert_eq!((elapsed(&clock), bell.0.load(Ordering::SeqCst)), (10_000, 1));
        assert!(poll(&mut sleep, &bell).is_ready());
    }

    #[test]
    fn all_sleepers_of_one_instant_fire_and_the_rest_wait_for_them() {
        let clock = new();
        let bells: Vec<_> = (0..4).map(|_| Arc::new(Bell::default())).collect();
        let busy = clock.busy();
        let mut sleeps: Vec<_> = [5, 5, 5, 6].map(|s| clock.sleep_until(after(s))).into_iter().collect();
        for (sleep, bell) in sleeps.iter_mut().zip(&bells) {
            assert!(poll(sleep, bell).is_pending());
        }
        drop(busy);
        let rung = || bells.iter().map(|bell| bell.0.load(Ordering::SeqCst)).collect::<Vec<_>>();
        assert_eq!((elapsed(&clock), rung()), (5000, vec![1, 1, 1, 0]));
        assert!(poll(&mut sleeps[0], &bells[0]).is_ready());
        assert!(poll(&mut sleeps[1], &bells[1]).is_ready());
        assert_eq!(elapsed(&clock), 5000, "the third has fired and was not polled");
        assert!(poll(&mut sleeps[2], &bells[2]).is_ready());
        assert_eq!((elapsed(&clock), rung()), (6000, vec![1, 1, 1, 1]));
    }

    #[test]
    fn a_dropped_sleeper_is_forgotten() {
        let (clock, bell) = (new(), Arc::new(Bell::default()));
        let busy = clock.busy();
        let mut early = clock.sleep_until(after(1));
        let mut late = clock.sleep_until(after(2));
        assert!(poll(&mut early, &bell).is_pending() && poll(&mut late, &bell).is_pending());
        drop(early);
        drop(busy);
        assert_eq!((elapsed(&clock), bell.0.load(Ordering::SeqCst)), (2000, 1));

        let mut next = clock.sleep_until(after(3));
        assert!(poll(&mut next, &bell).is_pending());
        assert_eq!(elapsed(&clock), 2000, "`late` has fired and holds time");
        drop(late);
        assert_eq!(elapsed(&clock), 3000, "dropping it lets time go on");
    }

    #[test]
    fn a_time_that_has_passed_is_ready_at_once_and_time_never_goes_back() {
        let (clock, bell) = (new(), Arc::new(Bell::default()));
        assert!(poll(&mut clock.sleep_until(START), &bell).is_ready());
        assert!(poll(&mut clock.sleep_until(after(-1)), &bell).is_ready());
        assert_eq!(elapsed(&clock), 0);
    }

    #[test]
    fn idle_takes_back_lent_work_but_never_own_work() {
        let (clock, bell) = (new(), Arc::new(Bell::default()));
        let exchange = clock.busy();
        let server = clock.idle();
        let mut latency = clock.sleep_until(after(1));
        assert!(poll(&mut latency, &bell).is_pending());
        assert_eq!(elapsed(&clock), 1000);
        assert!(poll(&mut latency, &bell).is_ready());

        // The client has gone, the server does not know yet.
        drop(exchange);
        let polled = clock.awake();
        let mut other = clock.sleep_until(after(5));
        assert!(poll(&mut other, &bell).is_pending());
        assert_eq!(elapsed(&clock), 1000);
        drop(server);
        assert_eq!(elapsed(&clock), 1000);
        drop(polled);
        assert_eq!(elapsed(&clock), 5000);
    }

    #[test]
    fn a_tracked_task_is_busy_from_its_creation_and_from_a_wake_until_its_poll() {
        let (clock, bell) = (new(), Arc::new(Bell::default()));
        let (send, receive) = oneshot::channel();
        let mut task = track(Arc::clone(&clock), receive);
        let mut sleep = clock.sleep_until(after(1));
        assert!(poll(&mut sleep, &bell).is_pending());
        assert_eq!(elapsed(&clock), 0, "not polled yet");
        assert!(poll(&mut task, &bell).is_pending());
        assert_eq!(elapsed(&clock), 1000, "pending is not busy");

        let mut next = clock.sleep_until(after(2));
        assert!(poll(&mut next, &bell).is_pending());
        send.send(7).unwrap();
        assert!(poll(&mut sleep, &bell).is_ready());
        assert_eq!(elapsed(&clock), 1000, "woken and not polled yet");
        assert_eq!(poll(&mut task, &bell), Poll::Ready(Ok(7)));
        assert_eq!(elapsed(&clock), 2000);
    }

    #[test]
    fn a_tracked_task_that_is_dropped_or_over_holds_nothing() {
        let (clock, bell) = (new(), Arc::new(Bell::default()));
        let waker = Arc::new(Mutex::new(None));
        let keep = Arc::clone(&waker);
        let mut polls = 0;
        let mut task = track(
            Arc::clone(&clock),
            futures::future::poll_fn(move |context| {
                *keep.lock().unwrap() = Some(context.waker().clone());
                polls += 1;
                if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
            }),
        );
        assert!(poll(&mut task, &bell).is_pending());
        waker.lock().unwrap().as_ref().unwrap().wake_by_ref();
        assert!(poll(&mut task, &bell).is_ready());
        waker.lock().unwrap().as_ref().unwrap().wake_by_ref();
        drop(track(Arc::clone(&clock), futures::future::pending::<()>()));
        assert!(poll(&mut clock.sleep_until(after(1)), &bell).is_pending());
        assert_eq!(elapsed(&clock), 1000);
    }

    #[tokio::test]
    async fn a_deadline_is_on_the_clock() {
        let clock = new();
        let task = track(Arc::clone(&clock), {
            let clock = Arc::clone(&clock);
            async move {
                let never = within(&*clock, after(30), futures::future::pending::<()>()).await;
                assert_eq!((never, elapsed(&clock)), (Err(Elapsed), 30_000));
                let quick = within(&*clock, after(60), clock.sleep_until(after(40))).await;
                assert_eq!((quick, elapsed(&clock)), (Ok(()), 40_000));
                assert_eq!(
                    within(&*clock, START, async { 1 }).await,
                    Ok(1),
                    "ready wins over a deadline that has passed"
                );
            }
        });
        tokio::spawn(task).await.unwrap();
    }

    /// Five hundred tasks sleep in loops of coprime lengths and send what they see to one collector.
    async fn crowd(clock: Arc<dyn Clock>) -> Vec<(i64, i64, i64)> {
        let (send, mut receive) = mpsc::unbounded_channel();
        let busy = clock.busy();
        for n in 1..=500_i64 {
            let (clock, send) = (Arc::clone(&clock), send.clone());
            let inner = Arc::clone(&clock);
            tokio::spawn(track(clock, async move {
                for turn in 1..=20 {
                    inner.sleep_until(START + Duration::from_millis(n * turn)).await;
                    send.send((elapsed(&inner), n, turn)).unwrap();
                }
            }));
        }
        drop((send, busy));
        let collect = track(Arc::clone(&clock), async move {
            let mut seen = Vec::new();
            while let Some((sent, n, turn)) = receive.recv().await {
                assert_eq!(elapsed(&clock), sent, "the message was overtaken by time");
                seen.push((sent, n, turn));
            }
            seen
        });
        tokio::spawn(collect).await.unwrap()
    }

    #[tokio::test]
    async fn many_sleepers_end_in_the_same_order_every_time() {
        let (first, second) = (crowd(new()).await, crowd(new()).await);
        assert_eq!(first.len(), 10_000);
        assert_eq!(first, second);
        assert!(first.iter().all(|(at, n, turn)| *at == n * turn), "everybody wakes at his own time");
        assert!(first.is_sorted_by_key(|(at, ..)| *at));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn many_sleepers_on_many_threads_wake_at_their_own_time() {
        let seen = crowd(new()).await;
        assert_eq!(seen.len(), 10_000);
        assert!(seen.iter().all(|(at, n, turn)| *at == n * turn));
        assert!(seen.is_sorted_by_key(|(at, ..)| *at));
    }

    #[tokio::test]
    async fn a_task_longer_than_the_budget_of_the_runtime_is_not_overtaken() {
        let clock = new();
        let (send, mut receive) = mpsc::unbounded_channel();
        (0..1000).for_each(|n| send.send(n).unwrap());
        let bystander = tokio::spawn(track(Arc::clone(&clock), clock.sleep_until(after(1))));
        let reader = Arc::clone(&clock);
        let task = track(Arc::clone(&clock), async move {
            for n in 0..1000 {
                assert_eq!((receive.recv().await, elapsed(&reader)), (Some(n), 0));
            }
        });
        tokio::spawn(task).await.unwrap();
        bystander.await.unwrap();
        assert_eq!(elapsed(&clock), 1000);
    }

    /// tokio's own time is paused in the tests of the pace: it stands for the real time.
    #[tokio::test(start_paused = true)]
    async fn a_paced_clock_takes_its_share_of_real_time() {
        let clock: Arc<dyn Clock> = VirtualClock::paced(START, 60.0, &tokio::runtime::Handle::current());
        let real = tokio::time::Instant::now();
        let sleeper = Arc::clone(&clock);
        let task = track(Arc::clone(&clock), async move {
            let mut seen = Vec::new();
            for minute in 1..=3 {
                sleeper.sleep_until(after(minute * 60)).await;
                seen.push((elapsed(&sleeper), real.elapsed().as_millis()));
            }
            seen
        });
        let seen = tokio::spawn(task).await.unwrap();
        assert_eq!(seen.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [60_000, 120_000, 180_000]);
        for ((_, real), due) in seen.iter().zip([1000, 2000, 3000]) {
            assert!((due..due + 50).contains(real), "{real} ms instead of {due} ms");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_paced_clock_lets_an_earlier_sleeper_in_and_waits_for_work() {
        let clock: Arc<dyn Clock> = VirtualClock::paced(START, 1.0, &tokio::runtime::Handle::current());
        let real = tokio::time::Instant::now();
        let late = tokio::spawn(track(Arc::clone(&clock), clock.sleep_until(after(100))));
        #[expect(clippy::disallowed_methods, reason = "stands for an event of the real world")]
        tokio::time::sleep(std::time::Duration::from_secs(40)).await;
        let busy = clock.busy();
        let early = tokio::spawn(track(Arc::clone(&clock), clock.sleep_until(after(10))));
        #[expect(clippy::disallowed_methods, reason = "stands for work that takes real time")]
        tokio::time::sleep(std::time::Duration::from_secs(5)).await;
        assert_eq!(elapsed(&clock), 0);
        drop(busy);
        early.await.unwrap();
        assert_eq!((elapsed(&clock), real.elapsed().as_secs()), (10_000, 45));
        late.await.unwrap();
        assert_eq!((elapsed(&clock), real.elapsed().as_secs()), (100_000, 135));
    }

    #[tokio::test(start_paused = true)]
    async fn the_driver_of_a_paced_clock_ends_with_it() {
        let metrics = tokio::runtime::Handle::current().metrics();
        let clock = VirtualClock::paced(START, 1.0, &tokio::runtime::Handle::current());
        tokio::task::yield_now().await;
        assert_eq!(metrics.num_alive_tasks(), 1);
        drop(clock);
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        assert_eq!(metrics.num_alive_tasks(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_system_clock_sleeps_until_its_time() {
        let clock: Arc<dyn Clock> = SystemClock::new();
        clock.sleep_until(clock.now()).await;
        let until = clock.now() + Duration::from_millis(3);
        clock.sleep_until(until).await;
        assert!(clock.now() >= until);
    }
}
