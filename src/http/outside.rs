//! What stands in for everything that is not on this machine, where nothing may reach further: in tests of scripts and in
//! simulations.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use reqwest::Method;

use super::Reply;
use super::target::Target;
use crate::error::{Error, Kind, Result};

/// Replies by method and the beginning of an address.
#[derive(Default)]
pub(super) struct StandIns(Mutex<Vec<(Option<Method>, String, Reply)>>);

impl StandIns {
    pub fn add(&self, method: Option<Method>, url: &str, reply: Reply) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((method, url.to_owned(), reply));
    }

    /// # Errors
    /// `transport` where nothing stands in.
    pub fn answer(&self, method: &Method, target: &Target) -> Result<Reply> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |wanted: &Option<Method>, url: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == method) && target.url.as_str().starts_with(url)
        };
        let found = known.iter().rev().find(|(wanted, url, _)| fits(wanted, url));
        found.map(|(.., reply)| reply.clone()).ok_or_else(|| unreachable(target))
    }
}

/// Whether a host is this machine, by its name or address.
pub(super) fn is_here(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

pub(super) fn unreachable(target: &Target) -> Error {
    Error::new(Kind::Transport, format!("`{target}` is outside of the simulated world"))
        .hint("in a test, `reply_from(\"https://…\", #{json: …})` stands in for it")
}
