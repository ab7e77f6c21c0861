//! What the VPS is, how it fares, and what it did.

use serde_json::{Map, Value, json};

use super::machine::{ISOS, TEMPLATES};
use super::{Call, MAIL, Outcome};
use crate::sim::scenario::CasePlan;
use crate::sim::swarm;
use crate::sim::vps::{LOCATIONS, Power};
use crate::time::{Duration, Time};

/// A picture of one pixel, in lines as the API breaks them.
const SCREEN: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYGAAAAAEAAH2FzhV\nAAAAAElFTkSuQmCC";

const MONTH: Duration = Duration::from_seconds(30 * 86_400);

/// A map as PHP writes it: `[]` without entries.
pub(super) fn php_map(map: Map<String, Value>) -> Value {
    if map.is_empty() { json!([]) } else { Value::Object(map) }
}

pub(super) fn get_service_info(call: &mut Call<'_>) -> Outcome {
    let vps = &*call.vps;
    let all: Vec<&String> = vps.addresses.iter().chain(&vps.subnets).collect();
    // Every address has an entry: null for an IPv4, "" for an IPv6 address without a name.
    let ptr = all.iter().map(|address| {
        let set = vps.ptr.iter().find(|(of, _)| of == *address).map(|(_, name)| json!(name));
        let none = if address.contains(':') { json!("") } else { Value::Null };
        ((*address).clone(), set.unwrap_or(none))
    });
    let cut = vps.nullrouted.into_iter().flat_map(|since| {
        let details = json!({
            "nullroute_timestamp": since.seconds(), "nullroute_duration_s": 10_800,
            "log": "203.0.113.80.443 > 45.78.20.11.6881: UDP, length 1400\n",
        });
        vps.addresses.iter().map(move |address| (address.clone(), details.clone()))
    });
    let cut = cut.collect();
    let violation = vps.cases.iter().any(|case| case.kind == CasePlan::Violation);
    let count = if vps.suspensions == 0 { Value::Null } else { json!(vps.suspensions) };
    Ok(json!({
        "vm_type": "kvm", "hostname": vps.hostname, "node_alias": format!("v{}", 4000 + vps.seed % 1000),
        "node_location_id": vps.location.id, "node_location": vps.location.country,
        "node_datacenter": vps.location.name, "location_ipv6_ready": true,
        "plan": format!("kvmv5-40g-2048m-{}g", vps.monthly >> 30), "plan_monthly_data": vps.monthly,
        "monthly_data_multiplier": whole(vps.multiplier), "plan_disk": 40_u64 << 30, "plan_ram": 2_u64 << 30,
        "plan_swap": 0, "plan_max_ipv6s": 3, "os": vps.os, "email": MAIL, "data_counter": vps.counter.bytes(),
        "data_next_reset": vps.resets.seconds(), "ip_addresses": all, "private_ip_addresses": vps.private_ips,
        "ip_nullroutes": php_map(cut), "iso1": vps.iso, "iso2": null, "available_isos": ISOS,
        "plan_private_network_available": true, "location_private_network_available": true,
        "rdns_api_available": true, "ptr": php_map(ptr.collect()), "suspended": vps.suspended(),
        "policy_violation": violation, "suspension_count": count, "total_abuse_points": vps.abuse_points,
        "max_abuse_points": 1400, "free_ip_replacement_interval": -100,
    }))
}

/// A multiplier of one is an integer on the wire.
pub(super) fn whole(multiplier: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "a whole number of a few digits")]
    if multiplier.fract() == 0.0 { json!(multiplier as i64) } else { json!(multiplier) }
}

pub(super) fn get_live_service_info(call: &mut Call<'_>) -> Outcome {
    let Value::Object(mut body) = get_service_info(call)? else { return Ok(Value::Null) };
    let vps = &*call.vps;
    let suspended = vps.suspended();
    let state = match vps.power {
        _ if suspended => "stopped",
        Power::Running | Power::Stopping(_) => "running",
        Power::Starting(_) => "starting",
        Power::Stopped => "stopped",
    };
    let mut live = json!({
        "ve_status": state, "ve_mac1": "02:00:5E:10:00:19", "ve_used_disk_space_b": 6_442_450_944_u64,
        "ve_disk_quota_gb": "40", "is_cpu_throttled": if vps.throttled { "1" } else { "" }, "is_disk_throttled": "", "veid": vps.veid,
        "screendump_png_base64": SCREEN,
    });
    if state == "running" {
        let moving = call.rates.0 + call.rates.1;
        let load = moving * 100 / (20 << 20);
        let load = format!("{}.{:02} {}.{:02} 0.05 1/143 20718", load / 100, load % 100, load / 120, load % 77);
        let running = json!({
            "ssh_port": vps.ssh_port, "live_hostname": vps.live_hostname, "load_average": load,
            "mem_available_kb": 1_624_388 - moving / (1 << 14), "swap_total_kb": 1_048_572,
            "swap_available_kb": 1_046_012,
        });
        if let (Value::Object(live), Value::Object(running)) = (&mut live, running) {
            live.extend(running);
        }
    }
    if let Value::Object(live) = live {
        body.extend(live);
    }
    Ok(Value::Object(body))
}

pub(super) fn get_available_os(call: &mut Call<'_>) -> Outcome {
    Ok(json!({"installed": call.vps.os, "templates": TEMPLATES}))
}

pub(super) fn get_rate_limit_status(call: &mut Call<'_>) -> Outcome {
    Ok(json!({
        "remaining_points_15min": 1000 - call.vps.quarter.1, "remaining_points_24h": 20_000 - call.vps.day.1,
    }))
}

pub(super) fn get_usage_graphs(_: &mut Call<'_>) -> Outcome {
    Ok(Value::Null)
}

/// Thirty days of five-minute samples: measured since the world began, and before that such that
/// they add up to what the counter said then.
pub(super) fn get_raw_usage_stats(call: &mut Call<'_>) -> Outcome {
    let vps = &*call.vps;
    let sample = |at: i64, received: u64, sent: u64| {
        let busy = (received + sent) >> 26;
        json!({
            "timestamp": at, "cpu_usage": (1 + busy + swarm::below(3, vps.seed, &[at.unsigned_abs(), 1])).min(100),
            "network_in_bytes": received, "network_out_bytes": sent, "disk_read_bytes": sent / 64,
            "disk_write_bytes": received + swarm::below(1 << 20, vps.seed, &[at.unsigned_abs(), 2]),
        })
    };
    let since = (call.now - MONTH).max(vps.created);
    let began = previous_reset(vps.resets, call.started);
    let measured: u64 = vps.samples.iter().map(|(_, received, sent)| received + sent).sum();
    let before = vps.counter.bytes().saturating_sub(measured + vps.received.bytes() + vps.sent.bytes());
    let slots = u64::try_from((call.started - began).millis() / 300_000).unwrap_or(0).max(1);
    let mean = before / slots;
    let first = since.seconds().div_euclid(300) * 300 + 300;
    let mut data: Vec<Value> = (first..call.started.seconds())
        .step_by(300)
        .map(|at| {
            let moved = mean * (500 + swarm::mille(vps.seed, &[at.unsigned_abs()])) / 1000;
            sample(at, moved / 5, moved - moved / 5)
        })
        .collect();
    data.extend(vps.samples.iter().map(|&(at, received, sent)| sample(at, received, sent)));
    Ok(json!({"data": data, "vm_type": "kvm"}))
}

/// When the billing month that `started` lies in began.
fn previous_reset(mut resets: Time, started: Time) -> Time {
    while resets > started {
        resets = resets - MONTH;
    }
    resets
}

/// Addresses as unsigned numbers; older entries have them as digits in a string.
pub(super) fn get_audit_log(call: &mut Call<'_>) -> Outcome {
    let entries: Vec<Value> = call
        .vps
        .audit
        .iter()
        .rev()
        .map(|(at, kind, summary)| {
            let number = 3_405_803_801_u32;
            let requestor = if *at < call.started { json!(number.to_string()) } else { json!(number) };
            json!({"timestamp": at.seconds(), "requestor_ipv4": requestor, "type": kind, "summary": summary})
        })
        .collect();
    Ok(json!({"log_entries": entries}))
}

pub(super) fn multipliers() -> Map<String, Value> {
    LOCATIONS.iter().map(|location| (location.id.to_owned(), whole(location.multiplier))).collect()
}
