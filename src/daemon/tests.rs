//! A daemon whose disk is full.

use std::sync::Arc;

use super::{Daemon, Options};
use crate::clock::{VirtualClock, track};
use crate::config::Config;
use crate::database::tests::{pages, room_for};
use crate::host::{Host, Setting, Storage};
use crate::journal::Memory;
use crate::ledger::{Filter, State};
use crate::time::{Busy, Clock as _, Duration, Time};
use crate::watch::Means;

const START: Time = Time::from_seconds(1_783_065_600);

async fn until(clock: &Arc<VirtualClock>, still: Busy, time: Time) -> Busy {
    let own = Arc::clone(clock);
    let asleep = track(Arc::<VirtualClock>::clone(clock), async move {
        own.sleep_until(time + Duration::from_millis(1)).await;
        own.busy()
    });
    drop(still);
    asleep.await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_once_and_what_could_not_be_recorded_waits_for_room() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("scripts")).unwrap();
    let script = r#"for n in 0..40 { cron("* * * * *", #{name: `t${n}`, missed: "all"}, || 1); }"#;
    std::fs::write(folder.path().join("scripts/busy.rhai"), script).unwrap();
    let mut config = Config::load("timezone = \"UTC\"", &folder.path().join("tidegate.toml"), &|_| None).unwrap();
    config.file = None;
    let clock = VirtualClock::new(START);
    let still = clock.busy();
    let journal = Arc::new(Memory::default());
    let setting = Setting {
        clock: Arc::<VirtualClock>::clone(&clock),
        env: Arc::new(|_| None),
        journal: Arc::<Memory>::clone(&journal),
        storage: Storage::Memory,
        accepts_any_instance: false,
    };
    let host = Host::open(config, setting).await.unwrap();
    let options = Options { dry_run: false, means: Means::Asked };
    let daemon = Daemon::start(Arc::clone(&host), options).await.unwrap();
    let minute = Duration::from_seconds(60);
    let still = until(&clock, still, START + minute).await;
    let used = pages(&host.database).await;
    room_for(&host.database, used + 1).await;

    let mut still = still;
    for n in 2..=4 {
        still = until(&clock, still, START + Duration::from_seconds(60 * n)).await;
    }
    let events = |event: &str| journal.lines().into_iter().filter(|line| line.event == event).count();
    assert_eq!(events("history_failed"), 1, "once, not for every run");
    let line = journal.lines().into_iter().find(|line| line.event == "history_failed").unwrap();
    assert!(line.message.contains("is full"), "{}", line.message);
    let complaints = journal.lines().into_iter().filter(|line| line.event == "warning").count();
    assert!(complaints <= 1, "{complaints}");
    let begun = events("run_started");
    assert!(begun < 4 * 40, "not everything could be recorded");

    room_for(&host.database, 1_000_000).await;
    let still = until(&clock, still, START + Duration::from_seconds(8 * 60)).await;
    assert_eq!(events("history_works"), 1);
    let rows = host.ledger.list(&Filter::default()).await.unwrap();
    assert_eq!(rows.len(), 8 * 40, "every due time has its row");
    let odd: Vec<_> = rows.iter().filter(|row| row.state != State::Ok).collect();
    assert!(odd.is_empty(), "{odd:?}");
    assert_eq!(events("run_started"), rows.len(), "and ran once");
    daemon.stop();
    drop(still);
}
