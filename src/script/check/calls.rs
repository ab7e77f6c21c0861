//! Calls: who answers to a name, and what it takes and gives.

use std::rc::Rc;

use rhai::{FnCallExpr, ImmutableString, Position};

use crate::api::{Row, Type};
use crate::permission::Effect;
use crate::script::helpers::Helper;
use crate::script::std::{Function, On, When};
use crate::text::{count, nearest};

use super::answers::{Answers, answers, effect_of_request, only_answer};
use super::checker::Checker;
use super::scope::{Frame, Phase};
use super::text::Place;
use super::types::{Closure, SlotKind, Ty, Val};
use super::world;

/// A call as it is written.
pub(super) struct Call {
    pub name: ImmutableString,
    /// What it is called on first, where it is a method.
    pub vals: Vec<Val>,
    pub places: Vec<Place>,
    pub method: bool,
    pub at: Place,
}

/// What a row or a helper takes.
#[derive(Clone, Copy)]
struct Takes {
    least: usize,
    most: usize,
    options: bool,
}

/// What a call gives it.
struct Given {
    positional: usize,
    options: Option<Val>,
}

/// Methods that change what they are called on.
pub(super) const CHANGES: [&str; 33] = [
    "push",
    "pop",
    "shift",
    "insert",
    "remove",
    "append",
    "clear",
    "truncate",
    "chop",
    "reverse",
    "sort",
    "sort_by",
    "sort_desc",
    "dedup",
    "drain",
    "retain",
    "splice",
    "pad",
    "set",
    "mixin",
    "fill_with",
    "trim",
    "replace",
    "crop",
    "make_upper",
    "make_lower",
    "set_bit",
    "set_bits",
    "for_each",
    "take",
    "split",
    "write",
    "set_tag",
];

impl Checker<'_> {
    /// Whether a method may change what it is called on.
    pub fn may_change(&self, unit: usize, name: &str, args: usize) -> bool {
        CHANGES.contains(&name) || self.function(unit, name, args).is_some()
    }

    /// `name(…)`
    pub fn call(&mut self, frame: &mut Frame, call: &FnCallExpr, position: Position) -> Val {
        let at = Place::new(frame.unit, position);
        if !call.namespace.is_empty() {
            return self.module_call(frame, call, at);
        }
        let name = &call.name;
        if call.op_token.is_some() {
            return self.operator(frame, call, at);
        }
        match name.as_str() {
            "Fn" => return self.function_pointer(frame, call),
            "curry" => {
                self.args(frame, call);
                return Val::any();
            }
            "call" if call.args.len() > 1 || !call.args.is_empty() => {
                let mut vals = self.args(frame, call);
                let function = vals.remove(0);
                return self.call_value(frame, &function, vals, at);
            }
            "type_of" => {
                self.args(frame, call);
                return Ty::Text.into();
            }
            "is_def_fn" | "is_def_var" | "is_shared" => {
                self.args(frame, call);
                return Ty::Bool.into();
            }
            "print" | "debug" => {
                self.args(frame, call);
                return Ty::Unit.into();
            }
            _ => {}
        }
        // A variable that holds a closure is called by its name too.
        if let Some(slot) = frame.env.find(name) {
            let held = frame.env.slots[slot].val.clone();
            if let Some(var) = frame.env.slots[slot].var {
                self.variables[var].read = true;
            }
            if !self.has_function(frame.unit, name) && world::overloads(name).is_empty() {
                let vals = self.args(frame, call);
                return self.call_value(frame, &held, vals, at);
            }
        }
        if let Some(function) = self.function(frame.unit, name, call.args.len()) {
            let vals = self.args(frame, call);
            return self.call_function(frame.unit, &function, vals, frame.phase, None);
        }
        let places = call.args.iter().map(|arg| Place::new(frame.unit, arg.start_position())).collect();
        if super::triggers::is_trigger(name) {
            let vals = self.args(frame, call);
            let call = Call { name: name.clone(), vals, places, method: false, at };
            return self.register(frame, &call);
        }
        let vals = self.args(frame, call);
        let mut call = Call { name: name.clone(), vals, places, method: false, at };
        self.resolve(frame, &mut call)
    }

    /// `base.name(…)`
    pub fn method(
        &mut self,
        frame: &mut Frame,
        base: &Val,
        root: Option<&ImmutableString>,
        call: &FnCallExpr,
        position: Position,
    ) -> Val {
        let at = Place::new(frame.unit, position);
        let name = &call.name;
        let mut vals = self.args(frame, call);
        if name == super::probe::NAME {
            return self.meet(base);
        }
        match name.as_str() {
            "call" if base.ty.is_unknown() || base.ty.all(|ty| matches!(ty, Ty::Closure(_))) => {
                return self.call_value(frame, base, vals, at);
            }
            "curry" if base.ty.is_unknown() || base.ty.all(|ty| matches!(ty, Ty::Closure(_))) => return Val::any(),
            "type_of" => return Ty::Text.into(),
            "is_shared" => return Ty::Bool.into(),
            _ => {}
        }
        // A closure in a map.
        if let Ty::Record(record) = &base.ty {
            match record.get(name).map(|entry| entry.val.clone()) {
                Some(entry) if matches!(entry.ty, Ty::Closure(_) | Ty::Any) => {
                    return self.call_value(frame, &entry, vals, at);
                }
                _ if record.open && world::overloads(name).is_empty() => return Val::any(),
                _ => {}
            }
        }
        if let Some(function) = self.function(frame.unit, name, vals.len()) {
            let this = Some(base.clone());
            let val = self.call_function(frame.unit, &function, vals, frame.phase, this);
            if let Some(root) = root {
                frame.env.forget(root);
            }
            return val;
        }
        let mut places: Vec<_> = call.args.iter().map(|arg| Place::new(frame.unit, arg.start_position())).collect();
        // The rows of a paged endpoint come later.
        if let Some(root) =
            frame.chain.clone().filter(|_| !base.ty.members().iter().any(|ty| matches!(ty, Ty::Rows(_))))
        {
            self.race(frame, &root, &vals, at);
        }
        vals.insert(0, base.clone());
        places.insert(0, at);
        let mut resolved = Call { name: name.clone(), vals, places, method: true, at };
        let val = self.resolve(frame, &mut resolved);
        if let Some(root) = root {
            self.changed(frame, root, &resolved);
        }
        val
    }

    /// What a method did to the variable that it was called on.
    fn changed(&mut self, frame: &mut Frame, root: &ImmutableString, call: &Call) {
        if !CHANGES.contains(&call.name.as_str()) {
            return;
        }
        let Some(at) = frame.env.find(root) else { return };
        let slot = frame.env.slots[at].clone();
        // Handles and the state store are names for what they stand for.
        if slot.val.ty.all(|ty| matches!(ty, Ty::State | Ty::Http | Ty::Vps | Ty::Pbh | Ty::Downloader | Ty::Rows(_))) {
            return;
        }
        let holds = matches!(slot.val.ty, Ty::Array(_) | Ty::Map(_) | Ty::Record(_));
        match slot.kind {
            SlotKind::Copied if holds && !matches!(call.name.as_str(), "for_each" | "split") => {
                let hint = format!(
                    "each run has its own copy of `{root}`: keep what changes in `state`, or make the list inside the handler"
                );
                self.report(
                    "lost-change",
                    call.at,
                    format!("what `{}` does to `{root}` is lost when the run ends", call.name),
                    Some(hint),
                );
            }
            SlotKind::Constant if holds && !matches!(call.name.as_str(), "for_each" | "split" | "take") => {
                let hint = Some(format!("copy it into a variable first: `let copy = {root};`"));
                self.report(
                    "assign-constant",
                    call.at,
                    format!("`{}` would change the constant `{root}`", call.name),
                    hint,
                );
            }
            _ => {}
        }
        if call.name.starts_with("sort") {
            frame.sorted.push(root.clone());
        }
        if call.name == "dedup" && call.vals.len() == 1 && !frame.sorted.contains(root) {
            let hint = Some("`unique()` gives each element once; or sort the list first".into());
            self.report("dedup", call.at, "`dedup` looks at neighbours only: equal elements further apart stay", hint);
        }
        if call.name == "push" && frame.over_large > 0 && at < frame.loop_base {
            let hint = Some(
                "each `push` takes longer the longer the list is: write `rows.filter(|row| …).map(|row| …)`".into(),
            );
            self.report("slow-push", call.at, format!("`{root}` grows by one element for each of many rows"), hint);
        }
        let item = |index: usize| call.vals.get(index).map_or(Ty::Any, |val| val.ty.clone());
        let ty = match (&slot.val.ty, call.name.as_str()) {
            (Ty::Array(own), "push") => Ty::array(own.join(&item(1))),
            (Ty::Array(own), "insert" | "pad") => Ty::array(own.join(&item(2))),
            (Ty::Array(own), "append") => Ty::array(own.join(&item(1).item())),
            (Ty::Array(own), "set") => Ty::array(own.join(&item(2))),
            (Ty::Array(_), "splice" | "for_each") => Ty::array(Ty::Any),
            (Ty::Array(_) | Ty::Text, _) => slot.val.ty.clone(),
            _ => Ty::Any,
        };
        let large = slot.val.large;
        frame.env.slots[at].val = Val { large, ..ty.into() };
    }

    /// A closure as a value, called.
    fn call_value(&mut self, frame: &mut Frame, function: &Val, args: Vec<Val>, at: Place) -> Val {
        match &function.ty {
            Ty::Closure(closure) => {
                self.arity(closure, args.len(), args.len(), at);
                self.call_closure(closure, args, frame.phase, None, |_| {})
            }
            ty if ty.is_unknown() => Val::any(),
            ty => {
                if ty.all(|ty| !matches!(ty, Ty::Closure(_))) {
                    self.report("type", at, format!("{ty} cannot be called"), None);
                }
                Val::any()
            }
        }
    }

    /// A closure that takes another number of arguments than it is given.
    pub fn arity(&mut self, closure: &Closure, least: usize, most: usize, at: Place) {
        if let Some(params) = self.params(closure)
            && !self.units[closure.unit].functions.get(closure.name.as_str()).is_some_and(|all| {
                all.iter().any(|f| (least..=most).contains(&f.params.len().saturating_sub(closure.captured.len())))
            })
        {
            // A closure that stands further up may be right for somebody else.
            let here = closure.place.unit == at.unit && closure.place.line >= at.line;
            let place = if here { closure.place } else { at };
            self.report(
                "arguments",
                place,
                format!("the closure takes {}, but gets {most}", count(params, "argument")),
                None,
            );
        }
    }

    /// `Fn("name")`
    fn function_pointer(&mut self, frame: &mut Frame, call: &FnCallExpr) -> Val {
        let vals = self.args(frame, call);
        let Some((name, place)) = vals.first().and_then(Val::text).map(|(name, place)| (name.clone(), *place)) else {
            return Val::any();
        };
        if let Some(function) = self.units[frame.unit].functions.get(name.as_str()).and_then(|all| all.first()) {
            let closure = Closure { unit: frame.unit, name: function.name.clone(), captured: Vec::new(), place };
            return Ty::Closure(Rc::new(closure)).into();
        }
        if world::overloads(&name).is_empty() {
            self.unknown_function(frame, &name, place);
        }
        Val::any()
    }

    /// `module::name(…)`
    fn module_call(&mut self, frame: &mut Frame, call: &FnCallExpr, at: Place) -> Val {
        let vals = self.args(frame, call);
        let path = &call.namespace.path;
        let Some(root) = path.first().filter(|_| path.len() == 1) else { return Val::any() };
        let module = match self.units[frame.unit].imports.get(&root.name) {
            Some(module) => *module,
            None if root.name == "global" => Some(frame.unit),
            None => {
                let near = nearest(&root.name, self.units[frame.unit].imports.keys().map(ImmutableString::as_str));
                let hint = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("import it: `import \"lib/{}\" as {};`", root.name, root.name),
                };
                let at = Place::new(frame.unit, root.pos);
                self.report("unknown-function", at, format!("there is no module `{}`", root.name), Some(hint));
                return Val::any();
            }
        };
        let Some(module) = module else { return Val::any() };
        if let Some(function) = self.function(module, &call.name, vals.len()) {
            return self.call_function(module, &function, vals, frame.phase, None);
        }
        let functions = &self.units[module].functions;
        if let Some(others) = functions.get(call.name.as_str()) {
            let takes = others.first().map_or(0, |function| function.params.len());
            let message = format!("`{}` takes {}, not {}", call.name, count(takes, "argument"), vals.len());
            self.report("arguments", at, message, None);
        } else {
            let near = nearest(&call.name, functions.keys().map(String::as_str).filter(|name| !name.contains('$')));
            let hint = near.map(|near| format!("did you mean `{}::{near}`?", root.name));
            self.report(
                "unknown-function",
                at,
                format!("there is no function `{}` in `{}`", call.name, root.name),
                hint,
            );
        }
        Val::any()
    }

    pub(super) fn unknown_function(&mut self, frame: &Frame, name: &str, at: Place) {
        let own = self.units[frame.unit].functions.keys().map(String::as_str).filter(|name| !name.contains('$'));
        let triggers = super::triggers::NAMES.iter().copied();
        let near =
            nearest(name, own.chain(world::names().iter().copied()).chain(triggers).filter(|near| *near != name));
        let hint = near.map(|near| format!("did you mean `{near}`?"));
        self.report("unknown-function", at, format!("there is no function `{name}`"), hint);
    }

    /// Finds who answers, and checks the arguments against it.
    pub fn resolve(&mut self, frame: &mut Frame, call: &mut Call) -> Val {
        let name = call.name.clone();
        if matches!(name.as_str(), "contains" | "starts_with" | "ends_with" | "index_of" | "is_match")
            && let [on, what] = call.vals.as_slice()
            && let (Some(field), Some((_, place))) =
                (on.localised.filter(|field| *field != super::lints::CAUGHT), what.text())
        {
            let place = *place;
            self.localised(field, place);
        }
        let first = call.vals.first().map(|val| val.ty.clone());
        if let Some(ty) = &first {
            let found = if ty.is_unknown() { only_answer(&name) } else { answers(&name, ty) };
            match found {
                Some(Answers::Row(row)) => return self.row_call(frame, row, false, call),
                Some(Answers::All(row)) => return self.row_call(frame, row, true, call),
                Some(Answers::Helper(helper)) => return self.helper_call(frame, helper, call),
                Some(Answers::Std(rows)) => {
                    if let Some(row) = rows.iter().find(|row| row.arities().contains(&call.vals.len())) {
                        return self.std_call(frame, row, call);
                    }
                    if !Self::fits_overload(call) {
                        self.wrong_count(&name, rows[0], call);
                        return Val::any();
                    }
                }
                None => {}
            }
        }
        let plain: Vec<_> =
            world::rows(&name).iter().copied().filter(|row| row.on == On::Nothing && !row.getter).collect();
        if let Some(row) = plain.iter().find(|row| row.arities().contains(&call.vals.len())) {
            // What another engineer's `get` is to a map, a function is to nothing: only where no method of that name fits.
            return self.std_call(frame, row, call);
        }
        if let (Some(row), false) = (plain.first(), Self::fits_overload(call)) {
            self.wrong_count(&name, row, call);
            return Val::any();
        }
        self.overload_call(frame, call)
    }

    fn wrong_count(&mut self, name: &str, row: &Function, call: &Call) {
        let given = call.vals.len() - usize::from(row.on != On::Nothing);
        let least = *row.arities().start() - usize::from(row.on != On::Nothing);
        let most = *row.arities().end() - usize::from(row.on != On::Nothing);
        let takes =
            if least == most { count(least, "argument") } else { format!("{least} to {}", count(most, "argument")) };
        let hint = Some(format!("its signature is `{}`", row.signature()));
        self.report("arguments", call.at, format!("`{name}` takes {takes}, not {given}"), hint);
    }

    fn fits_overload(call: &Call) -> bool {
        world::overloads(&call.name).iter().any(|overload| {
            overload.params.len() == call.vals.len()
                && overload.params.iter().zip(&call.vals).all(|(param, val)| world::takes(*param, &val.ty))
        })
    }

    /// A call of an endpoint.
    fn row_call(&mut self, frame: &mut Frame, row: &'static Row, all: bool, call: &mut Call) -> Val {
        let name = call.name.clone();
        self.when(frame, &name, When::Run, call.at);
        let required: Vec<_> = row.required().collect();
        let takes = Takes { least: required.len(), most: required.len(), options: row.options().next().is_some() };
        let hint = format!("write `{}`", row.signature());
        if let Some(given) = self.positions(takes, call, &hint) {
            for (i, param) in required.iter().enumerate() {
                let (val, place) = (call.vals[i + 1].clone(), call.places[i + 1]);
                if row.extra.destructive_if.is_some_and(|mark| val.text().is_some_and(|(text, _)| text == mark)) {
                    continue;
                }
                self.argument(&name, param.name, &super::arguments::Want::row(row.service, &param.ty), &val, place);
            }
            if let Some(val) = given.options {
                let options: Vec<_> = row
                    .options()
                    .map(|(name, ty)| {
                        (
                            name,
                            super::arguments::Want::row(row.service, static_type(row, name).unwrap_or(&Type::Any))
                                .or_own(&ty),
                        )
                    })
                    .collect();
                self.options(&name, &options, &val, Some(&hint));
            }
        }
        let marked = row
            .extra
            .destructive_if
            .filter(|mark| call.vals.iter().skip(1).any(|val| super::arguments::holds_text(val, mark)));
        let effect = if marked.is_some() { Effect::Destructive } else { row.effect };
        let service = row.service.name();
        self.permitted(&call.vals[0], service, row.id, marked, effect, &[], call.at);
        self.version(&call.vals[0], row, call.at);
        let ty = if all {
            Ty::Rows(Rc::new(row.item().map_or(Ty::Any, Ty::from_api)))
        } else if row.is_stream() {
            Ty::Rows(Rc::new(Ty::from_api(&row.returns)))
        } else {
            Ty::from_api(&row.returns)
        };
        ty.into()
    }

    fn helper_call(&mut self, frame: &mut Frame, helper: &'static Helper, call: &mut Call) -> Val {
        let name = call.name.clone();
        self.when(frame, &name, When::Run, call.at);
        let takes = Takes { least: helper.least(), most: helper.required.len(), options: !helper.options.is_empty() };
        let hint = format!("its signature is `{}`", helper.signature());
        if let Some(given) = self.positions(takes, call, &hint) {
            for (i, (param, ty)) in helper.required.iter().take(given.positional).enumerate() {
                let (val, place) = (call.vals[i + 1].clone(), call.places[i + 1]);
                self.argument(&name, param, &super::arguments::Want::word(ty), &val, place);
                if let Some(options) = super::arguments::known_keys(helper.id, param) {
                    self.options(&name, &options, &val, None);
                }
            }
            if let Some(val) = given.options {
                let options: Vec<_> =
                    helper.options.iter().map(|(name, ty)| (*name, super::arguments::Want::word(ty))).collect();
                self.options(&name, &options, &val, Some(&hint));
            }
        }
        let effect = if helper.id == "request" { effect_of_request(call.vals.get(1)) } else { helper.effect };
        self.permitted(&call.vals[0], helper.on.service(), helper.id, None, effect, helper.calls, call.at);
        let ty = Ty::from_api(&helper.returns);
        let many = call.vals[0].ty.all(|ty| matches!(ty, Ty::Array(_)));
        let ty = match (many, ty) {
            (true, Ty::Array(item)) => Ty::Array(item),
            (true, ty) => Ty::array(ty),
            (false, ty) => ty,
        };
        Val { large: helper.id == "live_peers", ..ty.into() }
    }

    /// The arguments of a row or a helper; `None` and a finding where there are too few or too many of them.
    fn positions(&mut self, takes: Takes, call: &Call, hint: &str) -> Option<Given> {
        let Takes { least, most, options } = takes;
        let given = call.vals.len() - 1;
        let last = call.vals.last().filter(|_| options && (least + 1..=most + 1).contains(&given));
        match last {
            // What may be left out is no map, so a map in its place holds the options.
            Some(last) if given > most || last.ty.all(Ty::is_map) => {
                if last.ty.is_unknown() || last.ty.all(Ty::is_map) {
                    return Some(Given { positional: given - 1, options: Some(last.clone()) });
                }
                let message = format!("the last argument of `{}` is a map of options, not {}", call.name, last.ty);
                self.report("arguments", call.places[given], message, Some(hint.to_owned()));
                Some(Given { positional: given - 1, options: None })
            }
            _ if (least..=most).contains(&given) => Some(Given { positional: given, options: None }),
            _ => {
                let options = if options { " and a map of options" } else { "" };
                let takes = match most {
                    0 => "no argument".to_owned(),
                    _ if least < most => format!("{least} to {}", count(most, "argument")),
                    _ => count(most, "argument"),
                };
                let message = format!("`{}` takes {takes}{options}; {given} given", call.name);
                self.report("arguments", call.at, message, Some(hint.to_owned()));
                None
            }
        }
    }

    fn std_call(&mut self, frame: &mut Frame, row: &'static Function, call: &mut Call) -> Val {
        let name = call.name.clone();
        self.when(frame, &name, row.when, call.at);
        let skip = usize::from(row.on != On::Nothing);
        let list = if row.on == On::Nothing {
            call.vals.iter().find(|val| val.ty.all(|ty| matches!(ty, Ty::Array(_) | Ty::Rows(_)))).cloned()
        } else {
            call.vals.first().cloned()
        };
        let item = match list.as_ref().map(|list| &list.ty) {
            Some(Ty::State) => Ty::State,
            Some(ty) if !ty.is_unknown() => ty.item(),
            _ => Ty::Any,
        };
        let guarded = frame.guarded;
        let mut answer: Option<Val> = None;
        for (i, param) in row.params.iter().enumerate() {
            let Some(val) = call.vals.get(i + skip).cloned() else { break };
            let place = call.places[i + skip];
            let want = super::arguments::Want::std(&param.ty);
            self.argument(&name, param.name, &want, &val, place);
            if matches!(param.name, "zone" | "pattern" | "text")
                && let Some(literal) = &val.literal
                && let Some((message, hint)) = super::arguments::refused(&name, param.name, &literal.0)
            {
                self.report("option-value", literal.1, message, hint);
            }
            if let Some(keys) = want.keys() {
                self.options(&name, &keys, &val, Some(&format!("its signature is `{}`", row.signature())));
            }
            if let (Some(takes), Ty::Closure(closure)) = (want.closure(), &val.ty) {
                let (closure, phase) = (Rc::clone(closure), frame.phase);
                self.arity(&closure, takes, takes, place);
                let forgiving = guarded || name == "attempt";
                // Each of these calls has copies of what the closure took along.
                let copies = matches!(name.as_str(), "parallel" | "attempt" | "each").then_some(true);
                let given = self.call_closure(&closure, vec![Val::from(item.clone()); takes], phase, copies, |frame| {
                    frame.guarded = forgiving;
                });
                self.given_nothing(frame, &name, &given);
                answer = Some(given);
            } else if let (Some(_), Some((field, place))) = (want.closure(), val.text()) {
                // The name of a field in place of a closure.
                let (field, place) = (field.clone(), *place);
                let by = item.all(Ty::is_map).then(|| self.field(frame, &item.clone().into(), &field, place));
                answer = Some(by.unwrap_or_else(Val::any));
            }
        }
        self.std_effects(row, call);
        self.special(frame, row, call);
        // Of lazy rows, only `map` gives others.
        let answer = answer.filter(|_| row.on != On::Rows || row.name == "map");
        let answer = answer.map_or(Ty::Any, |answer| answer.ty);
        let receiver = list.map_or(Ty::Any, |list| list.ty);
        let ty = match (&receiver, row.name) {
            // With `header: false` the rows are lists.
            (_, "parse_csv") if call.vals.len() > 1 => Ty::array(Ty::Any),
            (Ty::Map(value), "entries") => Ty::array(Ty::record(&[("key", Ty::Text), ("value", (**value).clone())])),
            _ => super::arguments::given(&row.returns, &receiver, &item, &answer),
        };
        let mut val = Val::from(ty);
        // `vps("tokyo")`, and the same with another age of its replies.
        val.instance = match (row.on, row.name) {
            (On::Nothing, "vps" | "pbh" | "downloader") => {
                call.vals.first().and_then(Val::text).map(|(name, _)| name.clone())
            }
            (On::Vps | On::Pbh, "cached") => call.vals[0].instance.clone(),
            _ => None,
        };
        if val.ty == Ty::Unit && row.on == On::List {
            val.void = Some((row.name, call.at));
        }
        let few = matches!(row.name, "top_by" | "take" | "chunks" | "entries") || matches!(val.ty, Ty::Rows(_));
        val.large = !few
            && call.vals.first().is_some_and(|first| first.large || matches!(first.ty, Ty::Rows(_)))
            && matches!(val.ty, Ty::Array(_));
        val
    }

    /// A closure whose value is wanted gives nothing.
    fn given_nothing(&mut self, frame: &Frame, name: &str, given: &Val) {
        if !matches!(name, "each" | "attempt" | "parallel" | "for_each" | "retain") {
            self.taken(frame, given.clone(), "what the closure gives");
        }
    }

    /// Where something may be called.
    pub fn when(&mut self, frame: &Frame, name: &str, when: When, at: Place) {
        match (when, frame.phase) {
            (When::Test, _) if !self.world.tests => self.report(
                "only-in-tests",
                at,
                format!("`{name}` is for tests, in files `NAME_test.rhai`"),
                Some("`tidegate test` runs those".into()),
            ),
            (When::Run, Phase::Load) => self.at_load(at, name),
            (When::Load, Phase::Run) => self.report(
                "at-run",
                at,
                format!("`{name}` registers a trigger, which only the top level of a script does"),
                Some("move it out of the handler; inside, `at(time, \"trigger\")` fires one later".into()),
            ),
            _ => {}
        }
    }

    pub fn at_load(&mut self, at: Place, name: &str) {
        let hint = "the top level runs once at load and only registers: `cron(\"*/5 * * * *\", \"name\", || …)`";
        self.report(
            "at-load",
            at,
            format!("`{name}` is called while the script is loaded; call it inside a trigger"),
            Some(hint.into()),
        );
    }
}

fn static_type(row: &'static Row, name: &str) -> Option<&'static Type> {
    row.params.iter().find(|param| param.name == name).map(|param| &param.ty)
}
