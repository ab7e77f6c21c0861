//! A real aria2.

use std::collections::BTreeMap;
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate::downloader::{Raw, State};
use tidegate::error::Kind;

use super::contract::{self, Client, Rig};
use crate::clients::metainfo::Torrent;
use crate::clients::process::{Process, Web, installed, port, until};

const PROGRAM: &str = "aria2c";
const TOKEN: &str = "a-token";

struct Aria2 {
    process: Option<Process>,
    folder: TempDir,
    web: Web,
    rpc: u16,
    peers: u16,
}

impl Aria2 {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("session"), "").unwrap();
        let mut this = Self { process: None, folder, web: Web::new(), rpc: port(), peers: port() };
        this.begin();
        this
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.rpc)
    }

    fn ask(&self, method: &str, params: &[Value]) -> Result<Value, String> {
        let params: Vec<Value> = [json!(format!("token:{TOKEN}"))].into_iter().chain(params.to_vec()).collect();
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let reply = self.web.send(|web| web.post(format!("{}/jsonrpc", self.url())).json(&body))?;
        let answer = reply.json();
        if answer["error"].is_null() { Ok(answer["result"].clone()) } else { Err(reply.text) }
    }

    fn call(&self, method: &str, params: &[Value]) -> Value {
        self.ask(method, params).unwrap()
    }

    fn rows(&self) -> Vec<Value> {
        let mut rows = self.call("aria2.tellActive", &[]).as_array().unwrap().clone();
        for method in ["aria2.tellWaiting", "aria2.tellStopped"] {
            rows.extend(self.call(method, &[json!(0), json!(100)]).as_array().unwrap().clone());
        }
        rows
    }
}

impl Client for Aria2 {
    fn config(&self, name: &str) -> String {
        format!("[downloader.{name}]\ntype = \"aria2\"\nurl = {:?}\ntoken = {TOKEN:?}\n", self.url())
    }

    fn wrong_config(&self, name: &str) -> String {
        Client::config(self, name).replace(TOKEN, "wrong-one")
    }

    fn add(&self, torrent: &Torrent, has: bool) {
        if has {
            std::fs::write(self.folder.path().join(&torrent.name), &torrent.content).unwrap();
        }
        let options = json!({"check-integrity": has.to_string()});
        self.call("aria2.addTorrent", &[BASE64_STANDARD.encode(&torrent.file).into(), json!([]), options]);
        until("the torrent is not there", || {
            let rows = self.rows();
            let settled = |row: &&Value| {
                row["infoHash"] == torrent.hash.as_str()
                    && row["status"] == "active"
                    && row.get("verifiedLength").is_none()
                    && row.get("verifyIntegrityPending").is_none()
                    && (!has || row["seeder"] == "true")
            };
            rows.iter().find(settled).map(drop).ok_or_else(|| format!("{rows:?}"))
        });
    }

    fn standing(&self) -> BTreeMap<String, bool> {
        let rows = self.rows().into_iter().filter(|row| row["status"] != "removed");
        rows.map(|row| (row["infoHash"].as_str().unwrap().to_owned(), row["status"] == "paused")).collect()
    }

    fn end(&mut self) {
        self.call("aria2.saveSession", &[]);
        if let Some(mut process) = self.process.take() {
            process.end();
        }
    }

    fn begin(&mut self) {
        let session = self.folder.path().join("session");
        let mut command = Command::new(PROGRAM);
        command
            .args(["--no-conf", "--enable-rpc", "--enable-dht=false", "--enable-dht6=false", "--bt-enable-lpd=false"])
            .args([
                "--enable-peer-exchange=false",
                "--seed-ratio=0.0",
                "--file-allocation=none",
                "--check-certificate=false",
            ])
            .args(["--bt-save-metadata=false", "--force-save=true", "--bt-hash-check-seed=true", "--disable-ipv6=true"])
            .arg(format!("--rpc-listen-port={}", self.rpc))
            .arg(format!("--rpc-secret={TOKEN}"))
            .arg(format!("--listen-port={}", self.peers))
            .arg(format!("--dir={}", self.folder.path().display()))
            .arg(format!("--input-file={}", session.display()))
            .arg(format!("--save-session={}", session.display()))
            .env("HOME", self.folder.path())
            .current_dir(self.folder.path());
        let process = Process::start(&mut command, &self.folder.path().join("log"));
        until("aria2 does not answer", || {
            self.ask("aria2.getVersion", &[]).map(drop).map_err(|error| format!("{error}\n{}", process.said()))
        });
        self.process = Some(process);
    }
}

fn start() -> Option<(Aria2, Rig)> {
    installed(PROGRAM).then(|| {
        let client = Aria2::start();
        let rig = Rig::new(&Client::config(&client, "box"));
        (client, rig)
    })
}

#[test]
fn aria2_is_listed_in_one_vocabulary() {
    let Some((client, rig)) = start() else { return };
    contract::lists_in_one_vocabulary(&client, &rig);
    // What comes by HTTP moves bytes too.
    client.call("aria2.addUri", &[json!(["http://127.0.0.1:1/plain.iso"]), json!({"pause": "true"})]);
    rig.with("box", async |_, member, talk| {
        let torrents = member.client.torrents(talk).await.unwrap();
        let plain = torrents.iter().find(|torrent| torrent.name == "plain.iso").unwrap();
        assert_eq!((plain.state, plain.is_private, plain.hash.len()), (State::Stopped, true, 16));
        assert_eq!(member.client.preferences(talk).await.unwrap()["max-overall-upload-limit"], "0");
        assert_eq!(member.client.free_space(None, talk).await.unwrap_err().kind, Kind::Unsupported);
    });
}

#[test]
fn aria2_stops_and_gives_back_exactly() {
    let Some((client, rig)) = start() else { return };
    contract::stops_and_gives_back_exactly(&client, &rig);
}

#[test]
fn aria2_limits_and_gives_back() {
    let Some((client, rig)) = start() else { return };
    contract::limits_and_gives_back(&rig);
    contract::limits_single_torrents(&client, &rig);
}

#[test]
fn aria2_acts_on_single_torrents() {
    let Some((client, rig)) = start() else { return };
    contract::acts_on_single_torrents(&client, &rig);
    rig.with("box", async |_, member, talk| {
        let ask = |method: &str, path: &str| Raw { method: method.into(), path: path.into(), ..Raw::default() };
        let own = member.client.request(ask("GET", "aria2.getGlobalStat"), talk).await.unwrap();
        assert!(own.value["numActive"].is_string(), "{own:?}");
        for (method, path, kind) in [
            ("GET", "aria2.shutdown", Kind::Argument),
            ("GET", "/jsonrpc?method=aria2.shutdown", Kind::Argument),
            ("POST", "aria2.nonsense", Kind::Unsupported),
        ] {
            assert_eq!(member.client.request(ask(method, path), talk).await.unwrap_err().kind, kind, "{path}");
        }
        let error = member.client.delete(&["ab".into()], true, talk).await.unwrap_err();
        assert_eq!(error.kind, Kind::Unsupported);
    });
}

#[test]
fn aria2_is_asked_once_with_a_wrong_token() {
    let Some((client, _rig)) = start() else { return };
    contract::tries_a_wrong_login_once(&client);
}

#[test]
fn aria2_comes_back_after_a_restart() {
    let Some((mut client, rig)) = start() else { return };
    contract::comes_back_after_a_restart(&mut client, &rig);
}
