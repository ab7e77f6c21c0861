//! The page of what `check` finds, derived from the table of codes.

use std::fmt::Write as _;

use crate::language::Language;
use crate::script::{CODES, Code, Severity};

/// Where the page is kept.
pub fn path(language: Language) -> String {
    match language {
        Language::English => "docs/checks.md".into(),
        Language::Chinese => "docs/checks.zh-CN.md".into(),
    }
}

/// Every finding with what it means, and a script that has it beside one that does not.
pub fn page(language: Language) -> String {
    let english = language == Language::English;
    let say = |text: &'static str, zh: &'static str| if english { text } else { zh };
    let mut page = say(
        "# What `check` finds\n\n*[中文](checks.zh-CN.md)*\n\n",
        "# `check` 会发现什么\n\n*[English](checks.md)*\n\n",
    )
    .to_owned();
    page += "<!-- Derived from the table in src/script/check/codes.rs. Change that; `cargo test` rewrites this page. -->\n\n";
    page += say(
        "The same is looked for by `tidegate check` and whenever the daemon loads a script. An **error** cannot work: the script is not \
         loaded, and its last good version runs on. A **warning** may be meant: it is a line of the log. What is not known for certain is \
         not said.\n\nA finding is silenced on its line, or from the line above, by a comment with its code and a reason:\n\n\
         ```rhai good\nvps().data_usage();   // tidegate: allow(unused-result) keeps the last reading fresh\n```\n\n\
         What is an error at run time as well cannot be silenced away: the script loads, and fails there.\n\n",
        "`tidegate check` 与守护进程每次加载脚本时检查的内容相同。**错误**表示不可能正常运行：脚本不会加载，上一个可用版本继续运行。\
         **警告**可能是有意为之：只写入日志。不能确定的一概不报。\n\n在该行（或上一行）用注释写上代码和理由即可忽略：\n\n\
         ```rhai good\nvps().data_usage();   // tidegate: allow(unused-result) 保持读数新鲜\n```\n\n运行时同样会出错的问题，忽略后脚本能加载，但运行到那里仍会失败。\n\n",
    );
    let groups = [(Severity::Error, say("## Errors", "## 错误")), (Severity::Warning, say("## Warnings", "## 警告"))];
    for (severity, title) in groups {
        let _ = write!(page, "{title}\n\n");
        for code in CODES.iter().filter(|code| code.severity == severity) {
            entry(&mut page, code, english);
        }
    }
    page.truncate(page.trim_end().len());
    page + "\n"
}

fn entry(page: &mut String, code: &Code, english: bool) {
    let (title, why) = if english { (code.title, code.why) } else { (code.zh_title, code.zh) };
    let _ = write!(page, "### `{}`: {title}\n\n{why}\n\n", code.id);
    for (kind, script) in [("bad", code.bad), ("good", code.good)] {
        if !script.is_empty() {
            let _ = write!(page, "```rhai {kind}\n{script}\n```\n\n");
        }
    }
}
