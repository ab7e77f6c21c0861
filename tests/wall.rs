//! The clock on the wall is set: forward, back, and to a time that cannot be.

use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use tidegate::clock::VirtualClock;
use tidegate::ledger::State;
use tidegate::time::{Busy, Clock, Duration, Idle, Time};

use crate::harness::{Home, START, minutes, seconds};

/// A clock on the wall over one that nobody can set.
pub struct Wall {
    steady: Arc<VirtualClock>,
    off: Mutex<Duration>,
}

impl Wall {
    pub fn new(steady: Arc<VirtualClock>) -> Arc<Self> {
        Arc::new(Self { steady, off: Mutex::default() })
    }

    fn set(&self, by: Duration) {
        let mut off = self.off.lock().unwrap_or_else(PoisonError::into_inner);
        *off = *off + by;
    }
}

impl Clock for Wall {
    fn now(&self) -> Time {
        self.steady.now() + *self.off.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn uptime(&self) -> Duration {
        self.steady.uptime()
    }

    fn sleep_until(&self, time: Time) -> BoxFuture<'static, ()> {
        self.steady.sleep_until(self.steady.now() + (time - self.now()))
    }

    fn busy(&self) -> Busy {
        self.steady.busy()
    }

    fn awake(&self) -> Busy {
        self.steady.awake()
    }

    fn idle(&self) -> Idle {
        self.steady.idle()
    }
}

const HOURLY: &str = r#"cron("0 * * * *", #{name: "hourly", missed: "all"}, || info("ran"));"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_goes_forward_is_noticed_within_a_minute_and_nothing_is_lost() {
    let home = Home::new();
    home.script("hourly", HOURLY);
    let (mut world, wall) = home.start_on_wall(START).await;
    world.advance(minutes(10)).await;
    // Asleep from 08:10 to 11:20.
    wall.set(minutes(190));
    world.advance(minutes(1)).await;
    let line = world.lines("clock_set").pop().expect("it is said");
    assert!(line.message.contains("forward by 3h 10m"), "{}", line.message);
    let hours = [3600, 7200, 10_800].map(|due| (due, State::Ok));
    assert_eq!(world.rows("hourly").await, hours);
    world.advance(minutes(60)).await;
    assert_eq!(world.rows("hourly").await.last(), Some(&(14_400, State::Ok)));
    assert_eq!(world.lines("clock_set").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_goes_back_fires_no_due_time_twice() {
    let home = Home::new();
    home.script("hourly", HOURLY);
    let (mut world, wall) = home.start_on_wall(START).await;
    world.advance(minutes(130)).await;
    assert_eq!(world.said().len(), 2);
    wall.set(Duration::ZERO - minutes(120));
    world.advance(minutes(1)).await;
    let line = world.lines("clock_set").pop().expect("it is said");
    assert!(line.message.contains("back by 2h"), "{}", line.message);
    world.journal.take();
    world.advance(minutes(110)).await;
    assert!(world.said().is_empty(), "09:00 and 10:00 have run");
    world.advance(minutes(60)).await;
    assert_eq!(world.rows("hourly").await, [3600, 7200, 10_800].map(|due| (due, State::Ok)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_of_time_is_the_same_whatever_the_wall_says() {
    let home = Home::new();
    home.script(
        "long",
        r#"on_start("sleeper", || { sleep("40s"); info("slept"); });
           on_start(#{name: "limited", timeout: "50s"}, || { sleep("10m"); });"#,
    );
    let (mut world, wall) = home.start_on_wall(START).await;
    world.advance(seconds(10)).await;
    wall.set(minutes(600));
    world.advance(seconds(29)).await;
    assert!(world.said().is_empty());
    assert!(world.history().await.iter().all(|row| row.state == State::Running));
    world.advance(seconds(1)).await;
    assert_eq!(world.said(), ["slept"]);
    wall.set(Duration::ZERO - minutes(700));
    world.advance(seconds(9)).await;
    assert_eq!(world.rows("limited").await, [(-1, State::Running)]);
    world.advance(seconds(1)).await;
    assert_eq!(world.rows("limited").await, [(-1, State::TimedOut)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_before_2020_is_waited_out() {
    let home = Home::new();
    home.script("both", format!("{HOURLY} on_start(\"hello\", || info(\"hello\"));"));
    // What an earlier life has done.
    let mut world = home.start_at(START).await;
    world.advance(minutes(61)).await;
    world.stop().await;

    let boot = Time::from_seconds(1000);
    let (mut world, wall) = home.start_on_wall(boot).await;
    assert_eq!(world.lines("clock_unset").len(), 1);
    assert_eq!(world.lines("ready").len(), 1, "it is there, and waits");
    world.advance(minutes(200)).await;
    assert_eq!(world.lines("clock_unset").len(), 1, "once");
    assert!(world.said().is_empty());
    let now = boot + minutes(200) + Duration::from_millis(1);
    wall.set(START + minutes(185) - now);
    world.advance(minutes(1)).await;
    let mut said = world.said();
    said.sort();
    assert_eq!(said, ["hello", "ran", "ran"], "10:00 and 11:00 of the day, and nothing of the years before");
    assert_eq!(world.rows("hourly").await, [3600, 7200, 10_800].map(|due| (due, State::Ok)));
}
