//! Bans reach the clients, are proven, and end by themselves.

use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};
use tidegate::bans::BanOptions;
use tidegate::error::Kind;
use tidegate::recorder;
use tidegate::sim::{Fault, Trouble};
use tidegate::time::{Clock as _, Duration};

use super::fake::{Heard, recorded, serve};
use super::rig::{demo, run};

fn ips(ips: &[&str]) -> Vec<String> {
    ips.iter().map(|ip| (*ip).to_owned()).collect()
}

fn hour() -> BanOptions {
    BanOptions { duration: Some(Duration::from_seconds(3600)), reason: Some("quota".into()), ..BanOptions::default() }
}

#[test]
fn a_ban_is_on_every_client_and_ends_by_itself() {
    demo(|rig| async move {
        let (bans, pbh, talk) = (&rig.host.bans, rig.pbh(), rig.talk());
        let made = bans.ban(&pbh, &ips(&["203.0.113.7", "2001:db8:0:0::7"]), &hour(), &talk).await.unwrap();
        assert_eq!(made.added, ["203.0.113.7", "2001:db8::7"]);
        assert!(made.unconfirmed.is_empty() && made.known.is_empty() && made.refused.is_empty(), "{made:?}");
        for id in ["tokyo-qb", "tokyo-seed"] {
            assert!(rig.client(id).banned.contains(&"203.0.113.7".to_owned()), "{id}");
        }
        assert_eq!(rig.called().iter().filter(|endpoint| *endpoint == "bans_add").count(), 1);

        let mine = bans.my_bans(Some("home")).await.unwrap();
        assert_eq!((mine.len(), mine[0].reason.as_str()), (2, "quota"));
        let due = bans.next_expiry().await.unwrap().unwrap();
        assert_eq!(due, mine[0].since + Duration::from_seconds(3600));
        let none = bans.expire(due - Duration::from_seconds(1), &rig.talk()).await.unwrap();
        assert!(none.ended.is_empty() && none.failed.is_empty());

        rig.wait(3700).await;
        let expired = bans.expire(due, &rig.talk()).await.unwrap();
        assert_eq!((expired.ended.len(), expired.failed.len()), (2, 0));
        assert!(!rig.snapshot().bans.contains(&"203.0.113.7".to_owned()));
        for id in ["tokyo-qb", "tokyo-seed"] {
            assert!(!rig.client(id).banned.iter().any(|ip| ip.contains("203.0.113.7")), "{id}");
        }
        assert_eq!(bans.next_expiry().await.unwrap(), None);
    });
}

#[test]
fn a_ban_reaches_a_client_to_which_pbh_does_not_send_it() {
    for (increment, paused) in [(true, false), (false, true)] {
        let edit = |scenario: &mut tidegate::sim::Scenario| {
            scenario.downloader[0].increment_ban = increment;
            scenario.downloader[0].paused = paused;
        };
        run(
            edit,
            |_| String::new(),
            |rig| async move {
                let (bans, pbh) = (&rig.host.bans, rig.pbh());
                let made = bans.ban(&pbh, &ips(&["203.0.113.7"]), &hour(), &rig.talk()).await.unwrap();
                assert!(made.unconfirmed.is_empty(), "{made:?}");
                assert!(rig.client("tokyo-qb").banned.contains(&"203.0.113.7".to_owned()));
                // Such an unban never arrives by itself either.
                let lifted = bans.unban(&pbh, &ips(&["203.0.113.7"]), &rig.talk()).await.unwrap();
                assert_eq!(lifted.removed, ["203.0.113.7"]);
                assert!(lifted.unconfirmed.is_empty() && lifted.will_return.is_empty(), "{lifted:?}");
                assert_eq!(rig.client("tokyo-qb").banned, [] as [&str; 0]);
                assert!(bans.my_bans(None).await.unwrap().is_empty());
            },
        );
    }
}

#[test]
fn banning_again_extends_and_sends_nothing() {
    demo(|rig| async move {
        let (bans, pbh) = (&rig.host.bans, rig.pbh());
        bans.ban(&pbh, &ips(&["203.0.113.7"]), &hour(), &rig.talk()).await.unwrap();
        let first = bans.next_expiry().await.unwrap().unwrap();
        rig.called();
        rig.wait(600).await;
        let again = bans.ban(&pbh, &ips(&["203.0.113.7"]), &hour(), &rig.talk()).await.unwrap();
        assert_eq!((again.known.len(), again.added.len(), again.unconfirmed.len()), (1, 0, 0));
        assert!(!rig.called().contains(&"bans_add".to_owned()));
        assert!(bans.next_expiry().await.unwrap().unwrap() >= first + Duration::from_seconds(600));
    });
}

#[test]
fn nobody_bans_his_own_vps() {
    demo(|rig| async move {
        let own = {
            tidegate::usage::data_usage(&rig.vps(), &rig.host.store, true, &rig.talk()).await.unwrap();
            tidegate::usage::last(&rig.host.store, "tokyo").await.unwrap().unwrap().ip_addresses[0].clone()
        };
        rig.called();
        let made =
            rig.host.bans.ban(&rig.pbh(), &[own.clone(), "10.0.0.7".into()], &hour(), &rig.talk()).await.unwrap();
        assert_eq!(made.refused.len(), 2);
        assert_eq!(made.refused[0].ip, own);
        assert!(made.added.is_empty());
        assert_eq!(rig.called(), [] as [&str; 0], "nothing is left to send");
    });
}

#[test]
fn what_cannot_be_seen_on_a_client_is_unconfirmed() {
    demo(|rig| async move {
        let mut fault = Fault::new(Trouble::Drop).on("downloader");
        fault.instance = Some("tokyo-seed".into());
        rig.world().fault(fault);
        let made = rig.host.bans.ban(&rig.pbh(), &ips(&["203.0.113.7"]), &hour(), &rig.talk()).await.unwrap();
        assert_eq!(
            (made.added.as_slice(), made.unconfirmed.as_slice()),
            (&ips(&["203.0.113.7"])[..], &ips(&["203.0.113.7"])[..])
        );
    });
}

#[test]
fn a_ban_that_cannot_be_lifted_yet_is_tried_again() {
    demo(|rig| async move {
        let (bans, pbh) = (&rig.host.bans, rig.pbh());
        bans.ban(&pbh, &ips(&["203.0.113.7"]), &hour(), &rig.talk()).await.unwrap();
        rig.wait(3700).await;
        rig.world().fault(Fault::new(Trouble::Status(500)).on("pbh"));
        let due = bans.next_expiry().await.unwrap().unwrap();
        let expired = bans.expire(due, &rig.talk()).await.unwrap();
        assert_eq!((expired.ended.len(), expired.failed.len()), (0, 1));
        let later = bans.next_expiry().await.unwrap().unwrap();
        assert_eq!(later, due + Duration::from_seconds(60));
        rig.world().heal();
        rig.wait(120).await;
        let expired = bans.expire(later, &rig.talk()).await.unwrap();
        assert_eq!((expired.ended.len(), expired.failed.len()), (1, 0), "{:?}", expired.failed);
        assert!(!rig.snapshot().bans.contains(&"203.0.113.7".to_owned()));
    });
}

#[test]
fn a_refused_request_leaves_nothing_to_lift() {
    demo(|rig| async move {
        let pbh = rig.pbh();
        rig.world().fault(Fault::new(Trouble::Status(400)).on("pbh").route("bans_add"));
        rig.host.bans.ban(&pbh, &ips(&["203.0.113.7"]), &hour(), &rig.talk()).await.unwrap_err();
        assert!(rig.host.bans.my_bans(None).await.unwrap().is_empty());
        // Where it is not known whether it arrived, it is lifted in any case.
        rig.world().heal();
        rig.world().fault(Fault::new(Trouble::Drop).on("pbh").route("bans_add"));
        rig.host.bans.ban(&pbh, &ips(&["203.0.113.7"]), &hour(), &rig.talk()).await.unwrap_err();
        assert_eq!(rig.host.bans.my_bans(None).await.unwrap().len(), 1);
    });
}

#[test]
fn a_small_network_becomes_its_addresses() {
    demo(|rig| async move {
        let options = BanOptions { prefix4: Some(29), prefix6: Some(64), ..hour() };
        let wanted = ips(&["203.0.113.9", "203.0.113.10", "2001:db8::7"]);
        let made = rig.host.bans.ban(&rig.pbh(), &wanted, &options, &rig.talk()).await.unwrap();
        assert_eq!(made.added, ["203.0.113.8/29"]);
        assert!(made.unconfirmed.is_empty(), "{made:?}");
        assert_eq!(made.refused[0].ip, "2001:db8::/64");
        let banned = rig.client("tokyo-qb").banned;
        assert!((8..16).all(|last| banned.contains(&format!("203.0.113.{last}"))), "{banned:?}");
        let lifted = rig.host.bans.unban(&rig.pbh(), &ips(&["203.0.113.8/29"]), &rig.talk()).await.unwrap();
        assert_eq!((lifted.removed.as_slice(), lifted.unconfirmed.len()), (&ips(&["203.0.113.8/29"])[..], 0));
        assert!(!rig.client("tokyo-qb").banned.iter().any(|ip| ip.starts_with("203.0.113.")));
    });
}

#[test]
fn what_is_no_address_is_no_unban() {
    demo(|rig| async move {
        let error = rig.host.bans.unban(&rig.pbh(), &ips(&["*"]), &rig.talk()).await.unwrap_err();
        assert_eq!(error.kind, Kind::Argument);
        assert!(error.hint.as_ref().unwrap().contains("bans_delete"));
        let none = rig.host.bans.unban(&rig.pbh(), &ips(&["203.0.113.99"]), &rig.talk()).await.unwrap();
        assert_eq!(none.not_banned, ["203.0.113.99"]);
    });
}

#[test]
fn a_ban_of_pbhs_own_rules_is_left_to_them() {
    let edit = |scenario: &mut tidegate::sim::Scenario| scenario.pbh.banned_peer_ids = vec!["-XL0019-".into()];
    run(
        edit,
        |_| String::new(),
        |rig| async move {
            rig.wait(60).await;
            let banned = rig.snapshot().bans;
            let made = rig.host.bans.ban(&rig.pbh(), &banned[..1], &hour(), &rig.talk()).await.unwrap();
            assert_eq!(made.known.len(), 1, "{made:?}");
            assert!(rig.host.bans.my_bans(None).await.unwrap().is_empty(), "it is not ours to lift");
            let lifted = rig.host.bans.unban(&rig.pbh(), &banned[..1], &rig.talk()).await.unwrap();
            assert_eq!((lifted.removed.len(), lifted.will_return.len()), (1, 1));
        },
    );
}

fn lines(heard: &Heard) -> Vec<String> {
    heard.lock().unwrap().drain(..).map(|(line, _)| line).collect()
}

#[test]
fn an_older_pbh_gets_rules() {
    let heard = Arc::new(OnceLock::new());
    let ears = Arc::clone(&heard);
    let more = move |_: &tidegate::sim::Sim| {
        let (url, heard) = serve(|line| {
            let data = if line.contains("manifest") {
                json!({"version": {"version": "8.0.12"}, "modules": []})
            } else {
                Value::Null
            };
            json!({"success": true, "message": null, "data": if line.starts_with("DELETE /api/bans") { json!({"count": 1}) } else { data }})
        });
        ears.set(heard).unwrap();
        format!("[pbh.old]\nurl = {url:?}\ntoken = \"lab-token\"\n")
    };
    run(
        |_| (),
        more,
        |rig| async move {
            let (bans, pbh) = (&rig.host.bans, rig.host.fleet.pbh(Some("old")).unwrap());
            let made = bans.ban(&pbh, &ips(&["203.0.113.7", "2001:db8::/64"]), &hour(), &rig.talk()).await.unwrap();
            assert_eq!((made.added.len(), made.unconfirmed.len()), (2, 2));
            let heard = heard.get().unwrap();
            let rule = "PUT /api/modules/ipblacklist/ip".to_owned();
            assert_eq!(lines(heard).iter().filter(|line| **line == rule).count(), 2);
            bans.ban(&pbh, &ips(&["203.0.113.7"]), &hour(), &rig.talk()).await.unwrap();
            assert_eq!(lines(heard), [] as [&str; 0], "the rule is there already");
            rig.wait(3700).await;
            let due = bans.next_expiry().await.unwrap().unwrap();
            let expired = bans.expire(due, &rig.talk()).await.unwrap();
            assert_eq!((expired.ended.len(), expired.failed.len()), (2, 0), "{:?}", expired.failed);
            assert!(lines(heard).contains(&"DELETE /api/modules/ipblacklist/ip".to_owned()));
        },
    );
}

#[test]
fn a_long_list_is_searched_for_a_few_and_read_for_many() {
    let entry = recorded("bans_list", "ok")["data"]["results"][0].clone();
    let ban = move |i: usize| {
        let mut entry = entry.clone();
        entry["address"] = json!(format!("198.51.{}.{}", i / 250, i % 250 + 1));
        entry
    };
    let heard = Arc::new(OnceLock::new());
    let ears = Arc::clone(&heard);
    let more = move |_: &tidegate::sim::Sim| {
        let (url, heard) = serve(move |line| {
            let page = if line.contains("page=2") { 1000..1500 } else { 0..1000 };
            let data = match line {
                line if line.contains("manifest") => json!({"version": {"version": "9.5.0"}, "modules": []}),
                line if line.contains("search=198.51.5.1&") || line.ends_with("search=198.51.5.1") => {
                    json!({"page": 1, "size": 1000, "total": 1, "results": [ban(1250)]})
                }
                line if line.contains("search=") => json!({"page": 1, "size": 1000, "total": 0, "results": []}),
                line if line.starts_with("GET /api/bans") => {
                    json!({"page": 1, "size": 1000, "total": 1500, "results": page.map(&ban).collect::<Vec<_>>()})
                }
                line if line.starts_with("GET /api/downloaders") => json!([]),
                _ => json!({"count": 1}),
            };
            json!({"success": true, "message": null, "data": data})
        });
        ears.set(heard).unwrap();
        format!("[pbh.big]\nurl = {url:?}\ntoken = \"lab-token\"\n")
    };
    run(
        |_| (),
        more,
        |rig| async move {
            let (bans, pbh) = (&rig.host.bans, rig.host.fleet.pbh(Some("big")).unwrap());
            let made = bans.ban(&pbh, &ips(&["198.51.5.1", "203.0.113.7"]), &hour(), &rig.talk()).await.unwrap();
            assert_eq!(
                (made.known.as_slice(), made.added.as_slice()),
                (&ips(&["198.51.5.1"])[..], &ips(&["203.0.113.7"])[..])
            );
            let searches = lines(heard.get().unwrap()).iter().filter(|line| line.contains("search=")).count();
            assert_eq!(searches, 2);
            let many: Vec<String> = (0..30).map(|i| format!("198.51.5.{}", i + 1)).collect();
            let made = bans.ban(&pbh, &many, &hour(), &rig.talk()).await.unwrap();
            assert_eq!(made.known.len(), 30);
            let pages = lines(heard.get().unwrap());
            assert!(
                pages.iter().any(|line| line.contains("page=2")) && !pages.iter().any(|line| line.contains("search="))
            );
        },
    );
}

#[test]
fn an_unban_waits_for_the_wave_of_the_ban_it_undoes() {
    let edit = |scenario: &mut tidegate::sim::Scenario| {
        for client in &mut scenario.downloader {
            client.increment_ban = true;
        }
    };
    run(
        edit,
        |_| String::new(),
        |rig| async move {
            let (bans, pbh) = (&rig.host.bans, rig.pbh());
            let seven = ips(&["203.0.113.7"]);
            // Pushed to the clients at once, so this is back before PBH's next wave.
            bans.ban(&pbh, &seven, &hour(), &rig.talk()).await.unwrap();
            assert!(!rig.snapshot().bans.contains(&seven[0]));
            let lifted = bans.unban(&pbh, &seven, &rig.talk()).await.unwrap();
            assert_eq!(lifted.removed, seven);
            rig.wait(20).await;
            assert!(!rig.snapshot().bans.contains(&seven[0]), "it came after the unban");

            // No wave comes while everything is paused; the ban that comes later is lifted all the same.
            let pause = |paused: bool| {
                let options = [("globalPaused".to_owned(), json!(paused))].into_iter().collect();
                let (pbh, talk) = (rig.pbh(), rig.talk());
                async move { recorder::call(&pbh, "general_global_set", Vec::new(), options, &talk).await.unwrap() }
            };
            pause(true).await;
            bans.ban(&pbh, &seven, &hour(), &rig.talk()).await.unwrap();
            assert_eq!(bans.unban(&pbh, &seven, &rig.talk()).await.unwrap().not_banned, seven);
            pause(false).await;
            rig.wait(61).await;
            assert!(rig.snapshot().bans.contains(&seven[0]));
            let due = bans.next_expiry().await.unwrap().unwrap();
            assert!(due <= rig.clock.now());
            bans.expire(due, &rig.talk()).await.unwrap();
            assert!(!rig.snapshot().bans.contains(&seven[0]));
        },
    );
}
