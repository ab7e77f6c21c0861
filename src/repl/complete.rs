//! Candidates for Tab: commands and what follows them, torrents, and all that the script layer knows.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use reedline::{Completer, CompletionResult, Span, Suggestion};

use crate::host::Host;
use crate::script;
use crate::script::complete::World;
use crate::script::pieces::{Kind, pieces};
use crate::vault::Env;

use super::Shared;
use super::commands::{self, COMMANDS, Takes};
use super::files::below;
use super::lookup::rows;

pub(super) struct Completion {
    host: Arc<Host>,
    session: Shared,
    /// For `~/`.
    home: Option<PathBuf>,
    /// A copy of the variables, and after how many inputs it was made.
    known: Option<(u64, World)>,
}

impl Completion {
    pub(super) fn new(host: &Arc<Host>, session: &Shared, env: &Env) -> Self {
        Self { host: Arc::clone(host), session: session.clone(), home: env("HOME").map(PathBuf::from), known: None }
    }

    fn suggestions(&mut self, line: &str, position: usize) -> Vec<Suggestion> {
        let before = line.get(..position).unwrap_or(line);
        let Some(text) = before.trim_start().strip_prefix(':') else { return self.code(line, 0, position) };
        let colon = before.len() - text.len() - 1;
        let (name, rest) = commands::split(text);
        if !text.contains(|c: char| c.is_whitespace() || c == '"' || c == '{') {
            return self.commands(name, Span::new(colon, position));
        }
        let Some(command) = commands::find(name) else { return Vec::new() };
        let start = before.len() - rest.len();
        match command.takes {
            Takes::File => files(rest, start, self.home.as_deref()),
            Takes::Name => self.names(rest, start),
            Takes::Code => self.code(line, start, position),
            takes => {
                let code = takes.code(rest);
                if code.is_empty() { Vec::new() } else { self.code(line, before.len() - code.len(), position) }
            }
        }
    }

    fn commands(&self, typed: &str, span: Span) -> Vec<Suggestion> {
        let found = COMMANDS.iter().filter(|command| command.name.starts_with(typed));
        found
            .map(|command| Suggestion {
                value: format!(":{}", command.name),
                description: Some(command.doc(self.host.config.language).to_owned()),
                append_whitespace: !command.args.is_empty(),
                span,
                ..Suggestion::default()
            })
            .collect()
    }

    /// Names that `:help` explains.
    fn names(&self, typed: &str, start: usize) -> Vec<Suggestion> {
        let language = self.host.config.language;
        let mut all: Vec<(String, String)> =
            rows().map(|row| (row.id.to_owned(), language.pick(row.doc, row.chinese()).to_owned())).collect();
        all.extend(script::helpers::all().map(|helper| {
            (helper.id.to_owned(), language.pick(helper.doc, helper.chinese().unwrap_or(helper.doc)).to_owned())
        }));
        all.extend(
            script::std::functions().map(|row| (row.name.to_owned(), language.pick(row.doc, row.zh).to_owned())),
        );
        all.extend(COMMANDS.iter().map(|command| (command.name.to_owned(), command.doc(language).to_owned())));
        all.sort();
        all.dedup_by(|a, b| a.0 == b.0);
        let span = Span::new(start, start + typed.len());
        let found = all.into_iter().filter(|(name, _)| name.starts_with(typed));
        found.map(|(value, doc)| suggestion(value, doc, span)).collect()
    }

    /// The code begins at a place of the line.
    fn code(&mut self, line: &str, start: usize, position: usize) -> Vec<Suggestion> {
        let mut found = self.torrents(&line[start..position], start);
        let world = self.world();
        let candidates = script::complete::complete(&line[start..], position - start, world);
        let called = line[position..].starts_with('(');
        found.extend(candidates.into_iter().map(|candidate| {
            let span = Span::new(start + candidate.replaces.start, start + candidate.replaces.end);
            let call = match candidate.kind {
                _ if called || candidate.insert != candidate.label => "",
                script::complete::Kind::Method | script::complete::Kind::Function
                    if candidate.detail.contains(&format!("{}()", candidate.label)) =>
                {
                    "()"
                }
                script::complete::Kind::Method | script::complete::Kind::Function => "(",
                _ => "",
            };
            // What it takes is shown once it is chosen.
            let doc = if candidate.doc.is_empty() { candidate.detail } else { candidate.doc };
            let mut suggestion = suggestion(format!("{}{call}", candidate.insert), doc, span);
            suggestion.display_override = (suggestion.value != candidate.label).then_some(candidate.label);
            suggestion
        }));
        found
    }

    /// What is known after the last input.
    fn world(&mut self) -> &World {
        let session = self.session.lock();
        let now = session.evaluated();
        let host = &self.host;
        if self.known.as_ref().is_none_or(|(then, _)| *then != now) {
            self.known = Some((now, session.world(host, host.config.language)));
        }
        let (_, world) = self.known.get_or_insert_with(|| (now, session.world(host, host.config.language)));
        world
    }

    /// Torrents by name, where a text is given to something that is about one of them.
    fn torrents(&self, code: &str, start: usize) -> Vec<Suggestion> {
        let all = pieces(code);
        let solid: Vec<_> = all.iter().filter(|piece| piece.kind != Kind::Space).collect();
        let [.., name, open, text] = solid.as_slice() else { return Vec::new() };
        let word = |piece: &script::pieces::Piece| &code[piece.range.clone()];
        let typed = word(text).strip_prefix('"').filter(|typed| !typed.ends_with('"'));
        let (Some(typed), "(", true) = (typed, word(open), takes_torrent(word(name))) else { return Vec::new() };
        let typed = typed.to_lowercase();
        let span = Span::new(start + text.range.start + 1, start + code.len());
        let known = self.session.lock().torrents();
        let fits = |(hash, name): &(String, String)| hash.starts_with(&typed) || name.to_lowercase().contains(&typed);
        known.into_iter().filter(fits).map(|(hash, name)| suggestion(hash, name, span)).collect()
    }
}

/// Whether the first argument of a method is a torrent.
fn takes_torrent(name: &str) -> bool {
    let first = |params: &[(&str, &str)]| {
        params.first().is_some_and(|(name, _)| name.contains("torrent") || name.contains("hash"))
    };
    script::helpers::all().any(|helper| helper.id == name && first(helper.required))
        || rows().any(|row| {
            row.id == name
                && row
                    .required()
                    .next()
                    .is_some_and(|param| param.name.contains("nfoHash") || param.name.contains("torrent"))
        })
}

fn suggestion(value: String, doc: String, span: Span) -> Suggestion {
    let doc = doc.lines().next().unwrap_or_default().to_owned();
    Suggestion { value, description: (!doc.is_empty()).then_some(doc), span, ..Suggestion::default() }
}

/// Files and folders that begin so.
fn files(typed: &str, start: usize, home: Option<&Path>) -> Vec<Suggestion> {
    let (folder, name) = match typed.rfind('/') {
        Some(slash) => (&typed[..=slash], &typed[slash + 1..]),
        None => ("", typed),
    };
    let path = if folder.is_empty() { PathBuf::from(".") } else { below(folder, home) };
    let span = Span::new(start, start + typed.len());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        let Ok(own) = entry.file_name().into_string() else { continue };
        // Hidden ones are for whoever asks for them.
        if !own.starts_with(name) || (own.starts_with('.') && !name.starts_with('.')) {
            continue;
        }
        let is_folder = entry.path().is_dir();
        found.push(suggestion(format!("{folder}{own}{}", if is_folder { "/" } else { "" }), String::new(), span));
    }
    found.sort_by(|a, b| a.value.cmp(&b.value));
    found
}

impl Completer for Completion {
    fn complete(&mut self, line: &str, position: usize) -> CompletionResult {
        CompletionResult::fresh(self.suggestions(line, position))
    }
}
