//! A reply that was opened and can be decoded.

use std::ops::Range;

use serde_json::Value;

use crate::api::decode::{Build, Json, decode_without, not_json};
use crate::api::{Service, Type};
use crate::error::Result;

use super::envelope::Content;
use super::talk::Answered;

/// A good reply.
#[derive(Clone, Debug)]
pub struct Opened {
    /// HTTP status.
    pub status: u16,
    /// From the first attempt to the whole reply, on the clock.
    pub ms: u64,
    pub(super) service: Service,
    pub(super) endpoint: String,
    pub(super) ty: Type,
    pub(super) body: Vec<u8>,
    pub(super) part: Part,
}

/// Where in the body the value is.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Json(Range<usize>),
    Text(Range<usize>),
    Null,
}

impl Part {
    /// The place of what was opened inside the body it was opened from.
    pub fn of(content: &Content, body: &[u8]) -> Self {
        let place = |part: &str| {
            let start = (part.as_ptr() as usize).checked_sub(body.as_ptr() as usize)?;
            let range = start..start + part.len();
            body.get(range.clone()).is_some().then_some(range)
        };
        match content {
            // A null that was left out is not part of the body.
            Content::Json(json) => place(json.get()).map_or(Self::Null, Self::Json),
            Content::Text(text) => place(text).map_or(Self::Null, Self::Text),
        }
    }
}

impl Opened {
    /// Bytes of the reply.
    pub fn size(&self) -> usize {
        self.body.len()
    }

    /// What is written down of it.
    pub(crate) fn answered(&self) -> Answered {
        Answered { status: self.status, bytes: Some(self.size() as u64) }
    }

    /// The value as the service wrote it, secrets included: for what is read to be written back.
    ///
    /// # Errors
    /// `protocol` where it is not JSON.
    pub fn raw(&self) -> Result<Value> {
        match &self.part {
            Part::Json(range) => serde_json::from_slice(&self.body[range.clone()]).map_err(|error| not_json(&error)),
            Part::Text(range) => Ok(String::from_utf8_lossy(&self.body[range.clone()]).into()),
            Part::Null => Ok(Value::Null),
        }
    }

    /// The value that the row promises.
    ///
    /// # Errors
    /// `protocol` where the reply contradicts its shape.
    pub fn decode<B: Build>(&self, build: &mut B) -> Result<B::Value> {
        let decoded = match &self.part {
            Part::Json(range) => {
                let skip = if self.service == Service::KiwiVm { KIWIVM_KEYS } else { &[] };
                decode_without(&self.body[range.clone()], &self.ty, self.service, skip, build)
            }
            Part::Text(range) => Ok(build.text(&String::from_utf8_lossy(&self.body[range.clone()]))),
            Part::Null => decode_without(b"null", &self.ty, self.service, &[], build),
        };
        decoded.map_err(|error| error.from_call(self.service.name(), &self.endpoint).status(self.status))
    }

    /// The value as plain JSON: times in RFC 3339, secrets masked.
    ///
    /// # Errors
    /// As [`Opened::decode`].
    pub fn json(&self) -> Result<Value> {
        self.decode(&mut Json::default())
    }
}

/// What every reply of KiwiVM has beside the value.
const KIWIVM_KEYS: &[&str] = &["error", "message"];
