//! The ready automations: each has its effect in the simulated world, and keeps still when it should.

use std::path::Path;

use rig::{Scene, play};
use serde_json::Value;
use tidegate::recipes::RECIPES;

use crate::harness::Home;

mod rig;
mod scenes;

use scenes::SCENES;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A test a script, so that they run side by side.
macro_rules! recipes {
    ($($name:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                play_all(stringify!($name)).await;
            }
        )*

        const TESTED: &[&str] = &[$(stringify!($name)),*];
    };
}

recipes! {
    abuse_case blocked_address client_error daily_report disk_low free_leech leech_ban other_traffic pace prefix_ban
    quota_guard ratio_limit shared_bans slow_start speed_hours thresholds upload_cap use_or_lose vps_down
    weekly_snapshot
}

async fn play_all(test: &str) {
    let name = test.replace('_', "-");
    let scenes: Vec<&Scene> = SCENES.iter().filter(|scene| scene.script == name).collect();
    assert!(!scenes.is_empty(), "no scene of `{name}`");
    let text = read(&format!("scripts/{name}.rhai"));
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

#[test]
fn every_script_is_a_recipe_and_every_recipe_is_played() {
    let scripts = names("scripts");
    assert_eq!(scripts.len(), 20);
    let mut recipes: Vec<_> = RECIPES.iter().map(|recipe| recipe.name.to_owned()).collect();
    recipes.sort();
    assert_eq!(recipes, scripts);
    let mut tested: Vec<_> = TESTED.iter().map(|test| test.replace('_', "-")).collect();
    tested.sort();
    assert_eq!(tested, scripts);
}

#[test]
fn all_are_short_and_begin_with_what_they_are_for() {
    for (folder, name) in ["scripts"].into_iter().flat_map(|folder| names(folder).into_iter().map(move |n| (folder, n)))
    {
        let text = read(&format!("{folder}/{name}.rhai"));
        let (n, long) = (lines(&text), text.lines().map(|line| line.chars().count()).max());
        assert!(n <= 25, "{name} has {n} lines");
        assert!(long <= Some(130), "{name}: {long:?}");
        let head: Vec<_> = text.lines().take_while(|line| line.starts_with("//!")).collect();
        let english = head.iter().take_while(|line| **line != "//!").all(|line| line.is_ascii());
        let chinese = head.iter().skip_while(|line| **line != "//!").any(|line| !line.is_ascii());
        assert!(english && chinese, "{name} is explained in English and in Chinese");
    }
}

#[test]
fn all_pass_the_check_with_the_grants_that_they_name() {
    let home = Home::new();
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/tidegate.toml");
    let output = home.run(&["--config", config.to_str().unwrap(), "check", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("one document");
    let files = report["files"].as_array().unwrap();
    assert_eq!((output.status.code(), files.len()), (Some(0), 20), "{report:#}");
    for file in files {
        assert_eq!(file["findings"], Value::Array(Vec::new()), "{}", file["path"]);
    }
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
    assert_eq!(rows[8]["grants"], serde_json::json!(["kiwivm/oslo:rotate_snapshots"]));

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
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("did you mean `weekly-snapshot`?"));
}
