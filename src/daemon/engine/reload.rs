//! What a new version of a script means for its triggers.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Engine, Key, Trigger};
use crate::daemon::plan::Plan;
use crate::daemon::reader::Reading;
use crate::error::Error;
use crate::journal::Level;
use crate::ledger::{Filter, State};
use crate::library::{Change, Script};
use crate::script::Loaded;
use crate::text::count;
use crate::time::Time;

impl Engine {
    /// The scripts folder was read: swaps in what loads, and says what does not.
    pub async fn changed(&mut self, reading: Reading) {
        let Reading { reload, scripts } = reading;
        if let Some(fault) = reload.fault {
            self.write(&self.line(Level::Error, "reload_failed", fault));
            return;
        }
        self.scripts = scripts;
        for (name, change) in reload.changes {
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
        let now = self.host.clock.now();
        if let Some(script) = &loaded {
            for (spec, handler) in script.triggers.clone() {
                let key = Key { script: name.to_owned(), trigger: spec.name.clone() };
                let before = old.remove(&key);
                let (after, last) = match before {
                    Some(_) => (now, None),
                    None => self.remember(&key, now).await,
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
                    self.tell(&key, Level::Error, "trigger_off", format!("switched off: {why}"));
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
    /// been dealt with, and how its last run ended. Before the daemon is ready, what was due while nobody
    /// was there still counts; a script that comes later begins now.
    async fn remember(&self, key: &Key, now: Time) -> (Time, Option<(State, Option<Time>)>) {
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
                let after = scheduled.filter(|_| self.ready.is_none()).map_or(now, |scheduled| scheduled.min(now));
                (after, entry.map(|entry| (entry.state, entry.ended)))
            }
            Err(error) => {
                self.complain(key, "the run history cannot be read", &error);
                (now, None)
            }
        }
    }
}
