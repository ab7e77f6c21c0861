//! Tests over the whole program: one file a capability, one harness.

#![allow(clippy::disallowed_methods, reason = "the world outside is real here")]

mod harness;

#[cfg(unix)]
mod adapters;
mod adhoc;
mod chinese;
#[cfg(unix)]
mod clients;
#[cfg(unix)]
mod commands;
mod configuration;
mod control;
#[cfg(unix)]
mod crash;
mod demo;
mod dry;
mod endpoints;
mod failure;
mod fleet;
mod functions;
mod history;
mod init;
mod isolation;
mod layers;
mod lsp;
mod messages;
mod next;
mod overlap;
mod papers;
#[cfg(unix)]
mod program;
mod promises;
mod recipes;
mod reload;
mod repl;
mod rows;
mod sandbox;
mod served;
mod secrets;
mod schedule;
mod shutdown;
mod sim;
mod simulate;
mod soak;
mod state;
mod streams;
#[cfg(target_os = "linux")]
mod supervised;
mod terminal;
mod testing;
mod triggers;
mod wall;

/// A file that nobody names here would never run.
#[test]
fn every_file_of_this_folder_is_a_module() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let named = include_str!("main.rs");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("main.rs") {
            let module = path.file_stem().unwrap().to_str().unwrap();
            assert!(named.contains(&format!("\nmod {module};")), "`mod {module};` is missing in tests/main.rs");
        }
    }
}
