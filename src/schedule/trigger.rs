//! What makes a trigger fire, and what happens when it cannot.

use chrono_tz::Tz;
use sha2::{Digest as _, Sha256};

use super::between::{Between, time_of_day};
use super::{Cron, Timetable};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::text;
use crate::time::{Duration, Time};
use crate::units::format_duration;

/// The longest time that a due time of `schedule` may be late: what holds now must hold, however late.
pub const ALWAYS: Duration = Duration::from_seconds(100 * 366 * 86_400);

/// The shortest interval of `every`.
pub const MINIMUM: Duration = Duration::from_millis(100);

/// What makes a trigger fire.
#[derive(Clone, Debug)]
pub enum Kind {
    Cron(Cron),
    /// Aligned to the epoch plus `phase`, so that saving a file does not restart it.
    Every {
        interval: Duration,
        phase: Duration,
    },
    /// A condition read every `interval`, with memory.
    When {
        interval: Duration,
        phase: Duration,
        rule: Rule,
    },
    /// At one point in time.
    At(Once),
    /// What holds now, by the time of day, the weekday and so on.
    Schedule(Timetable),
    /// Once, when the daemon is ready or the script is loaded for the first time since.
    Start,
    /// When the daemon ends in good order.
    Stop,
    /// When a run of another trigger has failed.
    Failure,
    /// A request to the daemon's own server.
    Webhook {
        /// With a slash in front.
        path: String,
    },
    /// Changes of files.
    File {
        /// An absolute path, `*` and `**` in it.
        pattern: String,
    },
    /// Something that happened, by its name.
    Event {
        name: String,
    },
}

impl Kind {
    /// As `check` and `status` call it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Cron(_) => "cron",
            Self::Every { .. } => "every",
            Self::When { .. } => "when",
            Self::At(_) => "at",
            Self::Schedule(_) => "schedule",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Failure => "failure",
            Self::Webhook { .. } => "webhook",
            Self::File { .. } => "file",
            Self::Event { .. } => "event",
        }
    }

    /// What makes it fire, as it was written; `None` where the word says it all.
    pub fn expression(&self) -> Option<String> {
        match self {
            Self::Cron(cron) => Some(cron.expression.clone()),
            Self::Every { interval, .. } | Self::When { interval, .. } => {
                Some(format!("every {}", format_duration(*interval)))
            }
            Self::At(once) => Some(once.expression.clone()),
            Self::Schedule(table) => {
                let entries: Vec<_> = table.entries.iter().map(|entry| entry.expression.as_str()).collect();
                Some(entries.join("; "))
            }
            Self::Webhook { path } => Some(path.clone()),
            Self::File { pattern } => Some(pattern.clone()),
            Self::Event { name } => Some(name.clone()),
            Self::Start | Self::Stop | Self::Failure => None,
        }
    }

    /// Whether it is due at times that are known beforehand.
    pub const fn has_times(&self) -> bool {
        matches!(self, Self::Cron(_) | Self::Every { .. } | Self::When { .. } | Self::At(_) | Self::Schedule(_))
    }

    /// Whether two triggers are due at the same times.
    pub fn same_times(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Cron(a), Self::Cron(b)) => same(a, b),
            (Self::Every { interval, phase }, Self::Every { interval: i, phase: p })
            | (Self::When { interval, phase, .. }, Self::When { interval: i, phase: p, .. }) => {
                (interval, phase) == (i, p)
            }
            (Self::At(a), Self::At(b)) => a == b,
            (Self::Schedule(a), Self::Schedule(b)) => {
                a.entries.len() == b.entries.len() && a.entries.iter().zip(&b.entries).all(|(a, b)| same(a, b))
            }
            _ => false,
        }
    }
}

fn same(a: &Cron, b: &Cron) -> bool {
    a.expression == b.expression && a.zone == b.zone
}

/// One point in time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Once {
    pub time: Time,
    /// As it was written. What was written the same way is the same time, also where `08:00` would be
    /// tomorrow's by now.
    pub expression: String,
}

impl Once {
    /// A date and time, or a time of day, which is the next one after `now`.
    ///
    /// # Errors
    /// `argument` for anything else.
    pub fn parse(text: &str, zone: Tz, now: Time) -> Result<Self> {
        let expression = text.trim().to_owned();
        let time = match time_of_day(&expression, false) {
            Some(minutes) => {
                let clock = chrono::NaiveTime::from_hms_opt(minutes / 60, minutes % 60, 0);
                let days = (0..3).filter_map(|n| {
                    let date = now.in_zone(zone).date_naive() + chrono::Days::new(n);
                    Time::from_local(date.and_time(clock?), zone)
                });
                days.filter(|time| *time > now).min()
            }
            None => Time::parse(&expression, zone),
        };
        let time = time.ok_or_else(|| {
            Error::new(ErrorKind::Argument, format!("`{expression}` is not a time"))
                .hint("write `\"2026-07-03 08:00\"`, `\"08:00\"` for the next one, or RFC 3339")
        })?;
        Ok(Self { time, expression })
    }
}

/// The edge rule of a `when` trigger.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// The closure gives a bool.
    Bool,
    /// Inside at `value > above`, outside again at `value < rearm`; where both are one, wherever it is not inside.
    Above { above: f64, rearm: f64 },
    /// Inside at `value < below`, outside again at `value > rearm`; where both are one, wherever it is not inside.
    Below { below: f64, rearm: f64 },
}

impl Rule {
    /// Whether the condition holds now, given whether it held before; `None` before the first reading.
    /// A bool is read as 0 or 1. What is not a number changes nothing.
    pub fn inside(self, before: Option<bool>, value: f64) -> bool {
        let was_inside = before == Some(true);
        match self {
            _ if value.is_nan() => was_inside,
            Self::Bool => value != 0.0,
            Self::Above { above, rearm } if was_inside && rearm < above => value >= rearm,
            Self::Above { above, .. } => value > above,
            Self::Below { below, rearm } if was_inside && rearm > below => value <= rearm,
            Self::Below { below, .. } => value < below,
        }
    }
}

/// When it is inside, and when outside again.
#[expect(clippy::float_cmp, reason = "both are what the script wrote, not computed")]
impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Bool => f.write_str("true"),
            Self::Above { above, rearm } if above == rearm => write!(f, "above {above}"),
            Self::Above { above, rearm } => write!(f, "above {above}, over again below {rearm}"),
            Self::Below { below, rearm } if below == rearm => write!(f, "below {below}"),
            Self::Below { below, rearm } => write!(f, "below {below}, over again above {rearm}"),
        }
    }
}

/// What to do when the last run is still going.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Overlap {
    #[default]
    Skip,
    Queue,
    Parallel,
    Restart,
}

impl Overlap {
    pub(crate) const ALL: [(&str, Self); 4] =
        [("skip", Self::Skip), ("queue", Self::Queue), ("parallel", Self::Parallel), ("restart", Self::Restart)];

    /// # Errors
    /// `argument` with the words that there are.
    pub fn parse(text: &str) -> Result<Self> {
        choose("overlap", text, &Self::ALL)
    }
}

/// What becomes of a run when another version of its script takes over.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OnReload {
    /// It ends on the version that it began with.
    #[default]
    Finish,
    Cancel,
}

impl OnReload {
    pub(crate) const ALL: [(&str, Self); 2] = [("finish", Self::Finish), ("cancel", Self::Cancel)];

    /// # Errors
    /// `argument` with the words that there are.
    pub fn parse(text: &str) -> Result<Self> {
        choose("on_reload", text, &Self::ALL)
    }
}

/// What to do about due times that passed while nobody was there.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum MissedMode {
    #[default]
    Last,
    Skip,
    All,
}

impl MissedMode {
    pub(crate) const ALL: [(&str, Self); 3] = [("last", Self::Last), ("skip", Self::Skip), ("all", Self::All)];

    /// # Errors
    /// `argument` with the words that there are.
    pub fn parse(text: &str) -> Result<Self> {
        choose("missed", text, &Self::ALL)
    }
}

fn choose<T: Copy>(option: &str, word: &str, all: &[(&str, T)]) -> Result<T> {
    all.iter().find(|(name, _)| *name == word).map(|(_, value)| *value).ok_or_else(|| {
        let names = all.iter().map(|(name, _)| *name);
        let hint = format!("it is {}", text::list(names, "or"));
        Error::new(ErrorKind::Argument, format!("`{word}` is not a value of `{option}`")).hint(hint)
    })
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Missed {
    pub mode: MissedMode,
    /// How long ago at most; `None` is half the interval, twelve hours at most.
    pub window: Option<Duration>,
    /// How many at most, for [`MissedMode::All`].
    pub limit: usize,
}

impl Missed {
    /// `"last"`, `"skip"` or `"all"`, with the default window and limit.
    ///
    /// # Errors
    /// `argument` with the words that there are.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(Self { mode: MissedMode::parse(text)?, ..Self::default() })
    }
}

impl Default for Missed {
    fn default() -> Self {
        Self { mode: MissedMode::Last, window: None, limit: 100 }
    }
}

/// A trigger as registered, without its handler.
#[derive(Clone, Debug)]
pub struct TriggerSpec {
    pub name: String,
    pub kind: Kind,
    /// Of its expression, and of `between`.
    pub zone: Tz,
    pub overlap: Overlap,
    pub missed: Missed,
    pub timeout: Option<Duration>,
    /// Attempts after the first, and the wait before the next one.
    pub retry: (u32, Duration),
    /// So much later than due it runs: always the same for the same name.
    pub jitter: Duration,
    /// Only inside one of these it runs; empty for always.
    pub between: Vec<Between>,
    /// At most once in that time.
    pub throttle: Option<Duration>,
    /// Quiet for that long, before what happened counts.
    pub debounce: Option<Duration>,
    /// Whether this trigger runs dry whatever holds for its script.
    pub dry: bool,
    pub enabled: bool,
    pub on_reload: OnReload,
    /// Where it was registered, counted from 1.
    pub line: usize,
    pub column: usize,
}

impl TriggerSpec {
    /// With the defaults of its kind: what carries data waits its turn, everything else is skipped while
    /// the last run is still going.
    pub fn new(name: impl Into<String>, kind: Kind, zone: Tz) -> Self {
        let carries = matches!(kind, Kind::Failure | Kind::Webhook { .. } | Kind::File { .. } | Kind::Event { .. });
        let missed = match kind {
            Kind::Schedule(_) => Missed { window: Some(ALWAYS), ..Missed::default() },
            _ => Missed::default(),
        };
        Self {
            name: name.into(),
            kind,
            zone,
            overlap: if carries { Overlap::Queue } else { Overlap::Skip },
            missed,
            timeout: None,
            retry: (0, RETRY_WAIT),
            jitter: Duration::ZERO,
            between: Vec::new(),
            throttle: None,
            debounce: None,
            dry: false,
            enabled: true,
            on_reload: OnReload::Finish,
            line: 1,
            column: 1,
        }
    }

    /// The first due time after `after`; `None` for what does not go by time.
    pub fn next(&self, after: Time) -> Option<Time> {
        match &self.kind {
            Kind::Cron(cron) => cron.next(after),
            Kind::Every { interval, phase } | Kind::When { interval, phase, .. } => {
                Some(aligned(*interval, *phase, after))
            }
            Kind::At(once) => (once.time > after).then_some(once.time),
            Kind::Schedule(table) => table.next(after),
            _ => None,
        }
    }

    /// Why it does not run at `at`: outside the hours that it may.
    pub fn outside(&self, at: Time) -> Option<String> {
        let inside = self.between.is_empty() || self.between.iter().any(|between| between.holds(at, self.zone));
        (!inside).then(|| {
            let hours: Vec<_> = self.between.iter().map(ToString::to_string).collect();
            format!("outside of {}", hours.join(" and "))
        })
    }
}

/// In front of the keys of what scripts have asked to fire later, in the state store.
pub const LATER: &str = "later/";

/// Before the second attempt, where nothing else is said.
pub const RETRY_WAIT: Duration = Duration::from_seconds(10);

/// Checks the interval of `every` and of `when`.
///
/// # Errors
/// `argument` where it is shorter than [`MINIMUM`].
pub fn interval(interval: Duration) -> Result<Duration> {
    let wrong =
        |message: String| Err(Error::new(ErrorKind::Argument, message).hint("write `\"90s\"`, `\"5m\"` or `\"6h\"`"));
    if interval <= Duration::ZERO {
        wrong(format!("an interval of `{}` never advances", format_duration(interval)))
    } else if interval < MINIMUM {
        let (given, least) = (format_duration(interval), format_duration(MINIMUM));
        wrong(format!(
            "an interval of `{given}` is shorter than {least}, which would keep the machine busy for nothing"
        ))
    } else {
        Ok(interval)
    }
}

/// Where in its interval a trigger fires: always the same for the same name, spread over names, so
/// that what has the same interval does not all start at once.
pub fn phase(name: &str, interval: Duration) -> Duration {
    let mut head = [0; 8];
    head.copy_from_slice(&Sha256::digest(name.as_bytes())[..8]);
    let interval = u64::try_from(interval.millis()).unwrap_or(0).max(1);
    Duration::from_millis(i64::try_from(u64::from_be_bytes(head) % interval).unwrap_or(0))
}

/// The first time after `after` that lies a whole number of intervals after the epoch plus `phase`.
pub(super) fn aligned(interval: Duration, phase: Duration, after: Time) -> Time {
    let (interval, phase) = (interval.millis().max(1), phase.millis());
    let turns = after.millis().saturating_sub(phase).div_euclid(interval).saturating_add(1);
    Time::from_millis(turns.saturating_mul(interval).saturating_add(phase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn above_enters_over_the_limit_and_leaves_under_the_other_one() {
        let rule = Rule::Above { above: 90.0, rearm: 85.0 };
        let readings =
            [(80.0, false), (90.0, false), (90.1, true), (86.0, true), (85.0, true), (84.9, false), (89.0, false)];
        let mut before = None;
        for (value, inside) in readings {
            assert_eq!(rule.inside(before, value), inside, "{value} after {before:?}");
            before = Some(inside);
        }
    }

    #[test]
    fn below_is_the_mirror_image() {
        let rule = Rule::Below { below: 10.0, rearm: 20.0 };
        let readings = [(10.0, false), (9.0, true), (15.0, true), (20.0, true), (20.1, false), (15.0, false)];
        let mut before = None;
        for (value, inside) in readings {
            assert_eq!(rule.inside(before, value), inside, "{value} after {before:?}");
            before = Some(inside);
        }
    }

    #[test]
    fn with_one_limit_what_is_not_inside_is_outside() {
        let rule = Rule::Above { above: 0.0, rearm: 0.0 };
        assert!(rule.inside(Some(true), 1.0) && !rule.inside(Some(true), 0.0));
        let rule = Rule::Below { below: 3.0, rearm: 3.0 };
        assert!(rule.inside(Some(true), 2.0) && !rule.inside(Some(true), 3.0));
    }

    #[test]
    fn what_is_not_a_number_changes_nothing() {
        for rule in [Rule::Bool, Rule::Above { above: 1.0, rearm: 1.0 }, Rule::Below { below: 1.0, rearm: 1.0 }] {
            for before in [None, Some(false), Some(true)] {
                assert_eq!(rule.inside(before, f64::NAN), before == Some(true));
            }
        }
        assert!(Rule::Bool.inside(Some(false), 1.0) && !Rule::Bool.inside(Some(true), 0.0));
    }

    #[test]
    fn intervals_count_from_the_epoch_and_the_phase() {
        let (minute, phase) = (Duration::from_seconds(60), Duration::from_seconds(7));
        assert_eq!(aligned(minute, phase, Time::from_seconds(0)), Time::from_seconds(7));
        assert_eq!(aligned(minute, phase, Time::from_seconds(7)), Time::from_seconds(67), "strictly after");
        assert_eq!(aligned(minute, phase, Time::from_millis(66_999)), Time::from_seconds(67));
        assert_eq!(aligned(minute, phase, Time::from_seconds(-54)), Time::from_seconds(-53));
        assert_eq!(aligned(minute, Duration::ZERO, Time::from_millis(-1)), Time::from_seconds(0));
    }

    #[test]
    fn a_phase_belongs_to_its_name_and_lies_in_the_interval() {
        let hour = Duration::from_seconds(3600);
        assert_eq!(phase("guard/quota", hour), phase("guard/quota", hour));
        let phases: std::collections::BTreeSet<_> = (0..50).map(|n| phase(&format!("guard/{n}"), hour)).collect();
        assert!(phases.len() > 45 && phases.iter().all(|phase| (Duration::ZERO..hour).contains(phase)));
    }

    #[test]
    fn intervals_that_cannot_be_kept_are_refused() {
        assert!(interval(Duration::ZERO).is_err() && interval(Duration::from_seconds(-5)).is_err());
        assert!(interval(Duration::from_millis(99)).unwrap_err().message.contains("shorter than 100ms"));
        assert_eq!(interval(MINIMUM).unwrap(), MINIMUM);
    }

    #[test]
    fn words_of_options_are_read_or_listed() {
        assert_eq!(Overlap::parse("restart").unwrap(), Overlap::Restart);
        assert_eq!(Missed::parse("all").unwrap(), Missed { mode: MissedMode::All, window: None, limit: 100 });
        let error = Overlap::parse("wait").unwrap_err();
        assert_eq!(error.message, "`wait` is not a value of `overlap`");
        assert_eq!(error.hint.as_deref(), Some("it is `skip`, `queue`, `parallel` or `restart`"));
    }
}
