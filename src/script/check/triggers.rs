//! Registrations: schedules that never fire or mislead, names, options, and the handlers with what they are given.

use std::rc::Rc;

use crate::schedule::{self, Cron};
use crate::script::std::When;
use crate::time::Duration;
use crate::units;

use super::calls::Call;
use super::checker::Checker;
use super::scope::{Frame, Phase};
use super::text::Place;
use super::types::{Ty, Val};
use super::world;

/// The functions that register a trigger.
pub(super) const NAMES: [&str; 11] = [
    "cron",
    "every",
    "at",
    "on_start",
    "on_stop",
    "on_failure",
    "on_webhook",
    "on_file",
    "on_event",
    "when",
    "schedule",
];

pub(super) fn is_trigger(name: &str) -> bool {
    NAMES.contains(&name) && !world::overloads(name).is_empty()
}

impl Checker<'_> {
    /// A registration: its arguments are checked, and its handlers looked at with what they will be given.
    pub fn register(&mut self, frame: &mut Frame, call: &Call) -> Val {
        let name = call.name.as_str();
        let fires_later = name == "at" && !call.vals.iter().any(|val| matches!(val.ty, Ty::Closure(_)));
        if fires_later {
            self.when(frame, name, When::Run, call.at);
            if let Some((val, place)) = call.vals.first().zip(call.places.first()) {
                self.argument(name, "time", &super::arguments::Want::Time, &val.clone(), *place);
                if let Some((text, place)) = val.text().map(|(text, place)| (text.clone(), *place)) {
                    let zone = self.world.host.config.timezone;
                    self.time_of(&text, place, zone);
                }
            }
            return Ty::Unit.into();
        }
        self.when(frame, name, When::Load, call.at);
        let counts: Vec<_> = world::overloads(name).iter().map(|overload| overload.params.len()).collect();
        if !counts.contains(&call.vals.len()) {
            let mut counts = counts;
            counts.sort_unstable();
            counts.dedup();
            let takes = counts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
            let hint = example(name);
            self.report(
                "arguments",
                call.at,
                format!("`{name}` takes {takes} arguments, not {}", call.vals.len()),
                Some(hint),
            );
            self.handlers(call, None, &Ty::Any);
            return Ty::Unit.into();
        }
        let options_at = match name {
            "on_start" | "on_stop" | "on_failure" => 0,
            _ => 1,
        };
        if call.at.unit == 0
            && let Some(first) = call.vals.first().and_then(|val| val.literal.clone())
        {
            self.trigger_firsts.insert((call.at.line, call.at.column), first.1);
        }
        if name == "schedule" && call.vals.len() == 2 {
            // Without options it has the name of its kind.
            self.entries(&call.vals[0].clone());
            let entry = call.vals[0].ty.item();
            self.handlers(call, Some(self.usual_timeout()), &entry);
            return Ty::Unit.into();
        }
        if name == "schedule" {
            self.entries(&call.vals[0].clone());
        }
        let timeout = self.trigger_options(frame, call, options_at);
        self.when_it_fires(call, options_at);
        let given = if name == "when" {
            let read = self.read_closure(call);
            self.thresholds(&call.vals[1].clone(), &read);
            read.ty
        } else if name == "schedule" {
            call.vals[0].ty.item()
        } else {
            occasion(name, call.vals.get(options_at))
        };
        self.handlers(call, timeout, &given);
        Ty::Unit.into()
    }

    fn usual_timeout(&self) -> Duration {
        self.world.host.config.limits.timeout
    }

    /// Name and options; gives the timeout where it is known for certain.
    fn trigger_options(&mut self, frame: &Frame, call: &Call, index: usize) -> Option<Duration> {
        let name = call.name.as_str();
        let val = call.vals[index].clone();
        let place = call.places[index];
        if val.ty.all(|ty| !(matches!(ty, Ty::Text) || ty.is_map())) {
            self.report(
                "arguments",
                place,
                format!("a trigger has a name or options, not {}", val.ty),
                Some(example(name)),
            );
            return None;
        }
        // In a library, or inside a function, the same line registers more than one trigger.
        let certain = frame.unit == 0 && frame.in_branch == 0 && frame.params == 0;
        if let Some((text, at)) = val.text() {
            let (text, at) = (text.clone(), *at);
            if name == "when" {
                let hint = Some("write `#{name: \"…\", every: \"5m\"}`".into());
                self.report("arguments", place, "`when` needs `every`: how often the condition is read", hint);
            }
            self.trigger_name(frame, &text, at, call, certain);
        }
        let usual = Some(self.usual_timeout());
        let Ty::Record(record) = &val.ty else { return usual.filter(|_| val.ty == Ty::Text) };
        let row = world::rows(name).iter().find_map(|row| {
            let param = row.params.iter().find_map(|param| super::arguments::Want::std(&param.ty).keys());
            param.filter(|keys| keys.iter().any(|(key, _)| *key == "name"))
        });
        if let Some(keys) = row {
            self.options(name, &keys, &val, None);
        }
        match record.get("name") {
            None if !record.open => {
                let hint = Some("its name is how the history and `exec` know it: `#{name: \"guard\", …}`".into());
                self.report("arguments", place, "the trigger has no `name`", hint);
            }
            Some(entry) => {
                if let Some((text, at)) = entry.val.text() {
                    let (text, at) = (text.clone(), *at);
                    self.trigger_name(frame, &text, at, call, certain);
                } else {
                    self.trigger_names.insert((call.at.line, call.at.column), entry.place);
                }
            }
            None => {}
        }
        if name == "when" && record.get("every").is_none() && !record.open {
            let hint = Some("write `every: \"5m\"`".into());
            self.report("arguments", place, "`when` needs `every`: how often the condition is read", hint);
        }
        match record.get("timeout") {
            None if record.open => None,
            None => usual,
            Some(entry) => match &entry.val.literal.as_ref()?.0 {
                super::types::Literal::Text(text) => units::parse_duration(text).ok(),
                super::types::Literal::Duration(timeout) => Some(*timeout),
                _ => None,
            },
        }
    }

    /// A name that the script spells out.
    fn trigger_name(&mut self, frame: &Frame, name: &str, at: Place, call: &Call, certain: bool) {
        if self.quiet > 0 {
            return;
        }
        if name.trim().is_empty() {
            let hint = Some("its name is how the history and `exec` know it".into());
            self.report("arguments", at, "the trigger has no `name`", hint);
            return;
        }
        if call.at.unit == 0 {
            self.trigger_names.insert((call.at.line, call.at.column), at);
        }
        if !certain {
            return;
        }
        match self.triggers.get(name) {
            Some((first, place)) if *first != call.at => {
                let line = place.line;
                self.report(
                    "duplicate-trigger",
                    at,
                    format!("the trigger `{name}` is registered already in line {line}"),
                    Some(UNIQUE.into()),
                );
            }
            Some(_) => {}
            None => {
                self.triggers.insert(name.to_owned(), (call.at, at));
            }
        }
        if frame.over_fleet > 0 && self.world.host.accepts_any_instance {
            let message = format!("each instance registers a trigger of the one name `{name}`");
            self.report(
                "duplicate-trigger",
                at,
                message,
                Some("put the instance into it: `${v.name}` in back-ticks".into()),
            );
        }
    }

    /// The schedule, where the script spells it out.
    fn when_it_fires(&mut self, call: &Call, options_at: usize) {
        let zone = self.world.host.config.timezone;
        let own = match &call.vals[options_at].ty {
            Ty::Record(record) => {
                record.get("timezone").and_then(|entry| entry.val.text().map(|(zone, _)| zone.to_string()))
            }
            _ => None,
        };
        let zone = own.and_then(|zone| schedule::zone(&zone).ok()).unwrap_or(zone);
        let first = call.vals[0].clone();
        match call.name.as_str() {
            "cron" => {
                if first.ty.all(|ty| !matches!(ty, Ty::Text)) {
                    let hint = Some("write `cron(\"*/5 * * * *\", \"name\", || …)`".into());
                    self.report("arguments", call.places[0], format!("the schedule is a text, not {}", first.ty), hint);
                }
                self.cron(&first, zone);
            }
            "every" => self.interval("every", &first, call.places[0]),
            "at" => {
                self.argument("at", "time", &super::arguments::Want::Time, &first, call.places[0]);
                if let Some((text, place)) = first.text() {
                    let (text, place) = (text.clone(), *place);
                    self.time_of(&text, place, zone);
                }
            }
            "when" => {
                if let Ty::Record(record) = &call.vals[1].ty
                    && let Some(entry) = record.get("every")
                {
                    let (val, place) = (entry.val.clone(), entry.place);
                    self.interval("every", &val, place);
                }
            }
            _ => {}
        }
    }

    /// A time of day, or a date and time.
    fn time_of(&mut self, text: &str, place: Place, zone: chrono_tz::Tz) {
        let time_of_day = text.split_once(':').is_some_and(|(hour, minute)| {
            let number = |text: &str, most: u32| {
                !text.is_empty() && text.len() <= 2 && text.parse::<u32>().is_ok_and(|n| n <= most)
            };
            number(hour, 23) && minute.split(':').all(|part| number(part, 59))
        });
        if !time_of_day && crate::time::Time::parse(text, zone).is_none() {
            let hint = Some("write `\"2026-07-03 08:00\"`, `\"08:00\"` or RFC 3339".into());
            self.report("schedule", place, format!("`{text}` is not a time"), hint);
        }
    }

    /// An expression of `cron`.
    pub fn cron(&mut self, val: &Val, zone: chrono_tz::Tz) {
        let Some((text, place)) = val.text().map(|(text, place)| (text.clone(), *place)) else { return };
        match Cron::parse(&text, zone, self.world.host.clock.now()) {
            Err(error) => {
                let column = place.column + error.column.unwrap_or(1);
                let place = Place { column, ..place };
                self.report("schedule", place, error.message.clone(), error.hint.clone());
            }
            Ok(cron) => {
                for warning in &cron.warnings {
                    self.report("misleading-schedule", place, warning.clone(), None);
                }
            }
        }
    }

    fn interval(&mut self, name: &str, val: &Val, place: Place) {
        self.argument(name, "interval", &super::arguments::Want::Duration, val, place);
        if let Some((text, place)) = val.text()
            && let Ok(interval) = units::parse_duration(text)
            && let Err(error) = schedule::interval(interval)
        {
            let shown = units::format_duration(interval);
            self.report("schedule", *place, format!("`{name}` of {shown} is too short"), error.hint.clone());
        }
    }

    /// The entries of `schedule`.
    fn entries(&mut self, val: &Val) {
        let zone = self.world.host.config.timezone;
        for item in val.items.iter().flat_map(|items| items.iter()) {
            if let Ty::Record(record) = &item.ty
                && let Some(entry) = record.get("at")
            {
                self.cron(&entry.val.clone(), zone);
            }
        }
    }

    /// The first closure of `when`, and what it gives.
    fn read_closure(&mut self, call: &Call) -> Val {
        let Ty::Closure(read) = &call.vals[0].ty else {
            self.not_a_closure(&call.vals[0].clone(), call.places[0]);
            return Val::any();
        };
        let read = Rc::clone(read);
        self.arity(&read, 0, 0, call.places[0]);
        self.call_closure(&read, Vec::new(), Phase::Run, Some(true), |_| {})
    }

    /// `above` and `below` against what is read, and against each other.
    fn thresholds(&mut self, options: &Val, read: &Val) {
        let Ty::Record(record) = &options.ty else { return };
        let limits: Vec<_> = ["above", "below", "rearm_below", "rearm_above"]
            .into_iter()
            .filter_map(|key| record.get(key).map(|entry| (key, entry.clone())))
            .collect();
        for (key, entry) in &limits {
            if let Some((number, place)) = entry.val.number() {
                let op = if key.ends_with("above") { ">" } else { "<" };
                self.bound(op, &read.ty, number, *place);
            }
        }
        let get = |key: &str| limits.iter().find(|(name, _)| *name == key).map(|(_, entry)| entry);
        if let (Some(_), Some(below)) = (get("above"), get("below")) {
            self.report("arguments", below.place, "`above` and `below` exclude each other", None);
        }
        let pairs = [("above", "rearm_below", true), ("below", "rearm_above", false)];
        for (limit, rearm, over) in pairs {
            if let (Some(limit), Some(rearm_at)) = (get(limit), get(rearm))
                && let (Some((a, _)), Some((b, place))) = (limit.val.number(), rearm_at.val.number())
                && ((over && b > a) || (!over && b < a))
            {
                let hint = Some("the value must leave the condition before it can enter again".into());
                self.report("option-value", *place, format!("`{rearm}: {b}` lies inside the condition `{a}`"), hint);
            }
        }
        let threshold = get("above").or(get("below")).is_some();
        let place = limits.first().map(|(_, entry)| entry.place);
        if threshold && read.ty.all(|ty| !ty.is_number()) {
            if let Some(place) = place {
                self.report("type", place, format!("the condition gives {}, not a number", read.ty), None);
            }
        } else if !threshold && !record.open && read.ty.all(|ty| !matches!(ty, Ty::Bool)) {
            let at = record.fields.first().map_or(Place { unit: 0, line: 1, column: 1 }, |entry| entry.place);
            let hint =
                Some("with `above` or `below` the first closure gives a number, without them `true` or `false`".into());
            self.report("type", at, format!("the condition gives {}, not true or false", read.ty), hint);
        }
    }

    /// The closures of a trigger.
    fn handlers(&mut self, call: &Call, timeout: Option<Duration>, given: &Ty) {
        let from = usize::from(call.name == "when");
        for (i, (val, place)) in call.vals.iter().zip(&call.places).enumerate().skip(from) {
            if let Ty::Closure(handler) = &val.ty {
                let handler = Rc::clone(handler);
                self.arity(&handler, 0, 1, *place);
                let args = if self.params(&handler) == Some(0) { Vec::new() } else { vec![given.clone().into()] };
                // What a webhook gives back is its reply.
                let answers = call.name == "on_webhook";
                self.call_closure(&handler, args, Phase::Run, Some(answers), |frame| frame.timeout = timeout);
            } else if i + 1 == call.vals.len() {
                self.not_a_closure(&val.clone(), *place);
            }
        }
    }

    fn not_a_closure(&mut self, val: &Val, place: Place) {
        if val.ty.all(|ty| !matches!(ty, Ty::Closure(_))) {
            self.report(
                "arguments",
                place,
                format!("the handler is a closure, not {}", val.ty),
                Some("write `|| { … }`".into()),
            );
        }
    }
}

const UNIQUE: &str =
    "the name is the key of the run history: give each trigger its own, in a loop with the instance in it";

fn example(name: &str) -> String {
    match name {
        "cron" => "write `cron(\"*/5 * * * *\", \"name\", || …)`",
        "every" => "write `every(\"5m\", \"name\", || …)`",
        "when" => "write `when(|| value, #{name: \"name\", every: \"5m\", above: 90}, |value| …)`",
        "at" => "write `at(\"08:00\", \"name\", || …)`",
        "schedule" => "write `schedule([#{at: \"0 8 * * *\"}], |entry| …)`",
        _ => "write a name or options, then the closure: `on_start(\"name\", || …)`",
    }
    .into()
}

/// Whether a key is an option of some trigger, though not of every one.
pub(super) fn is_option(key: &str) -> bool {
    NAMES.iter().flat_map(|name| world::rows(name)).flat_map(|row| row.params).any(|param| {
        let keys = super::arguments::Want::std(&param.ty).keys().unwrap_or_default();
        keys.iter().any(|(name, _)| *name == key)
    })
}

/// What a handler is given.
fn occasion(trigger: &str, options: Option<&Val>) -> Ty {
    let any = |names: &[&'static str]| Ty::record(&names.iter().map(|name| (*name, Ty::Any)).collect::<Vec<_>>());
    // What was held back comes as a list.
    let plain = options.is_some_and(|options| match &options.ty {
        Ty::Text => true,
        Ty::Record(record) => !record.open && record.get("debounce").is_none(),
        _ => false,
    });
    match trigger {
        "on_failure" if plain => any(&["script", "trigger", "run", "state", "attempt", "at", "error"]),
        "on_webhook" if plain => any(&["method", "path", "query", "headers", "body", "json", "form"]),
        "on_failure" | "on_webhook" | "on_file" => Ty::Any,
        _ => Ty::record(&[("name", Ty::Text), ("at", Ty::Time), ("data", Ty::Any)]),
    }
}
