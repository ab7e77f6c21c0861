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
    #[serde(default)]
    torrent_size: i64,
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
            torrent_size: self.torrent_size,
            is_private: self.torrent_is_private.unwrap_or(true),
            downloader: place.downloader.clone(),
            vps: place.vps.clone(),
            ..LivePeer::default()
        }
    }
}
