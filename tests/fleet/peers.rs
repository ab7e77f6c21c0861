//! The peers of this moment and their ranking.

use tidegate::error::Kind;
use tidegate::peers::{By, Selection, live_peers, top_peers};
use tidegate::sim::{Fault, Trouble};
use tidegate::time::{Clock as _, Duration};

use super::fake::{recorded, serve};
use super::rig::{demo, run};

#[test]
fn one_sweep_sees_everybody_and_leaves_private_torrents_alone() {
    demo(|rig| async move {
        let (fleet, pbh) = (&rig.host.fleet, rig.pbh());
        rig.wait(600).await;
        rig.member("tokyo-qb").await;
        rig.called();
        let public = live_peers(fleet, &pbh, &Selection::default(), &rig.talk()).await.unwrap();
        let called = rig.called();
        assert!(!public.is_empty() && public.iter().all(|peer| !peer.is_private && peer.vps == "tokyo"));
        // Two lists, and the five public torrents that move.
        assert_eq!(called.iter().filter(|endpoint| *endpoint == "downloader_torrents").count(), 2);
        assert_eq!(called.iter().filter(|endpoint| *endpoint == "downloader_torrent_peers").count(), 5);
        let everybody = Selection { public_only: false, ..Selection::default() };
        let all = live_peers(fleet, &pbh, &everybody, &rig.talk()).await.unwrap();
        assert!(all.len() > public.len() && all.iter().any(|peer| peer.is_private));
        let one =
            Selection { downloader: Some("tokyo-seed".into()), client: Some("XUNLEI".into()), ..Selection::default() };
        let leechers = live_peers(fleet, &pbh, &one, &rig.talk()).await.unwrap();
        assert!(!leechers.is_empty());
        assert!(
            leechers
                .iter()
                .all(|peer| peer.downloader == "tokyo-seed" && peer.client.to_lowercase().contains("xunlei"))
        );
    });
}

#[test]
fn the_top_are_those_that_got_most() {
    demo(|rig| async move {
        let (fleet, pbh) = (&rig.host.fleet, rig.pbh());
        rig.wait(600).await;
        let selection = Selection { vps: Some("tokyo".into()), ..Selection::default() };
        let top = top_peers(fleet, &pbh, 5, By::Ip, None, &selection, &rig.talk()).await.unwrap();
        assert_eq!(top.len(), 5);
        assert!(top.windows(2).all(|pair| pair[0].uploaded >= pair[1].uploaded) && top[4].uploaded > 0);
        assert!(top.iter().all(|peer| peer.key == peer.ip && peer.source == "live"));
    });
}

/// A PBH that gives recorded replies, whatever it is asked.
fn lab() -> String {
    let manifest = recorded("metadata_manifest", "ok");
    let clients = recorded("downloaders_list", "after_cleanup");
    let status = recorded("downloader_status", "ok");
    let records = recorded("module_swarm_tracking_details", "orderby_uploaded");
    let answer = move |line: &str| match line {
        "GET /api/metadata/manifest" => manifest.clone(),
        "GET /api/downloaders" => clients.clone(),
        line if line.ends_with("/status") => status.clone(),
        _ => records.clone(),
    };
    serve(answer).0
}

#[test]
fn the_top_of_a_day_comes_from_the_records() {
    let more = |_: &tidegate::sim::Sim| format!("[pbh.lab]\nurl = {:?}\ntoken = \"lab-token\"\n", lab());
    run(
        |_| (),
        more,
        |rig| async move {
            let pbh = rig.host.fleet.pbh(Some("lab")).unwrap();
            let day = Some(Duration::from_seconds(86_400));
            let top = async |by, selection: Selection| {
                top_peers(&rig.host.fleet, &pbh, 10, by, day, &selection, &rig.talk()).await
            };
            let all = top(By::Ip, Selection::default()).await.unwrap();
            assert_eq!((all[0].ip.as_str(), all[0].source), ("198.51.100.12", "swarm"));
            assert!(all[0].uploaded > 9_116_672, "several connections of one address: {all:?}");
            assert_eq!(all[0].since, Some(rig.clock.now() - Duration::from_seconds(86_400)));
            let leech = Selection { downloader: Some("QB leech".into()), ..Selection::default() };
            assert_ne!(top(By::Ip, leech).await.unwrap(), all);
            assert_eq!(top(By::Country, Selection::default()).await.unwrap_err().kind, Kind::Unsupported);
        },
    );
}

#[test]
fn records_that_count_wrong_are_not_used() {
    run(
        |scenario| scenario.pbh.version = "9.0.10".into(),
        |_| String::new(),
        |rig| async move {
            let (fleet, pbh) = (&rig.host.fleet, rig.pbh());
            let day = Some(Duration::from_seconds(86_400));
            let error = top_peers(fleet, &pbh, 5, By::Ip, day, &Selection::default(), &rig.talk()).await.unwrap_err();
            assert_eq!(error.kind, Kind::Unsupported);
            assert!(error.message.contains("9.0.10"), "{}", error.message);
        },
    );
}

#[test]
fn scripts_that_ask_within_a_wave_share_one_sweep() {
    demo(|rig| async move {
        let (fleet, pbh) = (&rig.host.fleet, rig.pbh());
        rig.wait(600).await;
        let (talk, everywhere) = (rig.talk(), Selection::default());
        let here = Selection { vps: Some("tokyo".into()), ..Selection::default() };
        let sweeps = futures::future::join(
            live_peers(fleet, &pbh, &everywhere, &talk),
            top_peers(fleet, &pbh, 5, By::Client, None, &here, &talk),
        );
        let (peers, top) = sweeps.await;
        assert!(!peers.unwrap().is_empty() && !top.unwrap().is_empty());
        let asked = |rig: &super::rig::Rig| {
            rig.called().iter().filter(|endpoint| *endpoint == "downloader_torrent_peers").count()
        };
        assert_eq!(asked(&rig), 5, "one request for each torrent that moves, whoever asks");
        rig.wait(6).await;
        live_peers(fleet, &pbh, &everywhere, &talk).await.unwrap();
        assert_eq!(asked(&rig), 5, "PBH has looked again since");
    });
}

#[test]
fn a_failed_request_fails_the_sweep() {
    demo(|rig| async move {
        rig.world().fault(Fault::new(Trouble::Html).on("pbh").route("downloader_torrent_peers"));
        let peers = live_peers(&rig.host.fleet, &rig.pbh(), &Selection::default(), &rig.talk()).await;
        assert_eq!(peers.unwrap_err().endpoint.as_deref(), Some("downloader_torrent_peers"));
        let nobody = Selection { downloader: Some("nobody".into()), ..Selection::default() };
        let error = live_peers(&rig.host.fleet, &rig.pbh(), &nobody, &rig.talk()).await.unwrap_err();
        assert!(error.hint.as_ref().unwrap().contains("`tokyo-qb`"));
    });
}
