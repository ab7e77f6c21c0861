//! The shape of the source: each module imports only what stands above it in `src/lib.rs`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What only some layers may know, by the headings of `src/lib.rs`.
const KNOWS: [(&str, &[&str]); 5] = [
    ("rhai::", &["Script"]),
    ("tokio::", &["World", "Script", "Engine room", "Faces"]),
    ("reqwest::", &["World"]),
    ("sqlx::", &["World"]),
    ("clap::", &["Faces"]),
];

/// The modules of `src/lib.rs` from the bottom, each with its layer.
struct Order(Vec<(String, String)>);

impl Order {
    fn read() -> Self {
        let text = std::fs::read_to_string(Path::new(ROOT).join("src/lib.rs")).unwrap();
        let mut layer = String::new();
        let mut order = Vec::new();
        for line in text.lines() {
            if let Some(heading) = line.strip_prefix("// ") {
                heading.split([':', '.']).next().unwrap_or_default().clone_into(&mut layer);
            } else if let Some(module) = line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';')) {
                order.push((module.to_owned(), layer.clone()));
            }
        }
        Self(order)
    }

    fn rank(&self, module: &str) -> Option<usize> {
        self.0.iter().position(|(name, _)| name == module)
    }

    /// Every module above `own` that `code` names, with its line.
    fn upward(&self, own: &str, depth: usize, code: &str) -> Vec<(usize, String)> {
        let Some(rank) = self.rank(own) else { return Vec::new() };
        let root = format!("{}::", vec!["super"; depth].join("::"));
        let mut found = Vec::new();
        for (start, path) in [code.match_indices("crate::"), code.match_indices(root.as_str())].into_iter().flatten() {
            let before = code[..start].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let line = code[..start].lines().count().max(1);
            let named = first_names(&code[start + path.len()..]);
            let above = named.into_iter().filter(|name| self.rank(name).is_some_and(|other| other > rank));
            found.extend(above.map(|name| (line, name)));
        }
        found
    }
}

/// What a path begins with: `a::b` names `a`, `{a::b, c}` names `a` and `c`.
fn first_names(path: &str) -> Vec<String> {
    let name =
        |text: &str| -> String { text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let mut names = vec![name(group)];
    let mut depth = 1;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => break,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(name(&group[at + 1..])),
            _ => {}
        }
    }
    names
}

/// Source without comments, line by line as it was.
fn code(text: &str) -> String {
    let lines = text.lines().map(|line| line.find("//").map_or(line, |comment| &line[..comment]));
    lines.fold(String::new(), |code, line| code + line + "\n")
}

/// Every Rust file below a folder.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![Path::new(ROOT).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The files of the library by path below `src`, without comments; the two doorways are no modules.
fn modules() -> BTreeMap<String, String> {
    let source = Path::new(ROOT).join("src");
    let named = files("src").into_iter().map(|path| {
        let text = code(&std::fs::read_to_string(&path).unwrap());
        (path.strip_prefix(&source).unwrap().display().to_string(), text)
    });
    named.filter(|(path, _)| path != "lib.rs" && path != "main.rs").collect()
}

/// `script/std/time.rs` belongs to `script`, and three `super`s lead out of it.
fn place(path: &str) -> (&str, usize) {
    let path = path.strip_suffix(".rs").unwrap_or(path);
    (path.split('/').next().unwrap_or(path), path.split('/').count())
}

#[test]
fn a_module_imports_only_what_stands_above_it() {
    let order = Order::read();
    assert!(order.0.len() > 30, "`src/lib.rs` lists the modules, one `pub mod` a line");
    let mut upward = Vec::new();
    for (path, code) in modules() {
        let (own, depth) = place(&path);
        assert!(order.rank(own).is_some(), "src/{path} belongs to no module of src/lib.rs");
        let found = order.upward(own, depth, &code);
        upward.extend(found.into_iter().map(|(line, other)| format!("src/{path}:{line} imports `{other}`")));
    }
    assert!(upward.is_empty(), "against the order of src/lib.rs:\n{}", upward.join("\n"));
}

#[test]
fn an_import_against_the_order_is_seen_in_every_spelling() {
    let order = Order::read();
    let names = |own, depth, code: &str| -> Vec<_> {
        order.upward(own, depth, code).into_iter().map(|(_, name)| name).collect()
    };
    assert_eq!(names("store", 1, "use crate::script::Context;"), ["script"]);
    assert_eq!(names("store", 1, "use crate::{error::{Error, Kind}, cli};"), ["cli"]);
    assert_eq!(names("store", 1, "\nfn x() { crate::daemon::y() }"), ["daemon"]);
    assert_eq!(names("store", 2, "use super::super::run::Job;"), ["run"]);
    assert_eq!(names("store", 2, "use super::run::Job; use crate::error::Error;"), [""; 0]);
}

#[test]
fn a_layer_knows_no_crate_that_belongs_to_another() {
    let order = Order::read();
    let mut found = Vec::new();
    for (path, code) in modules() {
        let rank = order.rank(place(&path).0).unwrap_or_default();
        let layer = order.0[rank].1.as_str();
        for (name, layers) in KNOWS {
            let named = code
                .match_indices(name)
                .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '"'));
            if named && !layers.contains(&layer) {
                found.push(format!("src/{path} ({layer}) knows `{name}`"));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_doorway_is_narrow() {
    let main = std::fs::read_to_string(Path::new(ROOT).join("src/main.rs")).unwrap();
    assert!(main.lines().count() <= 30, "src/main.rs is a doorway; what it does belongs into the library");
}

#[test]
fn names_of_files_say_what_is_in_them() {
    let vague = ["util", "utils", "helper", "helpers", "common", "misc", "manager", "managers"];
    for path in files("src").into_iter().chain(files("tests")) {
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        // Helpers are what scripts call; the file holds their table.
        let allowed = path.ends_with("src/script/helpers.rs");
        let vague = stem.split('_').any(|word| vague.contains(&word));
        assert!(allowed || !vague, "{}: what is in it?", path.display());
    }
}

#[test]
fn nothing_is_left_to_be_done() {
    let marks = ["todo", "unimplemented"].map(|word| format!("{word}!("));
    for path in files("src").into_iter().chain(files("tests")) {
        let code = code(&std::fs::read_to_string(&path).unwrap());
        for mark in &marks {
            assert!(!code.contains(mark.as_str()), "{} contains `{mark}`", path.display());
        }
    }
}
