//! The page of what hangs on handles beside the endpoints.

use std::fmt::Write as _;

use super::Language::English;
use super::Page;
use crate::api::{Shape, Type};
use crate::script::helpers::{self, Helper, On};

/// Where the page is kept, from the repository's root.
pub const PATH: &str = "docs/reference/helpers.md";

/// The page, as it is in `docs/reference`.
pub fn page() -> String {
    let mut page = Page { text: String::new(), language: English };
    let _ = write!(
        page.text,
        "<!-- Derived from the table in src/script/helpers.rs. Change that; `cargo test` rewrites this page. -->\n\n\
         # Helpers: {} methods beside the endpoints\n\n\
         Called like endpoints: required arguments in order, the others in one map at the end. A method of a downloader \
         works on a list of downloaders too. A grant of the helper, or of an endpoint that it calls, covers it.\n\n\
         `vps()` and `pbh()` also have `cached(\"10s\")`: the same handle, whose reads (endpoints, not helpers) take the \
         reply that any script got not longer ago than that; a write through tidegate ends it. `pbh().request(METHOD, \
         path, #{{query, body}})` reaches what the tables do not know.\n",
        helpers::all().count()
    );
    for (on, title, handle) in
        [(On::Vps, "VPS", "vps()"), (On::Pbh, "PBH", "pbh()"), (On::Downloader, "Downloaders", "downloader(\"name\")")]
    {
        let _ = write!(page.text, "\n## {title}\n\nMethods of `{handle}`.\n");
        for helper in helpers::all().filter(|helper| helper.on == on) {
            page.helper(helper);
        }
    }
    page.text += "\n## Shapes\n";
    let mut shapes = Vec::new();
    for helper in helpers::all() {
        reach(&helper.returns, &mut shapes);
    }
    shapes.sort_by_key(|shape| shape.name);
    for shape in shapes {
        page.shape(shape);
    }
    page.text
}

impl Page {
    fn helper(&mut self, helper: &Helper) {
        let (id, doc, signature) = (helper.id, helper.doc, helper.signature());
        let calls: Vec<_> = helper.calls.iter().map(|row| format!("`{row}`")).collect();
        let calls = if calls.is_empty() { String::new() } else { format!(" · calls {}", calls.join(", ")) };
        let (effect, gives) = (self.language.effect(helper.effect), self.linked(&helper.returns));
        let _ = write!(
            self.text,
            "\n### `{id}`\n\n{doc}\n\n```\n{signature}\n```\n\n**{effect}**{calls}\n\nGives {gives}.\n"
        );
    }
}

/// The shapes that a type is made of, each once.
pub(super) fn reach(ty: &Type, found: &mut Vec<&'static Shape>) {
    match ty {
        Type::List(inner) | Type::Map(inner) | Type::Null_(inner) | Type::Page(inner) => reach(inner, found),
        Type::Shape(shape) if !found.iter().any(|known| known.name == shape.name) => {
            found.push(shape);
            for field in shape.fields {
                reach(&field.ty, found);
            }
        }
        _ => {}
    }
}
