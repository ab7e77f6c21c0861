//! What hangs on a value of a type: fields, endpoints, helpers, functions.

use std::any::TypeId;
use std::collections::HashSet;

use rhai::Dynamic;

use crate::api::{self, Row, Service};
use crate::script::helpers::{self, Helper};
use crate::script::std::{self as library, Function};

use super::answers::{helper_on, is_on, methods_of, row_on};
use super::expressions::{field_of, fields_of};
use super::types::Ty;
use super::world;

/// One of them.
#[derive(Clone)]
pub(in crate::script) struct Member {
    pub name: String,
    pub origin: Origin,
}

/// Where it comes from, and so what is known of it.
#[derive(Clone)]
pub(in crate::script) enum Origin {
    Row(&'static Row),
    /// All pages of a paged row.
    All(&'static Row),
    Helper(&'static Helper),
    Function(&'static Function),
    /// A field: its type in words, and the field of a reply or result that it is.
    Field(String, Option<&'static api::Field>),
    /// A method of the interpreter: its parameters, and what it says of it.
    Plain(Vec<String>, &'static str),
}

/// Methods that every value has and nobody looks for.
const EVERYWHERE: [&str; 4] = ["print", "debug", "to_debug", "to_json"];

/// Everything that a value of a type has, the fields first; nothing where the type is not known.
pub(super) fn members(ty: &Ty) -> Vec<Member> {
    let mut found = Members::default();
    if !ty.is_unknown() {
        ty.present().for_each(|ty| found.of(ty));
    }
    found.all
}

#[derive(Default)]
struct Members {
    all: Vec<Member>,
    names: HashSet<String>,
}

impl Members {
    fn add(&mut self, name: &str, origin: Origin) {
        if self.names.insert(name.to_owned()) {
            self.all.push(Member { name: name.to_owned(), origin });
        }
    }

    fn of(&mut self, ty: &Ty) {
        for name in fields_of(ty) {
            let row = library::functions().find(|row| row.getter && row.name == name && is_on(row.on, ty));
            let field = match ty {
                Ty::Shape(shape) => shape.field(&name),
                _ => None,
            };
            let origin = match row {
                Some(row) if !ty.is_map() => Origin::Function(row),
                _ => Origin::Field(field_of(ty, &name).map_or_else(String::new, |val| val.ty.to_string()), field),
            };
            self.add(&name, origin);
        }
        for helper in helpers::all().filter(|helper| helper_on(helper, ty) && helper_is_meant(ty)) {
            self.add(helper.id, Origin::Helper(helper));
        }
        for row in library::functions().filter(|row| !row.getter && is_on(row.on, ty)) {
            self.add(row.name, Origin::Function(row));
        }
        let rows = || Service::ALL.into_iter().flat_map(Service::rows);
        for row in rows().filter(|row| row.extra.uncallable.is_none() && row_on(row, ty)) {
            self.add(row.id, Origin::Row(row));
            if row.extra.paged {
                self.add(&format!("{}_all", row.id), Origin::All(row));
            }
        }
        for name in methods_of(ty).filter(|name| !EVERYWHERE.contains(name)) {
            let mut overloads = world::overloads(name).iter();
            let mine = overloads.find(|overload| {
                overload
                    .params
                    .first()
                    .is_some_and(|param| *param != TypeId::of::<Dynamic>() && world::takes(*param, ty))
            });
            let Some(overload) = mine else { continue };
            self.add(name, Origin::Plain(overload.names.iter().skip(1).cloned().collect(), &overload.doc));
        }
    }
}

/// A list of which nothing is known may be of downloaders, and mostly is not.
fn helper_is_meant(ty: &Ty) -> bool {
    !matches!(ty, Ty::Array(item) if item.is_unknown())
}

/// The keys of the map that a helper takes as a required argument, where they are known.
pub(in crate::script) fn map_keys(helper: &Helper) -> Vec<&'static str> {
    let maps = helper.required.iter().filter(|(_, ty)| *ty == "map");
    let keys = maps.filter_map(|(param, _)| super::arguments::known_keys(helper.id, param));
    keys.flatten().map(|(key, _)| key).collect()
}
