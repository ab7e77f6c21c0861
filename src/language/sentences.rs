//! What tidegate says, in Chinese: a table of English sentences with places for what differs, and what each is in
//! Chinese. Whoever says something says it in English; whoever shows it to a person looks here.

use std::borrow::Cow;
use std::sync::LazyLock;

/// An English sentence and the Chinese one. `{}` stands for what differs; in the Chinese one `{0}` is the first of
/// them. What stands in such a place is looked up itself, so that a list of types reads in Chinese too.
type Sentence = (&'static str, &'static str);

mod arguments;

mod checks;

mod prompt;

mod runs;

mod words;

/// A sentence that is ready to be compared with a text.
struct Ready {
    /// What stands between the places.
    pieces: Vec<&'static str>,
    chinese: &'static str,
}

/// Those with most words of their own first, so that the closest one is found.
static READY: LazyLock<Vec<Ready>> = LazyLock::new(|| {
    let mut all: Vec<_> =
        tables().map(|(english, chinese)| Ready { pieces: english.split("{}").collect(), chinese }).collect();
    all.sort_by_key(|ready| std::cmp::Reverse(ready.pieces.iter().map(|piece| piece.len()).sum::<usize>()));
    all
});

fn tables() -> impl Iterator<Item = &'static Sentence> {
    checks::SENTENCES
        .iter()
        .chain(arguments::SENTENCES)
        .chain(prompt::SENTENCES)
        .chain(runs::SENTENCES)
        .chain(words::WORDS)
}

/// Phrases in phrases in phrases: further down they stay as they are.
const DEEPEST: usize = 4;

/// The Chinese of a sentence of ours; `None` of what is not in the tables, as the words of a service or a script.
pub fn chinese(english: &str) -> Option<String> {
    translate(english, DEEPEST)
}

fn translate(english: &str, depth: usize) -> Option<String> {
    if english.is_empty() || depth == 0 {
        return None;
    }
    let whole = READY.iter().find_map(|ready| {
        let found = ready.compare(english)?;
        let found: Vec<_> = found.into_iter().map(|part| place(part, depth - 1)).collect();
        Some(fill(ready.chinese, &found))
    });
    whole.or_else(|| joined(english, depth))
}

/// What stands in a place of a sentence.
fn place(part: &str, depth: usize) -> Cow<'_, str> {
    translate(part, depth).map_or(Cow::Borrowed(part), Cow::Owned)
}

/// Several sentences in one, or several words.
fn joined(english: &str, depth: usize) -> Option<String> {
    for (between, mark) in [("; ", "；"), ("? ", "？"), (" or ", "或"), (" and ", "和"), (", ", "、")] {
        let parts: Vec<_> = english.split(between).collect();
        if parts.len() < 2 {
            continue;
        }
        let known = |part: &&str| {
            // The mark of a question belongs to the sentence before it.
            let whole = if between == "? " && *part != *parts.last().unwrap_or(part) {
                format!("{part}?")
            } else {
                (*part).to_owned()
            };
            let code = whole.starts_with('`') && whole.ends_with('`');
            let name = code && whole.matches('`').count() == 2;
            if name { Some(whole) } else { translate(&whole, depth - 1) }
        };
        if let Some(all) = parts.iter().map(known).collect::<Option<Vec<_>>>() {
            let mark = if between == "? " { "" } else { mark };
            return Some(all.join(mark));
        }
    }
    None
}

impl Ready {
    /// What stands in the places, where the text is this sentence.
    fn compare<'a>(&self, text: &'a str) -> Option<Vec<&'a str>> {
        let (first, rest) = self.pieces.split_first()?;
        let mut left = text.strip_prefix(first)?;
        let Some((last, middle)) = rest.split_last() else { return left.is_empty().then(Vec::new) };
        let mut found = Vec::with_capacity(rest.len());
        let mut before = *first;
        for piece in middle {
            let at = left.find(piece)?;
            found.push(part(before, &left[..at], piece)?);
            left = &left[at + piece.len()..];
            before = piece;
        }
        found.push(part(before, left.strip_suffix(last)?, last)?);
        Some(found)
    }
}

/// A part of the text between two pieces; one in back-ticks holds none.
fn part<'a>(before: &str, part: &'a str, after: &str) -> Option<&'a str> {
    let quoted = before.ends_with('`') && after.starts_with('`');
    // Nor does another sentence stand in one that is not.
    let strange = if quoted { part.contains('`') } else { part.contains("; ") };
    (!part.is_empty() && !strange).then_some(part)
}

/// The Chinese sentence with its places filled.
fn fill(chinese: &str, found: &[Cow<str>]) -> String {
    found.iter().enumerate().fold(chinese.to_owned(), |text, (i, part)| {
        // A place that was filled may hold braces itself.
        let mark = format!("{{{i}}}");
        match text.find(&mark) {
            Some(at) => format!("{}{part}{}", &text[..at], &text[at + mark.len()..]),
            None => text,
        }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_sentence_is_in_both_languages_with_the_same_places() {
        let mut seen = BTreeSet::new();
        for (english, chinese) in tables() {
            assert!(seen.insert(english), "`{english}` stands twice");
            let places = english.matches("{}").count();
            for i in 0..places {
                assert!(chinese.matches(&format!("{{{i}}}")).count() == 1, "place {i} of `{english}`: `{chinese}`");
            }
            assert!(!chinese.contains(&format!("{{{places}}}")), "`{english}`: `{chinese}`");
            // Signs such as `GET` and names of types may be the same in both.
            let words = !chinese.is_ascii();
            assert!(words || english.len() < 12, "`{english}` is not in Chinese: `{chinese}`");
        }
    }

    #[test]
    fn what_differs_stays_and_what_is_a_phrase_is_translated_too() {
        assert_eq!(chinese("there is no function `nofity`").as_deref(), Some("没有函数 `nofity`"));
        assert_eq!(chinese("did you mean `notify`?").as_deref(), Some("是不是想写 `notify`？"));
        let message = chinese("`n` of `top_peers` is a whole number, not a text").unwrap();
        assert_eq!(message, "`top_peers` 的 `n` 应为整数，而这里是文本");
        assert_eq!(chinese("whatever a service says"), None);
    }
}
