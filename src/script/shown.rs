//! Script values as a person reads them: what is known of their types says the units and the order of fields.

use std::rc::Rc;

use chrono_tz::Tz;
use rhai::{Array, Dynamic, ImmutableString, Map};

use crate::shown::Shown;
use crate::units::{format_bytes, format_speed};

use super::check::{Ty, Unit};
use super::value::{DEEPEST, display};

/// A value of which so much is known.
pub(super) fn shown(value: &Dynamic, ty: &Ty, zone: Tz) -> Shown {
    match number(value, ty, true) {
        Some(number) => number,
        None => inside(value, ty, zone, DEEPEST),
    }
}

fn inside(value: &Dynamic, ty: &Ty, zone: Tz, left: usize) -> Shown {
    if left == 0 {
        return Shown::Other("…".into());
    }
    if value.is_unit() {
        return Shown::Nothing;
    }
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return Shown::Text(text.to_string());
    }
    if let Some(items) = value.read_lock::<Array>() {
        let item = ty.item();
        return Shown::List(items.iter().map(|value| inside(value, &item, zone, left - 1)).collect());
    }
    if let Some(map) = value.read_lock::<Map>() {
        return Shown::Map(entries(&map, ty, zone, left));
    }
    number(value, ty, false).unwrap_or_else(|| Shown::Other(display(value, zone)))
}

fn entries(map: &Map, ty: &Ty, zone: Tz, left: usize) -> Vec<(String, Shown)> {
    let fields = fields(ty, map);
    let mut entries = Vec::with_capacity(map.len());
    for (name, ty) in &fields {
        if let Some(value) = map.get(name.as_str()) {
            entries.push((name.clone(), inside(value, ty, zone, left - 1)));
        }
    }
    for (key, value) in map {
        if !fields.iter().any(|(name, _)| name == key.as_str()) {
            let ty = if let Some(Ty::Map(item)) = present(ty) { (*item).clone() } else { Ty::Any };
            entries.push((key.to_string(), inside(value, &ty, zone, left - 1)));
        }
    }
    entries
}

/// The one type that it has, `()` aside.
fn present(ty: &Ty) -> Option<Ty> {
    let mut present = ty.present();
    present.next().filter(|_| present.next().is_none()).cloned()
}

/// The fields that are known, in their order. Of several shapes it is the one that has all keys of the map.
fn fields(ty: &Ty, map: &Map) -> Vec<(String, Ty)> {
    let shapes = ty.present().filter_map(|ty| match ty {
        Ty::Shape(shape) => Some(shape.fields.iter().map(|f| (f.name.to_owned(), Ty::from_api(&f.ty))).collect()),
        Ty::Record(record) => {
            Some(record.fields.iter().map(|entry| (entry.name.to_string(), entry.val.ty.clone())).collect())
        }
        Ty::Page(item) => {
            let plain = |name: &str| (name.to_owned(), Ty::Int(Unit::Plain));
            let results = ("results".to_owned(), Ty::Array(Rc::clone(item)));
            Some(vec![plain("page"), plain("size"), plain("total"), results])
        }
        _ => None,
    });
    let all: Vec<Vec<(String, Ty)>> = shapes.collect();
    let has_all =
        |fields: &&Vec<(String, Ty)>| map.keys().all(|key| fields.iter().any(|(name, _)| name == key.as_str()));
    all.iter().find(has_all).or_else(|| all.first()).cloned().unwrap_or_default()
}

/// A number with its unit; `alone` is one that is the whole result, and loses nothing.
fn number(value: &Dynamic, ty: &Ty, alone: bool) -> Option<Shown> {
    let unit = ty.unit();
    let (text, exact) = match (value.as_int(), value.as_float()) {
        (Ok(int), _) => {
            let text = match unit {
                Unit::Bytes => format_bytes(int),
                Unit::Speed => format_speed(int),
                Unit::Percent => format!("{int} %"),
                Unit::Share | Unit::Plain => int.to_string(),
            };
            (text, int.to_string())
        }
        (_, Ok(float)) => {
            #[expect(clippy::cast_possible_truncation, reason = "for reading")]
            let whole = float.round() as i64;
            let text = match unit {
                Unit::Bytes => format_bytes(whole),
                Unit::Speed => format_speed(whole),
                Unit::Percent => format!("{} %", round(float)),
                Unit::Share | Unit::Plain if alone => display(value, Tz::UTC),
                Unit::Share | Unit::Plain => round(float),
            };
            (text, display(value, Tz::UTC))
        }
        _ => return None,
    };
    let exact = (alone && matches!(unit, Unit::Bytes | Unit::Speed)).then_some(exact);
    Some(Shown::Number { text, exact })
}

/// Three decimals at most, one at least; three figures of what is very small.
fn round(float: f64) -> String {
    if float == 0.0 || !float.is_finite() {
        return display(&float.into(), Tz::UTC);
    }
    if float.abs() < 0.001 {
        return format!("{float:.2e}");
    }
    let text = format!("{float:.3}");
    let text = text.trim_end_matches('0');
    if text.ends_with('.') { format!("{text}0") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::helpers;
    use crate::shown::Look;

    #[test]
    fn units_and_order_come_from_the_type() {
        let usage = helpers::all().find(|helper| helper.id == "data_usage").unwrap();
        let map: Map = [
            ("percent".into(), Dynamic::from(93.456_78)),
            ("allowance".into(), Dynamic::from(1_610_612_736_i64)),
            ("used".into(), Dynamic::from(512_i64)),
        ]
        .into();
        let text = shown(&map.into(), &Ty::from_api(&usage.returns), Tz::UTC).draw(Look::default());
        assert_eq!(text, "used       512 B\nallowance  1.5 GiB\npercent    93.457 %");
    }

    #[test]
    fn floats_are_rounded_inside_and_whole_alone() {
        for (float, text) in
            [(1.0, "1.0"), (1.0 / 3.0, "0.333"), (0.000_012_34, "1.23e-5"), (-2.5, "-2.5"), (0.0, "0.0")]
        {
            assert_eq!(round(float), text);
        }
        let third = Dynamic::from(1.0 / 3.0);
        assert_eq!(shown(&third, &Ty::Any, Tz::UTC).draw(Look::default()), "0.3333333333333333");
        let size = shown(&1_610_612_736_i64.into(), &Ty::Int(Unit::Bytes), Tz::UTC);
        assert_eq!(size.draw(Look::default()), "1.5 GiB (1610612736)");
    }
}
