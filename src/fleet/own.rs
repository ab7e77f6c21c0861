//! The addresses of the machines in the configuration, which nobody wants to ban.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::join_all;

use super::discovery::host;
use crate::address::Ip;
use crate::clock::within;
use crate::time::{Clock, Duration, Time};

/// Addresses behind the names, as last asked.
pub(super) struct Own {
    clock: Arc<dyn Clock>,
    known: Mutex<BTreeMap<String, (Time, Vec<Ip>)>>,
}

impl Own {
    /// How long an answer is good.
    const FRESH: Duration = Duration::from_seconds(600);
    /// A name that nobody resolves must not hold up a ban.
    const PATIENCE: Duration = Duration::from_seconds(3);

    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, known: Mutex::default() }
    }

    /// The addresses of the hosts in these addresses; a name that does not resolve has none.
    pub async fn addresses(&self, urls: &[String]) -> Vec<Ip> {
        let hosts: BTreeSet<String> = urls.iter().filter_map(|url| host(url)).collect();
        let found = join_all(hosts.iter().map(|host| self.of(host))).await;
        found.into_iter().flatten().collect()
    }

    async fn of(&self, host: &str) -> Vec<Ip> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return vec![address.into()];
        }
        let now = self.clock.now();
        let before = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(host).cloned();
        match before {
            Some((at, ips)) if now - at < Self::FRESH => return ips,
            _ => {}
        }
        let lookup = async {
            let _busy = self.clock.busy();
            tokio::net::lookup_host((host, 0)).await
        };
        let answer = within(self.clock.as_ref(), now + Self::PATIENCE, lookup).await;
        let ips: Vec<Ip> = match answer {
            Ok(Ok(sockets)) => sockets.map(|socket| socket.ip().into()).collect(),
            // What it was before is a better guess than nothing.
            _ => before.map(|(_, ips)| ips).unwrap_or_default(),
        };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_owned(), (now, ips.clone()));
        ips
    }
}
