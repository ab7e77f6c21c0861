//! What a call may cost, and who may pay: effects and grants.

use serde::{Deserialize, Serialize};

use crate::text::list;

/// What a mistake costs, not which HTTP verb is used.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// One call puts it back.
    Write,
    /// Interrupts a service, loses data, access or secrets, binds the owner, or runs foreign code.
    Destructive,
}

impl Effect {
    /// Of a request that no table knows: it can do anything but by a `GET`.
    pub fn of_request(method: &str) -> Self {
        if method.eq_ignore_ascii_case("get") { Self::Read } else { Self::Destructive }
    }
}

impl std::fmt::Display for Effect {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        self.serialize(f)
    }
}

/// What somebody asks to do.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// `kiwivm`, `pbh`, `downloader`, `http`, `net` or `secret`.
    pub service: &'a str,
    pub instance: &'a str,
    /// The row's id or helper's name; the host for `http` and `net`.
    pub endpoint: &'a str,
    /// The class of the argument that decides, as in `bans_delete(*)`.
    pub argument: Option<&'a str>,
    pub effect: Effect,
}

/// One line of `allow` or `deny`: `kiwivm/tokyo:snapshot_delete`, `pbh:bans_delete(*)`, `kiwivm:destructive`,
/// `http:api.example.org`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Grant {
    service: String,
    instance: Option<String>,
    what: String,
    argument: Option<String>,
}

impl Grant {
    pub const SERVICES: [&'static str; 6] = ["kiwivm", "pbh", "downloader", "http", "net", "secret"];

    /// # Errors
    /// One sentence that says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let form =
            "write it as `service:endpoint` or `service/instance:endpoint`, for example `kiwivm/tokyo:snapshot_delete`";
        let (target, what) = text.split_once(':').ok_or_else(|| format!("the grant `{text}` has no `:`; {form}"))?;
        let (service, instance) = match target.split_once('/') {
            Some((service, instance)) => (service, Some(instance.to_owned())),
            None => (target, None),
        };
        if !Self::SERVICES.contains(&service) {
            return Err(format!(
                "the grant `{text}` names no service; the services are {}",
                list(Self::SERVICES, "and")
            ));
        }
        let (what, argument) = match what.strip_suffix(')').and_then(|what| what.split_once('(')) {
            Some((what, argument)) => (what, Some(argument.to_owned())),
            None => (what, None),
        };
        if what.is_empty() {
            return Err(format!("the grant `{text}` names no endpoint; {form}"));
        }
        Ok(Self { service: service.into(), instance, what: what.into(), argument })
    }

    /// Whether it is about that service and instance.
    fn is_about(&self, ask: &Ask) -> bool {
        self.service == ask.service && self.instance.as_deref().is_none_or(|instance| instance == ask.instance)
    }

    pub fn service(&self) -> &str {
        &self.service
    }

    /// The endpoint that it names, or a word for several.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The instance that it names, where it is about that service.
    pub fn instance_of(&self, service: &str) -> Option<&str> {
        self.instance.as_deref().filter(|_| self.service == service)
    }

    pub fn matches(&self, ask: &Ask) -> bool {
        let what = match self.what.as_str() {
            "*" => true,
            "destructive" => ask.effect == Effect::Destructive,
            "write" => ask.effect == Effect::Write,
            what => what == ask.endpoint,
        };
        let argument = self.argument.is_none() || self.argument.as_deref() == ask.argument;
        self.is_about(ask) && what && argument
    }
}

/// As it is written.
impl std::fmt::Display for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(&self.service)?;
        if let Some(instance) = &self.instance {
            write!(f, "/{instance}")?;
        }
        write!(f, ":{}", self.what)?;
        self.argument.iter().try_for_each(|argument| write!(f, "({argument})"))
    }
}

/// What a script may do beyond reads and writes, and which of those it may not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grants {
    pub allow: Vec<Grant>,
    pub deny: Vec<Grant>,
}

impl Grants {
    /// Reads and writes are allowed unless denied; everything else, and whatever reaches outside the
    /// configured services, only where it is granted. `covers` are further endpoints whose grant is as good.
    ///
    /// # Errors
    /// The sentence that says why not, and the line of configuration that would grant it.
    pub fn check(&self, ask: &Ask, covers: &[&str]) -> Result<(), Denied> {
        if let Some(grant) = self.deny.iter().find(|grant| grant.matches(ask)) {
            return Err(Denied { denied: true, line: grant.to_string() });
        }
        let outside = matches!(ask.service, "http" | "net" | "secret");
        if ask.effect < Effect::Destructive && !outside {
            return Ok(());
        }
        let granted = |endpoint| self.allow.iter().any(|grant| grant.matches(&Ask { endpoint, ..*ask }));
        let covered = || {
            covers.iter().any(|row| {
                self.allow.iter().any(|grant| grant.what == *row && grant.argument.is_none() && grant.is_about(ask))
            })
        };
        if granted(ask.endpoint) || covered() {
            return Ok(());
        }
        let target = if outside { ask.service.to_owned() } else { format!("{}/{}", ask.service, ask.instance) };
        let argument = ask.argument.map(|argument| format!("({argument})")).unwrap_or_default();
        Err(Denied { denied: false, line: format!("{target}:{}{argument}", ask.endpoint) })
    }
}

/// Why [`Grants::check`] refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Denied {
    /// A `deny` line matched, rather than an `allow` line being absent.
    pub denied: bool,
    /// The grant that would allow it, or the one that takes it away.
    pub line: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELETE: Ask = Ask {
        service: "kiwivm",
        instance: "tokyo",
        endpoint: "snapshot_delete",
        argument: None,
        effect: Effect::Destructive,
    };

    fn grants(allow: &[&str], deny: &[&str]) -> Grants {
        let parse = |lines: &[&str]| lines.iter().map(|line| Grant::parse(line).unwrap()).collect();
        Grants { allow: parse(allow), deny: parse(deny) }
    }

    #[test]
    fn destructive_needs_a_grant_as_narrow_as_wanted() {
        assert_eq!(grants(&[], &[]).check(&DELETE, &[]).unwrap_err().line, "kiwivm/tokyo:snapshot_delete");
        for line in ["kiwivm/tokyo:snapshot_delete", "kiwivm:snapshot_delete", "kiwivm:destructive", "kiwivm:*"] {
            assert!(grants(&[line], &[]).check(&DELETE, &[]).is_ok(), "{line}");
        }
        for line in ["kiwivm/oslo:snapshot_delete", "pbh:destructive", "kiwivm:stop"] {
            assert!(grants(&[line], &[]).check(&DELETE, &[]).is_err(), "{line}");
        }
    }

    #[test]
    fn deny_takes_writes_away() {
        let ban = Ask { service: "pbh", instance: "home", endpoint: "bans_add", argument: None, effect: Effect::Write };
        assert!(grants(&[], &[]).check(&ban, &[]).is_ok());
        assert!(grants(&[], &["pbh:bans_add"]).check(&ban, &[]).unwrap_err().denied);
    }

    #[test]
    fn an_argument_narrows_a_grant() {
        let all = Ask {
            service: "pbh",
            instance: "home",
            endpoint: "bans_delete",
            argument: Some("*"),
            effect: Effect::Destructive,
        };
        assert!(grants(&["pbh:bans_delete(*)"], &[]).check(&all, &[]).is_ok());
        assert_eq!(grants(&[], &[]).check(&all, &[]).unwrap_err().line, "pbh/home:bans_delete(*)");
    }

    #[test]
    fn a_helper_is_covered_by_the_row_it_calls() {
        let rotate = Ask { endpoint: "rotate_snapshots", ..DELETE };
        let check = |allow: &[&str], deny: &[&str]| grants(allow, deny).check(&rotate, &["snapshot_delete"]);
        assert!(check(&["kiwivm/tokyo:snapshot_delete"], &[]).is_ok());
        for other in ["pbh:snapshot_delete", "kiwivm/oslo:snapshot_delete", "kiwivm:snapshot_delete(*)"] {
            assert!(check(&[other], &[]).is_err(), "{other} is about something else");
        }
        let denied = grants(&["kiwivm:*"], &["kiwivm/tokyo:rotate_snapshots"]).check(&rotate, &[]).unwrap_err();
        assert_eq!((denied.denied, denied.line.as_str()), (true, "kiwivm/tokyo:rotate_snapshots"));
    }

    #[test]
    fn a_grant_is_printed_as_it_is_written() {
        for text in
            ["kiwivm/tokyo:snapshot_delete", "pbh:bans_delete(*)", "net:198.51.100.7:22", "http:api.example.org"]
        {
            assert_eq!(Grant::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn outside_requests_need_their_host() {
        let http =
            Ask { service: "http", instance: "", endpoint: "api.example.org", argument: None, effect: Effect::Read };
        assert_eq!(grants(&[], &[]).check(&http, &[]).unwrap_err().line, "http:api.example.org");
        assert!(grants(&["http:api.example.org"], &[]).check(&http, &[]).is_ok());
    }
}
