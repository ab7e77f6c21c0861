//! Bans: the list, the history, the ranks, and what is done by hand.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::page::Kept;
use super::{Call, Handler, Outcome};
use crate::sim::hub::{Ban, Banned, geo_json, list_form, parse};
use crate::sim::net::pairs;

pub(super) const HANDLERS: &[(&str, Handler)] =
    &[("bans_list", list), ("bans_add", add), ("bans_delete", delete), ("bans_logs", logs), ("bans_ranks", ranks)];

fn ban_json(address: &str, ban: &Ban) -> Value {
    json!({
        "address": address,
        "banMetadata": {
            "downloader": ban.downloader, "torrent": ban.torrent, "peer": ban.peer, "reverseLookup": "N/A",
            "context": ban.by, "banAt": ban.from.millis(), "unbanAt": ban.to.millis(), "rule": ban.rule,
            "description": ban.description,
        },
        "ipGeoData": ban.place.map(|place| geo_json(place, ban.net.addr())),
    })
}

/// Newest first. `search` is decoded a second time.
fn list(call: &mut Call<'_>) -> Outcome {
    let search = match call.ask.query("search") {
        None => String::new(),
        Some(text) => twice(text).ok_or_else(|| {
            call.bad("URLDecoder: Illegal hex characters in escape (%) pattern - the value is not hexadecimal")
        })?,
    };
    let search = search.to_lowercase();
    let hits: Vec<Value> = call
        .state
        .hub
        .bans
        .iter()
        .rev()
        .filter(|(address, ban)| {
            let texts = [address.as_str(), &ban.by, &ban.rule, &ban.description];
            search.is_empty() || texts.iter().any(|text| text.to_lowercase().contains(&search))
        })
        .map(|(address, ban)| ban_json(address, ban))
        .collect();
    Ok(call.ok(call.page(Kept::Memory, hits.into_iter())?))
}

fn twice(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let broken = bytes.iter().enumerate().any(|(i, byte)| {
        *byte == b'%' && !bytes.get(i + 1..i + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    });
    (!broken).then(|| pairs(&format!("search={}", text.replace('&', "%26"))).remove(0).1)
}

/// Addresses of a body; anything but an array is a 500. A null is what PBH makes of nonsense.
fn addresses(call: &Call<'_>, nulls: bool) -> Result<Vec<String>, crate::sim::net::Answer> {
    let Value::Array(items) = call.json()? else { return Err(call.broken()) };
    items
        .into_iter()
        .map(|item| match item {
            Value::String(text) => Ok(text),
            Value::Number(number) => Ok(number.to_string()),
            Value::Null if nulls => Ok(String::new()),
            _ => Err(call.broken()),
        })
        .collect()
}

/// Queues the addresses for the next wave.
fn add(call: &mut Call<'_>) -> Outcome {
    let addresses = addresses(call, true)?;
    if !addresses.is_empty() && call.state.hub.clients.is_empty() {
        return Err(call.broken());
    }
    let count = addresses.len();
    call.state.hub.restless |= count > 0;
    call.state.hub.queue.extend(addresses);
    Ok(call.ok(json!({"count": count})))
}

/// Takes entries off the list at once; the clients hear of it with the next full push, if ever.
fn delete(call: &mut Call<'_>) -> Outcome {
    let addresses = addresses(call, false)?;
    let (count, old) = (addresses.len(), call.old());
    for text in &addresses {
        let hub = &mut call.state.hub;
        let before = hub.bans.len();
        if text == "*" {
            hub.bans.clear();
            hub.push_all = true;
            hub.restless = true;
        } else if text.contains('/') {
            // A network removes what lies in it; written with host bits it finds nothing.
            let Ok(net) = text.parse::<ipnet::IpNet>() else { continue };
            if net == net.trunc() || net.prefix_len() == net.max_prefix_len() {
                hub.bans.retain(|_, ban| !net.contains(&ban.net));
            }
        } else {
            hub.bans.shift_remove(&list_form(parse(text), old));
        }
        let gone = before - hub.bans.len();
        hub.unbans_made += u64::try_from(gone).unwrap_or(0);
        if gone > 1 && text != "*" && !old {
            return Err(call.broken());
        }
    }
    Ok(call.ok(json!({"count": count})))
}

pub(super) fn log_json(entry: &Banned) -> Value {
    let Banned { ban, ip, port, .. } = entry;
    json!({
        "banAt": ban.from.millis(), "unbanAt": ban.to.millis(), "peerIp": ip, "peerPort": port, "peerId": ban.peer["id"],
        "peerClientName": ban.peer["clientName"], "peerUploaded": ban.peer["uploaded"],
        "peerDownloaded": ban.peer["downloaded"], "peerProgress": ban.peer["progress"],
        "torrentInfoHash": ban.torrent["hash"], "torrentName": ban.torrent["name"], "torrentSize": ban.torrent["size"],
        "module": ban.by, "rule": ban.rule, "description": ban.description, "downloader": ban.downloader,
    })
}

/// The columns that ban histories can be sorted by.
pub(super) fn columns(old: bool) -> Vec<(&'static str, &'static str)> {
    let mut columns = vec![
        ("banAt", "banAt"),
        ("unbanAt", "unbanAt"),
        ("peerId", "peerId"),
        ("peerClientName", "peerClientName"),
        ("peerUploaded", "peerUploaded"),
        ("peerDownloaded", "peerDownloaded"),
        ("peerProgress", "peerProgress"),
        ("module", "module"),
        ("rule", "rule"),
        ("description", "description"),
        ("downloader", "module"),
        ("id", "banAt"),
    ];
    let more: &[(&str, &str)] = if old {
        &[
            ("ip", "peerIp"),
            ("port", "peerPort"),
            ("torrentName", "torrentName"),
            ("torrentSize", "torrentSize"),
            ("torrentInfoHash", "torrentInfoHash"),
            ("torrent.name", "torrentName"),
            ("torrent.size", "torrentSize"),
            ("torrent.infoHash", "torrentInfoHash"),
        ]
    } else {
        &[
            ("peerIp", "peerIp"),
            ("peerPort", "peerPort"),
            ("peer_ip", "peerIp"),
            ("peer_port", "peerPort"),
            ("peer_uploaded", "peerUploaded"),
            ("peer_downloaded", "peerDownloaded"),
            ("ban_at", "banAt"),
            ("unban_at", "unbanAt"),
        ]
    };
    columns.extend(more);
    columns
}

fn logs(call: &mut Call<'_>) -> Outcome {
    let rows = call.state.hub.history.iter().rev().map(log_json).collect();
    Ok(call.ok(call.sorted(rows, &columns(call.old()))?))
}

/// Addresses by how often they were banned.
fn ranks(call: &mut Call<'_>) -> Outcome {
    let filter = call.ask.query("filter").unwrap_or("");
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in &call.state.hub.history {
        *counts.entry(&entry.ip).or_default() += 1;
    }
    // The filter is looked for at the beginning.
    let mut rows: Vec<_> = counts.into_iter().filter(|(ip, _)| ip.starts_with(filter)).collect();
    rows.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let rows: Vec<Value> = rows.into_iter().map(|(ip, count)| json!({"peerIp": ip, "count": count})).collect();
    Ok(call.ok(call.page(Kept::Database, rows.into_iter())?))
}
