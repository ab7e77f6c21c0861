//! `kill -9`: at random moments, again and again (`TIDEGATE_CRASHES` sets how often), and between two commands to torrent
//! clients.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Instant;

use serde_json::Value;
use tidegate::clock::SystemClock;
use tidegate::sim::{Fault, Scenario, Sim, Trouble};
use tidegate::time::Duration;

use crate::clients::process::until;
use crate::harness::Home;

/// Fifty triggers that are due each second.
const BUSY: &str = r#"
    for n in 0..50 {
        every("1s", #{name: `t${n}`, missed: "all", overlap: "parallel"}, || state.add("runs", 1));
    }
"#;

#[test]
fn nothing_is_lost_and_nothing_runs_twice_however_often_it_is_killed() {
    let crashes = std::env::var("TIDEGATE_CRASHES").ok().and_then(|n| n.parse().ok()).unwrap_or(6);
    let home = Home::new();
    home.script("busy", BUSY);
    // Every run that ever began says so before it does anything.
    let mut begun: BTreeMap<(String, String), u32> = BTreeMap::new();
    let mut note = |line: &Value| {
        if line["event"] == "run_started" {
            let of = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            *begun.entry((of("trigger"), of("scheduled"))).or_default() += 1;
        }
        line["event"] == "run_interrupted"
    };
    let mut interrupted = 0;
    for _ in 0..crashes {
        let mut program = home.spawn_at_once();
        // A moment between the first line and the second second of work.
        for _ in 0..rand::random_range(1..250) {
            interrupted += usize::from(note(&program.line()));
        }
        program.child.kill().unwrap();
        for line in program.rest() {
            interrupted += usize::from(note(&line));
        }
    }
    let mut program = home.spawn_at_once();
    for line in program.lines_up_to("ready") {
        interrupted += usize::from(note(&line));
    }
    program.signal("TERM");
    for line in program.rest() {
        note(&line);
    }
    assert_eq!(program.exit_code(), Some(143));

    let twice: Vec<_> = begun.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "ran twice: {twice:?}");
    let output = home.run(&["history", "--json"]);
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).expect("the database opens");
    let mut due: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    let mut states: BTreeMap<String, usize> = BTreeMap::new();
    for row in &rows {
        let of = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        *states.entry(of("state")).or_default() += 1;
        let at = tidegate::time::Time::parse(&of("scheduled"), chrono_tz::Tz::UTC).unwrap();
        assert!(due.entry(of("trigger")).or_default().insert(at.millis()), "two rows of one due time: {row}");
    }
    assert!(!states.contains_key("due") && !states.contains_key("running"), "left over: {states:?}");
    assert_eq!(due.len(), 50);
    for (trigger, times) in &due {
        let (first, last) = (times.first().unwrap(), times.last().unwrap());
        let expected = usize::try_from((last - first) / 1000 + 1).unwrap();
        assert_eq!(times.len(), expected, "{trigger} has a gap between {first} and {last}");
    }
    println!("{crashes} crashes, {} rows {states:?}, {interrupted} interrupted runs were reported", rows.len());
}

/// Two torrent clients with a hundred torrents between them; their users stopped some, and started some past the queue.
fn hundred() -> Scenario {
    let torrent = |n: usize| {
        let stopped = n % 10 == 9;
        format!(
            "[[downloader.torrent]]\nname = \"t{n}\"\nsize = \"1 GiB\"\nupload = 1000\npeers = 1\nstopped = {stopped}\n"
        )
    };
    let client = |id: &str, torrents: std::ops::Range<usize>| {
        format!("[[downloader]]\nid = {id:?}\n{}", torrents.map(torrent).collect::<String>())
    };
    let world = [client("one", 0..40), client("two", 40..100)].concat();
    Scenario::parse(&world, Path::new("world.toml")).unwrap()
}

#[test]
fn a_stop_and_a_release_that_are_killed_between_two_commands_are_gone_on_with() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let any = (Ipv4Addr::LOCALHOST, 0).into();
    let sim = runtime.block_on(Sim::start(hundred(), SystemClock::new(), any, any)).unwrap();
    let (world, home) = (sim.world(), Home::with(&sim.urls().configuration()));
    // Some of the second client run past its queue, and are given back by a command of their own.
    let forced: Vec<String> =
        world.standing("two").into_iter().filter(|(_, stands)| !stands).map(|(hash, _)| hash).take(3).collect();
    let force = format!(
        "downloader(\"two\").request(\"POST\", \"torrents/setForceStart\", #{{form: #{{hashes: {:?}, value: \"true\"}}}})",
        forced.join("|")
    );
    let done = home.run(&["eval", "--live", "--allow", "downloader:destructive", &force]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let before = [world.standing("one"), world.standing("two")];
    let rests = |client: &str| world.standing(client).values().all(|stands| *stands);
    let heard = |client: &str, route: &str| {
        world.requests().iter().any(|request| request.instance == client && request.path.ends_with(route))
    };
    // The reply to a held command does not come before the end of this test, and the command is not carried out.
    let hold = |client: &str, route: &str| {
        let fault = Fault::new(Trouble::Latency(Duration::from_seconds(3600))).on("downloader").route(route);
        world.fault(Fault { instance: Some(client.into()), ..fault });
    };
    // Lets the daemon run until that is so, and kills it then.
    let run_until = |what: &str, so: &dyn Fn() -> bool| {
        let mut program = home.spawn_at_once();
        let begun = Instant::now();
        let late = || begun.elapsed() > std::time::Duration::from_secs(50);
        let came = until(what, || if so() || late() { Ok(so()) } else { Err(String::new()) });
        program.child.kill().unwrap();
        assert!(came, "{what}: {:#?}", program.rest());
    };

    hold("two", "/api/v2/torrents/stop");
    let once = |name: &str, what: &str| {
        home.script(name, format!("on_start({name:?}, || if state.once(\"done\", \"1d\") {{ all_downloaders().{what}(#{{reason: \"quota\"}}); }});"));
    };
    once("stop", "stop_transfers");
    run_until("the first client does not stop", &|| rests("one") && heard("two", "torrents/stop"));
    assert_eq!(world.standing("two"), before[1], "the second command was not carried out");
    world.heal();
    run_until("what was to be stopped still runs", &|| rests("one") && rests("two"));

    world.forget();
    hold("two", "/api/v2/torrents/setForceStart");
    once("start", "start_transfers");
    run_until("the release does not get there", &|| heard("two", "torrents/setForceStart"));
    assert!(forced.iter().all(|hash| world.standing("two")[hash]), "the last command was not carried out");
    world.heal();
    run_until("not everything is back", &|| [world.standing("one"), world.standing("two")] == before);
    let held = home.run(&["downloaders", "--json"]);
    let rows: Value = serde_json::from_slice(&held.stdout).unwrap();
    assert!(rows.as_array().unwrap().iter().all(|row| row["holds"] == serde_json::json!([])), "{rows:#}");
}
