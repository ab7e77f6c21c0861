//! What a script will meet: the configured instances, what it may do, and the functions there are.

use std::any::TypeId;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

use rhai::{Array, Blob, Dynamic, FnPtr, INT, ImmutableString, Instant, Map};

use crate::address::Ip;
use crate::client::Client;
use crate::host::Host;
use crate::permission::Grants;
use crate::script::engine;
use crate::script::handles::{Downloader, Http, Pbh, State, Vps};
use crate::script::helpers;
use crate::script::lazy::Lazy;
use crate::script::std::{self as library, Function};
use crate::script::suite;
use crate::secret::Secret;
use crate::time::{Duration, Time};

use super::types::Ty;
use super::types::Unit::Plain;

/// The installation a script is checked for.
pub(in crate::script) struct World<'a> {
    pub host: &'a Arc<Host>,
    pub script: String,
    pub grants: Grants,
    /// Whether it is a file of tests, whose top level runs with each of them.
    pub tests: bool,
    /// Every PBH with its version: as the configuration says, or as it said itself when it was last asked.
    pub versions: Vec<(String, Option<String>)>,
}

impl<'a> World<'a> {
    pub fn new(host: &'a Arc<Host>, script: &str, grants: Grants) -> Self {
        let tests = suite::is_suite(script);
        // A test may do everything in its world.
        let grants = if tests { suite::grants() } else { grants };
        let version = |client: Arc<Client>| {
            let name = client.name().to_owned();
            let configured = host.config.pbh.get(&name).and_then(|pbh| pbh.version.clone());
            (name, client.known_version().or(configured))
        };
        let versions = host.fleet.pbh_all().into_iter().map(version).collect();
        Self { host, script: script.into(), grants, versions, tests }
    }

    /// The names of a service's instances, as far as they are known without asking.
    pub fn instances(&self, service: &str) -> Vec<String> {
        let config = &self.host.config;
        let mut names: BTreeSet<String> = match service {
            "kiwivm" => config.vps.keys().cloned().collect(),
            "pbh" => config.pbh.keys().cloned().collect(),
            _ => {
                let named = config.vps.values().flat_map(|vps| vps.downloaders.iter().flatten());
                named.chain(config.downloader.keys()).cloned().collect()
            }
        };
        // A torrent client may be known to a PBH alone, and to whoever grants something on it.
        names.extend(self.grants.allow.iter().filter_map(|grant| grant.instance_of(service)).map(Into::into));
        if names.is_empty() {
            names.insert("default".into());
        }
        names.into_iter().collect()
    }
}

/// A function as it is registered with the interpreter.
pub(super) struct Overload {
    pub params: Vec<TypeId>,
    /// What it gives, as the interpreter's metadata spells it.
    returns: String,
    /// The names of its parameters, where they have names.
    pub names: Vec<String>,
    /// What the interpreter says of it, in English.
    pub doc: String,
}

impl Overload {
    /// What it gives, where that is known.
    pub fn returns(&self) -> Option<Ty> {
        returned(&self.returns)
    }
}

/// Every registered function by name; getters are called `get$NAME`.
static OVERLOADS: LazyLock<HashMap<String, Vec<Overload>>> = LazyLock::new(|| {
    let mut all: HashMap<String, Vec<Overload>> = HashMap::new();
    let found = engine::bare().collect_fn_metadata(
        None,
        |function| {
            let metadata = function.metadata;
            let returns = metadata.return_type.to_string();
            let name = |info: &rhai::Identifier| info.split(':').next().unwrap_or_default().trim().to_owned();
            let overload = Overload {
                params: metadata.param_types.to_vec(),
                returns,
                names: metadata.params_info.iter().map(name).collect(),
                doc: summary(&metadata.comments),
            };
            Some((metadata.name.to_string(), overload))
        },
        true,
    );
    for (name, overload) in found {
        all.entry(name).or_default().push(overload);
    }
    all
});

/// What a comment says before its first blank line.
fn summary(comments: &[impl AsRef<str>]) -> String {
    let lines = comments.iter().flat_map(|comment| comment.as_ref().lines());
    let words = lines.map(|line| line.trim_start_matches(['/', '*', ' ']).trim_end());
    let first: Vec<_> = words.skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty()).collect();
    first.join(" ")
}

/// The std library's rows by name.
static ROWS: LazyLock<HashMap<&'static str, Vec<&'static Function>>> = LazyLock::new(|| {
    let mut all: HashMap<_, Vec<_>> = HashMap::new();
    for function in library::functions() {
        all.entry(function.name).or_default().push(function);
    }
    all
});

/// Every name that can be called.
static NAMES: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    let callable = |name: &&String| name.starts_with(|c: char| c.is_alphabetic() || c == '_') && !name.contains('$');
    let mut names: BTreeSet<&str> = OVERLOADS.keys().filter(callable).map(String::as_str).collect();
    names.extend(library::functions().filter(|function| !function.getter).map(|function| function.name));
    names.extend(helpers::all().map(|helper| helper.id));
    names
});

/// The names that can be read like fields from something that is no map.
static GETTERS: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    let plain = OVERLOADS.keys().filter_map(|name| name.strip_prefix("get$"));
    plain.chain(library::functions().filter(|function| function.getter).map(|function| function.name)).collect()
});

pub(super) fn getters() -> impl Iterator<Item = &'static str> {
    GETTERS.iter().copied()
}

pub(super) fn overloads(name: &str) -> &'static [Overload] {
    OVERLOADS.get(name).map_or(&[], Vec::as_slice)
}

pub(super) fn rows(name: &str) -> &'static [&'static Function] {
    ROWS.get(name).map_or(&[], Vec::as_slice)
}

pub(super) fn names() -> &'static BTreeSet<&'static str> {
    &NAMES
}

/// A return type as the interpreter's metadata spells it.
fn returned(text: &str) -> Option<Ty> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let text = text.strip_prefix("RhaiResultOf<").or_else(|| text.strip_prefix("RhaiResult<")).unwrap_or(&text);
    let text = text.strip_prefix("Result<").and_then(|text| text.split(',').next()).unwrap_or(text);
    Some(match text.trim_end_matches('>') {
        "INT" | "i64" => Ty::Int(Plain),
        "FLOAT" | "f64" => Ty::Float(Plain),
        "bool" => Ty::Bool,
        "char" => Ty::Char,
        "ImmutableString" | "String" | "&str" => Ty::Text,
        "Array" => Ty::array(Ty::Any),
        "Time" => Ty::Time,
        "Duration" => Ty::Duration,
        "Ip" => Ty::Ip,
        "()" => Ty::Unit,
        _ => return None,
    })
}

/// Whether a value of a type is taken where a parameter is registered with a type. What is not known, is.
pub(super) fn takes(param: TypeId, ty: &Ty) -> bool {
    if param == TypeId::of::<Dynamic>() {
        return true;
    }
    let is = |id: TypeId| param == id;
    ty.members().iter().any(|ty| match ty {
        Ty::Any | Ty::Never => true,
        Ty::Http => is(TypeId::of::<Http>()),
        Ty::Unit => is(TypeId::of::<()>()),
        Ty::Bool => is(TypeId::of::<bool>()),
        Ty::Int(_) => is(TypeId::of::<INT>()),
        Ty::Float(_) => is(TypeId::of::<f64>()),
        Ty::Char => is(TypeId::of::<char>()),
        Ty::Text => is(TypeId::of::<ImmutableString>()) || is(TypeId::of::<String>()) || is(TypeId::of::<&str>()),
        Ty::Time => is(TypeId::of::<Time>()),
        Ty::Duration => is(TypeId::of::<Duration>()),
        Ty::Ip => is(TypeId::of::<Ip>()),
        Ty::Secret => is(TypeId::of::<Secret>()),
        Ty::State => is(TypeId::of::<State>()),
        Ty::Vps => is(TypeId::of::<Vps>()),
        Ty::Pbh => is(TypeId::of::<Pbh>()),
        Ty::Downloader => is(TypeId::of::<Downloader>()),
        Ty::Range => {
            is(TypeId::of::<std::ops::Range<INT>>())
                || is(TypeId::of::<std::ops::RangeInclusive<INT>>())
                || is(TypeId::of::<std::ops::Range<f64>>())
        }
        Ty::Array(_) => is(TypeId::of::<Array>()),
        Ty::Rows(_) => is(TypeId::of::<Lazy>()),
        Ty::Shape(_) | Ty::Page(_) | Ty::Map(_) | Ty::Record(_) => is(TypeId::of::<Map>()),
        Ty::Closure(_) => is(TypeId::of::<FnPtr>()),
        Ty::Union(_) => true,
    })
}

/// What a parameter of a registered function is called in messages.
pub(super) fn called(param: TypeId) -> &'static str {
    let names = [
        (TypeId::of::<bool>(), "a bool"),
        (TypeId::of::<INT>(), "an int"),
        (TypeId::of::<f64>(), "a float"),
        (TypeId::of::<char>(), "a char"),
        (TypeId::of::<ImmutableString>(), "a text"),
        (TypeId::of::<Array>(), "a list"),
        (TypeId::of::<Map>(), "a map"),
        (TypeId::of::<Blob>(), "bytes"),
        (TypeId::of::<FnPtr>(), "a closure"),
        (TypeId::of::<Time>(), "a Time"),
        (TypeId::of::<Duration>(), "a Duration"),
        (TypeId::of::<Ip>(), "an Ip"),
        (TypeId::of::<Instant>(), "a timestamp"),
    ];
    names.iter().find(|(id, _)| *id == param).map_or("something else", |(_, name)| name)
}
