//! Inputs of earlier sittings. One with a secret in it can be called back once, and is written nowhere.

use std::path::Path;

use reedline::{
    FileBackedHistory, History, HistoryItem, HistoryItemId, HistorySessionId, ReedlineError, ReedlineErrorVariants,
    Result, SearchQuery,
};

use crate::api::{Service, Type};
use crate::script::pieces::{Kind, pieces};
use crate::secret::{Masker, may_give_away, may_name_secret};

/// Inputs that are remembered.
const MOST: usize = 5000;

pub(super) struct Remembered {
    history: FileBackedHistory,
    masker: Masker,
}

impl Remembered {
    /// In `file`, which nobody else may read; where it cannot be used, for this sitting only.
    pub(super) fn new(file: Option<&Path>, masker: Masker) -> Option<Self> {
        let kept = file.and_then(|file| {
            private(file).ok()?;
            FileBackedHistory::with_file(MOST, file.into()).ok()
        });
        let history = kept.or_else(|| FileBackedHistory::new(MOST).ok())?;
        Some(Self { history, masker })
    }
}

/// Makes a file that only its owner can read.
fn private(file: &Path) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop)
}

/// Whether an input has a secret in it: one that is known, or a text where secrets are given.
fn has_secret(text: &str, masker: &Masker) -> bool {
    if masker.mask(text) != text {
        return true;
    }
    let solid: Vec<_> = pieces(text).into_iter().filter(|p| !matches!(p.kind, Kind::Space | Kind::Comment)).collect();
    let word = |n: usize| solid.get(n).map_or("", |piece| &text[piece.range.clone()]);
    let is_text = |n: usize| solid.get(n).is_some_and(|piece| piece.kind == Kind::Text && piece.range.len() > 2);
    // What stands between a name and what it is given: `token = ("…")`, `"X-Api-Key": "…"`, `set("token", "…")`.
    let is_between = |n: usize| matches!(word(n), ":" | "=" | "!" | "+" | "(" | "[" | "]" | ",");
    (0..solid.len()).any(|n| {
        let name = word(n).trim_matches(['"', '`', '\'']);
        let is_given = || (n + 1..solid.len()).find(|m| !is_between(*m)).is_some_and(|m| m > n + 1 && is_text(m));
        match solid[n].kind {
            // It is given the name of one.
            Kind::Word if name == "secret" && word(n + 1) == "(" => false,
            Kind::Word if word(n + 1) == "(" && takes_secret(name) => (n + 2..solid.len()).any(is_text),
            Kind::Text if may_give_away(name) => true,
            Kind::Word | Kind::Text => may_name_secret(name) && is_given(),
            _ => false,
        }
    }) || pieces(text).iter().any(|piece| piece.kind == Kind::Comment && may_give_away(&text[piece.range.clone()]))
}

/// Whether an argument of an endpoint is a secret.
fn takes_secret(name: &str) -> bool {
    let rows = Service::ALL.into_iter().flat_map(Service::rows).filter(|row| row.id == name);
    rows.flat_map(|row| row.params).any(|param| matches!(param.ty, Type::Secret) || may_name_secret(param.name))
}

impl History for Remembered {
    fn save(&mut self, item: HistoryItem) -> Result<HistoryItem> {
        if has_secret(&item.command_line, &self.masker) {
            // The editor keeps what is not saved until the next input.
            return Err(ReedlineError(ReedlineErrorVariants::OtherHistoryError("there is a secret in it")));
        }
        let saved = self.history.save(item)?;
        // Another sitting, or a crash, must not lose it.
        let _ = self.history.sync();
        Ok(saved)
    }
    fn load(&self, id: HistoryItemId) -> Result<HistoryItem> {
        self.history.load(id)
    }
    fn count(&self, query: SearchQuery) -> Result<i64> {
        self.history.count(query)
    }
    fn search(&self, query: SearchQuery) -> Result<Vec<HistoryItem>> {
        self.history.search(query)
    }
    fn update(&mut self, id: HistoryItemId, updater: &dyn Fn(HistoryItem) -> HistoryItem) -> Result<()> {
        self.history.update(id, updater)
    }
    fn clear(&mut self) -> Result<()> {
        self.history.clear()
    }
    fn delete(&mut self, id: HistoryItemId) -> Result<()> {
        self.history.delete(id)
    }
    fn sync(&mut self) -> std::io::Result<()> {
        self.history.sync()
    }
    fn session(&self) -> Option<HistorySessionId> {
        self.history.session()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn inputs_with_secrets_are_written_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data/history");
        let masker = Masker::default();
        masker.add(&Secret::new("hunter22"));
        let mut history = Remembered::new(Some(&file), masker.clone()).unwrap();
        let kept = [
            "vps().data_usage()",
            "let 流量 = 1;\nlet b = 2",
            "secret(\"push_key\")",
            "let token = 5",
            "let key = m.key + 1",
        ];
        for line in kept {
            history.save(HistoryItem::from_command_line(line)).unwrap();
        }
        for line in [
            "info(\"hunter22\")",
            "let token = \"abc\"",
            "pbh().push_create(#{name: \"x\", password: `y`})",
            "f(#{\"api_key\": \"z\"})",
            "vps().clone_from_external_server(\"203.0.113.7\", 22, \"w\")",
            "http.get(u, #{headers: #{\"X-Api-Key\": \"sekrit11\"}})",
            "http.get(\"http://user:sekrit22@host/\")",
            "let pass = \"abc\"",
            "let pw = \"abc\"",
            "f(#{pass: \"abc\"})",
            "let t = \"private_abc\"",
            "#{a: \"Bearer abc\"}",
            "let token = (\"abc\")",
            "shared_state.set(\"token\", \"abc\")",
            "token == \"abc\"",
            "m[\"api_key\"] = \"abc\"",
            "login(\"abc\")",
            ":cron \"@hourly\" x { login(\"abc\") }",
            "1 // Bearer abc",
        ] {
            assert!(history.save(HistoryItem::from_command_line(line)).is_err(), "{line}");
        }
        drop(history);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains("data_usage") && !text.contains("hunter22") && !text.contains("abc"), "{text}");
        let again = Remembered::new(Some(&file), masker).unwrap();
        let all = again.search(SearchQuery::everything(reedline::SearchDirection::Forward, None)).unwrap();
        let lines: Vec<_> = all.iter().map(|item| item.command_line.as_str()).collect();
        assert_eq!(&lines[..2], &kept[..2]);
    }
}
