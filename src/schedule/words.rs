//! An expression in words, and what happens to it on days on which the clocks change.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::fields::{Field, Fields, MONTHS, Mark, WEEKDAYS};
use super::{Calendar, Cron, Timing};
use crate::time::Time;
use crate::units::format_duration;

/// What an expression says: `at 02:30 every day`.
pub fn describe(cron: &Cron) -> String {
    match &cron.timing {
        Timing::Every(interval) => format!("every {}", format_duration(*interval)),
        Timing::Calendar(calendar) => {
            let fields = &calendar.fields;
            let (time, daily) = time_of_day(fields);
            let mut parts = vec![time];
            parts.extend(days(fields).or_else(|| daily.then(|| "every day".into())));
            if !fields.month.is_all() {
                parts.push(placed("in", &named(&fields.month, |month| MONTHS[usize::from(month) - 1].into())));
            }
            if !fields.year.is_all() {
                parts.push(placed("in", &named(&fields.year, |year| year.to_string())));
            }
            parts.join(" ")
        }
    }
}

/// The time part, and whether it is one or a few times a day.
fn time_of_day(fields: &Fields) -> (String, bool) {
    let Fields { second, minute, hour, .. } = fields;
    let (seconds, minutes, hours) = (second.values(), minute.values(), hour.values());
    if seconds.len() * minutes.len() * hours.len() <= 6 && !hour.steps() {
        let times = hours.iter().flat_map(|h| minutes.iter().map(move |m| (h, m)));
        let times = times.flat_map(|(h, m)| seconds.iter().map(move |s| (h, m, s)));
        let times: Vec<_> = times
            .map(|(h, m, s)| if *s == 0 { format!("{h:02}:{m:02}") } else { format!("{h:02}:{m:02}:{s:02}") })
            .collect();
        return (format!("at {}", join(&times)), true);
    }
    let zero = |field: &Field| field.values().into_iter().eq([0]);
    let mut parts = Vec::new();
    if !zero(second) {
        parts.push(counted(second, "second"));
    }
    if minute.is_all() {
        if zero(second) {
            parts.push("every minute".into());
        } else if !second.steps() {
            parts.push("of every minute".into());
        }
    } else if !(zero(minute) && zero(second)) {
        parts.push(counted(minute, "minute"));
    }
    let on_the_hour = zero(minute) && zero(second);
    parts.push(match (hour.is_all(), on_the_hour) {
        (true, true) => "every hour on the hour".into(),
        (true, false) if minute.steps() || minute.is_all() => String::new(),
        (true, false) => "of every hour".into(),
        (false, _) if hour.items.len() == 1 && hour.items[0].star => {
            let step = hour.items[0].step;
            if on_the_hour { format!("every {step} hours") } else { format!("in every {} hour", ordinal(step)) }
        }
        (false, true) => {
            let times = named(hour, |hour| format!("{hour:02}:00"));
            if is_range(&times) { format!("every hour from {times}") } else { format!("at {times}") }
        }
        (false, false) => match &hour.items[..] {
            [item] if item.step == 1 => format!("from {:02}:00 to {:02}:59", item.first, item.last),
            _ => format!("in the hours {}", named(hour, |hour| format!("{hour:02}"))),
        },
    });
    parts.retain(|part| !part.is_empty());
    (parts.join(" "), false)
}

/// `every 5 minutes`, `at minutes 5 and 35`.
fn counted(field: &Field, unit: &str) -> String {
    match &field.items[..] {
        [item] if item.star && item.step == 1 => format!("every {unit}"),
        [item] if item.star => format!("every {} {unit}s", item.step),
        [item] if item.step > 1 => {
            format!("every {} {unit}s from {unit} {} to {}", item.step, item.first, item.last)
        }
        _ => {
            let plural = if field.values().len() == 1 { "" } else { "s" };
            format!("at {unit}{plural} {}", named(field, |value| value.to_string()))
        }
    }
}

/// The day part; nothing for every day.
fn days(fields: &Fields) -> Option<String> {
    let Fields { day, weekday, .. } = fields;
    let on_days = (!day.is_all()).then(|| days_of_month(day));
    let on_weekdays = (!weekday.is_all()).then(|| days_of_week(weekday));
    match (on_days, on_weekdays) {
        (Some(days), Some(weekdays)) if day.restricted() && weekday.restricted() => {
            Some(format!("{days} and besides {weekdays}"))
        }
        (Some(days), Some(weekdays)) => Some(format!("{days}, but only {weekdays}")),
        (days, weekdays) => days.or(weekdays),
    }
}

fn days_of_month(field: &Field) -> String {
    let mut parts = Vec::new();
    if let [item] = &field.items[..]
        && item.star
    {
        return format!("on every {} day of the month from the 1st", ordinal(item.step));
    }
    if !field.values().is_empty() {
        parts.push(named(field, |day| format!("the {}", ordinal(day))));
    }
    let nearest = field.marked(Mark::NearestWorkday);
    parts.extend(
        nearest.into_iter().map(|day| format!("the day from Monday to Friday nearest to the {}", ordinal(day))),
    );
    if field.has(Mark::LastWorkday) {
        parts.push("the last day from Monday to Friday of the month".into());
    }
    if field.has(Mark::LastDay) {
        parts.push("the last day of the month".into());
    }
    placed("on", &join(&parts))
}

fn days_of_week(field: &Field) -> String {
    let name = |day: u16| WEEKDAYS[usize::from(day) % 7].to_owned();
    let mut parts = Vec::new();
    if !field.values().is_empty() {
        parts.push(match &field.items[..] {
            // The range as it was written, also where it runs into Sunday.
            [item] if item.step == 1 && item.last > item.first + 1 => {
                format!("{} to {}", name(item.first), name(item.last))
            }
            _ => named(field, name),
        });
    }
    let marked = field.items.iter().flat_map(|item| (item.first..=item.last).map(move |day| (item.mark, day)));
    parts.extend(marked.filter_map(|(mark, day)| match mark {
        Mark::Nth(nth) => Some(format!("the {} {} of the month", ordinal(nth.into()), name(day))),
        Mark::Last => Some(format!("the last {} of the month", name(day))),
        _ => None,
    }));
    placed("on", &join(&parts))
}

/// The plain values of a field, three or more in a row as a range.
fn named(field: &Field, name: impl Fn(u16) -> String) -> String {
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for value in field.values() {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == value => *last = value,
            _ => runs.push((value, value)),
        }
    }
    let parts: Vec<_> = runs
        .into_iter()
        .flat_map(|(first, last)| match last - first {
            0 => vec![name(first)],
            1 => vec![name(first), name(last)],
            _ => vec![format!("{} to {}", name(first), name(last))],
        })
        .collect();
    join(&parts)
}

/// `on Monday`, but `from Monday to Friday`.
fn placed(word: &str, what: &str) -> String {
    if is_range(what) { format!("from {what}") } else { format!("{word} {what}") }
}

fn is_range(what: &str) -> bool {
    what.contains(" to ") && !what.contains(" and ") && !what.contains("nearest")
}

fn join(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

fn ordinal(n: u16) -> String {
    let ending = match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{n}{ending}")
}

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

    fn cron(expression: &str, zone: &str) -> Cron {
        Cron::parse(expression, zone.parse().unwrap(), Time::default()).unwrap()
    }

    #[test]
    fn expressions_read_as_sentences() {
        for (expression, words) in [
            ("30 2 * * *", "at 02:30 every day"),
            ("* * * * *", "every minute"),
            ("* * * * * *", "every second"),
            ("*/5 * * * *", "every 5 minutes"),
            ("*/10 * * * * *", "every 10 seconds"),
            ("0 * * * *", "every hour on the hour"),
            ("5 * * * *", "at minute 5 of every hour"),
            ("5,35 * * * *", "at minutes 5 and 35 of every hour"),
            ("0 */6 * * *", "every 6 hours"),
            ("15 */2 * * *", "at minute 15 in every 2nd hour"),
            ("*/15 9-17 * * MON-FRI", "every 15 minutes from 09:00 to 17:59 from Monday to Friday"),
            ("* 5 * * *", "every minute from 05:00 to 05:59"),
            ("0 2,14 * * *", "at 02:00 and 14:00 every day"),
            ("0 9-17 * * *", "every hour from 09:00 to 17:00"),
            ("0 9-17,22 * * *", "at 09:00 to 17:00 and 22:00"),
            ("0 1-15/2 * * *", "at 01:00, 03:00, 05:00, 07:00, 09:00, 11:00, 13:00 and 15:00"),
            ("0,30 8 * * SAT,SUN", "at 08:00 and 08:30 on Sunday and Saturday"),
            ("0 0 1,15 * *", "at 00:00 on the 1st and the 15th"),
            ("0 0 L * *", "at 00:00 on the last day of the month"),
            (
                "0 0 15W,LW * *",
                "at 00:00 on the day from Monday to Friday nearest to the 15th and the last day from Monday to Friday of the month",
            ),
            ("0 0 * * 5#2", "at 00:00 on the 2nd Friday of the month"),
            ("0 0 * * FRIL", "at 00:00 on the last Friday of the month"),
            ("0 0 13 * 5", "at 00:00 on the 13th and besides on Friday"),
            ("0 0 */2 * 1", "at 00:00 on every 2nd day of the month from the 1st, but only on Monday"),
            ("0 0 1 JAN-MAR *", "at 00:00 on the 1st from January to March"),
            ("0 0 0 29 2 * 2028", "at 00:00 on the 29th in February in 2028"),
            ("15 30 2 * * *", "at 02:30:15 every day"),
            ("30 * * * * *", "at second 30 of every minute"),
            ("10-50/20 * * * *", "every 20 minutes from minute 10 to 50"),
            ("@weekly", "at 00:00 on Sunday"),
            ("0 0 * * FRI-SUN", "at 00:00 from Friday to Sunday"),
            ("@every 90s", "every 1m 30s"),
        ] {
            assert_eq!(describe(&cron(expression, "UTC")), words, "{expression}");
        }
    }

    #[test]
    fn notes_say_what_a_change_does_to_the_expression() {
        let notes = |expression, zone, from, until| -> Vec<String> {
            let cron = cron(expression, zone);
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
