//! What a person types about torrent clients, in the real program.

use std::net::Ipv4Addr;

use serde_json::{Value, json};
use tidegate::clock::SystemClock;
use tidegate::sim::{Scenario, Sim};
use tokio::runtime::Runtime;

use super::fake::{recorded, serve};
use crate::harness::Home;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// A command's JSON and its exit code.
fn run(home: &Home, args: &[&str]) -> (Value, Option<i32>) {
    let output = home.run(&[args, &["--json"]].concat());
    let said = || String::from_utf8_lossy(&output.stderr).into_owned();
    let value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}: {}", said()));
    (value, output.status.code())
}

#[test]
fn pbhs_own_limiter_is_noticed() {
    let runtime = runtime();
    let any = (Ipv4Addr::LOCALHOST, 0).into();
    let sim = runtime.block_on(Sim::start(Scenario::default(), SystemClock::new(), any, any)).unwrap();
    let home = Home::with(&sim.urls().configuration());
    let online = || String::from_utf8(home.run(&["check", "--online"]).stdout).unwrap();
    let limit = || {
        let script = "downloader(\"tokyo-qb\").limit_speed(#{up: \"1 MiB/s\", reason: \"x\"})";
        run(&home, &["eval", "--live", script]).0["value"].clone()
    };
    assert!(!online().contains("流量限制"), "{}", online());
    assert_eq!(limit()["notice"], "");
    let on = "pbh().general_config_put(\"profile\", #{\"module\": #{active_monitoring: #{traffic_sliding_capping: #{enabled: true}}}})";
    let (answer, _) = run(&home, &["eval", "--live", "--allow", "pbh:general_config_put", on]);
    assert_eq!(answer["ok"], true, "{answer:#}");
    assert!(online().contains("流量限制"), "{}", online());
    assert!(limit()["notice"].as_str().unwrap().contains("traffic_sliding_capping"));
}

#[test]
fn a_client_of_an_unknown_type_says_what_to_use_instead() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let (url, _) = serve(|line| match line {
        "GET /api/downloaders" => {
            let mut list = recorded("downloaders_list", "all_types");
            list["data"] = json!([{
                "id": "old", "name": "old", "endpoint": "http://127.0.0.1:1", "type": "rtorrent", "paused": false,
            }]);
            list
        }
        line if line.ends_with("/status") => {
            let mut status = recorded("downloader_status", "type_biglybt");
            status["data"]["config"] = json!({"name": "old", "type": "rtorrent", "endpoint": "http://127.0.0.1:1"});
            status
        }
        _ => json!({"success": true, "message": null, "data": {"version": {"version": "9.5.0"}, "modules": []}}),
    });
    let home = Home::with(&format!("[pbh.home]\nurl = {url:?}\ntoken = \"lab-token\"\n"));
    for script in [
        "downloader(\"old\").stop_transfers()",
        "downloader(\"old\").limit_speed(#{up: \"1 MiB/s\"})",
        "all_downloaders().stop_transfers()",
        "downloader(\"old\").torrents()",
    ] {
        let (answer, code) = run(&home, &["eval", "--live", script]);
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert_eq!((answer["error"]["kind"].as_str(), code), (Some("unsupported"), Some(1)), "{script}: {answer:#}");
        assert!(
            message.contains("`old` cannot") && message.contains("it is a `rtorrent` client"),
            "{script}: {message}"
        );
    }
    let (rows, code) = run(&home, &["downloaders"]);
    assert_eq!((rows[0]["error"]["kind"].as_str(), code), (Some("unsupported"), Some(1)), "{rows:#}");
    assert_eq!(rows[0]["holds"], json!([]));
    let said = String::from_utf8(home.run(&["downloaders"]).stderr).unwrap();
    assert!(said.contains("pause_supervision"), "what works is said: {said}");
}
