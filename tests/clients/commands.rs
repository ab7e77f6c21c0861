//! What is typed by hand, and what goes wrong, with a real qBittorrent.

use serde_json::Value;

use super::metainfo::Torrent;
use super::process::{installed, until};
use super::qbittorrent::{PROGRAM, QBittorrent};
use crate::harness::Home;

fn start() -> Option<(QBittorrent, Home)> {
    if !installed(PROGRAM) {
        return None;
    }
    let seed = QBittorrent::start();
    let home = Home::with(&seed.config("seed"));
    Some((seed, home))
}

/// A command's JSON and its exit code.
fn json(home: &Home, args: &[&str]) -> (Value, Option<i32>) {
    let output = home.run(&[args, &["--json"]].concat());
    let said = || String::from_utf8_lossy(&output.stderr).into_owned();
    let value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}: {}", said()));
    (value, output.status.code())
}

fn live(home: &Home, script: &str) -> Value {
    let (answer, _) = json(home, &["eval", "--live", "--allow", "downloader:destructive", script]);
    assert_eq!(answer["ok"], true, "{script}: {answer:#}");
    answer["value"].clone()
}

#[test]
fn what_is_held_is_shown_and_given_back() {
    let Some((mut seed, home)) = start() else { return };
    seed.add(&Torrent::new("one", 1 << 18, false), true, "");
    live(&home, "downloader(\"seed\").stop_transfers(#{reason: \"quota\"})");
    live(&home, "downloader(\"seed\").limit_speed(#{up: \"100 KiB/s\", reason: \"day\"})");
    let (rows, code) = json(&home, &["downloaders"]);
    let row = &rows[0];
    assert_eq!(
        (row["name"].as_str(), row["up_limit"].as_i64(), code),
        (Some("seed"), Some(102_400), Some(0)),
        "{rows:#}"
    );
    let held = |hold: &Value| (hold["kind"].clone(), hold["reason"].clone());
    let holds: Vec<_> = row["holds"].as_array().unwrap().iter().map(held).collect();
    assert_eq!(holds, [("stop".into(), "quota".into()), ("limit".into(), "day".into())]);
    let table = String::from_utf8(home.run(&["downloaders"]).stdout).unwrap();
    assert!(table.contains("stop (quota), 1 torrent") && table.contains("limit (day), up 100 KiB/s"), "{table}");

    let (_, code) = json(&home, &["release", "seed", "--reason", "day"]);
    assert_eq!((code, seed.get("transfer/info")["up_rate_limit"].as_i64()), (Some(0), Some(0)));
    assert!(seed.standing()["one"].0);
    let unknown = home.run(&["release", "--reason", "nobody"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("there is `quota`"));
    // A client that is away keeps its hold.
    seed.end();
    let (report, code) = json(&home, &["release"]);
    assert_eq!((report["failed"][0]["downloader"].as_str(), code), (Some("seed"), Some(1)), "{report:#}");
    assert_eq!(json(&home, &["downloaders"]).1, Some(1));
    seed.begin();
    let (report, code) = json(&home, &["release"]);
    assert_eq!((report["released"][0]["torrents"].as_i64(), code), (Some(1), Some(0)), "{report:#}");
    until("it still stands", || if seed.standing()["one"].0 { Err(String::new()) } else { Ok(()) });
    assert_eq!(json(&home, &["downloaders"]).0[0]["holds"], serde_json::json!([]));
}

#[test]
fn a_torrent_is_added_changed_and_deleted() {
    let Some((seed, home)) = start() else { return };
    let one = Torrent::new("one", 1 << 18, true);
    seed.add(&one, true, "old");
    let hash = &one.hash;
    let found = live(
        &home,
        &format!(
            "let d = downloader(\"seed\"); let t = d.torrents(#{{tag: \"old\"}})[0];
         d.add_tags(t, [\"new\", \"x y\"]); d.remove_tags(t, \"old\"); d.set_category(t, \"tv\");
         d.limit_torrent(t, #{{up: \"50 KiB/s\", ratio: 2.5}}); d.limit_torrent({hash:?}, #{{seeding_time: \"90m\"}});
         d.recheck(t); d.reannounce(t); d.torrent({hash:?})"
        ),
    );
    let tags: Vec<_> = found["tags"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!((tags, found["category"].as_str()), (vec!["new", "x y"], Some("tv")), "{found:#}");
    assert_eq!((found["up_limit"].as_i64(), found["is_private"].as_bool()), (Some(51_200), Some(true)));
    let row = &seed.get("torrents/info")[0];
    assert_eq!((row["ratio_limit"].as_f64(), row["seeding_time_limit"].as_i64()), (Some(2.5), Some(90)));
    let magnet = format!("magnet:?xt=urn:btih:{}&dn=two", "ab".repeat(20));
    let added =
        live(&home, &format!("downloader(\"seed\").add_torrent({magnet:?}, #{{category: \"tv\", stopped: true}})"));
    assert_eq!((added["hash"].as_str(), added["is_private"].as_bool()), (Some("ab".repeat(20).as_str()), Some(true)));
    let (again, _) = json(&home, &["eval", "--live", &format!("downloader(\"seed\").add_torrent({magnet:?})")]);
    assert_eq!(again["error"]["kind"], "api", "{again:#}");
    // Without a grant nothing is deleted.
    let (denied, _) = json(&home, &["eval", "--live", &format!("downloader(\"seed\").delete_torrent({hash:?})")]);
    assert_eq!(denied["error"]["kind"], "permission", "{denied:#}");
    live(&home, &format!("downloader(\"seed\").delete_torrent({hash:?}, #{{files: true}})"));
    until("the file is still there", || if seed.data().join("one").exists() { Err(String::new()) } else { Ok(()) });
    let preferences =
        live(&home, "let d = downloader(\"seed\"); d.set_preferences(#{max_connec: 77}); d.preferences()");
    assert_eq!(preferences["max_connec"], 77);
    let free = live(
        &home,
        "let d = downloader(\"seed\"); [d.free_space() > 0, d.disks()[0].free > 0, d.totals().session_uploaded]",
    );
    assert_eq!(free, serde_json::json!([true, true, 0]));
    let own =
        live(&home, "downloader(\"seed\").request(\"GET\", \"torrents/info\", #{query: #{category: \"tv\"}})[0].name");
    assert_eq!(own, "two");
}

#[test]
fn a_wrong_password_is_tried_once_and_a_session_that_ran_out_is_renewed() {
    let Some((seed, home)) = start() else { return };
    let wrong = Home::with(&seed.config("seed").replace("adminadmin", "not-this-one"));
    let script = "let d = downloader(\"seed\"); for i in 0..8 { attempt([1], |x| d.speed()) } d.speed()";
    let (answer, _) = json(&wrong, &["eval", "--live", script]);
    assert_eq!(answer["error"]["kind"], "auth", "{answer:#}");
    assert_eq!(answer["calls"].as_array().unwrap().len(), 1, "{answer:#}");
    // After five of them the client would lock this address out.
    live(&home, "downloader(\"seed\").version()");
    let (answer, _) = json(
        &home,
        &[
            "eval",
            "--live",
            "let d = downloader(\"seed\"); d.set_preferences(#{web_ui_session_timeout: 1}); sleep(\"2500ms\"); d.speed().up",
        ],
    );
    assert_eq!((&answer["ok"], &answer["value"]), (&true.into(), &0.into()), "{answer:#}");
    let logins =
        answer["calls"].as_array().unwrap().iter().filter(|call| call["endpoint"] == "POST /api/v2/auth/login");
    assert_eq!(logins.count(), 2, "{answer:#}");
}
