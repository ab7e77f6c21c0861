//! What is remembered of the holds on one client, and how it changes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::limits::Cap;
use super::{Choice, Hold, StopOptions};
use crate::downloader::{Limits, State, Torrent};
use crate::error::{Error, Kind, Result};
use crate::fleet::Member;
use crate::store::{OWN, Store};
use crate::time::Time;

/// The holds on one client.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(super) struct Book {
    pub name: String,
    /// By reason.
    #[serde(default)]
    pub stops: BTreeMap<String, Stop>,
    /// Of the torrents in `stops`: those that ran past the queue.
    #[serde(default)]
    pub forced: BTreeSet<String>,
    /// By reason.
    #[serde(default)]
    pub caps: BTreeMap<String, Cap>,
    /// The limits before the first cap.
    #[serde(default)]
    pub before: Option<Limits>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Stop {
    pub since: Time,
    pub expires: Option<Time>,
    /// Ending it failed; the next attempt.
    #[serde(default)]
    pub retry: Option<Time>,
    /// Hashes of what ran before the first stop.
    pub torrents: BTreeSet<String>,
    /// Which torrents it takes, those that come later too.
    #[serde(default, flatten)]
    pub choice: Choice,
}

/// What ends by itself: a stop or a cap, by its reason.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Term {
    Stop,
    Cap,
}

impl Term {
    /// As `kind` of a [`Hold`].
    pub fn word(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Cap => "limit",
        }
    }
}

impl Book {
    fn is_empty(&self) -> bool {
        self.stops.is_empty() && self.caps.is_empty()
    }

    /// Adds a stop for what runs now, and for what runs no more only because of another hold.
    pub fn stop(&mut self, torrents: &[Torrent], options: &StopOptions, now: Time) {
        let held: BTreeSet<&String> = self.stops.values().flat_map(|stop| &stop.torrents).collect();
        let wanted = |torrent: &&Torrent| {
            options.choice.takes(torrent) && (torrent.state.runs() || held.contains(&torrent.hash))
        };
        let mut mine: BTreeSet<String> = torrents.iter().filter(wanted).map(|torrent| torrent.hash.clone()).collect();
        let before = self.stops.get(&options.reason);
        mine.extend(before.into_iter().flat_map(|stop| stop.torrents.iter().cloned()));
        let running = torrents.iter().filter(|torrent| torrent.forced && torrent.state.runs());
        self.forced.extend(running.filter(|torrent| mine.contains(&torrent.hash)).map(|torrent| torrent.hash.clone()));
        let stop = Stop {
            since: before.map_or(now, |stop| stop.since),
            expires: options.duration.map(|duration| now + duration),
            retry: None,
            torrents: mine,
            choice: options.choice.clone(),
        };
        self.stops.insert(options.reason.clone(), stop);
    }

    /// The torrents that run although a stop takes them: added since, or started by somebody. They belong to it from
    /// then on. A stop that ends is no more.
    pub fn catch(&mut self, torrents: &[Torrent], now: Time) -> Vec<(String, String)> {
        let mut caught = Vec::new();
        for (reason, stop) in &mut self.stops {
            if stop.expires.is_some_and(|expires| expires <= now) {
                continue;
            }
            for torrent in torrents.iter().filter(|torrent| torrent.state.runs() && stop.choice.takes(torrent)) {
                stop.torrents.insert(torrent.hash.clone());
                if torrent.forced {
                    self.forced.insert(torrent.hash.clone());
                }
                caught.push((reason.clone(), torrent.hash.clone()));
            }
        }
        caught
    }

    /// It ends now: from here on nothing is held for it, and what is left of it is released.
    pub fn end(&mut self, term: Term, reason: &str, now: Time) {
        let (expires, retry) = match term {
            Term::Stop => match self.stops.get_mut(reason) {
                Some(stop) => (&mut stop.expires, &mut stop.retry),
                None => return,
            },
            Term::Cap => match self.caps.get_mut(reason) {
                Some(cap) => (&mut cap.expires, &mut cap.retry),
                None => return,
            },
        };
        *expires = Some(expires.map_or(now, |expires| expires.min(now)));
        *retry = None;
    }

    /// What else keeps torrents of this stop stopped.
    pub fn held_by(&self, reason: &str) -> Vec<String> {
        let Some(stop) = self.stops.get(reason) else { return Vec::new() };
        let shares = |(other, that): &(&String, &Stop)| *other != reason && !that.torrents.is_disjoint(&stop.torrents);
        self.stops.iter().filter(shares).map(|(other, _)| other.clone()).collect()
    }

    /// The torrents to start when this stop goes: its own without those that another one holds, as far as they still
    /// stand or are about to.
    pub fn freed<'a>(&self, reason: &str, torrents: &'a [Torrent]) -> Vec<&'a Torrent> {
        let Some(stop) = self.stops.get(reason) else { return Vec::new() };
        let others: Vec<&Stop> =
            self.stops.iter().filter(|(other, _)| *other != reason).map(|(_, stop)| stop).collect();
        torrents
            .iter()
            .filter(|torrent| {
                let stands = matches!(torrent.state, State::Stopped | State::Checking | State::Moving);
                stands && stop.torrents.contains(&torrent.hash)
            })
            .filter(|torrent| !others.iter().any(|other| other.torrents.contains(&torrent.hash)))
            .collect()
    }

    /// These belong to no stop any more: somebody wants them stopped for good.
    pub fn forget(&mut self, hashes: &[String]) {
        for stop in self.stops.values_mut() {
            stop.torrents.retain(|hash| !hashes.contains(hash));
        }
        self.forced.retain(|hash| !hashes.contains(hash));
    }

    pub fn release(&mut self, reason: &str) {
        self.stops.remove(reason);
        let held: BTreeSet<&String> = self.stops.values().flat_map(|stop| &stop.torrents).collect();
        self.forced.retain(|hash| held.contains(hash));
    }

    pub fn uncap(&mut self, reason: &str) {
        self.caps.remove(reason);
        if self.caps.is_empty() {
            self.before = None;
        }
    }

    /// The lowest of all caps and of what was set before.
    pub fn lowest(&self) -> Limits {
        let before = self.before.unwrap_or_default();
        let lowest =
            |before: Option<i64>, of: fn(&Cap) -> Option<i64>| self.caps.values().filter_map(of).chain(before).min();
        Limits { up: lowest(before.up, |cap| cap.up), down: lowest(before.down, |cap| cap.down) }
    }

    /// What ends by itself, with the next attempt to end it.
    pub fn terms(&self) -> impl Iterator<Item = (Time, Term, &String)> {
        let due = |expires: Option<Time>, retry: Option<Time>| {
            expires.map(|expires| retry.map_or(expires, |retry| expires.max(retry)))
        };
        let stops = self
            .stops
            .iter()
            .filter_map(move |(reason, stop)| Some((due(stop.expires, stop.retry)?, Term::Stop, reason)));
        let caps =
            self.caps.iter().filter_map(move |(reason, cap)| Some((due(cap.expires, cap.retry)?, Term::Cap, reason)));
        stops.chain(caps)
    }

    /// Ending it failed.
    pub fn postpone(&mut self, term: Term, reason: &str, to: Time) {
        let retry = match term {
            Term::Stop => self.stops.get_mut(reason).map(|stop| &mut stop.retry),
            Term::Cap => self.caps.get_mut(reason).map(|cap| &mut cap.retry),
        };
        if let Some(retry) = retry {
            *retry = Some(to);
        }
    }

    pub fn holds(&self) -> Vec<Hold> {
        let hold = |reason: &String, term: Term, since, expires| Hold {
            downloader: self.name.clone(),
            reason: reason.clone(),
            kind: term.word(),
            only: "",
            since,
            expires,
            torrents: 0,
            up: None,
            down: None,
        };
        let stops = self.stops.iter().map(|(reason, stop)| Hold {
            torrents: stop.torrents.len(),
            only: stop.choice.only.word(),
            ..hold(reason, Term::Stop, stop.since, stop.expires)
        });
        let caps = self.caps.iter().map(|(reason, cap)| Hold {
            up: cap.up,
            down: cap.down,
            ..hold(reason, Term::Cap, cap.since, cap.expires)
        });
        stops.chain(caps).collect()
    }
}

/// The books in the state store.
pub(super) struct Books(pub Store);

impl Books {
    const PREFIX: &str = "hold/";

    fn key(member: &str) -> String {
        format!("{}{member}", Self::PREFIX)
    }

    /// That of a client, by [`Member::key`].
    pub async fn of(&self, member: &Member) -> Result<Book> {
        let mut book = self.read(&Self::key(&member.key())).await?.1;
        member.name().clone_into(&mut book.name);
        Ok(book)
    }

    /// Those with a hold, by [`Member::key`].
    pub async fn all(&self) -> Result<Vec<(String, Book)>> {
        let mut books = Vec::new();
        for key in self.0.keys(OWN, Self::PREFIX).await? {
            let (_, book) = self.read(&key).await?;
            if !book.is_empty() {
                books.push((key[Self::PREFIX.len()..].to_owned(), book));
            }
        }
        Ok(books)
    }

    async fn read(&self, key: &str) -> Result<(Option<serde_json::Value>, Book)> {
        let value = self.0.get(OWN, key).await?;
        let Some(json) = &value else { return Ok((None, Book::default())) };
        let book = Book::deserialize(json).map_err(|error| {
            Error::new(Kind::Config, format!("the holds under `{key}` cannot be read: {error}"))
                .hint("another version of tidegate wrote them; start the torrents in the client and delete that key")
        })?;
        Ok((value, book))
    }

    /// Changes the book of `name`, again where another process changed it meanwhile; an empty one goes.
    pub async fn edit(&self, member: &str, name: &str, change: impl Fn(&mut Book) + Send + Sync) -> Result<Book> {
        let key = Self::key(member);
        loop {
            let (old, mut book) = self.read(&key).await?;
            name.clone_into(&mut book.name);
            change(&mut book);
            let new = (!book.is_empty()).then(|| json!(book));
            if new == old || self.0.commit(OWN, vec![(key.clone(), old)], vec![(key.clone(), new)]).await? {
                return Ok(book);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Only;
    use super::*;
    use crate::time::Duration;

    const NOW: Time = Time::from_seconds(1_750_000_000);

    fn torrent(hash: &str, state: State) -> Torrent {
        Torrent { hash: hash.into(), name: hash.into(), state, done: state == State::Seeding, ..Torrent::default() }
    }

    fn world() -> Vec<Torrent> {
        let mut forced = torrent("forced", State::Seeding);
        forced.forced = true;
        let mut private = torrent("private", State::Seeding);
        private.is_private = true;
        private.tags = vec!["keep".into()];
        vec![
            torrent("seed", State::Seeding),
            forced,
            private,
            torrent("leech", State::Downloading),
            torrent("queued", State::Queued),
            torrent("users", State::Stopped),
            torrent("broken", State::Error),
        ]
    }

    fn options(reason: &str, only: Only) -> StopOptions {
        StopOptions {
            reason: reason.into(),
            choice: Choice { only, except_tags: Vec::new() },
            ..StopOptions::default()
        }
    }

    /// As the client does: what was stopped stands.
    fn obey(torrents: &mut [Torrent], book: &Book) {
        for torrent in torrents.iter_mut() {
            if book.stops.values().any(|stop| stop.torrents.contains(&torrent.hash)) {
                torrent.state = State::Stopped;
                torrent.forced = false;
            }
        }
    }

    fn hashes(torrents: &[&Torrent]) -> Vec<String> {
        torrents.iter().map(|torrent| torrent.hash.clone()).collect()
    }

    #[test]
    fn only_what_ran_is_held_and_comes_back() {
        let mut torrents = world();
        let mut book = Book::default();
        book.stop(&torrents, &options("quota", Only::All), NOW);
        obey(&mut torrents, &book);
        assert_eq!(hashes(&book.freed("quota", &torrents)), ["seed", "forced", "private", "leech", "queued"]);
        assert_eq!(book.forced.iter().collect::<Vec<_>>(), ["forced"]);
        book.release("quota");
        assert!(book.is_empty() && book.forced.is_empty());
    }

    #[test]
    fn stops_add_up_and_each_ends_for_itself() {
        let mut torrents = world();
        let mut book = Book::default();
        book.stop(&torrents, &options("quota", Only::Public), NOW);
        obey(&mut torrents, &book);
        book.stop(&torrents, &options("night", Only::All), NOW);
        obey(&mut torrents, &book);
        assert_eq!(book.held_by("quota"), ["night"]);
        assert_eq!(hashes(&book.freed("quota", &torrents)), [] as [&str; 0]);
        book.release("quota");
        // The flag was read before the first stop, and survives its release.
        assert!(book.forced.contains("forced"));
        assert_eq!(hashes(&book.freed("night", &torrents)), ["seed", "forced", "private", "leech", "queued"]);
    }

    #[test]
    fn the_same_reason_again_keeps_what_it_held() {
        let mut torrents = world();
        let mut book = Book::default();
        book.stop(&torrents, &options("quota", Only::Uploads), NOW);
        obey(&mut torrents, &book);
        let later = NOW + Duration::from_seconds(60);
        let mut again = options("quota", Only::All);
        again.duration = Some(Duration::from_seconds(600));
        book.stop(&torrents, &again, later);
        let stop = &book.stops["quota"];
        assert_eq!((stop.since, stop.expires), (NOW, Some(later + Duration::from_seconds(600))));
        assert_eq!(stop.torrents.len(), 5);
    }

    #[test]
    fn selections_leave_the_others_running() {
        for (only, expected) in [
            (Only::Uploads, &["forced", "private", "seed"][..]),
            (Only::Downloads, &["leech", "queued"]),
            (Only::Public, &["forced", "leech", "queued", "seed"]),
        ] {
            let mut book = Book::default();
            book.stop(&world(), &options("x", only), NOW);
            assert_eq!(book.stops["x"].torrents.iter().collect::<Vec<_>>(), expected, "{only:?}");
        }
        let mut book = Book::default();
        let mut options = options("x", Only::Uploads);
        options.choice.except_tags = vec!["keep".into()];
        book.stop(&world(), &options, NOW);
        assert!(!book.stops["x"].torrents.contains("private"));
    }

    #[test]
    fn what_is_added_or_started_during_a_stop_is_caught_and_comes_back() {
        let mut torrents = world();
        let mut book = Book::default();
        book.stop(&torrents, &options("quota", Only::Public), NOW);
        obey(&mut torrents, &book);
        torrents.push(torrent("new", State::Downloading));
        let mut secret = torrent("secret", State::Downloading);
        secret.is_private = true;
        torrents.push(secret);
        let caught = book.catch(&torrents, NOW);
        assert_eq!(caught, [("quota".to_owned(), "new".to_owned())]);
        obey(&mut torrents, &book);
        assert_eq!(book.catch(&torrents, NOW), []);
        assert!(hashes(&book.freed("quota", &torrents)).contains(&"new".to_owned()));
        // Once it ends nothing more is caught, and what is left to do is due at once.
        torrents.push(torrent("late", State::Downloading));
        book.end(Term::Stop, "quota", NOW);
        assert_eq!(book.catch(&torrents, NOW), []);
        assert_eq!(book.terms().collect::<Vec<_>>(), [(NOW, Term::Stop, &"quota".to_owned())]);
    }

    #[test]
    fn the_lowest_limit_wins_and_the_last_release_gives_back_the_first() {
        let cap = |up, down| Cap { since: NOW, up, down, ..Cap::default() };
        let mut book = Book { before: Some(Limits { up: None, down: Some(500) }), ..Book::default() };
        book.caps.insert("day".into(), cap(Some(100), Some(900)));
        book.caps.insert("quota".into(), cap(Some(40), None));
        assert_eq!(book.lowest(), Limits { up: Some(40), down: Some(500) });
        book.uncap("quota");
        assert_eq!(book.lowest(), Limits { up: Some(100), down: Some(500) });
        assert!(book.before.is_some());
        book.uncap("day");
        assert!(book.is_empty() && book.before.is_none());
    }

    #[test]
    fn what_failed_to_end_is_due_again_later() {
        let mut book = Book::default();
        let mut options = options("x", Only::All);
        options.duration = Some(Duration::from_seconds(60));
        book.stop(&world(), &options, NOW);
        let due = NOW + Duration::from_seconds(60);
        assert_eq!(book.terms().collect::<Vec<_>>(), [(due, Term::Stop, &"x".to_owned())]);
        let later = due + Duration::from_seconds(60);
        book.postpone(Term::Stop, "x", later);
        assert_eq!(book.terms().next().unwrap().0, later);
    }
}
