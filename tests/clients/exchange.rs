//! A real qBittorrent that gives, a real Transmission that takes, and tidegate between them.

use serde_json::Value;

use super::metainfo::Torrent;
use super::process::{installed, until};
use super::qbittorrent::{self, QBittorrent};
use super::transmission::{self, Transmission};
use crate::harness::Home;

/// Slow enough to last for the whole test.
const RATE: &str = "1048576";

struct Pair {
    seed: QBittorrent,
    leech: Transmission,
    big: Torrent,
    home: Home,
}

impl Pair {
    /// A transfer that is going; `None` where a program is missing.
    fn start() -> Option<Self> {
        if !installed(qbittorrent::PROGRAM) || !installed(transmission::PROGRAM) {
            return None;
        }
        let (seed, leech) = (QBittorrent::start(), Transmission::start());
        seed.post("transfer/setUploadLimit", &[("limit", RATE)]);
        let big = Torrent::new("big", 48 << 20, false);
        seed.add(&big, true, "");
        leech.add(&big, false);
        let home = Home::with(&format!("{}{}", seed.config("seed"), leech.config("leech")));
        let this = Self { seed, leech, big, home };
        this.flows();
        Some(this)
    }

    /// Waits until the taking end receives something.
    fn flows(&self) {
        until("nothing flows", || {
            self.seed.meet(&self.big, self.leech.peers);
            let (down, _) = self.leech.rates();
            if down > 10_000 { Ok(()) } else { Err(format!("{down} B/s, {:?}", self.seed.states())) }
        });
    }

    /// Waits until it receives nothing, as its own counter says.
    fn stands(&self) {
        until("it still flows", || match self.leech.rates() {
            (0, 0) => Ok(()),
            rates => Err(format!("{rates:?}")),
        });
    }

    /// `tidegate eval --live`, with what it gives; its value alone.
    fn live(&self, script: &str) -> Value {
        let answer = self.eval(script);
        assert_eq!(answer["ok"], true, "{script}: {answer:#}");
        answer["value"].clone()
    }

    fn eval(&self, script: &str) -> Value {
        eval(&self.home, script)
    }
}

fn eval(home: &Home, script: &str) -> Value {
    let output = home.run(&["eval", "--live", "--allow", "downloader:destructive", script, "--json"]);
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn what_a_script_stops_stands_at_the_other_end_and_comes_back_exactly() {
    let Some(pair) = Pair::start() else { return };
    let seed = &pair.seed;
    for (name, private) in [("forced", false), ("users", false), ("secret", true), ("super", false)] {
        seed.add(&Torrent::new(name, 1 << 18, private), true, if name == "super" { "keep" } else { "" });
    }
    seed.add(&Torrent::new("waiting", 1 << 18, false), false, "");
    let hash = |name: &str| Torrent::new(name, 1 << 18, name == "secret").hash;
    seed.post("torrents/setForceStart", &[("hashes", &hash("forced")), ("value", "true")]);
    seed.post("torrents/setSuperSeeding", &[("hashes", &hash("super")), ("value", "true")]);
    pair.live(&format!("downloader(\"seed\").stop_torrent({:?})", hash("users")));
    let before = until("not as it should be", || {
        let standing = seed.standing();
        let right = standing["forced"] == (false, true) && standing["users"] == (true, false);
        if right { Ok(standing) } else { Err(format!("{standing:?}")) }
    });

    // Public torrents alone; this version's list does not tell which those are.
    let stopped = pair
        .live("downloader(\"seed\").stop_transfers(#{reason: \"first\", only: \"public\", except_tags: [\"keep\"]})");
    assert_eq!((&stopped["stopped"].as_array().unwrap().len(), &stopped["idle"]), (&3, &1.into()), "{stopped:#}");
    pair.stands();
    let standing = seed.standing();
    assert_eq!((standing["secret"].0, standing["super"].0, standing["big"].0), (false, false, true), "{standing:?}");

    // A second reason takes the rest. The first one's release changes nothing.
    pair.live("downloader(\"seed\").stop_transfers(#{reason: \"second\"})");
    assert!(seed.standing().values().all(|(stands, _)| *stands));
    let released = pair.live("downloader(\"seed\").start_transfers(#{reason: \"first\"})");
    assert_eq!((&released["started"], &released["held_by"]), (&serde_json::json!([]), &serde_json::json!(["second"])));
    assert!(seed.standing().values().all(|(stands, _)| *stands));
    assert_eq!(pair.leech.rates(), (0, 0));

    // The last release: exactly the earlier set, the forced one forced, the user's own stopped.
    pair.live("downloader(\"seed\").start_transfers(#{reason: \"second\"})");
    until("not as it was", || {
        let after = seed.standing();
        if after == before { Ok(()) } else { Err(format!("{after:?} and not {before:?}")) }
    });
    pair.flows();
    assert_eq!(pair.live("downloader(\"seed\").holds()"), serde_json::json!([]));
    let rows = seed.get("torrents/info");
    let kept = rows.as_array().unwrap().iter().find(|row| row["name"] == "super").unwrap();
    assert_eq!(kept["super_seeding"], true);
}

#[test]
fn a_limit_holds_and_gives_back_what_was_set() {
    let Some(pair) = Pair::start() else { return };
    let limit = pair.live("downloader(\"seed\").limit_speed(#{up: \"100 KiB/s\", reason: \"day\"})");
    assert_eq!(limit["up"], 102_400);
    pair.live("downloader(\"seed\").limit_speed(#{up: \"200 KiB/s\", reason: \"night\"})");
    assert_eq!(pair.live("downloader(\"seed\").speed_limit().up"), 102_400);
    until("it flows too fast", || match pair.leech.rates() {
        (down @ 1..150_000, _) => Ok(down),
        rates => Err(format!("{rates:?}")),
    });
    pair.live("downloader(\"seed\").restore_speed(#{reason: \"day\"})");
    assert_eq!(pair.live("downloader(\"seed\").speed_limit().up"), 204_800);
    pair.live("downloader(\"seed\").restore_speed(#{reason: \"night\"})");
    assert_eq!(pair.seed.get("transfer/info")["up_rate_limit"], 1_048_576);
    for dry in [&["eval"][..], &["eval", "--live"]] {
        let mut args = dry.to_vec();
        args.extend(["downloader(\"seed\").limit_speed(#{up: 0})", "--json"]);
        let answer: Value = serde_json::from_slice(&pair.home.run(&args).stdout).unwrap();
        assert_eq!(answer["error"]["kind"], "argument", "{answer:#}");
    }
}

#[test]
fn a_client_that_restarts_or_is_gone_keeps_its_holds() {
    let Some(mut pair) = Pair::start() else { return };
    pair.live("downloader(\"seed\").stop_transfers()");
    pair.stands();
    pair.seed.end();
    let gone = pair.eval("downloader(\"seed\").start_transfers()");
    assert_eq!(gone["error"]["kind"], "transport", "{gone:#}");
    pair.seed.begin();
    until("it does not stand", || {
        let states = pair.seed.states();
        if pair.seed.standing()["big"].0 { Ok(()) } else { Err(format!("{states:?}")) }
    });
    assert_eq!(pair.live("downloader(\"seed\").holds()[0].torrents"), 1);
    pair.live("downloader(\"seed\").start_transfers()");
    pair.flows();
}
