//! Whether a client did what it was told: its state read back until it is so, or until that takes too long.

use std::collections::BTreeSet;

use crate::downloader::{Rates, State, Torrent};
use crate::error::{Error, Kind, Result};
use crate::fleet::Member;
use crate::recorder::Talk;
use crate::text::{count, list};
use crate::time::Duration;
use crate::units::{format_duration, format_speed};

/// How long a client may take to do what it was told.
const PATIENCE: Duration = Duration::from_seconds(20);
/// Between two looks.
pub(super) const PAUSE: Duration = Duration::from_seconds(1);
/// Names in a message.
const NAMED: usize = 8;

/// Waits until none of these torrents moves, and with `everything` until the client as a whole stands still.
pub(super) async fn stopped(member: &Member, told: &[&Torrent], everything: bool, talk: &Talk) -> Result<Rates> {
    let start = talk.now();
    let end = talk.within(PATIENCE);
    let wanted: BTreeSet<&str> = told.iter().map(|torrent| torrent.hash.as_str()).collect();
    loop {
        let torrents = if wanted.is_empty() { Vec::new() } else { member.client.torrents(talk).await? };
        let moving: Vec<&Torrent> =
            torrents.iter().filter(|torrent| wanted.contains(torrent.hash.as_str()) && moves(torrent)).collect();
        let rates = member.client.speed(talk).await?;
        if moving.is_empty() && (!everything || rates == Rates::default()) {
            return Ok(rates);
        }
        if talk.now() >= end {
            return Err(still_moving(member.name(), &moving, told, rates, talk.now() - start));
        }
        talk.clock.sleep_until(talk.within(PAUSE).min(end)).await;
    }
}

/// Waits until none of these torrents stands any more.
pub(super) async fn started(member: &Member, told: &[&Torrent], talk: &Talk) -> Result<()> {
    let end = talk.within(PATIENCE);
    let wanted: BTreeSet<&str> = told.iter().map(|torrent| torrent.hash.as_str()).collect();
    while !wanted.is_empty() {
        let torrents = member.client.torrents(talk).await?;
        let (standing, running): (Vec<&Torrent>, Vec<_>) = torrents
            .iter()
            .filter(|torrent| wanted.contains(torrent.hash.as_str()))
            .partition(|torrent| torrent.state == State::Stopped);
        if standing.is_empty() {
            break;
        }
        if talk.now() >= end {
            let message = format!(
                "{} on `{}` did not start: {}; running again: {}",
                count(standing.len(), "torrent"),
                member.name(),
                named(&standing),
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

/// Checking and moving files is no transfer, and ends stopped by itself.
fn moves(torrent: &Torrent) -> bool {
    let transfers = torrent.state.runs() && !matches!(torrent.state, State::Checking | State::Moving);
    transfers || torrent.up_speed > 0 || torrent.down_speed > 0
}

fn named(torrents: &[&Torrent]) -> String {
    let names = torrents.iter().take(NAMED).map(|torrent| torrent.name.as_str());
    match torrents.len() {
        0 => "none".into(),
        1..=NAMED => list(names, "and"),
        all => {
            let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
            format!("{} and {} more", names.join(", "), all - NAMED)
        }
    }
}

fn still_moving(name: &str, moving: &[&Torrent], told: &[&Torrent], rates: Rates, after: Duration) -> Error {
    let after = format_duration(after);
    let message = if moving.is_empty() {
        let (up, down) = (format_speed(rates.up), format_speed(rates.down));
        format!("`{name}` still sends {up} and receives {down}, {after} after all its torrents were stopped")
    } else {
        let stands = |torrent: &&&Torrent| !moving.iter().any(|other| other.hash == torrent.hash);
        let standing: Vec<&Torrent> = told.iter().filter(stands).copied().collect();
        format!(
            "{} on `{name}` did not stop within {after}: {}; stopped: {}",
            count(moving.len(), "torrent"),
            named(moving),
            named(&standing)
        )
    };
    Error::new(Kind::Timeout, message)
        .hint("the hold stands; stop again, or look at these in the client")
        .from_call("downloader", "stop_transfers")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_both_sides() {
        let torrent = |name: &str| Torrent { hash: name.into(), name: name.into(), ..Torrent::default() };
        let all: Vec<Torrent> = (0..11).map(|i| torrent(&format!("t{i}"))).collect();
        let told: Vec<&Torrent> = all.iter().collect();
        let error = still_moving("nas", &told[..2], &told, Rates::default(), Duration::from_seconds(20));
        assert!(error.message.starts_with("2 torrents on `nas` did not stop within 20s: `t0` and `t1`; stopped: `t2`"));
        assert!(error.message.ends_with("`t9` and 1 more"), "{}", error.message);
        let none = still_moving("nas", &told[..1], &told[..1], Rates::default(), Duration::from_seconds(20));
        assert!(none.message.ends_with("stopped: none"));
    }

    #[test]
    fn checking_is_no_transfer() {
        let torrent = |state, up_speed| Torrent { state, up_speed, ..Torrent::default() };
        assert!(!moves(&torrent(State::Checking, 0)));
        assert!(!moves(&torrent(State::Stopped, 0)));
        assert!(moves(&torrent(State::Stopped, 1)));
        assert!(moves(&torrent(State::Queued, 0)));
    }
}
