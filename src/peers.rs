//! Who is connected and who got most: one sweep over the clients of a PBH, and pure ranking.

mod sweep;
mod wire;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::address::Ip;
use crate::api::shapes;
use crate::client::Client;
use crate::error::{Error, Kind, Result};
use crate::fleet::Fleet;
use crate::recorder::Talk;
use crate::text::list;
use crate::time::{Duration, Time};

pub use sweep::live_peers;

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
            let peers = sweep::recorded_peers(fleet, pbh, by, now - last, selection, talk).await?;
            Ok(rank(&peers, by, n, Some(now - last), now, "swarm"))
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(ip: &str, client: &str, uploaded: i64) -> LivePeer {
        LivePeer { ip: ip.into(), client: client.into(), uploaded, ..LivePeer::default() }
    }

    fn top(by: By, n: usize) -> Vec<(String, i64, usize, String, String)> {
        let peers = [
            peer("203.0.113.7", "Xunlei 0.0.1", 500),
            peer("203.0.113.7", "qBittorrent/5.0", 900),
            peer("203.0.113.9", "Xunlei 0.0.1", 700),
            peer("2001:db8::7", "Transmission 4.0", 700),
            peer("198.51.100.1", "Deluge 2.1", 0),
        ];
        rank(&peers, by, n, None, Time::from_seconds(0), "live")
            .into_iter()
            .map(|row| (row.key, row.uploaded, row.peers, row.ip, row.client))
            .collect()
    }

    fn row(key: &str, uploaded: i64, peers: usize, ip: &str, client: &str) -> (String, i64, usize, String, String) {
        (key.into(), uploaded, peers, ip.into(), client.into())
    }

    #[test]
    fn the_connections_of_an_address_add_up() {
        assert_eq!(
            top(By::Ip, 10),
            [
                row("203.0.113.7", 1400, 1, "203.0.113.7", "qBittorrent/5.0"),
                row("2001:db8::7", 700, 1, "2001:db8::7", "Transmission 4.0"),
                row("203.0.113.9", 700, 1, "203.0.113.9", "Xunlei 0.0.1"),
            ]
        );
        assert_eq!(top(By::Ip, 1).len(), 1);
    }

    #[test]
    fn groups_name_their_largest_part() {
        assert_eq!(
            top(By::Prefix, 10),
            [
                row("203.0.113.0/24", 2100, 2, "203.0.113.7", "Xunlei 0.0.1"),
                row("2001:db8::/64", 700, 1, "2001:db8::7", "Transmission 4.0"),
            ]
        );
        assert_eq!(top(By::Client, 1), [row("Xunlei 0.0.1", 1200, 2, "203.0.113.9", "Xunlei 0.0.1")]);
    }

    #[test]
    fn a_selection_is_by_privacy_client_and_bytes() {
        let mut peer = peer("203.0.113.7", "Xunlei 0.0.1", 500);
        let selection = Selection { client: Some("xunlei".into()), min_uploaded: 500, ..Selection::default() };
        assert!(selection.takes(&peer));
        peer.is_private = true;
        assert!(!selection.takes(&peer));
        peer.is_private = false;
        peer.uploaded = 499;
        assert!(!selection.takes(&peer));
    }

    #[test]
    fn an_unknown_word_is_answered_with_those_there_are() {
        assert_eq!(By::parse("asn").unwrap(), By::Asn);
        let error = By::parse("speed").unwrap_err();
        assert!(error.hint.as_ref().unwrap().contains("`prefix`"));
    }
}
