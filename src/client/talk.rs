//! What whoever talks to a service is given: the clock, how long it may take, and who writes it down.

use std::sync::Arc;

use serde_json::Value;

use super::Client;
use crate::api::Row;
use crate::call::Call;
use crate::error::Error;
use crate::time::{Clock, Duration, Time};

/// Takes each request as it is made.
pub type Recorder = Arc<dyn Fn(Call) + Send + Sync>;

/// What is written down of a reply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    /// HTTP status.
    pub status: u16,
    /// Of its body, where it was read as a whole.
    pub bytes: Option<u64>,
}

/// What comes with every request.
#[derive(Clone)]
pub struct Talk {
    pub clock: Arc<dyn Clock>,
    pub deadline: Time,
    pub record: Recorder,
    /// How old a reply to a read may be, where whoever asks shares it with others.
    pub age: Option<Duration>,
}

impl Talk {
    pub fn new(clock: Arc<dyn Clock>, deadline: Time, record: Recorder) -> Self {
        Self { clock, deadline, record, age: None }
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

    /// The same, content with replies of that age.
    #[must_use]
    pub fn aged(self, age: Option<Duration>) -> Self {
        Self { age, ..self }
    }

    /// The same where only what is true now will do.
    #[must_use]
    pub fn fresh(&self) -> Self {
        self.clone().aged(None)
    }

    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// That long from now, or the deadline where that is earlier.
    pub fn within(&self, time: Duration) -> Time {
        (self.now() + time).min(self.deadline)
    }

    /// Writes a request for a row down, which began at `start`: with what answered, or the error.
    pub(crate) fn note(&self, client: &Client, row: &Row, args: Value, start: Time, outcome: Result<Answered, &Error>) {
        (self.record)(Call {
            service: row.service.name().into(),
            instance: client.name().into(),
            endpoint: row.id.into(),
            effect: row.effect,
            args,
            status: outcome.map_or_else(|error| error.status, |answered| Some(answered.status)),
            ok: outcome.is_ok(),
            ms: u64::try_from((self.now() - start).millis()).unwrap_or(0),
            bytes: outcome.ok().and_then(|answered| answered.bytes),
            via: None,
            summary: None,
        });
    }
}
