use std::collections::BTreeMap;
use std::path::PathBuf;

use reqwest::header::{HeaderName, HeaderValue};
use serde_json::json;

use super::*;
use crate::api::Type;
use crate::api::decode::{Json, decode_without};

struct Recording {
    row: &'static Row,
    name: String,
    /// Of the server that was recorded.
    version: String,
    method: String,
    path: String,
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
    /// The envelope's `success`, where there is one.
    success: Option<bool>,
}

/// Every recorded reply that belongs to a row and was kept whole.
fn recordings() -> Vec<Recording> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pbh");
    let mut found = Vec::new();
    for row in Service::Pbh.rows() {
        let Ok(text) = std::fs::read(folder.join(format!("{}.json", row.id))) else { continue };
        let cases: Vec<Value> = serde_json::from_slice(&text).unwrap();
        for case in cases {
            let (request, response) = (&case["request"], &case["response"]);
            if request["method"] == "HEAD" {
                continue;
            }
            let name = format!("{}/{}/{}", row.id, case["version"].as_str().unwrap(), case["case"].as_str().unwrap());
            // No HTTP reply, or a WebSocket's.
            let Some(status) = response["status"].as_u64().filter(|status| *status > 101) else { continue };
            let (json, text) = (response.get("body_json"), response["body_text"].as_str());
            let mut headers = HeaderMap::new();
            for (key, value) in response["headers"].as_object().unwrap() {
                let value = HeaderValue::from_bytes(value.as_str().unwrap_or_default().as_bytes()).unwrap();
                headers.insert(HeaderName::try_from(key).unwrap(), value);
            }
            let said_json =
                headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
            if json.is_none() && said_json && status == 200 {
                // JSON of which only the length was kept.
                continue;
            }
            found.push(Recording {
                row,
                name,
                version: case["version"].as_str().unwrap().to_owned(),
                method: request["method"].as_str().unwrap().to_owned(),
                path: request["path"].as_str().unwrap().to_owned(),
                status: u16::try_from(status).unwrap(),
                headers,
                success: json.and_then(|json| json["success"].as_bool()),
                body: json.map_or_else(|| text.unwrap_or_default().as_bytes().to_vec(), |json| json.to_string().into()),
            });
        }
    }
    found
}

/// Whether the request is one that the row would send.
fn follows_row(recording: &Recording) -> bool {
    let parts = |path: &str| path.trim_end_matches('/').split('/').map(str::to_owned).collect::<Vec<_>>();
    let (template, path) = (parts(recording.row.path), parts(&recording.path));
    let method = recording.row.extra.method_until.map_or(recording.row.method, |(old, _)| old);
    [recording.row.method, method].contains(&recording.method.as_str())
        && template.len() == path.len()
        && template.iter().zip(&path).all(|(part, found)| part.starts_with('{') || part == found)
}

/// What the contracts say, from the status and what kind of body it is.
fn due(recording: &Recording) -> Option<Kind> {
    let Recording { row, status, success, .. } = recording;
    let html = recording.headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "text/html");
    let lacking = lacks(&(*row).into(), &recording.version).is_some();
    let framework = recording.body.windows(17).any(|part| part == b"#endpointnotfound");
    Some(match (*status, success) {
        (303, _) => Kind::Config,
        (402, _) | (405, Some(false)) => Kind::Unsupported,
        (403, _) if ["script_save", "script_delete"].contains(&row.id) || row.path.starts_with("/api/oobe/") => {
            Kind::Api
        }
        (401 | 403, _) => Kind::Auth,
        (429, _) => Kind::RateLimit,
        (404, None) if lacking || framework => Kind::Unsupported,
        (_, Some(false)) => Kind::Api,
        (200, _) if html => Kind::Unsupported,
        (200..300, _) => return None,
        (_, _) => Kind::Http,
    })
}

#[test]
fn every_recording_opens_as_the_contracts_say() {
    let mut seen = BTreeMap::new();
    for recording in recordings() {
        let Recording { row, name, status, headers, body, .. } = &recording;
        if matches!(row.envelope(), Envelope::Binary | Envelope::Events) && *status == 200 {
            continue;
        }
        let got = open(&(*row).into(), None, *status, headers, body).map(|_| ());
        let kind = got.as_ref().err().map(|error| error.kind);
        assert_eq!(kind, due(&recording), "{name}: {status} {got:?}");
        if let Err(error) = got {
            assert_eq!((error.status, error.endpoint.as_deref()), (Some(*status), Some(row.id)), "{name}");
            assert!(!error.message.is_empty(), "{name}");
        }
        *seen.entry(kind.map_or_else(|| "good".to_owned(), |kind| kind.to_string())).or_insert(0) += 1;
    }
    // All kinds that PBH can cause are among the recordings.
    for kind in ["good", "config", "auth", "unsupported", "api", "rate_limit", "http"] {
        assert!(seen.get(kind).is_some_and(|count| *count > 0), "{kind}: {seen:?}");
    }
    assert!(seen.values().sum::<i32>() > 1000, "{seen:?}");
}

/// Every recorded good reply reads as what its row promises, on both versions.
#[test]
fn every_good_recording_reads_as_its_row_says() {
    let mut read = 0;
    let mut wrong = Vec::new();
    for recording in recordings() {
        let Recording { row, name, status, headers, body, .. } = &recording;
        if *status != 200 || !follows_row(&recording) || matches!(row.envelope(), Envelope::Binary | Envelope::Events) {
            continue;
        }
        let Ok(Content::Json(json)) = open(&(*row).into(), None, *status, headers, body) else { continue };
        match decode_without(json.get().as_bytes(), &row.returns, row.service, &[], &mut Json::default()) {
            Ok(_) => read += 1,
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(read > 300, "{read}");
}

fn row(service: Service, id: &str) -> Expected<'static> {
    service.row(id).unwrap().into()
}

fn opened(expected: &Expected, status: u16, headers: &[(&str, &str)], body: &str) -> Result<String> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
    }
    open(expected, None, status, &map, body.as_bytes()).map(|content| match content {
        Content::Json(json) => json.get().to_owned(),
        Content::Text(text) => format!("text: {text}"),
    })
}

#[test]
fn kiwivm_is_opened_by_its_error_number() {
    let info = row(Service::KiwiVm, "get_service_info");
    let shell = row(Service::KiwiVm, "basic_shell_exec");
    for (expected, status, body, due) in [
        (&info, 200, r#"{"error": 0, "plan": "x"}"#, Ok(())),
        (&info, 200, r#"{"error": "0"}"#, Ok(())),
        (&info, 200, r#"{"error": 1, "message": "no"}"#, Err((Kind::Api, Some(1)))),
        (&info, 200, r#"{"error": 700005, "message": "Authentication failure"}"#, Err((Kind::Auth, Some(700_005)))),
        (&info, 200, r#"{"error": "788888", "message": "VE is locked"}"#, Err((Kind::Locked, Some(788_888)))),
        (&info, 500, r#"{"error": 5, "message": "no"}"#, Err((Kind::Api, Some(5)))),
        (&info, 200, r#"{"plan": "x"}"#, Err((Kind::Protocol, None))),
        (&info, 200, "[]", Err((Kind::Protocol, None))),
        (&info, 200, "[1,2,3]", Err((Kind::Protocol, None))),
        (&info, 200, "null", Err((Kind::Protocol, None))),
        (&info, 200, "1", Err((Kind::Protocol, None))),
        (&info, 303, "", Err((Kind::Config, None))),
        (&info, 200, "", Err((Kind::Protocol, None))),
        (&info, 200, "<html><body>hello</body></html>", Err((Kind::Protocol, None))),
        (&info, 200, r#"{"error": 0, "pl"#, Err((Kind::Protocol, None))),
        (&info, 429, "slow down", Err((Kind::RateLimit, None))),
        (&info, 403, "<html>", Err((Kind::Auth, None))),
        (&info, 502, "<html>", Err((Kind::Http, None))),
        (&info, 404, "nothing here", Err((Kind::Http, None))),
        (&shell, 200, r#"{"error": 2, "message": "ls: cannot access"}"#, Ok(())),
        (&shell, 200, r#"{"error": 255, "message": ""}"#, Ok(())),
        (&shell, 200, r#"{"error": 256, "message": "no"}"#, Err((Kind::Api, Some(256)))),
        (&shell, 200, r#"{"error": 788888}"#, Err((Kind::Locked, Some(788_888)))),
    ] {
        let got = opened(expected, status, &[], body).map(|_| ()).map_err(|error| (error.kind, error.code));
        assert_eq!(got, due, "{status} {body}");
    }
    let says = |body: &str| opened(&info, 200, &[], body).unwrap_err().message.clone();
    assert_eq!(says("null"), "the reply is null, not an object");
    assert_eq!(says("[1,2,3]"), "the reply is a list, not an object");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(says(&deep), "the reply is a list, not an object");
    assert_eq!(says(&format!("{{\"error\": {deep}}}")), "the reply is nested too deeply");
    let bans = row(Service::Pbh, "bans_list");
    let error = opened(&bans, 200, &[], &deep).unwrap_err();
    assert_eq!(error.message, "the reply is a list, not an object");
    let data = opened(&bans, 200, &[], &format!("{{\"success\": true, \"data\": {deep}}}")).unwrap();
    let read = decode_without(data.as_bytes(), &Type::Any, Service::Pbh, &[], &mut Json::default());
    assert_eq!(read.unwrap_err().message, "the reply is nested too deeply");
}

#[test]
fn a_locked_vps_says_what_runs_and_how_far_it_is() {
    let body = json!({
        "error": 788_888, "message": "VE is currently locked, try again in a few minutes",
        "additionalErrorInfo": "OS Reinstall: debian-12",
        "additionalLockingInfo": {"completed_percent": 60, "friendly_progress_message": "Starting VM"},
    });
    let error = opened(&row(Service::KiwiVm, "stop"), 200, &[], &body.to_string()).unwrap_err();
    assert_eq!(
        error.message,
        "VE is currently locked, try again in a few minutes (OS Reinstall: debian-12): 60 %, Starting VM"
    );
    assert!(error.retryable);
}

#[test]
fn pbh_replies_of_others_are_told_apart() {
    let bans = row(Service::Pbh, "bans_list");
    let logs = row(Service::Pbh, "logs_live");
    let html = "<!DOCTYPE html><html>";
    let own = ("server", "PeerBanHelper/9.0.10 (x) BTN-Protocol/2.0.0");
    for (expected, status, headers, body, due) in [
        (&bans, 200, &[][..], html, Kind::Protocol),
        (&bans, 200, &[own][..], html, Kind::Unsupported),
        (&logs, 200, &[][..], html, Kind::Unsupported),
        (&logs, 404, &[own][..], "gone", Kind::Unsupported),
        (&bans, 404, &[("server", "nginx")][..], html, Kind::Http),
        (&bans, 405, &[("server", "nginx")][..], html, Kind::Http),
        (&bans, 405, &[][..], "", Kind::Unsupported),
        (&bans, 200, &[][..], r#"{"success": true, "message": null, "da"#, Kind::Protocol),
        (&bans, 200, &[][..], "", Kind::Protocol),
        (&bans, 200, &[][..], r#"{"results": []}"#, Kind::Protocol),
        (&bans, 200, &[][..], r#"[true, "", []]"#, Kind::Protocol),
        (&bans, 303, &[("location", "/elsewhere")][..], "", Kind::Config),
        (&bans, 502, &[][..], html, Kind::Http),
        (&bans, 401, &[("www-authenticate", "Basic")][..], html, Kind::Auth),
        (&bans, 302, &[("location", "https://login.example.org/?next=secret")][..], "", Kind::Http),
    ] {
        let error = opened(expected, status, headers, body).unwrap_err();
        assert_eq!(error.kind, due, "{status} {headers:?} {body}: {error}");
        assert!(!error.message.contains("secret") && error.hint.is_some(), "{error}");
    }
}

#[test]
fn a_version_that_lacks_the_route_is_named() {
    let error = lacks(&row(Service::Pbh, "logs_live"), "9.0.10").unwrap();
    assert_eq!(error.message, "needs PBH ≥ 9.4.2, this is 9.0.10");
    let error = lacks(&row(Service::Pbh, "logs_stream_ws"), "9.5.0").unwrap();
    assert_eq!(error.message, "PBH 9.4.1 was the last to have it, this is 9.5.0");
    assert!(lacks(&row(Service::Pbh, "logs_live"), "9.4.2").is_none());
    assert!(lacks(&row(Service::Pbh, "bans_list"), "7.0.0").is_none());
}

#[test]
fn a_null_that_was_left_out_opens_as_null() {
    let expected = row(Service::Pbh, "bans_list");
    assert_eq!(opened(&expected, 200, &[], r#"{"success": true}"#).unwrap(), "null");
    assert_eq!(opened(&expected, 200, &[], "\u{feff}{\"success\": true, \"data\": [1]}").unwrap(), "[1]");
}

#[test]
fn texts_that_are_not_utf8_are_a_protocol_error() {
    for service in Service::ALL {
        let id = if service == Service::Pbh { "bans_list" } else { "get_service_info" };
        let error = open(&row(service, id), None, 200, &HeaderMap::new(), b"{\"a\": \"\xff\"}").unwrap_err();
        assert_eq!(error.kind, Kind::Protocol);
        assert!(error.message.contains("byte 7"), "{error}");
    }
}

#[test]
fn foreign_words_are_cut_and_put_on_one_line() {
    let body = json!({"success": false, "message": format!("a\n\n b {}", "x".repeat(5000)), "data": null});
    let error = opened(&row(Service::Pbh, "bans_add"), 500, &[], &body.to_string()).unwrap_err();
    assert!(error.message.starts_with("a b xxx") && error.message.chars().count() < 310);
}
