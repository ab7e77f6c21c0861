//! What can be said of a script before it runs: names that nothing answers to, and what its triggers promise.

use std::collections::BTreeMap;

use rhai::{AST, ASTNode, Expr, Stmt};

use crate::events;
use crate::schedule::{Kind, TriggerSpec};
use crate::time::Time;

use super::diagnostic::{Finding, Names, Severity};

/// Calls of functions that do not exist. Plain Rhai would only find them when the call is reached.
pub(super) fn names(ast: &AST, known: &dyn Names) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut variables = Vec::new();
    // A map may hold a closure that is called like a method.
    let mut properties = Vec::new();
    ast.walk(&mut |path: &[ASTNode]| {
        match path.last() {
            Some(ASTNode::Stmt(Stmt::Var(x, ..))) => variables.push(x.0.name.to_string()),
            Some(ASTNode::Expr(Expr::Map(x, ..))) => properties.extend(x.0.iter().map(|(key, _)| key.name.to_string())),
            Some(ASTNode::Expr(Expr::Property(x, ..))) => properties.push(x.2.to_string()),
            _ => {}
        }
        true
    });
    ast.walk(&mut |path: &[ASTNode]| {
        let call = match path.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, position) | Expr::MethodCall(call, position))) => {
                Some((call, position))
            }
            Some(ASTNode::Stmt(Stmt::FnCall(call, position))) => Some((call, position)),
            _ => None,
        };
        if let Some((call, position)) = call {
            let name = call.name.as_str();
            let ordinary = name.starts_with(|c: char| c.is_alphabetic() || c == '_') && !name.contains('$');
            let built_in =
                ["Fn", "call", "curry", "is_shared", "is_def_var", "is_def_fn", "type_of", "print", "debug", "eval"];
            let qualified = !call.namespace.is_empty();
            if ordinary
                && !qualified
                && call.op_token.is_none()
                && !built_in.contains(&name)
                && !known.has_function(name)
                && !variables.iter().any(|v| v == name)
                && !properties.iter().any(|p| p == name)
            {
                let hint = known.function(name).map(|near| format!("did you mean `{near}`?"));
                findings.push(
                    Finding::at(
                        Severity::Error,
                        "unknown-function",
                        *position,
                        format!("there is no function `{name}`"),
                    )
                    .hint(hint),
                );
            }
        }
        true
    });
    findings.dedup_by_key(|finding| (finding.line, finding.column));
    findings
}

/// What the registered triggers amount to. `empty_fleet` says that a loop over instances found none.
pub(super) fn triggers<'a>(
    specs: impl Iterator<Item = &'a TriggerSpec>,
    empty_fleet: bool,
    so_far: &[Finding],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut paths: BTreeMap<&str, usize> = BTreeMap::new();
    for spec in specs {
        let at = |severity, code, message: String| Finding {
            severity,
            code,
            message,
            hint: None,
            file: None,
            line: spec.line,
            column: spec.column,
        };
        if let Some(first) = seen.get(spec.name.as_str()) {
            let hint = Some(
                "the name is the key of the run history: give each trigger its own, in a loop with the instance in it"
                    .into(),
            );
            findings.push(
                at(
                    Severity::Error,
                    "duplicate-trigger",
                    format!("the trigger `{}` is registered already in line {first}", spec.name),
                )
                .hint(hint),
            );
        }
        seen.entry(&spec.name).or_insert(spec.line);
        if let Kind::Webhook { path } = &spec.kind
            && let Some(first) = paths.insert(path.as_str(), spec.line)
        {
            let hint = Some("one path leads to one trigger: give each its own".into());
            let message = format!("the path `{path}` is taken already, in line {first}");
            findings.push(at(Severity::Error, "duplicate-webhook", message).hint(hint));
        }
        let crons = match &spec.kind {
            Kind::Cron(cron) => ::std::slice::from_ref(cron),
            Kind::Schedule(table) => &table.entries,
            _ => &[],
        };
        let warnings = crons.iter().flat_map(|cron| &cron.warnings);
        findings.extend(warnings.map(|warning| at(Severity::Warning, "misleading-schedule", warning.clone())));
    }
    let failed = so_far.iter().any(|finding| finding.severity == Severity::Error);
    if seen.is_empty() && !failed && !empty_fleet {
        findings.push(Finding {
            severity: Severity::Warning,
            code: "no-trigger",
            message: "the script registers nothing, so it never runs".into(),
            hint: Some("add `cron(\"*/5 * * * *\", \"name\", || …)` at its top level".into()),
            file: None,
            line: 1,
            column: 1,
        });
    }
    findings
}

/// What a trigger may not be meant to do: a name of an event that is nearly one of ours, a time that has passed.
pub(super) fn surprises<'a>(specs: impl Iterator<Item = &'a TriggerSpec>, text: &str, now: Time) -> Vec<Finding> {
    let finding = |spec: &TriggerSpec, code, message, hint| Finding {
        severity: Severity::Warning,
        code,
        message,
        hint,
        file: None,
        line: spec.line,
        column: spec.column,
    };
    let surprise = |spec: &TriggerSpec| match &spec.kind {
        Kind::Event { name } if !text.contains(&format!("emit(\"{name}\"")) => {
            let hint = events::near_miss(name)?;
            let message = format!("`{name}` is no event of tidegate's own, so it comes only from `emit`");
            Some(finding(spec, "unknown-event", message, Some(hint)))
        }
        Kind::At(once) if once.time <= now => {
            let message = format!("the time `{}` has passed, so it does not fire any more", once.expression);
            Some(finding(spec, "past", message, Some("take the trigger out, or give it a time to come".into())))
        }
        _ => None,
    };
    specs.filter_map(surprise).collect()
}
