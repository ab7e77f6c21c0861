//! Watches what calls have shown of the services anyway, and tells their owner of what no script tells: a refused
//! key, a suspended VPS, API calls that run out. It asks nobody.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::account::talk;
use crate::client::Client;
use crate::host::Host;
use crate::notify::Bulletin;
use crate::time::Duration;

const EVERY: Duration = Duration::from_seconds(60);
/// Points of the 15 minutes and of the 24 hours, of 1000 and 20,000: below the first there is news, above the
/// second it is over.
const SHORT: (i64, i64, Duration) = (100, 300, Duration::from_seconds(15 * 60));
const LONG: (i64, i64, Duration) = (2000, 4000, Duration::from_seconds(24 * 3600));

pub(super) async fn run(mut hosts: watch::Receiver<Arc<Host>>) {
    let clock = Arc::clone(&hosts.borrow().clock);
    // What was told, so that an end is only looked up where something may have ended.
    let mut known: HashMap<String, bool> = HashMap::new();
    loop {
        let host = Arc::clone(&hosts.borrow_and_update());
        let clients = host.fleet.vps_all().into_iter().chain(host.fleet.pbh_all());
        for news in clients.flat_map(|client| look(&client)) {
            let (topic, bad) = sort(&news);
            if known.insert(topic, bad) != Some(bad) {
                host.notifier.announce(&news, &talk(&host)).await;
            }
        }
        // Where nobody called, nothing was shown. What a call has shown is there when it is over.
        tokio::select! {
            () = host.http.used() => {}
            Ok(()) = hosts.changed() => {}
        }
        clock.sleep_until(clock.now() + EVERY).await;
    }
}

/// How a client stands; nothing where nobody knows.
fn look(client: &Client) -> Vec<Bulletin> {
    let (service, instance) = (client.service().name().to_owned(), client.name().to_owned());
    let vps = instance.clone();
    let mut news = Vec::new();
    match client.refusal() {
        Some(error) => news.push(Bulletin::Refused { service, instance, why: error.message.clone() }),
        None if client.is_accepted() => news.push(Bulletin::Accepted { service, instance }),
        None => {}
    }
    match client.suspended() {
        Some(true) => news.push(Bulletin::Suspended { vps: vps.clone() }),
        Some(false) => news.push(Bulletin::Unsuspended { vps: vps.clone() }),
        None => {}
    }
    let allowance = client.allowance();
    let left = [(allowance.remaining_points_15min, SHORT), (allowance.remaining_points_24h, LONG)];
    let known = || left.iter().filter_map(|(left, limits)| left.map(|left| (left, *limits)));
    if let Some((left, (.., span))) = known().find(|(left, (low, ..))| left < low) {
        news.push(Bulletin::PointsLow { vps, left, span });
    } else if known().next().is_some() && known().all(|(left, (_, enough, _))| left > enough) {
        news.push(Bulletin::PointsBack { vps });
    }
    news
}

/// What it is about, and whether it is bad.
fn sort(news: &Bulletin) -> (String, bool) {
    match news {
        Bulletin::Refused { service, instance, .. } => (format!("key/{service}/{instance}"), true),
        Bulletin::Accepted { service, instance } => (format!("key/{service}/{instance}"), false),
        Bulletin::Suspended { vps } => (format!("suspended/{vps}"), true),
        Bulletin::Unsuspended { vps } => (format!("suspended/{vps}"), false),
        Bulletin::PointsLow { vps, .. } => (format!("points/{vps}"), true),
        _ => (
            "points/".to_owned()
                + match news {
                    Bulletin::PointsBack { vps } => vps,
                    _ => "",
                },
            false,
        ),
    }
}
