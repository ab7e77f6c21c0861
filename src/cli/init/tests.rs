//! What is written, and what is said then.

use std::path::Path;

use super::document::{self, Document, Downloader, Service, Source, Vps, unit};
use super::{PBH_URL, granted, next, write};
use crate::config::{self, Config};
use crate::error::Kind;
use crate::language::Language;

fn none(_: &str) -> Option<String> {
    None
}

fn document() -> Document {
    Document {
        language: Language::English,
        vps: Vec::new(),
        pbh_url: PBH_URL.into(),
        token: Source::Env("PBH_TOKEN".into()),
        downloaders: Vec::new(),
    }
}

fn load(document: &Document) -> Config {
    Config::load(&document.toml(), Path::new("tidegate.toml"), &none).unwrap()
}

#[test]
fn without_a_vps_its_table_waits_for_a_number() {
    let config = load(&document());
    assert!(config.vps.is_empty() && config.mode == config::Mode::Watch);
    assert_eq!(config.pbh["home"].url, PBH_URL);
    let toml = document().toml().replace("# [vps", "[vps").replace("# veid", "veid").replace("# api_key", "api_key");
    let uncommented = Config::load(&toml, Path::new("tidegate.toml"), &none).unwrap();
    assert_eq!(uncommented.vps["main"].veid, 123_456);
    insta::assert_snapshot!(next(Path::new("my box"), &config, Service::None, &none).join("\n"), @r#"
    cd 'my box'
    # put the VEID of your VPS into tidegate.toml: KiwiVM panel > API
    export KIWIVM_API_KEY='private_…'   # KiwiVM panel > API
    export PBH_TOKEN='…'   # PeerBanHelper WebUI > settings, or server.token in its config.yml
    tidegate check
    tidegate run   # a dry run until mode = "live" in tidegate.toml
    "#);
}

#[test]
fn what_was_found_out_stands_in_the_document() {
    let vps = |name: &str, veid, downloaders: &[&str]| Vps {
        name: name.into(),
        veid,
        key: Source::File(format!("secrets/{name}")),
        url: None,
        downloaders: downloaders.iter().map(|&name| name.to_owned()).collect(),
    };
    let client = |name: &str, url: Option<&str>| Downloader {
        name: name.into(),
        url: url.map(Into::into),
        theirs: "http://127.0.0.1:8080".into(),
    };
    let document = Document {
        vps: vec![vps("main", 1, &["tokyo qb"]), vps("东京", 2, &[])],
        downloaders: vec![client("tokyo qb", Some("http://10.0.0.5:8080")), client("nas", None)],
        ..document()
    };
    let config = load(&document);
    assert_eq!(config.vps["main"].downloaders.as_deref(), Some(["tokyo qb".to_owned()].as_slice()));
    assert_eq!(config.vps["东京"].downloaders.as_deref(), Some([].as_slice()));
    assert_eq!(config.downloader["tokyo qb"].url.as_deref(), Some("http://10.0.0.5:8080"));
    assert!(document.toml().contains("\n# [downloader.nas]\n# pbh = \"home\"\n"));
    // One VPS of which nothing is known has all clients.
    let single = Document { vps: vec![vps("main", 1, &[])], ..document.clone() };
    assert_eq!(load(&single).vps["main"].downloaders, None);
}

#[test]
fn a_document_in_chinese_is_one_too() {
    let chinese = Document { language: Language::Chinese, ..document() };
    let config = load(&chinese);
    assert_eq!((config.language, config.mode), (Language::Chinese, config::Mode::Watch));
    insta::assert_snapshot!(next(Path::new("."), &config, Service::User, &none).join("\n"), @r#"
    # 把 VPS 的 VEID 写进 tidegate.toml：KiwiVM 面板的 API 页
    export KIWIVM_API_KEY='private_…'   # KiwiVM 面板的 API 页
    export PBH_TOKEN='…'   # PeerBanHelper WebUI 的设置，或其 config.yml 中的 server.token
    tidegate check
    tidegate run   # 在 tidegate.toml 里写 mode = "live" 之前都是演练
    (umask 077; printf '%s\n' "KIWIVM_API_KEY=$KIWIVM_API_KEY" "PBH_TOKEN=$PBH_TOKEN" >> .env)   # 服务读 .env，看不到这个终端的变量
    systemctl --user enable --now "$PWD/tidegate.service"   # 作为服务运行，代替 `run`
    "#);
}

#[test]
fn what_exists_is_never_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scripts/a.rhai");
    assert!(write(&path, "new", false).unwrap());
    assert!(!write(&path, "newer", false).unwrap());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(write(&path.join("b"), "x", false).unwrap_err().kind, Kind::Config);
}

#[test]
fn addresses_cannot_break_out_of_their_quotes() {
    let document = Document { pbh_url: "http://h/\"\nmode = \"live".into(), ..document() };
    let problems = Config::load(&document.toml(), Path::new("t.toml"), &none);
    assert!(problems.is_err() || problems.unwrap().mode == config::Mode::Watch);
}

#[test]
fn a_unit_names_paths_as_systemd_reads_them() {
    let unit = unit(Service::User, Path::new("/opt/my tools/tidegate"), Path::new("/home/a/100%"));
    assert!(
        unit.contains("\nExecStart=\"/opt/my tools/tidegate\" --config /home/a/100%%/tidegate.toml run\n"),
        "{unit}"
    );
    assert!(unit.contains("\nEnvironmentFile=-/home/a/100%%/.env\n") && unit.contains("WantedBy=default.target"));
    // An older systemd knows no `notify-reload`, and an end by signal has the exit code of one.
    assert!(unit.contains("\nType=notify\n") && unit.contains("\nExecReload=/bin/kill -HUP $MAINPID\n"), "{unit}");
    assert!(unit.contains("\nSuccessExitStatus=143 130\n"), "{unit}");
    let system = document::unit(Service::System, Path::new("/usr/bin/tidegate"), Path::new("/etc/tidegate"));
    assert!(system.contains("ReadWritePaths=/etc/tidegate\n") && system.contains("WantedBy=multi-user.target"));
}

#[test]
fn what_a_script_needs_is_said_and_not_granted() {
    let config = "[vps.oslo]\nveid = 1\napi_key = \"private_x\"\n";
    let config = Config::load(config, Path::new("tidegate.toml"), &|_| None).unwrap();
    let chosen = ["weekly-snapshot", "pace"].map(|name| crate::recipes::recipe(name).unwrap());
    assert_eq!(
        granted(&chosen, &config),
        [
            "# allow what the scripts need, in tidegate.toml:",
            "#   [script.weekly-snapshot]",
            "#   allow = [\"kiwivm/oslo:snapshot_delete\"]",
        ]
    );
    assert!(granted(&chosen[1..], &config).is_empty());
}
