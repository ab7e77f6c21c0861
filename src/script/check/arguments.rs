//! Kinds of arguments: what a parameter takes, and which values it always refuses.

use crate::api::{Service, Shape, Type};
use crate::holds::Only;
use crate::peers::By;
use crate::schedule::{Between, MissedMode, OnReload, Overlap};
use crate::script::helpers::Filter;
use crate::script::std::Ty as RowTy;
use crate::text::suggestion;
use crate::time::Duration;
use crate::units;

use super::checker::Checker;
use super::text::Place;
use super::types::{Literal, Ty, Val};

/// What a parameter takes.
#[derive(Clone, Debug)]
pub(super) enum Want {
    Any,
    Bool,
    Int,
    Number,
    /// 0 to 1, or 0 to 100.
    Within(f64),
    Text,
    Size,
    Speed,
    Duration,
    /// A Duration, a text, or a number of the API's own unit.
    ApiDuration,
    Time,
    /// A Time and no text.
    Moment,
    Ip,
    List(Box<Want>),
    /// A list, or one element of it.
    OneOrMore,
    Map,
    Shape(&'static Shape),
    Closure(usize),
    Vps,
    Pbh,
    Downloader,
    Rows,
    Keys(Vec<(&'static str, Want)>),
    OneOf(Vec<Want>),
    /// On a form everything is text.
    Forgiving(Box<Want>),
}

impl Want {
    /// Of a parameter of an endpoint.
    pub fn row(service: Service, ty: &Type) -> Self {
        let want = match ty {
            Type::Bool => Self::Bool,
            Type::Int => Self::Number,
            Type::Float | Type::Ratio => Self::Number,
            Type::Share => Self::Within(1.0),
            Type::Percent => Self::Within(100.0),
            Type::Text | Type::Base64 | Type::Secret => Self::Text,
            Type::Bytes => Self::Size,
            Type::Speed => Self::Speed,
            Type::Millis | Type::Seconds => Self::Time,
            Type::DurationMillis | Type::DurationSeconds => Self::ApiDuration,
            Type::Ip | Type::Cidr | Type::IpNumber => Self::Ip,
            Type::List(item) => Self::List(Box::new(Self::row(service, item))),
            Type::Map(_) | Type::Page(_) => Self::Map,
            Type::Shape(shape) => Self::Shape(shape),
            Type::Null_(inner) => return Self::OneOf(vec![Self::row(service, inner), Self::Any]),
            Type::Null | Type::Any => Self::Any,
        };
        if service == Service::KiwiVm { Self::Forgiving(Box::new(want)) } else { want }
    }

    /// What is ours among a row's options has its type with it.
    pub fn or_own(self, ty: &Type) -> Self {
        match (self, ty) {
            (Self::Any | Self::Forgiving(_), Type::DurationSeconds) => Self::Duration,
            (want, _) => want,
        }
    }

    /// Of a parameter of a helper, in the words of its row.
    pub fn word(word: &str) -> Self {
        match word {
            "text" => Self::Text,
            "bool" => Self::Bool,
            "int" => Self::Int,
            "number" | "float" => Self::Number,
            "size" => Self::Size,
            "speed" => Self::Speed,
            "duration" => Self::Duration,
            "time" => Self::Time,
            "list" => Self::OneOrMore,
            "map" => Self::Map,
            "ip" => Self::Ip,
            _ => Self::Any,
        }
    }

    /// Of a parameter of a std function.
    pub fn std(ty: &RowTy) -> Self {
        match ty {
            RowTy::Plain(plain) => match plain {
                Type::Int => Self::Int,
                Type::DurationMillis | Type::DurationSeconds => Self::Duration,
                Type::Millis | Type::Seconds => Self::Moment,
                plain => Self::row(Service::Pbh, plain),
            },
            RowTy::Function(takes) => Self::Closure(usize::from(*takes)),
            RowTy::Vps => Self::Vps,
            RowTy::Pbh => Self::Pbh,
            RowTy::Downloader => Self::Downloader,
            RowTy::Rows => Self::Rows,
            RowTy::List(item) => Self::List(Box::new(Self::std(item))),
            RowTy::Map(_) => Self::Map,
            // A text beside a duration is a duration too.
            RowTy::OneOf([RowTy::Plain(Type::DurationMillis | Type::DurationSeconds), RowTy::Plain(Type::Text)]) => {
                Self::Duration
            }
            // What has a fraction is no text.
            RowTy::OneOf([RowTy::Plain(Type::Bytes | Type::Speed), RowTy::Plain(Type::Float)]) => Self::Number,
            RowTy::OneOf(types) => Self::OneOf(types.iter().map(Self::std).collect()),
            RowTy::Options(keys) => Self::Keys(keys.iter().map(|(name, ty)| (*name, Self::std(ty))).collect()),
            _ => Self::Any,
        }
    }

    /// The keys of a map of options, where it is one.
    pub fn keys(&self) -> Option<Vec<(&'static str, Want)>> {
        match self {
            Self::Keys(keys) => Some(keys.clone()),
            Self::OneOf(all) => all.iter().find_map(Self::keys),
            _ => None,
        }
    }

    /// How many arguments a closure is given, where it may be one.
    pub fn closure(&self) -> Option<usize> {
        match self {
            Self::Closure(takes) => Some(*takes),
            Self::OneOf(all) => all.iter().find_map(Self::closure),
            _ => None,
        }
    }

    /// Whether a value of a type is refused whatever it is.
    fn refuses(&self, ty: &Ty) -> bool {
        let plain = ty.is_number() || matches!(ty, Ty::Bool);
        let whole = ty.is_map() || matches!(ty, Ty::Array(_) | Ty::Rows(_) | Ty::Closure(_) | Ty::Range);
        let handle = matches!(ty, Ty::Vps | Ty::Pbh | Ty::Downloader | Ty::State);
        let textual = matches!(ty, Ty::Text | Ty::Char);
        match self {
            Self::Any => false,
            Self::Bool => !matches!(ty, Ty::Bool),
            Self::Int => !matches!(ty, Ty::Int(_)),
            Self::Number | Self::Within(_) => !ty.is_number(),
            Self::Text => plain || whole || matches!(ty, Ty::Unit | Ty::State),
            Self::Size | Self::Speed => !(ty.is_number() || textual),
            Self::Duration => !(textual || matches!(ty, Ty::Duration)),
            Self::ApiDuration => !(textual || ty.is_number() || matches!(ty, Ty::Duration)),
            Self::Time => !(textual || matches!(ty, Ty::Time)),
            Self::Moment => !matches!(ty, Ty::Time),
            Self::Ip => plain || whole || handle || matches!(ty, Ty::Time | Ty::Duration | Ty::Unit),
            Self::List(_) => !matches!(ty, Ty::Array(_)),
            Self::OneOrMore => plain || handle || matches!(ty, Ty::Closure(_) | Ty::Time | Ty::Duration | Ty::Unit),
            Self::Map | Self::Shape(_) | Self::Keys(_) => !ty.is_map(),
            Self::Closure(_) => !matches!(ty, Ty::Closure(_)),
            Self::Vps => !matches!(ty, Ty::Vps),
            Self::Pbh => !matches!(ty, Ty::Pbh),
            Self::Downloader => !matches!(ty, Ty::Downloader),
            Self::Rows => !matches!(ty, Ty::Rows(_)),
            Self::OneOf(all) => all.iter().all(|want| want.refuses(ty)),
            Self::Forgiving(want) => match &**want {
                Self::Text => whole || handle,
                Self::Number | Self::Int => want.refuses(ty) && !matches!(ty, Ty::Bool | Ty::Text),
                want => want.refuses(ty),
            },
        }
    }

    fn named(&self) -> String {
        match self {
            Self::Any => "anything".into(),
            Self::Bool => "true or false".into(),
            Self::Int => "a whole number".into(),
            Self::Number => "a number".into(),
            Self::Within(most) => format!("a number from 0 to {most}"),
            Self::Text => "a text".into(),
            Self::Size => "a size".into(),
            Self::Speed => "a speed".into(),
            Self::Duration | Self::ApiDuration => "a duration".into(),
            Self::Time | Self::Moment => "a Time".into(),
            Self::Ip => "an address".into(),
            Self::List(_) => "a list".into(),
            Self::OneOrMore => "a list, or one element of it".into(),
            Self::Map | Self::Shape(_) | Self::Keys(_) => "a map".into(),
            Self::Closure(_) => "a closure".into(),
            Self::Vps => "a VPS".into(),
            Self::Pbh => "a PBH".into(),
            Self::Downloader => "a torrent client".into(),
            Self::Rows => "rows".into(),
            Self::OneOf(all) => {
                let mut names: Vec<_> = all.iter().map(Self::named).collect();
                names.dedup();
                names.join(" or ")
            }
            Self::Forgiving(want) => want.named(),
        }
    }

    fn hint(&self, ty: &Ty, val: &Val) -> Option<String> {
        let number = val.number().map_or_else(|| "5".to_owned(), |(number, _)| number.to_string());
        match self {
            Self::Duration | Self::ApiDuration if ty.is_number() => {
                Some(format!("write `{number}.minutes` or `\"{number}m\"`"))
            }
            Self::Time if ty.is_number() => Some("write `now() - 2.days` or `\"2026-07-03 08:00\"`".into()),
            Self::Moment if matches!(ty, Ty::Text) => Some("write `parse_time(\"2026-07-03 08:00\")`".into()),
            Self::List(_) if !matches!(ty, Ty::Rows(_)) => Some("write it in brackets: `[…]`".into()),
            Self::List(_) => Some("write `.to_array()`".into()),
            Self::Int if matches!(ty, Ty::Float(_)) => {
                Some("a division gives a float: for a whole number use `div(a, b)` or `x.to_int()`".into())
            }
            Self::Closure(_) => Some("write `|| …` or `|x| …`".into()),
            Self::OneOf(all) => all.iter().find_map(|want| want.hint(ty, val)),
            Self::Forgiving(want) => want.hint(ty, val),
            _ => None,
        }
    }

    /// Why a value that the script spells out is refused, whatever else is the case.
    fn refusal(&self, literal: &Literal) -> Option<(String, Option<String>)> {
        let of =
            |result: crate::error::Result<()>| result.err().map(|error| (error.message.clone(), error.hint.clone()));
        match (self, literal) {
            (Self::Duration | Self::ApiDuration, Literal::Text(text)) => of(units::parse_duration(text).map(drop)),
            (Self::Size, Literal::Text(text)) => of(units::parse_size(text).map(drop)),
            (Self::Speed, Literal::Text(text)) => of(units::parse_speed(text).map(drop)),
            (Self::Within(most), literal) => {
                let number = literal.number().filter(|number| !(0.0..=*most).contains(number))?;
                Some((format!("`{number}` is not between 0 and {most}"), None))
            }
            (Self::OneOf(all), literal) => {
                // Refused by each of those that take its type.
                let val = Val::literal(literal.clone(), Place { unit: 0, line: 1, column: 1 });
                let mut last = None;
                for want in all.iter().filter(|want| !want.refuses(&val.ty)) {
                    last = Some(want.refusal(literal)?);
                }
                last
            }
            (Self::Forgiving(want), literal) => want.refusal(literal),
            _ => None,
        }
    }
}

impl Checker<'_> {
    /// Checks one argument or option.
    pub fn argument(&mut self, call: &str, param: &str, want: &Want, val: &Val, place: Place) {
        if val.ty.all(|ty| want.refuses(ty)) || (val.ty == Ty::Unit && want.refuses(&Ty::Unit)) {
            let hint = want.hint(val.ty.members().first().unwrap_or(&Ty::Any), val);
            let message = format!("`{param}` of `{call}` is {}, not {}", want.named(), val.ty);
            let place = val.literal.as_ref().map_or(place, |literal| literal.1);
            self.report("arguments", place, message, hint);
            return;
        }
        if let Some(literal) = &val.literal
            && let Some((message, hint)) = want.refusal(&literal.0)
        {
            self.report("option-value", literal.1, format!("`{param}` of `{call}`: {message}"), hint);
        }
        if let (Want::Shape(shape), Ty::Record(record)) = (want, &val.ty) {
            let names = || shape.fields.iter().map(|field| field.name);
            for entry in record.fields.iter().filter(|entry| shape.field(&entry.name).is_none()) {
                let missing = names().filter(|name| record.get(name).is_none());
                if let Some(near) = crate::text::nearest(&entry.name, missing) {
                    self.report(
                        "unknown-option",
                        entry.place,
                        format!("`{param}` of `{call}` has no field `{}`", entry.name),
                        Some(format!("did you mean `{near}`?")),
                    );
                }
            }
        }
        if let (Want::List(item), Ty::Array(own)) = (want, &val.ty)
            && !own.is_unknown()
            && own.all(|own| item.refuses(own))
        {
            let message = format!("`{param}` of `{call}` is a list of {}, not of {own}", item.named());
            self.report("arguments", place, message, None);
        }
    }

    /// Checks a map of options, where its keys are known.
    pub fn options(&mut self, call: &str, keys: &[(&'static str, Want)], val: &Val, hint: Option<&str>) {
        let Ty::Record(record) = &val.ty else { return };
        for entry in &record.fields {
            let Some((name, want)) = keys.iter().find(|(name, _)| entry.name == *name) else {
                let near = suggestion(&entry.name, keys.iter().map(|(name, _)| *name));
                let hint = near.or_else(|| hint.map(Into::into));
                let message = if super::triggers::is_trigger(call) && super::triggers::is_option(&entry.name) {
                    format!("`{}` means nothing to `{call}`", entry.name)
                } else {
                    format!("`{call}` has no option `{}`", entry.name)
                };
                self.report("unknown-option", entry.place, message, hint);
                continue;
            };
            if entry.val.ty == Ty::Unit {
                continue;
            }
            let place = entry.val.literal.as_ref().map_or(entry.place, |literal| literal.1);
            self.argument(call, name, want, &entry.val, place);
            if let Some(keys) = want.keys() {
                self.options(&format!("{call}`, `{name}"), &keys, &entry.val, None);
            }
            let several = entry.val.items.iter().flat_map(|items| items.iter());
            for literal in several.chain([&entry.val]).filter_map(|val| val.literal.as_ref()) {
                if let Some((message, hint)) = refused(call, name, &literal.0) {
                    self.report("option-value", literal.1, message, hint);
                }
            }
        }
    }
}

/// The keys of a map that is a required argument.
pub(super) fn known_keys(helper: &str, param: &str) -> Option<Vec<(&'static str, Want)>> {
    match (helper, param) {
        ("limit_speed", _) => {
            Some(vec![("up", Want::Speed), ("down", Want::Speed), ("reason", Want::Text), ("duration", Want::Duration)])
        }
        ("limit_torrent", "limits") => Some(vec![
            ("up", Want::Speed),
            ("down", Want::Speed),
            ("ratio", Want::Number),
            ("seeding_time", Want::Duration),
        ]),
        _ => None,
    }
}

/// Values that one option of one call refuses: words that it does not know, and zero where that means without a limit.
pub(super) fn refused(call: &str, option: &str, literal: &Literal) -> Option<(String, Option<String>)> {
    let of = |error: crate::error::Error| (error.message.clone(), error.hint.clone());
    match (call, option, literal) {
        ("limit_speed" | "limit_torrent", "up" | "down", Literal::Int(0)) => Some((
            format!("`{option}: 0` is refused: 0 means unlimited in qBittorrent"),
            Some("write `stop_transfers()` or `\"unlimited\"`".into()),
        )),
        ("limit_speed" | "limit_torrent", "up" | "down", Literal::Int(n)) if *n < 0 => {
            Some((format!("`{option}: {n}` is no speed"), Some("write `\"unlimited\"` for no limit".into())))
        }
        ("limit_speed" | "limit_torrent", "up" | "down", Literal::Text(text)) => {
            let zero = units::parse_speed(text).is_ok_and(|speed| speed == Some(0));
            zero.then(|| {
                (
                    format!("`{option}: \"{text}\"` is refused: 0 means unlimited in qBittorrent"),
                    Some("write `stop_transfers()` or `\"unlimited\"`".into()),
                )
            })
        }
        ("stop_transfers", "only", Literal::Text(word)) => Only::parse(word).err().map(of),
        ("torrents", "filter", Literal::Text(word)) => Filter::parse(word).err().map(of),
        ("top_peers", "by", Literal::Text(word)) => By::parse(word).err().map(of),
        (_, "overlap", Literal::Text(word)) => Overlap::parse(word).err().map(of),
        (_, "missed", Literal::Text(word)) => MissedMode::parse(word).err().map(of),
        (call, "mode", Literal::Text(word)) if call.ends_with("missed") => MissedMode::parse(word).err().map(of),
        (_, "between", Literal::Text(stretch)) => Between::parse(stretch).err().map(of),
        (call, "on_reload", Literal::Text(word)) if super::triggers::is_trigger(call) => {
            OnReload::parse(word).err().map(of)
        }
        (call, "mode", Literal::Text(word)) if super::triggers::is_trigger(call) => {
            (!matches!(word.as_str(), "watch" | "live")).then(|| {
                let hint = "it is `watch`, a dry run of this trigger, or `live`";
                (format!("`{word}` is not a value of `mode`"), Some(hint.into()))
            })
        }
        (call, "timeout" | "jitter" | "throttle" | "debounce", Literal::Text(text))
            if super::triggers::is_trigger(call) =>
        {
            let none = units::parse_duration(text).is_ok_and(|duration| duration <= Duration::ZERO);
            let hint = format!("write `{option}: \"30s\"`, or leave it out");
            none.then(|| (format!("`{option}` of {text} is no length of time"), Some(hint)))
        }
        (_, "timezone" | "zone", Literal::Text(zone)) => crate::schedule::zone(zone).err().map(of),
        ("parse_duration", "text", Literal::Text(text)) => units::parse_duration(text).err().map(of),
        ("parse_size", "text", Literal::Text(text)) => units::parse_size(text).err().map(of),
        (_, "pattern", Literal::Text(pattern)) => {
            let Err(regex::Error::Syntax(fault)) = regex::Regex::new(pattern) else { return None };
            let why = fault.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            Some((format!("`{pattern}` is no regular expression: {why}"), None))
        }
        ("notify", "level", Literal::Text(word)) if !["info", "warn", "error"].contains(&word.as_str()) => {
            Some((format!("unknown level `{word}`"), Some("the levels are `info`, `warn` and `error`".into())))
        }
        (_, "retry", Literal::Int(n)) if !(0..=100).contains(n) => {
            Some((format!("`retry` is 0 to 100 times, not {n}"), None))
        }
        (_, "limit", Literal::Int(n)) if *n < 0 => Some((format!("`limit: {n}` is negative"), None)),
        ("ban", "prefix4", Literal::Int(n)) if !(16..=32).contains(n) => {
            Some((format!("`prefix4: {n}` is refused: a network for IPv4 has 16 to 32 bits here"), None))
        }
        ("ban", "prefix6", Literal::Int(n)) if !(32..=128).contains(n) => {
            Some((format!("`prefix6: {n}` is refused: a network for IPv6 has 32 to 128 bits here"), None))
        }
        (_, "page", Literal::Int(n)) if *n < 1 => Some((format!("`page` counts from 1; `{n}` was given"), None)),
        _ => None,
    }
}

/// Whether a value is a text, or a list with it, that the script spells out.
pub(super) fn holds_text(val: &Val, text: &str) -> bool {
    val.text().is_some_and(|(own, _)| own == text) || val.holds.iter().any(|own| own == text)
}

/// What a std function gives, for what it was called on and what its closure gave.
pub(super) fn given(returns: &RowTy, receiver: &Ty, item: &Ty, answer: &Ty) -> Ty {
    match returns {
        RowTy::Same => receiver.clone(),
        RowTy::Item => item.clone(),
        RowTy::Answer => answer.clone(),
        RowTy::List(inner) => Ty::array(given(inner, receiver, item, answer)),
        RowTy::Map(inner) => Ty::Map(std::rc::Rc::new(given(inner, receiver, item, answer))),
        RowTy::OneOf(types) => types.iter().fold(Ty::Never, |all, ty| all.join(&given(ty, receiver, item, answer))),
        RowTy::Rows => match receiver {
            Ty::Rows(_) if *answer != Ty::Any => Ty::Rows(std::rc::Rc::new(answer.clone())),
            Ty::Rows(_) => receiver.clone(),
            _ => Ty::Any,
        },
        RowTy::Options(keys) => {
            let place = Place { unit: 0, line: 1, column: 1 };
            let entry = |(name, ty): &(&'static str, RowTy)| super::types::Entry {
                name: (*name).into(),
                place,
                val: given(ty, receiver, item, answer).into(),
            };
            Ty::Record(std::rc::Rc::new(super::types::Record { fields: keys.iter().map(entry).collect(), open: false }))
        }
        plain => Ty::from_row(plain),
    }
}
