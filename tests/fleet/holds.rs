//! Stops and limits hold, add up, end by themselves and give back what was there.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate::config::Transport;
use tidegate::downloader::{Addition, Limits, Link, Source, State};
use tidegate::error::Kind;
use tidegate::fleet::Member;
use tidegate::holds::limits::LimitOptions;
use tidegate::holds::{Choice, Only, StopOptions};
use tidegate::sim::{Fault, Trouble};
use tidegate::time::{Clock as _, Duration};

use super::fake::Stubborn;
use super::rig::{Rig, demo, run};

fn stop(reason: &str) -> StopOptions {
    StopOptions { reason: reason.into(), ..StopOptions::default() }
}

/// Which torrents stand, by name.
async fn standing(rig: &Rig, client: &str) -> BTreeMap<String, bool> {
    let torrents = rig.member(client).await.client.torrents(&rig.talk()).await.unwrap();
    torrents.into_iter().map(|torrent| (torrent.name, torrent.state == State::Stopped)).collect()
}

const USERS: &str = "blender-open-movies-collection";

#[test]
fn a_stop_stands_still_and_gives_back_exactly_what_ran() {
    for version in ["5.1.2", "4.6.7"] {
        let edit = |scenario: &mut tidegate::sim::Scenario| scenario.downloader[1].version = version.into();
        run(
            edit,
            |_| String::new(),
            |rig| async move {
                let member = rig.member("tokyo-seed").await;
                let before = standing(&rig, "tokyo-seed").await;
                assert!(rig.client("tokyo-seed").up_speed > 0 && before[USERS]);
                let report = rig.host.holds.stop(&member, &stop("quota"), &rig.talk()).await.unwrap();
                assert_eq!((report.stopped.len(), report.idle), (3, 1));
                assert_eq!((report.up_speed, report.down_speed), (0, 0));
                assert_eq!(rig.client("tokyo-seed").up_speed, 0);
                assert!(standing(&rig, "tokyo-seed").await.values().all(|stands| *stands));

                let report = rig.host.holds.start(&member, "quota", &rig.talk()).await.unwrap();
                assert_eq!(report.started.len(), 3);
                assert_eq!(standing(&rig, "tokyo-seed").await, before);
                assert!(rig.host.holds.holds(None).await.unwrap().is_empty());
            },
        );
    }
}

#[test]
fn stops_add_up_and_one_release_leaves_the_other() {
    demo(|rig| async move {
        let member = rig.member("tokyo-qb").await;
        let holds = &rig.host.holds;
        holds.stop(&member, &stop("quota"), &rig.talk()).await.unwrap();
        holds.stop(&member, &stop("night"), &rig.talk()).await.unwrap();
        let report = holds.start(&member, "quota", &rig.talk()).await.unwrap();
        assert_eq!((report.started.len(), report.held_by.as_slice()), (0, &["night".to_owned()][..]));
        assert_eq!(rig.client("tokyo-qb").up_speed, 0);
        let nothing = holds.start(&member, "quota", &rig.talk()).await.unwrap();
        assert!(nothing.started.is_empty() && nothing.held_by.is_empty());
        let report = holds.start(&member, "night", &rig.talk()).await.unwrap();
        assert_eq!(report.started.len(), 4);
        assert!(rig.client("tokyo-qb").up_speed > 0);
    });
}

#[test]
fn a_hold_with_a_duration_ends_by_itself() {
    demo(|rig| async move {
        let member = rig.member("tokyo-qb").await;
        let holds = &rig.host.holds;
        let options = StopOptions { duration: Some(Duration::from_seconds(7200)), ..stop("phone") };
        holds.stop(&member, &options, &rig.talk()).await.unwrap();
        let due = holds.next_expiry().await.unwrap().unwrap();
        rig.wait(7300).await;
        // The client is away at that moment: the hold stands, and a minute later it is tried again.
        rig.world().fault(Fault::new(Trouble::Drop).on("downloader"));
        let expired = holds.expire(due, &rig.talk()).await.unwrap();
        assert_eq!((expired.ended.len(), expired.failed.len()), (0, 1));
        rig.world().heal();
        let later = holds.next_expiry().await.unwrap().unwrap();
        assert_eq!(later, due + Duration::from_seconds(60));
        let expired = holds.expire(later, &rig.talk()).await.unwrap();
        assert_eq!(expired.ended[0].reason, "phone");
        assert!(rig.client("tokyo-qb").up_speed > 0);
        assert_eq!(holds.next_expiry().await.unwrap(), None);
    });
}

#[test]
fn a_selection_leaves_the_others_running() {
    demo(|rig| async move {
        let member = rig.member("tokyo-qb").await;
        let options = StopOptions { choice: Choice { only: Only::Public, ..Choice::default() }, ..stop("quota") };
        let report = rig.host.holds.stop(&member, &options, &rig.talk()).await.unwrap();
        assert_eq!(report.stopped.len(), 3);
        assert!(report.up_speed > 0, "the private torrent goes on");
        let standing = standing(&rig, "tokyo-qb").await;
        assert!(!standing["Nightfall.Archive.S02.2160p"]);
        assert!(standing["debian-13.1.0-amd64-DVD-1.iso"]);
        let options =
            StopOptions { choice: Choice { except_tags: vec!["keep".into()], ..Choice::default() }, ..stop("night") };
        assert!(rig.host.holds.stop(&member, &options, &rig.talk()).await.unwrap().up_speed > 0);
    });
}

#[test]
fn what_ran_is_written_down_before_the_first_command() {
    demo(|rig| async move {
        let member = rig.member("tokyo-qb").await;
        let holds = &rig.host.holds;
        rig.world().fault(Fault::new(Trouble::Drop).on("downloader").route("/api/v2/torrents/stop"));
        let error = holds.stop(&member, &stop("quota"), &rig.talk()).await.unwrap_err();
        assert_eq!((error.kind, error.service.as_deref()), (Kind::Transport, Some("downloader")));
        assert_eq!(holds.holds(Some(&member)).await.unwrap()[0].torrents, 4);
        rig.world().heal();
        // The same again does the rest; the release gives all of it back.
        holds.stop(&member, &stop("quota"), &rig.talk()).await.unwrap();
        assert_eq!(holds.start(&member, "quota", &rig.talk()).await.unwrap().started.len(), 4);
    });
}

#[test]
fn the_lowest_limit_wins_and_zero_is_refused() {
    demo(|rig| async move {
        let member = rig.member("tokyo-qb").await;
        let holds = &rig.host.holds;
        let limit = |reason: &str, up| LimitOptions { reason: reason.into(), up: Some(up), ..LimitOptions::default() };
        let error = holds.limit_speed(&member, &limit("day", 0), &rig.talk()).await.unwrap_err();
        assert!(error.kind == Kind::Argument && error.hint.as_ref().unwrap().contains("stop_transfers"));
        holds.limit_speed(&member, &limit("day", 512 << 10), &rig.talk()).await.unwrap();
        let both = holds.limit_speed(&member, &limit("quota", 100 << 10), &rig.talk()).await.unwrap();
        assert_eq!((both.up, both.down, both.notice.as_str()), (Some(100 << 10), None, ""));
        assert!(rig.client("tokyo-qb").up_speed <= 100 << 10);
        let left = holds.restore_speed(&member, "quota", &rig.talk()).await.unwrap();
        assert_eq!(left.up, Some(512 << 10));
        let none = holds.restore_speed(&member, "day", &rig.talk()).await.unwrap();
        assert_eq!(none, Limits::default());
        assert!(holds.holds(None).await.unwrap().is_empty());
    });
}

#[test]
fn what_comes_or_starts_during_a_stop_is_stopped_too_and_comes_back() {
    demo(|rig| async move {
        let member = rig.member("tokyo-qb").await;
        let holds = &rig.host.holds;
        holds.stop(&member, &stop("quota"), &rig.talk()).await.unwrap();
        let held = standing(&rig, "tokyo-qb").await.len();
        // Added in the client's own window, and added through tidegate.
        let magnet = |n: u8| Source::Link(format!("magnet:?xt=urn:btih:{}&dn=late-{n}", format!("{n:02x}").repeat(20)));
        member.client.add(&magnet(1), &Addition::default(), &rig.talk()).await.unwrap();
        let enforced = holds.enforce(&rig.talk()).await.unwrap();
        assert_eq!(enforced.done, ["1 torrent on `tokyo-qb` ran in spite of the hold `quota`: stopped"]);
        let added = holds.add_torrent(&member, &magnet(2), &Addition::default(), &rig.talk()).await.unwrap();
        assert_eq!((added.name.as_str(), added.state), ("late-2", State::Stopped));
        assert!(holds.enforce(&rig.talk()).await.unwrap().done.is_empty(), "nothing is left to do");
        assert!(rig.client("tokyo-qb").stopped);
        let refused = holds.start_torrents(&member, &[added], &rig.talk()).await.unwrap_err();
        assert!(refused.kind == Kind::Argument && refused.message.contains("held by `quota`"), "{refused}");
        let started = holds.start(&member, "quota", &rig.talk()).await.unwrap().started;
        let names: Vec<_> = started.iter().map(|torrent| torrent.name.as_str()).collect();
        assert!(names.contains(&"late-1") && names.contains(&"late-2"), "{names:?}");
        assert_eq!(standing(&rig, "tokyo-qb").await.len(), held + 2);
    });
}

#[test]
fn what_was_to_be_done_when_it_was_killed_is_done_at_the_next_start() {
    demo(|rig| async move {
        let member = rig.member("tokyo-qb").await;
        let holds = &rig.host.holds;
        // The hold is written down before the first command: killed there, this is what is left.
        rig.world().fault(Fault::new(Trouble::Status(500)).on("downloader").route("/api/v2/torrents/stop"));
        holds.stop(&member, &stop("quota"), &rig.talk()).await.unwrap_err();
        assert!(rig.client("tokyo-qb").up_speed > 0);
        rig.world().heal();
        assert_eq!(holds.enforce(&rig.talk()).await.unwrap().done.len(), 1);
        assert!(rig.client("tokyo-qb").stopped);
        // Half way through a release: what is left of it is due at once, and nothing is stopped again.
        rig.world().fault(Fault::new(Trouble::Status(500)).on("downloader").route("/api/v2/torrents/start"));
        holds.start(&member, "quota", &rig.talk()).await.unwrap_err();
        rig.world().heal();
        assert_eq!(holds.next_expiry().await.unwrap(), Some(rig.clock.now()));
        assert!(holds.enforce(&rig.talk()).await.unwrap().done.is_empty());
        let expired = holds.expire(rig.clock.now(), &rig.talk()).await.unwrap();
        assert_eq!((expired.ended.len(), expired.failed.len()), (1, 0));
        assert!(rig.client("tokyo-qb").up_speed > 0);
    });
}

#[test]
fn a_limit_that_somebody_takes_away_is_set_again() {
    demo(|rig| async move {
        let member = rig.member("tokyo-qb").await;
        let holds = &rig.host.holds;
        let how = LimitOptions { reason: "day".into(), up: Some(100 << 10), ..LimitOptions::default() };
        holds.limit_speed(&member, &how, &rig.talk()).await.unwrap();
        member.client.set_limits(Limits::default(), &rig.talk()).await.unwrap();
        let done = holds.enforce(&rig.talk()).await.unwrap().done;
        assert_eq!(done, ["the limit `day` on `tokyo-qb` had been taken away: it is set again"]);
        assert_eq!(member.client.limits(&rig.talk()).await.unwrap().up, Some(100 << 10));
        // A lower one that somebody set is theirs.
        member.client.set_limits(Limits { up: Some(50 << 10), down: None }, &rig.talk()).await.unwrap();
        assert!(holds.enforce(&rig.talk()).await.unwrap().done.is_empty());
    });
}

#[test]
fn a_stop_that_does_not_reach_its_client_stays_asked_for() {
    demo(|rig| async move {
        let member = rig.member("tokyo-qb").await;
        let holds = &rig.host.holds;
        let before = standing(&rig, "tokyo-qb").await;
        rig.world().fault(Fault::new(Trouble::Drop).on("downloader"));
        let error = holds.stop(&member, &stop("quota"), &rig.talk()).await.unwrap_err();
        assert_eq!(error.kind, Kind::Transport);
        assert!(error.message.ends_with("the hold stands, and the daemon stops what runs once it answers"), "{error}");
        let hold = holds.holds(Some(&member)).await.unwrap().remove(0);
        assert_eq!((hold.reason.as_str(), hold.torrents), ("quota", 0));
        assert_eq!(holds.enforce(&rig.talk()).await.unwrap().failed.len(), 1);
        rig.world().heal();
        assert_eq!(
            holds.enforce(&rig.talk()).await.unwrap().done,
            ["4 torrents on `tokyo-qb` ran in spite of the hold `quota`: stopped"]
        );
        assert!(rig.client("tokyo-qb").stopped);
        // A release that finds it away is carried out likewise, and nothing is stopped again meanwhile.
        rig.world().fault(Fault::new(Trouble::Drop).on("downloader"));
        assert_eq!(holds.start(&member, "quota", &rig.talk()).await.unwrap_err().kind, Kind::Transport);
        rig.world().heal();
        assert!(holds.enforce(&rig.talk()).await.unwrap().done.is_empty());
        let expired = holds.expire(rig.clock.now(), &rig.talk()).await.unwrap();
        assert_eq!((expired.ended.len(), expired.failed.len()), (1, 0));
        assert_eq!(standing(&rig, "tokyo-qb").await, before);
    });
}

#[test]
fn a_client_that_is_started_again_half_way_is_gone_on_with() {
    demo(|rig| async move {
        let member = rig.member("tokyo-seed").await;
        let holds = &rig.host.holds;
        let before = rig.world().standing("tokyo-seed");
        let restart =
            |route: &str| rig.world().fault(Fault::new(Trouble::Restart).on("downloader").route(route).times(1));
        for (route, session) in [("/api/v2/torrents/stop", 1), ("/api/v2/torrents/start", 2)] {
            restart(route);
            let logins = |rig: &Rig| {
                let requests = rig.world().requests();
                requests.iter().filter(|request| request.path.ends_with("auth/login")).count()
            };
            let earlier = logins(&rig);
            let outcome = match session {
                1 => holds.stop(&member, &stop("quota"), &rig.talk()).await.map(drop),
                _ => holds.start(&member, "quota", &rig.talk()).await.map(drop),
            };
            assert_eq!(outcome.unwrap_err().kind, Kind::Transport);
            holds.enforce(&rig.talk()).await.unwrap();
            holds.expire(rig.clock.now(), &rig.talk()).await.unwrap();
            assert!(logins(&rig) > earlier, "its sessions were gone");
            let after = rig.world().standing("tokyo-seed");
            if session == 1 {
                assert!(after.values().all(|stands| *stands), "{after:?}");
            } else {
                assert_eq!(after, before);
            }
        }
        assert!(holds.holds(None).await.unwrap().is_empty());
    });
}

#[test]
fn a_client_of_an_unknown_type_says_what_to_use_instead_and_holds_nothing() {
    let more = |_: &tidegate::sim::Sim| String::new();
    run(
        |_| (),
        more,
        |rig| async move {
            let client = tidegate::downloader::unsupported::Unsupported::new("old", "rtorrent");
            let (_, mut member) = stubborn(0, &[]);
            member.client = Arc::new(client);
            let limit = LimitOptions { reason: "x".into(), up: Some(5000), ..LimitOptions::default() };
            for error in [
                rig.host.holds.stop(&member, &stop("quota"), &rig.talk()).await.unwrap_err(),
                rig.host.holds.limit_speed(&member, &limit, &rig.talk()).await.unwrap_err(),
                member.client.version(&rig.talk()).await.unwrap_err(),
            ] {
                assert_eq!(error.kind, Kind::Unsupported);
                assert!(
                    error.message.starts_with("`old` cannot") && error.message.ends_with("it is a `rtorrent` client")
                );
                assert!(error.hint.as_ref().unwrap().contains("PBH"), "{error:?}");
            }
            assert!(rig.host.holds.holds(None).await.unwrap().is_empty());
        },
    );
}

fn stubborn(torrents: usize, refuse: &[usize]) -> (Arc<Stubborn>, Member) {
    let client = Arc::new(Stubborn::new(torrents, refuse));
    let member = Member {
        pbh: None,
        id: "stubborn".into(),
        increment_ban: false,
        unsupervised: false,
        link: Link {
            url: "http://127.0.0.1:1".into(),
            path: String::new(),
            username: String::new(),
            password: None,
            api_key: None,
            basic: None,
            transport: Transport::default(),
            timeout: Duration::from_seconds(1),
            largest_reply: 1 << 20,
            unreachable: None,
        },
        path: None,
        client: Arc::clone(&client) as _,
    };
    (client, member)
}

#[test]
fn what_does_not_stop_is_named_beside_what_does() {
    demo(|rig| async move {
        let (client, member) = stubborn(100, &[3, 50, 99]);
        let before = rig.clock.now();
        let error = rig.host.holds.stop(&member, &stop("quota"), &rig.talk()).await.unwrap_err();
        assert!(rig.clock.now() - before <= Duration::from_seconds(21));
        let says = "3 torrents on `stubborn` did not stop within 20s: `t3`, `t50` and `t99`; stopped: `t0`, `t1`";
        assert!(error.message.starts_with(says), "{}", error.message);
        assert!(error.message.ends_with("and 89 more"), "{}", error.message);
        // The hold stands; a mass start goes in steps, forced torrents last and as they were.
        assert_eq!(rig.host.holds.holds(Some(&member)).await.unwrap()[0].torrents, 100);
        client.told.lock().unwrap().clear();
        rig.host.holds.start(&member, "quota", &rig.talk()).await.unwrap();
        assert_eq!(*client.told.lock().unwrap(), [("start", 25), ("start", 25), ("start", 25), ("start", 22)]);
    });
}

#[test]
fn what_does_not_start_is_named_too_and_the_hold_stands() {
    demo(|rig| async move {
        let (client, member) = stubborn(3, &[]);
        client.torrents.lock().unwrap()[1].forced = true;
        rig.host.holds.stop(&member, &stop("quota"), &rig.talk()).await.unwrap();
        // From now on the client no longer listens.
        let (deaf, same) = stubborn(3, &[0, 1, 2]);
        for torrent in deaf.torrents.lock().unwrap().iter_mut() {
            torrent.state = State::Stopped;
        }
        let error = rig.host.holds.start(&same, "quota", &rig.talk()).await.unwrap_err();
        assert!(error.message.starts_with("3 torrents on `stubborn` did not start"), "{}", error.message);
        client.told.lock().unwrap().clear();
        rig.host.holds.start(&member, "quota", &rig.talk()).await.unwrap();
        assert_eq!(*client.told.lock().unwrap(), [("start", 2), ("force", 1)]);
    });
}
