//! Preferences, global limits and bans.

use serde_json::{Value, json};

use super::{Call, bad, done, send, text};
use crate::sim::net::Answer;

/// A limit as the client sends it: 0 and below is none.
fn limit(call: &Call<'_>, name: &str) -> Option<u64> {
    call.number(name).map(|limit| u64::try_from(limit).unwrap_or(0))
}

pub(super) fn info(call: &mut Call<'_>) -> Answer {
    send(&state(call))
}

/// The global counters, also part of `sync/maindata`.
pub(super) fn state(call: &Call<'_>) -> Value {
    let seedbox = &call.seedbox;
    let (up, down) = if seedbox.slow { seedbox.slow_limits } else { (seedbox.up_limit, seedbox.down_limit) };
    json!({
        "connection_status": "connected", "dht_nodes": 367, "dl_info_data": seedbox.downloaded.bytes(),
        "dl_info_speed": seedbox.down(), "dl_rate_limit": down, "up_info_data": seedbox.uploaded.bytes(),
        "up_info_speed": seedbox.up(), "up_rate_limit": up,
    })
}

pub(super) fn preferences(call: &mut Call<'_>) -> Answer {
    let seedbox = &call.seedbox;
    let mut all = json!({
        "add_trackers_enabled": false, "alt_dl_limit": seedbox.slow_limits.1, "alt_up_limit": seedbox.slow_limits.0,
        "banned_IPs": seedbox.banned.join("\n"), "dht": true, "dl_limit": seedbox.down_limit, "listen_port": 6881,
        "lsd": true, "max_active_downloads": 3, "max_active_torrents": -1, "max_active_uploads": -1, "max_connec": 500,
        "max_connec_per_torrent": 100, "max_ratio": -1, "max_ratio_act": 0, "max_ratio_enabled": false,
        "max_seeding_time": -1, "max_seeding_time_enabled": false, "max_uploads": -1, "max_uploads_per_torrent": -1,
        "pex": true, "queueing_enabled": false, "save_path": "/data/torrents", "scheduler_enabled": false,
        "temp_path": "/data/incomplete", "temp_path_enabled": false, "up_limit": seedbox.up_limit, "upnp": false,
        "web_ui_port": 8080, "web_ui_username": seedbox.username,
    });
    if let Value::Object(all) = &mut all {
        all.extend(seedbox.preferences.clone());
    }
    send(&all)
}

/// `json={…}`: a part of the preferences. A new `banned_IPs` disconnects who is in it.
pub(super) fn set_preferences(call: &mut Call<'_>) -> Answer {
    let Ok(Value::Object(changes)) = serde_json::from_str::<Value>(call.text("json")) else { return bad() };
    for (key, value) in changes {
        let number = value.as_u64().unwrap_or(0);
        match (key.as_str(), &value) {
            ("banned_IPs", Value::String(list)) => {
                let list = list.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty());
                call.seedbox.ban(list.collect());
                call.restless = true;
            }
            ("up_limit", _) => call.seedbox.up_limit = number,
            ("dl_limit", _) => call.seedbox.down_limit = number,
            ("alt_up_limit", _) => call.seedbox.slow_limits.0 = number,
            ("alt_dl_limit", _) => call.seedbox.slow_limits.1 = number,
            _ => {
                call.seedbox.preferences.insert(key, value);
            }
        }
    }
    done()
}

pub(super) fn set_upload_limit(call: &mut Call<'_>) -> Answer {
    let Some(limit) = limit(call, "limit") else { return bad() };
    if call.seedbox.slow {
        call.seedbox.slow_limits.0 = limit;
    } else {
        call.seedbox.up_limit = limit;
    }
    done()
}

pub(super) fn set_download_limit(call: &mut Call<'_>) -> Answer {
    let Some(limit) = limit(call, "limit") else { return bad() };
    if call.seedbox.slow {
        call.seedbox.slow_limits.1 = limit;
    } else {
        call.seedbox.down_limit = limit;
    }
    done()
}

pub(super) fn set_speed_limits_mode(call: &mut Call<'_>) -> Answer {
    match call.text("mode") {
        "1" => call.seedbox.slow = true,
        "0" => call.seedbox.slow = false,
        _ => return bad(),
    }
    done()
}

pub(super) fn toggle_speed_limits_mode(call: &mut Call<'_>) -> Answer {
    call.seedbox.slow = !call.seedbox.slow;
    done()
}

/// `peers=IP:PORT|…`: an address without a port is ignored.
pub(super) fn ban_peers(call: &mut Call<'_>) -> Answer {
    let Some(peers) = call.param("peers") else { return bad() };
    let fresh: Vec<String> = peers
        .split('|')
        .filter_map(|peer| peer.trim().parse::<std::net::SocketAddr>().ok())
        .map(|address| address.ip().to_string())
        .collect();
    let mut banned = call.seedbox.banned.clone();
    for ip in fresh {
        if !banned.contains(&ip) {
            banned.push(ip);
        }
    }
    call.seedbox.ban(banned);
    call.restless = true;
    text("")
}
