//! What a person types at `eval` and `exec`, against the simulated services.

use std::sync::Arc;

use serde_json::Value;
use tidegate::clock::SystemClock;
use tidegate::sim::{Scenario, Sim};

use crate::harness::Home;

/// The simulated services, and a folder with a configuration that leads to them.
struct Fleet {
    sim: Sim,
    home: Arc<Home>,
}

impl Fleet {
    async fn new() -> Self {
        Self::with(Scenario::default(), "").await
    }

    async fn with(scenario: Scenario, more: &str) -> Self {
        let local = "127.0.0.1:0".parse().expect("an address");
        let sim = Sim::start(scenario, SystemClock::new(), local, local).await.expect("the simulated services");
        let urls = sim.urls();
        let mut config = format!("timezone = \"Asia/Shanghai\"\n{more}\n");
        for vps in &urls.vps {
            config += &format!(
                "[vps.{}]\nveid = {}\napi_key = \"{}\"\nurl = \"{}\"\ndownloaders = {:?}\n",
                vps.name, vps.veid, vps.api_key, urls.kiwivm_url, vps.downloaders
            );
        }
        config += &format!("[pbh.home]\nurl = \"{}\"\ntoken = \"{}\"\n", urls.pbh_url, urls.pbh_token);
        Self { home: Arc::new(Home::with(&config)), sim }
    }

    /// Runs the program and gives its one JSON document and its exit code.
    async fn json(&self, args: &[&str]) -> (Value, i32) {
        let home = Arc::clone(&self.home);
        let args: Vec<String> = args.iter().map(ToString::to_string).chain(["--json".to_owned()]).collect();
        let output =
            tokio::task::spawn_blocking(move || home.run(&args.iter().map(String::as_str).collect::<Vec<_>>()))
                .await
                .expect("the program ran");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let said = String::from_utf8_lossy(&output.stderr);
        let value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}\n{said}"));
        (value, output.status.code().unwrap_or(-1))
    }

    async fn value(&self, expression: &str) -> Value {
        let (answer, code) = self.json(&["eval", expression]).await;
        assert_eq!((&answer["ok"], code), (&Value::Bool(true), 0), "{expression}: {answer:#}");
        answer["value"].clone()
    }

    async fn error(&self, expression: &str) -> Value {
        let (answer, code) = self.json(&["eval", expression]).await;
        assert_eq!((&answer["ok"], code), (&Value::Bool(false), 1), "{expression}: {answer:#}");
        answer["error"].clone()
    }

    /// The requests that changed something, or tried to.
    fn writes(&self) -> Vec<String> {
        let log = self.sim.world().requests();
        let reads = |request: &tidegate::sim::Request| {
            request.method == "GET" || request.service == "kiwivm" || request.path.ends_with("/auth/login")
        };
        log.iter()
            .filter(|request| !reads(request))
            .map(|request| format!("{} {}", request.method, request.path))
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_most_naive_scripts_are_right_or_loud() {
    let mut scenario = Scenario::default();
    scenario.vps[0].multiplier = 0.33;
    scenario.vps[0].used = 950 << 30;
    let fleet = Fleet::with(scenario, "").await;
    // Integers, and a multiplier that cancels out.
    assert_eq!(
        fleet.value("vps().get_service_info().data_counter / vps().get_service_info().plan_monthly_data > 0.9").await,
        true
    );
    assert_eq!(
        fleet.value("let u = vps().data_usage(); u.percent >= 95.0 && u.percent <= 95.1 && u.multiplier == 0.33").await,
        true
    );
    // Times of both services are times.
    assert_eq!(fleet.value("vps().get_service_info().data_next_reset > now()").await, true);
    assert_eq!(
        fleet.value("let p = pbh(); p.bans_logs().results.len() == 0 || p.bans_logs().results[0].banAt < now()").await,
        true
    );
    // Fields that are called like keywords.
    let rows = fleet.value("pbh().bans_logs().results.map(|row| type_of(row.module))").await;
    assert!(rows.as_array().is_some_and(|rows| rows.iter().all(|ty| ty == "string") && !rows.is_empty()), "{rows}");

    let typo = fleet.error("vps().data_usage().percnt > 90").await;
    assert_eq!(
        (typo["kind"].as_str(), typo["line"].as_i64(), typo["column"].as_i64()),
        (Some("field"), Some(1), Some(20))
    );
    assert!(typo["hint"].as_str().is_some_and(|hint| hint.contains("`percent`")), "{typo}");
    assert_eq!(fleet.error("\"5\" > 3").await["kind"], "type");
    let unknown = fleet.error("vps(\"tokio\").start()").await;
    assert_eq!(unknown["kind"], "argument");
    assert!(format!("{unknown}").contains("`tokyo`"), "{unknown}");
    assert_eq!(fleet.error("vps().snapshot_delete()").await["kind"], "argument");
    assert_eq!(fleet.error("pbh().bans_list(#{pagesize: 5})").await["kind"], "argument");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_it_would_do_and_sends_nothing() {
    let fleet = Fleet::new().await;
    let script = r#"
        let p = pbh();
        p.ban(["203.0.113.7", "203.0.113.8"], #{duration: "6h"});
        p.bans_add(["203.0.113.9"]);
        vps().set_hostname("tide");
        vps().downloaders().stop_transfers();
        state.set("x", 1);
        notify("hello");
        p.bans_list().total
    "#;
    let (answer, code) = fleet.json(&["eval", script]).await;
    assert_eq!((&answer["ok"], code), (&Value::Bool(true), 0), "{answer:#}");
    let would: Vec<_> =
        answer["would"].as_array().unwrap().iter().map(|call| call["endpoint"].as_str().unwrap()).collect();
    assert_eq!(would, ["ban", "bans_add", "set_hostname", "stop_transfers", "stop_transfers", "set", "log"]);
    let words = answer["would"][0]["summary"].as_str().unwrap();
    assert_eq!(words, "ban 2 peers on home for 6h: 203.0.113.7, 203.0.113.8");
    assert_eq!(fleet.writes(), Vec::<String>::new());
    assert!(fleet.sim.world().requests().iter().all(|request| request.id.as_deref() != Some("set_hostname")));

    // A mistake in an argument does not wait until it is done for real.
    for wrong in
        ["pbh().ban([\"203.0.113.7\"], #{duration: 5})", "vps().downloaders().stop_transfers(#{only: \"foo\"})"]
    {
        assert_eq!(fleet.error(wrong).await["kind"], "argument", "{wrong}");
    }

    // The same for real.
    let (answer, code) =
        fleet.json(&["eval", "pbh().ban([\"203.0.113.7\"], #{duration: \"6h\"}).added", "--live"]).await;
    assert_eq!((&answer["value"], code), (&serde_json::json!(["203.0.113.7"]), 0), "{answer:#}");
    assert_eq!(
        answer["calls"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|call| call["endpoint"] == "bans_add" && call["via"] == "ban")
            .count(),
        1
    );
    assert_eq!(fleet.value("pbh().bans_list().total").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_destructive_needs_a_grant_also_live() {
    let fleet = Fleet::new().await;
    let (answer, code) = fleet.json(&["eval", "vps().stop()", "--live"]).await;
    assert_eq!((answer["error"]["kind"].as_str(), code), (Some("permission"), 1), "{answer:#}");
    assert!(answer["error"]["hint"].as_str().unwrap().contains("kiwivm/tokyo:stop"));
    let (answer, code) = fleet.json(&["eval", "vps().stop()", "--live", "--allow", "kiwivm/tokyo:stop"]).await;
    assert_eq!((&answer["ok"], code), (&Value::Bool(true), 0), "{answer:#}");
    assert_eq!(answer["calls"][0]["effect"], "destructive");
    let (_, code) = fleet.json(&["eval", "pbh().bans_delete([\"*\"])", "--live"]).await;
    assert_eq!(code, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destructive_helper_needs_the_grant_of_its_row() {
    let fleet = Fleet::new().await;
    for (helper, row) in [
        (r#"vps().run("whoami")"#, "basic_shell_exec"),
        (r#"vps().rotate_snapshots(#{keep: 2, prefix: "weekly"})"#, "snapshot_delete"),
        ("vps().restart_and_wait()", "restart"),
        (r#"vps().migrate_and_wait("EUNL_9")"#, "migrate_start"),
    ] {
        let (answer, code) = fleet.json(&["eval", helper, "--live"]).await;
        assert_eq!((answer["error"]["kind"].as_str(), code), (Some("permission"), 1), "{helper}: {answer:#}");
        assert_eq!(answer["calls"].as_array().map(Vec::len), Some(0), "{helper}");
        let (answer, code) = fleet.json(&["eval", helper, "--allow", &format!("kiwivm/tokyo:{row}")]).await;
        assert_eq!((&answer["ok"], code), (&Value::Bool(true), 0), "{helper}: {answer:#}");
        assert_eq!(answer["would"].as_array().map(Vec::len), Some(1), "held back as a whole: {answer:#}");
    }
    let (answer, _) =
        fleet.json(&["eval", r#"vps().run("whoami")"#, "--live", "--allow", "kiwivm/tokyo:basic_shell_exec"]).await;
    assert_eq!((&answer["value"]["exit_code"], answer["value"]["output"].as_str()), (&Value::from(0), Some("root\n")));
    assert_eq!(answer["calls"][0]["via"], "run");
    let careless = "vps().rotate_snapshots(#{prefix: \"weekly\"})";
    let (answer, _) = fleet.json(&["eval", careless, "--allow", "kiwivm/tokyo:snapshot_delete"]).await;
    assert_eq!(answer["error"]["kind"], "argument", "how many to keep is never guessed: {answer:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_and_the_problems_of_a_pbh_are_values_of_a_script() {
    let fleet = Fleet::new().await;
    assert_eq!(fleet.value(r#"pbh().recent_bans("200d").len()"#).await, 6);
    assert_eq!(fleet.value("pbh().recent_bans(now() - 200.days).len()").await, 6);
    assert_eq!(fleet.value(r#"pbh().ban_summary(#{last: "200d"}).banned_by[0].key"#).await, "PeerIdBlacklist");
    let error = fleet.error("pbh().recent_bans(5)").await;
    assert_eq!(error["kind"], "argument", "{error:#}");
    let script =
        "pbh().pause_supervision_all(); let all = pbh().problems(); pbh().resume_supervision_all(); all[0].kind";
    let (answer, _) = fleet.json(&["eval", script, "--live"]).await;
    assert_eq!(answer["value"], "paused", "{answer:#}");
    assert!(fleet.sim.world().snapshot().traffic > 0, "traffic goes on");
    assert_eq!(fleet.value("vps().status().state").await, "running");
    assert_eq!(fleet.value("vps().violations()").await, Value::Array(Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn exec_follows_the_mode_of_the_script_and_is_written_down() {
    let fleet = Fleet::with(Scenario::default(), "mode = \"watch\"").await;
    fleet.home.script("guard", r#"every("1h", "guard", || { pbh().bans_add(["203.0.113.7"]).count });"#);
    let (answer, code) = fleet.json(&["exec", "guard"]).await;
    assert_eq!((answer["would"].as_array().map(Vec::len), code), (Some(1), 0), "{answer:#}");
    assert_eq!(fleet.writes(), Vec::<String>::new());
    let (answer, _) = fleet.json(&["exec", "guard", "guard", "--live"]).await;
    // Beside what tidegate asks on its own account: which release it is.
    let endpoints: Vec<_> = answer["calls"].as_array().unwrap().iter().map(|call| call["endpoint"].clone()).collect();
    assert_eq!((&answer["value"], endpoints), (&Value::from(1), vec!["metadata_manifest".into(), "bans_add".into()]));
    let (rows, _) = fleet.json(&["history"]).await;
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row["scheduled"].is_null() && row["state"] == "ok" && row["trigger"] == "guard"));
    assert_eq!((&rows[0]["changed"], &rows[1]["changed"]), (&Value::Bool(true), &Value::Bool(false)));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_denied_a_row_is_denied_the_helper_for_it() {
    let fleet = Fleet::with(Scenario::default(), "[script.calm]\ndeny = [\"pbh:bans_add\"]").await;
    fleet.home.script(
        "calm",
        r#"every("1h", "ban", || pbh().ban(["203.0.113.7"])); every("1h", "unban", || pbh().unban(["203.0.113.7"]));"#,
    );
    let (answer, code) = fleet.json(&["exec", "calm", "ban", "--live"]).await;
    assert_eq!((answer["error"]["kind"].as_str(), code), (Some("permission"), 1), "{answer:#}");
    assert_eq!(fleet.writes(), Vec::<String>::new());
    // It may call that row on the way, but is not for it.
    let (answer, code) = fleet.json(&["exec", "calm", "unban", "--live"]).await;
    assert_eq!((&answer["ok"], code), (&Value::Bool(true), 0), "{answer:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_call_says_the_line_of_configuration_and_that_line_is_right() {
    let allow = |grants: &str| format!("[script.\"夜间\"]\nallow = [{grants}]");
    let script = r#"every("1h", "stop", || vps().stop());"#;
    let fleet = Fleet::with(Scenario::default(), &allow("\"http:api.example.org\"")).await;
    fleet.home.script("夜间", script);
    let (answer, code) = fleet.json(&["exec", "夜间", "--live"]).await;
    assert_eq!((answer["error"]["kind"].as_str(), code), (Some("permission"), 1), "{answer:#}");
    let hint = answer["error"]["hint"].as_str().unwrap();
    let line = r#"`allow = ["http:api.example.org", "kiwivm/tokyo:stop"]` below `[script."夜间"]`"#;
    assert!(hint.contains(line) && hint.contains("tidegate.toml"), "{hint}");
    assert!(hint.contains("--allow 'kiwivm/tokyo:stop'"), "{hint}");
    let fleet = Fleet::with(Scenario::default(), &allow("\"http:api.example.org\", \"kiwivm/tokyo:stop\"")).await;
    fleet.home.script("夜间", script);
    assert_eq!(fleet.json(&["exec", "夜间", "--live"]).await.1, 0);

    let fleet = Fleet::with(Scenario::default(), "[script.calm]\ndeny = [\"pbh/home:write\"]").await;
    fleet.home.script("calm", r#"every("1h", "ban", || pbh().bans_add(["203.0.113.7"]));"#);
    let (answer, _) = fleet.json(&["exec", "calm", "--live"]).await;
    assert!(answer["error"]["message"].as_str().unwrap().contains("`deny = [\"pbh/home:write\"]`"), "{answer:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dry_run_has_shown_is_done_only_where_it_would_still_do_that() {
    let fleet = Fleet::new().await;
    fleet.home.script(
        "night",
        r#"
        cron("0 0 * * *", "night", || {
            state.set("n", state.get("n", 0) + 1);
            if state.get("n") != 1 { throw "a dry run sees what it has written"; }
            state.transaction(|s| { s.add("n", 1); });
            if state.get("n") != 2 || state.keys() != ["n"] { throw "in transactions too"; }
            if !state.delete("n") || state.get("n") != () || !state.once("told", "1h") || state.once("told", "1h") {
                throw "whatever it does";
            }
            for ip in shared_state.get("ips", ["203.0.113.7"]) { pbh().bans_add([ip]); }
            write_file("list.txt", "x"); emit("night", 1); publish("list", "x"); notify("done");
        });"#,
    );
    let (answer, code) = fleet.json(&["exec", "night", "--dry-run", "--save", "plan.json"]).await;
    assert_eq!((&answer["ok"], code), (&Value::Bool(true), 0), "{answer:#}");
    let endpoints: Vec<_> =
        answer["would"].as_array().unwrap().iter().map(|call| call["endpoint"].as_str().unwrap()).collect();
    let expected = ["set", "transaction", "delete", "once", "bans_add", "write_file", "emit", "publish"];
    assert_eq!(endpoints[..expected.len()], expected, "{answer:#}");
    assert_eq!(fleet.writes(), Vec::<String>::new());

    // Something has changed meanwhile.
    let changed = fleet.home.run(&["eval", "--live", "shared_state.set(\"ips\", [\"203.0.113.9\"])"]);
    assert_eq!(changed.status.code(), Some(0));
    let other = fleet.home.run(&["exec", "--apply", "plan.json"]);
    let said = String::from_utf8(other.stderr).unwrap();
    assert_eq!(other.status.code(), Some(1), "{said}");
    let marked: Vec<_> = said.lines().filter(|line| line.starts_with("- ") || line.starts_with("+ ")).collect();
    assert_eq!(marked.len(), 2, "{said}");
    assert!(marked[0].contains("203.0.113.7") && marked[1].contains("203.0.113.9"), "{said}");
    assert_eq!(fleet.writes(), Vec::<String>::new());

    let back = fleet.home.run(&["eval", "--live", "shared_state.delete(\"ips\")"]);
    assert_eq!(back.status.code(), Some(0));
    let (answer, code) = fleet.json(&["exec", "--apply", "plan.json"]).await;
    assert_eq!((&answer["ok"], code), (&Value::Bool(true), 0), "{answer:#}");
    assert_eq!(fleet.writes().len(), 1, "{:?}", fleet.writes());
    let nothing = fleet.home.run(&["exec", "--apply", "missing.json"]);
    assert_eq!(nothing.status.code(), Some(2));
    // A plan that is empty is not said to do anything.
    fleet.home.script("quiet", "every(\"1h\", \"quiet\", || 1);");
    let quiet = fleet.home.run(&["exec", "quiet", "--dry-run", "--save", "plan.json"]);
    let said = String::from_utf8(quiet.stderr).unwrap();
    assert!(said.contains("it would change nothing") && !said.contains("does it"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_somebody_agreed_to_does_nothing_beyond_the_list() {
    let fleet = Fleet::new().await;
    // Only for real there is something that was banned.
    fleet.home.script(
        "ban",
        r#"
        every("1h", "ban", || {
            let done = pbh().ban(["203.0.113.7"], #{duration: "6h"});
            if done.added.len() > 0 { pbh().bans_add(["203.0.113.8"]); }
        });"#,
    );
    let (answer, code) = fleet.json(&["exec", "ban", "--dry-run", "--save", "plan.json"]).await;
    assert_eq!((answer["would"].as_array().map(Vec::len), code), (Some(1), 0), "{answer:#}");
    let (answer, code) = fleet.json(&["exec", "--apply", "plan.json"]).await;
    assert_eq!((answer["error"]["kind"].as_str(), code), (Some("permission"), 1), "{answer:#}");
    assert_eq!(answer["error"]["endpoint"], "bans_add", "{answer:#}");
    assert_eq!(
        fleet.value("pbh().bans_list().results.map(|ban| `${ban.address}`)").await,
        serde_json::json!(["203.0.113.7"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_shown_in_the_readers_language_with_the_last_calls() {
    let fleet = Fleet::with(Scenario::default(), "language = \"zh\"").await;
    let home = Arc::clone(&fleet.home);
    let run = async |expression: &'static str, more: &'static [&'static str]| {
        let home = Arc::clone(&home);
        let args: Vec<_> = ["eval", expression].into_iter().chain(more.iter().copied()).collect();
        let home = Arc::clone(&home);
        let output = tokio::task::spawn_blocking(move || home.run(&args)).await.expect("the program ran");
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (_, said) = run("pbh().bans_list(); nofity(1)", &[]).await;
    assert!(said.contains("没有函数 `nofity`") && said.contains("提示：是不是想写 `notify`？"), "{said}");
    let (_, said) = run("pbh().bans_list(); vps().stop()", &["--live"]).await;
    assert!(said.contains("有破坏性，需要授权") && said.contains("--allow"), "{said}");
    assert!(said.contains("出错前的最后几次调用") && said.contains("bans_list"), "{said}");
    // What tools read stays as it is.
    let (json, _) = run("nofity(1)", &["--json"]).await;
    assert!(json.contains("there is no function `nofity`"), "{json}");
    // The calls of a run say how much came back.
    let (answer, _) = fleet.json(&["eval", "pbh().bans_list()"]).await;
    assert!(answer["calls"][0]["bytes"].as_u64().is_some_and(|bytes| bytes > 20), "{answer:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn exec_keeps_the_triggers_timeout_and_says_why_a_script_does_not_load() {
    let fleet = Fleet::new().await;
    fleet.home.script("short", r#"every("1h", "short", #{}, || 1);"#);
    let (answer, code) = fleet.json(&["exec", "short"]).await;
    let error = &answer["error"];
    assert_eq!((&answer["ok"], error["line"].as_i64(), code), (&Value::Bool(false), Some(1), 1), "{answer:#}");
    fleet.home.script("short", r#"every("1h", #{name: "short", timeout: "100ms"}, || sleep("30s"));"#);
    let (answer, code) = fleet.json(&["exec", "short"]).await;
    assert_eq!((answer["error"]["kind"].as_str(), code), (Some("limit"), 1), "{answer:#}");
    let (rows, _) = fleet.json(&["history"]).await;
    assert_eq!(rows[0]["state"], "timed_out");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guard_stops_transfers_though_a_pbh_is_dead() {
    let mut scenario = Scenario::default();
    scenario.vps[0].used = 950 << 30;
    let dead = "[pbh.dead]\nurl = \"http://127.0.0.1:1\"\ntoken = \"none\"";
    let fleet = Fleet::with(scenario, dead).await;
    fleet.home.script("quota-guard", include_str!("../scripts/quota-guard.rhai"));
    let (answer, code) = fleet.json(&["exec", "quota-guard", "quota-tokyo", "--live"]).await;
    assert_eq!((&answer["ok"], code), (&Value::Bool(true), 0), "{answer:#}");
    assert!(answer["output"][0].as_str().is_some_and(|line| line.starts_with("dead: no bans")), "{answer:#}");
    let world = fleet.sim.world().snapshot();
    assert!(world.downloaders.iter().all(|downloader| downloader.stopped) && !world.bans.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_run_is_played_back_without_any_service() {
    let fleet = Fleet::new().await;
    fleet.home.script(
        "stop",
        "const KEY = \"seen\";\non_event(\"now\", \"stop\", || { \
            state.add(KEY, 1); \
            let used = vps(\"tokyo\").data_usage().percent; \
            if used > 50 { downloader(\"tokyo-qb\").stop_transfers(#{reason: \"test\"}); } \
            `${used} ${state.get(KEY)} ${now()}` });",
    );
    let (answer, code) = fleet.json(&["exec", "stop", "--live", "--record", "run.json"]).await;
    assert_eq!((&answer["ok"], code), (&Value::Bool(true), 0), "{answer:#}");
    let text = std::fs::read_to_string(fleet.home.path("run.json")).unwrap();
    let urls = fleet.sim.urls();
    for secret in [&urls.vps[0].api_key, &urls.pbh_token, &urls.downloaders[0].password] {
        assert!(!text.contains(secret.as_str()), "{secret} is in the recording");
    }
    fleet.sim.world().forget();
    let (report, code) = fleet.json(&["test", "--replay", "run.json"]).await;
    assert_eq!((&report["ok"], code), (&Value::Bool(true), 0), "{report:#}");
    assert!(fleet.sim.world().requests().is_empty(), "nothing is asked");
    let script = std::fs::read_to_string(fleet.home.path("scripts/stop.rhai")).unwrap();
    fleet.home.script("stop", script.replace("used > 50", "used > 99"));
    let (report, code) = fleet.json(&["test", "--replay", "run.json"]).await;
    assert_eq!((&report["ok"], code), (&Value::Bool(false), 1));
    assert!(report["difference"].as_str().unwrap().contains("\n- "), "{report:#}");
    let nothing = fleet.home.run(&["test", "--replay", "tidegate.toml"]);
    assert_eq!(nothing.status.code(), Some(2));
}
