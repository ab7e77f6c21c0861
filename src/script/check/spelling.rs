//! Types as the reference spells them, for whoever asks what something is.

use super::types::{Ty, Unit};
use crate::language::Language;

impl Ty {
    /// `[TopPeer]`, `Bytes`, `Text?`.
    pub fn spelled(&self) -> String {
        match self {
            Self::Any | Self::Never => "Any".into(),
            Self::Unit => "()".into(),
            Self::Bool => "Bool".into(),
            Self::Int(unit) | Self::Float(unit) if *unit != Unit::Plain => format!("{unit:?}"),
            Self::Int(_) => "Int".into(),
            Self::Float(_) => "Float".into(),
            Self::Char => "Char".into(),
            Self::Text => "Text".into(),
            Self::Time => "Time".into(),
            Self::Duration => "Duration".into(),
            Self::Ip => "Ip".into(),
            Self::Secret => "Secret".into(),
            Self::State => "State".into(),
            Self::Vps => "Vps".into(),
            Self::Pbh => "Pbh".into(),
            Self::Downloader => "Downloader".into(),
            Self::Range => "Range".into(),
            Self::Http => "Http".into(),
            Self::Array(item) => format!("[{}]", item.spelled()),
            Self::Rows(item) => format!("rows of {}", item.spelled()),
            Self::Page(item) => format!("Page of {}", item.spelled()),
            Self::Map(item) => format!("{{{}}}", item.spelled()),
            Self::Record(_) => "Map".into(),
            Self::Closure(_) => "Function".into(),
            Self::Shape(shape) => shape.name.into(),
            Self::Union(members) => {
                let absent = members.iter().any(|ty| matches!(ty, Self::Unit));
                let others: Vec<_> = self.present().map(Self::spelled).collect();
                let mark = if absent { "?" } else { "" };
                if others.len() == 1 { format!("{}{mark}", others[0]) } else { format!("{}{mark}", others.join(" | ")) }
            }
        }
    }

    /// Name, type and sentence of each field of it or of its elements, as far as they are known.
    pub fn described(&self, language: Language) -> Vec<(String, String, String)> {
        let own = self.present().find_map(|ty| match ty {
            Self::Shape(shape) => {
                let field = |field: &crate::api::Field| {
                    let mark = if field.null || field.absent { "?" } else { "" };
                    (field.name.to_owned(), format!("{}{mark}", field.ty), language.of_reply(field.doc).to_owned())
                };
                Some(shape.fields.iter().map(field).collect())
            }
            Self::Record(record) => {
                let entry =
                    |entry: &super::types::Entry| (entry.name.to_string(), entry.val.ty.spelled(), String::new());
                Some(record.fields.iter().map(entry).collect())
            }
            Self::Array(item) | Self::Rows(item) | Self::Page(item) => Some(item.described(language)),
            _ => None,
        });
        own.unwrap_or_default()
    }
}
