//! What the papers show is true: every script in them loads and runs, and what they promise is there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tidegate::api::Service;
use tidegate::config::{Config, Mode};
use tidegate::permission::Grants;
use tidegate::script::{Context, Finding, Setup, Source, load};
use tokio_util::sync::CancellationToken;

use crate::harness::{Home, minutes, simulated};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The papers for people: the pages of the root and of `docs`.
fn papers() -> Vec<PathBuf> {
    let mut papers = Vec::new();
    for folder in [root().to_owned(), root().join("docs")] {
        let pages = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        papers.extend(pages.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    }
    papers.sort();
    papers
}

/// A script in a paper.
struct Block {
    /// `README.md:52`.
    place: String,
    text: String,
}

fn blocks(language: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    for path in papers() {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines = text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            let Some(marked) = line.strip_prefix("```") else { continue };
            let inside: Vec<_> = lines.by_ref().take_while(|(_, line)| *line != "```").map(|(_, line)| line).collect();
            if marked == language {
                let place = format!("{}:{}", path.strip_prefix(root()).unwrap().display(), number + 1);
                blocks.push(Block { place, text: inside.join("\n") });
            }
        }
    }
    blocks
}

impl Block {
    fn registers(&self) -> bool {
        let starts = ["cron(", "every(", "when(", "schedule(", "on_"];
        self.text.lines().any(|line| starts.iter().any(|start| line.trim_start().starts_with(start)))
    }

    /// As a script file: what stands alone is the body of a trigger.
    fn script(&self) -> Source {
        let text = if self.registers() {
            self.text.clone()
        } else {
            format!("every(\"1h\", \"block\", || {{\n{}\n}});", self.text)
        };
        Source::new(Path::new("block.rhai"), text)
    }
}

fn told(findings: &[Finding]) -> String {
    let lines = findings.iter().map(|finding| format!("  {}:{} {}", finding.line, finding.column, finding.message));
    lines.collect::<Vec<_>>().join("\n")
}

/// Loading finds unknown functions; only running finds a field that does not exist.
#[tokio::test(flavor = "multi_thread")]
async fn every_script_in_the_papers_loads_and_runs() {
    let blocks = blocks("rhai");
    assert!(blocks.len() > 10, "the papers show scripts");
    let (sim, host) = simulated().await;
    let mut wrong = Vec::new();
    for block in blocks {
        let (at, source) = (Arc::clone(&host), block.script());
        let outcome = tokio::task::spawn_blocking(move || {
            let loaded = load(&at, &source).map_err(|findings| told(&findings))?;
            if !loaded.findings.is_empty() {
                return Err(told(&loaded.findings));
            }
            for (spec, handler) in loaded.triggers {
                let setup = Setup {
                    script: "block".into(),
                    trigger: Some(spec.name.clone()),
                    run: "papers".into(),
                    mode: Mode::Watch,
                    grants: Grants::default(),
                    deadline: at.clock.now() + minutes(10),
                    cancel: CancellationToken::new(),
                    permits: None,
                };
                let context = Context::new(Arc::clone(&at), setup);
                handler.fire(&context).map_err(|error| format!("  `{}`: {error:?}\n", spec.name))?;
            }
            Ok(())
        });
        if let Err(why) = outcome.await.unwrap() {
            wrong.push(format!("{}\n{why}", block.place));
        }
    }
    sim.stop().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_configuration_in_the_papers_is_read() {
    // Files of the simulated world, and of editors, are none.
    let others = ["world-file", "editors"];
    for block in blocks("toml").into_iter().filter(|block| !others.iter().any(|other| block.place.contains(other))) {
        if let Err(problems) = Config::load(&block.text, Path::new("tidegate.toml"), &|_| None) {
            panic!("{}: {problems:?}", block.place);
        }
    }
}

/// The words of a command line, up to a comment, a pipe or a redirection.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (' ', None) => words.extend(word.take()),
            ('#' | '|' | '>' | '&' | ';', None) if word.is_none() => return words,
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Commands and their options exist: with `--help` at the end nothing else happens.
#[test]
fn every_command_in_the_papers_is_one() {
    let lines = blocks("").into_iter().flat_map(|block| {
        // The prompts of the REPL begin like commands.
        let commands = block.text.lines().filter(|line| line.starts_with("tidegate ") && !line.contains("dry> "));
        let lines: Vec<_> = commands.map(words).collect();
        lines.into_iter().map(move |words| (block.place.clone(), words))
    });
    let lines: Vec<_> = lines.collect();
    assert!(lines.len() > 10, "the papers show commands");
    let home = Home::new();
    for (place, words) in lines {
        let mut args: Vec<_> = words[1..].iter().map(String::as_str).collect();
        args.push("--help");
        let output = home.run(&args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{place}: `{}`: {said}", words.join(" "));
    }
}

#[test]
fn the_first_script_is_the_one_that_ships() {
    let shipped = read("scripts/quota-guard.rhai");
    for paper in ["README.md", "README.zh-CN.md"] {
        let block = blocks("rhai").into_iter().find(|block| block.place.starts_with(&format!("{paper}:")));
        let block = block.expect("the README shows a script");
        assert!(shipped.contains(&block.text), "{} is not scripts/quota-guard.rhai", block.place);
    }
}

/// What VS Code reads of the extension is there and can be read.
#[test]
fn the_extension_for_vs_code_is_whole() {
    let folder = "docs/editors/vscode";
    let json = |file: &str| -> serde_json::Value {
        let text = read(&format!("{folder}/{}", file.trim_start_matches("./")));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
    };
    let package = json("package.json");
    let text = |at: &str| package.pointer(at).and_then(serde_json::Value::as_str).unwrap_or_else(|| panic!("{at}"));
    read(&format!("{folder}/{}", text("/main")));
    json(text("/contributes/languages/0/configuration"));
    assert_eq!(json(text("/contributes/grammars/0/path"))["scopeName"], text("/contributes/grammars/0/scopeName"));
    let file = format!("{}-{}.vsix", text("/name"), text("/version"));
    for page in ["docs/editors.md", "docs/editors.zh-CN.md"] {
        assert!(read(page).contains(&file), "{page} installs {file}");
    }
}

#[test]
fn what_the_papers_promise_is_there() {
    let endpoints = Service::ALL.into_iter().flat_map(Service::rows).filter(|row| row.extra.uncallable.is_none());
    let endpoints = endpoints.count().to_string();
    for paper in ["README.md", "README.zh-CN.md"] {
        let text = read(paper);
        assert!(text.contains("\ncargo run --release -- demo\n") && text.contains("\ncargo test\n"), "{paper}");
        assert!(text.contains(&endpoints), "{paper}: there are {endpoints} endpoints that can be called");
    }
    let checks = read(".ci/run");
    assert_eq!(checks.lines().last(), Some("cargo test"), "the tests' closing lines end the output of .ci/run");
}

/// Links to files of this repository.
#[test]
fn links_lead_somewhere() {
    for path in papers() {
        let text = std::fs::read_to_string(&path).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            if !file.is_empty() && !link.contains("://") {
                assert!(path.parent().unwrap().join(file).exists(), "{}: {link}", path.display());
            }
        }
    }
}
