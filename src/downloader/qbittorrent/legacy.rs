//! The Web API before 4.1, which had other routes for the same things.

use reqwest::Method;

use super::session::API;
use crate::downloader::line::Ask;
use crate::http::Body;

/// How an old route wants what the new one is given.
#[derive(Clone, Copy)]
enum Takes {
    /// The same form or query.
    Same,
    /// One torrent at a time, as `hash`.
    One,
    /// The torrent in the path.
    InPath,
}

use Takes::{InPath, One, Same};

/// Today's route, the old one, and whether that is a `POST`.
const ROUTES: &[(&str, &str, bool, Takes)] = &[
    ("app/version", VERSION, false, Same),
    ("app/preferences", "/query/preferences", false, Same),
    ("app/setPreferences", "/command/setPreferences", true, Same),
    ("transfer/info", "/query/transferInfo", false, Same),
    ("transfer/uploadLimit", "/command/getGlobalUpLimit", true, Same),
    ("transfer/downloadLimit", "/command/getGlobalDlLimit", true, Same),
    ("transfer/setUploadLimit", "/command/setGlobalUpLimit", true, Same),
    ("transfer/setDownloadLimit", "/command/setGlobalDlLimit", true, Same),
    ("sync/maindata", "/sync/maindata", false, Same),
    ("torrents/info", "/query/torrents", false, Same),
    ("torrents/properties", "/query/propertiesGeneral", false, InPath),
    ("torrents/trackers", "/query/propertiesTrackers", false, InPath),
    ("torrents/pause", "/command/pause", true, One),
    ("torrents/resume", "/command/resume", true, One),
    ("torrents/recheck", "/command/recheck", true, One),
    ("torrents/setForceStart", "/command/setForceStart", true, Same),
    ("torrents/setUploadLimit", "/command/setTorrentsUpLimit", true, Same),
    ("torrents/setDownloadLimit", "/command/setTorrentsDlLimit", true, Same),
    ("torrents/setCategory", "/command/setCategory", true, Same),
    ("torrents/createCategory", "/command/addCategory", true, Same),
];

/// Where the old API tells its version.
pub(super) const VERSION: &str = "/version/qbittorrent";

/// Where the old API takes user name and password.
pub(super) const LOGIN: &str = "/login";

/// The same request in the old words: one, or one for each torrent. `None` where there was no such thing.
pub(super) fn routes(ask: &Ask) -> Option<Vec<Ask>> {
    let Some(route) = ask.path.strip_prefix(API) else { return Some(vec![ask.clone()]) };
    let to = |path: String, method: Method| Ask { method, path, ..ask.clone() };
    match (route, &ask.body) {
        ("torrents/delete", Body::Form(form)) => {
            let files = form.iter().any(|(key, value)| key == "deleteFiles" && value == "true");
            let path = if files { "/command/deletePerm" } else { "/command/delete" };
            return Some(vec![to(path.into(), Method::POST)]);
        }
        ("torrents/add", Body::Parts(parts)) => {
            let file = parts.iter().any(|part| part.file.is_some());
            let path = if file { "/command/upload" } else { "/command/download" };
            return Some(vec![to(path.into(), Method::POST)]);
        }
        _ => {}
    }
    let (_, old, post, takes) = ROUTES.iter().find(|(new, ..)| *new == route)?;
    let method = if *post { Method::POST } else { Method::GET };
    match takes {
        Same => Some(vec![to((*old).into(), method)]),
        InPath => {
            let hash = ask.query.iter().find(|(key, _)| key == "hash").map_or("", |(_, hash)| hash.as_str());
            Some(vec![Ask { query: Vec::new(), ..to(format!("{old}/{hash}"), method) }])
        }
        One => {
            let Body::Form(form) = &ask.body else { return None };
            let hashes = form.iter().find(|(key, _)| key == "hashes").map_or("", |(_, hashes)| hashes.as_str());
            let one = |hash: &str| Ask {
                body: Body::Form(vec![("hash".into(), hash.into())]),
                ..to((*old).into(), method.clone())
            };
            Some(hashes.split('|').map(one).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::session::{get, get_with, post};
    use super::*;

    fn old(ask: &Ask) -> Vec<(String, Vec<(String, String)>)> {
        let shown = |ask: Ask| {
            let form = match &ask.body {
                Body::Form(form) => form.clone(),
                _ => ask.query.clone(),
            };
            (ask.endpoint(), form)
        };
        routes(ask).unwrap_or_default().into_iter().map(shown).collect()
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.into(), value.into())
    }

    #[test]
    fn each_thing_has_its_old_name() {
        assert_eq!(old(&get("transfer/info")), [("GET /query/transferInfo".into(), vec![])]);
        let limit = post("transfer/setUploadLimit", &[("limit", "5")]);
        assert_eq!(old(&limit), [("POST /command/setGlobalUpLimit".into(), vec![pair("limit", "5")])]);
        let trackers = get_with("torrents/trackers", "hash", "ab");
        assert_eq!(old(&trackers), [("GET /query/propertiesTrackers/ab".into(), vec![])]);
        let delete = post("torrents/delete", &[("hashes", "ab|cd"), ("deleteFiles", "true")]);
        assert_eq!(old(&delete)[0].0, "POST /command/deletePerm");
    }

    #[test]
    fn one_torrent_at_a_time_where_it_took_no_more() {
        let told = old(&post("torrents/pause", &[("hashes", "ab|cd")]));
        assert_eq!(told[0], ("POST /command/pause".into(), vec![pair("hash", "ab")]));
        assert_eq!(told[1], ("POST /command/pause".into(), vec![pair("hash", "cd")]));
    }

    #[test]
    fn what_there_was_not_is_none_and_own_paths_stay() {
        assert!(routes(&post("torrents/addTags", &[])).is_none());
        assert_eq!(old(&get("/query/torrents"))[0].0, "GET /query/torrents");
    }
}
