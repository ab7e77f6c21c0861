//! What the daemon remembers of a trigger over restarts, and the switch that failures in a row turn.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Engine, Key, Trigger};
use crate::daemon::doors::Refusal;
use crate::error::{Error, Result};
use crate::journal::Level;
use crate::ledger::{Filter, State};
use crate::run::Outcome;
use crate::schedule::{Kind, Once, TriggerSpec};
use crate::script::Returned;
use crate::store::OWN;
use crate::text::count;
use crate::time::Time;

/// Kept in the store under the trigger's name.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(super) struct Memory {
    /// Its schedule, in words: another schedule is seen for the first time.
    schedule: String,
    /// When that schedule was first seen, in milliseconds. Due times since then are its business.
    since: i64,
    /// What a time of day meant when it was first seen.
    at: Option<i64>,
    /// In a row.
    #[serde(default)]
    failures: u32,
    #[serde(default)]
    off: Option<Off>,
    /// It was off; the first success is worth a message.
    #[serde(default)]
    recovering: bool,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Off {
    why: String,
    by_hand: bool,
    /// In milliseconds.
    #[serde(default)]
    since: i64,
    /// Of the script, whose next version may do better.
    version: String,
}

impl Memory {
    fn new(spec: &TriggerSpec, now: Time) -> Self {
        let at = match &spec.kind {
            Kind::At(once) => Some(once.time.millis()),
            _ => None,
        };
        Self { schedule: schedule(spec), since: now.millis(), at, ..Self::default() }
    }

    /// For a trigger as it is registered now; `self` is what was known of the one before.
    fn follow(mut self, spec: &mut TriggerSpec, version: &str, now: Time) -> Self {
        if self.schedule != schedule(spec) {
            let Self { failures, off, recovering, .. } = self;
            self = Self { failures, off, recovering, ..Self::new(spec, now) };
        }
        if let (Kind::At(once), Some(at)) = (&spec.kind, self.at) {
            spec.kind = Kind::At(Once { time: Time::from_millis(at), expression: once.expression.clone() });
        }
        if self.off.take_if(|off| !off.by_hand && off.version != version).is_some() {
            (self.failures, self.recovering) = (0, true);
        }
        self
    }

    /// The clock showed a time that could not be when this began.
    pub fn begin_at(&mut self, now: Time) {
        self.since = now.millis();
    }

    pub fn off(&self) -> Option<&str> {
        self.off.as_ref().map(|off| off.why.as_str())
    }
}

fn schedule(spec: &TriggerSpec) -> String {
    let expression = spec.kind.expression().unwrap_or_default();
    format!("{} {expression} {}", spec.kind.word(), spec.zone.name())
}

/// What is known of a trigger when a version of its script is installed.
pub(super) struct Met {
    pub memory: Memory,
    /// Up to when its due times have been dealt with.
    pub after: Time,
    /// How its last run ended, and when.
    pub last: Option<(State, Option<Time>)>,
    /// When that began.
    pub began: Option<Time>,
    /// The memory has changed and is to be kept.
    pub news: bool,
}

impl Engine {
    /// Recognises a trigger, from the version before or from an earlier daemon. Before this daemon is ready,
    /// what was due while nobody was there still counts; a script that comes later begins now.
    pub(super) async fn meet(
        &self,
        key: &Key,
        spec: &mut TriggerSpec,
        version: &str,
        before: Option<&Trigger>,
        now: Time,
    ) -> Met {
        if let Some(before) = before {
            let memory = before.memory.clone().follow(spec, version, now);
            let news = memory != before.memory;
            return Met { memory, after: now, last: before.last, began: before.began, news };
        }
        let ledger = &self.host.ledger;
        let filter = Filter {
            script: Some(key.script.clone()),
            trigger: Some(key.trigger.clone()),
            n: Some(1),
            ..Filter::default()
        };
        let read = async {
            let scheduled = ledger.last_scheduled(&key.script, &key.trigger).await?;
            let kept = self.host.store.get(OWN, &place(key)).await?;
            let entry = ledger.list(&filter).await?.pop();
            let began = match spec.throttle {
                Some(_) => ledger.last_began(&key.script, &key.trigger).await?,
                None => None,
            };
            Ok::<_, Error>((scheduled, kept, entry, began))
        };
        let (scheduled, kept, entry, began) = match read.await {
            Ok(known) => known,
            Err(error) => {
                self.complain(key, "the run history cannot be read", &error);
                (None, None, None, None)
            }
        };
        let kept: Option<Memory> = kept.and_then(|kept| serde_json::from_value(kept).ok());
        let memory = match kept.clone() {
            Some(kept) => kept.follow(spec, version, now),
            None => Memory::new(spec, now),
        };
        // A schedule that was another one meanwhile has nothing to make up for.
        let same = kept.as_ref().is_none_or(|kept| kept.since == memory.since);
        let since = kept.as_ref().map(|_| Time::from_millis(memory.since));
        let seen = [scheduled, since].into_iter().flatten().max();
        let catches_up = self.ready.is_none() && same && !matches!(spec.kind, Kind::Schedule(_));
        Met {
            after: seen.filter(|_| catches_up).map_or(now, |seen| seen.min(now)),
            last: entry.as_ref().map(|entry| (entry.state, entry.ended)),
            began,
            news: kept.as_ref() != Some(&memory),
            memory,
        }
    }

    /// Up to when the history says that due times have been dealt with.
    pub(super) async fn dealt_with(&self, key: &Key, now: Time) -> Time {
        match self.host.ledger.last_scheduled(&key.script, &key.trigger).await {
            Ok(scheduled) => scheduled.map_or(now, |scheduled| scheduled.min(now)),
            Err(error) => {
                self.complain(key, "the run history cannot be read", &error);
                now
            }
        }
    }

    /// Keeps what is new of several triggers, and forgets those that are gone, in one write.
    pub(super) async fn keep(&self, news: Vec<(Key, Option<Memory>)>) {
        let writes: Vec<_> =
            news.iter().map(|(key, memory)| (place(key), memory.as_ref().map(|memory| json!(memory)))).collect();
        if writes.is_empty() {
            return;
        }
        if let Err(error) = self.host.store.commit(OWN, Vec::new(), writes).await
            && let Some((key, _)) = news.first()
        {
            self.complain(key, "what is known of a trigger could not be kept", &error);
        }
    }

    async fn keep_one(&self, key: &Key) {
        if let Some(trigger) = self.triggers.get(key) {
            self.keep(vec![(key.clone(), Some(trigger.memory.clone()))]).await;
        }
    }

    /// Counts failures in a row: too many switch the trigger off, a success switches it on again.
    pub(super) async fn count(&mut self, key: &Key, outcome: &Outcome) {
        let most = self.host.config.limits.failures;
        let Some(trigger) = self.triggers.get_mut(key) else { return };
        let version = trigger.script.version.clone();
        if outcome.state == State::Ok {
            let was_off = trigger.memory.off.as_ref().is_some_and(|off| !off.by_hand);
            let recovered = was_off || trigger.memory.recovering;
            if !recovered && trigger.memory.failures == 0 {
                return;
            }
            trigger.memory.failures = 0;
            if recovered {
                trigger.memory.recovering = false;
                if was_off {
                    self.switch_on(key);
                }
                self.tell(key, Level::Info, "trigger_on", "works again");
                self.tell_on(key);
            }
            return self.keep_one(key).await;
        }
        if !Self::is_failure(outcome.state) {
            return;
        }
        trigger.memory.failures = trigger.memory.failures.saturating_add(1);
        let failures = trigger.memory.failures;
        let already = trigger.plan.off.is_some();
        if most == 0 || failures < most || already {
            return self.keep_one(key).await;
        }
        let why = format!("{} in a row", count(failures as usize, "failure"));
        let since = outcome.ended.millis();
        trigger.memory.off = Some(Off { why: why.clone(), by_hand: false, since, version });
        trigger.plan.halt(&why);
        self.keep_one(key).await;
        self.publish();
        let last = outcome.error.as_ref().map(ToString::to_string).unwrap_or_default();
        self.tell_off(key, &format!("{why}; the last one: {last}"));
        let data = json!({
            "script": key.script, "trigger": key.trigger, "failures": failures, "message": last,
        });
        self.announce_event("trigger.off", data).await;
    }

    /// A run by hand in another process switches a trigger on like any other.
    pub(super) async fn look_at_manual_runs(&mut self) {
        let off = |trigger: &Trigger| trigger.memory.off.as_ref().filter(|off| !off.by_hand).map(|off| off.since);
        let off: Vec<_> =
            self.triggers.iter().filter_map(|(key, trigger)| Some((key.clone(), off(trigger)?))).collect();
        for (key, since) in off {
            let filter = Filter {
                script: Some(key.script.clone()),
                trigger: Some(key.trigger.clone()),
                state: Some(State::Ok),
                n: Some(1),
                ..Filter::default()
            };
            let Ok(Some(entry)) = self.host.ledger.list(&filter).await.map(|mut rows| rows.pop()) else { continue };
            let Some(ended) = entry.ended.filter(|ended| ended.millis() > since) else { continue };
            let outcome =
                Outcome { state: State::Ok, error: None, returned: Returned::default(), changed: entry.changed, ended };
            self.count(&key, &outcome).await;
        }
    }

    fn switch_on(&mut self, key: &Key) {
        let now = self.host.clock.now();
        if let Some(trigger) = self.triggers.get_mut(key) {
            trigger.memory.off = None;
            trigger.plan.resume(now);
        }
        self.publish();
    }

    /// Switches a trigger off until somebody switches it on.
    pub(super) async fn off(&mut self, key: &Key) -> Result<(), Refusal> {
        let trigger = self.triggers.get_mut(key).ok_or(Refusal::Unknown)?;
        let why = "switched off by hand";
        let (since, version) = (self.host.clock.now().millis(), trigger.script.version.clone());
        trigger.memory.off = Some(Off { why: why.into(), by_hand: true, since, version });
        trigger.plan.halt(why);
        self.keep_one(key).await;
        self.publish();
        self.tell(key, Level::Info, "trigger_off", why);
        Ok(())
    }

    /// Switches a trigger on, whoever switched it off.
    pub(super) async fn on(&mut self, key: &Key) -> Result<(), Refusal> {
        let trigger = self.triggers.get_mut(key).ok_or(Refusal::Unknown)?;
        let by_failures = trigger.memory.off.as_ref().is_some_and(|off| !off.by_hand);
        trigger.memory.failures = 0;
        trigger.memory.recovering |= by_failures;
        self.switch_on(key);
        self.keep_one(key).await;
        if let Some(why) = self.triggers.get(key).and_then(|trigger| trigger.plan.off.clone()) {
            return Err(Refusal::Off(why));
        }
        self.tell(key, Level::Info, "trigger_on", "switched on by hand");
        self.tell_on(key);
        self.fire_start().await;
        Ok(())
    }
}

fn place(key: &Key) -> String {
    format!("trigger/{}/{}", key.script, key.trigger)
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::schedule::Cron;

    const NOW: Time = Time::from_seconds(1_783_065_600);

    fn at(expression: &str, time: Time) -> TriggerSpec {
        TriggerSpec::new("once", Kind::At(Once { time, expression: expression.into() }), Tz::UTC)
    }

    #[test]
    fn a_time_of_day_means_what_it_meant_first() {
        let tomorrow = NOW + crate::time::Duration::from_seconds(86_400);
        let memory = Memory::new(&at("08:00", NOW), NOW);
        let mut again = at("08:00", tomorrow);
        let memory = memory.follow(&mut again, "v2", tomorrow);
        assert!(matches!(&again.kind, Kind::At(once) if once.time == NOW));
        let mut other = at("09:00", tomorrow);
        memory.follow(&mut other, "v3", tomorrow);
        assert!(matches!(&other.kind, Kind::At(once) if once.time == tomorrow), "another time is armed anew");
    }

    #[test]
    fn a_new_version_forgives_failures_and_not_a_persons_wish() {
        let cron = Cron::parse("0 * * * *", Tz::UTC, NOW).unwrap();
        let mut spec = TriggerSpec::new("tick", Kind::Cron(cron), Tz::UTC);
        let off = |by_hand| Some(Off { why: "why".into(), by_hand, since: 0, version: "v1".into() });
        let memory = |by_hand| Memory { off: off(by_hand), failures: 10, ..Memory::new(&spec, NOW) };
        let (failed, wished) = (memory(false), memory(true));
        assert_eq!(failed.clone().follow(&mut spec, "v1", NOW), failed, "the same version stays off");
        let forgiven = failed.follow(&mut spec, "v2", NOW);
        assert_eq!((forgiven.off(), forgiven.failures, forgiven.recovering), (None, 0, true));
        assert_eq!(wished.clone().follow(&mut spec, "v2", NOW), wished);
    }

    #[test]
    fn what_an_older_version_kept_is_read() {
        let value = json!({"schedule": "cron 0 * * * * UTC", "since": 5, "at": null});
        let memory: Memory = serde_json::from_value(value).unwrap();
        assert_eq!((memory.since, memory.failures, memory.off), (5, 0, None));
    }
}
