//! DingTalk's group robots. <https://open.dingtalk.com/document/robots/custom-robot-access>

use serde_json::json;

use super::message::Message;
use super::provider::{Answer, Outgoing, Provider, Refusal, Settings, signature};
use crate::error::Result;

pub(super) struct DingTalk;

impl Provider for DingTalk {
    fn request(&self, settings: &Settings, message: &Message) -> Result<Outgoing> {
        let body = json!({"msgtype": "text", "text": {"content": settings.joined(message)}});
        let mut outgoing = Outgoing::post(settings.link()?, body);
        if let Some(secret) = settings.text("secret")? {
            let timestamp = settings.now.millis();
            let sign = signature(&secret, &format!("{timestamp}\n{secret}"))?;
            outgoing.query = vec![("timestamp".into(), timestamp.to_string()), ("sign".into(), sign)];
        }
        Ok(outgoing)
    }

    fn verdict(&self, answer: &Answer) -> Result<(), Refusal> {
        answer.by_code("errcode", 0, &["errmsg"]).map_err(|refusal| match refusal.error.code {
            // Signature, keyword and address have one number between them; its text says which.
            Some(310_000) => refusal
                .sorted(&[310_000], &[])
                .hint("`secret` is the robot's, beginning with SEC; a keyword of the robot has to be in the message; is the clock of this machine right?"),
            _ => refusal.sorted(&[300_001, 300_005], &[130_101, 410_100]),
        })
    }
}
