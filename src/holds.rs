//! Stops with a reason: what was running is written down first, stops add up, and each ends for itself.

pub mod limits;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::shapes;
use crate::bans::Expired;
use crate::clock::within;
use crate::downloader::{Rates, State, Torrent};
use crate::error::{Error, Kind, Result};
use crate::fleet::{Fleet, Member};
use crate::recorder::Talk;
use crate::store::{OWN, Store};
use crate::text::{count, list};
use crate::time::{Duration, Time};
use crate::units::{format_duration, format_speed};
use limits::Cap;

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
    pub since: Time,
    pub expires: Option<Time>,
    pub torrents: usize,
    pub up: Option<i64>,
    pub down: Option<i64>,
}

/// Which torrents a stop takes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
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

    fn takes(self, torrent: &Torrent) -> bool {
        match self {
            Self::All => true,
            Self::Downloads => !torrent.done,
            Self::Uploads => torrent.done,
            Self::Public => !torrent.is_private,
        }
    }
}

/// How to stop.
#[derive(Clone, Debug, Default)]
pub struct StopOptions {
    pub reason: String,
    /// Ends by itself after that.
    pub duration: Option<Duration>,
    pub only: Only,
    /// Torrents with one of these tags run on.
    pub except_tags: Vec<String>,
}

impl StopOptions {
    fn takes(&self, torrent: &Torrent) -> bool {
        self.only.takes(torrent) && !torrent.tags.iter().any(|tag| self.except_tags.contains(tag))
    }

    fn everything(&self) -> bool {
        self.only == Only::All && self.except_tags.is_empty()
    }
}

/// What is remembered of one client.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
struct Book {
    name: String,
    /// By reason.
    #[serde(default)]
    stops: BTreeMap<String, Stop>,
    /// Of the torrents in `stops`: those that ran past the queue.
    #[serde(default)]
    forced: BTreeSet<String>,
    /// By reason.
    #[serde(default)]
    caps: BTreeMap<String, Cap>,
    /// The limits before the first cap.
    #[serde(default)]
    before: Option<Cap>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Stop {
    since: Time,
    expires: Option<Time>,
    /// Ending it failed; the next attempt.
    #[serde(default)]
    retry: Option<Time>,
    /// Hashes of what ran before the first stop.
    torrents: BTreeSet<String>,
}

impl Book {
    fn is_empty(&self) -> bool {
        self.stops.is_empty() && self.caps.is_empty()
    }

    /// What keeps a torrent stopped besides `reason`.
    fn others(&self, reason: &str) -> impl Iterator<Item = (&String, &Stop)> {
        self.stops.iter().filter(move |(other, _)| *other != reason)
    }

    /// Adds a stop for what runs now, and for what runs no more only because of another hold.
    fn stop(&mut self, torrents: &[Torrent], options: &StopOptions, now: Time) {
        let held: BTreeSet<&String> = self.stops.values().flat_map(|stop| &stop.torrents).collect();
        let mut mine: BTreeSet<String> = torrents
            .iter()
            .filter(|torrent| options.takes(torrent) && (torrent.state.runs() || held.contains(&torrent.hash)))
            .map(|torrent| torrent.hash.clone())
            .collect();
        let before = self.stops.get(&options.reason);
        mine.extend(before.into_iter().flat_map(|stop| stop.torrents.iter().cloned()));
        let running = torrents.iter().filter(|torrent| torrent.forced && torrent.state.runs());
        self.forced.extend(running.filter(|torrent| mine.contains(&torrent.hash)).map(|torrent| torrent.hash.clone()));
        let stop = Stop {
            since: before.map_or(now, |stop| stop.since),
            expires: options.duration.map(|duration| now + duration),
            retry: None,
            torrents: mine,
        };
        self.stops.insert(options.reason.clone(), stop);
    }

    /// The hashes that run again when `reason` goes: its own without those that another reason holds.
    fn freed(&self, reason: &str) -> BTreeSet<String> {
        let Some(stop) = self.stops.get(reason) else { return BTreeSet::new() };
        let held = |hash: &String| self.others(reason).any(|(_, stop)| stop.torrents.contains(hash));
        stop.torrents.iter().filter(|hash| !held(hash)).cloned().collect()
    }

    fn release(&mut self, reason: &str) {
        self.stops.remove(reason);
        let held: BTreeSet<&String> = self.stops.values().flat_map(|stop| &stop.torrents).collect();
        self.forced.retain(|hash| held.contains(hash));
    }

    fn due(&self) -> Option<Time> {
        let stops = self.stops.values().filter_map(|stop| Some(stop.expires?.max(stop.retry.unwrap_or_default())));
        let caps = self.caps.values().filter_map(Cap::due);
        stops.chain(caps).min()
    }
}

/// The holds on all clients.
pub struct Holds {
    store: Store,
    fleet: Arc<Fleet>,
    /// One change of a client at a time; by its key.
    turns: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// How long a client may take to do what it was told.
const CONFIRM: Duration = Duration::from_seconds(20);
/// Between two looks.
const PAUSE: Duration = Duration::from_seconds(1);
/// A mass start goes in steps of so many torrents, so that checking and announcing does not all happen at once.
const STEP: usize = 25;
/// Names in a message.
const NAMED: usize = 8;

impl Holds {
    /// Between two attempts to end a hold.
    pub const RETRY: Duration = Duration::from_seconds(60);

    pub fn new(store: Store, fleet: Arc<Fleet>) -> Self {
        Self { store, fleet, turns: Mutex::default() }
    }

    /// Stops transfers on one client until the reason is released, and returns when the client confirms.
    ///
    /// # Errors
    /// Where some torrents do not stop: both sides by name. The hold stands all the same.
    pub async fn stop(&self, member: &Member, options: &StopOptions, talk: &Talk) -> Result<Stopped> {
        let talk = &talk.via("stop_transfers");
        let _turn = self.turn(member, talk).await?;
        let torrents = member.client.torrents(talk).await?;
        let now = talk.now();
        let book = self.edit(member, |book| book.stop(&torrents, options, now)).await?;
        let (running, idle): (Vec<&Torrent>, Vec<_>) =
            torrents.iter().filter(|torrent| options.takes(torrent)).partition(|torrent| torrent.state.runs());
        let hashes: Vec<String> = running.iter().map(|torrent| torrent.hash.clone()).collect();
        if !hashes.is_empty() {
            member.client.stop(&hashes, talk).await?;
        }
        let rates = self.confirm_stop(member, &running, options.everything(), talk).await?;
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

    /// Reads the state back until nothing of it moves.
    async fn confirm_stop(
        &self,
        member: &Member,
        stopped: &[&Torrent],
        everything: bool,
        talk: &Talk,
    ) -> Result<Rates> {
        let start = talk.now();
        let end = talk.within(CONFIRM);
        let wanted: BTreeSet<&str> = stopped.iter().map(|torrent| torrent.hash.as_str()).collect();
        loop {
            let torrents = if wanted.is_empty() { Vec::new() } else { member.client.torrents(talk).await? };
            let moving: Vec<&Torrent> =
                torrents.iter().filter(|torrent| wanted.contains(torrent.hash.as_str()) && moves(torrent)).collect();
            let rates = member.client.speed(talk).await?;
            let still = !everything || rates == Rates::default();
            if moving.is_empty() && still {
                return Ok(rates);
            }
            if talk.now() >= end {
                return Err(not_stopped(member.name(), &moving, stopped, rates, talk.now() - start));
            }
            talk.clock.sleep_until(talk.within(PAUSE).min(end)).await;
        }
    }

    /// Releases one reason: what it stopped and no other reason holds runs again, as it did before.
    pub async fn start(&self, member: &Member, reason: &str, talk: &Talk) -> Result<Started> {
        let talk = &talk.via("start_transfers");
        let _turn = self.turn(member, talk).await?;
        let book = self.book(member).await?;
        let mut result = Started {
            downloader: member.name().into(),
            reason: reason.into(),
            started: Vec::new(),
            held_by: Vec::new(),
        };
        let Some(stop) = book.stops.get(reason) else { return Ok(result) };
        let others = book.others(reason).filter(|(_, other)| !other.torrents.is_disjoint(&stop.torrents));
        result.held_by = others.map(|(other, _)| other.clone()).collect();
        let freed = book.freed(reason);
        let torrents = if freed.is_empty() { Vec::new() } else { member.client.torrents(talk).await? };
        let back: Vec<&Torrent> = torrents
            .iter()
            .filter(|torrent| freed.contains(&torrent.hash) && torrent.state == State::Stopped)
            .collect();
        for forced in [false, true] {
            let hashes: Vec<String> = back
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
        self.confirm_start(member, &back, talk).await?;
        // Last: until here a crash leaves the hold, and releasing it again does the rest.
        self.edit(member, |book| book.release(reason)).await?;
        result.started = back.iter().map(|torrent| brief(torrent)).collect();
        Ok(result)
    }

    async fn confirm_start(&self, member: &Member, started: &[&Torrent], talk: &Talk) -> Result<()> {
        let end = talk.within(CONFIRM);
        let wanted: BTreeSet<&str> = started.iter().map(|torrent| torrent.hash.as_str()).collect();
        while !wanted.is_empty() {
            let torrents = member.client.torrents(talk).await?;
            let (stopped, running): (Vec<&Torrent>, Vec<_>) = torrents
                .iter()
                .filter(|torrent| wanted.contains(torrent.hash.as_str()))
                .partition(|torrent| torrent.state == State::Stopped);
            if stopped.is_empty() {
                break;
            }
            if talk.now() >= end {
                let message = format!(
                    "{} on `{}` did not start: {}; running again: {}",
                    count(stopped.len(), "torrent"),
                    member.name(),
                    named(&stopped),
                    named(&running)
                );
                return Err(Error::new(Kind::Timeout, message)
                    .hint("the hold stands; release it again, or start them in the client")
                    .from_call("downloader", "start_transfers"));
            }
            talk.clock.sleep_until(talk.within(PAUSE).min(end)).await;
        }
        Ok(())
    }

    /// Every hold in force, or those of one client.
    pub async fn holds(&self, member: Option<&Member>) -> Result<Vec<Hold>> {
        let books = match member {
            Some(member) => vec![self.book(member).await?],
            None => self.books().await?.into_iter().map(|(_, book)| book).collect(),
        };
        let mut holds = Vec::new();
        for book in books {
            holds.extend(book.stops.iter().map(|(reason, stop)| Hold {
                downloader: book.name.clone(),
                reason: reason.clone(),
                kind: "stop",
                since: stop.since,
                expires: stop.expires,
                torrents: stop.torrents.len(),
                up: None,
                down: None,
            }));
            holds.extend(book.caps.iter().map(|(reason, cap)| cap.hold(&book.name, reason)));
        }
        Ok(holds)
    }

    /// When [`Holds::expire`] has something to do next.
    pub async fn next_expiry(&self) -> Result<Option<Time>> {
        Ok(self.books().await?.iter().filter_map(|(_, book)| book.due()).min())
    }

    /// Ends what is due.
    pub async fn expire(&self, now: Time, talk: &Talk) -> Result<Expired<Hold>> {
        let mut expired = Expired { ended: Vec::new(), failed: Vec::new() };
        for (key, book) in self.books().await? {
            let due = |expires: Option<Time>, retry: Option<Time>| {
                expires.is_some_and(|expires| expires.max(retry.unwrap_or_default()) <= now)
            };
            let stops: Vec<_> = book.stops.iter().filter(|(_, stop)| due(stop.expires, stop.retry)).collect();
            let caps: Vec<_> = book.caps.iter().filter(|(_, cap)| cap.due().is_some_and(|due| due <= now)).collect();
            if stops.is_empty() && caps.is_empty() {
                continue;
            }
            let member = self.fleet.by_key(&key, &book.name, talk).await;
            for (reason, stop) in stops {
                let outcome = match &member {
                    Ok(member) => self.start(member, reason, talk).await.map(drop),
                    Err(error) => Err(error.clone()),
                };
                match outcome {
                    Ok(()) => expired.ended.push(Hold {
                        downloader: book.name.clone(),
                        reason: reason.clone(),
                        kind: "stop",
                        since: stop.since,
                        expires: stop.expires,
                        torrents: stop.torrents.len(),
                        up: None,
                        down: None,
                    }),
                    Err(error) => {
                        self.edit_key(&key, |book| {
                            if let Some(stop) = book.stops.get_mut(reason) {
                                stop.retry = Some(now + Self::RETRY);
                            }
                        })
                        .await?;
                        expired.failed.push(error);
                    }
                }
            }
            for (reason, cap) in caps {
                let outcome = match &member {
                    Ok(member) => self.restore_speed(member, reason, talk).await.map(drop),
                    Err(error) => Err(error.clone()),
                };
                match outcome {
                    Ok(()) => expired.ended.push(cap.hold(&book.name, reason)),
                    Err(error) => {
                        self.edit_key(&key, |book| {
                            if let Some(cap) = book.caps.get_mut(reason) {
                                cap.retry = Some(now + Self::RETRY);
                            }
                        })
                        .await?;
                        expired.failed.push(error);
                    }
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
        })
    }

    async fn book(&self, member: &Member) -> Result<Book> {
        let mut book = self.read(&key(&member.key())).await?.unwrap_or_default();
        book.name = member.name().into();
        Ok(book)
    }

    async fn books(&self) -> Result<Vec<(String, Book)>> {
        let mut books = Vec::new();
        for key in self.store.keys(OWN, PREFIX).await? {
            if let Some(book) = self.read(&key).await? {
                books.push((key[PREFIX.len()..].to_owned(), book));
            }
        }
        Ok(books)
    }

    async fn read(&self, key: &str) -> Result<Option<Book>> {
        match self.store.get(OWN, key).await? {
            None => Ok(None),
            Some(value) => serde_json::from_value(value).map(Some).map_err(|error| {
                Error::new(Kind::Config, format!("the state of `{key}` cannot be read: {error}")).hint(
                    "it was written by another version of tidegate; start the torrents in the client and delete it",
                )
            }),
        }
    }

    async fn edit(&self, member: &Member, change: impl Fn(&mut Book) + Send + Sync) -> Result<Book> {
        let name = member.name().to_owned();
        self.edit_key(&member.key(), |book| {
            book.name.clone_from(&name);
            change(book);
        })
        .await
    }

    /// Changes a book, again where another process changed it meanwhile; an empty one goes.
    async fn edit_key(&self, member: &str, change: impl Fn(&mut Book) + Send + Sync) -> Result<Book> {
        let key = key(member);
        loop {
            let old = self.store.get(OWN, &key).await?;
            let mut book = self.read(&key).await?.unwrap_or_default();
            change(&mut book);
            let new = (!book.is_empty()).then(|| json!(book));
            if new == old || self.store.commit(OWN, vec![(key.clone(), old)], vec![(key.clone(), new)]).await? {
                return Ok(book);
            }
        }
    }
}

const PREFIX: &str = "hold/";

fn key(member: &str) -> String {
    format!("{PREFIX}{member}")
}

fn brief(torrent: &Torrent) -> StoppedTorrent {
    StoppedTorrent { hash: torrent.hash.clone(), name: torrent.name.clone() }
}

/// Checking and moving files is not transfer; it ends stopped by itself.
fn moves(torrent: &Torrent) -> bool {
    let transfers = torrent.state.runs() && !matches!(torrent.state, State::Checking | State::Moving);
    transfers || torrent.up_speed > 0 || torrent.down_speed > 0
}

fn named(torrents: &[&Torrent]) -> String {
    let more = torrents.len().saturating_sub(NAMED);
    let names = torrents.iter().take(NAMED).map(|torrent| torrent.name.as_str());
    match (torrents.len(), more) {
        (0, _) => "none".into(),
        (_, 0) => list(names, "and"),
        _ => format!("{} and {more} more", names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
    }
}

fn not_stopped(name: &str, moving: &[&Torrent], all: &[&Torrent], rates: Rates, after: Duration) -> Error {
    let after = format_duration(after);
    let message = if moving.is_empty() {
        let (up, down) = (format_speed(rates.up), format_speed(rates.down));
        format!("`{name}` still sends {up} and receives {down} {after} after all its torrents were stopped")
    } else {
        let done: Vec<_> =
            all.iter().filter(|torrent| !moving.iter().any(|other| other.hash == torrent.hash)).copied().collect();
        format!(
            "{} on `{name}` did not stop within {after}: {}; stopped: {}",
            count(moving.len(), "torrent"),
            named(moving),
            named(&done)
        )
    };
    Error::new(Kind::Timeout, message)
        .hint("the hold stands; stop again, or look at these in the client")
        .from_call("downloader", "stop_transfers")
}
