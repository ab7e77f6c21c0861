//! What is read as it is needed: the rows of a paged endpoint, the messages of a stream.

mod messages;

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use rhai::{
    Array, Dynamic, Engine, EvalAltResult, FnPtr, FuncRegistration, GlobalRuntimeState, INT, Map, Module,
    NativeCallContext, Position,
};

use crate::api::Row;
use crate::client::Args;
use crate::error::{Error, Kind, Result};

use super::bind::{self, Instance, Reading};
use super::context::Context;
use super::diagnostic::{raise, raise_at};
use super::engine;
use super::handler::detach;
use super::modules::Imports;
use super::std::function::{Function, functions};
use super::std::run_of;
use super::value::display;

use messages::Messages;

type RhaiResult<T> = std::result::Result<T, Box<EvalAltResult>>;

/// What `bans_list_all()` and `logs_live()` give. Nothing is asked before rows are needed, and no more pages than are needed.
/// Each way through it (a loop, `count`, `to_array`) begins with the first page, or opens the stream anew.
///
/// Pages are numbered by the server while its list changes. A row that moves to a later page meanwhile is
/// given once, where rows have an identity. A row that moves to an earlier page, because others before it
/// went away, is missed: no paging can promise otherwise.
#[derive(Clone)]
pub(super) struct Lazy {
    run: Arc<Context>,
    row: &'static Row,
    instance: Instance,
    args: Args,
    /// How much of a stream is wanted; nothing for pages.
    reading: Option<Reading>,
    steps: Vec<Step>,
}

/// What happens to each row on its way.
#[derive(Clone)]
enum Step {
    Map(Closure),
    Filter(Closure),
    Take(usize),
}

/// A closure and where it was handed over, so that it can be called later.
#[derive(Clone)]
struct Closure {
    function: FnPtr,
    name: String,
    source: Option<String>,
    global: Box<GlobalRuntimeState>,
    position: Position,
}

impl Closure {
    fn new(ctx: &NativeCallContext, function: &FnPtr) -> Self {
        let mut global = ctx.global_runtime_state().clone();
        global.num_operations = 0;
        Self {
            function: detach(function),
            name: ctx.fn_name().into(),
            source: ctx.call_source().map(Into::into),
            global: Box::new(global),
            position: ctx.call_position(),
        }
    }

    fn call(&self, engine: &Engine, item: Dynamic) -> RhaiResult<Dynamic> {
        let ctx = NativeCallContext::new_with_all_fields(
            engine,
            &self.name,
            self.source.as_deref(),
            &self.global,
            self.position,
        );
        self.function.call_raw(&ctx, None, [item])
    }
}

impl fmt::Display for Lazy {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let what = if self.reading.is_some() { "messages" } else { "rows" };
        write!(f, "{what} of {} on {}, not read yet: see `to_array()`", self.row.id, self.instance.name)
    }
}

impl Lazy {
    /// Rows in a page: the most that every server gives, since few pages change less while they are read.
    const PAGE: usize = 1000;
    /// And the fewest that are worth a request.
    const SHORT_PAGE: usize = 100;

    /// The rows of all pages.
    pub(super) fn pages_of(run: &Arc<Context>, row: &'static Row, instance: Instance, args: Args) -> Self {
        Self { run: Arc::clone(run), row, instance, args, reading: None, steps: Vec::new() }
    }

    /// The messages of a stream.
    pub(super) fn messages_of(
        run: &Arc<Context>,
        row: &'static Row,
        instance: Instance,
        args: Args,
        reading: Reading,
    ) -> Self {
        Self { reading: Some(reading), ..Self::pages_of(run, row, instance, args) }
    }

    /// The same on behalf of the run that asks now, which may be another one in a session.
    fn in_run(&self, ctx: &NativeCallContext) -> RhaiResult<Self> {
        let run = run_of(Some(ctx)).map_err(|error| raise(Some(ctx), error))?;
        Ok(Self { run, ..self.clone() })
    }

    fn with(&self, step: Step) -> Self {
        let mut next = self.clone();
        next.steps.push(step);
        next
    }

    fn option(&self, name: &str) -> Option<i64> {
        self.args.0.iter().find(|(param, _)| param.name == name).and_then(|(_, value)| value.as_i64())
    }

    fn pages(&self) -> Pages {
        let size = match (self.option("pageSize"), self.steps.first()) {
            (Some(size), _) => size.max(1),
            (None, Some(Step::Take(n))) => whole((*n).clamp(Self::SHORT_PAGE, Self::PAGE)),
            _ => whole(Self::PAGE),
        };
        let page = self.option("page").unwrap_or(1);
        Pages {
            lazy: self.clone(),
            page,
            size,
            ready: VecDeque::new(),
            seen: HashSet::new(),
            read: (page - 1).saturating_mul(size),
            done: false,
        }
    }

    fn reader(&self) -> Reader {
        let left = |step: &Step| match step {
            Step::Take(n) => *n,
            _ => usize::MAX,
        };
        let source = match self.reading {
            Some(reading) => Source::Messages(Box::new(Messages::new(self.clone(), reading))),
            None => Source::Pages(Box::new(self.pages())),
        };
        Reader { source, steps: self.steps.clone(), left: self.steps.iter().map(left).collect() }
    }

    /// How many rows there are. Where nothing is done to them the first page tells.
    fn count(&self, engine: &Engine) -> RhaiResult<INT> {
        if self.steps.is_empty() && self.reading.is_none() && self.option("page").is_none() {
            let mut pages = self.pages();
            pages.size = whole(Self::SHORT_PAGE);
            let (_, total) = pages.ask().map_err(|error| raise_at(Position::NONE, error))?;
            if let Some(total) = total {
                return Ok(total);
            }
        }
        let mut reader = self.reader();
        let mut count = 0;
        while reader.next(engine)?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// All of it.
    pub(super) fn to_array(&self, engine: &Engine) -> RhaiResult<Array> {
        let most = self.run.host.config.limits.array;
        let mut reader = self.reader();
        let mut array = Array::new();
        while let Some(item) = reader.next(engine)? {
            if array.len() >= most {
                let error = Error::new(Kind::Limit, format!("`{}` has more than {most} rows", self.row.id))
                    .hint("read them in a `for` loop, or raise `array` under `[limits]`");
                return Err(raise_at(Position::NONE, error));
            }
            array.push(item);
        }
        Ok(array)
    }

    /// For a `for` loop, which hands over no engine.
    fn rows(self) -> impl Iterator<Item = RhaiResult<Dynamic>> {
        let engine = self.steps.iter().any(|step| !matches!(step, Step::Take(_))).then(|| {
            let imports = Imports::new(&self.run.host.config.scripts);
            engine::build(&self.run, &imports)
        });
        let engine = engine.unwrap_or_else(engine::bare);
        let mut reader = self.reader();
        let mut failed = false;
        std::iter::from_fn(move || {
            if failed {
                return None;
            }
            let next = reader.next(&engine);
            failed = next.is_err();
            next.transpose()
        })
    }
}

/// The pages as they come.
struct Pages {
    lazy: Lazy,
    /// The next one, from 1.
    page: i64,
    size: i64,
    ready: VecDeque<Dynamic>,
    /// The identities of the rows so far.
    seen: HashSet<String>,
    /// Rows of the pages so far, with those that came again.
    read: i64,
    done: bool,
}

impl Pages {
    fn next(&mut self) -> Result<Option<Dynamic>> {
        while self.ready.is_empty() && !self.done {
            let (rows, total) = self.ask()?;
            let length = whole(rows.len());
            self.page += 1;
            self.read += length;
            let identity = self.lazy.row.extra.identity;
            self.ready.extend(rows.into_iter().filter(|row| match key(row, identity) {
                Some(key) => self.seen.insert(key),
                None => true,
            }));
            self.done = match total {
                Some(total) => length == 0 || self.read >= total,
                // A plain list: a server that does not number its pages sends the same one again.
                None => length < self.size || self.ready.is_empty(),
            };
        }
        Ok(self.ready.pop_front())
    }

    /// One page, and how many rows there are in all, where the server says it.
    fn ask(&self) -> Result<(Array, Option<i64>)> {
        let Lazy { run, row, instance, args, .. } = &self.lazy;
        let mut args = args.clone();
        for (name, value) in [("page", self.page), ("pageSize", self.size)] {
            let param = row
                .optional()
                .find(|param| param.name == name)
                .ok_or_else(|| Error::internal(format!("the paged row `{}` has no parameter `{name}`", row.id)))?;
            args.0.retain(|(other, _)| other.name != name);
            args.0.push((param, value.into()));
        }
        let page = bind::endpoint(run, row, instance, &args)?;
        if page.is_array() {
            return Ok((page.into_array().unwrap_or_default(), None));
        }
        let Some(mut page) = page.try_cast::<Map>() else { return Ok((Array::new(), Some(0))) };
        let total = page.get("total").and_then(|total| total.as_int().ok());
        let rows = page.remove("results").and_then(|rows| rows.into_array().ok()).unwrap_or_default();
        Ok((rows, Some(total.unwrap_or(0))))
    }
}

/// What tells a row from the others.
fn key(row: &Dynamic, identity: &[&str]) -> Option<String> {
    let row = row.read_lock::<Map>()?;
    let mut key = String::new();
    for field in identity {
        key += &display(row.get(*field)?, chrono_tz::Tz::UTC);
        key.push('\n');
    }
    (!identity.is_empty()).then_some(key)
}

/// Where rows come from.
enum Source {
    Pages(Box<Pages>),
    Messages(Box<Messages>),
}

impl Source {
    fn next(&mut self) -> Result<Option<Dynamic>> {
        match self {
            Self::Pages(pages) => pages.next(),
            Self::Messages(messages) => messages.next(),
        }
    }
}

/// The rows after all steps.
struct Reader {
    source: Source,
    steps: Vec<Step>,
    /// For each step how many rows it lets through yet.
    left: Vec<usize>,
}

impl Reader {
    fn next(&mut self, engine: &Engine) -> RhaiResult<Option<Dynamic>> {
        let Self { source, steps, left } = self;
        'rows: loop {
            // Not one page more than is needed.
            if left.contains(&0) {
                return Ok(None);
            }
            let next = source.next().map_err(|error| raise_at(Position::NONE, error))?;
            let Some(mut item) = next else { return Ok(None) };
            for (step, left) in steps.iter().zip(left.iter_mut()) {
                match step {
                    Step::Map(closure) => item = closure.call(engine, item)?,
                    Step::Filter(closure) => {
                        if !truth(&closure.call(engine, item.clone())?, closure.position)? {
                            continue 'rows;
                        }
                    }
                    Step::Take(_) => *left -= 1,
                }
            }
            return Ok(Some(item));
        }
    }
}

fn truth(value: &Dynamic, position: Position) -> RhaiResult<bool> {
    value.as_bool().map_err(|_| {
        let found = super::value::type_name(value);
        raise_at(position, Error::new(Kind::Type, format!("the closure of `filter` gives a bool, not {found}")))
    })
}

fn whole(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(super) static ROWS: &[Function] = functions! {
    read Run Rows.map(closure: (fn 1)) -> Rows {
        "What the closure gives for each row, as they are read.", "对读到的每一行调用闭包。",
        "pbh().bans_list_all().map(|ban| ban.key).count() >= 0" => "true"
    }
    read Run Rows.filter(closure: (fn 1)) -> Rows {
        "The rows for which the closure gives true, as they are read.", "只保留闭包为 true 的行。",
        "pbh().bans_list_all().filter(|ban| true).count() >= 0" => "true"
    }
    read Run Rows.take(n: Int) -> Rows {
        "The first rows; no more pages are asked for than they need.", "前若干行；只请求所需的页。",
        "pbh().bans_list_all().take(5).to_array().len() <= 5" => "true"
    }
    read Run Rows.count() -> Int {
        "How many rows there are.", "行数。",
        "pbh().bans_list_all().count() >= 0" => "true"
    }
    read Run Rows.to_array() -> [Item] {
        "All rows as a list.", "把所有行读成列表。",
        "pbh().bans_list_all().to_array().len() >= 0" => "true"
    }
};

/// What scripts do with it.
pub(super) fn add(module: &mut Module) {
    type Steps = fn(Closure) -> Step;
    let steps: [(&str, Steps); 2] = [("map", Step::Map), ("filter", Step::Filter)];
    for (name, step) in steps {
        FuncRegistration::new(name).in_global_namespace().with_purity(true).set_into_module(
            module,
            move |ctx: NativeCallContext, lazy: &mut Lazy, closure: FnPtr| -> RhaiResult<Lazy> {
                Ok(lazy.in_run(&ctx)?.with(step(Closure::new(&ctx, &closure))))
            },
        );
    }
    FuncRegistration::new("take").in_global_namespace().with_purity(true).set_into_module(
        module,
        |ctx: NativeCallContext, lazy: &mut Lazy, n: INT| -> RhaiResult<Lazy> {
            Ok(lazy.in_run(&ctx)?.with(Step::Take(usize::try_from(n).unwrap_or(0))))
        },
    );
    FuncRegistration::new("count").in_global_namespace().with_purity(true).with_volatility(true).set_into_module(
        module,
        |ctx: NativeCallContext, lazy: &mut Lazy| -> RhaiResult<INT> {
            lazy.in_run(&ctx)?.count(ctx.engine()).map_err(|error| at(&ctx, error))
        },
    );
    FuncRegistration::new("to_array").in_global_namespace().with_purity(true).with_volatility(true).set_into_module(
        module,
        |ctx: NativeCallContext, lazy: &mut Lazy| -> RhaiResult<Array> {
            lazy.in_run(&ctx)?.to_array(ctx.engine()).map_err(|error| at(&ctx, error))
        },
    );
    module.set_iter_result(std::any::TypeId::of::<Lazy>(), |lazy| Box::new(lazy.cast::<Lazy>().rows()));
}

/// An error without a place of its own happened at the call.
fn at(ctx: &NativeCallContext, mut error: Box<EvalAltResult>) -> Box<EvalAltResult> {
    if error.position().is_none() {
        error.set_position(ctx.call_position());
    }
    error
}
