//! Time and durations.

#[allow(clippy::wildcard_imports, reason = "what the module macro expands to needs them")]
use rhai::plugin::*;
use rhai::{Dynamic, EvalAltResult, Module, NativeCallContext};

use crate::script::diagnostic::raise;
use crate::script::options;
use crate::script::std::function::{Function, functions};
use crate::script::std::{run_of, zone_of};
use crate::time::{Duration, Time};

type RhaiResult<T> = Result<T, Box<EvalAltResult>>;

pub(super) static ROWS: &[Function] = functions! {
    pure Anywhere Nothing.now() -> Time {
        "The time now.", "此刻。",
        "now()" => "2026-07-03 08:00"
    }
    pure Anywhere Nothing.today() -> Text {
        "The date of today in the configured zone.", "配置时区中今天的日期。",
        "today()" => "2026-07-03"
    }
    pure Anywhere Nothing.parse_time(text: Text) -> Time {
        "Reads a time: RFC 3339, or a local `2026-07-03 08:00`.",
        "读取时间：RFC 3339，或当地时间 `2026-07-03 08:00`。",
        "parse_time(\"2026-07-03 08:00\") - parse_time(\"2026-07-02\")" => "1d 8h"
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
    pure Anywhere Nothing.format_time(time: Time; format: Text) -> Text {
        "A time for people, in local time; the format is that of strftime.",
        "便于阅读的当地时间；格式同 strftime。",
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

#[export_module]
mod functions {
    use chrono::{Datelike as _, Timelike as _};

    /// The time now.
    #[rhai_fn(volatile, return_raw)]
    pub fn now(ctx: NativeCallContext) -> RhaiResult<Time> {
        run_of(Some(&ctx)).map(|run| run.host.clock.now()).map_err(|error| raise(Some(&ctx), error))
    }

    /// The date of today in the configured zone, as `2026-07-03`.
    #[rhai_fn(volatile, return_raw)]
    pub fn today(ctx: NativeCallContext) -> RhaiResult<String> {
        let run = run_of(Some(&ctx)).map_err(|error| raise(Some(&ctx), error))?;
        Ok(date(ctx, &mut run.host.clock.now()))
    }

    /// Reads a time: RFC 3339, or a local `2026-07-03 08:00`.
    #[rhai_fn(return_raw)]
    pub fn parse_time(ctx: NativeCallContext, text: &str) -> RhaiResult<Time> {
        options::to_time("parse_time", &text.into(), zone_of(&ctx)).map_err(|error| raise(Some(&ctx), error))
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
        use std::fmt::Write as _;
        let mut text = String::new();
        match write!(text, "{}", time.in_zone(zone_of(&ctx)).format(format)) {
            Ok(()) => Ok(text),
            Err(_) => Err(raise(
                Some(&ctx),
                crate::error::Error::new(
                    crate::error::Kind::Argument,
                    format!("`{format}` is not a format of strftime"),
                )
                .hint("write for example `\"%Y-%m-%d %H:%M\"`"),
            )),
        }
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
