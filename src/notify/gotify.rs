//! Gotify. <https://gotify.net/docs/pushmsg>

use serde_json::json;

use super::message::Message;
use super::provider::{Answer, Outgoing, Provider, Refusal, Settings};
use crate::error::Result;
use crate::level::Level;

pub(super) struct Gotify;

impl Provider for Gotify {
    fn request(&self, settings: &Settings, message: &Message) -> Result<Outgoing> {
        let body = json!({
            "title": settings.heading(message),
            "message": settings.body(message),
            "priority": priority(message, settings.number("priority").unwrap_or(4)),
        });
        let mut outgoing = Outgoing::post(format!("{}/message", settings.server()?), body);
        outgoing.headers.push(("X-Gotify-Key".into(), settings.need("token")?));
        Ok(outgoing)
    }

    fn verdict(&self, answer: &Answer) -> Result<(), Refusal> {
        if answer.is_success() {
            // A server that is none of Gotify's answers with a page.
            return if answer.json["id"].is_number() { Ok(()) } else { answer.by_code("errorCode", 0, &[]) };
        }
        Err(answer.refused(answer.json["errorCode"].as_i64(), &answer.words(&["errorDescription", "error"])))
    }
}

/// From 4 on it sounds, from 8 on it is shown above everything.
fn priority(message: &Message, usual: u64) -> u64 {
    match message.level {
        _ if message.silent => 1,
        Level::Error => usual.max(8),
        Level::Warn => usual.max(6),
        _ => usual,
    }
}
