//! The simulated BiglyBT behind PBH's plug-in for it, which can look, limit the whole client and ban. Its token is the
//! password of the world file.

use serde_json::{Value, json};

use super::net::Answer;
use super::programs::Visit;
use super::torrent::{Run, Torrent};
use super::volume::share;
use crate::time::Time;

pub(super) fn answer(visit: &mut Visit<'_>) -> Answer {
    let token = format!("Bearer {}", visit.seedbox.password);
    if visit.expired || visit.ask.header("authorization") != Some(token.as_str()) {
        return Answer::text(403, "Forbidden");
    }
    let body = visit.ask.json().unwrap_or_default();
    let seedbox = &mut *visit.seedbox;
    match (visit.ask.method.as_str(), visit.ask.path.as_str()) {
        ("GET", "/metadata") => Answer::json(
            200,
            &json!({
                "pluginVersion": "1.3.3", "applicationVersion": seedbox.version, "applicationName": "BiglyBT",
                "azureusName": "BiglyBT",
            }),
        ),
        ("GET", "/downloads") => Answer::json(200, &seedbox.torrents.iter().enumerate().map(row).collect()),
        ("GET", "/statistics") => {
            let ever = |of: fn(&Torrent) -> u64| seedbox.torrents.iter().map(of).sum::<u64>();
            let uptime = (visit.now - visit.started).millis() / 1000;
            Answer::json(
                200,
                &json!({
                    "overallDataBytesReceived": ever(|torrent| torrent.downloaded.bytes()),
                    "overallDataBytesSent": ever(|torrent| torrent.uploaded.bytes()), "sessionUptimeSeconds": uptime,
                    "dataReceiveRate": seedbox.down(), "dataSendRate": seedbox.up(),
                    "dataBytesReceived": seedbox.downloaded.bytes(), "dataBytesSent": seedbox.uploaded.bytes(),
                }),
            )
        }
        ("GET", "/speedlimiter") => {
            Answer::json(200, &json!({"upload": seedbox.up_limit, "download": seedbox.down_limit}))
        }
        ("POST", "/speedlimiter") => {
            // In KiB/s, rounded down, where 0 is no limit.
            let limit = |key: &str| body[key].as_u64().unwrap_or(0) / 1024 * 1024;
            (seedbox.up_limit, seedbox.down_limit) = (limit("upload"), limit("download"));
            Answer::text(200, "")
        }
        ("GET", "/bans") => Answer::json(200, &json!(seedbox.banned)),
        (method @ ("POST" | "PUT" | "DELETE"), "/bans") => {
            let given = body["ips"].as_array().into_iter().flatten().filter_map(Value::as_str).map(ToOwned::to_owned);
            let given: Vec<String> = given.collect();
            let mut banned = if method == "PUT" { Vec::new() } else { seedbox.banned.clone() };
            banned.retain(|ip| !given.contains(ip));
            if method != "DELETE" {
                banned.extend(given);
            }
            seedbox.ban(banned);
            visit.restless = true;
            Answer::text(200, "")
        }
        _ => Answer::text(404, "Endpoint not found"),
    }
}

/// A download by its place, in the plug-in's numbers and thousandths.
fn row((place, torrent): (usize, &Torrent)) -> Value {
    let complete = torrent.complete();
    let state = match (torrent.run, complete) {
        (Run::Stopped, _) => 7,
        (_, true) => 5,
        (_, false) => 4,
    };
    #[expect(clippy::cast_possible_truncation, reason = "thousandths")]
    let thousandths = |share: f64| (share * 1000.0) as i64;
    let ratio = share(torrent.uploaded.bytes(), torrent.downloaded.bytes().max(1));
    json!({
        "state": state, "subState": state, "flags": 0, "forceStart": torrent.run == Run::Forced, "paused": false,
        "name": torrent.name, "categoryName": Some(&torrent.category).filter(|category| !category.is_empty()),
        "torrent": {
            "infoHash": torrent.hash.to_uppercase(), "size": torrent.size, "privateTorrent": torrent.private, "complete": complete,
        },
        "tags": torrent.tags, "position": place + 1, "creationTime": torrent.added.millis(), "complete": complete,
        "checking": false, "moving": false, "removed": false,
        "stats": {
            "status": if complete { "Seeding" } else { "Downloading" },
            "completedInThousandNotation": thousandths(torrent.progress()), "downloadedBytes": torrent.downloaded.bytes(),
            "uploaded": torrent.uploaded.bytes(), "rtUploadSpeed": torrent.up, "rtDownloadSpeed": torrent.down,
            "shareRatioInThousandNotation": thousandths(ratio),
            "timeStartedSeeding": torrent.completed.map_or(-1, Time::millis),
        },
    })
}
