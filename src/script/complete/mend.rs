//! Texts that parse, in place of one that somebody is in the middle of: what is missing is added, and where that does
//! not help, the value alone is looked at that the place is about.

use std::ops::Range;

use rhai::Engine;

use crate::permission::Grants;
use crate::script::check;
use crate::script::check::probe::{self, View};
use crate::script::check::text::{Kind, Text, Token};
use crate::script::modules::Imports;
use crate::script::{engine, quiet};

use super::World;
use super::scope::{self, Declared};

/// Where texts are parsed and looked at.
pub(super) struct Bench<'a> {
    world: &'a World,
    engine: Engine,
    imports: Imports,
}

impl<'a> Bench<'a> {
    pub fn new(world: &'a World) -> Self {
        let imports = Imports::new(&world.folder);
        let engine = engine::build(&quiet(&world.host, &world.script), &imports);
        Self { world, engine, imports }
    }

    /// What is known where a text that parses has the name of the probe.
    fn look(&self, text: &str) -> Option<View> {
        let ast = engine::parse(&self.engine, text, "").ok()?;
        let world = check::World::new(&self.world.host, &self.world.script, Grants::default());
        match &self.world.before {
            Some(before) => {
                let ast = before.functions.merge(&ast);
                probe::look(&world, &self.engine, &self.imports, &ast, text, Some(&before.variables))
            }
            None => probe::look(&world, &self.engine, &self.imports, &ast, text, None),
        }
    }

    /// What is known of the value before the dot that ends where `word` begins; the word itself may be anything.
    pub fn member(&self, text: &str, word: Range<usize>) -> View {
        self.step(text, word, probe::NAME)
    }

    /// The same of the elements of the list before that dot.
    pub fn item(&self, text: &str, word: Range<usize>) -> View {
        self.step(text, word, &format!("map(|it| it.{})", probe::NAME))
    }

    fn step(&self, text: &str, word: Range<usize>, step: &str) -> View {
        let nothing = || View { members: Vec::new(), receiver: None, variables: Vec::new(), load: false };
        let mended = mended(text, word.clone(), step).find_map(|text| self.look(&text));
        mended
            .filter(|view| view.receiver.is_some())
            .or_else(|| self.look(&alone(text, word.start, step)?))
            .unwrap_or_else(nothing)
    }

    /// The type of the variable or field at a place of a text that parses, in words.
    pub fn type_at(&self, text: &str, line: usize, column: usize) -> Option<String> {
        let ast = engine::parse(&self.engine, text, "").ok()?;
        let world = check::World::new(&self.world.host, &self.world.script, Grants::default());
        let analysis = check::analyse(&world, &self.engine, &self.imports, &ast, text);
        analysis.type_at(line, column).map(ToOwned::to_owned)
    }

    /// What is in scope at a word.
    pub fn scope(&self, text: &str, word: Range<usize>) -> Option<View> {
        mended(text, word, probe::NAME).find_map(|text| self.look(&text))
    }
}

/// The text with `new` in place of a word, in the ways that may parse: as it is, as a statement of its own, and
/// without what follows.
fn mended(text: &str, word: Range<usize>, new: &str) -> impl Iterator<Item = String> {
    let (before, after) = (text[..word.start].to_owned(), text[word.end..].to_owned());
    let rest = after.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_').to_owned();
    let new = new.to_owned();
    (0..4).map(move |way| match way {
        0 => format!("{before}{new}{rest}"),
        1 => format!("{before}{new};{rest}"),
        2 => format!("{before}{new}{}", closed(&before)),
        _ => format!("{before}{new} {{}}{}", closed(&before)),
    })
}

/// What closes everything that is open at the end of a text.
fn closed(text: &str) -> String {
    let scan = Text::scan(text);
    let mut open: Vec<(usize, &str)> = scan.holes.iter().map(|at| (*at, "}`")).collect();
    let mut signs: Vec<(usize, &str)> = Vec::new();
    for (i, token) in scan.tokens.iter().enumerate() {
        let word = |word: &str| i > 0 && scan.tokens[i - 1].is_word(word);
        match token.kind {
            Kind::Sign('(') => signs.push((token.start, ")")),
            Kind::Sign('[') => signs.push((token.start, "]")),
            Kind::Sign('{') if word("try") => signs.push((token.start, "} catch {}")),
            Kind::Sign('{') if word("do") => signs.push((token.start, "} while false;")),
            Kind::Sign('{') => signs.push((token.start, "}")),
            Kind::Sign(')' | ']' | '}') => drop(signs.pop()),
            _ => {}
        }
    }
    open.extend(signs);
    open.sort_unstable_by_key(|(at, _)| std::cmp::Reverse(*at));
    open.into_iter().map(|(_, sign)| sign).collect()
}

/// How far back the declarations of variables are followed.
const FARTHEST: usize = 6;

/// The value before a dot alone, with what its variables were last said to be: for a text that is wrong elsewhere.
fn alone(text: &str, dot: usize, step: &str) -> Option<String> {
    let scan = Text::scan(&text[..dot]);
    let tokens = scan.tokens.strip_suffix(&[scan.tokens.last()?.clone()])?;
    let first = chain(tokens)?;
    let value = &text[tokens[first].start..tokens.last()?.end];
    let mut program = format!("({value}).{step}");
    let mut wanted: Vec<String> = words(&tokens[first..]).collect();
    let mut known: Vec<String> = Vec::new();
    while let Some(name) = wanted.pop().filter(|_| known.len() < FARTHEST) {
        if known.contains(&name) {
            continue;
        }
        let value = match scope::declaration(&scan.tokens, &name) {
            Some(Declared::Value(range)) => text[range].to_owned(),
            Some(Declared::Element(range)) => format!("({})[0]", &text[range]),
            _ => match by_name(&name) {
                Some(usual) => usual.to_owned(),
                None => continue,
            },
        };
        wanted.extend(words(&Text::scan(&value).tokens));
        program = format!("let {name} = {value};\n{program}");
        known.push(name);
    }
    Some(program)
}

/// What people call a handle, where nothing says what it is.
fn by_name(name: &str) -> Option<&'static str> {
    Some(match name {
        "v" | "vps" | "server" => "vps()",
        "p" | "pbh" => "pbh()",
        "d" | "downloader" | "client" => "all_downloaders()[0]",
        "t" | "torrent" => "all_downloaders()[0].torrents()[0]",
        "peer" => "pbh().live_peers()[0]",
        _ => return None,
    })
}

/// The words that may be variables: no method, no key, no function.
fn words(tokens: &[Token]) -> impl Iterator<Item = String> {
    tokens.iter().enumerate().filter_map(|(i, token)| {
        let Kind::Word(word) = &token.kind else { return None };
        let after = tokens.get(i + 1).map(|next| &next.kind);
        let method = i > 0 && tokens[i - 1].kind == Kind::Sign('.');
        (!method && !matches!(after, Some(Kind::Sign('(' | ':')))).then(|| word.clone())
    })
}

/// Where the chain of fields and calls begins that these words end with.
pub(super) fn chain(tokens: &[Token]) -> Option<usize> {
    let mut at = tokens.len();
    loop {
        // Arguments and indexes of the last step.
        while at > 0 && matches!(tokens[at - 1].kind, Kind::Sign(')' | ']')) {
            at = matching(tokens, at - 1)?;
            // What stands in brackets alone is the beginning.
            if at == 0 || !matches!(tokens[at - 1].kind, Kind::Word(_) | Kind::Sign(')' | ']')) {
                return Some(at);
            }
        }
        if at == 0 {
            return None;
        }
        match tokens[at - 1].kind {
            Kind::Word(_) | Kind::Text | Kind::Number(_) => at -= 1,
            _ => return None,
        }
        if at >= 1 && tokens[at - 1].kind == Kind::Sign('.') {
            at -= 1;
            if at >= 1 && tokens[at - 1].kind == Kind::Sign('?') {
                at -= 1;
            }
            continue;
        }
        return Some(at);
    }
}

/// The bracket that a closing one at an index belongs to.
fn matching(tokens: &[Token], end: usize) -> Option<usize> {
    let mut depth = 0usize;
    for at in (0..=end).rev() {
        match tokens[at].kind {
            Kind::Sign(')' | ']' | '}') => depth += 1,
            Kind::Sign('(' | '[' | '{') => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_closed_in_order() {
        assert_eq!(closed("cron(\"x\", \"y\", || { if a { f([1, "), "])}})");
        assert_eq!(closed("info(`a ${ f(b, #{c: "), "})}`)");
        assert_eq!(closed("try { x"), "} catch {}");
        assert_eq!(closed("f(\")(\") // ("), "");
    }

    #[test]
    fn the_value_alone_takes_its_variables_along() {
        let alone = |text: &str| alone(text, text.len(), "x").unwrap();
        assert_eq!(alone("let = ;\nlet home = pbh(\"home\");\nhome."), "let home = pbh(\"home\");\n(home).x");
        assert_eq!(alone("let = ; all_vps()[0]."), "(all_vps()[0]).x");
        let text = "let = ;\nfor v in all_vps() { let d = v.downloaders(); d.filter(|one| one.";
        assert_eq!(alone(text), "let v = (all_vps())[0];\nlet d = v.downloaders();\nlet one = (d)[0];\n(one).x");
    }
}
