//! The clocks: the real one, and one that moves to the next sleeper as soon as nothing is in
//! progress; and what tasks need to wait on them.

mod track;
mod virtual_clock;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;

pub use track::{Elapsed, Track, track, within};
pub use virtual_clock::VirtualClock;

use crate::time::{Busy, Clock, Duration, Idle, Time};

/// A moment after `time`: whoever sleeps until then on a virtual clock wakes when everything that was due at `time` has
/// come to rest.
pub fn past(time: Time) -> Time {
    time + Duration::from_millis(1)
}

/// The time of this machine.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: std::time::Instant,
}

impl SystemClock {
    /// By so much a wall clock that nobody sets may lag behind.
    const DRIFT: Duration = Duration::from_seconds(1);

    pub fn new() -> Arc<Self> {
        Arc::new(Self { start: std::time::Instant::now() })
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the clock itself")]
    fn now(&self) -> Time {
        chrono::Utc::now().into()
    }

    fn uptime(&self) -> Duration {
        self.start.elapsed().into()
    }

    #[expect(clippy::disallowed_methods, reason = "the clock itself")]
    fn sleep_until(&self, time: Time) -> BoxFuture<'static, ()> {
        let clock = *self;
        async move {
            let end = clock.uptime() + (time - clock.now());
            loop {
                let left = end - clock.uptime();
                if left > Duration::ZERO {
                    tokio::time::sleep(left.to_std()).await;
                    continue;
                }
                // The two clocks do not tick quite alike; one that was set is another matter.
                let short = time - clock.now();
                if short <= Duration::ZERO || short > Self::DRIFT {
                    return;
                }
                tokio::time::sleep(short.to_std()).await;
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
