//! What is known of a value before the script runs.

use std::fmt;
use std::rc::Rc;

use rhai::ImmutableString;

use crate::api::{Shape, Type};
use crate::script::std::Ty as RowTy;
use crate::time::Duration;

use super::text::Place;

/// The unit of a number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::script) enum Unit {
    Plain,
    /// 0 to 100.
    Percent,
    /// 0 to 1.
    Share,
    Bytes,
    /// Bytes per second.
    Speed,
}

/// The type of a value. What is not known for certain is [`Ty::Any`], about which nothing is said.
#[derive(Clone, Debug)]
pub(in crate::script) enum Ty {
    Any,
    /// No value at all: of an empty list, or after a `return`.
    Never,
    Unit,
    Bool,
    Int(Unit),
    Float(Unit),
    Char,
    Text,
    Time,
    Duration,
    Ip,
    Secret,
    State,
    Vps,
    Pbh,
    Downloader,
    Range,
    /// The name `http`.
    Http,
    Array(Rc<Ty>),
    /// The rows of a paged endpoint, read when needed.
    Rows(Rc<Ty>),
    Shape(&'static Shape),
    /// One page of rows.
    Page(Rc<Ty>),
    /// Keys that are data.
    Map(Rc<Ty>),
    /// A map whose keys are known.
    Record(Rc<Record>),
    Closure(Rc<Closure>),
    /// Any of these, none of them a union.
    Union(Rc<Vec<Ty>>),
}

impl PartialEq for Ty {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) | (Self::Float(a), Self::Float(b)) => a == b,
            (Self::Array(a), Self::Array(b))
            | (Self::Rows(a), Self::Rows(b))
            | (Self::Page(a), Self::Page(b))
            | (Self::Map(a), Self::Map(b)) => a == b,
            (Self::Shape(a), Self::Shape(b)) => std::ptr::eq(*a, *b),
            (Self::Record(a), Self::Record(b)) => a == b,
            (Self::Closure(a), Self::Closure(b)) => a == b,
            (Self::Union(a), Self::Union(b)) => a == b,
            (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
        }
    }
}

/// A map written in the script.
#[derive(Clone, Debug, Default)]
pub(in crate::script) struct Record {
    pub fields: Vec<Entry>,
    /// Whether there may be other keys.
    pub open: bool,
}

/// Two maps are of one type where their keys are.
impl PartialEq for Record {
    fn eq(&self, other: &Self) -> bool {
        self.open == other.open
            && self.fields.len() == other.fields.len()
            && self.fields.iter().zip(&other.fields).all(|(a, b)| a.name == b.name && a.val.ty == b.val.ty)
    }
}

#[derive(Clone, Debug)]
pub(in crate::script) struct Entry {
    pub name: ImmutableString,
    /// Where the key stands.
    pub place: Place,
    pub val: Val,
}

impl Record {
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.fields.iter().find(|entry| entry.name == name)
    }

    /// With a field added or replaced.
    pub fn with(&self, name: &str, place: Place, val: Val) -> Self {
        let mut record = self.clone();
        match record.fields.iter_mut().find(|entry| entry.name == name) {
            Some(entry) => entry.val = val,
            None => record.fields.push(Entry { name: name.into(), place, val }),
        }
        record
    }
}

/// A function as a value.
#[derive(Clone, Debug)]
pub(in crate::script) struct Closure {
    /// The file it stands in.
    pub unit: usize,
    pub name: ImmutableString,
    /// The variables it took along, in the order of its first parameters.
    pub captured: Vec<Slot>,
    pub place: Place,
}

impl PartialEq for Closure {
    fn eq(&self, other: &Self) -> bool {
        self.unit == other.unit && self.name == other.name
    }
}

/// A variable in scope.
#[derive(Clone, Debug)]
pub(in crate::script) struct Slot {
    pub name: ImmutableString,
    /// Its declaration, in the checker's list.
    pub var: Option<usize>,
    pub val: Val,
    pub kind: SlotKind,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::script) enum SlotKind {
    Own,
    Constant,
    /// Taken along by a closure, and the same variable for both.
    Shared,
    /// Taken along by a trigger's handler, each run of which has a copy.
    Copied,
}

/// A value: its type, and what it is where the script says so.
#[derive(Clone, Debug)]
pub(in crate::script) struct Val {
    pub ty: Ty,
    pub literal: Option<Rc<(Literal, Place)>>,
    /// The function that gave this nothing.
    pub void: Option<(&'static str, Place)>,
    /// It holds thousands of elements.
    pub large: bool,
    /// A text in the language of the server: where it came from.
    pub localised: Option<&'static str>,
    /// The texts of a list that the script spells out.
    pub holds: Vec<ImmutableString>,
    /// The elements of such a list, where there are few.
    pub items: Option<Rc<Vec<Val>>>,
    /// Of a handle: which instance it stands for, where the script spells it out.
    pub instance: Option<ImmutableString>,
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::script) enum Literal {
    Int(i64),
    Float(f64),
    Text(ImmutableString),
    Bool(bool),
    Duration(Duration),
}

impl Literal {
    pub fn number(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "thresholds are small")]
        match self {
            Self::Int(int) => Some(*int as f64),
            Self::Float(float) => Some(*float),
            Self::Text(_) | Self::Bool(_) | Self::Duration(_) => None,
        }
    }
}

impl From<Ty> for Val {
    fn from(ty: Ty) -> Self {
        Self {
            ty,
            literal: None,
            void: None,
            large: false,
            localised: None,
            holds: Vec::new(),
            items: None,
            instance: None,
        }
    }
}

impl Val {
    pub fn any() -> Self {
        Ty::Any.into()
    }

    pub fn literal(literal: Literal, place: Place) -> Self {
        let ty = match &literal {
            Literal::Int(_) => Ty::Int(Unit::Plain),
            Literal::Float(_) => Ty::Float(Unit::Plain),
            Literal::Text(_) => Ty::Text,
            Literal::Bool(_) => Ty::Bool,
            Literal::Duration(_) => Ty::Duration,
        };
        Self { literal: Some(Rc::new((literal, place))), ..ty.into() }
    }

    pub fn text(&self) -> Option<(&ImmutableString, &Place)> {
        match self.literal.as_deref() {
            Some((Literal::Text(text), place)) => Some((text, place)),
            _ => None,
        }
    }

    pub fn number(&self) -> Option<(f64, &Place)> {
        let (literal, place) = self.literal.as_deref()?;
        Some((literal.number()?, place))
    }

    pub fn join(&self, other: &Self) -> Self {
        let literal = match (&self.literal, &other.literal) {
            (Some(a), Some(b)) if a == b => Some(Rc::clone(a)),
            _ => None,
        };
        Self {
            ty: self.ty.join(&other.ty),
            literal,
            void: None,
            large: self.large && other.large,
            localised: self.localised.filter(|_| self.localised == other.localised),
            holds: Vec::new(),
            items: None,
            instance: self.instance.clone().filter(|_| self.instance == other.instance),
        }
    }
}

/// Members of a union; more are not worth knowing.
const WIDEST: usize = 6;

impl Ty {
    /// A map with these keys and no others.
    pub fn record(fields: &[(&str, Self)]) -> Self {
        let place = Place { unit: 0, line: 1, column: 1 };
        let entry = |(name, ty): &(&str, Self)| Entry { name: (*name).into(), place, val: ty.clone().into() };
        Self::Record(Rc::new(Record { fields: fields.iter().map(entry).collect(), open: false }))
    }

    pub fn array(item: Self) -> Self {
        Self::Array(Rc::new(item))
    }

    /// Each type that the value may have.
    pub fn members(&self) -> &[Self] {
        match self {
            Self::Union(members) => members,
            one => std::slice::from_ref(one),
        }
    }

    /// The members that count where a missing value is not looked at: all but `()`, unless there is nothing else.
    pub fn present(&self) -> impl Iterator<Item = &Self> {
        let only = self.members().iter().all(|ty| matches!(ty, Self::Unit));
        self.members().iter().filter(move |ty| only || !matches!(ty, Self::Unit))
    }

    /// Whether nothing is known, or there is nothing to know.
    pub fn is_unknown(&self) -> bool {
        self.members().iter().any(|ty| matches!(ty, Self::Any | Self::Never))
    }

    /// Whether each type that it may have, `()` aside, fulfils a condition.
    pub fn all(&self, test: impl Fn(&Self) -> bool) -> bool {
        !self.is_unknown() && self.present().all(test)
    }

    pub fn is_number(&self) -> bool {
        matches!(self, Self::Int(_) | Self::Float(_))
    }

    pub fn is_map(&self) -> bool {
        matches!(self, Self::Shape(_) | Self::Page(_) | Self::Map(_) | Self::Record(_))
    }

    pub fn unit(&self) -> Unit {
        let mut units = self.present().map(|ty| match ty {
            Self::Int(unit) | Self::Float(unit) => *unit,
            _ => Unit::Plain,
        });
        let first = units.next().unwrap_or(Unit::Plain);
        if units.all(|unit| unit == first) { first } else { Unit::Plain }
    }

    pub fn with_unit(&self, unit: Unit) -> Self {
        match self {
            Self::Int(_) => Self::Int(unit),
            Self::Float(_) => Self::Float(unit),
            other => other.clone(),
        }
    }

    pub fn nullable(self) -> Self {
        self.join(&Self::Unit)
    }

    /// Without `()`, where it may be something else.
    pub fn not_unit(&self) -> Self {
        self.present().fold(Self::Never, |all, ty| all.join(ty))
    }

    pub fn join(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => return Self::Any,
            (Self::Never, ty) | (ty, Self::Never) => return ty.clone(),
            (a, b) if a == b => return a.clone(),
            (Self::Int(_), Self::Int(_)) => return Self::Int(Unit::Plain),
            (Self::Float(_), Self::Float(_)) => return Self::Float(Unit::Plain),
            (Self::Array(a), Self::Array(b)) => return Self::array(a.join(b)),
            (Self::Map(a), Self::Map(b)) => return Self::Map(Rc::new(a.join(b))),
            (Self::Record(a), Self::Record(b)) => return Self::Record(Rc::new(merge(a, b))),
            _ => {}
        }
        let mut all: Vec<Self> = Vec::new();
        for ty in self.members().iter().chain(other.members()) {
            let like = |other: &Self| {
                matches!(
                    (other, ty),
                    (Self::Int(_), Self::Int(_))
                        | (Self::Float(_), Self::Float(_))
                        | (Self::Array(_), Self::Array(_))
                        | (Self::Map(_), Self::Map(_))
                        | (Self::Record(_), Self::Record(_))
                ) || other == ty
            };
            match all.iter_mut().find(|other| like(other)) {
                Some(known) => *known = known.join(ty),
                None => all.push(ty.clone()),
            }
        }
        match all.len() {
            1 => all.remove(0),
            n if n > WIDEST => Self::Any,
            _ => Self::Union(Rc::new(all)),
        }
    }

    /// What a loop over it gives.
    pub fn item(&self) -> Self {
        self.present().fold(Self::Never, |all, ty| {
            all.join(&match ty {
                Self::Array(item) | Self::Rows(item) => (**item).clone(),
                Self::Range => Self::Int(Unit::Plain),
                _ => Self::Any,
            })
        })
    }

    /// The type of what a reply holds.
    pub fn from_api(ty: &Type) -> Self {
        match ty {
            Type::Null => Self::Unit,
            Type::Bool => Self::Bool,
            Type::Int => Self::Int(Unit::Plain),
            Type::Float | Type::Ratio => Self::Float(Unit::Plain),
            Type::Text | Type::Base64 => Self::Text,
            Type::Any => Self::Any,
            Type::Bytes => Self::Int(Unit::Bytes),
            Type::Speed => Self::Int(Unit::Speed),
            Type::Share => Self::Float(Unit::Share),
            Type::Percent => Self::Float(Unit::Percent),
            Type::Millis | Type::Seconds => Self::Time,
            Type::DurationMillis | Type::DurationSeconds => Self::Duration,
            // What is no address stays a text.
            Type::Ip | Type::Cidr => Self::Ip.join(&Self::Text),
            Type::IpNumber => Self::Ip,
            Type::Secret => Self::Secret,
            Type::List(item) => Self::array(Self::from_api(item)),
            Type::Map(item) => Self::Map(Rc::new(Self::from_api(item))),
            Type::Null_(inner) => Self::from_api(inner).nullable(),
            Type::Shape(shape) => Self::Shape(shape),
            Type::Page(item) => Self::Page(Rc::new(Self::from_api(item))),
        }
    }

    /// The type of what a std function gives, where its row alone says it.
    pub fn from_row(ty: &RowTy) -> Self {
        match ty {
            RowTy::Plain(plain) => Self::from_api(plain),
            RowTy::Vps => Self::Vps,
            RowTy::Pbh => Self::Pbh,
            RowTy::Downloader => Self::Downloader,
            RowTy::List(item) => Self::array(Self::from_row(item)),
            RowTy::Map(item) => Self::Map(Rc::new(Self::from_row(item))),
            RowTy::OneOf(types) => types.iter().fold(Self::Never, |all, ty| all.join(&Self::from_row(ty))),
            _ => Self::Any,
        }
    }
}

/// Keys that only one of them has may be missing, and what is missing may be meant.
fn merge(a: &Record, b: &Record) -> Record {
    let mut record = Record { fields: Vec::new(), open: a.open || b.open };
    for entry in &a.fields {
        match b.get(&entry.name) {
            Some(other) => record.fields.push(Entry { val: entry.val.join(&other.val), ..entry.clone() }),
            None => record.fields.push(Entry { val: Val::any(), ..entry.clone() }),
        }
    }
    for entry in b.fields.iter().filter(|entry| a.get(&entry.name).is_none()) {
        record.fields.push(Entry { val: Val::any(), ..entry.clone() });
    }
    record
}

/// As messages call it: `a Time`, `a list`, `Usage`.
impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Any | Self::Never => "anything",
            Self::Unit => "()",
            Self::Bool => "a bool",
            Self::Int(Unit::Bytes) | Self::Float(Unit::Bytes) => "a number of bytes",
            Self::Int(Unit::Speed) | Self::Float(Unit::Speed) => "a speed in bytes per second",
            Self::Int(Unit::Percent) | Self::Float(Unit::Percent) => "a percent",
            Self::Int(Unit::Share) | Self::Float(Unit::Share) => "a share",
            Self::Int(_) => "an int",
            Self::Float(_) => "a float",
            Self::Char => "a char",
            Self::Text => "a text",
            Self::Time => "a Time",
            Self::Duration => "a Duration",
            Self::Ip => "an Ip",
            Self::Secret => "a secret",
            Self::State => "a state store",
            Self::Vps => "a VPS",
            Self::Pbh => "a PBH",
            Self::Downloader => "a torrent client",
            Self::Range => "a range",
            Self::Http => "`http`",
            Self::Array(_) => "a list",
            Self::Rows(_) => "rows still to be read",
            Self::Page(_) => "a page of rows",
            Self::Map(_) | Self::Record(_) => "a map",
            Self::Closure(_) => "a closure",
            Self::Shape(shape) => return write!(f, "a {}", shape.name),
            Self::Union(members) => {
                for (i, ty) in members.iter().enumerate() {
                    if i > 0 {
                        f.write_str(" or ")?;
                    }
                    write!(f, "{ty}")?;
                }
                return Ok(());
            }
        })
    }
}
