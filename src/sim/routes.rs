//! Which row a request belongs to.

use super::Service;
use super::net::{Ask, segments};
use super::state::State;
use crate::api::{self, Row};

/// A row, and what stood in the braces of its path.
pub(super) struct Route {
    pub row: &'static Row,
    pub path: Vec<(&'static str, String)>,
}

impl State {
    /// The service's name, the instance's, and the row's id, as faults and the log of requests name them.
    pub fn whose(&self, service: Service, ask: &Ask) -> (&'static str, String, Option<&'static str>) {
        match service {
            Service::KiwiVm => {
                let params = super::kiwivm::params(ask);
                let veid = params.iter().find(|(name, _)| name == "veid").and_then(|(_, veid)| veid.parse().ok());
                let vps = self.vps.iter().find(|vps| Some(vps.veid) == veid);
                let row = super::kiwivm::row(&ask.path);
                ("kiwivm", vps.map_or_else(|| "kiwivm".into(), |vps| vps.name.clone()), row.map(|row| row.id))
            }
            Service::Pbh => ("pbh", "pbh".into(), pbh(ask, self.hub.version).map(|route| route.row.id)),
            Service::Seedbox(position) => ("downloader", self.boxes[position].id.clone(), None),
        }
    }

    /// The names of the downloaders with these ids.
    pub fn names(&self, ids: &[String]) -> Vec<String> {
        self.boxes.iter().filter(|b| ids.contains(&b.id)).map(|b| b.name.clone()).collect()
    }
}

/// The row of PBH's API that a request means; the most literal one where several fit.
pub(super) fn pbh(ask: &Ask, version: (u32, u32, u32)) -> Option<Route> {
    let path = ask.path.strip_suffix('/').unwrap_or(&ask.path);
    let parts = segments(path);
    let method = if ask.method == "HEAD" { "GET" } else { ask.method.as_str() };
    api::Service::Pbh
        .rows()
        .iter()
        .filter(|row| exists(row, version) && self::method(row, version) == method)
        .filter_map(|row| {
            let (literal, path) = fit(row.path, &parts)?;
            Some((literal, Route { row, path }))
        })
        .max_by_key(|(literal, _)| *literal)
        .map(|(_, route)| route)
}

/// Whether this release has the row. One that scripts cannot call was never released, unless it is open to browsers.
pub(super) fn exists(row: &Row, version: (u32, u32, u32)) -> bool {
    if row.extra.uncallable.is_some() && !row.extra.open {
        return false;
    }
    let since = row.extra.since.is_none_or(|since| api::version(since) <= version);
    let until = row.extra.until.is_none_or(|until| version <= api::version(until));
    since && until
}

fn method(row: &'static Row, version: (u32, u32, u32)) -> &'static str {
    match row.extra.method_until {
        Some((method, until)) if version <= api::version(until) => method,
        _ => row.method,
    }
}

/// How many parts fit literally, and what is in the braces.
fn fit(template: &'static str, parts: &[String]) -> Option<(usize, Vec<(&'static str, String)>)> {
    let template: Vec<_> = template.split('/').collect();
    if template.len() != parts.len() {
        return None;
    }
    let mut literal = 0;
    let mut found = Vec::new();
    for (expected, part) in template.into_iter().zip(parts) {
        match expected.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) if !part.is_empty() => found.push((name, part.clone())),
            None if expected == part => literal += 1,
            _ => return None,
        }
    }
    Some((literal, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_parts_win_over_braces() {
        let parts = |path| segments(path);
        assert_eq!(fit("/api/general/{configName}", &parts("/api/general/global")).unwrap().0, 3);
        assert_eq!(fit("/api/general/global", &parts("/api/general/global")).unwrap().0, 4);
        let (_, found) = fit("/api/downloaders/{id}/status", &parts("/api/downloaders/a%2Fb/status")).unwrap();
        assert_eq!(found, [("id", "a/b".to_owned())]);
        assert!(fit("/api/bans", &parts("//api/bans")).is_none());
    }
}
