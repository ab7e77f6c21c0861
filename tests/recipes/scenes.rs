//! What the recipes do and when they do nothing, a scene a row.

use tidegate::sim::{CasePlan, Fault, Trouble};

use super::rig::Step::{Did, Do, Fate, Holds, Is, Pass, Quiet, Restart, Shared, Told};
use super::rig::{SCENE, Scene, gib};
use crate::harness::minutes;

// Calls of a torrent client's own API. Both limits are set at a time.
const LIMIT_UP: &str = "POST /api/v2/transfer/setUploadLimit";
const LIMIT_DOWN: &str = "POST /api/v2/transfer/setDownloadLimit";
const STOP: &str = "POST /api/v2/torrents/stop";
const START: &str = "POST /api/v2/torrents/start";
const DELETE: &str = "POST /api/v2/torrents/delete";

pub const SCENES: &[Scene] = &[
    Scene {
        script: "quota-guard",
        shows: "everything stops above the limit, once, and comes back at the reset",
        world: |world| world.vps[0].used = gib(700),
        steps: &[
            Pass(30),
            Quiet,
            Fate(|sim| sim.world().feed("tokyo", 0, gib(210))),
            Pass(6),
            Did(&[LIMIT_UP, LIMIT_DOWN, "bans_add", STOP]),
            Told(&["tokyo: transfers stopped: 9"]),
            Holds(|world| world.traffic == 0 && world.bans.len() >= 5),
            Pass(30),
            Quiet,
            Fate(|sim| sim.world().end_month("tokyo")),
            Pass(6),
            Did(&[LIMIT_UP, LIMIT_DOWN, START]),
            Told(&["tokyo: transfers run again"]),
            Holds(|world| world.traffic > 4 << 20),
        ],
        ..SCENE
    },
    Scene {
        script: "quota-guard",
        shows: "without a reading nothing runs, where that is wanted",
        world: |world| world.vps[0].used = gib(500),
        settings: &[("FAIL_CLOSED", "true")],
        may_fail: true,
        steps: &[
            Pass(10),
            Quiet,
            Fate(|sim| sim.world().fault(Fault::new(Trouble::Drop).on("kiwivm"))),
            Pass(20),
            Quiet,
            Pass(25),
            Did(&[STOP]),
            Holds(|world| world.traffic == 0),
            Fate(|sim| sim.world().heal()),
            Pass(10),
            Did(&[START]),
        ],
        ..SCENE
    },
    Scene {
        script: "pace",
        shows: "only a month that is too fast is slowed down",
        world: |world| {
            world.vps[0].used = gib(500);
            world.downloader.iter_mut().for_each(|client| client.torrent.clear());
        },
        settings: &[("AT_LEAST", "10.KiB")],
        steps: &[
            Pass(60),
            Quiet,
            Fate(|sim| sim.world().feed("tokyo", 0, gib(300))),
            Pass(31),
            Did(&[LIMIT_UP, LIMIT_DOWN]),
            // 0.9 of what is left in twelve days, for two clients: 200 GiB.
            Is("let up = downloader(\"tokyo-qb\").speed_limit().up / 1.KiB; up > 85 && up < 95", "true"),
            Fate(|sim| sim.world().end_month("tokyo")),
            Pass(31),
            Did(&[LIMIT_UP, LIMIT_DOWN]),
            Is("downloader(\"tokyo-qb\").speed_limit().up == ()", "true"),
            Pass(60),
            Quiet,
        ],
        ..SCENE
    },
    Scene {
        script: "daily-report",
        shows: "one message at its time, also of a VPS that does not answer",
        settings: &[("AT", "\"30 * * * *\"")],
        steps: &[
            Pass(25),
            Quiet,
            Pass(10),
            Told(&["tokyo: 89"]),
            Pass(50),
            Quiet,
            Fate(|sim| sim.world().fault(Fault::new(Trouble::Expired).on("kiwivm"))),
            Pass(10),
            Told(&["tokyo: no reading"]),
        ],
        ..SCENE
    },
    Scene {
        script: "thresholds",
        shows: "each step once in a period, of several the highest",
        world: |world| world.vps[0].used = gib(450),
        steps: &[
            Pass(31),
            Quiet,
            Fate(|sim| sim.world().feed("tokyo", 0, gib(360))),
            Pass(16),
            Told(&["tokyo: 80 % of the transfer is used"]),
            Pass(60),
            Quiet,
            Fate(|sim| sim.world().end_month("tokyo")),
            Pass(31),
            Quiet,
            Fate(|sim| sim.world().feed("tokyo", 0, gib(550))),
            Pass(16),
            Told(&["tokyo: 50 %"]),
            Restart,
            Pass(31),
            Quiet,
        ],
        ..SCENE
    },
    Scene {
        script: "leech-ban",
        shows: "leechers are banned on the client too",
        steps: &[Pass(61), Did(&["bans_add"]), Holds(|world| world.downloaders[0].banned.len() >= 5)],
        ..SCENE
    },
    Scene {
        script: "leech-ban",
        shows: "private torrents and honest peers are left alone",
        world: |world| {
            for torrent in world.downloader.iter_mut().flat_map(|client| &mut client.torrent) {
                let leechers = if torrent.private { vec!["xunlei".into(); 3] } else { Vec::new() };
                torrent.leechers = leechers;
            }
        },
        steps: &[Pass(61), Quiet, Holds(|world| world.downloaders[0].peers > 0)],
        ..SCENE
    },
    Scene {
        script: "prefix-ban",
        shows: "a neighbourhood with many bans is banned, once",
        world: |world| {
            world.pbh.past_bans = 0;
            world.downloader.iter_mut().for_each(|client| client.version = "5.3.0".into());
            world.downloader[0].torrent[0].leechers = vec!["xunlei-old".into(); 24];
        },
        steps: &[
            Pass(11),
            Did(&["bans_add"]),
            Is("pbh().my_bans().filter(|ban| ban.ip.ends_with(\"/24\")).len() > 1", "true"),
        ],
        ..SCENE
    },
    Scene {
        script: "prefix-ban",
        shows: "some bans here and there are none of its business",
        world: |world| world.downloader[0].torrent[0].leechers = vec!["xunlei-old".into(); 4],
        settings: &[("ADDRESSES", "5")],
        steps: &[Pass(61), Quiet, Holds(|world| world.bans.len() > 3)],
        ..SCENE
    },
    Scene {
        script: "speed-hours",
        shows: "what holds now, after a restart too, and no more than others allow",
        settings: &[("HOURS", "[#{at: \"0 8 * * *\", up: \"2 MiB/s\"}, #{at: \"0 9 * * *\", up: \"unlimited\"}]")],
        steps: &[
            Pass(1),
            Did(&[LIMIT_UP, LIMIT_DOWN]),
            Is("downloader(\"tokyo-qb\").speed_limit().up == 2.MiB", "true"),
            Pass(20),
            Quiet,
            Restart,
            Pass(1),
            Did(&[LIMIT_UP, LIMIT_DOWN]),
            Is("downloader(\"tokyo-qb\").speed_limit().up == 2.MiB", "true"),
            Do("downloader(\"tokyo-qb\").limit_speed(#{up: \"1 MiB/s\", reason: \"quota\"})"),
            Pass(45),
            Did(&[LIMIT_UP, LIMIT_DOWN]),
            Is("downloader(\"tokyo-qb\").speed_limit().up == 1.MiB", "true"),
            Is("downloader(\"tokyo-seed\").speed_limit().up == ()", "true"),
        ],
        ..SCENE
    },
    Scene {
        script: "abuse-case",
        shows: "the torrent that a complaint names stops, and the complaint is sent",
        world: |world| {
            world.vps[0].cases = vec![CasePlan::Violation];
            world.vps[0].evidence = Some("Title: DEBIAN-13.1.0-amd64-DVD-1.iso, seen at 07:12".into());
        },
        steps: &[
            Pass(16),
            Did(&[STOP]),
            Told(&["Stopped: debian-13.1.0-amd64-DVD-1.iso.\nTitle: DEBIAN"]),
            Is(
                "downloader(\"tokyo-qb\").torrents(#{filter: \"stopped\"}).map(|t| t.name).join(\"\")",
                "debian-13.1.0-amd64-DVD-1.iso",
            ),
            Restart,
            Pass(60),
            Quiet,
        ],
        ..SCENE
    },
    Scene {
        script: "abuse-case",
        shows: "without a case nothing happens, and what names no torrent stops none",
        world: |world| world.vps[0].cases = Vec::new(),
        steps: &[Pass(61), Quiet],
        ..SCENE
    },
    Scene {
        script: "abuse-case",
        shows: "a complaint that names nothing is sent all the same",
        world: |world| world.vps[0].cases = vec![CasePlan::Violation],
        steps: &[Pass(16), Told(&["Stopped: no torrent that it names"]), Holds(|world| world.traffic > 0)],
        ..SCENE
    },
    Scene {
        script: "weekly-snapshot",
        shows: "two of its own remain, and those by hand",
        settings: &[("AT", "\"0 * * * *\"")],
        config: "[script.weekly-snapshot]\nallow = [\"kiwivm/tokyo:snapshot_delete\"]\n",
        steps: &[
            Do("vps().snapshot_create(#{description: \"by hand\"})"),
            Pass(55),
            Quiet,
            Pass(30),
            Did(&["snapshot_create"]),
            Pass(180),
            Did(&["snapshot_create", "snapshot_delete"]),
            Is("vps().snapshot_list().snapshots.filter(|s| s.description.starts_with(\"weekly\")).len()", "2"),
            Is("vps().snapshot_list().snapshots.filter(|s| s.description == \"by hand\").len()", "1"),
        ],
        ..SCENE
    },
    Scene {
        script: "disk-low",
        shows: "downloads stop, the best-seeded public torrents go until there is room, and downloads go on",
        settings: &[("STOP_BELOW", "1900.GiB"), ("ENOUGH", "1950.GiB")],
        config: "[script.disk-low]\nallow = [\"downloader:delete_torrent\"]\n",
        world: |world| {
            let kept = &mut world.downloader[1].torrent[3];
            (kept.stopped, kept.progress, kept.tags) = (false, 0.9, vec!["keep".into()]);
        },
        steps: &[
            Pass(11),
            Did(&[STOP, DELETE]),
            Told(&["tokyo-seed: downloads stopped"]),
            Is("downloader(\"tokyo-seed\").free_space() > 1950.GiB", "true"),
            Is("downloader(\"tokyo-seed\").torrents().filter(|t| t.is_private || \"keep\" in t.tags).len()", "2"),
            Pass(11),
            Is("all_downloaders().holds().len()", "0"),
        ],
        ..SCENE
    },
    Scene {
        script: "disk-low",
        shows: "with room nothing is touched",
        config: "[script.disk-low]\nallow = [\"downloader:delete_torrent\"]\n",
        steps: &[Pass(61), Quiet],
        ..SCENE
    },
    Scene {
        script: "ratio-limit",
        shows: "public torrents become slow, then stop; private ones go on",
        settings: &[("SLOW_FROM", "1"), ("STOP_FROM", "2")],
        steps: &[
            Pass(31),
            Did(&["POST /api/v2/torrents/setUploadLimit", "POST /api/v2/torrents/setDownloadLimit", STOP]),
            Is(
                "all_downloaders().torrents(#{filter: \"public\"}).filter(|t| t.done && t.ratio >= 2 && t.state != \"stopped\").len()",
                "0",
            ),
            Is(
                "all_downloaders().torrents(#{filter: \"private\"}).filter(|t| t.state == \"stopped\" || t.up_limit != ()).len()",
                "0",
            ),
        ],
        ..SCENE
    },
    Scene {
        script: "ratio-limit",
        shows: "below the first ratio nothing happens",
        settings: &[("SLOW_FROM", "8"), ("STOP_FROM", "9")],
        steps: &[Pass(61), Quiet],
        ..SCENE
    },
    Scene {
        script: "upload-cap",
        shows: "above the cap the client is slow, and when that is long enough ago it is not",
        world: |world| {
            world.vps[0].used = 0;
            world.downloader[0].torrent.truncate(1);
        },
        settings: &[("CAP", "4.GiB"), ("SPAN", "\"4h\""), ("UPLOAD", "\"10 KiB/s\"")],
        steps: &[
            Pass(20),
            Quiet,
            Pass(40),
            Did(&[LIMIT_UP, LIMIT_DOWN]),
            Told(&["tokyo-qb: 4."]),
            Is("downloader(\"tokyo-qb\").speed_limit().up == 10.KiB", "true"),
            Pass(120),
            Quiet,
            Pass(120),
            Did(&[LIMIT_UP, LIMIT_DOWN]),
            Is("downloader(\"tokyo-qb\").speed_limit().up == ()", "true"),
        ],
        ..SCENE
    },
    Scene {
        script: "shared-bans",
        shows: "what one PBH bans, the other one bans too, and the router has a list",
        config: "[pbh.away]\nurl = \"{away}\"\ntoken = \"simulated-pbh-token\"\n",
        world: |world| world.downloader[0].torrent[0].leechers = vec!["xunlei-old".into(); 4],
        steps: &[Pass(11), Did(&["bans_add", "publish"]), Shared, Pass(30), Shared],
        ..SCENE
    },
    Scene {
        script: "shared-bans",
        shows: "bans by hand are nobody else's business",
        config: "[pbh.away]\nurl = \"{away}\"\ntoken = \"simulated-pbh-token\"\n",
        world: |world| world.pbh.past_bans = 0,
        steps: &[Do("pbh(\"home\").bans_add([\"203.0.113.9\"])"), Pass(31), Did(&["publish"])],
        ..SCENE
    },
    Scene {
        script: "vps-down",
        shows: "it is started once, and then somebody is called",
        steps: &[
            Pass(30),
            Quiet,
            Do("vps().stop()"),
            Pass(8),
            Quiet,
            Pass(12),
            Did(&["start"]),
            Told(&["tokyo was down: It was started and runs."]),
            Is("vps().status().state", "running"),
            Pass(30),
            Quiet,
            Do("vps().stop()"),
            Pass(30),
            Told(&["tokyo is down again"]),
            Is("vps().status().state", "stopped"),
        ],
        ..SCENE
    },
    Scene {
        script: "vps-down",
        shows: "a VPS that is suspended is not started",
        world: |world| world.vps[0].cases = vec![CasePlan::Suspension],
        steps: &[Pass(61), Quiet],
        ..SCENE
    },
    Scene {
        script: "blocked-address",
        shows: "what is alive and cannot be reached moves, where that was agreed to",
        world: |world| world.vps[0].address = std::net::Ipv4Addr::LOCALHOST,
        settings: &[("PORT", "1"), ("MOVE_TO", "\"JPOS_6\"")],
        config: "[script.blocked-address]\nallow = [\"net:127.0.0.1:1\", \"kiwivm:migrate_start\"]\n",
        steps: &[
            Pass(25),
            Quiet,
            Pass(20),
            Did(&["migrate_start"]),
            Told(&["tokyo cannot be reached from here", "tokyo is in JPOS_6 now"]),
            Is("vps().status().location", "JPOS_6"),
        ],
        ..SCENE
    },
    Scene {
        script: "blocked-address",
        shows: "what answers is not blocked",
        world: |world| world.vps[0].address = std::net::Ipv4Addr::LOCALHOST,
        settings: &[("PORT", "{port}")],
        config: "[script.blocked-address]\nallow = [\"net:127.0.0.1:{port}\", \"kiwivm:migrate_start\"]\n",
        steps: &[Pass(61), Quiet],
        ..SCENE
    },
    Scene {
        script: "blocked-address",
        shows: "what is down is not blocked",
        world: |world| world.vps[0].address = std::net::Ipv4Addr::LOCALHOST,
        settings: &[("PORT", "1"), ("BLOCKED_FOR", "\"50m\"")],
        config: "[script.blocked-address]\nallow = [\"net:127.0.0.1:1\", \"kiwivm:migrate_start\"]\n",
        steps: &[Do("vps().stop()"), Pass(121), Quiet],
        ..SCENE
    },
    Scene {
        script: "free-leech",
        shows: "what will not be done in time stops in time",
        world: |world| world.downloader[0].torrent[3].tags = vec!["free-2026-07-03 09:00".into()],
        steps: &[
            Pass(30),
            Quiet,
            Pass(11),
            Did(&[STOP]),
            Told(&["openstreetmap-planet-260601.osm.pbf: stopped before free-leech ends, 5"]),
            Pass(40),
            Quiet,
        ],
        ..SCENE
    },
    Scene {
        script: "free-leech",
        shows: "what is done soon, and what is free for longer, goes on",
        world: |world| {
            world.downloader[0].torrent[3].progress = 0.9999;
            world.downloader[0].torrent[3].tags = vec!["free-2026-07-03 09:00".into()];
            world.downloader[0].torrent[0].progress = 0.1;
            world.downloader[0].torrent[0].tags = vec!["free-2026-07-04 09:00".into()];
        },
        steps: &[Pass(61), Quiet],
        ..SCENE
    },
    Scene {
        script: "other-traffic",
        shows: "a lot of traffic beside the torrents is told of once",
        world: |world| (world.vps[0].used, world.vps[0].other_traffic) = (0, 2 << 20),
        steps: &[Pass(175), Quiet, Pass(75), Told(&["tokyo: "]), Pass(120), Quiet],
        ..SCENE
    },
    Scene {
        script: "other-traffic",
        shows: "torrents alone are what the VPS is for",
        world: |world| world.vps[0].used = 0,
        steps: &[Pass(300), Quiet],
        ..SCENE
    },
    Scene {
        script: "client-error",
        shows: "a client that stays away is told of, and that it is back",
        steps: &[
            Pass(30),
            Quiet,
            Do("vps().stop()"),
            Pass(8),
            Quiet,
            Pass(8),
            Told(&["tokyo-qb: PBH cannot work with it: Login failed"]),
            Pass(20),
            Quiet,
            Do("vps().start()"),
            Pass(16),
            Told(&["works with all torrent clients again"]),
        ],
        ..SCENE
    },
    Scene {
        script: "client-error",
        shows: "a client that comes back at once is not worth a word",
        steps: &[Do("vps().stop()"), Pass(6), Do("vps().start()"), Pass(30), Quiet],
        ..SCENE
    },
    Scene {
        script: "slow-start",
        shows: "after a restart of PBH clients are slow for a while",
        steps: &[
            Pass(20),
            Quiet,
            Fate(|sim| sim.world().restart_pbh()),
            Pass(2),
            Did(&[LIMIT_UP, LIMIT_DOWN]),
            Is("downloader(\"tokyo-qb\").speed_limit().up == 512.KiB", "true"),
            Pass(15),
            Quiet,
            Is("downloader(\"tokyo-qb\").speed_limit().up == ()", "true"),
        ],
        ..SCENE
    },
    Scene {
        script: "use-or-lose",
        shows: "the reserve runs shortly before the reset, and stops when it gets scarce",
        world: |world| {
            world.vps[0].used = gib(400);
            world.vps[0].resets_in = minutes(49 * 60);
            world.downloader[1].torrent[3].tags = vec!["reserve".into()];
        },
        steps: &[
            Pass(45),
            Quiet,
            Pass(46),
            Did(&[START]),
            Told(&["1 torrents of the reserve run"]),
            Is("downloader(\"tokyo-seed\").torrents(#{filter: \"stopped\"}).len()", "0"),
            Fate(|sim| sim.world().feed("tokyo", 0, gib(450))),
            Pass(31),
            Did(&[STOP]),
            Is("downloader(\"tokyo-seed\").torrents(#{filter: \"stopped\"}).len()", "1"),
        ],
        ..SCENE
    },
    Scene {
        script: "use-or-lose",
        shows: "where little is left the reserve stays where it is",
        world: |world| world.vps[0].resets_in = minutes(30 * 60),
        steps: &[Pass(61), Quiet],
        ..SCENE
    },
];
