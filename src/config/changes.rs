//! What is different between two configurations, and which files one depends on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::{Config, SecretSource, Setting};

/// The SHA-256 of a file's content.
pub type Digest = [u8; 32];

pub fn digest(content: &[u8]) -> Digest {
    Sha256::digest(content).into()
}

/// What a new configuration changes, in words.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Changes {
    /// `vps.oslo added`, `script.guard changed`.
    pub effective: Vec<String>,
    /// Keys whose new value needs a restart.
    pub at_restart: Vec<&'static str>,
}

impl Config {
    /// Of the text that it was read from; that of the environment alone is all zeroes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What `new` changes.
    pub fn changes(&self, new: &Self) -> Changes {
        let mut effective = Vec::new();
        for (key, same) in [
            ("timezone", self.timezone == new.timezone),
            ("language", self.language == new.language),
            ("mode", self.mode == new.mode),
            ("scripts", self.scripts == new.scripts),
            ("limits", self.limits == new.limits),
            ("retention", self.retention == new.retention),
            ("runtime", self.runtime == new.runtime),
            ("heartbeat", self.heartbeat == new.heartbeat),
        ] {
            if !same {
                effective.push(format!("{key} changed"));
            }
        }
        table("vps", &self.vps, &new.vps, &mut effective);
        table("pbh", &self.pbh, &new.pbh, &mut effective);
        table("downloader", &self.downloader, &new.downloader, &mut effective);
        table("notify", &self.notify, &new.notify, &mut effective);
        table("script", &self.script, &new.script, &mut effective);
        table("secret", &self.secret, &new.secret, &mut effective);
        let fixed = [("data", self.data == new.data), ("server", self.server == new.server)];
        let at_restart = fixed.into_iter().filter(|(_, same)| !same).map(|(key, _)| key).collect();
        Changes { effective, at_restart }
    }

    /// The files beside its own that it is read from when they are needed: secrets and certificate authorities.
    pub fn files(&self) -> BTreeSet<PathBuf> {
        let mut secrets: Vec<&SecretSource> = self.vps.values().map(|vps| &vps.api_key).collect();
        secrets.extend(self.pbh.values().map(|pbh| &pbh.token));
        secrets.extend(self.pbh.values().filter_map(|pbh| pbh.basic_auth.as_ref()).map(|(_, password)| password));
        secrets.extend(self.downloader.values().filter_map(|downloader| downloader.password.as_ref()));
        secrets.extend(
            self.notify
                .values()
                .flat_map(|channel| channel.settings.values())
                .chain(self.heartbeat.as_ref().map(|heartbeat| &heartbeat.url))
                .flat_map(sources),
        );
        secrets.extend(self.secret.values());
        secrets.extend(self.server.token.as_ref());
        let secrets = secrets.into_iter().filter_map(|source| match source {
            SecretSource::File(path) => Some(path.clone()),
            SecretSource::Literal(_) | SecretSource::Env(_) => None,
        });
        let transports = self.vps.values().map(|vps| &vps.transport);
        let transports = transports.chain(self.pbh.values().map(|pbh| &pbh.transport));
        let transports = transports.chain(self.downloader.values().map(|downloader| &downloader.transport));
        let transports = transports.chain(self.notify.values().map(|channel| &channel.transport));
        let transports = transports.chain(self.heartbeat.as_ref().map(|heartbeat| &heartbeat.transport));
        secrets.chain(transports.filter_map(|transport| transport.ca.clone())).collect()
    }
}

/// The secrets in a setting.
fn sources(setting: &Setting) -> Vec<&SecretSource> {
    match setting {
        Setting::Secret(source) => vec![source],
        Setting::Pairs(pairs) => pairs.iter().map(|(_, source)| source).collect(),
        _ => Vec::new(),
    }
}

fn table<T: PartialEq>(name: &str, old: &BTreeMap<String, T>, new: &BTreeMap<String, T>, changes: &mut Vec<String>) {
    for key in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        let what = match (old.get(key), new.get(key)) {
            (None, _) => "added",
            (_, None) => "removed",
            (Some(old), Some(new)) if old == new => continue,
            _ => "changed",
        };
        changes.push(format!("{name}.{key} {what}"));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config(text: &str) -> Config {
        Config::load(&format!("timezone = \"UTC\"\n{text}"), Path::new("/etc/tidegate.toml"), &|_| None).unwrap()
    }

    #[test]
    fn changes_are_named_by_table_and_key() {
        let old = config("[vps.a]\nveid = 1\napi_key = \"k\"\n[vps.b]\nveid = 2\napi_key = \"k\"");
        let new = config(
            "data = \"other\"\n[vps.b]\nveid = 3\napi_key = \"k\"\n[script.x]\nmode = \"watch\"\n[limits]\nruns = 2",
        );
        let changes = old.changes(&new);
        assert_eq!(changes.effective, ["limits changed", "vps.a removed", "vps.b changed", "script.x added"]);
        assert_eq!(changes.at_restart, ["data"]);
        assert_eq!(new.changes(&new), Changes::default());
        assert_ne!(old.digest(), new.digest());
    }

    #[test]
    fn every_file_that_is_read_later_is_known() {
        let config = config(
            "[vps.a]\nveid = 1\napi_key = { file = \"a\" }\nca = \"ca.pem\"\n\
             [pbh.b]\nurl = \"http://10.0.0.1\"\ntoken = { file = \"b\" }\n\
             basic_auth = { username = \"u\", password = { file = \"c\" } }\n\
             [downloader.d]\npbh = \"b\"\npassword = { file = \"d\" }\n\
             [notify.p]\ntype = \"webhook\"\nurl = { file = \"e\" }\n[secret.s]\nfile = \"f\"",
        );
        let files: Vec<_> = config.files().into_iter().map(|path| path.display().to_string()).collect();
        assert_eq!(files, ["/etc/a", "/etc/b", "/etc/c", "/etc/ca.pem", "/etc/d", "/etc/e", "/etc/f"]);
    }
}
