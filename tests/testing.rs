//! Tests of scripts, as `tidegate test` runs them.

use std::path::Path;

use serde_json::{Value, json};
use tidegate::script::std::{When, functions};

use crate::harness::Home;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What `tidegate test --json` says, and its exit code.
fn report(home: &Home, args: &[&str]) -> (Value, Option<i32>) {
    let output = home.run(&[&["test", "--json"], args].concat());
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(text.lines().count(), 1, "one document: {text}{told}");
    (serde_json::from_str(&text).expect("JSON"), output.status.code())
}

/// What went wrong in a report, a line a test.
fn failures(report: &Value) -> Vec<String> {
    let files = report["files"].as_array().into_iter().flatten();
    let mut lines = Vec::new();
    for file in files {
        lines.extend(file["findings"].as_array().into_iter().flatten().map(ToString::to_string));
        for test in file["tests"].as_array().into_iter().flatten().filter(|test| test["ok"] != true) {
            lines.push(format!("{} line {}: {}", test["name"], test["error"]["line"], test["error"]["message"]));
        }
    }
    lines
}

/// A home with a small script, and tests of it.
fn home_with(tests: &str) -> Home {
    let home = Home::new();
    home.script(
        "hourly",
        "cron(\"0 * * * *\", \"tick\", || { state.add(\"n\", 1); info(`tick ${state.get(\"n\")}`); });",
    );
    home.script("hourly_test", tests);
    home
}

/// The tests beside one of the scripts in `scripts/`. Each is a test here, so that they run at the same time.
fn passes_its_tests(script: &str) {
    let file = root().join(format!("scripts/tests/{script}_test.rhai"));
    let (report, code) = report(&Home::new(), &[file.to_str().unwrap()]);
    assert_eq!((failures(&report), code), (Vec::new(), Some(0)));
    assert!(!report["files"][0]["tests"].as_array().unwrap().is_empty(), "{report}");
}

#[test]
fn quota_guard_passes_its_tests() {
    passes_its_tests("quota-guard");
}

#[test]
fn leech_ban_passes_its_tests() {
    passes_its_tests("leech-ban");
}

#[test]
fn daily_report_passes_its_tests() {
    passes_its_tests("daily-report");
}

#[test]
fn each_test_has_a_world_of_its_own_and_the_top_level_runs_before_it() {
    let home = home_with(
        "const HOURS = 3;\nload(\"hourly\");\n\
         fn test_first() { advance(`${HOURS}h`); assert_eq(logs().len(), HOURS); assert_eq(state_of(\"hourly\").n, 3); }\n\
         fn test_second() { assert_eq(logs(), []); assert(state_of(\"hourly\").is_empty()); advance(\"1h\"); assert_eq(logs(\"tick 1\").len(), 1); }\n\
         fn helper() { 1 }\nfn test_third() { assert_eq(helper(), 1); assert_eq(runs(), []); }\n",
    );
    let (report, code) = report(&home, &[]);
    assert_eq!((failures(&report), code), (Vec::new(), Some(0)));
    assert_eq!((&report["passed"], &report["failed"]), (&json!(3), &json!(0)));
    let names: Vec<_> = report["files"][0]["tests"].as_array().unwrap().iter().map(|test| &test["name"]).collect();
    assert_eq!(names, ["test_first", "test_second", "test_third"]);
    assert_eq!(report["files"][0]["tests"][0]["simulated"], json!(10800.001));
}

#[test]
fn a_failed_assertion_has_its_line_and_a_caret() {
    let home = home_with(
        "load(\"hourly\");\nfn test_it() {\n    advance(\"2h\");\n    assert_eq(logs().len(), 3, \"a line an hour\");\n}\n",
    );
    let (report, code) = report(&home, &[]);
    let error = &report["files"][0]["tests"][0]["error"];
    assert_eq!((code, &report["ok"]), (Some(1), &json!(false)));
    assert_eq!(error["message"], "a line an hour: 2 is not 3");
    assert_eq!((&error["kind"], &error["line"], &error["column"]), (&json!("script"), &json!(4), &json!(5)));
    let output = home.run(&["test"]);
    let (out, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(out.contains("FAILED  test_it") && out.ends_with("0 passed, 1 failed\n"), "{out}");
    assert!(told.contains("hourly_test.rhai:4:5") && told.contains("assert_eq(logs().len(), 3"), "{told}");
}

#[test]
fn the_world_of_a_test_is_the_one_it_asks_for() {
    let home = home_with(
        "fn test_map() {\n    let now = world(#{vps: [#{name: \"oslo\", monthly: \"100 GiB\", used: \"50 GiB\", resets_in: 3.days}]});\n\
             assert_eq(now.vps[0].percent, 50.0);\n    assert_eq(vps(\"oslo\").data_usage().percent, 50.0);\n}\n\
         fn test_file() { assert_eq(world(\"world.toml\").vps[0].name, \"bergen\"); }\n\
         fn test_start() { start_at(\"2026-03-29 00:30\"); advance_to(\"12:00\"); assert_eq(now().date, \"2026-03-29\"); }\n\
         fn test_both() { start_at(\"2026-03-29 00:30\"); world(\"world.toml\"); assert_eq(now().hour, 0); assert_eq(world().vps.len(), 1); }\n",
    );
    home.write("scripts/world.toml", "[[vps]]\nname = \"bergen\"\nveid = 5\napi_key = \"private_k\"\n");
    let (report, code) = report(&home, &[]);
    assert_eq!((failures(&report), code), (Vec::new(), Some(0)));
}

#[test]
fn what_goes_wrong_in_the_world_reaches_the_script() {
    let home = home_with(
        "load(\"asks\");\n\
         fn test_locked() { fault(#{service: \"kiwivm\", fault: \"locked\"}); let r = fire(\"look\"); assert_eq(r.state, \"failed\"); assert_eq(r.error.kind, \"locked\"); heal(); assert_eq(fire(\"look\").state, \"ok\"); }\n\
         fn test_down() { fault(#{service: \"kiwivm\", fault: \"drop\"}); assert_eq(fire(\"asks/look\").error.kind, \"transport\"); }\n\
         fn test_limit() { fault(#{service: \"kiwivm\", fault: \"rate_limit\", count: 9}); assert_eq(fire(\"look\").error.kind, \"rate_limit\"); }\n\
         fn test_outside() {\n    reply_from(\"https://api.example.org/\", #{json: #{ok: 7}});\n    assert_eq(fire(\"outside\").value, 7);\n}\n\
         fn test_outside_is_closed() { assert_eq(fire(\"outside\").error.kind, \"transport\"); }\n\
         fn test_webhook() { let r = fire(\"hook\", #{query: #{a: \"b\"}}); assert_eq(r.status, 202); assert_eq(r.value, \"b\"); }\n\
         fn test_event() { advance(\"1s\"); emit(\"mine\", 5); advance(\"1s\"); assert_eq(logs(), [\"5\"]); }\n\
         fn test_dry() { assert(would().is_empty()); }\n",
    );
    home.script(
        "asks",
        "on_event(\"never\", \"look\", || if 1 > 0 { vps().get_service_info().vm_type.to_upper() });\n\
         on_webhook(\"/out\", \"outside\", || http.get(\"https://api.example.org/x\").json.ok);\n\
         on_webhook(\"/hook\", \"hook\", |ask| reply(202, ask.query.a));\n\
         on_event(\"mine\", \"mine\", |what| info(`${what.data}`));",
    );
    let home = home.configured("[script.asks]\nallow = [\"http:api.example.org\"]\n");
    let (report, code) = report(&home, &[]);
    assert_eq!((failures(&report), code), (Vec::new(), Some(0)));
}

#[test]
fn settings_of_a_test_are_those_of_its_script_alone() {
    let home = home_with(
        "fn test_watch() { load(\"stops\", #{mode: \"watch\"}); fire(\"stop\"); assert_eq(would(\"pause_supervision*\").len(), 1); assert_eq(calls(\"write*\").len(), 0); }\n\
         fn test_denied() { try { load(\"stops\", #{deny: [\"pbh:*\"]}); } catch (e) { assert(e.message.contains(\"denied\")); return; } assert(false, \"it is denied\"); }\n\
         fn test_wrong() { try { load(\"stops\", #{mode: \"dry\"}); } catch (e) { assert_eq(e.kind, \"argument\"); return; } assert(false, \"it is refused\"); }\n\
         fn test_late() { load(\"stops\"); advance(\"1s\"); try { load(\"hourly\"); } catch (e) { return; } assert(false); }\n",
    );
    home.script("stops", "on_event(\"now\", \"stop\", || pbh().pause_supervision_all());");
    let (report, code) = report(&home, &[]);
    assert_eq!((failures(&report), code), (Vec::new(), Some(0)));
}

#[test]
fn what_is_wrong_with_a_file_of_tests_is_said_before_it_runs() {
    let home = home_with("load(\"hourly\");\nfn test_it() {\n    advnace(\"2h\");\n}\n");
    let (first, code) = report(&home, &[]);
    assert_eq!(code, Some(1));
    assert_eq!(first["files"][0]["findings"][0]["code"], "unknown-function", "{first}");
    // A script that does not load fails the test at the line that loads it.
    home.script("broken", "cron(");
    home.script("hourly_test", "fn test_it() {\n    load(\"broken\");\n}\n");
    let (second, code) = report(&home, &[]);
    let error = &second["files"][0]["tests"][0]["error"];
    assert_eq!((code, &error["line"], &error["kind"]), (Some(1), &json!(2), &json!("syntax")), "{second}");
    // `check` looks at such a file as what it is.
    home.script("hourly_test", "load(\"hourly\");\nfn test_it() { advance(\"2h\"); }\n");
    let output = home.run(&["check", "scripts/hourly_test.rhai"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    home.script("hourly", "every(\"1h\", \"x\", || advance(\"1h\"));");
    let output = home.run(&["check", "scripts/hourly.rhai"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("is for tests"));
}

#[test]
fn without_a_test_it_says_so() {
    let home = Home::new();
    home.script("a", "every(\"1h\", \"a\", || 1);");
    for (args, word) in [(&["test"][..], "no file of tests"), (&["test", "scripts"], "no file of tests")] {
        let output = home.run(args);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains(word), "{output:?}");
    }
    home.script("a_test", "fn helper_() { 1 }");
    let output = home.run(&["test"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no test in these files"), "{output:?}");
    home.script("a_test", "fn test_a() {}\nfn test_b() {}");
    let (report, _) = report(&home, &["--only", "_b"]);
    assert_eq!(report["passed"], 1);
}

/// A stage for what the pages show: the shipped guard, also under the name that they use.
fn shown() -> Home {
    let home = Home::new();
    let guard = std::fs::read(root().join("scripts/quota-guard.rhai")).unwrap();
    home.script("quota-guard", &guard);
    home.script("guard", &guard);
    home
}

#[test]
fn the_examples_of_the_functions_of_tests_are_true() {
    let home = shown();
    let mut text = String::new();
    for row in functions().filter(|row| row.when == When::Test) {
        let (code, gives) = row.example;
        let name = row.name;
        text += &match gives {
            "" => format!("fn test_{name}() {{ {code}; }}\n"),
            gives => {
                let (before, last) = code.rsplit_once("; ").map_or(("", code), |(before, last)| (before, last));
                let before = if before.is_empty() { String::new() } else { format!("{before};") };
                format!("fn test_{name}() {{ {before} let it = {last}; assert_eq(`${{it}}`, \"{gives}\"); }}\n")
            }
        };
    }
    home.script("examples_test", &text);
    let (report, code) = report(&home, &[]);
    assert_eq!((failures(&report), code), (Vec::new(), Some(0)), "{text}");
    assert!(report["passed"].as_u64() > Some(15), "{report}");
}

#[test]
fn the_tests_that_the_pages_show_pass() {
    for page in ["docs/testing.md", "docs/testing.zh-CN.md", "docs/guide.md", "docs/guide.zh-CN.md"] {
        let home = shown();
        let text = std::fs::read_to_string(root().join(page)).unwrap();
        let blocks = text.split("```rhai test\n").skip(1).filter_map(|rest| rest.split("\n```").next());
        let blocks: Vec<_> = blocks.collect();
        assert!(!blocks.is_empty(), "{page} shows tests");
        for block in blocks {
            home.script("page_test", block);
            let (report, code) = report(&home, &[]);
            assert_eq!((failures(&report), code), (Vec::new(), Some(0)), "{page}");
        }
    }
}
