//! Keeping what holds in force: torrents that come or start during a stop, and limits that somebody takes away.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::limits::apply;
use super::{Choice, Holds, Only};
use crate::downloader::Limits;
use crate::error::{Error, Result};
use crate::fleet::Member;
use crate::recorder::Talk;
use crate::text::{count, list};

/// What had to be done, in words, and what could not.
#[derive(Debug, Default)]
pub struct Enforced {
    pub done: Vec<String>,
    pub failed: Vec<Error>,
    /// Clients with a hold.
    pub held: usize,
}

impl Holds {
    /// Looks at every client with a hold and puts right what is not as it should be: after a crash between two commands
    /// that is what was still to be stopped.
    ///
    /// # Errors
    /// Where the store cannot be read. A client that does not answer is among `failed`.
    pub async fn enforce(&self, talk: &Talk) -> Result<Enforced> {
        let mut enforced = Enforced::default();
        for (key, _) in self.held().await? {
            enforced.held += 1;
            let outcome = match self.fleet.by_key(&key, talk).await {
                Ok(member) => self.enforce_on(&member, talk).await,
                Err(error) => Err(error),
            };
            match outcome {
                Ok(done) => enforced.done.extend(done),
                Err(error) => enforced.failed.push(error),
            }
        }
        Ok(enforced)
    }

    /// The same for one client.
    ///
    /// # Errors
    /// Where the client does not answer or the store cannot be read.
    pub async fn enforce_on(&self, member: &Arc<Member>, talk: &Talk) -> Result<Vec<String>> {
        let _turn = self.turn(member, talk).await?;
        let book = self.books.of(member).await?;
        let mut done = Vec::new();
        if !book.stops.is_empty() {
            done.extend(self.stop_again(member, talk).await?);
        }
        let lowest = book.lowest();
        if !book.caps.is_empty() && looser(member.client.limits(talk).await?, lowest) {
            apply(member, lowest, talk).await?;
            let reasons = list(book.caps.keys().map(String::as_str), "and");
            done.push(format!("the limit {reasons} on `{}` had been taken away: it is set again", member.name()));
        }
        Ok(done)
    }

    async fn stop_again(&self, member: &Member, talk: &Talk) -> Result<Vec<String>> {
        let book = self.books.of(member).await?;
        let public = book.stops.values().any(|stop| stop.choice.only == Only::Public);
        let choice = Choice { only: if public { Only::Public } else { Only::All }, except_tags: Vec::new() };
        let torrents = super::choose_from(member, &choice, talk).await?;
        let now = talk.now();
        let caught = book.clone().catch(&torrents, now);
        if caught.is_empty() {
            return Ok(Vec::new());
        }
        // As ever, what is held is written down before it is stopped.
        let note = |book: &mut super::book::Book| drop(book.catch(&torrents, now));
        self.books.edit(&member.key(), member.name(), note).await?;
        let mut by_reason: BTreeMap<&str, usize> = BTreeMap::new();
        let mut hashes: Vec<String> = Vec::new();
        for (reason, hash) in &caught {
            *by_reason.entry(reason).or_default() += 1;
            if !hashes.contains(hash) {
                hashes.push(hash.clone());
            }
        }
        member.client.stop(&hashes, talk).await?;
        let said = |(reason, n): (&str, usize)| {
            format!("{} on `{}` ran in spite of the hold `{reason}`: stopped", count(n, "torrent"), member.name())
        };
        Ok(by_reason.into_iter().map(said).collect())
    }
}

/// Whether more may flow than `wanted`, by more than rounding.
fn looser(set: Limits, wanted: Limits) -> bool {
    let looser = |set: Option<i64>, wanted: Option<i64>| wanted.is_some_and(|w| set.is_none_or(|set| set > w + 1024));
    looser(set.up, wanted.up) || looser(set.down, wanted.down)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lets_more_through_is_put_right() {
        let limits = |up, down| Limits { up, down };
        let wanted = limits(Some(10_000), None);
        assert!(looser(limits(None, None), wanted) && looser(limits(Some(20_000), None), wanted));
        assert!(!looser(limits(Some(5_000), Some(1)), wanted) && !looser(limits(Some(10_500), None), wanted));
        assert!(!looser(limits(None, None), limits(None, None)));
    }
}
