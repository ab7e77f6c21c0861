//! Files that a script watches.

use std::time::{Duration, Instant};

use tidegate::daemon::Options;
use tidegate::ledger::State::Ok;
use tidegate::watch::Means;

use crate::harness::{Home, START, seconds};

#[tokio::test(flavor = "multi_thread")]
async fn what_came_changed_and_went_is_told_once_it_is_quiet() {
    let home = Home::new();
    std::fs::create_dir(home.path("drop")).unwrap();
    home.write("drop/old.txt", "1");
    home.script(
        "files",
        r#"on_file("drop/*.txt", "drop", |files| for f in files { info(`${f.kind} ${f.path.split("/")[-1]}`); });"#,
    );
    let options = Options { dry_run: false, means: Means::Poll };
    let mut world = home.start_with(START, options).await;
    world.advance(seconds(30)).await;
    assert_eq!(world.said(), [""; 0], "what is there already is no change");
    home.write("drop/new.txt", "1");
    home.write("drop/old.txt", "22");
    home.write("drop/note.log", "1");
    home.write("drop/brief.txt", "1");
    std::fs::remove_file(home.path("drop/brief.txt")).unwrap();
    world.advance(seconds(10)).await;
    assert_eq!(world.said(), ["created new.txt", "changed old.txt"]);
    std::fs::remove_file(home.path("drop/new.txt")).unwrap();
    world.advance(seconds(10)).await;
    assert_eq!(world.said(), ["removed new.txt"]);
    assert_eq!(world.rows("drop").await, [(-1, Ok), (-1, Ok)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_debounce_makes_one_run_of_many_changes() {
    let home = Home::new();
    home.script(
        "files",
        r#"on_file("drop/**/*.txt", #{name: "drop", debounce: "20s"}, |files| info(`${files.len()}`));"#,
    );
    let options = Options { dry_run: false, means: Means::Poll };
    let mut world = home.start_with(START, options).await;
    world.advance(seconds(5)).await;
    // The folder comes later.
    std::fs::create_dir_all(home.path("drop/deep")).unwrap();
    for n in 0..5 {
        home.write(&format!("drop/deep/{n}.txt"), "1");
        world.advance(seconds(10)).await;
    }
    assert_eq!(world.said(), [""; 0]);
    world.advance(seconds(30)).await;
    assert_eq!(world.said(), ["5"]);
}

/// With the events of the operating system, in real time.
#[cfg(unix)]
#[test]
fn the_program_hears_of_a_file() {
    let home = Home::new();
    std::fs::create_dir(home.path("drop")).unwrap();
    home.script("files", r#"on_file("drop/*", #{name: "drop", debounce: "200ms"}, |files| info(files[0].kind));"#);
    let mut program = home.spawn();
    let begun = Instant::now();
    home.write("drop/a.torrent", "1");
    let line = program.wait_for("log");
    assert_eq!(line["message"], "created");
    assert!(begun.elapsed() < Duration::from_secs(30), "not by chance");
}
