//! Definition files (`*.d.rhai`): everything that scripts see, as declarations that editors of Rhai read. Derived from
//! the tables of endpoints, shapes, helpers and functions, and from the user's own configuration.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::api::{Param, Row, Service, Shape, Type};
use crate::config::Config;
use crate::language::Language;
use crate::permission::Effect;
use crate::script::helpers::{self, Helper, On as HelperOn};
use crate::script::std::{Function, On, SUBJECTS, functions};
use crate::script::{PlainFunction, plain_functions};

mod names;
#[cfg(test)]
mod tests;

use names::{SHAPES, field_type, ident, key, literal, name_of, param_name, std_type, word};

/// How each file begins, by which a later run knows that it is its own.
pub const MARK: &str = "// Written by `tidegate definitions`";

/// The folder beside the configuration that they are written to.
pub const FOLDER: &str = "definitions";

/// The files, by name.
pub fn files(config: &Config, language: Language) -> Vec<(&'static str, String)> {
    vec![
        ("fleet.d.rhai", fleet(config, language)),
        ("kiwivm.d.rhai", service(Service::KiwiVm, language)),
        ("pbh.d.rhai", service(Service::Pbh, language)),
        ("helpers.d.rhai", all_helpers(language)),
        ("std.d.rhai", std(language)),
        ("types.d.rhai", types(language)),
        ("rhai.d.rhai", rhai()),
    ]
}

/// A file as it grows.
struct File {
    text: String,
    language: Language,
}

impl File {
    fn new(english: &str, chinese: &str, language: Language) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let what = language.pick(english, chinese);
        Self { text: format!("{MARK} {version}: {what}\nmodule static;\n"), language }
    }

    fn doc(&mut self, paragraphs: &[String]) {
        self.text.push('\n');
        let paragraphs: Vec<_> = paragraphs.iter().filter(|text| !text.is_empty()).collect();
        for (n, paragraph) in paragraphs.iter().enumerate() {
            if n > 0 {
                self.text += "///\n";
            }
            for line in paragraph.lines() {
                let _ = writeln!(self.text, "{}", format!("/// {line}").trim_end());
            }
        }
    }

    /// `fn name(a: int) -> string;`, once for each number of arguments.
    fn function(&mut self, name: &str, required: &[String], optional: &[String], returns: &str) {
        for n in 0..=optional.len() {
            let params = [required, &optional[..n]].concat().join(", ");
            let _ = writeln!(self.text, "fn {name}({params}) -> {returns};");
        }
    }

    fn effect(&self, effect: Effect) -> &'static str {
        self.language.effect(effect)
    }
}

/// An instance and what is known of it.
type Named<'a> = (&'a String, String);

/// The user's instances.
fn fleet(config: &Config, language: Language) -> String {
    let mut file = File::new("your instances.", "你的实例。", language);
    let downloaders: BTreeSet<&String> = {
        let on_vps = config.vps.values().flat_map(|vps| vps.downloaders.iter().flatten());
        on_vps.chain(config.downloader.keys()).collect()
    };
    let kinds: [(&str, &str, Vec<Named>); 3] = [
        ("vps", "Vps", config.vps.iter().map(|(name, vps)| (name, format!("VEID {}", vps.veid))).collect()),
        ("pbh", "Pbh", config.pbh.iter().map(|(name, pbh)| (name, pbh.url.clone())).collect()),
        ("downloader", "Downloader", downloaders.into_iter().map(|name| (name, String::new())).collect()),
    ];
    for (name, ty, instances) in kinds {
        let Some(row) = functions().find(|row| row.on == On::Nothing && row.name == name) else { continue };
        let line = |(name, what): &(&String, String)| {
            if what.is_empty() { format!("- {}", literal(name)) } else { format!("- {}: {what}", literal(name)) }
        };
        let list: Vec<_> = instances.iter().map(line).collect();
        file.doc(&[language.pick(row.doc, row.zh).to_owned(), list.join("\n")]);
        let names: Vec<_> = instances.iter().map(|(name, _)| literal(name)).collect();
        let param = format!("name: {}", if names.is_empty() { "string".into() } else { names.join(" | ") });
        let optional = row.params.iter().all(|param| param.optional);
        let (required, optional) = if optional { (vec![], vec![param]) } else { (vec![param], vec![]) };
        file.function(name, &required, &optional, ty);
    }
    file.text
}

fn service(service: Service, language: Language) -> String {
    let (title, on) = match service {
        Service::KiwiVm => ("KiwiVM", "vps: Vps"),
        Service::Pbh => ("PeerBanHelper", "pbh: Pbh"),
    };
    let rows = || service.rows().iter().filter(|row| row.extra.uncallable.is_none());
    let count = rows().count();
    let (english, chinese) = (format!("{count} endpoints of {title}."), format!("{title} 的 {count} 个接口。"));
    let mut file = File::new(&english, &chinese, language);
    for row in rows() {
        file.row(row, on);
    }
    file.text
}

impl File {
    fn row(&mut self, row: &Row, on: &str) {
        let what = match self.language {
            Language::English => row.doc.to_owned(),
            Language::Chinese => format!("{}。", row.chinese()),
        };
        let releases = self.language.releases(row.extra.since, row.extra.until);
        let facts =
            [Some(self.effect(row.effect).to_owned()), Some(format!("`{} {}`", row.method, row.path)), releases];
        let facts = facts.into_iter().flatten().collect::<Vec<_>>().join(" · ");
        let returns = if row.is_stream() { "Rows".to_owned() } else { name_of(&row.returns) };
        let required: Vec<_> = std::iter::once(on.to_owned())
            .chain(row.required().map(|param| format!("{}: {}", ident(param.name), name_of(&param.ty))))
            .collect();
        let optional: Vec<_> = row.options().map(|(name, ty)| format!("{}: {}", key(name), name_of(&ty))).collect();
        let optional =
            if optional.is_empty() { vec![] } else { vec![format!("options: #{{ {} }}", optional.join(", "))] };
        let defaults = defaults(row.params.iter(), self.language);
        self.doc(&[what, self.language.pick(row.extra.note, "").to_owned(), facts, defaults]);
        self.function(row.id, &required, &optional, &returns);
        if row.extra.paged {
            self.doc(&[self
                .language
                .pick("The rows of all pages, read as they are needed.", "所有分页的行，按需读取。")
                .to_owned()]);
            self.function(&format!("{}_all", row.id), &required, &optional, "Rows");
        }
    }
}

/// What optional parameters are where they are left out.
fn defaults<'a>(params: impl Iterator<Item = &'a Param>, language: Language) -> String {
    let lines = params.filter_map(|param| {
        let default = param.default?;
        Some(format!("- `{}`: {} `{default}`", param.name, language.pick("by default", "默认")))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn all_helpers(language: Language) -> String {
    let mut file = File::new("methods beside the endpoints.", "接口之外的方法。", language);
    for helper in helpers::all() {
        file.helper(helper);
    }
    file.text
}

impl File {
    fn helper(&mut self, helper: &Helper) {
        let what = self.language.pick(helper.doc, helper.chinese().unwrap_or(helper.doc));
        let calls: Vec<_> = helper.calls.iter().map(|row| format!("`{row}`")).collect();
        let calls = if calls.is_empty() {
            String::new()
        } else {
            format!(" · {} {}", self.language.pick("calls", "调用"), calls.join(", "))
        };
        self.doc(&[what.to_owned(), format!("{}{calls}", self.effect(helper.effect))]);
        let receivers: &[(&str, &str)] = match helper.on {
            HelperOn::Vps => &[("vps", "Vps")],
            HelperOn::Pbh => &[("pbh", "Pbh")],
            HelperOn::Downloader => &[("downloader", "Downloader"), ("downloaders", "[Downloader]")],
        };
        let param = |(name, ty): &(&str, &str)| format!("{}: {}", ident(name.trim_end_matches('?')), word(ty));
        let required = helper.required.iter().filter(|(name, _)| !name.ends_with('?')).map(param);
        let required: Vec<_> = required.collect();
        let mut optional: Vec<_> = helper.required.iter().filter(|(name, _)| name.ends_with('?')).map(param).collect();
        if !helper.options.is_empty() {
            let keys: Vec<_> = helper.options.iter().map(|(name, ty)| format!("{}: {}", key(name), word(ty))).collect();
            optional.push(format!("options: #{{ {} }}", keys.join(", ")));
        }
        for (name, ty) in receivers {
            let required = [vec![format!("{name}: {ty}")], required.clone()].concat();
            let returns = match (&helper.returns, ty.starts_with('[')) {
                (Type::List(_), _) | (_, false) => name_of(&helper.returns),
                (one, true) => format!("[{}]", name_of(one)),
            };
            self.function(helper.id, &required, &optional, &returns);
        }
    }
}

fn std(language: Language) -> String {
    let mut file = File::new("the std library.", "标准库。", language);
    let state = language.pick("What this script keeps.", "本脚本保存的内容。");
    let shared = language.pick("What all scripts keep.", "所有脚本共享的保存内容。");
    let http = language.pick("The way to other servers.", "访问其他服务器。");
    for (name, ty, doc) in [("state", "State", state), ("shared_state", "State", shared), ("http", "Http", http)] {
        file.doc(&[doc.to_owned()]);
        let _ = writeln!(file.text, "const {name}: {ty};");
    }
    for subject in SUBJECTS {
        let _ = write!(file.text, "\n// {}\n", language.pick(subject.title, subject.zh));
        // The user's own instances have a file of their own.
        let own = |row: &&Function| row.on == On::Nothing && matches!(row.name, "vps" | "pbh" | "downloader");
        for row in subject.functions.iter().filter(|row| !own(row)) {
            file.std(row);
        }
    }
    file.text
}

impl File {
    fn std(&mut self, row: &Function) {
        let (code, gives) = row.example;
        let example = match gives {
            "" => format!("```rhai\n{code}\n```"),
            gives => format!("```rhai\n{code}  // {}\n```", gives.lines().next().unwrap_or_default()),
        };
        let effect = row.effect.map_or(String::new(), |effect| self.effect(effect).to_owned());
        self.doc(&[self.language.pick(row.doc, row.zh).to_owned(), effect, example]);
        let receiver = match row.on {
            On::Nothing => None,
            On::Time => Some("Time"),
            On::Duration => Some("Duration"),
            On::Ip => Some("Ip"),
            On::List => Some("[?]"),
            On::Map => Some("map"),
            On::Text => Some("string"),
            On::Int => Some("int"),
            On::Number => Some("int | float"),
            On::State => Some("State"),
            On::Vps => Some("Vps"),
            On::Pbh => Some("Pbh"),
            On::Downloader => Some("Downloader"),
            On::Rows => Some("Rows"),
            On::Http => Some("Http"),
        };
        let receiver = receiver.map(|ty| format!("{}: {ty}", row.on.word()));
        let returns = std_type(&row.returns);
        if row.getter {
            let _ = writeln!(self.text, "fn get {}({}) -> {returns};", row.name, receiver.unwrap_or_default());
            return;
        }
        let param = |param: &crate::script::std::Param| format!("{}: {}", ident(param.name), std_type(&param.ty));
        let required = row.params.iter().filter(|param| !param.optional).map(param);
        let required: Vec<_> = receiver.into_iter().chain(required).collect();
        let optional: Vec<_> = row.params.iter().filter(|param| param.optional).map(param).collect();
        self.function(row.name, &required, &optional, &returns);
    }
}

/// The types: units, handles, and every object that a reply or result is.
fn types(language: Language) -> String {
    let mut file = File::new("units, handles and results.", "单位、句柄与返回的结构。", language);
    for (name, ty, english, chinese) in PLAIN {
        file.doc(&[language.pick(english, chinese).to_owned()]);
        let _ = writeln!(file.text, "type {name} = {ty};");
    }
    for (shape, name) in SHAPES.iter() {
        file.shape(shape, name);
    }
    file.text
}

/// Types that are not made of others: name, what Rhai has for it, and what it means.
const PLAIN: [(&str, &str, &str, &str); 15] = [
    ("Bytes", "int", "A size in bytes: `5.GiB`.", "以字节计的大小：`5.GiB`。"),
    ("Speed", "int", "Bytes per second: `2.MiB`.", "每秒字节数：`2.MiB`。"),
    ("Share", "float", "0 to 1.", "0 到 1。"),
    ("Percent", "float", "0 to 100.", "0 到 100。"),
    ("Ratio", "float", "Bytes sent for each byte received.", "每收一字节所发出的字节数。"),
    ("Time", "?", "A point in time: `now() - 2.days`.", "时刻：`now() - 2.days`。"),
    ("Duration", "?", "A length of time: `30.minutes`.", "时长：`30.minutes`。"),
    ("Ip", "?", "An address.", "IP 地址。"),
    ("Secret", "?", "A text that is never shown.", "永不显示的文本。"),
    ("Vps", "?", "A VPS: `vps(\"name\")`.", "一台 VPS：`vps(\"name\")`。"),
    ("Pbh", "?", "A PeerBanHelper: `pbh(\"name\")`.", "一个 PeerBanHelper：`pbh(\"name\")`。"),
    ("Downloader", "?", "A torrent client: `downloader(\"name\")`.", "一个下载器：`downloader(\"name\")`。"),
    ("State", "?", "What is kept from run to run.", "跨运行保存的内容。"),
    ("Http", "?", "What `http` stands for.", "`http` 所代表的。"),
    (
        "Rows",
        "?",
        "Rows that are read as they are needed: `map`, `filter`, `take`, `count`, `to_array`, or a loop.",
        "按需读取的行：`map`、`filter`、`take`、`count`、`to_array`，或用于循环。",
    ),
];

impl File {
    fn shape(&mut self, shape: &Shape, name: &str) {
        self.doc(&[self.language.of_reply(shape.doc).to_owned()]);
        let _ = writeln!(self.text, "type {name} = #{{");
        for field in shape.fields {
            let what = self.language.of_reply(field.doc).to_owned();
            let releases = self.language.releases(field.since, field.until).unwrap_or_default();
            let doc = [what, releases].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" · ");
            if !doc.is_empty() {
                let _ = writeln!(self.text, "    /// {}", doc.replace('\n', " "));
            }
            let _ = writeln!(self.text, "    {}: {},", key(field.name), field_type(field));
        }
        self.text += "};\n";
    }
}

/// Rhai's own functions, which have no rows.
fn rhai() -> String {
    let mut file = File::new("Rhai's own functions.", "Rhai 自带的函数。", Language::English);
    for PlainFunction { name, params, doc } in plain_functions() {
        file.doc(&[doc.to_owned()]);
        let params: Vec<_> = params.iter().enumerate().map(|(n, name)| format!("{}: ?", param_name(name, n))).collect();
        file.function(name, &params, &[], "?");
    }
    file.text
}
