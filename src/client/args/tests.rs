use serde_json::json;

use super::*;
use crate::api::{Place, Service, shapes, ty};
use crate::permission::Effect;

shapes! {
    /// A name.
    Inner {
        name: Text,
    }
    /// A setting.
    Setting {
        name: Text,
        level: Int | absent,
        secret: Secret | absent,
        next: [Inner] | absent,
    }
}

const fn param(name: &'static str, ty: Type, required: bool) -> Param {
    Param { name, place: Place::Body, ty, required, default: None }
}

static EVERY: Row = Row {
    service: Service::Pbh,
    id: "every",
    method: "POST",
    path: "/every",
    effect: Effect::Write,
    doc: "",
    params: &[
        param("first", ty!(Int), true),
        param("flag", ty!(Bool), false),
        param("text", ty!(Text), false),
        param("bytes", ty!(Bytes), false),
        param("speed", ty!(Speed), false),
        param("share", ty!(Share), false),
        param("percent", ty!(Percent), false),
        param("when", ty!(Millis), false),
        param("wait", ty!(DurationMillis), false),
        param("ip", ty!(Ip), false),
        param("nets", ty!([Cidr]), false),
        param("secret", ty!(Secret), false),
        param("setting", ty!(Setting), false),
        param("numbers", ty!({ Int }), false),
        param("maybe", ty!((Int | null)), false),
        param("page", ty!(Int), false),
    ],
    returns: Type::Null,
    extra: crate::api::Extra { paged: true, ..crate::api::Extra::of("", "") },
};

fn bind(name: &str, value: &Value) -> Result<Value> {
    let Value::Object(options) = json!({name: value}) else { unreachable!() };
    Args::bind(&EVERY, vec![json!(1)], options).map(|args| args.0.last().unwrap().1.clone())
}

#[test]
fn values_that_fit_are_taken_in_one_spelling() {
    for (name, value, due) in [
        ("flag", json!(true), json!(true)),
        ("bytes", json!(1.6), json!(2)),
        ("bytes", json!("1.5 GiB"), json!(1_610_612_736)),
        ("speed", json!("2 MiB/s"), json!(2_097_152)),
        ("share", json!(0.5), json!(0.5)),
        ("percent", json!(100), json!(100)),
        ("when", json!("2026-06-21T08:00:00+08:00"), json!("2026-06-21T00:00:00Z")),
        ("wait", json!(90), json!(90)),
        ("wait", json!("1h30m"), json!(5400)),
        ("ip", json!("::ffff:203.0.113.7"), json!("203.0.113.7")),
        ("nets", json!(["203.0.113.77/24", "2001:db8:0::1"]), json!(["203.0.113.0/24", "2001:db8::1"])),
        ("setting", json!({"name": "a", "next": [{"name": "b"}]}), json!({"name": "a", "next": [{"name": "b"}]})),
        ("numbers", json!({"a": 1.0}), json!({"a": 1})),
        ("maybe", json!(5), json!(5)),
        ("page", json!(1), json!(1)),
    ] {
        assert_eq!(bind(name, &value).unwrap(), due, "{name}: {value}");
    }
}

#[test]
fn values_that_do_not_fit_are_named() {
    for (name, value, message) in [
        ("flag", json!(1), "`flag` of `every` must be `true` or `false`; `1` was given"),
        ("text", json!(5), "`text` of `every` must be a text; `5` was given"),
        ("bytes", json!("20"), "`bytes` of `every` is wrong: `20` is not a size"),
        ("speed", json!("unlimited"), "`speed` of `every` must be a speed; the text `unlimited` was given"),
        ("share", json!(50), "`share` of `every` must be from 0 to 1; `50` was given"),
        ("percent", json!(-1), "`percent` of `every` must be from 0 to 100; `-1` was given"),
        ("when", json!(1_782_000_000), "`when` of `every` must be a time; `1782000000` was given"),
        ("wait", json!("90"), "`wait` of `every` is wrong: `90` is not a duration"),
        ("ip", json!("203.0.113.0/24"), "`ip` of `every` must be an address; the text `203.0.113.0/24` was given"),
        (
            "nets",
            json!(["203.0.113.7", "nonsense"]),
            "`nets[1]` of `every` must be an address or a network; the text `nonsense` was given",
        ),
        ("nets", json!("203.0.113.7"), "`nets` of `every` must be a list; the text `203.0.113.7` was given"),
        ("setting", json!({"level": 1}), "`setting` of `every` lacks `name`"),
        ("setting", json!({"name": "a", "levl": 1}), "`setting` of `every` has no field `levl`"),
        (
            "setting",
            json!({"name": "a", "next": [{"name": 1}]}),
            "`setting.next[0].name` of `every` must be a text; `1` was given",
        ),
        ("numbers", json!({"a": 1.5}), "`numbers.a` of `every` must be a whole number; `1.5` was given"),
        ("page", json!(0), "`page` of `every` counts from 1; `0` was given"),
    ] {
        let error = bind(name, &value).unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (Kind::Argument, message));
        assert!(error.hint.is_some());
    }
    assert!(bind("setting", &json!({"name": "a", "levl": 1})).unwrap_err().hint.as_ref().unwrap().contains("`level`"));
}

#[test]
fn a_wrong_number_and_unknown_options_show_the_signature() {
    let create = Service::KiwiVm.row("snapshot_create").unwrap();
    let delete = Service::KiwiVm.row("snapshot_delete").unwrap();
    let options = |name: &str| Map::from_iter([(name.to_owned(), json!("x"))]);
    for (row, positional, given, message, hint) in [
        (
            create,
            vec![json!("x")],
            Map::new(),
            "`snapshot_create` takes only a map of options; 1 was given",
            "write `snapshot_create(#{description: Text}) -> Notified`",
        ),
        (
            delete,
            vec![],
            Map::new(),
            "`snapshot_delete` takes 1 argument; 0 were given",
            "write `snapshot_delete(snapshot: Text) -> Notified`",
        ),
        (
            create,
            vec![],
            options("descripton"),
            "`snapshot_create` has no option `descripton`",
            "did you mean `description`? write `snapshot_create(#{description: Text}) -> Notified`",
        ),
        (
            delete,
            vec![json!("x")],
            options("snapshot"),
            "`snapshot` of `snapshot_delete` is no option: it comes first, without its name",
            "write `snapshot_delete(snapshot: Text) -> Notified`",
        ),
    ] {
        let error = Args::bind(row, positional, given).unwrap_err();
        assert_eq!((error.kind, error.message.as_str(), error.hint.as_deref()), (Kind::Argument, message, Some(hint)));
    }
}

#[test]
fn a_null_option_counts_as_left_out() {
    let args = Args::bind(&EVERY, vec![json!(1)], Map::from_iter([("flag".to_owned(), Value::Null)])).unwrap();
    assert_eq!(args.to_json(), json!({"first": 1}));
}

#[test]
fn records_show_no_secret() {
    let options = json!({"secret": "hunter22", "setting": {"name": "a", "secret": "hunter22"}});
    let Value::Object(options) = options else { unreachable!() };
    let args = Args::bind(&EVERY, vec![json!(1)], options).unwrap();
    assert_eq!(args.to_json(), json!({"first": 1, "secret": "***", "setting": {"name": "a", "secret": "***"}}));
    assert_eq!(args.0[1].1, "hunter22");
}

#[test]
fn the_argument_that_makes_a_call_destructive_needs_no_type() {
    let row = Service::Pbh.row("bans_delete").unwrap();
    assert!(Args::bind(row, vec![json!(["*"])], Map::new()).is_ok());
    assert!(Args::bind(row, vec![json!(["nonsense"])], Map::new()).is_err());
}

#[test]
fn a_form_takes_numbers_as_texts_and_flags_as_numbers() {
    let row = Service::KiwiVm.row("snapshot_toggle_sticky").unwrap();
    let args = Args::bind(row, vec![json!(17), json!(true)], Map::new()).unwrap();
    assert_eq!(args.to_json(), json!({"snapshot": "17", "sticky": 1}));
}
