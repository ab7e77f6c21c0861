//! `tidegate lsp`, driven over its standard input and output as an editor does it.

use std::io::{BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

const CONFIG: &str = r#"
timezone = "UTC"
[vps.tokyo]
veid = 123456
api_key = { env = "TOKYO_KEY" }
[pbh.home]
url = "http://127.0.0.1:9"
token = { env = "HOME_TOKEN" }
"#;

/// An editor with the server that it started.
struct Editor {
    folder: tempfile::TempDir,
    child: Child,
    input: ChildStdin,
    /// What the server says, as it comes.
    heard: Receiver<Value>,
    /// Diagnostics that came while something else was waited for.
    diagnostics: Vec<Value>,
    last: i64,
}

impl Editor {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("scripts/lib")).unwrap();
        std::fs::write(folder.path().join("tidegate.toml"), CONFIG).unwrap();
        std::fs::write(folder.path().join("scripts/lib/peers.rhai"), "// 最坏的\nfn worst(peers) { peers }\n").unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
            .args(["lsp", "--stdio"])
            .current_dir(folder.path())
            .env_clear()
            .env("HOME", folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, heard) = channel();
        std::thread::spawn(move || {
            let mut output = BufReader::new(output);
            while let Some(message) = read(&mut output) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut editor = Self { folder, child, input, heard, diagnostics: Vec::new(), last: 0 };
        let root = format!("file://{}", editor.folder.path().display());
        // As Helix and Emacs do it, which would rather count otherwise than in UTF-16.
        let counts = json!({"general": {"positionEncodings": ["utf-8", "utf-32", "utf-16"]}});
        let answer = editor.ask("initialize", json!({"processId": null, "rootUri": root, "capabilities": counts}));
        assert_eq!(answer["serverInfo"]["name"], "tidegate");
        assert_eq!(answer["capabilities"]["positionEncoding"], "utf-16");
        assert_eq!(answer["capabilities"]["textDocumentSync"]["change"], 1);
        editor.tell("initialized", json!({}));
        editor
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        self.input.flush().unwrap();
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// The next message, within a time that only a server that hangs needs.
    fn hear(&self) -> Value {
        self.heard.recv_timeout(Duration::from_mins(1)).expect("the server says something")
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        let id = self.last;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let message = self.hear();
            if message["id"] == id {
                assert_eq!(message["error"], Value::Null, "{message}");
                return message["result"].clone();
            }
            self.diagnostics.push(message);
        }
    }

    fn uri(&self, name: &str) -> String {
        // As the server spells it, which is how files are spelled in addresses.
        url::Url::from_file_path(self.folder.path().join("scripts").join(name)).unwrap().to_string()
    }

    fn open(&mut self, name: &str, text: &str) {
        let uri = self.uri(name);
        let document = json!({"uri": uri, "languageId": "rhai", "version": 1, "text": text});
        self.tell("textDocument/didOpen", json!({"textDocument": document}));
    }

    fn change(&mut self, name: &str, version: i64, text: &str) {
        let uri = self.uri(name);
        let document = json!({"uri": uri, "version": version});
        self.tell("textDocument/didChange", json!({"textDocument": document, "contentChanges": [{"text": text}]}));
    }

    /// The diagnostics of a version of a file, in short: range, code and severity.
    fn findings(&mut self, name: &str, version: i64) -> Vec<(String, String)> {
        let uri = self.uri(name);
        loop {
            let message = if self.diagnostics.is_empty() { self.hear() } else { self.diagnostics.remove(0) };
            let params = &message["params"];
            if message["method"] == "textDocument/publishDiagnostics"
                && params["uri"] == uri
                && params["version"] == version
            {
                let all = params["diagnostics"].as_array().unwrap();
                return all
                    .iter()
                    .map(|one| (range(&one["range"]), one["code"].as_str().unwrap().to_owned()))
                    .collect();
            }
        }
    }

    /// Asks about a place, given by line and UTF-16 column.
    fn at(&mut self, method: &str, name: &str, line: u32, character: u32) -> Value {
        let uri = self.uri(name);
        let place = json!({"textDocument": {"uri": uri}, "position": {"line": line, "character": character}});
        self.ask(method, place)
    }

    fn quit(mut self) {
        self.ask("shutdown", Value::Null);
        self.tell("exit", Value::Null);
        assert!(self.child.wait().unwrap().success());
    }
}

/// One message, or nothing at the end.
fn read(output: &mut impl std::io::BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().strip_prefix("Content-Length: ") {
            Some(number) => length = number.parse().ok()?,
            None if line == "\r\n" => break,
            None => {}
        }
    }
    let mut text = vec![0; length];
    output.read_exact(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// `1:4-1:9`
fn range(range: &Value) -> String {
    let place = |place: &Value| format!("{}:{}", place["line"], place["character"]);
    format!("{}-{}", place(&range["start"]), place(&range["end"]))
}

fn labels(items: &Value) -> Vec<&str> {
    items.as_array().unwrap().iter().map(|item| item["label"].as_str().unwrap()).collect()
}

#[test]
fn a_fault_is_found_where_it_stands_and_gone_when_it_is_mended() {
    let mut editor = Editor::start();
    let good = "every(\"5m\", \"看守\", || {\n    notify(`水 🌊 ${vps(\"tokyo\").data_usage().percent} %`);\n});\n";
    editor.open("guard.rhai", good);
    assert_eq!(editor.findings("guard.rhai", 1), []);
    // Behind Chinese and a character of two units, the range is counted as editors count.
    editor.change("guard.rhai", 2, &good.replace("percent", "percnt"));
    assert_eq!(editor.findings("guard.rhai", 2), [("1:45-1:51".into(), "unknown-field".into())]);
    editor.change("guard.rhai", 3, &good.replace("});", "}"));
    let broken = editor.findings("guard.rhai", 3);
    assert_eq!(broken.len(), 1);
    assert_eq!(broken[0].1, "syntax");
    editor.change("guard.rhai", 4, good);
    assert_eq!(editor.findings("guard.rhai", 4), []);
    // What only loading finds is found too.
    editor.change("guard.rhai", 5, "let a = 1;\ninfo(a);\n");
    assert_eq!(editor.findings("guard.rhai", 5), [("0:0-0:3".into(), "no-trigger".into())]);
    editor.quit();
}

#[test]
fn a_dot_after_a_handle_offers_every_endpoint_with_its_sentence() {
    let mut editor = Editor::start();
    editor.open("a.rhai", "// 注释\nevery(\"5m\", \"名\", || {\n    pbh(\"home\").\n});\n");
    let items = editor.at("textDocument/completion", "a.rhai", 2, 16);
    let names = labels(&items);
    for name in ["bans_list", "bans_list_all", "top_peers", "ban"] {
        assert!(names.contains(&name), "{name}");
    }
    let bans = items.as_array().unwrap().iter().find(|item| item["label"] == "bans_list").unwrap();
    assert!(bans["detail"].as_str().unwrap().contains("-> Page of Ban"));
    assert!(bans["documentation"].as_str().unwrap().len() > 10);
    assert_eq!(range(&bans["textEdit"]["range"]), "2:16-2:16");
    let text = "every(\"5m\", #{名: 1}, || 1);\nvps(\"\");\npbh(\"home\").ban([], #{});\n";
    editor.change("a.rhai", 2, text);
    assert_eq!(labels(&editor.at("textDocument/completion", "a.rhai", 1, 5)), ["tokyo"]);
    let keys = editor.at("textDocument/completion", "a.rhai", 2, 22);
    assert!(labels(&keys).contains(&"duration"), "{keys}");
    editor.quit();
}

#[test]
fn hover_signatures_definitions_and_symbols_answer() {
    let mut editor = Editor::start();
    let text = "import \"lib/peers\" as peers;\nfn 算(a, b) { a + b }\ncron(\"0 8 * * *\", \"早报\", || {\n    let 量 = vps(\"tokyo\").data_usage();\n    info(算(量.percent, peers::worst([1]).len()));\n});\n";
    editor.open("a.rhai", text);
    assert_eq!(editor.findings("a.rhai", 1), []);
    let hover = editor.at("textDocument/hover", "a.rhai", 3, 30);
    let said = hover["contents"]["value"].as_str().unwrap();
    assert!(said.starts_with("```rhai\ndata_usage(#{fresh: bool}) -> Usage\n```"), "{said}");
    assert_eq!(range(&hover["range"]), "3:25-3:35");
    let field = editor.at("textDocument/hover", "a.rhai", 4, 15);
    assert!(field["contents"]["value"].as_str().unwrap().contains("percent: Percent"), "{field}");
    let help = editor.at("textDocument/signatureHelp", "a.rhai", 4, 22);
    assert_eq!((&help["signatures"][0]["label"], &help["activeParameter"]), (&json!("算(a, b)"), &json!(1)));
    assert_eq!(help["signatures"][0]["parameters"][1]["label"], json!([5, 6]));
    let variable = editor.at("textDocument/definition", "a.rhai", 4, 11);
    assert_eq!(range(&variable["range"]), "3:8-3:9");
    let library = editor.at("textDocument/definition", "a.rhai", 4, 33);
    assert!(library["uri"].as_str().unwrap().ends_with("/scripts/lib/peers.rhai"), "{library}");
    assert_eq!(range(&library["range"]), "1:3-1:8");
    let symbols = editor.ask("textDocument/documentSymbol", json!({"textDocument": {"uri": editor.uri("a.rhai")}}));
    let symbols: Vec<_> = symbols
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["name"].as_str().unwrap(), one["kind"].as_i64().unwrap()))
        .collect();
    assert_eq!(symbols, [("算", 12), ("早报", 24)]);
    editor.quit();
}

#[test]
fn a_configuration_that_is_wrong_is_said_and_one_that_is_mended_is_used() {
    let mut editor = Editor::start();
    let file = editor.folder.path().join("tidegate.toml");
    std::fs::write(&file, "[vps.tokyo]\nveid = \"x\"\n").unwrap();
    editor.open("a.rhai", "every(\"5m\", \"x\", || info(vps(\"osaka\").status().running));\n");
    let said = editor.hear();
    assert_eq!(said["method"], "window/showMessage", "{said}");
    assert!(said["params"]["message"].as_str().unwrap().contains("veid"), "{said}");
    std::fs::write(&file, CONFIG).unwrap();
    let uri = editor.uri("a.rhai");
    editor.tell("textDocument/didSave", json!({"textDocument": {"uri": uri}}));
    assert_eq!(editor.findings("a.rhai", 1), [("0:29-0:36".into(), "unknown-instance".into())]);
    editor.quit();
}

#[test]
fn definitions_are_written_beside_the_configuration_and_others_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tidegate.toml"), CONFIG).unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.args(args).current_dir(folder.path()).env_clear().env("HOME", folder.path()).output().unwrap()
    };
    let first = run(&["definitions", "--json"]);
    assert!(first.status.success());
    let written: Value = serde_json::from_slice(&first.stdout).unwrap();
    let written: Vec<String> = serde_json::from_value(written["written"].clone()).unwrap();
    assert!(written.iter().any(|path| Path::new(path).ends_with("definitions/fleet.d.rhai")), "{written:?}");
    let fleet = folder.path().join("definitions/fleet.d.rhai");
    assert!(std::fs::read_to_string(&fleet).unwrap().contains("fn vps(name: \"tokyo\") -> Vps;"));
    // Again, over its own.
    assert!(run(&["definitions"]).status.success());
    std::fs::write(&fleet, "// mine\n").unwrap();
    let refused = run(&["definitions"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("was not written by tidegate"));
    assert_eq!(std::fs::read_to_string(&fleet).unwrap(), "// mine\n");
}

#[test]
fn a_list_that_nobody_asked_for_does_not_open() {
    let mut editor = Editor::start();
    editor.open("a.rhai", "every(\"5m\", \"x\", || {\n    vps(\"\n});\n");
    let uri = editor.uri("a.rhai");
    let mut typed = |line: u32, character: u32, sign: &str| {
        let context = json!({"triggerKind": 2, "triggerCharacter": sign});
        let position = json!({"line": line, "character": character});
        let params = json!({"textDocument": {"uri": uri}, "position": position, "context": context});
        let offered = editor.ask("textDocument/completion", params);
        labels(&offered).into_iter().map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(typed(0, 21, "{"), [""; 0]);
    assert_eq!(typed(1, 9, "\""), ["tokyo"]);
    editor.quit();
}

#[test]
fn each_file_has_the_configuration_above_it_and_a_broken_one_leaves_the_last() {
    let mut editor = Editor::start();
    let other = editor.folder.path().join("other");
    std::fs::create_dir_all(other.join("scripts")).unwrap();
    std::fs::write(other.join("tidegate.toml"), CONFIG.replace("tokyo", "osaka")).unwrap();
    let script = |vps: &str| format!("every(\"5m\", \"x\", || vps(\"{vps}\").status());\n");
    editor.open("a.rhai", &script("tokyo"));
    editor.open("../other/scripts/b.rhai", &script("osaka"));
    assert_eq!(editor.findings("a.rhai", 1), []);
    assert_eq!(editor.findings("../other/scripts/b.rhai", 1), []);
    // Somebody is in the middle of the configuration.
    std::fs::write(editor.folder.path().join("tidegate.toml"), "[vps.tokyo").unwrap();
    let uri = editor.uri("a.rhai");
    editor.tell("textDocument/didSave", json!({"textDocument": {"uri": uri}}));
    editor.change("a.rhai", 2, &script("kyoto"));
    assert_eq!(editor.findings("a.rhai", 2), [("0:24-0:31".into(), "unknown-instance".into())]);
    editor.quit();
}

#[test]
fn what_is_closed_shows_nothing_any_more() {
    let mut editor = Editor::start();
    for _ in 0..20 {
        editor.open("a.rhai", "every(\"5m\", \"x\", || nosuch());\n");
        let uri = editor.uri("a.rhai");
        editor.tell("textDocument/didClose", json!({"textDocument": {"uri": uri}}));
    }
    editor.open("b.rhai", "every(\"5m\", \"x\", || info(1));\n");
    let uri = editor.uri("a.rhai");
    let last_of_a = |heard: &[Value]| {
        let of_a = heard.iter().rfind(|message| message["params"]["uri"] == uri);
        of_a.map(|message| message["params"]["diagnostics"].as_array().unwrap().len())
    };
    // The findings of one text come after those of all that were sent before.
    let b = editor.uri("b.rhai");
    while !editor.diagnostics.iter().any(|message| message["params"]["uri"] == b) {
        let message = editor.hear();
        editor.diagnostics.push(message);
    }
    assert_eq!(last_of_a(&editor.diagnostics), Some(0));
    editor.quit();
}

/// The exit code after these messages.
fn ends(messages: &[&str]) -> (i32, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .arg("lsp")
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    for message in messages {
        let _ = write!(input, "Content-Length: {}\r\n\r\n{message}", message.len());
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_conversation_ends_as_the_protocol_says() {
    let hello = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{},"trace":"compact"}}"#;
    let (shutdown, exit) = (r#"{"jsonrpc":"2.0","id":2,"method":"shutdown"}"#, r#"{"jsonrpc":"2.0","method":"exit"}"#);
    let trace = r#"{"jsonrpc":"2.0","method":"$/setTrace","params":{"value":"off"}}"#;
    let late = r#"{"jsonrpc":"2.0","id":3,"method":"textDocument/hover","params":{}}"#;
    assert_eq!(ends(&[hello, trace, shutdown, late, trace, exit]), (0, String::new()));
    assert_eq!(ends(&[hello, exit]).0, 1);
    let (code, said) = ends(&[hello, "{\"a\":"]);
    assert_eq!(code, 1);
    assert!(said.contains("the editor was not understood"), "{said}");
}
