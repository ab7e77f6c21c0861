//! A real qbittorrent-nox.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::metainfo::Torrent;
use super::process::{Process, Reply, Web, port, until};

pub const PROGRAM: &str = "qbittorrent-nox";
pub const USER: &str = "admin";
pub const PASSWORD: &str = "adminadmin";
/// That password as the program keeps it (PBKDF2); releases before 4.6.1 know it without.
const KEPT: &str = "@ByteArray(dGlkZWdhdGUtdGVzdGluZw==:\
    mxJiI7k/VHxjsqTkYCorxVvxGp+uT/l8ls94laITebBSRwWhS5Ijnna7ZeXXb/MmBpf569Jw2OPSDiqNGgtOvg==)";

pub struct QBittorrent {
    process: Option<Process>,
    folder: TempDir,
    eye: Eye,
    pub url: String,
}

/// Somebody who is logged in.
pub struct Eye {
    web: Web,
    cookie: RefCell<String>,
    url: String,
}

impl Eye {
    fn new(url: &str) -> Self {
        Self { web: Web::new(), cookie: RefCell::default(), url: url.into() }
    }

    fn log_in(&self) -> Result<(), String> {
        let form = [("username", USER), ("password", PASSWORD)];
        let reply = self.web.send(|web| web.post(format!("{}/api/v2/auth/login", self.url)).form(&form))?;
        let cookie = reply.headers.get("set-cookie").and_then(|value| value.to_str().ok());
        let Some(cookie) = cookie else { return Err(format!("{} {}", reply.status, reply.text)) };
        *self.cookie.borrow_mut() = cookie.split(';').next().unwrap_or_default().into();
        Ok(())
    }

    fn send(&self, build: impl Fn(&reqwest::Client) -> reqwest::RequestBuilder) -> Reply {
        let send = || self.web.send(|web| build(web).header("cookie", self.cookie.borrow().as_str())).unwrap();
        let mut reply = send();
        if reply.status == 403 {
            self.log_in().unwrap();
            reply = send();
        }
        assert!(reply.status < 300, "{} {}", reply.status, reply.text);
        reply
    }

    fn get(&self, route: &str) -> Value {
        self.send(|web| web.get(format!("{}/api/v2/{route}", self.url))).json()
    }

    /// Bytes received and sent since the client was started.
    pub fn moved(&self) -> (u64, u64) {
        let transfer = self.get("transfer/info");
        (transfer["dl_info_data"].as_u64().unwrap(), transfer["up_info_data"].as_u64().unwrap())
    }
}

impl QBittorrent {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (http, peers) = (port(), port());
        let config = folder.path().join("qBittorrent/config");
        std::fs::create_dir_all(&config).unwrap();
        std::fs::create_dir_all(folder.path().join("data")).unwrap();
        let data = folder.path().join("data");
        let text = format!(
            "[LegalNotice]\nAccepted=true\n\
             [BitTorrent]\nSession\\DHTEnabled=false\nSession\\LSDEnabled=false\nSession\\PeXEnabled=false\n\
             Session\\Port={peers}\nSession\\Interface=lo\nSession\\InterfaceName=lo\n\
             Session\\InterfaceAddress=127.0.0.1\nSession\\DefaultSavePath={}\nSession\\QueueingSystemEnabled=false\n\
             Session\\Preallocation=false\nSession\\BTProtocol=TCP\n\
             [Network]\nPortForwardingEnabled=false\nProxy\\OnlyForTorrents=false\n\
             [Preferences]\nGeneral\\Locale=C\nConnection\\UPnP=false\nWebUI\\Address=127.0.0.1\nWebUI\\Port={http}\n\
             WebUI\\Username={USER}\nWebUI\\Password_PBKDF2=\"{KEPT}\"\nWebUI\\LocalHostAuth=true\nWebUI\\UPnP=false\n",
            data.display()
        );
        std::fs::write(config.join("qBittorrent.conf"), text).unwrap();
        let url = format!("http://127.0.0.1:{http}");
        let mut this = Self { process: None, folder, eye: Eye::new(&url), url };
        this.begin();
        this
    }

    /// Starts the program, where it was before.
    pub fn begin(&mut self) {
        let mut command = Command::new(PROGRAM);
        command.arg(format!("--profile={}", self.folder.path().display()));
        command.env("HOME", self.folder.path()).env("QT_QPA_PLATFORM", "offscreen");
        let process = Process::start(&mut command, &self.folder.path().join("log"));
        until("qbittorrent-nox does not answer", || {
            self.eye.log_in().map_err(|error| format!("{error}\n{}", process.said()))
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

    /// Another one who looks, for another thread.
    pub fn eye(&self) -> Eye {
        Eye::new(&self.url)
    }

    pub fn get(&self, route: &str) -> Value {
        self.eye.get(route)
    }

    pub fn post(&self, route: &str, form: &[(&str, &str)]) {
        self.eye.send(|web| web.post(format!("{}/api/v2/{route}", self.url)).form(form));
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Adds a torrent, with its file where it `has` that.
    pub fn add(&self, torrent: &Torrent, has: bool, tags: &str) {
        if has {
            std::fs::write(self.data().join(&torrent.name), &torrent.content).unwrap();
        }
        self.eye.send(|web| {
            let file = reqwest::multipart::Part::bytes(torrent.file.clone()).file_name("a.torrent");
            let form = reqwest::multipart::Form::new().part("torrents", file).text("tags", tags.to_owned());
            web.post(format!("{}/api/v2/torrents/add", self.url)).multipart(form)
        });
        until("the torrent is not there", || {
            let state = self.states().remove(&torrent.name).unwrap_or_default();
            // It looks at its files first.
            let settled = !state.is_empty() && !state.starts_with("checking") && (!has || state.ends_with("UP"));
            if settled { Ok(()) } else { Err(state) }
        });
    }

    /// Tells it of a peer.
    pub fn meet(&self, torrent: &Torrent, port: u16) {
        self.post("torrents/addPeers", &[("hashes", &torrent.hash), ("peers", &format!("127.0.0.1:{port}"))]);
    }

    /// The state of each torrent by its name, in the client's own words.
    pub fn states(&self) -> BTreeMap<String, String> {
        let list = self.get("torrents/info");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        list.as_array().unwrap().iter().map(|row| (text(&row["name"]), text(&row["state"]))).collect()
    }

    /// Which torrents stand, and which are forced: what a stop and its release must not change in the end.
    pub fn standing(&self) -> BTreeMap<String, (bool, bool)> {
        let stands = |state: &str| state.starts_with("paused") || state.starts_with("stopped");
        self.states().into_iter().map(|(name, state)| (name, (stands(&state), state.starts_with("forced")))).collect()
    }

    /// The table for `tidegate.toml`.
    pub fn config(&self, name: &str) -> String {
        format!(
            "[downloader.{name}]\ntype = \"qbittorrent\"\nurl = {:?}\nusername = {USER:?}\npassword = {PASSWORD:?}\n",
            self.url
        )
    }
}
