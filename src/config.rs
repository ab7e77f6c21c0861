//! The configuration: one pure function from text and environment to a checked value.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use chrono_tz::Tz;
use serde::Serialize;

use crate::language::Language;
use crate::level::Level;
use crate::permission::Grants;
use crate::secret::Secret;
use crate::time::Duration;

mod changes;
pub mod channels;
mod environment;
mod field;
mod instance;
mod locate;
mod notify;
mod problem;
mod quiet;
mod read;
mod tables;

pub use changes::{Changes, Digest, digest};
pub use channels::{CHANNELS, ChannelType};
pub use instance::{DOWNLOADERS, KIWIVM_URL};
pub use locate::{FILE, locate, read, timezone};
pub use problem::{Problem, error};
pub use quiet::{Collect, Quiet};

/// The environment, as an argument.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A variable of the environment; empty is as good as unset.
fn var(env: Env, name: &str) -> Option<String> {
    env(name).filter(|value| !value.is_empty())
}

/// Where a secret comes from. Files and variables are read by `vault`, again when they change.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum SecretSource {
    Literal(Secret),
    Env(String),
    File(PathBuf),
}

/// The address of a proxy. It may hold a password, so it prints without one.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Proxy(Secret);

impl Proxy {
    pub fn new(url: impl AsRef<str>) -> Self {
        Self(Secret::new(url))
    }

    /// The whole address, for whoever connects.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Without user name and password.
    pub fn shown(&self) -> String {
        let Ok(mut url) = url::Url::parse(self.expose()) else { return "a proxy".into() };
        // Only a URL without a host cannot do without them, and has none.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.as_str().trim_end_matches('/').to_owned()
    }
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(&self.shown())
    }
}

/// How to reach a server; one HTTP client is built for each distinct value.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Transport {
    pub proxy: Option<Proxy>,
    /// Also for private addresses, which are reached past the proxy otherwise.
    pub proxy_private: bool,
    pub ca: Option<PathBuf>,
    pub insecure: bool,
    /// Plain HTTP to a public address is refused without it.
    pub plain_http: bool,
    /// A Unix socket that every connection goes to, whatever the URL says; no configuration names one.
    pub socket: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Vps {
    pub name: String,
    pub veid: u64,
    pub api_key: SecretSource,
    pub url: String,
    /// Names of downloaders, where configured.
    pub downloaders: Option<Vec<String>>,
    pub timeout: Duration,
    pub transport: Transport,
    pub default: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Pbh {
    pub name: String,
    pub url: String,
    pub token: SecretSource,
    pub timeout: Duration,
    pub transport: Transport,
    /// Their values may be secrets.
    pub headers: Vec<(String, SecretSource)>,
    pub basic_auth: Option<(String, SecretSource)>,
    /// The release that it is, for whoever checks scripts where it cannot be asked.
    pub version: Option<String>,
    pub default: bool,
}

/// Overrides what PBH says of a client, or describes a client without PBH.
#[derive(Clone, Debug, PartialEq)]
pub struct Downloader {
    pub name: String,
    pub pbh: Option<String>,
    /// The client's id in that PBH, where names clash.
    pub id: Option<String>,
    /// `qbittorrent`, `transmission`, …; from PBH where absent.
    pub kind: Option<String>,
    pub url: Option<String>,
    pub username: Option<String>,
    pub password: Option<SecretSource>,
    /// In place of a login: aria2, BiglyBT, qBittorrent from 5.2 on.
    pub token: Option<SecretSource>,
    pub transport: Transport,
    pub timeout: Duration,
}

/// A channel of `notify`.
#[derive(Clone, Debug, PartialEq)]
pub struct Channel {
    pub name: String,
    pub kind: &'static ChannelType,
    /// What its type asks for, by key; secrets among them already as sources.
    pub settings: BTreeMap<String, Setting>,
    pub policy: Policy,
    pub timeout: Duration,
    pub transport: Transport,
}

/// What a channel lets through, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// What matters less is not sent here.
    pub min_level: Level,
    /// When only errors are let through; the others come together at its end.
    pub quiet: Option<Quiet>,
    /// Messages come together at these times, errors at once.
    pub digest: Option<Collect>,
    /// Messages within an hour; the others come together afterwards.
    pub per_hour: Option<u64>,
    /// The channel that has a message where this one fails.
    pub fallback: Option<String>,
    /// Whether it gets messages that name no channel.
    pub default: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { min_level: Level::Info, quiet: None, digest: None, per_hour: None, fallback: None, default: true }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    Text(String),
    Texts(Vec<String>),
    Pairs(Vec<(String, SecretSource)>),
    Number(u64),
    Bool(bool),
    Secret(SecretSource),
}

/// How the daemon speaks for itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Runtime {
    /// Channels; every default one where absent, none where empty.
    pub notify: Option<Vec<String>>,
    /// What matters less is only in the log.
    pub level: Level,
}

impl Default for Runtime {
    fn default() -> Self {
        Self { notify: None, level: Level::Warn }
    }
}

/// A sign of life for somebody who notices when it stops.
#[derive(Clone, Debug, PartialEq)]
pub struct Heartbeat {
    /// The address; it is a secret in most services of this kind.
    pub url: Setting,
    pub every: Duration,
    /// Without them there is no sign; every script where absent.
    pub scripts: Option<Vec<String>>,
    pub post: bool,
    pub timeout: Duration,
    pub transport: Transport,
}

/// Whether writes happen.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A dry run: reads happen, everything else is recorded.
    Watch,
    #[default]
    Live,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ScriptSettings {
    pub grants: Grants,
    pub mode: Mode,
    pub enabled: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Operations of one run.
    pub operations: u64,
    /// Default wall time of one run.
    pub timeout: Duration,
    pub string: usize,
    pub array: usize,
    pub map: usize,
    pub call_depth: usize,
    /// Runs that work (rather than wait) at the same time.
    pub runs: usize,
    /// Bytes of one reply.
    pub reply: u64,
    /// What the first signal leaves running scripts.
    pub grace: Duration,
    /// Failures in a row that switch a trigger off; 0 for never.
    pub failures: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            operations: 10_000_000,
            timeout: Duration::from_seconds(60),
            string: 16 * 1024 * 1024,
            array: 1_000_000,
            map: 1_000_000,
            call_depth: 64,
            runs: 16,
            reply: 256 * 1024 * 1024,
            grace: Duration::from_seconds(10),
            failures: 10,
        }
    }
}

/// How long the run history is kept. Runs that failed or changed something outlive the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Retention {
    /// Runs that failed or changed something.
    pub age: Duration,
    /// Runs that went well and changed nothing.
    pub dull: Duration,
    /// What exactly those did.
    pub traces: Duration,
    /// Bytes of the database; above that the least interesting goes first.
    pub size: u64,
}

impl Default for Retention {
    fn default() -> Self {
        let days = |days: i64| Duration::from_seconds(days * 86_400);
        Self { age: days(400), dull: days(30), traces: days(3), size: 150 * 1024 * 1024 }
    }
}

/// The daemon's own server: webhooks of scripts.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// What requests must bring along; there is one where others can reach the address.
    pub token: Option<SecretSource>,
    /// Names that it may be asked by, beside `localhost` and addresses: against pages that lead a browser here.
    pub hosts: Vec<String>,
    /// Bytes of one request's body.
    pub body: u64,
    /// Whether the table is there: then it listens even where no script has a webhook.
    pub configured: bool,
}

impl Server {
    /// The address of a path, as somebody on this machine reaches it.
    pub fn url(&self, path: &str) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
        }
        format!("http://{address}{path}")
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            address: (Ipv4Addr::LOCALHOST, 9899).into(),
            token: None,
            hosts: Vec::new(),
            body: 1024 * 1024,
            configured: false,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The file it came from; `None` where the environment alone defines it.
    pub file: Option<PathBuf>,
    pub timezone: Tz,
    /// As configured, else that of the locale.
    pub language: Language,
    pub mode: Mode,
    pub scripts: PathBuf,
    pub data: PathBuf,
    pub vps: BTreeMap<String, Vps>,
    pub pbh: BTreeMap<String, Pbh>,
    pub downloader: BTreeMap<String, Downloader>,
    pub notify: BTreeMap<String, Channel>,
    pub script: BTreeMap<String, ScriptSettings>,
    pub secret: BTreeMap<String, SecretSource>,
    pub limits: Limits,
    pub server: Server,
    pub retention: Retention,
    pub runtime: Runtime,
    pub heartbeat: Option<Heartbeat>,
    advice: Vec<Problem>,
    /// Of the text that it was read from, to notice another one.
    digest: Digest,
}

impl Config {
    /// Where a script's own table is, for people.
    pub fn table_of(&self, script: &str) -> String {
        let file = self.file.as_deref().map_or_else(|| FILE.into(), |file| file.display().to_string());
        format!("`[script.{}]` of `{file}`", toml_key(script))
    }

    /// How a grant is written down for a script, whole, with what is granted already.
    pub fn how_to_grant(&self, script: &str, line: &str) -> String {
        let known = self.script.get(script).map(|table| table.grants.allow.as_slice()).unwrap_or_default();
        let all: Vec<_> =
            known.iter().map(ToString::to_string).chain([line.to_owned()]).map(|grant| format!("{grant:?}")).collect();
        format!("write `allow = [{}]` below {}", all.join(", "), self.table_of(script))
    }

    /// Reads a `tidegate.toml`. Relative paths are relative to `file`; `TIDEGATE_DATA` wins over the key `data`.
    ///
    /// # Errors
    /// All problems at once, in the order of their lines.
    pub fn load(text: &str, file: &Path, env: Env) -> Result<Self, Vec<Problem>> {
        good(tables::load(text, file, env))
    }

    /// Without a file: the environment defines the instances, both called `default`.
    ///
    /// # Errors
    /// All problems at once.
    pub fn from_env(env: Env) -> Result<Self, Vec<Problem>> {
        good(environment::load(env))
    }

    /// The same, whatever is wrong with it: for whoever says himself what else he needs.
    pub fn glimpse_of_env(env: Env) -> Self {
        environment::load(env).0
    }

    /// The settings of one script: its own, or the defaults.
    pub fn settings(&self, script: &str) -> ScriptSettings {
        self.script.get(script).cloned().unwrap_or(ScriptSettings {
            grants: Grants::default(),
            mode: self.mode,
            enabled: true,
        })
    }

    /// What is allowed but not wise, or without effect: for `check`.
    pub fn advice(&self) -> &[Problem] {
        &self.advice
    }
}

/// A configuration without problems, or the problems.
fn good((config, problems): (Config, Vec<Problem>)) -> Result<Config, Vec<Problem>> {
    if problems.is_empty() { Ok(config) } else { Err(problems) }
}

/// A table name as TOML writes it: quoted unless it is a bare key.
fn toml_key(name: &str) -> String {
    if name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')) {
        name.into()
    } else {
        format!("{name:?}")
    }
}

#[cfg(test)]
mod tests;
