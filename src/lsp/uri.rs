//! Addresses of files as the protocol has them.

use std::path::{Path, PathBuf};

use lsp_types::Uri;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value;

/// What no address may hold as it is, and paths do.
const RAW: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'[')
    .add(b']')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The path of a file on this machine.
pub(super) fn path_of(uri: &str) -> Option<PathBuf> {
    url::Url::parse(uri).ok()?.to_file_path().ok()
}

pub(super) fn uri_of(path: &Path) -> Option<Uri> {
    encoded(url::Url::from_file_path(path).ok()?.as_str()).parse().ok()
}

fn encoded(uri: &str) -> String {
    utf8_percent_encode(uri, RAW).to_string()
}

/// What an editor says, in the words of the protocol: some write addresses as they are, and old ones count no versions.
pub(super) fn tidied(params: Value) -> Value {
    match params {
        Value::Object(fields) => {
            let field = |(key, value): (String, Value)| {
                let value = match (key.as_str(), value) {
                    ("uri" | "rootUri", Value::String(uri)) => encoded(&uri).into(),
                    ("version", Value::Null) => 0.into(),
                    (_, value) => tidied(value),
                };
                (key, value)
            };
            fields.into_iter().map(field).collect()
        }
        Value::Array(items) => items.into_iter().map(tidied).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_any_spelling_is_an_address_and_back() {
        for path in ["/a b/[x]/#1/脚本.rhai", "/100%/`{}`.rhai"] {
            let uri = uri_of(Path::new(path)).unwrap();
            assert_eq!(path_of(uri.as_str()).as_deref(), Some(Path::new(path)), "{uri:?}");
        }
        let said = serde_json::json!({"textDocument": {"uri": "file:///a b/[x]/脚本.rhai", "version": null}});
        let heard = tidied(said);
        assert_eq!(heard["textDocument"]["version"], 0);
        let uri: Uri = serde_json::from_value(heard["textDocument"]["uri"].clone()).unwrap();
        assert_eq!(path_of(uri.as_str()).as_deref(), Some(Path::new("/a b/[x]/脚本.rhai")));
    }
}
