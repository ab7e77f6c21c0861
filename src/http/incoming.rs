//! A reply whose body is still on its way: for streams, and for what is too large for memory.

use std::pin::pin;
use std::sync::Arc;

use futures::future::{Either, select};
use hyper::body::Bytes;
use reqwest::header::HeaderMap;

use super::{Reply, fault};
use crate::clock::{Elapsed, SystemClock, within};
use crate::error::{Error, Kind, Result};
use crate::time::{Clock, Duration, Time};
use crate::units::format_bytes;

use super::target::Target;

/// Status and headers, and the body part by part.
pub struct Incoming {
    pub status: u16,
    pub headers: HeaderMap,
    response: reqwest::Response,
    target: Target,
    /// How long the exchange had when it began; for messages.
    left: Duration,
    clock: Arc<dyn Clock>,
}

/// What came next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Next {
    Part(Bytes),
    End,
    /// Nothing came in time.
    Late,
}

/// After so much silence on the wire, in real time, a stream counts as idle and no longer keeps a virtual
/// clock still.
const SETTLED: Duration = Duration::from_millis(50);

/// What comes over the wire, if it comes before `until`.
pub(super) async fn unless_late<T>(
    clock: &dyn Clock,
    until: Time,
    arriving: impl Future<Output = T>,
) -> Result<T, Elapsed> {
    let mut arriving = pin!(arriving);
    let busy = clock.busy();
    if busy.counts() {
        let real = SystemClock::new();
        let settled = real.now() + SETTLED;
        if let Either::Left((arrived, _)) = select(&mut arriving, real.sleep_until(settled)).await {
            return Ok(arrived);
        }
    }
    drop(busy);
    within(clock, until, arriving).await
}

impl Incoming {
    pub(super) fn new(response: reqwest::Response, target: Target, left: Duration, clock: Arc<dyn Clock>) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, response, target, left, clock }
    }

    /// The next part of the body, if it comes before `until`.
    ///
    /// # Errors
    /// `transport` where the connection broke, `protocol` where the body cannot be unpacked.
    pub async fn next(&mut self, until: Time) -> Result<Next> {
        if self.clock.now() >= until {
            return Ok(Next::Late);
        }
        let (target, left, status) = (&self.target, self.left, self.status);
        match unless_late(&*self.clock, until, self.response.chunk()).await {
            Ok(arrived) => Self::arrived(arrived).map_err(|error| fault::explain(&error, target, left).status(status)),
            Err(Elapsed) => Ok(Next::Late),
        }
    }

    fn arrived(part: reqwest::Result<Option<Bytes>>) -> reqwest::Result<Next> {
        part.map(|part| part.map_or(Next::End, Next::Part))
    }

    /// The whole body, for a reply that turned out to be an ordinary one.
    ///
    /// # Errors
    /// As [`Incoming::next`]; `timeout`; `limit` where it is larger than `max_reply` bytes.
    pub async fn whole(mut self, until: Time, max_reply: u64) -> Result<Reply> {
        let mut body = Vec::new();
        loop {
            match self.next(until).await? {
                Next::Part(part) if (body.len() + part.len()) as u64 > max_reply => {
                    return Err(too_large(&self.target, max_reply, self.status));
                }
                Next::Part(part) => body.extend_from_slice(&part),
                Next::End => return Ok(Reply { status: self.status, headers: self.headers, body }),
                Next::Late => return Err(self.late()),
            }
        }
    }

    /// The error for a body that did not end in time.
    pub fn late(&self) -> Error {
        fault::timeout(&self.target, self.left).status(self.status)
    }

    /// The error for a body of more than `most` bytes.
    pub fn too_large(&self, most: u64) -> Error {
        too_large(&self.target, most, self.status)
    }
}

pub(super) fn too_large(target: &Target, most: u64, status: u16) -> Error {
    let limit = format_bytes(i64::try_from(most).unwrap_or(i64::MAX));
    Error::new(Kind::Limit, format!("the reply of `{target}` is larger than {limit}"))
        .status(status)
        .hint("ask for less at once, or raise `reply` under `[limits]`")
}
