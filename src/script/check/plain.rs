//! Calls of what has no row: functions of Rhai itself, and names that nothing answers to.

use std::rc::Rc;

use crate::text::{count, nearest};

use super::answers::{elsewhere, methods_of};
use super::calls::Call;
use super::checker::Checker;
use super::scope::Frame;
use super::text::Place;
use super::types::{Ty, Unit, Val};
use super::world;

/// Methods of lists that take a closure, or the name of a function.
const OVER_LISTS: [&str; 8] = ["map", "filter", "find", "find_map", "some", "all", "retain", "for_each"];

/// Rhai's own words that are called like functions.
const WORDS: [&str; 12] = [
    "Fn",
    "call",
    "curry",
    "is_shared",
    "is_def_var",
    "is_def_fn",
    "type_of",
    "print",
    "debug",
    "eval",
    "this",
    "take",
];

impl Checker<'_> {
    /// A function of Rhai itself, or one that has no row.
    pub fn overload_call(&mut self, frame: &mut Frame, call: &mut Call) -> Val {
        let name = call.name.clone();
        let overloads = world::overloads(&name);
        if overloads.is_empty() && !WORDS.contains(&name.as_str()) {
            return self.nobody(frame, call);
        }
        let fitting = overloads.iter().find(|overload| {
            overload.params.len() == call.vals.len()
                && overload.params.iter().zip(&call.vals).all(|(param, val)| world::takes(*param, &val.ty))
        });
        let Some(fitting) = fitting else {
            if call.method && self.units.iter().any(|unit| unit.keys.contains(&name)) && call.vals[0].ty.is_unknown() {
                return Val::any();
            }
            self.misfit(frame, call);
            return Val::any();
        };
        let returns = fitting.returns();
        self.builtin(frame, call, returns)
    }

    /// Nothing answers to the name at all.
    pub fn nobody(&mut self, frame: &mut Frame, call: &Call) -> Val {
        let name = &call.name;
        // A map may hold a closure that is called like a method.
        if call.method && self.units.iter().any(|unit| unit.keys.contains(name)) {
            return Val::any();
        }
        if let Some(others) = self.units[frame.unit].functions.get(name.as_str()) {
            let takes = others.first().map_or(0, |function| function.params.len());
            let given = call.vals.len() - usize::from(call.method);
            let message = format!("the function `{name}` takes {}, not {given}", count(takes, "argument"));
            self.units[frame.unit].called.insert(name.clone());
            self.report("arguments", call.at, message, None);
            return Val::any();
        }
        if call.method && !call.vals[0].ty.is_unknown() {
            self.no_method(call);
            return Val::any();
        }
        self.unknown_function(frame, name, call.at);
        Val::any()
    }

    pub fn no_method(&mut self, call: &Call) {
        let ty = call.vals[0].ty.clone();
        let name = &call.name;
        if ty == Ty::Unit {
            let hint = Some("the value is missing here: is it assigned before?".into());
            self.report("unknown-function", call.at, format!("`.{name}()` is called on `()`"), hint);
            return;
        }
        let methods: Vec<_> = ty.present().flat_map(|ty| methods_of(ty).collect::<Vec<_>>()).collect();
        let fields: Vec<_> = ty.present().flat_map(super::expressions::fields_of).collect();
        let hint = if fields.iter().any(|field| field == name.as_str()) {
            Some(format!("it is a field: write `.{name}`"))
        } else {
            nearest(name, methods).map(|near| format!("did you mean `{near}`?")).or_else(|| elsewhere(name))
        };
        self.report("unknown-function", call.at, format!("{ty} has no method `{name}`"), hint);
    }

    /// The name is known, but not for these arguments.
    pub fn misfit(&mut self, frame: &mut Frame, call: &Call) {
        let name = &call.name;
        if self.units[frame.unit].functions.contains_key(name.as_str()) {
            self.nobody_own(frame, call);
            return;
        }
        let overloads = world::overloads(name);
        let given = call.vals.len();
        let receiver = |overload: &&world::Overload| match (overload.params.first(), call.vals.first()) {
            (Some(param), Some(val)) => world::takes(*param, &val.ty),
            _ => true,
        };
        let for_it: Vec<_> = overloads.iter().filter(receiver).collect();
        if call.method && for_it.is_empty() {
            self.no_method(call);
            return;
        }
        let same_count: Vec<_> = for_it.iter().filter(|overload| overload.params.len() == given).collect();
        let own = usize::from(call.method);
        if same_count.is_empty() {
            let mut counts: Vec<_> = (if for_it.is_empty() { overloads.iter().collect() } else { for_it })
                .iter()
                .map(|overload| overload.params.len().saturating_sub(own))
                .collect();
            counts.sort_unstable();
            counts.dedup();
            if counts.contains(&(given - own)) {
                // The count is right, the first argument is not.
                self.wrong_kind(call, 0, overloads);
                return;
            }
            let takes = counts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
            let noun = if counts == [1] { "argument" } else { "arguments" };
            self.report("arguments", call.at, format!("`{name}` takes {takes} {noun}, not {}", given - own), None);
            return;
        }
        let wrong = (1..given)
            .find(|i| !same_count.iter().any(|overload| world::takes(overload.params[*i], &call.vals[*i].ty)));
        self.wrong_kind(call, wrong.unwrap_or(0), overloads);
    }

    pub fn nobody_own(&mut self, frame: &mut Frame, call: &Call) {
        let takes = self.units[frame.unit]
            .functions
            .get(call.name.as_str())
            .and_then(|all| all.first())
            .map_or(0, |f| f.params.len());
        let given = call.vals.len() - usize::from(call.method);
        self.units[frame.unit].called.insert(call.name.clone());
        self.report(
            "arguments",
            call.at,
            format!("the function `{}` takes {}, not {given}", call.name, count(takes, "argument")),
            None,
        );
    }

    pub fn wrong_kind(&mut self, call: &Call, index: usize, overloads: &[world::Overload]) {
        let mut wanted: Vec<_> = overloads
            .iter()
            .filter(|overload| overload.params.len() == call.vals.len())
            .filter(|overload| index == 0 || world::takes(overload.params[0], &call.vals[0].ty))
            .map(|overload| world::called(overload.params[index]))
            .filter(|name| *name != "something else" && *name != "bytes")
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        let found = &call.vals[index].ty;
        let wanted = if wanted.is_empty() { String::new() } else { format!(": it takes {}", wanted.join(" or ")) };
        let hint = (found.all(|ty| matches!(ty, Ty::Float(_))) && wanted.contains("an int"))
            .then(|| "a division gives a float: for a whole number use `div(a, b)` or `x.to_int()`".into());
        let place = if index == 0 && call.method { call.at } else { call.places[index] };
        self.report("arguments", place, format!("`{}` does not take {found}{wanted}", call.name), hint);
    }

    /// What Rhai's own functions give.
    pub fn builtin(&mut self, frame: &mut Frame, call: &Call, returns: Option<Ty>) -> Val {
        let name = call.name.as_str();
        if name == "exit" {
            frame.env.dead = true;
            return Ty::Never.into();
        }
        let first = call.vals.first().map_or(Ty::Any, |val| val.ty.clone());
        let large = call.vals.first().is_some_and(|val| val.large);
        let list = first.all(|ty| matches!(ty, Ty::Array(_) | Ty::Rows(_)));
        let item = if list { first.item() } else { Ty::Any };
        let closure = call.vals.iter().skip(1).zip(&call.places[1.min(call.places.len())..]).find_map(
            |(val, place)| match &val.ty {
                Ty::Closure(closure) => Some((Rc::clone(closure), *place)),
                _ => None,
            },
        );
        if closure.is_none() && list && OVER_LISTS.contains(&name) {
            self.function_by_name(frame, call);
        }
        if let Some((closure, _)) = closure {
            let int = || Val::from(Ty::Int(Unit::Plain));
            let args = match name {
                "reduce" | "reduce_rev" => vec![Val::any(), item.clone().into(), int()],
                "sort" | "sort_by" | "order" | "order_by" => vec![item.clone().into(), item.clone().into()],
                "dedup" => vec![item.clone().into(), item.clone().into()],
                // The element itself is `this`.
                "for_each" if list => vec![int()],
                "zip" => vec![item.clone().into(), Val::any(), int()],
                _ if list => vec![item.clone().into(), int()],
                _ => vec![Val::any(), Val::any()],
            };
            let least = match name {
                "sort" | "sort_by" | "order" | "order_by" | "dedup" => 2,
                _ => usize::from(args.len() > 2),
            };
            let place = closure.place;
            self.arity(&closure, least, args.len(), place);
            let params = self.params(&closure).unwrap_or(1);
            let this = if name == "for_each" && list { Some(item.clone().into()) } else { args.first().cloned() };
            let args: Vec<_> = args.into_iter().take(params).collect();
            let used = name != "for_each";
            let guarded = frame.guarded;
            let given =
                self.call_closure(&closure, args, frame.phase, (!used).then_some(false).filter(|_| false), |frame| {
                    frame.guarded = guarded;
                    if params == 0 || name == "for_each" {
                        frame.this = this;
                    }
                });
            if used {
                self.taken(frame, given.clone(), "what the closure gives");
            }
            if matches!(name, "filter" | "find" | "some" | "all" | "retain" | "drain")
                && given.ty.all(|ty| !matches!(ty, Ty::Bool))
            {
                let message = format!("`{name}` asks for true or false, and the closure gives {}", given.ty);
                self.report("type", closure.place, message, None);
            }
            let ty = match (name, &first) {
                ("map" | "find_map", Ty::Rows(_)) => Ty::Rows(Rc::new(given.ty)),
                ("map", _) if list => Ty::array(given.ty),
                ("find_map", _) => given.ty.nullable(),
                ("filter", _) => first.clone(),
                ("retain" | "drain" | "order" | "order_by", _) if list => first.clone(),
                ("find", _) if list => item.nullable(),
                ("some" | "all", _) => Ty::Bool,
                ("index_of", _) => Ty::Int(Unit::Plain),
                ("zip", _) => Ty::array(given.ty),
                ("for_each" | "sort" | "sort_by" | "dedup", _) => Ty::Unit,
                _ => Ty::Any,
            };
            let mut val = Val { large: large && matches!(ty, Ty::Array(_)), ..ty.into() };
            if val.ty == Ty::Unit {
                val.void = void(name, call.at);
            }
            return val;
        }
        let ty = match (name, &first) {
            ("order" | "order_desc" | "extract" | "take", Ty::Array(_) | Ty::Rows(_)) => first.clone(),
            ("filter", _) if list => first.clone(),
            ("pop" | "shift" | "remove" | "get", Ty::Array(item)) => (**item).clone().nullable(),
            ("keys", _) if first.all(Ty::is_map) => Ty::array(Ty::Text),
            ("values", Ty::Map(item)) => Ty::Array(Rc::clone(item)),
            ("split" | "split_rev" | "to_chars" | "lines", Ty::Text) => {
                Ty::array(if name == "to_chars" { Ty::Char } else { Ty::Text })
            }
            ("range", _) => Ty::Range,
            ("round" | "floor" | "ceiling" | "abs" | "to_int" | "to_float" | "int", _) => {
                let unit = first.unit();
                returns.unwrap_or(Ty::Any).with_unit(unit)
            }
            _ => returns.unwrap_or(Ty::Any),
        };
        let large = (large || matches!(first, Ty::Rows(_))) && !matches!(name, "take" | "extract" | "chunks");
        let mut val = Val { large: large && matches!(ty, Ty::Array(_)), ..ty.into() };
        if val.ty == Ty::Unit {
            val.void = void(name, call.at);
        }
        if name == "contains" {
            self.membership(call);
        }
        self.special_builtin(frame, call);
        val
    }

    /// A text where a closure is due: the name of a function.
    fn function_by_name(&mut self, frame: &Frame, call: &Call) {
        let Some((text, at)) = call.vals.get(1).and_then(Val::text) else { return };
        let (text, at) = (text.clone(), *at);
        let item = call.vals[0].ty.item();
        let fits =
            |overload: &world::Overload| overload.params.first().is_some_and(|param| world::takes(*param, &item));
        if self.has_function(frame.unit, &text) || world::overloads(&text).iter().any(fits) {
            return;
        }
        let hint = format!("write a closure: `{}(|row| row.{text})`", call.name);
        self.report("unknown-function", at, format!("there is no function `{text}`"), Some(hint));
    }

    /// What is never in it: `"x" in [1, 2]`.
    pub fn membership(&mut self, call: &Call) {
        let [whole, what] = call.vals.as_slice() else { return };
        if let Ty::Array(item) = &whole.ty
            && !what.ty.is_unknown()
            && !item.is_unknown()
            && item.present().all(|item| what.ty.present().all(|what| super::operators::never_equal(item, what)))
        {
            let message = format!("{} is never in a list of what is {item}", what.ty);
            self.report(
                "comparison",
                call.at,
                message,
                Some("inside lists, values of different types are unequal".into()),
            );
        }
    }
}

/// Methods that change their list or text and give nothing.
fn void(name: &str, at: Place) -> Option<(&'static str, Place)> {
    const VOID: [&str; 22] = [
        "sort",
        "sort_by",
        "sort_desc",
        "reverse",
        "dedup",
        "push",
        "append",
        "insert",
        "clear",
        "truncate",
        "chop",
        "for_each",
        "trim",
        "replace",
        "crop",
        "make_upper",
        "make_lower",
        "pad",
        "splice",
        "mixin",
        "fill_with",
        "set",
    ];
    VOID.iter().find(|void| **void == name).map(|name| (*name, at))
}
