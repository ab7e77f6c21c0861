//! The simulated BitComet: its Web UI as its makers document it, with the fields that a 2.20 sends.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::net::Answer;
use super::programs::Visit;
use super::swarm;
use super::torrent::{Run, Torrent};
use super::volume::share;
use crate::downloader::bitcomet::envelope;

pub(super) fn answer(visit: &mut Visit<'_>) -> Answer {
    if visit.ask.method != "POST" {
        return Answer::text(404, "Not Found");
    }
    let Some(body) = visit.ask.json() else { return refused(400, "INVALID_REQUEST", "Invalid request") };
    let token = visit.ask.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let known = visit.seedbox.sessions.iter().any(|session| session == token);
    let version = visit.seedbox.version.clone();
    let mut answer = match visit.ask.path.as_str() {
        "/api/webui/login" => return log_in(visit, &body),
        // An invitation is worth a token, once.
        "/api/device_token/get" if known && body["invite_token"] == token => {
            visit.seedbox.sessions.retain(|session| session != token);
            json!({"device_token": visit.seedbox.let_in(64), "server_id": visit.seedbox.id, "server_name": visit.seedbox.name})
        }
        _ if !known => return refused(401, "INVALID_TOKEN", "Invalid token"),
        "/api_v2/task_list/get" => list(visit, &body),
        "/api/task/summary/get" => match visit.seedbox.torrents.iter().find(|torrent| body["task_id"] == id(torrent)) {
            Some(torrent) => summary(torrent),
            None => return refused(200, "INVALID_TASK_ID", "invalid task_id"),
        },
        "/api_v2/tasks/action" => match act(visit, &body) {
            Some(answer) => answer,
            None => return refused(200, "INVALID_REQUEST", "task_ids invalid"),
        },
        "/api_v2/tasks/delete" => {
            visit.seedbox.torrents.retain(|torrent| !named(&body, torrent));
            json!({"error_message": "action completed."})
        }
        "/api/config/connection/get" => json!({"connection_config": connection(visit)}),
        "/api/config/connection/set" => {
            let config = &body["connection_config"];
            let speed = |key: &str| config[key].as_u64().unwrap_or(0);
            visit.seedbox.up_limit = speed("max_upload_speed");
            visit.seedbox.down_limit = speed("max_download_speed");
            let rest = config.as_object().into_iter().flatten().filter(|(key, _)| !key.starts_with("max_"));
            let rest: Map<String, Value> = rest.map(|(key, value)| (key.clone(), value.clone())).collect();
            visit.seedbox.preferences.extend(rest);
            json!({})
        }
        "/api/config/about/get" => json!({"about": {"name": "BitComet"}}),
        "/api/config/new_task/get" => {
            json!({"task_config": {"save_folder": "/data/torrents"}, "save_folders": [{"path": "/data/torrents"}]})
        }
        "/api/task/bt/add" => {
            let text = |key: &str| body[key].as_str().unwrap_or_default();
            let file = BASE64_STANDARD.decode(text("torrent_file")).unwrap_or_default();
            let link = text("torrent_url");
            let torrent =
                if link.is_empty() { Torrent::loaded(&file, visit.now) } else { Torrent::linked(link, visit.now) };
            // Of all its paths this one says so in small letters.
            json!({"error_code": "ok", "task_id": add(visit, torrent, &body)})
        }
        "/api/task/torrent_links/add" => {
            for link in body["torrent_links"].as_str().unwrap_or_default().lines() {
                add(visit, Torrent::linked(link, visit.now), &body);
            }
            json!({"error_message": "adding task in batch started."})
        }
        _ => return refused(404, "NOT_FOUND", "Not found"),
    };
    if answer.get("error_code").is_none() {
        answer["error_code"] = "OK".into();
    }
    answer["version"] = version.into();
    answer["platform"] = "windows".into();
    answer["file_size_prefix"] = "binary".into();
    Answer::json(200, &answer)
}

fn refused(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, &json!({"error_code": code, "error_message": message}))
}

/// The login is sealed with the name of the device that sends it.
fn log_in(visit: &mut Visit<'_>, body: &Value) -> Answer {
    let text = |key: &str| body[key].as_str().unwrap_or_default();
    let opened = envelope::open(text("authentication"), text("client_id")).unwrap_or_default();
    let given: Value = serde_json::from_str(&opened).unwrap_or_default();
    let seedbox = &mut *visit.seedbox;
    let right = given["username"] == seedbox.username.as_str() && given["password"] == seedbox.password.as_str();
    if !right || visit.expired {
        return refused(200, "PASSWORD_ERROR", "password error");
    }
    let invitation = seedbox.let_in(32);
    Answer::json(200, &json!({"error_code": "OK", "invite_token": invitation, "version": seedbox.version}))
}

/// Its number for a torrent, as it wants it back.
fn id(torrent: &Torrent) -> String {
    (1000 + swarm::key(&torrent.hash) % 1_000_000).to_string()
}

fn named(body: &Value, torrent: &Torrent) -> bool {
    body["task_ids"].as_array().is_some_and(|ids| ids.iter().any(|given| *given == id(torrent)))
}

fn list(visit: &Visit<'_>, body: &Value) -> Value {
    let all = [&body["state_group"], &body["group_state"]].into_iter().any(|group| group == "ALL");
    let shown = |torrent: &&Torrent| all || (torrent.run != Run::Stopped && !torrent.complete());
    let tasks: Vec<Value> = visit.seedbox.torrents.iter().filter(shown).map(task).collect();
    json!({"filtered_task_count": tasks.len(), "tasks": tasks})
}

fn task(torrent: &Torrent) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "thousandths")]
    let permillage = (torrent.progress() * 1000.0) as i64;
    json!({
        "task_id": id(torrent).parse::<u64>().unwrap_or(0), "task_guid": format!("bt_{}", torrent.hash), "type": "BT",
        "task_name": torrent.name, "status": if torrent.run == Run::Stopped { "stopped" } else { "running" },
        "total_size": torrent.size, "selected_size": torrent.size, "selected_downloaded_size": torrent.done.bytes(),
        "download_rate": torrent.down, "upload_rate": torrent.up, "permillage": permillage, "left_time": "∞",
        "dl_size": torrent.downloaded.bytes(), "up_size": torrent.uploaded.bytes(), "health": "200%", "file_count": 1,
        "error_code": "", "error_message": "",
    })
}

fn summary(torrent: &Torrent) -> Value {
    json!({
        "error_code": "ok", "task": task(torrent),
        "task_detail": {
            "type": "BT", "infohash": torrent.hash, "task_name": torrent.name, "save_folder": torrent.save_path,
            "total_size": torrent.size, "finish_time": "", "torrent_private": torrent.private,
        },
        "task_status": {
            "status": if torrent.complete() { "Seeding" } else { "Downloading" }, "total_size": torrent.size,
            "share_ratio": format!("{:.2}", share(torrent.uploaded.bytes(), torrent.downloaded.bytes().max(1))),
        },
        "task_summary": {"tags": "", "speed_list": [], "downloaded_pieces": [], "available_pieces": []},
    })
}

/// `None` where it names no task. One that is so already is passed over.
fn act(visit: &mut Visit<'_>, body: &Value) -> Option<Value> {
    let run = match body["action"].as_str()? {
        "start" => Some(Run::Running),
        "stop" => Some(Run::Stopped),
        // What takes no time here: a check finds nothing, an announcement changes nobody.
        "hash_check" | "tracker_update" => None,
        _ => return None,
    };
    let mut tasks: Vec<&mut Torrent> =
        visit.seedbox.torrents.iter_mut().filter(|torrent| named(body, torrent)).collect();
    if tasks.is_empty() {
        return None;
    }
    let idle = run.is_some_and(|run| tasks.iter().all(|torrent| torrent.run == run));
    for torrent in &mut tasks {
        torrent.run = run.unwrap_or(torrent.run);
    }
    visit.restless = true;
    Some(if idle {
        json!({"error_code": "SKIPPED", "error_message": "action skipped."})
    } else {
        json!({"error_message": "action completed."})
    })
}

fn connection(visit: &Visit<'_>) -> Map<String, Value> {
    let seedbox = &visit.seedbox;
    let known = json!({
        "max_download_speed": seedbox.down_limit, "max_upload_speed": seedbox.up_limit, "enable_listen_tcp": true,
        "listen_port_tcp": 6082,
    });
    let mut config = known.as_object().cloned().unwrap_or_default();
    config.extend(seedbox.preferences.clone());
    config
}

fn add(visit: &mut Visit<'_>, mut torrent: Torrent, body: &Value) -> String {
    if body["start_later"] == true {
        torrent.run = Run::Stopped;
    }
    let id = id(&torrent);
    visit.seedbox.take(torrent);
    visit.restless = true;
    id
}
