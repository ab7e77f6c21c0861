//! What a text declares, and where: triggers, functions, constants, variables, imports. Read from its words and signs, so
//! that a text which does not parse has an outline too.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::script::check::text::{Kind, Text, Token};
use crate::script::modules::Imports;
use crate::script::std as library;
use crate::script::suite;

use super::scope::find;
use super::{World, cursor};

/// A function of a script, or a constant that it exports.
#[derive(Clone, Debug, Default)]
pub(super) struct Function {
    pub name: String,
    pub params: Vec<String>,
    /// The comment above it.
    pub doc: String,
    pub constant: bool,
    /// Where its name stands.
    pub at: Range<usize>,
    /// All of it.
    pub whole: Range<usize>,
}

/// Something worth a line in an outline.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Symbol {
    pub name: String,
    pub kind: SymbolKind,
    /// Of a trigger, the function that registers it and its first argument.
    pub detail: String,
    /// All of it, in bytes.
    pub whole: Range<usize>,
    /// Its name.
    pub at: Range<usize>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SymbolKind {
    Trigger,
    Function,
    Constant,
}

/// Where something is declared.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Target {
    /// Another file than the text itself.
    pub file: Option<PathBuf>,
    /// In bytes of that file.
    pub range: Range<usize>,
}

/// The functions that a text defines.
pub(super) fn functions(text: &str, scan: &Text) -> Vec<Function> {
    let tokens = &scan.tokens;
    let mut found = Vec::new();
    for (i, token) in tokens.iter().enumerate().filter(|(_, token)| token.is_word("fn")) {
        let Some(open) = (i + 1..tokens.len()).find(|at| tokens[*at].kind == Kind::Sign('(')) else { continue };
        let Some((name, at)) = word(&tokens[open - 1]).filter(|_| open <= i + 4 && open > i + 1) else { continue };
        let close = closing(tokens, open);
        let params = tokens[open + 1..close].iter().filter_map(|token| word(token).map(|(name, _)| name.to_owned()));
        let end = match tokens.get(close + 1).map(|token| &token.kind) {
            Some(Kind::Sign('{')) => closing(tokens, close + 1),
            _ => close,
        };
        found.push(Function {
            name: name.to_owned(),
            params: params.collect(),
            doc: comment_above(scan, token.line),
            constant: false,
            at,
            whole: token.start..tokens.get(end).map_or(text.len(), |token| token.end),
        });
    }
    found
}

/// The constants of the top level.
fn constants(scan: &Text) -> Vec<Function> {
    let tokens = &scan.tokens;
    let top = (0..tokens.len()).filter(|at| tokens[*at].is_word("const") && cursor::open(&tokens[..*at]).is_none());
    let constant = |at: usize| {
        let (name, range) = word(tokens.get(at + 1)?)?;
        let whole = tokens[at].start..value(tokens, at + 2).map_or(range.end, |value| value.end);
        let doc = comment_above(scan, tokens[at].line);
        Some(Function { name: name.to_owned(), constant: true, doc, at: range, whole, ..Function::default() })
    };
    top.filter_map(constant).collect()
}

/// The lines of comment that stand directly above a line.
fn comment_above(scan: &Text, line: usize) -> String {
    let mut lines = Vec::new();
    let mut at = line;
    while let Some(comment) = scan
        .comments
        .iter()
        .rev()
        .find(|comment| comment.line + 1 == at && comment.alone && !comment.text.starts_with('!'))
    {
        lines.push(comment.text.trim());
        at -= 1;
    }
    lines.reverse();
    lines.join(" ")
}

pub(super) fn word(token: &Token) -> Option<(&str, Range<usize>)> {
    match &token.kind {
        Kind::Word(word) => Some((word, token.start..token.end)),
        _ => None,
    }
}

/// The bracket that belongs to the one at an index, or the end where it is still open.
pub(super) fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.kind {
            Kind::Sign('(' | '[' | '{') => depth += 1,
            Kind::Sign(')' | ']' | '}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

/// The value after the `=` at an index, up to its semicolon.
pub(super) fn value(tokens: &[Token], equals: usize) -> Option<Range<usize>> {
    tokens.get(equals).filter(|token| token.kind == Kind::Sign('='))?;
    range(tokens, equals + 1, &Kind::Sign(';'))
}

/// From an index up to a sign outside brackets.
pub(super) fn range(tokens: &[Token], from: usize, stop: &Kind) -> Option<Range<usize>> {
    let mut depth = 0usize;
    let mut end = None;
    for (i, token) in tokens.iter().enumerate().skip(from) {
        let map = i > 0 && tokens[i - 1].kind == Kind::Sign('#');
        match &token.kind {
            kind if kind == stop && depth == 0 && !map => break,
            Kind::Sign('(' | '[' | '{') => depth += 1,
            Kind::Sign(')' | ']' | '}') if depth == 0 => break,
            Kind::Sign(')' | ']' | '}') => depth -= 1,
            _ => {}
        }
        end = Some(token.end);
    }
    Some(tokens.get(from)?.start..end?)
}

/// What a text imports: the names that it has here, and the paths.
pub(super) fn imports(text: &str) -> Vec<(String, String)> {
    let tokens = Text::scan(text).tokens;
    let import = |at: usize| {
        let path = tokens.get(at + 1).filter(|token| token.kind == Kind::Text)?;
        let alias = tokens.get(at + 2).filter(|token| token.is_word("as")).and_then(|_| word(tokens.get(at + 3)?))?;
        Some((alias.0.to_owned(), inside(text, path).to_owned()))
    };
    (0..tokens.len()).filter(|at| tokens[*at].is_word("import")).filter_map(import).collect()
}

/// Where a text imports a file; one that is imported by another import shows at the first.
pub fn import_of(text: &str, file: &Path, world: &World) -> Option<Range<usize>> {
    let tokens = Text::scan(text).tokens;
    let known = Imports::new(&world.folder);
    let paths = tokens.windows(2).filter(|two| two[0].is_word("import") && two[1].kind == Kind::Text);
    let mut paths = paths.map(|two| (known.locate(inside(text, &two[1])).ok(), two[1].start..two[1].end));
    let first = paths.clone().next().map(|(_, range)| range);
    paths.find(|(path, _)| path.as_deref() == Some(file)).map(|(_, range)| range).or(first)
}

/// A text without its quotes.
pub(super) fn inside<'a>(text: &'a str, token: &Token) -> &'a str {
    let raw = &text[token.start + 1..token.end];
    raw.strip_suffix(['"', '`']).unwrap_or(raw.strip_suffix("${").unwrap_or(raw))
}

/// The file that a name stands for, with its text.
fn module(text: &str, alias: &str, world: &World) -> Option<(PathBuf, String)> {
    let (_, path) = imports(text).into_iter().find(|(name, _)| name == alias)?;
    let file = Imports::new(&world.folder).locate(&path).ok()?;
    let text = std::fs::read_to_string(&file).ok()?;
    Some((file, text))
}

/// What a module gives to whoever imports it.
pub(super) fn exports(text: &str, alias: &str, world: &World) -> Vec<Function> {
    module(text, alias, world).map(|(_, text)| exported(&text)).unwrap_or_default()
}

fn exported(text: &str) -> Vec<Function> {
    let scan = Text::scan(text);
    let private = |function: &Function| text[..function.whole.start].trim_end().ends_with("private");
    let mut all = functions(text, &scan);
    all.retain(|function| !private(function));
    all.extend(constants(&scan));
    all
}

/// How deep libraries are looked for in folders.
const DEEPEST: usize = 4;

/// What can be imported: the files in folders below the scripts folder, as `import` names them.
pub(super) fn libraries(folder: &Path) -> impl Iterator<Item = String> {
    let mut found = Vec::new();
    let mut open = vec![(folder.to_path_buf(), 0)];
    while let Some((at, depth)) = open.pop() {
        for entry in std::fs::read_dir(&at).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && depth < DEEPEST {
                open.push((path, depth + 1));
            } else if depth > 0
                && path.extension().is_some_and(|extension| extension == "rhai")
                && !path.file_stem().is_some_and(|stem| suite::is_suite(&stem.to_string_lossy()))
                && let Ok(relative) = path.with_extension("").strip_prefix(folder)
            {
                found.push(relative.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found.into_iter()
}

/// Triggers, functions and constants, in the order of the text.
pub fn symbols(text: &str) -> Vec<Symbol> {
    let scan = Text::scan(text);
    let function = |function: Function, kind: SymbolKind| Symbol {
        detail: if function.constant { String::new() } else { format!("({})", function.params.join(", ")) },
        name: function.name,
        kind,
        whole: function.whole,
        at: function.at,
    };
    let mut found: Vec<_> = triggers(text, &scan.tokens);
    found.extend(functions(text, &scan).into_iter().map(|one| function(one, SymbolKind::Function)));
    found.extend(constants(&scan).into_iter().map(|one| function(one, SymbolKind::Constant)));
    found.sort_by_key(|symbol| symbol.at.start);
    found
}

fn triggers(text: &str, tokens: &[Token]) -> Vec<Symbol> {
    let registers = |name: &str| {
        let mut rows = library::functions().filter(|row| row.on == library::On::Nothing && row.name == name);
        rows.find_map(|row| row.params.iter().position(|param| param.name == "what"))
    };
    let mut found = Vec::new();
    for open in (1..tokens.len()).filter(|at| tokens[*at].kind == Kind::Sign('(')) {
        let Some((word, at)) = word(&tokens[open - 1]) else { continue };
        let method = open > 1 && (tokens[open - 2].kind == Kind::Sign('.') || tokens[open - 2].is_word("fn"));
        let Some(what) = registers(word).filter(|_| !method) else { continue };
        let close = closing(tokens, open);
        let args = arguments(&tokens[open + 1..close]);
        let literal = |arg: &&[Token]| arg.first().filter(|token| token.kind == Kind::Text).cloned();
        let name = args.get(what).and_then(|arg| {
            literal(arg).or_else(|| {
                let key = arg.windows(3).find(|three| three[0].is_word("name") && three[1].kind == Kind::Sign(':'))?;
                Some(key[2].clone()).filter(|token| token.kind == Kind::Text)
            })
        });
        let first = args.first().filter(|_| what > 0).and_then(literal);
        let detail = first.map_or_else(|| word.to_owned(), |first| format!("{word} {}", inside(text, &first)));
        found.push(Symbol {
            name: name.as_ref().map_or_else(|| word.to_owned(), |name| named(text, name)),
            kind: SymbolKind::Trigger,
            detail,
            whole: at.start..tokens.get(close).map_or(text.len(), |token| token.end),
            at: name.map_or(at, |name| name.start..name.end),
        });
    }
    found
}

/// A name in quotes; of one that is put together, what is known of it.
fn named(text: &str, token: &Token) -> String {
    let open = text[token.start..token.end].ends_with("${");
    format!("{}{}", inside(text, token), if open { "…" } else { "" })
}

/// The arguments between the brackets of a call.
pub(super) fn arguments(tokens: &[Token]) -> Vec<&[Token]> {
    let mut found = Vec::new();
    let mut start = 0;
    for at in cursor::commas(tokens) {
        found.push(&tokens[start..at]);
        start = at + 1;
    }
    if start < tokens.len() {
        found.push(&tokens[start..]);
    }
    found
}

/// Where what stands at a place is declared: a variable, a function of the script or of a module, a module.
pub fn definition(text: &str, offset: usize, world: &World) -> Option<Target> {
    let scan = Text::scan(text);
    let tokens = scan.tokens.as_slice();
    let at = at(tokens, offset)?;
    let here = |range: Range<usize>| Some(Target { file: None, range });
    if tokens[at].kind == Kind::Text {
        if at == 0 || !tokens[at - 1].is_word("import") {
            return None;
        }
        let file = Imports::new(&world.folder).locate(inside(text, &tokens[at])).ok()?;
        return Some(Target { file: Some(file), range: 0..0 });
    }
    let (name, range) = word(&tokens[at])?;
    let sign = |at: usize, sign: char| tokens.get(at).is_some_and(|token| token.kind == Kind::Sign(sign));
    if at >= 3 && sign(at - 1, ':') && sign(at - 2, ':') {
        let (file, source) = module(text, word(&tokens[at - 3])?.0, world)?;
        let target = exported(&source).into_iter().find(|function| function.name == name)?;
        return Some(Target { file: Some(file), range: target.at });
    }
    if sign(at + 1, ':') && sign(at + 2, ':') {
        return module(text, name, world).map(|(file, _)| Target { file: Some(file), range: 0..0 });
    }
    let method = at > 0 && sign(at - 1, '.');
    if !method {
        if let Some(declared) = find(tokens, at + 1, name) {
            return here(tokens[declared].start..tokens[declared].end);
        }
        if let Some(constant) = constants(&scan).into_iter().find(|constant| constant.name == name) {
            return here(constant.at);
        }
    }
    let own = functions(text, &scan).into_iter().find(|function| function.name == name && function.at != range);
    here(own?.at)
}

/// The word or text at a place, or the one that ends there.
pub(super) fn at(tokens: &[Token], offset: usize) -> Option<usize> {
    let touches = |token: &Token| token.start <= offset && offset <= token.end;
    let all = || tokens.iter().enumerate().filter(|(_, token)| touches(token));
    let words = all().find(|(_, token)| matches!(token.kind, Kind::Word(_)));
    words.or_else(|| all().find(|(_, token)| token.kind == Kind::Text)).map(|(at, _)| at)
}

/// The bytes that a place with line and column is about: the word, number, text or sign that stands there.
pub fn place(text: &str, line: usize, column: usize) -> Range<usize> {
    let scan = Text::scan(text);
    let found = scan.tokens.iter().rfind(|token| (token.line, token.column) <= (line, column));
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let row = text[start..].lines().next().unwrap_or_default();
    let offset = start + row.char_indices().nth(column.saturating_sub(1)).map_or(row.len(), |(at, _)| at);
    match found {
        Some(token) if token.start <= offset && offset < token.end => token.start..token.end,
        _ => offset..(start + row.trim_end().len()).max(offset),
    }
}
