//! What the tables say of a method, a field or a function, in the words of a candidate.

use crate::api::{Field, Row};
use crate::language::Language;
use crate::permission::Effect;
use crate::script::check::members::{Member, Origin};
use crate::script::check::probe::Variable;
use crate::script::helpers::Helper;
use crate::script::std::Function as StdFunction;

use super::Kind;
use super::outline::Function;

/// Something with a name, before it is known what it takes the place of.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub label: String,
    pub kind: Kind,
    pub detail: String,
    pub doc: String,
    pub insert: String,
}

impl Entry {
    pub fn new(label: impl Into<String>, kind: Kind, detail: impl Into<String>, doc: impl Into<String>) -> Self {
        let label = label.into();
        Self { insert: label.clone(), label, kind, detail: detail.into(), doc: doc.into() }
    }

    /// Written with brackets where nothing has to be put into them.
    fn called(mut self, needs_nothing: bool) -> Self {
        if needs_nothing {
            self.insert += "()";
        }
        self
    }

    pub fn of_member(member: &Member, language: Language) -> Self {
        let name = member.name.as_str();
        match &member.origin {
            Origin::Row(row) => {
                let needs_nothing = row.required().next().is_none();
                Self::new(name, Kind::Method, row.signature(), row_doc(row, language)).called(needs_nothing)
            }
            Origin::All(row) => {
                let pages = language.pick("Of all pages, read as they are needed.", "所有分页，按需读取。");
                let doc = join(&[row_doc(row, language), pages.into()], language);
                let detail = row.companion().unwrap_or_default();
                Self::new(name, Kind::Method, detail, doc)
            }
            Origin::Helper(helper) => {
                let needs_nothing = helper.required.is_empty();
                Self::new(name, Kind::Method, helper.signature(), helper_doc(helper, language)).called(needs_nothing)
            }
            Origin::Function(row) if row.getter => {
                Self::new(name, Kind::Field, row.returns.to_string(), language.pick(row.doc, row.zh))
            }
            Origin::Function(row) => {
                let needs_nothing = row.params.iter().all(|param| param.optional);
                Self::new(name, Kind::Method, row.signature(), std_doc(row, language)).called(needs_nothing)
            }
            Origin::Field(ty, field) => {
                let (detail, doc) =
                    field.map_or_else(|| (ty.clone(), String::new()), |field| field_doc(field, language));
                Self::new(name, Kind::Field, detail, doc)
            }
            Origin::Plain(params, doc) => {
                let detail = format!("{name}({})", params.join(", "));
                Self::new(name, Kind::Method, detail, *doc).called(params.is_empty())
            }
        }
    }

    pub fn of_variable(variable: &Variable) -> Self {
        let kind = if variable.constant { Kind::Constant } else { Kind::Variable };
        Self::new(&variable.name, kind, variable.ty.clone().unwrap_or_default(), "")
    }

    /// A variable of which only the name is known.
    pub fn of_name(name: String) -> Self {
        Self::new(name, Kind::Variable, "", "")
    }

    /// A function of a script.
    pub fn of_function(function: &Function) -> Self {
        if function.constant {
            return Self::new(&function.name, Kind::Constant, "", &function.doc);
        }
        let detail = format!("{}({})", function.name, function.params.join(", "));
        Self::new(&function.name, Kind::Function, detail, &function.doc).called(function.params.is_empty())
    }

    pub fn of_module((alias, path): (String, String)) -> Self {
        let mut entry = Self::new(alias, Kind::Module, format!("import \"{path}\""), "");
        entry.insert += "::";
        entry
    }

    /// A function of the std library that is a method of nothing.
    pub fn of_row_function(row: &StdFunction, language: Language) -> Self {
        let needs_nothing = row.params.iter().all(|param| param.optional);
        Self::new(row.name, Kind::Function, row.signature(), std_doc(row, language)).called(needs_nothing)
    }

    pub fn of_keyword(word: &str) -> Self {
        Self::new(word, Kind::Keyword, "", "")
    }
}

/// The names that are neither variables nor functions.
pub(super) fn names(language: Language) -> [Entry; 3] {
    let doc = |english, chinese| language.pick(english, chinese);
    [
        Entry::new("state", Kind::Variable, "state", doc("What this script keeps.", "本脚本保存的内容。")),
        Entry::new("shared_state", Kind::Variable, "state", doc("What all scripts keep.", "所有脚本共享的保存内容。")),
        Entry::new("http", Kind::Variable, "http", doc("The way to other servers.", "访问其他服务器。")),
    ]
}

/// What an endpoint does, and what must be known of it.
pub(super) fn row_doc(row: &Row, language: Language) -> String {
    let what = match language {
        Language::English => row.doc.to_owned(),
        Language::Chinese => format!("{}。", row.chinese()),
    };
    let note = language.pick(row.extra.note, "").to_owned();
    let releases = match (row.extra.since, row.extra.until) {
        (Some(since), Some(until)) => format!("PBH {since} – {until}."),
        (Some(since), None) => format!("PBH {since} +."),
        (None, Some(until)) => format!("PBH – {until}."),
        (None, None) => String::new(),
    };
    join(&[what, note, effect_words(row.effect, language).into(), releases], language)
}

pub(super) fn helper_doc(helper: &Helper, language: Language) -> String {
    let what = language.pick(helper.doc, helper.chinese().unwrap_or(helper.doc)).to_owned();
    join(&[what, effect_words(helper.effect, language).into()], language)
}

pub(super) fn std_doc(row: &StdFunction, language: Language) -> String {
    language.pick(row.doc, row.zh).to_owned()
}

/// The type of a field, and its sentence.
pub(super) fn field_doc(field: &Field, language: Language) -> (String, String) {
    let mut detail = field.ty.to_string();
    if (field.null || field.absent) && !detail.ends_with('?') {
        detail.push('?');
    }
    let releases = match (field.since, field.until) {
        (Some(since), Some(until)) => format!("{since} – {until}"),
        (Some(since), None) => format!("{since} +"),
        (None, Some(until)) => format!("– {until}"),
        (None, None) => String::new(),
    };
    (detail, join(&[language.of_reply(field.doc).to_owned(), releases], language))
}

/// What a call does to the service, where it is not only read.
pub(super) fn effect_words(effect: Effect, language: Language) -> &'static str {
    match effect {
        Effect::Read => "",
        Effect::Write => language.pick("It writes: a dry run holds it back.", "会写入：演练时不执行。"),
        Effect::Destructive => language.pick("Destructive: it needs a grant.", "破坏性操作：需要授权。"),
    }
}

/// Sentences one after the other.
fn join(parts: &[String], language: Language) -> String {
    let parts: Vec<_> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    parts.join(language.pick(" ", ""))
}
