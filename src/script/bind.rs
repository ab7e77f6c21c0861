//! Rows to Rhai methods: the only place that turns the endpoint tables into functions.

use std::any::TypeId;
use std::sync::Arc;

use rhai::{Dynamic, FuncRegistration, Map, Module, NativeCallContext, RhaiFunc, Shared};
use serde_json::Value;

use crate::api::{Place, Row, Service};
use crate::call::Call;
use crate::client::{Args, Opened};
use crate::error::{Error, Result};
use crate::permission::{Ask, Effect};

use super::context::Context;
use super::diagnostic::raise;
use super::handles::{Pbh, Vps};
use super::std::{fleet, run_of};
use super::value::{self, Values};

/// One shared module with a method per row.
pub(super) fn module() -> Shared<Module> {
    let mut module = Module::new();
    for service in Service::ALL {
        let handle = match service {
            Service::KiwiVm => TypeId::of::<Vps>(),
            Service::Pbh => TypeId::of::<Pbh>(),
        };
        for row in service.rows().iter().filter(|row| row.extra.uncallable.is_none()) {
            // Every count of arguments is accepted here, so that a wrong one gets an error with the signature.
            let most = row.required().count() + 2;
            for count in 0..=most {
                let mut types = vec![handle];
                types.resize(1 + count, TypeId::of::<Dynamic>());
                FuncRegistration::new(row.id).in_global_namespace().set_into_module_raw(
                    &mut module,
                    types,
                    RhaiFunc::Method {
                        func: Shared::new(move |ctx: Option<NativeCallContext>, args: &mut [&mut Dynamic]| {
                            let ctx = ctx.as_ref();
                            call(ctx, row, args).map_err(|error| raise(ctx, error))
                        }),
                        has_context: true,
                        is_pure: true,
                        is_volatile: true,
                    },
                );
            }
        }
    }
    module.build_index();
    module.into()
}

fn call(ctx: Option<&NativeCallContext>, row: &'static Row, args: &mut [&mut Dynamic]) -> Result<Dynamic> {
    let run = run_of(ctx)?;
    let name = instance(args[0]);
    let mut values: Vec<_> = args[1..].iter().map(|arg| arg.flatten_clone()).collect();
    let required = row.required().count();
    let takes_options = row.optional().next().is_some();
    let options = match values.last().and_then(|last| last.read_lock::<Map>().map(|map| map.clone())) {
        Some(map) if takes_options && values.len() == required + 1 => {
            values.pop();
            map
        }
        _ => Map::new(),
    };
    let zone = run.host.config.timezone;
    let positional = values.iter().map(|value| value::to_json(value, zone)).collect();
    let options = options.iter().map(|(key, value)| (key.to_string(), value::to_json(value, zone))).collect();
    let args = Args::bind(row, positional, options)?;
    endpoint(&run, row, &name, &args)
}

fn instance(handle: &Dynamic) -> String {
    if let Some(vps) = handle.read_lock::<Vps>() {
        return vps.name.to_string();
    }
    handle.read_lock::<Pbh>().map(|pbh| pbh.name.to_string()).unwrap_or_default()
}

/// The effect of a row for these arguments, and the argument that decided it.
fn effect(row: &Row, args: &Args) -> (Effect, Option<&'static str>) {
    let Some(mark) = row.extra.destructive_if else { return (row.effect, None) };
    let marked = args.0.iter().any(|(param, value)| {
        param.place == Place::Whole
            && (value.as_str() == Some(mark)
                || value.as_array().is_some_and(|items| items.iter().any(|item| item == mark)))
    });
    if marked { (Effect::Destructive, Some(mark)) } else { (row.effect, None) }
}

/// Calls a row the way a script may: at run time only, as far as it is permitted, for real or in words.
fn endpoint(run: &Arc<Context>, row: &'static Row, name: &str, args: &Args) -> Result<Dynamic> {
    run.require_run(row.id)?;
    let (effect, argument) = effect(row, args);
    let ask = Ask { service: row.service.name(), instance: name, endpoint: row.id, argument, effect };
    run.permit(&ask, &[])?;
    if run.is_dry() && effect != Effect::Read {
        let shown = args.to_json();
        run.hold_back(Call {
            service: row.service.name().into(),
            instance: name.into(),
            endpoint: row.id.into(),
            effect,
            summary: Some(in_words(row, name, &shown)),
            args: shown,
            status: None,
            ok: true,
            ms: 0,
            via: None,
        });
        return Ok(value::placeholder(&row.returns));
    }
    let opened = fetch(run, row, name, args)?;
    opened.decode(&mut Values { masker: &run.host.masker }).map_err(|error| error.from_call(row.service.name(), row.id))
}

/// Sends a request for a row and notes it.
fn fetch(run: &Arc<Context>, row: &'static Row, name: &str, args: &Args) -> Result<Opened> {
    let client = fleet::client(run, row.service, name)?;
    let talk = run.talk();
    run.wait(row.id, crate::recorder::call_row(&client, row, args, &talk))
}

/// `snapshot_create on tokyo: takes a snapshot …`.
fn in_words(row: &Row, name: &str, args: &Value) -> String {
    let doc = row.doc.trim().trim_end_matches('.');
    let shown = match args {
        Value::Object(map) if map.is_empty() => String::new(),
        args => format!(" {args}"),
    };
    format!("{} on {name}{shown}: {doc}", row.id)
}

/// The way out for what the tables do not know: `pbh.request("GET", "/api/new", #{query, body})`.
pub(super) fn request(run: &Arc<Context>, name: &str, method: &str, path: &str, options: &Map) -> Result<Dynamic> {
    run.require_run("request")?;
    let method = method.to_uppercase();
    let effect = if method == "GET" { Effect::Read } else { Effect::Destructive };
    run.permit(&Ask { service: "pbh", instance: name, endpoint: "request", argument: None, effect }, &[])?;
    super::options::known(options, &["query", "body"])?;
    let zone = run.host.config.timezone;
    let body = options.get("body").map(|body| value::to_json(body, zone));
    let query: Vec<(String, String)> =
        match options.get("query").map(|query| query.read_lock::<Map>().map(|map| map.clone())) {
            None => Vec::new(),
            Some(Some(map)) => map.iter().map(|(key, item)| (key.to_string(), value::display(item, zone))).collect(),
            Some(None) => {
                return Err(
                    Error::new(crate::error::Kind::Argument, "`query` is a map").hint("write `#{query: #{page: 1}}`")
                );
            }
        };
    let mut call = Call {
        service: "pbh".into(),
        instance: name.into(),
        endpoint: format!("{method} {path}"),
        effect,
        args: serde_json::json!({"query": query, "body": body}),
        status: None,
        ok: true,
        ms: 0,
        via: Some("request".into()),
        summary: None,
    };
    if run.is_dry() && effect != Effect::Read {
        call.summary = Some(format!("send {method} {path} to {name}"));
        run.hold_back(call);
        return Ok(Dynamic::UNIT);
    }
    let client = fleet::client(run, Service::Pbh, name)?;
    let result = run.wait("request", client.request(&method, path, query, body, run.deadline));
    match &result {
        Ok(opened) => (call.status, call.ms) = (Some(opened.status), opened.ms),
        Err(error) => (call.ok, call.status) = (false, error.status),
    }
    run.note(call);
    Ok(value::from_json(&result?.json()?))
}
