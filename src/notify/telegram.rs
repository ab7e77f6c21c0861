//! Telegram's Bot API. <https://core.telegram.org/bots/api#sendmessage>

use serde_json::json;

use super::message::Message;
use super::provider::{Answer, Outgoing, Provider, Refusal, Settings};
use crate::error::Result;
use crate::time::Duration;

pub(super) struct Telegram;

impl Provider for Telegram {
    fn request(&self, settings: &Settings, message: &Message) -> Result<Outgoing> {
        let url = format!("{}/bot{}/sendMessage", settings.server()?, settings.need("token")?);
        let text = settings.joined(message);
        let mut body = json!({
            "chat_id": settings.need("chat")?,
            "text": text,
            "link_preview_options": {"is_disabled": true},
        });
        // By its place and not by marks in the text: what a stranger chose need not be escaped.
        let title = message.title.as_ref().map(|title| title.encode_utf16().count());
        if let Some(length) = title.filter(|length| (1..text.encode_utf16().count()).contains(length)) {
            body["entities"] = json!([{"type": "bold", "offset": 0, "length": length}]);
        }
        if let Some(thread) = settings.number("thread") {
            body["message_thread_id"] = thread.into();
        }
        if message.silent {
            body["disable_notification"] = true.into();
        }
        Ok(Outgoing::post(url, body))
    }

    fn verdict(&self, answer: &Answer) -> Result<(), Refusal> {
        if answer.is_success() && answer.json["ok"].as_bool() == Some(true) {
            return Ok(());
        }
        let code = answer.json["error_code"].as_i64();
        let mut refusal = answer.refused(code, &answer.words(&["description"])).sorted(&[401, 403, 404], &[429]);
        if let Some(seconds) = answer.json["parameters"]["retry_after"].as_i64() {
            refusal.wait = Some(Duration::from_seconds(seconds));
        }
        match code {
            Some(400) => Err(refusal.hint("is `chat` right, and has that chat written to the bot first?")),
            Some(401 | 404) => Err(refusal.hint("is `token` the one that @BotFather gave?")),
            Some(403) => Err(refusal.hint("the chat has blocked the bot, or the bot is not in the group")),
            _ => Err(refusal),
        }
    }
}
