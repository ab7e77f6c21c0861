//! `tidegate next`: when an expression fires.

use std::fmt::Write as _;

use chrono_tz::Tz;
use serde::Serialize;
use serde_json::json;
use unicode_width::UnicodeWidthStr as _;

use super::{Exit, Session};
use crate::clock::SystemClock;
use crate::config;
use crate::error::{Error, Kind, Result};
use crate::language::Language;
use crate::schedule::{self, Change, Cron};
use crate::script::said;
use crate::time::{Clock as _, Time};

mod script;

/// Shows when a crontab expression fires, and what it says in words; or when all triggers of a script do.
///
/// Five fields (minute, hour, day, month, weekday), six (seconds first) or seven (year last), or
/// `@daily`, `@every 90s` and the like.
#[derive(clap::Args)]
#[command(
    after_help = "Example: tidegate next '30 2 * * MON-FRI' --tz Europe/Berlin -n 3\n         tidegate next --script quota-guard -n 12"
)]
pub struct Next {
    /// The expression, best in quotes: `'*/5 * * * *'`.
    #[arg(required_unless_present = "script", value_name = "EXPR")]
    expression: Vec<String>,
    /// All triggers of this script, merged: its name in the scripts folder, or a path.
    #[arg(long, value_name = "FILE", conflicts_with = "expression")]
    script: Option<String>,
    /// The time zone. Without it: the configuration's, else the system's.
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// Only what comes after this time, RFC 3339 or local. Without it: now.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// How many times to show: 5, of a script 20.
    #[arg(short = 'n', long = "count", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    count: Option<u16>,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    expression: String,
    timezone: &'static str,
    description: String,
    next: Vec<String>,
    warnings: Vec<String>,
    notes: Vec<String>,
}

/// A time as a person writes it on the command line, local to a zone where it says no offset.
///
/// # Errors
/// `argument` for anything else.
pub(super) fn time_of(text: &str, zone: Tz) -> Result<Time> {
    Time::parse(text, zone).ok_or_else(|| {
        Error::new(Kind::Argument, format!("`{text}` is not a time"))
            .hint("write `2026-03-28T12:00:00+01:00`, or `2026-03-28 12:00` for local time")
    })
}

impl Next {
    pub fn run(self, session: &Session) -> Result<Exit> {
        if let Some(script) = &self.script {
            return self.of_script(session, script);
        }
        let cwd = std::env::current_dir().unwrap_or_default();
        let zone = match &self.tz {
            Some(name) => schedule::zone(name)?,
            None => config::timezone(session.config.as_deref(), &*session.env, &cwd)?,
        };
        let from = self.from(zone)?;
        // Whatever else is wrong with the configuration, the expression can be explained.
        let language = session.configuration().map_or_else(|_| Language::of_locale(&*session.env), |own| own.language);
        let expression = self.expression.join(" ");
        let cron = match Cron::parse(&expression, zone, from) {
            Ok(cron) => cron,
            Err(error) => {
                session.say(&complaint(&expression, &error, language));
                if self.json {
                    session.json(&json!({"error": error}))?;
                }
                return Ok(Exit::Wrong);
            }
        };
        let due: Vec<_> = std::iter::successors(cron.next(from), |last| cron.next(*last))
            .take(self.count.unwrap_or(5).into())
            .collect();
        let last = due.last().copied().unwrap_or(from);
        let notes = schedule::change_day_notes(&cron, from, last);
        if self.json {
            session.json(&Report {
                expression,
                timezone: zone.name(),
                description: schedule::describe_in(&cron, language),
                next: due.iter().map(|time| time.rfc3339(zone)).collect(),
                warnings: cron.warnings,
                notes: notes.into_iter().map(|(_, note)| note).collect(),
            })?;
        } else {
            session.line(&format!("{} ({})\n", schedule::describe_in(&cron, language), zone.name()))?;
            session.line(table(zone, &due, &notes, &schedule::changes(zone, from, last), language).trim_end())?;
            for warning in &cron.warnings {
                session.say(&format!("{}{}", language.pick("warning: ", "警告："), language.say(warning)));
            }
        }
        Ok(Exit::Ok)
    }

    fn from(&self, zone: Tz) -> Result<Time> {
        self.from.as_deref().map_or_else(|| Ok(SystemClock::new().now()), |text| time_of(text, zone))
    }
}

/// The error with a caret under the place in the expression.
fn complaint(expression: &str, error: &Error, language: Language) -> String {
    let before: String = expression.chars().take(error.column.map_or(0, |column| column.saturating_sub(1))).collect();
    let mut text = format!(
        "{}{}\n  {expression}\n  {:width$}^",
        language.pick("error: ", "错误："),
        said(error, language),
        "",
        width = before.width()
    );
    if let Some(hint) = &error.hint {
        let _ = write!(text, "\n{}{}", language.pick("hint: ", "提示："), language.say(hint));
    }
    text
}

/// One line for each due time: weekday, local time, offset, UTC, and what the day's change of the
/// clocks does.
fn table(zone: Tz, due: &[Time], notes: &[(Change, String)], changes: &[Change], language: Language) -> String {
    let clock = precision(due);
    let on = |change: &Change, time: &Time| {
        let date = time.in_zone(zone).date_naive();
        [change.from.date(), change.to.date()].contains(&date)
    };
    let mut remarks: Vec<_> = notes.to_vec();
    for change in changes.iter().filter(|change| notes.iter().all(|(other, _)| other != *change)) {
        remarks.push((change.clone(), format!("clocks go from {} to {}", change.from.time(), change.to.time())));
    }
    let mut text = String::new();
    for time in due {
        let _ = write!(text, "  {}", both(*time, zone, clock, language));
        // Each remark stands once, at the first time of its day.
        let (here, later) = remarks.into_iter().partition(|(change, _)| on(change, time));
        remarks = later;
        for (_, remark) in here {
            let _ = write!(text, "  {}", language.say(&remark));
        }
        text.push('\n');
    }
    // A day on which nothing fires says so only where the expression is why.
    for (_, note) in remarks.into_iter().filter(|(change, _)| notes.iter().any(|(noted, _)| noted == change)) {
        let _ = writeln!(text, "  {}", language.say(&note));
    }
    text
}

/// The shortest format of a time of day that shows all of these exactly.
fn precision(due: &[Time]) -> &'static str {
    let whole = |unit: i64| due.iter().all(|time| time.millis() % unit == 0);
    match (whole(60_000), whole(1000)) {
        (true, _) => "%H:%M",
        (false, true) => "%H:%M:%S",
        (false, false) => "%H:%M:%S%.3f",
    }
}

/// Weekday, local time, offset and UTC; in UTC that is the same.
fn both(time: Time, zone: Tz, clock: &str, language: Language) -> String {
    let local = time.in_zone(zone);
    let weekday = local.format("%a").to_string();
    let local = format!("{}  {}", language.word(&weekday), local.format(&format!("%Y-%m-%d {clock}  %:z")));
    if zone == Tz::UTC {
        return local;
    }
    format!("{local}  {}", time.utc().format(&format!("%Y-%m-%d {clock} UTC")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(expression: &str, zone: &str, from: &str, n: usize) -> String {
        let zone = schedule::zone(zone).unwrap();
        let from = Time::parse(from, zone).unwrap();
        let cron = Cron::parse(expression, zone, from).unwrap();
        let due: Vec<_> = std::iter::successors(cron.next(from), |last| cron.next(*last)).take(n).collect();
        let until = *due.last().unwrap();
        let notes = schedule::change_day_notes(&cron, from, until);
        table(zone, &due, &notes, &schedule::changes(zone, from, until), Language::English)
    }

    #[test]
    fn change_days_are_marked_where_they_matter() {
        let gap = "  Sat  2026-03-28 02:30  +01:00  2026-03-28 01:30 UTC\n  \
                   Sun  2026-03-29 03:00  +02:00  2026-03-29 01:00 UTC  02:30 does not exist on 2026-03-29, fires 03:00\n";
        assert_eq!(shown("30 2 * * *", "Europe/Berlin", "2026-03-28", 2), gap);
        let untouched = "  Sun  2026-03-29 12:00  +02:00  2026-03-29 10:00 UTC  clocks go from 02:00:00 to 03:00:00\n";
        assert_eq!(shown("0 12 * * *", "Europe/Berlin", "2026-03-29", 1), untouched);
    }

    #[test]
    fn a_change_day_without_a_firing_still_says_why() {
        let text = shown("*/30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", 1);
        assert!(text.ends_with("\n  02:00 to 03:00 does not exist on 2026-03-29, nothing fires in it\n"), "{text}");
    }

    #[test]
    fn utc_needs_no_second_column_and_seconds_show_where_there_are_any() {
        assert_eq!(shown("15 0 0 * * *", "UTC", "2026-01-01", 1), "  Thu  2026-01-01 00:00:15  +00:00\n");
    }

    #[test]
    fn the_caret_stands_under_the_fault_also_after_wide_characters() {
        let error = Cron::parse("0 0,61 * * *", Tz::UTC, Time::default()).unwrap_err();
        let text = "error: `61` is out of range in the hour field\n  0 0,61 * * *\n      ^\nhint: it goes from 0 to 23";
        assert_eq!(complaint("0 0,61 * * *", &error, Language::English), text);
        let error = Error::new(Kind::Syntax, "x").at(None, Some(1), Some(3));
        assert_eq!(complaint("＊ y", &error, Language::English), "error: x\n  ＊ y\n     ^");
    }
}
