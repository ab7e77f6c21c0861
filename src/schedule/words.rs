//! An expression in words.

use super::fields::{Field, Fields, Item, Mark};
use super::unit::{MONTHS, WEEKDAYS};
use super::{Cron, Timing};
use crate::language::Language;
use crate::units::format_duration;

mod chinese;

/// What an expression says, in a language.
pub fn describe_in(cron: &Cron, language: Language) -> String {
    match language {
        Language::English => describe(cron),
        Language::Chinese => chinese::describe(cron),
    }
}

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
    if seconds.len() * minutes.len() * hours.len() <= 6 && stepped(hour).is_none() {
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
        } else if stepped(second).is_none() && !second.is_all() {
            parts.push("of every minute".into());
        }
    } else if !(zero(minute) && zero(second)) {
        parts.push(counted(minute, "minute"));
    }
    let on_the_hour = zero(minute) && zero(second);
    parts.push(match (hour.is_all(), on_the_hour) {
        (true, true) => "every hour on the hour".into(),
        (true, false) if stepped(minute).is_some() || minute.is_all() => String::new(),
        (true, false) => "of every hour".into(),
        (false, _) if let Some(item) = stepped(hour).filter(|item| item.star) => {
            let step = item.step;
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

/// The only item of a field, where it counts on for more than one value.
fn stepped(field: &Field) -> Option<&Item> {
    match &field.items[..] {
        [item] if item.step > 1 && item.first + item.step <= item.last => Some(item),
        _ => None,
    }
}

/// `every 5 minutes`, `at minutes 5 and 35`.
fn counted(field: &Field, unit: &str) -> String {
    match stepped(field) {
        Some(Item { star: true, step, .. }) => format!("every {step} {unit}s"),
        Some(Item { first, last, step, .. }) => format!("every {step} {unit}s from {unit} {first} to {last}"),
        None if field.is_all() => format!("every {unit}"),
        None => {
            let plural = if field.values().len() == 1 { "" } else { "s" };
            format!("at {unit}{plural} {}", named(field, |value| value.to_string()))
        }
    }
}

/// The day part; nothing for every day.
fn days(fields: &Fields) -> Option<String> {
    day_part(fields, days_of_month, days_of_week, |days, weekdays, either| {
        if either { format!("{days} and besides {weekdays}") } else { format!("{days}, but only {weekdays}") }
    })
}

/// The words for both day fields; `together` is told whether one of them is enough, as it is where both are restricted.
fn day_part(
    fields: &Fields,
    of_month: fn(&Field) -> String,
    of_week: fn(&Field) -> String,
    together: impl FnOnce(&str, &str, bool) -> String,
) -> Option<String> {
    let Fields { day, weekday, .. } = fields;
    let days = (!day.is_all()).then(|| of_month(day));
    let weekdays = (!weekday.is_all()).then(|| of_week(weekday));
    match (&days, &weekdays) {
        (Some(on), Some(at)) => Some(together(on, at, day.restricted() && weekday.restricted())),
        _ => days.or(weekdays),
    }
}

fn days_of_month(field: &Field) -> String {
    let mut parts = Vec::new();
    if let Some(item) = stepped(field).filter(|item| item.star) {
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

/// The plain values of a field: the first and the last of those that follow one another.
fn runs(field: &Field) -> Vec<(u16, u16)> {
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for value in field.values() {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == value => *last = value,
            _ => runs.push((value, value)),
        }
    }
    runs
}

/// The plain values of a field, three or more in a row as a range.
fn named(field: &Field, name: impl Fn(u16) -> String) -> String {
    let parts: Vec<_> = runs(field)
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

pub(super) fn join(parts: &[String]) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Time;

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
            ("*/90 * * * *", "every hour on the hour"),
            ("30 */36 * * *", "at 00:30 every day"),
            ("5-8/9 * * * *", "at minute 5 of every hour"),
            ("0 0 */40 * *", "at 00:00 on the 1st"),
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
            assert_eq!(
                describe(&Cron::parse(expression, chrono_tz::Tz::UTC, Time::default()).unwrap()),
                words,
                "{expression}"
            );
        }
    }
}
