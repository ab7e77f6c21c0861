//! PushPlus. <https://www.pushplus.plus/doc/guide/api.html>

use serde_json::json;

use super::message::Message;
use super::provider::{Answer, Outgoing, Provider, Refusal, Settings};
use crate::error::Result;

pub(super) struct PushPlus;

impl Provider for PushPlus {
    fn request(&self, settings: &Settings, message: &Message) -> Result<Outgoing> {
        let mut body = json!({
            "token": settings.need("token")?,
            "title": settings.heading(message),
            "content": settings.body(message),
            // Without it the text would be HTML.
            "template": "txt",
        });
        for key in ["topic", "channel", "webhook"] {
            if let Some(value) = settings.text(key)? {
                body[key] = value.into();
            }
        }
        Ok(Outgoing::post(format!("{}/send", settings.server()?), body))
    }

    fn verdict(&self, answer: &Answer) -> Result<(), Refusal> {
        // 900: the account may not send for now; asking again makes it longer.
        answer.by_code("code", 200, &["msg"]).map_err(|refusal| refusal.sorted(&[401, 403, 903, 905], &[900]))
    }
}
