//! Scripts change while the daemon runs.

use tidegate::error::Kind;
use tidegate::ledger::State;
use tidegate::library;

use crate::harness::{Home, minutes, seconds};

const TICK: &str = r#"cron("* * * * *", "tick", || info("one"));"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_file_begins_to_run() {
    let home = Home::new();
    let mut world = home.start().await;
    assert!(world.script("tick").await.is_none());
    home.script("tick", TICK);
    world.look().await;
    assert_eq!(world.lines("reloaded").len(), 1);
    world.advance(minutes(2)).await;
    assert_eq!(world.said(), ["one", "one"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_takes_over_and_the_schedule_goes_on() {
    let home = Home::new();
    let text = TICK.replace(r#"cron("* * * * *""#, r#"every("1m""#);
    home.script("tick", &text);
    let mut world = home.start().await;
    let first = world.trigger("tick", "tick").await.unwrap().next.unwrap();
    world.until(first).await;
    home.script("tick", text.replace("one", "two"));
    world.look().await;
    world.until(first + minutes(1)).await;
    assert_eq!(world.said(), ["one", "two"]);
    let rows = world.history().await;
    let due: Vec<_> = rows.iter().map(|row| row.scheduled.unwrap()).collect();
    assert_eq!(due, [first, first + minutes(1)], "the phase is the name's, not the save's");
    assert_ne!(rows[0].version, rows[1].version);
    assert_eq!(rows[1].version, world.script("tick").await.unwrap().version.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_content_is_no_change() {
    let home = Home::new();
    home.script("tick", TICK);
    let mut world = home.start().await;
    home.script("tick", TICK);
    world.look().await;
    assert!(world.lines("reloaded").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_leaves_the_last_good_version_running() {
    let home = Home::new();
    home.script("tick", TICK);
    let mut world = home.start().await;
    let good = world.script("tick").await.unwrap().version;
    home.script("tick", "cron(\"* * * * *\", \"tick\", || {\n    info(\"two\"\n});");
    world.look().await;
    let failed = world.lines("reload_failed").pop().expect("it is said");
    assert!(failed.message.contains("tick.rhai:3:"), "{}", failed.message);
    assert!(failed.message.contains("});"), "the line is shown: {}", failed.message);
    let script = world.script("tick").await.unwrap();
    assert_eq!((script.state, &script.version), (library::State::Stale, &good));
    let error = script.error.expect("the reason");
    assert_eq!((error.kind, error.line), (Kind::Syntax, Some(3)));
    world.advance(minutes(1)).await;
    assert_eq!(world.said(), ["one"]);

    // The same complaint is not made again at every look.
    world.look().await;
    assert!(world.lines("reload_failed").is_empty());

    home.script("tick", TICK.replace("one", "fixed"));
    world.look().await;
    assert_eq!(world.script("tick").await.unwrap().state, library::State::Loaded);
    world.advance(minutes(1)).await;
    assert_eq!(world.said(), ["fixed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_never_loaded_is_broken_and_alone() {
    let home = Home::new();
    home.script("broken", "every(\"1m\", ");
    home.script("tick", TICK);
    let mut world = home.start().await;
    assert_eq!(world.lines("reload_failed").len(), 1);
    let broken = world.script("broken").await.unwrap();
    assert_eq!((broken.state, broken.version), (library::State::Broken, None));
    world.advance(minutes(1)).await;
    assert_eq!(world.said(), ["one"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_file_ends_at_the_second_look() {
    let home = Home::new();
    home.script("tick", TICK);
    let mut world = home.start().await;
    home.remove("tick");
    world.look().await;
    assert_eq!(world.lines("unloaded").len(), 1);
    assert!(world.script("tick").await.is_none());
    world.advance(minutes(3)).await;
    assert!(world.history().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_gone_for_a_moment_runs_on() {
    let home = Home::new();
    home.script("tick", TICK);
    let mut world = home.start().await;
    home.remove("tick");
    world.daemon.look();
    world.advance(seconds(0) + tidegate::time::Duration::from_millis(200)).await;
    assert!(world.script("tick").await.is_some(), "the first look waits");
    home.script("tick", TICK);
    world.advance(seconds(1)).await;
    assert!(world.lines("unloaded").is_empty() && world.lines("reloaded").is_empty());
    world.advance(minutes(1)).await;
    assert_eq!(world.said(), ["one"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_ends_on_the_version_it_began_with() {
    let home = Home::new();
    let slow = r#"const WORD = "one"; cron("* * * * *", "slow", || { sleep("50s"); info(WORD); });"#;
    home.script("slow", slow);
    let mut world = home.start().await;
    world.advance(minutes(1)).await;
    home.script("slow", slow.replace("one", "two"));
    world.look().await;
    world.advance(minutes(2)).await;
    assert_eq!(world.said(), ["one", "two"]);
    let rows = world.history().await;
    assert_eq!(rows[0].state, State::Ok);
    assert_ne!(rows[0].version, rows[1].version);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_takes_its_importers_along() {
    let home = Home::new();
    std::fs::create_dir(home.path("scripts/lib")).unwrap();
    home.write("scripts/lib/words.rhai", r#"fn word() { "one" }"#);
    home.script("tick", r#"import "lib/words" as words; cron("* * * * *", "tick", || info(words::word()));"#);
    home.script("other", r#"every("1h", "other", || info("other"));"#);
    let mut world = home.start().await;
    let before = world.script("tick").await.unwrap().version;
    home.write("scripts/lib/words.rhai", r#"fn word() { "two" }"#);
    world.look().await;
    let reloaded: Vec<_> = world.lines("reloaded").into_iter().filter_map(|line| line.script).collect();
    assert_eq!(reloaded, ["tick"]);
    assert_ne!(world.script("tick").await.unwrap().version, before, "the version covers what is imported");
    world.advance(minutes(1)).await;
    assert_eq!(world.said(), ["two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_utf_8_is_a_finding_with_its_place() {
    let home = Home::new();
    home.script("marked", b"\xef\xbb\xbfcron(\"* * * * *\", \"tick\", || info(\"marked\"));");
    home.script("latin", b"// fine\nlet a = \"caf\xe9\";");
    home.script("wide", b"\xff\xfee\x00");
    let mut world = home.start().await;
    let latin = world.script("latin").await.unwrap();
    let error = latin.error.unwrap();
    assert_eq!((latin.state, error.line, error.column), (library::State::Broken, Some(2), Some(13)));
    assert!(world.script("wide").await.unwrap().error.unwrap().message.contains("UTF-16"));
    world.advance(minutes(1)).await;
    assert_eq!(world.said(), ["marked"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_switched_off_is_not_loaded() {
    let home = Home::with("[script.tick]\nenabled = false");
    home.script("tick", "this would not compile");
    let mut world = home.start().await;
    assert!(world.lines("reload_failed").is_empty());
    assert_eq!(world.script("tick").await.unwrap().state, library::State::Disabled);
    world.advance(minutes(2)).await;
    assert!(world.history().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_trigger_fires_once_for_each_life_of_the_daemon() {
    let home = Home::new();
    let hello = r#"on_start("hello", || info("hello"));"#;
    home.script("a", hello);
    let mut world = home.start().await;
    world.advance(seconds(1)).await;
    assert_eq!(world.said(), ["hello"]);
    home.script("a", hello.replace("hello\"))", "edited\"))"));
    home.script("b", hello.replace("hello\"))", "new\"))"));
    world.look().await;
    assert_eq!(world.said(), ["new"]);
    assert!(world.history().await.iter().all(|row| row.scheduled.is_none() && row.state == State::Ok));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_was_taken_out_fires_no_more() {
    let home = Home::new();
    home.script("two", r#"cron("* * * * *", "a", || info("a")); cron("* * * * *", "b", || info("b"));"#);
    let mut world = home.start().await;
    home.script("two", r#"cron("* * * * *", "b", || info("b"));"#);
    world.look().await;
    world.advance(minutes(1)).await;
    assert_eq!(world.said(), ["b"]);
    let script = world.script("two").await.unwrap();
    assert_eq!(script.triggers.iter().map(|trigger| trigger.name.as_str()).collect::<Vec<_>>(), ["b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_cancelled_by_a_new_version_where_it_asked_for_that() {
    let home = Home::new();
    let slow = |word: &str| {
        format!(r#"cron("* * * * *", #{{name: "slow", on_reload: "cancel"}}, || {{ sleep("50s"); info("{word}"); }});"#)
    };
    home.script("slow", slow("one"));
    let mut world = home.start().await;
    world.advance(minutes(1)).await;
    home.script("slow", slow("two"));
    world.look().await;
    world.advance(minutes(2)).await;
    assert_eq!(world.said(), ["two"]);
    assert_eq!(world.rows("slow").await[0], (60, State::Cancelled));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_appears_later_is_read() {
    let home = Home::with("scripts = \"later\"");
    let mut world = home.start().await;
    std::fs::create_dir(home.path("later")).unwrap();
    home.write("later/tick.rhai", TICK);
    world.look().await;
    assert_eq!(world.lines("reloaded").len(), 1);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn links_are_followed_to_what_they_lead_to() {
    let home = Home::new();
    std::fs::create_dir(home.path("repository")).unwrap();
    home.write("repository/tick.rhai", TICK);
    std::os::unix::fs::symlink(home.path("repository/tick.rhai"), home.path("scripts/tick.rhai")).unwrap();
    let mut world = home.start().await;
    home.write("repository/tick.rhai", TICK.replace("one", "two"));
    world.look().await;
    assert_eq!(world.lines("reloaded").len(), 1);
    world.advance(minutes(1)).await;
    assert_eq!(world.said(), ["two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_script_is_another_script() {
    let home = Home::new();
    home.script("old", TICK);
    let mut world = home.start().await;
    std::fs::rename(home.path("scripts/old.rhai"), home.path("scripts/new.rhai")).unwrap();
    world.look().await;
    assert!(world.script("old").await.is_none() && world.script("new").await.is_some());
    world.advance(minutes(1)).await;
    assert_eq!(world.said(), ["one"]);
}
