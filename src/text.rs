//! Small words for messages: counts, lists, the nearest right spelling.

use std::fmt::Write as _;

/// The candidate that was probably meant, if any is near enough.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = 1 + word.chars().count() / 4;
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// `did you mean …?`, or the whole list where nothing is near.
pub fn suggestion<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(near) = nearest(word, candidates.clone()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let all: Vec<_> = candidates.into_iter().collect();
    (!all.is_empty() && all.len() <= 20).then(|| format!("there is {}", list(all, "and")))
}

/// `` `a`, `b` and `c` ``.
pub fn list<'a>(items: impl IntoIterator<Item = &'a str>, conjunction: &str) -> String {
    let items: Vec<_> = items.into_iter().collect();
    let mut text = String::new();
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            text += if i + 1 == items.len() { " " } else { ", " };
            if i + 1 == items.len() {
                let _ = write!(text, "{conjunction} ");
            }
        }
        let _ = write!(text, "`{item}`");
    }
    text
}

/// A text of at most `most` characters, with what was cut said at its end.
pub fn clip(text: &str, most: usize) -> std::borrow::Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => text.into(),
        Some((at, _)) => format!("{}… ({} more)", &text[..at], count(text[at..].chars().count(), "character")).into(),
    }
}

/// Whether a text is of a pattern, in which `*` stands for anything.
pub fn fits(pattern: &str, text: &str) -> bool {
    let Some((head, mut rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(head) else { return false };
    while let Some((part, next)) = rest.split_once('*') {
        let Some(at) = left.find(part) else { return false };
        (left, rest) = (&left[at + part.len()..], next);
    }
    left.ends_with(rest)
}

/// `1 peer`, `2 peers`.
pub fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_finds_typos_and_nothing_else() {
        assert_eq!(nearest("pause_downloadr", ["pause_downloader", "stop"]), Some("pause_downloader"));
        assert_eq!(nearest("percnt", ["percent", "share"]), Some("percent"));
        assert_eq!(nearest("xyz", ["percent", "share"]), None);
    }

    #[test]
    fn long_texts_say_how_much_was_cut() {
        assert_eq!(clip("流量流量", 3), "流量流… (1 character more)");
        assert_eq!(clip("abc", 3), "abc");
    }

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, is) in [
            ("bans_add", "bans_add", true),
            ("bans_*", "bans_add", true),
            ("*", "", true),
            ("POST */stop", "POST /api/v2/torrents/stop", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*a", "a", false),
            ("bans", "bans_add", false),
            ("*_add", "bans_adds", false),
        ] {
            assert_eq!(fits(pattern, text), is, "{pattern} {text}");
        }
    }

    #[test]
    fn lists_read_as_sentences() {
        assert_eq!(list(["a"], "or"), "`a`");
        assert_eq!(list(["a", "b", "c"], "or"), "`a`, `b` or `c`");
        assert_eq!(count(1, "peer"), "1 peer");
        assert_eq!(count(0, "peer"), "0 peers");
    }
}
