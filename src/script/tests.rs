//! What people write, and what it must come to.

use ::std::path::Path;
use ::std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::clock::VirtualClock;
use crate::error::Kind;
use crate::host::{Setting, Storage};
use crate::journal::Silent;
use crate::store::scope_of;
use crate::time::Time;

/// A host without instances, in memory, on a clock that starts in July 2026.
struct Bench {
    runtime: tokio::runtime::Runtime,
    host: Arc<Host>,
    session: Session,
}

impl Bench {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let host = runtime.block_on(async {
            let clock = VirtualClock::new(Time::parse("2026-07-01T00:00:00Z", chrono_tz::Tz::UTC).unwrap());
            let mut config = crate::config::Config::from_env(&|_: &str| None).unwrap();
            config.timezone = chrono_tz::Tz::UTC;
            config.limits.operations = 200_000;
            let setting = Setting {
                clock,
                env: Arc::new(|_| None),
                journal: Arc::new(Silent),
                storage: Storage::Memory,
                accepts_any_instance: true,
            };
            Host::open(config, setting).await.unwrap()
        });
        Self { runtime, host, session: Session::new(Path::new(".")) }
    }

    fn context(&self) -> Arc<Context> {
        Context::new(
            Arc::clone(&self.host),
            Setup {
                script: "test".into(),
                trigger: None,
                run: "eval".into(),
                mode: Mode::Live,
                grants: Grants::default(),
                deadline: self.host.clock.now() + Duration::from_seconds(3600),
                cancel: CancellationToken::new(),
                permits: None,
            },
        )
    }

    fn eval(&mut self, text: &str) -> Result<Value> {
        let context = self.context();
        let session = &mut self.session;
        ::std::thread::scope(|scope| {
            ::std::thread::Builder::new()
                .stack_size(64 << 20)
                .spawn_scoped(scope, || session.eval(&context, text).map(|answer| answer.json))
                .unwrap()
                .join()
                .unwrap()
        })
    }

    fn load(&self, text: &str) -> Result<Loaded, Vec<Finding>> {
        let _entered = self.runtime.enter();
        load(&self.host, &Source::new(Path::new("test.rhai"), text.into()))
    }
}

#[track_caller]
fn gives(text: &str, value: impl Into<Value>) {
    let outcome = Bench::new().eval(text);
    assert_eq!(outcome.as_ref().map_err(ToString::to_string), Ok(&value.into()), "{text}");
}

#[track_caller]
fn fails(text: &str, kind: Kind, part: &str) -> Error {
    let error = Bench::new().eval(text).expect_err(text);
    assert_eq!(error.kind, kind, "{text}: {error:?}");
    assert!(format!("{} {}", error.message, error.hint.as_deref().unwrap_or("")).contains(part), "{text}: {error:?}");
    error
}

#[test]
fn integers_divide_truly() {
    gives("950 / 1000 > 0.9", true);
    gives("let used = 950; let plan = 1000; used / plan > 0.9", true);
    gives("div(7, 2)", 3);
    gives("let x = 7; x /= 2; x", 3.5);
    gives("7 % 4", 3);
    gives("-9223372036854775808 % -1", 0);
    fails("div(-9223372036854775808, -1)", Kind::Type, "too large");
    fails("1 / 0", Kind::Type, "division by zero");
    fails("let x = 1; x /= 0", Kind::Type, "division by zero");
    fails("1 % 0", Kind::Type, "modulo by zero");
    fails("let a = [1, 2, 3]; a[3 / 2]", Kind::Type, "div");
}

#[test]
fn comparing_what_has_no_order_raises() {
    fails(r#""5" > 3"#, Kind::Type, "a string cannot be compared with an int");
    fails(r#""5" == 5"#, Kind::Type, "parse_int");
    fails("() > 5", Kind::Type, "missing");
    fails("now() > 5", Kind::Type, "another Time");
    fails("[1] < [2]", Kind::Type, "order");
    gives("1 == 1.0 && 2 > 1.5 && 1 < 1.5", true);
    gives("() == 5 || 5 == ()", false);
    gives("() == ()", true);
    gives("'a' == \"a\" && \"b\" > 'a'", true);
    gives("now() - 2.days < now()", true);
}

#[test]
fn elements_of_other_types_are_plainly_unequal() {
    gives(r#"5 in [1, "5", ()]"#, false);
    gives(r#"[1, "a", ()] == [1, "a", ()] && [1] != ["1"]"#, true);
    gives(r#"#{a: 1, b: "x"} == #{b: "x", a: 1.0}"#, true);
    gives(r#"["a", 5].index_of(5)"#, 1);
    gives(r#"["a", 5].contains("b")"#, false);
    gives(r#""a" in #{a: 1}"#, true);
}

#[test]
fn a_mistyped_field_is_an_error_and_the_ways_to_ask_are_not() {
    fails("let m = #{percent: 91}; m.percnt > 90", Kind::Field, "percnt");
    fails(r#"let m = #{a: 1}; m["b"]"#, Kind::Field, "`b`");
    gives(r#"#{a: 1}.get("b")"#, Value::Null);
    gives(r#"#{a: 1}.get("b", 7)"#, 7);
    gives("let m = (); m?.b", Value::Null);
}

#[test]
fn unknown_functions_are_found_before_anything_runs() {
    let error = fails("let x = 1; nofity(`x`)", Kind::Argument, "did you mean `notify`?");
    assert_eq!((error.line, error.column), (Some(1), Some(12)));
}

#[test]
fn sizes_times_and_durations_have_literals() {
    gives("5.GiB", 5_368_709_120_i64);
    gives("1.5.GiB", 1_610_612_736_i64);
    gives("20.GB", 20_000_000_000_i64);
    gives("30.minutes", 1800);
    gives("1.5.hours == 90.minutes", true);
    gives("(now() - (now() - 2.days)).hours", 48.0);
    gives("now()", "2026-07-01T00:00:00Z");
    gives("to_json(#{at: now(), lasts: 2.minutes})", r#"{"at":"2026-07-01T00:00:00Z","lasts":120}"#);
    gives("`${now() + 90.minutes}`", "2026-07-01 01:30");
    gives("(now() + 1.day).date", "2026-07-02");
    gives("parse_time(\"2026-07-03 08:00\").weekday", 5);
    fails("now() + 5", Kind::Type, "5.seconds");
}

#[test]
fn constants_are_seen_in_functions_whatever_the_order() {
    gives("const LIMIT = 90; fn over(x) { x > LIMIT } over(91)", true);
    gives("const M = #{a: 1}; M.a", 1);
}

#[test]
fn fields_may_be_called_like_keywords() {
    gives(
        r#"let row = parse_json("{\"module\": 1, \"as\": {\"number\": 7}, \"thread\": 2, \"private\": true}"); row.module + row.as.number + row.thread"#,
        10,
    );
}

#[test]
fn state_is_seen_everywhere_and_keeps_types() {
    gives("fn remember() { state.set(\"t\", now()) } remember(); state.get(\"t\") == now()", true);
    gives("state.set(\"n\", 1); state.add(\"n\", 2); state[\"n\"]", 3);
    gives("state[\"k\"] = [1, 2.minutes]; state.get(\"k\")[1] == 2.minutes", true);
    gives("state.once(\"a\", \"1h\") && !state.once(\"a\", \"1h\")", true);
    gives("let state = 5; state", 5);
    gives("state.get(\"none\", 7)", 7);
    gives("shared_state.set(\"x\", 1); state.get(\"x\")", Value::Null);
}

#[test]
fn lists_have_what_large_data_needs() {
    gives("[3, 1, 2].sorted_by(|x| x)", json!([1, 2, 3]));
    gives("[#{n: 1}, #{n: 5}, #{n: 3}].top_by(2, |x| x.n).map(|x| x.n)", json!([5, 3]));
    gives("[1, 1, 2].unique()", json!([1, 2]));
    gives("[1, 2.5].sum()", 3.5);
    gives(r#"["a", "b", "a"].count_by(|x| x)"#, json!({"a": 2, "b": 1}));
    gives(r#"["a", "b"].join(", ")"#, "a, b");
}

#[test]
fn addresses_compare_in_any_spelling() {
    gives(r#"parse_ip("::ffff:203.0.113.7") == "203.0.113.7""#, true);
    gives(r#"in_cidr("203.0.113.9", "203.0.113.0/24")"#, true);
    gives(r#"`${ip_prefix("203.0.113.77", 24, 64)}`"#, "203.0.113.0/24");
    fails(r#"is_public_ip("nonsense")"#, Kind::Argument, "not an IP address");
}

#[test]
fn parallel_keeps_order_and_attempt_keeps_failures() {
    gives("parallel([1, 2, 3], |x| x * 2)", json!([2, 4, 6]));
    gives("attempt([1, 0], |x| 1 / x).map(|r| r.ok)", json!([true, false]));
    fails("each([1, 0, 0], |x| 1 / x)", Kind::Type, "2 items failed");
    gives("parallel([1, 2], |n| if n == 1 { sleep(\"1h\"); n } else { n })", json!([1, 2]));
    gives("let n = 10; parallel([1, 2], |x| { sleep(\"5m\"); x + n })", json!([11, 12]));
}

#[test]
fn what_ends_a_run_cannot_be_caught() {
    let error = fails("loop { try { loop {} } catch { } }", Kind::Limit, "operations");
    assert!(!error.retryable);
    fails("let a = []; for i in 0..1000000 { a.push(i) }", Kind::Limit, "operations");
    fails("[1,2,3].map(|x| { let n = 0; loop { n += 1 } })", Kind::Limit, "operations");
    fails("fn deep(n) { deep(n + 1) } deep(0)", Kind::Limit, "deeply");
    fails("let s = \"x\"; loop { s += s }", Kind::Limit, "limit");
    fails("sleep(\"2h\")", Kind::Limit, "timeout");
    fails("sleep(7200)", Kind::Argument, "minutes");
    fails("sleep(0.5)", Kind::Argument, "minutes");
}

#[test]
fn lists_inside_lists_share_the_threads_of_their_run() {
    fails("fn bomb() { parallel([1, 2, 3, 4, 5, 6, 7, 8], |x| bomb()) } bomb()", Kind::Limit, "");
    gives(
        "parallel([1, 2, 3, 4, 5, 6, 7, 8], |x| parallel([1, 2, 3, 4], |y| parallel([1, 2], |z| x * y * z).sum()).sum()).sum()",
        1080,
    );
    fails("parallel([1, 2, 3], |x| loop {})", Kind::Limit, "operations");
}

#[test]
fn what_is_nested_without_end_is_cut_off_or_refused() {
    let nested = |what: &str| format!("let a = []; for i in 0..3000 {{ a = [a]; }} {what}");
    gives(&nested("to_json(a).len()"), 203);
    gives(&nested("`${a}`.len()"), 201);
    let value = Bench::new().eval(&nested("a")).unwrap();
    assert!(value.to_string().len() < 500, "{value}");
    fails(&nested("state.set(\"a\", a)"), Kind::Type, "nested so deep");
    fails("state.set(\"a\", 1e300 * 1e300)", Kind::Type, "cannot be kept");
}

#[test]
fn sorting_knows_our_types_and_hides_no_error() {
    gives("let a = [3, 2.5, 1]; a.sort(); a", json!([1, 2.5, 3]));
    gives("let a = [now(), now() - 1.day]; a.sort(); a[0] < a[1]", true);
    gives("let a = [\"b\", \"a\"]; a.sort_desc(); a", json!(["b", "a"]));
    gives("let a = [2, 3, 1]; a.sort(|a, b| b - a); a", json!([3, 2, 1]));
    gives("let a = [2, 3, 1]; a.sort(|a, b| a < b); a", json!([1, 2, 3]));
    gives("let a = []; for i in 0..500 { a.push(i) } a.sort(|a, b| 1); a.len()", 500);
    fails("let a = [3, \"a\", 1]; a.sort()", Kind::Type, "no order");
    fails("let a = [#{n: 1}, #{n: 2}]; a.sort(|a, b| a.m - b.m)", Kind::Field, "`m`");
    fails("let a = [2, 3, 1]; a.sort(|a, b| \"x\")", Kind::Type, "a string");
}

#[test]
fn only_tidegate_says_that_a_run_was_cancelled() {
    fails("throw #{kind: \"cancelled\", message: \"x\"}", Kind::Script, "x");
    fails("throw #{kind: \"limit\", message: \"x\"}", Kind::Script, "x");
}

#[test]
fn a_map_may_hold_what_is_called_like_a_method() {
    gives("let o = #{f: |x| x + 1}; o.f(1)", 2);
    gives("let o = #{}; o.g = |x| x + 2; o.g(1)", 3);
    fails("let o = #{f: 1}; o.h(1)", Kind::Argument, "`h`");
}

#[test]
fn errors_can_be_caught_and_asked_for_their_kind() {
    let kind = |body: &str, ask: &str| format!("let kind = (); try {{ {body} }} catch (e) {{ kind = {ask}; }} kind");
    gives(&kind("1 / 0", "e.kind"), "type");
    gives(&kind("throw \"no\"", "error_kind(e)"), "script");
    gives(&kind("#{}.x", "error_kind(e)"), "field");
    fails("throw \"out of cheese\"", Kind::Script, "out of cheese");
}

#[test]
fn full_width_punctuation_gets_the_right_character() {
    fails("print（1）", Kind::Syntax, "`(`");
    fails("let a = '，'; let b = '\"'; let c = ；", Kind::Syntax, "`;`");
    fails("let a = [1，2];", Kind::Syntax, "`,`");
    fails("print(“x”)", Kind::Syntax, "`\"`");
    let findings = Bench::new().load("every(\"5m\"， \"tick\", || info(1));").err().unwrap_or_default();
    let place = findings.first().map(|finding| (finding.line, finding.column, finding.file.clone()));
    assert_eq!(place, Some((1, 11, None)), "the place is in the script itself: {findings:?}");
}

#[test]
fn a_byte_order_mark_and_chinese_names_are_fine() {
    gives("\u{feff}let 流量 = 5; 流量 + 1", 6);
}

#[test]
fn triggers_of_a_loop_keep_their_own_values() {
    let bench = Bench::new();
    let loaded = bench
        .load(
            r#"
            const STOP = 90;
            for name in ["tokyo", "oslo"] {
                cron("*/5 * * * *", `guard-${name}`, || { state.set("last", name); over(91) });
            }
            fn over(percent) { percent > STOP }
        "#,
        )
        .map_err(|findings| format!("{findings:?}"))
        .unwrap();
    let names: Vec<_> = loaded.triggers.iter().map(|(spec, _)| spec.name.as_str()).collect();
    assert_eq!(names, ["guard-tokyo", "guard-oslo"]);
    for (spec, handler) in &loaded.triggers {
        let context = bench.context();
        let value = ::std::thread::scope(|scope| scope.spawn(|| handler.fire(&context)).join().unwrap());
        assert_eq!(value, Ok(json!(true)), "{}", spec.name);
        let last = bench.runtime.block_on(bench.host.store.get(&scope_of("test"), "last")).unwrap();
        assert_eq!(Some(format!("guard-{}", last.unwrap().as_str().unwrap())), Some(spec.name.clone()));
    }
}

#[test]
fn when_fires_on_the_edge_and_remembers() {
    let bench = Bench::new();
    let loaded = bench
        .load(
            r#"
            when(|| state.get("level"), #{name: "level", every: "1m", above: 90, rearm_below: 85},
                |v| { state.add("entered", 1); if v == 99 { throw "no"; } }, || state.add("left", 1));
        "#,
        )
        .map_err(|findings| format!("{findings:?}"))
        .unwrap();
    let (_, handler) = &loaded.triggers[0];
    let count = |key| {
        bench
            .runtime
            .block_on(bench.host.store.get(&scope_of("test"), key))
            .unwrap()
            .map_or(0, |value| value.as_i64().unwrap())
    };
    // At 99 coming inside fails: it is tried again, and what it may have left behind is undone once.
    for (level, entered, left) in [
        (80, 0, 0),
        (91, 1, 0),
        (95, 1, 0),
        (87, 1, 0),
        (84, 1, 1),
        (99, 2, 1),
        (99, 3, 1),
        (84, 3, 2),
        (84, 3, 2),
        (92, 4, 2),
    ] {
        bench.runtime.block_on(bench.host.store.set(&scope_of("test"), "level", &json!(level), None)).unwrap();
        let context = bench.context();
        let fired = ::std::thread::scope(|scope| scope.spawn(|| handler.fire(&context)).join().unwrap());
        assert_eq!(fired.is_err(), level == 99, "{fired:?}");
        assert_eq!((count("entered"), count("left")), (entered, left), "at {level}");
    }
}

#[track_caller]
fn finds(text: &str, code: &str, line: usize, column: usize) {
    let findings = match Bench::new().load(text) {
        Ok(loaded) => loaded.findings,
        Err(findings) => findings,
    };
    assert!(findings.iter().any(|f| (f.code, f.line, f.column) == (code, line, column)), "{text}: {findings:#?}");
}

#[test]
fn loading_finds_what_cannot_work_and_where() {
    finds("let x = 5;", "no-trigger", 1, 1);
    finds("\ncron(\"* * * * *\", \"a\", || pause_downloadr(1));", "unknown-function", 2, 27);
    finds("cron(\"* * * * *\", \"a\", || 1);\ncron(\"* * * * *\", \"a\", || 2);", "duplicate-trigger", 2, 19);
    finds("vps().start();\ncron(\"* * * * *\", \"a\", || 1);", "at-load", 1, 7);
    finds("cron(\"* * * * *\", #{nam: \"a\"}, || 1);", "unknown-option", 1, 21);
    finds("cron(\"* * * * *\", \"a\", |x, y| 1);", "arguments", 1, 24);
    finds("cron(\"61 * * * *\", \"a\", || 1);", "schedule", 1, 7);
    finds("every(\"10ms\", \"a\", || 1);", "schedule", 1, 7);
    finds("import \"../x\" as x;\nevery(\"1m\", \"a\", || 1);", "import", 1, 8);
    finds("let a = ;", "syntax", 1, 9);
}

#[test]
fn imports_that_go_round_in_a_circle_are_findings() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| ::std::fs::write(folder.path().join(name), text).unwrap();
    ::std::fs::create_dir(folder.path().join("lib")).unwrap();
    write("lib/a.rhai", "import \"lib/b\" as b; fn f() { b::g() }");
    write("lib/b.rhai", "\n import \"lib/a\" as a; fn g() { a::f() }");
    let load = |name: &str, text: &str| {
        write(name, text);
        let _entered = bench.runtime.enter();
        load(&bench.host, &Source::new(&folder.path().join(name), text.into()))
    };
    let circle = "import \"lib/a\" as a;\nevery(\"1m\", \"a\", || a::f());";
    let findings = load("circle.rhai", circle).err().unwrap();
    assert!(findings[0].message.contains("circle"), "{findings:?}");
    assert!(findings[0].file.as_deref().is_some_and(|file| file.ends_with("b.rhai")), "{findings:?}");
    assert_eq!((findings[0].line, findings[0].column), (2, 9));
    let own = "import \"own\" as own;\nevery(\"1m\", \"a\", || 1);";
    assert!(load("own.rhai", own).err().unwrap()[0].message.contains("circle"));
    for i in 0..40 {
        write(&format!("lib/n{i}.rhai"), &format!("import \"lib/n{}\" as next;", i + 1));
    }
    let deep = load("deep.rhai", "import \"lib/n0\" as n;\nevery(\"1m\", \"a\", || 1);").err().unwrap();
    assert!(deep[0].message.contains("deep"), "{deep:?}");
}

#[test]
fn what_was_imported_is_there_for_the_next_input() {
    let folder = tempfile::tempdir().unwrap();
    ::std::fs::write(folder.path().join("_u.rhai"), "fn dbl(x) { x * 2 }").unwrap();
    let mut bench = Bench::new();
    bench.session = Session::new(folder.path());
    bench.eval("import \"_u\" as u;").unwrap();
    assert_eq!(bench.eval("fn four(x) { u::dbl(u::dbl(x)) }"), Ok(Value::Null));
    assert_eq!(bench.eval("u::dbl(4)"), Ok(json!(8)));
    assert_eq!(bench.eval("it + four(1)"), Ok(json!(12)));
    // A place in an error is one of the input itself.
    assert_eq!(bench.eval("\n 1 / 0").unwrap_err().line, Some(2));
}

#[test]
fn the_last_constant_of_a_name_is_the_one_that_functions_see() {
    let mut bench = Bench::new();
    bench.eval("const LIMIT = 80; fn over(p) { p > LIMIT }").unwrap();
    assert_eq!(bench.eval("over(85)"), Ok(json!(true)));
    bench.eval("const LIMIT = 90").unwrap();
    assert_eq!(bench.eval("over(85)"), Ok(json!(false)));
}

#[test]
fn a_constant_may_be_called_it() {
    let mut bench = Bench::new();
    bench.eval("const it = 5").unwrap();
    assert_eq!(bench.eval("it + 1"), Ok(json!(6)));
    assert_eq!(bench.eval("it"), Ok(json!(6)));
    bench.session.note("const it = 5", None);
    bench.session.note("7", Some(&json!(7)));
}

#[test]
fn an_input_that_fails_leaves_the_variables_as_they_were() {
    let mut bench = Bench::new();
    bench.eval("let n = 1; let list = [1]; let held = 1; let add = || { held += 1; };").unwrap();
    bench.eval("let y = 5; n = 2; list.push(2); add.call(); throw 1").unwrap_err();
    assert_eq!(bench.eval("[n, list, held]"), Ok(json!([1, [1], 1])));
    bench.eval("y").unwrap_err();
    bench.eval("add.call()").unwrap();
    assert_eq!(bench.eval("held"), Ok(json!(2)));
    assert!(bench.session.inputs().iter().all(|input| !input.text.contains("throw")));
}

#[test]
fn a_file_of_another_editor_is_an_input_too() {
    let mut bench = Bench::new();
    assert_eq!(bench.eval("\u{feff}let x = 5; x"), Ok(json!(5)));
    assert_eq!(bench.session.inputs()[0].text, "let x = 5; x");
}

#[test]
fn the_type_of_a_wrong_name_is_an_error_as_its_value_is() {
    let mut bench = Bench::new();
    bench.session.note("let u = vps(\"a\"); fn own(x) { x }", None);
    let ask = |text: &str| {
        let (context, session) = (bench.context(), &bench.session);
        session
            .type_of(&context, text)
            .map(|typed| typed.name)
            .map_err(|error| (error.message.clone(), error.line, error.column))
    };
    assert_eq!(ask("own(u.data_usage().percent)").map_err(|(message, ..)| message), Ok("Percent".into()));
    for (text, line, column) in [("nosuch", 1, 1), ("1 +\n  vps().foo", 2, 9), ("nothing(1)", 1, 1), ("u.foo", 1, 3)] {
        let (message, l, c) = ask(text).unwrap_err();
        assert_eq!((l, c), (Some(line), Some(column)), "{text}: {message}");
    }
}

#[test]
fn an_input_goes_on_while_something_is_open() {
    for text in ["/* a", "1 /* a\n/* b */", "let a = \"b \\", "x(\"b \\\n c \\"] {
        assert!(Session::is_incomplete(text), "{text}");
    }
    assert!(!Session::is_incomplete("1 /* a\n b */") && !Session::is_incomplete("let a = \"b \\\n c\""));
    for text in ["fn f(a) {", "let a = [1,", "f(1,", "#{a: 1", "1 +", "`a", "if x {\n y", "vps()\n  ."] {
        assert!(Session::is_incomplete(text), "{text}");
        assert!(Session::is_incomplete(&format!("{text}\n")), "{text} and a new line");
    }
    for text in ["1", "let a = [1, 2]", "\"open", "let a = ;", "2]", "f(1))", "fn f() {}"] {
        assert!(!Session::is_incomplete(text), "{text}");
        assert!(!Session::is_incomplete(&format!("{text}\n")), "{text} and a new line");
    }
}
