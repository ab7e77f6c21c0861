//! The reader itself: a serde seed that carries the type it is to find.

use std::fmt::{self, Write as _};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::de::value::MapDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::fields::{Fields, Found, Name, Seen};
use super::words::{expected, quoted};
use super::{Build, Key, not_json};
use crate::api::Type;
use crate::error::{Error, Kind};
use crate::secret::Secret;

/// What the seeds of one reply share.
pub(super) struct State<'a, B> {
    pub build: &'a mut B,
    /// Whether PHP wrote the reply.
    pub php: bool,
    /// Outermost keys that are not part of the value.
    skip: &'static [&'static str],
    /// Where the contradiction is, from the inside out; filled only once there is one.
    place: Vec<Step>,
    problem: Option<String>,
}

enum Step {
    Key(String),
    Index(usize),
}

impl<'a, B: Build> State<'a, B> {
    pub(super) fn new(build: &'a mut B, php: bool, skip: &'static [&'static str]) -> Self {
        Self { build, php, skip, place: Vec::new(), problem: None }
    }

    pub(super) fn explain(&self, error: &serde_json::Error) -> Error {
        let Some(problem) = &self.problem else { return not_json(error) };
        let mut place = String::new();
        for step in self.place.iter().rev() {
            match step {
                Step::Key(key) => {
                    let dot = if place.is_empty() { "" } else { "." };
                    let _ = write!(place, "{dot}{key}");
                }
                Step::Index(index) => {
                    let _ = write!(place, "[{index}]");
                }
            }
        }
        let message = if place.is_empty() { format!("the reply: {problem}") } else { format!("`{place}`: {problem}") };
        Error::new(Kind::Protocol, message)
            .hint("this server answers otherwise than its reference says; `request(…)` gives the reply as it is")
    }
}

/// Reads one value of a type.
pub(super) struct Seed<'s, 'a, B> {
    pub state: &'s mut State<'a, B>,
    pub ty: Type,
    nullable: bool,
    outermost: bool,
}

impl<'s, 'a, B: Build> Seed<'s, 'a, B> {
    pub(super) fn new(state: &'s mut State<'a, B>, ty: Type) -> Self {
        Self { state, ty, nullable: false, outermost: true }.unwrapped()
    }

    fn inner(state: &'s mut State<'a, B>, ty: Type, nullable: bool) -> Self {
        Self { state, ty, nullable, outermost: false }.unwrapped()
    }

    fn unwrapped(mut self) -> Self {
        while let Type::Null_(inner) = self.ty {
            self.ty = *inner;
            self.nullable = true;
        }
        self
    }

    /// Remembers the problem and stops.
    pub fn wrong<T, E: serde::de::Error>(self, found: &str) -> Result<T, E> {
        self.state.problem = Some(format!("expected {}, found {found}", expected(&self.ty)));
        Err(E::custom("contradicts its type"))
    }

    /// A page where a list was due: what is on it.
    fn results<'de, A: MapAccess<'de>>(self, mut access: A) -> Result<B::Value, A::Error> {
        let mut found = None;
        while let Some(key) = access.next_key::<String>()? {
            if key != "results" {
                access.next_value::<IgnoredAny>()?;
                continue;
            }
            match access.next_value_seed(Seed::inner(self.state, self.ty, false)) {
                Ok(list) => found = Some(list),
                Err(error) => {
                    self.state.place.push(Step::Key(key));
                    return Err(error);
                }
            }
        }
        match found {
            Some(list) => Ok(list),
            None => self.wrong("an object"),
        }
    }

    fn entries<'de, A: MapAccess<'de>>(self, mut access: A) -> Result<B::Value, A::Error> {
        let (state, fields, item) = match self.ty {
            Type::Shape(shape) => (self.state, Fields::Shape(shape), Type::Any),
            Type::Page(item) => (self.state, Fields::Page(item), Type::Any),
            // A list with gaps in its numbering is an object to PHP.
            Type::List(item) if self.state.php => return values(self.state, access, *item),
            Type::List(_) => return self.results(access),
            Type::Map(item) => (self.state, Fields::None, *item),
            Type::Any => (self.state, Fields::None, Type::Any),
            _ => return self.wrong("an object"),
        };
        let skip = if self.outermost { state.skip } else { &[] };
        let mut entries = Vec::with_capacity(access.size_hint().unwrap_or(fields.len()));
        let mut seen = Seen::default();
        let mut next = 0;
        while let Some(found) = access.next_key_seed(Name { fields, next, skip })? {
            let (key, ty, nullable) = match found {
                Found::Known(index) => {
                    seen.add(index);
                    next = index + 1;
                    let known = fields.get(index);
                    (Key::Field(known.name), known.ty, known.null)
                }
                Found::Unknown(name) => (Key::Data(name), item, true),
                Found::Envelope => {
                    access.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            match access.next_value_seed(Seed::inner(state, ty, nullable)) {
                Ok(value) => entries.push((key, value)),
                Err(error) => {
                    state.place.push(Step::Key(key.as_str().to_owned()));
                    return Err(error);
                }
            }
        }
        for index in 0..fields.len() {
            if seen.has(index) {
                continue;
            }
            let known = fields.get(index);
            if !(known.optional || state.php) {
                state.place.push(Step::Key(known.name.to_owned()));
                state.problem = Some(format!("expected {}, found nothing: it is missing", expected(&known.ty)));
                return Err(A::Error::custom("contradicts its type"));
            }
            entries.push((Key::Field(known.name), state.build.null()));
        }
        Ok(state.build.map(entries))
    }
}

impl<'de, B: Build> DeserializeSeed<'de> for Seed<'_, '_, B> {
    type Value = B::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<B::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, B: Build> Visitor<'de> for Seed<'_, '_, B> {
    type Value = B::Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&expected(&self.ty))
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<B::Value, E> {
        let php = self.state.php;
        let build = &mut *self.state.build;
        match self.ty {
            Type::Bool | Type::Any => Ok(build.bool(value)),
            Type::Null => Ok(build.null()),
            // PHP answers false where it has nothing.
            Type::List(_) if php && !value => Ok(build.list(Vec::new())),
            Type::Map(_) if php && !value => Ok(build.map(Vec::new())),
            Type::Int if php => Ok(build.int(value.into())),
            Type::Text if php && !value => Ok(build.text("")),
            _ if php && !value => Ok(build.null()),
            _ => self.wrong(&format!("`{value}`")),
        }
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<B::Value, E> {
        self.whole(value)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<B::Value, E> {
        match i64::try_from(value) {
            Ok(value) => self.whole(value),
            #[expect(clippy::cast_precision_loss, reason = "it has no other place to go")]
            Err(_) => self.fraction(value as f64),
        }
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<B::Value, E> {
        self.fraction(value)
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<B::Value, E> {
        let php = self.state.php;
        let build = &mut *self.state.build;
        match self.ty {
            Type::Null => Ok(build.null()),
            Type::Any | Type::Text => Ok(build.text(value)),
            Type::Ip | Type::Cidr if value.is_empty() => Ok(build.null()),
            Type::Ip | Type::Cidr => Ok(build.ip(value)),
            Type::Base64 => Ok(build.text(&base64_text(value))),
            Type::Secret => Ok(build.secret(Secret::new(value))),
            Type::Bool if php => self.flag_in_text(value),
            Type::Int
            | Type::Float
            | Type::Bytes
            | Type::Speed
            | Type::Share
            | Type::Percent
            | Type::Ratio
            | Type::Millis
            | Type::Seconds
            | Type::DurationMillis
            | Type::DurationSeconds
            | Type::IpNumber
                if php =>
            {
                self.number_in_text(value)
            }
            // PBH's demo mode writes one word in place of all secrets, and its settings hold one text
            // where a list of one was meant.
            Type::List(item @ (Type::Text | Type::Secret | Type::Ip | Type::Cidr)) if !php => {
                let item = Seed::inner(self.state, *item, false).visit_str(value)?;
                Ok(self.state.build.list(vec![item]))
            }
            Type::List(_) if php && value.is_empty() => Ok(build.list(Vec::new())),
            Type::Map(_) if php && value.is_empty() => Ok(build.map(Vec::new())),
            Type::Shape(_) if php && value.is_empty() => Ok(build.null()),
            _ => self.wrong(&quoted(value)),
        }
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<B::Value, E> {
        let build = &mut *self.state.build;
        match self.ty {
            _ if self.nullable => Ok(build.null()),
            Type::Null | Type::Any => Ok(build.null()),
            Type::Bool if self.state.php => Ok(build.bool(false)),
            Type::List(_) if self.state.php => Ok(build.list(Vec::new())),
            Type::Map(_) if self.state.php => Ok(build.map(Vec::new())),
            _ if self.state.php => Ok(build.null()),
            _ => self.wrong("null"),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<B::Value, A::Error> {
        let item = match self.ty {
            Type::List(item) => *item,
            Type::Any => Type::Any,
            Type::Null => {
                while access.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(self.state.build.null());
            }
            Type::Map(item) if self.state.php => {
                let items = items(self.state, access, *item)?;
                let entries = items.into_iter().enumerate().map(|(i, item)| (Key::Data(i.to_string()), item)).collect();
                return Ok(self.state.build.map(entries));
            }
            // To PHP an object without fields is an empty list.
            Type::Shape(_) | Type::Page(_) if self.state.php => {
                if access.next_element::<IgnoredAny>()?.is_some() {
                    return self.wrong("a list");
                }
                return self.entries(MapDeserializer::new(std::iter::empty::<(&str, ())>()));
            }
            Type::Page(item) => {
                let items = items(self.state, access, *item)?;
                return Ok(one_page(self.state.build, items));
            }
            _ => return self.wrong("a list"),
        };
        let items = items(self.state, access, item)?;
        Ok(self.state.build.list(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<B::Value, A::Error> {
        match self.ty {
            Type::Null => {
                while access.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(self.state.build.null())
            }
            _ => self.entries(access),
        }
    }
}

fn items<'de, B: Build, A: SeqAccess<'de>>(
    state: &mut State<B>,
    mut access: A,
    item: Type,
) -> Result<Vec<B::Value>, A::Error> {
    let mut items = Vec::with_capacity(access.size_hint().unwrap_or(0));
    loop {
        match access.next_element_seed(Seed::inner(state, item, false)) {
            Ok(Some(value)) => items.push(value),
            Ok(None) => return Ok(items),
            Err(error) => {
                state.place.push(Step::Index(items.len()));
                return Err(error);
            }
        }
    }
}

/// A bare list as the only page.
fn one_page<B: Build>(build: &mut B, items: Vec<B::Value>) -> B::Value {
    let count = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let numbers = [("page", 1), ("size", count), ("total", count)];
    let mut entries: Vec<_> = numbers.map(|(name, number)| (Key::Field(name), build.int(number))).into();
    entries.push((Key::Field("results"), build.list(items)));
    build.map(entries)
}

/// The values of an object as a list.
fn values<'de, B: Build, A: MapAccess<'de>>(
    state: &mut State<B>,
    mut access: A,
    item: Type,
) -> Result<B::Value, A::Error> {
    let mut items = Vec::new();
    while access.next_key::<IgnoredAny>()?.is_some() {
        match access.next_value_seed(Seed::inner(state, item, false)) {
            Ok(value) => items.push(value),
            Err(error) => {
                state.place.push(Step::Index(items.len()));
                return Err(error);
            }
        }
    }
    Ok(state.build.list(items))
}

/// What base64 hides, and a text that is none as it stands: descriptions were not always encoded.
fn base64_text(text: &str) -> String {
    let packed: String = text.split_ascii_whitespace().collect();
    match BASE64_STANDARD.decode(&packed).map(String::from_utf8) {
        Ok(Ok(plain)) => plain,
        _ => text.to_owned(),
    }
}
