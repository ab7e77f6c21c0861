//! What can be found out of somebody's services before there is a configuration: whether they answer, whether token and
//! key are right, and which torrent client runs where.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::address::Ip;
use crate::clock::SystemClock;
use crate::config::{self, Config};
use crate::error::{Error, Kind, Result};
use crate::fleet::{Member, discovery};
use crate::host::{Host, Setting, Storage};
use crate::journal::Silent;
use crate::network;
use crate::recorder::{self, Talk};
use crate::time::{Clock, Duration};
use crate::vault::Env;

/// What an address looks like.
const FORM: &str = "write it as `http://host:port`";
/// How long one service may take.
pub(super) const PATIENCE: Duration = Duration::from_seconds(15);
/// How long somebody is waited for who may not be there at all.
pub(super) const GLANCE: Duration = Duration::from_seconds(2);

/// Asks services, each under a configuration of its own that is written nowhere.
pub(super) struct Survey {
    pub runtime: tokio::runtime::Runtime,
    pub env: Env,
}

/// What a VPS says of itself.
pub(super) struct Machine {
    pub plan: String,
    pub location: String,
    pub addresses: Vec<String>,
}

/// A torrent client, as its PBH reaches it.
pub(super) struct Client {
    pub name: String,
    pub url: String,
}

impl Survey {
    /// A host of these tables, and the time until which it is asked.
    async fn host(&self, tables: &str, patience: Duration) -> Result<(Arc<Host>, Talk)> {
        let config = Config::load(tables, Path::new("tidegate.toml"), &|name| (self.env)(name))
            .map_err(|problems| config::error(None, &problems))?;
        let setting = Setting {
            clock: SystemClock::new(),
            env: Arc::clone(&self.env),
            journal: Arc::new(Silent),
            storage: Storage::Memory,
            accepts_any_instance: false,
        };
        let host = Host::open(config, setting).await?;
        let talk = Talk::silent(Arc::clone(&host.clock), host.clock.now() + patience);
        Ok((host, talk))
    }

    /// An address as the configuration takes it; `called` is what it is the address of, or its variable.
    ///
    /// # Errors
    /// `config` where it would be refused there.
    pub fn address(&self, called: &str, given: &str) -> Result<String> {
        // What has no scheme was copied from a browser, which hides that of most local pages.
        let given = if given.contains("://") { given.to_owned() } else { format!("http://{given}") };
        let tables = pbh_table(&given, "unknown");
        let config = Config::load(&tables, Path::new("tidegate.toml"), &|name| (self.env)(name))
            .map_err(|problems| Error::new(Kind::Config, format!("{called}: {}", reason(&problems))).hint(FORM))?;
        Ok(config.pbh.into_values().next().map_or(given, |pbh| pbh.url))
    }

    /// Whether a VPS can have that name.
    ///
    /// # Errors
    /// `config` where it could not be written in a grant.
    pub fn named(&self, name: &str) -> Result<()> {
        let tables = format!("[vps.{}]\nveid = 1\napi_key = \"unknown\"\n", super::document::text(name));
        let loaded = Config::load(&tables, Path::new("tidegate.toml"), &|name| (self.env)(name));
        loaded.map(drop).map_err(|problems| Error::new(Kind::Config, reason(&problems)))
    }

    /// The version of a PBH, which it tells everybody.
    ///
    /// # Errors
    /// Where it does not answer, or must not be asked.
    pub fn version(&self, url: &str, patience: Duration) -> Result<String> {
        let tables = pbh_table(url, "unknown");
        self.runtime.block_on(async {
            let (host, talk) = self.host(&tables, patience).await?;
            host.fleet.pbh(None)?.server_version(&talk).await
        })
    }

    /// The version of a PBH, and its torrent clients.
    ///
    /// # Errors
    /// Where it does not answer, or does not accept the token.
    pub fn pbh(&self, url: &str, token: &str) -> Result<(String, Vec<Client>)> {
        let tables = pbh_table(url, token);
        self.runtime.block_on(async {
            let (host, talk) = self.host(&tables, PATIENCE).await?;
            let pbh = host.fleet.pbh(None)?;
            let version = pbh.server_version(&talk).await?;
            // The version is open to everybody; this one needs the token.
            recorder::call(&pbh, "statistic_counter", Vec::new(), Map::new(), &talk).await?;
            // A PBH that has just been set up has none, and one that cannot say so is no reason to end.
            let members = host.fleet.downloaders_of(pbh.name(), &talk).await.unwrap_or_default();
            let client = |member: &Arc<Member>| Client { name: member.name().into(), url: member.link.url.clone() };
            Ok((version, members.iter().map(client).collect()))
        })
    }

    /// What a VPS is.
    ///
    /// # Errors
    /// Where KiwiVM does not answer, or does not accept the key.
    pub fn vps(&self, veid: u64, key: &str, url: Option<&str>) -> Result<Machine> {
        let url = url.map(|url| format!("url = {}\n", super::document::text(url))).unwrap_or_default();
        let tables = format!("[vps.main]\nveid = {veid}\napi_key = {}\n{url}", super::document::text(key));
        self.runtime.block_on(async {
            let (host, talk) = self.host(&tables, PATIENCE).await?;
            let info =
                recorder::call(&*host.fleet.vps(None)?, "get_service_info", Vec::new(), Map::new(), &talk).await?;
            let text = |key: &str| info[key].as_str().unwrap_or_default().to_owned();
            let addresses = info["ip_addresses"].as_array().into_iter().flatten().filter_map(Value::as_str);
            Ok(Machine {
                plan: text("plan"),
                location: text("node_location"),
                addresses: addresses.map(ToOwned::to_owned).collect(),
            })
        })
    }

    /// Whether the host of an address is one of these addresses and networks.
    pub fn is_at(&self, url: &str, addresses: &[String]) -> bool {
        let Some(name) = discovery::host(url) else { return false };
        let found = self.runtime.block_on(async {
            let clock = SystemClock::new();
            let deadline = clock.now() + GLANCE;
            network::resolve(&*clock, &name, deadline).await
        });
        found.unwrap_or_default().iter().any(|ip| addresses.iter().any(|network| within(*ip, network)))
    }
}

fn pbh_table(url: &str, token: &str) -> String {
    format!("[pbh.home]\nurl = {}\ntoken = {}\n", super::document::text(url), super::document::text(token))
}

/// What the configuration has against an answer.
fn reason(problems: &[config::Problem]) -> &str {
    problems.first().map(|problem| problem.message.as_str()).unwrap_or_default()
}

/// Whether an address is that address, or in that network.
fn within(ip: Ip, network: &str) -> bool {
    network.parse::<Ip>().is_ok_and(|network| network.contains(ip))
}
