//! The simulated PBH beside recordings of the real one: status, content type, keys and JSON types.
//!
//! The bench has the recording's names, hashes, addresses and time, so its requests can be sent as they are.

use std::path::Path;

use super::*;
mod stage;

/// Names of requests that only another state of the server answers so, by a part of the case's name.
const OTHER_STATE: &[&str] = &[
    "demo_mode",
    "while_modules",
    "after_restart_old_token",
    "cookie_after_restart",
    "old_cookie_after_restart",
    "cookie_after_token_change",
    "apitoken_property",
    "requirelogin_false",
];

/// Single cases that are not compared, and why.
const APART: &[(&str, &str, &str)] = &[
    // Without an IP database; the simulated one has one.
    ("chart_geoip", "missing", "9.0.10"),
    ("chart_geoip", "ok", "9.0.10"),
    ("chart_geoip", "banned", "9.0.10"),
    // The recording lost the User-Agent that the case is about.
    ("bans_list", "nmap_user_agent", "9.0.10"),
    ("general_status", "ua_blocked_Mozilla_nmap", "9.5.0"),
    // After a key was added that no release knows.
    ("general_config_get", "after_token_change", "9.0.10"),
    ("general_config_get", "config_final", "9.0.10"),
    // Before a push channel was ever set; a number that its owner had changed from 0.1 to -1.
    ("general_config_get", "config", "9.0.10"),
    ("general_config_get", "profile", "9.5.0"),
    // The dump itself was not recorded.
    ("general_heapdump", "skip", "9.0.10"),
];

/// Objects whose keys are data.
const MAPS: &[&str] = &["/client", "/subnetCounter", "/cache", "/huntingList", "/rules", "/subnetCounter/*"];

struct Recording {
    id: String,
    value: Value,
}

impl Recording {
    fn text(&self, pointer: &str) -> &str {
        self.value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
    }

    fn case(&self) -> &str {
        self.text("/case")
    }

    fn old(&self) -> bool {
        self.text("/version") == "9.0.10"
    }

    /// The body to send; `None` where the recording keeps only its length.
    fn body(&self) -> Option<String> {
        match &self.value["request"]["body"] {
            Value::Null => Some(String::new()),
            Value::String(text) if text.starts_with("text(") => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    fn path(&self) -> String {
        let encode =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let pair = |key: &str, value: &Value| {
            let value = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            format!("{}={}", encode(key), encode(&value))
        };
        let query = match &self.value["request"]["query"] {
            Value::String(text) => text.clone(),
            Value::Object(map) => map.iter().map(|(key, value)| pair(key, value)).collect::<Vec<_>>().join("&"),
            Value::Array(list) => {
                list.iter().map(|item| pair(item[0].as_str().unwrap(), &item[1])).collect::<Vec<_>>().join("&")
            }
            _ => String::new(),
        };
        format!("{}?{query}", self.text("/request/path"))
    }
}

fn recordings() -> Vec<Recording> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pbh");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .iter()
        .flat_map(|file| {
            let id = file.file_stem().unwrap().to_string_lossy().into_owned();
            let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
            cases.into_iter().map(move |value| Recording { id: id.clone(), value }).collect::<Vec<_>>()
        })
        .collect()
}

/// Where two replies differ in structure.
fn differences(at: &str, recorded: &Value, simulated: &Value, found: &mut Vec<String>) {
    match (recorded, simulated) {
        (Value::Object(recorded), Value::Object(simulated)) => {
            if MAPS.iter().any(|map| at.ends_with(map)) {
                // The same key where both have it: a map may hold things of several kinds.
                let pair = recorded.iter().find_map(|(key, value)| Some((value, simulated.get(key)?)));
                let first = recorded.values().next().zip(simulated.values().next());
                if let Some((a, b)) = pair.or(first) {
                    differences(&format!("{at}/*"), a, b, found);
                }
                return;
            }
            for (key, value) in recorded {
                match simulated.get(key) {
                    Some(other) => differences(&format!("{at}/{key}"), value, other, found),
                    None => found.push(format!("{at}/{key} is missing")),
                }
            }
            for key in simulated.keys().filter(|key| !recorded.contains_key(*key)) {
                found.push(format!("{at}/{key} is too many"));
            }
        }
        (Value::Array(recorded), Value::Array(simulated)) => {
            if let (Some(a), Some(b)) = (recorded.first(), simulated.first()) {
                differences(&format!("{at}[]"), a, b, found);
            }
        }
        // Inside of the data anything may be null; the data itself may not.
        (Value::Null, _) | (_, Value::Null) if at.matches('/').count() > 1 => {}
        (Value::Number(a), Value::Number(b)) if a.is_f64() == b.is_f64() => {}
        (Value::String(_), Value::String(_)) | (Value::Bool(_), Value::Bool(_)) | (Value::Null, Value::Null) => {}
        (a, b) => {
            let text = |value: &Value| value.to_string().chars().take(60).collect::<String>();
            found.push(format!("{at}: recorded {}, simulated {}", text(a), text(b)));
        }
    }
}

fn compare(recording: &Recording, answer: &Answer) -> Vec<String> {
    let response = &recording.value["response"];
    let status = response["status"].as_u64().unwrap_or(0);
    let mut found = Vec::new();
    if u64::from(answer.status) != status {
        found.push(format!(
            "status {} instead of {status}: {}",
            answer.status,
            text(answer).chars().take(160).collect::<String>()
        ));
        return found;
    }
    let kind = |text: &str| text.split(';').next().unwrap_or("").to_lowercase();
    let recorded = response["headers"]["Content-Type"].as_str().map(kind);
    let simulated = answer.headers.iter().find(|(name, _)| *name == "content-type").map(|(_, value)| kind(value));
    if recorded.is_some() && recorded != simulated {
        found.push(format!("content type {simulated:?} instead of {recorded:?}"));
    }
    if response["headers"]["Server"] == "nginx" && !answer.headers.contains(&("server", "nginx".into())) {
        found.push("no imitation of nginx".into());
    }
    if let Some(body) = response.get("body_json").filter(|body| !body.is_null()) {
        differences("", body, &parsed(answer), &mut found);
    }
    if response["body_text"] == "" && !text(answer).is_empty() {
        found.push(format!("a body where none was due: {}", text(answer)));
    }
    found
}

#[test]
fn replies_have_the_status_keys_and_types_of_recorded_ones() {
    let (mut compared, mut wrong) = (0, Vec::new());
    for recording in recordings() {
        let case = recording.case().to_owned();
        let apart = APART.contains(&(recording.id.as_str(), case.as_str(), recording.text("/version")));
        if apart
            || recording.id == "early_startup"
            || OTHER_STATE.iter().any(|part| case.contains(part))
            || recording.text("/request/method") == "WS"
        {
            continue;
        }
        let Some(body) = recording.body() else { continue };
        let bench = stage::bench(&recording);
        let headers = recording.value["request"]["headers"].as_object().cloned().unwrap_or_default();
        let headers: Vec<(String, String)> = headers
            .iter()
            .map(|(name, value)| (name.to_lowercase(), value.as_str().unwrap_or("").to_owned()))
            .collect();
        let mut headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if recording.value["response"]["status"].is_null() && headers.is_empty() {
            // What never answered was recorded without its headers.
            headers.push(("user-agent", "test"));
        }
        let answer = bench.ask(Service::Pbh, recording.text("/request/method"), &recording.path(), &headers, &body);
        compared += 1;
        let found = compare(&recording, &answer);
        if !found.is_empty() {
            wrong.push(format!("{} {} {}: {}", recording.id, recording.text("/version"), case, found.join("; ")));
        }
    }
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared >= 1600, "only {compared} were compared");
}
