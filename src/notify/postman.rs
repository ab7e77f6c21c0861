//! What was put aside: sent again, or together when its time has come, and given up after a day.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::journal::{Level, Line};
use crate::recorder::Talk;
use crate::text::{clip, count};
use crate::time::{Duration, Time};

use super::message::Message;
use super::outbox::{Reason, Waiting};
use super::{Notifier, signed};

/// How long it is tried.
const PATIENCE: Duration = Duration::from_seconds(24 * 3600);
/// Messages that are told one by one in a digest; the rest is a number.
const TOLD: usize = 40;
/// Characters of one message in a digest, and in a list of what was suppressed.
const WORDS: usize = 500;
const LINE: usize = 120;

impl Notifier {
    /// Sends whatever is due, and gives when the next is.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn work_off(&self, talk: &Talk) -> Result<Option<Time>> {
        let now = talk.now();
        for waiting in self.outbox.waiting(now).await? {
            self.try_again(waiting, talk).await?;
        }
        let mut groups: BTreeMap<(String, Reason), Vec<Waiting>> = BTreeMap::new();
        for (waiting, reason) in self.outbox.held(now).await? {
            groups.entry((waiting.channel.clone(), reason)).or_default().push(waiting);
        }
        for ((channel, reason), parts) in groups {
            self.send_together(&channel, reason, parts, talk).await?;
        }
        self.outbox.next().await
    }

    async fn try_again(&self, waiting: Waiting, talk: &Talk) -> Result<()> {
        let now = talk.now();
        let message = Message::from(waiting.message);
        let Some(channel) = self.channels.get(&waiting.channel) else {
            return self.outbox.lost(&waiting.id, "the channel is gone from the configuration").await;
        };
        // The night may have begun since.
        if let Some((Reason::Quiet, due)) = self.wait_for(channel, &message, now).await {
            return self.outbox.postpone(&waiting.id, Reason::Quiet, due).await;
        }
        let Some(trouble) = self.attempt(Some(&waiting.id), waiting.attempts, channel, &message, talk).await else {
            let text = format!(
                "the message to `{}` has arrived after {}",
                waiting.channel,
                count(waiting.attempts as usize + 1, "attempt")
            );
            self.tell(Level::Info, "notify_sent", text, &message, now);
            return Ok(());
        };
        if now - waiting.created < PATIENCE {
            self.tell(Level::Warn, "warning", trouble, &message, now);
            return Ok(());
        }
        let attempts = count(waiting.attempts as usize + 1, "attempt");
        let text = format!(
            "the message to `{}` is given up after {attempts} in a day: {}",
            waiting.channel,
            clip(message.first_line(), LINE)
        );
        self.tell(Level::Error, "notify_lost", text, &message, now);
        self.outbox.lost(&waiting.id, &trouble).await
    }

    /// What a channel was spared, as one message.
    async fn send_together(&self, name: &str, reason: Reason, parts: Vec<Waiting>, talk: &Talk) -> Result<()> {
        let now = talk.now();
        let Some(channel) = self.channels.get(name) else {
            for part in &parts {
                self.outbox.lost(&part.id, "the channel is gone from the configuration").await?;
            }
            return Ok(());
        };
        // It may be quiet again when nobody was there at the end of the last time.
        if let Some(end) = channel.policy.quiet.and_then(|quiet| quiet.end(now, self.reader.zone)) {
            for part in &parts {
                self.outbox.postpone(&part.id, reason, end).await?;
            }
            return Ok(());
        }
        let message = self.together(reason, &parts);
        let id = self.outbox.join(&parts, name, &message).await?;
        if let Some(trouble) = self.attempt(Some(&id), 0, channel, &message, talk).await {
            self.tell(Level::Warn, "warning", trouble, &message, now);
        }
        Ok(())
    }

    fn together(&self, reason: Reason, parts: &[Waiting]) -> Message {
        let level = parts.iter().map(|part| part.message.level).max().unwrap_or(Level::Info);
        let since = parts.first().map(|part| part.created.display(self.reader.zone)).unwrap_or_default();
        let title = match (reason, parts) {
            (Reason::Cap, _) => self.reader.suppressed(parts.len(), &since),
            // A single one is itself, only later.
            (_, [only]) => {
                let message = Message::from(only.message.clone());
                let text = format!("{}\n\n({since})", message.text);
                return Message { text, ..message };
            }
            (_, _) => self.reader.digest(parts.len(), &since),
        };
        let mut lines: Vec<String> = parts
            .iter()
            .take(TOLD)
            .map(|part| {
                let message = Message::from(part.message.clone());
                let time = part.created.in_zone(self.reader.zone).format("%H:%M");
                match reason {
                    Reason::Cap => format!("{time} {}", clip(message.first_line(), LINE)),
                    _ => format!("{time} {}", clip(&message.joined(), WORDS)),
                }
            })
            .collect();
        if parts.len() > TOLD {
            lines.push(self.reader.and_more(parts.len() - TOLD));
        }
        let text = lines.join(if reason == Reason::Cap { "\n" } else { "\n\n" });
        // What waited is no alarm any more.
        Message { title: Some(title), level, over: true, ..Message::new(text) }
    }

    fn tell(&self, level: Level, event: &str, text: String, message: &Message, now: Time) {
        self.journal.write(&signed(Line::new(now, level, event, text), message));
    }
}
