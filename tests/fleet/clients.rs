//! Which clients there are, and how tidegate gets in.

use tidegate::downloader::Raw;
use tidegate::error::Kind;
use tidegate::sim::{Fault, Trouble};

use super::rig::{demo, run};

#[test]
fn clients_are_found_through_pbh_and_asked_again_only_later() {
    demo(|rig| async move {
        let fleet = &rig.host.fleet;
        let all = fleet.vps_downloaders("tokyo", &rig.talk()).await.unwrap();
        let names: Vec<_> = all.iter().map(|member| member.name().to_owned()).collect();
        assert_eq!(names, ["tokyo-qb", "tokyo-seed"]);
        assert_eq!(fleet.vps_of(&all[0]), Some("tokyo"));
        assert_eq!(rig.called(), ["downloaders_list", "downloader_status", "downloader_status"]);
        fleet.downloaders_of("home", &rig.talk()).await.unwrap();
        assert_eq!(rig.called(), [] as [&str; 0]);
        rig.wait(31).await;
        let again = fleet.downloader("tokyo-qb", &rig.talk()).await.unwrap();
        assert_eq!(rig.called().len(), 3);
        assert!(std::sync::Arc::ptr_eq(&again.client, &all[0].client), "the session is kept");
        // A guard must still reach the client when PBH is down.
        rig.wait(31).await;
        rig.world().fault(Fault::new(Trouble::Drop).on("pbh"));
        assert!(fleet.downloader("tokyo-qb", &rig.talk()).await.is_ok());
    });
}

#[test]
fn unknown_names_are_answered_with_those_there_are() {
    demo(|rig| async move {
        let fleet = &rig.host.fleet;
        let error = fleet.downloader("tokio-qb", &rig.talk()).await.map(|_| ()).unwrap_err();
        assert_eq!(error.kind, Kind::Argument);
        assert!(error.hint.as_ref().unwrap().contains("did you mean `tokyo-qb`?"));
        let error = fleet.vps(Some("oslo")).map(|_| ()).unwrap_err();
        assert!(error.hint.as_ref().unwrap().contains("`tokyo`"));
    });
}

#[test]
fn a_wrong_password_is_tried_once() {
    let more =
        |_: &tidegate::sim::Sim| "[downloader.tokyo-qb]\npbh = \"home\"\npassword = \"wrong-password\"\n".to_owned();
    run(
        |_| (),
        more,
        |rig| async move {
            let member = rig.member("tokyo-qb").await;
            rig.world().forget();
            for _ in 0..3 {
                let error = member.client.torrents(&rig.talk()).await.unwrap_err();
                assert_eq!(error.kind, Kind::Auth);
                assert!(error.message.contains("`tokyo-qb`"), "{}", error.message);
            }
            let logins = rig.world().requests().iter().filter(|request| request.service == "downloader").count();
            assert_eq!(logins, 1);
            let shown = serde_json::to_string(&rig.calls()).unwrap();
            assert!(shown.contains("POST /api/v2/auth/login") && !shown.contains("wrong-password"));
        },
    );
}

#[test]
fn a_session_that_ran_out_is_renewed() {
    demo(|rig| async move {
        let member = rig.member("tokyo-qb").await;
        member.client.speed(&rig.talk()).await.unwrap();
        rig.called();
        rig.world().fault(Fault::new(Trouble::Expired).on("downloader").route("/api/v2/transfer").times(1));
        member.client.speed(&rig.talk()).await.unwrap();
        let expected = ["GET /api/v2/transfer/info", "POST /api/v2/auth/login", "GET /api/v2/transfer/info"];
        assert_eq!(rig.called(), expected);
    });
}

#[test]
fn a_read_survives_a_client_that_is_away_for_a_moment() {
    demo(|rig| async move {
        let member = rig.member("tokyo-qb").await;
        rig.world().fault(Fault::new(Trouble::Drop).on("downloader").route("/api/v2/transfer").times(2));
        member.client.speed(&rig.talk()).await.unwrap();
        rig.world().fault(Fault::new(Trouble::Drop).on("downloader").route("/api/v2/transfer"));
        let error = member.client.speed(&rig.talk()).await.unwrap_err();
        assert_eq!((error.kind, error.endpoint.as_deref()), (Kind::Transport, Some("GET /api/v2/transfer/info")));
    });
}

#[test]
fn the_configuration_corrects_what_pbh_says() {
    let more = |sim: &tidegate::sim::Sim| {
        let seed = &sim.urls().downloaders[1];
        format!(
            "[downloader.box]\ntype = \"qbittorrent\"\nurl = {:?}\nusername = {:?}\npassword = {:?}\n\
             [downloader.seed]\npbh = \"home\"\nid = \"tokyo-seed\"\n",
            seed.url, seed.username, seed.password
        )
    };
    let edit = |scenario: &mut tidegate::sim::Scenario| scenario.vps[0].downloaders.clear();
    run(edit, more, |rig| async move {
        let alone = rig.member("box").await;
        assert_eq!(alone.client.version(&rig.talk()).await.unwrap(), "5.1.2");
        let pbh_calls = rig.calls().iter().filter(|call| call.service == "pbh").count();
        assert_eq!(pbh_calls, 0, "a client without PBH needs none");
        assert_eq!(rig.member("seed").await.id, "tokyo-seed");
        assert!(rig.host.fleet.downloader("tokyo-seed", &rig.talk()).await.is_err(), "it has another name now");
    });
}

#[test]
fn the_clients_own_api_is_open() {
    demo(|rig| async move {
        let member = rig.member("tokyo-qb").await;
        let ask = |method: &str, path: &str| Raw { method: method.into(), path: path.into(), ..Raw::default() };
        let answer = member.client.request(ask("get", "/api/v2/torrents/categories"), &rig.talk()).await.unwrap();
        assert!(answer.status == 200 && answer.value.is_object());
        let text = member.client.request(ask("GET", "app/defaultSavePath"), &rig.talk()).await.unwrap();
        assert!(text.value.is_string());
        let error = member.client.request(ask("GET", "/api/v2/nothing/there"), &rig.talk()).await.unwrap_err();
        assert_eq!((error.kind, error.status), (Kind::Unsupported, Some(404)));
    });
}

#[test]
fn one_vps_and_one_pbh_belong_together_and_two_have_to_be_told() {
    let alone = |scenario: &mut tidegate::sim::Scenario| scenario.vps[0].downloaders.clear();
    run(
        alone,
        |_| String::new(),
        |rig| async move {
            let all = rig.host.fleet.vps_downloaders("tokyo", &rig.talk()).await.unwrap();
            assert_eq!((all.len(), rig.host.fleet.vps_of(&all[1])), (2, Some("tokyo")));
        },
    );
    let two = |scenario: &mut tidegate::sim::Scenario| {
        scenario.vps[0].downloaders.clear();
        let mut other = scenario.vps[0].clone();
        other.name = "oslo".into();
        other.veid += 1;
        scenario.vps.push(other);
    };
    run(
        two,
        |_| String::new(),
        |rig| async move {
            let fleet = &rig.host.fleet;
            let error = fleet.vps_downloaders("tokyo", &rig.talk()).await.map(|_| ()).unwrap_err();
            assert_eq!(error.kind, Kind::Config);
            let hint = error.hint.as_ref().unwrap();
            assert!(hint.contains("[vps.tokyo]") && hint.contains("`tokyo-qb` and `tokyo-seed`"), "{hint}");
            let error = fleet.vps(None).map(|_| ()).unwrap_err();
            assert_eq!(error.kind, Kind::Argument);
            assert!(error.hint.as_ref().unwrap().contains("vps(\"oslo\")"));
            assert_eq!(fleet.vps_all().len(), 2);
        },
    );
}
