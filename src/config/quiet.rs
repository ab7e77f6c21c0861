//! Times of the day on the wall clock: when a channel is quiet, and when it sends what was collected.

use chrono::{NaiveTime, TimeDelta};
use chrono_tz::Tz;

use crate::time::{Duration, Time};

/// `08:00`, `8:05` or `24:00`, in minutes since midnight.
fn clock_time(text: &str) -> Option<i64> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let number = |part: &str| {
        let digits = (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse::<i64>().ok()).flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes).filter(|minutes| *minutes < 60)?);
    let total = hours * 60 + minutes;
    (total <= DAY).then_some(total)
}

const DAY: i64 = 24 * 60;

/// The next instant after `now` at which a wall clock in `zone` shows that time.
fn next_at(minutes: i64, now: Time, zone: Tz) -> Time {
    let today = now.in_zone(zone).date_naive();
    let days = (-1..=2).filter_map(|day| {
        let midnight = today.checked_add_signed(TimeDelta::days(day))?.and_time(NaiveTime::MIN);
        Time::from_local(midnight + TimeDelta::minutes(minutes), zone)
    });
    // A day later where the calendar ends.
    days.filter(|time| *time > now).min().unwrap_or(now + Duration::from_seconds(24 * 3600))
}

/// A part of every day, which may go over midnight.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Quiet {
    /// Minutes since midnight.
    from: i64,
    to: i64,
}

impl Quiet {
    /// `23:00-08:00`.
    pub fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once(['-', '–', '—', '~'])?;
        let (from, to) = (clock_time(from)? % DAY, clock_time(to)? % DAY);
        (from != to).then_some(Self { from, to })
    }

    /// The end of the quiet time that `now` is in.
    pub fn end(self, now: Time, zone: Tz) -> Option<Time> {
        let (from, to) = (next_at(self.from, now, zone), next_at(self.to, now, zone));
        // Inside, the end comes before the next beginning.
        (to < from).then_some(to)
    }
}

/// When collected messages are sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Collect {
    /// Aligned to the epoch, so that a restart does not shift it.
    Every(Duration),
    /// Once a day, in minutes since midnight.
    At(i64),
}

impl Collect {
    /// `08:00`, or a length of time.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(minutes) = clock_time(text) {
            return Some(Self::At(minutes % DAY));
        }
        let every = crate::units::parse_duration(text).ok()?;
        (every >= Duration::from_seconds(60)).then_some(Self::Every(every))
    }

    /// The first instant after `now`.
    pub fn next(self, now: Time, zone: Tz) -> Time {
        match self {
            Self::At(minutes) => next_at(minutes, now, zone),
            Self::Every(every) => {
                let step = every.millis().max(1);
                Time::from_millis((now.millis().div_euclid(step) + 1).saturating_mul(step))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, zone: Tz) -> Time {
        Time::parse(text, zone).unwrap()
    }

    #[test]
    fn quiet_hours_may_go_over_midnight_and_follow_the_wall_clock() {
        let berlin = Tz::Europe__Berlin;
        let night = Quiet::parse("23:00-08:00").unwrap();
        for (now, end) in [
            ("2026-07-03 22:59", None),
            ("2026-07-03 23:00", Some("2026-07-04 08:00")),
            ("2026-07-04 07:59", Some("2026-07-04 08:00")),
            ("2026-07-04 08:00", None),
            // The night of the change to summer time is an hour shorter.
            ("2026-03-28 23:30", Some("2026-03-29 08:00")),
        ] {
            assert_eq!(night.end(at(now, berlin), berlin), end.map(|end| at(end, berlin)), "{now}");
        }
        let noon = Quiet::parse("12:30 - 14:00").unwrap();
        assert_eq!(noon.end(at("2026-07-03 13:00", berlin), berlin), Some(at("2026-07-03 14:00", berlin)));
        assert_eq!(noon.end(at("2026-07-03 14:00", berlin), berlin), None);
        for wrong in ["", "23:00", "8-9", "23:00-25:00", "08:00-08:00", "23:60-08:00", "aa:bb-08:00"] {
            assert_eq!(Quiet::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn digests_come_at_a_time_of_day_or_in_steps() {
        let zone = Tz::Asia__Shanghai;
        let daily = Collect::parse("08:00").unwrap();
        assert_eq!(daily.next(at("2026-07-03 07:59", zone), zone), at("2026-07-03 08:00", zone));
        assert_eq!(daily.next(at("2026-07-03 08:00", zone), zone), at("2026-07-04 08:00", zone));
        let steps = Collect::parse("6h").unwrap();
        assert_eq!(steps.next(at("2026-07-03 08:30", zone), zone), at("2026-07-03 14:00", zone));
        assert_eq!(Collect::parse("10s"), None);
    }
}
