//! What a new configuration means for everything, and a new version of a script for its triggers.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Engine, Key, Trigger};
use crate::config::Changes;
use crate::daemon::configuration::News;
use crate::daemon::plan::Plan;
use crate::daemon::reader::Reading;
use crate::error::Error;
use crate::host::Host;
use crate::journal::Level;
use crate::ledger::{Filter, State};
use crate::library::{Change, Script};
use crate::notify::Bulletin;
use crate::schedule::OnReload;
use crate::script::{Loaded, Severity};
use crate::text::{count, list};
use crate::time::Time;

impl Engine {
    /// Everything was read: swaps in what is new and good, and says what is not.
    pub async fn changed(&mut self, reading: Reading) {
        let Reading { news, host, reload, scripts, asked } = reading;
        let silent = news.is_empty() && reload.changes.is_empty() && reload.fault.is_none();
        self.configure(news, host);
        match reload.fault {
            Some(fault) => self.write(&self.line(Level::Error, "reload_failed", fault)),
            None => self.take_over(reload.changes, scripts).await,
        }
        if !asked.is_empty() && silent {
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
                Change::Failed => self.tell_failed(&name, &script),
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
            let line = self.line(Level::Warn, "warning", script.excerpt(finding));
            self.write(&line.of(name, None, None).with("code", finding.code));
        }
    }

    fn tell_failed(&self, name: &str, script: &Script) {
        let fate = match &script.loaded {
            Some(loaded) => format!("version {} runs on", loaded.version),
            None => "it does not run".to_owned(),
        };
        let excerpts: Vec<_> = script.findings.iter().map(|finding| script.excerpt(finding)).collect();
        let message = format!("this version does not load; {fate}\n{}", excerpts.join("\n"));
        let why = script.findings.iter().find(|finding| finding.severity == Severity::Error);
        let why = why.map(|finding| format!("line {}: {}", finding.line, finding.message)).unwrap_or_default();
        self.announce(Bulletin::Broken { script: name.to_owned(), fate: fate.clone(), why });
        let findings = serde_json::to_value(&script.findings).unwrap_or_default();
        let line = self.line(Level::Error, "reload_failed", message).of(name, None, None);
        self.write(&line.with("findings", findings).with("version", script.version()));
    }

    /// Puts the triggers of a new version in the place of the old ones. What ran on the old version
    /// runs on; what waited for it is dropped with a trigger that is not there any more.
    async fn install(&mut self, name: &str, loaded: Option<Arc<Loaded>>) {
        let (mut old, rest): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.triggers).into_iter().partition(|(key, _)| key.script == name);
        self.triggers = rest;
        for (key, _) in old.iter().filter(|(_, trigger)| trigger.plan.spec.on_reload == OnReload::Cancel) {
            self.running.get(key).into_iter().flatten().for_each(|(_, cancel)| cancel.cancel());
        }
        let now = self.host.clock.now();
        if let Some(script) = &loaded {
            for (spec, handler) in script.triggers.clone() {
                let key = Key { script: name.to_owned(), trigger: spec.name.clone() };
                let before = old.remove(&key);
                let (after, last) = match before {
                    Some(_) => (now, None),
                    None => self.remember(&key, now, self.ready.is_none()).await,
                };
                let mut trigger = Trigger {
                    plan: Plan::new(spec, after),
                    handler,
                    script: Arc::clone(script),
                    last,
                    skipped: 0,
                    missed: 0,
                };
                if let Some(before) = before {
                    trigger.plan.follow(&before.plan);
                    trigger = Trigger { last: before.last, skipped: before.skipped, missed: before.missed, ..trigger };
                }
                if let Some(why) = trigger.plan.off.as_ref().filter(|_| trigger.plan.spec.enabled) {
                    self.tell_off(&key, why);
                } else if trigger.plan.off.is_none() {
                    self.announce(Bulletin::On { script: key.script.clone(), trigger: key.trigger.clone() });
                }
                self.triggers.insert(key, trigger);
            }
        }
        for key in old.into_keys() {
            let jobs = self.queues.remove(&key).unwrap_or_default();
            self.drop_jobs(jobs, State::Cancelled, "the trigger is gone").await;
        }
    }

    /// What the ledger knows of a trigger that is seen for the first time: up to when its due times have
    /// been dealt with, and how its last run ended. With `catch_up`, when the daemon begins, what was due while
    /// nobody was there still counts; a script that comes later begins now.
    pub(super) async fn remember(&self, key: &Key, now: Time, catch_up: bool) -> (Time, Option<(State, Option<Time>)>) {
        let ledger = &self.host.ledger;
        let filter = Filter {
            script: Some(key.script.clone()),
            trigger: Some(key.trigger.clone()),
            n: Some(1),
            ..Filter::default()
        };
        let read = async {
            let scheduled = ledger.last_scheduled(&key.script, &key.trigger).await?;
            Ok::<_, Error>((scheduled, ledger.list(&filter).await?.pop()))
        };
        match read.await {
            Ok((scheduled, entry)) => {
                let after = scheduled.filter(|_| catch_up).map_or(now, |scheduled| scheduled.min(now));
                (after, entry.map(|entry| (entry.state, entry.ended)))
            }
            Err(error) => {
                self.complain(key, "the run history cannot be read", &error);
                (now, None)
            }
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
