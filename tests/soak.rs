//! Reloads without end, half of them broken. `TIDEGATE_RELOADS` sets how many.

use tidegate::ledger::State;
use tidegate::library;
use tidegate::time::Duration;

use crate::harness::{Home, START, minutes};

/// Resident memory in MiB, where the system tells.
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib / 1024)
}

#[tokio::test(flavor = "multi_thread")]
async fn reloads_without_end_leave_no_ghost_and_lose_no_schedule() {
    let wanted: Option<u32> = std::env::var("TIDEGATE_RELOADS").ok().and_then(|n| n.parse().ok());
    let reloads = wanted.unwrap_or(300);
    let home = Home::new();
    home.script("steady", r#"every("1m", "steady", || 1);"#);
    let text = |n: u32| match n % 4 {
        0 => format!("every(\"1m\", \"tick\", || {n}); every(\"1m\", \"ghost-{n}\", || throw {n});"),
        2 => format!("const N = {n}; every(\"1m\", \"tick\", || N);"),
        _ => format!("every(\"1m\", \"tick\", || {n}"),
    };
    home.script("edited", text(2));
    let mut world = home.start().await;
    let mut early = None;
    let mut last_phase = None;
    for n in 1..=reloads {
        home.script("edited", text(n));
        world.daemon.look();
        world.advance(Duration::from_millis(300)).await;
        let script = world.script("edited").await.unwrap();
        let broken = n % 2 == 1;
        assert_eq!(script.state, if broken { library::State::Stale } else { library::State::Loaded }, "{n}");
        let names: Vec<_> = script.triggers.iter().map(|trigger| trigger.name.clone()).collect();
        let good = if broken { n - 1 } else { n };
        let expected =
            if good % 4 == 0 && good > 0 { vec![format!("ghost-{good}"), "tick".into()] } else { vec!["tick".into()] };
        assert_eq!(names, expected, "{n}");
        let tick = script.triggers.iter().find(|trigger| trigger.name == "tick").unwrap();
        let phase = (tick.next.unwrap() - START).millis().rem_euclid(60_000);
        assert_eq!(*last_phase.get_or_insert(phase), phase, "saving moves no due time");
        world.journal.take();
        if n == reloads.min(1000) {
            early = memory();
        }
    }
    world.advance(minutes(1)).await;
    let rows = world.history().await;
    for trigger in ["steady", "tick"] {
        let due: Vec<_> = rows.iter().filter(|row| row.trigger == trigger).map(|row| row.scheduled.unwrap()).collect();
        assert!(due.windows(2).all(|pair| pair[1] - pair[0] == minutes(1)), "{trigger} has a gap");
        assert!(!due.is_empty());
    }
    assert!(rows.iter().filter(|row| row.trigger == "tick").all(|row| row.state == State::Ok));
    let late = memory();
    println!(
        "{reloads} reloads; resident after the first {}: {early:?} MiB, at the end: {late:?} MiB",
        reloads.min(1000)
    );
    // Beside other tests of this process memory tells nothing.
    if let (Some(_), Some(early), Some(late)) = (wanted, early, late) {
        assert!(late < early + 24, "{early} MiB grew to {late} MiB");
    }
}
