//! What readings of counters say about a span of time: counters begin anew, and readings are missing.

use super::Point;
use crate::time::{Duration, Time};

/// Without a reading for longer than this there is a gap.
pub const GAP: Duration = Duration::from_seconds(15 * 60);

/// What moved in a span.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moved {
    pub received: i64,
    pub sent: i64,
    /// The highest average between two readings, in bytes per second, both directions together.
    pub peak: i64,
    /// Readings in the span.
    pub samples: i64,
    /// Times without a reading for longer than [`GAP`], those at both ends of the span too, and restarts, before which
    /// something may be missing.
    pub gaps: i64,
    /// From the first reading that counts to the last.
    pub covered: Duration,
}

impl Moved {
    pub fn total(&self) -> i64 {
        self.received.saturating_add(self.sent)
    }

    /// Bytes a day, as far as readings cover the span.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "exact far beyond any traffic")]
    pub fn per_day(&self) -> Option<i64> {
        let seconds = self.covered.seconds();
        (seconds > 0.0).then(|| (self.total() as f64 / seconds * 86_400.0).round() as i64)
    }
}

/// What a counter moved from one reading to the next, and whether it began anew between them: then it is what it shows.
fn step(before: &Point, after: &Point) -> (i64, i64, bool) {
    let marked = !before.mark.is_empty() && !after.mark.is_empty();
    let anew =
        if marked { before.mark != after.mark } else { after.received < before.received || after.sent < before.sent };
    // A counter that goes back without saying so is not believed to have moved backwards.
    let anew = anew || after.received < before.received || after.sent < before.sent;
    if anew {
        (after.received.max(0), after.sent.max(0), true)
    } else {
        (after.received - before.received, after.sent - before.sent, false)
    }
}

/// What moved from `from` to `to`, by readings oldest first, of which the first may lie before. Between two readings it is
/// taken to have moved evenly.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "exact far beyond any traffic")]
pub fn moved(points: &[Point], from: Time, to: Time) -> Moved {
    let mut moved = Moved {
        samples: i64::try_from(points.iter().filter(|point| (from..=to).contains(&point.at)).count()).unwrap_or(0),
        ..Moved::default()
    };
    // What lies before the first reading and after the last one is not known.
    let edges = [points.first().map_or(to, |first| first.at) - from, to - points.last().map_or(to, |last| last.at)];
    moved.gaps += i64::try_from(edges.into_iter().filter(|edge| *edge > GAP).count()).unwrap_or(0);
    for pair in points.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        let whole = after.at - before.at;
        let (start, end) = (before.at.max(from), after.at.min(to));
        if whole <= Duration::ZERO || end <= start {
            continue;
        }
        let (received, sent, anew) = step(before, after);
        let part = (end - start).seconds() / whole.seconds();
        moved.received += (received as f64 * part).round() as i64;
        moved.sent += (sent as f64 * part).round() as i64;
        moved.covered = moved.covered + (end - start);
        if whole > GAP || anew {
            moved.gaps += 1;
        }
        if whole <= GAP {
            moved.peak = moved.peak.max(((received + sent) as f64 / whole.seconds()) as i64);
        }
    }
    moved
}

/// What a provider's own samples say: each is the bytes of `span` before it. They may come twice, in any order, and not
/// at all.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "exact far beyond any traffic")]
pub fn sampled(mut samples: Vec<Point>, span: Duration, from: Time, to: Time) -> Moved {
    samples.retain(|sample| sample.at > from && sample.at <= to);
    samples.sort_by_key(|sample| sample.at);
    samples.dedup_by_key(|sample| sample.at);
    let mut moved = Moved { samples: i64::try_from(samples.len()).unwrap_or(0), ..Moved::default() };
    let mut last = from;
    for sample in &samples {
        moved.received += sample.received.max(0);
        moved.sent += sample.sent.max(0);
        let rate = (sample.received.max(0) + sample.sent.max(0)) as f64 / span.seconds().max(1.0);
        moved.peak = moved.peak.max(rate as i64);
        moved.covered = moved.covered + span;
        // Two spans without a sample are one that is missing.
        if sample.at - last >= span + span {
            moved.gaps += 1;
        }
        last = sample.at;
    }
    if to - last >= span + span {
        moved.gaps += 1;
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time::from_seconds(1_783_065_600);

    fn at(minutes: i64) -> Time {
        START + Duration::from_seconds(60 * minutes)
    }

    fn point(minutes: i64, received: i64, sent: i64, mark: &str) -> Point {
        Point { at: at(minutes), received, sent, mark: mark.into() }
    }

    #[test]
    fn counters_add_up_and_the_edges_count_in_part() {
        let points = [point(0, 0, 0, ""), point(10, 600, 60, ""), point(20, 1200, 180, "")];
        let all = moved(&points, at(0), at(20));
        assert_eq!((all.received, all.sent, all.samples, all.gaps), (1200, 180, 3, 0));
        assert_eq!((all.peak, all.covered), (1, Duration::from_seconds(1200)));
        let half = moved(&points, at(5), at(15));
        assert_eq!((half.received, half.sent, half.samples), (600, 90, 1));
        assert_eq!(half.per_day(), Some(690 * 144));
        assert_eq!(moved(&points[..1], at(0), at(20)), Moved { samples: 1, gaps: 1, ..Moved::default() });
        assert_eq!(moved(&points, at(-16), at(20)).gaps, 1, "nobody looked at the beginning");
        assert_eq!(moved(&[], at(0), at(20)).gaps, 1);
        assert_eq!(Moved::default().per_day(), None);
    }

    #[test]
    fn a_client_that_was_restarted_counts_from_zero() {
        // Told by a smaller number, or by another session even where the number is larger.
        let smaller = [point(0, 500, 500, ""), point(5, 100, 700, "")];
        let larger = [point(0, 500, 500, "a"), point(5, 800, 700, "b")];
        let same = [point(0, 500, 500, "a"), point(5, 800, 700, "a")];
        let of = |points: &[Point]| {
            let moved = moved(points, at(0), at(5));
            (moved.received, moved.sent, moved.gaps)
        };
        assert_eq!(of(&smaller), (100, 700, 1));
        assert_eq!(of(&larger), (800, 700, 1));
        assert_eq!(of(&same), (300, 200, 0));
    }

    #[test]
    fn a_month_that_begins_anew_is_no_negative_traffic() {
        let points =
            [point(0, 900_000, 0, "2026-07-03"), point(5, 40, 0, "2026-08-03"), point(10, 90, 0, "2026-08-03")];
        let moved = moved(&points, at(0), at(10));
        assert_eq!((moved.received, moved.gaps), (90, 1));
    }

    #[test]
    fn bytes_over_a_gap_count_and_its_average_is_no_peak() {
        let points = [point(0, 0, 0, ""), point(5, 300, 0, ""), point(120, 690_300, 0, ""), point(125, 690_600, 0, "")];
        let moved = moved(&points, at(0), at(125));
        assert_eq!((moved.received, moved.gaps, moved.peak), (690_600, 1, 1));
    }

    #[test]
    fn raw_samples_come_twice_unsorted_and_not_at_all() {
        let span = Duration::from_seconds(300);
        let samples = vec![
            point(10, 300, 600, ""),
            point(5, 300, 0, ""),
            point(10, 300, 600, ""),
            point(25, 0, 300, ""),
            point(0, 999, 999, ""),
        ];
        let moved = sampled(samples, span, at(0), at(30));
        assert_eq!((moved.received, moved.sent, moved.samples), (600, 900, 3));
        assert_eq!((moved.peak, moved.gaps), (3, 1));
        // Fifteen of thirty minutes are covered.
        assert_eq!(moved.per_day(), Some(1500 * 96));
        assert_eq!(sampled(Vec::new(), span, at(0), at(30)).gaps, 1);
    }
}
