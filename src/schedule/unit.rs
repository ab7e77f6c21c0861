//! What each field counts, and what to say of a value that it does not have.

use super::fields::fault;
use crate::error::Error;
use crate::text;

#[derive(Debug)]
pub(super) struct Unit {
    pub name: &'static str,
    pub min: u16,
    pub max: u16,
    names: &'static [&'static str],
    pub marks: Marks,
}

/// Which marks a field may have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Marks {
    None,
    Month,
    Week,
}

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

pub(super) static SECOND: Unit = Unit { name: "second", min: 0, max: 59, names: &[], marks: Marks::None };
pub(super) static MINUTE: Unit = Unit { name: "minute", min: 0, max: 59, names: &[], marks: Marks::None };
pub(super) static HOUR: Unit = Unit { name: "hour", min: 0, max: 23, names: &[], marks: Marks::None };
pub(super) static DAY: Unit = Unit { name: "day of the month", min: 1, max: 31, names: &[], marks: Marks::Month };
pub(super) static MONTH: Unit = Unit { name: "month", min: 1, max: 12, names: &MONTHS, marks: Marks::None };
pub(super) static WEEKDAY: Unit = Unit { name: "weekday", min: 0, max: 7, names: &WEEKDAYS, marks: Marks::Week };
// The years of the `cron` crate.
pub(super) static YEAR: Unit = Unit { name: "year", min: 1970, max: 2100, names: &[], marks: Marks::None };

impl Unit {
    /// The value of a name: its first three letters or the whole of it.
    pub fn value(&self, text: &str) -> Option<u16> {
        let found =
            self.names.iter().position(|name| name.eq_ignore_ascii_case(text) || name[..3].eq_ignore_ascii_case(text));
        found.and_then(|at| u16::try_from(at).ok()).map(|at| at + self.min)
    }

    /// What to say of `text`, which begins at column `at` and is no value.
    pub fn not_a_value(&self, text: &str, at: usize) -> Error {
        let error = |text: &str| fault(at, format!("`{text}` is not a value of the {} field", self.name));
        if text.is_empty() {
            return fault(at, format!("a value is missing in the {} field", self.name)).hint(self.range_hint());
        }
        // Full-width forms are what a Chinese keyboard gives; they stand a fixed distance from ASCII.
        let narrow = |c: char| match u32::from(c) {
            wide @ 0xff01..=0xff5e => char::from_u32(wide - 0xfee0),
            0x3001 => Some(','),
            _ => None,
        };
        if let Some((place, wide, narrow)) =
            text.chars().enumerate().find_map(|(place, c)| narrow(c).map(|narrow| (place, c, narrow)))
        {
            return fault(at + place, format!("`{wide}` is a full-width character")).hint(format!("write `{narrow}`"));
        }
        if matches!(text.to_ascii_uppercase().as_str(), "H" | "R") {
            return error(text).hint("there is no random value; use the option `jitter`");
        }
        match text::nearest(text, self.names.iter().copied().chain(self.names.iter().map(|name| &name[..3]))) {
            Some(near) if text.chars().all(char::is_alphabetic) => error(text).hint(format!("did you mean `{near}`?")),
            _ => error(text).hint(self.range_hint()),
        }
    }

    fn range_hint(&self) -> String {
        let names = match self.names {
            [first, .., last] => format!(", or names from `{}` to `{}`", &first[..3], &last[..3]),
            _ => String::new(),
        };
        format!("it goes from {} to {}{names}", self.min, self.max)
    }
}
