//! `tidegate init`, and that what it writes can be used.

use std::process::Command;

struct Outcome {
    code: Option<i32>,
    said: String,
    error: String,
}

fn tidegate(folder: &std::path::Path, args: &[&str], env: &[(&str, &str)]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(args).current_dir(folder).env_clear().env("HOME", folder).envs(env.iter().copied());
    let output = command.stdin(std::process::Stdio::null()).output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Outcome { code: output.status.code(), said: text(output.stdout), error: text(output.stderr) }
}

const ALL: [(&str, &str); 4] = [
    ("KIWIVM_VEID", "123456"),
    ("KIWIVM_API_KEY", "private_abc"),
    ("PBH_URL", "http://127.0.0.1:9898"),
    ("PBH_TOKEN", "abcdef"),
];

#[test]
fn it_asks_nothing_that_it_can_know_and_its_folder_works() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = tidegate(folder.path(), &["init", "box"], &ALL);
    assert_eq!((outcome.code, outcome.error.as_str()), (Some(0), ""));
    assert!(outcome.said.contains("\n  cd box\n  tidegate check\n  tidegate run"), "{}", outcome.said);
    assert!(!outcome.said.contains("export"), "{}", outcome.said);
    let inside = folder.path().join("box");
    let config = std::fs::read_to_string(inside.join("tidegate.toml")).unwrap();
    assert!(config.contains("veid    = 123456") && !config.contains("private_abc") && !config.contains("abcdef"));
    assert!(std::fs::read_to_string(inside.join("scripts/quota-guard.rhai")).unwrap().contains("when("));
    assert!(std::fs::read_to_string(inside.join(".gitignore")).unwrap().contains("/secrets/"));
    // Any command that reads the configuration accepts it.
    assert_eq!(tidegate(&inside, &["history"], &ALL).code, Some(0));
}

#[test]
fn what_is_there_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tidegate.toml"), "# mine\n").unwrap();
    let first = tidegate(folder.path(), &["init"], &[]);
    assert!(first.said.starts_with("kept  tidegate.toml\nwrote scripts/quota-guard.rhai\n"), "{}", first.said);
    let second = tidegate(folder.path(), &["init"], &[]);
    assert_eq!((second.code, second.said.matches("kept ").count()), (Some(0), 3));
    assert_eq!(std::fs::read_to_string(folder.path().join("tidegate.toml")).unwrap(), "# mine\n");
}

#[test]
fn a_folder_that_cannot_be_made_is_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let outcome = tidegate(folder.path(), &["init", "file"], &[]);
    assert_eq!((outcome.code, outcome.said.as_str()), (Some(2), ""));
    assert_eq!(outcome.error.lines().count(), 2, "{}", outcome.error);
    assert!(outcome.error.starts_with("error: `file/tidegate.toml` cannot be written"), "{}", outcome.error);
}
