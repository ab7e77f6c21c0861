//! WeCom's group robots. <https://developer.work.weixin.qq.com/document/path/91770>

use serde_json::json;

use super::message::Message;
use super::provider::{Answer, Outgoing, Provider, Refusal, Settings};
use crate::error::Result;

pub(super) struct WeCom;

impl Provider for WeCom {
    fn request(&self, settings: &Settings, message: &Message) -> Result<Outgoing> {
        let mut body = json!({"msgtype": "text", "text": {"content": settings.joined(message)}});
        let mention = settings.texts("mention");
        if !mention.is_empty() {
            body["text"]["mentioned_list"] = json!(mention);
        }
        Ok(Outgoing::post(settings.link()?, body))
    }

    fn verdict(&self, answer: &Answer) -> Result<(), Refusal> {
        answer.by_code("errcode", 0, &["errmsg"]).map_err(|refusal| refusal.sorted(&[93000, 93008, 93017], &[45009]))
    }
}
