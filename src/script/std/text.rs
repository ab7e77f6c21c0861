//! Texts: how values print, JSON, and what a caught error was.

#[allow(clippy::wildcard_imports, reason = "what the module macro expands to needs them")]
use rhai::plugin::*;
use rhai::{Array, Dynamic, EvalAltResult, FuncRegistration, Map, Module, NativeCallContext};

use crate::address::Ip;
use crate::error::{Error, Kind};
use crate::script::diagnostic::{kind_of, raise};
use crate::script::handles::{Downloader, Pbh, State, Vps};
use crate::script::lazy::Lazy;
use crate::script::std::function::{Function, functions};
use crate::script::std::zone_of;
use crate::script::value;
use crate::secret::Secret;
use crate::time::{Duration, Time};

type RhaiResult<T> = Result<T, Box<EvalAltResult>>;

pub(super) static ROWS: &[Function] = functions! {
    pure Anywhere Nothing.to_json(value: Any) -> Text {
        "A value as JSON: times in RFC 3339, durations in seconds, secrets masked.",
        "把值写成 JSON：时间为 RFC 3339，时长为秒，机密被遮盖。",
        "to_json(#{a: [1, ()], took: 90.seconds})" => "{\"a\":[1,null],\"took\":90}"
    }
    pure Anywhere Nothing.parse_json(text: Text) -> Any {
        "Reads JSON.", "读取 JSON。",
        "parse_json(\"[1, 2.5, null]\")" => "[1, 2.5, ()]"
    }
    pure Anywhere Text.lines() -> [Text] {
        "The lines of a text, without their ends.", "文本的各行。",
        "\"a\\nb\".lines()" => "[\"a\", \"b\"]"
    }
    pure Anywhere Nothing.error_kind(error: Any) -> Text {
        "What sort of error was caught: `timeout`, `auth`, `api`, `script` and so on.",
        "捕获的错误属于哪一类：`timeout`、`auth`、`api`、`script` 等。",
        "let kind = (); try { throw \"no\" } catch (e) { kind = error_kind(e) } kind" => "script"
    }
};

pub(super) fn add(module: &mut Module) {
    module
        .set_custom_type::<Vps>("Vps")
        .set_custom_type::<Pbh>("Pbh")
        .set_custom_type::<Downloader>("Downloader")
        .set_custom_type::<State>("State")
        .set_custom_type::<Lazy>("Rows")
        .set_custom_type::<Secret>("Secret");
    prints::<Array>(module);
    prints::<Map>(module);
    prints::<Time>(module);
    prints::<Duration>(module);
    prints::<Ip>(module);
    prints::<Secret>(module);
    prints::<Vps>(module);
    prints::<Pbh>(module);
    prints::<Downloader>(module);
    prints::<State>(module);
    prints::<Lazy>(module);
    rhai::combine_with_exported_module!(module, "text", functions);
}

/// Interpolation, `print` and `+` with a text all go through these.
fn prints<T: Clone + Send + Sync + 'static>(module: &mut Module) {
    for name in ["to_string", "print", "to_debug", "debug"] {
        FuncRegistration::new(name)
            .in_global_namespace()
            .set_into_module(module, |ctx: NativeCallContext, value: &mut T| {
                display(&ctx, &Dynamic::from(value.clone()))
            });
    }
}

fn display(ctx: &NativeCallContext, value: &Dynamic) -> String {
    value::display(value, zone_of(ctx))
}

#[export_module]
mod functions {
    /// A value as JSON: times in RFC 3339, durations in seconds.
    pub fn to_json(ctx: NativeCallContext, value: Dynamic) -> String {
        value::to_json(&value, zone_of(&ctx)).to_string()
    }

    // Rhai has one of its own for maps, which knows none of our types.
    #[rhai_fn(name = "to_json")]
    pub fn map_to_json(ctx: NativeCallContext, map: Map) -> String {
        to_json(ctx, map.into())
    }

    /// The lines of a text, without their ends.
    pub fn lines(text: &str) -> Array {
        text.lines().map(Into::into).collect()
    }

    /// Reads JSON.
    #[rhai_fn(return_raw)]
    pub fn parse_json(ctx: NativeCallContext, text: &str) -> RhaiResult<Dynamic> {
        serde_json::from_str(text)
            .map(|value| value::from_json(&value))
            .map_err(|error| raise(Some(&ctx), Error::new(Kind::Argument, format!("the text is not JSON: {error}"))))
    }

    /// What sort of error was caught: `timeout`, `auth`, `api`, `script`, …
    pub fn error_kind(error: Dynamic) -> String {
        kind_of(&error).to_string()
    }
}
