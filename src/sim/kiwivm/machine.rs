//! Power, operating system, ISO images and the shell.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Call, IMPOSSIBLE, MAIL, NOT_RUNNING, Outcome, RUNS, Refused, UNKNOWN, refuse};
use crate::sim::vps::{Job, Power, Then};
use crate::time::Duration;

const BOOT: Duration = Duration::from_seconds(20);
const SHUTDOWN: Duration = Duration::from_seconds(8);

pub(super) const TEMPLATES: [&str; 6] = [
    "almalinux-9-x86_64",
    "centos-stream-9-x86_64",
    "debian-11-x86_64",
    "debian-12-x86_64",
    "ubuntu-22.04-x86_64",
    "ubuntu-24.04-x86_64",
];

pub(super) const ISOS: [&str; 3] =
    ["debian-12.5.0-amd64-netinst.iso", "systemrescue-11.00-amd64.iso", "ubuntu-24.04-live-server-amd64.iso"];

fn awake(call: &Call<'_>) -> Result<(), Refused> {
    if call.vps.suspended() {
        return Err(refuse(IMPOSSIBLE, "VPS is suspended"));
    }
    Ok(())
}

fn running(call: &Call<'_>) -> Result<(), Refused> {
    awake(call)?;
    if call.vps.power == Power::Running { Ok(()) } else { Err(refuse(NOT_RUNNING, "VPS is not running")) }
}

pub(super) fn start(call: &mut Call<'_>) -> Outcome {
    awake(call)?;
    match call.vps.power {
        Power::Running | Power::Starting(_) => Err(refuse(RUNS, "VPS is already running")),
        Power::Stopped | Power::Stopping(_) => {
            call.vps.power = Power::Starting(call.now + BOOT);
            Ok(json!({"is_mounted": 0}))
        }
    }
}

pub(super) fn stop(call: &mut Call<'_>) -> Outcome {
    if call.vps.power == Power::Stopped {
        return Err(refuse(NOT_RUNNING, "VPS is not running"));
    }
    call.vps.power = Power::Stopping(call.now + SHUTDOWN);
    Ok(Value::Null)
}

pub(super) fn restart(call: &mut Call<'_>) -> Outcome {
    awake(call)?;
    call.vps.power = Power::Starting(call.now + BOOT);
    Ok(Value::Null)
}

pub(super) fn kill(call: &mut Call<'_>) -> Outcome {
    call.vps.power = Power::Stopped;
    Ok(Value::Null)
}

pub(super) fn reinstall_os(call: &mut Call<'_>) -> Outcome {
    awake(call)?;
    let os = call.text("os").to_owned();
    if !TEMPLATES.contains(&os.as_str()) {
        let mut refused = refuse(UNKNOWN, "Unknown OS template");
        refused.more.insert("additionalErrorCode".into(), json!(null));
        return Err(refused);
    }
    let password = call.vps.invent(12);
    call.vps.ssh_port = 20_000 + call.vps.ssh_port % 9_973;
    let keys = super::account::preferred(call.vps);
    call.vps.job = Some(Job {
        what: format!("OS Reinstall: {os}"),
        started: call.now,
        ends: call.now + Duration::from_seconds(480),
        then: Then::Installed { os },
    });
    Ok(json!({
        "rootPassword": password, "sshPort": call.vps.ssh_port, "sshKeysBrief": super::account::brief(&keys),
        "sshKeys": keys, "notificationEmail": MAIL,
    }))
}

pub(super) fn reset_root_password(call: &mut Call<'_>) -> Outcome {
    awake(call)?;
    Ok(json!({"password": call.vps.invent(12)}))
}

pub(super) fn iso_mount(call: &mut Call<'_>) -> Outcome {
    let iso = call.text("iso").to_owned();
    if !ISOS.contains(&iso.as_str()) {
        return Err(refuse(UNKNOWN, "Unknown ISO image"));
    }
    call.vps.iso = Some(iso);
    Ok(Value::Null)
}

pub(super) fn iso_unmount(call: &mut Call<'_>) -> Outcome {
    call.vps.iso = None;
    Ok(Value::Null)
}

pub(super) fn basic_shell_cd(call: &mut Call<'_>) -> Outcome {
    running(call)?;
    let (current, new) = (call.text("currentDir"), call.text("newDir"));
    let full = if new.starts_with('/') { new.to_owned() } else { format!("{current}/{new}") };
    let mut parts = Vec::new();
    for part in full.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    Ok(json!({"pwd": format!("/{}", parts.join("/"))}))
}

/// Knows `echo`, `exit`, `true`, `false`, `uptime`, `hostname`, `whoami`, joined by `;` or `&&`.
pub(super) fn basic_shell_exec(call: &mut Call<'_>) -> Outcome {
    running(call)?;
    let mut output = String::new();
    let mut status = 0;
    'line: for part in call.text("command").split(';') {
        for command in part.split("&&") {
            let mut words = command.split_whitespace();
            let (name, rest) = (words.next().unwrap_or(""), words.collect::<Vec<_>>());
            status = match name {
                "" | "true" | "sleep" | "cd" => 0,
                "false" => 1,
                "echo" => {
                    let _ = writeln!(output, "{}", rest.join(" ").trim_matches(|c| c == '"' || c == '\''));
                    0
                }
                "hostname" => {
                    let _ = writeln!(output, "{}", call.vps.live_hostname);
                    0
                }
                "whoami" => {
                    output += "root\n";
                    0
                }
                "uptime" => {
                    let _ = writeln!(output, "up {} minutes", (call.now - call.vps.created).millis() / 60_000);
                    0
                }
                "exit" => {
                    status = rest.first().and_then(|code| code.parse::<i64>().ok()).unwrap_or(0) & 0xff;
                    break 'line;
                }
                other => {
                    let _ = writeln!(output, "bash: line 1: {other}: command not found");
                    127
                }
            };
            if status != 0 {
                break;
            }
        }
    }
    Ok(json!({"error": status, "message": output}))
}

pub(super) fn shell_script_exec(call: &mut Call<'_>) -> Outcome {
    running(call)?;
    let id = call.vps.invent(12);
    Ok(json!({
        "node_ip": "198.51.100.9", "log": format!("script-{}-{}.log", call.vps.veid, call.now.seconds()),
        "output_stream_id": id,
    }))
}

pub(super) fn clone_from_external_server(_: &mut Call<'_>) -> Outcome {
    Err(refuse(IMPOSSIBLE, "This feature is available on OpenVZ only"))
}
