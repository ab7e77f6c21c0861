//! The options that triggers share.

use tidegate::ledger::State::{Ok, Skipped};

use crate::harness::{Home, minutes, seconds};

#[tokio::test(flavor = "multi_thread")]
async fn outside_of_its_hours_a_trigger_is_skipped() {
    let home = Home::new();
    home.script(
        "night",
        r#"cron("*/30 * * * *", #{name: "early", between: "07:00-08:45"}, || 1);
           cron("0 * * * *", #{name: "berlin", between: ["11:00-12:00", "13:00-14:00"], timezone: "Europe/Berlin"}, || 1);"#,
    );
    let mut world = home.start().await;
    world.advance(minutes(181)).await;
    let early = world.rows("early").await;
    assert_eq!(early[..2], [(1800, Ok), (3600, Skipped)]);
    // 09:00, 10:00 and 11:00 in UTC.
    assert_eq!(world.rows("berlin").await, [(3600, Ok), (7200, Skipped), (10_800, Ok)]);
    let row = world.history().await.into_iter().find(|row| row.trigger == "berlin" && row.state == Skipped).unwrap();
    assert_eq!(row.error.unwrap().message, "outside of 11:00-12:00 and 13:00-14:00");
    let line = world.lines("run_skipped").into_iter().find(|line| line.trigger.as_deref() == Some("berlin")).unwrap();
    assert!(line.message.contains("outside of 11:00"), "{}", line.message);
    assert_eq!(world.trigger("night", "berlin").await.unwrap().skipped, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttle_lets_one_through() {
    let home = Home::new();
    home.script("busy", r#"cron("* * * * *", #{name: "busy", throttle: "3m"}, || 1);"#);
    let mut world = home.start().await;
    world.advance(minutes(5)).await;
    world.stop().await;
    // Also over a restart.
    let mut world = home.start_at(crate::harness::START + minutes(5)).await;
    world.advance(minutes(2)).await;
    let states: Vec<_> = world.rows("busy").await.into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, [Ok, Skipped, Skipped, Ok, Skipped, Skipped, Ok]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_debounce_lets_the_last_one_through() {
    let home = Home::new();
    home.script(
        "player",
        r#"cron("0 * * * *", "play", || for n in 0..4 { emit("seek", n); sleep("2s"); });
           on_event("seek", #{name: "seek", debounce: "5s"}, |what| info(`${what.data} at ${what.at}`));"#,
    );
    let mut world = home.start().await;
    world.advance(minutes(61)).await;
    assert_eq!(world.said(), ["3 at 2026-07-03 09:00:11"]);
    assert_eq!(world.rows("seek").await, [(-1, Skipped), (-1, Skipped), (-1, Skipped), (-1, Ok)]);
    world.advance(minutes(59) + seconds(4)).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jitter_belongs_to_the_name() {
    let home = Home::new();
    let spread = |n| format!("cron(\"0 * * * *\", #{{name: \"t{n}\", jitter: \"10m\"}}, || 1);\n");
    home.script("spread", (0..8).map(spread).collect::<String>());
    let mut world = home.start().await;
    world.advance(minutes(135)).await;
    let rows = world.history().await;
    let delays = |trigger: &str| -> Vec<_> {
        let rows = rows.iter().filter(|row| row.trigger == trigger);
        rows.map(|row| row.started.unwrap() - row.scheduled.unwrap()).collect()
    };
    let mut all = Vec::new();
    for n in 0..8 {
        let delays = delays(&format!("t{n}"));
        assert_eq!(delays.len(), 2);
        assert_eq!(delays[0], delays[1], "the same each time");
        assert!(delays[0] >= seconds(0) && delays[0] <= minutes(10), "{delays:?}");
        all.push(delays[0]);
    }
    all.sort();
    all.dedup();
    assert!(all.len() > 5, "spread over the names: {all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trigger_may_run_dry() {
    let home = Home::new();
    home.script(
        "try",
        r#"cron("0 * * * *", #{name: "dry", mode: "watch"}, || state.set("dry", 1));
           cron("0 * * * *", #{name: "live", mode: "live"}, || state.set("live", 1));
           cron("1 * * * *", "look", || info(`${state.keys()}`));"#,
    );
    let mut world = home.start().await;
    world.advance(minutes(61)).await;
    assert_eq!(world.said().last().map(String::as_str), Some(r#"["live"]"#));
    // The configuration has the last word.
    let home = Home::with("mode = \"watch\"");
    home.script("try", r#"cron("0 * * * *", #{name: "live", mode: "live"}, || state.set("live", 1));"#);
    let mut world = home.start().await;
    world.advance(minutes(61)).await;
    assert_eq!(world.lines("would").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_trigger_is_said_when_it_loads() {
    let table = [
        (r#"every("0s", "a", || 1);"#, "too short"),
        (r#"every("-5m", "a", || 1);"#, ""),
        (r#"every("99ms", "a", || 1);"#, "too short"),
        (r#"every(5, "a", || 1);"#, "5.minutes"),
        (r#"cron("* * * * *", #{name: "a", timezone: "Mars/Base"}, || 1);"#, "Mars/Base"),
        (r#"cron("* * * * *", #{name: "a", overlapp: "skip"}, || 1);"#, "did you mean `overlap`"),
        (r#"cron("* * * * *", #{name: "a", overlap: "wait"}, || 1);"#, "`wait` is not a value of `overlap`"),
        (r#"cron("* * * * *", #{name: "a", debounce: "1s"}, || 1);"#, "`debounce` means nothing to `cron`"),
        (r#"on_event("x", #{name: "a", jitter: "1s"}, || 1);"#, "`jitter` means nothing to `on_event`"),
        (r#"on_stop(#{name: "a", retry: 3}, || 1);"#, "`retry` means nothing to `on_stop`"),
        (r#"cron("* * * * *", #{name: "a", throttle: "0s"}, || 1);"#, "`throttle`"),
        (r#"cron("* * * * *", #{name: "a", between: "22"}, || 1);"#, "`22` is no stretch of the day"),
        (r#"cron("* * * * *", #{name: "a", mode: "dry"}, || 1);"#, "`dry` is not a value of `mode`"),
        (r#"cron("* * * * *", #{overlap: "skip"}, || 1);"#, "no `name`"),
        (r#"cron("* * * * *", "a", |x, y| 1);"#, "takes 2 arguments"),
        (r#"cron("* * * * *", "a", "b");"#, "the handler is a closure"),
        (r#"every("1m", "a", || 1); every("2m", "a", || 1);"#, "registered already in line 1"),
        (r#"at("soon", "a", || 1);"#, "`soon` is not a time"),
        (r#"at("25:00", "a", || 1);"#, "`25:00` is not a time"),
        (r#"schedule([], "a", |e| 1);"#, "at least one"),
        (r#"schedule([#{up: 1}], "a", |e| 1);"#, "entry 1 has no `at`"),
        (r#"schedule([#{at: "61 * * * *"}], "a", |e| 1);"#, "61"),
        (r#"on_webhook("/api/x", "a", || 1);"#, "one of the server's own"),
        (r#"on_webhook("/a b", "a", || 1);"#, "cannot hold"),
        (r#"on_webhook("/a", "a", || 1); on_webhook("a", "b", || 1);"#, "`/a` is taken already"),
        (r#"on_file("", "a", || 1);"#, "is empty"),
        (r#"on_file("/srv/[a", "a", || 1);"#, "no pattern"),
        (r#"on_event("", "a", || 1);"#, "no name"),
        (r#"cron("* * * * *", #{name: "a", retry: -1}, || 1);"#, "`retry` is 0 to 100 times"),
        (r#"cron("* * * * *", #{name: "a", timeout: "-1s"}, || 1);"#, ""),
        (r#"wait_until(|| true, "1s");"#, "inside a trigger"),
        (r#"emit("x");"#, "inside a trigger"),
    ];
    let home = Home::new();
    for (n, (script, _)) in table.iter().enumerate() {
        home.script(&format!("s{n:02}"), script);
    }
    let world = home.start().await;
    for (n, (script, says)) in table.iter().enumerate() {
        let status = world.script(&format!("s{n:02}")).await.unwrap();
        let error = status.error.unwrap_or_else(|| panic!("{script} loads"));
        let told = format!("{} {}", error.message, error.hint.clone().unwrap_or_default());
        assert!(told.contains(says), "{script}: {told}");
        assert_eq!(error.line, Some(1), "{script}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_nearly_an_event_is_a_warning() {
    let home = Home::new();
    home.script("near", r#"on_event("pbh.unreachabel", "a", || 1);"#);
    home.script("own", r#"on_event("playback", "a", || 1);"#);
    home.script("emits", r#"on_event("bans", "a", || 1); cron("0 * * * *", "b", || emit("bans"));"#);
    let world = home.start().await;
    let warnings = world.lines("warning");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].message.contains("did you mean `pbh.unreachable`?"), "{}", warnings[0].message);
}
