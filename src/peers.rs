//! Who is connected and who got most: one sweep over the clients of a PBH, and pure ranking.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::address::Ip;
use crate::api::{self, shapes};
use crate::client::Client;
use crate::error::{Error, Kind, Result};
use crate::fleet::{Fleet, Member};
use crate::recorder::{self, Talk};
use crate::text::list;
use crate::time::{Duration, Time};

shapes! {
    /// A peer that one of the clients is connected to.
    LivePeer {
        ip: Ip,
        port: Int,
        /// Program and version, as the peer says.
        client: Text,
        peer_id: Text,
        /// Bytes sent to it in this connection; 0 where the client does not count.
        uploaded: Bytes,
        /// Bytes per second sent to it now.
        up_speed: Speed,
        /// How much of the torrent it has, as it says.
        progress: Share,
        flags: Text,
        /// Two letters.
        country: Text,
        /// Number of the autonomous system, as text.
        asn: Text,
        isp: Text,
        /// Name of the torrent.
        torrent: Text,
        hash: Text,
        torrent_size: Bytes,
        /// True where the client does not say.
        is_private: Bool,
        downloader: Text,
        /// The VPS that the client runs on, `""` where the configuration does not tell.
        vps: Text,
    }

    /// One line of a ranking by bytes sent.
    TopPeer {
        /// What was grouped by: address, network, client, ASN, torrent or country.
        key: Text,
        /// The address that got most within the group.
        ip: Ip,
        /// Bytes sent to the group.
        uploaded: Bytes,
        /// Addresses in the group.
        peers: Int,
        /// The program of most of those bytes.
        client: Text,
        /// From when on it was counted, where that is known.
        since: Millis | null,
        as_of: Millis,
        /// `live`: the connections of this moment; `swarm`: PBH's records since it started.
        source: Text,
    }
}

/// The shape of the same name says what each field means.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LivePeer {
    pub ip: String,
    pub port: i64,
    pub client: String,
    pub peer_id: String,
    pub uploaded: i64,
    pub up_speed: i64,
    pub progress: f64,
    pub flags: String,
    pub country: String,
    pub asn: String,
    pub isp: String,
    pub torrent: String,
    pub hash: String,
    pub torrent_size: i64,
    pub is_private: bool,
    pub downloader: String,
    pub vps: String,
}

/// The shape of the same name says what each field means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TopPeer {
    pub key: String,
    pub ip: String,
    pub uploaded: i64,
    pub peers: usize,
    pub client: String,
    pub since: Option<Time>,
    pub as_of: Time,
    pub source: &'static str,
}

/// Which peers are wanted.
#[derive(Clone, Debug)]
pub struct Selection {
    pub downloader: Option<String>,
    pub vps: Option<String>,
    /// Leaves private torrents alone, and those of which nobody knows.
    pub public_only: bool,
    pub min_uploaded: i64,
    /// Part of the client's name, in any case.
    pub client: Option<String>,
}

impl Default for Selection {
    fn default() -> Self {
        Self { downloader: None, vps: None, public_only: true, min_uploaded: 0, client: None }
    }
}

impl Selection {
    fn takes(&self, peer: &LivePeer) -> bool {
        let client = self.client.as_ref().is_none_or(|part| peer.client.to_lowercase().contains(&part.to_lowercase()));
        let open = !(self.public_only && peer.is_private);
        open && client && peer.uploaded >= self.min_uploaded
    }
}

/// What a ranking adds up by.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum By {
    #[default]
    Ip,
    /// /24 and /64.
    Prefix,
    Client,
    Asn,
    Torrent,
    Country,
}

impl By {
    pub const WORDS: [(&'static str, Self); 6] = [
        ("ip", Self::Ip),
        ("prefix", Self::Prefix),
        ("client", Self::Client),
        ("asn", Self::Asn),
        ("torrent", Self::Torrent),
        ("country", Self::Country),
    ];

    /// # Errors
    /// `argument` with the words there are.
    pub fn parse(word: &str) -> Result<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, by)| *by).ok_or_else(|| {
            Error::new(Kind::Argument, format!("peers cannot be ranked by `{word}`"))
                .hint(format!("write {}", list(Self::WORDS.iter().map(|(word, _)| *word), "or")))
        })
    }
}

/// Requests of one sweep at the same time.
const AT_ONCE: usize = 8;
/// Rows of PBH's records in one page, which is as many as it gives.
const PAGE: usize = 1000;

/// The peers of this moment: per client one request for its torrents, and one for each of those that move data.
pub async fn live_peers(fleet: &Fleet, pbh: &Client, selection: &Selection, talk: &Talk) -> Result<Vec<LivePeer>> {
    let members = chosen(fleet, pbh, selection, talk).await?;
    let lists = stream::iter(&members)
        .map(|member| async move {
            let rows = get::<Vec<TorrentRow>>(pbh, "downloader_torrents", &[&member.id], talk).await?;
            Ok::<_, Error>((member, rows))
        })
        .buffered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    let mut busy = Vec::new();
    for list in lists {
        let (member, rows) = list?;
        busy.extend(rows.into_iter().filter(|row| row.wanted(selection)).map(|row| (member, row)));
    }
    let sweeps = stream::iter(busy)
        .map(|(member, torrent)| async move {
            match get::<Vec<PeerRow>>(pbh, "downloader_torrent_peers", &[&member.id, &torrent.id], talk).await {
                Ok(rows) => Ok(rows.into_iter().map(|row| row.flat(&torrent, member, fleet)).collect::<Vec<_>>()),
                // It was deleted between the two requests.
                Err(error) if error.status == Some(404) => Ok(Vec::new()),
                Err(error) => Err(error),
            }
        })
        .buffered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    let mut peers = Vec::new();
    for sweep in sweeps {
        peers.extend(sweep?.into_iter().filter(|peer| selection.takes(peer)));
    }
    Ok(peers)
}

/// The `n` that got most. With `last`, of all that PBH has seen in that time rather than of this moment.
pub async fn top_peers(
    fleet: &Fleet,
    pbh: &Client,
    n: usize,
    by: By,
    last: Option<Duration>,
    selection: &Selection,
    talk: &Talk,
) -> Result<Vec<TopPeer>> {
    let now = talk.now();
    match last {
        None => Ok(rank(&live_peers(fleet, pbh, selection, talk).await?, by, n, None, now, "live")),
        Some(last) => {
            let peers = recorded_peers(fleet, pbh, by, now - last, selection, talk).await?;
            Ok(rank(&peers, by, n, Some(now - last), now, "swarm"))
        }
    }
}

async fn chosen(fleet: &Fleet, pbh: &Client, selection: &Selection, talk: &Talk) -> Result<Vec<Arc<Member>>> {
    if let Some(vps) = &selection.vps {
        // Says so where there is no such VPS, or nothing tells which clients run on it.
        fleet.vps_downloaders(vps, talk).await?;
    }
    let all = fleet.downloaders_of(pbh.name(), talk).await?;
    if let Some(name) = &selection.downloader
        && !all.iter().any(|member| member.name() == name)
    {
        let there = list(all.iter().map(|member| member.name()), "and");
        return Err(Error::new(Kind::Argument, format!("`{}` has no torrent client called `{name}`", pbh.name()))
            .hint(format!("it has {there}")));
    }
    let wanted = |member: &Arc<Member>| {
        selection.downloader.as_ref().is_none_or(|name| member.name() == name)
            && selection.vps.as_ref().is_none_or(|vps| fleet.vps_of(member) == Some(vps))
    };
    Ok(all.into_iter().filter(wanted).collect())
}

async fn get<T: for<'de> Deserialize<'de>>(pbh: &Client, id: &str, path: &[&str], talk: &Talk) -> Result<T> {
    let path = path.iter().map(|part| Value::from(*part)).collect();
    let value = recorder::call(pbh, id, path, Map::new(), talk).await?;
    parse(id, value)
}

fn parse<T: for<'de> Deserialize<'de>>(id: &str, value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| {
        Error::new(Kind::Protocol, format!("the answer is not what it should be: {error}")).from_call("pbh", id)
    })
}

/// PBH's own records of the swarm since `from`.
async fn recorded_peers(
    fleet: &Fleet,
    pbh: &Client,
    by: By,
    from: Time,
    selection: &Selection,
    talk: &Talk,
) -> Result<Vec<LivePeer>> {
    const ROW: &str = "module_swarm_tracking_details";
    let version = pbh.server_version(talk.deadline).await?;
    let unsupported = |message: String| {
        Error::new(Kind::Unsupported, message).hint("leave `last` out: the peers of this moment").from_call("pbh", ROW)
    };
    if api::version(&version) < (9, 1, 5) {
        return Err(unsupported(format!("PBH counts bytes per peer rightly from 9.1.5, this is {version}")));
    }
    if matches!(by, By::Asn | By::Country) {
        return Err(unsupported("PBH's records know neither networks nor countries of peers".into()));
    }
    let members = chosen(fleet, pbh, selection, talk).await?;
    let mut peers = Vec::new();
    for page in 1.. {
        let options = [("page", Value::from(page)), ("pageSize", PAGE.into()), ("orderBy", "uploaded|desc".into())];
        let options = options.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let value = recorder::call(pbh, ROW, Vec::new(), options, talk).await?;
        let Records { total, results } = parse(ROW, value)?;
        let seen = results.len();
        // The rows come by bytes: from the first without any, there are none.
        let done = seen == 0 || page * PAGE >= total || results.last().is_some_and(|row| row.uploaded <= 0);
        for row in results.into_iter().filter(|row| row.last_time_seen >= from) {
            if let Some(member) = members.iter().find(|member| member.id == row.downloader) {
                peers.push(row.flat(member, fleet));
            }
        }
        if done {
            break;
        }
    }
    peers.retain(|peer| selection.takes(peer));
    Ok(peers)
}

/// Adds up by `by` and gives the first `n`; who got nothing is not among them.
pub fn rank(
    peers: &[LivePeer],
    by: By,
    n: usize,
    since: Option<Time>,
    as_of: Time,
    source: &'static str,
) -> Vec<TopPeer> {
    #[derive(Default)]
    struct Group<'a> {
        uploaded: i64,
        ips: BTreeMap<&'a str, i64>,
        clients: BTreeMap<&'a str, i64>,
    }
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for peer in peers.iter().filter(|peer| peer.uploaded > 0) {
        let group = groups.entry(key(peer, by)).or_default();
        group.uploaded += peer.uploaded;
        *group.ips.entry(&peer.ip).or_default() += peer.uploaded;
        *group.clients.entry(&peer.client).or_default() += peer.uploaded;
    }
    let most = |counts: &BTreeMap<&str, i64>| {
        counts.iter().rev().max_by_key(|(_, uploaded)| **uploaded).map(|(key, _)| (*key).to_owned()).unwrap_or_default()
    };
    let mut top: Vec<_> = groups
        .into_iter()
        .map(|(key, group)| TopPeer {
            key,
            ip: most(&group.ips),
            uploaded: group.uploaded,
            peers: group.ips.len(),
            client: most(&group.clients),
            since,
            as_of,
            source,
        })
        .collect();
    // Stable, so that equals stay in the order of their keys.
    top.sort_by_key(|row| std::cmp::Reverse(row.uploaded));
    top.truncate(n);
    top
}

fn key(peer: &LivePeer, by: By) -> String {
    match by {
        By::Ip => peer.ip.clone(),
        By::Prefix => peer.ip.parse().map_or_else(|()| peer.ip.clone(), |ip: Ip| ip.prefix(24, 64).to_string()),
        By::Client => peer.client.clone(),
        By::Asn => peer.asn.clone(),
        By::Torrent => peer.torrent.clone(),
        By::Country => peer.country.clone(),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TorrentRow {
    id: String,
    hash: String,
    name: String,
    size: i64,
    private_torrent: Option<bool>,
    rt_upload_speed: i64,
    rt_download_speed: i64,
}

impl TorrentRow {
    fn wanted(&self, selection: &Selection) -> bool {
        let open = self.private_torrent == Some(false) || !selection.public_only;
        open && (self.rt_upload_speed > 0 || self.rt_download_speed > 0)
    }
}

#[derive(Deserialize)]
struct PeerRow {
    peer: Peer,
    geo: Option<Geo>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Peer {
    address: Address,
    id: Option<String>,
    client_name: Option<String>,
    uploaded: i64,
    upload_speed: i64,
    progress: f64,
    flags: Option<String>,
}

#[derive(Deserialize)]
struct Address {
    ip: String,
    port: i64,
}

#[derive(Deserialize)]
struct Geo {
    country: Option<Country>,
    r#as: Option<AutonomousSystem>,
    network: Option<Network>,
}

#[derive(Deserialize)]
struct Country {
    iso: Option<Value>,
}

#[derive(Deserialize)]
struct AutonomousSystem {
    number: Option<Value>,
}

#[derive(Deserialize)]
struct Network {
    isp: Option<String>,
}

impl PeerRow {
    fn flat(self, torrent: &TorrentRow, member: &Member, fleet: &Fleet) -> LivePeer {
        let Self { peer, geo } = self;
        let geo = geo.unwrap_or(Geo { country: None, r#as: None, network: None });
        LivePeer {
            ip: canonical(peer.address.ip),
            port: peer.address.port,
            client: peer.client_name.unwrap_or_default(),
            peer_id: peer.id.unwrap_or_default(),
            // -1 is the word of clients that do not count.
            uploaded: peer.uploaded.max(0),
            up_speed: peer.upload_speed.max(0),
            progress: peer.progress,
            flags: peer.flags.unwrap_or_default(),
            country: geo.country.and_then(|country| country.iso).map(plain).unwrap_or_default(),
            asn: geo.r#as.and_then(|system| system.number).map(plain).unwrap_or_default(),
            isp: geo.network.and_then(|network| network.isp).unwrap_or_default(),
            torrent: torrent.name.clone(),
            hash: torrent.hash.clone(),
            torrent_size: torrent.size,
            is_private: torrent.private_torrent.unwrap_or(true),
            downloader: member.name().into(),
            vps: fleet.vps_of(member).unwrap_or_default().into(),
        }
    }
}

fn canonical(text: String) -> String {
    text.parse().map_or(text, |ip: Ip| ip.to_string())
}

fn plain(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[derive(Deserialize)]
struct Records {
    total: usize,
    results: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    ip: String,
    port: i64,
    info_hash: String,
    torrent_is_private: Option<bool>,
    #[serde(default)]
    torrent_size: i64,
    downloader: String,
    peer_id: Option<String>,
    client_name: Option<String>,
    peer_progress: f64,
    uploaded: i64,
    upload_speed: i64,
    last_flags: Option<String>,
    last_time_seen: Time,
}

impl Record {
    fn flat(self, member: &Member, fleet: &Fleet) -> LivePeer {
        LivePeer {
            ip: canonical(self.ip),
            port: self.port,
            client: self.client_name.unwrap_or_default(),
            peer_id: self.peer_id.unwrap_or_default(),
            uploaded: self.uploaded.max(0),
            up_speed: self.upload_speed.max(0),
            progress: self.peer_progress,
            flags: self.last_flags.unwrap_or_default(),
            torrent: self.info_hash.clone(),
            hash: self.info_hash,
            torrent_size: self.torrent_size,
            is_private: self.torrent_is_private.unwrap_or(true),
            downloader: member.name().into(),
            vps: fleet.vps_of(member).unwrap_or_default().into(),
            ..LivePeer::default()
        }
    }
}
