//! Replies of real programs, for the tests of what is read from them.

use std::path::Path;

use serde_json::Value;

/// The body of one reply: `tests/fixtures/<client>/replies.json`.
pub(super) fn reply(client: &str, case: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/{client}/replies.json"));
    let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let found = cases.iter().find(|entry| entry["case"] == case);
    found.unwrap_or_else(|| panic!("no case `{case}` of {client}"))["body"].clone()
}
