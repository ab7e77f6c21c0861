//! `[notify.X]`, `[runtime]` and `[heartbeat]`.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::channels::{CHANNELS, ChannelType, Need, Reach, Value};
use super::field::Field;
use super::instance::{headers, known_pbh, named, transport};
use super::quiet::{Collect, Quiet};
use super::read::{Notes, Section};
use super::{Channel, Heartbeat, Policy, Runtime, Setting, Transport};
use crate::level::Level;
use crate::text::suggestion;
use crate::time::Duration;

/// How long one message may take where nothing else is said.
const PATIENCE: Duration = Duration::from_seconds(15);

/// Every channel that could be read.
pub(super) fn channels(sections: Vec<Section>, pbhs: &[String]) -> BTreeMap<String, Channel> {
    let names: Vec<_> = sections.iter().map(|section| section.name.clone()).collect();
    // A channel that stands in for another gets no messages of its own, unless it says so.
    let mut stand_ins = Vec::new();
    let mut said = Vec::new();
    let mut channels = named(sections, |section| {
        let explicit = section.has("default");
        let channel = channel(section, pbhs, &names)?;
        stand_ins.extend(channel.policy.fallback.clone());
        said.extend(explicit.then(|| channel.name.clone()));
        Some(channel)
    });
    for name in stand_ins.iter().filter(|name| !said.contains(name)) {
        if let Some(channel) = channels.get_mut(name) {
            channel.policy.default = false;
        }
    }
    channels
}

fn channel(mut section: Section, pbhs: &[String], names: &[String]) -> Option<Channel> {
    let words: Vec<_> = CHANNELS.iter().map(|kind| kind.word).collect();
    let kind = section.need("type", "\"webhook\"").and_then(|field| field.word(&words))?;
    let kind = ChannelType::of(kind)?;
    let mut settings = BTreeMap::new();
    for key in kind.keys {
        let field = match key.need {
            Need::Required => section.need(key.name, key.example),
            Need::Optional => section.get(key.name, key.example),
        };
        let setting = field.and_then(|field| setting(field, key.value, pbhs));
        settings.extend(setting.map(|setting| (key.name.to_owned(), setting)));
    }
    let policy = policy(&mut section, kind, names);
    let reached = kind.reach != Reach::Log;
    let timeout = if reached { section.get("timeout", "\"15s\"").and_then(Field::duration) } else { None };
    let transport = match kind.reach {
        Reach::Log => Transport::default(),
        Reach::Http => transport(&mut section),
        Reach::Smtp => Transport {
            ca: section.get("ca", "\"ca.pem\"").and_then(Field::path),
            insecure: section.get("tls", "\"insecure\"").and_then(|field| field.word(&["verify", "insecure"]))
                == Some("insecure"),
            ..Transport::default()
        },
    };
    let name = section.name.clone();
    section.close();
    Some(Channel { name, kind, settings, policy, timeout: timeout.unwrap_or(PATIENCE), transport })
}

fn policy(section: &mut Section, kind: &ChannelType, names: &[String]) -> Policy {
    let min_level = section.get("min_level", "\"warn\"").and_then(level).unwrap_or(Level::Info);
    let default = section.get("default", "false").and_then(Field::flag).unwrap_or(true);
    if kind.reach == Reach::Log {
        return Policy { min_level, default, ..Policy::default() };
    }
    Policy {
        min_level,
        default,
        quiet: section.get("quiet", "\"23:00-08:00\"").and_then(|field| {
            let text = field.text_of()?;
            Quiet::parse(text)
                .or_else(|| field.refuse(format!("`{text}` is no part of a day"), "write `quiet = \"23:00-08:00\"`"))
        }),
        digest: section.get("digest", "\"6h\"").and_then(|field| {
            let text = field.text_of()?;
            Collect::parse(text).or_else(|| {
                let hint = "write `digest = \"6h\"`, or `digest = \"08:00\"` for once a day; the shortest is 1m";
                field.refuse(format!("`{text}` is neither a length of time nor a time of day"), hint)
            })
        }),
        per_hour: section.get("per_hour", "20").and_then(Field::number),
        fallback: section.get("fallback", "\"mail\"").and_then(|field| other_channel(&field, names)),
    }
}

fn level(field: Field) -> Option<Level> {
    field.word(&Level::OF_MESSAGES).and_then(Level::of_message)
}

fn other_channel(field: &Field, names: &[String]) -> Option<String> {
    let name = field.text_of()?;
    // `notify.phone.fallback`: a channel cannot stand in for itself.
    if field.path.strip_suffix(".fallback").and_then(|path| path.strip_prefix("notify.")) == Some(name) {
        return field.refuse("is the channel itself", "name another one");
    }
    At::of(field).known_channel(name, names)
}

/// The place of a field, for what is wrong with it after it was read.
struct At<'a> {
    notes: &'a Notes<'a>,
    path: String,
    line: Option<usize>,
}

impl<'a> At<'a> {
    fn of(field: &Field<'a>) -> Self {
        Self { notes: field.notes, path: field.path.clone(), line: field.line }
    }

    fn refuse<T>(&self, message: String, hint: impl Into<String>) -> Option<T> {
        self.notes.problem(&self.path, self.line, message, hint);
        None
    }

    fn known_channel(&self, name: &str, names: &[String]) -> Option<String> {
        if name == "log" || names.iter().any(|known| known == name) {
            return Some(name.into());
        }
        let near = suggestion(name, names.iter().map(String::as_str));
        self.refuse(format!("there is no `[notify.{name}]`"), near.unwrap_or_else(|| format!("add `[notify.{name}]`")))
    }
}

fn setting(field: Field, value: Value, pbhs: &[String]) -> Option<Setting> {
    match value {
        Value::Secret => field.secret().map(Setting::Secret),
        Value::Link => match field.value {
            DeValue::Table(_) => field.secret().map(Setting::Secret),
            _ => field.link().map(Setting::Text),
        },
        Value::Server => field.server().map(Setting::Text),
        // A chat or a port as a number is what everybody writes first.
        Value::Text => match field.value {
            DeValue::Integer(number) => Some(Setting::Text(number.to_string())),
            _ => field.text().map(Setting::Text),
        },
        Value::Texts => match field.value {
            DeValue::String(_) => field.text().map(|text| Setting::Texts(vec![text])),
            _ => field.texts().map(Setting::Texts),
        },
        Value::Pairs => headers(&field, &["content-length", "host"]).map(Setting::Pairs),
        Value::Number(most) => {
            let at = At::of(&field);
            match field.number()? {
                number if number > most => at.refuse(format!("`{number}` is more than {most}"), ""),
                number => Some(Setting::Number(number)),
            }
        }
        Value::Flag => field.flag().map(Setting::Bool),
        Value::Word(words) => field.word(words).map(|word| Setting::Text(word.into())),
        Value::Pbh => known_pbh(&field, pbhs).map(Setting::Text),
    }
}

pub(super) fn runtime(mut section: Section, channels: &BTreeMap<String, Channel>) -> Runtime {
    let names: Vec<_> = channels.keys().cloned().collect();
    let notify = section.get("notify", "[\"phone\"]").and_then(|field| {
        let at = At::of(&field);
        let Setting::Texts(listed) = setting(field, Value::Texts, &[])? else { return None };
        listed.iter().map(|name| at.known_channel(name, &names)).collect::<Option<Vec<_>>>()
    });
    let runtime = Runtime { notify, level: section.get("level", "\"warn\"").and_then(level).unwrap_or(Level::Warn) };
    section.close();
    runtime
}

pub(super) fn heartbeat(mut section: Section) -> Option<Heartbeat> {
    let url = section.need("url", "\"https://hc-ping.com/…\"").and_then(|field| setting(field, Value::Link, &[]));
    let every = section.get("every", "\"5m\"").and_then(Field::duration);
    let scripts = section.get("scripts", "[\"quota-guard\"]").and_then(Field::texts);
    let method = section.get("method", "\"GET\"").and_then(|field| field.word(&["GET", "POST"]));
    let timeout = section.get("timeout", "\"15s\"").and_then(Field::duration).unwrap_or(PATIENCE);
    let transport = transport(&mut section);
    section.close();
    Some(Heartbeat {
        url: url?,
        every: every.unwrap_or(Duration::from_seconds(300)),
        scripts,
        post: method == Some("POST"),
        timeout,
        transport,
    })
}
