//! The server itself: version, state, switches, counters, and its two files.

use serde_json::{Map, Value, json};

use super::{Call, Handler, Outcome, envelope};
use crate::sim::net::Answer;

pub(super) const HANDLERS: &[(&str, Handler)] = &[
    ("auth_login", super::login),
    ("auth_logout", super::logout),
    ("metadata_manifest", manifest),
    ("statistic_counter", counter),
    ("general_global_get", global),
    ("general_global_set", set_global),
    ("general_status", status),
    ("general_module_available", module_available),
    ("general_stacktrace", stacktrace),
    ("general_heapdump", heapdump),
    ("general_reload", reload),
    ("general_refresh_nat", |call| Ok(call.said("The NAT type is being read"))),
    ("general_trigger_crash", |_| Ok(Answer::nothing())),
    ("general_config_get", config),
    ("general_config_put", set_config),
    ("easter_egg", |_| Ok(Answer::text(302, "Redirected").with("location", "https://example.org/egg"))),
];

/// Classes, and the names that the profile has them under.
const MODULES: [(&str, &str); 16] = [
    ("webapi.PBHGeneralController", "webapi-general"),
    ("rule.IPBlackList", "ip-address-blocker"),
    ("rule.PeerIdBlacklist", "peer-id-blacklist"),
    ("rule.ClientNameBlacklist", "client-name-blacklist"),
    ("rule.ExpressionRule", "expression-engine"),
    ("rule.ProgressCheatBlocker", "progress-cheat-blocker"),
    ("rule.MultiDialingBlocker", "multi-dialing-blocker"),
    ("rule.AutoRangeBan", "auto-range-ban"),
    ("rule.IPBlackRuleList", "ip-address-blocker-rules"),
    ("monitor.ActiveMonitoringModule", "active-monitoring"),
    ("monitor.SwarmTrackingModule", "swarm-tracking"),
    ("webapi.PBHBanController", "webapi-bans"),
    ("webapi.PBHDownloaderController", "webapi-downloaders"),
    ("webapi.PBHAlertController", "webapi-alert"),
    ("webapi.PBHLogsController", "webapi-logs"),
    ("webapi.PBHLabController", "webapi-laboratory"),
];

const PREFIX: &str = "com.ghostchu.peerbanhelper.module.impl";
const COMMIT: &str = "0000000000000000000000000000000000000000";

fn manifest(call: &mut Call<'_>) -> Outcome {
    let hub = &call.state.hub;
    let modules: Vec<Value> = MODULES
        .iter()
        .map(|(class, config)| json!({"className": format!("{PREFIX}.{class}"), "configName": config}))
        .collect();
    let mut version = json!({
        "version": hub.release, "os": "Linux", "branch": "master", "commit": COMMIT, "abbrev": "0000000",
        "compileTime": "2026-06-01T00:00:00+0000", "compileHost": "simulated", "compileUser": "",
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
    let mut data = json!({"globalPaused": call.state.hub.paused});
    if !call.old() {
        data["analytics"] = json!(false);
    }
    Ok(call.ok(data))
}

/// A true partial update; any text but `"true"` is false.
fn set_global(call: &mut Call<'_>) -> Outcome {
    if call.ask.body.is_empty() {
        return Err(call.bad("The request body is missing"));
    }
    let Value::Object(body) = call.json()? else { return Err(call.broken()) };
    match body.get("globalPaused") {
        None | Some(Value::Null) => {}
        Some(Value::Bool(paused)) => call.state.hub.paused = *paused,
        Some(Value::String(text)) => call.state.hub.paused = text.eq_ignore_ascii_case("true"),
        Some(_) => return Err(call.broken()),
    }
    call.state.hub.restless = true;
    Ok(call.said("OK!"))
}

/// Counted since the server started.
fn counter(call: &mut Call<'_>) -> Outcome {
    let (hub, now) = (&call.state.hub, call.state.now);
    let tracked = super::history::seen(call).len();
    let made = u32::try_from(hub.bans_made).unwrap_or(u32::MAX);
    let mut data = json!({
        "checkCounter": hub.checks(now), "peerBanCounter": hub.bans_made, "peerUnbanCounter": hub.unbans_made,
        "banlistCounter": hub.bans.len(), "bannedIpCounter": hub.bans.len(),
        "wastedTraffic": hub.bans.values().filter_map(|ban| ban.peer["uploaded"].as_u64()).sum::<u64>(),
        "trackedSwarmCount": tracked,
        "peersBlockRate": if tracked == 0 { 0.0 } else { f64::from(made) / f64::from(u32::try_from(tracked).unwrap_or(1)) },
    });
    if !call.old() {
        data["weeklySessions"] = json!(tracked);
    }
    Ok(call.ok(data))
}

fn status(call: &mut Call<'_>) -> Outcome {
    let (hub, now) = (&call.state.hub, call.state.now);
    let uptime = (now - hub.started).millis() / 1000;
    let used = 40_000_000 + uptime % 3600 * 1000;
    let heap = json!({
        "init": 396_361_728, "max": 536_870_912, "used": used, "free": 536_870_912 - used, "committed": 119_537_664,
    });
    let other = json!({
        "init": 7_667_712, "max": -1, "used": 86_525_680, "free": -86_525_681, "committed": 88_276_992,
    });
    let mut server = json!({
        "version": hub.release, "commit_id": COMMIT, "compile_time": 1_780_272_000, "release": "simulated",
        "uptime": uptime, "data_dir": "/simulated/data",
    });
    if !call.old() {
        server["database_type"] = json!("SQLITE");
    }
    Ok(call.ok(json!({
        "jvm": {
            "version": "25.0.3+9-LTS", "vendor": "Eclipse Adoptium", "runtime": "OpenJDK 64-Bit Server VM", "bitness": 64,
            "memory": {"heap": heap, "non_heap": other}, "startup_arguments": ["-Xmx512m"],
        },
        "system": {
            "os": "Linux", "version": "6.12.0", "architecture": "amd64", "cores": 2, "load": 0.25,
            "memory": {"total": 4_294_967_296_u64, "free": 3_221_225_472_u64, "page_size": 4096},
            "network": {
                "internet_access": {"accessToChinaNetwork": false, "accessToGlobalNetwork": false}, "use_proxy": false,
                "reverse_proxy": false, "client_ip": "127.0.0.1", "nat_type": "UdpBlocked",
            },
        },
        "peerbanhelper": server,
    })))
}

/// By the name in the configuration, or by the class with its packages or without.
fn module_available(call: &mut Call<'_>) -> Outcome {
    let Some(name) = call.ask.query("module") else {
        return Err(call.bad("The parameter module is missing"));
    };
    let there = MODULES.iter().any(|(class, config)| {
        *config == name || format!("{PREFIX}.{class}") == name || class.rsplit('.').next() == Some(name)
    });
    let off = call.state.hub.settings.profile["module"][name.replace('-', "_")]["enabled"] == json!(false);
    Ok(call.ok(json!(there && !off)))
}

/// Text, or the same text as JSON where the request says that it is JSON.
fn stacktrace(call: &mut Call<'_>) -> Outcome {
    let text = "\"main\" prio=5 Id=1 WAITING on java.lang.Object@0\n\tat java.base@25/java.lang.Object.wait0(Native Method)\n\n\"Ban Wave\" prio=5 Id=42 TIMED_WAITING\n\tat java.base@25/jdk.internal.misc.Unsafe.park(Native Method)\n";
    let json = call.ask.header("content-type") == Some("application/json");
    Ok(if json { call.ok(json!(text)) } else { Answer::text(200, text) })
}

/// A gzip member without content: a dump of nothing.
fn heapdump(call: &mut Call<'_>) -> Outcome {
    const EMPTY: [u8; 20] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let name = format!("attachment; filename=\"{}.hprof.gz\"", call.state.now.millis());
    Ok(Answer::new(200, "application/octet-stream", EMPTY).with("content-disposition", name))
}

fn reloaded(call: &Call<'_>) -> Value {
    let mut parts = vec!["Main#reloadModule", "text.TextManager", "util.HTTPUtil", "downloader.DownloaderManagerImpl"];
    parts.extend(["util.dns.DNSLookupImpl", "DownloaderServerImpl", "btn.BtnNetwork"]);
    if !call.old() {
        parts.insert(1, "web.JavalinWebContainer");
    }
    parts
        .into_iter()
        .map(|part| json!({"reloadable": format!("com.ghostchu.peerbanhelper.{part}"), "reloadResult": "SUCCESS"}))
        .collect()
}

const RELOADED: &str = "The configuration was reloaded; some changes need a restart of the server";

/// Saved scripts are loaded with it.
fn reload(call: &mut Call<'_>) -> Outcome {
    for (.., loaded) in &mut call.state.hub.settings.scripts {
        *loaded = true;
    }
    Ok(envelope(call.old(), 200, json!(RELOADED), reloaded(call)))
}

fn snake(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        match letter {
            '-' => text.push('_'),
            letter if letter.is_ascii_uppercase() => {
                text.push('_');
                text.push(letter.to_ascii_lowercase());
            }
            letter => text.push(letter),
        }
    }
    text
}

/// A whole file, with what is kept elsewhere filled in.
fn document(call: &Call<'_>, name: &str) -> Option<Value> {
    let hub = &call.state.hub;
    let settings = &hub.settings;
    match name {
        "config" => {
            let mut file = settings.config.clone();
            let clients: Map<String, Value> = hub
                .clients
                .iter()
                .map(|client| {
                    let keys = client.config.iter().map(|(key, value)| (snake(key), value.clone()));
                    (client.id.replace('-', "_"), Value::Object(keys.collect()))
                })
                .collect();
            file["client"] = Value::Object(clients);
            file["push_notification"] = settings
                .channels
                .iter()
                .map(|channel| json!({"name": channel.name, "type": channel.kind, "config": channel.config}))
                .collect();
            if file["server"]["token"] == json!("") {
                file["server"]["token"] = json!(hub.token);
            }
            file["installation_id"] = json!(hub.installation);
            let (enabled, friendly, ids) = &settings.stun;
            file["auto_stun"] =
                json!({"enabled": enabled, "use_friendly_loopback_mapping": friendly, "downloaders": ids});
            Some(file)
        }
        "profile" => {
            let mut file = settings.profile.clone();
            let rules = &settings.blacklist;
            let module = &mut file["module"];
            for (key, value) in [
                ("ips", json!(rules.ips)),
                ("ports", json!(rules.ports)),
                ("regions", json!(rules.regions)),
                ("cities", json!(rules.cities)),
            ] {
                module["ip_address_blocker"][key] = value;
            }
            let asns: Value = if call.old() {
                json!(rules.asns)
            } else {
                rules.asns.iter().map(|asn| json!(asn.to_string())).collect()
            };
            module["ip_address_blocker"]["asns"] = asns;
            let subscriptions: Map<String, Value> = settings
                .subscriptions
                .iter()
                .map(|rule| {
                    (rule.id.replace('-', "_"), json!({"enabled": rule.enabled, "name": rule.name, "url": rule.url}))
                })
                .collect();
            module["ip_address_blocker_rules"]["check_interval"] = json!(settings.interval);
            module["ip_address_blocker_rules"]["rules"] = Value::Object(subscriptions);
            Some(file)
        }
        _ => None,
    }
}

fn config(call: &mut Call<'_>) -> Outcome {
    let file = document(call, call.part("configName")).ok_or_else(|| Answer::text(404, ""))?;
    Ok(call.ok(file))
}

/// Leaves of `change` replace leaves of `file`; what it does not name stays.
fn merge(file: &mut Value, change: Value) {
    match (file, change) {
        (Value::Object(file), Value::Object(change)) => {
            for (key, value) in change {
                merge(file.entry(key).or_insert(Value::Null), value);
            }
        }
        (file, change) => *file = change,
    }
}

/// Merges into the file and reloads. A new token works only after a restart, which never comes here.
fn set_config(call: &mut Call<'_>) -> Outcome {
    let name = call.part("configName").to_owned();
    if !matches!(name.as_str(), "config" | "profile") {
        return Err(Answer::text(404, ""));
    }
    let body = call.json()?;
    if body.is_object() {
        let settings = &mut call.state.hub.settings;
        if name == "config" {
            merge(&mut settings.config, body);
        } else {
            let texts = |value: &Value| {
                value
                    .as_array()
                    .map(|list| list.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect::<Vec<_>>())
            };
            let rules = &body["module"]["ip_address_blocker"];
            if let Some(ips) = texts(&rules["ips"]) {
                settings.blacklist.ips = ips;
            }
            if let Some(regions) = texts(&rules["regions"]) {
                settings.blacklist.regions = regions;
            }
            if let Some(cities) = texts(&rules["cities"]) {
                settings.blacklist.cities = cities;
            }
            if let Some(interval) = body["module"]["ip_address_blocker_rules"]["check_interval"].as_i64() {
                settings.interval = interval;
            }
            merge(&mut settings.profile, body);
        }
        call.state.hub.restless = true;
    }
    Ok(envelope(call.old(), 201, json!(RELOADED), reloaded(call)))
}
