//! Values that nobody looks at, where nothing else comes of them.

use rhai::{Expr, FnCallExpr, Position};

use crate::api::{Service, Type};
use crate::permission::Effect;
use crate::script::helpers;
use crate::script::std::{Function, When};

use super::answers::{Answers, row_named};
use super::calls::CHANGES;
use super::checker::Checker;
use super::scope::Frame;
use super::text::Place;
use super::types::{Ty, Val};
use super::world;

impl Checker<'_> {
    /// An expression whose value nobody looks at.
    pub fn unused_result(&mut self, frame: &Frame, expr: &Expr, val: &Val) {
        match expr {
            Expr::Dot(pair, ..) | Expr::Index(pair, ..) => {
                if let Some(last) = last_step(&pair.rhs, matches!(expr, Expr::Index(..))) {
                    match last {
                        // A request to somebody else is made for what it does there.
                        Step::Method(..) if is_http(&pair.lhs) => {}
                        Step::Method(call, position) => self.unused_call(frame, call, position, val),
                        Step::Field(name, position) => {
                            let at = Place::new(frame.unit, position);
                            self.report("unused-result", at, format!("the value of `{name}` is not used"), None);
                        }
                    }
                } else if inert(expr) {
                    let at = Place::new(frame.unit, expr.start_position());
                    self.report("unused-result", at, "this value is not used", None);
                }
            }
            Expr::FnCall(call, position) => self.unused_call(frame, call, *position, val),
            Expr::Variable(variable, _, position) if variable.2.is_empty() => {
                let at = Place::new(frame.unit, *position);
                self.report("unused-result", at, format!("the value of `{}` is not used", variable.1), None);
            }
            Expr::And(_, position) | Expr::Or(_, position) | Expr::Coalesce(_, position) if !may_act(expr) => {
                let at = Place::new(frame.unit, *position);
                self.report("unused-result", at, "what this gives is not used", None);
            }
            Expr::BoolConstant(_, position)
            | Expr::IntegerConstant(_, position)
            | Expr::FloatConstant(_, position)
            | Expr::StringConstant(_, position)
            | Expr::InterpolatedString(_, position)
            | Expr::Array(_, position)
            | Expr::Map(_, position) => {
                let at = Place::new(frame.unit, *position);
                self.report("unused-result", at, "this value is not used", None);
            }
            _ => {}
        }
    }

    pub fn unused_call(&mut self, frame: &Frame, call: &FnCallExpr, position: Position, val: &Val) {
        let at = Place::new(frame.unit, position);
        let name = call.name.as_str();
        if call.op_token.is_some() {
            let hint = (name == "==").then(|| "to assign, write `=`".into());
            self.report("unused-result", at, format!("the result of `{name}` is not used"), hint);
            return;
        }
        if !call.namespace.is_empty() || self.has_function(frame.unit, name) || matches!(val.ty, Ty::Unit | Ty::Never) {
            return;
        }
        let Some(kind) = reads_only(name) else { return };
        if kind == Pure::Read && frame.guarded {
            return;
        }
        let hint = instead_of_unused(name);
        self.report("unused-result", at, format!("the result of `{name}` is not used"), hint);
    }
}

fn is_http(expr: &Expr) -> bool {
    matches!(expr, Expr::Variable(variable, ..) if variable.1 == "http")
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Pure {
    /// Nothing but its value comes of it.
    Pure,
    /// It asks a service.
    Read,
}

/// Whether nothing but its value comes of a call.
fn reads_only(name: &str) -> Option<Pure> {
    if name.starts_with("wait_")
        || name.ends_with("_and_wait")
        || CHANGES.contains(&name)
        || matches!(name, "request" | "exit" | "sleep")
    {
        return None;
    }
    if let Some(helper) = helpers::all().find(|helper| helper.id == name) {
        return (helper.effect == Effect::Read).then_some(Pure::Read);
    }
    for service in Service::ALL {
        if let Some(Answers::Row(row) | Answers::All(row)) = row_named(service, name) {
            return (row.effect == Effect::Read).then_some(Pure::Read);
        }
    }
    let rows = world::rows(name);
    if !rows.is_empty() {
        let acts = |row: &&&Function| {
            row.effect.is_some_and(|effect| effect > Effect::Read)
                || matches!(row.returns, crate::script::std::Ty::Plain(Type::Null))
                || row.params.iter().any(|param| super::arguments::Want::std(&param.ty).closure().is_some())
                || matches!(row.when, When::Load | When::Test)
        };
        if rows.iter().any(|row| acts(&row)) {
            return PURE_WITH_CLOSURE.contains(&name).then_some(Pure::Pure);
        }
        return Some(if rows.iter().any(|row| row.effect.is_some()) { Pure::Read } else { Pure::Pure });
    }
    (PURE.contains(&name) || PURE_WITH_CLOSURE.contains(&name)).then_some(Pure::Pure)
}

/// Std and Rhai functions that take a closure for its value.
const PURE_WITH_CLOSURE: [&str; 15] = [
    "filter",
    "find",
    "some",
    "all",
    "sorted_by",
    "top_by",
    "group_by",
    "count_by",
    "sum_by",
    "unique",
    "order",
    "order_by",
    "find_map",
    "zip",
    "map",
];

/// Rhai functions that do nothing but give a value.
const PURE: [&str; 40] = [
    "len",
    "is_empty",
    "contains",
    "index_of",
    "starts_with",
    "ends_with",
    "sub_string",
    "to_upper",
    "to_lower",
    "to_string",
    "to_int",
    "to_float",
    "to_chars",
    "keys",
    "values",
    "get",
    "extract",
    "order",
    "order_desc",
    "abs",
    "round",
    "floor",
    "ceiling",
    "sqrt",
    "min",
    "max",
    "parse_int",
    "parse_float",
    "parse_json",
    "to_json",
    "range",
    "is_odd",
    "is_even",
    "to_array",
    "count",
    "chars",
    "bytes",
    "div",
    "sum",
    "unique",
];

fn instead_of_unused(name: &str) -> Option<String> {
    match name {
        "map" | "filter" => Some("it gives a new list and leaves the old one: `let list = list.filter(…)`; to do something for each element, `for x in list { … }`".into()),
        "sorted_by" | "order" | "unique" | "top_by" => Some("it gives a new list and leaves the old one: `let list = …`".into()),
        _ => None,
    }
}

enum Step<'a> {
    Method(&'a FnCallExpr, Position),
    Field(&'a str, Position),
}

/// The last step of a chain.
fn last_step(rhs: &Expr, index: bool) -> Option<Step<'_>> {
    match rhs {
        Expr::Dot(pair, ..)
            if !index
                || matches!(pair.rhs, Expr::Property(..) | Expr::MethodCall(..) | Expr::Dot(..) | Expr::Index(..)) =>
        {
            last_step(&pair.rhs, false)
        }
        Expr::Index(pair, ..) => last_step(&pair.rhs, true),
        Expr::MethodCall(call, position) => Some(Step::Method(call, *position)),
        Expr::Property(property, position) => Some(Step::Field(&property.2, *position)),
        _ => None,
    }
}

/// Whether an expression only reads variables, their fields and elements.
fn inert(expr: &Expr) -> bool {
    match expr {
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => inert(&pair.lhs) && inert(&pair.rhs),
        Expr::Variable(..) | Expr::Property(..) | Expr::IntegerConstant(..) | Expr::StringConstant(..) => true,
        _ => false,
    }
}

/// Whether an expression holds a call that may do something, as in `x && notify(…)`.
fn may_act(expr: &Expr) -> bool {
    match expr {
        Expr::And(parts, _) | Expr::Or(parts, _) | Expr::Coalesce(parts, _) => parts.iter().any(may_act),
        Expr::FnCall(call, _) => call.op_token.is_none() || call.args.iter().any(may_act),
        Expr::Dot(..) | Expr::Index(..) | Expr::Stmt(..) | Expr::MethodCall(..) => true,
        _ => false,
    }
}
