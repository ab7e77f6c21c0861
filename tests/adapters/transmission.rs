//! A real transmission-daemon.

use std::collections::BTreeMap;

use serde_json::json;
use tidegate::downloader::{Raw, ShareLimits};
use tidegate::error::Kind;
use tidegate::time::Duration;

use super::contract::{self, Client, Rig, prepare};
use crate::clients::metainfo::Torrent;
use crate::clients::process::installed;
use crate::clients::transmission::{PROGRAM, Transmission};

impl Client for Transmission {
    fn config(&self, name: &str) -> String {
        Self::config(self, name)
    }

    fn wrong_config(&self, name: &str) -> String {
        Self::config(self, name).replace("password = \"", "password = \"wrong-one-")
    }

    fn add(&self, torrent: &Torrent, has: bool) {
        Self::add(self, torrent, has);
    }

    fn standing(&self) -> BTreeMap<String, bool> {
        let found = self.call("torrent-get", &json!({"fields": ["hashString", "status"]}));
        let rows = found["torrents"].as_array().unwrap().clone();
        rows.iter().map(|row| (row["hashString"].as_str().unwrap().to_owned(), row["status"] == 0)).collect()
    }

    fn end(&mut self) {
        Self::end(self);
    }

    fn begin(&mut self) {
        Self::begin(self);
    }
}

fn start() -> Option<(Transmission, Rig)> {
    installed(PROGRAM).then(|| {
        let client = Transmission::start();
        let rig = Rig::new(&client.config("box"));
        (client, rig)
    })
}

#[test]
fn transmission_is_listed_in_one_vocabulary() {
    let Some((client, rig)) = start() else { return };
    contract::lists_in_one_vocabulary(&client, &rig);
    rig.with("box", async |_, member, talk| {
        let totals = member.client.totals(talk).await.unwrap();
        assert_eq!((totals.uploaded, totals.session.as_str()), (Some(0), "1"));
        let free = member.client.free_space(None, talk).await.unwrap();
        assert!(free > 0);
        let error = member.client.free_space(Some("/no/such/folder"), talk).await.unwrap_err();
        assert_eq!(error.kind, Kind::Api);
        assert_eq!(member.client.disks(talk).await.unwrap().len(), 1);
    });
}

#[test]
fn transmission_stops_and_gives_back_exactly() {
    let Some((client, rig)) = start() else { return };
    contract::stops_and_gives_back_exactly(&client, &rig);
}

#[test]
fn transmission_limits_and_gives_back() {
    let Some((client, rig)) = start() else { return };
    contract::limits_and_gives_back(&rig);
    contract::limits_single_torrents(&client, &rig);
    rig.with("box", async |_, member, talk| {
        let slow = json!({"alt-speed-enabled": true, "alt-speed-up": 7, "alt-speed-down": 9});
        member.client.set_preferences(slow.as_object().unwrap(), talk).await.unwrap();
        // Those are the ones in force, and the ones to change.
        let limits = member.client.limits(talk).await.unwrap();
        assert_eq!((limits.up, limits.down), (Some(7000), Some(9000)));
        member.client.set_limits(tidegate::downloader::Limits { up: Some(5000), ..limits }, talk).await.unwrap();
        assert_eq!(member.client.preferences(talk).await.unwrap()["alt-speed-up"], 5);
    });
}

#[test]
fn transmission_acts_on_single_torrents() {
    let Some((client, rig)) = start() else { return };
    contract::acts_on_single_torrents(&client, &rig);
    let there = &contract::three()[0];
    rig.with("box", async |_, member, talk| {
        let (one, tag) = ([there.hash.clone()], |tag: &str| vec![tag.to_owned()]);
        member.client.add_tags(&one, &["tv".into(), "keep".into()], talk).await.unwrap();
        member.client.remove_tags(&one, &tag("tv"), talk).await.unwrap();
        assert_eq!(member.client.torrent(&there.hash, talk).await.unwrap().unwrap().tags, tag("keep"));
        member.client.recheck(&one, talk).await.unwrap();
        member.client.reannounce(&one, talk).await.unwrap();
        let ratio = ShareLimits { ratio: Some(1.5), seeding_time: None };
        member.client.limit_shares(&one, ratio, talk).await.unwrap();
        let time = ShareLimits { ratio: None, seeding_time: Some(Duration::from_seconds(60)) };
        for error in [
            member.client.limit_shares(&one, time, talk).await.unwrap_err(),
            member.client.set_category(&one, "tv", talk).await.unwrap_err(),
            member.client.ban(&["203.0.113.7".parse().unwrap()], talk).await.unwrap_err(),
        ] {
            assert_eq!(error.kind, Kind::Unsupported);
            assert!(error.hint.is_some());
        }
        let ask = |method: &str, path: &str| Raw {
            method: method.into(),
            path: path.into(),
            json: Some(json!({"fields": ["seedRatioLimit", "seedRatioMode"], "ids": one})),
            ..Raw::default()
        };
        let own = member.client.request(ask("GET", "torrent-get"), talk).await.unwrap();
        assert_eq!(own.value["torrents"][0], json!({"seedRatioLimit": 1.5, "seedRatioMode": 1}));
        let error = member.client.request(ask("GET", "torrent-remove"), talk).await.unwrap_err();
        assert_eq!(error.kind, Kind::Argument);
        let error = member.client.request(ask("POST", "torrent-nonsense"), talk).await.unwrap_err();
        assert_eq!(error.kind, Kind::Unsupported);
    });
}

#[test]
fn transmission_is_asked_once_with_a_wrong_password() {
    let Some((client, _rig)) = start() else { return };
    contract::tries_a_wrong_login_once(&client);
}

#[test]
fn transmission_comes_back_after_a_restart() {
    let Some((mut client, rig)) = start() else { return };
    contract::comes_back_after_a_restart(&mut client, &rig);
    rig.calls();
    // A new session id is taken from the refusal, once.
    client.end();
    client.begin();
    let torrents = prepare(&client, &rig);
    assert_eq!(torrents.len(), 3);
    let refusals = rig.calls().iter().filter(|call| call.status == Some(409)).count();
    assert!((1..=2).contains(&refusals), "{refusals}");
}
