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
        { job, zh: "开机", note: "The reply comes before the guest is up: wait for `ve_status` `running`." }

    /// Shuts the VPS down cleanly, so that its services stop until `start`.
    destructive POST "/stop" stop() -> Null
        { job, zh: "正常关机", note: "Nothing happens where the guest ignores it; `kill` is the last resort. Mounted ISO images and new IPv6 subnets need `stop` and `start`." }

    /// Reboots the VPS and interrupts its services.
    destructive POST "/restart" restart() -> Null
        { job, zh: "重启", note: "Does not apply a mounted ISO image or a new IPv6 subnet." }

    /// Cuts the power of a VPS that hangs, and loses what was not written to disk.
    destructive POST "/kill" kill() -> Null
        { zh: "强制断电（未写入磁盘的数据会丢失）" }
}

"info" {
    /// Reads plan, location, addresses, transfer and abuse state from the panel's records.
    read POST "/getServiceInfo" get_service_info() -> ServiceInfo
        { source: FROM_CLIENTS, zh: "查询 VPS 的套餐、地址、流量与封停状态", note: "Fast; does not say whether the VPS runs." }

    /// Reads what `get_service_info` does and the guest's live state.
    read POST "/getLiveServiceInfo" get_live_service_info() -> LiveServiceInfo
        { source: FROM_CLIENTS, slow: 15, zh: "查询 VPS 信息与实时运行状态", note: "KVM and OpenVZ send different fields; `vm_type` tells which." }

    /// Reads what is left of the allowance of API calls.
    read POST "/getRateLimitStatus" get_rate_limit_status() -> RateLimit
        { zh: "查询剩余的 API 调用额度", note: "Costs a point itself; once in 15 minutes is enough." }
}

"os" {
    /// Lists the installed system and the templates to install.
    read POST "/getAvailableOS" get_available_os() -> Templates
        { zh: "查询当前系统与可安装的系统模板" }

    /// Installs a template and loses everything on the disk.
    destructive POST "/reinstallOS" reinstall_os(os: Text) -> Reinstalled
        { job, zh: "重装系统（磁盘上的一切都会丢失）", note: "Takes 5 to 15 minutes, during which the VPS is locked. The new password is in this reply only." }

    /// Replaces the SSH keys that the next installation writes, and loses the old list.
    destructive POST "/updateSshKeys" update_ssh_keys(ssh_keys: Text) -> Null
        { zh: "替换重装时写入的 SSH 公钥", note: "One public key a line; an empty text removes them all. The running system is not touched." }

    /// Reads the SSH keys kept for the VPS and for the account.
    read POST "/getSshKeys" get_ssh_keys() -> SshKeys
        { zh: "查询保存的 SSH 公钥" }

    /// Sets a random root password, so that the old one no longer works.
    destructive POST "/resetRootPassword" reset_root_password() -> NewPassword
        { zh: "重置 root 密码" }
}

"statistics" {
    /// Reads the use of CPU, network and disk in an older form.
    read POST "/getUsageGraphs" get_usage_graphs() -> Any
        { zh: "查询用量图表（旧）", note: "Deprecated and undocumented: use `get_raw_usage_stats`." }

    /// Reads the use of CPU, network and disk, five minutes a sample.
    read POST "/getRawUsageStats" get_raw_usage_stats() -> UsageStats
        { source: FROM_CLIENTS, zh: "查询 CPU、网络与磁盘的用量记录", note: "Always the whole history, which can be megabytes." }

    /// Reads what was done in the panel and through the API.
    read POST "/getAuditLog" get_audit_log() -> AuditLog
        { source: FROM_CLIENTS, zh: "查询操作审计日志" }
}

"settings" {
    /// Sets the hostname that the panel has on record.
    write POST "/setHostname" set_hostname(newHostname: Text) -> Null
        { idempotent, zh: "设置主机名", note: "A running guest keeps its own." }
}

"network" {
    /// Sets the reverse name of an address.
    write POST "/setPTR" set_ptr(ip: Ip, ptr: Text) -> Null
        { idempotent, zh: "设置地址的反向解析", note: "Only where `rdns_api_available`. The names are in `get_service_info().ptr`." }

    /// Assigns one more IPv6 subnet.
    write POST "/ipv6/add" ipv6_add() -> AssignedSubnet
        { source: FROM_CLIENTS, zh: "分配一个 IPv6 子网", note: "Needs `location_ipv6_ready` and room below `plan_max_ipv6s`; in force after `stop` and `start`." }

    /// Gives an IPv6 subnet back, and loses its addresses.
    destructive POST "/ipv6/delete" ipv6_delete(ip: Cidr) -> Null
        { zh: "释放一个 IPv6 子网（其中的地址会失去）", note: "The text as it is in `ip_addresses`." }

    /// Lists the private addresses that are free.
    read POST "/privateIp/getAvailableIps" private_ip_get_available_ips() -> FreeIps
        { zh: "查询可用的内网地址", note: "Needs `plan_private_network_available` and `location_private_network_available`." }

    /// Assigns a private address, a random one where none is given.
    write POST "/privateIp/assign" private_ip_assign(#{ip: Ip}) -> AssignedIps
        { zh: "分配内网地址", note: "Needs `plan_private_network_available` and `location_private_network_available`." }

    /// Gives a private address back, and loses it to others.
    destructive POST "/privateIp/delete" private_ip_delete(ip: Ip) -> Null
        { zh: "释放内网地址" }
}

"iso" {
    /// Chooses an ISO image to boot instead of the disk, which takes the system offline at the next start.
    destructive POST "/iso/mount" iso_mount(iso: Text) -> Null
        { zh: "挂载 ISO 镜像（下次开机从它启动）", note: "One of `available_isos`. In force after `stop` and `start`, not after `restart`." }

    /// Removes the ISO image, so that the VPS boots from its disk again.
    write POST "/iso/unmount" iso_unmount() -> Null
        { idempotent, zh: "卸载 ISO 镜像", note: "In force after `stop` and `start`, not after `restart`." }
}

"shell" {
    /// Works out where a `cd` would lead by running it as root inside the VPS, which may change anything there.
    destructive POST "/basicShell/cd" basic_shell_cd(currentDir: Text, newDir: Text) -> WorkingDirectory
        { zh: "在 VPS 内解析目录切换", note: "Nothing is remembered between calls: write `cd` into the command itself." }

    /// Runs a command as root inside the VPS, which may change or lose anything there, and waits for it.
    destructive POST "/basicShell/exec" basic_shell_exec(command: Text) -> CommandResult
        { envelope: KiwiVmShell, slow: 60, zh: "在 VPS 内以 root 执行命令并等待结果", note: "Needs a running guest. For long work take `shell_script_exec`." }

    /// Starts a shell script as root inside the VPS, which may change or lose anything there.
    destructive POST "/shellScript/exec" shell_script_exec(script: Text) -> ScriptStarted
        { job, source: FROM_CLIENTS, zh: "在 VPS 内以 root 启动脚本", note: "There is no exit status and no way to stop it." }
}

"snapshot" {
    /// Takes a snapshot.
    write POST "/snapshot/create" snapshot_create(#{description: Text}) -> Notified
        { job, zh: "创建快照", note: "The VPS is locked meanwhile and may be restarted." }

    /// Lists the stored snapshots.
    read POST "/snapshot/list" snapshot_list() -> Snapshots
        { source: FROM_CLIENTS, zh: "列出快照" }

    /// Deletes a snapshot for good.
    destructive POST "/snapshot/delete" snapshot_delete(snapshot: Text) -> Notified
        { zh: "删除快照（不可恢复）", note: "Takes the snapshot's `fileName`. Look at `snapshot_list` to see it gone." }

    /// Overwrites the VPS with a snapshot, and loses what came after it.
    destructive POST "/snapshot/restore" snapshot_restore(snapshot: Text) -> Null
        { job, zh: "用快照恢复（快照之后的数据会丢失）", note: "Takes the snapshot's `fileName`. Passwords and keys go back too." }

    /// Keeps a snapshot for good (1) or lets it be purged (0).
    write POST "/snapshot/toggleSticky" snapshot_toggle_sticky(snapshot: Text, sticky: Int) -> Null
        { idempotent, zh: "设置快照是否永久保留", note: "Sets, although its name says toggle." }

    /// Makes a token that opens a snapshot's whole disk to another VPS, and cannot be taken back.
    destructive POST "/snapshot/export" snapshot_export(snapshot: Text) -> ExportToken
        { source: FROM_CLIENTS, zh: "导出快照（生成无法撤回的令牌）" }

    /// Copies a snapshot of another VPS into the list of this one.
    write POST "/snapshot/import" snapshot_import(sourceVeid: Text, sourceToken: Secret) -> Null
        { job, zh: "导入另一台 VPS 的快照", note: "Restores nothing: `snapshot_restore` does." }
}

"backup" {
    /// Lists the automatic backups.
    read POST "/backup/list" backup_list() -> Backups
        { source: FROM_CLIENTS, zh: "列出自动备份", note: "In no particular order." }

    /// Makes a snapshot of an automatic backup.
    write POST "/backup/copyToSnapshot" backup_copy_to_snapshot(backupToken: Text) -> Notified
        { job, zh: "把自动备份复制为快照", note: "Restores nothing: `snapshot_restore` does." }
}

"migration" {
    /// Lists the locations that the VPS can move to.
    read POST "/migrate/getLocations" migrate_get_locations() -> Locations
        { zh: "列出可迁移到的机房", note: "Fails with 788888 while a job runs, which makes it a probe." }

    /// Moves the VPS to another location, and loses its addresses.
    destructive POST "/migrate/start" migrate_start(location: Text) -> Migration
        { job, slow: 900, zh: "迁移到另一机房（地址会改变）", note: "The reply may take minutes: after a timeout look at `currentLocation`, do not repeat. The transfer allowance may change." }

    /// Replaces the VPS with a copy of another server, and loses everything on its disk.
    destructive POST "/cloneFromExternalServer" clone_from_external_server(externalServerIP: Ip, externalServerSSHport: Int, externalServerRootPassword: Secret) -> Null
        { job, zh: "克隆外部服务器（磁盘上的一切都会丢失）", note: "OpenVZ only." }
}

"abuse" {
    /// Lists the cases that suspended the VPS and the evidence for them.
    read POST "/getSuspensionDetails" get_suspension_details() -> Suspensions
        { zh: "查询封停案件与证据", note: "Used up transfer suspends without a case." }

    /// Lists the violations that will suspend the VPS unless resolved.
    read POST "/getPolicyViolations" get_policy_violations() -> Violations
        { zh: "查询待处理的违规" }

    /// States that a case's cause is gone, which binds the owner, and lifts the suspension.
    destructive POST "/unsuspend" unsuspend(record_id: Int) -> Null
        { zh: "声明问题已解决并解除封停", note: "Only for a case with `is_soft`." }

    /// States that a violation's cause is gone, which binds the owner.
    destructive POST "/resolvePolicyViolation" resolve_policy_violation(record_id: Int) -> Null
        { zh: "声明违规已处理", note: "Only for a case with `is_soft`, and before its `suspend_at`." }
}

"notification" {
    /// Reads what the owner is told by mail.
    read POST "/kiwivm/getNotificationPreferences" kiwivm_get_notification_preferences() -> Preferences
        { source: FROM_CLIENTS, zh: "查询邮件通知设置" }

    /// Switches kinds of mail on or off.
    write POST "/kiwivm/setNotificationPreferences" kiwivm_set_notification_preferences(json_notification_preferences: Text) -> PreferencesSet
        { idempotent, zh: "修改邮件通知设置", note: "Takes JSON text that maps preference ids to 0 or 1, only those to change." }
}

}
