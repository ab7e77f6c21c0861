//! BiglyBT behind PBH's plug-in for it, as it is simulated: what the plug-in offers works, everything else says what to
//! use instead.

use tidegate::downloader::{Limits, State};
use tidegate::error::Kind;
use tidegate::holds::StopOptions;

use super::contract::{self, Client as _, three};
use super::simulated::Simulated;

#[test]
fn biglybt_does_what_its_plug_in_offers_and_says_what_else_to_use() {
    let client = Simulated::new("biglybt");
    let [there, missing, _] = three();
    client.add(&there, true);
    client.add(&missing, false);
    client.rig().with("box", async |host, member, talk| {
        let box_ = &member.client;
        assert_eq!(box_.version(talk).await.unwrap(), "3.8.0.2");
        let torrents = box_.torrents(talk).await.unwrap();
        let found = |hash: &str| torrents.iter().find(|torrent| torrent.hash == hash).unwrap();
        let (there, missing) = (found(&there.hash), found(&missing.hash));
        assert_eq!((there.state, there.progress, there.is_private), (State::Seeding, 1.0, false));
        assert_eq!((missing.state, missing.is_private, missing.done), (State::Stalled, true, false));
        let totals = box_.totals(talk).await.unwrap();
        assert_eq!((totals.uploaded.is_some(), totals.session_downloaded), (true, 0));
        assert_eq!(box_.speed(talk).await.unwrap().up, 0);
        // Not below the unit it counts in, where nothing would mean everything.
        box_.set_limits(Limits { up: Some(10), down: Some(1 << 20) }, talk).await.unwrap();
        assert_eq!(box_.limits(talk).await.unwrap(), Limits { up: Some(1024), down: Some(1 << 20) });
        let addresses = ["203.0.113.8".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
        box_.ban(&addresses, talk).await.unwrap();
        assert_eq!(box_.banned(talk).await.unwrap(), addresses);
        box_.unban(&addresses[..1], talk).await.unwrap();
        assert_eq!(box_.banned(talk).await.unwrap(), addresses[1..]);
        for error in [
            box_.stop(&["ab".into()], talk).await.unwrap_err(),
            box_.start(&["ab".into()], false, talk).await.unwrap_err(),
            host.holds.stop(member, &StopOptions::default(), talk).await.unwrap_err(),
        ] {
            assert_eq!(error.kind, Kind::Unsupported);
            assert!(error.hint.as_ref().unwrap().contains("limit_speed"), "{error:?}");
        }
        // What can never be carried out is not kept.
        assert!(host.holds.holds(None).await.unwrap().is_empty());
    });
    assert_eq!(client.world().snapshot().downloaders[0].banned, ["2001:db8::/32"]);
}

#[test]
fn biglybt_is_asked_once_with_a_wrong_token() {
    contract::tries_a_wrong_login_once(&Simulated::new("biglybt"));
}
