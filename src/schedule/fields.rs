//! Reads the fields of an expression, and says where they are wrong.

use std::collections::BTreeSet;

use super::unit::{DAY, HOUR, MINUTE, MONTH, Marks, SECOND, Unit, WEEKDAY, YEAR};
use crate::error::{Error, Kind, Result};
use crate::text;

/// The fields of an expression. A field that was not written is `0` (second) or `*` (year).
#[derive(Clone, Debug)]
pub(super) struct Fields {
    pub second: Field,
    pub minute: Field,
    pub hour: Field,
    pub day: Field,
    pub month: Field,
    pub weekday: Field,
    pub year: Field,
}

#[derive(Clone, Debug)]
pub(super) struct Field {
    pub unit: &'static Unit,
    pub text: String,
    /// Counted from 1, in characters; 0 where the field was not written.
    pub column: usize,
    pub items: Vec<Item>,
}

/// One element of a list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Item {
    pub first: u16,
    pub last: u16,
    pub step: u16,
    pub star: bool,
    pub mark: Mark,
}

/// What `L`, `W` and `#` make of the values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mark {
    Plain,
    /// `L`: the last day of the month.
    LastDay,
    /// `LW`: its last day from Monday to Friday.
    LastWorkday,
    /// `15W`: the day from Monday to Friday that is nearest in the month.
    NearestWorkday,
    /// `5L`: the last such weekday of the month.
    Last,
    /// `5#2`: the second such weekday of the month.
    Nth(u8),
}

impl Field {
    /// A field that begins with `*` is not restricted, whatever its step.
    pub fn restricted(&self) -> bool {
        !self.items.first().is_some_and(|item| item.star)
    }

    /// The values without a mark; Sunday is 0.
    pub fn values(&self) -> BTreeSet<u16> {
        self.marked(Mark::Plain)
    }

    /// The values with this mark.
    pub fn marked(&self, mark: Mark) -> BTreeSet<u16> {
        let items = self.items.iter().filter(|item| item.mark == mark);
        let values = items.flat_map(|item| (item.first..=item.last).step_by(item.step.into()));
        values.map(|value| if self.unit.marks == Marks::Week { value % 7 } else { value }).collect()
    }

    pub fn has(&self, mark: Mark) -> bool {
        self.items.iter().any(|item| item.mark == mark)
    }

    pub fn is_plain(&self) -> bool {
        self.items.iter().all(|item| item.mark == Mark::Plain)
    }

    /// Every value that the field can have.
    pub fn is_all(&self) -> bool {
        let count = if self.unit.marks == Marks::Week { 7 } else { self.unit.max - self.unit.min + 1 };
        self.is_plain() && self.values().len() == usize::from(count)
    }

    /// Whether it counts rather than names values.
    pub fn steps(&self) -> bool {
        self.items.iter().any(|item| item.star || item.step > 1)
    }
}

pub(super) fn fault(column: usize, message: impl Into<String>) -> Error {
    Error::new(Kind::Syntax, message).at(None, Some(1), Some(column))
}

/// Splits at white space and reads each field.
///
/// # Errors
/// `syntax` with the column of the fault.
pub(super) fn parse(expression: &str) -> Result<Fields> {
    let mut words: Vec<(usize, String)> = Vec::new();
    let mut inside = false;
    for (at, c) in expression.chars().enumerate() {
        match words.last_mut() {
            _ if c.is_whitespace() => inside = false,
            Some((_, word)) if inside => word.push(c),
            _ => {
                inside = true;
                words.push((at + 1, c.into()));
            }
        }
    }
    let end = expression.trim_end().chars().count().max(1);
    let order = "the fields are minute, hour, day, month and weekday; seconds may stand before and a year after them";
    match words.len() {
        0 => return Err(fault(1, "the expression is empty").hint("write `0 8 * * *` for 08:00 every day")),
        n @ 1..=4 => {
            return Err(fault(end, format!("{} where five are needed", text::count(n, "field"))).hint(order));
        }
        5 => {
            words.insert(0, (0, "0".into()));
            words.push((0, "*".into()));
        }
        6 => words.push((0, "*".into())),
        7 => {}
        n => return Err(fault(words[7].0, format!("{n} fields where seven are the most")).hint(order)),
    }
    let mut words = words.into_iter();
    let mut next = |unit| {
        let (column, text) = words.next().unwrap_or_default();
        field(unit, column, text)
    };
    Ok(Fields {
        second: next(&SECOND)?,
        minute: next(&MINUTE)?,
        hour: next(&HOUR)?,
        day: next(&DAY)?,
        month: next(&MONTH)?,
        weekday: next(&WEEKDAY)?,
        year: next(&YEAR)?,
    })
}

fn field(unit: &'static Unit, column: usize, text: String) -> Result<Field> {
    let mut items = Vec::new();
    let mut at = column;
    for part in text.split(',') {
        items.push(item(unit, part, at)?);
        at += part.chars().count() + 1;
    }
    Ok(Field { unit, text, column, items })
}

/// One element of a list, which begins at column `at`.
fn item(unit: &'static Unit, text: &str, at: usize) -> Result<Item> {
    let plain = |first, last, step, star| Item { first, last, step, star, mark: Mark::Plain };
    if text.is_empty() {
        return Err(fault(at, format!("an empty place in the list of the {} field", unit.name))
            .hint("take the comma away, or write a value there"));
    }
    let (body, step) = match text.split_once('/') {
        Some((body, step)) => (body, Some(number_of_step(unit, step, at + body.chars().count() + 1)?)),
        None => (text, None),
    };
    if body == "*" || (body == "?" && unit.marks != Marks::None) {
        return Ok(plain(unit.min, unit.max, step.unwrap_or(1), true));
    }
    if let Some(mut marked) = marked(unit, body, at)? {
        if step.is_some() {
            return Err(fault(at, format!("`{text}` has a step after `L`, `W` or `#`")).hint("list the days instead"));
        }
        marked.star = false;
        return Ok(marked);
    }
    let (first, last) = range(unit, body, at)?;
    // `7/2` starts on Sunday, as `0/2` does.
    let first = if unit.marks == Marks::Week && last.is_none() && step.is_some() { first % 7 } else { first };
    let last = match (last, step) {
        (Some(last), _) => last,
        (None, Some(_)) => unit.max - u16::from(unit.marks == Marks::Week),
        (None, None) => first,
    };
    Ok(plain(first, last, step.unwrap_or(1), false))
}

/// `5` or `1-5`.
fn range(unit: &'static Unit, text: &str, at: usize) -> Result<(u16, Option<u16>)> {
    let Some((left, right)) = text.split_once('-') else { return Ok((value(unit, text, at)?, None)) };
    let first = value(unit, left, at)?;
    let mut last = value(unit, right, at + left.chars().count() + 1)?;
    if unit.marks == Marks::Week && last == 0 && first > 0 {
        last = 7;
    }
    if first > last {
        let end = unit.max - u16::from(unit.marks == Marks::Week);
        let span = |from: u16, to: u16| if from == to { from.to_string() } else { format!("{from}-{to}") };
        return Err(fault(at, format!("the range `{text}` runs backwards")).hint(format!(
            "write `{},{}`",
            span(first, end),
            span(unit.min, last)
        )));
    }
    Ok((first, Some(last)))
}

/// An element with `L`, `W` or `#`.
fn marked(unit: &'static Unit, text: &str, at: usize) -> Result<Option<Item>> {
    let item = |first, last, mark| Ok(Some(Item { first, last, step: 1, star: false, mark }));
    let upper = text.to_ascii_uppercase();
    match unit.marks {
        Marks::Month => match upper.as_str() {
            "L" => item(0, 0, Mark::LastDay),
            "LW" | "WL" => item(0, 0, Mark::LastWorkday),
            _ => match upper.strip_suffix('W') {
                Some(day) if day.bytes().all(|b| b.is_ascii_digit()) && !day.is_empty() => {
                    let day = value(unit, day, at)?;
                    item(day, day, Mark::NearestWorkday)
                }
                _ if upper.starts_with('L') => Err(fault(at, format!("`{text}` cannot be said"))
                    .hint("`L` is the last day of the month and `LW` its last weekday; list other days")),
                _ => Ok(None),
            },
        },
        Marks::Week => {
            let (days, mark) = if let Some((days, nth)) = upper.split_once('#') {
                let mark = match nth {
                    "L" => Mark::Last,
                    _ => Mark::Nth(nth.parse().ok().filter(|nth| (1..=5).contains(nth)).ok_or_else(|| {
                        fault(at + days.chars().count() + 1, format!("`{nth}` does not count weekdays of a month"))
                            .hint("write `5#1` to `5#5`, or `5L` for the last Friday")
                    })?),
                };
                (days.to_owned(), mark)
            } else if upper == "L" {
                return Err(fault(at, "`L` stands alone in the weekday field").hint(
                    "write `5L` for the last Friday of the month; the last day of the month is `L` in the day field",
                ));
            } else if let Some(days) = upper.strip_suffix('L') {
                (days.to_owned(), Mark::Last)
            } else {
                return Ok(None);
            };
            let (first, last) = range(unit, &days, at)?;
            item(first, last.unwrap_or(first), mark)
        }
        Marks::None => Ok(None),
    }
}

fn value(unit: &'static Unit, text: &str, at: usize) -> Result<u16> {
    if let Some(value) = unit.value(text) {
        return Ok(value);
    }
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok().filter(|value| (unit.min..=unit.max).contains(value)).ok_or_else(|| {
            fault(at, format!("`{text}` is out of range in the {} field", unit.name))
                .hint(format!("it goes from {} to {}", unit.min, unit.max))
        });
    }
    Err(unit.not_a_value(text, at))
}

fn number_of_step(unit: &'static Unit, text: &str, at: usize) -> Result<u16> {
    match text.parse() {
        Ok(0) => Err(fault(at, format!("a step of 0 in the {} field never advances", unit.name))
            .hint("write a step of at least 1")),
        Ok(step) if text.bytes().all(|b| b.is_ascii_digit()) => Ok(step),
        _ => Err(fault(at, format!("`{text}` is not a step in the {} field", unit.name))
            .hint("a step is a number, as in `*/5` or `10-50/20`")),
    }
}
