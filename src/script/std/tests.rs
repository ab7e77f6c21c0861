//! Every function has a row, and every row a function.

use std::collections::BTreeSet;

use super::*;
use crate::script::helpers;

/// Name and number of arguments of what a module holds; a field is `get$name`.
fn registered(module: &Module) -> BTreeSet<(String, usize)> {
    let signatures = module.gen_fn_signatures_with_mapper(Into::into);
    signatures
        .map(|signature| {
            let (name, rest) = signature.split_once('(').unwrap();
            let mut depth = 0;
            let mut arguments = usize::from(!rest.starts_with(')'));
            for c in rest.chars() {
                match c {
                    '<' | '(' | '[' => depth += 1,
                    ')' if depth == 0 => break,
                    '>' | ')' | ']' => depth -= 1,
                    ',' if depth == 0 => arguments += 1,
                    _ => {}
                }
            }
            (name.to_owned(), arguments)
        })
        .collect()
}

#[test]
fn every_function_has_a_row_and_every_row_a_function() {
    /// How values of our types print: what Rhai calls for `${…}` and `print`, and has for its own types too.
    const PRINTING: [&str; 4] = ["to_string", "print", "to_debug", "debug"];
    let helper = |name: &str| helpers::all().any(|helper| helper.id == name);
    let registered: BTreeSet<_> = registered(&module())
        .into_iter()
        .filter(|(name, _)| !PRINTING.contains(&name.as_str()) && !name.contains("index$") && !helper(name))
        .collect();
    let rows: BTreeSet<_> = functions()
        .flat_map(|row| {
            let prefix = if row.getter { "get$" } else { "" };
            row.arities().map(move |count| (format!("{prefix}{}", row.name), count))
        })
        .filter(|(name, _)| !helper(name))
        .collect();
    let without_row: Vec<_> = registered.difference(&rows).collect();
    let without_function: Vec<_> = rows.difference(&registered).collect();
    assert!(without_row.is_empty() && without_function.is_empty(), "{without_row:?} {without_function:?}");
}

#[test]
fn a_row_says_what_a_person_needs() {
    let mut seen = BTreeSet::new();
    for row in functions() {
        let name = row.signature();
        assert!(row.doc.ends_with('.') && row.zh.ends_with('。'), "{name} has a sentence in both languages");
        assert!(!row.example.0.is_empty(), "{name} has an example");
        assert!(row.example.0.contains(row.name), "the example of {name} shows it");
        assert!(seen.insert((row.on.word(), row.name)), "{name} has one row");
        let first_optional = row.params.iter().position(|param| param.optional).unwrap_or(row.params.len());
        assert!(row.params[first_optional..].iter().all(|param| param.optional), "{name}: optional ones last");
    }
}

#[test]
fn signatures_read_as_a_script_writes_them() {
    let signature = |name: &str| functions().find(|row| row.name == name).unwrap().signature();
    assert_eq!(signature("now"), "now() -> Time");
    assert_eq!(signature("top_by"), "list.top_by(n: Int, key: Text | Function) -> Same");
    assert_eq!(signature("format_time"), "format_time(time: Time[, format: Text[, zone: Text]]) -> Text");
    assert_eq!(signature("vps"), "vps([name: Text]) -> Vps");
    assert_eq!(signature("weekday"), "time.weekday -> Int");
}
