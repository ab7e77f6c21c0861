//! Operators: what they are between values of two types, and what a unit says of a comparison.

use rhai::FnCallExpr;

use super::checker::Checker;
use super::scope::Frame;
use super::text::Place;
use super::types::{Ty, Unit, Val};

/// Whether comparing two types by `==` raises.
pub(super) fn never_equal(left: &Ty, right: &Ty) -> bool {
    let text = |ty: &Ty| matches!(ty, Ty::Text | Ty::Char);
    let list = |ty: &Ty| matches!(ty, Ty::Array(_));
    let unknown = |ty: &Ty| matches!(ty, Ty::Any | Ty::Never | Ty::Rows(_) | Ty::Range | Ty::Closure(_));
    if unknown(left) || unknown(right) || matches!(left, Ty::Unit) || matches!(right, Ty::Unit) {
        return false;
    }
    if left.is_number() && right.is_number()
        || text(left) && text(right)
        || left.is_map() && right.is_map()
        || list(left) && list(right)
        || matches!((left, right), (Ty::Ip, other) | (other, Ty::Ip) if text(other))
    {
        return false;
    }
    std::mem::discriminant(left) != std::mem::discriminant(right)
}

/// Whether there is no order between two types.
fn no_order(left: &Ty, right: &Ty) -> bool {
    let unknown = |ty: &Ty| matches!(ty, Ty::Any | Ty::Never | Ty::Rows(_) | Ty::Range);
    if unknown(left) || unknown(right) {
        return false;
    }
    let text = |ty: &Ty| matches!(ty, Ty::Text | Ty::Char);
    if left.is_number() && right.is_number() || text(left) && text(right) {
        return false;
    }
    let ordered = matches!(left, Ty::Bool | Ty::Time | Ty::Duration | Ty::Ip | Ty::Vps | Ty::Pbh | Ty::Downloader);
    !(ordered && std::mem::discriminant(left) == std::mem::discriminant(right))
}

/// What an arithmetic operator gives; `None` where it cannot be applied.
fn arithmetic(op: &str, left: &Ty, right: &Ty) -> Option<Ty> {
    let known = |ty: &Ty| {
        !matches!(ty, Ty::Any | Ty::Never | Ty::Range | Ty::Rows(_) | Ty::Closure(_) | Ty::Secret | Ty::State)
    };
    if op == "+" && (matches!(left, Ty::Text) || matches!(right, Ty::Text)) {
        return Some(Ty::Text);
    }
    if !known(left) || !known(right) {
        return Some(Ty::Any);
    }
    if left.is_number() && right.is_number() {
        return Some(number(op, left, right));
    }
    let numeric = |ty: &Ty| ty.is_number();
    Some(match (op, left, right) {
        ("+", Ty::Char, Ty::Char) => Ty::Text,
        ("-", Ty::Text, Ty::Text | Ty::Char) => Ty::Text,
        ("+", Ty::Array(a), Ty::Array(b)) => Ty::array(a.join(b)),
        ("+", a, b) if a.is_map() && b.is_map() => Ty::Any,
        ("+" | "-", Ty::Time, Ty::Duration) | ("+", Ty::Duration, Ty::Time) => Ty::Time,
        ("-", Ty::Time, Ty::Time) | ("+" | "-", Ty::Duration, Ty::Duration) => Ty::Duration,
        ("*", Ty::Duration, other) | ("*", other, Ty::Duration) if numeric(other) => Ty::Duration,
        ("/", Ty::Duration, other) if numeric(other) => Ty::Duration,
        ("/", Ty::Duration, Ty::Duration) => Ty::Float(Unit::Plain),
        ("&" | "|" | "^", Ty::Bool, Ty::Bool) => Ty::Bool,
        _ => return None,
    })
}

fn number(op: &str, left: &Ty, right: &Ty) -> Ty {
    let float = matches!(left, Ty::Float(_)) || matches!(right, Ty::Float(_));
    let (a, b) = (left.unit(), right.unit());
    let bounded = |unit| matches!(unit, Unit::Percent | Unit::Share);
    let unit = match op {
        // A difference may be below zero, and as small as one likes.
        "-" if bounded(a) || bounded(b) => Unit::Plain,
        "+" | "-" if a == b || b == Unit::Plain => a,
        "+" | "-" if a == Unit::Plain => b,
        _ => Unit::Plain,
    };
    if float || op == "/" { Ty::Float(unit) } else { Ty::Int(unit) }
}

impl Checker<'_> {
    /// A unary or binary operator.
    pub fn operator(&mut self, frame: &mut Frame, call: &FnCallExpr, at: Place) -> Val {
        let vals: Vec<_> = {
            let mut vals = Vec::new();
            for arg in &call.args {
                let val = self.expr(frame, arg);
                vals.push(self.taken(frame, val, "used in an expression"));
            }
            vals
        };
        let op = call.name.as_str();
        match vals.as_slice() {
            [one] => self.unary(op, one, at),
            [left, right] => self.binary(op, left, right, at),
            _ => Val::any(),
        }
    }

    fn unary(&mut self, op: &str, val: &Val, at: Place) -> Val {
        match op {
            "!" => {
                if val.ty.all(|ty| !matches!(ty, Ty::Bool)) {
                    let hint = Some("write `x.is_empty()`, `x == 0` or `x == ()`".into());
                    self.report("type", at, format!("`!` turns true and false around, not {}", val.ty), hint);
                }
                Ty::Bool.into()
            }
            "-" | "+" => {
                if val.ty.all(|ty| !(ty.is_number() || matches!(ty, Ty::Duration))) {
                    self.report("type", at, format!("`{op}` cannot be applied to {}", val.ty), None);
                    return Val::any();
                }
                val.ty.clone().into()
            }
            _ => Val::any(),
        }
    }

    fn binary(&mut self, op: &str, left: &Val, right: &Val, at: Place) -> Val {
        match op {
            "==" | "!=" | "<" | "<=" | ">" | ">=" => {
                self.comparison(op, left, right, at);
                Ty::Bool.into()
            }
            ".." | "..=" => {
                for val in [left, right] {
                    if val.ty.all(|ty| !matches!(ty, Ty::Int(_))) {
                        let hint = val
                            .ty
                            .all(|ty| matches!(ty, Ty::Float(_)))
                            .then(|| "`/` gives a float: use `div(a, b)` or `x.to_int()`".into());
                        self.report("type", at, format!("a range has whole numbers as its ends, not {}", val.ty), hint);
                    }
                }
                let large = right.number().is_some_and(|(n, _)| n >= 10_000.0);
                Val { large, ..Ty::Range.into() }
            }
            "+" | "-" | "*" | "/" | "%" | "**" => self.calculated(op, left, right, at),
            _ => Val::any(),
        }
    }

    fn calculated(&mut self, op: &str, left: &Val, right: &Val, at: Place) -> Val {
        if left.ty.is_unknown() || right.ty.is_unknown() {
            return if op == "+" && [left, right].iter().any(|val| val.ty == Ty::Text) {
                Ty::Text.into()
            } else {
                Val::any()
            };
        }
        let mut all: Option<Ty> = None;
        for a in left.ty.present() {
            for b in right.ty.present() {
                if let Some(ty) = arithmetic(op, a, b) {
                    all = Some(all.map_or(ty.clone(), |all| all.join(&ty)));
                }
            }
        }
        let Some(ty) = all else {
            let timely = |ty: &Ty| matches!(ty, Ty::Time | Ty::Duration);
            let hint = if left.ty.all(timely) && right.ty.all(Ty::is_number)
                || right.ty.all(timely) && left.ty.all(Ty::is_number)
            {
                Some("give the number a unit: `5.minutes`".into())
            } else if [left, right].iter().any(|val| val.ty == Ty::Unit) {
                Some("one of the values is missing".into())
            } else if [left, right].iter().any(|val| val.ty.all(|ty| matches!(ty, Ty::Text))) {
                Some("turn the text into a number first: `parse_int(x)` or `parse_float(x)`".into())
            } else {
                None
            };
            self.report("type", at, format!("`{op}` cannot be applied to {} and {}", left.ty, right.ty), hint);
            return Val::any();
        };
        if op == "/" && right.number().is_some_and(|(n, _)| n == 0.0) {
            self.report("type", at, "division by zero", Some("test the divisor first: `if n == 0 { … }`".into()));
        }
        // A percent over a hundred is a share, and back.
        let hundred = |val: &Val| val.number().is_some_and(|(n, _)| (n - 100.0).abs() < f64::EPSILON);
        let ty = match (op, left.ty.unit(), right.ty.unit()) {
            ("/", Unit::Percent, _) if hundred(right) => ty.with_unit(Unit::Share),
            ("*", Unit::Share, _) if hundred(right) => ty.with_unit(Unit::Percent),
            ("*", _, Unit::Share) if hundred(left) => ty.with_unit(Unit::Percent),
            _ => ty,
        };
        ty.into()
    }

    /// `x += y`
    pub fn op_assigned(&mut self, syntax: &str, before: &Val, value: &Val, at: Place) -> Val {
        let op = syntax.trim_end_matches('=');
        if op == "+" && !before.ty.is_unknown() {
            if let Ty::Array(item) = &before.ty {
                let added = match &value.ty {
                    Ty::Array(more) => (**more).clone(),
                    one => one.clone(),
                };
                return Ty::array(item.join(&added)).into();
            }
            if before.ty.all(Ty::is_map) {
                return Val::any();
            }
        }
        match op {
            "+" | "-" | "*" | "/" | "%" | "**" => self.calculated(op, before, value, at),
            _ => Val::any(),
        }
    }

    fn comparison(&mut self, op: &str, left: &Val, right: &Val, at: Place) {
        let equality = matches!(op, "==" | "!=");
        let wrong = |a: &Ty, b: &Ty| if equality { never_equal(a, b) } else { no_order(a, b) };
        let known = !left.ty.is_unknown() && !right.ty.is_unknown();
        let members =
            |ty: &Ty| -> Vec<Ty> { if equality { ty.members().to_vec() } else { ty.present().cloned().collect() } };
        let (lefts, rights) = (members(&left.ty), members(&right.ty));
        let missing = equality && (lefts.contains(&Ty::Unit) || rights.contains(&Ty::Unit));
        let present = |all: &[Ty]| all.iter().filter(|ty| **ty != Ty::Unit).cloned().collect::<Vec<_>>();
        let pairs_fail = if missing {
            let (a, b) = (present(&lefts), present(&rights));
            !a.is_empty() && !b.is_empty() && a.iter().all(|a| b.iter().all(|b| wrong(a, b)))
        } else {
            lefts.iter().all(|a| rights.iter().all(|b| wrong(a, b)))
        };
        if known && pairs_fail {
            let hint = hint_for(&left.ty, &right.ty);
            self.report("comparison", at, format!("{} cannot be compared with {} by `{op}`", left.ty, right.ty), hint);
            return;
        }
        if let (Some(field), Some((_, place))) = (left.localised, right.text()) {
            let place = *place;
            self.localised(field, place);
        } else if let (Some(field), Some((_, place))) = (right.localised, left.text()) {
            let place = *place;
            self.localised(field, place);
        }
        self.unit_of(op, left, right, at);
    }

    /// What the unit of a number says of comparing it.
    fn unit_of(&mut self, op: &str, left: &Val, right: &Val, at: Place) {
        let (a, b) = (left.ty.unit(), right.ty.unit());
        // A speed is written like a size: `20.MiB`.
        let sizes = [a, b].iter().all(|unit| matches!(unit, Unit::Bytes | Unit::Speed));
        if a != Unit::Plain && b != Unit::Plain && a != b && !sizes {
            let hint = match (a, b) {
                (Unit::Percent, Unit::Share) | (Unit::Share, Unit::Percent) => "a percent is a hundred times a share",
                _ => "only values of one unit can be compared",
            };
            self.report("unit", at, format!("{} is compared with {}", left.ty, right.ty), Some(hint.into()));
            return;
        }
        if let (Some((number, _)), true) = (right.number(), a != Unit::Plain) {
            self.bound(op, &left.ty, number, at);
        } else if let (Some((number, _)), true) = (left.number(), b != Unit::Plain) {
            let turned = match op {
                "<" => ">",
                "<=" => ">=",
                ">" => "<",
                ">=" => "<=",
                same => same,
            };
            self.bound(turned, &right.ty, number, at);
        }
    }

    /// A number that something with a unit is compared with.
    pub fn bound(&mut self, op: &str, ty: &Ty, number: f64, at: Place) {
        let fraction = number > 0.0 && number < 1.0;
        let (range, hint) = match ty.unit() {
            Unit::Percent if fraction => {
                ("a percent is 0 to 100", format!("write `{}`, or compare a share", number * 100.0))
            }
            Unit::Percent if number > 100.0 && number < 1e6 => ("a percent is 0 to 100", String::new()),
            Unit::Share if number > 1.0 && number <= 100.0 => {
                ("a share is 0 to 1", format!("write `{}`, or compare a percent", number / 100.0))
            }
            Unit::Share if number > 1.0 => ("a share is 0 to 1", String::new()),
            Unit::Percent | Unit::Share if number < 0.0 => ("it is never below 0", String::new()),
            Unit::Bytes | Unit::Speed if fraction => {
                ("it is a number of bytes", "write `5.GiB`, or compare a share".into())
            }
            Unit::Percent | Unit::Share if number == 0.0 && matches!(op, "<" | ">=") => {
                ("it is never below 0", String::new())
            }
            _ => return,
        };
        // Above a hundredth of itself it is nearly always, above its whole range never.
        let always = match op {
            "==" => "never true",
            "!=" => "always true",
            ">" | ">=" => {
                if fraction || number <= 0.0 {
                    "nearly always true"
                } else {
                    "never true"
                }
            }
            _ => {
                if fraction || number <= 0.0 {
                    "nearly never true"
                } else {
                    "always true"
                }
            }
        };
        let hint = Some(hint).filter(|hint| !hint.is_empty());
        self.report("unit", at, format!("comparing {ty} with {number} is {always}: {range}"), hint);
    }
}

fn hint_for(left: &Ty, right: &Ty) -> Option<String> {
    let either = |test: fn(&Ty) -> bool| left.all(test) || right.all(test);
    let text = |ty: &Ty| matches!(ty, Ty::Text | Ty::Char);
    let number = Ty::is_number;
    Some(match () {
        () if either(text) && either(number) => {
            "turn the text into a number first: `parse_int(x)` or `parse_float(x)`".into()
        }
        () if either(|ty| matches!(ty, Ty::Time)) && either(number) => {
            "compare it with another Time: `now()`, `now() - 2.days`".into()
        }
        () if either(|ty| matches!(ty, Ty::Duration)) && either(number) => "give the number a unit: `5.minutes`".into(),
        () if either(|ty| matches!(ty, Ty::Duration)) && either(text) => {
            "write a duration: `5.minutes`, or `parse_duration(x)`".into()
        }
        () if either(|ty| matches!(ty, Ty::Time)) && either(text) => "write `parse_time(x)`, or compare `.date`".into(),
        () if either(|ty| matches!(ty, Ty::Array(_) | Ty::Rows(_))) && either(number) => "write `.len()`".into(),
        () if *left == Ty::Unit || *right == Ty::Unit => {
            "the value is missing; test it first: `if x != () { … }`".into()
        }
        () if either(|ty| matches!(ty, Ty::Vps | Ty::Pbh | Ty::Downloader)) && either(text) => {
            "compare its `.name`".into()
        }
        () => return None,
    })
}
