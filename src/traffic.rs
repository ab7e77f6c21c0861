//! What VPSes and torrent clients have moved, and what that means for the allowance: the series that tidegate keeps
//! itself, read by helpers and filled by the daemon.

pub mod forecast;
mod sampler;

use futures::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use crate::api::shapes;
use crate::client::Client;
use crate::downloader;
use crate::error::{Error, Kind, Result};
use crate::fleet::{Fleet, Member};
use crate::recorder::{self, Talk};
use crate::series::arithmetic::{Moved, moved, sampled};
use crate::series::{Point, Series};
use crate::store::Store;
use crate::time::{Duration, Time};
use crate::usage;
use forecast::{Forecast, LiveUsage};

pub use sampler::Sampler;

shapes! {
    /// What a VPS moved in a span of time.
    VpsTraffic {
        /// Before the multiplier, by the provider's samples.
        received: Bytes,
        /// Before the multiplier, by the provider's samples.
        sent: Bytes,
        total: Bytes,
        /// What the provider counted, after the multiplier.
        billed: Bytes,
        /// The highest rate of five minutes, both directions together.
        peak: Speed,
        /// Samples of the provider in that time.
        samples: Int,
        /// Stretches of that time without a sample.
        gaps: Int,
    }

    /// What a torrent client moved in a span of time, by tidegate's own readings.
    ClientTraffic {
        downloader: Text,
        received: Bytes,
        sent: Bytes,
        total: Bytes,
        /// The highest average between two readings, both directions together.
        peak: Speed,
        /// Readings in that time.
        samples: Int,
        /// Stretches without a reading, and restarts of the client.
        gaps: Int,
    }
}

/// The shape of the same name says what each field means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VpsTraffic {
    pub received: i64,
    pub sent: i64,
    pub total: i64,
    pub billed: i64,
    pub peak: i64,
    pub samples: i64,
    pub gaps: i64,
}

/// The shape of the same name says what each field means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClientTraffic {
    pub downloader: String,
    pub received: i64,
    pub sent: i64,
    pub total: i64,
    pub peak: i64,
    pub samples: i64,
    pub gaps: i64,
}

/// The span of a helper where none is named.
pub const DAY: Duration = Duration::from_seconds(86_400);
/// What one sample of KiwiVM covers.
const RAW: Duration = Duration::from_seconds(300);

fn vps_subject(name: &str) -> String {
    format!("vps/{name}")
}

fn member_subject(member: &Member) -> String {
    format!("downloader/{}", member.key())
}

fn client_point(totals: &downloader::Totals, at: Time) -> Point {
    Point { at, received: totals.session_downloaded, sent: totals.session_uploaded, mark: totals.session.clone() }
}

/// What a VPS moved in the last span of that length.
///
/// # Errors
/// Where the provider does not answer.
pub async fn of_vps(vps: &Client, store: &Store, series: &Series, last: Duration, talk: &Talk) -> Result<VpsTraffic> {
    #[derive(Deserialize)]
    struct Raw {
        timestamp: Time,
        network_in_bytes: i64,
        network_out_bytes: i64,
    }
    let (to, from) = (talk.now(), talk.now() - last);
    let mut stats = recorder::call(vps, "get_raw_usage_stats", Vec::new(), Map::new(), talk).await?;
    let raw: Vec<Raw> = serde_json::from_value(stats["data"].take()).map_err(|error| {
        Error::new(Kind::Protocol, format!("the samples cannot be read: {error}"))
            .from_call("kiwivm", "get_raw_usage_stats")
    })?;
    let points = raw.into_iter().map(|raw| Point {
        at: raw.timestamp,
        received: raw.network_in_bytes,
        sent: raw.network_out_bytes,
        mark: String::new(),
    });
    let seen = sampled(points.collect(), RAW, from, to);
    let multiplier = match usage::last(store, vps.name()).await? {
        Some(sample) => sample.usage(to)?.multiplier,
        None => 1.0,
    };
    let counted = moved(&series.since(&vps_subject(vps.name()), from).await?, from, to);
    // Where tidegate has not watched all of it, the provider's samples say it better.
    let billed = if counted.covered >= seen.covered { counted.total() } else { seen.total() };
    Ok(VpsTraffic {
        received: seen.received,
        sent: seen.sent,
        total: seen.total(),
        billed: times(billed, multiplier),
        peak: seen.peak,
        samples: seen.samples,
        gaps: seen.gaps,
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "exact far beyond any traffic")]
fn times(bytes: i64, factor: f64) -> i64 {
    (bytes as f64 * factor).round() as i64
}

/// What a client moved in the last span of that length. This moment is a reading too.
///
/// # Errors
/// `unsupported` where the client counts nothing; where it does not answer.
pub async fn of_client(member: &Member, series: &Series, last: Duration, talk: &Talk) -> Result<ClientTraffic> {
    let (to, from) = (talk.now(), talk.now() - last);
    let subject = member_subject(member);
    let totals = member.client.totals(talk).await?;
    series.record(&subject, &client_point(&totals, talk.now())).await?;
    let seen: Moved = moved(&series.since(&subject, from).await?, from, talk.now().max(to));
    Ok(ClientTraffic {
        downloader: member.name().into(),
        received: seen.received,
        sent: seen.sent,
        total: seen.total(),
        peak: seen.peak,
        samples: seen.samples,
        gaps: seen.gaps,
    })
}

/// Where the transfer of a VPS is going, by what it moved in the last span of that length.
///
/// # Errors
/// Where neither the provider nor a recent reading says what is used.
pub async fn of_month(vps: &Client, store: &Store, series: &Series, last: Duration, talk: &Talk) -> Result<Forecast> {
    let usage = usage::data_usage(vps, store, false, talk).await?;
    let (to, from) = (talk.now(), talk.now() - last);
    let lately = moved(&series.since(&vps_subject(vps.name()), from).await?, from, to);
    Ok(forecast::forecast(&usage, &lately, to))
}

/// What a VPS has used by now, with what its clients moved since the provider's counter last changed.
///
/// # Errors
/// Where the usage cannot be read, or nobody says which clients run on the VPS.
pub async fn live(vps: &Client, fleet: &Fleet, store: &Store, series: &Series, talk: &Talk) -> Result<LiveUsage> {
    let usage = usage::data_usage(vps, store, false, talk).await?;
    let readings = series.since(&vps_subject(vps.name()), usage.as_of - DAY).await?;
    // The provider's counter lags behind: what the clients moved while it stood still is not in it.
    let counter = usage::last(store, vps.name()).await?.map_or(0, |sample| sample.data_counter);
    let since = readings
        .iter()
        .rev()
        .take_while(|point| point.received == counter)
        .last()
        .map_or(usage.as_of, |point| point.at.min(usage.as_of));
    let members = fleet.vps_downloaders(vps.name(), talk).await?;
    let moves = members.iter().map(|member| async move {
        let subject = member_subject(member);
        let totals = member.client.totals(talk).await?;
        series.record(&subject, &client_point(&totals, talk.now())).await?;
        Ok::<_, Error>(moved(&series.since(&subject, since).await?, since, talk.now()).total())
    });
    let outcomes = join_all(moves).await;
    let missing = members.iter().zip(&outcomes).filter(|(_, moved)| moved.is_err());
    let missing = missing.map(|(member, _)| member.name().to_owned()).collect();
    let sum = outcomes.into_iter().flatten().sum();
    Ok(forecast::live(&usage, sum, since, missing))
}
