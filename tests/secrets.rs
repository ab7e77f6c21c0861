//! Nothing that a run writes holds a secret, in whatever encoding: data folder, standard output, standard error.

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use crate::harness::Home;
use crate::messages::post::Post;

/// With everything that encodings differ in.
const SECRET: &str = "tide \"gate\"/word+7&~x";

/// As it may have been written.
fn forms() -> Vec<String> {
    let json = json!(SECRET).to_string();
    vec![
        SECRET.into(),
        json[1..json.len() - 1].into(),
        BASE64_STANDARD.encode(SECRET).trim_end_matches('=').into(),
        url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect(),
        percent_encoding::utf8_percent_encode(SECRET, percent_encoding::NON_ALPHANUMERIC).to_string(),
        // Whatever the encoding left alone.
        "gate\"/w".into(),
    ]
}

/// Where a form of the secret stands in what was written.
fn found_in(what: &str, bytes: &[u8]) -> Vec<String> {
    let holds = |form: &str| bytes.windows(form.len()).any(|window| window == form.as_bytes());
    forms().into_iter().filter(|form| holds(form)).map(|form| format!("{what}: {form}")).collect()
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_runs_write_holds_a_secret() {
    // The service says back what it was sent, which is how secrets come to stand in texts.
    let post = Post::answering(&json!({"echo": SECRET}));
    let url = post.listen();
    let home = Home::with(&format!(
        "[secret.push_key]\nfile = \"push.key\"\n[notify.phone]\ntype = \"webhook\"\nurl = \"{url}/hook\"\n\
         [script.leak]\nallow = [\"secret:push_key\", \"http:127.0.0.1\"]\n"
    ));
    home.write("push.key", SECRET);
    home.script(
        "leak",
        format!(
            r#"
            fn echo() {{
                http.post("{url}/echo", #{{headers: #{{"X-Key": secret("push_key")}}, text: "x"}}).json.echo
            }}
            cron("0 * * * *", "says", || {{
                let raw = echo();
                info(raw); warn(`key=${{raw}}`); info(base64_encode(raw)); info(url_encode(raw));
                info(#{{nested: [raw]}}); notify(`the key is ${{raw}}`);
            }});
            cron("0 * * * *", "throws", || {{ let raw = echo(); throw `no ${{raw}}`; }});
            cron("0 * * * *", "fails", || {{
                let raw = echo();
                http.get(`{url}/${{url_encode(raw)}}`, #{{query: #{{key: raw}}}});
                m[raw]
            }});
            cron("0 * * * *", "caught", || {{ let raw = echo(); try {{ throw raw }} catch (e) {{ info(`caught ${{e}}`) }} }});
            "#
        )
        .replace("m[raw]", "#{}[raw]"),
    );
    let mut found = Vec::new();
    let run = async |args: &[&str]| {
        let mut command = home.command(args);
        tokio::task::spawn_blocking(move || command.output().expect("the program starts")).await.expect("it ran")
    };
    let typed =
        format!(r#"http.post("{url}/echo", #{{headers: #{{"X-Key": secret("push_key")}}, text: "x"}}).json.echo"#);
    let (thrown, told) = (format!("throw `no ${{{typed}}}`"), format!("let x = {typed}; [x, #{{key: x}}]"));
    let granted = ["--live", "--allow", "secret:push_key", "--allow", "http:127.0.0.1"];
    let with = |expression: &'_ str, more: &[&'static str]| -> Vec<String> {
        ["eval", expression].into_iter().chain(granted).chain(more.iter().copied()).map(ToOwned::to_owned).collect()
    };
    for args in [with(&typed, &["--json"]), with(&told, &[]), with(&thrown, &[]), with(&thrown, &["--json"])] {
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let output = run(&args).await;
        found.extend(found_in("eval", &output.stdout));
        found.extend(found_in("eval", &output.stderr));
        let shown = [output.stdout, output.stderr].concat();
        assert!(String::from_utf8_lossy(&shown).contains("***"), "{args:?}: {}", String::from_utf8_lossy(&shown));
    }
    for args in [
        &["exec", "leak", "says", "--live", "--json"] as &[&str],
        &["exec", "leak", "says", "--dry-run"],
        &["exec", "leak", "throws", "--live"],
        &["exec", "leak", "throws", "--live", "--json"],
        &["exec", "leak", "fails", "--live", "--json"],
        &["exec", "leak", "caught", "--live"],
        &["history", "--json"],
        &["history", "show", "leak/throws"],
        &["history", "show", "leak/says", "--json"],
    ] {
        let output = run(args).await;
        let said = format!("{args:?}");
        assert!(
            output.status.code().is_some_and(|code| code < 2),
            "{said}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        found.extend(found_in(&said, &output.stdout));
        found.extend(found_in(&said, &output.stderr));
    }
    let mut read = 0;
    for file in files(&home.path("data")) {
        let bytes = std::fs::read(&file).expect("a file of the data folder");
        read += bytes.len();
        found.extend(found_in(&file.display().to_string(), &bytes));
    }
    assert!(read > 10_000, "the data folder was looked at");
    let sent = post.take();
    assert!(sent.iter().any(|letter| letter.header("x-key").contains("gate")), "it was sent, and so it was at stake");
    let told = sent.iter().filter(|letter| letter.path == "/hook");
    found.extend(told.flat_map(|letter| found_in("message", letter.text.as_bytes())));
    assert!(found.is_empty(), "{found:#?}");
}
