//! Both clocks, and what waits on them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

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
            assert_eq!(within(&*clock, START, async { 1 }).await, Ok(1), "ready wins over a deadline that has passed");
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
