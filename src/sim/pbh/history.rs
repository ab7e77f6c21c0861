//! What PBH remembers of torrents and peers.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::bans::{columns, log_json};
use super::{Call, Handler, Outcome, succeeded};
use crate::sim::hub::{Supervised, WAVE, geo_json, list_form, parse};
use crate::sim::net::Answer;
use crate::sim::torrent::{Peer, Torrent};

pub(super) const HANDLERS: &[(&str, Handler)] = &[
    ("torrents_query", query),
    ("torrent_info", torrent_info),
    ("torrent_access_history", |call| {
        let hash = known(call)?;
        accesses(call, |_, torrent| torrent.hash == hash)
    }),
    ("torrent_ban_history", |call| {
        let hash = known(call)?;
        bans(call, |entry| entry["torrentInfoHash"] == json!(hash))
    }),
    ("peer_info", peer_info),
    ("peer_access_history", |call| {
        let ip = address(call);
        accesses(call, |peer, _| Some(peer.guest.ip) == ip)
    }),
    ("peer_ban_history", |call| {
        let ip = address(call).map(|ip| ip.to_string());
        bans(call, |entry| entry["peerIp"].as_str() == ip.as_deref())
    }),
    ("module_swarm_tracking", |call| Ok(Answer::json(200, &json!({"trackedSwarmSize": seen(call).len()})))),
    ("module_swarm_tracking_details", tracking),
];

/// One peer on one torrent of one supervised client.
pub(super) struct Seen<'a> {
    pub client: &'a Supervised,
    pub torrent: &'a Torrent,
    pub peer: &'a Peer,
    /// Row number of the torrent and of this.
    pub torrent_id: usize,
    pub id: usize,
}

/// Everyone who was ever seen, oldest first.
pub(super) fn seen<'a>(call: &'a Call<'_>) -> Vec<Seen<'a>> {
    let state = &*call.state;
    let mut rows = Vec::new();
    let mut torrents = 0;
    for client in &state.hub.clients {
        // Also of one that does not answer now.
        let Some(seedbox) = state.boxes.iter().find(|seedbox| client.text("endpoint") == Some(&seedbox.url)) else {
            continue;
        };
        for torrent in &seedbox.torrents {
            torrents += 1;
            for peer in torrent.everyone().filter(|peer| peer.seen > peer.since || peer.connected) {
                rows.push(Seen { client, torrent, peer, torrent_id: torrents, id: 0 });
            }
        }
    }
    rows.sort_by_key(|row| row.peer.since);
    for (number, row) in rows.iter_mut().enumerate() {
        row.id = number + 1;
    }
    rows
}

/// The hash of the path where the torrent was ever seen: its case counts.
fn known(call: &Call<'_>) -> Result<String, Answer> {
    let hash = call.part("infoHash");
    let torrents = || call.state.boxes.iter().flat_map(|seedbox| &seedbox.torrents);
    if torrents().any(|torrent| torrent.hash == hash) || recorded(call, hash).is_some() {
        Ok(hash.to_owned())
    } else {
        Err(call.refuse(404, "This torrent was never seen here"))
    }
}

/// A torrent that only the ban history knows: what bans by hand are booked on.
fn recorded(call: &Call<'_>, hash: &str) -> Option<Value> {
    let entry = call.state.hub.history.iter().find(|entry| entry.ban.torrent["hash"] == json!(hash))?;
    Some(entry.ban.torrent.clone())
}

/// The torrents of the database, newest first.
fn records(call: &Call<'_>) -> Vec<Value> {
    let people = seen(call);
    let bans = |hash: &str| call.state.hub.history.iter().filter(|e| e.ban.torrent["hash"] == json!(hash)).count();
    let row = |hash: &str, name: &Value, size: &Value| {
        json!({
            "infoHash": hash, "name": name, "size": size, "peerBanCount": bans(hash),
            "peerAccessCount": people.iter().filter(|row| row.torrent.hash == hash).count(),
        })
    };
    let torrents = call.state.boxes.iter().flat_map(|seedbox| &seedbox.torrents);
    let mut rows: Vec<Value> = torrents
        .filter(|torrent| people.iter().any(|row| row.torrent.hash == torrent.hash))
        .map(|torrent| row(&torrent.hash, &json!(torrent.name), &json!(torrent.size)))
        .collect();
    let by_hand = "00000000000000000000";
    if let Some(torrent) = recorded(call, by_hand) {
        rows.push(row(by_hand, &torrent["name"], &torrent["size"]));
    }
    rows.reverse();
    rows
}

fn query(call: &mut Call<'_>) -> Outcome {
    let keyword = call.ask.query("keyword").unwrap_or("").to_lowercase();
    // The keyword is part of an SQL pattern: a percent sign fits everything.
    let keyword = keyword.trim_matches('%').to_owned();
    let rows: Vec<Value> = records(call)
        .into_iter()
        .filter(|row| {
            let text = |key: &str| row[key].as_str().unwrap_or("").to_lowercase();
            text("name").contains(&keyword) || text("infoHash").contains(&keyword)
        })
        .collect();
    let mut columns = vec![("id", ""), ("name", "name"), ("size", "size"), ("infoHash", "infoHash")];
    if !call.old() {
        columns.extend([
            ("info_hash", "infoHash"),
            ("peerBanCount", "peerBanCount"),
            ("peerAccessCount", "peerAccessCount"),
        ]);
    }
    Ok(call.ok(call.sorted(rows, &columns)?))
}

fn torrent_info(call: &mut Call<'_>) -> Outcome {
    let hash = known(call)?;
    let found = records(call).into_iter().find(|row| row["infoHash"] == json!(hash));
    found.map(|row| call.ok(row)).ok_or_else(|| call.refuse(404, "This torrent was never seen here"))
}

fn bans(call: &mut Call<'_>, fits: impl Fn(&Value) -> bool) -> Outcome {
    let rows = call.state.hub.history.iter().rev().map(log_json).filter(fits).collect();
    Ok(call.ok(call.sorted(rows, &columns(call.old()))?))
}

/// The address of the path, with a port or without; nonsense is 127.123.123.123.
fn address(call: &Call<'_>) -> Option<IpAddr> {
    let text = call.part("ip");
    let net = text.parse::<std::net::SocketAddr>().map_or_else(|_| parse(text), |address| address.ip().into());
    (net.prefix_len() == net.max_prefix_len()).then(|| net.addr())
}

fn access_json(row: &Seen<'_>, old: bool) -> Value {
    let Seen { client, torrent, peer, .. } = row;
    let mut value = json!({
        "id": row.id, "address": list_form(peer.guest.ip.into(), old), "port": peer.guest.port,
        "torrent": {
            "id": row.torrent_id, "infoHash": torrent.hash, "name": torrent.name, "size": torrent.size,
            "privateTorrent": torrent.private,
        },
        "downloader": client.reference(), "peerId": peer.guest.peer_id, "clientName": peer.guest.client,
        "uploaded": peer.uploaded.bytes(), "uploadedOffset": peer.uploaded.bytes(), "uploadSpeed": peer.up,
        "downloaded": peer.downloaded.bytes(), "downloadedOffset": peer.downloaded.bytes(), "downloadSpeed": peer.down,
        "lastFlags": peer.flags(), "firstTimeSeen": peer.since.millis(), "lastTimeSeen": peer.seen.millis(),
    });
    if old && let Value::Object(fields) = &mut value {
        fields.remove("port");
    }
    value
}

/// The columns of access histories: the API's names, and since 9.3 the database's own.
const ACCESS: [(&str, &str); 9] = [
    ("id", "id"),
    ("address", "address"),
    ("peerId", "peerId"),
    ("clientName", "clientName"),
    ("uploaded", "uploaded"),
    ("downloaded", "downloaded"),
    ("downloader", "clientName"),
    ("firstTimeSeen", "firstTimeSeen"),
    ("lastTimeSeen", "lastTimeSeen"),
];

fn accesses(call: &mut Call<'_>, fits: impl Fn(&Peer, &Torrent) -> bool) -> Outcome {
    let old = call.old();
    let people = seen(call);
    let mut rows: Vec<Value> =
        people.iter().filter(|row| fits(row.peer, row.torrent)).map(|row| access_json(row, old)).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row["lastTimeSeen"].as_i64()));
    let mut columns = ACCESS.to_vec();
    if old {
        columns.extend([
            ("uploadSpeed", "uploadSpeed"),
            ("downloadSpeed", "downloadSpeed"),
            ("uploadedOffset", "uploadedOffset"),
            ("downloadedOffset", "downloadedOffset"),
            ("lastFlags", "lastFlags"),
        ]);
    } else {
        columns.extend([
            ("port", "port"),
            ("peer_id", "peerId"),
            ("client_name", "clientName"),
            ("upload_speed", "uploadSpeed"),
            ("download_speed", "downloadSpeed"),
            ("uploaded_offset", "uploadedOffset"),
            ("downloaded_offset", "downloadedOffset"),
            ("last_flags", "lastFlags"),
            ("first_time_seen", "firstTimeSeen"),
            ("last_time_seen", "lastTimeSeen"),
        ]);
    }
    Ok(call.ok(call.sorted(rows, &columns)?))
}

fn peer_info(call: &mut Call<'_>) -> Outcome {
    let text = call.part("ip").to_owned();
    let ip = address(call).unwrap_or_else(|| parse(&text).addr());
    let old = call.old();
    let people = seen(call);
    let mine: Vec<_> = people.iter().filter(|row| row.peer.guest.ip == ip).collect();
    let bans = call.state.hub.history.iter().filter(|entry| entry.ip == ip.to_string()).count();
    let never = if old { -1 } else { 0 };
    let first = mine.iter().map(|row| row.peer.since.millis()).min();
    let last = mine.iter().map(|row| row.peer.seen.millis()).max();
    let sum = |of: fn(&Peer) -> u64| {
        if mine.is_empty() { json!(-1) } else { json!(mine.iter().map(|row| of(row.peer)).sum::<u64>()) }
    };
    let place = mine.first().map(|row| row.peer.guest.place);
    let mut data = json!({
        "found": !mine.is_empty() || bans > 0, "address": list_form(ip.into(), true),
        "firstTimeSeen": first.unwrap_or(never), "lastTimeSeen": last.unwrap_or(never), "banCount": bans,
        "torrentAccessCount": mine.len(), "uploadedToPeer": sum(|peer| peer.uploaded.bytes()),
        "downloadedFromPeer": sum(|peer| peer.downloaded.bytes()), "geo": place.map(|place| geo_json(place, ip)),
        "ptrLookup": null,
    });
    if !old {
        data["btnQueryAvailable"] = json!(false);
    }
    Ok(call.ok(data))
}

/// Since the server started. 9.0.10 counts the whole of a connection's bytes again in every wave.
fn tracking(call: &mut Call<'_>) -> Outcome {
    let old = call.old();
    let rows: Vec<Value> = seen(call)
        .iter()
        .map(|row| {
            let Seen { client, torrent, peer, id, .. } = row;
            let waves = u64::try_from((peer.seen - peer.since).millis() / WAVE).unwrap_or(0);
            let times = if old { 1 + waves / 2 } else { 1 };
            let (up, down) = (peer.uploaded.bytes(), peer.downloaded.bytes());
            let mut value = json!({
                "id": id, "ip": list_form(peer.guest.ip.into(), old), "port": peer.guest.port, "infoHash": torrent.hash,
                "torrentIsPrivate": torrent.private, "torrentSize": torrent.size, "downloader": client.id,
                "downloaderProgress": torrent.progress(), "peerId": peer.guest.peer_id,
                "clientName": peer.guest.client, "peerProgress": peer.progress(torrent.size),
                "uploaded": up.saturating_mul(times), "uploadedOffset": up, "uploadSpeed": peer.up,
                "downloaded": down.saturating_mul(times), "downloadedOffset": down, "downloadSpeed": peer.down,
                "lastFlags": peer.flags(), "firstTimeSeen": peer.since.millis(), "lastTimeSeen": peer.seen.millis(),
            });
            if !old {
                value["downloadSpeedMax"] = json!(peer.down);
                value["uploadSpeedMax"] = json!(peer.up);
            }
            value
        })
        .collect();
    let keys: Vec<String> =
        rows.first().and_then(Value::as_object).map_or_else(Vec::new, |row| row.keys().cloned().collect());
    // Column names: the API's own before 9.3, the database's since.
    let names: Vec<(String, String)> =
        keys.iter().map(|key| (if old { key.clone() } else { snake(key) }, key.clone())).collect();
    let columns: Vec<(&str, &str)> = names.iter().map(|(name, key)| (name.as_str(), key.as_str())).collect();
    match call.sorted(rows, &columns) {
        Ok(page) => Ok(call.ok(page)),
        Err(answer) if old && answer.status == 500 => {
            Ok(succeeded(old, 200, false, json!("Unknown column to sort by"), Value::Null))
        }
        Err(answer) => Err(answer),
    }
}

/// `uploadSpeedMax` as the database writes it: `upload_speed_max`.
fn snake(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}
