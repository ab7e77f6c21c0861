//! The names that a text takes from around it: for whoever takes a part out of a longer text, and what it needs with it.

use std::collections::BTreeSet;

use rhai::{ASTNode, Expr, FnCallExpr, Stmt};

use crate::api::Service;
use crate::script::std::When;
use crate::script::{engine, helpers, std as library};

use super::calls::CHANGES;

/// What a text takes from around it.
#[derive(Clone, Debug, Default)]
pub(in crate::script) struct Names {
    /// Variables that it reads or assigns, and functions that it names like one. What it declares itself is not there.
    pub variables: BTreeSet<String>,
    /// Functions that it calls, methods included, and texts that may name one.
    pub functions: BTreeSet<String>,
    pub modules: BTreeSet<String>,
    /// Of the variables those that it assigns, or calls something on that may change them.
    pub changed: BTreeSet<String>,
    /// Calls something that is not there while a script loads.
    pub acts: bool,
}

/// The same methods also give a part of what they are called on, and are called for that.
const GIVES: [&str; 2] = ["split", "take"];

/// What a text takes from around it; nothing where it does not parse.
pub(in crate::script) fn names(text: &str) -> Names {
    let mut names = Names::default();
    let Ok(ast) = engine::parse(&engine::reader(), text, "") else { return names };
    // What closures take along, and what is changed in them, where it is a parameter.
    let (mut shared, mut inside) = (BTreeSet::new(), BTreeSet::new());
    ast.walk(&mut |path: &[ASTNode]| {
        let mut change = |expr: &Expr| {
            if let Some((name, own)) = root(expr) {
                let set = if own { &mut inside } else { &mut names.changed };
                set.insert(name.to_owned());
            }
        };
        match path.last() {
            Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => change(&assignment.1.lhs),
            Some(ASTNode::Expr(Expr::Dot(pair, ..) | Expr::Index(pair, ..))) if changes(&pair.rhs) => {
                change(&pair.lhs);
            }
            Some(ASTNode::Stmt(Stmt::Share(taken))) => {
                let free = taken.iter().filter(|(_, index)| index.is_none());
                shared.extend(free.map(|(name, _)| name.name.to_string()));
            }
            Some(ASTNode::Expr(Expr::Variable(variable, ..))) => match variable.2.path.first() {
                Some(module) => drop(names.modules.insert(module.name.to_string())),
                None if variable.0.is_none() => drop(names.variables.insert(variable.1.to_string())),
                None => {}
            },
            Some(ASTNode::Expr(Expr::StringConstant(text, _))) => drop(names.functions.insert(text.to_string())),
            Some(
                ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _)),
            ) => names.call(call),
            _ => {}
        }
        true
    });
    names.changed.extend(inside.intersection(&shared).cloned());
    names
}

impl Names {
    fn call(&mut self, call: &FnCallExpr) {
        if let Some(module) = call.namespace.path.first() {
            self.modules.insert(module.name.to_string());
            self.acts = true;
        } else if call.op_token.is_none() {
            self.acts |= acts(&call.name);
            self.functions.insert(call.name.to_string());
        }
    }
}

/// Whether what has that name is only there during a run.
fn acts(name: &str) -> bool {
    library::functions().any(|row| row.name == name && (row.when == When::Run || row.effect.is_some()))
        || helpers::all().any(|helper| helper.id == name)
        || Service::ALL
            .into_iter()
            .flat_map(Service::rows)
            .any(|row| row.id == name || name.strip_suffix("_all") == Some(row.id))
}

/// The variable that an expression begins with, and whether it is one of the text's own.
fn root(expr: &Expr) -> Option<(&str, bool)> {
    match expr {
        Expr::Variable(variable, ..) => Some((variable.1.as_str(), variable.0.is_some())),
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => root(&pair.lhs),
        _ => None,
    }
}

/// Whether what is done with a value may change it; a function of the script may do anything.
fn changes(expr: &Expr) -> bool {
    match expr {
        Expr::MethodCall(call, _) => {
            let name = call.name.as_str();
            CHANGES.contains(&name) && !GIVES.contains(&name) || !engine::is_function(name)
        }
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => changes(&pair.lhs) || changes(&pair.rhs),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &BTreeSet<String>) -> Vec<&str> {
        names.iter().map(String::as_str).collect()
    }

    #[test]
    fn what_a_text_declares_it_does_not_take() {
        let names = names("let a = b; for c in d.filter(|x| x.a > e) { info(`${c} ${a}`); } u::f(#{key: a})");
        assert_eq!(list(&names.variables), ["b", "d", "e"]);
        assert_eq!(list(&names.modules), ["u"]);
        assert!(names.functions.contains("info") && names.changed.is_empty());
        assert_eq!(list(&super::names("fn over(p) { p > LIMIT }").variables), ["LIMIT"]);
        assert_eq!(list(&super::names("let x = x + 1").variables), ["x"]);
    }

    #[test]
    fn changes_are_found_wherever_they_stand() {
        for text in [
            "a.push(1)",
            "a = 1",
            "a += 1",
            "a.b.c = 1",
            "a[\"b\"].push(1)",
            "for x in [1] { a.push(x) }",
            "[1].for_each(|x| a.push(x))",
            "let b = a.pop()",
            "a.own(1)",
        ] {
            assert_eq!(list(&names(text).changed), ["a"], "{text}");
        }
        for text in ["a.len()", "a.b == 1", "let a = 1; a += 1", "a.map(|x| { x += 1; x })", "a.split(\",\")"] {
            assert!(names(text).changed.is_empty(), "{text}");
        }
        assert!(names("vps().data_usage()").acts && names("sleep(\"1s\")").acts && !names("5.GiB + max(1, 2)").acts);
    }
}
