//! How a VPS fares, by the live reply of either kind of virtualisation.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ask;
use crate::api::shapes;
use crate::client::Client;
use crate::error::{Kind, Result};
use crate::recorder::Talk;

shapes! {
    /// How a VPS fares.
    VpsStatus {
        /// Null while a job locks the VPS: nobody can tell then.
        running: Bool | null,
        /// `running`, `starting` or `stopped`, and `locked` while a job hides which of them.
        state: Text,
        suspended: Bool,
        /// A job runs on it: a snapshot, a migration, a reinstallation.
        locked: Bool,
        /// The provider limits the CPU after high use.
        cpu_throttled: Bool,
        /// The provider limits the disk after high use.
        disk_throttled: Bool,
        /// An address is cut off because of an attack; `get_service_info().ip_nullroutes` has the details.
        nullrouted: Bool,
        /// The average of the last minute; null where nobody can tell.
        load: Float | null,
        /// Null where nobody can tell.
        mem_used: Bytes | null,
        /// What the disk occupies at the provider; null where nobody can tell.
        disk_used: Bytes | null,
        /// As `migrate_and_wait` takes it.
        location: Text,
        ips: [Cidr],
    }
}

/// The shape of the same name says what each field means.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field that scripts ask for")]
pub struct VpsStatus {
    pub running: Option<bool>,
    pub state: String,
    pub suspended: bool,
    pub locked: bool,
    pub cpu_throttled: bool,
    pub disk_throttled: bool,
    pub nullrouted: bool,
    pub load: Option<f64>,
    pub mem_used: Option<i64>,
    pub disk_used: Option<i64>,
    pub location: String,
    pub ips: Vec<String>,
}

/// Of `getServiceInfo` or `getLiveServiceInfo`, as far as it matters.
#[derive(Deserialize)]
pub(super) struct Info {
    node_location_id: Option<String>,
    node_location: String,
    ip_addresses: Vec<String>,
    ip_nullroutes: Option<Map<String, Value>>,
    plan_ram: i64,
    pub suspended: bool,
    is_cpu_throttled: Option<bool>,
    is_disk_throttled: Option<bool>,
    ve_status: Option<String>,
    load_average: Option<String>,
    mem_available_kb: Option<i64>,
    ve_used_disk_space_b: Option<i64>,
    vz_status: Option<Container>,
    vz_quota: Option<Quota>,
}

#[derive(Deserialize)]
struct Container {
    status: Option<String>,
    load_average: Option<String>,
    /// Pages of 4 KiB.
    oomguarpages: Option<i64>,
}

#[derive(Deserialize)]
struct Quota {
    occupied_kb: Option<i64>,
}

pub(super) const RUNNING: &str = "running";
const LOCKED: &str = "locked";
const PAGE: i64 = 4096;

impl Info {
    /// `running`, `starting` or `stopped`; a container that the host says nothing of does not run.
    pub fn state(&self) -> String {
        let container = || self.vz_status.as_ref().and_then(|container| container.status.as_ref());
        self.ve_status.as_ref().or_else(container).map_or_else(|| "stopped".into(), |word| word.to_lowercase())
    }

    fn status(self, locked: bool) -> VpsStatus {
        let state = if locked { LOCKED.into() } else { self.state() };
        let container = self.vz_status.as_ref();
        let average =
            self.load_average.as_deref().or(container.and_then(|container| container.load_average.as_deref()));
        let kvm = self.mem_available_kb.map(|free| (self.plan_ram - free * 1024).max(0));
        let pages = container.and_then(|container| container.oomguarpages).map(|pages| pages * PAGE);
        let quota = self.vz_quota.as_ref().and_then(|quota| quota.occupied_kb).map(|occupied| occupied * 1024);
        VpsStatus {
            running: (!locked).then(|| state == RUNNING),
            load: average.and_then(first_number),
            mem_used: kvm.or(pages),
            disk_used: self.ve_used_disk_space_b.or(quota),
            state,
            suspended: self.suspended,
            locked,
            cpu_throttled: self.is_cpu_throttled.unwrap_or(false),
            disk_throttled: self.is_disk_throttled.unwrap_or(false),
            nullrouted: self.ip_nullroutes.is_some_and(|cut| !cut.is_empty()),
            location: self.node_location_id.unwrap_or(self.node_location),
            ips: self.ip_addresses,
        }
    }
}

/// Of `0.12 0.10 0.05 1/143 20718`, or of `0.12/0.10/0.05`.
fn first_number(averages: &str) -> Option<f64> {
    averages.trim().split([' ', '/']).next()?.parse().ok()
}

/// The live reply; while a job locks the VPS, what the panel has on record.
pub async fn status(vps: &Client, talk: &Talk) -> Result<VpsStatus> {
    match ask::<Info>(vps, "get_live_service_info", talk).await {
        Ok(info) => Ok(info.status(false)),
        Err(error) if error.kind == Kind::Locked => Ok(ask::<Info>(vps, "get_service_info", talk).await?.status(true)),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::decode::{Json, decode};
    use crate::api::{Service, Type};

    /// A reply as the wire has it, read by its row.
    fn read(reply: &Value) -> Info {
        let ty: Type = Service::KiwiVm.row("get_live_service_info").unwrap().returns;
        let decoded = decode(reply.to_string().as_bytes(), &ty, Service::KiwiVm, &mut Json::default()).unwrap();
        serde_json::from_value(decoded).unwrap()
    }

    fn kvm() -> Value {
        json!({
            "error": 0, "vm_type": "kvm", "hostname": "seed", "node_alias": "v4001", "node_location_id": "JPTYO_8",
            "node_location": "Japan, Tokyo", "location_ipv6_ready": true, "plan": "kvmv5", "plan_disk": 42_949_672_960_i64,
            "plan_ram": 2_147_483_648_i64, "plan_swap": 0, "plan_max_ipv6s": 3, "os": "debian-12-x86_64",
            "email": "owner@example.com", "plan_monthly_data": 1_073_741_824_000_i64, "data_counter": 5,
            "monthly_data_multiplier": 1, "data_next_reset": 1_782_000_000, "ip_addresses": ["203.0.113.5", "2001:db8:1:2::"],
            "ip_nullroutes": [], "iso1": null, "iso2": null, "rdns_api_available": true, "ptr": [], "suspended": false,
            "ve_status": "Running", "load_average": "0.12 0.10 0.05 1/143 20718", "mem_available_kb": 1_048_576,
            "ve_used_disk_space_b": "6442450944", "is_cpu_throttled": "", "is_disk_throttled": "1",
        })
    }

    #[test]
    fn a_kvm_guest_is_read_with_all_quirks_of_the_wire() {
        let status = read(&kvm()).status(false);
        assert_eq!((status.running, status.state.as_str(), status.load), (Some(true), "running", Some(0.12)));
        assert_eq!((status.mem_used, status.disk_used), (Some(1 << 30), Some(6 << 30)));
        assert!(!status.cpu_throttled && status.disk_throttled && !status.nullrouted && !status.suspended);
        assert_eq!(status.location, "JPTYO_8");
        assert_eq!(status.ips.len(), 2);
    }

    #[test]
    fn a_container_is_told_by_its_own_fields() {
        let mut reply = kvm();
        for key in ["ve_status", "load_average", "mem_available_kb", "ve_used_disk_space_b", "is_disk_throttled"] {
            reply.as_object_mut().unwrap().remove(key);
        }
        reply["vm_type"] = json!("ovz");
        reply["vz_status"] = json!({"status": "running", "load_average": "0.30/0.20/0.10", "oomguarpages": "1024"});
        reply["vz_quota"] = json!({"occupied_kb": "2048"});
        let status = read(&reply).status(false);
        assert_eq!((status.running, status.load), (Some(true), Some(0.3)));
        assert_eq!((status.mem_used, status.disk_used), (Some(4 << 20), Some(2 << 20)));
    }

    #[test]
    fn what_nobody_can_tell_is_null() {
        let mut reply = kvm();
        reply["ve_status"] = json!("stopped");
        for key in ["load_average", "mem_available_kb"] {
            reply[key] = Value::Null;
        }
        reply["ip_nullroutes"] = json!({"203.0.113.5": {
            "nullroute_timestamp": 1_781_000_000, "nullroute_duration_s": 3600, "log": "x",
        }});
        let stopped = read(&reply).status(false);
        assert_eq!((stopped.running, stopped.load, stopped.mem_used), (Some(false), None, None));
        assert!(stopped.nullrouted);
        let locked = read(&reply).status(true);
        assert_eq!((locked.running, locked.state.as_str(), locked.locked), (None, "locked", true));
    }
}
