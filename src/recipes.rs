//! Ready automations, embedded from `scripts`, and what each needs.

use crate::config::Config;
use crate::language::Language;

/// A script that is ready to copy.
#[derive(Debug)]
pub struct Recipe {
    /// The file's name without `.rhai`.
    pub name: &'static str,
    text: &'static str,
}

macro_rules! recipes {
    ($($name:literal),* $(,)?) => {
        /// All of them, the most wanted first.
        pub static RECIPES: &[Recipe] = &[
            $(Recipe { name: $name, text: include_str!(concat!("../scripts/", $name, ".rhai")) }),*
        ];
    };
}

recipes! {
    "quota-guard",
    "pace",
    "daily-report",
    "thresholds",
    "leech-ban",
    "prefix-ban",
    "speed-hours",
    "abuse-case",
    "weekly-snapshot",
    "disk-low",
    "ratio-limit",
    "upload-cap",
    "shared-bans",
    "vps-down",
    "blocked-address",
    "free-leech",
    "other-traffic",
    "client-error",
    "slow-start",
    "use-or-lose",
}

/// The names that the scripts use in their settings, as the simulated world has them.
const CLIENT: &str = "\"tokyo-qb\"";
const VPS: &str = "\"tokyo\"";
const PBH: &str = "\"home\"";

/// The recipe of that name.
pub fn recipe(name: &str) -> Option<&'static Recipe> {
    RECIPES.iter().find(|recipe| recipe.name == name)
}

impl Recipe {
    /// What it is for, in one sentence.
    pub fn sentence(&self, language: Language) -> String {
        let english = |line: &&str| !line.is_empty();
        let mut lines = self.text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
        let mut first: Vec<_> = lines.by_ref().take_while(english).collect();
        if language == Language::Chinese {
            first = lines.take_while(english).collect();
        }
        // Only words of the Latin script have spaces between them.
        match language {
            Language::English => up_to(&first.join(" "), ". "),
            Language::Chinese => up_to(&first.concat(), "。"),
        }
    }

    /// The script, with the names of the user's instances in its settings.
    pub fn filled(&self, config: &Config) -> String {
        let quoted = |name: &String| format!("{name:?}");
        let default = |names: Vec<(&String, bool)>| {
            let first = names.iter().find(|(_, default)| *default).or(names.first());
            first.map(|(name, _)| quoted(name))
        };
        let clients =
            config.downloader.keys().chain(config.vps.values().flat_map(|vps| vps.downloaders.iter().flatten()));
        let names = [
            (CLIENT, clients.map(quoted).next()),
            (VPS, default(config.vps.iter().map(|(name, vps)| (name, vps.default)).collect())),
            (PBH, default(config.pbh.iter().map(|(name, pbh)| (name, pbh.default)).collect())),
        ];
        let fill = |line: &str| {
            let setting = line.starts_with("const ");
            let known = names.iter().filter(|_| setting).filter_map(|(example, name)| Some((example, name.as_ref()?)));
            known.fold(line.to_owned(), |line, (example, name)| line.replace(example, name)) + "\n"
        };
        self.text.lines().map(fill).collect()
    }

    /// The lines of `allow` that it needs, for each of the user's instances. Its head names them.
    pub fn grants(&self, config: &Config) -> Vec<String> {
        let needed = self.text.lines().filter_map(|line| line.strip_prefix("//! allow: "));
        let narrowed = needed.flat_map(|grant| {
            let (service, what) = grant.split_once(':').unwrap_or((grant, ""));
            let names: Vec<_> = match service {
                "kiwivm" => config.vps.keys().collect(),
                "pbh" => config.pbh.keys().collect(),
                _ => Vec::new(),
            };
            let narrow = |name: &&String| format!("{service}/{name}:{what}");
            if names.is_empty() { vec![grant.to_owned()] } else { names.iter().map(narrow).collect() }
        });
        narrowed.collect()
    }
}

/// The table of the configuration that grants a script what it needs; nothing where it needs nothing.
pub fn table(name: &str, grants: &[String]) -> Option<String> {
    let lines: Vec<_> = grants.iter().map(|grant| format!("{grant:?}")).collect();
    (!grants.is_empty()).then(|| format!("[script.{name}]\nallow = [{}]\n", lines.join(", ")))
}

/// A text up to its first sentence's end.
fn up_to(text: &str, end: &str) -> String {
    let stop = text.find(end).map_or(text.len(), |at| at + end.trim_end().len());
    text[..stop].to_owned()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config(text: &str) -> Config {
        Config::load(text, Path::new("tidegate.toml"), &|_| None).unwrap()
    }

    #[test]
    fn each_says_what_it_is_for_in_both_languages() {
        for recipe in RECIPES {
            let [english, chinese] = Language::ALL.map(|language| recipe.sentence(language));
            assert!(english.is_ascii() || english.contains('…'), "{}: {english}", recipe.name);
            assert!(english.ends_with('.') && english.len() < 250, "{}: {english}", recipe.name);
            assert!(chinese.ends_with('。') && !chinese.is_ascii(), "{}: {chinese}", recipe.name);
        }
    }

    #[test]
    fn settings_have_the_users_names() {
        let mine = config("[vps.oslo]\nveid = 1\napi_key = \"private_x\"\ndownloaders = [\"nas\", \"box\"]");
        let text = recipe("upload-cap").unwrap().filled(&mine);
        assert!(text.contains("const CLIENTS = [\"nas\"];"), "{text}");
        let nothing = recipe("upload-cap").unwrap();
        assert_eq!(nothing.filled(&config("")), nothing.text);
    }

    #[test]
    fn what_needs_a_grant_says_so() {
        let mine = config(
            "[vps.oslo]\nveid = 1\napi_key = \"private_x\"\n[vps.tokyo]\nveid = 2\napi_key = \"private_x\"\n\
             [script.disk-low]\nallow = [\"downloader:delete_torrent\"]",
        );
        let needs = |name: &str| recipe(name).unwrap().grants(&mine);
        assert_eq!(needs("weekly-snapshot"), ["kiwivm/oslo:snapshot_delete", "kiwivm/tokyo:snapshot_delete"]);
        assert_eq!(needs("disk-low"), ["downloader:delete_torrent"], "what is granted is needed all the same");
        assert!(needs("quota-guard").is_empty());
        let table = table("disk-low", &needs("disk-low")).unwrap();
        assert_eq!(config(&table).settings("disk-low").grants.allow.len(), 1);
    }
}
