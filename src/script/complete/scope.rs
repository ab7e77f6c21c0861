//! Where a variable is declared, by the words and signs before a place.

use std::ops::Range;

use crate::script::check::text::{Kind, Text, Token};

use super::outline::{closing, range, value, word};
use super::{cursor, mend};

/// What a variable was declared as.
pub(super) enum Declared {
    Value(Range<usize>),
    /// One element of that list.
    Element(Range<usize>),
    Other,
}

/// The innermost declaration of a name that is in scope after these words.
pub(super) fn declaration(tokens: &[Token], name: &str) -> Option<Declared> {
    let at = find(tokens, tokens.len(), name)?;
    let before = at.checked_sub(1).map(|before| &tokens[before]);
    if before.is_some_and(|token| token.is_word("let") || token.is_word("const")) {
        return value(tokens, at + 1).map(Declared::Value);
    }
    if let Some(within) = (at + 1..tokens.len()).take(5).find(|at| tokens[*at].is_word("in")) {
        return range(tokens, within + 1, &Kind::Sign('{')).map(Declared::Element);
    }
    // The parameter of a closure that a method of a list takes first.
    let bar = (0..at).rev().find(|at| tokens[*at].kind == Kind::Sign('|'))?;
    let list =
        (bar + 1 == at && bar >= 3).then(|| cursor::call_at(tokens, bar - 1)).flatten().and_then(|call| call.dot);
    Some(match list {
        Some(dot) => {
            let before: Vec<_> = tokens.iter().take_while(|token| token.end < dot).cloned().collect();
            let first = mend::chain(&before)?;
            Declared::Element(before[first].start..before.last()?.end)
        }
        None => Declared::Other,
    })
}

/// Where that declaration is.
pub(super) fn find(tokens: &[Token], end: usize, name: &str) -> Option<usize> {
    let mut closed = 0usize;
    // The brace of the block that the place was last found to be in.
    let mut block = None;
    for at in (0..end).rev() {
        match &tokens[at].kind {
            Kind::Sign(')' | ']' | '}') => closed += 1,
            Kind::Sign(sign @ ('(' | '[' | '{')) => {
                if closed == 0 && *sign == '{' {
                    block = Some(at);
                }
                closed = closed.saturating_sub(1);
            }
            Kind::Word(word) if word == name && declares(tokens, at, closed, block) => return Some(at),
            _ => {}
        }
    }
    None
}

/// Whether the word at an index declares a variable that is in scope at the end; `closed` is how many brackets
/// around it have ended since.
fn declares(tokens: &[Token], at: usize, closed: usize, block: Option<usize>) -> bool {
    let Some(before) = at.checked_sub(1) else { return false };
    // Of a loop, the block must be the one that the place is in.
    let of_block = |from: usize| {
        block.is_some_and(|block| {
            block > from && tokens[from..block].iter().all(|token| !matches!(token.kind, Kind::Sign(';' | '}')))
        })
    };
    if closed == 0 {
        let kind = &tokens[before].kind;
        return match kind {
            Kind::Word(word) if word == "let" || word == "const" => true,
            Kind::Word(word) if word == "for" => of_block(at),
            Kind::Sign('|' | ',') => cursor::declares(&tokens[..at]) && ends_params(&tokens[at + 1..]),
            _ => false,
        };
    }
    // Parameters of a function, of `for (x, i) in` and of `catch (e)`.
    let Some(open) = cursor::open(&tokens[..at]).filter(|open| closed == 1 && *open > 0) else { return false };
    let named = &tokens[open - 1];
    let function = open > 1 && tokens[open - 2].is_word("fn");
    (function || named.is_word("catch") || named.is_word("for")) && of_block(closing(tokens, open))
}

/// Whether a parameter is followed by more of them and a bar.
fn ends_params(tokens: &[Token]) -> bool {
    let rest = tokens.iter().find(|token| !matches!(token.kind, Kind::Word(_) | Kind::Sign(',')));
    rest.is_some_and(|token| token.kind == Kind::Sign('|'))
}

/// The names that are declared before a place, as far as words and signs say it.
pub(super) fn declared(text: &str, at: usize) -> impl Iterator<Item = String> {
    let scan = Text::scan(&text[..at]);
    let mut names: Vec<String> = Vec::new();
    for (i, token) in scan.tokens.iter().enumerate() {
        if let Some((name, _)) = word(token)
            && i > 0
            && (scan.tokens[i - 1].is_word("let")
                || scan.tokens[i - 1].is_word("const")
                || scan.tokens[i - 1].is_word("for")
                || cursor::declares(&scan.tokens[..i]))
            && !names.iter().any(|known| known == name)
        {
            names.push(name.to_owned());
        }
    }
    names.into_iter().rev()
}
