//! Every row of both tables, called by a script against the simulated services: what arrives there, and what the
//! script gets. The calls are the examples of the reference pages.

pub mod bench;
mod kinds;
mod wire;

use std::fmt::Write as _;

use tidegate::api::example::Extent;
use tidegate::api::{Row, Service, version};
use tidegate::error::Kind;

use bench::Bench;

/// What the simulated services refuse, as the real ones do.
const REFUSED: &[(&str, Kind, &str)] = &[
    ("clone_from_external_server", Kind::Api, "OpenVZ only, and this is KVM"),
    ("oobe_test_database", Kind::Api, "no database answers there"),
    ("oobe_test_downloader", Kind::Api, "no client answers there"),
    ("peer_btn_query", Kind::Api, "BTN is off"),
    ("peer_btn_query_iframe", Kind::Api, "BTN is off"),
    ("autostun_tunnel_info", Kind::Api, "there is no tunnel"),
    ("autostun_tunnel_connections", Kind::Api, "there is no tunnel"),
    ("plus_free_license_renew", Kind::Api, "nobody was asked this riddle"),
    ("plus_key_set", Kind::Api, "the key is not signed"),
    ("general_trigger_crash", Kind::Transport, "there is no answer"),
];

/// What the simulated services have none of.
const NONE: &[&str] = &[
    "async_tasks_list",
    "autostun_tunnels",
    "downloaders_scan",
    "downloaders_scan_legacy",
    "oobe_init",
    "oobe_scan_downloader",
];

/// What must have happened for a call to have something to work on.
const BEFORE: &[(&[&str], &str)] = &[
    (&["start"], "vps().kill()"),
    (
        &["snapshot_list", "snapshot_delete", "snapshot_restore", "snapshot_toggle_sticky", "snapshot_export"],
        r#"vps().snapshot_create(); sleep("10m")"#,
    ),
    (&["private_ip_delete"], "vps().private_ip_assign()"),
    (
        &["get_service_info", "get_live_service_info"],
        r#"vps().private_ip_assign(); vps().set_ptr(vps().get_service_info().ip_addresses[0], "seed.example.org")"#,
    ),
    (
        &["bans_list", "bans_ranks", "bans_delete", "blocklist_ip", "blocklist_p2p", "blocklist_dat"],
        r#"pbh().bans_add(["203.0.113.7", "198.51.100.0/24", "2001:db8::7"]); sleep("1m")"#,
    ),
    (&["ipblacklist_get"], r#"pbh().ipblacklist_ip_add("203.0.113.0/24")"#),
    (&["autostun_status"], r#"pbh().autostun_config_set(true, true, ["tokyo-qb"])"#),
    (
        &["push_list", "push_update", "push_delete"],
        r#"pbh().push_create("phone", "telegram", #{token: "123456:bot-token", chatId: "123456789"})"#,
    ),
    (
        &[
            "sub_rule_get",
            "sub_rule_refresh",
            "sub_rule_save",
            "sub_rule_delete",
            "sub_rule_toggle",
            "sub_rules_list",
            "sub_logs_all",
            "sub_logs_rule",
        ],
        r#"pbh().sub_rule_create("my-list", "My list", "http://10.0.0.5/peers.txt")"#,
    ),
    (
        &["sub_rules_refresh_all"],
        r#"pbh().sub_rule_delete("all-in-one"); pbh().sub_rule_create("my-list", "My list", "http://10.0.0.5/peers.txt")"#,
    ),
    (&["script_get", "script_delete"], r#"pbh().script_save("my-rule.av", "return false;")"#),
];

#[test]
fn every_kiwivm_row() {
    check(Service::KiwiVm.rows(), "9.5.0");
}

#[test]
fn every_pbh_row_of_9_5_0() {
    check(Service::Pbh.rows(), "9.5.0");
}

#[test]
fn every_pbh_row_of_9_0_10() {
    check(Service::Pbh.rows(), "9.0.10");
}

/// Calls each row with its required parameters, and with all of them where there are more.
fn check(rows: &'static [Row], release: &str) {
    let mut wrong = String::new();
    for row in rows {
        let extents = [Extent::Required, Extent::All];
        let count = if row.options().next().is_some() { 2 } else { 1 };
        for extent in &extents[..count] {
            let example = row.example(*extent);
            if let Err(why) = called(row, *extent, release) {
                let _ = writeln!(wrong, "{example}\n    {why}");
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// The kind of error that a call must end with.
fn due(row: &'static Row, extent: Extent, release: &str) -> Option<Kind> {
    let sent = stand_in(row, release);
    let foreign = extent == Extent::All
        && row.params.iter().any(|param| !sent.params.iter().any(|other| other.name == param.name));
    if lacks(sent, release) || foreign {
        return Some(Kind::Unsupported);
    }
    // Recorded of 9.5.0 only without an IP database.
    if row.id == "chart_geoip" && release == "9.5.0" {
        return Some(Kind::Api);
    }
    // A 500 since 9.3, as the row says.
    if row.id == "chart_session_between" {
        return Some(Kind::Api);
    }
    REFUSED.iter().find(|(id, ..)| *id == row.id).map(|(_, kind, _)| *kind)
}

/// The row that is sent to this release for what another one means.
fn stand_in(row: &'static Row, release: &str) -> &'static Row {
    row.twin().filter(|twin| lacks(row, release) && !lacks(twin, release)).unwrap_or(row)
}

fn lacks(row: &Row, release: &str) -> bool {
    let release = version(release);
    row.extra.since.is_some_and(|since| release < version(since))
        || row.extra.until.is_some_and(|until| version(until) < release)
}

fn needs_licence(row: &Row, release: &str) -> bool {
    row.extra.licence_until.is_some_and(|until| version(release) <= version(until))
}

fn called(row: &'static Row, extent: Extent, release: &str) -> Result<(), String> {
    let bench = Bench::new(release, row);
    if let Some((_, script)) = BEFORE.iter().find(|(ids, _)| ids.contains(&row.id)) {
        bench.eval(script).map_err(|error| format!("before it: {error}"))?;
    }
    let due = due(row, extent, release);
    if row.extra.uncallable.is_some() {
        bench.forget();
        let error = bench.eval(&row.example(extent)).err().ok_or("it can be called, although it says no")?;
        return nothing_sent(&bench, row).map_err(|why| format!("{why}: {error}"));
    }
    if due == Some(Kind::Unsupported) {
        bench.forget();
        let error =
            bench.eval(&row.example(extent)).err().ok_or("there is an answer, although this release lacks it")?;
        if error.kind != Kind::Unsupported {
            return Err(format!("is an error of kind {:?}: {error}", error.kind));
        }
        return nothing_sent(&bench, row);
    }
    if needs_licence(row, release) {
        let error = bench.eval(&row.example(extent)).err().ok_or("there is an answer without a licence")?;
        if error.kind != Kind::Unsupported {
            return Err(format!("without a licence it is an error of kind {:?}: {error}", error.kind));
        }
    }
    if needs_licence(row, release) || row.extra.group == "pbhplus" {
        bench.license();
    }
    let arguments = wire::Arguments::evaluate(&bench, row, extent)?;
    bench.forget();
    // A stream is read when it is asked for its messages.
    let read = if row.is_stream() { ".to_array()" } else { "" };
    let outcome = bench.kinds(&format!("{}{read}", row.example(extent)));
    let row = stand_in(row, release);
    let request = bench.last(row).ok_or_else(|| format!("nothing was sent: {outcome:?}"))?;
    wire::check(&bench, row, release, &arguments, &request)?;
    match (outcome, due) {
        (Ok(kinds), None) if kinds::is_empty(&kinds) && !NONE.contains(&row.id) => Err(format!("got {kinds}")),
        (Ok(kinds), None) => kinds::fits(row, release, &kinds),
        (Err(error), Some(kind)) if error.kind == kind => Ok(()),
        (Ok(kinds), Some(kind)) => Err(format!("is no error of kind {kind:?}: {kinds}")),
        (Err(error), _) => Err(format!("is an error of kind {:?}: {error}", error.kind)),
    }
}

fn nothing_sent(bench: &Bench, row: &Row) -> Result<(), String> {
    match bench.last(row) {
        None => Ok(()),
        Some(request) => Err(format!("was sent all the same: {} {}", request.method, request.path)),
    }
}
