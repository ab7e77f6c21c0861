//! Completion, hover, signatures and definitions over texts as people leave them.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::clock::VirtualClock;
use crate::config::Config;
use crate::host::{Setting, Storage};
use crate::journal::Silent;
use crate::script::Session;
use crate::time::Time;

const CONFIG: &str = r#"
timezone = "UTC"
scripts = "scripts"
[vps.tokyo]
veid = 123456
api_key = "private_x"
downloaders = ["tokyo-qb"]
[vps.osaka]
veid = 2
api_key = "private_y"
[pbh.home]
url = "http://127.0.0.1:1"
token = "t"
[notify.phone]
type = "log"
"#;

/// An installation with two VPSes and a library.
struct Place {
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("scripts/lib")).unwrap();
        let library = "/// The worst of them.\nfn worst(peers, n) { peers }\nprivate fn inner() {}\nconst MOST = 5;\n";
        std::fs::write(folder.path().join("scripts/lib/peers.rhai"), library).unwrap();
        Self { folder, runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap() }
    }

    fn host(&self) -> Arc<Host> {
        let file = self.folder.path().join("tidegate.toml");
        let config = Config::load(CONFIG, &file, &|_| None).unwrap();
        let setting = Setting {
            clock: VirtualClock::new(Time::from_millis(1_783_065_600_000)),
            env: Arc::new(|_| None),
            journal: Arc::new(Silent),
            storage: Storage::Memory,
            accepts_any_instance: false,
        };
        self.runtime.block_on(Host::open(config, setting)).unwrap()
    }

    fn world(&self) -> World {
        World::of_file(&self.host(), &self.folder.path().join("scripts/a.rhai"))
    }

    /// What is offered at the `‸` of a text.
    fn at(&self, text: &str) -> Vec<Candidate> {
        let offset = text.find('‸').expect("a mark");
        complete(&text.replace('‸', ""), offset, &self.world())
    }

    fn labels(&self, text: &str) -> Vec<String> {
        self.at(text).into_iter().map(|candidate| candidate.label).collect()
    }

    fn one(&self, text: &str, label: &str) -> Candidate {
        let all = self.at(text);
        all.iter().find(|candidate| candidate.label == label).cloned().unwrap_or_else(|| {
            panic!("no `{label}` in {text}: {:?}", all.iter().map(|one| &one.label).collect::<Vec<_>>())
        })
    }
}

#[test]
fn a_handle_offers_its_endpoints_and_helpers_with_their_sentence() {
    let place = Place::new();
    let bans = place.one("pbh(\"home\").‸", "bans_list");
    assert_eq!(bans.kind, Kind::Method);
    assert!(
        bans.detail.starts_with("bans_list(#{page: Int") && bans.detail.ends_with("-> Page of Ban"),
        "{}",
        bans.detail
    );
    assert!(bans.doc.starts_with("Lists"), "{}", bans.doc);
    let all: Vec<_> = place.labels("pbh(\"home\").‸");
    for name in ["top_peers", "ban", "bans_list_all", "name", "cached", "request"] {
        assert!(all.iter().any(|label| label == name), "{name}");
    }
    assert!(!all.iter().any(|label| label == "data_usage" || label == "start_transfers"));
    // What is typed already takes the others away, and is replaced.
    let typed = place.at("cron(\"@daily\", \"x\", || { let u = vps(\"tokyo\").data_u‸ })");
    assert_eq!(typed.iter().map(|one| one.label.as_str()).collect::<Vec<_>>(), ["data_usage"]);
    assert_eq!(typed[0].replaces.len(), 6);
}

#[test]
fn a_value_offers_what_its_type_has_wherever_it_comes_from() {
    let place = Place::new();
    let usage = |text: &str| {
        let found = place.one(text, "percent");
        assert_eq!((found.kind, found.detail.as_str()), (Kind::Field, "Percent"), "{text}");
    };
    usage("let u = vps(\"tokyo\").data_usage();\nu.‸");
    usage("every(\"5m\", \"x\", || { let u = vps().data_usage(); if u.per‸ });");
    usage("all_vps().map(|v| v.data_usage()).filter(|u| u.‸");
    usage("for v in all_vps() { v.data_usage().‸ }");
    usage("fn f(v) { let u = v.data_usage(); u.‸ }\nfor v in all_vps() { f(v); }");
    usage("info(`${vps().data_usage().‸");
    usage("let a = vps().data_usage().‸\nlet b = 1;\nfn later() { 1 }");
    // Something else is wrong, above.
    usage("let x = ;\nlet u = vps().data_usage();\nif u.‸");
    assert_eq!(place.one("let t = now() - 2.ho‸", "hours").kind, Kind::Field);
    assert_eq!(place.labels("let r = 0..n‸").first().map(String::as_str), Some("now"));
    assert!(place.labels("state.‸").iter().any(|label| label == "transaction"));
    assert!(place.labels("[1, 2].‸").iter().any(|label| label == "sorted_by"));
    // Nothing says what it is but what people call it.
    assert!(place.labels("fn f(v) { v.‸ }").iter().any(|label| label == "data_usage"));
    assert_eq!(place.labels("fn f(x) { x.‸ }"), Vec::<String>::new());
}

#[test]
fn names_are_those_in_scope_and_what_may_be_called_there() {
    let place = Place::new();
    let text = "import \"lib/peers\" as peers;\nconst STOP = 90;\nlet home = pbh(\"home\");\nfn mine(a, b) { a + b }\ncron(\"@daily\", \"x\", || { ‸ });";
    let found = place.labels(text);
    for name in ["home", "STOP", "mine", "peers", "notify", "state", "format_bytes", "let"] {
        assert!(found.iter().any(|label| label == name), "{name}");
    }
    assert!(!found.iter().any(|label| label == "cron" || label == "a"), "{found:?}");
    assert_eq!(place.one(text, "home").detail, "a PBH");
    assert_eq!(place.one(text, "mine").detail, "mine(a, b)");
    let top = place.labels("‸");
    assert!(top.iter().any(|label| label == "cron") && !top.iter().any(|label| label == "notify"), "{top:?}");
    assert_eq!(place.labels("import \"lib/peers\" as peers;\npeers::‸"), ["worst", "MOST"]);
    assert_eq!(place.labels("import \"‸"), ["lib/peers"]);
    // The name that is put there to look is nobody's, and closures take every name along.
    let probe = |text: &str| place.labels(text).into_iter().find(|label| label.contains("tidegate"));
    assert_eq!(probe("every(\"5m\", \"x\", || {‸"), None);
    assert_eq!(probe("every(\"5m\", \"x\", || { let z = ‸ });"), None);
}

#[test]
fn the_rest_of_a_word_is_known_to_belong_to_it() {
    let place = Place::new();
    let taken = |text: &str, label: &str| {
        let one = place.one(text, label);
        let text = text.replace('‸', "");
        format!("{}{}{}", &text[..one.replaces.start], one.insert, &text[one.end..])
    };
    assert_eq!(taken("let v = vps(); v.sta‸tus();", "status"), "let v = vps(); v.status();");
    assert_eq!(taken("pbh().ban([], #{du‸ration: \"1d\"});", "duration"), "pbh().ban([], #{duration: \"1d\"});");
    assert_eq!(taken("pbh().ban([], #{du‸});", "duration"), "pbh().ban([], #{duration: });");
    assert_eq!(taken("vps(\"to‸kyo\")", "tokyo"), "vps(\"tokyo\")");
    assert_eq!(taken("let a = vps(\"to‸", "tokyo"), "let a = vps(\"tokyo");
}

#[test]
fn a_sign_opens_a_list_only_where_it_begins_something() {
    let opens = |text: &str| begins(text, text.len(), text.chars().last().unwrap());
    for text in ["vps().", "p::", "vps(\"", "import \"lib/", "import \"", "pbh().ban([], #{"] {
        assert!(opens(text), "{text}");
    }
    for text in
        ["every(\"5m\", || {", "if true {", "fn f() {", "vps(\"tokyo\"", "5 /", "p:", "#{level:", "let a = \"1/"]
    {
        assert!(!opens(text), "{text}");
    }
}

#[test]
fn errors_and_the_way_to_other_servers_have_members() {
    let place = Place::new();
    let message = |text: &str| place.one(text, "message").kind;
    assert_eq!(message("try { vps().status() } catch (e) { info(e.‸) }"), Kind::Field);
    let failed = "for row in attempt(all_vps(), |v| v.status()) { if !row.ok { info(row.error.‸) } }";
    assert_eq!(message(&format!("every(\"5m\", \"x\", || {{ {failed} }});")), Kind::Field);
    let http = place.labels("every(\"5m\", \"x\", || { http.‸ });");
    assert!(http.iter().any(|label| label == "get") && http.len() < 12, "{http:?}");
}

#[test]
fn keys_of_options_are_those_of_the_call() {
    let place = Place::new();
    let labels = place.labels("pbh(\"home\").top_peers(5, #{‸");
    assert!(["vps", "by", "last"].iter().all(|key| labels.iter().any(|label| label == key)), "{labels:?}");
    assert_eq!(place.labels("pbh(\"home\").top_peers(5, #{by: \"ip\", la‸"), ["last"]);
    assert_eq!(place.labels("cron(\"@daily\", #{name: \"x\", retry: #{‸"), ["times", "wait"]);
    let overlap = place.one("every(\"5m\", #{name: \"x\", over‸}, || 1);", "overlap");
    assert_eq!((overlap.kind, overlap.insert.as_str()), (Kind::Option, "overlap: "));
    assert!(overlap.doc.contains("still going"));
    assert_eq!(place.labels("downloader(\"tokyo-qb\").limit_speed(#{u‸")[0], "up");
    let bans = place.labels("cron(\"@daily\", \"x\", || { pbh().bans_list(#{p‸ }) });");
    assert_eq!(bans[0], "page");
}

#[test]
fn texts_offer_names_and_words() {
    let place = Place::new();
    assert_eq!(place.labels("vps(\"‸"), ["osaka", "tokyo"]);
    assert_eq!(place.one("vps(\"‸\").data_usage()", "tokyo").detail, "VEID 123456");
    assert_eq!(place.labels("downloader(\"‸"), ["tokyo-qb"]);
    assert_eq!(place.labels("pbh(\"home\").top_peers(5, #{vps: \"to‸"), ["tokyo"]);
    assert_eq!(place.labels("every(\"5m\", #{overlap: \"‸"), ["skip", "queue", "parallel", "restart"]);
    assert_eq!(place.labels("notify(#{text: \"x\", to: [\"‸"), ["phone"]);
    assert!(place.labels("on_event(\"‸").contains(&"pbh.started".to_owned()));
    assert_eq!(place.labels("pbh(\"home\").live_peers().sorted_by(\"upl‸"), ["uploaded"]);
    assert_eq!(place.labels("let a = \"‸"), Vec::<String>::new());
    assert_eq!(place.labels("// vps().‸"), Vec::<String>::new());
}

#[test]
fn a_sitting_knows_what_was_typed_before() {
    let place = Place::new();
    let host = place.host();
    let mut session = Session::new(Path::new("/nowhere"));
    let run = |session: &mut Session, text: &str| {
        let context = crate::script::quiet(&host, "repl");
        session.eval(&context, text).unwrap();
    };
    run(&mut session, "let home = pbh(\"home\"); fn double(x) { x * 2 }");
    run(&mut session, "#{used: 5, name: \"x\"}");
    let world = session.world(&host, Language::English);
    let labels = |text: &str| complete(text, text.len(), &world).into_iter().map(|one| one.label).collect::<Vec<_>>();
    assert_eq!(labels("it.us"), ["used"]);
    assert!(labels("home.top").contains(&"top_peers".to_owned()));
    assert_eq!(labels("doub"), ["double"]);
    assert!(labels("ho").contains(&"home".to_owned()));
    assert_eq!(labels("let n = home.bans_list().results[0].banMetadata.rev"), ["reverseLookup"]);
}

#[test]
fn chinese_is_spoken_where_it_is_read() {
    let place = Place::new();
    let mut world = place.world();
    world.language = Language::Chinese;
    let text = "let 家 = pbh(\"home\");\n家.ban_sum";
    let found = complete(text, text.len(), &world);
    assert_eq!(found[0].label, "ban_summary");
    assert!(found[0].doc.starts_with("一段时间内封禁的汇总"), "{}", found[0].doc);
}

#[test]
fn hover_says_what_stands_there() {
    let place = Place::new();
    let world = place.world();
    let help = |text: &str| {
        let offset = text.find('‸').unwrap();
        hover(&text.replace('‸', ""), offset, &world)
    };
    let head = |text: &str| help(text).map(|help| help.head);
    let usage = help("let u = vps(\"tokyo\").data_‸usage();\ninfo(u.percent);").unwrap();
    assert_eq!(usage.head, "data_usage(#{fresh: bool}) -> Usage");
    assert!(usage.text.contains("- `percent` Percent"), "{}", usage.text);
    assert_eq!(head("let u = vps(\"tokyo\").data_usage();\ninfo(u.per‸cent);").as_deref(), Some("percent: Percent"));
    assert_eq!(head("let home = pbh(\"home\"); info(‸home.name);").as_deref(), Some("home: a PBH"));
    assert_eq!(head("let ho‸me = pbh(\"home\"); info(home.name);").as_deref(), Some("home: a PBH"));
    assert!(head("info(for‸mat_bytes(5))").unwrap().starts_with("format_bytes(bytes: Bytes | Float) -> Text"));
    assert_eq!(head("vps(\"to‸kyo\")").as_deref(), Some("tokyo: VEID 123456"));
    let cron = help("cron(\"0 8 * * ‸*\", \"x\", || 1)").unwrap();
    assert_eq!(cron.text.lines().next(), Some("- 2026-07-04 08:00"), "{}", cron.text);
    let zoned = help("cron(\"0 2‸3 * * *\", #{name: \"x\", timezone: \"Asia/Shanghai\"}, || 1)").unwrap();
    assert_eq!(zoned.text, "- 2026-07-03 23:00\n- 2026-07-04 23:00\n- 2026-07-05 23:00\n\nAsia/Shanghai");
    assert!(help("schedule([#{at: \"0 8 * *‸ *\"}], |entry| 1)").unwrap().text.contains("08:00"));
    assert!(help("const HOURS = \"0 8‸ * * *\";").unwrap().text.contains("08:00"));
    assert_eq!(head("const TEXT = \"one two‸ three four five\";"), None);
    assert!(help("on_event(\"vps.sto‸pped\", \"x\", |e| 1)").unwrap().text.contains("stopped"));
    assert!(help("every(\"5m\", #{over‸lap: \"skip\", name: \"x\"}, || 1)").unwrap().text.contains("still going"));
    let library = help("import \"lib/peers\" as p; p::wo‸rst([], 1)").unwrap();
    assert_eq!((library.head.as_str(), library.text.as_str()), ("worst(peers, n)", "The worst of them."));
    assert_eq!(head("// dat‸a_usage"), None);
}

#[test]
fn the_call_that_is_written_shows_its_parameters() {
    let place = Place::new();
    let world = place.world();
    let shown = |text: &str| {
        let found = signatures(text, text.len(), &world);
        found
            .first()
            .map(|one| (one.label.clone(), one.params.get(one.active).map(|range| one.label[range.clone()].to_owned())))
    };
    let (label, active) = shown("pbh(\"home\").top_peers(5, ").unwrap();
    assert!(label.starts_with("top_peers(n: int, #{"), "{label}");
    assert!(active.unwrap().starts_with("#{"));
    assert_eq!(shown("format_bytes(").unwrap().1.as_deref(), Some("bytes: Bytes | Float"));
    assert_eq!(shown("fn f(a, b) { 1 }\nf(1, ").unwrap(), ("f(a, b)".into(), Some("b".into())));
    assert_eq!(shown("cron(\"@daily\", \"x\", || { "), None);
    assert_eq!(shown("import \"lib/peers\" as p;\np::worst(").unwrap().0, "worst(peers, n)");
    assert!(shown("[1].top_by(1, |a, b").unwrap().1.unwrap().starts_with("key:"));
}

#[test]
fn a_definition_is_found_in_its_scope_and_across_imports() {
    let place = Place::new();
    let world = place.world();
    let target = |text: &str| {
        let offset = text.find('‸').unwrap();
        let text = text.replace('‸', "");
        definition(&text, offset, &world).map(|target| match target.file {
            Some(file) => {
                let source = std::fs::read_to_string(&file).unwrap();
                format!("{}:{}", file.file_name().unwrap().to_string_lossy(), &source[target.range])
            }
            None => format!("{}:{}", target.range.start, &text[target.range.clone()]),
        })
    };
    assert_eq!(target("let a = 1; { let a = 2; } ‸a").as_deref(), Some("4:a"));
    assert_eq!(target("let a = 1; { let a = 2; ‸a }").as_deref(), Some("17:a"));
    assert_eq!(target("fn f(x) { 1 }\nfn g(x) { ‸x }").as_deref(), Some("19:x"));
    assert_eq!(target("fn f(x) { 1 }\nx‸").as_deref(), None);
    assert_eq!(target("list.map(|x| x).filter(|x| ‸x > 1)").as_deref(), Some("24:x"));
    assert_eq!(target("for (v, i) in all_vps() { info(‸i) }").as_deref(), Some("8:i"));
    assert_eq!(target("try { f() } catch (e) { info(‸e) }").as_deref(), Some("19:e"));
    assert_eq!(target("every(\"5m\", \"x\", || ‸f(1));\nfn f(x) { x }").as_deref(), Some("30:f"));
    assert_eq!(target("every(\"5m\", \"x\", || info(‸STOP));\nconst STOP = 1;").as_deref(), Some("39:STOP"));
    assert_eq!(target("import \"lib/peers\" as p;\np::wor‸st([], 1)").as_deref(), Some("peers.rhai:worst"));
    assert_eq!(target("import \"lib/peers\" as p;\np::‸MOST").as_deref(), Some("peers.rhai:MOST"));
    assert_eq!(target("import \"lib/pe‸ers\" as p;").as_deref(), Some("peers.rhai:"));
}

#[test]
fn an_outline_has_triggers_and_functions() {
    let text = "const STOP = 9;\ncron(\"0 8 * * *\", \"早报\", || f());\nfor v in all_vps() {\n  when(|| 1, #{name: `quota-${v.name}`, every: \"5m\"}, |x| 1);\n}\nfn f() { 1 }\non_start(\"hello\", || 1";
    let lines: Vec<_> = symbols(text)
        .into_iter()
        .map(|symbol| format!("{:?} {} {} {}", symbol.kind, symbol.name, symbol.detail, &text[symbol.at]))
        .collect();
    assert_eq!(
        lines,
        [
            "Constant STOP  STOP",
            "Trigger 早报 cron 0 8 * * * \"早报\"",
            "Trigger quota-… when `quota-${",
            "Function f () f",
            "Trigger hello on_start \"hello\""
        ]
    );
}

#[test]
fn a_text_that_breaks_off_anywhere_has_an_outline() {
    let whole = "fn f(a) { 1 }\nconst A = [1];\ncron(\"0 8 * * *\", #{name: `a-${f(1)}`}, |x| { vps().status() });";
    for end in (0..=whole.len()).filter(|end| whole.is_char_boundary(*end)) {
        symbols(&whole[..end]);
    }
    assert_eq!(symbols("every(").len(), 1);
    assert_eq!(symbols("fn f(").len(), 1);
}

#[test]
fn the_place_of_a_finding_covers_a_word() {
    let text = "let 甲 = \"值\";\n  foo(1);\n";
    assert_eq!(&text[place(text, 2, 3)], "foo");
    assert_eq!(&text[place(text, 1, 5)], "甲");
    assert_eq!(&text[place(text, 1, 9)], "\"值\"");
    assert_eq!(&text[place(text, 2, 1)], "  foo(1);");
    assert_eq!(place(text, 9, 9), text.len()..text.len());
}
