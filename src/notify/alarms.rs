//! Conditions that were told of under a key, and the message that follows when one is over.
//!
//! The rule: a trigger that looks again by itself (`cron`, `every`, `when`) and has told of a key is asked for
//! it after each of its good runs. A run that tells of the key again, whether or not that was heard (`every`),
//! says that it goes on. One that does not says that it is over. For `when` the condition goes on as long as the
//! reading is inside; where its leave handler says something itself, nothing is added. Runs that fail say nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::error::Result;
use crate::journal::Level;
use crate::recorder::Talk;
use crate::store::OWN;
use crate::text::clip;
use crate::time::{Duration, Time};

use super::message::{Message, Recovery};
use super::{Notifier, said};

/// Nobody wants to hear of what was so long ago.
const FORGOTTEN: Duration = Duration::from_seconds(90 * 24 * 3600);
/// Characters that remind of a message.
const REMINDER: usize = 200;

fn prefix(script: &str, trigger: &str) -> String {
    format!("alarm/{script}/{trigger}/")
}

impl Notifier {
    /// Remembers that a condition was told of.
    pub(super) async fn raise(&self, message: &Message, talk: &Talk) {
        let (Some(key), Some(script), Some(trigger)) = (&message.key, &message.script, &message.trigger) else {
            return;
        };
        if message.recovery == Recovery::Nothing {
            return;
        }
        let words = match &message.recovery {
            Recovery::Words(words) => Some(words.as_str()),
            _ => None,
        };
        let alarm = json!({
            "what": clip(message.first_line(), REMINDER),
            "words": words,
            "to": message.to,
            "level": message.level,
            "silent": message.silent,
            "since": talk.now().millis(),
        });
        let place = format!("{}{key}", prefix(script, trigger));
        let known = async {
            // What is told again is as old as it was.
            if self.store.get(OWN, &place).await?.is_none() {
                self.store.set(OWN, &place, &alarm, Some(FORGOTTEN)).await?;
            }
            Ok::<_, crate::error::Error>(())
        };
        if let Err(error) = known.await {
            self.complain(talk, &format!("that a message may end cannot be remembered: {error}"));
        }
    }

    /// A good run of a trigger is over in which `told` keys were told of: says of the others that they are over,
    /// or only forgets them where it is `said` already. Gives what went wrong, in words.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn settle(
        &self,
        script: &str,
        trigger: &str,
        told: &BTreeSet<String>,
        quietly: bool,
        talk: &Talk,
    ) -> Result<Vec<String>> {
        let prefix = prefix(script, trigger);
        let mut over: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for place in self.store.keys(OWN, &prefix).await? {
            let key = &place[prefix.len()..];
            if told.contains(key) {
                continue;
            }
            let alarm = self.store.get(OWN, &place).await?.unwrap_or_default();
            self.store.delete(OWN, &place).await?;
            // The next time is news again.
            self.store.delete(OWN, &said(Some(script), key)).await?;
            over.entry(json!([alarm["to"], alarm["level"], alarm["silent"]]).to_string()).or_default().push(alarm);
        }
        let mut troubles = Vec::new();
        for alarms in over.into_values().filter(|_| !quietly) {
            let message = self.recovered(script, trigger, &alarms);
            // A channel that was named then may be gone by now; then the others have it.
            let outcome = match self.send(&message, talk).await {
                Ok(outcome) => outcome,
                Err(_) => self.send(&Message { to: None, ..message }, talk).await?,
            };
            troubles.extend(outcome.troubles);
        }
        Ok(troubles)
    }

    fn recovered(&self, script: &str, trigger: &str, alarms: &[Value]) -> Message {
        let line = |alarm: &Value| {
            if let Some(words) = alarm["words"].as_str() {
                return words.to_owned();
            }
            let since = Time::from_millis(alarm["since"].as_i64().unwrap_or_default()).display(self.reader.zone);
            self.reader.recovered(alarm["what"].as_str().unwrap_or_default(), &since)
        };
        let lines: Vec<_> = alarms.iter().map(line).collect();
        let first = alarms.first().cloned().unwrap_or_default();
        Message {
            level: first["level"].as_str().and_then(Level::of_message).unwrap_or(Level::Info),
            to: serde_json::from_value(first["to"].clone()).unwrap_or_default(),
            silent: first["silent"].as_bool().unwrap_or_default(),
            over: true,
            script: Some(script.into()),
            trigger: Some(trigger.into()),
            ..Message::new(lines.join("\n"))
        }
    }
}
