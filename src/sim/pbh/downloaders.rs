//! The supervised downloaders: list, status, live torrents and peers, configuration.

use serde_json::{Map, Value, json};

use super::{Call, Handler, Outcome, succeeded};
use crate::sim::hub::{Supervised, geo_json, peer_json, torrent_json};
use crate::sim::net::Answer;

pub(super) const HANDLERS: &[(&str, Handler)] = &[
    ("downloaders_list", list),
    ("downloader_status", status),
    ("downloader_torrents", torrents),
    ("downloader_torrent_peers", peers),
    ("downloader_create", create),
    ("downloader_update", update),
    ("downloader_delete", delete),
    ("downloader_test", test),
    ("downloaders_scan", scan),
    ("downloaders_scan_legacy", scan),
];

fn list(call: &mut Call<'_>) -> Outcome {
    let list: Vec<Value> = call
        .state
        .hub
        .clients
        .iter()
        .map(|client| {
            let endpoint = client.text("endpoint").unwrap_or("null");
            let suffix = if client.kind().starts_with("qbittorrent") { "/api/v2" } else { "" };
            json!({
                "id": client.id, "name": client.config.get("name"), "endpoint": format!("{endpoint}{suffix}"),
                "type": client.kind(), "paused": client.flag("paused"),
            })
        })
        .collect();
    Ok(call.ok(json!(list)))
}

/// The client of the path, or a 404.
fn client<'a>(call: &'a Call<'_>, part: &str) -> Result<&'a Supervised, Answer> {
    let id = call.part(part);
    call.state.hub.client(id).ok_or_else(|| call.refuse(404, "The downloader that was asked for does not exist"))
}

fn status(call: &mut Call<'_>) -> Outcome {
    let client = client(call, "downloaderId")?;
    let seedbox = client.seedbox(&call.state.boxes);
    let paused = client.flag("paused");
    let (state, message) = match (client.seen, paused, seedbox.is_some()) {
        (false, ..) => ("UNKNOWN", "The status is not known until the next wave is over"),
        (true, true, _) => ("PAUSED", "Supervision of this downloader is paused, peers are not checked at all"),
        (true, false, true) => ("HEALTHY", "Currently working normally"),
        (true, false, false) => ("ERROR", "Login failed: the server is not there"),
    };
    let live = seedbox.filter(|_| !paused && client.seen);
    let moving = || live.iter().flat_map(|seedbox| &seedbox.torrents).filter(|torrent| torrent.up + torrent.down > 0);
    Ok(call.ok(json!({
        "lastStatus": state, "lastStatusMessage": message, "activeTorrents": moving().count(),
        "activePeers": moving().map(|torrent| torrent.peers().count()).sum::<usize>(), "config": client.config,
        "paused": paused,
    })))
}

/// Those that had peers in the last wave, fastest upload first.
fn torrents(call: &mut Call<'_>) -> Outcome {
    let client = client(call, "downloaderId")?;
    let seedbox = client.seedbox(&call.state.boxes).filter(|_| !client.flag("paused"));
    let mut live: Vec<_> =
        seedbox.iter().flat_map(|seedbox| &seedbox.torrents).filter(|t| t.peers().next().is_some()).collect();
    live.sort_by_key(|torrent| std::cmp::Reverse(torrent.up));
    let list: Vec<Value> = live.into_iter().map(torrent_json).collect();
    Ok(call.ok(json!(list)))
}

/// Fastest upload first; an unknown torrent has none.
fn peers(call: &mut Call<'_>) -> Outcome {
    let client = client(call, "downloaderId")?;
    let seedbox = client.seedbox(&call.state.boxes).filter(|_| !client.flag("paused"));
    let Some(torrent) = seedbox.and_then(|seedbox| seedbox.torrent(call.part("torrentId"))) else {
        return Ok(call.ok(json!([])));
    };
    let mut live: Vec<_> = torrent.peers().collect();
    live.sort_by_key(|peer| std::cmp::Reverse(peer.up));
    let list: Vec<Value> = live
        .into_iter()
        .map(|peer| {
            json!({
                "peer": peer_json(peer, torrent, call.old()), "geo": geo_json(peer.guest.place, peer.guest.ip),
                "ptrRecord": null,
            })
        })
        .collect();
    Ok(call.ok(json!(list)))
}

/// A configuration with exactly the keys of its type, as the server keeps it: no default for what was left out.
pub(in crate::sim) fn normal(given: &Map<String, Value>, old: bool) -> Option<Map<String, Value>> {
    let kind = given.get("type").and_then(Value::as_str)?.to_lowercase();
    let texts: &[&str] = match kind.as_str() {
        "qbittorrent" | "qbittorrentee" => &["type", "name", "endpoint", "username", "password", "apiKey"],
        "transmission" => &["name", "type", "endpoint", "username", "password", "rpcUrl"],
        "biglybt" => &["name", "type", "endpoint", "token"],
        "deluge" | "raccoonfink/deluge" => &["name", "type", "endpoint", "password", "rpcUrl"],
        "bitcomet" => &["name", "type", "endpoint", "username", "password"],
        "aria2next" if !old => &["name", "type", "endpoint", "token"],
        _ => return None,
    };
    let flags: &[&str] = match kind.as_str() {
        "qbittorrent" | "qbittorrentee" => &["incrementBan", "useShadowBan", "verifySsl", "ignorePrivate", "paused"],
        "biglybt" | "deluge" | "bitcomet" => &["incrementBan", "verifySsl", "ignorePrivate", "paused"],
        _ => &["verifySsl", "ignorePrivate", "paused"],
    };
    let mut config = Map::new();
    for key in texts.iter().filter(|key| !(old && **key == "apiKey")) {
        config.insert((*key).into(), given.get(*key).cloned().unwrap_or(Value::Null));
    }
    if kind.starts_with("qbittorrent") {
        config.insert("basicAuth".into(), given.get("basicAuth").cloned().unwrap_or(Value::Null));
    }
    for key in flags {
        config.insert((*key).into(), json!(given.get(*key).and_then(Value::as_bool).unwrap_or(false)));
    }
    Some(config)
}

/// Required in JSON: what a type cannot do without.
fn complete(config: &Map<String, Value>) -> bool {
    let there = |key: &str| config.get(key).is_some_and(|value| !value.is_null());
    match config.get("type").and_then(Value::as_str) {
        Some("qbittorrent" | "qbittorrentee") => there("basicAuth"),
        Some("transmission" | "deluge") => there("rpcUrl"),
        _ => true,
    }
}

/// The downloader that a body describes: without an id, a configuration or its type it is a 500, of an unknown type 400.
pub(super) fn supervised(call: &Call<'_>, body: &Value) -> Result<Supervised, Answer> {
    let id = body["id"].as_str().ok_or_else(|| call.broken())?.to_owned();
    Ok(Supervised { id, config: config(call, &body["config"])?, seen: false })
}

fn config(call: &Call<'_>, given: &Value) -> Result<Map<String, Value>, Answer> {
    let Value::Object(given) = given else { return Err(call.broken()) };
    if !given.get("type").is_some_and(Value::is_string) {
        return Err(call.broken());
    }
    normal(given, call.old()).ok_or_else(|| call.refuse(400, "There is no downloader of this type"))
}

fn create(call: &mut Call<'_>) -> Outcome {
    let client = supervised(call, &call.json()?)?;
    let known = call.state.hub.clients.iter().any(|known| {
        known.id == client.id || (client.text("name").is_some() && known.text("name") == client.text("name"))
    });
    if known {
        return Err(call.refuse(400, "There is a downloader of this id or name already"));
    }
    let whole = complete(&client.config);
    call.state.hub.clients.push(client);
    call.state.hub.restless = true;
    // Half registered all the same.
    if !whole {
        return Err(call.broken());
    }
    Ok(super::envelope(call.old(), 201, json!("The downloader was created"), Value::Null))
}

/// Replaces the whole configuration; an unknown id makes a new downloader, a name that is taken loses this one.
fn update(call: &mut Call<'_>) -> Outcome {
    let id = call.part("downloaderId").to_owned();
    let config = config(call, &call.json()?["config"])?;
    let hub = &mut call.state.hub;
    hub.clients.retain(|client| client.id != id);
    if hub.clients.iter().any(|client| client.config.get("name") == config.get("name")) {
        return Err(call.refuse(400, "There is a downloader of this name already"));
    }
    let whole = complete(&config);
    hub.clients.push(Supervised { id, config, seen: false });
    hub.restless = true;
    if !whole {
        return Err(call.broken());
    }
    Ok(call.said("The downloader was updated"))
}

fn delete(call: &mut Call<'_>) -> Outcome {
    let id = call.part("downloaderId").to_owned();
    let before = call.state.hub.clients.len();
    call.state.hub.clients.retain(|client| client.id != id);
    if before == call.state.hub.clients.len() {
        return Err(call.refuse(404, "The downloader that was to be removed does not exist"));
    }
    Ok(call.said("The downloader was removed"))
}

/// A 200 whether the downloader answers or not. A paused one counts as good.
pub(super) fn test(call: &mut Call<'_>) -> Outcome {
    let client = supervised(call, &call.json()?)?;
    if client.flag("paused") || client.seedbox(&call.state.boxes).is_some() {
        return Ok(call.said("The downloader answers"));
    }
    Ok(succeeded(call.old(), 200, false, json!("The downloader does not answer, or refuses the login"), Value::Null))
}

/// It looks for clients at their usual ports: there are none.
fn scan(call: &mut Call<'_>) -> Outcome {
    Ok(call.ok(json!([])))
}
