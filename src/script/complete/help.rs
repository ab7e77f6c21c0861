//! What stands at a place, and the call that is being written there.

use std::ops::Range;

use crate::api::{Shape, Type};
use crate::schedule::Cron;
use crate::script::check::members::{Member, Origin};
use crate::script::check::text::{Kind, Text, Token};
use crate::script::std as library;

use super::cursor::{self, Around, Call, Cursor};
use super::entries::Entry;
use super::mend::Bench;
use super::{World, floor, keys, named, outline, words};

/// What is said of what stands at a place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Help {
    /// What it is about, in bytes.
    pub range: Range<usize>,
    /// Its signature or type.
    pub head: String,
    /// Paragraphs, in Markdown.
    pub text: String,
}

/// A function whose arguments are being written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signature {
    pub label: String,
    pub doc: String,
    /// Its parameters: where each stands in the label, in bytes.
    pub params: Vec<Range<usize>>,
    /// The one that the place is in.
    pub active: usize,
}

/// What stands at a place of a text: its doc, signature and unit.
pub fn hover(text: &str, offset: usize, world: &World) -> Option<Help> {
    let scan = Text::scan(text);
    let tokens = scan.tokens.as_slice();
    let at = outline::at(tokens, floor(text, offset))?;
    let token = &tokens[at];
    let range = token.start..token.end;
    let help = |entry: &Entry, more: &str| {
        let mut text = entry.doc.clone();
        if !more.is_empty() {
            text = [text.as_str(), more].join(if text.is_empty() { "" } else { "\n\n" });
        }
        Help { range: range.clone(), head: head(entry), text }
    };
    let bench = Bench::new(world);
    let Kind::Word(name) = &token.kind else { return in_text(text, tokens, at, world) };
    let sign = |at: usize, sign: char| tokens.get(at).is_some_and(|token| token.kind == Kind::Sign(sign));
    if at > 0 && sign(at - 1, '.') {
        let view = bench.member(text, tokens[at - 1].end..token.end);
        let member = named(&view.members, name)?;
        return Some(help(&Entry::of_member(member, world.language), &fields(member, world)));
    }
    if at > 2 && sign(at - 1, ':') && sign(at - 2, ':') {
        let Kind::Word(alias) = &tokens[at - 3].kind else { return None };
        let function = outline::exports(text, alias, world).into_iter().find(|function| function.name == *name)?;
        return Some(help(&Entry::of_function(&function), ""));
    }
    if sign(at + 1, ':')
        && let (Cursor::Key { call, path, .. }, _) =
            cursor::read(&text[..token.start], &Text::scan(&text[..token.start]))
    {
        let keys = keys::of_call(&call, &path, &bench, text, world.language);
        return keys.iter().find(|key| key.label == *name).map(|key| help(key, ""));
    }
    let functions = outline::functions(text, &scan);
    if let Some(function) = functions.iter().find(|function| function.name == *name) {
        return Some(help(&Entry::of_function(function), ""));
    }
    if sign(at + 1, '(')
        && let Some(row) = library::functions().find(|row| row.on == library::On::Nothing && row.name == name)
    {
        return Some(help(&Entry::of_row_function(row, world.language), &example(row)));
    }
    let ty = bench.type_at(text, token.line, token.column).or_else(|| {
        let view = bench.scope(text, range.clone())?;
        view.variables.into_iter().find(|variable| variable.name == *name)?.ty
    });
    if let Some(ty) = ty {
        return Some(Help { range, head: format!("{name}: {ty}"), text: String::new() });
    }
    super::entries::names(world.language).iter().find(|entry| entry.label == *name).map(|entry| help(entry, ""))
}

/// A signature as it is; a name with its type.
fn head(entry: &Entry) -> String {
    match entry.kind {
        super::Kind::Method | super::Kind::Function => entry.detail.clone(),
        _ if entry.detail.is_empty() => entry.label.clone(),
        _ => format!("{}: {}", entry.label, entry.detail),
    }
}

fn example(row: &library::Function) -> String {
    let (code, gives) = row.example;
    let gives = if gives.is_empty() || gives.contains('\n') { String::new() } else { format!("  // {gives}") };
    format!("```rhai\n{code}{gives}\n```")
}

/// The instance that a name stands for, what an event is, or when an expression fires.
fn in_text(text: &str, tokens: &[Token], at: usize, world: &World) -> Option<Help> {
    let token = &tokens[at];
    let begun = &text[..=token.start];
    let (Cursor::Text { around }, _) = cursor::read(begun, &Text::scan(begun)) else { return None };
    let content = outline::inside(text, token);
    let range = token.start..token.end;
    let known = match &around {
        Around::Argument(call, 0) => match call.name.as_str() {
            "vps" => words::instances("kiwivm", world),
            "pbh" => words::instances("pbh", world),
            "downloader" => words::instances("downloader", world),
            "on_event" => words::events(world.language),
            "cron" => return firings(content, zone(text, tokens, call), range, world),
            _ => return None,
        },
        Around::Option(call, path) if path.last().is_some_and(|key| key == "at") => {
            return firings(content, zone(text, tokens, call), range, world);
        }
        // Schedules are kept in constants, too.
        Around::Other if content.split_whitespace().count() >= CRONTAB_FIELDS => {
            return firings(content, None, range, world);
        }
        _ => return None,
    };
    let known = known.into_iter().find(|entry| entry.label == content)?;
    Some(Help { range, head: head(&known), text: known.doc })
}

/// The zone that a trigger names for itself.
fn zone(text: &str, tokens: &[Token], call: &Call) -> Option<chrono_tz::Tz> {
    let open = tokens.iter().position(|token| token.start == call.start)? + 1;
    let inside = tokens.get(open + 1..outline::closing(tokens, open))?;
    let named = |three: &&[Token]| three[0].is_word("timezone") && three[1].kind == Kind::Sign(':');
    outline::inside(text, inside.windows(3).find(named).map(|three| &three[2])?).parse().ok()
}

/// When a crontab expression fires next; nothing for any other text.
fn firings(content: &str, zone: Option<chrono_tz::Tz>, range: Range<usize>, world: &World) -> Option<Help> {
    let zone = zone.unwrap_or(world.host.config.timezone);
    let now = world.host.clock.now();
    let cron = Cron::parse(content, zone, now).ok()?;
    let times = std::iter::successors(cron.next(now), |time| cron.next(*time));
    let times: Vec<_> = times.take(FIRINGS).map(|time| format!("- {}", time.display(zone))).collect();
    Some(Help { range, head: content.to_owned(), text: format!("{}\n\n{zone}", times.join("\n")) })
}

/// Of a crontab expression.
const CRONTAB_FIELDS: usize = 5;

/// Firings that are shown.
const FIRINGS: usize = 3;
/// Fields that are shown.
const FIELDS: usize = 24;

/// The fields of what a method gives, a line each.
fn fields(member: &Member, world: &World) -> String {
    let ty = match &member.origin {
        Origin::Row(row) | Origin::All(row) => Some(&row.returns),
        Origin::Helper(helper) => Some(&helper.returns),
        Origin::Function(row) => row.returns.plain(),
        Origin::Field(_, field) => field.map(|field| &field.ty),
        Origin::Plain(..) => None,
    };
    let Some(shape) = ty.and_then(shape) else { return String::new() };
    let line = |field: &crate::api::Field| {
        let (ty, doc) = super::entries::field_doc(field, world.language);
        let doc = if doc.is_empty() { doc } else { format!(": {doc}") };
        format!("- `{}` {ty}{doc}", field.name)
    };
    let mut lines: Vec<_> = shape.fields.iter().take(FIELDS).map(line).collect();
    if shape.fields.len() > FIELDS {
        lines.push("- …".into());
    }
    format!("`{}`\n\n{}", shape.name, lines.join("\n"))
}

/// The shape that a value, or each of its elements, has.
fn shape(ty: &Type) -> Option<&'static Shape> {
    match ty {
        Type::Shape(shape) => Some(shape),
        Type::List(inner) | Type::Page(inner) | Type::Null_(inner) | Type::Map(inner) => shape(inner),
        _ => None,
    }
}

/// The functions that the call may mean which is being written at a place.
pub fn signatures(text: &str, offset: usize, world: &World) -> Vec<Signature> {
    let offset = floor(text, offset);
    let scan = Text::scan(&text[..offset]);
    let tokens = scan.tokens.as_slice();
    let Some((open, call)) = calling(tokens) else { return Vec::new() };
    let active = cursor::arguments(&tokens[open + 1..]);
    let alias = open.checked_sub(4).filter(|at| {
        let sign = |at: usize| tokens[at].kind == Kind::Sign(':');
        sign(at + 1) && sign(at + 2)
    });
    let entries: Vec<Entry> = match (call.dot, alias.map(|at| &tokens[at].kind)) {
        (_, Some(Kind::Word(alias))) => {
            let functions = outline::exports(text, alias, world).into_iter();
            functions.filter(|function| function.name == call.name).map(|one| Entry::of_function(&one)).collect()
        }
        (Some(dot), _) => {
            let view = Bench::new(world).member(text, dot..call.start + call.name.len());
            named(&view.members, &call.name)
                .map(|member| Entry::of_member(member, world.language))
                .into_iter()
                .collect()
        }
        _ => {
            let own = outline::functions(text, &Text::scan(text)).into_iter();
            let own: Vec<_> = own.filter(|one| one.name == call.name).map(|one| Entry::of_function(&one)).collect();
            let rows = library::functions().filter(|row| row.on == library::On::Nothing && row.name == call.name);
            if own.is_empty() { rows.map(|row| Entry::of_row_function(row, world.language)).collect() } else { own }
        }
    };
    let signature = |entry: Entry| {
        let params = params(&entry.detail);
        Signature { active: active.min(params.len().saturating_sub(1)), label: entry.detail, doc: entry.doc, params }
    };
    entries.into_iter().filter(|entry| !entry.detail.is_empty()).map(signature).collect()
}

/// The innermost call whose brackets are open: where its bracket is. Maps and lists may lie between, blocks not.
fn calling(tokens: &[Token]) -> Option<(usize, Call)> {
    let mut end = tokens.len();
    while let Some(at) = cursor::open(&tokens[..end]) {
        let map = tokens[at].kind == Kind::Sign('{') && at > 0 && tokens[at - 1].kind == Kind::Sign('#');
        match tokens[at].kind {
            Kind::Sign('{') if !map => return None,
            Kind::Sign('(') => {
                if let Some(call) = cursor::call_at(tokens, at) {
                    return Some((at, call));
                }
            }
            _ => {}
        }
        end = at;
    }
    None
}

/// Where the parameters stand in a signature. Square brackets are around what may be left out, and around lists,
/// which hold no comma.
fn params(label: &str) -> Vec<Range<usize>> {
    let Some(open) = label.find('(') else { return Vec::new() };
    let (mut depth, mut start) = (0usize, open + 1);
    let mut found = Vec::new();
    let mut add = |start: usize, end: usize| {
        let trimmed = label[start..end].trim_start_matches(['[', ' ']);
        let from = end - trimmed.len();
        let mut trimmed = trimmed.trim_end_matches(['[', ' ']);
        while trimmed.ends_with(']') && trimmed.matches(']').count() > trimmed.matches('[').count() {
            trimmed = trimmed[..trimmed.len() - 1].trim_end();
        }
        if !trimmed.is_empty() {
            found.push(from..from + trimmed.len());
        }
    };
    for (at, c) in label.char_indices().skip_while(|(at, _)| *at < open) {
        match c {
            '(' | '{' => depth += 1,
            ')' | '}' => {
                depth -= 1;
                if depth == 0 {
                    add(start, at);
                    break;
                }
            }
            ',' if depth == 1 => {
                add(start, at);
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn parameters_are_found_in_every_spelling() {
        let words = |label: &'static str| params(label).into_iter().map(|range| &label[range]).collect::<Vec<_>>();
        assert_eq!(words("f()"), Vec::<&str>::new());
        assert_eq!(words("ban(ips: list, #{a: text, b: int}) -> Ban"), ["ips: list", "#{a: text, b: int}"]);
        assert_eq!(words("state.get(key: Text[, fallback: Any]) -> Any"), ["key: Text", "fallback: Any"]);
        assert_eq!(words("list.unique([key: Text | Function]) -> Same"), ["key: Text | Function"]);
        assert_eq!(words("f(x: (a, b), y)"), ["x: (a, b)", "y"]);
        assert_eq!(words("f(x: [Text][, y: [Text]])"), ["x: [Text]", "y: [Text]"]);
    }
}
