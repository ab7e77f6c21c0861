//! Bans that end by themselves and are proven: PBH answers 200 for bans that never reach a client.

mod check;
mod history;
mod listing;
mod proof;
mod records;
mod supervision;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::address::Ip;
use crate::api::{self, shapes};
use crate::client::Client;
use crate::error::{Error, Kind, Result};
use crate::fleet::Fleet;
use crate::recorder::{self, Talk};
use crate::store::Store;
use crate::text::count;
use crate::time::{Duration, Time};
use crate::usage;
use listing::Listed;
use records::Records;

pub use history::{BanCount, BanSummary, RecentBan, recent_bans, summarise};

shapes! {
    /// What became of a ban.
    Banned {
        /// On PBH's list through this call.
        added: [Text],
        /// On PBH's list already.
        known: [Text],
        /// Of both: not seen on every client's own list. Clients that have none to read count too.
        unconfirmed: [Text],
        /// Not banned at all.
        refused: [Refused],
    }

    /// An address that was not banned.
    Refused {
        ip: Text,
        why: Text,
    }

    /// What became of an unban.
    Unbanned {
        removed: [Text],
        not_banned: [Text],
        /// Of those removed: banned by a rule, which will match again.
        will_return: [Text],
        /// Of those removed: still seen on a client's own list.
        unconfirmed: [Text],
    }

    /// A ban that tidegate will lift.
    MyBan {
        ip: Text,
        pbh: Text,
        reason: Text,
        since: Millis,
        expires: Millis,
    }
}

/// The shape of the same name says what each field means.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Banned {
    pub added: Vec<String>,
    pub known: Vec<String>,
    pub unconfirmed: Vec<String>,
    pub refused: Vec<Refused>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Refused {
    pub ip: String,
    pub why: String,
}

/// The shape of the same name says what each field means.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Unbanned {
    pub removed: Vec<String>,
    pub not_banned: Vec<String>,
    pub will_return: Vec<String>,
    pub unconfirmed: Vec<String>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct MyBan {
    pub ip: String,
    pub pbh: String,
    pub reason: String,
    pub since: Time,
    pub expires: Time,
    /// Made as a rule, on a PBH that has no bans by hand.
    #[serde(default)]
    rule: bool,
    /// Lifting it failed; the next attempt.
    #[serde(default)]
    retry: Option<Time>,
}

/// How to ban.
#[derive(Clone, Debug, Default)]
pub struct BanOptions {
    /// [`Bans::DURATION`] where absent.
    pub duration: Option<Duration>,
    pub reason: Option<String>,
    /// Widens each IPv4 address to the network of that many bits.
    pub prefix4: Option<u8>,
    /// The same for IPv6.
    pub prefix6: Option<u8>,
}

/// What ended by itself, and what could not be ended yet.
#[derive(Clone, Debug, Default)]
pub struct Expired<T> {
    pub ended: Vec<T>,
    /// Tried again after a minute.
    pub failed: Vec<Error>,
}

/// The bans that tidegate made.
pub struct Bans {
    records: Records,
    fleet: Arc<Fleet>,
}

/// The first release with bans by hand.
const BY_HAND: (u32, u32, u32) = (9, 0, 0);

impl Bans {
    /// As long as PBH's own bans last.
    pub const DURATION: Duration = Duration::from_seconds(14 * 86_400);
    /// Between two attempts to lift a ban.
    pub const RETRY: Duration = Duration::from_seconds(60);
    /// What a VPS is given to say its addresses, the first time.
    const ASKING: Duration = Duration::from_seconds(10);

    pub fn new(store: Store, fleet: Arc<Fleet>) -> Self {
        Self { records: Records(store), fleet }
    }

    /// Bans addresses and networks on a PBH, for a time, and looks whether its clients have them. Banning what is
    /// banned already does no harm and extends a ban of tidegate's own.
    ///
    /// # Errors
    /// Whatever stops it as a whole; single addresses end up in the result.
    pub async fn ban(&self, pbh: &Client, ips: &[String], options: &BanOptions, talk: &Talk) -> Result<Banned> {
        let (wanted, refused) = check::sort(ips, options, &self.own(talk).await?);
        let mut result = Banned { refused, ..Banned::default() };
        if wanted.is_empty() {
            return Ok(result);
        }
        let rule = api::version(&pbh.server_version(talk).await?) < BY_HAND;
        if rule {
            self.ban_by_rule(pbh, wanted, options, talk, &mut result).await?;
            return Ok(result);
        }
        let members = self.fleet.downloaders_of(pbh.name(), talk).await?;
        let networks = !wanted.iter().any(|ip| ip.is_network()) || proof::take_networks(&members, talk).await;
        let targets = check::expand(wanted, networks, &mut result.refused);
        let addresses: Vec<Ip> = targets.iter().flat_map(|target| &target.addresses).copied().collect();
        let listed = Listed::read(pbh, &addresses, talk).await?;
        let (known, new): (Vec<_>, Vec<_>) =
            targets.iter().partition(|target| target.addresses.iter().all(|ip| listed.holds(*ip)));
        for target in &known {
            self.records.extend(pbh.name(), &target.shown, options, talk.now()).await?;
        }
        result.known = known.iter().map(|target| target.shown.clone()).collect();
        if !new.is_empty() {
            let shown: Vec<_> = new.iter().map(|target| target.shown.clone()).collect();
            let queued: Vec<Ip> =
                new.iter().flat_map(|target| &target.addresses).filter(|ip| !listed.holds(**ip)).copied().collect();
            // Before the request: whatever becomes of this process, what was banned is lifted in time.
            self.records.remember(pbh.name(), &shown, options, false, talk.now()).await?;
            if let Err(error) = listing::add(pbh, &queued, talk).await {
                let unsure = matches!(error.kind, Kind::Timeout | Kind::Transport | Kind::Protocol | Kind::Cancelled);
                for ip in shown.iter().filter(|_| !unsure) {
                    self.records.forget(pbh.name(), ip).await?;
                }
                return Err(error);
            }
            result.added = shown;
        }
        let missing = proof::confirm(pbh, &members, &addresses, talk).await?;
        let unseen = targets.iter().filter(|target| target.addresses.iter().any(|ip| missing.contains(ip)));
        result.unconfirmed = unseen.map(|target| target.shown.clone()).collect();
        Ok(result)
    }

    /// Rules of the IP blacklist, which ban whoever connects from there: all that an older PBH has. No client
    /// shows them.
    async fn ban_by_rule(
        &self,
        pbh: &Client,
        wanted: Vec<Ip>,
        options: &BanOptions,
        talk: &Talk,
        result: &mut Banned,
    ) -> Result<()> {
        for ip in wanted {
            let shown = ip.to_string();
            let known = self.records.of(pbh.name(), &shown).await?.is_some();
            self.records.remember(pbh.name(), std::slice::from_ref(&shown), options, true, talk.now()).await?;
            if known {
                result.known.push(shown.clone());
            } else {
                recorder::call(pbh, "ipblacklist_ip_add", vec![shown.clone().into()], Map::new(), talk).await?;
                result.added.push(shown.clone());
            }
            result.unconfirmed.push(shown);
        }
        Ok(())
    }

    /// Lifts bans, whoever made them. A network lifts every ban inside it.
    ///
    /// # Errors
    /// `argument` where something is no address.
    pub async fn unban(&self, pbh: &Client, ips: &[String], talk: &Talk) -> Result<Unbanned> {
        let parsed = ips.iter().map(|text| check::parse(text)).collect::<Result<Vec<Ip>>>()?;
        if api::version(&pbh.server_version(talk).await?) < BY_HAND {
            return self.unban_by_rule(pbh, &parsed, talk).await;
        }
        self.lift(pbh, &parsed, false, talk).await
    }

    async fn lift(&self, pbh: &Client, ips: &[Ip], only_by_hand: bool, talk: &Talk) -> Result<Unbanned> {
        let mut result = Unbanned::default();
        let mut listed = Listed::read(pbh, ips, talk).await?;
        // An unban that arrives before the ban it undoes has no effect, so wait for the wave of a young one.
        let mine = self.records.all().await?;
        let young = mine.iter().filter(|ban| ban.pbh == pbh.name() && talk.now() - ban.since < proof::WAVE);
        let young: Vec<Ip> = young.filter_map(|ban| ban.ip.parse().ok()).filter(|ip| ips.contains(ip)).collect();
        let end = talk.within(proof::WAVE);
        while young.iter().any(|ip| !listed.holds(*ip)) && talk.now() < end {
            talk.clock.sleep_until(talk.within(proof::PAUSE).min(end)).await;
            listed = Listed::read(pbh, ips, talk).await?;
        }
        let mut gone: Vec<Ip> = Vec::new();
        for ip in ips {
            let entries: Vec<_> = listed.inside(*ip).filter(|(_, by_hand)| *by_hand || !only_by_hand).collect();
            if entries.is_empty() {
                result.not_banned.push(ip.to_string());
                continue;
            }
            result.removed.push(ip.to_string());
            if entries.iter().any(|(_, by_hand)| !by_hand) {
                result.will_return.push(ip.to_string());
            }
            gone.extend(entries.iter().map(|(there, _)| *there));
        }
        gone.sort_unstable();
        gone.dedup();
        if !gone.is_empty() {
            listing::delete(pbh, &gone, talk).await?;
            let members = self.fleet.downloaders_of(pbh.name(), talk).await?;
            let left = proof::clear(&members, &gone, talk).await;
            let still = ips.iter().filter(|ip| left.iter().any(|there| ip.contains(*there)));
            result.unconfirmed = still.map(ToString::to_string).collect();
        }
        for ban in mine.iter().filter(|ban| ban.pbh == pbh.name()) {
            let Ok(ip) = ban.ip.parse::<Ip>() else { continue };
            if young.contains(&ip) && !listed.holds(ip) {
                // Its wave is late, because supervision is paused perhaps; then it is lifted after it came.
                let expires = talk.now() + Self::RETRY;
                self.records.save(&MyBan { expires, retry: None, ..ban.clone() }).await?;
            } else if ips.iter().any(|lifted| lifted.contains(ip)) {
                self.records.forget(&ban.pbh, &ban.ip).await?;
            }
        }
        Ok(result)
    }

    async fn unban_by_rule(&self, pbh: &Client, ips: &[Ip], talk: &Talk) -> Result<Unbanned> {
        let mut result = Unbanned::default();
        for ip in ips {
            let shown = ip.to_string();
            recorder::call(pbh, "ipblacklist_ip_delete", vec![shown.clone().into()], Map::new(), talk).await?;
            recorder::call(pbh, "bans_delete", vec![Value::from(vec![shown.clone()])], Map::new(), talk).await?;
            self.records.forget(pbh.name(), &shown).await?;
            result.removed.push(shown);
        }
        Ok(result)
    }

    /// The bans that tidegate made and will lift, on one PBH or on all.
    pub async fn my_bans(&self, pbh: Option<&str>) -> Result<Vec<MyBan>> {
        let mut bans = self.records.all().await?;
        bans.retain(|ban| pbh.is_none_or(|pbh| ban.pbh == pbh));
        bans.sort_by(|a, b| (a.expires, &a.ip).cmp(&(b.expires, &b.ip)));
        Ok(bans)
    }

    /// When [`Bans::expire`] has something to do next.
    pub async fn next_expiry(&self) -> Result<Option<Time>> {
        Ok(self.records.all().await?.iter().map(MyBan::due).min())
    }

    /// Lifts what is due. A ban that PBH has meanwhile made on its own account stays.
    pub async fn expire(&self, now: Time, talk: &Talk) -> Result<Expired<MyBan>> {
        let talk = &talk.via("unban");
        let mut due: BTreeMap<String, Vec<MyBan>> = BTreeMap::new();
        for ban in self.records.all().await?.into_iter().filter(|ban| ban.due() <= now) {
            due.entry(ban.pbh.clone()).or_default().push(ban);
        }
        let mut expired = Expired { ended: Vec::new(), failed: Vec::new() };
        for (pbh, bans) in due {
            match self.end(&pbh, &bans, talk).await {
                Ok(()) => expired.ended.extend(bans),
                Err(error) => {
                    for mut ban in bans {
                        ban.retry = Some(now + Self::RETRY);
                        self.records.save(&ban).await?;
                    }
                    expired.failed.push(error);
                }
            }
        }
        Ok(expired)
    }

    async fn end(&self, pbh: &str, bans: &[MyBan], talk: &Talk) -> Result<()> {
        let client = self.fleet.pbh(Some(pbh)).map_err(|mut error| {
            error.message = format!("{} cannot be lifted: {}", count(bans.len(), "ban"), error.message);
            error
        })?;
        let (rules, by_hand): (Vec<_>, Vec<_>) = bans.iter().partition(|ban| ban.rule);
        let ips = |bans: Vec<&MyBan>| bans.iter().filter_map(|ban| ban.ip.parse().ok()).collect::<Vec<Ip>>();
        if !rules.is_empty() {
            self.unban_by_rule(&client, &ips(rules), talk).await?;
        }
        if !by_hand.is_empty() {
            self.lift(&client, &ips(by_hand), true, talk).await?;
        }
        Ok(())
    }

    /// Addresses that must never be banned: the VPSes' as last read, and those in the configuration.
    async fn own(&self, talk: &Talk) -> Result<Vec<Ip>> {
        let mut own = self.fleet.addresses().await;
        let store = &self.records.0;
        for vps in self.fleet.vps_all() {
            let mut sample = usage::last(store, vps.name()).await?;
            if sample.is_none() {
                // It was never asked. Where it does not answer soon either, the others can be banned all the same.
                let hurried = Talk { deadline: talk.within(Self::ASKING), ..talk.fresh() };
                let _ = usage::data_usage(&vps, store, false, &hurried).await;
                sample = usage::last(store, vps.name()).await?;
            }
            own.extend(sample.iter().flat_map(usage::addresses));
        }
        Ok(own)
    }
}

impl MyBan {
    fn due(&self) -> Time {
        self.retry.map_or(self.expires, |retry| self.expires.max(retry))
    }
}
