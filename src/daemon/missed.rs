//! What becomes of due times that have passed: because the host was down, asleep or busy, or because its
//! clock was set.

use std::collections::VecDeque;

use crate::schedule::{Missed, MissedMode};
use crate::time::{Duration, Time};

/// A due time that is at most this old is on time: a busy host drops no runs.
const LATE: Duration = Duration::from_seconds(60);
/// The longest window that is not written down.
const LONGEST: Duration = Duration::from_seconds(12 * 3600);
/// Rows for one trigger and one absence; a longer absence is told in a sentence.
const ROWS: usize = 1000;
/// Steps of the search, before it leaves out what lies further back than the longest window.
const STEPS: usize = 50_000;

/// The due times of one trigger that have passed, oldest first.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Passed {
    pub times: Vec<Time>,
    /// There were older ones.
    pub more: bool,
}

/// Every due time after `after` up to and including `now`; the newest where there are very many.
pub(super) fn passed(next: impl Fn(Time) -> Option<Time>, after: Time, now: Time, missed: Missed) -> Passed {
    let mut times = VecDeque::new();
    let mut more = false;
    let mut last = after;
    let mut steps = 0;
    while let Some(due) = next(last).filter(|due| *due <= now && *due > last) {
        times.push_back(due);
        if times.len() > ROWS {
            times.pop_front();
            more = true;
        }
        last = due;
        steps += 1;
        if steps == STEPS {
            last = last.max(now - missed.window.unwrap_or(LONGEST).min(LONGEST));
        }
    }
    Passed { times: times.into(), more }
}

/// Which of the due times that have passed still run; the others are missed.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Verdict {
    pub run: Vec<Time>,
    pub missed: Vec<Time>,
}

/// `slack` is what may be added to a due time by chance. The newest due time runs where it is on time
/// for a busy host, whatever the policy; the rest is the policy's.
pub(super) fn decide(
    next: impl Fn(Time) -> Option<Time>,
    times: &[Time],
    now: Time,
    missed: Missed,
    slack: Duration,
) -> Verdict {
    let Some(&newest) = times.last() else { return Verdict::default() };
    let on_time = now - newest <= LATE + slack;
    let half = |due: Time| next(due).map_or(LONGEST, |after| Duration::from_millis((after - due).millis() / 2));
    let first = match missed.mode {
        MissedMode::Skip => times.len(),
        MissedMode::Last => {
            let window = missed.window.unwrap_or_else(|| half(newest).min(LONGEST));
            times.len() - usize::from(now - newest <= window)
        }
        MissedMode::All => {
            let window = missed.window.unwrap_or(LONGEST);
            let recent = times.iter().filter(|due| now - **due <= window).count();
            times.len() - recent.min(missed.limit)
        }
    };
    let first = first.min(times.len() - usize::from(on_time));
    Verdict { run: times[first..].to_vec(), missed: times[..first].to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;

    fn every(interval: i64) -> impl Fn(Time) -> Option<Time> {
        move |after| Some(Time::from_millis((after.millis().div_euclid(interval) + 1) * interval))
    }

    fn policy(mode: MissedMode, window: Option<i64>, limit: usize) -> Missed {
        Missed { mode, window: window.map(Duration::from_millis), limit }
    }

    #[test]
    fn the_policies_decide_over_the_same_absence() {
        use MissedMode::{All, Last, Skip};
        // (policy, interval, when we were last there, now, how many run, how many are missed)
        let table = [
            ("last, within half the interval", policy(Last, None, 10), DAY, 0, 3 * DAY + 11 * HOUR, 1, 2),
            ("last, twelve hours at most", policy(Last, None, 10), 2 * DAY, 0, 2 * DAY + 13 * HOUR, 0, 1),
            ("last, too late for half the interval", policy(Last, None, 10), HOUR, 0, HOUR + 31 * MINUTE, 0, 1),
            ("last, within a window of its own", policy(Last, Some(DAY), 10), 2 * DAY, 0, 2 * DAY + 13 * HOUR, 1, 0),
            ("skip", policy(Skip, None, 10), HOUR, 0, 3 * HOUR + 5 * MINUTE, 0, 3),
            ("skip, but on time", policy(Skip, None, 10), HOUR, 0, 3 * HOUR + 1000, 1, 2),
            ("all, within a window", policy(All, Some(90 * MINUTE), 10), HOUR, 0, 3 * HOUR + 5 * MINUTE, 2, 1),
            ("all, at most so many", policy(All, None, 2), HOUR, 0, 5 * HOUR + 5 * MINUTE, 2, 3),
            ("all, none allowed, but on time", policy(All, None, 0), HOUR, 0, 2 * HOUR, 1, 1),
            ("nothing was due", policy(Last, None, 10), DAY, HOUR, 2 * HOUR, 0, 0),
            ("a minute late is on time", policy(Last, None, 10), 90_000, 0, 149_000, 1, 0),
        ];
        for (name, missed, interval, after, now, run, gone) in table {
            let (after, now) = (Time::from_millis(after), Time::from_millis(now));
            let passed = passed(every(interval), after, now, missed);
            let verdict = decide(every(interval), &passed.times, now, missed, Duration::ZERO);
            assert_eq!((verdict.run.len(), verdict.missed.len()), (run, gone), "{name}: {verdict:?}");
            assert!(verdict.missed.iter().chain(&verdict.run).eq(&passed.times), "{name}: none is lost");
        }
    }

    #[test]
    fn what_chance_adds_does_not_make_a_run_late() {
        let missed = policy(MissedMode::Skip, None, 10);
        let due = [Time::from_millis(HOUR)];
        let now = Time::from_millis(HOUR + 10 * MINUTE);
        assert!(decide(every(HOUR), &due, now, missed, Duration::ZERO).run.is_empty());
        assert_eq!(decide(every(HOUR), &due, now, missed, Duration::from_millis(10 * MINUTE)).run, due);
    }

    #[test]
    fn a_long_absence_keeps_the_newest_rows_and_ends() {
        let missed = policy(MissedMode::Last, None, 10);
        let now = Time::from_millis(365 * DAY);
        let passed = passed(every(1000), Time::from_millis(0), now, missed);
        assert_eq!((passed.times.len(), passed.more), (ROWS, true));
        assert_eq!(passed.times.last(), Some(&now));
        assert!(passed.times.is_sorted());
    }

    #[test]
    fn a_schedule_that_does_not_advance_ends_the_search() {
        let stuck = |after: Time| Some(after);
        let missed = policy(MissedMode::Last, None, 10);
        assert_eq!(passed(stuck, Time::from_millis(0), Time::from_millis(DAY), missed), Passed::default());
    }
}
