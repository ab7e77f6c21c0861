//! Rows to Rhai methods: the only place that turns the endpoint tables into functions.

use std::any::TypeId;
use std::sync::Arc;

use rhai::{Dynamic, FuncRegistration, Map, Module, NativeCallContext, RhaiFunc, Shared};
use serde_json::Value;

use crate::api::{Envelope, Place, Row, Service};
use crate::call::Call;
use crate::client::{Args, Span};
use crate::error::{Error, Kind, Result};
use crate::folder::Folder;
use crate::permission::{Ask, Effect};
use crate::recorder;
use crate::time::Duration;

use super::context::Context;
use super::diagnostic::raise;
use super::handles::{Pbh, Vps};
use super::lazy::Lazy;
use super::options;
use super::std::{fleet, run_of};
use super::value::{self, Values};

/// One shared module with a method per row, and one more for all pages of a paged one.
pub(super) fn module() -> Shared<Module> {
    let mut module = Module::new();
    for service in Service::ALL {
        for row in service.rows().iter().filter(|row| row.extra.uncallable.is_none()) {
            method(&mut module, row, row.id, call);
            if row.extra.paged {
                method(&mut module, row, &format!("{}_all", row.id), all);
            }
        }
    }
    module.build_index();
    module.into()
}

type Body = fn(&Arc<Context>, &'static Row, Asked) -> Result<Dynamic>;

/// Every count of arguments is accepted here, so that a wrong one gets an error with the signature.
fn method(module: &mut Module, row: &'static Row, name: &str, body: Body) {
    let handle = match row.service {
        Service::KiwiVm => TypeId::of::<Vps>(),
        Service::Pbh => TypeId::of::<Pbh>(),
    };
    for count in 0..=row.required().count() + 2 {
        let mut types = vec![handle];
        types.resize(1 + count, TypeId::of::<Dynamic>());
        FuncRegistration::new(name).in_global_namespace().set_into_module_raw(
            module,
            types,
            RhaiFunc::Method {
                func: Shared::new(move |ctx: Option<NativeCallContext>, args: &mut [&mut Dynamic]| {
                    let ctx = ctx.as_ref();
                    let called = run_of(ctx).and_then(|run| body(&run, row, Asked::read(&run, row, args)?));
                    called.map_err(|error| raise(ctx, error))
                }),
                has_context: true,
                is_pure: true,
                is_volatile: true,
            },
        );
    }
}

/// Whom a method was called on.
#[derive(Clone)]
pub(super) struct Instance {
    pub(super) name: String,
    /// How old a reply to a read may be.
    age: Option<Duration>,
}

impl Instance {
    fn of(handle: &Dynamic) -> Self {
        if let Some(vps) = handle.read_lock::<Vps>() {
            return Self { name: vps.name.to_string(), age: vps.age };
        }
        let pbh = handle.read_lock::<Pbh>();
        pbh.map_or(Self { name: String::new(), age: None }, |pbh| Self { name: pbh.name.to_string(), age: pbh.age })
    }
}

/// What a script asked for.
struct Asked {
    instance: Instance,
    args: Args,
    span: Option<Reading>,
}

/// How much of a stream is wanted.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    pub(super) duration: Duration,
    pub(super) limit: usize,
}

impl Asked {
    fn read(run: &Context, row: &'static Row, args: &[&mut Dynamic]) -> Result<Self> {
        let mut values: Vec<_> = args[1..].iter().map(|arg| arg.flatten_clone()).collect();
        let required = row.required().count();
        let takes_options = row.options().next().is_some();
        let mut options = match values.last().and_then(|last| last.read_lock::<Map>().map(|map| map.clone())) {
            Some(map) if takes_options && values.len() == required + 1 => {
                values.pop();
                map
            }
            _ => Map::new(),
        };
        let span = row.is_stream().then(|| Reading::take(&mut options)).transpose()?;
        let zone = run.host.config.timezone;
        let positional = values.iter().map(|value| value::to_argument(value, zone)).collect();
        let options = options.iter().map(|(key, value)| (key.to_string(), value::to_argument(value, zone))).collect();
        Ok(Self { instance: Instance::of(args[0]), args: Args::bind(row, positional, options)?, span })
    }
}

impl Reading {
    /// Takes what is ours out of the options.
    fn take(options: &mut Map) -> Result<Self> {
        let duration = options::duration(options, "duration")?.unwrap_or(Span::DURATION);
        let limit = options::integer(options, "limit")?.map_or(Ok(Span::MOST), |limit| {
            usize::try_from(limit).ok().filter(|limit| *limit > 0).ok_or_else(|| {
                Error::new(Kind::Argument, format!("`limit` is a number of messages; `{limit}` was given"))
                    .hint("write `#{limit: 100}`")
            })
        })?;
        options.remove("duration");
        options.remove("limit");
        Ok(Self { duration, limit })
    }
}

fn call(run: &Arc<Context>, row: &'static Row, asked: Asked) -> Result<Dynamic> {
    let Some(reading) = asked.span else { return endpoint(run, row, &asked.instance, &asked.args) };
    // A stream is opened when its first message is wanted; whether it may be is said at once.
    permitted(run, row, &asked.instance, &asked.args)?;
    Ok(Dynamic::from(Lazy::messages_of(run, row, asked.instance, asked.args, reading)))
}

/// All pages, later.
fn all(run: &Arc<Context>, row: &'static Row, asked: Asked) -> Result<Dynamic> {
    permitted(run, row, &asked.instance, &asked.args)?;
    Ok(Dynamic::from(Lazy::pages_of(run, row, asked.instance, asked.args)))
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

/// Whether this may be called here; gives the effect that it has.
fn permitted(run: &Context, row: &Row, instance: &Instance, args: &Args) -> Result<Effect> {
    run.require_run(row.id)?;
    let (effect, argument) = effect(row, args);
    let ask = Ask { service: row.service.name(), instance: &instance.name, endpoint: row.id, argument, effect };
    run.permit(&ask, &[])?;
    Ok(effect)
}

/// Calls a row the way a script may: at run time only, as far as it is permitted, for real or in words.
pub(super) fn endpoint(run: &Arc<Context>, row: &'static Row, instance: &Instance, args: &Args) -> Result<Dynamic> {
    let effect = permitted(run, row, instance, args)?;
    let change = || {
        let shown = args.to_json();
        Call {
            service: row.service.name().into(),
            instance: instance.name.clone(),
            endpoint: row.id.into(),
            effect,
            summary: Some(in_words(row, &instance.name, &shown)),
            args: shown,
            status: None,
            ok: true,
            ms: 0,
            bytes: None,
            via: None,
        }
    };
    if effect != Effect::Read && run.holds_back(change)? {
        return Ok(value::placeholder(&row.returns));
    }
    send(run, row, instance, args).map_err(|error| error.from_call(row.service.name(), row.id))
}

/// Sends a request for a row and notes it.
fn send(run: &Arc<Context>, row: &'static Row, instance: &Instance, args: &Args) -> Result<Dynamic> {
    let client = fleet::client(run, row.service, &instance.name)?;
    let talk = run.talk().aged(instance.age);
    if row.envelope() == Envelope::Binary {
        let folder = Folder::of(&run.host.config.data, &run.script);
        let saved = run.wait(row.id, recorder::download_row(&client, row, args, folder.path(), &talk))?;
        let saved = serde_json::to_value(saved).map_err(|error| Error::internal(error.to_string()))?;
        return Ok(value::typed(&saved, &row.returns));
    }
    let values = &mut Values { masker: &run.host.masker };
    run.wait(row.id, recorder::call_row(&client, row, args, &talk))?.decode(values)
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
pub(super) fn request(run: &Arc<Context>, name: &str, method: &str, path: &str, map: &Map) -> Result<Dynamic> {
    run.require_run("request")?;
    let method = method.to_uppercase();
    let effect = Effect::of_request(&method);
    run.permit(&Ask { service: "pbh", instance: name, endpoint: "request", argument: None, effect }, &[])?;
    options::known(map, &["query", "body"])?;
    let zone = run.host.config.timezone;
    let body = map.get("body").map(|body| value::to_argument(body, zone));
    let query: Vec<(String, String)> =
        match map.get("query").map(|query| query.read_lock::<Map>().map(|map| map.clone())) {
            None => Vec::new(),
            Some(Some(map)) => map.iter().map(|(key, item)| (key.to_string(), value::display(item, zone))).collect(),
            Some(None) => {
                return Err(Error::new(Kind::Argument, "`query` is a map").hint("write `#{query: #{page: 1}}`"));
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
        bytes: None,
        via: Some("request".into()),
        summary: None,
    };
    let change = || Call { summary: Some(format!("send {method} {path} to {name}")), ..call.clone() };
    if effect != Effect::Read && run.holds_back(change)? {
        return Ok(Dynamic::UNIT);
    }
    let client = fleet::client(run, Service::Pbh, name)?;
    let result = run.wait("request", client.request(&method, path, query, body, &run.talk()));
    match &result {
        Ok(opened) => {
            (call.status, call.ms, call.bytes) = (Some(opened.status), opened.ms, Some(opened.size() as u64));
        }
        Err(error) => (call.ok, call.status) = (false, error.status),
    }
    run.note(call);
    Ok(value::from_json(&result?.json()?))
}

#[cfg(test)]
mod tests;
