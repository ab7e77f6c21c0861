//! When a message goes out, and when not: levels, keys, quiet hours, digests, caps, fall-backs, retries.

use serde_json::{Value, json};
use tidegate::time::Duration;

use super::post::Post;
use crate::harness::{Home, World, minutes, seconds};

fn hours(n: i64) -> Duration {
    minutes(60 * n)
}

/// A daemon at 08:00 UTC with the script, and `[notify.phone]`, a webhook with `settings`.
async fn world(settings: &str, script: &str) -> (World, Post, Home) {
    let post = Post::answering(&json!({}));
    let config = format!("[notify.phone]\ntype = \"webhook\"\nurl = \"{}/phone\"\n{settings}\n", post.listen());
    let home = Home::with(&config);
    home.script("s", script);
    (home.start().await, post, home)
}

/// `title: text` of what came, or the text alone.
fn said(post: &Post) -> Vec<String> {
    let line = |body: Value| match body["title"].as_str() {
        Some(title) => format!("{title}: {}", body["text"].as_str().unwrap()),
        None => body["text"].as_str().unwrap().to_owned(),
    };
    post.take().iter().map(|letter| line(letter.json())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn levels_and_names_decide_where_a_message_goes() {
    let post = Post::answering(&json!({}));
    let url = post.listen();
    let home = Home::with(&format!(
        "[notify.phone]\ntype = \"webhook\"\nurl = \"{url}/phone\"\nmin_level = \"warn\"\nfallback = \"mail\"\n\
         [notify.desk]\ntype = \"webhook\"\nurl = \"{url}/desk\"\n\
         [notify.mail]\ntype = \"webhook\"\nurl = \"{url}/mail\"\n"
    ));
    home.script(
        "s",
        r#"on_start("go", || {
            notify("info");
            notify(#{text: "warn", level: "warn"});
            notify(#{text: "both", to: ["mail", "desk", "mail"]});
        });"#,
    );
    let mut world = home.start().await;
    world.advance(minutes(1)).await;
    let mut went: Vec<_> = post
        .take()
        .iter()
        .map(|letter| format!("{} {}", letter.path, letter.json()["text"].as_str().unwrap()))
        .collect();
    went.sort();
    assert_eq!(went, ["/desk both", "/desk info", "/desk warn", "/mail both", "/phone warn"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_heard_once_per_period_also_across_a_restart() {
    let script = r#"every("10m", "look", || notify(#{text: "full", key: "disk", every: "1h"}));"#;
    let (mut world, post, home) = world("", script).await;
    world.advance(minutes(55)).await;
    assert_eq!(said(&post), ["full"]);
    let now = tidegate::time::Clock::now(&*world.clock);
    world.stop().await;
    let mut world = home.start_at(now + seconds(10)).await;
    world.advance(minutes(3)).await;
    assert_eq!(said(&post), [""; 0]);
    world.advance(minutes(15)).await;
    assert_eq!(said(&post), ["full"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_told_again_is_over() {
    let script = r#"every("10m", "look", || {
        let n = state.add("n", 1);
        if n == 4 { throw "no answer" }
        for name in ["a", "b"] {
            if n < 3 || n > 6 { notify(#{title: `disk ${name}`, text: "full", key: `disk-${name}`, every: "1d", level: "warn"}); }
        }
        if n < 5 { notify(#{text: "quota", key: "quota", every: "1d", recovered: "quota is fine again"}); }
        if n < 5 { notify(#{text: "info", key: "info", every: "1d", recovered: false}); }
    });"#;
    let (mut world, post, _home) = world("", script).await;
    world.advance(minutes(20)).await;
    let mut first = said(&post);
    first.sort();
    assert_eq!(first, ["disk a: full", "disk b: full", "info", "quota"]);
    // The third run does not tell of the disks: both are over, in one message.
    world.advance(minutes(10)).await;
    let over = said(&post);
    assert_eq!(over.len(), 1, "{over:?}");
    assert!(over[0].starts_with("Recovered: disk a (since 2026-07-03 08:0"), "{over:?}");
    assert!(over[0].contains("\nRecovered: disk b (since"), "{over:?}");
    // The fourth failed: that says nothing of anything.
    world.advance(minutes(10)).await;
    assert_eq!(said(&post), [""; 0]);
    world.advance(minutes(10)).await;
    assert_eq!(said(&post), ["quota is fine again"]);
    world.advance(minutes(10)).await;
    assert_eq!(said(&post), [""; 0]);
    // It begins again: that is news, although the day is not over.
    world.advance(minutes(10)).await;
    assert_eq!(said(&post), ["disk a: full", "disk b: full"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_that_is_watched_is_over_when_it_is_left() {
    let script = r#"
        when(|| state.add("n", 1) < 4, #{name: "low", every: "10m"}, || notify(#{text: "low", key: "low", every: "1d"}));
        when(|| state.add("m", 1) < 4, #{name: "own", every: "10m"}, || notify(#{text: "begins", key: "own", every: "1d"}), || notify("ends"));
        on_start("once", || notify(#{text: "hello", key: "hello", every: "1d"}));
    "#;
    let (mut world, post, _home) = world("", script).await;
    world.advance(minutes(30)).await;
    let mut first = said(&post);
    first.sort();
    assert_eq!(first, ["begins", "hello", "low"], "nothing is over while the readings are inside");
    world.advance(minutes(10)).await;
    let mut over = said(&post);
    over.sort();
    assert_eq!(over.len(), 2, "{over:?}");
    assert!(over[0].starts_with("Recovered: low") && over[1] == "ends", "{over:?}");
    world.advance(hours(3)).await;
    assert_eq!(said(&post), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn quiet_hours_hold_everything_but_errors() {
    let script = r#"
        cron("30 22 * * *", "evening", || notify("evening"));
        cron("30 23 * * *", "night", || notify(#{title: "Night", text: "one"}));
        cron("0 2 * * *", "late", || notify(#{text: "two", level: "warn"}));
        cron("0 3 * * *", "alarm", || notify(#{text: "alarm", level: "error"}));
        cron("30 23 4 7 *", "next", || notify("alone"));
    "#;
    let (mut world, post, home) = world("quiet = \"23:00-07:00\"", script).await;
    world.advance(hours(14) + minutes(31)).await;
    assert_eq!(said(&post), ["evening"]);
    world.advance(hours(4) + minutes(30)).await;
    assert_eq!(said(&post), ["alarm"]);
    world.advance(hours(4)).await;
    assert_eq!(said(&post), ["2 messages since 2026-07-03 23:30: 23:30 Night\none\n\n02:00 two"]);
    // A single one is itself, with its time. It survives a restart.
    world.advance(hours(17)).await;
    assert_eq!(said(&post), ["evening"]);
    let now = tidegate::time::Clock::now(&*world.clock);
    world.stop().await;
    let mut world = home.start_at(now).await;
    world.advance(hours(8)).await;
    let said = said(&post);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0] == "alarm" && said[1].contains("since 2026-07-04 23:30"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_collects() {
    let script = r#"
        every("20m", "look", || notify(`look ${state.add("n", 1)}`));
        cron("30 9 * * *", "alarm", || notify(#{text: "alarm", level: "error"}));
    "#;
    let (mut world, post, _home) = world("digest = \"2h\"", script).await;
    world.advance(minutes(100)).await;
    assert_eq!(said(&post), ["alarm"]);
    world.advance(minutes(21)).await;
    let said = said(&post);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("6 messages since 2026-07-03 08:"), "{said:?}");
    assert!(said[0].contains("look 1\n\n") && said[0].ends_with("look 6"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_has_room_for_so_many() {
    let script = r#"on_start("flood", || for n in 1..=10 { notify(#{title: `T${n}`, text: "x", level: "error"}) });"#;
    let (mut world, post, _home) = world("per_hour = 3", script).await;
    world.advance(minutes(59)).await;
    assert_eq!(said(&post), ["T1: x", "T2: x", "T3: x"]);
    world.advance(minutes(3)).await;
    let said = said(&post);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("7 more suppressed since 2026-07-03 08:00: 08:00 T4\n08:00 T5\n"), "{said:?}");
    assert!(said[0].ends_with("08:00 T10"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_goes_to_the_fall_back_and_says_so() {
    let post = Post::answering(&json!({}));
    let dead = Post::answering(&json!({"message": "out of order"}));
    dead.answer(500, &json!({"message": "out of order"}));
    let home = Home::with(&format!(
        "[notify.phone]\ntype = \"webhook\"\nurl = \"{}\"\nfallback = \"desk\"\n\
         [notify.desk]\ntype = \"webhook\"\nurl = \"{}\"\nfallback = \"mail\"\n\
         [notify.mail]\ntype = \"webhook\"\nurl = \"{}\"\nfallback = \"phone\"\n[notify.pager]\ntype = \"log\"",
        dead.listen(),
        dead.listen(),
        post.listen()
    ));
    home.script("s", r#"on_start("go", || { notify(#{text: "full", to: "phone"}); info("went on") });"#);
    let mut world = home.start().await;
    world.advance(minutes(1)).await;
    assert_eq!(dead.take().len(), 2);
    assert_eq!(said(&post), ["full\n\n(`phone` could not be reached: refused: out of order)"]);
    let lines = world.said();
    assert_eq!(lines, ["the message to `phone` failed: refused: out of order; `mail` has it instead", "went on"]);
    let sent = world.host.notifier.deliveries(10).await.unwrap();
    assert_eq!((sent.len(), sent[0].state.as_str(), sent[0].via.as_deref()), (1, "sent", Some("mail")));
    world.advance(hours(2)).await;
    assert!(dead.take().is_empty(), "it was heard, so nobody tries again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_tried_again_across_restarts_and_given_up_after_a_day() {
    let script = r#"cron("1 8 3 7 *", "go", || { notify("full"); info("went on") });"#;
    let (mut world, post, home) = world("", script).await;
    post.answer(503, &json!({}));
    world.advance(minutes(1) + seconds(30)).await;
    assert_eq!(post.take().len(), 1);
    assert_eq!(
        world.said(),
        ["the message to `phone` failed: answered with status 503; it is tried again in 1m", "went on"]
    );
    let row = world.history().await.pop().unwrap();
    assert_eq!(row.state, tidegate::ledger::State::Ok, "a message that does not arrive fails no run");
    // After one, two, four minutes.
    world.advance(minutes(7)).await;
    assert_eq!(post.take().len(), 3);
    let now = tidegate::time::Clock::now(&*world.clock);
    world.stop().await;
    post.answer(200, &json!({}));
    let mut world = home.start_at(now + minutes(30)).await;
    world.advance(minutes(1)).await;
    assert_eq!(said(&post), ["full"]);
    assert_eq!(world.lines("notify_sent").len(), 1);
    assert_eq!(world.host.notifier.deliveries(5).await.unwrap()[0].state, "sent");

    let (mut world, post, _home) = self::world("", script).await;
    post.answer(401, &json!({"message": "who are you"}));
    world.advance(hours(23)).await;
    assert!(world.lines("notify_lost").is_empty());
    world.advance(hours(3)).await;
    let lost = world.lines("notify_lost");
    assert_eq!(lost.len(), 1);
    assert!(lost[0].message.contains("is given up after") && lost[0].message.ends_with("full"), "{lost:?}");
    let attempts = post.take().len();
    assert!((25..35).contains(&attempts), "{attempts}");
    world.advance(hours(3)).await;
    assert!(post.take().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_names_the_channels_and_sends_nothing() {
    let script = r#"on_start("go", || notify(#{text: "hello", level: "warn"}));"#;
    let (mut world, post, _home) = world("[script.s]\nmode = \"watch\"", script).await;
    world.advance(minutes(1)).await;
    assert!(post.take().is_empty());
    let would = world.lines("would");
    assert_eq!(would.len(), 1);
    assert_eq!(
        (would[0].data["endpoint"].as_str(), would[0].message.as_str()),
        (Some("phone"), "send to `phone`: hello")
    );
}
