//! PBH's list of bans: what stands there, and putting more on it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::address::Ip;
use crate::client::Client;
use crate::error::{Error, Kind, Result};
use crate::recorder::{self, Talk};

/// PBH's mark of a ban by hand, in place of a peer's id.
pub(super) const HAND: &str = "-USROPS-";
/// Entries in one page.
const PAGE: usize = 1000;
/// Up to so many addresses are looked up one by one in a list that is longer than a page.
const FEW: usize = 20;

/// Bans and whether each was made by hand.
#[derive(Debug, Default)]
pub(super) struct Listed(BTreeMap<Ip, bool>);

impl Listed {
    /// All of the list, or as much of it as says whether `wanted` is there, where that is cheaper.
    pub async fn read(pbh: &Client, wanted: &[Ip], talk: &Talk) -> Result<Self> {
        let (mut listed, total) = page(pbh, &[("page", 1.into()), ("pageSize", PAGE.into())], talk).await?;
        if total > PAGE && wanted.len() <= FEW && !wanted.iter().any(|ip| ip.is_network()) {
            for ip in wanted {
                let search = [("search", Value::from(ip.to_string())), ("pageSize", PAGE.into())];
                listed.extend(page(pbh, &search, talk).await?.0);
            }
        } else {
            for number in 2..=total.div_ceil(PAGE) {
                listed.extend(page(pbh, &[("page", number.into()), ("pageSize", PAGE.into())], talk).await?.0);
            }
        }
        Ok(Self(listed))
    }

    /// Whether it holds an address, by itself or within a network.
    pub fn holds(&self, ip: Ip) -> bool {
        self.0.contains_key(&ip) || self.0.keys().any(|there| there.is_network() && there.contains(ip))
    }

    /// The entries inside an address or a network, with whether they were made by hand.
    pub fn inside(&self, ip: Ip) -> impl Iterator<Item = (Ip, bool)> {
        self.0.iter().filter(move |(there, _)| ip.contains(**there)).map(|(there, by_hand)| (*there, *by_hand))
    }
}

async fn page(pbh: &Client, options: &[(&str, Value)], talk: &Talk) -> Result<(BTreeMap<Ip, bool>, usize)> {
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    let page = recorder::call(pbh, "bans_list", Vec::new(), options, talk).await?;
    let rows = page["results"]
        .as_array()
        .ok_or_else(|| Error::new(Kind::Protocol, "the page has no `results`").from_call("pbh", "bans_list"))?;
    let entries = rows.iter().filter_map(|row| {
        let by_hand = row["banMetadata"]["peer"]["id"] == HAND;
        Some((row["address"].as_str()?.parse().ok()?, by_hand))
    });
    let total = page["total"].as_u64().and_then(|total| usize::try_from(total).ok()).unwrap_or(rows.len());
    Ok((entries.collect(), total))
}

/// Bans by hand: one request for all of them.
pub(super) async fn add(pbh: &Client, ips: &[Ip], talk: &Talk) -> Result<()> {
    recorder::call(pbh, "bans_add", vec![texts(ips)], Map::new(), talk).await.map(drop)
}

/// Single entries: a network that covers several answers 500 after doing half of it.
pub(super) async fn delete(pbh: &Client, ips: &[Ip], talk: &Talk) -> Result<()> {
    recorder::call(pbh, "bans_delete", vec![texts(ips)], Map::new(), talk).await.map(drop)
}

fn texts(ips: &[Ip]) -> Value {
    ips.iter().map(|ip| Value::from(ip.to_string())).collect()
}
