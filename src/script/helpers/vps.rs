//! Helpers of a VPS.

use crate::api::Type;
use crate::client;
use crate::error::{Error, Kind, Result};
use crate::locks;
use crate::permission::Effect;
use crate::time::Duration;
use crate::traffic;
use crate::units::format_duration;
use crate::usage;

use super::{Helper, Invocation, On, answer};
use crate::script::options;

/// Helpers of a VPS.
pub(super) static VPS: &[Helper] = &[
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
                let talk = if fresh { call.talk.fresh() } else { call.talk };
                usage::data_usage(&vps, &call.host.store, fresh, &talk).await
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
        on: On::Vps,
        id: "traffic",
        doc: "What the VPS moved lately, by the provider's samples of five minutes; a day where nothing else is said.",
        effect: Effect::Read,
        required: &[],
        options: &[("last", "duration")],
        returns: Type::Shape(&traffic::VpsTraffic),
        calls: &["get_raw_usage_stats"],
        words: |_| String::new(),
        body: |call| {
            let last = last(&call)?;
            answer(async move {
                let vps = call.host.fleet.vps(Some(&call.name))?;
                traffic::of_vps(&vps, &call.host.store, &call.host.series, last, &call.talk).await
            })
        },
    },
    Helper {
        on: On::Vps,
        id: "data_forecast",
        doc: "Where the transfer of the month is going, if it goes on as it did lately.",
        effect: Effect::Read,
        required: &[],
        options: &[("last", "duration")],
        returns: Type::Shape(&traffic::forecast::Forecast),
        calls: &["get_service_info"],
        words: |_| String::new(),
        body: |call| {
            let last = last(&call)?;
            answer(async move {
                let vps = call.host.fleet.vps(Some(&call.name))?;
                traffic::of_month(&vps, &call.host.store, &call.host.series, last, &call.talk).await
            })
        },
    },
    Helper {
        on: On::Vps,
        id: "live_usage",
        doc: "What is used by now: the provider's counter, and what the torrent clients moved since it last changed.",
        effect: Effect::Read,
        required: &[],
        options: &[],
        returns: Type::Shape(&traffic::forecast::LiveUsage),
        calls: &["get_service_info"],
        words: |_| String::new(),
        body: |call| {
            answer(async move {
                let vps = call.host.fleet.vps(Some(&call.name))?;
                traffic::live(&vps, &call.host.fleet, &call.host.store, &call.host.series, &call.talk).await
            })
        },
    },
];

/// The span that a helper looks back on.
pub(super) fn last(call: &Invocation) -> Result<Duration> {
    let last = options::duration(&call.options, "last")?.unwrap_or(traffic::DAY);
    if last <= Duration::ZERO {
        return Err(Error::new(Kind::Argument, format!("`last` cannot be {}", format_duration(last)))
            .hint("write `#{last: \"24h\"}`"));
    }
    Ok(last)
}
