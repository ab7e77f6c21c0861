//! The ready automations: each has its effect in the simulated world, and keeps still when it should.

use std::path::Path;

use rig::{Scene, play};
use serde_json::Value;
use tidegate::recipes::RECIPES;

use crate::harness::Home;

mod others;
mod rig;
mod scenes;

use others::OTHERS;
use scenes::SCENES;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Scripts that people ask for too; they are no recipes.
const ELSEWHERE: &str = "tests/fixtures/recipes";

/// A test a script, so that they run side by side.
macro_rules! played {
    ($all:ident, $folder:expr, $scenes:expr; $($name:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                play_all(stringify!($name), $folder, $scenes).await;
            }
        )*

        const $all: &[&str] = &[$(stringify!($name)),*];
    };
}

played! {
    RECIPES_PLAYED, "scripts", SCENES;
    abuse_case blocked_address client_error daily_report disk_low free_leech leech_ban other_traffic pace prefix_ban
    quota_guard ratio_limit shared_bans slow_start speed_hours thresholds upload_cap use_or_lose vps_down
    weekly_snapshot
}

played! {
    OTHERS_PLAYED, ELSEWHERE, OTHERS;
    allow_by_name api_points cheaper_location dead_man may_i_grab month_report move_busy null_route panel_login
    pause_from_phone playback rotated_secrets stale_rules stalled throttled tunnel_port unregistered upgrades
    weekly_bans widget
}

async fn play_all(test: &str, folder: &str, scenes: &[Scene]) {
    let name = test.replace('_', "-");
    let scenes: Vec<&Scene> = scenes.iter().filter(|scene| scene.script == name).collect();
    assert!(!scenes.is_empty(), "no scene of `{name}`");
    let text = read(&format!("{folder}/{name}.rhai"));
    for scene in scenes {
        play(scene, &text).await;
    }
}

/// The names of a folder's scripts, sorted.
fn names(folder: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let scripts = paths.filter(|path| path.extension().is_some_and(|extension| extension == "rhai"));
    let mut names: Vec<_> = scripts.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Lines without comments, settings and empty ones.
fn lines(text: &str) -> usize {
    let mut setting = false;
    let counts = |line: &&str| {
        let starts = line.starts_with("const ");
        let counted = !setting && !starts && !line.trim().is_empty() && !line.trim().starts_with("//");
        setting = (setting || starts) && !line.contains(';');
        counted
    };
    text.lines().filter(counts).count()
}

fn as_scripts(tests: &[&str]) -> Vec<String> {
    let mut names: Vec<_> = tests.iter().map(|test| test.replace('_', "-")).collect();
    names.sort();
    names
}

#[test]
fn every_script_is_a_recipe_and_every_one_is_played() {
    let scripts = names("scripts");
    let mut recipes: Vec<_> = RECIPES.iter().map(|recipe| recipe.name.to_owned()).collect();
    recipes.sort();
    assert_eq!((scripts.len(), &recipes), (20, &scripts));
    assert_eq!(as_scripts(RECIPES_PLAYED), scripts);
    let others = names(ELSEWHERE);
    assert_eq!((others.len(), as_scripts(OTHERS_PLAYED)), (20, others));
}

#[test]
fn all_are_short_and_begin_with_what_they_are_for() {
    for (folder, name) in
        ["scripts", ELSEWHERE].into_iter().flat_map(|folder| names(folder).into_iter().map(move |name| (folder, name)))
    {
        let text = read(&format!("{folder}/{name}.rhai"));
        let (n, long) = (lines(&text), text.lines().map(|line| line.chars().count()).max());
        assert!((2..=25).contains(&n), "{name} has {n} lines");
        assert!(long <= Some(130), "{name}: {long:?}");
        let head: Vec<_> = text.lines().take_while(|line| line.starts_with("//!")).collect();
        let english = head.iter().take_while(|line| **line != "//!").all(|line| line.is_ascii());
        let chinese = head.iter().skip_while(|line| **line != "//!").any(|line| !line.is_ascii());
        assert!(english && chinese, "{name} is explained in English and in Chinese");
    }
}

/// What `check` finds in a folder under a configuration.
fn findings(config: &str, paths: &[&str]) -> Vec<String> {
    let output = Home::new().run(&[&["--config", config, "check", "--json"], paths].concat());
    let report: Value = serde_json::from_slice(&output.stdout).expect("one document");
    let files = report["files"].as_array().expect("a list");
    assert_eq!(files.len(), 20);
    let all = files.iter().flat_map(|file| file["findings"].as_array().unwrap());
    all.map(|finding| format!("{finding}")).collect()
}

#[test]
fn all_pass_the_check_with_the_grants_that_they_name() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = root.join("scripts/tidegate.toml");
    assert_eq!(findings(config.to_str().unwrap(), &[]), [""; 0]);
    let home = Home::new();
    let mut tables = read("scripts/tidegate.toml").replace("scripts = \".\"\n", "") + "[secret.ping]\nenv = \"PING\"\n";
    for name in names(ELSEWHERE) {
        let text = read(&format!("{ELSEWHERE}/{name}.rhai"));
        let grants: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("//! allow: ")).map(Into::into).collect();
        tables += &tidegate::recipes::table(&name, &grants).unwrap_or_default();
    }
    home.write("tidegate.toml", tables);
    let folder = root.join(ELSEWHERE);
    assert_eq!(findings(home.path("tidegate.toml").to_str().unwrap(), &[folder.to_str().unwrap()]), [""; 0]);
}

#[test]
fn the_command_lists_them_and_prints_one_with_the_users_names() {
    let home = Home::with(
        "language = \"zh\"\n[vps.oslo]\nveid = 1\napi_key = \"private_x\"\ndownloaders = [\"nas\"]\n\
         [pbh.den]\nurl = \"http://127.0.0.1:9898\"\ntoken = \"x\"\n",
    );
    let listed: Value = serde_json::from_slice(&home.run(&["recipe", "--json"]).stdout).expect("one document");
    let rows = listed.as_array().unwrap();
    assert_eq!((rows.len(), &rows[0]["name"]), (20, &Value::from("quota-guard")));
    assert!(rows[0]["sentence"].as_str().unwrap().starts_with("分级守住"));
    assert_eq!(rows[8]["grants"], serde_json::json!(["kiwivm/oslo:snapshot_delete"]));

    let printed = home.run(&["recipe", "upload-cap"]);
    let text = String::from_utf8(printed.stdout).expect("UTF-8");
    assert!(text.contains("const CLIENTS = [\"nas\"];") && printed.stderr.is_empty(), "{text}");
    home.script("upload-cap", &text);
    // What a recipe asks for is what lets it pass.
    let asked = home.run(&["recipe", "weekly-snapshot"]);
    home.script("weekly-snapshot", &asked.stdout);
    assert_eq!(home.run(&["check"]).status.code(), Some(1), "nothing is granted yet");
    let said = String::from_utf8(asked.stderr).expect("UTF-8");
    let table = &said[said.find("[script").expect("a table")..];
    let config = std::fs::read_to_string(home.path("tidegate.toml")).unwrap();
    home.write("tidegate.toml", format!("{config}{table}"));
    let checked = home.run(&["check"]);
    assert_eq!(checked.status.code(), Some(0), "{}", String::from_utf8_lossy(&checked.stderr));

    let wrong = home.run(&["recipe", "weekly-snapshots"]);
    assert_eq!(wrong.status.code(), Some(2));
    let said = String::from_utf8_lossy(&wrong.stderr);
    assert!(said.contains("没有配方 `weekly-snapshots`") && said.contains("`weekly-snapshot`？"), "{said}");
}
