//! Under systemd: what it is told, and when.

use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::Duration;

use crate::harness::{Home, Program};

struct Systemd {
    socket: UnixDatagram,
    path: std::path::PathBuf,
}

impl Systemd {
    fn new(home: &Home) -> Self {
        let path = home.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        Self { socket, path }
    }

    fn spawn(&self, home: &Home) -> Program {
        let mut command = home.command(&["run", "--log", "json"]);
        command.env("NOTIFY_SOCKET", &self.path).env("WATCHDOG_USEC", "200000");
        Program::new(command.stdout(Stdio::piped()).stderr(Stdio::piped()))
    }

    /// The next message that is no sign of life.
    fn hears(&self) -> String {
        loop {
            let message = self.hears_anything();
            if message != "WATCHDOG=1" {
                return message;
            }
        }
    }

    fn hears_anything(&self) -> String {
        let mut buffer = [0; 1024];
        let n = self.socket.recv(&mut buffer).expect("a message within a minute");
        String::from_utf8_lossy(&buffer[..n]).trim().to_owned()
    }
}

#[test]
fn systemd_is_told_of_readiness_reload_life_and_end() {
    let home = Home::new();
    home.script("tick", r#"every("1h", "tick", || 1);"#);
    let systemd = Systemd::new(&home);
    let mut program = systemd.spawn(&home);
    let loaded = program.wait_for("loaded");
    assert_eq!(loaded["script"], "tick");
    let first = systemd.hears();
    assert!(first.starts_with("READY=1\nSTATUS=tidegate "), "{first}");
    program.wait_for("ready");

    for _ in 0..3 {
        assert_eq!(systemd.hears_anything(), "WATCHDOG=1");
    }

    home.write("tidegate.toml", "timezone = \"UTC\"\n[limits]\nruns = 2\n");
    program.signal("HUP");
    let reloading = systemd.hears();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    let line = program.wait_for("reloaded");
    assert_eq!(line["changes"][0], "limits changed");
    assert!(systemd.hears().starts_with("READY=1"));

    // A broken one keeps the old, and whoever asks again is told again.
    home.write("tidegate.toml", "timezone = \"nowhere\"\n");
    program.signal("HUP");
    let line = program.wait_for("reload_failed");
    assert!(line["message"].as_str().unwrap().contains("nowhere"), "{line}");
    assert!(systemd.hears().starts_with("RELOADING=1") && systemd.hears().starts_with("READY=1"));
    program.signal("HUP");
    assert!(program.wait_for("reload_failed")["message"].as_str().unwrap().contains("nowhere"));
    assert!(systemd.hears().starts_with("RELOADING=1") && systemd.hears().starts_with("READY=1"));
    home.write("tidegate.toml", "timezone = \"UTC\"\n[limits]\nruns = 2\n");
    program.wait_for("reloaded");
    program.signal("HUP");
    assert!(program.wait_for("reloaded")["message"].as_str().unwrap().contains("nothing has changed"));
    assert!(systemd.hears().starts_with("RELOADING=1") && systemd.hears().starts_with("READY=1"));

    program.signal("TERM");
    assert_eq!(systemd.hears(), "STOPPING=1");
    program.wait_for("shutdown");
    assert_eq!(program.exit_code(), Some(143));
}
