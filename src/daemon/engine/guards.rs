//! What stands between a person's request and a run, said before it begins.

use super::{Engine, Key};
use crate::config::Mode;
use crate::daemon::doors::{Guard, Manner};
use crate::schedule::{Kind, Overlap};
use crate::time::Duration;
use crate::units::format_duration;

impl Engine {
    /// The guards of a trigger, those first that hold in any case. Whatever is not among them there is not.
    pub(super) fn guards(&self, key: &Key, manner: Manner) -> Vec<Guard> {
        let Some(trigger) = self.triggers.get(key) else { return Vec::new() };
        let (spec, now) = (&trigger.plan.spec, self.host.clock.now());
        let asked = manner == Manner::Guarded;
        let mut guards = Vec::new();
        let mut add = |name, applied, said: String| guards.push(Guard { name, applied, said });
        if let Kind::When { rule, .. } = &spec.kind {
            add("condition", true, format!("read first: nothing is called unless it changes sides ({rule})"));
        }
        let overlap = match spec.overlap {
            Overlap::Skip => "`skip`: it does not run while the last run is going",
            Overlap::Queue => "`queue`: it waits for the runs before it",
            Overlap::Parallel => "`parallel`: it runs beside others",
            Overlap::Restart => "`restart`: it ends the run that is going",
        };
        add("overlap", true, overlap.into());
        add("permissions", true, "those of the script, as for a run that is due".into());
        let mode = match self.mode(&key.script, spec.dry) {
            Mode::Watch => "a dry run: what would change something is only recorded",
            Mode::Live => "live",
        };
        add("mode", true, mode.into());
        if let Some(why) = &trigger.plan.off {
            add("off", asked, format!("the trigger is off: {why}"));
        }
        if !spec.between.is_empty() {
            add("between", asked, spec.outside(now).unwrap_or_else(|| "inside of it".into()));
        }
        if let Some(throttle) = spec.throttle {
            let left = trigger.began.map_or(Duration::ZERO, |began| began + throttle - now);
            let said = if left > Duration::ZERO {
                format!("not again for {}", format_duration(left))
            } else {
                "long enough ago".into()
            };
            add("throttle", asked, said);
        }
        if spec.debounce.is_some() {
            add("debounce", false, "it does not wait for what else may come".into());
        }
        guards
    }
}
