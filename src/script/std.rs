//! The functions scripts see beside the endpoints: one file a subject, each with a row a function.

use std::sync::Arc;

use rhai::{Dynamic, EvalAltResult, FuncRegistration, Module, NativeCallContext, RhaiFunc, Shared};

use crate::error::{Error, Result};

use super::context::Context;
use super::diagnostic::raise;
use super::{engine, lazy};

pub(super) use events::Reply;
pub use function::{Function, On, Param, Ty, When};
pub(super) use state::unpack;
pub(super) use triggers::Registration;

mod encoding;
mod events;
pub(super) mod fleet;
mod files;
pub(super) mod function;
mod lists;
mod messages;
mod parallel;
mod patience;
mod patterns;
mod state;
mod testing;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod triggers;
mod units;
mod web;

/// Functions that belong together.
pub struct Subject {
    /// In English and in Chinese.
    pub title: &'static str,
    pub zh: &'static str,
    pub functions: &'static [Function],
    add: fn(&mut Module),
}

/// All subjects, in the order of the reference.
pub static SUBJECTS: &[Subject] = &[
    Subject { title: "Triggers", zh: "触发器", functions: triggers::ROWS, add: triggers::add },
    Subject { title: "Events", zh: "事件", functions: events::ROWS, add: events::add },
    Subject { title: "Fleet", zh: "实例", functions: fleet::ROWS, add: fleet::add },
    Subject { title: "Time", zh: "时间", functions: time::ROWS, add: time::add },
    Subject { title: "Units and addresses", zh: "单位与地址", functions: units::ROWS, add: units::add },
    Subject { title: "Lists and maps", zh: "列表与映射", functions: lists::ROWS, add: lists::add },
    Subject { title: "Rows of paged endpoints", zh: "分页接口的行", functions: lazy::ROWS, add: lazy::add },
    Subject { title: "Text and JSON", zh: "文本与 JSON", functions: text::ROWS, add: text::add },
    Subject { title: "Regular expressions", zh: "正则表达式", functions: patterns::ROWS, add: patterns::add },
    Subject {
        title: "CSV, tables and encodings",
        zh: "CSV、表格与编码",
        functions: encoding::ROWS,
        add: encoding::add,
    },
    Subject { title: "Several at a time", zh: "并行", functions: parallel::ROWS, add: parallel::add },
    Subject { title: "Trying again", zh: "重试与等待", functions: patience::ROWS, add: patience::add },
    Subject { title: "State", zh: "状态", functions: state::ROWS, add: state::add },
    Subject { title: "Log and messages", zh: "日志与消息", functions: messages::ROWS, add: messages::add },
    Subject { title: "HTTP and network", zh: "HTTP 与网络", functions: web::ROWS, add: web::add },
    Subject { title: "Files and publishing", zh: "文件与发布", functions: files::ROWS, add: files::add },
    Subject { title: "Tests", zh: "测试", functions: testing::ROWS, add: testing::add },
];

/// Every function, method and field, by subject.
pub fn functions() -> impl Iterator<Item = &'static Function> + Clone {
    SUBJECTS.iter().flat_map(|subject| subject.functions)
}

/// All of them as one shared module.
pub(super) fn module() -> Shared<Module> {
    let mut module = Module::new();
    for subject in SUBJECTS {
        (subject.add)(&mut module);
    }
    module.build_index();
    module.into()
}

/// Registers a function of `N` arguments of any type; what they must be, its body says in words.
fn add_fn<const N: usize>(
    module: &mut Module,
    name: &'static str,
    body: impl Fn(&NativeCallContext, &Arc<Context>, [Dynamic; N]) -> Result<Dynamic> + Send + Sync + 'static,
) {
    let func = move |ctx: Option<NativeCallContext>, args: &mut [&mut Dynamic]| {
        let Some(ctx) = ctx else { return Ok(Dynamic::UNIT) };
        let values = std::array::from_fn(|i| args[i].flatten_clone());
        let value = run_of(Some(&ctx)).and_then(|run| body(&ctx, &run, values));
        value.map_err(|error| -> Box<EvalAltResult> { raise(Some(&ctx), error) })
    };
    FuncRegistration::new(name).in_global_namespace().set_into_module_raw(
        module,
        [std::any::TypeId::of::<Dynamic>(); N],
        RhaiFunc::Pure { func: Shared::new(func), has_context: true, is_pure: true, is_volatile: true },
    );
}

/// The run that a host function was called from.
///
/// # Errors
/// `internal` outside a run, which cannot happen to a script.
pub(super) fn run_of(ctx: Option<&NativeCallContext>) -> Result<Arc<Context>> {
    engine::context(ctx.and_then(NativeCallContext::tag))
        .ok_or_else(|| Error::internal("a host function was called outside a run"))
}

/// The zone of the configuration.
fn zone_of(ctx: &NativeCallContext) -> chrono_tz::Tz {
    run_of(Some(ctx)).map_or(chrono_tz::Tz::UTC, |run| run.host.config.timezone)
}
