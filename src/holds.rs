//! Stops with a reason: what was running is written down first, stops add up, and each ends for itself.

mod book;
mod confirm;
pub mod enforce;
pub mod limits;
mod single;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::api::shapes;
use crate::bans::Expired;
use crate::clock::within;
use crate::downloader::Torrent;
use crate::error::{Error, Kind, Result};
use crate::fleet::{Fleet, Member};
use crate::recorder::Talk;
use crate::store::Store;
use crate::text::list;
use crate::time::{Duration, Time};
use book::{Books, Term};
use confirm::PAUSE;

shapes! {
    /// What a stop did.
    Stopped {
        downloader: Text,
        reason: Text,
        /// Torrents that ran before and do not now.
        stopped: [StoppedTorrent],
        /// Torrents of the selection that did not run anyway.
        idle: Int,
        /// When the hold ends by itself.
        expires: Millis | null,
        /// What still moves: the torrents outside the selection.
        up_speed: Speed,
        down_speed: Speed,
    }

    /// A torrent in a report.
    StoppedTorrent {
        hash: Text,
        name: Text,
    }

    /// What a release did.
    Started {
        downloader: Text,
        reason: Text,
        started: [StoppedTorrent],
        /// Other reasons for which torrents of this hold stay stopped.
        held_by: [Text],
    }

    /// A hold in force.
    Hold {
        downloader: Text,
        reason: Text,
        /// `stop` or `limit`.
        kind: Text,
        /// Which torrents a stop takes: `all`, `downloads`, `uploads` or `public`; `""` for a limit.
        only: Text,
        since: Millis,
        expires: Millis | null,
        /// Torrents that it keeps stopped.
        torrents: Int,
        /// Of a limit; `()` is unlimited.
        up: Speed | null,
        /// Of a limit; `()` is unlimited.
        down: Speed | null,
    }
}

/// The shape of the same name says what each field means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stopped {
    pub downloader: String,
    pub reason: String,
    pub stopped: Vec<StoppedTorrent>,
    pub idle: usize,
    pub expires: Option<Time>,
    pub up_speed: i64,
    pub down_speed: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StoppedTorrent {
    pub hash: String,
    pub name: String,
}

/// The shape of the same name says what each field means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Started {
    pub downloader: String,
    pub reason: String,
    pub started: Vec<StoppedTorrent>,
    pub held_by: Vec<String>,
}

/// The shape of the same name says what each field means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hold {
    pub downloader: String,
    pub reason: String,
    pub kind: &'static str,
    pub only: &'static str,
    pub since: Time,
    pub expires: Option<Time>,
    pub torrents: usize,
    pub up: Option<i64>,
    pub down: Option<i64>,
}

/// Which torrents a stop takes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Only {
    #[default]
    All,
    /// Those that are not complete.
    Downloads,
    /// Those that are.
    Uploads,
    /// Those of which it is certain.
    Public,
}

impl Only {
    pub const WORDS: [(&'static str, Self); 4] =
        [("all", Self::All), ("downloads", Self::Downloads), ("uploads", Self::Uploads), ("public", Self::Public)];

    /// # Errors
    /// `argument` with the words there are.
    pub fn parse(word: &str) -> Result<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, only)| *only).ok_or_else(|| {
            Error::new(Kind::Argument, format!("`only` cannot be `{word}`"))
                .hint(format!("write {}", list(Self::WORDS.iter().map(|(word, _)| *word), "or")))
        })
    }

    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, only)| *only == self).map_or("", |(word, _)| word)
    }

    fn takes(self, torrent: &Torrent) -> bool {
        match self {
            Self::All => true,
            Self::Downloads => !torrent.done,
            Self::Uploads => torrent.done,
            Self::Public => !torrent.is_private,
        }
    }
}

/// Which torrents a stop takes, and which of them run on all the same.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Choice {
    #[serde(default)]
    pub only: Only,
    /// Torrents with one of these tags run on.
    #[serde(default)]
    pub except_tags: Vec<String>,
}

impl Choice {
    fn takes(&self, torrent: &Torrent) -> bool {
        self.only.takes(torrent) && !torrent.tags.iter().any(|tag| self.except_tags.contains(tag))
    }

    fn everything(&self) -> bool {
        self.only == Only::All && self.except_tags.is_empty()
    }
}

/// How to stop.
#[derive(Clone, Debug, Default)]
pub struct StopOptions {
    pub reason: String,
    /// Ends by itself after that.
    pub duration: Option<Duration>,
    pub choice: Choice,
}

/// The holds on all clients.
pub struct Holds {
    books: Books,
    fleet: Arc<Fleet>,
    /// One change of a client at a time; by its key.
    turns: Arc<Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>>,
}

/// A mass start goes in steps of so many torrents, so that checking and announcing does not all happen at once.
const STEP: usize = 25;

impl Holds {
    /// Between two attempts to end a hold.
    pub const RETRY: Duration = Duration::from_seconds(60);

    pub fn new(store: Store, fleet: Arc<Fleet>) -> Self {
        Self { books: Books(store), fleet, turns: Arc::default() }
    }

    /// The same over another fleet; changes of a client still take turns with those that are under way.
    #[must_use]
    pub fn over(&self, fleet: Arc<Fleet>) -> Self {
        Self { books: Books(self.books.0.clone()), fleet, turns: Arc::clone(&self.turns) }
    }

    /// Stops transfers on one client until the reason is released, and returns when the client confirms.
    ///
    /// # Errors
    /// Where some torrents do not stop: both sides by name. The hold stands all the same, also where the client does not
    /// answer: [`Holds::enforce`] stops what runs once it does. Only what the client cannot do at all leaves none.
    pub async fn stop(&self, member: &Member, options: &StopOptions, talk: &Talk) -> Result<Stopped> {
        let _turn = self.turn(member, talk).await?;
        let now = talk.now();
        let torrents = match choose_from(member, &options.choice, talk).await {
            Ok(torrents) => torrents,
            Err(error) if error.kind == Kind::Unsupported => return Err(error),
            Err(error) => {
                self.books.edit(&member.key(), member.name(), |book| book.stop(&[], options, now)).await?;
                return Err(stands(error));
            }
        };
        // Before the first command: whatever becomes of this process, what ran is known.
        let book = self.books.edit(&member.key(), member.name(), |book| book.stop(&torrents, options, now)).await?;
        let (running, idle): (Vec<&Torrent>, Vec<_>) =
            torrents.iter().filter(|torrent| options.choice.takes(torrent)).partition(|torrent| torrent.state.runs());
        let hashes: Vec<String> = running.iter().map(|torrent| torrent.hash.clone()).collect();
        if !hashes.is_empty()
            && let Err(error) = member.client.stop(&hashes, talk).await
        {
            if error.kind != Kind::Unsupported {
                return Err(stands(error));
            }
            self.books.edit(&member.key(), member.name(), |book| book.release(&options.reason)).await?;
            return Err(error);
        }
        let rates = confirm::stopped(member, &running, options.choice.everything(), talk).await?;
        Ok(Stopped {
            downloader: member.name().into(),
            reason: options.reason.clone(),
            stopped: running.iter().map(|torrent| brief(torrent)).collect(),
            idle: idle.len(),
            expires: book.stops.get(&options.reason).and_then(|stop| stop.expires),
            up_speed: rates.up,
            down_speed: rates.down,
        })
    }

    /// Releases one reason: what it stopped and no other reason holds runs again, as it did before.
    ///
    /// # Errors
    /// Where some torrents do not start: both sides by name. The hold stands all the same, and [`Holds::expire`] tries
    /// again, also where the client does not answer.
    pub async fn start(&self, member: &Member, reason: &str, talk: &Talk) -> Result<Started> {
        let _turn = self.turn(member, talk).await?;
        let book = self.books.of(member).await?;
        let mut result = Started {
            downloader: member.name().into(),
            reason: reason.into(),
            started: Vec::new(),
            held_by: book.held_by(reason),
        };
        if !book.stops.contains_key(reason) {
            return Ok(result);
        }
        // First of all: whoever finds the hold after a crash, or once the client answers, goes on with its release.
        let now = talk.now();
        self.books.edit(&member.key(), member.name(), |book| book.end(book::Term::Stop, reason, now)).await?;
        let torrents = member.client.torrents(talk).await?;
        let freed = book.freed(reason, &torrents);
        for forced in [false, true] {
            let hashes: Vec<String> = freed
                .iter()
                .filter(|torrent| book.forced.contains(&torrent.hash) == forced)
                .map(|torrent| torrent.hash.clone())
                .collect();
            for (i, step) in hashes.chunks(STEP).enumerate() {
                if i > 0 {
                    talk.clock.sleep_until(talk.within(PAUSE)).await;
                }
                member.client.start(step, forced, talk).await?;
            }
        }
        confirm::started(member, &freed, talk).await?;
        // Last: until here a crash leaves the hold, and its release is taken up again.
        self.books.edit(&member.key(), member.name(), |book| book.release(reason)).await?;
        result.started = freed.iter().map(|torrent| brief(torrent)).collect();
        Ok(result)
    }

    /// Releases every reason, or the one that is named, and gives what was in force.
    pub async fn release(&self, member: &Member, reason: Option<&str>, talk: &Talk) -> Result<Vec<Hold>> {
        let mut holds = self.holds(Some(member)).await?;
        holds.retain(|hold| reason.is_none_or(|reason| hold.reason == reason));
        for hold in &holds {
            if hold.kind == book::Term::Stop.word() {
                self.start(member, &hold.reason, talk).await?;
            } else {
                self.restore_speed(member, &hold.reason, talk).await?;
            }
        }
        Ok(holds)
    }

    /// The clients with a hold, by [`Member::key`], and the names they had.
    pub async fn held(&self) -> Result<Vec<(String, String)>> {
        Ok(self.books.all().await?.into_iter().map(|(key, book)| (key, book.name)).collect())
    }

    /// Every hold in force, or those of one client.
    pub async fn holds(&self, member: Option<&Member>) -> Result<Vec<Hold>> {
        match member {
            Some(member) => Ok(self.books.of(member).await?.holds()),
            None => Ok(self.books.all().await?.iter().flat_map(|(_, book)| book.holds()).collect()),
        }
    }

    /// When [`Holds::expire`] has something to do next.
    pub async fn next_expiry(&self) -> Result<Option<Time>> {
        let books = self.books.all().await?;
        Ok(books.iter().flat_map(|(_, book)| book.terms()).map(|(due, ..)| due).min())
    }

    /// Ends what is due.
    pub async fn expire(&self, now: Time, talk: &Talk) -> Result<Expired<Hold>> {
        let mut expired = Expired { ended: Vec::new(), failed: Vec::new() };
        for (key, book) in self.books.all().await? {
            let due: Vec<_> = book.terms().filter(|(due, ..)| *due <= now).collect();
            if due.is_empty() {
                continue;
            }
            let member = self.fleet.by_key(&key, talk).await;
            for (_, term, reason) in due {
                let outcome = match (&member, term) {
                    (Ok(member), Term::Stop) => {
                        self.start(member, reason, &talk.via("start_transfers")).await.map(drop)
                    }
                    (Ok(member), Term::Cap) => {
                        self.restore_speed(member, reason, &talk.via("restore_speed")).await.map(drop)
                    }
                    (Err(error), _) => Err(error.clone()),
                };
                if let Err(error) = outcome {
                    let postpone = |book: &mut book::Book| book.postpone(term, reason, now + Self::RETRY);
                    self.books.edit(&key, &book.name, postpone).await?;
                    expired.failed.push(error);
                } else {
                    let ended = |hold: &Hold| hold.kind == term.word() && hold.reason == *reason;
                    expired.ended.extend(book.holds().into_iter().find(ended));
                }
            }
        }
        Ok(expired)
    }

    /// Waits for its turn with a client: a stop and a start at the same time would leave neither.
    async fn turn(&self, member: &Member, talk: &Talk) -> Result<tokio::sync::OwnedMutexGuard<()>> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(member.key()).or_default())
        };
        within(talk.clock.as_ref(), talk.deadline, turn.lock_owned()).await.map_err(|_| {
            Error::new(Kind::Timeout, format!("another stop or start of `{}` takes too long", member.name()))
                .from_call("downloader", "stop_transfers")
        })
    }
}

/// The torrents, and which of them are private where the choice asks for that.
async fn choose_from(member: &Member, choice: &Choice, talk: &Talk) -> Result<Vec<Torrent>> {
    let torrents = member.client.torrents(talk).await?;
    if choice.only == Only::Public { member.client.settle(torrents, talk).await } else { Ok(torrents) }
}

/// A stop that could not be carried out yet.
fn stands(mut error: Error) -> Error {
    error.message += "; the hold stands, and the daemon stops what runs once it answers";
    error
}

/// As a report names it.
pub fn brief(torrent: &Torrent) -> StoppedTorrent {
    StoppedTorrent { hash: torrent.hash.clone(), name: torrent.name.clone() }
}
