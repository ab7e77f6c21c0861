//! `emit`, which says that something happened, and `reply`, which answers a webhook.

use rhai::{Dynamic, EvalAltResult, FuncRegistration, ImmutableString, Module, NativeCallContext};
use serde_json::{Value, json};

use crate::call::Call;
use crate::error::{Error, Kind, Result};
use crate::events::{self, Occurrence, Signal};
use crate::journal::Level;
use crate::permission::Effect;
use crate::script::context::Context;
use crate::script::diagnostic::raise;
use crate::script::std::function::{Function, functions};
use crate::script::std::{run_of, state};

pub(super) static ROWS: &[Function] = functions! {
    write Run Nothing.emit(name: Text; data: Any) -> Null {
        "Says to every `on_event` of that name that it happened.",
        "告知所有监听该名字的 `on_event`：事件发生了。",
        "emit(\"playback\", #{title: \"x\"})" => ""
    }
    pure Run Nothing.reply(status: Int; body: Any) -> Any {
        "What a webhook answers with, where a plain value will not do.",
        "webhook 的应答：状态码与内容。",
        "reply(404, \"not here\")" => ""
    }
};

type RhaiResult<T> = std::result::Result<T, Box<EvalAltResult>>;

/// What a webhook's handler answers with, where a plain value will not do.
#[derive(Clone)]
pub(in crate::script) struct Reply {
    pub(in crate::script) status: u16,
    pub(in crate::script) body: Dynamic,
}

pub(super) fn add(module: &mut Module) {
    module.set_custom_type::<Reply>("Reply");
    FuncRegistration::new("emit").in_global_namespace().with_volatility(true).set_into_module(
        module,
        |ctx: NativeCallContext, name: ImmutableString| -> RhaiResult<()> {
            emit(&ctx, &name, &Dynamic::UNIT).map_err(|error| raise(Some(&ctx), error))
        },
    );
    FuncRegistration::new("emit").in_global_namespace().with_volatility(true).set_into_module(
        module,
        |ctx: NativeCallContext, name: ImmutableString, data: Dynamic| -> RhaiResult<()> {
            emit(&ctx, &name, &data).map_err(|error| raise(Some(&ctx), error))
        },
    );
    FuncRegistration::new("reply").in_global_namespace().set_into_module(
        module,
        |ctx: NativeCallContext, status: i64| -> RhaiResult<Reply> {
            reply(status, Dynamic::UNIT).map_err(|error| raise(Some(&ctx), error))
        },
    );
    FuncRegistration::new("reply").in_global_namespace().set_into_module(
        module,
        |ctx: NativeCallContext, status: i64, body: Dynamic| -> RhaiResult<Reply> {
            reply(status, body).map_err(|error| raise(Some(&ctx), error))
        },
    );
}

fn reply(status: i64, body: Dynamic) -> Result<Reply> {
    let known = u16::try_from(status).ok().filter(|status| (200..600).contains(status));
    let status = known.ok_or_else(|| {
        Error::new(Kind::Argument, format!("`{status}` is no status of a reply")).hint("it is 200 to 599")
    })?;
    Ok(Reply { status, body: body.flatten() })
}

/// Says to every `on_event` of that name that it happened.
fn emit(ctx: &NativeCallContext, name: &str, data: &Dynamic) -> Result<()> {
    let run = run_of(Some(ctx))?;
    run.require_run("emit")?;
    if name.trim().is_empty() {
        return Err(Error::new(Kind::Argument, "the event has no name").hint("write `emit(\"playback\", #{…})`"));
    }
    if events::known(name).is_some() {
        return Err(Error::new(Kind::Argument, format!("`{name}` is an event that only tidegate tells of"))
            .hint("choose a name of your own"));
    }
    let data = state::pack(data)?;
    let change = || note(&run, "emit", json!({"name": name, "data": data}), Some(format!("emit `{name}`")));
    if run.holds_back(change)? {
        return Ok(());
    }
    let occurrence = Occurrence { name: name.into(), at: run.host.clock.now(), data: data.clone(), key: None };
    if !run.host.bus.tell(Signal::Happened(occurrence)) {
        let text = format!("nobody hears `{name}`: events go to the scripts of the daemon that they happen in");
        run.say(Level::Warn, &text);
    }
    run.note(note(&run, "emit", json!({"name": name, "data": data}), None));
    Ok(())
}

/// What is kept or told on the script's own account, as a call.
pub(super) fn note(run: &Context, operation: &str, args: Value, summary: Option<String>) -> Call {
    Call {
        service: "state".into(),
        instance: run.script.clone(),
        endpoint: operation.into(),
        effect: Effect::Write,
        args,
        status: None,
        ok: true,
        ms: 0,
        bytes: None,
        via: None,
        summary,
    }
}
