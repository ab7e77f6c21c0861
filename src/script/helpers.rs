//! Helpers: what hangs on handles beside the endpoints. Each is a row here, so that the checker,
//! completion, the reference and the dry run know it; its arithmetic and its requests live in the world layer.

use std::sync::Arc;

use futures::future::{LocalBoxFuture, join_all};
use rhai::{Array, Dynamic, Map};
use serde_json::{Value, json};

use crate::address::Ip;
use crate::api::{Service, Type};
use crate::bans::{self, BanOptions};
use crate::call::Call;
use crate::client;
use crate::downloader;
use crate::error::{Error, Kind, Result};
use crate::holds::limits::LimitOptions;
use crate::holds::{self, Only, StopOptions};
use crate::host::Host;
use crate::locks;
use crate::patch;
use crate::peers::{self, By, Selection};
use crate::permission::{Ask, Effect};
use crate::recorder::Talk;
use crate::text::count;
use crate::units::format_duration;
use crate::usage;

use super::context::Context;
use super::{options, value};

/// What a helper hangs on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum On {
    Vps,
    Pbh,
    /// A downloader, or a list of them.
    Downloader,
}

impl On {
    /// The service as grants and calls name it.
    pub const fn service(self) -> &'static str {
        match self {
            Self::Vps => "kiwivm",
            Self::Pbh => "pbh",
            Self::Downloader => "downloader",
        }
    }
}

/// One helper.
pub struct Helper {
    pub on: On,
    pub id: &'static str,
    pub doc: &'static str,
    pub effect: Effect,
    /// Names and types of the positional arguments.
    pub required: &'static [(&'static str, &'static str)],
    /// Names and types of the keys of the option map.
    pub options: &'static [(&'static str, &'static str)],
    pub returns: Type,
    /// The rows it calls; a grant of one of them covers it.
    pub calls: &'static [&'static str],
    /// What a dry run says it would do.
    words: fn(&Invocation) -> String,
    body: Body,
}

type Body = fn(Invocation) -> Result<Answer>;
type Answer = LocalBoxFuture<'static, Result<Value>>;

/// Whom a helper is called on.
#[derive(Clone, Debug)]
pub(super) enum Subject {
    One(String),
    Many(Vec<String>),
}

/// One call of a helper, its arguments read.
#[derive(Clone)]
pub(super) struct Invocation {
    pub(super) host: Arc<Host>,
    pub(super) script: String,
    /// The instance's name.
    pub(super) name: String,
    pub(super) args: Vec<Dynamic>,
    pub(super) options: Map,
    pub(super) talk: Talk,
}

impl Helper {
    /// `top_peers(n: int, #{vps: text, …}) -> [TopPeer]`.
    pub fn signature(&self) -> String {
        let mut params: Vec<_> = self.required.iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
        if !self.options.is_empty() {
            let keys: Vec<_> = self.options.iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
            params.push(format!("#{{{}}}", keys.join(", ")));
        }
        format!("{}({}) -> {}", self.id, params.join(", "), self.returns)
    }

    /// The row that does what the helper is for, the first that changes something: who is denied that is
    /// denied this.
    fn main_row(&self) -> Option<&'static str> {
        let service = Service::ALL.into_iter().find(|service| service.name() == self.on.service())?;
        let changes = |id: &str| service.rows().iter().any(|row| row.id == id && row.effect != Effect::Read);
        self.calls.iter().copied().find(|id| changes(id)).filter(|_| self.effect != Effect::Read)
    }

    /// Calls it the way a script may: at run time only, as far as it is permitted, for real or in words.
    pub(super) fn invoke(
        &'static self,
        run: &Arc<Context>,
        subject: Subject,
        mut args: Vec<Dynamic>,
    ) -> Result<Dynamic> {
        run.require_run(self.id)?;
        let options = match args.last().and_then(|last| last.read_lock::<Map>().map(|map| map.clone())) {
            Some(map) if args.len() == self.required.len() + 1 && !self.options.is_empty() => {
                args.pop();
                map
            }
            _ => Map::new(),
        };
        if args.len() != self.required.len() {
            let (n, wanted) = (args.len(), self.required.len());
            return Err(Error::new(
                Kind::Argument,
                format!("`{}` takes {}, not {n}", self.id, crate::text::count(wanted, "argument")),
            )
            .hint(format!("its signature is `{}`", self.signature())));
        }
        let keys: Vec<_> = self.options.iter().map(|(name, _)| *name).collect();
        options::known(&options, &keys)?;
        let (names, many) = match subject {
            Subject::One(name) => (vec![name], false),
            Subject::Many(names) => (names, true),
        };
        for name in &names {
            let ask = Ask {
                service: self.on.service(),
                instance: name,
                endpoint: self.id,
                argument: None,
                effect: self.effect,
            };
            run.permit(&ask, self.calls)?;
            if let Some(row) = self.main_row() {
                run.permit(&Ask { endpoint: row, effect: Effect::Write, ..ask }, &[])?;
            }
        }
        let talk = run.talk().via(self.id);
        let invocations: Vec<_> = names
            .into_iter()
            .map(|name| Invocation {
                host: Arc::clone(&run.host),
                script: run.script.clone(),
                name,
                args: args.clone(),
                options: options.clone(),
                talk: talk.clone(),
            })
            .collect();
        // Arguments are read for all before anything is sent for one, and in a dry run just the same.
        let answers = invocations.iter().cloned().map(self.body).collect::<Result<Vec<_>>>()?;
        let values = if run.is_dry() && self.effect != Effect::Read {
            invocations.iter().map(|invocation| self.hold_back(run, invocation)).collect()
        } else {
            let values = run.wait(self.id, async { together(join_all(answers).await) })?;
            values.iter().map(|answer| value::typed(answer, &self.returns)).collect::<Array>()
        };
        match (many, &self.returns) {
            (false, _) => Ok(values.into_iter().next().unwrap_or(Dynamic::UNIT)),
            // Lists of several clients are one list.
            (true, Type::List(_)) => Ok(values
                .into_iter()
                .flat_map(|value| value.into_array().unwrap_or_default())
                .collect::<Array>()
                .into()),
            (true, _) => Ok(values.into()),
        }
    }

    fn hold_back(&self, run: &Context, invocation: &Invocation) -> Dynamic {
        let zone = run.host.config.timezone;
        let named = self
            .required
            .iter()
            .zip(&invocation.args)
            .map(|((name, _), arg)| ((*name).to_owned(), value::to_json(arg, zone)));
        let options = invocation.options.iter().map(|(key, arg)| (key.to_string(), value::to_json(arg, zone)));
        run.hold_back(Call {
            service: self.on.service().into(),
            instance: invocation.name.clone(),
            endpoint: self.id.into(),
            effect: self.effect,
            args: Value::Object(named.chain(options).collect()),
            status: None,
            ok: true,
            ms: 0,
            via: None,
            summary: Some((self.words)(invocation)),
        });
        value::placeholder(&self.returns)
    }
}

/// All values, or one error that names every failure: one client that is down stops nothing for the others.
fn together(outcomes: Vec<Result<Value>>) -> Result<Vec<Value>> {
    let failed: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    match failed.as_slice() {
        [] | [_] => outcomes.into_iter().collect(),
        [first, ..] => {
            let all: Vec<_> = failed.iter().map(ToString::to_string).collect();
            let mut error = (*first).clone();
            error.message = format!("{} of {} failed: {}", failed.len(), outcomes.len(), all.join("; "));
            Err(error)
        }
    }
}

/// Every helper, by what it hangs on.
pub static HELPERS: &[Helper] = &[
    Helper {
        on: On::Vps,
        id: "data_usage",
        doc: "How much of the monthly transfer is used, and when it resets.",
        effect: Effect::Read,
        required: &[],
        options: &[("fresh", "bool")],
        returns: Type::Shape(&usage::Usage),
        calls: &["get_service_info"],
        words: |_| String::new(),
        body: |call| {
            let fresh = options::boolean(&call.options, "fresh")?.unwrap_or(false);
            answer(async move {
                let vps = call.host.fleet.vps(Some(&call.name))?;
                usage::data_usage(&vps, &call.host.store, fresh, &call.talk).await
            })
        },
    },
    Helper {
        on: On::Vps,
        id: "wait_until_unlocked",
        doc: "Waits until no job runs on the VPS, and gives the time that took.",
        effect: Effect::Read,
        required: &[("timeout", "duration")],
        options: &[],
        returns: Type::DurationSeconds,
        calls: &["migrate_get_locations"],
        words: |_| String::new(),
        body: |call| {
            let timeout = options::to_duration("timeout", &call.args[0])?;
            answer(async move {
                let vps = call.host.fleet.vps(Some(&call.name))?;
                locks::wait_until_unlocked(&vps, timeout, &call.talk).await
            })
        },
    },
    Helper {
        on: On::Vps,
        id: "api_budget",
        doc: "What is known of the allowance of API calls, without spending one.",
        effect: Effect::Read,
        required: &[],
        options: &[],
        returns: Type::Shape(&client::shapes::Allowance),
        calls: &[],
        words: |_| String::new(),
        body: |call| answer(async move { Ok(call.host.fleet.vps(Some(&call.name))?.allowance()) }),
    },
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
        doc: "The peers that are connected now, of public torrents unless asked otherwise.",
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
        doc: "The peers that were sent most, of public torrents unless asked otherwise.",
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
        on: On::Downloader,
        id: "stop_transfers",
        doc: "Stops transfers until the reason is released, and returns when the client confirms.",
        effect: Effect::Write,
        required: &[],
        options: &[("reason", "text"), ("duration", "duration"), ("only", "text"), ("except_tags", "list")],
        returns: Type::Shape(&holds::Stopped),
        calls: &[],
        words: |call| format!("stop the transfers of {}", call.name),
        body: |call| {
            let how = StopOptions {
                reason: reason(&call)?,
                duration: options::duration(&call.options, "duration")?,
                only: options::text(&call.options, "only")?.map_or(Ok(Only::All), |word| Only::parse(&word))?,
                except_tags: options::texts(&call.options, "except_tags")?.unwrap_or_default(),
            };
            answer(async move {
                let member = call.host.fleet.downloader(&call.name, &call.talk).await?;
                call.host.holds.stop(&member, &how, &call.talk).await
            })
        },
    },
    Helper {
        on: On::Downloader,
        id: "start_transfers",
        doc: "Releases a reason: what it stopped runs again, unless another reason holds it.",
        effect: Effect::Write,
        required: &[],
        options: &[("reason", "text")],
        returns: Type::Shape(&holds::Started),
        calls: &[],
        words: |call| format!("give back the transfers of {}", call.name),
        body: |call| {
            let reason = reason(&call)?;
            answer(async move {
                let member = call.host.fleet.downloader(&call.name, &call.talk).await?;
                call.host.holds.start(&member, &reason, &call.talk).await
            })
        },
    },
    Helper {
        on: On::Downloader,
        id: "limit_speed",
        doc: "Limits the speed until the reason is released; the lowest limit of all reasons wins.",
        effect: Effect::Write,
        required: &[("limits", "map")],
        options: &[],
        returns: Type::Shape(&downloader::Limits),
        calls: &[],
        words: |call| {
            format!("limit the speed of {} to {}", call.name, value::display(&call.args[0], chrono_tz::Tz::UTC))
        },
        body: |call| {
            let map = call.args[0].read_lock::<Map>().map(|map| map.clone()).ok_or_else(|| {
                Error::new(Kind::Argument, "`limit_speed` takes a map").hint("write `limit_speed(#{up: \"2 MiB/s\"})`")
            })?;
            options::known(&map, &["up", "down", "reason", "duration"])?;
            let how = LimitOptions {
                reason: options::text(&map, "reason")?.unwrap_or_else(|| call.script.clone()),
                up: options::speed(&map, "up")?,
                down: options::speed(&map, "down")?,
                duration: options::duration(&map, "duration")?,
            };
            answer(async move {
                let member = call.host.fleet.downloader(&call.name, &call.talk).await?;
                call.host.holds.limit_speed(&member, &how, &call.talk).await
            })
        },
    },
    Helper {
        on: On::Downloader,
        id: "restore_speed",
        doc: "Releases a limit: what was set before holds again, unless another reason limits.",
        effect: Effect::Write,
        required: &[],
        options: &[("reason", "text")],
        returns: Type::Shape(&downloader::Limits),
        calls: &[],
        words: |call| format!("give back the speed of {}", call.name),
        body: |call| {
            let reason = reason(&call)?;
            answer(async move {
                let member = call.host.fleet.downloader(&call.name, &call.talk).await?;
                call.host.holds.restore_speed(&member, &reason, &call.talk).await
            })
        },
    },
    Helper {
        on: On::Downloader,
        id: "holds",
        doc: "What keeps torrents stopped or slow here, and why.",
        effect: Effect::Read,
        required: &[],
        options: &[],
        returns: Type::List(&Type::Shape(&holds::Hold)),
        calls: &[],
        words: |_| String::new(),
        body: |call| {
            answer(async move {
                let member = call.host.fleet.downloader(&call.name, &call.talk).await?;
                call.host.holds.holds(Some(&member)).await
            })
        },
    },
    Helper {
        on: On::Downloader,
        id: "torrents",
        doc: "The torrents of the client, in the same words for every client.",
        effect: Effect::Read,
        required: &[],
        options: &[],
        returns: Type::List(&Type::Shape(&downloader::Torrent)),
        calls: &[],
        words: |_| String::new(),
        body: |call| {
            answer(async move {
                let member = call.host.fleet.downloader(&call.name, &call.talk).await?;
                member.client.torrents(&call.talk).await
            })
        },
    },
    Helper {
        on: On::Downloader,
        id: "speed",
        doc: "The speed of the client now.",
        effect: Effect::Read,
        required: &[],
        options: &[],
        returns: Type::Shape(&downloader::Rates),
        calls: &[],
        words: |_| String::new(),
        body: |call| {
            answer(async move {
                let member = call.host.fleet.downloader(&call.name, &call.talk).await?;
                member.client.speed(&call.talk).await
            })
        },
    },
    Helper {
        on: On::Downloader,
        id: "version",
        doc: "The version of the client.",
        effect: Effect::Read,
        required: &[],
        options: &[],
        returns: Type::Text,
        calls: &[],
        words: |_| String::new(),
        body: |call| {
            answer(async move {
                let member = call.host.fleet.downloader(&call.name, &call.talk).await?;
                member.client.version(&call.talk).await
            })
        },
    },
];

/// What a body returns: its result as JSON, later.
#[expect(clippy::unnecessary_wraps, reason = "bodies fail before it, and end with it")]
fn answer<T: serde::Serialize>(future: impl Future<Output = Result<T>> + 'static) -> Result<Answer> {
    Ok(Box::pin(async move { serde_json::to_value(future.await?).map_err(|error| Error::internal(error.to_string())) }))
}

/// The reason of a hold: the script's name unless it gives one.
fn reason(call: &Invocation) -> Result<String> {
    Ok(options::text(&call.options, "reason")?.unwrap_or_else(|| call.script.clone()))
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
