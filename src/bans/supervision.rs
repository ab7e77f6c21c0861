//! Pausing PBH's supervision of a client. Its bans go out first: PBH sends none to a client that it does not look after.

use serde_json::{Map, json};

use super::{Bans, proof};
use crate::address::Ip;
use crate::error::{Error, Kind, Result};
use crate::fleet::Member;
use crate::patch;
use crate::recorder::Talk;

impl Bans {
    /// PBH looks after this client no more, or again. The client itself goes on as before.
    ///
    /// # Errors
    /// `argument` for a client without a PBH.
    pub async fn supervise(&self, member: &std::sync::Arc<Member>, on: bool, talk: &Talk) -> Result<()> {
        let Some(pbh) = &member.pbh else {
            return Err(Error::new(Kind::Argument, format!("no PBH supervises `{}`", member.name()))
                .hint("write `pbh = \"NAME\"` at it in tidegate.toml, or stop its transfers: `stop_transfers()`"));
        };
        let pbh = self.fleet.pbh(Some(pbh))?;
        if !on {
            let mine: Vec<Ip> =
                self.my_bans(Some(pbh.name())).await?.iter().filter_map(|ban| ban.ip.parse().ok()).collect();
            if !mine.is_empty() {
                proof::confirm(&pbh, std::slice::from_ref(member), &mine, talk).await?;
            }
        }
        let changes = Map::from_iter([("paused".to_owned(), json!(!on))]);
        patch::downloader(&pbh, &member.id, &changes, talk).await.map(drop)
    }
}
