//! What could stand at a place in a script, what stands there, and where it comes from: for the editors' server and the
//! REPL. Pure: given a text, a place in it and the installation, nothing is run and nothing is asked.
//!
//! The text need not parse, for somebody is typing it. The type of what stands before a dot is the checker's: the text
//! is mended around the place until it parses, and the checker says what it meets there.
//!
//! | file | holds |
//! |---|---|
//! | `cursor` | what kind of thing could stand at a place |
//! | `mend` | texts that parse in place of the one that does not |
//! | `entries`, `keys`, `words` | what the tables say of methods and functions, of option keys, and of texts |
//! | `help` | what stands at a place, and the call that is being written |
//! | `outline`, `scope` | triggers and functions; where a variable is declared |

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rhai::{AST, Dynamic};

use crate::host::Host;
use crate::language::Language;

use super::check::members::Member;
use super::check::probe::View;
use super::check::text::Text;
use super::std as library;

mod cursor;
mod entries;
mod help;
mod keys;
mod mend;
mod outline;
mod scope;
#[cfg(test)]
mod tests;
mod words;

pub use help::{Help, Signature, hover, signatures};
pub use outline::{Symbol, SymbolKind, Target, definition, import_of, place, symbols};

use cursor::Cursor;
use entries::Entry;
use mend::Bench;
use outline::Function;

/// The installation that a text is for, and what was said before it.
#[derive(Clone)]
pub struct World {
    pub host: Arc<Host>,
    /// The name of the script, for what it may do.
    pub script: String,
    /// Where imports are looked for.
    pub folder: PathBuf,
    /// Of the sentences beside candidates.
    pub language: Language,
    /// What a sitting came to so far; nothing for a script file.
    pub(super) before: Option<Before>,
}

/// Variables and functions of earlier inputs.
#[derive(Clone)]
pub(super) struct Before {
    pub variables: Vec<(String, Dynamic)>,
    pub functions: AST,
}

impl World {
    /// For a script file, or a library that scripts import.
    pub fn of_file(host: &Arc<Host>, path: &Path) -> Self {
        let scripts = &host.config.scripts;
        let folder = if path.starts_with(scripts) { scripts } else { path.parent().unwrap_or(Path::new(".")) };
        Self {
            host: Arc::clone(host),
            script: path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default(),
            folder: folder.into(),
            language: host.config.language,
            before: None,
        }
    }
}

/// What a candidate is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Method,
    Field,
    Function,
    Variable,
    Constant,
    /// What an `import` called it.
    Module,
    /// A key of a map of options.
    Option,
    /// A name of the configuration: an instance, a channel, a secret.
    Instance,
    /// A word that an option or argument takes.
    Word,
    Keyword,
}

/// Something that could stand at the place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Candidate {
    pub label: String,
    pub kind: Kind,
    /// Its signature or type.
    pub detail: String,
    /// A sentence or two; nothing where the name says it.
    pub doc: String,
    pub insert: String,
    /// What of the text it takes the place of, in bytes: what is typed up to the place.
    pub replaces: Range<usize>,
    /// Where the word ends that the place is in.
    pub end: usize,
}

/// What could stand at a place of a text, the likeliest first. `offset` is in bytes and lies between two characters.
/// Only what has in it what is typed already.
pub fn complete(text: &str, offset: usize, world: &World) -> Vec<Candidate> {
    let mut found = offer(text, offset, world);
    let wanted = found.first().map(|candidate| text[candidate.replaces.clone()].to_lowercase()).unwrap_or_default();
    let label = |candidate: &Candidate| candidate.label.to_lowercase();
    found.retain(|candidate| label(candidate).contains(&wanted));
    found.sort_by_key(|candidate| !label(candidate).starts_with(&wanted));
    found
}

/// The same whatever is typed already, for who filters by it himself.
pub fn offer(text: &str, offset: usize, world: &World) -> Vec<Candidate> {
    let offset = floor(text, offset);
    let before = Text::scan(&text[..offset]);
    let (cursor, word) = cursor::read(&text[..offset], &before);
    let bench = Bench::new(world);
    let typed = &text[word.clone()];
    let rest = cursor::rest(&cursor, &text[offset..]);
    let after = &text[offset + rest..];
    let found = match cursor {
        Cursor::Nowhere => Vec::new(),
        Cursor::Member { dot } => member_entries(&bench.member(text, dot..offset), world),
        Cursor::Module { alias } => outline::exports(text, &alias, world).iter().map(Entry::of_function).collect(),
        Cursor::Key { call, path, taken } => {
            let mut keys = keys::of_call(&call, &path, &bench, text, world.language);
            keys.retain(|entry| entry.label == typed || !taken.contains(&entry.label));
            keys
        }
        Cursor::Text { around } => words::entries(&around, &bench, text, world),
        Cursor::Name => name_entries(text, offset - typed.len()..offset, &bench, world),
    };
    // Arguments, or the value of a key, may follow already.
    let goes_on = |entry: &Entry| match entry.kind {
        Kind::Option => after.trim_start().starts_with(':'),
        _ => after.starts_with(['(', ':']),
    };
    let candidate = |entry: Entry| Candidate {
        insert: if goes_on(&entry) { entry.label.clone() } else { entry.insert },
        label: entry.label,
        kind: entry.kind,
        detail: entry.detail,
        doc: entry.doc,
        replaces: word.clone(),
        end: offset + rest,
    };
    found.into_iter().map(candidate).collect()
}

/// Whether a sign that was just typed begins something that could be completed: what pops up by itself is in the way
/// anywhere else.
pub fn begins(text: &str, offset: usize, sign: char) -> bool {
    let before = &text[..floor(text, offset)];
    match cursor::read(before, &Text::scan(before)).0 {
        Cursor::Member { .. } => sign == '.',
        Cursor::Module { .. } => sign == ':',
        Cursor::Key { .. } => sign == '{',
        Cursor::Text { around: cursor::Around::Import } => matches!(sign, '"' | '/'),
        Cursor::Text { .. } => sign == '"',
        Cursor::Nowhere | Cursor::Name => false,
    }
}

/// The nearest place before, or at, an offset that lies between two characters.
fn floor(text: &str, offset: usize) -> usize {
    (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// What hangs on a value; nothing where its type is not known.
fn member_entries(view: &View, world: &World) -> Vec<Entry> {
    view.members.iter().map(|member| Entry::of_member(member, world.language)).collect()
}

/// Rhai's words that begin something.
const KEYWORDS: [&str; 16] = [
    "let", "const", "if", "else", "for", "in", "while", "loop", "switch", "fn", "return", "break", "continue", "try",
    "throw", "import",
];

/// Variables, functions and words.
fn name_entries(text: &str, word: Range<usize>, bench: &Bench, world: &World) -> Vec<Entry> {
    let view = bench.scope(text, word.clone());
    let load = view.as_ref().is_some_and(|view| view.load);
    let mut found: Vec<Entry> = Vec::new();
    match &view {
        Some(view) => found.extend(view.variables.iter().map(Entry::of_variable)),
        None => found.extend(scope::declared(text, word.start).map(Entry::of_name)),
    }
    found.extend(outline::functions(text, &Text::scan(text)).iter().map(Entry::of_function));
    if let Some(before) = &world.before {
        found.extend(before.functions.iter_functions().filter(|function| !function.name.starts_with("anon$")).map(
            |function| {
                let params = function.params.iter().map(ToString::to_string).collect();
                Entry::of_function(&Function { name: function.name.to_owned(), params, ..Function::default() })
            },
        ));
    }
    found.extend(outline::imports(text).into_iter().map(Entry::of_module));
    found.extend(entries::names(world.language));
    // At load only registration is allowed, and inside a trigger only that is not.
    let fits = |when: library::When| match when {
        library::When::Anywhere => true,
        library::When::Run => !load,
        library::When::Load => view.is_none() || load,
        library::When::Test => super::suite::is_suite(&world.script),
    };
    let rows = library::functions().filter(|row| row.on == library::On::Nothing && !row.getter && fits(row.when));
    found.extend(rows.map(|row| Entry::of_row_function(row, world.language)));
    found.extend(KEYWORDS.map(Entry::of_keyword));
    let mut seen = std::collections::HashSet::new();
    found.retain(|entry| seen.insert(entry.label.clone()));
    found
}

/// The member of that name.
fn named<'a>(members: &'a [Member], name: &str) -> Option<&'a Member> {
    members.iter().find(|member| member.name == name)
}
