//! A dry run of everything that is shipped: it goes through, and nothing that it does reaches a service.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tidegate::api::Service;
use tidegate::library::State;
use tidegate::permission::Effect;
use tidegate::sim::{Request, Sim};

use crate::harness::{Home, minutes};

/// Every script that is shipped, by name.
fn shipped() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let mut scripts: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder of scripts")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rhai"))
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).expect("a script"))
        })
        .collect();
    scripts.sort();
    scripts
}

/// What each of them asks to be granted, as configuration.
fn grants() -> String {
    let table = |(name, text): &(String, String)| {
        let grants: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("//! allow: "))
            .map(|grant| format!("{grant:?}"))
            .collect();
        format!("[script.{name:?}]\nallow = [{}]\n", grants.join(", "))
    };
    shipped().iter().map(table).collect()
}

/// Whether a request only asks. What has no row is a torrent client's own API.
fn reads(request: &Request) -> bool {
    let row = |service: Service| request.id.as_deref().and_then(|id| service.row(id));
    match request.service.as_str() {
        "kiwivm" => row(Service::KiwiVm).is_some_and(|row| row.effect == Effect::Read),
        "pbh" => row(Service::Pbh).is_some_and(|row| row.effect == Effect::Read || row.id == "auth_login"),
        _ => {
            let asks = ["-get\"", "session-stats\"", "free-space\""];
            request.method == "GET"
                || request.path.ends_with("/auth/login")
                || asks.iter().any(|method| request.body.contains(method))
        }
    }
}

/// What changed something, or tried to.
fn changes(sim: &Sim) -> Vec<String> {
    let log = sim.world().requests();
    assert!(!log.is_empty(), "something was asked");
    log.iter()
        .filter(|request| !reads(request))
        .map(|request| format!("{} {} {}", request.service, request.method, request.path))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_daemon_over_every_shipped_script_changes_nothing() {
    let home = Home::with(&grants());
    let scripts = shipped();
    assert!(scripts.len() >= 3, "{} scripts", scripts.len());
    for (name, text) in &scripts {
        home.script(name, text);
    }
    let (mut world, sim) = home.dry_in_sim().await;
    for (name, _) in &scripts {
        let status = world.script(name).await.unwrap_or_else(|| panic!("`{name}` is there"));
        assert_eq!(status.state, State::Loaded, "{name}: {:?}", status.error);
    }
    world.advance(minutes(65)).await;
    let runs = world.history().await;
    assert!(!runs.is_empty(), "something ran");
    assert_eq!(changes(&sim), Vec::<String>::new());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_exec_of_every_shipped_script_changes_nothing() {
    let clock = tidegate::clock::SystemClock::new();
    let local = "127.0.0.1:0".parse().expect("an address");
    let sim = Sim::start(tidegate::sim::Scenario::default(), clock, local, local).await.expect("the services");
    let urls = sim.urls();
    let home = Arc::new(Home::with(&format!("{}{}[limits]\ntimeout = \"5s\"\n", urls.configuration(), grants())));
    for (name, text) in shipped() {
        home.script(&name, text);
    }
    let run = async |args: Vec<String>| {
        let home = Arc::clone(&home);
        tokio::task::spawn_blocking(move || {
            let args: Vec<_> = args.iter().map(String::as_str).collect();
            let output = home.run(&args);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let value: Value =
                serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}\n{said}"));
            (value, output.status.code())
        })
        .await
        .expect("the program ran")
    };
    let (checked, _) = run(vec!["check".into(), "--json".into()]).await;
    // All of them beside each other: each is a program of its own that mostly waits.
    let mut runs = Vec::new();
    for file in checked["files"].as_array().expect("files") {
        let script = Path::new(file["path"].as_str().unwrap()).file_stem().unwrap().to_str().unwrap().to_owned();
        let Some(trigger) = file["triggers"].as_array().and_then(|triggers| triggers.first()) else {
            panic!("`{script}` does not load: {file:#}");
        };
        let args =
            ["exec", script.as_str(), trigger["name"].as_str().unwrap(), "--dry-run", "--json"].map(str::to_owned);
        runs.push(async { (script, run(args.into()).await) });
    }
    let count = runs.len();
    for (script, (answer, code)) in futures::future::join_all(runs).await {
        // A script may find that its world is not there; it must not be a fault of ours.
        assert!(code.is_some_and(|code| code < 2), "{script}: {answer:#}");
        assert_ne!(answer["error"]["kind"], "internal", "{script}: {answer:#}");
    }
    assert!(count >= 3, "{count} scripts");
    assert_eq!(changes(&sim), Vec::<String>::new());
}
