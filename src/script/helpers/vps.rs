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
use crate::vps;

use super::downloader::READ;
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
    Helper {
        on: On::Vps,
        id: "status",
        doc: "Whether the VPS runs, and what hinders it; asked of the running guest, which may take seconds.",
        returns: Type::Shape(&vps::VpsStatus),
        calls: &["get_live_service_info", "get_service_info"],
        body: |call| {
            answer(async move {
                let vps = call.host.fleet.vps(Some(&call.name))?;
                vps::status(&vps, &call.talk).await
            })
        },
        ..READ
    },
    Helper {
        on: On::Vps,
        id: "violations",
        doc: "The abuse cases that are open: those that suspended the VPS, and those that will.",
        returns: Type::List(&Type::Shape(&vps::AbuseCase)),
        calls: &["get_suspension_details", "get_policy_violations"],
        body: |call| {
            answer(async move {
                let vps = call.host.fleet.vps(Some(&call.name))?;
                vps::violations(&vps, &call.talk).await
            })
        },
        ..READ
    },
    Helper {
        on: On::Vps,
        id: "start_and_wait",
        doc: "Starts the VPS unless it runs, once, waits until it does, and gives the time that took.",
        effect: Effect::Write,
        options: TIMEOUT,
        returns: Type::DurationSeconds,
        calls: &["get_live_service_info", "start"],
        words: |call| format!("start {} and wait until it runs", call.name),
        body: |call| {
            let timeout = timeout(&call)?;
            answer(async move {
                let vps = call.host.fleet.vps(Some(&call.name))?;
                vps::start_and_wait(&vps, timeout, &call.talk).await
            })
        },
        ..READ
    },
    Helper {
        on: On::Vps,
        id: "restart_and_wait",
        doc: "Restarts the VPS, once, waits until it runs again, and gives the time that took.",
        effect: Effect::Destructive,
        options: TIMEOUT,
        returns: Type::DurationSeconds,
        calls: &["restart", "get_live_service_info"],
        words: |call| format!("restart {} and wait until it runs", call.name),
        body: |call| {
            let timeout = timeout(&call)?;
            answer(async move {
                let vps = call.host.fleet.vps(Some(&call.name))?;
                vps::restart_and_wait(&vps, timeout, &call.talk).await
            })
        },
        ..READ
    },
    Helper {
        on: On::Vps,
        id: "snapshot_and_wait",
        doc: "Takes a snapshot, once, and waits until it is in the list; the VPS is locked meanwhile and may restart.",
        effect: Effect::Write,
        options: &[("description", "text"), ("timeout", "duration")],
        returns: Type::Shape(&vps::StoredSnapshot),
        calls: &["snapshot_list", "snapshot_create", "migrate_get_locations"],
        words: |call| format!("take a snapshot of {}", call.name),
        body: |call| {
            let timeout = timeout(&call)?;
            let description = options::text(&call.options, "description")?.unwrap_or_else(|| call.script.clone());
            answer(async move {
                let vps = call.host.fleet.vps(Some(&call.name))?;
                vps::snapshot_and_wait(&vps, &description, timeout, &call.talk).await
            })
        },
        ..READ
    },
    Helper {
        on: On::Vps,
        id: "rotate_snapshots",
        doc: "Takes a snapshot, and when it is there deletes the oldest of the same prefix, so that `keep` remain; sticky ones stay.",
        effect: Effect::Destructive,
        options: &[("keep", "int"), ("prefix", "text"), ("timeout", "duration")],
        returns: Type::Shape(&vps::Rotation),
        calls: &["snapshot_delete", "snapshot_list", "snapshot_create", "migrate_get_locations"],
        words: |call| {
            let (keep, prefix) = rotation(call).unwrap_or_default();
            format!("take a snapshot of {}, and of those called `{prefix} …` keep the newest {keep}", call.name)
        },
        body: |call| {
            let timeout = timeout(&call)?;
            let (keep, prefix) = rotation(&call)?;
            answer(async move {
                let vps = call.host.fleet.vps(Some(&call.name))?;
                vps::rotate_snapshots(&vps, keep, &prefix, timeout, &call.talk).await
            })
        },
        ..READ
    },
    Helper {
        on: On::Vps,
        id: "migrate_and_wait",
        doc: "Moves the VPS to another location, once, and waits until it is there; its addresses change.",
        effect: Effect::Destructive,
        required: &[("location", "text")],
        options: TIMEOUT,
        returns: Type::Shape(&vps::Relocation),
        calls: &["migrate_start", "migrate_get_locations", "get_service_info"],
        words: |call| {
            let location = options::to_text("location", &call.args[0]).unwrap_or_default();
            format!("move {} to {location}, which changes its addresses", call.name)
        },
        body: |call| {
            let timeout = timeout(&call)?;
            let location = options::to_text("location", &call.args[0])?;
            answer(async move {
                let vps = call.host.fleet.vps(Some(&call.name))?;
                vps::migrate_and_wait(&vps, &call.host.store, &location, timeout, &call.talk).await
            })
        },
    },
    Helper {
        on: On::Vps,
        id: "run",
        doc: "Runs a command as root inside the VPS, once, and waits for it; an exit code other than 0 is no error.",
        effect: Effect::Destructive,
        required: &[("command", "text")],
        options: TIMEOUT,
        returns: Type::Shape(&vps::CommandOutput),
        calls: &["basic_shell_exec"],
        words: |call| {
            let command = options::to_text("command", &call.args[0]).unwrap_or_default();
            format!("run `{command}` as root on {}", call.name)
        },
        body: |call| {
            let timeout = timeout(&call)?;
            let command = options::to_text("command", &call.args[0])?;
            answer(async move {
                let vps = call.host.fleet.vps(Some(&call.name))?;
                vps::run(&vps, &command, timeout, &call.talk).await
            })
        },
    },
];

const TIMEOUT: &[(&str, &str)] = &[("timeout", "duration")];

/// How long to wait at most; as long as the run has where it is left out.
fn timeout(call: &Invocation) -> Result<Option<Duration>> {
    let timeout = options::duration(&call.options, "timeout")?;
    match timeout.filter(|timeout| *timeout <= Duration::ZERO) {
        Some(timeout) => Err(Error::new(Kind::Argument, format!("`timeout` cannot be {}", format_duration(timeout)))
            .hint("write `#{timeout: \"10m\"}`")),
        None => Ok(timeout),
    }
}

/// How many snapshots `rotate_snapshots` keeps, and what their descriptions begin with.
fn rotation(call: &Invocation) -> Result<(usize, String)> {
    let wrong = |message: String| {
        Error::new(Kind::Argument, message).hint("write `rotate_snapshots(#{keep: 2, prefix: \"weekly\"})`")
    };
    let keep = options::integer(&call.options, "keep")?
        .ok_or_else(|| wrong("`rotate_snapshots` needs to know how many to `keep`".into()))?;
    let keep = usize::try_from(keep)
        .ok()
        .filter(|keep| *keep > 0)
        .ok_or_else(|| wrong(format!("`keep` is {keep}: at least the new one is kept")))?;
    let prefix = options::text(&call.options, "prefix")?.unwrap_or_else(|| call.script.clone());
    if prefix.trim().is_empty() {
        return Err(wrong("`prefix` is empty: that would rotate every snapshot there is".into()));
    }
    Ok((keep, prefix))
}

/// The span that a helper looks back on.
pub(super) fn last(call: &Invocation) -> Result<Duration> {
    let last = options::duration(&call.options, "last")?.unwrap_or(traffic::DAY);
    if last <= Duration::ZERO {
        return Err(Error::new(Kind::Argument, format!("`last` cannot be {}", format_duration(last)))
            .hint("write `#{last: \"24h\"}`"));
    }
    Ok(last)
}
