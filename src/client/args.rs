//! Arguments: from what a caller wrote to what the row asks for, or an error that shows how to write it.

mod check;

use serde_json::{Map, Value};

use crate::api::{Param, Row, Type};
use crate::error::{Error, Kind, Result};
use crate::secret::MASK;
use crate::text::{count, suggestion};

use check::Checker;

/// The arguments of one call, checked against its row. Values are JSON where a time is RFC 3339 and a
/// duration a number of seconds; the wire's units come in when the request is built.
#[derive(Clone, Debug, Default)]
pub struct Args(pub Vec<(&'static Param, Value)>);

impl Args {
    /// Required parameters in the order of the row, the others by name. An option that is null counts
    /// as left out.
    ///
    /// # Errors
    /// `argument`, with the row's signature: a wrong number, an unknown option, a wrong type, a value
    /// out of range.
    pub fn bind(row: &'static Row, positional: Vec<Value>, options: Map<String, Value>) -> Result<Self> {
        let required: Vec<_> = row.required().collect();
        if positional.len() != required.len() {
            return Err(wrong_count(row, required.len(), positional.len()));
        }
        let mut args = Vec::with_capacity(positional.len() + options.len());
        for (param, value) in required.into_iter().zip(positional) {
            args.push((param, check_param(row, param, value)?));
        }
        for (name, value) in options {
            let param = row.optional().find(|param| param.name == name).ok_or_else(|| unknown_option(row, &name))?;
            if !value.is_null() {
                args.push((param, check_param(row, param, value)?));
            }
        }
        Ok(Self(args))
    }

    /// The same for the row that stands in for `row` on this server.
    ///
    /// # Errors
    /// `unsupported` where it does not know an argument.
    pub fn for_twin(&self, row: &Row, twin: &'static Row, server: &str) -> Result<Self> {
        let moved = self.0.iter().map(|(param, value)| {
            let there = twin.params.iter().find(|other| other.name == param.name);
            there.map(|there| (there, value.clone())).ok_or_else(|| {
                let (name, id, other) = (param.name, row.id, twin.id);
                let message =
                    format!("`{name}` of `{id}` means nothing to `{other}`, which PBH {server} has in its place");
                Error::new(Kind::Unsupported, message).hint(written(twin))
            })
        });
        moved.collect::<Result<_>>().map(Self)
    }

    /// `{name: value}`, with secrets masked: what a record of the call may show.
    pub fn to_json(&self) -> Value {
        self.0
            .iter()
            .map(|(param, value)| (param.name.to_owned(), shown(value, &param.ty)))
            .collect::<Map<_, _>>()
            .into()
    }
}

fn wrong_count(row: &Row, due: usize, got: usize) -> Error {
    let options = if row.options().next().is_some() { " and a map of options" } else { "" };
    let verb = if got == 1 { "was" } else { "were" };
    let due =
        if due == 0 && !options.is_empty() { "only a map of options".into() } else { count(due, "argument") + options };
    let due = due.replace("0 arguments", "no argument");
    Error::new(Kind::Argument, format!("`{}` takes {due}; {got} {verb} given", row.id)).hint(written(row))
}

fn unknown_option(row: &Row, name: &str) -> Error {
    if row.required().any(|param| param.name == name) {
        return Error::new(
            Kind::Argument,
            format!("`{name}` of `{}` is no option: it comes first, without its name", row.id),
        )
        .hint(written(row));
    }
    let error = Error::new(Kind::Argument, format!("`{}` has no option `{name}`", row.id));
    let names: Vec<_> = row.options().map(|(name, _)| name).collect();
    let near = suggestion(name, names).map(|near| format!("{near} ")).unwrap_or_default();
    error.hint(format!("{near}{}", written(row)))
}

/// How the call is written.
fn written(row: &Row) -> String {
    format!("write `{}`", row.signature())
}

fn check_param(row: &'static Row, param: &'static Param, value: Value) -> Result<Value> {
    let value = Checker { row }.check(&param.ty, value).map_err(|problem| {
        let place =
            if problem.place.is_empty() { param.name.to_owned() } else { format!("{}{}", param.name, problem.place) };
        Error::new(Kind::Argument, format!("`{place}` of `{}` {}", row.id, problem.text))
            .hint(problem.hint.unwrap_or_else(|| written(row)))
    })?;
    // Both services count pages from 1 and answer something else for 0: an error, or the first page again.
    if row.extra.paged && param.name == "page" && value.as_i64().is_some_and(|page| page < 1) {
        return Err(Error::new(Kind::Argument, format!("`page` of `{}` counts from 1; `{value}` was given", row.id))
            .hint(written(row)));
    }
    Ok(value)
}

/// The value with what its type calls a secret masked.
fn shown(value: &Value, ty: &Type) -> Value {
    match (ty, value) {
        (Type::Secret, Value::String(text)) if !text.is_empty() => MASK.into(),
        (Type::Null_(inner), _) => shown(value, inner),
        (Type::List(item), Value::Array(items)) => items.iter().map(|value| shown(value, item)).collect(),
        (Type::Map(item), Value::Object(map)) => {
            map.iter().map(|(key, value)| (key.clone(), shown(value, item))).collect::<Map<_, _>>().into()
        }
        (Type::Shape(shape), Value::Object(map)) => map
            .iter()
            .map(|(key, value)| {
                let shown = shape.field(key).map_or_else(|| value.clone(), |field| shown(value, &field.ty));
                (key.clone(), shown)
            })
            .collect::<Map<_, _>>()
            .into(),
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests;
