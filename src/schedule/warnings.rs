//! What an expression says without its author noticing.

use super::fields::{Field, Fields, Item, Mark};
use super::unit::MONTHS;
use crate::text;

/// In sentences.
pub(super) fn of(fields: &Fields) -> Vec<String> {
    let Fields { second, minute, hour, day, month, weekday, .. } = fields;
    let mut found: Vec<_> = [second, minute, hour, day, month, weekday].into_iter().flat_map(steps).collect();
    found.extend(short_months(fields));
    let (days, weekdays) = (&day.text, &weekday.text);
    if day.restricted() && weekday.restricted() {
        found.push(format!(
            "both day fields are restricted, so one is enough: the days `{days}` and, besides, the weekdays `{weekdays}`"
        ));
    } else if !day.is_all() && !weekday.is_all() {
        found.push(format!(
            "a day field that begins with `*` does not widen the other: only days that match `{days}` as well as `{weekdays}` count"
        ));
    }
    let every = |field: &Field| field.column > 0 && field.is_all();
    let single = |field: &Field| !field.steps() && field.values().len() == 1;
    if every(minute) && single(hour) && single(second) {
        let hour = hour.values().first().copied().unwrap_or(0);
        found.push(format!(
            "it fires every minute from {hour:02}:00 to {hour:02}:59; write `0 {hour} …` for once at {hour:02}:00"
        ));
    }
    if every(second) && !minute.is_all() {
        let minutes = &minute.text;
        found.push(format!(
            "the first of six fields are seconds: it fires every second of the minutes `{minutes}`; write `0 {minutes} …` for once a minute"
        ));
    }
    found
}

/// Steps that are longer than their range or do not divide it.
fn steps(field: &Field) -> Vec<String> {
    let stepped = field.items.iter().filter(|item| item.step > 1);
    stepped.filter_map(|item| step(field, item)).collect()
}

fn step(field: &Field, item: &Item) -> Option<String> {
    let (name, step) = (field.unit.name, item.step);
    let written = if item.star { format!("*/{step}") } else { format!("{}-{}/{step}", item.first, item.last) };
    let (larger, unit) = match name {
        "second" => ("minute", "s"),
        "minute" => ("hour", "m"),
        "hour" => ("day", "h"),
        "day of the month" => ("month", "d"),
        "month" => ("year", ""),
        _ => ("week", ""),
    };
    let (first, last) = (item.first, item.last);
    let better = |does: &str| if unit.is_empty() { String::new() } else { format!("; `@every {step}{unit}` {does}") };
    if step > last - first {
        let article = if larger == "hour" { "an" } else { "a" };
        let steps = text::count(step.into(), if unit == "d" { "day" } else { name });
        return Some(format!(
            "`{written}` in the {name} field gives only {first}: it means once {article} {larger}, it does not count {steps} on{}",
            better("does"),
        ));
    }
    let length = if name == "weekday" { 7 } else { last - first + 1 };
    // Months have no common length, so that no step divides them.
    if !item.star || (length % step == 0 && name != "day of the month") {
        return None;
    }
    let end = first + (length - 1) / step * step;
    Some(format!(
        "`{written}` in the {name} field begins again every {larger}: after {end} comes {first}{}",
        better("keeps the distance"),
    ))
}

/// Days that some of the months do not have.
fn short_months(fields: &Fields) -> Option<String> {
    let Fields { day, month, weekday, .. } = fields;
    if !day.restricted() || weekday.restricted() {
        return None;
    }
    // A range that reaches the end of the month is meant to end with it.
    let named = day.items.iter().filter(|item| match item.mark {
        Mark::Plain => item.first >= 29 || item.first == item.last,
        Mark::NearestWorkday => true,
        _ => false,
    });
    let named: Vec<_> = named.map(|item| item.first).collect();
    let length = |month: u16| match month {
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let late = *named.iter().max()?;
    let short: Vec<_> = month.values().into_iter().filter(|month| length(*month) < late).collect();
    if short.is_empty() {
        return None;
    }
    let names: Vec<_> = short.iter().map(|month| MONTHS[usize::from(*month) - 1]).collect();
    let leap = if late == 29 { " in most years" } else { "" };
    Some(
        format!(
            "there is no {late}th in {}{leap}, so these months are left out; `L` is the last day of each month",
            text::list(names, "and").replace('`', ""),
        )
        .replace("31th", "31st"),
    )
}
