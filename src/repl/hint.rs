//! What is shown behind the cursor: the rest of an earlier input, or what a call takes.

use nu_ansi_term::Style;
use reedline::{DefaultHinter, Hinter, History};

use crate::language::Language;
use crate::script::pieces::{Kind, pieces};

use super::{commands, lookup};

pub(super) struct Hints {
    language: Language,
    /// What was typed before.
    earlier: DefaultHinter,
}

impl Hints {
    pub(super) fn new(language: Language) -> Self {
        Self { language, earlier: DefaultHinter::default().with_style(Style::new().dimmed()) }
    }
}

impl Hinter for Hints {
    fn handle(&mut self, line: &str, pos: usize, history: &dyn History, color: bool, cwd: &str) -> String {
        let earlier = self.earlier.handle(line, pos, history, color, cwd);
        if !earlier.is_empty() || pos != line.len() {
            return earlier;
        }
        match takes(line, self.language) {
            Some(hint) if color => Style::new().dimmed().italic().paint(hint).to_string(),
            // Without colours it could not be told from what was typed.
            _ => String::new(),
        }
    }

    fn complete_hint(&self) -> String {
        self.earlier.complete_hint()
    }

    fn next_hint_token(&self) -> String {
        self.earlier.next_hint_token()
    }
}

/// What follows at the end of a line that breaks off behind a parenthesis or a command.
fn takes(line: &str, language: Language) -> Option<String> {
    if let Some(command) = line.trim_start().strip_prefix(':') {
        let (name, rest) = commands::split(command);
        let command = commands::find(name).filter(|command| rest.is_empty() && command.name == name)?;
        let space = if line.ends_with(' ') { "" } else { " " };
        return Some(format!("{space}{}  {}", command.args, command.doc(language)));
    }
    let all = pieces(line);
    let [.., name, open] = all.as_slice() else { return None };
    if name.kind != Kind::Word || &line[open.range.clone()] != "(" {
        return None;
    }
    let signature = lookup::signatures(&line[name.range.clone()]).into_iter().next()?;
    let (_, params) = signature.split_once('(')?;
    Some(format!(" {params}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_call_says_what_it_takes() {
        let hint = takes("pbh().top_peers(", Language::English).unwrap();
        assert!(hint.starts_with(" n: ") && hint.contains("-> [TopPeer]"), "{hint}");
        assert_eq!(takes("pbh().top_peers(5", Language::English), None);
        assert_eq!(takes("nothing_of_that_name(", Language::English), None);
        assert!(takes(":save ", Language::English).unwrap().starts_with("FILE"));
        assert!(takes(":save ", Language::Chinese).unwrap().contains("存为"));
        assert_eq!(takes(":save x", Language::English), None);
    }
}
