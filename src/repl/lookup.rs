//! Looking things up: functions, endpoints, types, variables, times.

use crate::api::{Row, Service};
use crate::reference::releases;
use crate::schedule::{self, Cron};
use crate::script::{self, helpers, std as library};
use crate::shown::{Shown, wrap};
use crate::text::nearest;
use crate::units::format_duration;

use super::{Next, Repl};

/// Due times that `:next` shows.
const TIMES: usize = 5;

pub(super) fn rows() -> impl Iterator<Item = &'static Row> {
    Service::ALL.into_iter().flat_map(Service::rows).filter(|row| row.extra.uncallable.is_none())
}

/// How functions of a name are written: of every handle that has one.
pub(super) fn signatures(name: &str) -> Vec<String> {
    let endpoints = rows().filter(|row| row.id == name).map(Row::signature);
    let lazy = rows().filter(|row| name.strip_suffix("_all") == Some(row.id)).filter_map(Row::companion);
    let methods = helpers::all().filter(|helper| helper.id == name).map(helpers::Helper::signature);
    let functions = library::functions().filter(|function| function.name == name).map(library::Function::signature);
    endpoints.chain(lazy).chain(methods).chain(functions).collect()
}

impl Repl {
    pub(super) fn help(&mut self, name: &str) -> Next {
        if name.is_empty() {
            self.overview();
            return Next::Go;
        }
        let name = name.trim_start_matches(':');
        let name = name.rsplit('.').next().unwrap_or(name).trim_end_matches(['(', ')']);
        let pages = self.pages(name);
        if pages.is_empty() {
            let near = nearest(name, script::function_names());
            let hint = near.map_or_else(
                || format!("`:endpoints {name}` looks for a part of a name"),
                |near| format!("did you mean `{near}`?"),
            );
            return self.fail(&format!("nothing is known of `{name}`"), &hint);
        }
        self.screen.long(&wrap(&pages.join("\n\n"), self.screen.look().width));
        Next::Go
    }

    /// What is known of the functions and commands of a name.
    fn pages(&self, name: &str) -> Vec<String> {
        let language = self.host.config.language;
        let mut pages = Vec::new();
        for command in super::COMMANDS.iter().filter(|command| command.name == name) {
            pages.push(format!(":{} {}\n  {}", command.name, command.args, command.doc(language)));
        }
        for row in rows().filter(|row| row.id == name || name.strip_suffix("_all") == Some(row.id)) {
            let signature = if row.id == name { Some(row.signature()) } else { row.companion() };
            let mut facts = vec![row.effect.to_string(), format!("{} {}", row.method, row.path)];
            facts.extend(releases(language, row.extra.since, row.extra.until));
            let mut page = format!("{}.{}", row.service.name(), signature.unwrap_or_default());
            page += &format!("\n  {}\n  {}", language.pick(row.doc, row.chinese()), facts.join(" · "));
            if !row.extra.note.is_empty() {
                page += &format!("\n  {}", row.extra.note);
            }
            pages.push(page);
        }
        for helper in helpers::all().filter(|helper| helper.id == name) {
            let doc = language.pick(helper.doc, helper.chinese().unwrap_or(helper.doc));
            let calls =
                if helper.calls.is_empty() { String::new() } else { format!(" · {}", helper.calls.join(", ")) };
            pages.push(format!("{}.{}\n  {doc}\n  {}{calls}", helper.on.service(), helper.signature(), helper.effect));
        }
        for function in library::functions().filter(|function| function.name == name) {
            let (code, gives) = function.example;
            let gives = if gives.is_empty() { String::new() } else { format!("  →  {gives}") };
            let doc = language.pick(function.doc, function.zh);
            pages.push(format!("{}\n  {doc}\n  {code}{gives}", function.signature()));
        }
        pages
    }

    pub(super) fn endpoints(&mut self, pattern: &str) -> Next {
        let wanted = pattern.to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        let language = self.host.config.language;
        let found = rows().filter(|row| has(row.id) || has(row.path) || has(row.doc) || has(row.chinese()));
        let rows: Vec<_> = found
            .map(|row| {
                vec![
                    ("service", Shown::Other(row.service.name().into())),
                    ("name", Shown::Other(row.id.into())),
                    ("effect", Shown::Other(row.effect.to_string())),
                    ("does", Shown::Text(language.pick(row.doc, row.chinese()).into())),
                ]
            })
            .collect();
        if rows.is_empty() {
            return self.fail(&format!("no endpoint has `{pattern}` in it"), "`:endpoints` lists them all");
        }
        self.show_rows(rows);
        Next::Go
    }

    pub(super) fn type_of(&mut self, text: &str) -> Next {
        match self.typed(text) {
            Ok(typed) => {
                let mut page = typed.name;
                let fields = typed.fields.into_iter().map(|(name, ty, doc)| {
                    let what = if doc.is_empty() { ty } else { format!("{ty}: {doc}") };
                    (name, Shown::Other(what))
                });
                let fields = Shown::Map(fields.collect());
                if fields != Shown::Map(Vec::new()) {
                    page += "\n";
                    page += &fields.draw(self.screen.look());
                }
                self.screen.long(&page);
                Next::Go
            }
            Err(error) => {
                self.screen.error(&script::explain(&error, "input", Some(text), self.reader()));
                Next::Failed
            }
        }
    }

    pub(super) fn vars(&mut self, _: &str) -> Next {
        let variables = match &self.daemon {
            Some(daemon) if self.recorded.is_none() => daemon.variables(),
            // What a recorded run answers is evaluated here.
            _ => self.session.lock().variables(self.host.config.timezone, &self.host.masker),
        };
        if variables.is_empty() {
            self.screen.line(self.host.config.language.pick("there are none yet", "还没有变量"));
            return Next::Go;
        }
        let row = |variable: script::Variable| {
            vec![
                ("name", Shown::Other(variable.name)),
                ("is", Shown::Other(variable.ty)),
                ("value", Shown::Text(variable.text)),
            ]
        };
        self.show_rows(variables.into_iter().map(row).collect());
        Next::Go
    }

    pub(super) fn next_times(&mut self, expression: &str) -> Next {
        let expression = expression.trim_matches(['"', '\'', '`']);
        let (zone, now) = (self.host.config.timezone, self.host.clock.now());
        let language = self.host.config.language;
        let cron = match Cron::parse(expression, zone, now) {
            Ok(cron) => cron,
            Err(error) => {
                self.screen.error(&script::explain(&error, "input", Some(expression), self.reader()));
                return Next::Failed;
            }
        };
        self.screen.line(&format!("{} ({})", schedule::describe_in(&cron, language), zone.name()));
        let due = std::iter::successors(cron.next(now), |last| cron.next(*last)).take(TIMES);
        let row = |time: crate::time::Time| {
            let cell = format!("{} {}", language.pick("in", "还有"), format_duration(time - now));
            let form = language.pick("%a %Y-%m-%d %H:%M:%S %:z", "%Y-%m-%d %H:%M:%S %:z");
            (time.in_zone(zone).format(form).to_string(), Shown::Other(cell))
        };
        self.screen.line(&Shown::Map(due.map(row).collect()).draw(self.screen.look()));
        for warning in &cron.warnings {
            self.screen.aside(&format!("{}{}", language.pick("warning: ", "警告："), language.say(warning)));
        }
        Next::Go
    }
}
