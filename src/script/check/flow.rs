//! Statements: what is in scope, where the ways go, and what nobody gets to.

use rhai::{ASTFlags, Expr, FlowControl, Stmt, StmtBlock, SwitchCasesCollection};

use super::checker::Checker;
use super::scope::{Frame, Loop};
use super::text::{Kind, Place};
use super::types::{Slot, SlotKind, Ty, Val};

/// Loops in loops are gone through twice, but not more than so deep.
const LOOPS: usize = 3;

/// Whether a test says which of several things a function is to do: a parameter that is a certain text or `true`.
fn chooses(frame: &Frame, test: &Expr) -> bool {
    let literal = |expr: &Expr| matches!(expr, Expr::StringConstant(..) | Expr::CharConstant(..));
    match test {
        Expr::FnCall(call, _) if matches!(call.name.as_str(), "==" | "!=") && call.args.len() == 2 => {
            let (a, b) = (&call.args[0], &call.args[1]);
            is_parameter(frame, a) && literal(b) || literal(a) && is_parameter(frame, b)
        }
        Expr::And(all, _) | Expr::Or(all, _) => all.iter().any(|test| chooses(frame, test)),
        test => is_parameter(frame, test),
    }
}

fn is_parameter(frame: &Frame, expr: &Expr) -> bool {
    match expr {
        Expr::Variable(variable, ..) => frame.env.find(&variable.1).is_some_and(|at| at < frame.params),
        _ => false,
    }
}

impl Checker<'_> {
    /// The value of the last one. `used` says whether anybody looks at it; `open` keeps what is declared in scope.
    pub fn statements(&mut self, frame: &mut Frame, statements: &[Stmt], used: bool, open: bool) -> Val {
        let outer = frame.env.slots.len();
        let mut value = Val::from(Ty::Unit);
        let mut unreachable = false;
        for (i, statement) in statements.iter().enumerate() {
            let last = i + 1 == statements.len();
            if frame.env.dead && !unreachable && !statement.is_noop() {
                unreachable = true;
                let place = Place::new(frame.unit, statement.position());
                let hint = Some("what stands before it always leaves".into());
                self.report("unreachable", place, "nothing gets to this line", hint);
                self.quiet += 1;
            }
            value = self.statement(frame, statement, used && last);
        }
        if unreachable {
            self.quiet -= 1;
            frame.env.dead = true;
        }
        if !open {
            frame.env.slots.truncate(outer);
        }
        value
    }

    pub fn block(&mut self, frame: &mut Frame, block: &StmtBlock, used: bool) -> Val {
        self.statements(frame, block.statements(), used, false)
    }

    fn statement(&mut self, frame: &mut Frame, statement: &Stmt, used: bool) -> Val {
        if !self.step() {
            return Val::any();
        }
        match statement {
            Stmt::Block(block) => return self.block(frame, block, used),
            Stmt::Expr(expr) => {
                let value = self.expr(frame, expr);
                if !used {
                    self.unused_result(frame, expr, &value);
                }
                return value;
            }
            Stmt::FnCall(call, position) => {
                let value = self.call(frame, call, *position);
                if !used {
                    self.unused_call(frame, call, *position, &value);
                }
                return value;
            }
            Stmt::If(flow, _) => return self.branch(frame, flow, used),
            Stmt::Switch(switch, position) => {
                return self.switch(frame, &switch.0, &switch.1, Place::new(frame.unit, *position), used);
            }
            Stmt::While(flow, _) => return self.looped(frame, flow),
            Stmt::Do(flow, ..) => return self.do_loop(frame, flow),
            Stmt::For(parts, _) => return self.for_loop(frame, parts),
            Stmt::Var(var, flags, _) => {
                let (name, init, _) = &**var;
                let val = self.expr(frame, init);
                let val = self.taken(frame, val, "assigned");
                let constant = flags.intersects(ASTFlags::CONSTANT);
                let place = Place::new(frame.unit, name.pos);
                let var = self.declare(name.name.clone(), place, constant);
                if flags.intersects(ASTFlags::EXPORTED) || (constant && frame.unit != 0) {
                    self.variables[var].read = true;
                }
                self.note_type(place, &name.name, &val.ty);
                let kind = if constant { SlotKind::Constant } else { SlotKind::Own };
                frame.env.slots.push(Slot { name: name.name.clone(), var: Some(var), val, kind });
            }
            Stmt::Assignment(assignment) => self.assign(frame, assignment),
            Stmt::TryCatch(flow, _) => return self.try_catch(frame, flow, used),
            Stmt::BreakLoop(value, flags, _) => {
                let value = value.as_ref().map(|value| self.expr(frame, value));
                if flags.intersects(ASTFlags::BREAK) {
                    let env = frame.env.clone();
                    if let Some(innermost) = frame.loops.last_mut() {
                        let ty = value.map_or(Ty::Unit, |value| value.ty);
                        innermost.value = Some(innermost.value.take().map_or(ty.clone(), |before| before.join(&ty)));
                        match &mut innermost.left {
                            Some(left) => left.join(env),
                            none => *none = Some(env),
                        }
                    }
                }
                frame.env.dead = true;
            }
            Stmt::Return(value, flags, _) => {
                let value = value.as_ref().map_or(Val::from(Ty::Unit), |value| self.expr(frame, value));
                if !flags.intersects(ASTFlags::BREAK) && !frame.env.dead {
                    frame.returned(value);
                }
                frame.env.dead = true;
            }
            Stmt::Import(import, _) => drop(self.expr(frame, &import.0)),
            Stmt::Export(export, _) => {
                if let Some(at) = frame.env.find(&export.0.name)
                    && let Some(var) = frame.env.slots[at].var
                {
                    self.variables[var].read = true;
                }
            }
            // What a closure takes along is shared from here on; its creation says what that means.
            _ => {}
        }
        Ty::Unit.into()
    }

    fn branch(&mut self, frame: &mut Frame, flow: &FlowControl, used: bool) -> Val {
        self.condition(frame, &flow.expr);
        frame.test_parameters(chooses(frame, &flow.expr));
        Self::tested(frame, &flow.expr);
        let before = frame.env.clone();
        frame.in_branch += 1;
        Self::narrow(frame, &flow.expr, true);
        let yes = self.block(frame, &flow.body, used);
        let after = std::mem::replace(&mut frame.env, before);
        Self::narrow(frame, &flow.expr, false);
        let no = self.block(frame, &flow.branch, used);
        frame.in_branch -= 1;
        let (yes_dead, no_dead) = (after.dead, frame.env.dead);
        frame.env.join(after);
        match (yes_dead, no_dead) {
            (true, true) => Ty::Never.into(),
            (true, false) => no,
            (false, true) => yes,
            (false, false) => yes.join(&no),
        }
    }

    fn switch(
        &mut self,
        frame: &mut Frame,
        on: &Expr,
        switch: &SwitchCasesCollection,
        place: Place,
        used: bool,
    ) -> Val {
        let val = self.expr(frame, on);
        self.switch_cases(&val, place);
        frame.test_parameters(is_parameter(frame, on));
        Self::tested(frame, on);
        frame.in_branch += 1;
        let before = frame.env.clone();
        let mut all: Option<Val> = None;
        let mut after = before.clone();
        after.dead = true;
        for case in &switch.expressions {
            frame.env = before.clone();
            if !matches!(case.lhs, Expr::BoolConstant(..)) {
                self.condition(frame, &case.lhs);
            }
            let val = match &case.rhs {
                Expr::Stmt(block) => self.block(frame, block, used),
                expr => self.expr(frame, expr),
            };
            if !frame.env.dead {
                all = Some(all.map_or(val.clone(), |all| all.join(&val)));
            }
            after.join(std::mem::take(&mut frame.env));
        }
        if switch.def_case.is_none() {
            after.join(before);
            all = Some(all.map_or(Ty::Unit.into(), |all| all.join(&Ty::Unit.into())));
        }
        frame.in_branch -= 1;
        frame.env = after;
        all.unwrap_or_else(|| Ty::Never.into())
    }

    /// Values that are compared here are equal only within one type, and nothing says so at run time.
    fn switch_cases(&mut self, val: &Val, place: Place) {
        if val.ty.is_unknown() {
            return;
        }
        let text = val.ty.all(|ty| matches!(ty, Ty::Text));
        let whole = val.ty.all(|ty| matches!(ty, Ty::Int(_)));
        let float = val.ty.all(|ty| matches!(ty, Ty::Float(_)));
        let cases: Vec<_> = self.units[place.unit].text.cases(place.line, place.column).into_iter().cloned().collect();
        for case in cases {
            let wrong = match &case.kind {
                Kind::Number(number) => {
                    text || (whole && number.contains('.'))
                        || (float && !number.contains(['.', 'e']) && !is_range(self, place.unit, &case))
                }
                Kind::Text => whole || float,
                Kind::Char => text || whole || float,
                _ => false,
            };
            let at = Place { unit: place.unit, line: case.line, column: case.column };
            if wrong {
                let found = match case.kind {
                    Kind::Text => "a text",
                    Kind::Char => "a char",
                    _ => "this number",
                };
                let hint = if float && matches!(case.kind, Kind::Number(_)) {
                    "a float is not equal to any int in a `switch`: write `if x >= 90 { … }`, or `switch x.to_int()`"
                } else {
                    "the types must be the same for a case to be taken"
                };
                self.report("comparison", at, format!("{} is never equal to {found}", val.ty), Some(hint.into()));
            } else if let (Some(field), Kind::Text) = (val.localised, &case.kind) {
                self.localised(field, at);
            }
        }
    }

    /// A loop that goes on while its condition holds; without one, until it is left.
    fn looped(&mut self, frame: &mut Frame, flow: &FlowControl) -> Val {
        let endless = matches!(flow.expr, Expr::Unit(_) | Expr::BoolConstant(true, _));
        self.repeated(frame, flow, endless, |checker, frame| {
            if !endless {
                checker.condition(frame, &flow.expr);
                Self::tested(frame, &flow.expr);
            }
        })
    }

    /// Goes through a body until what it changes is known, then once more with reports.
    fn repeated(
        &mut self,
        frame: &mut Frame,
        flow: &FlowControl,
        endless: bool,
        mut begin: impl FnMut(&mut Self, &mut Frame),
    ) -> Val {
        let depth = frame.in_loop;
        frame.in_loop += 1;
        let outer = frame.env.slots.len();
        let mut pass = |checker: &mut Self, frame: &mut Frame| {
            frame.loops.push(Loop::default());
            begin(checker, frame);
            // Where the condition does not hold.
            let skipped = frame.env.clone();
            checker.block(frame, &flow.body, false);
            frame.env.slots.truncate(outer);
            let left = frame.loops.pop().unwrap_or_default();
            (skipped, left)
        };
        let start = frame.env.clone();
        if depth < LOOPS {
            self.quiet += 1;
            pass(self, frame);
            self.quiet -= 1;
            let mut env = start;
            frame.env.slots.truncate(outer);
            env.join(std::mem::take(&mut frame.env));
            frame.env = env;
        } else {
            for slot in &mut frame.env.slots {
                slot.val = Val::any();
            }
        }
        let before = frame.env.clone();
        let (skipped, left) = pass(self, frame);
        frame.in_loop -= 1;
        let mut after = if endless { super::scope::Env { dead: true, ..before } } else { before };
        if !endless {
            after
                .join(super::scope::Env { slots: skipped.slots.into_iter().take(outer).collect(), dead: skipped.dead });
            frame.env.slots.truncate(outer);
            after.join(std::mem::take(&mut frame.env));
        }
        if let Some(mut left) = left.left {
            left.slots.truncate(outer);
            after.join(left);
        }
        frame.env = after;
        left.value.unwrap_or(Ty::Unit).into()
    }

    fn do_loop(&mut self, frame: &mut Frame, flow: &FlowControl) -> Val {
        let value = self.repeated(frame, flow, false, |_, _| {});
        if !frame.env.dead {
            self.condition(frame, &flow.expr);
        }
        value
    }

    fn for_loop(&mut self, frame: &mut Frame, parts: &(rhai::Ident, Option<rhai::Ident>, FlowControl)) -> Val {
        let (name, counter, flow) = parts;
        let over = self.expr(frame, &flow.expr);
        let over = self.taken(frame, over, "looped over");
        let place = Place::new(frame.unit, flow.expr.start_position());
        let cannot = |ty: &Ty| {
            ty.is_number()
                || ty.is_map()
                || matches!(
                    ty,
                    Ty::Bool
                        | Ty::Unit
                        | Ty::Time
                        | Ty::Duration
                        | Ty::Ip
                        | Ty::Vps
                        | Ty::Pbh
                        | Ty::Downloader
                        | Ty::State
                        | Ty::Secret
                        | Ty::Char
                        | Ty::Closure(_)
                )
        };
        if over.ty.all(cannot) {
            let hint = over.ty.all(Ty::is_map).then(|| {
                if matches!(over.ty, Ty::Page(_)) {
                    "its rows are in `.results`; `…_all()` gives those of all pages".into()
                } else {
                    "write `for key in x.keys()` or `for value in x.values()`".into()
                }
            });
            self.report("type", place, format!("{} cannot be looped over", over.ty), hint);
        }
        let large = over.large || matches!(over.ty, Ty::Rows(_));
        let fleet = !matches!(flow.expr, Expr::Array(..))
            && over.ty.item().all(|ty| matches!(ty, Ty::Vps | Ty::Pbh | Ty::Downloader));
        frame.over_fleet += usize::from(fleet);
        let outer = frame.env.slots.len();
        if large {
            if frame.over_large == 0 {
                frame.loop_base = outer;
            }
            frame.over_large += 1;
        }
        let item = over.ty.item();
        self.note_type(Place::new(frame.unit, name.pos), &name.name, &item);
        let item = Slot { name: name.name.clone(), var: None, val: item.into(), kind: SlotKind::Own };
        let counter = counter.as_ref().map(|counter| Slot {
            name: counter.name.clone(),
            var: None,
            val: Ty::Int(super::types::Unit::Plain).into(),
            kind: SlotKind::Own,
        });
        let value = self.repeated(frame, flow, false, |_, frame| {
            frame.env.slots.truncate(outer);
            frame.env.slots.push(item.clone());
            frame.env.slots.extend(counter.clone());
        });
        frame.env.slots.truncate(outer);
        if large {
            frame.over_large -= 1;
        }
        frame.over_fleet -= usize::from(fleet);
        value
    }

    /// Its value is that of the body; where that failed, it is `()` whatever the branch gives.
    fn try_catch(&mut self, frame: &mut Frame, flow: &FlowControl, used: bool) -> Val {
        let before = frame.env.clone();
        let guarded = std::mem::replace(&mut frame.guarded, true);
        let value = self.block(frame, &flow.body, used);
        frame.guarded = guarded;
        let after = std::mem::replace(&mut frame.env, before);
        // Anything that the body assigned may have been assigned, or not yet.
        let alive = super::scope::Env { dead: false, ..after.clone() };
        frame.env.join(alive);
        let outer = frame.env.slots.len();
        if let Expr::Variable(variable, ..) = &flow.expr {
            frame.env.slots.push(Slot {
                name: variable.1.clone(),
                var: None,
                val: Val { localised: Some(super::lints::CAUGHT), ..Val::any() },
                kind: SlotKind::Own,
            });
        }
        self.block(frame, &flow.branch, false);
        frame.env.slots.truncate(outer);
        let (failed, worked) = (!frame.env.dead, !after.dead);
        frame.env.join(after);
        match (worked, failed) {
            (true, false) => value,
            (true, true) => value.join(&Ty::Unit.into()),
            (false, true) => Ty::Unit.into(),
            (false, false) => Ty::Never.into(),
        }
    }
}

/// Whether a number is an end of a range: those take floats too.
fn is_range(checker: &Checker, unit: usize, token: &super::text::Token) -> bool {
    let text = &checker.units[unit].text;
    let at = text.at(token.line, token.column);
    let dot = |index: usize| text.tokens.get(index).is_some_and(|token| token.kind == Kind::Sign('.'));
    dot(at + 1) || (at > 0 && (dot(at - 1) || (text.tokens[at - 1].kind == Kind::Sign('=') && at > 1 && dot(at - 2))))
}
