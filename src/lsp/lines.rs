//! Places as editors count them: lines and UTF-16 units, both from 0.

use std::ops::Range;

use lsp_types::Position;

/// Where the lines of a text begin.
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub fn new(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// The line, without what ends it.
    fn line(&self, n: usize) -> &'a str {
        let start = self.starts[n];
        let end = self.starts.get(n + 1).copied().unwrap_or(self.text.len());
        self.text[start..end].trim_end_matches(['\n', '\r'])
    }

    /// In bytes; what lies beyond the end of a line is its end, what lies inside a character is its beginning.
    pub fn offset(&self, place: Position) -> usize {
        let (line, column) = (place.line as usize, place.character as usize);
        if line >= self.starts.len() {
            return self.text.len();
        }
        let text = self.line(line);
        let mut units = 0;
        let within = text.char_indices().find_map(|(at, c)| {
            units += c.len_utf16();
            (units > column).then_some(at)
        });
        self.starts[line] + within.unwrap_or(text.len())
    }

    pub fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= offset) - 1;
        let before = &self.text[self.starts[line]..offset];
        let character: usize = before.chars().map(char::len_utf16).sum();
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Position { line: number(line), character: number(character) }
    }

    pub fn range(&self, range: &Range<usize>) -> lsp_types::Range {
        lsp_types::Range { start: self.position(range.start), end: self.position(range.end) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_utf_16() {
        let text = "let 甲 = \"🌊x\";\r\nfoo";
        let lines = Lines::new(text);
        let at = |word: &str| lines.position(text.find(word).unwrap());
        assert_eq!(at("甲"), Position { line: 0, character: 4 });
        assert_eq!(at("x"), Position { line: 0, character: 11 });
        assert_eq!(at("foo"), Position { line: 1, character: 0 });
        for word in ["甲", "x", "foo", "🌊"] {
            assert_eq!(lines.offset(at(word)), text.find(word).unwrap(), "{word}");
        }
        // In the middle of a pair, beyond a line, beyond the text.
        let place = |line, character| lines.offset(Position { line, character });
        assert_eq!(place(0, 10), text.find('🌊').unwrap());
        assert_eq!(&text[place(0, 99)..], "\r\nfoo");
        assert_eq!((place(1, 99), place(7, 0)), (text.len(), text.len()));
    }
}
