//! A sign of life over HTTP.

use reqwest::Method;

use crate::config::{Heartbeat, Setting};
use crate::error::{Error, Kind, Result};
use crate::http::{Body, Request};
use crate::recorder::Talk;
use crate::secret::Secret;

use super::Notifier;

/// What it answers is of no interest.
const REPLY: u64 = 64 * 1024;

impl Notifier {
    /// Sends one sign of life.
    ///
    /// # Errors
    /// Those of the request; `http` for a status that is no success.
    pub async fn beat(&self, heartbeat: &Heartbeat, talk: &Talk) -> Result<()> {
        let url = match &heartbeat.url {
            Setting::Secret(source) => self.vault.read(source)?.expose().to_owned(),
            Setting::Text(url) => {
                self.vault.hide(&Secret::new(url));
                url.clone()
            }
            _ => return Err(Error::internal("the address of the heartbeat is no text")),
        };
        let request = Request {
            transport: heartbeat.transport.clone(),
            method: if heartbeat.post { Method::POST } else { Method::GET },
            url,
            headers: Vec::new(),
            query: Vec::new(),
            body: Body::None,
            deadline: talk.within(heartbeat.timeout),
            max_reply: REPLY,
        };
        let reply = self.http.send(request).await?;
        if (200..300).contains(&reply.status) {
            return Ok(());
        }
        Err(Error::new(Kind::Http, format!("answered with status {}", reply.status))
            .status(reply.status)
            .hint("is `url` of `[heartbeat]` right?"))
    }
}
