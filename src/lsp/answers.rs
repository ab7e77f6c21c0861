//! Answers to what an editor asks, in the words of the protocol.

use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionTextEdit, DocumentSymbol, DocumentSymbolResponse, Documentation,
    GotoDefinitionResponse, Hover, HoverContents, InsertReplaceEdit, Location, MarkupContent, MarkupKind,
    ParameterInformation, ParameterLabel, SignatureHelp, SignatureInformation, SymbolKind, TextEdit, Uri,
};

use crate::script::complete::{self, Kind, World};

use super::lines::Lines;
use super::uri::uri_of;

/// What could stand at a place. The editor filters by what is typed on.
/// An editor that can do both takes over the rest of a word, or writes before it, as its owner likes; any other takes
/// it over.
pub(super) fn completion(text: &str, lines: &Lines, offset: usize, world: &World, both: bool) -> Vec<CompletionItem> {
    let edit = |candidate: &complete::Candidate| {
        let new_text = candidate.insert.clone();
        let insert = lines.range(&candidate.replaces);
        let replace = lines.range(&(candidate.replaces.start..candidate.end));
        if both {
            CompletionTextEdit::InsertAndReplace(InsertReplaceEdit { new_text, insert, replace })
        } else {
            CompletionTextEdit::Edit(TextEdit { range: replace, new_text })
        }
    };
    let item = |(n, candidate): (usize, complete::Candidate)| CompletionItem {
        text_edit: Some(edit(&candidate)),
        kind: Some(match candidate.kind {
            Kind::Method => CompletionItemKind::METHOD,
            Kind::Field => CompletionItemKind::FIELD,
            Kind::Function => CompletionItemKind::FUNCTION,
            Kind::Variable => CompletionItemKind::VARIABLE,
            Kind::Constant => CompletionItemKind::CONSTANT,
            Kind::Module => CompletionItemKind::MODULE,
            Kind::Option => CompletionItemKind::PROPERTY,
            Kind::Instance => CompletionItemKind::VALUE,
            Kind::Word => CompletionItemKind::ENUM_MEMBER,
            Kind::Keyword => CompletionItemKind::KEYWORD,
        }),
        detail: Some(candidate.detail).filter(|detail| !detail.is_empty()),
        documentation: Some(candidate.doc).filter(|doc| !doc.is_empty()).map(Documentation::String),
        // The order is ours.
        sort_text: Some(format!("{n:05}")),
        filter_text: Some(candidate.label.clone()),
        label: candidate.label,
        ..CompletionItem::default()
    };
    complete::offer(text, offset, world).into_iter().enumerate().map(item).collect()
}

pub(super) fn hover(text: &str, lines: &Lines, offset: usize, world: &World) -> Option<Hover> {
    let help = complete::hover(text, offset, world)?;
    let value = format!("```rhai\n{}\n```\n\n{}", help.head, help.text);
    let value = value.trim_end().to_owned();
    Some(Hover {
        contents: HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value }),
        range: Some(lines.range(&help.range)),
    })
}

pub(super) fn signature(text: &str, offset: usize, world: &World) -> Option<SignatureHelp> {
    let found = complete::signatures(text, offset, world);
    let active = found.first()?.active;
    // Parameters are places in the label, counted in UTF-16.
    let units = |label: &str, at: usize| u32::try_from(label[..at].encode_utf16().count()).unwrap_or(u32::MAX);
    let number = |n: usize| u32::try_from(n).ok();
    let signature = |one: complete::Signature| SignatureInformation {
        parameters: Some(
            one.params
                .iter()
                .map(|range| ParameterInformation {
                    label: ParameterLabel::LabelOffsets([units(&one.label, range.start), units(&one.label, range.end)]),
                    documentation: None,
                })
                .collect(),
        ),
        active_parameter: number(one.active),
        documentation: Some(one.doc).filter(|doc| !doc.is_empty()).map(Documentation::String),
        label: one.label,
    };
    Some(SignatureHelp {
        signatures: found.into_iter().map(signature).collect(),
        active_signature: Some(0),
        active_parameter: number(active),
    })
}

pub(super) fn definition(
    text: &str,
    lines: &Lines,
    offset: usize,
    uri: &Uri,
    world: &World,
) -> Option<GotoDefinitionResponse> {
    let target = complete::definition(text, offset, world)?;
    let location = match target.file {
        None => Location { uri: uri.clone(), range: lines.range(&target.range) },
        Some(file) => {
            let source = std::fs::read_to_string(&file).ok()?;
            Location { uri: uri_of(&file)?, range: Lines::new(&source).range(&target.range) }
        }
    };
    Some(GotoDefinitionResponse::Scalar(location))
}

pub(super) fn symbols(text: &str) -> DocumentSymbolResponse {
    let lines = Lines::new(text);
    let symbol = |symbol: complete::Symbol| {
        #[expect(deprecated, reason = "the field is there and has to be filled")]
        DocumentSymbol {
            // An empty name is against the protocol.
            name: if symbol.name.is_empty() { "…".into() } else { symbol.name },
            detail: Some(symbol.detail),
            kind: match symbol.kind {
                complete::SymbolKind::Trigger => SymbolKind::EVENT,
                complete::SymbolKind::Function => SymbolKind::FUNCTION,
                complete::SymbolKind::Constant => SymbolKind::CONSTANT,
            },
            tags: None,
            deprecated: None,
            range: lines.range(&symbol.whole),
            selection_range: lines.range(&symbol.at),
            children: None,
        }
    };
    DocumentSymbolResponse::Nested(complete::symbols(text).into_iter().map(symbol).collect())
}
