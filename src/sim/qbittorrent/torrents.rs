//! Torrents: the list, and what is done to them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Call, bad, done, send, text};
use crate::sim::net::Answer;
use crate::sim::reply::merged;
use crate::sim::torrent::{Run, Torrent};
use crate::sim::volume::share;
use crate::time::Time;

/// `stoppedUP` and its kind; before 5.0 they said `paused`.
fn state(torrent: &Torrent, pauses: bool) -> &'static str {
    let complete = torrent.complete();
    match torrent.run {
        Run::Stopped => match (complete, pauses) {
            (true, false) => "stoppedUP",
            (false, false) => "stoppedDL",
            (true, true) => "pausedUP",
            (false, true) => "pausedDL",
        },
        Run::Forced => {
            if complete {
                "forcedUP"
            } else {
                "forcedDL"
            }
        }
        Run::Running => match (complete, torrent.up > 0, torrent.down > 0) {
            (true, true, _) => "uploading",
            (true, false, _) => "stalledUP",
            (false, _, true) => "downloading",
            (false, _, false) => "stalledDL",
        },
    }
}

fn hundredth(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

/// A torrent as `torrents/info` shows it.
pub(super) fn fields(torrent: &Torrent, pauses: bool, now: Time) -> Value {
    let done = torrent.done.bytes();
    let left = torrent.size - done;
    let seeds = torrent.peers().filter(|peer| peer.progress(torrent.size) >= 1.0 || peer.down > 0).count();
    let peers = torrent.peers().count();
    let whole = u64::try_from(torrent.slots.len()).unwrap_or(0);
    let first = json!({
        "added_on": torrent.added.seconds(), "amount_left": left, "auto_tmm": false,
        "availability": if torrent.complete() { -1.0 } else { 1.0 + share(whole, 3) }, "category": torrent.category,
        "completed": done, "completion_on": torrent.completed.map_or(-1, Time::seconds),
        "content_path": format!("{}/{}", torrent.save_path, torrent.name), "dl_limit": torrent.down_limit,
        "dlspeed": torrent.down, "download_path": "", "downloaded": torrent.downloaded.bytes(),
        "downloaded_session": 0, "eta": left.checked_div(torrent.down).map_or(8_640_000, |eta| eta.min(8_640_000)),
        "f_l_piece_prio": false, "force_start": torrent.run == Run::Forced, "hash": torrent.hash,
        "inactive_seeding_time_limit": -2, "infohash_v1": torrent.hash, "infohash_v2": "",
        "last_activity": torrent.active.seconds(),
    });
    let second = json!({
        "magnet_uri": format!("magnet:?xt=urn:btih:{}&dn={}", torrent.hash, torrent.name), "max_ratio": -1,
        "max_seeding_time": -1, "name": torrent.name, "num_complete": seeds + 20, "num_incomplete": peers + 7,
        "num_leechs": peers - seeds, "num_seeds": seeds, "popularity": 0.7, "priority": 0, "private": torrent.private,
        "progress": torrent.progress(), "ratio": hundredth(ratio(torrent)), "ratio_limit": torrent.ratio_limit,
        "reannounce": 1800 - now.seconds().rem_euclid(1800), "save_path": torrent.save_path,
        "seeding_time": torrent.seeding / 1000, "seeding_time_limit": torrent.seeding_time_limit,
        "seen_complete": now.seconds(), "seq_dl": false, "size": torrent.size, "state": state(torrent, pauses),
        "super_seeding": false, "tags": torrent.tags.join(", "), "time_active": torrent.running / 1000,
        "total_size": torrent.size, "tracker": torrent.tracker, "trackers_count": 1, "up_limit": torrent.up_limit,
        "uploaded": torrent.uploaded.bytes(), "uploaded_session": 0, "upspeed": torrent.up,
    });
    merged(first, second)
}

fn ratio(torrent: &Torrent) -> f64 {
    let base = torrent.downloaded.bytes();
    if base == 0 { 0.0 } else { share(torrent.uploaded.bytes(), base) }
}

fn passes(torrent: &Torrent, filter: &str) -> bool {
    let stopped = torrent.run == Run::Stopped;
    let moving = torrent.up + torrent.down > 0;
    match filter {
        "downloading" => !torrent.complete(),
        "seeding" => torrent.complete() && !stopped,
        "completed" => torrent.complete(),
        "stopped" | "paused" => stopped,
        "running" | "resumed" => !stopped,
        "active" => moving,
        "inactive" => !moving,
        "stalled" => !stopped && !moving,
        "stalled_uploading" => !stopped && !moving && torrent.complete(),
        "stalled_downloading" => !stopped && !moving && !torrent.complete(),
        "errored" | "checking" | "moving" => false,
        _ => true,
    }
}

pub(super) fn info(call: &mut Call<'_>) -> Answer {
    let pauses = call.seedbox.pauses();
    let hashes = call.param("hashes").map(str::to_lowercase);
    let hashes: Option<BTreeSet<&str>> = hashes.as_ref().map(|hashes| hashes.split('|').collect());
    let fits = |torrent: &&Torrent| {
        let tag = call.param("tag");
        passes(torrent, call.param("filter").unwrap_or("all"))
            && hashes.as_ref().is_none_or(|hashes| hashes.contains(torrent.hash.as_str()))
            && call.param("category").is_none_or(|category| torrent.category == category)
            && tag.is_none_or(|tag| {
                if tag.is_empty() { torrent.tags.is_empty() } else { torrent.tags.iter().any(|t| t == tag) }
            })
    };
    let mut list: Vec<Value> = call.seedbox.torrents.iter().filter(fits).map(|t| fields(t, pauses, call.now)).collect();
    if let Some(key) = call.param("sort") {
        list.sort_by(|a, b| order(&a[key], &b[key]));
    }
    if call.param("reverse") == Some("true") {
        list.reverse();
    }
    let length = list.len();
    let offset = call.number("offset").unwrap_or(0);
    // A negative offset counts from the end.
    let skip = usize::try_from(offset).unwrap_or_else(|_| length.saturating_sub(usize::try_from(-offset).unwrap_or(0)));
    let take = call.number("limit").and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
    let page: Vec<Value> = list.into_iter().skip(skip).take(take.unwrap_or(length)).collect();
    send(&Value::Array(page))
}

fn order(a: &Value, b: &Value) -> std::cmp::Ordering {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        _ => a.to_string().cmp(&b.to_string()),
    }
}

pub(super) fn properties(call: &mut Call<'_>) -> Answer {
    let Some(torrent) = call.seedbox.torrent(call.text("hash")) else { return Answer::text(404, "Not Found") };
    let peers = torrent.peers().count();
    send(&json!({
        "addition_date": torrent.added.seconds(), "comment": "", "completion_date": torrent.completed.map_or(-1, Time::seconds),
        "created_by": "", "creation_date": torrent.added.seconds(), "dl_limit": torrent.down_limit,
        "dl_speed": torrent.down, "dl_speed_avg": 0, "eta": 8_640_000, "hash": torrent.hash, "infohash_v1": torrent.hash,
        "infohash_v2": "", "is_private": torrent.private, "last_seen": call.now.seconds(), "name": torrent.name,
        "nb_connections": peers, "nb_connections_limit": 100, "peers": peers, "peers_total": peers + 7,
        "piece_size": 4_194_304, "pieces_have": torrent.done.bytes() / 4_194_304, "pieces_num": torrent.size / 4_194_304 + 1,
        "private": torrent.private, "reannounce": 900, "save_path": torrent.save_path,
        "seeding_time": torrent.seeding / 1000, "seeds": 0, "seeds_total": 20, "share_ratio": ratio(torrent),
        "time_elapsed": torrent.running / 1000, "total_downloaded": torrent.downloaded.bytes(),
        "total_downloaded_session": 0, "total_size": torrent.size, "total_uploaded": torrent.uploaded.bytes(),
        "total_uploaded_session": 0, "total_wasted": 0, "up_limit": torrent.up_limit, "up_speed": torrent.up,
        "up_speed_avg": 0,
    }))
}

pub(super) fn trackers(call: &mut Call<'_>) -> Answer {
    let Some(torrent) = call.seedbox.torrent(call.text("hash")) else { return Answer::text(404, "Not Found") };
    let inner = if torrent.private { "This torrent is private" } else { "" };
    let mut list: Vec<Value> = ["** [DHT] **", "** [PeX] **", "** [LSD] **"]
        .into_iter()
        .map(|url| {
            json!({
                "msg": inner, "num_downloaded": 0, "num_leeches": 0, "num_peers": 0, "num_seeds": 0,
                "status": if torrent.private { 0 } else { 2 }, "tier": -1, "url": url,
            })
        })
        .collect();
    list.push(json!({
        "msg": torrent.tracker_message, "num_downloaded": -1, "num_leeches": torrent.peers().count(), "num_peers": torrent.slots.len(),
        "num_seeds": 20, "status": 2, "tier": 0, "url": torrent.tracker,
    }));
    send(&Value::Array(list))
}

pub(super) fn files(call: &mut Call<'_>) -> Answer {
    let Some(torrent) = call.seedbox.torrent(call.text("hash")) else { return Answer::text(404, "Not Found") };
    send(&json!([{
        "availability": 1, "index": 0, "is_seed": torrent.complete(), "name": torrent.name, "piece_range": [0, torrent.size / 4_194_304],
        "priority": 1, "progress": torrent.progress(), "size": torrent.size,
    }]))
}

pub(super) fn category_map(call: &Call<'_>) -> Map<String, Value> {
    let entry = |name: String| (name.clone(), json!({"name": name, "savePath": ""}));
    call.seedbox.categories().into_iter().map(entry).collect()
}

pub(super) fn tag_list(call: &Call<'_>) -> Vec<String> {
    let tags: BTreeSet<&String> = call.seedbox.torrents.iter().flat_map(|t| &t.tags).collect();
    tags.into_iter().cloned().collect()
}

pub(super) fn categories(call: &mut Call<'_>) -> Answer {
    send(&Value::Object(category_map(call)))
}

pub(super) fn tags(call: &mut Call<'_>) -> Answer {
    send(&json!(tag_list(call)))
}

/// Does something to the torrents that `hashes` names, or all; unknown ones are passed over.
fn each(call: &mut Call<'_>, change: impl Fn(&mut Torrent)) -> Answer {
    let Some(hashes) = call.param("hashes").map(ToOwned::to_owned) else { return bad() };
    let named: BTreeSet<&str> = hashes.split('|').collect();
    for torrent in &mut call.seedbox.torrents {
        if hashes == "all" || named.contains(torrent.hash.as_str()) {
            change(torrent);
        }
    }
    done()
}

pub(super) fn stop(call: &mut Call<'_>) -> Answer {
    each(call, |torrent| torrent.run = Run::Stopped)
}

pub(super) fn start(call: &mut Call<'_>) -> Answer {
    call.restless = true;
    each(call, |torrent| torrent.run = Run::Running)
}

pub(super) fn set_force_start(call: &mut Call<'_>) -> Answer {
    let force = match call.text("value") {
        "true" => true,
        "false" => false,
        _ => return bad(),
    };
    each(call, |torrent| torrent.run = if force { Run::Forced } else { Run::Running })
}

fn limits(call: &Call<'_>, of: fn(&Torrent) -> u64) -> Answer {
    let named: BTreeSet<&str> = call.text("hashes").split('|').collect();
    let map = call.seedbox.torrents.iter().filter(|t| named.contains(t.hash.as_str()));
    send(&Value::Object(map.map(|torrent| (torrent.hash.clone(), json!(of(torrent)))).collect()))
}

pub(super) fn upload_limit(call: &mut Call<'_>) -> Answer {
    limits(call, |torrent| torrent.up_limit)
}

pub(super) fn download_limit(call: &mut Call<'_>) -> Answer {
    limits(call, |torrent| torrent.down_limit)
}

pub(super) fn set_upload_limit(call: &mut Call<'_>) -> Answer {
    let Some(limit) = call.number("limit") else { return bad() };
    each(call, |torrent| torrent.up_limit = u64::try_from(limit).unwrap_or(0))
}

pub(super) fn set_download_limit(call: &mut Call<'_>) -> Answer {
    let Some(limit) = call.number("limit") else { return bad() };
    each(call, |torrent| torrent.down_limit = u64::try_from(limit).unwrap_or(0))
}

pub(super) fn set_share_limits(call: &mut Call<'_>) -> Answer {
    let ratio = call.param("ratioLimit").and_then(|ratio| ratio.parse::<f64>().ok());
    let (Some(ratio), Some(minutes)) = (ratio, call.number("seedingTimeLimit")) else { return bad() };
    each(call, |torrent| {
        torrent.ratio_limit = ratio;
        torrent.seeding_time_limit = minutes;
    })
}

fn words(text: &str) -> Vec<String> {
    text.split(',').map(|tag| tag.trim().to_owned()).filter(|tag| !tag.is_empty()).collect()
}

pub(super) fn add_tags(call: &mut Call<'_>) -> Answer {
    let tags = words(call.text("tags"));
    each(call, |torrent| {
        for tag in &tags {
            if !torrent.tags.contains(tag) {
                torrent.tags.push(tag.clone());
            }
        }
    })
}

/// Without tags all of them.
pub(super) fn remove_tags(call: &mut Call<'_>) -> Answer {
    let tags = words(call.text("tags"));
    each(call, |torrent| torrent.tags.retain(|tag| !tags.is_empty() && !tags.contains(tag)))
}

/// One that is there is a conflict.
pub(super) fn create_category(call: &mut Call<'_>) -> Answer {
    let category = call.text("category").to_owned();
    if category.is_empty() {
        return bad();
    }
    if call.seedbox.categories().contains(&category) {
        return Answer::text(409, "Unable to create category");
    }
    call.seedbox.categories.insert(category);
    done()
}

/// One that nobody has made is a conflict.
pub(super) fn set_category(call: &mut Call<'_>) -> Answer {
    let category = call.text("category").to_owned();
    if !category.is_empty() && !call.seedbox.categories().contains(&category) {
        return Answer::text(409, "Incorrect category name");
    }
    each(call, |torrent| torrent.category.clone_from(&category))
}

pub(super) fn set_location(call: &mut Call<'_>) -> Answer {
    let path = call.text("location").to_owned();
    if path.is_empty() {
        return bad();
    }
    each(call, |torrent| torrent.save_path.clone_from(&path))
}

pub(super) fn delete(call: &mut Call<'_>) -> Answer {
    let Some(hashes) = call.param("hashes").map(ToOwned::to_owned) else { return bad() };
    let named: BTreeSet<&str> = hashes.split('|').collect();
    call.seedbox.torrents.retain(|torrent| hashes != "all" && !named.contains(torrent.hash.as_str()));
    done()
}

/// A magnet link or a torrent file; it has a swarm of its own from then on.
pub(super) fn add(call: &mut Call<'_>) -> Answer {
    let link = call.param("urls").and_then(|urls| urls.split_whitespace().next());
    let mut torrent = match (link, call.ask.part("torrents")) {
        (Some(link), _) => Torrent::linked(link, call.now),
        (None, Some(file)) => Torrent::loaded(&file, call.now),
        (None, None) => return text("Fails."),
    };
    call.text("category").clone_into(&mut torrent.category);
    torrent.tags = words(call.text("tags"));
    if call.param("stopped").or_else(|| call.param("paused")) == Some("true") {
        torrent.run = Run::Stopped;
    }
    if !call.seedbox.take(torrent) {
        return text("Fails.");
    }
    call.restless = true;
    text("Ok.")
}

/// What takes no time here: a recheck finds nothing, an announcement changes nobody.
pub(super) fn nothing(call: &mut Call<'_>) -> Answer {
    each(call, |_| {})
}
