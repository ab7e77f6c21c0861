//! `retry` and `wait_until`: what is tried again after a wait on the clock.

use rhai::{Dynamic, EvalAltResult, FnPtr, FuncRegistration, Map, Module, NativeCallContext};

use crate::error::{Error, Kind, Result};
use crate::script::context::Context;
use crate::script::diagnostic::{from_rhai, raise};
use crate::script::engine::Known;
use crate::script::options;
use crate::script::std::function::{Function, functions};
use crate::script::std::run_of;
use crate::script::value::type_name;
use crate::time::Duration;
use crate::units::format_duration;

type RhaiResult<T> = std::result::Result<T, Box<EvalAltResult>>;

/// How often `wait_until` looks where the script does not say.
const INTERVAL: Duration = Duration::from_seconds(5);
const SHORTEST: Duration = Duration::from_millis(100);

pub(super) static ROWS: &[Function] = functions! {
    pure Run Nothing.retry(times: Int, wait: (Duration | Text), closure: (fn 0)) -> Answer {
        "Calls the closure again after an error, up to `times` calls in all, and gives what it gives. What would fail the same way again, such as a missing grant or a mistyped field, is raised at once.",
        "出错后隔一段时间再调用闭包，总共至多 `times` 次，返回闭包的结果。缺少授权、字段写错等重试无用的错误立即抛出。",
        "let n = 0; retry(3, \"10s\", || { n += 1; if n < 3 { throw \"not yet\" } n })" => "3"
    }
    pure Run Nothing.wait_until(closure: (fn 0), timeout: (Duration | Text); options: (map of every: Duration)) -> Answer {
        "Calls the closure every so often (5 seconds) until it gives true, or anything but false and `()`, and gives that. After the time it raises `timeout`.",
        "每隔一段时间（默认 5 秒）调用闭包，直到其值为 true，或为 false 与 `()` 以外的值，并返回该值；超时抛出 `timeout`。",
        "let start = now(); wait_until(|| start.elapsed > 1.minute, \"5m\")" => "true"
    }
};

pub(super) fn add(module: &mut Module) {
    FuncRegistration::new("retry").in_global_namespace().with_volatility(true).set_into_module(
        module,
        |ctx: NativeCallContext, times: i64, wait: Dynamic, closure: FnPtr| -> RhaiResult<Dynamic> {
            let read = || {
                if !(1..=1000).contains(&times) {
                    return Err(Error::new(Kind::Argument, format!("`retry` calls 1 to 1000 times, not {times}")));
                }
                let run = run_of(Some(&ctx))?;
                run.require_run("retry")?;
                Ok((options::to_duration("wait", &wait)?, run))
            };
            let (wait, run) = read().map_err(|error| raise(Some(&ctx), error))?;
            for _ in 1..times {
                match closure.call_raw(&ctx, None, []) {
                    Err(error) if is_passing(&error) => {}
                    outcome => return outcome,
                }
                pause(&run, "retry", wait).map_err(|error| raise(Some(&ctx), error))?;
            }
            closure.call_raw(&ctx, None, [])
        },
    );
    FuncRegistration::new("wait_until").in_global_namespace().with_volatility(true).set_into_module(
        module,
        |ctx: NativeCallContext, closure: FnPtr, timeout: Dynamic| -> RhaiResult<Dynamic> {
            wait_until(&ctx, &closure, &timeout, &Map::new())
        },
    );
    FuncRegistration::new("wait_until").in_global_namespace().with_volatility(true).set_into_module(
        module,
        |ctx: NativeCallContext, closure: FnPtr, timeout: Dynamic, options: Map| -> RhaiResult<Dynamic> {
            wait_until(&ctx, &closure, &timeout, &options)
        },
    );
}

fn wait_until(ctx: &NativeCallContext, closure: &FnPtr, timeout: &Dynamic, map: &Map) -> RhaiResult<Dynamic> {
    let read = || {
        options::known(map, &["every"])?;
        let every = options::duration(map, "every")?.unwrap_or(INTERVAL);
        if every < SHORTEST {
            return Err(Error::new(Kind::Argument, format!("`every` of {} is too short", format_duration(every)))
                .hint("the shortest is 100ms"));
        }
        let run = run_of(Some(ctx))?;
        run.require_run("wait_until")?;
        Ok((options::to_duration("timeout", timeout)?, every, run))
    };
    let (timeout, every, run) = read().map_err(|error| raise(Some(ctx), error))?;
    let end = run.host.clock.now() + timeout;
    loop {
        let value = closure.call_raw(ctx, None, [])?;
        if value.is::<FnPtr>() {
            let error = Error::new(Kind::Type, format!("the closure gave {}", type_name(&value)));
            return Err(raise(Some(ctx), error.hint("write `wait_until(|| …, \"10m\")`")));
        }
        if !value.is_unit() && value.as_bool() != Ok(false) {
            return Ok(value);
        }
        let now = run.host.clock.now();
        if now >= end {
            let shown = format_duration(timeout);
            return Err(raise(Some(ctx), Error::new(Kind::Timeout, format!("it did not come true within {shown}"))));
        }
        pause(&run, "wait_until", every.min(end - now)).map_err(|error| raise(Some(ctx), error))?;
    }
}

fn pause(run: &Context, what: &str, duration: Duration) -> Result<()> {
    let clock = &run.host.clock;
    let until = clock.now() + duration;
    run.wait(what, async {
        clock.sleep_until(until).await;
        Ok(())
    })
}

/// Whether the same call may go well later.
fn is_passing(error: &EvalAltResult) -> bool {
    if matches!(error, EvalAltResult::ErrorTerminated(..) | EvalAltResult::Exit(..)) {
        return false;
    }
    !matches!(
        from_rhai(error, "", &Known { script: &[] }).kind,
        Kind::Config
            | Kind::Syntax
            | Kind::Type
            | Kind::Field
            | Kind::Argument
            | Kind::Permission
            | Kind::Auth
            | Kind::Unsupported
            | Kind::Limit
            | Kind::Cancelled
            | Kind::Internal
    )
}
