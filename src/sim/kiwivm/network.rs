//! Names, addresses and locations.

use serde_json::{Map, Value, json};

use super::info::multipliers;
use super::{Call, IMPOSSIBLE, MAIL, MISSING, Outcome, UNKNOWN, refuse};
use crate::sim::swarm;
use crate::sim::vps::{Job, LOCATIONS, Then, location};
use crate::time::Duration;

pub(super) fn set_hostname(call: &mut Call<'_>) -> Outcome {
    let name = call.text("newHostname").to_owned();
    call.vps.hostname = name;
    Ok(Value::Null)
}

pub(super) fn set_ptr(call: &mut Call<'_>) -> Outcome {
    let (ip, name) = (call.text("ip").to_owned(), call.text("ptr").to_owned());
    let known = call.vps.addresses.iter().chain(&call.vps.subnets).any(|address| *address == ip);
    if !known {
        return Err(refuse(UNKNOWN, "IP address does not belong to this VPS"));
    }
    call.vps.ptr.retain(|(of, _)| *of != ip);
    if !name.is_empty() {
        call.vps.ptr.push((ip, name));
    }
    Ok(Value::Null)
}

pub(super) fn ipv6_add(call: &mut Call<'_>) -> Outcome {
    if call.vps.subnets.len() >= 3 {
        return Err(refuse(IMPOSSIBLE, "Maximum number of IPv6 subnets reached"));
    }
    call.vps.invented += 1;
    let group = swarm::below(0xe000, call.vps.seed, &[call.vps.invented]) + 0x1000;
    let subnet = format!("2607:8700:5500:{group:x}::");
    call.vps.subnets.push(subnet.clone());
    Ok(json!({"assigned_subnet": subnet}))
}

/// Takes the text of `ip_addresses`, with `/64` or without.
pub(super) fn ipv6_delete(call: &mut Call<'_>) -> Outcome {
    let ip = call.text("ip").trim_end_matches("/64").to_owned();
    let before = call.vps.subnets.len();
    call.vps.subnets.retain(|subnet| *subnet != ip);
    if before == call.vps.subnets.len() { Err(refuse(UNKNOWN, "Unknown IPv6 subnet")) } else { Ok(Value::Null) }
}

/// A handful of addresses that nobody has.
fn free(call: &Call<'_>) -> Vec<String> {
    (0..5)
        .map(|n| format!("10.14.3.{}", 20 + (call.vps.seed + n * 7) % 200))
        .filter(|ip| !call.vps.private_ips.contains(ip))
        .collect()
}

pub(super) fn private_ip_get_available_ips(call: &mut Call<'_>) -> Outcome {
    Ok(json!({"available_ips": free(call)}))
}

pub(super) fn private_ip_assign(call: &mut Call<'_>) -> Outcome {
    let free = free(call);
    let ip = match call.param("ip") {
        None => free.first().cloned().ok_or_else(|| refuse(IMPOSSIBLE, "No private IP addresses available"))?,
        // An empty one is not the same as none.
        Some("") => return Err(refuse(MISSING, "Invalid private IP address")),
        Some(ip) if free.iter().any(|f| f == ip) => ip.to_owned(),
        Some(_) => return Err(refuse(IMPOSSIBLE, "Private IP address is not available")),
    };
    call.vps.private_ips.push(ip.clone());
    Ok(json!({"assigned_ips": [ip]}))
}

pub(super) fn private_ip_delete(call: &mut Call<'_>) -> Outcome {
    let ip = call.text("ip").to_owned();
    let before = call.vps.private_ips.len();
    call.vps.private_ips.retain(|other| *other != ip);
    if before == call.vps.private_ips.len() {
        return Err(refuse(UNKNOWN, "Private IP address is not assigned"));
    }
    Ok(Value::Null)
}

pub(super) fn migrate_get_locations(call: &mut Call<'_>) -> Outcome {
    let names: Map<String, Value> = LOCATIONS.iter().map(|l| (l.id.to_owned(), json!(l.name))).collect();
    let ids: Vec<&str> = LOCATIONS.iter().map(|location| location.id).collect();
    Ok(json!({
        "currentLocation": call.vps.location.id, "locations": ids, "descriptions": names,
        "dataTransferMultipliers": multipliers(),
    }))
}

pub(super) fn migrate_start(call: &mut Call<'_>) -> Outcome {
    let target = location(call.text("location")).ok_or_else(|| refuse(UNKNOWN, "Unknown location"))?;
    if target.id == call.vps.location.id {
        return Err(refuse(IMPOSSIBLE, "VPS is already at this location"));
    }
    call.vps.invented += 1;
    let roll = |what: u64| swarm::below(250, call.vps.seed, &[call.vps.invented, what]) + 2;
    let address = format!("104.224.{}.{}", roll(1), roll(2));
    call.vps.job = Some(Job {
        what: format!("Migration: {}", target.id),
        started: call.now,
        ends: call.now + Duration::from_seconds(600),
        then: Then::Moved { location: target, address: address.clone() },
    });
    Ok(json!({"notificationEmail": MAIL, "newIps": [address]}))
}
