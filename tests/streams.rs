//! Streams of both releases as scripts read them, over web sockets and as server-sent events.

use serde_json::{Value, json};
use tidegate::api::Service;
use tidegate::error::Kind;

use crate::rows::bench::{Bench, TOKEN};

fn bench(release: &str) -> Bench {
    Bench::new(release, Service::Pbh.row("logs_history").expect("a row"))
}

/// Methods and paths of what was asked, and no token in any address.
fn asked(bench: &Bench) -> Vec<String> {
    let requests = bench.sim.world().requests();
    for request in &requests {
        assert!(!format!("{} {:?}", request.path, request.query).contains(TOKEN), "{request:?}");
    }
    let pbh = requests.into_iter().filter(|request| request.service == "pbh");
    pbh.map(|request| format!("{} {}", request.method, request.path)).collect()
}

#[test]
fn the_log_of_an_old_server_comes_over_its_websocket() {
    let bench = bench("9.0.10");
    bench.forget();
    let text = "let kept = pbh().logs_history(); \
                let live = pbh().logs_live(#{limit: 3}).to_array(); \
                [live == kept.extract(0, live.len()), live.len(), live[0].offset]";
    assert_eq!(bench.eval(text).unwrap(), json!([true, 3, 1]));
    let asked = asked(&bench);
    assert!(asked.contains(&"WS /api/logs/stream".to_owned()) && !asked.contains(&"GET /api/logs/live".to_owned()));
    // By its own name it takes the number of the last line that was seen.
    let lines = bench.eval("pbh().logs_stream_ws(#{offset: 2, limit: 2}).map(|line| line.offset)").unwrap();
    assert_eq!(lines, json!([3, 4]));
    // And waits for no longer than it was told to.
    let text = "let start = now(); let n = pbh().logs_live(#{duration: \"30s\", limit: 900}).count(); \
                [n > 3, (now() - start).seconds]";
    assert_eq!(bench.eval(text).unwrap(), json!([true, 30.0]));
}

#[test]
fn a_wrong_token_is_tried_once_although_a_websocket_opens_for_it() {
    let bench = Bench::knowing("9.0.10", Service::Pbh.row("logs_history").expect("a row"), "wrong-token");
    bench.forget();
    for _ in 0..3 {
        let error = bench.eval("pbh().logs_live(#{limit: 1})").unwrap_err();
        assert_eq!(error.kind, Kind::Auth, "{error}");
    }
    let sent: Vec<_> = bench.sim.world().requests().into_iter().map(|request| request.path).collect();
    assert_eq!(sent, ["/api/metadata/manifest", "/api/statistic/counter"]);
}

#[test]
fn one_task_of_an_old_server_is_followed_to_its_deadline() {
    let bench = bench("9.0.10");
    let text = "let start = now(); \
                let said = pbh().async_task_stream_ws(\"nosuch\", #{duration: \"20s\"}).to_array(); \
                [said.map(|message| [message.success, message.action]), (now() - start).seconds]";
    assert_eq!(bench.eval(text).unwrap(), json!([[[false, "ALERT"]], 20.0]));
    assert_eq!(bench.eval("pbh().tasks_live()").unwrap_err().kind, Kind::Unsupported);
}

#[test]
fn tasks_of_a_new_server_are_those_that_there_are() {
    let bench = bench("9.5.0");
    let tasks = |bench: &Bench| bench.eval("pbh().tasks_live().map(|update| update.task.title)").unwrap();
    assert_eq!(tasks(&bench), json!(["Setting the IP database up"]));
    bench.eval(r#"pbh().sub_rule_create("mine", "Mine", "http://10.0.0.5/peers.txt")"#).unwrap();
    assert_eq!(tasks(&bench), json!(["Setting the IP database up", "Updating the rule mine"]));
}

#[test]
fn what_happens_meanwhile_is_told() {
    for release in ["9.0.10", "9.5.0"] {
        let bench = bench(release);
        // The ban takes effect with the next wave, while the log is followed.
        let text = r#"
            let last = pbh().logs_history().map(|line| line.offset).pop();
            pbh().bans_add(["203.0.113.99"]);
            pbh().logs_live(#{duration: "1m"}).filter(|line| line.offset > last).take(1).to_array().len()
        "#;
        assert_eq!(bench.eval(text).unwrap(), Value::from(1), "{release}");
    }
}
