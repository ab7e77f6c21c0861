//! The server itself: version, global switches, counters.

use serde_json::{Value, json};

use super::{Call, Handler, Outcome};

pub(super) const HANDLERS: &[(&str, Handler)] = &[
    ("auth_login", super::login),
    ("auth_logout", super::logout),
    ("metadata_manifest", manifest),
    ("general_global_get", global),
    ("general_global_set", set_global),
    ("statistic_counter", counter),
];

const MODULES: [(&str, &str); 8] = [
    ("webapi.PBHGeneralController", "webapi-general"),
    ("rule.IPBlackList", "ip-address-blocker"),
    ("rule.PeerIdBlacklist", "peer-id-blacklist"),
    ("rule.ClientNameBlacklist", "client-name-blacklist"),
    ("rule.ExpressionRule", "expression-engine"),
    ("rule.ProgressCheatBlocker", "progress-cheat-blocker"),
    ("rule.MultiDialingBlocker", "multi-dialing-blocker"),
    ("rule.AutoRangeBan", "auto-range-ban"),
];

fn manifest(call: &mut Call<'_>) -> Outcome {
    let hub = &call.state.hub;
    let modules: Vec<Value> = MODULES
        .iter()
        .map(|(class, config)| {
            json!({"className": format!("com.ghostchu.peerbanhelper.module.impl.{class}"), "configName": config})
        })
        .collect();
    let mut version = json!({
        "version": hub.release, "os": "Linux", "branch": "master", "commit": "0000000000000000000000000000000000000000",
        "abbrev": "0000000", "compileTime": "2026-06-01T00:00:00+0000", "compileHost": "simulated", "compileUser": "",
    });
    let data = if call.old() {
        json!({"installationId": hub.installation, "version": version, "modules": modules})
    } else {
        version["compileEmail"] = json!("");
        json!({"analytics": false, "installationId": hub.installation, "version": version, "modules": modules})
    };
    Ok(call.ok(data))
}

fn global(call: &mut Call<'_>) -> Outcome {
    Ok(call.ok(json!({"globalPaused": call.state.hub.paused})))
}

/// A true partial update; any text but `"true"` is false.
fn set_global(call: &mut Call<'_>) -> Outcome {
    let Value::Object(body) = call.json()? else { return Err(call.broken()) };
    if let Some(value) = body.get("globalPaused") {
        call.state.hub.paused = match value {
            Value::Bool(paused) => *paused,
            Value::String(text) => text.eq_ignore_ascii_case("true"),
            Value::Null => call.state.hub.paused,
            _ => false,
        };
        call.state.hub.restless = true;
    }
    Ok(call.said("OK"))
}

/// Counted since the server started.
fn counter(call: &mut Call<'_>) -> Outcome {
    let (hub, now) = (&call.state.hub, call.state.now);
    let torrents = || call.state.boxes.iter().flat_map(|seedbox| &seedbox.torrents);
    Ok(call.ok(json!({
        "checkCounter": hub.checks(now), "peerBanCounter": hub.bans_made, "peerUnbanCounter": hub.unbans_made,
        "banlistCounter": hub.bans.len(), "bannedIpCounter": hub.bans.len(),
        "wastedTraffic": hub.history.iter().filter_map(|entry| entry.ban.peer["uploaded"].as_u64()).sum::<u64>(),
        "trackedSwarmCount": torrents().map(|torrent| torrent.slots.len() + torrent.past.len()).sum::<usize>(),
        "weeklySessions": 0, "peersBlockRate": 0.0,
    })))
}
