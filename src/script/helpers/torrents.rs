//! Helpers of a downloader that deal with its torrents, one by one.

use rhai::{Array, Blob, Dynamic, Map};

use crate::api::Type;
use crate::downloader::{self, Addition, Limits, ShareLimits, Source, State, Torrent};
use crate::error::{Error, Kind, Result};
use crate::fleet::Member;
use crate::holds;
use crate::permission::Effect;
use crate::text::{count, list, suggestion};
use crate::units::{format_duration, format_speed};

use super::downloader::{READ, WRITE};
use super::{Helper, Invocation, answer};
use crate::script::{options, value};

/// A torrent, its hash, or a list of either.
const T: (&str, &str) = ("t", "torrent");
/// What becomes of a list of torrents.
const DONE: Type = Type::List(&Type::Shape(&holds::StoppedTorrent));

/// Helpers of a downloader that deal with its torrents.
pub(super) static TORRENTS: &[Helper] = &[
    Helper {
        id: "torrents",
        doc: "The torrents of the client, in the same words for every client.",
        options: &[("filter", "text"), ("category", "text"), ("tag", "text")],
        returns: Type::List(&Type::Shape(&downloader::Torrent)),
        body: |call| {
            let filter =
                options::text(&call.options, "filter")?.map_or(Ok(Filter::All), |word| Filter::parse(&word))?;
            let (category, tag) = (options::text(&call.options, "category")?, options::text(&call.options, "tag")?);
            answer(async move {
                let member = call.host.fleet.downloader(&call.name, &call.talk).await?;
                let mut torrents = member.client.torrents(&call.talk).await?;
                torrents.retain(|torrent| {
                    filter.takes(torrent)
                        && category.as_ref().is_none_or(|category| torrent.category == *category)
                        && tag.as_ref().is_none_or(|tag| torrent.tags.contains(tag))
                });
                let mut torrents = member.client.settle(torrents, &call.talk).await?;
                torrents.retain(|torrent| filter.takes_now(torrent));
                Ok(torrents)
            })
        },
        ..READ
    },
    Helper {
        id: "torrent",
        doc: "One torrent by its hash, with what its tracker last said; `()` where there is none.",
        required: &[("hash", "text")],
        returns: Type::Null_(&Type::Shape(&downloader::Torrent)),
        body: |call| {
            let hash = options::to_text("hash", &call.args[0])?;
            answer(async move {
                let member = call.host.fleet.downloader(&call.name, &call.talk).await?;
                member.client.torrent(&hash, &call.talk).await
            })
        },
        ..READ
    },
    Helper {
        id: "stop_torrent",
        doc: "Stops a torrent for good, and returns when the client confirms: no release of a hold starts it.",
        required: &[T],
        returns: DONE,
        words: |call| told("stop", call),
        body: |call| {
            let chosen = chosen(&call)?;
            answer(async move {
                let (member, torrents) = find(&call, &chosen).await?;
                call.host.holds.stop_torrents(&member, &torrents, &call.talk).await
            })
        },
        ..WRITE
    },
    Helper {
        id: "start_torrent",
        doc: "Starts a torrent that no hold keeps stopped, and returns when the client confirms.",
        required: &[T],
        returns: DONE,
        words: |call| told("start", call),
        body: |call| {
            let chosen = chosen(&call)?;
            answer(async move {
                let (member, torrents) = find(&call, &chosen).await?;
                call.host.holds.start_torrents(&member, &torrents, &call.talk).await
            })
        },
        ..WRITE
    },
    Helper {
        id: "limit_torrent",
        doc: "Limits a torrent's speed, or how long it seeds; what is not named stays as it is.",
        required: &[T, ("limits", "map")],
        returns: DONE,
        words: |call| {
            let limits = torrent_limits(&call.args[1]).map(|limits| limits.words()).unwrap_or_default();
            format!("{} to {limits}", told("limit", call))
        },
        body: |call| {
            let chosen = chosen(&call)?;
            let limits = torrent_limits(&call.args[1])?;
            answer(async move {
                let (member, torrents) = find(&call, &chosen).await?;
                for torrent in torrents.iter().filter(|_| limits.up != Change::Keep || limits.down != Change::Keep) {
                    let limits =
                        Limits { up: limits.up.of(torrent.up_limit), down: limits.down.of(torrent.down_limit) };
                    member.client.limit_torrents(std::slice::from_ref(&torrent.hash), limits, &call.talk).await?;
                }
                if limits.shares != ShareLimits::default() {
                    member.client.limit_shares(&hashes(&torrents), limits.shares, &call.talk).await?;
                }
                Ok(briefs(&torrents))
            })
        },
        ..WRITE
    },
    Helper {
        id: "delete_torrent",
        doc: "Takes a torrent away, and with `files` what it has downloaded.",
        effect: Effect::Destructive,
        required: &[T],
        options: &[("files", "bool")],
        returns: DONE,
        words: |call| {
            let files = options::boolean(&call.options, "files").ok().flatten().unwrap_or(false);
            format!("{}{}", told("delete", call), if files { " and the files" } else { "" })
        },
        body: |call| {
            let chosen = chosen(&call)?;
            let files = options::boolean(&call.options, "files")?.unwrap_or(false);
            answer(async move {
                let (member, torrents) = find(&call, &chosen).await?;
                if !torrents.is_empty() {
                    member.client.delete(&hashes(&torrents), files, &call.talk).await?;
                }
                Ok(briefs(&torrents))
            })
        },
        ..WRITE
    },
    Helper {
        id: "add_torrent",
        doc: "Adds a magnet link, an address or the bytes of a torrent file, and waits until it is there.",
        required: &[("source", "text or blob")],
        options: &[("category", "text"), ("tags", "list"), ("save_path", "text"), ("stopped", "bool")],
        returns: Type::Shape(&downloader::Torrent),
        words: |call| {
            let source = source(&call.args[0]).map(|source| match source {
                Source::Link(link) => link,
                Source::File { content, .. } => format!("a torrent file of {}", count(content.len(), "byte")),
            });
            format!("add {} to {}", source.unwrap_or_default(), call.name)
        },
        body: |call| {
            let source = source(&call.args[0])?;
            let how = Addition {
                category: options::text(&call.options, "category")?,
                tags: options::texts(&call.options, "tags")?.unwrap_or_default(),
                save_path: options::text(&call.options, "save_path")?,
                stopped: options::boolean(&call.options, "stopped")?.unwrap_or(false),
            };
            answer(async move {
                let member = call.host.fleet.downloader(&call.name, &call.talk).await?;
                call.host.holds.add_torrent(&member, &source, &how, &call.talk).await
            })
        },
        ..WRITE
    },
    Helper {
        id: "add_tags",
        doc: "Tags a torrent; the client makes tags that it does not know.",
        required: &[T, ("tags", "list")],
        returns: DONE,
        words: |call| told("tag", call),
        body: |call| tag(call, true),
        ..WRITE
    },
    Helper {
        id: "remove_tags",
        doc: "Takes tags off a torrent.",
        required: &[T, ("tags", "list")],
        returns: DONE,
        words: |call| told("take tags off", call),
        body: |call| tag(call, false),
        ..WRITE
    },
    Helper {
        id: "set_category",
        doc: "Sorts a torrent into a category, which is made where there is none; `\"\"` takes it out.",
        required: &[T, ("category", "text")],
        returns: DONE,
        words: |call| told("set the category of", call),
        body: |call| {
            let chosen = chosen(&call)?;
            let category = options::to_text("category", &call.args[1])?;
            answer(async move {
                let (member, torrents) = find(&call, &chosen).await?;
                if !torrents.is_empty() {
                    member.client.set_category(&hashes(&torrents), &category, &call.talk).await?;
                }
                Ok(briefs(&torrents))
            })
        },
        ..WRITE
    },
    Helper {
        id: "recheck",
        doc: "Has the client check the files of a torrent.",
        required: &[T],
        returns: DONE,
        words: |call| told("check the files of", call),
        body: |call| {
            let chosen = chosen(&call)?;
            answer(async move {
                let (member, torrents) = find(&call, &chosen).await?;
                if !torrents.is_empty() {
                    member.client.recheck(&hashes(&torrents), &call.talk).await?;
                }
                Ok(briefs(&torrents))
            })
        },
        ..WRITE
    },
    Helper {
        id: "reannounce",
        doc: "Announces a torrent to its trackers now.",
        required: &[T],
        returns: DONE,
        words: |call| told("announce", call),
        body: |call| {
            let chosen = chosen(&call)?;
            answer(async move {
                let (member, torrents) = find(&call, &chosen).await?;
                if !torrents.is_empty() {
                    member.client.reannounce(&hashes(&torrents), &call.talk).await?;
                }
                Ok(briefs(&torrents))
            })
        },
        ..WRITE
    },
];

/// Which torrents `torrents` gives.
#[derive(Clone, Copy)]
pub(in crate::script) enum Filter {
    All,
    /// By a word of `state`.
    State(State),
    /// Moves data now.
    Active,
    Done,
    Public,
    Private,
}

impl Filter {
    const WORDS: [(&str, Self); 13] = [
        ("all", Self::All),
        ("active", Self::Active),
        ("done", Self::Done),
        ("public", Self::Public),
        ("private", Self::Private),
        ("downloading", Self::State(State::Downloading)),
        ("seeding", Self::State(State::Seeding)),
        ("stalled", Self::State(State::Stalled)),
        ("queued", Self::State(State::Queued)),
        ("stopped", Self::State(State::Stopped)),
        ("checking", Self::State(State::Checking)),
        ("moving", Self::State(State::Moving)),
        ("error", Self::State(State::Error)),
    ];

    pub fn parse(word: &str) -> Result<Self> {
        let words = || Self::WORDS.iter().map(|(word, _)| *word);
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, filter)| *filter).ok_or_else(|| {
            Error::new(Kind::Argument, format!("`filter` cannot be `{word}`"))
                .hint(suggestion(word, words()).unwrap_or_else(|| format!("write {}", list(words(), "or"))))
        })
    }

    /// As far as the list tells; [`Filter::takes_now`] decides what needs to know privacy.
    fn takes(self, torrent: &Torrent) -> bool {
        match self {
            Self::All => true,
            Self::State(state) => torrent.state == state,
            Self::Active => torrent.up_speed > 0 || torrent.down_speed > 0,
            Self::Done => torrent.done,
            Self::Public | Self::Private => true,
        }
    }

    fn takes_now(self, torrent: &Torrent) -> bool {
        match self {
            Self::Public => !torrent.is_private,
            Self::Private => torrent.is_private,
            _ => true,
        }
    }
}

/// A torrent that was named, with the client it came from where it came from one.
struct Chosen {
    hash: String,
    on: Option<String>,
}

/// The torrents that the first argument names.
fn chosen(call: &Invocation) -> Result<Vec<Chosen>> {
    let one = |item: &Dynamic| {
        if let Some(map) = item.read_lock::<Map>() {
            let text = |key: &str| map.get(key).and_then(|field| field.clone().into_string().ok());
            return text("hash").map(|hash| Chosen { hash, on: text("downloader") });
        }
        item.clone().into_string().ok().map(|hash| Chosen { hash, on: None })
    };
    let arg = &call.args[0];
    let found = match arg.read_lock::<Array>() {
        Some(items) => items.iter().map(one).collect::<Option<Vec<_>>>(),
        None => one(arg).map(|chosen| vec![chosen]),
    };
    let mut chosen = found.ok_or_else(|| {
        Error::new(Kind::Argument, format!("`t` is a torrent or its hash, not {}", value::type_name(arg)))
            .hint("write `for t in d.torrents() { … }`, or give a hash as text")
    })?;
    let elsewhere = |chosen: &Chosen| chosen.on.as_ref().is_some_and(|on| *on != call.name);
    if let Some(stranger) = chosen.iter().find(|chosen| !call.many && elsewhere(chosen)) {
        let on = stranger.on.as_deref().unwrap_or_default();
        return Err(Error::new(Kind::Argument, format!("this torrent is on `{on}`, not on `{}`", call.name))
            .hint(format!("write `downloader({on:?}).…`, or call it on the list of downloaders")));
    }
    chosen.retain(|chosen| !elsewhere(chosen));
    Ok(chosen)
}

/// The client and those of the chosen torrents that it has. On one client a torrent that it does not have is an error.
async fn find(call: &Invocation, chosen: &[Chosen]) -> Result<(std::sync::Arc<Member>, Vec<Torrent>)> {
    let member = call.host.fleet.downloader(&call.name, &call.talk).await?;
    if chosen.is_empty() {
        return Ok((member, Vec::new()));
    }
    let all = member.client.torrents(&call.talk).await?;
    let mut found: Vec<Torrent> = Vec::new();
    for one in chosen {
        match all.iter().find(|torrent| torrent.hash.eq_ignore_ascii_case(&one.hash)) {
            Some(torrent) => found.push(torrent.clone()),
            None if call.many => {}
            None => {
                return Err(Error::new(Kind::Argument, format!("`{}` has no torrent `{}`", call.name, one.hash))
                    .hint("`torrents()` lists those it has; was it deleted?"));
            }
        }
    }
    Ok((member, found))
}

fn hashes(torrents: &[Torrent]) -> Vec<String> {
    torrents.iter().map(|torrent| torrent.hash.clone()).collect()
}

fn briefs(torrents: &[Torrent]) -> Vec<holds::StoppedTorrent> {
    torrents.iter().map(holds::brief).collect()
}

/// What a dry run says: `delete "debian.iso" of nas`.
fn told(verb: &str, call: &Invocation) -> String {
    let name = |item: &Dynamic| {
        let field = item.read_lock::<Map>().and_then(|map| map.get("name").cloned());
        value::display(field.as_ref().unwrap_or(item), chrono_tz::Tz::UTC)
    };
    let names: Vec<String> = match call.args.first().map(|arg| (arg, arg.read_lock::<Array>())) {
        Some((_, Some(items))) => items.iter().map(name).collect(),
        Some((arg, None)) => vec![name(arg)],
        None => Vec::new(),
    };
    format!("{verb} {} of {}", names.join(", "), call.name)
}

/// What `limit_torrent` sets.
struct TorrentLimits {
    up: Change,
    down: Change,
    shares: ShareLimits,
}

impl TorrentLimits {
    /// `2 MiB/s up and a ratio of 2`.
    fn words(&self) -> String {
        let speed = |way: &str, change: Change| match change {
            Change::Keep => None,
            Change::Set(None) => Some(format!("unlimited {way}")),
            Change::Set(Some(limit)) => Some(format!("{} {way}", format_speed(limit))),
        };
        let ratio = self.shares.ratio.map(|ratio| format!("a ratio of {ratio}"));
        let time = self.shares.seeding_time.map(|time| format!("a seeding time of {}", format_duration(time)));
        let all = [speed("up", self.up), speed("down", self.down), ratio, time];
        all.into_iter().flatten().collect::<Vec<_>>().join(" and ")
    }
}

/// What becomes of a limit.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Change {
    Keep,
    /// `None` is unlimited.
    Set(Option<i64>),
}

impl Change {
    fn of(self, before: Option<i64>) -> Option<i64> {
        match self {
            Self::Keep => before,
            Self::Set(limit) => limit,
        }
    }
}

fn torrent_limits(arg: &Dynamic) -> Result<TorrentLimits> {
    let example = "write `limit_torrent(t, #{up: \"500 KiB/s\", ratio: 2.0, seeding_time: \"7d\"})`";
    let map = arg
        .read_lock::<Map>()
        .map(|map| map.clone())
        .filter(|map| !map.is_empty())
        .ok_or_else(|| Error::new(Kind::Argument, "`limits` is a map of what to limit").hint(example))?;
    options::known(&map, &["up", "down", "ratio", "seeding_time"])?;
    let speed = |key: &str| -> Result<Change> {
        if options::get(&map, key).is_none() {
            return Ok(Change::Keep);
        }
        let limit = options::speed(&map, key)?;
        if let Some(limit) = limit.filter(|limit| *limit <= 0) {
            return Err(Error::new(Kind::Argument, format!("`{key}` cannot be {limit}"))
                .hint("0 means unlimited in qBittorrent: write `stop_torrent(t)` or `\"unlimited\"`"));
        }
        Ok(Change::Set(limit))
    };
    let ratio = options::number(&map, "ratio")?;
    if let Some(ratio) = ratio.filter(|ratio| !ratio.is_finite() || *ratio < 0.0) {
        return Err(Error::new(Kind::Argument, format!("`ratio` cannot be {ratio}")).hint(example));
    }
    let seeding_time = options::duration(&map, "seeding_time")?;
    Ok(TorrentLimits { up: speed("up")?, down: speed("down")?, shares: ShareLimits { ratio, seeding_time } })
}

fn source(arg: &Dynamic) -> Result<Source> {
    if let Some(content) = arg.read_lock::<Blob>() {
        return Ok(Source::File { name: "added.torrent".into(), content: content.clone() });
    }
    let link = options::to_text("source", arg)?;
    if link.starts_with("magnet:?") || link.starts_with("http://") || link.starts_with("https://") {
        return Ok(Source::Link(link));
    }
    Err(Error::new(Kind::Argument, format!("`{link}` is neither a magnet link nor an address"))
        .hint("give `magnet:?xt=…`, `https://…`, or the bytes of a torrent file as a blob"))
}

fn tag(call: Invocation, add: bool) -> Result<super::Answer> {
    let chosen = chosen(&call)?;
    let map = Map::from_iter([("tags".into(), call.args[1].clone())]);
    let tags = options::texts(&map, "tags")?.unwrap_or_default();
    if let Some(bad) = tags.iter().find(|tag| tag.contains(',') || tag.trim().is_empty()) {
        return Err(Error::new(Kind::Argument, format!("`{bad}` cannot be a tag"))
            .hint("a tag is a text without a comma; several tags are a list"));
    }
    answer(async move {
        let (member, torrents) = find(&call, &chosen).await?;
        let hashes = hashes(&torrents);
        if !hashes.is_empty() {
            if add {
                member.client.add_tags(&hashes, &tags, &call.talk).await?;
            } else {
                member.client.remove_tags(&hashes, &tags, &call.talk).await?;
            }
        }
        Ok(briefs(&torrents))
    })
}
