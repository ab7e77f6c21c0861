//! Grants and denials that name nothing: a misspelt `allow` grants nothing, and a misspelt `deny` holds nothing back.

use crate::api::Service;
use crate::host::Host;
use crate::permission::Grant;
use crate::text::suggestion;

use super::answers::methods_of;
use super::types::Ty;

/// What is wrong with what the configuration grants and denies: the key, and a sentence.
pub fn misnamed(host: &Host) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (script, settings) in &host.config.script {
        for (key, grants) in [("allow", &settings.grants.allow), ("deny", &settings.grants.deny)] {
            let wrong = grants.iter().filter_map(|grant| Some((grant, fault(host, grant)?)));
            found.extend(wrong.map(|(grant, why)| (format!("script.{script}.{key}"), format!("`{grant}`: {why}"))));
        }
    }
    found
}

/// Words that stand for more than one endpoint.
const CLASSES: [&str; 3] = ["*", "destructive", "write"];

fn fault(host: &Host, grant: &Grant) -> Option<String> {
    let config = &host.config;
    let told = |what: &str, name: &str, known: &[&str]| {
        let near = suggestion(name, known.iter().copied()).map_or(String::new(), |hint| format!("; {hint}"));
        Some(format!("there is no {what} `{name}`{near}"))
    };
    let (ty, instances): (Ty, Vec<&str>) = match grant.service() {
        "kiwivm" => (Ty::Vps, config.vps.keys().map(String::as_str).collect()),
        "pbh" => (Ty::Pbh, config.pbh.keys().map(String::as_str).collect()),
        // PBH knows more clients than the configuration names.
        "downloader" => (Ty::Downloader, Vec::new()),
        _ => return None,
    };
    if let Some(instance) = grant.instance_of(grant.service())
        && !instances.is_empty()
        && !instances.contains(&instance)
    {
        return told("instance", instance, &instances);
    }
    let methods: Vec<_> = methods_of(&ty).chain(CLASSES).collect();
    // What an older release had, or a newer one will have, is no slip of the pen.
    let of_a_table = Service::ALL.iter().any(|service| service.row(grant.what()).is_some());
    if methods.contains(&grant.what()) || of_a_table { None } else { told("endpoint", grant.what(), &methods) }
}
