//! What is not wrong as such, but hurts: secrets in the script, texts in the server's language, waits that outlast their run.

use rhai::ImmutableString;

use crate::api::Row;
use crate::permission::{Ask, Effect};
use crate::script::std::{Function, On};
use crate::secret::{gives_away, names_secret};
use crate::units;

use super::answers::effect_of_request;
use super::calls::Call;
use super::checker::{Checker, Used};
use super::scope::{Frame, Phase};
use super::text::Place;
use super::types::{Literal, Ty, Val};

/// A field of a reply whose text is in the server's language, so that comparing it holds on one server only.
pub(super) fn localised_field(ty: &Ty, name: &str) -> Option<&'static str> {
    let Ty::Shape(shape) = ty else { return None };
    let told = |doc: &str| doc.contains("the server's language") || doc.contains("PBH's language");
    shape.field(name).filter(|field| told(field.doc)).map(|field| field.name)
}

/// What `catch (e)` gives; its message is the service's own.
pub(super) const CAUGHT: &str = "the message of an error";

impl Checker<'_> {
    pub fn localised(&mut self, field: &str, at: Place) {
        // The texts of a test's world are always the same.
        if self.world.tests {
            return;
        }
        let hint =
            "PBH writes it in the language of the server: go by a rule's or module's name, a type or a number instead";
        self.report(
            "localised-text",
            at,
            format!("`{field}` is a text for people, which differs from server to server"),
            Some(hint.into()),
        );
    }

    /// A text that looks like a key.
    pub fn secret_in(&mut self, text: &str, at: Place) {
        if let Some(what) = gives_away(text) {
            self.secret(what, at);
        }
    }

    /// A value under a key that says what it is.
    pub fn secret_under(&mut self, key: &str, val: &Val) {
        let Some((text, at)) = val.text().map(|(text, at)| (text.clone(), *at)) else { return };
        if names_secret(key) && text.len() >= 8 && !text.contains(' ')
            || key.eq_ignore_ascii_case("authorization") && text.len() >= 12
        {
            self.secret("a password or token", at);
        }
    }

    fn secret(&mut self, what: &str, at: Place) {
        let hint = "whoever reads the script has it: put it under `[secret.NAME]` in tidegate.toml and write `secret(\"NAME\")`";
        self.report("secret", at, format!("{what} stands in the script"), Some(hint.into()));
    }

    /// A variable inside the closure of its own method call.
    pub fn race(&mut self, frame: &mut Frame, root: &ImmutableString, vals: &[Val], at: Place) {
        let Some(slot) = frame.env.find(root) else { return };
        // Handles are given as copies, which nobody holds.
        let copied = |ty: &Ty| matches!(ty, Ty::State | Ty::Http | Ty::Vps | Ty::Pbh | Ty::Downloader);
        let ty = &frame.env.slots[slot].val.ty;
        if ty.is_unknown() || ty.members().iter().any(copied) {
            return;
        }
        for val in vals {
            if let Ty::Closure(closure) = &val.ty
                && closure.captured.iter().any(|captured| captured.name == *root)
            {
                let place = super::survey::first_use(&self.units[closure.unit].functions, &closure.name, root)
                    .map_or(at, |position| Place::new(closure.unit, position));
                let hint = format!("copy it first: `let all = {root};`, and use `all` inside");
                self.report(
                    "data-race",
                    place,
                    format!("`{root}` is used inside the closure of its own method call"),
                    Some(hint),
                );
            }
        }
    }

    /// What a function of the library does beyond its result.
    pub fn special(&mut self, frame: &mut Frame, row: &'static Function, call: &Call) {
        if row.name == "sleep" {
            self.sleeps(frame, call);
        }
        if row.name == "next" && row.on == On::Nothing && frame.phase == Phase::Run {
            let zone = self.world.host.config.timezone;
            self.cron(&call.vals[0].clone(), zone);
        }
        if matches!(row.name, "vps" | "pbh") && row.on == On::Nothing {
            self.instance(row.name, call);
        }
        if row.name == "notify" {
            self.channels(call);
        }
    }

    /// The channels that a message names.
    fn channels(&mut self, call: &Call) {
        let Some(Ty::Record(record)) = call.vals.first().map(|val| &val.ty) else { return };
        let Some(to) = record.get("to").filter(|_| !self.world.tests && !self.world.host.accepts_any_instance) else {
            return;
        };
        let (at, own) = to.val.text().map_or((to.place, None), |(name, at)| (*at, Some(name)));
        for name in own.into_iter().chain(&to.val.holds) {
            if let Err(error) = self.world.host.notifier.known(name) {
                self.report("unknown-instance", at, error.message.clone(), error.hint.clone());
            }
        }
    }

    /// A line break as quotes have it, in back-ticks, which keep it as it stands.
    pub fn escape_in(&mut self, text: &str, at: Place) {
        if text.contains("\\n") {
            let hint = "write a line break as one, or join texts in quotes: `\"a\\n\" + b`";
            self.report("escape", at, "back-ticks keep `\\n` as it stands", Some(hint.into()));
        }
    }

    pub fn special_builtin(&mut self, frame: &mut Frame, call: &Call) {
        if call.name == "sleep" {
            self.when(frame, "sleep", crate::script::std::When::Run, call.at);
            self.sleeps(frame, call);
        }
    }

    /// A wait that is longer than the run may take.
    fn sleeps(&mut self, frame: &Frame, call: &Call) {
        let (Some(timeout), Some(val)) = (frame.timeout, call.vals.first()) else { return };
        let Some(literal) = &val.literal else { return };
        let long = match &literal.0 {
            Literal::Text(text) => units::parse_duration(text).ok(),
            Literal::Duration(long) => Some(*long),
            _ => None,
        };
        if let Some(long) = long.filter(|long| *long >= timeout) {
            let (long, timeout) = (units::format_duration(long), units::format_duration(timeout));
            let hint = Some("give the trigger a longer `timeout`, or let a later trigger go on".into());
            self.report(
                "timeout",
                literal.1,
                format!("the run is ended after {timeout}, before this wait of {long} is over"),
                hint,
            );
        }
    }

    /// An instance by its name.
    fn instance(&mut self, what: &str, call: &Call) {
        let host = self.world.host;
        // A test has instances of its own.
        if host.accepts_any_instance || self.world.tests {
            return;
        }
        let named = call.vals.first().and_then(Val::text).map(|(name, at)| (name.clone(), *at));
        if named.is_none() && !call.vals.is_empty() {
            return;
        }
        let name = named.as_ref().map(|(name, _)| name.as_str());
        let found = if what == "vps" { host.fleet.vps(name).map(drop) } else { host.fleet.pbh(name).map(drop) };
        if let Err(error) = found {
            let at = named.as_ref().map_or(call.at, |(_, at)| *at);
            self.report("unknown-instance", at, error.message.clone(), error.hint.clone());
        }
    }

    /// Requests beyond the services.
    pub fn std_effects(&mut self, row: &'static Function, call: &Call) {
        let skip = usize::from(row.on != On::Nothing);
        let first = call.vals.get(skip).and_then(Val::text).map(|(text, at)| (text.to_string(), *at));
        let known = |name: &str| row.name == name;
        if row.on == On::Http {
            let Some((url, at)) = first else { return };
            let host = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
            let host = host.split(['/', '?', '#']).next().unwrap_or_default();
            let host = host.rsplit('@').next().unwrap_or_default();
            let host = host
                .rsplit_once(':')
                .filter(|(_, port)| port.chars().all(|c| c.is_ascii_digit()))
                .map_or(host, |(host, _)| host);
            if !host.is_empty() {
                self.outside("http", host, at);
            }
        } else if known("secret") && row.on == On::Nothing {
            if let Some((name, at)) = first {
                self.outside("secret", &name, at);
            }
        } else if known("tcp_check") {
            let port = call.vals.get(skip + 1).and_then(Val::number).map(|(port, _)| port);
            if let (Some((host, at)), Some(port)) = (first, port) {
                self.outside("net", &format!("{host}:{port}"), at);
            }
        } else if let Some(effect) = row.effect.filter(|effect| *effect == Effect::Destructive) {
            let service = match row.on {
                On::Vps => "kiwivm",
                On::Pbh => "pbh",
                On::Downloader => "downloader",
                _ => return,
            };
            let effect = if row.name == "request" { effect_of_request(call.vals.get(skip)) } else { effect };
            if effect == Effect::Destructive {
                self.permitted(&call.vals[0], service, row.name, None, effect, &[], call.at);
            }
        }
    }

    fn outside(&mut self, service: &'static str, what: &str, at: Place) {
        let ask = Ask { service, instance: "", endpoint: what, argument: None, effect: Effect::Read };
        let missing = self.world.grants.check(&ask, &[]).err();
        let line = missing.as_ref().map(|denied| denied.line.clone());
        self.uses.insert(Used { service, endpoint: what.to_owned(), effect: Effect::Read, missing: line.clone() });
        if let Some(line) = line {
            let hint = self.grant_hint(&line);
            self.report("missing-grant", at, format!("nothing grants this script `{service}:{what}`"), Some(hint));
        }
    }

    fn grant_hint(&self, line: &str) -> String {
        let written = self.world.host.config.how_to_grant(&self.world.script, line);
        format!("{written}; or pass `--allow '{line}'` to run it once by hand")
    }

    /// Whether a call on a handle is granted: on its instance, where the script spells it out, else on any that
    /// there is.
    #[expect(clippy::too_many_arguments, reason = "who asks for what, and where")]
    pub fn permitted(
        &mut self,
        on: &Val,
        service: &'static str,
        endpoint: &str,
        argument: Option<&str>,
        effect: Effect,
        covers: &[&str],
        at: Place,
    ) {
        let named = on.instance.as_ref().filter(|_| !self.world.host.accepts_any_instance);
        let instances = named.map_or_else(|| self.world.instances(service), |name| vec![name.to_string()]);
        let mut refused = None;
        for instance in &instances {
            let ask = Ask { service, instance, endpoint, argument, effect };
            match self.world.grants.check(&ask, covers) {
                Ok(()) => {
                    refused = None;
                    break;
                }
                Err(denied) => refused = Some(denied),
            }
        }
        let line = refused.as_ref().map(|denied| match instances.as_slice() {
            // Of torrent clients, `default` stands for those that only a PBH knows.
            [name] if !self.world.host.accepts_any_instance && (service != "downloader" || name != "default") => {
                denied.line.clone()
            }
            _ => {
                let argument = argument.map(|argument| format!("({argument})")).unwrap_or_default();
                format!("{service}:{endpoint}{argument}")
            }
        });
        let name = argument.map_or_else(|| endpoint.to_owned(), |argument| format!("{endpoint}({argument})"));
        self.uses.insert(Used {
            service,
            endpoint: name.clone(),
            effect,
            missing: line.clone().filter(|_| refused.is_some()),
        });
        if let (Some(denied), Some(line)) = (refused, line) {
            if denied.denied {
                let hint = format!(
                    "take `{0}` out of `deny` in {1}",
                    denied.line,
                    self.world.host.config.table_of(&self.world.script)
                );
                let message = format!("`{name}` is denied to this script by `deny = [\"{0}\"]`", denied.line);
                self.report("missing-grant", at, message, Some(hint));
            } else {
                let hint = self.grant_hint(&line);
                self.report(
                    "missing-grant",
                    at,
                    format!("`{name}` is destructive, and nothing grants it to this script"),
                    Some(hint),
                );
            }
        }
    }

    /// An endpoint that the configured PBH is too old or too new for. Where the script does not spell out which
    /// one is meant, it is one that none of them has.
    pub fn version(&mut self, on: &Val, row: &'static Row, at: Place) {
        if row.service != crate::api::Service::Pbh {
            return;
        }
        let mut lacking = None;
        for (instance, version) in &self.world.versions {
            if on.instance.as_ref().is_some_and(|named| named != instance) {
                continue;
            }
            // Of one that was never asked, nothing is known.
            let Some(version) = version else { return };
            let version_number = crate::api::version(version);
            let early = row.extra.since.filter(|since| version_number < crate::api::version(since));
            let late = row.extra.until.filter(|until| version_number > crate::api::version(until));
            let message = match (early, late) {
                (Some(since), _) => format!("`{}` came with PBH {since}, and `{instance}` is {version}", row.id),
                (_, Some(until)) => format!("`{}` went away after PBH {until}, and `{instance}` is {version}", row.id),
                // One that has it may be the one that is meant.
                _ => return,
            };
            lacking.get_or_insert(message);
        }
        if let Some(message) = lacking {
            let hint = format!("`tidegate endpoints {}` lists which releases have what", row.id);
            self.report("unsupported", at, message, Some(hint));
        }
    }
}
