//! Endpoints as scripts call them, against a server of a few lines.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::clock::VirtualClock;
use crate::config::{Config, Mode};
use crate::host::{Host, Setting, Storage};
use crate::http::testing::{Answer, Seen, Server, reply};
use crate::journal::Silent;
use crate::permission::{Grant, Grants};
use crate::script::{Record, Session, Setup};
use crate::time::Time;

/// One VPS and one PBH, both of which are the same server, on a clock of their own.
struct Bench {
    runtime: tokio::runtime::Runtime,
    host: Arc<Host>,
    server: Server,
    folder: tempfile::TempDir,
    session: Session,
}

impl Bench {
    fn new(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (host, server) = runtime.block_on(async {
            let server = Server::start(move |seen| match seen.line() {
                line if line.contains("/api/metadata/manifest") => {
                    json_reply(&json!({"success": true, "data": {"version": {"version": "9.5.0"}, "modules": []}}))
                }
                _ => answer(seen),
            })
            .await;
            let url = server.url.clone();
            let env = move |name: &str| match name {
                "PBH_URL" | "KIWIVM_URL" => Some(url.clone()),
                "PBH_TOKEN" | "KIWIVM_API_KEY" => Some("right-secret".into()),
                "KIWIVM_VEID" => Some("42".into()),
                _ => None,
            };
            let mut config = Config::from_env(&env).unwrap();
            config.timezone = chrono_tz::Tz::UTC;
            config.data = folder.path().into();
            let setting = Setting {
                clock: VirtualClock::new(Time::parse("2026-07-01T00:00:00Z", chrono_tz::Tz::UTC).unwrap()),
                env: Arc::new(env),
                journal: Arc::new(Silent),
                storage: Storage::Memory,
                accepts_any_instance: false,
            };
            (Host::open(config, setting).await.unwrap(), server)
        });
        Self { runtime, host, server, folder, session: Session::new(Path::new(".")) }
    }

    fn run(&mut self, mode: Mode, text: &str) -> (Result<Value>, Record) {
        let allow = vec![Grant::parse("pbh:destructive").unwrap()];
        let setup = Setup {
            script: "test".into(),
            trigger: None,
            run: "eval".into(),
            mode,
            grants: Grants { allow, deny: Vec::new() },
            deadline: self.host.clock.now() + Duration::from_seconds(3600),
            cancel: CancellationToken::new(),
            permits: None,
        };
        let context = Context::new(Arc::clone(&self.host), setup);
        let session = &mut self.session;
        let value = std::thread::scope(|scope| {
            std::thread::Builder::new()
                .stack_size(64 << 20)
                .spawn_scoped(scope, || session.eval(&context, text).map(|answer| answer.json))
                .unwrap()
                .join()
                .unwrap()
        });
        (value, context.record())
    }

    fn eval(&mut self, text: &str) -> Result<Value> {
        self.run(Mode::Live, text).0
    }

    #[track_caller]
    fn gives(&mut self, text: &str, value: impl Into<Value>) {
        let outcome = self.eval(text);
        assert_eq!(outcome.as_ref().map_err(ToString::to_string), Ok(&value.into()), "{text}");
    }

    /// The requests since the last time, without PBH's manifest.
    fn lines(&self, from: usize) -> Vec<String> {
        let seen = self.server.seen();
        let lines = seen.iter().map(|seen| seen.line().to_owned()).filter(|line| !line.contains("manifest"));
        lines.skip(from).collect()
    }
}

fn json_reply(body: &Value) -> Answer {
    reply(200, &[("Content-Type", "application/json")], body.to_string())
}

fn pbh_reply(data: &Value) -> Answer {
    json_reply(&json!({"success": true, "message": null, "data": data}))
}

/// A number of the query.
fn number(seen: &Seen, name: &str) -> usize {
    let query = seen.line().split('?').nth(1).unwrap_or_default();
    let found = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    found.map_or(10, |number| number.parse().unwrap())
}

/// `total` addresses as pages; `shift` rows have come in at the head of the list meanwhile.
fn page(seen: &Seen, total: usize, shift: usize) -> Answer {
    let (page, size) = (number(seen, "page"), number(seen, "pageSize"));
    let from = ((page - 1) * size).saturating_sub(if page > 1 { shift } else { 0 });
    let rows: Vec<_> = (from..total.min(from + size))
        .map(|n| json!({"peerIp": format!("203.0.{}.{}", n / 256, n % 256), "count": n}))
        .collect();
    pbh_reply(&json!({"page": page, "size": size, "total": total, "results": rows}))
}

#[test]
fn pages_are_read_to_the_end_and_no_row_twice() {
    let mut bench = Bench::new(|seen| page(seen, 250, 3));
    bench.gives("let all = pbh().bans_ranks_all(#{pageSize: 100, filter: \"203\"}).to_array(); all.len()", 250);
    bench.gives("all.map(|row| row.peerIp).unique().len()", 250);
    let pages = bench.lines(0);
    assert_eq!(pages.len(), 3, "{pages:?}");
    assert!(pages[2].contains("page=3") && pages[2].contains("filter=203"), "{pages:?}");
}

#[test]
fn no_more_pages_are_read_than_are_needed() {
    let mut bench = Bench::new(|seen| page(seen, 5000, 0));
    bench.gives("let rows = pbh().bans_ranks_all(); 0", 0);
    assert!(bench.lines(0).is_empty());
    bench.gives("rows.take(3).map(|row| row.count * 2).to_array()", json!([0, 2, 4]));
    assert_eq!(bench.lines(0).len(), 1);
    assert!(bench.lines(0)[0].contains("pageSize=100"));
    bench.gives("rows.filter(|row| row.count % 2 == 1).take(2).to_array().map(|row| row.count)", json!([1, 3]));
    assert_eq!(bench.lines(1).len(), 1);
    bench.gives("let sum = 0; for row in rows { if row.count > 3 { break; } sum += row.count; } sum", 6);
    assert_eq!(bench.lines(2).len(), 1);
    bench.gives("rows.count()", 5000);
    assert_eq!(bench.lines(3).len(), 1);
    bench.gives(
        "let odd = 0; for n in rows.filter(|row| row.count % 2 == 1).map(|row| row.count) { odd += 1; } odd",
        2500,
    );
    assert_eq!(bench.lines(4).len(), 5);
}

#[test]
fn a_failure_on_the_way_is_an_error_at_the_loop() {
    let mut bench = Bench::new(|seen| match number(seen, "page") {
        1 => page(seen, 250, 0),
        _ => reply(400, &[], r#"{"success": false, "message": "no", "data": null}"#),
    });
    let error = bench.eval("let n = 0;\nfor row in pbh().bans_ranks_all(#{pageSize: 100}) { n += 1; }").unwrap_err();
    assert_eq!((error.kind, error.line, error.endpoint.as_deref()), (Kind::Api, Some(2), Some("bans_ranks")));
    let error = bench.eval("pbh().bans_ranks_all(#{pagesize: 1})").unwrap_err();
    assert!(
        error.kind == Kind::Argument && error.hint.as_deref().unwrap_or_default().contains("pageSize"),
        "{error:?}"
    );
}

#[test]
fn a_list_without_pages_is_read_once() {
    let alert = |id: i64| json!({"id": id, "createAt": 1, "readAt": null, "level": "WARN", "identifier": "x", "title": "t", "content": "c"});
    let rows: Vec<_> = (0..3).map(alert).collect();
    let newer = rows.clone();
    let mut bench = Bench::new(move |_| pbh_reply(&json!(newer)));
    bench.gives("pbh().alerts_list_all().to_array().map(|alert| alert.id)", json!([0, 1, 2]));
    assert_eq!(bench.lines(0).len(), 1);
    let mut bench = Bench::new(move |_| pbh_reply(&json!({"page": 1, "size": 100, "total": 3, "results": rows})));
    bench.gives("pbh().alerts_list_all(#{pageSize: 3}).count()", 3);
}

/// How many ranks the server reports grows with every request that is sent.
fn counting() -> Bench {
    let sent = AtomicUsize::new(0);
    Bench::new(move |seen| {
        if seen.line().starts_with("GET") {
            page(seen, 1 + sent.fetch_add(1, Ordering::Relaxed), 0)
        } else {
            pbh_reply(&json!(null))
        }
    })
}

#[test]
fn reads_share_a_reply_for_as_long_as_they_say() {
    let mut bench = counting();
    let read = "pbh().cached(\"10s\").bans_ranks().total";
    bench.gives(read, 1);
    bench.gives(read, 1);
    bench.gives("parallel([1, 2, 3, 4, 5], |n| pbh().cached(\"10s\").bans_ranks().total)", json!([1, 1, 1, 1, 1]));
    bench.gives("pbh().cached(\"10s\").bans_ranks(#{pageSize: 20}).total", 2);
    bench.gives("pbh().bans_ranks().total", 3);
    bench.gives("sleep(\"11s\"); pbh().cached(\"10s\").bans_ranks().total", 4);
    bench.gives("pbh().cached(1.hours).bans_ranks().total", 4);
    let (_, record) = bench.run(Mode::Live, read);
    assert!(record.calls.is_empty(), "nothing was sent");
}

#[test]
fn several_that_ask_at_once_wait_for_one_answer() {
    let mut bench = counting();
    bench.gives("parallel([1, 2, 3, 4, 5], |n| pbh().cached(\"10s\").bans_ranks().total)", json!([1, 1, 1, 1, 1]));
    assert_eq!(bench.lines(0).len(), 1);
}

#[test]
fn a_write_ends_what_is_shared() {
    let mut bench = counting();
    bench.gives("let home = pbh().cached(\"1h\"); home.bans_ranks().total", 1);
    bench.gives("home.alerts_dismiss_all(); home.bans_ranks().total", 2);
}

fn stream() -> Answer {
    let entry = |offset: i64| {
        let entry =
            json!({"time": 1_782_000_000_000_i64, "thread": "main", "level": "INFO", "content": "é", "offset": offset});
        format!("event: message\ndata: {entry}\n\n")
    };
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n";
    let entries: String = (0..5).map(entry).collect();
    Answer::Hang(format!("{head}{entries}").into_bytes())
}

#[test]
fn a_stream_ends_with_its_limit_or_its_time() {
    let mut bench = Bench::new(|_| stream());
    bench.gives("pbh().logs_live(#{limit: 3}).map(|line| line.offset)", json!([0, 1, 2]));
    assert_eq!(bench.server.seen().last().unwrap().header("accept"), Some("text/event-stream"));
    bench.gives("let start = now(); let n = pbh().logs_live(#{duration: \"90s\", limit: 100}).count(); [n, (now() - start).seconds]", json!([5, 90.0]));
    bench.gives("pbh().logs_live().to_array()[0].time", "2026-06-21T00:00:00Z");
    for (text, part) in [
        ("pbh().logs_live(#{limit: 0})", "`limit` is a number of messages"),
        ("pbh().logs_live(#{duration: 5})", "`duration` is a duration"),
        ("pbh().logs_live(#{durration: \"5s\"})", "has no option `durration`"),
    ] {
        let error = bench.eval(text).unwrap_err();
        assert!(error.kind == Kind::Argument && error.message.contains(part), "{error}");
    }
    // The same by its old name, as far as the new one knows what is asked for.
    bench.gives("pbh().logs_stream_ws(#{limit: 1}).map(|line| line.offset)", json!([0]));
    let error = bench.eval("pbh().logs_stream_ws(#{offset: 3})").unwrap_err();
    assert!(error.kind == Kind::Unsupported && error.hint.as_deref().unwrap_or_default().contains("`logs_live"));
}

#[test]
fn a_stream_is_read_as_it_is_needed() {
    let mut bench = Bench::new(|_| stream());
    bench.gives("let lines = pbh().logs_live(#{duration: \"1h\"}); 0", 0);
    assert!(bench.lines(0).is_empty());
    bench.gives("let start = now(); for line in lines { if line.offset == 2 { break; } } (now() - start).seconds", 0.0);
    bench.gives("lines.filter(|line| line.offset % 2 == 1).take(2).map(|line| line.offset).to_array()", json!([1, 3]));
    bench.gives("`${lines}`", "messages of logs_live on default, not read yet: see `to_array()`");
}

#[test]
fn a_stream_that_breaks_off_is_resumed_without_repeats() {
    let entry = |offset: usize| {
        let entry =
            json!({"time": 1_782_000_000_000_i64, "thread": "a", "level": "INFO", "content": "", "offset": offset});
        format!("event: message\ndata: {entry}\n\n")
    };
    let opened = AtomicUsize::new(0);
    let mut bench = Bench::new(move |_| {
        let last = [3, 0, 5][opened.fetch_add(1, Ordering::Relaxed).min(2)];
        if last == 0 {
            return reply(502, &[], "<html>");
        }
        let entries: String = (0..last).map(entry).collect();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
        let bytes = format!("{head}{entries}").into_bytes();
        if last == 5 { Answer::Hang(bytes) } else { Answer::Bytes(bytes) }
    });
    let (value, record) =
        bench.run(Mode::Live, "pbh().logs_live(#{duration: \"1m\"}).map(|line| line.offset).to_array()");
    assert_eq!(value.unwrap(), json!([0, 1, 2, 3, 4]));
    let calls: Vec<_> = record.calls.iter().map(|call| (call.endpoint.as_str(), call.status)).collect();
    assert_eq!(calls, [("metadata_manifest", Some(200)), ("logs_live", Some(200)), ("logs_live", Some(200))]);
}

#[test]
fn helpers_on_a_cached_handle_share_replies() {
    let mut bench = Bench::new(|seen| {
        let now = 1_782_864_000_i64;
        match seen.line() {
            line if line.contains("/getServiceInfo") => json_reply(&json!({
                "error": 0, "plan_monthly_data": 1000, "monthly_data_multiplier": 1, "data_counter": 100,
                "data_next_reset": now + 86_400,
            })),
            _ => pbh_reply(&json!({"countBan": 1})),
        }
    });
    bench.gives("let v = vps().cached(\"1m\"); v.data_usage().used; v.data_usage().used", 100);
    assert_eq!(bench.lines(0).len(), 1);
    bench.gives("v.data_usage(#{fresh: true}).used", 100);
    bench.gives("sleep(\"2m\"); v.data_usage().used", 100);
    assert_eq!(bench.lines(0).len(), 3);
    let error = bench.eval("v.wait_until_unlocked(\"1m\")").unwrap_err();
    assert!(error.kind == Kind::Argument && error.message.contains("`cached`"), "{error}");
}

#[test]
fn what_does_not_stream_is_an_error() {
    let mut bench = Bench::new(|_| reply(200, &[("Content-Type", "text/plain")], ""));
    assert_eq!(bench.eval("pbh().logs_live()").unwrap_err().kind, Kind::Protocol);
    let mut bench = Bench::new(|_| reply(400, &[], r#"{"success": false, "message": "no", "data": null}"#));
    assert_eq!(bench.eval("pbh().tasks_live()").unwrap_err().kind, Kind::Api);
}

#[test]
fn a_binary_reply_goes_to_a_file() {
    let dump = b"\x1f\x8b not text \xff".repeat(20_000);
    let sent = dump.clone();
    let mut bench = Bench::new(move |_| reply(200, &[("Content-Type", "application/octet-stream")], &sent));
    let file = bench.eval("pbh().general_heapdump()").unwrap();
    assert_eq!(file["content_type"], "application/octet-stream");
    assert_eq!(file["size"], dump.len());
    let path = Path::new(file["path"].as_str().unwrap());
    assert_eq!(path.parent().unwrap(), bench.folder.path().join("files/test"));
    assert!(std::fs::read(path).unwrap() == dump);
    let (value, record) = bench.run(Mode::Watch, "pbh().general_heapdump()");
    assert_eq!((value.unwrap()["size"].clone(), record.would.len()), (json!(0), 1));
}

#[test]
fn a_binary_reply_that_is_none_or_breaks_off_leaves_no_file() {
    let mut bench = Bench::new(|_| reply(500, &[], r#"{"success": false, "message": "no", "data": null}"#));
    assert_eq!(bench.eval("pbh().general_heapdump()").unwrap_err().kind, Kind::Api);
    let mut bench = Bench::new(|_| Answer::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_vec()));
    assert_eq!(bench.eval("pbh().general_heapdump()").unwrap_err().kind, Kind::Transport);
    let left: Vec<_> = std::fs::read_dir(bench.folder.path().join("files/test")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_downloader_is_patched_without_showing_its_password() {
    let config = json!({"type": "qbittorrent", "name": "a", "endpoint": "http://x", "username": "u", "password": "old-secret",
        "apiKey": null, "basicAuth": {"user": "", "pass": ""}, "incrementBan": true, "useShadowBan": false, "verifySsl": true,
        "ignorePrivate": false, "paused": false, "later": 7});
    let stored = config.clone();
    let patched = AtomicUsize::new(0);
    let mut bench = Bench::new(move |seen| {
        if seen.line().starts_with("GET") {
            let status = json!({"lastStatus": "HEALTHY", "lastStatusMessage": null, "activeTorrents": 0, "activePeers": 0,
                "config": stored, "paused": false});
            return pbh_reply(&status);
        }
        match patched.fetch_add(1, Ordering::Relaxed) {
            0 => reply(500, &[], r#"{"success": false, "message": "boom", "data": null}"#),
            _ => pbh_reply(&json!(null)),
        }
    });
    let script = "pbh().downloader_patch(\"qb\", #{incrementBan: false, password: \"new-secret\"})";
    let (value, record) = bench.run(Mode::Live, script);
    assert_eq!(value.unwrap(), json!(["incrementBan", "password"]));
    let sent: Vec<_> = bench.server.seen().into_iter().filter(|seen| seen.line().starts_with("PATCH")).collect();
    assert_eq!(sent.len(), 2, "once more after the 500");
    let mut due = config;
    (due["incrementBan"], due["password"]) = (json!(false), json!("new-secret"));
    due.as_object_mut().unwrap().shift_remove("apiKey");
    let body: Value = serde_json::from_str(&sent[1].body).unwrap();
    assert_eq!(body, json!({"config": due}));
    let (_, held) = bench.run(Mode::Watch, script);
    let shown = format!("{}{}", serde_json::to_string(&record).unwrap(), serde_json::to_string(&held).unwrap());
    assert_eq!((record.calls.len(), held.would.len()), (2, 1));
    assert!(!shown.contains("-secret"), "{shown}");
}

#[test]
fn what_was_read_can_be_written_back_with_its_secrets() {
    let mut bench = Bench::new(|seen| {
        if seen.line().starts_with("GET") {
            pbh_reply(&json!({"lastStatus": "x", "lastStatusMessage": null, "activeTorrents": 0, "activePeers": 0,
            "config": {"type": "deluge", "name": "a", "endpoint": "http://x", "password": "deep-secret", "rpcUrl": "/json"}}))
        } else {
            pbh_reply(&json!(null))
        }
    });
    let script = "let config = pbh().downloader_status(\"d\").config; config.paused = true; pbh().downloader_update(\"d\", config)";
    let (value, record) = bench.run(Mode::Live, script);
    value.unwrap();
    let sent: Value = serde_json::from_str(&bench.server.seen().last().unwrap().body).unwrap();
    assert_eq!(
        sent["config"],
        json!({"type": "deluge", "name": "a", "endpoint": "http://x", "password": "deep-secret", "rpcUrl": "/json", "paused": true})
    );
    assert!(!serde_json::to_string(&record).unwrap().contains("deep-secret"));
}

const LOCKED: &str = r#"{"error": 788888, "message": "VE is currently locked, try again in a few minutes"}"#;

#[test]
fn a_locked_vps_is_waited_for() {
    let asked = AtomicUsize::new(0);
    let mut bench = Bench::new(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0..3 => reply(200, &[], LOCKED),
        _ => json_reply(
            &json!({"error": 0, "currentLocation": "x", "locations": [], "descriptions": [], "dataTransferMultipliers": []}),
        ),
    });
    bench.gives("vps().wait_until_unlocked(\"5m\").seconds", 30.0);
    let mut bench = Bench::new(|_| reply(200, &[], LOCKED));
    let error = bench.eval("vps().wait_until_unlocked(\"1m\")").unwrap_err();
    assert_eq!((error.kind, error.code), (Kind::Timeout, Some(788_888)));
    assert_eq!(bench.lines(0).len(), 7);
    let mut bench = Bench::new(|_| json_reply(&json!({"error": 700_005, "message": "Authentication failure"})));
    assert_eq!(bench.eval("vps().wait_until_unlocked(\"1m\")").unwrap_err().kind, Kind::Auth);
}

#[test]
fn a_spent_allowance_is_left_alone() {
    let mut bench = Bench::new(|seen| {
        if seen.line().contains("getRateLimitStatus") {
            json_reply(&json!({"error": 0, "remaining_points_15min": "990", "remaining_points_24h": 19_000}))
        } else {
            reply(429, &[("Retry-After", "7200")], "")
        }
    });
    bench.gives("vps().api_budget().remaining_points_15min", Value::Null);
    bench.gives("vps().get_rate_limit_status(); vps().api_budget().remaining_points_15min", 990);
    assert_eq!(bench.eval("vps().get_service_info()").unwrap_err().kind, Kind::RateLimit);
    assert_eq!(bench.lines(0).len(), 2);
    let error = bench.eval("vps().get_service_info()").unwrap_err();
    assert!(error.kind == Kind::RateLimit && error.message.contains("not asked for another 2h"), "{error}");
    bench.gives("vps().api_budget().resting - now()", 7200);
    assert_eq!(bench.lines(0).len(), 2, "nothing more was sent");
}

#[test]
fn a_host_gets_few_requests_at_once() {
    let mut bench = Bench::new(|seen| page(seen, 1, 0));
    let gate = bench.host.http.gate(&format!("{}/another/path", bench.server.url));
    let turns: Vec<_> = std::iter::from_fn(|| gate.try_acquire().ok()).collect();
    assert_eq!(turns.len(), crate::http::Http::AT_ONCE);
    let error = bench.eval("pbh().bans_ranks()").unwrap_err();
    assert_eq!(error.kind, Kind::Timeout, "the run's time was over before its turn: {error}");
    assert!(bench.server.seen().is_empty());
    drop(turns);
    bench.gives("pbh().bans_ranks().total", 1);
    bench.gives("parallel([1, 2, 3, 4, 5, 6, 7, 8], |n| pbh().bans_ranks().total).len()", 8);
    assert_eq!(gate.available_permits(), crate::http::Http::AT_ONCE);
    let _ = &bench.runtime;
}

#[test]
fn lines_of_a_text() {
    let mut bench = Bench::new(|_| reply(200, &[("Content-Type", "text/plain")], "203.0.113.7\r\n198.51.100.0/24\n"));
    bench.gives("pbh().blocklist_ip().lines()", json!(["203.0.113.7", "198.51.100.0/24"]));
}
