//! Honest operators: where plain Rhai is silently wrong, these are right or loud.
//!
//! Plain Rhai answers `950 / 1000 > 0.9` with `0 > 0.9`, and `() > 5` or `"5" > 3` with `false`. Here
//! integers divide truly, and comparing what cannot be compared raises. Every pair of types is
//! registered, because a catch-all over `Dynamic` would hide Rhai's own operators.

use std::any::TypeId;
use std::cmp::Ordering;

use rhai::{
    Array, Blob, Dynamic, EvalAltResult, FnPtr, FuncRegistration, INT, ImmutableString, Map, Module, NativeCallContext,
    RhaiFunc, Shared,
};

use crate::address::Ip;
use crate::error::{Error, Kind};
use crate::secret::Secret;
use crate::time::{Duration, Time};

use super::diagnostic::raise;
use super::handles::{Downloader, Pbh, State, Vps};
use super::value::type_name;

type RhaiResult<T = Dynamic> = Result<T, Box<EvalAltResult>>;

/// The types that operators know, our own included.
fn types() -> Vec<TypeId> {
    vec![
        TypeId::of::<()>(),
        TypeId::of::<bool>(),
        TypeId::of::<INT>(),
        TypeId::of::<f64>(),
        TypeId::of::<char>(),
        TypeId::of::<ImmutableString>(),
        TypeId::of::<Array>(),
        TypeId::of::<Map>(),
        TypeId::of::<Blob>(),
        TypeId::of::<FnPtr>(),
        TypeId::of::<Time>(),
        TypeId::of::<Duration>(),
        TypeId::of::<Ip>(),
        TypeId::of::<Secret>(),
        TypeId::of::<Vps>(),
        TypeId::of::<Pbh>(),
        TypeId::of::<Downloader>(),
        TypeId::of::<State>(),
    ]
}

/// One shared module with every operator, over every pair.
pub(super) fn module() -> Shared<Module> {
    let mut module = Module::new();
    let types = types();
    for op in ["==", "!=", "<", "<=", ">", ">="] {
        for left in &types {
            for right in &types {
                register(&mut module, op, &[*left, *right], move |args| {
                    compare(op, args[0], args[1]).map(Dynamic::from)
                });
            }
        }
    }
    let numbers = [TypeId::of::<INT>(), TypeId::of::<f64>()];
    for left in numbers {
        for right in numbers {
            register(&mut module, "/", &[left, right], |args| divide(args[0], args[1]));
            register(&mut module, "%", &[left, right], |args| modulo(args[0], args[1]));
            assign(&mut module, "/=", left, right, divide);
            assign(&mut module, "%=", left, right, modulo);
        }
    }
    times(&mut module);
    members(&mut module);
    module.build_index();
    module.into()
}

/// A function over values, whose errors point at the operator.
fn register(
    module: &mut Module,
    name: &str,
    types: &[TypeId],
    function: impl Fn(&[&mut Dynamic]) -> Result<Dynamic, Error> + Send + Sync + 'static,
) {
    FuncRegistration::new(name).in_global_namespace().set_into_module_raw(
        module,
        types,
        RhaiFunc::Pure {
            func: Shared::new(move |ctx: Option<NativeCallContext>, args: &mut [&mut Dynamic]| {
                function(args).map_err(|error| raise(ctx.as_ref(), error))
            }),
            has_context: true,
            is_pure: true,
            is_volatile: false,
        },
    );
}

/// An assigning operator. It may change the variable's type: `/=` on an int leaves a float.
fn assign(
    module: &mut Module,
    name: &str,
    left: TypeId,
    right: TypeId,
    function: fn(&Dynamic, &Dynamic) -> Result<Dynamic, Error>,
) {
    FuncRegistration::new(name).in_global_namespace().set_into_module_raw(
        module,
        [left, right],
        RhaiFunc::Method {
            func: Shared::new(move |ctx: Option<NativeCallContext>, args: &mut [&mut Dynamic]| {
                let value = function(args[0], args[1]).map_err(|error| raise(ctx.as_ref(), error))?;
                *args[0] = value;
                Ok(Dynamic::UNIT)
            }),
            has_context: true,
            is_pure: false,
            is_volatile: false,
        },
    );
}

fn compare(op: &str, left: &Dynamic, right: &Dynamic) -> Result<bool, Error> {
    let refuse = || {
        let (left, right) = (type_name(left), type_name(right));
        let error = if left == right {
            Error::new(
                Kind::Type,
                format!("two values that are {left} have no order for `{op}`").replace("that are a", "of the type a"),
            )
        } else {
            Error::new(Kind::Type, format!("{left} cannot be compared with {right} by `{op}`"))
        };
        match (left, right) {
            ("()", _) | (_, "()") => error.hint("the value is missing; test it first: `if x != () { … }`"),
            ("a string", "an int" | "a float") | ("an int" | "a float", "a string") => {
                error.hint("turn the text into a number first: `parse_int(x)` or `parse_float(x)`")
            }
            ("a Time", "an int" | "a float") | ("an int" | "a float", "a Time") => {
                error.hint("compare it with another Time: `now()`, `now() - 2.days`")
            }
            ("a Duration", "an int" | "a float") | ("an int" | "a float", "a Duration") => {
                error.hint("give the number a unit: `5.minutes`")
            }
            _ => error,
        }
    };
    let wanted = |ordering: Ordering| match op {
        "==" => ordering.is_eq(),
        "!=" => ordering.is_ne(),
        "<" => ordering.is_lt(),
        "<=" => ordering.is_le(),
        ">" => ordering.is_gt(),
        _ => ordering.is_ge(),
    };
    if matches!(op, "==" | "!=") {
        // `()` may be asked for with anything; other unequal types are a mistake.
        let equal = if left.is_unit() || right.is_unit() {
            left.is_unit() && right.is_unit()
        } else {
            comparable(left, right).ok_or_else(refuse)?
        };
        return Ok(equal == (op == "=="));
    }
    if let (Some(left), Some(right)) = (number(left), number(right)) {
        // NaN has no order with anything.
        return Ok(partial(left, right).is_some_and(wanted));
    }
    order(left, right).map(wanted).ok_or_else(refuse)
}

#[derive(Clone, Copy)]
enum Number {
    Int(INT),
    Float(f64),
}

fn number(value: &Dynamic) -> Option<Number> {
    value.as_int().map(Number::Int).or_else(|_| value.as_float().map(Number::Float)).ok()
}

#[expect(clippy::cast_precision_loss, reason = "what comparing an int with a float means")]
fn partial(left: Number, right: Number) -> Option<Ordering> {
    match (left, right) {
        (Number::Int(a), Number::Int(b)) => Some(a.cmp(&b)),
        (Number::Int(a), Number::Float(b)) => (a as f64).partial_cmp(&b),
        (Number::Float(a), Number::Int(b)) => a.partial_cmp(&(b as f64)),
        (Number::Float(a), Number::Float(b)) => a.partial_cmp(&b),
    }
}

fn same<T: Clone + Send + Sync + 'static, R>(left: &Dynamic, right: &Dynamic, f: impl Fn(&T, &T) -> R) -> Option<R> {
    Some(f(&*left.read_lock::<T>()?, &*right.read_lock::<T>()?))
}

fn text(value: &Dynamic) -> Option<ImmutableString> {
    value
        .read_lock::<ImmutableString>()
        .map(|text| text.clone())
        .or_else(|| Some(value.as_char().ok()?.to_string().into()))
}

/// The order of two values, where there is one.
pub(super) fn order(left: &Dynamic, right: &Dynamic) -> Option<Ordering> {
    if let (Some(left), Some(right)) = (number(left), number(right)) {
        return partial(left, right);
    }
    if let (Some(left), Some(right)) = (text(left), text(right)) {
        return Some(left.cmp(&right));
    }
    if let (Ok(left), Ok(right)) = (left.as_bool(), right.as_bool()) {
        return Some(left.cmp(&right));
    }
    same(left, right, Time::cmp)
        .or_else(|| same(left, right, Duration::cmp))
        .or_else(|| same(left, right, Ip::cmp))
        .or_else(|| same(left, right, Vps::cmp))
        .or_else(|| same(left, right, Pbh::cmp))
        .or_else(|| same(left, right, Downloader::cmp))
}

/// Whether two values are equal; `None` where comparing them is a mistake.
fn comparable(left: &Dynamic, right: &Dynamic) -> Option<bool> {
    if let (Some(left), Some(right)) = (number(left), number(right)) {
        return Some(partial(left, right).is_some_and(Ordering::is_eq));
    }
    if let Some(ordering) = order(left, right) {
        return Some(ordering.is_eq());
    }
    // An address may be compared with its text in any spelling.
    if let (Some(ip), Some(text)) = (left.read_lock::<Ip>(), text(right)) {
        return Some(text.parse::<Ip>().is_ok_and(|other| other == *ip));
    }
    if let (Some(text), Some(ip)) = (text(left), right.read_lock::<Ip>()) {
        return Some(text.parse::<Ip>().is_ok_and(|other| other == *ip));
    }
    same(left, right, arrays)
        .or_else(|| same(left, right, maps))
        .or_else(|| same(left, right, Blob::eq))
        .or_else(|| same(left, right, Secret::eq))
        .or_else(|| same(left, right, State::eq))
        .or_else(|| same(left, right, |a: &FnPtr, b: &FnPtr| a.fn_name() == b.fn_name()))
}

/// Plain equality, for elements: unequal types are unequal.
pub(super) fn equal(left: &Dynamic, right: &Dynamic) -> bool {
    if left.is_unit() || right.is_unit() {
        left.is_unit() && right.is_unit()
    } else {
        comparable(left, right).unwrap_or(false)
    }
}

fn arrays(left: &Array, right: &Array) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(a, b)| equal(a, b))
}

fn maps(left: &Map, right: &Map) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|((a, x), (b, y))| a == b && equal(x, y))
}

#[expect(clippy::cast_precision_loss, reason = "true division gives a float")]
fn floats(left: &Dynamic, right: &Dynamic) -> Option<(f64, f64)> {
    let float = |value: &Dynamic| match number(value)? {
        Number::Int(int) => Some(int as f64),
        Number::Float(float) => Some(float),
    };
    Some((float(left)?, float(right)?))
}

fn by_zero(what: &str) -> Error {
    Error::new(Kind::Type, format!("{what} by zero")).hint("test the divisor first: `if n == 0 { … }`")
}

fn divide(left: &Dynamic, right: &Dynamic) -> Result<Dynamic, Error> {
    match floats(left, right) {
        Some((left, right)) if right != 0.0 => Ok((left / right).into()),
        _ => Err(by_zero("division")),
    }
}

fn modulo(left: &Dynamic, right: &Dynamic) -> Result<Dynamic, Error> {
    if let (Ok(left), Ok(right)) = (left.as_int(), right.as_int()) {
        return if right == 0 { Err(by_zero("modulo")) } else { Ok(left.wrapping_rem(right).into()) };
    }
    match floats(left, right) {
        Some((left, right)) if right != 0.0 => Ok((left % right).into()),
        _ => Err(by_zero("modulo")),
    }
}

/// Arithmetic of times and durations.
fn times(module: &mut Module) {
    let (time, duration) = (TypeId::of::<Time>(), TypeId::of::<Duration>());
    let (int, float) = (TypeId::of::<INT>(), TypeId::of::<f64>());
    let at = |value: &Dynamic| value.clone_cast::<Time>();
    let long = |value: &Dynamic| value.clone_cast::<Duration>();
    register(module, "-", &[time, time], move |a| Ok(Dynamic::from(at(a[0]) - at(a[1]))));
    register(module, "-", &[time, duration], move |a| Ok(Dynamic::from(at(a[0]) - long(a[1]))));
    register(module, "+", &[time, duration], move |a| Ok(Dynamic::from(at(a[0]) + long(a[1]))));
    register(module, "+", &[duration, time], move |a| Ok(Dynamic::from(at(a[1]) + long(a[0]))));
    register(module, "+", &[duration, duration], move |a| Ok(Dynamic::from(long(a[0]) + long(a[1]))));
    register(module, "-", &[duration, duration], move |a| Ok(Dynamic::from(long(a[0]) - long(a[1]))));
    register(module, "-", &[duration], move |a| Ok(Dynamic::from(Duration::ZERO - long(a[0]))));
    register(module, "/", &[duration, duration], move |a| {
        let (left, right) = (long(a[0]), long(a[1]));
        if right == Duration::ZERO { Err(by_zero("division")) } else { Ok((left.seconds() / right.seconds()).into()) }
    });
    for number in [int, float] {
        let scale = move |duration: &Dynamic, factor: &Dynamic| {
            let (factor, _) = floats(factor, factor).unwrap_or_default();
            Dynamic::from(Duration::from_seconds_f64(long(duration).seconds() * factor))
        };
        register(module, "*", &[duration, number], move |a| Ok(scale(a[0], a[1])));
        register(module, "*", &[number, duration], move |a| Ok(scale(a[1], a[0])));
        register(module, "/", &[duration, number], move |a| {
            let (divisor, _) = floats(a[1], a[1]).unwrap_or_default();
            if divisor == 0.0 {
                Err(by_zero("division"))
            } else {
                Ok(Dynamic::from(Duration::from_seconds_f64(long(a[0]).seconds() / divisor)))
            }
        });
        for (op, word) in [("+", "added to"), ("-", "subtracted from")] {
            for unit in [time, duration] {
                register(module, op, &[unit, number], move |a| {
                    let hint = if a[1].is_int() {
                        format!("give the number a unit: `{}.seconds` or `{}.minutes`", a[1], a[1])
                    } else {
                        "give the number a unit: `1.5.hours`".into()
                    };
                    Err(Error::new(Kind::Type, format!("a number cannot be {word} {}", type_name(a[0]))).hint(hint))
                });
            }
        }
    }
}

/// `in`, `contains` and `index_of`, where unequal types are plainly unequal.
fn members(module: &mut Module) {
    let array = TypeId::of::<Array>();
    for ty in types() {
        register(module, "contains", &[array, ty], |a| Ok(position(a[0], a[1], 0).is_some().into()));
        register(module, "index_of", &[array, ty], |a| Ok(position(a[0], a[1], 0).unwrap_or(-1).into()));
        register(module, "index_of", &[array, ty, TypeId::of::<INT>()], |a| {
            let start = usize::try_from(a[2].as_int().unwrap_or(0)).unwrap_or(0);
            Ok(position(a[0], a[1], start).unwrap_or(-1).into())
        });
    }
}

fn position(array: &Dynamic, value: &Dynamic, start: usize) -> Option<INT> {
    let array = array.read_lock::<Array>()?;
    let at = array.iter().skip(start).position(|item| equal(item, value))?;
    INT::try_from(at + start).ok()
}

/// `div(a, b)`: whole division, rounded towards zero.
pub(super) fn div(left: INT, right: INT) -> RhaiResult<INT> {
    if right == 0 {
        return Err(raise(None, by_zero("division")));
    }
    left.checked_div(right).ok_or_else(|| raise(None, Error::new(Kind::Type, "the quotient is too large for an int")))
}
