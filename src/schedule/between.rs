//! Hours of the day in which a trigger may fire: `22:00-08:00`.

use std::fmt;

use chrono::Timelike as _;
use chrono_tz::Tz;

use crate::error::{Error, Kind, Result};
use crate::time::Time;

/// One stretch of the day on the wall clock, its end excluded; over midnight where the end comes first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Between {
    /// Minutes after midnight.
    from: u32,
    to: u32,
}

impl Between {
    /// Reads `22:00-08:00`.
    ///
    /// # Errors
    /// `argument` for what is no stretch of a day, or an empty one.
    pub fn parse(text: &str) -> Result<Self> {
        let hint = "write `\"22:00-08:00\"`, or a list of such texts";
        let wrong = |why: &str| Error::new(Kind::Argument, format!("`{text}` {why}")).hint(hint);
        let (from, to) = text.split_once(['-', '–']).ok_or_else(|| wrong("is no stretch of the day"))?;
        let minutes = |text: &str| time_of_day(text, true).ok_or_else(|| wrong("is no stretch of the day"));
        let (from, to) = (minutes(from)?, minutes(to)?);
        if from == to || from == DAY {
            return Err(wrong("is an empty stretch of the day"));
        }
        Ok(Self { from, to })
    }

    /// Whether the wall clock of `zone` shows a time inside.
    pub fn holds(self, at: Time, zone: Tz) -> bool {
        let local = at.in_zone(zone);
        let now = local.hour() * 60 + local.minute();
        if self.from < self.to { (self.from..self.to).contains(&now) } else { now >= self.from || now < self.to }
    }
}

impl fmt::Display for Between {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { from, to } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

const DAY: u32 = 24 * 60;

/// `8:00` or `08:00` in minutes after midnight; `24:00` only where it may be the end of a day.
pub fn time_of_day(text: &str, ends_a_day: bool) -> Option<u32> {
    let (hour, minute) = text.trim().split_once(':')?;
    let number = |text: &str, digits: std::ops::RangeInclusive<usize>| {
        let plain = digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse::<u32>().ok())?
    };
    let minutes = number(hour, 1..=2)? * 60 + number(minute, 2..=2).filter(|minute| *minute < 60)?;
    (minutes < DAY || ends_a_day && minutes == DAY).then_some(minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_may_go_over_midnight() {
        let berlin: Tz = "Europe/Berlin".parse().unwrap();
        let at = |text| Time::parse(&format!("2026-07-03 {text}"), berlin).unwrap();
        let night = Between::parse("22:00-8:00").unwrap();
        let table = [("21:59", false), ("22:00", true), ("00:00", true), ("07:59", true), ("08:00", false)];
        for (time, inside) in table {
            assert_eq!(night.holds(at(time), berlin), inside, "{time}");
        }
        let evening = Between::parse("18:00-24:00").unwrap();
        assert!(evening.holds(at("23:59"), berlin) && !evening.holds(at("00:00"), berlin));
        assert_eq!(night.to_string(), "22:00-08:00");
    }

    #[test]
    fn what_is_no_stretch_is_refused() {
        for text in ["", "22:00", "22-08", "25:00-08:00", "22:60-08:00", "08:00-08:00", "24:00-08:00", "+1:00-2:00"] {
            let error = Between::parse(text).unwrap_err();
            assert!(error.message.contains(text) && error.hint.is_some(), "{text}: {error:?}");
        }
    }
}
