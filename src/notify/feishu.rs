//! Feishu's and Lark's group robots. <https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot>

use serde_json::{Value, json};

use super::message::Message;
use super::provider::{Answer, Outgoing, Provider, Refusal, Settings, signature};
use crate::error::Result;

pub(super) struct Feishu;

impl Provider for Feishu {
    fn request(&self, settings: &Settings, message: &Message) -> Result<Outgoing> {
        let mut body = if message.title.is_some() {
            let text = settings.body(message);
            let lines: Vec<Value> = text.lines().map(|line| json!([{"tag": "text", "text": line}])).collect();
            // Each line costs more than its text there: what is long goes as plain text.
            if lines.len() <= 30 {
                let post = json!({"zh_cn": {"title": settings.heading(message), "content": lines}});
                json!({"msg_type": "post", "content": {"post": post}})
            } else {
                json!({"msg_type": "text", "content": {"text": settings.joined(message)}})
            }
        } else {
            json!({"msg_type": "text", "content": {"text": settings.body(message)}})
        };
        if let Some(secret) = settings.text("secret")? {
            let timestamp = settings.now.seconds();
            // The text is the key here, and nothing is signed with it.
            body["sign"] = signature(&format!("{timestamp}\n{secret}"), "")?.into();
            body["timestamp"] = timestamp.to_string().into();
        }
        Ok(Outgoing::post(settings.link()?, body))
    }

    fn verdict(&self, answer: &Answer) -> Result<(), Refusal> {
        answer.by_code("code", 0, &["msg"]).map_err(|refusal| match refusal.error.code {
            Some(19_021) => {
                refusal.sorted(&[19_021], &[]).hint("is `secret` the robot's, and the clock of this machine right?")
            }
            Some(19_024) => refusal.hint("a keyword of the robot has to be in the message"),
            _ => refusal.sorted(&[19_001, 19_022], &[9_499_001, 11_232, 11_233]),
        })
    }
}
