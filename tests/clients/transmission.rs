//! A real transmission-daemon.

use std::cell::RefCell;
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::metainfo::Torrent;
use super::process::{Process, Web, port, until};

pub const PROGRAM: &str = "transmission-daemon";
const USER: &str = "someone";
const PASSWORD: &str = "a-password";

pub struct Transmission {
    process: Option<Process>,
    folder: TempDir,
    web: Web,
    session: RefCell<String>,
    pub url: String,
    pub peers: u16,
}

impl Transmission {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (rpc, peers) = (port(), port());
        let data = folder.path().join("data");
        std::fs::create_dir_all(&data).unwrap();
        let settings = json!({
            "bind-address-ipv4": "127.0.0.1", "bind-address-ipv6": "::1", "dht-enabled": false, "lpd-enabled": false,
            "pex-enabled": false, "utp-enabled": false, "port-forwarding-enabled": false, "peer-port": peers,
            "peer-port-random-on-start": false, "rpc-bind-address": "127.0.0.1", "rpc-port": rpc,
            "rpc-authentication-required": true, "rpc-username": USER, "rpc-password": PASSWORD, "rpc-whitelist-enabled": false,
            "rpc-host-whitelist-enabled": false, "download-dir": data, "incomplete-dir-enabled": false, "watch-dir-enabled": false,
            "blocklist-enabled": false, "script-torrent-done-enabled": false, "preallocation": 0,
        });
        std::fs::write(folder.path().join("settings.json"), settings.to_string()).unwrap();
        let mut this = Self {
            process: None,
            folder,
            web: Web::new(),
            session: RefCell::default(),
            url: format!("http://127.0.0.1:{rpc}"),
            peers,
        };
        this.begin();
        this
    }

    pub fn begin(&mut self) {
        let mut command = Command::new(PROGRAM);
        command.arg("--foreground").arg("--config-dir").arg(self.folder.path()).env("HOME", self.folder.path());
        let process = Process::start(&mut command, &self.folder.path().join("log"));
        until("transmission-daemon does not answer", || {
            self.ask("session-get", &json!({})).map(drop).map_err(|error| format!("{error}\n{}", process.said()))
        });
        self.process = Some(process);
    }

    /// Ends the program in an orderly way; its folder stays.
    pub fn end(&mut self) {
        if let Some(process) = &mut self.process {
            process.end();
        }
        self.process = None;
    }

    fn ask(&self, method: &str, arguments: &Value) -> Result<Value, String> {
        for _ in 0..2 {
            let body = json!({"method": method, "arguments": arguments});
            let reply = self.web.send(|web| {
                let request = web.post(format!("{}/transmission/rpc", self.url)).basic_auth(USER, Some(PASSWORD));
                request.header("x-transmission-session-id", self.session.borrow().as_str()).json(&body)
            })?;
            if reply.status == 409 {
                let id = reply.headers.get("x-transmission-session-id").and_then(|id| id.to_str().ok());
                *self.session.borrow_mut() = id.unwrap_or_default().into();
                continue;
            }
            let answer = reply.json();
            return if answer["result"] == "success" { Ok(answer["arguments"].clone()) } else { Err(reply.text) };
        }
        Err("no session".into())
    }

    pub fn call(&self, method: &str, arguments: &Value) -> Value {
        self.ask(method, arguments).unwrap()
    }

    pub fn add(&self, torrent: &Torrent, has: bool) {
        if has {
            std::fs::write(self.folder.path().join("data").join(&torrent.name), &torrent.content).unwrap();
        }
        self.call("torrent-add", &json!({"metainfo": BASE64_STANDARD.encode(&torrent.file)}));
        until("the torrent is not there", || {
            let row = self.torrent(torrent);
            // 1 and 2: it waits to look at its files, or does.
            let settled = !matches!(row["status"].as_i64(), Some(1 | 2)) && (!has || row["percentDone"] == 1.0);
            if settled { Ok(()) } else { Err(row.to_string()) }
        });
    }

    pub fn torrent(&self, torrent: &Torrent) -> Value {
        let fields = ["status", "percentDone", "rateDownload", "rateUpload", "downloadedEver", "error", "errorString"];
        let found = self.call("torrent-get", &json!({"ids": [torrent.hash], "fields": fields}));
        found["torrents"][0].clone()
    }

    /// Bytes per second that it receives and sends.
    pub fn rates(&self) -> (i64, i64) {
        let stats = self.call("session-stats", &json!({}));
        (stats["downloadSpeed"].as_i64().unwrap(), stats["uploadSpeed"].as_i64().unwrap())
    }

    /// The table for `tidegate.toml`.
    pub fn config(&self, name: &str) -> String {
        format!(
            "[downloader.{name}]\ntype = \"transmission\"\nurl = {:?}\nusername = {USER:?}\npassword = {PASSWORD:?}\n",
            self.url
        )
    }
}
