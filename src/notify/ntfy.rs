//! ntfy. <https://docs.ntfy.sh/publish/>

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use super::message::Message;
use super::provider::{Answer, Outgoing, Provider, Refusal, Settings};
use crate::error::Result;
use crate::level::Level;

pub(super) struct Ntfy;

impl Provider for Ntfy {
    fn request(&self, settings: &Settings, message: &Message) -> Result<Outgoing> {
        let mut body = json!({
            "topic": settings.need("topic")?,
            "title": settings.heading(message),
            "message": settings.body(message),
            "priority": priority(message, settings.number("priority").unwrap_or(3)),
        });
        let tags = settings.texts("tags");
        if !tags.is_empty() {
            body["tags"] = json!(tags);
        }
        let mut outgoing = Outgoing::post(settings.server()?, body);
        let login = match (settings.text("token")?, settings.text("username")?) {
            (Some(token), _) => Some(format!("Bearer {token}")),
            (None, Some(name)) => {
                let password = settings.text("password")?.unwrap_or_default();
                Some(format!("Basic {}", BASE64_STANDARD.encode(format!("{name}:{password}"))))
            }
            (None, None) => None,
        };
        outgoing.headers.extend(login.map(|login| ("Authorization".to_owned(), login)));
        Ok(outgoing)
    }

    fn verdict(&self, answer: &Answer) -> Result<(), Refusal> {
        if answer.is_success() {
            return Ok(());
        }
        let refusal = answer.refused(answer.json["code"].as_i64(), &answer.words(&["error"]));
        Err(if answer.status == 403 { refusal.hint("this login may not write to that topic") } else { refusal })
    }
}

/// 5 goes on ringing, 2 makes no sound.
fn priority(message: &Message, usual: u64) -> u64 {
    match message.level {
        _ if message.silent => 2,
        Level::Error => 5,
        Level::Warn => usual.max(4),
        _ => usual,
    }
}
