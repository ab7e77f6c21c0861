//! Asking a PBH for its peers: those of this moment, and those it has recorded.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::wire::{PeerRow, Place, Records, TorrentRow};
use super::{By, LivePeer, Selection};
use crate::api;
use crate::client::Client;
use crate::error::{Error, Kind, Result};
use crate::fleet::{Fleet, Member};
use crate::recorder::{self, Talk};
use crate::text::list;
use crate::time::{Duration, Time};

/// Requests of one sweep at the same time.
const AT_ONCE: usize = 8;
/// Rows of PBH's records in one page, which is as many as it gives.
const PAGE: usize = 1000;

/// What PBH says of peers changes with each of its waves. Whoever asks within one shares the replies.
pub const WAVE: Duration = Duration::from_seconds(5);

/// The peers of this moment: per client one request for its torrents, and one for each of those that move data. Scripts
/// that ask within a wave of PBH make one sweep together.
pub async fn live_peers(fleet: &Fleet, pbh: &Client, selection: &Selection, talk: &Talk) -> Result<Vec<LivePeer>> {
    let talk = &talk.clone().aged(Some(talk.age.unwrap_or(WAVE)));
    let members = chosen(fleet, pbh, selection, talk).await?;
    let lists: Vec<Vec<_>> = stream::iter(members)
        .map(|member| async move {
            let rows: Vec<TorrentRow> = get(pbh, "downloader_torrents", &[&member.id], talk).await?;
            let busy = rows.into_iter().filter(|row| row.wanted(selection));
            Ok::<_, Error>(busy.map(|row| (Arc::clone(&member), row)).collect())
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let sweeps: Vec<Vec<LivePeer>> = stream::iter(lists.into_iter().flatten())
        .map(|(member, torrent)| async move {
            let place = place(fleet, &member);
            match get::<Vec<PeerRow>>(pbh, "downloader_torrent_peers", &[&member.id, &torrent.id], talk).await {
                Ok(rows) => Ok(rows.into_iter().map(|row| row.flat(&torrent, &place)).collect()),
                // It was deleted between the two requests.
                Err(error) if error.status == Some(404) => Ok(Vec::new()),
                Err(error) => Err(error),
            }
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(sweeps.into_iter().flatten().filter(|peer| selection.takes(peer)).collect())
}

fn place(fleet: &Fleet, member: &Member) -> Place {
    Place { downloader: member.name().into(), vps: fleet.vps_of(member).unwrap_or_default().into() }
}

async fn chosen(fleet: &Fleet, pbh: &Client, selection: &Selection, talk: &Talk) -> Result<Vec<Arc<Member>>> {
    if let Some(vps) = &selection.vps {
        // Says so where there is no such VPS, or nothing tells which clients run on it.
        fleet.vps_downloaders(vps, talk).await?;
    }
    let all = fleet.downloaders_of(pbh.name(), talk).await?;
    if let Some(name) = &selection.downloader
        && !all.iter().any(|member| member.name() == name)
    {
        let there = list(all.iter().map(|member| member.name()), "and");
        return Err(Error::new(Kind::Argument, format!("`{}` has no torrent client called `{name}`", pbh.name()))
            .hint(format!("it has {there}")));
    }
    let wanted = |member: &Arc<Member>| {
        selection.downloader.as_ref().is_none_or(|name| member.name() == name)
            && selection.vps.as_ref().is_none_or(|vps| fleet.vps_of(member) == Some(vps))
    };
    Ok(all.into_iter().filter(wanted).collect())
}

async fn get<T: for<'de> Deserialize<'de>>(pbh: &Client, id: &str, path: &[&str], talk: &Talk) -> Result<T> {
    let path = path.iter().map(|part| Value::from(*part)).collect();
    let value = recorder::call(pbh, id, path, Map::new(), talk).await?;
    parse(id, value)
}

fn parse<T: for<'de> Deserialize<'de>>(id: &str, value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| {
        Error::new(Kind::Protocol, format!("the answer is not what it should be: {error}")).from_call("pbh", id)
    })
}

/// PBH's own records of the swarm since `from`.
pub(super) async fn recorded_peers(
    fleet: &Fleet,
    pbh: &Client,
    by: By,
    from: Time,
    selection: &Selection,
    talk: &Talk,
) -> Result<Vec<LivePeer>> {
    const ROW: &str = "module_swarm_tracking_details";
    let version = pbh.server_version(talk).await?;
    let unsupported = |message: String| {
        Error::new(Kind::Unsupported, message).hint("leave `last` out: the peers of this moment").from_call("pbh", ROW)
    };
    if ((8, 0, 12)..(9, 1, 5)).contains(&api::version(&version)) {
        return Err(unsupported(format!(
            "PBH counts bytes per peer wrong from 8.0.12 to 9.1.4, and this is {version}"
        )));
    }
    if matches!(by, By::Asn | By::Country) {
        return Err(unsupported("PBH's records know neither networks nor countries of peers".into()));
    }
    let talk = &talk.clone().aged(Some(talk.age.unwrap_or(WAVE)));
    let members = chosen(fleet, pbh, selection, talk).await?;
    let mut peers = Vec::new();
    for page in 1.. {
        let options = [("page", Value::from(page)), ("pageSize", PAGE.into()), ("orderBy", "uploaded|desc".into())];
        let options = options.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let value = recorder::call(pbh, ROW, Vec::new(), options, talk).await?;
        let Records { total, results } = parse(ROW, value)?;
        let seen = results.len();
        // The rows come by bytes: from the first without any, there are none.
        let done = seen == 0 || page * PAGE >= total || results.last().is_some_and(|row| row.uploaded <= 0);
        for row in results.into_iter().filter(|row| row.last_time_seen >= from) {
            if let Some(member) = members.iter().find(|member| member.id == row.downloader) {
                peers.push(row.flat(&place(fleet, member)));
            }
        }
        if done {
            break;
        }
    }
    peers.retain(|peer| selection.takes(peer));
    Ok(peers)
}
