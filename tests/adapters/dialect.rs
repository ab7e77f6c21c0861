//! The JSON-RPC of Transmission 4.1, which no package here has: a server that speaks as its documentation says, and takes
//! nothing else.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use serde_json::{Value, json};
use tidegate::downloader::{Addition, Limits, Source};
use tidegate::error::Kind;

use super::contract::Rig;

/// The session it takes, and what was asked of it under one.
#[derive(Default)]
struct Server {
    session: Mutex<u32>,
    heard: Mutex<Vec<Value>>,
}

type Shared = Arc<Server>;

async fn answer(State(server): State<Shared>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let session = format!("session-{}", server.session.lock().unwrap());
    if headers.get("x-transmission-session-id").is_none_or(|id| id != session.as_str()) {
        let headers = [("x-transmission-session-id", session.as_str()), ("x-transmission-rpc-version", "6.0.0")];
        return (StatusCode::CONFLICT, headers, "409: Conflict").into_response();
    }
    server.heard.lock().unwrap().push(body.clone());
    let reply = match body["method"].as_str().unwrap_or_default() {
        _ if body["jsonrpc"] != "2.0" => json!({"result": "not supported any more", "arguments": {}}),
        "session_get" => json!({"result": {
            "version": "4.1.0 (0000000000)", "rpc_version_semver": "6.0.0", "download_dir": "/data", "speed_limit_up": 100,
            "speed_limit_up_enabled": true, "speed_limit_down": 100, "speed_limit_down_enabled": false, "alt_speed_enabled": false,
            "units": {"speed_bytes": 1000},
        }}),
        "session_stats" => json!({"result": {
            "upload_speed": 7, "download_speed": 9, "cumulative_stats": {"uploaded_bytes": 10, "downloaded_bytes": 20, "session_count": 3},
            "current_stats": {"uploaded_bytes": 1, "downloaded_bytes": 2, "session_count": 1},
        }}),
        "torrent_get" => json!({"result": {"torrents": [{
            "hash_string": "ab", "name": "x", "status": 6, "metadata_percent_complete": 1.0, "percent_done": 1.0,
            "left_until_done": 0, "size_when_done": 5, "is_private": true, "labels": ["keep"], "upload_ratio": 1.5,
        }]}}),
        "torrent_add" => json!({"result": {"torrent_added": {"hash_string": "ab", "id": 1, "name": "x"}}}),
        "free_space" => {
            json!({"error": {"code": 4, "message": "system error", "data": {"error_string": "No such file"}}})
        }
        "session_set" | "torrent_set" | "torrent_stop" | "torrent_start_now" => json!({"result": {}}),
        _ => json!({"error": {"code": -32601, "message": "Method not found"}}),
    };
    let mut reply = reply;
    reply["jsonrpc"] = "2.0".into();
    reply["id"] = body["id"].clone();
    Json(reply).into_response()
}

fn serve() -> (Shared, Rig) {
    let server = Shared::default();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(Arc::clone(&server));
    let rig = Rig::new(&format!("[downloader.box]\ntype = \"transmission\"\nurl = \"{url}/transmission/rpc\"\n"));
    rig.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        axum::serve(listener, router).await.unwrap();
    });
    (server, rig)
}

#[test]
fn the_new_dialect_of_transmission_is_spoken_where_it_is_understood() {
    let (server, rig) = serve();
    rig.with("box", async |_, member, talk| {
        let client = &member.client;
        assert_eq!(client.version(talk).await.unwrap(), "4.1.0");
        let torrents = client.torrents(talk).await.unwrap();
        assert_eq!((torrents[0].hash.as_str(), torrents[0].ratio, torrents[0].done), ("ab", 1.5, true));
        assert_eq!(client.speed(talk).await.unwrap().up, 7);
        assert_eq!(client.totals(talk).await.unwrap().session, "3");
        assert_eq!(client.limits(talk).await.unwrap(), Limits { up: Some(100_000), down: None });
        client.set_limits(Limits { up: Some(5500), down: None }, talk).await.unwrap();
        client.limit_torrents(&["ab".into()], Limits { up: None, down: Some(2000) }, talk).await.unwrap();
        client.stop(&["ab".into()], talk).await.unwrap();
        client.start(&["ab".into()], true, talk).await.unwrap();
        let how = Addition { tags: vec!["tv".into()], ..Addition::default() };
        client.add(&Source::Link("magnet:?xt=urn:btih:ab".into()), &how, talk).await.unwrap();
        assert_eq!(client.free_space(None, talk).await.unwrap_err().kind, Kind::Api);
        assert_eq!(client.recheck(&["ab".into()], talk).await.unwrap_err().kind, Kind::Unsupported);
    });
    let heard = server.heard.lock().unwrap();
    let asked = |method: &str| {
        let found = heard.iter().find(|body| body["method"] == method);
        found.unwrap_or_else(|| panic!("{method} in {heard:?}"))["params"].clone()
    };
    assert_eq!(
        asked("session_set"),
        json!({"speed_limit_up": 5, "speed_limit_up_enabled": true, "speed_limit_down_enabled": false})
    );
    assert_eq!(
        asked("torrent_set"),
        json!({"ids": ["ab"], "upload_limited": false, "download_limited": true, "download_limit": 2})
    );
    assert_eq!(asked("torrent_start_now"), json!({"ids": ["ab"]}));
    assert_eq!(asked("torrent_add"), json!({"filename": "magnet:?xt=urn:btih:ab", "paused": false}));
    let labels = heard.iter().rfind(|body| body["method"] == "torrent_set").unwrap();
    assert_eq!(labels["params"], json!({"ids": ["ab"], "labels": ["keep", "tv"]}));
    assert!(heard.iter().all(|body| body["jsonrpc"] == "2.0"), "{heard:?}");
}

#[test]
fn a_session_that_has_run_out_is_renewed_once() {
    let (server, rig) = serve();
    let list = || rig.with("box", async |_, member, talk| member.client.torrents(talk).await.unwrap().len());
    assert_eq!(list(), 1);
    rig.calls();
    *server.session.lock().unwrap() += 1;
    assert_eq!(list(), 1);
    let statuses: Vec<_> = rig.calls().iter().filter_map(|call| call.status).collect();
    // Refused, told the new session, done.
    assert_eq!(statuses, [409, 409, 200]);
    assert_eq!(server.heard.lock().unwrap().len(), 2);
}
