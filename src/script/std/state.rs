//! `state` and `shared_state`: what survives a run, a reload and a restart.

use std::sync::Arc;

use rhai::{Array, Dynamic, EvalAltResult, FnPtr, FuncRegistration, ImmutableString, Map, Module, NativeCallContext};
use serde_json::{Value, json};

use crate::call::Call;
use crate::error::{Error, Kind, Result};
use crate::permission::Effect;
use crate::script::context::Context;
use crate::script::diagnostic::raise;
use crate::script::handler::arity;
use crate::script::handles::State;
use crate::script::options;
use crate::script::std::function::{Function, functions};
use crate::script::std::run_of;
use crate::script::value::{self, type_name};
use crate::store::{DURATION, Draft, TIME, script_of};
use crate::text::{clip, list};
use crate::time::{Duration, Time};

/// How often a transaction is tried before it gives up.
const TRIES: usize = 1000;

type RhaiResult<T> = std::result::Result<T, Box<EvalAltResult>>;

/// Adds a method of the state handle.
macro_rules! method {
    ($module:ident, $name:literal, |$run:ident, $state:ident $(, $arg:ident : $ty:ty)*| $body:expr) => {
        FuncRegistration::new($name).in_global_namespace().with_volatility(true).set_into_module(
            $module,
            |ctx: NativeCallContext, $state: &mut State $(, $arg: $ty)*| -> RhaiResult<Dynamic> {
                let body = || -> Result<Dynamic> {
                    let $run = &*run_of(Some(&ctx))?;
                    $body
                };
                body().map_err(|error| raise(Some(&ctx), error))
            },
        );
    };
}

pub(super) static ROWS: &[Function] = functions! {
    pure Anywhere State.get(key: Text; fallback: Any) -> Any {
        "What was kept under the key; else the fallback, or `()`.",
        "取保存的值；没有时为后备值或 `()`。",
        "state.get(\"seen\", 0)" => "0"
    }
    write Run State.set(key: Text, value: Any; options: (map of ttl: Duration)) -> Null {
        "Keeps a value, durable at once; with `ttl` it is forgotten after that time.",
        "保存一个值，立即持久化；带 `ttl` 时到期即忘。",
        "state.set(\"seen\", now(), #{ttl: \"2d\"}); state.get(\"seen\") == now()" => "true"
    }
    write Run State.add(key: Text, n: (Int | Float); options: (map of ttl: Duration)) -> (Int | Float) {
        "Adds to a number, 0 where there is none, and gives the sum.",
        "累加到保存的数值（没有则从 0 起），返回总和。",
        "state.add(\"hits\", 2); state.add(\"hits\", 1)" => "3"
    }
    write Run State.delete(key: Text) -> Bool {
        "Forgets a key, and says whether there was one.",
        "删除一个键，返回它是否存在过。",
        "state.set(\"x\", 1); state.delete(\"x\")" => "true"
    }
    pure Anywhere State.keys(; prefix: Text) -> [Text] {
        "The keys, sorted.", "所有键，已排序。",
        "state.set(\"a/1\", 1); state.keys(\"a/\")" => "[\"a/1\"]"
    }
    write Run State.compare_and_set(key: Text, old: Any, new: Any) -> Bool {
        "Sets the value only where it still is `old`; `()` stands for absent.",
        "仅当当前值仍为 `old` 时写入；`()` 表示不存在。",
        "state.compare_and_set(\"turn\", (), 1)" => "true"
    }
    write Run State.once(key: Text, ttl: (Duration | Text)) -> Bool {
        "True the first time within that period.",
        "在该时长内首次调用时为 true。",
        "[state.once(\"told\", \"1d\"), state.once(\"told\", \"1d\")]" => "[true, false]"
    }
    write Run State.transaction(closure: (fn 1)) -> Answer {
        "Calls the closure with this state: all that it changes there happens together, and it is called again where another run changed what it read. Nothing else may be called in it.",
        "以本状态调用闭包：其中的修改一并生效；若所读内容被其他运行改动，则重新调用。其中不得调用其他外部函数。",
        "state.transaction(|s| { s.add(\"a\", 1); s.add(\"b\", 2); s.keys() })" => "[\"a\", \"b\"]"
    }
};

pub(super) fn add(module: &mut Module) {
    method!(module, "get", |run, state, key: ImmutableString| get(run, state, &key, Dynamic::UNIT));
    method!(module, "get", |run, state, key: ImmutableString, fallback: Dynamic| get(run, state, &key, fallback));
    method!(module, "set", |run, state, key: ImmutableString, value: Dynamic| set(
        run,
        state,
        &key,
        &value,
        &Map::new()
    ));
    method!(module, "set", |run, state, key: ImmutableString, value: Dynamic, options: Map| set(
        run, state, &key, &value, &options
    ));
    method!(module, "add", |run, state, key: ImmutableString, n: Dynamic| add_to(run, state, &key, &n, &Map::new()));
    method!(module, "add", |run, state, key: ImmutableString, n: Dynamic, options: Map| add_to(
        run, state, &key, &n, &options
    ));
    method!(module, "delete", |run, state, key: ImmutableString| {
        if let Some(draft) = run.draft(&state.scope)? {
            return Ok(run.wait_anywhere(draft.delete(&key))?.into());
        }
        if let Some(rehearsal) = rehearsed(run, state, "delete")? {
            let there = run.wait("state.delete", rehearsal.delete(&key))?;
            hold_back(run, state, "delete", &key, Value::Null);
            return Ok(there.into());
        }
        let (store, scope) = (&run.host.store, state.scope.as_str());
        let deleted = run.wait("state.delete", async { store.delete(scope, &key).await })?;
        note(run, state, "delete", &key, Value::Null);
        Ok(deleted.into())
    });
    method!(module, "keys", |run, state| keys(run, state, ""));
    method!(module, "keys", |run, state, prefix: ImmutableString| keys(run, state, &prefix));
    method!(module, "once", |run, state, key: ImmutableString, ttl: Dynamic| {
        let ttl = options::to_duration("ttl", &ttl)?;
        if let Some(draft) = run.draft(&state.scope)? {
            return Ok(run.wait_anywhere(draft.once(&key, Some(ttl)))?.into());
        }
        let (store, scope) = (&run.host.store, state.scope.as_str());
        if let Some(rehearsal) = rehearsed(run, state, "once")? {
            let first = run.wait("state.once", rehearsal.once(&key, Some(ttl)))?;
            if first {
                hold_back(run, state, "once", &key, Value::Null);
            }
            return Ok(first.into());
        }
        let first = run.wait("state.once", async { store.once(scope, &key, Some(ttl)).await })?;
        if first {
            note(run, state, "once", &key, Value::Null);
        }
        Ok(first.into())
    });
    method!(module, "compare_and_set", |run, state, key: ImmutableString, old: Dynamic, new: Dynamic| {
        let (old, new) = (pack(&old)?, pack(&new)?);
        let old = (!old.is_null()).then_some(old);
        if let Some(draft) = run.draft(&state.scope)? {
            return Ok(run.wait_anywhere(draft.compare_and_set(&key, old.as_ref(), new))?.into());
        }
        if let Some(rehearsal) = rehearsed(run, state, "compare_and_set")? {
            let done = run.wait("state.compare_and_set", rehearsal.compare_and_set(&key, old.as_ref(), new.clone()))?;
            if done {
                hold_back(run, state, "compare_and_set", &key, new);
            }
            return Ok(done.into());
        }
        let (store, scope) = (&run.host.store, state.scope.as_str());
        let done =
            run.wait("state.compare_and_set", async { store.compare_and_set(scope, &key, old.as_ref(), &new).await })?;
        if done {
            note(run, state, "compare_and_set", &key, new);
        }
        Ok(done.into())
    });
    FuncRegistration::new("transaction")
        .in_global_namespace()
        .with_volatility(true)
        .set_into_module(module, |ctx: NativeCallContext, state: &mut State, closure: FnPtr| {
            transaction(&ctx, state, &closure)
        });
    // `state.set` on the value that `state` resolves to must not be refused as a change of a constant.
    FuncRegistration::new_index_getter().set_into_module(
        module,
        |ctx: NativeCallContext, state: &mut State, key: ImmutableString| -> RhaiResult<Dynamic> {
            run_of(Some(&ctx))
                .and_then(|run| get(&run, state, &key, Dynamic::UNIT))
                .map_err(|error| raise(Some(&ctx), error))
        },
    );
    FuncRegistration::new_index_setter().with_purity(true).set_into_module(
        module,
        |ctx: NativeCallContext, state: &mut State, key: ImmutableString, value: Dynamic| -> RhaiResult<()> {
            run_of(Some(&ctx))
                .and_then(|run| set(&run, state, &key, &value, &Map::new()))
                .map(drop)
                .map_err(|error| raise(Some(&ctx), error))
        },
    );
}

fn get(run: &Context, state: &State, key: &str, fallback: Dynamic) -> Result<Dynamic> {
    let (store, scope) = (&run.host.store, state.scope.as_str());
    let value = match run.draft(scope)? {
        Some(draft) => run.wait_anywhere(draft.get(key))?,
        None => match run.rehearsal(scope) {
            Some(rehearsal) => run.wait_anywhere(rehearsal.get(key))?,
            None => run.wait_anywhere(async { store.get(scope, key).await })?,
        },
    };
    Ok(value.map_or(fallback, |value| unpack(&value)))
}

fn set(run: &Context, state: &State, key: &str, value: &Dynamic, options: &Map) -> Result<Dynamic> {
    let ttl = ttl(options)?;
    let value = pack(value)?;
    if let Some(draft) = run.draft(&state.scope)? {
        draft.set(key, value, ttl);
        return Ok(Dynamic::UNIT);
    }
    if let Some(rehearsal) = rehearsed(run, state, "set")? {
        rehearsal.set(key, value.clone(), ttl);
        hold_back(run, state, "set", key, value);
        return Ok(Dynamic::UNIT);
    }
    let (store, scope) = (&run.host.store, state.scope.as_str());
    run.wait("state.set", async { store.set(scope, key, &value, ttl).await })?;
    note(run, state, "set", key, value);
    Ok(Dynamic::UNIT)
}

fn add_to(run: &Context, state: &State, key: &str, n: &Dynamic, options: &Map) -> Result<Dynamic> {
    let ttl = ttl(options)?;
    if !n.is_int() && !n.is_float() {
        return Err(Error::new(Kind::Argument, format!("`state.add` adds a number, not {}", type_name(n))));
    }
    let n = pack(n)?;
    let number = n.as_number().cloned().unwrap_or_else(|| 0.into());
    if let Some(draft) = run.draft(&state.scope)? {
        return Ok(unpack(&run.wait_anywhere(draft.add(key, &number, ttl))?));
    }
    let (store, scope) = (&run.host.store, state.scope.as_str());
    if let Some(rehearsal) = rehearsed(run, state, "add")? {
        let sum = run.wait("state.add", rehearsal.add(key, &number, ttl))?;
        hold_back(run, state, "add", key, n);
        return Ok(unpack(&sum));
    }
    let sum = run.wait("state.add", async { store.add(scope, key, &number, ttl).await })?;
    note(run, state, "add", key, n);
    Ok(unpack(&sum))
}

fn keys(run: &Context, state: &State, prefix: &str) -> Result<Dynamic> {
    let (store, scope) = (&run.host.store, state.scope.as_str());
    let keys = match run.draft(scope)? {
        Some(draft) => run.wait_anywhere(draft.keys(prefix))?,
        None => match run.rehearsal(scope) {
            Some(rehearsal) => run.wait_anywhere(rehearsal.keys(prefix))?,
            None => run.wait_anywhere(async { store.keys(scope, prefix).await })?,
        },
    };
    Ok(keys.into_iter().map(Dynamic::from).collect::<Array>().into())
}

/// Runs the closure against a draft of this state, until what it read is still so when its writes are kept.
fn transaction(ctx: &NativeCallContext, state: &State, closure: &FnPtr) -> RhaiResult<Dynamic> {
    let run = run_of(Some(ctx)).map_err(|error| raise(Some(ctx), error))?;
    let fail = |error| raise(Some(ctx), error);
    run.require_run("state.transaction").map_err(fail)?;
    let mut args = vec![Dynamic::from(state.clone())];
    args.truncate(arity(ctx.global_runtime_state(), closure).unwrap_or(1));
    if let Some(rehearsal) = run.rehearsal(&state.scope) {
        return rehearse(ctx, &run, state, &rehearsal, closure, args);
    }
    for _ in 0..TRIES {
        let draft = Arc::new(run.host.store.draft(&state.scope));
        let value = {
            let _drafting = run.draw_up(&draft);
            closure.call_raw(ctx, None, &mut args.clone())?
        };
        let changes = draft.changes();
        let reads_only = changes.as_object().is_none_or(serde_json::Map::is_empty);
        let change = || Call { args: changes.clone(), ..change(state, "transaction", "", &Value::Null) };
        if run.wait("state.transaction", draft.commit()).map_err(fail)? {
            if !reads_only {
                run.note(change());
            }
            return Ok(value);
        }
    }
    let message = format!("the transaction was overtaken {TRIES} times by others that change the same keys");
    Err(fail(Error::new(Kind::Limit, message).hint("let it read and write fewer keys")))
}

/// A transaction of a dry run: what it would change is held back together, and forgotten where it fails.
fn rehearse(
    ctx: &NativeCallContext,
    run: &Context,
    state: &State,
    rehearsal: &Arc<Draft>,
    closure: &FnPtr,
    mut args: Vec<Dynamic>,
) -> RhaiResult<Dynamic> {
    let (saved, before) = (rehearsal.saved(), rehearsal.changes());
    let outcome = {
        let _drafting = run.draw_up(rehearsal);
        closure.call_raw(ctx, None, &mut args)
    };
    let value = outcome.inspect_err(|_| rehearsal.go_back(saved))?;
    let after = rehearsal.changes();
    let changes: serde_json::Map<String, Value> = after
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, value)| before.get(key.as_str()) != Some(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if !changes.is_empty() {
        let summary = Some(format!("state.transaction over {}", list(changes.keys().map(String::as_str), "and")));
        let change = change(state, "transaction", "", &Value::Null);
        run.hold_back(Call { summary, args: Value::Object(changes), ..change });
    }
    Ok(value)
}

fn ttl(options: &Map) -> Result<Option<Duration>> {
    options::known(options, &["ttl"])?;
    options::duration(options, "ttl")
}

fn change(state: &State, operation: &str, key: &str, value: &Value) -> Call {
    Call {
        service: "state".into(),
        instance: script_of(&state.scope).unwrap_or(&state.scope).to_owned(),
        endpoint: operation.into(),
        effect: Effect::Write,
        args: json!({"key": key, "value": value}),
        status: None,
        ok: true,
        ms: 0,
        bytes: None,
        via: None,
        summary: None,
    }
}

/// What a dry run reads and writes instead, where this is one.
///
/// # Errors
/// `permission` at load, and inside a transaction.
fn rehearsed(run: &Context, state: &State, operation: &str) -> Result<Option<Arc<Draft>>> {
    run.require_run(&format!("state.{operation}"))?;
    Ok(run.rehearsal(&state.scope))
}

/// Notes the change that a dry run does not make.
fn hold_back(run: &Context, state: &State, operation: &str, key: &str, value: Value) {
    let mut call = change(state, operation, key, &value);
    let shown = if value.is_null() { String::new() } else { format!(" to {}", clip(&value.to_string(), 80)) };
    call.summary = Some(match operation {
        "add" => format!("add {value} to `{key}` in the state"),
        "delete" => format!("delete `{key}` from the state"),
        "once" => format!("remember `{key}` in the state"),
        _ => format!("set `{key}` in the state{shown}"),
    });
    run.hold_back(call);
}

fn note(run: &Context, state: &State, operation: &str, key: &str, value: Value) {
    run.note(change(state, operation, key, &value));
}

/// A value as it is stored: times and durations keep their type under a mark.
///
/// # Errors
/// `type` for what would not come back as it was.
pub(in crate::script) fn pack(value: &Dynamic) -> Result<Value> {
    pack_within(value, value::DEEPEST)
}

fn pack_within(value: &Dynamic, left: usize) -> Result<Value> {
    let refuse = |what: &str| {
        let error = Error::new(Kind::Type, format!("{what} cannot be kept in `state`"));
        Err(error.hint("keep texts, numbers, times, lists and maps"))
    };
    if left == 0 {
        return refuse("a list that is nested so deep");
    }
    if value.as_float().is_ok_and(|float| !float.is_finite()) {
        return refuse("a number without a value");
    }
    if let Some(time) = value.read_lock::<Time>() {
        return Ok(json!({TIME: time.millis()}));
    }
    if let Some(duration) = value.read_lock::<Duration>() {
        return Ok(json!({DURATION: duration.millis()}));
    }
    if let Some(array) = value.read_lock::<Array>() {
        return array.iter().map(|item| pack_within(item, left - 1)).collect();
    }
    if let Some(map) = value.read_lock::<Map>() {
        return Ok(Value::Object(
            map.iter().map(|(key, item)| Ok((key.to_string(), pack_within(item, left - 1)?))).collect::<Result<_>>()?,
        ));
    }
    if value.is::<FnPtr>() || value.is::<crate::secret::Secret>() {
        return refuse(type_name(value));
    }
    Ok(value::to_json(value, chrono_tz::Tz::UTC))
}

pub(in crate::script) fn unpack(value: &Value) -> Dynamic {
    match value {
        Value::Object(map) if map.len() == 1 => {
            let millis = |key| map.get(key).and_then(Value::as_i64);
            if let Some(millis) = millis(TIME) {
                Dynamic::from(Time::from_millis(millis))
            } else if let Some(millis) = millis(DURATION) {
                Dynamic::from(Duration::from_millis(millis))
            } else {
                map.iter().map(|(key, value)| (key.into(), unpack(value))).collect::<Map>().into()
            }
        }
        Value::Object(map) => map.iter().map(|(key, value)| (key.into(), unpack(value))).collect::<Map>().into(),
        Value::Array(items) => items.iter().map(unpack).collect::<Array>().into(),
        other => value::from_json(other),
    }
}
