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
