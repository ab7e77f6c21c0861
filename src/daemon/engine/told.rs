//! What happened, and which triggers want to know.

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::firing::Firing;
use super::{Engine, Key, Trigger};
use crate::daemon::doors::{Begun, Hook, Hooked, Refusal};
use crate::daemon::files::Pattern;
use crate::events::Occurrence;
use crate::ledger::{RunId, State};
use crate::run::Outcome;
use crate::schedule::Kind;
use crate::time::{Duration, Time};
use crate::watch::files::DEBOUNCE;

/// Something that counts once nothing more comes.
pub(super) struct Pending {
    pub at: Time,
    firing: Firing,
}

impl Engine {
    /// Fires every trigger that listens for an event. False where that could not be recorded.
    pub(super) async fn happened(&mut self, occurrence: &Occurrence) -> bool {
        let mut recorded = true;
        let wants = |kind: &Kind| matches!(kind, Kind::Event { name } if *name == occurrence.name);
        for key in self.listeners(wants) {
            let firing = Firing { key: occurrence.key.clone(), ..Firing::with(occurrence.data.clone()) };
            recorded &= self.tell_one(&key, firing).await;
        }
        recorded
    }

    /// Says to the scripts that something of ours happened.
    pub(super) async fn announce_event(&mut self, name: &str, data: Value) {
        let occurrence = Occurrence { name: name.into(), at: self.host.clock.now(), data, key: None };
        self.happened(&occurrence).await;
    }

    /// Fires every trigger that hears of failures. Their own failures are not among them.
    pub(super) async fn tell_failure(&mut self, key: &Key, id: &RunId, outcome: &Outcome) {
        let data = json!({
            "script": key.script, "trigger": key.trigger, "run": id, "state": outcome.state, "at": outcome.ended,
            "error": outcome.error,
        });
        for listener in self.listeners(|kind| matches!(kind, Kind::Failure)) {
            self.tell_one(&listener, Firing::with(data.clone())).await;
        }
    }

    /// Files of a trigger have changed.
    pub(super) async fn files_changed(&mut self, key: &Key, changes: Value) {
        self.fire_told(key, Firing::with(changes)).await;
    }

    /// A request for a webhook.
    pub(super) async fn webhook(&mut self, path: &str, data: Value) -> Hooked {
        let wants = |kind: &Kind| matches!(kind, Kind::Webhook { path: own } if own == path);
        let Some(key) = self.listeners(wants).into_iter().next() else {
            let off = self.triggers.values().find(|trigger| wants(&trigger.plan.spec.kind));
            let off = off.and_then(|trigger| trigger.plan.off.clone());
            return Hooked::Refused(off.map_or(Refusal::Unknown, Refusal::Off));
        };
        let (reply, outcome) = oneshot::channel();
        let timeout = self.triggers.get(&key).and_then(|trigger| trigger.plan.spec.timeout);
        let timeout = timeout.unwrap_or(self.host.config.limits.timeout);
        match self.told(&key, Firing { reply: Some(reply), ..Firing::with(data) }).await {
            Ok(Some(run)) => Hooked::Begun { begun: Begun { run, outcome, guards: Vec::new() }, timeout },
            Ok(None) => Hooked::Debounced,
            Err(refusal) => Hooked::Refused(refusal),
        }
    }

    /// Why it does not run, where it does not, is a row; false where even that could not be written.
    async fn tell_one(&mut self, key: &Key, firing: Firing) -> bool {
        let Err(Refusal::Unrecorded(error)) = self.told(key, firing).await else { return true };
        self.complain(key, "it could not be recorded, and does not run", &error);
        false
    }

    /// The triggers that are on and of a kind.
    fn listeners(&self, wants: impl Fn(&Kind) -> bool) -> Vec<Key> {
        let listens = |(_, trigger): &(&Key, &Trigger)| trigger.plan.off.is_none() && wants(&trigger.plan.spec.kind);
        self.triggers.iter().filter(listens).map(|(key, _)| key.clone()).collect()
    }

    /// Fires at once, or once nothing more comes, by `debounce`; what came before is then skipped.
    async fn told(&mut self, key: &Key, firing: Firing) -> Result<Option<RunId>, Refusal> {
        let debounce = self.triggers.get(key).and_then(|trigger| trigger.plan.spec.debounce);
        let Some(debounce) = debounce else { return self.fire(key, firing).await.map(Some) };
        let pending = Pending { at: self.host.clock.now() + debounce, firing: Firing { reply: None, ..firing } };
        if let Some(older) = self.pending.insert(key.clone(), pending) {
            self.skip_told(key, &older.firing, "`debounce`: something newer took its place").await;
        }
        Ok(None)
    }

    /// Fires what nothing newer has come for.
    pub(super) async fn fire_pending(&mut self) {
        let now = self.host.clock.now();
        let due: Vec<_> =
            self.pending.iter().filter(|(_, pending)| pending.at <= now).map(|(key, _)| key.clone()).collect();
        for key in due {
            if let Some(pending) = self.pending.remove(&key) {
                self.fire_told(&key, pending.firing).await;
            }
        }
    }

    /// Writes down what will not be fired any more.
    pub(super) async fn drop_pending(&mut self) {
        for (key, pending) in std::mem::take(&mut self.pending) {
            self.skip_told(&key, &pending.firing, "tidegate ended before `debounce` was over").await;
        }
    }

    async fn skip_told(&mut self, key: &Key, firing: &Firing, why: &str) {
        if let Err(error) = self.skip(key, firing, why).await {
            self.complain(key, "a skipped run could not be written down", &error);
        }
    }

    /// Says to whoever watches on behalf of the triggers what they listen for now.
    pub(super) fn publish(&self) {
        let on = || self.triggers.iter().filter(|(_, trigger)| trigger.plan.off.is_none());
        let events = on().filter_map(|(_, trigger)| match &trigger.plan.spec.kind {
            Kind::Event { name } => Some(name.clone()),
            _ => None,
        });
        update(&self.boards.events, events.collect());
        let files = on().filter_map(|(key, trigger)| match &trigger.plan.spec.kind {
            Kind::File { pattern } => {
                let debounce = trigger.plan.spec.debounce.unwrap_or(DEBOUNCE);
                Some(Pattern { key: key.clone(), pattern: pattern.clone(), debounce })
            }
            _ => None,
        });
        update(&self.boards.files, files.collect());
        let hooks = self.triggers.iter().filter_map(|(key, trigger)| match &trigger.plan.spec.kind {
            Kind::Webhook { path } => {
                Some(Hook { script: key.script.clone(), trigger: key.trigger.clone(), path: path.clone() })
            }
            _ => None,
        });
        update(&self.boards.hooks, hooks.collect());
    }

    /// Whether a run that failed may count.
    pub(super) const fn is_failure(state: State) -> bool {
        matches!(state, State::Failed | State::TimedOut)
    }

    /// When the earliest of what waits is due.
    pub(super) fn next_pending(&self) -> Option<Time> {
        let later = self.later.values().map(|later| later.time);
        self.pending.values().map(|pending| pending.at).chain(later).min()
    }
}

/// Only a change wakes those who watch.
fn update<T: PartialEq>(board: &tokio::sync::watch::Sender<T>, value: T) {
    board.send_if_modified(|old| {
        let changed = *old != value;
        if changed {
            *old = value;
        }
        changed
    });
}

/// So often it is looked whether other processes have asked for something.
pub(super) const LOOK: Duration = Duration::from_seconds(60);
