//! Scripts that mean no good, or have gone wrong: each ends in one error of a known kind, and the program goes on
//! in bounded memory.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::harness::Home;

/// A closure each, and the kind that its run ends with.
const HOSTILE: [(&str, &str, &str); 16] = [
    ("loops", "loop { }", "limit"),
    ("recurses", "deep(0)", "limit"),
    ("doubles", r#"let s = "x"; loop { s += s; }"#, "limit"),
    ("grows", "let a = []; loop { a.push(a.len()); }", "limit"),
    ("grows_wide", r#"let a = []; let s = "x"; s.pad(100000, "x"); loop { a.push(s + a.len()); }"#, "limit"),
    ("nests", "let a = []; loop { a = [a]; }", "limit"),
    ("maps", "let m = #{}; let n = 0; loop { m[`k${n}`] = n; n += 1; }", "limit"),
    ("catches", "loop { try { loop { } } catch { } }", "limit"),
    ("catches_recursion", "loop { try { deep(0); } catch { } }", "limit"),
    ("catches_everything", "loop { try { throw 1; } catch (e) { } }", "limit"),
    ("pattern", r#""aaaa".is_match("((((a{1,99}){1,99}){1,99}){1,99})")"#, "argument"),
    ("keeps_closure", r#"state.set("later", || 1)"#, "type"),
    ("registers_late", r#"every("1s", "late", || 1)"#, "permission"),
    ("many", "let l = []; for n in 0..1000 { l.push(n); } parallel(l, |n| loop { })", "limit"),
    ("floods", r#"let s = "x"; s.pad(1000, "x"); loop { info(s); }"#, "limit"),
    ("huge_error", r#"let s = "x"; s.pad(1000000, "x"); throw s"#, "script"),
];

/// What the program has needed at most, in MiB.
#[cfg(target_os = "linux")]
fn peak(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("the process lives");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("its peak");
    line.split_whitespace().nth(1).expect("a number").parse::<u64>().expect("KiB") / 1024
}

#[test]
fn each_hostile_script_ends_in_one_error_and_the_daemon_goes_on() {
    let home = Home::with("[limits]\noperations = 100_000\nstring = \"1 MiB\"\narray = 5_000\nmap = 5_000\n");
    for (name, body, _) in HOSTILE {
        let deep = "fn deep(n) { deep(n + 1) }";
        home.script(name, format!("{deep}\non_start(\"run\", || {{ {body} }});"));
    }
    home.script(
        "parallel",
        r#"on_start("run", || { let l = []; for n in 0..1000 { l.push(n); } parallel(l, |n| n * 2).len() });"#,
    );
    let mut program = home.spawn();
    let mut ended = BTreeMap::new();
    while ended.len() <= HOSTILE.len() {
        let line = program.wait_for("run_finished");
        let script = line["script"].as_str().expect("its script").to_owned();
        assert_eq!(ended.insert(script.clone(), line), None, "`{script}` ran once");
    }
    for (name, _, kind) in HOSTILE {
        let line = &ended[name];
        assert_eq!(line["error"]["kind"], kind, "{name}: {line}");
        assert!(line["error"]["line"].is_u64(), "{name} has a place: {line}");
    }
    assert_eq!(ended["parallel"]["state"], "ok", "{}", ended["parallel"]);

    // It still reads, loads and runs.
    home.script("after", r#"on_start("run", || info("still here"));"#);
    let line = program.wait_for("run_finished");
    assert_eq!((line["script"].as_str(), line["state"].as_str()), (Some("after"), Some("ok")));
    #[cfg(target_os = "linux")]
    {
        let peak = peak(program.child.id());
        assert!(peak < 500, "{peak} MiB");
    }
    let output = home.run(&["history", "--json"]);
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).expect("one JSON array");
    assert_eq!(rows.len(), HOSTILE.len() + 2);
    let shown = home.run(&["history", "show", "floods", "--json"]);
    assert!(shown.stdout.len() < 200_000, "{} bytes of a trace", shown.stdout.len());
}

#[test]
fn imports_do_not_leave_the_folder_by_any_way() {
    let home = Home::new();
    home.write("outside.rhai", "fn f() { 1 }");
    let mut ways = vec!["../outside".to_owned(), "lib/../../outside".into()];
    ways.push(home.path("outside").display().to_string());
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(home.path("outside.rhai"), home.path("scripts/link.txt")).expect("a link");
        std::fs::create_dir(home.path("scripts/lib")).expect("a folder");
        std::os::unix::fs::symlink(home.path("outside.rhai"), home.path("scripts/lib/link.rhai")).expect("a link");
        ways.push("lib/link".into());
    }
    for way in ways {
        home.script("bad", format!("import {way:?} as out;\non_start(\"run\", || out::f());"));
        let output = home.run(&["exec", "bad", "--json"]);
        let answer: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
        assert_eq!(output.status.code(), Some(1), "{way}: {answer}");
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains("leaves the scripts folder"), "{way}: {answer}");
        assert_eq!(answer["error"]["line"], 1, "{way}: {answer}");
    }
}
