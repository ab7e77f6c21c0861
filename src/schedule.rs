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

mod calendar;
mod fields;
mod trigger;
mod warnings;
mod words;
#[cfg(test)]
mod oracle;

use std::sync::Arc;

use chrono_tz::Tz;

pub use trigger::{Kind, MINIMUM, Missed, MissedMode, Overlap, Rule, TriggerSpec, interval, phase};
pub use words::{Change, change_day_notes, changes, describe};

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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        Time::parse(text, Tz::UTC).unwrap()
    }

    fn cron(expression: &str, zone: &str) -> Cron {
        Cron::parse(expression, zone.parse().unwrap(), at("1990-01-01")).unwrap()
    }

    /// The next `n` due times after a local time, as local times with offset.
    fn next(expression: &str, zone: &str, after: &str, n: usize) -> Vec<String> {
        let cron = cron(expression, zone);
        let mut time = Time::parse(after, cron.zone).unwrap();
        std::iter::from_fn(|| {
            time = cron.next(time)?;
            Some(time.in_zone(cron.zone).format("%Y-%m-%d %H:%M:%S %:z").to_string().replace(":00 ", " "))
        })
        .take(n)
        .collect()
    }

    fn fault(expression: &str) -> (usize, String, String) {
        let error = Cron::parse(expression, Tz::UTC, at("2026-01-01")).expect_err(expression);
        assert_eq!(error.kind, error::Kind::Syntax);
        (error.column.unwrap(), error.message.clone(), error.hint.clone().unwrap())
    }

    #[test]
    fn a_fixed_time_in_the_gap_fires_after_it() {
        let spring = next("30 2 * * *", "Europe/Berlin", "2025-03-29 00:00", 3);
        assert_eq!(spring, ["2025-03-29 02:30 +01:00", "2025-03-30 03:00 +02:00", "2025-03-31 02:30 +02:00"]);
        let both = next("0 2,3 * * *", "Europe/Berlin", "2025-03-30 00:00", 2);
        assert_eq!(both, ["2025-03-30 03:00 +02:00", "2025-03-31 02:00 +02:00"], "once, not twice");
        let midnight = next("0 0 * * *", "Asia/Beirut", "2025-03-29 12:00", 2);
        assert_eq!(midnight, ["2025-03-30 01:00 +03:00", "2025-03-31 00:00 +03:00"]);
    }

    /// croner gives up on a gap of more than two hours, and on one that ends in a day that the
    /// expression does not name.
    #[test]
    fn a_fixed_time_in_a_gap_of_a_day_fires_at_its_end() {
        let samoa = next("0 12 * * *", "Pacific/Apia", "2011-12-29 13:00", 2);
        assert_eq!(samoa, ["2011-12-31 00:00 +14:00", "2011-12-31 12:00 +14:00"]);
        let friday = next("0 12 * * FRI", "Pacific/Apia", "2011-12-29 13:00", 2);
        assert_eq!(friday, ["2011-12-31 00:00 +14:00", "2012-01-06 12:00 +14:00"]);
        let rhythm = next("0 */8 * * *", "Pacific/Apia", "2011-12-29 13:00", 2);
        assert_eq!(rhythm, ["2011-12-29 16:00 -10:00", "2011-12-31 00:00 +14:00"]);
    }

    #[test]
    fn a_fixed_time_that_happens_twice_fires_once() {
        let autumn = next("30 2 * * *", "Europe/Berlin", "2025-10-26 00:00", 2);
        assert_eq!(autumn, ["2025-10-26 02:30 +02:00", "2025-10-27 02:30 +01:00"]);
        let hours = next("0 1-4 * * *", "Europe/Berlin", "2025-10-26 00:00", 4);
        assert_eq!(
            hours.join(" "),
            "2025-10-26 01:00 +02:00 2025-10-26 02:00 +02:00 2025-10-26 03:00 +01:00 2025-10-26 04:00 +01:00"
        );
    }

    #[test]
    fn a_rhythm_goes_on_through_both_changes() {
        let autumn = next("*/30 * * * *", "Europe/Berlin", "2025-10-26 01:45", 5);
        let expected = ["02:00 +02:00", "02:30 +02:00", "02:00 +01:00", "02:30 +01:00", "03:00 +01:00"];
        assert_eq!(autumn, expected.map(|time| format!("2025-10-26 {time}")));
        let spring = next("0 * * * *", "Europe/Berlin", "2025-03-30 00:30", 3);
        assert_eq!(spring, ["01:00 +01:00", "03:00 +02:00", "04:00 +02:00"].map(|time| format!("2025-03-30 {time}")));
        let half = next("*/15 1 * * *", "Australia/Lord_Howe", "2025-04-06 01:20", 5);
        let expected = ["01:30 +11:00", "01:45 +11:00", "01:30 +10:30", "01:45 +10:30"];
        assert_eq!(half[..4], expected.map(|time| format!("2025-04-06 {time}")));
        assert_eq!(half[4], "2025-04-07 01:00 +10:30");
    }

    /// croner joins them with OR, as it does for `2-30/2`.
    #[test]
    fn a_day_field_that_begins_with_a_star_does_not_widen_the_other() {
        let odd_mondays = next("0 0 */2 * MON", "UTC", "2026-01-01", 3);
        assert_eq!(odd_mondays, ["2026-01-05 00:00 +00:00", "2026-01-19 00:00 +00:00", "2026-02-09 00:00 +00:00"]);
        let thirteenth_if = next("0 0 13 * */5", "UTC", "2026-01-01", 2);
        assert_eq!(thirteenth_if, ["2026-02-13 00:00 +00:00", "2026-03-13 00:00 +00:00"]);
        let either = next("0 0 13 * 5", "UTC", "2026-01-01", 3);
        assert_eq!(either, ["2026-01-02 00:00 +00:00", "2026-01-09 00:00 +00:00", "2026-01-13 00:00 +00:00"]);
    }

    /// In croner `LW` swallows an `L` beside it.
    #[test]
    fn last_day_and_last_workday_stand_side_by_side() {
        let last = next("0 0 L,LW * *", "UTC", "2026-01-01", 3);
        assert_eq!(last, ["2026-01-30 00:00 +00:00", "2026-01-31 00:00 +00:00", "2026-02-27 00:00 +00:00"]);
    }

    /// In croner years count from 1, in croniter from here.
    #[test]
    fn steps_of_years_count_from_1970() {
        assert_eq!(next("0 0 0 1 1 * */2", "UTC", "2026-06-01", 1), ["2028-01-01 00:00 +00:00"]);
    }

    #[test]
    fn what_other_dialects_allow_is_read() {
        assert_eq!(next("5/20 0 * * *", "UTC", "2026-01-01", 3)[2], "2026-01-01 00:45 +00:00");
        assert_eq!(next("0 0 ? * FRI-SUN", "UTC", "2026-01-01", 3)[2], "2026-01-04 00:00 +00:00");
        assert_eq!(next("0 0 * february monday", "UTC", "2026-01-01", 1), ["2026-02-02 00:00 +00:00"]);
        assert_eq!(next("0 0 * * MON-WED#1", "UTC", "2026-01-01", 3)[2], "2026-01-07 00:00 +00:00");
        assert_eq!(next("@Weekly", "UTC", "2026-01-01", 1), ["2026-01-04 00:00 +00:00"]);
        assert_eq!(next("0 0 0 1 1 ? 2028", "UTC", "2026-01-01", 2), ["2028-01-01 00:00 +00:00"]);
    }

    #[test]
    fn every_counts_from_the_epoch() {
        assert_eq!(
            next("@every 90s", "UTC", "2026-01-01 00:00:01", 2),
            ["2026-01-01 00:01:30 +00:00", "2026-01-01 00:03 +00:00"]
        );
        assert_eq!(fault("@every 50ms").0, 8);
        assert_eq!(fault("@every 5").2, "a unit is missing: write `\"5s\"` or `\"5m\"`");
    }

    #[test]
    fn faults_have_a_place_a_reason_and_a_way_out() {
        for (expression, column, message, hint) in [
            ("61 * * * *", 1, "`61` is out of range in the minute field", "it goes from 0 to 59"),
            ("0 8,12,25 * * *", 8, "`25` is out of range in the hour field", "it goes from 0 to 23"),
            ("0  0 * * MOM", 10, "`MOM` is not a value of the weekday field", "did you mean `Mon`?"),
            ("*/0 * * * *", 3, "a step of 0 in the minute field never advances", "write a step of at least 1"),
            ("0 22-4 * * *", 3, "the range `22-4` runs backwards", "write `22-23,0-4`"),
            (
                "0 0 * * 5#6",
                11,
                "`6` does not count weekdays of a month",
                "write `5#1` to `5#5`, or `5L` for the last Friday",
            ),
            (
                "0 0 L-3 * *",
                5,
                "`L-3` cannot be said",
                "`L` is the last day of the month and `LW` its last weekday; list other days",
            ),
            (
                "* * * *",
                7,
                "4 fields where five are needed",
                "the fields are minute, hour, day, month and weekday; seconds may stand before and a year after them",
            ),
            ("0 ＊ * * *", 3, "`＊` is a full-width character", "write `*`"),
            (
                "0 0,,1 * * *",
                5,
                "an empty place in the list of the hour field",
                "take the comma away, or write a value there",
            ),
            ("@dialy", 1, "`@dialy` is not known", "did you mean `@daily`?"),
            (
                "@reboot",
                1,
                "`@reboot` is not a time",
                "use `on_start(\"name\", || …)`, which runs when the daemon starts",
            ),
            (
                "0 0 31 2 *",
                5,
                "it never fires: there is no `31` in February",
                "`L` in the day field is the last day of each month",
            ),
            (
                "0 0 30W FEB *",
                5,
                "it never fires: there is no `30W` in February",
                "`L` in the day field is the last day of each month",
            ),
            (
                "0 0 0 1 1 * 2025",
                13,
                "it never fires again after 2026-01-01 00:00",
                "take the year away, or give a later one",
            ),
        ] {
            assert_eq!(fault(expression), (column, message.into(), hint.into()), "{expression}");
        }
        assert_eq!(fault("").0, 1);
        assert_eq!(fault("0 0 0 1 1 * 2030 9").0, 18);
        for expression in [
            "a * * * *",
            "1- * * * *",
            "-1 * * * *",
            "1/ * * * *",
            "*/x * * * *",
            "? * * * *",
            "0 0 W * *",
            "0 0 * * L",
            "0 0 * * #2",
            "0 0 L/2 * *",
            "0 0 5L * *",
            "+5 * * * *",
            "99999999999 * * * *",
            "* * * * * * 1969",
        ] {
            fault(expression);
        }
    }

    #[test]
    fn what_misleads_is_said() {
        for (expression, part) in [
            ("*/90 * * * *", "gives only 0: it means once an hour, it does not count 90 minutes on; `@every 90m` does"),
            ("*/7 * * * *", "after 56 comes 0"),
            ("0 */5 * * *", "after 20 comes 0"),
            ("0 0 */2 * *", "after the 31st comes the 1st"),
            ("0 0 31 * *", "there is no 31st in February, April, June, September and November"),
            ("0 0 29 2 *", "in most years"),
            ("0 0 13 * 5", "one is enough"),
            ("0 0 */2 * 1", "does not widen"),
            ("* 5 * * *", "every minute from 05:00 to 05:59"),
            ("* */5 * * * *", "every second"),
            ("0 0 * * */2", "after Saturday comes Sunday"),
        ] {
            let warnings = cron(expression, "UTC").warnings;
            assert!(warnings.iter().any(|warning| warning.contains(part)), "{expression}: {warnings:?}");
        }
        for expression in [
            "*/5 * * * *",
            "0 */6 * * *",
            "0 8 * * MON-FRI",
            "0 0 L * *",
            "* * * * *",
            "0 0 28 * *",
            "30 2 1-31 * *",
            "@yearly",
            "@every 7m",
            "0 0 * */3 *",
        ] {
            assert_eq!(cron(expression, "UTC").warnings, [""; 0], "{expression}");
        }
    }

    #[test]
    fn rare_days_are_found_and_the_end_of_the_calendar_is_an_end() {
        assert_eq!(next("0 0 29 2 *", "UTC", "2096-03-01", 1), [""; 0]);
        assert_eq!(next("0 0 * 2 1#5", "UTC", "2026-01-01", 2), ["2044-02-29 00:00 +00:00", "2072-02-29 00:00 +00:00"]);
        let cron = cron("* * * * *", "Pacific/Apia");
        assert_eq!(cron.next(Time::from_millis(i64::MAX)), None);
        assert_eq!(
            cron.next(Time::from_millis(i64::MIN)).map(|time| time.in_zone(cron.zone).to_rfc3339()).as_deref(),
            Some("1970-01-01T00:00:00-11:00")
        );
    }

    #[test]
    fn zones_are_found_in_any_case_and_suggested() {
        assert_eq!(zone("asia/shanghai").unwrap().name(), "Asia/Shanghai");
        assert_eq!(zone("Shanghai").unwrap_err().hint.as_deref(), Some("did you mean `Asia/Shanghai`?"));
        assert!(zone("Europe/Berln").unwrap_err().hint.as_ref().unwrap().contains("`Europe/Berlin`"));
        assert!(zone("nonsense").is_err() && zone("").is_err());
    }
}
