//! The corpus: what is wrong with each broken script and nothing else, and nothing with any good one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono_tz::Tz;

use super::codes::CODES;
use crate::clock::VirtualClock;
use crate::config::Config;
use crate::host::{Host, Setting, Storage};
use crate::journal::Silent;
use crate::language::Language;
use crate::script::{Finding, STACK, Severity, Source, load};
use crate::time::Time;

/// Where scripts are checked: without a configuration, or with a text of one.
struct Bench {
    runtime: tokio::runtime::Runtime,
}

impl Bench {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self { runtime }
    }

    fn host(&self, config: &str) -> Arc<Host> {
        let config = format!("timezone = \"UTC\"\n{config}");
        let config = Config::load(&config, Path::new("tidegate.toml"), &|_| None).unwrap_or_else(|p| panic!("{p:?}"));
        let accepts_any_instance = config.vps.is_empty() && config.pbh.is_empty();
        self.runtime.block_on(async {
            let clock = VirtualClock::new(Time::parse("2026-07-01T00:00:00Z", Tz::UTC).unwrap());
            let setting = Setting {
                clock,
                env: Arc::new(|_| None),
                journal: Arc::new(Silent),
                storage: Storage::Memory,
                accepts_any_instance,
            };
            Host::open(config, setting).await.unwrap()
        })
    }

    /// Everything that is found in a script, whether it loads or not.
    fn check(&self, host: &Arc<Host>, path: &Path, text: &str) -> Vec<Finding> {
        let _entered = self.runtime.enter();
        let source = Source::new(path, text.to_owned());
        std::thread::scope(|scope| {
            std::thread::Builder::new()
                .stack_size(STACK)
                .spawn_scoped(scope, || load(host, &source).map_or_else(|found| found, |loaded| loaded.findings))
                .unwrap()
                .join()
                .unwrap()
        })
    }
}

fn corpus(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/check").join(folder);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rhai"))
        .collect();
    files.sort();
    files
}

type Found = BTreeSet<(Option<String>, usize, String, String)>;

/// What the comments of a file promise: `//~ error unknown-field` on its line.
fn expected(file: Option<&str>, text: &str) -> Found {
    let mut found = Found::new();
    for (number, line) in text.lines().enumerate() {
        for promise in line.split("//~").skip(1) {
            let mut words = promise.split_whitespace();
            let (severity, code) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            found.insert((file.map(Into::into), number + 1, severity.to_owned(), code.to_owned()));
        }
    }
    found
}

/// The lines of configuration that a script asks for: `//! allow: kiwivm:restart`.
fn configuration(name: &str, text: &str) -> String {
    let lines = |word: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix("//! ")?.strip_prefix(word));
        lines.map(|line| format!("{:?}", line.trim())).collect()
    };
    let (allow, deny) = (lines("allow:"), lines("deny:"));
    let configured: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("//! toml:")).collect();
    format!(
        "{}\n[script.{name:?}]\nallow = [{}]\ndeny = [{}]\n",
        configured.join("\n"),
        allow.join(", "),
        deny.join(", ")
    )
}

fn shown(findings: &[Finding]) -> Found {
    findings
        .iter()
        .map(|finding| {
            let file = finding.file.as_deref().and_then(|file| Path::new(file).file_name()?.to_str());
            let severity = if finding.severity == Severity::Error { "error" } else { "warning" };
            (file.map(Into::into), finding.line, severity.to_owned(), finding.code.to_owned())
        })
        .collect()
}

/// What differs, in words.
fn compare(path: &Path, wanted: &Found, findings: &[Finding]) -> Option<String> {
    let found = shown(findings);
    if *wanted == found {
        return None;
    }
    let mut text = format!("{}\n", path.file_name().unwrap().to_string_lossy());
    for missing in wanted.difference(&found) {
        text += &format!("  not found: {missing:?}\n");
    }
    for finding in findings {
        let one = shown(std::slice::from_ref(finding));
        if !one.is_subset(wanted) {
            text += &format!(
                "  not wanted: {:?} {}:{} {} {} ({:?})\n",
                finding.file, finding.line, finding.column, finding.code, finding.message, finding.hint
            );
        }
    }
    Some(text)
}

fn run(folder: &str) -> (usize, Vec<String>) {
    let bench = Bench::new();
    let plain = bench.host("");
    let files = corpus(folder);
    let mut wrong = Vec::new();
    for path in &files {
        let text = fs::read_to_string(path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy();
        let own = ["//! allow:", "//! deny:", "//! toml:"].iter().any(|mark| text.contains(mark));
        let host = if own { bench.host(&configuration(&name, &text)) } else { Arc::clone(&plain) };
        let mut wanted = expected(None, &text);
        for import in text.split("import \"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let library = path.parent().unwrap().join(format!("{import}.rhai"));
            if let Ok(text) = fs::read_to_string(&library) {
                let name = library.file_name().unwrap().to_string_lossy().into_owned();
                wanted.extend(expected(Some(&name), &text));
            }
        }
        let findings = bench.check(&host, path, &text);
        wrong.extend(compare(path, &wanted, &findings));
    }
    (files.len(), wrong)
}

#[test]
fn each_broken_script_has_the_faults_that_it_says_and_no_others() {
    let (count, wrong) = run("broken");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 80, "{count} broken scripts");
}

#[test]
fn nothing_is_found_in_good_scripts() {
    let (count, wrong) = run("good");
    let (_, shipped) = run("../../../scripts");
    assert!(shipped.is_empty(), "{}", shipped.join("\n"));
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 40, "{count} good scripts");
    for path in corpus("good") {
        assert!(
            !fs::read_to_string(&path).unwrap().contains("//~"),
            "{}: good scripts promise nothing",
            path.display()
        );
    }
}

#[test]
fn the_examples_of_each_code_have_it_and_do_not() {
    let bench = Bench::new();
    let host = bench.host("");
    let mut wrong = Vec::new();
    for code in CODES {
        let codes = |text: &str| -> Vec<_> {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/example.rhai");
            bench.check(&host, &path, text).iter().map(|finding| (finding.code, finding.line)).collect()
        };
        let bad = codes(code.bad);
        let wanted = !code.bad.is_empty();
        if wanted && !(bad.len() == 1 && bad[0].0 == code.id) {
            wrong.push(format!("`{}`, bad: {bad:?}", code.id));
        }
        let good = codes(code.good);
        if !(good.is_empty() || code.good.is_empty()) {
            wrong.push(format!("`{}`, good: {good:?}", code.id));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a person who reads Chinese only can read a text: all of it but what stands in back-ticks.
fn is_chinese(text: &str) -> bool {
    let plain: String = text.split('`').step_by(2).collect();
    let words = plain.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| word.len() > 2);
    let names = ["VPS", "PBH", "KiwiVM", "qBittorrent", "tidegate", "allow", "toml", "RFC"];
    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
        && words.filter(|word| !names.contains(word)).count() < 4
}

#[test]
fn whatever_is_found_can_be_read_in_chinese() {
    let bench = Bench::new();
    let plain = bench.host("");
    let mut untold = BTreeSet::new();
    for path in corpus("broken") {
        let text = fs::read_to_string(&path).unwrap();
        for finding in bench.check(&plain, &path, &text) {
            // What Rhai says of a text that it cannot parse has too many forms; its code explains it.
            let texts = [Some(finding.message).filter(|_| finding.code != "syntax"), finding.hint];
            for text in texts.into_iter().flatten() {
                let chinese = Language::Chinese.say(&text).into_owned();
                if !is_chinese(&chinese) {
                    untold.insert(format!("{text}  =>  {chinese}"));
                }
            }
        }
    }
    assert!(untold.is_empty(), "{untold:#?}");
    for code in CODES {
        assert!(is_chinese(code.zh_title) && is_chinese(code.zh), "{}", code.id);
    }
}

#[test]
fn scripts_made_to_be_slow_or_deep_are_looked_at_all_the_same() {
    let bench = Bench::new();
    let host = bench.host("");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/example.rhai");
    let (deep, wide) = (1_000, 3_000);
    let nest = |open: &str, inside: &str, close: &str| open.repeat(deep) + inside + close.repeat(deep).as_str();
    let handler = |body: String| format!("every(\"1h\", \"x\", || {{\n{body}\n}});");
    let chain = |step: &str| format!("let x = all_vps(){};\ninfo(x);", step.repeat(deep));
    let lines = |line: &str| (0..wide).map(|n| line.replace("$N", &n.to_string()) + "\n").collect::<String>();
    let scripts = [
        ("blocks", handler(nest("{ ", "info(1);", " }"))),
        ("parentheses", handler(format!("info({});", nest("(", "1", ")")))),
        ("lists", handler(format!("info({});", nest("[", "1", "]")))),
        ("maps", handler(format!("info({});", nest("#{a: ", "1", "}")))),
        ("branches", handler(nest("if now().hour > 3 { ", "info(1);", " }"))),
        ("loops", handler(nest("for x in [1] { ", "info(1);", " }"))),
        ("closures", handler(format!("let f = {};\ninfo(f);", nest("|| ", "1", "")))),
        ("sums", handler(format!("info({}1);", "1 + ".repeat(deep)))),
        ("negations", handler(format!("info({}true);", "!".repeat(deep)))),
        ("a chain", handler(chain(".filter(|v| true)"))),
        ("calls in calls", handler(format!("info({});", nest("abs(", "1", ")")))),
        ("texts in texts", handler(format!("info({});", nest("`${", "1", "}`")))),
        (
            "else if",
            handler(format!("if now().hour == 1 {{ info(1) }}{}", " else if now().hour == 2 { info(2) }".repeat(deep))),
        ),
        ("lines", handler(lines("info($N);").repeat(7))),
        ("functions", lines("fn f$N(x) { x + $N }") + "every(\"1h\", \"x\", || info(f1(2)));"),
        (
            "variables",
            handler((0..deep).map(|n| format!("let a{n} = {n}; info(a{n});\n")).collect::<Vec<_>>().concat()),
        ),
        ("triggers", lines("every(\"1h\", \"t$N\", || info($N));")),
        (
            "functions in functions",
            (1..deep).map(|n| format!("fn f{n}(x) {{ f{}(x) + f{}(x) }}\n", n - 1, n - 1)).collect::<Vec<_>>().concat()
                + "fn f0(x) { x }\nevery(\"1h\", \"x\", || info(f999(2)));",
        ),
    ];
    for (what, text) in scripts {
        // Not how long it takes, but that it comes to an end, with or without findings.
        let findings = bench.check(&host, &path, &text);
        assert!(findings.len() < wide + 10, "{what}: {} findings", findings.len());
        for finding in &findings {
            assert!(finding.line >= 1 && finding.line <= text.lines().count() + 1, "{what}: {finding:?}");
        }
    }
}

#[test]
fn codes_are_unique() {
    let ids: BTreeSet<_> = CODES.iter().map(|code| code.id).collect();
    assert_eq!(ids.len(), CODES.len());
}
