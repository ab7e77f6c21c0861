//! The real program: signals, exit codes, and what a crash leaves behind.

use crate::harness::Home;

const SLOW: &str = r#"on_start("slow", || { info("begun"); sleep("1m"); });"#;

fn error(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_save_is_noticed_and_signals_end_it() {
    let home = Home::new();
    let mut program = home.spawn();
    home.script("tick", r#"every("1h", "tick", || 1);"#);
    let line = program.wait_for("reloaded");
    assert_eq!(line["script"], "tick");
    home.script("tick", "every(");
    let line = program.wait_for("reload_failed");
    assert_eq!(line["findings"][0]["line"], 1);
    program.signal("TERM");
    program.wait_for("shutdown");
    assert_eq!(program.exit_code(), Some(143));

    let mut program = home.spawn();
    program.signal("INT");
    assert_eq!(program.exit_code(), Some(130));
}

#[test]
fn a_log_that_nobody_reads_holds_up_nothing() {
    let home = Home::new();
    let text = format!(
        "on_start(\"loud\", || {{ for n in 0..1000 {{ info(\"{}\"); }} state.set(\"done\", true); }});",
        "x".repeat(4000)
    );
    home.script("loud", text);
    // Far more than a pipe holds.
    let mut program = home.spawn_at_once();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let output = home.run(&["state", "get", "done", "--script", "loud"]);
        if output.status.success() && output.stdout.starts_with(b"true") {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "the run waits for a reader: {output:?}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    program.signal("TERM");
    assert_eq!(program.exit_code(), Some(143));
}

/// Each way in which editors, tools and mounts change files, and the contract's second until it is in force.
#[test]
fn every_way_of_saving_is_noticed_within_a_second() {
    let home = Home::new();
    std::fs::create_dir_all(home.path("repository")).unwrap();
    let text = |n: u32| format!("every(\"1h\", \"tick\", || {n});");
    home.write("repository/linked.rhai", text(0));
    std::os::unix::fs::symlink(home.path("repository/linked.rhai"), home.path("scripts/linked.rhai")).unwrap();
    home.script("tick", text(0));
    let mut program = home.spawn();
    let scripts = home.path("scripts");
    let in_place = || home.script("tick", text(1));
    let atomic = || {
        home.write("scripts/.tick.tmp", text(2));
        std::fs::rename(scripts.join(".tick.tmp"), scripts.join("tick.rhai")).unwrap();
    };
    let anew = || {
        home.remove("tick");
        home.script("tick", text(3));
    };
    let behind_a_link = || home.write("repository/linked.rhai", text(4));
    let moved_aside = || {
        std::fs::rename(scripts.join("tick.rhai"), scripts.join("tick.rhai~")).unwrap();
        home.script("tick", text(5));
    };
    let folder_swapped = || {
        std::fs::rename(&scripts, home.path("before")).unwrap();
        std::fs::create_dir(&scripts).unwrap();
        std::os::unix::fs::symlink(home.path("repository/linked.rhai"), scripts.join("linked.rhai")).unwrap();
        home.script("tick", text(6));
    };
    let after_that = || home.script("tick", text(7));
    let configuration = || home.write("tidegate.toml", "timezone = \"UTC\"\nmode = \"watch\"\n");
    let ways: [(&str, &dyn Fn()); 8] = [
        ("in place", &in_place),
        ("atomically", &atomic),
        ("deleted and created", &anew),
        ("behind a link", &behind_a_link),
        ("the old one moved aside", &moved_aside),
        ("the folder swapped", &folder_swapped),
        ("in the new folder", &after_that),
        ("the configuration", &configuration),
    ];
    for (name, save) in ways {
        let saved = std::time::Instant::now();
        save();
        program.wait_for("reloaded");
        let took = saved.elapsed();
        println!("{name}: {} ms", took.as_millis());
        // The contract says one second; a busy machine is granted more, a way that is not noticed takes for ever.
        assert!(took < std::time::Duration::from_secs(10), "{name}: {took:?}");
    }
}

#[test]
fn the_second_signal_ends_what_runs() {
    let home = Home::new();
    home.script("slow", SLOW);
    let mut program = home.spawn();
    program.wait_for("log");
    program.signal("INT");
    program.wait_for("stopping");
    program.signal("TERM");
    let line = program.wait_for("run_finished");
    assert_eq!(line["state"], "cancelled");
    assert_eq!(program.exit_code(), Some(130), "the first signal counts");
}

#[test]
fn a_crash_leaves_rows_that_the_next_daemon_names_once() {
    let home = Home::new();
    home.script("slow", SLOW);
    let mut program = home.spawn();
    let run = program.wait_for("log")["run"].clone();
    program.signal("KILL");
    assert_eq!(program.exit_code(), None);
    std::fs::remove_file(home.path("scripts/slow.rhai")).unwrap();

    let mut command = home.command(&["run", "--log", "json"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let first: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!((&first["event"], &first["run"]), (&"run_interrupted".into(), &run));
    child.kill().unwrap();
    child.wait().unwrap();

    let mut program = home.spawn();
    program.signal("TERM");
    assert_eq!(program.exit_code(), Some(143));
}

#[test]
fn a_second_daemon_is_one_sentence_and_exit_2() {
    let home = Home::new();
    let _first = home.spawn();
    let second = home.run(&["run"]);
    assert_eq!(second.status.code(), Some(2));
    let said = error(&second);
    assert!(said.contains("another tidegate") && said.lines().count() <= 2, "{said}");
}

#[test]
fn a_data_folder_that_cannot_be_written_is_one_sentence_and_exit_2() {
    let home = Home::with("data = \"blocked\"");
    home.write("blocked", "a file where a folder should be");
    let output = home.run(&["run"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(error(&output).contains("blocked"), "{}", error(&output));
    assert!(error(&output).lines().count() <= 2, "{}", error(&output));
}

#[test]
fn lines_for_people_say_what_runs() {
    let home = Home::new();
    home.script("tick", r#"every("1h", "tick", || 1);"#);
    let mut child = home.command(&["run"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let ready = lines.by_ref().map(Result::unwrap).find(|line| line.contains("ready")).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(ready.contains("1 script, 1 trigger"), "{ready}");
    assert!(!ready.contains('\x1b'), "no colours into a pipe");
}

#[test]
fn a_run_in_the_foreground_ends_at_either_signal_and_is_written_down() {
    let home = Home::new();
    home.script("slow", SLOW);
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let child = home.command(&["exec", "slow", "--json"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
        // It is there once its row is.
        let running = || {
            let rows = home.run(&["history", "--state", "running", "--json"]).stdout;
            serde_json::from_slice::<serde_json::Value>(&rows).is_ok_and(|rows| rows[0].is_object())
        };
        while !running() {}
        let kill = std::process::Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
        assert!(kill.unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code));
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer["error"]["kind"], "cancelled");
    }
    let rows: serde_json::Value = serde_json::from_slice(&home.run(&["history", "--json"]).stdout).unwrap();
    assert!(rows.as_array().unwrap().iter().all(|row| row["state"] == "cancelled"), "{rows:#}");
}

#[test]
fn a_file_that_is_no_text_is_a_finding_with_its_place() {
    let home = Home::new();
    home.write("scripts/latin.rhai", b"// fine\nlet a = \"caf\xe9\";");
    let output = home.run(&["check", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let finding = &report["files"][0]["findings"][0];
    assert_eq!((&finding["line"], &finding["column"], output.status.code()), (&2.into(), &13.into(), Some(1)));
}
