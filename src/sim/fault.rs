//! What goes wrong on purpose: late, broken, refused and lost replies.

use serde::Deserialize;

use super::scenario::optional_span;
use crate::time::{Duration, Time};

/// One kind of trouble, where it strikes and how often.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Entry")]
pub struct Fault {
    /// `kiwivm`, `pbh`, `downloader`; every service where absent.
    pub service: Option<String>,
    /// The VPS or downloader; every one where absent.
    pub instance: Option<String>,
    /// A row's id, or the beginning of a path; every route where absent.
    pub route: Option<String>,
    pub effect: Trouble,
    /// How many requests it strikes; all where absent.
    pub count: Option<u32>,
    /// How long after the start of the world, or after it was set, it begins.
    pub after: Option<Duration>,
    /// How long it lasts from then on; for ever where absent.
    pub duration: Option<Duration>,
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Trouble {
    /// The reply comes late.
    Latency(Duration),
    /// Another status, with a body that is none of the service's.
    Status(u16),
    /// Half of the reply, as if it were whole.
    Truncate,
    /// Half of the reply; then the connection is gone.
    Cut,
    /// No reply: the connection is gone.
    Drop,
    /// An HTML page with 200.
    Html,
    /// A 200 with an empty body.
    Empty,
    /// 429 with `Retry-After`.
    RateLimit,
    /// KiwiVM: 788888, the VPS is locked by a job.
    Locked,
    /// The credentials count as wrong.
    Expired,
    /// A torrent client: no reply, and it has been started again.
    Restart,
}

/// A fault as the world file writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    service: Option<String>,
    instance: Option<String>,
    route: Option<String>,
    fault: Name,
    #[serde(default, deserialize_with = "optional_span")]
    delay: Option<Duration>,
    status: Option<u16>,
    count: Option<u32>,
    #[serde(default, deserialize_with = "optional_span")]
    after: Option<Duration>,
    #[serde(default, deserialize_with = "optional_span")]
    duration: Option<Duration>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Name {
    Latency,
    Status,
    Truncate,
    Cut,
    Drop,
    Html,
    Empty,
    RateLimit,
    Locked,
    Expired,
    Restart,
}

impl TryFrom<Entry> for Fault {
    type Error = String;

    fn try_from(entry: Entry) -> Result<Self, String> {
        if let Some(service) = &entry.service
            && !["kiwivm", "pbh", "downloader"].contains(&service.as_str())
        {
            return Err(format!("`{service}` is no service: there are `kiwivm`, `pbh` and `downloader`"));
        }
        let effect = match entry.fault {
            Name::Latency => Trouble::Latency(entry.delay.ok_or("a `latency` needs a `delay`")?),
            Name::Status => match entry.status {
                Some(status @ 200..=599) => Trouble::Status(status),
                _ => return Err("a `status` fault needs a `status` from 200 to 599".into()),
            },
            Name::Truncate => Trouble::Truncate,
            Name::Cut => Trouble::Cut,
            Name::Drop => Trouble::Drop,
            Name::Html => Trouble::Html,
            Name::Empty => Trouble::Empty,
            Name::RateLimit => Trouble::RateLimit,
            Name::Locked => Trouble::Locked,
            Name::Expired => Trouble::Expired,
            Name::Restart => Trouble::Restart,
        };
        let Entry { service, instance, route, count, after, duration, .. } = entry;
        Ok(Self { service, instance, route, effect, count, after, duration })
    }
}

impl Fault {
    /// Every request everywhere, until it is cleared; narrow it with the fields.
    pub const fn new(effect: Trouble) -> Self {
        Self { service: None, instance: None, route: None, effect, count: None, after: None, duration: None }
    }

    /// Only this service: `kiwivm`, `pbh` or `downloader`.
    #[must_use]
    pub fn on(mut self, service: &str) -> Self {
        self.service = Some(service.into());
        self
    }

    /// Only this route: a row's id, or the beginning of a path.
    #[must_use]
    pub fn route(mut self, route: &str) -> Self {
        self.route = Some(route.into());
        self
    }

    /// Only so many times.
    #[must_use]
    pub const fn times(mut self, count: u32) -> Self {
        self.count = Some(count);
        self
    }
}

/// The faults in force, with what is left of each.
#[derive(Default)]
pub(super) struct Faults(Vec<Active>);

struct Active {
    fault: Fault,
    from: Time,
    to: Option<Time>,
    left: Option<u32>,
}

/// Where a request goes, for matching.
pub(super) struct Target<'a> {
    pub service: &'a str,
    pub instance: &'a str,
    pub id: Option<&'a str>,
    pub path: &'a str,
}

impl Faults {
    pub fn add(&mut self, fault: Fault, now: Time) {
        let from = now + fault.after.unwrap_or(Duration::ZERO);
        self.0.push(Active { from, to: fault.duration.map(|d| from + d), left: fault.count, fault });
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// What strikes this request; counts it.
    pub fn strike(&mut self, target: &Target<'_>, now: Time) -> Vec<Trouble> {
        self.0.retain(|active| active.left != Some(0) && active.to.is_none_or(|to| now < to));
        let mut struck = Vec::new();
        for active in &mut self.0 {
            let Fault { service, instance, route, effect, .. } = &active.fault;
            let fits = now >= active.from
                && service.as_deref().is_none_or(|s| s == target.service)
                && instance.as_deref().is_none_or(|i| i == target.instance)
                && route.as_deref().is_none_or(|r| target.id == Some(r) || target.path.starts_with(r));
            if fits {
                if let Some(left) = &mut active.left {
                    *left -= 1;
                }
                struck.push(*effect);
            }
        }
        struck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Target<'_> = Target { service: "pbh", instance: "pbh", id: Some("bans_list"), path: "/api/bans" };

    #[test]
    fn a_fault_strikes_its_route_only_as_often_as_told() {
        let mut faults = Faults::default();
        let now = Time::from_seconds(100);
        faults.add(Fault::new(Trouble::Html).on("pbh").route("bans_list").times(2), now);
        faults.add(Fault::new(Trouble::Drop).on("kiwivm"), now);
        assert_eq!(faults.strike(&TARGET, now), [Trouble::Html]);
        assert_eq!(faults.strike(&Target { id: None, path: "/x", ..TARGET }, now), []);
        assert_eq!(faults.strike(&TARGET, now), [Trouble::Html]);
        assert_eq!(faults.strike(&TARGET, now), []);
    }

    #[test]
    fn a_fault_begins_and_ends_in_time() {
        let text = "fault = \"latency\"\ndelay = \"3s\"\nafter = \"1m\"\nduration = \"1m\"";
        let fault: Fault = toml::from_str(text).unwrap();
        let mut faults = Faults::default();
        faults.add(fault, Time::from_seconds(0));
        let at = |faults: &mut Faults, seconds| faults.strike(&TARGET, Time::from_seconds(seconds)).len();
        assert_eq!(
            [at(&mut faults, 59), at(&mut faults, 60), at(&mut faults, 119), at(&mut faults, 120)],
            [0, 1, 1, 0]
        );
    }
}
