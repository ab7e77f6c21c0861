//! That the files hold everything, and hold together.

use std::path::Path;

use super::*;

fn written(language: Language) -> Vec<(&'static str, String)> {
    let text = "[vps.tokyo]\nveid = 7\napi_key = \"k\"\ndownloaders = [\"tokyo-qb\"]\n[pbh.\"家\"]\nurl = \"http://127.0.0.1:1\"\ntoken = \"t\"\n";
    let config = Config::load(text, Path::new("tidegate.toml"), &|_| None).unwrap();
    files(&config, language)
}

fn file(name: &str) -> String {
    written(Language::English).into_iter().find(|(known, _)| *known == name).unwrap().1
}

#[test]
fn every_endpoint_helper_function_and_shape_is_declared() {
    let files: std::collections::BTreeMap<_, _> = written(Language::English).into_iter().collect();
    let file = |name: &str| files[name].as_str();
    for row in Service::ALL.into_iter().flat_map(Service::rows).filter(|row| row.extra.uncallable.is_none()) {
        let text = file(&format!("{}.d.rhai", row.service.name()));
        assert!(text.contains(&format!("\nfn {}(", row.id)), "{}", row.id);
        assert!(!row.extra.paged || text.contains(&format!("\nfn {}_all(", row.id)), "{}", row.id);
    }
    let (helpers, std, types) =
        (file("helpers.d.rhai"), format!("{}{}", file("std.d.rhai"), file("fleet.d.rhai")), file("types.d.rhai"));
    for helper in helpers::all() {
        assert!(helpers.contains(&format!("\nfn {}(", helper.id)), "{}", helper.id);
    }
    for row in functions() {
        let get = if row.getter { "get " } else { "" };
        assert!(std.contains(&format!("\nfn {get}{}(", row.name)), "{}", row.name);
    }
    for name in SHAPES.iter().map(|(_, name)| name) {
        assert_eq!(types.matches(&format!("\ntype {name} = #{{\n")).count(), 1, "{name}");
    }
    // Two things of one name are two types.
    assert!(types.contains("\ntype PbhTorrent = #{") && types.contains("\ntype Torrent = #{"));
    assert!(helpers.contains("fn torrents(downloader: Downloader) -> [Torrent];"));
    assert!(file("rhai.d.rhai").contains("\nfn push("));
}

#[test]
fn they_say_what_the_tables_say() {
    let pbh = file("pbh.d.rhai");
    assert!(pbh.contains("\nfn bans_add(pbh: Pbh, "), "{}", &pbh[..400]);
    let at = pbh.find("\nfn bans_list(pbh: Pbh)").unwrap();
    assert!(pbh[at..].contains("options: #{ page: int, pageSize: int, search: string"));
    let fleet = file("fleet.d.rhai");
    assert!(fleet.contains("fn vps() -> Vps;\nfn vps(name: \"tokyo\") -> Vps;\n"), "{fleet}");
    assert!(fleet.contains("/// - \"tokyo\": VEID 7\n") && fleet.contains("fn pbh(name: \"家\") -> Pbh;"), "{fleet}");
    assert!(fleet.contains("fn downloader(name: \"tokyo-qb\") -> Downloader;"), "{fleet}");
    assert!(file("std.d.rhai").contains("fn get days(duration: Duration) -> float;"));
    let helpers = file("helpers.d.rhai");
    assert!(helpers.contains("fn data_usage(vps: Vps, options: #{ fresh: bool }) -> Usage;"));
    assert!(helpers.contains("fn stop_transfers(downloaders: [Downloader]"));
}

/// Every type that is named has a declaration, every bracket an end, and every line is one of five things.
#[test]
fn nothing_in_them_is_loose() {
    for language in Language::ALL {
        let files = written(language);
        let all: String = files.iter().map(|(_, text)| text.as_str()).collect();
        let declared: BTreeSet<_> =
            all.lines().filter_map(|line| line.strip_prefix("type ").and_then(|rest| rest.split(' ').next())).collect();
        for (name, text) in &files {
            assert!(text.starts_with(MARK) && text.lines().nth(1) == Some("module static;"), "{name}");
            for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
                let comment = line.starts_with("//");
                let declares = ["module ", "fn ", "type ", "const "].iter().any(|word| line.starts_with(word));
                assert!(comment || declares || line == "};" || line.ends_with(','), "{name}: {line}");
                if comment {
                    continue;
                }
                let open = line.matches(['(', '[', '{']).count();
                let close = line.matches([')', ']', '}']).count();
                let begins = line.ends_with("= #{");
                assert!(open == close || begins || line == "};", "{name}: {line}");
                let bare = line.split('"').step_by(2).collect::<String>();
                let words = bare.split(|c: char| !c.is_alphanumeric() && c != '_');
                for word in words.filter(|word| word.starts_with(char::is_uppercase) && *word != "Fn") {
                    // Names of functions and fields may begin so too.
                    let named = line.contains(&format!("{word}(")) || line.starts_with(&format!("{word}:"));
                    let param = line.contains(&format!("{word}:"));
                    assert!(declared.contains(word) || named || param, "{name}: `{word}` in {line}");
                }
            }
        }
    }
}
