//! One message to one channel: whether now or later, the attempt, and who has it where that fails.

use serde_json::{Value, json};

use crate::call::Call;
use crate::config::channels::Reach;
use crate::config::{Channel, ChannelType};
use crate::error::{Error, Kind, Result};
use crate::http::Request;
use crate::journal::{Level, Line};
use crate::permission::Effect;
use crate::recorder::{Talk, millis};
use crate::time::{Duration, Time};
use crate::units::format_duration;

use super::message::Message;
use super::outbox::Reason;
use super::provider::{Answer, Provider, Refusal, Settings};
use super::{
    Notifier, bark, dingtalk, discord, feishu, gotify, ntfy, pushdeer, pushplus, serverchan, signed, smtp, telegram,
    webhook, wecom,
};

/// What a channel answers is of no interest beyond its first words.
const REPLY: u64 = 256 * 1024;
/// The window of `per_hour`.
const HOUR: Duration = Duration::from_seconds(3600);
/// The wait after the first failure; it doubles from then on.
const FIRST_WAIT: Duration = Duration::from_seconds(60);
const LONGEST_WAIT: Duration = Duration::from_seconds(3600);

/// Who speaks the language of a type.
fn provider(kind: &ChannelType) -> Option<&'static dyn Provider> {
    Some(match kind.word {
        "telegram" => &telegram::Telegram,
        "serverchan" => &serverchan::ServerChan,
        "pushplus" => &pushplus::PushPlus,
        "bark" => &bark::Bark,
        "wecom" => &wecom::WeCom,
        "dingtalk" => &dingtalk::DingTalk,
        "feishu" => &feishu::Feishu,
        "gotify" => &gotify::Gotify,
        "ntfy" => &ntfy::Ntfy,
        "discord" => &discord::Discord,
        "pushdeer" => &pushdeer::PushDeer,
        "webhook" => &webhook::Webhook,
        _ => return None,
    })
}

/// The wait before the next attempt, after so many.
pub(super) fn backoff(attempts: u32, asked: Option<Duration>) -> Duration {
    let doubled = FIRST_WAIT.millis().saturating_mul(1i64.checked_shl(attempts.min(20)).unwrap_or(i64::MAX));
    let wait = Duration::from_millis(doubled).min(LONGEST_WAIT);
    asked.map_or(wait, |asked| asked.max(wait).min(Duration::from_seconds(6 * 3600)))
}

impl Notifier {
    /// Sends it now, or puts it aside. Gives what went wrong, in words.
    pub(super) async fn deliver(&self, name: &str, message: &Message, talk: &Talk) -> Option<String> {
        let Some(channel) = self.channels.get(name).filter(|channel| channel.kind.reach != Reach::Log) else {
            return self.transmit(name, message, talk).await.err().map(|refusal| refusal.error.message.clone());
        };
        let turn = self.turn.lock().await;
        if let Some((reason, due)) = self.wait_for(channel, message, talk.now()).await {
            match self.outbox.hold(name, message, reason, due).await {
                Ok(_) => {
                    drop(turn);
                    self.tell_held(channel, message, reason, due, talk.now());
                    self.aside.notify_one();
                    return None;
                }
                Err(error) => self.complain(talk, &format!("a message cannot be put aside and is sent now: {error}")),
            }
        }
        // What cannot be written down is sent all the same.
        let id = match self.outbox.begin(name, message).await {
            Ok(id) => Some(id),
            Err(error) => {
                self.complain(talk, &format!("a message cannot be written down: {error}"));
                None
            }
        };
        drop(turn);
        self.attempt(id.as_deref(), 0, channel, message, talk).await
    }

    /// Until when a message waits although nothing is wrong, and why.
    pub(super) async fn wait_for(&self, channel: &Channel, message: &Message, now: Time) -> Option<(Reason, Time)> {
        if !message.urgent() {
            if let Some(end) = channel.policy.quiet.and_then(|quiet| quiet.end(now, self.reader.zone)) {
                return Some((Reason::Quiet, end));
            }
            if let Some(digest) = channel.policy.digest {
                return Some((Reason::Digest, digest.next(now, self.reader.zone)));
            }
        }
        let most = usize::try_from(channel.policy.per_hour?).unwrap_or(usize::MAX);
        let arrivals = self.outbox.arrivals(&channel.name, now - HOUR).await.unwrap_or_default();
        // There is room for one more when the first of the last `most` is an hour old.
        let first = arrivals.len().checked_sub(most).and_then(|at| arrivals.get(at))?;
        Some((Reason::Cap, *first + HOUR))
    }

    fn tell_held(&self, channel: &Channel, message: &Message, reason: Reason, due: Time, now: Time) {
        let why = match reason {
            Reason::Quiet => "it has quiet hours",
            Reason::Digest => "it collects messages",
            Reason::Cap => "it has had its messages of this hour",
        };
        let text = format!("the message to `{}` waits until {}: {why}", channel.name, due.display(self.reader.zone));
        let line = Line::new(now, Level::Debug, "notify_held", text).with("channel", channel.name.clone());
        self.journal.write(&signed(line, message));
    }

    /// One attempt, and where it fails those of the fall-backs. `id` is its row in the book, `attempts` those before.
    pub(super) async fn attempt(
        &self,
        id: Option<&str>,
        attempts: u32,
        channel: &Channel,
        message: &Message,
        talk: &Talk,
    ) -> Option<String> {
        let Err(refusal) = self.transmit(&channel.name, message, talk).await else {
            self.booked(talk, id, async |id| self.outbox.sent(id, None, None).await).await;
            return None;
        };
        let why = refusal.error.message.clone();
        if let Some(other) = self.stand_in(channel, message, &why, talk).await {
            self.booked(talk, id, async |id| self.outbox.sent(id, Some(&other), Some(&why)).await).await;
            return Some(format!("the message to `{}` failed: {why}; `{other}` has it instead", channel.name));
        }
        let wait = backoff(attempts, refusal.wait);
        let due = talk.now() + wait;
        self.booked(talk, id, async |id| self.outbox.again(id, due, &why).await).await;
        self.aside.notify_one();
        let next = match id {
            Some(_) => format!("; it is tried again in {}", format_duration(wait)),
            None => String::new(),
        };
        let hint = refusal.error.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        Some(format!("the message to `{}` failed: {why}{hint}{next}", channel.name))
    }

    async fn booked(&self, talk: &Talk, id: Option<&str>, write: impl AsyncFnOnce(&str) -> Result<()>) {
        if let Some(id) = id
            && let Err(error) = write(id).await
        {
            self.complain(talk, &format!("what became of a message cannot be written down: {error}"));
        }
    }

    /// The first fall-back that takes it.
    async fn stand_in(&self, channel: &Channel, message: &Message, why: &str, talk: &Talk) -> Option<String> {
        let mut tried = vec![channel.name.as_str()];
        let mut next = channel.policy.fallback.as_deref();
        let text = format!("{}\n\n(`{}` could not be reached: {why})", message.text, channel.name);
        let message = Message { text, ..message.clone() };
        while let Some(name) = next.filter(|name| !tried.contains(name)) {
            if self.transmit(name, &message, talk).await.is_ok() {
                return Some(name.to_owned());
            }
            tried.push(name);
            next = self.channels.get(name).and_then(|channel| channel.policy.fallback.as_deref());
        }
        None
    }

    /// One request to one channel; recorded.
    pub(super) async fn transmit(&self, name: &str, message: &Message, talk: &Talk) -> Result<Option<u16>, Refusal> {
        let start = talk.now();
        let outcome = match self.channels.get(name) {
            Some(channel) if channel.kind.reach != Reach::Log => self.reach(channel, message, talk).await,
            _ => {
                self.log(message, talk);
                Ok(None)
            }
        };
        let outcome = outcome.map_err(|mut refusal| {
            // A reply may repeat what was sent.
            refusal.error.message = self.vault.mask(&refusal.error.message);
            refusal.error = refusal.error.from_call("notify", name);
            refusal
        });
        (talk.record)(Call {
            service: "notify".into(),
            instance: name.into(),
            endpoint: name.into(),
            effect: Effect::Write,
            args: json!({"title": message.title, "text": message.text, "level": message.level}),
            status: match &outcome {
                Ok(status) => *status,
                Err(refusal) => refusal.error.status,
            },
            ok: outcome.is_ok(),
            ms: millis(talk.now() - start),
            bytes: None,
            via: None,
            summary: None,
        });
        outcome
    }

    fn log(&self, message: &Message, talk: &Talk) {
        let text = match &message.title {
            Some(title) => format!("{title}: {}", message.text),
            None => message.text.clone(),
        };
        self.journal.write(&signed(Line::new(talk.now(), message.level, "notify", text), message));
    }

    async fn reach(&self, channel: &Channel, message: &Message, talk: &Talk) -> Result<Option<u16>, Refusal> {
        let borrowed;
        let channel = if channel.kind.word == "pbh" {
            borrowed = self.borrowed.resolve(channel, talk).await?;
            &borrowed
        } else {
            channel
        };
        let settings = Settings { channel, vault: &self.vault, now: talk.now(), zone: self.reader.zone };
        let deadline = talk.within(channel.timeout);
        if channel.kind.reach == Reach::Smtp {
            return Ok(Some(smtp::send(&settings, message, &*talk.clock, deadline).await?));
        }
        let provider = provider(channel.kind).ok_or_else(|| {
            Error::new(Kind::Unsupported, format!("`{}` is no type of channel that can send", channel.kind.word))
        })?;
        let outgoing = provider.request(&settings, message)?;
        let mut headers = vec![("Accept".to_owned(), "application/json".to_owned())];
        headers.extend(outgoing.headers);
        let request = Request {
            transport: channel.transport.clone(),
            method: outgoing.method,
            url: outgoing.url,
            headers,
            query: outgoing.query,
            body: outgoing.body,
            deadline,
            max_reply: REPLY,
        };
        let reply = self.http.send(request).await?;
        let header = |name: &str| reply.headers.get(name).and_then(|value| value.to_str().ok());
        let answer = Answer {
            status: reply.status,
            retry_after: header("retry-after").and_then(|seconds| seconds.trim().parse().ok()),
            json: serde_json::from_slice(&reply.body).unwrap_or(Value::Null),
        };
        provider.verdict(&answer).map(|()| Some(answer.status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CHANNELS;

    #[test]
    fn every_type_of_the_table_is_spoken() {
        for kind in &CHANNELS {
            let spoken = provider(kind).is_some() || kind.reach != Reach::Http || kind.word == "pbh";
            assert!(spoken, "{}", kind.word);
        }
    }

    #[test]
    fn waits_double_and_what_a_service_asks_for_is_respected() {
        let seconds = Duration::from_seconds;
        assert_eq!([0, 1, 2, 10].map(|n| backoff(n, None)), [seconds(60), seconds(120), seconds(240), LONGEST_WAIT]);
        assert_eq!(backoff(0, Some(seconds(900))), seconds(900));
        assert_eq!(backoff(0, Some(seconds(1))), seconds(60));
        assert_eq!(backoff(4000, None), LONGEST_WAIT);
    }
}
