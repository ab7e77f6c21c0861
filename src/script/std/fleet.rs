//! The fleet: handles by name, and the helpers that hang on them.

use std::sync::Arc;

use rhai::{
    Array, Dynamic, EvalAltResult, FuncRegistration, ImmutableString, Map, Module, NativeCallContext, RhaiFunc, Shared,
};

use crate::api::Service;
use crate::client::Client;
use crate::error::{Error, Kind, Result};
use crate::script::context::{Context, Phase};
use crate::script::diagnostic::raise;
use crate::script::handles::{Downloader, Pbh, Vps};
use crate::script::helpers::{self, Helper, On, Subject};
use crate::script::std::function::{Function, functions};
use crate::script::std::run_of;
use crate::script::{bind, options};
use crate::time::Duration;

type RhaiResult<T> = std::result::Result<T, Box<EvalAltResult>>;

/// What every instance is called where there is no configuration to name one.
const STAND_IN: &str = "default";

pub(super) static ROWS: &[Function] = functions! {
    pure Anywhere Nothing.vps(; name: Text) -> Vps {
        "A VPS by its name; without one the only VPS there is, or the default.",
        "按名称取 VPS；省略名称时取唯一的或默认的那一台。",
        "vps().name" => "tokyo"
    }
    pure Anywhere Nothing.pbh(; name: Text) -> Pbh {
        "A PBH by its name; without one the only PBH there is, or the default.",
        "按名称取 PBH；省略名称时取唯一的或默认的那一个。",
        "pbh().name" => "home"
    }
    pure Anywhere Nothing.downloader(name: Text) -> Downloader {
        "A torrent client by its name.",
        "按名称取下载器。",
        "downloader(\"tokyo-qb\").name" => "tokyo-qb"
    }
    pure Anywhere Nothing.all_vps() -> [Vps] {
        "Every VPS of the configuration.",
        "配置中的所有 VPS。",
        "all_vps().map(|v| v.name)" => "[\"tokyo\"]"
    }
    pure Anywhere Nothing.all_pbh() -> [Pbh] {
        "Every PBH of the configuration.",
        "配置中的所有 PBH。",
        "all_pbh().len()" => "1"
    }
    read Anywhere Nothing.all_downloaders() -> [Downloader] {
        "Every torrent client: those of each PBH and those of the configuration. At load only the latter.",
        "所有下载器：各 PBH 中的与配置中的；加载时只有后者。",
        "\"tokyo-qb\" in all_downloaders().map(|d| d.name)" => "true"
    }
    read Anywhere Vps.downloaders() -> [Downloader] {
        "The torrent clients that run on the VPS.",
        "运行在这台 VPS 上的下载器。",
        "vps().downloaders().map(|d| d.name)" => "[\"tokyo-qb\", \"tokyo-seed\"]"
    }
    read Run Pbh.downloaders() -> [Downloader] {
        "The torrent clients that the PBH knows.",
        "这个 PBH 所管理的下载器。",
        "pbh().downloaders().len() > 0" => "true"
    }
    read Run Downloader.vps() -> (Vps | Null) {
        "The VPS that the torrent client runs on; `()` where that is unknown.",
        "下载器所在的 VPS；未知时为 `()`。",
        "downloader(\"tokyo-qb\").vps()" => "tokyo"
    }
    pure Anywhere Vps.cached(age: (Duration | Text)) -> Vps {
        "The same handle, whose reads take a reply that any script got not longer ago than that.",
        "同一句柄，但读取时可使用任一脚本在该时长内得到的回复。",
        "vps().cached(\"10s\").get_service_info().hostname == vps().get_service_info().hostname" => "true"
    }
    pure Anywhere Pbh.cached(age: (Duration | Text)) -> Pbh {
        "The same handle, whose reads take a reply that any script got not longer ago than that.",
        "同一句柄，但读取时可使用任一脚本在该时长内得到的回复。",
        "pbh().cached(30.seconds).bans_list_all().count() >= 0" => "true"
    }
    pure Anywhere Vps.name -> Text {
        "The name in the configuration.", "配置中的名称。",
        "vps(\"tokyo\").name" => "tokyo"
    }
    pure Anywhere Pbh.name -> Text {
        "The name in the configuration.", "配置中的名称。",
        "pbh(\"home\").name" => "home"
    }
    pure Anywhere Downloader.name -> Text {
        "The client's name.", "下载器的名称。",
        "downloader(\"tokyo-qb\").name" => "tokyo-qb"
    }
    destructive Run Pbh.request(method: Text, path: Text; options: (map of query: {Any}, body: Any)) -> Any {
        "Any request to the PBH, for what the tables do not know yet. A read where the method is GET.",
        "向 PBH 发送任意请求，用于接口表中尚没有的功能。方法为 GET 时是只读。",
        "pbh().request(\"GET\", \"/api/general/status\") != ()" => "true"
    }
};

pub(super) fn add(module: &mut Module) {
    function(module, "vps", |run, name: Option<&str>| Ok(Dynamic::from(Vps::new(choose(run, Service::KiwiVm, name)?))));
    function(module, "pbh", |run, name: Option<&str>| Ok(Dynamic::from(Pbh::new(choose(run, Service::Pbh, name)?))));
    FuncRegistration::new("downloader")
        .in_global_namespace()
        .with_volatility(true)
        .set_into_module(module, |name: ImmutableString| Downloader { name });
    list(module, "all_vps", |run| {
        let names = if anything(run) {
            vec![STAND_IN.to_owned()]
        } else {
            run.host.fleet.vps_names().map(Into::into).collect()
        };
        Ok(names.into_iter().map(|name| Dynamic::from(Vps::new(name))).collect())
    });
    list(module, "all_pbh", |run| {
        let names = if anything(run) {
            vec![STAND_IN.to_owned()]
        } else {
            run.host.fleet.pbh_all().iter().map(|pbh| pbh.name().to_owned()).collect()
        };
        Ok(names.into_iter().map(|name| Dynamic::from(Pbh::new(name))).collect())
    });
    list(module, "all_downloaders", |run| match run.phase {
        Phase::Run => members(run, |fleet, talk| Box::pin(async move { fleet.all_downloaders(&talk).await })),
        Phase::Load { anything: true } => Ok(handles([STAND_IN.to_owned()])),
        Phase::Load { .. } => {
            let config = &run.host.config;
            let named =
                config.vps.values().flat_map(|vps| vps.downloaders.iter().flatten()).chain(config.downloader.keys());
            Ok(handles(named.cloned().collect::<std::collections::BTreeSet<_>>()))
        }
    });
    FuncRegistration::new("downloaders").in_global_namespace().with_volatility(true).set_into_module(
        module,
        |ctx: NativeCallContext, vps: &mut Vps| -> RhaiResult<Array> {
            run_of(Some(&ctx))
                .and_then(|run| vps_downloaders(&run, &vps.name))
                .map_err(|error| raise(Some(&ctx), error))
        },
    );
    FuncRegistration::new("downloaders").in_global_namespace().with_volatility(true).set_into_module(
        module,
        |ctx: NativeCallContext, pbh: &mut Pbh| -> RhaiResult<Array> {
            let name = pbh.name.to_string();
            let found = run_of(Some(&ctx)).and_then(|run| match run.phase {
                Phase::Load { anything: true } => Ok(handles([STAND_IN.to_owned()])),
                _ => members(&run, |fleet, talk| Box::pin(async move { fleet.downloaders_of(&name, &talk).await })),
            });
            found.map_err(|error| raise(Some(&ctx), error))
        },
    );
    FuncRegistration::new("vps").in_global_namespace().with_volatility(true).set_into_module(
        module,
        |ctx: NativeCallContext, downloader: &mut Downloader| -> RhaiResult<Dynamic> {
            run_of(Some(&ctx)).and_then(|run| vps_of(&run, &downloader.name)).map_err(|error| raise(Some(&ctx), error))
        },
    );
    cached(module, |vps: &mut Vps, age| Vps { age: Some(age), ..vps.clone() });
    cached(module, |pbh: &mut Pbh, age| Pbh { age: Some(age), ..pbh.clone() });
    FuncRegistration::new_getter("name").set_into_module(module, |vps: &mut Vps| vps.name.clone());
    FuncRegistration::new_getter("name").set_into_module(module, |pbh: &mut Pbh| pbh.name.clone());
    FuncRegistration::new_getter("name").set_into_module(module, |downloader: &mut Downloader| downloader.name.clone());
    FuncRegistration::new("request").in_global_namespace().with_volatility(true).set_into_module(
        module,
        |ctx: NativeCallContext,
         pbh: &mut Pbh,
         method: ImmutableString,
         path: ImmutableString|
         -> RhaiResult<Dynamic> {
            run_of(Some(&ctx))
                .and_then(|run| bind::request(&run, &pbh.name, &method, &path, &Map::new()))
                .map_err(|error| raise(Some(&ctx), error))
        },
    );
    FuncRegistration::new("request").in_global_namespace().with_volatility(true).set_into_module(
        module,
        |ctx: NativeCallContext,
         pbh: &mut Pbh,
         method: ImmutableString,
         path: ImmutableString,
         options: Map|
         -> RhaiResult<Dynamic> {
            run_of(Some(&ctx))
                .and_then(|run| bind::request(&run, &pbh.name, &method, &path, &options))
                .map_err(|error| raise(Some(&ctx), error))
        },
    );
    for helper in helpers::all() {
        add_helper(module, helper);
    }
}

/// The helper as a method, for every count of arguments: a wrong one gets an error with the signature.
fn add_helper(module: &mut Module, helper: &'static Helper) {
    use std::any::TypeId;
    let handles: &[TypeId] = match helper.on {
        On::Vps => &[TypeId::of::<Vps>()],
        On::Pbh => &[TypeId::of::<Pbh>()],
        On::Downloader => &[TypeId::of::<Downloader>(), TypeId::of::<Array>()],
    };
    for handle in handles {
        for count in 0..=helper.required.len() + 2 {
            let mut types = vec![*handle];
            types.resize(1 + count, TypeId::of::<Dynamic>());
            FuncRegistration::new(helper.id).in_global_namespace().set_into_module_raw(
                module,
                types,
                RhaiFunc::Method {
                    func: Shared::new(move |ctx: Option<NativeCallContext>, args: &mut [&mut Dynamic]| {
                        let call = || {
                            let run = run_of(ctx.as_ref())?;
                            let (subject, age) = subject(args[0])?;
                            let values = args[1..].iter().map(|arg| arg.flatten_clone()).collect();
                            helper.invoke(&run, subject, age, values)
                        };
                        call().map_err(|error| raise(ctx.as_ref(), error))
                    }),
                    has_context: true,
                    is_pure: true,
                    is_volatile: true,
                },
            );
        }
    }
}

/// What a helper was called on, and how old a reply may be there.
fn subject(handle: &Dynamic) -> Result<(Subject, Option<Duration>)> {
    if let Some(vps) = handle.read_lock::<Vps>() {
        return Ok((Subject::One(vps.name.to_string()), vps.age));
    }
    if let Some(pbh) = handle.read_lock::<Pbh>() {
        return Ok((Subject::One(pbh.name.to_string()), pbh.age));
    }
    if let Some(downloader) = handle.read_lock::<Downloader>() {
        return Ok((Subject::One(downloader.name.to_string()), None));
    }
    let names = handle.read_lock::<Array>().and_then(|list| {
        list.iter()
            .map(|item| item.read_lock::<Downloader>().map(|downloader| downloader.name.to_string()))
            .collect::<Option<Vec<_>>>()
    });
    names
        .map(|names| (Subject::Many(names), None))
        .ok_or_else(|| Error::new(Kind::Argument, "the list holds something other than downloaders"))
}

fn anything(run: &Context) -> bool {
    run.phase == Phase::Load { anything: true }
}

/// The name an instance is asked for by, checked against those there are.
fn choose(run: &Context, service: Service, name: Option<&str>) -> Result<String> {
    if anything(run) {
        return Ok(name.unwrap_or(STAND_IN).to_owned());
    }
    let client = match service {
        Service::KiwiVm => run.host.fleet.vps(name)?,
        Service::Pbh => run.host.fleet.pbh(name)?,
    };
    Ok(client.name().to_owned())
}

/// The client behind a handle.
pub(in crate::script) fn client(run: &Context, service: Service, name: &str) -> Result<Arc<Client>> {
    match service {
        Service::KiwiVm => run.host.fleet.vps(Some(name)),
        Service::Pbh => run.host.fleet.pbh(Some(name)),
    }
}

fn handles(names: impl IntoIterator<Item = String>) -> Array {
    names.into_iter().map(|name| Dynamic::from(Downloader { name: name.into() })).collect()
}

type Found = futures::future::LocalBoxFuture<'static, Result<Vec<Arc<crate::fleet::Member>>>>;

fn members(
    run: &Arc<Context>,
    find: impl FnOnce(Arc<crate::fleet::Fleet>, crate::recorder::Talk) -> Found,
) -> Result<Array> {
    let found = find(Arc::clone(&run.host.fleet), run.talk());
    let members = run.wait("downloaders", found)?;
    Ok(handles(members.iter().map(|member| member.name().to_owned())))
}

fn vps_downloaders(run: &Arc<Context>, vps: &str) -> Result<Array> {
    match run.phase {
        Phase::Load { anything: true } => Ok(handles([STAND_IN.to_owned()])),
        // What the configuration says needs no network.
        Phase::Load { .. } if run.host.config.vps.get(vps).is_some_and(|vps| vps.downloaders.is_some()) => {
            Ok(handles(run.host.config.vps[vps].downloaders.iter().flatten().cloned()))
        }
        _ => {
            let vps = vps.to_owned();
            members(run, |fleet, talk| Box::pin(async move { fleet.vps_downloaders(&vps, &talk).await }))
        }
    }
}

fn vps_of(run: &Arc<Context>, downloader: &str) -> Result<Dynamic> {
    if anything(run) {
        return Ok(Dynamic::from(Vps::new(STAND_IN)));
    }
    let talk = run.talk();
    let member = run.wait("vps", run.host.fleet.downloader(downloader, &talk))?;
    Ok(run.host.fleet.vps_of(&member).map_or(Dynamic::UNIT, |name| Dynamic::from(Vps::new(name))))
}

/// `cached("10s")`: the same handle, whose reads take a reply that another script got not longer ago than that.
fn cached<T: Clone + Send + Sync + 'static>(module: &mut Module, aged: fn(&mut T, Duration) -> T) {
    FuncRegistration::new("cached").in_global_namespace().set_into_module(
        module,
        move |ctx: NativeCallContext, handle: &mut T, age: Dynamic| -> RhaiResult<T> {
            let age = options::to_duration("the age of a reply", &age).map_err(|error| raise(Some(&ctx), error))?;
            Ok(aged(handle, age))
        },
    );
}

/// A function with an optional name.
fn function(module: &mut Module, name: &'static str, body: fn(&Context, Option<&str>) -> Result<Dynamic>) {
    FuncRegistration::new(name).in_global_namespace().with_volatility(true).set_into_module(
        module,
        move |ctx: NativeCallContext| -> RhaiResult<Dynamic> {
            run_of(Some(&ctx)).and_then(|run| body(&run, None)).map_err(|error| raise(Some(&ctx), error))
        },
    );
    FuncRegistration::new(name).in_global_namespace().with_volatility(true).set_into_module(
        module,
        move |ctx: NativeCallContext, name: ImmutableString| -> RhaiResult<Dynamic> {
            run_of(Some(&ctx)).and_then(|run| body(&run, Some(&name))).map_err(|error| raise(Some(&ctx), error))
        },
    );
}

/// A function that gives a list of handles.
fn list(module: &mut Module, name: &'static str, body: fn(&Arc<Context>) -> Result<Array>) {
    FuncRegistration::new(name).in_global_namespace().with_volatility(true).set_into_module(
        module,
        move |ctx: NativeCallContext| -> RhaiResult<Array> {
            let found = run_of(Some(&ctx)).and_then(|run| {
                let handles = body(&run)?;
                if handles.is_empty() {
                    run.found_no_instance();
                }
                Ok(handles)
            });
            found.map_err(|error| raise(Some(&ctx), error))
        },
    );
}
