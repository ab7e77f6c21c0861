//! The instances by name: VPSes, PBHs, and the torrent clients that they know of.

pub mod discovery;
mod own;
mod words;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use futures::future::join_all;
use tokio::sync::Mutex;

use crate::address::Ip;
use crate::client::Client;
use crate::clock::within;
use crate::config::{self, Config};
use crate::downloader::{Downloader, Link};
use crate::error::{Error, Kind, Result};
use crate::http::{self, Http};
use crate::recorder::Talk;
use crate::secret::Masker;
use crate::text::list;
use crate::time::{Clock, Duration, Time};
use crate::vault::Vault;
use discovery::{Found, Links};
use own::Own;
use words::{DOWNLOADER, PBH, VPS, choose, clash, names, unknown};

/// A torrent client and what is known of it beyond its own API.
pub struct Member {
    /// The PBH that supervises it.
    pub pbh: Option<String>,
    /// Its id there, which PBH's routes take.
    pub id: String,
    /// PBH sends it single bans one at a time, which loses those made by hand.
    pub increment_ban: bool,
    /// PBH does not touch it at present.
    pub unsupervised: bool,
    /// Where it listens, and how to get in.
    pub link: Link,
    /// Which way its requests go, where that can be told.
    pub path: Option<http::Path>,
    pub client: Arc<dyn Downloader>,
}

impl Member {
    pub fn name(&self) -> &str {
        self.client.name()
    }

    /// What it is known by in the state store. Not by its id, which nobody tells while its PBH is down.
    pub fn key(&self) -> String {
        format!("{}/{}", self.pbh.as_deref().unwrap_or_default(), self.name())
    }
}

/// The configured instances, and for [`Fleet::FRESH`] what each PBH said of its clients.
pub struct Fleet {
    vps: BTreeMap<String, (config::Vps, Arc<Client>)>,
    pbh: BTreeMap<String, (config::Pbh, Arc<Client>)>,
    overrides: BTreeMap<String, config::Downloader>,
    links: Links,
    own: Own,
    /// Bytes of one reply.
    reply: u64,
    base: Base,
    clock: Arc<dyn Clock>,
    known: BTreeMap<String, Arc<Mutex<Option<Known>>>>,
    /// The clients without a PBH, and those whose PBH is not needed to reach them.
    alone: RwLock<BTreeMap<String, Arc<Member>>>,
}

/// What clients are built from, beside their configuration.
#[derive(Clone)]
struct Base {
    http: Http,
    vault: Arc<Vault>,
    masker: Masker,
}

struct Known {
    at: Time,
    members: Vec<Arc<Member>>,
}

impl Fleet {
    /// How long a PBH's word about its clients is good.
    pub const FRESH: Duration = Duration::from_seconds(30);

    pub fn new(config: &Config, http: Http, vault: Arc<Vault>, masker: Masker, clock: Arc<dyn Clock>) -> Arc<Self> {
        Self::build(config, Base { http, vault, masker }, clock, None)
    }

    /// The fleet of a new configuration. An instance that is described as before stays the same one, with what is
    /// known of its server: a refused secret, a session, what is left of its allowance.
    pub fn renew(&self, config: &Config) -> Arc<Self> {
        Self::build(config, self.base.clone(), Arc::clone(&self.clock), Some(self))
    }

    fn build(config: &Config, base: Base, clock: Arc<dyn Clock>, before: Option<&Self>) -> Arc<Self> {
        let limits = &config.limits;
        let before = before.filter(|before| before.reply == limits.reply);
        let vps = config.vps.iter().map(|(name, vps)| {
            let same = before.and_then(|before| before.vps.get(name)).filter(|(old, _)| old == vps);
            let build = || Client::kiwivm(vps, limits, base.http.clone(), Arc::clone(&base.vault), Arc::clone(&clock));
            (name.clone(), (vps.clone(), same.map_or_else(build, |(_, client)| Arc::clone(client))))
        });
        let vps = vps.collect();
        let pbh: BTreeMap<_, _> = config
            .pbh
            .iter()
            .map(|(name, pbh)| {
                let same = before.and_then(|before| before.pbh.get(name)).filter(|(old, _)| old == pbh);
                let build = || Client::pbh(pbh, limits, base.http.clone(), Arc::clone(&base.vault), Arc::clone(&clock));
                (name.clone(), (pbh.clone(), same.map_or_else(build, |(_, client)| Arc::clone(client))))
            })
            .collect();
        let known = pbh.iter().map(|(name, (pbh, _))| {
            let same = before.filter(|before| before.overrides == config.downloader);
            let same = same.filter(|before| before.pbh.get(name).is_some_and(|(old, _)| old == pbh));
            let known = same.and_then(|before| before.known.get(name)).map(Arc::clone);
            (name.clone(), known.unwrap_or_default())
        });
        let known = known.collect();
        Arc::new(Self {
            vps,
            known,
            pbh,
            overrides: config.downloader.clone(),
            own: Own::new(Arc::clone(&clock)),
            links: Links::new(base.http.clone(), Arc::clone(&base.vault), base.masker.clone(), limits.reply),
            reply: limits.reply,
            base,
            clock,
            alone: RwLock::default(),
        })
    }

    /// The VPS of that name; without one the only one, or the default.
    pub fn vps(&self, name: Option<&str>) -> Result<Arc<Client>> {
        let vps = choose(&self.vps, name, |vps| vps.default, &VPS)?;
        Ok(Arc::clone(vps))
    }

    /// The PBH of that name; without one the only one, or the default.
    pub fn pbh(&self, name: Option<&str>) -> Result<Arc<Client>> {
        let pbh = choose(&self.pbh, name, |pbh| pbh.default, &PBH)?;
        Ok(Arc::clone(pbh))
    }

    pub fn vps_all(&self) -> Vec<Arc<Client>> {
        self.vps.values().map(|(_, client)| Arc::clone(client)).collect()
    }

    pub fn pbh_all(&self) -> Vec<Arc<Client>> {
        self.pbh.values().map(|(_, client)| Arc::clone(client)).collect()
    }

    /// The clients of a PBH.
    pub async fn downloaders_of(&self, pbh: &str, talk: &Talk) -> Result<Vec<Arc<Member>>> {
        let client = self.pbh(Some(pbh))?;
        let known = self.known.get(pbh).ok_or_else(|| Error::internal(format!("no cache for the PBH `{pbh}`")))?;
        let mut known = within(self.clock.as_ref(), talk.deadline, known.lock())
            .await
            .map_err(|_| Error::new(Kind::Timeout, format!("asking `{pbh}` for its downloaders takes too long")))?;
        if let Some(known) = known.as_ref()
            && self.clock.now() - known.at < Self::FRESH
        {
            return Ok(known.members.clone());
        }
        match discovery::ask(&client, talk).await {
            Ok(found) => {
                let before = known.as_ref().map(|known| known.members.as_slice()).unwrap_or_default();
                let members = self.assemble(&client, found, before)?;
                *known = Some(Known { at: self.clock.now(), members: members.clone() });
                Ok(members)
            }
            // Where a client is does not change because its PBH is down: a guard must still reach it.
            Err(error) if matches!(error.kind, Kind::Transport | Kind::Timeout) => match known.as_ref() {
                Some(known) => Ok(known.members.clone()),
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    fn assemble(&self, pbh: &Client, found: Vec<Found>, before: &[Arc<Member>]) -> Result<Vec<Arc<Member>>> {
        let build = |found: Found| {
            let over = self.overrides.values().find(|over| {
                over.pbh.as_deref() == Some(pbh.name())
                    && over.id.as_ref().map_or(over.name == found.name, |id| *id == found.id)
            });
            self.links.member(Some(pbh), found, over, before)
        };
        found.into_iter().map(build).collect()
    }

    /// The client of that name, in whichever PBH or in the configuration.
    pub async fn downloader(&self, name: &str, talk: &Talk) -> Result<Arc<Member>> {
        let over = self.overrides.get(name);
        if let Some(over) = over
            && over.pbh.is_none()
        {
            return self.standalone(over);
        }
        let home = over.and_then(|over| over.pbh.as_deref());
        let mut there = Vec::new();
        let mut failure = None;
        let mut names = Vec::new();
        let pbhs: Vec<_> = self.pbh.keys().filter(|pbh| home.is_none_or(|home| home == *pbh)).collect();
        let answers = join_all(pbhs.iter().map(|pbh| self.downloaders_of(pbh, talk))).await;
        for answer in answers {
            match answer {
                Ok(members) => {
                    names.extend(members.iter().map(|member| member.name().to_owned()));
                    there.extend(members.into_iter().filter(|member| member.name() == name));
                }
                Err(error) => failure = Some(error),
            }
        }
        match (there.len(), failure, over) {
            (1, ..) => Ok(there.remove(0)),
            (2.., ..) => Err(clash(name, &there)),
            (_, _, Some(over)) if over.url.is_some() => self.standalone(over),
            (_, Some(error), _) => Err(error),
            _ => {
                names.extend(self.overrides.keys().cloned());
                names.sort_unstable();
                names.dedup();
                Err(unknown(name, &names, &DOWNLOADER))
            }
        }
    }

    /// The client of a [`Member::key`].
    pub async fn by_key(&self, key: &str, talk: &Talk) -> Result<Arc<Member>> {
        let (pbh, name) = key.split_once('/').unwrap_or(("", key));
        if pbh.is_empty() || self.overrides.contains_key(name) {
            let member = self.downloader(name, talk).await?;
            if member.key() == key {
                return Ok(member);
            }
            return Err(unknown(name, &[], &DOWNLOADER));
        }
        let members = self.downloaders_of(pbh, talk).await?;
        members.iter().find(|member| member.name() == name).cloned().ok_or_else(|| {
            let names: Vec<_> = members.iter().map(|member| member.name().to_owned()).collect();
            unknown(name, &names, &DOWNLOADER)
        })
    }

    /// A client that the configuration describes in full.
    fn standalone(&self, over: &config::Downloader) -> Result<Arc<Member>> {
        let mut alone = self.alone.write().unwrap_or_else(PoisonError::into_inner);
        let before: Vec<_> = alone.get(&over.name).cloned().into_iter().collect();
        let pbh = over.pbh.as_deref().and_then(|name| self.pbh.get(name)).map(|(_, client)| client.as_ref());
        let found = Found { id: over.id.clone().unwrap_or_else(|| over.name.clone()), ..Found::named(&over.name) };
        let member = self.links.member(pbh, found, Some(over), &before)?;
        alone.insert(over.name.clone(), Arc::clone(&member));
        Ok(member)
    }

    /// Every client there is. One PBH that does not answer makes it an error: a list with some missing would
    /// let a guard believe that all is done.
    pub async fn all_downloaders(&self, talk: &Talk) -> Result<Vec<Arc<Member>>> {
        let answers = join_all(self.pbh.keys().map(|pbh| self.downloaders_of(pbh, talk))).await;
        let mut members = Vec::new();
        for answer in answers {
            members.extend(answer?);
        }
        for over in self.overrides.values().filter(|over| over.pbh.is_none()) {
            members.push(self.standalone(over)?);
        }
        Ok(members)
    }

    /// As many of the clients as can be told, and the PBHs that do not answer.
    pub async fn every_downloader(&self, talk: &Talk) -> (Vec<Arc<Member>>, Vec<(String, Error)>) {
        let answers = join_all(self.pbh.keys().map(|pbh| self.downloaders_of(pbh, talk))).await;
        let (mut members, mut failed) = (Vec::new(), Vec::new());
        for (pbh, answer) in self.pbh.keys().zip(answers) {
            match answer {
                Ok(found) => members.extend(found),
                Err(error) => failed.push((pbh.clone(), error)),
            }
        }
        // What the configuration describes is there all the same.
        for over in self.overrides.values() {
            let known = members.iter().any(|member| member.name() == over.name);
            if !known && let Ok(member) = self.standalone(over) {
                members.push(member);
            }
        }
        (members, failed)
    }

    /// The clients that run on a VPS.
    pub async fn vps_downloaders(&self, vps: &str, talk: &Talk) -> Result<Vec<Arc<Member>>> {
        let (config, _) = self.vps.get(vps).ok_or_else(|| unknown(vps, &names(&self.vps), &VPS))?;
        if let Some(names) = &config.downloaders {
            return join_all(names.iter().map(|name| self.downloader(name, talk))).await.into_iter().collect();
        }
        if self.only_pair() {
            return self.all_downloaders(talk).await;
        }
        let there = match self.all_downloaders(talk).await {
            Ok(members) if members.is_empty() => "there is no client yet".to_owned(),
            Ok(members) => format!("there is {}", list(members.iter().map(|member| member.name()), "and")),
            Err(error) => format!("which clients there are cannot be told: {error}"),
        };
        Err(Error::new(Kind::Config, format!("the configuration does not say which clients run on `{vps}`"))
            .hint(format!("write `downloaders = [\"…\"]` under `[vps.{vps}]`; {there}")))
    }

    /// Where one VPS and at most one PBH are configured, there is nothing to mix up.
    fn only_pair(&self) -> bool {
        self.vps.len() == 1 && self.pbh.len() <= 1
    }

    /// The VPS that a client runs on, where the configuration tells.
    pub fn vps_of(&self, member: &Member) -> Option<&str> {
        let named = self.vps.values().find(|(vps, _)| {
            vps.downloaders.as_ref().is_some_and(|names| names.iter().any(|name| name == member.name()))
        });
        let pair = || self.vps.values().next().filter(|(vps, _)| self.only_pair() && vps.downloaders.is_none());
        named.or_else(pair).map(|(vps, _)| vps.name.as_str())
    }

    /// The names of the VPSes.
    pub fn vps_names(&self) -> impl Iterator<Item = &str> {
        self.vps.keys().map(String::as_str)
    }

    /// The addresses in the configuration and in what the PBHs last said: nobody wants to ban those.
    pub async fn addresses(&self) -> Vec<Ip> {
        let mut urls: Vec<_> = self.pbh.values().map(|(pbh, _)| pbh.url.clone()).collect();
        urls.extend(self.overrides.values().filter_map(|over| over.url.clone()));
        for known in self.known.values() {
            if let Some(known) = known.lock().await.as_ref() {
                urls.extend(known.members.iter().map(|member| member.link.url.clone()));
            }
        }
        self.own.addresses(&urls).await
    }
}
