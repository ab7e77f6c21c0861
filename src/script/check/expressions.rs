//! Expressions: from the tree to what is known of the value.

use std::rc::Rc;

use rhai::{ASTFlags, BinaryExpr, Expr, FnCallExpr, FnPtr, ImmutableString, Position, Stmt};

use crate::text::nearest;
use crate::time::Duration;

use super::checker::Checker;
use super::scope::Frame;
use super::text::Place;
use super::types::{Closure, Entry, Literal, Record, Slot, SlotKind, Ty, Unit, Val};
use super::world;

/// Elements of a list that are remembered one by one.
const FEW: usize = 24;

impl Checker<'_> {
    pub fn expr(&mut self, frame: &mut Frame, expr: &Expr) -> Val {
        if !self.step() {
            return Val::any();
        }
        let place = |position: Position| Place::new(frame.unit, position);
        match expr {
            Expr::BoolConstant(value, at) => Val::literal(Literal::Bool(*value), place(*at)),
            Expr::IntegerConstant(value, at) => Val::literal(Literal::Int(*value), place(*at)),
            Expr::FloatConstant(value, at) => Val::literal(Literal::Float(**value), place(*at)),
            Expr::CharConstant(..) => Ty::Char.into(),
            Expr::StringConstant(text, at) => {
                let at = place(*at);
                self.secret_in(text, at);
                Val::literal(Literal::Text(text.clone()), at)
            }
            Expr::Unit(_) => Ty::Unit.into(),
            Expr::DynamicConstant(value, at) => match value.read_lock::<FnPtr>() {
                Some(function) => {
                    let closure = Closure {
                        unit: frame.unit,
                        name: function.fn_name().into(),
                        captured: Vec::new(),
                        place: place(*at),
                    };
                    self.later(&closure, frame.phase);
                    Ty::Closure(Rc::new(closure)).into()
                }
                None => Val::any(),
            },
            Expr::InterpolatedString(parts, at) => {
                let at = place(*at);
                for part in parts {
                    match part {
                        Expr::StringConstant(text, _) => {
                            self.secret_in(text, at);
                            self.escape_in(text, at);
                        }
                        part => {
                            let val = self.expr(frame, part);
                            self.taken(frame, val, "printed");
                        }
                    }
                }
                Ty::Text.into()
            }
            Expr::Array(items, _) => {
                let mut item = Ty::Never;
                let mut holds = Vec::new();
                let mut own = Vec::new();
                for expr in items {
                    let val = self.expr(frame, expr);
                    let val = self.taken(frame, val, "put into a list");
                    holds.extend(val.text().map(|(text, _)| text.clone()));
                    item = item.join(&val.ty);
                    if items.len() <= FEW {
                        own.push(val);
                    }
                }
                Val { holds, items: Some(Rc::new(own)), ..Ty::array(item).into() }
            }
            Expr::Map(map, _) => {
                let mut record = Record::default();
                for (key, value) in &map.0 {
                    let val = self.expr(frame, value);
                    // What is nothing yet waits for a value.
                    let val = if matches!(value, Expr::Unit(_)) { Val::any() } else { val };
                    let val = self.taken(frame, val, "put into a map");
                    let at = Place::new(frame.unit, key.pos);
                    self.secret_under(&key.name, &val);
                    record.fields.push(Entry { name: key.name.clone(), place: at, val });
                }
                Ty::Record(Rc::new(record)).into()
            }
            Expr::Variable(variable, _, at) => {
                if variable.2.is_empty() {
                    self.variable(frame, &variable.1, place(*at))
                } else {
                    Val::any()
                }
            }
            Expr::ThisPtr(_) => frame.this.clone().unwrap_or_else(Val::any),
            Expr::Stmt(block) => match self.closure(frame, block.statements()) {
                Some(closure) => closure,
                None => self.block(frame, block, true),
            },
            Expr::FnCall(call, at) => self.call(frame, call, *at),
            Expr::Dot(pair, flags, _) => self.chain(frame, pair, false, *flags),
            Expr::Index(pair, flags, _) => self.chain(frame, pair, true, *flags),
            Expr::And(parts, _) | Expr::Or(parts, _) => {
                let before = frame.env.clone();
                for (i, part) in parts.iter().enumerate() {
                    self.condition(frame, part);
                    if i == 0 {
                        Self::tested(frame, part);
                    }
                    Self::narrow(frame, part, matches!(expr, Expr::And(..)));
                }
                // What a part assigned, it may not have come to.
                frame.env.slots.truncate(before.slots.len());
                frame.env = before;
                Ty::Bool.into()
            }
            Expr::Coalesce(parts, _) => {
                let mut ty = Ty::Never;
                for (i, part) in parts.iter().enumerate() {
                    let val = self.expr(frame, part);
                    let last = i + 1 == parts.len();
                    ty = ty.join(&if last { val.ty } else { without_unit(&val.ty) });
                }
                ty.into()
            }
            _ => Val::any(),
        }
    }

    /// A value that somebody goes on with: what a function that gives nothing gave is not meant.
    pub fn taken(&mut self, _: &Frame, val: Val, how: &str) -> Val {
        match val.void {
            Some((name, place)) => {
                let hint = Some(instead(name));
                self.report(
                    "nothing-returned",
                    place,
                    format!("`{name}` changes its list or text and gives nothing, and that is {how}"),
                    hint,
                );
                Val::any()
            }
            None => val,
        }
    }

    fn variable(&mut self, frame: &mut Frame, name: &ImmutableString, place: Place) -> Val {
        if name == super::probe::NAME {
            return self.meet_scope(frame);
        }
        if let Some(at) = frame.env.find(name) {
            let slot = &frame.env.slots[at];
            if let Some(var) = slot.var {
                self.variables[var].read = true;
            }
            let val = slot.val.clone();
            self.note_type(place, name, &val.ty);
            return val;
        }
        if let Some(slot) = self.units[frame.unit].constants.get(name) {
            if let Some(var) = slot.var {
                self.variables[var].read = true;
            }
            return slot.val.clone();
        }
        if matches!(name.as_str(), "state" | "shared_state") {
            return Ty::State.into();
        }
        if name == "http" {
            return Ty::Http.into();
        }
        if Self::is_name(name) {
            return Val::any();
        }
        if let Some(function) = self.units[frame.unit].functions.get(name.as_str()).and_then(|all| all.first()) {
            let name = function.name.clone();
            self.units[frame.unit].called.insert(name.clone());
            let closure = Closure { unit: frame.unit, name, captured: Vec::new(), place };
            return Ty::Closure(Rc::new(closure)).into();
        }
        self.unknown_variable(frame, name, place);
        Val::any()
    }

    fn unknown_variable(&mut self, frame: &mut Frame, name: &ImmutableString, place: Place) {
        if self.units[frame.unit].globals.contains(name) {
            let hint = "functions see their parameters, constants and `state`, but no other variables of the script: make it a `const`, or pass it as an argument";
            self.report("unknown-variable", place, format!("there is no variable `{name}` here"), Some(hint.into()));
        } else {
            let known = frame.env.slots.iter().map(|slot| slot.name.as_str());
            let constants = self.units[frame.unit].constants.keys().map(ImmutableString::as_str);
            let near = nearest(name, known.chain(constants).chain(["state", "shared_state"]));
            let hint = near.map(|near| format!("did you mean `{near}`?"));
            self.report("unknown-variable", place, format!("there is no variable `{name}`"), hint);
        }
        // Once is enough.
        frame.env.slots.push(Slot { name: name.clone(), var: None, val: Val::any(), kind: SlotKind::Own });
    }

    /// A block of what a closure takes along and its `curry`, as the closure that it is.
    fn closure(&mut self, frame: &mut Frame, statements: &[Stmt]) -> Option<Val> {
        let [Stmt::Share(_), Stmt::Expr(expr)] = statements else { return None };
        let Expr::FnCall(call, _) = &**expr else { return None };
        let Some(Expr::DynamicConstant(value, at)) = call.args.first() else { return None };
        let name = value.read_lock::<FnPtr>()?.fn_name().to_owned();
        let mut captured = Vec::new();
        for arg in call.args.iter().skip(1) {
            let Expr::Variable(variable, _, at) = arg else { continue };
            let name = &variable.1;
            let slot = match frame.env.find(name) {
                Some(at) => frame.env.slots[at].clone(),
                None => {
                    if let Some(constant) = self.units[frame.unit].constants.get(name) {
                        constant.clone()
                    } else {
                        let val = self.variable(frame, name, Place::new(frame.unit, *at));
                        Slot { name: name.clone(), var: None, val, kind: SlotKind::Own }
                    }
                }
            };
            captured.push(slot);
        }
        let place = Place::new(frame.unit, *at);
        let closure = Closure { unit: frame.unit, name: name.into(), captured, place };
        // What it assigns may have changed whenever it is looked at again.
        for name in self.assigned_in(&closure) {
            if !matches!(frame.env.find(&name).map(|at| frame.env.slots[at].kind), Some(SlotKind::Constant) | None) {
                frame.env.forget(&name);
            }
        }
        self.later(&closure, frame.phase);
        Some(Ty::Closure(Rc::new(closure)).into())
    }

    /// A variable and what is done to it: `a.b[c].d()`.
    fn chain(&mut self, frame: &mut Frame, pair: &BinaryExpr, index: bool, flags: ASTFlags) -> Val {
        let base = self.expr(frame, &pair.lhs);
        let root = match &pair.lhs {
            Expr::Variable(variable, ..) if variable.2.is_empty() => Some(variable.1.clone()),
            _ => None,
        };
        let outer = std::mem::replace(&mut frame.chain, root.clone());
        let val = self.steps(frame, base, root.as_ref(), 0, &pair.rhs, index, flags);
        frame.chain = outer;
        val
    }

    #[expect(clippy::too_many_arguments, reason = "a step of a chain, and where the chain began")]
    fn steps(
        &mut self,
        frame: &mut Frame,
        base: Val,
        root: Option<&ImmutableString>,
        depth: usize,
        rhs: &Expr,
        index: bool,
        flags: ASTFlags,
    ) -> Val {
        let ends = index && flags.intersects(ASTFlags::BREAK);
        let (step, rest) = match rhs {
            Expr::Dot(next, next_flags, _) if !ends => (&next.lhs, Some((&next.rhs, false, *next_flags))),
            Expr::Index(next, next_flags, _) if !ends => (&next.lhs, Some((&next.rhs, true, *next_flags))),
            step => (step, None),
        };
        let base = self.taken(frame, base, "gone on with");
        // `?.` and `?[`: nothing happens where there is nothing.
        let asked = flags.intersects(ASTFlags::NEGATED);
        if asked && base.ty == Ty::Unit {
            return Ty::Unit.into();
        }
        let maybe = asked && base.ty.members().iter().any(|ty| matches!(ty, Ty::Unit));
        let mut val = if index {
            let at = self.expr(frame, step);
            self.index(frame, &base, &at, Place::new(frame.unit, step.start_position()))
        } else {
            match step {
                Expr::Property(property, at) => self.field(frame, &base, &property.2, Place::new(frame.unit, *at)),
                Expr::MethodCall(call, at) => self.method(frame, &base, root.filter(|_| depth == 0), call, *at),
                _ => Val::any(),
            }
        };
        if let (Expr::MethodCall(call, _), Some(root)) = (step, root)
            && depth > 0
            && self.may_change(frame.unit, &call.name, call.args.len())
        {
            frame.env.forget(root);
        }
        if let Some((rhs, index, flags)) = rest {
            val = self.steps(frame, val, root, depth + 1, rhs, index, flags);
        }
        if maybe {
            val.ty = val.ty.nullable();
        }
        val
    }

    /// `base.name`
    pub fn field(&mut self, _: &Frame, base: &Val, name: &str, place: Place) -> Val {
        if name == super::probe::NAME {
            return self.meet(base);
        }
        if base.ty.is_unknown() {
            let told = base.localised == Some(super::lints::CAUGHT) && name == "message";
            return Val { localised: told.then_some("message"), ..Val::any() };
        }
        let mut found: Option<Val> = None;
        for ty in base.ty.present() {
            if let Some(val) = field_of(ty, name) {
                found = Some(found.map_or(val.clone(), |before| before.join(&val)));
            }
        }
        let Some(mut val) = found else {
            self.unknown_field(base, name, place);
            return Val::any();
        };
        if let (Some((number, place)), Some(seconds), Ty::Duration) =
            (base.number(), crate::units::seconds_per(name), &val.ty)
        {
            val = Val::literal(Literal::Duration(Duration::from_seconds_f64(number * seconds)), *place);
        }
        if name == "error" && val.ty.is_unknown() {
            val.localised = Some(super::lints::CAUGHT);
        } else if val.ty.all(|ty| matches!(ty, Ty::Text)) {
            val.localised = base.ty.present().find_map(|ty| super::lints::localised_field(ty, name));
        }
        val.large |= base.large && matches!(val.ty, Ty::Array(_));
        self.note_type(place, name, &val.ty);
        val
    }

    fn unknown_field(&mut self, base: &Val, name: &str, place: Place) {
        if base.ty == Ty::Unit {
            self.report(
                "unknown-field",
                place,
                format!("`.{name}` is asked of `()`, which has no fields"),
                Some("the value is missing here: is it assigned before?".into()),
            );
            return;
        }
        let known: Vec<String> = base.ty.present().flat_map(fields_of).collect();
        let near = nearest(name, known.iter().map(String::as_str));
        let method = base.ty.present().any(|ty| is_method(ty, name));
        let hint = if method {
            Some(format!("it is a method: write `.{name}()`"))
        } else if let Some(near) = near {
            Some(format!("did you mean `{near}`?"))
        } else if known.is_empty() || known.len() > 40 {
            None
        } else {
            Some(format!("there is {}", crate::text::list(known.iter().map(String::as_str), "and")))
        };
        self.report("unknown-field", place, format!("{} has no field `{name}`", base.ty), hint);
    }

    /// `base[at]`
    fn index(&mut self, frame: &Frame, base: &Val, at: &Val, place: Place) -> Val {
        if base.ty.is_unknown() {
            return Val::any();
        }
        if base.ty.all(Ty::is_map) {
            if let Some((name, place)) = at.text() {
                let (name, place) = (name.clone(), *place);
                if base.ty.present().any(|ty| matches!(ty, Ty::Map(_))) {
                    return self.field(frame, base, &name, place);
                }
                return self.field(frame, base, &name, place);
            }
            if at.ty.all(|ty| !matches!(ty, Ty::Text)) {
                self.report(
                    "type",
                    place,
                    format!("{} is asked for a key that is {}", base.ty, at.ty),
                    Some("keys are texts".into()),
                );
            }
            return match &base.ty {
                Ty::Map(item) => (**item).clone().into(),
                _ => Val::any(),
            };
        }
        let number = |ty: &Ty| matches!(ty, Ty::Int(_) | Ty::Range);
        if base.ty.all(|ty| matches!(ty, Ty::Array(_) | Ty::Text)) && at.ty.all(|ty| !number(ty)) {
            let hint = at
                .ty
                .all(|ty| matches!(ty, Ty::Float(_)))
                .then(|| "`/` gives a float: use `div(n, 2)` or `x.to_int()`".into());
            self.report("type", place, format!("{} is asked for an element by {}", base.ty, at.ty), hint);
            return Val::any();
        }
        let scalar = |ty: &Ty| {
            matches!(
                ty,
                Ty::Bool
                    | Ty::Float(_)
                    | Ty::Time
                    | Ty::Duration
                    | Ty::Ip
                    | Ty::Vps
                    | Ty::Pbh
                    | Ty::Downloader
                    | Ty::Rows(_)
                    | Ty::Closure(_)
                    | Ty::Unit
            )
        };
        if base.ty.all(scalar) {
            let hint =
                base.ty.all(|ty| matches!(ty, Ty::Rows(_))).then(|| "write `.to_array()[0]`, or `.take(1)`".into());
            self.report("type", place, format!("{} has no elements", base.ty), hint);
            return Val::any();
        }
        if at.ty.all(|ty| matches!(ty, Ty::Int(_))) && base.ty.all(|ty| matches!(ty, Ty::Array(_))) {
            return base.ty.item().into();
        }
        Val::any()
    }

    /// The names that the interpreter knows beside variables and functions.
    fn is_name(name: &str) -> bool {
        name == "global" || world::names().contains(name)
    }

    pub fn assign(&mut self, frame: &mut Frame, assignment: &(rhai::OpAssignment, BinaryExpr)) {
        let (op, pair) = assignment;
        let value = self.expr(frame, &pair.rhs);
        let value = self.taken(frame, value, "assigned");
        let at = Place::new(frame.unit, pair.lhs.start_position());
        match &pair.lhs {
            Expr::Variable(variable, ..) if variable.2.is_empty() => {
                let name = &variable.1;
                let value = match op.get_op_assignment_info() {
                    Some((.., token, syntax)) => {
                        let place = Place::new(frame.unit, op.position());
                        let before = frame.env.find(name).map_or_else(Val::any, |at| frame.env.slots[at].val.clone());
                        let _ = token;
                        self.op_assigned(syntax, &before, &value, place)
                    }
                    None => value,
                };
                self.assigned(frame, name, at, true);
                if let Some(index) = frame.env.find(name) {
                    frame.env.slots[index].val = value;
                }
            }
            Expr::Dot(target, flags, _) | Expr::Index(target, flags, _) => {
                // The keys and indices on the way are read.
                let (root, simple) = match &target.lhs {
                    Expr::Variable(variable, ..) if variable.2.is_empty() => (Some(variable.1.clone()), true),
                    _ => (None, false),
                };
                let base = match (&root, frame.env.find(root.as_deref().unwrap_or_default())) {
                    (Some(_), Some(index)) => frame.env.slots[index].val.clone(),
                    _ => self.expr(frame, &target.lhs),
                };
                let index = matches!(pair.lhs, Expr::Index(..));
                if index && flags.intersects(ASTFlags::BREAK) {
                    self.expr(frame, &target.rhs);
                } else {
                    self.target(frame, &base, &target.rhs, index);
                }
                let Some(root) = root else { return };
                if base.ty == Ty::State {
                    if frame.phase == super::scope::Phase::Load && frame.unit == 0 {
                        self.at_load(at, "state.set");
                    }
                    return;
                }
                self.assigned(frame, &root, at, false);
                let Some(slot) = frame.env.find(&root) else { return };
                let plain = op.get_op_assignment_info().is_none();
                let changed = match (&base.ty, &target.rhs) {
                    (Ty::Record(record), Expr::Property(property, at)) if plain && simple => {
                        Ty::Record(Rc::new(record.with(&property.2, Place::new(frame.unit, *at), value)))
                    }
                    (Ty::Record(record), Expr::StringConstant(key, at)) if plain && simple && index => {
                        Ty::Record(Rc::new(record.with(key, Place::new(frame.unit, *at), value)))
                    }
                    // Whichever key that is.
                    (Ty::Record(_), _) if simple && index => Ty::Map(Rc::new(Ty::Any)),
                    (Ty::Array(item), Expr::Property(..)) => Ty::Array(Rc::clone(item)),
                    // A part of an element, or an element.
                    (Ty::Array(_), Expr::Dot(..) | Expr::Index(..)) => Ty::array(Ty::Any),
                    (Ty::Array(item), _) if plain && index => Ty::array(item.join(&value.ty)),
                    (Ty::Map(item), _) if plain => Ty::Map(Rc::new(item.join(&value.ty))),
                    _ => Ty::Any,
                };
                frame.env.slots[slot].val = changed.into();
            }
            other => drop(self.expr(frame, other)),
        }
    }

    /// What is read on the way to what is assigned.
    fn target(&mut self, frame: &mut Frame, base: &Val, rhs: &Expr, index: bool) {
        match rhs {
            Expr::Dot(next, flags, _) | Expr::Index(next, flags, _) => {
                let base = if index {
                    let at = self.expr(frame, &next.lhs);
                    self.index(frame, base, &at, Place::new(frame.unit, next.lhs.start_position()))
                } else {
                    match &next.lhs {
                        Expr::Property(property, at) => {
                            self.field(frame, base, &property.2, Place::new(frame.unit, *at))
                        }
                        Expr::MethodCall(call, at) => self.method(frame, base, None, call, *at),
                        _ => Val::any(),
                    }
                };
                if matches!(rhs, Expr::Index(..)) && flags.intersects(ASTFlags::BREAK) {
                    self.expr(frame, &next.rhs);
                } else {
                    self.target(frame, &base, &next.rhs, matches!(rhs, Expr::Index(..)));
                }
            }
            Expr::Property(..) => {}
            key => drop(self.expr(frame, key)),
        }
    }

    /// A variable gets another value, or a part of it does.
    fn assigned(&mut self, frame: &mut Frame, name: &ImmutableString, place: Place, whole: bool) {
        let slot = frame.env.find(name).map(|at| frame.env.slots[at].clone());
        match slot {
            Some(slot) => match slot.kind {
                SlotKind::Constant => {
                    let hint = Some(format!("declare it with `let {name} = …`"));
                    self.report("assign-constant", place, format!("the constant `{name}` cannot be assigned to"), hint);
                }
                SlotKind::Copied => {
                    if let Some(var) = slot.var {
                        self.variables[var].read = true;
                    }
                    self.assign_captured(name, place);
                }
                SlotKind::Own | SlotKind::Shared => {
                    // A part is changed for somebody who looks at the whole.
                    if let (false, Some(var)) = (whole, slot.var) {
                        self.variables[var].read |= slot.kind == SlotKind::Shared;
                    }
                }
            },
            None if self.units[frame.unit].constants.contains_key(name) => {
                let hint = Some("keep what changes in `state`, or in a variable of the function".into());
                self.report("assign-constant", place, format!("the constant `{name}` cannot be assigned to"), hint);
            }
            None if matches!(name.as_str(), "state" | "shared_state") => {
                let hint = Some("write `state.set(\"key\", value)`".into());
                self.report("assign-constant", place, format!("`{name}` cannot be assigned to"), hint);
            }
            None => self.unknown_variable(frame, name, place),
        }
    }

    pub fn assign_captured(&mut self, name: &str, place: Place) {
        let hint = format!(
            "each run has its own copy of `{name}`: keep what changes with `state.set(\"{name}\", …)`, or in a variable inside the handler"
        );
        self.report(
            "assign-captured",
            place,
            format!("what is assigned to `{name}` is lost when the run ends"),
            Some(hint),
        );
    }

    /// A condition must be a bool.
    pub fn condition(&mut self, frame: &mut Frame, expr: &Expr) -> Val {
        let val = self.expr(frame, expr);
        let val = self.taken(frame, val, "used as a condition");
        if val.ty.all(|ty| !matches!(ty, Ty::Bool)) {
            let hint = if val.ty.all(Ty::is_number) {
                Some("write `x > 0` or `x != 0`".into())
            } else if val.ty.all(|ty| matches!(ty, Ty::Array(_) | Ty::Text | Ty::Rows(_))) {
                Some("write `!x.is_empty()`".into())
            } else {
                Some("write `x != ()` where it may be missing".into())
            };
            let place = Place::new(frame.unit, expr.start_position());
            self.report("type", place, format!("a condition is true or false, not {}", val.ty), hint);
        }
        val
    }

    /// After a test of its type, a variable may be anything: which way went with which type is not followed.
    pub fn tested(frame: &mut Frame, expr: &Expr) {
        match expr {
            Expr::FnCall(call, _) if call.name == "type_of" || call.name == "is_shared" => {
                if let Some(Expr::Variable(variable, ..)) = call.args.first() {
                    frame.env.forget(&variable.1);
                }
            }
            Expr::FnCall(call, _) => call.args.iter().for_each(|arg| Self::tested(frame, arg)),
            Expr::Dot(pair, ..) => {
                if let (Expr::Variable(variable, ..), Expr::MethodCall(call, _)) = (&pair.lhs, &pair.rhs)
                    && call.name == "type_of"
                {
                    frame.env.forget(&variable.1);
                }
                Self::tested(frame, &pair.lhs);
            }
            Expr::And(parts, _) | Expr::Or(parts, _) => parts.iter().for_each(|part| Self::tested(frame, part)),
            _ => {}
        }
    }

    /// What a condition says of a variable: that it is `()`, or is not.
    pub fn narrow(frame: &mut Frame, expr: &Expr, holds: bool) {
        match expr {
            Expr::FnCall(call, _) if matches!(call.name.as_str(), "==" | "!=") && call.args.len() == 2 => {
                let (left, right) = (&call.args[0], &call.args[1]);
                let (Expr::Variable(variable, ..), Expr::Unit(_)) = (left, right) else { return };
                let missing = (call.name == "==") == holds;
                if let Some(at) = frame.env.find(&variable.1) {
                    let slot = &mut frame.env.slots[at];
                    if !missing {
                        slot.val.ty = if slot.val.ty == Ty::Unit { Ty::Any } else { slot.val.ty.not_unit() };
                    }
                }
            }
            Expr::FnCall(call, _) if call.name == "!" && call.args.len() == 1 => {
                Self::narrow(frame, &call.args[0], !holds);
            }
            Expr::And(parts, _) if holds => parts.iter().for_each(|part| Self::narrow(frame, part, true)),
            Expr::Or(parts, _) if !holds => parts.iter().for_each(|part| Self::narrow(frame, part, false)),
            _ => {}
        }
    }

    /// For editors.
    pub fn note_type(&mut self, place: Place, name: &str, ty: &Ty) {
        if place.unit == 0 && self.quiet == 0 && !matches!(ty, Ty::Any | Ty::Never) {
            self.types.insert((place.line, place.column), (name.chars().count(), ty.to_string()));
        }
    }

    /// The variables that a closure assigns, or changes a part of.
    fn assigned_in(&self, closure: &Closure) -> Vec<ImmutableString> {
        let Some(function) = self.units[closure.unit].functions.get(closure.name.as_str()).and_then(|all| all.first())
        else {
            return Vec::new();
        };
        let captured: Vec<_> = closure.captured.iter().map(|slot| slot.name.clone()).collect();
        if captured.is_empty() {
            return captured;
        }
        super::survey::assigned(function, &captured)
    }

    /// The arguments of a call, each looked at.
    pub fn args(&mut self, frame: &mut Frame, call: &FnCallExpr) -> Vec<Val> {
        let mut vals = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            let val = self.expr(frame, arg);
            vals.push(self.taken(frame, val, "given to a function"));
        }
        vals
    }
}

fn without_unit(ty: &Ty) -> Ty {
    if *ty == Ty::Unit { Ty::Never } else { ty.not_unit() }
}

/// What gives a changed copy, where there is something.
fn instead(name: &str) -> String {
    let better = match name {
        "sort" | "sort_by" => "`list.sorted_by(|x| x.field)` or `list.order()` give a sorted list",
        "sort_desc" => "`list.order_desc()` gives a sorted list",
        "reverse" => "put it on a line of its own: `list.reverse();`",
        "dedup" => "`list.unique()` gives each element once",
        "for_each" => "`list.map(|x| …)` gives a list",
        "push" | "append" | "insert" => "put it on a line of its own, or write `list + [x]`",
        "each" => "`parallel(list, |x| …)` gives a list",
        _ => "put it on a line of its own, and go on with the variable",
    };
    better.into()
}

/// The field of a value of that type, if it has one.
pub(super) fn field_of(ty: &Ty, name: &str) -> Option<Val> {
    match ty {
        Ty::Any | Ty::Never => Some(Val::any()),
        Ty::Shape(shape) => {
            let field = shape.field(name)?;
            let ty = Ty::from_api(&field.ty);
            let optional = field.null || field.absent || field.since.is_some() || field.until.is_some();
            Some(if optional { ty.nullable() } else { ty }.into())
        }
        Ty::Page(item) => match name {
            "results" => Some(Ty::Array(Rc::clone(item)).into()),
            "page" | "size" | "total" => Some(Ty::Int(Unit::Plain).into()),
            _ => None,
        },
        Ty::Map(item) => Some((**item).clone().into()),
        Ty::Record(record) => match record.get(name) {
            Some(entry) => Some(entry.val.clone()),
            None => record.open.then(Val::any),
        },
        ty => getter(ty, name),
    }
}

/// What is read like a field from a value that is no map.
fn getter(ty: &Ty, name: &str) -> Option<Val> {
    let key = format!("get${name}");
    let overload = world::overloads(&key).iter().find(|overload| {
        overload
            .params
            .first()
            .is_some_and(|param| *param != std::any::TypeId::of::<rhai::Dynamic>() && world::takes(*param, ty))
    });
    let row = world::rows(name).iter().find(|row| row.getter && super::answers::is_on(row.on, ty));
    match (row, overload) {
        (Some(row), _) => Some(Ty::from_row(&row.returns).into()),
        (None, Some(overload)) => {
            let known = match (ty, name) {
                (Ty::Vps | Ty::Pbh | Ty::Downloader, "name") => Some(Ty::Text),
                (Ty::Int(_) | Ty::Float(_), unit) if crate::units::bytes_per(unit).is_some() => {
                    Some(Ty::Int(Unit::Bytes))
                }
                (Ty::Int(_) | Ty::Float(_), unit) if crate::units::seconds_per(unit).is_some() => Some(Ty::Duration),
                _ => overload.returns(),
            };
            Some(known.unwrap_or(Ty::Any).into())
        }
        (None, None) => None,
    }
}

/// The names of the fields of a type.
pub(super) fn fields_of(ty: &Ty) -> Vec<String> {
    match ty {
        Ty::Shape(shape) => shape.fields.iter().map(|field| field.name.to_owned()).collect(),
        Ty::Page(_) => ["page", "size", "total", "results"].map(Into::into).to_vec(),
        Ty::Record(record) => record.fields.iter().map(|entry| entry.name.to_string()).collect(),
        Ty::Any | Ty::Never | Ty::Map(_) | Ty::Unit => Vec::new(),
        ty => world::getters().filter(|name| getter(ty, name).is_some()).map(Into::into).collect(),
    }
}

/// Whether a type has a method of that name.
pub(super) fn is_method(ty: &Ty, name: &str) -> bool {
    super::answers::methods_of(ty).any(|method| method == name)
}
