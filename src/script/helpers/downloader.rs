//! Helpers of a downloader, or of a list of them.

use rhai::Map;
use serde_json::Value;

use crate::api::Type;
use crate::downloader::{self, Raw};
use crate::error::{Error, Kind, Result};
use crate::holds::limits::{self, LimitOptions, SpeedLimit};
use crate::holds::{self, Choice, Only, StopOptions};
use crate::journal::{Level, Line};
use crate::permission::Effect;
use crate::secret::{MASK, Secret};
use crate::text::list;
use crate::traffic;
use crate::units::{format_duration, format_speed};

use super::{Helper, Invocation, On, answer};
use crate::script::{options, value};

/// Helpers of a downloader, or of a list of them.
pub(super) static DOWNLOADER: &[Helper] = &[
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
                choice: Choice {
                    only: options::text(&call.options, "only")?.map_or(Ok(Only::All), |word| Only::parse(&word))?,
                    except_tags: options::texts(&call.options, "except_tags")?.unwrap_or_default(),
                },
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
        returns: Type::Shape(&limits::SpeedLimit),
        calls: &[],
        words: |call| {
            // What cannot be read was refused before anything is put into words.
            let Ok(how) = limit_options(call) else { return format!("limit {}", call.name) };
            let ways = [("up", how.up), ("down", how.down)].into_iter();
            let ways: Vec<_> =
                ways.filter_map(|(way, limit)| Some(format!("{} {way}", format_speed(limit?)))).collect();
            let to = if ways.is_empty() { "no speed of its own".to_owned() } else { ways.join(" and ") };
            let long = how.duration.map(|duration| format!(" for {}", format_duration(duration))).unwrap_or_default();
            format!("limit {} to {to} ({}){long}", call.name, how.reason)
        },
        body: |call| {
            let how = limit_options(&call)?;
            answer(async move {
                let member = call.host.fleet.downloader(&call.name, &call.talk).await?;
                let limit = call.host.holds.limit_speed(&member, &how, &call.talk).await?;
                notice(&call, &limit);
                Ok(limit)
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
    Helper {
        id: "speed_limit",
        doc: "The limits in force for the whole client.",
        returns: Type::Shape(&limits::SpeedLimit),
        body: |call| {
            answer(async move {
                let member = call.host.fleet.downloader(&call.name, &call.talk).await?;
                call.host.holds.speed_limit(&member, &call.talk).await
            })
        },
        ..READ
    },
    Helper {
        id: "totals",
        doc: "What the client has moved in all, and since it was started.",
        returns: Type::Shape(&downloader::Totals),
        body: |call| {
            answer(async move {
                let member = call.host.fleet.downloader(&call.name, &call.talk).await?;
                member.client.totals(&call.talk).await
            })
        },
        ..READ
    },
    Helper {
        id: "traffic",
        doc: "What the client moved lately, by tidegate's own readings; a day where nothing else is said.",
        options: &[("last", "duration")],
        returns: Type::Shape(&traffic::ClientTraffic),
        body: |call| {
            let last = super::vps::last(&call)?;
            answer(async move {
                let member = call.host.fleet.downloader(&call.name, &call.talk).await?;
                traffic::of_client(&member, &call.host.series, last, &call.talk).await
            })
        },
        ..READ
    },
    Helper {
        id: "disks",
        doc: "The folders that torrents are stored in, and what is left on their disks.",
        returns: Type::List(&Type::Shape(&downloader::Disk)),
        body: |call| {
            answer(async move {
                let member = call.host.fleet.downloader(&call.name, &call.talk).await?;
                member.client.disks(&call.talk).await
            })
        },
        ..READ
    },
    Helper {
        id: "free_space",
        doc: "Bytes left on the disk of a folder, or of the folder for new torrents.",
        required: &[("path?", "text")],
        returns: Type::Bytes,
        body: |call| {
            let path = call.args.first().map(|path| options::to_text("path", path)).transpose()?;
            answer(async move {
                let member = call.host.fleet.downloader(&call.name, &call.talk).await?;
                member.client.free_space(path.as_deref(), &call.talk).await
            })
        },
        ..READ
    },
    Helper {
        id: "preferences",
        doc: "The client's own settings, under its own names; passwords are masked.",
        returns: Type::Any,
        body: |call| {
            answer(async move {
                let member = call.host.fleet.downloader(&call.name, &call.talk).await?;
                let mut preferences = member.client.preferences(&call.talk).await?;
                for (key, value) in &mut preferences {
                    if let Some(text) = value.as_str().filter(|text| is_secret(key) && !text.is_empty()) {
                        call.host.masker.add(&Secret::new(text));
                        *value = MASK.into();
                    }
                }
                Ok(preferences)
            })
        },
        ..READ
    },
    Helper {
        id: "set_preferences",
        doc: "Changes some of the client's own settings.",
        required: &[("changes", "map")],
        returns: Type::Null,
        words: |call| {
            let keys = changes(call).map(|changes| changes.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
            format!("change {} of {}", list(keys.iter().map(String::as_str), "and"), call.name)
        },
        body: |call| {
            let changes = changes(&call)?;
            for (key, value) in changes.iter().filter(|(key, _)| is_secret(key)) {
                match value.as_str() {
                    Some(MASK) => {
                        return Err(Error::new(
                            Kind::Argument,
                            format!("`{key}` is a masked secret, not the secret itself"),
                        ));
                    }
                    Some(text) if !text.is_empty() => call.host.masker.add(&Secret::new(text)),
                    _ => {}
                }
            }
            answer(async move {
                let member = call.host.fleet.downloader(&call.name, &call.talk).await?;
                member.client.set_preferences(&changes, &call.talk).await
            })
        },
        ..WRITE
    },
    Helper {
        id: "pause_supervision",
        doc: "PBH looks after this client no more; its bans so far go out first, and transfers go on.",
        returns: Type::Null,
        words: |call| format!("pause PBH's supervision of {}; its transfers go on", call.name),
        body: |call| supervise(call, false),
        ..WRITE
    },
    Helper {
        id: "resume_supervision",
        doc: "PBH looks after this client again.",
        returns: Type::Null,
        words: |call| format!("have PBH look after {} again", call.name),
        body: |call| supervise(call, true),
        ..WRITE
    },
    Helper {
        id: "request",
        doc: "The client's own API, with the login that tidegate has.",
        effect: Effect::Destructive,
        required: &[("method", "text"), ("path", "text")],
        options: &[("query", "map"), ("form", "map"), ("json", "any")],
        returns: Type::Any,
        words: |call| {
            let shown =
                |i: usize| call.args.get(i).map(|arg| value::display(arg, chrono_tz::Tz::UTC)).unwrap_or_default();
            format!("send {} {} to {}", shown(0), shown(1), call.name)
        },
        body: |call| {
            let raw = Raw {
                method: options::to_text("method", &call.args[0])?,
                path: options::to_text("path", &call.args[1])?,
                query: pairs(&call, "query")?,
                form: pairs(&call, "form")?,
                json: options::get(&call.options, "json")
                    .map(|json| value::to_argument(json, call.host.config.timezone)),
            };
            answer(async move {
                let member = call.host.fleet.downloader(&call.name, &call.talk).await?;
                Ok(member.client.request(raw, &call.talk).await?.value)
            })
        },
        ..WRITE
    },
];

/// What the rows of readings have in common.
pub(super) const READ: Helper = Helper {
    on: On::Downloader,
    id: "",
    doc: "",
    effect: Effect::Read,
    required: &[],
    options: &[],
    returns: Type::Null,
    calls: &[],
    words: |_| String::new(),
    body: |_| Err(Error::internal("a helper without a body")),
};

/// What the rows of changes have in common.
pub(super) const WRITE: Helper = Helper { effect: Effect::Write, ..READ };

/// What `limit_speed` is given.
fn limit_options(call: &Invocation) -> Result<LimitOptions> {
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
    how.check()?;
    Ok(how)
}

fn supervise(call: Invocation, on: bool) -> Result<super::Answer> {
    answer(async move {
        let member = call.host.fleet.downloader(&call.name, &call.talk).await?;
        call.host.bans.supervise(&member, on, &call.talk).await
    })
}

/// Whether a setting of this name holds a secret.
fn is_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    ["password", "passwd", "secret", "token", "api_key", "apikey"].iter().any(|word| key.contains(word))
}

fn changes(call: &Invocation) -> Result<serde_json::Map<String, Value>> {
    match value::to_argument(&call.args[0], call.host.config.timezone) {
        Value::Object(map) if !map.is_empty() => Ok(map),
        _ => Err(Error::new(Kind::Argument, "`changes` is a map of the settings to change")
            .hint("write `set_preferences(#{max_connec: 200})`")),
    }
}

/// A map of an option as pairs of texts.
fn pairs(call: &Invocation, key: &str) -> Result<Vec<(String, String)>> {
    let Some(map) = options::get(&call.options, key) else { return Ok(Vec::new()) };
    let zone = call.host.config.timezone;
    let map = map.read_lock::<Map>().ok_or_else(|| {
        Error::new(Kind::Argument, format!("`{key}` is a map"))
            .hint(format!("write `#{{{key}: #{{name: \"value\"}}}}`"))
    })?;
    Ok(map.iter().map(|(key, item)| (key.to_string(), value::display(item, zone))).collect())
}

/// Who limits the client too is worth a line.
fn notice(call: &Invocation, limit: &SpeedLimit) {
    if !limit.notice.is_empty() {
        let message = format!("{}: {}", call.name, limit.notice);
        let mut line = Line::new(call.talk.now(), Level::Warn, "log", message);
        line.script = Some(call.script.clone());
        call.host.journal.write(&line);
    }
}

/// The reason of a hold: the script's name unless it gives one.
fn reason(call: &Invocation) -> Result<String> {
    Ok(options::text(&call.options, "reason")?.unwrap_or_else(|| call.script.clone()))
}
