//! Time and durations.

#[allow(clippy::wildcard_imports, reason = "what the module macro expands to needs them")]
use rhai::plugin::*;
use rhai::{Dynamic, EvalAltResult, Module, NativeCallContext};

use crate::script::diagnostic::raise;
use crate::script::options;
use crate::script::std::run_of;
use crate::time::{Duration, Time};

type RhaiResult<T> = Result<T, Box<EvalAltResult>>;

pub(super) fn add(module: &mut Module) {
    module.set_custom_type::<Time>("Time").set_custom_type::<Duration>("Duration");
    rhai::combine_with_exported_module!(module, "time", functions);
}

fn zone(ctx: &NativeCallContext) -> chrono_tz::Tz {
    run_of(Some(ctx)).map_or(chrono_tz::Tz::UTC, |run| run.host.config.timezone)
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
        options::to_time("parse_time", &text.into(), zone(&ctx)).map_err(|error| raise(Some(&ctx), error))
    }

    /// The local date, as `2026-07-03`.
    #[rhai_fn(get = "date", pure)]
    pub fn date(ctx: NativeCallContext, time: &mut Time) -> String {
        time.in_zone(zone(&ctx)).format("%Y-%m-%d").to_string()
    }

    /// The local day of the month.
    #[rhai_fn(get = "day", pure)]
    pub fn day(ctx: NativeCallContext, time: &mut Time) -> i64 {
        time.in_zone(zone(&ctx)).day().into()
    }

    /// The local day of the week: 1 is Monday, 7 is Sunday.
    #[rhai_fn(get = "weekday", pure)]
    pub fn weekday(ctx: NativeCallContext, time: &mut Time) -> i64 {
        time.in_zone(zone(&ctx)).weekday().number_from_monday().into()
    }

    /// The local hour, 0 to 23.
    #[rhai_fn(get = "hour", pure)]
    pub fn hour(ctx: NativeCallContext, time: &mut Time) -> i64 {
        time.in_zone(zone(&ctx)).hour().into()
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
        match write!(text, "{}", time.in_zone(zone(&ctx)).format(format)) {
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
        time.display(zone(&ctx))
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
