//! Whether a ban is where it counts: on the clients' own lists. What PBH will not push, tidegate does.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::join_all;

use super::listing::add;
use crate::address::Ip;
use crate::client::Client;
use crate::error::Result;
use crate::fleet::Member;
use crate::recorder::Talk;
use crate::time::Duration;

/// PBH works in waves of five seconds; within this time the first one has come.
pub const WAVE: Duration = Duration::from_seconds(7);
/// From a push of our own to the end.
const GRACE: Duration = Duration::from_seconds(3);
/// Between two looks.
pub const PAUSE: Duration = Duration::from_seconds(1);

/// Whether every client's list takes networks; one that cannot be asked does not.
pub async fn take_networks(members: &[Arc<Member>], talk: &Talk) -> bool {
    let answers = join_all(members.iter().map(|member| member.client.takes_networks(talk))).await;
    answers.into_iter().all(|answer| answer.unwrap_or(false))
}

/// Waits until each client shows each address, and gives those that one of them does not show.
pub async fn confirm(pbh: &Client, members: &[Arc<Member>], addresses: &[Ip], talk: &Talk) -> Result<BTreeSet<Ip>> {
    let start = talk.now();
    let looks = join_all(members.iter().map(|member| watch(member, addresses, talk))).await;
    let mut missing = BTreeSet::new();
    let mut blind = false;
    for (member, look) in members.iter().zip(looks) {
        if let Some(unseen) = look {
            missing.extend(unseen);
        } else {
            missing.extend(addresses);
            blind |= member.increment_ban && !member.unsupervised;
        }
    }
    // A client that tidegate cannot read and that PBH does not send bans by hand gets them all with the push that
    // putting the same address again in a later wave causes.
    if blind {
        let later = start + WAVE;
        if later < talk.deadline {
            talk.clock.sleep_until(later).await;
            add(pbh, addresses, talk).await?;
        }
    }
    Ok(missing)
}

/// What one client does not show in the end; `None` where its list cannot be read.
async fn watch(member: &Member, addresses: &[Ip], talk: &Talk) -> Option<Vec<Ip>> {
    let mut end = talk.within(WAVE);
    // PBH does not send these: single bans by hand where it sends one at a time, and anything while it looks away.
    let mut push = member.increment_ban || member.unsupervised;
    let mut pushed = false;
    loop {
        let banned: BTreeSet<Ip> = member.client.banned(talk).await.ok()?.into_iter().collect();
        let networks: Vec<_> = banned.iter().filter(|ip| ip.is_network()).collect();
        let shown = |ip: &Ip| banned.contains(ip) || networks.iter().any(|net| net.contains(*ip));
        let missing: Vec<Ip> = addresses.iter().filter(|ip| !shown(ip)).copied().collect();
        if missing.is_empty() {
            return Some(missing);
        }
        if push && !pushed {
            pushed = true;
            end = talk.within(GRACE);
            if member.client.ban(&missing, talk).await.is_ok() {
                continue;
            }
        }
        if talk.now() >= end {
            if pushed || talk.now() >= talk.deadline {
                return Some(missing);
            }
            push = true;
            continue;
        }
        talk.clock.sleep_until(talk.within(PAUSE).min(end)).await;
    }
}

/// Takes addresses off the clients' own lists, which PBH does late or never, and gives those that are still there.
pub async fn clear(members: &[Arc<Member>], addresses: &[Ip], talk: &Talk) -> BTreeSet<Ip> {
    let looks = members.iter().map(|member| async move {
        member.client.unban(addresses, talk).await?;
        member.client.banned(talk).await
    });
    let mut left = BTreeSet::new();
    for look in join_all(looks).await {
        match look {
            Ok(banned) => left.extend(addresses.iter().filter(|ip| banned.contains(ip))),
            Err(_) => left.extend(addresses),
        }
    }
    left
}
