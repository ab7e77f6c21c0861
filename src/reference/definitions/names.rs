//! How definition files spell types and names.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::api::{Field, Service, Shape, Type};
use crate::script::helpers;
use crate::script::std::{Ty, functions};

/// Every shape that a script may meet, with the name that it has in the definitions. Where a service has one of a name
/// that something else has too, it is called after the service.
pub(super) static SHAPES: LazyLock<Vec<(&'static Shape, String)>> = LazyLock::new(|| {
    let mut all: Vec<&'static Shape> = Vec::new();
    let own = Service::ALL.into_iter().flat_map(|service| service.shapes().iter().map(move |shape| (service, *shape)));
    let own: Vec<_> = own.collect();
    for (_, shape) in &own {
        reach(&Type::Shape(shape), &mut all);
    }
    helpers::all().for_each(|helper| reach(&helper.returns, &mut all));
    functions().for_each(|row| reach_std(&row.returns, &mut all));
    let name = |shape: &'static Shape| {
        let service = own.iter().find(|(_, other)| std::ptr::eq(*other, shape)).map(|(service, _)| *service);
        let alone = all.iter().filter(|other| other.name == shape.name).count() == 1;
        match service.filter(|_| !alone) {
            Some(Service::KiwiVm) => format!("KiwiVm{}", shape.name),
            Some(Service::Pbh) => format!("Pbh{}", shape.name),
            None => shape.name.to_owned(),
        }
    };
    let mut named: Vec<_> = all.iter().map(|shape| (*shape, name(shape))).collect();
    named.sort_by(|(_, a), (_, b)| a.cmp(b));
    named
});

/// The same by where they are: two of them may have one name.
static NAMES: LazyLock<HashMap<usize, &'static str>> =
    LazyLock::new(|| SHAPES.iter().map(|(shape, name)| (place(shape), name.as_str())).collect());

fn place(shape: &'static Shape) -> usize {
    std::ptr::from_ref(shape).addr()
}

/// The same of what a std function gives.
fn reach_std(ty: &Ty, found: &mut Vec<&'static Shape>) {
    match ty {
        Ty::Plain(ty) => reach(ty, found),
        Ty::List(item) => reach_std(item, found),
        _ => {}
    }
}

/// The shapes that a type is made of, each once.
fn reach(ty: &Type, found: &mut Vec<&'static Shape>) {
    match ty {
        Type::List(inner) | Type::Map(inner) | Type::Null_(inner) | Type::Page(inner) => reach(inner, found),
        Type::Shape(shape) if !found.iter().any(|known| std::ptr::eq(*known, *shape)) => {
            found.push(shape);
            shape.fields.iter().for_each(|field| reach(&field.ty, found));
        }
        _ => {}
    }
}

/// The name of a type in a definition.
pub(super) fn name_of(ty: &Type) -> String {
    match ty {
        Type::Null => "()".into(),
        Type::Bool => "bool".into(),
        Type::Int => "int".into(),
        Type::Float => "float".into(),
        Type::Text | Type::Base64 => "string".into(),
        Type::Any => "?".into(),
        Type::Bytes => "Bytes".into(),
        Type::Speed => "Speed".into(),
        Type::Share => "Share".into(),
        Type::Percent => "Percent".into(),
        Type::Ratio => "Ratio".into(),
        Type::Millis | Type::Seconds => "Time".into(),
        Type::DurationMillis | Type::DurationSeconds => "Duration".into(),
        Type::Ip | Type::IpNumber => "Ip".into(),
        Type::Cidr => "Ip | string".into(),
        Type::Secret => "Secret".into(),
        Type::List(item) => format!("[{}]", name_of(item)),
        Type::Map(_) => "map".into(),
        Type::Null_(inner) => format!("{} | ()", name_of(inner)),
        Type::Shape(shape) => NAMES.get(&place(shape)).copied().unwrap_or(shape.name).into(),
        Type::Page(item) => format!("#{{ page: int, size: int, total: int, results: [{}] }}", name_of(item)),
    }
}

/// The type that a word of a helper's row means.
pub(super) fn word(word: &str) -> String {
    let known = match word {
        "text" => "string",
        "int" => "int",
        "bool" => "bool",
        "float" | "number" => "float",
        "size" => "Bytes | string",
        "speed" => "Speed | string",
        "duration" => "Duration | string",
        "time" => "Time | string",
        "ip" => "Ip | string",
        "list" => "[?]",
        "map" => "map",
        "text or blob" => "string | blob",
        _ => "?",
    };
    known.into()
}

pub(super) fn std_type(ty: &Ty) -> String {
    match ty {
        Ty::Plain(plain) => name_of(plain),
        Ty::Function(_) => "Fn".into(),
        Ty::Vps => "Vps".into(),
        Ty::Pbh => "Pbh".into(),
        Ty::Downloader => "Downloader".into(),
        Ty::Rows => "Rows".into(),
        Ty::List(item) => format!("[{}]", std_type(item)),
        Ty::Map(_) => "map".into(),
        Ty::OneOf(types) => types.iter().map(std_type).collect::<Vec<_>>().join(" | "),
        Ty::Options(keys) => {
            let keys: Vec<_> = keys.iter().map(|(name, ty)| format!("{}: {}", key(name), std_type(ty))).collect();
            format!("#{{ {} }}", keys.join(", "))
        }
        Ty::Same | Ty::Item | Ty::Answer => "?".into(),
    }
}

pub(super) fn field_type(field: &Field) -> String {
    let name = name_of(&field.ty);
    if (field.null || field.absent) && !name.ends_with("| ()") { format!("{name} | ()") } else { name }
}

/// A text in quotes.
pub(super) fn literal(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Words that cannot be names: those that Rhai has, and those it keeps.
const RESERVED: [&str; 62] = [
    "true",
    "false",
    "let",
    "const",
    "if",
    "else",
    "switch",
    "do",
    "while",
    "until",
    "loop",
    "for",
    "in",
    "continue",
    "break",
    "return",
    "throw",
    "try",
    "catch",
    "fn",
    "private",
    "this",
    "import",
    "export",
    "as",
    "global",
    "print",
    "debug",
    "type_of",
    "eval",
    "Fn",
    "call",
    "curry",
    "is_shared",
    "is_def_fn",
    "is_def_var",
    "var",
    "static",
    "begin",
    "end",
    "shared",
    "each",
    "then",
    "goto",
    "exit",
    "unless",
    "match",
    "case",
    "default",
    "void",
    "null",
    "nil",
    "public",
    "protected",
    "new",
    "use",
    "with",
    "is",
    "module",
    "package",
    "super",
    "spawn",
];

/// A parameter's name.
pub(super) fn ident(name: &str) -> String {
    if RESERVED.contains(&name) { format!("{name}_") } else { name.into() }
}

/// A key of a map: in quotes where it is no name.
pub(super) fn key(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !RESERVED.contains(&name);
    if plain { name.into() } else { literal(name) }
}

/// A parameter's name, or its number.
pub(super) fn param_name(name: &str, n: usize) -> String {
    if name.is_empty() || name == "_" { format!("arg{}", n + 1) } else { ident(name) }
}
