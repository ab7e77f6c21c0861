//! Every example of the std library runs, and gives what its row says.

use std::path::Path;
use std::sync::Arc;

use tidegate::config::Mode;
use tidegate::host::Host;
use tidegate::permission::{Grant, Grants};
use tidegate::script::std::{Function, When, functions};
use tidegate::script::{Context, STACK, Session, Setup, Source, load};
use tokio_util::sync::CancellationToken;

use crate::harness::{minutes, simulated};

/// What an example comes to: nothing, or what is wrong.
fn wrong(host: &Arc<Host>, row: &Function) -> Option<String> {
    let (code, expected) = row.example;
    if row.when == When::Load {
        let source = Source::new(Path::new("example.rhai"), format!("{code};"));
        return match load(host, &source) {
            Ok(loaded) if loaded.triggers.len() == 1 && loaded.findings.is_empty() => None,
            Ok(loaded) => Some(format!("{} triggers, {:?}", loaded.triggers.len(), loaded.findings)),
            Err(findings) => Some(format!("{findings:?}")),
        };
    }
    let setup = Setup {
        // Each with a state of its own.
        script: row.signature(),
        trigger: None,
        run: "example".into(),
        mode: Mode::Live,
        grants: Grants {
            allow: ["http:*", "net:*", "secret:*"].map(|grant| Grant::parse(grant).unwrap()).into(),
            deny: Vec::new(),
        },
        deadline: host.clock.now() + minutes(10),
        cancel: CancellationToken::new(),
        permits: None,
    };
    let context = Context::new(Arc::clone(host), setup);
    match Session::new(Path::new(".")).eval(&context, code) {
        Ok(answer) if expected.is_empty() || answer.text == expected => None,
        Ok(answer) => Some(format!("gives\n{}\ninstead of\n{expected}", answer.text)),
        Err(error) => Some(format!("{error:?}")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_gives_what_its_row_says() {
    let (sim, host) = simulated().await;
    let at = Arc::clone(&host);
    let wrong = tokio::task::spawn_blocking(move || {
        let rows = || functions().filter_map(|row| Some(format!("{}: {}", row.example.0, wrong(&at, row)?)));
        std::thread::scope(|scope| {
            let runtime = tokio::runtime::Handle::current();
            let work = move || {
                let _entered = runtime.enter();
                rows().collect::<Vec<_>>()
            };
            std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).unwrap().join().unwrap()
        })
    });
    let wrong = wrong.await.unwrap();
    sim.stop().await;
    assert!(wrong.is_empty(), "{} examples:\n{}", wrong.len(), wrong.join("\n"));
}
