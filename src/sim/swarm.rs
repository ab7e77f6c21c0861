//! Who is in the swarms: peers invented from the seed.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A number that depends on nothing but the seed and the keys (`SplitMix64` over each).
pub(super) fn roll(seed: u64, keys: &[u64]) -> u64 {
    keys.iter().fold(mix(seed), |state, key| mix(state ^ mix(*key)))
}

fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The same in `0..limit`.
pub(super) fn below(limit: u64, seed: u64, keys: &[u64]) -> u64 {
    roll(seed, keys) % limit.max(1)
}

/// The same as a thousandth, `0..1000`.
pub(super) fn mille(seed: u64, keys: &[u64]) -> u64 {
    below(1000, seed, keys)
}

/// A text as a key.
pub(super) fn key(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Hexadecimal digits from the seed, for hashes and tokens.
pub(super) fn hex(digits: usize, seed: u64, keys: &[u64]) -> String {
    let mut text = String::new();
    let mut part = 0;
    while text.len() < digits {
        let _ = write!(text, "{:016x}", roll(roll(seed, keys), &[part]));
        part += 1;
    }
    text.truncate(digits);
    text
}

/// Where peers come from.
#[derive(Debug)]
pub(super) struct Place {
    pub country: &'static str,
    pub iso: &'static str,
    pub city: &'static str,
    pub latitude: f64,
    pub longitude: f64,
    pub zone: &'static str,
    pub asn: u32,
    pub organization: &'static str,
    pub isp: &'static str,
    /// The first two numbers of its IPv4 addresses.
    pub v4: (u8, u8),
    /// The first two groups of its IPv6 addresses.
    pub v6: (u16, u16),
}

const CHINA: [Place; 3] = [
    Place {
        country: "China",
        iso: "CN",
        city: "Shanghai",
        latitude: 31.22,
        longitude: 121.46,
        zone: "Asia/Shanghai",
        asn: 4812,
        organization: "China Telecom Group",
        isp: "China Telecom",
        v4: (101, 86),
        v6: (0x240e, 0x0389),
    },
    Place {
        country: "China",
        iso: "CN",
        city: "Guangzhou",
        latitude: 23.13,
        longitude: 113.26,
        zone: "Asia/Shanghai",
        asn: 4134,
        organization: "CHINANET-BACKBONE",
        isp: "China Telecom",
        v4: (113, 67),
        v6: (0x240e, 0x03b1),
    },
    Place {
        country: "China",
        iso: "CN",
        city: "Jinan",
        latitude: 36.67,
        longitude: 116.98,
        zone: "Asia/Shanghai",
        asn: 4837,
        organization: "CHINA UNICOM China169 Backbone",
        isp: "China Unicom",
        v4: (123, 235),
        v6: (0x2408, 0x8215),
    },
];

const WORLD: [Place; 6] = [
    Place {
        country: "Germany",
        iso: "DE",
        city: "Berlin",
        latitude: 52.52,
        longitude: 13.4,
        zone: "Europe/Berlin",
        asn: 3320,
        organization: "Deutsche Telekom AG",
        isp: "Deutsche Telekom",
        v4: (84, 172),
        v6: (0x2003, 0x00e1),
    },
    Place {
        country: "Japan",
        iso: "JP",
        city: "Osaka",
        latitude: 34.69,
        longitude: 135.5,
        zone: "Asia/Tokyo",
        asn: 17676,
        organization: "SoftBank Corp.",
        isp: "SoftBank",
        v4: (126, 21),
        v6: (0x2400, 0x2411),
    },
    Place {
        country: "United States",
        iso: "US",
        city: "Denver",
        latitude: 39.74,
        longitude: -104.99,
        zone: "America/Denver",
        asn: 7922,
        organization: "COMCAST-7922",
        isp: "Comcast Cable",
        v4: (73, 95),
        v6: (0x2601, 0x0283),
    },
    Place {
        country: "Brazil",
        iso: "BR",
        city: "São Paulo",
        latitude: -23.55,
        longitude: -46.63,
        zone: "America/Sao_Paulo",
        asn: 27699,
        organization: "TELEFONICA BRASIL S.A",
        isp: "Vivo",
        v4: (177, 102),
        v6: (0x2804, 0x0018),
    },
    Place {
        country: "France",
        iso: "FR",
        city: "Lyon",
        latitude: 45.75,
        longitude: 4.85,
        zone: "Europe/Paris",
        asn: 12322,
        organization: "Free SAS",
        isp: "Free",
        v4: (82, 64),
        v6: (0x2a01, 0x0e34),
    },
    Place {
        country: "Canada",
        iso: "CA",
        city: "Toronto",
        latitude: 43.7,
        longitude: -79.42,
        zone: "America/Toronto",
        asn: 812,
        organization: "Rogers Communications",
        isp: "Rogers Cable",
        v4: (99, 234),
        v6: (0x2607, 0xfea8),
    },
];

/// A client program: the first letters of its peer id, and its name.
pub(super) type Client = (&'static str, &'static str);

const ORDINARY: [Client; 6] = [
    ("-qB5120-", "qBittorrent/5.1.2"),
    ("-qB4650-", "qBittorrent/4.6.5"),
    ("-TR4060-", "Transmission 4.0.6"),
    ("-UT360W-", "µTorrent 3.6.0"),
    ("-DE211s-", "Deluge 2.1.1"),
    ("-BI3600-", "BiglyBT 3.6.0.0"),
];

/// The client of a leecher by the name that the world file uses; unknown names are its own name.
fn leecher(name: &str) -> (String, String) {
    let (id, client) = match name {
        "xunlei" => ("-XL0019-", "Xunlei 0.0.1.9"),
        "xunlei-old" => ("-XL0012-", "Xunlei 0.0.1.2"),
        "xfplay" => ("-XF9990-", "Xfplay 9.9.9"),
        "thunder" => ("-SD0100-", "Thunder 0.1.0.0"),
        "dandan" => ("-DP0001-", "dandanplay"),
        other => return (format!("-{other}-"), other.to_owned()),
    };
    (id.into(), client.into())
}

/// Who a slot of a swarm holds, before any traffic.
#[derive(Clone, Debug)]
pub(super) struct Guest {
    pub ip: IpAddr,
    pub port: u16,
    pub peer_id: String,
    pub client: String,
    pub place: &'static Place,
    /// What it has at first, in thousandths.
    pub progress: u64,
}

/// The guest of one slot in one generation; `leech` names the leecher's client.
pub(super) fn guest(seed: u64, slot: u64, generation: u64, leech: Option<&str>) -> Guest {
    let pick = |what: u64| roll(seed, &[slot, generation, what]);
    let byte = |what: u64| u8::try_from(pick(what) % 254 + 1).unwrap_or(1);
    let place = if leech.is_some() {
        &CHINA[usize::try_from(pick(1) % 3).unwrap_or(0)]
    } else {
        &WORLD[usize::try_from(pick(1) % 6).unwrap_or(0)]
    };
    let group = |what: u64| u16::try_from(pick(what) & 0xffff).unwrap_or(0);
    let v6 = leech.is_none() && pick(2) % 5 == 0;
    let ip = if v6 {
        Ipv6Addr::new(place.v6.0, place.v6.1, group(3), 0, group(4), group(5), group(6), group(7)).into()
    } else {
        // Leechers come in bunches: few networks, many addresses.
        let third = if leech.is_some() { u8::try_from(pick(3) % 2 + 40).unwrap_or(40) } else { byte(3) };
        Ipv4Addr::new(place.v4.0, place.v4.1, third, byte(4)).into()
    };
    let (peer_id, client) = leech.map_or_else(
        || {
            let (id, name) = ORDINARY[usize::try_from(pick(8) % 6).unwrap_or(0)];
            (id.to_owned(), name.to_owned())
        },
        leecher,
    );
    Guest {
        ip,
        port: u16::try_from(pick(9) % 50_000 + 10_000).unwrap_or(6881),
        peer_id,
        client,
        place,
        progress: if leech.is_some() { pick(10) % 12 } else { 30 + pick(10) % 700 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_keys_give_the_same_guest_and_others_another() {
        let a = guest(1, 7, 0, None);
        let b = guest(1, 7, 0, None);
        assert_eq!((a.ip, a.port, &a.client), (b.ip, b.port, &b.client));
        assert_ne!(a.ip, guest(1, 7, 1, None).ip);
        assert_ne!(a.ip, guest(2, 7, 0, None).ip);
    }

    #[test]
    fn leechers_take_and_never_get_anywhere() {
        for slot in 0..50 {
            let guest = guest(1, slot, 0, Some("xunlei"));
            assert_eq!(guest.peer_id, "-XL0019-");
            assert!(guest.progress < 12);
        }
    }
}
