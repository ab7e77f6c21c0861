//! Fills the series: every few minutes, and oftener where an allowance comes to its end.

use std::collections::BTreeMap;

use futures::future::join_all;

use super::{client_point, member_subject, vps_subject};
use crate::client::Client;
use crate::error::Result;
use crate::fleet::Fleet;
use crate::recorder::Talk;
use crate::series::{Point, Series};
use crate::store::Store;
use crate::time::{Duration, Time};
use crate::usage::{self, Sample};

/// Between two readings.
const CALM: Duration = Duration::from_seconds(5 * 60);
/// The same above [`NEAR`].
const CLOSE: Duration = Duration::from_seconds(60);
/// Percent of an allowance from which on it is looked at oftener.
const NEAR: f64 = 90.0;
/// Points of 15 minutes that are left to scripts. A call costs one.
const RESERVE: i64 = 200;
/// Between two times that old readings are thinned out.
const PRUNE: Duration = Duration::from_seconds(3600);

/// Reads the counters of VPSes and clients when it is time to.
#[derive(Default)]
pub struct Sampler {
    /// When each VPS was last asked, whatever came of it.
    asked: BTreeMap<String, Time>,
    clients: Option<Time>,
    pruned: Option<Time>,
}

impl Sampler {
    /// Reads what is due. What does not answer leaves a gap; that it does not is for others to say.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn sample(&mut self, fleet: &Fleet, store: &Store, series: &Series, talk: &Talk) -> Result<()> {
        let now = talk.now();
        let readers = series.readers();
        let mut near = false;
        for vps in fleet.vps_all().into_iter().filter(|_| readers.last) {
            near |= self.vps(&vps, store, series, talk).await?;
        }
        let interval = if near { CLOSE } else { CALM };
        if readers.clients && self.clients.is_none_or(|last| now - last >= interval) {
            self.clients = Some(now);
            clients(fleet, series, talk).await?;
        }
        if self.pruned.is_none_or(|last| now - last >= PRUNE) {
            self.pruned = Some(now);
            series.prune(now).await?;
        }
        Ok(())
    }

    /// Whether the allowance comes to its end.
    async fn vps(&mut self, vps: &Client, store: &Store, series: &Series, talk: &Talk) -> Result<bool> {
        let now = talk.now();
        let before = usage::last(store, vps.name()).await?;
        // A series is looked at closely; a last reading is only there for when the VPS does not answer.
        let closely = series.readers().vps;
        let near = closely && before.as_ref().is_some_and(|sample| is_near(sample, now));
        let interval = if near { CLOSE } else { CALM };
        // What a script has read is as good as a reading of our own.
        let last = before.as_ref().map(|sample| sample.as_of).max(self.asked.get(vps.name()).copied());
        if last.is_none_or(|last| now - last >= interval) && affordable(vps, now) {
            self.asked.insert(vps.name().to_owned(), now);
            let _ = usage::data_usage(vps, store, false, talk).await;
        }
        let Some(sample) = usage::last(store, vps.name()).await? else { return Ok(near) };
        let subject = vps_subject(vps.name());
        if series.last(&subject).await?.is_none_or(|last| last < sample.as_of) {
            let mark = sample.data_next_reset.to_string();
            let point = Point { at: sample.as_of, received: sample.data_counter, sent: 0, mark };
            series.record(&subject, &point).await?;
        }
        Ok(closely && is_near(&sample, now))
    }
}

async fn clients(fleet: &Fleet, series: &Series, talk: &Talk) -> Result<()> {
    let (members, _) = fleet.every_downloader(talk).await;
    let totals = join_all(members.iter().map(|member| member.client.totals(talk))).await;
    for (member, totals) in members.iter().zip(totals) {
        if let Ok(totals) = totals {
            series.record(&member_subject(member), &client_point(&totals, talk.now())).await?;
        }
    }
    Ok(())
}

fn is_near(sample: &Sample, now: Time) -> bool {
    sample.usage(now).is_ok_and(|usage| usage.percent >= NEAR)
}

/// Whether scripts have points enough besides.
fn affordable(vps: &Client, now: Time) -> bool {
    let allowance = vps.allowance();
    let rests = allowance.resting.is_some_and(|rest| rest > now);
    !rests && allowance.remaining_points_15min.is_none_or(|left| left > RESERVE)
}
