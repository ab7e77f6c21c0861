//! A real deluged with its Web UI.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use tempfile::TempDir;
use tidegate::error::Kind;

use super::contract::{self, Client, Rig, three};
use crate::clients::metainfo::Torrent;
use crate::clients::process::{Process, Web, installed, port, until};

const PASSWORD: &str = "a-password";

struct Deluge {
    daemon: Option<Process>,
    page: Option<Process>,
    folder: TempDir,
    web: Web,
    cookie: RefCell<String>,
    url: String,
}

impl Deluge {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (daemon, page, peers) = (port(), port(), port());
        let data = folder.path().join("data");
        std::fs::create_dir_all(&data).unwrap();
        let write = |name: &str, head: Value, body: Value| {
            std::fs::write(folder.path().join(name), format!("{head}{body}")).unwrap();
        };
        write(
            "core.conf",
            json!({"file": 1, "format": 1}),
            json!({
                "daemon_port": daemon, "download_location": data, "dht": false, "upnp": false, "natpmp": false, "utpex": false,
                "lsd": false, "random_port": false, "listen_ports": [peers, peers], "listen_interface": "127.0.0.1",
                "outgoing_interface": "127.0.0.1", "allow_remote": false, "new_release_check": false,
            }),
        );
        let salt = "c26ab3bbd8b137f99cd83c2c1c0963bcc1a35cad";
        let digest = Sha1::digest(format!("{salt}{PASSWORD}"));
        let digest = digest.iter().fold(String::new(), |hex, byte| hex + format!("{byte:02x}").as_str());
        write(
            "web.conf",
            json!({"file": 2, "format": 1}),
            json!({
                "port": page, "interface": "127.0.0.1", "pwd_salt": salt, "pwd_sha1": digest, "first_login": false,
                "default_daemon": "", "https": false,
            }),
        );
        write(
            "hostlist.conf",
            json!({"file": 3, "format": 1}),
            json!({"hosts": [["a".repeat(32), "127.0.0.1", daemon, "localclient", "a-secret"]]}),
        );
        std::fs::write(folder.path().join("auth"), "localclient:a-secret:10\n").unwrap();
        let mut this = Self {
            daemon: None,
            page: None,
            folder,
            web: Web::new(),
            cookie: RefCell::default(),
            url: format!("http://127.0.0.1:{page}"),
        };
        this.begin();
        this
    }

    fn run(&self, program: &str) -> Process {
        let mut command = Command::new(program);
        command.arg("-d").arg("-c").arg(self.folder.path()).env("HOME", self.folder.path());
        Process::start(&mut command, &self.folder.path().join(program))
    }

    fn ask(&self, method: &str, params: &Value) -> Result<Value, String> {
        let body = json!({"method": method, "params": params, "id": 1});
        let reply = self.web.send(|web| {
            let timeout = std::time::Duration::from_secs(5);
            web.post(format!("{}/json", self.url))
                .header("cookie", self.cookie.borrow().as_str())
                .timeout(timeout)
                .json(&body)
        })?;
        if let Some(cookie) = reply.headers.get("set-cookie").and_then(|cookie| cookie.to_str().ok()) {
            *self.cookie.borrow_mut() = cookie.split(';').next().unwrap_or_default().into();
        }
        let answer = reply.json();
        if answer["error"].is_null() { Ok(answer["result"].clone()) } else { Err(reply.text) }
    }

    fn call(&self, method: &str, params: &Value) -> Value {
        self.ask(method, params).unwrap()
    }

    /// Waits until the Web UI answers with its daemon behind it, which the tests' own session connects.
    fn connect(&self) {
        until("deluge-web does not answer", || self.ask("auth.login", &json!([PASSWORD])));
        until("deluged does not answer", || {
            self.ask("web.connect", &json!(["a".repeat(32)]))?;
            match self.ask("web.connected", &json!([]))? {
                Value::Bool(true) => Ok(()),
                other => Err(other.to_string()),
            }
        });
    }
}

impl Client for Deluge {
    fn config(&self, name: &str) -> String {
        format!("[downloader.{name}]\ntype = \"deluge\"\nurl = {:?}\npassword = {PASSWORD:?}\n", self.url)
    }

    fn wrong_config(&self, name: &str) -> String {
        Client::config(self, name).replace(PASSWORD, "wrong-one")
    }

    fn add(&self, torrent: &Torrent, has: bool) {
        if has {
            std::fs::write(self.folder.path().join("data").join(&torrent.name), &torrent.content).unwrap();
        }
        let file = BASE64_STANDARD.encode(&torrent.file);
        self.call("core.add_torrent_file", &json!([torrent.name, file, {}]));
        if has {
            // It looks at what is there only when asked to.
            self.call("core.force_recheck", &json!([[torrent.hash]]));
        }
        let wanted = if has { "Seeding" } else { "Downloading" };
        until("the torrent is not there", || {
            let row = self.call("core.get_torrent_status", &json!([torrent.hash, ["state", "progress"]]));
            if row["state"] == wanted { Ok(()) } else { Err(row.to_string()) }
        });
    }

    fn standing(&self) -> BTreeMap<String, bool> {
        let rows = self.call("core.get_torrents_status", &json!([{}, ["state"]]));
        rows.as_object().unwrap().iter().map(|(hash, row)| (hash.clone(), row["state"] == "Paused")).collect()
    }

    fn end(&mut self) {
        for mut process in [self.page.take(), self.daemon.take()].into_iter().flatten() {
            process.end();
        }
    }

    fn begin(&mut self) {
        self.daemon = Some(self.run("deluged"));
        self.page = Some(self.run("deluge-web"));
        self.connect();
    }
}

fn start() -> Option<(Deluge, Rig)> {
    (installed("deluged") && installed("deluge-web")).then(|| {
        let client = Deluge::start();
        let rig = Rig::new(&Client::config(&client, "box"));
        (client, rig)
    })
}

#[test]
fn deluge_is_listed_in_one_vocabulary() {
    let Some((client, rig)) = start() else { return };
    contract::lists_in_one_vocabulary(&client, &rig);
    rig.with("box", async |_, member, talk| {
        assert_eq!(member.client.totals(talk).await.unwrap().session_uploaded, 0);
        assert!(member.client.free_space(None, talk).await.unwrap() > 0);
        assert_eq!(member.client.free_space(Some("/no/such/folder"), talk).await.unwrap_err().kind, Kind::Api);
        assert_eq!(member.client.preferences(talk).await.unwrap()["dht"], false);
    });
}

#[test]
fn deluge_stops_and_gives_back_exactly() {
    let Some((client, rig)) = start() else { return };
    contract::stops_and_gives_back_exactly(&client, &rig);
}

#[test]
fn deluge_limits_and_gives_back() {
    let Some((client, rig)) = start() else { return };
    contract::limits_and_gives_back(&rig);
    contract::limits_single_torrents(&client, &rig);
}

#[test]
fn deluge_acts_on_single_torrents() {
    let Some((client, rig)) = start() else { return };
    contract::acts_on_single_torrents(&client, &rig);
    let one = [three()[0].hash.clone()];
    rig.with("box", async |_, member, talk| {
        let error = member.client.set_category(&one, "TV", talk).await.unwrap_err();
        assert_eq!(error.kind, Kind::Unsupported);
        assert!(error.hint.as_ref().unwrap().contains("`Label`"), "{error:?}");
    });
    client.call("core.enable_plugin", &json!(["Label"]));
    // The daemon tells the Web UI a moment later what the plug-in can do.
    until("the Web UI does not know labels", || client.ask("label.get_labels", &json!([])));
    rig.with("box", async |_, member, talk| {
        member.client.set_category(&one, "TV", talk).await.unwrap();
        assert_eq!(member.client.torrent(&one[0], talk).await.unwrap().unwrap().category, "tv");
        // Past its queue, and so again after a stop.
        member.client.start(&one, true, talk).await.unwrap();
        assert!(member.client.torrent(&one[0], talk).await.unwrap().unwrap().forced);
        member.client.recheck(&one, talk).await.unwrap();
        member.client.reannounce(&one, talk).await.unwrap();
        let error = member.client.ban(&["203.0.113.7".parse().unwrap()], talk).await.unwrap_err();
        assert_eq!(error.kind, Kind::Unsupported);
        assert!(error.hint.as_ref().unwrap().contains("PeerBanHelperAdapter"), "{error:?}");
    });
}

#[test]
fn deluge_is_asked_once_with_a_wrong_password() {
    let Some((client, _rig)) = start() else { return };
    contract::tries_a_wrong_login_once(&client);
}

#[test]
fn deluge_comes_back_after_a_restart_and_its_daemon_is_connected() {
    let Some((mut client, rig)) = start() else { return };
    contract::comes_back_after_a_restart(&mut client, &rig);
    client.call("web.disconnect", &json!([]));
    rig.with("box", async |_, member, talk| {
        assert_eq!(member.client.torrents(talk).await.unwrap().len(), 1);
    });
    // The Web UI alone would leave the question unanswered.
    client.daemon.take().unwrap().end();
    until("the Web UI has not noticed", || match client.call("web.connected", &json!([])) {
        Value::Bool(false) => Ok(()),
        other => Err(other.to_string()),
    });
    let error = rig.with("box", async |_, member, talk| member.client.torrents(talk).await.unwrap_err());
    assert_eq!(error.kind, Kind::Transport);
    assert!(error.message.contains("no Deluge daemon"), "{error:?}");
}
