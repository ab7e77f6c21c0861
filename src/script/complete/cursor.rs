//! What kind of thing could stand at a place, from the words and signs before it.

use std::ops::Range;

use crate::script::check::text::{End, Kind, Text, Token};

/// A place in a script.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Cursor {
    /// In a comment, a number, or where a new name is made.
    Nowhere,
    /// After a dot, which ends there.
    Member { dot: usize },
    /// After `::`.
    Module { alias: String },
    /// A key of a map that is an argument, or lies in one under these keys. These keys are there already.
    Key { call: Call, path: Vec<String>, taken: Vec<String> },
    /// In a text in quotes.
    Text { around: Around },
    /// Where a variable, a function or a word of the language could stand.
    Name,
}

/// A call that is being written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Call {
    pub name: String,
    /// Where the dot before it ends, where it is a method.
    pub dot: Option<usize>,
    /// Where its name begins.
    pub start: usize,
}

/// What a text in quotes is part of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Around {
    Import,
    /// An argument of a call, counted from 0.
    Argument(Call, usize),
    /// The value of an option, under these keys.
    Option(Call, Vec<String>),
    Other,
}

/// Reads the place at the end of `before`, and the range of the word or text that ends there.
pub(super) fn read(before: &str, scan: &Text) -> (Cursor, Range<usize>) {
    let end = before.len();
    let tokens = scan.tokens.as_slice();
    match (scan.end, tokens.split_last()) {
        (End::Comment | End::Template, _) => return (Cursor::Nowhere, end..end),
        (End::Text, Some((last, rest))) => {
            let around = if last.kind == Kind::Text { around(rest) } else { Around::Other };
            return (Cursor::Text { around }, last.start + 1..end);
        }
        _ => {}
    }
    let (word, rest) = match tokens.split_last() {
        Some((last, rest)) if matches!(last.kind, Kind::Word(_)) && last.end == end => (last.start..end, rest),
        Some((last, _)) if matches!(last.kind, Kind::Number(_)) && last.end == end => {
            return (Cursor::Nowhere, end..end);
        }
        _ => (end..end, tokens),
    };
    (after(rest), word)
}

/// How much of what follows the place belongs to the word or text that the place is in.
pub(super) fn rest(cursor: &Cursor, after: &str) -> usize {
    let line = after.lines().next().unwrap_or_default();
    match cursor {
        // A text that nothing ends is still being written.
        Cursor::Text { .. } => line.find('"').unwrap_or(0),
        _ => line.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(line.len()),
    }
}

/// What may follow these words and signs.
fn after(tokens: &[Token]) -> Cursor {
    let Some((last, rest)) = tokens.split_last() else { return Cursor::Name };
    match &last.kind {
        // `0..n` is a range.
        Kind::Sign('.') if touches(rest, '.', last.start) => Cursor::Name,
        Kind::Sign('.') => Cursor::Member { dot: last.end },
        Kind::Sign(':') if touches(rest, ':', last.start) => match rest.iter().rev().nth(1).map(|token| &token.kind) {
            Some(Kind::Word(alias)) => Cursor::Module { alias: alias.clone() },
            _ => Cursor::Nowhere,
        },
        Kind::Word(word) if matches!(word.as_str(), "let" | "const" | "fn" | "for" | "as") => Cursor::Nowhere,
        Kind::Sign('{' | ',') => match key(tokens) {
            Some((call, path, taken)) => Cursor::Key { call, path, taken },
            None if in_map(tokens) || declares(tokens) => Cursor::Nowhere,
            None => Cursor::Name,
        },
        Kind::Sign('(' | '|') if declares(tokens) => Cursor::Nowhere,
        _ => Cursor::Name,
    }
}

fn touches(tokens: &[Token], sign: char, at: usize) -> bool {
    tokens.last().is_some_and(|token| token.kind == Kind::Sign(sign) && token.end == at)
}

/// The bracket that is still open at the end, innermost: its index.
pub(super) fn open(tokens: &[Token]) -> Option<usize> {
    let mut depth = 0usize;
    for (i, token) in tokens.iter().enumerate().rev() {
        match token.kind {
            Kind::Sign(')' | ']' | '}') => depth += 1,
            Kind::Sign('(' | '[' | '{') if depth == 0 => return Some(i),
            Kind::Sign('(' | '[' | '{') => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Whether the innermost open bracket is that of a map.
fn in_map(tokens: &[Token]) -> bool {
    open(tokens).is_some_and(|at| is_map(tokens, at))
}

fn is_map(tokens: &[Token], at: usize) -> bool {
    tokens[at].kind == Kind::Sign('{') && touches(&tokens[..at], '#', tokens[at].start)
}

/// Where the place is a key of a map: the call that the map is for, the keys above it, and those that stand in it.
fn key(tokens: &[Token]) -> Option<(Call, Vec<String>, Vec<String>)> {
    let at = open(tokens).filter(|at| is_map(tokens, *at))?;
    let (call, path) = map_of(&tokens[..at - 1])?;
    Some((call, path, keys_in(&tokens[at + 1..])))
}

/// The keys that stand directly in a map.
fn keys_in(tokens: &[Token]) -> Vec<String> {
    let mut depth = 0usize;
    let mut keys = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        match &token.kind {
            Kind::Sign('(' | '[' | '{') => depth += 1,
            Kind::Sign(')' | ']' | '}') => depth = depth.saturating_sub(1),
            Kind::Word(word) if depth == 0 && tokens.get(i + 1).is_some_and(|next| next.kind == Kind::Sign(':')) => {
                keys.push(word.clone());
            }
            _ => {}
        }
    }
    keys
}

/// The call that a map after these words is an argument of, and the keys that it lies under.
fn map_of(tokens: &[Token]) -> Option<(Call, Vec<String>)> {
    let (last, rest) = tokens.split_last()?;
    match &last.kind {
        Kind::Sign('(' | ',') => {
            let at = open(tokens)?;
            if tokens[at].kind == Kind::Sign('[') {
                // Entries of a list, as `schedule` takes them.
                return map_of(&tokens[..at]);
            }
            Some((call_at(tokens, at)?, Vec::new()))
        }
        Kind::Sign('[') => map_of(rest),
        Kind::Sign(':') => {
            let Some(Kind::Word(name)) = rest.last().map(|token| &token.kind) else { return None };
            let at = open(rest).filter(|at| is_map(rest, *at))?;
            let (call, mut path) = map_of(&rest[..at - 1])?;
            path.push(name.clone());
            Some((call, path))
        }
        _ => None,
    }
}

/// The call whose bracket is open at an index.
pub(super) fn call_at(tokens: &[Token], at: usize) -> Option<Call> {
    if tokens[at].kind != Kind::Sign('(') {
        return None;
    }
    let named = tokens[..at].last()?;
    let Kind::Word(name) = &named.kind else { return None };
    let before = tokens[..at - 1].last();
    let is = |kind: Kind| before.is_some_and(|token| token.kind == kind);
    if is(Kind::Word("fn".into())) || super::KEYWORDS.contains(&name.as_str()) {
        return None;
    }
    let dot = before.filter(|token| token.kind == Kind::Sign('.')).map(|token| token.end);
    Some(Call { name: name.clone(), dot, start: named.start })
}

/// What a text that follows these words is part of.
fn around(tokens: &[Token]) -> Around {
    let Some((last, rest)) = tokens.split_last() else { return Around::Other };
    match &last.kind {
        Kind::Word(word) if word == "import" => Around::Import,
        Kind::Sign('[') => around(rest),
        Kind::Sign(':') => match map_of(tokens) {
            Some((call, path)) => Around::Option(call, path),
            None => Around::Other,
        },
        Kind::Sign('(' | ',') => {
            let Some(at) = open(tokens) else { return Around::Other };
            if tokens[at].kind == Kind::Sign('[') {
                return around(&tokens[..at]);
            }
            match call_at(tokens, at) {
                Some(call) => Around::Argument(call, arguments(&tokens[at + 1..])),
                None => Around::Other,
            }
        }
        _ => Around::Other,
    }
}

/// How many arguments of a call are ended.
pub(super) fn arguments(tokens: &[Token]) -> usize {
    commas(tokens).len()
}

/// The commas directly in the brackets of a call; those between the bars of a closure are none.
pub(super) fn commas(tokens: &[Token]) -> Vec<usize> {
    let (mut depth, mut found, mut bars) = (0usize, Vec::new(), false);
    for (i, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Sign('(' | '[' | '{') => depth += 1,
            Kind::Sign(')' | ']' | '}') => depth = depth.saturating_sub(1),
            Kind::Sign('|') if depth == 0 => bars = !bars && opens_params(&tokens[..i], token.start),
            Kind::Sign(',') if depth == 0 && !bars => found.push(i),
            _ => {}
        }
    }
    found
}

/// Whether a bar after these words begins the parameters of a closure.
fn opens_params(tokens: &[Token], at: usize) -> bool {
    tokens.last().is_none_or(|token| match &token.kind {
        Kind::Sign('|') => token.end != at,
        Kind::Sign(')' | ']' | '}') => false,
        Kind::Sign(_) => true,
        Kind::Word(word) => word == "return",
        _ => false,
    })
}

/// Whether what follows is the name of a parameter.
pub(super) fn declares(tokens: &[Token]) -> bool {
    let in_fn =
        open(tokens).is_some_and(|at| tokens[at].kind == Kind::Sign('(') && at >= 2 && tokens[at - 2].is_word("fn"));
    if in_fn {
        return true;
    }
    let mut at = tokens.len();
    while at > 0 {
        at -= 1;
        match tokens[at].kind {
            Kind::Sign('|') => return opens_params(&tokens[..at], tokens[at].start),
            Kind::Sign(',') | Kind::Word(_) if at + 1 < tokens.len() || tokens[at].kind == Kind::Sign(',') => {}
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What could stand where the text has a `‸`.
    fn at(text: &str) -> (Cursor, String) {
        let before = &text[..text.find('‸').unwrap_or(text.len())];
        let (cursor, word) = read(before, &Text::scan(before));
        (cursor, before[word].to_owned())
    }

    fn method(name: &str, text: &str) -> Call {
        let start = text.find(name).unwrap();
        Call { name: name.into(), dot: text[..start].ends_with('.').then_some(start), start }
    }

    #[test]
    fn a_dot_asks_for_what_hangs_on_a_value_and_two_do_not() {
        assert_eq!(at("vps().da"), (Cursor::Member { dot: 6 }, "da".into()));
        assert_eq!(at("`${ v."), (Cursor::Member { dot: 6 }, String::new()));
        assert_eq!(at("v?.x"), (Cursor::Member { dot: 3 }, "x".into()));
        assert_eq!(at("0..n"), (Cursor::Name, "n".into()));
        assert_eq!(at("5.Gi"), (Cursor::Member { dot: 2 }, "Gi".into()));
        assert_eq!(at("peers::to"), (Cursor::Module { alias: "peers".into() }, "to".into()));
    }

    #[test]
    fn nothing_is_offered_where_a_name_is_made_or_nobody_reads() {
        let none = ["let a", "fn f", "for x", "// vps().", "`a b", "fn f(a, b", "x.map(|a", "x.map(|a, b", "12", "#{a"];
        for text in none {
            assert_eq!(at(text).0, Cursor::Nowhere, "{text}");
        }
        for text in ["a | b", "x.map(|a| b", "x.map(|| b", "let a = b", "f(a, b", "[a, b", "if a { b"] {
            assert_eq!(at(text).0, Cursor::Name, "{text}");
        }
    }

    #[test]
    fn keys_know_their_call_and_what_is_there() {
        let text = "pbh(\"home\").ban(x, #{duration: f(1, #{}), re‸";
        let (cursor, word) = at(text);
        let taken = vec!["duration".to_owned()];
        assert_eq!(cursor, Cursor::Key { call: method("ban", text), path: Vec::new(), taken });
        assert_eq!(word, "re");
        let text = "cron(\"@daily\", #{name: \"x\", retry: #{‸";
        let path = vec!["retry".to_owned()];
        assert_eq!(at(text).0, Cursor::Key { call: method("cron", text), path, taken: Vec::new() });
        let text = "schedule([#{at: \"8 * * * *\"}, #{a‸";
        assert_eq!(at(text).0, Cursor::Key { call: method("schedule", text), path: Vec::new(), taken: Vec::new() });
        // A map that a closure gives is nobody's options.
        assert_eq!(at("x.map(|a| #{b").0, Cursor::Nowhere);
    }

    #[test]
    fn a_text_knows_what_it_is_for() {
        let around = |text: &str| match at(text) {
            (Cursor::Text { around }, word) => (around, word),
            other => panic!("{text}: {other:?}"),
        };
        let text = "vps(\"to";
        assert_eq!(around(text), (Around::Argument(method("vps", text), 0), "to".into()));
        let text = "on_event(\"a\", |x, y| z, \"";
        assert_eq!(around(text), (Around::Argument(method("on_event", text), 2), String::new()));
        let text = "every(\"5m\", #{overlap: \"";
        assert_eq!(around(text).0, Around::Option(method("every", text), vec!["overlap".into()]));
        let text = "notify(#{to: [\"a\", \"b";
        assert_eq!(around(text).0, Around::Option(method("notify", text), vec!["to".into()]));
        assert_eq!(around("import \"li"), (Around::Import, "li".into()));
        assert_eq!(around("let a = \"x"), (Around::Other, "x".into()));
    }
}
