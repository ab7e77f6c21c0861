//! Who answers to a name: an endpoint, a helper, or functions of the library.

use crate::api::{Row, Service};
use crate::permission::Effect;
use crate::script::helpers::{self, Helper, On as HelperOn};
use crate::script::std::{Function, On};

use super::types::{Ty, Val};
use super::world;

/// What may answer to the name of a method.
pub(super) enum Answers {
    Row(&'static Row),
    /// All pages of a paged row.
    All(&'static Row),
    Helper(&'static Helper),
    Std(Vec<&'static Function>),
}

/// Whether a std method's row is for values of a type.
pub(super) fn is_on(on: On, ty: &Ty) -> bool {
    match on {
        On::Nothing => false,
        On::Time => matches!(ty, Ty::Time),
        On::Duration => matches!(ty, Ty::Duration),
        On::Ip => matches!(ty, Ty::Ip),
        On::List => matches!(ty, Ty::Array(_)),
        On::Map => ty.is_map(),
        On::Text => matches!(ty, Ty::Text),
        On::Int => matches!(ty, Ty::Int(_)),
        On::Number => ty.is_number(),
        On::State => matches!(ty, Ty::State),
        On::Vps => matches!(ty, Ty::Vps),
        On::Pbh => matches!(ty, Ty::Pbh),
        On::Downloader => matches!(ty, Ty::Downloader),
        On::Rows => matches!(ty, Ty::Rows(_)),
        On::Http => matches!(ty, Ty::Http),
    }
}

/// What a `request` costs by its method; of a method that is computed nothing is known, and nothing is said.
pub(super) fn effect_of_request(method: Option<&Val>) -> Effect {
    method.and_then(Val::text).map_or(Effect::Read, |(method, _)| Effect::of_request(method))
}

pub(super) fn row_on(row: &Row, ty: &Ty) -> bool {
    match row.service {
        Service::KiwiVm => matches!(ty, Ty::Vps),
        Service::Pbh => matches!(ty, Ty::Pbh),
    }
}

pub(super) fn helper_on(helper: &Helper, ty: &Ty) -> bool {
    match helper.on {
        HelperOn::Vps => matches!(ty, Ty::Vps),
        HelperOn::Pbh => matches!(ty, Ty::Pbh),
        HelperOn::Downloader => match ty {
            Ty::Downloader => true,
            Ty::Array(item) => item.is_unknown() || item.all(|item| matches!(item, Ty::Downloader)),
            _ => false,
        },
    }
}

pub(super) fn row_named(service: Service, name: &str) -> Option<Answers> {
    let callable = |row: &&Row| row.extra.uncallable.is_none();
    if let Some(row) = service.row(name).filter(callable) {
        return Some(Answers::Row(row));
    }
    let row = service.row(name.strip_suffix("_all")?).filter(callable)?;
    row.extra.paged.then_some(Answers::All(row))
}

/// Who answers to a name when it is called on a value of a type.
pub(super) fn answers(name: &str, ty: &Ty) -> Option<Answers> {
    if let Some(helper) = helpers::all().find(|helper| helper.id == name && ty.all(|ty| helper_on(helper, ty))) {
        return Some(Answers::Helper(helper));
    }
    let service = Service::ALL
        .into_iter()
        .find(|service| ty.all(|ty| matches!((service, ty), (Service::KiwiVm, Ty::Vps) | (Service::Pbh, Ty::Pbh))));
    if let Some(found) = service.and_then(|service| row_named(service, name)) {
        return Some(found);
    }
    let std: Vec<_> = world::rows(name)
        .iter()
        .copied()
        .filter(|row| !row.getter && row.on != On::Nothing && ty.all(|ty| is_on(row.on, ty)))
        .collect();
    (!std.is_empty()).then_some(Answers::Std(std))
}

/// Who answers where nothing is known of the value: the only one of that name.
pub(super) fn only_answer(name: &str) -> Option<Answers> {
    let mut found: Vec<_> = Service::ALL.into_iter().filter_map(|service| row_named(service, name)).collect();
    found.extend(helpers::all().filter(|helper| helper.id == name).map(Answers::Helper));
    let unambiguous = found.len() == 1 && world::rows(name).is_empty();
    if unambiguous { found.pop() } else { None }
}

/// The names of the methods of a type.
pub(super) fn methods_of(ty: &Ty) -> impl Iterator<Item = &'static str> {
    let rows = Service::ALL
        .into_iter()
        .flat_map(Service::rows)
        .filter(|row| row.extra.uncallable.is_none() && row_on(row, ty))
        .map(|row| row.id);
    let helpers = helpers::all().filter(|helper| helper_on(helper, ty)).map(|helper| helper.id);
    let std = crate::script::std::functions().filter(|row| !row.getter && is_on(row.on, ty)).map(|row| row.name);
    let plain = world::names().iter().copied().filter(|name| {
        world::overloads(name).iter().any(|overload| {
            overload
                .params
                .first()
                .is_some_and(|param| *param != std::any::TypeId::of::<rhai::Dynamic>() && world::takes(*param, ty))
        })
    });
    let mut all: Vec<_> = rows.chain(helpers).chain(std).chain(plain).collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter()
}

/// The name is a method of something else.
pub(super) fn elsewhere(name: &str) -> Option<String> {
    let on = |ty: &Ty| answers(name, ty).is_some();
    let handles = [(Ty::Vps, "a VPS"), (Ty::Pbh, "a PBH"), (Ty::Downloader, "a torrent client")];
    let found = handles.iter().find(|(ty, _)| on(ty))?;
    Some(format!("it is a method of {}", found.1))
}
