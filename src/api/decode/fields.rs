//! Which fields an object is known to have, and which of them were there.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Visitor};

use crate::api::{Field, Shape, Type};

/// The fields that an object is known to have.
#[derive(Clone, Copy)]
pub(super) enum Fields {
    None,
    Shape(&'static Shape),
    Page(&'static Type),
}

pub(super) struct Known {
    pub name: &'static str,
    pub ty: Type,
    pub null: bool,
    /// May be left out.
    pub optional: bool,
}

impl Fields {
    const PAGE: [&'static str; 4] = ["page", "size", "total", "results"];

    pub fn len(self) -> usize {
        match self {
            Self::None => 0,
            Self::Shape(shape) => shape.fields.len(),
            Self::Page(_) => Self::PAGE.len(),
        }
    }

    fn name(self, index: usize) -> &'static str {
        match self {
            Self::None => "",
            Self::Shape(shape) => shape.fields[index].name,
            Self::Page(_) => Self::PAGE[index],
        }
    }

    pub fn get(self, index: usize) -> Known {
        let name = self.name(index);
        match self {
            Self::Shape(Shape { fields, .. }) => {
                let Field { ty, null, absent, since, until, .. } = fields[index];
                Known { name, ty, null, optional: absent || since.is_some() || until.is_some() }
            }
            Self::Page(item) if name == "results" => Known { name, ty: Type::List(item), null: false, optional: false },
            Self::Page(_) | Self::None => Known { name, ty: Type::Int, null: false, optional: false },
        }
    }

    /// Servers write the fields of a kind in the same order each time, so the search starts where the
    /// last one ended.
    fn find(self, name: &str, next: usize) -> Option<usize> {
        let len = self.len();
        (next..len).chain(0..next.min(len)).find(|&index| self.name(index) == name)
    }
}

/// Which fields were there.
#[derive(Default)]
pub(super) struct Seen(u128);

impl Seen {
    pub fn add(&mut self, index: usize) {
        self.0 |= 1u128.checked_shl(u32::try_from(index).unwrap_or(u32::MAX)).unwrap_or(0);
    }

    /// Beyond the bits, which no shape reaches, everything counts as there.
    pub fn has(&self, index: usize) -> bool {
        1u128.checked_shl(u32::try_from(index).unwrap_or(u32::MAX)).is_none_or(|bit| self.0 & bit != 0)
    }
}

/// Reads a key without keeping those that are known.
pub(super) struct Name {
    pub fields: Fields,
    pub next: usize,
    pub skip: &'static [&'static str],
}

pub(super) enum Found {
    Known(usize),
    Unknown(String),
    Envelope,
}

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Found, E> {
        Ok(match self.fields.find(name, self.next) {
            Some(index) => Found::Known(index),
            None if self.skip.contains(&name) => Found::Envelope,
            None => Found::Unknown(name.to_owned()),
        })
    }
}
