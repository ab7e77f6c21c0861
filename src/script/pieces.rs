//! A text in pieces, whether or not it parses: for colours, and to tell the statements of what a person typed.

use std::ops::Range;

/// A piece of a text. All of them together are the text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Piece {
    pub kind: Kind,
    pub range: Range<usize>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Space,
    Comment,
    /// A text or character literal, or the part of one before, between or after `${…}`.
    Text,
    Number,
    Word,
    /// One sign.
    Sign,
}

/// A statement of the top level.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Statement<'a> {
    /// Without the semicolon and without space and comments around it.
    pub text: &'a str,
    /// Its first word or sign.
    pub head: &'a str,
    /// Whether a semicolon ends it.
    pub ended: bool,
}

impl Statement<'_> {
    /// Whether it may have a value that is thrown away or shown.
    pub fn is_expression(&self) -> bool {
        !matches!(
            self.head,
            "let"
                | "const"
                | "fn"
                | "private"
                | "import"
                | "export"
                | "while"
                | "for"
                | "loop"
                | "do"
                | "return"
                | "throw"
                | "break"
                | "continue"
                | "try"
        )
    }

    /// Whether it ends with its own brace, and needs no semicolon.
    pub fn is_block(&self) -> bool {
        self.text.ends_with('}') && ends_with_brace(self.head, None)
    }

    /// The name that it declares, by `let`, `const` or `fn`.
    pub fn declares(&self) -> Option<&str> {
        let mut words = words(self.text).skip_while(|word| *word == "private");
        match words.next()? {
            "let" | "const" | "fn" => words.next(),
            _ => None,
        }
    }

    /// The name that a module has by an `import`.
    pub fn imports(&self) -> Option<&str> {
        if self.head == "import" { words(self.text).skip_while(|word| *word != "as").nth(1) } else { None }
    }
}

/// Reads a text line by line, and knows whether it breaks off inside of something: a bracket, a comment, a text.
#[derive(Debug, Default)]
pub struct Brackets {
    /// What is not closed yet and read again with the next line.
    rest: String,
    depth: i64,
    inside: Vec<usize>,
}

impl Brackets {
    /// Takes a line, without its end. True while the text cannot be over.
    pub fn line(&mut self, line: &str) -> bool {
        self.rest.push_str(line);
        self.rest.push('\n');
        let text = std::mem::take(&mut self.rest);
        let mut scanner = Scanner { text: &text, at: 0, pieces: Vec::new(), inside: std::mem::take(&mut self.inside) };
        while scanner.at < text.len() {
            let (start, before) = (scanner.at, scanner.inside.clone());
            scanner.step();
            let piece = &scanner.pieces[scanner.pieces.len() - 1];
            // Only what goes on in the next line has the end of this one in it.
            if piece.range.end == text.len() && !matches!(piece.kind, Kind::Space) {
                text[start..].clone_into(&mut self.rest);
                self.inside = before;
                return true;
            }
            match (piece.kind, &text[piece.range.clone()]) {
                (Kind::Sign, "(" | "[" | "{") => self.depth += 1,
                (Kind::Sign, ")" | "]" | "}") => self.depth -= 1,
                _ => {}
            }
        }
        self.inside = scanner.inside;
        self.depth > 0 || !self.inside.is_empty()
    }

    /// Whether a text breaks off in a comment or in a text that goes on in the next line.
    pub fn is_in_text(text: &str) -> bool {
        let mut brackets = Self::default();
        brackets.line(text);
        !brackets.rest.is_empty()
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    pieces: Vec<Piece>,
    /// The open braces of each `${` that the place is in.
    inside: Vec<usize>,
}

/// The pieces of a text.
pub fn pieces(text: &str) -> Vec<Piece> {
    let mut scanner = Scanner { text, at: 0, pieces: Vec::new(), inside: Vec::new() };
    while scanner.at < text.len() {
        scanner.step();
    }
    scanner.pieces
}

/// The words of a text that are no part of a literal or comment, those after a dot included.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    pieces(text).into_iter().filter(|piece| piece.kind == Kind::Word).map(|piece| &text[piece.range])
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn push(&mut self, kind: Kind, length: usize) {
        self.pieces.push(Piece { kind, range: self.at..self.at + length });
        self.at += length;
    }

    fn step(&mut self) {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return };
        let run = |test: &dyn Fn(char) -> bool| rest.find(|c| !test(c)).unwrap_or(rest.len());
        match first {
            c if c.is_whitespace() => self.push(Kind::Space, run(&char::is_whitespace)),
            '/' if rest.starts_with("//") => self.push(Kind::Comment, rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => self.push(Kind::Comment, comment(rest)),
            '"' => self.push(Kind::Text, quoted(rest)),
            '`' => self.back_ticked(1),
            '\'' => match character(rest) {
                Some(length) => self.push(Kind::Text, length),
                None => self.push(Kind::Sign, 1),
            },
            '#' if raw(rest).is_some() => self.push(Kind::Text, raw(rest).unwrap_or(1)),
            c if c.is_ascii_digit() => self.push(Kind::Number, number(rest)),
            c if c.is_alphabetic() || c == '_' => {
                self.push(Kind::Word, run(&|c: char| c.is_alphanumeric() || c == '_'));
            }
            '{' => {
                if let Some(open) = self.inside.last_mut() {
                    *open += 1;
                }
                self.push(Kind::Sign, 1);
            }
            '}' => match self.inside.last_mut() {
                // The text goes on behind it.
                Some(0) => {
                    self.inside.pop();
                    self.back_ticked(1);
                }
                open => {
                    if let Some(open) = open {
                        *open -= 1;
                    }
                    self.push(Kind::Sign, 1);
                }
            },
            c => self.push(Kind::Sign, c.len_utf8()),
        }
    }

    /// A back-ticked text from here, `skip` bytes of which are its first sign: to its end, or into its next `${`.
    fn back_ticked(&mut self, skip: usize) {
        let rest = &self.rest()[skip..];
        let mut chars = rest.char_indices().peekable();
        let mut length = rest.len();
        let mut opens = false;
        while let Some((at, c)) = chars.next() {
            match c {
                '`' if chars.peek().is_some_and(|(_, next)| *next == '`') => drop(chars.next()),
                '`' => {
                    length = at + 1;
                    break;
                }
                '$' if chars.peek().is_some_and(|(_, next)| *next == '{') => {
                    length = at + 2;
                    opens = true;
                    break;
                }
                _ => {}
            }
        }
        self.push(Kind::Text, skip + length);
        if opens {
            self.inside.push(0);
        }
    }
}

/// A block comment, comments in it included.
fn comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// To the closing quote, or to the end of the line.
fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            '\n' => return at,
            _ => {}
        }
    }
    rest.len()
}

/// `#"…"#`, with as many signs as one likes.
fn raw(rest: &str) -> Option<usize> {
    let signs = rest.find(|c| c != '#').filter(|end| rest[*end..].starts_with('"'))?;
    let close = format!("\"{}", &rest[..signs]);
    let body = signs + 1;
    Some(rest[body..].find(&close).map_or(rest.len(), |at| body + at + close.len()))
}

fn character(rest: &str) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1);
    let (_, first) = chars.next()?;
    if first == '\\' {
        return rest[2..].char_indices().skip(1).take(10).find(|(_, c)| *c == '\'').map(|(at, _)| at + 3);
    }
    chars.next().filter(|(_, c)| *c == '\'' && first != '\'').map(|(at, _)| at + 1)
}

/// Digits, a fraction and an exponent; `5.GiB` and `1..5` end before the dot.
fn number(rest: &str) -> usize {
    let digits = |from: usize| {
        rest[from..].find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).map_or(rest.len(), |at| from + at)
    };
    let mut end = digits(0);
    if rest[end..].starts_with('.') && rest[end + 1..].starts_with(|c: char| c.is_ascii_digit()) {
        end = digits(end + 1);
    }
    if rest[..end].ends_with(['e', 'E']) && !rest.starts_with("0x") && rest[end..].starts_with(['+', '-']) {
        end = digits(end + 1);
    }
    end
}

/// The statements of the top level.
pub fn statements(text: &str) -> Vec<Statement<'_>> {
    let pieces = pieces(text);
    let solid = |piece: &&Piece| !matches!(piece.kind, Kind::Space | Kind::Comment);
    let mut all = Vec::new();
    let mut depth = 0usize;
    let mut start: Option<usize> = None;
    let mut end = 0;
    let mut close = |start: &mut Option<usize>, end: usize, ended: bool| {
        if let Some(from) = start.take() {
            let own = &text[pieces[from].range.start..end];
            all.push(Statement { text: own, head: &text[pieces[from].range.clone()], ended });
        }
    };
    for (n, piece) in pieces.iter().enumerate() {
        if !solid(&piece) {
            continue;
        }
        let word = &text[piece.range.clone()];
        if word == ";" && depth == 0 && piece.kind == Kind::Sign {
            close(&mut start, end, true);
            continue;
        }
        let from = *start.get_or_insert(n);
        end = piece.range.end;
        match (piece.kind, word) {
            (Kind::Sign, "(" | "[" | "{") => depth += 1,
            (Kind::Sign, ")" | "]") => depth = depth.saturating_sub(1),
            (Kind::Sign, "}") => {
                depth = depth.saturating_sub(1);
                let head = &text[pieces[from].range.clone()];
                let next = pieces[n + 1..].iter().find(solid).map(|piece| &text[piece.range.clone()]);
                if depth == 0 && ends_with_brace(head, next) {
                    close(&mut start, end, false);
                }
            }
            _ => {}
        }
    }
    close(&mut start, end, false);
    all
}

/// Whether a statement that begins with a word is over at this brace.
fn ends_with_brace(head: &str, next: Option<&str>) -> bool {
    match head {
        "if" => next != Some("else"),
        "try" => next != Some("catch"),
        "while" | "loop" | "for" | "fn" | "private" | "{" => true,
        // What is done with the value of a `switch` follows it.
        "switch" => !matches!(next, Some("." | "+" | "-" | "*" | "/" | "=" | "?")),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(Kind, &str)> {
        let pieces = pieces(text);
        let whole: String = pieces.iter().map(|piece| &text[piece.range.clone()]).collect();
        assert_eq!(whole, text);
        let solid = pieces.into_iter().filter(|piece| piece.kind != Kind::Space);
        solid.map(|piece| (piece.kind, &text[piece.range])).collect()
    }

    #[test]
    fn every_text_falls_into_pieces() {
        use Kind::{Comment, Number, Sign, Text, Word};
        let found = kinds("let 流量 = 1.5e+3; // 注释");
        assert_eq!(
            found,
            [(Word, "let"), (Word, "流量"), (Sign, "="), (Number, "1.5e+3"), (Sign, ";"), (Comment, "// 注释")]
        );
        assert_eq!(kinds("5.GiB"), [(Number, "5"), (Sign, "."), (Word, "GiB")]);
        let found = kinds("`a ${f(#{x: `b`})} c` + '流'");
        assert_eq!(found[0], (Text, "`a ${"));
        assert!(found.contains(&(Text, "`b`")) && found.contains(&(Text, "} c`")), "{found:?}");
        assert_eq!(found.last(), Some(&(Text, "'流'")));
        assert_eq!(kinds(r##"#"a " b"# "\" x" /* a /* b */ c */"##).len(), 3);
        for broken in ["\"open", "`open ${x", "/* open", "#\"open", "'", "'\\", "`${`${", "}}}", "0x", "1."] {
            kinds(broken);
        }
    }

    #[test]
    fn a_text_is_open_while_something_in_it_is() {
        let open = |lines: &[&str]| {
            let mut brackets = Brackets::default();
            lines.iter().map(|line| brackets.line(line)).collect::<Vec<_>>()
        };
        assert_eq!(open(&["let a = [", "  #{x: 1},", "]", "1"]), [true, true, false, false]);
        assert_eq!(open(&["/* (", "*/ 1"]), [true, false]);
        assert_eq!(open(&["`a ${f(", "1)} b", "c`"]), [true, true, false]);
        assert_eq!(open(&["\"a \\", "b\"", "// ("]), [true, false, false]);
        assert_eq!(open(&["\"open", "f(1))"]), [false, false]);
    }

    #[test]
    fn statements_end_where_the_interpreter_ends_them() {
        let text = "let a = #{x: 1}; fn f(x) { x; x } if a { 1 } else { 2 }\n// note\na.map(|x| { x; 1 }); pbh().x()";
        let all: Vec<_> = statements(text).into_iter().map(|one| (one.text, one.ended)).collect();
        assert_eq!(
            all,
            [
                ("let a = #{x: 1}", true),
                ("fn f(x) { x; x }", false),
                ("if a { 1 } else { 2 }", false),
                ("a.map(|x| { x; 1 })", true),
                ("pbh().x()", false),
            ]
        );
        assert_eq!(statements("let 速度 = 1;")[0].declares(), Some("速度"));
        assert_eq!(statements("private fn f() {}")[0].declares(), Some("f"));
        assert!(statements("f(1)")[0].is_expression() && statements(" ; // x").is_empty());
    }
}
