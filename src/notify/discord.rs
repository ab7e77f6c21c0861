//! Discord's webhooks. <https://discord.com/developers/docs/resources/webhook#execute-webhook>

use serde_json::json;

use super::message::Message;
use super::provider::{Answer, Outgoing, Provider, Refusal, Settings};
use crate::error::Result;
use crate::time::Duration;

pub(super) struct Discord;

/// `SUPPRESS_NOTIFICATIONS` of its message flags.
const SILENT: u64 = 1 << 12;

impl Provider for Discord {
    fn request(&self, settings: &Settings, message: &Message) -> Result<Outgoing> {
        // Nobody is mentioned by what a stranger chose.
        let mut body = json!({"content": settings.joined(message), "allowed_mentions": {"parse": []}});
        if message.silent {
            body["flags"] = SILENT.into();
        }
        let mut outgoing = Outgoing::post(settings.link()?, body);
        // Else it answers before it knows whether the message can be shown.
        outgoing.query.push(("wait".into(), "true".into()));
        Ok(outgoing)
    }

    fn verdict(&self, answer: &Answer) -> Result<(), Refusal> {
        if answer.is_success() {
            return Ok(());
        }
        let code = answer.json["code"].as_i64();
        let mut refusal = answer.refused(code, &answer.words(&["message"])).sorted(&[10_015, 50_027], &[]);
        if let Some(seconds) = answer.json["retry_after"].as_f64() {
            refusal.wait = Some(Duration::from_seconds_f64(seconds));
        }
        Err(refusal)
    }
}
