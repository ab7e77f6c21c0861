//! The one way to call a row, so that every request is recorded alike whoever makes it.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::api::{Row, Service};
use crate::call::Call;
use crate::client::{Args, Client, Opened, Saved, Span};
use crate::error::{Error, Result};
use crate::time::{Clock, Duration, Time};

/// Takes each request as it is made.
pub type Recorder = Arc<dyn Fn(Call) + Send + Sync>;

/// What whoever talks to a service is given: the clock, how long it may take, and who writes it down.
#[derive(Clone)]
pub struct Talk {
    pub clock: Arc<dyn Clock>,
    pub deadline: Time,
    pub record: Recorder,
}

impl Talk {
    pub fn new(clock: Arc<dyn Clock>, deadline: Time, record: Recorder) -> Self {
        Self { clock, deadline, record }
    }

    /// Nobody writes it down: for what tidegate asks on its own account.
    pub fn silent(clock: Arc<dyn Clock>, deadline: Time) -> Self {
        Self::new(clock, deadline, Arc::new(|_| ()))
    }

    /// The same on behalf of a helper; the outermost helper is the one that is named.
    #[must_use]
    pub fn via(&self, helper: &'static str) -> Self {
        let record = Arc::clone(&self.record);
        let named = move |mut call: Call| {
            call.via = Some(helper.into());
            record(call);
        };
        Self { record: Arc::new(named), ..self.clone() }
    }

    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// That long from now, or the deadline where that is earlier.
    pub fn within(&self, time: Duration) -> Time {
        (self.now() + time).min(self.deadline)
    }
}

/// Calls a row and records it, whatever comes of it.
pub async fn call_row(client: &Client, row: &'static Row, args: &Args, talk: &Talk) -> Result<Opened> {
    let sent = client.call(row, args, talk.deadline);
    recorded(client, row, args, talk, sent, |opened| (opened.status, opened.ms)).await
}

/// The same where a reply to what was asked at most `age` ago will do; only what is sent is recorded.
pub async fn call_row_cached(
    client: &Client,
    row: &'static Row,
    args: &Args,
    age: Duration,
    talk: &Talk,
) -> Result<Arc<Opened>> {
    client.cached(row, args, age, Box::pin(call_row(client, row, args, talk))).await
}

/// Follows a stream and records that.
pub async fn follow_row(client: &Client, row: &'static Row, args: &Args, span: Span, talk: &Talk) -> Result<Opened> {
    let followed = client.follow(row, args, span, talk.deadline);
    recorded(client, row, args, talk, followed, |opened| (opened.status, opened.ms)).await
}

/// Writes a row's reply to a file in `folder` and records that.
pub async fn download_row(
    client: &Client,
    row: &'static Row,
    args: &Args,
    folder: &Path,
    talk: &Talk,
) -> Result<Saved> {
    let downloaded = client.download(row, args, folder, talk.deadline);
    recorded(client, row, args, talk, downloaded, |saved| (saved.status, saved.ms)).await
}

/// `told` gives status and milliseconds of a success.
async fn recorded<T>(
    client: &Client,
    row: &'static Row,
    args: &Args,
    talk: &Talk,
    exchange: impl Future<Output = Result<T>>,
    told: impl FnOnce(&T) -> (u16, u64),
) -> Result<T> {
    let start = talk.now();
    let outcome = exchange.await;
    let (status, ms) = match &outcome {
        Ok(answer) => {
            let (status, ms) = told(answer);
            (Some(status), ms)
        }
        Err(error) => (error.status, millis(talk.now() - start)),
    };
    (talk.record)(Call {
        service: row.service.name().into(),
        instance: client.name().into(),
        endpoint: row.id.into(),
        effect: row.effect,
        args: args.to_json(),
        status,
        ok: outcome.is_ok(),
        ms,
        via: None,
        summary: None,
    });
    outcome
}

/// [`call_row`] by the row's id, for our own helpers; the value is that of [`Opened::json`].
pub async fn call(
    client: &Client,
    id: &str,
    positional: Vec<Value>,
    options: Map<String, Value>,
    talk: &Talk,
) -> Result<Value> {
    let row = row(client.service(), id)?;
    call_row(client, row, &Args::bind(row, positional, options)?, talk).await?.json()
}

/// A row that a helper relies on.
pub fn row(service: Service, id: &str) -> Result<&'static Row> {
    service.row(id).ok_or_else(|| Error::internal(format!("the tables have no row `{id}`")))
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.millis()).unwrap_or(0)
}
