//! Notices that the clock on the wall was set, by comparing it with one that nobody can set.

use crate::time::{Clock, Duration, Time};

/// Before this no schedule makes sense: a machine that lost its clock wakes up in 1970 or at its build date.
pub(super) const EARLIEST: Time = Time::from_seconds(1_577_836_800);
/// A clock that is set by less is only being adjusted.
const JUMP: Duration = Duration::from_seconds(5);

/// Where the clock stood at the last look.
pub(super) struct Wall {
    now: Time,
    uptime: Duration,
}

/// The clock was set, or the machine was asleep.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Jump {
    /// What it would show now.
    pub expected: Time,
    pub found: Time,
}

impl Jump {
    pub fn is_back(self) -> bool {
        self.found < self.expected
    }
}

impl Wall {
    pub fn new(clock: &dyn Clock) -> Self {
        Self { now: clock.now(), uptime: clock.uptime() }
    }

    /// Whether it was set since the last look.
    pub fn look(&mut self, clock: &dyn Clock) -> Option<Jump> {
        let (now, uptime) = (clock.now(), clock.uptime());
        let expected = self.now + (uptime - self.uptime);
        *self = Self { now, uptime };
        let off = if now < expected { expected - now } else { now - expected };
        (off > JUMP).then_some(Jump { expected, found: now })
    }
}
