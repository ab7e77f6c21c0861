//! What a user of PBH sets: rules, subscriptions, alerts, channels, scripts.

use crate::sim::seedbox::Peer;
use crate::time::Time;

pub(in crate::sim) struct Settings {
    pub blacklist: Blacklist,
}

impl Settings {
    pub fn new(_now: Time) -> Self {
        Self { blacklist: Blacklist::default() }
    }
}

/// The IP rules.
#[derive(Default)]
pub(in crate::sim) struct Blacklist {
    pub ips: Vec<String>,
    pub ports: Vec<i64>,
    pub asns: Vec<i64>,
    pub regions: Vec<String>,
    pub cities: Vec<String>,
}

impl Blacklist {
    /// The rule that bans a peer, and why.
    pub fn verdict(&self, peer: &Peer) -> Option<(String, String)> {
        let guest = &peer.guest;
        let by = |kind: &str, what: &dyn std::fmt::Display| {
            Some((format!("{kind} Rule: {what}"), format!("Match {kind} rule: {what}")))
        };
        if let Some(ip) = self.ips.iter().find(|ip| crate::sim::hub::parse(ip).contains(&guest.ip)) {
            return Some((format!("IP/CIDR Rule: {ip}"), format!("Match IP rule: {ip}")));
        }
        if self.ports.contains(&i64::from(guest.port)) {
            return by("Port", &guest.port);
        }
        if self.asns.contains(&i64::from(guest.place.asn)) {
            return by("ASN", &guest.place.asn);
        }
        if self.regions.iter().any(|region| region == guest.place.iso) {
            return by("Region", &guest.place.iso);
        }
        if self.cities.iter().any(|city| guest.place.city.contains(city.as_str())) {
            return by("City", &guest.place.city);
        }
        None
    }
}
