//! The control API: its document, every operation over a real socket, and who is turned away.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::Path;

use serde_json::{Value, json};
use tidegate::ledger::State;
use tidegate::server::{Server, document, page};

use crate::harness::{Home, minutes, seconds};
use crate::served::{Served, ask, whole, written};

/// Rewrites what differs and then fails, so that the next run passes.
#[test]
fn the_document_and_its_page_are_up_to_date() {
    let mut document = serde_json::to_string_pretty(&document()).unwrap();
    document.push('\n');
    let mut rewritten = Vec::new();
    for (path, text) in [("docs/openapi.json", document), ("docs/control-api.md", page())] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        if std::fs::read_to_string(&file).ok().as_ref() != Some(&text) {
            std::fs::write(&file, text).unwrap();
            rewritten.push(path);
        }
    }
    assert!(rewritten.is_empty(), "rewrote {rewritten:?}: look at it and commit it");
}

/// Holds a value against a schema of the document; a field that the schema does not know is a fault too, where
/// `strict`.
fn hold(value: &Value, schema: &Value, strict: bool, place: &str) {
    let document = document();
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        let strict = strict && name != "Line";
        return hold(value, &document["components"]["schemas"][name], strict, &format!("{place}<{name}>"));
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        if value.is_null() {
            return assert!(choices.iter().any(|choice| choice["type"] == "null"), "{place} is null");
        }
        return hold(value, &choices[0], strict, place);
    }
    let words: Vec<_> = match &schema["type"] {
        Value::String(word) => vec![word.as_str()],
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect(),
        _ => return,
    };
    let word = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_i64() || n.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = words.contains(&word) || (word == "integer" && words.contains(&"number"));
    assert!(fits, "{place} must be {words:?}: {value}");
    for (n, item) in value.as_array().into_iter().flatten().enumerate() {
        hold(item, &schema["items"], strict, &format!("{place}[{n}]"));
    }
    let Some(fields) = value.as_object() else { return };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        assert!(fields.contains_key(name), "{place} lacks `{name}`: {value}");
    }
    let Some(known) = schema["properties"].as_object() else { return };
    for (name, field) in fields {
        match known.get(name) {
            Some(schema) => hold(field, schema, strict, &format!("{place}.{name}")),
            None => assert!(!strict, "{place} has `{name}`, of which the document knows nothing"),
        }
    }
}

/// The operations of the document: id, method, path, status and schema of the reply.
fn operations() -> Vec<(String, String, String, u16, Value)> {
    let mut operations = Vec::new();
    for (path, methods) in document()["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            let replies = operation["responses"].as_object().unwrap();
            let (status, reply) = replies.iter().find(|(status, _)| *status != "default").unwrap();
            let content = reply["content"].as_object().unwrap().values().next().unwrap();
            let status = status.parse().unwrap();
            operations.push((id, method.to_uppercase(), path.clone(), status, content["schema"].clone()));
        }
    }
    operations
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_does_what_the_document_says() {
    let home = Home::with("[server]\naddress = \"127.0.0.1:0\"\n");
    home.script(
        "hooks",
        r#"
        every("1h", "tick", || { info("tick"); state.set("n", 1); publish("list.txt", "a\nb"); });
        on_webhook("/slow", #{name: "慢/slow", overlap: "parallel", timeout: "30h"}, |req| { info(`slow ${req}`); sleep("20h"); });
    "#,
    );
    home.script("broken", "every(");
    let (world, _sim) = home.start_in_sim().await;
    let mut served = Served::over(world, home).await;
    let slow = "/scripts/hooks/triggers/%E6%85%A2%2Fslow";
    let mut called = BTreeSet::new();
    let mut run = String::new();
    // In an order in which each finds something.
    for id in [
        "status",
        "scripts",
        "script",
        "triggers",
        "trigger",
        "run_now",
        "history",
        "run",
        "cancel",
        "off",
        "on",
        "log",
        "log_follow",
        "reload",
        "openapi",
        "state_set",
        "state",
        "state_delete",
        "published",
        "eval",
        "eval_end",
        "downloaders",
        "holds",
        "release",
    ] {
        let (_, method, path, status, schema) =
            operations().into_iter().find(|(own, ..)| own == id).unwrap_or_else(|| panic!("{id} is in no document"));
        let (path, body) = match id {
            "script" => ("/scripts/broken".into(), Value::Null),
            "trigger" => (slow.into(), Value::Null),
            "run_now" => (format!("{slow}/run"), json!({"data": 7})),
            "run" => (format!("/runs/{run}?wait=0"), Value::Null),
            "cancel" => (format!("/runs/{run}/cancel"), Value::Null),
            "off" | "on" => (format!("{slow}/{id}"), Value::Null),
            "history" => ("/runs?script=hooks&trigger=%E6%85%A2%2Fslow&state=running&n=5".into(), Value::Null),
            "log" => ("/log?level=warn&n=3".into(), Value::Null),
            "state_set" => (path, json!({"script": "hooks", "key": "k", "value": [1], "ttl": "2h"})),
            "state" => ("/state?script=hooks".into(), Value::Null),
            "state_delete" => ("/state?script=hooks&key=k".into(), Value::Null),
            "eval" => (
                path,
                json!({"code": "let x = 2; downloader(\"tokyo-qb\").stop_transfers(#{reason: \"me\"}); x", "live": true, "session": "s"}),
            ),
            "eval_end" => ("/eval/s".into(), Value::Null),
            "release" => (path, json!({"downloader": "tokyo-qb", "reason": "me"})),
            _ => (path, Value::Null),
        };
        if id == "log_follow" {
            // Has a test of its own: it has no end.
            called.insert(id.to_owned());
            continue;
        }
        if id == "published" {
            served.world.advance(minutes(61)).await;
        }
        let (address, token) = (served.address(), served.token());
        let request = format!("{method} /api/v1{path}");
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let asked = tokio::spawn(async move {
            let login = format!("Authorization: Bearer {token}");
            ask(address, &request, &[&login, "Content-Type: application/json"], &text).await
        });
        // What waits for a service waits on the clock.
        while !asked.is_finished() {
            served.world.advance(seconds(1)).await;
            tokio::task::yield_now().await;
        }
        let (got, reply) = asked.await.unwrap();
        assert_eq!(got, status, "{id}: {reply:#}");
        hold(&reply, &schema, true, id);
        called.insert(id.to_owned());
        match id {
            "status" => assert_eq!(reply["scripts"][0]["state"], "broken"),
            "script" => assert_eq!(reply["error"]["kind"], "syntax"),
            "triggers" => assert_eq!(reply.as_array().unwrap().len(), 2),
            "run_now" => {
                assert!(reply["run"]["state"] == "running" || reply["run"]["state"] == "due", "{reply:#}");
                assert_eq!(reply["run"]["scheduled"], Value::Null);
                run = reply["run"]["id"].as_str().unwrap().to_owned();
            }
            "history" => assert_eq!(reply[0]["id"], run),
            "run" => assert_eq!(reply["why_nothing"], "it is still going"),
            "off" => assert_eq!((&reply["off"], &reply["off_reason"]), (&true.into(), &"switched off by hand".into())),
            "on" => assert_eq!((&reply["off"], &reply["off_reason"]), (&false.into(), &Value::Null)),
            "log" => assert!(reply.as_array().is_some_and(|lines| !lines.is_empty()), "{reply}"),
            "openapi" => assert_eq!(reply, document()),
            "state_set" => assert_eq!((&reply["script"], &reply["value"]), (&"hooks".into(), &json!([1]))),
            "state" => assert_eq!(reply[0]["key"], "k"),
            "published" => {
                assert_eq!((&reply[0]["path"], &reply[0]["bytes"]), (&"/published/list.txt".into(), &3.into()));
            }
            "eval" => {
                assert_eq!((&reply["ok"], &reply["value"]), (&true.into(), &2.into()), "{reply:#}");
                let x = json!({"name": "x", "is": "int", "value": "2"});
                assert!(reply["variables"].as_array().is_some_and(|all| all.contains(&x)), "{reply:#}");
                assert!(reply["calls"].as_array().is_some_and(|calls| !calls.is_empty()));
            }
            "downloaders" => {
                let held = |one: &&Value| one["name"] == "tokyo-qb" && one["holds"][0]["reason"] == "me";
                assert!(reply["downloaders"].as_array().unwrap().iter().any(|one| held(&one)), "{reply:#}");
            }
            "holds" => assert_eq!(reply[0]["reason"], "me"),
            "release" => assert_eq!(reply["released"][0]["downloader"], "tokyo-qb"),
            _ => {}
        }
    }
    let all: BTreeSet<_> = operations().into_iter().map(|(id, ..)| id).collect();
    assert_eq!(called, all);
    let states: Vec<_> = served.world.rows("慢/slow").await;
    assert_eq!(states, [(-1, State::Cancelled)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_from_a_browser_or_without_the_token() {
    let script = r#"on_webhook("/grab", "grab", || 1); every("1h", "tick", || 1);"#;
    let served = Served::new("token = \"for-webhooks\"\nhosts = [\"seedbox.lan\"]", script).await;
    let token = served.token();
    let login = format!("Authorization: Bearer {token}");
    let status = "GET /api/v1/status";
    let no = served.ask(status, &[], "").await;
    assert_eq!((no.0, &no.1["error"]["kind"]), (401, &json!("auth")));
    // What is there, and what is not, is the same to whoever brings no token; that of webhooks is none here.
    for (request, header) in [
        ("GET /api/v1/nothing", "X-A: b"),
        ("GET /api/v2/status", "X-A: b"),
        ("POST /api/v1/status", "X-A: b"),
        ("OPTIONS /api/v1/scripts/hooks/triggers/tick/run", "Access-Control-Request-Method: POST"),
        (status, "Authorization: Bearer for-webhooks"),
        (status, "Authorization: Bearer "),
        (&*format!("{status}?token={token}"), "X-A: b"),
        (status, &*format!("Authorization: Basic {token}")),
        (status, &*format!("Cookie: token={token}")),
    ] {
        assert_eq!(served.ask(request, &[header], "").await, no, "{request} {header}");
    }
    // Pages of others are refused with the token too, and names that were made to lead here.
    for (header, refused) in [
        ("Origin: https://evil.example.org", 403),
        ("Origin: null", 403),
        ("Sec-Fetch-Site: cross-site", 403),
        ("Sec-Fetch-Site: same-site", 403),
        ("Host: evil.example.org", 421),
        ("Host: 127.0.0.1.evil.example.org:9899", 421),
    ] {
        let (code, said) = served.ask(status, &[&login, header], "").await;
        assert_eq!((code, said["error"]["message"].is_string()), (refused, true), "{header}: {said}");
    }
    let (code, head, _) =
        whole(served.address(), "OPTIONS /api/v1/status", &["Origin: https://evil.example.org"], "").await;
    assert!(code == 403 && !head.contains("access-control-"), "{head}");
    // A form, which a page may send without asking, is no JSON.
    let run = "POST /api/v1/scripts/hooks/triggers/tick/run";
    assert_eq!(served.ask(run, &[&login, "Content-Type: text/plain"], "{}").await.0, 415);
    assert_eq!(served.world.rows("tick").await, []);
    // And those who may.
    let own = format!("Origin: http://{}", served.address());
    for header in ["X-A: b", "Host: seedbox.lan", "Host: localhost:1", &own] {
        assert_eq!(served.ask(status, &[&login, header], "").await.0, 200, "{header}");
    }
    assert_eq!(served.ask("POST /api/v1/status", &[&login], "").await.0, 405);
    assert_eq!(served.ask("GET /api/v1/nothing", &[&login], "").await.0, 404);
    // It is the same token after a restart, and no line has it.
    assert!(served.world.journal.lines().iter().all(|line| !line.message.contains(&token)));
    let (code, said) = served.operate("POST /eval", &json!({"code": format!("`{token}`")})).await;
    assert_eq!((code, &said["value"]), (200, &json!("***")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_request_is_told_what_is_right() {
    let served = Served::new("", r#"every("1h", "tick", || 1);"#).await;
    for (request, body, status, message, hint) in [
        ("GET /scripts/hoks", json!(null), 404, "there is no script `hoks`", "did you mean `hooks`?"),
        ("GET /scripts/hooks/triggers/tock", json!(null), 404, "there is no trigger `tock`", "did you mean `tick`?"),
        (
            "POST /scripts/hooks/triggers/tock/off",
            json!(null),
            404,
            "there is no trigger `tock`",
            "did you mean `tick`?",
        ),
        ("GET /runs?scrip=x", json!(null), 400, "`history` takes no `scrip` there", "did you mean `script`?"),
        ("GET /runs?state=oke", json!(null), 400, "`oke` is no state of a run", "did you mean `ok`?"),
        ("GET /runs?n=x", json!(null), 400, "`n` must be a whole number from 0, not `x`", "At most"),
        ("GET /runs/abc", json!(null), 404, "there is no run `abc`", ""),
        ("GET /log?level=wran", json!(null), 400, "`wran` is no level", "did you mean `warn`?"),
        ("POST /eval", json!({}), 400, "`code` is missing", "Statements"),
        ("POST /eval", json!({"code": 1}), 400, "`code` must be a text, not `1`", "Statements"),
        ("POST /eval", json!({"code": "1", "allow": ["what"]}), 400, "what", ""),
        ("POST /eval", json!([1]), 400, "the body is no JSON object", ""),
        ("PUT /state", json!({"key": "a", "value": 1, "ttl": "soon"}), 400, "soon", ""),
        ("PUT /state", json!({"key": "a", "value": 1, "ttl": "0s"}), 400, "forgets at once", "delete it"),
        ("PUT /state", json!({"key": "a", "value": 1, "ttl": "99999999999d"}), 400, "a century", "leave `ttl` out"),
        ("PUT /state", json!({"key": "a"}), 400, "`value` is missing", "Any JSON"),
        ("GET /scripts/%FF", json!(null), 400, "no UTF-8", "encode"),
        ("DELETE /state?key=a", json!(null), 404, "nothing is kept under `a`", "GET /state"),
        ("DELETE /eval/s", json!(null), 404, "there is no session `s`", ""),
        ("POST /release", json!({"downloader": "x"}), 404, "nothing is held on `x`", "nothing is held at all"),
    ] {
        let (got, said) = served.operate(request, &body).await;
        let error = &said["error"];
        assert_eq!(got, status, "{request}: {said}");
        assert!(error["message"].as_str().unwrap().contains(message), "{request}: {said}");
        assert!(error["hint"].as_str().unwrap_or_default().contains(hint), "{request}: {said}");
    }
}

/// Requests whose bodies never come, until one more finds no place; they last as long as what is given.
async fn crowd(served: &Served, request: &str, headers: &[&str]) -> Vec<TcpStream> {
    let half = written(served.address(), request, headers, "{}");
    let half = half[..half.len() - 1].to_owned();
    let mut crowd = Vec::new();
    loop {
        let (status, head, _) = whole(served.address(), request, headers, "{}").await;
        if status == 503 {
            assert!(head.contains("retry-after: 1"), "{head}");
            return crowd;
        }
        assert!(crowd.len() < 200, "there is always a place");
        let mut stream = TcpStream::connect(served.address()).unwrap();
        stream.write_all(half.as_bytes()).unwrap();
        crowd.push(stream);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_keeps_the_owner_out() {
    let script = r#"
        on_webhook("/grab", "grab", || 1);
        on_event("x", #{name: "slow", timeout: "9h"}, || sleep("8h"));
    "#;
    let served = Served::new("", script).await;
    let run = "/scripts/hooks/triggers/slow/run";
    let (_, said) = served.operate(&format!("POST {run}"), &Value::Null).await;
    let id = said["run"]["id"].as_str().unwrap();
    let login = format!("Authorization: Bearer {}", served.token());
    // Callers of a webhook, without any token.
    let _callers = crowd(&served, "POST /grab", &["Content-Type: application/json"]).await;
    assert_eq!(served.operate(&format!("GET /runs/{id}"), &Value::Null).await.0, 200);
    // Those who only wait.
    let wait = written(served.address(), &format!("GET /api/v1/runs/{id}?wait=300"), &[&login], "");
    let _waiting: Vec<_> = (0..80)
        .map(|_| {
            let mut stream = TcpStream::connect(served.address()).unwrap();
            stream.write_all(wait.as_bytes()).unwrap();
            stream
        })
        .collect();
    assert_eq!(served.operate("GET /triggers", &Value::Null).await.0, 200);
    // And those who work: one more is told that the daemon is busy.
    let working = crowd(&served, "POST /api/v1/eval", &[&login, "Content-Type: application/json"]).await;
    assert!(working.len() >= 64, "{} find a place", working.len());
    let (status, said) = served.operate("GET /triggers", &Value::Null).await;
    let error = &said["error"];
    assert_eq!((status, &error["kind"], &error["retryable"]), (503, &json!("limit"), &json!(true)), "{said}");
    assert!(error["message"].as_str().unwrap().contains("busy"), "{said}");
    // What shows what goes on and ends it gets through.
    for request in ["GET /status", "GET /scripts/hooks", "GET /runs?state=running"] {
        assert_eq!(served.operate(request, &Value::Null).await.0, 200, "{request}");
    }
    assert_eq!(served.operate("POST /scripts/hooks/triggers/slow/off", &Value::Null).await.0, 200);
    assert_eq!(served.operate(&format!("POST /runs/{id}/cancel"), &Value::Null).await.0, 200);
    assert_eq!(served.ask("GET /healthz", &[], "").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn null_is_a_value_and_a_throttled_run_is_told_when_to_ask_again() {
    let served = Served::new("", r#"every("1h", #{name: "tick", throttle: "2h"}, || 1);"#).await;
    let (status, said) = served.operate("PUT /state", &json!({"key": "k", "value": null, "ttl": null})).await;
    assert_eq!((status, &said["value"], &said["expires"]), (200, &Value::Null, &Value::Null), "{said}");
    assert_eq!(served.operate("GET /state?prefix=k", &Value::Null).await.1[0]["key"], "k");
    let run = "POST /api/v1/scripts/hooks/triggers/tick/run";
    let login = format!("Authorization: Bearer {}", served.token());
    let headers = [login.as_str(), "Content-Type: application/json"];
    assert_eq!(served.ask(run, &headers, "{\"guarded\": true}").await.0, 202);
    let (status, head, body) = whole(served.address(), run, &headers, "{\"guarded\": true}").await;
    assert_eq!(status, 429, "{body}");
    assert!(head.contains("retry-after: 72"), "{head}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_by_hand_says_which_guards_it_heeds() {
    let script = r#"
        when(|| state.get("n", 0), #{name: "door", every: "1h", above: 5}, |n| info(`open ${n}`));
        every("1h", #{name: "night", between: "22:00-23:00", throttle: "2h", mode: "watch"}, || state.set("m", 1));
        on_event("x", #{name: "slow", debounce: "1m", overlap: "skip", timeout: "9h"}, || sleep("8h"));
    "#;
    let mut served = Served::new("", script).await;
    let run = async |served: &Served, trigger: &str, body: Value| {
        served.operate(&format!("POST /scripts/hooks/triggers/{trigger}/run"), &body).await
    };
    let guards = |said: &Value| -> Vec<(String, bool)> {
        let guards = said["guards"].as_array().unwrap().iter();
        guards.map(|guard| (guard["name"].as_str().unwrap().into(), guard["applied"].as_bool().unwrap())).collect()
    };
    let own = |pairs: &[(&str, bool)]| -> Vec<(String, bool)> {
        pairs.iter().map(|(name, applied)| ((*name).to_owned(), *applied)).collect()
    };
    // Asking for it does not open the door: the condition is read and does not hold.
    let (code, said) = run(&served, "door", json!({})).await;
    assert_eq!(code, 202);
    assert_eq!(guards(&said), own(&[("condition", true), ("overlap", true), ("permissions", true), ("mode", true)]));
    served.world.advance(seconds(1)).await;
    assert!(!served.world.said().iter().any(|line| line.starts_with("open")));

    let (code, said) = run(&served, "night", json!({"guarded": true})).await;
    assert_eq!((code, &said["error"]["kind"]), (409, &json!("cancelled")), "{said}");
    assert!(said["error"]["message"].as_str().unwrap().contains("outside of"), "{said}");
    let (code, said) = run(&served, "night", json!({})).await;
    assert_eq!(code, 202);
    let listed = [("overlap", true), ("permissions", true), ("mode", true), ("between", false), ("throttle", false)];
    assert_eq!(guards(&said), own(&listed), "{said}");
    assert!(said["guards"][2]["said"].as_str().unwrap().contains("dry run"), "{said}");
    served.operate("POST /scripts/hooks/triggers/night/off", &Value::Null).await;
    assert_eq!(run(&served, "night", json!({"guarded": true})).await.0, 409, "it is off");
    served.world.advance(seconds(1)).await;
    let (code, said) = run(&served, "night", json!({})).await;
    assert_eq!((code, guards(&said).contains(&("off".into(), false))), (202, true), "{said}");

    let (code, said) = run(&served, "slow", json!({})).await;
    assert_eq!((code, guards(&said).contains(&("debounce".into(), false))), (202, true), "{said}");
    let (code, said) = run(&served, "slow", json!({})).await;
    assert_eq!((code, &said["error"]["message"]), (409, &json!("the last run is still going")));
    let rows = served.operate("GET /runs?trigger=slow&state=skipped", &Value::Null).await.1;
    assert!(
        rows[0]["ended"].is_string() && rows[0]["scheduled"].is_null(),
        "it has the time when it was asked for: {rows}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_a_run_hears_of_its_end() {
    let mut served =
        Served::new("", r#"on_event("x", #{name: "slow", timeout: "1h"}, || { sleep("10m"); info("done"); });"#).await;
    let (_, said) = served.operate("POST /scripts/hooks/triggers/slow/run", &Value::Null).await;
    let id = said["run"]["id"].as_str().unwrap().to_owned();
    let (address, token) = (served.address(), served.token());
    let waiting = tokio::spawn(async move {
        let login = format!("Authorization: Bearer {token}");
        loop {
            let (code, said) = ask(address, &format!("GET /api/v1/runs/{id}?wait=300"), &[&login], "").await;
            assert_eq!(code, 200, "{said}");
            if said["run"]["state"] != "running" {
                return said;
            }
        }
    });
    while !waiting.is_finished() {
        served.world.advance(seconds(30)).await;
        tokio::task::yield_now().await;
    }
    let said = waiting.await.unwrap();
    assert_eq!((&said["run"]["state"], &said["trace"]["output"]), (&json!("ok"), &json!(["done"])));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_followed_until_the_daemon_ends() {
    let script = r#"
        every("1m", "tick", || { info("one"); warn("two"); });
        every("1m", "tock", || warn("three"));
    "#;
    let mut served = Served::new("", script).await;
    served.world.advance(minutes(1)).await;
    let login = format!("Authorization: Bearer {}", served.token());
    let path = "GET /api/v1/log/follow?script=hooks&trigger=tick&level=warn&n=1";
    let request = written(served.address(), path, &[&login], "");
    let mut stream = TcpStream::connect(served.address()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let mut next =
        move || lines.find_map(|line| Some(serde_json::from_str::<Value>(line.strip_prefix("data: ")?).unwrap()));
    let first = next().unwrap();
    assert_eq!((&first["message"], &first["trigger"], &first["event"]), (&json!("two"), &json!("tick"), &json!("log")));
    served.world.advance(minutes(1)).await;
    let (second, next) = tokio::task::spawn_blocking(move || (next(), next)).await.unwrap();
    let second = second.unwrap();
    assert_eq!(second["message"], "two");
    assert_ne!(second["ts"], first["ts"], "written after it was asked for");
    let Served { world, server, .. } = served;
    world.stop().await;
    server.stop().await;
    assert_eq!(tokio::task::spawn_blocking(next).await.unwrap(), None, "it ends with the daemon");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_keep_their_variables_and_a_request_that_breaks_off_is_cancelled() {
    let mut served = Served::new("", "every(\"1h\", \"tick\", || 1);").await;
    let eval = async |served: &Served, code: &str, session: &str| {
        let (status, said) = served.operate("POST /eval", &json!({"code": code, "session": session})).await;
        assert_eq!(status, 200, "{said}");
        said
    };
    eval(&served, "let a = 20; fn twice(x) { x * 2 }", "one").await;
    let said = eval(&served, "twice(a) + 2", "one").await;
    assert_eq!((&said["value"], &said["text"]), (&json!(42), &json!("42")));
    assert_eq!(eval(&served, "it", "one").await["value"], 42);
    let other = eval(&served, "a", "two").await;
    assert_eq!((&other["ok"], &other["error"]["line"]), (&json!(false), &json!(1)), "{other}");
    assert_eq!(served.operate("DELETE /eval/one", &Value::Null).await, (200, json!({"deleted": true})));
    assert_eq!(eval(&served, "a", "one").await["ok"], false, "it began anew");

    // Without `live`, what would change something is held back.
    let (_, said) = served.operate("POST /eval", &json!({"code": "shared_state.set(\"k\", 1)"})).await;
    assert_eq!((&said["ok"], &said["would"][0]["service"]), (&json!(true), &json!("state")));
    let (_, said) = served.operate("POST /eval", &json!({"code": "shared_state.set(\"k\", 1)", "live": true})).await;
    assert_eq!(said["would"], json!([]));
    assert_eq!(served.operate("GET /state?shared=true", &Value::Null).await.1[0]["key"], "k");
    assert!(served.world.lines("eval").iter().any(|line| line.message.contains("shared_state.set")));

    // An input in the middle of a wait: the session is busy, and free again once its caller has gone.
    let body = json!({"code": "sleep(\"50s\"); 1", "session": "one"}).to_string();
    let login = format!("Authorization: Bearer {}", served.token());
    let request = written(served.address(), "POST /api/v1/eval", &[&login, "Content-Type: application/json"], &body);
    let mut stream = TcpStream::connect(served.address()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let busy = async |served: &Served| served.operate("DELETE /eval/one", &Value::Null).await.0 == 409;
    while !busy(&served).await {}
    drop(stream);
    while busy(&served).await {
        served.world.advance(seconds(0)).await;
    }
    assert_eq!(eval(&served, "6 * 7", "one").await["value"], 42);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_scripts_publish_is_fetched_and_nothing_is_told_by_the_health() {
    let script = r#"on_start("publish", || publish("banned.nft", "<b>1</b>"));"#;
    let mut served = Served::new("token = \"reader-token\"", script).await;
    served.world.advance(seconds(1)).await;
    let address = served.address();
    assert_eq!(ask(address, "GET /healthz", &[], "").await, (200, json!({"ok": true})));
    let get = "GET /published/banned.nft";
    assert_eq!(ask(address, get, &[], "").await.0, 401);
    let (code, head, body) = whole(address, &format!("{get}?token=reader-token"), &[], "").await;
    assert_eq!((code, body.as_str()), (200, "<b>1</b>"));
    assert!(head.contains("content-type: text/plain") && head.contains("nosniff"), "{head}");
    let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    let login = "Authorization: Bearer reader-token";
    assert_eq!(whole(address, get, &[login, &format!("If-None-Match: {tag}")], "").await.0, 304);
    assert_eq!(ask(address, "GET /published/nothing", &[login], "").await.0, 404);
    assert_eq!(ask(address, "GET /published/..%2Fx", &[login], "").await.0, 404);
    assert_eq!(ask(address, "POST /published/banned.nft", &[login], "x").await.0, 405);
    let Served { world, server, .. } = served;
    world.stop().await;
    assert_eq!(ask(address, "GET /healthz", &[], "").await, (503, json!({"ok": false})));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_runs_dry_changes_nothing_for_whoever_asks() {
    let home = Home::with("[server]\naddress = \"127.0.0.1:0\"\n");
    home.script("hooks", r#"every("1h", "tick", || shared_state.set("k", 1));"#);
    let (world, _sim) = home.dry_in_sim().await;
    let served = Served::over(world, home).await;
    for (request, body) in [("POST /eval", json!({"code": "1", "live": true})), ("POST /release", json!({}))] {
        let (status, said) = served.operate(request, &body).await;
        assert_eq!((status, &said["error"]["message"]), (409, &json!("this daemon only runs dry")), "{request}");
    }
    assert_eq!(served.operate("POST /eval", &json!({"code": "1"})).await.1["value"], 1);
    assert_eq!(served.operate("GET /scripts/hooks", &Value::Null).await.1["mode"], "watch");
}

/// A script's webhook opens a port, and not the control API with it.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_in_the_configuration_the_api_is_at_the_socket_only() {
    let home = Home::new();
    home.script("hooks", r#"every("1h", "tick", || 1);"#);
    let world = home.start().await;
    let server = Server::start(std::sync::Arc::clone(&world.host), world.daemon.handle()).await.unwrap();
    assert_eq!(server.address(), None);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        for file in ["data/control.sock", "data/control.token"] {
            let mode = std::fs::metadata(home.path(file)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
    }
    server.stop().await;
    assert!(!home.path("data/control.sock").exists(), "it goes with the daemon");
    world.stop().await;
}
