//! What can be said of a script before it runs.
//!
//! [`analyse`] follows the types of values through the tree of a script and of what it imports: from the tables of
//! endpoints, helpers and functions, through variables, fields, loops, functions and closures. Where a type is not
//! certain, nothing is said.
//!
//! | file | holds |
//! |---|---|
//! | `codes` | every finding there is, with its page |
//! | `world` | the installation and the registered functions |
//! | `types`, `scope` | what is known of a value, and of the variables at a point |
//! | `checker` | the walk: files, functions, closures, findings |
//! | `flow`, `expressions`, `operators`, `calls`, `arguments`, `triggers` | one kind of thing in the tree each |
//! | `answers`, `plain`, `unused` | who answers to a name; what has no row; values that nobody looks at |
//! | `probe`, `members` | what stands at one place, and what hangs on it: for completion and hover |
//! | `lints`, `survey`, `text`, `silence` | what stands in the text beside the tree, and what hurts without being wrong |

use std::collections::BTreeMap;
use std::sync::Arc;

use rhai::{AST, Engine, Scope};

use crate::events;
use crate::permission::Grants;
use crate::schedule::{Kind, TriggerSpec};
use crate::time::Time;

use super::context::Context;
use super::diagnostic::{Finding, Severity};
use super::modules::Imports;

mod answers;
mod arguments;
mod calls;
mod checker;
pub mod codes;
mod expressions;
mod flow;
pub mod grants;
mod lints;
pub(super) mod members;
pub(super) mod names;
mod operators;
mod plain;
pub(super) mod probe;
mod scope;
mod silence;
mod spelling;
mod survey;
#[cfg(test)]
mod tests;
pub(super) mod text;
mod triggers;
mod types;
mod unused;
mod world;

use checker::Checker;
use text::Text;
pub(super) use types::{Ty, Unit};
pub(super) use world::World;

/// Something that a script does, or may do.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
pub struct Use {
    /// `kiwivm`, `pbh`, `downloader`, `http`, `net` or `secret`.
    pub service: &'static str,
    pub endpoint: String,
    pub effect: crate::permission::Effect,
    /// The grant that is missing for it.
    pub missing: Option<String>,
}

/// What is known of a script without running it.
#[derive(Clone, Debug, Default)]
pub struct Analysis {
    /// In the order of the text; what is silenced is not among them.
    pub findings: Vec<Finding>,
    /// The calls in it, each once.
    pub uses: Vec<Use>,
    /// Line and column of a name, its length and the type of its value.
    types: BTreeMap<(usize, usize), (usize, String)>,
    /// Where the name of the trigger stands that is registered at a place.
    names: BTreeMap<(usize, usize), (usize, usize)>,
    /// Where its first argument stands: a schedule, a path, an event.
    firsts: BTreeMap<(usize, usize), (usize, usize)>,
}

impl Analysis {
    /// The type of what stands at a place, for editors.
    pub fn type_at(&self, line: usize, column: usize) -> Option<&str> {
        let (&(row, start), (length, ty)) = self.types.range(..=(line, column)).next_back()?;
        (row == line && column < start + length).then_some(ty.as_str())
    }

    fn name_of(&self, spec: &TriggerSpec) -> (usize, usize) {
        let call = (spec.line, spec.column);
        self.names.get(&call).copied().unwrap_or(call)
    }

    fn first_of(&self, spec: &TriggerSpec) -> (usize, usize) {
        let call = (spec.line, spec.column);
        self.firsts.get(&call).copied().unwrap_or(call)
    }

    /// Whether anything stops the script from being loaded.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}

/// Looks at a compiled script. `source` is the text it was compiled from.
pub(super) fn analyse(world: &World, engine: &Engine, imports: &Imports, ast: &AST, source: &str) -> Analysis {
    let mut checker = Checker::new(world, engine, imports);
    checker.add(None, Arc::new(ast.clone()), source);
    checker.run_all();
    let Checker { findings, uses, types, trigger_names, trigger_firsts, .. } = checker;
    let places = |places: BTreeMap<_, text::Place>| {
        places.into_iter().map(|(call, place)| (call, (place.line, place.column))).collect()
    };
    Analysis {
        findings: findings.into_values().collect(),
        uses: uses
            .into_iter()
            .map(|used| Use {
                service: used.service,
                endpoint: used.endpoint,
                effect: used.effect,
                missing: used.missing,
            })
            .collect(),
        types,
        names: places(trigger_names),
        firsts: places(trigger_firsts),
    }
}

/// The functions that no table of ours has.
pub(super) fn plain_functions() -> Vec<super::PlainFunction> {
    use crate::api::Service;
    use crate::script::{helpers, std as library};
    let ours = |name: &str| {
        let row = name.strip_suffix("_all").unwrap_or(name);
        Service::ALL.into_iter().any(|service| service.row(name).or(service.row(row)).is_some())
            || helpers::all().any(|helper| helper.id == name)
            || library::functions().any(|function| function.name == name)
    };
    let mut found = Vec::new();
    for name in world::names().iter().copied().filter(|name| !ours(name)) {
        let mut counts = ::std::collections::BTreeSet::new();
        for overload in world::overloads(name).iter().filter(|overload| counts.insert(overload.params.len())) {
            let named = |at: usize| overload.names.get(at).map_or("_", String::as_str);
            let params = (0..overload.params.len()).map(named).collect();
            found.push(super::PlainFunction { name, params, doc: &overload.doc });
        }
    }
    found
}

/// The first name in what a person typed that nothing answers to. `ast` holds the functions typed before, too.
pub(super) fn unknown_name(
    context: &Context,
    engine: &Engine,
    imports: &Imports,
    ast: &AST,
    source: &str,
    scope: &Scope,
) -> Option<Finding> {
    let mut found = typed(context, engine, imports, ast, source, scope).1.into_iter();
    found.find(|finding| finding.code == "unknown-function")
}

/// The same of functions, variables and fields, from a line on.
pub(super) fn misnamed(
    context: &Context,
    engine: &Engine,
    imports: &Imports,
    ast: &AST,
    source: &str,
    scope: &Scope,
    line: usize,
) -> Option<Finding> {
    let mut found = typed(context, engine, imports, ast, source, scope).1.into_iter();
    let codes = ["unknown-function", "unknown-variable", "unknown-field"];
    found.find(|finding| finding.file.is_none() && finding.line >= line && codes.contains(&finding.code))
}

/// The value of what a person typed, where these variables are in scope, and what is wrong with it.
fn typed(
    context: &Context,
    engine: &Engine,
    imports: &Imports,
    ast: &AST,
    source: &str,
    scope: &Scope,
) -> (Ty, Vec<Finding>) {
    let world = World::new(&context.host, &context.script, Grants::default());
    let mut checker = Checker::new(&world, engine, imports);
    checker.add(None, Arc::new(ast.clone()), source);
    let ty = checker.run_typed(scope.iter().map(|(name, ..)| (name.into(), Ty::Any)));
    (ty, checker.findings.into_values().collect())
}

/// The type of the last value of what a person typed, where these variables are in scope.
pub(super) fn type_of(
    context: &Context,
    engine: &Engine,
    imports: &Imports,
    ast: &AST,
    source: &str,
    scope: &Scope,
) -> Ty {
    typed(context, engine, imports, ast, source, scope).0
}

/// Takes away what comments of the script silence, and brings the rest in order.
pub(super) fn silence(source: &str, findings: &mut Vec<Finding>) {
    silence::apply(&Text::scan(source), findings);
    findings.sort_by(|a, b| {
        (a.file.is_some(), &a.file, a.line, a.column, a.severity).cmp(&(
            b.file.is_some(),
            &b.file,
            b.line,
            b.column,
            b.severity,
        ))
    });
    findings.dedup_by(|a, b| (a.line, a.column, a.code, &a.file) == (b.line, b.column, b.code, &b.file));
}

/// What the registered triggers amount to. `empty_fleet` says that a loop over instances found none.
pub(super) fn triggers<'a>(
    specs: impl Iterator<Item = &'a TriggerSpec>,
    empty_fleet: bool,
    so_far: &Analysis,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut paths: BTreeMap<&str, usize> = BTreeMap::new();
    for spec in specs {
        // The wrong word is the name, which need not stand where the call does.
        let (line, column) = so_far.name_of(spec);
        if let Some(first) = seen.get(spec.name.as_str()) {
            let hint =
                "the name is the key of the run history: give each trigger its own, in a loop with the instance in it";
            let message = format!("the trigger `{}` is registered already in line {first}", spec.name);
            findings.push(finding(Severity::Error, "duplicate-trigger", message, Some(hint.into()), (line, column)));
        }
        seen.entry(&spec.name).or_insert(line);
        let first = so_far.first_of(spec);
        if let Kind::Webhook { path } = &spec.kind
            && let Some(other) = paths.insert(path.as_str(), spec.line)
        {
            let hint = Some("one path leads to one trigger: give each its own".into());
            let message = format!("the path `{path}` is taken already, in line {other}");
            findings.push(finding(Severity::Error, "duplicate-webhook", message, hint, first));
        }
        let crons = match &spec.kind {
            Kind::Cron(cron) => ::std::slice::from_ref(cron),
            Kind::Schedule(table) => &table.entries,
            _ => &[],
        };
        let said = |warning: &&String| so_far.findings.iter().any(|finding| finding.message == **warning);
        let new = crons.iter().flat_map(|cron| &cron.warnings).filter(|warning| !said(warning));
        findings
            .extend(new.map(|warning| finding(Severity::Warning, "misleading-schedule", warning.clone(), None, first)));
    }
    if seen.is_empty() && !so_far.has_errors() && !empty_fleet {
        let hint = Some("add `cron(\"*/5 * * * *\", \"name\", || …)` at its top level".into());
        let message = "the script registers nothing, so it never runs".into();
        findings.push(finding(Severity::Warning, "no-trigger", message, hint, (1, 1)));
    }
    findings
}

/// Triggers that will not do what they look like: an event that nobody makes, a time that has passed. `text` is
/// the script's.
pub(super) fn surprises<'a>(
    specs: impl Iterator<Item = &'a TriggerSpec>,
    text: &str,
    now: Time,
    so_far: &Analysis,
) -> Vec<Finding> {
    let surprise = |spec: &TriggerSpec| match &spec.kind {
        Kind::Event { name } if !text.contains(&format!("emit(\"{name}\"")) => {
            let hint = events::near_miss(name)?;
            let message = format!("`{name}` is no event of tidegate's own, so it comes only from `emit`");
            Some(finding(Severity::Warning, "unknown-event", message, Some(hint), so_far.first_of(spec)))
        }
        Kind::At(once) if once.time <= now => {
            let message = format!("the time `{}` has passed, so it does not fire any more", once.expression);
            let hint = Some("take the trigger out, or give it a time to come".into());
            Some(finding(Severity::Warning, "past", message, hint, so_far.first_of(spec)))
        }
        _ => None,
    };
    specs.filter_map(surprise).collect()
}

fn finding(
    severity: Severity,
    code: &'static str,
    message: String,
    hint: Option<String>,
    (line, column): (usize, usize),
) -> Finding {
    Finding { severity, code, message, hint, file: None, line, column }
}
