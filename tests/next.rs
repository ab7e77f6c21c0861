//! `tidegate next` as a user runs it.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

fn tidegate(args: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .arg("next")
        .args(args)
        .current_dir(folder)
        .env_clear()
        .env("TZ", "Asia/Tokyo")
        .env("HOME", folder)
        .output()
        .expect("the program starts")
}

fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let output = tidegate(args, folder.path());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn json(args: &[&str]) -> Value {
    let (code, out, err) = run(&[args, &["--json"]].concat());
    assert_eq!((code, err.as_str()), (Some(0), ""), "{args:?}");
    assert_eq!(out.lines().count(), 1, "one document");
    serde_json::from_str(&out).expect("JSON")
}

#[test]
fn json_lists_times_with_the_offset_of_the_zone() {
    let report = json(&["30 2 * * *", "--tz", "Europe/Berlin", "--from", "2026-03-28T01:30:00Z", "-n", "2"]);
    assert_eq!(
        report["next"],
        json!(["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]),
        "`--from` is exclusive"
    );
    assert_eq!((&report["expression"], &report["timezone"]), (&json!("30 2 * * *"), &json!("Europe/Berlin")));
    assert_eq!(report["notes"], json!(["02:30 does not exist on 2026-03-29, fires 03:00"]));
    assert_eq!(report["warnings"], json!([]));
}

#[test]
fn what_misleads_is_a_warning_in_json_and_on_standard_error() {
    let report = json(&["*/90 * * * *", "--tz", "UTC"]);
    assert!(report["warnings"][0].as_str().is_some_and(|warning| warning.contains("@every 90m")), "{report}");
    let (code, out, err) = run(&["*/90 * * * *", "--tz", "UTC"]);
    assert_eq!(code, Some(0));
    assert!(!out.contains("warning:") && err.starts_with("warning: "), "{out}{err}");
}

#[test]
fn people_read_words_and_a_table() {
    let (code, out, err) = run(&["0 8 * * MON-FRI", "--tz", "Asia/Shanghai", "--from", "2026-07-03 12:00", "-n", "2"]);
    let expected = "at 08:00 from Monday to Friday (Asia/Shanghai)\n\n  \
                    Mon  2026-07-06 08:00  +08:00  2026-07-06 00:00 UTC\n  \
                    Tue  2026-07-07 08:00  +08:00  2026-07-07 00:00 UTC\n";
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), expected, ""));
}

#[test]
fn a_wrong_expression_is_shown_with_a_caret() {
    let (code, out, err) = run(&["0 25 * * *", "--json"]);
    let said: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &said["error"]["hint"]), (Some(2), &"it goes from 0 to 23".into()));
    assert_eq!(err, "error: `25` is out of range in the hour field\n  0 25 * * *\n    ^\nhint: it goes from 0 to 23\n");
    for expression in ["0 0 31 2 *", "", "@never", "0 0 0 1 1 * 2000", "* * *"] {
        assert_eq!(run(&[expression]).0, Some(2), "{expression}");
    }
}

#[test]
fn other_wrong_requests_say_what_to_write() {
    let (code, _, err) = run(&["@daily", "--tz", "Asia/Shanghia"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("did you mean `Asia/Shanghai`?"), "{err}");
    let (code, _, err) = run(&["@daily", "--from", "tomorrow"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("`tomorrow` is not a time"), "{err}");
    assert_eq!(run(&["@daily", "-n", "0"]).0, Some(2));
    assert_eq!(run(&[]).0, Some(2));
}

#[test]
fn the_zone_is_that_of_the_configuration_else_of_the_system() {
    let folder = tempfile::tempdir().expect("a folder");
    let zone = |args: &[&str]| {
        let output = tidegate(&[&["@daily", "--json"], args].concat(), folder.path());
        serde_json::from_slice::<Value>(&output.stdout).map(|report| report["timezone"].clone()).ok()
    };
    assert_eq!(zone(&[]), Some(json!("Asia/Tokyo")));
    let file = folder.path().join("tidegate.toml");
    std::fs::write(&file, "timezone = \"Europe/Paris\"\n[vps.tokyo]\nveid = \"wrong\"\n").expect("written");
    assert_eq!(zone(&[]), Some(json!("Europe/Paris")), "whatever else is wrong with the file");
    assert_eq!(zone(&["--tz", "UTC"]), Some(json!("UTC")));
    std::fs::write(&file, "timezone = \"Europe/Pariss\"\n").expect("written");
    let output = tidegate(&["@daily"], folder.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean `Europe/Paris`?"));
}

#[test]
fn an_expression_without_quotes_is_put_together() {
    let report = json(&["0", "8", "1", "1", "1", "--tz", "UTC", "--from", "2026-01-02T00:00:00Z", "-n", "1"]);
    assert_eq!(report["next"], json!(["2026-01-05T08:00:00Z"]));
}

#[test]
fn the_triggers_of_a_script_are_merged_in_order() {
    let home = crate::harness::Home::new();
    home.script(
        "mix",
        "cron(\"30 2 * * *\", #{name: \"night\", timezone: \"Europe/Berlin\"}, || 1);\n\
         every(\"12h\", #{name: \"half\", between: \"00:00-01:00\", jitter: \"5m\"}, || 1);\n\
         at(\"2026-03-29 01:00\", \"once\", || 1);\n\
         schedule([#{at: \"0 8 * * *\", up: 1}, #{at: \"0 23 * * *\", up: 2}], \"hours\", |entry| entry.up);\n\
         when(|| true, #{name: \"look\", every: \"1d\"}, || 1);\n\
         cron(\"0 * * * *\", #{name: \"off\", enabled: false}, || 1);\n\
         on_webhook(\"/x\", \"hook\", || 1);\n",
    );
    let args = ["next", "--script", "mix", "--from", "2026-03-28T12:00:00Z", "-n", "7"];
    let output = home.run(&[&args[..], &["--json"]].concat());
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let next = report["next"].as_array().unwrap();
    let mut times: Vec<_> = next
        .iter()
        .map(|row| row["time"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap())
        .collect();
    assert_eq!(times.len(), 7);
    assert!(
        times.is_sorted() && times.remove(0) > "2026-03-28T12:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap()
    );
    let of =
        |name: &str| next.iter().find(|row| row["trigger"] == name).unwrap_or_else(|| panic!("{name} in {next:?}"));
    assert_eq!(of("night")["time"], "2026-03-29T03:00:00+02:00");
    assert_eq!(of("night")["notes"], json!(["02:30 does not exist on 2026-03-29, fires 03:00"]));
    assert_eq!((&of("once")["time"], &of("once")["kind"]), (&json!("2026-03-29T01:00:00Z"), &json!("at")));
    assert_eq!((&of("hours")["time"], &of("hours")["kind"]), (&json!("2026-03-28T23:00:00Z"), &json!("schedule")));
    assert_eq!(of("look")["kind"], "when");
    let note = of("half")["notes"][0].as_str().unwrap();
    assert!(note.starts_with("each runs ") && note.ends_with(" later"), "{note}");
    assert!(next.iter().any(|row| row["trigger"] == "half" && row["skipped"] == "outside of 00:00-01:00"), "{next:?}");
    let others: Vec<_> =
        report["others"].as_array().unwrap().iter().map(|row| (&row["trigger"], &row["off"])).collect();
    assert_eq!(others, [(&json!("off"), &json!(true)), (&json!("hook"), &json!(false))]);
    let output = home.run(&args);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains(" Europe/Berlin; 02:30 does not exist") && text.contains("webhook"), "{text}");
    assert_eq!(home.run(&["next", "--script", "nobody"]).status.code(), Some(2));
}

#[test]
fn an_expression_is_explained_in_the_language_of_the_reader() {
    let home = crate::harness::Home::with("language = \"zh\"\n");
    let output = home.run(&["next", "*/15 9-17 * * MON-FRI", "-n", "1", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["description"], "每周一至周五 09:00 至 17:59 之间 每 15 分钟");
}

#[test]
fn every_counts_from_the_epoch() {
    let report = json(&["@every 90s", "--tz", "UTC", "--from", "2026-01-01T00:00:00Z", "-n", "2"]);
    assert_eq!(report["next"], json!(["2026-01-01T00:01:30Z", "2026-01-01T00:03:00Z"]));
    assert_eq!(report["description"], "every 1m 30s");
}
