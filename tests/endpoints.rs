//! `tidegate endpoints` as programs and people call it.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use serde_json::Value;

fn tidegate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidegate")).args(args).env_clear().output().expect("the program starts")
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("output is UTF-8")
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("messages are UTF-8")
}

/// What is promised to the outside: ids, methods, paths and parameters are those of the references.
#[test]
fn the_json_is_the_references() {
    let output = tidegate(&["endpoints", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), "");
    let listed: Vec<Value> = serde_json::from_str(stdout(&output)).expect("one JSON document");
    let name = |row: &Value| format!("{} {}", row["service"].as_str().unwrap(), row["id"].as_str().unwrap());
    let mut listed: BTreeMap<_, _> = listed.iter().map(|row| (name(row), row)).collect();

    for service in ["kiwivm", "pbh"] {
        let file = format!("{}/tests/fixtures/reference/{service}.json", env!("CARGO_MANIFEST_DIR"));
        let entries: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        for entry in &entries {
            let id = entry["id"].as_str().unwrap();
            let row =
                listed.remove(&format!("{service} {id}")).unwrap_or_else(|| panic!("{service} {id} is not listed"));
            for key in ["method", "path", "effect", "since", "until"] {
                assert_eq!(row[key], entry[key], "{id}: {key}");
            }
            let params = |of: &Value| -> BTreeMap<String, (String, bool)> {
                let param = |param: &Value| {
                    let text = |key: &str| param[key].as_str().unwrap().to_owned();
                    (text("name"), (text("in"), param["required"].as_bool().unwrap()))
                };
                of["params"].as_array().unwrap().iter().map(param).collect()
            };
            assert_eq!(params(row), params(entry), "{id}");
            for key in ["returns", "doc", "source"] {
                assert!(row[key].as_str().is_some_and(|text| !text.is_empty()), "{id}: {key}");
            }
            if row["callable"] == false {
                assert!(row["reason"].is_string(), "{id}");
            }
        }
    }
    assert!(listed.is_empty(), "not in the references: {:?}", listed.keys());
}

#[test]
fn a_pattern_narrows_the_list() {
    let output = tidegate(&["endpoints", "Snapshot_Create"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).contains("snapshot_create(#{description: Text}) -> Notified\n    Takes a snapshot.\n"));
    assert!(stdout(&output).ends_with("1 endpoint\n"), "{}", stdout(&output));
}

#[test]
fn nothing_found_is_an_answer_with_a_hint() {
    let output = tidegate(&["endpoints", "snapshto_create"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "");
    assert!(stderr(&output).contains("no endpoint matches `snapshto_create`"), "{}", stderr(&output));
    assert!(stderr(&output).contains("`snapshot_create`"), "{}", stderr(&output));

    let output = tidegate(&["endpoints", "snapshto_create", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "[]\n");
}
