//! Evaluates fields on a wall clock that never changes, and maps the result to a zone.

use std::str::FromStr as _;

use chrono::LocalResult::{Ambiguous, None as Gap, Single};
use chrono::{
    DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Timelike, Utc,
};
use chrono_tz::Tz;

use super::fields::{self, Field, Fields, Mark};
use super::unit::MONTHS;
use crate::error::Error;
use crate::time::Time;

/// The fields of an expression, ready to be evaluated.
#[derive(Debug)]
pub(super) struct Calendar {
    pub fields: Fields,
    /// See the rule on top of `schedule`.
    pub rhythm: bool,
    /// Each gives due times. There are two where both day fields are restricted, because the `cron`
    /// crate would want both to match.
    schedules: Vec<cron::Schedule>,
    /// The days are beyond the `cron` crate, which gives months and times alone.
    picked: bool,
}

const SECOND: TimeDelta = TimeDelta::seconds(1);

impl Calendar {
    pub fn new(fields: Fields) -> Self {
        let repeats = |field: &Field| field.steps() || field.values().len() > 1;
        let rhythm = repeats(&fields.second) || repeats(&fields.minute) || fields.hour.steps() || fields.hour.is_all();
        let picked = !fields.day.is_plain() || !fields.weekday.is_plain();
        let schedules = if picked {
            vec![schedule(&fields, false, false)]
        } else if fields.day.restricted() && fields.weekday.restricted() {
            vec![schedule(&fields, true, false), schedule(&fields, false, true)]
        } else {
            vec![schedule(&fields, true, true)]
        };
        Self { fields, rhythm, schedules, picked }
    }

    /// The first matching wall-clock time after `after`.
    pub fn next_local(&self, after: NaiveDateTime) -> Option<NaiveDateTime> {
        let mut after = after;
        loop {
            let found = self.schedules.iter().filter_map(|schedule| first(schedule, after)).min()?;
            if !self.picked {
                return Some(found);
            }
            let date = found.date();
            let mut days = date.iter_days().take_while(|day| day.month() == date.month());
            let day = days.find(|day| self.picks(*day));
            if day == Some(date) {
                return Some(found);
            }
            let resume = day.or_else(|| date.with_day(1)?.checked_add_months(Months::new(1)))?;
            after = resume.and_time(NaiveTime::MIN) - SECOND;
        }
    }

    /// Whether the two day fields match.
    fn picks(&self, date: NaiveDate) -> bool {
        let (day, weekday) = (&self.fields.day, &self.fields.weekday);
        let both = [day_matches(day, date), weekday_matches(weekday, date)];
        if day.restricted() && weekday.restricted() { both.contains(&true) } else { !both.contains(&false) }
    }

    /// The first due time after `after`.
    pub fn next(&self, zone: Tz, after: Time) -> Option<Time> {
        let utc = after.utc().clamp(DateTime::<Utc>::UNIX_EPOCH - TimeDelta::days(2), last_day().and_utc());
        let local = utc.with_timezone(&zone).naive_local().with_nanosecond(0)?;
        let found = self.from(zone, local, utc);
        // Between the two showings of a repeated hour, the second one begins again at its start.
        if let Ambiguous(_, second) = zone.from_local_datetime(&local)
            && self.rhythm
            && utc < second
        {
            let change = change_between(zone, utc, second.to_utc());
            if found.is_none_or(|found| found >= change) {
                let start = change.with_timezone(&zone).naive_local() - SECOND;
                return self.from(zone, start, change - SECOND).map(Into::into);
            }
        }
        found.map(Into::into)
    }

    /// The first due time after the instant `floor` whose wall-clock time is after `local`.
    fn from(&self, zone: Tz, mut local: NaiveDateTime, floor: DateTime<Utc>) -> Option<DateTime<Utc>> {
        loop {
            local = self.next_local(local)?;
            match zone.from_local_datetime(&local) {
                Single(time) if time.to_utc() > floor => return Some(time.to_utc()),
                Ambiguous(first, _) if first.to_utc() > floor => return Some(first.to_utc()),
                Ambiguous(_, second) if self.rhythm && second.to_utc() > floor => return Some(second.to_utc()),
                Single(_) | Ambiguous(..) => {}
                Gap => {
                    let end = Time::from_local(local, zone)?.utc();
                    if !self.rhythm {
                        return Some(end);
                    }
                    local = end.with_timezone(&zone).naive_local() - SECOND;
                }
            }
        }
    }

    /// Why there is no due time after `now`.
    pub fn never(&self, now: DateTime<Tz>) -> Error {
        let Fields { day, month, year, weekday, .. } = &self.fields;
        let past = year.values().last().is_some_and(|last| i32::from(*last) <= now.year());
        if past && self.next_local(NaiveDateTime::MIN.max(epoch())).is_some() {
            return fields::fault(
                year.column.max(1),
                format!("it never fires again after {}", now.format("%Y-%m-%d %H:%M")),
            )
            .hint("take the year away, or give a later one");
        }
        let column = if day.restricted() || !weekday.restricted() { day.column } else { weekday.column };
        let months: Vec<_> = month.values().iter().map(|month| MONTHS[usize::from(*month) - 1]).collect();
        let days = if day.restricted() { &day.text } else { &weekday.text };
        let place = if month.is_all() { "any month".into() } else { months.join(" or ") };
        fields::fault(column.max(1), format!("it never fires: there is no `{days}` in {place}"))
            .hint("`L` in the day field is the last day of each month")
    }
}

/// The canonical text of a field in the dialect of the `cron` crate, where 1 is Sunday.
fn schedule(fields: &Fields, days: bool, weekdays: bool) -> cron::Schedule {
    let list = |field: &Field, add: u16| {
        let values: Vec<_> = field.values().iter().map(|value| (value + add).to_string()).collect();
        if field.is_all() { "*".to_owned() } else { values.join(",") }
    };
    let text = [
        list(&fields.second, 0),
        list(&fields.minute, 0),
        list(&fields.hour, 0),
        if days { list(&fields.day, 0) } else { "*".into() },
        list(&fields.month, 0),
        if weekdays { list(&fields.weekday, 1) } else { "*".into() },
        list(&fields.year, 0),
    ];
    cron::Schedule::from_str(&text.join(" ")).expect("lists of values in range are what the crate reads")
}

fn first(schedule: &cron::Schedule, after: NaiveDateTime) -> Option<NaiveDateTime> {
    schedule.after(&after.and_utc()).next().map(|time| time.naive_utc())
}

fn day_matches(field: &Field, date: NaiveDate) -> bool {
    let last = last_of_month(date);
    field.items.iter().any(|item| match item.mark {
        Mark::Plain => has(item, date.day()),
        Mark::LastDay => date == last,
        Mark::LastWorkday => date.day() == nearest_workday(last, last.day()),
        Mark::NearestWorkday => {
            date.with_day(item.first.into()).is_some_and(|wanted| date.day() == nearest_workday(wanted, last.day()))
        }
        Mark::Last | Mark::Nth(_) => false,
    })
}

fn weekday_matches(field: &Field, date: NaiveDate) -> bool {
    let weekday = date.weekday().num_days_from_sunday();
    field.items.iter().filter(|item| has(item, weekday) || (weekday == 0 && has(item, 7))).any(|item| match item.mark {
        Mark::Plain => true,
        Mark::Last => date.day() + 7 > last_of_month(date).day(),
        Mark::Nth(nth) => date.day0() / 7 + 1 == u32::from(nth),
        Mark::LastDay | Mark::LastWorkday | Mark::NearestWorkday => false,
    })
}

fn has(item: &fields::Item, value: u32) -> bool {
    let (first, last) = (u32::from(item.first), u32::from(item.last));
    (first..=last).contains(&value) && (value - first).is_multiple_of(item.step.into())
}

/// The day from Monday to Friday nearest to `date` without leaving its month of `length` days.
fn nearest_workday(date: NaiveDate, length: u32) -> u32 {
    let day = date.day();
    match date.weekday() {
        chrono::Weekday::Sat if day > 1 => day - 1,
        chrono::Weekday::Sat => day + 2,
        chrono::Weekday::Sun if day < length => day + 1,
        chrono::Weekday::Sun => day - 2,
        _ => day,
    }
}

fn last_of_month(date: NaiveDate) -> NaiveDate {
    date.with_day(1)
        .and_then(|first| first.checked_add_months(Months::new(1)))
        .and_then(|next| next.checked_sub_days(Days::new(1)))
        .unwrap_or(date)
}

/// The instant in `(before, after]` at which the zone's offset is no longer that of `before`.
pub(super) fn change_between(zone: Tz, before: DateTime<Utc>, after: DateTime<Utc>) -> DateTime<Utc> {
    let offset = |time: i64| {
        let utc = DateTime::from_timestamp(time, 0).unwrap_or(before).naive_utc();
        chrono::Offset::fix(&zone.offset_from_utc_datetime(&utc)).local_minus_utc()
    };
    let (mut low, mut high) = (before.timestamp(), after.timestamp());
    let old = offset(low);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if offset(middle) == old { low = middle } else { high = middle }
    }
    DateTime::from_timestamp(high, 0).unwrap_or(after)
}

fn epoch() -> NaiveDateTime {
    DateTime::<Utc>::UNIX_EPOCH.naive_utc()
}

/// Nothing is due later: the years of the `cron` crate end.
fn last_day() -> NaiveDateTime {
    NaiveDate::from_ymd_opt(2101, 1, 2).map_or(NaiveDateTime::MAX, |date| date.and_time(NaiveTime::MIN))
}
