//! Requests to the daemon's own server.

use std::net::TcpStream;
use std::sync::Arc;

use serde_json::{Value, json};
use tidegate::ledger::State::{Failed, Ok, Running, Skipped};
use tidegate::server::Server;

use crate::harness::{Home, minutes, seconds};
use crate::served::{Served, ask};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_a_run_and_its_value_the_reply() {
    let script = r#"
        on_webhook("/grab", "grab", |req| #{may: req.json.size < 5.GiB, by: req.method, page: req.query.page});
        on_webhook("/form", "form", |req| req.form.title);
        on_webhook("/teapot", "teapot", || reply(418, "short and stout"));
        on_webhook("/quiet", "quiet", || ());
        on_webhook("/bad", "bad", |req| req.json.nothing);
    "#;
    let served = Served::new("", script).await;
    let grab = served.ask("POST /grab?page=2", &["Content-Type: application/json"], r#"{"size": 7}"#).await;
    assert_eq!(grab, (200, json!({"may": true, "by": "POST", "page": "2"})));
    let form = served.ask("POST /form", &["Content-Type: application/x-www-form-urlencoded"], "title=a+b").await;
    assert_eq!(form, (200, json!("a b")));
    assert_eq!(served.ask("GET /teapot", &[], "").await, (418, json!("short and stout")));
    assert_eq!(served.ask("GET /quiet", &[], "").await, (204, json!("")));
    let (status, said) = served.ask("POST /bad", &["Content-Type: application/json"], "{}").await;
    assert_eq!((status, &said["state"]), (500, &json!("failed")), "{said}");
    assert!(said["error"].as_str().unwrap().contains("nothing") && said["run"].is_string());
    let (status, said) = served.ask("POST /grab", &["Content-Type: application/json"], "{").await;
    assert_eq!(status, 400, "{said}");
    assert_eq!(served.ask("GET /nothing", &[], "").await.0, 404);
    assert_eq!(served.ask("OPTIONS /grab", &[], "").await.0, 405);
    assert_eq!(served.world.rows("grab").await, [(-1, Ok)]);
    assert_eq!(served.world.rows("bad").await, [(-1, Failed)]);
    let status = served.world.trigger("hooks", "grab").await.unwrap();
    assert_eq!((status.kind, status.expression.as_deref()), ("webhook", Some("/grab")));
    assert!(status.url.unwrap().ends_with("/grab"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_asks_without_the_token() {
    let served = Served::new("token = \"s3cret-token\"", r#"on_webhook("/grab", "grab", |req| req.query);"#).await;
    let no = served.ask("POST /grab", &[], "").await;
    assert_eq!(no.0, 401);
    for (request, header) in [
        ("POST /nothing", "X-A: b"),
        ("POST /grab", "Authorization: Bearer wrong"),
        ("POST /grab", "Authorization: Basic s3cret-token"),
        ("POST /grab?token=wrong", "X-A: b"),
    ] {
        assert_eq!(served.ask(request, &[header], "").await, no, "{request} {header}: the same for every path");
    }
    assert_eq!(served.world.rows("grab").await, []);
    assert_eq!(served.ask("POST /grab", &["Authorization: Bearer s3cret-token"], "").await, (200, json!({})));
    assert_eq!(served.ask("POST /grab?token=s3cret-token&a=1", &[], "").await, (200, json!({"a": "1"})));
    let known = served.ask("POST /nothing", &["Authorization: bearer s3cret-token"], "").await;
    assert_eq!(known.0, 404);
    assert!(served.world.journal.lines().iter().all(|line| !line.message.contains("s3cret")));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_in_a_browser_do_not_get_through() {
    let served =
        Served::new("hosts = [\"seedbox.lan\"]\nbody = \"1 KiB\"", r#"on_webhook("/grab", "grab", || 1);"#).await;
    assert_eq!(served.ask("POST /grab", &["Host: evil.example.org"], "").await.0, 421);
    assert_eq!(served.ask("POST /grab", &["Host: seedbox.lan:9899"], "").await.0, 200);
    assert_eq!(served.ask("POST /grab", &["Host: localhost"], "").await.0, 200);
    assert_eq!(served.ask("POST /grab", &["Origin: https://evil.example.org"], "").await.0, 403);
    assert_eq!(served.ask("POST /grab", &["Sec-Fetch-Site: cross-site"], "").await.0, 403);
    assert_eq!(served.ask("POST /grab", &[], &"x".repeat(2000)).await.0, 413);
    assert_eq!(served.world.rows("grab").await, [(-1, Ok); 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_does_not_wait_for_ever() {
    let script = r#"
        on_webhook("/slow", #{name: "slow", timeout: "5m", overlap: "skip"}, || { sleep("2m"); info("done"); });
        on_webhook("/dead", #{name: "dead", timeout: "5s"}, || sleep("2m"));
        on_webhook("/once", #{name: "once", throttle: "1h"}, || 1);
        on_webhook("/calm", #{name: "calm", debounce: "10s"}, |req| info(req.body));
    "#;
    let mut served = Served::new("", script).await;
    let (status, said) = served.ask("POST /slow", &["Prefer: respond-async"], "").await;
    assert_eq!((status, &said["state"]), (202, &json!("running")));
    assert!(said["run"].is_string());
    let (status, said) = served.ask("POST /slow", &[], "").await;
    assert_eq!((status, &said["error"]), (409, &json!("the last run is still going")));
    let states: Vec<_> = served.world.rows("slow").await.into_iter().map(|(_, state)| state).collect();
    assert!(states.contains(&Running) && states.contains(&Skipped) && states.len() == 2, "{states:?}");

    let address = served.address();
    let (late, dead) = tokio::join!(
        async {
            let (late, dead) = tokio::join!(
                tokio::spawn(ask(address, "POST /slow", &["X-A: 1"], "")),
                tokio::spawn(ask(address, "POST /dead", &["X-A: 1"], "")),
            );
            (late.unwrap(), dead.unwrap())
        },
        async {
            // Until both are runs, or refused.
            while served.world.history().await.len() < 4 {
                tokio::task::yield_now().await;
            }
            served.world.advance(seconds(10)).await;
        }
    )
    .0;
    assert_eq!((late.0, dead.0), (409, 504), "{late:?} {dead:?}");
    served.world.advance(minutes(3)).await;

    let slow = tokio::spawn(ask(address, "POST /slow", &["X-A: 1"], ""));
    while !served.world.rows("slow").await.contains(&(-1, Running)) {
        tokio::task::yield_now().await;
    }
    served.world.advance(seconds(60)).await;
    let (status, said) = slow.await.unwrap();
    assert_eq!((status, &said["state"]), (202, &json!("running")), "after twenty-five seconds; the run goes on");
    served.world.advance(minutes(2)).await;
    assert_eq!(served.world.rows("slow").await.iter().filter(|(_, state)| *state == Ok).count(), 2);

    assert_eq!(served.ask("POST /once", &[], "").await.0, 200);
    assert_eq!(served.ask("POST /once", &[], "").await.0, 429);
    served.world.said();
    for body in ["one", "two", "three"] {
        assert_eq!(served.ask("POST /calm", &[], body).await, (202, json!({"state": "debounced"})));
    }
    served.world.advance(seconds(11)).await;
    assert_eq!(served.world.said(), ["three"]);
    served.world.daemon.handle().off("hooks", "once").await.unwrap();
    assert_eq!(served.ask("POST /once", &[], "").await.0, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_comes_later_is_served_and_one_that_goes_is_not() {
    let home = Home::with("[server]\naddress = \"127.0.0.1:0\"");
    home.script("other", r#"cron("0 * * * *", "other", || 1);"#);
    let mut world = home.start().await;
    let server = Server::start(Arc::clone(&world.host), world.daemon.handle()).await.expect("a server");
    let address = server.address().unwrap();
    assert_eq!(ask(address, "POST /grab", &[], "").await.0, 404);
    home.script("hooks", r#"on_webhook("/grab", "grab", || 1);"#);
    world.look().await;
    assert_eq!(ask(address, "POST /grab", &[], "").await, (200, json!(1)));
    home.remove("hooks");
    world.look().await;
    world.look().await;
    assert_eq!(ask(address, "POST /grab", &[], "").await.0, 404);
    server.stop().await;
    assert!(TcpStream::connect(address).is_err(), "the port is free again");
}

/// The real program: nothing listens without a webhook, and `check` shows where one is reached.
#[cfg(unix)]
#[test]
fn the_program_listens_where_a_script_wants_it() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let home = Home::with(&format!("[server]\naddress = \"{free}\""));
    home.script("hooks", r#"on_webhook("/grab", "grab", || "yes");"#);
    let checked = home.run(&["check", "--json"]);
    let checked: Value = serde_json::from_slice(&checked.stdout).unwrap();
    let trigger = &checked["files"][0]["triggers"][0];
    assert_eq!(trigger["expression"], json!(format!("http://{free}/grab")), "{trigger}");
    let mut program = home.spawn();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let reply = runtime.block_on(ask(free, "POST /grab", &[], ""));
    assert_eq!(reply, (200, json!("yes")), "it is reachable as soon as it is ready");
    program.signal("TERM");
    assert_eq!(program.exit_code(), Some(143));

    // Somebody else has the port: with `[server]` that is an error at once.
    let taken = std::net::TcpListener::bind(free).unwrap();
    let output = home.run(&["run"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot listen at"));
    drop(taken);
}
