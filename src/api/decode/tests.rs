use std::path::PathBuf;

use serde_json::{Value, json};

use super::*;
use crate::api::{Shape, shapes};

shapes! {
    /// A peer.
    Peer {
        ip: Ip,
        uploaded: Bytes,
        progress: Share | null,
        seen: Millis | absent,
        new: Text since "9.4.0",
        token: Secret | null | absent,
    }
    /// Everything that PHP may disguise.
    Guest {
        size: Bytes,
        running: Bool,
        throttled: Bool,
        nullrouted: Bool,
        load: Float,
        nothing: Int,
        dash: Int,
        when: Seconds,
        keys: {Text},
        children: [Peer],
        child: Peer,
        from: IpNumber,
        note: Base64,
        name: Text,
    }
}

fn strict(text: &str, ty: &Type) -> Result<Value> {
    decode(text.as_bytes(), ty, Service::Pbh, &mut Json::default())
}

fn php(text: &str, ty: &Type) -> Result<Value> {
    decode(text.as_bytes(), ty, Service::KiwiVm, &mut Json::default())
}

const PEER: Type = Type::Shape(&Peer);
const PEERS: Type = Type::List(&PEER);
const PAGE: Type = Type::Page(&PEER);

#[test]
fn a_shape_reads_typed_with_absent_fields_as_null_and_unknown_ones_as_they_are() {
    let text = r#"{"uploaded": 5, "ip": "203.0.113.7", "progress": 1, "extra": {"a": [1, 2.5, null, "x", true]},
        "seen": 1500, "token": "hunter22"}"#;
    let due = json!({
        "uploaded": 5, "ip": "203.0.113.7", "progress": 1.0, "extra": {"a": [1, 2.5, null, "x", true]},
        "seen": "1970-01-01T00:00:01.500Z", "token": "***", "new": null,
    });
    assert_eq!(strict(text, &PEER).unwrap(), due);
}

#[test]
fn the_order_is_that_of_the_wire_and_what_is_absent_follows() {
    let value = strict(r#"{"zeta": 1, "uploaded": 5, "ip": "203.0.113.7", "progress": null}"#, &PEER).unwrap();
    let keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["zeta", "uploaded", "ip", "progress", "seen", "new", "token"]);
}

#[test]
fn a_contradiction_names_its_place() {
    let peer = |fields: &str| format!(r#"{{"ip": "203.0.113.7", "uploaded": 1, "progress": null, {fields}}}"#);
    for (text, ty, message) in [
        ("3", PEER, "the reply: expected an object (Peer), found the number `3`".to_owned()),
        ("null", PEERS, "the reply: expected a list, found null".to_owned()),
        (
            &format!("[{}, {}]", peer(r#""a": 1"#), peer(r#""seen": "yesterday""#)),
            PEERS,
            "`[1].seen`: expected a time in milliseconds, found the text `yesterday`".to_owned(),
        ),
        (
            &format!(r#"{{"page": 1, "size": 1, "total": 1, "results": [{}]}}"#, peer(r#""token": 5"#)),
            PAGE,
            "`results[0].token`: expected a text, found the number `5`".to_owned(),
        ),
        (
            r#"{"ip": "203.0.113.7", "progress": 1}"#,
            PEER,
            "`uploaded`: expected a number of bytes, found nothing: it is missing".to_owned(),
        ),
        (r#"{"uploaded": 1.5}"#, PEER, "`uploaded`: expected a number of bytes, found the number `1.5`".to_owned()),
        (r#"{"uploaded": null}"#, PEER, "`uploaded`: expected a number of bytes, found null".to_owned()),
        (r#"{"uploaded": true}"#, PEER, "`uploaded`: expected a number of bytes, found `true`".to_owned()),
        (r#"{"uploaded": []}"#, PEER, "`uploaded`: expected a number of bytes, found a list".to_owned()),
        (r#"{"uploaded": {}}"#, PEER, "`uploaded`: expected a number of bytes, found an object".to_owned()),
        (
            r#"{"uploaded": "a very long text that nobody wants to read"}"#,
            PEER,
            "`uploaded`: expected a number of bytes, found the text `a very long text tha…` of 42 characters"
                .to_owned(),
        ),
    ] {
        let error = strict(text, &ty).unwrap_err();
        assert_eq!((error.kind, &error.message), (Kind::Protocol, &message));
        assert!(error.hint.is_some());
    }
}

#[test]
fn what_is_not_json_says_so() {
    for (text, message) in [
        ("[1, 2", "the reply is cut off after line 1, column 5"),
        ("", "the reply is cut off after line 1, column 0"),
        ("{} x", "the reply is not JSON: trailing characters at line 1 column 4"),
        ("<html>", "the reply is not JSON: expected value at line 1 column 1"),
    ] {
        let error = strict(text, &Type::Any).unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (Kind::Protocol, message));
    }
    let error = decode(b"\"\xff\"", &Type::Text, Service::Pbh, &mut Json::default()).unwrap_err();
    assert_eq!(error.kind, Kind::Protocol);
}

#[test]
fn nesting_is_bounded_for_every_type() {
    let (lists, maps) = ("[".repeat(10_000_000), r#"{"a":"#.repeat(1_000_000));
    for text in [&lists, &maps] {
        for ty in [Type::Any, PEER, PEERS, Type::Map(&Type::Any)] {
            assert_eq!(strict(text, &ty).unwrap_err().kind, Kind::Protocol);
            assert_eq!(php(text, &ty).unwrap_err().kind, Kind::Protocol);
        }
    }
    assert_eq!(strict(&lists, &Type::Any).unwrap_err().message, "the reply is nested too deeply");
    // What is of no interest is skipped without recursion, and still has to be JSON.
    assert_eq!(strict(&lists, &Type::Null).unwrap_err().kind, Kind::Protocol);
}

#[test]
fn pages_and_lists_stand_in_for_each_other() {
    let peer = r#"{"ip": "203.0.113.7", "uploaded": 1, "progress": null, "new": "x"}"#;
    let page = format!(r#"{{"page": 2, "size": 1, "total": 9, "results": [{peer}]}}"#);
    let list = format!("[{peer}, {peer}]");
    assert_eq!(strict(&page, &PAGE).unwrap()["total"], 9);
    assert_eq!(strict(&page, &PEERS).unwrap().as_array().unwrap().len(), 1);
    let made = strict(&list, &PAGE).unwrap();
    assert_eq!((&made["page"], &made["size"], &made["total"]), (&json!(1), &json!(2), &json!(2)));
    assert_eq!(made["results"].as_array().unwrap().len(), 2);
    assert_eq!(
        strict(r#"{"results": [7]}"#, &PEERS).unwrap_err().message,
        "`results[0]`: expected an object (Peer), found the number `7`"
    );
    assert!(strict("{}", &PEERS).is_err());
}

#[test]
fn every_type_reads_its_wire_form() {
    for (text, ty, due) in [
        ("1782000000000", Type::Millis, json!("2026-06-21T00:00:00Z")),
        ("1782000000", Type::Seconds, json!("2026-06-21T00:00:00Z")),
        ("1500", Type::DurationMillis, json!(1.5)),
        ("90", Type::DurationSeconds, json!(90)),
        ("0.5", Type::DurationSeconds, json!(0.5)),
        ("2.0", Type::Int, json!(2)),
        ("2", Type::Ratio, json!(2.0)),
        ("3405803783", Type::IpNumber, json!("203.0.113.7")),
        (r#""Zm/Dtm8=""#, Type::Base64, json!("foöo")),
        (r#""not base64!""#, Type::Base64, json!("not base64!")),
        (r#""""#, Type::Ip, json!(null)),
        (r#""203.0.113.0/24""#, Type::Cidr, json!("203.0.113.0/24")),
        (r#"{"a": [1]}"#, Type::Null, json!(null)),
        (r#"{"a": 1, "b": 2}"#, Type::Map(&Type::Int), json!({"a": 1, "b": 2})),
        ("null", Type::Null_(&Type::Int), json!(null)),
        ("18446744073709551615", Type::Any, json!(18_446_744_073_709_551_615.0)),
    ] {
        assert_eq!(strict(text, &ty).unwrap(), due, "{text} as {ty}");
    }
}

#[test]
fn php_is_read_leniently() {
    let text = r#"{"error": 0, "size": "1099511627776", "running": 1, "throttled": "", "nullrouted": "1", "load": "0.25",
        "nothing": "", "dash": "-", "when": "1782000000", "keys": [], "children": {"3": {"ip": "203.0.113.7"}},
        "child": [], "from": "3405803783", "note": "bm90ZQ==", "name": 5}"#;
    let peer = json!({"ip": null, "uploaded": null, "progress": null, "seen": null, "new": null, "token": null});
    let mut child = peer.clone();
    child["ip"] = json!("203.0.113.7");
    let due = json!({
        "error": 0, "size": 1_099_511_627_776_i64, "running": true, "throttled": false, "nullrouted": true, "load": 0.25,
        "nothing": null, "dash": null, "when": "2026-06-21T00:00:00Z", "keys": {}, "children": [child], "child": peer,
        "from": "203.0.113.7", "note": "note", "name": "5",
    });
    assert_eq!(php(text, &Type::Shape(&Guest)).unwrap(), due);
}

#[test]
fn php_flags_and_gaps() {
    for text in ["false", "0", r#""0""#, r#""""#, "null"] {
        assert_eq!(php(text, &Type::Bool).unwrap(), json!(false), "{text}");
    }
    for text in ["true", "1", r#""1""#] {
        assert_eq!(php(text, &Type::Bool).unwrap(), json!(true), "{text}");
    }
    for text in ["2", r#""maybe""#, "[]"] {
        assert!(php(text, &Type::Bool).is_err(), "{text}");
    }
    for text in ["null", "[]", "false", r#""""#] {
        assert_eq!(php(text, &PEERS).unwrap(), json!([]), "{text}");
        assert_eq!(php(text, &Type::Map(&Type::Int)).unwrap(), json!({}), "{text}");
    }
    assert_eq!(php("[7, 8]", &Type::Map(&Type::Int)).unwrap(), json!({"0": 7, "1": 8}));
    assert_eq!(
        php(r#"{"a": "x"}"#, &Type::Map(&Type::Int)).unwrap_err().message,
        "`a`: expected a whole number, found the text `x`"
    );
}

#[test]
fn pbh_is_not_read_leniently() {
    for (text, ty) in
        [(r#""5""#, Type::Int), ("1", Type::Bool), ("5", Type::Text), ("[]", Type::Map(&Type::Int)), ("[]", PEER)]
    {
        assert!(strict(text, &ty).is_err(), "{text} as {ty}");
    }
}

/// The missing-field check counts with one bit a field.
#[test]
fn no_shape_has_more_fields_than_there_are_bits() {
    for shape in Service::ALL.into_iter().flat_map(Service::shapes) {
        assert!(shape.fields.len() <= 128, "{}", shape.name);
    }
}

fn fixture(path: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path);
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap()
}

/// Every sample reply of the KiwiVM reference reads as what its row promises.
#[test]
fn samples_of_kiwivm_read_as_their_rows_say() {
    let mut samples = 0;
    for entry in fixture("reference/kiwivm.json").as_array().unwrap() {
        let row = Service::KiwiVm.row(entry["id"].as_str().unwrap()).unwrap();
        for sample in entry["samples"].as_array().unwrap() {
            let text = sample.to_string();
            let value =
                decode_without(text.as_bytes(), &row.returns, row.service, &["error", "message"], &mut Json::default())
                    .unwrap_or_else(|error| panic!("{}: {error}", row.id));
            if let Type::Shape(Shape { fields, .. }) = row.returns {
                assert!(fields.iter().all(|field| value.get(field.name).is_some()), "{}: {value}", row.id);
                let known = fields.iter().any(|field| field.name == "error");
                assert!(known || value.get("error").is_none(), "{}: the envelope is in {value}", row.id);
            }
            samples += 1;
        }
    }
    assert!(samples >= 45, "{samples}");
}

#[test]
fn json_masks_secrets_and_keeps_the_zone() {
    let mut json = Json { zone: "Asia/Shanghai".parse().unwrap() };
    assert_eq!(decode(b"0", &Type::Seconds, Service::Pbh, &mut json).unwrap(), "1970-01-01T08:00:00+08:00");
    assert_eq!(decode(b"\"key\"", &Type::Secret, Service::Pbh, &mut json).unwrap(), "***");
}
