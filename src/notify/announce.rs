//! What tidegate says on its own account.

use std::sync::PoisonError;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use crate::error::Result;
use crate::journal::{Level, Line};
use crate::recorder::Talk;
use crate::store::OWN;
use crate::time::{Duration, Time};

use super::Notifier;
use super::message::Message;

/// Something that its owner should know of, and that no script tells.
#[derive(Clone, Debug)]
pub enum Bulletin {
    /// A file does not load. `fate` says what runs instead, `why` what is wrong with it.
    Broken {
        script: String,
        fate: String,
        why: String,
    },
    /// It loads again.
    Mended {
        script: String,
    },
    /// A trigger was switched off by tidegate.
    Off {
        script: String,
        trigger: String,
        why: String,
    },
    /// It was switched on again, by a new version or by hand.
    On {
        script: String,
        trigger: String,
    },
    /// A service refuses the token or key of an instance.
    Refused {
        service: String,
        instance: String,
        why: String,
    },
    Accepted {
        service: String,
        instance: String,
    },
    Suspended {
        vps: String,
    },
    Unsuspended {
        vps: String,
    },
    /// A VPS has few API calls left.
    PointsLow {
        vps: String,
        left: i64,
        /// Of how long these are.
        span: Duration,
    },
    PointsBack {
        vps: String,
    },
    /// What runs do cannot be written down.
    Ledger {
        why: String,
    },
    LedgerBack {
        after: String,
    },
    /// Nobody was there, and runs were missed.
    WasDown {
        from: Time,
        to: Time,
        missed: usize,
        caught_up: usize,
    },
}

/// How long a fault stays told while it goes on.
const REMEMBERED: Duration = Duration::from_seconds(30 * 24 * 3600);
/// What is told of a fault that cannot even be remembered.
const LEDGER_AGAIN: Duration = Duration::from_seconds(3600);

/// In front of the keys under which it is kept what was told.
const NEWS: &str = "news/";

/// What a message of the runtime is about.
enum Topic {
    /// Told once for each content, until its end is told.
    Begins(String),
    /// Told only where its beginning was.
    Ends(String),
    Once,
}

impl Bulletin {
    fn topic(&self) -> Topic {
        match self {
            Self::Broken { script, .. } => Topic::Begins(format!("broken/{script}")),
            Self::Mended { script } => Topic::Ends(format!("broken/{script}")),
            Self::Off { script, trigger, .. } => Topic::Begins(format!("off/{script}/{trigger}")),
            Self::On { script, trigger } => Topic::Ends(format!("off/{script}/{trigger}")),
            Self::Refused { service, instance, .. } => Topic::Begins(format!("refused/{service}/{instance}")),
            Self::Accepted { service, instance } => Topic::Ends(format!("refused/{service}/{instance}")),
            Self::Suspended { vps } => Topic::Begins(format!("suspended/{vps}")),
            Self::Unsuspended { vps } => Topic::Ends(format!("suspended/{vps}")),
            Self::PointsLow { vps, .. } => Topic::Begins(format!("points/{vps}")),
            Self::PointsBack { vps } => Topic::Ends(format!("points/{vps}")),
            Self::Ledger { .. } | Self::LedgerBack { .. } | Self::WasDown { .. } => Topic::Once,
        }
    }

    fn level(&self) -> Level {
        match self {
            Self::Suspended { .. } | Self::Unsuspended { .. } | Self::Ledger { .. } | Self::LedgerBack { .. } => {
                Level::Error
            }
            _ => Level::Warn,
        }
    }
}

impl Notifier {
    /// Tells of the end of faults, as far as their beginning was told. Where none was, that is one look.
    pub async fn announce_ends(&self, ends: &[Bulletin], talk: &Talk) {
        let told = match self.store.keys(OWN, NEWS).await {
            Ok(told) => told,
            Err(error) => return self.complain(talk, &format!("what was told cannot be looked up: {error}")),
        };
        let is_told = |news: &&Bulletin| match news.topic() {
            Topic::Ends(topic) => told.contains(&format!("{NEWS}{topic}")),
            _ => false,
        };
        for news in ends.iter().filter(is_told) {
            self.announce(news, talk).await;
        }
    }

    /// Tells the channels of `[runtime]`, once for each fault. Without a channel the log has its own line of it.
    pub async fn announce(&self, news: &Bulletin, talk: &Talk) {
        let to = self.runtime.notify.clone();
        if self.channels.is_empty() || to.as_ref().is_some_and(Vec::is_empty) || news.level() < self.runtime.level {
            return;
        }
        let (title, text) = self.reader.bulletin(news);
        match self.is_news(news, &text, talk.now()).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => self.complain(talk, &format!("what was told cannot be remembered: {error}")),
        }
        let over = matches!(news.topic(), Topic::Ends(_)) || matches!(news, Bulletin::LedgerBack { .. });
        let message = Message { title: Some(title), level: news.level(), to, over, ..Message::new(text) };
        match self.send(&message, talk).await {
            Ok(outcome) => outcome.troubles.into_iter().for_each(|trouble| self.complain(talk, &trouble)),
            Err(error) => self.journal.write(&Line::new(talk.now(), Level::Warn, "warning", error.to_string())),
        }
    }

    async fn is_news(&self, news: &Bulletin, text: &str, now: Time) -> Result<bool> {
        match news.topic() {
            Topic::Begins(topic) => {
                let (place, mark) = (format!("{NEWS}{topic}"), fingerprint(news, text));
                let known = self.store.get(OWN, &place).await?;
                if known.as_ref().and_then(|known| known.as_str()) == Some(&mark) {
                    return Ok(false);
                }
                self.store.set(OWN, &place, &mark.into(), Some(REMEMBERED)).await?;
                Ok(true)
            }
            Topic::Ends(topic) => self.store.delete(OWN, &format!("{NEWS}{topic}")).await,
            Topic::Once => match news {
                Bulletin::Ledger { .. } => {
                    let mut last = self.unwritable.lock().unwrap_or_else(PoisonError::into_inner);
                    let again = last.is_none_or(|last| now - last >= LEDGER_AGAIN);
                    if again {
                        *last = Some(now);
                    }
                    Ok(again)
                }
                Bulletin::LedgerBack { .. } => {
                    Ok(self.unwritable.lock().unwrap_or_else(PoisonError::into_inner).take().is_some())
                }
                _ => Ok(true),
            },
        }
    }
}

/// What makes a fault another one: for a broken script what is wrong with it, for the others nothing.
fn fingerprint(news: &Bulletin, text: &str) -> String {
    match news {
        Bulletin::Broken { .. } => BASE64_STANDARD.encode(&Sha256::digest(text.as_bytes())[..12]),
        _ => "told".into(),
    }
}
