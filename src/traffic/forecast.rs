//! Where the month is going: from what moved lately to what will have moved at the reset.

use serde::Serialize;

use crate::api::shapes;
use crate::series::arithmetic::Moved;
use crate::time::{Duration, Time};
use crate::usage::Usage;

shapes! {
    /// Where the transfer of a VPS is going.
    Forecast {
        /// Percent of the allowance, at the reset, if it goes on like that; above 100 it is used up before.
        percent_at_reset: Float,
        /// When the allowance is used up; `()` where the reset comes first.
        exhausted_at: Millis | null,
        /// What is counted a day, after the multiplier.
        bytes_per_day: Bytes,
        /// Readings it rests on; 0 where it is the average of the whole period.
        samples: Int,
    }

    /// What a VPS has used, with what its torrent clients moved since the provider's counter last changed.
    LiveUsage {
        used: Bytes,
        allowance: Bytes,
        /// Never below zero.
        left: Bytes,
        /// Rounded to 0.1.
        percent: Percent,
        share: Share,
        /// What the provider shows.
        counted: Bytes,
        /// What the clients moved since, after the multiplier.
        moved: Bytes,
        /// Since when.
        since: Millis,
        /// Clients whose totals could not be read, by name: their part is missing.
        missing: [Text],
    }
}

/// The shape says what each field means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Forecast {
    pub percent_at_reset: f64,
    pub exhausted_at: Option<Time>,
    pub bytes_per_day: i64,
    pub samples: i64,
}

/// The shape says what each field means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LiveUsage {
    pub used: i64,
    pub allowance: i64,
    pub left: i64,
    pub percent: f64,
    pub share: f64,
    pub counted: i64,
    pub moved: i64,
    pub since: Time,
    pub missing: Vec<String>,
}

/// Readings that cover less than this say nothing about a month.
const LEAST: Duration = Duration::from_seconds(30 * 60);

/// `lately` is what the provider's counter moved, before the multiplier. Where that says too little it is the average of the
/// whole period.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "exact far beyond any traffic")]
pub fn forecast(usage: &Usage, lately: &Moved, now: Time) -> Forecast {
    let counted = lately.per_day().filter(|_| lately.covered >= LEAST);
    // Within the first hour the average says nothing yet.
    let elapsed = (now - usage.cycle_start).seconds().max(3600.0);
    let average = (usage.used as f64 / elapsed * 86_400.0, 0);
    let (per_day, samples) = counted.map_or(average, |bytes| (bytes as f64 * usage.multiplier, lately.samples));
    let at_reset = usage.used as f64 + per_day * usage.days_left;
    let until = usage.left as f64 / per_day;
    let exhausted_at = if usage.left == 0 {
        Some(now)
    } else if per_day > 0.0 && until <= usage.days_left {
        Some(now + Duration::from_millis((until * 86_400_000.0) as i64))
    } else {
        None
    };
    Forecast {
        percent_at_reset: (at_reset / usage.allowance.max(1) as f64 * 1000.0).round() / 10.0,
        exhausted_at,
        bytes_per_day: per_day.round() as i64,
        samples,
    }
}

/// `moved` is what the clients moved, before the multiplier.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "exact far beyond any traffic")]
pub(super) fn live(usage: &Usage, moved: i64, since: Time, missing: Vec<String>) -> LiveUsage {
    let moved = (moved as f64 * usage.multiplier).round() as i64;
    let used = usage.used + moved;
    let share = used as f64 / usage.allowance.max(1) as f64;
    LiveUsage {
        used,
        allowance: usage.allowance,
        left: (usage.allowance - used).max(0),
        percent: (share * 1000.0).round() / 10.0,
        share,
        counted: usage.used,
        moved,
        since,
        missing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: i64 = 1 << 30;
    const NOW: Time = Time::from_seconds(1_783_065_600);

    fn usage(used: i64, days_left: i64) -> Usage {
        let days = |days: i64| Duration::from_seconds(86_400 * days);
        Usage {
            used: used * GIB,
            allowance: 1000 * GIB,
            left: (1000 - used) * GIB,
            percent: 0.0,
            share: 0.0,
            multiplier: 1.0,
            resets_at: NOW + days(days_left),
            cycle: String::new(),
            cycle_start: NOW - days(10),
            days_left: f64::from(i32::try_from(days_left).unwrap()),
            pace: 0.0,
            per_day_left: 0,
            as_of: NOW,
            suspended: false,
        }
    }

    fn lately(gib: i64, hours: i64) -> Moved {
        Moved { received: gib * GIB, samples: 7, covered: Duration::from_seconds(3600 * hours), ..Moved::default() }
    }

    #[test]
    fn what_goes_on_like_that_is_used_up_before_the_reset_or_not() {
        let soon = forecast(&usage(900, 10), &lately(25, 12), NOW);
        assert_eq!((soon.bytes_per_day, soon.samples, soon.percent_at_reset), (50 * GIB, 7, 140.0));
        assert_eq!(soon.exhausted_at, Some(NOW + Duration::from_seconds(2 * 86_400)));
        let never = forecast(&usage(100, 10), &lately(25, 12), NOW);
        assert_eq!((never.percent_at_reset, never.exhausted_at), (60.0, None));
        let still = forecast(&usage(100, 10), &lately(0, 12), NOW);
        assert_eq!((still.percent_at_reset, still.exhausted_at, still.bytes_per_day), (10.0, None, 0));
        let over = forecast(&usage(1000, 10), &lately(0, 12), NOW);
        assert_eq!(over.exhausted_at, Some(NOW));
    }

    #[test]
    fn too_few_readings_give_the_average_of_the_period() {
        let average = forecast(&usage(100, 20), &Moved::default(), NOW);
        assert_eq!((average.bytes_per_day, average.samples, average.percent_at_reset), (10 * GIB, 0, 30.0));
    }

    #[test]
    fn the_multiplier_counts_once() {
        let mut usage = usage(100, 10);
        usage.multiplier = 0.5;
        assert_eq!(forecast(&usage, &lately(20, 24), NOW).bytes_per_day, 10 * GIB);
        let live = live(&usage, 20 * GIB, NOW, Vec::new());
        assert_eq!((live.used, live.moved, live.counted, live.percent), (110 * GIB, 10 * GIB, 100 * GIB, 11.0));
    }
}
