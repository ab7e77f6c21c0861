//! Points in time, lengths of time, and the clock that everything waits on.

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use futures::future::BoxFuture;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A point in time, in milliseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Time(i64);

/// A length of time in milliseconds; negative when it points backwards.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Duration(i64);

impl Time {
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    pub const fn millis(self) -> i64 {
        self.0
    }

    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// In UTC. Years that the calendar cannot hold are clamped to its ends.
    pub fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or(if self.0 < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        })
    }

    pub fn in_zone(self, zone: Tz) -> DateTime<Tz> {
        self.utc().with_timezone(&zone)
    }

    /// RFC 3339 with the zone's offset; milliseconds only where there are any.
    pub fn rfc3339(self, zone: Tz) -> String {
        self.in_zone(zone).to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
    }

    /// For people: `2026-07-03 08:00`, with seconds only where there are any.
    pub fn display(self, zone: Tz) -> String {
        let local = self.in_zone(zone);
        let format = if self.seconds() % 60 == 0 { "%Y-%m-%d %H:%M" } else { "%Y-%m-%d %H:%M:%S" };
        local.format(format).to_string()
    }

    /// Reads RFC 3339, or a local date and time in `zone`: `2026-07-03 08:00`, `2026-07-03`.
    pub fn parse(text: &str, zone: Tz) -> Option<Self> {
        let text = text.trim();
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Some(time.into());
        }
        let local = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
            .or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))?;
        Self::from_local(local, zone)
    }

    /// The first instant that a wall clock in `zone` shows `local`; where it never does (a spring
    /// gap), the first valid instant after it.
    pub fn from_local(local: NaiveDateTime, zone: Tz) -> Option<Self> {
        use chrono::LocalResult::{Ambiguous, None as Gap, Single};
        match zone.from_local_datetime(&local) {
            Single(time) | Ambiguous(time, _) => Some(time.into()),
            Gap => {
                // A gap is at most a day long (Samoa, 2011); the offset in force before it tells its end.
                let before = zone.offset_from_utc_datetime(&(local - chrono::TimeDelta::days(2)));
                let guess = local - chrono::Offset::fix(&before);
                let mut lo = guess - chrono::TimeDelta::days(2);
                let mut hi = guess + chrono::TimeDelta::days(2);
                while hi - lo > chrono::TimeDelta::milliseconds(1) {
                    let middle = lo + (hi - lo) / 2;
                    if zone.from_utc_datetime(&middle).naive_local() < local { lo = middle } else { hi = middle }
                }
                Some(Self(hi.and_utc().timestamp_millis()))
            }
        }
    }
}

impl<Z: TimeZone> From<DateTime<Z>> for Time {
    fn from(time: DateTime<Z>) -> Self {
        Self(time.timestamp_millis())
    }
}

/// RFC 3339 in UTC; for people use [`Time::display`].
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.rfc3339(Tz::UTC))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text, Tz::UTC).ok_or_else(|| de::Error::custom(format!("`{text}` is not a time")))
    }
}

impl Duration {
    pub const ZERO: Self = Self(0);

    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Rounded to milliseconds.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` saturates, which is what a length out of range should do"
    )]
    pub fn from_seconds_f64(seconds: f64) -> Self {
        Self((seconds * 1000.0).round() as i64)
    }

    pub const fn millis(self) -> i64 {
        self.0
    }

    #[expect(clippy::cast_precision_loss, reason = "exact up to 285,000 years")]
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// For the standard library and tokio; nothing where it points backwards.
    pub fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_millis(u64::try_from(self.0).unwrap_or(0))
    }
}

impl From<std::time::Duration> for Duration {
    fn from(duration: std::time::Duration) -> Self {
        Self(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
    }
}

/// In JSON a duration is a number of seconds.
impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % 1000 == 0 {
            serializer.serialize_i64(self.0 / 1000)
        } else {
            serializer.serialize_f64(self.seconds())
        }
    }
}

impl Add<Duration> for Time {
    type Output = Self;
    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(rhs.0))
    }
}

impl Sub<Duration> for Time {
    type Output = Self;
    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(rhs.0))
    }
}

impl Sub for Time {
    type Output = Duration;
    fn sub(self, rhs: Self) -> Duration {
        Duration(self.0.saturating_sub(rhs.0))
    }
}

impl Add for Duration {
    type Output = Self;
    fn add(self, rhs: Self) -> Self {
        Self(self.0.saturating_add(rhs.0))
    }
}

impl Sub for Duration {
    type Output = Self;
    fn sub(self, rhs: Self) -> Self {
        Self(self.0.saturating_sub(rhs.0))
    }
}

/// The only source of time and the only thing to wait on. Real in the daemon, virtual in `demo`
/// and tests, where it moves to the next sleeper as soon as nothing is in progress.
pub trait Clock: Send + Sync {
    fn now(&self) -> Time;

    /// How long this clock runs. It never jumps: for lengths of time, where `now` is for points in time.
    fn uptime(&self) -> Duration;

    /// Whether somebody may set `now`, so that who waits for a point in time must look again now and then.
    fn may_be_set(&self) -> bool {
        true
    }

    /// Completes after `time - now()`, as it is when it is polled for the first time: a wall clock that is set
    /// meanwhile makes no wait longer or shorter. Who waits for a point in time looks again now and then. The future counts as work in progress from the moment it
    /// fires until it is polled or dropped, so that a virtual clock cannot run ahead of the sleeper.
    fn sleep_until(&self, time: Time) -> BoxFuture<'static, ()>;

    /// Says that work is in progress for as long as the token lives.
    fn busy(&self) -> Busy;

    /// Like [`Clock::busy`], for a task that is running rather than for what somebody waits on: no
    /// [`Clock::idle`] takes it back.
    fn awake(&self) -> Busy {
        self.busy()
    }

    /// The opposite: for someone whose caller holds a [`Busy`] token for him, and who is about to
    /// wait on the clock himself (a simulated server's latency).
    fn idle(&self) -> Idle;
}

/// Counts the work in progress of a virtual clock.
pub trait Tally: Send + Sync {
    fn add(&self);
    fn remove(&self);
}

/// See [`Clock::busy`]. Send it along with a message: a message on its way is work in progress.
#[must_use]
pub struct Busy(Option<Arc<dyn Tally>>);

/// See [`Clock::idle`].
#[must_use]
pub struct Idle(Option<Arc<dyn Tally>>);

impl Busy {
    /// `None` for a clock that does not count.
    pub fn new(tally: Option<Arc<dyn Tally>>) -> Self {
        if let Some(tally) = &tally {
            tally.add();
        }
        Self(tally)
    }

    /// Whether the clock counts at all.
    pub fn counts(&self) -> bool {
        self.0.is_some()
    }
}

impl Clone for Busy {
    fn clone(&self) -> Self {
        Self::new(self.0.clone())
    }
}

impl fmt::Debug for Busy {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Busy")
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(tally) = &self.0 {
            tally.remove();
        }
    }
}

impl Idle {
    /// `None` for a clock that does not count.
    pub fn new(tally: Option<Arc<dyn Tally>>) -> Self {
        if let Some(tally) = &tally {
            tally.remove();
        }
        Self(tally)
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        if let Some(tally) = &self.0 {
            tally.add();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_times_in_a_spring_gap_become_the_first_valid_instant() {
        let berlin: Tz = "Europe/Berlin".parse().unwrap();
        let time = Time::parse("2025-03-30 02:30", berlin).unwrap();
        assert_eq!(time.rfc3339(berlin), "2025-03-30T03:00:00+02:00");
        let apia: Tz = "Pacific/Apia".parse().unwrap();
        assert_eq!(Time::parse("2011-12-30 12:00", apia).unwrap().rfc3339(apia), "2011-12-31T00:00:00+14:00");
    }

    #[test]
    fn ambiguous_local_times_are_the_first_of_the_two() {
        let berlin: Tz = "Europe/Berlin".parse().unwrap();
        assert_eq!(Time::parse("2025-10-26 02:30", berlin).unwrap().rfc3339(berlin), "2025-10-26T02:30:00+02:00");
    }

    #[test]
    fn people_see_seconds_only_where_there_are_any() {
        assert_eq!(Time::from_seconds(0).display(Tz::UTC), "1970-01-01 00:00");
        assert_eq!(Time::from_seconds(7).display(Tz::UTC), "1970-01-01 00:00:07");
    }
}
