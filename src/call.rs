//! What was called, and what a dry run held back.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::language::Language;
use crate::permission::Effect;
use crate::text::clip;
use crate::units::format_bytes;

/// One request as it was sent, or as it would have been. Contains no secret.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Call {
    /// `kiwivm`, `pbh`, `downloader`, `http`, `notify` or `state`.
    pub service: String,
    pub instance: String,
    /// The row's id; `METHOD path` for a torrent client; the channel for `notify`; the operation for `state`.
    pub endpoint: String,
    pub effect: Effect,
    pub args: Value,
    /// HTTP status, where there was an answer.
    pub status: Option<u16>,
    pub ok: bool,
    pub ms: u64,
    /// Of the reply's body, where there was one to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The helper that made the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    /// In words, for what was held back: `ban 12 peers on home for 6h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
}

/// Items of a list that are shown.
const ITEMS: usize = 20;

impl Call {
    /// What it does, in words.
    pub fn words(&self) -> String {
        self.summary.clone().unwrap_or_else(|| format!("{} on {}", self.endpoint, self.instance))
    }

    /// The lists among its arguments, which its words only count: a line each.
    pub fn details(&self) -> Vec<String> {
        let Value::Object(args) = &self.args else { return Vec::new() };
        let words = self.words();
        let lists = args.iter().filter_map(|(key, value)| Some((key, value.as_array()?)));
        let line = |(key, items): (&String, &Vec<Value>)| {
            let name = |item: &Value| match item {
                Value::String(text) => text.clone(),
                Value::Object(map) => ["ip", "name", "key", "hash", "id"]
                    .iter()
                    .find_map(|key| map.get(*key)?.as_str().map(ToOwned::to_owned))
                    .unwrap_or_else(|| item.to_string()),
                item => item.to_string(),
            };
            let names: Vec<_> = items.iter().take(ITEMS).map(name).collect();
            // What the words say already needs no list.
            if names.iter().all(|name| words.contains(name.as_str())) {
                return None;
            }
            let more = items.len().saturating_sub(ITEMS);
            let more = if more == 0 { String::new() } else { format!(", … ({more} more)") };
            Some(format!("{key}: {}{more}", clip(&names.join(", "), 2000)))
        };
        lists.filter_map(line).collect()
    }
}
/// Characters of a call's arguments in words.
const ARGUMENTS: usize = 200;

impl Call {
    /// On one line, for people: `reads   pbh/home bans_list page=1 → 200, 31 ms`.
    pub fn in_words(&self, language: Language) -> String {
        let verb = match (self.service.as_str(), self.effect) {
            (_, Effect::Read) => language.pick("reads  ", "读取"),
            ("state", _) => language.pick("keeps  ", "记下"),
            _ => language.pick("does   ", "执行"),
        };
        let failed = language.pick("failed", "失败");
        let instance = if self.instance.is_empty() { String::new() } else { format!("/{}", self.instance) };
        let mut text = format!("{verb} {}{instance} {}{}", self.service, self.endpoint, arguments(&self.args));
        if let Some(via) = &self.via {
            let _ = match language {
                Language::English => write!(text, " (for {via})"),
                Language::Chinese => write!(text, "（为了 {via}）"),
            };
        }
        match (self.status, self.ok) {
            (Some(status), true) => {
                let _ = write!(text, " → {status}");
            }
            (Some(status), false) => {
                let _ = write!(text, " → {failed}, {status}");
            }
            (None, false) => {
                let _ = write!(text, " → {failed}");
            }
            (None, true) => {}
        }
        if self.ms > 0 {
            let _ = write!(text, ", {} ms", self.ms);
        }
        if let Some(bytes) = self.bytes {
            let _ = write!(text, ", {}", format_bytes(i64::try_from(bytes).unwrap_or(i64::MAX)));
        }
        text
    }
}

fn arguments(args: &Value) -> String {
    let text = match args {
        Value::Null => return String::new(),
        Value::Object(map) if map.is_empty() => return String::new(),
        Value::Object(map) => {
            let pairs: Vec<_> = map.iter().map(|(key, value)| format!(" {key}={value}")).collect();
            pairs.concat()
        }
        other => format!(" {other}"),
    };
    clip(&text, ARGUMENTS).into_owned()
}
