//! Scripts in and out of a sitting.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Result;
use crate::library::is_test;
use crate::permission::Grants;
use crate::schedule::Cron;
use crate::script::keep::{self, Begin};
use crate::script::pieces::{Kind, Statement, pieces, statements};
use crate::script::std::{self as library, On, When};
use crate::script::{self, Finding, Session, Severity, Source};
use crate::units::format_duration;

use super::session::Form;
use super::{Next, Repl, Typed};

impl Repl {
    pub(super) fn load(&mut self, file: &str) -> Next {
        let text = match std::fs::read_to_string(self.path(file)) {
            Ok(text) => text.trim_start_matches('\u{feff}').to_owned(),
            Err(error) => return self.fail(&format!("`{file}` cannot be read: {error}"), ""),
        };
        // Triggers are for the daemon; what they are made of can be tried here.
        let (mut kept, mut left) = (text.clone(), 0);
        for statement in registering(&text).into_iter().rev() {
            let start = statement.text.as_ptr() as usize - text.as_ptr() as usize;
            // Lines stay where they are, for what errors say.
            let blank: String = statement
                .text
                .chars()
                .map(|c| if c == '\n' { "\n".to_owned() } else { " ".repeat(c.len_utf8()) })
                .collect();
            kept.replace_range(start..start + statement.text.len(), &blank);
            left += 1;
        }
        let next = self.eval_as(&kept, file, Form::Drawn);
        if left > 0 && next == Next::Go {
            let words = self
                .host
                .config
                .language
                .pick("triggers are not registered here: left out", "触发器不在此注册，已略过");
            self.screen.aside(&format!("{words} ({left})"));
        }
        next
    }

    /// A path as a person gives it, perhaps in quotes.
    pub(super) fn path(&self, text: &str) -> PathBuf {
        let home = (self.env)("HOME").map(PathBuf::from);
        below(text.trim_matches(['"', '\'']), home.as_deref())
    }

    pub(super) fn save(&mut self, file: &str) -> Next {
        let mut target = self.path(file);
        if target.extension().is_none() {
            target.set_extension("rhai");
        }
        let inputs = self.session.lock().inputs().to_vec();
        if inputs.is_empty() {
            return self.fail("there is no good input yet", "type something first");
        }
        let name = target.file_stem().map_or_else(|| "session".into(), |stem| stem.to_string_lossy().into_owned());
        self.write(&target, keep::whole(&inputs, &name, Begin::Start))
    }

    pub(super) fn cron(&mut self, rest: &str) -> Next {
        let how = "write `:cron \"*/5 * * * *\" my-guard`, and perhaps `{ … }` behind it";
        let Some((expression, rest)) = quoted(rest) else {
            return self.fail("the schedule stands in quotes", how);
        };
        let (zone, now) = (self.host.config.timezone, self.host.clock.now());
        if let Err(error) = Cron::parse(expression, zone, now) {
            self.screen.error(&script::explain(&error, "input", Some(expression), self.reader()));
            return Next::Failed;
        }
        let end = || rest.find(|c: char| c.is_whitespace() || c == '{').unwrap_or(rest.len());
        let (name, block) = quoted(rest).unwrap_or_else(|| rest.split_at(end()));
        let name = name.trim_end_matches(',');
        if name.is_empty() {
            return self.fail("the script needs a name", how);
        }
        let strange = |c: char| c.is_whitespace() || matches!(c, '/' | '\\' | '"' | '\'' | '`');
        if name.starts_with('.') || name.contains(strange) {
            return self.fail(&format!("`{name}` is no name for a script"), "write one word, such as `my-guard`");
        }
        let mut inputs = self.session.lock().inputs().to_vec();
        let block = match (block.trim(), &self.typed) {
            ("", None) => return self.fail("there is no good input yet", how),
            ("", Some(Typed { good: false, .. })) => return self.fail("the last input failed", how),
            ("", Some(typed)) => {
                inputs.pop();
                typed.text.clone()
            }
            (block, _) => block.to_owned(),
        };
        if let Err(error) = Session::parses(&block) {
            self.screen.error(&script::explain(&error, "input", Some(&block), self.reader()));
            return Next::Failed;
        }
        let text = keep::block(&inputs, &block, name, Begin::Cron(expression));
        let target = self.scripts.join(format!("{name}.rhai"));
        self.write(&target, text)
    }

    /// Writes a script that loads, and says when it runs.
    fn write(&mut self, target: &Path, text: Result<String>) -> Next {
        let text = match text {
            Ok(text) => text,
            Err(error) => return self.fail(&error.message, error.hint.as_deref().unwrap_or_default()),
        };
        let shown = target.display();
        if is_test(target) {
            return self
                .fail(&format!("`{shown}` is the name of a file of tests, which never runs"), "give another name");
        }
        if target.exists() {
            let Some(own) = self.written.get(target) else {
                return self.fail(&format!("there is `{shown}` already"), "give another name, or remove it");
            };
            if !std::fs::read_to_string(target).is_ok_and(|now| now == *own) {
                let message = format!("`{shown}` was changed since it was saved here");
                return self.fail(&message, "give another name, or remove it");
            }
        }
        let source = Source::new(target, text.clone());
        let host = Arc::clone(&self.host);
        let grants: Grants = self.host.config.settings(&source.name).grants;
        let Some(loaded) = self.apart({
            let source = source.clone();
            move || script::load_granted(&host, &source, grants)
        }) else {
            return self.fail("the script cannot be checked", "this is a bug in tidegate: please report it");
        };
        let findings = match &loaded {
            Ok(loaded) => &loaded.findings,
            Err(findings) => findings,
        };
        self.tell(findings, &source);
        if findings.iter().any(|finding| finding.severity == Severity::Error) {
            return self.fail("what would be saved does not pass `check`: nothing was written", "");
        }
        let written =
            target.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(target, &text));
        if let Err(error) = written {
            return self.fail(&format!("`{shown}` cannot be written: {error}"), "");
        }
        self.written.insert(target.to_path_buf(), text);
        let language = self.host.config.language;
        self.screen.line(&format!("{} {shown}", language.pick("saved as", "已保存为")));
        let now = self.host.clock.now();
        let zone = self.host.config.timezone;
        for (spec, _) in loaded.iter().flat_map(|loaded| &loaded.triggers) {
            let next = match &spec.kind {
                crate::schedule::Kind::Cron(cron) => cron.next(now),
                _ => None,
            };
            if let Some(next) = next {
                let what = language.pick("runs next", "下次运行");
                self.screen.line(&format!("{what}: {} ({})", next.display(zone), format_duration(next - now)));
            }
        }
        if target.parent() == Some(&*self.scripts) && !self.host.config.settings(&source.name).enabled {
            self.screen.aside(language.pick(
                "a daemon does not run it: `enabled` is false in its table of the configuration",
                "守护进程不会运行它：配置中它的 `enabled` 为 false",
            ));
        } else if target.parent() == Some(&*self.scripts) {
            self.screen.aside(language.pick(
                "a daemon over this folder has it within a second, in the mode of its configuration",
                "守护进程若在运行，一秒内即加载它，按配置的模式执行",
            ));
        }
        Next::Go
    }

    fn tell(&self, findings: &[Finding], source: &Source) {
        for finding in findings {
            let file = source.path.display().to_string();
            self.screen.error(&finding.excerpt(&file, Some(&source.text), self.reader()));
        }
    }

    pub(super) fn edit(&mut self, _: &str) -> Next {
        use std::io::IsTerminal as _;
        if !(std::io::stdin().is_terminal() && self.screen.is_full()) {
            return self.fail("there is no terminal to edit in", "");
        }
        let variable = |name: &str| (self.env)(name).filter(|value| !value.trim().is_empty());
        let editor = variable("VISUAL").or_else(|| variable("EDITOR")).unwrap_or_else(|| "vi".into());
        let last = self.typed.as_ref().map_or("", |typed| typed.text.as_str());
        match edited(&editor, last) {
            Ok(text) => {
                self.draft = Some(text);
                Next::Go
            }
            Err(error) => self.fail(&format!("`{editor}` cannot be used: {error}"), "set `EDITOR`"),
        }
    }
}

/// The text as an editor leaves it.
fn edited(editor: &str, text: &str) -> std::io::Result<String> {
    let file = tempfile::Builder::new().prefix("tidegate-").suffix(".rhai").tempfile()?;
    std::fs::write(file.path(), text)?;
    let run = format!("{editor} \"$@\"");
    let status = std::process::Command::new("sh").args(["-c", &run, editor]).arg(file.path()).status()?;
    if !status.success() {
        return Err(std::io::Error::other(format!("it ended with {status}")));
    }
    Ok(std::fs::read_to_string(file.path())?.trim().to_owned())
}

/// A path, which may begin with the home folder.
pub(super) fn below(path: &str, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~/"), home) {
        (Some(path), Some(home)) => home.join(path),
        _ => path.into(),
    }
}

/// The statements that register triggers: by themselves, in a loop, or by a function of the file.
fn registering(text: &str) -> Vec<Statement<'_>> {
    let (functions, others): (Vec<_>, Vec<_>) =
        statements(text).into_iter().partition(|statement| matches!(statement.head, "fn" | "private"));
    let rows = library::functions().filter(|row| row.when == When::Load && row.on == On::Nothing);
    let mut names: HashSet<&str> = rows.map(|row| row.name).collect();
    loop {
        let before = names.len();
        let register = functions.iter().filter(|function| calls(function.text, &names));
        names.extend(register.filter_map(Statement::declares).collect::<Vec<_>>());
        if names.len() == before {
            break;
        }
    }
    others.into_iter().filter(|statement| calls(statement.text, &names)).collect()
}

/// Whether a text calls one of these functions.
fn calls(text: &str, names: &HashSet<&str>) -> bool {
    let solid = pieces(text).into_iter().filter(|piece| !matches!(piece.kind, Kind::Space | Kind::Comment));
    let words: Vec<_> = solid.map(|piece| &text[piece.range]).collect();
    let is_call = |n: usize| names.contains(words[n]) && words.get(n + 1) == Some(&"(");
    (0..words.len()).any(|n| is_call(n) && (n == 0 || words[n - 1] != "."))
}

/// A text in quotes, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
    let (inside, rest) = text[1..].split_once(quote)?;
    Some((inside, rest.trim_start_matches([',', ' ']).trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_editor_leaves_is_read_back() {
        assert_eq!(edited("sed -i s/1/2/", "let x = 1;\n").ok().as_deref(), Some("let x = 2;"));
        assert!(edited("false", "x").is_err());
    }

    #[test]
    fn triggers_are_found_wherever_they_are_registered() {
        let text = "const A = 1;\nfn guard(v) { if v { each(v) } }\nfn each(v) { every(\"1h\", v, || 1); }\n\
                    for v in [1] { guard(v) }\nlet x = 5;\ncron(\"@hourly\", || 1);\nx.every(1);";
        let found: Vec<_> = registering(text).into_iter().map(|statement| statement.head).collect();
        assert_eq!(found, ["for", "cron"]);
    }

    #[test]
    fn schedules_stand_in_quotes() {
        assert_eq!(quoted("\"*/5 * * * *\", guard { x }"), Some(("*/5 * * * *", "guard { x }")));
        assert_eq!(quoted("* * * * *"), None);
    }
}
