//! What a new configuration means for everything, and a new version of a script for its triggers.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::{Engine, Key, Trigger};
use crate::config::Changes;
use crate::daemon::configuration::News;
use crate::daemon::plan::Plan;
use crate::daemon::reader::Reading;
use crate::host::Host;
use crate::journal::Level;
use crate::ledger::State;
use crate::library::{Change, Script};
use crate::notify::Bulletin;
use crate::schedule::{Kind, OnReload};
use crate::script::{Loaded, Severity};
use crate::text::{count, list};

impl Engine {
    /// Everything was read: swaps in what is new and good, and says what is not.
    pub async fn changed(&mut self, reading: Reading) {
        let Reading { news, host, reload, scripts, asked, found } = reading;
        self.configure(news, host);
        match reload.fault {
            Some(fault) => self.write(&self.line(Level::Error, "reload_failed", fault)),
            None => self.take_over(reload.changes, scripts).await,
        }
        if !asked.is_empty() && !found {
            self.write(&self.line(Level::Info, "reloaded", "everything was read again, and nothing has changed"));
        }
        for asker in asked {
            // Whoever asked may have gone.
            let _ = asker.send(());
        }
    }

    /// A new configuration is in force for whatever begins from now on.
    fn configure(&mut self, news: News, host: Option<Arc<Host>>) {
        if let Some(host) = host {
            self.runner.limit(host.config.limits.runs);
            self.hosts.send_replace(Arc::clone(&host));
            self.host = host;
        }
        if let Some((config, changes)) = news.config {
            let file = config.file.unwrap_or_default();
            let (level, message) = in_words(&file.display().to_string(), &changes);
            let line = self.line(level, "reloaded", message);
            self.write(&line.with("changes", changes.effective).with("at_restart", changes.at_restart));
        }
        for file in news.files {
            let message = format!("`{}` holds something else now", file.display());
            self.write(&self.line(Level::Info, "reloaded", message));
        }
        for error in news.broken {
            let message = format!("the last good configuration stays in force\n{error}");
            let line = self.line(Level::Error, "reload_failed", message);
            self.write(&line.with("error", serde_json::to_value(&error).unwrap_or_default()));
        }
        if news.healed {
            let message = "the configuration is again the one that is in force";
            self.write(&self.line(Level::Info, "reloaded", message));
        }
    }

    async fn take_over(&mut self, changes: BTreeMap<String, Change>, scripts: BTreeMap<String, Script>) {
        self.scripts = scripts;
        for (name, change) in changes {
            let Some(script) = self.scripts.get(&name).cloned() else {
                self.install(&name, None).await;
                self.write(&self.line(Level::Info, "unloaded", "the file is gone").of(&name, None, None));
                continue;
            };
            match change {
                Change::Loaded => {
                    self.install(&name, script.loaded.clone()).await;
                    self.tell_loaded(&name, &script);
                }
                Change::Renewed => self.install(&name, script.loaded.clone()).await,
                Change::Failed => {
                    self.tell_failed(&name, &script);
                    self.announce_broken(&name, &script).await;
                }
                Change::Disabled | Change::Unloaded => {
                    self.install(&name, None).await;
                    let line = self.line(Level::Info, "disabled", "`enabled` is false in the configuration");
                    self.write(&line.of(&name, None, None));
                }
            }
        }
        if self.ready.is_some() {
            self.fire_start().await;
        }
    }

    fn tell_loaded(&self, name: &str, script: &Script) {
        let Some(loaded) = &script.loaded else { return };
        let event = if self.ready.is_some() { "reloaded" } else { "loaded" };
        let names: Vec<_> = loaded.triggers.iter().map(|(spec, _)| spec.name.clone()).collect();
        let message = format!("{event}: version {}, {}", loaded.version, count(names.len(), "trigger"));
        self.announce(Bulletin::Mended { script: name.to_owned() });
        let line = self.line(Level::Info, event, message).of(name, None, None);
        self.write(&line.with("version", loaded.version.clone()).with("triggers", names));
        for finding in &script.findings {
            let line = self.line(Level::Warn, "warning", script.excerpt(finding, self.language()));
            self.write(&line.of(name, None, None).with("code", finding.code));
        }
    }

    fn tell_failed(&self, name: &str, script: &Script) {
        let fate = match &script.loaded {
            Some(loaded) => format!("version {} runs on", loaded.version),
            None => "it does not run".to_owned(),
        };
        let language = self.language();
        let excerpts: Vec<_> = script.findings.iter().map(|finding| script.excerpt(finding, language)).collect();
        let message = format!("this version does not load; {fate}\n{}", excerpts.join("\n"));
        let why = script.findings.iter().find(|finding| finding.severity == Severity::Error);
        let why = why.map(|finding| format!("line {}: {}", finding.line, finding.message)).unwrap_or_default();
        self.announce(Bulletin::Broken { script: name.to_owned(), fate: fate.clone(), why });
        let findings = serde_json::to_value(&script.findings).unwrap_or_default();
        let line = self.line(Level::Error, "reload_failed", message).of(name, None, None);
        self.write(&line.with("findings", findings).with("version", script.version()));
    }

    async fn announce_broken(&mut self, name: &str, script: &Script) {
        let error = script.error();
        let (line, column) = error.as_ref().map_or((None, None), |error| (error.line, error.column));
        let message = error.map(|error| error.message.clone());
        let data = json!({
            "script": name, "message": message, "line": line, "column": column, "runs_on": script.version(),
        });
        self.announce_event("script.broken", data).await;
    }

    /// Puts the triggers of a new version in the place of the old ones. What ran on the old version
    /// runs on; what waited for it is dropped with a trigger that is not there any more.
    async fn install(&mut self, name: &str, loaded: Option<Arc<Loaded>>) {
        let (mut old, rest): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.triggers).into_iter().partition(|(key, _)| key.script == name);
        self.triggers = rest;
        for (key, _) in old.iter().filter(|(_, trigger)| trigger.plan.spec.on_reload == OnReload::Cancel) {
            self.running.get(key).into_iter().flatten().for_each(|going| going.cancel.cancel());
        }
        let now = self.host.clock.now();
        let mut news = Vec::new();
        let mut on = Vec::new();
        if let Some(script) = &loaded {
            for (mut spec, handler) in script.triggers.clone() {
                let key = Key { script: name.to_owned(), trigger: spec.name.clone() };
                let before = old.remove(&key);
                let met = self.meet(&key, &mut spec, &script.version, before.as_ref(), now).await;
                let mut trigger = Trigger {
                    plan: Plan::new(spec, met.after),
                    handler,
                    script: Arc::clone(script),
                    last: met.last,
                    began: met.began,
                    memory: met.memory,
                    held: None,
                    skipped: 0,
                    missed: 0,
                };
                if let Some(before) = before {
                    if before.memory.off().is_none() {
                        trigger.plan.follow(&before.plan);
                    }
                    let Trigger { held, skipped, missed, .. } = before;
                    trigger = Trigger { held, skipped, missed, ..trigger };
                }
                if let Some(why) = trigger.memory.off() {
                    trigger.plan.halt(why);
                } else if let Some(why) = trigger.plan.off.as_ref().filter(|_| trigger.plan.spec.enabled) {
                    self.tell_off(&key, why);
                } else if trigger.plan.off.is_none() {
                    on.push(key.trigger.clone());
                }
                if met.news {
                    news.push((key.clone(), Some(trigger.memory.clone())));
                }
                self.warn_of_taken_path(&key, &trigger);
                self.triggers.insert(key, trigger);
            }
        }
        for key in old.into_keys() {
            let jobs = self.queues.remove(&key).unwrap_or_default();
            self.drop_jobs(jobs, State::Cancelled, "the trigger is gone").await;
            self.pending.remove(&key);
            news.push((key, None));
        }
        self.keep(news).await;
        self.tell_all_on(name, on);
        self.publish();
    }

    /// Two scripts may not have the same webhook: requests go to the first one.
    fn warn_of_taken_path(&self, key: &Key, trigger: &Trigger) {
        let Kind::Webhook { path } = &trigger.plan.spec.kind else { return };
        let taken = self.triggers.iter().find(|(other, trigger)| {
            *other != key && matches!(&trigger.plan.spec.kind, Kind::Webhook { path: other } if other == path)
        });
        if let Some((other, _)) = taken {
            let (script, name) = (&other.script, &other.trigger);
            let message =
                format!("the path `{path}` belongs to `{name}` of `{script}` too; requests go to one of them");
            self.tell(key, Level::Warn, "warning", message);
        }
    }
}

fn in_words(file: &str, changes: &Changes) -> (Level, String) {
    let mut message = match changes.effective.as_slice() {
        [] => format!("`{file}` was read again"),
        effective => format!("`{file}` was read again: {}", effective.join(", ")),
    };
    if changes.at_restart.is_empty() {
        return (Level::Info, message);
    }
    let keys = list(changes.at_restart.iter().copied(), "and");
    message += &format!("; {keys} takes effect when tidegate is started again");
    (Level::Warn, message)
}
