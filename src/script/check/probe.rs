//! What a script knows at one place in it. Completion and hover put a name there that no script has, and the walk
//! over the tree notes what it meets it with.

use rhai::{AST, Array, Dynamic, Engine, ImmutableString, Map};

use crate::address::Ip;
use crate::script::diagnostic::Caught;
use crate::script::handles::{Downloader, Pbh, State, Vps};
use crate::script::lazy::Lazy;
use crate::script::modules::Imports;
use crate::secret::Secret;
use crate::time::{Duration, Time};

use super::checker::Checker;
use super::lints::CAUGHT;
use super::members::{Member, members};
use super::scope::{Frame, Phase};
use super::text::Place;
use super::types::{Entry, Record, SlotKind, Ty, Unit, Val};
use super::world::World;

/// The name that stands at the place.
pub(in crate::script) const NAME: &str = "what_does_tidegate_know_here";

/// What the walk met the name with; a place in a function may be come by with several types.
#[derive(Default)]
pub(super) struct Met {
    receiver: Option<Ty>,
    scope: Vec<(ImmutableString, Ty, bool)>,
    /// The phase that the place was come by in, where it stands for a variable.
    phase: Option<Phase>,
}

/// What is known at the place.
pub(in crate::script) struct View {
    /// What hangs on the value before the name; nothing where the name stands for a variable.
    pub members: Vec<Member>,
    /// The type of that value, in words; `None` where nothing is known of it.
    pub receiver: Option<String>,
    /// The variables in scope, innermost first.
    pub variables: Vec<Variable>,
    /// Only registration is allowed there.
    pub load: bool,
}

/// A variable in scope.
pub(in crate::script) struct Variable {
    pub name: String,
    /// Its type, in words; `None` where nothing is known.
    pub ty: Option<String>,
    pub constant: bool,
}

/// Looks at a script that has [`NAME`] at the place. `typed` are the variables of a sitting, for what a person
/// types there; a script file has none. `None` where the name is nowhere that the walk gets to.
pub(in crate::script) fn look(
    world: &World,
    engine: &Engine,
    imports: &Imports,
    ast: &AST,
    source: &str,
    typed: Option<&[(String, Dynamic)]>,
) -> Option<View> {
    let mut checker = Checker::new(world, engine, imports);
    checker.add(None, std::sync::Arc::new(ast.clone()), source);
    match typed {
        Some(variables) => {
            let known = variables.iter().map(|(name, value)| (name.as_str().into(), type_of(value, NESTED)));
            // Only what it met on the way is asked for.
            let _ = checker.run_typed(known);
        }
        None => checker.run_all(),
    }
    let Met { receiver, scope, phase } = checker.met;
    if receiver.is_none() && phase.is_none() {
        return None;
    }
    let words = |ty: &Ty| (!ty.is_unknown()).then(|| ty.to_string());
    Some(View {
        members: receiver.as_ref().map(members).unwrap_or_default(),
        receiver: receiver.as_ref().and_then(words),
        variables: scope
            .iter()
            .map(|(name, ty, constant)| Variable { name: name.to_string(), ty: words(ty), constant: *constant })
            .collect(),
        load: phase == Some(Phase::Load),
    })
}

impl Checker<'_> {
    /// The name follows a dot. An error that was caught may be anything that a script throws, and mostly is one of ours.
    pub fn meet(&mut self, receiver: &Val) -> Val {
        let known = self.met.receiver.take();
        let caught = receiver.ty.is_unknown() && receiver.localised == Some(CAUGHT);
        let ty = if caught { Ty::Shape(&Caught) } else { receiver.ty.clone() };
        self.met.receiver = Some(joined(known, &ty));
        Val::any()
    }

    /// The name stands where a variable could.
    pub fn meet_scope(&mut self, frame: &Frame) -> Val {
        self.met.phase = Some(frame.phase);
        let constants = self.units[frame.unit].constants.values();
        // A closure takes along every name that is not its own, the name of the probe among them.
        let slots = frame.env.slots.iter().rev().chain(constants).filter(|slot| slot.name != NAME);
        for slot in slots {
            let constant = slot.kind == SlotKind::Constant;
            match self.met.scope.iter_mut().find(|(name, ..)| *name == slot.name) {
                Some((_, ty, _)) if ty.is_unknown() => *ty = slot.val.ty.clone(),
                Some(_) => {}
                None => self.met.scope.push((slot.name.clone(), slot.val.ty.clone(), constant)),
            }
        }
        Val::any()
    }
}

/// A function is looked at for each way that it is called; what says nothing takes nothing away.
fn joined(known: Option<Ty>, new: &Ty) -> Ty {
    match known {
        Some(known) if new.is_unknown() => known,
        Some(known) if !known.is_unknown() => known.join(new),
        _ => new.clone(),
    }
}

/// How deep the type of a value is looked for in lists and maps.
const NESTED: usize = 3;
/// Elements of a list that its type is taken from.
const FIRST: usize = 8;

/// The type of a value that is there.
fn type_of(value: &Dynamic, deep: usize) -> Ty {
    if let Some(items) = value.read_lock::<Array>() {
        if deep == 0 {
            return Ty::array(Ty::Any);
        }
        let item = items.iter().take(FIRST).fold(Ty::Never, |all, item| all.join(&type_of(item, deep - 1)));
        return Ty::array(if matches!(item, Ty::Never) { Ty::Any } else { item });
    }
    if let Some(map) = value.read_lock::<Map>() {
        let place = Place { unit: 0, line: 1, column: 1 };
        let entry = |(name, value): (&rhai::Identifier, &Dynamic)| Entry {
            name: name.as_str().into(),
            place,
            val: if deep == 0 { Ty::Any } else { type_of(value, deep - 1) }.into(),
        };
        return Ty::Record(std::rc::Rc::new(Record { fields: map.iter().map(entry).collect(), open: true }));
    }
    if value.is_unit() {
        Ty::Unit
    } else if value.is_bool() {
        Ty::Bool
    } else if value.is_int() {
        Ty::Int(Unit::Plain)
    } else if value.is_float() {
        Ty::Float(Unit::Plain)
    } else if value.is_char() {
        Ty::Char
    } else if value.is_string() {
        Ty::Text
    } else if value.is::<Time>() {
        Ty::Time
    } else if value.is::<Duration>() {
        Ty::Duration
    } else if value.is::<Ip>() {
        Ty::Ip
    } else if value.is::<Secret>() {
        Ty::Secret
    } else if value.is::<Vps>() {
        Ty::Vps
    } else if value.is::<Pbh>() {
        Ty::Pbh
    } else if value.is::<Downloader>() {
        Ty::Downloader
    } else if value.is::<State>() {
        Ty::State
    } else if value.is::<Lazy>() {
        Ty::Rows(std::rc::Rc::new(Ty::Any))
    } else {
        Ty::Any
    }
}
