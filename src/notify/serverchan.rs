//! ServerChan, both generations. <https://sct.ftqq.com>, <https://doc.sc3.ft07.com>

use reqwest::Method;

use super::message::Message;
use super::provider::{Answer, Outgoing, Provider, Refusal, Settings, segment};
use crate::error::Result;
use crate::http::Body;

pub(super) struct ServerChan;

/// Keys of version 3 begin with `sctp`, the number of the user, and a `t`; each user has a host of his own.
fn user(key: &str) -> Option<&str> {
    let (user, _) = key.strip_prefix("sctp")?.split_once('t')?;
    (!user.is_empty() && user.bytes().all(|byte| byte.is_ascii_digit())).then_some(user)
}

impl Provider for ServerChan {
    fn request(&self, settings: &Settings, message: &Message) -> Result<Outgoing> {
        let key = settings.need("key")?;
        let own = settings.text("url")?;
        let key_path = segment(&key);
        let (url, options) = match (user(&key), own) {
            (Some(_), Some(server)) => (format!("{server}/send/{key_path}.send"), &["tags"][..]),
            (Some(user), None) => (format!("https://{user}.push.ft07.com/send/{key_path}.send"), &["tags"][..]),
            (None, _) => (format!("{}/{key_path}.send", settings.server()?), &["channel", "openid"][..]),
        };
        let mut form = vec![
            ("title".to_owned(), settings.heading(message)),
            ("desp".to_owned(), settings.fit(&markdown(&message.text))),
        ];
        for option in options {
            form.extend(settings.text(option)?.map(|value| ((*option).to_owned(), value)));
        }
        Ok(Outgoing { method: Method::POST, url, headers: Vec::new(), query: Vec::new(), body: Body::Form(form) })
    }

    fn verdict(&self, answer: &Answer) -> Result<(), Refusal> {
        answer
            .by_code("code", 0, &["message", "info", "error"])
            .map_err(|refusal| refusal.sorted(&[40001, 401], &[40002, 40003, 429]))
    }
}

/// The text is Markdown there, where a single line end is a blank. Two blanks before it would be cut away
/// by some of its receivers, an empty line is not.
fn markdown(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generation_is_in_the_key() {
        assert_eq!(user("sctp1234tabcdef"), Some("1234"));
        for turbo in ["SCT1234Tabc", "sctptabc", "sctp12", "sctpx1tabc"] {
            assert_eq!(user(turbo), None, "{turbo}");
        }
    }
}
