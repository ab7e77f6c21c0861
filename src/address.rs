//! Addresses and networks in one canonical form, so that they compare, sort and print alike
//! however a service spelt them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// An address or a network. IPv4-mapped (`::ffff:a.b.c.d`) and NAT64 (`64:ff9b::/96`) addresses are
/// the IPv4 address they stand for; a network has no host bits.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ip(IpNet);

impl Ip {
    pub fn is_network(self) -> bool {
        self.0.prefix_len() < self.0.max_prefix_len()
    }

    /// The address; the first one of a network.
    pub fn address(self) -> IpAddr {
        self.0.addr()
    }

    pub fn is_ipv6(self) -> bool {
        self.0.addr().is_ipv6()
    }

    /// Whether `other` lies in this address or network.
    pub fn contains(self, other: Self) -> bool {
        self.0.contains(&other.0)
    }

    /// The network of that many bits, for IPv4 and IPv6, that this address lies in.
    #[must_use]
    pub fn prefix(self, v4: u8, v6: u8) -> Self {
        let bits = if self.is_ipv6() { v6.min(128) } else { v4.min(32) };
        Self(IpNet::new_assert(self.0.addr(), bits.min(self.0.prefix_len())).trunc())
    }

    /// Whether a stranger on the Internet could have it: not private, shared (CGNAT), loopback, link-local,
    /// multicast, reserved, nor a Teredo tunnel. Documentation ranges count as public, since nobody has them.
    pub fn is_public(self) -> bool {
        match self.0.addr() {
            IpAddr::V4(v4) => {
                let shared = Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10).contains(&v4);
                let zero = v4.octets()[0] == 0;
                !(v4.is_private()
                    || v4.is_loopback()
                    || v4.is_link_local()
                    || v4.is_multicast()
                    || v4.octets()[0] >= 240
                    || shared
                    || zero)
            }
            IpAddr::V6(v6) => {
                let teredo = Ipv6Net::new_assert(Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32).contains(&v6);
                !(v6.is_loopback()
                    || v6.is_unspecified()
                    || v6.is_unique_local()
                    || v6.is_unicast_link_local()
                    || v6.is_multicast()
                    || teredo)
            }
        }
    }

    fn canonical(address: IpAddr) -> IpAddr {
        let IpAddr::V6(v6) = address else { return address };
        let [.., a, b] = v6.segments();
        let nat64 = v6.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0];
        match v6.to_ipv4_mapped() {
            Some(v4) => v4.into(),
            None if nat64 => Ipv4Addr::from((u32::from(a) << 16) | u32::from(b)).into(),
            None => address,
        }
    }
}

/// The same addresses in as few networks as possible, IPv4 first, sorted.
pub fn merged(addresses: &[Ip]) -> Vec<Ip> {
    let mut merged: Vec<_> = IpNet::aggregate(&addresses.iter().map(|ip| ip.0).collect()).into_iter().map(Ip).collect();
    merged.sort();
    merged
}

impl From<IpAddr> for Ip {
    fn from(address: IpAddr) -> Self {
        Self(Self::canonical(address).into())
    }
}

impl FromStr for Ip {
    type Err = ();

    /// Reads an address, a network, or an address with a port (`1.2.3.4:6881`, `[::1]:6881`).
    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text.trim();
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(address.into());
        }
        if let Ok(socket) = text.parse::<std::net::SocketAddr>() {
            return Ok(socket.ip().into());
        }
        let net: IpNet = text.parse().map_err(|_| ())?;
        let address = Self::canonical(net.addr());
        let bits = if address.is_ipv4() && net.addr().is_ipv6() {
            net.prefix_len().checked_sub(96).ok_or(())?
        } else {
            net.prefix_len()
        };
        IpNet::new(address, bits).map(|net| Self(net.trunc())).map_err(|_| ())
    }
}

impl fmt::Display for Ip {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.is_network() { self.0.fmt(f) } else { self.0.addr().fmt(f) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Ip {
        text.parse().unwrap()
    }

    #[test]
    fn every_spelling_of_an_address_is_equal() {
        assert_eq!(ip("2001:db8:0:0:0:0:0:13"), ip("2001:db8::13"));
        assert_eq!(ip("::ffff:203.0.113.7"), ip("203.0.113.7"));
        assert_eq!(ip("64:ff9b::cb00:7107").to_string(), "203.0.113.7");
        assert_eq!(ip("203.0.113.7:6881"), ip("203.0.113.7"));
        assert_eq!(ip("203.0.113.77/24").to_string(), "203.0.113.0/24");
        assert!("not-an-ip".parse::<Ip>().is_err());
    }

    #[test]
    fn prefixes_follow_the_family() {
        assert_eq!(ip("203.0.113.77").prefix(24, 64).to_string(), "203.0.113.0/24");
        assert_eq!(ip("2001:db8:1:2:3::4").prefix(24, 64).to_string(), "2001:db8:1:2::/64");
        assert!(ip("203.0.113.0/24").contains(ip("203.0.113.9")));
    }

    #[test]
    fn nobody_outside_has_a_private_address() {
        for text in
            ["10.1.2.3", "192.168.1.1", "100.64.9.9", "169.254.1.1", "127.0.0.1", "fe80::1", "fd00::1", "2001:0:1::1"]
        {
            assert!(!ip(text).is_public(), "{text}");
        }
        for text in ["8.8.8.8", "203.0.113.7", "2a00::1"] {
            assert!(ip(text).is_public(), "{text}");
        }
    }
}
