//! Moving to another location, once.

use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::hurried;
use super::job::{begin, follow};
use super::parse;
use crate::api::shapes;
use crate::client::Client;
use crate::error::{Error, Kind, Result};
use crate::locks;
use crate::recorder::Talk;
use crate::store::Store;
use crate::text::{list, suggestion};
use crate::time::Duration;
use crate::usage;

shapes! {
    /// Where a VPS has moved to.
    Relocation {
        location: Text,
        /// Where it was before; the same where it was there already.
        from: Text,
        /// The addresses that it has now.
        ips: [Cidr],
        took: DurationSeconds,
    }
}

/// The shape of the same name says what each field means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Relocation {
    pub location: String,
    pub from: String,
    pub ips: Vec<String>,
    pub took: Duration,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Locations {
    current_location: String,
    locations: Vec<String>,
}

const ROW: &str = "migrate_start";
const PROBE: &str = "migrate_get_locations";

/// Moves the VPS and waits until it is there. One that is there already stays as it is.
///
/// # Errors
/// `argument` for a location that there is not; `timeout` where it has not arrived yet, and goes on.
pub async fn migrate_and_wait(
    vps: &Client,
    store: &Store,
    location: &str,
    timeout: Option<Duration>,
    talk: &Talk,
) -> Result<Relocation> {
    let talk = &hurried(talk, timeout);
    let started = talk.now();
    locks::wait_until_unlocked(vps, talk.deadline - started, talk).await?;
    let Locations { current_location: from, locations } = parse(PROBE, locks::probe(vps, talk).await?)?;
    if !locations.iter().any(|known| known == location) {
        let known = || locations.iter().map(String::as_str);
        let hint = suggestion(location, known()).unwrap_or_else(|| format!("it can move to {}", list(known(), "or")));
        return Err(Error::new(Kind::Argument, format!("`{}` cannot move to `{location}`", vps.name())).hint(hint));
    }
    if from != location {
        let begun = begin(vps, ROW, vec![location.into()], Map::new(), talk).await?;
        let there = async |probe: &serde_json::Value| {
            let now: Locations = parse(PROBE, probe.clone())?;
            Ok((now.current_location == location).then_some(()))
        };
        follow(vps, ROW, begun, talk, there).await?;
    }
    // The addresses and perhaps the allowance are others now; whoever asks next must not see the old ones.
    usage::data_usage(vps, store, true, talk).await?;
    let ips = usage::last(store, vps.name()).await?.map(|sample| sample.ip_addresses).unwrap_or_default();
    Ok(Relocation { location: location.into(), from, ips, took: talk.now() - started })
}
