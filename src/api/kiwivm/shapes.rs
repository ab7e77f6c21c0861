//! What KiwiVM's calls return. `error` and `message` belong to the envelope, except where a command's own are meant.

use crate::api::shapes;

shapes! {
    /// What the reply to a started boot carries.
    Started {
        /// Undocumented; says nothing about the guest.
        is_mounted: Int | absent,
    }

    /// Who is told when a job has ended.
    Notified {
        /// The address that gets a mail when the job is done.
        notificationEmail: Text | absent,
    }

    /// The VPS as the control panel has it on record.
    ServiceInfo {
        /// `kvm` or `ovz`.
        vm_type: Text,
        hostname: Text,
        /// The provider's name of the physical host.
        node_alias: Text,
        /// Where the VPS is, in the ids of `migrate_get_locations`.
        node_location_id: Text | absent,
        /// Where the VPS is, for people.
        node_location: Text,
        /// The datacentre's long name.
        node_datacenter: Text | absent,
        /// The physical host's address; replies since about 2023 lack it.
        node_ip: Ip | absent,
        /// Whether IPv6 can be used at this location.
        location_ipv6_ready: Bool,
        plan: Text,
        /// The disk that the plan grants.
        plan_disk: Bytes,
        /// The memory that the plan grants.
        plan_ram: Bytes,
        /// The swap that the plan grants; 0 on KVM even where the guest has some.
        plan_swap: Bytes,
        /// How many /64 subnets the plan may hold.
        plan_max_ipv6s: Int,
        /// The installed template.
        os: Text,
        /// The account owner's address.
        email: Text,
        /// The plan's transfer a month, before the multiplier.
        plan_monthly_data: Bytes,
        /// What was transferred in this billing month, before the multiplier.
        data_counter: Bytes,
        /// What this location counts a byte as; read nothing, 0 or less as 1.
        monthly_data_multiplier: Float | absent,
        /// When `data_counter` goes back to zero.
        data_next_reset: Seconds,
        /// Public IPv4 addresses and IPv6 subnets; a subnet may lack its `/64`.
        ip_addresses: [Cidr],
        private_ip_addresses: [Ip] | absent,
        /// Addresses cut off because of an attack.
        ip_nullroutes: {Nullroute} | null | absent,
        /// The mounted ISO image; null or empty where there is none.
        iso1: Text | null | absent,
        /// The second slot, not in use yet.
        iso2: Text | null | absent,
        /// What `iso_mount` accepts.
        available_isos: [Text] | absent,
        /// Whether `set_ptr` may be used.
        rdns_api_available: Bool,
        /// Whether the plan has private addresses.
        plan_private_network_available: Bool | absent,
        /// Whether the location has private addresses.
        location_private_network_available: Bool | absent,
        /// Reverse names by address; null or empty where there is none.
        ptr: {(Text | null)},
        /// The IPv6 tunnel's endpoint, where the location has one.
        ipv6_sit_tunnel_endpoint: Text | null | absent,
        /// The control panel's theme.
        plan_kiwivm_theme: Text | absent,
        /// A left-over; always -100.
        free_ip_replacement_interval: Int | absent,
        /// Whether the VPS is suspended, also for used up transfer.
        suspended: Bool,
        /// Whether a violation waits for an answer: `get_policy_violations`.
        policy_violation: Bool | absent,
        /// Suspensions in this calendar year; null for none.
        suspension_count: Int | null | absent,
        /// Abuse points in this calendar year.
        total_abuse_points: Int | absent,
        /// The abuse points that the plan puts up with in a calendar year.
        max_abuse_points: Int | absent,
    }

    /// An address that the provider has cut off.
    Nullroute {
        /// When the attack began.
        nullroute_timestamp: Seconds,
        nullroute_duration_s: DurationSeconds,
        /// Packets of the attack, several lines.
        log: Text,
    }

    /// The VPS as it is now. Fields that need a running guest are left out while it is down.
    LiveServiceInfo: ServiceInfo {
        /// Whether the CPU is limited after high use; ends within two hours.
        is_cpu_throttled: Bool,
        /// Left out while a KVM guest is stopped.
        ssh_port: Int | null | absent,
        veid: Int | absent,
        /// KVM: `starting`, `running` or `stopped`; capitals occur.
        ve_status: Text | absent,
        /// KVM: the first network interface's address.
        ve_mac1: Text | absent,
        /// KVM: what the disk image occupies, which is not what its file system uses.
        ve_used_disk_space_b: Bytes | absent,
        /// KVM: the disk image's size in GiB.
        ve_disk_quota_gb: Int | absent,
        /// KVM: whether the disk is limited after high use; ends within three hours.
        is_disk_throttled: Bool | absent,
        /// KVM: the guest's own idea of its name.
        live_hostname: Text | null | absent,
        /// KVM: the guest's `/proc/loadavg`; the first three numbers are the averages.
        load_average: Text | null | absent,
        /// KVM: the guest's available memory in KiB.
        mem_available_kb: Int | null | absent,
        /// KVM: the guest's swap in KiB.
        swap_total_kb: Int | null | absent,
        /// KVM: the guest's free swap in KiB.
        swap_available_kb: Int | null | absent,
        /// KVM: the screen as Base64 of a PNG, in lines.
        screendump_png_base64: Text | null | absent,
        /// OpenVZ: state, load and counters.
        vz_status: ContainerStatus | absent,
        /// OpenVZ: disk and inodes.
        vz_quota: ContainerQuota | absent,
    }

    /// An OpenVZ container's state. A name with `_b` is the limit of the one without; null where the host sends `-`.
    ContainerStatus {
        status: Text | absent,
        hostname: Text | null | absent,
        /// Three averages with slashes between them.
        load_average: Text | null | absent,
        /// Processes.
        nproc: Int | null | absent,
        nproc_b: Int | null | absent,
        /// Kernel memory.
        kmemsize: Bytes | null | absent,
        kmemsize_b: Bytes | null | absent,
        /// Private memory, in pages of 4 KiB.
        privvmpages: Int | null | absent,
        privvmpages_b: Int | null | absent,
        /// Memory in use, in pages of 4 KiB.
        oomguarpages: Int | null | absent,
        oomguarpages_b: Int | null | absent,
        /// TCP sockets.
        numtcpsock: Int | null | absent,
        numtcpsock_b: Int | null | absent,
        /// Open files.
        numfile: Int | null | absent,
        numfile_b: Int | null | absent,
        /// Swap in use, in pages of 4 KiB.
        swappages: Int | null | absent,
        swappages_b: Int | null | absent,
        /// Physical memory, in pages of 4 KiB.
        physpages: Int | null | absent,
        /// The limit of `physpages`.
        physpages_l: Int | null | absent,
    }

    /// An OpenVZ container's disk; null where the host sends `-`.
    ContainerQuota {
        /// In KiB.
        occupied_kb: Int | null | absent,
        /// In KiB.
        softlimit_kb: Int | null | absent,
        /// In KiB.
        hardlimit_kb: Int | null | absent,
        occupied_inodes: Int | null | absent,
        softlimit_inodes: Int | null | absent,
        hardlimit_inodes: Int | null | absent,
    }

    /// What is left of the allowance of API calls, in points.
    RateLimit {
        /// Of about 1000.
        remaining_points_15min: Int,
        /// Of about 20 000.
        remaining_points_24h: Int,
    }

    /// Templates to install.
    Templates {
        /// What is installed now.
        installed: Text,
        /// What `reinstall_os` accepts.
        templates: [Text],
    }

    /// A system that is being installed. The password is shown this once.
    Reinstalled {
        rootPassword: Secret,
        /// Need not be the port of before.
        sshPort: Int,
        /// Public keys that were written, one a line.
        sshKeys: Any | null | absent,
        /// The same, shortened for reading.
        sshKeysBrief: Any | null | absent,
        /// The address that gets a mail when the job is done.
        notificationEmail: Text | absent,
    }

    /// Public keys, one a line.
    SshKeys {
        /// Kept for this VPS.
        ssh_keys_veid: Text | null,
        /// Kept for the account.
        ssh_keys_user: Text | null,
        /// What `reinstall_os` will install: the VPS's own, else the account's.
        ssh_keys_preferred: Text | null,
        /// The three again, shortened for reading.
        shortened_ssh_keys_veid: Text | null,
        shortened_ssh_keys_user: Text | null,
        shortened_ssh_keys_preferred: Text | null,
    }

    /// A new root password, shown this once.
    NewPassword {
        password: Secret,
    }

    /// Use over time.
    UsageStats {
        /// One for every five minutes, oldest first; about two years of them.
        data: [UsageSample],
        /// `kvm` or `ovz`.
        vm_type: Text | absent,
    }

    /// Five minutes of use.
    UsageSample {
        /// The end of the five minutes.
        timestamp: Seconds,
        cpu_usage: Percent,
        /// Received, before the multiplier.
        network_in_bytes: Bytes,
        /// Sent, before the multiplier.
        network_out_bytes: Bytes,
        disk_read_bytes: Bytes,
        disk_write_bytes: Bytes,
    }

    /// What was done in the panel and through the API.
    AuditLog {
        log_entries: [AuditEntry],
    }

    /// One action.
    AuditEntry {
        timestamp: Seconds,
        /// Who asked; null for what happened by itself.
        requestor_ipv4: IpNumber | null | absent,
        /// A kind of event; the numbers are not documented.
        type: Int,
        summary: Text,
    }

    /// A directory.
    WorkingDirectory {
        pwd: Text,
    }

    /// How a command ended.
    CommandResult {
        /// The command's exit status.
        error: Int,
        /// What the command printed.
        message: Text,
    }

    /// A script on its way.
    ScriptStarted {
        /// The output file's name.
        log: Text,
        /// The physical host's address.
        node_ip: Ip | absent,
        /// No documented call reads it.
        output_stream_id: Text | absent,
    }

    /// Stored snapshots.
    Snapshots {
        snapshots: [Snapshot],
    }

    /// A stored snapshot.
    Snapshot {
        /// Its name in the other snapshot calls.
        fileName: Text,
        os: Text,
        /// The text given when it was made.
        description: Base64,
        /// Of the compressed file.
        size: Bytes,
        uncompressed: Bytes | absent,
        md5: Text,
        /// Whether it is kept for good.
        sticky: Bool,
        /// When it is deleted, counted from now; says nothing where it is sticky.
        purgesIn: DurationSeconds,
        /// Opens the whole disk to whoever has it.
        downloadLink: Secret,
        /// The same over HTTPS.
        downloadLinkSSL: Secret | absent,
    }

    /// What another VPS needs to take a snapshot over.
    ExportToken {
        /// Opens the whole disk to whoever has it.
        token: Secret,
    }

    /// Automatic backups.
    Backups {
        /// By backup token.
        backups: {Backup},
    }

    /// An automatic backup.
    Backup {
        /// The same as its key.
        backupToken: Text | absent,
        size: Bytes,
        os: Text,
        md5: Text,
        timestamp: Seconds,
    }

    /// A subnet that was assigned.
    AssignedSubnet {
        /// May lack its `/64`.
        assigned_subnet: Cidr,
    }

    /// Where the VPS can move to.
    Locations {
        currentLocation: Text,
        /// Includes the current one.
        locations: [Text],
        /// Names for people by location.
        descriptions: {Text},
        /// What each location counts a byte as.
        dataTransferMultipliers: {Float} | absent,
    }

    /// A move that has begun.
    Migration {
        /// The address that gets a mail when the job is done.
        notificationEmail: Text | absent,
        /// The addresses that the VPS will have.
        newIps: [Cidr],
    }

    /// Open abuse cases.
    Suspensions {
        /// In this calendar year; null for none.
        suspension_count: Int | null,
        /// In this calendar year.
        total_abuse_points: Int,
        /// What the plan puts up with in a calendar year.
        max_abuse_points: Int,
        suspensions: [Suspension] | null | absent,
        /// Complaints in full, by `evidence_record_id`.
        evidence: {Text} | null | absent,
    }

    /// A case that suspended the VPS.
    Suspension {
        /// What `unsuspend` takes.
        record_id: Int,
        /// The kind of abuse.
        flag: Text,
        /// Whether `unsuspend` can clear it; else only support can.
        is_soft: Bool,
        /// The key into `evidence`, where it is a text.
        evidence_record_id: Int,
        abuse_points: Int,
    }

    /// Open violations.
    Violations {
        /// In this calendar year.
        total_abuse_points: Int,
        /// What the plan puts up with in a calendar year.
        max_abuse_points: Int,
        policy_violations: [Violation] | null | absent,
    }

    /// A case that will suspend the VPS unless it is resolved.
    Violation {
        /// What `resolve_policy_violation` takes.
        record_id: Int,
        /// When the case was opened.
        timestamp: Seconds,
        /// When the VPS will be suspended.
        suspend_at: Seconds,
        /// The kind of abuse.
        flag: Text,
        /// Whether `resolve_policy_violation` can clear it; else only support can.
        is_soft: Bool,
        abuse_points: Int,
        evidence_data: Text | null | absent,
    }

    /// Private addresses that are free.
    FreeIps {
        available_ips: [Ip],
    }

    /// Private addresses that were assigned.
    AssignedIps {
        assigned_ips: [Ip],
    }

    /// What the owner is told by mail.
    Preferences {
        /// By category, then by preference id.
        email_preferences: {{Preference}},
        /// Where the mails go.
        notificationEmail: Text,
    }

    /// One kind of mail.
    Preference {
        friendly_description: Text,
        is_enabled: Bool,
        changed_timestamp: Seconds,
        /// Undocumented.
        s_value: Text | null | absent,
    }

    /// What became of a change of preferences.
    PreferencesSet {
        /// As received.
        submitted_email_preferences: {Int},
        /// Those that really changed; unknown ids are passed over.
        updated_email_preferences: {Int},
        friendly_descriptions: {Text},
    }
}
