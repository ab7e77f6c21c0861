//! What goes beyond single calls to a VPS: how it fares, which cases are open, and jobs that are followed to their
//! end. A call that starts something is sent once; where its reply is lost, the VPS itself is asked what became of it.

mod cases;
mod job;
mod migration;
mod power;
mod shell;
mod snapshots;
mod status;

pub use cases::{AbuseCase, violations};
pub use migration::{Relocation, migrate_and_wait};
pub use power::{restart_and_wait, start_and_wait};
pub use shell::{CommandOutput, run};
pub use snapshots::{Rotation, StoredSnapshot, rotate_snapshots, snapshot_and_wait};
pub use status::{VpsStatus, status};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::client::Client;
use crate::error::{Error, Kind, Result};
use crate::recorder::{self, Talk};
use crate::time::Duration;

/// A row without arguments, read.
async fn ask<T: DeserializeOwned>(vps: &Client, id: &str, talk: &Talk) -> Result<T> {
    let value = recorder::call(vps, id, Vec::new(), Map::new(), talk).await?;
    parse(id, value)
}

fn parse<T: DeserializeOwned>(id: &str, value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| {
        Error::new(Kind::Protocol, format!("the answer is not what it should be: {error}")).from_call("kiwivm", id)
    })
}

/// The same with less time, where less is given.
fn hurried(talk: &Talk, timeout: Option<Duration>) -> Talk {
    Talk { deadline: timeout.map_or(talk.deadline, |timeout| talk.within(timeout)), ..talk.clone() }
}
