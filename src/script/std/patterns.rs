//! Regular expressions over texts. They take time in proportion to the text, whatever the pattern.

#[allow(clippy::wildcard_imports, reason = "what the module macro expands to needs them")]
use rhai::plugin::*;
use rhai::{Array, Dynamic, EvalAltResult, Map, Module, NativeCallContext};

use regex::{Captures, Regex, RegexBuilder};

use crate::error::{Error, Kind, Result};
use crate::script::diagnostic::raise;
use crate::script::std::function::{Function, functions};
use crate::script::std::run_of;

type RhaiResult<T> = std::result::Result<T, Box<EvalAltResult>>;

/// Bytes that a compiled pattern may take: `\w{1000}{1000}` would fill the memory.
const LARGEST: usize = 1 << 20;

pub(super) static ROWS: &[Function] = functions! {
    pure Anywhere Text.is_match(pattern: Text) -> Bool {
        "Whether the regular expression matches somewhere. Back-ticks save doubled backslashes.",
        "正则表达式是否匹配。用反引号书写可免去双反斜杠。",
        "\"-qB4520-abc\".is_match(`^-qB\\d+`)" => "true"
    }
    pure Anywhere Text.find(pattern: Text) -> (Text | Null) {
        "The first match; `()` where there is none.",
        "第一个匹配；没有时为 `()`。",
        "\"Show.S02E07.mkv\".find(`S\\d+E\\d+`)" => "S02E07"
    }
    pure Anywhere Text.find_all(pattern: Text) -> [Text] {
        "Every match, in order.",
        "所有匹配，按顺序。",
        "\"10.0.0.1 and 10.0.0.2\".find_all(`\\d+\\.\\d+\\.\\d+\\.\\d+`)" => "[\"10.0.0.1\", \"10.0.0.2\"]"
    }
    pure Anywhere Text.captures(pattern: Text) -> ([Text] | Null) {
        "The first match and its groups, `()` for a group that took no part; `()` where nothing matches.",
        "第一个匹配及其各组，未参与的组为 `()`；不匹配时为 `()`。",
        "\"S02E07\".captures(`S(\\d+)E(\\d+)`)" => "[\"S02E07\", \"02\", \"07\"]"
    }
    pure Anywhere Text.named_captures(pattern: Text) -> ({Text} | Null) {
        "The groups with names, `(?<name>…)`, of the first match; `()` where nothing matches.",
        "第一个匹配中的命名组 `(?<name>…)`；不匹配时为 `()`。",
        "\"S02E07\".named_captures(`S(?<season>\\d+)`).season" => "02"
    }
    pure Anywhere Text.replace_regex(pattern: Text, replacement: Text) -> Text {
        "The text with every match replaced; `$1` and `${name}` stand for groups.",
        "替换所有匹配；`$1` 与 `${name}` 代表各组。",
        "\"a1b22\".replace_regex(`\\d+`, \"#\")" => "a#b#"
    }
    pure Anywhere Text.split_regex(pattern: Text) -> [Text] {
        "The text cut at every match.",
        "在每个匹配处切开文本。",
        "\"a, b;c\".split_regex(`[,;]\\s*`)" => "[\"a\", \"b\", \"c\"]"
    }
};

pub(super) fn add(module: &mut Module) {
    rhai::combine_with_exported_module!(module, "patterns", methods);
}

/// The compiled pattern; a run compiles each only once.
///
/// # Errors
/// `argument` for what is no pattern, or too large a one.
fn compiled(ctx: &NativeCallContext, pattern: &str) -> RhaiResult<Regex> {
    let compile = || {
        let run = run_of(Some(ctx))?;
        run.patterns.get(pattern, || {
            RegexBuilder::new(pattern)
                .size_limit(LARGEST)
                .dfa_size_limit(LARGEST)
                .build()
                .map_err(|error| wrong(&error))
        })
    };
    compile().map_err(|error| raise(Some(ctx), error))
}

fn wrong(error: &regex::Error) -> Error {
    match error {
        regex::Error::CompiledTooBig(_) => {
            Error::new(Kind::Argument, "the regular expression is too large").hint("repeat fewer times: `{1,50}`")
        }
        // The last line says what is wrong, those before it show where.
        error => {
            let text = error.to_string();
            let why = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            Error::new(Kind::Argument, format!("the regular expression cannot be read: {why}"))
                .hint("between back-ticks a backslash needs no second one: `\\d+`")
        }
    }
}

/// A list of what may be as many as the text has characters.
fn bounded<'a>(ctx: &NativeCallContext, items: impl Iterator<Item = &'a str>) -> RhaiResult<Array> {
    let most = run_of(Some(ctx)).map_or(usize::MAX, |run| run.host.config.limits.array);
    let list: Array = items.take(most.saturating_add(1)).map(Into::into).collect();
    within(list, most).map_err(|error| raise(Some(ctx), error))
}

fn within(list: Array, most: usize) -> Result<Array> {
    if list.len() <= most {
        return Ok(list);
    }
    Err(Error::new(Kind::Limit, format!("the list would have more than {most} elements"))
        .hint("work on a part of the text, or raise `[limits] array`"))
}

fn group(found: &Captures, n: usize) -> Dynamic {
    found.get(n).map_or(Dynamic::UNIT, |group| group.as_str().into())
}

#[export_module]
mod methods {
    #[rhai_fn(return_raw, pure)]
    pub fn is_match(ctx: NativeCallContext, text: &mut ImmutableString, pattern: &str) -> RhaiResult<bool> {
        Ok(compiled(&ctx, pattern)?.is_match(text))
    }

    #[rhai_fn(return_raw, pure)]
    pub fn find(ctx: NativeCallContext, text: &mut ImmutableString, pattern: &str) -> RhaiResult<Dynamic> {
        Ok(compiled(&ctx, pattern)?.find(text).map_or(Dynamic::UNIT, |found| found.as_str().into()))
    }

    #[rhai_fn(return_raw, pure)]
    pub fn find_all(ctx: NativeCallContext, text: &mut ImmutableString, pattern: &str) -> RhaiResult<Array> {
        bounded(&ctx, compiled(&ctx, pattern)?.find_iter(text).map(|found| found.as_str()))
    }

    #[rhai_fn(return_raw, pure)]
    pub fn captures(ctx: NativeCallContext, text: &mut ImmutableString, pattern: &str) -> RhaiResult<Dynamic> {
        let pattern = compiled(&ctx, pattern)?;
        let groups = |found: Captures| (0..found.len()).map(|n| group(&found, n)).collect::<Array>();
        Ok(pattern.captures(text).map_or(Dynamic::UNIT, |found| groups(found).into()))
    }

    #[rhai_fn(return_raw, pure)]
    pub fn named_captures(ctx: NativeCallContext, text: &mut ImmutableString, pattern: &str) -> RhaiResult<Dynamic> {
        let pattern = compiled(&ctx, pattern)?;
        let Some(found) = pattern.captures(text) else { return Ok(Dynamic::UNIT) };
        let names = pattern.capture_names().enumerate();
        Ok(names.filter_map(|(n, name)| Some((name?.into(), group(&found, n)))).collect::<Map>().into())
    }

    #[rhai_fn(return_raw, pure)]
    pub fn replace_regex(
        ctx: NativeCallContext,
        text: &mut ImmutableString,
        pattern: &str,
        replacement: &str,
    ) -> RhaiResult<String> {
        let most = run_of(Some(&ctx)).map_or(usize::MAX, |run| run.host.config.limits.string);
        let mut replaced = String::new();
        let mut from = 0;
        for found in compiled(&ctx, pattern)?.captures_iter(text) {
            let Some(whole) = found.get(0) else { continue };
            replaced += &text[from..whole.start()];
            found.expand(replacement, &mut replaced);
            from = whole.end();
            if replaced.len() > most {
                let error = Error::new(Kind::Limit, format!("the text would be longer than {most} bytes"));
                return Err(raise(Some(&ctx), error.hint("work on a part of it, or raise `[limits] string`")));
            }
        }
        Ok(replaced + &text[from..])
    }

    #[rhai_fn(return_raw, pure)]
    pub fn split_regex(ctx: NativeCallContext, text: &mut ImmutableString, pattern: &str) -> RhaiResult<Array> {
        bounded(&ctx, compiled(&ctx, pattern)?.split(text))
    }
}
