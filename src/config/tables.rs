//! The tables of `tidegate.toml`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use chrono_tz::Tz;
use toml::de::DeTable;

use super::environment::system_zone;
use super::field::Field;
use super::instance::{downloader, instances, named, pbh, vps};
use super::notify::{channels, heartbeat, runtime};
use super::read::{Notes, Section, quoted};
use super::{Config, Env, Limits, Mode, Problem, Retention, Runtime, ScriptSettings, SecretSource, Server, var};
use crate::language::Language;
use crate::permission::{Grant, Grants};
use crate::schedule;
use crate::time::Duration;

/// What can be made out, and every problem in the order of the lines.
pub(super) fn load(text: &str, file: &Path, env: Env) -> (Config, Vec<Problem>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let notes = Notes::new(text, file.parent().unwrap_or_else(|| Path::new("")), env);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let line = error.span().map(|span| notes.line(span.start));
        notes.problem("", line, error.message().trim(), "");
    }
    let config = top(Section::top(&notes, document.get_ref()), file);
    let (mut problems, mut advice) = (notes.problems.take(), notes.advice.take());
    problems.sort_by_key(|problem| problem.line);
    advice.sort_by_key(|advice| advice.line);
    (Config { advice, digest: super::digest(text.as_bytes()), ..config }, problems)
}

fn top(mut top: Section, file: &Path) -> Config {
    let notes = top.notes;
    let mode = top.get("mode", "\"watch\"").and_then(mode).unwrap_or_default();
    let scripts = top.get("scripts", "\"scripts\"").and_then(Field::path);
    let data = top.get("data", "\"data\"").and_then(Field::path);
    let data = var(notes.env, "TIDEGATE_DATA").map(PathBuf::from).or(data);
    let pbhs = top.tables("pbh");
    let names: Vec<_> = pbhs.iter().map(|section| section.name.clone()).collect();
    let config = Config {
        file: Some(file.to_path_buf()),
        timezone: top
            .get("timezone", "\"Asia/Shanghai\"")
            .and_then(|field| zone(&field))
            .unwrap_or_else(|| system_zone(notes.env)),
        language: top
            .get("language", "\"en\"")
            .and_then(|field| language(&field))
            .unwrap_or_else(|| Language::of_locale(notes.env)),
        mode,
        scripts: scripts.unwrap_or_else(|| notes.base.join("scripts")),
        data: data.unwrap_or_else(|| notes.base.join("data")),
        vps: instances(top.tables("vps"), vps, |vps| vps.default),
        downloader: named(top.tables("downloader"), |section| Some(downloader(section, &names))),
        pbh: instances(pbhs, pbh, |pbh| pbh.default),
        notify: channels(top.tables("notify"), &names),
        script: named(top.tables("script"), |section| Some(script(section, mode))),
        secret: top.table("secret").map(|section| secrets(&section)).unwrap_or_default(),
        limits: top.table("limits").map(limits).unwrap_or_default(),
        server: top.table("server").map(server).unwrap_or_default(),
        retention: top.table("retention").map(retention).unwrap_or_default(),
        runtime: Runtime::default(),
        heartbeat: top.table("heartbeat").and_then(heartbeat),
        advice: Vec::new(),
        digest: super::Digest::default(),
    };
    let config = Config {
        runtime: top.table("runtime").map(|section| runtime(section, &config.notify)).unwrap_or_default(),
        ..config
    };
    top.close();
    config
}

fn zone(field: &Field) -> Option<Tz> {
    let name = field.text_of()?;
    schedule::zone(name)
        .map_or_else(|error| field.refuse(error.message.clone(), error.hint.clone().unwrap_or_default()), Some)
}

/// `en` or `zh`, also as `zh-CN` or `zh_CN.UTF-8`.
fn language(field: &Field) -> Option<Language> {
    let name = field.text_of()?;
    if let Some(language) = Language::of_code(name) {
        return Some(language);
    }
    field.refuse(format!("there is no language `{name}`"), "write `language = \"en\"` or `language = \"zh\"`")
}

fn mode(field: Field) -> Option<Mode> {
    field.word(&["watch", "live"]).map(|word| if word == "watch" { Mode::Watch } else { Mode::Live })
}

/// What is shorter than a day would forget before anybody could have looked.
fn retention(mut section: Section) -> Retention {
    let usual = Retention::default();
    let days = |field: Field| {
        let (day, path, line, notes) = (Duration::from_seconds(86_400), field.path.clone(), field.line, field.notes);
        let time = field.duration()?;
        if time < day {
            notes.problem(&path, line, "is shorter than a day", "write `\"1d\"` or more");
        }
        Some(time)
    };
    let retention = Retention {
        age: section.get("age", "\"400d\"").and_then(days).unwrap_or(usual.age),
        dull: section.get("dull", "\"30d\"").and_then(days).unwrap_or(usual.dull),
        traces: section.get("traces", "\"3d\"").and_then(days).unwrap_or(usual.traces),
        size: section.get("size", "\"150 MiB\"").and_then(Field::size).unwrap_or(usual.size),
    };
    section.close();
    retention
}

fn script(mut section: Section, default: Mode) -> ScriptSettings {
    let settings = ScriptSettings {
        grants: Grants { allow: grants(&mut section, "allow"), deny: grants(&mut section, "deny") },
        mode: section.get("mode", "\"watch\"").and_then(mode).unwrap_or(default),
        enabled: section.get("enabled", "false").and_then(Field::flag).unwrap_or(true),
    };
    if let Some(name) = section.name.strip_suffix(".rhai") {
        section.problem("a script is named without `.rhai`", format!("write `[script.{}]`", quoted(name)));
    }
    section.close();
    settings
}

fn grants(section: &mut Section, key: &'static str) -> Vec<Grant> {
    let Some(field) = section.get(key, "[\"kiwivm/tokyo:snapshot_delete\"]") else { return Vec::new() };
    let (notes, path, line) = (field.notes, field.path.clone(), field.line);
    let note = |message: String| notes.problem(&path, line, message, "");
    let texts = field.texts().unwrap_or_default();
    texts.iter().filter_map(|text| Grant::parse(text).map_err(note).ok()).collect()
}

fn secrets(section: &Section) -> BTreeMap<String, SecretSource> {
    let read = |field: Field| Some((field.key.clone(), field.secret()?));
    section.all("").into_iter().filter_map(read).collect()
}

fn limits(mut section: Section) -> Limits {
    let usual = Limits::default();
    let limits = Limits {
        operations: section.get("operations", "10_000_000").and_then(Field::number).unwrap_or(usual.operations),
        timeout: section.get("timeout", "\"60s\"").and_then(Field::duration).unwrap_or(usual.timeout),
        string: bytes(&mut section, "string").unwrap_or(usual.string),
        array: section.get("array", "1_000_000").and_then(Field::count).unwrap_or(usual.array),
        map: section.get("map", "1_000_000").and_then(Field::count).unwrap_or(usual.map),
        call_depth: section.get("call_depth", "64").and_then(Field::count).unwrap_or(usual.call_depth),
        runs: section.get("runs", "16").and_then(Field::count).unwrap_or(usual.runs),
        reply: section.get("reply", "\"256 MiB\"").and_then(Field::size).unwrap_or(usual.reply),
        grace: section.get("grace", "\"10s\"").and_then(Field::duration).unwrap_or(usual.grace),
        failures: section.get("failures", "10").and_then(Field::whole).unwrap_or(usual.failures),
    };
    section.close();
    limits
}

/// A size that memory can hold.
fn bytes(section: &mut Section, key: &'static str) -> Option<usize> {
    section.get(key, "\"16 MiB\"").and_then(Field::size).and_then(|size| size.try_into().ok())
}

fn server(mut section: Section) -> Server {
    let usual = Server::default();
    let address = section.get("address", "\"127.0.0.1:9899\"");
    let line = address.as_ref().map(|field| (field.path.clone(), field.line));
    let server = Server {
        address: address.and_then(|field| listen(&field)).unwrap_or(usual.address),
        token: section.get("token", "{ env = \"NAME\" }").and_then(Field::secret),
        hosts: section.get("hosts", "[\"seedbox.lan\"]").and_then(Field::texts).unwrap_or_default(),
        body: section.get("body", "\"1 MiB\"").and_then(Field::size).unwrap_or(usual.body),
        configured: true,
    };
    if let Some((path, line)) = line
        && !server.address.ip().is_loopback()
        && !section.has("token")
    {
        let hint = "write `token = { env = \"NAME\" }` below it, or listen at `127.0.0.1`";
        section.notes.problem(&path, line, "others can reach it, and there is no token", hint);
    }
    section.close();
    server
}

/// `127.0.0.1:9899`, or `localhost:9899`.
fn listen(field: &Field) -> Option<SocketAddr> {
    let text = field.text_of()?.trim();
    let local = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    local
        .as_deref()
        .unwrap_or(text)
        .parse()
        .ok()
        .or_else(|| field.refuse(format!("`{text}` is no address with a port"), "write `address = \"127.0.0.1:9899\"`"))
}
