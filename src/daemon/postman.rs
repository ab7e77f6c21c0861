//! Delivers what was put aside: messages that failed, that waited for the morning, or that are sent together.

use std::sync::Arc;

use tokio::sync::watch;

use super::account::{ALIVE, talk};
use crate::host::Host;
use crate::journal::{Level, Line};
use crate::store::OWN;
use crate::time::Duration;

/// Other processes put messages aside too. It is also how exactly a later start knows since when nobody was there.
const HEARTBEAT: Duration = Duration::from_seconds(60);
/// Messages that cannot be written down are not tried again at once.
const PAUSE: Duration = Duration::from_seconds(5);

pub(super) async fn run(mut hosts: watch::Receiver<Arc<Host>>) {
    let clock = Arc::clone(&hosts.borrow().clock);
    let mut said = None;
    loop {
        let host = Arc::clone(&hosts.borrow_and_update());
        let alone = host.database.is_alone();
        // What ends with this process has no later start.
        let alive = if alone { Ok(()) } else { host.store.set(OWN, ALIVE, &clock.now().millis().into(), None).await };
        let next = host.notifier.work_off(&talk(&host)).await;
        // The same trouble every minute is worth one line.
        let trouble = next.as_ref().err().or(alive.as_ref().err()).map(ToString::to_string);
        if let Some(trouble) = trouble.as_ref().filter(|_| trouble != said) {
            let text = format!("the book of messages cannot be kept: {trouble}");
            host.journal.write(&Line::new(clock.now(), Level::Error, "warning", text));
        }
        said = trouble;
        let now = clock.now();
        let idle = alone && matches!(next, Ok(None));
        let wake = next.ok().flatten().map_or(now + HEARTBEAT, |next| next.clamp(now + PAUSE, now + HEARTBEAT));
        tokio::select! {
            () = host.notifier.put_aside() => {}
            Ok(()) = hosts.changed() => {}
            () = clock.sleep_until(wake), if !idle => {}
        }
    }
}
