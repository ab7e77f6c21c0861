//! How PBH writes addresses, torrents, peers and places, by release.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Value, json};

use crate::sim::swarm;
use crate::sim::torrent::{Peer, Torrent};

/// What PBH makes of a text that should be an address: nonsense becomes 127.123.123.123.
pub(in crate::sim) fn parse(text: &str) -> IpNet {
    let text = text.trim();
    text.parse::<IpAddr>()
        .map(IpNet::from)
        .or_else(|_| text.parse::<IpNet>().map(|net| net.trunc()))
        .unwrap_or_else(|_| IpAddr::from([127, 123, 123, 123]).into())
}

/// An address without `/32`, a network with its length.
pub(in crate::sim) fn text_of(net: IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
}

/// The spelling in the ban list: 9.0.10 writes IPv6 addresses out.
pub(in crate::sim) fn list_form(net: IpNet, long: bool) -> String {
    match net.addr() {
        IpAddr::V6(ip) if long => {
            let groups: Vec<String> = ip.segments().iter().map(|group| format!("{group:x}")).collect();
            let text = groups.join(":");
            if net.prefix_len() == 128 { text } else { format!("{text}/{}", net.prefix_len()) }
        }
        _ => text_of(net),
    }
}

/// A full push adds the mapped form of each IPv4 address.
pub(super) fn with_twins(list: &[String]) -> Vec<String> {
    let mut all = Vec::with_capacity(list.len() * 2);
    for text in list {
        all.push(text.clone());
        if let Ok(IpAddr::V4(ip)) = text.parse() {
            all.push(format!("::ffff:{ip}"));
        }
    }
    all
}

pub(super) fn nobody_torrent() -> Value {
    json!({
        "id": "00000000000000000000", "size": 0, "completedSize": 0, "name": "User Operation",
        "hash": "00000000000000000000", "privateTorrent": false, "progress": 0.0, "rtUploadSpeed": 0,
        "rtDownloadSpeed": 0,
    })
}

pub(super) fn nobody(text: &str, old: bool) -> Value {
    json!({
        "address": address_json(text, text, 0, old), "rawIp": text, "id": "-USROPS-", "clientName": "User Operation",
        "downloaded": 0, "downloadSpeed": 0, "uploaded": 0, "uploadSpeed": 0, "progress": 0.0, "flags": null,
    })
}

fn address_json(ip: &str, raw: &str, port: u16, old: bool) -> Value {
    if old {
        json!({"ip": ip, "rawIp": raw, "noNatIP": ip, "port": port, "noNatPort": port})
    } else {
        json!({
            "downloaderRawIp": raw, "downloaderRawPort": port, "teredoClientIp": null, "teredoClientUdpPort": 0,
            "nattedClientIp": null, "nattedClientPort": 0, "ip": ip, "port": port, "natTranslated": false,
            "teredoTranslated": false,
        })
    }
}

/// A torrent as live lists and bans show it.
pub(in crate::sim) fn torrent_json(torrent: &Torrent) -> Value {
    json!({
        "id": torrent.hash, "size": torrent.size, "completedSize": torrent.done.bytes(), "name": torrent.name,
        "hash": torrent.hash, "privateTorrent": torrent.private, "progress": torrent.progress(),
        "rtUploadSpeed": torrent.up, "rtDownloadSpeed": torrent.down,
    })
}

/// A peer as live lists and bans show it.
pub(in crate::sim) fn peer_json(peer: &Peer, torrent: &Torrent, old: bool) -> Value {
    let ip = peer.guest.ip.to_string();
    let raw = std::net::SocketAddr::new(peer.guest.ip, peer.guest.port).to_string();
    json!({
        "address": address_json(&ip, &raw, peer.guest.port, old), "rawIp": raw, "id": peer.guest.peer_id,
        "clientName": peer.guest.client, "downloaded": peer.downloaded.bytes(), "downloadSpeed": peer.down,
        "uploaded": peer.uploaded.bytes(), "uploadSpeed": peer.up, "progress": peer.progress(torrent.size),
        "flags": peer.flags(),
    })
}

/// What PBH's database knows of an address.
pub(in crate::sim) fn geo_json(place: &swarm::Place, ip: IpAddr) -> Value {
    json!({
        "city": {
            "name": place.city, "iso": place.asn, "location": {
                "latitude": place.latitude, "longitude": place.longitude, "timeZone": place.zone, "accuracyRadius": 20,
            },
            "cnProvince": null, "cnCity": null, "cnDistricts": null,
        },
        "country": {"name": place.country, "iso": place.iso},
        "as": {
            "number": place.asn, "organization": place.organization, "ipAddress": ip.to_string(),
            "network": {"ipAddress": base(ip), "prefixLength": if ip.is_ipv4() { 16 } else { 32 }},
        },
        "network": {"isp": place.isp, "netType": null},
    })
}

fn base(ip: IpAddr) -> String {
    let prefix = if ip.is_ipv4() { 16 } else { 32 };
    IpNet::new(ip, prefix).map_or_else(|_| ip.to_string(), |net| net.network().to_string())
}
