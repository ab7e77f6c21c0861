//! Handlers: the closures of a trigger, ready to be called long after the script was loaded.

use std::sync::Arc;

use rhai::{Dynamic, Engine, EvalAltResult, FnPtr, GlobalRuntimeState, NativeCallContext};
use serde_json::{Value, json};

use crate::api::Type;
use crate::error::{Error, Kind, Result};
use crate::events;
use crate::schedule::{Rule, Timetable};
use crate::time::{Duration, Time};
use crate::trace::{Came, Condition};

use super::context::Context;
use super::diagnostic::from_rhai;
use super::engine;
use super::modules::Imports;
use super::std::{Reply, unpack};
use super::value;

/// What all triggers of one version of a script share.
pub(super) struct Version {
    /// As errors call the script.
    pub(super) file: String,
    pub(super) imports: Imports,
    /// The script's own functions, for suggestions.
    pub(super) functions: Vec<String>,
    /// Its triggers by name, for those who want one to fire later.
    pub(super) triggers: Arc<[String]>,
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
    Call {
        closure: FnPtr,
        argument: Argument,
    },
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

/// What the closure of a trigger is given.
#[derive(Clone)]
pub(super) enum Argument {
    /// `#{name, at, data}` with the trigger's name.
    Occasion,
    /// The same with the name of an event.
    Event(String),
    /// What happened, as it is; the sample where a person runs it by hand.
    Data { sample: Value },
    /// The entry in force.
    Entry { table: Timetable, entries: Vec<Dynamic> },
}

/// Why a handler runs: what its closure is told.
#[derive(Clone, Debug, Default)]
pub struct Occasion {
    /// `None` where nothing was due.
    pub due: Option<Time>,
    pub data: Value,
}

/// What a closure gave.
#[derive(Clone, Debug, Default)]
pub struct Returned {
    pub value: Value,
    /// Where it was `reply(status, body)`.
    pub status: Option<u16>,
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

    /// Runs it in `context`, on this thread, and gives what its closure returned, for a person: secrets masked.
    ///
    /// # Errors
    /// The one that ended the run, with file, line and column.
    pub fn fire(&self, context: &Arc<Context>) -> Result<Value> {
        let _working = context.work()?;
        self.call(context, &Occasion::default()).map(|returned| context.host.masker.mask_json(returned.value))
    }

    /// The same on a thread that has begun to work already ([`Context::begin`]).
    ///
    /// # Errors
    /// As [`Self::fire`].
    pub fn call(&self, context: &Arc<Context>, occasion: &Occasion) -> Result<Returned> {
        let Inner { version, site, action } = &*self.0;
        context.triggers.get_or_init(|| Arc::clone(&version.triggers));
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
        let plain = |value: &Dynamic| Returned { value: value::to_json(value, zone), status: None };
        match action {
            Action::Call { closure, argument } => {
                let now = context.host.clock.now();
                let Some(argument) = argument.value(context, occasion, now) else { return Ok(Returned::default()) };
                let value = call(closure, vec![argument])?;
                Ok(match value.read_lock::<Reply>() {
                    Some(reply) => Returned { status: Some(reply.status), ..plain(&reply.body) },
                    None => plain(&value),
                })
            }
            Action::When { read, enter, leave, rule, hold, trigger } => {
                let reading = call(read, Vec::new())?;
                let memory = Memory { context, key: format!("when/{}/{trigger}", context.script) };
                let before = memory.load()?;
                let inside = rule.inside(before.inside, measure(&reading, *rule)?);
                let now = context.host.clock.now();
                let since = before.since.filter(|_| before.towards == Some(inside)).unwrap_or(now);
                let was = before.inside.unwrap_or(false);
                let holds_on = inside != was && hold.is_some_and(|hold| now - since < hold);
                // One that failed half way may have left something behind, and is left like any other.
                let leaves = !inside && (was || before.tried);
                let came = match (inside, was) {
                    _ if holds_on => Came::NotYet,
                    (true, false) => Came::Entered,
                    _ if leaves => Came::Left,
                    _ => Came::Stayed,
                };
                let (value, rule) = (value::to_json(&reading, zone), rule.to_string());
                context.has_read(Condition { value, rule, before: before.inside, inside, came });
                if holds_on {
                    let towards = Some(inside);
                    memory.save(&Edge { inside: before.inside, towards, since: Some(since), tried: before.tried })?;
                    context.reads_inside(was);
                    return Ok(plain(&reading));
                }
                if before.inside.is_none() || inside != was || leaves {
                    // Remembered only once the closure went through, so that a failed one is tried
                    // again at the next reading.
                    match (inside, leave) {
                        (true, _) => {
                            let towards = Some(true);
                            memory.save(&Edge { inside: before.inside, towards, since: Some(since), tried: true })?;
                            drop(call(enter, vec![reading.clone()])?);
                        }
                        (false, Some(leave)) if leaves => drop(call(leave, vec![reading.clone()])?),
                        _ => {}
                    }
                    memory.save(&Edge { inside: Some(inside), ..Edge::default() })?;
                }
                context.reads_inside(inside);
                Ok(plain(&reading))
            }
        }
    }
}

impl Argument {
    /// What the closure gets; `None` where there is nothing to call it with.
    fn value(&self, context: &Context, occasion: &Occasion, now: Time) -> Option<Dynamic> {
        let at = occasion.due.unwrap_or(now);
        let map = |name: &str, data: Dynamic| {
            let at = Dynamic::from(at);
            rhai::Map::from([("name".into(), name.into()), ("at".into(), at), ("data".into(), data)]).into()
        };
        match self {
            Self::Occasion => Some(map(context.trigger.as_deref().unwrap_or_default(), unpack(&occasion.data))),
            Self::Event(name) => {
                let data = match (events::item_type(name), &occasion.data) {
                    (Some(ty), rows) => batch(rows, ty),
                    (None, data) => unpack(data),
                };
                Some(map(name, data))
            }
            Self::Data { sample } if occasion.data.is_null() => Some(value::from_json(sample)),
            Self::Data { .. } => Some(value::from_json(&occasion.data)),
            Self::Entry { table, entries } => table.in_force(at).map(|position| entries[position].clone()),
        }
    }
}

/// Rows of a known type.
fn batch(rows: &Value, ty: &Type) -> Dynamic {
    let rows = rows.as_array().into_iter().flatten();
    rows.map(|row| value::typed(row, ty)).collect::<rhai::Array>().into()
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
    /// The closure for coming inside began, and did not go through.
    tried: bool,
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
                tried: value["tried"].as_bool().unwrap_or_default(),
            })
            .unwrap_or_default())
    }

    fn save(&self, edge: &Edge) -> Result<()> {
        let store = &self.context.host.store;
        let value = json!({
            "inside": edge.inside, "towards": edge.towards, "since": edge.since.map(Time::millis), "tried": edge.tried,
        });
        self.context.wait("when", async { store.set("tidegate", &self.key(), &value, None).await })
    }
}
