//! What tidegate says, in Chinese: a table of English sentences with places for what differs, and what each is in
//! Chinese. Whoever says something says it in English; whoever shows it to a person looks here.

use std::borrow::Cow;
use std::sync::LazyLock;

/// An English sentence and the Chinese one. `{}` stands for what differs; in the Chinese one `{0}` is the first of
/// them. What stands in such a place is looked up itself, so that a list of types reads in Chinese too; what stands
/// in back-ticks is a name or code, and stays. `{*}` stands for anything that is not ours, such as the words of a
/// script, and `{#}` for a number.
type Sentence = (&'static str, &'static str);

mod arguments;

mod changes;

mod checks;

mod commands;

mod log;

mod prompt;

mod runs;

mod words;

/// A sentence that is ready to be compared with a text.
struct Ready {
    /// What stands between the places.
    pieces: Vec<&'static str>,
    places: Vec<Place>,
    chinese: &'static str,
}

/// What may stand in a place.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Place {
    Ours,
    Anything,
    Number,
}

impl Place {
    const ALL: [(&str, Self); 3] = [("{}", Self::Ours), ("{*}", Self::Anything), ("{#}", Self::Number)];
}

impl Ready {
    fn new(&(english, chinese): &Sentence) -> Self {
        let (mut pieces, mut places, mut rest) = (Vec::new(), Vec::new(), english);
        let next = |rest: &str| {
            let found = Place::ALL.into_iter().filter_map(|(mark, place)| Some((rest.find(mark)?, mark.len(), place)));
            found.min_by_key(|(at, ..)| *at)
        };
        while let Some((at, length, place)) = next(rest) {
            pieces.push(&rest[..at]);
            places.push(place);
            rest = &rest[at + length..];
        }
        pieces.push(rest);
        Self { pieces, places, chinese }
    }
}

/// Those with most words of their own first, so that the closest one is found.
static READY: LazyLock<Vec<Ready>> = LazyLock::new(|| {
    let mut all: Vec<_> = tables().map(Ready::new).collect();
    all.sort_by_key(|ready| std::cmp::Reverse(ready.pieces.iter().map(|piece| piece.len()).sum::<usize>()));
    all
});

fn tables() -> impl Iterator<Item = &'static Sentence> {
    let all = [
        checks::SENTENCES,
        arguments::SENTENCES,
        prompt::SENTENCES,
        runs::SENTENCES,
        commands::SENTENCES,
        changes::SENTENCES,
        log::SENTENCES,
        words::WORDS,
    ];
    all.into_iter().flatten()
}

/// A word that stands alone, above a column or for a state: inside a sentence it may be a name.
pub fn alone(english: &str) -> Option<&'static str> {
    words::ALONE.iter().find(|(word, _)| *word == english).map(|(_, chinese)| *chinese)
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
    whole.or_else(|| counted(english)).or_else(|| joined(english, depth))
}

/// So many of something: `3 peers`.
fn counted(english: &str) -> Option<String> {
    let (n, noun) = english.split_once(' ')?;
    let is = |singular: &str| noun == singular || noun.strip_suffix('s').is_some_and(|noun| noun == singular);
    let number = n.bytes().all(|byte| byte.is_ascii_digit());
    let (_, chinese) = words::NOUNS.iter().find(|(singular, _)| is(singular)).filter(|_| number)?;
    Some(format!("{n} {chinese}"))
}

/// What stands in a place of a sentence.
fn place(part: Part<'_>, depth: usize) -> Cow<'_, str> {
    let own = part.ours.then(|| translate(part.text, depth)).flatten();
    own.map_or(Cow::Borrowed(part.text), Cow::Owned)
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

/// What stands in a place of a text.
struct Part<'a> {
    text: &'a str,
    ours: bool,
}

impl Ready {
    /// What stands in the places, where the text is this sentence.
    fn compare<'a>(&self, text: &'a str) -> Option<Vec<Part<'a>>> {
        let (first, rest) = self.pieces.split_first()?;
        let mut left = text.strip_prefix(first)?;
        let Some((last, middle)) = rest.split_last() else { return left.is_empty().then(Vec::new) };
        let mut places = self.places.iter().copied();
        let mut found = Vec::with_capacity(rest.len());
        let mut before = *first;
        for piece in middle {
            let at = left.find(piece)?;
            found.push(part(before, &left[..at], piece, places.next()?)?);
            left = &left[at + piece.len()..];
            before = piece;
        }
        found.push(part(before, left.strip_suffix(last)?, last, places.next()?)?);
        Some(found)
    }
}

/// A part of the text between two pieces; one in back-ticks holds none.
fn part<'a>(before: &str, text: &'a str, after: &str, place: Place) -> Option<Part<'a>> {
    let quoted = before.ends_with('`') && after.starts_with('`');
    let strange = match place {
        _ if quoted => text.contains('`'),
        // Nor does another sentence stand in one that is not.
        Place::Ours => text.contains("; "),
        Place::Anything => false,
        Place::Number => !text.bytes().all(|byte| byte.is_ascii_digit()),
    };
    (!text.is_empty() && !strange).then_some(Part { text, ours: place == Place::Ours && !quoted })
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
            let places: usize = Place::ALL.iter().map(|(mark, _)| english.matches(mark).count()).sum();
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
    fn nouns_and_words_alone_stand_once_and_are_chinese() {
        for table in [words::NOUNS, words::ALONE] {
            let mut seen = BTreeSet::new();
            for (english, chinese) in table {
                assert!(seen.insert(english), "`{english}` stands twice");
                assert!(!chinese.is_ascii(), "`{english}` is not in Chinese: `{chinese}`");
            }
        }
    }

    #[test]
    fn what_differs_stays_and_what_is_a_phrase_is_translated_too() {
        assert_eq!(chinese("there is no function `nofity`").as_deref(), Some("没有函数 `nofity`"));
        assert_eq!(chinese("did you mean `notify`?").as_deref(), Some("是不是想写 `notify`？"));
        let message = chinese("`n` of `top_peers` is a whole number, not a text").unwrap();
        assert_eq!(message, "`top_peers` 的 `n` 应为整数，而这里是文本");
        assert_eq!(chinese("whatever a service says"), None);
        assert_eq!(chinese("there is no script `bytes`").as_deref(), Some("没有脚本 `bytes`"), "a name stays");
        assert_eq!(chinese("send to `phone`: bytes; none").as_deref(), Some("发送到 `phone`：bytes; none"));
        assert_eq!(chinese("1 script").as_deref(), Some("1 个脚本"));
        assert_eq!(chinese("12 scripts").as_deref(), Some("12 个脚本"));
    }
}
