//! What helpers of a VPS see and follow to its end. Whatever starts something is sent once.

use serde_json::{Map, Value};
use tidegate::error::Kind;
use tidegate::recorder::{self, Talk};
use tidegate::sim::{CasePlan, Fault, Trouble};
use tidegate::time::{Clock as _, Duration};
use tidegate::vps::{
    migrate_and_wait, restart_and_wait, rotate_snapshots, run as run_command, snapshot_and_wait, start_and_wait,
    status, violations,
};

use super::rig::{Rig, demo, run};

/// An hour instead of two minutes: jobs take long.
fn patient(rig: &Rig) -> Talk {
    Talk { deadline: rig.clock.now() + Duration::from_seconds(3600), ..rig.talk() }
}

async fn call(rig: &Rig, id: &str, arguments: Vec<Value>) -> Value {
    recorder::call(&rig.vps(), id, arguments, Map::new(), &patient(rig)).await.unwrap()
}

/// The descriptions of what is stored.
async fn stored(rig: &Rig) -> Vec<String> {
    let list = call(rig, "snapshot_list", Vec::new()).await;
    let rows = list["snapshots"].as_array().unwrap().iter();
    rows.map(|row| row["description"].as_str().unwrap().to_owned()).collect()
}

/// How often a row was called since the last time.
fn times(rig: &Rig, id: &str) -> usize {
    rig.called().iter().filter(|endpoint| *endpoint == id).count()
}

fn lost(trouble: Trouble, route: &str) -> Fault {
    Fault::new(trouble).on("kiwivm").route(route).times(1)
}

#[test]
fn the_status_is_that_of_the_guest_and_hidden_while_a_job_runs() {
    demo(|rig| async move {
        let now = status(&rig.vps(), &rig.talk()).await.unwrap();
        assert_eq!(rig.called(), ["get_live_service_info"]);
        assert_eq!((now.running, now.state.as_str(), now.locked), (Some(true), "running", false));
        assert!(now.load.is_some() && now.mem_used.unwrap() > 0 && now.disk_used.unwrap() > 0, "{now:?}");
        assert_eq!((now.location.as_str(), !now.ips.is_empty()), ("JPTYO_8", true));
        call(&rig, "snapshot_create", Vec::new()).await;
        let locked = status(&rig.vps(), &rig.talk()).await.unwrap();
        assert_eq!((locked.running, locked.state.as_str(), locked.locked), (None, "locked", true));
        assert_eq!((locked.location, locked.load), (now.location, None));
        rig.wait(200).await;
        call(&rig, "stop", Vec::new()).await;
        rig.wait(10).await;
        let stopped = status(&rig.vps(), &rig.talk()).await.unwrap();
        assert_eq!((stopped.running, stopped.state.as_str(), stopped.load), (Some(false), "stopped", None));
    });
}

#[test]
fn a_start_ends_when_the_guest_runs() {
    demo(|rig| async move {
        assert_eq!(start_and_wait(&rig.vps(), None, &patient(&rig)).await.unwrap(), Duration::ZERO);
        assert_eq!(times(&rig, "start"), 0, "it runs");
        call(&rig, "stop", Vec::new()).await;
        rig.wait(10).await;
        let took = start_and_wait(&rig.vps(), None, &patient(&rig)).await.unwrap();
        assert!(took >= Duration::from_seconds(20) && took <= Duration::from_seconds(40), "{took:?}");
        assert_eq!(status(&rig.vps(), &rig.talk()).await.unwrap().running, Some(true));
        assert_eq!(times(&rig, "start"), 1);
    });
}

#[test]
fn a_start_whose_reply_is_lost_is_not_repeated() {
    demo(|rig| async move {
        call(&rig, "stop", Vec::new()).await;
        rig.wait(10).await;
        rig.called();
        rig.world().fault(lost(Trouble::Cut, "start"));
        start_and_wait(&rig.vps(), None, &patient(&rig)).await.unwrap();
        assert_eq!(times(&rig, "start"), 1);
        call(&rig, "stop", Vec::new()).await;
        rig.wait(10).await;
        rig.called();
        rig.world().fault(lost(Trouble::Drop, "start"));
        let error = start_and_wait(&rig.vps(), None, &patient(&rig)).await.unwrap_err();
        assert!(error.message.contains("stopped still"), "{}", error.message);
        assert_eq!(times(&rig, "start"), 1);
    });
}

#[test]
fn what_does_not_run_in_time_is_a_timeout_that_says_how_it_stands() {
    run(
        |scenario| scenario.vps[0].cases = vec![CasePlan::Suspension],
        |_| String::new(),
        |rig| async move {
            // A suspended one cannot be started, and the provider says so.
            let error = start_and_wait(&rig.vps(), None, &patient(&rig)).await.unwrap_err();
            assert_eq!((error.kind, error.endpoint.as_deref()), (Kind::Api, Some("start")));
        },
    );
    demo(|rig| async move {
        call(&rig, "stop", Vec::new()).await;
        rig.wait(10).await;
        let short = Some(Duration::from_seconds(15));
        let error = start_and_wait(&rig.vps(), short, &patient(&rig)).await.unwrap_err();
        assert_eq!(error.kind, Kind::Timeout);
        assert!(error.message.contains("`starting`"), "{}", error.message);
    });
}

#[test]
fn a_restart_counts_when_the_guest_was_down_and_runs() {
    demo(|rig| async move {
        let took = restart_and_wait(&rig.vps(), None, &patient(&rig)).await.unwrap();
        assert!(took >= Duration::from_seconds(20), "{took:?}");
        assert_eq!(times(&rig, "restart"), 1);
        // Seen down, it was restarted, whatever became of the reply.
        rig.world().fault(lost(Trouble::Cut, "restart"));
        restart_and_wait(&rig.vps(), None, &patient(&rig)).await.unwrap();
        assert_eq!(times(&rig, "restart"), 1);
        rig.world().fault(lost(Trouble::Drop, "restart"));
        let error = restart_and_wait(&rig.vps(), None, &patient(&rig)).await.unwrap_err();
        assert!(error.message.contains("whether it was restarted"), "{}", error.message);
        assert_eq!(times(&rig, "restart"), 1);
    });
}

#[test]
fn a_snapshot_is_there_when_it_is_in_the_list() {
    demo(|rig| async move {
        let before = stored(&rig).await;
        let made = snapshot_and_wait(&rig.vps(), "before the upgrade", None, &patient(&rig)).await.unwrap();
        assert_eq!((made.description.as_str(), made.sticky), ("before the upgrade", false));
        assert!(made.size > 0 && made.purges_at.unwrap() > rig.clock.now());
        assert_eq!(stored(&rig).await.len(), before.len() + 1);
        rig.called();
        // The reply is lost, the snapshot is not.
        rig.world().fault(lost(Trouble::Cut, "snapshot_create"));
        let made = snapshot_and_wait(&rig.vps(), "again", None, &patient(&rig)).await.unwrap();
        assert_eq!((made.description.as_str(), times(&rig, "snapshot_create")), ("again", 1));
        // It never arrived: nothing came of it, and nothing is repeated.
        rig.world().fault(lost(Trouble::Drop, "snapshot_create"));
        let error = snapshot_and_wait(&rig.vps(), "lost", None, &patient(&rig)).await.unwrap_err();
        assert!(error.message.ends_with("nothing came of it"), "{}", error.message);
        assert_eq!(times(&rig, "snapshot_create"), 1);
        assert_eq!(stored(&rig).await.len(), before.len() + 2);
    });
}

#[test]
fn a_job_that_takes_too_long_goes_on() {
    demo(|rig| async move {
        let short = Some(Duration::from_seconds(60));
        let error = snapshot_and_wait(&rig.vps(), "slow", short, &patient(&rig)).await.unwrap_err();
        assert_eq!((error.kind, error.endpoint.as_deref()), (Kind::Timeout, Some("snapshot_create")));
        assert!(error.message.contains("goes on"), "{}", error.message);
        rig.wait(180).await;
        assert!(stored(&rig).await.contains(&"slow".to_owned()));
    });
}

#[test]
fn what_is_locked_is_waited_for() {
    demo(|rig| async move {
        call(&rig, "snapshot_create", Vec::new()).await;
        rig.called();
        let made = snapshot_and_wait(&rig.vps(), "second", None, &patient(&rig)).await.unwrap();
        assert_eq!(made.description, "second");
    });
}

#[test]
fn a_rotation_keeps_the_newest_of_its_prefix_and_every_sticky_one() {
    demo(|rig| async move {
        snapshot_and_wait(&rig.vps(), "before the upgrade", None, &patient(&rig)).await.unwrap();
        let rotate = async || {
            rig.wait(86_400).await;
            rotate_snapshots(&rig.vps(), 2, "weekly", None, &patient(&rig)).await.unwrap()
        };
        let first = rotate().await;
        assert!(first.created.description.starts_with("weekly 2026-"), "{first:?}");
        let name = first.created.file_name.clone();
        call(&rig, "snapshot_toggle_sticky", vec![name.clone().into(), 1.into()]).await;
        let (second, third) = (rotate().await, rotate().await);
        assert!(second.deleted.is_empty() && third.deleted.is_empty(), "{third:?}");
        let fourth = rotate().await;
        assert_eq!(fourth.deleted.len(), 1);
        assert_eq!(fourth.deleted[0].file_name, second.created.file_name);
        let kept: Vec<_> = fourth.kept.iter().map(|snapshot| snapshot.file_name.clone()).collect();
        assert_eq!(kept, [fourth.created.file_name, third.created.file_name, name]);
        let left = stored(&rig).await;
        assert!(left.contains(&"before the upgrade".to_owned()));
        assert_eq!(left.iter().filter(|description| description.starts_with("weekly ")).count(), 3);
    });
}

#[test]
fn a_rotation_whose_snapshot_fails_deletes_nothing() {
    demo(|rig| async move {
        rotate_snapshots(&rig.vps(), 1, "weekly", None, &patient(&rig)).await.unwrap();
        let before = stored(&rig).await;
        rig.called();
        rig.world().fault(lost(Trouble::Drop, "snapshot_create"));
        assert!(rotate_snapshots(&rig.vps(), 1, "weekly", None, &patient(&rig)).await.is_err());
        assert_eq!(times(&rig, "snapshot_delete"), 0);
        assert_eq!(stored(&rig).await, before);
    });
}

#[test]
fn a_migration_is_started_once_and_ends_with_new_addresses() {
    demo(|rig| async move {
        let (vps, store) = (rig.vps(), &rig.host.store);
        let error = migrate_and_wait(&vps, store, "EUNL_8", None, &patient(&rig)).await.unwrap_err();
        assert_eq!((error.kind, error.hint.as_ref().unwrap().contains("EUNL_9")), (Kind::Argument, true));
        let here = migrate_and_wait(&vps, store, "JPTYO_8", None, &patient(&rig)).await.unwrap();
        assert_eq!(here.from, here.location);
        assert_eq!(times(&rig, "migrate_start"), 0);
        rig.world().fault(lost(Trouble::Cut, "migrate_start"));
        let moved = migrate_and_wait(&vps, store, "EUNL_9", None, &patient(&rig)).await.unwrap();
        assert_eq!((moved.from.as_str(), moved.location.as_str()), ("JPTYO_8", "EUNL_9"));
        assert!(moved.ips.iter().all(|ip| !here.ips.contains(ip)) && !moved.ips.is_empty(), "{moved:?} {here:?}");
        assert!(moved.took >= Duration::from_seconds(600));
        assert_eq!(times(&rig, "migrate_start"), 1);
        assert_eq!(status(&vps, &rig.talk()).await.unwrap().location, "EUNL_9");
    });
}

#[test]
fn a_command_gives_its_exit_code_and_its_output() {
    demo(|rig| async move {
        let done = run_command(&rig.vps(), "whoami; exit 3", None, &rig.talk()).await.unwrap();
        assert_eq!((done.exit_code, done.output.as_str()), (3, "root\n"));
        let slow = Fault::new(Trouble::Latency(Duration::from_seconds(30))).on("kiwivm").route("basic_shell_exec");
        rig.world().fault(slow);
        rig.called();
        let short = Some(Duration::from_seconds(5));
        let error = run_command(&rig.vps(), "whoami", short, &rig.talk()).await.unwrap_err();
        assert_eq!(error.kind, Kind::Timeout);
        assert_eq!(times(&rig, "basic_shell_exec"), 1);
    });
}

#[test]
fn open_cases_of_both_kinds_are_one_list() {
    run(
        |scenario| scenario.vps[0].cases = vec![CasePlan::Violation, CasePlan::Suspension],
        |_| String::new(),
        |rig| async move {
            let cases = violations(&rig.vps(), &rig.talk()).await.unwrap();
            let kinds: Vec<_> = cases.iter().map(|case| case.kind).collect();
            assert_eq!(kinds, ["suspension", "violation"]);
            assert!(cases.iter().all(|case| !case.evidence.is_empty()), "{cases:?}");
            assert!(cases[1].suspend_at.unwrap() > rig.clock.now());
            call(&rig, "unsuspend", vec![cases[0].record_id.into()]).await;
            assert_eq!(violations(&rig.vps(), &rig.talk()).await.unwrap().len(), 1);
        },
    );
}
