//! What a PBH says of its clients, and how the configuration corrects it.

use std::sync::Arc;

use futures::future::try_join_all;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Member;
use crate::api::decode::{Build, Key};
use crate::client::{Args, Client};
use crate::config::{self, Transport};
use crate::downloader::aria2::Aria2;
use crate::downloader::biglybt::BiglyBt;
use crate::downloader::bitcomet::BitComet;
use crate::downloader::deluge::Deluge;
use crate::downloader::qbittorrent::QBittorrent;
use crate::downloader::transmission::Transmission;
use crate::downloader::unsupported::Unsupported;
use crate::downloader::{Downloader, Link};
use crate::error::{Error, Kind, Result};
use crate::http::Http;
use crate::recorder::{self, Talk, call_row};
use crate::secret::{Masker, Secret};
use crate::time::{Duration, Time};
use crate::vault::Vault;

/// A client as its PBH describes it.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub id: String,
    pub name: String,
    pub kind: Option<String>,
    pub url: Option<String>,
    /// Where below that its RPC is.
    pub path: Option<String>,
    pub username: Option<String>,
    pub password: Option<Secret>,
    /// Or its token.
    pub api_key: Option<Secret>,
    pub basic: Option<(String, Secret)>,
    pub insecure: bool,
    pub increment_ban: bool,
    pub unsupervised: bool,
}

impl Found {
    /// Nothing but a name.
    pub fn named(name: &str) -> Self {
        Self { id: name.into(), name: name.into(), ..Self::default() }
    }
}

/// One item of `downloaders_list`; version 7 has no id, its key is the name.
#[derive(Deserialize)]
struct Item {
    id: Option<String>,
    name: Option<String>,
    r#type: String,
}

/// What matters of `downloader_status.config`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Settings {
    endpoint: Option<String>,
    rpc_url: Option<String>,
    username: Option<String>,
    password: Option<String>,
    api_key: Option<String>,
    token: Option<String>,
    basic_auth: Option<Basic>,
    verify_ssl: Option<bool>,
    increment_ban: Option<bool>,
    paused: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Basic {
    user: Option<String>,
    pass: Option<String>,
}

/// Asks a PBH which clients it has and how it reaches each of them.
pub async fn ask(pbh: &Client, talk: &Talk) -> Result<Vec<Found>> {
    let items: Vec<Item> = parse(pbh, "downloaders_list", exposed(pbh, "downloaders_list", None, talk).await?)?;
    try_join_all(items.into_iter().map(|item| async move {
        let id = item.id.or_else(|| item.name.clone()).unwrap_or_default();
        let mut status = exposed(pbh, "downloader_status", Some(&id), talk).await?;
        let settings = status.get_mut("config").map(Value::take).unwrap_or_default();
        let settings: Settings = parse(pbh, "downloader_status", settings)?;
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        let basic = settings.basic_auth.unwrap_or_default();
        Ok(Found {
            name: item.name.unwrap_or_else(|| id.clone()),
            id,
            kind: Some(item.r#type),
            url: filled(settings.endpoint),
            path: filled(settings.rpc_url),
            username: settings.username,
            password: filled(settings.password).map(Secret::new),
            api_key: filled(settings.api_key).or_else(|| filled(settings.token)).map(Secret::new),
            basic: filled(basic.user).map(|user| (user, Secret::new(basic.pass.unwrap_or_default()))),
            insecure: !settings.verify_ssl.unwrap_or(false),
            increment_ban: settings.increment_ban.unwrap_or(false),
            unsupervised: settings.paused.unwrap_or(false),
        })
    }))
    .await
}

fn parse<T: for<'de> Deserialize<'de>>(pbh: &Client, id: &str, value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| {
        Error::new(Kind::Protocol, format!("the answer is not what it should be: {error}"))
            .from_call(pbh.service().name(), id)
    })
}

/// The reply with its secrets in clear, which is why it never leaves this file.
async fn exposed(pbh: &Client, id: &str, argument: Option<&str>, talk: &Talk) -> Result<Value> {
    let row = recorder::row(pbh.service(), id)?;
    let args = Args::bind(row, argument.map(Into::into).into_iter().collect(), Map::new())?;
    call_row(pbh, row, &args, talk).await?.decode(&mut Exposed)
}

struct Exposed;

impl Build for Exposed {
    type Value = Value;

    fn null(&mut self) -> Value {
        Value::Null
    }

    fn bool(&mut self, value: bool) -> Value {
        value.into()
    }

    fn int(&mut self, value: i64) -> Value {
        value.into()
    }

    fn float(&mut self, value: f64) -> Value {
        value.into()
    }

    fn text(&mut self, value: &str) -> Value {
        value.into()
    }

    fn time(&mut self, value: Time) -> Value {
        value.to_string().into()
    }

    fn duration(&mut self, value: Duration) -> Value {
        value.seconds().into()
    }

    fn ip(&mut self, value: &str) -> Value {
        value.into()
    }

    fn secret(&mut self, value: Secret) -> Value {
        value.expose().into()
    }

    fn list(&mut self, items: Vec<Value>) -> Value {
        items.into()
    }

    fn map(&mut self, entries: Vec<(Key, Value)>) -> Value {
        let name = |key| match key {
            Key::Field(name) => name.to_owned(),
            Key::Data(name) => name,
        };
        Value::Object(entries.into_iter().map(|(key, value)| (name(key), value)).collect())
    }
}

/// Builds clients, and keeps the one there is where nothing has changed: it holds a session.
pub struct Links {
    http: Http,
    vault: Arc<Vault>,
    masker: Masker,
    largest_reply: u64,
}

impl Links {
    /// Of a client that the configuration says nothing about.
    const TIMEOUT: Duration = Duration::from_seconds(15);

    pub fn new(http: Http, vault: Arc<Vault>, masker: Masker, largest_reply: u64) -> Self {
        Self { http, vault, masker, largest_reply }
    }

    /// The client as PBH describes it, with what the configuration says otherwise.
    pub fn member(
        &self,
        pbh: Option<&Client>,
        found: Found,
        over: Option<&config::Downloader>,
        before: &[Arc<Member>],
    ) -> Result<Arc<Member>> {
        let name = over.map_or(found.name.as_str(), |over| over.name.as_str()).to_owned();
        let kind = over.and_then(|over| over.kind.clone()).or(found.kind).unwrap_or_else(|| "qbittorrent".into());
        let url = over.and_then(|over| over.url.clone());
        let unreachable = match (&url, &found.url, pbh) {
            (None, Some(theirs), Some(pbh)) => only_there(&name, theirs, pbh.name(), pbh.url()),
            _ => None,
        };
        let url = url.or(found.url).ok_or_else(|| {
            Error::new(Kind::Config, format!("nothing says where the torrent client `{name}` listens"))
                .hint(format!("write `url = \"http://…\"` under `[downloader.{name}]`"))
        })?;
        let (url, path) = place(&kind, &url, found.path.as_deref());
        for secret in [&found.password, &found.api_key].into_iter().flatten() {
            self.masker.add(secret);
        }
        if let Some((_, secret)) = &found.basic {
            self.masker.add(secret);
        }
        let password = match over.and_then(|over| over.password.as_ref()) {
            Some(source) => Some(self.vault.read(source)?),
            None => found.password,
        };
        let link = Link {
            username: over.and_then(|over| over.username.clone()).or(found.username).unwrap_or_default(),
            // A login of the configuration's own is meant to be used.
            api_key: match over.and_then(|over| over.token.as_ref()) {
                Some(source) => Some(self.vault.read(source)?),
                None => found.api_key.filter(|_| over.is_none_or(|over| over.password.is_none())),
            },
            password,
            basic: found.basic,
            transport: match over {
                Some(over) => Transport {
                    insecure: over.transport.insecure || (over.url.is_none() && found.insecure),
                    ..over.transport.clone()
                },
                None => Transport { insecure: found.insecure, ..Transport::default() },
            },
            timeout: over.map_or(Self::TIMEOUT, |over| over.timeout),
            largest_reply: self.largest_reply,
            unreachable,
            url,
            path,
        };
        let path = Http::path(&link.transport, &link.url).ok();
        // The same client at the same address with the same login keeps its session.
        let kept = before.iter().find(|member| {
            member.id == found.id && member.name() == name && member.client.kind() == kind && member.link == link
        });
        let client: Arc<dyn Downloader> = match (kept, kind.as_str()) {
            (Some(member), _) => Arc::clone(&member.client),
            (None, "qbittorrent" | "qbittorrentee") => {
                Arc::new(QBittorrent::new(&name, &kind, link.clone(), self.http.clone()))
            }
            (None, "transmission") => Arc::new(Transmission::new(&name, &kind, link.clone(), self.http.clone())),
            (None, "deluge" | "raccoonfink/deluge") => {
                Arc::new(Deluge::new(&name, &kind, link.clone(), self.http.clone()))
            }
            (None, "aria2" | "aria2next") => Arc::new(Aria2::new(&name, &kind, link.clone(), self.http.clone())),
            (None, "biglybt") => Arc::new(BiglyBt::new(&name, &kind, link.clone(), self.http.clone())),
            (None, "bitcomet") => Arc::new(BitComet::new(&name, &kind, link.clone(), self.http.clone())),
            (None, other) => Arc::new(Unsupported::new(&name, other)),
        };
        Ok(Arc::new(Member {
            pbh: pbh.map(|pbh| pbh.name().to_owned()),
            id: found.id,
            increment_ban: found.increment_ban,
            unsupervised: found.unsupervised,
            link,
            path,
            client,
        }))
    }
}

/// Where a client is, and below that where its RPC is: its own path, or the usual one of its type. Whoever copies an
/// address may well include that path.
fn place(kind: &str, url: &str, path: Option<&str>) -> (String, String) {
    let usual = match kind {
        "transmission" => Transmission::PATH,
        "deluge" | "raccoonfink/deluge" => Deluge::PATH,
        "aria2" | "aria2next" => Aria2::PATH,
        _ => "",
    };
    let url = url.trim_end_matches('/');
    let path = path.unwrap_or(usual).trim_end_matches('/');
    let path = if path.is_empty() || path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    (url.strip_suffix(&path).unwrap_or(url).to_owned(), path)
}

/// The host of an address, without brackets.
pub fn host(url: &str) -> Option<String> {
    let url = reqwest::Url::parse(url).ok()?;
    Some(url.host_str()?.trim_matches(['[', ']']).to_owned())
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified())
}

/// Whether an address may mean something only where its PBH runs.
pub fn means_nothing_here(theirs: &str, pbh_url: &str) -> bool {
    let Some(address) = host(theirs) else { return false };
    let bare = !address.contains(['.', ':']) && address != "localhost";
    let here = host(pbh_url).is_some_and(|host| is_local(&host));
    bare || (is_local(&address) && !here)
}

/// What to say when a client does not answer at an address that means something only where its PBH runs: a
/// loopback address, or the name of a container.
fn only_there(name: &str, theirs: &str, pbh: &str, pbh_url: &str) -> Option<String> {
    means_nothing_here(theirs, pbh_url).then(|| {
        format!(
            "`{theirs}` is how PBH reaches it, which may mean nothing here; write the address that works from here:\n\
             [downloader.{}]\npbh = {pbh:?}\nurl = \"http://…\"",
            key(name)
        )
    })
}

/// A key of TOML, in quotes where it needs them.
fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if bare { name.into() } else { format!("{name:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_rpc_is_found_however_its_address_is_written() {
        let place = |kind, url, path| {
            let (url, path) = place(kind, url, path);
            format!("{url} {path}")
        };
        for url in
            ["http://a:9091", "http://a:9091/", "http://a:9091/transmission/rpc", "http://a:9091/transmission/rpc/"]
        {
            assert_eq!(place("transmission", url, None), "http://a:9091 /transmission/rpc", "{url}");
        }
        assert_eq!(place("transmission", "https://a/me", Some("/rpc")), "https://a/me /rpc");
        assert_eq!(place("deluge", "http://a:8112", Some("json")), "http://a:8112 /json");
        // PBH's endpoint of an aria2-next is the whole address.
        assert_eq!(place("aria2next", "http://a:6800/jsonrpc", None), "http://a:6800 /jsonrpc");
        assert_eq!(place("qbittorrent", "http://a:8080/", None), "http://a:8080 ");
    }

    #[test]
    fn an_address_that_means_something_only_there_is_explained() {
        let says = |theirs, pbh_url| only_there("tokyo qb", theirs, "home", pbh_url);
        for (theirs, pbh_url) in [
            ("http://127.0.0.1:8080", "http://10.0.0.5:9898"),
            ("http://localhost:8080", "https://pbh.example.org/sub"),
            ("http://qbittorrent:8080", "http://127.0.0.1:9898"),
            ("http://[::1]:8080", "http://10.0.0.5:9898"),
        ] {
            let hint = says(theirs, pbh_url).unwrap_or_else(|| panic!("{theirs} from {pbh_url}"));
            assert!(hint.contains(theirs) && hint.contains("[downloader.\"tokyo qb\"]\npbh = \"home\""), "{hint}");
        }
        assert_eq!(says("http://127.0.0.1:8080", "http://localhost:9898"), None);
        assert_eq!(says("http://10.0.0.6:8080", "http://10.0.0.5:9898"), None);
        assert_eq!(says("http://qb.example.org:8080", "http://10.0.0.5:9898"), None);
    }
}
