//! The reference pages: pure functions from the tables to Markdown, in English and in Chinese.
//!
//! The Chinese pages have titles instead of sentences, and point to the English ones for what is only there.

pub mod channels;
pub mod checks;
pub mod definitions;
pub mod functions;
pub mod methods;
mod words;

use std::fmt::Write as _;

use crate::api::example::Extent;
use crate::api::{Envelope, Field, Param, Place, Row, Service, Shape, Type};
use crate::client::Span;
use crate::units::format_duration;

use crate::language::Language;

use Language::{Chinese, English};

/// The page of one API, as it is in `docs/reference`.
pub fn page(service: Service, language: Language) -> String {
    let mut page = Page { text: String::new(), language };
    page.head(service);
    for (group, rows) in groups(service.rows()) {
        let _ = write!(page.text, "\n## {}\n", language.group(group));
        for row in rows {
            page.endpoint(row);
        }
    }
    page.text += language.pick(
        "\n## Shapes\n\nWhat replies are made of, and parameters that are maps.\n",
        "\n## 结构\n\n返回值与映射参数的组成。\n",
    );
    let mut shapes = service.shapes().to_vec();
    shapes.sort_by_key(|shape| shape.name);
    for shape in shapes {
        page.shape(shape);
    }
    page.text
}

/// The rows of a table by group, both in the table's order.
pub fn groups<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Vec<(&'static str, Vec<&'a Row>)> {
    let mut groups: Vec<(&str, Vec<&Row>)> = Vec::new();
    for row in rows {
        match groups.iter_mut().find(|(group, _)| *group == row.extra.group) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((row.extra.group, vec![row])),
        }
    }
    groups
}

/// `since 9.0.0`, `9.0.0 to 9.1.x`, `up to 9.0.x`; nothing where every release has it.
pub fn releases(language: Language, since: Option<&str>, until: Option<&str>) -> Option<String> {
    language.releases(since, until)
}

/// A page as it grows.
struct Page {
    text: String,
    language: Language,
}

impl Page {
    /// One of two spellings of the same.
    fn say(&mut self, english: &str, chinese: &str) {
        self.text += self.language.pick(english, chinese);
    }

    fn head(&mut self, service: Service) {
        let (title, handle) = match service {
            Service::KiwiVm => ("KiwiVM", "vps"),
            Service::Pbh => ("PeerBanHelper", "pbh"),
        };
        let count = service.rows().len();
        self.text += "<!-- Derived from the tables in src/api. Change those; `cargo test` rewrites this page. -->\n\n";
        let _ = match self.language {
            English => write!(
                self.text,
                "[中文]({name}.zh-CN.md)\n\n# {title}: {count} endpoints\n\n\
                 An endpoint is a method of a handle: `{handle}().NAME(…)`, or `{handle}(\"name\").NAME(…)` where there are \
                 several. Required parameters come in order; the optional ones, if any, are one map at the end. {words}\n\n\
                 **read** changes nothing, **write** is put back by one call, **destructive** needs a grant. A `?` behind a \
                 type says that the value may be `()`. The tests run every example against the simulated services.\n\n\
                 | type | meaning |\n|---|---|\n",
                name = service.name(),
                words = match service {
                    Service::KiwiVm => {
                        "Every call is a `POST` below the service's address, with a form of `veid`, `api_key` and the parameters."
                    }
                    Service::Pbh => {
                        "Parameters travel in the path, the query or a JSON body, as the tables say; replies come without their envelope."
                    }
                },
            ),
            Chinese => write!(
                self.text,
                "[English]({name}.md)\n\n# {title}：{count} 个接口\n\n\
                 每个接口是句柄的一个方法：`{handle}().NAME(…)`；有多个实例时写 `{handle}(\"name\").NAME(…)`。\
                 必填参数依次给出，可选参数（如果有）放在最后的一个映射里。{words}\n\n\
                 **只读**不改变任何东西，**写入**可以用一次调用改回，**破坏性**需要授权。类型后的 `?` 表示值可能是 `()`。\
                 每个示例都由测试在模拟服务上运行。\n\n\
                 | 类型 | 含义 |\n|---|---|\n",
                name = service.name(),
                words = match service {
                    Service::KiwiVm =>
                        "每次调用都是向服务地址下的路径发出 `POST`，表单里有 `veid`、`api_key` 和各参数。",
                    Service::Pbh => "参数按表中所列放在路径、查询或 JSON 正文里；返回值已去掉外层包装。",
                },
            ),
        };
        for (name, meaning) in self.language.types() {
            let _ = writeln!(self.text, "| {name} | {meaning} |");
        }
        self.say(
            "| page of … | `page`, `size`, `total` and `results` |\n\n",
            "| Page of … | 一页：`page`（页码）、`size`（每页条数）、`total`（总数）与 `results`（内容） |\n\n",
        );
        let link = |group: &str| format!("[{group}](#{})", anchor(group));
        let links: Vec<_> = groups(service.rows()).iter().map(|(group, _)| link(self.language.group(group))).collect();
        let shapes = link(self.language.pick("Shapes", "结构"));
        let _ = writeln!(self.text, "{} · {shapes}", links.join(" · "));
    }

    fn endpoint(&mut self, row: &Row) {
        let _ = write!(self.text, "\n### `{}`\n\n", row.id);
        let _ = match (self.language, row.extra.title) {
            (English, Some(title)) => write!(self.text, "*{title}*\n\n{}\n\n", row.doc),
            (English, None) => write!(self.text, "{}\n\n", row.doc),
            (Chinese, _) => write!(self.text, "{}\n\n", row.chinese()),
        };
        let _ = write!(self.text, "```\n{}\n```\n\n{}\n", row.signature(), self.facts(row).join(" · "));
        if let Some(reason) = row.extra.uncallable {
            let _ = match self.language {
                English => write!(self.text, "\nThere is no function for it: {reason}.\n"),
                Chinese => write!(self.text, "\n脚本里没有这个函数；原因见英文页。\n"),
            };
        }
        if !row.params.is_empty() {
            self.say(
                "\n| parameter | in | type | |\n|---|---|---|---|\n",
                "\n| 参数 | 位置 | 类型 | |\n|---|---|---|---|\n",
            );
            for param in row.params {
                let (place, ty, need) = (self.place(param), self.linked(&param.ty), self.need(param));
                let _ = writeln!(self.text, "| `{}` | {place} | {ty} | {need} |", param.name);
            }
        }
        let gives = self.gives(row);
        let _ = match self.language {
            English => write!(self.text, "\nGives {gives}.\n"),
            Chinese => write!(self.text, "\n返回{gives}。\n"),
        };
        self.more(row);
        self.examples(row);
        match self.language {
            English => {
                if !row.extra.note.is_empty() {
                    let _ = write!(self.text, "\n{}\n", row.extra.note);
                }
                let _ = write!(self.text, "\nSource: {}.\n", row.extra.source);
            }
            Chinese => {
                let (file, id) = (row.service.name(), row.id);
                let _ = write!(self.text, "\n[英文说明]({file}.md#{id})\n");
            }
        }
    }

    /// What pages and streams have beside.
    fn more(&mut self, row: &Row) {
        if let Some(companion) = row.companion() {
            let fields: Vec<_> = row.extra.identity.iter().map(|field| format!("`{field}`")).collect();
            let (once, told) = match fields.as_slice() {
                [] => ("twice", String::new()),
                fields => ("once", format!(" (told by {})", fields.join(", "))),
            };
            let chinese = if fields.is_empty() { "会出现两次" } else { "只给出一次" };
            self.say(
                &format!(
                    "\nAll pages: `{companion}`, read as far as they are needed; for `for` loops and `map`, `filter`, \
                     `take(n)`, `count()`, `to_array()`. While the list changes, a row that moves to a later page is \
                     given {once}{told}, and one that moves to an earlier page is missed.\n"
                ),
                &format!(
                    "\n所有页：`{companion}`，按需逐页读取；可用于 `for` 循环以及 `map`、`filter`、`take(n)`、`count()`、\
                     `to_array()`。读取期间列表有变化时，移到后一页的行{chinese}，移到前一页的行会漏掉。\n"
                ),
            );
        }
        if let Some(twin) = row.twin() {
            let (id, of) = (twin.id, self.language.releases(twin.extra.since, twin.extra.until).unwrap_or_default());
            self.say(
                &format!("\nA server that has `{id}` in its place ({of}) is asked for that.\n"),
                &format!("\n若服务器以 `{id}` 提供同样的内容（{of}），则改用该接口。\n"),
            );
        }
        if row.is_stream() {
            let (duration, most) = (format_duration(Span::DURATION), Span::MOST);
            self.say(
                &format!(
                    "\nRead as messages come, for `duration` ({duration} where left out) or until there are `limit` of them \
                     ({most}), and no longer than the run has time; for `for` loops and `map`, `filter`, `take(n)`, \
                     `count()`, `to_array()`. A stream that breaks off is opened again: nothing is given twice, and what \
                     happened meanwhile and is not kept by the server is missed.\n"
                ),
                &format!(
                    "\n消息到达即可读取，到 `duration`（省略时 {duration}）结束或收满 `limit` 条（省略时 {most}）为止，且不超过本次\
                     运行的时限；可用于 `for` 循环以及 `map`、`filter`、`take(n)`、`count()`、`to_array()`。连接中断时会重新打开：\
                     不会重复给出，但中断期间发生、而服务器没有保留的消息会漏掉。\n"
                ),
            );
        }
    }

    /// With the required parameters, and with all of them where there are more.
    fn examples(&mut self, row: &Row) {
        if row.extra.uncallable.is_some() {
            return;
        }
        let mut examples = vec![row.example(Extent::Required), row.example(Extent::All)];
        examples.dedup();
        let _ = write!(self.text, "\n```rhai\n{}\n```\n", examples.join("\n"));
    }

    /// Effect, method, path, releases, and what else sets the row apart.
    fn facts(&self, row: &Row) -> Vec<String> {
        let (extra, language) = (&row.extra, self.language);
        let in_words = |english: String, chinese: String| match language {
            English => english,
            Chinese => chinese,
        };
        let mut facts = vec![format!("**{}**", language.effect(row.effect)), format!("`{} {}`", row.method, row.path)];
        facts.extend(language.releases(extra.since, extra.until));
        if let Some((method, until)) = extra.method_until {
            facts.push(in_words(format!("`{method}` up to {until}"), format!("至 {until} 为止用 `{method}`")));
        }
        if let Some(argument) = extra.destructive_if {
            let destructive = language.effect(crate::permission::Effect::Destructive);
            facts.push(in_words(
                format!("**{destructive}** with `{argument}`"),
                format!("参数为 `{argument}` 时是**{destructive}**"),
            ));
        }
        if extra.job {
            facts.push(language.pick("ends later than its reply comes", "在返回之后才完成").into());
        }
        if extra.slow > 0 {
            facts.push(in_words(format!("may take {} s", extra.slow), format!("可能需要 {} 秒", extra.slow)));
        }
        if extra.open {
            facts.push(language.pick("sent without credentials", "不带凭据发送").into());
        }
        if let Some(until) = extra.licence_until {
            facts.push(in_words(
                format!("needs a PBH Plus licence up to {until}"),
                format!("至 {until} 为止需要 PBH Plus 许可证"),
            ));
        }
        facts
    }

    fn place(&self, param: &Param) -> &'static str {
        match param.place {
            Place::Path => self.language.pick("path", "路径"),
            Place::Query => self.language.pick("query", "查询"),
            Place::Body => self.language.pick("body", "正文"),
            Place::Whole => self.language.pick("the whole body", "整个正文"),
        }
    }

    fn need(&self, param: &Param) -> String {
        // A bar ends a cell even inside code.
        let default = param.default.map(|default| default.replace('|', "\\|"));
        match (default, self.language) {
            _ if param.required => self.language.pick("required", "必填").to_owned(),
            (Some(default), English) => format!("`{default}` where left out"),
            (Some(default), Chinese) => format!("省略时为 `{default}`"),
            (None, _) => String::new(),
        }
    }

    fn gives(&self, row: &Row) -> String {
        match (row.envelope(), &row.returns) {
            (Envelope::Binary, file) => match self.language {
                English => format!("where in the data folder the reply is: {}", self.linked(file)),
                Chinese => format!("回复在数据文件夹中的位置：{}", self.linked(file)),
            },
            (Envelope::Events | Envelope::Socket, item) => match self.language {
                English => format!("a list of {}", self.linked(item)),
                Chinese => format!("{}的列表", self.linked(item)),
            },
            (_, Type::Null) => self.language.pick("nothing", "空").into(),
            (_, ty @ (Type::List(_) | Type::Map(_) | Type::Page(_))) if self.language == English => {
                format!("a {}", self.linked(ty))
            }
            (_, ty) => self.linked(ty),
        }
    }

    /// The type with links to shapes, in words that Markdown leaves alone.
    fn linked(&self, ty: &Type) -> String {
        let of = |english: &str, chinese: &str, item: &Type| match self.language {
            English => format!("{english} of {}", self.linked(item)),
            Chinese => format!("{}{chinese}", self.linked(item)),
        };
        match ty {
            Type::List(item) => of("list", "的列表", item),
            Type::Map(item) => of("map", "的映射", item),
            Type::Page(item) => of("page", "的一页", item),
            Type::Null_(inner) => format!("{}?", self.linked(inner)),
            Type::Shape(shape) => {
                let prefix = self.language.pick("shape", "结构");
                format!("[{}](#{prefix}-{})", shape.name, shape.name.to_lowercase())
            }
            plain => self.language.plain(plain),
        }
    }

    fn shape(&mut self, shape: &Shape) {
        let language = self.language;
        let (what, fields) = match language {
            English => ("Shape", "| field | type | |"),
            Chinese => ("结构", "| 字段 | 类型 | |"),
        };
        let doc = language.of_reply(shape.doc);
        let _ = write!(self.text, "\n### {what} `{}`\n\n{doc}\n\n{fields}\n|---|---|---|\n", shape.name);
        for field in shape.fields {
            let (ty, mark, remark) = (self.linked(&field.ty), optional(field), remark(field, language));
            let _ = writeln!(self.text, "| `{}` | {ty}{mark} | {remark} |", field.name);
        }
    }
}

/// The anchor of a heading.
fn anchor(heading: &str) -> String {
    heading.replace('`', "").replace(' ', "-").to_lowercase()
}

fn optional(field: &Field) -> &'static str {
    if field.null || field.absent { "?" } else { "" }
}

fn remark(field: &Field, language: Language) -> String {
    let releases = language.releases(field.since, field.until);
    let releases = releases.map(|text| language.pick("({})", "（{}）").replace("{}", &text));
    let parts = [language.of_reply(field.doc).to_owned(), releases.unwrap_or_default()];
    let parts: Vec<_> = parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect();
    parts.join(language.pick(" ", ""))
}

/// Where the page of an API is kept, from the repository's root.
pub fn path(service: Service, language: Language) -> String {
    format!("docs/reference/{}{}.md", service.name(), language.pick("", ".zh-CN"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::list;

    fn pages() -> impl Iterator<Item = (Service, Language, String)> {
        let all = Service::ALL.into_iter().flat_map(|service| Language::ALL.map(|language| (service, language)));
        all.map(|(service, language)| (service, language, page(service, language)))
    }

    /// Rewrites what differs and then fails, so that the next run passes.
    #[test]
    fn what_replies_mean_is_said_in_chinese_too() {
        for service in Service::ALL {
            for shape in service.shapes() {
                let docs = shape.fields.iter().map(|field| field.doc).chain([shape.doc]);
                for doc in docs.filter(|doc| !doc.is_empty()) {
                    assert_ne!(Chinese.of_reply(doc), doc, "{}", shape.name);
                }
            }
        }
    }

    #[test]
    fn the_pages_are_up_to_date() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut rewritten = Vec::new();
        let apis = pages().map(|(service, language, page)| (path(service, language), page));
        let functions = Language::ALL.map(|language| (functions::path(language), functions::page(language)));
        let methods = Language::ALL.map(|language| (methods::path(language), methods::page(language)));
        let channels = Language::ALL.map(|language| (channels::path(language), channels::page(language)));
        let checks = Language::ALL.map(|language| (checks::path(language), checks::page(language)));
        for (path, page) in apis.chain(functions).chain(methods).chain(channels).chain(checks) {
            let file = root.join(&path);
            if std::fs::read_to_string(&file).ok().as_ref() != Some(&page) {
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(&file, page).unwrap();
                rewritten.push(path);
            }
        }
        assert!(
            rewritten.is_empty(),
            "rewrote {}: look at it and commit it",
            list(rewritten.iter().map(String::as_str), "and")
        );
    }

    fn headings(page: &str) -> Vec<String> {
        page.lines()
            .filter_map(|line| line.strip_prefix("##"))
            .map(|line| anchor(line.trim_start_matches('#').trim()))
            .collect()
    }

    #[test]
    fn every_link_leads_somewhere() {
        for (service, _, page) in pages() {
            for (n, part) in page.split("](").enumerate().skip(1) {
                let target = &part[..part.find(')').unwrap()];
                let Some((file, heading)) = target.split_once('#') else {
                    assert!(n == 1 && target.starts_with(service.name()), "{target}");
                    continue;
                };
                let headings = match file {
                    "" => headings(&page),
                    file => {
                        assert_eq!(file, format!("{}.md", service.name()));
                        headings(&super::page(service, English))
                    }
                };
                assert_eq!(headings.iter().filter(|known| *known == heading).count(), 1, "#{target}");
            }
        }
    }

    #[test]
    fn every_link_within_the_other_pages_leads_somewhere() {
        for page in Language::ALL.map(functions::page).into_iter().chain(Language::ALL.map(methods::page)) {
            let headings = headings(&page);
            for link in page.split("](#").skip(1) {
                let target = &link[..link.find(')').unwrap()];
                assert_eq!(headings.iter().filter(|heading| *heading == target).count(), 1, "#{target}");
            }
        }
    }

    #[test]
    fn tables_have_no_stray_bars() {
        let others = Language::ALL.map(methods::page).into_iter().chain(Language::ALL.map(channels::page));
        for page in pages().map(|(.., page)| page).chain(others) {
            for table in page.split("\n\n").filter(|block| block.starts_with("| ")) {
                let cells = |line: &str| line.replace("\\|", "").matches('|').count();
                let due = cells(table.lines().next().unwrap());
                for line in table.lines() {
                    assert_eq!(cells(line), due, "{line}");
                }
            }
        }
    }
}
