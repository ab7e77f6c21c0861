//! What tidegate says on its own account, its sign of life, settings that are borrowed from a PBH, and the command.

use serde_json::{Value, json};
use tidegate::sim::{CasePlan, Fault, Scenario, Trouble};
use tidegate::time::Clock as _;

use super::post::Post;
use crate::harness::{Home, minutes, seconds};

fn titles(post: &Post) -> Vec<String> {
    post.take().iter().map(|letter| letter.json()["title"].as_str().unwrap_or("-").to_owned()).collect()
}

fn phone(post: &Post) -> String {
    format!("[notify.phone]\ntype = \"webhook\"\nurl = \"{}\"\n", post.listen())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_script_is_told_once_a_version_and_so_is_its_repair() {
    let post = Post::answering(&json!({}));
    let home = Home::with(&phone(&post));
    home.script("guard", r#"every("1h", "look", || info("x"));"#);
    let mut world = home.start().await;
    world.advance(seconds(1)).await;
    assert_eq!(titles(&post), [""; 0]);
    home.script("guard", r#"every("1h", "look", || nofity("x"));"#);
    world.look().await;
    let letter = post.only().json();
    let text = letter["text"].as_str().unwrap();
    assert_eq!((letter["title"].as_str(), letter["level"].as_str()), (Some("guard does not load"), Some("warn")));
    assert!(text.contains("runs on") && text.contains("line 1") && text.contains("nofity"), "{text}");
    // Nothing new in it, also after a restart.
    let now = world.clock.now();
    world.stop().await;
    let mut world = home.start_at(now + seconds(60)).await;
    world.advance(seconds(1)).await;
    let again = titles(&post);
    assert!(again.is_empty() || again == ["guard does not load"], "{again:?}");
    home.script("guard", r#"every("1h", "look", || info("y"));"#);
    world.look().await;
    assert_eq!(titles(&post), ["guard loads again"]);
    home.script("guard", r#"every("1h", "look", || info("z"));"#);
    world.look().await;
    assert_eq!(titles(&post), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn missed_runs_are_told_with_the_time_nobody_was_there() {
    let post = Post::answering(&json!({}));
    let home = Home::with(&phone(&post));
    home.script("report", r#"cron("0 * * * *", "hourly", || info("x"));"#);
    let mut world = home.start().await;
    world.advance(minutes(90)).await;
    let now = world.clock.now();
    world.stop().await;
    assert_eq!(titles(&post), [""; 0]);
    let mut world = home.start_at(now + minutes(170)).await;
    world.advance(seconds(5)).await;
    let letter = post.only().json();
    let text = letter["text"].as_str().unwrap();
    assert_eq!(letter["title"], "tidegate was down");
    assert!(text.starts_with("tidegate was not running from 2026-07-03 09:30"), "{text}");
    assert!(text.contains(" to 2026-07-03 12:20") && text.contains("2 runs missed, 1 run made up for now"), "{text}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn which_channel_hears_of_it_is_a_setting() {
    let (post, other) = (Post::answering(&json!({})), Post::answering(&json!({})));
    let broken = r#"nofity("x");"#;
    for (runtime, here, there) in [
        ("", 1, 1),
        ("[runtime]\nnotify = [\"phone\"]", 1, 0),
        ("[runtime]\nnotify = \"desk\"", 0, 1),
        ("[runtime]\nnotify = []", 0, 0),
        ("[runtime]\nlevel = \"error\"", 0, 0),
    ] {
        let desk = format!("[notify.desk]\ntype = \"webhook\"\nurl = \"{}\"\n", other.listen());
        let home = Home::with(&format!("{}{desk}{runtime}\n", phone(&post)));
        home.script("guard", broken);
        let mut world = home.start().await;
        world.advance(seconds(5)).await;
        assert_eq!((post.take().len(), other.take().len()), (here, there), "{runtime}");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_and_a_suspended_vps_are_told() {
    let post = Post::answering(&json!({}));
    let home = Home::new();
    home.script(
        "ask",
        r#"every("1m", "vps", || vps().get_service_info().suspended);
           every("1m", "pbh", || pbh().bans_list().total);
           cron("20 8 * * *", "plead", || { let cases = vps().get_suspension_details().suspensions; vps().unsuspend(cases[0].record_id) });"#,
    );
    let mut scenario = Scenario::default();
    scenario.vps[0].cases = vec![CasePlan::Suspension];
    // A trigger that fails all the time would be switched off, which is told too.
    let more = format!("{}[limits]\nfailures = 0\n[script.ask]\nallow = [\"kiwivm:unsuspend\"]\n", phone(&post));
    let (mut world, sim) = home.start_in(scenario, &more).await;
    world.advance(minutes(3)).await;
    assert_eq!(titles(&post), ["tokyo is suspended"]);
    world.advance(minutes(15)).await;
    assert_eq!(titles(&post), [""; 0], "once");
    world.advance(minutes(5)).await;
    let rows = world.rows("plead").await;
    assert_eq!(titles(&post), ["tokyo runs again"], "{rows:?}");
    let fault = Fault {
        service: Some("pbh".into()),
        instance: None,
        route: None,
        effect: Trouble::Expired,
        count: None,
        after: None,
        duration: None,
    };
    sim.world().fault(fault);
    world.advance(minutes(3)).await;
    assert_eq!(titles(&post), ["pbh home refuses its key"]);
    world.advance(minutes(30)).await;
    assert_eq!(titles(&post), [""; 0], "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_heart_beats_only_while_the_scripts_are_well() {
    let heart = Post::answering(&json!({}));
    let home = Home::with(&format!(
        "[heartbeat]\nurl = \"{}/ping/abc\"\nevery = \"10m\"\nscripts = [\"guard\"]\n",
        heart.listen()
    ));
    home.script("guard", r#"every("10m", "look", || if state.add("n", 1) > 3 { throw "no" });"#);
    home.script("other", "nofity(1);");
    let mut world = home.start().await;
    world.advance(minutes(25)).await;
    let beats = heart.take();
    assert_eq!(beats.len(), 3);
    assert_eq!((beats[0].method.as_str(), beats[0].path.as_str()), ("GET", "/ping/abc"));
    world.advance(minutes(15)).await;
    heart.take();
    world.advance(minutes(30)).await;
    assert_eq!(heart.take().len(), 0, "the last run failed");
    assert_eq!(world.lines("heartbeat").iter().filter(|line| line.message.contains("no heartbeat is sent")).count(), 1);
    home.script("guard", r#"every("10m", "look", || info("well"));"#);
    world.look().await;
    world.advance(minutes(25)).await;
    assert!(!heart.take().is_empty());
    assert!(!format!("{:?}", world.journal.lines()).contains("/ping/abc"), "the address is a secret");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_of_pbh_is_read_there_and_used_here() {
    let (tg, gotify) = (Post::answering(&json!({"ok": true})), Post::answering(&json!({"id": 1})));
    let home = Home::new();
    home.script(
        "s",
        r#"on_start("go", || {
            pbh().push_create("mine", "gotify", #{endpoint: "GOTIFY/message?token=s3cr3t", priority: 5});
            pbh().push_create("bark", "bark", #{backend_url: "TG/push", device_key: "k", message_group: "g"});
        });
        cron("10 8 * * *", "say", || notify("hello"));
        cron("40 8 * * *", "later", || notify("still there"));"#
            .replace("GOTIFY", &gotify.listen())
            .replace("TG", &tg.listen()),
    );
    tg.answer(200, &json!({"code": 200}));
    let channels = "[notify.a]\ntype = \"pbh\"\npbh = \"home\"\nchannel = \"mine\"\n[notify.b]\ntype = \"pbh\"\npbh = \"home\"\nchannel = \"bark\"\n";
    let (mut world, sim) = home.start_in(Scenario::default(), channels).await;
    world.advance(minutes(5)).await;
    // What the script itself wrote down when it told PBH.
    world.journal.take();
    world.advance(minutes(10)).await;
    let letter = gotify.only();
    assert_eq!((letter.path.as_str(), letter.header("x-gotify-key")), ("/message", "s3cr3t"));
    assert_eq!(letter.json()["message"], "hello");
    assert_eq!(tg.only().path, "/push");
    // A PBH that is gone may be what the message is about.
    let fault = Fault {
        service: Some("pbh".into()),
        instance: None,
        route: None,
        effect: Trouble::Drop,
        count: None,
        after: None,
        duration: None,
    };
    sim.world().fault(fault);
    world.advance(minutes(30)).await;
    assert_eq!(gotify.only().json()["message"], "still there");
    assert!(!format!("{:?}", world.journal.lines()).contains("s3cr3t"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_tests_each_channel() {
    let (good, bad) = (Post::answering(&json!({})), Post::answering(&json!({})));
    bad.answer(404, &json!({"message": "Unknown Webhook", "code": 10_015}));
    let home = Home::with(&format!(
        "{}quiet = \"00:00-23:59\"\n[notify.chat]\ntype = \"discord\"\nurl = \"{}/api/webhooks/1/abc\"\n",
        phone(&good),
        bad.listen()
    ));
    let run = |args: &[&str]| {
        let output = home.run(args);
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap(), output.status.code())
    };
    let (out, _, code) = tokio::task::block_in_place(|| run(&["notify", "test", "--json"]));
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, Some(1));
    let channels = answer["channels"].as_array().unwrap();
    assert_eq!((channels[0]["name"].as_str(), channels[0]["ok"].as_bool()), (Some("chat"), Some(false)));
    assert_eq!((&channels[0]["error"]["kind"], &channels[0]["error"]["code"]), (&json!("auth"), &json!(10_015)));
    assert_eq!((channels[1]["name"].as_str(), channels[1]["status"].as_u64()), (Some("phone"), Some(200)));
    let (out, _, code) = tokio::task::block_in_place(|| run(&["notify", "test", "phone"]));
    assert_eq!(code, Some(0), "{out}");
    assert!(out.starts_with("phone (webhook): sent in "), "{out}");
    let (_, said, code) = tokio::task::block_in_place(|| run(&["notify", "test", "phon"]));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("did you mean `phone`?"), "{said}");
    let (_, said, code) = tokio::task::block_in_place(|| {
        let none = Home::new().run(&["notify", "test"]);
        (String::new(), String::from_utf8(none.stderr).unwrap(), none.status.code())
    });
    assert_eq!(code, Some(2), "{said}");
    assert_eq!(good.take().len(), 2);
    let (out, _, code) = tokio::task::block_in_place(|| run(&["notify", "list", "--json"]));
    assert_eq!((out.trim(), code), ("[]", Some(0)), "tests are no messages");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_is_switched_off_and_on_is_told_in_the_language_of_its_owner() {
    let post = Post::answering(&json!({}));
    let home = Home::with(&format!("language = \"zh\"\n{}[limits]\nfailures = 3\n", phone(&post)));
    home.script("guard", r#"every("1m", "look", || { throw "no" });"#);
    let mut world = home.start().await;
    world.advance(minutes(2)).await;
    assert_eq!(titles(&post), [""; 0]);
    world.advance(minutes(30)).await;
    let letter = post.only().json();
    assert_eq!((letter["title"].as_str(), letter["level"].as_str()), (Some("guard：look 已关闭"), Some("warn")));
    assert!(letter["text"].as_str().unwrap().starts_with("脚本 `guard` 的触发器 `look` 已被关闭："), "{letter}");
    home.script("guard", r#"every("1m", "look", || info("well"));"#);
    world.look().await;
    world.advance(minutes(2)).await;
    assert_eq!(titles(&post), ["guard：look 已恢复"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn few_api_calls_are_told_once() {
    let post = Post::answering(&json!({}));
    let home = Home::new();
    home.script("ask", r#"every("30m", "look", || vps().get_rate_limit_status());"#);
    let mut scenario = Scenario::default();
    scenario.vps[0].calls_spent = 18_100;
    // Nothing else is to happen to it.
    scenario.vps[0].monthly = 1 << 50;
    let (mut world, _sim) = home.start_in(scenario, &phone(&post)).await;
    world.advance(minutes(40)).await;
    let letter = post.only().json();
    assert_eq!(letter["title"], "tokyo: few API calls left");
    assert!(letter["text"].as_str().unwrap().contains("points left for the next 1d"), "{letter}");
    world.advance(minutes(60)).await;
    assert_eq!(titles(&post), [""; 0], "once");
}
