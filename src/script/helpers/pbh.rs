//! Helpers of a PBH.

use rhai::{Array, Dynamic, Map};
use serde_json::{Value, json};

use crate::address::Ip;
use crate::api::Type;
use crate::bans::{self, BanOptions};
use crate::error::{Error, Kind, Result};
use crate::patch;
use crate::peers::{self, By, Selection};
use crate::permission::Effect;
use crate::problems;
use crate::recorder;
use crate::text::count;
use crate::time::{Duration, Time};
use crate::units::{format_duration, parse_duration};

use super::downloader::READ;
use super::{Helper, Invocation, On, answer};
use crate::script::{options, value};

/// Helpers of a PBH.
pub(super) static PBH: &[Helper] = &[
    Helper {
        on: On::Pbh,
        id: "downloader_patch",
        doc: "Changes some keys of a downloader's configuration, where `downloader_update` replaces it, and names them.",
        effect: Effect::Write,
        required: &[("downloaderId", "text"), ("changes", "map")],
        options: &[],
        returns: Type::List(&Type::Text),
        calls: &["downloader_status", "downloader_update"],
        words: |call| {
            let changes = changes(call).unwrap_or_default();
            patch::hide(&changes, &call.host.masker);
            let keys = crate::text::list(changes.keys().map(String::as_str), "and");
            format!("change {keys} of {} on {}", value::display(&call.args[0], chrono_tz::Tz::UTC), call.name)
        },
        body: |call| {
            let changes = changes(&call)?;
            let id = options::to_text("downloaderId", &call.args[0])?;
            answer(async move {
                patch::hide(&changes, &call.host.masker);
                let pbh = call.host.fleet.pbh(Some(&call.name))?;
                patch::downloader(&pbh, &id, &changes, &call.talk).await
            })
        },
    },
    Helper {
        on: On::Pbh,
        id: "live_peers",
        doc: "The peers that are connected now, of public torrents unless asked otherwise. One request for each client and \
              one for each such torrent that moves data, which scripts that ask within five seconds share.",
        effect: Effect::Read,
        required: &[],
        options: &[
            ("downloader", "text"),
            ("vps", "text"),
            ("public_only", "bool"),
            ("min_uploaded", "size"),
            ("client", "text"),
        ],
        returns: Type::List(&Type::Shape(&peers::LivePeer)),
        calls: &["downloaders_list", "downloader_torrents", "downloader_torrent_peers"],
        words: |_| String::new(),
        body: |call| {
            let selection = selection(&call.options)?;
            answer(async move {
                let pbh = call.host.fleet.pbh(Some(&call.name))?;
                peers::live_peers(&call.host.fleet, &pbh, &selection, &call.talk).await
            })
        },
    },
    Helper {
        on: On::Pbh,
        id: "top_peers",
        doc: "The peers that were sent most, of public torrents unless asked otherwise. Makes the requests of `live_peers`; \
              with `last`, one for each thousand peers that PBH has seen in its life, which it counts wrong from 8.0.12 to 9.1.4.",
        effect: Effect::Read,
        required: &[("n", "int")],
        options: &[
            ("vps", "text"),
            ("downloader", "text"),
            ("by", "text"),
            ("last", "duration"),
            ("public_only", "bool"),
        ],
        returns: Type::List(&Type::Shape(&peers::TopPeer)),
        calls: &[
            "downloaders_list",
            "downloader_torrents",
            "downloader_torrent_peers",
            "module_swarm_tracking_details",
        ],
        words: |_| String::new(),
        body: |call| {
            let n = call.args[0].as_int().ok().and_then(|n| usize::try_from(n).ok()).ok_or_else(|| {
                Error::new(Kind::Argument, format!("`n` is a number of peers, not {}", value::type_name(&call.args[0])))
                    .hint("write `top_peers(10)`")
            })?;
            let by = options::text(&call.options, "by")?.map_or(Ok(By::default()), |word| By::parse(&word))?;
            let last = options::duration(&call.options, "last")?;
            let selection = selection(&call.options)?;
            answer(async move {
                let pbh = call.host.fleet.pbh(Some(&call.name))?;
                peers::top_peers(&call.host.fleet, &pbh, n, by, last, &selection, &call.talk).await
            })
        },
    },
    Helper {
        on: On::Pbh,
        id: "ban",
        doc: "Bans addresses or peers for a time, and looks whether the clients have them.",
        effect: Effect::Write,
        required: &[("ips_or_peers", "list")],
        options: &[("duration", "duration"), ("reason", "text"), ("prefix4", "int"), ("prefix6", "int")],
        returns: Type::Shape(&bans::Banned),
        calls: &["bans_list", "bans_add", "bans_delete", "ipblacklist_ip_add", "downloaders_list", "downloader_status"],
        words: |call| {
            let ips = addresses(&call.args[0]).unwrap_or_default();
            let duration = options::duration(&call.options, "duration").ok().flatten();
            let long = duration.map(|duration| format!(" for {}", format_duration(duration))).unwrap_or_default();
            format!("ban {} on {}{long}: {}", count(ips.len(), "peer"), call.name, ips.join(", "))
        },
        body: |call| {
            let ips = addresses(&call.args[0])?;
            let bits = |key: &str| {
                options::integer(&call.options, key)?
                    .map(|bits| {
                        u8::try_from(bits)
                            .map_err(|_| Error::new(Kind::Argument, format!("`{key}: {bits}` is no number of bits")))
                    })
                    .transpose()
            };
            let how = BanOptions {
                duration: options::duration(&call.options, "duration")?,
                reason: Some(options::text(&call.options, "reason")?.unwrap_or_else(|| call.script.clone())),
                prefix4: bits("prefix4")?,
                prefix6: bits("prefix6")?,
            };
            answer(async move {
                let pbh = call.host.fleet.pbh(Some(&call.name))?;
                call.host.bans.ban(&pbh, &ips, &how, &call.talk).await
            })
        },
    },
    Helper {
        on: On::Pbh,
        id: "unban",
        doc: "Lifts the bans of addresses or peers, on the clients too.",
        effect: Effect::Write,
        required: &[("ips_or_peers", "list")],
        options: &[],
        returns: Type::Shape(&bans::Unbanned),
        calls: &["bans_list", "bans_delete", "bans_add", "ipblacklist_ip_delete"],
        words: |call| {
            let ips = addresses(&call.args[0]).unwrap_or_default();
            format!("lift {} on {}: {}", count(ips.len(), "ban"), call.name, ips.join(", "))
        },
        body: |call| {
            let ips = addresses(&call.args[0])?;
            answer(async move {
                let pbh = call.host.fleet.pbh(Some(&call.name))?;
                call.host.bans.unban(&pbh, &ips, &call.talk).await
            })
        },
    },
    Helper {
        on: On::Pbh,
        id: "my_bans",
        doc: "The bans that tidegate made here and will lift.",
        effect: Effect::Read,
        required: &[],
        options: &[],
        returns: Type::List(&Type::Shape(&bans::MyBan)),
        calls: &[],
        words: |_| String::new(),
        body: |call| {
            answer(async move {
                let bans = call.host.bans.my_bans(Some(&call.name)).await?;
                // What tidegate keeps beside them is its own affair.
                let shown = |ban: &bans::MyBan| json!({"ip": ban.ip, "pbh": ban.pbh, "reason": ban.reason, "since": ban.since, "expires": ban.expires});
                Ok(bans.iter().map(shown).collect::<Vec<_>>())
            })
        },
    },
    Helper {
        on: On::Pbh,
        id: "recent_bans",
        doc: "The bans that PBH made since a time, or in a span such as `\"24h\"`, newest first. One request for each thousand.",
        required: &[("since", "time")],
        returns: Type::List(&Type::Shape(&bans::RecentBan)),
        calls: &["bans_logs"],
        body: |call| {
            let since = since(&call)?;
            answer(async move {
                let pbh = call.host.fleet.pbh(Some(&call.name))?;
                bans::recent_bans(&pbh, since, &call.talk).await
            })
        },
        ..READ
    },
    Helper {
        on: On::Pbh,
        id: "ban_summary",
        doc: "What the bans of a span add up to, of a day where nothing else is said. One request for each thousand bans.",
        options: &[("last", "duration")],
        returns: Type::Shape(&bans::BanSummary),
        calls: &["bans_logs"],
        body: |call| {
            let last = super::vps::last(&call)?;
            answer(async move {
                let pbh = call.host.fleet.pbh(Some(&call.name))?;
                let now = call.talk.now();
                let bans = bans::recent_bans(&pbh, now - last, &call.talk).await?;
                Ok(bans::summarise(&bans, now - last, now))
            })
        },
        ..READ
    },
    Helper {
        on: On::Pbh,
        id: "problems",
        doc: "What is wrong with this PBH: paused waves, downloaders it cannot work with, stale lists, unread warnings. Five \
              requests, and one for each downloader.",
        returns: Type::List(&Type::Shape(&problems::PbhProblem)),
        calls: &[
            "general_global_get",
            "downloaders_list",
            "downloader_status",
            "alerts_list",
            "sub_rules_list",
            "sub_interval_get",
        ],
        body: |call| {
            answer(async move {
                let pbh = call.host.fleet.pbh(Some(&call.name))?;
                problems::problems(&pbh, &call.talk).await
            })
        },
        ..READ
    },
    Helper {
        on: On::Pbh,
        id: "pause_supervision_all",
        doc: "Pauses every ban wave of this PBH, until it restarts at the latest; traffic goes on.",
        effect: Effect::Write,
        required: &[],
        options: &[],
        returns: Type::Null,
        calls: &["general_global_set"],
        words: |call| format!("pause all ban waves of {}; traffic goes on", call.name),
        body: |call| supervise_all(call, false),
    },
    Helper {
        on: On::Pbh,
        id: "resume_supervision_all",
        doc: "Has this PBH ban again.",
        effect: Effect::Write,
        required: &[],
        options: &[],
        returns: Type::Null,
        calls: &["general_global_set"],
        words: |call| format!("have {} ban again", call.name),
        body: |call| supervise_all(call, true),
    },
];

/// A time, or how long ago.
fn since(call: &Invocation) -> Result<Time> {
    let arg = &call.args[0];
    let span = match (arg.read_lock::<Duration>(), arg.read_lock::<rhai::ImmutableString>()) {
        (Some(span), _) => Some(*span),
        (None, Some(text)) => parse_duration(&text).ok(),
        (None, None) => None,
    };
    match span {
        Some(span) => Ok(call.talk.now() - span),
        None => options::to_time("since", arg, call.host.config.timezone)
            .map_err(|error| error.hint("write `now() - 2.hours`, `\"2h\"` or `\"2026-07-03 08:00\"`")),
    }
}

fn supervise_all(call: Invocation, on: bool) -> Result<super::Answer> {
    answer(async move {
        let pbh = call.host.fleet.pbh(Some(&call.name))?;
        let how = serde_json::Map::from_iter([("globalPaused".to_owned(), json!(!on))]);
        recorder::call(&pbh, "general_global_set", Vec::new(), how, &call.talk).await.map(drop)
    })
}

/// The changes of `downloader_patch`, secrets as they are.
fn changes(call: &Invocation) -> Result<serde_json::Map<String, Value>> {
    match value::to_argument(&call.args[1], call.host.config.timezone) {
        Value::Object(map) if !map.is_empty() => Ok(map),
        _ => Err(Error::new(Kind::Argument, "`changes` is a map of the keys to change")
            .hint("write `downloader_patch(id, #{paused: true})`")),
    }
}

fn selection(map: &Map) -> Result<Selection> {
    let fallback = Selection::default();
    Ok(Selection {
        downloader: options::text(map, "downloader")?,
        vps: options::text(map, "vps")?,
        public_only: options::boolean(map, "public_only")?.unwrap_or(fallback.public_only),
        min_uploaded: options::size(map, "min_uploaded")?.unwrap_or(fallback.min_uploaded),
        client: options::text(map, "client")?,
    })
}

/// The addresses of a list of addresses or peers, or of one of them.
fn addresses(what: &Dynamic) -> Result<Vec<String>> {
    let one = |item: &Dynamic| {
        let field = item.read_lock::<Map>().and_then(|map| map.get("ip").cloned());
        let item = field.as_ref().unwrap_or(item);
        if item.is::<Ip>() || item.is_string() { Some(value::display(item, chrono_tz::Tz::UTC)) } else { None }
    };
    let found = match what.read_lock::<Array>() {
        Some(items) => items.iter().map(one).collect::<Option<Vec<_>>>(),
        None => one(what).map(|address| vec![address]),
    };
    found.ok_or_else(|| {
        Error::new(Kind::Argument, "expected addresses, or peers with a field `ip`")
            .hint("write `pbh().ban([\"203.0.113.7\"])` or `pbh().ban(pbh().top_peers(5))`")
    })
}
