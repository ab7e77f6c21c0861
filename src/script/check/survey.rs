//! What a file says anywhere in it, before any value is followed.

use rhai::{AST, ASTNode, Expr, FnCallExpr, FnPtr, ImmutableString, Stmt};

use super::checker::{Function, Unit};

/// Calls `look` for each statement, those of functions included.
pub(super) fn each_statement(ast: &AST, look: &mut impl FnMut(&Stmt)) {
    ast.walk(&mut |path: &[ASTNode]| {
        if let Some(ASTNode::Stmt(statement)) = path.last() {
            look(statement);
        }
        true
    });
}

/// Notes the keys of maps, and which functions are named.
pub(super) fn survey(ast: &AST, unit: &mut Unit) {
    ast.walk(&mut |path: &[ASTNode]| {
        match path.last() {
            Some(ASTNode::Expr(Expr::Map(map, _))) => {
                unit.keys.extend(map.0.iter().map(|(key, _)| key.name.clone()));
            }
            Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
                // `m.f = || …`
                if let Some(name) = last_property(&assignment.1.lhs) {
                    unit.keys.insert(name);
                }
            }
            Some(
                ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _)),
            ) => {
                called(call, unit);
            }
            Some(ASTNode::Expr(Expr::Variable(variable, ..))) => {
                unit.called.insert(variable.1.clone());
            }
            Some(ASTNode::Expr(Expr::DynamicConstant(value, _))) => {
                if let Some(function) = value.read_lock::<FnPtr>() {
                    unit.called.insert(function.fn_name().into());
                }
            }
            // A function may be named by a text, as in `list.filter("is_leech")`.
            Some(ASTNode::Expr(Expr::StringConstant(text, _))) => {
                unit.called.insert(text.clone());
            }
            _ => {}
        }
        true
    });
}

fn called(call: &FnCallExpr, unit: &mut Unit) {
    unit.called.insert(call.name.clone());
    if call.name == "Fn" && !matches!(call.args.first(), Some(Expr::StringConstant(..))) {
        unit.calls_by_text = true;
    }
}

fn last_property(expr: &Expr) -> Option<rhai::ImmutableString> {
    match expr {
        Expr::Dot(pair, ..) => last_property(&pair.rhs),
        Expr::Property(property, _) => Some(property.2.clone()),
        _ => None,
    }
}

/// Which of these variables a function assigns, or calls something on that may change them.
pub(super) fn assigned(function: &Function, names: &[ImmutableString]) -> Vec<ImmutableString> {
    let mut found = Vec::new();
    let mut path = Vec::new();
    for statement in &function.body {
        statement.walk(&mut path, &mut |path: &[ASTNode]| {
            let root = match path.last() {
                Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => root(&assignment.1.lhs),
                Some(ASTNode::Expr(Expr::Dot(pair, ..))) if changes(&pair.rhs) => root(&pair.lhs),
                // A closure inside takes them along, and may do either.
                Some(ASTNode::Stmt(Stmt::Share(shared))) => {
                    found.extend(shared.iter().map(|(name, _)| name.name.clone()).filter(|name| names.contains(name)));
                    None
                }
                _ => None,
            };
            found.extend(root.filter(|root| names.contains(root)));
            true
        });
    }
    found
}

fn root(expr: &Expr) -> Option<ImmutableString> {
    match expr {
        Expr::Variable(variable, ..) => Some(variable.1.clone()),
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => root(&pair.lhs),
        _ => None,
    }
}

fn changes(expr: &Expr) -> bool {
    match expr {
        Expr::MethodCall(call, _) => super::calls::CHANGES.contains(&call.name.as_str()),
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => changes(&pair.lhs) || changes(&pair.rhs),
        _ => false,
    }
}

/// Where a function first uses a variable.
pub(super) fn first_use(
    functions: &std::collections::HashMap<String, Vec<std::rc::Rc<Function>>>,
    function: &str,
    name: &str,
) -> Option<rhai::Position> {
    let function = functions.get(function)?.first()?;
    let mut found = None;
    let mut path = Vec::new();
    for statement in &function.body {
        statement.walk(&mut path, &mut |path: &[ASTNode]| {
            if let Some(ASTNode::Expr(Expr::Variable(variable, _, position))) = path.last()
                && found.is_none()
                && variable.1 == name
            {
                found = Some(*position);
            }
            found.is_none()
        });
    }
    found
}
