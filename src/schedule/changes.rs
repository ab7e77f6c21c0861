//! Days on which the clocks of a zone change, and what they do to an expression.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::words::join;
use super::{Calendar, Cron, Timing};
use crate::time::Time;

/// A moment at which the clocks of a zone change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    pub at: Time,
    /// What a wall clock would have shown at `at`, and what it shows.
    pub from: NaiveDateTime,
    pub to: NaiveDateTime,
}

impl Change {
    /// The local day of the change.
    pub fn date(&self) -> NaiveDate {
        self.from.min(self.to).date()
    }
}

/// The changes of a zone's offset after `from` and not after `until`. Two within twelve hours that
/// cancel each other would not be seen; there are none.
pub fn changes(zone: Tz, from: Time, until: Time) -> Vec<Change> {
    let offset = |time: DateTime<Utc>| time.with_timezone(&zone).naive_local() - time.naive_utc();
    let (mut time, until) = (from.utc(), until.utc());
    let mut found = Vec::new();
    while time < until {
        let next = (time + TimeDelta::hours(12)).min(until);
        let (before, after) = (offset(time), offset(next));
        if before != after {
            let at = super::calendar::change_between(zone, time, next);
            found.push(Change { at: at.into(), from: at.naive_utc() + before, to: at.naive_utc() + after });
        }
        time = next;
    }
    found
}

/// What the changes after `from` and not after `until` do to an expression, in sentences; a change
/// that does nothing to it is left out.
pub fn change_day_notes(cron: &Cron, from: Time, until: Time) -> Vec<(Change, String)> {
    let Timing::Calendar(calendar) = &cron.timing else { return Vec::new() };
    let changes = changes(cron.zone, from, until);
    changes.into_iter().filter_map(|change| note(calendar, &change).map(|note| (change, note))).collect()
}

fn note(calendar: &Calendar, change: &Change) -> Option<String> {
    let (start, end) = (change.from.min(change.to), change.from.max(change.to));
    let first = calendar.next_local(start - TimeDelta::seconds(1)).filter(|first| *first < end)?;
    let date = change.date();
    let time = |time: NaiveDateTime| {
        let format = match (time.date() == date, time.and_utc().timestamp() % 60 == 0) {
            (true, true) => "%H:%M",
            (true, false) => "%H:%M:%S",
            (false, _) => "%Y-%m-%d %H:%M",
        };
        time.format(format).to_string()
    };
    let gap = change.to > change.from;
    Some(if calendar.rhythm {
        let span = format!("{} to {}", time(start), time(end));
        if gap {
            format!("{span} does not exist on {date}, nothing fires in it")
        } else {
            format!("{span} happens twice on {date}, fires in both")
        }
    } else {
        let mut times = vec![time(first)];
        let mut last = first;
        while let Some(next) = calendar.next_local(last).filter(|next| *next < end) {
            times.push(time(next));
            last = next;
        }
        let (exist, happen) = if times.len() == 1 { ("does", "happens") } else { ("do", "happen") };
        let times = join(&times);
        if gap {
            format!("{times} {exist} not exist on {date}, fires {}", time(end))
        } else {
            format!("{times} {happen} twice on {date}, fires the first time only")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_say_what_a_change_does_to_the_expression() {
        let notes = |expression, zone: &str, from, until| -> Vec<String> {
            let cron = Cron::parse(expression, zone.parse().unwrap(), Time::default()).unwrap();
            let time = |text| Time::parse(text, cron.zone).unwrap();
            change_day_notes(&cron, time(from), time(until)).into_iter().map(|(_, note)| note).collect()
        };
        let year = |expression| notes(expression, "Europe/Berlin", "2026-01-01", "2027-01-01");
        assert_eq!(
            year("30 2 * * *"),
            [
                "02:30 does not exist on 2026-03-29, fires 03:00",
                "02:30 happens twice on 2026-10-25, fires the first time only"
            ]
        );
        assert_eq!(
            year("*/15 * * * *"),
            [
                "02:00 to 03:00 does not exist on 2026-03-29, nothing fires in it",
                "02:00 to 03:00 happens twice on 2026-10-25, fires in both"
            ]
        );
        assert_eq!(year("0 12 * * *"), [""; 0]);
        assert_eq!(year("30 2 * * MON"), [""; 0], "not on that day");
        assert_eq!(
            notes("0 6,12 * * *", "Pacific/Apia", "2011-12-01", "2012-01-01"),
            ["06:00 and 12:00 do not exist on 2011-12-30, fires 2011-12-31 00:00"]
        );
    }

    #[test]
    fn changes_are_found_to_the_second() {
        let lord_howe: Tz = "Australia/Lord_Howe".parse().unwrap();
        let found = changes(
            lord_howe,
            Time::parse("2026-01-01", lord_howe).unwrap(),
            Time::parse("2026-06-01", lord_howe).unwrap(),
        );
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].from.to_string(), "2026-04-05 02:00:00");
        assert_eq!(found[0].to.to_string(), "2026-04-05 01:30:00");
        assert_eq!(found[0].at.rfc3339(Tz::UTC), "2026-04-04T15:00:00Z");
    }
}
