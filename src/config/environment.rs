//! The environment as a configuration, where there is no file; and the system's time zone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono_tz::Tz;
use toml::de::DeValue;

use super::field::Field;
use super::instance::{KIWIVM_URL, TIMEOUT};
use super::read::Notes;
use super::{Config, Env, Limits, Mode, Pbh, Problem, Retention, Runtime, SecretSource, Server, Transport, Vps, var};
use crate::language::Language;

/// What scripts call the instances that the environment defines.
const NAME: &str = "default";

/// What can be made out, and every problem.
pub(super) fn load(env: Env) -> (Config, Vec<Problem>) {
    let notes = Notes::new("", Path::new(""), env);
    let vps = vps(&notes);
    let pbh = pbh(&notes);
    let config = Config {
        file: None,
        timezone: system_zone(env),
        language: Language::of_locale(env),
        mode: Mode::default(),
        scripts: PathBuf::from("scripts"),
        data: data_folder(env),
        vps: vps.map(|vps| (NAME.into(), vps)).into_iter().collect(),
        pbh: pbh.map(|pbh| (NAME.into(), pbh)).into_iter().collect(),
        downloader: BTreeMap::new(),
        notify: BTreeMap::new(),
        script: BTreeMap::new(),
        secret: BTreeMap::new(),
        limits: Limits::default(),
        server: Server::default(),
        retention: Retention::default(),
        runtime: Runtime::default(),
        heartbeat: None,
        advice: Vec::new(),
        digest: super::Digest::default(),
    };
    (config, notes.problems.take())
}

fn vps(notes: &Notes) -> Option<Vps> {
    let (veid, _) = both(notes, ("KIWIVM_VEID", "123456"), ("KIWIVM_API_KEY", "private_…"))?;
    let url = match var(notes.env, "KIWIVM_URL") {
        Some(url) => address(notes, "KIWIVM_URL", KIWIVM_URL, url),
        None => Some(KIWIVM_URL.into()),
    };
    let Some(veid) = veid.trim().parse().ok().filter(|veid| *veid > 0) else {
        let hint = "it is the number that the KiwiVM panel shows beside the API key";
        notes.problem("KIWIVM_VEID", None, format!("`{veid}` is not a VEID"), hint);
        return None;
    };
    Some(Vps {
        name: NAME.into(),
        veid,
        api_key: SecretSource::Env("KIWIVM_API_KEY".into()),
        url: url?,
        downloaders: None,
        timeout: TIMEOUT,
        transport: Transport::default(),
        default: false,
    })
}

fn pbh(notes: &Notes) -> Option<Pbh> {
    let example = "http://127.0.0.1:9898";
    let (url, _) = both(notes, ("PBH_URL", example), ("PBH_TOKEN", "…"))?;
    Some(Pbh {
        name: NAME.into(),
        url: address(notes, "PBH_URL", example, url)?,
        token: SecretSource::Env("PBH_TOKEN".into()),
        timeout: TIMEOUT,
        transport: Transport::default(),
        headers: Vec::new(),
        basic_auth: None,
        version: None,
        default: false,
    })
}

/// Two variables of which one is nothing without the other, each with an example.
fn both(notes: &Notes, one: (&str, &str), other: (&str, &str)) -> Option<(String, String)> {
    let half = |there: &str, (missing, example)| {
        let message = format!("is not set, but `{there}` is");
        notes.problem(missing, None, message, format!("set `{missing}={example}`"));
    };
    match (var(notes.env, one.0), var(notes.env, other.0)) {
        (Some(first), Some(second)) => return Some((first, second)),
        (Some(_), None) => half(one.0, other),
        (None, Some(_)) => half(other.0, one),
        (None, None) => {}
    }
    None
}

fn address(notes: &Notes, name: &str, example: &str, text: String) -> Option<String> {
    let value = DeValue::String(text.into());
    Field { notes, path: name.into(), key: name.into(), line: None, example: example.into(), value: &value }.server()
}

/// `TIDEGATE_DATA`, else the user's data folder.
fn data_folder(env: Env) -> PathBuf {
    let user = || {
        let folder = var(env, "XDG_DATA_HOME").map(PathBuf::from);
        let folder = folder.or_else(|| var(env, "HOME").map(|home| Path::new(&home).join(".local/share")));
        folder.map(|folder| folder.join("tidegate"))
    };
    var(env, "TIDEGATE_DATA").map(PathBuf::from).or_else(user).unwrap_or_else(|| PathBuf::from("data"))
}

/// `TZ` where it names a zone, else the system's setting, else UTC.
pub(super) fn system_zone(env: Env) -> Tz {
    var(env, "TZ")
        .and_then(|name| name.trim_start_matches(':').parse().ok())
        .or_else(|| iana_time_zone::get_timezone().ok()?.parse().ok())
        .unwrap_or(Tz::UTC)
}
