//! Stopping and starting single torrents, in step with the holds on their client.

use std::sync::Arc;

use super::{Holds, StoppedTorrent, brief, confirm};
use crate::downloader::{Addition, Source, Torrent};
use crate::error::{Error, Kind, Result};
use crate::fleet::Member;
use crate::recorder::Talk;
use crate::text::list;
use crate::time::Duration;

/// How long a client may take to show what it was given.
const PATIENCE: Duration = Duration::from_seconds(20);

impl Holds {
    /// Stops these for good: no release of a hold starts them again.
    ///
    /// # Errors
    /// Where some do not stop: both sides by name.
    pub async fn stop_torrents(
        &self,
        member: &Member,
        torrents: &[Torrent],
        talk: &Talk,
    ) -> Result<Vec<StoppedTorrent>> {
        let _turn = self.turn(member, talk).await?;
        let told: Vec<&Torrent> = torrents.iter().collect();
        let hashes: Vec<String> = torrents.iter().map(|torrent| torrent.hash.clone()).collect();
        if !hashes.is_empty() {
            member.client.stop(&hashes, talk).await?;
            confirm::stopped(member, &told, false, talk).await?;
        }
        let book = self.books.of(member).await?;
        if !book.stops.is_empty() {
            self.books.edit(&member.key(), member.name(), |book| book.forget(&hashes)).await?;
        }
        Ok(told.into_iter().map(brief).collect())
    }

    /// Starts these.
    ///
    /// # Errors
    /// `argument` for a torrent that a hold keeps stopped; where some do not start: both sides by name.
    pub async fn start_torrents(
        &self,
        member: &Member,
        torrents: &[Torrent],
        talk: &Talk,
    ) -> Result<Vec<StoppedTorrent>> {
        let _turn = self.turn(member, talk).await?;
        let book = self.books.of(member).await?;
        for torrent in torrents {
            let reasons: Vec<&str> = book
                .stops
                .iter()
                .filter(|(_, stop)| stop.torrents.contains(&torrent.hash))
                .map(|(reason, _)| reason.as_str())
                .collect();
            if let Some(reason) = reasons.first() {
                let (name, held) = (&torrent.name, list(reasons.iter().copied(), "and"));
                return Err(Error::new(Kind::Argument, format!("`{name}` on `{}` is held by {held}", member.name()))
                    .hint(format!("release the hold: `start_transfers(#{{reason: {reason:?}}})`")));
            }
        }
        let told: Vec<&Torrent> = torrents.iter().collect();
        let hashes: Vec<String> = torrents.iter().map(|torrent| torrent.hash.clone()).collect();
        if !hashes.is_empty() {
            member.client.start(&hashes, false, talk).await?;
            confirm::started(member, &told, talk).await?;
        }
        Ok(told.into_iter().map(brief).collect())
    }

    /// Hands a torrent to a client and waits until it is there. A stop that takes it stops it at once.
    ///
    /// # Errors
    /// Where the client refuses it, or does not show it in time.
    pub async fn add_torrent(
        &self,
        member: &Arc<Member>,
        source: &Source,
        how: &Addition,
        talk: &Talk,
    ) -> Result<Torrent> {
        let before = member.client.torrents(talk).await?;
        member.client.add(source, how, talk).await?;
        let end = talk.within(PATIENCE);
        let added = loop {
            let mut torrents = member.client.torrents(talk).await?;
            torrents.retain(|torrent| !before.iter().any(|known| known.hash == torrent.hash));
            if let Some(added) = torrents.pop() {
                break added;
            }
            if talk.now() >= end {
                return Err(Error::new(
                    Kind::Timeout,
                    format!("`{}` has taken the torrent and does not show it", member.name()),
                )
                .hint("does it have it already, or can it not fetch the link? Its log says more")
                .from_call("downloader", "add_torrent"));
            }
            talk.clock.sleep_until(talk.within(confirm::PAUSE).min(end)).await;
        };
        if !self.books.of(member).await?.stops.is_empty() {
            self.enforce_on(member, talk).await?;
        }
        Ok(member.client.torrent(&added.hash, talk).await?.unwrap_or(added))
    }
}
