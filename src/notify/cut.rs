//! Texts that fit: cut between what a person sees as characters, with an ellipsis where something is missing.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation as _;

use crate::config::channels::{Limit, Unit};

const ELLIPSIS: &str = "…";

/// How much of a limit a text takes.
pub(super) fn size(text: &str, unit: Unit) -> usize {
    match unit {
        Unit::Characters => text.chars().count(),
        Unit::Utf16 => text.encode_utf16().count(),
        Unit::Bytes => text.len(),
        // As serde_json writes it, without the quotes around it.
        Unit::JsonBytes => serde_json::to_string(text).map_or(text.len(), |json| json.len() - 2),
    }
}

/// The text where it fits, else its beginning and an ellipsis.
pub(super) fn cut(text: &str, limit: Limit) -> Cow<'_, str> {
    let Limit::Most(most, unit) = limit else { return text.into() };
    if size(text, unit) <= most {
        return text.into();
    }
    let room = most.saturating_sub(size(ELLIPSIS, unit));
    let mut taken = 0;
    let mut end = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        taken += size(grapheme, unit);
        if taken > room {
            break;
        }
        end = at + grapheme.len();
    }
    format!("{}{ELLIPSIS}", text[..end].trim_end()).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_differ_and_nothing_is_cut_apart() {
        // (text, limit, what is left)
        let family = "👨‍👩‍👧‍👦";
        for (text, most, unit, left) in [
            ("流量已经用完", 6, Unit::Characters, "流量已经用完".to_owned()),
            ("流量已经用完", 5, Unit::Characters, "流量已经…".to_owned()),
            // Three bytes a character, and three for the ellipsis.
            ("流量已经用完", 17, Unit::Bytes, "流量已经…".to_owned()),
            ("流量已经用完", 14, Unit::Bytes, "流量已…".to_owned()),
            ("流量已经用完", 3, Unit::Bytes, "…".to_owned()),
            // An emoji is two units of UTF-16; a family is one character of seven.
            ("a😀b😀", 5, Unit::Utf16, "a😀b…".to_owned()),
            ("a😀b😀", 4, Unit::Utf16, "a😀…".to_owned()),
            (&format!("x{family}y"), 8, Unit::Characters, format!("x{family}")),
            // e and an accent are one.
            ("e\u{301}e\u{301}e\u{301}", 4, Unit::Characters, "e\u{301}…".to_owned()),
            // A line end and a quote are two bytes each in JSON.
            ("a\n\"b\"cdef", 9, Unit::JsonBytes, "a\n\"b…".to_owned()),
        ] {
            let cut = cut(text, Limit::Most(most, unit));
            if left.ends_with(family) {
                assert!(!cut.contains('\u{200d}') || cut.contains(family), "{cut}");
            } else {
                assert_eq!(cut, left, "{text} in {most} {unit:?}");
            }
        }
        assert!(matches!(cut("long", Limit::None), Cow::Borrowed("long")));
    }

    proptest! {
        #[test]
        fn it_fits_and_is_a_beginning(text in "[a-z流量😀\u{301}\n\"]{0,60}", most in 6usize..40) {
            for unit in [Unit::Characters, Unit::Utf16, Unit::Bytes, Unit::JsonBytes] {
                let cut = cut(&text, Limit::Most(most, unit));
                prop_assert!(size(&cut, unit) <= most);
                prop_assert!(text.starts_with(cut.trim_end_matches(ELLIPSIS)));
            }
        }
    }
}
