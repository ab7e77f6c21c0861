//! What is known of a function before it is called: the checker, completion, the editors and the reference
//! read these rows and nothing else. They stand in the file that registers the function.

use std::fmt::{self, Display};

use crate::api::Type;
use crate::permission::Effect;

/// One function, method or field of the std library.
#[derive(Debug)]
pub struct Function {
    pub name: &'static str,
    /// What it is a method of; [`On::Nothing`] for a function. Any function may also be written as a method of its
    /// first argument.
    pub on: On,
    /// Read as a field, without parentheses.
    pub getter: bool,
    /// In order, the optional ones last.
    pub params: &'static [Param],
    pub returns: Ty,
    /// What it does outside the run; `None` where that is nothing.
    pub effect: Option<Effect>,
    pub when: When,
    /// In English and in Chinese, one sentence or two.
    pub doc: &'static str,
    pub zh: &'static str,
    /// A script, and how a REPL shows what it gives; nothing where that depends on the world.
    pub example: (&'static str, &'static str),
}

/// Where it may be called.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum When {
    Anywhere,
    /// Not while the script loads.
    Run,
    /// Only at the top level of a script file.
    Load,
    /// Only in a file of tests.
    Test,
}

/// One parameter of a [`Function`].
#[derive(Debug)]
pub struct Param {
    pub name: &'static str,
    pub ty: Ty,
    pub optional: bool,
}

/// What a method is called on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum On {
    Nothing,
    Time,
    Duration,
    Ip,
    List,
    Map,
    Text,
    /// A whole number.
    Int,
    /// Any number.
    Number,
    State,
    Vps,
    Pbh,
    Downloader,
    /// The rows of a paged endpoint.
    Rows,
    /// The name `http`.
    Http,
}

/// The type of a parameter or a result.
#[derive(Clone, Copy, Debug)]
pub enum Ty {
    /// As in replies. Time is `Millis`, Duration is `DurationSeconds`.
    Plain(Type),
    /// A closure, or the name of a function, of that many arguments.
    Function(u8),
    Vps,
    Pbh,
    Downloader,
    Rows,
    List(&'static Ty),
    /// Keys that are data.
    Map(&'static Ty),
    /// Any of them.
    OneOf(&'static [Ty]),
    /// A map with any of these keys.
    Options(&'static [(&'static str, Ty)]),
    /// The same as what the method is called on.
    Same,
    /// An element of the list that the method is called on, or of the first argument.
    Item,
    /// What the closure gives.
    Answer,
}

impl On {
    /// The name in signatures; empty for [`On::Nothing`].
    pub const fn word(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Time => "time",
            Self::Duration => "duration",
            Self::Ip => "ip",
            Self::List => "list",
            Self::Map => "map",
            Self::Text => "text",
            Self::Int => "int",
            Self::Number => "number",
            Self::State => "state",
            Self::Vps => "vps",
            Self::Pbh => "pbh",
            Self::Downloader => "downloader",
            Self::Rows => "rows",
            Self::Http => "http",
        }
    }
}

impl Function {
    /// As the reference shows it: `list.top_by(n: Int, key: Text | Function) -> [Item]`.
    pub fn signature(&self) -> String {
        let dot = if self.on == On::Nothing { "" } else { "." };
        let head = format!("{}{dot}{}", self.on.word(), self.name);
        if self.getter {
            return format!("{head} -> {}", self.returns);
        }
        let required = self.params.iter().filter(|param| !param.optional);
        let mut text = required.map(|param| format!("{}: {}", param.name, param.ty)).collect::<Vec<_>>().join(", ");
        for (n, param) in self.params.iter().filter(|param| param.optional).enumerate() {
            let comma = if n == 0 && text.is_empty() { "" } else { ", " };
            text += &format!("[{comma}{}: {}", param.name, param.ty);
        }
        text += &"]".repeat(self.params.iter().filter(|param| param.optional).count());
        format!("{head}({text}) -> {}", self.returns)
    }

    /// Every number of arguments that it takes, the one it is called on included.
    pub fn arities(&self) -> std::ops::RangeInclusive<usize> {
        let receiver = usize::from(self.on != On::Nothing);
        let required = self.params.iter().filter(|param| !param.optional).count();
        receiver + required..=receiver + self.params.len()
    }
}

impl Ty {
    /// The type as replies have it, where it is one of those.
    pub const fn plain(&self) -> Option<&Type> {
        match self {
            Self::Plain(ty) => Some(ty),
            _ => None,
        }
    }
}

impl Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Plain(ty) => ty.fmt(f),
            Self::Function(_) => f.write_str("Function"),
            Self::Vps => f.write_str("Vps"),
            Self::Pbh => f.write_str("Pbh"),
            Self::Downloader => f.write_str("Downloader"),
            Self::Rows => f.write_str("Rows"),
            Self::List(item) => write!(f, "[{item}]"),
            Self::Map(item) => write!(f, "{{{item}}}"),
            Self::OneOf(types) => f.write_str(&types.iter().map(Self::to_string).collect::<Vec<_>>().join(" | ")),
            Self::Options(keys) => {
                let keys: Vec<_> = keys.iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
                write!(f, "#{{{}}}", keys.join(", "))
            }
            Self::Same => f.write_str("Same"),
            Self::Item => f.write_str("Item"),
            Self::Answer => f.write_str("Answer"),
        }
    }
}

/// A type as the rows write it: `Int`, `Time`, `[Item]`, `{Int}`, `(Text | Function)`, `(fn 1)`,
/// `(map of title: Text, text: Text)`.
macro_rules! ty {
    (Time) => { $crate::script::std::function::Ty::Plain($crate::api::Type::Millis) };
    (Duration) => { $crate::script::std::function::Ty::Plain($crate::api::Type::DurationSeconds) };
    ((fn $count:literal)) => { $crate::script::std::function::Ty::Function($count) };
    (Vps) => { $crate::script::std::function::Ty::Vps };
    (Pbh) => { $crate::script::std::function::Ty::Pbh };
    (Downloader) => { $crate::script::std::function::Ty::Downloader };
    (Rows) => { $crate::script::std::function::Ty::Rows };
    (Same) => { $crate::script::std::function::Ty::Same };
    (Item) => { $crate::script::std::function::Ty::Item };
    (Answer) => { $crate::script::std::function::Ty::Answer };
    ([$inner:tt]) => { $crate::script::std::function::Ty::List(&$crate::script::std::function::ty!($inner)) };
    ({$inner:tt}) => { $crate::script::std::function::Ty::Map(&$crate::script::std::function::ty!($inner)) };
    ((shape $shape:ident)) => { $crate::script::std::function::Ty::Plain($crate::api::Type::Shape(&$shape)) };
    ((map of $($key:ident : $ty:tt),+ $(,)?)) => {
        $crate::script::std::function::Ty::Options(
            &[$((stringify!($key), $crate::script::std::function::ty!($ty))),+]
        )
    };
    (($first:tt $(| $other:tt)+)) => {
        $crate::script::std::function::Ty::OneOf(
            &[$crate::script::std::function::ty!($first) $(, $crate::script::std::function::ty!($other))+]
        )
    };
    ($plain:ident) => { $crate::script::std::function::Ty::Plain($crate::api::ty!($plain)) };
}

/// Rows that read as signatures; a semicolon stands before the optional parameters.
///
/// ```text
/// pure Anywhere Nothing.format_bytes(bytes: Bytes) -> Text {
///     "A size for people.", "便于阅读的大小。",
///     "format_bytes(1610612736)" => "1.5 GiB"
/// }
/// ```
macro_rules! functions {
    ($(
        $effect:ident $when:ident $on:ident.$name:ident
        $(($($param:ident: $ty:tt),* $(; $($optional:ident: $oty:tt),+)?))? -> $returns:tt
        { $doc:literal, $zh:literal, $code:literal => $gives:literal }
    )*) => {
        &[$($crate::script::std::function::Function {
            name: stringify!($name),
            on: $crate::script::std::function::On::$on,
            getter: $crate::script::std::function::functions!(@getter $(($($param)*))?),
            params: &[$(
                $($crate::script::std::function::Param {
                    name: stringify!($param),
                    ty: $crate::script::std::function::ty!($ty),
                    optional: false,
                },)*
                $($($crate::script::std::function::Param {
                    name: stringify!($optional),
                    ty: $crate::script::std::function::ty!($oty),
                    optional: true,
                },)+)?
            )?],
            returns: $crate::script::std::function::ty!($returns),
            effect: $crate::script::std::function::functions!(@effect $effect),
            when: $crate::script::std::function::When::$when,
            doc: $doc,
            zh: $zh,
            example: ($code, $gives),
        },)*]
    };
    (@getter) => { true };
    (@getter ($($param:ident)*)) => { false };
    (@effect pure) => { None };
    (@effect read) => { Some($crate::permission::Effect::Read) };
    (@effect write) => { Some($crate::permission::Effect::Write) };
    (@effect destructive) => { Some($crate::permission::Effect::Destructive) };
}

pub(in crate::script) use {functions, ty};
