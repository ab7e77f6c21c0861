//! Calls with plausible arguments, as a script writes them: the reference pages show them and the tests run them.

use super::{Param, Row, Service, Type};

/// Which parameters an example gives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Extent {
    Required,
    All,
}

/// A parameter, and the expression given for it.
pub type Argument = (&'static Param, String);

impl Row {
    /// A call of this row: `pbh().alert_dismiss(12)`.
    pub fn example(&self, extent: Extent) -> String {
        let (required, optional) = self.arguments(extent);
        let mut arguments: Vec<_> = required.into_iter().map(|(_, text)| text).collect();
        let mut options: Vec<_> = optional.iter().map(|(param, text)| format!("{}: {text}", param.name)).collect();
        if self.is_stream() && extent == Extent::All {
            options.push("duration: 10.seconds, limit: 100".to_owned());
        }
        if !options.is_empty() {
            arguments.push(format!("#{{{}}}", options.join(", ")));
        }
        let handle = match self.service {
            Service::KiwiVm => "vps",
            Service::Pbh => "pbh",
        };
        format!("{handle}().{}({})", self.id, arguments.join(", "))
    }

    /// The arguments of [`Row::example`]: those by place, then those by name, each as an expression.
    pub fn arguments(&self, extent: Extent) -> (Vec<Argument>, Vec<Argument>) {
        let sample = |param: &'static Param| (param, sample(self.id, param));
        let optional = match extent {
            Extent::Required => Vec::new(),
            Extent::All => self.optional().map(sample).collect(),
        };
        (self.required().map(sample).collect(), optional)
    }
}

fn sample(id: &str, param: &Param) -> String {
    let known = |(of, name, text): &(&str, &str, &'static str)| (*of == id && *name == param.name).then_some(*text);
    let by_name = |(name, text): &(&str, &'static str)| (*name == param.name).then_some(*text);
    let text = ARGUMENTS.iter().find_map(known).or(param.default.filter(|_| matches!(param.ty, Type::Text)));
    text.or_else(|| NAMES.iter().find_map(by_name)).map_or_else(|| plain(&param.ty), str::to_owned)
}

/// For what means the same wherever it occurs.
fn plain(ty: &Type) -> String {
    match ty {
        Type::Bool => "true".into(),
        Type::Ip => r#""203.0.113.7""#.into(),
        Type::Cidr => r#""203.0.113.0/24""#.into(),
        Type::Millis | Type::Seconds => "now()".into(),
        Type::List(item) => format!("[{}]", plain(item)),
        // A test holds that no row gets here.
        _ => "()".into(),
    }
}

/// By the parameter's name.
const NAMES: &[(&str, &str)] = &[
    ("backupToken", "vps().backup_list().backups.keys()[0]"),
    ("configName", r#""profile""#),
    ("downloader", r#""tokyo-qb""#),
    ("downloaderId", r#""tokyo-qb""#),
    ("downloaders", r#"["tokyo-qb"]"#),
    ("endAt", "now()"),
    ("filter", "0.01"),
    ("infoHash", "pbh().torrents_query().results[0].infoHash"),
    ("page", "1"),
    ("pageSize", "20"),
    ("pushName", r#""phone""#),
    ("ruleId", r#""my-list""#),
    ("ruleName", r#""My list""#),
    ("scriptId", r#""my-rule.av""#),
    ("snapshot", "vps().snapshot_list().snapshots[0].fileName"),
    ("startAt", "now() - 30.days"),
    ("subUrl", r#""http://10.0.0.5/peers.txt""#),
    ("token", r#""the-token""#),
];

/// A torrent client that PBH supervises, as PBH has it.
const KNOWN_CLIENT: &str = r#"pbh().downloader_status("tokyo-qb").config"#;
const NEW_CLIENT: &str = r#"#{type: "qbittorrent", name: "oslo-qb", endpoint: "http://10.0.0.8:8080", username: "admin", password: "adminadmin", basicAuth: #{user: "", pass: ""}}"#;
const FIRST_CLIENT: &str = r#"#{id: "oslo-qb", config: #{type: "qbittorrent", name: "oslo-qb", endpoint: "http://10.0.0.8:8080", username: "admin", password: "adminadmin", basicAuth: #{user: "", pass: ""}}}"#;
const PHONE: &str = r#"#{token: "123456:bot-token", chatId: "123456789"}"#;
const SSH_KEY: &str = r#""ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample me@example.org""#;

/// By row and parameter.
const ARGUMENTS: &[(&str, &str, &str)] = &[
    // KiwiVM.
    ("reinstall_os", "os", r#""debian-12-x86_64""#),
    ("update_ssh_keys", "ssh_keys", SSH_KEY),
    ("set_hostname", "newHostname", r#""seed.example.org""#),
    ("set_ptr", "ip", "vps().get_service_info().ip_addresses[0]"),
    ("set_ptr", "ptr", r#""seed.example.org""#),
    ("ipv6_delete", "ip", "vps().get_service_info().ip_addresses[1]"),
    ("private_ip_assign", "ip", "vps().private_ip_get_available_ips().available_ips[0]"),
    ("private_ip_delete", "ip", "vps().get_service_info().private_ip_addresses[0]"),
    ("iso_mount", "iso", "vps().get_service_info().available_isos[0]"),
    ("basic_shell_cd", "currentDir", r#""/root""#),
    ("basic_shell_cd", "newDir", r#""../var/log""#),
    ("basic_shell_exec", "command", r#""uptime""#),
    ("shell_script_exec", "script", r##""#!/bin/sh\napt-get --yes upgrade\n""##),
    ("snapshot_create", "description", r#""before the upgrade""#),
    ("snapshot_toggle_sticky", "sticky", "1"),
    ("snapshot_import", "sourceVeid", r#""1234568""#),
    ("snapshot_import", "sourceToken", r#""0123456789abcdef0123456789abcdef01234567""#),
    ("migrate_start", "location", r#""NOOSL_1""#),
    ("clone_from_external_server", "externalServerIP", r#""203.0.113.9""#),
    ("clone_from_external_server", "externalServerSSHport", "22"),
    ("clone_from_external_server", "externalServerRootPassword", r#""root-password""#),
    ("unsuspend", "record_id", "vps().get_suspension_details().suspensions[0].record_id"),
    ("resolve_policy_violation", "record_id", "vps().get_policy_violations().policy_violations[0].record_id"),
    ("kiwivm_set_notification_preferences", "json_notification_preferences", r#"`{"bandwidth-usage-alert-80": 0}`"#),
    // PBH.
    ("auth_login", "silentLogin", r#""the-token""#),
    ("oobe_init", "downloader", FIRST_CLIENT),
    ("oobe_init", "btn", "#{enabled: false, submit: false}"),
    ("oobe_init", "database", r#"#{type: "sqlite"}"#),
    ("oobe_test_downloader", "id", r#""oslo-qb""#),
    ("oobe_test_downloader", "config", NEW_CLIENT),
    ("oobe_test_database", "type", r#""postgresql""#),
    ("oobe_test_database", "host", r#""10.0.0.6""#),
    ("oobe_test_database", "port", "5432"),
    ("oobe_test_database", "database", r#""pbh""#),
    ("oobe_test_database", "username", r#""pbh""#),
    ("oobe_test_database", "password", r#""db-password""#),
    ("analysis_field", "type", r#""count""#),
    ("analysis_field", "field", r#""module""#),
    ("analysis_date", "type", r#""day""#),
    ("analysis_date", "filter", "0.0"),
    ("analysis_date", "field", r#""banAt""#),
    ("bans_list", "search", r#""203.0.113.""#),
    ("bans_list", "limit", "100"),
    ("bans_list", "lastBanTime", "now() - 1.days"),
    ("bans_ranks", "filter", r#""203.0.113.""#),
    ("bans_add", "body", r#"["203.0.113.7", "198.51.100.0/24"]"#),
    ("bans_delete", "body", r#"["203.0.113.7", "198.51.100.0/24"]"#),
    ("downloader_torrent_peers", "torrentId", r#"pbh().downloader_torrents("tokyo-qb")[0].id"#),
    ("downloader_create", "id", r#""oslo-qb""#),
    ("downloader_create", "config", NEW_CLIENT),
    ("downloader_update", "config", KNOWN_CLIENT),
    ("downloader_test", "id", r#""tokyo-qb""#),
    ("downloader_test", "config", KNOWN_CLIENT),
    ("push_create", "name", r#""phone""#),
    ("push_create", "type", r#""telegram""#),
    ("push_create", "config", PHONE),
    ("push_update", "name", r#""my-phone""#),
    ("push_update", "type", r#""telegram""#),
    ("push_update", "config", PHONE),
    ("push_test", "name", r#""phone""#),
    ("push_test", "type", r#""telegram""#),
    ("push_test", "config", PHONE),
    ("general_module_available", "module", r#""ip-address-blocker""#),
    ("general_config_put", "body", "#{ban_duration: 1209600000}"),
    ("ipblacklist_get", "ruleType", r#""ip""#),
    ("ipblacklist_port_add", "port", "6881"),
    ("ipblacklist_port_delete", "port", "6881"),
    ("ipblacklist_asn_add", "asn", "64496"),
    ("ipblacklist_asn_delete", "asn", "64496"),
    ("ipblacklist_region_add", "region", r#""NL""#),
    ("ipblacklist_region_delete", "region", r#""NL""#),
    ("ipblacklist_city_add", "city", r#""Amsterdam""#),
    ("ipblacklist_city_delete", "city", r#""Amsterdam""#),
    ("ipblacklist_nettype_set", "body", r#"["datacenter"]"#),
    ("module_swarm_tracking_details", "orderBy", r#""uploaded|desc""#),
    ("sub_interval_set", "checkInterval", "12.hours"),
    ("sub_rule_toggle", "enabled", "false"),
    ("script_save", "body", r###""## @NAME My rule\n\nreturn false;\n""###),
    ("lab_experiment_active", "id", "pbh().lab_experiments().experiments[0].id"),
    ("lab_experiment_set", "id", "pbh().lab_experiments().experiments[0].id"),
    ("lab_experiment_set", "status", r#""true""#),
    ("alert_dismiss", "id", "pbh().alerts_list(#{unread: true})[0].id"),
    ("alert_delete", "id", "pbh().alerts_list(#{unread: true})[0].id"),
    ("logs_stream_ws", "offset", "100"),
    ("async_task_stream_ws", "taskId", r#""6d1f4c1e-0f5b-4a52-9c40-1c1d2f6f8f0e""#),
    ("plus_free_license_renew", "captchaId", r#""4502b587-6eaf-4866-8d95-66f639f4cee2""#),
    ("plus_free_license_renew", "captchaNonce", r#""AAAAAAAAAAs=""#),
    ("plus_key_set", "key", r#""bGljZW5jZS1rZXk=""#),
    ("plus_key_delete", "licenseId", "pbh().plus_status().licenses[0].licenseId"),
    ("torrents_query", "keyword", r#""debian""#),
    ("chart_session_between", "downloader", r#""tokyo-qb""#),
    ("torrent_ban_history", "infoHash", "pbh().bans_logs().results[0].torrentInfoHash"),
    ("peer_info", "ip", "pbh().bans_logs().results[0].peerIp"),
    ("peer_access_history", "ip", "pbh().module_swarm_tracking_details().results[0].ip"),
    ("peer_ban_history", "ip", "pbh().bans_logs().results[0].peerIp"),
    ("replace_tracker", "from", r#""http://tracker.example.org""#),
    ("replace_tracker", "to", r#""https://tracker.example.org""#),
    ("plugins_operate", "action", r#""stop""#),
    ("plugins_operate", "identifiers", r#"["my-plugin"]"#),
    ("push_status", "pushName", r#""phone""#),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_has_a_sample_and_every_sample_a_parameter() {
        for service in Service::ALL {
            for row in service.rows() {
                let (required, optional) = row.arguments(Extent::All);
                for (param, text) in required.into_iter().chain(optional) {
                    assert_ne!(text, "()", "{}: {}", row.id, param.name);
                }
            }
        }
        let of = |id: &str| Service::ALL.into_iter().find_map(|service| service.row(id));
        for (id, name, _) in ARGUMENTS {
            let row = of(id).unwrap_or_else(|| panic!("there is no row `{id}`"));
            assert!(row.params.iter().any(|param| param.name == *name), "{id} has no parameter `{name}`");
        }
    }

    #[test]
    fn examples_read_as_calls() {
        let example = |id, extent| Service::Pbh.row(id).unwrap().example(extent);
        let stream = r#"pbh().logs_live(#{token: "the-token", duration: 10.seconds, limit: 100})"#;
        assert_eq!(example("logs_live", Extent::All), stream);
        assert_eq!(example("plus_status", Extent::All), "pbh().plus_status()");
        assert_eq!(example("ipblacklist_get", Extent::Required), r#"pbh().ipblacklist_get("ip")"#);
        assert_eq!(
            example("sub_logs_rule", Extent::All),
            r#"pbh().sub_logs_rule("my-list", #{page: 1, pageSize: 20})"#
        );
        let create = Service::KiwiVm.row("snapshot_create").unwrap();
        assert_eq!(create.example(Extent::Required), "vps().snapshot_create()");
        assert_eq!(create.example(Extent::All), r#"vps().snapshot_create(#{description: "before the upgrade"})"#);
    }
}
