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
                parts.push(format!("in {}", named(&fields.month, |month| MONTHS[usize::from(month) - 1].into())));
            }
            if !fields.year.is_all() {
                parts.push(format!("in {}", named(&fields.year, |year| year.to_string())));
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
        (false, true) => format!("at {}", named(hour, |hour| format!("{hour:02}:00"))),
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
    format!("on {}", join(&parts))
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
    format!("on {}", join(&parts))
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
