//! The page of what hangs on handles beside the endpoints.

use std::fmt::Write as _;

use super::Page;
use crate::api::{Shape, Type};
use crate::language::Language;
use crate::script::helpers::{self, Helper, On};

use Language::{Chinese, English};

/// Where the page is kept, from the repository's root.
pub fn path(language: Language) -> String {
    format!("docs/reference/helpers{}.md", language.pick("", ".zh-CN"))
}

/// The page, as it is in `docs/reference`.
pub fn page(language: Language) -> String {
    let mut page = Page { text: String::new(), language };
    page.text +=
        "<!-- Derived from the table in src/script/helpers.rs. Change that; `cargo test` rewrites this page. -->\n\n";
    let count = helpers::all().count();
    let _ = match language {
        English => write!(
            page.text,
            "[中文](helpers.zh-CN.md)\n\n# Helpers: {count} methods beside the endpoints\n\n\
             Called like endpoints: required arguments in order, the others in one map at the end. A method of a downloader \
             works on a list of downloaders too. A grant of the helper, or of an endpoint that it calls, covers it.\n\n\
             `vps()` and `pbh()` also have `cached(\"10s\")`: the same handle, whose reads (endpoints and helpers) take the \
             reply that any script got not longer ago than that; a write through tidegate ends it, and what changes \
             something or waits for a change asks anew. `pbh().request(METHOD, path, #{{query, body}})` reaches what the \
             tables do not know.\n",
        ),
        Chinese => write!(
            page.text,
            "[English](helpers.md)\n\n# 辅助方法：接口之外的 {count} 个方法\n\n\
             调用方式与接口相同：必填参数依次给出，其余放在最后的一个映射里。下载器的方法也可用于一组下载器。\
             授予该方法本身或它所调用的某个接口，即视为已授权。\n\n\
             `vps()` 与 `pbh()` 还有 `cached(\"10s\")`：得到同一个句柄，但读取（接口与辅助方法）可直接采用任何脚本在这段时间内\
             得到过的应答；经 tidegate 写入后即失效，会改变状态或等待变化的方法总是重新查询。\
             `pbh().request(METHOD, path, #{{query, body}})` 可访问表中没有的路径。\n",
        ),
    };
    for (on, title, handle) in [
        (On::Vps, "VPS", "vps()"),
        (On::Pbh, "PBH", "pbh()"),
        (On::Downloader, language.pick("Downloaders", "下载器"), "downloader(\"name\")"),
    ] {
        let methods = language.pick("Methods of", "以下方法属于");
        let end = language.pick(".", "。");
        let _ = write!(page.text, "\n## {title}\n\n{methods} `{handle}`{end}\n");
        for helper in helpers::all().filter(|helper| helper.on == on) {
            page.helper(helper);
        }
    }
    page.say("\n## Shapes\n", "\n## 结构\n");
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
        let (id, signature) = (helper.id, helper.signature());
        let doc = match self.language {
            English => helper.doc,
            Chinese => helper.chinese().unwrap_or(helper.doc),
        };
        let calls: Vec<_> = helper.calls.iter().map(|row| format!("`{row}`")).collect();
        let calls = if calls.is_empty() {
            String::new()
        } else {
            format!(" · {}{}", self.language.pick("calls ", "调用 "), calls.join(self.language.pick(", ", "、")))
        };
        let (effect, gives) = (self.language.effect(helper.effect), self.linked(&helper.returns));
        let _ = write!(self.text, "\n### `{id}`\n\n{doc}\n\n```\n{signature}\n```\n\n**{effect}**{calls}\n\n");
        let _ = match self.language {
            English => writeln!(self.text, "Gives {gives}."),
            Chinese => {
                // Only words of the Latin script have a space around them.
                let han = gives.starts_with(|first: char| first.is_alphabetic() && !first.is_ascii());
                let space = if han { "" } else { " " };
                writeln!(self.text, "返回{space}{gives}。")
            }
        };
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
