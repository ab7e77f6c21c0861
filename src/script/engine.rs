//! The one place that builds Rhai engines and compiles scripts.
//!
//! An engine belongs to one run: print, deadline, permissions and cancellation are closures over that
//! run, so nothing is shared behind a lock. The modules with all functions are built once per process.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use rhai::packages::{Package, StandardPackage};
use rhai::{
    AST, Dynamic, Engine, EvalAltResult, LexError, Module, OptimizationLevel, ParseErrorType, Position, Scope, Shared,
    Token,
};

use crate::api::{Service, Type};
use crate::journal::Level;

use crate::store::{SHARED, scope_of};

use super::context::Context;
use super::diagnostic::{Names, ascii_twin, near, to_map};
use super::handler::Constants;
use super::handles::{Downloader, Http, Pbh, State, Vps};
use super::helpers;
use super::modules::Imports;
use super::{bind, operators, std as library};

/// Every function that scripts see. Immutable, so that all engines share it.
struct Modules {
    standard: Shared<Module>,
    own: Vec<Shared<Module>>,
}

static MODULES: LazyLock<Modules> = LazyLock::new(|| Modules {
    standard: StandardPackage::new().as_shared_module(),
    own: vec![operators::module(), library::module(), bind::module()],
});

/// The name of every function that scripts see, for suggestions and the checker.
static NAMES: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let engine = bare();
    let names = engine.gen_fn_signatures(true).into_iter().filter_map(|signature| {
        let name = signature.split(['(', ' ']).next()?.to_owned();
        name.starts_with(|c: char| c.is_alphabetic() || c == '_').then_some(name)
    });
    names.map(|name| name.trim_start_matches("get$").trim_start_matches("set$").to_owned()).collect()
});

/// The name of every field that a reply or a helper's result may have, for suggestions.
static FIELDS: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    let mut names = BTreeSet::new();
    let mut open: Vec<&Type> = helpers::all().map(|helper| &helper.returns).collect();
    open.extend(library::functions().filter_map(|function| function.returns.plain()));
    open.extend(Service::ALL.into_iter().flat_map(Service::rows).map(|row| &row.returns));
    let mut seen = BTreeSet::new();
    while let Some(ty) = open.pop() {
        match ty {
            Type::List(inner) | Type::Map(inner) | Type::Null_(inner) | Type::Page(inner) => open.push(inner),
            Type::Shape(shape) if seen.insert(shape.name) => {
                names.extend(shape.fields.iter().map(|field| field.name));
                open.extend(shape.fields.iter().map(|field| &field.ty));
            }
            _ => {}
        }
    }
    names
});

/// The functions known by name, and those of a script.
pub(super) struct Known<'a> {
    pub(super) script: &'a [String],
}

impl Names for Known<'_> {
    fn function(&self, name: &str) -> Option<String> {
        near(name, NAMES.iter().chain(self.script))
    }

    fn has_function(&self, name: &str) -> bool {
        NAMES.contains(name) || self.script.iter().any(|known| known == name)
    }

    fn field(&self, name: &str) -> Option<String> {
        near(name, &*FIELDS).filter(|near| near != name)
    }
}

/// What a run remembers itself by inside the interpreter; see [`context`].
#[derive(Clone)]
struct Tag(Arc<Context>);

/// The tag by which host functions find their run.
pub(super) fn tag(context: &Arc<Context>) -> Dynamic {
    Dynamic::from(Tag(Arc::clone(context)))
}

/// The run that a host function was called from.
pub(super) fn context(tag: Option<&Dynamic>) -> Option<Arc<Context>> {
    Some(Arc::clone(&tag?.read_lock::<Tag>()?.0))
}

/// With all functions, and without a run.
pub(super) fn bare() -> Engine {
    #[expect(clippy::disallowed_methods, reason = "the one place that builds engines")]
    let mut engine = Engine::new_raw();
    // The optimiser folds `950 / 1000` to 0 and constant maps to `()`.
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_fast_operators(false);
    engine.set_fail_on_invalid_map_property(true);
    engine.disable_symbol("eval");
    // Rhai's words for what only a host knows better.
    engine.set_max_expr_depths(128, 128);
    engine.register_global_module(MODULES.standard.clone());
    for module in &MODULES.own {
        engine.register_global_module(module.clone());
    }
    engine
}

/// For a text that is read and not run.
pub(super) fn reader() -> Engine {
    let mut engine = bare();
    keywords_after_a_dot(&mut engine);
    engine
}

/// An engine for one run.
pub(super) fn build(context: &Arc<Context>, imports: &Imports) -> Engine {
    let mut engine = bare();
    let limits = &context.host.config.limits;
    engine.set_max_string_size(limits.string);
    engine.set_max_array_size(limits.array);
    engine.set_max_map_size(limits.map);
    engine.set_max_call_levels(limits.call_depth);
    engine.set_module_resolver(imports.clone());
    engine.set_default_tag(tag(context));
    keywords_after_a_dot(&mut engine);
    names(&mut engine);
    // Counted here rather than by `set_max_operations`, which does not hold inside `map` and its like.
    let run = Arc::clone(context);
    engine.on_progress(move |_| run.must_end().map(|error| Dynamic::from(to_map(&error))));
    let run = Arc::clone(context);
    engine.on_print(move |text| run.say(Level::Info, text));
    let run = Arc::clone(context);
    engine.on_debug(move |text, _, _| run.say(Level::Debug, text));
    engine
}

/// Fields of replies may be called like keywords: `row.module`, `geo.as`.
fn keywords_after_a_dot(engine: &mut Engine) {
    let after_dot = AtomicBool::new(false);
    #[expect(deprecated, reason = "marked volatile, and the version is pinned")]
    engine.on_parse_token(move |token, _, _| {
        let dotted = after_dot.swap(matches!(token, Token::Period | Token::Elvis), Ordering::Relaxed);
        match token {
            Token::Reserved(name) if dotted => Token::Identifier(name),
            token if dotted && token.is_standard_keyword() => {
                Token::Identifier(Box::new(token.literal_syntax().into()))
            }
            token => token,
        }
    });
}

/// `state`, `http` and constants are visible everywhere, functions included. A local of that name comes first. A handle
/// that a closure took along is given as a copy: the variable would be held until the end of a chain of methods that
/// begins with it, and the closures of that chain use it too.
fn names(engine: &mut Engine) {
    #[expect(deprecated, reason = "marked volatile, and the version is pinned")]
    engine.on_var(|name, index, ctx| {
        if let Some(held) = ctx.scope().get(name) {
            let copied = held.is_shared() && is_handle(held);
            return Ok(copied.then(|| held.flatten_clone()));
        }
        if index > 0 {
            return Ok(None);
        }
        let scope = match name {
            "state" => context(Some(ctx.tag())).map(|run| scope_of(&run.script).into()),
            "shared_state" => Some(SHARED.into()),
            _ => None,
        };
        if let Some(scope) = scope {
            return Ok(Some(Dynamic::from(State { scope })));
        }
        if name == "http" {
            return Ok(Some(Dynamic::from(Http)));
        }
        let find = |constants: &Constants| constants.read().ok()?.get(name).cloned();
        let known = ctx.global_runtime_state().constants.as_ref().and_then(find);
        Ok(known.or_else(|| context(Some(ctx.tag()))?.constants.get().and_then(find)))
    });
}

fn is_handle(value: &Dynamic) -> bool {
    value.read_lock::<Vps>().is_some()
        || value.read_lock::<Pbh>().is_some()
        || value.read_lock::<Downloader>().is_some()
}

/// Compiles a script; `name` is what errors call it.
pub(super) fn parse(engine: &Engine, text: &str, name: &str) -> Result<AST, EvalAltResult> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    #[expect(clippy::disallowed_methods, reason = "the one place that compiles")]
    let compiled = engine.compile(text);
    let mut ast = compiled.map_err(|error| {
        let (kind, position) = (*error.0, error.1);
        match full_width(text) {
            // Whatever the parser made of it, this is what is wrong.
            Some((wide, position)) => {
                EvalAltResult::ErrorParsing(ParseErrorType::BadInput(LexError::UnexpectedInput(wide.into())), position)
            }
            None => EvalAltResult::ErrorParsing(kind, end_of_input(position, text)),
        }
    })?;
    ast.set_source(name);
    Ok(ast)
}

/// The first full-width character that stands where its ASCII twin was meant: not in a text or comment.
fn full_width(text: &str) -> Option<(char, Position)> {
    let mut quote = None;
    let mut comment = None;
    for (y, line) in (1u16..).zip(text.lines()) {
        let mut chars = (1u16..).zip(line.chars()).peekable();
        while let Some((x, c)) = chars.next() {
            let next = chars.peek().map(|(_, c)| *c);
            match (comment, quote, c) {
                (Some('*'), _, '*') if next == Some('/') => comment = None,
                (Some(_), ..) => {}
                (None, Some(_), '\\') => drop(chars.next()),
                (None, Some(open), c) => quote = (c != open).then_some(open),
                (None, None, '/') if matches!(next, Some('/' | '*')) => comment = next,
                (None, None, '"' | '`') => quote = Some(c),
                // A character literal, of whatever character.
                (None, None, '\'') if line.chars().nth(usize::from(x) + 1) == Some('\'') => {
                    chars.nth(1);
                }
                (None, None, c) if ascii_twin(c).is_some() => return Some((c, Position::new(y, x))),
                _ => {}
            }
        }
        comment = comment.filter(|kind| *kind == '*');
        // Only back-ticked texts go over several lines.
        quote = quote.filter(|quote| *quote == '`');
    }
    None
}

/// Rhai gives no place for what is missing at the end.
fn end_of_input(position: Position, text: &str) -> Position {
    if !position.is_none() {
        return position;
    }
    let line = text.lines().count().max(1);
    let column = text.lines().last().map_or(1, |line| line.chars().count() + 1);
    Position::new(u16::try_from(line).unwrap_or(u16::MAX), u16::try_from(column).unwrap_or(u16::MAX))
}

/// Whether a text ends in the middle of something, so that a REPL should ask for another line.
pub(super) fn is_incomplete(error: &EvalAltResult, text: &str) -> bool {
    let EvalAltResult::ErrorParsing(kind, position) = error else { return false };
    match kind {
        ParseErrorType::UnexpectedEOF => true,
        // Only back-ticked texts go over several lines.
        ParseErrorType::BadInput(LexError::UnterminatedString) => {
            let line = position.line().and_then(|line| text.lines().nth(line - 1)).unwrap_or_default();
            position.position().and_then(|column| line.chars().nth(column - 1)) == Some('`')
        }
        ParseErrorType::BadInput(_) => false,
        // Whatever is missing at the very end may still come.
        _ => *position == end_of_input(Position::NONE, text),
    }
}

/// The constants of a scope, for handlers and functions to see. Of those with one name it is the last one.
pub(super) fn constants(scope: &Scope) -> Constants {
    let constants = scope.iter().filter(|(_, constant, _)| *constant);
    Arc::new(std::sync::RwLock::new(constants.map(|(name, _, value)| (name.into(), value)).collect()))
}

/// The name of every function that scripts see.
pub(super) fn function_names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(String::as_str)
}

/// Whether scripts see a function of that name.
pub(super) fn is_function(name: &str) -> bool {
    NAMES.contains(name)
}
