//! Helpers of a VPS.

use crate::api::Type;
use crate::client;
use crate::locks;
use crate::permission::Effect;
use crate::usage;

use super::{Helper, On, answer};
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
];
