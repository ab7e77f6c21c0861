//! What of a kept session stands at the top level of the script, where functions see it, and what in its trigger.

use crate::error::{Error, Kind, Result};

use super::{Step, What};

/// Where a statement stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// Beside the trigger, where nothing can be asked of a service.
    Top,
    Body,
    /// Nowhere: there is a later one of the same name.
    Gone,
}

/// The place of each statement.
///
/// # Errors
/// `argument` where a function uses a constant whose value is known only in a run.
pub(super) fn split(steps: &[Step]) -> Result<Vec<Place>> {
    let mut places = vec![Place::Body; steps.len()];
    for (n, step) in steps.iter().enumerate() {
        match &step.what {
            What::Function(..) | What::Import(_) => places[n] = Place::Top,
            What::Const(name) if !is_variable(steps, name) => {
                let mut needed = Vec::new();
                if is_settled(steps, n, &mut needed) {
                    for n in needed {
                        places[n] = Place::Top;
                    }
                }
            }
            _ => {}
        }
    }
    for (n, step) in steps.iter().enumerate() {
        let later = steps.iter().zip(&places).enumerate().skip(n + 1);
        let mut later = later.filter(|(_, (_, place))| **place == Place::Top);
        if let Some((m, _)) = later.find(|(_, (other, _))| other.what == step.what)
            && places[n] == Place::Top
            && !steps[n + 1..m].iter().any(|between| is_read_by(&step.what, between))
        {
            places[n] = Place::Gone;
        }
    }
    for step in steps {
        if let What::Function(name, _) = &step.what
            && let Some(hidden) = step.names.variables.iter().find(|name| is_hidden(steps, &places, name))
        {
            let message =
                format!("`{name}` uses the constant `{hidden}`, whose value is known only when the script runs");
            return Err(Error::new(Kind::Argument, message).hint("give it to the function as a parameter"));
        }
    }
    Ok(places)
}

/// Whether there is a variable of that name too, which in the trigger would hide what stands at the top.
fn is_variable(steps: &[Step], name: &str) -> bool {
    steps.iter().any(|step| match &step.what {
        What::Let(own) => own == name,
        What::Value => name == "it",
        _ => false,
    })
}

/// Whether a declaration can stand at the top, and which ones must stand there with it.
fn is_settled(steps: &[Step], n: usize, needed: &mut Vec<usize>) -> bool {
    let names = &steps[n].names;
    let calls = |step: &Step| matches!(&step.what, What::Function(name, _) if names.functions.contains(name));
    if names.acts || !names.changed.is_empty() || steps.iter().any(calls) {
        return false;
    }
    let settled = names.variables.iter().all(|name| {
        if name == "it" && steps.iter().any(|step| step.what == What::Value) {
            return false;
        }
        let declares = |step: &Step| matches!(&step.what, What::Let(own) | What::Const(own) if own == name);
        match steps[..n].iter().rposition(declares) {
            None => true,
            Some(m) if matches!(steps[m].what, What::Const(_)) => is_settled(steps, m, needed),
            Some(m) => {
                let once = steps.iter().filter(|step| declares(step)).count() == 1;
                once && !steps.iter().any(|step| step.names.changed.contains(name)) && is_settled(steps, m, needed)
            }
        }
    });
    needed.push(n);
    settled
}

/// Whether a statement reads a constant at its own place; functions see the last one in any case.
fn is_read_by(what: &What, step: &Step) -> bool {
    matches!(what, What::Const(name) if step.names.variables.contains(name)) && !matches!(step.what, What::Function(..))
}

/// Whether the last constant of that name stands where functions do not see it.
fn is_hidden(steps: &[Step], places: &[Place], name: &str) -> bool {
    let last = steps.iter().rposition(|step| matches!(&step.what, What::Const(own) if own == name));
    last.is_some_and(|last| places[last] == Place::Body)
}
