//! PushDeer. <https://github.com/easychen/pushdeer>

use reqwest::Method;

use super::message::Message;
use super::provider::{Answer, Outgoing, Provider, Refusal, Settings};
use crate::error::Result;
use crate::http::Body;

pub(super) struct PushDeer;

impl Provider for PushDeer {
    fn request(&self, settings: &Settings, message: &Message) -> Result<Outgoing> {
        let server = settings.server()?;
        let url = if server.ends_with("/message/push") { server } else { format!("{server}/message/push") };
        let mut form = vec![("pushkey".to_owned(), settings.need("key")?), ("type".to_owned(), "text".to_owned())];
        match &message.title {
            Some(title) => form.extend([("text".into(), title.clone()), ("desp".into(), settings.body(message))]),
            None => form.push(("text".into(), settings.body(message))),
        }
        Ok(Outgoing { method: Method::POST, url, headers: Vec::new(), query: Vec::new(), body: Body::Form(form) })
    }

    fn verdict(&self, answer: &Answer) -> Result<(), Refusal> {
        answer.by_code("code", 0, &["error", "message"]).map_err(|refusal| refusal.sorted(&[80_403], &[]))?;
        // It answers 0 also where the key belongs to no device.
        let reached = answer.json["content"]["result"].as_array().is_none_or(|devices| !devices.is_empty());
        if reached { Ok(()) } else { Err(answer.refused(None, "no device has this key").hint("is `key` right?")) }
    }
}
