//! Modules: what they are set to, and the IP rules.

use std::net::{IpAddr, Ipv6Addr};

use serde_json::{Map, Value, json};

use super::{Call, Handler, Outcome, envelope};
use crate::sim::hub::{parse, text_of};
use crate::sim::net::Answer;

pub(super) const HANDLERS: &[(&str, Handler)] = &[
    ("module_auto_range_ban", auto_range_ban),
    ("module_btn_status", btn),
    ("module_client_name_blacklist", |call| {
        matchers(call, "client_name_blacklist", "banned_client_name", "clientName")
    }),
    ("module_peer_id_blacklist", |call| matchers(call, "peer_id_blacklist", "banned_peer_id", "peerId")),
    ("module_multi_dialing", multi_dialing),
    ("module_multi_dialing_status", multi_dialing_status),
    ("module_pcb", progress_cheat),
    ("module_pcb_status", progress_cheat_status),
    ("ipblacklist_get", blacklist),
    ("ipblacklist_ip_test", test_ip),
    ("ipblacklist_ip_add", add_ip),
    ("ipblacklist_ip_delete", delete_ip),
    ("ipblacklist_port_add", |call| add_number(call, "port")),
    ("ipblacklist_port_delete", |call| delete_number(call, "port")),
    ("ipblacklist_asn_add", |call| add_number(call, "asn")),
    ("ipblacklist_asn_delete", |call| delete_number(call, "asn")),
    ("ipblacklist_region_add", |call| add_text(call, "region")),
    ("ipblacklist_region_delete", |call| delete_text(call, "region")),
    ("ipblacklist_city_add", |call| add_text(call, "city")),
    ("ipblacklist_city_delete", |call| delete_text(call, "city")),
    ("ipblacklist_nettype_set", set_networks),
];

fn module(call: &Call<'_>, name: &str) -> Value {
    call.state.hub.settings.profile["module"][name].clone()
}

fn auto_range_ban(call: &mut Call<'_>) -> Outcome {
    let module = module(call, "auto_range_ban");
    Ok(call.ok(json!({"ipv6-prefix": module["ipv6"], "ipv4-prefix": module["ipv4"]})))
}

fn btn(call: &mut Call<'_>) -> Outcome {
    let settings = call.state.hub.settings.config["btn"].clone();
    let secret: String = settings["app_secret"].as_str().unwrap_or("").chars().take(5).collect();
    let mut data = json!({
        "configResult": null, "abilities": [], "configUrl": settings["config_url"], "configSuccess": false,
        "appId": settings["app_id"], "appSecret": format!("{secret}*******"),
    });
    if !call.old() {
        // Says so with BTN off, too.
        data["enabled"] = json!(true);
    }
    Ok(call.ok(data))
}

/// Rules as JSON documents in strings.
fn matchers(call: &mut Call<'_>, module_name: &str, list: &str, field: &str) -> Outcome {
    let module = module(call, module_name);
    let rules = module[list].as_array().into_iter().flatten();
    let texts: Vec<String> = rules
        .map(|rule| {
            let content = rule["content"].as_str().unwrap_or("");
            let (name, id) = match rule["method"].as_str() {
                Some("CONTAINS") => ("Contains", "stringcontainsmatcher"),
                Some("ENDS_WITH") => ("EndsWith", "stringendswithmatcher"),
                Some("EQUALS") => ("Equals", "stringequalsmatcher"),
                _ => ("StartsWith", "stringstartswithmatcher"),
            };
            json!({
                "matcherName": format!("String {name}: {content}"), "matcherIdentifier": format!("peerbanhelper:{id}"),
                "metadata": content,
            })
            .to_string()
        })
        .collect();
    Ok(call.ok(json!({field: texts})))
}

fn multi_dialing(call: &mut Call<'_>) -> Outcome {
    let module = module(call, "multi_dialing_blocker");
    let seconds = |key: &str| module[key].as_i64().unwrap_or(0) * 1000;
    Ok(call.ok(json!({
        "tolerateNumV4": module["tolerate_num_ipv4"], "tolerateNumV5": module["tolerate_num_ipv6"],
        "cacheLifespan": seconds("cache_lifespan"), "keepHunting": module["keep_hunting"],
        "subnetMaskLength": module["subnet_mask_length"], "keepHuntingTime": seconds("keep_hunting_time"),
        "subnetMaskV6Length": module["subnet_mask_v6_length"],
    })))
}

/// Which addresses of which networks were seen on which torrent, and when last.
fn multi_dialing_status(call: &mut Call<'_>) -> Outcome {
    let mut networks: Map<String, Value> = Map::new();
    let mut cache = Map::new();
    for torrent in call.state.boxes.iter().flat_map(|seedbox| &seedbox.torrents) {
        for peer in torrent.peers() {
            let ip = peer.guest.ip;
            let length = if ip.is_ipv4() { 24 } else { 56 };
            let Ok(net) = ipnet::IpNet::new(ip, length) else { continue };
            let group = networks.entry(format!("{}@{}", torrent.hash, net.trunc())).or_insert_with(|| json!({}));
            group[ip.to_string()] = json!(peer.seen.millis());
            cache.insert(format!("{}@{ip}", torrent.hash), json!(peer.seen.millis()));
        }
    }
    Ok(call.ok(json!({"subnetCounter": networks, "huntingList": {}, "cache": cache})))
}

fn progress_cheat(call: &mut Call<'_>) -> Outcome {
    let module = module(call, "progress_cheat_blocker");
    Ok(call.ok(json!({
        "torrentMinimumSize": module["minimum_size"], "blockExcessiveClients": module["block_excessive_clients"],
        "excessiveThreshold": module["excessive_threshold"], "maximumDifference": module["maximum_difference"],
        "rewindMaximumDifference": module["rewind_maximum_difference"],
    })))
}

fn progress_cheat_status(call: &mut Call<'_>) -> Outcome {
    let mut list = Vec::new();
    for client in &call.state.hub.clients {
        let Some(seedbox) = client.seedbox(&call.state.boxes) else { continue };
        for torrent in &seedbox.torrents {
            list.extend(torrent.peers().map(|peer| {
                let ip = peer.guest.ip;
                json!({
                    "client": {"peerPrefix": format!("{ip}/{}", if ip.is_ipv4() { 32 } else { 56 }), "torrentId": torrent.hash},
                    "task": [{
                        "peerIp": ip.to_string(), "lastReportProgress": peer.progress(torrent.size),
                        "lastReportUploaded": peer.uploaded.bytes(), "trackingUploadedIncreaseTotal": peer.uploaded.bytes(),
                        "rewindCounter": 0, "progressDifferenceCounter": 0, "firstTimeSeen": peer.since.millis(),
                        "lastTimeSeen": peer.seen.millis(), "downloader": client.id, "banDelayWindowEndAt": 0,
                        "fastPcbTestExecuteAt": 0, "lastTorrentCompletedSize": torrent.done.bytes(),
                    }],
                })
            }));
        }
    }
    Ok(call.ok(json!(list)))
}

fn blacklist(call: &mut Call<'_>) -> Outcome {
    let rules = &call.state.hub.settings.blacklist;
    let kind = call.part("ruleType");
    let list = match kind {
        "ip" => json!(rules.ips),
        "port" => json!(rules.ports),
        "asn" => json!(rules.asns),
        "region" => json!(rules.regions),
        "city" => json!(rules.cities),
        "netType" => json!(rules.networks),
        _ => return Err(call.refuse(404, "There is no rule type of this name here")),
    };
    Ok(call.ok(json!({kind: list})))
}

/// The `ip` of the body; a number is read as an address of its own.
fn ip(call: &Call<'_>, missing: &str) -> Result<ipnet::IpNet, Answer> {
    let body = object(call)?;
    match body.get("ip") {
        Some(Value::String(text)) if !text.is_empty() => Ok(parse(text)),
        Some(Value::Number(number)) => {
            let number = u32::try_from(number.as_u64().unwrap_or(0)).unwrap_or(0);
            Ok(IpAddr::from(std::net::Ipv4Addr::from(number)).into())
        }
        _ => Err(call.bad(missing)),
    }
}

fn object(call: &Call<'_>) -> Result<Map<String, Value>, Answer> {
    match call.json()? {
        Value::Object(body) => Ok(body),
        _ => Err(call.broken()),
    }
}

const NO_ADDRESS: &str = "The argument ip is no address and no network, or it is missing";

/// Numbers with leading zeros, as the library behind it writes ranges.
fn padded(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => {
            let parts: Vec<String> = ip.octets().iter().map(|part| format!("{part:03}")).collect();
            parts.join(".")
        }
        IpAddr::V6(ip) => {
            let parts: Vec<String> = Ipv6Addr::segments(&ip).iter().map(|part| format!("{part:04x}")).collect();
            parts.join(":")
        }
    }
}

fn test_ip(call: &mut Call<'_>) -> Outcome {
    let net = ip(call, NO_ADDRESS)?;
    let free = u32::from(net.max_prefix_len() - net.prefix_len());
    let count =
        1_u128.checked_shl(free).map_or_else(|| "340282366920938463463374607431768211456".into(), |n| n.to_string());
    Ok(call.ok(json!({
        "from": padded(net.network()), "to": padded(net.broadcast()), "generatedCidr": text_of(net), "count": count,
    })))
}

const DONE: &str = "The rule list was changed";

fn created(call: &mut Call<'_>) -> Outcome {
    call.state.hub.restless = true;
    Ok(envelope(call.old(), 201, json!(DONE), Value::Null))
}

fn removed(call: &mut Call<'_>) -> Outcome {
    call.state.hub.restless = true;
    Ok(call.said(DONE))
}

fn add_ip(call: &mut Call<'_>) -> Outcome {
    let text = text_of(ip(call, NO_ADDRESS)?);
    let rules = &mut call.state.hub.settings.blacklist.ips;
    if !rules.contains(&text) {
        rules.push(text);
    }
    created(call)
}

fn delete_ip(call: &mut Call<'_>) -> Outcome {
    let text = text_of(ip(call, "Argument ip parse failed")?);
    call.state.hub.settings.blacklist.ips.retain(|rule| *rule != text);
    removed(call)
}

fn numbers<'a>(call: &'a mut Call<'_>, field: &str) -> &'a mut Vec<i64> {
    let rules = &mut call.state.hub.settings.blacklist;
    if field == "port" { &mut rules.ports } else { &mut rules.asns }
}

/// A number of the body; 0 where it is missing.
fn number(call: &Call<'_>, body: &Map<String, Value>, field: &str) -> Result<i64, Answer> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(0),
        Some(Value::Number(number)) => Ok(number.as_i64().unwrap_or(0)),
        Some(Value::String(text)) => text.parse().map_err(|_| call.broken()),
        Some(_) => Err(call.broken()),
    }
}

fn add_number(call: &mut Call<'_>, field: &str) -> Outcome {
    let number = number(call, &object(call)?, field)?;
    let list = numbers(call, field);
    if !list.contains(&number) {
        list.push(number);
    }
    created(call)
}

/// Anything that is no object counts as an empty one, and that deletes 0.
fn delete_number(call: &mut Call<'_>, field: &str) -> Outcome {
    let body = call.ask.json().and_then(|body| body.as_object().cloned()).unwrap_or_default();
    let number = number(call, &body, field)?;
    numbers(call, field).retain(|rule| *rule != number);
    removed(call)
}

fn texts<'a>(call: &'a mut Call<'_>, field: &str) -> &'a mut Vec<String> {
    let rules = &mut call.state.hub.settings.blacklist;
    if field == "region" { &mut rules.regions } else { &mut rules.cities }
}

fn text(body: &Map<String, Value>, field: &str) -> String {
    match body.get(field) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

fn add_text(call: &mut Call<'_>, field: &str) -> Outcome {
    let text = text(&object(call)?, field);
    if text.is_empty() {
        return Err(call.bad(&format!("The argument {field} must not be empty")));
    }
    let list = texts(call, field);
    if !list.contains(&text) {
        list.push(text);
    }
    created(call)
}

fn delete_text(call: &mut Call<'_>, field: &str) -> Outcome {
    let text = text(&object(call)?, field);
    texts(call, field).retain(|rule| *rule != text);
    removed(call)
}

fn set_networks(call: &mut Call<'_>) -> Outcome {
    let Value::Array(list) = call.json()? else { return Err(call.broken()) };
    let names = list.iter().filter_map(Value::as_str).map(str::to_lowercase);
    call.state.hub.settings.blacklist.networks = names.collect();
    removed(call)
}
