//! What may stand in a text in quotes: instances, channels, events, files, fields, and the words of options.

use crate::events::{EVENTS, Known};
use crate::holds::Only;
use crate::language::Language;
use crate::peers::By;
use crate::permission::Grants;
use crate::schedule::{MissedMode, OnReload, Overlap};
use crate::script::check;
use crate::script::check::members::Origin;

use super::cursor::{Around, Call};
use super::entries::Entry;
use super::mend::Bench;
use super::{Kind, World, outline};

pub(super) fn entries(around: &Around, bench: &Bench, text: &str, world: &World) -> Vec<Entry> {
    match around {
        Around::Import => {
            outline::libraries(&world.folder).map(|path| Entry::new(path, Kind::Module, "", "")).collect()
        }
        Around::Argument(call, n) => argument(call, *n, bench, text, world),
        Around::Option(call, path) => option(call, path, world),
        Around::Other => Vec::new(),
    }
}

fn argument(call: &Call, n: usize, bench: &Bench, text: &str, world: &World) -> Vec<Entry> {
    let Some(dot) = call.dot else {
        return match (call.name.as_str(), n) {
            ("vps", 0) => instances("kiwivm", world),
            ("pbh", 0) => instances("pbh", world),
            ("downloader", 0) => instances("downloader", world),
            ("on_event", 0) => events(world.language),
            ("secret", 0) => configured(world.host.config.secret.keys()),
            _ => Vec::new(),
        };
    };
    let word = dot..call.start + call.name.len();
    let fields = |view: check::probe::View| {
        let fields = view.members.into_iter().filter(|member| matches!(member.origin, Origin::Field(..)));
        fields.map(|member| Entry::of_member(&member, world.language)).collect()
    };
    // The name of a field stands for a closure that reads it.
    let by_field = |row: &crate::script::std::Function| {
        row.name == call.name && row.params.get(n).is_some_and(|param| param.ty.to_string().contains("Function"))
    };
    if matches!(call.name.as_str(), "get" | "contains") && n == 0 {
        fields(bench.member(text, word))
    } else if crate::script::std::functions().any(by_field) {
        fields(bench.item(text, word))
    } else {
        Vec::new()
    }
}

fn option(call: &Call, path: &[String], world: &World) -> Vec<Entry> {
    let words = |words: &[&'static str]| words.iter().map(|word| Entry::new(*word, Kind::Word, "", "")).collect();
    let Some(key) = path.last() else { return Vec::new() };
    match (call.name.as_str(), key.as_str()) {
        (_, "overlap") => words(&Overlap::ALL.map(|(word, _)| word)),
        (_, "missed") => words(&MissedMode::ALL.map(|(word, _)| word)),
        (_, "mode") if path.len() > 1 => words(&MissedMode::ALL.map(|(word, _)| word)),
        (_, "on_reload") => words(&OnReload::ALL.map(|(word, _)| word)),
        (_, "mode") => words(&["watch", "live"]),
        (_, "only") => words(&Only::WORDS.map(|(word, _)| word)),
        ("top_peers", "by") => words(&By::WORDS.map(|(word, _)| word)),
        ("notify", "level") => words(&["info", "warn", "error"]),
        ("notify", "to") => configured(world.host.config.notify.keys()),
        (_, "vps") => instances("kiwivm", world),
        (_, "pbh") => instances("pbh", world),
        (_, "downloader") => instances("downloader", world),
        _ => Vec::new(),
    }
}

/// The configured instances of a service, with what the configuration says of each.
pub(super) fn instances(service: &str, world: &World) -> Vec<Entry> {
    let config = &world.host.config;
    let known = check::World::new(&world.host, &world.script, Grants::default());
    let detail = |name: &str| match service {
        "kiwivm" => config.vps.get(name).map(|vps| format!("VEID {}", vps.veid)),
        "pbh" => config.pbh.get(name).map(|pbh| pbh.url.clone()),
        _ => config.downloader.get(name).and_then(|downloader| downloader.url.clone()),
    };
    // Without a configuration there is one of any name.
    let names = known.instances(service).into_iter().filter(|_| !world.host.accepts_any_instance);
    names.map(|name| Entry::new(&name, Kind::Instance, detail(&name).unwrap_or_default(), "")).collect()
}

fn configured<'a>(names: impl Iterator<Item = &'a String>) -> Vec<Entry> {
    names.map(|name| Entry::new(name, Kind::Instance, "", "")).collect()
}

pub(super) fn events(language: Language) -> Vec<Entry> {
    let gives = language.pick("gives ", "数据：");
    let entry = |event: &Known| {
        let [doc, data] = [event.doc, event.data].map(|[english, chinese]| language.pick(english, chinese));
        Entry::new(event.name, Kind::Word, format!("{gives}{data}"), doc)
    };
    EVENTS.iter().map(entry).collect()
}
