//! Which addresses may be banned at all, and as what.

use ipnet::IpNet;

use super::{BanOptions, Refused};
use crate::address::Ip;
use crate::error::{Error, Kind, Result};

/// Networks that no stranger has, and what they are.
const SPECIAL: [(&str, &str); 15] = [
    ("0.0.0.0/8", "no address of a host"),
    ("10.0.0.0/8", "a private address"),
    ("100.64.0.0/10", "an address inside a provider's network (CGNAT)"),
    ("127.0.0.0/8", "a loopback address"),
    ("169.254.0.0/16", "a link-local address"),
    ("172.16.0.0/12", "a private address"),
    ("192.168.0.0/16", "a private address"),
    ("224.0.0.0/4", "a multicast address"),
    ("240.0.0.0/4", "a reserved address"),
    ("::", "no address of a host"),
    ("::1", "a loopback address"),
    ("fc00::/7", "a private address"),
    ("fe80::/10", "a link-local address"),
    ("fec0::/10", "a private address"),
    ("ff00::/8", "a multicast address"),
];

/// The broadest network that is taken: more would be half a provider by a slip of the finger.
const BROADEST: (u8, u8) = (16, 32);
/// Addresses that a network may stand for where clients take none.
const MANY: u32 = 256;

/// Something to ban, as it is shown and as the addresses that it means to a client.
pub struct Target {
    pub shown: String,
    pub addresses: Vec<Ip>,
}

/// # Errors
/// `argument` where it is no address.
pub fn parse(text: &str) -> Result<Ip> {
    text.parse().map_err(|()| {
        let error = Error::new(Kind::Argument, format!("`{text}` is not an address"));
        match text.trim() {
            "*" => error.hint("write `pbh.bans_delete([\"*\"])` to lift every ban, which needs a grant"),
            _ => error.hint("write `\"203.0.113.7\"`, `\"2001:db8::7\"` or `\"203.0.113.0/24\"`"),
        }
    })
}

/// Each once and in canonical form; what must not be banned apart.
pub fn sort(ips: &[String], options: &BanOptions, own: &[Ip]) -> (Vec<Ip>, Vec<Refused>) {
    let (mut wanted, mut refused) = (Vec::new(), Vec::new());
    for text in ips {
        let Ok(ip) = text.parse::<Ip>() else {
            refused.push(Refused { ip: text.clone(), why: "not an address".into() });
            continue;
        };
        let ip = ip.prefix(options.prefix4.unwrap_or(32), options.prefix6.unwrap_or(128));
        match objection(ip, own) {
            Some(why) => refused.push(Refused { ip: ip.to_string(), why }),
            None if wanted.contains(&ip) => {}
            None => wanted.push(ip),
        }
    }
    (wanted, refused)
}

fn objection(ip: Ip, own: &[Ip]) -> Option<String> {
    let overlaps = |other: Ip| ip.contains(other) || other.contains(ip);
    let special = SPECIAL.iter().find(|(net, _)| net.parse().is_ok_and(overlaps));
    if let Some((net, what)) = special {
        return Some(if ip.is_network() && *net != ip.to_string() {
            format!("it covers `{net}`: {what}")
        } else {
            (*what).into()
        });
    }
    if own.iter().any(|mine| overlaps(*mine)) {
        return Some("an address of your own machines".into());
    }
    let bits = net(ip).prefix_len();
    let broadest = if ip.is_ipv6() { BROADEST.1 } else { BROADEST.0 };
    (bits < broadest).then(|| format!("broader than /{broadest}: write a rule in PBH if it is meant"))
}

/// What to send to PBH. Where some client takes no networks, small ones become their addresses and others are
/// refused: PBH would answer 200 and nothing would happen.
pub fn expand(wanted: Vec<Ip>, networks: bool, refused: &mut Vec<Refused>) -> Vec<Target> {
    let mut targets = Vec::new();
    for ip in wanted {
        let shown = ip.to_string();
        if networks || !ip.is_network() {
            targets.push(Target { shown, addresses: vec![ip] });
            continue;
        }
        let net = net(ip);
        let spare = u32::from(net.max_prefix_len() - net.prefix_len());
        if 1u32.checked_shl(spare).is_some_and(|size| size <= MANY) {
            let single = net.max_prefix_len();
            let addresses = net.subnets(single).into_iter().flatten().map(|net| net.addr().into()).collect();
            targets.push(Target { shown, addresses });
        } else {
            let why = format!(
                "a client here takes no networks of this size; a rule does: `pbh.ipblacklist_ip_add(\"{shown}\")`"
            );
            refused.push(Refused { ip: shown, why });
        }
    }
    targets
}

fn net(ip: Ip) -> IpNet {
    let text = ip.to_string();
    // A canonical `Ip` prints as an address or a network, both of which parse.
    text.parse().unwrap_or_else(|_| IpNet::from(ip.address()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(ips: &[&str], options: &BanOptions, own: &[&str]) -> (Vec<String>, Vec<(String, String)>) {
        let ips: Vec<_> = ips.iter().map(|ip| (*ip).to_owned()).collect();
        let own: Vec<Ip> = own.iter().map(|ip| ip.parse().unwrap()).collect();
        let (wanted, refused) = sort(&ips, options, &own);
        (wanted.iter().map(ToString::to_string).collect(), refused.into_iter().map(|no| (no.ip, no.why)).collect())
    }

    #[test]
    fn every_spelling_is_one_ban() {
        let spellings =
            ["203.0.113.7", "::ffff:203.0.113.7", "203.0.113.7:6881", "2001:db8:0:0:0:0:0:13", "2001:db8::13"];
        let (wanted, refused) = run(&spellings, &BanOptions::default(), &[]);
        assert_eq!(wanted, ["203.0.113.7", "2001:db8::13"]);
        assert_eq!(refused, []);
    }

    #[test]
    fn nobody_bans_himself() {
        let ips = [
            "10.0.0.1",
            "100.64.1.1",
            "127.0.0.1",
            "fe80::1",
            "fd00::1",
            "::1",
            "169.254.0.9",
            "hello",
            "198.51.100.9",
            "2001:db8:1:2::5",
        ];
        let (wanted, refused) = run(&ips, &BanOptions::default(), &["198.51.100.9", "2001:db8:1:2::/64"]);
        assert_eq!(wanted, [] as [&str; 0]);
        let why: Vec<_> = refused.iter().map(|(_, why)| why.as_str()).collect();
        assert_eq!(why[1], "an address inside a provider's network (CGNAT)");
        assert_eq!(why[7], "not an address");
        assert_eq!(&why[8..], ["an address of your own machines"; 2]);
    }

    #[test]
    fn a_network_may_not_hide_what_is_refused() {
        let options = BanOptions { prefix4: Some(24), prefix6: Some(64), ..BanOptions::default() };
        let (wanted, refused) =
            run(&["203.0.113.7", "203.0.113.9", "198.51.100.1", "2001:db8:1:2:3::4"], &options, &["198.51.100.200"]);
        assert_eq!(wanted, ["203.0.113.0/24", "2001:db8:1:2::/64"]);
        assert_eq!(refused, [("198.51.100.0/24".to_owned(), "an address of your own machines".to_owned())]);
        let (wanted, refused) = run(&["172.0.0.0/8", "8.0.0.0/12"], &BanOptions::default(), &[]);
        assert_eq!(wanted, [] as [&str; 0]);
        assert!(refused[0].1.contains("172.16.0.0/12") && refused[1].1.contains("broader than /16"), "{refused:?}");
    }

    #[test]
    fn small_networks_become_their_addresses_where_clients_take_none() {
        let wanted = || {
            vec!["203.0.113.0/30".parse().unwrap(), "2001:db8::/64".parse().unwrap(), "203.0.113.9".parse().unwrap()]
        };
        let mut refused = Vec::new();
        let targets = expand(wanted(), false, &mut refused);
        let all: Vec<_> = targets[0].addresses.iter().map(ToString::to_string).collect();
        assert_eq!(all, ["203.0.113.0", "203.0.113.1", "203.0.113.2", "203.0.113.3"]);
        assert_eq!(targets.len(), 2);
        assert!(refused[0].why.contains("ipblacklist_ip_add(\"2001:db8::/64\")"));
        let mut refused = Vec::new();
        assert_eq!(expand(wanted(), true, &mut refused).len(), 3);
        assert_eq!(refused, []);
    }
}
