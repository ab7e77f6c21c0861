//! BiglyBT behind a server that speaks like PBH's plug-in for it: what the plug-in offers works, everything else says what
//! to use instead.

use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use serde_json::{Value, json};
use tidegate::downloader::{Limits, State as Doing};
use tidegate::error::Kind;

use super::contract::Rig;

type Heard = Arc<Mutex<Vec<(String, Value)>>>;

async fn answer(State(heard): State<Heard>, request: Request) -> Response {
    let line = format!("{} {}", request.method(), request.uri().path());
    if request.headers().get("authorization").is_none_or(|token| token != "Bearer a-token") {
        return (StatusCode::FORBIDDEN, "Forbidden").into_response();
    }
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap_or_default();
    heard.lock().unwrap().push((line.clone(), serde_json::from_slice(&body).unwrap_or_default()));
    match line.as_str() {
        "GET /metadata" => Json(json!({
            "pluginVersion": "1.3.3", "applicationVersion": "3.8.0.2", "applicationName": "BiglyBT", "azureusName": "BiglyBT",
        }))
        .into_response(),
        "GET /downloads" => Json(json!([{
            "state": 4, "subState": 4, "flags": 0, "forceStart": false, "paused": false, "name": "x", "categoryName": "tv",
            "torrent": {"infoHash": "AB", "size": 100, "privateTorrent": true}, "tags": [], "position": 1, "creationTime": 0,
            "stats": {"completedInThousandNotation": 250, "rtDownloadSpeed": 9, "rtUploadSpeed": 0}, "complete": false,
            "checking": false, "moving": false,
        }]))
        .into_response(),
        "GET /statistics" => Json(json!({
            "overallDataBytesReceived": 1, "overallDataBytesSent": 2, "sessionUptimeSeconds": 60, "dataReceiveRate": 3,
            "dataSendRate": 4, "dataBytesReceived": 5, "dataBytesSent": 6,
        }))
        .into_response(),
        "GET /speedlimiter" => Json(json!({"upload": 0, "download": 1_048_576})).into_response(),
        "GET /bans" => Json(json!(["203.0.113.7", "2001:db8::/32"])).into_response(),
        "POST /speedlimiter" | "POST /bans" | "DELETE /bans" => StatusCode::OK.into_response(),
        _ => (StatusCode::NOT_FOUND, "Endpoint not found").into_response(),
    }
}

fn serve(token: &str) -> (Heard, Rig) {
    let heard = Heard::default();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(Arc::clone(&heard));
    let rig = Rig::new(&format!("[downloader.box]\ntype = \"biglybt\"\nurl = {url:?}\ntoken = {token:?}\n"));
    rig.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        axum::serve(listener, router).await.unwrap();
    });
    (heard, rig)
}

#[test]
fn biglybt_does_what_its_plug_in_offers_and_says_what_else_to_use() {
    let (heard, rig) = serve("a-token");
    rig.with("box", async |_, member, talk| {
        let client = &member.client;
        assert_eq!(client.version(talk).await.unwrap(), "3.8.0.2");
        let torrent = client.torrents(talk).await.unwrap().remove(0);
        assert_eq!((torrent.hash.as_str(), torrent.state, torrent.progress), ("ab", Doing::Downloading, 0.25));
        assert_eq!((torrent.category.as_str(), torrent.is_private, torrent.done), ("tv", true, false));
        let totals = client.totals(talk).await.unwrap();
        assert_eq!((totals.uploaded, totals.session_downloaded), (Some(2), 5));
        assert_eq!(client.speed(talk).await.unwrap().up, 4);
        assert_eq!(client.limits(talk).await.unwrap(), Limits { up: None, down: Some(1_048_576) });
        client.set_limits(Limits { up: Some(10), down: None }, talk).await.unwrap();
        assert_eq!(client.banned(talk).await.unwrap().len(), 2);
        client.ban(&["203.0.113.8".parse().unwrap()], talk).await.unwrap();
        client.unban(&["203.0.113.8".parse().unwrap()], talk).await.unwrap();
        for error in [
            client.stop(&["ab".into()], talk).await.unwrap_err(),
            client.start(&["ab".into()], false, talk).await.unwrap_err(),
        ] {
            assert_eq!(error.kind, Kind::Unsupported);
            assert!(error.hint.as_ref().unwrap().contains("limit_speed"), "{error:?}");
        }
    });
    let heard = heard.lock().unwrap();
    // Not below the unit it counts in, where nothing would mean everything.
    assert!(heard.contains(&("POST /speedlimiter".into(), json!({"upload": 1024, "download": 0}))), "{heard:?}");
    assert!(heard.contains(&("DELETE /bans".into(), json!({"ips": ["203.0.113.8"]}))), "{heard:?}");
}

#[test]
fn biglybt_is_asked_once_with_a_wrong_token() {
    let (_, rig) = serve("wrong-one");
    rig.with("box", async |_, member, talk| {
        for error in
            [member.client.torrents(talk).await.unwrap_err(), member.client.limits(talk).await.map(drop).unwrap_err()]
        {
            assert_eq!(error.kind, Kind::Auth);
        }
    });
    assert_eq!(rig.calls().len(), 1);
}
