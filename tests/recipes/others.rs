//! The other automations that people ask for: they run as they are meant to, as far as the simulated world goes.

use tidegate::sim::{Fault, Trouble};

use super::rig::Step::{Asked, Did, Fate, Got, Holds, Is, Pass, Quiet, Told, Written};
use super::rig::{SCENE, Scene, gib};

pub const OTHERS: &[Scene] = &[
    Scene {
        script: "move-busy",
        shows: "the busiest torrent goes on where most is left",
        world: |world| {
            let mut oslo = world.vps[0].clone();
            (oslo.name, oslo.veid, oslo.used, oslo.downloaders) = ("oslo".into(), 2, 0, vec!["oslo-qb".into()]);
            world.vps.push(oslo);
            let mut client = world.downloader[1].clone();
            client.id = "oslo-qb".into();
            client.torrent.clear();
            world.downloader.push(client);
        },
        settings: &[("AT", "\"30 * * * *\"")],
        steps: &[
            Pass(25),
            Quiet,
            Pass(6),
            Did(&["POST /api/v2/torrents/add", "POST /api/v2/torrents/stop"]),
            Told(&["goes on from oslo (0.0 %) instead of tokyo"]),
            Is("downloader(\"oslo-qb\").torrents(#{tag: \"moved\"}).len()", "1"),
        ],
        ..SCENE
    },
    Scene {
        script: "move-busy",
        shows: "with one VPS there is nowhere to go",
        settings: &[("AT", "\"30 * * * *\"")],
        steps: &[Pass(61), Quiet],
        ..SCENE
    },
    Scene {
        script: "may-i-grab",
        shows: "no, where the month is too far gone",
        steps: &[Asked("POST /may-grab", "{\"size\": 7}", 423), Quiet],
        ..SCENE
    },
    Scene {
        script: "may-i-grab",
        shows: "yes while there is room, no to what does not fit",
        world: |world| world.vps[0].used = gib(100),
        steps: &[
            Asked("POST /may-grab", "{\"size\": 7}", 200),
            Asked("GET /may-grab", "", 200),
            Asked("POST /may-grab", "{\"size\": 2190000000000}", 423),
        ],
        ..SCENE
    },
    Scene {
        script: "pause-from-phone",
        shows: "everything stops for two hours, or until it is taken back",
        steps: &[
            Pass(10),
            Quiet,
            Asked("POST /pause", "", 200),
            Holds(|world| world.traffic == 0),
            Pass(118),
            Holds(|world| world.traffic == 0),
            Pass(4),
            Holds(|world| world.traffic > 0),
            Asked("POST /pause?for=30m", "", 200),
            Holds(|world| world.traffic == 0),
            Asked("POST /resume", "", 200),
            Holds(|world| world.traffic > 0),
        ],
        ..SCENE
    },
    Scene {
        script: "playback",
        shows: "slow while somebody watches",
        steps: &[
            Asked("POST /playback", "{\"NotificationType\": \"ItemAdded\"}", 204),
            Quiet,
            Asked("POST /playback", "{\"NotificationType\": \"PlaybackStart\"}", 204),
            Is("downloader(\"tokyo-qb\").speed_limit().up == 1.MiB", "true"),
            Asked("POST /playback", "{\"event\": \"media.stop\"}", 204),
            Is("downloader(\"tokyo-qb\").speed_limit().up == ()", "true"),
        ],
        ..SCENE
    },
    Scene {
        script: "weekly-bans",
        shows: "what was banned, by client and network",
        world: |world| world.downloader[0].torrent[0].leechers = vec!["xunlei-old".into(); 9],
        settings: &[("AT", "\"30 8 * * *\"")],
        steps: &[Pass(25), Quiet, Pass(6), Told(&["home: bans of a week"])],
        ..SCENE
    },
    Scene {
        script: "weekly-bans",
        shows: "nothing was banned",
        world: |world| world.pbh.past_bans = 0,
        settings: &[("AT", "\"30 8 * * *\"")],
        steps: &[Pass(61), Quiet],
        ..SCENE
    },
    Scene {
        script: "null-route",
        shows: "what is cut off stops, and goes on afterwards",
        steps: &[
            Pass(31),
            Quiet,
            Fate(|sim| sim.world().null_route("tokyo", true)),
            Pass(11),
            Did(&["POST /api/v2/torrents/stop"]),
            Told(&["tokyo is null-routed: {\"45.78.20.11\""]),
            Pass(30),
            Quiet,
            Fate(|sim| sim.world().null_route("tokyo", false)),
            Pass(11),
            Did(&["POST /api/v2/torrents/start"]),
            Told(&["tokyo is reachable again"]),
        ],
        ..SCENE
    },
    Scene {
        script: "throttled",
        shows: "slow while the host throttles",
        steps: &[
            Pass(31),
            Quiet,
            Fate(|sim| sim.world().throttle("tokyo", true)),
            Pass(11),
            Told(&["tokyo is throttled by its host"]),
            Is("downloader(\"tokyo-qb\").speed_limit().up == 1.MiB", "true"),
            Fate(|sim| sim.world().throttle("tokyo", false)),
            Pass(11),
            Is("downloader(\"tokyo-qb\").speed_limit().up == ()", "true"),
        ],
        ..SCENE
    },
    Scene {
        script: "upgrades",
        shows: "a snapshot, the upgrade, a restart",
        settings: &[("AT", "\"30 8 * * *\""), ("COMMAND", "\"true\"")],
        config: "[script.upgrades]\nallow = [\"kiwivm:basic_shell_exec\", \"kiwivm:restart\"]\n",
        steps: &[
            Pass(25),
            Quiet,
            Pass(20),
            Did(&["snapshot_create", "basic_shell_exec", "restart"]),
            Told(&["all VPSes are upgraded"]),
        ],
        ..SCENE
    },
    Scene {
        script: "upgrades",
        shows: "what goes wrong ends it",
        settings: &[("AT", "\"30 8 * * *\""), ("COMMAND", "\"false\"")],
        config: "[script.upgrades]\nallow = [\"kiwivm:basic_shell_exec\", \"kiwivm:restart\"]\n",
        may_fail: true,
        steps: &[Pass(45), Did(&["snapshot_create", "basic_shell_exec"]), Told(&["upgrades stopped: tokyo"])],
        ..SCENE
    },
    Scene {
        script: "panel-login",
        shows: "a stranger's login is told of once",
        settings: &[("FIRST", "2.days")],
        steps: &[Pass(16), Told(&["tokyo: Login to the panel: From 203.0.113."]), Pass(60), Quiet],
        ..SCENE
    },
    Scene {
        script: "panel-login",
        shows: "one's own is not",
        settings: &[("FIRST", "2.days"), ("KNOWN", "[\"203.0.113.0/24\"]")],
        steps: &[Pass(61), Quiet],
        ..SCENE
    },
    Scene {
        script: "month-report",
        shows: "one message at the reset",
        steps: &[
            Pass(21),
            Quiet,
            Fate(|sim| sim.world().end_month("tokyo")),
            Pass(11),
            Told(&["tokyo: the period until 2026-07-15: 8"]),
            Pass(30),
            Quiet,
        ],
        ..SCENE
    },
    Scene {
        script: "stale-rules",
        world: |world| world.vps[0].used = 0,
        shows: "what cannot be fetched is told of, once in three days",
        steps: &[
            Pass(361),
            Told(&["home: stale rules: all-in-one"]),
            Pass(721),
            Did(&["sub_rules_refresh_all"]),
            Told(&[]),
        ],
        ..SCENE
    },
    Scene {
        script: "allow-by-name",
        shows: "a friend's address is never banned",
        config: "[script.allow-by-name]\nallow = [\"pbh:general_config_put\"]\n",
        settings: &[("FRIENDS", "[\"198.51.100.7\"]")],
        steps: &[
            Pass(11),
            Did(&["general_config_put"]),
            Is(
                "pbh().general_config_get(\"profile\").ignore_peers_from_addresses.some(|net| `${net}` == \"198.51.100.7\")",
                "true",
            ),
            Pass(31),
            Quiet,
        ],
        ..SCENE
    },
    Scene { script: "api-points", shows: "there are enough", steps: &[Pass(61), Quiet], ..SCENE },
    Scene {
        script: "api-points",
        shows: "few are left, and that is told once",
        settings: &[("DAY_BELOW", "20001")],
        steps: &[Pass(16), Told(&["tokyo: API points are low"]), Pass(60), Quiet],
        ..SCENE
    },
    Scene {
        script: "cheaper-location",
        shows: "a location that counts less is told of once",
        settings: &[("AT", "\"*/20 * * * *\"")],
        steps: &[Pass(21), Told(&["tokyo: Japan: Osaka (DC6) counts a byte as 0.5"]), Pass(60), Quiet],
        ..SCENE
    },
    Scene {
        script: "cheaper-location",
        shows: "where it counts least already",
        world: |world| (world.vps[0].location, world.vps[0].multiplier) = ("JPOS_6".into(), 0.5),
        settings: &[("AT", "\"*/20 * * * *\"")],
        steps: &[Pass(61), Quiet],
        ..SCENE
    },
    Scene {
        script: "stalled",
        shows: "what stands still is checked once",
        world: |world| (world.downloader[0].torrent[3].download, world.downloader[0].torrent[3].upload) = (0, 0),
        settings: &[("AFTER", "30.minutes")],
        steps: &[
            Pass(25),
            Quiet,
            Pass(50),
            Did(&["POST /api/v2/torrents/addTags", "POST /api/v2/torrents/recheck"]),
            Pass(60),
            Quiet,
        ],
        ..SCENE
    },
    Scene {
        script: "unregistered",
        shows: "what its tracker does not know stops, once",
        settings: &[("EVERY", "\"20m\"")],
        steps: &[
            Pass(41),
            Quiet,
            Fate(|sim| sim.world().tracker_says("tokyo-qb", "Nightfall", "Unregistered torrent")),
            Pass(21),
            Did(&["POST /api/v2/torrents/addTags", "POST /api/v2/torrents/stop"]),
            Told(&["Nightfall.Archive.S02.2160p: stopped, its tracker says \"Unregistered torrent\""]),
            Pass(60),
            Quiet,
        ],
        ..SCENE
    },
    Scene {
        script: "tunnel-port",
        shows: "the client listens at the tunnel's port",
        settings: &[("URL", "\"{web}/v1/portforward\"")],
        config: "[script.tunnel-port]\nallow = [\"http:*\"]\n",
        steps: &[
            Pass(3),
            Did(&["POST /api/v2/app/setPreferences"]),
            Is("downloader(\"tokyo-qb\").preferences().listen_port", "51413"),
            Pass(10),
            Quiet,
        ],
        ..SCENE
    },
    Scene {
        script: "rotated-secrets",
        shows: "a wrong secret is told of, a right one is not",
        steps: &[
            Pass(1),
            Written("secrets/tokyo", "private_x"),
            Pass(1),
            Quiet,
            Fate(|sim| sim.world().fault(Fault::new(Trouble::Expired).on("kiwivm"))),
            Written("secrets/tokyo", "private_y2"),
            Pass(1),
            Told(&["tokyo refuses"]),
        ],
        ..SCENE
    },
    Scene {
        script: "widget",
        shows: "numbers are there for who wants them",
        steps: &[Pass(2), Did(&["publish"]), Holds(|world| world.traffic > 0)],
        ..SCENE
    },
    Scene {
        script: "dead-man",
        shows: "a sign of life while all is well",
        settings: &[("URL", "\"{web}/ping\"")],
        config: "[script.dead-man]\nallow = [\"http:*\", \"secret:ping\"]\n[secret.ping]\nfile = \"secrets/ping\"\n",
        steps: &[
            Written("secrets/ping", "abc"),
            Pass(6),
            Got(&["POST /ping"]),
            Fate(|sim| sim.world().fault(Fault::new(Trouble::Drop).on("pbh"))),
            Pass(30),
            Got(&[]),
        ],
        ..SCENE
    },
];
