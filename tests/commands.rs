//! The commands that ask a running daemon, as the real program.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tidegate::cli::command::names;

use crate::harness::Home;

const SCRIPT: &str = r#"
    on_event("go", "quick", |told| { info(`told ${told.data}`); shared_state.set("k", 1); });
    on_event("go", #{name: "slow", overlap: "skip", timeout: "9h"}, || sleep("8h"));
    on_event("go", "bad", || throw "no");
"#;

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn shown(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// One JSON document on standard output and nothing else.
fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}{}", shown(output), said(output)))
}

#[test]
fn without_a_daemon_each_of_them_says_so() {
    let home = Home::new();
    home.script("gate", SCRIPT);
    let all: [&[&str]; 7] = [
        &["status"],
        &["trigger", "gate", "quick"],
        &["off", "gate", "quick"],
        &["on", "gate/quick"],
        &["cancel", "abc"],
        &["logs"],
        &["reload"],
    ];
    // Nobody has run here yet; then somebody has, and was killed.
    for crashed in [false, true] {
        if crashed {
            let mut program = home.spawn();
            program.signal("KILL");
            program.exit_code();
            assert!(home.path("data/control.sock").exists(), "left behind");
        }
        for args in all {
            let output = home.run(args);
            assert_eq!(output.status.code(), Some(1), "{args:?}: {output:?}");
            let words = said(&output);
            assert!(words.contains("no daemon runs") && words.contains("tidegate run"), "{args:?}: {words}");
            assert_eq!(shown(&output), "");
            let output = home.run(&[args, &["--json"]].concat());
            assert_eq!((output.status.code(), &json_of(&output)["error"]["kind"]), (Some(1), &json!("transport")));
        }
        let status = json_of(&home.run(&["status", "--json"]));
        assert_eq!((&status["ready"], &status["scripts"]), (&Value::Null, &json!([])));
        assert_eq!(json_of(&home.run(&["history", "--json"])), json!([]), "needs none");
    }
    let elsewhere = home.run(&["status", "--url", "localhost:1"]);
    assert_eq!(elsewhere.status.code(), Some(2), "{elsewhere:?}");
}

#[test]
fn a_broken_configuration_does_not_hide_the_daemon() {
    let home = Home::new();
    home.script("gate", SCRIPT);
    let mut program = home.spawn();
    home.write("tidegate.toml", "timezone = \"UTC\"\nmoode = \"live\"\n[vps.tokyo\n");
    program.wait_for("reload_failed");
    for args in [&["status"][..], &["off", "gate", "quick"], &["on", "gate", "quick"], &["logs"]] {
        let output = home.run(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
    }
    // However often it is asked: it is still broken.
    for _ in 0..2 {
        let output = home.run(&["reload"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let text = shown(&output);
        assert!(text.contains("the last good configuration stays in force") && text.contains("moode"), "{text}");
    }
    // Where it is and what its token is, and no file is needed at all.
    let (socket, token) = (home.path("data/control.sock"), home.path("data/control.token"));
    let url = format!("unix:{}", socket.display());
    let args = ["status", "--config", "nowhere.toml", "--url", &url, "--token-file", token.to_str().unwrap()];
    assert_eq!(home.run(&args).status.code(), Some(0));
    assert_eq!(home.run(&args[..5]).status.code(), Some(2), "the token is where that file says");
    program.signal("TERM");
    program.exit_code();
    let output = home.run(&["status", "--json"]);
    assert_eq!(output.status.code(), Some(2), "why none is found is in the file: {output:?}");
    assert_eq!(json_of(&output)["error"]["kind"], "config");
}

#[test]
fn a_reload_settles_what_is_gone() {
    let home = Home::new();
    home.script("gate", SCRIPT);
    home.script("tmp", "every(\"1h\", \"tick\", || 1);");
    let _program = home.spawn();
    home.remove("tmp");
    let output = home.run(&["reload", "--json"]);
    let reloaded = json_of(&output);
    assert_eq!((output.status.code(), reloaded["scripts"].as_array().unwrap().len()), (Some(0), 1), "{reloaded:#}");
    let output = home.run(&["trigger", "tmp"]);
    assert!(output.status.code() == Some(2) && said(&output).contains("there is no script `tmp`"), "{output:?}");
}

#[test]
fn with_json_an_error_is_a_document_too() {
    let home = Home::new();
    home.script("tester", "every(\"1h\", \"tick\", || 1);");
    let check = |args: &[&str], code: i32, kind: &str| {
        let output = home.run(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {output:?}");
        let error = &json_of(&output)["error"];
        assert!(error["kind"] == kind && error["message"].is_string(), "{args:?}: {error:#}");
        assert!(!said(&output).is_empty(), "{args:?}: people are told too");
    };
    check(&["exec", "nope", "--json"], 2, "argument");
    check(&["exec", "tester", "nope", "--json"], 2, "argument");
    check(&["check", "nope", "--json"], 2, "argument");
    check(&["history", "show", "nope", "--json"], 2, "argument");
    check(&["release", "nope", "--json"], 2, "argument");
    check(&["state", "get", "zz", "--shared", "--json"], 1, "field");
    check(&["notify", "test", "--json"], 2, "config");
    check(&["next", "61 * * * *", "--json"], 2, "syntax");
    check(&["trigger", "nope", "--json"], 1, "transport");
    check(&["history", "--jso", "--json"], 2, "argument");
    home.write("tidegate.toml", "moode = 1\n");
    for args in [&["eval", "1", "--json"][..], &["check", "--json"], &["history", "--json"], &["downloaders", "--json"]]
    {
        check(args, 2, "config");
    }
}

#[test]
fn where_the_fault_is_not_the_daemons_that_is_said() {
    let home = Home::new();
    let _program = home.spawn();
    #[cfg(target_os = "linux")]
    {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = home.command(&["status"]).stdout(full).output().unwrap();
        let words = said(&output);
        assert!(output.status.code() == Some(1) && words.contains("is there room where it goes"), "{words}");
    }
    std::fs::remove_file(home.path("data/control.token")).unwrap();
    let output = home.run(&["status"]);
    let words = said(&output);
    assert!(words.contains("control.token` is gone") && words.contains("restart the daemon"), "{words}");
}

#[test]
fn a_name_that_nobody_has_is_told() {
    let home = Home::new();
    home.script("gate", SCRIPT);
    home.script("never", "every(\"1h\", #{name: \"tick\", enabled: false}, || 1);");
    let _program = home.spawn();
    home.run(&["trigger", "gate", "quick"]);
    let follow = ["logs", "-f", "--script", "gat"];
    for (args, code) in [(&["history", "--script", "gat"][..], 0), (&["logs", "--script", "gat"], 2), (&follow, 2)] {
        let output = home.run(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {output:?}");
        let words = said(&output);
        assert!(words.contains("there is no script `gat`") && words.contains("did you mean `gate`?"), "{words}");
    }
    let none = home.run(&["history", "--script", "never", "--json"]);
    assert_eq!((none.status.code(), json_of(&none)), (Some(0), json!([])), "it is there and never ran");
    // What its script switches off is promised no time.
    let checked = json_of(&home.run(&["check", "--json"]));
    let trigger = &checked["files"][1]["triggers"][0];
    assert_eq!((&trigger["enabled"], &trigger["next"]), (&json!(false), &json!([])), "{checked:#}");
    assert!(shown(&home.run(&["check"])).contains("off: `enabled: false`"));
}

#[test]
fn an_empty_name_of_a_configuration_is_none_and_a_folder_is_no_configuration() {
    let home = Home::new();
    let output = home.command(&["history"]).env("TIDEGATE_CONFIG", "").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    std::fs::remove_file(home.path("tidegate.toml")).unwrap();
    std::fs::create_dir(home.path("tidegate.toml")).unwrap();
    let output = home.run(&["history"]);
    assert!(output.status.code() == Some(2) && said(&output).contains("is a folder"), "{output:?}");
}

#[test]
fn a_running_daemon_is_asked_and_told() {
    let home = Home::new();
    home.script("gate", SCRIPT);
    home.script("tick", "every(\"1h\", \"tick\", || 1);");
    let mut program = home.spawn();

    // The contract's fields, a stale and a broken script among them.
    home.script("tick", "every(");
    home.script("worse", "cron(");
    program.wait_for("reload_failed");
    program.wait_for("reload_failed");
    let status = json_of(&home.run(&["status", "--json"]));
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert!(status["started"].is_string() && status["ready"].is_string(), "{status:#}");
    let names: Vec<_> = status["scripts"].as_array().unwrap().iter().map(|one| (&one["name"], &one["state"])).collect();
    let expected = [("gate", "loaded"), ("tick", "stale"), ("worse", "broken")].map(|(a, b)| (json!(a), json!(b)));
    assert_eq!(names, expected.iter().map(|(a, b)| (a, b)).collect::<Vec<_>>());
    assert_eq!(status["scripts"][1]["error"]["kind"], "syntax");
    assert!(status["scripts"][0]["version"].is_string());
    let trigger = &status["scripts"][1]["triggers"][0];
    assert_eq!((&trigger["name"], &trigger["kind"], &trigger["off"]), (&json!("tick"), &json!("every"), &json!(false)));
    assert!(trigger["next"].is_string() && trigger["last_state"].is_null() && trigger["last_ended"].is_null());
    let output = home.run(&["status"]);
    let text = shown(&output);
    assert_eq!(output.status.code(), Some(0));
    assert!(text.contains("tick does not load; the last good version runs"), "{text}");
    assert!(text.contains("worse does not load") && text.contains("3 scripts") && !text.contains('\u{1b}'), "{text}");

    // What was broken is told again by nobody; what is well again is news.
    home.script("tick", "every(\"1h\", \"tick\", || 2);");
    let output = home.run(&["reload", "--json"]);
    assert_eq!(output.status.code(), Some(1), "`worse` is still broken");
    assert_eq!(json_of(&output)["scripts"][1]["state"], "loaded");
    home.remove("worse");
    assert_eq!(home.run(&["reload"]).status.code(), Some(0));

    // Run now: the guards, what it said, how it ended.
    let output = home.run(&["trigger", "gate", "quick", "--data", "{\"a\": 7}"]);
    assert_eq!((output.status.code(), shown(&output).trim()), (Some(0), "told #{a: 7}"), "{output:?}");
    let words = said(&output);
    assert!(
        words.contains("  overlap: `queue`") && words.contains("ok: ") && words.contains("changed something"),
        "{words}"
    );
    let output = home.run(&["trigger", "gate/bad", "--json"]);
    let run = json_of(&output);
    assert_eq!((output.status.code(), &run["run"]["state"]), (Some(1), &json!("failed")), "{run:#}");
    assert_eq!((&run["run"]["error"]["kind"], &run["guards"][0]["name"]), (&json!("script"), &json!("overlap")));
    for (args, hint) in [
        (&["trigger", "gate"][..], "there is `quick`, `slow` and `bad`"),
        (&["trigger", "gate", "quik"], "did you mean `quick`?"),
        (&["off", "gat/quick"], "did you mean `gate`?"),
        (&["cancel", "nothing"], "nothing is going"),
    ] {
        let output = home.run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
        let names = ["bad", "quick", "slow"];
        let found =
            said(&output).contains(hint) || (args.len() == 2 && names.iter().all(|one| said(&output).contains(one)));
        assert!(found, "{args:?}: {}", said(&output));
    }

    // Off, on, and a run that is cancelled.
    let off = json_of(&home.run(&["off", "gate", "quick", "--json"]));
    assert_eq!(
        (&off["script"], &off["off"], &off["off_reason"]),
        (&json!("gate"), &json!(true), &json!("switched off by hand"))
    );
    let output = home.run(&["trigger", "gate", "quick", "--guarded"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(said(&output).contains("it is off"), "{}", said(&output));
    assert!(shown(&home.run(&["status"])).contains("gate/quick is off: switched off by hand"));
    assert_eq!(json_of(&home.run(&["on", "gate", "quick", "--json"]))["off"], false);
    let begun = json_of(&home.run(&["trigger", "gate", "slow", "--no-wait", "--json"]));
    assert!(begun["run"]["state"] == "running" || begun["run"]["state"] == "due", "{begun:#}");
    let id = begun["run"]["id"].as_str().unwrap();
    assert_eq!(home.run(&["trigger", "gate", "slow"]).status.code(), Some(1), "the last run is going");
    assert_eq!(json_of(&home.run(&["cancel", &id[..6], "--json"])), json!({"run": id, "cancelled": true}));
    program.wait_for("run_finished");
    let rows =
        json_of(&home.run(&["history", "--script", "gate", "--trigger", "slow", "--state", "cancelled", "--json"]));
    assert_eq!(rows.as_array().unwrap().len(), 1);

    // The log, as it was and as it is written.
    let output = home.run(&["logs", "--script", "gate", "--trigger", "quick", "--level", "info"]);
    assert!(shown(&output).contains("told #{a: 7}"), "{output:?}");
    let mut command = home.command(&["logs", "-f", "-n", "0", "--json", "--level", "warn"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    // It may not follow yet.
    let line = std::thread::scope(|scope| {
        let first = scope.spawn(|| lines.next().unwrap());
        while !first.is_finished() {
            home.run(&["trigger", "gate", "bad"]);
        }
        first.join().unwrap()
    });
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&line["event"], &line["trigger"], &line["level"]),
        (&json!("run_finished"), &json!("bad"), &json!("error"))
    );
    program.signal("TERM");
    assert_eq!(program.exit_code(), Some(143));
    assert_eq!(child.wait().unwrap().code(), Some(0), "it ends with the daemon");
    assert!(!home.path("data/control.sock").exists());
}

#[test]
fn two_daemons_are_two_and_a_second_one_takes_nothing_away() {
    let (one, other) = (Home::new(), Home::new());
    one.script("first", "every(\"1h\", \"a\", || 1);");
    other.script("second", "every(\"1h\", \"b\", || 1);");
    let (_one, _other) = (one.spawn(), other.spawn());
    let name = |home: &Home, args: &[&str]| json_of(&home.run(args))["scripts"][0]["name"].clone();
    assert_eq!(name(&one, &["status", "--json"]), "first");
    assert_eq!(name(&other, &["status", "--json"]), "second");
    // The daemon of another folder, by its socket and with its token.
    let url = format!("unix:{}", other.path("data/control.sock").display());
    let token = other.path("data/control.token").display().to_string();
    assert_eq!(name(&one, &["status", "--json", "--url", &url, "--token-file", &token]), "second");
    let refused = one.run(&["status", "--url", &url]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(said(&refused).contains("the token is missing or wrong"), "{}", said(&refused));
    assert_eq!(one.run(&["run"]).status.code(), Some(2), "one daemon for each folder");
    assert_eq!(name(&one, &["status", "--json"]), "first", "and the first is still reached");
}

/// What the real program prints for each command, in both languages, is the page of commands. Rewrites what differs
/// and then fails, so that the next run passes.
#[test]
fn the_help_of_every_command_is_the_page_of_commands() {
    let home = Home::new();
    let mut rewritten = Vec::new();
    for (path, locale, head) in [
        (
            "docs/reference/commands.md",
            "en_GB.UTF-8",
            "[中文](commands.zh-CN.md)\n\n# Commands\n\nWhat `tidegate COMMAND --help` says; `-h` is shorter.",
        ),
        (
            "docs/reference/commands.zh-CN.md",
            "zh_CN.UTF-8",
            "[English](commands.md)\n\n# 命令\n\n`tidegate 命令 --help` 显示的内容；`-h` 更短。",
        ),
    ] {
        let mut page =
            "<!-- Derived from the help of each command. Change that; `cargo test` rewrites this page. -->\n\n"
                .to_owned();
        page += head;
        page.push('\n');
        for name in names() {
            let args: Vec<_> = name.split(' ').filter(|part| !part.is_empty()).chain(["--help"]).collect();
            let output = home.command(&args).env("LANG", locale).output().unwrap();
            assert_eq!((output.status.code(), said(&output).as_str()), (Some(0), ""), "{name}");
            let title = format!("tidegate {name}");
            let lines: Vec<_> = shown(&output).lines().map(|line| line.trim_end().to_owned()).collect();
            let _ = write!(page, "\n## `{}`\n\n```\n{}\n```\n", title.trim_end(), lines.join("\n").trim_end());
        }
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        if std::fs::read_to_string(&file).ok().as_ref() != Some(&page) {
            std::fs::write(&file, page).unwrap();
            rewritten.push(path);
        }
    }
    assert!(rewritten.is_empty(), "rewrote {rewritten:?}: look at it and commit it");
}

#[test]
fn every_command_that_has_data_gives_it_as_json() {
    let home = Home::with("[notify.phone]\ntype = \"log\"\n");
    home.script("gate", SCRIPT);
    let mut program = home.spawn();
    let begun = json_of(&home.run(&["trigger", "gate", "slow", "--no-wait", "--json"]));
    let run = begun["run"]["id"].as_str().unwrap();
    let trigger = ["script", "name", "kind", "next", "last_state", "last_ended", "off"];
    let row = "id script trigger version scheduled started ended state attempt error calls changed";
    let kept = "script key value changed expires";
    // In an order in which each finds something; where the answer is a list, the names are those of its first row.
    let forms: &[(&str, &[&str], &str)] = &[
        ("check", &[], "files"),
        ("exec", &["gate", "quick"], "ok value calls would output"),
        ("eval", &["1 + 1"], "ok value calls would output"),
        ("next", &["0 8 * * *"], "expression timezone next warnings"),
        ("endpoints", &["snapshot"], "service id method path effect since until params returns doc source"),
        ("status", &[], "version started ready scripts"),
        ("trigger", &["gate", "quick"], "run why_nothing trace guards"),
        ("off", &["gate", "quick"], &trigger.join(" ")),
        ("on", &["gate", "quick"], &trigger.join(" ")),
        ("cancel", &[run], "run cancelled"),
        ("history", &["-n", "1"], row),
        ("history show", &[run], "run why_nothing trace"),
        ("logs", &["-n", "1"], "ts level event script trigger run message"),
        ("reload", &[], "version started ready scripts news"),
        ("downloaders", &[], ""),
        ("release", &[], "released failed"),
        ("state set", &["k", "1", "--shared"], kept),
        ("state list", &[], kept),
        ("state get", &["k", "--shared"], kept),
        ("state delete", &["k", "--shared"], "script key deleted"),
        ("notify test", &[], "channels"),
        ("notify list", &[], ""),
        ("recipe", &[], "name sentence grants"),
        ("definitions", &["defs"], "written"),
    ];
    for (name, args, fields) in forms {
        let args: Vec<_> = name.split(' ').chain(args.iter().copied()).chain(["--json"]).collect();
        let output = home.run(&args);
        assert_eq!(output.status.code(), Some(0), "{name}: {output:?}");
        let document = json_of(&output);
        let one = document.as_array().map_or(Some(&document), |rows| rows.first());
        for field in fields.split(' ').filter(|field| !field.is_empty()) {
            assert!(one.is_some_and(|one| one.get(field).is_some()), "{name} has no `{field}`: {document:#}");
        }
    }
    program.signal("TERM");
    program.exit_code();
    // Every one is here, or where its story is told.
    let elsewhere = ["demo", "sim", "test", "simulate"];
    for name in names() {
        let parts: Vec<_> = name.split(' ').filter(|part| !part.is_empty()).chain(["-h"]).collect();
        let has_json = shown(&home.run(&parts)).contains("--json");
        let is_held = forms.iter().any(|(held, ..)| *held == name) || elsewhere.contains(&name.as_str());
        assert!(!has_json || is_held, "the JSON of `{name}` is held by no test");
    }
}

#[test]
fn shells_and_man_are_given_what_they_need() {
    let home = Home::new();
    for (shell, sign) in [
        ("bash", "complete -F _tidegate"),
        ("zsh", "#compdef tidegate"),
        ("fish", "complete -c tidegate"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let output = home.run(&["completions", shell]);
        assert!(output.status.success() && shown(&output).contains(sign), "{shell}: {output:?}");
        assert!(shown(&output).contains("downloaders"), "{shell} knows the commands");
    }
    let output = home.run(&["completions", "basch"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("'bash'"), "{}", said(&output));

    let page = home.run(&["man"]);
    assert!(shown(&page).contains(".TH") && shown(&page).contains("tidegate"), "{page:?}");
    let written = home.run(&["man", "pages/man1"]);
    assert_eq!(written.status.code(), Some(0), "{written:?}");
    for name in names().iter().filter(|name| !name.is_empty()) {
        let file = home.path(&format!("pages/man1/tidegate-{}.1", name.replace(' ', "-")));
        assert!(file.is_file(), "{}", file.display());
    }
    let typo = home.run(&["sttus"]);
    assert_eq!(typo.status.code(), Some(2));
    assert!(said(&typo).contains("'status'"), "{}", said(&typo));
    let wrong = home.run(&["man", "tidegate.toml"]);
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
}

#[test]
fn help_is_in_the_language_and_the_colours_of_the_reader() {
    let home = Home::with("language = \"zh\"\n");
    let help = shown(&home.run(&["status", "--help"]));
    assert!(help.contains("用法：tidegate status") && help.contains("示例："), "{help}");
    let other = home.path("en.toml");
    std::fs::write(&other, "language = \"en\"\n").unwrap();
    let help = home.command(&["status", "--help", "--config", "en.toml"]).env("LANG", "zh_CN.UTF-8").output().unwrap();
    assert!(shown(&help).contains("Usage: tidegate status"), "{help:?}");
    let coloured = |args: &[&str], no: &str| {
        let output = home.command(args).env("NO_COLOR", no).output().unwrap();
        shown(&output).contains('\u{1b}')
    };
    assert!(!coloured(&["--help"], ""), "not into a pipe");
    assert!(coloured(&["--help", "--color", "always"], ""));
    assert!(!coloured(&["--help", "--color=never"], ""));
}
