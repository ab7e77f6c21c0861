//! The tables whose names the user chooses and scripts use: VPSes, PBHs, torrent clients, channels.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::field::Field;
use super::read::Section;
use super::{Downloader, Pbh, SecretSource, Transport, Vps};
use crate::secret::Secret;
use crate::text::suggestion;
use crate::time::Duration;

/// KiwiVM's official service.
pub const KIWIVM_URL: &str = "https://api.64clouds.com/v1";

/// The torrent clients that tidegate can talk to.
pub const DOWNLOADERS: [&str; 6] = ["qbittorrent", "transmission", "deluge", "aria2", "biglybt", "bitcomet"];

/// Headers of requests to PBH that nobody else sets.
const OURS: [&str; 4] = ["authorization", "content-length", "content-type", "host"];

/// How long one request may take where nothing else is said.
pub(super) const TIMEOUT: Duration = Duration::from_seconds(30);

/// Every table that could be read, by name.
pub(super) fn named<'a, T>(
    sections: Vec<Section<'a>>,
    mut read: impl FnMut(Section<'a>) -> Option<T>,
) -> BTreeMap<String, T> {
    let mut values = BTreeMap::new();
    for section in sections {
        let name = section.name.clone();
        if name.trim().is_empty() {
            section.problem("the name is empty", "write one between the quotes");
        }
        values.extend(read(section).map(|value| (name, value)));
    }
    values
}

/// As [`named`], for what grants name (`kiwivm/tokyo:…`) and of which one may be the default.
pub(super) fn instances<'a, T>(
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
                notes.problem(&format!("{path}.default"), line, message, "take one of the two away");
            }
            first.get_or_insert(path);
        }
        Some(value)
    })
}

/// Names that can be written in a grant. PBH lets clients have spaces in theirs.
fn speakable(section: &Section) {
    if let Some(bad) =
        section.name.chars().find(|c| matches!(c, '/' | ':' | '(' | ')' | '*') || (*c != ' ' && c.is_whitespace()))
    {
        section.problem(format!("the name holds `{bad}`"), "use letters, digits, `-` and `_`");
    }
}

pub(super) fn transport(section: &mut Section) -> Transport {
    let tls = section.get("tls", "\"insecure\"").and_then(|field| field.word(&["verify", "insecure"]));
    Transport {
        proxy: section.get("proxy", "\"socks5://127.0.0.1:1080\"").and_then(Field::proxy),
        proxy_private: section.get("proxy_private", "true").and_then(Field::flag).unwrap_or_default(),
        ca: section.get("ca", "\"ca.pem\"").and_then(Field::path),
        insecure: tls == Some("insecure"),
        plain_http: section.get("plain_http", "true").and_then(Field::flag).unwrap_or_default(),
        socket: None,
    }
}

pub(super) fn timeout(section: &mut Section) -> Duration {
    section.get("timeout", "\"30s\"").and_then(Field::duration).unwrap_or(TIMEOUT)
}

fn default(section: &mut Section) -> bool {
    section.get("default", "true").and_then(Field::flag).unwrap_or_default()
}

pub(super) fn vps(mut section: Section) -> Option<Vps> {
    let veid = section.need("veid", "123456").and_then(Field::number);
    let api_key = section.need("api_key", "{ env = \"KIWIVM_API_KEY\" }").and_then(Field::secret);
    let url = section.get("url", &format!("{KIWIVM_URL:?}")).and_then(Field::server);
    let downloaders = section.get("downloaders", "[\"tokyo-qb\"]").and_then(Field::texts);
    let timeout = timeout(&mut section);
    let transport = transport(&mut section);
    let default = default(&mut section);
    let name = section.name.clone();
    section.close();
    let url = url.unwrap_or_else(|| KIWIVM_URL.into());
    Some(Vps { name, veid: veid?, api_key: api_key?, url, downloaders, timeout, transport, default })
}

pub(super) fn pbh(mut section: Section) -> Option<Pbh> {
    let url = section.need("url", "\"http://127.0.0.1:9898\"").and_then(Field::server);
    let token = section.need("token", "{ env = \"PBH_TOKEN\" }").and_then(Field::secret);
    let timeout = timeout(&mut section);
    let transport = transport(&mut section);
    let headers = section.get("headers", "{ X-Name = \"value\" }").and_then(|field| headers(&field, &OURS));
    let basic_auth = section.get("basic_auth", "").and_then(|field| basic_auth(&field));
    let version = section.get("version", "\"9.5.0\"").and_then(|field| release(&field));
    let default = default(&mut section);
    let name = section.name.clone();
    section.close();
    let headers = headers.unwrap_or_default();
    Some(Pbh { name, url: url?, token: token?, timeout, transport, headers, basic_auth, version, default })
}

/// A release such as `9.0.10`.
fn release(field: &Field) -> Option<String> {
    let text = field.text_of()?;
    let numbers = text.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    if numbers && text.contains('.') {
        return Some(text.into());
    }
    field.refuse(format!("`{text}` is no release"), "write it as `version = \"9.5.0\"`, as PBH's page shows it")
}

/// Headers by name; `ours` are those that tidegate sets itself. A value is text as it is, or a secret from elsewhere.
/// Text is not taken for a secret: most headers are none.
pub(super) fn headers(field: &Field, ours: &[&str]) -> Option<Vec<(String, SecretSource)>> {
    let mut headers = Vec::new();
    for field in field.section("headers = { X-Name = \"value\" }")?.all("\"value\"") {
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let (name, refused) = (field.key.clone(), |message: &str, hint: &str| field.refuse::<()>(message, hint));
        if name.is_empty() || !name.chars().all(token) {
            refused("is not the name of a header", "write it as `X-Name = \"value\"`");
        } else if ours.contains(&&*name.to_lowercase()) {
            refused("is a header that tidegate sets itself", "take it away; the login of a proxy is `basic_auth`");
        } else if matches!(field.value, DeValue::Table(_)) {
            headers.extend(field.secret().map(|source| (name, source)));
        } else if let Some(value) = field.text_of() {
            if value.chars().any(char::is_control) {
                refused("holds a line break or another control character", "take it out");
            }
            headers.push((name, SecretSource::Literal(Secret::new(value))));
        }
    }
    Some(headers)
}

fn basic_auth(field: &Field) -> Option<(String, SecretSource)> {
    let mut section = field.section("basic_auth = { username = \"me\", password = { env = \"NAME\" } }")?;
    let username = section.need("username", "\"me\"").and_then(Field::text);
    let password = section.need("password", "{ env = \"NAME\" }").and_then(Field::secret);
    section.close();
    username.zip(password)
}

pub(super) fn downloader(mut section: Section, pbhs: &[String]) -> Downloader {
    speakable(&section);
    if !section.has("pbh") {
        for (key, example) in [("url", "\"http://10.0.0.5:8080\""), ("type", "\"qbittorrent\"")] {
            if !section.has(key) {
                let hint = format!("write `{key} = {example}`, or `pbh = …` with the name of a PBH that knows it");
                section.missing(key, "is missing", hint);
            }
        }
    }
    let kind = section.get("type", "\"qbittorrent\"").and_then(|field| field.word(&DOWNLOADERS));
    let downloader = Downloader {
        name: section.name.clone(),
        pbh: section.get("pbh", "\"home\"").and_then(|field| known_pbh(&field, pbhs)),
        id: section.get("id", "\"…\"").and_then(Field::text),
        kind: kind.map(Into::into),
        url: section.get("url", "\"http://10.0.0.5:8080\"").and_then(Field::server),
        username: section.get("username", "\"admin\"").and_then(Field::text),
        password: section.get("password", "{ env = \"NAME\" }").and_then(Field::secret),
        token: section.get("token", "{ env = \"NAME\" }").and_then(Field::secret),
        transport: transport(&mut section),
        timeout: timeout(&mut section),
    };
    section.close();
    downloader
}

pub(super) fn known_pbh(field: &Field, pbhs: &[String]) -> Option<String> {
    let name = field.text_of()?;
    if pbhs.iter().any(|known| known == name) {
        return Some(name.into());
    }
    let hint = suggestion(name, pbhs.iter().map(String::as_str)).unwrap_or_else(|| format!("add `[pbh.{name}]`"));
    field.refuse(format!("there is no `[pbh.{name}]`"), hint)
}
