//! What PBH banned lately, and what that adds up to.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::listing::HAND;
use crate::address::Ip;
use crate::api::shapes;
use crate::client::Client;
use crate::error::{Error, Kind, Result};
use crate::recorder::{self, Talk};
use crate::time::Time;

shapes! {
    /// A ban of PBH's history, flat.
    RecentBan {
        ip: Ip,
        port: Int,
        /// Program and version, as the peer said; `""` for a ban by hand.
        client: Text,
        peer_id: Text,
        /// Bytes sent to it before the ban.
        uploaded: Bytes,
        /// How much of the torrent it had, as it said.
        progress: Share,
        /// Name of the torrent; `""` for a ban by hand.
        torrent: Text,
        hash: Text,
        torrent_size: Bytes,
        /// What banned: the module's class as in `ProgressCheatBlocker`, or `user`.
        banned_by: Text,
        /// In PBH's language.
        rule: Text,
        /// In PBH's language.
        description: Text,
        /// By a person or a script, not by a rule.
        by_hand: Bool,
        downloader: Text,
        at: Millis,
        expires: Millis,
    }

    /// What the bans of a group add up to.
    BanCount {
        key: Text,
        bans: Int,
        addresses: Int,
        /// Bytes sent before those bans.
        uploaded: Bytes,
    }

    /// What PBH banned in a span of time. The lists have the ten largest each.
    BanSummary {
        bans: Int,
        /// Different ones.
        addresses: Int,
        /// Bans by a person or a script.
        by_hand: Int,
        /// Bytes sent before the bans.
        uploaded: Bytes,
        /// By what banned.
        banned_by: [BanCount],
        clients: [BanCount],
        /// By /24 and /64.
        prefixes: [BanCount],
        torrents: [BanCount],
        downloaders: [BanCount],
        since: Millis,
        as_of: Millis,
    }
}

/// The shape of the same name says what each field means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecentBan {
    pub ip: String,
    pub port: i64,
    pub client: String,
    pub peer_id: String,
    pub uploaded: i64,
    pub progress: f64,
    pub torrent: String,
    pub hash: String,
    pub torrent_size: i64,
    pub banned_by: String,
    pub rule: String,
    pub description: String,
    pub by_hand: bool,
    pub downloader: String,
    pub at: Time,
    pub expires: Time,
}

/// The shape of the same name says what each field means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BanCount {
    pub key: String,
    pub bans: usize,
    pub addresses: usize,
    pub uploaded: i64,
}

/// The shape of the same name says what each field means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BanSummary {
    pub bans: usize,
    pub addresses: usize,
    pub by_hand: usize,
    pub uploaded: i64,
    pub banned_by: Vec<BanCount>,
    pub clients: Vec<BanCount>,
    pub prefixes: Vec<BanCount>,
    pub torrents: Vec<BanCount>,
    pub downloaders: Vec<BanCount>,
    pub since: Time,
    pub as_of: Time,
}

#[derive(Deserialize)]
struct Page {
    total: usize,
    results: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    ban_at: Time,
    unban_at: Time,
    peer_ip: String,
    peer_port: i64,
    peer_id: Option<String>,
    peer_client_name: Option<String>,
    peer_uploaded: i64,
    peer_progress: f64,
    torrent_info_hash: String,
    torrent_name: String,
    torrent_size: i64,
    module: String,
    rule: String,
    description: String,
    downloader: Reference,
}

#[derive(Deserialize)]
struct Reference {
    id: Option<String>,
    name: Option<String>,
}

/// Rows of one page, which is as many as PBH gives.
const PAGE: usize = 1000;
/// Groups of one list of a summary.
const LARGEST: usize = 10;

impl Row {
    fn flat(self) -> RecentBan {
        let by_hand = self.peer_id.as_deref() == Some(HAND);
        let told = |text: String| if by_hand { String::new() } else { text };
        let class = self.module.rsplit('.').next().unwrap_or_default().to_owned();
        RecentBan {
            ip: self.peer_ip.parse().map_or(self.peer_ip, |ip: Ip| ip.to_string()),
            port: self.peer_port,
            client: told(self.peer_client_name.unwrap_or_default()),
            peer_id: told(self.peer_id.unwrap_or_default()),
            // -1 is the word of clients that do not count.
            uploaded: self.peer_uploaded.max(0),
            progress: self.peer_progress,
            torrent: told(self.torrent_name),
            hash: told(self.torrent_info_hash),
            torrent_size: self.torrent_size,
            banned_by: if by_hand { "user".into() } else { class },
            rule: self.rule,
            description: self.description,
            by_hand,
            downloader: self.downloader.name.or(self.downloader.id).unwrap_or_default(),
            at: self.ban_at,
            expires: self.unban_at,
        }
    }
}

/// The bans that PBH made since then, newest first: one request for each thousand.
pub async fn recent_bans(pbh: &Client, since: Time, talk: &Talk) -> Result<Vec<RecentBan>> {
    const ROW: &str = "bans_logs";
    let mut bans: Vec<RecentBan> = Vec::new();
    let mut seen = BTreeSet::new();
    for page in 1.. {
        let options = [("page", Value::from(page)), ("pageSize", PAGE.into()), ("orderBy", "banAt|desc".into())];
        let options: Map<_, _> = options.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let value = recorder::call(pbh, ROW, Vec::new(), options, talk).await?;
        let Page { total, results } = serde_json::from_value(value).map_err(|error| {
            Error::new(Kind::Protocol, format!("the answer is not what it should be: {error}")).from_call("pbh", ROW)
        })?;
        let done =
            results.is_empty() || page * PAGE >= total || results.last().is_some_and(|oldest| oldest.ban_at < since);
        for ban in results.into_iter().filter(|row| row.ban_at >= since).map(Row::flat) {
            // A ban that is made meanwhile moves the others, perhaps to the next page.
            if seen.insert((ban.at, ban.ip.clone(), ban.port, ban.hash.clone(), ban.downloader.clone())) {
                bans.push(ban);
            }
        }
        if done {
            break;
        }
    }
    Ok(bans)
}

/// What bans add up to.
pub fn summarise(bans: &[RecentBan], since: Time, as_of: Time) -> BanSummary {
    let groups = |key: fn(&RecentBan) -> String| largest(bans, key);
    BanSummary {
        bans: bans.len(),
        addresses: bans.iter().map(|ban| &ban.ip).collect::<BTreeSet<_>>().len(),
        by_hand: bans.iter().filter(|ban| ban.by_hand).count(),
        uploaded: bans.iter().map(|ban| ban.uploaded).sum(),
        banned_by: groups(|ban| ban.banned_by.clone()),
        clients: groups(|ban| ban.client.clone()),
        prefixes: groups(|ban| ban.ip.parse().map_or_else(|()| ban.ip.clone(), |ip: Ip| ip.prefix(24, 64).to_string())),
        torrents: groups(|ban| ban.torrent.clone()),
        downloaders: groups(|ban| ban.downloader.clone()),
        since,
        as_of,
    }
}

/// The groups with the most bans; what has no key is in none.
fn largest(bans: &[RecentBan], key: fn(&RecentBan) -> String) -> Vec<BanCount> {
    let mut groups: BTreeMap<String, (usize, BTreeSet<&str>, i64)> = BTreeMap::new();
    for ban in bans {
        let (count, addresses, uploaded) = groups.entry(key(ban)).or_default();
        *count += 1;
        addresses.insert(&ban.ip);
        *uploaded += ban.uploaded;
    }
    groups.remove("");
    let mut counts: Vec<_> = groups
        .into_iter()
        .map(|(key, (bans, addresses, uploaded))| BanCount { key, bans, addresses: addresses.len(), uploaded })
        .collect();
    // Stable, so that equals stay in the order of their keys.
    counts.sort_by_key(|count| std::cmp::Reverse((count.bans, count.uploaded)));
    counts.truncate(LARGEST);
    counts
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::api::Service;
    use crate::api::decode::{Json, decode};

    /// The recorded history of one case.
    fn recorded(version: &str, case: &str) -> Vec<RecentBan> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pbh/bans_logs.json");
        let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let found = cases.iter().find(|entry| entry["version"] == version && entry["case"] == case).unwrap();
        let data = found["response"]["body_json"]["data"].to_string();
        let ty = Service::Pbh.row("bans_logs").unwrap().returns;
        let page = decode(data.as_bytes(), &ty, Service::Pbh, &mut Json::default()).unwrap();
        serde_json::from_value::<Page>(page).unwrap().results.into_iter().map(Row::flat).collect()
    }

    #[test]
    fn a_recorded_ban_by_a_rule_is_one_flat_row() {
        let ban = &recorded("9.5.0", "ok")[0];
        assert_eq!((ban.ip.as_str(), ban.port, ban.client.as_str()), ("203.0.113.12", 59653, "qBittorrent/4.5.2"));
        assert_eq!((ban.banned_by.as_str(), ban.by_hand), ("MultiDialingBlocker", false));
        assert_eq!((ban.torrent.as_str(), ban.uploaded), ("pbh95-sample-two.bin", 4_751_360));
        assert_eq!((ban.downloader.as_str(), ban.at.millis()), ("QB seed", 1_795_312_357_142));
    }

    #[test]
    fn a_recorded_ban_by_hand_belongs_to_no_torrent() {
        let bans = recorded("9.0.10", "ok");
        assert!(bans.iter().all(|ban| ban.by_hand && ban.banned_by == "user"), "{bans:?}");
        assert!(bans.iter().all(|ban| ban.torrent.is_empty() && ban.client.is_empty() && ban.hash.is_empty()));
        // In short form, whatever the server's version writes.
        assert!(bans.iter().any(|ban| ban.ip == "2001:db8:ffff::5"));
    }

    #[test]
    fn a_summary_adds_up_and_names_the_largest() {
        let (since, now) = (Time::from_seconds(0), Time::from_seconds(9));
        let mut bans = recorded("9.5.0", "ok");
        let by_rule = bans.len();
        bans.extend(recorded("9.0.10", "ok"));
        let summary = summarise(&bans, since, now);
        assert_eq!((summary.bans, summary.by_hand), (bans.len(), bans.len() - by_rule));
        assert_eq!(summary.uploaded, bans.iter().map(|ban| ban.uploaded).sum::<i64>());
        assert_eq!(summary.banned_by.iter().map(|count| count.bans).sum::<usize>(), bans.len());
        // Bans by hand have neither client nor torrent.
        assert_eq!(summary.clients.iter().map(|count| count.bans).sum::<usize>(), by_rule);
        assert_eq!(summary.torrents.iter().map(|count| count.bans).sum::<usize>(), by_rule);
        let home = summary.prefixes.iter().find(|count| count.key == "203.0.113.0/24").unwrap();
        assert!(home.bans >= home.addresses && home.addresses > 1, "{summary:?}");
        assert!(summary.prefixes.windows(2).all(|pair| pair[0].bans >= pair[1].bans));
        assert_eq!((summary.since, summary.as_of), (since, now));
        assert_eq!(summarise(&[], since, now).prefixes, []);
    }
}
