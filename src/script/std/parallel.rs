//! `parallel`, `attempt` and `each`: closures over a list, several at a time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rhai::{Array, Dynamic, EvalAltResult, FnPtr, FuncRegistration, Map, Module, NativeCallContext};

use crate::error::{Error, Kind};
use crate::script::STACK;
use crate::script::diagnostic::{from_rhai, raise, to_map};
use crate::script::engine::Known;
use crate::script::handler::detach;
use crate::script::std::function::{Function, functions};
use crate::script::std::run_of;
use crate::script::value::display;
use crate::time::Busy;

type RhaiResult<T> = std::result::Result<T, Box<EvalAltResult>>;

/// How many closures of one list run at the same time.
const AT_ONCE: usize = 8;

pub(super) static ROWS: &[Function] = functions! {
    pure Run Nothing.parallel(list: [Any], closure: (fn 1)) -> [Answer] {
        "A `map` that calls the closure for several elements at a time; the first error ends it.",
        "并行的 `map`：同时对多个元素调用闭包；遇到错误即结束。",
        "parallel([1, 2, 3], |x| x * 2)" => "[2, 4, 6]"
    }
    pure Run Nothing.attempt(list: [Any], closure: (fn 1)) -> [(map of item: Item, ok: Bool, value: Answer, error: Any)] {
        "The same, with each element's outcome: no error ends it.",
        "同上，但给出每个元素的结果：出错也不中断。",
        "attempt([1, 0], |x| 1 / x).map(|row| row.ok)" => "[true, false]"
    }
    pure Run Nothing.each(list: [Any], closure: (fn 1)) -> Null {
        "Calls the closure for all elements, several at a time, and raises one error at the end that lists all failures.",
        "并行地对所有元素调用闭包，最后用一个错误列出全部失败。",
        "each(all_vps(), |v| info(v.name))" => "()"
    }
};

pub(super) fn add(module: &mut Module) {
    FuncRegistration::new("parallel").in_global_namespace().with_volatility(true).set_into_module(
        module,
        |ctx: NativeCallContext, list: Array, closure: FnPtr| -> RhaiResult<Array> {
            over(&ctx, list, &closure)?.into_iter().map(|(_, outcome)| outcome).collect()
        },
    );
    FuncRegistration::new("attempt").in_global_namespace().with_volatility(true).set_into_module(
        module,
        |ctx: NativeCallContext, list: Array, closure: FnPtr| -> RhaiResult<Array> {
            let rows = over(&ctx, list, &closure)?.into_iter().map(|(item, outcome)| {
                let (ok, value, error) = match outcome {
                    Ok(value) => (true, value, Dynamic::UNIT),
                    Err(error) => (false, Dynamic::UNIT, to_map(&from_rhai(&error, "", &Known { script: &[] })).into()),
                };
                Map::from([
                    ("item".into(), item),
                    ("ok".into(), ok.into()),
                    ("value".into(), value),
                    ("error".into(), error),
                ])
                .into()
            });
            Ok(rows.collect())
        },
    );
    FuncRegistration::new("each").in_global_namespace().with_volatility(true).set_into_module(
        module,
        |ctx: NativeCallContext, list: Array, closure: FnPtr| -> RhaiResult<()> {
            let failed: Vec<_> = over(&ctx, list, &closure)?
                .into_iter()
                .filter_map(|(item, outcome)| {
                    let error = from_rhai(&*outcome.err()?, "", &Known { script: &[] });
                    Some((display(&item, chrono_tz::Tz::UTC), error))
                })
                .collect();
            let Some((_, first)) = failed.first() else { return Ok(()) };
            let all: Vec<_> = failed.iter().map(|(item, error)| format!("{item}: {error}")).collect();
            let mut error = Error::new(
                first.kind,
                format!("{} failed: {}", crate::text::count(failed.len(), "item"), all.join("; ")),
            );
            error.retryable = failed.iter().all(|(_, error)| error.retryable);
            Err(raise(Some(&ctx), error))
        },
    );
}

/// Each item with its outcome, in the order of the list. What ends the run ends this.
fn over(ctx: &NativeCallContext, list: Array, closure: &FnPtr) -> RhaiResult<Vec<(Dynamic, RhaiResult<Dynamic>)>> {
    let run = run_of(Some(ctx)).map_err(|error| raise(Some(ctx), error))?;
    run.require_run(ctx.fn_name()).map_err(|error| raise(Some(ctx), error))?;
    let items: Vec<_> = list.into_iter().map(Dynamic::flatten).collect();
    let slots: Vec<_> = items.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let global = ctx.global_runtime_state().clone();
    let (engine, name, source, position) = (ctx.engine(), ctx.fn_name(), ctx.call_source(), ctx.call_position());
    let work = |ctx: &NativeCallContext| {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { break };
            let outcome = detach(closure).call_raw(ctx, None, [item.flatten_clone()]);
            if is_the_end(&outcome) {
                // Nobody needs to begin another item.
                next.store(items.len(), Ordering::Relaxed);
            }
            if let Ok(mut slot) = slots[index].lock() {
                *slot = Some(outcome);
            }
        }
    };
    // Lists inside lists soon have all the threads there are; then this one does the work.
    let helpers = run.helpers(items.len().min(AT_ONCE));
    let going = AtomicUsize::new(helpers.granted);
    // Each thread keeps a virtual clock still from before it begins until its end, and the last one until
    // that was noticed; one that ends earlier must not, since the others may be waiting on that clock.
    let worker = |start: Busy| {
        let working = run.work();
        drop(start);
        let error = match &working {
            Ok(_) => {
                let mut global = global.clone();
                global.num_operations = 0;
                let ctx = NativeCallContext::new_with_all_fields(engine, name, source, &global, position);
                work(&ctx);
                None
            }
            Err(error) => Some(error.clone()),
        };
        let end = run.host.clock.busy();
        drop(working);
        (error, (going.fetch_sub(1, Ordering::AcqRel) == 1).then_some(end))
    };
    let starts: Vec<_> = (0..helpers.granted).map(|_| run.host.clock.busy()).collect();
    if starts.is_empty() {
        work(ctx);
    }
    let ends = run.rest(|| {
        std::thread::scope(|scope| {
            let begin =
                |start| std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, move || worker(start));
            let threads: Vec<_> = starts.into_iter().map(begin).collect();
            let join = |thread: std::io::Result<std::thread::ScopedJoinHandle<_>>| match thread
                .map(std::thread::ScopedJoinHandle::join)
            {
                Ok(Ok(ended)) => ended,
                Ok(Err(_)) => (Some(Error::internal("a host function panicked")), None),
                Err(error) => (Some(Error::new(Kind::Limit, format!("no thread could be started: {error}"))), None),
            };
            threads.into_iter().map(join).collect::<Vec<_>>()
        })
    });
    let ends = ends.map_err(|error| raise(Some(ctx), error))?;
    drop(helpers);
    if let Some(error) = ends.into_iter().find_map(|(error, _)| error) {
        return Err(raise(Some(ctx), error));
    }
    let outcomes: Vec<_> = slots.into_iter().map(|slot| slot.into_inner().ok().flatten()).collect();
    if let Some(end) = outcomes.iter().position(|outcome| outcome.as_ref().is_some_and(is_the_end)) {
        return Err(outcomes.into_iter().nth(end).flatten().and_then(Result::err).unwrap_or_else(|| lost(ctx)));
    }
    Ok(items
        .into_iter()
        .zip(outcomes)
        .map(|(item, outcome)| (item, outcome.unwrap_or_else(|| Err(lost(ctx)))))
        .collect())
}

/// Whether an outcome ends the whole run.
fn is_the_end(outcome: &RhaiResult<Dynamic>) -> bool {
    matches!(outcome.as_ref().err().map(|error| &**error), Some(EvalAltResult::ErrorTerminated(..)))
}

fn lost(ctx: &NativeCallContext) -> Box<EvalAltResult> {
    raise(Some(ctx), Error::internal("an item of the list was lost"))
}
