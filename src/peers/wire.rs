//! What PBH says of torrents and peers, flattened.

use serde::Deserialize;
use serde_json::Value;

use super::{LivePeer, Selection};
use crate::address::Ip;
use crate::time::Time;

/// Where a peer was seen.
pub(super) struct Place {
    pub downloader: String,
    pub vps: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TorrentRow {
    pub id: String,
    hash: String,
    name: String,
    size: i64,
    private_torrent: Option<bool>,
    rt_upload_speed: i64,
    rt_download_speed: i64,
}

impl TorrentRow {
    pub fn wanted(&self, selection: &Selection) -> bool {
        let open = self.private_torrent == Some(false) || !selection.public_only;
        open && (self.rt_upload_speed > 0 || self.rt_download_speed > 0)
    }
}

#[derive(Deserialize)]
pub(super) struct PeerRow {
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
    pub fn flat(self, torrent: &TorrentRow, place: &Place) -> LivePeer {
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
            downloader: place.downloader.clone(),
            vps: place.vps.clone(),
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
pub(super) struct Records {
    pub total: usize,
    pub results: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record {
    ip: String,
    port: i64,
    info_hash: String,
    torrent_is_private: Option<bool>,
    torrent_size: Option<i64>,
    pub downloader: String,
    peer_id: Option<String>,
    client_name: Option<String>,
    peer_progress: f64,
    pub uploaded: i64,
    upload_speed: i64,
    last_flags: Option<String>,
    pub last_time_seen: Time,
}

impl Record {
    pub fn flat(self, place: &Place) -> LivePeer {
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
            torrent_size: self.torrent_size.unwrap_or(0),
            is_private: self.torrent_is_private.unwrap_or(true),
            downloader: place.downloader.clone(),
            vps: place.vps.clone(),
            ..LivePeer::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::api::decode::{Json, decode};
    use crate::api::{Service, Type};

    /// The recorded data of one case, read by its row.
    fn recorded(id: &str, version: &str, case: &str) -> Value {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/pbh/{id}.json"));
        let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let found = cases.iter().find(|entry| entry["version"] == version && entry["case"] == case).unwrap();
        let data = found["response"]["body_json"]["data"].to_string();
        let ty: Type = Service::Pbh.row(id).unwrap().returns;
        decode(data.as_bytes(), &ty, Service::Pbh, &mut Json::default()).unwrap()
    }

    fn peers(version: &str, case: &str) -> Vec<LivePeer> {
        let torrents: Vec<TorrentRow> = serde_json::from_value(recorded("downloader_torrents", "9.5.0", "ok")).unwrap();
        let rows: Vec<PeerRow> = serde_json::from_value(recorded("downloader_torrent_peers", version, case)).unwrap();
        let place = Place { downloader: "QB seed".into(), vps: "tokyo".into() };
        rows.into_iter().map(|row| row.flat(&torrents[0], &place)).collect()
    }

    #[test]
    fn a_recorded_peer_is_one_flat_row() {
        let peer = &peers("9.5.0", "ok")[0];
        let expected = LivePeer {
            ip: "198.51.100.12".into(),
            port: 53315,
            client: "qBittorrent/4.5.2".into(),
            peer_id: "-qB4520-".into(),
            uploaded: 247_756,
            up_speed: 14_252,
            progress: 0.075_000_002_980_232_24,
            flags: "U K I E".into(),
            torrent: "pbh95-sample-two.bin".into(),
            hash: "85216716be293b04346d1a84e5d3daeb88dcc6fe".into(),
            torrent_size: 94_371_840,
            downloader: "QB seed".into(),
            vps: "tokyo".into(),
            ..LivePeer::default()
        };
        assert_eq!(*peer, expected);
    }

    #[test]
    fn what_a_client_does_not_count_is_zero_and_what_nobody_knows_is_empty() {
        let peers = peers("9.0.10", "tr");
        assert!(peers.iter().all(|peer| peer.uploaded == 0 && peer.peer_id.is_empty()), "{peers:?}");
        assert!(peers.iter().any(|peer| peer.ip == "2001:db8::13"));
    }

    #[test]
    fn places_come_from_the_geo_data() {
        let peers = peers("9.0.10", "geo");
        assert_eq!((peers[0].country.as_str(), peers[0].asn.as_str()), ("CN", ""));
        assert!(!peers[0].isp.is_empty());
    }

    #[test]
    fn only_torrents_that_move_are_asked_and_private_ones_only_on_demand() {
        let mut rows: Vec<TorrentRow> = serde_json::from_value(recorded("downloader_torrents", "9.5.0", "ok")).unwrap();
        let all = Selection { public_only: false, ..Selection::default() };
        rows[0].rt_upload_speed = 0;
        assert!(!rows[0].wanted(&all));
        assert!(rows[1].wanted(&Selection::default()));
        for private in [Some(true), None] {
            rows[1].private_torrent = private;
            assert!(!rows[1].wanted(&Selection::default()));
            assert!(rows[1].wanted(&all));
        }
    }

    #[test]
    fn records_have_the_same_shape_as_live_peers() {
        let records: Records =
            serde_json::from_value(recorded("module_swarm_tracking_details", "9.5.0", "orderby_uploaded")).unwrap();
        let place = Place { downloader: "QB seed".into(), vps: String::new() };
        assert_eq!(records.total, 8);
        let first = records.results.into_iter().next().unwrap().flat(&place);
        assert_eq!((first.ip.as_str(), first.uploaded), ("198.51.100.12", 9_116_672));
        assert!(!first.is_private);
    }
}
