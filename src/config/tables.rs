//! The tables of `tidegate.toml`, and the environment that stands for a missing file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono_tz::Tz;
use toml::de::{DeTable, DeValue};

use super::read::{Field, Notes, Section};
use super::{
    Channel, Config, Downloader, Env, Limits, Mode, Pbh, Problem, ScriptSettings, SecretSource, Server, Setting,
    Transport, Vps, var,
};
use crate::permission::{Grant, Grants};
use crate::schedule;
use crate::text::{list, suggestion};
use crate::time::Duration;

/// KiwiVM's official service.
pub const KIWIVM_URL: &str = "https://api.64clouds.com/v1";

/// The torrent clients that can be configured without PBH.
pub const DOWNLOADERS: [&str; 1] = ["qbittorrent"];

/// The channels of `notify`: type, keys that must be there, keys that may be there.
pub const CHANNELS: [(&str, &[&str], &[&str]); 2] = [("log", &[], &[]), ("webhook", &["url"], &[])];

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_seconds(30);

const WEB: [&str; 2] = ["http", "https"];
const PROXY: [&str; 4] = ["http", "https", "socks5", "socks5h"];

pub(super) fn load(text: &str, file: &Path, env: Env) -> Result<Config, Vec<Problem>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let base = file.parent().unwrap_or_else(|| Path::new(""));
    let notes = Notes::new(text, base, env);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let line = error.span().map(|span| notes.line(span.start));
        notes.problem("", line, error.message().trim(), None);
    }
    let mut config = top(Section::top(&notes, document.get_ref()), file);
    let mut problems = notes.problems.into_inner();
    if !problems.is_empty() {
        problems.sort_by_key(|problem| problem.line);
        return Err(problems);
    }
    config.advice = notes.advice.into_inner();
    config.advice.sort_by_key(|advice| advice.line);
    Ok(config)
}

fn top(mut top: Section, file: &Path) -> Config {
    let env = top.notes.env;
    let timezone = top.get("timezone").and_then(|field| zone(&field)).unwrap_or_else(|| system_zone(env));
    let language = top.get("language").and_then(|field| language(&field));
    let mode = mode(&mut top).unwrap_or_default();
    let scripts = top.path("scripts").unwrap_or_else(|| top.notes.base.join("scripts"));
    let data = top.path("data").unwrap_or_else(|| top.notes.base.join("data"));
    let data = var(env, "TIDEGATE_DATA").map_or(data, PathBuf::from);

    let vps = instances(top.sections("vps"), vps, |vps| vps.default);
    let pbh = instances(top.sections("pbh"), pbh, |pbh| pbh.default);
    let known: Vec<_> = pbh.keys().map(String::as_str).collect();
    let downloader = named(top.sections("downloader"), |section| downloader(section, &known));
    let notify = named(top.sections("notify"), channel);
    let script = named(top.sections("script"), |section| Some(script(section, mode)));
    let secret = secrets(&mut top);
    let limits = table(&mut top, "limits").map(limits).unwrap_or_default();
    let server = table(&mut top, "server").map(server).unwrap_or_default();
    for reserved in ["retention", "heartbeat"] {
        if let Some(section) = table(&mut top, reserved) {
            not_used_yet(&section);
        }
    }
    top.close();
    Config {
        file: Some(file.to_path_buf()),
        timezone,
        language,
        mode,
        scripts,
        data,
        vps,
        pbh,
        downloader,
        notify,
        script,
        secret,
        limits,
        server,
        advice: Vec::new(),
    }
}

pub(super) fn from_env(env: Env) -> Result<Config, Vec<Problem>> {
    let notes = Notes::new("", Path::new(""), env);
    let set = |name| var(env, name);
    let half = |there: &str, missing: &str, example: &str| {
        notes.problem(
            missing,
            None,
            format!("is not set, but `{there}` is"),
            Some(format!("set `{missing}={example}`")),
        );
    };
    let address = |name: &str, text: String| {
        let value = DeValue::String(text.into());
        Field::free(&notes, name, &value).url(&WEB, "http://127.0.0.1:9898")
    };

    let mut vps = BTreeMap::new();
    match (set("KIWIVM_VEID"), set("KIWIVM_API_KEY")) {
        (Some(veid), Some(_)) => match veid.trim().parse() {
            Ok(veid) if veid > 0 => {
                let url = match set("KIWIVM_URL") {
                    Some(text) => address("KIWIVM_URL", text),
                    None => Some(KIWIVM_URL.into()),
                };
                vps.extend(url.map(|url| {
                    let api_key = SecretSource::Env("KIWIVM_API_KEY".into());
                    ("default".to_owned(), Vps { veid, api_key, ..Vps::new("default", url) })
                }));
            }
            _ => notes.problem(
                "KIWIVM_VEID",
                None,
                format!("`{veid}` is not a VEID"),
                Some("it is the number that the KiwiVM panel shows beside the API key".into()),
            ),
        },
        (Some(_), None) => half("KIWIVM_VEID", "KIWIVM_API_KEY", "private_…"),
        (None, Some(_)) => half("KIWIVM_API_KEY", "KIWIVM_VEID", "123456"),
        (None, None) => {}
    }
    let mut pbh = BTreeMap::new();
    match (set("PBH_URL"), set("PBH_TOKEN")) {
        (Some(url), Some(_)) => pbh.extend(address("PBH_URL", url).map(|url| {
            let token = SecretSource::Env("PBH_TOKEN".into());
            ("default".to_owned(), Pbh { token, ..Pbh::new("default", url) })
        })),
        (Some(_), None) => half("PBH_URL", "PBH_TOKEN", "…"),
        (None, Some(_)) => half("PBH_TOKEN", "PBH_URL", "http://127.0.0.1:9898"),
        (None, None) => {}
    }
    let data = set("TIDEGATE_DATA").map(PathBuf::from).unwrap_or_else(|| {
        set("XDG_DATA_HOME")
            .map(PathBuf::from)
            .or_else(|| set("HOME").map(|home| Path::new(&home).join(".local/share")))
            .map_or_else(|| PathBuf::from("data"), |folder| folder.join("tidegate"))
    });
    let problems = notes.problems.into_inner();
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Config {
        file: None,
        timezone: system_zone(env),
        language: None,
        mode: Mode::default(),
        scripts: PathBuf::from("scripts"),
        data,
        vps,
        pbh,
        downloader: BTreeMap::new(),
        notify: BTreeMap::new(),
        script: BTreeMap::new(),
        secret: BTreeMap::new(),
        limits: Limits::default(),
        server: Server::default(),
        advice: Vec::new(),
    })
}

impl Vps {
    fn new(name: &str, url: String) -> Self {
        Self {
            name: name.into(),
            veid: 0,
            api_key: SecretSource::Env(String::new()),
            url,
            downloaders: None,
            timeout: TIMEOUT,
            transport: Transport::default(),
            default: false,
        }
    }
}

impl Pbh {
    fn new(name: &str, url: String) -> Self {
        Self {
            name: name.into(),
            url,
            token: SecretSource::Env(String::new()),
            timeout: TIMEOUT,
            transport: Transport::default(),
            headers: Vec::new(),
            basic_auth: None,
            default: false,
        }
    }
}

fn zone(field: &Field) -> Option<Tz> {
    let text = field.text("\"Asia/Shanghai\"")?;
    schedule::zone(&text)
        .map_or_else(|error| field.refuse(error.message.clone(), error.hint.clone().unwrap_or_default()), Some)
}

/// `TZ` where it names a zone, else the system's setting, else UTC.
pub(super) fn system_zone(env: Env) -> Tz {
    var(env, "TZ")
        .and_then(|name| name.trim_start_matches(':').parse().ok())
        .or_else(|| iana_time_zone::get_timezone().ok()?.parse().ok())
        .unwrap_or(Tz::UTC)
}

/// `en` or `zh`, also as `zh-CN` or `zh_CN.UTF-8`.
fn language(field: &Field) -> Option<String> {
    let text = field.text("\"en\"")?;
    let code = text.split(['-', '_', '.']).next().unwrap_or_default().to_lowercase();
    if ["en", "zh"].contains(&code.as_str()) {
        return Some(code);
    }
    field.refuse(format!("there is no language `{text}`"), "write `language = \"en\"` or `language = \"zh\"`")
}

fn mode(section: &mut Section) -> Option<Mode> {
    section.word("mode", &["watch", "live"]).map(|word| if word == "watch" { Mode::Watch } else { Mode::Live })
}

fn table<'a>(top: &mut Section<'a>, key: &'static str) -> Option<Section<'a>> {
    top.get(key)?.section(&format!("[{key}]"))
}

fn not_used_yet(section: &Section) {
    let message = "is reserved: this version does nothing with it";
    section.notes.advise(&section.path, Some(section.line), message, None);
}

/// Every table that could be read, by name.
fn named<'a, T>(sections: Vec<Section<'a>>, mut read: impl FnMut(Section<'a>) -> Option<T>) -> BTreeMap<String, T> {
    sections
        .into_iter()
        .filter_map(|section| {
            let name = section.name.clone();
            if name.trim().is_empty() {
                section.notes.problem(&section.path, Some(section.line), "the name is empty", None);
            }
            read(section).map(|value| (name, value))
        })
        .collect()
}

/// As [`named`], of what grants name (`kiwivm/tokyo:…`) and of which one may be the default.
fn instances<'a, T>(
    sections: Vec<Section<'a>>,
    mut read: impl FnMut(Section<'a>) -> Option<T>,
    default: impl Fn(&T) -> bool,
) -> BTreeMap<String, T> {
    let mut first: Option<String> = None;
    named(sections, |section| {
        speakable(&section);
        let (path, line, notes) = (section.path.clone(), section.line, section.notes);
        let value = read(section)?;
        if default(&value) {
            if let Some(first) = &first {
                let message = format!("`{first}` is the default already");
                notes.problem(&format!("{path}.default"), Some(line), message, Some("take one of the two away".into()));
            }
            first.get_or_insert(path);
        }
        Some(value)
    })
}

/// Names that can be written in a grant.
fn speakable(section: &Section) {
    if let Some(bad) = section.name.chars().find(|c| matches!(c, '/' | ':' | '(' | ')' | '*') || c.is_whitespace()) {
        let message = format!("the name `{}` holds `{bad}`", section.name);
        let hint = Some("use letters, digits, `-` and `_`".into());
        section.notes.problem(&section.path, Some(section.line), message, hint);
    }
}

fn transport(section: &mut Section) -> Transport {
    Transport {
        proxy: section.url("proxy", &PROXY, "\"socks5://127.0.0.1:1080\""),
        ca: section.path("ca"),
        insecure: section.word("tls", &["verify", "insecure"]) == Some("insecure"),
        plain_http: section.flag("plain_http").unwrap_or_default(),
    }
}

fn vps(mut section: Section) -> Option<Vps> {
    let veid = section.number("veid", "123456");
    let veid = section.required("veid", veid, "123456");
    let api_key = section.secret("api_key");
    let api_key = section.required("api_key", api_key, "{ env = \"KIWIVM_API_KEY\" }");
    let vps = Vps {
        name: section.name.clone(),
        veid: veid.unwrap_or_default(),
        api_key: api_key.clone().unwrap_or(SecretSource::Env(String::new())),
        url: section.url("url", &WEB, &format!("{KIWIVM_URL:?}")).unwrap_or_else(|| KIWIVM_URL.into()),
        downloaders: section.texts("downloaders", "[\"tokyo-qb\"]"),
        timeout: section.duration("timeout").unwrap_or(TIMEOUT),
        transport: transport(&mut section),
        default: section.flag("default").unwrap_or_default(),
    };
    section.close();
    (veid.is_some() && api_key.is_some()).then_some(vps)
}

fn pbh(mut section: Section) -> Option<Pbh> {
    let example = "\"http://127.0.0.1:9898\"";
    let url = section.url("url", &WEB, example);
    let url = section.required("url", url, example);
    let token = section.secret("token");
    let token = section.required("token", token, "{ env = \"PBH_TOKEN\" }");
    let timeout = section.duration("timeout").unwrap_or(TIMEOUT);
    let transport = transport(&mut section);
    let headers = section.get("headers").and_then(|field| headers(&field)).unwrap_or_default();
    let basic_auth = section.get("basic_auth").and_then(|field| basic_auth(&field));
    let default = section.flag("default").unwrap_or_default();
    let name = section.name.clone();
    section.close();
    Some(Pbh { name, url: url?, token: token?, timeout, transport, headers, basic_auth, default })
}

fn headers(field: &Field) -> Option<Vec<(String, String)>> {
    let section = field.section("headers = { \"X-Name\" = \"value\" }")?;
    let mut headers = Vec::new();
    for field in section.all() {
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if field.name().is_empty() || !field.name().chars().all(token) {
            field.refuse::<()>("is not the name of a header", "write it as `\"X-Name\" = \"value\"`");
        } else if ["authorization", "host", "content-length", "content-type"].contains(&&*field.name().to_lowercase()) {
            field
                .refuse::<()>("is a header that tidegate sets itself", "take it away; a proxy's login is `basic_auth`");
        } else if let Some(value) = field.text("\"value\"") {
            if value.chars().any(|c| c.is_control()) {
                field.refuse::<()>("holds a line break or another control character", "take it out");
            }
            headers.push((field.name().to_owned(), value));
        }
    }
    Some(headers)
}

fn basic_auth(field: &Field) -> Option<(String, SecretSource)> {
    let mut section = field.section("basic_auth = { username = \"me\", password = { env = \"NAME\" } }")?;
    let username = section.text("username", "\"me\"");
    let username = section.required("username", username, "\"me\"");
    let password = section.secret("password");
    let password = section.required("password", password, "{ env = \"NAME\" }");
    section.close();
    username.zip(password)
}

fn downloader(mut section: Section, pbhs: &[&str]) -> Option<Downloader> {
    speakable(&section);
    let pbh = section.text("pbh", "\"home\"");
    if let Some(name) = pbh.as_deref().filter(|name| !pbhs.contains(name)) {
        let hint = suggestion(name, pbhs.iter().copied()).unwrap_or_else(|| "write `[pbh.NAME]` for it".into());
        section.problem("pbh", format!("there is no `[pbh.{name}]`"), hint);
    }
    let kind = section.word("type", &DOWNLOADERS);
    let url = section.url("url", &WEB, "\"http://10.0.0.5:8080\"");
    if !section.has("pbh") {
        let why = "is missing: there is no `pbh` that could tell it";
        if !section.has("url") {
            section.problem("url", why, "write `url = \"http://10.0.0.5:8080\"` or `pbh = \"…\"`");
        }
        if !section.has("type") {
            let known = list(DOWNLOADERS, "or");
            section.problem("type", why, format!("write `type = …` ({known}) or `pbh = \"…\"`"));
        }
    }
    let downloader = Downloader {
        name: section.name.clone(),
        pbh,
        id: section.text("id", "\"…\""),
        kind: kind.map(Into::into),
        url,
        username: section.text("username", "\"admin\""),
        password: section.secret("password"),
        transport: transport(&mut section),
        timeout: section.duration("timeout").unwrap_or(TIMEOUT),
    };
    section.close();
    Some(downloader)
}

fn channel(mut section: Section) -> Option<Channel> {
    let kind = section.word("type", &CHANNELS.map(|(kind, ..)| kind));
    let kind = section.required("type", kind, &format!("\"{}\"", CHANNELS[0].0))?;
    let (_, needed, possible) = CHANNELS.iter().find(|(known, ..)| *known == kind)?;
    let mut settings = BTreeMap::new();
    for key in needed.iter().chain(*possible) {
        let value = section.get(key).and_then(|field| setting(&field));
        if needed.contains(key) {
            section.required(key, value.as_ref(), "\"…\"");
        }
        settings.extend(value.map(|value| ((*key).to_owned(), value)));
    }
    let name = section.name.clone();
    section.close();
    Some(Channel { name, kind: kind.into(), settings })
}

fn setting(field: &Field) -> Option<Setting> {
    match field.value {
        DeValue::Table(_) => field.secret().map(Setting::Secret),
        DeValue::Boolean(value) => Some(Setting::Bool(*value)),
        DeValue::Integer(_) | DeValue::Float(_) => field.number().map(Setting::Number),
        DeValue::String(_) if field.name() == "url" => {
            field.url(&WEB, "\"https://push.example.org/…\"").map(Setting::Text)
        }
        _ => field.text("\"…\"").map(Setting::Text),
    }
}

fn script(mut section: Section, default: Mode) -> ScriptSettings {
    let settings = ScriptSettings {
        grants: Grants { allow: grants(&mut section, "allow"), deny: grants(&mut section, "deny") },
        mode: mode(&mut section).unwrap_or(default),
        enabled: section.flag("enabled").unwrap_or(true),
    };
    if let Some(name) = section.name.strip_suffix(".rhai") {
        let message = "a script is named without `.rhai`";
        section.notes.problem(&section.path, Some(section.line), message, Some(format!("write `[script.{name:?}]`")));
    }
    section.close();
    settings
}

fn grants(section: &mut Section, key: &'static str) -> Vec<Grant> {
    let texts = section.texts(key, "[\"kiwivm/tokyo:snapshot_delete\"]").unwrap_or_default();
    let mut grants = Vec::new();
    for text in texts {
        match Grant::parse(&text) {
            Ok(grant) => grants.push(grant),
            Err(message) => section.problem(key, message, ""),
        }
    }
    grants
}

fn secrets(top: &mut Section) -> BTreeMap<String, SecretSource> {
    let Some(section) = table(top, "secret") else { return BTreeMap::new() };
    let read = |field: Field| Some((field.name().to_owned(), field.secret()?));
    section.all().into_iter().filter_map(read).collect()
}

fn limits(mut section: Section) -> Limits {
    let usual = Limits::default();
    let limits = Limits {
        operations: section.number("operations", "10_000_000").unwrap_or(usual.operations),
        timeout: section.duration("timeout").unwrap_or(usual.timeout),
        string: section.size("string").and_then(|size| size.try_into().ok()).unwrap_or(usual.string),
        array: section.count("array", "1_000_000").unwrap_or(usual.array),
        map: section.count("map", "1_000_000").unwrap_or(usual.map),
        call_depth: section.count("call_depth", "64").unwrap_or(usual.call_depth),
        runs: section.count("runs", "16").unwrap_or(usual.runs),
        reply: section.size("reply").unwrap_or(usual.reply),
        grace: section.duration("grace").unwrap_or(usual.grace),
    };
    section.close();
    limits
}

fn server(mut section: Section) -> Server {
    let server = Server { address: section.text("address", "\"127.0.0.1:9899\""), token: section.secret("token") };
    not_used_yet(&section);
    section.close();
    server
}
