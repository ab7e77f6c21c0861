//! The endpoint tables: rows that read as signatures, and the shapes of what they return.
//!
//! ```text
//! "bans" {
//!     /// Lists the peers banned at this moment.
//!     read GET "/api/bans" bans_list(#{page: Int = 1, pageSize: Int = 10, search: Text}) -> (Page Ban) { paged }
//! }
//! ```
//!
//! Everything else derives from these two tables by iteration: the functions that scripts see, argument
//! checks, permissions, the simulated routes, the reference pages. The macros expand to data only.

pub mod decode;
pub mod example;
pub mod kiwivm;
pub mod pbh;

#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::permission::Effect;

/// Which API a row belongs to.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    KiwiVm,
    Pbh,
}

impl Service {
    pub const ALL: [Self; 2] = [Self::KiwiVm, Self::Pbh];

    pub const fn name(self) -> &'static str {
        match self {
            Self::KiwiVm => "kiwivm",
            Self::Pbh => "pbh",
        }
    }

    pub fn rows(self) -> &'static [Row] {
        match self {
            Self::KiwiVm => kiwivm::ROWS,
            Self::Pbh => pbh::ROWS,
        }
    }

    pub fn shapes(self) -> &'static [&'static Shape] {
        match self {
            Self::KiwiVm => kiwivm::SHAPES,
            Self::Pbh => pbh::SHAPES,
        }
    }

    pub fn row(self, id: &str) -> Option<&'static Row> {
        self.rows().iter().find(|row| row.id == id)
    }
}

/// Where a parameter travels.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    Path,
    Query,
    /// A named field of the JSON body (of the form, for KiwiVM).
    Body,
    /// The JSON body as a whole; shown as `body` to the outside.
    #[serde(rename = "body")]
    Whole,
}

/// How a reply is wrapped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Envelope {
    /// `{"success", "message", "data"}`.
    Pbh,
    /// The fields themselves beside `error` and `message`.
    KiwiVm,
    /// `error` is the exit status of a command up to 255.
    KiwiVmShell,
    /// JSON without a wrapper.
    Bare,
    /// Plain text.
    Text,
    /// Written to a file of the data folder.
    Binary,
    /// Server-sent events.
    Events,
    /// A WebSocket.
    Socket,
}

/// One endpoint. For a stream (`Events`, `Socket`) `returns` is the type of one message, for `Binary` what is known
/// of the file that the reply is written to.
#[derive(Debug)]
pub struct Row {
    pub service: Service,
    /// The name scripts call it by.
    pub id: &'static str,
    pub method: &'static str,
    pub path: &'static str,
    pub effect: Effect,
    pub doc: &'static str,
    pub params: &'static [Param],
    pub returns: Type,
    pub extra: Extra,
}

/// Where a row differs from the default.
#[derive(Debug)]
pub struct Extra {
    pub group: &'static str,
    /// `None` is the service's own envelope.
    pub envelope: Option<Envelope>,
    /// Each message of the stream comes in the service's own envelope.
    pub wrapped: bool,
    /// The row that earlier releases have for the same: the server's version says which of the two is sent.
    pub replaces: Option<&'static str>,
    /// Takes `page` and `pageSize` and has a lazy companion `…_all()`.
    pub paged: bool,
    /// The fields that tell one result of a paged row from another; none where nothing does.
    pub identity: &'static [&'static str],
    /// First and last release that has it: `9.4.2`; `9.1.x` is the last of 9.1.
    pub since: Option<&'static str>,
    pub until: Option<&'static str>,
    /// Needs a PBH Plus licence up to this release.
    pub licence_until: Option<&'static str>,
    /// Seconds that the service itself may take.
    pub slow: u32,
    /// Repeating the request does no harm, although it is no read.
    pub idempotent: bool,
    /// Starts a job that ends later.
    pub job: bool,
    /// Sent without credentials.
    pub open: bool,
    /// A 403 is its own refusal (a caller from elsewhere, a first run that is over), not a wrong token.
    pub forbids: bool,
    /// Why it cannot be called from a script.
    pub uncallable: Option<&'static str>,
    /// The argument value that makes a write destructive: `bans_delete(["*"])`.
    pub destructive_if: Option<&'static str>,
    /// The method used up to a release, where it changed: `("GET", "9.1.99")`.
    pub method_until: Option<(&'static str, &'static str)>,
    /// Title in the original documentation.
    pub title: Option<&'static str>,
    /// A title in Chinese, where the original has none or one that does not tell the row from others.
    pub zh: Option<&'static str>,
    /// What a caller must know, beyond the sentence.
    pub note: &'static str,
    /// Where the facts come from.
    pub source: &'static str,
}

impl Extra {
    /// A row that differs in nothing.
    pub const fn of(group: &'static str, source: &'static str) -> Self {
        Self {
            group,
            envelope: None,
            wrapped: false,
            replaces: None,
            paged: false,
            identity: &[],
            since: None,
            until: None,
            licence_until: None,
            slow: 0,
            idempotent: false,
            job: false,
            open: false,
            forbids: false,
            uncallable: None,
            destructive_if: None,
            method_until: None,
            title: None,
            zh: None,
            note: "",
            source,
        }
    }
}

/// One parameter of a row.
#[derive(Debug)]
pub struct Param {
    pub name: &'static str,
    pub place: Place,
    pub ty: Type,
    /// Positional; the others travel in one map at the end.
    pub required: bool,
    /// What the service takes where it is left out, as JSON.
    pub default: Option<&'static str>,
}

/// The type and unit of a value.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// Nothing of interest: reads as `()`.
    Null,
    Bool,
    Int,
    Float,
    Text,
    /// Whatever the service sends.
    Any,
    Bytes,
    /// Bytes per second.
    Speed,
    /// 0 to 1.
    Share,
    /// 0 to 100.
    Percent,
    Ratio,
    /// Epoch milliseconds on the wire.
    Millis,
    /// Epoch seconds on the wire.
    Seconds,
    /// A length of time, in milliseconds on the wire.
    DurationMillis,
    /// A length of time, in seconds on the wire.
    DurationSeconds,
    Ip,
    /// An address or a network.
    Cidr,
    /// An IPv4 address as an unsigned 32-bit integer.
    IpNumber,
    /// Base64 of a UTF-8 text.
    Base64,
    Secret,
    /// Where a release sends a page instead, its results; where it sends a single text, a list of that.
    List(&'static Type),
    /// Keys that are data.
    Map(&'static Type),
    /// May be null.
    Null_(&'static Type),
    Shape(&'static Shape),
    /// `{"page", "size", "total", "results"}`. Where a release sends a bare list, one page of all.
    Page(&'static Type),
}

impl Type {
    /// The JSON type on the wire, in the words of JSON Schema.
    pub fn json(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "boolean",
            Self::Int
            | Self::Bytes
            | Self::Speed
            | Self::Millis
            | Self::Seconds
            | Self::DurationMillis
            | Self::DurationSeconds
            | Self::IpNumber => "integer",
            Self::Float | Self::Share | Self::Percent | Self::Ratio => "number",
            Self::Text | Self::Ip | Self::Cidr | Self::Base64 | Self::Secret => "string",
            Self::Any => "any",
            Self::List(_) => "array",
            Self::Map(_) | Self::Shape(_) | Self::Page(_) => "object",
            Self::Null_(inner) => inner.json(),
        }
    }
}

/// What a script sees: `Time`, `Bytes`, `[Ban]`, `Page of Ban`.
impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Null => f.write_str("()"),
            Self::Millis | Self::Seconds => f.write_str("Time"),
            Self::DurationMillis | Self::DurationSeconds => f.write_str("Duration"),
            Self::IpNumber => f.write_str("Ip"),
            Self::Base64 => f.write_str("Text"),
            Self::List(item) => write!(f, "[{item}]"),
            Self::Map(item) => write!(f, "{{{item}}}"),
            Self::Null_(inner) => write!(f, "{inner}?"),
            Self::Shape(shape) => f.write_str(shape.name),
            Self::Page(item) => write!(f, "Page of {item}"),
            plain => write!(f, "{plain:?}"),
        }
    }
}

/// A kind of object.
#[derive(Debug)]
pub struct Shape {
    pub name: &'static str,
    pub doc: &'static str,
    pub fields: &'static [Field],
}

impl Shape {
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// One field of a shape.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub name: &'static str,
    pub ty: Type,
    /// May be null on the wire; reads as `()`.
    pub null: bool,
    /// May be left out on the wire; reads as `()`.
    pub absent: bool,
    pub since: Option<&'static str>,
    pub until: Option<&'static str>,
    pub doc: &'static str,
}

/// How much of a stream is read: so long, so many messages.
pub const STREAM_OPTIONS: &[(&str, Type)] = &[("duration", Type::DurationSeconds), ("limit", Type::Int)];

impl Row {
    pub fn envelope(&self) -> Envelope {
        self.extra.envelope.unwrap_or(match self.service {
            Service::KiwiVm => Envelope::KiwiVm,
            Service::Pbh => Envelope::Pbh,
        })
    }

    /// What it does, in a few Chinese words.
    pub fn chinese(&self) -> &'static str {
        self.extra.zh.or(self.extra.title).unwrap_or(self.id)
    }

    pub fn required(&self) -> impl Iterator<Item = &'static Param> {
        self.params.iter().filter(|param| param.required)
    }

    pub fn optional(&self) -> impl Iterator<Item = &'static Param> {
        self.params.iter().filter(|param| !param.required)
    }

    /// Whether messages come one after the other.
    pub fn is_stream(&self) -> bool {
        matches!(self.envelope(), Envelope::Events | Envelope::Socket)
    }

    /// The row that means the same in other releases.
    pub fn twin(&self) -> Option<&'static Self> {
        match self.extra.replaces {
            Some(older) => self.service.row(older),
            None => self.service.rows().iter().find(|newer| newer.extra.replaces == Some(self.id)),
        }
    }

    /// Everything that can be in the map of options, with what is ours rather than the service's.
    pub fn options(&self) -> impl Iterator<Item = (&'static str, Type)> + Clone {
        let own: &[_] = if self.is_stream() { STREAM_OPTIONS } else { &[] };
        let params = self.params.iter().filter(|param| !param.required);
        params.map(|param| (param.name, param.ty)).chain(own.iter().copied())
    }

    /// As a script writes it: `snapshot_create(#{description})`.
    pub fn signature(&self) -> String {
        let result = if self.is_stream() { format!("messages of {}", self.returns) } else { self.returns.to_string() };
        format!("{} -> {result}", self.call(self.id))
    }

    /// The lazy companion of a paged row, as a script writes it: `bans_list_all(#{search: Text}) -> rows of Ban`.
    pub fn companion(&self) -> Option<String> {
        let item = self.item()?;
        Some(format!("{} -> rows of {item}", self.call(&format!("{}_all", self.id))))
    }

    /// What one result of a paged row is.
    pub fn item(&self) -> Option<&'static Type> {
        let mut ty = &self.returns;
        while let Type::Null_(inner) = ty {
            ty = inner;
        }
        match ty {
            Type::Page(item) | Type::List(item) if self.extra.paged => Some(item),
            _ => None,
        }
    }

    fn call(&self, name: &str) -> String {
        let mut params: Vec<_> = self.required().map(|param| format!("{}: {}", param.name, param.ty)).collect();
        let optional: Vec<_> = self.options().map(|(name, ty)| format!("{name}: {ty}")).collect();
        if !optional.is_empty() {
            params.push(format!("#{{{}}}", optional.join(", ")));
        }
        format!("{name}({})", params.join(", "))
    }
}

/// `9.4.2` as numbers that compare; a leading `v` and anything after the digits are ignored, an `x` is above them all.
pub fn version(text: &str) -> (u32, u32, u32) {
    let mut parts =
        text.trim_start_matches('v').split('.').map(|part| if part == "x" { u32::MAX } else { digits(part) });
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next())
}

fn digits(text: &str) -> u32 {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().unwrap_or(0)
}

/// Where a parameter travels unless the row says `@query`: named in the path's braces, the whole body where it is called
/// `body`, else by the method.
pub const fn place(service: Service, method: &str, path: &str, name: &str) -> Place {
    if in_braces(path.as_bytes(), name.as_bytes()) {
        return Place::Path;
    }
    if let b"body" = name.as_bytes() {
        return Place::Whole;
    }
    match (service, method.as_bytes()) {
        (Service::KiwiVm, _) | (_, b"POST" | b"PUT" | b"PATCH" | b"DELETE") => Place::Body,
        _ => Place::Query,
    }
}

const fn in_braces(path: &[u8], name: &[u8]) -> bool {
    let mut start = 0;
    while start < path.len() {
        if path[start] == b'{' {
            let mut i = 0;
            while i < name.len() && start + 1 + i < path.len() && path[start + 1 + i] == name[i] {
                i += 1;
            }
            if i == name.len() && start + 1 + i < path.len() && path[start + 1 + i] == b'}' {
                return true;
            }
        }
        start += 1;
    }
    false
}

/// A type as the tables write it: `Int`, `[Ban]`, `{Text}`, `(Page Ban)`, `(Text | null)`.
macro_rules! ty {
    (Null) => { $crate::api::Type::Null };
    (Bool) => { $crate::api::Type::Bool };
    (Int) => { $crate::api::Type::Int };
    (Float) => { $crate::api::Type::Float };
    (Text) => { $crate::api::Type::Text };
    (Any) => { $crate::api::Type::Any };
    (Bytes) => { $crate::api::Type::Bytes };
    (Speed) => { $crate::api::Type::Speed };
    (Share) => { $crate::api::Type::Share };
    (Percent) => { $crate::api::Type::Percent };
    (Ratio) => { $crate::api::Type::Ratio };
    (Millis) => { $crate::api::Type::Millis };
    (Seconds) => { $crate::api::Type::Seconds };
    (DurationMillis) => { $crate::api::Type::DurationMillis };
    (DurationSeconds) => { $crate::api::Type::DurationSeconds };
    (Ip) => { $crate::api::Type::Ip };
    (Cidr) => { $crate::api::Type::Cidr };
    (IpNumber) => { $crate::api::Type::IpNumber };
    (Base64) => { $crate::api::Type::Base64 };
    (Secret) => { $crate::api::Type::Secret };
    ([$($inner:tt)+]) => { $crate::api::Type::List(&$crate::api::ty!($($inner)+)) };
    ({$($inner:tt)+}) => { $crate::api::Type::Map(&$crate::api::ty!($($inner)+)) };
    ((Page $inner:tt)) => { $crate::api::Type::Page(&$crate::api::ty!($inner)) };
    (($inner:tt | null)) => { $crate::api::Type::Null_(&$crate::api::ty!($inner)) };
    ($shape:ident) => { $crate::api::Type::Shape(&$shape) };
}

/// A name as the tables write it: an identifier, and where the wire's name is none, `ptr_rules as "ptr-rules"`.
macro_rules! name {
    ($name:ident) => {
        stringify!($name)
    };
    ($name:ident $wire:literal) => {
        $wire
    };
}

macro_rules! place_of {
    ($service:expr, $method:expr, $path:expr, $name:expr) => {
        $crate::api::place($service, $method, $path, $name)
    };
    ($service:expr, $method:expr, $path:expr, $name:expr, query) => {
        $crate::api::Place::Query
    };
}

macro_rules! effect {
    (read) => {
        $crate::permission::Effect::Read
    };
    (write) => {
        $crate::permission::Effect::Write
    };
    (destructive) => {
        $crate::permission::Effect::Destructive
    };
}

/// One entry behind a row: a bare word is `true`, what may be missing is wrapped.
macro_rules! extra {
    (envelope $value:ident) => {
        Some($crate::api::Envelope::$value)
    };
    ($key:ident) => {
        true
    };
    (identity [$($field:ident),+]) => {
        &[$(stringify!($field)),+]
    };
    (slow $value:expr) => {
        $value
    };
    (note $value:expr) => {
        $value
    };
    (source $value:expr) => {
        $value
    };
    ($key:ident $value:expr) => {
        Some($value)
    };
}

/// Rows, by group, to a static slice. The text behind the service is the `source` of every row that names no other.
/// See the head of this module for one.
macro_rules! rows {
    ($service:expr, $source:expr; $( $group:literal { $(
        $(#[doc = $doc:literal])+
        $effect:ident $method:ident $path:literal $id:ident (
            $($(@$place:ident)? $param:ident : $ty:tt),* $(,)?
            $(#{ $($(@$oplace:ident)? $oparam:ident : $oty:tt $(= $default:literal)?),* $(,)? })?
        ) -> $returns:tt
        $({ $($key:ident $(: $value:tt)?),* $(,)? })?
    )* } )*) => {
        pub static ROWS: &[$crate::api::Row] = &[$($(
            $crate::api::Row {
                service: $service,
                id: stringify!($id),
                method: stringify!($method),
                path: $path,
                effect: $crate::api::effect!($effect),
                doc: concat!($($doc),+).trim_ascii(),
                params: &[
                    $($crate::api::Param {
                        name: stringify!($param),
                        place: $crate::api::place_of!($service, stringify!($method), $path, stringify!($param) $(, $place)?),
                        ty: $crate::api::ty!($ty),
                        required: true,
                        default: None,
                    },)*
                    $($($crate::api::Param {
                        name: stringify!($oparam),
                        place: $crate::api::place_of!($service, stringify!($method), $path, stringify!($oparam) $(, $oplace)?),
                        ty: $crate::api::ty!($oty),
                        required: false,
                        default: $crate::api::optional(&[$(stringify!($default))?]),
                    },)*)?
                ],
                returns: $crate::api::ty!($returns),
                extra: $crate::api::Extra {
                    $($($key: $crate::api::extra!($key $($value)?),)*)?
                    ..$crate::api::Extra::of($group, $source)
                },
            },
        )*)*];
    };
}

/// Shapes to statics. `| null` and `| absent` say what the wire may do, `since` and `until` when. A shape may begin with
/// the fields of another.
///
/// ```text
/// /// A peer that is banned.
/// BannedPeer: Peer {
///     /// Bytes sent to the peer.
///     uploaded: Bytes,
///     apiKey: Secret | null | absent since "9.4.0",
/// }
/// ```
macro_rules! shapes {
    ($(
        $(#[doc = $doc:literal])+
        $shape:ident $(: $base:ident)? {
            $(
                $(#[doc = $fdoc:literal])*
                $field:ident $(as $wire:literal)? : $ty:tt $(| $flag:ident)* $(since $since:literal)? $(until $until:literal)?
            ),* $(,)?
        }
    )*) => {
        $(
            #[allow(non_upper_case_globals, reason = "a shape reads as the type it describes")]
            $(#[doc = $doc])+
            pub static $shape: $crate::api::Shape = {
                const OWN: &[$crate::api::Field] = &[$(
                    $crate::api::Field {
                        name: $crate::api::name!($field $($wire)?),
                        ty: $crate::api::ty!($ty),
                        null: $crate::api::flagged("null", &[$(stringify!($flag)),*]),
                        absent: $crate::api::flagged("absent", &[$(stringify!($flag)),*]),
                        since: $crate::api::optional(&[$($since)?]),
                        until: $crate::api::optional(&[$($until)?]),
                        doc: concat!($($fdoc),*).trim_ascii(),
                    },
                )*];
                const BASE: &[$crate::api::Field] = $crate::api::base!($($base)?);
                const ALL: [$crate::api::Field; BASE.len() + OWN.len()] = $crate::api::joined(BASE, OWN);
                $crate::api::Shape {
                    name: stringify!($shape),
                    doc: concat!($($doc),+).trim_ascii(),
                    fields: &ALL,
                }
            };
        )*
        /// Every shape of this API, in the order of the table.
        #[allow(dead_code, reason = "shapes of a test are not listed")]
        pub static SHAPES: &[&$crate::api::Shape] = &[$(&$shape),*];
    };
}

macro_rules! base {
    () => {
        &[]
    };
    ($base:ident) => {
        $base.fields
    };
}

pub(crate) use {base, effect, extra, name, place_of, rows, shapes, ty};

/// For the macros: whether `flag` is among `flags`. An unknown flag does not compile.
pub(crate) const fn flagged(flag: &str, flags: &[&str]) -> bool {
    let mut found = false;
    let mut i = 0;
    while i < flags.len() {
        match flags[i].as_bytes() {
            b"null" => found |= flag.len() == 4,
            b"absent" => found |= flag.len() == 6,
            _ => panic!("a field is `| null` or `| absent`"),
        }
        i += 1;
    }
    found
}

/// For the macros: the only element, if any.
pub(crate) const fn optional(values: &[&'static str]) -> Option<&'static str> {
    if values.is_empty() { None } else { Some(values[0]) }
}

/// For the macros: the fields of `base`, then `own`.
pub(crate) const fn joined<const N: usize>(base: &[Field], own: &[Field]) -> [Field; N] {
    let mut fields = [if base.is_empty() { own[0] } else { base[0] }; N];
    let mut i = 0;
    while i < N {
        fields[i] = if i < base.len() { base[i] } else { own[i - base.len()] };
        i += 1;
    }
    fields
}
