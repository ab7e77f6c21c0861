//! Time and durations.

use std::cmp::Ordering;
use std::fmt::Write as _;

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, Offset as _, Timelike as _};
use chrono_tz::Tz;
#[allow(clippy::wildcard_imports, reason = "what the module macro expands to needs them")]
use rhai::plugin::*;
use rhai::{Dynamic, EvalAltResult, Map, Module, NativeCallContext};

use crate::api::shapes;
use crate::error::{Error, Kind, Result};
use crate::schedule::{self, Cron};
use crate::script::diagnostic::raise;
use crate::script::options;
use crate::script::std::function::{Function, functions};
use crate::script::std::{run_of, zone_of};
use crate::time::{Duration, Time};

type RhaiResult<T> = std::result::Result<T, Box<EvalAltResult>>;

pub(super) static ROWS: &[Function] = functions! {
    pure Anywhere Nothing.now() -> Time {
        "The time now.", "此刻。",
        "now()" => "2026-07-03 08:00"
    }
    pure Anywhere Nothing.today() -> Text {
        "The date of today in the configured zone.", "配置时区中今天的日期。",
        "today()" => "2026-07-03"
    }
    pure Anywhere Nothing.timestamp() -> Time {
        "The time now, for measuring: `start.elapsed`.", "此刻，用于计时：`start.elapsed`。",
        "let start = timestamp(); sleep(\"2s\"); start.elapsed" => "2s"
    }
    pure Anywhere Nothing.parse_time(text: Text; format: Text, zone: Text) -> Time {
        "Reads a time: RFC 3339, or a local `2026-07-03 08:00`; or in a format of strftime, in another zone.",
        "读取时间：RFC 3339，或当地时间 `2026-07-03 08:00`；也可给出 strftime 格式与时区。",
        "parse_time(\"2026-07-03 08:00\") - parse_time(\"2026-07-02\")" => "1d 8h"
    }
    pure Anywhere Nothing.from_epoch(seconds: (Int | Float)) -> Time {
        "The time so many seconds after 1970-01-01 UTC.", "自 1970-01-01 UTC 起该秒数的时刻。",
        "from_epoch(1783065600)" => "2026-07-03 08:00"
    }
    pure Anywhere Nothing.between(from: Text, to: Text; time: Time) -> Bool {
        "Whether the local clock shows a time from the first to before the second; midnight may lie between them.",
        "当地时钟是否在起止时刻之间（含起、不含止），可以跨午夜。",
        "[between(\"07:30\", \"12:00\"), between(\"22:00\", \"08:00\")]" => "[true, false]"
    }
    pure Anywhere Nothing.next(expression: Text; after: Time) -> Time {
        "When a crontab expression is due next, in the configured zone.",
        "crontab 表达式下一次到期的时刻（配置时区）。",
        "next(\"30 9 * * *\")" => "2026-07-03 09:30"
    }
    pure Anywhere Time.in_zone(zone: Text) -> (shape LocalTime) {
        "What clocks and calendars of another zone show.",
        "该时刻在另一时区的日期与钟点。",
        "now().in_zone(\"Asia/Tokyo\").hour" => "17"
    }
    pure Anywhere Time.elapsed -> Duration {
        "How long ago it is.", "距今多久。",
        "(now() - 2.hours).elapsed" => "2h"
    }
    pure Anywhere Time.year -> Int {
        "The local year.", "当地的年份。",
        "now().year" => "2026"
    }
    pure Anywhere Time.month -> Int {
        "The local month, 1 to 12.", "当地的月份（1–12）。",
        "now().month" => "7"
    }
    pure Anywhere Time.minute -> Int {
        "The local minute, 0 to 59.", "当地的分钟（0–59）。",
        "parse_time(\"2026-07-03 08:15\").minute" => "15"
    }
    pure Anywhere Time.date -> Text {
        "The local date.", "当地日期。",
        "parse_time(\"2026-07-03 08:00\").date" => "2026-07-03"
    }
    pure Anywhere Time.day -> Int {
        "The local day of the month.", "当地的日（1–31）。",
        "parse_time(\"2026-07-03 08:00\").day" => "3"
    }
    pure Anywhere Time.weekday -> Int {
        "The local day of the week: 1 is Monday, 7 is Sunday.", "当地的星期：1 为周一，7 为周日。",
        "parse_time(\"2026-07-03 08:00\").weekday" => "5"
    }
    pure Anywhere Time.hour -> Int {
        "The local hour, 0 to 23.", "当地的小时（0–23）。",
        "parse_time(\"2026-07-03 08:00\").hour" => "8"
    }
    pure Anywhere Time.epoch -> Int {
        "Seconds since 1970-01-01 UTC.", "自 1970-01-01 UTC 起的秒数。",
        "parse_time(\"2026-07-03T08:00:00Z\").epoch" => "1783065600"
    }
    pure Anywhere Duration.days -> Float {
        "The whole length in days.", "以天计的长度。",
        "36.hours.days" => "1.5"
    }
    pure Anywhere Duration.hours -> Float {
        "The whole length in hours.", "以小时计的长度。",
        "90.minutes.hours" => "1.5"
    }
    pure Anywhere Duration.minutes -> Float {
        "The whole length in minutes.", "以分钟计的长度。",
        "90.seconds.minutes" => "1.5"
    }
    pure Anywhere Duration.seconds -> Float {
        "The whole length in seconds.", "以秒计的长度。",
        "2.minutes.seconds" => "120.0"
    }
    pure Anywhere Nothing.format_time(time: Time; format: Text, zone: Text) -> Text {
        "A time for people, in local time or another zone; the format is that of strftime.",
        "便于阅读的当地（或另一时区的）时间；格式同 strftime。",
        "format_time(parse_time(\"2026-07-03 08:00\"), \"%d.%m. %H:%M\")" => "03.07. 08:00"
    }
    pure Run Nothing.sleep(duration: (Duration | Text)) -> Null {
        "Waits. The run keeps its deadline and gives its place to others meanwhile.",
        "等待。运行的时限不变，等待期间把位置让给其他运行。",
        "sleep(\"2s\")" => "()"
    }
};

pub(super) fn add(module: &mut Module) {
    module.set_custom_type::<Time>("Time").set_custom_type::<Duration>("Duration");
    rhai::combine_with_exported_module!(module, "time", functions);
}

fn the_time(ctx: &NativeCallContext) -> RhaiResult<Time> {
    run_of(Some(ctx)).map(|run| run.host.clock.now()).map_err(|error| raise(Some(ctx), error))
}

/// Reads a time in a format of strftime, in local time where the format says no zone.
fn read(text: &str, format: &str, zone: Tz) -> Result<Time> {
    let text = text.trim();
    let local = || NaiveDateTime::parse_from_str(text, format).ok();
    let date = || NaiveDate::parse_from_str(text, format).ok()?.and_hms_opt(0, 0, 0);
    if let Ok(time) = DateTime::parse_from_str(text, format) {
        return Ok(time.into());
    }
    local().or_else(date).and_then(|local| Time::from_local(local, zone)).ok_or_else(|| {
        Error::new(Kind::Argument, format!("`{text}` is not a time in the format `{format}`"))
            .hint("write for example `parse_time(\"03.07.2026 08:00\", \"%d.%m.%Y %H:%M\")`")
    })
}

fn show(time: Time, format: &str, zone: Tz) -> Result<String> {
    let mut text = String::new();
    write!(text, "{}", time.in_zone(zone).format(format)).map_err(|_| {
        Error::new(Kind::Argument, format!("`{format}` is not a format of strftime"))
            .hint("write for example `\"%Y-%m-%d %H:%M\"`")
    })?;
    Ok(text)
}

/// Whether a clock shows a time from `from` to before `to`, which may be tomorrow's.
fn lies_between(from: &str, to: &str, time: NaiveTime) -> Result<bool> {
    let clock = |text: &str| {
        let read = |format| NaiveTime::parse_from_str(text.trim(), format).ok();
        // The end of the day is as good as its beginning.
        let read = if text.trim() == "24:00" {
            NaiveTime::from_hms_opt(0, 0, 0)
        } else {
            read("%H:%M").or_else(|| read("%H:%M:%S"))
        };
        read.ok_or_else(|| {
            Error::new(Kind::Argument, format!("`{text}` is not a time of day")).hint("write `\"22:00\"`")
        })
    };
    let (from, to) = (clock(from)?, clock(to)?);
    match from.cmp(&to) {
        Ordering::Less => Ok(from <= time && time < to),
        Ordering::Greater => Ok(from <= time || time < to),
        Ordering::Equal => Err(Error::new(Kind::Argument, format!("there is no time between `{from}` and `{to}`"))
            .hint("for a whole day write `between(\"00:00\", \"23:59:59\")`, or leave the condition out")),
    }
}

shapes! {
    /// What clocks and calendars of a zone show.
    LocalTime {
        /// `2026-07-03 08:00`, in the words of that zone.
        text: Text,
        /// `2026-07-03`.
        date: Text,
        /// `08:00:00`.
        clock: Text,
        year: Int,
        month: Int,
        day: Int,
        hour: Int,
        minute: Int,
        second: Int,
        /// 1 is Monday, 7 is Sunday.
        weekday: Int,
        zone: Text,
        /// Ahead of UTC.
        offset: DurationSeconds,
    }
}

fn local(time: Time, zone: Tz) -> Map {
    let local = time.in_zone(zone);
    let offset = Duration::from_seconds(local.offset().fix().local_minus_utc().into());
    let int = |n: u32| i64::from(n).into();
    Map::from([
        ("text".into(), time.display(zone).into()),
        ("date".into(), local.format("%Y-%m-%d").to_string().into()),
        ("clock".into(), local.format("%H:%M:%S").to_string().into()),
        ("year".into(), i64::from(local.year()).into()),
        ("month".into(), int(local.month())),
        ("day".into(), int(local.day())),
        ("hour".into(), int(local.hour())),
        ("minute".into(), int(local.minute())),
        ("second".into(), int(local.second())),
        ("weekday".into(), int(local.weekday().number_from_monday())),
        ("zone".into(), zone.name().into()),
        ("offset".into(), Dynamic::from(offset)),
    ])
}

#[export_module]
mod functions {
    /// The time now.
    #[rhai_fn(volatile, return_raw)]
    pub fn now(ctx: NativeCallContext) -> RhaiResult<Time> {
        the_time(&ctx)
    }

    /// The date of today in the configured zone, as `2026-07-03`.
    #[rhai_fn(volatile, return_raw)]
    pub fn today(ctx: NativeCallContext) -> RhaiResult<String> {
        let run = run_of(Some(&ctx)).map_err(|error| raise(Some(&ctx), error))?;
        Ok(date(ctx, &mut run.host.clock.now()))
    }

    // Rhai has one of its own, which does not know the clock.
    #[rhai_fn(volatile, return_raw)]
    pub fn timestamp(ctx: NativeCallContext) -> RhaiResult<Time> {
        the_time(&ctx)
    }

    #[rhai_fn(get = "elapsed", volatile, pure, return_raw)]
    pub fn elapsed(ctx: NativeCallContext, time: &mut Time) -> RhaiResult<Duration> {
        Ok(the_time(&ctx)? - *time)
    }

    /// Reads a time: RFC 3339, or a local `2026-07-03 08:00`.
    #[rhai_fn(return_raw)]
    pub fn parse_time(ctx: NativeCallContext, text: &str) -> RhaiResult<Time> {
        options::to_time("parse_time", &text.into(), zone_of(&ctx)).map_err(|error| raise(Some(&ctx), error))
    }

    #[rhai_fn(name = "parse_time", return_raw)]
    pub fn parse_time_in(ctx: NativeCallContext, text: &str, format: &str) -> RhaiResult<Time> {
        read(text, format, zone_of(&ctx)).map_err(|error| raise(Some(&ctx), error))
    }

    #[rhai_fn(name = "parse_time", return_raw)]
    pub fn parse_time_of_zone(ctx: NativeCallContext, text: &str, format: &str, zone: &str) -> RhaiResult<Time> {
        schedule::zone(zone).and_then(|zone| read(text, format, zone)).map_err(|error| raise(Some(&ctx), error))
    }

    pub fn from_epoch(seconds: i64) -> Time {
        Time::from_seconds(seconds)
    }

    #[rhai_fn(name = "from_epoch")]
    pub fn from_epoch_float(seconds: f64) -> Time {
        Time::default() + Duration::from_seconds_f64(seconds)
    }

    #[rhai_fn(return_raw, volatile)]
    pub fn between(ctx: NativeCallContext, from: &str, to: &str) -> RhaiResult<bool> {
        let now = the_time(&ctx)?;
        between_at(ctx, from, to, now)
    }

    #[rhai_fn(name = "between", return_raw)]
    pub fn between_at(ctx: NativeCallContext, from: &str, to: &str, time: Time) -> RhaiResult<bool> {
        lies_between(from, to, time.in_zone(zone_of(&ctx)).time()).map_err(|error| raise(Some(&ctx), error))
    }

    #[rhai_fn(return_raw, volatile)]
    pub fn next(ctx: NativeCallContext, expression: &str) -> RhaiResult<Time> {
        let now = the_time(&ctx)?;
        next_after(ctx, expression, now)
    }

    #[rhai_fn(name = "next", return_raw)]
    pub fn next_after(ctx: NativeCallContext, expression: &str, after: Time) -> RhaiResult<Time> {
        let due = || {
            let cron = Cron::parse(expression, zone_of(&ctx), after)?;
            cron.next(after).ok_or_else(|| Error::new(Kind::Argument, format!("`{expression}` is never due again")))
        };
        due().map_err(|error| raise(Some(&ctx), error))
    }

    #[rhai_fn(return_raw, pure)]
    pub fn in_zone(ctx: NativeCallContext, time: &mut Time, zone: &str) -> RhaiResult<Map> {
        schedule::zone(zone).map(|zone| local(*time, zone)).map_err(|error| raise(Some(&ctx), error))
    }

    #[rhai_fn(get = "year", pure)]
    pub fn year(ctx: NativeCallContext, time: &mut Time) -> i64 {
        time.in_zone(zone_of(&ctx)).year().into()
    }

    #[rhai_fn(get = "month", pure)]
    pub fn month(ctx: NativeCallContext, time: &mut Time) -> i64 {
        time.in_zone(zone_of(&ctx)).month().into()
    }

    #[rhai_fn(get = "minute", pure)]
    pub fn minute(ctx: NativeCallContext, time: &mut Time) -> i64 {
        time.in_zone(zone_of(&ctx)).minute().into()
    }

    /// The local date, as `2026-07-03`.
    #[rhai_fn(get = "date", pure)]
    pub fn date(ctx: NativeCallContext, time: &mut Time) -> String {
        time.in_zone(zone_of(&ctx)).format("%Y-%m-%d").to_string()
    }

    /// The local day of the month.
    #[rhai_fn(get = "day", pure)]
    pub fn day(ctx: NativeCallContext, time: &mut Time) -> i64 {
        time.in_zone(zone_of(&ctx)).day().into()
    }

    /// The local day of the week: 1 is Monday, 7 is Sunday.
    #[rhai_fn(get = "weekday", pure)]
    pub fn weekday(ctx: NativeCallContext, time: &mut Time) -> i64 {
        time.in_zone(zone_of(&ctx)).weekday().number_from_monday().into()
    }

    /// The local hour, 0 to 23.
    #[rhai_fn(get = "hour", pure)]
    pub fn hour(ctx: NativeCallContext, time: &mut Time) -> i64 {
        time.in_zone(zone_of(&ctx)).hour().into()
    }

    /// Seconds since 1970-01-01 UTC.
    #[rhai_fn(get = "epoch", pure)]
    pub fn epoch(time: &mut Time) -> i64 {
        time.seconds()
    }

    /// The duration in days.
    #[rhai_fn(get = "days", pure)]
    pub fn days(duration: &mut Duration) -> f64 {
        duration.seconds() / 86_400.0
    }

    /// The duration in hours.
    #[rhai_fn(get = "hours", pure)]
    pub fn hours(duration: &mut Duration) -> f64 {
        duration.seconds() / 3600.0
    }

    /// The duration in minutes.
    #[rhai_fn(get = "minutes", pure)]
    pub fn minutes(duration: &mut Duration) -> f64 {
        duration.seconds() / 60.0
    }

    /// The duration in seconds.
    #[rhai_fn(get = "seconds", pure)]
    pub fn seconds(duration: &mut Duration) -> f64 {
        duration.seconds()
    }

    /// A time for people, in a format of strftime: `format_time(now(), "%H:%M")`.
    #[rhai_fn(return_raw)]
    pub fn format_time(ctx: NativeCallContext, time: Time, format: &str) -> RhaiResult<String> {
        show(time, format, zone_of(&ctx)).map_err(|error| raise(Some(&ctx), error))
    }

    #[rhai_fn(name = "format_time", return_raw)]
    pub fn format_time_in(ctx: NativeCallContext, time: Time, format: &str, zone: &str) -> RhaiResult<String> {
        schedule::zone(zone).and_then(|zone| show(time, format, zone)).map_err(|error| raise(Some(&ctx), error))
    }

    /// A time for people: `2026-07-03 08:00`.
    #[rhai_fn(name = "format_time")]
    pub fn format_time_plain(ctx: NativeCallContext, time: Time) -> String {
        time.display(zone_of(&ctx))
    }

    // Rhai has a `sleep` of its own for numbers, which knows neither the clock nor the deadline.
    #[rhai_fn(name = "sleep", return_raw, volatile)]
    pub fn sleep_int(ctx: NativeCallContext, seconds: i64) -> RhaiResult<()> {
        sleep(ctx, seconds.into())
    }

    #[rhai_fn(name = "sleep", return_raw, volatile)]
    pub fn sleep_float(ctx: NativeCallContext, seconds: f64) -> RhaiResult<()> {
        sleep(ctx, seconds.into())
    }

    /// Waits. The run keeps its deadline and gives its place to others meanwhile.
    #[rhai_fn(return_raw, volatile)]
    pub fn sleep(ctx: NativeCallContext, duration: Dynamic) -> RhaiResult<()> {
        let sleep = || {
            let duration = options::to_duration("sleep", &duration)?;
            let run = run_of(Some(&ctx))?;
            let clock = &run.host.clock;
            let until = clock.now() + duration;
            run.wait("sleep", async {
                clock.sleep_until(until).await;
                Ok(())
            })
        };
        sleep().map_err(|error| raise(Some(&ctx), error))
    }
}
