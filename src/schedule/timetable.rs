//! What holds now: several schedules, of which the one that was due last is in force.

use super::Cron;
use crate::time::{Duration, Time};

/// The entries of a `schedule` trigger. Of two that are due at the same time, the later one in the list wins.
#[derive(Clone, Debug)]
pub struct Timetable {
    pub entries: Vec<Cron>,
    /// Each entry whole, as text: by it one is told from another over versions of a script.
    pub texts: Vec<String>,
}

/// How far back the last due time of an entry is looked for.
const FURTHEST: Duration = Duration::from_seconds(10 * 366 * 86_400);
/// Due times that change nothing, one after the other, before nothing is expected to change.
const UNCHANGED: usize = 1000;

impl Timetable {
    /// The position of the entry in force at `at`; `None` before the first one was ever due.
    pub fn in_force(&self, at: Time) -> Option<usize> {
        let last = |(position, entry): (usize, &Cron)| Some((latest(|after| entry.next(after), at)?, position));
        self.entries.iter().enumerate().filter_map(last).max().map(|(_, position)| position)
    }

    /// The entry in force at `at`, as text.
    pub fn said(&self, at: Time) -> Option<&str> {
        self.texts.get(self.in_force(at)?).map(String::as_str)
    }

    /// The first time after `after` at which another entry comes into force.
    pub fn next(&self, after: Time) -> Option<Time> {
        let before = self.in_force(after);
        let mut at = after;
        for _ in 0..UNCHANGED {
            let due = |(position, entry): (usize, &Cron)| Some((entry.next(at)?, position));
            let dues: Vec<_> = self.entries.iter().enumerate().filter_map(due).collect();
            let (first, _) = dues.iter().min()?;
            let winner = dues.iter().filter(|(time, _)| time == first).map(|(_, position)| *position).max();
            if winner != before {
                return Some(*first);
            }
            at = *first;
        }
        None
    }
}

/// The latest due time up to and including `at`, of what `next` gives.
fn latest(next: impl Fn(Time) -> Option<Time>, at: Time) -> Option<Time> {
    let by_then = |after: Time| next(after).is_some_and(|due| due <= at);
    let mut back = Duration::from_seconds(3600);
    while !by_then(at - back) {
        if back > FURTHEST {
            return None;
        }
        back = back + back;
    }
    // Between the two the answer changes once: at the due time that is looked for.
    let (mut before, mut since) = (at - back, at);
    while since - before > Duration::from_millis(1) {
        let middle = before + Duration::from_millis((since - before).millis() / 2);
        if by_then(middle) { before = middle } else { since = middle }
    }
    Some(since)
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;

    fn table(expressions: &[&str]) -> Timetable {
        let now = at("2026-07-01 00:00");
        let cron = |expression: &&str| Cron::parse(expression, Tz::UTC, now).unwrap();
        let texts = expressions.iter().map(ToString::to_string).collect();
        Timetable { entries: expressions.iter().map(cron).collect(), texts }
    }

    fn at(text: &str) -> Time {
        Time::parse(text, Tz::UTC).unwrap()
    }

    #[test]
    fn the_entry_that_was_due_last_is_in_force() {
        let day_and_night = table(&["0 8 * * *", "0 23 * * *"]);
        for (time, position) in [("07:59", 1), ("08:00", 0), ("22:59", 0), ("23:00", 1), ("23:59", 1)] {
            assert_eq!(day_and_night.in_force(at(&format!("2026-07-03 {time}"))), Some(position), "{time}");
        }
        let years = table(&["0 0 1 1 *", "0 0 29 2 *"]);
        assert_eq!(years.in_force(at("2026-07-03 08:00")), Some(0));
        assert_eq!(years.in_force(at("2028-03-01 00:00")), Some(1));
        assert_eq!(table(&["0 0 0 1 1 * 2027"]).in_force(at("2026-07-03 08:00")), None);
    }

    #[test]
    fn only_changes_are_due() {
        let week = table(&["0 8 * * *", "0 20 * * *", "0 8 * * 6"]);
        let mut due = Vec::new();
        let mut after = at("2026-07-03 09:00");
        for _ in 0..4 {
            after = week.next(after).unwrap();
            due.push(after.display(Tz::UTC));
        }
        assert_eq!(due, ["2026-07-03 20:00", "2026-07-04 08:00", "2026-07-04 20:00", "2026-07-05 08:00"]);
        assert_eq!(week.in_force(at("2026-07-04 08:00")), Some(2), "the later of two in the list");
        assert_eq!(table(&["0 8 * * *"]).next(at("2026-07-03 09:00")), None, "it is in force for ever");
    }
}
