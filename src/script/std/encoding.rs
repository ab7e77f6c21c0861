//! Texts in other clothes: CSV, tables, hashes, Base64, URLs.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
#[allow(clippy::wildcard_imports, reason = "what the module macro expands to needs them")]
use rhai::plugin::*;
use rhai::{Array, Dynamic, EvalAltResult, Map, Module, NativeCallContext};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Kind, Result};
use crate::script::diagnostic::raise;
use crate::script::options;
use crate::script::std::function::{Function, functions};
use crate::script::std::{run_of, zone_of};
use crate::script::value::{self, type_name};
use crate::secret::{Secret, hex};

type RhaiResult<T> = std::result::Result<T, Box<EvalAltResult>>;

/// What needs no percent sign in any part of a URL.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(super) static ROWS: &[Function] = functions! {
    pure Anywhere Nothing.table(rows: [{Any}]; columns: [Text]) -> Text {
        "Maps as a table of aligned columns, Chinese included; without `columns` those of the first map.",
        "把映射列表排成对齐的表格（中文同样对齐）；省略 `columns` 时用第一行的键。",
        "table([#{名称: \"东京\", n: 5}, #{名称: \"oslo\", n: 12}], [\"名称\", \"n\"])" => " 名称   n\n 东京   5\n oslo  12"
    }
    pure Anywhere Nothing.parse_csv(text: Text; options: (map of header: Bool, delimiter: Text)) -> [{Text}] {
        "Reads CSV: a map a row by the names of the first line; lists with `header: false`.",
        "读取 CSV：以首行为键，每行一个映射；`header: false` 时每行一个列表。",
        "parse_csv(\"ip,n\\n203.0.113.7,2\")[0].n" => "2"
    }
    pure Anywhere Nothing.to_csv(rows: [{Any}]; columns: [Text]) -> Text {
        "Maps as CSV with a first line of names; without `columns` those of the first map.",
        "把映射列表写成带表头的 CSV；省略 `columns` 时用第一行的键。",
        "to_csv([#{a: 1, b: \"x,y\"}]).lines()" => "[\"a,b\", \"1,\\\"x,y\\\"\"]"
    }
    pure Anywhere Nothing.sha256(text: Text) -> Text {
        "The SHA-256 of a text, in hex.", "文本的 SHA-256（十六进制）。",
        "sha256(\"abc\").sub_string(0, 8)" => "ba7816bf"
    }
    pure Anywhere Nothing.hmac_sha256(key: (Text | Secret), text: Text; encoding: Text) -> Text {
        "The HMAC-SHA-256 of a text, in `\"hex\"` or `\"base64\"`; the key may be a secret.",
        "文本的 HMAC-SHA-256，`\"hex\"` 或 `\"base64\"`；密钥可以是机密。",
        "hmac_sha256(\"key\", \"text\", \"base64\").len()" => "44"
    }
    pure Anywhere Nothing.base64_encode(text: Text) -> Text {
        "A text in Base64.", "Base64 编码。",
        "base64_encode(\"流量\")" => "5rWB6YeP"
    }
    pure Anywhere Nothing.base64_decode(text: Text) -> Text {
        "The text that a Base64 stands for.", "Base64 解码。",
        "base64_decode(\"5rWB6YeP\")" => "流量"
    }
    pure Anywhere Nothing.url_encode(text: Text) -> Text {
        "A text as it may stand in any part of a URL.", "URL 编码。",
        "url_encode(\"a b/流\")" => "a%20b%2F%E6%B5%81"
    }
    pure Anywhere Nothing.url_decode(text: Text) -> Text {
        "The text that a part of a URL stands for.", "URL 解码。",
        "url_decode(\"a%20b\")" => "a b"
    }
};

pub(super) fn add(module: &mut Module) {
    rhai::combine_with_exported_module!(module, "encoding", functions_of_texts);
}

/// Columns of a list of maps: those asked for, or those of the first map.
fn columns(rows: &[Map], columns: &[Dynamic]) -> Result<Vec<String>> {
    if columns.is_empty() {
        return Ok(rows.first().map(|row| row.keys().map(ToString::to_string).collect()).unwrap_or_default());
    }
    columns.iter().map(|name| options::to_text("a column", name)).collect()
}

fn maps(what: &str, rows: &Array) -> Result<Vec<Map>> {
    let map = |row: &Dynamic| {
        row.read_lock::<Map>().map(|map| map.clone()).ok_or_else(|| {
            Error::new(Kind::Argument, format!("`{what}` takes a list of maps, not of {}", type_name(row)))
                .hint(format!("write `{what}(list.map(|x| #{{name: x}}))`"))
        })
    };
    rows.iter().map(map).collect()
}

fn too_many(most: usize) -> Error {
    Error::new(Kind::Limit, format!("there would be more than {most} cells"))
        .hint("take fewer rows or columns, or raise `[limits] array`")
}

/// The cells of each row, texts; a cell that a row lacks is empty.
fn cells(what: &str, ctx: &NativeCallContext, rows: &Array, names: &Array) -> Result<(Vec<String>, Vec<Vec<Dynamic>>)> {
    let most = run_of(Some(ctx))?.host.config.limits.array;
    let rows = maps(what, rows)?;
    let names = columns(&rows, names)?;
    if rows.len().saturating_mul(names.len()) > most {
        return Err(too_many(most));
    }
    let cell = |row: &Map, name: &String| row.get(name.as_str()).cloned().unwrap_or_default();
    let rows = rows.iter().map(|row| names.iter().map(|name| cell(row, name)).collect()).collect();
    Ok((names, rows))
}

fn read_csv(ctx: &NativeCallContext, text: &str, map: &Map) -> Result<Array> {
    options::known(map, &["header", "delimiter"])?;
    let header = options::boolean(map, "header")?.unwrap_or(true);
    let delimiter = match options::text(map, "delimiter")?.as_deref().map(str::as_bytes) {
        None => b',',
        Some([byte]) => *byte,
        Some(_) => {
            return Err(
                Error::new(Kind::Argument, "`delimiter` is one ASCII character").hint("write `delimiter: \";\"`")
            );
        }
    };
    let most = run_of(Some(ctx))?.host.config.limits.array;
    let wrong = |error: &csv::Error| {
        Error::new(Kind::Argument, format!("the text is not CSV: {error}"))
            .hint("each row has as many cells as the first; write `header: false` where there are no names")
    };
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(header)
        .flexible(!header)
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let names: Vec<rhai::Identifier> = if header {
        reader.headers().map_err(|error| wrong(&error))?.iter().map(Into::into).collect()
    } else {
        Vec::new()
    };
    let mut rows = Array::new();
    let mut count = 0;
    for record in reader.records() {
        let record = record.map_err(|error| wrong(&error))?;
        count += record.len();
        if count > most {
            return Err(too_many(most));
        }
        rows.push(if header {
            names.iter().cloned().zip(record.iter().map(Into::into)).collect::<Map>().into()
        } else {
            record.iter().map(Into::into).collect::<Array>().into()
        });
    }
    Ok(rows)
}

fn write_csv(ctx: &NativeCallContext, rows: &Array, names: &Array) -> Result<String> {
    let (names, rows) = cells("to_csv", ctx, rows, names)?;
    let zone = zone_of(ctx);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut write = |cells: &[String]| writer.write_record(cells).map_err(|error| Error::internal(error.to_string()));
    if names.is_empty() {
        return Ok(String::new());
    }
    write(&names)?;
    for row in &rows {
        // What is absent is empty rather than `()`.
        let text = |cell: &Dynamic| if cell.is_unit() { String::new() } else { value::display(cell, zone) };
        write(&row.iter().map(text).collect::<Vec<_>>())?;
    }
    let bytes = writer.into_inner().map_err(|error| Error::internal(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| Error::internal(error.to_string()))
}

/// Rows that a person can still look through.
const LONGEST_TABLE: usize = 10_000;

fn draw(ctx: &NativeCallContext, rows: &Array, names: &Array) -> Result<String> {
    if rows.len() > LONGEST_TABLE {
        return Err(Error::new(
            Kind::Argument,
            format!("a table has at most {LONGEST_TABLE} rows, not {}", rows.len()),
        )
        .hint("take the first ones: `list.top_by(20, \"uploaded\")`"));
    }
    let (names, rows) = cells("table", ctx, rows, names)?;
    Ok(value::table(&names, &rows, zone_of(ctx)))
}

fn hmac(key: &Dynamic, text: &str, encoding: &str) -> Result<String> {
    let key = match key.read_lock::<Secret>() {
        Some(secret) => secret.expose().to_owned(),
        None => options::to_text("the key", key)?,
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).map_err(|error| Error::internal(error.to_string()))?;
    mac.update(text.as_bytes());
    let bytes = mac.finalize().into_bytes();
    match encoding {
        "hex" => Ok(hex(&bytes)),
        "base64" => Ok(BASE64_STANDARD.encode(bytes)),
        other => Err(Error::new(Kind::Argument, format!("`{other}` is no encoding of a hash"))
            .hint("it is `\"hex\"` or `\"base64\"`")),
    }
}

fn not_text(what: &str) -> Error {
    Error::new(Kind::Argument, format!("the text is not {what}"))
}

#[export_module]
mod functions_of_texts {
    #[rhai_fn(return_raw)]
    pub fn table(ctx: NativeCallContext, rows: Array) -> RhaiResult<String> {
        draw(&ctx, &rows, &Array::new()).map_err(|error| raise(Some(&ctx), error))
    }

    #[rhai_fn(name = "table", return_raw)]
    pub fn table_of(ctx: NativeCallContext, rows: Array, columns: Array) -> RhaiResult<String> {
        draw(&ctx, &rows, &columns).map_err(|error| raise(Some(&ctx), error))
    }

    #[rhai_fn(return_raw)]
    pub fn parse_csv(ctx: NativeCallContext, text: &str) -> RhaiResult<Array> {
        read_csv(&ctx, text, &Map::new()).map_err(|error| raise(Some(&ctx), error))
    }

    #[rhai_fn(name = "parse_csv", return_raw)]
    pub fn parse_csv_with(ctx: NativeCallContext, text: &str, options: Map) -> RhaiResult<Array> {
        read_csv(&ctx, text, &options).map_err(|error| raise(Some(&ctx), error))
    }

    #[rhai_fn(return_raw)]
    pub fn to_csv(ctx: NativeCallContext, rows: Array) -> RhaiResult<String> {
        write_csv(&ctx, &rows, &Array::new()).map_err(|error| raise(Some(&ctx), error))
    }

    #[rhai_fn(name = "to_csv", return_raw)]
    pub fn to_csv_of(ctx: NativeCallContext, rows: Array, columns: Array) -> RhaiResult<String> {
        write_csv(&ctx, &rows, &columns).map_err(|error| raise(Some(&ctx), error))
    }

    pub fn sha256(text: &str) -> String {
        hex(&Sha256::digest(text.as_bytes()))
    }

    #[rhai_fn(return_raw)]
    pub fn hmac_sha256(ctx: NativeCallContext, key: Dynamic, text: &str) -> RhaiResult<String> {
        hmac(&key, text, "hex").map_err(|error| raise(Some(&ctx), error))
    }

    #[rhai_fn(name = "hmac_sha256", return_raw)]
    pub fn hmac_sha256_in(ctx: NativeCallContext, key: Dynamic, text: &str, encoding: &str) -> RhaiResult<String> {
        hmac(&key, text, encoding).map_err(|error| raise(Some(&ctx), error))
    }

    pub fn base64_encode(text: &str) -> String {
        BASE64_STANDARD.encode(text)
    }

    #[rhai_fn(return_raw)]
    pub fn base64_decode(ctx: NativeCallContext, text: &str) -> RhaiResult<String> {
        let bytes = BASE64_STANDARD.decode(text.trim()).ok();
        bytes
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| raise(Some(&ctx), not_text("the Base64 of a text")))
    }

    pub fn url_encode(text: &str) -> String {
        utf8_percent_encode(text, PLAIN).to_string()
    }

    #[rhai_fn(return_raw)]
    pub fn url_decode(ctx: NativeCallContext, text: &str) -> RhaiResult<String> {
        let decoded = percent_decode_str(text).decode_utf8();
        decoded.map(Into::into).map_err(|_| raise(Some(&ctx), not_text("a part of a URL")))
    }
}
