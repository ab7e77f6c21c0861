//! The history of bans, and what is wrong with a PBH.

use serde_json::{Map, Value, json};
use tidegate::bans::{BanOptions, recent_bans, summarise};
use tidegate::error::Kind;
use tidegate::problems::problems;
use tidegate::recorder;
use tidegate::sim::{Fault, Trouble};
use tidegate::time::{Clock as _, Duration};

use super::rig::{Rig, START, demo, run};

const DAY: Duration = Duration::from_seconds(86_400);

#[test]
fn recent_bans_are_those_since_then_by_rules_and_by_hand() {
    let edit = |scenario: &mut tidegate::sim::Scenario| scenario.pbh.banned_peer_ids = vec!["-XL0019-".into()];
    let test = |rig: Rig| async move {
        let pbh = rig.pbh();
        rig.wait(600).await;
        let how = BanOptions { reason: Some("test".into()), ..BanOptions::default() };
        let made = rig.host.bans.ban(&pbh, &["203.0.113.77".into()], &how, &rig.talk()).await.unwrap();
        assert_eq!(made.added, ["203.0.113.77"]);
        rig.called();
        let bans = recent_bans(&pbh, START, &rig.talk()).await.unwrap();
        assert_eq!(rig.called(), ["bans_logs"]);
        assert!(bans.windows(2).all(|pair| pair[0].at >= pair[1].at) && bans.iter().all(|ban| ban.at >= START));
        let (by_hand, by_rule): (Vec<_>, Vec<_>) = bans.iter().partition(|ban| ban.by_hand);
        assert_eq!(by_hand.len(), 1);
        assert_eq!((by_hand[0].ip.as_str(), by_hand[0].banned_by.as_str()), ("203.0.113.77", "user"));
        assert!(!by_rule.is_empty() && by_rule.iter().all(|ban| ban.banned_by == "PeerIdBlacklist"), "{by_rule:?}");
        assert!(by_rule.iter().all(|ban| !ban.torrent.is_empty() && !ban.client.is_empty()));
        let summary = summarise(&bans, START, rig.clock.now());
        assert_eq!((summary.bans, summary.by_hand), (bans.len(), 1));
        assert_eq!(summary.banned_by[0].key, "PeerIdBlacklist");
        let soon = recent_bans(&pbh, rig.clock.now() + DAY, &rig.talk()).await.unwrap();
        assert_eq!(soon, []);
    };
    run(edit, |_| String::new(), test);
}

#[test]
fn a_long_history_takes_a_request_for_each_thousand_and_no_more_than_needed() {
    run(
        |scenario| scenario.pbh.past_bans = 2500,
        |_| String::new(),
        |rig| async move {
            let pbh = rig.pbh();
            let all = recent_bans(&pbh, START - Duration::from_seconds(30_000 * 86_400), &rig.talk()).await.unwrap();
            assert_eq!((all.len(), rig.called().len()), (2500, 3));
            let month = recent_bans(&pbh, START - Duration::from_seconds(60 * 86_400), &rig.talk()).await.unwrap();
            assert_eq!(rig.called().len(), 1);
            assert!(!month.is_empty() && month.len() < 30 && month[..] == all[..month.len()]);
        },
    );
}

async fn kinds(rig: &Rig) -> Vec<(&'static str, &'static str, String)> {
    let found = problems(&rig.pbh(), &rig.talk()).await.unwrap();
    found.into_iter().map(|problem| (problem.level, problem.kind, problem.name)).collect()
}

#[test]
fn problems_come_and_go_with_their_reasons() {
    demo(|rig| async move {
        let (pbh, vps) = (rig.pbh(), rig.vps());
        rig.wait(10).await;
        let stale = ("warn", "subscription", "all-in-one".to_owned());
        assert_eq!(kinds(&rig).await, [stale], "this server has fetched nothing yet");
        rig.called();
        kinds(&rig).await;
        // Five, and one for each of two downloaders.
        assert_eq!(rig.called().len(), 7);
        // The simulated server fetches only what is near.
        recorder::call(&pbh, "sub_rule_delete", vec!["all-in-one".into()], Map::new(), &rig.talk()).await.unwrap();
        let mine = ["mine", "mine", "http://127.0.0.1/list.txt"].map(Value::from).into();
        recorder::call(&pbh, "sub_rule_create", mine, Map::new(), &rig.talk()).await.unwrap();
        assert_eq!(kinds(&rig).await, []);
        let switch = async |on: bool| {
            let how = Map::from_iter([("globalPaused".to_owned(), json!(on))]);
            recorder::call(&pbh, "general_global_set", Vec::new(), how, &rig.talk()).await.unwrap();
        };
        switch(true).await;
        assert_eq!(kinds(&rig).await, [("error", "paused", String::new())]);
        assert!(rig.snapshot().traffic > 0, "pausing PBH stops no traffic");
        switch(false).await;
        recorder::call(&vps, "stop", Vec::new(), Map::new(), &rig.talk()).await.unwrap();
        rig.wait(60).await;
        let down: Vec<_> = ["tokyo-qb", "tokyo-seed"].map(|name| ("error", "downloader", name.to_owned())).into();
        assert_eq!(kinds(&rig).await, down);
        rig.wait(3 * 86_400).await;
        let stale = ("warn", "subscription", "mine".to_owned());
        assert_eq!(kinds(&rig).await.last(), Some(&stale), "nobody fetched the list since");
    });
}

#[test]
fn what_cannot_be_told_is_an_error() {
    demo(|rig| async move {
        rig.world().fault(Fault::new(Trouble::Html).on("pbh").route("alerts_list"));
        assert_eq!(problems(&rig.pbh(), &rig.talk()).await.unwrap_err().endpoint.as_deref(), Some("alerts_list"));
    });
}

#[test]
fn nobody_bans_his_own_vps_even_if_it_was_never_asked() {
    demo(|rig| async move {
        let own = "45.78.20.11".to_owned();
        let made = rig
            .host
            .bans
            .ban(&rig.pbh(), std::slice::from_ref(&own), &BanOptions::default(), &rig.talk())
            .await
            .unwrap();
        assert_eq!((made.added.len(), made.refused[0].ip.as_str()), (0, own.as_str()));
        assert_eq!(rig.called(), ["get_service_info"]);
        // Where it cannot be asked, the others are banned all the same.
        rig.host.store.delete(tidegate::store::OWN, "usage/tokyo").await.unwrap();
        rig.world().fault(Fault::new(Trouble::Expired).on("kiwivm"));
        let made = rig.host.bans.ban(&rig.pbh(), &["203.0.113.9".into()], &BanOptions::default(), &rig.talk()).await;
        assert_eq!(made.unwrap().added, ["203.0.113.9"]);
        let refused = tidegate::usage::data_usage(&rig.vps(), &rig.host.store, false, &rig.talk()).await.unwrap_err();
        assert_eq!(refused.kind, Kind::Auth);
    });
}
