//! The functions scripts see beside the endpoints: one file a subject.

use std::sync::Arc;

use rhai::{Module, NativeCallContext, Shared};

use crate::error::{Error, Result};

use super::context::Context;
use super::engine;

pub(super) use triggers::Registration;

pub(super) mod fleet;
mod lists;
mod messages;
mod parallel;
mod state;
mod text;
mod time;
mod triggers;
mod units;

/// All of them as one shared module.
pub(super) fn module() -> Shared<Module> {
    let mut module = Module::new();
    for add in [
        time::add,
        units::add,
        text::add,
        lists::add,
        parallel::add,
        messages::add,
        state::add,
        triggers::add,
        fleet::add,
    ] {
        add(&mut module);
    }
    module.build_index();
    module.into()
}

/// The run that a host function was called from.
///
/// # Errors
/// `internal` outside a run, which cannot happen to a script.
pub(super) fn run_of(ctx: Option<&NativeCallContext>) -> Result<Arc<Context>> {
    engine::context(ctx.and_then(NativeCallContext::tag))
        .ok_or_else(|| Error::internal("a host function was called outside a run"))
}
