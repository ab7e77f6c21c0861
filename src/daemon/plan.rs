//! When one trigger is due next, and what becomes of the due times that have passed.

use super::missed::{self, Verdict};
use crate::schedule::{Kind, TriggerSpec};
use crate::time::{Duration, Time};

/// A due time to come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Next {
    pub due: Time,
    /// With the trigger's own delay.
    pub at: Time,
}

/// See [`Plan::position`].
pub(super) struct Position {
    after: Time,
    next: Option<Next>,
    off: Option<String>,
}

/// The due times of one trigger.
pub(super) struct Plan {
    pub spec: TriggerSpec,
    /// Whatever was due up to here has been dealt with. It moves when due times are looked at, whether
    /// or not they lead to a run, so that no failure can end a schedule.
    after: Time,
    pub next: Option<Next>,
    /// Why it does not fire.
    pub off: Option<String>,
}

/// Why a trigger is off that its script has switched off.
pub(super) const NOT_ENABLED: &str = "`enabled` is false in the script";

impl Plan {
    /// Due times up to `after` are not its business.
    pub fn new(spec: TriggerSpec, after: Time) -> Self {
        let off = (!spec.enabled).then(|| NOT_ENABLED.to_owned());
        let mut plan = Self { spec, after, next: None, off };
        plan.find_next();
        plan
    }

    /// Takes over from the version before: what is on its way stays so unless the schedule is another one.
    pub fn follow(&mut self, old: &Self) {
        if self.off.is_none() && self.spec.kind.same_times(&old.spec.kind) && old.spec.enabled {
            (self.after, self.next) = (old.after, old.next);
            self.off.clone_from(&old.off);
        }
    }

    /// The due times that have passed by `now`, and what becomes of them. The third part says whether
    /// there were more than are listed.
    pub fn pass(&mut self, now: Time) -> (Verdict, bool) {
        let passed = missed::passed(|after| self.spec.next(after), self.after, now, self.spec.missed);
        let next = |after| self.spec.next(after);
        let verdict = missed::decide(next, &passed.times, now, self.spec.missed, self.spec.jitter);
        self.after = passed.times.last().copied().unwrap_or(self.after);
        self.find_next();
        (verdict, passed.more)
    }

    /// Where it stands, to come back to.
    pub fn position(&self) -> Position {
        Position { after: self.after, next: self.next, off: self.off.clone() }
    }

    /// What has passed since then was not dealt with after all.
    pub fn return_to(&mut self, position: Position) {
        (self.after, self.next, self.off) = (position.after, position.next, position.off);
    }

    /// Due times up to `after` are not its business, whatever was planned before.
    pub fn begin_at(&mut self, after: Time) {
        self.after = after;
        self.find_next();
    }

    /// Starts again from `now`, because the clock was set back behind what was planned.
    pub fn rewind(&mut self, now: Time) {
        self.after = self.after.min(now);
        self.find_next();
    }

    /// Fires no more, until [`Self::resume`].
    pub fn halt(&mut self, why: &str) {
        self.off = Some(why.to_owned());
        self.next = None;
    }

    /// Fires again from `now` on, unless the script itself says otherwise.
    pub fn resume(&mut self, now: Time) {
        if self.spec.enabled {
            self.off = None;
            self.after = now;
            self.find_next();
        }
    }

    /// Finds the next due time. A schedule that does not go forward would fire for ever.
    fn find_next(&mut self) {
        self.next = None;
        if self.off.is_some() || !self.spec.kind.has_times() {
            return;
        }
        match self.spec.next(self.after) {
            Some(due) if due > self.after => self.next = Some(Next { due, at: self.delay(due) }),
            Some(due) => self.off = Some(format!("its schedule does not go forward: after {} comes {due}", self.after)),
            // Once is once, and what holds may hold for ever.
            None if matches!(self.spec.kind, Kind::At(_) | Kind::Schedule(_)) => {}
            None => self.off = Some("its schedule has no further due time".to_owned()),
        }
    }

    /// Adds the trigger's own delay; never so much that the next due time is overtaken.
    fn delay(&self, due: Time) -> Time {
        if self.spec.jitter <= Duration::ZERO {
            return due;
        }
        let room = self.spec.next(due).map_or(self.spec.jitter, |next| next - due - Duration::from_millis(1));
        due + self.spec.jitter.min(room).max(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Once;

    const START: Time = Time::from_seconds(1_783_065_600);

    fn minutes(n: i64) -> Duration {
        Duration::from_seconds(60 * n)
    }

    fn every(interval: Duration) -> TriggerSpec {
        TriggerSpec::new("tick", Kind::Every { interval, phase: Duration::ZERO }, chrono_tz::Tz::UTC)
    }

    fn due(plan: &Plan) -> Option<Time> {
        plan.next.map(|next| next.due)
    }

    #[test]
    fn a_plan_goes_on_from_what_has_passed() {
        let mut plan = Plan::new(every(minutes(5)), START);
        assert_eq!(due(&plan), Some(START + minutes(5)));
        let (verdict, more) = plan.pass(START + minutes(5));
        assert_eq!((verdict.run, verdict.missed.len(), more), (vec![START + minutes(5)], 0, false));
        assert_eq!(due(&plan), Some(START + minutes(10)));
        let (verdict, _) = plan.pass(START + minutes(21));
        assert_eq!((verdict.run, verdict.missed.len()), (vec![START + minutes(20)], 2));
        assert_eq!(due(&plan), Some(START + minutes(25)));
    }

    #[test]
    fn a_new_version_keeps_what_is_on_its_way() {
        let old = Plan::new(TriggerSpec { jitter: minutes(3), ..every(minutes(5)) }, START);
        let mut same = Plan::new(every(minutes(5)), START + minutes(7));
        same.follow(&old);
        assert_eq!(same.next, old.next, "even though it is due already");
        let mut other = Plan::new(every(minutes(10)), START + minutes(7));
        other.follow(&old);
        assert_eq!(due(&other), Some(START + minutes(10)));
        let mut off = Plan::new(TriggerSpec { enabled: false, ..every(minutes(5)) }, START);
        off.follow(&old);
        assert_eq!((due(&off), off.off.is_some()), (None, true));
        let mut on = Plan::new(every(minutes(5)), START);
        on.follow(&off);
        assert_eq!((due(&on), on.off), (Some(START + minutes(5)), None));
    }

    #[test]
    fn a_clock_that_was_set_back_starts_again_from_there() {
        let mut plan = Plan::new(every(minutes(60)), START + minutes(24 * 60));
        plan.rewind(START);
        assert_eq!(due(&plan), Some(START + minutes(60)));
        plan.rewind(START + minutes(30));
        assert_eq!(due(&plan), Some(START + minutes(60)), "forwards it does nothing");
    }

    #[test]
    fn a_delay_is_the_same_each_time_and_stays_before_the_next_due_time() {
        let at = |jitter| {
            let plan = Plan::new(TriggerSpec { jitter: minutes(jitter), ..every(minutes(5)) }, START);
            plan.next.unwrap().at
        };
        assert_eq!(at(3), START + minutes(8));
        assert_eq!(at(60), START + minutes(10) - Duration::from_millis(1));
    }

    #[test]
    fn what_is_halted_goes_on_from_where_it_is_resumed() {
        let mut plan = Plan::new(every(minutes(5)), START);
        plan.halt("ten failures in a row");
        assert_eq!((due(&plan), plan.off.as_deref()), (None, Some("ten failures in a row")));
        plan.resume(START + minutes(21));
        assert_eq!((due(&plan), plan.off.as_deref()), (Some(START + minutes(25)), None));
        let mut disabled = Plan::new(TriggerSpec { enabled: false, ..every(minutes(5)) }, START);
        disabled.resume(START);
        assert!(disabled.off.is_some(), "the script itself says so");
    }

    #[test]
    fn what_has_no_due_time_any_more_says_so() {
        let once = crate::schedule::Cron::parse("0 0 8 1 1 * 2027", chrono_tz::Tz::UTC, START).unwrap();
        let mut plan = Plan::new(TriggerSpec { kind: Kind::Cron(once), ..every(minutes(1)) }, START);
        let due = due(&plan).unwrap();
        assert_eq!(plan.pass(due).0.run, [due]);
        assert!(plan.next.is_none() && plan.off.is_some());
        let once = Kind::At(Once { time: START + minutes(3), expression: "08:03".into() });
        let mut plan = Plan::new(TriggerSpec { kind: once, ..every(minutes(1)) }, START);
        assert_eq!(plan.pass(START + minutes(3)).0.run, [START + minutes(3)]);
        assert!(plan.next.is_none() && plan.off.is_none(), "once is once");
        let start = Plan::new(TriggerSpec { kind: Kind::Start, ..every(minutes(1)) }, START);
        assert!(start.next.is_none() && start.off.is_none());
    }
}
