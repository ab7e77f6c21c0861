//! How things stand.

use super::{Engine, Key, Trigger};
use crate::config::Mode;
use crate::daemon::status::{ScriptStatus, Status, TriggerStatus};
use crate::library::Script;
use crate::schedule::Kind;

impl Engine {
    /// Where a webhook is reached.
    fn url(&self, kind: &Kind) -> Option<String> {
        match kind {
            Kind::Webhook { path } => Some(self.host.config.server.url(path)),
            _ => None,
        }
    }

    /// Whether runs of a script, or of one of its triggers that says so itself, are dry.
    pub(super) fn mode(&self, script: &str, dry: bool) -> Mode {
        if self.options.dry_run || dry { Mode::Watch } else { self.host.config.settings(script).mode }
    }

    pub(super) fn status(&self) -> Status {
        let triggers = |script: &str| {
            let mine = self.triggers.iter().filter(|(key, _)| key.script == script);
            let status = |(key, trigger): (&Key, &Trigger)| TriggerStatus {
                name: key.trigger.clone(),
                kind: trigger.plan.spec.kind.word(),
                expression: trigger.plan.spec.kind.expression(),
                url: self.url(&trigger.plan.spec.kind),
                next: trigger.plan.next.map(|next| next.due),
                last_state: trigger.last.map(|(state, _)| state),
                last_ended: trigger.last.and_then(|(_, ended)| ended),
                off: trigger.plan.off.clone(),
                skipped: trigger.skipped,
                missed: trigger.missed,
            };
            mine.map(status).collect()
        };
        let script = |(name, script): (&String, &Script)| ScriptStatus {
            name: name.clone(),
            state: script.state,
            mode: self.mode(name, false),
            version: script.version(),
            error: script.error(),
            triggers: triggers(name),
        };
        Status {
            version: env!("CARGO_PKG_VERSION"),
            started: self.started,
            ready: self.ready,
            stopping: self.ending.is_some(),
            running: self.running.values().map(Vec::len).sum(),
            scripts: self.scripts.iter().map(script).collect(),
        }
    }
}
