//! The REPL: in a pseudo-terminal as a person uses it, in a terminal that can only print, and from a pipe.

use std::io::Write as _;
use std::process::{Output, Stdio};
use std::time::Instant;

use tidegate::clock::SystemClock;
use tidegate::sim::{Scenario, Sim};

use crate::harness::Home;
use crate::terminal::{CTRL_C, CTRL_D, ENTER, TAB, Terminal, UP};

const DRY: &str = "tidegate dry>";
const SIM: &str = "tidegate sim dry>";

/// The simulated services, and a folder whose configuration leads to them.
async fn fleet() -> (Sim, Home) {
    let local = "127.0.0.1:0".parse().unwrap();
    let sim = Sim::start(Scenario::default(), SystemClock::new(), local, local).await.unwrap();
    let home = Home::with(&sim.urls().configuration());
    (sim, home)
}

/// What the program makes of a text on its standard input.
fn piped(home: &Home, args: &[&str], text: &str) -> Output {
    let mut command = home.command(args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn complained(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_pipe_has_no_prompt_and_the_exit_code_of_its_last_input() {
    let home = Home::new();
    let output = piped(&home, &["repl"], "let x = 6;\nif x > 5 {\n  x * 7\n}\n\n()\nit + 1\n");
    assert_eq!((said(&output).as_str(), complained(&output).as_str()), ("42\n43\n", ""));
    assert_eq!(output.status.code(), Some(0));

    let output = piped(&home, &["repl"], "1 +* 2\nlet y = 流量;\n\"still there\"\nthrow \"no\"");
    assert_eq!((said(&output).as_str(), output.status.code()), ("still there\n", Some(1)));
    assert!(complained(&output).contains("no") && !complained(&output).contains("panick"), "{}", complained(&output));
    assert_eq!(piped(&home, &["repl"], "throw 1\n:quit\n2\n").status.code(), Some(1));
    assert_eq!(piped(&home, &["repl"], "throw 1\n2\n").status.code(), Some(0));
    assert_eq!(piped(&home, &["repl"], "if x {\n").status.code(), Some(1), "it never becomes complete");
    assert_eq!(
        piped(&home, &["repl"], "throw 1\n\n// so\n/* and\nso */\n").status.code(),
        Some(1),
        "nothing came after it"
    );
    assert_eq!(said(&piped(&home, &["repl"], "let a = [\n1,\n/* ] */ 2\n];\n\"x \\\n  y\"\na.len()\n")), "x  y\n2\n");
    assert!(!home.path("data/repl-history").exists(), "what comes from a pipe is not remembered");
}

#[test]
fn values_have_units_and_commands_look_at_them() {
    let home = Home::new();
    let text = ":time 1\n:vars\nlet a = [#{n: 1, t: \"流量\"}, #{n: 20, t: \"b\"}];\na\n:json\n:table it[0]\n:vars\n\
                :type a\n:type vps().data_usage()\n:next */5 * * * *\n:reset\n:vars\n:live\n:dry\n:calls\n:would\n";
    let output = piped(&home, &["repl", "--sim"], text);
    let all = said(&output);
    assert_eq!((complained(&output).as_str(), output.status.code()), ("", Some(0)), "{all}");
    assert!(all.contains(" n  t\n 1  流量\n20  b\n") && all.contains("\"n\": 20"), "{all}");
    assert!(
        all.contains("took ") && all.contains("there are none yet\n") && all.contains("nothing was held back"),
        "{all}"
    );
    assert!(all.contains("\n[Map]\nn  Int\n") && all.contains("percent") && all.contains(": "), "{all}");
    assert!(all.contains("every 5 minutes") || all.contains("*/5") || all.contains("UTC"), "{all}");

    for wrong in [
        ":nothing",
        ":type 1 +* 2",
        ":next 99 * * * *",
        ":save",
        ":load nothing.rhai",
        ":help nothing_at_all",
        ":quit now",
    ] {
        let output = piped(&home, &["repl", "--sim"], wrong);
        assert_eq!(output.status.code(), Some(1), "{wrong}");
        assert!(
            complained(&output).starts_with("error: ") || complained(&output).contains('×'),
            "{wrong}: {}",
            complained(&output)
        );
    }
}

#[test]
fn a_dry_run_until_it_is_live() {
    let home = Home::new();
    let text = "vps().set_hostname(\"tide\")\n:would\nvps().get_service_info().hostname == \"tide\"\n:calls\n:live\n\
                vps().set_hostname(\"tide\")\n:calls\nvps().get_service_info().hostname\n";
    let all = said(&piped(&home, &["repl", "--sim"], text));
    assert_eq!(all.matches("nothing was changed").count(), 2, "{all}");
    assert!(all.contains("false\n") && all.ends_with("tide\n"), "{all}");
    assert!(all.contains("set_hostname") && all.contains("get_service_info"), "{all}");
    assert!(!home.path("data").exists(), "the simulated world leaves nothing behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_tried_is_kept_checked_and_run() {
    let (_sim, home) = fleet().await;
    let outcome = tokio::task::spawn_blocking(move || {
        let text = "const STOP = 90;\nfn over(u) { u.percent > STOP }\nlet u = vps().data_usage();\nu.percent\nover(u)\n\
                    nothing(1)\nif !over(u) {\n    info(`流量 ${u.percent}`);\n}\n:save scripts/kept\n:save scripts/kept\n\
                    :cron \"*/5 * * * *\" guard\n:cron \"@hourly\" other { info(`${STOP}`) }\n:load scripts/kept.rhai\n";
        let output = piped(&home, &["repl"], text);
        assert_eq!(output.status.code(), Some(0), "{}\n{}", said(&output), complained(&output));
        let kept = std::fs::read_to_string(home.path("scripts/kept.rhai")).unwrap();
        assert!(
            kept.contains("on_start(\"kept\", || {\n    let u = vps().data_usage();\n    print(u.percent);\n"),
            "{kept}"
        );
        assert!(!kept.contains("nothing(1)"), "{kept}");
        let guard = std::fs::read_to_string(home.path("scripts/guard.rhai")).unwrap();
        assert!(
            guard.contains("cron(\"*/5 * * * *\", \"guard\", || {\n    let u =") && guard.contains("fn over"),
            "{guard}"
        );
        let other = std::fs::read_to_string(home.path("scripts/other.rhai")).unwrap();
        assert!(other.contains("const STOP = 90;") && !other.contains("let u"), "{other}");

        let check = home.run(&["check", "--json"]);
        assert_eq!(check.status.code(), Some(0), "{}", said(&check));
        let mut program = home.spawn();
        let line = program.wait_for("run_finished");
        assert_eq!((&line["script"], &line["state"]), (&"kept".into(), &"ok".into()), "{line}");
        // Nothing that is there already is overwritten.
        let output = piped(&home, &["repl"], "1\n:save scripts/kept\n");
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    });
    outcome.await.unwrap();
}

#[test]
fn nothing_is_written_that_would_not_run() {
    let home = Home::new();
    home.script("mine", "// mine");
    let text = "let u = 5\n:cron \"@hourly\" mine { info(`${u}`) }\n:cron \"@hourly\" a_test { info(`${u}`) }\n\
                :cron \"@hourly\" \"my guard\" { info(`${u}`) }\n:cron \"@hourly\" stops { vps(\"tokyo\").stop(); }\nthrow 1\n\
                :cron \"@hourly\" failed\n:cron \"@hourly\" open { info(\"流量";
    let output = piped(&home, &["repl", "--sim"], text);
    let wrong = complained(&output);
    for part in [
        "scripts/mine.rhai` already",
        "scripts/a_test.rhai` is the name of a file of tests, which never runs",
        "`my guard` is no name for a script",
        "missing-grant",
        "does not pass `check`: nothing was written",
        "the last input failed",
        "open string is not terminated",
    ] {
        assert!(wrong.contains(part), "{part}: {wrong}");
    }
    assert!(!said(&output).contains("saved as") && !wrong.contains("fault"), "{}{wrong}", said(&output));
    assert_eq!(std::fs::read_dir(home.path("scripts")).unwrap().count(), 1);
}

#[test]
fn what_was_edited_meanwhile_is_not_overwritten() {
    let home = Home::new();
    let mut child =
        home.command(&["repl"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let mut until = |end: &str| while !lines.next().unwrap().unwrap().contains(end) {};
    pipe.write_all(b"1\n:save scripts/kept\n:save scripts/kept\nprint(\"twice\")\n").unwrap();
    until("twice");
    home.script("kept", "// edited");
    pipe.write_all(b":save scripts/kept\n").unwrap();
    drop(pipe);
    let output = child.wait_with_output().unwrap();
    assert!(
        complained(&output).contains("scripts/kept.rhai` was changed since it was saved here"),
        "{}",
        complained(&output)
    );
    assert_eq!(std::fs::read_to_string(home.path("scripts/kept.rhai")).unwrap(), "// edited");
}

#[test]
fn scripts_are_tried_without_their_triggers() {
    let home = Home::new();
    home.script("quota", include_str!("../scripts/quota-guard.rhai"));
    let output = piped(&home, &["repl", "--sim"], ":load scripts/quota.rhai\nSTOP_ABOVE\n");
    let all = said(&output);
    assert_eq!((complained(&output).as_str(), output.status.code()), ("", Some(0)), "{all}");
    assert!(all.contains("left out (1)\n") && all.ends_with("90\n"), "{all}");

    home.write("x.rhai", "\u{feff}let x = 42;");
    let mut command = home.command(&["repl"]);
    let mut child = command.env("HOME", home.path("")).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b":load ~/x.rhai\nx\n:save ~/kept\n").unwrap();
    let all = said(&child.wait_with_output().unwrap());
    assert!(all.starts_with("42\nsaved as ") && home.path("kept.rhai").exists(), "{all}");
}

#[test]
fn a_chinese_reader_is_told_in_chinese() {
    let home = Home::new();
    let text = ":foo\n:quit now\n:save\n:save x\n:help nothing_at_all\n:endpoints nothing_at_all\n:load nothing\n\
                :cron @hourly\n:cron \"@hourly\"\n:cron \"@hourly\" x\n:edit\n:cron \"@hourly\" \"a b\" { }\n:next */5 * * * *\n:time 1\n";
    let mut command = home.command(&["repl", "--sim"]);
    let child = command.env("LANG", "zh_CN.UTF-8").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let (all, wrong) = (said(&output), complained(&output));
    assert!(all.contains("耗时 ") && all.contains("每 5 分钟"), "{all}");
    assert_eq!(wrong.lines().filter(|line| line.starts_with("错误：")).count(), 12, "{wrong}");
    for line in wrong.lines() {
        let words = line.split('`').step_by(2).flat_map(|part| part.split(|c: char| !c.is_ascii_alphabetic()));
        assert!(line.contains("os error") || words.into_iter().all(str::is_empty), "{line}");
    }
}

#[test]
fn a_sitting_in_a_terminal() {
    let home = Home::new();
    home.script("begun", "1");
    let begun = Instant::now();
    let terminal = Terminal::new(&home.path(""), &["repl", "--sim"], &[]);
    terminal.prompt(SIM);
    println!("prompt: {} ms", begun.elapsed().as_millis());

    // Completion, with the sentence beside each candidate.
    terminal.keys(&format!(":ca{TAB}"));
    terminal.see(":calls");
    terminal.line("");
    terminal.see("no request was sent");
    terminal.prompt(SIM);
    terminal.keys("pbh(\"home\").");
    terminal.see("pbh(\"home\").");
    let pressed = Instant::now();
    terminal.keys(TAB);
    terminal.see("live_peers");
    println!("completion after `pbh(\"home\").`: {} ms", pressed.elapsed().as_millis());
    terminal.keys("top_p");
    let screen = terminal.until("the one that is left", |screen| !screen.contains("live_peers"));
    assert!(screen.contains("The peers that were sent most"), "{screen}");
    terminal.keys(&format!("{TAB}5){ENTER}"));
    terminal.see("uploaded");
    terminal.prompt(SIM);
    // What the last result has, and what the configuration names.
    terminal.keys(&format!("it[0].uplo{TAB}"));
    terminal.see("it[0].uploaded");
    terminal.keys(CTRL_C);
    terminal.prompt(SIM);
    terminal.keys(&format!("vps(\"{TAB}"));
    terminal.see("vps(\"tokyo");
    terminal.keys(CTRL_C);
    terminal.prompt(SIM);
    terminal.line("let all = downloader(\"tokyo-qb\").torrents();");
    terminal.prompt(SIM);
    terminal.keys(&format!("downloader(\"tokyo-qb\").torrent(\"{TAB}"));
    terminal.see("debian-13.1.0-amd64-DVD-1.iso");
    terminal.keys(CTRL_C);
    terminal.prompt(SIM);
    terminal.keys(&format!(":load scripts/be{TAB}"));
    terminal.see(":load scripts/begun.rhai");
    terminal.keys(CTRL_C);
    terminal.prompt(SIM);
    terminal.keys(&format!("pbh().ban([], #{{dur{TAB}"));
    terminal.see("duration");
    terminal.keys(CTRL_C);
    terminal.prompt(SIM);

    // A block goes on until it is closed, in any script.
    terminal.line("if true {");
    terminal.prompt("…");
    terminal.line("\"流量：九成\"");
    terminal.line("}");
    terminal.until("the result", |screen| screen.lines().any(|line| line.trim() == "流量：九成"));
    terminal.prompt(SIM);

    // Ctrl-C ends the input and not the session.
    terminal.line("let kept = 42");
    terminal.prompt(SIM);
    terminal.line("kept = 5; print(\"be\" + \"gun\"); sleep(\"1h\")");
    terminal.until("its first words", |screen| screen.lines().any(|line| line.trim() == "begun"));
    terminal.keys(CTRL_C);
    terminal.see("cancelled");
    terminal.prompt(SIM);
    terminal.line("kept + 1");
    terminal.until("the variable", |screen| screen.lines().any(|line| line.trim() == "43"));

    // A table fits the terminal as it is now.
    terminal.prompt(SIM);
    terminal.resize(24, 44);
    terminal.line("pbh().downloaders_list()");
    let screen = terminal.prompt(SIM);
    assert!(screen.lines().all(|line| line.chars().count() <= 44), "{screen}");
    terminal.resize(24, 80);

    terminal.line(":live");
    terminal.prompt("tidegate sim LIVE>");
    terminal.keys(CTRL_D);
    assert_eq!(terminal.end(), 0);
}

#[test]
fn what_failed_is_what_the_editor_begins_with() {
    let home = Home::new();
    let terminal = Terminal::new(&home.path(""), &["repl"], &[("EDITOR", "sed -i s/nosuch/42/")]);
    terminal.prompt(DRY);
    terminal.line("7");
    terminal.prompt(DRY);
    terminal.line("nosuch + 1");
    terminal.prompt(DRY);
    terminal.line(":edit");
    terminal.prompt("tidegate dry> 42 + 1");
    terminal.keys(ENTER);
    terminal.until("the result", |screen| screen.lines().any(|line| line.trim() == "43"));
    terminal.prompt(DRY);
    terminal.keys(CTRL_D);
    assert_eq!(terminal.end(), 0);
}

#[test]
fn inputs_are_remembered_and_secrets_are_not() {
    let home = Home::new();
    let terminal = Terminal::new(&home.path(""), &["repl"], &[]);
    terminal.prompt(DRY);
    terminal.line("let 流量 = 5");
    terminal.prompt(DRY);
    terminal.line("let token = \"hunter22\"");
    terminal.prompt(DRY);
    terminal.keys(CTRL_D);
    assert_eq!(terminal.end(), 0);
    let file = std::fs::read_to_string(home.path("data/repl-history")).unwrap();
    assert!(file.contains("流量") && !file.contains("hunter22"), "{file}");

    let terminal = Terminal::new(&home.path(""), &["repl"], &[]);
    terminal.prompt(DRY);
    terminal.keys(UP);
    terminal.see("let 流量 = 5");
    terminal.keys(&format!(" + 1; 流量{ENTER}"));
    terminal.until("the result", |screen| screen.lines().any(|line| line.trim() == "6"));
    terminal.prompt(DRY);
    terminal.keys(CTRL_D);
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_terminal_that_only_prints_is_enough() {
    let home = Home::new();
    let terminal = Terminal::new(&home.path(""), &["repl"], &[("TERM", "dumb")]);
    terminal.prompt(DRY);
    terminal.line("if true {");
    terminal.prompt("…");
    terminal.line("6 * 7 }");
    terminal.until("the result", |screen| screen.lines().any(|line| line.trim() == "42"));
    terminal.prompt(DRY);
    // At the prompt Ctrl-C throws away what was typed.
    terminal.line("if false {");
    terminal.prompt("…");
    terminal.keys(CTRL_C);
    terminal.prompt(DRY);
    terminal.line("print(\"be\" + \"gun\"); sleep(\"1h\")");
    terminal.until("its first words", |screen| screen.lines().any(|line| line.trim() == "begun"));
    terminal.keys(CTRL_C);
    terminal.see("cancelled");
    terminal.prompt(DRY);
    terminal.line("throw 1");
    terminal.prompt(DRY);
    terminal.keys(CTRL_D);
    let raw = terminal.raw();
    assert!(!raw.contains('\x1b'), "{raw:?}");
    assert_eq!(terminal.end(), 1, "the last input failed");
}

#[test]
fn a_running_daemon_evaluates_what_is_typed_at_it() {
    let home = Home::new();
    let alone = piped(&home, &["repl", "--attach"], "1\n");
    assert!(complained(&alone).contains("no daemon runs"), "{}", complained(&alone));

    let _daemon = home.spawn();
    let text = "let x = 41;\nfn more(n) { n + 1 }\ninfo(\"there\")\nmore(x)\n[#{n: it, t: \"流量\"}]\n:vars\nstate.set(\"k\", 1)\n\
                :would\n:type x\n:save scripts/kept\n:reset\nx\n";
    let output = piped(&home, &["repl", "--attach"], text);
    let (all, wrong) = (said(&output), complained(&output));
    assert_eq!(output.status.code(), Some(1), "{all}\n{wrong}");
    assert!(all.starts_with("there\n42\n n  t\n42  流量\n"), "{all}\n{wrong}");
    assert!(all.contains("x     int    41\n") && all.contains("nothing was changed") && all.contains("Int\n"), "{all}");
    assert!(all.contains("saved as scripts/kept.rhai") && wrong.contains('x'), "{all}\n{wrong}");

    // What its variables are is known here from what was typed.
    let terminal = Terminal::new(&home.path(""), &["repl", "--attach"], &[]);
    terminal.prompt("tidegate daemon dry>");
    terminal.line("let usage = #{percent_used: 5};");
    terminal.prompt("tidegate daemon dry>");
    terminal.keys(&format!("usage.perc{TAB}"));
    terminal.see("usage.percent_used");
    terminal.keys(CTRL_C);
    terminal.prompt("tidegate daemon dry>");
    terminal.keys(CTRL_D);
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_daemon_that_went_away_is_not_waited_for_and_one_that_came_back_knows_nothing() {
    let home = Home::new();
    let mut daemon = home.spawn();
    let mut command = home.command(&["repl", "--attach"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let mut next = || lines.next().unwrap().unwrap();
    pipe.write_all(b"let x = 41;\nx\n").unwrap();
    assert_eq!(next(), "41");
    daemon.signal("TERM");
    daemon.exit_code();
    let daemon = home.spawn();
    pipe.write_all(b"1\n2\n:vars\n").unwrap();
    assert!(next().contains("the variables and functions of this sitting are gone"));
    assert_eq!((next(), next()), ("1".into(), "2".into()));
    assert!(next().contains("name") && next().contains("it"), "only the last value is there");

    daemon.signal("STOP");
    let begun = Instant::now();
    drop(pipe);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    daemon.signal("CONT");
    assert!(begun.elapsed().as_secs() < 20, "it waited for a daemon that does not answer");
}

#[test]
fn signals_end_a_pipe_and_a_terminal() {
    let home = Home::new();
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let mut command = home.command(&["repl"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // The pipe stays open: only the signal ends it.
        let mut pipe = child.stdin.take().unwrap();
        pipe.write_all(b"print(\"begun\"); sleep(\"1h\")\n").unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
        assert_eq!(line, "begun\n");
        let sent = std::process::Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status();
        assert!(sent.unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(code), "{signal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn services_answer_as_in_a_recorded_run() {
    let (sim, home) = fleet().await;
    home.script("ask", "every(\"1h\", \"ask\", || { state.set(\"k\", 5); vps().get_service_info().hostname });");
    let asked = |home: &Home| {
        let output = home.run(&["exec", "ask", "--live", "--record", "run.json"]);
        assert_eq!(output.status.code(), Some(0), "{}", complained(&output));
    };
    let outcome = tokio::task::spawn_blocking(move || {
        asked(&home);
        let text = "vps().set_hostname(\"other\")\n:live\nvps().set_hostname(\"other\")\n:replay run.json\n\
                    let then = vps().get_service_info().hostname;\n:replay\nthen == vps().get_service_info().hostname\n\
                    :replay run.json\npbh().bans_list()\n";
        let output = piped(&home, &["repl"], text);
        let (all, wrong) = (said(&output), complained(&output));
        assert!(all.contains("ask/ask, ") && all.ends_with("as they did; `:replay` alone ends it\n"), "{all}\n{wrong}");
        assert!(all.contains("\nfalse\n") && wrong.contains("did not ask"), "{all}\n{wrong}");
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(piped(&home, &["repl"], ":replay scripts/ask.rhai\n").status.code(), Some(1));
    });
    outcome.await.unwrap();
    drop(sim);
}
