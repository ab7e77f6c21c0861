//! Variables in scope, and how they come together where ways through a script meet.

use rhai::ImmutableString;

use super::text::Place;
use super::types::{Slot, Ty, Val};

/// A declaration.
pub(super) struct Variable {
    pub name: ImmutableString,
    pub place: Place,
    pub read: bool,
    /// `const` rather than `let`.
    pub constant: bool,
}

/// The variables in scope at one point.
#[derive(Clone, Debug, Default)]
pub(super) struct Env {
    pub slots: Vec<Slot>,
    /// Nothing gets here.
    pub dead: bool,
}

impl Env {
    pub fn find(&self, name: &str) -> Option<usize> {
        self.slots.iter().rposition(|slot| slot.name == name)
    }

    /// Where two ways meet.
    pub fn join(&mut self, other: Self) {
        if other.dead {
            return;
        }
        if self.dead {
            *self = other;
            return;
        }
        for (slot, other) in self.slots.iter_mut().zip(&other.slots) {
            slot.val = slot.val.join(&other.val);
        }
    }

    pub fn forget(&mut self, name: &str) {
        if let Some(at) = self.find(name) {
            self.slots[at].val = Val::any();
        }
    }
}

/// One function while it is looked at.
pub(super) struct Frame {
    /// The file it stands in.
    pub unit: usize,
    pub env: Env,
    pub phase: Phase,
    pub this: Option<Val>,
    pub returns: Option<Val>,
    /// What leaves the loops that the point is in, innermost last.
    pub loops: Vec<Loop>,
    /// How long the trigger's run may take.
    pub timeout: Option<crate::time::Duration>,
    /// Lists that were sorted in this function.
    pub sorted: Vec<ImmutableString>,
    /// Inside `try`, or in a closure whose failure is looked at: there a call may be made for whether it fails.
    pub guarded: bool,
    /// Inside a loop over so many elements that each step counts.
    pub over_large: usize,
    /// How many variables there were when that loop began.
    pub loop_base: usize,
    /// Inside any loop.
    pub in_loop: usize,
    /// Inside a loop over instances of the fleet.
    pub over_fleet: usize,
    /// The variable that the chain of methods began with, which is held until its end.
    pub chain: Option<ImmutableString>,
    /// Inside a branch.
    pub in_branch: usize,
    /// How many of the first variables are parameters of an own function.
    pub params: usize,
}

#[derive(Default)]
pub(super) struct Loop {
    pub left: Option<Env>,
    pub value: Option<Ty>,
}

/// When code runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    Load,
    Run,
}

impl Frame {
    pub fn new(unit: usize, phase: Phase) -> Self {
        Self {
            unit,
            env: Env::default(),
            phase,
            this: None,
            returns: None,
            loops: Vec::new(),
            timeout: None,
            sorted: Vec::new(),
            guarded: false,
            over_large: 0,
            loop_base: 0,
            in_loop: 0,
            over_fleet: 0,
            chain: None,
            in_branch: 0,
            params: 0,
        }
    }

    /// Behind a test a parameter may be something else than this call gives it: functions tell by one what the other
    /// is. What comes from a service is of one kind, unless the test is about nothing but which of several things to do.
    pub fn test_parameters(&mut self, chooses: bool) {
        for slot in self.env.slots.iter_mut().take(self.params) {
            let certain = |ty: &Ty| match ty {
                Ty::Array(item) => matches!(**item, Ty::Shape(_) | Ty::Vps | Ty::Pbh | Ty::Downloader),
                ty => matches!(ty, Ty::Shape(_) | Ty::Rows(_) | Ty::Vps | Ty::Pbh | Ty::Downloader),
            };
            if chooses || !slot.val.ty.members().iter().all(certain) {
                slot.val = Val::any();
            }
        }
    }

    pub fn returned(&mut self, val: Val) {
        self.returns = Some(match self.returns.take() {
            Some(before) => before.join(&val),
            None => val,
        });
    }
}
