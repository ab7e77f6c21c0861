//! Scripts, the laboratory, licences, AutoSTUN, and what is off by default.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::page::Kept;
use super::{Call, Handler, Outcome, succeeded};
use crate::sim::hub::Supervised;
use crate::sim::net::Answer;
use crate::sim::swarm;
use crate::time::Duration;

pub(super) const HANDLERS: &[(&str, Handler)] = &[
    ("scripts_list", scripts),
    ("script_get", script),
    ("script_save", save_script),
    ("script_delete", delete_script),
    ("scripts_editable", editable),
    ("lab_experiments", experiments),
    ("lab_experiment_active", experiment_active),
    ("lab_experiment_set", set_experiment),
    ("lab_config_get", |call| Ok(call.ok(json!({"enabled": call.state.hub.settings.laboratory})))),
    ("lab_config_set", set_laboratory),
    ("plus_status", licences),
    ("plus_captcha", challenge),
    ("plus_free_license_renew", renew),
    ("plus_key_set", set_key),
    ("plus_key_delete", delete_key),
    ("autostun_status", stun),
    ("autostun_refresh_nat", |call| Ok(call.said("The NAT type is being read"))),
    ("autostun_restart", |call| Ok(call.said("AutoSTUN was restarted"))),
    ("autostun_tunnels", |call| Ok(call.ok(json!([])))),
    ("autostun_tunnel_info", no_tunnel),
    ("autostun_tunnel_connections", no_tunnel),
    ("autostun_config_set", set_stun),
    ("peer_btn_query", |call| Ok(failed(call, "BTN is not enabled"))),
    ("peer_btn_query_iframe", |call| Ok(failed(call, "BTN is not enabled"))),
    ("replace_tracker", replace_tracker),
];

fn failed(call: &Call<'_>, message: &str) -> Answer {
    succeeded(call.old(), 200, false, json!(message), Value::Null)
}

/// What a script says of itself.
fn meta<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(&format!("## @{name} ")))
}

fn scripts(call: &mut Call<'_>) -> Outcome {
    let loaded = call.state.hub.settings.scripts.iter().filter(|(.., loaded)| *loaded);
    let list: Vec<Value> = loaded
        .map(|(file, text, _)| {
            json!({
                "id": file, "name": meta(text, "NAME").unwrap_or(file), "author": meta(text, "AUTHOR").unwrap_or("N/A"),
                "cacheable": meta(text, "CACHEABLE") == Some("true"), "threadSafe": true,
                "version": meta(text, "VERSION").unwrap_or("null"),
            })
        })
        .collect();
    Ok(call.ok(call.page(Kept::Memory, list.into_iter())?))
}

/// The file's name; anything but a plain `.av` is refused.
fn file(call: &Call<'_>) -> Result<String, Answer> {
    let name = call.part("scriptId");
    let plain = !name.contains(['/', '\\']) && !name.contains("..");
    if plain && std::path::Path::new(name).extension().is_some_and(|extension| extension == "av") {
        Ok(name.to_owned())
    } else {
        Err(call.refuse(400, "The file's name must end in .av"))
    }
}

fn script(call: &mut Call<'_>) -> Outcome {
    let name = file(call)?;
    let found = call.state.hub.settings.scripts.iter().find(|(file, ..)| *file == name);
    found.map(|(_, text, _)| call.ok(json!(text))).ok_or_else(|| call.refuse(404, "There is no such script"))
}

/// Whether the request went through a proxy, as far as headers tell.
fn proxied(call: &Call<'_>) -> bool {
    ["x-forwarded-for", "x-real-ip", "forwarded", "proxy-client-ip", "wl-proxy-client-ip"]
        .iter()
        .any(|name| call.ask.header(name).is_some())
}

const NOT_LOCAL: &str = "Scripts can be changed only from the server's own address and not through a proxy";

fn save_script(call: &mut Call<'_>) -> Outcome {
    if proxied(call) {
        return Err(call.refuse(403, NOT_LOCAL));
    }
    let name = file(call)?;
    let mut text = String::from_utf8_lossy(&call.ask.body).into_owned();
    let scripts = &mut call.state.hub.settings.scripts;
    match scripts.iter_mut().find(|(file, ..)| *file == name) {
        // A shorter text overwrites the beginning only.
        Some((_, old, _)) => {
            let tail = old.get(text.len()..).unwrap_or("").to_owned();
            text.push_str(&tail);
            *old = text;
        }
        None => scripts.push((name, text, false)),
    }
    Ok(call.said("Script saved"))
}

fn delete_script(call: &mut Call<'_>) -> Outcome {
    if proxied(call) {
        return Err(call.refuse(403, NOT_LOCAL));
    }
    let name = file(call)?;
    let before = call.state.hub.settings.scripts.len();
    call.state.hub.settings.scripts.retain(|(file, ..)| *file != name);
    if before == call.state.hub.settings.scripts.len() {
        return Err(call.refuse(404, "There is no such script"));
    }
    Ok(call.said("OK!"))
}

fn editable(call: &mut Call<'_>) -> Outcome {
    let proxied = proxied(call);
    let reason = if proxied { json!(NOT_LOCAL) } else { Value::Null };
    Ok(call.ok(json!({"reason": reason, "editable": !proxied})))
}

/// Id, groups it is on for, title.
const EXPERIMENTS: [(&str, &[i64], &str); 5] = [
    ("sqlite_vacuum", &[0, 1, 2, 3, 4], "Compact the database"),
    ("win32_empty_working_set", &[1, 3], "Give memory back on Windows"),
    ("transaction_batch_ban_history_write", &[2, 4], "Write the ban history in batches"),
    ("async_banlist_apply", &[0, 4], "Apply the ban list asynchronously"),
    ("async_ipdb_setup", &[0, 1, 2, 3, 4], "Set the IP database up asynchronously"),
];

fn known(call: &Call<'_>) -> &'static [(&'static str, &'static [i64], &'static str)] {
    if call.old() { &EXPERIMENTS } else { &EXPERIMENTS[..2] }
}

fn active(call: &Call<'_>, id: &str) -> bool {
    let settings = &call.state.hub.settings;
    let Some((_, groups, _)) = known(call).iter().find(|(known, ..)| *known == id) else { return false };
    let set = settings.experiments.iter().find(|(known, _)| known == id).map(|(_, status)| status.as_str());
    settings.laboratory
        && match set {
            Some("true") => true,
            Some("false") => false,
            // This server is in group 0.
            _ => groups.contains(&0),
        }
}

fn experiments(call: &mut Call<'_>) -> Outcome {
    let list: Vec<Value> = known(call)
        .iter()
        .map(|(id, groups, title)| {
            json!({"id": id, "activated": active(call, id), "targetGroups": groups, "title": title, "description": title})
        })
        .collect();
    Ok(call.ok(json!({"mygroup": 0, "labEnabled": call.state.hub.settings.laboratory, "experiments": list})))
}

fn experiment_active(call: &mut Call<'_>) -> Outcome {
    let Some(id) = call.ask.query("id") else { return Ok(failed(call, "The id is missing")) };
    // An experiment that is not there counts as one that is through.
    let there = known(call).iter().any(|(known, ..)| *known == id);
    Ok(if there { call.ok(json!(active(call, id))) } else { failed(call, "The id is unknown") })
}

fn set_experiment(call: &mut Call<'_>) -> Outcome {
    let Value::Object(body) = call.json()? else { return Err(call.broken()) };
    let id = call.part("id").to_owned();
    if !known(call).iter().any(|(known, ..)| *known == id) {
        return Err(call.bad(&format!("There is no experiment {id}")));
    }
    let status = match body.get("status") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Bool(on)) => on.to_string(),
        _ if call.old() => return Err(call.broken()),
        _ => return Ok(call.ok(Value::Null)),
    };
    let set = &mut call.state.hub.settings.experiments;
    set.retain(|(known, _)| *known != id);
    set.push((id, status.clone()));
    Ok(call.ok(json!(status)))
}

/// An empty object switches it off.
fn set_laboratory(call: &mut Call<'_>) -> Outcome {
    let Value::Object(body) = call.json()? else { return Err(call.broken()) };
    let on = body.get("enabled").and_then(Value::as_bool).unwrap_or(false);
    call.state.hub.settings.laboratory = on;
    Ok(call.ok(json!(on)))
}

fn licences(call: &mut Call<'_>) -> Outcome {
    let list = &call.state.hub.settings.licences;
    let features: &[&str] = if list.is_empty() { &[] } else { &["basic"] };
    Ok(call.ok(json!({"enabledFeatures": features, "licenses": list})))
}

/// Leading zero bits that an answer's hash needs.
const DIFFICULTY: u32 = 5;

/// A proof of work: find eight bytes that give, behind the challenge, a hash with leading zeros.
fn challenge(call: &mut Call<'_>) -> Outcome {
    let hub = &mut call.state.hub;
    hub.invented += 1;
    let id = swarm::hex(32, hub.seed, &[hub.invented, 1]);
    let id = format!("{}-{}-{}-{}-{}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]);
    let bytes: [u8; 32] = Sha256::digest(id.as_bytes()).into();
    hub.settings.challenges.push((id.clone(), bytes));
    Ok(call.ok(json!({
        "challengeId": id, "challengeBase64": BASE64_STANDARD.encode(bytes), "difficultyBits": DIFFICULTY,
        "algorithm": "SHA-256",
    })))
}

/// Base64 of a body's field; what is none is a 400 that names the first wrong letter.
fn base64(call: &Call<'_>, body: &serde_json::Map<String, Value>, name: &str) -> Result<Vec<u8>, Answer> {
    let text = body.get(name).and_then(Value::as_str).ok_or_else(|| call.broken())?;
    BASE64_STANDARD.decode(text).map_err(|_| {
        let wrong = text.bytes().find(|byte| !byte.is_ascii_alphanumeric() && !b"+/=".contains(byte));
        call.bad(&format!("Illegal base64 character {:x}", wrong.unwrap_or(b'=')))
    })
}

fn renew(call: &mut Call<'_>) -> Outcome {
    let Value::Object(body) = call.json()? else { return Err(call.broken()) };
    let id = body.get("captchaId").and_then(Value::as_str).ok_or_else(|| call.broken())?.to_owned();
    let nonce = base64(call, &body, "captchaNonce")?;
    let now = call.state.now;
    let settings = &mut call.state.hub.settings;
    let Some((_, challenge)) = settings.challenges.iter().find(|(known, _)| *known == id) else {
        return Ok(failed(call, "There is no such captcha"));
    };
    let hash = Sha256::new().chain_update(challenge).chain_update(&nonce).finalize();
    if hash[0].leading_zeros() < DIFFICULTY {
        return Ok(failed(call, "The answer to the captcha is wrong"));
    }
    if !settings.licences.is_empty() {
        return Ok(failed(call, "There is a free licence that has not ended yet"));
    }
    let expires = now + Duration::from_seconds(15 * 86_400);
    settings.licences.push(json!({
        "licenseId": swarm::hex(64, swarm::key(&id), &[]), "version": 2, "status": "VALID",
        "data": {
            "verifyMagic": "PeerBanHelper", "licenseVersion": 2, "type": "local",
            "source": "Locally generated free license.", "licenseTo": "simulated", "orderId": null,
            "paymentGateway": null, "paymentOrderId": null, "email": null, "sku": null, "paid": 0,
            "createAt": now.millis(), "startAt": now.millis(), "expireAt": expires.millis(),
            "description": "A free licence of this server", "hidden": "Local License", "features": ["basic"],
        },
    }));
    Ok(call.said("The free licence was made"))
}

/// No key is valid here: a real one is signed by the project.
fn set_key(call: &mut Call<'_>) -> Outcome {
    let Value::Object(body) = call.json()? else { return Err(call.broken()) };
    base64(call, &body, "key")?;
    Ok(failed(call, "The key is not valid"))
}

fn delete_key(call: &mut Call<'_>) -> Outcome {
    let body = call.json()?;
    let id = body["licenseId"].as_str().ok_or_else(|| call.broken())?.to_owned();
    let before = call.state.hub.settings.licences.len();
    call.state.hub.settings.licences.retain(|licence| licence["licenseId"] != json!(id));
    if before == call.state.hub.settings.licences.len() {
        return Err(call.broken());
    }
    Ok(call.said("The licence was removed"))
}

fn stun(call: &mut Call<'_>) -> Outcome {
    let hub = &call.state.hub;
    let (enabled, friendly, ids) = &hub.settings.stun;
    let chosen: Vec<Value> = ids.iter().filter_map(|id| hub.client(id)).map(Supervised::reference).collect();
    Ok(call.ok(json!({
        "enabled": enabled, "useFriendlyLoopbackMapping": friendly, "selectedDownloaders": chosen,
        "natType": "UdpBlocked", "isBridgeNetDriver": false,
    })))
}

/// What is left out is false or empty.
fn set_stun(call: &mut Call<'_>) -> Outcome {
    let Value::Object(body) = call.json()? else { return Err(call.broken()) };
    let flag = |name: &str| body.get(name).and_then(Value::as_bool).unwrap_or(false);
    let ids = body.get("downloaders").and_then(Value::as_array).into_iter().flatten();
    let ids = ids.filter_map(Value::as_str).map(ToOwned::to_owned).collect();
    call.state.hub.settings.stun = (flag("enabled"), flag("useFriendlyLoopbackMapping"), ids);
    Ok(call.said("The settings of AutoSTUN were saved"))
}

/// Nothing ever answers a tunnel here.
fn no_tunnel(call: &mut Call<'_>) -> Outcome {
    let known = call.state.hub.client(call.part("downloader")).is_some();
    Ok(failed(call, if known { "This downloader has no tunnel" } else { "There is no such downloader" }))
}

/// Replaces a part of every tracker's address; `data` is how many torrents changed.
fn replace_tracker(call: &mut Call<'_>) -> Outcome {
    if call.ask.body.is_empty() {
        return Err(Answer::text(400, ""));
    }
    let Value::Object(body) = call.json()? else { return Err(call.broken()) };
    let text = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (Some(from), Some(to)) = (text("from"), text("to")) else { return Err(Answer::text(400, "")) };
    let only: Vec<&str> =
        body.get("downloaders").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let positions: Vec<usize> = call
        .state
        .hub
        .clients
        .iter()
        .filter(|client| only.is_empty() || only.contains(&client.id.as_str()))
        .filter(|client| !client.flag("paused"))
        .filter_map(|client| client.position(&call.state.boxes))
        .collect();
    let mut changed = 0;
    for position in positions {
        for torrent in &mut call.state.boxes[position].torrents {
            if torrent.tracker.contains(from) {
                torrent.tracker = torrent.tracker.replace(from, to);
                changed += 1;
            }
        }
    }
    Ok(super::envelope(call.old(), 200, json!("Trackers were replaced"), json!(changed)))
}
