//! How instances are chosen by name, and what is said where that does not work.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Member;
use crate::client::Client;
use crate::error::{Error, Kind, Result};
use crate::text::{list, nearest};

/// How a kind of instance is spoken of.
pub(super) struct Words {
    one: &'static str,
    none: &'static str,
    start: &'static str,
    call: &'static str,
}

pub(super) const VPS: Words = Words {
    one: "VPS",
    none: "no VPS is configured",
    start: "write `[vps.NAME]` with `veid` and `api_key` into tidegate.toml, or set `KIWIVM_VEID` and `KIWIVM_API_KEY`",
    call: "vps",
};

pub(super) const PBH: Words = Words {
    one: "PBH",
    none: "no PBH is configured",
    start: "write `[pbh.NAME]` with `url` and `token` into tidegate.toml, or set `PBH_URL` and `PBH_TOKEN`",
    call: "pbh",
};

pub(super) const DOWNLOADER: Words = Words {
    one: "torrent client",
    none: "no torrent client is known",
    start: "add it to PBH, or write `[downloader.NAME]` with `url` into tidegate.toml",
    call: "downloader",
};

pub(super) fn names<T>(all: &BTreeMap<String, T>) -> Vec<String> {
    all.keys().cloned().collect()
}

pub(super) fn choose<'a, C>(
    all: &'a BTreeMap<String, (C, Arc<Client>)>,
    name: Option<&str>,
    default: impl Fn(&C) -> bool,
    words: &Words,
) -> Result<&'a Arc<Client>> {
    if let Some(name) = name {
        return all.get(name).map(|(_, client)| client).ok_or_else(|| unknown(name, &names(all), words));
    }
    let mut marked = all.values().filter(|(config, _)| all.len() == 1 || default(config));
    match (marked.next(), all.is_empty()) {
        (Some((_, client)), _) => Ok(client),
        (None, true) => Err(Error::new(Kind::Config, words.none).hint(words.start)),
        (None, false) => {
            let names = names(all);
            Err(Error::new(Kind::Argument, format!("there are {} of them: which {}?", all.len(), words.one)).hint(
                format!(
                    "write `{}(\"{}\")`, or `default = true` at one of {}",
                    words.call,
                    names[0],
                    list(names.iter().map(String::as_str), "and")
                ),
            ))
        }
    }
}

pub(super) fn unknown(name: &str, names: &[String], words: &Words) -> Error {
    let error = Error::new(Kind::Argument, format!("there is no {} called `{name}`", words.one));
    let all = || names.iter().map(String::as_str);
    error.hint(match nearest(name, all()) {
        _ if names.is_empty() => format!("{}; {}", words.none, words.start),
        Some(near) if names.len() > 1 => format!("did you mean `{near}`? There is {}", list(all(), "and")),
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there is {}", list(all(), "and")),
    })
}

pub(super) fn clash(name: &str, there: &[Arc<Member>]) -> Error {
    let member = &there[0];
    let pbh = member.pbh.as_deref().unwrap_or("NAME");
    Error::new(Kind::Argument, format!("{} torrent clients are called `{name}`", there.len())).hint(format!(
        "give one another name: `[downloader.OTHER]` with `pbh = \"{pbh}\"` and `id = \"{}\"`",
        member.id
    ))
}
