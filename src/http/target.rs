//! Where a request goes: host, port, and whether that is a private place.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

use crate::address::Ip;
use crate::error::{Error, Kind, Result};
use crate::network;

/// A parsed URL. It prints as host and port, which is all of it that a message may show.
pub(super) struct Target {
    pub(super) url: Url,
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self> {
        let wrong = |message: &str| {
            Error::new(Kind::Config, message).hint("write it as `http://host:port` or `https://host/path`")
        };
        // A URL that cannot be parsed may hold a password anywhere, so it is not shown.
        let url = Url::parse(url).map_err(|error| wrong(&format!("the URL cannot be read: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong(&format!("`{}` is not a scheme that tidegate speaks", url.scheme())));
        }
        if url.host().is_none() {
            return Err(wrong("the URL names no host"));
        }
        Ok(Self { url })
    }

    pub(super) fn tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
    }

    fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(80)
    }

    /// By its looks, without asking anybody: what a proxy is never used for.
    pub(super) fn is_local(&self) -> bool {
        let host = self.host();
        match host.parse::<IpAddr>() {
            Ok(ip) => !Ip::from(ip).is_public(),
            Err(_) => {
                !host.contains('.')
                    || [".local", ".lan", ".home", ".internal", ".localhost", ".home.arpa"]
                        .iter()
                        .any(|ending| host.ends_with(ending))
            }
        }
    }

    /// The addresses of the host.
    pub(super) async fn resolve(&self) -> Result<Vec<IpAddr>> {
        network::lookup(self.host()).await.map_err(|_| super::fault::unresolved(self))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}:{}", self.url.host_str().unwrap_or_default(), self.port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_by_its_looks() {
        for (url, local) in [
            ("http://localhost:1", true),
            ("http://peerbanhelper:9898", true),
            ("http://nas.lan", true),
            ("http://[::1]:80", true),
            ("https://pbh.example.org", false),
            ("https://203.0.113.7", false),
        ] {
            assert_eq!(Target::parse(url).unwrap().is_local(), local, "{url}");
        }
    }

    #[test]
    fn a_target_prints_host_and_port_only() {
        let target = Target::parse("https://user:pass@pbh.example.org/sub?token=x").unwrap();
        assert_eq!(target.to_string(), "pbh.example.org:443");
        assert_eq!(Target::parse("http://[::1]/").unwrap().to_string(), "[::1]:80");
    }

    #[test]
    fn what_is_no_url_is_a_config_error_without_its_text() {
        for url in ["", "host:9898", "ftp://host", "http://user:hunter2@:80"] {
            let error = Target::parse(url).err().unwrap();
            assert_eq!(error.kind, Kind::Config);
            assert!(!error.message.contains("hunter2"));
        }
    }
}
