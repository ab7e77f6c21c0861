//! Over real connections: addresses, faults, latency and the end.

use std::net::{Ipv4Addr, SocketAddr};

use super::*;
use crate::clock::VirtualClock;
use crate::config::Transport;
use crate::error::Kind;
use crate::http::{Body, Http, Reply, Request as Outgoing};

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

struct Wire {
    clock: Arc<VirtualClock>,
    http: Http,
    sim: Sim,
}

async fn wire() -> Wire {
    let clock = VirtualClock::new(Time::from_seconds(1_780_272_000));
    let sim = Sim::start(Scenario::default(), Arc::<VirtualClock>::clone(&clock), ANY, ANY).await.unwrap();
    Wire { http: Http::new(Arc::<VirtualClock>::clone(&clock)), clock, sim }
}

impl Wire {
    async fn get(&self, path: &str, seconds: i64) -> Result<Reply> {
        let urls = self.sim.urls();
        self.http
            .send(Outgoing {
                transport: Transport::default(),
                method: reqwest::Method::GET,
                url: format!("{}{path}", urls.pbh_url),
                headers: vec![("Authorization".into(), format!("Bearer {}", urls.pbh_token))],
                query: Vec::new(),
                body: Body::None,
                deadline: self.clock.now() + Duration::from_seconds(seconds),
                max_reply: 1 << 20,
            })
            .await
    }
}

#[tokio::test]
async fn what_the_urls_say_is_where_it_listens() {
    let wire = wire().await;
    let urls = serde_json::to_value(wire.sim.urls()).unwrap();
    for pointer in ["/kiwivm_url", "/pbh_url", "/pbh_token", "/vps/0/name", "/vps/0/api_key", "/downloaders/0/id"] {
        assert!(urls.pointer(pointer).is_some_and(Value::is_string), "{pointer} in {urls}");
    }
    assert_eq!(urls["downloaders"][0]["type"], "qbittorrent");
    let reply = wire.get("/api/downloaders", 10).await.unwrap();
    let list: Value = serde_json::from_slice(&reply.body).unwrap();
    let endpoint = list["data"][0]["endpoint"].as_str().unwrap();
    assert_eq!(endpoint.strip_suffix("/api/v2"), urls["downloaders"][0]["url"].as_str());
    let request = &wire.sim.world().requests()[0];
    assert!(request.headers.iter().any(|(name, value)| name == "user-agent" && value.starts_with("tidegate/")));
    wire.sim.stop().await;
}

#[tokio::test]
async fn latency_passes_on_the_clock_and_a_deadline_before_it_ends_the_wait() {
    let wire = wire().await;
    wire.sim.world().fault(Fault::new(Trouble::Latency(Duration::from_seconds(3600))).times(2));
    let before = wire.clock.now();
    assert_eq!(wire.get("/api/bans", 7200).await.unwrap().status, 200);
    assert!(wire.clock.now() - before >= Duration::from_seconds(3600));
    let error = wire.get("/api/bans", 60).await.unwrap_err();
    assert_eq!(error.kind, Kind::Timeout);
    wire.sim.stop().await;
}

#[tokio::test]
async fn each_fault_looks_as_it_would_on_a_bad_day() {
    let wire = wire().await;
    let world = wire.sim.world().clone();
    let get = |trouble: Trouble| {
        world.fault(Fault::new(trouble).on("pbh").route("bans_list").times(1));
        wire.get("/api/bans", 30)
    };
    for trouble in [Trouble::Drop, Trouble::Cut] {
        assert_eq!(get(trouble).await.unwrap_err().kind, Kind::Transport, "{trouble:?}");
    }
    let html = get(Trouble::Html).await.unwrap();
    assert!(html.status == 200 && html.body.starts_with(b"<!doctype html>"));
    let half = get(Trouble::Truncate).await.unwrap();
    assert!(half.status == 200 && serde_json::from_slice::<Value>(&half.body).is_err());
    assert_eq!(get(Trouble::Status(502)).await.unwrap().status, 502);
    assert_eq!(get(Trouble::RateLimit).await.unwrap().status, 429);
    assert_eq!(get(Trouble::Expired).await.unwrap().status, 403);
    assert!(get(Trouble::Empty).await.unwrap().body.is_empty());
    // Each struck once.
    assert_eq!(wire.get("/api/bans", 30).await.unwrap().status, 200);
    world.fault(Fault::new(Trouble::Status(500)));
    assert_eq!(wire.get("/api/bans", 30).await.unwrap().status, 500);
    world.heal();
    assert_eq!(wire.get("/api/bans", 30).await.unwrap().status, 200);
    wire.sim.stop().await;
}

#[tokio::test]
async fn the_log_is_a_stream_that_ends_with_the_world() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let wire = wire().await;
    let urls = wire.sim.urls();
    let mut line = tokio::net::TcpStream::connect(urls.pbh_url.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "GET /api/logs/live?token={} HTTP/1.1\r\nHost: x\r\nUser-Agent: test\r\nAccept: text/event-stream\r\n\r\n",
        urls.pbh_token
    );
    line.write_all(head.as_bytes()).await.unwrap();
    let mut seen = String::new();
    let mut part = [0_u8; 1024];
    while !seen.contains("The server has started") {
        let length = line.read(&mut part).await.unwrap();
        assert_ne!(length, 0, "it ended early: {seen}");
        seen += &String::from_utf8_lossy(&part[..length]);
    }
    assert!(seen.contains("content-type: text/event-stream") && seen.contains("event: message\ndata: {\"time\""));
    wire.sim.stop().await;
    while line.read(&mut part).await.is_ok_and(|length| length > 0) {}
}

#[tokio::test]
async fn a_taken_or_a_public_address_is_one_sentence() {
    let wire = wire().await;
    let taken: SocketAddr = wire.sim.urls().pbh_url.trim_start_matches("http://").parse().unwrap();
    let clock: Arc<dyn Clock> = Arc::<VirtualClock>::clone(&wire.clock);
    let error = Sim::start(Scenario::default(), Arc::clone(&clock), ANY, taken).await.err().unwrap();
    assert!(error.kind == Kind::Config && error.message.contains(&taken.to_string()), "{error}");
    let public = SocketAddr::from(([0, 0, 0, 0], 0));
    let error = Sim::start(Scenario::default(), clock, public, ANY).await.err().unwrap();
    assert!(error.kind == Kind::Config && error.hint.is_some(), "{error}");
    wire.sim.stop().await;
}
