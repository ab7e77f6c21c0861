//! The page of the std library.

use std::fmt::Write as _;

use super::Page;
use super::methods::reach;
use crate::api::Type;
use crate::language::Language;
use crate::script::std::{Function, On, SUBJECTS, When, functions};

use Language::{Chinese, English};

/// Where the page is kept, from the repository's root.
pub fn path(language: Language) -> String {
    format!("docs/reference/std{}.md", language.pick("", ".zh-CN"))
}

/// The page, as it is in `docs/reference`.
pub fn page(language: Language) -> String {
    let mut page = Page { text: String::new(), language };
    page.text +=
        "<!-- Derived from the tables in src/script/std. Change those; `cargo test` rewrites this page. -->\n\n";
    let count = functions().count();
    let _ = match language {
        English => write!(
            page.text,
            "[中文](std.zh-CN.md)\n\n# The std library: {count} functions\n\n\
             What scripts have beside the endpoints and Rhai's own functions. What stands in square brackets may be left out. \
             Any function may also be written as a method of its first argument: `ip.is_public_ip()`. A key is the name of \
             a field or a closure. `Same` is the type of what a method is called on, `Item` that of a list's element, \
             `Answer` what the closure gives. A duration, size or speed may be given as text: `\"30m\"`, `\"1.5 GiB\"`, \
             `\"2 MiB/s\"`. What says neither read nor write does nothing outside the script; a dry run holds writes back. \
             The tests run every example, on 2026-07-03 at 08:00.\n\n",
        ),
        Chinese => write!(
            page.text,
            "[English](std.md)\n\n# 标准库：{count} 个函数\n\n\
             除接口与 Rhai 自带函数之外，脚本可用的函数。方括号中的参数可省略。任何函数也可写成其第一个参数的方法：`ip.is_public_ip()`。\
             key 是字段名或闭包。`Same` 是调用对象的类型，`Item` 是列表元素的类型，`Answer` 是闭包的返回值。\
             时长、大小与速度可以写成文本：`\"30m\"`、`\"1.5 GiB\"`、`\"2 MiB/s\"`。没有标明只读或写入的函数不影响脚本之外；\
             演练时写入只记录不执行。每个示例都由测试运行，时间为 2026-07-03 08:00。\n\n",
        ),
    };
    let links = SUBJECTS.iter().map(|subject| language.pick(subject.title, subject.zh));
    let links: Vec<_> = links.map(|title| format!("[{title}](#{})", super::anchor(title))).collect();
    let _ = writeln!(page.text, "{}", links.join(" · "));
    for subject in SUBJECTS {
        let _ = write!(page.text, "\n## {}\n", language.pick(subject.title, subject.zh));
        for row in subject.functions {
            page.function(row);
        }
    }
    page.say("\n## Shapes\n", "\n## 结构\n");
    let mut shapes = Vec::new();
    for ty in functions().filter_map(|row| row.returns.plain()) {
        reach(ty, &mut shapes);
    }
    for shape in shapes {
        page.shape(shape);
    }
    page.text
}

impl Page {
    fn function(&mut self, row: &Function) {
        let dot = if row.on == On::Nothing { "" } else { "." };
        let _ = write!(self.text, "\n### `{}{dot}{}`\n\n", row.on.word(), row.name);
        self.say(row.doc, row.zh);
        let _ = write!(self.text, "\n\n```\n{}\n```\n", row.signature());
        let effect = row.effect.map(|effect| format!("**{}**", self.language.effect(effect)));
        let when = match row.when {
            When::Anywhere => None,
            When::Run => Some(self.language.pick("not while the script loads", "加载时不可用").to_owned()),
            When::Test => Some(self.language.pick("only in tests", "只能在测试中使用").to_owned()),
            When::Load => Some(self.language.pick("only at the top level", "只能在顶层使用").to_owned()),
        };
        let shape = row.returns.plain().filter(|ty| matches!(ty, Type::Shape(_)));
        let gives = shape.map(|ty| format!("{}{}", self.language.pick("gives ", "返回 "), self.linked(ty)));
        let facts: Vec<_> = [effect, when, gives].into_iter().flatten().collect();
        if !facts.is_empty() {
            let _ = write!(self.text, "\n{}\n", facts.join(" · "));
        }
        let (code, gives) = row.example;
        let shown = match gives {
            "" | "()" => code.to_owned(),
            gives if gives.contains('\n') => format!("{code}\n/*\n{gives}\n*/"),
            gives => format!("{code}  // {gives}"),
        };
        let _ = write!(self.text, "\n```rhai\n{shown}\n```\n");
    }
}
