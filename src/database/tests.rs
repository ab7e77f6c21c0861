use std::sync::{Mutex, PoisonError};

use futures::future::BoxFuture;

use super::*;
use crate::time::{Duration, Idle};

/// A clock that a test moves by hand; nothing here waits on it.
pub(crate) struct Hand(Mutex<Time>);

impl Hand {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Time::from_seconds(1_780_000_000))))
    }

    pub(crate) fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = *now + by;
    }
}

impl Clock for Hand {
    fn now(&self) -> Time {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sleep_until(&self, _: Time) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }

    fn busy(&self) -> Busy {
        Busy::new(None)
    }

    fn idle(&self) -> Idle {
        Idle::new(None)
    }
}
