//! The world by itself: time, traffic, bans, power.

use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::net::{Answer, Ask, Payload, pairs};
use super::*;
use crate::time::{Busy, Duration, Idle, Time};

mod kiwivm;
mod recorded;
mod rows;
mod wire;
mod world;

/// A clock that a test moves by hand.
pub(super) struct Hand(Mutex<Time>);

impl Hand {
    pub fn new(start: Time) -> Arc<Self> {
        Arc::new(Self(Mutex::new(start)))
    }

    pub fn pass(&self, seconds: i64) {
        let mut now = self.0.lock().unwrap();
        *now = *now + Duration::from_seconds(seconds);
    }
}

impl Clock for Hand {
    fn now(&self) -> Time {
        *self.0.lock().unwrap()
    }

    fn uptime(&self) -> Duration {
        self.now() - Time::from_millis(0)
    }

    fn sleep_until(&self, _: Time) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }

    fn busy(&self) -> Busy {
        Busy::new(None)
    }

    fn idle(&self) -> Idle {
        Idle::new(None)
    }
}

/// A world without listeners, asked directly.
pub(super) struct Bench {
    pub clock: Arc<Hand>,
    pub world: World,
    token: String,
}

impl Bench {
    pub fn new(scenario: Scenario) -> Self {
        let urls: Vec<String> =
            (0..scenario.downloader.len()).map(|n| format!("http://127.0.0.1:{}", 8080 + n)).collect();
        // 2026-06-01, on no boundary of a step.
        Self::with(scenario, &urls, Time::from_millis(1_780_272_000_000 + 61_000))
    }

    pub fn with(scenario: Scenario, urls: &[String], start: Time) -> Self {
        let clock = Hand::new(start);
        let state = State::new(&scenario, urls, clock.now());
        let world = World::new(state, scenario.fault, Arc::clone(&clock) as Arc<dyn Clock>);
        Self { clock, world, token: scenario.pbh.token }
    }

    pub fn demo() -> Self {
        Self::new(Scenario::default())
    }

    pub fn ask(&self, service: Service, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let ask = Ask {
            method: method.into(),
            path: path.into(),
            query: pairs(query),
            headers: map,
            body: body.as_bytes().to_vec().into(),
        };
        let troubles = self.world.arrive(service, &ask);
        self.world.answer(service, &ask, &troubles)
    }

    /// PBH with the right token: status and body.
    pub fn pbh(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.send(method, path, &body);
        (answer.status, parsed(&answer))
    }

    /// PBH with the right token and any text as the body.
    pub fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        let token = format!("Bearer {}", self.token);
        let headers = [("user-agent", "test"), ("authorization", token.as_str()), ("accept", "application/json")];
        self.ask(Service::Pbh, method, path, &headers, body)
    }

    pub fn data(&self, path: &str) -> Value {
        let (status, mut body) = self.pbh("GET", path, &Value::Null);
        assert_eq!(status, 200, "{path}: {body}");
        body["data"].take()
    }

    pub fn kiwivm(&self, path: &str, params: &str) -> Value {
        let body = format!("veid=1234567&api_key=private_simulated0tokyo0key&{params}");
        parsed(&self.ask(Service::KiwiVm, "POST", path, &[], &body))
    }

    pub fn seedbox(&self, method: &str, path: &str, form: &str) -> Answer {
        let login = "username=admin&password=simulated-qb-password";
        let answer = self.ask(Service::Seedbox(0), "POST", "/api/v2/auth/login", &[], login);
        let cookie = answer.headers.iter().find(|(name, _)| *name == "set-cookie").unwrap().1.clone();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        self.ask(Service::Seedbox(0), method, &format!("/api/v2/{path}"), &[("cookie", &cookie)], form)
    }
}

pub(super) fn text(answer: &Answer) -> String {
    match &answer.body {
        Payload::Whole(body) => String::from_utf8_lossy(body).into_owned(),
        _ => String::new(),
    }
}

pub(super) fn parsed(answer: &Answer) -> Value {
    serde_json::from_str(&text(answer)).unwrap_or(Value::Null)
}

pub(super) fn hashes(bench: &Bench, filter: &str) -> Vec<String> {
    let list = parsed(&bench.seedbox("GET", &format!("torrents/info?filter={filter}"), ""));
    list.as_array().unwrap().iter().map(|torrent| torrent["hash"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_request_is_written_down_as_it_came() {
    let bench = Bench::demo();
    bench.pbh("PUT", "/api/bans?x=1%202", &json!(["203.0.113.7"]));
    let requests = bench.world.requests();
    let request = &requests[0];
    assert_eq!((request.service.as_str(), request.id.as_deref()), ("pbh", Some("bans_add")));
    assert_eq!(request.query, [("x".to_owned(), "1 2".to_owned())]);
    assert_eq!(request.body, r#"["203.0.113.7"]"#);
}
