//! The configuration and its secret files change while the daemon runs.

use serde_json::json;
use tidegate::error::Kind;
use tidegate::journal::Level;
use tidegate::ledger::State;
use tidegate::library;

use crate::harness::{Home, World, minutes, seconds};

/// What the daemon said of the configuration itself since the start.
fn said(world: &World, event: &str) -> Vec<String> {
    world.lines(event).into_iter().filter(|line| line.script.is_none()).map(|line| line.message).collect()
}

fn vps(name: &str) -> String {
    format!("[vps.{name}]\nveid = 1\napi_key = \"secret-of-{name}\"\nurl = \"http://127.0.0.1:9\"\n")
}

const FLEET: &str = r#"for v in all_vps() { cron("* * * * *", `look-${v.name}`, || info(v.name)); }"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_added_gets_its_triggers() {
    let home = Home::with(&vps("oslo"));
    home.script("fleet", FLEET);
    let mut world = home.start().await;
    home.write("tidegate.toml", format!("timezone = \"UTC\"\n{}{}", vps("oslo"), vps("rome")));
    world.look().await;
    let line = world.lines("reloaded").into_iter().find(|line| line.script.is_none()).expect("it is said");
    assert_eq!(line.data["changes"], json!(["vps.rome added"]));
    world.advance(minutes(1)).await;
    let mut names = world.said();
    names.sort();
    assert_eq!(names, ["oslo", "rome"]);
    home.write("tidegate.toml", format!("timezone = \"UTC\"\n{}", vps("rome")));
    world.look().await;
    world.advance(minutes(1)).await;
    assert_eq!(world.said(), ["rome"], "what the old one registered is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_one_keeps_the_old_and_names_every_problem() {
    let home = Home::with(&vps("oslo"));
    home.script("fleet", FLEET);
    let mut world = home.start().await;
    home.write("tidegate.toml", "timezone = \"Mars/Base\"\n[vps.oslo]\nveid = \"x\"\napi_key = \"k\"\n");
    world.look().await;
    let failed = said(&world, "reload_failed").pop().expect("it is loud");
    assert!(failed.contains("2 problems") && failed.contains("line 1") && failed.contains("line 3"), "{failed}");
    world.look().await;
    assert_eq!(said(&world, "reload_failed").len(), 1, "once");
    world.advance(minutes(1)).await;
    assert_eq!(world.said(), ["oslo"]);
    // Put back as it was.
    home.write("tidegate.toml", format!("timezone = \"UTC\"\n{}", vps("oslo")));
    world.look().await;
    assert_eq!(said(&world, "reloaded").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_gone_or_empty_for_a_moment_is_waited_for() {
    let home = Home::with(&vps("oslo"));
    let mut world = home.start().await;
    home.write("tidegate.toml", "");
    world.daemon.look();
    world.advance(tidegate::time::Duration::from_millis(200)).await;
    home.write("tidegate.toml", format!("timezone = \"UTC\"\n{}{}", vps("oslo"), vps("rome")));
    world.advance(seconds(1)).await;
    assert_eq!(said(&world, "reload_failed"), [""; 0]);
    assert_eq!(said(&world, "reloaded").len(), 1);
    std::fs::remove_file(home.path("tidegate.toml")).unwrap();
    world.look().await;
    let failed = said(&world, "reload_failed");
    assert!(failed.len() == 1 && failed[0].contains("there is no configuration file"), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_script_may_do_changes_for_new_runs() {
    let home = Home::new();
    home.script(
        "store",
        r#"cron("* * * * *", #{name: "store", timeout: "5m"}, || { state.set("ran", now()); sleep("90s"); });"#,
    );
    let mut world = home.start().await;
    world.advance(minutes(1)).await;
    home.write("tidegate.toml", "timezone = \"UTC\"\n[script.store]\nmode = \"watch\"\n");
    world.look().await;
    assert!(world.lines("would").is_empty());
    world.advance(minutes(2)).await;
    assert!(!world.lines("would").is_empty(), "the next run is dry");
    let rows = world.rows("store").await;
    assert_eq!(rows[0], (60, State::Ok), "the one that ran has ended as it began");
    assert!(world.lines("call").len() == 1, "{:?}", world.lines("call"));

    home.write("tidegate.toml", "timezone = \"UTC\"\n[script.store]\nenabled = false\n");
    world.look().await;
    assert_eq!(world.script("store").await.unwrap().state, library::State::Disabled);
    assert_eq!(world.lines("disabled").len(), 1);
    home.write("tidegate.toml", "timezone = \"UTC\"\n");
    world.look().await;
    assert_eq!(world.script("store").await.unwrap().state, library::State::Loaded);
    assert!(world.trigger("store", "store").await.unwrap().next.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_restart_says_so_and_stays() {
    let home = Home::new();
    let mut world = home.start().await;
    home.write("tidegate.toml", "timezone = \"UTC\"\ndata = \"elsewhere\"\n");
    world.look().await;
    let line = world.lines("reloaded").pop().unwrap();
    assert!(line.level == Level::Warn && line.message.contains("`data` takes effect when"), "{}", line.message);
    assert!(!home.path("elsewhere").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scripts_folder_and_the_zone_can_change() {
    let home = Home::new();
    home.script("here", r#"every("1m", "here", || info("here"));"#);
    std::fs::create_dir(home.path("other")).unwrap();
    home.write("other/there.rhai", r#"cron("30 9 * * *", "there", || info("there"));"#);
    let mut world = home.start().await;
    home.write("tidegate.toml", "timezone = \"Europe/Berlin\"\nscripts = \"other\"\n");
    world.look().await;
    assert!(world.script("here").await.is_none());
    let next = world.trigger("there", "there").await.unwrap().next.unwrap();
    assert_eq!(next.rfc3339(chrono_tz::Tz::UTC), "2026-07-04T07:30:00Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_secret_clears_a_wrong_token() {
    let home = Home::new();
    let (world, sim) = home.start_in_sim().await;
    world.stop().await;
    let urls = sim.urls();
    home.write("token", "wrong");
    let config =
        format!("timezone = \"UTC\"\n[pbh.home]\nurl = \"{}\"\ntoken = {{ file = \"token\" }}\n", urls.pbh_url);
    home.write("tidegate.toml", &config);
    let home = home.configured(&config);
    home.script("ask", r#"cron("* * * * *", "ask", || pbh().bans_list().len());"#);
    let (mut world, sim) = (home.start().await, sim);
    world.advance(minutes(1)).await;
    let first = world.history().await.pop().unwrap().error.expect("it is refused");
    assert_eq!(first.kind, Kind::Auth);
    home.write("token", &sim.urls().pbh_token);
    world.look().await;
    let said = said(&world, "reloaded");
    assert!(said.iter().any(|line| line.contains("token")), "{said:?}");
    world.advance(minutes(1)).await;
    assert_eq!(world.history().await.pop().unwrap().state, State::Ok);

    home.write("token", "\n");
    world.look().await;
    assert_eq!(world.lines("reload_failed").len(), 1);
    world.advance(minutes(1)).await;
    assert_eq!(world.history().await.pop().unwrap().state, State::Ok, "the last good one stays in use");
}

#[test]
fn a_grant_that_names_nothing_is_pointed_out() {
    let grants =
        "allow = [\"kiwivm/oslo:restart_and_wiat\", \"kiwivm/rome:restart\", \"pbh:destructive\", \"http:x.org\"]";
    let home =
        Home::with(&format!("{}[script.keeper]\n{grants}\ndeny = [\"downloader:stop_transfer\"]\n", vps("oslo")));
    let output = home.run(&["check"]);
    let told = String::from_utf8(output.stderr).unwrap();
    let advice: Vec<_> = told.lines().filter_map(|line| line.strip_prefix("advice: ")).collect();
    let about = |part: &str| advice.iter().any(|line| line.contains(part));
    assert!(about("script.keeper: there is no script"), "{told}");
    assert!(about("script.keeper.allow: `kiwivm/oslo:restart_and_wiat`: there is no endpoint"), "{told}");
    assert!(about("did you mean `restart_and_wait`?") && about("no instance `rome`"), "{told}");
    assert!(about("script.keeper.deny") && about("did you mean `stop_transfers`?"), "{told}");
    assert!(!about("destructive") && !about("x.org"), "{told}");
}
