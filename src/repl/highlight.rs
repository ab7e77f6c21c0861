//! Colours for what is being typed.

use nu_ansi_term::{Color, Style};
use reedline::{Highlighter, StyledText};

use crate::script;
use crate::script::pieces::{Kind, pieces};

use super::commands;

/// Words that the language keeps for itself.
const KEYWORDS: &[&str] = &[
    "let", "const", "if", "else", "switch", "while", "loop", "do", "until", "for", "in", "break", "continue", "return",
    "throw", "try", "catch", "fn", "private", "import", "export", "as", "true", "false", "this",
];

pub(super) struct Colours;

impl Highlighter for Colours {
    fn highlight(&self, line: &str, _cursor: usize) -> StyledText {
        let mut styled = StyledText::new();
        for (style, text) in coloured(line) {
            styled.push((style, text.to_owned()));
        }
        styled
    }
}

fn coloured(line: &str) -> Vec<(Style, &str)> {
    let Some(command) = line.trim_start().strip_prefix(':') else { return code(line) };
    let (name, _) = commands::split(command);
    let end = line.len() - command.len() + command.len().min(command.find(name).unwrap_or(0) + name.len());
    let style = if commands::find(name).is_some() { Color::Magenta.bold() } else { Color::Red.normal() };
    let mut parts = vec![(style, &line[..end])];
    if commands::find(name).is_some_and(|command| !command.takes.code(" ").is_empty()) || line[end..].contains('{') {
        parts.extend(code(&line[end..]));
    } else {
        parts.push((Style::new(), &line[end..]));
    }
    parts
}

fn code(text: &str) -> Vec<(Style, &str)> {
    let all = pieces(text);
    let mut parts = Vec::with_capacity(all.len());
    let mut after_dot = false;
    for (n, piece) in all.iter().enumerate() {
        let word = &text[piece.range.clone()];
        let called = all.get(n + 1).is_some_and(|next| &text[next.range.clone()] == "(");
        let style = match piece.kind {
            Kind::Comment => Style::new().dimmed(),
            Kind::Text => Color::Green.normal(),
            Kind::Number => Color::Cyan.normal(),
            Kind::Word if !after_dot && KEYWORDS.contains(&word) => Color::Blue.bold(),
            Kind::Word if called && script::is_function(word) => Color::Yellow.normal(),
            Kind::Word | Kind::Space | Kind::Sign => Style::new(),
        };
        after_dot = word == "." || (after_dot && piece.kind == Kind::Space);
        parts.push((style, word));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style_of(line: &str, word: &str) -> Style {
        let parts = coloured(line);
        let whole: String = parts.iter().map(|(_, text)| *text).collect();
        assert_eq!(whole, line, "nothing is lost");
        parts.iter().find(|(_, text)| *text == word).map(|(style, _)| *style).unwrap_or_default()
    }

    #[test]
    fn words_have_the_colour_of_what_they_are() {
        let line = "if vps().data_usage().if > 90 { \"流量\" } // note";
        assert_eq!(style_of(line, "if"), Color::Blue.bold());
        assert_eq!(style_of(line, "data_usage"), Color::Yellow.normal());
        assert_eq!(style_of(line, "90"), Color::Cyan.normal());
        assert_eq!(style_of(line, "\"流量\""), Color::Green.normal());
        assert_eq!(style_of("x.if", "if"), Style::new());
        assert_eq!(style_of("vps().data_usge()", "data_usge"), Style::new());
    }

    #[test]
    fn a_command_that_there_is_not_is_red() {
        assert_eq!(style_of(":live", ":live"), Color::Magenta.bold());
        assert_eq!(style_of(":liev", ":liev"), Color::Red.normal());
        assert_eq!(style_of(" :json 5", "5"), Color::Cyan.normal());
        style_of(":", ":");
        style_of(": 流量", ":");
    }
}
