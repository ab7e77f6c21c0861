//! Snapshots and backups.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::info::php_map;
use super::{Call, IMPOSSIBLE, MAIL, Outcome, Refused, UNKNOWN, refuse};
use crate::sim::vps::{Job, Snapshot, Then};
use crate::time::Duration;

fn position(call: &Call<'_>) -> Result<usize, Refused> {
    let file = call.text("snapshot");
    let found = call.vps.snapshots.iter().position(|snapshot| snapshot.file == file);
    found.ok_or_else(|| refuse(UNKNOWN, "Snapshot not found"))
}

fn job(call: &mut Call<'_>, what: &str, seconds: i64, then: Then) {
    let ends = call.now + Duration::from_seconds(seconds);
    call.vps.job = Some(Job { what: what.into(), started: call.now, ends, then });
}

pub(super) fn snapshot_create(call: &mut Call<'_>) -> Outcome {
    let description = call.param("description").unwrap_or("").to_owned();
    let size = call.vps.image_size();
    let snapshot = call.vps.image(call.now, &description, size);
    job(call, "Snapshot", 180, Then::Snapshot(snapshot));
    Ok(json!({"notificationEmail": MAIL}))
}

/// Sizes as digits in a string, descriptions in Base64.
pub(super) fn snapshot_list(call: &mut Call<'_>) -> Outcome {
    let list: Vec<Value> = call
        .vps
        .snapshots
        .iter()
        .map(|snapshot| {
            let link = format!("198.51.100.60/snapshots/{}", &snapshot.md5[..8]);
            json!({
                "fileName": snapshot.file, "os": snapshot.os, "description": BASE64_STANDARD.encode(&snapshot.description),
                "size": snapshot.size.to_string(), "md5": snapshot.md5, "sticky": snapshot.sticky,
                "uncompressed": snapshot.uncompressed,
                "purgesIn": if snapshot.sticky { 0 } else { (snapshot.purges - call.now).millis() / 1000 },
                "downloadLink": format!("http://{link}.tar.gz"), "downloadLinkSSL": format!("https://{link}.tar.gz"),
            })
        })
        .collect();
    Ok(json!({"snapshots": list}))
}

pub(super) fn snapshot_delete(call: &mut Call<'_>) -> Outcome {
    let position = position(call)?;
    call.vps.snapshots.remove(position);
    Ok(json!({"notificationEmail": MAIL}))
}

pub(super) fn snapshot_restore(call: &mut Call<'_>) -> Outcome {
    let os = call.vps.snapshots[position(call)?].os.clone();
    job(call, "Snapshot Restore", 420, Then::Restored { os });
    Ok(Value::Null)
}

pub(super) fn snapshot_toggle_sticky(call: &mut Call<'_>) -> Outcome {
    let sticky = match call.text("sticky") {
        "1" => true,
        "0" => false,
        _ => {
            let mut refused = refuse(IMPOSSIBLE, "Invalid value of sticky");
            refused.more.insert("additionalErrorCode".into(), json!(1));
            return Err(refused);
        }
    };
    let position = position(call)?;
    call.vps.snapshots[position].sticky = sticky;
    if !sticky {
        call.vps.snapshots[position].purges = call.now + Duration::from_seconds(30 * 86_400);
    }
    Ok(Value::Null)
}

pub(super) fn snapshot_export(call: &mut Call<'_>) -> Outcome {
    position(call)?;
    Ok(json!({"token": call.vps.invent(40)}))
}

pub(super) fn snapshot_import(call: &mut Call<'_>) -> Outcome {
    if call.text("sourceToken").len() != 40 {
        return Err(refuse(UNKNOWN, "Invalid source token"));
    }
    let size = call.vps.image_size();
    let snapshot = call.vps.image(call.now, &format!("imported from {}", call.text("sourceVeid")), size);
    job(call, "Snapshot Import", 240, Then::Snapshot(snapshot));
    Ok(Value::Null)
}

/// A map by token; its entries lack the token.
pub(super) fn backup_list(call: &mut Call<'_>) -> Outcome {
    let backups: Map<String, Value> = call
        .vps
        .backups
        .iter()
        .map(|(token, Snapshot { size, os, md5, .. }, taken)| {
            (token.clone(), json!({"size": size, "os": os, "md5": md5, "timestamp": taken.seconds()}))
        })
        .collect();
    Ok(json!({"backups": php_map(backups)}))
}

pub(super) fn backup_copy_to_snapshot(call: &mut Call<'_>) -> Outcome {
    let token = call.text("backupToken");
    let found = call.vps.backups.iter().find(|(known, ..)| known == token);
    let size = found.map(|(_, copy, _)| copy.size).ok_or_else(|| refuse(UNKNOWN, "Backup not found"))?;
    let snapshot = call.vps.image(call.now, "copied from a backup", size);
    job(call, "Backup to Snapshot", 240, Then::Snapshot(snapshot));
    Ok(json!({"notificationEmail": MAIL}))
}
