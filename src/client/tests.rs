use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use serde_json::json;

use super::*;
use crate::clock::{SystemClock, VirtualClock};
use crate::http::testing::{Answer, Seen, Server, closed, reply};
use crate::secret::Masker;
use crate::time::Time;

const START: Time = Time::from_seconds(1_782_000_000);
const OK: &str = r#"{"success": true, "message": null, "data": null}"#;
const NO: &str = r#"{"success": false, "message": "no", "data": null}"#;

/// A client and what it hangs on.
struct Bench {
    client: Arc<Client>,
    clock: Arc<dyn Clock>,
    env: Arc<Mutex<HashMap<&'static str, &'static str>>>,
}

impl Bench {
    fn new(service: Service, url: &str) -> Self {
        Self::with(service, url, |_| {})
    }

    fn with(service: Service, url: &str, change: impl FnOnce(&mut Pbh)) -> Self {
        Self::on(VirtualClock::new(START), service, url, change)
    }

    fn on(clock: Arc<dyn Clock>, service: Service, url: &str, change: impl FnOnce(&mut Pbh)) -> Self {
        let env = Arc::new(Mutex::new(HashMap::from([("SECRET", "right-secret"), ("PASSWORD", "basic-secret")])));
        let lookup = Arc::clone(&env);
        let lookup = Arc::new(move |name: &str| lookup.lock().unwrap().get(name).map(|value| (*value).to_owned()));
        let vault = Arc::new(Vault::new(lookup, Masker::default()));
        let http = Http::new(Arc::clone(&clock));
        let limits = crate::config::Config::from_env(&|_| None).unwrap().limits;
        let (name, secret) = ("default".to_owned(), SecretSource::Env("SECRET".into()));
        let (timeout, transport) = (Duration::from_seconds(30), Transport::default());
        let client = match service {
            Service::KiwiVm => {
                let url = format!("{url}/v1/");
                let vps =
                    Vps { name, veid: 42, api_key: secret, url, downloaders: None, timeout, transport, default: true };
                Client::kiwivm(&vps, &limits, http, vault, Arc::clone(&clock))
            }
            Service::Pbh => {
                let url = format!("{url}/sub/");
                let (headers, basic_auth) = (Vec::new(), None);
                let mut pbh = Pbh {
                    name,
                    url,
                    token: secret,
                    timeout,
                    transport,
                    headers,
                    basic_auth,
                    version: None,
                    default: true,
                };
                change(&mut pbh);
                Client::pbh(&pbh, &limits, http, vault, Arc::clone(&clock))
            }
        };
        Self { client, clock, env }
    }

    fn talk(&self) -> Talk {
        self.talk_until(self.clock.now() + Duration::from_seconds(600))
    }

    fn talk_until(&self, deadline: Time) -> Talk {
        Talk::silent(Arc::clone(&self.clock), deadline)
    }

    /// What [`Bench::call`] makes of a row is written down here, beside the call itself.
    fn noted(&self) -> (Talk, Arc<Mutex<Vec<crate::call::Call>>>) {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&calls);
        let record: Recorder = Arc::new(move |call| log.lock().unwrap().push(call));
        (Talk { record, ..self.talk() }, calls)
    }

    async fn call(&self, id: &str, positional: Vec<Value>, options: Value) -> Result<Opened> {
        let row = self.client.service().row(id).unwrap();
        let Value::Object(options) = options else { panic!("options are a map") };
        self.client.call(row, &Args::bind(row, positional, options)?, &self.talk()).await
    }

    async fn read(&self) -> Result<Opened> {
        let id = if self.client.service() == Service::Pbh { "general_status" } else { "get_service_info" };
        let row = self.client.service().row(id).unwrap();
        self.client.call(row, &Args::default(), &self.talk()).await
    }

    async fn write(&self) -> Result<Opened> {
        match self.client.service() {
            Service::Pbh => self.call("downloader_delete", vec![json!("x")], json!({})).await,
            Service::KiwiVm => self.call("snapshot_create", vec![], json!({})).await,
        }
    }
}

/// One JSON reply after the other, the last one for ever.
fn series<const N: usize>(replies: [(u16, &'static str); N]) -> impl Fn(&Seen) -> Answer + Send + Sync {
    let next = AtomicUsize::new(0);
    move |_| {
        let (status, body) = replies[next.fetch_add(1, Ordering::Relaxed).min(replies.len() - 1)];
        reply(status, &[("Content-Type", "application/json")], body)
    }
}

#[tokio::test]
async fn kiwivm_gets_its_credentials_in_the_body() {
    let server = Server::start(series([(200, r#"{"error": 0, "notificationEmail": "a@example.org"}"#)])).await;
    let bench = Bench::new(Service::KiwiVm, &server.url);
    let opened = bench.call("snapshot_create", vec![], json!({"description": "before & after"})).await.unwrap();
    assert_eq!(opened.json().unwrap(), json!({"notificationEmail": "a@example.org"}));
    let seen = &server.seen()[0];
    assert_eq!(seen.line(), "POST /v1/snapshot/create");
    assert_eq!(seen.body, "veid=42&api_key=right-secret&description=before+%26+after");
    assert!(!seen.head.contains("secret"));
}

#[tokio::test]
async fn pbh_gets_a_bearer_and_an_exact_accept() {
    let server = Server::start(series([(200, r#"{"success": true, "message": "", "data": {"count": 2}}"#)])).await;
    let bench = Bench::with(Service::Pbh, &server.url, |pbh| {
        pbh.headers = vec![
            ("X-Extra".into(), SecretSource::Literal(crate::secret::Secret::new("1"))),
            ("X-Door".into(), SecretSource::Env("PASSWORD".into())),
        ];
    });
    let opened = bench.call("bans_add", vec![json!(["203.0.113.7", "2001:db8:0::/48"])], json!({})).await.unwrap();
    assert_eq!(opened.json().unwrap(), json!({"count": 2}));
    assert_eq!(opened.status, 200);
    let seen = server.seen().pop().unwrap();
    assert_eq!(seen.line(), "PUT /sub/api/bans");
    assert_eq!(seen.body, r#"["203.0.113.7","2001:db8::/48"]"#);
    assert_eq!(seen.header("authorization"), Some("Bearer right-secret"));
    assert_eq!(seen.header("accept"), Some("application/json"));
    assert_eq!(seen.header("x-extra"), Some("1"));
    assert_eq!(seen.header("x-door"), Some("basic-secret"));
}

#[tokio::test]
async fn parameters_travel_where_the_row_says_in_its_units() {
    let server = Server::start(series([(200, r#"{"success": true, "message": null, "data": []}"#)])).await;
    let bench = Bench::new(Service::Pbh, &server.url);
    let from = json!("2026-06-21T00:00:00Z");
    let to = json!("2026-06-21T08:00:01+08:00");
    bench.call("analysis_ban_trends", vec![from, to], json!({"downloader": "ä/b"})).await.unwrap();
    assert_eq!(
        server.seen().pop().unwrap().line(),
        "GET /sub/api/statistic/analysis/banTrends?startAt=1782000000000&endAt=1782000001000&downloader=%C3%A4%2Fb"
    );
    bench.call("downloader_torrent_peers", vec![json!("a/../b"), json!("Ä x")], json!({})).await.unwrap();
    assert_eq!(server.seen().pop().unwrap().line(), "GET /sub/api/downloaders/a%2F..%2Fb/torrent/%C3%84%20x/peers");
    let sent = server.seen().len();
    let error = bench.call("downloader_torrents", vec![json!("..")], json!({})).await.unwrap_err();
    assert_eq!((error.kind, server.seen().len()), (Kind::Argument, sent));
}

#[tokio::test]
async fn a_wrong_token_is_tried_once() {
    let server = Server::start(|seen| match seen.header("authorization") {
        Some("Bearer right-secret") => reply(200, &[], OK),
        _ => reply(403, &[], NO),
    })
    .await;
    let bench = Bench::new(Service::Pbh, &server.url);
    bench.env.lock().unwrap().insert("SECRET", "wrong-secret");
    // Even where many ask at the same time.
    let calls = (0..20).map(|_| bench.call("alerts_dismiss_all", vec![], json!({})));
    for (i, result) in futures::future::join_all(calls).await.into_iter().enumerate() {
        let error = result.unwrap_err();
        assert_eq!((error.kind, error.status), (Kind::Auth, Some(403)));
        assert_eq!(error.message.starts_with("not asked again"), i > 0, "{error}");
        assert!(error.hint.as_ref().unwrap().contains("/24"), "{error:?}");
    }
    assert_eq!(server.seen().len(), 1);
    bench.env.lock().unwrap().insert("SECRET", "right-secret");
    bench.call("alerts_dismiss_all", vec![], json!({})).await.unwrap();
    bench.env.lock().unwrap().remove("SECRET");
    assert_eq!(bench.call("alerts_dismiss_all", vec![], json!({})).await.unwrap_err().kind, Kind::Config);
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_wrong_key_is_tried_once() {
    let refused = r#"{"error": 700005, "message": "Authentication failure"}"#;
    let server = Server::start(series([(403, "<html>"), (200, refused)])).await;
    let bench = Bench::new(Service::KiwiVm, &server.url);
    // What a firewall in front says is no word about the key.
    assert_eq!(bench.read().await.unwrap_err().kind, Kind::Auth);
    let error = bench.read().await.unwrap_err();
    assert_eq!((error.kind, error.code), (Kind::Auth, Some(700_005)));
    assert_eq!((error.service.as_deref(), error.endpoint.as_deref()), (Some("kiwivm"), Some("get_service_info")));
    assert_eq!(bench.write().await.unwrap_err().kind, Kind::Auth);
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn what_is_forbidden_to_all_is_told_from_a_wrong_token() {
    let server = Server::start(|seen| match (seen.line(), seen.header("authorization")) {
        ("GET /sub/api/statistic/counter", Some("Bearer right-secret")) => reply(200, &[], OK),
        _ => reply(403, &[], NO),
    })
    .await;
    let bench = Bench::new(Service::Pbh, &server.url);
    for sent in [2, 3] {
        let error =
            bench.call("script_save", vec![json!("a.av"), json!("return false;")], json!({})).await.unwrap_err();
        assert_eq!((error.kind, server.seen().len()), (Kind::Api, sent));
    }
    bench.env.lock().unwrap().insert("SECRET", "wrong-secret");
    for _ in 0..3 {
        let error =
            bench.call("script_save", vec![json!("a.av"), json!("return false;")], json!({})).await.unwrap_err();
        assert_eq!((error.kind, server.seen().len()), (Kind::Auth, 5));
    }
}

#[tokio::test]
async fn reads_are_sent_again_and_writes_are_not() {
    for service in Service::ALL {
        let good = if service == Service::Pbh { OK } else { r#"{"error": 0}"# };
        for (status, body) in [(502, "<html>"), (503, ""), (429, "")] {
            let sent = AtomicUsize::new(0);
            let server = Server::start(move |_| match sent.fetch_add(1, Ordering::Relaxed) {
                0 | 1 => reply(status, &[], body),
                _ => reply(200, &[], good),
            })
            .await;
            let bench = Bench::new(service, &server.url);
            let before = bench.clock.now();
            assert_eq!(bench.read().await.unwrap().status, 200, "{status}");
            assert_eq!(server.seen().len(), 3);
            // Half a second and one, one minute and two, or what a spent allowance takes twice, and up to
            // half as much again.
            let least = match (service, status) {
                (Service::KiwiVm, 429) => 360.0,
                (Service::Pbh, 429) => 180.0,
                _ => 1.5,
            };
            let waited = (bench.clock.now() - before).seconds();
            assert!((least..=least * 1.5).contains(&waited), "{status}: {waited}");
        }
        let server = Server::start(series([(502, "<html>"), (200, good)])).await;
        let bench = Bench::new(service, &server.url);
        assert_eq!(bench.write().await.unwrap_err().kind, Kind::Http);
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn three_attempts_are_all_and_a_refusal_is_no_reason_for_a_second() {
    let server = Server::start(series([(502, "")])).await;
    let bench = Bench::new(Service::Pbh, &server.url);
    assert_eq!(bench.read().await.unwrap_err().status, Some(502));
    assert_eq!(server.seen().len(), 3);
    let server = Server::start(series([(400, NO)])).await;
    let bench = Bench::new(Service::Pbh, &server.url);
    assert_eq!(bench.read().await.unwrap_err().kind, Kind::Api);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn waiting_ends_before_the_deadline() {
    let server = Server::start(|_| reply(429, &[("Retry-After", "30")], "")).await;
    let bench = Bench::new(Service::Pbh, &server.url);
    let row = Service::Pbh.row("general_status").unwrap();
    for (seconds, sent) in [(20, 1), (50, 3)] {
        let deadline = bench.clock.now() + Duration::from_seconds(seconds);
        let error = bench.client.call(row, &Args::default(), &bench.talk_until(deadline)).await.unwrap_err();
        assert_eq!((error.kind, server.seen().len()), (Kind::RateLimit, sent));
        assert!(bench.clock.now() < deadline);
    }
}

#[tokio::test]
async fn a_dead_server_is_left_alone_for_a_while() {
    let bench = Bench::new(Service::KiwiVm, &closed().await);
    for _ in 0..5 {
        let error = bench.read().await.unwrap_err();
        assert_eq!(error.kind, Kind::Transport);
        assert!(error.message.ends_with("connection refused") && !error.message.contains("not asked"), "{error}");
    }
    let error = bench.write().await.unwrap_err();
    assert!(
        error.message.starts_with("not asked for another 30s, since it did not answer 5 times in a row"),
        "{error}"
    );
    assert!(error.message.ends_with("connection refused"), "{error}");
    bench.clock.sleep_until(bench.clock.now() + Duration::from_seconds(31)).await;
    assert!(!bench.write().await.unwrap_err().message.contains("not asked"));
    // He who was let through found nothing new.
    assert!(bench.write().await.unwrap_err().message.contains("not asked"));
}

#[tokio::test]
async fn an_answer_of_any_kind_closes_the_circuit() {
    let status = Arc::new(AtomicU16::new(0));
    let current = Arc::clone(&status);
    let server = Server::start(move |_| match current.load(Ordering::Relaxed) {
        0 => Answer::Bytes(Vec::new()),
        status => reply(status, &[], NO),
    })
    .await;
    let bench = Bench::new(Service::Pbh, &server.url);
    for round in 0..3 {
        for _ in 0..4 {
            assert_eq!(bench.write().await.unwrap_err().kind, Kind::Transport, "{round}");
        }
        status.store(400, Ordering::Relaxed);
        assert_eq!(bench.write().await.unwrap_err().kind, Kind::Api);
        status.store(0, Ordering::Relaxed);
    }
}

const MANIFEST: &str =
    r#"{"success": true, "message": null, "data": {"version": {"version": "9.0.10"}, "modules": []}}"#;

#[tokio::test]
async fn what_the_version_lacks_is_not_asked_for() {
    let server = Server::start(series([(200, MANIFEST)])).await;
    let bench = Bench::with(Service::Pbh, &server.url, |pbh| pbh.name = "home".into());
    for _ in 0..2 {
        let error = bench
            .call(
                "chart_session_between",
                vec![json!("2026-06-21T00:00:00Z"), json!("2026-06-21T00:00:00Z")],
                json!({}),
            )
            .await
            .unwrap_err();
        assert_eq!(error.kind, Kind::Unsupported);
        assert!(error.message.starts_with("`home`: needs PBH ≥ 9."), "{error}");
        assert!(error.message.ends_with("this is 9.0.10"), "{error}");
        assert_eq!(error.endpoint.as_deref(), Some("chart_session_between"));
    }
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].line(), "GET /sub/api/metadata/manifest");
    assert_eq!(seen[0].header("authorization"), None);
    assert_eq!(bench.client.server_version(&bench.talk()).await.unwrap(), "9.0.10");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn the_version_comes_with_any_reply_and_goes_with_the_connection() {
    let signed = ("Server", "PeerBanHelper/9.5.0 BTN-Protocol/2.0.1");
    let down = Arc::new(AtomicU16::new(0));
    let current = Arc::clone(&down);
    let server = Server::start(move |seen| match (current.load(Ordering::Relaxed), seen.line()) {
        (1, _) => Answer::Bytes(Vec::new()),
        (_, "GET /sub/api/metadata/manifest") => reply(200, &[], MANIFEST),
        _ => reply(200, &[signed], OK),
    })
    .await;
    let bench = Bench::new(Service::Pbh, &server.url);
    bench.read().await.unwrap();
    assert_eq!(bench.client.server_version(&bench.talk()).await.unwrap(), "9.5.0");
    assert_eq!(server.seen().len(), 1);
    down.store(1, Ordering::Relaxed);
    bench.write().await.unwrap_err();
    down.store(0, Ordering::Relaxed);
    assert_eq!(bench.client.server_version(&bench.talk()).await.unwrap(), "9.0.10");
}

#[tokio::test]
async fn a_method_that_changed_follows_the_version() {
    let server = Server::start(|seen| {
        let found = r#"{"success": true, "message": null, "data": []}"#;
        if seen.line().ends_with("manifest") { reply(200, &[], MANIFEST) } else { reply(200, &[], found) }
    })
    .await;
    let bench = Bench::new(Service::Pbh, &server.url);
    bench.call("oobe_scan_downloader", vec![], json!({})).await.unwrap();
    assert_eq!(server.seen()[1].line(), "GET /sub/api/oobe/scanDownloader");
}

#[tokio::test]
async fn behind_basic_auth_pbh_gets_a_session() {
    let sessions = Arc::new(AtomicUsize::new(0));
    let current = Arc::clone(&sessions);
    let server = Server::start(move |seen| {
        // `user:basic-secret`
        if seen.header("authorization") != Some("Basic dXNlcjpiYXNpYy1zZWNyZXQ=") {
            return reply(401, &[("WWW-Authenticate", "Basic")], "<html>");
        }
        let session = format!("JSESSIONID={}", current.load(Ordering::Relaxed));
        if seen.line() == "POST /sub/api/auth/login" {
            return match seen.body.as_str() {
                r#"{"token":"right-secret"}"# => {
                    reply(200, &[("Set-Cookie", &format!("{session}; Path=/; HttpOnly"))], OK)
                }
                _ => reply(401, &[], NO),
            };
        }
        if seen.header("cookie") == Some(&session) { reply(200, &[], OK) } else { reply(403, &[], NO) }
    })
    .await;
    let bench = Bench::with(Service::Pbh, &server.url, |pbh| {
        pbh.basic_auth = Some(("user".into(), SecretSource::Env("PASSWORD".into())));
    });
    bench.read().await.unwrap();
    bench.read().await.unwrap();
    assert_eq!(server.seen().len(), 3, "one login for two calls");
    sessions.store(1, Ordering::Relaxed);
    bench.read().await.unwrap();
    assert_eq!(server.seen().len(), 6, "a lost session is opened anew");
    bench.env.lock().unwrap().insert("SECRET", "wrong-secret");
    for _ in 0..3 {
        assert_eq!(bench.read().await.unwrap_err().kind, Kind::Auth);
    }
    assert_eq!(server.seen().len(), 7, "a wrong token is tried once");
    bench.env.lock().unwrap().extend([("SECRET", "right-secret"), ("PASSWORD", "wrong-secret")]);
    let error = bench.read().await.unwrap_err();
    assert!(error.kind == Kind::Auth && error.hint.as_ref().unwrap().contains("basic_auth"), "{error:?}");
    bench.env.lock().unwrap().insert("PASSWORD", "basic-secret");
    bench.read().await.unwrap();
}

#[tokio::test]
async fn the_way_out_reaches_what_the_tables_do_not_know() {
    let server = Server::start(|seen| match seen.line() {
        "GET /sub/api/new?a=1" => reply(200, &[], r#"{"success": true, "message": null, "data": {"x": [1]}}"#),
        "PUT /sub/api/new" => reply(200, &[], r#"{"bare": true}"#),
        "GET /sub/api/text" => reply(200, &[], "plain"),
        "GET /sub/api/gone" => reply(404, &[], r#"{"type": "https://javalin.io/documentation#endpointnotfound"}"#),
        _ => reply(500, &[], NO),
    })
    .await;
    let bench = Bench::new(Service::Pbh, &server.url);
    let ask = |method: &'static str, path: &'static str, query: Vec<(String, String)>, body: Option<Value>| {
        let client = Arc::clone(&bench.client);
        let talk = bench.talk();
        async move { client.request(method, path, query, body, &talk).await.and_then(|opened| opened.json()) }
    };
    assert_eq!(ask("get", "/api/new", vec![("a".into(), "1".into())], None).await.unwrap(), json!({"x": [1]}));
    assert_eq!(ask("PUT", "/api/new", vec![], Some(json!({"k": null}))).await.unwrap(), json!({"bare": true}));
    assert_eq!(server.seen()[1].body, r#"{"k":null}"#);
    assert_eq!(ask("GET", "/api/text", vec![], None).await.unwrap(), json!("plain"));
    let error = ask("GET", "/api/gone", vec![], None).await.unwrap_err();
    assert_eq!((error.kind, error.endpoint.as_deref()), (Kind::Unsupported, Some("GET /api/gone")));
    for path in ["api/new", "//evil.example.org/", "/api/../../x", "/api?token=1", "@evil.example.org/", ""] {
        assert_eq!(ask("GET", path, vec![], None).await.unwrap_err().kind, Kind::Argument, "{path}");
    }
    assert_eq!(ask("GE T", "/api/new", vec![], None).await.unwrap_err().kind, Kind::Argument);
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn the_way_out_of_kiwivm_is_a_form() {
    let server = Server::start(series([(200, r#"{"error": 0, "new": "1"}"#)])).await;
    let bench = Bench::new(Service::KiwiVm, &server.url);
    let body = Some(json!({"flag": true, "n": 5}));
    let query = vec![("q".to_owned(), "x".to_owned())];
    let opened = bench.client.request("GET", "/new/call", query, body, &bench.talk()).await.unwrap();
    assert_eq!(opened.json().unwrap(), json!({"new": "1"}));
    let seen = &server.seen()[0];
    assert_eq!((seen.line(), seen.body.as_str()), ("POST /v1/new/call", "veid=42&api_key=right-secret&q=x&flag=1&n=5"));
    let error = bench.client.request("GET", "/x", vec![], Some(json!([1])), &bench.talk()).await.unwrap_err();
    assert_eq!(error.kind, Kind::Argument);
}

#[tokio::test]
async fn what_cannot_be_called_says_why() {
    let server = Server::start(series([(200, OK)])).await;
    let bench = Bench::new(Service::Pbh, &server.url);
    for (id, kind) in
        [("general_heapdump", Kind::Internal), ("logs_live", Kind::Internal), ("cors_preflight", Kind::Unsupported)]
    {
        let error = bench.call(id, vec![], json!({})).await.unwrap_err();
        assert_eq!(error.kind, kind, "{id}: {error}");
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_reply_that_contradicts_its_row_names_call_and_field() {
    let server = Server::start(series([(200, r#"{"error": 0, "plan": "x", "plan_disk": {"a": 1}}"#)])).await;
    let bench = Bench::new(Service::KiwiVm, &server.url);
    let error = bench.read().await.unwrap().json().unwrap_err();
    assert_eq!((error.kind, error.status), (Kind::Protocol, Some(200)));
    assert_eq!(error.to_string(), "kiwivm get_service_info: `plan_disk`: expected a number of bytes, found an object");
}

#[tokio::test]
async fn those_who_wait_for_a_trial_keep_their_deadline() {
    let server = Server::start(|_| Answer::Hang(Vec::new())).await;
    let bench = Bench::on(SystemClock::new(), Service::KiwiVm, &server.url, |_| {});
    let row = Service::KiwiVm.row("get_service_info").unwrap();
    let deadline = bench.clock.now() + Duration::from_millis(150);
    let args = Args::default();
    let talk = bench.talk_until(deadline);
    let calls = (0..5).map(|_| bench.client.call(row, &args, &talk));
    for result in futures::future::join_all(calls).await {
        assert_eq!(result.unwrap_err().kind, Kind::Timeout);
    }
    assert!(bench.clock.now() < deadline + Duration::from_seconds(5));
    assert_eq!(server.seen().len(), 1, "the others never tried");
}

#[tokio::test]
async fn what_the_client_asks_on_its_own_account_is_written_down() {
    let server = Server::start(|seen| match seen.line() {
        line if line.ends_with("manifest") => reply(200, &[], MANIFEST),
        _ => reply(403, &[], NO),
    })
    .await;
    let bench = Bench::new(Service::Pbh, &server.url);
    let (talk, calls) = bench.noted();
    let row = Service::Pbh.row("downloaders_scan").unwrap();
    bench.client.call(row, &Args::default(), &talk).await.unwrap_err();
    let row = Service::Pbh.row("script_save").unwrap();
    let args = Args::bind(row, vec![json!("a.av"), json!("return false;")], Map::new()).unwrap();
    assert_eq!(bench.client.call(row, &args, &talk).await.unwrap_err().kind, Kind::Auth);
    let calls: Vec<_> = calls.lock().unwrap().iter().map(|call| (call.endpoint.clone(), call.status)).collect();
    assert_eq!(calls, [("metadata_manifest".to_owned(), Some(200)), ("statistic_counter".to_owned(), Some(403))]);
}

#[tokio::test]
async fn who_is_not_even_told_the_version_is_told_why() {
    for body in [NO, "<html>"] {
        let server = Server::start(series([(403, body)])).await;
        let bench = Bench::new(Service::Pbh, &server.url);
        let error = bench.client.server_version(&bench.talk()).await.unwrap_err();
        assert_eq!(error.kind, Kind::Auth, "{error}");
        assert!(error.hint.as_ref().unwrap().contains("basic_auth"));
    }
}

#[tokio::test]
async fn a_pbh_that_starts_is_given_time() {
    let known = ("Server", "PeerBanHelper/9.5.0 BTN-Protocol/2.0.1");
    let sent = AtomicUsize::new(0);
    let server = Server::start(move |_| match sent.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => reply(405, &[known], NO),
        _ => reply(200, &[known], OK),
    })
    .await;
    let bench = Bench::new(Service::Pbh, &server.url);
    bench.read().await.unwrap();
    assert_eq!(server.seen().len(), 3);
    // The way out knows no routes, so that there is nothing to wait for.
    let server = Server::start(move |_| reply(405, &[known], NO)).await;
    let bench = Bench::new(Service::Pbh, &server.url);
    let error = bench.client.request("GET", "/api/new", vec![], None, &bench.talk()).await.unwrap_err();
    assert_eq!((error.kind, server.seen().len()), (Kind::Unsupported, 1));
}
