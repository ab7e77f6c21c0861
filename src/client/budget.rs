//! KiwiVM's allowance of calls: what is known of it, and how long to keep still when it is spent.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Kind};
use crate::time::{Duration, Time};
use crate::units::format_duration;

/// The row that tells what is left.
pub(super) const ASKED: &str = "get_rate_limit_status";

/// The points of one VPS. A call costs one, as far as anybody knows.
#[derive(Default)]
pub(super) struct Budget(Mutex<State>);

#[derive(Default)]
struct State {
    told: Option<Told>,
    /// Our own calls of the last 15 minutes.
    calls: VecDeque<Time>,
    /// Nobody asks before then.
    rest: Option<Time>,
}

/// What the service said.
#[derive(Clone, Copy)]
struct Told {
    at: Time,
    /// Points of the 15 minutes.
    short: i64,
    /// Points of the 24 hours.
    long: i64,
    /// Our own calls since.
    since: i64,
}

/// What is known of the allowance of calls without asking.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Allowance {
    /// Nothing where the service was not asked in that time.
    pub remaining_points_15min: Option<i64>,
    /// Nothing where the service was not asked in that time.
    pub remaining_points_24h: Option<i64>,
    /// When the service was asked.
    pub as_of: Option<Time>,
    /// What this process has sent in the last 15 minutes.
    pub calls_15min: i64,
    /// Until when nothing is sent, because the allowance is spent.
    pub resting: Option<Time>,
}

impl Budget {
    const SHORT: Duration = Duration::from_seconds(15 * 60);
    const LONG: Duration = Duration::from_seconds(24 * 60 * 60);
    /// "A few minutes" in the words of the documentation.
    const REST: Duration = Duration::from_seconds(3 * 60);
    /// What the 15 minutes allow, as far as anybody knows.
    const POINTS: usize = 1000;
    /// So near to the end a call without an answer was dropped for that.
    const NEAR: usize = 50;

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call goes out.
    pub fn spend(&self, now: Time) {
        let mut state = self.lock();
        if let Some(told) = &mut state.told {
            told.since += 1;
        }
        state.calls.push_back(now);
        state.tidy(now);
    }

    /// The service told what is left.
    pub fn learn(&self, now: Time, reply: &Value) {
        let points = |key: &str| reply[key].as_i64();
        if let Some((short, long)) = points("remaining_points_15min").zip(points("remaining_points_24h")) {
            let mut state = self.lock();
            state.told = Some(Told { at: now, short, long, since: 0 });
            if short > 0 && long > 0 {
                state.rest = None;
            }
        }
    }

    /// A call failed. `wait` is what the service asked for.
    pub fn failed(&self, now: Time, error: &Error, wait: Option<Duration>) {
        let mut state = self.lock();
        let spent = match error.kind {
            Kind::RateLimit => true,
            Kind::Transport | Kind::Timeout => {
                state.tidy(now);
                let told = state.told.filter(|told| now - told.at < Self::SHORT);
                let left = told.map(|told| usize::try_from(told.short - told.since).unwrap_or(0));
                left.unwrap_or(Self::POINTS - state.calls.len()) <= Self::NEAR
            }
            _ => false,
        };
        if spent {
            let until = now + wait.unwrap_or(Self::REST);
            state.rest = Some(state.rest.map_or(until, |rest| rest.max(until)));
        }
    }

    /// Until when nobody asks, and the error for who cannot wait.
    pub fn rest(&self, now: Time) -> Option<(Time, Error)> {
        let until = self.lock().rest.filter(|until| *until > now)?;
        let left = format_duration(until - now);
        let message = format!("not asked for another {left}: the VPS has spent its allowance of API calls");
        let mut error = Error::new(Kind::RateLimit, message)
            .hint(format!("try again in {left}; longer intervals and `cached(\"5m\")` save calls"));
        error.retryable = true;
        Some((until, error))
    }

    pub fn allowance(&self, now: Time) -> Allowance {
        let mut state = self.lock();
        state.tidy(now);
        let within = |span: Duration| state.told.filter(|told| now - told.at < span);
        Allowance {
            remaining_points_15min: within(Self::SHORT).map(|told| (told.short - told.since).max(0)),
            remaining_points_24h: within(Self::LONG).map(|told| (told.long - told.since).max(0)),
            as_of: state.told.map(|told| told.at),
            calls_15min: i64::try_from(state.calls.len()).unwrap_or(i64::MAX),
            resting: state.rest.filter(|until| *until > now),
        }
    }
}

impl State {
    /// Forgets calls that no longer count.
    fn tidy(&mut self, now: Time) {
        while self.calls.len() > Budget::POINTS || self.calls.front().is_some_and(|at| now - *at >= Budget::SHORT) {
            self.calls.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const START: Time = Time::from_seconds(1_782_000_000);

    fn after(seconds: i64) -> Time {
        START + Duration::from_seconds(seconds)
    }

    #[test]
    fn what_the_service_told_shrinks_with_every_call_and_grows_stale() {
        let budget = Budget::default();
        assert_eq!(budget.allowance(START).remaining_points_15min, None);
        budget.spend(START);
        budget.learn(START, &json!({"remaining_points_15min": 900, "remaining_points_24h": 19_000}));
        budget.spend(after(1));
        let known = budget.allowance(after(2));
        assert_eq!((known.remaining_points_15min, known.remaining_points_24h), (Some(899), Some(18_999)));
        assert_eq!((known.calls_15min, known.as_of), (2, Some(START)));
        let later = budget.allowance(after(901));
        assert_eq!((later.remaining_points_15min, later.remaining_points_24h), (None, Some(18_999)));
        assert_eq!(later.calls_15min, 0);
    }

    #[test]
    fn a_refusal_is_waited_out() {
        let budget = Budget::default();
        let refused = Error::new(Kind::RateLimit, "too many");
        budget.failed(START, &refused, Some(Duration::from_seconds(90)));
        let (until, error) = budget.rest(after(30)).unwrap();
        assert_eq!((until, error.kind), (after(90), Kind::RateLimit));
        assert!(error.message.contains("another 1m"), "{error}");
        assert!(budget.rest(after(90)).is_none());
        budget.failed(after(100), &refused, None);
        assert_eq!(budget.allowance(after(100)).resting, Some(after(280)));
        budget.learn(after(110), &json!({"remaining_points_15min": 5, "remaining_points_24h": 9}));
        assert!(budget.rest(after(111)).is_none());
    }

    #[test]
    fn silence_means_the_end_of_the_allowance_only_near_it() {
        let silence = Error::new(Kind::Timeout, "no answer");
        let budget = Budget::default();
        budget.failed(START, &silence, None);
        assert!(budget.rest(START).is_none());
        budget.learn(START, &json!({"remaining_points_15min": 20, "remaining_points_24h": 19_000}));
        budget.failed(after(1), &silence, None);
        assert!(budget.rest(after(1)).is_some());
        let busy = Budget::default();
        for call in 0..950 {
            busy.spend(after(call / 2));
        }
        busy.failed(after(480), &silence, None);
        assert!(busy.rest(after(480)).is_some());
    }
}
