//! The page of the channels that messages go to.

use std::fmt::Write as _;

use crate::config::ChannelType;
use crate::config::channels::{CHANNELS, Key, Limit, Need, POLICY, Reach, Unit};
use crate::language::Language;

use Language::{Chinese, English};

/// Where the page is kept, from the repository's root.
pub fn path(language: Language) -> String {
    format!("docs/reference/channels{}.md", language.pick("", ".zh-CN"))
}

/// The page, as it is in `docs/reference`.
pub fn page(language: Language) -> String {
    let mut page =
        "<!-- Derived from the table in src/config/channels.rs. Change that; `cargo test` rewrites this page. -->\n\n"
            .to_owned();
    let count = CHANNELS.len();
    let _ = match language {
        English => write!(
            page,
            "[中文](channels.zh-CN.md)\n\n# {count} types of channels\n\nWhat `[notify.NAME]` may say, by its `type`. Keys \
             in **bold** have to be there. Every channel over HTTP also takes `proxy`, `ca`, `tls` and `plain_http`; mail \
             takes `ca` and `tls`. A text that is too long is cut between two characters and ends with `…`.\n\n\
             ## Every channel\n\n"
        ),
        Chinese => write!(
            page,
            "[English](channels.md)\n\n# {count} 种渠道\n\n`[notify.名字]` 按 `type` 可写的键。**粗体**为必填。\
             走 HTTP 的渠道还可写 `proxy`、`ca`、`tls`、`plain_http`；邮件可写 `ca`、`tls`。过长的文字在字符之间截断，以 `…` 结尾。\n\n\
             ## 所有渠道\n\n"
        ),
    };
    keys(&mut page, POLICY.iter(), language);
    for kind in &CHANNELS {
        channel(&mut page, kind, language);
    }
    page
}

fn pick<'a>(doc: &[&'a str; 2], language: Language) -> &'a str {
    language.pick(doc[0], doc[1])
}

fn channel(page: &mut String, kind: &ChannelType, language: Language) {
    let _ = write!(page, "\n## `{}`\n\n{}\n", kind.word, pick(&kind.doc, language));
    let title = limit(kind.title, language).map(|limit| format!("{} {limit}", language.pick("title:", "标题：")));
    let text = limit(kind.text, language).map(|limit| format!("{} {limit}", language.pick("text:", "正文：")));
    let url = kind.url.filter(|_| kind.reach == Reach::Http);
    let url = url.map(|url| format!("{} `{url}`", language.pick("server:", "服务器：")));
    let facts: Vec<_> = [title, text, url].into_iter().flatten().collect();
    if !facts.is_empty() {
        let _ = write!(page, "\n{}\n", facts.join(" · "));
    }
    if !kind.keys.is_empty() {
        page.push('\n');
        keys(page, kind.keys.iter(), language);
    }
}

fn keys<'a>(page: &mut String, keys: impl Iterator<Item = &'a Key>, language: Language) {
    page.push_str(language.pick("| key | example | |\n|---|---|---|\n", "| 键 | 例 | |\n|---|---|---|\n"));
    for key in keys {
        let name = match key.need {
            Need::Required => format!("**`{}`**", key.name),
            Need::Optional => format!("`{}`", key.name),
        };
        let cell = |text: &str| text.replace('|', "\\|");
        let _ = writeln!(page, "| {name} | `{}` | {} |", cell(key.example), cell(pick(&key.doc, language)));
    }
}

fn limit(limit: Limit, language: Language) -> Option<String> {
    let Limit::Most(most, unit) = limit else { return None };
    let unit = match unit {
        Unit::Characters => language.pick("characters", "个字符"),
        Unit::Utf16 => language.pick("UTF-16 units", "个 UTF-16 单元"),
        Unit::Bytes => language.pick("bytes", "字节"),
        Unit::JsonBytes => language.pick("bytes as JSON", "字节 (按 JSON)"),
    };
    Some(format!("{most} {unit}"))
}
