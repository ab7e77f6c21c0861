//! The tables against the API references, and against replies recorded on real servers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use super::{Envelope, Field, Param, Place, Row, Service, Shape, Type, version};
use crate::permission::Effect;

/// Words that Rhai does not take as a name.
const RHAI: &str = "as async await break call case catch const continue curry debug default do else eval exit export \
    false fn for global go goto if import in is is_def_fn is_def_var is_shared let loop match module new nil null \
    package print private protected public return shared spawn static super switch sync this thread throw true try \
    type_of until use var void while with yield";

fn rows() -> impl Iterator<Item = &'static Row> {
    Service::ALL.into_iter().flat_map(Service::rows)
}

fn shapes() -> impl Iterator<Item = &'static Shape> {
    Service::ALL.into_iter().flat_map(Service::shapes).copied()
}

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn read<T: for<'de> Deserialize<'de>>(path: &str) -> T {
    let path = fixtures().join(path);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !RHAI.split(' ').any(|word| word == text)
}

#[test]
fn ids_are_unique_and_names_in_rhai() {
    for service in Service::ALL {
        let mut seen = BTreeSet::new();
        for row in service.rows() {
            assert!(is_name(row.id), "`{}` is no name in Rhai", row.id);
            assert!(seen.insert(row.id), "`{}` is there twice", row.id);
            assert_eq!(row.service, service, "{}", row.id);
        }
    }
}

#[test]
fn every_sentence_is_one_and_ends() {
    let sentence = |what: &str, text: &str| {
        assert!(text.ends_with('.') && text.len() > 10, "{what}: `{text}`");
        assert!(!text.trim_end_matches('.').contains(". "), "{what}: `{text}` is more than one sentence");
    };
    for row in rows() {
        sentence(row.id, row.doc);
        let first = row.doc.split([' ', ',']).next().unwrap();
        assert!(
            first.ends_with('s') && first.starts_with(char::is_uppercase),
            "{}: `{first}` is not the third person",
            row.id
        );
        assert!(row.extra.note.is_empty() || row.extra.note.ends_with(['.', '…']), "{}: {}", row.id, row.extra.note);
        assert!(!row.extra.source.is_empty(), "{} has no source", row.id);
    }
    for shape in shapes() {
        assert!(shape.doc.ends_with('.'), "{}: `{}`", shape.name, shape.doc);
        for field in shape.fields {
            assert!(field.doc.is_empty() || field.doc.ends_with('.'), "{}.{}", shape.name, field.name);
        }
    }
}

#[test]
fn parameters_agree_with_path_and_method() {
    for row in rows() {
        let in_path: Vec<_> =
            row.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        let params: Vec<_> = row.params.iter().filter(|p| p.place == Place::Path).map(|p| p.name).collect();
        assert_eq!(in_path, params, "{}: {}", row.id, row.path);

        let whole = row.params.iter().filter(|param| param.place == Place::Whole).count();
        let parts = row.params.iter().filter(|param| param.place == Place::Body).count();
        assert!(whole <= 1 && (whole == 0 || parts == 0), "{} has two bodies", row.id);
        assert!(parts == 0 || row.method != "GET", "{}: a GET has no body", row.id);

        let names: BTreeSet<_> = row.params.iter().map(|param| param.name).collect();
        assert_eq!(names.len(), row.params.len(), "{}: a parameter is there twice", row.id);
        let first_optional = row.params.iter().position(|param| !param.required).unwrap_or(row.params.len());
        assert!(row.params[first_optional..].iter().all(|param| !param.required), "{}", row.id);
        for param in row.optional() {
            assert!(
                !RHAI.split(' ').any(|word| word == param.name),
                "{}: `{}` cannot be a bare key",
                row.id,
                param.name
            );
        }
        if let Some(item) = row.item() {
            let Type::Shape(shape) = item else { panic!("{}: a page of {item}", row.id) };
            for field in row.extra.identity {
                assert!(shape.field(field).is_some(), "{}: {} has no `{field}`", row.id, shape.name);
            }
        }
        assert!(row.extra.paged || row.extra.identity.is_empty(), "{}", row.id);
        assert_eq!(row.extra.paged, row.item().is_some(), "{}", row.id);
        if row.extra.paged {
            for name in ["page", "pageSize"] {
                assert!(row.optional().any(|param| param.name == name), "{} has no `{name}`", row.id);
            }
        }
    }
}

#[test]
fn shape_names_are_unique_and_fields_too() {
    for service in Service::ALL {
        let names: BTreeSet<_> = service.shapes().iter().map(|shape| shape.name).collect();
        assert_eq!(names.len(), service.shapes().len());
    }
    for shape in shapes() {
        let names: BTreeSet<_> = shape.fields.iter().map(|field| field.name).collect();
        assert_eq!(names.len(), shape.fields.len(), "{}", shape.name);
    }
}

/// A shape that no row reaches is a leftover.
#[test]
fn every_shape_is_used() {
    fn reach(ty: &Type, found: &mut BTreeSet<&'static str>) {
        match ty {
            Type::List(inner) | Type::Map(inner) | Type::Null_(inner) | Type::Page(inner) => reach(inner, found),
            Type::Shape(shape) if found.insert(shape.name) => {
                shape.fields.iter().for_each(|field| reach(&field.ty, found));
            }
            _ => {}
        }
    }
    for service in Service::ALL {
        let mut found = BTreeSet::new();
        for row in service.rows() {
            reach(&row.returns, &mut found);
            row.params.iter().for_each(|param| reach(&param.ty, &mut found));
        }
        let all: BTreeSet<_> = service.shapes().iter().map(|shape| shape.name).collect();
        assert_eq!(found, all);
    }
}

#[test]
fn what_a_reply_carries_as_a_password_is_secret() {
    const ENDINGS: [&str; 9] =
        ["password", "token", "secret", "apikey", "api_key", "_key", "sendkey", "pushkey", "pass"];
    for shape in shapes() {
        for field in shape.fields {
            let name = field.name.to_lowercase();
            // A backup's token names it and opens nothing.
            if ENDINGS.iter().any(|ending| name.ends_with(ending)) && field.name != "backupToken" {
                let secret = matches!(field.ty, Type::Secret | Type::List(Type::Secret));
                assert!(secret, "{}.{} is {}", shape.name, field.name, field.ty);
            }
        }
    }
}

#[test]
fn releases_compare_as_numbers() {
    assert!(version("9.10.0") > version("9.9.9"));
    assert_eq!(version("v9.4.2-beta"), (9, 4, 2));
    assert!(version("9.1.x") >= version("9.1.99"));
    assert!(version("9.1.x") < version("9.2.0"));
}

#[test]
fn signatures_read_as_scripts_write_them() {
    let sign = |service: Service, id: &str| service.row(id).unwrap().signature();
    assert_eq!(sign(Service::KiwiVm, "snapshot_create"), "snapshot_create(#{description: Text}) -> Notified");
    assert_eq!(sign(Service::Pbh, "bans_add"), "bans_add(body: [Cidr]) -> Count");
    assert_eq!(
        sign(Service::Pbh, "chart_traffic"),
        "chart_traffic(startAt: Time, endAt: Time, #{downloader: Text}) -> [DayTraffic]"
    );
}

/// An entry of an API reference, cut down to what the tables must agree with.
#[derive(Deserialize)]
struct Entry {
    id: String,
    group: String,
    method: String,
    path: String,
    effect: Effect,
    since: Option<String>,
    until: Option<String>,
    title: Option<String>,
    #[serde(default)]
    open: bool,
    #[serde(default)]
    plus: bool,
    #[serde(default)]
    job: Option<bool>,
    params: Vec<EntryParam>,
    /// JSON types by path, as in `results[].peer.id`.
    fields: BTreeMap<String, String>,
    #[serde(default)]
    samples: Vec<Value>,
}

#[derive(Deserialize)]
struct EntryParam {
    name: String,
    #[serde(rename = "in")]
    place: String,
    required: bool,
    default: Option<Value>,
}

fn reference(service: Service) -> Vec<Entry> {
    read(&format!("reference/{}.json", service.name()))
}

fn place_name(param: &Param) -> String {
    serde_json::to_value(param.place).unwrap().as_str().unwrap().to_owned()
}

#[test]
fn the_tables_are_the_references() {
    for service in Service::ALL {
        let entries = reference(service);
        let theirs: BTreeSet<_> = entries.iter().map(|entry| entry.id.as_str()).collect();
        let ours: BTreeSet<_> = service.rows().iter().map(|row| row.id).collect();
        assert_eq!(theirs, ours);
        for entry in &entries {
            let row = service.row(&entry.id).unwrap();
            let id = row.id;
            assert_eq!((row.method, row.path), (entry.method.as_str(), entry.path.as_str()), "{id}");
            assert_eq!(row.effect, entry.effect, "{id}");
            assert_eq!(row.extra.group, entry.group, "{id}");
            assert_eq!(row.extra.since, entry.since.as_deref(), "{id}: since");
            assert_eq!(row.extra.until, entry.until.as_deref(), "{id}: until");
            assert_eq!(row.extra.title, entry.title.as_deref(), "{id}: title");
            assert_eq!(row.extra.open, entry.open, "{id}: open");
            assert_eq!(row.extra.licence_until.is_some(), entry.plus, "{id}: licence");
            if let Some(job) = entry.job {
                assert_eq!(row.extra.job, job, "{id}: job");
            }
            let required = |place: &str| -> Vec<String> {
                entry.params.iter().filter(|p| p.required && p.place == place).map(|p| p.name.clone()).collect()
            };
            for place in ["path", "query", "body"] {
                let ours: Vec<_> = row
                    .required()
                    .filter(|param| place_name(param) == place)
                    .map(|param| param.name.to_owned())
                    .collect();
                assert_eq!(ours, required(place), "{id}: required parameters in the {place}, in order");
            }
            assert_eq!(row.params.len(), entry.params.len(), "{id}");
            for theirs in &entry.params {
                let Some(ours) = row.params.iter().find(|param| param.name == theirs.name) else {
                    panic!("{id} has no parameter `{}`", theirs.name);
                };
                assert_eq!(ours.required, theirs.required, "{id}: {}", ours.name);
                assert_eq!(place_name(ours), theirs.place, "{id}: {}", ours.name);
                let default = ours.default.map(|text| serde_json::from_str::<Value>(text).unwrap());
                assert_eq!(default, theirs.default, "{id}: {}", ours.name);
            }
        }
    }
}

/// Every field that a reference names is in the row's shape.
#[test]
fn the_shapes_have_the_references_fields() {
    let mut missing = Vec::new();
    for service in Service::ALL {
        for entry in reference(service) {
            let row = service.row(&entry.id).unwrap();
            for (path, json) in &entry.fields {
                let steps = path.replace("[]", ".[]").replace("{}", ".*");
                let steps: Vec<_> = steps.split('.').filter(|step| !step.is_empty()).collect();
                match step(row.returns, &steps) {
                    None => missing.push(format!("{}: {path}: {json}", row.id)),
                    Some(ty) if !speaks(&ty, json) => {
                        missing.push(format!("{}: {path} is {json}, not {}", row.id, ty.json()));
                    }
                    Some(_) => {}
                }
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// The type at the end of a path.
fn step(ty: Type, path: &[&str]) -> Option<Type> {
    let Some((first, rest)) = path.split_first() else { return Some(ty) };
    match ty {
        Type::Any => Some(Type::Any),
        Type::Null_(inner) => step(*inner, path),
        Type::List(inner) if *first == "[]" => step(*inner, rest),
        // A release that sends a page instead.
        Type::List(_) if ["page", "size", "total"].contains(first) => Some(Type::Int),
        Type::List(_) if *first == "results" => step(ty, rest),
        Type::Page(inner) => match *first {
            "results" => step(Type::List(inner), rest),
            _ => Some(Type::Int),
        },
        // The key is data, whatever the reference calls it.
        Type::Map(inner) => step(*inner, rest),
        Type::Shape(shape) => step(shape.field(first)?.ty, rest),
        _ => None,
    }
}

/// Whether a reference's JSON type says the same.
fn speaks(ty: &Type, json: &str) -> bool {
    let ours = ty.json();
    ours == "any" || json.split('|').any(|json| json == ours || (json == "integer" && ours == "number"))
}

#[derive(Deserialize)]
struct Recording {
    version: String,
    case: String,
    request: Value,
    response: Value,
}

/// The row that a request was meant for.
fn row_of(method: &str, path: &str, server: &str) -> Option<&'static Row> {
    let path: Vec<_> = path.trim_end_matches('/').split('/').collect();
    let fits = |row: &Row| {
        let parts: Vec<_> = row.path.split('/').collect();
        let changed = row.extra.method_until.filter(|(_, until)| version(server) <= version(until));
        method == changed.map_or(row.method, |(method, _)| method)
            && row.extra.since.is_none_or(|since| version(since) <= version(server))
            && row.extra.until.is_none_or(|until| version(server) <= version(until))
            && parts.len() == path.len()
            && parts.iter().zip(&path).all(|(part, word)| part.starts_with('{') || part == word)
    };
    let rows = Service::Pbh.rows().iter().filter(|row| fits(row));
    rows.min_by_key(|row| row.path.matches('{').count())
}

/// Every recorded success has the shape that its row says, in each version.
#[test]
fn recorded_replies_have_their_shape() {
    let mut wrong = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for file in fs::read_dir(fixtures().join("pbh")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        for recording in read::<Vec<Recording>>(&format!("pbh/{name}")) {
            let (Some(method), Some(path)) = (recording.request["method"].as_str(), recording.request["path"].as_str())
            else {
                continue;
            };
            let Some(row) = row_of(method, path, &recording.version) else { continue };
            let body = &recording.response["body_json"];
            let good = matches!(recording.response["status"].as_u64(), Some(200 | 201));
            let data = match row.envelope() {
                Envelope::Pbh if good && body["success"] == true => &body["data"],
                Envelope::Bare if good && body.is_object() => body,
                _ => continue,
            };
            seen.insert(row.id);
            let mut check = Check { server: version(&recording.version), quirks: false, wrong: Vec::new() };
            check.value(&row.returns, data, row.id);
            wrong.extend(
                check.wrong.into_iter().map(|what| format!("{name} {} {}: {what}", recording.version, recording.case)),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
    assert!(seen.len() > 80, "recordings of {} rows only", seen.len());
}

/// The references' sample replies of KiwiVM have the shape that their row says.
#[test]
fn sample_replies_have_their_shape() {
    for entry in reference(Service::KiwiVm) {
        let row = Service::KiwiVm.row(&entry.id).unwrap();
        for mut sample in entry.samples {
            if row.envelope() == Envelope::KiwiVm {
                sample.as_object_mut().unwrap().shift_remove("error");
            }
            let mut check = Check { server: (0, 0, 0), quirks: true, wrong: Vec::new() };
            match (&row.returns, sample.as_object().unwrap().is_empty()) {
                (Type::Null, empty) => assert!(empty, "{}: {sample}", row.id),
                (ty, _) => check.value(ty, &sample, row.id),
            }
            // Old replies and those of OpenVZ lack fields that are documented today.
            check.wrong.retain(|what| !what.ends_with("is left out"));
            assert!(check.wrong.is_empty(), "{}", check.wrong.join("\n"));
        }
    }
}

/// Compares JSON with a type and collects what does not fit.
struct Check {
    server: (u32, u32, u32),
    /// Digits in texts, `[]` for an empty map, `""` for false, `-` for nothing.
    quirks: bool,
    wrong: Vec<String>,
}

impl Check {
    fn value(&mut self, ty: &Type, value: &Value, path: &str) {
        match (ty, value) {
            (Type::Any, _) | (Type::Null | Type::Null_(_), Value::Null) => {}
            (Type::Null_(inner), _) => self.value(inner, value, path),
            (Type::List(inner), Value::Array(items)) => {
                for item in items {
                    self.value(inner, item, &format!("{path}[]"));
                }
            }
            (Type::List(inner) | Type::Page(inner), Value::Object(page)) if page.contains_key("results") => {
                let keys: BTreeSet<_> = page.keys().map(String::as_str).collect();
                assert_eq!(keys, BTreeSet::from(["page", "size", "total", "results"]), "{path}");
                self.value(&Type::List(inner), &page["results"], path);
            }
            (Type::List(inner), Value::String(_)) if !self.quirks => self.value(inner, value, path),
            (Type::Map(inner), Value::Object(map)) => {
                for (key, item) in map {
                    self.value(inner, item, &format!("{path}[{key}]"));
                }
            }
            (Type::Shape(shape), Value::Object(map)) => {
                for (key, item) in map {
                    match shape.field(key) {
                        Some(field) => self.field(field, item, &format!("{path}.{key}")),
                        // Somebody stored it there; the server keeps what it does not know.
                        None if key == "lab_unknown_key" => {}
                        None => self.wrong.push(format!("{path}.{key} is not in {}", shape.name)),
                    }
                }
                for field in shape.fields.iter().filter(|field| !field.absent && !map.contains_key(field.name)) {
                    self.wrong.push(format!("{path}.{} is left out", field.name));
                }
            }
            (Type::Map(_), Value::Array(items)) if self.quirks && items.is_empty() => {}
            (_, Value::String(text)) if self.quirks && ty.json() == "boolean" && text.is_empty() => {}
            (_, Value::Number(_)) if self.quirks && ty.json() == "boolean" => {}
            (_, Value::String(text))
                if self.quirks && matches!(ty.json(), "integer" | "number") && text.parse::<f64>().is_ok() => {}
            _ => {
                let fits = match ty.json() {
                    "boolean" => value.is_boolean(),
                    "integer" => value.is_i64(),
                    "number" => value.is_number(),
                    "string" => value.is_string(),
                    _ => false,
                };
                if !fits {
                    self.wrong.push(format!("{path} is {value}, not {ty}"));
                }
            }
        }
    }

    fn field(&mut self, field: &Field, value: &Value, path: &str) {
        let early = field.since.is_some_and(|since| self.server < version(since));
        let late = field.until.is_some_and(|until| self.server > version(until));
        if early || late {
            self.wrong.push(format!("{path} is there out of its time"));
        }
        if !(value.is_null() && field.null) {
            self.value(&field.ty, value, path);
        }
    }
}
