//! The reader itself: a serde seed that carries the type it is to find.

use std::fmt::{self, Write as _};
use std::net::Ipv4Addr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::de::value::MapDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Build, Key, not_json};
use crate::api::{Field, Shape, Type};
use crate::error::{Error, Kind};
use crate::secret::Secret;
use crate::text::count;
use crate::time::{Duration, Time};

/// What the seeds of one reply share.
pub(super) struct State<'a, B> {
    build: &'a mut B,
    /// Whether PHP wrote the reply.
    php: bool,
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
    state: &'s mut State<'a, B>,
    ty: Type,
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
    fn wrong<T, E: serde::de::Error>(self, found: &str) -> Result<T, E> {
        self.state.problem = Some(format!("expected {}, found {found}", expected(&self.ty)));
        Err(E::custom("contradicts its type"))
    }

    fn whole<E: serde::de::Error>(self, number: i64) -> Result<B::Value, E> {
        let build = &mut *self.state.build;
        Ok(match self.ty {
            Type::Null => build.null(),
            Type::Any | Type::Int | Type::Bytes | Type::Speed => build.int(number),
            Type::Float | Type::Share | Type::Percent | Type::Ratio => build.float(to_float(number)),
            Type::Millis => build.time(Time::from_millis(number)),
            Type::Seconds => build.time(Time::from_seconds(number)),
            Type::DurationMillis => build.duration(Duration::from_millis(number)),
            Type::DurationSeconds => build.duration(Duration::from_seconds(number)),
            Type::IpNumber => match u32::try_from(number) {
                Ok(bits) => build.ip(&Ipv4Addr::from_bits(bits).to_string()),
                Err(_) => return self.wrong(&format!("`{number}`")),
            },
            Type::Bool if self.state.php && matches!(number, 0 | 1) => build.bool(number == 1),
            Type::Text if self.state.php => build.text(&number.to_string()),
            Type::Secret if self.state.php => build.secret(Secret::new(number.to_string())),
            _ => return self.wrong(&format!("the number `{number}`")),
        })
    }

    fn fraction<E: serde::de::Error>(self, number: f64) -> Result<B::Value, E> {
        match self.ty {
            Type::Any | Type::Float | Type::Share | Type::Percent | Type::Ratio => Ok(self.state.build.float(number)),
            Type::Null => Ok(self.state.build.null()),
            Type::Text if self.state.php => Ok(self.state.build.text(&number.to_string())),
            Type::DurationSeconds => Ok(self.state.build.duration(Duration::from_seconds_f64(number))),
            Type::Int
            | Type::Bytes
            | Type::Speed
            | Type::Millis
            | Type::Seconds
            | Type::DurationMillis
            | Type::IpNumber => match to_whole(number) {
                Some(whole) => self.whole(whole),
                None => self.wrong(&format!("the number `{number}`")),
            },
            _ => self.wrong(&format!("the number `{number}`")),
        }
    }

    /// A number that PHP wrote as a text. An empty one stands for none.
    fn number_in_text<E: serde::de::Error>(self, text: &str) -> Result<B::Value, E> {
        let digits = text.trim();
        if matches!(digits, "" | "-") {
            return Ok(self.state.build.null());
        }
        if let Ok(number) = digits.parse() {
            return self.whole(number);
        }
        match digits.parse::<f64>() {
            Ok(number) if number.is_finite() => self.fraction(number),
            _ => self.wrong(&quoted(text)),
        }
    }

    fn flag_in_text<E: serde::de::Error>(self, text: &str) -> Result<B::Value, E> {
        match text {
            "" | "0" | "false" => Ok(self.state.build.bool(false)),
            "1" | "true" => Ok(self.state.build.bool(true)),
            _ => self.wrong(&quoted(text)),
        }
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
            // PBH's demo mode writes one word in place of all secrets.
            Type::List(Type::Secret) => {
                let secret = build.secret(Secret::new(value));
                Ok(build.list(vec![secret]))
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

/// The fields that an object is known to have.
#[derive(Clone, Copy)]
enum Fields {
    None,
    Shape(&'static Shape),
    Page(&'static Type),
}

struct Known {
    name: &'static str,
    ty: Type,
    null: bool,
    /// May be left out.
    optional: bool,
}

impl Fields {
    const PAGE: [&'static str; 4] = ["page", "size", "total", "results"];

    fn len(self) -> usize {
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

    fn get(self, index: usize) -> Known {
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
struct Seen(u128);

impl Seen {
    fn add(&mut self, index: usize) {
        self.0 |= 1u128.checked_shl(u32::try_from(index).unwrap_or(u32::MAX)).unwrap_or(0);
    }

    /// Beyond the bits, which no shape reaches, everything counts as there.
    fn has(&self, index: usize) -> bool {
        1u128.checked_shl(u32::try_from(index).unwrap_or(u32::MAX)).is_none_or(|bit| self.0 & bit != 0)
    }
}

/// Reads a key without keeping those that are known.
struct Name {
    fields: Fields,
    next: usize,
    skip: &'static [&'static str],
}

enum Found {
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

/// What was due, for people.
fn expected(ty: &Type) -> String {
    match ty {
        Type::Null => "nothing".into(),
        Type::Bool => "true or false".into(),
        Type::Int => "a whole number".into(),
        Type::Bytes => "a number of bytes".into(),
        Type::Speed => "a number of bytes per second".into(),
        Type::Float | Type::Share | Type::Percent | Type::Ratio => "a number".into(),
        Type::Millis => "a time in milliseconds".into(),
        Type::Seconds => "a time in seconds".into(),
        Type::DurationMillis => "a number of milliseconds".into(),
        Type::DurationSeconds => "a number of seconds".into(),
        Type::Text | Type::Base64 | Type::Secret => "a text".into(),
        Type::Ip => "an address".into(),
        Type::Cidr => "an address or a network".into(),
        Type::IpNumber => "an address as a number".into(),
        Type::Any => "any value".into(),
        Type::List(_) => "a list".into(),
        Type::Map(_) => "an object".into(),
        Type::Shape(shape) => format!("an object ({})", shape.name),
        Type::Page(_) => "a page of results".into(),
        Type::Null_(inner) => expected(inner),
    }
}

/// A text where none was due: only the beginning, which is enough to recognise it.
fn quoted(text: &str) -> String {
    const SHOWN: usize = 20;
    let length = text.chars().count();
    if length <= SHOWN {
        return format!("the text `{text}`");
    }
    let start: String = text.chars().take(SHOWN).collect();
    format!("the text `{start}…` of {}", count(length, "character"))
}

/// What base64 hides, and a text that is none as it stands: descriptions were not always encoded.
fn base64_text(text: &str) -> String {
    let packed: String = text.split_ascii_whitespace().collect();
    match BASE64_STANDARD.decode(&packed).map(String::from_utf8) {
        Ok(Ok(plain)) => plain,
        _ => text.to_owned(),
    }
}

/// The whole number that a fraction is, if it is one.
#[expect(clippy::cast_possible_truncation, reason = "checked by the bounds")]
fn to_whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9.2e18).then_some(number as i64)
}

#[expect(clippy::cast_precision_loss, reason = "shares and ratios are small")]
fn to_float(number: i64) -> f64 {
    number as f64
}
