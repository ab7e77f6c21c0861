//! The world file: what is simulated, and what goes wrong in it. Documented in `docs/world-file.md`.

use std::net::Ipv4Addr;
use std::path::Path;

use serde::{Deserialize, Deserializer, de};

use super::fault::Fault;
use super::programs::{PROGRAMS, Program};
use super::vps::location;
use crate::api::version;
use crate::error::{Error, Kind, Result};
use crate::text::list;
use crate::time::Duration;
use crate::units;

/// A world as its file describes it. [`Scenario::default`] is the world of `tidegate demo`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Everything that is invented derives from it.
    #[serde(default = "one")]
    pub seed: u64,
    #[serde(default)]
    pub pbh: PbhPlan,
    #[serde(default)]
    pub vps: Vec<VpsPlan>,
    #[serde(default)]
    pub downloader: Vec<DownloaderPlan>,
    #[serde(default)]
    pub fault: Vec<Fault>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PbhPlan {
    /// `9.5.0` or `9.0.10`.
    pub version: String,
    pub token: String,
    /// Entries of its ban history at the start, made by its own rules.
    pub past_bans: u32,
    /// Clients that its own rules ban on sight, by the first letters of their peer id.
    pub banned_peer_ids: Vec<String>,
    /// False: the first run is still to come, and everything else answers 303.
    pub initialised: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VpsPlan {
    pub name: String,
    pub veid: u64,
    pub api_key: String,
    /// The monthly allowance as the API says it: before the multiplier.
    #[serde(default = "terabyte", deserialize_with = "size")]
    pub monthly: u64,
    /// The counter at the start, before the multiplier.
    #[serde(default, deserialize_with = "size")]
    pub used: u64,
    #[serde(default = "unity")]
    pub multiplier: f64,
    #[serde(default = "twelve_days", deserialize_with = "span")]
    pub resets_in: Duration,
    /// Traffic of the VPS that is none of its downloaders', in bytes per second.
    #[serde(default, deserialize_with = "speed")]
    pub other_traffic: u64,
    #[serde(default = "first_address")]
    pub address: Ipv4Addr,
    /// Of the list that `migrate/getLocations` gives.
    #[serde(default = "tokyo")]
    pub location: String,
    /// The downloaders that run on it.
    #[serde(default)]
    pub downloaders: Vec<String>,
    /// Open abuse cases: `suspension` or `violation`.
    #[serde(default)]
    pub cases: Vec<CasePlan>,
    /// API calls that others have made within the last day, of 20,000.
    #[serde(default)]
    pub calls_spent: u64,
    /// What the complaints of those cases say; a sentence without content where absent.
    pub evidence: Option<String>,
}

/// What an open abuse case is about.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum CasePlan {
    /// Suspends the VPS until `unsuspend`.
    Suspension,
    /// Suspends it after a day and a half unless resolved.
    Violation,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DownloaderPlan {
    /// The id in PBH.
    pub id: String,
    /// The id where absent.
    pub name: Option<String>,
    /// The type as PBH spells it, of those that are simulated.
    #[serde(rename = "type", default = "qbittorrent")]
    pub kind: String,
    /// A recent one of that type where empty.
    #[serde(default)]
    pub version: String,
    #[serde(default = "admin")]
    pub username: String,
    #[serde(default = "adminadmin")]
    pub password: String,
    /// PBH's setting: with it a manual ban does not reach the client.
    #[serde(default)]
    pub increment_ban: bool,
    /// PBH's supervision of it is paused.
    #[serde(default)]
    pub paused: bool,
    #[serde(default)]
    pub torrent: Vec<TorrentPlan>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TorrentPlan {
    pub name: String,
    /// Its info hash; invented where absent.
    pub hash: Option<String>,
    #[serde(deserialize_with = "size")]
    pub size: u64,
    #[serde(default)]
    pub private: bool,
    /// 0 to 1.
    #[serde(default = "unity")]
    pub progress: f64,
    #[serde(default)]
    pub category: String,
    #[serde(default)]
    pub tags: Vec<String>,
    /// Announce address; one fitting a public or private torrent where absent.
    pub tracker: Option<String>,
    /// What its peers take together at first, in bytes per second.
    #[serde(default, deserialize_with = "speed")]
    pub upload: u64,
    /// What its peers give together while it is incomplete.
    #[serde(default, deserialize_with = "speed")]
    pub download: u64,
    /// Ordinary peers.
    #[serde(default)]
    pub peers: u32,
    /// Peers that take much and never get anywhere, by client: `xunlei`, `xfplay`, …
    #[serde(default)]
    pub leechers: Vec<String>,
    #[serde(default)]
    pub stopped: bool,
    /// How long ago it was added.
    #[serde(default = "twelve_days", deserialize_with = "span")]
    pub age: Duration,
}

const DEMO: &str = include_str!("demo.toml");

impl Default for Scenario {
    fn default() -> Self {
        Self::parse(DEMO, Path::new("demo.toml")).expect("the demo world is part of the program and tested")
    }
}

impl Default for PbhPlan {
    fn default() -> Self {
        Self {
            version: "9.5.0".into(),
            token: "simulated-pbh-token".into(),
            past_bans: 6,
            banned_peer_ids: vec!["-XL0012-".into(), "-SD0100-".into()],
            initialised: true,
        }
    }
}

impl Scenario {
    /// Reads a world file: JSON where its name ends so, TOML otherwise.
    ///
    /// # Errors
    /// `config` where it is no world: with the line, or the name that does not fit.
    pub fn parse(text: &str, file: &Path) -> Result<Self> {
        let name = file.display();
        let wrong = |message: String| {
            Error::new(Kind::Config, format!("`{name}` is not a world file: {}", message.trim()))
                .hint("`docs/world-file.md` lists the keys")
        };
        let scenario: Self = if file.extension().is_some_and(|e| e.eq_ignore_ascii_case("json")) {
            serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?
        } else {
            toml::from_str(text).map_err(|error| wrong(error.to_string()))?
        };
        scenario.problem().map_or(Ok(scenario), |problem| Err(wrong(problem)))
    }

    /// Reads a world file from disk.
    ///
    /// # Errors
    /// `config` where it cannot be read or is no world.
    pub fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).map_err(|error| {
            Error::new(Kind::Config, format!("cannot read the world file `{}`: {error}", file.display()))
                .hint("`docs/world-file.md` shows one")
        })?;
        Self::parse(&text, file)
    }

    /// A world with the keys of a world file.
    ///
    /// # Errors
    /// `argument` where it is no world.
    pub fn from_json(world: serde_json::Value) -> Result<Self> {
        let wrong = |message: String| {
            Error::new(Kind::Argument, format!("this is no world: {message}"))
                .hint("`docs/world-file.md` lists the keys")
        };
        let scenario: Self = serde_json::from_value(world).map_err(|error| wrong(error.to_string()))?;
        scenario.problem().map_or(Ok(scenario), |problem| Err(wrong(problem)))
    }

    /// What does not fit together, if anything.
    fn problem(&self) -> Option<String> {
        if !matches!(self.pbh.version.as_str(), "9.5.0" | "9.0.10") {
            return Some(format!("PBH `{}` is not simulated, only `9.5.0` and `9.0.10`", self.pbh.version));
        }
        for plan in &self.downloader {
            let (id, kind) = (&plan.id, plan.kind.as_str());
            let Some(program) = Program::of(kind) else {
                let kinds = list(PROGRAMS.iter().map(|program| program.kind), "and");
                return Some(format!("downloader `{id}` is a `{kind}`; {kinds} are simulated"));
            };
            if let Some(until) = program.until.filter(|until| version(&plan.version) >= version(until)) {
                return Some(format!("downloader `{id}`: a `{kind}` is simulated before {until}"));
            }
            if kind == "aria2next" && self.pbh.version == "9.0.10" {
                return Some(format!("downloader `{id}` is a `{kind}`, which PBH 9.0.10 does not know"));
            }
        }
        let ids: Vec<_> = self.downloader.iter().map(|d| d.id.as_str()).collect();
        for vps in &self.vps {
            if location(&vps.location).is_none() {
                return Some(format!("VPS `{}` is at `{}`, which is no location", vps.name, vps.location));
            }
            if let Some(id) = vps.downloaders.iter().find(|id| !ids.contains(&id.as_str())) {
                return Some(format!("VPS `{}` names the downloader `{id}`, which is not there", vps.name));
            }
        }
        let veids = self.vps.iter().map(|vps| vps.veid.to_string()).collect();
        if let Some(veid) = twice(veids) {
            return Some(format!("two VPSes have the veid `{veid}`"));
        }
        let ids = self.downloader.iter().map(|downloader| downloader.id.clone()).collect();
        twice(ids).map(|id| format!("two downloaders have the id `{id}`"))
    }
}

/// The first name that is there before.
fn twice(names: Vec<String>) -> Option<String> {
    let mut seen = std::collections::BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(name.clone()))
}

const fn one() -> u64 {
    1
}

const fn unity() -> f64 {
    1.0
}

const fn terabyte() -> u64 {
    1000 << 30
}

const fn twelve_days() -> Duration {
    Duration::from_seconds(12 * 86_400)
}

const fn first_address() -> Ipv4Addr {
    Ipv4Addr::new(45, 78, 20, 11)
}

fn tokyo() -> String {
    "JPTYO_8".into()
}

fn qbittorrent() -> String {
    "qbittorrent".into()
}

fn admin() -> String {
    "admin".into()
}

fn adminadmin() -> String {
    "adminadmin".into()
}

/// A number in the base unit, or a text with a unit.
#[derive(Deserialize)]
#[serde(untagged)]
enum Amount {
    Number(u64),
    /// As scripts write lengths of time: rounded.
    Fraction(f64),
    Text(String),
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded, and not negative")]
fn whole(amount: f64) -> u64 {
    amount.max(0.0).round() as u64
}

fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    match Amount::deserialize(deserializer)? {
        Amount::Number(bytes) => Ok(bytes),
        Amount::Fraction(bytes) => Ok(whole(bytes)),
        Amount::Text(text) => units::parse_size(&text).map(i64::unsigned_abs).map_err(de::Error::custom),
    }
}

fn speed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    match Amount::deserialize(deserializer)? {
        Amount::Number(bytes) => Ok(bytes),
        Amount::Fraction(bytes) => Ok(whole(bytes)),
        Amount::Text(text) => match units::parse_speed(&text).map_err(de::Error::custom)? {
            Some(speed) => Ok(speed.unsigned_abs()),
            None => Err(de::Error::custom("a speed in the world has a limit")),
        },
    }
}

pub(super) fn span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    match Amount::deserialize(deserializer)? {
        Amount::Number(seconds) => Ok(Duration::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))),
        Amount::Fraction(seconds) => Ok(Duration::from_seconds_f64(seconds.max(0.0))),
        Amount::Text(text) => units::parse_duration(&text).map_err(de::Error::custom),
    }
}

pub(super) fn optional_span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    span(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_world_is_one() {
        let demo = Scenario::default();
        assert_eq!(demo.vps.len(), 1);
        assert_eq!(demo.downloader.len(), 2);
        assert!(demo.downloader.iter().flat_map(|d| &d.torrent).any(|t| t.private));
        assert!(demo.downloader.iter().flat_map(|d| &d.torrent).any(|t| !t.leechers.is_empty()));
    }

    #[test]
    fn a_world_can_be_json() {
        let json = r#"{"vps": [{"name": "a", "veid": 1, "api_key": "private_x", "used": "1 GiB"}]}"#;
        let world = Scenario::parse(json, Path::new("a.json")).unwrap();
        assert_eq!((world.seed, world.vps[0].used, world.vps[0].monthly), (1, 1 << 30, 1000 << 30));
    }

    #[test]
    fn what_does_not_fit_is_one_sentence() {
        for (text, part) in [
            ("sede = 1", "sede"),
            ("[pbh]\nversion = \"8\"", "PBH `8`"),
            ("[[vps]]\nname = \"a\"\nveid = 1\napi_key = \"k\"\ndownloaders = [\"x\"]", "`x`"),
            ("[[downloader]]\nid = \"a\"\n[[downloader]]\nid = \"a\"", "two downloaders"),
            ("[[downloader]]\nid = \"a\"\ntype = \"rtorrent\"", "`rtorrent`"),
            ("[pbh]\nversion = \"9.0.10\"\n[[downloader]]\nid = \"a\"\ntype = \"aria2next\"", "9.0.10"),
            ("[[downloader]]\nid = \"a\"\ntype = \"transmission\"\nversion = \"4.1.0\"", "before 4.1"),
            ("[[vps]]\nname = \"a\"\nveid = 1\napi_key = \"k\"\nused = \"5\"", "`5` is not a size"),
        ] {
            let error = Scenario::parse(text, Path::new("w.toml")).unwrap_err();
            assert_eq!(error.kind, Kind::Config);
            assert!(error.message.contains(part), "{}", error.message);
        }
    }
}
