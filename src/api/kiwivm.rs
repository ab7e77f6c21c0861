//! KiwiVM: 45 calls, all `POST` with a form body beside `veid` and `api_key`.

mod shapes;

use super::{Service, rows};

pub use shapes::*;

const DOCUMENTED: &str = "KiwiVM documentation of 2026-01-20";
const FROM_CLIENTS: &str = "KiwiVM documentation of 2026-01-20, fields from published replies";

rows! { Service::KiwiVm, DOCUMENTED;

"power" {
    /// Boots the VPS.
    write POST "/start" start() -> Started
        { job, note: "The reply comes before the guest is up: wait for `ve_status` `running`." }

    /// Shuts the VPS down cleanly, so that its services stop until `start`.
    destructive POST "/stop" stop() -> Null
        { job, note: "Nothing happens where the guest ignores it; `kill` is the last resort. Mounted ISO images and new IPv6 subnets need `stop` and `start`." }

    /// Reboots the VPS and interrupts its services.
    destructive POST "/restart" restart() -> Null
        { job, note: "Does not apply a mounted ISO image or a new IPv6 subnet." }

    /// Cuts the power of a VPS that hangs, and loses what was not written to disk.
    destructive POST "/kill" kill() -> Null
}

"info" {
    /// Reads plan, location, addresses, transfer and abuse state from the panel's records.
    read POST "/getServiceInfo" get_service_info() -> ServiceInfo
        { source: FROM_CLIENTS, note: "Fast; does not say whether the VPS runs." }

    /// Reads what `get_service_info` does and the guest's live state.
    read POST "/getLiveServiceInfo" get_live_service_info() -> LiveServiceInfo
        { source: FROM_CLIENTS, slow: 15, note: "KVM and OpenVZ send different fields; `vm_type` tells which." }

    /// Reads what is left of the allowance of API calls.
    read POST "/getRateLimitStatus" get_rate_limit_status() -> RateLimit
        { note: "Costs a point itself; once in 15 minutes is enough." }
}

"os" {
    /// Lists the installed system and the templates to install.
    read POST "/getAvailableOS" get_available_os() -> Templates

    /// Installs a template and loses everything on the disk.
    destructive POST "/reinstallOS" reinstall_os(os: Text) -> Reinstalled
        { job, note: "Takes 5 to 15 minutes, during which the VPS is locked. The new password is in this reply only." }

    /// Replaces the SSH keys that the next installation writes, and loses the old list.
    destructive POST "/updateSshKeys" update_ssh_keys(ssh_keys: Text) -> Null
        { note: "One public key a line; an empty text removes them all. The running system is not touched." }

    /// Reads the SSH keys kept for the VPS and for the account.
    read POST "/getSshKeys" get_ssh_keys() -> SshKeys

    /// Sets a random root password, so that the old one no longer works.
    destructive POST "/resetRootPassword" reset_root_password() -> NewPassword
}

"statistics" {
    /// Reads the use of CPU, network and disk in an older form.
    read POST "/getUsageGraphs" get_usage_graphs() -> Any
        { note: "Deprecated and undocumented: use `get_raw_usage_stats`." }

    /// Reads the use of CPU, network and disk, five minutes a sample.
    read POST "/getRawUsageStats" get_raw_usage_stats() -> UsageStats
        { source: FROM_CLIENTS, note: "Always the whole history, which can be megabytes." }

    /// Reads what was done in the panel and through the API.
    read POST "/getAuditLog" get_audit_log() -> AuditLog
        { source: FROM_CLIENTS }
}

"settings" {
    /// Sets the hostname that the panel has on record.
    write POST "/setHostname" set_hostname(newHostname: Text) -> Null
        { idempotent, note: "A running guest keeps its own." }
}

"network" {
    /// Sets the reverse name of an address.
    write POST "/setPTR" set_ptr(ip: Ip, ptr: Text) -> Null
        { idempotent, note: "Only where `rdns_api_available`. The names are in `get_service_info().ptr`." }

    /// Assigns one more IPv6 subnet.
    write POST "/ipv6/add" ipv6_add() -> AssignedSubnet
        { source: FROM_CLIENTS, note: "Needs `location_ipv6_ready` and room below `plan_max_ipv6s`; in force after `stop` and `start`." }

    /// Gives an IPv6 subnet back, and loses its addresses.
    destructive POST "/ipv6/delete" ipv6_delete(ip: Cidr) -> Null
        { note: "The text as it is in `ip_addresses`." }

    /// Lists the private addresses that are free.
    read POST "/privateIp/getAvailableIps" private_ip_get_available_ips() -> FreeIps
        { note: "Needs `plan_private_network_available` and `location_private_network_available`." }

    /// Assigns a private address, a random one where none is given.
    write POST "/privateIp/assign" private_ip_assign(#{ip: Ip}) -> AssignedIps
        { note: "Needs `plan_private_network_available` and `location_private_network_available`." }

    /// Gives a private address back, and loses it to others.
    destructive POST "/privateIp/delete" private_ip_delete(ip: Ip) -> Null
}

"iso" {
    /// Chooses an ISO image to boot instead of the disk, which takes the system offline at the next start.
    destructive POST "/iso/mount" iso_mount(iso: Text) -> Null
        { note: "One of `available_isos`. In force after `stop` and `start`, not after `restart`." }

    /// Removes the ISO image, so that the VPS boots from its disk again.
    write POST "/iso/unmount" iso_unmount() -> Null
        { idempotent, note: "In force after `stop` and `start`, not after `restart`." }
}

"shell" {
    /// Works out where a `cd` would lead by running it as root inside the VPS, which may change anything there.
    destructive POST "/basicShell/cd" basic_shell_cd(currentDir: Text, newDir: Text) -> WorkingDirectory
        { note: "Nothing is remembered between calls: write `cd` into the command itself." }

    /// Runs a command as root inside the VPS, which may change or lose anything there, and waits for it.
    destructive POST "/basicShell/exec" basic_shell_exec(command: Text) -> CommandResult
        { envelope: KiwiVmShell, slow: 60, note: "Needs a running guest. For long work take `shell_script_exec`." }

    /// Starts a shell script as root inside the VPS, which may change or lose anything there.
    destructive POST "/shellScript/exec" shell_script_exec(script: Text) -> ScriptStarted
        { job, source: FROM_CLIENTS, note: "There is no exit status and no way to stop it." }
}

"snapshot" {
    /// Takes a snapshot.
    write POST "/snapshot/create" snapshot_create(#{description: Text}) -> Notified
        { job, note: "The VPS is locked meanwhile and may be restarted." }

    /// Lists the stored snapshots.
    read POST "/snapshot/list" snapshot_list() -> Snapshots
        { source: FROM_CLIENTS }

    /// Deletes a snapshot for good.
    destructive POST "/snapshot/delete" snapshot_delete(snapshot: Text) -> Notified
        { note: "Takes the snapshot's `fileName`. Look at `snapshot_list` to see it gone." }

    /// Overwrites the VPS with a snapshot, and loses what came after it.
    destructive POST "/snapshot/restore" snapshot_restore(snapshot: Text) -> Null
        { job, note: "Takes the snapshot's `fileName`. Passwords and keys go back too." }

    /// Keeps a snapshot for good (1) or lets it be purged (0).
    write POST "/snapshot/toggleSticky" snapshot_toggle_sticky(snapshot: Text, sticky: Int) -> Null
        { idempotent, note: "Sets, although its name says toggle." }

    /// Makes a token that opens a snapshot's whole disk to another VPS, and cannot be taken back.
    destructive POST "/snapshot/export" snapshot_export(snapshot: Text) -> ExportToken
        { source: FROM_CLIENTS }

    /// Copies a snapshot of another VPS into the list of this one.
    write POST "/snapshot/import" snapshot_import(sourceVeid: Text, sourceToken: Secret) -> Null
        { job, note: "Restores nothing: `snapshot_restore` does." }
}

"backup" {
    /// Lists the automatic backups.
    read POST "/backup/list" backup_list() -> Backups
        { source: FROM_CLIENTS, note: "In no particular order." }

    /// Makes a snapshot of an automatic backup.
    write POST "/backup/copyToSnapshot" backup_copy_to_snapshot(backupToken: Text) -> Notified
        { job, note: "Restores nothing: `snapshot_restore` does." }
}

"migration" {
    /// Lists the locations that the VPS can move to.
    read POST "/migrate/getLocations" migrate_get_locations() -> Locations
        { note: "Fails with 788888 while a job runs, which makes it a probe." }

    /// Moves the VPS to another location, and loses its addresses.
    destructive POST "/migrate/start" migrate_start(location: Text) -> Migration
        { job, slow: 900, note: "The reply may take minutes: after a timeout look at `currentLocation`, do not repeat. The transfer allowance may change." }

    /// Replaces the VPS with a copy of another server, and loses everything on its disk.
    destructive POST "/cloneFromExternalServer" clone_from_external_server(externalServerIP: Ip, externalServerSSHport: Int, externalServerRootPassword: Secret) -> Null
        { job, note: "OpenVZ only." }
}

"abuse" {
    /// Lists the cases that suspended the VPS and the evidence for them.
    read POST "/getSuspensionDetails" get_suspension_details() -> Suspensions
        { note: "Used up transfer suspends without a case." }

    /// Lists the violations that will suspend the VPS unless resolved.
    read POST "/getPolicyViolations" get_policy_violations() -> Violations

    /// States that a case's cause is gone, which binds the owner, and lifts the suspension.
    destructive POST "/unsuspend" unsuspend(record_id: Int) -> Null
        { note: "Only for a case with `is_soft`." }

    /// States that a violation's cause is gone, which binds the owner.
    destructive POST "/resolvePolicyViolation" resolve_policy_violation(record_id: Int) -> Null
        { note: "Only for a case with `is_soft`, and before its `suspend_at`." }
}

"notification" {
    /// Reads what the owner is told by mail.
    read POST "/kiwivm/getNotificationPreferences" kiwivm_get_notification_preferences() -> Preferences
        { source: FROM_CLIENTS }

    /// Switches kinds of mail on or off.
    write POST "/kiwivm/setNotificationPreferences" kiwivm_set_notification_preferences(json_notification_preferences: Text) -> PreferencesSet
        { idempotent, note: "Takes JSON text that maps preference ids to 0 or 1, only those to change." }
}

}
