//! `tidegate sim`: the first line, the end, and what it refuses.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use serde_json::Value;

use crate::harness::Home;

#[test]
fn the_first_line_says_where_everything_is_and_a_signal_ends_it() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let home = Home::new();
        let mut child = home.command(&["sim", "--json", "--seed", "7"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let urls: Value = serde_json::from_str(&line).unwrap();
        assert!(urls["kiwivm_url"].as_str().unwrap().starts_with("http://127.0.0.1:"));
        assert_eq!(urls["downloaders"].as_array().unwrap().len(), 2);
        let status = std::process::Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
        assert!(status.unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(code));
        let mut rest = String::new();
        lines.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "", "one document and nothing else");
    }
}

#[test]
fn what_cannot_be_simulated_is_said_in_one_sentence() {
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    home.write("bad.toml", "[pbh]\nversion = \"1.0\"\n");
    for (args, part) in [
        (vec!["sim", "--json", "--pbh", &address], address.as_str()),
        (vec!["sim", "--world", "bad.toml"], "`1.0`"),
        (vec!["sim", "--world", "missing.toml"], "missing.toml"),
        (vec!["sim", "--kiwivm", "0.0.0.0:0"], "loopback"),
    ] {
        let output = home.run(&args);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        assert!(text.lines().next().unwrap().contains(part), "{args:?}: {text}");
        assert_eq!(
            output.stdout.is_empty(),
            !args.contains(&"--json"),
            "an error is a document too, where they are wanted"
        );
    }
}
