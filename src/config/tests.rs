use super::*;

fn env(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
    |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
}

fn load(text: &str) -> Result<Config, Vec<Problem>> {
    Config::load(text, Path::new("/etc/tidegate/tidegate.toml"), &env(&[("TZ", "Asia/Tokyo"), ("HOME", "/home/me")]))
}

/// The problems of a document, as `check` prints them.
fn problems(text: &str) -> Vec<String> {
    load(text).expect_err("the document has problems").iter().map(ToString::to_string).collect()
}

/// The one problem of a document.
fn problem(text: &str) -> String {
    let all = problems(text);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.into_iter().next().unwrap()
}

const VPS: &str = "[vps.tokyo]\nveid = 1\napi_key = { env = \"K\" }\n";
const PBH: &str = "[pbh.home]\nurl = \"http://127.0.0.1:9898\"\ntoken = { env = \"T\" }\n";

/// The page of the configuration, in both languages.
const PAGES: [&str; 2] =
    [include_str!("../../docs/configuration.md"), include_str!("../../docs/configuration.zh-CN.md")];

#[test]
fn the_documented_sample_is_a_configuration() {
    for page in PAGES {
        is_the_documented_sample(page);
    }
}

fn is_the_documented_sample(page: &str) {
    let sample = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let config = load(sample).unwrap();
    let vps = &config.vps["tokyo"];
    assert_eq!(vps.veid, 123_456);
    assert_eq!(vps.api_key, SecretSource::Env("TOKYO_KEY".into()));
    assert_eq!(vps.downloaders.as_deref(), Some(["tokyo-qb".to_owned()].as_slice()));
    assert_eq!(config.timezone, Tz::Asia__Shanghai);
    assert_eq!(config.scripts, Path::new("/etc/tidegate/scripts"));
    assert_eq!(config.pbh["home"].headers.len(), 2);
    assert_eq!(config.pbh["home"].basic_auth.as_ref().unwrap().0, "me");
    assert_eq!(config.downloader["tokyo-qb"].pbh.as_deref(), Some("home"));
    assert!(matches!(&config.notify["phone"].settings["token"], Setting::Secret(SecretSource::Env(_))));
    assert_eq!(config.secret["push_key"], SecretSource::Env("PUSH_KEY".into()));
    assert_eq!(config.secret["panel"], SecretSource::File("/etc/tidegate/secrets/panel".into()));
    assert!(!config.settings("流量守卫").enabled);
    assert_eq!(config.settings("housekeeping").grants.allow.len(), 2);
    // The sample shows the limits as they are without it.
    assert_eq!(format!("{:?}", config.limits), format!("{:?}", Limits::default()));
}

/// Every key that the reader knows has its line in the guide.
#[test]
fn every_key_is_documented() {
    for page in PAGES {
        has_every_key(page);
    }
}

fn has_every_key(page: &str) {
    for source in [include_str!("tables.rs"), include_str!("instance.rs"), include_str!("notify.rs")] {
        for call in ["get(\"", "need(\"", "table(\"", "tables(\""] {
            for rest in source.split(call).skip(1) {
                let key = rest.split('"').next().unwrap();
                let starts = |line: &str| line.trim_start_matches("# ").split(['=', ',']).next().unwrap().trim() == key;
                let forms = [format!("`{key}`"), format!("[{key}"), format!("{{ {key} = ")];
                let found = page.lines().any(starts) || forms.iter().any(|form| page.contains(form));
                assert!(found, "`{key}` is not in the guide");
            }
        }
    }
}

#[test]
fn an_empty_file_is_a_configuration() {
    let config = load("").unwrap();
    assert_eq!(config.timezone, Tz::Asia__Tokyo);
    assert_eq!(config.mode, Mode::Live);
    assert_eq!((config.scripts, config.data), ("/etc/tidegate/scripts".into(), "/etc/tidegate/data".into()));
    assert!(config.vps.is_empty() && config.advice.is_empty());
}

#[test]
fn all_problems_come_at_once_each_with_its_line() {
    let text = "\u{feff}timezone = \"Asia/Shanghi\"\nscrpts = \"x\"\n\n[vps.tokyo]\nveid = \"123456\"\napi_kye = \"abc\"\n\n\
                [pbh.home]\nurl = \"127.0.0.1:9898\"\ntoken = { evn = \"T\" }\ntimeout = 30\n";
    insta::assert_snapshot!(problems(text).join("\n"), @r#"
    line 1: timezone: `Asia/Shanghi` is not a time zone; did you mean `Asia/Shanghai`?
    line 2: scrpts: there is no such key; did you mean `scripts`?
    line 4: vps.tokyo.api_key: is missing; write `api_key = { env = "KIWIVM_API_KEY" }`
    line 5: vps.tokyo.veid: is text, must be a whole number; write `veid = 123456`
    line 6: vps.tokyo.api_kye: there is no such key; did you mean `api_key`?
    line 9: pbh.home.url: `127.0.0.1:9898` must begin with `http://` or `https://`; write `url = "http://127.0.0.1:9898"`
    line 10: pbh.home.token.evn: there is no such key; did you mean `env`?
    line 11: pbh.home.timeout: the unit of `30` is missing; write `timeout = "30s"` or `timeout = "30m"`
    "#);
}

#[test]
fn what_is_not_toml_has_its_lines_too() {
    let all = problems("mode = watch\n\n[vps.tokyo\nveid = 1\n");
    assert!(all[0].starts_with("line 1: "), "{all:?}");
    assert!(all.iter().any(|problem| problem.starts_with("line 3: ")), "{all:?}");
}

#[test]
fn instances_need_names_and_names_fit_into_grants() {
    insta::assert_snapshot!(problem("[vps]\nveid = 1\napi_key = { env = \"K\" }\n"), @"line 2: vps: `veid` and `api_key` stand below no name; write `[vps.NAME]` with a name of your choice above them");
    insta::assert_snapshot!(problem("[pbh.\"a/b\"]\nurl = \"http://[::1]:9898\"\ntoken = { env = \"T\" }\n"), @r#"line 1: pbh."a/b": the name holds `/`; use letters, digits, `-` and `_`"#);
    insta::assert_snapshot!(problem("vps = 3"), @"line 1: vps: must be a table; write `[vps.NAME]`");
}

#[test]
fn durations_and_sizes_need_units() {
    insta::assert_snapshot!(problem("[limits]\ntimeout = 30"), @r#"line 2: limits.timeout: the unit of `30` is missing; write `timeout = "30s"` or `timeout = "30m"`"#);
    insta::assert_snapshot!(problem("[limits]\ngrace = \"soon\""), @r#"line 2: limits.grace: `soon` is not a duration; write `"90s"`, `"30m"`, `"6h"` or `"2d"`"#);
    insta::assert_snapshot!(problem("[limits]\ngrace = \"0s\""), @r#"line 2: limits.grace: `0s` is not more than nothing; write `grace = "10s"`"#);
    insta::assert_snapshot!(problem("[limits]\nreply = 256"), @r#"line 2: limits.reply: the unit of `256` is missing; write `reply = "256 B"` or `reply = "256 MiB"`"#);
    insta::assert_snapshot!(problem("[limits]\nruns = 0"), @"line 2: limits.runs: `0` is out of range; write `runs = 16`");
    let limits = load("[limits]\noperations = 1_000\nreply = \"1 GiB\"\ntimeout = \"1m30s\"").unwrap().limits;
    assert_eq!((limits.operations, limits.reply, limits.timeout), (1000, 1 << 30, Duration::from_seconds(90)));
}

#[test]
fn only_one_instance_is_the_default() {
    let text = format!("{VPS}default = true\n[vps.oslo]\nveid = 2\napi_key = {{ env = \"O\" }}\ndefault = true\n");
    insta::assert_snapshot!(problem(&text), @"line 5: vps.oslo.default: `vps.tokyo` is the default already; take one of the two away");
}

#[test]
fn a_secret_has_one_source_and_is_never_printed() {
    let key = |value: &str| format!("[vps.a]\nveid = 1\napi_key = {value}\n");
    insta::assert_snapshot!(problem(&key("{ env = \"K\", file = \"f\" }")), @r#"line 3: vps.a.api_key: has both `env` and `file`; write `api_key = { env = "NAME" }` or `api_key = { file = "PATH" }`"#);
    insta::assert_snapshot!(problem(&key("{}")), @r#"line 3: vps.a.api_key: has neither `env` nor `file`; write `api_key = { env = "NAME" }` or `api_key = { file = "PATH" }`"#);
    insta::assert_snapshot!(problem(&key("\"\"")), @r#"line 3: vps.a.api_key: is empty; write `api_key = { env = "NAME" }` or `api_key = { file = "PATH" }`"#);
    for wrong in ["7771234", "[\"7771234\"]", "{ value = \"7771234\" }"] {
        let all = problems(&key(wrong)).join("\n");
        assert!(!all.contains("7771234"), "{all}");
    }
    let config = load(&key("\"private_abc\"")).unwrap();
    assert!(!format!("{config:?}").contains("private_abc"));
}

#[test]
fn advice_is_given_for_what_works_but_should_not_stay() {
    let text = "[vps.a]\nveid = 1\napi_key = \"private_abc\"\n[secret]\nb = { env = \"UNSET\" }\n";
    let advice: Vec<_> = load(text).unwrap().advice().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(advice.join("\n"), @r#"
    line 3: vps.a.api_key: the secret itself stands in the file; write `api_key = { env = "NAME" }` or `api_key = { file = "PATH" }`
    line 5: secret.b: the variable `UNSET` is not set; set it before `tidegate run`: `export UNSET=…`
    "#);
    let set = Config::load(VPS, Path::new("tidegate.toml"), &env(&[("K", "k")])).unwrap();
    assert_eq!(set.advice(), []);
}

#[test]
fn addresses_are_of_servers_and_hold_no_login() {
    let url = |url: &str| format!("[pbh.home]\nurl = \"{url}\"\ntoken = {{ env = \"T\" }}\n");
    for (text, read) in [
        ("http://127.0.0.1:9898/", "http://127.0.0.1:9898"),
        ("https://pbh.example.org/sub/path/", "https://pbh.example.org/sub/path"),
        ("http://[2001:db8::1]:9898", "http://[2001:db8::1]:9898"),
    ] {
        assert_eq!(load(&url(text)).unwrap().pbh["home"].url, read);
    }
    insta::assert_snapshot!(problem(&url("localhost:9898")), @r#"line 2: pbh.home.url: `localhost:9898` must begin with `http://` or `https://`; write `url = "http://127.0.0.1:9898"`"#);
    insta::assert_snapshot!(problem(&url("http://")), @r#"line 2: pbh.home.url: `http://` is not an address: empty host; write `url = "http://127.0.0.1:9898"`"#);
    insta::assert_snapshot!(problem(&url("http://h/?token=abc")), @"line 2: pbh.home.url: goes on after its path; take away what begins with `?` or `#`");
    let login = problem(&url("http://me:hunter2@h"));
    assert!(!login.contains("hunter2"), "{login}");
    let proxy = format!("{PBH}proxy = \"socks5://me:hunter2@127.0.0.1:1080\"\n");
    assert!(load(&proxy).unwrap().pbh["home"].transport.proxy.is_some());
    let proxy = problem(&format!("{PBH}proxy = \"ftp://me:hunter2@h\"\n"));
    assert!(!proxy.contains("hunter2"), "{proxy}");
}

#[test]
fn a_downloader_belongs_to_a_pbh_or_says_all_itself() {
    let unknown = format!("{PBH}[downloader.qb]\npbh = \"hom\"\n");
    insta::assert_snapshot!(problem(&unknown), @"line 5: downloader.qb.pbh: there is no `[pbh.hom]`; did you mean `home`?");
    insta::assert_snapshot!(problems("[downloader.qb]\nusername = \"admin\"\n").join("\n"), @r#"
    line 1: downloader.qb.url: is missing; write `url = "http://10.0.0.5:8080"`, or `pbh = …` with the name of a PBH that knows it
    line 1: downloader.qb.type: is missing; write `type = "qbittorrent"`, or `pbh = …` with the name of a PBH that knows it
    "#);
    insta::assert_snapshot!(problem("[downloader.qb]\ntype = \"qbitorrent\"\nurl = \"http://h\"\n"), @"line 2: downloader.qb.type: `qbitorrent` must be `qbittorrent`, `transmission`, `deluge`, `aria2`, `biglybt` or `bitcomet`; did you mean `qbittorrent`?");
    // The problem is the PBH's alone.
    insta::assert_snapshot!(problem("[pbh.home]\nurl = \"http://h\"\n[downloader.qb]\npbh = \"home\"\n"), @r#"line 1: pbh.home.token: is missing; write `token = { env = "PBH_TOKEN" }`"#);
    let free = format!("{VPS}downloaders = [\"nobody\"]\n");
    assert_eq!(load(&free).unwrap().vps["tokyo"].downloaders.as_deref(), Some(["nobody".to_owned()].as_slice()));
}

#[test]
fn channels_have_known_types_and_keys() {
    let unknown = problem("[notify.phone]\ntype = \"carrier-pigeon\"\n");
    assert!(
        unknown.starts_with("line 2: notify.phone.type: `carrier-pigeon` must be `telegram`, `serverchan`"),
        "{unknown}"
    );
    let near = problem("[notify.phone]\ntype = \"telegramm\"\n");
    assert!(near.ends_with("; did you mean `telegram`?"), "{near}");
    insta::assert_snapshot!(problem("[notify.phone]\nurl = \"http://h\"\n"), @r#"line 1: notify.phone.type: is missing; write `type = "webhook"`"#);
    let hook = load("[notify.a]\ntype = \"webhook\"\nurl = \"https://h/x/?key=1\"\nplain_http = true\n").unwrap();
    assert!(matches!(&hook.notify["a"].settings["url"], Setting::Text(url) if url == "https://h/x/?key=1"));
    assert!(hook.notify["a"].transport.plain_http);
    insta::assert_snapshot!(problems("[notify.phone]\ntype = \"webhook\"\nulr = \"http://h\"\n").join("\n"), @r#"
    line 1: notify.phone.url: is missing; write `url = "https://push.example.org/…"`
    line 3: notify.phone.ulr: there is no such key; did you mean `url`?
    "#);
}

#[test]
fn what_holds_messages_back_is_checked() {
    let channel = |more: &str| {
        problem(&format!("[notify.a]\ntype = \"log\"\n[notify.b]\ntype = \"webhook\"\nurl = \"http://h\"\n{more}\n"))
    };
    insta::assert_snapshot!(channel("quiet = \"nights\""), @r#"line 6: notify.b.quiet: `nights` is no part of a day; write `quiet = "23:00-08:00"`"#);
    insta::assert_snapshot!(channel("digest = \"10s\""), @r#"line 6: notify.b.digest: `10s` is neither a length of time nor a time of day; write `digest = "6h"`, or `digest = "08:00"` for once a day; the shortest is 1m"#);
    insta::assert_snapshot!(channel("fallback = \"c\""), @"line 6: notify.b.fallback: there is no `[notify.c]`; did you mean `a`?");
    insta::assert_snapshot!(channel("fallback = \"b\""), @"line 6: notify.b.fallback: is the channel itself; name another one");
    insta::assert_snapshot!(channel("[runtime]\nnotify = [\"x\"]"), @"line 7: runtime.notify: there is no `[notify.x]`; did you mean `a`?");
    insta::assert_snapshot!(problem("[notify.a]\ntype = \"pbh\"\npbh = \"home\"\nchannel = \"x\"\n"), @"line 3: notify.a.pbh: there is no `[pbh.home]`; add `[pbh.home]`");
    insta::assert_snapshot!(problem("[heartbeat]\nevery = \"5m\"\n"), @r#"line 1: heartbeat.url: is missing; write `url = "https://hc-ping.com/…"`"#);
    let stands_in = "[notify.a]\ntype = \"webhook\"\nurl = \"http://h\"\nfallback = \"b\"\n[notify.b]\ntype = \"webhook\"\nurl = \"http://h\"\n";
    let config = load(stands_in).unwrap();
    assert!(config.notify["a"].policy.default && !config.notify["b"].policy.default);
    assert!(load(&format!("{stands_in}default = true\n")).unwrap().notify["b"].policy.default);
}

#[test]
fn scripts_inherit_the_mode_and_grants_are_checked() {
    let config = load("mode = \"watch\"\n[script.a]\n[script.b]\nmode = \"live\"\ndeny = [\"pbh:write\"]\n").unwrap();
    assert_eq!([config.settings("a").mode, config.settings("b").mode], [Mode::Watch, Mode::Live]);
    assert_eq!(config.settings("other").mode, Mode::Watch);
    assert!(config.settings("other").enabled);
    assert_eq!(config.settings("b").grants.deny.len(), 1);
    insta::assert_snapshot!(problem("[script.a]\nallow = [\n  \"kiwivm\",\n]\n"), @"line 2: script.a.allow: the grant `kiwivm` has no `:`; write it as `service:endpoint` or `service/instance:endpoint`, for example `kiwivm/tokyo:snapshot_delete`");
    insta::assert_snapshot!(problem("[script.\"a.rhai\"]\nenabled = false\n"), @r#"line 1: script."a.rhai": a script is named without `.rhai`; write `[script.a]`"#);
    insta::assert_snapshot!(problem("mode = \"wach\"\n"), @"line 1: mode: `wach` must be `watch` or `live`; did you mean `watch`?");
}

#[test]
fn paths_are_relative_to_the_file() {
    let config = load("scripts = \"s\"\ndata = \"~/d\"\n[secret.x]\nfile = \"/abs\"\n").unwrap();
    assert_eq!(config.scripts, Path::new("/etc/tidegate/s"));
    assert_eq!(config.data, Path::new("/home/me/d"));
    assert_eq!(config.secret["x"], SecretSource::File("/abs".into()));
    let elsewhere = env(&[("TIDEGATE_DATA", "/var/lib/tidegate")]);
    let config = Config::load("data = \"d\"", Path::new("tidegate.toml"), &elsewhere).unwrap();
    assert_eq!(config.data, Path::new("/var/lib/tidegate"));
}

#[test]
fn languages_have_many_spellings() {
    let language = |text: &str| load(&format!("language = \"{text}\"")).map(|config| config.language);
    assert_eq!(language("zh_CN.UTF-8").unwrap(), Language::Chinese);
    assert_eq!(language("en").unwrap(), Language::English);
    assert!(language("tlh").is_err());
}

#[test]
fn the_environment_defines_the_default_instances() {
    let config = Config::from_env(&env(&[
        ("KIWIVM_VEID", "123456"),
        ("KIWIVM_API_KEY", "k"),
        ("KIWIVM_URL", "http://127.0.0.1:4000/v1/"),
        ("PBH_URL", "http://127.0.0.1:9898"),
        ("PBH_TOKEN", "t"),
        ("HOME", "/home/me"),
    ]))
    .unwrap();
    let vps = &config.vps["default"];
    assert_eq!((vps.name.as_str(), vps.veid, vps.url.as_str()), ("default", 123_456, "http://127.0.0.1:4000/v1"));
    assert_eq!(config.pbh["default"].token, SecretSource::Env("PBH_TOKEN".into()));
    assert_eq!(config.data, Path::new("/home/me/.local/share/tidegate"));
    assert_eq!(config.file, None);
    let bare = Config::from_env(&env(&[("TIDEGATE_DATA", "/d"), ("PBH_URL", "")])).unwrap();
    assert!(bare.vps.is_empty() && bare.pbh.is_empty());
    assert_eq!(bare.data, Path::new("/d"));
}

#[test]
fn half_an_environment_is_a_problem() {
    let all = Config::from_env(&env(&[("KIWIVM_VEID", "1"), ("PBH_URL", "localhost"), ("PBH_TOKEN", "t")]));
    let all: Vec<_> = all.unwrap_err().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(all.join("\n"), @r"
    KIWIVM_API_KEY: is not set, but `KIWIVM_VEID` is; set `KIWIVM_API_KEY=private_…`
    PBH_URL: `localhost` must begin with `http://` or `https://`; set `PBH_URL=http://127.0.0.1:9898`
    ");
    let veid = env(&[("KIWIVM_VEID", "abc"), ("KIWIVM_API_KEY", "k")]);
    insta::assert_snapshot!(Config::from_env(&veid).unwrap_err()[0], @"KIWIVM_VEID: `abc` is not a VEID; it is the number that the KiwiVM panel shows beside the API key");
}

#[test]
fn the_file_is_found_in_four_places() {
    let folder = tempfile::tempdir().unwrap();
    let cwd = folder.path().join("work");
    let home = folder.path().join("home");
    let user = home.join(".config/tidegate");
    for folder in [&cwd, &user] {
        std::fs::create_dir_all(folder).unwrap();
    }
    let home = home.to_str().unwrap().to_owned();
    let plain = |name: &str| (name == "HOME").then(|| home.clone());
    assert_eq!(locate(None, &plain, &cwd), None);
    std::fs::write(user.join(FILE), "").unwrap();
    assert_eq!(locate(None, &plain, &cwd), Some(user.join(FILE)));
    std::fs::write(cwd.join(FILE), "").unwrap();
    assert_eq!(locate(None, &plain, &cwd), Some(cwd.join(FILE)));
    let named = env(&[("TIDEGATE_CONFIG", "other.toml")]);
    assert_eq!(locate(None, &named, &cwd), Some(cwd.join("other.toml")));
    assert_eq!(locate(Some(Path::new("/x.toml")), &named, &cwd), Some("/x.toml".into()));
    assert_eq!(locate(Some(Path::new("")), &plain, &cwd), Some(cwd.join(FILE)));
}

#[test]
fn opening_says_in_one_error_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let open = |flag: &str| Config::open(Some(Path::new(flag)), &env(&[]), folder.path()).unwrap_err();
    let missing = open("none.toml");
    assert!(missing.message.starts_with("there is no configuration file"), "{missing}");
    assert!(missing.hint.as_ref().unwrap().contains("tidegate init"));
    std::fs::write(folder.path().join("bad.toml"), "mode = 1\nx = 2\n").unwrap();
    let bad = open("bad.toml");
    assert_eq!(bad.kind, crate::error::Kind::Config);
    assert!(bad.message.starts_with("2 problems in `"), "{bad}");
    assert!(bad.message.contains("\n  line 1: mode: ") && bad.message.contains("\n  line 2: x: "), "{bad}");
    std::fs::write(folder.path().join("latin.toml"), b"a = 1\nb = \"\xe9\"\n").unwrap();
    assert!(open("latin.toml").message.ends_with("is not UTF-8 text in line 2"));
    assert!(open(".").message.ends_with("is a folder"));
}
