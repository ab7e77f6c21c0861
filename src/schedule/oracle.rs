//! croner as the judge over random expressions around change days. `TIDEGATE_ORACLE_CASES` sets how
//! many expressions.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta};
use chrono_tz::Tz;
use croner::parser::CronParser;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::fields::Field;
use super::{Change, Cron, Timing, changes};
use crate::time::{Duration, Time};

/// Changes at midnight, by 30 minutes, on a Friday, around Ramadan, over the date line, by two and by
/// three hours, abandoned, negative in winter, and none at all.
const ZONES: [&str; 40] = [
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Dublin",
    "Europe/Lisbon",
    "Europe/Istanbul",
    "Europe/Moscow",
    "Europe/Chisinau",
    "Atlantic/Azores",
    "America/New_York",
    "America/Los_Angeles",
    "America/St_Johns",
    "America/Havana",
    "America/Asuncion",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/Nuuk",
    "America/Scoresbysund",
    "America/Caracas",
    "America/Mexico_City",
    "Africa/Casablanca",
    "Africa/El_Aaiun",
    "Africa/Cairo",
    "Africa/Juba",
    "Africa/Windhoek",
    "Asia/Beirut",
    "Asia/Amman",
    "Asia/Damascus",
    "Asia/Gaza",
    "Asia/Jerusalem",
    "Asia/Tehran",
    "Asia/Shanghai",
    "Asia/Pyongyang",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Antarctica/Troll",
    "Antarctica/Casey",
    "Pacific/Apia",
    "Pacific/Auckland",
    "Pacific/Chatham",
];

/// Firings compared for each expression.
const FIRINGS: usize = 12;

struct Dice(StdRng);

impl Dice {
    fn chance(&mut self, percent: u32) -> bool {
        self.0.random_range(0..100) < percent
    }

    fn within(&mut self, low: u32, high: u32) -> u32 {
        self.0.random_range(low..=high)
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        *of.choose(&mut self.0).unwrap()
    }

    fn range(&mut self, low: u32, high: u32) -> String {
        let (a, b) = (self.within(low, high), self.within(low, high));
        format!("{}-{}", a.min(b), a.max(b))
    }

    /// A value, list, range or step in a time field.
    fn time(&mut self, high: u32, star: u32) -> String {
        if self.chance(star) {
            return "*".into();
        }
        match self.within(0, 9) {
            0..4 => self.within(0, high).to_string(),
            4 => format!("{},{}", self.within(0, high), self.within(0, high)),
            5 => format!("{},{}", self.within(0, high), self.range(0, high)),
            6 => self.range(0, high),
            7 => format!("{}/{}", self.range(0, high), self.within(1, high)),
            _ => format!("*/{}", self.within(2, high + 5)),
        }
    }

    /// Nearly always an hour in which clocks change.
    fn hour(&mut self) -> String {
        if self.chance(30) {
            return self.time(23, 40);
        }
        let near = [0, 1, 2, 2, 2, 3, 3, 22, 23];
        match self.within(0, 4) {
            0..3 => self.one(&near).to_string(),
            3 => format!("{},{}", self.one(&near), self.one(&near)),
            _ => "0-4".into(),
        }
    }

    fn day(&mut self) -> String {
        match self.within(0, 19) {
            0..12 => self.one(&["*", "*", "*", "?"]).into(),
            12 => self.within(1, 31).to_string(),
            13 => format!("{},{}", self.within(1, 31), self.range(1, 31)),
            14 => self.range(1, 31),
            15 => "L".into(),
            16 => "LW".into(),
            17 => format!("{}W", self.within(1, 31)),
            18 => format!("*/{}", self.within(2, 35)),
            _ => format!("{},L", self.within(1, 28)),
        }
    }

    fn weekday(&mut self) -> String {
        let names = ["SUN", "mon", "Tue", "WED", "thu", "FRI", "SAT"];
        match self.within(0, 19) {
            0..13 => "*".into(),
            13 => self.within(0, 7).to_string(),
            14 => self.one(&names).into(),
            15 => self.range(0, 7),
            16 => self.one(&["MON-FRI", "FRI-SUN", "1-5/2", "SUN,WED", "sat,sun", "*/2", "0-7/3"]).into(),
            17 => format!("{}#{}", self.within(0, 7), self.within(1, 5)),
            18 => format!("{}L", self.within(0, 7)),
            _ => format!("{}#{},{}L", self.one(&names), self.within(1, 5), self.one(&names)),
        }
    }

    fn expression(&mut self) -> String {
        let month = match self.within(0, 9) {
            0 => self.range(1, 12),
            1 => format!("*/{}", self.within(2, 6)),
            2 => self.one(&["JAN-JUN", "mar,oct", "3,4,10,11", "Sep-Dec/2"]).into(),
            _ => "*".into(),
        };
        let five = format!("{} {} {} {month} {}", self.time(59, 20), self.hour(), self.day(), self.weekday());
        match self.within(0, 9) {
            0 => format!("{} {five}", self.time(59, 10)),
            1 => format!("{} {five} *", self.one(&["0", "30", "*/20"])),
            2 => format!("0 {five} {}", self.one(&["2000-2099", "1991-2099/3", "2011,2024-2099"])),
            _ => five,
        }
    }
}

/// What croner says, by its own rules where they are ours, and by parts where they are not.
struct Oracle {
    parts: Vec<croner::Cron>,
}

impl Oracle {
    /// Nothing for what croner is known to read otherwise.
    fn new(expression: &str, ours: &Cron) -> Option<Self> {
        let Timing::Calendar(calendar) = &ours.timing else { return None };
        let fields = &calendar.fields;
        // croner ORs `*/2` with the other day field, where crontab(5) wants both.
        let whole = |field: &Field| !field.restricted() && field.text.len() == 1;
        let half = |field: &Field| !field.restricted() && !whole(field);
        let (day, weekday) = (&fields.day, &fields.weekday);
        if (half(day) && !whole(weekday)) || (half(weekday) && !whole(day)) {
            return None;
        }
        let parser = CronParser::builder().build();
        // croner has no fixed times with more than one hour: the union of single hours is what it
        // would say if it had.
        let hours: BTreeSet<_> = if calendar.rhythm { BTreeSet::new() } else { fields.hour.values() };
        let mut words: Vec<_> = expression.split_whitespace().map(ToOwned::to_owned).collect();
        let at = usize::from(words.len() > 5) + 1;
        let mut parts = Vec::new();
        if hours.is_empty() {
            parts.push(parser.parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}")));
        }
        for hour in hours {
            words[at] = hour.to_string();
            parts.push(parser.parse(&words.join(" ")).unwrap());
        }
        Some(Self { parts })
    }

    fn next(&self, after: DateTime<Tz>) -> Result<DateTime<Tz>, String> {
        // A part that croner gives up on has nothing to say unless it is the only one.
        let found: Vec<_> = self.parts.iter().map(|part| part.find_next_occurrence(&after, false)).collect();
        let first = found.iter().flatten().min();
        first.copied().ok_or_else(|| format!("{found:?}"))
    }
}

/// A gap that croner gives up in: longer than two hours, or into a day that may not match.
fn beyond_croner(change: &Change) -> bool {
    change.to - change.from > TimeDelta::hours(2) || (change.to > change.from && change.to.date() != change.from.date())
}

#[test]
fn croner_agrees_around_change_days() {
    #[expect(clippy::disallowed_methods, reason = "a knob of this test")]
    let cases = std::env::var("TIDEGATE_ORACLE_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(2500);
    let mut dice = Dice(StdRng::seed_from_u64(7));
    let from = Time::parse("1990-01-01", Tz::UTC).unwrap();
    let until = Time::parse("2037-12-31", Tz::UTC).unwrap();
    let zones: Vec<_> = ZONES
        .iter()
        .map(|name| {
            let zone: Tz = name.parse().unwrap();
            (zone, changes(zone, from, until))
        })
        .collect();
    let mut compared = 0;
    let mut case = 0;
    while case < cases {
        let (zone, changes) = &zones[case % zones.len()];
        let expression = dice.expression();
        let near = changes.choose(&mut dice.0);
        let start = near.map_or(from + Duration::from_seconds(dice.within(0, 1 << 30).into()), |change| change.at);
        let start = start - Duration::from_millis(dice.within(0, 40 * 3_600_000).into());
        let Ok(ours) = Cron::parse(&expression, *zone, start) else { continue };
        let Some(oracle) = Oracle::new(&expression, &ours) else { continue };
        case += 1;
        let mut time = start;
        for _ in 0..FIRINGS {
            let Some(next) = ours.next(time) else { break };
            assert!(next > time, "`{expression}` in {zone} does not advance from {time}");
            // A search of years costs croner seconds.
            if next - time > Duration::from_seconds(3 * 366 * 86_400) {
                break;
            }
            if changes.iter().any(|change| {
                change.at > time && change.at <= next + Duration::from_seconds(90_000) && beyond_croner(change)
            }) {
                break;
            }
            let theirs = oracle.next(time.in_zone(*zone)).map(|theirs| theirs.to_rfc3339());
            assert_eq!(
                Ok(next.in_zone(*zone).to_rfc3339()),
                theirs,
                "`{expression}` in {zone} after {}",
                time.in_zone(*zone).to_rfc3339()
            );
            compared += 1;
            time = next;
        }
    }
    assert!(compared > cases * FIRINGS / 2, "only {compared} firings compared");
}

proptest::proptest! {
    /// Whatever is typed is read or refused with a place in it, and what is read advances.
    #[test]
    fn any_text_is_read_or_refused_and_what_is_read_advances(
        text in "[-0-9*/,#?LWlw@ A-Z\u{ff0a}]{0,24}|(([0-9*]{1,2}|\\*/[0-9]{1,2}|[0-9]-[0-9]{1,2}(/[0-9])?|L|[0-9]W|[0-9]#[0-9]|[0-9]L) ?){4,8}",
        zone in 0..ZONES.len(),
        start in -4_000_000_000_000_i64..4_200_000_000_000,
    ) {
        let zone: Tz = ZONES[zone].parse().unwrap();
        let start = Time::from_millis(start);
        match Cron::parse(&text, zone, start) {
            Ok(cron) => {
                let first = cron.next(start).expect("what never fires is refused");
                proptest::prop_assert!(first > start);
                let second = cron.next(first);
                proptest::prop_assert!(second.is_none_or(|second| second > first));
                proptest::prop_assert!(!super::describe(&cron).is_empty());
                super::change_day_notes(&cron, start, first.min(start + Duration::from_seconds(40_000_000)));
            }
            Err(error) => {
                let column = error.column.expect("a place");
                proptest::prop_assert!((1..=text.chars().count().max(1) + 1).contains(&column), "{column} in `{text}`");
                proptest::prop_assert!(error.hint.is_some(), "{error}");
            }
        }
    }
}
