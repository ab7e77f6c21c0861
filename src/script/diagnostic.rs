//! Rhai's errors as ours, ours as Rhai's, and what is found without running a script.

use rhai::{Dynamic, EvalAltResult, Map, NativeCallContext, ParseErrorType, Position};
use serde::Serialize;

use crate::api::shapes;
use crate::error::{Error, Frame, Kind};
use crate::text::{clip, nearest};

use super::value;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It cannot work: the script is not loaded.
    Error,
    /// It may be meant.
    Warning,
}

/// Something wrong with a script, found without running it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Finding {
    pub severity: Severity,
    pub code: &'static str,
    pub message: String,
    pub hint: Option<String>,
    /// The file, where it is not the script itself.
    pub file: Option<String>,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
}

impl Finding {
    /// The finding that an error while loading amounts to.
    pub(super) fn from_error(error: &Error) -> Self {
        let code = match error.kind {
            Kind::Syntax => "syntax",
            Kind::Argument => "argument",
            Kind::Permission => "at-load",
            Kind::Type => "type",
            Kind::Field => "field",
            Kind::Config => "config",
            Kind::Limit => "limit",
            Kind::Script => "thrown",
            _ => "load",
        };
        Self {
            severity: Severity::Error,
            code,
            message: error.message.clone(),
            hint: error.hint.clone(),
            file: error.file.clone(),
            line: error.line.unwrap_or(1),
            column: error.column.unwrap_or(1),
        }
    }
}

/// One of our errors, thrown into a script, at the place of the call.
pub(super) fn raise(ctx: Option<&NativeCallContext>, error: Error) -> Box<EvalAltResult> {
    let position = ctx.map_or(Position::NONE, NativeCallContext::call_position);
    raise_at(position, error)
}

pub(super) fn raise_at(position: Position, error: Error) -> Box<EvalAltResult> {
    let fatal = matches!(error.kind, Kind::Cancelled | Kind::Limit);
    let token = Dynamic::from(to_map(&error));
    // What ends a run cannot be caught by it.
    Box::new(if fatal {
        EvalAltResult::ErrorTerminated(token, position)
    } else {
        EvalAltResult::ErrorRuntime(token, position)
    })
}

shapes! {
    /// What `catch (e)` gets of an error of ours.
    Caught {
        /// `config`, `syntax`, `type`, `field`, `argument`, `permission`, `transport`, `timeout`, `http`, `api`, `protocol`, `auth`, `rate_limit`, `locked`, `unsupported`, `limit`, `cancelled`, `script` or `internal`.
        kind: Text,
        service: Text | null,
        endpoint: Text | null,
        /// HTTP status.
        status: Int | null,
        /// The service's own error number.
        code: Int | null,
        message: Text,
        /// Whether the same may succeed later without a change.
        retryable: Bool,
        /// What to do next.
        hint: Text | null,
    }
}

/// What `catch (e)` gets.
pub(super) fn to_map(error: &Error) -> Map {
    let text = |text: &Option<String>| text.as_deref().map_or(Dynamic::UNIT, Into::into);
    Map::from([
        ("kind".into(), error.kind.to_string().into()),
        ("service".into(), text(&error.service)),
        ("endpoint".into(), text(&error.endpoint)),
        ("status".into(), error.status.map_or(Dynamic::UNIT, |status| i64::from(status).into())),
        ("code".into(), error.code.map_or(Dynamic::UNIT, Into::into)),
        ("message".into(), error.message.as_str().into()),
        ("retryable".into(), error.retryable.into()),
        ("hint".into(), text(&error.hint)),
    ])
}

/// The error that a thrown value stands for.
fn from_thrown(thrown: &Dynamic) -> Error {
    if let Some(map) = thrown.read_lock::<Map>() {
        let text = |key: &str| map.get(key).and_then(|value| value.clone().into_string().ok());
        if let (Some(kind), Some(message)) = (text("kind"), text("message")) {
            let kind = serde_json::from_value(kind.into()).unwrap_or(Kind::Script);
            let mut error = Error::new(kind, message);
            error.service = text("service");
            error.endpoint = text("endpoint");
            error.status = map.get("status").and_then(|value| u16::try_from(value.as_int().ok()?).ok());
            error.code = map.get("code").and_then(|value| value.as_int().ok());
            error.retryable = map.get("retryable").and_then(|value| value.as_bool().ok()).unwrap_or(false);
            error.hint = text("hint");
            return error;
        }
    }
    if thrown.is_unit() {
        return Error::new(Kind::Script, "the script threw without a message");
    }
    let text = value::display(thrown, chrono_tz::Tz::UTC);
    Error::new(Kind::Script, clip(&text, LONGEST_MESSAGE))
}

/// Characters of an error that a script made up.
const LONGEST_MESSAGE: usize = 4096;

/// The kind of any caught value, for `error_kind(e)`.
pub(super) fn kind_of(thrown: &Dynamic) -> Kind {
    let text =
        thrown.read_lock::<Map>().and_then(|map| map.get("error").and_then(|name| name.clone().into_string().ok()));
    match text.as_deref() {
        // What Rhai's own faults look like when caught.
        Some("ErrorPropertyNotFound" | "ErrorIndexNotFound" | "ErrorArrayBounds" | "ErrorStringBounds") => Kind::Field,
        Some("ErrorParsing") => Kind::Syntax,
        Some(name) if name.starts_with("Error") => Kind::Type,
        _ => from_thrown(thrown).kind,
    }
}

/// Rhai's error as ours, with the innermost place that is known.
pub(super) fn from_rhai(error: &EvalAltResult, file: &str, names: &dyn Names) -> Error {
    let mut stack = Vec::new();
    frames(error, file, &mut stack);
    let (inner, file) = innermost(error, file);
    let position = inner.position();
    let mut error = translate(inner, names).at(
        Some(file).filter(|file| !file.is_empty()),
        position.line(),
        position.position().or(position.line().map(|_| 1)),
    );
    stack.reverse();
    error.stack = stack;
    error
}

/// The calls of script functions on the way to an error, outermost first.
fn frames(error: &EvalAltResult, file: &str, stack: &mut Vec<Frame>) {
    match error {
        EvalAltResult::ErrorInFunctionCall(name, source, inner, position) => {
            // A closure stands where it is called, so only functions are steps.
            if let (Some(line), false) = (position.line(), name.starts_with("anon$") || stack.len() >= FRAMES) {
                let column = position.position().unwrap_or(1);
                stack.push(Frame { function: format!("`{name}`"), file: file.into(), line, column });
            }
            frames(inner, if source.is_empty() { file } else { source }, stack);
        }
        EvalAltResult::ErrorInModule(path, inner, _) => frames(inner, if path.is_empty() { file } else { path }, stack),
        _ => {}
    }
}

/// Calls that are kept of an endless recursion: the outermost ones.
const FRAMES: usize = 16;

/// What the translator may suggest from.
pub(super) trait Names {
    /// The function that was probably meant.
    fn function(&self, name: &str) -> Option<String>;
    /// Whether there is a function of that name at all.
    fn has_function(&self, name: &str) -> bool;
    /// The field of a reply that was probably meant.
    fn field(&self, name: &str) -> Option<String>;
}

fn innermost<'a>(error: &'a EvalAltResult, file: &'a str) -> (&'a EvalAltResult, &'a str) {
    match error {
        EvalAltResult::ErrorInFunctionCall(_, source, inner, _) => {
            let (deep, place) = innermost(inner, if source.is_empty() { file } else { source });
            // Native functions called inside report no place of their own.
            if deep.position().is_none() { (error, file) } else { (deep, place) }
        }
        EvalAltResult::ErrorInModule(path, inner, _) => innermost(inner, if path.is_empty() { file } else { path }),
        _ => (error, file),
    }
}

fn translate(error: &EvalAltResult, names: &dyn Names) -> Error {
    use EvalAltResult as E;
    match error {
        E::ErrorInFunctionCall(_, _, inner, _) | E::ErrorInModule(_, inner, _) => translate(inner, names),
        E::ErrorTerminated(thrown, _) => from_thrown(thrown),
        E::ErrorRuntime(thrown, _) => {
            let mut error = from_thrown(thrown);
            // Those end a run without being thrown, so a script made this one up.
            if matches!(error.kind, Kind::Limit | Kind::Cancelled) {
                error.kind = Kind::Script;
            }
            error
        }
        E::ErrorParsing(parse, _) => syntax(parse),
        E::ErrorVariableNotFound(name, _) => Error::new(Kind::Field, format!("there is no variable `{name}` here")).hint(
            "functions see their parameters, constants and `state`, but no other variables of the script; pass it as an argument",
        ),
        E::ErrorPropertyNotFound(name, _) => missing_field(name, names),
        E::ErrorIndexNotFound(key, _) => Error::new(Kind::Field, format!("there is no field `{key}`"))
            .hint(format!("ask with `x.get(\"{key}\", fallback)` or `\"{key}\" in x`")),
        E::ErrorDotExpr(text, _) => dot(text),
        E::ErrorFunctionNotFound(signature, _) => function(signature, names),
        E::ErrorMismatchDataType(wanted, found, _) => {
            let error = Error::new(Kind::Type, format!("expected {}, found {}", plain(wanted), plain(found)));
            if plain(found) == "float" && plain(wanted) == "int" { error.hint("`/` gives a float; for a whole number use `div(a, b)` or `x.to_int()`") } else { error }
        }
        E::ErrorMismatchOutputType(wanted, found, _) => {
            Error::new(Kind::Type, format!("expected a result of type {}, found {}", plain(wanted), plain(found)))
        }
        E::ErrorIndexingType(ty, _) if ty.contains("f64") || ty.contains("float") => {
            Error::new(Kind::Type, "a float cannot be an index").hint("use `div(n, 2)` for whole division, or `x.to_int()`")
        }
        E::ErrorIndexingType(ty, _) => Error::new(Kind::Type, format!("{} cannot be indexed", plain(ty))),
        E::ErrorArrayBounds(len, index, _) => {
            let error = Error::new(Kind::Field, format!("there is no element {index} in an array of {len}"));
            if *len == 0 { error.hint("the array is empty; test `x.is_empty()` first") } else { error.hint("the first element is `x[0]`, the last `x[-1]`") }
        }
        E::ErrorStringBounds(len, index, _) => {
            Error::new(Kind::Field, format!("there is no character {index} in a string of {len}"))
        }
        E::ErrorDataRace(_, _) => Error::new(Kind::Type, "the value whose method is called is used inside the closure of that call")
            .hint("put what the closure needs into a variable first: `let n = list.len(); list.map(|x| x * n)`, or call it on a copy: `let copy = list; copy.map(|x| list.len())`"),
        E::ErrorAssignmentToConstant(name, _) => Error::new(Kind::Type, format!("the constant `{name}` cannot be assigned to"))
            .hint(format!("declare it with `let {name} = …`")),
        E::ErrorNonPureMethodCallOnConstant(name, _) => {
            Error::new(Kind::Type, format!("`{name}` would change a constant")).hint("copy it into a variable first: `let copy = X;`")
        }
        E::ErrorFor(_) => Error::new(Kind::Type, "this value cannot be looped over"),
        E::ErrorArithmetic(text, _) => Error::new(Kind::Type, lower(text)),
        E::ErrorStackOverflow(_) => {
            Error::new(Kind::Limit, "functions call each other too deeply").hint("does a function call itself without an end?")
        }
        E::ErrorTooManyOperations(_) => Error::new(Kind::Limit, "the run took too many operations"),
        E::ErrorDataTooLarge(what, _) => Error::new(Kind::Limit, format!("{} grew over its limit", lower(what)))
            .hint("keep less of it, or raise `[limits]` in tidegate.toml"),
        E::ErrorTooManyVariables(_) | E::ErrorTooManyModules(_) => Error::new(Kind::Limit, lower(&error.to_string())),
        E::ErrorModuleNotFound(name, _) => Error::new(Kind::Config, format!("there is no module `{name}`"))
            .hint("modules are files below the scripts folder: `import \"lib/peers\" as peers`"),
        E::ErrorUnboundThis(_) => Error::new(Kind::Type, "`this` has no value here"),
        E::ErrorSystem(what, cause) => match cause.downcast_ref::<Error>() {
            Some(error) => error.clone(),
            None => Error::internal(format!("{what} {cause}")),
        },
        other => Error::new(Kind::Script, lower(&other.to_string())),
    }
}

fn missing_field(name: &str, names: &dyn Names) -> Error {
    let error = Error::new(Kind::Field, format!("there is no field `{name}`"));
    match names.field(name) {
        Some(near) => error.hint(format!("did you mean `{near}`? `x.keys()` lists the fields there are")),
        None => error.hint(format!(
            "`x.keys()` lists the fields there are; `x.get(\"{name}\", fallback)` asks for one that may be missing"
        )),
    }
}

/// `Unknown property 'x' - a getter is not registered for type 'y'` in our words.
fn dot(text: &str) -> Error {
    let mut quoted = text.split('\'').skip(1).step_by(2);
    match (quoted.next(), quoted.next()) {
        (Some(field), Some(ty)) => {
            let error = Error::new(Kind::Field, format!("{} has no field `{field}`", article(plain(ty))));
            if plain(ty) == "()" {
                error.hint("the value is missing; test it first: `if x != () { … }`")
            } else {
                error.hint(format!("if it is a method, write `.{field}()`"))
            }
        }
        _ => Error::new(Kind::Field, lower(text)),
    }
}

/// A call that found no function: unknown, or known for other arguments.
fn function(signature: &str, names: &dyn Names) -> Error {
    let (name, args) =
        signature.split_once('(').map_or((signature, ""), |(name, args)| (name.trim(), args.trim_end_matches(')')));
    let types: Vec<_> = args.split(',').map(|arg| plain(arg.trim())).filter(|arg| !arg.is_empty()).collect();
    let field = name.strip_prefix("get$").or_else(|| name.strip_prefix("set$"));
    if let (Some(field), Some(ty)) = (field, types.first()) {
        return dot(&format!("'{field}' '{ty}'"));
    }
    let operator = !name.is_empty() && name.chars().all(|c| c.is_ascii_punctuation() && c != '_' && c != '$');
    if operator {
        let sides: Vec<_> = types.iter().map(|ty| article(ty)).collect();
        let error = Error::new(Kind::Type, format!("`{name}` cannot be applied to {}", sides.join(" and ")));
        return if types.contains(&"()") {
            error.hint("one of the values is missing; test it first: `if x != () { … }`")
        } else {
            error
        };
    }
    if names.has_function(name) {
        let hint = if types.contains(&"float") {
            "a division gives a float: for a whole number use `div(a, b)` or `x.to_int()`"
        } else {
            "look at its signature with `tidegate endpoints` or the reference"
        };
        return Error::new(Kind::Argument, format!("`{name}` does not take ({})", types.join(", "))).hint(hint);
    }
    let error = Error::new(Kind::Argument, format!("there is no function `{name}`"));
    match names.function(name) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error,
    }
}

fn syntax(parse: &ParseErrorType) -> Error {
    let text = parse.to_string();
    match text.chars().find_map(|c| Some((c, ascii_twin(c)?))) {
        Some((wide, ascii)) => Error::new(Kind::Syntax, format!("`{wide}` is a full-width character"))
            .hint(format!("write `{ascii}` instead")),
        None => Error::new(Kind::Syntax, lower(&text)),
    }
}

/// The ASCII character that a full-width one was meant to be.
pub(super) fn ascii_twin(c: char) -> Option<char> {
    Some(match c {
        '，' => ',',
        '；' => ';',
        '（' => '(',
        '）' => ')',
        '“' | '”' | '„' | '＂' => '"',
        '‘' | '’' => '\'',
        '：' => ':',
        '｛' => '{',
        '｝' => '}',
        '【' | '［' => '[',
        '】' | '］' => ']',
        '。' | '．' => '.',
        '！' => '!',
        '＝' => '=',
        '＋' => '+',
        '－' => '-',
        '＞' => '>',
        '＜' => '<',
        '｜' => '|',
        '＃' => '#',
        '\u{3000}' => ' ',
        _ => return None,
    })
}

/// Rhai's type names in ours.
fn plain(name: &str) -> &str {
    let name = name.trim_start_matches("&mut ").trim_start_matches('&').trim();
    match name.rsplit("::").next().unwrap_or(name).trim_end_matches('>') {
        "i64" | "INT" => "int",
        "f64" | "FLOAT" => "float",
        "ImmutableString" | "&str" | "String" | "str" | "str | ImmutableString | String" => "string",
        "Array" => "array",
        "Map" => "map",
        "FnPtr" | "Fn" => "closure",
        last => last,
    }
}

fn article(name: &str) -> String {
    match name {
        "()" => "()".into(),
        name if name.starts_with(['a', 'e', 'i', 'o', 'I']) => format!("an {name}"),
        name => format!("a {name}"),
    }
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// The nearest of many names, as an owned text.
pub(super) fn near(name: &str, names: impl IntoIterator<Item = impl AsRef<str>>) -> Option<String> {
    let names: Vec<_> = names.into_iter().collect();
    nearest(name, names.iter().map(AsRef::as_ref)).map(Into::into)
}
