//! The bans that tidegate made, in the state store until they are lifted.

use serde_json::json;

use super::{BanOptions, Bans, MyBan};
use crate::error::Result;
use crate::store::{OWN, Store};
use crate::time::Time;

pub(super) struct Records(pub Store);

impl Records {
    const PREFIX: &str = "ban/";

    fn key(pbh: &str, ip: &str) -> String {
        format!("{}{pbh}/{ip}", Self::PREFIX)
    }

    /// What is about to be banned. A ban that is there already lasts as long as the longer of the two.
    pub async fn remember(&self, pbh: &str, ips: &[String], options: &BanOptions, rule: bool, now: Time) -> Result<()> {
        for ip in ips {
            let before = self.of(pbh, ip).await?.map(|ban| ban.expires);
            let ban = MyBan {
                ip: ip.clone(),
                pbh: pbh.into(),
                reason: options.reason.clone().unwrap_or_default(),
                since: now,
                expires: expiry(options, now).max(before.unwrap_or(now)),
                rule,
                retry: None,
            };
            self.save(&ban).await?;
        }
        Ok(())
    }

    /// Lengthens a ban of tidegate's own; others are left to whoever made them.
    pub async fn extend(&self, pbh: &str, ip: &str, options: &BanOptions, now: Time) -> Result<()> {
        if let Some(mut ban) = self.of(pbh, ip).await? {
            ban.expires = ban.expires.max(expiry(options, now));
            self.save(&ban).await?;
        }
        Ok(())
    }

    pub async fn save(&self, ban: &MyBan) -> Result<()> {
        self.0.set(OWN, &Self::key(&ban.pbh, &ban.ip), &json!(ban), None).await
    }

    pub async fn forget(&self, pbh: &str, ip: &str) -> Result<()> {
        self.0.delete(OWN, &Self::key(pbh, ip)).await.map(drop)
    }

    pub async fn of(&self, pbh: &str, ip: &str) -> Result<Option<MyBan>> {
        let value = self.0.get(OWN, &Self::key(pbh, ip)).await?;
        Ok(value.and_then(|value| serde_json::from_value(value).ok()))
    }

    pub async fn all(&self) -> Result<Vec<MyBan>> {
        let mut bans = Vec::new();
        for key in self.0.keys(OWN, Self::PREFIX).await? {
            if let Some(value) = self.0.get(OWN, &key).await? {
                bans.extend(serde_json::from_value::<MyBan>(value).ok());
            }
        }
        Ok(bans)
    }
}

fn expiry(options: &BanOptions, now: Time) -> Time {
    now + options.duration.unwrap_or(Bans::DURATION)
}
