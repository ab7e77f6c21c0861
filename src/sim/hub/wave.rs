//! The waves in which PBH looks at peers, and in which bans take effect.

use std::net::IpAddr;

use super::show::{list_form, nobody, nobody_torrent, parse, peer_json, text_of, torrent_json, with_twins};
use super::{Ban, Banned, Hub};
use crate::sim::seedbox::Seedbox;
use crate::sim::swarm;
use crate::sim::torrent::Peer;
use crate::time::{Duration, Time};

/// How long a manual ban lasts: PBH's hundred years.
const MANUAL: Duration = Duration::from_seconds(36_500 * 86_400);

const BY_HAND: &str = "com.ghostchu.peerbanhelper.DownloaderServerImpl";
const RULES: &str = "com.ghostchu.peerbanhelper.module.impl.rule";

impl Hub {
    /// One wave: expired bans go, rules look at the peers, queued bans are applied, clients told.
    pub fn wave(&mut self, boxes: &mut [Seedbox], now: Time) {
        self.restless = false;
        self.waves += 1;
        for client in &mut self.clients {
            client.seen = true;
        }
        let before = self.bans.len();
        self.bans.retain(|_, ban| ban.to > now);
        let mut full = before != self.bans.len();
        self.unbans_made += u64::try_from(before - self.bans.len()).unwrap_or(0);

        // By the rules: these reach a client also with `incrementBan`, with address and port.
        let mut fresh: Vec<(usize, String)> = Vec::new();
        for (number, ban, peer) in self.offenders(boxes, now) {
            let address = ban.net.addr().to_string();
            fresh.push((number, address.clone()));
            self.record(&ban, &peer);
            self.bans.insert(address, ban);
        }

        // By hand.
        let mut by_hand = false;
        for text in std::mem::take(&mut self.queue) {
            let Some(first) = self.clients.first() else { break };
            let net = parse(&text);
            let address = list_form(net, self.old());
            by_hand = true;
            if self.bans.contains_key(&address) {
                self.push_all = true;
                continue;
            }
            let ban = Ban {
                net,
                downloader: first.reference(),
                torrent: nobody_torrent(),
                peer: nobody(&text, self.old()),
                by: BY_HAND.into(),
                from: now,
                to: now + MANUAL,
                rule: "User API Ban".into(),
                description: format!("Banned by the user through the Web API: {text}"),
                place: None,
            };
            self.record(&ban, &text);
            self.bans.insert(address, ban);
        }

        // What the clients are told.
        let list: Vec<String> = self.bans.values().map(|ban| text_of(ban.net)).collect();
        full |= by_hand || !fresh.is_empty();
        for (number, client) in self.clients.iter_mut().enumerate() {
            let Some(position) = client.position(boxes) else { continue };
            if client.flag("paused") {
                continue;
            }
            let seedbox = &mut boxes[position];
            if self.push_all || (full && !client.flag("incrementBan")) {
                seedbox.ban(with_twins(&list));
            } else if client.flag("incrementBan") {
                let mut banned = seedbox.banned.clone();
                for (_, address) in fresh.iter().filter(|(of, _)| *of == number) {
                    if !banned.contains(address) {
                        banned.push(address.clone());
                    }
                }
                seedbox.ban(banned);
            }
            seedbox.reflow(now);
        }
        self.push_all = false;
    }

    /// The peers that a rule bans now: client's position, the ban, and the peer's address and port.
    fn offenders(&self, boxes: &[Seedbox], now: Time) -> Vec<(usize, Ban, String)> {
        let mut found: Vec<(usize, Ban, String)> = Vec::new();
        for (number, client) in self.clients.iter().enumerate() {
            let Some(seedbox) = client.seedbox(boxes).filter(|_| !client.flag("paused")) else { continue };
            for torrent in &seedbox.torrents {
                if torrent.private && client.flag("ignorePrivate") {
                    continue;
                }
                for peer in torrent.peers() {
                    let known = found.iter().any(|(_, ban, _)| ban.net.addr() == peer.guest.ip)
                        || self.bans.values().any(|ban| ban.net.contains(&peer.guest.ip));
                    if known {
                        continue;
                    }
                    if let Some((module, rule, description)) = self.verdict(peer) {
                        let key = if module == "IPBlackList" { "ip_address_blocker" } else { "peer_id_blacklist" };
                        let ban = Ban {
                            net: peer.guest.ip.into(),
                            downloader: client.reference(),
                            torrent: torrent_json(torrent),
                            peer: peer_json(peer, torrent, self.old()),
                            by: format!("{RULES}.{module}"),
                            from: now,
                            to: now + self.settings.ban_duration(key),
                            rule,
                            description,
                            place: Some(peer.guest.place),
                        };
                        found.push((number, ban, format!("{}:{}", peer.guest.ip, peer.guest.port)));
                    }
                }
            }
        }
        found
    }

    /// Which module bans a peer, by which rule, and why.
    fn verdict(&self, peer: &Peer) -> Option<(&'static str, String, String)> {
        let id = peer.guest.peer_id.to_lowercase();
        if let Some(prefix) = self.settings.banned_ids().find(|prefix| id.starts_with(&prefix.to_lowercase())) {
            return Some(("PeerIdBlacklist", format!("STARTS_WITH {prefix}"), format!("Matched the peer id {prefix}")));
        }
        self.settings.blacklist.verdict(peer).map(|(rule, description)| ("IPBlackList", rule, description))
    }

    fn record(&mut self, ban: &Ban, peer: &str) {
        self.bans_made += 1;
        self.settings.logs.write(ban.from, "INFO", &format!("Banned {peer}: {}", ban.description));
        let (ip, port) = match peer.parse::<std::net::SocketAddr>() {
            Ok(address) => (address.ip().to_string(), address.port()),
            Err(_) => peer
                .rsplit_once(':')
                .filter(|(ip, _)| ip.parse::<IpAddr>().is_ok())
                .map_or_else(|| (text_of(ban.net), 0), |(ip, port)| (ip.to_owned(), port.parse().unwrap_or(0))),
        };
        self.history.push(Banned { ban: ban.clone(), ip, port });
    }

    /// The history before the world began: bans by rules that have long ended.
    pub fn remember(&mut self, count: u32, boxes: &[Seedbox], now: Time) {
        let Some(client) = self.clients.first() else { return };
        let Some(torrent) = boxes.iter().flat_map(|b| &b.torrents).find(|t| !t.private) else { return };
        let reference = client.reference();
        for number in 0..u64::from(count) {
            let guest = swarm::guest(self.seed, number / 2, 1, Some("xunlei-old"));
            let from = now
                - Duration::from_seconds(
                    i64::try_from(u64::from(count) - number).unwrap_or(1) * 3 * 86_400 + 15 * 86_400,
                );
            let mut peer = Peer::stranger(guest, from);
            peer.uploaded.flow(1 << 20, 1000 * (1 + swarm::below(600, self.seed, &[number])));
            let ban = Ban {
                net: peer.guest.ip.into(),
                downloader: reference.clone(),
                torrent: torrent_json(torrent),
                peer: peer_json(&peer, torrent, self.old()),
                by: format!("{RULES}.PeerIdBlacklist"),
                from,
                to: from + self.settings.ban_duration("peer_id_blacklist"),
                rule: "STARTS_WITH -XL0012-".into(),
                description: "Matched the peer id -XL0012-".into(),
                place: Some(peer.guest.place),
            };
            let address = format!("{}:{}", peer.guest.ip, peer.guest.port);
            self.record(&ban, &address);
        }
        self.bans_made = 0;
    }
}
