//! What was called, and what a dry run held back.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::permission::Effect;

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
    /// The helper that made the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    /// In words, for what was held back: `ban 12 peers on home for 6h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
}
