//! The std library as scripts use it: every example gives what its row says, and what reaches outside does so only as
//! far as it is granted.

use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::IntoResponse as _;
use tidegate::config::Mode;
use tidegate::error::{Error, Kind};
use tidegate::host::Host;
use tidegate::permission::{Grant, Grants};
use tidegate::script::std::{Function, When, functions};
use tidegate::script::{Context, Record, Session, Setup, Source, load};
use tidegate::shown::Look;
use tidegate::sim::Sim;
use tokio_util::sync::CancellationToken;

use crate::harness::{minutes, on_a_deep_stack, simulated};

/// The simulated world, and a server on this machine in the place of `api.example.org`.
struct Outside {
    sim: Sim,
    host: Arc<Host>,
    url: String,
    /// Method, path and query, authorization and body of what came in.
    seen: Arc<Mutex<Vec<String>>>,
}

impl Outside {
    async fn new() -> Self {
        let (sim, host) = simulated().await;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let answer = move |method: Method, uri: Uri, headers: HeaderMap, body: String| async move {
            let login = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
            log.lock().unwrap().push(format!("{method} {uri} {} {body}", login.unwrap_or_default()));
            match uri.path() {
                "/moved" => (StatusCode::FOUND, [("location", "/status")]).into_response(),
                "/missing" => (StatusCode::NOT_FOUND, "no such page").into_response(),
                "/busy" => StatusCode::TOO_MANY_REQUESTS.into_response(),
                // The rest sends back what it gets.
                _ if body.is_empty() => r#"{"ok": true}"#.into_response(),
                _ => body.into_response(),
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
        Self { sim, host, url, seen }
    }

    /// What a script comes to, with these grants.
    async fn eval(&self, mode: Mode, allow: &[&str], code: &str) -> (Result<String, Error>, Record) {
        let (host, code) = (Arc::clone(&self.host), code.replace("https://api.example.org", &self.url));
        let allow = allow.iter().map(|grant| Grant::parse(grant).unwrap()).collect();
        let work = move || {
            let context = context(&host, "test", mode, Grants { allow, deny: Vec::new() });
            (shown(&context, &code), context.record())
        };
        tokio::task::spawn_blocking(move || on_a_deep_stack(work)).await.unwrap()
    }

    async fn live(&self, allow: &[&str], code: &str) -> Result<String, Error> {
        self.eval(Mode::Live, allow, code).await.0
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

fn context(host: &Arc<Host>, script: &str, mode: Mode, grants: Grants) -> Arc<Context> {
    let setup = Setup {
        script: script.into(),
        trigger: None,
        run: "test".into(),
        mode,
        grants,
        deadline: host.clock.now() + minutes(10),
        cancel: CancellationToken::new(),
        permits: None,
    };
    Context::new(Arc::clone(host), setup)
}

/// The value of a script as another script prints it.
fn shown(context: &Arc<Context>, code: &str) -> Result<String, Error> {
    let mut session = Session::new(Path::new("."));
    let answer = session.eval(context, code)?;
    let answer = if answer.shown.is_nothing() { answer } else { session.eval(context, "`${it}`")? };
    Ok(answer.shown.draw(Look::default()))
}

/// What an example comes to: nothing, or what is wrong.
fn wrong(host: &Arc<Host>, url: &str, row: &Function) -> Option<String> {
    let (code, expected) = row.example;
    if row.when == When::Load {
        let source = Source::new(Path::new("example.rhai"), format!("{code};"));
        return match load(host, &source) {
            Ok(loaded) if loaded.triggers.len() == 1 && loaded.findings.is_empty() => None,
            Ok(loaded) => Some(format!("{} triggers, {:?}", loaded.triggers.len(), loaded.findings)),
            Err(findings) => Some(format!("{findings:?}")),
        };
    }
    let allow = ["http:*", "net:*", "secret:*"].map(|grant| Grant::parse(grant).unwrap()).into();
    // Each with a state of its own.
    let context = context(host, &row.signature(), Mode::Live, Grants { allow, deny: Vec::new() });
    match shown(&context, &code.replace("https://api.example.org", url)) {
        Ok(text) if expected.is_empty() || text == expected => None,
        Ok(text) => Some(format!("gives\n{text}\ninstead of\n{expected}")),
        Err(error) => Some(format!("{error:?}")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_gives_what_its_row_says() {
    let outside = Outside::new().await;
    let (host, url) = (Arc::clone(&outside.host), outside.url.clone());
    let work = move || {
        let wrong = |row: &Function| Some(format!("{}: {}", row.example.0, wrong(&host, &url, row)?));
        functions().filter(|row| row.when != When::Test).filter_map(wrong).collect::<Vec<_>>()
    };
    let wrong = tokio::task::spawn_blocking(move || on_a_deep_stack(work)).await.unwrap();
    outside.sim.stop().await;
    assert!(wrong.is_empty(), "{} examples:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_is_reached_without_its_grant() {
    let outside = Outside::new().await;
    for (code, grant) in [
        ("http.get(\"https://api.example.org/status\")", "--allow 'http:127.0.0.1'"),
        ("http.post(\"https://api.example.org/status\")", "--allow 'http:127.0.0.1'"),
        ("tcp_check(\"198.51.100.7\", 22)", "--allow 'net:198.51.100.7:22'"),
        ("tcp_check(\"2001:db8::1\", 22)", "--allow 'net:[2001:db8::1]:22'"),
        ("secret(\"push_key\")", "--allow 'secret:push_key'"),
    ] {
        let error = outside.live(&["http:example.net", "net:198.51.100.7:23"], code).await.unwrap_err();
        assert_eq!(error.kind, Kind::Permission, "{code}: {error:?}");
        assert!(error.hint.as_ref().unwrap().contains(grant), "{code}: {error:?}");
    }
    // A proxy is a place of its own.
    let code = "http.get(\"https://api.example.org/status\", #{proxy: \"http://192.0.2.1:3128\"})";
    let error = outside.live(&["http:127.0.0.1"], code).await.unwrap_err();
    assert!(error.hint.as_ref().unwrap().contains("net:192.0.2.1:3128"), "{error:?}");
    assert!(outside.seen().is_empty());
    outside.sim.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_asks_and_sends_nothing() {
    let outside = Outside::new().await;
    let code = "http.post(\"https://api.example.org/hook\", #{json: #{a: 1}}); \
                write_file(\"a.txt\", \"x\"); publish(\"a.txt\", \"x\"); \
                http.get(\"https://api.example.org/status?x=1\").json.ok";
    let (outcome, record) = outside.eval(Mode::Watch, &["http:127.0.0.1"], code).await;
    assert_eq!(outcome.unwrap(), "true");
    assert_eq!(outside.seen(), ["GET /status?x=1  "]);
    let would: Vec<_> = record.would.iter().map(|call| (call.service.as_str(), call.endpoint.as_str())).collect();
    let port = outside.url.rsplit_once(':').unwrap().1;
    let post = format!("POST 127.0.0.1:{port}/hook");
    assert_eq!(would, [("http", post.as_str()), ("state", "write_file"), ("state", "publish")]);
    assert_eq!(record.would[0].args["json"]["a"], 1);
    assert_eq!(record.calls[0].endpoint, format!("GET 127.0.0.1:{port}/status"));
    outside.sim.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_go_out_and_are_seen_nowhere_else() {
    let outside = Outside::new().await;
    let code = "let key = secret(\"push_key\"); \
                http.post(\"https://api.example.org/hook\", #{\
                    headers: #{Authorization: [\"Bearer \", key]}, json: #{key: key}}).text + `${key}`";
    let (outcome, record) = outside.eval(Mode::Live, &["http:127.0.0.1", "secret:push_key"], code).await;
    assert_eq!(outside.seen(), ["POST /hook Bearer hunter22 {\"key\":\"hunter22\"}"]);
    let told = serde_json::to_string(&record).unwrap();
    assert!(!told.contains("hunter22") && told.contains("***"), "{told}");
    assert!(outcome.unwrap().ends_with("***"));
    let login = "http.get(\"https://api.example.org/status\", #{basic_auth: [\"me\", secret(\"push_key\")]}); ()";
    outside.live(&["http:127.0.0.1", "secret:push_key"], login).await.unwrap();
    assert!(outside.seen()[1].contains("Basic bWU6aHVudGVyMjI="), "{:?}", outside.seen());
    outside.sim.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_says_no_is_an_error_unless_it_is_wanted() {
    let outside = Outside::new().await;
    let get = async |path: &str, rest: &str| {
        let code = format!("http.get(\"https://api.example.org{path}\", #{{{rest}}}).status");
        outside.live(&["http:127.0.0.1"], &code).await
    };
    assert_eq!(get("/missing", "any_status: true").await.unwrap(), "404");
    let error = get("/missing", "").await.unwrap_err();
    assert_eq!((error.kind, error.status), (Kind::Http, Some(404)));
    assert!(error.message.contains("no such page") && error.service.as_deref() == Some("http"), "{error:?}");
    assert_eq!(get("/busy", "").await.unwrap_err().kind, Kind::RateLimit);
    // Where a redirect leads is another question, and another grant.
    assert_eq!(get("/moved", "").await.unwrap(), "302");
    assert_eq!(outside.seen().len(), 4);
    outside.sim.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_errors_of_the_right_kind() {
    let outside = Outside::new().await;
    let allow = ["http:*", "net:*", "secret:*"];
    for (code, kind, part) in [
        ("http.get(\"api.example.org\")", Kind::Argument, "https://"),
        ("http.get(\"file:///etc/passwd\")", Kind::Argument, "web address"),
        ("http.get(\"https://api.example.org\", #{jsn: 1})", Kind::Argument, "`json`"),
        ("http.post(\"https://api.example.org\", #{json: 1, text: \"x\"})", Kind::Argument, "one body"),
        ("http.request(\"TRACE\", \"https://api.example.org\")", Kind::Argument, "method"),
        ("tcp_check(\"a\", 70000)", Kind::Argument, "65535"),
        ("secret(\"push_kay\")", Kind::Argument, "push_key"),
        ("read_file(\"../tidegate.toml\")", Kind::Permission, "folder"),
        ("write_file(\"/tmp/x\", \"\")", Kind::Permission, "folder"),
        ("publish(\"../x\", \"\")", Kind::Argument, "letters"),
        ("\"a\".is_match(\"(\")", Kind::Argument, "regular expression"),
        ("\"a\".is_match(`(\\w{1000}){1000}`)", Kind::Argument, "too large"),
        ("\"x\".find_all(1)", Kind::Argument, "find_all"),
        ("parse_csv(\"a,b\\n1\")", Kind::Argument, "CSV"),
        ("parse_json(\"{\")", Kind::Argument, "JSON"),
        ("base64_decode(\"%\")", Kind::Argument, "Base64"),
        ("hmac_sha256(\"k\", \"t\", \"hax\")", Kind::Argument, "base64"),
        ("between(\"8\", \"9\")", Kind::Argument, "22:00"),
        ("between(\"08:00\", \"08:00\")", Kind::Argument, "between"),
        ("next(\"0 0 30 2 *\")", Kind::Syntax, "February"),
        ("now().in_zone(\"Mars/Olympus\")", Kind::Argument, "zone"),
        ("parse_time(\"x\", \"%d\")", Kind::Argument, "format"),
        ("format_time(now(), \"%Q\")", Kind::Argument, "strftime"),
        ("format_nft(\"banned\", [])", Kind::Argument, "inet filter banned"),
        ("[1].chunks(0)", Kind::Argument, "chunk"),
        ("[1].sorted_by(1)", Kind::Argument, "uploaded"),
        ("[#{uploaded: 1}].sorted_by(\"uplaoded\")", Kind::Field, "`uploaded`"),
        ("[1].sum_by(\"n\")", Kind::Type, "closure"),
        ("[1, \"a\"].max()", Kind::Type, "order"),
        ("[[1]].max()", Kind::Type, "order"),
        ("[1, 1.second].sum()", Kind::Type, "together"),
        ("table([1])", Kind::Argument, "maps"),
        ("retry(0, \"1s\", || 1)", Kind::Argument, "1000"),
        ("wait_until(|| false, \"1m\")", Kind::Timeout, "1m"),
        ("wait_until(|| false, \"1m\", #{every: \"1ms\"})", Kind::Argument, "100ms"),
        ("resolve(\"no such name\")", Kind::Transport, "no such name"),
    ] {
        let error = outside.live(&allow, code).await.expect_err(code);
        assert_eq!(error.kind, kind, "{code}: {error:?}");
        let told = format!("{} {}", error.message, error.hint.as_deref().unwrap_or_default());
        assert!(told.contains(part), "{code}: {error:?}");
    }
    outside.sim.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trying_again_stops_where_it_is_useless() {
    let outside = Outside::new().await;
    let eval = async |code: &str| outside.live(&["http:127.0.0.1"], code).await;
    let count = "let n = 0; try { retry(5, \"10s\", || { n += 1; FAULT }) } catch { } [n, start.elapsed]";
    for (fault, told) in [
        ("throw \"down\"", "[5, 40s]"),
        ("http.get(\"https://api.example.org/busy\")", "[5, 40s]"),
        ("http.get(\"https://example.net/\")", "[1, 0ms]"),
        ("#{}.missing", "[1, 0ms]"),
    ] {
        let code = format!("let start = now(); {}", count.replace("FAULT", fault));
        assert_eq!(eval(&code).await.unwrap(), told, "{fault}");
    }
    let code = "let start = now(); try { wait_until(|| (), \"12s\", #{every: \"5s\"}) } catch { } start.elapsed";
    assert_eq!(eval(code).await.unwrap(), "12s");
    outside.sim.stop().await;
}
