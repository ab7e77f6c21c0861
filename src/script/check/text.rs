//! The text of a script beside its tree: comments, and where things stand that the tree does not place.

use rhai::Position;

/// A place in a file of the script.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(in crate::script) struct Place {
    /// The script itself is 0; what it imports follows.
    pub unit: usize,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl Place {
    pub fn new(unit: usize, position: Position) -> Self {
        Self { unit, line: position.line().unwrap_or(1), column: position.position().unwrap_or(1).max(1) }
    }
}

/// A word or sign.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::script) struct Token {
    pub kind: Kind,
    pub line: usize,
    pub column: usize,
    /// Where it begins in the source, in bytes.
    pub start: usize,
    /// Where it ends; of a back-ticked text, its part before the first `${`.
    pub end: usize,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::script) enum Kind {
    Word(String),
    Number(String),
    /// A text or character literal, as far as it is one: what stands in `${…}` are tokens of their own.
    Text,
    Char,
    Sign(char),
}

/// A comment, and whether there is code before it on its line.
#[derive(Clone, Debug)]
pub(in crate::script) struct Comment {
    pub text: String,
    pub line: usize,
    pub column: usize,
    pub alone: bool,
}

/// In the middle of what a text ends.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(in crate::script) enum End {
    #[default]
    Code,
    /// A text in quotes, the last token.
    Text,
    /// A back-ticked text, outside its `${…}`.
    Template,
    Comment,
}

#[derive(Debug, Default)]
pub(in crate::script) struct Text {
    pub tokens: Vec<Token>,
    pub comments: Vec<Comment>,
    /// Where each `${` that is still open begins, in bytes.
    pub holes: Vec<usize>,
    pub end: End,
}

struct Scanner<'a> {
    chars: std::iter::Peekable<std::str::Chars<'a>>,
    line: usize,
    column: usize,
    offset: usize,
    text: Text,
}

impl Text {
    pub fn scan(source: &str) -> Self {
        let whole = source.len();
        let source = source.strip_prefix('\u{feff}').unwrap_or(source);
        let chars = source.chars().peekable();
        let offset = whole - source.len();
        let mut scanner = Scanner { chars, line: 1, column: 1, offset, text: Self::default() };
        scanner.run();
        scanner.text
    }

    /// Where a function of the file has its name.
    pub fn function(&self, name: &str, params: usize) -> Option<(usize, usize)> {
        let mut found = None;
        for (i, token) in self.tokens.iter().enumerate() {
            if !token.is_word("fn") {
                continue;
            }
            // `fn Vps.name(…)` is a method of a type.
            let Some(open) = self.tokens[i + 1..].iter().position(|token| token.kind == Kind::Sign('(')) else {
                continue;
            };
            let Some(named) = self.tokens.get(i + open) else { continue };
            if named.is_word(name) {
                let inside = self.tokens[i + open + 2..].iter().take_while(|token| token.kind != Kind::Sign(')'));
                let count = inside.filter(|token| matches!(token.kind, Kind::Word(_))).count();
                if count == params {
                    return Some((named.line, named.column));
                }
                found = Some((named.line, named.column));
            }
        }
        found
    }

    /// The token that begins at a place, or the first one after it.
    pub fn at(&self, line: usize, column: usize) -> usize {
        self.tokens.partition_point(|token| (token.line, token.column) < (line, column))
    }

    /// Whether the block that ends at a place ends in a semicolon.
    pub fn ends_in_semicolon(&self, line: usize, column: usize) -> bool {
        let end = self.at(line, column);
        end > 0 && self.tokens[end - 1].kind == Kind::Sign(';')
    }

    /// The literals of a `switch` that begins at a place, with whether each is a text, a number or neither.
    pub fn cases(&self, line: usize, column: usize) -> Vec<&Token> {
        let start = self.at(line, column);
        let mut cases = Vec::new();
        let mut depth = 0usize;
        let mut opened = false;
        let mut pending: Vec<&Token> = Vec::new();
        let mut in_case = false;
        for (i, token) in self.tokens.iter().enumerate().skip(start + 1) {
            match &token.kind {
                Kind::Sign('{') if depth == 0 && !opened => {
                    opened = true;
                    in_case = true;
                }
                Kind::Sign('{' | '(' | '[') => depth += 1,
                Kind::Sign('}') if depth == 0 => break,
                Kind::Sign('}') => {
                    depth -= 1;
                    // After `=> { … }` the next case begins without a comma.
                    if depth == 0 && opened && !in_case {
                        in_case = true;
                        pending.clear();
                    }
                }
                Kind::Sign(')' | ']') => depth = depth.saturating_sub(1),
                Kind::Sign(',') if depth == 0 && opened => {
                    in_case = true;
                    pending.clear();
                }
                Kind::Sign('=')
                    if depth == 0 && in_case && self.tokens.get(i + 1).is_some_and(|t| t.kind == Kind::Sign('>')) =>
                {
                    cases.append(&mut pending);
                    in_case = false;
                }
                Kind::Word(word) if word == "if" && depth == 0 && in_case => {
                    cases.append(&mut pending);
                    in_case = false;
                }
                Kind::Number(_) | Kind::Text | Kind::Char | Kind::Word(_) if depth == 0 && opened && in_case => {
                    pending.push(token);
                }
                _ => {}
            }
        }
        cases
    }
}

impl Token {
    pub fn is_word(&self, word: &str) -> bool {
        matches!(&self.kind, Kind::Word(own) if own == word)
    }
}

impl Scanner<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        self.offset += c.len_utf8();
        if c == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(c)
    }

    fn push(&mut self, kind: Kind, line: usize, column: usize, start: usize) {
        self.text.tokens.push(Token { kind, line, column, start, end: self.offset });
    }

    /// Reads to the quote that ends the literal which was just pushed.
    fn quoted(&mut self, quote: char) {
        self.text.end = End::Text;
        while let Some(c) = self.next() {
            match c {
                '\\' => drop(self.next()),
                '\n' => {
                    self.text.end = End::Code;
                    break;
                }
                c if c == quote => {
                    self.text.end = End::Code;
                    break;
                }
                _ => {}
            }
        }
        self.end_token();
    }

    fn end_token(&mut self) {
        if let Some(token) = self.text.tokens.last_mut() {
            token.end = self.offset;
        }
    }

    fn run(&mut self) {
        // How many braces are open in each `${…}` that the place is in.
        let mut inside: Vec<usize> = Vec::new();
        while let Some(&c) = self.chars.peek() {
            let (line, column, start) = (self.line, self.column, self.offset);
            match c {
                c if c.is_whitespace() => drop(self.next()),
                '/' => {
                    self.next();
                    match self.chars.peek() {
                        Some('/') => self.line_comment(line, column),
                        Some('*') => self.block_comment(),
                        _ => self.push(Kind::Sign('/'), line, column, start),
                    }
                }
                '"' | '\'' => {
                    self.next();
                    let kind = if c == '"' { Kind::Text } else { Kind::Char };
                    self.push(kind, line, column, start);
                    self.quoted(c);
                }
                '`' => {
                    self.next();
                    self.push(Kind::Text, line, column, start);
                    let open = self.template();
                    self.end_token();
                    if open {
                        inside.push(0);
                    }
                }
                c if c.is_ascii_digit() => {
                    let mut number = String::new();
                    while let Some(&c) = self.chars.peek() {
                        let decimal = c == '.' && !number.contains('.') && {
                            let mut ahead = self.chars.clone();
                            ahead.next();
                            ahead.peek().is_some_and(char::is_ascii_digit)
                        };
                        if !(c.is_ascii_alphanumeric() || c == '_' || decimal) {
                            break;
                        }
                        number.push(c);
                        self.next();
                    }
                    self.push(Kind::Number(number), line, column, start);
                }
                c if c.is_alphabetic() || c == '_' => {
                    let mut word = String::new();
                    while let Some(&c) = self.chars.peek() {
                        if !(c.is_alphanumeric() || c == '_') {
                            break;
                        }
                        word.push(c);
                        self.next();
                    }
                    self.push(Kind::Word(word), line, column, start);
                }
                '}' if inside.last() == Some(&0) => {
                    self.next();
                    inside.pop();
                    self.text.holes.pop();
                    if self.template() {
                        inside.push(0);
                    }
                }
                sign => {
                    self.next();
                    match (sign, inside.last_mut()) {
                        ('{', Some(open)) => *open += 1,
                        ('}', Some(open)) => *open -= 1,
                        _ => {}
                    }
                    self.push(Kind::Sign(sign), line, column, start);
                }
            }
        }
    }

    /// Reads a back-ticked text up to its end, or up to a `${`; then it is true.
    fn template(&mut self) -> bool {
        self.text.end = End::Template;
        while let Some(c) = self.next() {
            match c {
                '`' => {
                    // A doubled one is a back-tick in the text.
                    if self.chars.peek() == Some(&'`') {
                        self.next();
                    } else {
                        self.text.end = End::Code;
                        return false;
                    }
                }
                '$' if self.chars.peek() == Some(&'{') => {
                    self.text.holes.push(self.offset - 1);
                    self.next();
                    self.text.end = End::Code;
                    return true;
                }
                _ => {}
            }
        }
        false
    }

    fn line_comment(&mut self, line: usize, column: usize) {
        let alone = self.text.tokens.last().is_none_or(|token| token.line != line);
        let mut text = String::new();
        while let Some(&c) = self.chars.peek() {
            if c == '\n' {
                break;
            }
            text.push(c);
            self.next();
        }
        if self.chars.peek().is_none() {
            self.text.end = End::Comment;
        }
        self.text.comments.push(Comment { text: text.trim_start_matches('/').into(), line, column, alone });
    }

    fn block_comment(&mut self) {
        let mut depth = 0usize;
        let mut last = '/';
        self.text.end = End::Comment;
        while let Some(c) = self.next() {
            match (last, c) {
                ('/', '*') => {
                    depth += 1;
                    last = ' ';
                    continue;
                }
                ('*', '/') => {
                    depth -= 1;
                    if depth == 0 {
                        self.text.end = End::Code;
                        return;
                    }
                    last = ' ';
                    continue;
                }
                _ => {}
            }
            last = c;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_where_they_are_and_texts_hide_theirs() {
        let text =
            Text::scan("let a = `x ${ b + \"}\" } fn no()`; // tail\nfn 名(x, y) { a }\n/* fn z() /* */ */ '\"'");
        let words: Vec<_> = text
            .tokens
            .iter()
            .filter_map(|token| match &token.kind {
                Kind::Word(word) => Some((word.as_str(), token.line, token.column)),
                _ => None,
            })
            .collect();
        assert_eq!(
            words,
            [
                ("let", 1, 1),
                ("a", 1, 5),
                ("b", 1, 15),
                ("fn", 2, 1),
                ("名", 2, 4),
                ("x", 2, 6),
                ("y", 2, 9),
                ("a", 2, 14)
            ]
        );
        assert_eq!(text.function("名", 2), Some((2, 4)));
        assert_eq!(text.comments.len(), 1);
        assert!(!text.comments[0].alone);
        assert!(text.ends_in_semicolon(1, 44) && !text.ends_in_semicolon(2, 16));
    }

    #[test]
    fn where_a_text_ends_is_known() {
        let end = |source: &str| {
            let text = Text::scan(source);
            (text.end, text.holes)
        };
        assert_eq!(end("vps(\"to"), (End::Text, vec![]));
        assert_eq!(end("vps(\"to\")"), (End::Code, vec![]));
        assert_eq!(end("a // b"), (End::Comment, vec![]));
        assert_eq!(end("a /* b"), (End::Comment, vec![]));
        assert_eq!(end("a // b\n"), (End::Code, vec![]));
        assert_eq!(end("`a ${b} c"), (End::Template, vec![]));
        assert_eq!(end("`甲 ${b. "), (End::Code, vec![5]));
        let scanned = Text::scan("\u{feff}let 名 = \"值\";");
        let slices: Vec<_> = scanned.tokens.iter().map(|token| (token.start, token.end)).collect();
        assert_eq!(slices, [(3, 6), (7, 10), (11, 12), (13, 18), (18, 19)]);
    }

    #[test]
    fn the_literals_of_a_switch_are_found() {
        let text = Text::scan("switch x { 1 | \"a\" => f(2), 'c' if y == 3 => { 4 } 5..6 => 7, _ => 8 }");
        let cases: Vec<_> = text.cases(1, 1).into_iter().map(|token| token.column).collect();
        assert_eq!(cases, [12, 16, 29, 52, 55, 63]);
    }
}
