//! The transfer allowance of a VPS: the arithmetic in one place, and the last reading for when there is none.

use chrono::Months;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::address::Ip;
use crate::api::shapes;
use crate::client::Client;
use crate::error::{Error, Kind, Result};
use crate::recorder::{self, Talk};
use crate::store::{OWN, Store};
use crate::time::{Duration, Time};
use crate::units::format_duration;

shapes! {
    /// How much of its monthly transfer a VPS has used.
    Usage {
        /// What the provider counts, after the location's multiplier.
        used: Bytes,
        /// What the plan allows until the reset, after the same multiplier.
        allowance: Bytes,
        /// Never below zero.
        left: Bytes,
        /// Rounded to 0.1.
        percent: Percent,
        share: Share,
        /// What the provider multiplies both counter and allowance by; 1 where it says nothing sensible.
        multiplier: Float,
        /// When the counter goes back to zero.
        resets_at: Seconds,
        /// The billing period by the day of its reset, in UTC: `2026-07-03`.
        cycle: Text,
        cycle_start: Seconds,
        /// Until the reset, as a fraction.
        days_left: Float,
        /// Used share over elapsed share of the period: above 1 the allowance ends before the period does.
        pace: Ratio,
        /// What may be used each day from now until the reset.
        per_day_left: Bytes,
        /// When the provider was asked: earlier than now where it could not be reached.
        as_of: Seconds,
        /// The provider has suspended the VPS.
        suspended: Bool,
    }
}

/// A reading of `getServiceInfo`, as far as it matters, in the state store.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Sample {
    pub data_counter: i64,
    pub plan_monthly_data: i64,
    #[serde(default)]
    pub monthly_data_multiplier: Option<f64>,
    pub data_next_reset: Time,
    #[serde(default)]
    pub suspended: bool,
    #[serde(default)]
    pub ip_addresses: Vec<String>,
    pub as_of: Time,
    /// When the counter went back to zero, where tidegate saw it happen.
    #[serde(default)]
    pub cycle_start: Option<Time>,
}

/// The shape of the same name says what each field means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Usage {
    pub used: i64,
    pub allowance: i64,
    pub left: i64,
    pub percent: f64,
    pub share: f64,
    pub multiplier: f64,
    pub resets_at: Time,
    pub cycle: String,
    pub cycle_start: Time,
    pub days_left: f64,
    pub pace: f64,
    pub per_day_left: i64,
    pub as_of: Time,
    pub suspended: bool,
}

/// The oldest reading that still counts.
pub const OLDEST: Duration = Duration::from_seconds(30 * 60);
const DAY: f64 = 86_400.0;

impl Sample {
    /// The arithmetic, by the rule that the provider documents: counter and allowance are both multiplied.
    ///
    /// # Errors
    /// `protocol` where the plan has no allowance to compare with.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "exact far beyond any traffic")]
    pub fn usage(&self, now: Time) -> Result<Usage> {
        if self.plan_monthly_data <= 0 {
            let allowance = self.plan_monthly_data;
            return Err(Error::new(
                Kind::Protocol,
                format!("`plan_monthly_data` is {allowance}: no allowance to compare with"),
            )
            .from_call("kiwivm", "get_service_info"));
        }
        let multiplier =
            self.monthly_data_multiplier.filter(|factor| factor.is_finite() && *factor > 0.0).unwrap_or(1.0);
        let times = |bytes: i64| (bytes as f64 * multiplier).round() as i64;
        let (used, allowance) = (times(self.data_counter), times(self.plan_monthly_data));
        let share = self.data_counter as f64 / self.plan_monthly_data as f64;
        let start = self.cycle_start.unwrap_or_else(|| month_before(self.data_next_reset));
        let whole = (self.data_next_reset - start).seconds().max(1.0);
        // Within the first hour the ratio says nothing yet, and its divisor goes to zero.
        let elapsed = (now - start).seconds().clamp(3600.0_f64.min(whole), whole);
        let days_left = (self.data_next_reset - now).seconds().max(0.0) / DAY;
        let left = (allowance - used).max(0);
        Ok(Usage {
            used,
            allowance,
            left,
            percent: (share * 1000.0).round() / 10.0,
            share,
            multiplier,
            resets_at: self.data_next_reset,
            cycle: self.data_next_reset.utc().format("%Y-%m-%d").to_string(),
            cycle_start: start,
            days_left,
            pace: share / (elapsed / whole),
            per_day_left: (left as f64 / days_left.max(1.0)) as i64,
            as_of: self.as_of,
            suspended: self.suspended,
        })
    }

    /// Keeps what `before` knew about the period and this reading cannot tell.
    fn after(mut self, before: Option<&Self>) -> Self {
        self.cycle_start = before.and_then(|before| {
            let moved = before.data_next_reset < self.data_next_reset;
            if moved {
                (before.data_next_reset <= self.as_of).then_some(before.data_next_reset)
            } else {
                before.cycle_start
            }
        });
        self
    }
}

/// The same day a calendar month earlier.
fn month_before(time: Time) -> Time {
    time.utc().checked_sub_months(Months::new(1)).map_or(time, Time::from)
}

/// Asks the provider. While it cannot say (the VPS is locked, nothing answers), the last reading stands in, unless
/// that is older than [`OLDEST`] or `fresh` refuses it: a guard must be able to fail closed.
pub async fn data_usage(vps: &Client, store: &Store, fresh: bool, talk: &Talk) -> Result<Usage> {
    let before = last(store, vps.name()).await?;
    // The reading that others made is shared as a whole, with the time it was made at.
    if let (Some(age), Some(sample)) = (talk.age, &before)
        && talk.now() - sample.as_of <= age
    {
        return sample.usage(talk.now());
    }
    let error = match read(vps, before.as_ref(), &talk.fresh()).await {
        Ok(sample) => {
            store.set(OWN, &key(vps.name()), &json!(sample), None).await?;
            return sample.usage(talk.now());
        }
        Err(error) => error,
    };
    let passing = matches!(
        error.kind,
        Kind::Transport | Kind::Timeout | Kind::RateLimit | Kind::Locked | Kind::Http | Kind::Protocol
    );
    match before {
        Some(sample) if passing && !fresh => {
            let age = talk.now() - sample.as_of;
            if age <= OLDEST {
                return sample.usage(talk.now());
            }
            let mut error = error;
            error.message = format!("{}; the last reading is {} old", error.message, format_duration(age));
            Err(error)
        }
        _ => Err(error),
    }
}

async fn read(vps: &Client, before: Option<&Sample>, talk: &Talk) -> Result<Sample> {
    let mut info = recorder::call(vps, "get_service_info", Vec::new(), Map::new(), talk).await?;
    if let Some(map) = info.as_object_mut() {
        map.insert("as_of".into(), json!(talk.now()));
        map.remove("cycle_start");
        // Absent and null alike read as the default.
        map.retain(|_, value| !value.is_null());
    }
    let sample: Sample = serde_json::from_value(info).map_err(|error| {
        Error::new(Kind::Protocol, format!("the answer lacks what the allowance needs: {error}"))
            .from_call("kiwivm", "get_service_info")
    })?;
    Ok(sample.after(before))
}

/// The last reading, however old.
pub async fn last(store: &Store, vps: &str) -> Result<Option<Sample>> {
    Ok(store.get(OWN, &key(vps)).await?.and_then(|value: Value| serde_json::from_value(value).ok()))
}

/// The addresses of a VPS by its last reading; an IPv6 subnet may stand there without its length.
pub fn addresses(sample: &Sample) -> Vec<Ip> {
    let read = |text: &String| {
        let text = text.trim();
        if text.ends_with("::") { format!("{text}/64").parse().ok() } else { text.parse().ok() }
    };
    sample.ip_addresses.iter().filter_map(read).collect()
}

fn key(vps: &str) -> String {
    format!("usage/{vps}")
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;

    const GIB: i64 = 1 << 30;

    fn time(text: &str) -> Time {
        Time::parse(text, Tz::UTC).unwrap()
    }

    fn sample(used: i64, plan: i64, multiplier: Option<f64>) -> Sample {
        Sample {
            data_counter: used,
            plan_monthly_data: plan,
            monthly_data_multiplier: multiplier,
            data_next_reset: time("2026-07-03 00:00"),
            suspended: false,
            ip_addresses: Vec::new(),
            as_of: time("2026-06-18 00:00"),
            cycle_start: None,
        }
    }

    #[test]
    fn both_counter_and_allowance_are_multiplied() {
        let usage = sample(300 * GIB, 1000 * GIB, Some(0.33)).usage(time("2026-06-18 00:00")).unwrap();
        assert_eq!(usage.used, 99 * GIB);
        assert_eq!(usage.allowance, 330 * GIB);
        assert_eq!(usage.left, 231 * GIB);
        assert!((usage.percent - 30.0).abs() < 1e-9);
        assert_eq!(usage.cycle, "2026-07-03");
        assert_eq!(usage.cycle_start, time("2026-06-03 00:00"));
        assert!((usage.days_left - 15.0).abs() < 1e-9);
        assert!((usage.pace - 0.6).abs() < 1e-9);
        assert_eq!(usage.per_day_left, 231 * GIB / 15);
    }

    #[test]
    fn a_multiplier_that_makes_no_sense_is_one() {
        for multiplier in [None, Some(0.0), Some(-1.0), Some(f64::NAN)] {
            let usage = sample(935 * GIB, 1000 * GIB, multiplier).usage(time("2026-06-18 00:00")).unwrap();
            assert!(usage.used == 935 * GIB && (usage.multiplier - 1.0).abs() < 1e-9);
            assert!((usage.percent - 93.5).abs() < 1e-9);
        }
    }

    #[test]
    fn the_edges_are_finite() {
        let over = sample(1100 * GIB, 1000 * GIB, None).usage(time("2026-07-04 00:00")).unwrap();
        assert_eq!((over.left, over.per_day_left), (0, 0));
        assert!(over.days_left.abs() < 1e-9);
        assert!((over.percent - 110.0).abs() < 1e-9);
        let fresh = sample(0, 1000 * GIB, None).usage(time("2026-06-03 00:00")).unwrap();
        assert!(fresh.pace.abs() < 1e-9);
        let last_hours = sample(0, 1000 * GIB, None).usage(time("2026-07-02 18:00")).unwrap();
        assert_eq!(last_hours.per_day_left, 1000 * GIB);
        assert_eq!(sample(1, 0, None).usage(time("2026-06-18 00:00")).unwrap_err().kind, Kind::Protocol);
    }

    #[test]
    fn the_start_of_the_period_is_the_reset_that_was_seen() {
        let mut before = sample(900 * GIB, 1000 * GIB, None);
        before.data_next_reset = time("2026-06-02 07:00");
        let now = sample(GIB, 1000 * GIB, None).after(Some(&before));
        assert_eq!(now.cycle_start, Some(time("2026-06-02 07:00")));
        assert_eq!(sample(2 * GIB, 1000 * GIB, None).after(Some(&now)).cycle_start, now.cycle_start);
        // A reset that lies ahead of the reading was postponed, not passed.
        before.data_next_reset = time("2026-07-01 00:00");
        assert_eq!(sample(GIB, 1000 * GIB, None).after(Some(&before)).cycle_start, None);
    }

    #[test]
    fn subnets_may_lack_their_length() {
        let mut sample = sample(0, 1, None);
        sample.ip_addresses = vec!["203.0.113.5".into(), "2001:db8:1:2::".into(), "junk".into()];
        let shown: Vec<_> = addresses(&sample).iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["203.0.113.5", "2001:db8:1:2::/64"]);
    }
}
