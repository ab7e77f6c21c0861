//! Handlers: the closures of a trigger, ready to be called long after the script was loaded.

use std::sync::Arc;

use rhai::{Dynamic, Engine, EvalAltResult, FnPtr, GlobalRuntimeState, NativeCallContext};
use serde_json::{Value, json};

use crate::error::{Error, Kind, Result};
use crate::schedule::Rule;
use crate::time::{Duration, Time};

use super::context::Context;
use super::diagnostic::from_rhai;
use super::engine;
use super::modules::Imports;
use super::value;

/// What all triggers of one version of a script share.
pub(super) struct Version {
    /// As errors call the script.
    pub(super) file: String,
    pub(super) imports: Imports,
    /// The script's own functions, for suggestions.
    pub(super) functions: Vec<String>,
    /// Constants of the top level, complete only after the load.
    pub(super) constants: Constants,
}

pub(super) type Constants = Arc<std::sync::RwLock<std::collections::BTreeMap<rhai::ImmutableString, Dynamic>>>;

/// The place of a registration: what the interpreter knew there.
#[derive(Clone)]
pub(super) struct Site {
    global: GlobalRuntimeState,
    name: String,
    position: rhai::Position,
}

impl Site {
    pub(super) fn of(ctx: &NativeCallContext) -> Self {
        let mut global = ctx.global_runtime_state().clone();
        // The run that registered it is over; the one that calls it puts itself here.
        global.tag = Dynamic::UNIT;
        Self { global, name: ctx.fn_name().into(), position: ctx.call_position() }
    }

    pub(super) fn position(&self) -> rhai::Position {
        self.position
    }

    /// Calls a closure as if at this place, in another run.
    fn call(
        &self,
        engine: &Engine,
        run: &Arc<Context>,
        version: &Version,
        closure: &FnPtr,
        mut args: Vec<Dynamic>,
    ) -> std::result::Result<Dynamic, Box<EvalAltResult>> {
        let mut global = self.global.clone();
        global.tag = engine::tag(run);
        global.num_operations = 0;
        global.constants = Some(Arc::clone(&version.constants));
        let ctx =
            NativeCallContext::new_with_all_fields(engine, &self.name, Some(&version.file), &global, self.position);
        args.truncate(arity(&global, closure).unwrap_or(args.len()));
        detach(closure).call_raw(&ctx, None, args)
    }
}

/// How many arguments a closure takes from its caller, captured variables not counted.
pub(super) fn arity(global: &GlobalRuntimeState, closure: &FnPtr) -> Option<usize> {
    let captured = closure.curry().len();
    (0..=8).find(|n| global.lib.iter().any(|module| module.get_script_fn(closure.fn_name(), captured + n).is_some()))
}

/// A closure whose captured variables are its own: registrations in a loop, and runs, share nothing.
pub(super) fn detach(closure: &FnPtr) -> FnPtr {
    let mut own = closure.clone();
    for value in own.iter_curry_mut() {
        *value = value.flatten_clone();
    }
    own
}

/// What a trigger does.
#[derive(Clone)]
pub(super) enum Action {
    Call(FnPtr),
    When {
        read: FnPtr,
        enter: FnPtr,
        leave: Option<FnPtr>,
        rule: Rule,
        /// How long the condition must hold before it counts.
        hold: Option<Duration>,
        trigger: String,
    },
}

/// The closures of one trigger. Opaque to whoever keeps it.
#[derive(Clone)]
pub struct Handler(Arc<Inner>);

struct Inner {
    version: Arc<Version>,
    site: Site,
    action: Action,
}

impl Handler {
    pub(super) fn new(version: Arc<Version>, site: Site, action: Action) -> Self {
        Self(Arc::new(Inner { version, site, action }))
    }

    /// Runs it in `context`, on this thread, and gives what its closure returned.
    ///
    /// # Errors
    /// The one that ended the run, with file, line and column.
    pub fn fire(&self, context: &Arc<Context>) -> Result<Value> {
        let _working = context.work()?;
        self.call(context)
    }

    /// The same on a thread that has begun to work already ([`Context::begin`]).
    ///
    /// # Errors
    /// As [`Self::fire`].
    pub fn call(&self, context: &Arc<Context>) -> Result<Value> {
        let Inner { version, site, action } = &*self.0;
        let engine = engine::build(context, &version.imports);
        let call = |closure: &FnPtr, args: Vec<Dynamic>| -> Result<Dynamic> {
            match site.call(&engine, context, version, closure, args) {
                Ok(value) => Ok(value),
                Err(error) => match *error {
                    EvalAltResult::Exit(value, _) => Ok(value),
                    error => Err(from_rhai(&error, &version.file, &engine::Known { script: &version.functions })),
                },
            }
        };
        let zone = context.host.config.timezone;
        let occasion = || {
            let map = rhai::Map::from([
                ("name".into(), context.trigger.as_deref().unwrap_or_default().into()),
                ("at".into(), Dynamic::from(context.host.clock.now())),
                ("data".into(), Dynamic::UNIT),
            ]);
            vec![map.into()]
        };
        match action {
            Action::Call(closure) => call(closure, occasion()).map(|value| value::to_json(&value, zone)),
            Action::When { read, enter, leave, rule, hold, trigger } => {
                let reading = call(read, Vec::new())?;
                let memory = Memory { context, key: format!("when/{}/{trigger}", context.script) };
                let before = memory.load()?;
                let inside = rule.inside(before.inside, measure(&reading, *rule)?);
                let now = context.host.clock.now();
                let since = before.since.filter(|_| before.towards == Some(inside)).unwrap_or(now);
                let was = before.inside.unwrap_or(false);
                if inside != was && hold.is_some_and(|hold| now - since < hold) {
                    memory.save(&Edge { inside: before.inside, towards: Some(inside), since: Some(since) })?;
                    context.reads_inside(was);
                    return Ok(value::to_json(&reading, zone));
                }
                if before.inside.is_none() || inside != was {
                    // Remembered only once the closure went through, so that a failed one is tried
                    // again at the next reading.
                    match (inside, leave) {
                        (true, _) => drop(call(enter, vec![reading.clone()])?),
                        (false, Some(leave)) if was => drop(call(leave, vec![reading.clone()])?),
                        _ => {}
                    }
                    memory.save(&Edge { inside: Some(inside), towards: None, since: None })?;
                }
                context.reads_inside(inside);
                Ok(value::to_json(&reading, zone))
            }
        }
    }
}

/// A reading as a number; for a bool, 1 or 0.
#[expect(clippy::cast_precision_loss, reason = "thresholds are floats")]
fn measure(reading: &Dynamic, rule: Rule) -> Result<f64> {
    let wanted = if rule == Rule::Bool { "a bool" } else { "a number" };
    let value = match rule {
        Rule::Bool => reading.as_bool().ok().map(|inside| if inside { 1.0 } else { 0.0 }),
        _ => reading.as_int().map(|int| int as f64).or_else(|_| reading.as_float()).ok(),
    };
    value.ok_or_else(|| {
        Error::new(Kind::Type, format!("the condition gave {}, not {wanted}", value::type_name(reading)))
            .hint("with `above` or `below` the first closure gives a number, without them `true` or `false`")
    })
}

/// What a `when` trigger remembers between its readings, across reload and restart.
#[derive(Default)]
struct Edge {
    inside: Option<bool>,
    /// The side that is not yet held long enough.
    towards: Option<bool>,
    since: Option<Time>,
}

struct Memory<'a> {
    context: &'a Context,
    key: String,
}

impl Memory<'_> {
    /// A dry run remembers apart, so that the first live reading is an edge again.
    fn key(&self) -> String {
        if self.context.is_dry() { format!("watch/{}", self.key) } else { self.key.clone() }
    }

    fn load(&self) -> Result<Edge> {
        let store = &self.context.host.store;
        let value = self.context.wait("when", async { store.get("tidegate", &self.key()).await })?;
        Ok(value
            .map(|value| Edge {
                inside: value["inside"].as_bool(),
                towards: value["towards"].as_bool(),
                since: value["since"].as_i64().map(Time::from_millis),
            })
            .unwrap_or_default())
    }

    fn save(&self, edge: &Edge) -> Result<()> {
        let store = &self.context.host.store;
        let value = json!({"inside": edge.inside, "towards": edge.towards, "since": edge.since.map(Time::millis)});
        self.context.wait("when", async { store.set("tidegate", &self.key(), &value, None).await })
    }
}
