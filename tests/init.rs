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

/// Services that nobody finds.
const ALL: [(&str, &str); 5] = [
    ("KIWIVM_VEID", "123456"),
    ("KIWIVM_API_KEY", "private_abc"),
    ("KIWIVM_URL", "http://127.0.0.1:9/v1"),
    ("PBH_URL", "http://127.0.0.1:9"),
    ("PBH_TOKEN", "abcdef"),
];
const NOBODY: [(&str, &str); 1] = [("PBH_URL", "http://127.0.0.1:9")];

#[test]
fn without_a_terminal_it_takes_what_is_there_and_its_folder_works() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = tidegate(folder.path(), &["init", "box"], &ALL);
    assert_eq!(outcome.code, Some(0), "{}", outcome.error);
    // Services that do not answer are said, and stop nothing.
    assert_eq!(outcome.error.matches("error: ").count(), 2, "{}", outcome.error);
    assert!(outcome.said.contains("\n  cd box\n  tidegate check\n  tidegate run"), "{}", outcome.said);
    assert!(!outcome.said.contains("export"), "{}", outcome.said);
    let inside = folder.path().join("box");
    let read = |name: &str| std::fs::read_to_string(inside.join(name)).unwrap();
    let config = read("tidegate.toml");
    assert!(config.contains("veid    = 123456") && !config.contains("private_abc") && !config.contains("abcdef"));
    assert!(read("scripts/quota-guard.rhai").contains("when("));
    assert!(read(".gitignore").contains("/secrets/"));
    assert!(read("definitions/fleet.d.rhai").contains("fn vps(name: \"main\") -> Vps;"));
    if cfg!(target_os = "linux") {
        let unit = read("tidegate.service");
        assert!(unit.contains(&format!("--config {}/tidegate.toml run\n", inside.display())), "{unit}");
        assert!(outcome.said.contains("systemctl --user enable --now \"$PWD/tidegate.service\""), "{}", outcome.said);
        // What it says makes the file that the unit reads, for nobody else.
        assert!(unit.contains(&format!("EnvironmentFile=-{}/.env\n", inside.display())), "{unit}");
        let line = outcome.said.lines().find(|line| line.contains(".env")).unwrap();
        let shell = Command::new("sh").args(["-c", line]).current_dir(&inside).envs(ALL).status().unwrap();
        assert!(shell.success(), "{line}");
        assert_eq!(read(".env"), "KIWIVM_API_KEY=private_abc\nPBH_TOKEN=abcdef\n");
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(inside.join(".env")).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    // Any command that reads the configuration accepts it.
    assert_eq!(tidegate(&inside, &["history"], &ALL).code, Some(0));
}

#[test]
fn a_variable_that_is_wrong_is_an_error_and_not_another_address() {
    let folder = tempfile::tempdir().unwrap();
    for (name, value, why) in [
        ("PBH_URL", "ftp://127.0.0.1:9", "error: PBH_URL: `ftp://127.0.0.1:9` must begin with `http://` or `https://`"),
        ("KIWIVM_VEID", "seven", "error: KIWIVM_VEID: `seven` is not a VEID"),
        ("KIWIVM_URL", "ftp://127.0.0.1:9", "error: KIWIVM_URL: `ftp://127.0.0.1:9` must begin"),
    ] {
        let outcome = tidegate(folder.path(), &["init", "--yes"], &[NOBODY[0], (name, value)]);
        assert_eq!((outcome.code, outcome.said.as_str()), (Some(2), ""), "{name}");
        assert!(outcome.error.starts_with(why), "{}", outcome.error);
        assert!(!folder.path().join("tidegate.toml").exists(), "{name}");
    }
    let outcome = tidegate(folder.path(), &["init", "--yes"], &[("PBH_URL", "127.0.0.1:9")]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.error);
    let config = std::fs::read_to_string(folder.path().join("tidegate.toml")).unwrap();
    assert!(config.contains("url   = \"http://127.0.0.1:9\""), "{config}");
}

#[test]
fn what_is_there_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tidegate.toml"), "# mine\n").unwrap();
    let first = tidegate(folder.path(), &["init", "--service", "none"], &NOBODY);
    assert!(first.said.starts_with("kept  tidegate.toml\nwrote scripts/quota-guard.rhai\n"), "{}", first.said);
    assert_eq!(first.error, "");
    std::fs::write(folder.path().join("definitions/std.d.rhai"), "// mine\n").unwrap();
    let second = tidegate(folder.path(), &["init", "--yes", "--service", "none"], &NOBODY);
    assert_eq!((second.code, second.said.matches("kept ").count()), (Some(0), 4), "{}", second.said);
    assert_eq!(std::fs::read_to_string(folder.path().join("tidegate.toml")).unwrap(), "# mine\n");
    assert_eq!(std::fs::read_to_string(folder.path().join("definitions/std.d.rhai")).unwrap(), "// mine\n");
    assert!(!folder.path().join("tidegate.service").exists());
}

#[test]
fn a_folder_that_cannot_be_made_is_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tidegate.toml"), "").unwrap();
    std::fs::write(folder.path().join("scripts"), "").unwrap();
    let outcome = tidegate(folder.path(), &["init"], &NOBODY);
    assert_eq!((outcome.code, outcome.said.as_str()), (Some(2), "kept  tidegate.toml\n"));
    assert_eq!(outcome.error.lines().count(), 2, "{}", outcome.error);
    assert!(outcome.error.starts_with("error: `./scripts/quota-guard.rhai` cannot be written"), "{}", outcome.error);
}

/// A person at a terminal, and services that answer.
#[cfg(unix)]
mod in_a_terminal {
    use std::io::{Read as _, Write as _};
    use std::net::{Ipv4Addr, SocketAddr};
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    use portable_pty::{CommandBuilder, PtySize, native_pty_system};
    use serde_json::json;
    use tidegate::clock::SystemClock;
    use tidegate::sim::{Scenario, Sim, Urls};

    use super::tidegate;
    use crate::clients::process::Web;

    /// The simulated services on ports of this machine, for as long as it is there.
    struct Services {
        urls: Urls,
        _sim: Sim,
        _runtime: tokio::runtime::Runtime,
    }

    impl Services {
        fn start(scenario: Scenario) -> Self {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            let local = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
            let sim = runtime.block_on(Sim::start(scenario, SystemClock::new(), local, local)).unwrap();
            Self { urls: sim.urls().clone(), _sim: sim, _runtime: runtime }
        }
    }

    struct Terminal {
        child: Box<dyn portable_pty::Child + Send + Sync>,
        input: Box<dyn std::io::Write + Send>,
        output: Receiver<Vec<u8>>,
        shown: String,
        read: usize,
    }

    impl Terminal {
        fn start(folder: &Path, args: &[&str], env: &[(&str, &str)]) -> Self {
            let size = PtySize { rows: 40, cols: 200, ..PtySize::default() };
            let pair = native_pty_system().openpty(size).unwrap();
            let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_tidegate"));
            command.args(args);
            command.cwd(folder);
            command.env_clear();
            command.env("HOME", folder);
            command.env("NO_COLOR", "1");
            for (name, value) in env {
                command.env(name, value);
            }
            let child = pair.slave.spawn_command(command).unwrap();
            let (mut reader, input) = (pair.master.try_clone_reader().unwrap(), pair.master.take_writer().unwrap());
            let (sender, output) = channel();
            std::thread::spawn(move || {
                let _master = pair.master;
                let mut buffer = [0; 4096];
                while let Ok(n) = reader.read(&mut buffer) {
                    if n == 0 || sender.send(buffer[..n].to_vec()).is_err() {
                        break;
                    }
                }
            });
            Self { child, input, output, shown: String::new(), read: 0 }
        }

        /// Waits for a question, and answers it.
        fn answer(&mut self, question: &str, answer: &str) {
            self.wait_for(question);
            writeln!(self.input, "{answer}").unwrap();
            self.input.flush().unwrap();
        }

        fn wait_for(&mut self, text: &str) {
            while !self.shown[self.read..].contains(text) {
                let more = self.output.recv_timeout(Duration::from_mins(1));
                let more = more.unwrap_or_else(|_| panic!("no `{text}` in:\n{}", self.shown));
                self.shown += &String::from_utf8_lossy(&more);
            }
            self.read += self.shown[self.read..].find(text).unwrap() + text.len();
        }

        fn ends_well(mut self) -> String {
            assert!(self.child.wait().unwrap().success(), "{}", self.shown);
            while let Ok(more) = self.output.recv_timeout(Duration::from_mins(1)) {
                self.shown += &String::from_utf8_lossy(&more);
            }
            self.shown
        }
    }

    #[test]
    fn a_person_is_asked_what_cannot_be_known_and_wrong_tokens_are_noticed() {
        let services = Services::start(Scenario::default());
        let urls = &services.urls;
        let folder = tempfile::tempdir().unwrap();
        let mut terminal = Terminal::start(folder.path(), &["init", "box"], &[("KIWIVM_URL", &urls.kiwivm_url)]);
        terminal.answer("The address of PeerBanHelper", "127.0.0.1:9");
        terminal.wait_for("error: ");
        // Without its scheme, as a browser shows it.
        let address = urls.pbh_url.trim_start_matches("http://");
        terminal.answer("Another address of PeerBanHelper (Enter to keep http://127.0.0.1:9)", address);
        terminal.answer("Its token", "wrong");
        terminal.wait_for("error: ");
        terminal.answer("Its token", &urls.pbh_token);
        terminal.wait_for("accepts the token. Its torrent clients: tokyo-qb");
        let vps = &urls.vps[0];
        terminal.answer("The VEID of your VPS", "seven");
        terminal.wait_for("A VEID is a number.");
        terminal.answer("The VEID of your VPS", &vps.veid.to_string());
        terminal.answer("Its API key", "private_wrong");
        terminal.wait_for("error: ");
        terminal.answer("Its API key", &vps.api_key);
        terminal.wait_for("KiwiVM accepts the key");
        terminal.answer("A name for it", "tokyo");
        terminal.answer("The VEID of another VPS", "");
        terminal.answer("Does `tokyo-qb` run on `tokyo`?", "y");
        terminal.answer("Does `tokyo-seed` run on `tokyo`?", "n");
        terminal.answer("Which of these automations", "quota-guard, daily-report");
        terminal.answer("A systemd unit", "none");
        let shown = terminal.ends_well();
        assert!(shown.contains("tidegate check") && !shown.contains("export"), "{shown}");
        let secret = [urls.pbh_token.as_str(), &vps.api_key, "private_wrong"];
        assert!(!secret.iter().any(|secret| shown.contains(secret)), "{shown}");
        let inside = folder.path().join("box");
        let config = std::fs::read_to_string(inside.join("tidegate.toml")).unwrap();
        assert!(config.contains("downloaders = [\"tokyo-qb\"]"), "{config}");
        assert!(!config.contains(&urls.pbh_token) && !config.contains(&vps.api_key));
        for file in ["secrets/pbh-home".to_owned(), format!("secrets/kiwivm-{}", vps.veid)] {
            let mode = std::fs::metadata(inside.join(&file)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
        assert!(inside.join("scripts/daily-report.rhai").exists() && !inside.join("tidegate.service").exists());
        // It works as it stands.
        let check = tidegate(&inside, &["check", "--online"], &[]);
        assert_eq!(check.code, Some(0), "{}{}", check.said, check.error);
    }

    /// Nothing that was typed is taken for something else.
    #[test]
    fn answers_that_make_no_sense_are_asked_for_again() {
        let services = Services::start(Scenario::default());
        let urls = &services.urls;
        let folder = tempfile::tempdir().unwrap();
        let env = [
            ("PBH_URL", "ftp://127.0.0.1:9"),
            ("PBH_TOKEN", &urls.pbh_token),
            ("KIWIVM_URL", &urls.kiwivm_url),
            ("KIWIVM_VEID", "seven"),
        ];
        let mut terminal = Terminal::start(folder.path(), &["init"], &env);
        terminal.wait_for("error: PBH_URL: ");
        terminal.answer("The address of PeerBanHelper", "me:secret@127.0.0.1:9");
        terminal.wait_for("error: the address: holds a user name or a password");
        terminal.answer("The address of PeerBanHelper", &urls.pbh_url);
        terminal.wait_for("error: KIWIVM_VEID: ");
        terminal.answer("The VEID of your VPS", "7");
        terminal.answer("Its API key", "");
        terminal.answer("A name for it", "tokyo");
        terminal.answer("The VEID of another VPS", "7");
        terminal.wait_for("That is `tokyo` already.");
        terminal.answer("The VEID of another VPS", "8");
        terminal.answer("Its API key", "");
        terminal.answer("A name for it", "tokyo");
        terminal.wait_for("There is a `tokyo` already");
        terminal.answer("A name for it", "a/b");
        terminal.wait_for("the name holds `/`");
        terminal.answer("A name for it", "osaka");
        terminal.answer("The VEID of another VPS", "");
        terminal.answer("On which VPS does `tokyo-qb` run?", "kyoto");
        terminal.wait_for("There is no `kyoto` among them: tokyo, osaka");
        terminal.answer("On which VPS does `tokyo-qb` run?", "osaka");
        terminal.answer("On which VPS does `tokyo-seed` run?", "");
        terminal.answer("Which of these automations", "quota-gard pace");
        terminal.wait_for("There is no automation `quota-gard`; did you mean `quota-guard`?");
        terminal.answer("Which of these automations", "-");
        terminal.answer("A systemd unit", "systm");
        terminal.wait_for("Write user, system or none.");
        terminal.answer("A systemd unit", "none");
        let shown = terminal.ends_well();
        // Each key that is left for later has a variable of its own.
        assert!(shown.contains("export KIWIVM_API_KEY=") && shown.contains("export KIWIVM_API_KEY_8="), "{shown}");
        let config = std::fs::read_to_string(folder.path().join("tidegate.toml")).unwrap();
        assert!(config.contains("[vps.osaka]\nveid    = 8\napi_key = { env = \"KIWIVM_API_KEY_8\" }"), "{config}");
        assert!(config.contains(&format!("url   = {:?}", urls.pbh_url)), "{config}");
    }

    /// A secret is asked for in a mode of the terminal in which Ctrl-C is a key.
    #[test]
    fn ctrl_c_leaves_nothing_half_done() {
        let folder = tempfile::tempdir().unwrap();
        let env = [("PBH_URL", "http://127.0.0.1:9")];
        let mut terminal = Terminal::start(folder.path(), &["init"], &env);
        terminal.answer("Another address", "");
        terminal.wait_for("Its token");
        terminal.input.write_all(b"\x03").unwrap();
        assert_eq!(terminal.child.wait().unwrap().exit_code(), 130);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    /// PBH's host reaches a client by the name of a container, which nobody here knows.
    #[test]
    fn clients_are_linked_by_address_and_what_only_pbh_reaches_is_asked_for_once() {
        let mut scenario = Scenario::default();
        // Everything runs on this machine, and so does the VPS.
        scenario.vps[0].address = Ipv4Addr::LOCALHOST;
        let services = Services::start(scenario);
        let urls = &services.urls;
        let config = json!({"id": "nas", "config": {
            "type": "transmission", "name": "nas", "endpoint": "http://transmission:9091", "username": "", "password": "",
            "rpcUrl": "/transmission/rpc", "verifySsl": true, "ignorePrivate": false, "paused": false,
        }});
        let web = Web::new();
        let add = |web: &reqwest::Client| {
            web.put(format!("{}/api/downloaders", urls.pbh_url)).bearer_auth(&urls.pbh_token).json(&config)
        };
        assert_eq!(web.send(add).unwrap().status, 201);
        let (folder, vps) = (tempfile::tempdir().unwrap(), &urls.vps[0]);
        let veid = vps.veid.to_string();
        let env = [
            ("PBH_URL", urls.pbh_url.as_str()),
            ("PBH_TOKEN", &urls.pbh_token),
            ("KIWIVM_URL", &urls.kiwivm_url),
            ("KIWIVM_VEID", &veid),
            ("KIWIVM_API_KEY", &vps.api_key),
        ];
        let mut terminal = Terminal::start(folder.path(), &["init"], &env);
        terminal.answer("The VEID of another VPS", "");
        terminal.wait_for("`tokyo-qb` runs on");
        terminal.answer("PBH reaches `nas` at http://transmission:9091", "http://127.0.0.1:9091");
        terminal.wait_for("`nas` runs on");
        terminal.answer("Which of these automations", "-");
        terminal.answer("A systemd unit", "none");
        let shown = terminal.ends_well();
        assert!(!shown.contains("Does `") && shown.matches("means nothing here").count() == 1, "{shown}");
        let config = std::fs::read_to_string(folder.path().join("tidegate.toml")).unwrap();
        assert!(config.contains("downloaders = [\"tokyo-qb\", \"tokyo-seed\", \"nas\"]"), "{config}");
        assert!(config.contains("[downloader.nas]\npbh = \"home\"\nurl = \"http://127.0.0.1:9091\""), "{config}");
        let check = tidegate(folder.path(), &["check"], &env);
        assert_eq!(check.code, Some(0), "{}{}", check.said, check.error);
    }

    #[test]
    fn it_asks_in_chinese_where_that_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let env = [("LANG", "zh_CN.UTF-8"), ("PBH_URL", "http://127.0.0.1:9"), ("KIWIVM_VEID", "7")];
        let mut terminal = Terminal::start(folder.path(), &["init"], &env);
        terminal.answer("PeerBanHelper 的另一个地址（直接回车则保留 http://127.0.0.1:9）", "");
        terminal.answer("它的令牌", "");
        terminal.answer("另一台 VPS 的 VEID", "");
        terminal.answer("先用哪些自动化", "-");
        terminal.answer("systemd 单元", "system");
        let shown = terminal.ends_well();
        assert!(shown.contains("sudo systemctl enable --now"), "{shown}");
        assert!(shown.contains("写入 tidegate.toml") && shown.contains("接下来："), "{shown}");
        assert!(!shown.contains("wrote") && !shown.contains("dry run"), "{shown}");
        // A service has no locale.
        let config = std::fs::read_to_string(folder.path().join("tidegate.toml")).unwrap();
        assert!(config.contains("\nlanguage = \"zh\"\n") && config.contains("# 你的 VPS"), "{config}");
        let scripts = std::fs::read_dir(folder.path().join("scripts")).unwrap();
        assert_eq!(scripts.count(), 0, "a folder to begin in");
    }
}
