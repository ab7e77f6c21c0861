//! Helpers of a downloader, or of a list of them.

use rhai::Map;

use crate::api::Type;
use crate::downloader;
use crate::error::{Error, Kind, Result};
use crate::holds::limits::LimitOptions;
use crate::holds::{self, Only, StopOptions};
use crate::permission::Effect;

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

/// The reason of a hold: the script's name unless it gives one.
fn reason(call: &Invocation) -> Result<String> {
    Ok(options::text(&call.options, "reason")?.unwrap_or_else(|| call.script.clone()))
}
