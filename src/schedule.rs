//! When a trigger is due. Everything here is a pure function of an expression, a zone and a time.
//!
//! # Expressions
//!
//! Five fields (minute, hour, day of the month, month, weekday), six (seconds first) or seven (year
//! last), in the dialect of crontab(5): `*`, numbers, names, lists, ranges and steps; 0 and 7 are
//! Sunday. `?` in a day field is `*`, and `5/15` is `5-59/15`. `L` is the last day of the month, `LW`
//! its last weekday, `15W` the weekday nearest to the 15th in that month, `5L` the last Friday, `5#2`
//! the second. Where both day fields are restricted, one of them is enough; a field that begins with
//! `*`, also `*/2`, is not restricted, and then both must match. Also `@hourly`, `@daily`,
//! `@midnight`, `@weekly`, `@monthly`, `@yearly`, `@annually` and `@every 90s`, which counts from the
//! epoch.
//!
//! # Days on which the clocks change
//!
//! An expression is evaluated on a wall clock that never changes, then mapped to the zone:
//!
//! * It has a **rhythm** where it repeats within the hour (its second or minute field gives more than
//!   one value) or counts (its second, minute or hour field contains `*` or a step, or gives every
//!   hour). It is due whenever the wall clock shows a matching time: never in the hour that is left
//!   out in spring, twice in the hour that is repeated in autumn.
//! * Otherwise it names **fixed times**: one minute, and an hour, a list or a range of hours. Each is
//!   due once. In the gap it is due at the first instant after the gap, of two equal times at the
//!   first.
//!
//! This is the wildcard rule of Vixie cron, except that a list of minutes has a rhythm. croner agrees
//! but for a list or range of hours, which it lets fall into the gap.

mod between;
mod calendar;
mod changes;
mod fields;
mod timetable;
mod trigger;
mod unit;
mod warnings;
mod words;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use chrono_tz::Tz;

pub use between::Between;
pub use changes::{Change, change_day_notes, changes};
pub use timetable::Timetable;
pub use trigger::{
    Kind, LATER, MINIMUM, Missed, MissedMode, OnReload, Once, Overlap, RETRY_WAIT, Rule, TriggerSpec, interval, phase,
};
pub use words::{describe, describe_in};

use crate::error::{self, Error, Result};
use crate::time::{Duration, Time};
use crate::{text, units};
use calendar::Calendar;

/// A crontab expression in a zone.
#[derive(Clone, Debug)]
pub struct Cron {
    /// As it was written.
    pub expression: String,
    pub zone: Tz,
    /// What misleads, in sentences.
    pub warnings: Vec<String>,
    timing: Timing,
}

#[derive(Clone, Debug)]
enum Timing {
    Every(Duration),
    Calendar(Arc<Calendar>),
}

/// Names for expressions.
const MACROS: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

impl Cron {
    /// # Errors
    /// `syntax` with the column of the fault in `column`, also where the expression never fires after
    /// `now`.
    pub fn parse(expression: &str, zone: Tz, now: Time) -> Result<Self> {
        let trimmed = expression.trim();
        let column = 1 + expression.chars().take_while(|c| c.is_whitespace()).count();
        let mut warnings = Vec::new();
        let timing = if trimmed.starts_with('@') {
            named(trimmed, column)?
        } else {
            let calendar = Calendar::new(fields::parse(expression)?);
            warnings = warnings::of(&calendar.fields);
            Timing::Calendar(Arc::new(calendar))
        };
        let cron = Self { expression: expression.into(), zone, warnings, timing };
        match &cron.timing {
            Timing::Calendar(calendar) if cron.next(now).is_none() => Err(calendar.never(now.in_zone(zone))),
            _ => Ok(cron),
        }
    }

    /// The first due time after `after`, strictly. There is none after the year 2100.
    pub fn next(&self, after: Time) -> Option<Time> {
        match &self.timing {
            Timing::Every(interval) => Some(trigger::aligned(*interval, Duration::ZERO, after)),
            Timing::Calendar(calendar) => calendar.next(self.zone, after),
        }
    }
}

/// A macro or `@every`.
fn named(text: &str, column: usize) -> Result<Timing> {
    let wrong = |column, message: String| Error::new(error::Kind::Syntax, message).at(None, Some(1), Some(column));
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let lower = word.to_ascii_lowercase();
    if lower == "@every" {
        let place = column + text.chars().count() - rest.trim_start().chars().count();
        let every = units::parse_duration(rest).and_then(interval).map_err(|error| {
            let hint = error.hint.clone();
            let error = wrong(place, error.message.clone());
            hint.into_iter().fold(error, Error::hint)
        })?;
        return Ok(Timing::Every(every));
    }
    let names = MACROS.iter().map(|(name, _)| *name);
    match MACROS.iter().find(|(name, _)| *name == lower) {
        Some((_, expression)) if rest.trim().is_empty() => {
            Ok(Timing::Calendar(Arc::new(Calendar::new(fields::parse(expression)?))))
        }
        Some(_) => Err(wrong(column + word.len(), format!("`{}` after `{word}`", rest.trim()))
            .hint(format!("`{word}` stands alone"))),
        None if lower == "@reboot" => Err(wrong(column, "`@reboot` is not a time".into())
            .hint("use `on_start(\"name\", || …)`, which runs when the daemon starts")),
        None => {
            let hint = text::nearest(&lower, names.clone().chain(["@every"])).map_or_else(
                || format!("there is {} and `@every 90s`", text::list(names, "and")),
                |near| format!("did you mean `{near}`?"),
            );
            Err(wrong(column, format!("`{word}` is not known")).hint(hint))
        }
    }
}

/// Reads the name of a time zone, in any case of letters.
///
/// # Errors
/// `argument` with the nearest names.
pub fn zone(name: &str) -> Result<Tz> {
    let name = name.trim();
    let all = chrono_tz::TZ_VARIANTS.iter();
    if let Some(zone) = all.clone().find(|zone| zone.name().eq_ignore_ascii_case(name)) {
        return Ok(*zone);
    }
    let city = |zone: &Tz| zone.name().rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(name));
    let wanted = name.replace(' ', "_");
    let error = Error::new(error::Kind::Argument, format!("`{name}` is not a time zone"));
    let mut near: Vec<_> = all.clone().filter(|zone| city(zone)).map(|zone| zone.name()).collect();
    if near.is_empty() {
        let distance = |zone: &str| {
            let part = if wanted.contains('/') { zone } else { zone.rsplit('/').next().unwrap_or(zone) };
            strsim::damerau_levenshtein(&wanted.to_lowercase(), &part.to_lowercase())
        };
        let limit = 1 + wanted.chars().count() / 4;
        let mut ranked: Vec<_> = all.map(|zone| (distance(zone.name()), zone.name())).collect();
        ranked.sort_unstable();
        if let Some(best) = ranked.first().map(|(distance, _)| *distance).filter(|best| *best <= limit) {
            let nearest = ranked.into_iter().take_while(|(distance, _)| *distance == best);
            near = nearest.map(|(_, name)| name).take(3).collect();
        }
    }
    Err(error.hint(if near.is_empty() {
        "write a name such as `Europe/Berlin`, `Asia/Shanghai` or `UTC`".into()
    } else {
        format!("did you mean {}?", text::list(near, "or"))
    }))
}
